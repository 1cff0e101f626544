//! Orders that depend on each other, are changed, or are none: what a person's or a program's requests come to.

use papertape::engine::{Command, EngineConfig};
use papertape::market::{MarketAction, MarketEvent, Quote};
use papertape::model::{InstrumentKind, MarginRule, OrderId, OrderLimits, Price, Quantity, Side};
use papertape::order::{
    Amendment, Attached, AttachedLeg, Contingency, OrderList, OrderRequest, OrderType, TimeInForceWord,
    TrailRequest,
};
use papertape::testkit::{Bench, config, decimal};
use rust_decimal::Decimal;

const NOTHING: &str = "name: by hand\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: false}\n\
                       risk: {size: {method: fixed_quantity, value: 1}}\n";

fn bench() -> Bench {
    with(|_| ())
}

fn with(change: impl FnOnce(&mut EngineConfig)) -> Bench {
    let mut config = config(NOTHING);
    change(&mut config);
    let mut bench = Bench::with(config);
    bench.flat(1, 100.0).forget();
    bench
}

fn buy(quantity: &str) -> OrderRequest {
    OrderRequest::market(Side::Buy, decimal(quantity))
}

fn stop(side: Side, quantity: &str, price: &str) -> OrderRequest {
    OrderRequest {
        kind: OrderType::Stop,
        stop_price: Some(decimal(price)),
        ..OrderRequest::market(side, decimal(quantity))
    }
}

fn bracket(entry: OrderRequest, target: &str, stop: &str) -> OrderRequest {
    OrderRequest {
        attached: Some(Attached {
            take_profit: Some(AttachedLeg {
                price: Some(decimal(target)),
                ..AttachedLeg::default()
            }),
            stop_loss: Some(AttachedLeg {
                stop_price: Some(decimal(stop)),
                ..AttachedLeg::default()
            }),
        }),
        ..entry
    }
}

fn place(bench: &mut Bench, request: OrderRequest) -> &mut Bench {
    bench.command(Command::Place(Box::new(request.into())))
}

fn list(bench: &mut Bench, contingency: Contingency, orders: Vec<OrderRequest>) -> &mut Bench {
    bench.command(Command::Place(Box::new(OrderList { contingency, orders })))
}

/// Quotes of a size at the present minute and second.
fn quote(bench: &mut Bench, second: i64, bid: f64, ask: f64, size: f64) {
    let quote = Quote {
        time: bench.now().plus_nanos(second * 1_000_000_000),
        bid,
        bid_size: size,
        ask,
        ask_size: size,
    };
    bench.feed(&papertape::engine::Input::market(MarketEvent::Quote(quote)));
}

fn codes(bench: &Bench) -> Vec<String> {
    let ends = |line: &String| {
        line.split_once(": ")
            .filter(|(what, _)| {
                what.contains("rejected") || what.contains("denied") || what.contains("refused")
            })
            .map(|(_, code)| code.to_owned())
    };
    bench.journal().iter().filter_map(ends).collect()
}

#[test]
fn a_bracket_is_judged_by_the_price_at_which_its_entry_filled() {
    // Where the market stood when it was placed, 105 was on the wrong side for a stop that sells.
    let mut bench = bench();
    place(&mut bench, bracket(stop(Side::Buy, "1", "110"), "120", "105"));
    bench
        .bar(100.0, 101.0, 99.0, 100.0)
        .forget()
        .bar(109.0, 112.0, 109.0, 112.0);
    assert_eq!(
        bench.journal(),
        [
            "#1 triggered at 110",
            "#1 filled 1 @ 110",
            "long opened",
            "#2 sell 1 limit @ 120 (attached)",
            "#2 accepted",
            "#3 sell 1 stop @ 105 (attached)",
            "#3 accepted",
            "long 1",
        ]
    );
    bench.forget().bar(112.0, 112.0, 104.0, 104.0);
    assert_eq!(
        bench.journal(),
        [
            "#3 triggered at 105",
            "#3 filled 1 @ 105",
            "#2 canceled: group_filled",
            "long closed: -5",
            "flat",
        ]
    );
}

