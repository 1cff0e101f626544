//! When rules act and how much they buy: hours, sessions, the end of the day, volatility, Kelly, exposure. Each test is a
//! strategy, some bars, and what a reader would expect.

use papertape::engine::{Command, Engine, EventKind, Input};
use papertape::market::{Bar, CalendarId, MarketEvent};
use papertape::model::{Side, Timeframe, Timestamp};
use papertape::testkit::{Bench, bars_of, config, decimal};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// A bench of American shares.
fn shares(rules: &str) -> Bench {
    shares_on("1m", rules)
}

fn shares_on(timeframe: &str, rules: &str) -> Bench {
    let mut config = config(&format!("name: test\ntimeframe: {timeframe}\n{rules}"));
    config.instrument = config.instrument.with_calendar(CalendarId::UsEquities);
    let mut bench = Bench::with(config);
    bench.forget();
    bench
}

/// Feeds minutes that stand still at `price` from a time on.
fn minutes(bench: &mut Bench, from: &str, count: i64, price: f64) {
    for minute in 0..count {
        let bar = Bar {
            open_time: at(from).plus_nanos(minute * 60_000_000_000),
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 1.0,
        };
        bench.feed(&Input::market(MarketEvent::Bar(bar)));
    }
}

/// When orders were placed, with what they say.
fn placed(bench: &Bench) -> Vec<String> {
    let placed = bench.events.iter().filter_map(|event| match &event.kind {
        EventKind::OrderSubmitted { order } => {
            Some(format!("{} {} {}", event.time, order.side, order.reason))
        }
        _ => None,
    });
    placed.collect()
}

#[test]
fn entries_keep_to_the_hours_of_their_zone() {
    let mut bench = shares(
        "entry: {long: true, when: {days: mon..fri, hours: 09:45-15:30, timezone: America/New_York}}\n\
         exit: {long: bars_in_trade >= 2}\nrisk: {size: {method: fixed_quantity, value: 1}, cooldown: 1000}\n",
    );
    // A Wednesday in winter: 09:45 in New York is 14:45 UTC.
    minutes(&mut bench, "2024-01-10T14:30:00Z", 30, 100.0);
    assert_eq!(placed(&bench)[0], "2024-01-10T14:45:00Z buy entry.long");
    // In summer it is 13:45.
    bench.forget();
    minutes(&mut bench, "2024-07-10T13:30:00Z", 20, 100.0);
    assert!(
        placed(&bench).is_empty(),
        "the cooldown holds: {:?}",
        placed(&bench)
    );
}

#[test]
fn an_exit_may_have_hours_of_its_own() {
    let mut bench = shares(
        "entry: {long: position_size == 0}\nexit: {name: lunch, long: true, when: {hours: '12:00-13:00', timezone: America/New_York}}\n\
         risk: {size: {method: fixed_quantity, value: 1}, cooldown: 1000}\n",
    );
    minutes(&mut bench, "2024-01-10T16:50:00Z", 12, 100.0);
    assert_eq!(
        placed(&bench),
        [
            "2024-01-10T16:51:00Z buy entry.long",
            "2024-01-10T17:00:00Z sell lunch"
        ]
    );
}

#[test]
fn what_the_file_says_of_time_holds_for_entries_that_say_nothing() {
    let mut bench = shares(
        "when: {session: regular}\nentry: {long: true}\nrisk: {size: {method: fixed_quantity, value: 1}}\n",
    );
    minutes(&mut bench, "2024-01-10T14:20:00Z", 15, 100.0);
    assert_eq!(placed(&bench), ["2024-01-10T14:30:00Z buy entry.long"]);
}

#[test]
fn the_position_is_closed_before_the_session_ends_and_none_is_opened_until_the_next() {
    let mut bench = shares(
        "entry: {long: true}\nrisk: {size: {method: fixed_quantity, value: 1}, stop_loss: 50, flatten_before_close: 15m}\n",
    );
    minutes(&mut bench, "2024-01-10T20:40:00Z", 20, 100.0);
    let mut told = placed(&bench);
    told.retain(|line| !line.contains("stop loss"));
    assert_eq!(
        told,
        [
            "2024-01-10T20:41:00Z buy entry.long",
            // The session ends at 21:00 UTC.
            "2024-01-10T20:45:00Z sell before the close",
            // The bar that ends with the session decides for the next one.
            "2024-01-10T21:00:00Z buy entry.long",
        ]
    );
    assert!(bench.engine.position().is_none());
}

