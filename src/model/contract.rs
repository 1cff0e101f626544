//! What kind of thing an instrument is: how it is paid for, what it must be covered by, when it ends.

use super::{Price, Symbol, Timestamp, decimal};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What kind of thing is traded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstrumentKind {
    /// One asset against another, delivered at once: crypto pairs.
    #[default]
    Spot,
    /// Shares and funds.
    Equity,
    /// A currency pair held on margin.
    Forex,
    /// A future without end, tied to its index by funding payments.
    Perpetual,
    /// A future.
    Future {
        /// When it is settled, at the settlement price.
        expiry: Timestamp,
    },
    /// An option on another instrument.
    Option(OptionTerms),
}

impl InstrumentKind {
    /// Whether only gains and losses change hands, and the position itself is covered by margin: futures, perpetuals,
    /// currencies. Spot, shares and options (their premium) are paid in full.
    #[must_use]
    pub const fn is_margined(&self) -> bool {
        matches!(self, Self::Forex | Self::Perpetual | Self::Future { .. })
    }

    /// When trading in it ends for good; `None` for what has no end.
    #[must_use]
    pub const fn expiry(&self) -> Option<Timestamp> {
        match self {
            Self::Future { expiry } => Some(*expiry),
            Self::Option(terms) => Some(terms.expiry),
            Self::Spot | Self::Equity | Self::Forex | Self::Perpetual => None,
        }
    }
}

/// What an option gives its holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionTerms {
    /// What can be bought or sold.
    pub underlying: Symbol,
    /// At which price, in quote currency.
    pub strike: Price,
    /// Buy or sell.
    pub right: OptionRight,
    /// Until when.
    pub expiry: Timestamp,
    /// When it may be exercised.
    pub style: ExerciseStyle,
    /// What changes hands when it is.
    pub settlement: OptionSettlement,
}

/// The right to buy or to sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionRight {
    /// To buy.
    Call,
    /// To sell.
    Put,
}

/// When an option may be exercised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExerciseStyle {
    /// Until it expires.
    American,
    /// When it expires.
    European,
}

/// What changes hands when an option is exercised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionSettlement {
    /// The underlying against the strike.
    Physical,
    /// What it is worth.
    Cash,
}

/// By what a position must be covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarginRule {
    /// By its whole value: a long position is paid, a short one is covered twice (by what its sale brought and as much
    /// again).
    #[default]
    Full,
    /// By shares of its value: 0.1 is ten times leverage.
    Rate {
        /// To open it.
        #[serde(with = "decimal")]
        initial: Decimal,
        /// To keep it; below, it is liquidated.
        #[serde(with = "decimal")]
        maintenance: Decimal,
    },
    /// By an amount a contract, in quote currency.
    PerContract {
        /// To open it.
        #[serde(with = "decimal")]
        initial: Decimal,
        /// To keep it; below, it is liquidated.
        #[serde(with = "decimal")]
        maintenance: Decimal,
    },
}

/// What a venue accepts of orders for an instrument, beside its steps; `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderLimits {
    /// Largest order value, in quote currency.
    #[serde(with = "decimal::option")]
    pub maximum_notional: Option<Decimal>,
    /// Smallest quantity, in units.
    #[serde(with = "decimal::option")]
    pub minimum_quantity: Option<Decimal>,
    /// Largest quantity, in units.
    #[serde(with = "decimal::option")]
    pub maximum_quantity: Option<Decimal>,
    /// How far a price may lie from the last one, as a share of it (0.2 is 20 %).
    #[serde(with = "decimal::option")]
    pub price_band: Option<Decimal>,
    /// Most orders that may rest at once.
    pub maximum_open_orders: Option<u32>,
}

impl OrderLimits {
    /// What is out of range, each by its name in JSON with what it should be.
    #[must_use]
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let is_positive = |amount: Option<Decimal>| amount.is_none_or(|amount| amount > Decimal::ZERO);
        let is_in_order = match (self.minimum_quantity, self.maximum_quantity) {
            (Some(least), Some(most)) => least <= most,
            _ => true,
        };
        let is_band = self
            .price_band
            .is_none_or(|band| band > Decimal::ZERO && band < Decimal::ONE);
        let checks = [
            (
                is_positive(self.maximum_notional),
                "maximum_notional",
                "it is above 0",
            ),
            (
                is_positive(self.minimum_quantity),
                "minimum_quantity",
                "it is above 0",
            ),
            (
                is_positive(self.maximum_quantity),
                "maximum_quantity",
                "it is above 0",
            ),
            (
                is_in_order,
                "maximum_quantity",
                "it is no less than minimum_quantity",
            ),
            (
                is_band,
                "price_band",
                "it is a share above 0 and below 1 (0.2 is 20 %)",
            ),
            (
                self.maximum_open_orders != Some(0),
                "maximum_open_orders",
                "it is 1 at least",
            ),
        ];
        let wrong = checks.into_iter().filter(|(is_fine, ..)| !is_fine);
        wrong.map(|(_, name, should)| (name, should)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_by_their_names_and_checked() {
        let problems = |json: &str| {
            let limits: OrderLimits = serde_json::from_str(json).expect(json);
            limits
                .problems()
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        let sound = r#"{"maximum_notional": "9000000", "minimum_quantity": 0.001, "maximum_quantity": 9000,
                        "price_band": 0.2, "maximum_open_orders": 200}"#;
        assert_eq!(problems(sound), [""; 0]);
        assert_eq!(problems("{}"), [""; 0]);
        assert_eq!(
            problems(
                r#"{"minimum_quantity": 5, "maximum_quantity": 4, "price_band": 1, "maximum_open_orders": 0}"#
            ),
            ["maximum_quantity", "price_band", "maximum_open_orders"]
        );
        assert_eq!(problems(r#"{"maximum_notional": -1}"#), ["maximum_notional"]);
        assert!(serde_json::from_str::<OrderLimits>(r#"{"price_bands": 0.2}"#).is_err());
    }
}
