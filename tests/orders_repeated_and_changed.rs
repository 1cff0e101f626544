//! Requests that are made once more, and quantities that are changed while a group or a parent fills.

use papertape::engine::{Command, EngineConfig, Familiar, Input};
use papertape::exchange::LatencyModel;
use papertape::market::{CorporateAction, MarketAction, MarketEvent, Quote};
use papertape::model::{OrderId, OrderLimits, Side};
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
