//! Missing trades: waited for, asked for, given up.

use super::{Heard, Link, Sanity, Source, Taken, Want, begin, count, end, millis};
use crate::quality::IncidentKind;
use crate::venue::{FeedError, TradesFrom};
use papertape::market::TradeTick;
use papertape::model::Timestamp;

/// How far the search for missing trades is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TradeGap {
    #[default]
    None,
    /// They may still come by themselves.
    Waiting(Timestamp),
    /// They were asked for, and the answer is on its way or not.
    Asked {
        since: Timestamp,
        is_under_way: bool,
        next: Timestamp,
    },
}

/// What is known while missing trades are asked for.
#[derive(Clone, Debug)]
pub(super) struct Backfill {
    /// What is asked for next.
    pub(super) from: TradesFrom,
    /// The first trade that the stream told since, and its time: where an answer reaches it, nothing is missing any more.
    pub(super) first_live: Option<(u64, Timestamp)>,
    /// How many came.
    came: u64,
    /// Why the last question had no answer.
    error: Option<String>,
}

impl Default for Backfill {
    fn default() -> Self {
        let (id, time) = (0, Timestamp::EPOCH);
        Self {
            from: TradesFrom { id, time },
            first_live: None,
            came: 0,
            error: None,
        }
    }
}

impl Source {
    /// Trades that were asked for came, or did not.
    pub(crate) fn trades_came(
        &mut self,
        answer: Result<Vec<(u64, TradeTick)>, FeedError>,
        received: Timestamp,
        heard: &mut Vec<Heard>,
        wants: &mut Vec<Want>,
    ) {
        let TradeGap::Asked { since, .. } = self.gap else {
            return;
        };
        let first_waiting = self.trades.first_waiting();
        let trades = match answer {
            Ok(trades) => trades,
            Err(error) => {
                tracing::debug!(%error, "missing trades did not come");
                self.backfill.error = Some(error.to_string());
                if is_final(&error) && !self.is_price_open() {
                    self.give_up_trades(received, heard);
                } else {
                    self.ask_again(since, received, 1_000);
                }
                return;
            }
        };
        let mut came = 0;
        let (mut first, mut last) = (received, Timestamp::EPOCH);
        let asked = self.backfill.from.time;
        let is_joined = if self.traits.has_consecutive_trades {
            first_waiting.is_some_and(|first| trades.iter().any(|(id, _)| *id >= first))
        } else {
            let live = self.backfill.first_live;
            let is_live = |it: &TradeTick, at: Timestamp| it.time.millis() == at.millis();
            live.is_some_and(|(live, at)| {
                let mut told = trades.iter();
                told.any(|(id, it)| it.time > at || (*id == live && is_live(it, at)))
            })
        };
        let confirmed = self.confirmed(&trades);
        let mut is_sane = true;
        for (id, trade) in trades {
            let from = &mut self.backfill.from;
            from.id = from.id.max(id.saturating_add(1));
            let is_confirmed = confirmed.iter().any(|price| Sanity::agree(*price, trade.price));
            if is_confirmed && !self.sanity.fits(trade.price) {
                self.sanity.confirm(trade.price);
            }
            let checked = self.sane_trade(&trade, received, heard);
            let told = self.last_trade.map(|told| told.time);
            if !self.traits.has_consecutive_trades && told.is_some_and(|told| trade.time < told) {
                // Told before, or between answers that told what was newer: the order is not turned round for it.
                continue;
            }
            let Some(trade) = checked else {
                // Where numbers have holes nothing else would show that it is missing.
                if !self.traits.has_consecutive_trades {
                    let is_of_price = self.sanity.is_strange(trade.price);
                    let is_new = self.trades.told(id, &trade).is_none();
                    is_sane &= !(self.trades.doubt(id, trade, is_of_price) && is_new);
                }
                continue;
            };
            let from = &mut self.backfill.from;
            from.time = from.time.max(trade.time);
            if self.was_told_unnumbered(id, &trade) {
                continue;
            }
            let taken = self.trades.take(id, trade, &mut self.released);
            self.note_taken(id, taken, received, heard);
            if !matches!(taken, Taken::Duplicate | Taken::Absurd) {
                came += 1;
                (first, last) = (first.min(trade.time), last.max(trade.time));
            }
        }
        // The venue gives so many at once: all have come when those that wait are reached, or nothing new comes. Where numbers
        // do not say what is new, a later time does.
        let is_later = !self.traits.has_consecutive_trades && self.backfill.from.time > asked;
        if !is_sane {
            self.backfill.from.time = asked;
        }
        let is_done = is_sane && (is_joined || (came == 0 && !is_later));
        let is_all = is_done && (self.trades.missing() == 0 || !self.traits.has_consecutive_trades);
        let missing = if is_all {
            self.trades.answered(&mut self.released)
        } else {
            0
        };
        self.counters.lost += missing;
        if came == 0 {
            // What was kept off of an answer is asked for once more.
            self.backfill.from.id = self.next_trade();
        }
        self.counters.backfilled += came;
        self.backfill.came += came;
        self.backfill.error = None;
        self.release(heard);
        if came > 0 {
            let detail = "missing trades were asked for and came".to_owned();
            heard.push(count(IncidentKind::Backfill, "trades", first, last, came, detail));
        }
        if is_all {
            self.trades_whole(received, missing, heard);
        } else {
            // Or it does not have the last ones yet.
            let is_moving = is_sane && (came > 0 || is_later);
            self.ask_again(since, received, if is_moving { 0 } else { 500 });
            self.tick_trades(received, heard, wants);
        }
    }

