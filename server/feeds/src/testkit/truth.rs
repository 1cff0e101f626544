//! The market as it truly is.

use super::generate::{BEGINNING, COINS, Generator, Ware};
use papertape::{
    market::{
        Bar, BarAggregator, DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Grid, Level, OrderBook, Quote,
        TradeTick,
    },
    model::{Instrument, Side, Symbol, Timeframe, Timestamp},
};
use std::collections::VecDeque;

/// One thing that truly happened.
#[derive(Clone, Debug, PartialEq)]
pub struct TruthEvent {
    /// Of which symbol: its place in [`Truth::markets`].
    pub symbol: usize,
    /// When, in whole milliseconds.
    pub time: Timestamp,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A trade, numbered one higher than the one before.
    Trade {
        /// Its number.
        id: u64,
        /// The trade.
        trade: TradeTick,
    },
    /// The best bid and ask, when they have changed.
    Quote {
        /// The book's number that shows them.
        id: u64,
        /// The quote.
        quote: Quote,
    },
    /// Changes of the book, which go on where those before ended.
    Depth(DepthDiff),
    /// A minute with trades is over.
    Bar(Bar),
}

/// One symbol of the truth, as it stands.
#[derive(Clone, Debug)]
pub struct TrueMarket {
    /// What it is.
    pub instrument: Instrument,
    /// Its steps.
    pub grid: Grid,
    /// The book.
    pub book: OrderBook,
    /// The number of the book's last change.
    pub last_id: u64,
    /// Trades with their numbers, oldest first; see [`Truth::keeping`].
    pub trades: VecDeque<(u64, TradeTick)>,
    /// Closed bars of a minute, oldest first: those before the beginning, and those made from the trades.
    pub bars: VecDeque<Bar>,
    /// The best bid and ask.
    pub quote: Option<Quote>,
    /// Each best bid and ask, from its time on until the next; oldest first.
    pub quotes: VecDeque<Quote>,
    /// What the book was after each of its changes, oldest first.
    pub books: VecDeque<BookThen>,
    /// The bar in the making.
    making: BarAggregator,
}

/// What a book was, by what it can be known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookThen {
    /// Since when.
    pub time: Timestamp,
    /// Its best levels.
    pub best: u64,
    /// All of them.
    pub whole: u64,
}

impl BookThen {
    /// How many levels of a side count as its best.
    pub const BEST: usize = 10;

    fn of(book: &OrderBook) -> Self {
        Self {
            time: book.time(),
            best: Self::print(book, Self::BEST),
            whole: Self::print(book, usize::MAX),
        }
    }

    /// A number that two books have in common only if their first `levels` levels are the same, as good as always: FNV-1a.
    #[must_use]
    pub fn print(book: &OrderBook, levels: usize) -> u64 {
        let side = |side| book.levels(side).take(levels);
        let numbers = |level: Level| [level.price, level.size];
        side(Side::Buy)
            .chain(side(Side::Sell))
            .flat_map(numbers)
            .fold(0xcbf2_9ce4_8422_2325, |print: u64, number| {
                (print ^ number.cast_unsigned()).wrapping_mul(0x0100_0000_01b3)
            })
    }
}

impl TrueMarket {
    /// A market whose book is `snapshot`.
    #[must_use]
    pub fn new(instrument: Instrument, snapshot: &DepthSnapshot) -> Self {
        let grid = Grid::of(&instrument);
        let mut book = OrderBook::default();
        book.apply(&snapshot.update);
        let quote = book.quote(&grid);
        Self {
            quote,
            quotes: quote.into_iter().collect(),
            books: VecDeque::from([BookThen::of(&book)]),
            instrument,
            grid,
            book,
            last_id: snapshot.last_id,
            trades: VecDeque::new(),
            bars: VecDeque::new(),
            making: BarAggregator::new(Timeframe::MINUTE),
        }
    }

    /// The bar in the making.
    #[must_use]
    pub const fn open_bar(&self) -> Option<&Bar> {
        self.making.current()
    }

    /// The last price: of a trade, or the close before any.
    #[must_use]
    pub fn last_price(&self) -> f64 {
        let close = || self.bars.back().map_or(0.0, |bar| bar.close);
        self.trades.back().map_or_else(close, |(_, trade)| trade.price)
    }

