//! What happens at a time that is known beforehand, whether or not there is data: instruments expire, closing auctions are
//! held, what an expiry has delivered is paid for, mark prices are too old.
//!
//! A future that nobody settles is settled at its last price at or before its expiry; an option at that of its underlying. A
//! venue's own word ([`crate::market::MarketAction::Settlement`]) counts when it comes by then.
//!
//! A closing auction shows on ticks as the trade that is stamped with the second of the close. Where the first news from the
//! close on is something else, the market as it stood before stands for it.

use super::meet_trades::Print;
use super::{Engine, Sink};
use crate::exchange::{DataTier, Market, TradingStatus};
use crate::market::{Calendar, TradeTick};
use crate::model::{InstrumentId, InstrumentKind, OrderId, Timestamp};
use crate::order::{CancelReason, Order, OrderStatus, TimeInForce};

const SECOND: i64 = 1_000_000_000;

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Appointment {
    ClosingAuction,
    Expiry,
    /// What was delivered by all that expired at one time is paid for.
    Delivery,
    /// A mark price counts no more.
    OldMark,
}

impl Engine {
    /// No appointment: later than everything.
    pub(super) const NEVER: Timestamp = Timestamp::from_nanos(i64::MAX);

    /// Takes note of the closing auction that an order is for.
    pub(super) fn note_auction(&mut self, order: &Order) {
        if order.time_in_force == TimeInForce::Cls {
            self.due_at = self.due_at.min(self.closing_auction(order));
        }
    }

    /// Takes note of the first of the instruments' ends.
    pub(super) fn note_expiries(&mut self) {
        self.due_at = self.next_due();
    }

