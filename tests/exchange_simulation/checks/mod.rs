//! What must hold after every input, judged by models of its own that know inputs and events, not the engine's inside.

mod account;
mod book;
mod combos;
mod coverage;
mod fills;
mod flows;
mod holds;
mod lifecycle;
mod queue;
mod stuck;

pub(crate) use coverage::Coverage;

use account::AccountModel;
use book::MarketModel;
use combos::ComboCheck;
use flows::FlowModel;
use holds::{HoldModel, Span, position_changed};
use lifecycle::Lifecycle;
use papertape::engine::{Command, Engine, EngineConfig, Event, EventKind, Input, SessionState};
use papertape::exchange::{Fill, Liquidity, Met};
use papertape::market::{CorporateAction, MarketAction, MarketEvent};
use papertape::model::{
    Instrument, InstrumentId, InstrumentKind, MarginRule, Price, Side, Timeframe, Timestamp,
};
use papertape::order::{CancelReason, Order, OrderKind};
use papertape::portfolio::SharesOn;
use papertape::pricing::model_price;
use rust_decimal::Decimal;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which rule is broken.
    pub(crate) rule: &'static str,
    /// By what.
    pub(crate) detail: String,
}

pub(crate) type Verdict = Result<(), Violation>;

pub(crate) fn ensure(holds: bool, rule: &'static str, detail: impl FnOnce() -> String) -> Verdict {
    if holds {
        return Ok(());
    }
    Err(Violation {
        rule,
        detail: detail(),
    })
}

/// A rule that is wrong on purpose, to see the simulation find and shrink what breaks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Planted {
    #[default]
    Nothing,
    /// Claims that no stop order ever fills.
    StopsNeverFill,
}

/// Watches a session from outside.
pub(crate) struct Observer {
    planted: Planted,
    inputs: u64,
    seq: u64,
    time: Option<Timestamp>,
    config: EngineConfig,
    markets: Vec<MarketModel>,
    account: AccountModel,
    holds: HoldModel,
    /// The order that the last event sent out.
    submitted: Option<Order>,
    flows: FlowModel,
    /// The marks after the input before, by instrument.
    marks: Vec<Span>,
    /// What no hold had spoken for after the input before.
    available: Decimal,
    lifecycle: Lifecycle,
    combos: ComboCheck,
    pub(crate) coverage: Coverage,
}

impl Observer {
    pub(crate) fn new(config: &EngineConfig, planted: Planted) -> Self {
        Self {
            planted,
            inputs: 0,
            seq: 0,
            time: None,
            config: config.clone(),
            markets: config
                .instruments()
                .map(|instrument| MarketModel::new(instrument, &config.execution))
                .collect(),
            account: AccountModel::new(config),
            holds: HoldModel::new(config),
            submitted: None,
            flows: FlowModel::new(&config.account),
            marks: Vec::new(),
            available: config.initial_capital.amount,
            lifecycle: Lifecycle::default(),
            combos: ComboCheck::default(),
            coverage: Coverage::default(),
        }
    }

    /// Judges what one input brought about; `engine` is as it stands after it.
    pub(crate) fn judge(&mut self, input: &Input, events: &[Event], engine: &Engine) -> Verdict {
        self.inputs += 1;
        self.learn_marks(input, engine);
        if let Input::Market(_, MarketEvent::Action(_, MarketAction::Corporate(_))) = input {
            self.account.rename(engine);
        }
        if let Input::Market(at, event) = input {
            self.markets[at.index()].begin(event);
        }
        for event in events {
            self.judge_event(input, event)?;
        }
        self.judge_submitted(None)?;
        if let Input::Market(at, event) = input {
            let takes_in = matches!(
                engine.state(),
                SessionState::Running | SessionState::Paused | SessionState::Halted
            );
            if takes_in {
                self.markets[at.index()].judge_tier()?;
            }
            if takes_in
                && let MarketEvent::Trade(trade) = event
                && self.markets[at.index()]
                    .instrument()
                    .price_from_f64(trade.price)
                    .is_some()
            {
                self.flows.judge_funded(&self.account)?;
            }
            self.markets[at.index()].end(event);
        }
        for (place, market) in self.markets.iter_mut().enumerate() {
            market.follow_queues(InstrumentId(place as u16), engine);
        }
        self.lifecycle.judge(engine)?;
        self.combos.judge()?;
        self.account.judge(engine)?;
        self.holds.judge(engine)?;
        self.judge_change(input, engine)?;
        stuck::judge(input, engine, &self.markets)
    }

