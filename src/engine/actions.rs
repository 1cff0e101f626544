//! What happens to the account without a trade: funding, corporate actions, settlement, interest, margin calls.

use super::orders::Draft;
use super::{Engine, EventKind, Sink};
use crate::alert::{AlertKind, Severity};
use crate::exchange::{MarkPrice, TradingStatus};
use crate::market::{
    Calendar, CorporateAction, MarketAction, Phase, PriceRole, price_after_dividend, price_after_split,
    quantity_after_split,
};
use crate::model::{
    Instrument, InstrumentId, InstrumentKind, Money, OptionTerms, Price, Quantity, Side, Timeframe, Timestamp,
};
use crate::option;
use crate::order::{CancelReason, Order, OrderKind, OrderPurpose, Trail};
use crate::portfolio::{CashFlow, FillEffect, Liquidation, Settlement, WayOut};
use rust_decimal::Decimal;
use std::borrow::Cow;

impl Engine {
    /// Something happened to an instrument beside its trading.
    pub(super) fn on_action<S: Sink>(
        &mut self,
        at: InstrumentId,
        action: &MarketAction,
        time: Timestamp,
        sink: &mut S,
    ) {
        self.renew_mark(at, action, time);
        if matches!(action, MarketAction::Funding { .. })
            && action.validate(self.instrument(at), Decimal::ZERO).is_ok()
        {
            self.account.note_funding(at);
        }
        self.pass_time_until(time, sink);
        self.reach(time);
        self.accrue(time, sink);
        // Nonsense of a feed changes nothing.
        let held = self.account.holding(at).quantity();
        if action.validate(self.instrument(at), held).is_err() {
            return;
        }
        match action {
            MarketAction::Funding { rate, mark } => self.fund(at, *rate, *mark, time, sink),
            MarketAction::MarkPrice(price) => self.mark_at_price(at, *price, time),
            MarketAction::Underlying(price) => self.account.mark_underlying(at, *price),
            MarketAction::Corporate(action) => self.on_corporate_action(at, action, time, sink),
            MarketAction::Roll { from, to } => self.roll(at, *from, *to, time, sink),
            MarketAction::Settlement { price } => self.end_instrument(at, *price, "settled", time, sink),
        }
        self.refresh_cover();
        self.call_margin(time, sink);
    }

    /// A mark that is told anew does not grow too old before: over a night in which nothing is told, no margin is judged by the last
    /// price of the evening when the morning's mark is there.
    fn renew_mark(&mut self, at: InstrumentId, action: &MarketAction, time: Timestamp) {
        let is_mark = matches!(action, MarketAction::MarkPrice(_));
        if is_mark && action.validate(self.instrument(at), Decimal::ZERO).is_ok() {
            let market = self.market_mut(at);
            market.mark_price = market.mark_price.map(|mark| MarkPrice {
                until: mark.until.max(time),
                ..mark
            });
        }
    }

    fn fund<S: Sink>(
        &mut self,
        at: InstrumentId,
        rate: Decimal,
        mark: Option<Price>,
        time: Timestamp,
        sink: &mut S,
    ) {
        // A mark that comes with the funding alone is the only one for hours: it counts for the funding alone.
        if let Some(mark) = mark.filter(|_| self.market(at).mark_price.is_some()) {
            self.mark_at_price(at, mark, time);
        }
        let market = self.market(at);
        let known = market.mark_price.map(|mark| mark.price);
        let Some(mark) = mark.or(known).or_else(|| market.last_price()) else {
            return;
        };
        let flow = self.account.fund(at, rate, mark, time);
        self.tell_flow(flow, sink);
    }

    /// The venue tells a mark price, which counts for a while: a minute where ticks are told, for venues tell marks every few
    /// seconds; two bars where bars are, for with bars come their marks, one a bar. After that the last price decides again: a
    /// mark of hours ago would keep a position from being called that the market has long ruined.
    fn mark_at_price(&mut self, at: InstrumentId, price: Price, time: Timestamp) {
        let on_bars = if self.market(at).tier().is_some() {
            0
        } else {
            2 * self.config.base_timeframe.nanos()
        };
        let until = time.plus_nanos(Timeframe::MINUTE.nanos().max(on_bars));
        self.market_mut(at).mark_price = Some(MarkPrice { price, until });
        self.due_at = self.due_at.min(until.plus_nanos(1));
    }

