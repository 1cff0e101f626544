//! The neighbourhood of each pair of parameter values: a peak that stands alone is luck more often than not.

use super::{Axes, Objective, Trial, ranking};
use serde::{Deserialize, Serialize};

/// Most cells of all maps together.
const MOST_CELLS: usize = 10_000;

/// An objective over two parameters; all others as in the best trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StabilityMap {
    /// The parameter from left to right.
    pub x: String,
    /// The parameter from bottom to top.
    pub y: String,
    /// Values of the first.
    pub x_values: Vec<f64>,
    /// Values of the second.
    pub y_values: Vec<f64>,
    /// Row by row, the values of `y` in order, those of `x` in order in each.
    pub cells: Vec<StabilityCell>,
    /// The best cell's place in `cells`.
    pub peak: Option<usize>,
    /// The place of the cell whose neighbourhood is best at its worst.
    pub plateau: Option<usize>,
}

/// One pair of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StabilityCell {
    /// The objective; `None` where it was not run, cannot be computed, or cannot be judged ([`Objective::merit`]): what never held
    /// anything lost nothing.
    pub value: Option<f64>,
    /// Whether it has no value because there is nothing bad to divide by: better than any that has one.
    #[serde(default)]
    pub boundless: bool,
    /// Its mean over this cell and those of its (up to eight) neighbours that can be judged and have a value.
    pub neighbours_mean: Option<f64>,
    /// The worst value among them.
    pub neighbours_worst: Option<f64>,
}

impl StabilityMap {
    /// The maps of a grid's trials over each two of its parameters that have more than one value, the first two first. Of
    /// many, those that have the most cells together may be left out; none when no trial ran.
    #[must_use]
    pub fn all(axes: &Axes, trials: &[Trial], objective: Objective) -> Vec<Self> {
        let wide: Vec<_> = axes
            .iter()
            .filter_map(|(name, axis)| {
                let values = axis.values()?;
                (values.len() > 1).then(|| (name.clone(), values))
            })
            .collect();
        let mut room = MOST_CELLS;
        let mut maps = Vec::new();
        for (place, x) in wide.iter().enumerate() {
            for y in &wide[place + 1..] {
                let cells = x.1.len().saturating_mul(y.1.len());
                if cells <= room
                    && let Some(map) = Self::of(x.clone(), y.clone(), trials, objective)
                {
                    room -= cells;
                    maps.push(map);
                }
            }
        }
        maps
    }

    /// The map over two parameters with their values.
    fn of(
        (x, x_values): (String, Vec<f64>),
        (y, y_values): (String, Vec<f64>),
        trials: &[Trial],
        objective: Objective,
    ) -> Option<Self> {
        let best = &trials.get(*ranking(trials, objective).first()?)?.params;
        let mut cells = vec![StabilityCell::default(); x_values.len() * y_values.len()];
        let mut merits = vec![None; cells.len()];
        for trial in trials {
            let is_of_the_map = best
                .iter()
                .all(|(name, value)| *name == x || *name == y || trial.params.get(name) == Some(value));
            let place = |values: &[f64], name: &str| {
                let value = trial.params.get(name)?;
                values.iter().position(|it| it == value)
            };
            if let (true, Some(column), Some(row)) =
                (is_of_the_map, place(&x_values, &x), place(&y_values, &y))
                && let Some(cell) = cells.get_mut(row * x_values.len() + column)
                && let Ok(score) = &trial.score
            {
                let merit = objective.merit(&score.metrics);
                cell.boundless = merit == Some(f64::INFINITY);
                cell.value = objective.of(&score.metrics).filter(|_| merit.is_some());
                merits[row * x_values.len() + column] = merit;
            }
        }
        let mut map = Self {
            x,
            y,
            x_values,
            y_values,
            cells,
            peak: None,
            plateau: None,
        };
        map.look_around(objective, &merits);
        Some(map)
    }

    /// Judges each cell with those around it.
    fn look_around(&mut self, objective: Objective, merits: &[Option<f64>]) {
        let sign = if objective.small_is_good() { -1.0 } else { 1.0 };
        let (width, height) = (self.x_values.len(), self.y_values.len());
        let mut worsts = vec![None; merits.len()];
        for place in (0..merits.len()).filter(|place| merits[*place].is_some()) {
            let (row, column) = (place / width, place % width);
            let around: Vec<f64> = (row.saturating_sub(1)..(row + 2).min(height))
                .flat_map(|row| (column.saturating_sub(1)..(column + 2).min(width)).map(move |it| (row, it)))
                .filter_map(|(row, column)| merits[row * width + column])
                .collect();
            let worst = around.iter().copied().fold(f64::INFINITY, f64::min);
            worsts[place] = Some(worst);
            let finite: Vec<f64> = around.into_iter().filter(|merit| merit.is_finite()).collect();
            let mean = finite.iter().sum::<f64>() / finite.len() as f64;
            let cell = &mut self.cells[place];
            cell.neighbours_mean = (!finite.is_empty()).then_some(sign * mean);
            cell.neighbours_worst = worst.is_finite().then_some(sign * worst);
        }
        let best = |merits: &[Option<f64>]| {
            let there = merits.iter().enumerate().filter(|(_, merit)| merit.is_some());
            there
                .min_by(|(_, a), (_, b)| Objective::best_first(**a, **b))
                .map(|(place, _)| place)
        };
        (self.peak, self.plateau) = (best(merits), best(&worsts));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytics::Metrics;
    use crate::backtest::overfitting::ReturnDigest;
    use crate::backtest::sweep::Score;
    use crate::engine::Setbacks;
    use rust_decimal::Decimal;

    #[test]
    fn what_lost_nothing_is_boundless_and_the_peak() {
        let axes = ["a", "b"].map(|name| (name.to_owned(), "1,2".parse().expect("an axis")));
        // Won and lost trades of each combination.
        let trials = [
            ((1.0, 1.0), (3, 1)),
            ((2.0, 1.0), (4, 0)),
            ((1.0, 2.0), (0, 0)),
            ((2.0, 2.0), (1, 1)),
        ];
        let trials = trials.map(|((a, b), (won, lost))| Trial {
            params: [("a".to_owned(), a), ("b".to_owned(), b)].into(),
            score: Ok(Score {
                metrics: Metrics {
                    winning_trades: won,
                    losing_trades: lost,
                    profit_factor: (lost > 0).then_some(won as f64),
                    ..Metrics::default()
                },
                final_equity: Decimal::ZERO,
                returns: ReturnDigest::of(&[]),
                setbacks: Setbacks::default(),
                warnings: Vec::new(),
            }),
        });
        let objective = "profit_factor".parse().expect("a metric");
        let map = StabilityMap::all(&axes.to_vec(), &trials, objective).remove(0);
        let cells: Vec<_> = map
            .cells
            .iter()
            .map(|cell| (cell.value, cell.boundless))
            .collect();
        assert_eq!(
            cells,
            [
                (Some(3.0), false),
                (None, true),
                (None, false),
                (Some(1.0), false)
            ]
        );
        assert_eq!(map.peak, Some(1));
    }
}
