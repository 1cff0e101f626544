//! Requests that are made once more, and quantities that are changed while a group or a parent fills.

use papertape::engine::{Command, EngineConfig, Familiar, Input};
use papertape::exchange::LatencyModel;
use papertape::market::{CalendarId, CorporateAction, MarketAction, MarketEvent, Quote};
use papertape::model::{
    Instrument, InstrumentId, InstrumentKind, MarginRule, OrderId, OrderLimits, Side, Timestamp,
};
use papertape::order::{Amendment, Attached, AttachedLeg, Contingency, Order, OrderList, OrderRequest};
use papertape::testkit::{Bench, config, decimal};
use rust_decimal::Decimal;

const NOTHING: &str = "name: by hand\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: false}\n\
                       risk: {size: {method: fixed_quantity, value: 1}}\n";

/// A market at 100.
fn bench(change: impl FnOnce(&mut EngineConfig)) -> Bench {
    let mut config = config(NOTHING);
    change(&mut config);
    let mut bench = Bench::with(config);
    bench.flat(1, 100.0).forget();
    bench
}

fn place(bench: &mut Bench, list: &OrderList) {
    bench.command(Command::Place(Box::new(list.clone())));
}

fn named(name: &str, request: OrderRequest) -> OrderRequest {
    OrderRequest {
        client_order_id: Some(name.parse().expect("a name")),
        ..request
    }
}

fn limit(side: Side, quantity: &str, price: &str) -> OrderRequest {
    OrderRequest::limit(side, decimal(quantity), decimal(price))
}

fn oco(orders: [OrderRequest; 2]) -> OrderList {
    OrderList {
        contingency: Contingency::Oco,
        orders: orders.to_vec(),
    }
}

fn quote(bench: &mut Bench, second: i64, bid: f64, ask: f64, size: f64) {
    let quote = Quote {
        time: bench.now().plus_nanos(second * 1_000_000_000),
        bid,
        bid_size: size,
        ask,
        ask_size: size,
    };
    bench.feed(&Input::market(MarketEvent::Quote(quote)));
}

fn order(bench: &Bench, number: u64) -> &Order {
    bench.engine.open_order(OrderId(number)).expect("an open order")
}

/// What was asked of an order, and what it has.
fn quantities(bench: &Bench, number: u64) -> [Decimal; 2] {
    let order = order(bench, number);
    [order.asked.0, order.quantity.0].map(|quantity| quantity.normalize())
}

fn change_quantity(bench: &mut Bench, number: u64, quantity: &str) {
    bench.command(Command::Amend(Amendment {
        order_id: OrderId(number),
        quantity: Some(decimal(quantity)),
        price: None,
        stop_price: None,
    }));
}

fn last(bench: &Bench) -> String {
    bench.journal().last().cloned().unwrap_or_default()
}

#[test]
fn a_request_is_known_again_only_when_it_is_the_same_in_all_its_orders() {
    let mut bench = bench(|_| ());
    let (low, lower) = (limit(Side::Buy, "1", "90"), limit(Side::Buy, "1", "80"));
    let list = oco([named("a", low.clone()), lower.clone()]);
    place(&mut bench, &list);
    let Familiar::Repeated(placement) = bench.engine.familiar(&list) else {
        panic!("it was made before: {:?}", bench.engine.familiar(&list));
    };
    let orders: Vec<_> = placement.orders().collect();
    assert_eq!(orders, [OrderId(1), OrderId(2)], "also the one without a name");
    let longer = oco([named("a", limit(Side::Buy, "1.00", "90.0")), lower.clone()]);
    assert!(
        matches!(bench.engine.familiar(&longer), Familiar::Repeated(_)),
        "1.00 is 1"
    );
    place(&mut bench, &longer);
    assert_eq!(bench.engine.open_orders().count(), 2);

    let other_price = limit(Side::Buy, "1", "70");
    for other in [
        oco([named("a", low.clone()), named("b", lower.clone())]),
        oco([named("a", low.clone()), other_price.clone()]),
        named("a", low).into(),
        named("a", other_price).into(),
    ] {
        let name = "a".parse().expect("a name");
        assert_eq!(bench.engine.familiar(&other), Familiar::InUse(name), "{other:?}");
        place(&mut bench, &other);
        assert!(
            last(&bench).ends_with("rejected: client_order_id_in_use"),
            "{}",
            last(&bench)
        );
        assert_eq!(bench.engine.open_orders().count(), 2);
    }
    let fresh = named("b", lower).into();
    assert_eq!(
        bench.engine.familiar(&fresh),
        Familiar::New,
        "a refused order has no name"
    );
}

