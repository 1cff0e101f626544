//! Many bars at once are the same as one after the other: every event with its number, the hash, the books, what each
//! strategy remembers, bit for bit.

use papertape::engine::{Command, EventKind, FillPreset, Mark, SessionState, Sink};
use papertape::engine::{Engine, EngineConfig, Event, ExecutionConfig, Input};
use papertape::exchange::LatencyModel;
use papertape::market::{Bar, Bars, CalendarId, MarketEvent, SimulatedMarket, SimulatedMarketConfig};
use papertape::model::Timestamp;
use papertape::testkit::{arbitrary_bars, config, decimal};
use proptest::prelude::*;
use proptest::sample::select;

/// Conditions that hold seldom and often, that read the market alone and the position, too.
const CONDITIONS: [&str; 14] = [
    "false",
    "cross_above(sma(close, 3), sma(close, 8))",
    "cross_below(sma(close, 3), sma(close, 8))",
    "close > highest(high, 12)[1]",
    "close < lowest(low, 12)[1]",
    "rsi(close, 4) < 20",
    "close > open + 7",
    "close > open",
    "cross_above(close, sma(close, 2) @ 30m)",
    "bars_in_trade > 6",
    "unrealized_return < -0.01",
    "position_size == 0 and falling(close, 3)",
    "bars_since(close > open + 8) == 4",
    // Remembers the position, so that it can be known at its own bar only.
    "bars_since(position_size == 0) > 5",
];
const ORDERS: [&str; 5] = [
    "{type: market}",
    "{type: limit, price: close - 1}",
    "{type: limit, price: close, expire_after: 4}",
    "{type: stop, stop_price: close + 2, time_in_force: day}",
    "{type: trailing_stop, trail: 2%}",
];
const RISKS: [&str; 13] = [
    "{size: {method: fixed_quantity, value: 2}}",
    "{size: {method: percent_of_equity, value: 95}, stop_loss: 8}",
    "{size: {method: percent_of_equity, value: 50}, take_profit: 2%, trailing_stop: 12, cooldown: 5}",
    "{size: {method: percent_of_equity, value: 90}, stop_loss: 2 * atr(4), max_drawdown: 6%}",
    "{size: {method: fixed_notional, value: 5000}, max_daily_loss: 1%, cooldown: 30}",
    "{size: {method: percent_of_equity, value: 90}, max_drawdown: 3%, max_daily_loss: 1%}",
    "{size: {method: fixed_quantity, value: 9}, max_drawdown: 90%}",
    "{size: {method: risk_percent, value: 1}, stop_loss: 1%}",
    "{size: {method: fixed_quantity, value: 1}, stop_loss: 'bars_in_trade + 5'}",
    "{size: {method: fixed_quantity, value: 2}, take_profit: [{at: 1%, close: 50%}, {at: 3, close: 25%}, {at: 6}], stop_loss: 2%}",
    "{size: {method: fixed_quantity, value: 2}, flatten_before_close: 20m, max_entries: 3}",
    "{size: {method: volatility_target, value: 20%, lookback: 4}}",
    "{size: {method: percent_of_equity, value: 30}, flatten_before_close: 3h, stop_loss: 1%, max_drawdown: 90%}",
];
/// Markets that never close, and such whose sessions end.
const CALENDARS: [CalendarId; 3] = [CalendarId::Always, CalendarId::UsEquities, CalendarId::CmeGlobex];
/// What entries bring beside their conditions: one at a time, several, and such as add to what is held.
const ADDITIONS: [&str; 5] = [
    "",
    "",
    ", max_entries: 3",
    ", add: {after_gain: 2, max: 2}",
    ", add: {long: close < open, short: close > open, max: 3, size: {method: fixed_quantity, value: 1}}",
];
/// What closes parts of a position before the exit that closes all of it.
const PARTS: [&str; 4] = ["", "", "close: 50%", "close: 1, max_exits: 3"];

