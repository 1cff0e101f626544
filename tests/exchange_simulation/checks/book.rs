//! What a market shows, and what our orders have taken of it.

use super::{Verdict, ensure, worse};
use papertape::engine::{ExecutionConfig, Input};
use papertape::exchange::{DataTier, Fill, Liquidity, Met, TierChange, TradingStatus};
use papertape::market::{
    Bar, Calendar, DepthKind, DepthUpdate, Grid, Level, MarketEvent, Phase, Quote, TradeTick,
};
use papertape::model::{Instrument, InstrumentKind, Price, Quantity, Side, Timeframe, Timestamp};
use papertape::order::{Order, TimeInForce};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// A level as it is shown, and what our orders took of it since it last changed, in lots.
#[derive(Clone, Copy, Debug, Default)]
struct Shown {
    size: i64,
    taken: i64,
}

/// A book by side: the size of each price in ticks.
type Sides = [BTreeMap<i64, Shown>; 2];

/// One instrument's market, kept from the inputs.
#[derive(Clone, Debug)]
pub(super) struct MarketModel {
    instrument: Instrument,
    grid: Grid,
    execution: ExecutionConfig,
    status: TradingStatus,
    tier: Option<DataTier>,
    tick_time: Option<Timestamp>,
    bids: BTreeMap<i64, Shown>,
    asks: BTreeMap<i64, Shown>,
    /// What went on beside the book since it last said something: when, and whether the book contradicts it.
    beside: Vec<(Timestamp, bool)>,
    /// Books that fell silent, and when they last said something.
    aside: BTreeMap<DataTier, (Timestamp, Sides)>,
    /// The change of what orders meet that this input has to bring about.
    due: Option<TierChange>,
    /// What a fill that meets this input's data finds, until it is taken in.
    coming: Option<(DataTier, DepthUpdate)>,
    /// The last trade, where only trades are known, and what our orders took of it: at a close that nobody prints it stands
    /// for the auction.
    last_trade: Option<(TradeTick, Decimal)>,
    /// What our orders took of this input's trade or bar.
    taken: Decimal,
    /// Whether this input's bar told something new.
    is_bar_news: bool,
    /// Of an option: what our orders took of the model's quotes, by their time and our side.
    model_taken: BTreeMap<(Timestamp, Side), Decimal>,
}

impl MarketModel {
    pub(super) fn new(instrument: &Instrument, execution: &ExecutionConfig) -> Self {
        Self {
            grid: Grid::of(instrument),
            instrument: instrument.clone(),
            execution: execution.clone(),
            status: TradingStatus::Trading,
            tier: None,
            tick_time: None,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            beside: Vec::new(),
            aside: BTreeMap::new(),
            due: None,
            coming: None,
            last_trade: None,
            taken: Decimal::ZERO,
            is_bar_news: false,
            model_taken: BTreeMap::new(),
        }
    }

    pub(super) const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    pub(super) const fn execution(&self) -> &ExecutionConfig {
        &self.execution
    }

    pub(super) const fn status(&self) -> TradingStatus {
        self.status
    }

    pub(super) const fn is_bar_news(&self) -> bool {
        self.is_bar_news
    }

    pub(super) const fn taken(&self) -> Decimal {
        self.taken
    }

    /// What is coming is known, but an order that arrived before it still meets what was shown before.
    pub(super) fn begin(&mut self, event: &MarketEvent) {
        self.taken = Decimal::ZERO;
        self.due = self.change_by(event);
        self.coming = match event {
            MarketEvent::Quote(quote) => self.of_quote(quote).map(|update| (DataTier::Quotes, update)),
            MarketEvent::Depth(update) => self.of_depth(update).map(|update| (DataTier::Depth, update)),
            _ => None,
        };
        if let MarketEvent::Bar(bar) = event {
            self.is_bar_news = self.tick_time.is_none_or(|last| last < bar.open_time);
        }
    }