    /// Goes on without those that did not come, and says so.
    fn give_up_trades(&mut self, now: Timestamp, heard: &mut Vec<Heard>) {
        if self.trades.missing() > 0 {
            // After a break nobody knew yet that something was missing.
            let (from, why) = self.missing_trades(now);
            heard.push(begin(IncidentKind::Gap, "trades", from, why));
        } else if !self.traits.has_consecutive_trades && self.traits.has_trade_backfill {
            // No number would ever show it.
            let (from, came) = (self.backfill.from.time.min(now), self.backfill.came);
            let why = self.backfill.error.take();
            let why = why.unwrap_or_else(|| "there was no end of them".to_owned());
            let why = format!("trades after a break were asked for, {came} came, and then no more: {why}");
            heard.push(count(IncidentKind::Gap, "backfill", from, now, 1, why));
        }
        let missing = self.trades.give_up(&mut self.released);
        self.counters.lost += missing;
        self.release(heard);
        self.trades_whole(now, missing, heard);
    }

    pub(super) fn ask_for_trades(&mut self, now: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        let time = self.last_trade.map_or(Timestamp::EPOCH, |trade| trade.time);
        let from = TradesFrom {
            id: self.next_trade(),
            time,
        };
        self.backfill = Backfill {
            from,
            ..Backfill::default()
        };
        self.gap = TradeGap::Asked {
            since: now,
            is_under_way: true,
            next: now,
        };
        self.is_changed = true;
        if self.trades.missing() > 0 {
            let (from_time, why) = self.missing_trades(now);
            heard.push(begin(IncidentKind::Gap, "trades", from_time, why));
        }
        wants.push(Want::Trades(from));
    }

    /// The number after the last.
    fn next_trade(&self) -> u64 {
        self.trades.last().map_or(0, |last| last.saturating_add(1))
    }

    pub(super) fn ask_again(&mut self, since: Timestamp, now: Timestamp, after_millis: i64) {
        self.gap = TradeGap::Asked {
            since,
            is_under_way: false,
            next: now.plus_nanos(after_millis * 1_000_000),
        };
    }

    pub(super) fn missing_trades(&self, now: Timestamp) -> (Timestamp, String) {
        let from = self.last_trade.map_or(now, |trade| trade.time);
        let next = self.trades.last().map_or(0, |last| last + 1);
        let missing = self.trades.missing();
        (from, format!("{missing} trades from number {next} are missing"))
    }

