//! What is traded, and in which steps.

use super::{
    Currency, InstrumentKind, MarginRule, Money, OptionName, OrderLimits, Price, Quantity, decimal, float,
};
use crate::market::CalendarId;
use rust_decimal::{Decimal, RoundingStrategy, prelude::FromPrimitive};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// An instrument's name: `BTC/USDT`, `AAPL`, `ESZ3`, `AAPL261218C00150000`. At most 32 upper-case letters, digits and
/// `/ . - _ :`; an option is read in any spelling of [`OptionName`]. Clones share the text: every trade and position carries
/// one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// The symbol as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The currency that prices are in: what follows the slash, up to the kind of contract if there is one
    /// (`BTC/USDT-PERP`), or `USD` for a symbol without one.
    #[must_use]
    pub fn quote(&self) -> Currency {
        let code = quote_code(&self.0).unwrap_or("USD");
        // Both constructors have checked it.
        code.parse()
            .unwrap_or_else(|_| unreachable!("a symbol's quote currency was checked"))
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        let mut text = text.trim().to_ascii_uppercase();
        if text.contains(' ')
            && let Ok(option) = text.parse::<OptionName>()
        {
            text = option.symbol().as_str().to_owned();
        }
        let allowed =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"/.-_:".contains(&byte);
        let shape = (1..=32).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('/');
        let quote = quote_code(&text).is_none_or(|quote| quote.parse::<Currency>().is_ok());
        if shape && quote {
            Ok(Self(text.into()))
        } else {
            Err(SymbolError(text.chars().take(40).collect()))
        }
    }
}

fn quote_code(symbol: &str) -> Option<&str> {
    let (_, quote) = symbol.rsplit_once('/')?;
    Some(quote.split_once(['-', ':']).map_or(quote, |(code, _)| code))
}

impl TryFrom<String> for Symbol {
    type Error = SymbolError;

    fn try_from(text: String) -> Result<Self, SymbolError> {
        text.parse()
    }
}

impl From<Symbol> for String {
    fn from(symbol: Symbol) -> Self {
        symbol.as_str().to_owned()
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The text is not a symbol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a symbol: write one such as BTC/USDT or AAPL")]
pub struct SymbolError(String);

/// What is traded: its steps of price and quantity, its smallest order, and what one unit of price is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    symbol: Symbol,
    quote: Currency,
    #[serde(with = "super::decimal")]
    tick: Decimal,
    #[serde(with = "super::decimal")]
    lot: Decimal,
    #[serde(with = "super::decimal")]
    minimum_notional: Decimal,
    #[serde(with = "super::decimal")]
    multiplier: Decimal,
    #[serde(default)]
    kind: InstrumentKind,
    #[serde(default)]
    margin: MarginRule,
    #[serde(default)]
    limits: OrderLimits,
    #[serde(default)]
    calendar: CalendarId,
}

impl Instrument {
    /// 2⁵³: prices of more ticks are out of range.
    const MOST_TICKS: Decimal = Decimal::from_parts(0, 1 << 21, 0, false, 0);

    /// More than any order takes, and still a decimal when it is counted in lots.
    const PLENTY: f64 = 1e18;

    /// An instrument with price step `tick` (quote currency), quantity step `lot` (units), smallest order value
    /// `minimum_notional` (quote currency; 0 for none) and contract `multiplier` (1 for spot and shares).
    ///
    /// # Errors
    /// [`InstrumentError`] when a step or the multiplier is not positive, or the minimum is negative.
    pub fn new(
        symbol: Symbol,
        tick: Decimal,
        lot: Decimal,
        minimum_notional: Decimal,
        multiplier: Decimal,
    ) -> Result<Self, InstrumentError> {
        for (name, value) in [("tick", tick), ("lot", lot), ("multiplier", multiplier)] {
            if value <= Decimal::ZERO {
                return Err(InstrumentError { symbol, what: name });
            }
        }
        if minimum_notional < Decimal::ZERO {
            return Err(InstrumentError {
                symbol,
                what: "minimum notional",
            });
        }
        let quote = symbol.quote();
        Ok(Self {
            symbol,
            quote,
            tick: tick.normalize(),
            lot: lot.normalize(),
            minimum_notional: minimum_notional.normalize(),
            multiplier: multiplier.normalize(),
            kind: InstrumentKind::Spot,
            margin: MarginRule::Full,
            limits: OrderLimits::default(),
            calendar: CalendarId::Always,
        })
    }

