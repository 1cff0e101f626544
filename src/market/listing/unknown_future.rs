//! Codes that read like a future's and are none that is known: they must not trade as if they were coins.

use super::class::Class;
use crate::market::{Bars, CalendarId};
use crate::model::{Instrument, InstrumentError, InstrumentKind, MarginRule, Symbol, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Letters of the delivery months, January to December.
const MONTHS: &[u8] = b"FGHJKMNQUVXZ";

/// A symbol reads like a future's contract, and nothing is known of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: {symbol} reads like a contract of the future {root}, whose tick, multiplier, margins and last day are not known here: give \
     them with --future '{{\"tick\": …, \"multiplier\": …, \"expiry\": \"…\", \"initial_margin\": …, \"maintenance_margin\": …}}'",
    Self::CODE
)]
pub struct UnknownFuture {
    /// The symbol.
    pub symbol: Symbol,
    /// The letters before month and year.
    pub root: String,
}

impl UnknownFuture {
    /// The reason's code.
    pub const CODE: &str = "unknown_future";

    /// Whether a symbol is one: a root of one to three letters and digits, a month's letter, one or two digits of the year, and no
    /// contract or other thing that is known. Bars of a Saturday afternoon (UTC), when no future trades, say that it is not:
    /// a coin can be called `GMX5`.
    #[must_use]
    pub fn of(symbol: &Symbol, bars: &Bars) -> Option<Self> {
        let name = symbol.as_str();
        let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let years = name.len() - stem.len();
        let (root, month) = stem.split_at_checked(stem.len().checked_sub(1)?)?;
        let is_root = (1..=3).contains(&root.len())
            && root.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && root.bytes().any(|byte| byte.is_ascii_uppercase());
        let is_code = is_root && MONTHS.contains(&month.as_bytes()[0]) && (1..=2).contains(&years);
        let is_unknown = Class::of(symbol) == Class::Spot;
        let never_closes = || {
            bars.open_time
                .iter()
                .copied()
                .any(crate::market::bar_file::is_saturday_afternoon)
        };
        (is_code && is_unknown && !never_closes()).then(|| Self {
            symbol: symbol.clone(),
            root: root.to_owned(),
        })
    }
}

/// What has to be known of a future's contract that has no listing: `--future` of `papertape import` and `backtest`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FutureTerms {
    /// The price step.
    #[serde(with = "crate::model::decimal")]
    pub tick: Decimal,
    /// What one point of price on one contract is worth.
    #[serde(with = "crate::model::decimal")]
    pub multiplier: Decimal,
    /// When trading in it ends.
    pub expiry: Timestamp,
    /// What one contract must be covered by to be opened.
    #[serde(with = "crate::model::decimal")]
    pub initial_margin: Decimal,
    /// And to be kept.
    #[serde(with = "crate::model::decimal")]
    pub maintenance_margin: Decimal,
    /// Whose hours it keeps.
    #[serde(default = "globex")]
    pub calendar: CalendarId,
}

const fn globex() -> CalendarId {
    CalendarId::CmeGlobex
}

impl FutureTerms {
    /// The contract, traded whole.
    ///
    /// # Errors
    /// [`InstrumentError`] names the number that is none.
    pub fn instrument(&self, symbol: &Symbol) -> Result<Instrument, InstrumentError> {
        let margin = MarginRule::PerContract {
            initial: self.initial_margin,
            maintenance: self.maintenance_margin,
        };
        let steps = Instrument::new(
            symbol.clone(),
            self.tick,
            Decimal::ONE,
            Decimal::ZERO,
            self.multiplier,
        )?;
        steps
            .with_kind(InstrumentKind::Future { expiry: self.expiry })
            .with_calendar(self.calendar)
            .with_margin(margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Bar;

    fn unknown(name: &str, bars: &Bars) -> Option<String> {
        let symbol = name.parse().expect("a symbol");
        UnknownFuture::of(&symbol, bars).map(|unknown| unknown.root)
    }

    #[test]
    fn codes_of_futures_that_nobody_listed_are_known_by_their_form() {
        let bars = Bars::default();
        for (name, root) in [
            ("LEZ5", "LE"),
            ("HEJ26", "HE"),
            ("ZCH6", "ZC"),
            ("MYMZ5", "MYM"),
            ("6AU5", "6A"),
            ("BTCZ25", "BTC"),
            ("CZ5", "C"),
        ] {
            assert_eq!(unknown(name, &bars).as_deref(), Some(root), "{name}");
        }
        for name in [
            // Contracts that are known, and an option.
            "ESZ3",
            "MESZ23",
            "6EZ5",
            "AAPL261218C00150000",
            // Shares, with class and without; abroad they are numbers with a dot.
            "AAPL",
            "F",
            "BRK.B",
            "ES",
            "ESZ",
            "GOOGL",
            "0700.HK",
            "AZN.L",
            // Coins, with digits too, and pairs.
            "API3",
            "C98",
            "1INCH",
            "C98/USDT",
            "API3/USDT",
            "BTC/USDT",
            "BTCUSDT",
            "C98USDT",
            "API3USDT",
            "1000SATSUSDT",
            "SPX6900",
            "X1",
            "BTC/USDT-PERP",
            "BTCUSDPERP",
            "EUR/USD",
            "EURUSD",
            // No month, no year, too long a year or root.
            "ESA3",
            "ESZ123",
            "ESZ2025",
            "ABCDZ5",
            "123Z5",
        ] {
            assert_eq!(unknown(name, &bars), None, "{name}");
        }
    }

    #[test]
    fn what_trades_on_saturdays_is_no_future() {
        let bar = |time: &str| Bar {
            open_time: Timestamp::parse(time).expect("a time"),
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 1.0,
        };
        let week: Bars = [bar("2025-01-03T12:00:00Z")].into_iter().collect();
        assert!(unknown("GMX5", &week).is_some());
        let weekend: Bars = [bar("2025-01-03T12:00:00Z"), bar("2025-01-04T15:00:00Z")]
            .into_iter()
            .collect();
        assert_eq!(unknown("GMX5", &weekend), None);
    }
}
