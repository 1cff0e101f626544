//! By what a sweep calls one combination better than another.

use crate::analytics::Metrics;
use crate::model::spelling;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{cmp::Ordering, fmt, str::FromStr};

/// A metric to be made as large as possible, or as small, if small is good. Its name is that of the field of
/// [`Metrics`].
///
/// ```
/// use papertape::backtest::sweep::Objective;
///
/// let objective: Objective = "max_drawdown".parse()?;
/// assert!(objective.small_is_good());
/// # Ok::<(), papertape::backtest::sweep::ObjectiveError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Objective(&'static Row);

/// What there is no metric for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ObjectiveError(String);

struct Row {
    name: &'static str,
    small_is_good: bool,
    value: fn(&Metrics) -> Option<f64>,
}

const fn large(name: &'static str, value: fn(&Metrics) -> Option<f64>) -> Row {
    Row {
        name,
        small_is_good: false,
        value,
    }
}

const fn small(name: &'static str, value: fn(&Metrics) -> Option<f64>) -> Row {
    Row {
        name,
        small_is_good: true,
        value,
    }
}

static TABLE: [Row; 24] = [
    large("total_return", |it| Some(it.total_return)),
    large("cagr", |it| it.cagr),
    small("volatility", |it| it.volatility),
    large("sharpe", |it| it.sharpe),
    large("sortino", |it| it.sortino),
    large("calmar", |it| it.calmar),
    small("max_drawdown", |it| Some(it.max_drawdown)),
    small("max_drawdown_duration_s", |it| {
        Some(it.max_drawdown_duration_s as f64)
    }),
    large("win_rate", |it| it.win_rate),
    large("profit_factor", |it| it.profit_factor),
    large("expectancy", |it| it.expectancy),
    large("average_win", |it| it.average_win),
    large("average_loss", |it| it.average_loss),
    large("largest_win", |it| it.largest_win),
    large("largest_loss", |it| it.largest_loss),
    small("exposure", |it| Some(it.exposure)),
    small("turnover", |it| Some(it.turnover)),
    small("total_fees", |it| Some(it.total_fees)),
    large("trades", |it| Some(it.trades as f64)),
    large("winning_trades", |it| Some(it.winning_trades as f64)),
    small("losing_trades", |it| Some(it.losing_trades as f64)),
    large("buy_and_hold_return", |it| it.buy_and_hold_return),
    large("alpha", |it| it.alpha),
    small("beta", |it| it.beta),
];

impl Objective {
    /// All metrics that may be asked for.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether the smallest value is the best.
    #[must_use]
    pub const fn small_is_good(self) -> bool {
        self.0.small_is_good
    }

    /// The metric's value; `None` where it cannot be computed.
    #[must_use]
    pub fn of(self, metrics: &Metrics) -> Option<f64> {
        (self.0.value)(metrics)
    }

    /// The value with its sign such that large is good; infinite where a ratio has nothing bad to divide by; `None` where it
    /// cannot be computed, and where little is good of what never held anything.
    #[must_use]
    pub fn merit(self, metrics: &Metrics) -> Option<f64> {
        match self.of(metrics) {
            None => self.is_perfect(metrics).then_some(f64::INFINITY),
            Some(_) if self.0.small_is_good && metrics.exposure == 0.0 => None,
            Some(value) => Some(if self.0.small_is_good { -value } else { value }),
        }
    }

    /// Whether a ratio is missing because there is no loss.
    fn is_perfect(self, metrics: &Metrics) -> bool {
        match self.name() {
            "profit_factor" => metrics.winning_trades > 0 && metrics.losing_trades == 0,
            "sortino" => metrics.sharpe.is_some_and(|sharpe| sharpe > 0.0),
            "calmar" => metrics.total_return > 0.0 && metrics.max_drawdown == 0.0,
            _ => false,
        }
    }

    /// Orders merits from the best to the worst; what cannot be computed comes last.
    #[must_use]
    pub fn best_first(a: Option<f64>, b: Option<f64>) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

impl Default for Objective {
    /// The Sharpe ratio.
    fn default() -> Self {
        Self(&TABLE[3])
    }
}

impl PartialEq for Objective {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for Objective {}

impl fmt::Debug for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objective").field(&self.0.name).finish()
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let name = text.trim();
        let row = TABLE.iter().find(|row| row.name == name).map(Self);
        row.ok_or_else(|| {
            let names = TABLE.iter().map(|row| row.name);
            ObjectiveError(spelling::unknown("metric", name, names))
        })
    }
}

impl Serialize for Objective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for Objective {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_an_objective_by_its_own_name() {
        let json = serde_json::to_value(Metrics::default()).expect("JSON");
        let fields: Vec<_> = json.as_object().expect("an object").keys().cloned().collect();
        let mut names: Vec<_> = Objective::all().map(|it| it.name().to_owned()).collect();
        names.sort();
        assert_eq!(names, fields);
        assert_eq!(Objective::default().name(), "sharpe");
    }

    #[test]
    fn a_value_is_that_of_its_field() {
        let fields = serde_json::to_value(Metrics::default()).expect("JSON");
        let names = fields.as_object().expect("an object").keys();
        let numbered: serde_json::Map<_, _> = names
            .enumerate()
            .map(|(index, name)| (name.clone(), serde_json::json!(index + 1)))
            .collect();
        let metrics: Metrics = serde_json::from_value(numbered.clone().into()).expect("metrics");
        for objective in Objective::all() {
            let expected = numbered[objective.name()].as_f64();
            assert_eq!(objective.of(&metrics), expected, "{objective}");
        }
    }

    #[test]
    fn an_unknown_metric_names_the_nearest() {
        let error = "sharp".parse::<Objective>().expect_err("no metric").to_string();
        assert!(
            error.starts_with("there is no metric 'sharp'; there are sharpe, "),
            "{error}"
        );
    }

    #[test]
    fn what_has_no_loss_comes_before_what_has_and_what_never_traded_last() {
        let objective = |name: &str| name.parse::<Objective>().expect("a metric");
        let perfect = Metrics {
            total_return: 0.1,
            sharpe: Some(3.0),
            winning_trades: 4,
            exposure: 0.5,
            ..Metrics::default()
        };
        for name in ["profit_factor", "sortino", "calmar"] {
            assert_eq!(objective(name).merit(&perfect), Some(f64::INFINITY), "{name}");
            assert_eq!(objective(name).merit(&Metrics::default()), None, "{name}");
        }
        assert_eq!(objective("total_fees").merit(&Metrics::default()), None);
        assert_eq!(objective("total_fees").merit(&perfect), Some(-0.0));
    }

    #[test]
    fn what_cannot_be_computed_comes_last() {
        let mut values = [None, Some(1.0), Some(3.0), None, Some(-2.0)];
        values.sort_by(|a, b| Objective::best_first(*a, *b));
        assert_eq!(values, [Some(3.0), Some(1.0), Some(-2.0), None, None]);
    }
}
