//! One instrument's market as a session sees it, and our orders in it.

mod aside;
mod queues;

use super::{
    Conditions, DataTier, Met, OwnLiquidity, QueueModel, Silence, TierChange, TradedSpread, WorkingOrders,
};
use crate::market::{
    BookCondition, CalendarId, DepthKind, DepthUpdate, Grid, Level, OrderBook, Phase, PhaseCursor, Quote,
    TradeTick,
};
use crate::model::{Instrument, Money, Price, Side, Timeframe, Timestamp};
use crate::order::{Awaits, Order};
use aside::Aside;
use queues::QueueEntry;
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
    /// What trades tell of the spread where only they are known.
    pub traded_spread: TradedSpread,
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

/// What keeps an instrument from trading, each for itself: the end of a gap ends no halt, and nothing ends an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Shut {
    halted: bool,
    gap: bool,
    ended: bool,
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
            traded_spread: TradedSpread::default(),
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

    /// Takes in what is said of its trading at `time`: it is halted, its data has a gap, it has ended, or it trades, which ends
    /// halt and gap. A gap that falls into a halt leaves the halt, when a new book has ended it; what has ended stays so. What
    /// was known of the book is forgotten with a gap, and with an end.
    pub fn set_status(&mut self, status: TradingStatus, time: Timestamp) {
        match status {
            TradingStatus::Trading => {
                self.shut.halted = false;
                self.end_gap(time);
            }
            TradingStatus::Halted => self.shut.halted = true,
            TradingStatus::Gap => self.shut.gap = true,
            TradingStatus::Ended => {
                self.shut.ended = true;
                self.mark_price = None;
            }
        }
        if matches!(status, TradingStatus::Gap | TradingStatus::Ended) {
            self.forget_book();
        }
    }

    /// The gap is over. The venue has a minute to tell a mark price anew: until then the one of before it counts, for the last
    /// trade before a gap says less.
    fn end_gap(&mut self, time: Timestamp) {
        if std::mem::take(&mut self.shut.gap)
            && let Some(mark) = &mut self.mark_price
        {
            mark.until = mark.until.max(time.plus_nanos(Timeframe::MINUTE.nanos()));
        }
    }

    /// Until when the mark price counts, where there is one; in a gap it does not grow older.
    #[must_use]
    pub fn mark_ends(&self) -> Option<Timestamp> {
        let mark = self.mark_price.filter(|_| !self.shut.gap);
        mark.map(|mark| mark.until)
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
        self.traded_spread = TradedSpread::default();
        self.silence = Silence::default();
        self.aside.clear();
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
            self.end_gap(update.time);
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
}
