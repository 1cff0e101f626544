//! What the judgement of a search needs of each trial's returns, in a size that does not grow with their number.

use serde::{Deserialize, Serialize};

/// Blocks into which returns are cut.
const BLOCKS: usize = 16;
/// Fewest returns in a block.
const BLOCK_LENGTH: usize = 4;

/// Moments of a series of returns, and sums over equal blocks of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReturnDigest {
    /// How many returns.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation (divided by n − 1).
    pub deviation: f64,
    /// Third central moment over the 3/2 power of the second, both divided by n; 0 for a normal distribution.
    pub skewness: f64,
    /// Fourth central moment over the square of the second, both divided by n; 3 for a normal distribution.
    pub kurtosis: f64,
    /// Neighbouring blocks of [`ReturnDigest::block_length`] returns, an even number of them; what does not fill the
    /// blocks is left out at the beginning. Empty for short series.
    pub blocks: Vec<BlockSums>,
    /// Returns in each block.
    pub block_length: usize,
}

/// Sums over the returns of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockSums {
    /// Of the returns.
    pub sum: f64,
    /// Of their squares.
    pub squares: f64,
}

impl ReturnDigest {
    /// The digest of returns, oldest first. Without two finite ones it is empty.
    #[must_use]
    pub fn of(returns: &[f64]) -> Self {
        let count = returns.len();
        let n = count as f64;
        let mean = returns.iter().sum::<f64>() / n;
        if count < 2 || !mean.is_finite() {
            return Self::default();
        }
        let (mut second, mut third, mut fourth) = (0.0, 0.0, 0.0);
        for value in returns {
            let away = value - mean;
            let square = away * away;
            second += square;
            third += square * away;
            fourth += square * square;
        }
        let variance = second / n;
        let (skewness, kurtosis) = if is_more_than_rounding(variance, mean) {
            (
                third / n / (variance * variance.sqrt()),
                fourth / n / (variance * variance),
            )
        } else {
            (0.0, 3.0)
        };
        let (blocks, block_length) = blocks(returns);
        Self {
            count,
            mean,
            deviation: (second / (n - 1.0)).sqrt(),
            skewness,
            kurtosis,
            blocks,
            block_length,
        }
    }

    /// Mean over standard deviation, not annualised; `None` where there is no deviation to speak of.
    #[must_use]
    pub fn sharpe(&self) -> Option<f64> {
        is_more_than_rounding(self.deviation * self.deviation, self.mean).then(|| self.mean / self.deviation)
    }
}

fn blocks(returns: &[f64]) -> (Vec<BlockSums>, usize) {
    let count = (returns.len() / BLOCK_LENGTH).min(BLOCKS) & !1;
    if count < 4 {
        return (Vec::new(), 0);
    }
    let length = returns.len() / count;
    let sums = returns[returns.len() - count * length..]
        .chunks_exact(length)
        .map(|block| BlockSums {
            sum: block.iter().sum(),
            squares: block.iter().map(|value| value * value).sum(),
        });
    (sums.collect(), length)
}

/// Whether a variance is one: equal returns leave some rounding behind.
pub(super) fn is_more_than_rounding(variance: f64, mean: f64) -> bool {
    variance > 1e-24 * mean * mean
}
