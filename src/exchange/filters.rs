//! What an exchange objects to before it takes an order in.

use crate::market::{CalendarId, Phase};
use crate::model::{Instrument, Money, Price, Quantity, Side, decimal};
use crate::order::{Awaits, Order, OrderKind, OrderPurpose, OrderStatus, RejectReason, TimeInForce};
use rust_decimal::{Decimal, RoundingStrategy};

use super::TradingStatus;

/// Whether an order may trade in a phase of the trading day.
#[must_use]
pub const fn is_open_to(phase: Phase, order: &Order) -> bool {
    match phase {
        Phase::Regular => true,
        Phase::Pre | Phase::Post => order.instructions.extended_hours,
        Phase::Closed => false,
    }
}

/// The state of the market in which an order arrives.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// What is traded.
    pub instrument: &'a Instrument,
    /// The last price, if there is one.
    pub last_price: Option<Price>,
    /// The phase of the trading day.
    pub phase: Phase,
    /// Whether the instrument trades.
    pub status: TradingStatus,
    /// Orders that rest already.
    pub open_orders: u32,
    /// Signed quantity held.
    pub held: Decimal,
}

impl Arrival<'_> {
    /// What the exchange objects to in `order`; `None` when it takes it.
    #[must_use]
    pub fn objection(&self, order: &Order) -> Option<RejectReason> {
        self.objection_to_terms(order)
            .or_else(|| self.of_time(order))
            .or_else(|| self.of_position(order))
            .or_else(|| self.of_limits(order))
    }

    /// What it objects to in the order's own quantity and prices, whenever it arrives.
    #[must_use]
    pub fn objection_to_terms(&self, order: &Order) -> Option<RejectReason> {
        self.of_quantity(order)
            .or_else(|| self.of_prices(order))
            .or_else(|| self.of_trigger(order))
    }

    fn of_quantity(&self, order: &Order) -> Option<RejectReason> {
        let quantity = order.quantity;
        let off_lot = |quantity: Quantity| !self.instrument.is_on_lot(quantity);
        if !decimal::is_positive(quantity.0) || off_lot(quantity) {
            return Some(RejectReason::InvalidQuantity { quantity });
        }
        let display = order.display?;
        let fits = display.0 > Decimal::ZERO && display < quantity && !off_lot(display);
        (!fits).then_some(RejectReason::InvalidDisplay { display, quantity })
    }

    fn of_prices(&self, order: &Order) -> Option<RejectReason> {
        let (kind, quantity) = (order.kind, order.quantity);
        let off_tick = |price: &Price| price.0 <= Decimal::ZERO || !self.instrument.is_on_tick(*price);
        let own = [kind.limit_price(), kind.stop_price()];
        if let Some(price) = own.iter().flatten().find(|price| off_tick(price)) {
            return Some(RejectReason::InvalidPrice { price: *price });
        }
        if let OrderKind::TrailingStop { trail, .. } = kind
            && trail.distance() <= Decimal::ZERO
        {
            return Some(RejectReason::InvalidTrail {
                distance: trail.distance(),
            });
        }
        // No more than the books count exactly, at any price that comes into it.
        let others = [self.last_price, Some(order.decision_price)];
        let is_beyond = |price: &&Price| !self.instrument.counts(**price, quantity);
        let price = own.iter().chain(&others).flatten().find(is_beyond)?;
        let most = Money::EXACT_BELOW / price.0 / self.instrument.multiplier();
        let maximum = self.instrument.floor_to_lot(most);
        Some(RejectReason::AboveMaximumQuantity { quantity, maximum })
    }

    fn of_trigger(&self, order: &Order) -> Option<RejectReason> {
        // Judged by the price on which it was decided: a gap afterwards sets a stop off, as it would anywhere.
        let market = order.decision_price;
        let stop_price = order.kind.stop_price()?;
        let on_wrong_side = match (order.kind, order.awaits()) {
            (OrderKind::TrailingStop { .. }, _) => false,
            // One that was attached protects what its parent has opened: beyond its trigger it is set off.
            _ if order.parent.is_some() && order.status != OrderStatus::Initialized => false,
            (_, Awaits::RiseTo(_)) => stop_price <= market,
            (_, Awaits::FallTo(_)) => stop_price >= market,
            _ => false,
        };
        on_wrong_side.then_some(RejectReason::StopWouldTrigger { stop_price, market })
    }

    fn of_time(&self, order: &Order) -> Option<RejectReason> {
        if self.status == TradingStatus::Ended {
            return Some(RejectReason::NotTrading);
        }
        // A rule's order says in bars how long it stays, and is placed in its time.
        if let TimeInForce::Gtd { expires_at } = order.time_in_force
            && order.purpose == OrderPurpose::Manual
            && expires_at <= order.submitted_at
        {
            return Some(RejectReason::ExpiryOver { expires_at });
        }
        if order.is_for_auction() && self.instrument.calendar() == CalendarId::Always {
            return Some(RejectReason::NoAuction);
        }
        if order.is_for_auction() && order.kind.stop_price().is_some() {
            return Some(RejectReason::Contradiction {
                what: "only market and limit orders are for an auction".to_owned(),
            });
        }
        let at_once = matches!(order.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
        (at_once && !order.awaits().is_trigger() && !is_open_to(self.phase, order)).then(|| {
            RejectReason::MarketClosed {
                what: format!("an {} order", order.time_in_force.name()),
            }
        })
    }

    fn of_limits(&self, order: &Order) -> Option<RejectReason> {
        // What closes a position for the engine (an exit, a stop, a liquidation) must not be kept from it.
        if order.purpose.reduces() {
            return None;
        }
        let limits = self.instrument.limits();
        let quantity = order.quantity;
        if let Some(maximum) = limits
            .maximum_quantity
            .map(Quantity)
            .filter(|most| quantity > *most)
        {
            return Some(RejectReason::AboveMaximumQuantity { quantity, maximum });
        }
        let minimum = limits
            .minimum_quantity
            .map(Quantity)
            .filter(|least| quantity < *least);
        // What closes a position may be as small as the position is.
        if let Some(minimum) = minimum.filter(|_| !order.only_reduces()) {
            return Some(RejectReason::BelowMinimumQuantity { quantity, minimum });
        }
        let price = order
            .kind
            .price()
            .or(self.last_price)
            .unwrap_or(order.decision_price);
        if let Some(most) = limits.maximum_notional {
            let maximum = Money::new(most, self.instrument.quote());
            let notional = self.instrument.notional(price, quantity);
            if notional.amount > maximum.amount {
                return Some(RejectReason::AboveMaximumNotional { notional, maximum });
            }
        }
        if limits
            .maximum_open_orders
            .is_some_and(|most| self.open_orders >= most)
        {
            return Some(RejectReason::TooManyOpenOrders {
                open: self.open_orders,
            });
        }
        self.outside_band(order.kind.limit_price()?)
    }

    fn outside_band(&self, price: Price) -> Option<RejectReason> {
        let (share, market) = (self.instrument.limits().price_band?, self.last_price?);
        let at = |factor, strategy| self.instrument.round_to_tick(Price(market.0 * factor), strategy);
        let low = at(Decimal::ONE - share, RoundingStrategy::AwayFromZero);
        let high = at(Decimal::ONE + share, RoundingStrategy::ToZero);
        (price < low || price > high).then_some(RejectReason::OutsidePriceBand {
            price,
            market,
            low,
            high,
        })
    }

    fn of_position(&self, order: &Order) -> Option<RejectReason> {
        let by_request = order.purpose == OrderPurpose::Manual
            && (order.instructions.reduce_only || order.instructions.close_position);
        let reduces = !self.held.is_zero() && (self.held.is_sign_negative() == (order.side == Side::Buy));
        (by_request && !reduces).then_some(RejectReason::WouldIncrease)
    }
}
