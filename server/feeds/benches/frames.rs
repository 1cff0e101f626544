//! Frames of Binance decoded, checked and normalised per second on one core: trades, the best bid and ask, and changes of
//! ten levels.
//!
//! `cargo bench -p papertape-feeds --bench frames`. What is measured is what a connection does with a frame: text to prices
//! and sizes, prices to ticks, sizes to lots, the symbol to its slot among two hundred. Real frames are measured too where
//! `shared/data` lies beside the project.

use papertape::{
    exchange::TradingStatus,
    model::{Instrument, Timestamp},
};
use papertape_feeds::{Channels, Codec, Listing, Slot, Told, VenueConfig, testkit::sample, venues};
use rust_decimal::Decimal;
use std::{fmt::Write as _, hint::black_box, time::Instant};

const RUNS: usize = 9;
const SYMBOLS: usize = 200;
const FRAMES: usize = 20_000;

fn main() {
    println!("frames per second on one core; median of {RUNS} runs of {FRAMES}");
    let rows = [
        ("trade", trades(), 1_000_000.0),
        ("bookTicker", quotes(), f64::NAN),
        ("depth, 10 levels", depth(), 300_000.0),
    ];
    for (name, frames, aim) in rows {
        let rate = measure(&frames);
        let against = if aim.is_nan() {
            String::new()
        } else {
            format!(", {:.1} × the aim of {aim:.0}", rate / aim)
        };
        println!("{name:<20} {rate:>12.0}{against}");
    }
    match sample("BTCUSDT-20240808-frames.txt") {
        Some(text) => {
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let frames: Vec<String> = lines.iter().cycle().take(FRAMES).cloned().collect();
            println!("{:<20} {:>12.0}", "real, all kinds", measure(&frames));
        }
        None => println!("real frames are not here: not measured"),
    }
}

/// Frames per second.
fn measure(frames: &[String]) -> f64 {
    let mut codec = codec();
    let mut told: Vec<Told> = Vec::new();
    let mut replies = Vec::new();
    let received = Timestamp::from_millis(1_723_161_255_000);
    let mut rates: Vec<f64> = (0..RUNS)
        .map(|_| {
            let started = Watch::start();
            for frame in frames {
                told.clear();
                codec
                    .read(frame.as_bytes(), received, &mut told, &mut replies)
                    .expect("a frame that makes sense");
                black_box(&told);
            }
            frames.len() as f64 / started.seconds()
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[RUNS / 2]
}

/// Time of this thread on its core where the system tells it, so that a busy machine does not count; otherwise on the wall.
struct Watch {
    began: Instant,
    on_core: Option<u64>,
}

impl Watch {
    fn start() -> Self {
        Self {
            began: Instant::now(),
            on_core: on_core(),
        }
    }

    fn seconds(&self) -> f64 {
        match (self.on_core, on_core()) {
            (Some(from), Some(to)) => (to - from) as f64 / 1e9,
            _ => self.began.elapsed().as_secs_f64(),
        }
    }
}

/// Nanoseconds that this thread has run, as Linux counts them.
fn on_core() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

/// A connection with two hundred symbols, BTCUSDT among them.
fn codec() -> Box<dyn Codec> {
    let venue = venues::open("binance", VenueConfig::default())
        .expect("it is there")
        .expect("no options");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    let channels = Channels {
        depth: true,
        ..Channels::TICKS
    };
    for place in 0..SYMBOLS {
        let base = if place == SYMBOLS / 2 {
            "BTC".to_owned()
        } else {
            format!("C{place:03}")
        };
        let instrument = Instrument::new(
            format!("{base}/USDT").parse().expect("a symbol"),
            Decimal::new(1, 2),
            Decimal::new(1, 5),
            Decimal::ONE,
            Decimal::ONE,
        )
        .expect("an instrument");
        let listing = Listing {
            instrument,
            venue_symbol: format!("{base}USDT").into(),
            status: TradingStatus::Trading,
        };
        codec.subscribe(Slot(place), &listing, channels);
    }
    codec
}

/// A price near 61 837.63 and a size, another for each number.
fn price(number: usize) -> String {
    format!("{:.8}", 61_837.63 + (number % 977) as f64 / 100.0)
}

fn size(number: usize) -> String {
    format!("{:.8}", (1 + number % 99_991) as f64 / 100_000.0)
}

fn trades() -> Vec<String> {
    let frame = |number: usize| {
        let (id, time) = (3_735_683_259 + number, 1_723_161_255_342 + number);
        format!(
            r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{time},"s":"BTCUSDT","t":{id},"p":"{}","q":"{}","T":{time},"m":{},"M":true}}}}"#,
            price(number),
            size(number),
            number.is_multiple_of(2)
        )
    };
    (0..FRAMES).map(frame).collect()
}

fn quotes() -> Vec<String> {
    let frame = |number: usize| {
        let id = 50_093_239_212 + number;
        format!(
            r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{id},"s":"BTCUSDT","b":"{}","B":"{}","a":"{}","A":"{}"}}}}"#,
            price(number),
            size(number),
            price(number + 1),
            size(number + 7)
        )
    };
    (0..FRAMES).map(frame).collect()
}

/// Ten levels in a frame, five a side, as is usual of real ones.
fn depth() -> Vec<String> {
    let levels = |number: usize| {
        let mut text = String::new();
        for level in 0..5 {
            let comma = if level == 0 { "" } else { "," };
            let (price, size) = (price(number + 13 * level), size(number * 31 + level));
            // Writing into memory does not fail.
            let _ = write!(text, r#"{comma}["{price}","{size}"]"#);
        }
        text
    };
    let frame = |number: usize| {
        let (time, first) = (1_723_161_255_342 + 100 * number, 50_093_239_189 + 10 * number);
        format!(
            r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{time},"s":"BTCUSDT","U":{first},"u":{},"b":[{}],"a":[{}]}}}}"#,
            first + 9,
            levels(number),
            levels(number + 500)
        )
    };
    (0..FRAMES).map(frame).collect()
}
