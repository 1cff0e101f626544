//! What each kind of order does on bars: when it is set off, at what price it fills, when it ends.
//!
//! A strategy asks for one order at a close of 101; the bars after it (open, high, low, close) are what it meets. Inside a
//! bar the price walks open → nearer extreme → farther extreme → close.

use papertape::engine::{EngineConfig, EventKind, Input};
use papertape::exchange::LatencyModel;
use papertape::market::{Bar, CalendarId, MarketEvent};
use papertape::model::{Instrument, InstrumentKind, Quantity, Timeframe, Timestamp};
use papertape::testkit::{Bench, config, decimal};

/// Buys one unit by this order when a bar closes at 101 exactly.
fn buys(order: &str) -> String {
    entry("long", order)
}

fn entry(side: &str, order: &str) -> String {
    format!(
        "name: test\ntimeframe: 1m\nentry: {{{side}: close == 101}}\norders: {{entry: {{{order}}}}}\n\
         risk: {{size: {{method: fixed_quantity, value: 1}}}}\n"
    )
}

/// What is told of orders, one line an event.
fn told(bench: &Bench) -> Vec<String> {
    let journal = bench.journal();
    journal.into_iter().filter(|line| line.starts_with('#')).collect()
}

/// What happens to the order of a strategy that decided at 101, on the bars after that.
fn after(yaml: &str, bars: &[[f64; 4]]) -> Vec<String> {
    let mut bench = Bench::start(yaml);
    bench.bar(100.0, 102.0, 99.0, 101.0).forget();
    for [open, high, low, close] in bars {
        bench.bar(*open, *high, *low, *close);
    }
    told(&bench)
}

/// A row: what the order does, the order, the bars, the journal.
type Row = (
    &'static str,
    &'static str,
    &'static [[f64; 4]],
    &'static [&'static str],
);

fn check(side: &str, rows: &[Row]) {
    for (says, order, bars, expected) in rows {
        assert_eq!(after(&entry(side, order), bars), *expected, "{says}");
    }
}

#[test]
fn a_buy_of_every_type_is_met_where_its_type_says() {
    check(
        "long",
        &[
            (
                "a market order takes the next open",
                "type: market",
                &[[103.0, 104.0, 102.0, 103.0]],
                &["#1 accepted", "#1 filled 1 @ 103.00"],
            ),
            (
                "a limit fills at its price when the market goes through it",
                "type: limit, price: close - 2",
                &[[101.0, 102.0, 99.0, 100.0], [100.0, 100.0, 98.5, 100.0]],
                &["#1 accepted", "#1 filled 1 @ 99.00"],
            ),
            (
                "a stop fills where it is touched",
                "type: stop, stop_price: close + 2",
                &[[101.5, 103.0, 101.5, 102.0]],
                &["#1 accepted", "#1 triggered at 103.00", "#1 filled 1 @ 103.00"],
            ),
            (
                "a stop-limit takes what it may when it is set off",
                "type: stop_limit, stop_price: close + 2, price: close + 3",
                &[[101.5, 103.0, 101.5, 102.0]],
                &["#1 accepted", "#1 triggered at 103.00", "#1 filled 1 @ 103.00"],
            ),
            (
                "a stop-limit is left behind by a market that jumps over it, and fills when that comes back through it",
                "type: stop_limit, stop_price: close + 2, price: close + 3",
                &[
                    [105.0, 106.0, 104.5, 105.0],
                    [105.0, 106.0, 104.0, 105.0],
                    [105.0, 105.0, 103.9, 104.0],
                ],
                &["#1 accepted", "#1 triggered at 105.00", "#1 filled 1 @ 104.00"],
            ),
            (
                "a take-profit buys when the market falls to it",
                "type: take_profit, stop_price: close - 3",
                &[[101.5, 102.0, 98.5, 100.0], [100.0, 100.0, 98.0, 99.0]],
                &["#1 accepted", "#1 triggered at 98.00", "#1 filled 1 @ 98.00"],
            ),
            (
                "a take-profit that the open falls below buys at that better price",
                "type: take_profit, stop_price: close - 3",
                &[[101.5, 102.0, 100.0, 100.0], [97.0, 98.0, 96.0, 97.0]],
                &["#1 accepted", "#1 triggered at 97.00", "#1 filled 1 @ 97.00"],
            ),
            (
                "a take-profit-limit, once set off, waits for its limit",
                "type: take_profit_limit, stop_price: close - 3, price: close - 5",
                &[[101.5, 102.0, 97.0, 100.0], [100.0, 100.0, 95.5, 99.0]],
                &["#1 accepted", "#1 triggered at 98.00", "#1 filled 1 @ 96.00"],
            ),
            (
                "a trailing stop follows the market down and buys when it turns back",
                "type: trailing_stop, trail: 2",
                &[[101.0, 101.0, 97.0, 98.0], [98.0, 99.5, 97.5, 99.0]],
                &[
                    "#1 accepted",
                    "#1 amended to 99.00",
                    "#1 triggered at 99.00",
                    "#1 filled 1 @ 99.00",
                ],
            ),
            (
                "a trail in percent is one of the best price",
                "type: trailing_stop, trail: 2%",
                &[[101.0, 101.0, 97.0, 98.0]],
                &["#1 accepted", "#1 amended to 98.94"],
            ),
            (
                "a trail may be an expression: high − low was 3 at the decision",
                "type: trailing_stop, trail: high - low",
                &[[101.0, 103.9, 101.0, 102.0], [102.0, 104.0, 102.0, 103.0]],
                &["#1 accepted", "#1 triggered at 104.00", "#1 filled 1 @ 104.00"],
            ),
        ],
    );
}

