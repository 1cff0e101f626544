//! An account: the books, and what is held of each instrument.

use super::{FillEffect, Holding};
use crate::exchange::Fill;
use crate::ledger::{HoldKey, Ledger, LedgerAccount, LedgerError};
use crate::model::{Instrument, InstrumentId, Money, OrderId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Cash and holdings of one session, in one currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    ledger: Ledger,
    /// By the instrument's place in the session's list.
    holdings: Vec<Holding>,
}

impl Account {
    /// Opens an account with capital paid in, for a session of so many instruments.
    #[must_use]
    pub fn open(capital: Money, instruments: usize) -> Self {
        Self {
            ledger: Ledger::open(capital),
            holdings: vec![Holding::default(); instruments],
        }
    }

    /// The books.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What is held of an instrument.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn holding(&self, id: InstrumentId) -> &Holding {
        &self.holdings[id.index()]
    }

    /// All cash, free and held.
    #[must_use]
    pub fn cash(&self) -> Money {
        self.ledger.cash()
    }

    /// What new orders may use.
    #[must_use]
    pub fn available(&self) -> Money {
        self.ledger.available()
    }

    /// Makes what is held for an order exactly `amount`; zero releases it.
    pub fn hold_for_order(&mut self, order: OrderId, amount: Decimal) {
        self.ledger.set_hold(HoldKey::Order(order), amount);
    }

    /// Takes a fill into the holding and the books.
    ///
    /// # Panics
    /// When the fill would turn the position around: a bug.
    pub fn apply(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        fill: &Fill,
        reason: Cow<'static, str>,
    ) -> FillEffect {
        let effect = self.holdings[id.index()].apply(fill, instrument, reason);
        self.ledger.post_fill(effect.posting);
        let collateral = self.collateral(id);
        self.ledger.set_hold(HoldKey::Position(id), collateral);
        effect
    }

    /// Cash that a short position holds: what its sale brought and as much again, so that it is covered twice.
    fn collateral(&self, id: InstrumentId) -> Decimal {
        let cost = self.holdings[id.index()].cost();
        if cost.is_sign_negative() {
            cost.abs() * Decimal::TWO
        } else {
            Decimal::ZERO
        }
    }

    /// Whether the books balance and agree with the holdings and with `for_orders`, what all open orders hold.
    ///
    /// # Errors
    /// [`LedgerError`] says what does not.
    pub fn check(&self, for_orders: Decimal) -> Result<(), LedgerError> {
        let cost: Decimal = self.holdings.iter().map(Holding::cost).sum();
        let difference = self.ledger.balance(LedgerAccount::PositionCost).amount - cost;
        if !difference.is_zero() {
            return Err(LedgerError::Unbalanced { by: difference });
        }
        let for_positions: Decimal = (0..self.holdings.len())
            .map(|index| self.ledger.held(HoldKey::Position(place(index))).amount)
            .sum();
        let difference = self.ledger.balance(LedgerAccount::Held).amount - for_orders - for_positions;
        if !difference.is_zero() {
            return Err(LedgerError::Holds { by: difference });
        }
        // The sums over all accounts were checked by each posting.
        Ok(())
    }
}

/// The instrument at a place in the list.
fn place(index: usize) -> InstrumentId {
    InstrumentId(
        u16::try_from(index).unwrap_or_else(|_| unreachable!("a session has fewer than 65,536 instruments")),
    )
}
