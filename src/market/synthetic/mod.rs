//! The simulated market: an endless, seeded stream of quotes and trades for one symbol.
//!
//! It is there so that everything can be tried without a venue, and so that tests have a market which never changes:
//! the same symbol, seed and start give the same events for ever, on every machine. It has what makes real markets
//! hard (clusters of volatility, jumps, a spread that widens in a storm, hours of silence and of noise) and regimes
//! in which either trend followers or mean reverters earn, but it knows nothing of the world: profits made on it mean
//! nothing. It never closes, not even for shares, and its futures never end. A perpetual follows the simulated spot market of
//! what it is on, has a mark price and pays funding (see `perpetual.rs`).

mod perpetual;
mod price;

use super::listing::Listing;
use super::random::Random;
use super::{Bar, Bars, DatedAction, MarketAction, MarketEvent, Quote, TradeTick, volume};
use crate::model::{Instrument, Side, Symbol, Timeframe, Timestamp};
use perpetual::Perpetual;
use price::{Minute, PriceProcess};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Which events a symbol, seed and start stand for. Rises with every change that alters them; what is recorded with an
/// older version can no longer be made again from its seed.
pub const SIMULATED_MARKET_VERSION: u32 = 1;

/// Steps (price moves) in a usual minute.
const STEPS: f64 = 15.0;
/// The fewest and the most steps a minute can have.
const STEP_LIMITS: (f64, f64) = (5.0, 45.0);
/// Probability that a step begins with a trade.
const TRADE_CHANCE: f64 = 0.55;
/// Probability that a trade is on the side to which the price moves next: flow leads price, which is what makes a
/// resting order fill just before it goes wrong.
const INFORMED_CHANCE: f64 = 0.7;
/// Probability that a trade happens inside the spread, where there is room.
const INSIDE_CHANCE: f64 = 0.08;
/// Quantity shown at a price, in usual trades.
const DEPTH: f64 = 4.0;
/// Share of the volume that trades ask for which they get: none takes more than is shown. Measured over 90 days.
const FILLED_SHARE: f64 = 0.57;
/// Milliseconds in a minute.
const MINUTE_MILLIS: u64 = 60_000;

/// What a simulated market is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedMarketConfig {
    /// The symbol; a well-known one looks like its real market (price, volatility, volume, steps).
    pub symbol: Symbol,
    /// Any number. Another seed is another history; so is the same seed with another symbol.
    pub seed: u64,
    /// When the market begins; rounded down to a whole minute.
    pub start: Timestamp,
}

/// An endless market that does not exist: an iterator of [`MarketEvent`] for one symbol.
///
/// The first event is a quote at the start; every minute has at least one trade and ends with a
/// [`MarketEvent::Clock`] at its end. Times are whole milliseconds and never go back. Bid is below ask; trades
/// happen at the bid, at the ask or between; prices are whole ticks and sizes whole lots of
/// [`SimulatedMarket::instrument`]. Serialised and read back in mid-run, it goes on with the same events.
///
/// ```
/// use papertape::market::{MarketEvent, SimulatedMarket, SimulatedMarketConfig};
/// use papertape::model::Timestamp;
///
/// let config = SimulatedMarketConfig {
///     symbol: "BTC/USDT".parse()?,
///     seed: 42,
///     start: Timestamp::parse("2025-01-01")?,
/// };
/// let trades = SimulatedMarket::new(config).take(100).filter(|event| matches!(event, MarketEvent::Trade(_)));
/// assert!(trades.count() > 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimulatedMarket {
    config: SimulatedMarketConfig,
    listing: Listing,
    random: Random,
    price: PriceProcess,
    book: Touch,
    /// Open time of the next minute to make.
    next_minute: Timestamp,
    emitted: u64,
    /// What is left of the minute under way.
    pending: VecDeque<MarketEvent>,
    /// The whole bar of the minute under way.
    bar: Option<Bar>,
    /// What a perpetual has besides.
    perpetual: Option<Box<Perpetual>>,
}

/// The best prices, in ticks, and the quantities there, in lots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Touch {
    bid: u64,
    bid_lots: u64,
    ask: u64,
    ask_lots: u64,
}

impl SimulatedMarket {
    /// The market of a configuration, at its start.
    #[must_use]
    pub fn new(config: SimulatedMarketConfig) -> Self {
        let listing = Listing::of(&config.symbol);
        let mut random = Random::new(config.seed ^ name_hash(config.symbol.as_str()));
        let price = PriceProcess::new(listing.volatility, &mut random);
        let start = Timeframe::MINUTE.floor(config.start);
        let perpetual = Perpetual::of(&config).map(Box::new);
        Self {
            config: SimulatedMarketConfig { start, ..config },
            listing,
            random,
            price,
            book: Touch::default(),
            next_minute: start,
            emitted: 0,
            pending: VecDeque::new(),
            bar: None,
            perpetual,
        }
    }

