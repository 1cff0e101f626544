//! The cover of a position gives out inside a bar, of whichever instrument the account holds.

use papertape::engine::{Command, Input};
use papertape::market::{Bar, MarketAction, MarketEvent};
use papertape::model::{Instrument, InstrumentId, InstrumentKind, MarginRule, Money, Price, Side};
use papertape::order::{OrderRequest, OrderType};
use papertape::testkit::{Bench, config, decimal};
use rust_decimal::Decimal;

const BY_HAND: &str = "name: by hand\nsymbols: [BTC/USD, ETH/USD]\ntimeframe: 1m\nentry: {long: false}\n\
                       risk: {size: {method: fixed_quantity, value: 1}}\n";

fn perpetual(symbol: &str) -> Instrument {
    let rule = MarginRule::Rate {
        initial: decimal("0.1"),
        maintenance: decimal("0.05"),
    };
    let symbol = symbol.parse().expect("a symbol");
    Instrument::new(symbol, decimal("0.01"), Decimal::ONE, Decimal::ZERO, Decimal::ONE)
        .expect("an instrument")
        .with_kind(InstrumentKind::Perpetual)
        .with_margin(rule)
        .expect("margins")
}

/// Two perpetuals on one account of 250, ten of the second at 100 bought by hand: at 5 % maintenance they are covered down to
/// (1,000 − 250) ÷ (10 × 0.95) = 78.947… The first of them is there and stands still.
fn second_of_two(peers: bool, capital: i64) -> Bench {
    second_with_fee(peers, capital, None)
}

fn second_with_fee(peers: bool, capital: i64, liquidation_fee: Option<Decimal>) -> Bench {
    let mut config = config(BY_HAND);
    config.execution.liquidation_fee = liquidation_fee;
    config.instrument = perpetual("BTC/USD");
    config.initial_capital = Money::new(capital.into(), config.instrument.quote());
    let second = perpetual("ETH/USD");
    if peers {
        config.peers = vec![second];
    } else {
        config.others = vec![second];
    }
    let mut bench = Bench::with(config);
    bench.flat(1, 50.0);
    bar_of_second(&mut bench, [100.0; 4]);
    let order = OrderRequest {
        symbol: Some("ETH/USD".parse().expect("a symbol")),
        ..OrderRequest::market(Side::Buy, Decimal::TEN)
    };
    bench.command(Command::Place(Box::new(order.into())));
    bench.flat(1, 50.0);
    bar_of_second(&mut bench, [100.0; 4]);
    bench.forget();
    bench
}

/// The second instrument's bar of the minute whose bar of the first was the last.
fn bar_of_second(bench: &mut Bench, [open, high, low, close]: [f64; 4]) {
    let bar = Bar {
        open_time: bench.now().plus_nanos(-60_000_000_000),
        open,
        high,
        low,
        close,
        volume: 1.0,
    };
    bench.feed(&Input::Market(InstrumentId(1), MarketEvent::Bar(bar)));
    assert_eq!(bench.engine.check(), Ok(()));
}

fn liquidations(bench: &Bench) -> Vec<String> {
    let journal = bench.journal().into_iter();
    journal
        .filter(|line| line.contains("liquidation") || line.contains("filled"))
        .collect()
}

#[test]
fn a_low_inside_the_bar_of_any_instrument_takes_its_position_at_the_first_price_beyond() {
    for peers in [false, true] {
        let mut bench = second_of_two(peers, 250);
        bench.flat(1, 50.0);
        bar_of_second(&mut bench, [100.0, 101.0, 70.0, 100.0]);
        assert_eq!(
            liquidations(&bench),
            [
                "alert liquidation",
                "#2 sell 10 market (liquidation)",
                "#2 filled 10 @ 78.94"
            ],
            "peers: {peers}"
        );
        // A low that stays above it takes nothing.
        let mut bench = second_of_two(peers, 250);
        bench.flat(1, 50.0);
        bar_of_second(&mut bench, [100.0, 101.0, 78.95, 100.0]);
        assert_eq!(liquidations(&bench), Vec::<String>::new(), "peers: {peers}");
        // One that opens beyond it takes the position at the open.
        bench.flat(1, 50.0);
        bar_of_second(&mut bench, [75.0, 101.0, 70.0, 100.0]);
        assert_eq!(liquidations(&bench)[2], "#2 filled 10 @ 75.00", "peers: {peers}");
    }
}

