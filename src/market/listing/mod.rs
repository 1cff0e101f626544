//! Well-known symbols: their steps, and what their simulated markets look like; what follows from a symbol's class.

mod class;
mod future;
mod option;
mod unknown_future;

pub(super) use class::{Class, Hours, perpetual_index};
pub use option::{listed_option, listed_options, option_expiry};
pub use unknown_future::{FutureTerms, UnknownFuture};

use future::Contract;

use crate::model::{Instrument, Symbol};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What is known of a symbol before any data: the venue's steps, and rough figures of a usual day for the simulated
/// market. Steps are one part in a whole number (`100` is 0.01, `4` is 0.25), so that a price is a whole number of
/// ticks divided by `ticks_per_unit`: the `f64` nearest to the decimal, with no error carried along.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Listing {
    /// Ticks in one unit of price.
    pub(super) ticks_per_unit: u32,
    /// Lots in one unit of quantity.
    pub(super) lots_per_unit: u32,
    /// Smallest order value, quote currency.
    pub(super) minimum_notional: u32,
    /// What one unit of price on one unit of quantity is worth.
    pub(super) multiplier: u32,
    /// The price around which the simulated market moves over the years.
    pub(super) price: f64,
    /// Annualised standard deviation of its log returns.
    pub(super) volatility: f64,
    /// Units traded in a usual minute.
    pub(super) minute_volume: f64,
    /// The usual spread as a share of the price (never under one tick).
    pub(super) spread: f64,
}

