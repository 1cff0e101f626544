//! How much of the money each of several instruments gets, by what their returns were: the mathematics alone.
//!
//! Weights are long only and add up to 1. All of it is `f64` with basic arithmetic and square roots, so that it gives the
//! same bits everywhere.
//!
//! An instrument whose price did not move has no measurable risk, and by these rules would get all of the money for being
//! halted: it gets nothing, unless none moved, which are then equal.

use serde::{Deserialize, Serialize};

/// By what the money is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Weighting {
    /// The same for all.
    Equal,
    /// In inverse proportion to the standard deviation of the returns.
    InverseVolatility,
    /// So that each contributes the same to the variance of the whole (Maillard, Roncalli and Teiletche, *The properties
    /// of equally weighted risk contribution portfolios*, Journal of Portfolio Management 36, 2010).
    RiskParity,
    /// So that the variance of the whole is smallest (Markowitz, *Portfolio Selection*, Journal of Finance 7, 1952).
    MinimumVariance,
}

/// What is added to every variance, as a share of their mean: instruments that move as one leave no single solution, and
/// so little decides between them without showing in the others.
const RIDGE: f64 = 1e-10;

/// How returns vary together.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    size: usize,
    /// Row by row.
    values: Vec<f64>,
}

impl Covariance {
    /// The sample covariance (divided by one less than the number of returns) of each instrument's returns, of which all
    /// have the same number. Fewer than two give zeros.
    #[must_use]
    pub fn of_returns(returns: &[Vec<f64>]) -> Self {
        let size = returns.len();
        let count = returns.iter().map(Vec::len).min().unwrap_or(0);
        let mean = |series: &[f64]| series[..count].iter().sum::<f64>() / count as f64;
        let deviations: Vec<Vec<f64>> = returns
            .iter()
            .map(|series| {
                let mean = mean(series);
                series[..count].iter().map(|value| value - mean).collect()
            })
            .collect();
        let mut values = vec![0.0; size * size];
        if count >= 2 {
            for i in 0..size {
                for j in 0..=i {
                    let products = deviations[i].iter().zip(&deviations[j]);
                    let value = products.map(|(a, b)| a * b).sum::<f64>() / (count - 1) as f64;
                    values[i * size + j] = value;
                    values[j * size + i] = value;
                }
            }
        }
        Self { size, values }
    }

    /// How many instruments there are.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Of two instruments; of one with itself, its variance.
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.size + column]
    }

    /// The same for some of the instruments only, in units of their mean variance and with [`RIDGE`] on the diagonal.
    fn conditioned(&self, kept: &[usize]) -> Self {
        let size = kept.len();
        let mean = kept.iter().map(|i| self.at(*i, *i)).sum::<f64>() / size as f64;
        let mut values = Vec::with_capacity(size * size);
        for row in kept {
            for column in kept {
                let ridge = if row == column { RIDGE } else { 0.0 };
                values.push(self.at(*row, *column) / mean + ridge);
            }
        }
        Self { size, values }
    }

    /// The row times a vector.
    fn dot(&self, row: usize, vector: &[f64]) -> f64 {
        let values = &self.values[row * self.size..(row + 1) * self.size];
        values.iter().zip(vector).map(|(a, b)| a * b).sum()
    }
}