#[test]
fn the_names_of_two_requests_in_one_list_are_those_of_neither() {
    let mut bench = bench(|_| ());
    let (low, lower) = (
        named("a", limit(Side::Buy, "1", "90")),
        named("b", limit(Side::Buy, "1", "80")),
    );
    place(&mut bench, &low.clone().into());
    place(&mut bench, &lower.clone().into());
    assert!(matches!(
        bench.engine.familiar(&oco([low, lower])),
        Familiar::InUse(_)
    ));
}

#[test]
fn an_order_that_is_refused_when_it_arrives_leaves_its_name_free() {
    let mut bench = bench(|config| {
        config.execution.latency = LatencyModel::Fixed {
            entry: 1_000_000_000,
            response: 0,
        };
        config.instrument = config.instrument.clone().with_limits(OrderLimits {
            maximum_open_orders: Some(1),
            ..OrderLimits::default()
        });
    });
    let request = named("a", limit(Side::Buy, "1", "80")).into();
    place(&mut bench, &limit(Side::Buy, "1", "90").into());
    place(&mut bench, &request);
    assert!(matches!(bench.engine.familiar(&request), Familiar::Repeated(_)));
    quote(&mut bench, 2, 100.0, 101.0, 5.0);
    let rejected = "#2 rejected: too_many_open_orders".to_owned();
    assert!(bench.journal().contains(&rejected), "{:?}", bench.journal());
    assert_eq!(bench.engine.familiar(&request), Familiar::New);
}

#[test]
fn the_quantity_asked_for_stays_when_a_group_fills_and_is_what_a_change_sets() {
    let mut bench = bench(|_| ());
    place(
        &mut bench,
        &oco([limit(Side::Buy, "10", "98"), limit(Side::Buy, "10", "96")]),
    );
    quote(&mut bench, 1, 97.0, 98.0, 4.0);
    assert_eq!(quantities(&bench, 2), [decimal("10"), decimal("6")]);
    change_quantity(&mut bench, 2, "10");
    assert_eq!(quantities(&bench, 2), [decimal("10"), decimal("6")], "as it was");
    change_quantity(&mut bench, 2, "12");
    assert_eq!(quantities(&bench, 2), [decimal("12"), decimal("8")]);
    quote(&mut bench, 2, 97.0, 97.5, 1.0);
    assert_eq!(
        quantities(&bench, 2),
        [decimal("12"), decimal("7")],
        "one more is gone"
    );
    change_quantity(&mut bench, 2, "5");
    assert_eq!(last(&bench), "#2 request refused: below_filled");
    assert_eq!(bench.engine.check(), Ok(()));
}

#[test]
fn an_attached_order_changed_while_it_waits_has_what_was_asked_for_last() {
    let mut bench = bench(|_| ());
    let leg = AttachedLeg {
        stop_price: Some(decimal("50")),
        ..AttachedLeg::default()
    };
    let entry = OrderRequest {
        attached: Some(Attached {
            take_profit: None,
            stop_loss: Some(leg),
        }),
        ..OrderRequest::market(Side::Buy, decimal("8"))
    };
    place(&mut bench, &entry.into());
    change_quantity(&mut bench, 2, "5");
    quote(&mut bench, 1, 99.0, 100.0, 2.0);
    assert_eq!(quantities(&bench, 2), [decimal("5"), decimal("2")]);
    change_quantity(&mut bench, 2, "3");
    assert_eq!(
        quantities(&bench, 2),
        [decimal("3"), decimal("2")],
        "its parent has filled 2"
    );
    quote(&mut bench, 2, 99.0, 101.0, 6.0);
    assert_eq!(quantities(&bench, 2), [decimal("3"), decimal("3")]);
    change_quantity(&mut bench, 2, "7");
    assert_eq!(
        quantities(&bench, 2),
        [decimal("7"), decimal("7")],
        "its parent is whole"
    );
}

