//! How much.

use crate::analytics::TradeRecord;
use crate::model::{Instrument, Money, Price, Quantity, decimal};
use crate::order::DenyReason;
use crate::strategy::{KellyRule, SizeRule};
use rust_decimal::{Decimal, prelude::FromPrimitive};

/// What a size is worked out from.
#[derive(Clone, Copy, Debug)]
pub struct SizingInputs<'a> {
    /// What is traded.
    pub instrument: &'a Instrument,
    /// The price at which the order is expected to fill.
    pub price: Price,
    /// Distance from entry to the stop loss, in quote currency a unit, if the strategy has one.
    pub stop_distance: Option<f64>,
    /// Standard deviation of the market's return in a year, as a ratio; NaN while it is not known.
    pub volatility: f64,
    /// What the account's closed trades have brought.
    pub record: TradeRecord,
}

/// The quantity that a rule asks for, in whole lots.
///
/// A share of equity up to 100 % is cut to what the free funds carry with fees and slippage on top, so that "all of it" is an
/// order that can fill. A fixed size is taken at its word: when the funds do not reach, the risk check denies it. `equity`
/// says what cash and position are worth together, `reach` the largest quantity that the free funds carry at the price, with
/// slippage and fee on top; both are asked only where they matter.
///
/// A volatility target spends the target over the market's volatility, as a share of the equity: half of it where the
/// market moves twice as much as the target (Moskowitz, Ooi and Pedersen, *Time series momentum*, Journal of Financial
/// Economics 104, 2012, scale positions by ex-ante volatility in this way).
///
/// # Errors
/// [`DenyReason`] when the rule's numbers give no usable quantity.
pub fn size(
    rule: &SizeRule,
    inputs: &SizingInputs<'_>,
    equity: impl Fn() -> Money,
    reach: impl Fn() -> Quantity,
) -> Result<Quantity, DenyReason> {
    let SizingInputs {
        instrument,
        price,
        stop_distance,
        volatility,
        record,
    } = *inputs;
    let unit = || price.0 * instrument.multiplier();
    let undefined = |what: &str, value: String| DenyReason::Undefined {
        what: what.to_owned(),
        value,
    };
    let share = |percent: f64| {
        Decimal::from_f64(percent / 100.0).ok_or_else(|| undefined("size", percent.to_string()))
    };
    let of_equity = |percent: f64| {
        let equity = equity().amount;
        let equity = if equity.is_sign_negative() {
            Decimal::ZERO
        } else {
            equity
        };
        share(percent).map(|share| equity.checked_mul(share))
    };
    let over = |value: Option<Decimal>, unit: Decimal| {
        // More units than this are no order, and lots of them no decimal.
        let most = Money::EXACT_BELOW * Decimal::from(1_000_000);
        value
            .and_then(|value| value.checked_div(unit))
            .filter(|units| *units <= most)
            .ok_or_else(|| undefined("size", "a number out of range".to_owned()))
    };
    let headroom = |units: Decimal| instrument.floor_to_lot(units).min(reach());
    let quantity = match rule {
        SizeRule::FixedQuantity(quantity) => instrument.floor_to_lot(*quantity),
        SizeRule::FixedNotional(notional) => instrument.floor_to_lot(over(Some(*notional), unit())?),
        SizeRule::PercentOfEquity(percent) => {
            let units = over(of_equity(*percent)?, unit())?;
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
            headroom(over(of_equity(*percent)?, distance * instrument.multiplier())?)
        }
        SizeRule::VolatilityTarget { target, .. } => {
            let weight = target / volatility;
            if !(volatility > 0.0 && weight.is_finite()) {
                return Err(undefined("volatility", volatility.to_string()));
            }
            headroom(over(of_equity(weight * 100.0)?, unit())?)
        }
        // Whoever decides the entry reads the number first.
        SizeRule::Varying { .. } => return Err(undefined("size", "not read".to_owned())),
        SizeRule::Kelly(rule) => {
            let ratio = kelly(rule, &record);
            headroom(over(of_equity(ratio * 100.0)?, unit())?)
        }
    };
    if !decimal::is_positive(quantity.0) {
        return Err(DenyReason::BelowLot {
            lot: Quantity(instrument.lot()),
        });
    }
    Ok(quantity)
}

/// The ratio of the equity to spend by the trades so far.
///
/// A trade that wins with probability p brings a, one that loses with q = 1 − p costs b, both as shares of what was spent.
/// Then spending p/b − q/a of the equity makes it grow fastest (J. L. Kelly, *A New Interpretation of Information Rate*,
/// Bell System Technical Journal 35, 1956; in this form E. O. Thorp, *The Kelly Criterion in Blackjack, Sports Betting
/// and the Stock Market*, 2006). The averages of a few trades are poor estimates, and too large a size ruins where too
/// small a one only grows slower: hence fraction, cap and smallest number of trades. While the trades are too few, or have
/// not won or not lost yet, or show no edge, the initial size is spent, so that later trades can tell otherwise.
fn kelly(rule: &KellyRule, record: &TradeRecord) -> f64 {
    let trades = record.wins + record.losses;
    if trades < u64::from(rule.min_trades) || record.losses == 0 || record.wins == 0 {
        return rule.initial;
    }
    let (wins, losses) = (record.wins as f64, record.losses as f64);
    let (gain, loss) = (record.win_returns / wins, -record.loss_returns / losses);
    let (p, q) = (wins / trades as f64, losses / trades as f64);
    let full = p / loss - q / gain;
    // Returns and profits can differ in sign only by rounding; what is no number is no edge either.
    if full > 0.0 {
        (rule.fraction * full).min(rule.cap)
    } else {
        rule.initial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: KellyRule = KellyRule {
        fraction: 0.5,
        cap: 0.8,
        min_trades: 10,
        initial: 0.02,
    };

    fn record(wins: u64, gain: f64, losses: u64, loss: f64) -> TradeRecord {
        TradeRecord {
            wins,
            losses,
            win_returns: gain * wins as f64,
            loss_returns: -loss * losses as f64,
        }
    }

    #[test]
    fn the_kelly_size_is_the_fraction_of_the_growth_optimal_one() {
        // 60 % win 50 %, 40 % lose all of it: 0.6 − 0.4 / 0.5 is negative; with an even bet it is p − q.
        assert_eq!(kelly(&HALF, &record(6, 1.0, 4, 1.0)), 0.5 * (0.6 - 0.4));
        // The optimum is where the derivative of p·ln(1 + f·a) + q·ln(1 − f·b) is zero.
        let (p, a, b) = (0.55, 0.02, 0.015);
        let full = 2.0 * kelly(&KellyRule { cap: 1e9, ..HALF }, &record(55, a, 45, b));
        let slope = p * a / (1.0 + full * a) - (1.0 - p) * b / (1.0 - full * b);
        assert!(slope.abs() < 1e-12, "{slope}");
    }

    #[test]
    fn few_trades_are_not_believed_and_the_cap_holds() {
        assert_eq!(kelly(&HALF, &record(9, 1.0, 0, 0.0)), HALF.initial);
        assert_eq!(
            kelly(&HALF, &record(10, 1.0, 0, 0.0)),
            HALF.initial,
            "none has lost yet"
        );
        assert_eq!(kelly(&HALF, &record(9, 1.0, 1, 0.01)), HALF.cap);
    }

    #[test]
    fn without_an_edge_the_initial_size_goes_on_asking() {
        assert_eq!(kelly(&HALF, &record(0, 0.0, 10, 0.1)), HALF.initial);
        assert_eq!(kelly(&HALF, &record(6, 0.5, 4, 1.0)), HALF.initial);
    }
}
