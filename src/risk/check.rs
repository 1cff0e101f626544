//! The check that every order passes before it is sent.

use crate::exchange::Models;
use crate::model::{Instrument, InstrumentId, Money, Price, Quantity, Side, Timestamp, decimal};
use crate::order::{DenyReason, Order, OrderEvent, OrderPurpose, OrderStatus};
use crate::portfolio::Account;
use rust_decimal::Decimal;

/// An order that passed the risk check. Only [`OrderCheck::approve`] makes one, and the exchange takes nothing else, so
/// an unchecked order cannot be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Approved(Box<Order>);

impl Approved {
    /// The order.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.0
    }

    /// The order, for its book.
    #[must_use]
    pub fn into_inner(self) -> Box<Order> {
        self.0
    }
}

/// The state of the account against which an order is checked.
#[derive(Clone, Copy, Debug)]
pub struct OrderCheck<'a> {
    /// What is traded.
    pub instrument: &'a Instrument,
    /// Its place in the account.
    pub id: InstrumentId,
    /// The account.
    pub account: &'a Account,
    /// What trading costs: an order holds the worst of it on top.
    pub models: &'a Models,
    /// Why trading is halted, if it is.
    pub halted: Option<&'a str>,
}

impl OrderCheck<'_> {
    /// Passes an order on, with what it must hold written into it, or says why not.
    ///
    /// # Errors
    /// The order, denied, and the [`DenyReason`].
    pub fn approve(
        &self,
        mut order: Box<Order>,
        now: Timestamp,
    ) -> Result<Approved, (Box<Order>, Box<DenyReason>)> {
        match self.needs(&order) {
            Ok(hold) => {
                order.hold = hold;
                advance(&mut order, OrderEvent::Submit, now);
                Ok(Approved(order))
            }
            Err(reason) => {
                advance(&mut order, OrderEvent::Deny, now);
                order.end_reason = reason.to_string().into();
                order.end_code = reason.code().into();
                Err((order, Box::new(reason)))
            }
        }
    }

    fn needs(&self, order: &Order) -> Result<Money, DenyReason> {
        let instrument = self.instrument;
        if decimal::compare(order.quantity.0, instrument.lot()).is_lt() {
            return Err(DenyReason::BelowLot {
                lot: Quantity(instrument.lot()),
            });
        }
        let held = self.account.holding(self.id).quantity();
        let reduces = !held.is_zero() && (held.is_sign_negative() == (order.side == Side::Buy));
        if order.only_reduces() {
            if reduces && order.purpose == OrderPurpose::Manual {
                let price = order.kind.price().unwrap_or(order.decision_price);
                self.may_uncover(price, Quantity(held.abs().min(order.quantity.0)))?;
            }
            // Whether a request to reduce has something to reduce is for the exchange to say.
            return if reduces || order.purpose == OrderPurpose::Manual {
                Ok(Money::zero(instrument.quote()))
            } else {
                Err(DenyReason::NothingToReduce)
            };
        }
        if let Some(because) = self.halted {
            return Err(DenyReason::Halted {
                because: because.to_owned(),
            });
        }
        // What closes a position the other way needs no cover of its own.
        let closes = if reduces {
            held.abs().min(order.quantity.0)
        } else {
            Decimal::ZERO
        };
        let quantity = Quantity(decimal::subtract(order.quantity.0, closes));
        let price = order.kind.price().unwrap_or(order.decision_price);
        self.may_uncover(price, Quantity(closes))?;
        if quantity.0.is_zero() {
            return Ok(Money::zero(instrument.quote()));
        }
        if let Some(reason) = value_objection(instrument, order) {
            return Err(reason);
        }
        let required = self
            .account
            .required(self.id, instrument, order.side, quantity, price);
        let needed = required + self.models.worst_cost(instrument, price, quantity);
        let available = self.account.funds(self.id, order.side);
        if decimal::compare(needed.amount, available.amount).is_gt() {
            return Err(DenyReason::InsufficientFunds { needed, available });
        }
        Ok(needed)
    }

    /// What covers sold options goes only when cash takes its place: what the rest has free, and what the sale brings.
    fn may_uncover(&self, price: Price, closes: Quantity) -> Result<(), DenyReason> {
        let (instrument, account) = (self.instrument, self.account);
        let needed = Money::new(account.uncovers(self.id, closes), instrument.quote());
        if needed.amount.is_zero() || !instrument.counts(price, closes) {
            return Ok(());
        }
        let brought = instrument.notional(price, closes) - self.models.worst_cost(instrument, price, closes);
        let available = account.available() + brought;
        if needed.amount > available.amount {
            return Err(DenyReason::InsufficientFunds { needed, available });
        }
        Ok(())
    }
}

/// What is wrong with the value of an order: too small for its venue, or beyond all counting. Venues judge the order, not
/// the part of it that opens a position; what only reduces may be as small as the position is.
#[must_use]
pub fn value_objection(instrument: &Instrument, order: &Order) -> Option<DenyReason> {
    if order.only_reduces() {
        return None;
    }
    let (quantity, price) = (order.quantity, order.kind.price().unwrap_or(order.decision_price));
    let Some(notional) = instrument.checked_notional(price, quantity) else {
        return Some(DenyReason::Undefined {
            what: "value of the order".to_owned(),
            value: format!("{quantity} × {price}"),
        });
    };
    let minimum = Money::new(instrument.minimum_notional(), instrument.quote());
    decimal::compare(notional.amount, minimum.amount)
        .is_lt()
        .then_some(DenyReason::BelowMinimumNotional { notional, minimum })
}

fn advance(order: &mut Order, event: OrderEvent, now: Timestamp) {
    // A new order is `Initialized` or `Waiting`, which take both verdicts; anything else here is a bug.
    debug_assert!(
        matches!(order.status, OrderStatus::Initialized | OrderStatus::Waiting),
        "order {} was checked before",
        order.id
    );
    if let Ok(status) = order.status.apply(event) {
        order.status = status;
    }
    order.updated_at = now;
}
