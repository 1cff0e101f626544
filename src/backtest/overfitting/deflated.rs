//! The deflated Sharpe ratio: how much of a best result is the number of tries.

use super::ReturnDigest;
use crate::pricing::{normal_cdf, normal_quantile};
use serde::{Deserialize, Serialize};

/// Euler–Mascheroni constant.
const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// What is left of the best Sharpe ratio of a search when the number of tries is taken into account. Sharpe ratios are
/// of daily returns and not annualised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeflatedSharpe {
    /// Combinations that were tried and traded.
    pub trials: u64,
    /// Sharpe ratio of the chosen one.
    pub sharpe: f64,
    /// Sharpe ratio that the best of so many tries reaches on average if none has any skill.
    pub expected_maximum: f64,
    /// Probability that the true Sharpe ratio is above zero, one try assumed (probabilistic Sharpe ratio).
    pub probabilistic: f64,
    /// Probability that the true Sharpe ratio is above zero, all tries counted (deflated Sharpe ratio).
    pub deflated: f64,
}

impl DeflatedSharpe {
    /// Judges `chosen` among the trials whose Sharpe ratios are given. `None` without two trials or without a Sharpe
    /// ratio of the chosen one.
    ///
    /// D. H. Bailey, M. López de Prado, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting
    /// and Non-Normality", Journal of Portfolio Management 40 (5), 2014:
    ///
    /// SR₀ = √V · ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))), with V the sample variance of the N trials' Sharpe ratios
    /// and γ the Euler–Mascheroni constant;
    /// DSR = Φ((SR − SR₀) √(T − 1) / √(1 − γ₃ SR + (γ₄ − 1)/4 · SR²)), with T returns of skewness γ₃ and kurtosis γ₄.
    ///
    /// SR₀ is what the largest of N Sharpe ratios is expected to be when the true ones are all zero. So N counts the trials among which the
    /// largest was found, and V is theirs: a combination that never traded has no Sharpe ratio and is no draw; as one of zero it would
    /// both raise N and pull V towards what nobody tried. Each counts as if it were independent of the others; neighbouring
    /// parameters are not, so it errs on the careful side.
    #[must_use]
    pub fn of(chosen: &ReturnDigest, sharpes: &[f64]) -> Option<Self> {
        let sharpe = chosen.sharpe()?;
        let n = sharpes.len() as f64;
        if sharpes.len() < 2 {
            return None;
        }
        let mean = sharpes.iter().sum::<f64>() / n;
        let away = sharpes.iter().map(|it| (it - mean) * (it - mean));
        let variance = away.sum::<f64>() / (n - 1.0);
        let expected_maximum = variance.sqrt()
            * ((1.0 - EULER_GAMMA) * normal_quantile(1.0 - 1.0 / n)
                + EULER_GAMMA * normal_quantile(1.0 - 1.0 / (n * std::f64::consts::E)));
        Some(Self {
            trials: sharpes.len() as u64,
            sharpe,
            expected_maximum,
            probabilistic: probability_above(chosen, sharpe, 0.0)?,
            deflated: probability_above(chosen, sharpe, expected_maximum)?,
        })
    }
}

/// The probability that the true Sharpe ratio is above `threshold`. `None` where the estimate's variance is not positive.
fn probability_above(returns: &ReturnDigest, sharpe: f64, threshold: f64) -> Option<f64> {
    let variance = 1.0 - returns.skewness * sharpe + (returns.kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    let count = returns.count as f64 - 1.0;
    let probability = normal_cdf((sharpe - threshold) * count.sqrt() / variance.sqrt());
    (variance > 0.0 && probability.is_finite()).then_some(probability)
}
