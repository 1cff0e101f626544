//! Where two rules meet: gaps, stops that jump, numbers beyond all measure.

use super::*;

#[test]
fn a_trailing_stop_follows_the_open_before_the_rest_of_the_bar() {
    let mut bench = Bench::start(&with_risk("trailing_stop: 5"));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 101.0, 101.0, 101.0)
        .forget();
    // The open at 110 pulls the stop to 105; the low, the nearer extreme, comes before the high.
    bench.bar(110.0, 120.0, 104.0, 115.0);
    assert_eq!(
        bench.journal()[..3],
        [
            "#2 amended to 105.00",
            "#2 triggered at 105.00",
            "#2 filled 1 @ 105.00"
        ]
    );
}

#[test]
fn a_trailing_stop_in_percent_keeps_its_share_of_the_best_price() {
    let mut bench = Bench::start(&with_risk("trailing_stop: 10%"));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(100.0, 100.0, 100.0, 100.0)
        .forget();
    bench
        .bar(100.0, 200.0, 100.0, 190.0)
        .bar(190.0, 191.0, 179.0, 180.0);
    assert_eq!(
        bench.journal()[..3],
        [
            "#2 amended to 180.00",
            "#2 triggered at 180.00",
            "#2 filled 1 @ 180.00"
        ],
        "ten percent of 200, not of the entry at 100"
    );
}

#[test]
fn fill_or_kill_fills_whole_or_not_at_all() {
    let rest = "orders: {entry: {type: market, time_in_force: fok}}\n\
                risk: {size: {method: percent_of_equity, value: 100}}\n";
    let mut bench = Bench::start(&buys_above_100(rest));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .forget()
        .bar(110.0, 111.0, 109.0, 100.0);
    assert_eq!(
        bench.journal(),
        ["#1 accepted", "#1 canceled: insufficient_funds"],
        "the cash would reach for a part"
    );
}

#[test]
fn a_stop_that_leaves_no_rest_still_waits_for_its_trigger() {
    let yaml = buys_above_100(&format!(
        "orders: {{entry: {{type: stop, stop_price: close + 2, time_in_force: ioc}}}}\n{ONE}"
    ));
    let mut bench = Bench::start(&yaml);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 102.0, 100.0, 102.0)
        .forget()
        .bar(102.0, 103.0, 100.0, 102.0);
    assert_eq!(
        bench.journal()[..2],
        ["#1 triggered at 103.00", "#1 filled 1 @ 103.00"]
    );
}

#[test]
fn an_order_that_ends_with_a_bar_makes_room_for_the_next_at_its_close() {
    let yaml = buys_above_100(&format!(
        "orders: {{entry: {{type: limit, price: close - 50, expire_after: 1}}}}\n{ONE}"
    ));
    let mut bench = Bench::start(&yaml);
    bench.flat(1, 101.0).forget().flat(2, 101.0);
    assert_eq!(
        bench.journal(),
        [
            "#1 accepted",
            "#1 expired",
            "#2 buy 1 limit @ 51.00 (entry.long)",
            "#2 accepted",
            "#2 expired",
            "#3 buy 1 limit @ 51.00 (entry.long)",
        ]
    );
}

#[test]
fn a_stop_that_slippage_puts_beyond_the_market_is_set_off_at_the_market() {
    let mut config = config(&with_risk("stop_loss: 0.1"));
    config.execution.slippage = SlippageModel::FixedBps { bps: decimal("50") };
    let mut bench = Bench::with(config);
    bench.flat(1, 101.0).forget().flat(1, 101.0);
    // Bought at 101.51, the stop at 101.41, and the price at 101 already.
    let journal = bench.journal();
    assert!(
        journal.contains(&"#2 triggered at 101.00".to_owned()),
        "{journal:?}"
    );
    assert!(
        journal.contains(&"#2 filled 1 @ 100.49".to_owned()),
        "{journal:?}"
    );
}

#[test]
fn nothing_is_sold_for_nothing() {
    let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 0.005}\n\
                risk: {size: {method: fixed_quantity, value: 1}}\n";
    let mut config = config(yaml);
    config.execution.slippage = SlippageModel::FixedBps { bps: decimal("1") };
    let mut bench = Bench::with(config);
    bench.flat(2, 0.01).command(Command::Flatten).flat(1, 0.01);
    assert!(
        bench.journal().contains(&"#2 filled 1 @ 0.01".to_owned()),
        "one tick is the lowest price there is: {:?}",
        bench.journal()
    );
}

