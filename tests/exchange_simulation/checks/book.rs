//! What a market shows, and what our orders have taken of it.

use super::holds::Span;
use super::queue::QueueCheck;
use super::{Verdict, ensure};
use papertape::engine::ExecutionConfig;
use papertape::exchange::{DataTier, TierChange, TradingStatus};
use papertape::market::{
    Bar, Calendar, DepthKind, DepthUpdate, Grid, Level, MarketEvent, Phase, Quote, TradeTick,
};
use papertape::model::{Instrument, InstrumentKind, Price, Quantity, Side, Timestamp};
use papertape::order::Order;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// A level as it is shown, and what our orders took of it since it last changed, in lots.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    pub(super) size: i64,
    pub(super) taken: i64,
}

/// A book by side: the size of each price in ticks.
pub(super) type Sides = [BTreeMap<i64, Shown>; 2];

/// One instrument's market, kept from the inputs.
#[derive(Clone, Debug)]
pub(super) struct MarketModel {
    pub(super) instrument: Instrument,
    pub(super) grid: Grid,
    pub(super) execution: ExecutionConfig,
    pub(super) status: TradingStatus,
    pub(super) tier: Option<DataTier>,
    pub(super) tick_time: Option<Timestamp>,
    pub(super) bids: BTreeMap<i64, Shown>,
    pub(super) asks: BTreeMap<i64, Shown>,
    /// What went on beside the book since it last said something: when, and whether the book contradicts it.
    pub(super) beside: Vec<(Timestamp, bool)>,
    /// Books that fell silent, and when they last said something.
    pub(super) aside: BTreeMap<DataTier, (Timestamp, Sides)>,
    /// The change of what orders meet that this input has to bring about.
    pub(super) due: Option<TierChange>,
    /// What a fill that meets this input's data finds, until it is taken in.
    pub(super) coming: Option<(DataTier, DepthUpdate)>,
    /// The last trade, where only trades are known, and what our orders took of it: at a close that nobody prints it stands
    /// for the auction.
    pub(super) last_trade: Option<(TradeTick, Decimal)>,
    /// What our orders took of this input's trade or bar.
    pub(super) taken: Decimal,
    /// Whether this input's bar told something new.
    pub(super) is_bar_news: bool,
    /// Of an option: what our orders took of the model's quotes, by their time and our side.
    pub(super) model_taken: BTreeMap<(Timestamp, Side), Decimal>,
    /// The book as it was before this input.
    pub(super) before: Option<Sides>,
    pub(super) queues: QueueCheck,
    /// The prices of the last trades: bars in the making may close at one.
    pub(super) traded: Span,
    /// The last trade: who took, at which price in ticks.
    pub(super) last_print: Option<(Side, i64)>,
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
            before: None,
            queues: QueueCheck::default(),
            traded: Span::default(),
            last_print: None,
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
        self.before = Some([self.bids.clone(), self.asks.clone()]);
        if let MarketEvent::Trade(trade) = event
            && let Some(price) = self.ticks_of_price(trade.price)
        {
            let lots = self.lots_in(trade.size);
            self.queues.trade(trade.aggressor.opposite(), price, lots);
            self.traded = Span::default();
            if let Some((_, before)) = self.last_print {
                self.traded.note(self.grid.price(before).0);
            }
            self.traded.note(self.grid.price(price).0);
            self.last_print = Some((trade.aggressor, price));
        }
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
    pub(super) fn beyond(&self) -> &[(Timestamp, bool)] {
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
        self.queues.forget();
        self.before = None;
    }

    pub(super) const fn is_option(&self) -> bool {
        matches!(self.instrument.kind(), InstrumentKind::Option(_))
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

    pub(super) fn take_in(&mut self) {
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
        let mut queues = std::mem::take(&mut self.queues);
        queues.told(&update, |side, price| self.size_at(side, price));
        self.queues = queues;
    }

    pub(super) fn size_at(&self, side: Side, price: i64) -> i64 {
        let levels = if side == Side::Buy { &self.bids } else { &self.asks };
        levels.get(&price).map_or(0, |shown| shown.size)
    }

    /// What a price showed before this input.
    pub(super) fn size_before(&self, side: Side, price: i64) -> i64 {
        let Some([bids, asks]) = &self.before else {
            return self.size_at(side, price);
        };
        let levels = if side == Side::Buy { bids } else { asks };
        levels.get(&price).map_or(0, |shown| shown.size)
    }

    /// The best price of a side before this input, in ticks.
    pub(super) fn best_before(&self, side: Side) -> Option<i64> {
        let [bids, asks] = self.before.as_ref()?;
        match side {
            Side::Buy => bids.keys().next_back(),
            Side::Sell => asks.keys().next(),
        }
        .copied()
    }

    pub(super) fn ticks(&self, price: Price) -> Option<i64> {
        self.grid.ticks_of(price).ok()
    }

    pub(super) fn ticks_of_price(&self, price: f64) -> Option<i64> {
        self.ticks(self.instrument.price_from_f64(price)?)
    }

    pub(super) fn lots_of(&self, quantity: Quantity) -> i64 {
        self.grid.lots_of(quantity).unwrap_or(i64::MAX)
    }

    pub(super) fn lots_in(&self, size: f64) -> i64 {
        self.grid.lots(size).unwrap_or(0)
    }

    pub(super) const fn queues(&self) -> &QueueCheck {
        &self.queues
    }

    pub(super) const fn queues_mut(&mut self) -> &mut QueueCheck {
        &mut self.queues
    }

    /// The prices of the last trades.
    pub(super) const fn traded(&self) -> Span {
        self.traded
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
}
