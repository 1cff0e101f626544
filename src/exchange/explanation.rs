//! Fills, and why they are what they are.

use crate::model::{Instrument, InstrumentId, Money, OrderId, Price, Quantity, Side, Timestamp, decimal};
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
    /// What was traded.
    #[serde(default)]
    pub instrument: InstrumentId,
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
    /// Trades of others.
    Trades,
    /// Best bid and ask.
    Quotes,
    /// The order book.
    Depth,
}

impl fmt::Display for DataTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Model => "model",
            Self::Bars => "bars",
            Self::Trades => "trades",
            Self::Quotes => "quotes",
            Self::Depth => "depth",
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
    /// The close of a bar: the closing auction.
    BarClose {
        /// When the bar began.
        open_time: Timestamp,
    },
    /// A level of the order book.
    Level {
        /// When the book last changed.
        time: Timestamp,
        /// The level's price.
        price: Price,
        /// How many levels lay between it and the best one.
        depth: u16,
    },
    /// The final price of an instrument that ended.
    Settlement {
        /// When it was settled.
        time: Timestamp,
        /// At which price.
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
    /// A trade of the market's at or through the order's price.
    Trade {
        /// When it happened.
        time: Timestamp,
        /// Its price.
        price: f64,
    },
}

impl Met {
    /// When the market was there: the time of the tick, the begin of the bar.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        match self {
            Self::BarOpen { open_time } | Self::BarPath { open_time, .. } | Self::BarClose { open_time } => {
                *open_time
            }
            Self::Level { time, .. }
            | Self::Settlement { time, .. }
            | Self::Quote { time, .. }
            | Self::Trade { time, .. } => *time,
        }
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BarOpen { open_time } => write!(f, "the open of the bar {open_time}"),
            Self::BarClose { open_time } => write!(f, "the close of the bar {open_time}"),
            Self::Level {
                time,
                price,
                depth: 0,
            } => write!(f, "the best level {price} of the book of {time}"),
            Self::Level { time, price, depth } => {
                write!(
                    f,
                    "the level {price}, {depth} behind the best, of the book of {time}"
                )
            }
            Self::Settlement { time, price } => write!(f, "the settlement at {price} of {time}"),
            Self::BarPath { open_time, price } => write!(f, "{price} inside the bar {open_time}"),
            Self::Quote { time, bid, ask } => write!(f, "the quote {bid} / {ask} of {time}"),
            Self::Trade { time, price } => write!(f, "the trade at {price} of {time}"),
        }
    }
}

/// Where an order stood in the queue at its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStory {
    /// Quantity ahead of it when it joined.
    pub ahead_at_entry: Quantity,
    /// Quantity still ahead of it when the market came to it.
    pub ahead_at_fill: Quantity,
}

/// What stands between the price on which an order was decided and the price at which it filled.
///
/// Amounts are in quote currency for the whole fill; positive is a cost to us. `drift + latency + spread + slippage +
/// impact` equals (fill price − decision price) × quantity × multiplier, signed by side, exactly; with the fee it is the
/// whole implementation shortfall (Perold 1988).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The data that the fill met.
    pub tier: DataTier,
    /// The last price when the order was placed.
    pub decision_price: Price,
    /// When the order was placed.
    pub decided_at: Timestamp,
    /// When it reached the exchange.
    #[serde(default)]
    pub arrived_at: Timestamp,
    /// The price that the order met before spread, slippage and impact: the bar's open, the stop's trigger, the quote's
    /// mid.
    pub reference_price: Price,
    /// How the market moved while the order waited.
    pub drift: Money,
    /// How it moved while the order was on its way; `drift` has none of it.
    #[serde(default = "nothing")]
    pub latency: Money,
    /// Half the spread, paid by takers where quotes are known.
    pub spread: Money,
    /// What the slippage model added, rounding to the tick included.
    pub slippage: Money,
    /// What its own size cost: levels behind the best, or the impact model.
    #[serde(default = "nothing")]
    pub impact: Money,
    /// The fee, as in the fill; negative is a rebate.
    pub fee: Money,
    /// What was met.
    pub met: Met,
    /// The number, in the session's tape, of the input that brought it.
    #[serde(default)]
    pub tape: u64,
    /// Where it stood in the queue, if it rested in one.
    #[serde(default)]
    pub queue: Option<QueueStory>,
}