    pub(super) fn on_corporate_action<S: Sink>(
        &mut self,
        at: InstrumentId,
        action: &CorporateAction,
        time: Timestamp,
        sink: &mut S,
    ) {
        let told = action.clone();
        self.emit(
            time,
            EventKind::CorporateAction {
                instrument: at,
                action: told,
            },
            sink,
        );
        match action {
            CorporateAction::Split { ratio } => {
                self.split(at, *ratio, time, sink);
                self.split_options(at, *ratio, time, sink);
            }
            CorporateAction::Dividend { per_share } => {
                if at == InstrumentId::PRIMARY {
                    self.metrics.on_dividend(Price(*per_share).to_f64());
                }
                let flow = self.account.dividend(at, *per_share, time);
                self.tell_flow(flow, sink);
                self.adjust_orders(at, time, sink, |instrument, order| {
                    Some(reduced(instrument, order, *per_share))
                });
            }
            CorporateAction::SymbolChange { to } => self.rename(at, to),
            CorporateAction::Delisting { price } => {
                let price = price.or_else(|| self.market(at).last_price()).unwrap_or_default();
                self.end_instrument(at, price, "delisted", time, sink);
            }
        }
    }

    fn split<S: Sink>(&mut self, at: InstrumentId, ratio: Decimal, time: Timestamp, sink: &mut S) {
        self.mark_account();
        let instrument = self.markets[at.index()].instrument();
        let effect = self
            .account
            .split(at, instrument, ratio, time, Cow::Borrowed("split"));
        self.market_mut(at).split(ratio);
        self.adjust_orders(at, time, sink, |instrument, order| {
            divided(instrument, order, ratio)
        });
        if at == InstrumentId::PRIMARY {
            self.metrics.on_split(Price(ratio).to_f64());
        }
        if self.is_traded(at) {
            self.split_plans(at, ratio);
        }
        let Some(effect) = effect else { return };
        self.tell_flow(effect.cash_in_lieu, sink);
        if let Some(trade) = effect.closed {
            self.end_trade(at, trade, time, sink);
        }
        self.tell_position(at, time, sink);
    }

    /// Makes the orders of an instrument what `after` says; `None` withdraws.
    fn adjust_orders<S: Sink>(
        &mut self,
        at: InstrumentId,
        time: Timestamp,
        sink: &mut S,
        after: impl Fn(&Instrument, &Order) -> Option<Order>,
    ) {
        let orders = self.market(at).orders.iter();
        let ids: Vec<_> = orders.map(|order| order.id).collect();
        for id in ids {
            // The end of one may have taken others of its group along.
            let Some(index) = self.market(at).orders.position(id) else {
                continue;
            };
            let order = self.market(at).orders.at(index);
            let Some(adjusted) = after(self.instrument(at), order) else {
                self.cancel(at, index, CancelReason::SplitAway, time, sink);
                continue;
            };
            if adjusted == *order {
                continue;
            }
            let (terms, quantity, asked) = (adjusted.kind, adjusted.quantity, adjusted.asked);
            self.market_mut(at).orders.change(index, |order| {
                *order = Order {
                    updated_at: time,
                    ..adjusted
                };
            });
            self.rejoin(at, id);
            self.rehold(at, id);
            self.emit(
                time,
                EventKind::OrderAmended {
                    order_id: id,
                    terms,
                    quantity,
                    asked,
                },
                sink,
            );
        }
    }

    /// The instrument trades no more: its orders are withdrawn, its position is settled.
    pub(super) fn end_instrument<S: Sink>(
        &mut self,
        at: InstrumentId,
        price: Price,
        reason: &'static str,
        time: Timestamp,
        sink: &mut S,
    ) {
        self.on_status(at, TradingStatus::Ended, time, sink);
        if let InstrumentKind::Option(terms) = self.instrument(at).kind().clone() {
            return self.expire_option(at, &terms, price, time, sink);
        }
        self.settle(at, price, reason, time, sink);
    }

