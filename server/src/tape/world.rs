//! The simulated markets of an installation: one world, the same for every backtest and session.

use papertape::market::{Bar, Bars, DatedAction, SimulatedMarket, SimulatedMarketConfig};
use papertape::model::{Symbol, Timeframe, Timestamp};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

/// The symbols on offer. Any other would do, but a typing mistake should not become a market.
pub const SIMULATED_SYMBOLS: [&str; 20] = [
    "BTC/USDT",
    "BTC/USD",
    "ETH/USDT",
    "ETH/USD",
    "BNB/USDT",
    "SOL/USDT",
    "XRP/USDT",
    "ADA/USDT",
    "DOGE/USDT",
    "EUR/USD",
    "GBP/USD",
    "USD/JPY",
    "AAPL",
    "MSFT",
    "NVDA",
    "TSLA",
    "SPY",
    "BTC/USDT-PERP",
    "ETH/USDT-PERP",
    "SOL/USDT-PERP",
];

/// Minutes between two copies of the generator: a session starts at most so many minutes from one.
const CHECKPOINT_MINUTES: usize = 1_440;
/// Minutes of the backtests' part of the world, which ends where its live part begins.
const HISTORY_MINUTES: usize = 90 * 1_440;

/// All simulated markets.
#[derive(Debug)]
pub struct Worlds {
    seed: u64,
    origin: Timestamp,
    made: Mutex<BTreeMap<Symbol, Arc<World>>>,
}

impl Worlds {
    /// The worlds of `seed` that begin at `origin`.
    #[must_use]
    pub const fn new(seed: u64, origin: Timestamp) -> Self {
        Self {
            seed,
            origin,
            made: Mutex::new(BTreeMap::new()),
        }
    }

    /// The world's beginning for an installation that is first started at `now`: its live part begins at that day's
    /// UTC midnight, after 90 days of history.
    #[must_use]
    pub const fn origin_at(now: Timestamp) -> Timestamp {
        Timeframe::DAY
            .floor(now)
            .plus_nanos(-(HISTORY_MINUTES as i64) * Timeframe::MINUTE.nanos())
    }

    /// The market of a symbol.
    #[must_use]
    pub fn config(&self, symbol: &Symbol) -> SimulatedMarketConfig {
        SimulatedMarketConfig {
            symbol: symbol.clone(),
            seed: self.seed,
            start: self.origin,
        }
    }

    /// Where the backtests' part ends and the live part begins.
    #[must_use]
    pub const fn live_from(&self) -> Timestamp {
        self.origin
            .plus_nanos(HISTORY_MINUTES as i64 * Timeframe::MINUTE.nanos())
    }

    /// Open time of the first bar.
    #[must_use]
    pub const fn origin(&self) -> Timestamp {
        self.origin
    }

    /// A market, made when it is first asked for (some tenths of a second of work).
    #[must_use]
    pub fn world(&self, config: &SimulatedMarketConfig) -> Arc<World> {
        if config.seed != self.seed || config.start != self.origin {
            // A session of an installation whose settings were changed by hand: its world is its own.
            return Arc::new(World::new(config.clone()));
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            made.entry(config.symbol.clone())
                .or_insert_with(|| Arc::new(World::new(config.clone()))),
        )
    }

    /// The bars of the backtests' part, and the fundings in it.
    #[must_use]
    pub fn history(&self, symbol: &Symbol) -> (Bars, Vec<DatedAction>) {
        let world = self.world(&self.config(symbol));
        let (bars, _) = world.cut(self.origin, self.live_from());
        (bars.into_iter().collect(), world.fundings_until(self.live_from()))
    }
}

/// One simulated market from its beginning to as far as anybody has asked.
#[derive(Debug)]
pub struct World {
    origin: Timestamp,
    made: Mutex<Made>,
}

#[derive(Debug)]
struct Made {
    bars: Bars,
    /// What a perpetual paid in their time.
    fundings: Vec<DatedAction>,
    /// The generator at minute 0, 1440, 2880, …
    checkpoints: Vec<SimulatedMarket>,
    /// The generator after the last of `bars`.
    frontier: SimulatedMarket,
}

