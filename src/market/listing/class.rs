//! What kind of thing a symbol names, and what follows from that: kind, hours, margin, limits.

use super::future::Contract;
use super::option;
use crate::market::CalendarId;
use crate::model::{Instrument, InstrumentKind, MarginRule, OptionName, OrderLimits, Symbol, Timestamp};
use rust_decimal::Decimal;

/// What kind of thing a symbol names, as far as its letters say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::market) enum Class {
    /// A pair of coins, and whatever else has no form of its own: `BTC/USDT`, `BTCUSDT`.
    Spot,
    /// `BTC/USDT-PERP`, `BTCUSDPERP`.
    Perpetual,
    /// Two official currencies: `EUR/USD`, `EURUSD`.
    Forex,
    /// One to five letters, perhaps with a class of shares: `AAPL`, `BRK.B`.
    Share,
    /// Root, month and year: `ESZ3`.
    Future(Contract),
    /// Shares, day, right and strike: `AAPL261218C00150000`.
    Option(OptionName),
}

/// Whose hours an instrument keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::market) enum Hours {
    /// Its exchange's; of codes that come again every ten years, the contract that trades at this time.
    Exchange {
        /// When its data begins.
        as_of: Timestamp,
    },
    /// None, and contracts never end: the simulated market's.
    Never,
}

/// The official currencies that brokers quote most. A pair of others is spot, and says so by its slash.
const CURRENCIES: [&str; 20] = [
    "USD", "EUR", "JPY", "GBP", "CNH", "AUD", "CAD", "CHF", "HKD", "SGD", "SEK", "NOK", "NZD", "MXN", "ZAR",
    "TRY", "PLN", "DKK", "HUF", "CZK",
];

/// Coins' pairs: Binance's `MAX_NUM_ORDERS` of spot symbols. Its largest order value is left out on purpose: an account
/// that has outgrown it splits its orders, and a backtest that has could never close its position.
const MOST_OPEN_ORDERS: u32 = 200;

impl Class {
    pub(in crate::market) fn of(symbol: &Symbol) -> Self {
        let name = symbol.as_str();
        if let Some(contract) = Contract::parse(name) {
            Self::Future(contract)
        } else if let Some(option) = OptionName::of(symbol) {
            Self::Option(option)
        } else if perpetual_stem(name).is_some() {
            Self::Perpetual
        } else if is_currencies(name) {
            Self::Forex
        } else if is_ticker(name) {
            Self::Share
        } else {
            Self::Spot
        }
    }

    /// The calendar of its market. Energy and metals keep the hours of index futures but on some holidays, on which they
    /// close later.
    pub(in crate::market) const fn calendar(&self) -> CalendarId {
        match self {
            Self::Spot | Self::Perpetual => CalendarId::Always,
            Self::Forex => CalendarId::Forex,
            Self::Share | Self::Option(_) => CalendarId::UsEquities,
            Self::Future(_) => CalendarId::CmeGlobex,
        }
    }

    fn kind(&self, hours: Hours) -> InstrumentKind {
        match self {
            Self::Spot => InstrumentKind::Spot,
            Self::Perpetual => InstrumentKind::Perpetual,
            Self::Forex => InstrumentKind::Forex,
            Self::Share => InstrumentKind::Equity,
            Self::Option(name) => {
                let underlying = name.root().parse().ok();
                let terms = underlying.and_then(|underlying| option::terms(name, underlying));
                // A year in which shares do not trade for a week is not known to the calendar.
                terms.map_or(InstrumentKind::Spot, InstrumentKind::Option)
            }
            Self::Future(contract) => {
                let ends = match hours {
                    Hours::Exchange { as_of } => contract.expiry(as_of),
                    Hours::Never => None,
                };
                InstrumentKind::Future {
                    expiry: ends.unwrap_or(Timestamp::from_nanos(i64::MAX)),
                }
            }
        }
    }

