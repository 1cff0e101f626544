//! What books are fed with: synthetic messages, and those of a real capture.

use papertape::market::{
    Capture, CaptureEvent, CaptureFile, CaptureFiles, DepthJoin, DepthKind, DepthUpdate, Grid, Level,
    OrderBook, Random,
};
use papertape::model::{Side, Timestamp};
use papertape::testkit::instrument;
use std::path::PathBuf;

/// A book and the messages that follow.
pub(crate) struct Stream {
    pub(crate) name: &'static str,
    pub(crate) start: OrderBook,
    pub(crate) messages: Vec<DepthUpdate>,
}

impl Stream {
    /// Levels that the messages name.
    pub(crate) fn levels(&self) -> usize {
        let count = |update: &DepthUpdate| update.bids.len() + update.asks.len();
        self.messages.iter().map(count).sum()
    }
}

/// Messages of 30 levels on a book of 1,200 a side, around a price that walks. As in a real capture, two fifths of the
/// updates add a level and as many remove one, an eighth change a size, the rest remove what is not there; and they are
/// spread evenly over the logarithm of the distance from the best price.
pub(crate) fn synthetic() -> Stream {
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

/// The files of the real capture: trades, quotes, changes and snapshot; or the file that is not there.
pub(crate) fn capture_files() -> Result<[Vec<u8>; 4], String> {
    let shared = std::env::var_os("PAPERTAPE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let read = |what: &str| {
        let path = shared.join(format!("data/BTCUSDT-20240808-{what}.csv"));
        std::fs::read(&path).map_err(|_| path.display().to_string())
    };
    Ok([
        read("trades")?,
        read("bookticker")?,
        read("depth")?,
        read("depth-snapshot")?,
    ])
}

/// The real capture's book; or the file that is not there.
pub(crate) fn capture() -> Result<Stream, String> {
    let [trades, quotes, depth, snapshot] = capture_files()?;
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