    /// The instrument that the simulated market of a symbol trades: the steps of a well-known symbol; for others a
    /// tick of 0.01, and lots of 0.00001 with orders of 5 or more for pairs, whole units for symbols without a slash.
    /// Kind and margin are those of its class (see [`infer_instrument`](super::infer_instrument)), but it trades at every
    /// hour, shares too, and its futures never end.
    #[must_use]
    pub fn instrument(symbol: &Symbol) -> Instrument {
        Listing::of(symbol).simulated(symbol)
    }

    /// What the market was made from.
    #[must_use]
    pub const fn config(&self) -> &SimulatedMarketConfig {
        &self.config
    }

    /// How many events there have been: the number, counted from 0, of the event that comes next.
    #[must_use]
    pub const fn emitted(&self) -> u64 {
        self.emitted
    }

    /// Lets a minute pass and gives the bar of its trades, without making its events one by one; they count as
    /// emitted. A minute that the iterator has begun is finished, and its bar is that of the whole minute.
    pub fn next_bar(&mut self) -> Bar {
        self.next_bar_with(&mut Vec::new())
    }

    /// The same, and adds the fundings that fall due in the minute or at its end to `fundings`. Mark prices are left out: a bar
    /// has none.
    pub fn next_bar_with(&mut self, fundings: &mut Vec<DatedAction>) -> Bar {
        let mut keep = |event: MarketEvent| {
            if let MarketEvent::Action(time, action @ MarketAction::Funding { .. }) = event {
                fundings.push(DatedAction { time, action });
            }
        };
        if let Some(bar) = self.bar.take() {
            self.emitted += self.pending.len() as u64;
            self.pending.drain(..).for_each(keep);
            return bar;
        }
        let mut events = 0;
        let bar = self.make_minute(&mut |event| {
            events += 1;
            keep(event);
        });
        self.emitted += events;
        bar
    }

    /// The one-minute bars of the first `count` minutes of a market.
    #[must_use]
    pub fn bars(config: SimulatedMarketConfig, count: usize) -> Bars {
        let mut market = Self::new(config);
        let mut bars = Bars::with_capacity(count);
        for _ in 0..count {
            bars.push(market.next_bar());
        }
        bars
    }

    /// Makes the events of the next minute, in order of time, and the bar of its trades.
    fn make_minute(&mut self, emit: &mut impl FnMut(MarketEvent)) -> Bar {
        let Some(mut perpetual) = self.perpetual.take() else {
            return self.walk_minute(emit).0;
        };
        let bar = self.make_perpetual_minute(&mut perpetual, emit);
        self.perpetual = Some(perpetual);
        bar
    }

    /// Makes the events of the next minute of a market whose price is its own; says how the minute was, too.
    fn walk_minute(&mut self, emit: &mut impl FnMut(MarketEvent)) -> (Bar, Minute) {
        let open_time = self.next_minute;
        let close_time = Timeframe::MINUTE.close_of(open_time);
        self.next_minute = close_time;
        let minute_of_day = open_time.secs().rem_euclid(86_400) / 60;
        let minute = self.price.begin_minute(minute_of_day as u32, &mut self.random);
        if open_time == self.config.start {
            self.requote(&minute);
            emit(MarketEvent::Quote(self.quote(open_time)));
        }

        let intensity = minute.activity.sqrt();
        let steps = (STEPS * intensity).clamp(STEP_LIMITS.0, STEP_LIMITS.1) as u64;
        let step_drift = minute.drift / steps as f64;
        let step_deviation = minute.deviation / (steps as f64).sqrt();
        let jump_step = self.random.below(steps);
        let mut bar: Option<Bar> = None;
        for step in 0..steps {
            // Each step has its slice of the minute and happens somewhere in it: sorted times without sorting.
            let slice = MINUTE_MILLIS / steps;
            let millis = step * MINUTE_MILLIS / steps + self.random.below(slice);
            let time = open_time.plus_nanos(millis as i64 * 1_000_000);
            let jump = minute.jump.filter(|_| step == jump_step).unwrap_or(0.0);
            let log_return = step_drift + step_deviation * self.random.normal() + jump;
            let last_chance = bar.is_none() && step + 1 == steps;
            if self.random.chance(TRADE_CHANCE) || last_chance {
                let trade = self.trade(time, log_return > 0.0, intensity);
                include(&mut bar, open_time, &trade);
                emit(MarketEvent::Trade(trade));
            }
            self.price.advance(log_return);
            self.requote(&minute);
            emit(MarketEvent::Quote(self.quote(time)));
        }
        emit(MarketEvent::Clock(close_time));
        let bar = bar.unwrap_or_else(|| unreachable!("the last step of a minute without trades trades"));
        (bar, minute)
    }

