//! What happens at a time that is known beforehand: closing auctions on ticks, futures and options at their expiry.

use papertape::engine::{Command, EngineConfig, EventKind, Input};
use papertape::exchange::TradingStatus;
use papertape::market::{CalendarId, MarketAction, MarketEvent, Quote, TradeTick};
use papertape::model::{InstrumentKind, MarginRule, OrderId, Price, Side, Timestamp};
use papertape::order::{OrderRequest, TimeInForceWord};
use papertape::testkit::{Bench, config, decimal, instrument, instrument_of};

const BY_HAND: &str = "name: by hand\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: false}\n\
                       risk: {size: {method: fixed_quantity, value: 1}}\n";
const LONG: &str = "name: long\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 0}\n\
                    risk: {size: {method: fixed_quantity, value: 2}}\n";

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

// ── The close ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A Thursday of American shares, which close at 20:00 UTC.
struct Thursday(Bench);

impl Thursday {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let mut config = config(BY_HAND);
        config.instrument = instrument().with_calendar(CalendarId::UsEquities);
        change(&mut config);
        Self(Bench::with(config))
    }

    fn at(clock: &str) -> Timestamp {
        time(&format!("2024-08-08T{clock}Z"))
    }

    fn feed(&mut self, event: MarketEvent) -> &mut Self {
        self.0.feed(&Input::market(event));
        self
    }

    fn quote(&mut self, clock: &str, bid: f64, ask: f64, size: f64) -> &mut Self {
        self.feed(MarketEvent::Quote(Quote {
            time: Self::at(clock),
            bid,
            bid_size: size,
            ask,
            ask_size: size,
        }))
    }

    fn trade(&mut self, clock: &str, price: f64, size: f64) -> &mut Self {
        self.feed(MarketEvent::Trade(TradeTick {
            time: Self::at(clock),
            price,
            size,
            aggressor: Side::Buy,
        }))
    }

    /// Buys two for the close, at a limit if there is one.
    fn buy_for_the_close(&mut self, clock: &str, limit: Option<&str>) -> &mut Self {
        let request = OrderRequest {
            time_in_force: Some(TimeInForceWord::Cls),
            ..match limit {
                Some(price) => OrderRequest::limit(Side::Buy, decimal("2"), decimal(price)),
                None => OrderRequest::market(Side::Buy, decimal("2")),
            }
        };
        self.0.feed(&Input::Command(
            Self::at(clock),
            Command::Place(Box::new(request.into())),
        ));
        self
    }

    /// Fills with their time, and ends with their reason.
    fn story(&self) -> Vec<String> {
        let told = |kind: &EventKind| match kind {
            EventKind::OrderFilled { fill, .. } => Some(format!(
                "{} at {} {}",
                fill.quantity.0.normalize(),
                fill.price.0.normalize(),
                fill.time.to_datetime().format("%H:%M:%S%.f")
            )),
            EventKind::OrderCanceled { reason, .. } => Some(reason.code().to_owned()),
            _ => None,
        };
        self.0
            .events
            .iter()
            .filter_map(|event| told(&event.kind))
            .collect()
    }
}

#[test]
fn on_quotes_an_order_for_the_close_takes_the_last_ones_before_it() {
    let mut market = Thursday::new();
    market
        .quote("19:00:00", 99.0, 100.0, 5.0)
        .buy_for_the_close("19:00:01", None)
        .quote("19:59:59.9", 101.0, 102.0, 5.0)
        .quote("20:00:00", 120.0, 130.0, 5.0);
    assert_eq!(market.story(), ["2 at 102 20:00:00"]);
}

#[test]
fn it_gets_no_more_than_was_shown() {
    let mut market = Thursday::new();
    market
        .quote("19:00:00", 99.0, 100.0, 5.0)
        .buy_for_the_close("19:00:01", None)
        .quote("19:59:59", 101.0, 102.0, 1.0)
        .quote("20:03:00", 101.0, 102.0, 9.0);
    assert_eq!(market.story(), ["1 at 102 20:00:00", "auction_over"]);
}

