//! What options deliver at their expiry to an account that cannot carry all of it.

use papertape::engine::{Command, Input};
use papertape::market::{MarketAction, MarketEvent, Quote};
use papertape::model::{
    ExerciseStyle, Instrument, InstrumentId, InstrumentKind, OptionRight, OptionSettlement, OptionTerms,
    Price, Side, Timestamp,
};
use papertape::order::OrderRequest;
use papertape::testkit::{Bench, config, decimal, instrument_with, margin_rate as rate};
use rust_decimal::Decimal;

const BY_HAND: &str = "name: by hand\nsymbols: [AAPL]\ntimeframe: 1m\nentry: {long: false}\n\
                       risk: {size: {method: fixed_quantity, value: 1}}\n";
const EXPIRY: Timestamp = Timestamp::from_secs(300);
const NAMES: [&str; 4] = ["AAPL", "AAPL-LOW", "AAPL-HIGH", "BTC/USD"];

fn instrument(symbol: &str, multiplier: &str) -> Instrument {
    instrument_with(symbol, "0.01", "1", multiplier)
}

fn call(symbol: &str, strike: &str) -> Instrument {
    let terms = OptionTerms {
        underlying: "AAPL".parse().expect("a symbol"),
        strike: Price(decimal(strike)),
        right: OptionRight::Call,
        expiry: EXPIRY,
        style: ExerciseStyle::American,
        settlement: OptionSettlement::Physical,
    };
    instrument(symbol, "100")
        .with_kind(InstrumentKind::Option(terms))
        .with_margin(rate("0.2", "0.2"))
        .expect("margins")
}

/// Shares at 100 on a cash account, calls on them at 100 and at 105, and a perpetual.
fn bench(capital: &str) -> Bench {
    let mut config = config(BY_HAND);
    config.instrument = instrument(NAMES[0], "1").with_kind(InstrumentKind::Equity);
    let perpetual = instrument(NAMES[3], "1").with_kind(InstrumentKind::Perpetual);
    config.others = vec![
        call(NAMES[1], "100"),
        call(NAMES[2], "105"),
        perpetual.with_margin(rate("0.1", "0.05")).expect("margins"),
    ];
    config.initial_capital.amount = decimal(capital);
    config.initial_capital.currency = config.instrument.quote();
    let mut bench = Bench::with(config);
    bench.flat(1, 100.0);
    bench
}

/// Trades one of the others at the market, which is `price` on both sides.
fn trade(bench: &mut Bench, at: u16, side: Side, quantity: &str, price: f64) {
    for second in 0..2 {
        let quote = Quote {
            time: bench.now().plus_nanos(second * 1_000_000_000),
            bid: price,
            bid_size: 1_000.0,
            ask: price,
            ask_size: 1_000.0,
        };
        bench.feed(&Input::Market(InstrumentId(at), MarketEvent::Quote(quote)));
        if second == 0 {
            let order = OrderRequest {
                symbol: Some(NAMES[usize::from(at)].parse().expect("a symbol")),
                ..OrderRequest::market(side, decimal(quantity))
            };
            bench.command(Command::Place(Box::new(order.into())));
        }
    }
}

/// The shares go to 110, and the time beyond the expiry.
fn expire_at_110(bench: &mut Bench) {
    bench.forget().flat(6, 110.0);
    assert_eq!(bench.engine.check(), Ok(()));
}

fn held(bench: &Bench, at: usize) -> Decimal {
    let positions = bench.engine.positions();
    let held = positions
        .iter()
        .find(|position| position.symbol.as_str() == NAMES[at]);
    held.map_or(Decimal::ZERO, |position| {
        position.quantity.0 * position.side.entry().sign()
    })
}

fn told(bench: &Bench, line: &str) -> bool {
    bench.journal().iter().any(|told| told == line)
}

#[test]
fn shares_that_the_cash_does_not_pay_for_are_sold_at_once() {
    let mut bench = bench("100000");
    trade(&mut bench, 1, Side::Buy, "15", 2.0);
    expire_at_110(&mut bench);
    // 97,000 and 15,000 of exercise value pay for 1,018 shares at 110.
    assert_eq!(held(&bench, 0), decimal("1018"), "{:?}", bench.journal());
    assert_eq!(bench.engine.cash().amount, decimal("20"));
    assert_eq!(
        bench.engine.equity().amount,
        decimal("112000"),
        "nothing is lent or given"
    );
    assert!(
        told(&bench, "alert delivery_not_carried"),
        "{:?}",
        bench.journal()
    );
    assert!(
        told(&bench, "cash flow Settlement: 53020"),
        "{:?}",
        bench.journal()
    );
}

