//! The bars that a venue gives of its past: which of them can be, and from when on they are all that there were.

use crate::venues::reading;
use papertape::market::Bar;
use papertape::model::{Timeframe, Timestamp};
use std::collections::BTreeMap;

/// How long something must go on to be believed, though it is far from what was before: 60 s, in nanoseconds, as of what is told live.
const LONG: i64 = 60_000_000_000;

/// How far back a venue's answer reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the beginning of what was asked for: where it has no bar, nothing was traded.
    Whole,
    /// No farther than this: of what lies before, the venue does not say whether anything was traded.
    Since(Timestamp),
}

/// A bar that was kept off.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptOffBar {
    /// When it opened.
    pub open_time: Timestamp,
    /// Why it cannot be.
    pub why: String,
}

/// What a venue gave of a span of its past. Made from its answer by [`PastBars::of`] alone, so that no venue leaves out a bar in
/// silence, or lets a time of which it says nothing pass for one without trades.
#[derive(Clone, Debug, PartialEq)]
pub struct PastBars {
    bars: BTreeMap<Timestamp, Bar>,
    kept_off: BTreeMap<Timestamp, String>,
    since: Timestamp,
}

impl PastBars {
    /// Of the rows of an answer, checked here and nowhere else, those of whole bars that open at or after `from` and close at or
    /// before `to`: each once; of two of one time the later counts, unless it cannot be. The last row, where it does not begin where
    /// bars of this length do, is the one in the making of some venues and is none; of any other that does not, the bar in which it
    /// begins is kept off, unless there is another row of it.
    #[must_use]
    pub fn of(
        rows: impl IntoIterator<Item = Bar>,
        timeframe: Timeframe,
        (from, to): (Timestamp, Timestamp),
        reach: Reach,
    ) -> Self {
        let since = match reach {
            Reach::Since(time) if time > from => first_from(timeframe, time),
            _ => from,
        };
        let (mut bars, mut kept_off) = (BTreeMap::new(), BTreeMap::new());
        let rows: Vec<Bar> = rows.into_iter().collect();
        let last = rows.iter().map(|row| row.open_time).max();
        for row in rows {
            let open = timeframe.floor(row.open_time);
            let is_whole = row.open_time == open;
            let is_in_the_making = !is_whole && Some(row.open_time) == last;
            if is_in_the_making || open < from || timeframe.close_of(open) > to {
                continue;
            }
            let checked = if is_whole {
                reading::bar(row)
            } else {
                Err(format!("a bar of {timeframe} that begins at {}", row.open_time))
            };
            match checked {
                Ok(bar) => drop(bars.insert(open, bar)),
                Err(why) => drop(kept_off.insert(open, why)),
            }
        }
        kept_off.retain(|open, _| !bars.contains_key(open));
        Self {
            bars,
            kept_off,
            since,
        }
    }

    /// The bars, oldest first.
    pub fn bars(&self) -> impl Iterator<Item = &Bar> {
        self.bars.values()
    }

    /// The bars, oldest first, of who needs nothing else.
    #[must_use]
    pub fn into_bars(self) -> Vec<Bar> {
        self.bars.into_values().collect()
    }

    /// The bars that the venue gave and that cannot be, oldest first.
    pub fn kept_off(&self) -> impl Iterator<Item = KeptOffBar> {
        let each = |(open_time, why): (&Timestamp, &String)| KeptOffBar {
            open_time: *open_time,
            why: why.clone(),
        };
        self.kept_off.iter().map(each)
    }

    /// From when on they are all that there were.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether the venue gave nothing at all, possible or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bars.is_empty() && self.kept_off.is_empty()
    }

    /// When the last thing opened that the venue gave.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        let last = |times: Option<&Timestamp>| times.copied();
        last(self.bars.keys().next_back()).max(last(self.kept_off.keys().next_back()))
    }

    /// The next page, of the time after this one.
    pub(crate) fn followed_by(&mut self, (from, next): (Timestamp, Self)) {
        if next.since > from {
            self.since = next.since;
        }
        self.bars.extend(next.bars);
        self.kept_off.extend(next.kept_off);
    }

    /// What another source has of the time before [`PastBars::since`].
    pub(crate) fn preceded_by(&mut self, before: Self) {
        let since = self.since;
        self.bars.extend(before.bars.range(..since));
        let kept_off = before.kept_off.into_iter().filter(|(open, _)| *open < since);
        self.kept_off.extend(kept_off);
        self.since = before.since;
    }

    /// Keeps off a bar that is `factor` times as high or as low as what was before, unless what follows goes on there: one that jumps
    /// and comes back, or of which nothing says yet whether it does. A level that changes and stays is believed. Of bars of a minute or
    /// less each price counts; in longer ones a price may go that far and come back, and only a bar that lies there whole is kept off.
    /// The first bar has nothing before it.
    pub(crate) fn keep_off_jumps(&mut self, timeframe: Timeframe, factor: f64) {
        let bars: Vec<Bar> = self.bars.values().copied().collect();
        let is_near = |price: f64, other: f64| price < other * factor && price * factor > other;
        let is_brief = timeframe.nanos() <= LONG;
        let mut believed: Option<f64> = None;
        for (index, bar) in bars.iter().enumerate() {
            let is_away = |before: f64| {
                let (high, low) = (is_near(bar.high, before), is_near(bar.low, before));
                if is_brief { !(high && low) } else { !(high || low) }
            };
            let Some(before) = believed.filter(|before| is_away(*before)) else {
                believed = Some(bar.close);
                continue;
            };
            let mut after = bars[index + 1..]
                .iter()
                .enumerate()
                .take_while(|(count, next)| *count == 0 || next.open_time.since(bar.open_time) <= LONG)
                .map(|(_, next)| next.open)
                .peekable();
            let goes_on = after.peek().is_some() && after.all(|open| is_near(open, bar.close));
            if goes_on && !is_near(bar.close, before) {
                believed = Some(bar.close);
                continue;
            }
            let why = format!(
                "from {} to {} beside {before}, and what follows does not go on there",
                bar.low, bar.high
            );
            self.bars.remove(&bar.open_time);
            self.kept_off.insert(bar.open_time, why);
        }
    }
}