    /// What an input makes orders meet from now on, if that is because a book fell silent or speaks again.
    fn change_by(&mut self, event: &MarketEvent) -> Option<TierChange> {
        let from = self.tier?;
        let change = |to, told_at| (from != to).then_some(TierChange { from, to, told_at });
        let first = self.aside.values().map(|(told_at, _)| *told_at).min();
        match event {
            MarketEvent::Trade(trade) => {
                let price = self.instrument.price_from_f64(trade.price)?;
                let price = self.grid.ticks_of(price).ok()?;
                let is_beyond = self.best(Side::Buy).is_some_and(|bid| price < bid)
                    || self.best(Side::Sell).is_some_and(|ask| price > ask);
                let is_silent = self.note_beside(trade.time, is_beyond);
                change(DataTier::Trades, self.tick_time.filter(|_| is_silent)?)
            }
            MarketEvent::Quote(quote) => {
                let (bid, ask) = self.ticks_of(quote)?;
                if from == DataTier::Depth {
                    let is_other = (self.best(Side::Buy), self.best(Side::Sell)) != (Some(bid), Some(ask));
                    let is_silent = self.note_beside(quote.time, is_other);
                    return change(DataTier::Quotes, self.tick_time.filter(|_| is_silent)?);
                }
                change(DataTier::Quotes, first?)
            }
            MarketEvent::Depth(update) => {
                let is_known =
                    update.kind == DepthKind::Snapshot || self.aside.contains_key(&DataTier::Depth);
                change(DataTier::Depth, first.filter(|_| is_known)?)
            }
            _ => None,
        }
    }

    /// A tick came beside the book; says whether that has been silent for too long: five in a row over ten seconds that it
    /// contradicts, or fifty over a minute.
    fn note_beside(&mut self, time: Timestamp, contradicts: bool) -> bool {
        let is_heard = matches!(self.tier, Some(DataTier::Quotes | DataTier::Depth))
            && self.status == TradingStatus::Trading
            && self.tick_time.is_some_and(|told| told < time);
        if !is_heard {
            return false;
        }
        self.beside.push((time, contradicts));
        let lasts = |ticks: &[(Timestamp, bool)], count, secs: i64| {
            ticks.len() >= count && time.since(ticks[0].0) >= secs * 1_000_000_000
        };
        lasts(self.beyond(), 5, 10) || lasts(&self.beside, 50, 60)
    }

    /// The last ticks beside the book that contradict it.
    fn beyond(&self) -> &[(Timestamp, bool)] {
        let unbroken = self
            .beside
            .iter()
            .rev()
            .take_while(|(_, contradicts)| *contradicts);
        &self.beside[self.beside.len() - unbroken.count()..]
    }

    /// The engine says that orders meet other data now.
    pub(super) fn change_tier(&mut self, change: TierChange) -> Verdict {
        let due = self.due.take();
        ensure(
            due == Some(change),
            "a book is given up when it has been silent for too long, and comes back when it speaks",
            || format!("{change:?} instead of {due:?}: {self:?}"),
        )?;
        if change.from > change.to {
            let sides = [std::mem::take(&mut self.bids), std::mem::take(&mut self.asks)];
            self.aside.insert(change.from, (change.told_at, sides));
            self.beside.clear();
        }
        self.tier = Some(change.to);
        if let Some((_, sides)) = self.aside.remove(&change.to) {
            [self.bids, self.asks] = sides;
        }
        if change.to == DataTier::Depth {
            self.aside.clear();
        }
        Ok(())
    }

    pub(super) fn judge_tier(&self) -> Verdict {
        ensure(
            self.due.is_none(),
            "a book that has been silent for too long is given up",
            || format!("{self:?}"),
        )
    }

    pub(super) fn end(&mut self, event: &MarketEvent) {
        self.take_in();
        if let MarketEvent::Trade(trade) = event
            && matches!(self.tier, None | Some(DataTier::Trades))
            && self.instrument.price_from_f64(trade.price).is_some()
        {
            self.tier = Some(DataTier::Trades);
            self.tick_time = Some(trade.time);
            self.last_trade = Some((*trade, self.taken));
        }
    }

