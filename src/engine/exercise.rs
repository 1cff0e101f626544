//! Options that their holder exercises before they expire.

use super::{Engine, EventKind, SessionState, Sink};
use crate::exchange::TradingStatus;
use crate::model::{InstrumentId, InstrumentKind, Money, Quantity, Side, Symbol, Timestamp};
use crate::option::{self, Expiry};
use crate::order::{DenyReason, Refusal, RejectReason};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A holder's wish to make use of options now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExerciseRequest {
    /// Which option.
    pub symbol: Symbol,
    /// How many contracts.
    pub quantity: Quantity,
}

impl Engine {
    /// Turns options that are held into what they give; told by [`EventKind::OptionExercised`], or
    /// [`EventKind::ExerciseRefused`] with why not.
    pub(super) fn exercise<S: Sink>(&mut self, request: &ExerciseRequest, time: Timestamp, sink: &mut S) {
        match self.exercised(request, time) {
            Ok((at, expiry)) => self.carry_out_exercise(at, request.quantity, expiry, time, sink),
            Err(reason) => {
                let ExerciseRequest { symbol, quantity } = request.clone();
                self.emit(
                    time,
                    EventKind::ExerciseRefused {
                        symbol,
                        quantity,
                        reason,
                    },
                    sink,
                );
            }
        }
    }

    /// What the exercise would bring, or why it cannot be.
    fn exercised(
        &mut self,
        request: &ExerciseRequest,
        time: Timestamp,
    ) -> Result<(InstrumentId, Expiry), Refusal> {
        if !matches!(self.state, SessionState::Running | SessionState::Paused) {
            let state = self.state.to_string();
            return Err(RejectReason::SessionNotOpen { state }.into());
        }
        let not = |why: String| Refusal::from(RejectReason::NotExercisable { why });
        let unknown = || RejectReason::UnknownInstrument {
            symbol: request.symbol.to_string(),
        };
        let at = self.instrument_id(&request.symbol).ok_or_else(unknown)?;
        let option = self.instrument(at);
        let InstrumentKind::Option(terms) = option.kind() else {
            return Err(not(format!("{} is no option", request.symbol)));
        };
        let quantity = request.quantity;
        if !option.is_on_lot(quantity) {
            return Err(RejectReason::InvalidQuantity { quantity }.into());
        }
        if self.market(at).status() == TradingStatus::Ended {
            return Err(RejectReason::NotTrading.into());
        }
        let underlying = self.instrument_id(&terms.underlying);
        let price = underlying.and_then(|underlying| self.market(underlying).last_price());
        let (Some(underlying), Some(price)) = (underlying, price) else {
            return Err(RejectReason::NoMarket.into());
        };
        let held = Quantity(self.account.holding(at).quantity());
        let expiry = option::exercise(terms, option.multiplier(), held, quantity, time, price)
            .map_err(|error| not(error.to_string()))?;
        // What is offered for sale is not there to be exercised as well.
        let orders = self.market(at).orders.iter();
        let offered: Decimal = orders
            .filter(|order| order.side == Side::Sell)
            .map(|order| order.remaining().0)
            .sum();
        if quantity.0 + offered > held.0 {
            return Err(not(format!(
                "{offered} of the {held} that are held are in orders to sell: withdraw these first"
            )));
        }
        self.check_funds(underlying, expiry, time)?;
        self.check_cover((at, quantity), underlying, expiry, time)?;
        Ok((at, expiry))
    }

    /// Whether the account carries what it holds when the options are gone and the underlying has come or gone: either may cover
    /// options that were sold.
    fn check_cover(
        &self,
        (at, quantity): (InstrumentId, Quantity),
        underlying: InstrumentId,
        expiry: Expiry,
        time: Timestamp,
    ) -> Result<(), Refusal> {
        let mut after = self.account.clone();
        let option = self.instrument(at);
        after.settle_part(at, option, quantity, expiry.option_at, time, "exercised".into());
        if let Some(delivery) = expiry.delivery(time) {
            after.deliver(underlying, self.instrument(underlying), &delivery, "exercised");
        }
        let (available, after) = (self.account.available(), after.available());
        if after.amount < available.amount.min(Decimal::ZERO) {
            let needed = Money::new(available.amount - after.amount, available.currency);
            return Err(DenyReason::InsufficientFunds { needed, available }.into());
        }
        Ok(())
    }

    /// Whether the account can take or give what the exercise delivers.
    fn check_funds(&mut self, at: InstrumentId, expiry: Expiry, time: Timestamp) -> Result<(), Refusal> {
        let Some(delivery) = expiry.delivery(time) else {
            return Ok(());
        };
        self.mark_account();
        let instrument = self.instrument(at);
        let held = self.account.holding(at).quantity();
        let faces = !held.is_zero() && (held.is_sign_negative() == (delivery.side == Side::Buy));
        let closes = if faces { held.abs() } else { Decimal::ZERO };
        let opens = Quantity((delivery.quantity.0 - closes).max(Decimal::ZERO));
        if opens.0.is_zero() {
            return Ok(());
        }
        let required = self
            .account
            .required(at, instrument, delivery.side, opens, delivery.price);
        // What the option is worth pays its part.
        let worth = expiry.cash + delivery.side.sign() * delivery.quantity.0 * delivery.price.0;
        let needed = Money::new(required.amount - worth, required.currency);
        let available = self.account.funds(at, delivery.side);
        if needed.amount > available.amount {
            return Err(DenyReason::InsufficientFunds { needed, available }.into());
        }
        Ok(())
    }

    fn carry_out_exercise<S: Sink>(
        &mut self,
        at: InstrumentId,
        quantity: Quantity,
        expiry: Expiry,
        time: Timestamp,
        sink: &mut S,
    ) {
        self.emit(
            time,
            EventKind::OptionExercised {
                instrument: at,
                quantity,
                expiry,
            },
            sink,
        );
        let instrument = self.markets[at.index()].instrument();
        let settlement = self.account.settle_part(
            at,
            instrument,
            quantity,
            expiry.option_at,
            time,
            "exercised".into(),
        );
        self.tell_settlement(at, settlement, time, sink);
        self.deliver_exercised(at, &expiry, "exercised", time, sink);
        self.refresh_cover();
        self.call_margin(time, sink);
    }
}
