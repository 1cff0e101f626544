//! Fees: what venue, broker and regulator charge for a fill.

use crate::exchange::Liquidity;
use crate::model::{Instrument, Money, Price, Quantity, Side, Symbol, Timestamp, decimal};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// No rate is above a half.
const MOST_RATE: Decimal = Decimal::from_parts(5, 0, 0, false, 1);

/// What a fee is worked out from.
#[derive(Clone, Copy, Debug)]
pub struct FeeInputs<'a> {
    /// What was traded.
    pub instrument: &'a Instrument,
    /// Buy or sell.
    pub side: Side,
    /// Price of the fill.
    pub price: Price,
    /// Quantity of the fill.
    pub quantity: Quantity,
    /// Whether it gave or took liquidity.
    pub liquidity: Liquidity,
    /// When it happened.
    pub time: Timestamp,
    /// Quantity of this order that filled before.
    pub order_filled: Quantity,
    /// Value of what of this order filled before, in quote currency: its average price × quantity × multiplier.
    pub order_value: Decimal,
    /// What this order was charged before, in quote currency.
    pub order_fees: Decimal,
}

/// What a venue or broker charges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FeeSchedule {
    /// A share of each fill's value, one for makers and one for takers, by the volume of the last thirty days.
    Percent {
        /// From the lowest volume, which is 0, up: at least one.
        tiers: Vec<Tier>,
    },
    /// Charges on the order as a whole, added up. A fill pays what they rise by through it, so that the fees of an
    /// order's fills add up to what one fill of all of it would have cost, minimum, maximum and rounding included.
    PerOrder {
        /// The charges: commission, exchange, clearing, regulator.
        charges: Vec<Charge>,
    },
}

/// The rates from a trailing volume on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Value traded in the last thirty days, in quote currency, from which these rates hold.
    #[serde(with = "crate::model::decimal")]
    pub from: Decimal,
    /// Share of the value of fills that waited; negative where the venue pays for them.
    #[serde(with = "crate::model::decimal")]
    pub maker: Decimal,
    /// Share of the value of fills that went to the market.
    #[serde(with = "crate::model::decimal")]
    pub taker: Decimal,
}

/// One charge on an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge {
    /// Who takes it or what it is called.
    pub name: String,
    /// By what it is counted.
    pub basis: Basis,
    /// On which orders it is taken.
    #[serde(default)]
    pub on: ChargedOn,
    /// Smallest charge per order, in quote currency.
    #[serde(default, with = "crate::model::decimal::option")]
    pub minimum: Option<Decimal>,
    /// Largest charge per order, in quote currency.
    #[serde(default, with = "crate::model::decimal::option")]
    pub maximum: Option<Decimal>,
    /// Largest charge per order as a share of its value; holds against the minimum too.
    #[serde(default, with = "crate::model::decimal::option")]
    pub maximum_share: Option<Decimal>,
    /// Digits after the point to which the charge on an order is rounded up.
    #[serde(default)]
    pub round_up_to_digits: Option<u32>,
}

/// By what a charge is counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Basis {
    /// A share of the value.
    Value(#[serde(with = "crate::model::decimal")] Decimal),
    /// An amount for each unit: share, coin or contract.
    Unit(#[serde(with = "crate::model::decimal")] Decimal),
    /// An amount for each contract, by the contract's root: `ES` for `ESZ3`.
    Contract {
        /// Amount by root.
        roots: BTreeMap<String, Amount>,
        /// Amount for contracts that are not listed.
        other: Amount,
    },
}

/// An amount of quote currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(#[serde(with = "crate::model::decimal")] pub Decimal);

/// Which orders a charge is taken on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargedOn {
    /// All.
    #[default]
    Both,
    /// Those that buy.
    Buys,
    /// Those that sell.
    Sells,
}