    pub(super) fn set_status(&mut self, status: TradingStatus) {
        self.status = status;
        if matches!(status, TradingStatus::Gap | TradingStatus::Ended) {
            self.forget();
        }
    }

    /// Nothing is known of the market any more.
    pub(super) fn forget(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.tier = None;
        self.last_trade = None;
        self.beside.clear();
        self.aside.clear();
        self.due = None;
    }

    pub(super) const fn is_option(&self) -> bool {
        matches!(self.instrument.kind(), InstrumentKind::Option(_))
    }

    /// A fill at a price of the model: no more at one quote than it shows, at no better price.
    pub(super) fn judge_model_fill(&mut self, fill: &Fill, order: &Order, size: f64) -> Verdict {
        let told = || format!("{fill:?}\n{order:?}");
        const LIVES: &str = "an option fills at the model's quotes while it lives";
        let is_alive = self.status == TradingStatus::Trading && fill.explanation.tier == DataTier::Model;
        ensure(is_alive, LIVES, told)?;
        self.judge_hours(fill, order)?;
        let Met::Quote { time, bid, ask } = fill.explanation.met else {
            return ensure(false, LIVES, told);
        };
        let taken = self.model_taken.entry((time, fill.side)).or_default();
        *taken += fill.quantity.0;
        ensure(
            Quantity(*taken).to_f64() <= size,
            "no more of a level fills than it shows",
            told,
        )?;
        let shown = if fill.side == Side::Buy { ask } else { bid };
        let half_tick = 0.5 * Price(self.instrument.tick()).to_f64();
        let against = (fill.price.to_f64() - shown) * Price(fill.side.sign()).to_f64();
        let is_fair = fill.liquidity == Liquidity::Maker || against >= -half_tick;
        ensure(is_fair, "no taker fills better than the best price shown", told)
    }

    /// A quote's prices, if it is one and news.
    fn ticks_of(&self, quote: &Quote) -> Option<(i64, i64)> {
        let ticks = |price: f64| self.grid.ticks_of(self.instrument.price_from_f64(price)?).ok();
        let (bid, ask) = (ticks(quote.bid)?, ticks(quote.ask)?);
        let is_late = self.tick_time.is_some_and(|last| quote.time < last);
        (bid <= ask && !is_late).then_some((bid, ask))
    }

    fn of_quote(&self, quote: &Quote) -> Option<DepthUpdate> {
        let (bid, ask) = self.ticks_of(quote)?;
        if self.tier == Some(DataTier::Depth) && self.due.is_none() {
            return None;
        }
        let level = |price, size| {
            let size = self.grid.lots(size).unwrap_or(0);
            vec![Level { price, size }]
        };
        Some(DepthUpdate {
            time: quote.time,
            kind: DepthKind::Snapshot,
            bids: level(bid, quote.bid_size),
            asks: level(ask, quote.ask_size),
        })
    }

    fn of_depth(&self, update: &DepthUpdate) -> Option<DepthUpdate> {
        let is_known = update.kind == DepthKind::Snapshot
            || self.tier == Some(DataTier::Depth)
            || self.aside.contains_key(&DataTier::Depth);
        is_known.then(|| update.clone())
    }

    fn take_in(&mut self) {
        let Some((tier, update)) = self.coming.take() else {
            return;
        };
        if tier == DataTier::Depth && update.kind == DepthKind::Snapshot && self.status == TradingStatus::Gap
        {
            self.status = TradingStatus::Trading;
        }
        self.tier = Some(tier);
        self.tick_time = Some(update.time);
        self.beside.clear();
        for (known, told) in [(&mut self.bids, &update.bids), (&mut self.asks, &update.asks)] {
            if update.kind == DepthKind::Snapshot {
                known.retain(|price, _| told.iter().any(|level| level.price == *price));
            }
            for level in told {
                if level.size <= 0 {
                    known.remove(&level.price);
                    continue;
                }
                let shown = known.entry(level.price).or_default();
                if shown.size != level.size {
                    *shown = Shown {
                        size: level.size,
                        taken: 0,
                    };
                }
            }
        }
    }

