//! What a person or program asks of orders, and what is said to it at once.

use papertape::engine::{Command, EventKind};
use papertape::model::{Side, Timestamp};
use papertape::order::{
    Amendment, Attached, AttachedLeg, Contingency, OrderList, OrderRequest, OrderType, TimeInForceWord,
    TrailRequest,
};
use papertape::testkit::{Bench, decimal};

const IDLE: &str = "name: idle\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close < 0}\nexit: {long: false}\n\
                    risk: {size: {method: fixed_quantity, value: 1}}\n";

fn at_100() -> Bench {
    let mut bench = Bench::start(IDLE);
    bench.bar(100.0, 100.0, 100.0, 100.0);
    bench.forget();
    bench
}

fn place(bench: &mut Bench, list: impl Into<OrderList>) -> Vec<String> {
    bench.command(Command::Place(Box::new(list.into())));
    let journal = bench.journal();
    bench.forget();
    journal
}

fn of_type(kind: OrderType, side: Side, price: Option<&str>, stop: Option<&str>) -> OrderRequest {
    let mut request = OrderRequest::market(side, decimal("1"));
    request.kind = kind;
    request.price = price.map(decimal);
    request.stop_price = stop.map(decimal);
    request
}

fn with(change: impl FnOnce(&mut OrderRequest)) -> OrderRequest {
    let mut request = OrderRequest::market(Side::Buy, decimal("1"));
    change(&mut request);
    request
}

#[test]
fn nonsense_is_refused_at_once_with_its_code_and_moves_no_money() {
    let cases = [
        ("invalid_quantity", with(|it| it.quantity = Some(decimal("0")))),
        ("invalid_quantity", with(|it| it.quantity = Some(decimal("-1")))),
        (
            "invalid_quantity",
            with(|it| it.quantity = Some(decimal("0.000001"))),
        ),
        ("contradiction", with(|it| it.quantity = None)),
        (
            "unknown_instrument",
            with(|it| it.symbol = "DOGE/USDT".parse().ok()),
        ),
        (
            "above_maximum_quantity",
            with(|it| it.quantity = Some(decimal("10000000000000000"))),
        ),
        (
            "above_maximum_quantity",
            with(|it| {
                it.quantity = Some(decimal("70000000000000000000000000000"));
                it.reduce_only = true;
            }),
        ),
        (
            "invalid_price",
            of_type(OrderType::Limit, Side::Buy, Some("99.001"), None),
        ),
        (
            "invalid_price",
            of_type(OrderType::Limit, Side::Buy, Some("0"), None),
        ),
        (
            "invalid_price",
            of_type(OrderType::Limit, Side::Sell, Some("-5"), None),
        ),
        ("contradiction", of_type(OrderType::Limit, Side::Buy, None, None)),
        (
            "contradiction",
            of_type(OrderType::Market, Side::Buy, Some("99"), None),
        ),
        ("contradiction", of_type(OrderType::Stop, Side::Buy, None, None)),
        (
            "stop_would_trigger",
            of_type(OrderType::Stop, Side::Buy, None, Some("90")),
        ),
        (
            "stop_would_trigger",
            of_type(OrderType::Stop, Side::Sell, None, Some("110")),
        ),
        (
            "stop_would_trigger",
            of_type(OrderType::TakeProfit, Side::Sell, None, Some("90")),
        ),
        (
            "invalid_trail",
            with(|it| {
                it.kind = OrderType::TrailingStop;
                it.trail = Some(TrailRequest {
                    amount: Some(decimal("0")),
                    percent: None,
                });
            }),
        ),
        (
            "expiry_over",
            with(|it| {
                it.time_in_force = Some(TimeInForceWord::Gtd);
                it.expires_at = Some(Timestamp::from_secs(1));
            }),
        ),
        (
            "no_auction",
            with(|it| it.time_in_force = Some(TimeInForceWord::Cls)),
        ),
        ("would_increase", with(|it| it.reduce_only = true)),
        (
            "would_increase",
            with(|it| {
                it.quantity = None;
                it.close_position = true;
            }),
        ),
    ];
    for (code, request) in cases {
        let mut bench = at_100();
        let (cash, equity) = (bench.engine.cash(), bench.engine.equity());
        let journal = place(&mut bench, request.clone());
        assert_eq!(
            journal.last().map(String::as_str),
            Some(format!("#1 rejected: {code}").as_str()),
            "{request:?}: {journal:?}"
        );
        assert_eq!(bench.engine.open_orders().count(), 0, "{request:?}");
        bench.bar(100.0, 100.0, 100.0, 100.0);
        assert_eq!(
            (bench.engine.cash(), bench.engine.equity()),
            (cash, equity),
            "{request:?}"
        );
    }
}

