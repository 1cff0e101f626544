//! Monte Carlo: other courses that the same trades or days could have taken.

use super::Canceled;
use super::sweep::{Workers, gather};
use crate::market::Random;
use serde::{Deserialize, Serialize};

/// How a course is made of what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resampling {
    /// The same trades in another order: the end is the same, the way there is not.
    #[default]
    TradeOrder,
    /// As many trades, drawn from those that happened, each as often as chance has it.
    Trades,
    /// Days drawn in blocks of neighbours, so that what hangs together stays together (circular block bootstrap: D. N.
    /// Politis, J. P. Romano, "A circular block-resampling procedure for stationary data", 1992).
    Days,
}

impl Resampling {
    const ALL: [Self; 3] = [Self::TradeOrder, Self::Trades, Self::Days];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TradeOrder => "trade_order",
            Self::Trades => "trades",
            Self::Days => "days",
        }
    }
}

impl std::str::FromStr for Resampling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|it| it.name() == text);
        found.ok_or_else(|| {
            crate::model::spelling::unknown("resampling", text, Self::ALL.iter().map(|it| it.name()))
        })
    }
}

/// What to simulate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MonteCarloSpec {
    /// How courses are made.
    pub resampling: Resampling,
    /// How many.
    pub courses: u64,
    /// Days in a block.
    pub block: u64,
    /// What random choices begin with.
    pub seed: u64,
    /// Ruin is when this share of the initial capital is lost at any time: 0.5 is half of it.
    pub ruin: f64,
}

impl Default for MonteCarloSpec {
    fn default() -> Self {
        Self {
            resampling: Resampling::default(),
            courses: 2_000,
            block: 5,
            seed: 1,
            ruin: 0.5,
        }
    }
}

/// Why nothing was simulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MonteCarloError {
    /// A field of [`MonteCarloSpec`] that makes no sense.
    #[error("{message}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What to write.
        message: String,
    },
    /// A backtest of which no other courses can be made.
    #[error("{0}")]
    Backtest(String),
    /// It was ended before its end.
    #[error(transparent)]
    Canceled(#[from] Canceled),
}

/// Most courses.
const MOST_COURSES: u64 = 20_000;
/// Most steps of all courses together.
const MOST_STEPS: u64 = 500_000_000;
/// Points of the fan.
const FAN_POINTS: usize = 60;
/// Courses of one unit of work.
const PORTION: u64 = 64;

/// A number at five places of its distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Below it in one of twenty courses.
    pub p5: f64,
    /// In one of four.
    pub p25: f64,
    /// In one of two.
    pub p50: f64,
    /// In three of four.
    pub p75: f64,
    /// In nineteen of twenty.
    pub p95: f64,
}

/// Equity of all courses after so many steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FanPoint {
    /// Trades or days passed.
    pub step: u64,
    /// Equity, in the account's currency.
    pub equity: Quantiles,
}

/// What came of all courses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonteCarlo {
    /// How many were made: fewer than were asked for when it was ended before its end.
    pub courses: u64,
    /// Whether it was ended before its end.
    #[serde(default)]
    pub canceled: bool,
    /// Trades or days in each.
    pub steps: u64,
    /// Equity at the end.
    pub final_equity: Quantiles,
    /// Largest fall from a peak, as a positive share of it.
    pub max_drawdown: Quantiles,
    /// Share of the courses that end below the initial capital.
    pub probability_of_loss: f64,
    /// Share of the courses that lose so much at any time.
    pub probability_of_ruin: f64,
    /// What happened, step by step the same way: equity at the end.
    pub actual_final_equity: f64,
    /// What happened: the largest fall from a peak, after whole steps.
    pub actual_max_drawdown: f64,
    /// The course of the distribution.
    pub fan: Vec<FanPoint>,
}

