//! The finest data of an instrument falls silent while others go on trading: what orders meet then, and when it comes back.

use papertape::engine::{Command, Engine, EngineConfig, EventKind, Input};
use papertape::exchange::LatencyModel;
use papertape::market::{DepthKind, DepthUpdate, Level, MarketEvent, Quote, TradeTick};
use papertape::model::{OrderId, Side, Timestamp};
use papertape::order::OrderRequest;
use papertape::testkit::{Bench, config, decimal};

/// Nothing but what is ordered by hand.
const BY_HAND: &str = "name: by hand\nsymbols: [BTC/USDT]\ntimeframe: 1h\nentry: {long: false}\n\
                       risk: {size: {method: fixed_quantity, value: 1}}\n";

/// A market fed by hand, in seconds.
struct Market(Bench);

fn at(secs: f64) -> Timestamp {
    Timestamp::from_millis((secs * 1_000.0) as i64)
}

impl Market {
    fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let mut config = config(BY_HAND);
        change(&mut config);
        Self(Bench::with(config))
    }

    /// 99 bid, 101 asked, told at the first second.
    fn quoted() -> Self {
        let mut market = Self::with(|_| ());
        market.quote(1.0, 99.0, 101.0);
        market
    }

    /// Three levels a side: 100, 99, 98 bid, 101, 102, 103 asked, told at the first second.
    fn with_book() -> Self {
        let mut market = Self::with(|_| ());
        market.depth(
            1.0,
            DepthKind::Snapshot,
            &[(100, 5), (99, 5), (98, 5)],
            &[(101, 5), (102, 5), (103, 5)],
        );
        market
    }

    fn feed(&mut self, event: MarketEvent) -> &mut Self {
        self.0.feed(&Input::market(event));
        assert_eq!(self.0.engine.check(), Ok(()));
        self
    }

    fn quote(&mut self, secs: f64, bid: f64, ask: f64) -> &mut Self {
        self.feed(MarketEvent::Quote(Quote {
            time: at(secs),
            bid,
            bid_size: 5.0,
            ask,
            ask_size: 5.0,
        }))
    }

    fn depth(&mut self, secs: f64, kind: DepthKind, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> &mut Self {
        let levels = |side: &[(i64, i64)]| {
            let level = |&(price, size): &(i64, i64)| Level {
                price: price * 100,
                size: size * 100_000,
            };
            side.iter().map(level).collect()
        };
        let update = DepthUpdate {
            time: at(secs),
            kind,
            bids: levels(bids),
            asks: levels(asks),
        };
        self.feed(MarketEvent::Depth(Box::new(update)))
    }

    fn trade(&mut self, secs: f64, price: f64) -> &mut Self {
        self.feed(MarketEvent::Trade(TradeTick {
            time: at(secs),
            price,
            size: 2.0,
            aggressor: Side::Buy,
        }))
    }

    /// Trades at one price, at these seconds.
    fn trades(&mut self, price: f64, seconds: &[f64]) -> &mut Self {
        for secs in seconds {
            self.trade(*secs, price);
        }
        self
    }

    /// Buys one at the market.
    fn buy(&mut self, secs: f64) -> &mut Self {
        self.place(secs, OrderRequest::market(Side::Buy, decimal("1")))
    }

    fn place(&mut self, secs: f64, order: OrderRequest) -> &mut Self {
        self.0
            .feed(&Input::Command(at(secs), Command::Place(Box::new(order.into()))));
        self
    }

    /// Fills and changes of what orders meet, since the last look.
    fn story(&mut self) -> Vec<String> {
        let told = |kind: &EventKind| match kind {
            EventKind::OrderFilled { fill, .. } => Some(format!(
                "#{} filled at {} on {}",
                fill.order_id,
                fill.price.0.normalize(),
                fill.explanation.tier
            )),
            EventKind::DataTierChanged { change, .. } => Some(change.to_string()),
            _ => None,
        };
        let story = self
            .0
            .events
            .iter()
            .filter_map(|event| told(&event.kind))
            .collect();
        self.0.forget();
        story
    }
}

const QUOTES_SILENT: &str =
    "No quotes since 1970-01-01T00:00:01Z while others went on trading: orders meet trades now";
const DEPTH_SILENT: &str =
    "No depth since 1970-01-01T00:00:01Z while others went on trading: orders meet trades now";

#[test]
fn quotes_that_end_while_trades_go_on_are_given_up() {
    let mut market = Market::quoted();
    market.trades(110.0, &[2.0, 3.0, 4.0]).buy(4.5);
    market.trades(110.0, &[5.0, 11.9]);
    assert_eq!(
        market.story(),
        [""; 0],
        "nothing fills at the 101 that nobody asks any more"
    );
    // The order meets the trade that shows the silence.
    market.trade(12.0, 111.0);
    assert_eq!(market.story(), [QUOTES_SILENT, "#1 filled at 111 on trades"]);
    // Quotes that are told again are met again.
    market.buy(13.0).quote(14.0, 110.0, 112.0);
    assert_eq!(
        market.story(),
        ["Orders meet quotes again", "#2 filled at 112 on quotes"]
    );
}