#[test]
fn a_split_keeps_what_a_group_has_taken() {
    let mut bench = bench(|_| ());
    place(
        &mut bench,
        &oco([limit(Side::Buy, "10", "98"), limit(Side::Buy, "10", "96")]),
    );
    quote(&mut bench, 1, 97.0, 98.0, 4.0);
    let split = MarketAction::Corporate(CorporateAction::Split { ratio: decimal("2") });
    let now = bench.now().plus_nanos(2_000_000_000);
    bench.feed(&Input::market(MarketEvent::Action(now, split)));
    assert_eq!(quantities(&bench, 2), [decimal("20"), decimal("12")]);
    change_quantity(&mut bench, 2, "20");
    assert_eq!(quantities(&bench, 2), [decimal("20"), decimal("12")]);
}

/// A market whose smallest order is worth 5.
fn with_smallest_order(config: &mut EngineConfig) {
    let instrument = &config.instrument;
    config.instrument = Instrument::new(
        instrument.symbol().clone(),
        instrument.tick(),
        instrument.lot(),
        decimal("5"),
        instrument.multiplier(),
    )
    .expect("an instrument");
}

#[test]
fn a_change_asks_for_no_less_than_the_smallest_order() {
    let mut bench = bench(with_smallest_order);
    place(&mut bench, &limit(Side::Buy, "1", "50").into());
    bench.flat(1, 100.0);
    change_quantity(&mut bench, 1, "0.05");
    assert_eq!(last(&bench), "#1 request refused: below_minimum_notional");
    assert_eq!(quantities(&bench, 1), [decimal("1"); 2]);
    change_quantity(&mut bench, 1, "0.1");
    assert_eq!(quantities(&bench, 1), [decimal("0.1"); 2]);
}

#[test]
fn the_smallest_order_is_asked_of_the_order_and_not_of_what_it_opens() {
    let mut bench = bench(with_smallest_order);
    place(&mut bench, &OrderRequest::market(Side::Buy, decimal("10")).into());
    bench.flat(1, 100.0);
    // Ten of it close, the rest is worth 1.
    place(
        &mut bench,
        &OrderRequest::market(Side::Sell, decimal("10.01")).into(),
    );
    bench.flat(1, 100.0);
    let journal = bench.journal();
    assert!(
        journal.contains(&"#2 filled 10 @ 100.00".to_owned()),
        "{journal:?}"
    );
    assert!(!journal.iter().any(|line| line.contains("denied")), "{journal:?}");
}

#[test]
fn a_list_that_is_refused_on_arrival_leaves_all_its_names_free() {
    let mut bench = bench(|config| {
        config.execution.latency = LatencyModel::Fixed {
            entry: 1_000_000_000,
            response: 0,
        };
        config.instrument = config.instrument.clone().with_limits(OrderLimits {
            maximum_open_orders: Some(1),
            ..OrderLimits::default()
        });
    });
    let list = OrderList {
        contingency: Contingency::Oto,
        orders: vec![
            named("entry", limit(Side::Buy, "1", "80")),
            named("target", limit(Side::Sell, "1", "120")),
        ],
    };
    // Both are on their way; where one rests, the other is refused.
    place(&mut bench, &limit(Side::Buy, "1", "90").into());
    place(&mut bench, &list);
    quote(&mut bench, 2, 100.0, 101.0, 5.0);
    let journal = bench.journal();
    let told = |line: &str| journal.iter().any(|told| told == line);
    assert!(
        told("#2 rejected: too_many_open_orders") && told("#3 canceled: parent_ended"),
        "{journal:?}"
    );
    for order in list.orders {
        assert_eq!(bench.engine.familiar(&order.into()), Familiar::New);
    }
}

