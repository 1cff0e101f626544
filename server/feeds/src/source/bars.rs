//! Bars of minutes, of venues that tell nothing finer: each checked, once, and what is told of one later a correction.

use super::{Heard, Source, count};
use crate::quality::IncidentKind;
use papertape::market::Bar;
use papertape::model::{Timeframe, Timestamp};

/// Bars that were told and are remembered, to know again what is told once more and what is another.
const MOST_BARS: usize = 16;

impl Source {
    pub(super) fn bar(&mut self, bar: &Bar, is_closed: bool, received: Timestamp, heard: &mut Vec<Heard>) {
        let is_of_this = is_closed && self.traits.is_bars();
        if is_of_this && self.last_bar.is_some_and(|last| bar.open_time <= last.open_time) {
            self.bar_again(bar, received, heard);
            return;
        }
        let checked = bar
            .check()
            .map_err(|error| error.to_string())
            .and_then(|()| self.sanity.check(bar.close, received))
            .and_then(|()| {
                // The close is believed: the others are of the same minute.
                [("an open", bar.open), ("a high", bar.high), ("a low", bar.low)]
                    .into_iter()
                    .try_for_each(|(what, price)| self.sanity.beside(what, price, bar.close))
            })
            .and_then(|()| self.sane_time(bar.open_time, received));
        if let Err(why) = checked {
            self.kept_off(why, received, heard);
            if is_of_this {
                self.bar_lost(bar.open_time, received, heard);
            }
            return;
        }
        if !is_of_this {
            return;
        }
        if self.told_bars.len() >= MOST_BARS {
            self.told_bars.pop_front();
        }
        self.told_bars.push_back(*bar);
        self.last_bar = Some(*bar);
        heard.push(Heard::Bar(*bar));
    }

    /// A bar of a minute that has been told, or that later ones were told after: who is polled tells the last few each time.
    fn bar_again(&mut self, bar: &Bar, received: Timestamp, heard: &mut Vec<Heard>) {
        let Some(oldest) = self.told_bars.front().map(|told| told.open_time) else {
            return;
        };
        let known = self
            .told_bars
            .iter()
            .position(|told| told.open_time >= bar.open_time)
            .unwrap_or(0);
        let is_known = self.told_bars[known].open_time == bar.open_time;
        let is_same = is_known && self.told_bars[known] == *bar;
        let is_strange = bar.check().is_err() || !self.sanity.fits(bar.close);
        if is_known && !is_same && is_strange {
            let why = format!(
                "a bar of {} that closed at {} before",
                bar.close, self.told_bars[known].close
            );
            self.kept_off(why, received, heard);
            return;
        }
        // One that was kept off, and is told again, is on record.
        if bar.open_time < oldest || is_same || is_strange {
            self.counters.duplicates += 1;
            return;
        }
        if is_known {
            self.told_bars[known] = *bar;
        } else {
            self.told_bars.insert(known, *bar);
        }
        let detail = format!("the bar of {} closed at {}", bar.open_time, bar.close);
        let until = Timeframe::MINUTE.close_of(bar.open_time);
        let span = (bar.open_time, until);
        heard.push(count(IncidentKind::Correction, "bar", span.0, span.1, 1, detail));
    }

    /// Nothing else tells of the minute of a bar that was kept off. Once a later one is told it is on record, however often it is told.
    #[cold]
    pub(super) fn bar_lost(&mut self, open_time: Timestamp, received: Timestamp, heard: &mut Vec<Heard>) {
        let is_old = self.last_bar.is_some_and(|last| open_time <= last.open_time);
        if is_old || self.sane_time(open_time, received).is_err() {
            return;
        }
        let why = "a bar was kept off".to_owned();
        let close = Timeframe::MINUTE.close_of(open_time);
        heard.push(count(IncidentKind::Gap, "bar kept off", open_time, close, 1, why));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Line, SLOT, at, traits};
    use super::super::{Channels, SourceTraits, Trouble, TroubleAct};
    use super::*;
    use crate::venue::Told;