impl FeeSchedule {
    /// One rate for makers and one for takers, whatever the volume.
    #[must_use]
    pub fn percent(maker: Decimal, taker: Decimal) -> Self {
        let from = Decimal::ZERO;
        Self::Percent {
            tiers: vec![Tier { from, maker, taker }],
        }
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// [`FeeScheduleError`] says which do not.
    pub fn check(&self) -> Result<(), FeeScheduleError> {
        match self {
            Self::Percent { tiers } => {
                let begins = tiers.first().is_some_and(|tier| tier.from.is_zero());
                if !begins || !tiers.is_sorted_by(|lower, higher| lower.from < higher.from) {
                    return Err(FeeScheduleError::Tiers);
                }
                // Nobody pays a maker more than it charges the taker.
                let sound = |tier: &Tier| {
                    tier.taker <= MOST_RATE
                        && tier.maker <= MOST_RATE
                        && tier.taker >= (-tier.maker).max(Decimal::ZERO)
                };
                match tiers.iter().find(|tier| !sound(tier)) {
                    Some(tier) => Err(FeeScheduleError::Rates {
                        maker: tier.maker,
                        taker: tier.taker,
                    }),
                    None => Ok(()),
                }
            }
            Self::PerOrder { charges } => match charges.iter().find(|charge| !charge.is_sound()) {
                Some(charge) => Err(FeeScheduleError::Charge {
                    name: charge.name.clone(),
                }),
                None => Ok(()),
            },
        }
    }

    /// The fee of a fill of an account that has traded `volume` in the last thirty days.
    pub(super) fn fee(&self, inputs: &FeeInputs<'_>, volume: Decimal) -> Money {
        let instrument = inputs.instrument;
        let value = instrument.notional(inputs.price, inputs.quantity);
        match self {
            Self::Percent { tiers } => {
                let is_reached = |tier: &&Tier| decimal::compare(tier.from, volume).is_le();
                let reached = tiers.iter().rev().find(is_reached);
                let rate = reached.map_or(Decimal::ZERO, |tier| match inputs.liquidity {
                    Liquidity::Maker => tier.maker,
                    Liquidity::Taker => tier.taker,
                });
                value * rate
            }
            Self::PerOrder { charges } => {
                let alone = OrderSoFar {
                    side: inputs.side,
                    quantity: inputs.quantity.0,
                    value: value.amount,
                };
                let whole = OrderSoFar {
                    quantity: inputs.order_filled.0 + alone.quantity,
                    value: inputs.order_value + alone.value,
                    ..alone
                };
                let symbol = instrument.symbol();
                let due = whole.due(charges, symbol) - inputs.order_fees;
                // Where a share of the value was the limit, a dearer part would pay for the cheaper ones before it. It pays
                // no more than alone, which is what was held for it; what is left over, later parts pay.
                let fee = due.min(alone.due(charges, symbol)).max(Decimal::ZERO);
                Money::new(fee, instrument.quote())
            }
        }
    }

    /// The most that a fill of this quantity can cost; `worst_rate` is what [`FeeSchedule::worst_rate`] gives.
    pub(super) fn worst_fee(
        &self,
        worst_rate: Decimal,
        instrument: &Instrument,
        price: Price,
        quantity: Quantity,
    ) -> Money {
        let notional = instrument.notional(price, quantity);
        match self {
            Self::Percent { .. } => notional * worst_rate,
            Self::PerOrder { charges } => {
                let due = |side| {
                    let order = OrderSoFar {
                        side,
                        quantity: quantity.0,
                        value: notional.amount,
                    };
                    order.due(charges, instrument.symbol())
                };
                Money::new(due(Side::Buy).max(due(Side::Sell)), instrument.quote())
            }
        }
    }

    /// The largest share of its value that a fill can cost, as far as fees are shares.
    pub(super) fn worst_rate(&self) -> Decimal {
        match self {
            Self::Percent { tiers } => {
                let rates = tiers.iter().map(|tier| decimal::larger(tier.maker, tier.taker));
                rates.fold(Decimal::ZERO, decimal::larger)
            }
            Self::PerOrder { charges } => {
                let rates = charges.iter().map(|charge| match charge.basis {
                    Basis::Value(rate) => rate,
                    Basis::Unit(_) | Basis::Contract { .. } => Decimal::ZERO,
                });
                rates.sum()
            }
        }
    }

    /// Whether all of it is a share of the value.
    pub(super) const fn is_share(&self) -> bool {
        matches!(self, Self::Percent { .. })
    }

    /// Whether what was traded before matters.
    pub(super) const fn has_tiers(&self) -> bool {
        matches!(self, Self::Percent { tiers } if tiers.len() > 1)
    }
}

impl Charge {
    fn is_sound(&self) -> bool {
        let counted = match &self.basis {
            Basis::Value(rate) => *rate <= MOST_RATE && *rate >= Decimal::ZERO,
            Basis::Unit(amount) => is_amount(*amount),
            Basis::Contract { roots, other } => {
                is_amount(other.0) && roots.values().all(|amount| is_amount(amount.0))
            }
        };
        let bounds = [self.minimum, self.maximum];
        let bounded = bounds.into_iter().flatten().all(is_amount)
            && self
                .maximum
                .is_none_or(|most| most >= self.minimum.unwrap_or_default());
        let shared = self
            .maximum_share
            .is_none_or(|share| share > Decimal::ZERO && share <= MOST_RATE);
        counted
            && bounded
            && shared
            && self
                .round_up_to_digits
                .is_none_or(|digits| digits <= Money::SCALE)
    }
}

/// From nothing to a million.
fn is_amount(amount: Decimal) -> bool {
    (Decimal::ZERO..=Decimal::from(1_000_000)).contains(&amount)
}

/// Why a fee schedule makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeeScheduleError {
    /// There are none, or they are out of order.
    #[error("the tiers do not begin at a volume of 0 and rise")]
    Tiers,
    /// Rates beyond a half, a negative one for takers, or makers that get more than takers pay.
    #[error("a maker rate of {maker} and a taker rate of {taker} are no rates")]
    Rates {
        /// Of makers.
        maker: Decimal,
        /// Of takers.
        taker: Decimal,
    },
    /// A negative or absurd amount, or bounds that cross.
    #[error("the charge '{name}' has a number out of range")]
    Charge {
        /// Which.
        name: String,
    },
}