#[test]
fn an_attached_order_that_the_funds_do_not_let_grow_says_so() {
    let mut bench = bench(|config| config.initial_capital.amount = decimal("1100"));
    quote(&mut bench, 0, 99.0, 100.0, 4.0);
    let child = limit(Side::Buy, "10", "20");
    let list = OrderList {
        contingency: Contingency::Oto,
        orders: vec![limit(Side::Buy, "10", "100"), child],
    };
    place(&mut bench, &list);
    // Four fill, and the second order goes out for four of its ten: they hold 80 of the 100 that are left.
    quote(&mut bench, 1, 99.0, 100.0, 4.0);
    assert_eq!(quantities(&bench, 2), [decimal("10"), decimal("4")]);
    bench.forget();
    quote(&mut bench, 2, 98.0, 99.5, 6.5);
    let journal = bench.journal();
    assert!(
        journal.contains(&"#2 request refused: insufficient_funds".to_owned()),
        "{journal:?}"
    );
    assert_eq!(quantities(&bench, 2), [decimal("10"), decimal("4")]);
}

/// Asks for another price at so many seconds after the market at 100.
fn change_price_at(bench: &mut Bench, second: i64, price: &str) {
    let amendment = Amendment {
        order_id: OrderId(1),
        quantity: None,
        price: Some(decimal(price)),
        stop_price: None,
    };
    let time = bench.now().plus_nanos(second * 1_000_000_000);
    bench.feed(&Input::Command(time, Command::Amend(amendment)));
}

#[test]
fn an_order_can_be_changed_before_the_market_has_spoken_again() {
    let mut bench = bench(|_| ());
    place(&mut bench, &limit(Side::Buy, "1", "90").into());
    change_price_at(&mut bench, 0, "95");
    assert_eq!(last(&bench), "#1 amended to 95");
    assert_eq!(
        order(&bench, 1).hold.amount,
        decimal("95"),
        "it holds what it needs now"
    );
    change_quantity(&mut bench, 1, "200");
    assert_eq!(last(&bench), "#1 request refused: insufficient_funds");
    bench.forget().bar(100.0, 100.0, 94.0, 100.0);
    assert!(
        bench.journal().contains(&"#1 filled 1 @ 95".to_owned()),
        "{:?}",
        bench.journal()
    );
}

#[test]
fn an_order_for_a_closed_market_can_be_changed_while_it_is_closed() {
    let mut bench = bench(|config| {
        let shares = config.instrument.clone().with_kind(InstrumentKind::Equity);
        config.instrument = shares.with_calendar(CalendarId::UsEquities);
    });
    place(&mut bench, &limit(Side::Buy, "1", "90").into());
    // Hours later and still in the same night.
    change_price_at(&mut bench, 3 * 3_600, "80");
    assert_eq!(last(&bench), "#1 amended to 80");
    assert_eq!(order(&bench, 1).hold.amount, decimal("80"));
}

#[test]
fn a_change_of_an_order_in_a_quiet_book_counts_when_the_book_speaks_again() {
    let mut bench = bench(|config| {
        config.execution.latency = LatencyModel::Fixed {
            entry: 50_000_000,
            response: 50_000_000,
        };
    });
    quote(&mut bench, 0, 99.0, 100.0, 4.0);
    place(&mut bench, &limit(Side::Buy, "1", "105").into());
    change_price_at(&mut bench, 10, "95");
    bench.forget();
    quote(&mut bench, 60, 99.0, 100.0, 4.0);
    assert_eq!(
        bench.journal(),
        ["#1 amended to 95", "#1 accepted"],
        "no fill at the old price"
    );
    quote(&mut bench, 61, 94.0, 94.5, 4.0);
    assert_eq!(last(&bench), "long 1");
}

#[test]
fn a_change_that_overtakes_its_order_finds_none() {
    let mut bench = bench(|config| {
        let point = |second: i64, entry: i64| papertape::exchange::LatencyPoint {
            time: Timestamp::from_secs(60 + second),
            entry: entry * 1_000_000_000,
            response: 0,
        };
        config.execution.latency = LatencyModel::Series {
            points: vec![point(0, 20), point(5, 1)],
        };
    });
    quote(&mut bench, 0, 99.0, 100.0, 4.0);
    place(&mut bench, &limit(Side::Buy, "1", "90").into());
    change_price_at(&mut bench, 5, "95");
    bench.forget();
    quote(&mut bench, 10, 99.0, 100.0, 4.0);
    assert_eq!(bench.journal(), ["#1 request refused: not_yet_there"]);
}