#[test]
fn a_cooldown_keeps_an_opposite_signal_from_turning_the_position_around() {
    let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100, short: close < 100}\n\
                risk: {size: {method: fixed_quantity, value: 1}, cooldown: 2}\n";
    let mut bench = Bench::start(yaml);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 101.0, 99.0, 99.0)
        .forget()
        .flat(2, 98.0);
    assert_eq!(
        bench.journal(),
        ["#2 accepted", "#2 filled 1 @ 98.00", "long closed: -3", "flat"]
    );
    bench.forget().flat(1, 98.0);
    assert_eq!(bench.journal(), ["#3 sell 1 market (entry.short)"]);
}

#[test]
fn a_stop_that_quotes_have_filled_in_part_takes_the_rest_from_a_bar() {
    let mut bench = Bench::start(&with_risk("stop_loss: 5"));
    bench.flat(2, 101.0);
    let quote = Quote {
        // Just before the bar: of a bar that quotes have told of, the quotes are what orders meet.
        time: bench.now().plus_nanos(-1),
        bid: 95.0,
        bid_size: 0.4,
        ask: 96.0,
        ask_size: 0.4,
    };
    bench.feed(&Input::market(MarketEvent::Quote(quote)));
    bench.forget().bar(97.0, 98.0, 97.0, 98.0);
    assert_eq!(
        bench.journal(),
        ["#2 filled 0.6 @ 97.00", "long closed: -4.8", "flat"]
    );
}

#[test]
fn numbers_beyond_all_measure_are_denied_or_met_and_never_a_panic() {
    let tiny = ("0.00000001", 1e-8);
    for ((tick, price), capital, risk) in [
        (
            ("0.01", 1e6),
            "10000",
            "size: {method: fixed_quantity, value: 1e25}",
        ),
        (tiny, "10000", "size: {method: fixed_notional, value: 1e25}"),
        (tiny, "10000", "size: {method: percent_of_equity, value: 1e20}"),
        (
            tiny,
            "1000000000000",
            "size: {method: percent_of_equity, value: 100}",
        ),
        (
            tiny,
            "1000000000000",
            "size: {method: risk_percent, value: 50}, stop_loss: close * 1e-20",
        ),
        (
            ("0.25", 5e28),
            "10000",
            "size: {method: fixed_quantity, value: 1}",
        ),
        (
            ("0.25", 1e3),
            "10000",
            "size: {method: fixed_quantity, value: 1}, take_profit: 1e27, trailing_stop: 5e28",
        ),
    ] {
        let mut config = config(&format!(
            "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {{long: close > 0}}\nrisk: {{{risk}}}\n"
        ));
        let lot = decimal("0.00001");
        config.instrument = Instrument::new(
            config.instrument.symbol().clone(),
            decimal(tick),
            lot,
            decimal("0"),
            decimal("1"),
        )
        .expect("an instrument");
        config.initial_capital = Money::new(decimal(capital), config.instrument.quote());
        let mut bench = Bench::with(config);
        bench
            .flat(3, price)
            .bar(price, price * 1.01, price * 0.98, price)
            .command(Command::Flatten);
        // A quote that shows a third of what is held fills the order in part.
        let quote = Quote {
            time: bench.now(),
            bid: price,
            bid_size: 3.3e19,
            ask: price,
            ask_size: 3.3e19,
        };
        bench.feed(&Input::market(MarketEvent::Quote(quote)));
        bench.flat(2, price);
        assert_eq!(bench.engine.check(), Ok(()), "{risk}");
        assert_eq!(bench.engine.ledger().check(), Ok(()), "{risk}");
    }
}

#[test]
fn a_gap_over_two_limits_meets_the_one_that_the_price_came_by_first() {
    let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100}\nexit: {long: close < 100}\n\
                orders: {exit: {type: limit, price: close + 3}}\n\
                risk: {size: {method: fixed_quantity, value: 1}, take_profit: 5}\n";
    let mut bench = Bench::start(yaml);
    // In at 101 with the target, the older order, at 106; the exit rule then asks for 102.
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 101.0, 99.0, 99.0)
        .bar(99.0, 99.0, 98.0, 99.0);
    bench.forget().bar(110.0, 110.0, 110.0, 110.0);
    assert_eq!(bench.journal()[0], "#3 filled 1 @ 102.00");
}