    fn settle<S: Sink>(
        &mut self,
        at: InstrumentId,
        price: Price,
        reason: &'static str,
        time: Timestamp,
        sink: &mut S,
    ) {
        self.market_mut(at).last_price = Some(price.to_f64());
        let instrument = self.markets[at.index()].instrument();
        if let Some(settlement) = self
            .account
            .settle(at, instrument, price, time, Cow::Borrowed(reason))
        {
            self.tell_settlement(at, settlement, time, sink);
        }
    }

    pub(super) fn tell_settlement<S: Sink>(
        &mut self,
        at: InstrumentId,
        settlement: Settlement,
        time: Timestamp,
        sink: &mut S,
    ) {
        self.tell_flow(Some(settlement.flow), sink);
        self.tell_effect(at, settlement.effect, time, sink);
    }

    /// In the money, an option turns into cash or its underlying, by the rule of the clearing house; else into nothing.
    /// Where the session has no market for the underlying, what is delivered is sold at once at the price by which it was
    /// settled: the option brings its exercise value.
    fn expire_option<S: Sink>(
        &mut self,
        at: InstrumentId,
        terms: &OptionTerms,
        underlying: Price,
        time: Timestamp,
        sink: &mut S,
    ) {
        let held = Quantity(self.account.holding(at).quantity());
        let expiry = option::expire(terms, self.instrument(at).multiplier(), held, underlying);
        let reason = match expiry.outcome {
            option::ExpiryOutcome::Worthless => "expired worthless",
            option::ExpiryOutcome::Exercised => "exercised",
            option::ExpiryOutcome::Assigned => "assigned",
        };
        if expiry.outcome != option::ExpiryOutcome::Worthless {
            let (instrument, quantity) = (at, held);
            self.emit(
                time,
                EventKind::OptionExercised {
                    instrument,
                    quantity,
                    expiry,
                },
                sink,
            );
        }
        self.settle(at, expiry.option_at, reason, time, sink);
        if let Some(to) = self.instrument_id(&terms.underlying) {
            let market = self.market_mut(to);
            market.last_price = market.last_price.or(Some(underlying.to_f64()));
        }
        self.deliver_exercised(at, &expiry, reason, time, sink);
        let to = self.instrument_id(&terms.underlying);
        if let Some((to, delivery)) = to.zip(expiry.delivery(time)) {
            self.note_delivery(to, &delivery);
        }
    }

    /// The underlying of an option comes or goes, where the session has a market for it.
    pub(super) fn deliver_exercised<S: Sink>(
        &mut self,
        option: InstrumentId,
        expiry: &option::Expiry,
        reason: &'static str,
        time: Timestamp,
        sink: &mut S,
    ) {
        let InstrumentKind::Option(terms) = self.instrument(option).kind() else {
            return;
        };
        let (Some(to), Some(delivery)) = (self.instrument_id(&terms.underlying), expiry.delivery(time))
        else {
            return;
        };
        let instrument = self.markets[to.index()].instrument();
        for effect in self.account.deliver(to, instrument, &delivery, reason) {
            self.tell_effect(to, effect, time, sink);
        }
    }

