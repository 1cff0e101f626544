//! A market whose sources are told by hand what to tell, for tests. Times are milliseconds after its beginning.

use super::{Market, MarketConfig, PlaceConfig};
use crate::config::Thresholds;
use crate::record::Published;
use crate::source::SourceTraits;
use crate::venue::{Slot, Told};
use papertape::market::{
    Bar, DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Level, MarketEvent, Quote, TradeTick,
};
use papertape::model::{Side, Timestamp};

pub(super) const SLOT: Slot = Slot(0);

/// So many milliseconds after the beginning, which is that of a minute.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_secs(1_723_118_400).plus_nanos(millis * 1_000_000)
}

/// A trade whose size says when it was made.
pub(super) fn tick(millis: i64) -> TradeTick {
    TradeTick {
        time: at(millis),
        price: 100.0,
        size: millis as f64,
        aggressor: Side::Buy,
    }
}

/// See the module's comment.
pub(super) struct Rig {
    pub(super) market: Market,
}

impl Rig {
    /// A market with these sources, which are connected at 0; whether each is barred.
    pub(super) fn new(places: &[(SourceTraits, bool)]) -> Self {
        let instrument = papertape::testkit::instrument();
        let place = |((traits, is_barred), name): (&(SourceTraits, bool), &str)| PlaceConfig {
            name: name.into(),
            traits: *traits,
            is_barred: *is_barred,
            instrument: instrument.clone(),
        };
        let config = MarketConfig {
            places: places.iter().zip(["first", "second"]).map(place).collect(),
            instrument: instrument.clone(),
            thresholds: Thresholds::default(),
            hold_on_divergence: true,
            recorded_until: None,
            first_incident: 1,
        };
        let mut market = Market::new(config, at(0));
        for place in 0..places.len() {
            market.connected(place, at(0));
        }
        Self { market }
    }

    /// Time passes, a tick every tenth of a second.
    pub(super) fn pass(&mut self, from: i64, to: i64) {
        for millis in (from..to).step_by(100) {
            self.market.tick(at(millis));
        }
    }

    /// The first source tells of a trade that was made then.
    pub(super) fn trade(&mut self, id: Option<u64>, made: i64, told: i64) {
        let trade = tick(made);
        let slot = SLOT;
        self.market.told(0, &Told::Trade { slot, id, trade }, at(told));
    }

    /// A source tells a price at which it is bought and sold.
    pub(super) fn quote(&mut self, place: usize, millis: i64, price: f64) {
        self.quote_of(place, (millis, millis), price);
    }

    /// The same of the first source, stamped with another time than when it is told.
    pub(super) fn quote_told(&mut self, made: i64, told: i64, price: f64) {
        self.quote_of(0, (made, told), price);
    }

    fn quote_of(&mut self, place: usize, (made, millis): (i64, i64), price: f64) {
        let quote = Quote {
            time: at(made),
            bid: price,
            bid_size: 1.0,
            ask: price,
            ask_size: 1.0,
        };
        let told = Told::Quote {
            slot: SLOT,
            id: None,
            is_timed: true,
            quote,
        };
        self.market.told(place, &told, at(millis));
    }

    /// The first source tells a change of its book by its number, which is the size of its one bid then.
    pub(super) fn change(&mut self, number: i64, made: i64, told: i64) {
        let update = book(DepthKind::Changes, number, made);
        let (id, slot) = (number as u64, SLOT);
        let diff = DepthDiff {
            first_id: id,
            final_id: id,
            previous: None,
            update,
        };
        self.market.told(0, &Told::Depth { slot, diff }, at(told));
    }

    /// The first source tells its whole book as of then, with all changes up to this one.
    pub(super) fn book(&mut self, number: i64, made: i64, told: i64) {
        let (slot, snapshot) = (SLOT, snapshot(number, made));
        self.market.told(0, &Told::Book { slot, snapshot }, at(told));
    }

    /// The first source answers with its whole book, with all changes up to this one, and without a time.
    pub(super) fn book_came(&mut self, number: i64, millis: i64) {
        let mut snapshot = snapshot(number, 0);
        snapshot.update.time = Timestamp::EPOCH;
        self.market.book_came(0, Ok(snapshot), at(millis));
    }

    /// The first source tells the bar of the first minute.
    pub(super) fn bar(&mut self, millis: i64) {
        let bar = Bar {
            open_time: at(0),
            open: 100.0,
            high: 100.0,
            low: 100.0,
            close: 100.0,
            volume: 1.0,
        };
        let told = Told::Bar {
            slot: SLOT,
            bar,
            is_closed: true,
        };
        self.market.told(0, &told, at(millis));
    }

    /// The first source answers with trades that were made then.
    pub(super) fn answer(&mut self, trades: &[i64], millis: i64) {
        let trades = trades.iter().map(|made| (*made as u64, tick(*made)));
        self.market.trades_came(0, Ok(trades.collect()), at(millis));
    }

    /// What was published since, with the whole milliseconds of its time; clocks say nothing.
    pub(super) fn words(&mut self) -> Vec<String> {
        let word = |published: Published| {
            let what = match &published.event {
                MarketEvent::Trade(trade) => format!("trade of {}", trade.size),
                MarketEvent::Quote(quote) => format!("quote {}", quote.bid),
                MarketEvent::Status(_, status) => format!("{status:?}"),
                MarketEvent::Bar(_) => "bar".to_owned(),
                MarketEvent::Depth(update) => match update.kind {
                    DepthKind::Snapshot => format!("book {}", update.bids[0].size),
                    DepthKind::Changes => format!("change {}", update.bids[0].size),
                },
                MarketEvent::Clock(_) | MarketEvent::Action(..) => return None,
            };
            let millis = published.event.time().since(at(0)).div_euclid(1_000_000);
            Some(format!("{what} at {millis}"))
        };
        self.market.out().drain(..).filter_map(word).collect()
    }

    /// What is on record, in words.
    pub(super) fn incidents(&self) -> Vec<String> {
        let found = self.market.log.between(at(-100_000), at(1_000_000));
        let word = |it: crate::quality::Incident| format!("{:?}: {}", it.kind, it.detail);
        found.into_iter().map(word).collect()
    }
}

fn snapshot(number: i64, millis: i64) -> DepthSnapshot {
    DepthSnapshot {
        last_id: number as u64,
        update: book(DepthKind::Snapshot, number, millis),
    }
}

fn book(kind: DepthKind, number: i64, millis: i64) -> DepthUpdate {
    let level = |price, size| Level { price, size };
    DepthUpdate {
        time: at(millis),
        kind,
        bids: vec![level(9_990, number)],
        asks: vec![level(10_010, 1)],
    }
}
