//! Orders where markets are at their worst: one-sided and crossed books, halts, stale data, late arrivals, contradictory
//! requests. Each was found by the simulation.

use papertape::engine::{Command, EngineConfig, Event, EventKind, Input};
use papertape::exchange::{Fill, LatencyModel, LimitFill, TradingStatus};
use papertape::market::{Bar, CalendarId, DepthKind, DepthUpdate, Level, MarketEvent, Quote, TradeTick};
use papertape::model::{Instrument, InstrumentId, OrderId, Price, Side, Timestamp};
use papertape::order::{
    Amendment, Attached, AttachedLeg, Contingency, OrderList, OrderRequest, OrderType, TimeInForceWord,
    TrailRequest,
};
use papertape::testkit::{Bench, config, decimal};
use rust_decimal::Decimal;

const MANUAL: &str = "name: manual\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: false}\n";

struct Tape(Bench);

impl Tape {
    fn start() -> Self {
        Self(Bench::start(MANUAL))
    }

    fn with(change: impl FnOnce(&mut EngineConfig)) -> Self {
        let mut config = config(MANUAL);
        change(&mut config);
        Self(Bench::with(config))
    }

    /// With orders on their way for so many milliseconds.
    fn late(millis: i64) -> Self {
        Self::with(|config| {
            let delay = millis * 1_000_000;
            config.execution.latency = LatencyModel::Fixed {
                entry: delay,
                response: delay,
            };
        })
    }

    fn market(&mut self, at: u16, event: MarketEvent) -> &mut Self {
        self.0.feed(&Input::Market(InstrumentId(at), event));
        self
    }

    fn quote(&mut self, second: i64, bid: f64, ask: f64, size: f64) -> &mut Self {
        self.quote_of(0, second, bid, ask, size)
    }

    fn quote_of(&mut self, at: u16, second: i64, bid: f64, ask: f64, size: f64) -> &mut Self {
        let quote = Quote {
            time: Timestamp::from_secs(second),
            bid,
            bid_size: size,
            ask,
            ask_size: size,
        };
        self.market(at, MarketEvent::Quote(quote))
    }

    fn trade(&mut self, second: i64, price: f64, size: f64) -> &mut Self {
        let trade = TradeTick {
            time: Timestamp::from_secs(second),
            price,
            size,
            aggressor: Side::Sell,
        };
        self.market(0, MarketEvent::Trade(trade))
    }

