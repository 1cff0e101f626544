//! The simulated market of a perpetual: it follows the simulated spot market of what it is on, pays funding and has a mark price,
//! as Binance's USDⓈ-M perpetuals do.
//!
//! | what | is | source |
//! |---|---|---|
//! | index | the middle of the simulated spot market of the same seed and start (`BTC/USDT` of `BTC/USDT-PERP`) | |
//! | price | index × (1 + premium); the premium reverts to 0 with a memory of two days and one of a quarter of an hour | |
//! | premium index | (max(0, bid − index) − max(0, index − ask)) ÷ index, at the end of each minute | *Introduction to Binance Futures Funding Rates* |
//! | funding rate | P + clamp(0.01 % − P, −0.05 %, 0.05 %); P the mean of the premium index since the last funding, the *n*th of its figures counting *n* times | the same |
//! | when | 00:00, 08:00 and 16:00 UTC | the same |
//! | mark price | the median of index × (1 + last rate × time to the next funding ÷ 8 h), index + mean of (middle − index) over 30 s, last price | Binance's notice of a change of the mark price of 2025-09-18 |
//!
//! Where Binance asks what a large order would get (impact bid and ask), the best prices stand: the simulated market shows no
//! others. Its caps on the rate are left out, which these premiums never come near.

use super::{MarketEvent, Minute, SimulatedMarket, SimulatedMarketConfig, TRADE_CHANCE, include};
use crate::market::listing::perpetual_index;
use crate::market::random::Random;
use crate::market::{Bar, MarketAction};
use crate::model::{Price, Timeframe, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Time from one funding to the next.
const INTERVAL: Timeframe = Timeframe::EIGHT_HOURS;
/// Interest rate of an interval: 0.03 % a day.
const INTEREST: f64 = 0.000_1;
/// How far the rate is from the average premium at most.
const DAMPER: f64 = 0.000_5;
/// Digits of a rate after the point, as venues tell it.
const RATE_DIGITS: u32 = 8;
/// Time over which the basis is averaged for the mark price.
const BASIS_NANOS: i64 = 30_000_000_000;

/// Memory and standard deviation of the slow part of the premium.
const SLOW: (f64, f64) = (2_880.0, 0.000_35);
/// Memory and standard deviation of its fast part.
const FAST: (f64, f64) = (15.0, 0.000_1);

/// What a perpetual has beside its own quotes and trades.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Perpetual {
    /// The spot market whose price is the index.
    index: SimulatedMarket,
    /// The middle of the index now.
    middle: f64,
    random: Random,
    slow: f64,
    fast: f64,
    /// The sum of the interval's premiums, each times its place.
    premiums: f64,
    /// How many there were.
    count: u32,
    /// (middle − index) of the last half minute.
    basis: VecDeque<(Timestamp, f64)>,
    last_trade: f64,
    /// The last rate that was told.
    rate: f64,
}

impl Perpetual {
    /// Of a configuration whose symbol names a perpetual: what its market is made from beside it.
    pub(super) fn of(config: &SimulatedMarketConfig) -> Option<Self> {
        let symbol = perpetual_index(&config.symbol)?;
        let mut random = Random::new(!config.seed ^ super::name_hash(config.symbol.as_str()));
        let index = SimulatedMarket::new(SimulatedMarketConfig {
            symbol,
            ..config.clone()
        });
        Some(Self {
            index,
            middle: 0.0,
            slow: SLOW.1 * random.normal(),
            fast: FAST.1 * random.normal(),
            random,
            premiums: 0.0,
            count: 0,
            basis: VecDeque::new(),
            last_trade: 0.0,
            rate: INTEREST,
        })
    }

    fn begin_minute(&mut self) {
        let Self { random, .. } = self;
        self.slow = super::price::revert(self.slow, SLOW.0, SLOW.1, random);
        self.fast = super::price::revert(self.fast, FAST.0, FAST.1, random);
    }

    /// What the perpetual is worth by the index and the premium.
    fn price(&self) -> f64 {
        self.middle * (1.0 + self.slow + self.fast)
    }

    /// Takes the middle of the perpetual's own quote in, and gives the mark price.
    fn mark(&mut self, time: Timestamp, own_middle: f64) -> f64 {
        self.basis.push_back((time, own_middle - self.middle));
        while let Some((first, _)) = self.basis.front()
            && time.since(*first) > BASIS_NANOS
        {
            self.basis.pop_front();
        }
        let sum: f64 = self.basis.iter().map(|(_, basis)| basis).sum();
        let by_basis = self.middle + sum / self.basis.len() as f64;
        let left = INTERVAL.close_of(INTERVAL.floor(time)).since(time) as f64 / INTERVAL.nanos() as f64;
        let by_funding = self.middle * (1.0 + self.rate * left);
        let mut prices = [by_funding, by_basis, self.last_trade];
        prices.sort_by(f64::total_cmp);
        prices[1]
    }

