//! What becomes of orders as the session goes on: cash, expiry, reversal, limits of the account, pause, stop.

use super::*;

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