#[test]
fn a_sale_of_every_type_is_the_mirror_image() {
    check(
        "short",
        &[
            (
                "a stop-limit sells no lower than its price",
                "type: stop_limit, stop_price: close - 2, price: close - 3",
                &[[97.0, 97.5, 96.0, 97.0], [97.0, 98.5, 97.0, 98.0]],
                &["#1 accepted", "#1 triggered at 97.00", "#1 filled 1 @ 98.00"],
            ),
            (
                "a take-profit sells when the market rises to it",
                "type: take_profit, stop_price: close + 3",
                &[[101.5, 104.0, 101.0, 103.0]],
                &["#1 accepted", "#1 triggered at 104.00", "#1 filled 1 @ 104.00"],
            ),
            (
                "a take-profit-limit sells at its limit or above",
                "type: take_profit_limit, stop_price: close + 3, price: close + 5",
                &[[101.5, 106.5, 101.0, 103.0]],
                &["#1 accepted", "#1 triggered at 104.00", "#1 filled 1 @ 106.00"],
            ),
            (
                "a trailing stop follows the market up",
                "type: trailing_stop, trail: 2",
                &[[101.0, 105.0, 101.0, 104.0], [104.0, 104.0, 102.0, 102.5]],
                &[
                    "#1 accepted",
                    "#1 amended to 103.00",
                    "#1 triggered at 103.00",
                    "#1 filled 1 @ 103.00",
                ],
            ),
        ],
    );
}

#[test]
fn a_trigger_that_the_market_has_passed_already_is_refused() {
    for order in [
        "type: stop_limit, stop_price: close - 2, price: close",
        "type: take_profit, stop_price: close + 2",
        "type: take_profit_limit, stop_price: close, price: close - 1",
    ] {
        let journal = after(&buys(order), &[[101.5, 103.0, 100.0, 102.0]]);
        assert_eq!(journal, ["#1 rejected: stop_would_trigger"], "{order}");
    }
}

#[test]
fn a_number_that_is_none_denies_the_order() {
    for order in [
        "type: trailing_stop, trail: open - high",
        "type: trailing_stop, trail: atr(14)",
        "type: stop_limit, stop_price: high + 1, price: 'sma(close, 5)'",
        "type: limit, price: close, display: 'sma(close, 5)'",
    ] {
        let mut bench = Bench::start(&buys(order));
        bench.bar(100.0, 102.0, 99.0, 101.0);
        assert_eq!(told(&bench), ["#1 denied: undefined_value"], "{order}");
    }
}

