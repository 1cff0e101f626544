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

    /// A bar has begun; the one before it counts from now on.
    #[inline]
    pub fn on_bar(&mut self, bar: &Bar, timeframe: Timeframe) {
        if let Some(rolling) = &mut self.rolling {
            rolling.on_bar(bar, timeframe);
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

    fn fold(&mut self, bar: &Bar, seconds: u64) {
        if let Some(close) = self.close {
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
        keep(&mut self.volumes, day.volume);
        let before = std::mem::replace(&mut self.day_close, self.close);
        if let (Some(before), Some(close)) = (before, self.close) {
            keep(&mut self.returns, libm::log(close / before));
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
