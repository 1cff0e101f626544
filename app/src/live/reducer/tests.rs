use super::*;
use crate::samples::{alert, bar, detail, exact, fill, minute, order, position, trade, usdt};
use papertape::alert::Severity;
use papertape::engine::SessionState;
use papertape::market::Quote;
use papertape::model::{InstrumentId, Quantity, TradeId};
use papertape::order::{CancelReason, DenyReason, OrderKind, OrderPurpose, OrderStatus, Trail};

fn event(seq: u64, kind: EventKind) -> LiveEvent {
    LiveEvent {
        session: "s-1".parse().expect("an id"),
        seq,
        time: minute(6),
        kind,
    }
}

/// Applies the kinds one after the other and expects each to be taken.
fn play(detail: &mut SessionDetail, kinds: Vec<EventKind>) -> Parts {
    let mut parts = Parts::default();
    for kind in kinds {
        let next = detail.summary.seq + 1;
        match apply(detail, &event(next, kind)) {
            Applied::Changed(changed) => parts = parts.with(changed),
            other => panic!("event {next} was {other:?}"),
        }
    }
    parts
}

fn mark(equity: f64) -> EventKind {
    EventKind::Mark {
        price: 96_500.0,
        equity,
        cash: 50_000.0,
        position_value: equity - 50_000.0,
        optimistic: Some(equity + 1.0),
        pessimistic: None,
    }
}

#[test]
fn events_count_by_one_or_ask_for_a_snapshot() {
    let mut session = detail();
    let paused = EventKind::StateChanged {
        from: SessionState::Running,
        to: SessionState::Paused,
        reason: "on request".to_owned(),
    };
    assert_eq!(apply(&mut session, &event(10, paused.clone())), Applied::Known);
    assert_eq!(apply(&mut session, &event(12, paused.clone())), Applied::Gap);
    assert_eq!(session, detail(), "neither changes anything");
    assert_eq!(
        apply(&mut session, &event(11, paused)),
        Applied::Changed(Parts::SUMMARY)
    );
    assert_eq!(
        (session.summary.state, session.summary.seq),
        (SessionState::Paused, 11)
    );
    assert_eq!(session.summary.state_reason, "on request");
    assert_eq!(session.summary.market_time, Some(minute(6)));
}

#[test]
fn an_order_lives_from_placing_to_fill() {
    let mut session = detail();
    let entry = order(1, OrderPurpose::Entry, OrderKind::Market);
    play(
        &mut session,
        vec![EventKind::OrderSubmitted { order: entry.clone() }],
    );
    assert_eq!(
        (session.orders[0].status, session.summary.open_orders),
        (OrderStatus::Submitted, 1)
    );

    play(
        &mut session,
        vec![EventKind::OrderAccepted { order_id: OrderId(1) }],
    );
    assert_eq!(session.orders[0].status, OrderStatus::Accepted);

    let filled = Order {
        status: OrderStatus::Filled,
        filled: entry.quantity,
        ..entry
    };
    let parts = play(
        &mut session,
        vec![
            EventKind::OrderFilled {
                fill: fill(1),
                order: filled,
                cash: usdt("51731.655"),
            },
            EventKind::TradeOpened { trade: trade(1) },
            EventKind::PositionChanged {
                instrument: InstrumentId::PRIMARY,
                position: Some(position()),
            },
        ],
    );
    assert!(parts.touches(Parts::FILLS) && parts.touches(Parts::TRADES) && !parts.touches(Parts::BARS));
    assert_eq!(session.summary.open_orders, 0);
    assert_eq!(session.summary.cash, usdt("51731.655"));
    let told = session.summary.last_event.expect("a fill is of note");
    assert_eq!(told.text, "Bought 0.50000 at 96,440.25 (entry.long)");
}

#[test]
fn a_bracket_is_in_sight_while_it_waits_and_goes_out_when_its_entry_fills() {
    let mut session = detail();
    let entry = order(7, OrderPurpose::Manual, OrderKind::Market);
    let stop = OrderKind::Stop {
        stop_price: Price(exact("94000")),
    };
    let waiting = Order {
        status: OrderStatus::Waiting,
        parent: Some(OrderId(7)),
        ..order(8, OrderPurpose::Manual, stop)
    };
    let parts = play(
        &mut session,
        vec![
            EventKind::OrderSubmitted { order: entry },
            EventKind::OrderAttached {
                order: waiting.clone(),
            },
        ],
    );
    assert!(parts.touches(Parts::ORDERS));
    assert_eq!(session.orders[0], waiting);
    assert_eq!(session.summary.open_orders, 2);
    let submitted = Order {
        status: OrderStatus::Submitted,
        ..waiting
    };
    play(
        &mut session,
        vec![
            EventKind::OrderSubmitted { order: submitted },
            EventKind::OrderAccepted { order_id: OrderId(8) },
        ],
    );
    assert_eq!(
        (session.orders[0].id, session.orders[0].status),
        (OrderId(8), OrderStatus::Accepted)
    );
    assert_eq!(session.summary.open_orders, 2, "it is the same order");
}