    /// The whole book, in ticks of a cent and lots of a hundred-thousandth.
    fn book(&mut self, second: i64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> &mut Self {
        let levels = |levels: &[(i64, i64)]| {
            levels
                .iter()
                .map(|&(price, size)| Level { price, size })
                .collect()
        };
        let update = DepthUpdate {
            time: Timestamp::from_secs(second),
            kind: DepthKind::Snapshot,
            bids: levels(bids),
            asks: levels(asks),
        };
        self.market(0, MarketEvent::Depth(Box::new(update)))
    }

    fn status(&mut self, second: i64, status: TradingStatus) -> &mut Self {
        self.market(0, MarketEvent::Status(Timestamp::from_secs(second), status))
    }

    fn bar(&mut self, second: i64, [open, high, low, close]: [f64; 4]) -> &mut Self {
        let bar = Bar {
            open_time: Timestamp::from_secs(second),
            open,
            high,
            low,
            close,
            volume: 1.0,
        };
        self.market(0, MarketEvent::Bar(bar))
    }

    fn command(&mut self, second: i64, command: Command) -> &mut Self {
        self.0
            .feed(&Input::Command(Timestamp::from_secs(second), command));
        self
    }

    fn place(&mut self, second: i64, order: OrderRequest) -> &mut Self {
        self.list(second, Contingency::None, vec![order])
    }

    fn list(&mut self, second: i64, contingency: Contingency, orders: Vec<OrderRequest>) -> &mut Self {
        self.command(
            second,
            Command::Place(Box::new(OrderList { contingency, orders })),
        )
    }

    /// What has happened to orders since this was last asked.
    fn said(&mut self) -> Vec<String> {
        let about_orders = |line: &String| line.starts_with('#') && !line.contains('(');
        let lines = self.0.journal().into_iter().filter(about_orders).collect();
        self.0.forget();
        lines
    }

    fn fills(&self) -> Vec<Fill> {
        let fill = |event: &Event| match &event.kind {
            EventKind::OrderFilled { fill, .. } => Some(fill.clone()),
            _ => None,
        };
        self.0.events.iter().filter_map(fill).collect()
    }
}

fn market(side: Side, quantity: &str) -> OrderRequest {
    OrderRequest::market(side, decimal(quantity))
}

fn limit(side: Side, quantity: &str, price: &str) -> OrderRequest {
    OrderRequest::limit(side, decimal(quantity), decimal(price))
}

fn stop(kind: OrderType, side: Side, quantity: &str, stop_price: &str) -> OrderRequest {
    OrderRequest {
        kind,
        stop_price: Some(decimal(stop_price)),
        ..market(side, quantity)
    }
}

fn at_once(word: TimeInForceWord, order: OrderRequest) -> OrderRequest {
    OrderRequest {
        time_in_force: Some(word),
        ..order
    }
}

#[test]
fn a_buyer_needs_sellers_only_and_no_bid_stands_in_his_way() {
    let mut tape = Tape::start();
    tape.trade(1, 100.0, 1.0).place(1, market(Side::Buy, "0.00002"));
    tape.book(2, &[], &[(10_000, 5)]);
    assert_eq!(tape.said(), ["#1 accepted", "#1 filled 0.00002 @ 100.00"]);
}

#[test]
fn a_book_that_lost_a_side_tells_no_quote_and_never_an_old_one() {
    let mut tape = Tape::start();
    tape.book(1, &[(9_999, 5)], &[(10_000, 5)]);
    tape.book(2, &[(9_998, 5)], &[])
        .book(3, &[(10_003, 5)], &[(10_001, 5)]);
    let told: Vec<_> = tape
        .0
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Quote { .. }))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn a_trade_fills_those_who_rest_and_those_who_take_from_one_quantity() {
    let mut tape = Tape::start();
    tape.trade(1, 100.0, 1.0)
        .place(1, limit(Side::Buy, "3", "99"))
        .place(1, market(Side::Buy, "3"));
    tape.trade(2, 99.5, 0.00001).said();
    tape.trade(3, 98.0, 4.0);
    assert_eq!(tape.said(), ["#1 filled 3 @ 99", "#2 filled 1 @ 98.00"]);
}

#[test]
fn requests_and_orders_of_all_instruments_arrive_in_the_order_of_time() {
    let mut tape = Tape::late(1_500);
    let other = Instrument::new(
        "ETH/USDT".parse().expect("a symbol"),
        decimal("0.01"),
        decimal("0.00001"),
        Decimal::ZERO,
        Decimal::ONE,
    );
    let mut config = tape.0.engine.config().clone();
    config.others = vec![other.expect("an instrument")];
    tape.0 = Bench::with(config);
    tape.quote(1, 99.0, 100.0, 5.0).quote_of(1, 2, 49.0, 50.0, 5.0);
    let on_the_other = OrderRequest {
        symbol: Some("ETH/USDT".parse().expect("a symbol")),
        ..limit(Side::Buy, "1", "40")
    };
    // Both have arrived when the next data comes; a quote between them and it is of the first instrument.
    tape.command(1, Command::Cancel(OrderId(9)));
    tape.place(1, on_the_other).place(1, limit(Side::Buy, "1", "90"));
    tape.quote(5, 99.5, 100.5, 5.0).quote_of(1, 6, 49.0, 50.0, 5.0);
    assert!(
        tape.0.events.is_sorted_by_key(|event| event.time),
        "{:#?}",
        tape.0.events
    );
}

