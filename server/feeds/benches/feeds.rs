//! How fast frames become published events, and whether memory stays flat. `cargo bench -p papertape-feeds --bench feeds`
//! prints a line each; with `-- endurance` it runs 24 simulated hours of 200 symbols instead and prints what the process holds.

use papertape::market::{DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Level, Quote, Random, TradeTick};
use papertape::model::{Instrument, Side, Timestamp};
use papertape_feeds::testkit::Pipeline;
use papertape_feeds::{Channels, Listing, Slot, Told, Venue, VenueConfig, venues};
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const START: i64 = 1_723_118_400_000;
const ALL: Channels = Channels {
    depth: true,
    ..Channels::TICKS
};

fn main() {
    if std::env::args().any(|argument| argument == "endurance") {
        endurance();
    } else {
        trades();
        depth();
    }
}

fn binance() -> Arc<dyn Venue> {
    let venue = venues::open("binance", VenueConfig::default());
    venue.expect("a venue").expect("its defaults are fine")
}

fn instrument(symbol: &str) -> Instrument {
    let decimal = |text: &str| text.parse().expect("a number");
    Instrument::new(
        symbol.parse().expect("a symbol"),
        decimal("0.01"),
        decimal("0.00001"),
        decimal("5"),
        decimal("1"),
    )
    .expect("an instrument")
}

/// Frames through a codec and everything after it; prints how many a second, the best of five runs.
fn measure(name: &str, frames: &[String], levels: usize) {
    let venue = binance();
    let mut best = f64::MAX;
    for _ in 0..5 {
        let listing = Listing {
            instrument: instrument("BTC/USDT"),
            venue_symbol: "BTCUSDT".into(),
            status: papertape::exchange::TradingStatus::Trading,
        };
        let mut codec = venue.codec().expect("no key is needed").expect("a stream");
        codec.subscribe(Slot(0), &listing, ALL);
        let now = Timestamp::from_millis(START);
        let mut pipeline = Pipeline::new(listing.instrument, venue.traits(), ALL, now);
        let (mut told, mut replies, mut published) = (Vec::new(), Vec::new(), 0);
        let began = Instant::now();
        for (index, frame) in frames.iter().enumerate() {
            let received = Timestamp::from_millis(START + 50 + index as i64 / 100);
            codec
                .read(frame.as_bytes(), received, &mut told, &mut replies)
                .expect("a frame");
            for told in told.drain(..) {
                pipeline.told(&told, received);
            }
            if pipeline.published().len() >= 256 {
                published += pipeline.published().len();
                black_box(pipeline.published()).clear();
            }
            if index == 0 && pipeline.wants_book() {
                pipeline.book(Ok(book(1)), received);
            }
        }
        published += pipeline.published().len();
        best = best.min(began.elapsed().as_secs_f64());
        assert!(
            published >= frames.len() - 1,
            "{published} of {} frames",
            frames.len()
        );
    }
    let bytes: usize = frames.iter().map(String::len).sum();
    println!(
        "{name}: {:.0} frames a second, {:.0} MB/s{}",
        frames.len() as f64 / best,
        bytes as f64 / best / 1e6,
        if levels > 0 {
            format!(", {levels} levels each")
        } else {
            String::new()
        },
    );
}

fn trades() {
    let mut random = Random::new(1);
    let frames: Vec<String> = (0..200_000_i64)
        .map(|index| {
            let time = START + index / 100;
            format!(
                "{{\"stream\":\"btcusdt@trade\",\"data\":{{\"e\":\"trade\",\"E\":{time},\"s\":\"BTCUSDT\",\"t\":{},\
                 \"p\":\"618{}.{:02}000000\",\"q\":\"0.{:05}000\",\"T\":{time},\"m\":{},\"M\":true}}}}",
                3_735_683_259 + index,
                10 + random.below(90),
                random.below(100),
                1 + random.below(99_999),
                random.chance(0.5),
            )
        })
        .collect();
    measure("binance trades, decoded, checked, published", &frames, 0);
}

