//! How the market has been lately: what volume- and volatility-dependent models ask.

use crate::market::Bar;
use crate::model::{Timeframe, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Days over which volume and volatility are averaged.
const DAYS: usize = 20;
/// Daily returns from which on they say how volatile a day is.
const ENOUGH_RETURNS: usize = 5;
/// Weight of the newest bar in the variance of bars that stands in until then.
const WEIGHT: f64 = 1.0 / 64.0;
const DAY_SECONDS: f64 = 86_400.0;

/// Rolling market conditions of one instrument: volume of the present bar, average daily volume, daily volatility.
///
/// Everything but the present bar's own volume comes from bars before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// `None` when no model asks.
    rolling: Option<Box<Rolling>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Rolling {
    /// The present bar and its length in seconds.
    present: Option<(Bar, u64)>,
    /// The day before the present bar, as far as it went.
    day: Option<Day>,
    /// Close of the bar before the present one.
    close: Option<f64>,
    /// Close of the last whole day.
    day_close: Option<f64>,
    /// Volumes of the last whole days.
    volumes: VecDeque<f64>,
    /// Logarithmic returns of the last whole days.
    returns: VecDeque<f64>,
    /// Exponentially weighted mean of squared logarithmic returns per second.
    variance_per_second: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Day {
    number: i64,
    volume: f64,
    seconds: u64,
}

impl Conditions {
    /// Conditions that are kept only when somebody `needs` them.
    #[must_use]
    pub fn new(needed: bool) -> Self {
        Self {
            rolling: needed.then(Box::default),
        }
    }

    /// Whether somebody asks for them.
    #[must_use]
    pub const fn are_kept(&self) -> bool {
        self.rolling.is_some()
    }

    /// A bar has begun; the one before it counts from now on.
    #[inline]
    pub fn on_bar(&mut self, bar: &Bar, timeframe: Timeframe) {
        if let Some(rolling) = &mut self.rolling {
            rolling.on_bar(bar, timeframe);
        }
    }

    /// Each unit became `ratio` units: prices are divided by it, volumes multiplied, so that no day's return is the split's.
    pub fn split(&mut self, ratio: f64) {
        if let Some(rolling) = &mut self.rolling {
            rolling.split(ratio);
        }
    }

    /// Units traded in the present bar; `None` before the first.
    #[must_use]
    pub fn bar_volume(&self) -> Option<f64> {
        self.rolling.as_ref()?.present.map(|(bar, _)| bar.volume)
    }

    /// Units traded on an average one of the last twenty whole UTC days on which there was a bar. Until the first is
    /// whole, what the present one would come to at its pace so far; `None` before there is any.
    #[must_use]
    pub fn daily_volume(&self) -> Option<f64> {
        let rolling = self.rolling.as_ref()?;
        let volume = if rolling.volumes.is_empty() {
            let day = rolling.day?;
            day.volume * (DAY_SECONDS / day.seconds as f64)
        } else {
            rolling.volumes.iter().sum::<f64>() / rolling.volumes.len() as f64
        };
        (volume > 0.0).then_some(volume)
    }

    /// Standard deviation of a day's logarithmic return: of the closes of the last twenty whole days, and until there
    /// are six of them, of the bars so far, scaled by the square root of time; `None` before there are two bars.
    #[must_use]
    pub fn daily_volatility(&self) -> Option<f64> {
        let rolling = self.rolling.as_ref()?;
        if rolling.returns.len() >= ENOUGH_RETURNS {
            return Some(deviation(&rolling.returns));
        }
        rolling
            .variance_per_second
            .map(|variance| (variance * DAY_SECONDS).sqrt())
    }

    /// [`Conditions::daily_volatility`] scaled to the length of the present bar.
    #[must_use]
    pub fn bar_volatility(&self) -> Option<f64> {
        let (_, seconds) = self.rolling.as_ref()?.present?;
        Some(self.daily_volatility()? * (seconds as f64 / DAY_SECONDS).sqrt())
    }
}

impl Rolling {
    fn on_bar(&mut self, bar: &Bar, timeframe: Timeframe) {
        if let Some((before, seconds)) = self.present.replace((*bar, timeframe.secs())) {
            self.fold(&before, seconds);
        }
        self.end_day_before(bar.open_time);
    }

    fn split(&mut self, ratio: f64) {
        if let Some((bar, _)) = &mut self.present {
            for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close] {
                *price /= ratio;
            }
            bar.volume *= ratio;
        }
        for close in [&mut self.close, &mut self.day_close].into_iter().flatten() {
            *close /= ratio;
        }
        let today = self.day.iter_mut().map(|day| &mut day.volume);
        for volume in today.chain(&mut self.volumes) {
            *volume *= ratio;
        }
    }

    fn fold(&mut self, bar: &Bar, seconds: u64) {
        // Once days tell how volatile it is, nobody asks the bars any more, and a logarithm a bar is dear.
        if let Some(close) = self.close
            && self.returns.len() < ENOUGH_RETURNS
        {
            let change = libm::log(bar.close / close);
            let per_second = change * change / seconds as f64;
            let before = self.variance_per_second.unwrap_or(per_second);
            self.variance_per_second = Some(before + WEIGHT * (per_second - before));
        }
        self.close = Some(bar.close);
        let number = bar.open_time.utc_day();
        let day = self.day.get_or_insert(Day {
            number,
            volume: 0.0,
            seconds: 0,
        });
        day.volume += bar.volume;
        day.seconds += seconds;
    }

    /// Counts the day of the bars so far as a whole one when the next bar is of a later one.
    fn end_day_before(&mut self, next: Timestamp) {
        let Some(day) = self.day.take_if(|day| day.number < next.utc_day()) else {
            return;
        };
        // A bar of several days is as many days of their average.
        let days = (day.seconds as f64 / DAY_SECONDS).max(1.0);
        keep(&mut self.volumes, day.volume / days);
        let before = std::mem::replace(&mut self.day_close, self.close);
        if let (Some(before), Some(close)) = (before, self.close) {
            keep(&mut self.returns, libm::log(close / before) / days.sqrt());
        }
    }
}

fn keep(values: &mut VecDeque<f64>, value: f64) {
    if values.len() == DAYS {
        values.pop_front();
    }
    values.push_back(value);
}

/// Standard deviation of a sample.
fn deviation(values: &VecDeque<f64>) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (squares / (count - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(seconds: i64, close: f64, volume: f64) -> Bar {
        Bar {
            open_time: Timestamp::from_secs(seconds),
            open: close,
            high: close,
            low: close,
            close,
            volume,
        }
    }

    const DAY: i64 = 86_400;

    #[test]
    fn nothing_is_kept_when_nobody_asks() {
        let mut conditions = Conditions::new(false);
        conditions.on_bar(&bar(0, 1.0, 1.0), Timeframe::HOUR);
        assert_eq!(conditions, Conditions::default());
        assert_eq!((conditions.bar_volume(), conditions.daily_volume()), (None, None));
    }

    #[test]
    fn what_the_present_bar_becomes_does_not_count_before_the_next_one() {
        let mut conditions = Conditions::new(true);
        for (day, close) in [100.0, 101.0, 99.0, 102.0].into_iter().enumerate() {
            conditions.on_bar(&bar(day as i64 * DAY, close, 10.0), Timeframe::DAY);
        }
        let mut other = conditions.clone();
        conditions.on_bar(&bar(4 * DAY, 100.0, 10.0), Timeframe::DAY);
        other.on_bar(&bar(4 * DAY, 500.0, 9_999.0), Timeframe::DAY);
        assert_eq!(conditions.daily_volatility(), other.daily_volatility());
        assert_eq!(conditions.daily_volume(), other.daily_volume());
        assert_ne!(conditions.bar_volume(), other.bar_volume());
    }

    #[test]
    fn the_first_day_is_counted_at_its_pace_so_far() {
        let mut conditions = Conditions::new(true);
        conditions.on_bar(&bar(0, 1.0, 30.0), Timeframe::HOUR);
        assert_eq!(conditions.daily_volume(), None, "nothing is over yet");
        conditions.on_bar(&bar(3_600, 1.0, 50.0), Timeframe::HOUR);
        assert_eq!(conditions.daily_volume(), Some(720.0));
        conditions.on_bar(&bar(7_200, 1.0, 1.0), Timeframe::HOUR);
        assert_eq!(conditions.daily_volume(), Some(960.0));
        // The day is over: it had three hours only.
        conditions.on_bar(&bar(DAY, 1.0, 1.0), Timeframe::HOUR);
        assert_eq!(conditions.daily_volume(), Some(81.0));
    }

    #[test]
    fn until_days_tell_the_bars_do() {
        let mut conditions = Conditions::new(true);
        let up = libm::exp(0.001);
        for hour in 0..10_i64 {
            let close = if hour % 2 == 0 { 1.0 } else { up };
            conditions.on_bar(&bar(hour * 3_600, close, 1.0), Timeframe::HOUR);
        }
        let daily = conditions.daily_volatility().expect("nine bars");
        assert!((daily - 0.001 * 24.0_f64.sqrt()).abs() < 1e-12, "{daily}");
        let hourly = conditions.bar_volatility().expect("nine bars");
        assert!((hourly - 0.001).abs() < 1e-12, "{hourly}");
    }

    #[test]
    fn a_week_counts_as_seven_days() {
        let mut conditions = Conditions::new(true);
        let up = libm::exp(0.07);
        for week in 0..12_i64 {
            let close = if week % 2 == 0 { 1.0 } else { up };
            conditions.on_bar(&bar(week * 7 * DAY, close, 700.0), Timeframe::WEEK);
        }
        assert_eq!(conditions.daily_volume(), Some(100.0));
        // Ten returns of ±0.07 a week.
        let expected = 0.07 / 7.0_f64.sqrt() * (10.0_f64 / 9.0).sqrt();
        let daily = conditions.daily_volatility().expect("ten weeks");
        assert!((daily - expected).abs() < 1e-12, "{daily} for {expected}");
    }

    #[test]
    fn a_long_run_keeps_twenty_days() {
        let mut conditions = Conditions::new(true);
        let size = |conditions: &Conditions| postcard::to_stdvec(conditions).expect("bytes").len();
        let mut after_a_month = 0;
        for day in 0..2_000 {
            conditions.on_bar(&bar(day * DAY, 1.0 + (day % 7) as f64, 1.0), Timeframe::DAY);
            if day == 30 {
                after_a_month = size(&conditions);
            }
        }
        assert!(
            size(&conditions) <= after_a_month + 16,
            "times take some bytes more"
        );
    }
}