impl World {
    fn new(config: SimulatedMarketConfig) -> Self {
        let origin = Timeframe::MINUTE.floor(config.start);
        let market = SimulatedMarket::new(config);
        let mut made = Made {
            bars: Bars::with_capacity(HISTORY_MINUTES + CHECKPOINT_MINUTES),
            fundings: Vec::new(),
            checkpoints: vec![market.clone()],
            frontier: market,
        };
        made.advance(HISTORY_MINUTES);
        Self {
            origin,
            made: Mutex::new(made),
        }
    }

    /// The bars that open from `from` on and before `to`, and the market as it stands at `to`.
    pub(super) fn cut(&self, from: Timestamp, to: Timestamp) -> (VecDeque<Bar>, SimulatedMarket) {
        let (from, to) = (self.minute(from), self.minute(to));
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.advance(to);
        let bars = (from..to).filter_map(|minute| made.bars.get(minute)).collect();
        let checkpoint = to / CHECKPOINT_MINUTES;
        let mut market = made.checkpoints[checkpoint].clone();
        drop(made);
        for _ in checkpoint * CHECKPOINT_MINUTES..to {
            market.next_bar();
        }
        (bars, market)
    }

    /// The fundings up to `time`, of what was made already.
    fn fundings_until(&self, time: Timestamp) -> Vec<DatedAction> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let end = made.fundings.partition_point(|funding| funding.time <= time);
        made.fundings[..end].to_vec()
    }

    /// Minutes from the beginning to `time`.
    fn minute(&self, time: Timestamp) -> usize {
        usize::try_from(time.since(self.origin) / Timeframe::MINUTE.nanos()).unwrap_or(0)
    }
}

impl Made {
    /// Makes bars until there are `minutes` of them.
    fn advance(&mut self, minutes: usize) {
        while self.bars.len() < minutes {
            self.bars.push(self.frontier.next_bar_with(&mut self.fundings));
            if self.bars.len().is_multiple_of(CHECKPOINT_MINUTES) {
                self.checkpoints.push(self.frontier.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worlds() -> Worlds {
        let now = Timestamp::parse("2025-03-04T05:06:07Z").expect("a time");
        Worlds::new(42, Worlds::origin_at(now))
    }

    #[test]
    fn the_live_part_begins_at_midnight_of_the_first_day_after_ninety_days_of_history() {
        let worlds = worlds();
        assert_eq!(worlds.live_from().to_string(), "2025-03-04T00:00:00Z");
        let symbol: Symbol = "BTC/USDT".parse().expect("a symbol");
        let (history, fundings) = worlds.history(&symbol);
        assert_eq!(history.len(), 129_600);
        assert_eq!(history.open_time[0], worlds.origin());
        assert!(fundings.is_empty());
    }

    #[test]
    fn a_session_that_starts_later_goes_on_where_the_bars_end() {
        let worlds = worlds();
        let symbol: Symbol = "BTC/USDT".parse().expect("a symbol");
        let world = worlds.world(&worlds.config(&symbol));
        let start = worlds.live_from().plus_nanos(777 * Timeframe::MINUTE.nanos());
        let (bars, market) = world.cut(start.plus_nanos(-Timeframe::HOUR.nanos()), start);
        assert_eq!(bars.len(), 60);
        // The same market, minute by minute from its beginning.
        let mut whole = SimulatedMarket::new(worlds.config(&symbol));
        let mut last = None;
        for _ in 0..HISTORY_MINUTES + 777 {
            last = Some(whole.next_bar());
        }
        assert_eq!(bars.back().copied(), last);
        assert_eq!(market, whole);
    }

    #[test]
    fn every_symbol_on_offer_is_one() {
        for symbol in SIMULATED_SYMBOLS {
            assert!(symbol.parse::<Symbol>().is_ok(), "{symbol}");
        }
    }
}
