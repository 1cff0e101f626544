//! The border between prices and sizes as people write them and the integers of the book.

use crate::model::{Instrument, Price, Quantity, float};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::{Deserialize, Serialize};

/// An instrument's steps: turns prices into whole ticks and sizes into whole lots, and back, exactly.
///
/// ```
/// use papertape::market::{Grid, GridError};
///
/// let grid = Grid::of(&papertape::testkit::instrument()); // tick 0.01, lot 0.00001
/// assert_eq!(grid.ticks(61_837.63), Ok(6_183_763));
/// assert_eq!(grid.lots(3.788_269), Ok(378_826)); // rounded down
/// assert_eq!(grid.price(6_183_763).to_string(), "61837.63");
/// assert!(matches!(grid.ticks(61_837.635), Err(GridError::OffTick { .. })));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    #[serde(with = "crate::model::decimal")]
    tick: Decimal,
    #[serde(with = "crate::model::decimal")]
    lot: Decimal,
}

/// A number that has no place on the grid.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum GridError {
    /// The price lies between two ticks.
    #[error("the price {price} is not a multiple of the tick {tick}")]
    OffTick {
        /// The price, in quote currency.
        price: f64,
        /// The instrument's price step.
        tick: Decimal,
    },
    /// The price is not a positive finite number, or has more ticks than an `f64` tells apart.
    #[error("the price {0} is out of range")]
    Price(f64),
    /// The size is negative, not finite, or of more steps than an `f64` tells apart.
    #[error("the size {0} is out of range")]
    Size(f64),
}

impl Grid {
    /// Prices at or beyond this many of their last digit are out of range: up to here a price that a few float
    /// operations have moved (see [`Grid::ROUNDING`]) is still told from its neighbour.
    const MOST_UNITS: i64 = 1 << 48;
    /// How far a float may lie from its tick, relative to it: the rounding of a few operations.
    const ROUNDING: f64 = 4.0 * f64::EPSILON;

    /// The grid of an instrument.
    #[must_use]
    pub const fn of(instrument: &Instrument) -> Self {
        Self {
            tick: instrument.tick(),
            lot: instrument.lot(),
        }
    }

    /// The ticks of a price that the market shows.
    ///
    /// # Errors
    /// [`GridError::OffTick`] when it lies between two ticks by more than float rounding, [`GridError::Price`] when it
    /// is not a positive number in range.
    #[inline]
    pub fn ticks(&self, price: f64) -> Result<i64, GridError> {
        let scale = self.tick.scale();
        let units = float::to_units(price, scale)
            .filter(|units| (1..Self::MOST_UNITS).contains(units))
            .ok_or(GridError::Price(price))?;
        let nearest = float::from_units(units, scale).ok_or(GridError::Price(price))?;
        match whole_steps(units, self.tick) {
            Some((ticks, 0)) if (price - nearest).abs() <= nearest * Self::ROUNDING => Ok(ticks),
            _ => Err(self.off_tick(price)),
        }
    }

    /// The ticks of an exact price.
    ///
    /// # Errors
    /// As [`Grid::ticks`].
    pub fn ticks_of(&self, price: Price) -> Result<i64, GridError> {
        let ticks = price
            .0
            .checked_div(self.tick)
            .filter(|ticks| *ticks > Decimal::ZERO && *ticks < Decimal::from(Self::MOST_UNITS))
            .ok_or(GridError::Price(price.to_f64()))?;
        ticks
            .to_i64()
            .filter(|_| ticks.fract().is_zero())
            .ok_or_else(|| self.off_tick(price.to_f64()))
    }

    /// The whole lots within a size that the market shows, never more than shown. Less than a lot is none.
    ///
    /// # Errors
    /// [`GridError::Size`] when it is negative, not finite or out of range.
    #[inline]
    pub fn lots(&self, size: f64) -> Result<i64, GridError> {
        let scale = self.lot.scale();
        let nearest = float::to_units(size, scale)
            .filter(|_| size >= 0.0)
            .ok_or(GridError::Size(size))?;
        // Rounded up to the nearest step? Then the one below is the last that is whole.
        let above = float::from_units(nearest, scale).is_some_and(|nearest| nearest > size);
        let units = nearest - i64::from(above);
        whole_steps(units, self.lot).map_or(Err(GridError::Size(size)), |(lots, _)| Ok(lots))
    }

    /// The whole lots within an exact quantity, rounded down.
    ///
    /// # Errors
    /// As [`Grid::lots`].
    pub fn lots_of(&self, quantity: Quantity) -> Result<i64, GridError> {
        quantity
            .0
            .checked_div(self.lot)
            .filter(|lots| *lots >= Decimal::ZERO)
            .and_then(|lots| lots.floor().to_i64())
            .ok_or(GridError::Size(quantity.to_f64()))
    }

    /// The exact price at a number of ticks.
    #[must_use]
    pub fn price(&self, ticks: i64) -> Price {
        Price(Decimal::from(ticks).saturating_mul(self.tick))
    }

    /// The `f64` nearest to the price at a number of ticks, for quotes and charts.
    #[inline]
    #[must_use]
    pub fn price_f64(&self, ticks: i64) -> f64 {
        steps_to_f64(ticks, self.tick).unwrap_or_else(|| self.price(ticks).to_f64())
    }

    /// The exact quantity of a number of lots.
    #[must_use]
    pub fn quantity(&self, lots: i64) -> Quantity {
        Quantity(Decimal::from(lots).saturating_mul(self.lot))
    }