#[test]
fn longer_bars_are_closed_at_the_last_one_that_leaves_the_time() {
    let mut bench = shares_on(
        "30m",
        "entry: {long: true}\nrisk: {size: {method: fixed_quantity, value: 1}, flatten_before_close: 15m}\n",
    );
    // An early close: 13:00 in New York, 18:00 UTC.
    minutes(&mut bench, "2024-11-29T16:00:00Z", 130, 100.0);
    assert_eq!(
        placed(&bench),
        [
            "2024-11-29T16:30:00Z buy entry.long",
            "2024-11-29T17:30:00Z sell before the close",
            "2024-11-29T18:00:00Z buy entry.long",
        ]
    );
}

#[test]
fn a_volatility_target_spends_the_target_over_the_volatility() {
    let mut bench = Bench::start(
        "name: x\ntimeframe: 1m\nentry: {long: close == 100.5}\n\
         risk: {size: {method: volatility_target, value: 50%, lookback: 4}}\n",
    );
    bench.forget();
    let closes = [100.0, 101.0, 100.0, 101.0, 100.0, 100.5];
    for close in closes {
        bench.bar(close, close, close, close);
    }
    let returns: Vec<f64> = closes
        .windows(2)
        .map(|pair| libm::log(pair[1] / pair[0]))
        .collect();
    let last = &returns[returns.len() - 4..];
    let mean = last.iter().sum::<f64>() / 4.0;
    let deviation = (last.iter().map(|it| (it - mean) * (it - mean)).sum::<f64>() / 4.0).sqrt();
    // Minutes of a market that never closes.
    let yearly = deviation * (365.0 * 24.0 * 60.0_f64).sqrt();
    let expected = 10_000.0 * (0.5 / yearly) / 100.5;
    let quantity = bench.events.iter().find_map(|event| match &event.kind {
        EventKind::OrderSubmitted { order } => Some(order.quantity.to_f64()),
        _ => None,
    });
    let quantity = quantity.expect("an order");
    assert!((quantity - expected).abs() < 2e-5, "{quantity}, not {expected}");
}

#[test]
fn kelly_begins_small_and_then_believes_the_trades() {
    let mut bench = Bench::start(
        "name: x\ntimeframe: 1m\nentry: {long: close == 100}\nexit: {long: close != 100}\n\
         risk: {size: {method: kelly, value: 50%, cap: 40%, min_trades: 4, initial: 10%}}\n",
    );
    let mut spent = Vec::new();
    // Bought at 100, sold at the second price: three win 4 %, the others lose as much.
    for sold in [104.0, 104.0, 96.0, 104.0, 96.0, 96.0, 96.0, 96.0] {
        bench.forget().flat(2, 100.0).flat(2, sold);
        let order = bench.events.iter().find_map(|event| match &event.kind {
            EventKind::OrderSubmitted { order } => Some(order.quantity.to_f64() * 100.0),
            EventKind::OrderDenied { .. } => Some(0.0),
            _ => None,
        });
        spent.push(order.expect("an order or a refusal"));
    }
    let share = |index: usize| spent[index] / 10_000.0;
    assert!(
        (share(0) - 0.10).abs() < 1e-3 && (share(3) - 0.10).abs() < 2e-3,
        "{spent:?}"
    );
    // 0.75 / 0.04 − 0.25 / 0.04 is far above the cap.
    assert!((share(4) - 0.40).abs() < 0.01, "{spent:?}");
    // Once there are as many losers as winners, it is as much as at the beginning: another trade may tell otherwise.
    let last = spent.last().expect("an order");
    assert!((last / 10_000.0 - 0.10).abs() < 0.01, "{spent:?}");
}

#[test]
fn kelly_waits_for_a_loser_before_it_believes_the_winners() {
    let mut bench = Bench::start(
        "name: x\ntimeframe: 1m\nentry: {long: close == 100}\nexit: {long: close != 100}\n\
         risk: {size: {method: kelly, value: 10%, cap: 100%, min_trades: 2, initial: 1%}}\n",
    );
    for _ in 0..4 {
        bench.forget().flat(2, 100.0).flat(2, 104.0);
        let bought = bench.events.iter().find_map(|event| match &event.kind {
            EventKind::OrderSubmitted { order } => Some(order.quantity.to_f64() * 100.0),
            _ => None,
        });
        let bought = bought.expect("an order");
        assert!((90.0..115.0).contains(&bought), "{bought}");
    }
}

