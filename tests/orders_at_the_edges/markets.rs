//! Markets at their edges: one side only, one quantity for many, arrivals, nonsense, all at once.

use super::*;

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
    // The trade was a sale: who buys with it pays a tick more, as far as anybody knows.
    assert_eq!(tape.said(), ["#1 filled 3 @ 99", "#2 filled 1 @ 98.01"]);
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
fn a_limit_that_the_open_passes_by_leaves_the_market_at_the_open() {
    let mut tape = Tape::start();
    tape.0.flat(1, 99.0);
    let parent = OrderRequest::limit(Side::Sell, Decimal::ONE, decimal("100"));
    let child = OrderRequest::limit(Side::Buy, Decimal::ONE, decimal("90"));
    tape.0.command(Command::Place(Box::new(OrderList {
        contingency: Contingency::Oto,
        orders: vec![parent, child],
    })));
    tape.0.bar(105.0, 105.0, 105.0, 105.0);
    let decided = tape.0.events.iter().find_map(|event| match &event.kind {
        EventKind::OrderSubmitted { order } if order.id == OrderId(2) => Some(order.decision_price),
        _ => None,
    });
    assert_eq!(decided, Some(Price(decimal("105"))), "{:?}", tape.0.journal());
}

#[test]
fn what_grows_with_its_parent_goes_to_the_end_of_the_queue() {
    let mut tape = Tape::start();
    tape.quote(0, 99.0, 101.0, 0.00002);
    let parent = OrderRequest::limit(Side::Buy, decimal("0.00002"), decimal("101"));
    let child = OrderRequest::limit(Side::Sell, decimal("0.00002"), decimal("105"));
    tape.0.command(Command::Place(Box::new(OrderList {
        contingency: Contingency::Oto,
        orders: vec![parent, child],
    })));
    let ahead = |tape: &Tape| tape.0.engine.market(InstrumentId(0)).ahead_of(OrderId(2));
    tape.book(1, &[(9_900, 50)], &[(10_100, 1), (10_500, 7)]);
    assert_eq!(ahead(&tape), Some(7));
    tape.book(2, &[(9_900, 50)], &[(10_500, 9)]);
    assert_eq!(ahead(&tape), Some(7), "who comes later stands behind");
    tape.book(3, &[(9_900, 50)], &[(10_099, 1), (10_500, 9)]);
    assert_eq!(ahead(&tape), Some(9), "it has become larger");
}

#[test]
fn what_protects_an_entry_that_grows_goes_to_the_end_of_the_queue() {
    let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100}\n\
                orders: {entry: {type: limit, price: 101}}\n\
                risk: {size: {method: fixed_quantity, value: 0.00002}, take_profit: 4}\n";
    let mut tape = Tape(Bench::start(yaml));
    tape.trade(0, 101.0, 1.0)
        .book(61, &[(9_900, 50)], &[(10_100, 1), (10_500, 7)]);
    let target = tape.0.engine.open_orders().find(|order| order.side == Side::Sell);
    let target = target.expect("half of the entry filled").id;
    let ahead = |tape: &Tape| tape.0.engine.market(InstrumentId(0)).ahead_of(target);
    assert_eq!(ahead(&tape), Some(7));
    tape.book(62, &[(9_900, 50)], &[(10_500, 9)]);
    assert_eq!(ahead(&tape), Some(7), "who comes later stands behind");
    tape.book(63, &[(9_900, 50)], &[(10_099, 1), (10_500, 9)]);
    assert_eq!(ahead(&tape), Some(9), "it has become larger");
}

#[test]
fn a_name_that_another_instrument_has_is_not_given_again() {
    let other = papertape::testkit::instrument_of("ETH/USDT");
    let mut tape = Tape::with(|config| config.others = vec![other]);
    let to = "ETH/USDT".parse().expect("a symbol");
    let renamed = papertape::market::CorporateAction::SymbolChange { to };
    let action = papertape::market::MarketAction::Corporate(renamed);
    tape.market(0, MarketEvent::Action(Timestamp::from_secs(1), action));
    let names: Vec<_> = tape
        .0
        .engine
        .config()
        .instruments()
        .map(|it| it.symbol().to_string())
        .collect();
    assert_eq!(names, ["BTC/USDT", "ETH/USDT"]);
}