    pub(super) fn tick_trades(&mut self, now: Timestamp, heard: &mut Vec<Heard>, wants: &mut Vec<Want>) {
        if !self.sanity.is_open() {
            self.believe_doubted(now, heard);
        }
        match self.gap {
            TradeGap::None => {}
            TradeGap::Waiting(_) if self.link == Link::Down => {}
            TradeGap::Waiting(since) => {
                if now.since(since) < millis(self.thresholds.reorder_ms) {
                    return;
                }
                if self.traits.has_trade_backfill {
                    let first_live = self.backfill.first_live;
                    self.ask_for_trades(now, heard, wants);
                    self.backfill.first_live = first_live;
                } else {
                    // Nobody to ask: on record, for one tick in which nothing fills, and on.
                    let (from, why) = self.missing_trades(now);
                    heard.push(begin(IncidentKind::Gap, "trades", from, why));
                    self.gap = TradeGap::Asked {
                        since: now.plus_nanos(-millis(self.thresholds.backfill_ms)),
                        is_under_way: false,
                        next: now.plus_nanos(1),
                    };
                    self.is_changed = true;
                }
            }
            TradeGap::Asked {
                since,
                is_under_way,
                next,
            } => {
                let is_over = now.since(since) >= millis(self.thresholds.backfill_ms) && now >= next;
                let can_ask = self.traits.has_trade_backfill && self.link != Link::Down;
                if is_over && !self.is_price_open_at(now, since) {
                    self.give_up_trades(now, heard);
                } else if can_ask && !is_under_way && now >= next {
                    self.gap = TradeGap::Asked {
                        since,
                        is_under_way: true,
                        next,
                    };
                    self.backfill.from.id = self.backfill.from.id.max(self.next_trade());
                    wants.push(Want::Trades(self.backfill.from));
                }
            }
        }
    }

    pub(super) fn trades_whole(&mut self, now: Timestamp, missing: u64, heard: &mut Vec<Heard>) {
        (self.gap, self.is_changed) = (TradeGap::None, true);
        let Backfill { came, error, .. } = std::mem::take(&mut self.backfill);
        let detail = (missing > 0).then(|| {
            let came = if came > 0 {
                format!(", {came} did")
            } else {
                String::new()
            };
            let why = error.map_or_else(String::new, |why| format!(": {why}"));
            format!("{missing} trades never came{came}{why}")
        });
        heard.push(end(IncidentKind::Gap, "trades", now, missing, detail));
    }
}