    /// The best price of a side, in ticks.
    pub(super) fn best(&self, side: Side) -> Option<i64> {
        match side {
            Side::Buy => self.bids.keys().next_back(),
            Side::Sell => self.asks.keys().next(),
        }
        .copied()
    }

    pub(super) fn is_crossed(&self) -> bool {
        let (bid, ask) = (self.best(Side::Buy), self.best(Side::Sell));
        bid.zip(ask).is_some_and(|(bid, ask)| bid > ask)
    }

    /// The best price of a side at which something is left for us.
    pub(super) fn best_left(&self, side: Side) -> Option<Price> {
        let is_left = |(_, shown): &(&i64, &Shown)| shown.size > shown.taken;
        let found = match side {
            Side::Buy => self.bids.iter().rev().find(is_left),
            Side::Sell => self.asks.iter().find(is_left),
        };
        found.map(|(price, _)| self.grid.price(*price))
    }

    /// A price in ticks as a price; zero for none.
    pub(super) fn price(&self, ticks: Option<i64>) -> Price {
        ticks.map_or(Price::ZERO, |ticks| self.grid.price(ticks))
    }

    pub(super) fn tick_time(&self) -> Option<Timestamp> {
        self.tick_time
    }

    pub(super) const fn tier(&self) -> Option<DataTier> {
        self.tier
    }

    /// Whether an order may fill at `time` by the hours of the market.
    pub(super) fn is_session(&self, order: &Order, time: Timestamp) -> bool {
        match Calendar::of(self.instrument.calendar()).phase(time) {
            Phase::Regular => true,
            Phase::Pre | Phase::Post => order.instructions.extended_hours,
            Phase::Closed => false,
        }
    }

    /// The most that our orders together may take of a bar.
    pub(super) fn most_of(&self, bar: &Bar) -> Option<f64> {
        let share = self.execution.fill.volume_share?;
        let liquidity = self.execution.liquidity.at(bar.open_time).min(1.0);
        Some(bar.volume * Quantity(share).to_f64() * liquidity)
    }

    pub(super) fn judge_fill(&mut self, input: &Input, fill: &Fill, order: &Order) -> Verdict {
        if self
            .coming
            .as_ref()
            .is_some_and(|(_, update)| update.time == fill.explanation.met.time())
        {
            self.take_in();
        }
        let told = || format!("{fill:?}\n{order:?}\n{self:?}");
        ensure(
            self.status == TradingStatus::Trading,
            "nothing fills while the market is halted, gapped or over",
            told,
        )?;
        self.judge_hours(fill, order)?;
        match fill.explanation.met {
            Met::BarOpen { open_time } | Met::BarPath { open_time, .. } | Met::BarClose { open_time } => {
                self.judge_bar(input, open_time, fill)
            }
            Met::Trade { time, .. } => self.judge_trade(input, time, fill, order),
            Met::Quote { time, .. } | Met::Level { time, .. } => self.judge_level(time, fill),
            Met::Settlement { .. } => Ok(()),
        }
    }

    fn judge_hours(&self, fill: &Fill, order: &Order) -> Verdict {
        let calendar = Calendar::of(self.instrument.calendar());
        let is_timely = match order.time_in_force {
            TimeInForce::Opg => {
                calendar.next_open(order.submitted_at) <= fill.time
                    || self.is_bar_of(fill, calendar.next_open(order.submitted_at))
            }
            TimeInForce::Cls => {
                calendar.next_close(order.submitted_at) <= fill.time
                    || self.is_bar_of(fill, calendar.next_close(order.submitted_at))
            }
            _ => self.is_session(order, fill.time),
        };
        ensure(is_timely, "nothing fills outside its session", || {
            format!("{fill:?}\n{order:?}")
        })
    }

    /// Whether a fill met the bar in which, or at whose end, something was.
    fn is_bar_of(&self, fill: &Fill, time: Timestamp) -> bool {
        match fill.explanation.met {
            Met::BarOpen { open_time } | Met::BarPath { open_time, .. } | Met::BarClose { open_time } => {
                open_time <= time && time <= Timeframe::MINUTE.close_of(open_time)
            }
            _ => false,
        }
    }