    /// The marks that each instrument may have had while the input was taken in: those before and after it, and all prices in it.
    fn learn_marks(&mut self, input: &Input, engine: &Engine) {
        let time = engine.market_time().unwrap_or_default();
        self.flows.begin(input, time, &self.account);
        let count = engine.config().instruments().count();
        let mut now = Vec::with_capacity(count);
        let mut spans = Vec::with_capacity(count);
        for place in 0..count {
            let market = engine.market(InstrumentId(place as u16));
            let mut after = Span::default();
            let mark = market.mark_price.map(|mark| mark.price);
            for price in mark.into_iter().chain(market.last_price()) {
                after.note(price.0);
            }
            let mut span = self.marks.get(place).copied().unwrap_or_default();
            span.join(after);
            for price in self.quoted_at_a_close(market.instrument(), time) {
                span.note(price);
            }
            if let Some(model) = self.markets.get(place) {
                span.join(model.traded());
            }
            if let Input::Market(at, event) = input
                && at.index() == place
            {
                span.join(prices_of(event, market.instrument()));
            }
            now.push(after);
            spans.push(span);
        }
        self.marks = now;
        self.holds.set_marks(spans);
    }

    /// What an option may have been quoted at when the bar of its shares closed that was in the making before this input, if that was
    /// over by `time`: at the model's price, on a tick or the next.
    fn quoted_at_a_close(&self, option: &Instrument, time: Timestamp) -> Vec<Decimal> {
        let (Some(model), InstrumentKind::Option(terms)) = (&self.config.option_model, option.kind()) else {
            return Vec::new();
        };
        let is_it = |market: &MarketModel| *market.instrument().symbol() == terms.underlying;
        let Some(shares) = self.markets.iter().position(is_it) else {
            return Vec::new();
        };
        let Some(told_at) = self.markets[shares].tick_time() else {
            return Vec::new();
        };
        let close = Timeframe::MINUTE.close_of(Timeframe::MINUTE.floor(told_at));
        if time < close {
            return Vec::new();
        }
        let spots = self.marks.get(shares).and_then(|marks| marks.ends());
        let prices = spots.into_iter().flat_map(|(least, most)| [least, most]);
        let prices = prices
            .filter_map(|spot| model_price(terms, close, Price(spot).to_f64(), &model.assumptions).ok())
            .filter_map(|told| option.price_from_f64(told.price));
        prices
            .flat_map(|price| [price.0 - option.tick(), price.0 + option.tick()])
            .collect()
    }

    /// A change of what is paid in full takes no more than there is, whatever other positions have gained.
    fn judge_change(&mut self, input: &Input, engine: &Engine) -> Verdict {
        let (available, before) = (engine.ledger().available().amount, self.available);
        self.available = available;
        let Input::Command(_, Command::Amend(amendment)) = input else {
            return Ok(());
        };
        let on_margin = self.config.account.shares == SharesOn::Margin;
        let is_paid_in_full = |order: &Order| {
            let instrument = engine.market(order.instrument).instrument();
            match instrument.kind() {
                InstrumentKind::Option(_) => order.side == Side::Buy,
                InstrumentKind::Equity if on_margin => false,
                kind => !kind.is_margined() && instrument.margin() == MarginRule::Full,
            }
        };
        let order = engine.open_order(amendment.order_id);
        ensure(
            !order.is_some_and(is_paid_in_full) || available >= Decimal::ZERO.min(before),
            "a change spends no more than there is",
            || format!("{available} after {before}: {order:?}"),
        )
    }

    fn judge_event(&mut self, input: &Input, event: &Event) -> Verdict {
        self.judge_submitted(Some(&event.kind))?;
        ensure(
            event.seq == self.seq + 1,
            "events are numbered without gaps",
            || format!("{} after {}", event.seq, self.seq),
        )?;
        self.seq = event.seq;
        if event.kind.is_journaled() {
            let last = self.time.unwrap_or(event.time);
            ensure(last <= event.time, "time never goes back", || {
                format!("{} after {last}: {:?}", event.time, event.kind)
            })?;
            self.time = Some(event.time);
        }
        self.coverage.note(&event.kind);
        self.combos.follow(&event.kind);
        if let EventKind::MarketStatusChanged { instrument, status } = event.kind {
            self.markets[instrument.index()].set_status(status);
        }
        if let EventKind::DataTierChanged { instrument, change } = event.kind {
            self.markets[instrument.index()].change_tier(change)?;
        }
        self.follow_instruments(&event.kind)?;
        if let EventKind::OrderFilled { fill, order, .. } = &event.kind {
            self.judge_fill(input, fill, order)?;
            self.coverage.note_fill(fill, order);
            self.coverage.note_account(self.config.instruments().count());
        }
        if let EventKind::OrderAmended {
            order_id,
            terms,
            quantity,
            ..
        } = &event.kind
            && let Some(order) = self.lifecycle.order(*order_id)
        {
            let is_larger = *quantity > order.quantity;
            self.markets[order.instrument.index()].amended(order, terms, is_larger);
        }
        if let EventKind::OrderCanceled {
            order_id,
            reason: CancelReason::NotFilledAtOnce,
        } = event.kind
            && let Some(order) = self.lifecycle.order(order_id)
        {
            self.markets[order.instrument.index()].judge_kill(input, order)?;
        }
        self.lifecycle.follow(event)?;
        self.follow_holds(&event.kind)
    }