#[test]
fn reduce_only_is_left_to_its_arrival_while_an_order_under_way_may_open_a_position() {
    let mut bench = at_100();
    place(&mut bench, OrderRequest::market(Side::Buy, decimal("1")));
    let mut exit = of_type(OrderType::Stop, Side::Sell, None, Some("90"));
    exit.reduce_only = true;
    assert_eq!(place(&mut bench, exit), ["#2 sell 1 stop @ 90 (manual)"]);
    bench.bar(100.0, 100.0, 100.0, 100.0);
    assert_eq!(
        bench.journal(),
        [
            "#1 accepted",
            "#1 filled 1 @ 100.00",
            "long opened",
            "long 1",
            "#2 accepted"
        ]
    );
}

#[test]
fn a_list_with_one_bad_order_is_refused_whole() {
    let mut bench = at_100();
    let list = OrderList {
        contingency: Contingency::Oco,
        orders: vec![
            of_type(OrderType::Limit, Side::Buy, Some("95"), None),
            of_type(OrderType::Stop, Side::Buy, None, Some("90")),
        ],
    };
    assert_eq!(
        place(&mut bench, list),
        [
            "#1 buy 1 limit @ 95 (manual)",
            "#1 rejected: stop_would_trigger",
            "#2 buy 1 stop @ 90 (manual)",
            "#2 rejected: stop_would_trigger"
        ]
    );
}

fn bracket(entry: OrderRequest, stop: AttachedLeg) -> OrderRequest {
    OrderRequest {
        attached: Some(Attached {
            take_profit: None,
            stop_loss: Some(stop),
        }),
        ..entry
    }
}

fn stop_at(price: &str) -> AttachedLeg {
    AttachedLeg {
        stop_price: Some(decimal(price)),
        ..AttachedLeg::default()
    }
}

#[test]
fn an_attached_stop_is_judged_by_the_price_of_its_entry_not_by_the_market_of_its_placing() {
    // A breakout above the market: its stop lies above today's market and below its entry.
    let mut bench = at_100();
    let breakout = of_type(OrderType::Stop, Side::Buy, None, Some("110"));
    place(&mut bench, bracket(breakout, stop_at("105")));
    bench.bar(100.0, 112.0, 100.0, 112.0);
    assert_eq!(
        bench.journal(),
        [
            "#1 accepted",
            "#1 triggered at 110",
            "#1 filled 1 @ 110",
            "long opened",
            "#2 sell 1 stop @ 105 (attached)",
            "#2 accepted",
            "long 1"
        ]
    );
    // The other way round it is refused before anything is bought.
    let mut bench = at_100();
    let dip = of_type(OrderType::Limit, Side::Buy, Some("90"), None);
    let journal = place(&mut bench, bracket(dip, stop_at("95")));
    assert_eq!(journal[1], "#1 rejected: stop_would_trigger");
}

#[test]
fn an_attached_trailing_stop_begins_where_its_entry_fills() {
    let mut bench = at_100();
    let dip = of_type(OrderType::Limit, Side::Buy, Some("90"), None);
    let trail = AttachedLeg {
        trail: Some(TrailRequest {
            amount: Some(decimal("5")),
            percent: None,
        }),
        ..AttachedLeg::default()
    };
    place(&mut bench, bracket(dip, trail));
    bench.bar(100.0, 100.0, 89.0, 89.0);
    assert_eq!(
        bench.journal()[..5],
        [
            "#1 accepted",
            "#1 filled 1 @ 90",
            "long opened",
            "#2 sell 1 trailing_stop @ 85.00 (attached)",
            "#2 accepted"
        ]
    );
    // It is decided by its parent's fill, which its own explanation begins with.
    bench.forget().bar(84.0, 84.0, 84.0, 84.0);
    let fill = bench.events.iter().find_map(|event| match &event.kind {
        EventKind::OrderFilled { fill, .. } => Some(fill.clone()),
        _ => None,
    });
    assert_eq!(
        fill.expect("it is set off").explanation.decision_price.0,
        decimal("90")
    );
}

#[test]
fn an_absurd_amendment_is_refused_and_the_order_stays_as_it_was() {
    let mut bench = at_100();
    place(&mut bench, of_type(OrderType::Limit, Side::Buy, Some("95"), None));
    bench.bar(100.0, 100.0, 100.0, 100.0).forget();
    let id = bench.engine.open_orders().next().expect("it rests").id;
    for (quantity, price, code) in [
        (
            Some("79000000000000000000000000000"),
            None,
            "above_maximum_quantity",
        ),
        (
            None,
            Some("79000000000000000000000000000"),
            "above_maximum_quantity",
        ),
        (Some("0"), None, "below_filled"),
        (None, Some("-1"), "invalid_price"),
        (Some("200"), None, "insufficient_funds"),
    ] {
        let before = bench.engine.open_order(id).cloned();
        bench.command(Command::Amend(Amendment {
            order_id: id,
            quantity: quantity.map(decimal),
            price: price.map(decimal),
            stop_price: None,
        }));
        assert_eq!(bench.journal(), [format!("#{id} request refused: {code}")]);
        assert_eq!(bench.engine.open_order(id), before.as_ref());
        bench.forget();
    }
}