fn depth() {
    const LEVELS: u64 = 10;
    let mut random = Random::new(2);
    let frames: Vec<String> = (0..100_000_i64)
        .map(|index| {
            let time = START + index / 100;
            let mut side = |base: u64| {
                let mut text = String::new();
                for level in 0..LEVELS / 2 {
                    let comma = if level > 0 { "," } else { "" };
                    let (whole, cents) = (base + random.below(20), random.below(100));
                    let size = random.below(100_000);
                    let _ = write!(text, "{comma}[\"{whole}.{cents:02}000000\",\"0.{size:05}000\"]");
                }
                text
            };
            let (bids, asks) = (side(61_800), side(61_840));
            let id = 2 + index;
            format!(
                "{{\"stream\":\"btcusdt@depth@100ms\",\"data\":{{\"e\":\"depthUpdate\",\"E\":{time},\"s\":\"BTCUSDT\",\
                 \"U\":{id},\"u\":{id},\"b\":[{bids}],\"a\":[{asks}]}}}}"
            )
        })
        .collect();
    measure(
        "binance depth, decoded, checked, published",
        &frames,
        LEVELS as usize,
    );
}

/// A thousand levels a side.
fn book(last_id: u64) -> DepthSnapshot {
    let level = |price| Level { price, size: 10_000 };
    DepthSnapshot {
        last_id,
        update: DepthUpdate {
            time: Timestamp::from_millis(START),
            kind: DepthKind::Snapshot,
            bids: (0..1_000).map(|index| level(6_182_000 - index)).collect(),
            asks: (0..1_000).map(|index| level(6_184_000 + index)).collect(),
        },
    }
}

/// 24 simulated hours of 200 symbols through one process.
fn endurance() {
    const SYMBOLS: usize = 200;
    let venue = binance();
    let start = Timestamp::from_millis(START);
    let mut random = Random::new(3);
    let mut pipelines: Vec<Pipeline> = (0..SYMBOLS)
        .map(|index| {
            let instrument = instrument(&format!("S{index}/USDT"));
            Pipeline::new(instrument, venue.traits(), ALL, start)
        })
        .collect();
    let (mut trade_ids, mut depth_ids) = (vec![0_u64; SYMBOLS], vec![1_u64; SYMBOLS]);
    let (mut told, mut published) = (0_u64, 0_u64);
    let began = Instant::now();
    println!("hour 0: {} MB resident", resident());
    for second in 0..24 * 3_600_i64 {
        let now = Timestamp::from_millis(START + second * 1_000);
        for (index, pipeline) in pipelines.iter_mut().enumerate() {
            let received = now.plus_nanos(50_000_000);
            for event in happens(&mut random, now, &mut trade_ids[index], &mut depth_ids[index]) {
                pipeline.told(&event, received);
                told += 1;
            }
            if pipeline.tick(received) {
                pipeline.book(Ok(book(depth_ids[index])), received);
            }
            published += pipeline.published().len() as u64;
            pipeline.published().clear();
        }
        if (second + 1) % 3_600 == 0 {
            println!("hour {}: {} MB resident", (second + 1) / 3_600, resident());
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("24 hours of {SYMBOLS} symbols: {told} told, {published} published, in {seconds:.0} s");
}

/// What is told of one symbol in a second; now and then something is missing, comes twice or cannot be.
fn happens(random: &mut Random, time: Timestamp, trade_id: &mut u64, depth_id: &mut u64) -> Vec<Told> {
    let slot = Slot(0);
    *trade_id += if random.chance(0.001) { 2 } else { 1 };
    let cents = random.below(1_000) as i64;
    let price = if random.chance(0.001) {
        0.0
    } else {
        61_830.0 + cents as f64 / 100.0
    };
    let trade = TradeTick {
        time,
        price,
        size: 0.01,
        aggressor: Side::Buy,
    };
    let mut told = vec![Told::Trade {
        slot,
        id: Some(*trade_id),
        trade,
    }];
    if random.chance(0.01) {
        told.push(told[0].clone());
    }
    told.push(Told::Quote {
        slot,
        id: None,
        is_timed: false,
        quote: Quote {
            time,
            bid: 61_820.0,
            bid_size: 1.0,
            ask: 61_840.0,
            ask_size: 1.0,
        },
    });
    *depth_id += if random.chance(0.000_1) { 2 } else { 1 };
    let level = |price| Level {
        price,
        size: 1 + cents,
    };
    told.push(Told::Depth {
        slot,
        diff: DepthDiff {
            first_id: *depth_id,
            final_id: *depth_id,
            previous: None,
            update: DepthUpdate {
                time,
                kind: DepthKind::Changes,
                bids: vec![level(6_182_000 - cents)],
                asks: vec![level(6_184_000 + cents)],
            },
        },
    });
    told
}

/// Megabytes that the process holds, where the system tells.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * 4_096 / (1 << 20)
}