    /// An order that went out holds what it needs; what is refused at once, in one breath, never did.
    fn judge_submitted(&mut self, next: Option<&EventKind>) -> Verdict {
        let Some(order) = self.submitted.take() else {
            return Ok(());
        };
        let is_refused =
            matches!(next, Some(EventKind::OrderRejected { order_id, .. }) if *order_id == order.id);
        if is_refused && order.hold.is_zero() {
            return Ok(());
        }
        self.holds.renew(&order, &self.account);
        self.holds.judge_new(&order)
    }

    /// What orders need after an event.
    fn follow_holds(&mut self, kind: &EventKind) -> Verdict {
        let changed = position_changed(kind);
        match kind {
            EventKind::OrderSubmitted { order } => self.submitted = Some(order.clone()),
            EventKind::OrderAttached { order } => self.holds.renew(order, &self.account),
            EventKind::OrderAmended { order_id, .. } => {
                if let Some(order) = self.lifecycle.order(*order_id) {
                    self.holds.renew(order, &self.account);
                }
            }
            EventKind::OrderFilled { fill, order, .. } => {
                let held = self.account.quantity(order.instrument) - fill.quantity.0 * fill.side.sign();
                self.holds.fill(fill, order, held);
                let orders = self.lifecycle.orders();
                self.holds
                    .renew_all(orders, order.instrument, Some(order.id), &self.account);
            }
            EventKind::OptionExercised { instrument, .. } => {
                if let Some(shares) = self.account.shares_of(*instrument) {
                    let orders = self.lifecycle.orders();
                    self.holds.renew_all(orders, shares, None, &self.account);
                }
            }
            _ => {}
        }
        if let Some(at) = changed {
            let orders = self.lifecycle.orders();
            self.holds.renew_all(orders, at, None, &self.account);
        }
        Ok(())
    }

    /// What becomes of instruments and of what is held of them without a trade.
    fn follow_instruments(&mut self, kind: &EventKind) -> Verdict {
        match kind {
            EventKind::InstrumentListed { instrument, listed } => {
                ensure(
                    instrument.index() == self.markets.len(),
                    "an option is listed after what is there",
                    || format!("{listed:?}"),
                )?;
                self.markets
                    .push(MarketModel::new(listed, &self.config.execution));
                self.account.list(listed);
            }
            EventKind::CashFlow { flow, .. } => {
                let holds = &self.holds;
                self.flows.judge(flow, &self.account, |at| holds.marks(at))?;
                self.account.receive(flow);
            }
            EventKind::OptionExercised {
                instrument, expiry, ..
            } => self.account.deliver(*instrument, expiry),
            EventKind::CorporateAction {
                instrument,
                action: CorporateAction::Split { ratio },
            } => {
                self.markets[instrument.index()].forget();
                self.account.split(*instrument, *ratio);
                self.lifecycle.split(*instrument, *ratio);
            }
            _ => {}
        }
        Ok(())
    }

    fn judge_fill(&mut self, input: &Input, fill: &Fill, order: &Order) -> Verdict {
        let at = order.instrument;
        self.judge_explanation(fill, order)?;
        if let Some(limit) = order.kind.limit_price() {
            ensure(
                (fill.price.0 - limit.0) * fill.side.sign() <= 0.into(),
                "no limit order fills worse than its limit",
                || format!("{fill:?}\n{order:?}"),
            )?;
            ensure(
                fill.liquidity == Liquidity::Taker || fill.price == limit,
                "a maker fills at its price",
                || format!("{fill:?}\n{order:?}"),
            )?;
        }
        ensure(
            order.instructions.post_only.is_none() || fill.liquidity == Liquidity::Maker,
            "a post-only order never takes",
            || format!("{fill:?}\n{order:?}"),
        )?;
        ensure(
            self.planted != Planted::StopsNeverFill || !matches!(order.kind, OrderKind::Stop { .. }),
            "planted: no stop order ever fills",
            || format!("{fill:?}"),
        )?;
        match &self.config.option_model {
            Some(model) if self.markets[at.index()].is_option() => {
                self.markets[at.index()].judge_model_fill(fill, order, model.size)?;
            }
            _ => self.markets[at.index()].judge_fill(input, fill, order)?,
        }
        self.account.take(at, fill, order)
    }

