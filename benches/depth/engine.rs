//! Level updates and quotes per second through the engine, as a session runs it.

use super::streams::{Stream, capture_files};
use super::{RUNS, UPDATES_A_RUN, median, memory};
use papertape::calibration::{CalibrationFiles, CalibrationSettings, calibrate};
use papertape::engine::{Command, Engine, Event, EventKind, Input, Sink};
use papertape::market::{CaptureFile, DepthKind, DepthUpdate, Grid, Level, MarketEvent, Quote, Random};
use papertape::model::{InstrumentId, Money, Side, Timestamp};
use papertape::order::OrderRequest;
use papertape::testkit::{config, decimal, instrument};
use std::hint::black_box;
use std::time::Instant;

/// How far from the best price the resting orders stay, in ticks: farther than any of the streams goes.
const AWAY: i64 = 30_000;
/// Fills before the measurement.
const FILLS: [usize; 4] = [0, 1_000, 10_000, 100_000];
const QUOTES: usize = 100_000;
/// Messages after which the orders at the best prices are placed anew: ten seconds of a live stream.
const MOVE: usize = 100;
/// When the streams happen; the fills before them come earlier.
const THEN: Timestamp = Timestamp::from_secs(2_000_000_000);

/// Counts what it is told and keeps nothing.
#[derive(Default)]
struct Count {
    fills: usize,
}

impl Sink for Count {
    fn journal(&mut self, event: Event) {
        self.fills += usize::from(matches!(event.kind, EventKind::OrderFilled { .. }));
    }

    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}
}

pub(crate) fn measure(synthetic: &Stream, capture: Option<&Stream>) {
    println!(
        "\nthrough the engine, a resting order on each side; median of {RUNS} runs of {UPDATES_A_RUN} levels\n\
         {:<22} {:>13} {:>14} {:>8} {:>12} {:>9}",
        "updates", "fills before", "levels a s", "ns each", "allocations", "live KiB"
    );
    let single = one_level_a_message(synthetic);
    for (name, stream) in [
        ("synthetic", Some(synthetic)),
        ("one level a message", Some(&single)),
        ("capture", capture),
    ] {
        let Some(stream) = stream else { continue };
        let inputs = inputs(stream);
        for fills in FILLS {
            depth(name, stream, &inputs, fills);
        }
    }
    println!(
        "\nthe same with the orders at the best prices, placed anew every {MOVE} messages\n\
         {:<22} {:>13} {:>14} {:>8} {:>12} {:>9} {:>9}",
        "updates", "fills before", "levels a s", "ns each", "fills a run", "live KiB", "in queues"
    );
    for (name, stream) in [
        ("synthetic", Some(synthetic)),
        ("one level a message", Some(&single)),
        ("capture", capture),
    ] {
        let Some(stream) = stream else { continue };
        let inputs = at_the_touch(stream);
        for fills in [FILLS[0], FILLS[3]] {
            touch(name, stream, &inputs, fills);
        }
    }
    println!(
        "\nquotes through the engine, ten resting orders\n{:>13} {:>14} {:>8} {:>12} {:>9}",
        "fills before", "quotes a s", "ns each", "allocations", "live KiB"
    );
    for fills in [FILLS[0], FILLS[3]] {
        quotes(fills);
    }
    calibration();
}

/// The stream with a message for each level, as venues that do not wait send them.
fn one_level_a_message(stream: &Stream) -> Stream {
    let messages = stream.messages.iter().flat_map(|message| {
        let of = |bids: Vec<Level>, asks: Vec<Level>| DepthUpdate {
            bids,
            asks,
            ..*message
        };
        let bids = message.bids.iter().map(move |level| of(vec![*level], Vec::new()));
        let asks = message.asks.iter().map(move |level| of(Vec::new(), vec![*level]));
        bids.chain(asks).collect::<Vec<_>>()
    });
    Stream {
        name: "one level a message",
        start: stream.start.clone(),
        messages: messages.collect(),
    }
}

/// The book at the start of a stream as a snapshot, and its messages, all at one moment.
fn inputs(stream: &Stream) -> Vec<Input> {
    let messages = stream.messages.iter().map(|message| DepthUpdate {
        time: THEN,
        ..message.clone()
    });
    let updates = std::iter::once(snapshot(stream, THEN)).chain(messages);
    updates
        .map(|update| Input::market(MarketEvent::Depth(Box::new(update))))
        .collect()
}

fn snapshot(stream: &Stream, time: Timestamp) -> DepthUpdate {
    DepthUpdate {
        time,
        kind: DepthKind::Snapshot,
        bids: stream.start.levels(Side::Buy).collect(),
        asks: stream.start.levels(Side::Sell).collect(),
    }
}

/// An engine that only does what it is told.
fn engine(sink: &mut Count) -> Engine {
    let yaml =
        "name: none\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: close < 0}\nexit: {long: close < 0}\n";
    let mut config = config(yaml);
    config.initial_capital = Money::new(decimal("1000000000"), config.instrument.quote());
    let mut engine = Engine::new(config);
    engine.process_into(&Input::Command(Timestamp::EPOCH, Command::Start), sink);
    engine
}

