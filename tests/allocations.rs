//! A bar on which no order is touched costs no allocation, nor does a change of the order book.

use papertape::engine::{Command, Engine, Event, EventKind, Input, Mark, Sink};
use papertape::exchange::{OwnLiquidity, QueueModel, QueuePosition, Taker, sweep_and_take};
use papertape::market::{
    DepthKind, DepthUpdate, Level, MarketEvent, OrderBook, Quote, Random, SimulatedMarket,
    SimulatedMarketConfig, TradeTick,
};
use papertape::model::{Side, Timestamp};
use papertape::order::OrderRequest;
use papertape::testkit::config;
use rust_decimal::Decimal;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what this thread allocates.
struct Counting;

#[allow(unsafe_code)]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts journal events and keeps nothing.
#[derive(Default)]
struct Count {
    journal: u64,
    marks: u64,
}

impl Sink for Count {
    fn journal(&mut self, _event: Event) {
        self.journal += 1;
    }

    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}

    fn mark(&mut self, _mark: Mark) {
        self.marks += 1;
    }
}

#[test]
fn a_bar_without_an_order_touched_allocates_nothing() {
    let yaml = "name: cross\nsymbols: [BTC/USDT]\ntimeframe: 5m\n\
                let: {fast: 'sma(close, 20)', slow: 'ema(close, 50)', trend: 'sma(close, 20) @ 1h'}\n\
                entry: {long: 'cross_above(fast, slow) and close > trend and rsi(close, 14) < 80'}\n\
                exit: {long: 'cross_below(fast, slow)'}\nrisk: {stop_loss: 20%, take_profit: 20%}\n";
    let symbol = "BTC/USDT".parse().expect("a symbol");
    let start = Timestamp::parse("2024-01-01").expect("a time");
    // Twenty days: long enough for the one push a UTC day that daily returns need to be told from a push a bar.
    let bars = SimulatedMarket::bars(
        SimulatedMarketConfig {
            symbol,
            seed: 7,
            start,
        },
        20 * 1_440,
    );
    let mut engine = Engine::new(config(yaml));
    let mut sink = Count::default();
    engine.process_into(&Input::Command(start, Command::Start), &mut sink);

    let (mut quiet, mut with_resting_orders, mut allocated, mut days) = (0_u64, 0_u64, 0, 0);
    for bar in bars.iter() {
        let input = Input::market(MarketEvent::Bar(bar));
        let (journal, before) = (sink.journal, ALLOCATIONS.get());
        engine.process_into(&input, &mut sink);
        let count = ALLOCATIONS.get() - before;
        if sink.journal == journal {
            quiet += 1;
            with_resting_orders += u64::from(engine.open_orders().next().is_some());
            allocated += count;
            days += u64::from(count > 0);
        }
    }
    assert!(sink.journal > 100, "the strategy traded: {} events", sink.journal);
    assert!(quiet > 25_000, "{quiet} of {} bars touched no order", sink.marks);
    assert!(
        with_resting_orders > 1_000,
        "{with_resting_orders} of them while orders rested"
    );
    // The lists of daily values double now and then; nothing else allocates.
    assert!(
        allocated <= 16,
        "{allocated} allocations on {days} of {quiet} quiet bars"
    );
}

