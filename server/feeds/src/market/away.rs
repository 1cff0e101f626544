//! What is told after a venue was away: what was traded meanwhile in its own time and once, and nothing of before as if it were now.

use super::*;
use crate::source::tests::traits;
use crate::venue::Slot;
use papertape::market::{MarketEvent, Quote};
use papertape::model::Side;
use std::time::Duration;

const SLOT: Slot = Slot(0);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_secs(1_723_118_400).plus_nanos(millis * 1_000_000)
}

fn tick(millis: i64) -> TradeTick {
    TradeTick {
        time: at(millis),
        price: 100.0,
        size: millis as f64,
        aggressor: Side::Buy,
    }
}

/// A market with one source, whose numbers have holes and that can be asked for past trades by their time.
struct Line(Market);

impl Line {
    /// Connected at 0; a trade and a quote a second until 3 s, and a tick every tenth.
    fn new() -> Self {
        let instrument = papertape::testkit::instrument();
        let place = PlaceConfig {
            name: "it".into(),
            traits: SourceTraits {
                has_trade_backfill: true,
                has_consecutive_trades: false,
                stale_after: Duration::from_secs(60),
                ..traits()
            },
            is_barred: false,
            instrument: instrument.clone(),
        };
        let config = MarketConfig {
            instrument,
            places: vec![place],
            thresholds: Thresholds::default(),
            hold_on_divergence: false,
            recorded_until: None,
            first_incident: 1,
        };
        let mut line = Self(Market::new(config, at(0)));
        line.0.connected(0, at(0));
        for millis in [1_000, 2_000, 3_000] {
            line.pass(millis - 1_000, millis);
            line.trade(millis as u64, millis, millis);
            line.quote(millis + 10, 100.0);
        }
        line
    }

    /// Time passes, a tick every tenth of a second.
    fn pass(&mut self, from: i64, to: i64) {
        for millis in (from..to).step_by(100) {
            self.0.tick(at(millis));
        }
    }

    /// A trade numbered so, made and told in these milliseconds.
    fn trade(&mut self, id: u64, made: i64, told: i64) {
        self.tell_trade(Some(id), made, told);
    }

    fn tell_trade(&mut self, id: Option<u64>, made: i64, told: i64) {
        let trade = tick(made);
        let told_trade = Told::Trade {
            slot: SLOT,
            id,
            trade,
        };
        self.0.told(0, &told_trade, at(told));
    }

    fn quote(&mut self, millis: i64, bid: f64) {
        let quote = Quote {
            time: at(millis),
            bid,
            bid_size: 1.0,
            ask: bid + 1.0,
            ask_size: 1.0,
        };
        let told = Told::Quote {
            slot: SLOT,
            id: None,
            is_timed: true,
            quote,
        };
        self.0.told(0, &told, at(millis));
    }

    fn answer(&mut self, trades: &[i64], millis: i64) {
        let trades = trades.iter().map(|made| (*made as u64, tick(*made)));
        self.0.trades_came(0, Ok(trades.collect()), at(millis));
    }

    /// What was published since, with the milliseconds of its time; clocks say nothing.
    fn words(&mut self) -> Vec<String> {
        let millis = |time: Timestamp| time.since(at(0)) / 1_000_000;
        let word = |published: Published| {
            let at = millis(published.event.time());
            match published.event {
                // Its size says when it was made.
                MarketEvent::Trade(trade) => Some(format!("trade of {} at {at}", trade.size)),
                MarketEvent::Quote(quote) => Some(format!("quote {} at {at}", quote.bid)),
                MarketEvent::Status(_, status) => Some(format!("{status:?} at {at}")),
                _ => None,
            }
        };
        self.0.out().drain(..).filter_map(word).collect()
    }

    fn incidents(&self) -> Vec<String> {
        let found = self.0.log.between(at(-100_000), at(1_000_000));
        found
            .iter()
            .map(|it| format!("{:?}: {}", it.kind, it.detail))
            .collect()
    }
}

#[test]
fn what_was_traded_meanwhile_is_told_in_its_own_time_before_anything_newer() {
    let mut line = Line::new();
    line.words();
    line.pass(3_100, 3_300);
    line.0.disconnected(0, at(3_300), "it broke");
    line.pass(3_300, 5_000);
    line.0.connected(0, at(5_000));
    // Quotes and trades come before the answer does.
    line.quote(5_010, 101.0);
    line.trade(5_020, 5_020, 5_020);
    line.pass(5_100, 7_000);
    line.quote(7_000, 102.0);
    line.trade(7_010, 7_010, 7_010);
    line.answer(&[3_000, 3_400, 4_900, 5_020], 7_020);
    line.trade(7_030, 7_030, 7_030);
    assert_eq!(
        line.words(),
        [
            "Gap at 3010",
            "trade of 3400 at 3400",
            "trade of 4900 at 4900",
            "trade of 5020 at 5020",
            "trade of 7010 at 7010",
            "quote 102 at 7020",
            "Trading at 7020",
            "trade of 7030 at 7030",
        ]
    );
}

#[test]
fn what_comes_too_late_for_its_own_time_is_on_record() {
    let mut line = Line::new();
    line.0.disconnected(0, at(3_300), "it broke");
    // Nobody waits as long as that: sessions have a clock.
    line.pass(3_300, 30_000);
    line.0.connected(0, at(30_000));
    line.quote(30_010, 101.0);
    line.words();
    line.answer(&[3_000, 25_000, 30_005], 30_200);
    line.0.trades_came(0, Ok(Vec::new()), at(30_300));
    line.0.tick(at(31_300));
    line.0.trades_came(0, Ok(Vec::new()), at(31_310));
    let words = line.words();
    // The clock has told of as much, a second behind.
    assert_eq!(words[0], "trade of 25000 at 28300", "{words:?}");
    assert_eq!(words[1], "trade of 30005 at 30005", "{words:?}");
    let late = "Gap: a trade came after what followed it, and is told as of then";
    assert!(
        line.incidents().iter().any(|it| it == late),
        "{:?}",
        line.incidents()
    );
}

#[test]
fn what_was_polled_without_a_number_is_not_told_again_with_one() {
    let mut line = Line::new();
    line.0.disconnected(0, at(3_300), "it broke");
    line.pass(3_300, 6_000);
    line.0.polled(0, at(6_000));
    line.tell_trade(None, 5_500, 6_000);
    line.tell_trade(None, 5_500, 6_200);
    line.0.connected(0, at(7_000));
    line.trade(7_001, 7_001, 7_001);
    line.words();
    // Its second of the same moment is another one.
    line.answer(&[5_500, 6_500, 7_001], 7_100);
    line.answer(&[7_001], 7_200);
    assert_eq!(
        line.words(),
        [
            "trade of 6500 at 6500",
            "trade of 7001 at 7001",
            "Trading at 7100"
        ]
    );
}

#[test]
fn a_quote_of_before_is_none_of_now() {
    let mut line = Line::new();
    line.0.disconnected(0, at(3_300), "it broke");
    line.pass(3_300, 5_000);
    line.0.connected(0, at(5_000));
    line.words();
    line.trade(5_020, 5_020, 5_020);
    line.answer(&[5_020], 5_100);
    let words = line.words();
    assert_eq!(words, ["trade of 5020 at 5020", "Trading at 5100"]);
    line.quote(5_200, 99.0);
    assert_eq!(line.words(), ["quote 99 at 5200"]);
}