#[test]
fn a_stop_on_the_way_saves_a_position_in_any_instrument_and_its_mark_decides_where_there_is_one() {
    let mut bench = second_of_two(false, 250);
    let stop = OrderRequest {
        symbol: Some("ETH/USD".parse().expect("a symbol")),
        kind: OrderType::Stop,
        stop_price: Some(decimal("90")),
        reduce_only: true,
        ..OrderRequest::market(Side::Sell, Decimal::TEN)
    };
    bench.command(Command::Place(Box::new(stop.into()))).flat(1, 50.0);
    bar_of_second(&mut bench, [100.0, 101.0, 70.0, 100.0]);
    assert_eq!(liquidations(&bench), ["#2 filled 10 @ 90"]);

    let mut bench = second_of_two(false, 250);
    let mark = MarketAction::MarkPrice(Price(decimal("99")));
    bench.feed(&Input::Market(
        InstrumentId(1),
        MarketEvent::Action(bench.now(), mark),
    ));
    bench.flat(1, 50.0);
    bar_of_second(&mut bench, [100.0, 101.0, 70.0, 72.0]);
    assert_eq!(liquidations(&bench), Vec::<String>::new());
}

/// What the account loses in one instrument inside its bar covers the other no more: the larger of them is closed first, at the
/// next data of its own.
#[test]
fn a_low_inside_one_bar_can_take_the_position_in_another_instrument() {
    let mut bench = second_of_two(false, 1_000);
    bench.command(Command::Place(Box::new(
        OrderRequest::market(Side::Buy, decimal("100")).into(),
    )));
    bench.flat(1, 50.0);
    bar_of_second(&mut bench, [100.0; 4]);
    bench.forget().flat(1, 50.0);
    // 1,000 + 10 × (price − 100) cover 5 % of 100 × 50 and of 10 × price down to 250 ÷ 9.5 = 26.31…
    bar_of_second(&mut bench, [100.0, 100.0, 15.0, 100.0]);
    assert_eq!(
        liquidations(&bench),
        ["alert liquidation", "#3 sell 100 market (liquidation)"]
    );
    bench.flat(1, 50.0);
    assert_eq!(liquidations(&bench)[2], "#3 filled 100 @ 50.00");
}

#[test]
fn the_insurance_fund_takes_its_share_of_what_is_liquidated_and_of_nothing_else() {
    let cash_after = |rate: Option<&str>, low: f64| {
        let mut bench = second_with_fee(false, 250, rate.map(decimal));
        bench.flat(1, 50.0);
        bar_of_second(&mut bench, [100.0, 101.0, low, 100.0]);
        let flows: Vec<String> = bench
            .journal()
            .into_iter()
            .filter(|line| line.contains("LiquidationFee"))
            .collect();
        assert_eq!(bench.engine.check(), Ok(()));
        (bench.engine.cash().amount, flows)
    };
    let (without, none) = cash_after(None, 70.0);
    assert_eq!(none, [""; 0]);
    let (with, told) = cash_after(Some("0.0125"), 70.0);
    // Ten at 78.94.
    assert_eq!(told, ["cash flow LiquidationFee: -9.8675"]);
    assert_eq!(without - with, decimal("9.8675"));
    let (unharmed, none) = cash_after(Some("0.0125"), 90.0);
    assert_eq!((unharmed, none), (decimal("250"), Vec::new()));
    // A preset brings its venue's.
    let preset: papertape::engine::ExecutionConfig =
        serde_json::from_str(r#"{"fees": "binance_futures"}"#).expect("an execution");
    assert_eq!(preset.liquidation_rate(), decimal("0.0125"));
}