    /// Lets happen what is due before `now`, or at it where it is an auction.
    #[cold]
    pub(super) fn keep_appointments<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        self.keep_appointments_beside(None, now, sink);
        self.due_at = self.next_due();
    }

    /// The same, but for a closing auction whose print is at hand.
    fn keep_appointments_beside<S: Sink>(
        &mut self,
        printed: Option<(Timestamp, InstrumentId)>,
        now: Timestamp,
        sink: &mut S,
    ) {
        while let Some((due, what, at)) = self.next_appointment(printed, now) {
            // What comes before it comes first.
            self.due_at = Self::NEVER;
            self.pass_time_until(due, sink);
            self.accrue(due, sink);
            match what {
                Appointment::ClosingAuction => {
                    self.hold_closing_auction(at, due, None, sink);
                }
                Appointment::Expiry => self.expire_instrument(at, due, sink),
                Appointment::Delivery => self.pay_for_deliveries(due, sink),
                Appointment::OldMark => self.forget_mark(at, due, sink),
            }
        }
    }

    /// When [`Engine::keep_appointments`] next has something to do, at the earliest.
    fn next_due(&self) -> Timestamp {
        let auctions = self
            .open_orders()
            .filter(|order| order.time_in_force == TimeInForce::Cls);
        let expiries = self.places().filter_map(|at| self.expiry_of(at));
        let marks = self.markets.iter().filter_map(Market::mark_ends);
        let deliveries = self.delivered.iter().map(|delivered| delivered.time);
        let expiries = expiries.chain(marks).chain(deliveries);
        auctions
            .map(|order| self.closing_auction(order))
            // A price of the very moment still counts.
            .chain(expiries.map(|expiry| expiry.plus_nanos(1)))
            .min()
            .unwrap_or(Self::NEVER)
    }

    fn next_appointment(
        &self,
        printed: Option<(Timestamp, InstrumentId)>,
        now: Timestamp,
    ) -> Option<(Timestamp, Appointment, InstrumentId)> {
        let expiries = self.places().filter_map(|at| {
            let expiry = self.expiry_of(at).filter(|expiry| *expiry < now)?;
            Some((expiry, Appointment::Expiry, at))
        });
        // On bars the auction is the end of the bar that reaches it.
        let auctions = self
            .open_orders()
            .filter(|order| self.is_for_close(order) && self.market(order.instrument).tier().is_some())
            .map(|order| {
                (
                    self.closing_auction(order),
                    Appointment::ClosingAuction,
                    order.instrument,
                )
            })
            .filter(|(close, _, at)| *close <= now && printed != Some((*close, *at)));
        let deliveries = self.delivered.iter().filter(|delivered| delivered.time < now);
        let deliveries =
            deliveries.map(|delivered| (delivered.time, Appointment::Delivery, InstrumentId::PRIMARY));
        let marks = self.places().filter_map(|at| {
            let until = self.market(at).mark_ends().filter(|until| *until < now)?;
            Some((until, Appointment::OldMark, at))
        });
        expiries.chain(auctions).chain(deliveries).chain(marks).min()
    }

    /// The mark price of an instrument is too old to say anything: the last price decides again whether positions are covered.
    fn forget_mark<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        self.market_mut(at).mark_price = None;
        self.refresh_cover();
        self.call_margin(time, sink);
    }

    /// When an instrument ends that has not ended yet.
    fn expiry_of(&self, at: InstrumentId) -> Option<Timestamp> {
        let expiry = self.instrument(at).kind().expiry()?;
        (self.market(at).status() != TradingStatus::Ended).then_some(expiry)
    }

    fn expire_instrument<S: Sink>(&mut self, at: InstrumentId, expiry: Timestamp, sink: &mut S) {
        let last_price = |at: InstrumentId| self.market(at).last_price();
        let price = match self.instrument(at).kind() {
            InstrumentKind::Option(terms) => self.instrument_id(&terms.underlying).and_then(last_price),
            _ => last_price(at),
        };
        match price {
            Some(price) => {
                self.end_instrument(at, price, "settled at the last price before expiry", expiry, sink)
            }
            // What an option is worth is for the venue to say.
            None => self.on_status(at, TradingStatus::Ended, expiry, sink),
        }
        self.refresh_cover();
        self.call_margin(expiry, sink);
    }

    fn closing_auction(&self, order: &Order) -> Timestamp {
        Calendar::of(self.instrument(order.instrument).calendar()).next_close(order.submitted_at)
    }

    /// Whether an order is in a closing auction that was held at its time, though its outcome may not be told yet: it is not to be
    /// changed any more.
    pub(super) fn is_in_auction_held(&self, order: &Order, time: Timestamp) -> bool {
        let is_on_ticks = self.market(order.instrument).tier().is_some();
        is_on_ticks && self.is_for_close(order) && self.closing_auction(order) <= time
    }

    /// Whether an order was at the exchange in time for its closing auction.
    fn is_for_close(&self, order: &Order) -> bool {
        order.time_in_force == TimeInForce::Cls
            && order.status != OrderStatus::Waiting
            && order.arrives_at <= self.closing_auction(order)
    }

    /// A trade in the second of the close is the auction's print. Says how many of its lots our orders have taken.
    #[cold]
    pub(super) fn print_auction<S: Sink>(
        &mut self,
        at: InstrumentId,
        trade: &TradeTick,
        lots: i64,
        sink: &mut S,
    ) -> i64 {
        let closes = |order: &Order| {
            let close = self.closing_auction(order);
            (self.is_for_close(order) && (0..SECOND).contains(&trade.time.since(close))).then_some(close)
        };
        let orders = self.market(at).orders.iter();
        let Some(close) = orders.filter_map(closes).min() else {
            return 0;
        };
        // It is told with its print: what else was due by then, at the close itself even, comes first.
        self.keep_appointments_beside(Some((close, at)), trade.time, sink);
        self.due_at = Self::NEVER;
        self.pass_time_until(trade.time, sink);
        self.accrue(trade.time, sink);
        let taken = self.hold_closing_auction(at, close, Some((trade, lots)), sink);
        self.due_at = self.next_due();
        taken
    }

    /// Orders for the close take of the auction's print, or else of the market as it stands; what is left of them ends.
    /// Says how many lots of the print they took.
    fn hold_closing_auction<S: Sink>(
        &mut self,
        at: InstrumentId,
        close: Timestamp,
        print: Option<(&TradeTick, i64)>,
        sink: &mut S,
    ) -> i64 {
        // The print of the auction is told within the second of the close, and nobody fills before it.
        let time = print.map_or(close, |(trade, _)| trade.time.max(close));
        let mut taken = 0;
        let mut seen = OrderId(0);
        loop {
            let is_due = |order: &Order| {
                order.id > seen && self.is_for_close(order) && self.closing_auction(order) == close
            };
            let Some(index) = self.market(at).orders.find(is_due) else {
                return taken;
            };
            let order = self.market(at).orders.at(index);
            seen = order.id;
            if order.status == OrderStatus::Submitted && !self.accept(at, index, time, sink) {
                continue;
            }
            match print {
                Some((trade, lots)) => {
                    taken += self.take_in_auction(at, seen, trade, lots - taken, time, sink)
                }
                None => self.take_as_it_stands(at, seen, close, sink),
            }
            if let Some(index) = self.market(at).orders.position(seen) {
                self.cancel(at, index, CancelReason::AuctionOver, time, sink);
            }
        }
    }

    fn take_as_it_stands<S: Sink>(&mut self, at: InstrumentId, id: OrderId, close: Timestamp, sink: &mut S) {
        let market = self.market(at);
        let Some(index) = market.orders.position(id) else {
            return;
        };
        let order = market.orders.at(index);
        // No order meets data as old as its decision, nor what was told after the close: then nobody knows how the market stood.
        let is_news = market
            .tick_time()
            .is_some_and(|told| told > order.submitted_at && told <= close);
        if !is_news || !market.is_open_to_fills() || self.is_stale(at, close) || order.awaits().is_trigger() {
            return;
        }
        let limit = order.awaits().price();
        match (market.tier(), market.last_trade) {
            (Some(DataTier::Trades), Some((trade, left))) => {
                let taken = self.take_in_auction(at, id, &trade, left, close, sink);
                self.market_mut(at).last_trade = Some((trade, left - taken));
            }
            (Some(DataTier::Trades), None) => {}
            _ => self.take(at, id, limit, close, sink),
        }
    }

    /// Takes what an order wants of a trade, at its price; says how many lots that was.
    fn take_in_auction<S: Sink>(
        &mut self,
        at: InstrumentId,
        id: OrderId,
        trade: &TradeTick,
        left: i64,
        time: Timestamp,
        sink: &mut S,
    ) -> i64 {
        let market = self.market(at);
        let (Some(index), Some(price)) = (
            market.orders.position(id),
            market.instrument().price_from_f64(trade.price),
        ) else {
            return 0;
        };
        let order = market.orders.at(index);
        let limit = order.awaits().price();
        let accepts = limit.is_none_or(|limit| super::meet_ticks::reaches(order.side, limit, price));
        let is_open = market.status() == TradingStatus::Trading;
        if left <= 0 || !accepts || !is_open || order.awaits().is_trigger() {
            return 0;
        }
        // An auction has one price for both sides.
        let print = Print {
            trade,
            price,
            touch: price,
            limit,
        };
        self.fill_of_trade(at, index, &print, left, time, sink)
    }
}
