//! A position in a continuous series goes over to the next contract of the future.

use super::{Engine, Sink};
use crate::exchange::{DataTier, FeeInputs, Liquidity, SlipInputs};
use crate::model::{InstrumentId, Price, Quantity, Side, Timestamp};
use rust_decimal::Decimal;

impl Engine {
    /// A position goes over from one contract to the next: it is closed in the one and opened in the other, at the prices that both
    /// had, as a taker with the slippage and impact of any. What the series has left out is what that costs.
    pub(super) fn roll<S: Sink>(
        &mut self,
        at: InstrumentId,
        from: Price,
        to: Price,
        time: Timestamp,
        sink: &mut S,
    ) {
        let held = self.account.holding(at).quantity();
        let closing = if held.is_sign_negative() {
            Side::Buy
        } else {
            Side::Sell
        };
        let quantity = Quantity(held.abs());
        if quantity.0.is_zero() {
            return;
        }
        let market = self.market(at);
        let instrument = market.instrument();
        let trade = |side: Side, price: Price| {
            let slip = self.models.slip(&SlipInputs {
                instrument,
                side,
                quantity,
                price,
                half_spread: None,
                conditions: &market.conditions,
                tier: DataTier::Bars,
                time,
            });
            let fee = self.models.fee(&FeeInputs {
                instrument,
                side,
                price: slip.price,
                quantity,
                liquidity: Liquidity::Taker,
                time,
                order_filled: Quantity::ZERO,
                order_value: Decimal::ZERO,
                order_fees: Decimal::ZERO,
            });
            let moved = Price((slip.price.0 - price.0).abs());
            instrument.notional(moved, quantity) + fee
        };
        let cost = trade(closing, from) + trade(closing.opposite(), to);
        let flow = self.account.roll(at, cost.amount, time);
        self.tell_flow(Some(flow), sink);
    }
}