    /// The same of another kind; a new one is spot.
    #[must_use]
    pub fn with_kind(self, kind: InstrumentKind) -> Self {
        Self { kind, ..self }
    }

    /// The same with another margin rule; a new one is covered in full.
    ///
    /// # Errors
    /// [`InstrumentError`] when a margin is not positive, or more is needed to keep a position than to open it.
    pub fn with_margin(self, margin: MarginRule) -> Result<Self, InstrumentError> {
        let usable = match margin {
            MarginRule::Full => true,
            MarginRule::Rate { initial, maintenance } | MarginRule::PerContract { initial, maintenance } => {
                maintenance > Decimal::ZERO && maintenance <= initial
            }
        };
        if usable {
            Ok(Self { margin, ..self })
        } else {
            Err(InstrumentError {
                symbol: self.symbol,
                what: "margin",
            })
        }
    }

    /// The same with other trading hours; a new one trades always.
    #[must_use]
    pub fn with_calendar(self, calendar: CalendarId) -> Self {
        Self { calendar, ..self }
    }

    /// The same with a venue's limits of orders; a new one has none but its smallest order value.
    #[must_use]
    pub fn with_limits(self, limits: OrderLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same under another name; `None` when that name says another currency.
    #[must_use]
    pub fn with_symbol(self, symbol: Symbol) -> Option<Self> {
        (symbol.quote() == self.quote).then_some(Self { symbol, ..self })
    }

    /// The instrument's name.
    #[must_use]
    pub const fn symbol(&self) -> &Symbol {
        &self.symbol
    }

    /// The currency of prices, fees and P&L.
    #[must_use]
    pub const fn quote(&self) -> Currency {
        self.quote
    }

    /// The price step, in quote currency.
    #[must_use]
    pub const fn tick(&self) -> Decimal {
        self.tick
    }

    /// The quantity step, in units.
    #[must_use]
    pub const fn lot(&self) -> Decimal {
        self.lot
    }

    /// The smallest order value, in quote currency.
    #[must_use]
    pub const fn minimum_notional(&self) -> Decimal {
        self.minimum_notional
    }

    /// What one unit of price on one unit of quantity is worth, in quote currency.
    #[must_use]
    pub const fn multiplier(&self) -> Decimal {
        self.multiplier
    }

    /// What kind of thing it is.
    #[must_use]
    pub const fn kind(&self) -> &InstrumentKind {
        &self.kind
    }

    /// By what a position in it must be covered.
    #[must_use]
    pub const fn margin(&self) -> MarginRule {
        self.margin
    }

    /// When it trades.
    #[must_use]
    pub const fn calendar(&self) -> CalendarId {
        self.calendar
    }

    /// What its venue accepts of orders.
    #[must_use]
    pub const fn limits(&self) -> &OrderLimits {
        &self.limits
    }

    /// Price × quantity × multiplier, with the quantity's sign.
    #[must_use]
    pub fn notional(&self, price: Price, quantity: Quantity) -> Money {
        Money::new(decimal::product(price.0, quantity.0, self.multiplier), self.quote)
    }

    /// [`Instrument::notional`] of numbers that nobody has checked; `None` when it is beyond what the books keep exact.
    #[must_use]
    pub fn checked_notional(&self, price: Price, quantity: Quantity) -> Option<Money> {
        let value = price.0.checked_mul(quantity.0)?;
        let value = if decimal::is_one(self.multiplier) {
            value
        } else {
            value.checked_mul(self.multiplier)?
        };
        // Digits after the point only make it smaller.
        let is_small = value.mantissa().unsigned_abs() < Money::EXACT_BELOW.mantissa().unsigned_abs();
        (is_small || value.abs() < Money::EXACT_BELOW).then(|| Money::new(value, self.quote))
    }

    /// Whether the books count what so much is worth exactly: [`Instrument::checked_notional`] gives it.
    #[must_use]
    pub fn counts(&self, price: Price, quantity: Quantity) -> bool {
        // Digits after the point only make it smaller, so nearly all are seen to without working their worth out.
        let most = Money::EXACT_BELOW.mantissa().unsigned_abs();
        let digits = decimal::digits(price.0)
            .zip(decimal::digits(quantity.0))
            .map(|(a, b)| u128::from(a) * u128::from(b));
        (decimal::is_one(self.multiplier) && digits.is_some_and(|digits| digits < most))
            || self.checked_notional(price, quantity).is_some()
    }

    /// The nearest tick to a computed price; `None` when the number is not finite, not positive, or out of range.
    #[inline]
    #[must_use]
    pub fn price_from_f64(&self, price: f64) -> Option<Price> {
        // Steps of a power of ten, nearly all there are, need no decimal division.
        if self.tick.mantissa() == 1 {
            let scale = self.tick.scale();
            let units = float::to_units(price, scale).filter(|units| *units > 0)?;
            return Some(Price(float::of_units(units, scale)));
        }
        self.price_on_step(price)
    }

    /// [`Instrument::price_from_f64`] for steps that are no power of ten.
    fn price_on_step(&self, price: f64) -> Option<Price> {
        let ticks = Decimal::from_f64(price)?.checked_div(self.tick)?.round();
        // As far as powers of ten reach, so that a price can be multiplied without a second thought.
        if ticks.abs() >= Self::MOST_TICKS {
            return None;
        }
        let exact = ticks * self.tick;
        decimal::is_positive(exact).then_some(Price(exact))
    }

    /// Whether a price is a whole number of ticks.
    #[must_use]
    pub fn is_on_tick(&self, price: Price) -> bool {
        is_on_step(price.0, self.tick)
    }

    /// Whether a quantity is a whole number of lots.
    #[must_use]
    pub fn is_on_lot(&self, quantity: Quantity) -> bool {
        is_on_step(quantity.0, self.lot)
    }

    /// A price rounded to a tick with the given strategy.
    #[must_use]
    pub fn round_to_tick(&self, price: Price, strategy: RoundingStrategy) -> Price {
        Price(round_to_step(price.0, self.tick, strategy))
    }

    /// A quantity rounded down to a whole number of lots.
    #[must_use]
    pub fn floor_to_lot(&self, quantity: Decimal) -> Quantity {
        Quantity(round_to_step(quantity, self.lot, RoundingStrategy::ToZero))
    }

    /// The whole lots within a quantity that the market shows, rounded down; none when it is no number.
    #[must_use]
    pub fn lots_within(&self, quantity: f64) -> Quantity {
        if quantity.is_nan() || quantity <= 0.0 {
            return Quantity::ZERO;
        }
        let scale = self.lot.scale();
        let exact = match float::to_decimal(quantity, scale) {
            Some(nearest) if float::to_f64(nearest) > quantity => nearest - Decimal::new(1, scale),
            Some(nearest) => nearest,
            None => Decimal::from_f64(quantity.min(Self::PLENTY)).unwrap_or_default(),
        };
        self.floor_to_lot(exact)
    }

    /// Digits after the point of prices, for display.
    #[must_use]
    pub const fn price_digits(&self) -> u32 {
        self.tick.scale()
    }

    /// Digits after the point of quantities, for display.
    #[must_use]
    pub const fn quantity_digits(&self) -> u32 {
        self.lot.scale()
    }
}

fn is_on_step(value: Decimal, step: Decimal) -> bool {
    // Steps of a power of ten need no division where there are no more digits than theirs.
    (step.mantissa() == 1 && value.scale() <= step.scale()) || (value % step).is_zero()
}

fn round_to_step(value: Decimal, step: Decimal, strategy: RoundingStrategy) -> Decimal {
    if step.mantissa() == 1 {
        return decimal::round(value, step.scale(), strategy);
    }
    (value / step).round_dp_with_strategy(0, strategy) * step
}

/// The instrument's numbers make no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{symbol}: the {what} must be positive")]
pub struct InstrumentError {
    symbol: Symbol,
    what: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument(tick: &str, lot: &str) -> Instrument {
        let decimal = |text: &str| text.parse().expect("a number");
        let symbol = "BTC/USDT".parse().expect("a symbol");
        Instrument::new(symbol, decimal(tick), decimal(lot), decimal("5"), Decimal::ONE)
            .expect("an instrument")
    }