#[test]
fn what_arrives_inside_a_bar_fills_after_its_arrival() {
    let mut tape = Tape::late(900);
    tape.with_limits_touched();
    tape.bar(0, [100.0, 100.0, 100.0, 100.0])
        .place(60, limit(Side::Buy, "1", "99"));
    tape.bar(60, [100.0, 100.0, 98.0, 98.0]);
    let fill = tape.fills().remove(0);
    assert!(fill.explanation.arrived_at <= fill.time, "{fill:?}");
    assert_eq!(fill.time.millis(), 60_900);
}

impl Tape {
    fn with_limits_touched(&mut self) {
        let mut config = self.0.engine.config().clone();
        config.execution.fill.limit = LimitFill::Touch;
        self.0 = Bench::with(config);
    }
}

#[test]
fn an_attached_order_that_closes_the_position_closes_what_its_parent_opens() {
    let mut tape = Tape::start();
    let close = OrderRequest {
        quantity: None,
        close_position: true,
        ..limit(Side::Sell, "1", "105")
    };
    tape.quote(1, 99.0, 100.0, 5.0)
        .list(1, Contingency::Oto, vec![market(Side::Buy, "2"), close]);
    tape.quote(2, 99.0, 100.0, 5.0).quote(3, 106.0, 107.0, 5.0);
    assert!(tape.0.engine.position().is_none(), "{:?}", tape.said());
}

#[test]
fn nonsense_that_would_wait_is_refused_with_its_reason_when_it_is_asked_for() {
    let beyond = "79228162514264337593543950335";
    for (child, code) in [
        (limit(Side::Sell, "-1", "105"), "invalid_quantity"),
        (limit(Side::Sell, "1", "105.005"), "invalid_price"),
        (limit(Side::Sell, "1", beyond), "above_maximum_quantity"),
    ] {
        let mut tape = Tape::start();
        tape.quote(1, 99.0, 100.0, 5.0)
            .list(1, Contingency::Oto, vec![market(Side::Buy, "2"), child]);
        let refused = [format!("#1 rejected: {code}"), format!("#2 rejected: {code}")];
        assert_eq!(tape.said(), refused);
        assert_eq!(tape.0.engine.open_orders().count(), 0);
    }
}

#[test]
fn absurd_sizes_of_orders_that_only_reduce_are_refused_too() {
    let mut tape = Tape::start();
    tape.quote(1, 99.0, 100.0, 5.0)
        .place(1, market(Side::Buy, "2"))
        .quote(2, 99.0, 100.0, 5.0)
        .said();
    let absurd = OrderRequest {
        reduce_only: true,
        ..market(Side::Sell, "79228162514264337593543950335")
    };
    tape.place(2, absurd).quote(3, 99.0, 100.0, 5.0);
    assert_eq!(tape.said(), ["#2 rejected: above_maximum_quantity"]);
    assert_eq!(
        tape.0.engine.position().map(|position| position.quantity.0),
        Some(decimal("2"))
    );
}

