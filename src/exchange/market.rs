//! One instrument's market as a session sees it, and our orders in it.

use super::{
    Conditions, DataTier, Met, OwnLiquidity, QueueModel, QueuePosition, QueueStory, Silence, TierChange,
    WorkingOrders, rests,
};
use crate::market::{
    BookCondition, CalendarId, DepthKind, DepthUpdate, Grid, Level, OrderBook, Phase, PhaseCursor, Quote,
    TradeTick,
};
use crate::model::{Instrument, Money, OrderId, Price, Side, Timestamp};
use crate::order::{Awaits, Order};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Whether an instrument trades.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TradingStatus {
    /// It does, when its market is open.
    #[default]
    Trading,
    /// It is halted for a while: orders rest, nothing fills.
    Halted,
    /// Its data has a gap: what was known of the book is not known any more.
    Gap,
    /// It has ended: expired or delisted.
    Ended,
}

/// What a venue said that a position is to be valued at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkPrice {
    /// The price.
    pub price: Price,
    /// Until when it counts: a venue that tells marks tells the next one long before.
    pub until: Timestamp,
}

/// What is known of one instrument's market, and our orders in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Market {
    instrument: Instrument,
    grid: Grid,
    /// Half a tick: room for what floats round.
    half_tick: f64,
    /// Our orders.
    pub orders: WorkingOrders,
    /// Where those that rest at a price stand in its queue.
    queues: Vec<QueueEntry>,
    /// The last price seen: a bar's close, a trade, or a quote's mid.
    pub last_price: Option<f64>,
    /// The last trade where only trades are known, and how many of its lots our orders have left.
    pub last_trade: Option<(TradeTick, i64)>,
    /// The venue's mark price, where it tells one and has lately: by it positions are covered.
    pub mark_price: Option<MarkPrice>,
    /// The best bid and ask, as the finest data has them.
    pub quote: Option<Quote>,
    /// What rests at which price; one level a side when only quotes are known.
    book: OrderBook,
    own: OwnLiquidity,
    /// The finest data of ticks that is alive; `None` while there are bars only.
    tier: Option<DataTier>,
    /// When the last tick came.
    tick_time: Option<Timestamp>,
    /// What went on beside the book since it last said something.
    silence: Silence,
    /// Books that fell silent, kept until they speak again.
    aside: Vec<Aside>,
    /// What fell silent or came back with the last tick, until the engine has told it.
    tier_change: Option<TierChange>,
    /// The number of the input that brought the book as it stands.
    pub told_by: u64,
    /// Volume and volatility, for the models that want them.
    pub conditions: Conditions,
    shut: Shut,
    phases: PhaseCursor,
    /// For quotes, so that they need no allocation.
    #[serde(skip, default = "empty_update")]
    scratch: DepthUpdate,
}

/// A book that fell silent.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Aside {
    tier: DataTier,
    /// When it last said something.
    told_at: Timestamp,
    book: OrderBook,
    own: OwnLiquidity,
}

/// What keeps an instrument from trading, each for itself: the end of a gap ends no halt, and nothing ends an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Shut {
    halted: bool,
    gap: bool,
    ended: bool,
}

/// An order that rests in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct QueueEntry {
    order: OrderId,
    side: Side,
    /// Its price, in ticks.
    price: i64,
    place: QueuePosition,
}

fn half_tick(instrument: &Instrument) -> f64 {
    0.5 * Price(instrument.tick()).to_f64()
}

fn empty_update() -> DepthUpdate {
    DepthUpdate {
        time: Timestamp::EPOCH,
        kind: DepthKind::Snapshot,
        bids: Vec::new(),
        asks: Vec::new(),
    }
}

impl Market {
    /// A market of which nothing is known yet.
    #[must_use]
    pub fn new(instrument: Instrument, conditions: Conditions) -> Self {
        Self {
            grid: Grid::of(&instrument),
            half_tick: half_tick(&instrument),
            phases: PhaseCursor::new(instrument.calendar()),
            instrument,
            orders: WorkingOrders::default(),
            queues: Vec::new(),
            last_price: None,
            last_trade: None,
            mark_price: None,
            quote: None,
            book: OrderBook::default(),
            own: OwnLiquidity::default(),
            tier: None,
            tick_time: None,
            silence: Silence::default(),
            aside: Vec::new(),
            tier_change: None,
            told_by: 0,
            conditions,
            shut: Shut::default(),
            scratch: empty_update(),
        }
    }