#[test]
fn a_trade_in_the_second_of_the_close_is_its_print() {
    for (print, told) in [
        // Nobody fills before the trade that he meets.
        (("20:00:00.4", 110.0, 50.0), vec!["2 at 110 20:00:00.400"]),
        // Half a minute later somebody trades in the post-market.
        (("20:00:30", 110.0, 50.0), vec!["2 at 102 20:00:00"]),
        (
            ("20:00:00.4", 110.0, 1.0),
            vec!["1 at 110 20:00:00.400", "auction_over"],
        ),
    ] {
        let mut market = Thursday::new();
        market
            .quote("19:00:00", 99.0, 100.0, 5.0)
            .buy_for_the_close("19:00:01", None)
            .quote("19:59:59", 101.0, 102.0, 5.0)
            .trade(print.0, print.1, print.2);
        assert_eq!(market.story(), told, "{print:?}");
    }
}

#[test]
fn where_only_trades_are_known_it_takes_of_the_last_before_the_close() {
    let mut market = Thursday::new();
    market
        .trade("19:00:00", 100.0, 9.0)
        .buy_for_the_close("19:00:01", None)
        .trade("19:59:00", 103.0, 9.0)
        .trade("20:00:07", 90.0, 9.0);
    assert_eq!(market.story(), ["2 at 103 20:00:00"]);
}

#[test]
fn a_limit_that_the_close_does_not_reach_ends() {
    let mut market = Thursday::new();
    market
        .quote("19:00:00", 99.0, 100.0, 5.0)
        .buy_for_the_close("19:00:01", Some("100.5"))
        // It could have had this one; it waits for the close.
        .quote("19:30:00", 99.0, 100.0, 5.0)
        .quote("19:59:00", 101.0, 102.0, 5.0)
        .quote("20:00:00", 99.0, 100.0, 5.0);
    assert_eq!(market.story(), ["auction_over"]);
}

#[test]
fn data_as_old_as_the_order_is_no_close() {
    let mut market = Thursday::new();
    market
        .quote("19:00:00", 99.0, 100.0, 5.0)
        .buy_for_the_close("19:00:01", None)
        .quote("20:00:00", 99.0, 100.0, 5.0);
    assert_eq!(market.story(), ["auction_over"]);
}

#[test]
fn the_clock_alone_holds_it() {
    let mut market = Thursday::new();
    market
        .quote("19:00:00", 99.0, 100.0, 5.0)
        .buy_for_the_close("19:00:01", None)
        .quote("19:59:59", 101.0, 102.0, 5.0)
        .feed(MarketEvent::Clock(Thursday::at("20:00:00")));
    assert_eq!(market.story(), ["2 at 102 20:00:00"]);
}

#[test]
fn what_ends_with_the_close_is_told_before_a_later_print() {
    let future = instrument_of("ES/USDT").with_kind(InstrumentKind::Future {
        expiry: Thursday::at("20:00:00"),
    });
    let margin = MarginRule::PerContract {
        initial: decimal("500"),
        maintenance: decimal("400"),
    };
    let mut market =
        Thursday::with(|config| config.others = vec![future.with_margin(margin).expect("margins")]);
    market
        .quote("19:00:00", 99.0, 100.0, 5.0)
        .buy_for_the_close("19:00:01", None)
        .trade("20:00:00.8", 110.0, 50.0);
    assert_eq!(market.story(), ["2 at 110 20:00:00.800"]);
    let journaled = market.0.events.iter().filter(|event| event.kind.is_journaled());
    let times: Vec<_> = journaled.map(|event| event.time).collect();
    assert!(times.is_sorted(), "{times:?}");
    let ended = market
        .0
        .journal()
        .iter()
        .position(|line| line == "market 1 Ended");
    assert!(ended.is_some(), "{:?}", market.0.journal());
}

#[test]
fn what_is_in_an_auction_that_was_held_is_not_withdrawn_any_more() {
    let mut market = Thursday::new();
    market
        .quote("19:00:00", 99.0, 100.0, 5.0)
        .buy_for_the_close("19:00:01", None)
        .quote("19:59:59", 101.0, 102.0, 5.0);
    let cancel = Command::Cancel(OrderId(1));
    market.0.feed(&Input::Command(Thursday::at("20:00:00.4"), cancel));
    market.trade("20:00:00.8", 110.0, 50.0);
    assert_eq!(market.story(), ["2 at 110 20:00:00.800"]);
    let refused = "#1 request refused: auction_held".to_owned();
    assert!(market.0.journal().contains(&refused), "{:?}", market.0.journal());
}

