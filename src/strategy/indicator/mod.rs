//! Indicators: small state machines, one step a bar, that never look back over more than they keep.
//!
//! They are sorted by shape (what goes in, what comes out), so that a program stores them in plain enums and calls
//! them without dynamic dispatch. Undefined is NaN. An indicator is not stepped on a bar on which its input is
//! undefined; its n values are the last n defined ones.

pub(crate) mod average;
pub(crate) mod catalogue;
mod momentum;
mod oscillator;
mod ranking;
mod rows;
mod statistics;
mod trend;
mod volatility;
mod volume;
mod volume_profile;
mod window;
mod zero;

use crate::market::{Bar, BarSlice};
use serde::{Deserialize, Serialize};
pub(crate) use window::Window;

/// An enum of indicators that are stepped alike.
macro_rules! shape {
    ($(#[$doc:meta])* $name:ident($input:ty; $rows:ty, $each:ident) -> $output:ty {
        $($variant:ident($state:ty)),+ $(,)?
    }) => {
        $(#[$doc])*
        // Operations box the whole enum, so one size for all costs nothing.
        #[allow(clippy::large_enum_variant)]
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub(crate) enum $name {
            $($variant($state),)+
        }

        impl $name {
            #[inline]
            pub(crate) fn next(&mut self, input: $input) -> $output {
                match self {
                    $(Self::$variant(state) => state.next(input),)+
                }
            }

            /// Steps over many rows: on each whose input is defined what [`Self::next`] does, and undefined on the others.
            pub(crate) fn next_rows(&mut self, rows: $rows, write: impl FnMut(usize, $output)) {
                match self {
                    $(Self::$variant(state) => rows::$each(rows, |input| state.next(input), write),)+
                }
            }
        }

        $(impl From<$state> for $name {
            fn from(state: $state) -> Self {
                Self::$variant(state)
            }
        })+
    };
}

shape! {
    /// One series to one number.
    Single(f64; &[f64], each_number) -> f64 {
        Sma(average::Sma),
        Ema(average::Ema),
        Wma(average::Wma),
        Dema(average::Dema),
        Tema(average::Tema),
        Trima(average::Trima),
        Kama(average::Kama),
        T3(average::T3),
        Rsi(momentum::Rsi),
        Cmo(momentum::Cmo),
        Change(momentum::Change),
        Trix(momentum::Trix),
        PriceOscillator(momentum::PriceOscillator),
        Extreme(window::Extreme),
        Sum(window::RollingSum),
        Midpoint(statistics::Midpoint),
        Variance(statistics::Variance),
        StdDev(statistics::StdDev),
        ZScore(statistics::ZScore),
        PercentRank(statistics::PercentRank),
        LinearRegression(statistics::LinearRegression),
    }
}

shape! {
    /// Two series to one number.
    Pair((f64, f64); rows::Two<'_>, each_pair) -> f64 {
        Correlation(statistics::Correlation),
        Beta(statistics::Beta),
    }
}

shape! {
    /// Bars to one number.
    Price(&Bar; BarSlice<'_>, each_bar) -> f64 {
        TrueRange(volatility::TrueRange),
        Atr(volatility::Atr),
        Natr(volatility::Natr),
        MidPrice(volatility::MidPrice),
        DirectionalIndicator(trend::DirectionalIndicator),
        Dx(trend::Dx),
        Adx(trend::Adx),
        Adxr(trend::Adxr),
        Sar(trend::Sar),
        Willr(oscillator::Willr),
        Cci(oscillator::Cci),
        Mfi(oscillator::Mfi),
        AroonOscillator(oscillator::AroonOscillator),
        UltimateOscillator(oscillator::UltimateOscillator),
        Obv(volume::Obv),
        Ad(volume::Ad),
        AdOscillator(volume::AdOscillator),
        Vwap(volume::Vwap),
    }
}

shape! {
    /// One series to three numbers.
    SingleTriple(f64; &[f64], each_number) -> [f64; 3] {
        Macd(momentum::Macd),
        Bbands(volatility::Bbands),
    }
}

shape! {
    /// One series to two numbers.
    SinglePair(f64; &[f64], each_number) -> [f64; 2] {
        StochRsi(momentum::StochRsi),
    }
}

shape! {
    /// Bars to two numbers.
    PricePair(&Bar; BarSlice<'_>, each_bar) -> [f64; 2] {
        Stoch(oscillator::Stoch),
        Aroon(oscillator::Aroon),
        Supertrend(trend::Supertrend),
    }
}

shape! {
    /// Bars to three numbers.
    PriceTriple(&Bar; BarSlice<'_>, each_bar) -> [f64; 3] {
        Donchian(volatility::Donchian),
        Keltner(volatility::Keltner),
        VolumeProfile(volume_profile::VolumeProfile),
    }
}

/// (high + low + close) / 3.
pub(crate) fn typical_price(bar: &Bar) -> f64 {
    oscillator::typical(bar)
}

/// (close − open) / (high − low); 0 for a bar without range.
pub(crate) fn balance_of_power(bar: &Bar) -> f64 {
    volume::balance_of_power(bar)
}