    /// Bars of a length that minutes add up to, oldest first, with volumes in whole lots as venues write them; the last one may
    /// still be open.
    #[must_use]
    pub fn bars_of(&self, timeframe: Timeframe) -> Vec<Bar> {
        let minutes = self.bars.iter().chain(self.making.current());
        self.joined(minutes, Timeframe::MINUTE, timeframe)
    }

    /// Bars of a length made of these shorter ones alone.
    pub(super) fn joined<'a>(
        &self,
        shorter: impl Iterator<Item = &'a Bar>,
        length: Timeframe,
        timeframe: Timeframe,
    ) -> Vec<Bar> {
        let mut longer = BarAggregator::new(timeframe);
        let mut bars = Vec::new();
        for bar in shorter {
            let made = longer.push_bar(bar, length);
            bars.extend(made.earlier.into_iter().chain(made.completed));
        }
        bars.extend(longer.current());
        bars.into_iter().map(|bar| self.exact(bar)).collect()
    }

    /// A bar with its volume in whole lots: sums of floats are a little beside it.
    fn exact(&self, bar: Bar) -> Bar {
        let half_a_lot = 0.5 * self.grid.size_f64(1);
        let lots = self.grid.lots(bar.volume + half_a_lot).unwrap_or_default();
        Bar {
            volume: self.grid.size_f64(lots),
            ..bar
        }
    }

    /// The `depth` best levels of both sides as a snapshot.
    #[must_use]
    pub fn snapshot(&self, depth: usize) -> DepthSnapshot {
        let side = |side| self.book.levels(side).take(depth).collect();
        DepthSnapshot {
            last_id: self.last_id,
            update: DepthUpdate {
                time: self.book.time(),
                kind: DepthKind::Snapshot,
                bids: side(Side::Buy),
                asks: side(Side::Sell),
            },
        }
    }

    fn apply(&mut self, what: &What, keep: usize) {
        match what {
            What::Trade { id, trade } => {
                self.making.push_trade(trade.time, trade.price, trade.size);
                self.trades.push_back((*id, *trade));
                trim(&mut self.trades, keep);
            }
            What::Quote { quote, .. } => {
                self.quote = Some(*quote);
                self.quotes.push_back(*quote);
                trim(&mut self.quotes, keep);
            }
            What::Depth(diff) => {
                self.book.apply(&diff.update);
                self.last_id = diff.final_id;
                self.books.push_back(BookThen::of(&self.book));
                trim(&mut self.books, keep);
            }
            What::Bar(bar) => {
                self.bars.push_back(*bar);
                trim(&mut self.bars, keep);
            }
        }
    }
}

fn trim<T>(list: &mut VecDeque<T>, keep: usize) {
    while list.len() > keep {
        list.pop_front();
    }
}

/// Where events come from.
#[derive(Clone, Debug)]
enum Source {
    Generated(Box<Generator>),
    Recorded(VecDeque<TruthEvent>),
}

/// A market known to the last lot. [`Truth::next`] lets the next thing happen.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Its symbols as they stand now.
    pub markets: Vec<TrueMarket>,
    /// What time it is there.
    pub now: Timestamp,
    /// How many things have happened.
    pub told: u64,
    source: Source,
    waiting: VecDeque<TruthEvent>,
    keep: usize,
}

impl Truth {
    /// A seeded market of BTC/USD, ETH/USD and so on, up to six symbols, that begins on 2024-08-08 at 12:00:00 UTC with
    /// twelve hours of bars behind it: books of about thirty levels a side, trades that take from them, several events a
    /// second and symbol. The same seed gives the same market.
    #[must_use]
    pub fn seeded(seed: u64, symbols: usize) -> Self {
        Self::seeded_at(seed, symbols, BEGINNING)
    }

    /// The same market, begun at another time: on a whole minute.
    #[must_use]
    pub fn seeded_at(seed: u64, symbols: usize, at: Timestamp) -> Self {
        Self::seeded_of(seed, &COINS[..symbols.clamp(1, COINS.len())], at)
    }

    /// A seeded market of these, begun at a whole minute.
    #[must_use]
    pub fn seeded_of(seed: u64, wares: &[Ware], at: Timestamp) -> Self {
        let (generator, markets) = Generator::begin(seed, wares, at);
        Self::of(markets, at, Source::Generated(Box::new(generator)))
    }