    fn judge_bar(&mut self, input: &Input, open_time: Timestamp, fill: &Fill) -> Verdict {
        let bar = match input {
            Input::Market(_, MarketEvent::Bar(bar)) if bar.open_time == open_time => *bar,
            _ => {
                return ensure(false, "a fill meets the data that there is", || {
                    format!("{fill:?} in {input:?}")
                });
            }
        };
        self.taken += fill.quantity.0;
        let most = self.most_of(&bar);
        ensure(
            most.is_none_or(|most| Quantity(self.taken).to_f64() <= most * (1.0 + 1e-9)),
            "no more of a bar fills than its volume allows",
            || format!("{} of {most:?}: {fill:?}", self.taken),
        )?;
        let reference = fill.explanation.reference_price.to_f64();
        let half_tick = 0.5 * Price(self.instrument.tick()).to_f64();
        let is_met = match (fill.liquidity, fill.side) {
            (Liquidity::Taker, _) => {
                (bar.low - half_tick..=bar.high + half_tick).contains(&reference)
                    && worse(fill.side, fill.price.0, fill.explanation.reference_price.0) >= Decimal::ZERO
            }
            (Liquidity::Maker, Side::Buy) => fill.price.to_f64() >= bar.low - half_tick,
            (Liquidity::Maker, Side::Sell) => fill.price.to_f64() <= bar.high + half_tick,
        };
        ensure(is_met, "no fill flatters us: a bar was there", || {
            format!("{fill:?} in {bar:?}")
        })
    }

    fn judge_trade(&mut self, input: &Input, time: Timestamp, fill: &Fill, order: &Order) -> Verdict {
        let close = Calendar::of(self.instrument.calendar()).next_close(order.submitted_at);
        let is_at_close = order.time_in_force == TimeInForce::Cls && fill.time == close;
        let trade = match (input, &mut self.last_trade) {
            (Input::Market(_, MarketEvent::Trade(trade)), _) if trade.time == time => {
                self.taken += fill.quantity.0;
                *trade
            }
            // Nobody printed the auction: what is left of the last trade before it.
            (_, Some((trade, taken)))
                if is_at_close && trade.time == time && self.tier == Some(DataTier::Trades) =>
            {
                *taken += fill.quantity.0;
                let (trade, taken) = (*trade, *taken);
                return self.judge_quantity_of(&trade, taken, fill);
            }
            _ => {
                return ensure(false, "a fill meets the data that there is", || {
                    format!("{fill:?} in {input:?}")
                });
            }
        };
        ensure(!self.is_crossed(), "nothing fills on a crossed book", || {
            format!("{fill:?}\n{self:?}")
        })?;
        if fill.side == trade.aggressor {
            self.take_of_level(&trade, fill.quantity);
        }
        self.judge_quantity_of(&trade, self.taken, fill)
    }

    /// What one of ours got of others' trade on the taking side is gone from the level that gave it, until that changes.
    fn take_of_level(&mut self, trade: &TradeTick, quantity: Quantity) {
        let price = self.instrument.price_from_f64(trade.price);
        let price = price.and_then(|price| self.grid.ticks_of(price).ok());
        let levels = match trade.aggressor {
            Side::Buy => &mut self.asks,
            Side::Sell => &mut self.bids,
        };
        if let Some(shown) = price.and_then(|price| levels.get_mut(&price)) {
            let lots = self.grid.lots_of(quantity).unwrap_or(i64::MAX);
            shown.taken = shown.taken.saturating_add(lots).min(shown.size);
        }
    }

