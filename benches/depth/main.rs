//! Level updates per second: through the book alone, through the same book kept in a `BTreeMap` (why it is kept in a
//! sorted `Vec`), and through the book with one resting order a side, its place in the queue, and the memory of what our
//! orders took. Then the same through the whole engine, after as many fills as one likes, with what it allocates and
//! keeps; and quotes per second with ten resting orders.
//!
//! `cargo bench --bench depth`. Synthetic updates have the shape of a real capture's; the capture itself is measured too
//! when `PAPERTAPE_SHARED` (or `../shared`) holds it.

#![allow(clippy::disallowed_methods, reason = "a benchmark measures time")]

mod engine;
mod memory;
mod streams;

use papertape::exchange::{OwnLiquidity, QueueModel, QueuePosition};
use papertape::market::Level;
use papertape::model::Side;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;
use streams::{Stream, capture, synthetic};

const RUNS: usize = 9;
/// Level updates of one run, reached by going through the messages again and again.
const UPDATES_A_RUN: usize = 1_000_000;
/// Messages after which the resting orders move to the best prices and take something: ten seconds of a live stream.
const REJOIN: usize = 100;

fn main() {
    println!("level updates per second; median of {RUNS} runs, taken in turn");
    println!(
        "{:<10} {:>9} {:>9} {:>7} {:>16} {:>16} {:>22} {:>8}",
        "updates", "messages", "levels", "a side", "book", "in a BTreeMap", "book, queue, own", "ns each"
    );
    let synthetic = synthetic();
    measure(&synthetic);
    let capture = capture();
    match &capture {
        Ok(stream) => measure(stream),
        Err(missing) => println!("no real capture: there is no {missing}; set PAPERTAPE_SHARED"),
    }
    engine::measure(&synthetic, capture.ok().as_ref());
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

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
