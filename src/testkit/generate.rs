//! Generators of markets.

use crate::engine::{Command, Input};
use crate::market::{Bar, Bars, MarketEvent, Quote, TradeTick};
use crate::model::{Side, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

/// Bars from steps in ticks of 0.01: each step is open, high, low and close against the last close.
#[must_use]
pub fn bars_of(steps: &[(i32, u32, u32, i32)]) -> Bars {
    let mut close: i64 = 100_000;
    steps
        .iter()
        .enumerate()
        .map(|(index, (gap, up, down, step))| {
            let open = (close + i64::from(*gap)).max(100);
            close = (open + i64::from(*step)).max(100);
            let (high, low) = (
                open.max(close) + i64::from(*up),
                (open.min(close) - i64::from(*down)).max(1),
            );
            let price = |ticks: i64| ticks as f64 / 100.0;
            Bar {
                open_time: Timestamp::from_secs(index as i64 * 60),
                open: price(open),
                high: price(high),
                low: price(low),
                close: price(close),
                volume: 1.0,
            }
        })
        .collect()
}

/// Between `range` bars that wander about 1,000 with gaps and wicks.
pub fn arbitrary_bars(range: std::ops::Range<usize>) -> impl Strategy<Value = Bars> {
    vec((-300..300_i32, 0..800_u32, 0..800_u32, -900..900_i32), range).prop_map(|steps| bars_of(&steps))
}

/// Inputs of a session: bars, or quotes with trades and a clock, with commands strewn in. About every eighth minute is
/// missing, and about every third clock.
pub fn arbitrary_market(range: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Input>> {
    (
        any::<bool>(),
        arbitrary_bars(range),
        vec((0..1_000_usize, command()), 0..6),
    )
        .prop_map(|(ticks, bars, mut commands)| {
            commands.sort_by_key(|(place, _)| *place);
            let start = bars.open_time.first().copied().unwrap_or_default();
            let mut inputs = vec![Input::Command(start, Command::Start)];
            // Commands are given at the time of the last data, which is all the time a session knows.
            let mut now = start;
            for (index, bar) in bars.iter().enumerate() {
                if (bar.open * 100.0).round() as i64 % 8 == 0 {
                    continue;
                }
                let share = index * 1_000 / bars.len().max(1);
                while let Some(position) = commands.iter().position(|(place, _)| *place <= share) {
                    inputs.push(Input::Command(now, commands.remove(position).1));
                }
                if ticks {
                    inputs.extend(ticks_of(&bar).into_iter().map(Input::market));
                } else {
                    inputs.push(Input::market(MarketEvent::Bar(bar)));
                }
                let seconds = if ticks { 30 } else { 60 };
                now = bar.open_time.plus_nanos(seconds * 1_000_000_000);
            }
            inputs
        })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        3 => Just(Command::Pause),
        3 => Just(Command::Resume),
        3 => Just(Command::Flatten),
        1 => Just(Command::Stop),
    ]
}

/// Quotes and trades along a bar's path, then the clock at its end.
fn ticks_of(bar: &Bar) -> Vec<MarketEvent> {
    let prices = [bar.open, bar.high, bar.low, bar.close];
    let mut events = Vec::with_capacity(9);
    for (step, price) in prices.into_iter().enumerate() {
        let time = bar.open_time.plus_nanos(step as i64 * 10_000_000_000);
        let size = 0.5 + step as f64;
        let quote = Quote {
            time,
            bid: price,
            bid_size: size,
            ask: price + 0.02,
            ask_size: size,
        };
        events.push(MarketEvent::Quote(quote));
        let trade = TradeTick {
            time,
            price,
            size: 0.25,
            aggressor: Side::Sell,
        };
        events.push(MarketEvent::Trade(trade));
    }
    if (bar.close * 100.0).round() as i64 % 3 != 0 {
        events.push(MarketEvent::Clock(bar.open_time.plus_nanos(60_000_000_000)));
    }
    events
}
