//! Fills, and why they are what they are.

use crate::model::{Instrument, Money, OrderId, Price, Quantity, Side, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One fill of an order of ours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// The order.
    pub order_id: OrderId,
    /// Its number in the session, counted from 1.
    pub number: u64,
    /// When it happened.
    pub time: Timestamp,
    /// Buy or sell.
    pub side: Side,
    /// Quantity, in units of the instrument.
    pub quantity: Quantity,
    /// Price, in quote currency.
    pub price: Price,
    /// Fee paid.
    pub fee: Money,
    /// Whether it gave or took liquidity.
    pub liquidity: Liquidity,
    /// Why this price.
    pub explanation: Explanation,
}

/// Whether a fill waited for the market or went to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liquidity {
    /// Rested and was met.
    Maker,
    /// Met what rested.
    Taker,
}

/// The kind of market data that a fill met, finest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataTier {
    /// None: a model's price at an assumed volatility, where nobody quotes an option.
    Model,
    /// Bars, by the intrabar path rule.
    Bars,
    /// Best bid and ask.
    Quotes,
}

impl fmt::Display for DataTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Model => "model",
            Self::Bars => "bars",
            Self::Quotes => "quotes",
        })
    }
}

/// What a fill met in the market; `Display` says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Met {
    /// The open of a bar.
    BarOpen {
        /// When the bar began.
        open_time: Timestamp,
    },
    /// A price inside a bar, on the path open → nearer extreme → farther extreme → close.
    BarPath {
        /// When the bar began.
        open_time: Timestamp,
        /// The price on the path.
        price: Price,
    },
    /// A quote.
    Quote {
        /// When it was shown.
        time: Timestamp,
        /// Its bid.
        bid: f64,
        /// Its ask.
        ask: f64,
    },
    /// A trade of the market's that went through the order's price.
    Trade {
        /// When it happened.
        time: Timestamp,
        /// Its price.
        price: f64,
    },
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BarOpen { open_time } => write!(f, "the open of the bar {open_time}"),
            Self::BarPath { open_time, price } => write!(f, "{price} inside the bar {open_time}"),
            Self::Quote { time, bid, ask } => write!(f, "the quote {bid} / {ask} of {time}"),
            Self::Trade { time, price } => write!(f, "the trade at {price} of {time}"),
        }
    }
}

/// What stands between the price on which an order was decided and the price at which it filled.
///
/// Amounts are in quote currency for the whole fill; positive is a cost to us. `drift + spread + slippage` equals
/// (fill price − decision price) × quantity × multiplier, signed by side, exactly; with the fee it is the whole
/// implementation shortfall (Perold 1988).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The data that the fill met.
    pub tier: DataTier,
    /// The last price when the order was placed.
    pub decision_price: Price,
    /// When the order was placed.
    pub decided_at: Timestamp,
    /// The price that the order met before spread and slippage: the bar's open, the stop's trigger, the quote's mid.
    pub reference_price: Price,
    /// How the market moved between decision and meeting.
    pub drift: Money,
    /// Half the spread, paid by takers where quotes are known.
    pub spread: Money,
    /// What the slippage model added, rounding to the tick included.
    pub slippage: Money,
    /// The fee, as in the fill.
    pub fee: Money,
    /// What was met.
    pub met: Met,
}

impl Explanation {
    /// Drift, spread and slippage together: what the price cost against the decision.
    #[must_use]
    pub fn price_cost(&self) -> Money {
        self.drift + self.spread + self.slippage
    }

    /// The amount that [`Explanation::price_cost`] must equal for a fill of `side`, `price` and `quantity`.
    #[must_use]
    pub fn expected_price_cost(
        &self,
        instrument: &Instrument,
        side: Side,
        price: Price,
        quantity: Quantity,
    ) -> Money {
        let difference = (price.0 - self.decision_price.0) * side.sign();
        instrument.notional(Price(difference), quantity)
    }

    /// The reference price moved by `half_spread` and `slippage` per unit must give the fill price: builds the
    /// amounts so that they do.
    #[must_use]
    #[allow(clippy::too_many_arguments)]
    pub fn build(
        instrument: &Instrument,
        tier: DataTier,
        side: Side,
        quantity: Quantity,
        (decided_at, decision_price): (Timestamp, Price),
        reference_price: Price,
        half_spread: Decimal,
        fill_price: Price,
        fee: Money,
        met: Met,
    ) -> Self {
        let sign = side.sign();
        let amount = |difference: Decimal| instrument.notional(Price(difference), quantity);
        let drift = (reference_price.0 - decision_price.0) * sign;
        let (drift, spread) = (amount(drift), amount(half_spread));
        // What is left of the whole, so that the parts add up to it even where each is rounded.
        let slippage = amount((fill_price.0 - decision_price.0) * sign) - drift - spread;
        Self {
            tier,
            decision_price,
            decided_at,
            reference_price,
            drift,
            spread,
            slippage,
            fee,
            met,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_add_up_where_steps_are_finer_than_money() {
        let exact = |text: &str| text.parse::<Decimal>().expect("a number");
        let step = exact("0.00000001");
        let symbol = "ETH/BTC".parse().expect("a symbol");
        let instrument =
            Instrument::new(symbol, step, step, Decimal::ZERO, Decimal::ONE).expect("an instrument");
        let (price, quantity) = (Price(exact("0.00000004")), Quantity(exact("0.00003")));
        let time = Timestamp::EPOCH;
        let explanation = Explanation::build(
            &instrument,
            DataTier::Quotes,
            Side::Buy,
            quantity,
            (time, Price(step)),
            Price(exact("0.00000002")),
            exact("0.000000005"),
            price,
            Money::zero(instrument.quote()),
            Met::BarOpen { open_time: time },
        );
        // Each part is below half of the smallest amount, their sum above it.
        assert_eq!(explanation.price_cost().amount, exact("0.000000000001"));
        assert_eq!(
            explanation.price_cost(),
            explanation.expected_price_cost(&instrument, Side::Buy, price, quantity)
        );
    }
}