#[test]
fn sizes_are_cut_to_the_maximum_exposure() {
    let mut bench = Bench::start(
        "name: x\ntimeframe: 1m\nentry: {long: close >= 100, max_entries: 3}\n\
         risk: {size: {method: fixed_notional, value: 4000}, max_exposure: 60%}\n",
    );
    bench.forget().flat(4, 100.0);
    let journal = bench.journal();
    let told: Vec<&String> = journal
        .iter()
        .filter(|line| line.contains("buy") || line.contains("denied"))
        .collect();
    assert_eq!(
        told[..3],
        [
            "#1 buy 40 market (entry.long)",
            "#2 buy 20 market (entry.long)",
            "#3 denied: max_exposure"
        ]
    );
}

#[test]
fn a_loss_has_a_cooldown_of_its_own() {
    let rules = "name: x\ntimeframe: 1m\nentry: {long: close == 100}\nexit: {long: close != 100}\n\
                 risk: {size: {method: fixed_quantity, value: 1}, cooldown: 1, cooldown_after_loss: 5}\n";
    let entries = |sold: f64| {
        let mut bench = Bench::start(rules);
        bench.flat(2, 100.0).flat(2, sold).forget().flat(4, 100.0);
        bench.journal().iter().filter(|line| line.contains("buy")).count()
    };
    assert_eq!((entries(101.0), entries(99.0)), (1, 0));
}

#[test]
fn protections_hold_for_every_rule_and_every_part() {
    let rules = "name: x\ntimeframe: 1m\nentry:\n  - {name: a, long: close >= 100, max_entries: 2}\n  - {name: b, long: close > 90}\n\
                 exit: {name: half, long: close > 150, close: 50%}\n\
                 risk: {size: {method: percent_of_equity, value: 45}, max_entries: 3, max_drawdown: 10%}\n";
    let mut bench = Bench::start(rules);
    bench.flat(4, 100.0).forget();
    bench.bar(100.0, 100.0, 80.0, 80.0).flat(3, 100.0);
    let journal = bench.journal();
    assert!(journal.contains(&"session halted".to_owned()), "{journal:#?}");
    assert!(journal.contains(&"flat".to_owned()));
    assert!(!journal.iter().any(|line| line.contains(" buy ")), "{journal:#?}");
    let mut bench = Bench::start(&rules.replace("max_drawdown: 10%", "max_daily_loss: 5%"));
    bench.flat(4, 100.0).forget();
    bench.bar(100.0, 100.0, 93.0, 93.0).flat(3, 100.0);
    assert!(bench.engine.position().is_none());
    assert!(!bench.journal().iter().any(|line| line.contains(" buy ")));
}

#[test]
fn a_pause_and_a_flatten_leave_no_part_behind() {
    let mut bench = Bench::start(
        "name: x\ntimeframe: 1m\nentry: {long: close >= 100, max_entries: 3, stop_loss: 50}\n\
         exit: {name: half, long: close > 150, close: 50%, order: {type: limit, price: close + 10}}\n\
         risk: {size: {method: fixed_quantity, value: 1}}\n",
    );
    bench
        .flat(4, 100.0)
        .flat(1, 151.0)
        .command(Command::Pause)
        .command(Command::Flatten);
    bench.forget().flat(2, 151.0);
    assert!(bench.engine.position().is_none());
    assert_eq!(bench.engine.open_orders().count(), 0);
}

#[test]
fn an_order_waits_for_bars_and_not_for_the_clock() {
    let mut bench = shares(
        "entry: {long: close == 100}\nexit: {long: close < 99}\n\
         orders: {entry: {type: limit, price: close - 1, expire_after: 2}}\n\
         risk: {size: {method: fixed_quantity, value: 1}}\n",
    );
    let ends = |bench: &Bench| -> Vec<String> {
        let told = bench.events.iter().filter_map(|event| match &event.kind {
            EventKind::OrderFilled { .. } => Some(format!("{} filled", event.time)),
            EventKind::OrderExpired { .. } => Some(format!("{} expired", event.time)),
            _ => None,
        });
        told.collect()
    };
    // Decided at a session's last close: the night is no bar.
    minutes(&mut bench, "2024-01-10T20:59:00Z", 1, 100.0);
    minutes(&mut bench, "2024-01-11T14:30:00Z", 1, 101.0);
    minutes(&mut bench, "2024-01-11T14:35:00Z", 1, 98.0);
    assert_eq!(ends(&bench), ["2024-01-11T14:35:00Z filled"]);
    bench.forget();
    minutes(&mut bench, "2024-01-11T20:59:00Z", 1, 100.0);
    minutes(&mut bench, "2024-01-12T14:30:00Z", 3, 101.0);
    assert_eq!(
        ends(&bench),
        ["2024-01-11T20:59:00Z filled", "2024-01-12T14:32:00Z expired"]
    );
}