/// A row of the table: symbol (or root of a future), ticks per unit, lots per unit, minimum notional, multiplier, price,
/// volatility, minute volume, spread.
type Row = (&'static str, u32, u32, u32, u32, f64, f64, f64, f64);

/// Steps of pairs follow Binance spot where it lists them and the usual FX conventions otherwise.
#[rustfmt::skip]
const SPOT: [Row; 17] = [
    ("BTC/USDT",      100,     100_000, 5, 1, 95_000.0, 0.55,       20.0, 0.000_01),
    ("BTC/USD",       100, 100_000_000, 1, 1, 95_000.0, 0.55,        8.0, 0.000_01),
    ("ETH/USDT",      100,      10_000, 5, 1,  3_500.0, 0.65,      300.0, 0.000_02),
    ("ETH/USD",       100, 100_000_000, 1, 1,  3_500.0, 0.65,      120.0, 0.000_02),
    ("BNB/USDT",      100,       1_000, 5, 1,    650.0, 0.60,       80.0, 0.000_03),
    ("SOL/USDT",      100,       1_000, 5, 1,    200.0, 0.75,    3_000.0, 0.000_05),
    ("XRP/USDT",   10_000,          10, 5, 1,      2.3, 0.75,  300_000.0, 0.000_05),
    ("ADA/USDT",   10_000,          10, 5, 1,      0.9, 0.75,  150_000.0, 0.000_1),
    ("DOGE/USDT", 100_000,           1, 1, 1,      0.3, 0.75, 1_000_000.0, 0.000_05),
    ("EUR/USD",   100_000,           1, 1, 1,      1.1, 0.08, 500_000.0, 0.000_05),
    ("GBP/USD",   100_000,           1, 1, 1,      1.3, 0.09, 300_000.0, 0.000_07),
    ("USD/JPY",     1_000,           1, 1, 1,    150.0, 0.10, 400_000.0, 0.000_05),
    ("AAPL",          100,           1, 0, 1,    230.0, 0.28,  40_000.0, 0.000_05),
    ("MSFT",          100,           1, 0, 1,    430.0, 0.25,  20_000.0, 0.000_05),
    ("NVDA",          100,           1, 0, 1,    140.0, 0.50, 150_000.0, 0.000_07),
    ("TSLA",          100,           1, 0, 1,    350.0, 0.60,  60_000.0, 0.000_1),
    ("SPY",           100,           1, 0, 1,    590.0, 0.16,  50_000.0, 0.000_02),
];

/// Perpetuals of the simulated market, in the steps of Binance's USDⓈ-M futures; their price follows what they are on.
#[rustfmt::skip]
const PERPETUALS: [Row; 3] = [
    ("BTC/USDT-PERP",  10, 1_000, 100, 1, 95_000.0, 0.55,    120.0, 0.000_001),
    ("ETH/USDT-PERP", 100, 1_000,  20, 1,  3_500.0, 0.65,  2_000.0, 0.000_003),
    ("SOL/USDT-PERP", 100,   100,   5, 1,    200.0, 0.75, 15_000.0, 0.000_05),
];

/// CME futures, by root; the symbol adds month letter and year, such as `ESZ3`. Steps and multipliers are those of CME's contract
/// specifications; bonds and notes are quoted in decimals of a point, not in 32nds.
#[rustfmt::skip]
const FUTURES: [Row; 22] = [
    ("ES",   4, 1, 0,    50,  6_000.0, 0.16, 1_200.0, 0.000_04),
    ("MES",  4, 1, 0,     5,  6_000.0, 0.16, 1_000.0, 0.000_04),
    ("NQ",   4, 1, 0,    20, 21_000.0, 0.22,   500.0, 0.000_02),
    ("MNQ",  4, 1, 0,     2, 21_000.0, 0.22, 1_000.0, 0.000_02),
    ("YM",   1, 1, 0,     5, 42_000.0, 0.15,   200.0, 0.000_03),
    ("RTY", 10, 1, 0,    50,  2_200.0, 0.22,   200.0, 0.000_05),
    ("M2K", 10, 1, 0,     5,  2_200.0, 0.22,   100.0, 0.000_05),
    ("CL", 100, 1, 0, 1_000,     70.0, 0.35,   250.0, 0.000_15),
    ("MCL", 100, 1, 0,  100,     70.0, 0.35,   100.0, 0.000_15),
    ("NG", 1_000, 1, 0, 10_000,   3.0, 0.60,   150.0, 0.000_4),
    ("HO", 10_000, 1, 0, 42_000,  2.3, 0.35,    50.0, 0.000_2),
    ("RB", 10_000, 1, 0, 42_000,  2.1, 0.35,    50.0, 0.000_2),
    ("GC",  10, 1, 0,   100,  2_700.0, 0.16,   150.0, 0.000_04),
    ("SI", 200, 1, 0, 5_000,     31.0, 0.28,    60.0, 0.000_2),
    ("HG", 2_000, 1, 0, 25_000,   4.2, 0.22,    60.0, 0.000_15),
    ("ZN",  64, 1, 0, 1_000,    110.0, 0.06, 1_500.0, 0.000_15),
    ("ZB",  32, 1, 0, 1_000,    118.0, 0.11,   400.0, 0.000_3),
    ("ZF", 128, 1, 0, 1_000,    107.0, 0.04, 1_000.0, 0.000_08),
    ("ZT", 256, 1, 0, 2_000,    103.0, 0.02,   600.0, 0.000_04),
    ("6E", 20_000, 1, 0, 125_000, 1.1, 0.08,   200.0, 0.000_05),
    ("6J", 2_000_000, 1, 0, 12_500_000, 0.0066, 0.10, 150.0, 0.000_08),
    ("6B", 10_000, 1, 0, 62_500,  1.3, 0.09,   100.0, 0.000_08),
];

impl Listing {
    /// The listing of a well-known symbol.
    pub(super) fn find(symbol: &Symbol) -> Option<Self> {
        let name = symbol.as_str();
        SPOT.iter()
            .find(|row| row.0 == name)
            .or_else(|| {
                let contract = Contract::parse(name)?;
                FUTURES.iter().find(|row| row.0 == contract.root())
            })
            .map(Self::from_row)
    }

    /// The listing of a symbol, made up when it is not known: pairs trade in parts of a unit, shares in whole ones, perpetuals as
    /// what they are on.
    pub(super) fn of(symbol: &Symbol) -> Self {
        let name = symbol.as_str();
        let perpetual = PERPETUALS.iter().find(|row| row.0 == name);
        perpetual
            .map(Self::from_row)
            .or_else(|| Self::find(symbol))
            .or_else(|| Self::find(&perpetual_index(symbol)?))
            .unwrap_or_else(|| {
                let pair = is_pair(symbol);
                Self::from_row(&(
                    "",
                    100,
                    if pair { 100_000 } else { 1 },
                    if pair { 5 } else { 0 },
                    1,
                    100.0,
                    if pair { 0.60 } else { 0.30 },
                    10_000.0,
                    0.000_1,
                ))
            })
    }

    const fn from_row(row: &Row) -> Self {
        Self {
            ticks_per_unit: row.1,
            lots_per_unit: row.2,
            minimum_notional: row.3,
            multiplier: row.4,
            price: row.5,
            volatility: row.6,
            minute_volume: row.7,
            spread: row.8,
        }
    }

    /// The price step, quote currency.
    pub(super) fn tick(&self) -> Decimal {
        Decimal::ONE / Decimal::from(self.ticks_per_unit)
    }

    /// The quantity step, in units.
    pub(super) fn lot(&self) -> Decimal {
        Decimal::ONE / Decimal::from(self.lots_per_unit)
    }

    /// The instrument with the listing's steps, as the simulated market trades it: at every hour and without end.
    pub(super) fn simulated(&self, symbol: &Symbol) -> Instrument {
        let steps = instrument(
            symbol,
            self.tick(),
            self.lot(),
            self.minimum_notional,
            self.multiplier,
        );
        Class::of(symbol).complete(steps, Hours::Never)
    }
}

/// An instrument of steps that are known to be positive.
pub(super) fn instrument(
    symbol: &Symbol,
    tick: Decimal,
    lot: Decimal,
    minimum: u32,
    multiplier: u32,
) -> Instrument {
    Instrument::new(
        symbol.clone(),
        tick,
        lot,
        Decimal::from(minimum),
        Decimal::from(multiplier),
    )
    .unwrap_or_else(|error| unreachable!("steps and multipliers of listings are positive: {error}"))
}

/// Whether the symbol names two currencies.
pub(super) fn is_pair(symbol: &Symbol) -> bool {
    symbol.as_str().contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(symbol: &str) -> [String; 4] {
        let symbol: Symbol = symbol.parse().expect("a symbol");
        let instrument = Listing::of(&symbol).simulated(&symbol);
        [
            instrument.tick(),
            instrument.lot(),
            instrument.minimum_notional(),
            instrument.multiplier(),
        ]
        .map(|number| number.to_string())
    }

    #[test]
    fn symbols_have_their_venue_s_steps() {
        assert_eq!(steps("BTC/USDT"), ["0.01", "0.00001", "5", "1"]);
        assert_eq!(steps("DOGE/USDT"), ["0.00001", "1", "1", "1"]);
        assert_eq!(steps("AAPL"), ["0.01", "1", "0", "1"]);
        assert_eq!(steps("ESZ3"), ["0.25", "1", "0", "50"]);
        assert_eq!(steps("MNQH25"), ["0.25", "1", "0", "2"]);
        assert_eq!(steps("RTYZ5"), ["0.1", "1", "0", "50"]);
        assert_eq!(steps("YMZ5"), ["1", "1", "0", "5"]);
        assert_eq!(steps("MCLF6"), ["0.01", "1", "0", "100"]);
        assert_eq!(steps("SIZ5"), ["0.005", "1", "0", "5000"]);
        assert_eq!(steps("ZNZ5"), ["0.015625", "1", "0", "1000"]);
        assert_eq!(steps("ZTZ5"), ["0.00390625", "1", "0", "2000"]);
        assert_eq!(steps("6EZ5"), ["0.00005", "1", "0", "125000"]);
        assert_eq!(steps("6JZ5"), ["0.0000005", "1", "0", "12500000"]);
        assert_eq!(steps("FOO/USDT"), ["0.01", "0.00001", "5", "1"]);
        assert_eq!(steps("FOO"), ["0.01", "1", "0", "1"]);
    }

    /// Each contract has an end and a margin beside its steps.
    #[test]
    fn the_futures_that_have_steps_are_those_that_end() {
        for (root, ..) in FUTURES {
            let symbol: Symbol = format!("{root}Z25").parse().expect("a symbol");
            let contract = Contract::parse(symbol.as_str()).expect("a contract");
            assert_eq!(contract.root(), root);
            assert!(
                contract.expiry(crate::model::Timestamp::EPOCH).is_some(),
                "{root}"
            );
            assert!(matches!(Class::of(&symbol), Class::Future(_)), "{root}");
        }
    }

    #[test]
    fn a_share_whose_ticker_begins_like_a_future_is_a_share() {
        for name in ["ES", "ESZ", "ESA3", "ESZ123", "CLX", "GCO", "NQX"] {
            assert_eq!(Listing::find(&name.parse().expect("a symbol")), None, "{name}");
        }
    }
}
