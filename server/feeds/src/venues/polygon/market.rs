//! Polygon's four markets: what they call things, and what those are.

use crate::venue::{Channels, Listing};
use papertape::{
    exchange::TradingStatus,
    market::{Bars, Calendar, CalendarId, infer_instrument},
    model::{
        ExerciseStyle, Instrument, InstrumentKind, OptionRight, OptionSettlement, OptionTerms, Price, Symbol,
    },
};
use rust_decimal::Decimal;

/// Which market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Market {
    Stocks,
    Options,
    Crypto,
    Forex,
}

impl Market {
    /// Its name in addresses of streams and in the reference data's `market`.
    pub(super) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Stocks => ("stocks", "stocks"),
            Self::Options => ("options", "options"),
            Self::Crypto => ("crypto", "crypto"),
            Self::Forex => ("forex", "fx"),
        }
    }

    /// What its stream tells.
    pub(super) const fn channels(self) -> Channels {
        Channels {
            trades: !matches!(self, Self::Forex),
            quotes: true,
            depth: false,
            bars: true,
        }
    }

    /// The topics of trades, quotes and bars of a minute.
    pub(super) const fn topics(self) -> [&'static str; 3] {
        match self {
            Self::Stocks | Self::Options => ["T", "Q", "AM"],
            Self::Crypto => ["XT", "XQ", "XA"],
            Self::Forex => ["", "C", "CA"],
        }
    }

    /// The venue's ticker of our symbol: `X:BTCUSD` of `BTC/USD`. Of options ours are the same without `O:`.
    pub(super) fn ticker(self, symbol: &Symbol) -> String {
        let name = symbol.as_str();
        match self {
            Self::Stocks => name.to_owned(),
            Self::Options => format!("O:{name}"),
            Self::Crypto => format!("X:{}", name.replace('/', "")),
            Self::Forex => format!("C:{}", name.replace('/', "")),
        }
    }

    /// What the stream calls it: `BTC-USD`, `EUR/USD`, otherwise the ticker.
    pub(super) fn stream_name(self, listing: &Listing) -> String {
        let name = listing.instrument.symbol().as_str();
        match self {
            Self::Crypto => name.replace('/', "-"),
            Self::Forex => name.to_owned(),
            Self::Stocks | Self::Options => listing.venue_symbol.to_string(),
        }
    }

    /// The symbol as a listing. The reference data tells no steps: they are the market's usual ones. `None` when the symbol
    /// is none of this market.
    pub(super) fn listing(self, symbol: Symbol, is_active: bool) -> Option<Listing> {
        let digits = match self {
            Self::Stocks | Self::Options => 2,
            Self::Crypto => 8,
            Self::Forex if symbol.as_str().ends_with("/JPY") => 3,
            Self::Forex => 5,
        };
        let is_pair = symbol.as_str().contains('/');
        let instrument = match self {
            Self::Stocks if !is_pair => {
                let (tick, one) = (Decimal::new(1, digits), Decimal::ONE);
                Instrument::new(symbol.clone(), tick, one, Decimal::ZERO, one)
                    .ok()?
                    .with_kind(InstrumentKind::Equity)
                    .with_calendar(CalendarId::UsEquities)
            }
            Self::Options => option(&symbol)?,
            Self::Crypto | Self::Forex if is_pair => infer_instrument(&symbol, digits, &Bars::default()),
            _ => return None,
        };
        Some(Listing {
            venue_symbol: self.ticker(&symbol).into(),
            instrument,
            status: if is_active {
                TradingStatus::Trading
            } else {
                TradingStatus::Ended
            },
        })
    }
}

/// The option that an OCC symbol names: `AAPL230616C00150000` is the right to buy AAPL at 150 until 16 June 2023. Listed options
/// on shares are American and deliver 100 of them.
fn option(symbol: &Symbol) -> Option<Instrument> {
    let name = symbol.as_str();
    let (head, strike) = name.split_at_checked(name.len().checked_sub(8)?)?;
    let (head, right) = head.split_at_checked(head.len().checked_sub(1)?)?;
    let (root, date) = head.split_at_checked(head.len().checked_sub(6)?)?;
    if root.is_empty()
        || !strike
            .bytes()
            .chain(date.bytes())
            .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let right = match right {
        "C" => OptionRight::Call,
        "P" => OptionRight::Put,
        _ => return None,
    };
    let day = chrono::NaiveDate::parse_from_str(&format!("20{date}"), "%Y%m%d").ok()?;
    let session = Calendar::of(CalendarId::UsEquities).session_on(day)?;
    let terms = OptionTerms {
        underlying: root.parse().ok()?,
        strike: Price(Decimal::new(strike.parse().ok()?, 3)),
        right,
        expiry: session.close,
        style: ExerciseStyle::American,
        settlement: OptionSettlement::Physical,
    };
    let (cent, one) = (Decimal::new(1, 2), Decimal::ONE);
    let instrument = Instrument::new(symbol.clone(), cent, one, Decimal::ZERO, Decimal::ONE_HUNDRED).ok()?;
    (terms.strike > Price::ZERO).then(|| {
        instrument
            .with_kind(InstrumentKind::Option(terms))
            .with_calendar(CalendarId::UsEquities)
    })
}