    /// Takes the premium index of a minute's end in.
    fn end_minute(&mut self, bid: f64, ask: f64) {
        let premium = ((bid - self.middle).max(0.0) - (self.middle - ask).max(0.0)) / self.middle;
        self.count += 1;
        self.premiums += f64::from(self.count) * premium;
    }

    /// The rate of the interval that ends; the next one begins.
    fn settle(&mut self) -> Decimal {
        let weights = f64::from(self.count) * f64::from(self.count + 1) / 2.0;
        let average = self.premiums / weights.max(1.0);
        (self.premiums, self.count) = (0.0, 0);
        let rate = average + (INTEREST - average).clamp(-DAMPER, DAMPER);
        let units = (rate * f64::from(10_u32.pow(RATE_DIGITS))).round();
        self.rate = units / f64::from(10_u32.pow(RATE_DIGITS));
        Decimal::new(units as i64, RATE_DIGITS)
    }
}

impl SimulatedMarket {
    /// Makes the events of the next minute of a perpetual. Each quote of the index brings a quote and a mark price, some of
    /// them a trade before; a funding comes before the clock that says it is time.
    pub(super) fn make_perpetual_minute(
        &mut self,
        perpetual: &mut Perpetual,
        emit: &mut impl FnMut(MarketEvent),
    ) -> Bar {
        let open_time = self.next_minute;
        let close_time = Timeframe::MINUTE.close_of(open_time);
        self.next_minute = close_time;
        let mut middles = Vec::new();
        let (_, minute) = perpetual.index.walk_minute(&mut |event| {
            if let MarketEvent::Quote(quote) = event {
                middles.push((quote.time, 0.5 * (quote.bid + quote.ask)));
            }
        });
        perpetual.begin_minute();

        let intensity = minute.activity.sqrt();
        let last = middles.len() - 1;
        let mut bar: Option<Bar> = None;
        for (place, (time, middle)) in middles.into_iter().enumerate() {
            let before = perpetual.price();
            perpetual.middle = middle;
            let is_first_ever = self.book == super::Touch::default();
            let last_chance = bar.is_none() && place == last;
            if !is_first_ever && (self.random.chance(TRADE_CHANCE) || last_chance) {
                let trade = self.trade(time, perpetual.price() > before, intensity);
                include(&mut bar, open_time, &trade);
                perpetual.last_trade = trade.price;
                emit(MarketEvent::Trade(trade));
            }
            self.quote_perpetual(perpetual, time, &minute, emit);
        }
        let (bid, ask) = (self.price_of(self.book.bid), self.price_of(self.book.ask));
        perpetual.end_minute(bid, ask);
        if INTERVAL.floor(close_time) == close_time {
            let mark = perpetual.mark(close_time, 0.5 * (bid + ask));
            let mark = Some(self.mark_of(mark));
            let rate = perpetual.settle();
            emit(MarketEvent::Action(
                close_time,
                MarketAction::Funding { rate, mark },
            ));
        }
        emit(MarketEvent::Clock(close_time));
        bar.unwrap_or_else(|| unreachable!("the last quote of a minute without trades brings one"))
    }

    fn quote_perpetual(
        &mut self,
        perpetual: &mut Perpetual,
        time: Timestamp,
        minute: &Minute,
        emit: &mut impl FnMut(MarketEvent),
    ) {
        self.requote_at(perpetual.price(), minute);
        let quote = self.quote(time);
        let middle = 0.5 * (quote.bid + quote.ask);
        if perpetual.last_trade == 0.0 {
            perpetual.last_trade = middle;
        }
        let mark = self.mark_of(perpetual.mark(time, middle));
        emit(MarketEvent::Quote(quote));
        emit(MarketEvent::Action(time, MarketAction::MarkPrice(mark)));
    }

    /// A mark price, in whole ticks.
    fn mark_of(&self, price: f64) -> Price {
        let ticks = (price * f64::from(self.listing.ticks_per_unit)).round().max(1.0);
        Price(Decimal::from(ticks as u64) / Decimal::from(self.listing.ticks_per_unit))
    }
}
