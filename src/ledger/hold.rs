//! Funds set aside.

use crate::model::{InstrumentId, OrderId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What funds are set aside for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldKey {
    /// An open order.
    Order(OrderId),
    /// The cover of a position.
    Position(InstrumentId),
}

/// The holds of one ledger: a handful, so a list in the order they were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Holds(Vec<Hold>);

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Hold {
    key: HoldKey,
    #[serde(with = "crate::model::decimal")]
    amount: Decimal,
}

impl Holds {
    /// Sets a hold (zero removes it) and gives the amount it had before.
    pub(super) fn set(&mut self, key: HoldKey, amount: Decimal) -> Decimal {
        let found = self.0.iter().position(|hold| hold.key == key);
        match (found, amount.is_zero()) {
            (Some(index), true) => self.0.remove(index).amount,
            (Some(index), false) => std::mem::replace(&mut self.0[index].amount, amount),
            (None, true) => Decimal::ZERO,
            (None, false) => {
                self.0.push(Hold { key, amount });
                Decimal::ZERO
            }
        }
    }

    pub(super) fn get(&self, key: HoldKey) -> Decimal {
        self.0
            .iter()
            .find(|hold| hold.key == key)
            .map_or(Decimal::ZERO, |hold| hold.amount)
    }

    pub(super) fn total(&self) -> Decimal {
        self.0.iter().map(|hold| hold.amount).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (HoldKey, Decimal)> + '_ {
        self.0.iter().map(|hold| (hold.key, hold.amount))
    }
}