    /// A market in which exactly `events` happen, in their order.
    #[must_use]
    pub fn recorded(markets: Vec<TrueMarket>, events: Vec<TruthEvent>) -> Self {
        let now = events.first().map_or(Timestamp::EPOCH, |event| event.time);
        Self::of(markets, now, Source::Recorded(events.into()))
    }

    fn of(markets: Vec<TrueMarket>, now: Timestamp, source: Source) -> Self {
        Self {
            markets,
            now,
            told: 0,
            source,
            waiting: VecDeque::new(),
            keep: usize::MAX,
        }
    }

    /// Remembers only so many trades and bars of each symbol, for runs without an end.
    #[must_use]
    pub fn keeping(mut self, keep: usize) -> Self {
        self.keep = keep;
        self
    }

    /// The market of a symbol.
    #[must_use]
    pub fn market(&self, symbol: &Symbol) -> Option<&TrueMarket> {
        self.markets
            .iter()
            .find(|market| market.instrument.symbol() == symbol)
    }

    /// The place of a symbol for which `is_it` holds, in [`Truth::markets`].
    #[must_use]
    pub fn find(&self, is_it: impl Fn(&Instrument) -> bool) -> Option<usize> {
        self.markets.iter().position(|market| is_it(&market.instrument))
    }

    /// Lets the next thing happen; `None` when a recording is over.
    pub fn advance(&mut self) -> Option<TruthEvent> {
        if self.waiting.is_empty() {
            self.draw()?;
        }
        let event = self.waiting.pop_front()?;
        self.now = self.now.max(event.time);
        self.told += 1;
        self.markets[event.symbol].apply(&event.what, self.keep);
        Some(event)
    }

    /// Puts what happens next into `waiting`, behind the bars that are over by then.
    fn draw(&mut self) -> Option<()> {
        let next = match &mut self.source {
            Source::Generated(generator) => generator.step(&self.markets, self.now),
            Source::Recorded(events) => vec![events.pop_front()?],
        };
        let time = next.first()?.time;
        for (symbol, market) in self.markets.iter_mut().enumerate() {
            if let Some(bar) = market.making.advance(time) {
                let what = What::Bar(bar);
                self.waiting.push_back(TruthEvent { symbol, time, what });
            }
        }
        self.waiting.extend(next);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::market::{BookCondition, DepthJoin};

    #[test]
    fn a_seeded_market_is_consistent_and_the_same_again() {
        let mut truth = Truth::seeded(7, 2);
        let mut again = Truth::seeded(7, 2);
        let mut joins = truth
            .markets
            .iter()
            .map(|market| {
                let mut join = DepthJoin::default();
                join.snapshot(market.snapshot(usize::MAX))
                    .expect("a first snapshot");
                join
            })
            .collect::<Vec<_>>();
        let mut time = truth.now;
        for _ in 0..20_000 {
            let event = truth.advance().expect("it has no end");
            assert_eq!(Some(&event), again.advance().as_ref());
            assert!(event.time >= time);
            time = event.time;
            if let What::Depth(diff) = &event.what {
                let update = joins[event.symbol].diff(diff.clone()).expect("no gap");
                assert!(update.is_some());
            }
            let market = &truth.markets[event.symbol];
            assert_eq!(market.book.condition(), BookCondition::Open);
        }
        for market in &truth.markets {
            assert!(market.bars.iter().zip(market.bars.iter().skip(1)).all(|(a, b)| {
                a.check().is_ok() && Timeframe::MINUTE.close_of(a.open_time) <= b.open_time
            }));
            let ids: Vec<u64> = market.trades.iter().map(|(id, _)| *id).collect();
            assert!(ids.len() > 100 && ids.windows(2).all(|pair| pair[1] == pair[0] + 1));
            let quote = market.book.quote(&market.grid).expect("both sides");
            let shown = market.quote.expect("a quote was told");
            assert_eq!((quote.bid, quote.ask_size), (shown.bid, shown.ask_size));
        }
        assert!(truth.markets.iter().all(|market| market.bars.len() > 725));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut truth = Truth::seeded(1, 1).keeping(10);
        for _ in 0..5_000 {
            truth.advance();
        }
        assert!(truth.markets[0].trades.len() <= 10 && truth.markets[0].bars.len() <= 720);
    }
}
