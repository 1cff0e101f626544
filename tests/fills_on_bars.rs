//! Orders meet bars: each test is a strategy, a few bars, and the journal that a reader would expect.

use papertape::engine::{Command, Fees, Input};
use papertape::exchange::SlippageModel;
use papertape::market::{Bar, MarketEvent, Quote};
use papertape::model::{Instrument, Money, Timestamp};
use papertape::testkit::{Bench, config, decimal};

/// Buys one coin at the market whenever the close is above 100; the rest of the file is what the test is about.
fn buys_above_100(rest: &str) -> String {
    format!(
        "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {{long: close > 100}}\nexit: {{long: close < 50}}\n{rest}"
    )
}

const ONE: &str = "risk: {size: {method: fixed_quantity, value: 1}}\n";

fn with_risk(risk: &str) -> String {
    buys_above_100(&format!(
        "risk: {{size: {{method: fixed_quantity, value: 1}}, {risk}}}\n"
    ))
}

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

#[test]
fn an_order_larger_than_the_cash_is_denied_once_with_its_reason() {
    let yaml = buys_above_100("risk: {size: {method: fixed_quantity, value: 1000}}\n");
    let mut bench = Bench::start(&yaml);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 102.0, 99.0, 101.0);
    assert_eq!(
        bench.journal(),
        [
            "session running",
            "#1 denied: insufficient_funds",
            "alert order_denied",
            "#2 denied: insufficient_funds"
        ]
    );
    assert_eq!(bench.engine.cash().amount, decimal("10000"));
}

#[test]
fn a_fill_that_the_cash_no_longer_covers_is_cut_to_what_it_does() {
    let yaml = buys_above_100("risk: {size: {method: percent_of_equity, value: 100}}\n");
    let mut bench = Bench::start(&yaml);
    // Decided at 101 for 99.0099 coins; the open is at 110, where 10,000 buys 90.90909.
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .forget()
        .bar(110.0, 111.0, 109.0, 110.0);
    assert_eq!(
        bench.journal(),
        [
            "#1 accepted",
            "#1 filled 90.90909 @ 110.00",
            "long opened",
            "long 90.90909",
            "#1 canceled: insufficient_funds",
        ]
    );
}

#[test]
fn an_order_expires_after_its_bars() {
    let yaml = buys_above_100(&format!(
        "orders: {{entry: {{type: limit, price: close - 50, time_in_force: gtc, expire_after: 2}}}}\n{ONE}"
    ));
    let mut bench = Bench::start(&yaml);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .flat(1, 99.0)
        .forget()
        .flat(1, 99.0);
    assert_eq!(bench.journal(), ["#1 expired"], "at the second close");
    bench.bar(99.0, 99.0, 40.0, 60.0);
    assert_eq!(
        bench.journal(),
        ["#1 expired"],
        "two bars were 99, the third is too late"
    );
}

#[test]
fn an_opposite_signal_turns_the_position_around_at_one_open() {
    let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close > 100, short: close < 100}\n\
                risk: {size: {method: fixed_quantity, value: 1}}\n";
    let mut bench = Bench::start(yaml);
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 101.0, 99.0, 99.0)
        .forget()
        .bar(98.0, 99.0, 97.0, 98.0);
    assert_eq!(
        bench.journal(),
        [
            "#2 accepted",
            "#2 filled 1 @ 98.00",
            "long closed: -3",
            "flat",
            "#3 sell 1 market (entry.short)",
            "#3 accepted",
            "#3 filled 1 @ 98.00",
            "short opened",
            "short 1",
        ]
    );
    assert_eq!(bench.engine.equity().amount, decimal("9997"));
}

#[test]
fn a_drawdown_limit_flattens_and_halts() {
    let mut bench = Bench::start(&buys_above_100(
        "risk: {size: {method: percent_of_equity, value: 100}, max_drawdown: 10%}\n",
    ));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 102.0, 100.0, 101.0)
        .forget();
    bench
        .bar(100.0, 100.0, 85.0, 88.0)
        .bar(87.0, 102.0, 86.0, 101.0)
        .flat(2, 105.0);
    assert_eq!(
        bench.journal(),
        [
            "#2 sell 99.0099 market (maximum drawdown)",
            "session halted",
            "alert max_drawdown",
            "#2 accepted",
            "#2 filled 99.0099 @ 87.00",
            "long closed: -1386.1386",
            "flat",
        ],
        "and no entry afterwards"
    );
}

#[test]
fn pause_lets_exits_through_and_no_entries() {
    let mut bench = Bench::start(&with_risk("stop_loss: 5"));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 102.0, 100.0, 101.0)
        .command(Command::Pause)
        .forget();
    bench.bar(101.0, 101.0, 95.0, 101.0).flat(3, 101.0);
    assert_eq!(
        bench.journal(),
        [
            "#2 triggered at 96.00",
            "#2 filled 1 @ 96.00",
            "long closed: -5",
            "flat"
        ]
    );
    bench
        .forget()
        .command(Command::Resume)
        .bar(101.0, 101.0, 101.0, 101.0);
    assert_eq!(
        bench.journal(),
        ["session running", "#3 buy 1 market (entry.long)"]
    );
}

#[test]
fn stop_withdraws_orders_and_keeps_the_position_at_its_last_price() {
    let mut bench = Bench::start(&with_risk("stop_loss: 5"));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 102.0, 100.0, 102.0)
        .forget()
        .command(Command::Stop);
    assert_eq!(
        bench.journal(),
        ["#2 canceled: session_stopped", "session stopped"]
    );
    bench
        .forget()
        .bar(50.0, 50.0, 50.0, 50.0)
        .command(Command::Resume);
    assert!(bench.events.is_empty(), "nothing happens after the end");
    assert_eq!(bench.engine.equity().amount, decimal("10001"));
}

#[test]
fn cooldown_skips_entries_for_its_bars_after_an_exit() {
    let mut bench = Bench::start(&with_risk("stop_loss: 5, cooldown: 2"));
    bench
        .bar(100.0, 102.0, 99.0, 101.0)
        .bar(101.0, 101.0, 95.0, 101.0)
        .flat(1, 101.0);
    assert!(
        !bench.journal().iter().any(|line| line.starts_with("#3 buy")),
        "{:?}",
        bench.journal()
    );
    bench.flat(1, 101.0);
    assert!(
        bench.journal().iter().any(|line| line.starts_with("#3 buy")),
        "{:?}",
        bench.journal()
    );
}

#[test]
fn a_gap_closes_the_longer_bar_before_the_next_data_is_met() {
    let yaml = "name: test\nsymbols: [BTC/USDT]\ntimeframe: 5m\nentry: {long: close > 100}\n\
                risk: {size: {method: fixed_quantity, value: 1}}\n";
    let mut bench = Bench::start(yaml);
    let minute = |index: i64, price: f64| {
        let open_time = Timestamp::from_secs(index * 60);
        Input::market(MarketEvent::Bar(Bar {
            open_time,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 1.0,
        }))
    };
    bench.forget().feed(&minute(0, 101.0)).feed(&minute(7, 105.0));
    assert_eq!(
        bench.journal(),
        [
            "#1 buy 1 market (entry.long)",
            "#1 accepted",
            "#1 filled 1 @ 105.00",
            "long opened",
            "long 1"
        ]
    );
}

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