    /// Charges interest and borrow fees once a day, and the account's own funding each eight hours.
    #[inline]
    pub(super) fn accrue<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        if self.account.accrues_at(now) {
            self.pay_interest(now, sink);
        }
    }

    #[cold]
    fn pay_interest<S: Sink>(&mut self, now: Timestamp, sink: &mut S) {
        self.mark_account();
        for flow in self.account.accrue(now) {
            self.tell_flow(Some(flow), sink);
        }
    }

    /// At a new price of what the strategy trades first, or of an instrument whose bar is walked: looks whether the cover of a
    /// position gave out. Costs two comparisons while it did not.
    #[inline]
    pub(super) fn watch_cover<S: Sink>(
        &mut self,
        at: InstrumentId,
        price: f64,
        time: Timestamp,
        sink: &mut S,
    ) {
        let (lower, upper) = self.covered(at);
        if price < lower || price > upper {
            self.call_margin(time, sink);
        }
    }

    /// Closes what is not covered any more, at the market, and withdraws what else rests in it.
    #[cold]
    pub(super) fn call_margin<S: Sink>(&mut self, time: Timestamp, sink: &mut S) {
        // What was delivered and is not paid for yet would be counted as a debt.
        let is_settling = !self.delivered.is_empty();
        if !self.account.needs_cover() || self.state.is_final() || is_settling {
            return;
        }
        self.mark_account();
        if self.account.is_covered() {
            return;
        }
        let instruments: Vec<_> = self.config.instruments().cloned().collect();
        let way_out = |at| self.way_out(at, time);
        for liquidation in self.account.liquidations(&instruments, way_out) {
            self.liquidate(&liquidation, time, sink);
        }
    }

    /// How a position could be closed at `time`; `None` where nothing trades any more.
    fn way_out(&self, at: InstrumentId, time: Timestamp) -> Option<WayOut> {
        let market = self.market(at);
        let is_liquidation = |order: &Order| order.purpose == OrderPurpose::Liquidation;
        let is_made_of_sessions = self.config.base_timeframe.nanos() >= Timeframe::DAY.nanos();
        let is_session = is_made_of_sessions || Calendar::of(market.calendar()).phase(time) == Phase::Regular;
        (market.status() != TradingStatus::Ended).then(|| WayOut {
            is_open: is_session && market.status() == TradingStatus::Trading,
            is_ordered: market.orders.find(is_liquidation).is_some(),
        })
    }

    #[cold]
    fn liquidate<S: Sink>(&mut self, liquidation: &Liquidation, time: Timestamp, sink: &mut S) {
        let at = liquidation.id;
        self.forget_reversals();
        self.cancel_where(at, |_| true, CancelReason::Liquidated, time, sink);
        let message = format!(
            "The margin of {} gave out: {} covers it, {} is asked for; {} are closed at the market.",
            self.instrument(at).symbol(),
            liquidation.cover,
            liquidation.maintenance,
            liquidation.quantity
        );
        self.alert(
            Severity::Critical,
            AlertKind::Performance,
            "liquidation",
            message,
            time,
            sink,
        );
        let draft = Draft {
            instrument: at,
            side: liquidation.side,
            quantity: liquidation.quantity,
            purpose: OrderPurpose::Liquidation,
            reason: Cow::Borrowed("liquidation"),
            decision_price: liquidation.mark,
            ..Draft::BLANK
        };
        self.place(draft, time, sink);
    }

    /// Brings the prices between which positions are covered in step with the account: that of the strategy's instrument, and
    /// that of the one whose bar is walked.
    pub(super) fn refresh_cover(&mut self) {
        self.cached.covered = self.cover_of(InstrumentId::PRIMARY);
        if let Some((at, _)) = self.cached.walked {
            self.cached.walked = Some((at, self.cover_of(at)));
        }
    }

    /// The prices of an instrument between which the account covers its position in it, all else at its last price: what lies
    /// outside calls the margin.
    fn cover_of(&mut self, at: InstrumentId) -> (f64, f64) {
        let everything = (f64::NEG_INFINITY, f64::INFINITY);
        if !self.account.needs_cover() || self.account.holding(at).is_flat() {
            return everything;
        }
        self.mark_account();
        // Where the venue tells a mark price, that decides, not what was traded.
        let market = self.market(at);
        let price = self.account.liquidation_price(at);
        let Some(price) = price.filter(|_| market.mark_price.is_none()) else {
            return everything;
        };
        let price = price.to_f64();
        if self.account.holding(at).quantity().is_sign_negative() {
            (everything.0, price)
        } else {
            (price, everything.1)
        }
    }

    /// Begins to watch the cover of a position in another instrument than the strategy's first, while its bar is walked.
    #[inline]
    pub(super) fn watch_walk(&mut self, at: InstrumentId) {
        if at != InstrumentId::PRIMARY {
            self.cached.walked = Some((at, self.cover_of(at)));
        }
    }

    /// The prices of an instrument whose bar is walked between which its position is covered.
    #[inline]
    pub(super) fn covered(&self, at: InstrumentId) -> (f64, f64) {
        match self.cached.walked {
            Some((walked, covered)) if walked == at => covered,
            _ if at == InstrumentId::PRIMARY => self.cached.covered,
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        }
    }

    pub(super) fn tell_flow<S: Sink>(&mut self, flow: Option<CashFlow>, sink: &mut S) {
        let Some(flow) = flow else { return };
        let cash = self.refresh_cache();
        self.tell_account(cash, sink);
        self.emit(flow.time, EventKind::CashFlow { flow, cash }, sink);
    }

    fn tell_effect<S: Sink>(&mut self, at: InstrumentId, effect: FillEffect, time: Timestamp, sink: &mut S) {
        self.rehold_others(at, None);
        let cash = self.refresh_cache();
        self.tell_account(cash, sink);
        if let Some(trade) = effect.opened {
            self.tell_opened(at, trade, time, sink);
        }
        if let Some(trade) = effect.closed {
            self.end_trade(at, trade, time, sink);
        }
        self.tell_position(at, time, sink);
    }

    fn tell_position<S: Sink>(&mut self, at: InstrumentId, time: Timestamp, sink: &mut S) {
        let cash = self.refresh_cache();
        self.tell_account(cash, sink);
        self.tell_changed(at, time, sink);
    }
}

