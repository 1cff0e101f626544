//! How the simulated price moves, minute by minute.
//!
//! The logarithm of the price is a random walk whose parts are known from real markets:
//!
//! - volatility is log-normal with two mean-reverting factors, one of hours and one of days (the two-factor form of
//!   Alizadeh, Brandt and Diebold, Journal of Finance 57, 2002), so calm and storm come in clusters and returns have
//!   fat tails;
//! - it follows the hour of the day with the traded volume;
//! - jumps come at random and stir the fast factor up (Merton 1976, with the self-excitement of Hawkes);
//! - regimes take turns: in a trend there is a drift, in a range a pull towards the price where the range began;
//! - a weak pull towards the listing's price keeps decades within reason without being felt in a month.

use crate::market::random::Random;
use serde::{Deserialize, Serialize};

/// Minutes in a year of 365 days: the simulated market never closes.
const MINUTES_A_YEAR: f64 = 525_600.0;
/// Minutes in a day.
const MINUTES_A_DAY: f64 = 1_440.0;

/// Memory of the slow factor of volatility, minutes.
const SLOW_MINUTES: f64 = 2.0 * MINUTES_A_DAY;
/// Memory of the fast factor of volatility, minutes.
const FAST_MINUTES: f64 = 60.0;
/// Standard deviation of the slow factor, in logarithms of volatility.
const SLOW_DEVIATION: f64 = 0.25;
/// Standard deviation of the fast factor, in logarithms of volatility.
const FAST_DEVIATION: f64 = 0.35;
/// The fast factor never goes beyond this, however many jumps come together.
const FAST_LIMIT: f64 = 1.5;

/// Jumps in a usual day.
const JUMPS_A_DAY: f64 = 1.2;
/// Standard deviation of a jump, in usual minutes' standard deviations.
const JUMP_SIZE: f64 = 8.0;
/// What a jump adds to the fast factor.
const JUMP_EXCITEMENT: f64 = 0.6;
/// What jumps, and the excitement after them, make of the volatility of a walk without them. Measured over years.
const JUMP_FACTOR: f64 = 1.05;

/// Mean length of a trend, minutes.
const TREND_MINUTES: f64 = 20.0 * 60.0;
/// Mean length of a range, minutes.
const RANGE_MINUTES: f64 = 14.0 * 60.0;
/// Share of regimes that are ranges.
const RANGE_SHARE: f64 = 0.45;
/// Drift of a trend over a day: at least this many days' standard deviations, and up to twice as many.
const TREND_DRIFT: f64 = 0.5;
/// Time in which a range pulls back all but 1/e of a move, minutes.
const RANGE_PULL_MINUTES: f64 = 180.0;
/// Time in which the pull to the listing's price takes back all but 1/e, minutes.
const HOME_PULL_MINUTES: f64 = 120.0 * MINUTES_A_DAY;

/// Volume by hour of the day, UTC, as a share of the mean hour: the shape of Binance BTC/USDT in December 2024,
/// smoothed; quiet before Europe wakes, loud when New York opens. The mean is 1.
const HOURS: [f64; 24] = [
    0.95, 0.95, 1.05, 0.95, 0.75, 0.63, 0.63, 0.75, 0.80, 0.72, 0.70, 0.72, 0.85, 1.05, 1.50, 1.80, 1.50,
    1.20, 1.10, 1.15, 1.28, 1.05, 1.00, 0.92,
];

/// Where the price and its volatility stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PriceProcess {
    /// Standard deviation of a usual minute's log return.
    minute_deviation: f64,
    /// Logarithm of the price over the listing's price.
    level: f64,
    slow: f64,
    fast: f64,
    regime: Regime,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Regime {
    /// Drifts by so many standard deviations a day, with sign.
    Trend { drift: f64 },
    /// Comes back to a level.
    Range { anchor: f64 },
}

/// What one minute will be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minute {
    /// Expected log return over the minute.
    pub(super) drift: f64,
    /// Standard deviation of the log return over the minute.
    pub(super) deviation: f64,
    /// A jump inside the minute, as a log return.
    pub(super) jump: Option<f64>,
    /// Volatility over the usual volatility, time of day left out.
    pub(super) storm: f64,
    /// Trading over that of a usual minute.
    pub(super) activity: f64,
}