#[test]
fn an_attached_trailing_stop_counts_its_distance_from_the_entry() {
    let mut bench = bench();
    let trail = TrailRequest {
        amount: Some(decimal("5")),
        percent: None,
    };
    let entry = OrderRequest::limit(Side::Buy, Decimal::ONE, decimal("90"));
    let request = OrderRequest {
        attached: Some(Attached {
            take_profit: None,
            stop_loss: Some(AttachedLeg {
                trail: Some(trail),
                ..AttachedLeg::default()
            }),
        }),
        ..entry
    };
    place(&mut bench, request);
    bench.bar(100.0, 100.0, 99.0, 99.0).bar(99.0, 99.0, 88.0, 88.0);
    let rests: Vec<_> = bench.engine.open_orders().collect();
    assert_eq!(rests.len(), 1, "it protects, it has not sold");
    assert_eq!(rests[0].kind.stop_price(), Some(Price(decimal("85"))));
}

#[test]
fn what_is_attached_has_as_much_as_its_parent_has_filled_and_no_more_than_was_asked() {
    let mut bench = bench();
    let child = OrderRequest {
        reduce_only: true,
        ..OrderRequest::limit(Side::Sell, decimal("3"), decimal("120"))
    };
    list(&mut bench, Contingency::Oto, vec![buy("8"), child]);
    quote(&mut bench, 1, 99.0, 100.0, 2.0);
    let target = |bench: &Bench| bench.engine.open_order(OrderId(2)).map(|order| order.quantity);
    assert_eq!(target(&bench), Some(Quantity(decimal("2"))));
    quote(&mut bench, 2, 99.0, 101.0, 5.0);
    assert_eq!(target(&bench), Some(Quantity(decimal("3"))));
}

#[test]
fn a_target_filled_in_part_leaves_the_stop_the_rest_and_ends_the_entry() {
    let mut bench = bench();
    let entry = OrderRequest::limit(Side::Buy, decimal("8"), decimal("100"));
    place(&mut bench, bracket(entry, "110", "90"));
    quote(&mut bench, 1, 99.0, 100.0, 6.0);
    quote(&mut bench, 2, 111.0, 112.0, 2.0);
    let of = |bench: &Bench, id| {
        bench
            .engine
            .open_order(OrderId(id))
            .map(|order| order.remaining().0)
    };
    assert_eq!(of(&bench, 1), None, "what has begun to be closed is not added to");
    assert_eq!(of(&bench, 2), Some(decimal("4")));
    assert_eq!(of(&bench, 3), Some(decimal("4")));
    quote(&mut bench, 3, 89.0, 90.0, 50.0);
    assert!(bench.engine.position().is_none());
    assert_eq!(bench.engine.open_orders().count(), 0);
    assert_eq!(bench.engine.check(), Ok(()));
}

#[test]
fn of_an_oco_group_only_one_order_s_quantity_fills_even_before_the_other_has_arrived() {
    let mut bench = bench();
    let low = OrderRequest::limit(Side::Buy, decimal("2"), decimal("101"));
    list(
        &mut bench,
        Contingency::Oco,
        vec![low, stop(Side::Buy, "2", "105")],
    );
    quote(&mut bench, 1, 99.0, 100.0, 1.0);
    quote(&mut bench, 2, 105.0, 106.0, 9.0);
    let held = bench.engine.position().map(|position| position.quantity);
    assert_eq!(held, Some(Quantity(decimal("2"))));
}

#[test]
fn a_target_for_the_day_leaves_the_stop_when_its_day_is_over() {
    let mut bench = bench();
    let target = OrderRequest {
        reduce_only: true,
        time_in_force: Some(TimeInForceWord::Day),
        ..OrderRequest::limit(Side::Sell, Decimal::ONE, decimal("150"))
    };
    let protection = OrderRequest {
        reduce_only: true,
        ..stop(Side::Sell, "1", "50")
    };
    list(&mut bench, Contingency::Otoco, vec![buy("1"), target, protection]);
    bench.flat(24 * 60 + 1, 100.0);
    let rests: Vec<_> = bench.engine.open_orders().map(|order| order.id).collect();
    assert_eq!(rests, [OrderId(3)]);
}