/// 1,000 of cash and a perpetual of which fifty, bought at 100, have gained 5,000: what that lends buys no coins. It is quoted
/// at 200, in this size.
fn rich_on_paper(size: f64) -> Bench {
    let mut bench = bench(|config| {
        config.initial_capital.amount = decimal("1000");
        let perpetual = papertape::testkit::instrument_of("ETH/USDT")
            .with_kind(InstrumentKind::Perpetual)
            .with_margin(MarginRule::Rate {
                initial: decimal("0.1"),
                maintenance: decimal("0.05"),
            });
        config.others = vec![perpetual.expect("margins")];
    });
    quote(&mut bench, 0, 99.0, 100.0, 100.0);
    quote_perpetual(&mut bench, 0, 99.9, 100.0, 100.0);
    let fifty = on_perpetual(OrderRequest::market(Side::Buy, decimal("50")));
    place(&mut bench, &fifty.into());
    quote_perpetual(&mut bench, 1, 99.9, 100.0, 100.0);
    quote_perpetual(&mut bench, 2, 200.0, 200.0, size);
    assert!(bench.engine.equity().amount > decimal("5000"));
    bench
}

fn on_perpetual(request: OrderRequest) -> OrderRequest {
    OrderRequest {
        symbol: Some("ETH/USDT".parse().expect("a symbol")),
        ..request
    }
}

fn quote_perpetual(bench: &mut Bench, second: i64, bid: f64, ask: f64, size: f64) {
    let quote = Quote {
        time: bench.now().plus_nanos(second * 1_000_000_000),
        bid,
        bid_size: size,
        ask,
        ask_size: size,
    };
    bench.feed(&Input::Market(InstrumentId(1), MarketEvent::Quote(quote)));
}

#[test]
fn a_change_spends_no_more_than_a_new_order_may() {
    let mut bench = rich_on_paper(100.0);
    place(&mut bench, &limit(Side::Buy, "40", "90").into());
    assert!(
        bench
            .journal()
            .contains(&"#2 denied: insufficient_funds".to_owned()),
        "{:?}",
        bench.journal()
    );
    place(&mut bench, &limit(Side::Buy, "5", "90").into());
    quote(&mut bench, 3, 99.0, 100.0, 100.0);
    change_quantity(&mut bench, 3, "40");
    assert_eq!(last(&bench), "#3 request refused: insufficient_funds");
    // The perpetual holds 500 of the 1,000.
    change_quantity(&mut bench, 3, "5.5");
    assert_eq!(last(&bench), "#3 amended to 90");
    assert!(bench.engine.ledger().available().amount >= Decimal::ZERO);
}

#[test]
fn an_attached_order_grows_no_further_than_a_new_one_could_be() {
    let mut bench = rich_on_paper(4.0);
    let list = OrderList {
        contingency: Contingency::Oto,
        orders: vec![
            on_perpetual(limit(Side::Buy, "20", "201")),
            OrderRequest {
                symbol: Some("BTC/USDT".parse().expect("a symbol")),
                ..limit(Side::Buy, "20", "10")
            },
        ],
    };
    place(&mut bench, &list);
    // The fifty hold 500 and the order for twenty more 402; four of those bring 40 of what is left to be held.
    quote_perpetual(&mut bench, 3, 200.0, 200.0, 4.0);
    assert_eq!(quantities(&bench, 3), [decimal("20"), decimal("4")]);
    bench.forget();
    quote_perpetual(&mut bench, 4, 199.0, 199.5, 16.0);
    let refused = "#3 request refused: insufficient_funds".to_owned();
    assert!(bench.journal().contains(&refused), "{:?}", bench.journal());
    assert!(bench.engine.ledger().available().amount >= Decimal::ZERO);
}

#[test]
fn what_waits_counts_among_the_open_orders() {
    let mut bench = Bench::with(config(NOTHING));
    quote(&mut bench, 0, 99.0, 100.0, 4.0);
    let mut refused_after = None;
    // In a market that says nothing more, none of them is ever accepted.
    for number in 0..3_000 {
        place(&mut bench, &limit(Side::Buy, "0.001", "50").into());
        if last(&bench).ends_with("rejected: too_many_open_orders") {
            refused_after = Some(number);
            break;
        }
        bench.forget();
    }
    assert_eq!(refused_after, Some(2_000));
}
