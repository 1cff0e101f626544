//! In how many digits numbers are written so that they come back as they were.

use papertape::market::{DepthUpdate, Level, MarketEvent};
use papertape::model::Instrument;
use rust_decimal::Decimal;

/// Powers of ten that an `f64` holds exactly, as far as digits go.
const POWERS: [f64; 13] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];
/// The most digits after the point.
const MOST_DIGITS: u32 = 12;
/// Up to so many units, multiplying by a power of ten and rounding finds them again.
const MOST_UNITS: f64 = (1_u64 << 50) as f64;
/// Digits of a DECIMAL that 64 bits hold.
pub(super) const PRECISION: i32 = 18;

/// How a kind of number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// As a whole number of units of so many digits after the point.
    Decimal(u32),
    /// As a float.
    Double,
}

/// The units of a number; `None` when it is not the `f64` nearest to any.
pub(super) fn to_units(value: f64, digits: u32) -> Option<i64> {
    let scaled = (value * POWERS[digits as usize]).round();
    // Not so for NaN, either.
    let units = (scaled.abs() <= MOST_UNITS).then_some(scaled as i64)?;
    (from_units(units, digits).to_bits() == value.to_bits()).then_some(units)
}

/// The `f64` nearest to a number of units: both operands are exact, so the quotient is correctly rounded.
pub(super) fn from_units(units: i64, digits: u32) -> f64 {
    units as f64 / POWERS[digits as usize]
}

/// Finds the digits that a kind of number needs.
#[derive(Clone, Copy, Debug)]
struct Digits {
    digits: u32,
    largest: f64,
    is_double: bool,
}

impl Digits {
    fn of(step: Decimal) -> Self {
        Self {
            digits: step.scale(),
            largest: 0.0,
            is_double: step.scale() > MOST_DIGITS,
        }
    }

    fn add(&mut self, value: f64) {
        if self.is_double {
            return;
        }
        self.largest = self.largest.max(value.abs());
        match (self.digits..=MOST_DIGITS).find(|digits| to_units(value, *digits).is_some()) {
            Some(digits) => self.digits = digits,
            None => self.is_double = true,
        }
    }

    fn scale(self) -> Scale {
        // A number that fits with few digits may be too large with the many that another needs.
        let fits = !self.is_double && self.largest * POWERS[self.digits as usize] < MOST_UNITS / 2.0;
        if fits {
            Scale::Decimal(self.digits)
        } else {
            Scale::Double
        }
    }
}

/// Finds how a segment's numbers are best written.
#[derive(Clone, Debug)]
pub(crate) struct Scales {
    price: Digits,
    size: Digits,
}

impl Scales {
    pub(crate) fn of(instrument: &Instrument) -> Self {
        Self {
            price: Digits::of(instrument.tick()),
            size: Digits::of(instrument.lot()),
        }
    }

    /// Takes an event into account.
    pub(crate) fn add(&mut self, event: &MarketEvent) {
        match event {
            MarketEvent::Trade(trade) => {
                self.price.add(trade.price);
                self.size.add(trade.size);
            }
            MarketEvent::Quote(quote) => {
                for price in [quote.bid, quote.ask] {
                    self.price.add(price);
                }
                for size in [quote.bid_size, quote.ask_size] {
                    self.size.add(size);
                }
            }
            MarketEvent::Bar(bar) => {
                for price in [bar.open, bar.high, bar.low, bar.close] {
                    self.price.add(price);
                }
                self.size.add(bar.volume);
            }
            // Books are counted in the instrument's own steps.
            MarketEvent::Depth(_)
            | MarketEvent::Clock(_)
            | MarketEvent::Action(..)
            | MarketEvent::Status(..) => {}
        }
    }

    pub(crate) fn price(&self) -> Scale {
        self.price.scale()
    }

    pub(crate) fn size(&self) -> Scale {
        self.size.scale()
    }
}

/// How steps of a book are written as prices or sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    /// Units of the step's last digit in a step.
    mantissa: i64,
    digits: u32,
    scale: Scale,
}

/// Most units of a level: as many as a DECIMAL has room for, or as an `f64` tells apart.
const MOST_LEVEL_UNITS: i64 = 1 << 50;

impl Steps {
    /// `None` when the step is of too many digits.
    pub(crate) fn new(step: Decimal, scale: Scale) -> Option<Self> {
        let digits = step.scale();
        let mantissa = i64::try_from(step.mantissa()).ok()?;
        (digits <= MOST_DIGITS && mantissa > 0).then_some(Self {
            mantissa,
            digits,
            scale,
        })
    }

    /// What a number of steps is written as; `None` when it would not come back.
    pub(crate) fn write(self, steps: i64) -> Option<i64> {
        let units = steps
            .checked_mul(self.mantissa)
            .filter(|units| units.abs() < MOST_LEVEL_UNITS)?;
        match self.scale {
            Scale::Double => Some(from_units(units, self.digits).to_bits() as i64),
            Scale::Decimal(digits) => {
                let more = 10_i64.checked_pow(digits.checked_sub(self.digits)?)?;
                units
                    .checked_mul(more)
                    .filter(|units| units.unsigned_abs() < 10_u64.pow(PRECISION as u32))
            }
        }
    }

    /// The number of steps that was written.
    pub(crate) fn read(self, cell: i64) -> Option<i64> {
        let units = match self.scale {
            Scale::Double => to_units(f64::from_bits(cell as u64), self.digits)?,
            Scale::Decimal(digits) => {
                let more = 10_i64.checked_pow(digits.checked_sub(self.digits)?)?;
                (cell % more == 0).then_some(cell / more)?
            }
        };
        (units % self.mantissa == 0).then_some(units / self.mantissa)
    }
}

/// How a segment's numbers are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    pub(crate) price: Scale,
    pub(crate) size: Scale,
    pub(crate) ticks: Option<Steps>,
    pub(crate) lots: Option<Steps>,
}

impl Writing {
    pub(crate) fn new(instrument: &Instrument, price: Scale, size: Scale) -> Self {
        Self {
            price,
            size,
            ticks: Steps::new(instrument.tick(), price),
            lots: Steps::new(instrument.lot(), size),
        }
    }

    /// A level as cells of price and size.
    pub(crate) fn level(&self, level: &Level) -> Option<(i64, i64)> {
        Some((self.ticks?.write(level.price)?, self.lots?.write(level.size)?))
    }

    /// The level that cells say.
    pub(crate) fn read_level(&self, price: i64, size: i64) -> Option<Level> {
        Some(Level {
            price: self.ticks?.read(price)?,
            size: self.lots?.read(size)?,
        })
    }

    /// Whether a book's change can be written as levels.
    pub(crate) fn takes(&self, update: &DepthUpdate) -> bool {
        let mut levels = update.bids.iter().chain(&update.asks);
        levels.all(|level| self.level(level).is_some())
    }
}

impl Scale {
    /// A number as a cell; `None` when it is not of this scale.
    pub(crate) fn write(self, value: f64) -> Option<i64> {
        match self {
            Self::Decimal(digits) => to_units(value, digits),
            Self::Double => Some(value.to_bits() as i64),
        }
    }

    /// The number that a cell says.
    pub(crate) fn read(self, cell: i64) -> f64 {
        match self {
            Self::Decimal(digits) => from_units(cell, digits),
            Self::Double => f64::from_bits(cell as u64),
        }
    }
}