impl MonteCarloSpec {
    /// Checks what was asked for.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn check(&self) -> Result<(), MonteCarloError> {
        let fail = |field, message: String| Err(MonteCarloError::Field { field, message });
        match self {
            it if !(1..=MOST_COURSES).contains(&it.courses) => {
                fail("courses", format!("ask for 1 to {MOST_COURSES} courses"))
            }
            it if !(1..=10_000).contains(&it.block) => {
                fail("block", "a block has 1 to 10000 days".to_owned())
            }
            it if !(it.ruin > 0.0 && it.ruin <= 1.0) => {
                fail("ruin", "ruin is a share above 0 and at most 1".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Of how many units of work it is made.
    #[must_use]
    pub const fn units(&self) -> u64 {
        self.courses.div_ceil(PORTION)
    }

    /// Simulates. `returns` are those of the trades, as shares of the equity before each, or of the days, as the
    /// resampling has it, oldest first. A course multiplies (1 + return) step by step; one that has lost everything stays
    /// at zero. Canceled, it tells of the courses that are done; the result is the same whoever works on it.
    ///
    /// # Errors
    /// [`MonteCarloError`] says what to change, or that it was canceled before there was a course.
    pub fn run(
        &self,
        returns: &[f64],
        initial: f64,
        workers: &dyn Workers,
    ) -> Result<MonteCarlo, MonteCarloError> {
        self.check()?;
        let what = match self.resampling {
            Resampling::TradeOrder | Resampling::Trades => "closed trades",
            Resampling::Days => "days",
        };
        let nothing = |message: String| Err(MonteCarloError::Backtest(message));
        if returns.len() < 2 {
            return nothing(format!(
                "the backtest has too few {what} to draw from: it takes at least 2"
            ));
        }
        if returns.iter().any(|change| !change.is_finite()) {
            return nothing(format!("the equity was gone: {what} after that have no return"));
        }
        let most = (returns.len() / 2) as u64;
        if self.resampling == Resampling::Days && self.block > most {
            return Err(MonteCarloError::Field {
                field: "block",
                message: format!(
                    "blocks of {} days leave little to draw from in {} days: take at most {most}",
                    self.block,
                    returns.len()
                ),
            });
        }
        if self.courses.saturating_mul(returns.len() as u64) > MOST_STEPS {
            return nothing(format!(
                "{} courses of {} {what} are too many steps: ask for fewer courses",
                self.courses,
                returns.len()
            ));
        }
        Ok(self.simulate(returns, initial, workers)?)
    }

    fn simulate(&self, returns: &[f64], initial: f64, workers: &dyn Workers) -> Result<MonteCarlo, Canceled> {
        let points = fan_points(returns.len());
        let portions = gather(workers, self.units() as usize, |portion| {
            let first = portion as u64 * PORTION;
            let courses = first..self.courses.min(first + PORTION);
            let courses: Vec<Course> = courses
                .map(|number| self.course(number, returns, initial, &points))
                .collect();
            workers.passed();
            Some(courses)
        });
        let courses: Vec<Course> = portions.into_iter().flatten().flatten().collect();
        if courses.is_empty() {
            return Err(Canceled);
        }
        let of = |value: &dyn Fn(&Course) -> f64| Quantiles::of(courses.iter().map(value).collect());
        let share = |is: &dyn Fn(&Course) -> bool| {
            courses.iter().filter(|course| is(course)).count() as f64 / courses.len() as f64
        };
        let fan = points.iter().enumerate().map(|(place, step)| FanPoint {
            step: *step as u64,
            equity: of(&|course| course.fan[place]),
        });
        let actual = walk(returns, initial, |_, _| {});
        Ok(MonteCarlo {
            courses: courses.len() as u64,
            canceled: (courses.len() as u64) < self.courses,
            steps: returns.len() as u64,
            final_equity: of(&|course| course.walked.end),
            max_drawdown: of(&|course| course.walked.drawdown),
            probability_of_loss: share(&|course| course.walked.end < initial),
            probability_of_ruin: share(&|course| course.walked.lowest <= initial * (1.0 - self.ruin)),
            actual_final_equity: actual.end,
            actual_max_drawdown: actual.drawdown,
            fan: fan.collect(),
        })
    }

    /// One course. Each has a generator of its own, so it is the same however many there are and whoever makes them.
    fn course(&self, number: u64, returns: &[f64], initial: f64, points: &[usize]) -> Course {
        let mut random = Random::new(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut drawn = returns.to_vec();
        self.draw(returns, &mut drawn, &mut random);
        let mut fan = Vec::with_capacity(points.len());
        let walked = walk(&drawn, initial, |step, equity| {
            if points.get(fan.len()) == Some(&step) {
                fan.push(equity);
            }
        });
        Course { walked, fan }
    }

    fn draw(&self, returns: &[f64], drawn: &mut [f64], random: &mut Random) {
        let count = returns.len();
        match self.resampling {
            Resampling::TradeOrder => {
                drawn.copy_from_slice(returns);
                // Fisher and Yates.
                for last in (1..count).rev() {
                    drawn.swap(last, random.below(last as u64 + 1) as usize);
                }
            }
            Resampling::Trades => drawn
                .iter_mut()
                .for_each(|it| *it = returns[random.below(count as u64) as usize]),
            Resampling::Days => {
                for block in drawn.chunks_mut(self.block as usize) {
                    let first = random.below(count as u64) as usize;
                    for (offset, it) in block.iter_mut().enumerate() {
                        *it = returns[(first + offset) % count];
                    }
                }
            }
        }
    }
}

/// One course that things could have taken.
struct Course {
    walked: Walked,
    /// Equity at the steps that the fan shows.
    fan: Vec<f64>,
}

/// What is known of a course at its end.
struct Walked {
    end: f64,
    lowest: f64,
    drawdown: f64,
}

/// Walks a course; `each` hears of the equity after each step, counted from 0 before the first.
fn walk(returns: &[f64], initial: f64, mut each: impl FnMut(usize, f64)) -> Walked {
    let (mut equity, mut peak) = (initial, initial);
    let mut walked = Walked {
        end: initial,
        lowest: initial,
        drawdown: 0.0,
    };
    each(0, equity);
    for (step, change) in (1..).zip(returns) {
        equity = (equity * (1.0 + change)).max(0.0);
        peak = peak.max(equity);
        walked.lowest = walked.lowest.min(equity);
        walked.drawdown = walked.drawdown.max((peak - equity) / peak);
        each(step, equity);
    }
    walked.end = equity;
    walked
}

/// The steps that the fan shows: the first, the last, and others evenly between.
fn fan_points(steps: usize) -> Vec<usize> {
    let points = FAN_POINTS.min(steps);
    let mut all: Vec<_> = (0..=points).map(|point| point * steps / points.max(1)).collect();
    all.dedup();
    all
}

impl Quantiles {
    /// Of any numbers, by linear interpolation between neighbours (type 7 of R. J. Hyndman, Y. Fan, "Sample Quantiles in
    /// Statistical Packages", The American Statistician 50, 1996). Zero without any.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * values.len().saturating_sub(1) as f64;
            let below = place.floor();
            let low = values.get(below as usize).copied().unwrap_or_default();
            let high = values.get(below as usize + 1).copied().unwrap_or(low);
            low + (place - below) * (high - low)
        };
        Self {
            p5: at(0.05),
            p25: at(0.25),
            p50: at(0.5),
            p75: at(0.75),
            p95: at(0.95),
        }
    }
}

/// The returns of trades, each as a share of the equity before it: `pnls` after fees in order of time.
#[must_use]
pub fn trade_returns(pnls: impl IntoIterator<Item = f64>, initial: f64) -> Vec<f64> {
    let mut equity = initial;
    pnls.into_iter()
        .map(|pnl| {
            // What follows a loss of everything has no meaning.
            let change = if equity > 0.0 { pnl / equity } else { f64::NAN };
            equity += pnl;
            change
        })
        .collect()
}