#[test]
fn an_order_that_turns_the_position_around_is_two_trades_and_holds_what_the_second_needs() {
    let mut bench = bench();
    place(&mut bench, buy("1"));
    bench.flat(1, 100.0).forget();
    place(
        &mut bench,
        OrderRequest::limit(Side::Sell, decimal("3"), decimal("110")),
    );
    let hold = |bench: &Bench| {
        bench
            .engine
            .open_order(OrderId(2))
            .map(|order| order.hold.amount.normalize())
    };
    assert_eq!(hold(&bench), Some(decimal("220")), "for the two that it opens");
    bench.bar(100.0, 112.0, 100.0, 112.0);
    let journal = bench.journal();
    assert!(journal.contains(&"long closed: 10".to_owned()), "{journal:?}");
    assert!(journal.contains(&"short opened".to_owned()), "{journal:?}");
    assert_eq!(bench.engine.check(), Ok(()));
}

#[test]
fn an_order_that_closes_the_position_closes_what_it_is_when_it_fills() {
    let mut bench = bench();
    place(&mut bench, buy("1"));
    bench.flat(1, 100.0);
    let close = OrderRequest {
        quantity: None,
        close_position: true,
        ..stop(Side::Sell, "1", "90")
    };
    place(&mut bench, close);
    bench.flat(1, 100.0);
    place(&mut bench, buy("2"));
    bench.flat(1, 100.0).bar(100.0, 100.0, 89.0, 89.0);
    assert!(bench.engine.position().is_none());
}

#[test]
fn cancel_all_takes_what_persons_placed_and_leaves_the_strategy_its_stop() {
    let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100}\n\
                risk: {size: {method: fixed_quantity, value: 1}, stop_loss: 5}\n";
    let mut bench = Bench::start(yaml);
    bench.flat(2, 101.0);
    place(
        &mut bench,
        OrderRequest::limit(Side::Sell, Decimal::ONE, decimal("150")),
    );
    bench.flat(1, 101.0);
    assert_eq!(bench.engine.open_orders().count(), 2);
    bench.command(Command::CancelAll(None));
    let rests: Vec<_> = bench
        .engine
        .open_orders()
        .map(|order| order.reason.to_string())
        .collect();
    assert_eq!(rests, ["stop loss"]);
}

#[test]
fn a_repeated_name_is_the_same_order_and_a_refused_order_leaves_its_name_free() {
    let mut bench = bench();
    let named = |quantity: &str| OrderRequest {
        client_order_id: Some("mine".parse().expect("a name")),
        ..OrderRequest::limit(Side::Buy, decimal(quantity), decimal("90"))
    };
    place(&mut bench, named("1000000"));
    assert_eq!(codes(&bench), ["insufficient_funds"]);
    place(&mut bench, named("1"));
    place(&mut bench, named("1"));
    assert_eq!(bench.engine.open_orders().count(), 1);
    assert_eq!(
        bench.engine.order_named(&"mine".parse().expect("a name")),
        Some(OrderId(2))
    );
}

#[test]
fn a_closing_order_changed_into_an_opening_one_has_to_be_paid() {
    let mut bench = bench();
    place(&mut bench, buy("1"));
    bench.flat(1, 100.0);
    place(
        &mut bench,
        OrderRequest::limit(Side::Sell, Decimal::ONE, decimal("150")),
    );
    bench.flat(1, 100.0).forget();
    let change = |quantity: &str| {
        Command::Amend(Amendment {
            order_id: OrderId(2),
            quantity: Some(decimal(quantity)),
            price: None,
            stop_price: None,
        })
    };
    bench.command(change("5000"));
    assert_eq!(codes(&bench), ["insufficient_funds"]);
    bench.command(change("11"));
    let hold = bench
        .engine
        .open_order(OrderId(2))
        .map(|order| order.hold.amount.normalize());
    assert_eq!(hold, Some(decimal("1500")));
    assert_eq!(bench.engine.check(), Ok(()));
}

