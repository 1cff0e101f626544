//! Orders at their edges: names, changes, lists, brackets, auctions.

use super::*;

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
