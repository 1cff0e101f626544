//! What options deliver at their expiry, and whether the account can pay for it.
//!
//! All that expires at one time is booked before anybody looks: of a spread, one leg gives what the other takes. What the
//! account then cannot carry, when what would open something else has been withdrawn (shares that the cash does not pay for, a short sale that nothing covers) is closed at once at the
//! price of the settlement, so that of that part the option has brought its exercise value and no more. Brokers do the same, or
//! close the option on its last day; none of them lends the strike of an option to a cash account.

use super::{Engine, Sink};
use crate::alert::{AlertKind, Severity};
use crate::model::{InstrumentId, Price, Quantity, Side, Timestamp};
use crate::order::CancelReason;
use crate::portfolio::Delivery;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Units that an expired option has brought (negative: taken), and at which price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Delivered {
    pub(super) at: InstrumentId,
    #[serde(with = "crate::model::decimal")]
    quantity: Decimal,
    price: Price,
    pub(super) time: Timestamp,
}

impl Engine {
    /// Takes note of what an expired option has delivered, to be paid for when all that expires with it is booked.
    pub(super) fn note_delivery(&mut self, at: InstrumentId, delivery: &Delivery) {
        self.delivered.push(Delivered {
            at,
            quantity: delivery.quantity.0 * delivery.side.sign(),
            price: delivery.price,
            time: delivery.time,
        });
        self.due_at = self.due_at.min(delivery.time.plus_nanos(1));
    }

    /// Closes, of what was delivered, as much as the account does not carry; then calls the margin.
    pub(super) fn pay_for_deliveries<S: Sink>(&mut self, time: Timestamp, sink: &mut S) {
        let delivered = std::mem::take(&mut self.delivered);
        if delivered.is_empty() {
            return;
        }
        for at in self.places() {
            let brought = delivered.iter().filter(|delivered| delivered.at == at);
            let price = brought.clone().map(|delivered| delivered.price).next_back();
            let net: Decimal = brought.map(|delivered| delivered.quantity).sum();
            if let Some(price) = price.filter(|_| !net.is_zero()) {
                self.close_uncarried(at, net, price, time, sink);
            }
        }
        self.refresh_cover();
        self.call_margin(time, sink);
    }

    /// Withdraws what would open something, the newest first, while the funds are short: what has been delivered is owed, what
    /// rests is only wanted.
    fn free_funds<S: Sink>(&mut self, at: InstrumentId, side: Side, time: Timestamp, sink: &mut S) {
        while self.account.funds(at, side).amount < Decimal::ZERO {
            let holds = self.open_orders().filter(|order| !order.hold.is_zero());
            let newest = holds.map(|order| order.id).max();
            let Some((at, index)) = newest.and_then(|id| self.find_order(id)) else {
                return;
            };
            self.cancel(at, index, CancelReason::InsufficientFunds, time, sink);
        }
    }

    /// Closes of a position, to which a delivery has added `net` units, as much as the funds are short of.
    fn close_uncarried<S: Sink>(
        &mut self,
        at: InstrumentId,
        net: Decimal,
        price: Price,
        time: Timestamp,
        sink: &mut S,
    ) {
        self.mark_account();
        self.account.mark(at, price);
        let held = self.account.holding(at).quantity();
        let side = if net.is_sign_negative() {
            Side::Sell
        } else {
            Side::Buy
        };
        if held * net > Decimal::ZERO {
            self.free_funds(at, side, time, sink);
        }
        let missing = -self.account.funds(at, side).amount;
        if missing <= Decimal::ZERO || held * net <= Decimal::ZERO {
            return;
        }
        let instrument = self.instrument(at);
        let lot = Quantity(instrument.lot());
        let of_lot = self.account.required(at, instrument, side, lot, price).amount;
        let Some(lots) = missing.checked_div(of_lot) else {
            return;
        };
        let short_of = instrument.floor_to_lot(lots.ceil() * lot.0).0;
        let part = short_of.min(net.abs()).min(held.abs());
        if part.is_zero() {
            return;
        }
        let (symbol, quote) = (instrument.symbol().clone(), instrument.quote());
        let deed = if side == Side::Buy { "sold" } else { "bought back" };
        let message = format!(
            "Of the {} {symbol} that options delivered the account does not carry {}: {missing} {quote} are missing. They were \
             {deed} at {price}, the price of the settlement.",
            net.abs().normalize(),
            part.normalize(),
        );
        self.alert(
            Severity::Warning,
            AlertKind::Performance,
            "delivery_not_carried",
            message,
            time,
            sink,
        );
        let instrument = self.markets[at.index()].instrument();
        let signed = Quantity(part * side.sign());
        let reason = "the account does not carry what was delivered".into();
        let settlement = self
            .account
            .settle_part(at, instrument, signed, price, time, reason);
        self.tell_settlement(at, settlement, time, sink);
    }
}