#[test]
fn a_time_in_force_ends_an_order_as_its_name_says() {
    check(
        "long",
        &[
            (
                "what cannot fill at once is withdrawn",
                "type: limit, price: close - 2, time_in_force: ioc",
                &[[101.0, 102.0, 98.0, 100.0]],
                &["#1 accepted", "#1 canceled: not_filled_at_once"],
            ),
            (
                "a stop that is set off meets the market at once, and waits for that",
                "type: stop_limit, stop_price: close + 2, price: close + 3, time_in_force: ioc",
                &[[101.5, 102.0, 101.5, 102.0], [105.0, 106.0, 102.0, 103.0]],
                &[
                    "#1 accepted",
                    "#1 triggered at 105.00",
                    "#1 canceled: not_filled_at_once",
                ],
            ),
            (
                "two bars are two bars",
                "type: limit, price: close - 50, expire_after: 2",
                &[
                    [101.5, 102.0, 101.5, 102.0],
                    [102.0, 102.0, 102.0, 102.0],
                    [60.0, 60.0, 40.0, 50.0],
                ],
                &["#1 accepted", "#1 expired"],
            ),
            (
                "a market that never closes has no auction",
                "time_in_force: opg",
                &[[101.5, 102.0, 101.5, 102.0]],
                &["#1 rejected: no_auction"],
            ),
        ],
    );
}

#[test]
fn a_post_only_order_never_takes() {
    check(
        "long",
        &[
            (
                "it is rejected where it would take",
                "type: limit, price: close + 5, post_only: true",
                &[[103.0, 104.0, 102.0, 103.0]],
                &["#1 accepted", "#1 rejected: post_only_would_take"],
            ),
            (
                "or slides to a tick below the market and waits there",
                "type: limit, price: close + 5, post_only: slide",
                &[[103.0, 104.0, 103.0, 103.5], [103.5, 104.0, 102.9, 103.0]],
                &["#1 accepted", "#1 amended to 102.99", "#1 filled 1 @ 102.99"],
            ),
            (
                "it rests as it is where it would not",
                "type: limit, price: close - 2, post_only: slide",
                &[[101.5, 102.0, 98.0, 100.0]],
                &["#1 accepted", "#1 filled 1 @ 99.00"],
            ),
            (
                "a stop-limit slides when it is set off",
                "type: stop_limit, stop_price: close + 2, price: close + 3, post_only: slide",
                &[[101.5, 103.5, 101.5, 102.0]],
                &[
                    "#1 accepted",
                    "#1 triggered at 103.00",
                    "#1 amended to 102.99",
                    "#1 filled 1 @ 102.99",
                ],
            ),
        ],
    );
}

#[test]
fn an_iceberg_shows_whole_lots_of_a_part_of_the_order() {
    let shown = |display: &str| {
        let mut bench = Bench::start(&buys(&format!(
            "type: limit, price: close - 2, display: {display}"
        )));
        bench.bar(100.0, 102.0, 99.0, 101.0);
        bench.events.iter().find_map(|event| match &event.kind {
            EventKind::OrderSubmitted { order } => Some(order.display),
            _ => None,
        })
    };
    let units = |text: &str| Some(Some(Quantity(decimal(text))));
    assert_eq!(shown("10%"), units("0.1"));
    assert_eq!(shown("0.25"), units("0.25"));
    assert_eq!(shown("0.000000001%"), units("0.00001"), "a lot at least");
    assert_eq!(
        shown("5"),
        Some(None),
        "an order no larger than its slice shows itself whole"
    );
}

/// One-minute bars of BTC/USDT with a volume.
fn volume_bar(bench: &mut Bench, minute: i64, price: f64, volume: f64) {
    let bar = Bar {
        open_time: Timestamp::from_secs(minute * 60),
        open: price,
        high: price,
        low: price,
        close: price,
        volume,
    };
    bench.feed(&Input::market(MarketEvent::Bar(bar)));
}