#[test]
fn after_a_gap_over_the_close_nobody_knows_how_the_market_stood() {
    let mut market = Thursday::new();
    market
        .trade("19:00:00", 100.0, 9.0)
        .buy_for_the_close("19:00:01", None)
        .feed(MarketEvent::Status(Thursday::at("19:59:00"), TradingStatus::Gap))
        .feed(MarketEvent::Status(
            Thursday::at("19:59:01"),
            TradingStatus::Trading,
        ))
        .trade("20:00:03.373", 103.0, 9.0)
        .trade("20:00:03.410", 104.0, 9.0);
    assert_eq!(market.story(), ["auction_over"]);
}

// ── The end of a contract ─────────────────────────────────────────────────────────────────────────────────────────────

/// A future of 50 dollars a point that expires so many seconds after 1970.
fn future(yaml: &str, expiry: i64) -> EngineConfig {
    let mut config = config(yaml);
    config.instrument = instrument()
        .with_kind(InstrumentKind::Future {
            expiry: Timestamp::from_secs(expiry),
        })
        .with_margin(MarginRule::PerContract {
            initial: decimal("500"),
            maintenance: decimal("400"),
        })
        .expect("margins");
    config
}

const SETTLED: [&str; 4] = [
    "market 0 Ended",
    "cash flow Settlement: 7",
    "long closed: 7",
    "flat",
];

#[test]
fn a_future_is_settled_at_its_last_price_before_expiry() {
    // On a minute's end, and within a minute, whose last price is from before.
    for expiry in [240, 200] {
        let mut bench = Bench::with(future(LONG, expiry));
        bench.flat(3, 100.0).bar(100.0, 104.0, 99.0, 103.5).forget();
        bench.bar(50.0, 50.0, 50.0, 50.0);
        assert_eq!(bench.journal()[..4], SETTLED, "{expiry}");
        let flow = bench.events.iter().find_map(|event| match &event.kind {
            EventKind::CashFlow { flow, .. } => Some(flow.time),
            _ => None,
        });
        assert_eq!(flow, Some(Timestamp::from_secs(expiry)));
        let trade = bench.events.iter().find_map(|event| match &event.kind {
            EventKind::TradeClosed { trade } => Some(trade.exit_reason.to_string()),
            _ => None,
        });
        assert_eq!(trade.as_deref(), Some("settled at the last price before expiry"));
        // What the strategy wants of it afterwards does not trade.
        bench.forget().flat(3, 50.0);
        assert!(bench.engine.position().is_none());
    }
}

#[test]
fn data_that_ends_with_the_contract_settles_it_too() {
    let mut bench = Bench::with(future(LONG, 240));
    bench.flat(3, 100.0).bar(100.0, 104.0, 99.0, 103.5).forget();
    bench.command(Command::Finish);
    assert_eq!(bench.journal()[..4], SETTLED);
}

#[test]
fn a_venues_settlement_price_comes_before_the_last_price() {
    let mut bench = Bench::with(future(LONG, 240));
    bench.flat(3, 100.0).bar(100.0, 104.0, 99.0, 103.5).forget();
    let price = Price(decimal("101"));
    bench.feed(&Input::market(MarketEvent::Action(
        Timestamp::from_secs(240),
        MarketAction::Settlement { price },
    )));
    assert_eq!(bench.journal()[1], "cash flow Settlement: 2");
    bench.forget().flat(2, 103.0);
    assert!(!bench.journal().iter().any(|line| line.starts_with("cash flow")));
}

#[test]
fn a_tick_after_expiry_settles_before_it_is_met() {
    let mut bench = Bench::with(future(LONG, 200));
    bench.flat(3, 100.0).forget();
    for (seconds, price) in [(200, 103.5), (201, 60.0)] {
        bench.feed(&Input::market(MarketEvent::Trade(TradeTick {
            time: Timestamp::from_secs(seconds),
            price,
            size: 1.0,
            aggressor: Side::Sell,
        })));
    }
    assert_eq!(bench.journal()[..4], SETTLED);
}

#[test]
fn a_session_brought_back_settles_all_the_same() {
    let mut bench = Bench::with(future(LONG, 240));
    bench.flat(3, 100.0).bar(100.0, 104.0, 99.0, 103.5).forget();
    let bytes = bench.engine.snapshot();
    bench.engine = papertape::engine::Engine::restore(&bytes).expect("its own snapshot");
    bench.bar(50.0, 50.0, 50.0, 50.0);
    assert_eq!(bench.journal()[..4], SETTLED);
}