#[test]
fn a_refused_request_is_of_note_and_changes_no_order() {
    let mut session = detail();
    let orders = session.orders.clone();
    let reason = papertape::order::RejectReason::NotYetThere.into();
    play(
        &mut session,
        vec![EventKind::OrderRequestRefused {
            order_id: OrderId(1),
            reason,
        }],
    );
    assert_eq!(session.orders, orders);
    let told = session.summary.last_event.expect("of note").text;
    assert_eq!(
        told,
        "Request refused: the order has not reached the exchange yet"
    );
}

#[test]
fn what_is_refused_after_it_was_taken_is_told_at_once() {
    let reason = papertape::order::RejectReason::NotYetThere;
    let rejected = event(
        11,
        EventKind::OrderRejected {
            order_id: OrderId(4),
            reason: reason.clone(),
        },
    );
    let told = |purpose, submitted_at, event: &LiveEvent| {
        let mut session = detail();
        let placed = order(4, purpose, OrderKind::Market);
        session.orders.push(Order {
            submitted_at,
            ..placed
        });
        late_refusal(&session, event)
    };
    assert_eq!(
        told(OrderPurpose::Manual, minute(5), &rejected).as_deref(),
        Some("Order 4 was rejected: the order has not reached the exchange yet.")
    );
    assert_eq!(
        told(OrderPurpose::Manual, rejected.time, &rejected),
        None,
        "its request is answered so"
    );
    assert_eq!(
        told(OrderPurpose::Entry, minute(5), &rejected),
        None,
        "nobody asked for it"
    );

    let refused = event(
        11,
        EventKind::OrderRequestRefused {
            order_id: OrderId(4),
            reason: reason.into(),
        },
    );
    assert_eq!(
        told(OrderPurpose::Manual, minute(5), &refused),
        None,
        "nothing travels: it is answered so"
    );
    let mut session = detail();
    session.summary.execution.latency = papertape::exchange::LatencyModel::Fixed {
        entry: 1,
        response: 0,
    };
    assert_eq!(
        late_refusal(&session, &refused).as_deref(),
        Some("The request about order 4 was refused: the order has not reached the exchange yet.")
    );
}

#[test]
fn refused_orders_stay_in_sight_with_their_reason() {
    let mut session = detail();
    let mut refused = order(4, OrderPurpose::Entry, OrderKind::Market);
    refused.status = OrderStatus::Denied;
    let reason = DenyReason::InsufficientFunds {
        needed: usdt("200000"),
        available: usdt("100000"),
    };
    play(
        &mut session,
        vec![EventKind::OrderDenied {
            order: refused,
            reason,
        }],
    );
    assert_eq!(
        session.orders[0].end_reason,
        "needs 200000 USDT but only 100000 USDT is available"
    );
    assert!(
        session
            .summary
            .last_event
            .expect("of note")
            .text
            .starts_with("Order denied")
    );
}

#[test]
fn working_prices_follow_amendments_and_ends_have_reasons() {
    let mut session = detail();
    let stop = OrderKind::TrailingStop {
        stop_price: Price(exact("94000")),
        trail: Trail::Amount(exact("1500")),
    };
    play(
        &mut session,
        vec![
            EventKind::OrderSubmitted {
                order: order(2, OrderPurpose::TrailingStop, stop),
            },
            EventKind::OrderAccepted { order_id: OrderId(2) },
            EventKind::OrderAmended {
                order_id: OrderId(2),
                terms: stop.at(None, Some(Price(exact("95000")))),
                quantity: Quantity(exact("0.25")),
                asked: Quantity(exact("0.3")),
            },
        ],
    );
    assert_eq!(session.orders[0].asked, Quantity(exact("0.3")));
    assert_eq!(session.orders[0].kind.price(), Some(Price(exact("95000"))));
    assert_eq!(session.orders[0].quantity, Quantity(exact("0.25")));
    play(
        &mut session,
        vec![EventKind::OrderCanceled {
            order_id: OrderId(2),
            reason: CancelReason::PositionClosed,
        }],
    );
    assert_eq!(session.orders[0].status, OrderStatus::Canceled);
    assert_eq!(
        session.orders[0].end_reason,
        "the position it belonged to is closed"
    );
    assert_eq!(session.summary.open_orders, 0);
}

#[test]
fn a_closed_trade_takes_the_place_of_the_open_one() {
    let mut session = detail();
    let closed = Trade {
        exit_time: Some(minute(9)),
        pnl: usdt("120"),
        ..trade(1)
    };
    play(
        &mut session,
        vec![
            EventKind::TradeOpened { trade: trade(1) },
            EventKind::TradeClosed {
                trade: closed.clone(),
            },
        ],
    );
    assert_eq!((session.trades.len(), session.summary.trades), (1, 1));
    assert_eq!(session.trades[0], closed);
    play(&mut session, vec![EventKind::TradeOpened { trade: trade(2) }]);
    assert_eq!(session.trades[0].id, TradeId(2), "newest first");
}

