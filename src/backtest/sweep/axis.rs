//! Which values of one parameter a sweep tries, and how that is written.

use crate::market::Random;
use crate::model::decimal;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// The values of one parameter.
///
/// Written `5..50:5` (from, to, step; both ends belong to it), `0.5..2` (a continuous range, or one with the strategy's
/// own step), `5,10,20` (these values) or `20` (this value).
///
/// ```
/// use papertape::backtest::sweep::Axis;
///
/// let axis: Axis = "0.1..0.4:0.1".parse()?;
/// assert_eq!(axis.values().expect("steps"), [0.1, 0.2, 0.3, 0.4]);
/// assert_eq!(axis.to_string(), "0.1..0.4:0.1");
/// assert!("50..5:5".parse::<Axis>().is_err());
/// # Ok::<(), papertape::backtest::sweep::AxisError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Axis {
    /// From one value to another.
    Range {
        /// First value.
        from: Decimal,
        /// Last value; above the first.
        to: Decimal,
        /// Distance of neighbours, above zero; `None` where any value between may be tried.
        step: Option<Decimal>,
    },
    /// Only these, in this order.
    Values(Vec<Decimal>),
}

/// Why a text is no [`Axis`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AxisError(String);

impl Axis {
    /// Most values of one parameter.
    pub const MOST_VALUES: u64 = 20_000;

    /// A range in which every value may be tried gets the step; others stay as they are.
    #[must_use]
    pub fn with_step(self, proposed: Option<f64>) -> Self {
        let proposed = proposed
            .and_then(|step| decimal::parse(&step.to_string()))
            .filter(|step| *step > Decimal::ZERO);
        match self {
            Self::Range { from, to, step: None } => Self::Range {
                from,
                to,
                step: proposed,
            },
            other => other,
        }
    }

    /// How many values there are; `None` where any between two may be tried.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Values(values) => Some(values.len() as u64),
            Self::Range { step: None, .. } => None,
            Self::Range {
                from,
                to,
                step: Some(step),
            } => {
                let steps = (*to - *from)
                    .checked_div(*step)
                    .and_then(|steps| steps.floor().to_u64());
                Some(steps.map_or(u64::MAX, |steps| steps.saturating_add(1)))
            }
        }
    }

    /// The value at `index`, counted from 0; `None` past the end and where there are no steps.
    #[must_use]
    pub fn value(&self, index: u64) -> Option<f64> {
        let value = match self {
            Self::Values(values) => *values.get(usize::try_from(index).ok()?)?,
            Self::Range {
                from,
                step: Some(step),
                ..
            } if index < self.count()? => from.checked_add(step.checked_mul(Decimal::from(index))?)?,
            Self::Range { .. } => return None,
        };
        value.to_f64()
    }

    /// All values in order; `None` where any between two may be tried.
    #[must_use]
    pub fn values(&self) -> Option<Vec<f64>> {
        let count = self.count()?;
        Some((0..count).filter_map(|index| self.value(index)).collect())
    }

    /// The value at this share of the way from the first to the last: that of the nearest step, where there are steps.
    #[must_use]
    pub fn at(&self, share: f64) -> f64 {
        let share = share.clamp(0.0, 1.0);
        if let Some(count) = self.count() {
            let index = (share * count as f64) as u64;
            return self.value(index.min(count.saturating_sub(1))).unwrap_or_default();
        }
        let Self::Range { from, to, .. } = self else {
            return 0.0;
        };
        let (from, to) = (from.to_f64().unwrap_or_default(), to.to_f64().unwrap_or_default());
        (from + share * (to - from)).clamp(from, to)
    }

    /// A value, each as likely as any other.
    pub fn draw(&self, random: &mut Random) -> f64 {
        self.at(random.unit())
    }
}

impl FromStr for Axis {
    type Err = AxisError;

    fn from_str(text: &str) -> Result<Self, AxisError> {
        let axis = match text.split_once("..") {
            None => Self::Values(text.split(',').map(number).collect::<Result<_, _>>()?),
            Some((from, rest)) => {
                let (to, step) = rest
                    .split_once(':')
                    .map_or((rest, None), |(to, step)| (to, Some(step)));
                Self::Range {
                    from: number(from)?,
                    to: number(to)?,
                    step: step.map(number).transpose()?,
                }
            }
        };
        axis.check()?;
        Ok(axis)
    }
}