    #[test]
    fn prices_round_to_ticks_and_quantities_down_to_lots() {
        for (tick, price, rounded) in [
            ("0.01", 1.006, "1.01"),
            ("0.25", 4_300.37, "4300.25"),
            ("5", 12.6, "15"),
        ] {
            let price = instrument(tick, "1").price_from_f64(price).expect("a price");
            assert_eq!(price.0, rounded.parse().expect("a number"), "{tick}");
        }
        assert_eq!(
            instrument("1", "0.001")
                .floor_to_lot("1.2349".parse().expect("ok"))
                .to_string(),
            "1.234"
        );
        for nonsense in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1e300] {
            assert_eq!(
                instrument("0.01", "1").price_from_f64(nonsense),
                None,
                "{nonsense}"
            );
        }
    }

    #[test]
    fn the_books_count_what_they_can_work_out() {
        for (price, quantity, counted) in [
            ("43210.55", "0.1", true),
            ("-43210.55", "0.1", true),
            ("9999999999999999", "1", true),
            ("10000000000000000", "1", false),
            ("99999999.99", "100000000.01", true),
            ("100000000", "100000000", false),
            (
                "0.000000000000000000000001",
                "79228162514264337593543950335",
                true,
            ),
            (
                "79228162514264337593543950335",
                "79228162514264337593543950335",
                false,
            ),
        ] {
            let instrument = instrument("0.01", "0.1");
            let (price, quantity) = (
                price.parse().expect("a number"),
                quantity.parse().expect("a number"),
            );
            let (price, quantity) = (Price(price), Quantity(quantity));
            assert_eq!(
                instrument.counts(price, quantity),
                counted,
                "{price} × {quantity}"
            );
            assert_eq!(instrument.checked_notional(price, quantity).is_some(), counted);
        }
    }

