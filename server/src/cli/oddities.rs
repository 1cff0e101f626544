//! What is odd about data that is imported, and may be right all the same: it is counted and told, and nothing is refused.

use papertape::market::{Bars, MarketEvent};
use papertape::model::Timestamp;
use papertape_tape::Tick;
use serde::Serialize;

/// A price so many times, or such a part of, the one before is a jump.
const JUMP: f64 = 10.0;

/// How often something was met, and when first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Seen {
    pub(super) count: u64,
    /// By the data's own time.
    pub(super) first: Option<Timestamp>,
}

impl Seen {
    fn note(&mut self, time: Timestamp) {
        self.count += 1;
        self.first.get_or_insert(time);
    }

    /// "2 quotes are crossed, the first at …"; nothing where there is none.
    fn describe(&self, one: &str, many: &str) -> Option<String> {
        let first = self.first?;
        Some(match self.count {
            1 => format!("1 {one}, at {first}"),
            count => format!("{count} {many}, the first at {first}"),
        })
    }
}

/// What is odd about data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Oddities {
    /// Bars or ticks that go to ten times the price before or more, or to a tenth or less.
    pub(super) jumps: Seen,
    /// Quotes whose bid is above their ask.
    pub(super) crossed_quotes: Seen,
    /// Bars or ticks of a time that has not come yet.
    pub(super) in_the_future: Seen,
    /// Trades that are missing by their numbers.
    pub(super) missing_trades: u64,
}

impl Oddities {
    /// Of bars, as the clock shows `now`.
    pub(super) fn of_bars(bars: &Bars, now: Timestamp, missing_trades: u64) -> Self {
        let mut found = Self {
            missing_trades,
            ..Self::default()
        };
        if let Some(jumps) = bars.jumps() {
            found.jumps = Seen {
                count: jumps.count,
                first: Some(jumps.first),
            };
        }
        for time in bars.open_time.iter().filter(|time| **time > now) {
            found.in_the_future.note(*time);
        }
        found
    }

    /// Of ticks in order of time, as the clock shows `now`. Trades are compared with trades, quotes with quotes.
    pub(super) fn of_ticks(ticks: &[Tick], now: Timestamp) -> Self {
        let mut found = Self::default();
        let (mut traded, mut quoted) = (None, None);
        for tick in ticks {
            let time = tick.event.time();
            if time > now {
                found.in_the_future.note(time);
            }
            let (before, price) = match &tick.event {
                MarketEvent::Trade(trade) => (&mut traded, trade.price),
                MarketEvent::Quote(quote) => {
                    if quote.bid > quote.ask {
                        found.crossed_quotes.note(time);
                    }
                    (&mut quoted, quote.mid())
                }
                _ => continue,
            };
            let is_jump = |before: f64| price >= before * JUMP || price * JUMP <= before;
            if before.replace(price).is_some_and(is_jump) {
                found.jumps.note(time);
            }
        }
        found
    }

    /// All of it as the end of a sentence, each with a comma before it; `what` there is of it, "bar".
    pub(super) fn describe(&self, what: &str) -> String {
        let far = "to ten times the price before or more, or to a tenth or less";
        let missing = match self.missing_trades {
            0 => None,
            1 => Some("1 trade is missing by its number".to_owned()),
            count => Some(format!("{count} trades are missing by their numbers")),
        };
        let all = [
            missing,
            self.jumps
                .describe(&format!("{what} goes {far}"), &format!("{what}s go {far}")),
            self.crossed_quotes.describe(
                "quote is crossed (its bid above its ask)",
                "quotes are crossed (their bid above their ask)",
            ),
            self.in_the_future.describe(
                &format!("{what} is of the future"),
                &format!("{what}s are of the future"),
            ),
        ];
        all.into_iter().flatten().map(|odd| format!(", {odd}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::market::{Bar, Quote, TradeTick};
    use papertape::model::Side;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn tick(event: MarketEvent) -> Tick {
        Tick {
            received: event.time(),
            source: None,
            event,
        }
    }

    fn trade(secs: i64, price: f64) -> Tick {
        tick(MarketEvent::Trade(TradeTick {
            time: at(secs),
            price,
            size: 1.0,
            aggressor: Side::Buy,
        }))
    }

    fn quote(secs: i64, bid: f64, ask: f64) -> Tick {
        tick(MarketEvent::Quote(Quote {
            time: at(secs),
            bid,
            bid_size: 1.0,
            ask,
            ask_size: 1.0,
        }))
    }

    #[test]
    fn jumps_crossed_quotes_and_times_to_come_are_counted_with_their_first() {
        let ticks = [
            trade(1, 100.0),
            quote(2, 99.0, 101.0),
            trade(3, 1_000.0),
            // Locked is no harm; and a quote is compared with quotes.
            quote(4, 100.0, 100.0),
            trade(5, 99.0),
            quote(6, 101.0, 100.0),
            quote(7, 102.0, 100.0),
            trade(90, 99.0),
        ];
        let found = Oddities::of_ticks(&ticks, at(50));
        let seen = |count, secs| Seen {
            count,
            first: Some(at(secs)),
        };
        assert_eq!(
            found,
            Oddities {
                jumps: seen(2, 3),
                crossed_quotes: seen(2, 6),
                in_the_future: seen(1, 90),
                missing_trades: 0,
            }
        );
        assert_eq!(
            found.describe("tick"),
            ", 2 ticks go to ten times the price before or more, or to a tenth or less, the first at 1970-01-01T00:00:03Z, \
             2 quotes are crossed (their bid above their ask), the first at 1970-01-01T00:00:06Z, 1 tick is of the future, at \
             1970-01-01T00:01:30Z"
        );
        assert_eq!(Oddities::of_ticks(&ticks[..2], at(50)), Oddities::default());
        assert_eq!(Oddities::default().describe("tick"), "");
    }

    #[test]
    fn bars_of_the_future_and_missing_trades_are_told() {
        let bar = |secs| Bar {
            open_time: at(secs),
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 1.0,
        };
        let bars: Bars = [0, 60, 120].into_iter().map(bar).collect();
        assert_eq!(Oddities::of_bars(&bars, at(120), 0), Oddities::default());
        let found = Oddities::of_bars(&bars, at(59), 3);
        assert_eq!(
            found.describe("bar"),
            ", 3 trades are missing by their numbers, 2 bars are of the future, the first at 1970-01-01T00:01:00Z"
        );
    }
}