/// The first moment from `time` on at which a bar opens.
fn first_from(timeframe: Timeframe, time: Timestamp) -> Timestamp {
    let floor = timeframe.floor(time);
    if floor < time {
        timeframe.close_of(floor)
    } else {
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTOR: f64 = 5.0;

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_secs(60 * number)
    }

    fn at(number: i64, price: f64) -> Bar {
        Bar {
            open_time: minute(number),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 1.0,
        }
    }

    fn of(rows: Vec<Bar>, (from, to): (i64, i64), reach: Reach) -> PastBars {
        PastBars::of(rows, Timeframe::MINUTE, (minute(from), minute(to)), reach)
    }

    /// Which of bars one after another are kept off as jumps, by their number.
    fn jumps(timeframe: Timeframe, bars: &[Bar]) -> Vec<usize> {
        let place = |index: usize| Timestamp::from_nanos(timeframe.nanos() * index as i64);
        let rows = bars.iter().enumerate().map(|(index, bar)| Bar {
            open_time: place(index),
            ..*bar
        });
        let mut past = PastBars::of(rows, timeframe, (place(0), place(bars.len())), Reach::Whole);
        past.keep_off_jumps(timeframe, FACTOR);
        let kept: Vec<Timestamp> = past.bars.keys().copied().collect();
        let is_off = |index: &usize| !kept.contains(&place(*index));
        let off: Vec<usize> = (0..bars.len()).filter(is_off).collect();
        assert_eq!(off.len(), past.kept_off.len(), "each is named");
        off
    }

    fn level_jumps(timeframe: Timeframe, prices: &[f64]) -> Vec<usize> {
        let bars: Vec<Bar> = prices.iter().map(|price| at(0, *price)).collect();
        jumps(timeframe, &bars)
    }

    #[test]
    fn bars_are_given_once_in_order_and_only_closed_ones() {
        let rows = [(3, 3.0), (1, 1.0), (2, 2.0), (2, 2.5), (4, 4.0), (0, 1.0)];
        let mut rows: Vec<Bar> = rows
            .into_iter()
            .map(|(number, price)| at(number, price))
            .collect();
        // One in the making, as of its last trade.
        rows.push(Bar {
            open_time: minute(3).plus_nanos(1),
            ..at(3, 9.0)
        });
        let past = PastBars::of(
            rows,
            Timeframe::MINUTE,
            (minute(1), minute(4).plus_nanos(1)),
            Reach::Whole,
        );
        assert_eq!(past.kept_off().count(), 0);
        assert_eq!(past.since(), minute(1));
        assert_eq!(past.into_bars(), [at(1, 1.0), at(2, 2.5), at(3, 3.0)]);
    }

    #[test]
    fn a_bar_that_cannot_be_is_named_and_the_others_are_kept() {
        for price in [0.0, -1.0, 1e300, f64::NAN, f64::INFINITY] {
            let past = of(vec![at(0, 1.0), at(1, price), at(2, 1.0)], (0, 3), Reach::Whole);
            let named: Vec<KeptOffBar> = past.kept_off().collect();
            assert_eq!(named.len(), 1, "{price}");
            assert_eq!(named[0].open_time, minute(1), "{price}");
            assert_eq!(past.last(), Some(minute(2)));
            assert_eq!(past.into_bars(), [at(0, 1.0), at(2, 1.0)], "{price}");
        }
        // Said again as it can be, it can be.
        for rows in [[at(0, 0.0), at(0, 1.0)], [at(0, 1.0), at(0, 0.0)]] {
            let past = of(rows.to_vec(), (0, 1), Reach::Whole);
            assert_eq!((past.kept_off().count(), past.into_bars()), (0, vec![at(0, 1.0)]));
        }
        // A page of nothing else is not the end.
        let past = of(vec![at(0, 0.0)], (0, 9), Reach::Whole);
        assert_eq!((past.is_empty(), past.last()), (false, Some(minute(0))));
    }

    #[test]
    fn a_row_that_begins_where_no_bar_does_is_no_silence() {
        // Hours that begin with a session at half past nine.
        let rows = || [at(90, 1.0), at(150, 1.0), at(210, 1.0)];
        let hours =
            |rows: Vec<Bar>| PastBars::of(rows, Timeframe::HOUR, (minute(60), minute(600)), Reach::Whole);
        let past = hours(rows().to_vec());
        let named: Vec<Timestamp> = past.kept_off().map(|bar| bar.open_time).collect();
        assert_eq!(named, [minute(60), minute(120)], "the last is in the making");
        assert!(
            past.kept_off()
                .all(|bar| bar.why.starts_with("a bar of 1h that begins at "))
        );
        assert_eq!(past.into_bars(), []);
        // Where the bar is there too, nothing is missing.
        let past = hours(rows().into_iter().chain([at(60, 1.0)]).collect());
        let named: Vec<Timestamp> = past.kept_off().map(|bar| bar.open_time).collect();
        assert_eq!((named, past.into_bars()), (vec![minute(120)], vec![at(60, 1.0)]));
    }

    #[test]
    fn it_is_whole_from_where_the_venue_reaches_on() {
        let since = |reach| of(vec![at(7, 1.0)], (5, 9), reach).since();
        assert_eq!(since(Reach::Whole), minute(5));
        assert_eq!(since(Reach::Since(minute(3))), minute(5));
        assert_eq!(since(Reach::Since(minute(7))), minute(7));
        assert_eq!(
            since(Reach::Since(minute(6).plus_nanos(1))),
            minute(7),
            "whole minutes"
        );
        assert_eq!(
            since(Reach::Since(minute(90))),
            minute(90),
            "beyond all that was asked for"
        );
    }

    #[test]
    fn pages_follow_each_other_and_another_source_has_what_is_older() {
        let mut past = of(vec![at(5, 1.0)], (4, 9), Reach::Since(minute(5)));
        past.followed_by((minute(6), of(vec![at(6, 1.0)], (6, 9), Reach::Whole)));
        assert_eq!(past.since(), minute(5));
        past.preceded_by(of(vec![at(4, 1.0), at(5, 2.0)], (4, 6), Reach::Whole));
        assert_eq!(past.since(), minute(4));
        assert_eq!(past.clone().into_bars(), [at(4, 1.0), at(5, 1.0), at(6, 1.0)]);
        // What ceased to be had between two pages is not known to have been empty.
        past.followed_by((minute(7), of(vec![at(8, 1.0)], (7, 9), Reach::Since(minute(8)))));
        assert_eq!(past.since(), minute(8));
    }

    #[test]
    fn a_lone_bar_that_jumps_and_comes_back_is_kept_off() {
        for timeframe in [Timeframe::MINUTE, Timeframe::HOUR, Timeframe::DAY] {
            assert_eq!(level_jumps(timeframe, &[50.0, 50.0, 500.0, 50.0]), [2]);
            assert_eq!(level_jumps(timeframe, &[50.0, 5.0, 50.0]), [1]);
            assert_eq!(level_jumps(timeframe, &[50.0, 500.0, 5_000.0, 50.0]), [1, 2]);
            assert_eq!(level_jumps(timeframe, &[50.0, 249.0, 50.0]), [0; 0]);
        }
        let seconds = Timeframe::from_secs(1).expect("a second");
        assert_eq!(
            level_jumps(seconds, &[50.0, 500.0, 500.0, 50.0]),
            [1, 2],
            "not a minute"
        );
    }

    #[test]
    fn a_level_that_changes_and_stays_is_believed() {
        assert_eq!(
            level_jumps(Timeframe::MINUTE, &[50.0, 50.0, 5.0, 5.1, 5.0]),
            [0; 0]
        );
        assert_eq!(
            level_jumps(Timeframe::MINUTE, &[50.0, 500.0, 500.0, 50.0, 50.0]),
            [0; 0]
        );
        // Within one bar, as in a crash that the next one goes on with.
        let crash = Bar {
            low: 4.0,
            close: 5.0,
            ..at(0, 50.0)
        };
        assert_eq!(
            jumps(Timeframe::MINUTE, &[at(0, 50.0), crash, at(0, 5.0)]),
            [0; 0]
        );
    }

    #[test]
    fn nothing_says_yet_whether_the_last_one_comes_back() {
        assert_eq!(level_jumps(Timeframe::MINUTE, &[50.0, 500.0]), [1]);
        // And nothing is before the first.
        assert_eq!(level_jumps(Timeframe::MINUTE, &[500.0, 50.0, 50.0]), [0; 0]);
    }

    #[test]
    fn one_price_of_a_minute_that_is_far_from_the_others_is_enough() {
        let spike = Bar {
            high: 500.0,
            ..at(0, 50.0)
        };
        let hole = Bar {
            low: 5.0,
            ..at(0, 50.0)
        };
        for strange in [spike, hole] {
            let bars = [at(0, 50.0), strange, at(0, 50.0)];
            assert_eq!(jumps(Timeframe::MINUTE, &bars), [1]);
            assert_eq!(
                jumps(Timeframe::DAY, &bars),
                [0; 0],
                "in a day a price may go far and come back"
            );
        }
    }
}