#[test]
fn a_bar_of_a_day_counts_as_its_own_day() {
    let mut config = config(
        "name: test\ntimeframe: 1d\nentry: {long: true, when: {days: fri}}\nexit: {long: true}\n\
         risk: {size: {method: fixed_quantity, value: 1}}\n",
    );
    config.instrument = config.instrument.with_calendar(CalendarId::UsEquities);
    config.base_timeframe = Timeframe::DAY;
    let mut bench = Bench::with(config);
    // From a Monday on, without the week-end.
    for day in ["08", "09", "10", "11", "12", "15", "16"] {
        let bar = Bar {
            open_time: at(&format!("2024-01-{day}")),
            open: 100.0,
            high: 100.0,
            low: 100.0,
            close: 100.0,
            volume: 1.0,
        };
        bench.feed(&Input::market(MarketEvent::Bar(bar)));
    }
    let bought: Vec<String> = placed(&bench)
        .into_iter()
        .filter(|line| line.contains("buy"))
        .collect();
    assert_eq!(
        bought,
        ["2024-01-13T00:00:00Z buy entry.long"],
        "at Friday's close"
    );
}

#[test]
fn every_step_of_taking_profit_is_there_however_small_the_parts_that_fill() {
    let mut config = config(
        "name: test\ntimeframe: 1m\nentry: {long: close == 100 and position_size == 0}\n\
         risk:\n  size: {method: fixed_quantity, value: 0.0001}\n  stop_loss: 20%\n  \
         take_profit: [{at: 2%, close: 50%}, {at: 4%}]\n",
    );
    // A lot a bar, of which half is less than a lot.
    config.execution.fill.volume_share = Some(decimal("0.00001"));
    let mut bench = Bench::with(config);
    bench.flat(12, 100.0);
    let mut waiting: Vec<(String, f64)> = bench
        .engine
        .open_orders()
        .map(|order| (order.reason.to_string(), order.quantity.to_f64()))
        .collect();
    waiting.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    let expected = [
        ("stop loss", 0.0001),
        ("take profit", 0.00005),
        ("take profit", 0.00005),
    ];
    assert_eq!(waiting, expected.map(|(what, size)| (what.to_owned(), size)));
}

#[test]
fn of_a_short_position_a_part_is_as_large_as_of_a_long_one() {
    let mut bench = Bench::start(
        "name: x\ntimeframe: 1m\nentry: {short: close == 100}\nexit: {short: close < 100, close: 0.5 * position_size}\n\
         risk: {size: {method: fixed_quantity, value: 2}}\n",
    );
    bench.flat(2, 100.0).flat(2, 99.0);
    let bought = bench.events.iter().find_map(|event| match &event.kind {
        EventKind::OrderSubmitted { order } if order.side == Side::Buy => Some(order.quantity.to_f64()),
        _ => None,
    });
    assert_eq!(bought, Some(1.0));
}

#[test]
fn a_reversal_is_as_large_as_the_volatility_at_its_decision_says() {
    let yaml = "name: x\nsymbols: [BTC/USDT]\ntimeframe: 1m\n\
                entry: {long: minute % 2 == 0, short: minute % 2 == 1}\n\
                risk: {size: {method: volatility_target, value: 1, lookback: 10}}\n";
    let steps: Vec<(i32, u32, u32, i32)> = (0..1_200)
        .map(|index: i32| {
            // Quiet, and from the 1,050th minute on wild.
            let swing = if index < 1_050 { 5 } else { 400 };
            (0, 1, 1, if index % 2 == 0 { swing } else { -swing })
        })
        .collect();
    let bars = bars_of(&steps);
    let run = |count: usize| {
        let mut engine = Engine::new(config(yaml));
        let mut events = Vec::new();
        engine.process(&Input::Command(bars.open_time[0], Command::Start), &mut events);
        engine.process_bars(bars.slice(0..count), &mut events);
        let filled = events.iter().filter_map(|event| match &event.kind {
            EventKind::OrderFilled { fill, .. } => Some((fill.time, fill.quantity)),
            _ => None,
        });
        filled
            .filter(|(time, _)| *time < bars.open_time[1_049])
            .collect::<Vec<_>>()
    };
    assert_eq!(run(1_050), run(1_200), "what comes later changes nothing");
}