#[test]
fn what_must_fill_at_once_ends_when_it_cannot() {
    let mut halted = Tape::start();
    halted
        .quote(1, 99.0, 100.0, 5.0)
        .status(2, TradingStatus::Halted)
        .place(2, at_once(TimeInForceWord::Ioc, limit(Side::Buy, "1", "101")))
        .quote(3, 99.0, 100.0, 5.0);
    assert_eq!(
        halted.said().last().map(String::as_str),
        Some("#1 canceled: not_filled_at_once")
    );

    let mut crossed = Tape::start();
    crossed
        .book(1, &[(9_999, 5)], &[(10_000, 5)])
        .place(
            1,
            at_once(TimeInForceWord::Fok, limit(Side::Buy, "0.00001", "101")),
        )
        .book(2, &[(10_002, 5)], &[(10_000, 5)]);
    assert_eq!(
        crossed.said().last().map(String::as_str),
        Some("#1 canceled: not_filled_at_once")
    );

    let mut stale = Tape::late(3_000);
    let mut config = stale.0.engine.config().clone();
    config.execution.fill.stale_after_ms = Some(1_000);
    stale.0 = Bench::with(config);
    stale
        .quote(1, 99.0, 100.0, 5.0)
        .place(1, at_once(TimeInForceWord::Ioc, limit(Side::Buy, "1", "101")))
        .quote(2, 99.0, 100.0, 5.0)
        .quote(60, 99.0, 100.0, 5.0);
    assert_eq!(
        stale.said().last().map(String::as_str),
        Some("#1 canceled: not_filled_at_once")
    );

    let mut nobody = Tape::start();
    nobody
        .quote(1, 99.0, 100.0, 5.0)
        .place(
            1,
            at_once(TimeInForceWord::Fok, stop(OrderType::Stop, Side::Buy, "1", "101")),
        )
        .quote(2, 99.0, 100.0, 5.0)
        .quote(3, 101.0, 102.0, 0.0);
    let said = nobody.said();
    assert_eq!(
        said[1..],
        ["#1 triggered at 102.00", "#1 canceled: not_filled_at_once"]
    );
}

#[test]
fn a_trailing_stop_follows_its_own_side_whatever_else_trails() {
    let mut tape = Tape::start();
    let trailing = |side| OrderRequest {
        kind: OrderType::TrailingStop,
        trail: Some(TrailRequest {
            amount: Some(decimal("2")),
            percent: None,
        }),
        ..market(side, "1")
    };
    tape.quote(1, 99.0, 101.0, 5.0)
        .place(1, trailing(Side::Sell))
        .place(1, trailing(Side::Buy));
    tape.quote(2, 100.0, 110.0, 5.0);
    // 2 below the bid of 100; the ask of 110 is the buyer's to follow, when it falls.
    let stops: Vec<_> = tape
        .0
        .engine
        .open_orders()
        .map(|order| order.kind.stop_price())
        .collect();
    assert_eq!(stops[0], Some(Price(decimal("98"))));
}

#[test]
fn one_name_is_one_order_inside_a_list_too() {
    let mut tape = Tape::start();
    let named = |order: OrderRequest| OrderRequest {
        client_order_id: Some("mine".parse().expect("a name")),
        ..order
    };
    let pair = vec![
        named(limit(Side::Buy, "1", "90")),
        named(limit(Side::Buy, "1", "80")),
    ];
    tape.quote(1, 99.0, 100.0, 5.0).list(1, Contingency::Oco, pair);
    assert_eq!(
        tape.said(),
        ["#1 rejected: contradiction", "#2 rejected: contradiction"]
    );
}

