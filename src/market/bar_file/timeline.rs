//! How bars follow each other: their order, their length, what is missing.

use crate::model::{Timeframe, Timestamp};
use std::collections::BTreeMap;

/// The trading day on which summer time begins is an hour short, so bars of a day or more may open this much before
/// the one before them would close.
const SUMMER_TIME_NANOS: i64 = 3_600_000_000_000;

/// The distances between bars, as they come.
#[derive(Debug)]
pub(super) struct Timeline {
    /// What a row is called.
    row: &'static str,
    last: Option<(Timestamp, u64)>,
    /// Distance in nanoseconds → how often, the run under way left out.
    counts: BTreeMap<i64, u64>,
    run: (i64, u64),
}

/// What is missing between bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spacing {
    pub(super) gaps: u64,
    pub(super) missing_bars: u64,
}

impl Timeline {
    pub(super) const fn new(row: &'static str) -> Self {
        Self {
            row,
            last: None,
            counts: BTreeMap::new(),
            run: (0, 0),
        }
    }

    /// Takes the open time of the next bar.
    ///
    /// # Errors
    /// When it is not after the one before.
    #[inline]
    pub(super) fn push(&mut self, time: Timestamp, line: u64) -> Result<(), String> {
        if let Some((last, last_line)) = self.last {
            let step = time.since(last);
            if step == 0 {
                return Err(format!("the time {time} is already on {} {last_line}", self.row));
            }
            if step < 0 {
                return Err(format!(
                    "the time {time} is before {last} on {} {last_line}",
                    self.row
                ));
            }
            // Files are long runs of one distance: the map is for the exceptions.
            if step == self.run.0 {
                self.run.1 += 1;
            } else {
                self.end_run();
                self.run = (step, 1);
            }
        }
        self.last = Some((time, line));
        Ok(())
    }

    fn end_run(&mut self) {
        if self.run.1 > 0 {
            *self.counts.entry(self.run.0).or_default() += self.run.1;
        }
    }

    /// The most common distance, the shortest of those when there are several.
    ///
    /// # Errors
    /// When there is only one bar, or the distance is no bar length.
    pub(super) fn most_common_step(&mut self) -> Result<Timeframe, String> {
        self.end_run();
        self.run = (0, 0);
        let mut common = None;
        for (step, count) in &self.counts {
            if common.is_none_or(|(_, most)| count > most) {
                common = Some((step, count));
            }
        }
        let (step, _) = common.ok_or("one bar alone does not say how long it is: give the timeframe")?;
        let seconds = *step as f64 / 1e9;
        (step % 1_000_000_000 == 0)
            .then(|| Timeframe::from_secs((step / 1_000_000_000) as u64).ok())
            .flatten()
            .ok_or_else(|| {
                format!("most bars are {seconds} seconds apart, which is not a timeframe: give the timeframe")
            })
    }

    /// Checks that bars of this length can open at these times, and counts what is missing.
    ///
    /// # Errors
    /// The index of the bar that cannot, and why not.
    pub(super) fn check(
        &self,
        open_times: &[Timestamp],
        timeframe: Timeframe,
    ) -> Result<Spacing, (usize, String)> {
        let length = timeframe.nanos();
        let intraday = timeframe < Timeframe::DAY;
        let shortest = if intraday {
            length
        } else {
            length - SUMMER_TIME_NANOS
        };
        let mut spacing = Spacing::default();
        for (index, time) in open_times.iter().enumerate() {
            if intraday && timeframe.floor(*time) != *time {
                let message =
                    format!("a {timeframe} bar cannot open at {time}: it is not a multiple of {timeframe}");
                return Err((index, message));
            }
            let Some(before) = index.checked_sub(1) else {
                continue;
            };
            let step = time.since(open_times[before]);
            if step < shortest {
                let message = format!(
                    "the bar opens before the {timeframe} bar on the {} before it has closed",
                    self.row
                );
                return Err((index, message));
            }
            // Rounded, for the days that are an hour longer or shorter.
            let bars = (step + length / 2) / length;
            if bars > 1 {
                spacing.gaps += 1;
                spacing.missing_bars += bars as u64 - 1;
            }
        }
        Ok(spacing)
    }
}
