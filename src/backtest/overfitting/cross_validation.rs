//! The probability of backtest overfitting, by combinatorially symmetric cross-validation.

use super::ReturnDigest;
use super::digest::{BlockSums, is_more_than_rounding};
use crate::backtest::sweep::Objective;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Trials up to which all blocks are used; above, neighbours are joined, or it would take minutes.
const MANY_TRIALS: usize = 1_000;

/// How often the combination that was best in one half of the days was not in the better half in the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestOverfitting {
    /// Combinations of parameters that were compared.
    pub trials: u64,
    /// Blocks of days that were put together in every way into two halves.
    pub blocks: u64,
    /// In how many ways; those in which no combination could be judged in the one half, and so none chosen, are left out.
    pub splits: u64,
    /// Share of the ways in which the best of one half was at or below the median in the other (PBO).
    pub probability: f64,
    /// Share of the ways in which the best of one half lost money in the other.
    pub probability_of_loss: f64,
}

impl BacktestOverfitting {
    /// Compares trials by the Sharpe ratio of their daily returns, those left out that never traded. `None` without two others, or when
    /// there are too few days, or when trials have different days.
    ///
    /// D. H. Bailey, J. Borwein, M. López de Prado, Q. J. Zhu, "The Probability of Backtest Overfitting", Journal of
    /// Computational Finance 20 (4), 2017 (working paper 2015): the days are cut into S blocks; each choice of S/2 of
    /// them is a training set and the rest its test set. The trial with the best Sharpe ratio in training has the rank
    /// r among N in testing (1 the worst; equal ones share the mean of their ranks), ω = r/(N + 1), λ = ln(ω/(1 − ω));
    /// PBO is the share of choices with λ ≤ 0.
    ///
    /// A trial without variance in a half has no Sharpe ratio there, and comes last, as it does in the ranking of a search: it is not
    /// chosen, and does worse than any that has one. One without variance in all of the days is no choice that anybody has, and N
    /// does not count it: as one of zero it would be the best wherever the others lose, and as the last of many it would lift the
    /// others above the median.
    #[must_use]
    pub fn of(trials: &[&ReturnDigest]) -> Option<Self> {
        let trials: Vec<_> = trials
            .iter()
            .copied()
            .filter(|it| it.sharpe().is_some())
            .collect();
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
        compare(&sums, blocks / join, length * join)
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

fn compare(trials: &[Vec<BlockSums>], blocks: usize, length: usize) -> Option<BacktestOverfitting> {
    let half = blocks / 2;
    let returns = (half * length) as f64;
    let (mut splits, mut overfitted, mut lost) = (0_u64, 0_u64, 0_u64);
    let (mut learning, mut testing) = (vec![None; trials.len()], vec![None; trials.len()]);
    for training in (0_u32..1 << blocks).filter(|mask| mask.count_ones() as usize == half) {
        for (index, blocks) in trials.iter().enumerate() {
            let (mut inside, mut outside) = (BlockSums::default(), BlockSums::default());
            for (place, block) in blocks.iter().enumerate() {
                if training >> place & 1 == 1 {
                    inside = inside.plus(*block);
                } else {
                    outside = outside.plus(*block);
                }
            }
            learning[index] = inside.sharpe(returns);
            testing[index] = outside.sharpe(returns);
        }
        let known = learning.iter().enumerate().filter(|(_, sharpe)| sharpe.is_some());
        let Some((best, _)) = known.min_by(|(_, a), (_, b)| Objective::best_first(**a, **b)) else {
            continue;
        };
        let chosen = testing[best];
        let stands = |how| {
            testing
                .iter()
                .filter(|it| Objective::best_first(chosen, **it) == how)
                .count() as f64
        };
        let (below, equal) = (stands(Ordering::Less), stands(Ordering::Equal));
        let rank = below + (equal + 1.0) / 2.0;
        splits += 1;
        // λ ≤ 0 where ω ≤ ½.
        overfitted += u64::from(2.0 * rank <= trials.len() as f64 + 1.0);
        lost += u64::from(chosen.is_some_and(|sharpe| sharpe < 0.0));
    }
    let share = |count: u64| count as f64 / splits as f64;
    (splits > 0).then(|| BacktestOverfitting {
        trials: trials.len() as u64,
        blocks: blocks as u64,
        splits,
        probability: share(overfitted),
        probability_of_loss: share(lost),
    })
}

impl BlockSums {
    fn plus(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// Sharpe ratio of `count` returns; `None` without variance.
    fn sharpe(self, count: f64) -> Option<f64> {
        let mean = self.sum / count;
        let variance = (self.squares - self.sum * mean) / (count - 1.0);
        // Sums of squares round at about 1e-16 of their size.
        let is_one = variance > 1e-14 * self.squares / count && is_more_than_rounding(variance, mean);
        is_one.then(|| mean / variance.sqrt())
    }
}
