//! Positions that change without a trade: splits, settlement at the end of an instrument, delivery.

use super::account::Account;
use super::holding::Change;
use super::{CashFlow, CashFlowKind, FillEffect, Trade};
use crate::model::{
    Instrument, InstrumentId, InstrumentKind, Money, Price, Quantity, Side, Timestamp, TradeId,
};
use rust_decimal::Decimal;
use std::borrow::Cow;

/// What a split did.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitEffect {
    /// Signed quantity before.
    pub before: Quantity,
    /// Signed quantity after, in whole lots.
    pub after: Quantity,
    /// What was paid for the fraction of a lot that was left over; `None` when there was none.
    pub cash_in_lieu: Option<CashFlow>,
    /// The round trip that ended, when less than a lot was left.
    pub closed: Option<Box<Trade>>,
}

/// Units that come or go without an order: what the exercise or assignment of an option delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// `Buy` to take them, `Sell` to give them.
    pub side: Side,
    /// How many.
    pub quantity: Quantity,
    /// At which price.
    pub price: Price,
    /// When.
    pub time: Timestamp,
}

/// What a settlement did.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The cash that it brought: of what is margined the gain, else the value.
    pub flow: CashFlow,
    /// What it did to the holding; the round trip that ended is in it.
    pub effect: FillEffect,
}

impl Account {
    /// Makes `ratio` shares of each (2 for a two-for-one split, 0.125 for a reverse split of one for eight). The average
    /// cost is divided by it; the fraction of a lot that is left over is paid out at the price after the split, which is
    /// the mark divided by the ratio. `None` when nothing is held.
    ///
    /// # Panics
    /// When the session has no such instrument, or the ratio is not positive.
    pub fn split(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        ratio: Decimal,
        time: Timestamp,
        reason: Cow<'static, str>,
    ) -> Option<SplitEffect> {
        assert!(ratio > Decimal::ZERO, "a split into {ratio}");
        let slot = &mut self.slots[id.index()];
        slot.mark = slot.mark.map(|mark| after_split(mark, ratio));
        if slot.holding.is_flat() {
            return None;
        }
        let before = slot.holding.quantity();
        slot.holding.scale(ratio);
        let scaled = slot.holding.quantity();
        let fraction = scaled - instrument.floor_to_lot(scaled).0;
        let mut effect = SplitEffect {
            before: Quantity(before),
            after: Quantity(scaled - fraction),
            cash_in_lieu: None,
            closed: None,
        };
        if fraction.is_zero() {
            // What is due by contract follows the quantity.
            self.hold_for_position(id);
            return Some(effect);
        }
        let settlement = self.close(id, instrument, fraction, CashFlowKind::CashInLieu, time, reason);
        effect.cash_in_lieu = Some(settlement.flow);
        effect.closed = settlement.effect.closed;
        Some(effect)
    }

    /// Ends the position at a price, without a fee: a future at its final settlement price, an option at what it is worth,
    /// shares that are delisted at their last price or at nothing. `None` when nothing is held.
    ///
    /// Where the underlying of an option is delivered, settle the option at its intrinsic value by the underlying's price
    /// and [`deliver`](Account::deliver) the underlying at that same price: together the strike changes hands.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn settle(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        price: Price,
        time: Timestamp,
        reason: Cow<'static, str>,
    ) -> Option<Settlement> {
        self.mark(id, price);
        let held = Quantity(self.holding(id).quantity());
        (held != Quantity::ZERO).then(|| self.settle_part(id, instrument, held, price, time, reason))
    }

    /// Ends a part of a position in the same way: options that their holder exercises. The part has the position's sign.
    ///
    /// # Panics
    /// When the session has no such instrument, or less of it is held.
    pub fn settle_part(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        part: Quantity,
        price: Price,
        time: Timestamp,
        reason: Cow<'static, str>,
    ) -> Settlement {
        self.mark(id, price);
        let kind = match instrument.kind() {
            InstrumentKind::Option(_) => CashFlowKind::OptionSettlement,
            _ => CashFlowKind::Settlement,
        };
        self.close(id, instrument, part.0, kind, time, reason)
    }

    /// Takes or gives units without an order or a fee. What turns a position around closes it first, so there may be two
    /// effects.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn deliver(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        delivery: &Delivery,
        reason: &'static str,
    ) -> Vec<FillEffect> {
        let Delivery {
            side,
            quantity,
            price,
            time,
        } = *delivery;
        let held = self.holding(id).quantity();
        let against = !held.is_zero() && (held.is_sign_negative() == (side == Side::Buy));
        let closing = if against {
            quantity.0.min(held.abs())
        } else {
            Decimal::ZERO
        };
        self.slots[id.index()].mark.get_or_insert(price);
        [closing, quantity.0 - closing]
            .into_iter()
            .filter(|part| !part.is_zero())
            .map(|quantity| {
                let change = Change {
                    side,
                    quantity,
                    price,
                    fee: Decimal::ZERO,
                    time,
                };
                self.change(id, instrument, &change, Cow::Borrowed(reason))
            })
            .collect()
    }

    /// Closes a signed part of the position at the mark.
    fn close(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        signed: Decimal,
        kind: CashFlowKind,
        time: Timestamp,
        reason: Cow<'static, str>,
    ) -> Settlement {
        let price = self.slots[id.index()].mark.unwrap_or_default();
        let change = Change {
            side: if signed.is_sign_negative() {
                Side::Buy
            } else {
                Side::Sell
            },
            quantity: signed.abs(),
            price,
            fee: Decimal::ZERO,
            time,
        };
        let effect = self.change(id, instrument, &change, reason);
        Settlement {
            flow: CashFlow {
                kind,
                instrument: Some(id),
                amount: Money::new(effect.posting.cash, instrument.quote()),
                quantity: Quantity(signed),
                rate: price.0,
                time,
            },
            effect,
        }
    }

    fn change(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        change: &Change,
        reason: Cow<'static, str>,
    ) -> FillEffect {
        let next = TradeId(self.trades + 1);
        let holding = &mut self.slots[id.index()].holding;
        let before = holding.quantity();
        let effect = holding.change(change, next, instrument, reason);
        self.book(id, &effect, before);
        effect
    }
}

/// A price after a split.
fn after_split(price: Price, ratio: Decimal) -> Price {
    Price((price.0 / ratio).round_dp(Money::SCALE).normalize())
}
