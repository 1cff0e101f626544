//! Prices that jump and come back: what is published meanwhile, and what is on record.

use super::*;
use crate::source::tests::traits;
use crate::venue::{BookStart, Channels, Slot};
use papertape::market::{DepthKind, DepthUpdate, Level, MarketEvent, Quote};
use papertape::model::Side;

const SLOT: Slot = Slot(0);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_secs(1_723_118_400).plus_nanos(millis * 1_000_000)
}

/// A market with one source, which tells a trade, a quote and its whole book every tenth of a second.
struct Line {
    market: Market,
    told: u64,
}

impl Line {
    fn new() -> Self {
        let instrument = papertape::testkit::instrument_with("BTC/USDT", "0.5", "1", "1");
        let place = PlaceConfig {
            name: "it".into(),
            traits: SourceTraits {
                channels: Channels {
                    depth: true,
                    ..Channels::TICKS
                },
                book: BookStart::Stream,
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
        let mut market = Market::new(config, at(0));
        market.connected(0, at(0));
        Self { market, told: 0 }
    }

    /// Tells so much at a price, bid and ask a half beside it.
    fn tells(&mut self, times: u64, price: f64) {
        for _ in 0..times {
            self.told += 1;
            let (id, time) = (self.told, at(self.told as i64 * 100));
            let level = |price: f64| {
                vec![Level {
                    price: (price * 2.0) as i64,
                    size: 1,
                }]
            };
            let update = DepthUpdate {
                time,
                kind: DepthKind::Snapshot,
                bids: level(price - 0.5),
                asks: level(price + 0.5),
            };
            let snapshot = DepthSnapshot { last_id: id, update };
            let quote = Quote {
                time,
                bid: price - 0.5,
                bid_size: 1.0,
                ask: price + 0.5,
                ask_size: 1.0,
            };
            let trade = TradeTick {
                time,
                price,
                size: 1.0,
                aggressor: Side::Buy,
            };
            for told in [
                Told::Book { slot: SLOT, snapshot },
                Told::Quote {
                    slot: SLOT,
                    id: Some(id),
                    is_timed: true,
                    quote,
                },
                Told::Trade {
                    slot: SLOT,
                    id: Some(id),
                    trade,
                },
            ] {
                self.market.told(0, &told, time);
            }
            self.market.tick(time);
        }
    }

    fn published(&mut self) -> Vec<MarketEvent> {
        self.market.out().drain(..).map(|it| it.event).collect()
    }
}

/// The prices that an event tells.
fn prices(event: &MarketEvent) -> Vec<f64> {
    match event {
        MarketEvent::Trade(trade) => vec![trade.price],
        MarketEvent::Quote(quote) => vec![quote.bid, quote.ask],
        MarketEvent::Depth(update) => {
            let levels = update.bids.iter().chain(&update.asks);
            levels.map(|level| level.price as f64 * 0.5).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn while_all_of_a_source_jumps_nothing_of_it_is_told_and_nothing_fills() {
    let mut line = Line::new();
    line.tells(100, 50_000.0);
    assert_eq!(line.market.status(), TradingStatus::Trading);
    line.published();
    line.tells(15, 500_000.0);
    let meanwhile = line.published();
    let told: Vec<f64> = meanwhile.iter().flat_map(prices).collect();
    assert_eq!(told, [0.0; 0], "neither trades nor quotes nor the book");
    assert_eq!(line.market.status(), TradingStatus::Gap);
    let jumped = at(101 * 100);
    assert!(
        matches!(meanwhile[..], [MarketEvent::Status(time, TradingStatus::Gap), ..] if time <= jumped),
        "before anything else: {meanwhile:?}"
    );
    assert!(line.market.why().is_some(), "and says why");
    line.tells(20, 50_000.0);
    assert_eq!(line.market.status(), TradingStatus::Trading);
    let after = line.published();
    let is_whole = |event: &MarketEvent| matches!(event, MarketEvent::Depth(update) if update.kind == DepthKind::Snapshot);
    assert!(after.iter().any(is_whole));
    let gap = line.market.log.between(at(0), at(60_000)).into_iter().find(|it| {
        it.kind == IncidentKind::Gap && it.from <= jumped && it.to.is_some_and(|to| to >= at(115 * 100))
    });
    assert!(gap.is_some(), "{:#?}", line.market.log.between(at(0), at(60_000)));
}