    /// By what a position is covered.
    ///
    /// Currencies: 3.33 %, closed out at half of it, which is thirty times leverage: ESMA's decision (EU) 2018/796 for
    /// major pairs. Perpetuals: 5 % and 2.5 %, what Binance's `exchangeInfo` of USDⓈ-M futures says of every symbol
    /// (`requiredMarginPercent`, `maintMarginPercent`). Shares and coins are paid in full, as in a cash
    /// account.
    fn margin(&self) -> MarginRule {
        let rate = |initial, maintenance| MarginRule::Rate { initial, maintenance };
        match self {
            Self::Spot | Self::Share => MarginRule::Full,
            Self::Option(_) => option::SOLD,
            Self::Forex => rate(Decimal::new(333, 4), Decimal::new(1_665, 5)),
            Self::Perpetual => rate(Decimal::new(5, 2), Decimal::new(25, 3)),
            Self::Future(contract) => contract.margin(),
        }
    }

    fn limits(&self) -> OrderLimits {
        OrderLimits {
            maximum_open_orders: matches!(self, Self::Spot | Self::Perpetual).then_some(MOST_OPEN_ORDERS),
            ..OrderLimits::default()
        }
    }

    /// The instrument with what follows from its class.
    pub(in crate::market) fn complete(&self, instrument: Instrument, hours: Hours) -> Instrument {
        let calendar = match hours {
            Hours::Exchange { .. } => self.calendar(),
            Hours::Never => CalendarId::Always,
        };
        instrument
            .with_kind(self.kind(hours))
            .with_calendar(calendar)
            .with_limits(self.limits())
            .with_margin(self.margin())
            .unwrap_or_else(|error| unreachable!("margins of listings are positive: {error}"))
    }
}

/// What a perpetual is on: `BTC/USDT` of `BTC/USDT-PERP`; `None` of what is none.
pub(in crate::market) fn perpetual_index(symbol: &Symbol) -> Option<Symbol> {
    match Class::of(symbol) {
        Class::Perpetual => perpetual_stem(symbol.as_str())?
            .trim_end_matches('-')
            .parse()
            .ok(),
        _ => None,
    }
}

fn perpetual_stem(name: &str) -> Option<&str> {
    name.strip_suffix("PERP").filter(|stem| stem.len() > 2)
}

fn is_currencies(name: &str) -> bool {
    let halves = name
        .split_once('/')
        .or_else(|| (name.len() == 6).then(|| name.split_at_checked(3)).flatten());
    halves.is_some_and(|(base, quote)| {
        base != quote && CURRENCIES.contains(&base) && CURRENCIES.contains(&quote)
    })
}

fn is_ticker(name: &str) -> bool {
    let (ticker, class) = name.split_once(['.', '-']).unwrap_or((name, "A"));
    let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    (1..=5).contains(&ticker.len()) && letters(ticker) && class.len() == 1 && letters(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_s_letters_say_what_it_names() {
        let class = |name: &str| Class::of(&name.parse().expect("a symbol"));
        for (names, expected) in [
            (
                &[
                    "BTC/USDT",
                    "BTC/USD",
                    "BTCUSDT",
                    "FOO/EUR",
                    "X1",
                    "ABCDEF",
                    "PERP/USDT",
                ][..],
                Class::Spot,
            ),
            (
                &["BTC/USDT-PERP", "BTCUSDPERP", "ETH-PERP", "DOGEUSDTPERP"][..],
                Class::Perpetual,
            ),
            (&["EUR/USD", "EURUSD", "USD/JPY", "GBPCHF"][..], Class::Forex),
            (
                &["AAPL", "SPY", "F", "BRK.B", "BF-B", "GOOGL", "PERP", "ES"][..],
                Class::Share,
            ),
        ] {
            for name in names {
                assert_eq!(class(name), expected, "{name}");
            }
        }
        assert!(matches!(class("ESZ3"), Class::Future(contract) if contract.root() == "ES"));
        assert!(matches!(class("MESZ23"), Class::Future(contract) if contract.root() == "MES"));
        assert!(matches!(class("GOOG  151231C00450000"), Class::Option(option) if option.root() == "GOOG"));
    }
}