impl PriceProcess {
    /// A process of this annualised volatility, somewhere in its usual range.
    pub(super) fn new(volatility: f64, random: &mut Random) -> Self {
        let mut process = Self {
            minute_deviation: volatility / JUMP_FACTOR / MINUTES_A_YEAR.sqrt(),
            level: 0.05 * random.normal(),
            slow: SLOW_DEVIATION * random.normal(),
            fast: FAST_DEVIATION * random.normal(),
            regime: Regime::Trend { drift: 0.0 },
        };
        process.enter_regime(random);
        process
    }

    /// Logarithm of the price over the listing's price.
    pub(super) const fn level(&self) -> f64 {
        self.level
    }

    /// Moves the price by a log return.
    pub(super) fn advance(&mut self, log_return: f64) {
        self.level += log_return;
    }

    /// Says what the minute that begins at this minute of the UTC day will be like.
    pub(super) fn begin_minute(&mut self, minute_of_day: u32, random: &mut Random) -> Minute {
        self.slow = revert(self.slow, SLOW_MINUTES, SLOW_DEVIATION, random);
        self.fast = revert(self.fast, FAST_MINUTES, FAST_DEVIATION, random).clamp(-FAST_LIMIT, FAST_LIMIT);
        let regime_minutes = match self.regime {
            Regime::Trend { .. } => TREND_MINUTES,
            Regime::Range { .. } => RANGE_MINUTES,
        };
        if random.chance(1.0 / regime_minutes) {
            self.enter_regime(random);
        }

        let volume = volume_curve(minute_of_day);
        // Divided by its root mean square, so that the listing's volatility is that of the whole.
        const VARIANCE: f64 = SLOW_DEVIATION * SLOW_DEVIATION + FAST_DEVIATION * FAST_DEVIATION;
        let storm = libm::exp(self.slow + self.fast - VARIANCE);
        let jump = random
            .chance(JUMPS_A_DAY / MINUTES_A_DAY * volume)
            .then(|| JUMP_SIZE * self.minute_deviation * random.normal());
        if jump.is_some() {
            self.fast += JUMP_EXCITEMENT;
        }
        Minute {
            drift: self.drift(),
            // Variance comes with volume (Clark 1973): the deviation with its root.
            deviation: self.minute_deviation * storm * volume.sqrt(),
            jump,
            storm,
            activity: volume * storm * (0.5 + random.unit()),
        }
    }

    fn drift(&self) -> f64 {
        let regime = match self.regime {
            Regime::Trend { drift } => drift * self.minute_deviation / MINUTES_A_DAY.sqrt(),
            Regime::Range { anchor } => (anchor - self.level) / RANGE_PULL_MINUTES,
        };
        regime - self.level / HOME_PULL_MINUTES
    }

    fn enter_regime(&mut self, random: &mut Random) {
        self.regime = if random.chance(RANGE_SHARE) {
            Regime::Range { anchor: self.level }
        } else {
            let strength = TREND_DRIFT * (1.0 + random.unit());
            Regime::Trend {
                drift: if random.chance(0.5) { strength } else { -strength },
            }
        };
    }
}

/// One minute of a mean-reverting factor with this memory and standard deviation (an AR(1) step).
pub(super) fn revert(value: f64, minutes: f64, deviation: f64, random: &mut Random) -> f64 {
    let kept = 1.0 - 1.0 / minutes;
    kept * value + (1.0 - kept * kept).sqrt() * deviation * random.normal()
}

/// Volume of a minute of the UTC day over that of the mean minute: the hours' figures, joined by straight lines
/// between the middles of the hours.
fn volume_curve(minute_of_day: u32) -> f64 {
    let shifted = minute_of_day + 24 * 60 - 30;
    let hour = (shifted / 60) as usize;
    let share = f64::from(shifted % 60) / 60.0;
    HOURS[hour % 24] * (1.0 - share) + HOURS[(hour + 1) % 24] * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_volume_curve_has_a_mean_of_one_and_no_steps() {
        let day: Vec<f64> = (0..1_440).map(volume_curve).collect();
        let mean = day.iter().sum::<f64>() / 1_440.0;
        assert!((mean - 1.0).abs() < 1e-3, "{mean}");
        let steepest = (0..1_440).map(|at| (day[(at + 1) % 1_440] - day[at]).abs());
        assert!(steepest.fold(0.0, f64::max) < 0.01);
        assert_eq!(volume_curve(15 * 60 + 30), 1.8);
    }
}