    /// No more than was traded, at no better price; `taken` is what our orders took of the trade, this fill included.
    fn judge_quantity_of(&self, trade: &TradeTick, taken: Decimal, fill: &Fill) -> Verdict {
        let lots = self.grid.lots_of(Quantity(taken)).unwrap_or(i64::MAX);
        let shown = self.grid.lots(trade.size).unwrap_or(0);
        ensure(lots <= shown, "no more of a trade fills than was traded", || {
            format!("{lots} of {shown} lots: {fill:?}")
        })?;
        let price = self
            .instrument
            .price_from_f64(trade.price)
            .map_or(Decimal::ZERO, |price| price.0);
        ensure(
            worse(fill.side, fill.price.0, price) >= Decimal::ZERO,
            "no fill flatters us: a trade was there",
            || format!("{fill:?} of {trade:?}"),
        )
    }

    fn judge_level(&mut self, time: Timestamp, fill: &Fill) -> Verdict {
        let told = format!("{fill:?}\n{self:?}");
        ensure(
            self.tick_time == Some(time),
            "a fill meets the data that there is",
            || told.clone(),
        )?;
        let age = fill.time.since(time) / 1_000_000;
        let is_fresh = self
            .execution
            .fill
            .stale_after_ms
            .is_none_or(|most| age <= most as i64);
        ensure(is_fresh, "nothing fills on stale data", || told.clone())?;
        let is_doubted = self
            .beyond()
            .first()
            .is_some_and(|(since, _)| fill.time.since(*since) >= 1_000_000_000);
        ensure(
            !is_doubted,
            "nothing fills on a book that the market contradicts",
            || told.clone(),
        )?;
        ensure(!self.is_crossed(), "nothing fills on a crossed book", || {
            told.clone()
        })?;
        let side = fill.side.opposite();
        let met = match fill.explanation.met {
            Met::Level { price, .. } => self.grid.ticks_of(price).ok(),
            _ => self.best(side),
        };
        let lots = self.grid.lots_of(fill.quantity).unwrap_or(i64::MAX);
        let best = self.best(side).map(|best| self.grid.price(best));
        let levels = if side == Side::Buy {
            &mut self.bids
        } else {
            &mut self.asks
        };
        let Some(shown) = met.and_then(|price| levels.get_mut(&price)) else {
            return ensure(false, "a fill meets the data that there is", || told);
        };
        shown.taken += lots;
        ensure(
            shown.taken <= shown.size,
            "no more of a level fills than it shows",
            || told.clone(),
        )?;
        let is_fair = fill.liquidity == Liquidity::Maker
            || best.is_some_and(|best| worse(fill.side, fill.price.0, best.0) >= Decimal::ZERO);
        ensure(is_fair, "no taker fills better than the best price shown", || {
            told
        })
    }

    /// An order that must fill at once was withdrawn: what it wanted was not there.
    pub(super) fn judge_kill(&mut self, input: &Input, order: &Order) -> Verdict {
        let time = match input {
            Input::Market(_, MarketEvent::Quote(quote)) => quote.time,
            Input::Market(_, MarketEvent::Depth(update)) => update.time,
            _ => return Ok(()),
        };
        let arrives_before = order.arrives_at < time;
        let Some(limit) = order.kind.limit_price().filter(|_| !arrives_before) else {
            return Ok(());
        };
        if self
            .coming
            .as_ref()
            .is_some_and(|(_, update)| update.time == time)
        {
            self.take_in();
        }
        let is_open =
            self.status == TradingStatus::Trading && !self.is_crossed() && self.is_session(order, time);
        if !is_open
            || self.tick_time != Some(time)
            || order.kind.stop_price().is_some()
            || order.parent.is_some()
        {
            return Ok(());
        }
        let levels = if order.side == Side::Buy {
            &self.asks
        } else {
            &self.bids
        };
        let within = levels
            .iter()
            .filter(|(price, _)| worse(order.side, self.grid.price(**price).0, limit.0) <= Decimal::ZERO);
        let there: i64 = within.map(|(_, shown)| shown.size - shown.taken).sum();
        let wanted = self.grid.lots_of(order.remaining()).unwrap_or(i64::MAX);
        let is_enough = match order.time_in_force {
            TimeInForce::Fok => there >= wanted,
            _ => there > 0,
        };
        ensure(!is_enough, "what must fill at once fills when it can", || {
            format!("{there} of {wanted}: {order:?}\n{self:?}")
        })
    }
}