/// Whether asking again says the same.
const fn is_final(error: &FeedError) -> bool {
    matches!(
        error,
        FeedError::Unauthorized { .. } | FeedError::Unsupported { .. } | FeedError::MissingKey { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Thresholds;
    use crate::source::{
        SourceTraits, Trouble, TroubleAct,
        tests::{grid, traits},
    };
    use crate::venue::{Slot, Told};
    use papertape::model::Side;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_secs(1_723_118_400).plus_nanos(millis * 1_000_000)
    }

    fn tick(millis: i64) -> TradeTick {
        TradeTick {
            time: at(millis),
            price: 100.0,
            size: millis as f64 + 1.0,
            aggressor: Side::Buy,
        }
    }

    /// A source, what it said and what it asked for.
    struct Line {
        source: Source,
        heard: Vec<Heard>,
        wants: Vec<Want>,
    }

    impl Line {
        /// Connected at 0, with these trades told in the millisecond of their own.
        fn new(has_consecutive_trades: bool, told: &[(u64, i64)]) -> Self {
            let traits = SourceTraits {
                has_trade_backfill: true,
                has_consecutive_trades,
                ..traits()
            };
            let mut line = Self {
                source: Source::new(traits, grid(), &Thresholds::default()),
                heard: Vec::new(),
                wants: Vec::new(),
            };
            line.source.connected(at(0), &mut line.heard);
            line.tell(told);
            line
        }

        fn tell(&mut self, told: &[(u64, i64)]) {
            for (id, millis) in told {
                let told = Told::Trade {
                    slot: Slot(0),
                    id: Some(*id),
                    trade: tick(*millis),
                };
                self.source
                    .told(&told, at(*millis), &mut self.heard, &mut self.wants);
            }
        }

        fn answer(&mut self, trades: &[(u64, i64)], millis: i64) {
            let trades = trades.iter().map(|(id, millis)| (*id, tick(*millis))).collect();
            self.source
                .trades_came(Ok(trades), at(millis), &mut self.heard, &mut self.wants);
        }

        /// The milliseconds of the trades that were heard since.
        fn trades(&mut self) -> Vec<i64> {
            let trades = self.heard.iter().filter_map(|heard| match heard {
                Heard::Trade(trade) => Some(trade.time.since(at(0)) / 1_000_000),
                _ => None,
            });
            trades.collect()
        }

        fn counted(&self, kind: IncidentKind, cause: &str) -> Vec<(u64, &str)> {
            let troubles = self.heard.iter().filter_map(|heard| match heard {
                Heard::Trouble(Trouble {
                    kind: of,
                    cause: by,
                    act: TroubleAct::Count(_, _, count, why),
                }) if *of == kind && *by == cause => Some((*count, why.as_str())),
                _ => None,
            });
            troubles.collect()
        }
    }

    #[test]
    fn where_numbers_have_holes_what_a_break_cost_is_asked_for_by_its_time() {
        // Numbers of two exchanges: those of the second are higher, whenever it was.
        let mut line = Line::new(false, &[(10, 1), (900, 2), (14, 3)]);
        assert_eq!(line.trades(), [1, 2, 3]);
        line.source.disconnected(at(10), "it broke", &mut line.heard);
        line.source.connected(at(5_000), &mut line.heard);
        line.heard.clear();
        // The first sign of life asks; what is told meanwhile waits.
        line.tell(&[(60, 5_001), (61, 5_002)]);
        let from = TradesFrom { id: 901, time: at(3) };
        assert_eq!(line.wants, [Want::Trades(from)]);
        assert_eq!(line.trades(), [0_i64; 0]);
        // Pages with what is known, what is not, and at last what waits.
        line.wants.clear();
        line.answer(&[(900, 2), (14, 3), (905, 20), (20, 30)], 5_003);
        assert!(
            matches!(line.wants[..], [Want::Trades(from)] if from.time == at(30)),
            "{:?}",
            line.wants
        );
        assert_eq!(line.trades(), [0_i64; 0]);
        line.wants.clear();
        line.answer(&[(20, 30), (25, 40), (907, 50), (60, 5_001)], 5_004);
        assert_eq!(line.trades(), [20, 30, 40, 50, 5_001, 5_002]);
        assert_eq!(line.wants, []);
        let backfilled: u64 = line
            .counted(IncidentKind::Backfill, "trades")
            .iter()
            .map(|(count, _)| count)
            .sum();
        assert_eq!((backfilled, line.source.counters.backfilled), (4, 4));
        assert_eq!(line.counted(IncidentKind::Gap, "backfill"), []);
    }

    #[test]
    fn that_it_could_not_be_asked_for_is_on_record() {
        let refused = FeedError::Unauthorized {
            venue: "venue".to_owned(),
            detail: "not in your plan".to_owned(),
        };
        let down = FeedError::Trouble {
            venue: "venue".to_owned(),
            said: "500".to_owned(),
        };
        for (error, is_at_once) in [(refused, true), (down, false)] {
            let mut line = Line::new(false, &[(10, 1), (11, 2)]);
            line.source.disconnected(at(10), "it broke", &mut line.heard);
            line.source.connected(at(5_000), &mut line.heard);
            line.tell(&[(60, 5_001)]);
            line.heard.clear();
            let why = error.to_string();
            line.source
                .trades_came(Err(error), at(5_002), &mut line.heard, &mut line.wants);
            assert_eq!(line.trades() == [5_001], is_at_once, "{why}");
            line.source.tick(at(60_000), &mut line.heard, &mut line.wants);
            assert_eq!(line.trades(), [5_001], "{why}");
            let [(1, said)] = line.counted(IncidentKind::Gap, "backfill")[..] else {
                panic!("{why}: {:?}", line.heard);
            };
            assert!(said.ends_with(&why), "{said}");
        }
    }

    #[test]
    fn where_numbers_have_holes_what_makes_no_sense_is_asked_for_as_a_trade() {
        let mut line = Line::new(false, &[(10, 1), (12, 2)]);
        line.source.undecodable("half a frame", at(5), &mut line.heard);
        // What follows waits for what may be missing before it.
        line.tell(&[(15, 6)]);
        assert_eq!(line.trades(), [1, 2]);
        line.source.tick(at(1_000), &mut line.heard, &mut line.wants);
        let from = TradesFrom { id: 13, time: at(2) };
        assert_eq!(line.wants, [Want::Trades(from)]);
        line.answer(&[(12, 2), (13, 4), (15, 6)], 1_010);
        assert_eq!(line.trades(), [1, 2, 4, 6]);
        assert_eq!(line.counted(IncidentKind::Gap, "nonsense"), []);
        assert!(line.source.fault(at(1_010), true).is_none());
        // Again and again is on record, and not asked for each time.
        line.wants.clear();
        let kept_off = Told::TradeLost { slot: Some(Slot(0)) };
        for millis in [1_100, 1_200] {
            let (heard, wants) = (&mut line.heard, &mut line.wants);
            line.source.told(&kept_off, at(millis), heard, wants);
        }
        line.source.tick(at(3_000), &mut line.heard, &mut line.wants);
        assert_eq!(line.wants, []);
        assert_eq!(line.counted(IncidentKind::Gap, "nonsense").len(), 2);
        // Where they are consecutive the numbers show it.
        let mut line = Line::new(true, &[(10, 1), (11, 2)]);
        line.source.undecodable("half a frame", at(5), &mut line.heard);
        line.tell(&[(12, 6)]);
        assert_eq!(line.trades(), [1, 2, 6]);
    }

    #[test]
    fn an_answer_with_a_trade_that_cannot_be_is_asked_for_again_and_what_stays_away_is_on_record() {
        let strange = |price: f64| TradeTick { price, ..tick(20) };
        for (again, told, missing) in [
            (strange(100.0), vec![1, 2, 20, 40, 5_001], 0),
            (strange(0.0), vec![1, 2, 40, 5_001], 1),
        ] {
            let mut line = Line::new(false, &[(10, 1), (11, 2)]);
            line.source.disconnected(at(10), "it broke", &mut line.heard);
            line.source.connected(at(5_000), &mut line.heard);
            line.tell(&[(60, 5_001)]);
            let live = (60, tick(5_001));
            let answer = |line: &mut Line, trades: Vec<(u64, TradeTick)>, millis| {
                line.wants.clear();
                let (heard, wants) = (&mut line.heard, &mut line.wants);
                line.source.trades_came(Ok(trades), at(millis), heard, wants);
            };
            answer(&mut line, vec![(30, strange(-1.0)), live], 5_010);
            assert_eq!(line.trades(), [1, 2], "{again:?}");
            line.source.tick(at(6_000), &mut line.heard, &mut line.wants);
            assert!(
                matches!(line.wants[..], [Want::Trades(from)] if from.time == at(2)),
                "{again:?}: {:?}",
                line.wants
            );
            // It is asked for again once; what is on the pages after it comes either way.
            answer(&mut line, vec![(30, again), (31, tick(40))], 6_010);
            line.source.tick(at(6_600), &mut line.heard, &mut line.wants);
            assert!(
                matches!(line.wants[..], [Want::Trades(from)] if from.time == at(40)),
                "{again:?}: {:?}",
                line.wants
            );
            answer(&mut line, vec![(31, tick(40)), live], 6_610);
            for second in 7..90 {
                line.source
                    .tick(at(second * 1_000), &mut line.heard, &mut line.wants);
            }
            assert_eq!(line.trades(), told, "{again:?}");
            assert_eq!(line.source.counters.lost, missing, "{again:?}");
        }
    }

    #[test]
    fn an_answer_may_show_that_numbers_begin_anew() {
        let mut line = Line::new(true, &[(1_000, 1), (1_001, 2), (1_003, 3)]);
        line.source.tick(at(1_000), &mut line.heard, &mut line.wants);
        let from = TradesFrom {
            id: 1_002,
            time: at(2),
        };
        assert_eq!(line.wants, [Want::Trades(from)]);
        (line.heard, line.wants) = Default::default();
        // Newer than all that was told, with numbers that are low.
        let anew: Vec<(u64, i64)> = (1..=8).map(|id| (id, 100 + id as i64)).collect();
        line.answer(&anew, 1_010);
        assert_eq!(
            line.counted(IncidentKind::Gap, "numbers"),
            [(1, "the numbers of trades begin anew")]
        );
        assert_eq!(line.source.counters.lost, 1, "number 1002 never came");
        assert_eq!(line.trades(), [3, 101, 102, 103, 104, 105, 106, 107, 108]);
        // On from there.
        line.source.tick(at(2_000), &mut line.heard, &mut line.wants);
        assert!(
            matches!(line.wants[..], [Want::Trades(from)] if from.id == 9),
            "{:?}",
            line.wants
        );
        line.answer(&[], 2_010);
        line.heard.clear();
        line.tell(&[(9, 2_020)]);
        assert_eq!(line.trades(), [2_020]);
    }
}
