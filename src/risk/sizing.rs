//! How much.

use crate::model::{Instrument, Money, Price, Quantity};
use crate::order::DenyReason;
use crate::strategy::SizeRule;
use rust_decimal::{Decimal, prelude::FromPrimitive};

/// What a size is worked out from.
#[derive(Clone, Copy, Debug)]
pub struct SizingInputs<'a> {
    /// What is traded.
    pub instrument: &'a Instrument,
    /// Cash and position together.
    pub equity: Money,
    /// The price at which the order is expected to fill.
    pub price: Price,
    /// Distance from entry to the stop loss, in quote currency a unit, if the strategy has one.
    pub stop_distance: Option<f64>,
}

/// The quantity that a rule asks for, in whole lots.
///
/// A share of equity up to 100 % is cut to what the free funds carry with fees and slippage on top, so that "all of it" is an
/// order that can fill. A fixed size is taken at its word: when the funds do not reach, the risk check denies it. `reach`
/// says the largest quantity that the free funds carry at the price, with slippage and fee on top; it is asked only where it
/// matters.
///
/// # Errors
/// [`DenyReason`] when the rule's numbers give no usable quantity.
pub fn size(
    rule: &SizeRule,
    inputs: &SizingInputs<'_>,
    reach: impl Fn() -> Quantity,
) -> Result<Quantity, DenyReason> {
    let SizingInputs {
        instrument,
        equity,
        price,
        stop_distance,
    } = *inputs;
    let unit = price.0 * instrument.multiplier();
    let undefined = |what: &str, value: String| DenyReason::Undefined {
        what: what.to_owned(),
        value,
    };
    let share = |percent: f64| {
        Decimal::from_f64(percent / 100.0).ok_or_else(|| undefined("size", percent.to_string()))
    };
    let equity = equity.amount.max(Decimal::ZERO);
    // More units than this are no order, and lots of them no decimal.
    let most = Money::EXACT_BELOW * Decimal::from(1_000_000);
    let over = |value: Option<Decimal>, unit: Decimal| {
        value
            .and_then(|value| value.checked_div(unit))
            .filter(|units| *units <= most)
            .ok_or_else(|| undefined("size", "a number out of range".to_owned()))
    };
    let headroom = |units: Decimal| instrument.floor_to_lot(units).min(reach());
    let quantity = match rule {
        SizeRule::FixedQuantity(quantity) => instrument.floor_to_lot(*quantity),
        SizeRule::FixedNotional(notional) => instrument.floor_to_lot(over(Some(*notional), unit)?),
        SizeRule::PercentOfEquity(percent) => {
            let units = over(equity.checked_mul(share(*percent)?), unit)?;
            if *percent <= 100.0 {
                headroom(units)
            } else {
                instrument.floor_to_lot(units)
            }
        }
        SizeRule::RiskPercent(percent) => {
            let distance = stop_distance
                .and_then(Decimal::from_f64)
                .filter(|distance| *distance > Decimal::ZERO)
                .ok_or_else(|| undefined("stop distance", format!("{stop_distance:?}")))?;
            headroom(over(
                equity.checked_mul(share(*percent)?),
                distance * instrument.multiplier(),
            )?)
        }
    };
    if quantity.0 <= Decimal::ZERO {
        return Err(DenyReason::BelowLot {
            lot: Quantity(instrument.lot()),
        });
    }
    Ok(quantity)
}