#[test]
fn marks_value_the_account_its_position_and_its_fall() {
    let mut session = detail();
    session.summary.position = Some(position());
    play(&mut session, vec![mark(110_000.0)]);
    let LiveEvent { kind, .. } = event(0, mark(99_000.0));
    let later = LiveEvent {
        time: minute(7),
        ..event(session.summary.seq + 1, kind)
    };
    assert!(matches!(apply(&mut session, &later), Applied::Changed(_)));
    assert_eq!(session.summary.equity, usdt("99000"));
    assert!((session.summary.total_return + 0.01).abs() < 1e-12);
    assert!((session.summary.max_drawdown - 0.1).abs() < 1e-12);
    assert!((session.equity[2].drawdown - 0.1).abs() < 1e-12);
    let held = session.summary.position.expect("held");
    assert_eq!(held.mark_price, Price(exact("96500")));
    assert_eq!(held.unrealized_pnl, usdt("29.875"));
}

#[test]
fn a_quote_moves_price_and_equity_between_bars() {
    let mut session = detail();
    let quote = Quote {
        time: minute(6),
        bid: 96_499.0,
        bid_size: 1.0,
        ask: 96_501.0,
        ask_size: 1.0,
    };
    let parts = play(
        &mut session,
        vec![EventKind::Quote {
            instrument: InstrumentId::PRIMARY,
            quote,
            equity: 100_010.5,
        }],
    );
    assert_eq!(parts, Parts::SUMMARY);
    assert_eq!(session.quote, Some(quote));
    assert_eq!(session.summary.equity, usdt("100010.5"));
}

#[test]
fn warnings_ask_for_a_look_and_infos_do_not() {
    let mut session = detail();
    play(
        &mut session,
        vec![EventKind::AlertRaised {
            alert: alert(1, Severity::Info, "Started"),
        }],
    );
    assert_eq!(session.summary.attention, None);
    play(
        &mut session,
        vec![EventKind::AlertRaised {
            alert: alert(2, Severity::Warning, "Denied"),
        }],
    );
    assert_eq!(
        session.summary.attention.map(|alert| alert.message),
        Some("Denied".to_owned())
    );
    assert_eq!(session.alerts.len(), 2);
}

#[test]
fn eight_hours_of_events_do_not_grow_the_page() {
    let mut session = detail();
    for index in 0..20_000_i64 {
        let seq = session.summary.seq + 1;
        let time = minute(10 + index);
        let kind = match index % 4 {
            0 => EventKind::Bar {
                instrument: InstrumentId::PRIMARY,
                bar: bar(10 + index),
                history: false,
            },
            1 => mark(100_000.0 + (index % 97) as f64),
            2 => EventKind::AlertRaised {
                alert: alert(seq, Severity::Info, "x"),
            },
            _ => {
                let mut done = order(seq, OrderPurpose::Entry, OrderKind::Market);
                done.status = OrderStatus::Filled;
                EventKind::OrderFilled {
                    fill: fill(seq),
                    order: done,
                    cash: usdt("1"),
                }
            }
        };
        let event = LiveEvent {
            session: session.summary.id.clone(),
            seq,
            time,
            kind,
        };
        assert!(matches!(apply(&mut session, &event), Applied::Changed(_)));
    }
    assert!(session.bars.len() <= MAX_BARS && session.equity.len() <= MAX_EQUITY);
    assert!(session.orders.len() <= MAX_ORDERS && session.fills.len() <= MAX_FILLS);
    assert!(session.alerts.len() <= MAX_ALERTS && session.summary.sparkline.len() <= 2 * SPARKLINE);
    assert_eq!(session.history_bars, 0, "history has left the window");
    let times: Vec<_> = session.equity.iter().map(|point| point.time).collect();
    assert!(times.is_sorted());
}

#[test]
fn working_orders_outlive_any_number_of_ended_ones() {
    let mut session = detail();
    let stop = OrderKind::Stop {
        stop_price: Price(exact("90000")),
    };
    play(
        &mut session,
        vec![EventKind::OrderSubmitted {
            order: order(1, OrderPurpose::StopLoss, stop),
        }],
    );
    for id in 2..400 {
        let mut ended = order(id, OrderPurpose::Entry, OrderKind::Market);
        ended.status = OrderStatus::Denied;
        play(
            &mut session,
            vec![EventKind::OrderDenied {
                order: ended,
                reason: DenyReason::NothingToReduce,
            }],
        );
    }
    assert!(session.orders.iter().any(|order| order.id == OrderId(1)));
    assert_eq!(
        (session.orders.len(), session.summary.open_orders),
        (MAX_ORDERS, 1)
    );
}