/// Pearson's correlation of two instruments' returns; 0 when one of them did not move.
#[must_use]
pub fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let covariance = Covariance::of_returns(&[a.to_vec(), b.to_vec()]);
    let scale = covariance.at(0, 0).sqrt() * covariance.at(1, 1).sqrt();
    if scale > 0.0 {
        (covariance.at(0, 1) / scale).clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

impl Weighting {
    /// The weights, in the order of the covariance: none below 0, in all 1. Nothing for no instruments.
    #[must_use]
    pub fn weights(self, covariance: &Covariance) -> Vec<f64> {
        let size = covariance.size();
        if size == 0 {
            return Vec::new();
        }
        let all: Vec<usize> = (0..size).collect();
        // What is no number says as little as what did not move.
        let moves = |i: &usize| covariance.at(*i, *i) > 0.0 && covariance.at(*i, *i).is_finite();
        let moving: Vec<usize> = all.into_iter().filter(moves).collect();
        if self == Self::Equal || moving.is_empty() {
            return vec![1.0 / size as f64; size];
        }
        let some = covariance.conditioned(&moving);
        let found = match self {
            Self::Equal => vec![1.0; moving.len()],
            Self::InverseVolatility => (0..moving.len()).map(|i| 1.0 / some.at(i, i).sqrt()).collect(),
            Self::RiskParity => risk_parity(&some),
            Self::MinimumVariance => minimum_variance(&some),
        };
        let total: f64 = found.iter().sum();
        let mut weights = vec![0.0; size];
        for (place, weight) in moving.into_iter().zip(found) {
            weights[place] = weight / total;
        }
        weights
    }
}

/// Equal contributions to the risk, by cyclical coordinate descent: x minimises ½·xᵀΣx − Σ ln xᵢ, whose solution has
/// xᵢ·(Σx)ᵢ = 1 for all i (Griveau-Billion, Richard and Roncalli, *A fast algorithm for computing high-dimensional risk
/// parity portfolios*, 2013, equation 4 without its scaling by the risk, which the weights' sum takes out again).
fn risk_parity(covariance: &Covariance) -> Vec<f64> {
    /// Well-conditioned matrices take some ten.
    const MOST_ROUNDS: usize = 10_000;
    const ENOUGH: f64 = 1e-14;
    let size = covariance.size();
    let mut x: Vec<f64> = (0..size)
        .map(|i| 1.0 / (covariance.at(i, i) * size as f64).sqrt())
        .collect();
    for _ in 0..MOST_ROUNDS {
        let mut moved = 0.0_f64;
        for i in 0..size {
            let variance = covariance.at(i, i);
            let others = covariance.dot(i, &x) - variance * x[i];
            let root = (others * others + 4.0 * variance).sqrt();
            // The positive root, in the form that does not cancel.
            let next = if others > 0.0 {
                2.0 / (others + root)
            } else {
                (root - others) / (2.0 * variance)
            };
            moved = moved.max((next - x[i]).abs() / next);
            x[i] = next;
        }
        if moved < ENOUGH {
            break;
        }
    }
    x
}

/// The smallest variance without short positions: y ≥ 0 minimises ½·yᵀΣy − Σ yᵢ and the weights are y over its sum. Solved
/// by the active sets of Lawson and Hanson, *Solving Least Squares Problems*, 1974, chapter 23, which end after finitely
/// many steps at the exact solution.
fn minimum_variance(covariance: &Covariance) -> Vec<f64> {
    const ENOUGH: f64 = 1e-12;
    let size = covariance.size();
    let mut y = vec![0.0; size];
    let mut active: Vec<usize> = Vec::new();
    // Each set of active instruments comes up once at most; few of them ever do.
    for _ in 0..10 * size + 10 {
        let gain = |i: &usize| 1.0 - covariance.dot(*i, &y);
        let waiting = (0..size).filter(|i| !active.contains(i));
        let best = waiting.max_by(|a, b| gain(a).total_cmp(&gain(b)));
        let Some(best) = best.filter(|best| gain(best) > ENOUGH) else {
            break;
        };
        active.push(best);
        active.sort_unstable();
        loop {
            let solution = solve_for_ones(covariance, &active);
            if solution.iter().all(|value| *value > 0.0) {
                y.fill(0.0);
                for (place, value) in active.iter().zip(solution) {
                    y[*place] = value;
                }
                break;
            }
            // As far towards it as all stay at 0 or above; those at 0 leave.
            let falling = active
                .iter()
                .zip(&solution)
                .filter(|(_, value)| **value <= 0.0)
                .map(|(place, value)| y[*place] / (y[*place] - value));
            let step = falling.fold(1.0, f64::min);
            for (place, value) in active.iter().zip(&solution) {
                y[*place] += step * (value - y[*place]);
            }
            let before = active.len();
            active.retain(|place| y[*place] > ENOUGH);
            if active.len() == before || active.is_empty() {
                // Rounding alone could bring this about.
                return fallback(y);
            }
        }
    }
    fallback(y)
}

/// Something to divide by its sum, whatever came out.
fn fallback(y: Vec<f64>) -> Vec<f64> {
    let total: f64 = y.iter().sum();
    if total > 0.0 && total.is_finite() && y.iter().all(|value| *value >= 0.0) {
        y
    } else {
        vec![1.0; y.len()]
    }
}

/// Solves Σ·x = 1 for some of the instruments, by Cholesky's decomposition.
fn solve_for_ones(covariance: &Covariance, some: &[usize]) -> Vec<f64> {
    let size = some.len();
    let mut lower = vec![0.0; size * size];
    for i in 0..size {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i * size + k] * lower[j * size + k]).sum();
            let rest = covariance.at(some[i], some[j]) - known;
            lower[i * size + j] = if i == j {
                // Positive by the ridge, but for rounding.
                rest.max(RIDGE * RIDGE).sqrt()
            } else {
                rest / lower[j * size + j]
            };
        }
    }
    let mut x = vec![1.0; size];
    for i in 0..size {
        let known: f64 = (0..i).map(|k| lower[i * size + k] * x[k]).sum();
        x[i] = (x[i] - known) / lower[i * size + i];
    }
    for i in (0..size).rev() {
        let known: f64 = (i + 1..size).map(|k| lower[k * size + i] * x[k]).sum();
        x[i] = (x[i] - known) / lower[i * size + i];
    }
    x
}