    /// The `f64` nearest to the quantity of a number of lots, for quotes and charts.
    #[inline]
    #[must_use]
    pub fn size_f64(&self, lots: i64) -> f64 {
        steps_to_f64(lots, self.lot).unwrap_or_else(|| self.quantity(lots).to_f64())
    }

    fn off_tick(&self, price: f64) -> GridError {
        GridError::OffTick {
            price,
            tick: self.tick,
        }
    }
}

/// Whole steps in `units` of the step's last digit, and what is left over; `None` when the step itself is out of range.
fn whole_steps(units: i64, step: Decimal) -> Option<(i64, i64)> {
    match i64::try_from(step.mantissa()).ok()? {
        1 => Some((units, 0)),
        each => Some((units / each, units % each)),
    }
}

/// The `f64` nearest to a number of steps, without decimal arithmetic; `None` when that cannot be told.
fn steps_to_f64(steps: i64, step: Decimal) -> Option<f64> {
    let units = steps.checked_mul(i64::try_from(step.mantissa()).ok()?)?;
    float::from_units(units, step.scale())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid(tick: &str, lot: &str) -> Grid {
        let decimal = |text: &str| text.parse().expect("a number");
        Grid {
            tick: decimal(tick),
            lot: decimal(lot),
        }
    }

    #[test]
    fn prices_lie_on_ticks_or_are_an_error_with_a_name() {
        let cents = grid("0.01", "1");
        for (price, ticks) in [
            (0.01, 1),
            (61_837.63, 6_183_763),
            (0.1 + 0.2, 30),
            (1e12, 100_000_000_000_000),
        ] {
            assert_eq!(cents.ticks(price), Ok(ticks), "{price}");
        }
        assert_eq!(grid("0.25", "1").ticks(4_300.75), Ok(17_203));
        assert_eq!(grid("5", "1").ticks(61_835.0), Ok(12_367));
        for (tick, price) in [
            ("0.01", 0.015),
            ("0.25", 4_300.7),
            ("5", 12.0),
            ("0.01", 61_837.630_001),
        ] {
            assert!(
                matches!(grid(tick, "1").ticks(price), Err(GridError::OffTick { .. })),
                "{price}"
            );
        }
        for price in [0.0, -0.01, f64::NAN, f64::INFINITY, 1e300, 1e13] {
            assert!(matches!(cents.ticks(price), Err(GridError::Price(_))), "{price}");
        }
    }

    #[test]
    fn sizes_are_whole_lots_and_never_more_than_shown() {
        for (lot, size, lots) in [
            ("0.00001", 3.788_26, 378_826),
            ("0.00001", 3.788_269_99, 378_826),
            ("0.00001", 0.000_009_99, 0),
            ("0.01", 0.29, 29),
            ("0.25", 0.749, 2),
            ("100", 250.0, 2),
            ("1", 0.0, 0),
        ] {
            assert_eq!(grid("1", lot).lots(size), Ok(lots), "{size} in {lot}");
        }
        for size in [-1e-9, -1.0, f64::NAN, f64::INFINITY, 1e17] {
            assert!(
                matches!(grid("1", "1").lots(size), Err(GridError::Size(_))),
                "{size}"
            );
        }
    }

    #[test]
    fn exact_prices_and_quantities_follow_the_same_rules() {
        let grid = grid("0.25", "0.001");
        let decimal = |text: &str| text.parse().expect("a number");
        assert_eq!(grid.ticks_of(Price(decimal("4300.75"))), Ok(17_203));
        assert!(matches!(
            grid.ticks_of(Price(decimal("4300.7"))),
            Err(GridError::OffTick { .. })
        ));
        assert!(matches!(
            grid.ticks_of(Price(decimal("0"))),
            Err(GridError::Price(_))
        ));
        assert!(matches!(
            grid.ticks_of(Price(Decimal::MAX)),
            Err(GridError::Price(_))
        ));
        assert_eq!(grid.lots_of(Quantity(decimal("1.2349"))), Ok(1_234));
        assert!(matches!(
            grid.lots_of(Quantity(decimal("-1"))),
            Err(GridError::Size(_))
        ));
        assert!(matches!(
            grid.lots_of(Quantity(Decimal::MAX)),
            Err(GridError::Size(_))
        ));
    }

    proptest! {
        #[test]
        fn whatever_lies_on_the_grid_comes_back(
            ticks in 1_i64..10_000_000_000,
            lots in 0_i64..10_000_000_000,
            steps in prop::sample::select(vec![("0.01", "0.00001"), ("0.25", "1"), ("5", "100"), ("0.00000001", "0.001")]),
        ) {
            let grid = grid(steps.0, steps.1);
            prop_assert_eq!(grid.ticks_of(grid.price(ticks)), Ok(ticks));
            prop_assert_eq!(grid.ticks(grid.price(ticks).to_f64()), Ok(ticks));
            prop_assert_eq!(grid.lots_of(grid.quantity(lots)), Ok(lots));
            prop_assert_eq!(grid.lots(grid.quantity(lots).to_f64()), Ok(lots));
            prop_assert_eq!(grid.price_f64(ticks), grid.price(ticks).to_f64());
            prop_assert_eq!(grid.size_f64(lots), grid.quantity(lots).to_f64());
            prop_assert_eq!(grid.size_f64(i64::MAX - lots), grid.quantity(i64::MAX - lots).to_f64());
        }
    }
}
