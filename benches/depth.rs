//! Level updates per second: through the book alone, through the same book kept in a `BTreeMap` (why it is kept in a
//! sorted `Vec`), and through the book with one resting order a side, its place in the queue, and the memory of what our
//! orders took.
//!
//! `cargo bench --bench depth`. Synthetic updates have the shape of a real capture's; the capture itself is measured too
//! when `PAPERTAPE_SHARED` (or `../shared`) holds it.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

use papertape::exchange::{OwnLiquidity, QueueModel, QueuePosition};
use papertape::market::{
    Capture, CaptureEvent, CaptureFile, CaptureFiles, DepthJoin, DepthKind, DepthUpdate, Grid, Level,
    OrderBook, Random,
};
use papertape::model::{Side, Timestamp};
use papertape::testkit::instrument;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

const RUNS: usize = 9;
/// Level updates of one run, reached by going through the messages again and again.
const UPDATES_A_RUN: usize = 1_000_000;
/// Messages after which the resting orders move to the best prices and take something: ten seconds of a live stream.
const REJOIN: usize = 100;

/// A book and the messages that follow.
struct Stream {
    name: &'static str,
    start: OrderBook,
    messages: Vec<DepthUpdate>,
}

impl Stream {
    fn levels(&self) -> usize {
        let count = |update: &DepthUpdate| update.bids.len() + update.asks.len();
        self.messages.iter().map(count).sum()
    }
}

fn main() {
    println!("level updates per second; median of {RUNS} runs, taken in turn");
    println!(
        "{:<10} {:>9} {:>9} {:>7} {:>16} {:>16} {:>22} {:>8}",
        "updates", "messages", "levels", "a side", "book", "in a BTreeMap", "book, queue, own", "ns each"
    );
    measure(&synthetic());
    match capture() {
        Ok(stream) => measure(&stream),
        Err(missing) => println!("no real capture: there is no {missing}; set PAPERTAPE_SHARED"),
    }
}

fn measure(stream: &Stream) {
    let repeats = UPDATES_A_RUN.div_ceil(stream.levels());
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..RUNS {
        let runs: [fn(&Stream); 3] = [through_book, through_tree, through_queues];
        for (run, times) in runs.into_iter().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..repeats {
                run(black_box(stream));
            }
            times.push(start.elapsed().as_secs_f64());
        }
    }
    let updates = (repeats * stream.levels()) as f64;
    let [book, tree, queues] = times.map(|mut times| updates / median(&mut times));
    println!(
        "{:<10} {:>9} {:>9} {:>7} {book:>16.0} {tree:>16.0} {queues:>22.0} {:>8.1}",
        stream.name,
        stream.messages.len(),
        stream.levels(),
        stream.start.levels(Side::Buy).len(),
        1e9 / queues
    );
}

fn through_book(stream: &Stream) {
    let mut book = stream.start.clone();
    for message in &stream.messages {
        book.apply(message);
        black_box((book.best_bid(), book.best_ask()));
    }
}

/// Keys that grow outward from the best price.
type Tree = BTreeMap<i64, i64>;

fn through_tree(stream: &Stream) {
    let side = |side, sign: i64| -> Tree {
        let levels = stream.start.levels(side);
        levels.map(|level| (sign * level.price, level.size)).collect()
    };
    let (mut bids, mut asks) = (side(Side::Buy, -1), side(Side::Sell, 1));
    let set = |tree: &mut Tree, key, size| match size {
        0 => tree.remove(&key),
        size => tree.insert(key, size),
    };
    for message in &stream.messages {
        for level in &message.bids {
            black_box(set(&mut bids, -level.price, level.size));
        }
        for level in &message.asks {
            black_box(set(&mut asks, level.price, level.size));
        }
        black_box((bids.first_key_value(), asks.first_key_value()));
    }
}

/// A resting order on each side: where, and its place there.
struct Resting {
    price: i64,
    position: QueuePosition,
}

fn through_queues(stream: &Stream) {
    const MODEL: QueueModel = QueueModel::Power { n: 2.0 };
    let mut book = stream.start.clone();
    let mut own = OwnLiquidity::default();
    let rest = |level: Level| Resting {
        price: level.price,
        position: QueuePosition::join(&MODEL, level.size),
    };
    let mut resting = None;
    for (index, message) in stream.messages.iter().enumerate() {
        if let (0, Some(bid), Some(ask)) = (index % REJOIN, book.best_bid(), book.best_ask()) {
            resting = Some((rest(bid), rest(ask)));
            own.take(Side::Buy, bid.price, bid.size / 2);
            own.take(Side::Sell, ask.price, ask.size / 2);
        }
        book.apply_with(message, |change| {
            own.level_changed(&change);
            if let Some((bid, ask)) = &mut resting {
                let order = match change.side {
                    Side::Buy => bid,
                    Side::Sell => ask,
                };
                if order.price == change.price {
                    order
                        .position
                        .on_level_change(&MODEL, change.before, change.after);
                }
            }
        });
        black_box((book.best_bid(), book.best_ask()));
    }
    black_box((&resting, &own));
}