fn place(engine: &mut Engine, time: Timestamp, order: OrderRequest, sink: &mut Count) {
    let place = Command::Place(Box::new(order.into()));
    engine.process_into(&Input::Command(time, place), sink);
}

/// Buys and sells a lot at the market, in turn, so many times.
fn fill(engine: &mut Engine, stream: &Stream, fills: usize, sink: &mut Count) {
    let grid = Grid::of(&instrument());
    let mut second = 1;
    let tell = |engine: &mut Engine, update: DepthUpdate, sink: &mut Count| {
        engine.process_into(&Input::market(MarketEvent::Depth(Box::new(update))), sink);
    };
    tell(engine, snapshot(stream, Timestamp::from_secs(second)), sink);
    let (Some(bid), Some(ask)) = (stream.start.best_bid(), stream.start.best_ask()) else {
        return;
    };
    for number in 0..fills {
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let order = OrderRequest::market(side, grid.quantity(1).0);
        place(engine, Timestamp::from_secs(second), order, sink);
        second += 1;
        let more = |level: Level| Level {
            size: level.size + second % 7 + 1,
            ..level
        };
        let update = DepthUpdate {
            time: Timestamp::from_secs(second),
            kind: DepthKind::Changes,
            bids: vec![more(bid)],
            asks: vec![more(ask)],
        };
        tell(engine, update, sink);
    }
}

fn depth(name: &str, stream: &Stream, inputs: &[Input], fills: usize) {
    let grid = Grid::of(&instrument());
    let mut sink = Count::default();
    let before = memory::live();
    let mut engine = engine(&mut sink);
    fill(&mut engine, stream, fills, &mut sink);
    assert_eq!(sink.fills, fills, "every order filled");
    let rest = |side: Side| {
        let (sign, best) = match side {
            Side::Buy => (-1, stream.start.best_bid()),
            Side::Sell => (1, stream.start.best_ask()),
        };
        let from = best.map_or(0, |best| best.price) + sign * AWAY;
        let level = stream
            .start
            .levels(side)
            .find(|level| (level.price - from) * sign >= 0);
        let price = level.map_or(from, |level| level.price);
        OrderRequest::limit(side, decimal("0.5"), grid.price(price).0)
    };
    let asked = Timestamp::from_secs(1_999_999_999);
    // What is sold must be had.
    place(
        &mut engine,
        asked,
        OrderRequest::market(Side::Buy, decimal("0.5")),
        &mut sink,
    );
    for input in inputs {
        engine.process_into(input, &mut sink);
    }
    for side in [Side::Buy, Side::Sell] {
        place(&mut engine, asked, rest(side), &mut sink);
    }
    for input in inputs {
        engine.process_into(input, &mut sink);
    }
    assert_eq!(engine.open_orders().count(), 2, "both rest");
    let (filled, live, allocated) = (sink.fills, memory::live() - before, memory::allocations());
    let repeats = UPDATES_A_RUN.div_ceil(stream.levels());
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..repeats {
                for input in black_box(inputs) {
                    engine.process_into(input, &mut sink);
                }
            }
            start.elapsed().as_secs_f64()
        })
        .collect();
    // The list of the times is one.
    let allocated = memory::allocations() - allocated - 1;
    assert_eq!(
        (sink.fills, engine.open_orders().count()),
        (filled, 2),
        "nothing was met"
    );
    let rate = (repeats * stream.levels()) as f64 / median(&mut times);
    println!(
        "{name:<22} {fills:>13} {rate:>14.0} {:>8.1} {allocated:>12} {:>9}",
        1e9 / rate,
        live / 1024
    );
}

/// The messages of a stream, and every so often a command that takes our orders away and places one at the best price of
/// each side.
fn at_the_touch(stream: &Stream) -> Vec<Input> {
    let grid = Grid::of(&instrument());
    let mut book = stream.start.clone();
    let mut inputs = vec![Input::market(MarketEvent::Depth(Box::new(snapshot(
        stream, THEN,
    ))))];
    for (number, message) in stream.messages.iter().enumerate() {
        if number % MOVE == 0
            && let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask())
        {
            inputs.push(Input::Command(THEN, Command::CancelAll(None)));
            for (side, best) in [(Side::Buy, bid), (Side::Sell, ask)] {
                let order = OrderRequest::limit(side, grid.quantity(1).0, grid.price(best.price).0);
                inputs.push(Input::Command(THEN, Command::Place(Box::new(order.into()))));
            }
        }
        let update = DepthUpdate {
            time: THEN,
            ..message.clone()
        };
        book.apply(&update);
        inputs.push(Input::market(MarketEvent::Depth(Box::new(update))));
    }
    inputs
}