/// An order after a split; `None` when less than a lot is left of it.
fn divided(instrument: &Instrument, order: &Order, ratio: Decimal) -> Option<Order> {
    let rest = quantity_after_split(instrument, order.remaining(), ratio)?;
    let exact = |amount: Decimal| amount.round_dp(Money::SCALE).normalize();
    let filled = Quantity(exact(order.filled.0 * ratio));
    let quantity = Quantity(filled.0 + rest.0);
    let given_up = Quantity(exact(order.given_up.0 * ratio));
    // What an attached order does not have yet comes in whole lots.
    let to_come = Quantity(order.asked.0 - order.given_up.0 - order.quantity.0);
    let to_come = quantity_after_split(instrument, to_come, ratio).unwrap_or(Quantity::ZERO);
    Some(Order {
        kind: kind_after_split(instrument, order.side, order.kind, ratio),
        quantity,
        asked: Quantity(quantity.0 + given_up.0 + to_come.0),
        given_up,
        display: order
            .display
            .and_then(|shown| quantity_after_split(instrument, shown, ratio)),
        filled,
        average_price: order.average_price.map(|price| Price(exact(price.0 / ratio))),
        decision_price: Price(exact(order.decision_price.0 / ratio)),
        ..order.clone()
    })
}

/// What an order waits for after a split.
pub(super) fn kind_after_split(
    instrument: &Instrument,
    side: Side,
    kind: OrderKind,
    ratio: Decimal,
) -> OrderKind {
    match with_prices(kind, |role, price| {
        price_after_split(instrument, role, side, price, ratio)
    }) {
        OrderKind::TrailingStop {
            stop_price,
            trail: Trail::Amount(amount),
        } => OrderKind::TrailingStop {
            stop_price,
            trail: Trail::Amount(amount / ratio),
        },
        other => other,
    }
}

/// An order on the ex-date of a dividend.
fn reduced(instrument: &Instrument, order: &Order, per_share: Decimal) -> Order {
    Order {
        kind: with_prices(order.kind, |role, price| {
            price_after_dividend(instrument, role, order.side, price, per_share).unwrap_or(price)
        }),
        ..order.clone()
    }
}

/// The same kind at other prices. Both prices of a stop-limit follow its stop: they lie on the same side of the market.
fn with_prices(kind: OrderKind, at: impl Fn(PriceRole, Price) -> Price) -> OrderKind {
    use PriceRole::{Limit, Stop};
    match kind {
        OrderKind::Market => OrderKind::Market,
        OrderKind::Limit { price } => OrderKind::Limit {
            price: at(Limit, price),
        },
        OrderKind::Stop { stop_price } => OrderKind::Stop {
            stop_price: at(Stop, stop_price),
        },
        OrderKind::TrailingStop { stop_price, trail } => OrderKind::TrailingStop {
            stop_price: at(Stop, stop_price),
            trail,
        },
        OrderKind::StopLimit { stop_price, price } => OrderKind::StopLimit {
            stop_price: at(Stop, stop_price),
            price: at(Stop, price),
        },
        OrderKind::TakeProfit { stop_price } => OrderKind::TakeProfit {
            stop_price: at(Limit, stop_price),
        },
        OrderKind::TakeProfitLimit { stop_price, price } => OrderKind::TakeProfitLimit {
            stop_price: at(Limit, stop_price),
            price: at(Limit, price),
        },
    }
}