    /// What is traded.
    #[must_use]
    pub const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    /// Goes on as another instrument: a new symbol, another lot.
    pub fn become_instrument(&mut self, instrument: Instrument) {
        self.grid = Grid::of(&instrument);
        self.half_tick = half_tick(&instrument);
        self.instrument = instrument;
    }

    /// Half a tick, in quote currency: room for what floats round.
    #[must_use]
    pub const fn half_tick(&self) -> f64 {
        self.half_tick
    }

    /// The border to ticks and lots.
    #[must_use]
    pub const fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Each unit became `ratio` units: what was known of prices is divided, what was known of the book is forgotten.
    pub fn split(&mut self, ratio: Decimal) {
        let divide = |price: Price| Price((price.0 / ratio).round_dp(Money::SCALE).normalize());
        if let Some(mark) = &mut self.mark_price {
            mark.price = divide(mark.price);
        }
        self.last_price = self.last_price().map(|price| divide(price).to_f64());
        self.conditions.split(Price(ratio).to_f64());
        self.forget_book();
    }

    /// The order book; one level a side when only quotes are known.
    #[must_use]
    pub const fn book(&self) -> &OrderBook {
        &self.book
    }

    /// The finest data of ticks that is alive; `None` while there are bars only.
    #[must_use]
    pub const fn tier(&self) -> Option<DataTier> {
        self.tier
    }

    /// When the last tick came.
    #[must_use]
    pub const fn tick_time(&self) -> Option<Timestamp> {
        self.tick_time
    }

    /// The last price seen, on the nearest tick.
    #[must_use]
    pub fn last_price(&self) -> Option<Price> {
        self.instrument.price_from_f64(self.last_price?)
    }

    /// Whether it trades.
    #[must_use]
    #[inline]
    pub const fn status(&self) -> TradingStatus {
        match self.shut {
            Shut { ended: true, .. } => TradingStatus::Ended,
            Shut { gap: true, .. } => TradingStatus::Gap,
            Shut { halted: true, .. } => TradingStatus::Halted,
            Shut { .. } => TradingStatus::Trading,
        }
    }

    /// Takes in what is said of its trading: it is halted, its data has a gap, it has ended, or it trades, which ends halt and
    /// gap. A gap that falls into a halt leaves the halt, when a new book has ended it; what has ended stays so. What was
    /// known of the book, and the mark price, is forgotten with a gap, and with an end.
    pub fn set_status(&mut self, status: TradingStatus) {
        match status {
            TradingStatus::Trading => (self.shut.halted, self.shut.gap) = (false, false),
            TradingStatus::Halted => self.shut.halted = true,
            TradingStatus::Gap => self.shut.gap = true,
            TradingStatus::Ended => self.shut.ended = true,
        }
        if matches!(status, TradingStatus::Gap | TradingStatus::Ended) {
            self.forget_book();
            self.mark_price = None;
        }
    }

    /// The phase of the trading day at `time`.
    #[inline]
    #[must_use]
    pub fn phase(&mut self, time: Timestamp) -> Phase {
        self.phases.phase(time)
    }

    /// Which hours it keeps.
    #[must_use]
    pub const fn calendar(&self) -> CalendarId {
        self.phases.calendar()
    }

    fn forget_book(&mut self) {
        self.book = OrderBook::default();
        self.own = OwnLiquidity::default();
        self.queues.clear();
        self.tier = None;
        self.quote = None;
        self.last_trade = None;
        self.silence = Silence::default();
        self.aside.clear();
    }

    /// Others traded at `price`, beside the book; it is set aside when it has been silent for too long.
    pub fn trade_beside(&mut self, price: Price, time: Timestamp) {
        if !self.tells_beside(time) {
            return;
        }
        let Ok(price) = self.grid.ticks_of(price) else {
            return;
        };
        let contradicts = self.best(Side::Buy).is_some_and(|bid| price < bid)
            || self.best(Side::Sell).is_some_and(|ask| price > ask);
        if self.silence.note(time, contradicts) {
            self.set_aside();
        }
    }