#[test]
fn nonsense_is_refused_with_a_code_and_moves_nothing() {
    let limits = OrderLimits {
        maximum_notional: Some(decimal("5000")),
        maximum_quantity: Some(decimal("40")),
        price_band: Some(decimal("0.5")),
        ..OrderLimits::default()
    };
    let limit =
        |quantity: &str, price: &str| OrderRequest::limit(Side::Buy, decimal(quantity), decimal(price));
    let huge = "79000000000000000000000000000";
    let trail = |amount: Decimal| OrderRequest {
        kind: OrderType::TrailingStop,
        trail: Some(TrailRequest {
            amount: Some(amount),
            percent: None,
        }),
        ..OrderRequest::market(Side::Sell, Decimal::ONE)
    };
    let now = papertape::model::Timestamp::from_secs(60);
    for (request, code) in [
        (limit("0", "90"), "invalid_quantity"),
        (limit("-1", "90"), "invalid_quantity"),
        (limit("0.000001", "90"), "invalid_quantity"),
        (limit("1.000001", "90"), "invalid_quantity"),
        (limit("1", "90.001"), "invalid_price"),
        (limit("1", "0"), "invalid_price"),
        (limit("1", "20"), "outside_price_band"),
        (limit("41", "90"), "above_maximum_quantity"),
        (limit("60", "90"), "above_maximum_quantity"),
        (limit(huge, "90"), "above_maximum_quantity"),
        (
            OrderRequest {
                reduce_only: true,
                ..limit(huge, "90")
            },
            "above_maximum_quantity",
        ),
        (
            OrderRequest {
                reduce_only: true,
                ..limit("1", "90")
            },
            "would_increase",
        ),
        (
            OrderRequest {
                symbol: Some("NO/SUCH".parse().expect("a symbol")),
                ..limit("1", "90")
            },
            "unknown_instrument",
        ),
        (stop(Side::Buy, "1", "99"), "stop_would_trigger"),
        (stop(Side::Sell, "1", "101"), "stop_would_trigger"),
        (
            OrderRequest {
                expires_at: Some(now.plus_nanos(-1)),
                ..limit("1", "90")
            },
            "expiry_over",
        ),
        (
            OrderRequest {
                time_in_force: Some(TimeInForceWord::Opg),
                ..limit("1", "90")
            },
            "no_auction",
        ),
        (trail(Decimal::ZERO), "invalid_trail"),
        (trail(Decimal::MAX), "invalid_trail"),
        (
            OrderRequest {
                display_quantity: Some(decimal("2")),
                ..limit("1", "90")
            },
            "invalid_display_quantity",
        ),
        (
            OrderRequest {
                price: None,
                ..limit("1", "90")
            },
            "contradiction",
        ),
    ] {
        let mut bench =
            with(|config| config.instrument = config.instrument.clone().with_limits(limits.clone()));
        let cash = bench.engine.cash();
        place(&mut bench, request.clone());
        bench.flat(1, 100.0);
        assert_eq!(codes(&bench), [code], "{request:?}: {:?}", bench.journal());
        assert_eq!(bench.engine.cash(), cash);
        assert_eq!(bench.engine.ledger().available(), cash);
        assert_eq!(bench.engine.open_orders().count(), 0);
    }
}

#[test]
fn what_closes_a_position_for_the_engine_is_not_kept_from_it_by_the_venue_s_limits() {
    let limits = OrderLimits {
        maximum_quantity: Some(decimal("5")),
        ..OrderLimits::default()
    };
    let mut bench = with(|config| config.instrument = config.instrument.clone().with_limits(limits));
    for _ in 0..2 {
        place(&mut bench, buy("4"));
        bench.flat(1, 100.0);
    }
    bench.command(Command::Flatten).flat(1, 100.0);
    assert!(bench.engine.position().is_none());
}

#[test]
fn a_mark_price_decides_over_a_liquidation_and_what_was_traded_still_does_without_one() {
    let margined = |config: &mut EngineConfig| {
        let margin = MarginRule::Rate {
            initial: decimal("0.1"),
            maintenance: decimal("0.05"),
        };
        config.instrument = config
            .instrument
            .clone()
            .with_kind(InstrumentKind::Perpetual)
            .with_margin(margin)
            .expect("a margin");
    };
    for (mark, is_liquidated) in [(None, true), (Some("100"), false), (Some("50"), true)] {
        let mut bench = with(margined);
        place(&mut bench, buy("900"));
        bench.flat(1, 100.0).forget();
        if let Some(mark) = mark {
            let action = MarketAction::MarkPrice(Price(decimal(mark)));
            let event = MarketEvent::Action(bench.now(), action);
            bench.feed(&papertape::engine::Input::market(event));
        }
        bench.bar(100.0, 100.0, 90.5, 90.5).flat(1, 90.5);
        assert_eq!(bench.engine.position().is_none(), is_liquidated, "{mark:?}");
    }
}
