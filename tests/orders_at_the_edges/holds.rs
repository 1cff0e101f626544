//! What orders hold of the funds: what they need by their terms and by what is held of their instrument, at any time.

use super::*;
use papertape::ledger::HoldKey;

fn held(tape: &Tape, order: u64) -> Decimal {
    tape.0.engine.ledger().held(HoldKey::Order(OrderId(order))).amount
}

fn place(tape: &mut Tape, order: OrderRequest) {
    tape.0.command(Command::Place(Box::new(order.into())));
}

/// A book of 99 to 101 of which one coin has been bought.
fn with_a_coin() -> Tape {
    let mut tape = Tape::start();
    tape.quote(0, 99.0, 101.0, 10.0);
    place(&mut tape, OrderRequest::market(Side::Buy, Decimal::ONE));
    tape.quote(1, 99.0, 101.0, 10.0);
    tape
}

#[test]
fn what_would_have_closed_holds_what_it_opens_when_another_order_has_closed() {
    let mut tape = with_a_coin();
    place(
        &mut tape,
        OrderRequest::limit(Side::Sell, Decimal::ONE, decimal("110")),
    );
    tape.quote(2, 99.0, 101.0, 10.0);
    assert_eq!(held(&tape, 2), Decimal::ZERO, "it closes");
    place(&mut tape, OrderRequest::market(Side::Sell, Decimal::ONE));
    tape.quote(3, 99.0, 101.0, 10.0);
    assert_eq!(held(&tape, 2), decimal("110"), "it opens a short position now");
    assert_eq!(tape.0.engine.check(), Ok(()));
}

#[test]
fn what_would_have_opened_holds_nothing_when_it_closes() {
    let mut tape = Tape::start();
    tape.quote(0, 99.0, 101.0, 10.0);
    place(
        &mut tape,
        OrderRequest::limit(Side::Sell, Decimal::ONE, decimal("110")),
    );
    assert_eq!(held(&tape, 1), decimal("110"));
    place(&mut tape, OrderRequest::market(Side::Buy, decimal("0.4")));
    tape.quote(1, 99.0, 101.0, 10.0);
    assert_eq!(held(&tape, 1), decimal("66"), "0.6 of it opens");
}

#[test]
fn what_slides_and_what_trails_holds_for_the_price_that_it_has() {
    let mut tape = Tape::start();
    tape.quote(0, 99.0, 101.0, 10.0);
    let sells = OrderRequest {
        post_only: papertape::order::PostOnlyRequest::Slide,
        ..OrderRequest::limit(Side::Sell, Decimal::ONE, decimal("98"))
    };
    place(&mut tape, sells);
    assert_eq!(held(&tape, 1), decimal("98"));
    tape.quote(1, 99.0, 101.0, 10.0);
    assert_eq!(held(&tape, 1), decimal("99.01"), "a tick above the bid");
    let trails = OrderRequest {
        kind: OrderType::TrailingStop,
        trail: Some(TrailRequest {
            amount: Some(decimal("5")),
            percent: None,
        }),
        ..OrderRequest::market(Side::Sell, Decimal::ONE)
    };
    place(&mut tape, trails);
    let before = held(&tape, 2);
    tape.quote(2, 104.0, 106.0, 10.0).quote(3, 104.0, 106.0, 10.0);
    assert_eq!(
        held(&tape, 2),
        decimal("99"),
        "five below the bid; it was {before}"
    );
}

#[test]
fn what_a_split_makes_of_an_order_holds_what_that_needs() {
    let mut tape = Tape::with(|config| {
        config.execution =
            papertape::engine::ExecutionConfig::percent(Decimal::ZERO, Decimal::ZERO, decimal("10"));
    });
    tape.quote(0, 99.0, 101.0, 10.0);
    place(
        &mut tape,
        OrderRequest::limit(Side::Buy, decimal("0.00003"), decimal("90")),
    );
    let split = papertape::market::CorporateAction::Split {
        ratio: decimal("0.5"),
    };
    let action = papertape::market::MarketAction::Corporate(split);
    tape.market(0, MarketEvent::Action(Timestamp::from_secs(1), action));
    // 0.000015 is rounded down to 0.00001, at 180, and 10 basis points on top.
    assert_eq!(held(&tape, 1), decimal("0.0018018"));
}

#[test]
fn a_change_of_a_market_order_is_paid_at_the_price_now_and_at_the_one_by_which_it_holds() {
    for (then, now) in [(100.0, 50.0), (50.0, 100.0)] {
        let mut tape = Tape::with(|config| config.initial_capital.amount = decimal("150"));
        tape.trade(0, then, 1.0).status(1, TradingStatus::Halted);
        place(&mut tape, OrderRequest::market(Side::Buy, Decimal::ONE));
        tape.trade(2, now, 1.0).said();
        let change = Amendment {
            order_id: OrderId(1),
            quantity: Some(Decimal::TWO),
            price: None,
            stop_price: None,
        };
        tape.command(2, Command::Amend(change));
        assert_eq!(
            tape.said(),
            ["#1 request refused: insufficient_funds"],
            "from {then} to {now}"
        );
        assert!(tape.0.engine.ledger().available().amount >= Decimal::ZERO);
    }
}