    /// A trade against the standing quote, before the price goes up or down.
    fn trade(&mut self, time: Timestamp, up_next: bool, intensity: f64) -> TradeTick {
        let informed = self.random.chance(INFORMED_CHANCE);
        let aggressor = if up_next == informed {
            Side::Buy
        } else {
            Side::Sell
        };
        let (touch, shown) = match aggressor {
            Side::Buy => (self.book.ask, self.book.ask_lots),
            Side::Sell => (self.book.bid, self.book.bid_lots),
        };
        let room = self.book.ask - self.book.bid - 1;
        let inside = room > 0 && self.random.chance(INSIDE_CHANCE);
        let ticks = if inside {
            self.book.bid + 1 + self.random.below(room)
        } else {
            touch
        };
        let lots = self.lots(intensity).min(shown);
        TradeTick {
            time,
            price: self.price_of(ticks),
            size: self.size_of(lots),
            aggressor,
        }
    }

    /// Moves the quote to the price as it is now.
    fn requote(&mut self, minute: &Minute) {
        self.requote_at(self.listing.price * libm::exp(self.price.level()), minute);
    }

    /// Moves the quote to a price.
    fn requote_at(&mut self, price: f64, minute: &Minute) {
        let intensity = minute.activity.sqrt();
        let ticks = price * f64::from(self.listing.ticks_per_unit);
        // Makers ask for more when the price may run away from them, and never for less than a tick.
        let spread = self.listing.spread * ticks * minute.storm * (0.6 + 0.8 * self.random.unit());
        let spread = spread.round().max(1.0);
        let bid = (ticks - 0.5 * spread).round().max(1.0);
        self.book = Touch {
            bid: bid as u64,
            bid_lots: self.lots(DEPTH * intensity),
            ask: (bid + spread) as u64,
            ask_lots: self.lots(DEPTH * intensity),
        };
    }

    /// A random quantity in lots, `scale` usual trades on average: most are small, a few twenty times as large.
    fn lots(&mut self, scale: f64) -> u64 {
        // The mean of u / (1.05 − u) over the unit interval is 1.05 ln 21 − 1.
        const MEAN: f64 = 2.196_748_6;
        let unit = self.random.unit();
        let usual = self.listing.minute_volume / (STEPS * TRADE_CHANCE * FILLED_SHARE);
        let units = usual * scale * unit / ((1.05 - unit) * MEAN);
        (units * f64::from(self.listing.lots_per_unit)).round().max(1.0) as u64
    }

    fn quote(&self, time: Timestamp) -> Quote {
        Quote {
            time,
            bid: self.price_of(self.book.bid),
            bid_size: self.size_of(self.book.bid_lots),
            ask: self.price_of(self.book.ask),
            ask_size: self.size_of(self.book.ask_lots),
        }
    }

    fn price_of(&self, ticks: u64) -> f64 {
        ticks as f64 / f64::from(self.listing.ticks_per_unit)
    }

    fn size_of(&self, lots: u64) -> f64 {
        lots as f64 / f64::from(self.listing.lots_per_unit)
    }
}

impl Iterator for SimulatedMarket {
    type Item = MarketEvent;

    /// Never `None`.
    fn next(&mut self) -> Option<MarketEvent> {
        if self.pending.is_empty() {
            let mut events = std::mem::take(&mut self.pending);
            self.bar = Some(self.make_minute(&mut |event| events.push_back(event)));
            self.pending = events;
        }
        let event = self.pending.pop_front();
        if self.pending.is_empty() {
            self.bar = None;
        }
        self.emitted += 1;
        event
    }
}

/// Adds a trade to the bar of its minute, as [`super::BarAggregator`] does.
fn include(bar: &mut Option<Bar>, open_time: Timestamp, trade: &TradeTick) {
    match bar {
        Some(bar) => {
            bar.high = bar.high.max(trade.price);
            bar.low = bar.low.min(trade.price);
            bar.close = trade.price;
            bar.volume = volume::sum(bar.volume, trade.size);
        }
        None => {
            *bar = Some(Bar {
                open_time,
                open: trade.price,
                high: trade.price,
                low: trade.price,
                close: trade.price,
                volume: trade.size,
            });
        }
    }
}

/// FNV-1a of a name, 64 bits: sets the markets of two symbols with one seed apart.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