#[test]
fn a_share_of_the_volume_fills_an_order_bar_by_bar() {
    let run = |order: &str| {
        let mut config = config(&buys(order));
        config.execution.fill.volume_share = Some(decimal("0.1"));
        let mut bench = Bench::with(config);
        volume_bar(&mut bench, 0, 101.0, 4.0);
        bench.forget();
        for (minute, price) in [(1, 102.0), (2, 103.0), (3, 104.0), (4, 105.0)] {
            volume_bar(&mut bench, minute, price, 4.0);
        }
        told(&bench)
    };
    assert_eq!(
        run("type: market"),
        [
            "#1 accepted",
            "#1 filled 0.4 @ 102.00",
            "#1 filled 0.4 @ 103.00",
            "#1 filled 0.2 @ 104.00",
        ]
    );
    assert_eq!(
        run("time_in_force: ioc"),
        [
            "#1 accepted",
            "#1 filled 0.4 @ 102.00",
            "#1 canceled: not_filled_at_once",
        ]
    );
    assert_eq!(
        run("time_in_force: fok"),
        ["#1 accepted", "#1 canceled: not_filled_at_once"]
    );
}

#[test]
fn an_order_that_is_late_misses_the_open_and_meets_the_path() {
    let run = |seconds: i64| {
        let mut config = config(&buys("type: market"));
        config.execution.latency = LatencyModel::Fixed {
            entry: seconds * 1_000_000_000,
            response: 0,
        };
        let mut bench = Bench::with(config);
        bench.bar(100.0, 102.0, 99.0, 101.0).forget();
        bench
            .bar(103.0, 104.0, 100.0, 102.0)
            .bar(107.0, 108.0, 105.0, 107.0);
        told(&bench)
    };
    // Each third of the minute is a leg: 103 → 104, 104 → 100, 100 → 102.
    for (seconds, price) in [
        (0, "103.00"),
        (10, "103.50"),
        (30, "102.00"),
        (50, "101.00"),
        (60, "107.00"),
        (75, "107.75"),
    ] {
        let expected = ["#1 accepted".to_owned(), format!("#1 filled 1 @ {price}")];
        assert_eq!(run(seconds), expected, "{seconds} s");
    }
}

/// A session on American shares, in January: the regular session is 14:30 to 21:00 UTC.
struct Exchange(Bench);

impl Exchange {
    fn new(order: &str) -> Self {
        Self(Bench::with(shares(order, "1m")))
    }

    /// A bar of a minute at this time of 2 January 2024 or, after midnight, the day that is written.
    fn bar(&mut self, time: &str, [open, high, low, close]: [f64; 4]) -> &mut Self {
        let time = match time.len() {
            5 => format!("2024-01-02T{time}:00Z"),
            _ => format!("{time}:00Z"),
        };
        let bar = Bar {
            open_time: Timestamp::parse(&time).expect("a time"),
            open,
            high,
            low,
            close,
            volume: 1.0,
        };
        self.0.feed(&Input::market(MarketEvent::Bar(bar)));
        self
    }

    /// The decision, in the minute before `time`; what was told until then is forgotten.
    fn decides(order: &str, time: &str) -> Self {
        let mut exchange = Self::new(order);
        exchange.bar(time, [100.0, 102.0, 99.0, 101.0]);
        exchange.0.forget();
        exchange
    }

    fn still(&mut self, time: &str, price: f64) -> &mut Self {
        self.bar(time, [price; 4])
    }

    fn told(&self) -> Vec<String> {
        told(&self.0)
    }
}

fn shares(order: &str, timeframe: &str) -> EngineConfig {
    let mut config = config(&buys(order).replace("timeframe: 1m", &format!("timeframe: {timeframe}")));
    config.base_timeframe = config.strategy.timeframe;
    config.instrument = Instrument::new(
        "AAPL".parse().expect("a symbol"),
        decimal("0.01"),
        decimal("1"),
        decimal("0"),
        decimal("1"),
    )
    .expect("steps")
    .with_kind(InstrumentKind::Equity)
    .with_calendar(CalendarId::UsEquities);
    config.initial_capital.currency = config.instrument.quote();
    config
}