/// Messages of 30 levels on a book of 1,200 a side, around a price that walks. As in a real capture, two fifths of the
/// updates add a level and as many remove one, an eighth change a size, the rest remove what is not there; and they are
/// spread evenly over the logarithm of the distance from the best price.
fn synthetic() -> Stream {
    const DEPTH: usize = 1_200;
    let mut random = Random::new(42);
    let mut middle = 6_000_000.0_f64;
    let mut start = OrderBook::default();
    while start.levels(Side::Buy).len().min(start.levels(Side::Sell).len()) < DEPTH {
        start.apply(&message(&start, middle, &mut random, DEPTH));
    }
    let mut book = start.clone();
    let messages = (0..1_500)
        .map(|_| {
            middle += 10.0 * random.normal();
            let message = message(&book, middle, &mut random, DEPTH);
            book.apply(&message);
            message
        })
        .collect();
    Stream {
        name: "synthetic",
        start,
        messages,
    }
}

fn message(book: &OrderBook, middle: f64, random: &mut Random, depth: usize) -> DepthUpdate {
    let mut side = |side: Side| {
        let sign = if side == Side::Buy { -1 } else { 1 };
        let price = |distance: f64| middle as i64 + sign * (1 + distance as i64);
        // What the middle has walked over is gone.
        let passed = book
            .levels(side)
            .take_while(|level| (level.price - middle as i64) * sign <= 0);
        let mut levels: Vec<Level> = passed.map(|level| Level { size: 0, ..level }).collect();
        let there = book.levels(side).len();
        let adds = if there < depth { 0.5 } else { 0.3 };
        for _ in 0..15 {
            let kind = random.unit();
            let distance = libm::exp(random.unit() * libm::log(500_000.0));
            let size = 1 + random.below(100_000) as i64;
            let rank = libm::exp(random.unit() * libm::log(there.max(1) as f64)) as usize;
            let known = book.levels(side).nth(rank.saturating_sub(1));
            let new = Level {
                price: price(distance),
                size,
            };
            levels.push(match known {
                Some(known) if kind >= adds && kind < 0.79 => Level { size: 0, ..known },
                Some(known) if (0.79..0.92).contains(&kind) => Level { size, ..known },
                _ if kind >= 0.92 => Level { size: 0, ..new },
                _ => new,
            });
        }
        levels.sort_by_key(|level| level.price * sign);
        levels
    };
    DepthUpdate {
        time: Timestamp::EPOCH,
        kind: DepthKind::Changes,
        bids: side(Side::Buy),
        asks: side(Side::Sell),
    }
}

/// The real capture; or the file that is not there.
fn capture() -> Result<Stream, String> {
    let shared = std::env::var_os("PAPERTAPE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let read = |what: &str| {
        let path = shared.join(format!("data/BTCUSDT-20240808-{what}.csv"));
        std::fs::read(&path).map_err(|_| path.display().to_string())
    };
    let [trades, quotes, depth, snapshot] = [
        read("trades")?,
        read("bookticker")?,
        read("depth")?,
        read("depth-snapshot")?,
    ];
    let file = |name, bytes| CaptureFile { name, bytes };
    let files = CaptureFiles {
        trades: file("trades", &trades),
        quotes: file("bookticker", &quotes),
        depth: file("depth", &depth),
        snapshot: file("depth-snapshot", &snapshot),
    };
    let capture = Capture::open(files, Grid::of(&instrument())).unwrap_or_else(|error| panic!("{error}"));
    let (mut join, mut start, mut messages) = (DepthJoin::default(), OrderBook::default(), Vec::new());
    for event in capture {
        match event.unwrap_or_else(|error| panic!("{error}")) {
            CaptureEvent::Snapshot(snapshot) => {
                let updates = join.snapshot(snapshot).unwrap_or_else(|error| panic!("{error}"));
                updates.iter().for_each(|update| start.apply(update));
            }
            CaptureEvent::Depth(diff) => {
                messages.extend(join.diff(diff).unwrap_or_else(|error| panic!("{error}")));
            }
            CaptureEvent::Trade(_) | CaptureEvent::Quote(_) => {}
        }
    }
    Ok(Stream {
        name: "capture",
        start,
        messages,
    })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
