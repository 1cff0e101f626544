//! At which price, and when, each kind of order fills on bars.

use super::*;

#[test]
fn a_market_order_placed_at_a_close_fills_at_the_next_open() {
    let mut bench = Bench::start(&buys_above_100(ONE));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(103.0, 104.0, 102.0, 103.0);
    assert_eq!(
        bench.journal(),
        [
            "session running",
            "#1 buy 1 market (entry.long)",
            "#1 accepted",
            "#1 filled 1 @ 103.00",
            "long opened",
            "long 1",
        ]
    );
}

#[test]
fn slippage_moves_a_taker_against_us_and_rounds_against_us() {
    let mut config = config(&buys_above_100(ONE));
    config.execution.slippage = SlippageModel::FixedBps { bps: decimal("5") };
    let mut bench = Bench::with(config);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(103.33, 104.0, 102.0, 103.0)
        .command(Command::Flatten);
    bench.bar(103.33, 104.0, 102.0, 103.0);
    let journal = bench.journal();
    // 103.33 × 1.0005 = 103.381665 and 103.33 × 0.9995 = 103.278335.
    assert!(
        journal.contains(&"#1 filled 1 @ 103.39".to_owned()),
        "{journal:?}"
    );
    assert!(
        journal.contains(&"#2 filled 1 @ 103.27".to_owned()),
        "{journal:?}"
    );
}

#[test]
fn fees_leave_with_each_fill_and_the_trade_tells_the_sum() {
    let mut config = config(&buys_above_100(ONE));
    config.execution.fees = Fees::Rates {
        maker: decimal("0"),
        taker: decimal("0.001"),
    };
    let mut bench = Bench::with(config);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(100.0, 104.0, 99.0, 103.0)
        .command(Command::Flatten);
    bench.bar(110.0, 110.0, 110.0, 110.0);
    // Bought at 100 (fee 0.1), sold at 110 (fee 0.11).
    assert!(
        bench.journal().contains(&"long closed: 9.79".to_owned()),
        "{:?}",
        bench.journal()
    );
    assert_eq!(bench.engine.cash().amount, decimal("10009.79"));
}

#[test]
fn a_limit_fills_only_when_the_price_goes_through_it() {
    let yaml = buys_above_100(&format!(
        "orders: {{entry: {{type: limit, price: close - 2}}}}\n{ONE}"
    ));
    let mut bench = Bench::start(&yaml);
    bench.bar(100.0, 102.0, 99.0, 101.0).forget();
    bench.bar(101.0, 101.0, 99.0, 100.0);
    assert_eq!(
        bench.journal(),
        ["#1 accepted"],
        "touching 99 is not going through it"
    );
    bench.forget().bar(100.0, 100.0, 98.99, 99.5);
    assert_eq!(bench.journal(), ["#1 filled 1 @ 99.00", "long opened", "long 1"]);
}

#[test]
fn a_limit_that_arrives_beyond_the_market_takes_the_open() {
    let yaml = buys_above_100(&format!(
        "orders: {{entry: {{type: limit, price: close}}}}\n{ONE}"
    ));
    let mut bench = Bench::start(&yaml);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .forget()
        .bar(98.0, 99.0, 97.0, 99.0);
    assert_eq!(
        bench.journal(),
        ["#1 accepted", "#1 filled 1 @ 98.00", "long opened", "long 1"]
    );
}

#[test]
fn a_stop_entry_triggers_when_touched_and_at_the_open_when_jumped_over() {
    let yaml = buys_above_100(&format!(
        "orders: {{entry: {{type: stop, stop_price: close + 2}}}}\n{ONE}"
    ));
    let mut touched = Bench::start(&yaml);
    touched
        .bar(100.0, 102.0, 99.0, 101.0)
        .forget()
        .bar(101.0, 103.0, 100.0, 102.0);
    assert_eq!(
        touched.journal(),
        [
            "#1 accepted",
            "#1 triggered at 103.00",
            "#1 filled 1 @ 103.00",
            "long opened",
            "long 1"
        ]
    );
    let mut jumped = Bench::start(&yaml);
    jumped
        .bar(100.0, 102.0, 99.0, 101.0)
        .forget()
        .bar(105.0, 106.0, 104.0, 105.0);
    assert_eq!(
        jumped.journal(),
        [
            "#1 accepted",
            "#1 triggered at 105.00",
            "#1 filled 1 @ 105.00",
            "long opened",
            "long 1"
        ]
    );
}

#[test]
fn a_stop_on_the_wrong_side_of_the_market_is_rejected() {
    let yaml = buys_above_100(&format!(
        "orders: {{entry: {{type: stop, stop_price: close - 2}}}}\n{ONE}"
    ));
    let mut bench = Bench::start(&yaml);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .forget()
        .bar(101.0, 103.0, 100.0, 100.0);
    assert_eq!(
        bench.journal(),
        ["#1 rejected: stop_would_trigger", "alert order_rejected"]
    );
}

#[test]
fn protective_orders_are_born_with_the_entry_and_see_the_rest_of_its_bar() {
    let mut bench = Bench::start(&with_risk("stop_loss: 5, take_profit: 10"));
    bench.bar(100.0, 102.0, 99.0, 101.0).forget();
    // Entry at the open 102, stop 97, target 112; the nearer extreme, the low, comes first and touches the stop.
    bench.bar(102.0, 113.0, 97.0, 90.0);
    assert_eq!(
        bench.journal(),
        [
            "#1 accepted",
            "#1 filled 1 @ 102.00",
            "long opened",
            "#2 sell 1 stop @ 97.00 (stop loss)",
            "#2 accepted",
            "#3 sell 1 limit @ 112.00 (take profit)",
            "#3 accepted",
            "long 1",
            "#2 triggered at 97.00",
            "#2 filled 1 @ 97.00",
            "long closed: -5",
            "#3 canceled: position_closed",
            "flat",
        ]
    );
}

#[test]
fn the_nearer_extreme_comes_first() {
    let mut bench = Bench::start(&with_risk("stop_loss: 5, take_profit: 10"));
    bench.bar(100.0, 102.0, 99.0, 101.0).forget();
    // The high, 10.5 away, is nearer than the low, 12 away: the target is met first.
    bench.bar(102.0, 112.5, 90.0, 100.0);
    assert!(
        bench.journal().contains(&"long closed: 10".to_owned()),
        "{:?}",
        bench.journal()
    );
}

#[test]
fn a_stop_that_the_open_jumps_over_fills_at_the_open() {
    let mut bench = Bench::start(&with_risk("stop_loss: 5%"));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 102.0, 100.0, 101.0)
        .forget()
        .bar(90.0, 92.0, 89.0, 91.0);
    assert_eq!(
        bench.journal(),
        [
            "#2 triggered at 90.00",
            "#2 filled 1 @ 90.00",
            "long closed: -11",
            "flat"
        ],
        "the stop stood at 95.95"
    );
}

#[test]
fn a_trailing_stop_follows_and_never_goes_back() {
    let mut bench = Bench::start(&with_risk("trailing_stop: 5"));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 101.0, 101.0, 101.0)
        .forget();
    bench
        .bar(101.0, 110.0, 100.0, 108.0)
        .bar(108.0, 109.0, 106.0, 107.0)
        .bar(107.0, 107.0, 99.0, 99.0);
    assert_eq!(
        bench.journal(),
        [
            "#2 amended to 105.00",
            "#2 triggered at 105.00",
            "#2 filled 1 @ 105.00",
            "long closed: 4",
            "flat"
        ]
    );
}