/// A strategy, what its orders meet, and a market with gaps.
fn case() -> impl Strategy<Value = (EngineConfig, Bars)> {
    let condition = || select(&CONDITIONS[..]);
    let rules = (condition(), condition(), condition(), condition());
    let trade = (select(&ORDERS[..]), select(&ORDERS[..]), select(&RISKS[..]));
    let scaling = (select(&ADDITIONS[..]), select(&PARTS[..]), condition());
    let setting = (
        select(&["1m", "3m", "15m"][..]),
        0..4_usize,
        0..2_u32,
        select(&CALENDARS[..]),
    );
    let bars = (arbitrary_bars(2..400), 2..40_usize, 1..2_000_i64);
    (rules, trade, scaling, setting, bars).prop_map(|(rules, trade, scaling, setting, market)| {
        let ((long, short, exit_long, exit_short), (entry, exit, risk)) = (rules, trade);
        let ((timeframe, execution, credit, calendar), (bars, missing, minutes)) = (setting, market);
        let (addition, part, when) = scaling;
        let part = match part {
            "" => String::new(),
            part => format!("{{name: part, long: '{when}', short: '{when}', {part}}}, "),
        };
        let yaml = format!(
            "name: random\nsymbols: [BTC/USDT]\ntimeframe: {timeframe}\n\
             entry: {{long: '{long}', short: '{short}'{addition}}}\n\
             exit: [{part}{{name: whole, long: '{exit_long}', short: '{exit_short}'}}]\n\
             orders: {{entry: {entry}, exit: {exit}}}\nrisk: {risk}\n"
        );
        let mut config = config(&yaml);
        config.instrument = config.instrument.with_calendar(calendar);
        config.execution = ExecutionConfig::percent(decimal("0.0002"), decimal("0.00075"), decimal("1.5"));
        match execution {
            1 => config.execution = FillPreset::Pessimistic.apply(&config.execution),
            2 => {
                config.execution.latency = LatencyModel::Fixed {
                    entry: 45_000_000_000,
                    response: 45_000_000_000,
                }
            }
            _ => {}
        }
        if credit == 1 {
            config.account.credit_rate = decimal("0.05");
        }
        // A Thursday with the exchanges open, two weeks before Easter, and daylight saving between.
        let morning = Timestamp::parse("2024-03-07T18:00:00Z").unwrap_or_default();
        let shift = morning.since(bars.open_time.first().copied().unwrap_or_default());
        // Nights, and single bars that are not there.
        let kept = bars.iter().enumerate().filter(|(index, _)| index % missing != 1);
        let bars = kept.map(|(index, bar)| Bar {
            open_time: bar
                .open_time
                .plus_nanos(shift + (index / 90) as i64 * minutes * 60_000_000_000),
            ..bar
        });
        (config, bars.collect())
    })
}

fn started(config: &EngineConfig, bars: &Bars, events: &mut Vec<Event>) -> Engine {
    let mut engine = Engine::new(config.clone());
    let first = bars.open_time.first().copied().unwrap_or_default();
    engine.process(&Input::Command(first, Command::Start), events);
    engine
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn many_bars_at_once_are_the_same_as_one_after_the_other((config, bars) in case(), part in 1..500_usize) {
        let (mut one_by_one, mut at_once) = (Vec::new(), Vec::new());
        let mut slow = started(&config, &bars, &mut one_by_one);
        let mut fast = started(&config, &bars, &mut at_once);
        for from in (0..bars.len()).step_by(part) {
            let some = bars.slice(from..bars.len().min(from + part));
            for bar in some.iter() {
                slow.process(&Input::market(MarketEvent::Bar(bar)), &mut one_by_one);
            }
            fast.process_bars(some, &mut at_once);
            prop_assert_eq!(fast.snapshot(), slow.snapshot());
        }
        prop_assert_eq!(fast.event_hash(), slow.event_hash());
        prop_assert_eq!(at_once, one_by_one);
    }
}

#[test]
fn bars_before_the_start_are_not_taken_in() {
    let config = config("name: x\nsymbols: [BTC/USDT]\nentry: {long: close > open}\n");
    let bars = papertape::testkit::bars_of(&[(0, 1, 1, 1); 20]);
    let (mut slow, mut fast) = (Engine::new(config.clone()), Engine::new(config));
    let mut events = Vec::new();
    fast.process_bars(bars.slice(0..20), &mut events);
    for bar in bars.iter() {
        slow.process(&Input::market(MarketEvent::Bar(bar)), &mut events);
    }
    assert!(events.is_empty());
    assert_eq!(fast.snapshot(), slow.snapshot());
}

/// Counts marks that are told one by one, and such as are told together.
#[derive(Default)]
struct Told {
    alone: usize,
    together: usize,
}

impl Sink for Told {
    const READS_MARKET: bool = false;

    fn journal(&mut self, _event: Event) {}

    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}

    fn mark(&mut self, _mark: Mark) {
        self.alone += 1;
    }

    fn marks(&mut self, _times: impl Iterator<Item = Timestamp>, _prices: &[f64], equity: &[f64]) {
        self.together += equity.len();
    }
}

#[test]
fn a_limit_that_ended_trading_does_not_make_every_later_bar_a_special_one() {
    let yaml = "name: halted\nsymbols: [BTC/USDT]\ntimeframe: 5m\n\
                entry: {long: 'cross_above(sma(close, 3), sma(close, 8))'}\n\
                exit: {long: 'cross_below(sma(close, 3), sma(close, 8))'}\n\
                risk: {size: {method: percent_of_equity, value: 95}, max_drawdown: 2%, max_daily_loss: 8%}\n";
    let start = Timestamp::parse("2024-01-01").expect("a time");
    let market = SimulatedMarketConfig {
        symbol: "BTC/USDT".parse().expect("a symbol"),
        seed: 7,
        start,
    };
    let bars = SimulatedMarket::bars(market, 20 * 1_440);
    let (mut engine, mut told) = (Engine::new(config(yaml)), Told::default());
    engine.process_into(&Input::Command(start, Command::Start), &mut told);
    engine.process_bars(bars.slice(0..bars.len()), &mut told);
    assert_eq!(engine.state(), SessionState::Halted);
    assert_eq!(told.alone + told.together, bars.len());
    // The crosses are still looked at.
    assert!(
        told.together > bars.len() / 10 * 9,
        "{} of {}",
        told.together,
        bars.len()
    );
}