#[test]
fn what_the_quotes_explain_and_what_they_say_keep_them() {
    let beyond = [2.0, 5.0, 8.0, 11.0];
    let mut market = Market::quoted();
    market
        .trades(110.0, &beyond)
        .trade(12.0, 100.0)
        .trades(110.0, &[13.0, 14.0]);
    assert_eq!(market.story(), [""; 0], "a trade between bid and ask");
    let mut market = Market::quoted();
    market
        .trades(110.0, &beyond)
        .quote(12.0, 99.0, 101.0)
        .trades(110.0, &[13.0, 14.0]);
    assert_eq!(market.story(), [""; 0], "the same quote again");
    let mut market = Market::quoted();
    market
        .quote(100.0, 99.0, 101.0)
        .trades(90.0, &[2.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
    assert_eq!(market.story(), [""; 0], "trades from before the quote, told late");
}

#[test]
fn quotes_are_given_up_too_when_much_goes_on_between_bid_and_ask() {
    let mut market = Market::quoted();
    let seconds: Vec<f64> = (0..49).map(|trade| 2.0 + f64::from(trade) * 2.0).collect();
    market.trades(100.0, &seconds).buy(99.0);
    assert_eq!(market.story(), [""; 0]);
    market.trade(100.0, 100.0);
    assert_eq!(market.story(), [QUOTES_SILENT, "#1 filled at 100 on trades"]);
}

#[test]
fn a_book_that_speaks_again_stands_as_it_stood_with_what_was_taken_of_it() {
    let mut market = Market::with_book();
    let four = OrderRequest::market(Side::Buy, decimal("4"));
    market.place(1.5, four).depth(1.6, DepthKind::Changes, &[], &[]);
    assert_eq!(market.story(), ["#1 filled at 101 on depth"]);
    market.depth(2.0, DepthKind::Changes, &[], &[]);
    market.trades(90.0, &[3.0, 4.0, 5.0, 6.0, 13.0]);
    assert_eq!(market.story(), [DEPTH_SILENT.replace(":01Z", ":02Z")]);
    // A change is enough, for what it does not name has not changed: one of the five at 101 is left to us.
    let three = OrderRequest::market(Side::Buy, decimal("3"));
    market
        .place(14.0, three)
        .depth(15.0, DepthKind::Changes, &[(98, 7)], &[]);
    assert_eq!(
        market.story(),
        [
            "Orders meet depth again",
            "#2 filled at 101 on depth",
            "#2 filled at 102 on depth"
        ]
    );
}

#[test]
fn a_book_beside_which_quotes_go_on_gives_way_to_them() {
    let mut market = Market::with_book();
    for secs in [2.0, 4.0, 6.0, 8.0] {
        market.quote(secs, 109.0, 110.0);
    }
    market.buy(9.0);
    assert_eq!(market.story(), [""; 0]);
    market.quote(12.0, 109.0, 110.0);
    let silent = DEPTH_SILENT.replace("trades now", "quotes now");
    assert_eq!(market.story(), [silent, "#1 filled at 110 on quotes".to_owned()]);
    // Then these end as well, and the book is the first to be back.
    market.trades(120.0, &[13.0, 14.0, 15.0, 16.0, 23.0]);
    assert_eq!(market.story(), [QUOTES_SILENT.replace(":01Z", ":12Z")]);
    market
        .buy(24.0)
        .depth(25.0, DepthKind::Changes, &[], &[(101, 0), (102, 0)]);
    assert_eq!(
        market.story(),
        ["Orders meet depth again", "#2 filled at 103 on depth"]
    );
}

#[test]
fn an_order_that_arrives_at_a_contradicted_book_waits_for_it_to_speak() {
    let latency = |config: &mut EngineConfig| {
        config.execution.latency = LatencyModel::Fixed {
            entry: 3_000_000_000,
            response: 0,
        };
    };
    // A trade, too little to give the quote up; the order arrives, at 4.5, a moment or more than a second after it.
    for (secs, expected) in [(4.0, vec!["#1 filled at 101 on quotes"]), (3.0, vec![])] {
        let mut market = Market::with(latency);
        market
            .quote(1.0, 99.0, 101.0)
            .buy(1.5)
            .quote(2.0, 99.0, 101.0)
            .trades(110.0, &[secs, 5.0]);
        assert_eq!(market.story(), expected, "traded at {secs}");
        if expected.is_empty() {
            let waits = market.0.engine.waits(OrderId(1)).expect("an open order");
            let told: Vec<String> = waits.iter().map(ToString::to_string).collect();
            assert!(
                told[0].starts_with("Others have traded since 1970-01-01T00:00:03Z at prices"),
                "{told:?}"
            );
            market.quote(6.0, 109.0, 111.0);
            assert_eq!(market.story(), ["#1 filled at 111 on quotes"]);
        }
    }
}

#[test]
fn a_snapshot_keeps_the_silence_and_the_book_that_is_aside() {
    let mut whole = Market::with_book();
    whole.trades(90.0, &[3.0, 4.0, 5.0]);
    let mut cut = Market(Bench::with(config(BY_HAND)));
    cut.0.engine = Engine::restore(&whole.0.engine.snapshot()).expect("a snapshot");
    for market in [&mut whole, &mut cut] {
        market.0.forget();
        market.trades(90.0, &[6.0, 13.0]);
        assert_eq!(market.story(), [DEPTH_SILENT]);
    }
    cut.0.engine = Engine::restore(&whole.0.engine.snapshot()).expect("a snapshot");
    for market in [&mut whole, &mut cut] {
        market.buy(14.0).depth(15.0, DepthKind::Changes, &[], &[(101, 0)]);
        assert_eq!(
            market.story(),
            ["Orders meet depth again", "#1 filled at 102 on depth"]
        );
    }
    assert_eq!(whole.0.engine.event_hash(), cut.0.engine.event_hash());
}