#[test]
fn what_rests_is_withdrawn_before_what_was_delivered_is_sold() {
    let mut bench = bench("100000");
    trade(&mut bench, 1, Side::Buy, "9", 2.0);
    // 98,200 and 9,000 of exercise value pay for 900 shares at 110, and leave 8,200; two orders hold 4,000 each, one 8,000.
    for (quantity, price) in [("50", "80"), ("100", "80"), ("50", "80")] {
        let order = OrderRequest::limit(Side::Buy, decimal(quantity), decimal(price));
        bench.command(Command::Place(Box::new(order.into())));
    }
    expire_at_110(&mut bench);
    assert_eq!(held(&bench, 0), decimal("900"), "{:?}", bench.journal());
    assert!(
        !told(&bench, "alert delivery_not_carried"),
        "{:?}",
        bench.journal()
    );
    // The newest first, and no more than it takes.
    let ended: Vec<_> = bench
        .journal()
        .into_iter()
        .filter(|line| line.contains("canceled"))
        .collect();
    assert_eq!(
        ended,
        [
            "#4 canceled: insufficient_funds",
            "#3 canceled: insufficient_funds"
        ]
    );
    assert_eq!(bench.engine.open_orders().count(), 1);
}

#[test]
fn a_delivery_that_is_not_carried_takes_no_other_position_along() {
    let mut bench = bench("100000");
    trade(&mut bench, 3, Side::Buy, "10", 100.0);
    trade(&mut bench, 1, Side::Buy, "15", 2.0);
    expire_at_110(&mut bench);
    assert_eq!(held(&bench, 3), decimal("10"), "{:?}", bench.journal());
    assert!(!told(&bench, "alert liquidation"), "{:?}", bench.journal());
    // The margin of the perpetual is not there to pay with.
    assert_eq!(
        (held(&bench, 0), bench.engine.cash().amount),
        (decimal("1017"), decimal("130"))
    );
    assert!(bench.engine.ledger().available().amount >= Decimal::ZERO);
}

#[test]
fn what_one_leg_delivers_pays_for_the_other() {
    let mut bench = bench("50000");
    trade(&mut bench, 1, Side::Buy, "15", 2.0);
    trade(&mut bench, 2, Side::Sell, "15", 1.0);
    expire_at_110(&mut bench);
    assert_eq!(held(&bench, 0), Decimal::ZERO, "{:?}", bench.journal());
    assert!(
        !told(&bench, "alert delivery_not_carried"),
        "{:?}",
        bench.journal()
    );
    // 1 paid for 5 of width, 1,500 times.
    assert_eq!(bench.engine.cash().amount, decimal("56000"));
}

#[test]
fn what_an_assignment_sells_short_is_bought_back_as_far_as_nothing_covers_it() {
    let mut bench = bench("20000");
    trade(&mut bench, 1, Side::Sell, "5", 2.0);
    expire_at_110(&mut bench);
    assert!(
        told(&bench, "alert delivery_not_carried"),
        "{:?}",
        bench.journal()
    );
    let short = held(&bench, 0);
    assert!(short < Decimal::ZERO && short > decimal("-500"), "{short}");
    assert!(bench.engine.ledger().available().amount >= Decimal::ZERO);
    assert_eq!(bench.engine.equity().amount, decimal("16000"));
}

#[test]
fn a_settlement_price_that_the_venue_tells_is_paid_in_the_same_way() {
    for end in [Command::Stop, Command::Finish] {
        let mut bench = bench("100000");
        trade(&mut bench, 1, Side::Buy, "15", 2.0);
        bench.flat(1, 110.0);
        let settlement = MarketAction::Settlement {
            price: Price(decimal("110")),
        };
        let event = MarketEvent::Action(bench.now(), settlement);
        bench.feed(&Input::Market(InstrumentId(1), event));
        bench.command(end);
        assert_eq!(held(&bench, 0), decimal("1018"), "{:?}", bench.journal());
        assert!(bench.engine.cash().amount >= Decimal::ZERO);
    }
}