    /// A venue that tells bars and nothing else.
    fn line() -> Line {
        Line::new(SourceTraits {
            channels: Channels {
                bars: true,
                ..Channels::default()
            },
            ..traits()
        })
    }

    fn bar(minute: i64, price: f64) -> Told {
        Told::Bar {
            slot: SLOT,
            bar: Bar {
                open_time: at(minute * 60_000),
                open: price,
                high: price,
                low: price,
                close: price,
                volume: 1.0,
            },
            is_closed: true,
        }
    }

    #[test]
    fn a_bar_that_is_kept_off_of_a_source_of_bars_is_a_gap() {
        let mut line = line();
        for (minute, price) in [(0, 100.0), (1, 100.5), (2, 1_005.0)] {
            line.tell(&bar(minute, price), at((minute + 1) * 60_000));
        }
        let gap = |from: i64, to: i64| {
            Heard::Trouble(Trouble {
                kind: IncidentKind::Gap,
                cause: "bar kept off",
                act: TroubleAct::Count(at(from), at(to), 1, "a bar was kept off".to_owned()),
            })
        };
        assert!(line.heard.contains(&gap(120_000, 180_000)), "{:?}", line.heard);
        // It is told again when a later one has come, as is one that its reader refused: nothing of later minutes is missing.
        line.tell(&bar(3, 100.0), at(240_000));
        line.heard.clear();
        line.tell(&bar(2, 1_005.0), at(240_000));
        let refused = |minute: i64| Told::BarLost {
            slot: SLOT,
            open_time: at(minute * 60_000),
        };
        line.tell(&refused(2), at(240_000));
        assert_eq!(line.heard, []);
        line.tell(&refused(4), at(300_000));
        assert_eq!(line.heard, [gap(240_000, 300_000)]);
    }

    #[test]
    fn a_bar_that_is_told_again_as_one_that_cannot_be_is_kept_off() {
        let mut line = line();
        for minute in 0..3 {
            line.tell(&bar(minute, 100.0), at((minute + 1) * 60_000));
        }
        line.heard.clear();
        line.tell(&bar(2, 1_000.0), at(185_000));
        assert!(
            line.is_on_record(
                IncidentKind::Quarantine,
                "a bar of 1000 that closed at 100 before"
            ),
            "{:?}",
            line.heard
        );
        let counters = &line.source.counters;
        assert_eq!((counters.quarantined, counters.duplicates), (1, 0));
        assert!(!line.heard.iter().any(|heard| matches!(heard, Heard::Bar(_))));
    }

    #[test]
    fn bars_that_are_told_again_say_nothing_and_others_correct_them() {
        let mut line = line();
        let poll = |line: &mut Line, minutes: std::ops::Range<i64>, second: f64| {
            let end = at(minutes.end * 60_000);
            for minute in minutes {
                line.tell(&bar(minute, if minute == 2 { second } else { 100.0 }), end);
            }
        };
        poll(&mut line, 0..5, 100.0);
        poll(&mut line, 1..6, 100.0);
        let bars = |line: &Line| {
            line.heard
                .iter()
                .filter(|heard| matches!(heard, Heard::Bar(_)))
                .count()
        };
        assert_eq!((bars(&line), line.source.counters.duplicates), (6, 4));
        let corrected = |line: &Line| {
            let all = line.heard.iter().filter_map(|heard| match heard {
                Heard::Trouble(Trouble {
                    kind: IncidentKind::Correction,
                    act: TroubleAct::Count(from, to, ..),
                    ..
                }) => Some((*from, *to)),
                _ => None,
            });
            all.collect::<Vec<_>>()
        };
        assert_eq!(corrected(&line), []);
        // Another bar of a minute, which is told again then.
        poll(&mut line, 2..7, 101.0);
        poll(&mut line, 2..7, 101.0);
        assert_eq!(corrected(&line), [(at(120_000), at(180_000))]);
        assert_eq!(bars(&line), 7);
    }
}