    /// A quote came beside the order book; says whether that was set aside.
    #[cold]
    fn quote_beside(&mut self, bid: i64, ask: i64, time: Timestamp) -> bool {
        let shows = (self.best(Side::Buy), self.best(Side::Sell));
        let is_silent = self.tells_beside(time) && self.silence.note(time, shows != (Some(bid), Some(ask)));
        if is_silent {
            self.set_aside();
        }
        is_silent
    }

    /// Whether a tick at `time` tells of a market that trades and that the book, if one is known, could have told of since.
    fn tells_beside(&self, time: Timestamp) -> bool {
        matches!(self.tier, Some(DataTier::Quotes | DataTier::Depth))
            && self.status() == TradingStatus::Trading
            && self.tick_time.is_some_and(|told| told < time)
    }

    /// Whether the book of a tier fell silent.
    fn is_aside(&self, tier: DataTier) -> bool {
        self.aside.iter().any(|aside| aside.tier == tier)
    }

    /// Gives the book up until it speaks again: nothing fills on it. Those that stand in its queues stay there.
    #[cold]
    fn set_aside(&mut self) {
        let (Some(tier), Some(told_at)) = (self.tier, self.tick_time) else {
            return;
        };
        self.aside.retain(|aside| aside.tier != tier);
        self.aside.push(Aside {
            tier,
            told_at,
            book: std::mem::take(&mut self.book),
            own: std::mem::take(&mut self.own),
        });
        self.silence.end();
        self.quote = None;
        self.tier = Some(DataTier::Trades);
        self.tier_change = Some(TierChange {
            from: tier,
            to: DataTier::Trades,
            told_at,
        });
    }

    /// While a book is set aside, one speaks: the same as it stood, to be changed by what it says, or another.
    #[cold]
    fn speaks(&mut self, tier: DataTier) {
        let from = self.tier.unwrap_or(DataTier::Trades);
        let told_at = self.aside.first().map_or(Timestamp::EPOCH, |aside| aside.told_at);
        if let Some(place) = self.aside.iter().position(|aside| aside.tier == tier) {
            let aside = self.aside.remove(place);
            (self.book, self.own) = (aside.book, aside.own);
            self.quote = match self.book.condition() {
                BookCondition::Open | BookCondition::Locked => self.book.quote(&self.grid),
                BookCondition::OneSided | BookCondition::Crossed => None,
            };
        }
        if tier == DataTier::Depth {
            self.aside.clear();
        }
        if from != tier {
            // A quote that ends the silence of the order book finds it just set aside.
            let lost = self.tier_change.take();
            self.tier_change = Some(TierChange {
                from: lost.map_or(from, |lost| lost.from),
                to: tier,
                told_at: lost.map_or(told_at, |lost| lost.told_at),
            });
        }
        self.tier = Some(tier);
    }

    /// What fell silent or came back with the last tick, for the engine to tell.
    #[inline]
    pub fn take_tier_change(&mut self) -> Option<TierChange> {
        self.tier_change.take()
    }

