//! What a market may do to an order: prices outside its hours, splits, halts that a gap falls into, ends, nonsense of a feed.

use papertape::engine::{Command, EngineConfig, Input};
use papertape::exchange::{Conditions, TradingStatus};
use papertape::market::{
    Bar, CalendarId, DepthKind, DepthUpdate, Level, MarketAction, MarketEvent, Quote, TradeTick,
};
use papertape::model::{Instrument, InstrumentKind, MarginRule, Price, Side, Timeframe, Timestamp};
use papertape::order::{OrderRequest, OrderType, TimeInForceWord, TrailRequest};
use papertape::testkit::{Bench, config, decimal};
use rust_decimal::Decimal;

const BY_HAND: &str = "name: by hand\nsymbols: [AAPL]\ntimeframe: 1m\nentry: {long: false}\n";

fn shares() -> EngineConfig {
    let mut config = config(BY_HAND);
    let (symbol, cent) = ("AAPL".parse().expect("a symbol"), decimal("0.01"));
    config.instrument = Instrument::new(symbol, cent, Decimal::ONE, Decimal::ZERO, Decimal::ONE)
        .expect("an instrument")
        .with_calendar(CalendarId::UsEquities);
    config.initial_capital.currency = config.instrument.quote();
    config
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

fn market_order(side: Side) -> OrderRequest {
    OrderRequest::market(side, decimal("10"))
}

fn trailing_stop(percent: &str) -> OrderRequest {
    OrderRequest {
        kind: OrderType::TrailingStop,
        trail: Some(TrailRequest {
            amount: None,
            percent: Some(decimal(percent)),
        }),
        ..market_order(Side::Sell)
    }
}

/// A session fed by hand, at times of 2 January 2024: New York's regular session is 14:30 to 21:00 UTC.
struct Tape(Bench);

impl Tape {
    fn shares() -> Self {
        Self(Bench::with(shares()))
    }

    fn feed(&mut self, event: MarketEvent) -> &mut Self {
        self.0.feed(&Input::market(event));
        self
    }

    fn bar(&mut self, at: &str, [open, high, low, close]: [f64; 4]) -> &mut Self {
        let volume = 1_000.0;
        let open_time = today(at);
        self.feed(MarketEvent::Bar(Bar {
            open_time,
            open,
            high,
            low,
            close,
            volume,
        }))
    }

    fn quote(&mut self, at: &str, bid: f64, ask: f64) -> &mut Self {
        let (bid_size, ask_size) = (1_000.0, 1_000.0);
        let time = today(at);
        self.feed(MarketEvent::Quote(Quote {
            time,
            bid,
            bid_size,
            ask,
            ask_size,
        }))
    }

    fn trade(&mut self, at: &str, price: f64) -> &mut Self {
        let (time, size, aggressor) = (today(at), 1_000.0, Side::Sell);
        self.feed(MarketEvent::Trade(TradeTick {
            time,
            price,
            size,
            aggressor,
        }))
    }

    /// The whole book: one level a side, in cents.
    fn book(&mut self, at: &str, bid: i64, ask: i64) -> &mut Self {
        let level = |price| vec![Level { price, size: 1_000 }];
        self.feed(MarketEvent::Depth(Box::new(DepthUpdate {
            time: today(at),
            kind: DepthKind::Snapshot,
            bids: level(bid),
            asks: level(ask),
        })))
    }

    fn status(&mut self, at: &str, status: TradingStatus) -> &mut Self {
        self.feed(MarketEvent::Status(today(at), status))
    }

    fn place(&mut self, at: &str, order: OrderRequest) -> &mut Self {
        self.0
            .feed(&Input::Command(today(at), Command::Place(Box::new(order.into()))));
        self
    }

    fn told(&mut self) -> Vec<String> {
        let told = self.0.journal();
        self.0.forget();
        told
    }
}

fn today(at: &str) -> Timestamp {
    time(&format!("2024-01-02T{at}Z"))
}

#[test]
fn a_trailing_stop_follows_no_price_at_which_it_could_not_sell() {
    let prints: [fn(&mut Tape, &str, f64); 3] = [
        |tape, at, price| {
            tape.bar(at, [price; 4]);
        },
        |tape, at, price| {
            tape.quote(at, price, price);
        },
        |tape, at, price| {
            tape.trade(at, price);
        },
    ];
    for print in prints {
        let mut tape = Tape::shares();
        print(&mut tape, "20:55:00", 100.0);
        tape.place("20:56:00", market_order(Side::Buy));
        print(&mut tape, "20:56:00.5", 100.0);
        tape.place("20:57:00", trailing_stop("10"));
        print(&mut tape, "20:57:00.5", 100.0);
        assert!(tape.0.engine.position().is_some());
        tape.told();
        // After hours somebody pays 130.
        print(&mut tape, "22:00:00", 130.0);
        print(&mut tape, "22:01:00", 100.0);
        assert_eq!(tape.told(), Vec::<String>::new());
        let resting = tape.0.engine.open_orders().next().expect("it rests");
        assert_eq!(
            resting.kind.stop_price().map(|price| price.0),
            Some(decimal("90"))
        );
    }
}

/// Days of hourly bars before and after a split of four for one, beside the same of a market that was always so.
#[test]
fn a_split_is_no_return_and_no_surge_of_volume() {
    let bar = |hour: i64, ratio: f64| {
        let price = (100.0 + (hour % 31) as f64) / ratio;
        Bar {
            open_time: Timestamp::from_secs(hour * 3_600),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 10.0 * ratio,
        }
    };
    let (mut split, mut adjusted) = (Conditions::new(true), Conditions::new(true));
    for hour in 0..30 * 24 {
        if hour == 20 * 24 + 7 {
            split.split(4.0);
        }
        let ratio = if hour < 20 * 24 + 7 { 1.0 } else { 4.0 };
        split.on_bar(&bar(hour, ratio), Timeframe::HOUR);
        adjusted.on_bar(&bar(hour, 4.0), Timeframe::HOUR);
        if hour > 20 * 24 + 7 {
            assert_eq!(split.daily_volume(), adjusted.daily_volume(), "hour {hour}");
            assert_eq!(split.bar_volume(), adjusted.bar_volume(), "hour {hour}");
            let (is, should) = (split.daily_volatility(), adjusted.daily_volatility());
            let difference = is.zip(should).map(|(is, should)| (is - should).abs());
            assert!(
                difference.is_some_and(|difference| difference < 1e-12),
                "hour {hour}"
            );
        }
    }
}

#[test]
fn a_gap_inside_a_halt_ends_no_halt() {
    let mut tape = Tape::shares();
    tape.book("15:00:00", 9_900, 10_000)
        .status("15:00:01", TradingStatus::Halted);
    tape.place("15:00:02", market_order(Side::Buy));
    tape.status("15:00:03", TradingStatus::Gap)
        .book("15:00:04", 9_900, 10_000);
    tape.book("15:00:05", 9_900, 10_100);
    assert_eq!(tape.0.engine.position(), None, "it is still halted");
    let told = tape.told();
    let states: Vec<_> = told.iter().filter(|line| line.starts_with("market")).collect();
    assert_eq!(states, ["market 0 Halted", "market 0 Gap", "market 0 Halted"]);
    tape.status("15:00:06", TradingStatus::Trading)
        .book("15:00:07", 9_900, 10_200);
    assert!(tape.0.engine.position().is_some());
}

#[test]
fn what_has_ended_does_not_come_back() {
    let mut tape = Tape::shares();
    tape.book("15:00:00", 9_900, 10_000)
        .status("15:00:01", TradingStatus::Ended);
    tape.status("15:00:02", TradingStatus::Trading)
        .status("15:00:03", TradingStatus::Gap)
        .book("15:00:04", 9_900, 10_000);
    tape.told();
    tape.place("15:00:05", market_order(Side::Buy))
        .book("15:00:06", 9_900, 10_100);
    let told = tape.told();
    assert!(
        told.iter().any(|line| line.ends_with("rejected: not_trading")),
        "{told:?}"
    );
}

#[test]
fn nonsense_of_a_feed_changes_no_account() {
    let number = |text: &str| Price(decimal(text));
    let nonsense = [
        MarketAction::MarkPrice(Price::ZERO),
        MarketAction::MarkPrice(number("-1")),
        MarketAction::MarkPrice(Price(Decimal::MAX)),
        MarketAction::Underlying(Price::ZERO),
        MarketAction::Funding {
            rate: decimal("5"),
            mark: None,
        },
        MarketAction::Funding {
            rate: decimal("-1"),
            mark: None,
        },
        MarketAction::Funding {
            rate: decimal("0.0001"),
            mark: Some(Price::ZERO),
        },
        MarketAction::Settlement { price: number("-5") },
        MarketAction::Settlement {
            price: Price(Decimal::MAX),
        },
    ];
    for action in nonsense {
        let mut config = shares();
        config.instrument = config
            .instrument
            .with_kind(InstrumentKind::Perpetual)
            .with_margin(MarginRule::Rate {
                initial: decimal("0.1"),
                maintenance: decimal("0.05"),
            })
            .expect("margins");
        let mut tape = Tape(Bench::with(config));
        tape.quote("15:00:00", 100.0, 100.0)
            .place("15:00:01", market_order(Side::Buy))
            .quote("15:00:02", 100.0, 100.0)
            .told();
        let before = (tape.0.engine.equity(), tape.0.engine.position());
        assert!(before.1.is_some());
        tape.feed(MarketEvent::Action(today("15:00:03"), action.clone()));
        tape.quote("15:00:04", 100.0, 100.0);
        assert_eq!(tape.told(), Vec::<String>::new(), "{action:?}");
        assert_eq!(
            (tape.0.engine.equity(), tape.0.engine.position()),
            before,
            "{action:?}"
        );
    }
}

#[test]
fn an_order_for_the_day_that_may_fill_after_hours_stays_for_them() {
    let order = |extended_hours| OrderRequest {
        extended_hours,
        time_in_force: Some(TimeInForceWord::Day),
        ..OrderRequest::limit(Side::Buy, decimal("10"), decimal("90"))
    };
    for (extended_hours, fills) in [(true, true), (false, false)] {
        let mut tape = Tape::shares();
        tape.quote("20:00:00", 100.0, 100.0)
            .place("20:00:01", order(extended_hours))
            .quote("20:00:02", 100.0, 100.0)
            .quote("22:00:00", 89.0, 89.0);
        assert_eq!(tape.0.engine.position().is_some(), fills);
        tape.quote("22:00:01", 100.0, 100.0);
        assert_eq!(tape.0.engine.open_orders().count(), 0);
    }
    // The post-market ends at eight in the evening of New York.
    let mut tape = Tape::shares();
    tape.quote("20:00:00", 100.0, 100.0)
        .place("20:00:01", order(true));
    let expires_at = tape
        .0
        .engine
        .open_orders()
        .next()
        .and_then(|order| order.expires_at);
    assert_eq!(expires_at, Some(time("2024-01-03T01:00:00Z")));
}
