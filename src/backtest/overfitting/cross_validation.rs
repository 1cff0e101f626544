//! The probability of backtest overfitting, by combinatorially symmetric cross-validation.

use super::ReturnDigest;
use super::digest::{BlockSums, is_more_than_rounding};
use serde::{Deserialize, Serialize};

/// Trials up to which all blocks are used; above, neighbours are joined, or it would take minutes.
const MANY_TRIALS: usize = 1_000;

/// How often the combination that was best in one half of the days was not in the better half in the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestOverfitting {
    /// Combinations of parameters that were compared.
    pub trials: u64,
    /// Blocks of days that were put together in every way into two halves.
    pub blocks: u64,
    /// In how many ways.
    pub splits: u64,
    /// Share of the ways in which the best of one half was at or below the median in the other (PBO).
    pub probability: f64,
    /// Share of the ways in which the best of one half lost money in the other.
    pub probability_of_loss: f64,
}

impl BacktestOverfitting {
    /// Compares trials by the Sharpe ratio of their daily returns. `None` without two trials, or when there are too few
    /// days, or when trials have different days.
    ///
    /// D. H. Bailey, J. Borwein, M. López de Prado, Q. J. Zhu, "The Probability of Backtest Overfitting", Journal of
    /// Computational Finance 20 (4), 2017 (working paper 2015): the days are cut into S blocks; each choice of S/2 of
    /// them is a training set and the rest its test set. The trial with the best Sharpe ratio in training has the rank
    /// r among N in testing (1 the worst; equal ones share the mean of their ranks), ω = r/(N + 1), λ = ln(ω/(1 − ω));
    /// PBO is the share of choices with λ ≤ 0. A trial without variance has a Sharpe ratio of 0.
    #[must_use]
    pub fn of(trials: &[&ReturnDigest]) -> Option<Self> {
        let first = trials.first()?;
        let (blocks, length) = (first.blocks.len(), first.block_length);
        let are_alike = |it: &&ReturnDigest| it.blocks.len() == blocks && it.block_length == length;
        if trials.len() < 2 || blocks < 4 || !trials.iter().all(are_alike) {
            return None;
        }
        let join = if trials.len() > MANY_TRIALS && blocks == 16 {
            2
        } else {
            1
        };
        let sums: Vec<Vec<BlockSums>> = trials.iter().map(|it| joined(&it.blocks, join)).collect();
        Some(compare(&sums, blocks / join, length * join))
    }
}

fn joined(blocks: &[BlockSums], each: usize) -> Vec<BlockSums> {
    blocks
        .chunks(each)
        .map(|blocks| {
            blocks
                .iter()
                .fold(BlockSums::default(), |sum, block| sum.plus(*block))
        })
        .collect()
}

fn compare(trials: &[Vec<BlockSums>], blocks: usize, length: usize) -> BacktestOverfitting {
    let half = blocks / 2;
    let returns = (half * length) as f64;
    let (mut splits, mut overfitted, mut lost) = (0_u64, 0_u64, 0_u64);
    let mut testing = vec![0.0; trials.len()];
    for training in (0_u32..1 << blocks).filter(|mask| mask.count_ones() as usize == half) {
        let mut best = (f64::NEG_INFINITY, 0);
        for (index, blocks) in trials.iter().enumerate() {
            let (mut inside, mut outside) = (BlockSums::default(), BlockSums::default());
            for (place, block) in blocks.iter().enumerate() {
                if training >> place & 1 == 1 {
                    inside = inside.plus(*block);
                } else {
                    outside = outside.plus(*block);
                }
            }
            let sharpe = inside.sharpe(returns);
            if sharpe > best.0 {
                best = (sharpe, index);
            }
            testing[index] = outside.sharpe(returns);
        }
        let chosen = testing[best.1];
        let below = testing.iter().filter(|it| **it < chosen).count() as f64;
        let equal = testing.iter().filter(|it| **it == chosen).count() as f64;
        let rank = below + (equal + 1.0) / 2.0;
        splits += 1;
        // λ ≤ 0 where ω ≤ ½.
        overfitted += u64::from(2.0 * rank <= trials.len() as f64 + 1.0);
        lost += u64::from(chosen < 0.0);
    }
    let share = |count: u64| count as f64 / splits.max(1) as f64;
    BacktestOverfitting {
        trials: trials.len() as u64,
        blocks: blocks as u64,
        splits,
        probability: share(overfitted),
        probability_of_loss: share(lost),
    }
}

impl BlockSums {
    fn plus(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// Sharpe ratio of `count` returns; 0 without variance.
    fn sharpe(self, count: f64) -> f64 {
        let mean = self.sum / count;
        let variance = (self.squares - self.sum * mean) / (count - 1.0);
        // Sums of squares round at about 1e-16 of their size.
        if variance > 1e-14 * self.squares / count && is_more_than_rounding(variance, mean) {
            mean / variance.sqrt()
        } else {
            0.0
        }
    }
}