#[test]
fn a_tick_that_meets_no_order_allocates_nothing() {
    let yaml =
        "name: none\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close < 0}\nexit: {long: close < 0}\n";
    let mut engine = Engine::new(config(yaml));
    let mut sink = Count::default();
    let second = Timestamp::from_secs;
    engine.process_into(&Input::Command(second(0), Command::Start), &mut sink);
    let level = |price, size| vec![Level { price, size }];
    let depth = |time, kind, size| {
        let (bids, asks) = (level(9_999, size), level(10_001, size));
        let update = DepthUpdate {
            time,
            kind,
            bids,
            asks,
        };
        Input::market(MarketEvent::Depth(Box::new(update)))
    };
    let quote = |time, size| {
        let (bid, ask) = (99.99, 100.01);
        let quote = Quote {
            time,
            bid,
            bid_size: size,
            ask,
            ask_size: size,
        };
        Input::market(MarketEvent::Quote(quote))
    };
    let trade = |time, size| {
        let trade = TradeTick {
            time,
            price: 100.0,
            size,
            aggressor: Side::Sell,
        };
        Input::market(MarketEvent::Trade(trade))
    };
    // First on quotes, then on the order book.
    engine.process_into(&quote(second(1), 1.0), &mut sink);
    for price in [95, 96, 97, 98, 99] {
        let order = OrderRequest::limit(Side::Buy, Decimal::ONE, Decimal::from(price));
        let place = Command::Place(Box::new(order.into()));
        engine.process_into(&Input::Command(second(1), place), &mut sink);
    }
    engine.process_into(&quote(second(2), 2.0), &mut sink);
    engine.process_into(&trade(second(2), 1.0), &mut sink);
    let mut inputs: Vec<Input> = Vec::new();
    for millis in 0..1_000_i64 {
        let (time, size) = (Timestamp::from_millis(2_001 + millis), 1 + millis % 7);
        inputs.extend([quote(time, size as f64), trade(time, 1.0)]);
    }
    let (quotes, journal) = (inputs.len(), sink.journal);
    for millis in 0..1_000_i64 {
        let kind = if millis == 0 {
            DepthKind::Snapshot
        } else {
            DepthKind::Changes
        };
        let (time, size) = (Timestamp::from_millis(3_001 + millis), 1 + millis % 7);
        inputs.extend([depth(time, kind, size), trade(time, 1.0)]);
    }
    let mut allocated = 0;
    for (index, input) in inputs.iter().enumerate() {
        let before = ALLOCATIONS.get();
        engine.process_into(input, &mut sink);
        // With the book the orders take their places in its queues.
        allocated += if index == quotes {
            0
        } else {
            ALLOCATIONS.get() - before
        };
    }
    assert_eq!(
        (engine.open_orders().count(), sink.journal),
        (5, journal),
        "all rest"
    );
    assert_eq!(allocated, 0);
}

#[test]
fn a_change_of_the_order_book_allocates_nothing() {
    const MODEL: QueueModel = QueueModel::Logarithmic;
    let mut random = Random::new(3);
    // Best first, as venues send them; every tenth is a snapshot.
    let mut side = |sign: i64| -> Vec<Level> {
        let level = |distance| Level {
            price: 10_000 + sign * distance,
            size: random.below(9) as i64,
        };
        (1..400).step_by(7).map(level).collect()
    };
    let updates: Vec<DepthUpdate> = (0..1_000)
        .map(|index| DepthUpdate {
            time: Timestamp::from_secs(index),
            kind: if index % 10 == 0 {
                DepthKind::Snapshot
            } else {
                DepthKind::Changes
            },
            bids: side(-1),
            asks: side(1),
        })
        .collect();
    let (mut book, mut own) = (OrderBook::default(), OwnLiquidity::default());
    let mut place = QueuePosition::join(&MODEL, 1_000);
    let (mut allocated, mut filled) = (0, 0);
    for (index, update) in updates.iter().enumerate() {
        let before = ALLOCATIONS.get();
        book.apply_with(update, |change| {
            own.level_changed(&change);
            place.on_level_change(&MODEL, change.before, change.after);
        });
        let taker = Taker {
            side: Side::Buy,
            lots: 20,
            limit: None,
            protection: Some(10_300),
        };
        sweep_and_take(&book, &mut own, taker, |level| filled += level.size);
        // The first hundred let the lists grow to their size.
        if index >= 100 {
            allocated += ALLOCATIONS.get() - before;
        }
    }
    assert!(filled > 10_000, "the sweeps found {filled} lots");
    assert_eq!(allocated, 0);
}