#[test]
fn a_limit_that_is_set_free_behind_the_price_does_not_drag_the_price_along() {
    let mut tape = Tape::start();
    let orders = vec![
        market(Side::Buy, "1"),
        limit(Side::Sell, "1", "95"),
        stop(OrderType::TakeProfit, Side::Buy, "1", "96"),
    ];
    tape.bar(0, [100.0, 100.0, 100.0, 100.0])
        .list(60, Contingency::Oto, orders)
        .bar(60, [100.0, 100.0, 100.0, 100.0]);
    // The child gets its price, which is worse than the market's; a buyer who waits for 96 does not.
    assert_eq!(
        tape.fills()
            .iter()
            .map(|fill| fill.order_id.0)
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn a_change_that_asks_for_nonsense_is_refused_and_changes_nothing() {
    let mut tape = Tape::start();
    tape.quote(1, 99.0, 100.0, 5.0)
        .place(1, limit(Side::Buy, "1", "90"))
        .quote(2, 99.0, 100.0, 5.0)
        .said();
    let absurd = Amendment {
        order_id: OrderId(1),
        quantity: Some(decimal("79228162514264337593543950335")),
        price: None,
        stop_price: None,
    };
    tape.command(2, Command::Amend(absurd));
    assert_eq!(tape.said(), ["#1 request refused: above_maximum_quantity"]);
    assert_eq!(
        tape.0.engine.open_orders().next().map(|order| order.quantity.0),
        Some(decimal("1"))
    );
}

#[test]
fn what_is_set_free_to_fill_at_once_ends_when_it_cannot() {
    let children = || {
        vec![
            limit(Side::Buy, "1", "99"),
            at_once(TimeInForceWord::Ioc, limit(Side::Sell, "1", "105")),
        ]
    };
    let last = |tape: &mut Tape| tape.said().pop();
    let mut bars = Tape::start();
    bars.bar(0, [100.0, 100.0, 100.0, 100.0])
        .list(60, Contingency::Oto, children())
        .bar(60, [100.0, 100.0, 98.0, 98.0]);
    assert_eq!(
        last(&mut bars).as_deref(),
        Some("#2 canceled: not_filled_at_once")
    );

    let mut ticks = Tape::start();
    ticks
        .quote(1, 99.0, 100.0, 5.0)
        .list(1, Contingency::Oto, children())
        .quote(2, 99.0, 100.0, 5.0)
        .trade(3, 98.0, 100.0)
        .quote(4, 99.0, 100.0, 5.0);
    assert_eq!(
        last(&mut ticks).as_deref(),
        Some("#2 canceled: not_filled_at_once")
    );
}

#[test]
fn fill_or_kill_takes_as_many_levels_as_it_needs_or_none() {
    let asks = [(10_000, 2), (10_001, 3)];
    for (quantity, outcome) in [
        (
            "0.00005",
            &[
                "#1 accepted",
                "#1 filled 0.00002 @ 100.00",
                "#1 filled 0.00003 @ 100.01",
            ][..],
        ),
        ("0.00006", &["#1 accepted", "#1 canceled: not_filled_at_once"]),
    ] {
        let mut tape = Tape::start();
        tape.trade(1, 100.0, 1.0)
            .place(
                1,
                at_once(TimeInForceWord::Fok, limit(Side::Buy, quantity, "101")),
            )
            .book(2, &[(9_999, 1)], &asks);
        assert_eq!(tape.said(), outcome);
    }
}

#[test]
fn an_order_on_its_way_loses_what_another_of_its_group_fills() {
    let mut tape = Tape::start();
    tape.quote(1, 99.0, 100.0, 5.0).list(
        1,
        Contingency::Oco,
        vec![limit(Side::Buy, "3", "101"), limit(Side::Buy, "3", "102")],
    );
    // The first takes the two that are shown, while the second is still to be looked at.
    tape.quote(2, 99.0, 100.0, 2.0).quote(3, 99.0, 100.5, 5.0);
    let filled: Decimal = tape.fills().iter().map(|fill| fill.quantity.0).sum();
    assert_eq!(filled, decimal("3"));
}

#[test]
fn an_order_that_has_to_be_set_off_first_is_none_for_an_auction() {
    let mut tape = Tape::with(|config| {
        config.instrument = config.instrument.clone().with_calendar(CalendarId::UsEquities);
    });
    // A Thursday in New York: the market closes at 21:00 UTC.
    let close = 1_709_845_200;
    let order = OrderRequest {
        price: Some(decimal("97")),
        ..at_once(
            TimeInForceWord::Cls,
            stop(OrderType::StopLimit, Side::Sell, "1", "98"),
        )
    };
    tape.quote(close - 60, 99.0, 100.0, 5.0).place(close - 60, order);
    assert_eq!(tape.said(), ["#1 rejected: contradiction"]);
}

#[test]
fn an_attached_order_for_the_open_waits_for_its_parent_first() {
    let mut tape = Tape::with(|config| {
        config.instrument = config.instrument.clone().with_calendar(CalendarId::UsEquities);
    });
    let open = 1_709_821_800;
    let orders = vec![
        limit(Side::Buy, "1", "50"),
        at_once(TimeInForceWord::Opg, market(Side::Buy, "1")),
    ];
    tape.bar(open - 60, [100.0, 100.0, 100.0, 100.0])
        .list(open, Contingency::Oto, orders)
        .bar(open + 86_400, [100.0, 100.0, 100.0, 100.0]);
    assert!(tape.fills().is_empty(), "{:?}", tape.fills());
}

#[test]
fn what_closes_leaves_the_hold_for_what_opens() {
    let mut tape = Tape::start();
    tape.quote(1, 99.0, 100.0, 5.0)
        .place(1, market(Side::Buy, "2"))
        .quote(2, 99.0, 100.0, 5.0);
    // Two of the six close; four open, short.
    tape.place(2, limit(Side::Sell, "6", "99"))
        .quote(3, 90.0, 99.5, 1.0);
    let hold = |tape: &Tape| tape.0.engine.open_orders().next().map(|order| order.hold.amount);
    let before = hold(&tape);
    tape.quote(4, 99.5, 100.0, 1.0);
    assert_eq!(tape.fills().len(), 2);
    assert_eq!(hold(&tape), before);
}

#[test]
fn a_bracket_that_grows_with_its_parent_closes_no_more_than_the_parent_opened() {
    let mut tape = Tape::start();
    let bracket = OrderRequest {
        attached: Some(Attached {
            take_profit: Some(AttachedLeg {
                price: Some(decimal("101")),
                ..AttachedLeg::default()
            }),
            stop_loss: Some(AttachedLeg {
                stop_price: Some(decimal("95")),
                ..AttachedLeg::default()
            }),
        }),
        ..market(Side::Buy, "10")
    };
    tape.trade(1, 100.0, 1.0).place(1, bracket);
    // Four are opened, three closed at the target, four more opened: five are there to be closed.
    tape.trade(2, 100.0, 4.0)
        .trade(3, 102.0, 3.0)
        .trade(4, 100.0, 4.0);
    let position = tape.0.engine.position().map(|position| position.quantity.0);
    for order in tape.0.engine.open_orders().filter(|order| order.parent.is_some()) {
        assert!(Some(order.remaining().0) <= position, "{order:?} of {position:?}");
    }
}

#[test]
fn a_fill_of_ours_at_its_limit_is_not_where_the_market_is() {
    let mut tape = Tape::start();
    tape.quote(1, 99.0, 100.0, 5.0)
        .place(1, limit(Side::Buy, "1", "99"))
        .quote(2, 99.0, 100.0, 5.0);
    tape.quote(3, 89.0, 90.0, 5.0);
    let position = tape.0.engine.position().expect("it filled");
    assert_eq!(
        (position.entry_price, position.mark_price),
        (Price(decimal("99")), Price(decimal("89.5")))
    );
    let told = tape.0.events.iter().find_map(|event| match &event.kind {
        EventKind::PositionChanged { position, .. } => position.clone(),
        _ => None,
    });
    assert_eq!(
        told.map(|position| position.mark_price),
        Some(Price(decimal("89.5")))
    );
}

#[test]
fn an_entry_that_follows_a_fill_waits_until_the_strategy_has_heard_of_it() {
    let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100, short: close < 100}\n\
                risk: {size: {method: fixed_quantity, value: 1}}\n";
    let mut config = config(yaml);
    config.execution.latency = LatencyModel::Fixed {
        entry: 1_000_000_000,
        response: 9_000_000_000,
    };
    let mut bench = Bench::with(config);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 101.0, 99.0, 99.0)
        .bar(99.0, 99.0, 98.0, 98.0);
    let fills: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::OrderFilled { fill, .. } => Some(fill.explanation.arrived_at.secs()),
            _ => None,
        })
        .collect();
    // In a second after the first close; out a second after the next; round ten seconds after that.
    assert_eq!(fills, [61, 121, 131]);
}