/// For fills recorded before there were these parts: no amount.
fn nothing() -> Money {
    Money::zero(
        "USD"
            .parse()
            .unwrap_or_else(|error| unreachable!("USD is a currency: {error}")),
    )
}

/// What the amounts of an [`Explanation`] are worked out from, per unit where nothing else is said.
#[derive(Clone, Copy, Debug)]
pub struct Shortfall {
    /// Buy or sell.
    pub side: Side,
    /// Quantity of the fill.
    pub quantity: Quantity,
    /// The price on which the order was decided.
    pub decision: Price,
    /// The price met before spread, slippage and impact.
    pub reference: Price,
    /// Whether the way from decision to reference is latency rather than waiting.
    pub on_its_way: bool,
    /// Half the spread, where it is known and paid.
    pub half_spread: Decimal,
    /// What its own size cost.
    pub impact: Decimal,
    /// The price of the fill.
    pub price: Price,
}

/// The parts of a price, as amounts of the whole fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// See [`Explanation::drift`].
    pub drift: Money,
    /// See [`Explanation::latency`].
    pub latency: Money,
    /// See [`Explanation::spread`].
    pub spread: Money,
    /// See [`Explanation::slippage`].
    pub slippage: Money,
    /// See [`Explanation::impact`].
    pub impact: Money,
}

impl Shortfall {
    /// The parts, made so that they add up to [`Shortfall::total`] even where each is rounded: slippage takes the rest.
    #[must_use]
    pub fn parts(&self, instrument: &Instrument) -> Parts {
        let amount = |difference: Decimal| match difference.is_zero() {
            true => Money::zero(instrument.quote()),
            false => instrument.notional(Price(difference), self.quantity),
        };
        let way = amount(
            self.side
                .signed(decimal::subtract(self.reference.0, self.decision.0)),
        );
        let none = Money::zero(instrument.quote());
        let (drift, latency) = if self.on_its_way { (none, way) } else { (way, none) };
        let spread = amount(self.half_spread);
        let impact = amount(self.impact);
        let is_at_reference = self.price.cmp(&self.reference).is_eq();
        let slippage = if is_at_reference && spread.is_zero() && impact.is_zero() {
            // What was met at its own price has no more to it than the way there.
            none
        } else {
            let total = if is_at_reference {
                way
            } else {
                self.total(instrument)
            };
            total - way - spread - impact
        };
        Parts {
            drift,
            latency,
            spread,
            slippage,
            impact,
        }
    }

    /// (fill price − decision price) × quantity × multiplier, signed by side: what the price cost.
    #[must_use]
    pub fn total(&self, instrument: &Instrument) -> Money {
        instrument.notional(
            Price(self.side.signed(decimal::subtract(self.price.0, self.decision.0))),
            self.quantity,
        )
    }
}

impl Explanation {
    /// What the price cost against the decision: all parts but the fee.
    #[must_use]
    pub fn price_cost(&self) -> Money {
        let parts = [self.drift, self.spread, self.slippage, self.latency, self.impact];
        let amount = parts.iter().map(|part| part.amount).sum();
        Money::new(amount, self.fee.currency)
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
        let shortfall = Shortfall {
            side: Side::Buy,
            quantity: Quantity(exact("0.00003")),
            decision: Price(step),
            reference: Price(exact("0.00000002")),
            on_its_way: false,
            half_spread: exact("0.000000005"),
            impact: exact("0.000000005"),
            price: Price(exact("0.00000004")),
        };
        let parts = shortfall.parts(&instrument);
        let sum = parts.drift + parts.latency + parts.spread + parts.slippage + parts.impact;
        // Each part is below half of the smallest amount, their sum above it.
        assert_eq!(sum.amount, exact("0.000000000001"));
        assert_eq!(sum, shortfall.total(&instrument));
    }
}