    fn judge_explanation(&self, fill: &Fill, order: &Order) -> Verdict {
        let explanation = &fill.explanation;
        let instrument = self.markets[order.instrument.index()].instrument();
        let expected = explanation.expected_price_cost(instrument, fill.side, fill.price, fill.quantity);
        let adds_up = explanation.price_cost() == expected && explanation.fee == fill.fee;
        ensure(adds_up, "the parts of an explanation add up", || {
            format!("{expected} {fill:?}")
        })?;
        ensure(
            match explanation.met {
                // What arrives between two ticks meets the book as the earlier one left it.
                Met::Quote { .. } | Met::Level { .. } => (1..=self.inputs).contains(&explanation.tape),
                _ => explanation.tape == self.inputs,
            },
            "a fill names the input that brought it",
            || format!("input {}: {fill:?}", self.inputs),
        )?;
        let met = explanation.met.time();
        let is_later = match explanation.met {
            // What is decided while a bar is in the making can meet the rest of its path.
            Met::BarPath { open_time, .. } | Met::BarClose { open_time } => {
                explanation.decided_at <= Timeframe::MINUTE.close_of(open_time)
            }
            _ => explanation.decided_at <= met,
        };
        ensure(
            is_later && met <= fill.time,
            "an order meets what comes after its decision",
            || format!("{fill:?}"),
        )?;
        ensure(
            // An entry that waited for its position to be closed is placed in its time, and has the bar that it meets then.
            order
                .expires_at
                .is_none_or(|end| fill.time < end || end <= order.submitted_at),
            "nothing fills when its time is over",
            || format!("{fill:?}\n{order:?}"),
        )?;
        let has_arrived =
            explanation.decided_at <= explanation.arrived_at && explanation.arrived_at <= fill.time;
        ensure(has_arrived, "an order fills after its arrival", || {
            format!("{fill:?}")
        })?;
        ensure(
            explanation
                .queue
                .is_none_or(|queue| queue.ahead_at_fill <= queue.ahead_at_entry),
            "a queue only moves forward",
            || format!("{fill:?}"),
        )
    }
}

/// The prices that an input tells.
fn prices_of(event: &MarketEvent, instrument: &Instrument) -> Span {
    let mut span = Span::default();
    let mut note = |price: f64| {
        if let Some(price) = instrument.price_from_f64(price) {
            span.note(price.0);
        }
    };
    match event {
        MarketEvent::Bar(bar) => [bar.open, bar.high, bar.low, bar.close]
            .into_iter()
            .for_each(note),
        MarketEvent::Trade(trade) => note(trade.price),
        MarketEvent::Quote(quote) => [quote.bid, quote.ask, quote.mid()].into_iter().for_each(note),
        MarketEvent::Action(
            _,
            MarketAction::MarkPrice(price)
            | MarketAction::Settlement { price }
            | MarketAction::Funding {
                mark: Some(price), ..
            }
            | MarketAction::Corporate(CorporateAction::Delisting { price: Some(price) }),
        ) => span.note(price.0),
        _ => {}
    }
    span
}

/// Every order that is open can be withdrawn, and is gone when the request has had time to arrive.
pub(crate) fn judge_cancels(engine: &Engine) -> Verdict {
    let mut engine = engine.clone();
    let open: Vec<_> = engine.open_orders().map(|order| order.id).collect();
    let now = engine.market_time().unwrap_or_default();
    let mut events = Vec::new();
    for order in &open {
        engine.process(&Input::Command(now, Command::Cancel(*order)), &mut events);
    }
    let later = now.plus_nanos(3_600_000_000_000);
    engine.process(
        &Input::Market(InstrumentId::PRIMARY, MarketEvent::Clock(later)),
        &mut events,
    );
    for order in open {
        ensure(
            engine.open_order(order).is_none() || engine.state().is_final(),
            "a cancel ends an order",
            || format!("{:?}", engine.open_order(order)),
        )?;
    }
    Ok(())
}

/// How much worse `price` is than `than` to one who trades on `side`.
pub(crate) fn worse(
    side: Side,
    price: rust_decimal::Decimal,
    than: rust_decimal::Decimal,
) -> rust_decimal::Decimal {
    (price - than) * side.sign()
}