#[test]
fn nothing_fills_outside_the_session_but_limits_that_say_so() {
    let evening = |order: &str| {
        let mut exchange = Exchange::decides(order, "21:30");
        exchange
            .still("21:45", 98.0)
            .still("2024-01-03T13:00", 97.0)
            .still("2024-01-03T14:30", 96.0);
        exchange.told()
    };
    assert_eq!(
        evening("type: market"),
        ["#1 accepted", "#1 filled 1 @ 96.00"],
        "it waits for the open"
    );
    assert_eq!(
        evening("type: limit, price: close - 2"),
        ["#1 accepted", "#1 filled 1 @ 96.00"],
        "it meets the market at the open, and takes at its price"
    );
    assert_eq!(
        evening("type: limit, price: close - 2, extended_hours: true"),
        ["#1 accepted", "#1 filled 1 @ 98.00"],
        "it takes the post-market's price"
    );
    assert_eq!(
        evening("type: limit, price: close - 2, time_in_force: ioc"),
        ["#1 rejected: market_closed"]
    );
    assert_eq!(
        evening("type: stop, stop_price: close + 2"),
        ["#1 accepted"],
        "the evening's prices set nothing off"
    );
}

#[test]
fn an_order_for_the_day_ends_with_the_regular_session() {
    let mut exchange = Exchange::decides("type: limit, price: close - 2, time_in_force: day", "20:00");
    exchange.still("20:59", 100.0).still("21:00", 98.0);
    assert_eq!(exchange.told(), ["#1 accepted", "#1 expired"]);
    let mut evening = Exchange::decides("type: limit, price: close - 2, time_in_force: day", "21:10");
    evening
        .still("2024-01-03T20:59", 100.0)
        .still("2024-01-03T21:00", 100.0);
    assert_eq!(
        evening.told(),
        ["#1 accepted", "#1 expired"],
        "one of the evening is for the next day"
    );
}

#[test]
fn an_order_for_the_open_fills_at_the_first_price_of_the_session_or_not_at_all() {
    let open_at = |order: &str, price: f64| {
        let mut exchange = Exchange::decides(order, "14:00");
        exchange
            .still("14:29", 99.0)
            .still("14:30", price)
            .still("14:31", 90.0);
        exchange.told()
    };
    assert_eq!(
        open_at("time_in_force: opg", 103.0),
        ["#1 accepted", "#1 filled 1 @ 103.00"]
    );
    assert_eq!(
        open_at("type: limit, price: close + 1, time_in_force: opg", 101.5),
        ["#1 accepted", "#1 filled 1 @ 101.50"]
    );
    assert_eq!(
        open_at("type: limit, price: close + 1, time_in_force: opg", 103.0),
        ["#1 accepted", "#1 canceled: auction_over"]
    );
}

#[test]
fn an_order_for_the_close_fills_at_the_last_price_of_the_session() {
    let mut exchange = Exchange::decides("time_in_force: cls", "15:00");
    exchange
        .still("15:01", 102.0)
        .bar("20:59", [105.0, 108.0, 104.0, 107.0])
        .still("21:00", 110.0);
    assert_eq!(exchange.told(), ["#1 accepted", "#1 filled 1 @ 107.00"]);
}

#[test]
fn a_bar_of_a_day_is_a_session_whatever_the_hour_that_dates_it() {
    for (order, expected) in [
        ("type: market", "#1 filled 1 @ 103.00"),
        ("type: limit, price: close - 2", "#1 filled 1 @ 99.00"),
        ("time_in_force: opg", "#1 filled 1 @ 103.00"),
        ("time_in_force: cls", "#1 filled 1 @ 98.00"),
    ] {
        let mut config = shares(order, "1d");
        config.base_timeframe = Timeframe::DAY;
        let mut exchange = Exchange(Bench::with(config));
        exchange.bar("2024-01-02T00:00", [100.0, 102.0, 99.0, 101.0]);
        exchange.0.forget();
        exchange.bar("2024-01-03T00:00", [103.0, 104.0, 97.0, 98.0]);
        assert_eq!(exchange.told(), ["#1 accepted", expected], "{order}");
    }
}