    #[test]
    fn whole_numbers_of_steps_are_told_from_others() {
        for (step, on, off) in [
            ("0.01", "1.010", "1.001"),
            ("0.01", "7", "0.005"),
            ("0.25", "4300.50", "4300.60"),
            ("5", "15", "12"),
            ("1", "3.00", "3.5"),
        ] {
            let instrument = instrument(step, step);
            let decimal = |text: &str| text.parse().expect("a number");
            assert!(instrument.is_on_tick(Price(decimal(on))) && instrument.is_on_lot(Quantity(decimal(on))));
            assert!(
                !instrument.is_on_tick(Price(decimal(off))) && !instrument.is_on_lot(Quantity(decimal(off)))
            );
        }
    }

    #[test]
    fn quantities_shown_count_in_whole_lots_and_never_more_than_shown() {
        for (lot, shown, lots) in [
            ("0.001", 0.5999996, "0.599"),
            ("0.01", 0.29, "0.29"),
            ("0.25", 0.749, "0.5"),
            ("0.00000001", 1e9, "1000000000"),
            ("1", f64::NAN, "0"),
            ("1", -3.0, "0"),
        ] {
            let counted = instrument("1", lot).lots_within(shown).0;
            assert_eq!(counted, lots.parse().expect("a number"), "{shown} in {lot}");
        }
        assert!(instrument("1", "0.00000025").lots_within(f64::INFINITY) > Quantity::ZERO);
    }

    #[test]
    fn prices_beyond_reach_are_none() {
        for tick in ["0.01", "0.25", "5", "0.00000005"] {
            for price in [1e18, 5e28] {
                assert_eq!(instrument(tick, "1").price_from_f64(price), None, "{tick}");
            }
        }
        assert_eq!(Instrument::MOST_TICKS, Decimal::from(1_u64 << 53));
        assert_eq!(Money::EXACT_BELOW, Decimal::from(10_u64.pow(16)));
    }

    #[test]
    fn symbols_carry_their_quote_currency() {
        assert_eq!(
            "btc/usdt".parse::<Symbol>().expect("a symbol").quote().as_str(),
            "USDT"
        );
        assert_eq!(
            "AAPL".parse::<Symbol>().expect("a symbol").quote().as_str(),
            "USD"
        );
        assert_eq!(
            "BTC/USDT-PERP"
                .parse::<Symbol>()
                .expect("a symbol")
                .quote()
                .as_str(),
            "USDT"
        );
        for nonsense in ["", "/", "BTC/", "BTC USDT", "BTC/us dt", &"A".repeat(33)] {
            assert!(nonsense.parse::<Symbol>().is_err(), "{nonsense}");
        }
    }
}