impl Axis {
    /// Whether it makes sense, and has no more values than one parameter may have.
    pub(super) fn check(&self) -> Result<(), AxisError> {
        let refuse = |words: String| Err(AxisError(words));
        match self {
            Self::Range { from, to, .. } if to < from => {
                return refuse(format!(
                    "the range {from}..{to} runs backwards: write {to}..{from}"
                ));
            }
            Self::Range { step: Some(step), .. } if *step <= Decimal::ZERO => {
                return refuse(format!("the step must be above 0, and {step} is not"));
            }
            Self::Values(values) => {
                let mut sorted = values.clone();
                sorted.sort();
                if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
                    return refuse(format!("the value {} stands there twice", twice[0]));
                }
            }
            Self::Range { .. } => {}
        }
        match self.count() {
            Some(count) if count > Self::MOST_VALUES => refuse(format!(
                "{self} has {count} values; one parameter may have at most {}: take a larger step",
                Self::MOST_VALUES
            )),
            _ => Ok(()),
        }
    }
}

fn number(text: &str) -> Result<Decimal, AxisError> {
    // Past these no parameter means anything, and sums of such numbers stay exact.
    let bound = Decimal::from(1_000_000_000_000_u64);
    decimal::parse(text.trim())
        .filter(|number| number.abs() <= bound)
        .map(|number| number.normalize())
        .ok_or_else(|| {
            let shown: String = text.trim().chars().take(40).collect();
            AxisError(format!(
                "'{shown}' is not a number; write a range such as 5..50:5, values such as 5,10,20, or one value"
            ))
        })
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { from, to, step } => {
                write!(f, "{from}..{to}")?;
                step.map_or(Ok(()), |step| write!(f, ":{step}"))
            }
            Self::Values(values) => {
                let words: Vec<_> = values.iter().map(ToString::to_string).collect();
                f.write_str(&words.join(","))
            }
        }
    }
}

impl Serialize for Axis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(text: &str) -> Result<Axis, String> {
        text.parse().map_err(|error: AxisError| error.to_string())
    }

    #[test]
    fn what_is_written_comes_back_and_values_are_exact() {
        for (text, values) in [
            ("5..20:5", vec![5.0, 10.0, 15.0, 20.0]),
            ("5..19:5", vec![5.0, 10.0, 15.0]),
            ("0.1..0.7:0.2", vec![0.1, 0.3, 0.5, 0.7]),
            ("-1..1:1", vec![-1.0, 0.0, 1.0]),
            ("7..7:1", vec![7.0]),
            ("20", vec![20.0]),
            ("5,20,10", vec![5.0, 20.0, 10.0]),
        ] {
            let axis = axis(text).expect(text);
            assert_eq!(axis.values(), Some(values), "{text}");
            assert_eq!(axis.to_string(), text);
        }
        assert_eq!(axis("1..2").expect("continuous").count(), None);
        assert_eq!(
            axis("1..2").expect("continuous").with_step(Some(0.5)).count(),
            Some(3)
        );
        assert_eq!(
            axis("1..2:1").expect("steps").with_step(Some(0.5)).count(),
            Some(2)
        );
    }

    #[test]
    fn nonsense_is_refused_with_what_to_write() {
        for (text, words) in [
            ("50..5:5", "write 5..50"),
            ("5..50:0", "above 0"),
            ("5..50:-5", "above 0"),
            ("NaN..5:1", "'NaN' is not a number"),
            ("1..inf:1", "'inf' is not a number"),
            ("", "is not a number"),
            ("5,,7", "is not a number"),
            ("5,7,5", "twice"),
            ("0..1000000:1", "at most 20000"),
            ("0..1000000000000:0.000000000001", "at most 20000"),
            ("0..1000000000000:0.0000000000000000000000000001", "at most 20000"),
            ("1..2:x", "'x' is not a number"),
        ] {
            let message = axis(text).expect_err(text);
            assert!(message.contains(words), "{text}: {message}");
        }
    }

    #[test]
    fn drawn_values_are_of_the_axis_and_reach_its_ends() {
        let mut random = Random::new(3);
        let steps = axis("5..20:5").expect("an axis");
        let mut seen = [false; 4];
        for _ in 0..200 {
            let value = steps.draw(&mut random);
            let place = steps
                .values()
                .and_then(|all| all.iter().position(|it| *it == value));
            seen[place.expect("one of its values")] = true;
        }
        assert_eq!(seen, [true; 4]);
        let range = axis("1..2").expect("a range");
        assert!((0..100).all(|_| (1.0..=2.0).contains(&range.draw(&mut random))));
        assert_eq!((steps.at(1.0), range.at(1.0)), (20.0, 2.0));
    }
}