    /// Since when the market contradicts the book, if that is so long at `now` that it fills nobody until it speaks.
    #[must_use]
    pub const fn doubted_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.silence.doubted_since(now)
    }

    /// Takes in a quote; says whether it is one (not crossed, not empty, finite, on its ticks). Where the order book is
    /// known, quotes say nothing new.
    #[inline]
    pub fn on_quote(&mut self, quote: &Quote, model: &QueueModel) -> bool {
        let (Some(bid), Some(ask)) = (self.ticks(quote.bid), self.ticks(quote.ask)) else {
            return false;
        };
        // A quote that comes late tells of a market that is gone.
        let is_late = self.tick_time.is_some_and(|last| quote.time < last);
        if bid > ask || is_late {
            return false;
        }
        if self.tier == Some(DataTier::Depth) && !self.quote_beside(bid, ask, quote.time) {
            return false;
        }
        if !self.aside.is_empty() {
            self.speaks(DataTier::Quotes);
        }
        self.silence.end();
        let level = |price, size| Level {
            price,
            size: self.grid.lots(size).unwrap_or(0),
        };
        let (bid, ask) = (level(bid, quote.bid_size), level(ask, quote.ask_size));
        let mut update = std::mem::replace(&mut self.scratch, empty_update());
        update.time = quote.time;
        update.bids.clear();
        update.bids.push(bid);
        update.asks.clear();
        update.asks.push(ask);
        self.apply(&update, model);
        self.scratch = update;
        self.tier = Some(DataTier::Quotes);
        self.tick_time = Some(quote.time);
        self.quote = Some(*quote);
        self.last_price = Some(quote.mid());
        if self.queues.len() < self.orders.limits()
            && self.orders.is_at_touch(quote.bid, quote.ask, self.half_tick)
        {
            self.join_waiting(model);
        }
        true
    }

    /// Takes in a quote that a model made, where nobody quotes; says whether it is one.
    pub fn on_model_quote(&mut self, quote: &Quote, model: &QueueModel) -> bool {
        let is_one = self.on_quote(quote, model);
        if is_one {
            self.tier = Some(DataTier::Model);
        }
        is_one
    }

    /// Takes in changes of the order book; says whether the best prices or sizes changed.
    #[inline]
    pub fn on_depth(&mut self, update: &DepthUpdate, model: &QueueModel) -> bool {
        let is_known = self.tier == Some(DataTier::Depth);
        if update.kind == DepthKind::Changes && !is_known && !self.is_aside(DataTier::Depth) {
            // Changes of a book that is not known.
            return false;
        }
        if !self.aside.is_empty() {
            self.speaks(DataTier::Depth);
        }
        self.silence.end();
        if update.kind == DepthKind::Snapshot {
            self.shut.gap = false;
        }
        let before = (self.book.best_bid(), self.book.best_ask());
        self.apply(update, model);
        self.tier = Some(DataTier::Depth);
        self.tick_time = self.tick_time.max(Some(update.time));
        if self.queues.len() < self.orders.limits() {
            self.join_waiting(model);
        }
        if before == (self.book.best_bid(), self.book.best_ask()) {
            return false;
        }
        if matches!(self.book.condition(), BookCondition::Open | BookCondition::Locked) {
            self.quote = self.book.quote(&self.grid);
            if let Some(quote) = self.quote {
                self.last_price = Some(quote.mid());
            }
        }
        true
    }

    /// The best bid and ask of the book, while it has both and they do not cross.
    #[must_use]
    pub fn quote_of_book(&self) -> Option<Quote> {
        // It was taken when the best prices last changed.
        self.quote
            .filter(|_| matches!(self.book.condition(), BookCondition::Open | BookCondition::Locked))
    }

    /// Takes note of a trade where neither quotes nor book are known.
    pub fn on_trade_only(&mut self, time: Timestamp) {
        self.tick_time = self.tick_time.max(Some(time));
        self.tier.get_or_insert(DataTier::Trades);
    }

    fn apply(&mut self, update: &DepthUpdate, model: &QueueModel) {
        let (own, queues) = (&mut self.own, &mut self.queues);
        self.book.apply_with(update, |change| {
            own.level_changed(&change);
            for entry in queues.iter_mut() {
                if entry.price == change.price && entry.side == change.side {
                    entry.place.on_level_change(model, change.before, change.after);
                }
            }
        });
    }

    /// Whether orders can be filled from the book now: it trades, and its best prices are not crossed.
    #[must_use]
    pub fn is_open_to_fills(&self) -> bool {
        self.status() == TradingStatus::Trading && self.book.condition() != BookCondition::Crossed
    }

    /// The best price of a side in ticks, as the book shows it.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<i64> {
        match side {
            Side::Buy => self.book.best_bid(),
            Side::Sell => self.book.best_ask(),
        }
        .map(|level| level.price)
    }

    /// The book and what our orders took of it, for a sweep.
    pub const fn liquidity(&mut self) -> (&OrderBook, &mut OwnLiquidity, &Grid) {
        (&self.book, &mut self.own, &self.grid)
    }

    /// What our orders have taken of it.
    #[must_use]
    pub const fn own(&self) -> &OwnLiquidity {
        &self.own
    }

    /// A price in ticks, on the nearest one.
    fn ticks(&self, price: f64) -> Option<i64> {
        self.grid.ticks(price).ok().or_else(|| {
            let nearest = self.instrument.price_from_f64(price)?;
            self.grid.ticks_of(nearest).ok()
        })
    }

    /// What is met at a level of the book.
    #[must_use]
    pub fn met(&self, price: Price, depth: usize) -> Met {
        match (self.tier, self.quote) {
            (Some(DataTier::Depth), _) | (_, None) => Met::Level {
                time: self.book.time(),
                price,
                depth: u16::try_from(depth).unwrap_or(u16::MAX),
            },
            (_, Some(quote)) => Met::Quote {
                time: quote.time,
                bid: quote.bid,
                ask: quote.ask,
            },
        }
    }

    /// Whether an order has still to take what it can reach: it is a limit that has not met an open market yet, and the
    /// book, where one is known, reaches it.
    #[must_use]
    pub fn has_to_take(&self, order: &Order) -> bool {
        let reaches = |limit: Price, other: Price| match order.side {
            Side::Buy => other <= limit,
            Side::Sell => other >= limit,
        };
        self.orders.is_arriving(order.id)
            && match (order.awaits(), self.best(order.side.opposite())) {
                (Awaits::Limit(limit), Some(other)) => reaches(limit, self.grid.price(other)),
                _ => true,
            }
    }

    /// Puts an order that rests at `price` into the queue there, if it is known how long that is: the level is shown, or
    /// it lies between the best prices, where nobody is.
    pub fn join_queue(&mut self, order: OrderId, side: Side, price: Price, model: &QueueModel) {
        self.leave_queue(order);
        let (Ok(price), Some(best)) = (self.grid.ticks_of(price), self.best(side)) else {
            return;
        };
        let is_behind = match side {
            Side::Buy => price < best,
            Side::Sell => price > best,
        };
        if is_behind && self.tier != Some(DataTier::Depth) {
            return;
        }
        let shown = self.book.size_at(side, price);
        self.queues.push(QueueEntry {
            order,
            side,
            price,
            place: QueuePosition::join(model, shown),
        });
    }

    /// Orders that rest at a price whose queue was not known join it as soon as it is: the best price has come to them, or
    /// the book is known at last.
    #[cold]
    fn join_waiting(&mut self, model: &QueueModel) {
        let count = self.orders.iter().len();
        for index in 0..count {
            let order = self.orders.at(index);
            if let (Awaits::Limit(price), true) = (order.awaits(), rests(order))
                && !self.is_queued(order.id)
            {
                let (id, side) = (order.id, order.side);
                self.join_queue(id, side, price, model);
            }
        }
    }

    /// Takes an order out of its queue.
    pub fn leave_queue(&mut self, order: OrderId) {
        self.queues.retain(|entry| entry.order != order);
    }

    /// Lots of the market ahead of an order; `None` when it stands in no queue.
    #[must_use]
    pub fn ahead_of(&self, order: OrderId) -> Option<i64> {
        let entry = self.queues.iter().find(|entry| entry.order == order)?;
        Some(entry.place.ahead())
    }

    /// Whether an order stands in a queue.
    #[must_use]
    pub fn is_queued(&self, order: OrderId) -> bool {
        self.queues.iter().any(|entry| entry.order == order)
    }

    /// Lots of a trade at the order's price that reach the order, after those ahead of it; `None` when it stands in no
    /// queue.
    pub fn trade_reaches(&mut self, order: OrderId, lots: i64) -> Option<i64> {
        let tier = self.tier;
        let entry = self.queues.iter_mut().find(|entry| entry.order == order)?;
        Some(match tier {
            // The quote that a trade changed is often told before it.
            Some(DataTier::Quotes) => entry.place.on_trade_told_late(lots),
            _ => entry.place.on_trade(lots),
        })
    }

    /// Where an order stands in its queue.
    #[must_use]
    pub fn queue_of(&self, order: OrderId) -> Option<QueueStory> {
        let entry = self.queues.iter().find(|entry| entry.order == order)?;
        Some(QueueStory {
            ahead_at_entry: self.grid.quantity(entry.place.at_entry()),
            ahead_at_fill: self.grid.quantity(entry.place.ahead()),
        })
    }
}