/// Levels through the engine with an order in the queue at the best price of each side: every change there moves it on.
fn touch(name: &str, stream: &Stream, inputs: &[Input], fills: usize) {
    let mut sink = Count::default();
    let before = memory::live();
    let mut engine = engine(&mut sink);
    fill(&mut engine, stream, fills, &mut sink);
    let mut queued = 0;
    for input in inputs {
        engine.process_into(input, &mut sink);
        queued += engine
            .open_orders()
            .filter(|order| engine.market(InstrumentId::PRIMARY).is_queued(order.id))
            .count();
    }
    assert!(queued > 0, "no order ever stood in a queue");
    let repeats = UPDATES_A_RUN.div_ceil(stream.levels());
    let filled = sink.fills;
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..repeats {
                for input in black_box(inputs) {
                    engine.process_into(input, &mut sink);
                }
            }
            start.elapsed().as_secs_f64()
        })
        .collect();
    let rate = (repeats * stream.levels()) as f64 / median(&mut times);
    println!(
        "{name:<22} {fills:>13} {rate:>14.0} {:>8.1} {:>12} {:>9} {:>9.2}",
        1e9 / rate,
        (sink.fills - filled) / RUNS,
        (memory::live() - before) / 1024,
        queued as f64 / inputs.len() as f64
    );
}

/// Quotes of a price that walks, with five orders below and five above it, after so many fills.
fn quotes(fills: usize) {
    let mut random = Random::new(7);
    let grid = Grid::of(&instrument());
    let middle = 6_000_000_i64;
    let mut price = middle;
    let quotes: Vec<Input> = (0..QUOTES)
        .map(|_| {
            let next = price + random.below(5) as i64 - 2;
            price = if (next - middle).abs() < 900 { next } else { price };
            let mut size = || grid.size_f64(1 + random.below(1_000_000) as i64);
            Input::market(MarketEvent::Quote(Quote {
                time: THEN,
                bid: grid.price_f64(price),
                bid_size: size(),
                ask: grid.price_f64(price + 1),
                ask_size: size(),
            }))
        })
        .collect();
    let mut sink = Count::default();
    let before = memory::live();
    let mut engine = engine(&mut sink);
    for number in 0..fills {
        let time = Timestamp::from_secs(1 + number as i64);
        let at_time = |mut input: Input| {
            if let Input::Market(_, MarketEvent::Quote(quote)) = &mut input {
                quote.time = time;
            }
            input
        };
        engine.process_into(&at_time(quotes[number % QUOTES].clone()), &mut sink);
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let order = OrderRequest::market(side, grid.quantity(1).0);
        place(&mut engine, time, order, &mut sink);
    }
    let asked = Timestamp::from_secs(1_999_999_999);
    let tell = |engine: &mut Engine, sink: &mut Count| {
        quotes.iter().for_each(|input| engine.process_into(input, sink));
    };
    tell(&mut engine, &mut sink);
    place(
        &mut engine,
        asked,
        OrderRequest::market(Side::Buy, decimal("0.5")),
        &mut sink,
    );
    tell(&mut engine, &mut sink);
    for step in 1..=5 {
        for (side, sign) in [(Side::Buy, -1), (Side::Sell, 1)] {
            let price = grid.price(middle + sign * 1_000 * step);
            place(
                &mut engine,
                asked,
                OrderRequest::limit(side, decimal("0.1"), price.0),
                &mut sink,
            );
        }
    }
    tell(&mut engine, &mut sink);
    let filled = sink.fills;
    assert!(
        filled > fills,
        "every order filled, the last with the first quote"
    );
    assert_eq!(engine.open_orders().count(), 10, "ten rest");
    let (live, allocated) = (memory::live() - before, memory::allocations());
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            tell(&mut engine, &mut sink);
            start.elapsed().as_secs_f64()
        })
        .collect();
    let allocated = memory::allocations() - allocated - 1;
    assert_eq!(
        (sink.fills, engine.open_orders().count()),
        (filled, 10),
        "nothing was met"
    );
    let rate = QUOTES as f64 / median(&mut times);
    println!(
        "{fills:>13} {rate:>14.0} {:>8.1} {allocated:>12} {:>9}",
        1e9 / rate,
        live / 1024
    );
}

/// How long a calibration over the whole capture takes.
fn calibration() {
    let Ok(files) = capture_files() else { return };
    let file = |index: usize| {
        let bytes: &[u8] = &files[index];
        Some(CaptureFile {
            name: "capture",
            bytes,
        })
    };
    let files = CalibrationFiles {
        trades: file(0),
        quotes: file(1),
        depth: file(2),
        snapshot: file(3),
    };
    let settings = CalibrationSettings::default();
    let start = Instant::now();
    let found = calibrate(&files, &instrument(), &settings).unwrap_or_else(|error| panic!("{error}"));
    println!(
        "\ncalibration: {} orders on {} tiers and models in {:.2} s",
        found.orders,
        found.lines.iter().filter(|line| line.place.is_none()).count(),
        start.elapsed().as_secs_f64()
    );
}