/// An order as far as it has filled.
#[derive(Clone, Copy, Debug)]
struct OrderSoFar {
    side: Side,
    quantity: Decimal,
    value: Decimal,
}

impl OrderSoFar {
    /// What all charges on it come to.
    fn due(self, charges: &[Charge], symbol: &Symbol) -> Decimal {
        charges.iter().map(|charge| self.charge(charge, symbol)).sum()
    }

    fn charge(self, charge: &Charge, symbol: &Symbol) -> Decimal {
        let taken = match charge.on {
            ChargedOn::Both => true,
            ChargedOn::Buys => self.side == Side::Buy,
            ChargedOn::Sells => self.side == Side::Sell,
        };
        if !taken || self.quantity.is_zero() {
            return Decimal::ZERO;
        }
        let counted = match &charge.basis {
            Basis::Value(rate) => self.value * rate,
            Basis::Unit(amount) => self.quantity * amount,
            Basis::Contract { roots, other } => {
                let listed = roots
                    .iter()
                    .find(|(root, _)| is_contract_of(symbol.as_str(), root));
                self.quantity * listed.map_or(other, |(_, amount)| amount).0
            }
        };
        let mut due = counted.max(charge.minimum.unwrap_or_default());
        if let Some(maximum) = charge.maximum {
            due = due.min(maximum);
        }
        if let Some(share) = charge.maximum_share {
            due = due.min(self.value * share);
        }
        match charge.round_up_to_digits {
            Some(digits) => due.round_dp_with_strategy(digits, RoundingStrategy::ToPositiveInfinity),
            None => due,
        }
    }
}

/// Whether a symbol is the root itself or root, month letter and year: `ES`, `ESZ3`, `ESZ23`, `ESZ2023`.
fn is_contract_of(symbol: &str, root: &str) -> bool {
    let Some(rest) = symbol.strip_prefix(root) else {
        return false;
    };
    let mut rest = rest.bytes();
    match rest.next() {
        None => true,
        Some(month) => {
            b"FGHJKMNQUVXZ".contains(&month)
                && (1..=4).contains(&rest.len())
                && rest.all(|digit| digit.is_ascii_digit())
        }
    }
}
