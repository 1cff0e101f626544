//! How fast a tape is appended to and read, and what a record takes of the disk.
//!
//! `cargo bench -p papertape-tape --bench tape`, with a folder of captures as `PAPERTAPE_SHARED` (its `data/` is looked into)
//! for real trades, quotes and book changes; without one, generated trades. A number as argument says how many records are
//! appended: the capture again and again, later each time. What a record takes of the disk is measured with the capture once:
//! the second time it compresses as what was there before, and nothing real does.

use papertape::market::{DepthKind, DepthUpdate, Level, MarketEvent, Quote, Random, TradeTick};
use papertape::model::{Side, Timestamp};
use papertape_tape::{Channel, Entry, Settings, Source, TapeStore};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// Records that come in at once, as a frame or a poll brings them.
const BATCH: usize = 32;
const RUNS: usize = 3;

fn main() {
    let wanted = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok());
    let records = wanted.unwrap_or(1_000_000);
    let data = std::env::var_os("PAPERTAPE_SHARED").map(|shared| Path::new(&shared).join("data"));
    let read = |name: &str| {
        let path = data.as_ref()?.join(format!("BTCUSDT-20240808-{name}.csv"));
        std::fs::read_to_string(path).ok()
    };
    println!("best of {RUNS} runs, {records} records each; a tape of one symbol, one appending thread");
    match read("trades") {
        Some(text) => measure("real trades", &trades(&text), records),
        None => println!("no capture: set PAPERTAPE_SHARED for real data"),
    }
    if let Some(text) = read("bookticker") {
        measure("real quotes", &quotes(&text), records);
    }
    if let Some(text) = read("depth") {
        measure("real book changes", &depth(&text), records / 50);
    }
    measure("generated trades", &generated(records), records);
}

/// Appends so many records, the capture as often as that takes.
fn measure(what: &str, capture: &[MarketEvent], records: usize) {
    let once = run(capture);
    let events = &repeat(capture, records);
    let mut best: Option<Figures> = None;
    for _ in 0..RUNS {
        let figures = run(events);
        best = Some(best.map_or(figures, |best| best.best_of(figures)));
    }
    let Some(figures) = best else { return };
    let per_second = |time: Duration| events.len() as f64 / time.as_secs_f64();
    let megabytes = |bytes: u64, time: Duration| bytes as f64 / time.as_secs_f64() / 1e6;
    println!("{what}: {} records, {} rows", events.len(), rows(events));
    println!(
        "  append      {:>12.0} records/s  {:>8.1} MB/s of write-ahead file",
        per_second(figures.append),
        megabytes(figures.wal_bytes, figures.append)
    );
    println!(
        "  durable     {:>12.0} records/s  {:>8.1} MB/s, the last fsync included",
        per_second(figures.durable),
        megabytes(figures.wal_bytes, figures.durable)
    );
    println!("  seal        {:>12.0} records/s", per_second(figures.seal));
    println!(
        "  scan        {:>12.0} records/s  {:>12.0} rows/s  {:>8.1} MB/s of Parquet",
        per_second(figures.scan),
        rows(events) as f64 / figures.scan.as_secs_f64(),
        megabytes(figures.segment_bytes, figures.scan)
    );
    println!(
        "  on disk     {:>12.2} bytes/record sealed, {:.2} before, of {} records",
        once.segment_bytes as f64 / capture.len() as f64,
        once.wal_bytes as f64 / capture.len() as f64,
        capture.len()
    );
}

#[derive(Clone, Copy)]
struct Figures {
    append: Duration,
    durable: Duration,
    seal: Duration,
    scan: Duration,
    wal_bytes: u64,
    segment_bytes: u64,
}

impl Figures {
    fn best_of(self, other: Self) -> Self {
        Self {
            append: self.append.min(other.append),
            durable: self.durable.min(other.durable),
            seal: self.seal.min(other.seal),
            scan: self.scan.min(other.scan),
            ..self
        }
    }
}

fn run(events: &[MarketEvent]) -> Figures {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let settings = Settings {
        records_per_segment: u64::MAX,
        most_waiting_bytes: usize::MAX,
        ..Settings::default()
    };
    let store = TapeStore::open_with(folder.path(), settings).unwrap_or_else(|error| panic!("{error}"));
    let instrument = papertape::testkit::instrument();
    let channel = store
        .channel_blocking("binance", &instrument)
        .unwrap_or_else(|error| panic!("{error}"));
    let source = Source::new("binance");
    let entries: Vec<Entry> = events.iter().cloned().map(Entry::Event).collect();
    let mut entries = entries.into_iter();
    // On one day: it is sealed when it is told to be.
    let mut received = Timestamp::from_secs(1_723_161_600);
    let began = Instant::now();
    loop {
        let batch = entries.by_ref().take(BATCH);
        let before = channel.last_number();
        received = received.plus_nanos(1_700_000);
        let last = channel.append_batch(received, &source, batch);
        if last.unwrap_or_else(|error| panic!("{error}")) == before {
            break;
        }
    }
    let append = began.elapsed();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    let last = channel.last_number();
    runtime
        .block_on(channel.durable(last))
        .unwrap_or_else(|error| panic!("{error}"));
    let durable = began.elapsed();
    let wal_bytes = bytes_of(&channel, folder.path(), "wal");

    let began = Instant::now();
    store.end_days(received.plus_nanos(86_400_000_000_000));
    while bytes_of(&channel, folder.path(), "parquet") == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let seal = began.elapsed();
    let segment_bytes = bytes_of(&channel, folder.path(), "parquet");
    let began = Instant::now();
    let mut seen = 0;
    for record in channel.scan(1..=last) {
        black_box(record.unwrap_or_else(|error| panic!("{error}")));
        seen += 1;
    }
    let scan = began.elapsed();
    assert_eq!(seen, last);
    Figures {
        append,
        durable,
        seal,
        scan,
        wal_bytes,
        segment_bytes,
    }
}

/// Bytes of the tape's files of a kind.
fn bytes_of(channel: &Channel, root: &Path, extension: &str) -> u64 {
    let symbol = channel.name().symbol.as_str().replace('/', "%2F");
    let folder = root.join(&channel.name().feed).join(symbol);
    let Ok(files) = std::fs::read_dir(folder) else {
        return 0;
    };
    files
        .filter_map(Result::ok)
        .filter(|file| file.path().extension().is_some_and(|found| found == extension))
        .filter_map(|file| file.metadata().ok())
        .map(|metadata| metadata.len())
        .sum()
}

fn rows(events: &[MarketEvent]) -> usize {
    let rows = |event: &MarketEvent| match event {
        MarketEvent::Depth(update) => (update.bids.len() + update.asks.len()).max(1),
        _ => 1,
    };
    events.iter().map(rows).sum()
}

/// So many events: the same ones again and again, each time as much later as they are long.
fn repeat(events: &[MarketEvent], count: usize) -> Vec<MarketEvent> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        return Vec::new();
    };
    let length = last.time().since(first.time()) + 1_000_000;
    let later = |event: &MarketEvent, nanos: i64| {
        let mut event = event.clone();
        match &mut event {
            MarketEvent::Trade(trade) => trade.time = trade.time.plus_nanos(nanos),
            MarketEvent::Quote(quote) => quote.time = quote.time.plus_nanos(nanos),
            MarketEvent::Depth(update) => update.time = update.time.plus_nanos(nanos),
            _ => {}
        }
        event
    };
    let rounds = (0_i64..).flat_map(|round| events.iter().map(move |event| later(event, round * length)));
    rounds.take(count).collect()
}

fn cells(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect())
}

fn float(cell: &str) -> f64 {
    cell.parse().unwrap_or_else(|error| panic!("{cell}: {error}"))
}

fn whole(cell: &str) -> i64 {
    cell.parse().unwrap_or_else(|error| panic!("{cell}: {error}"))
}

fn trades(text: &str) -> Vec<MarketEvent> {
    let trade = |cells: Vec<&str>| {
        MarketEvent::Trade(TradeTick {
            time: Timestamp::from_millis(whole(cells[1])),
            price: float(cells[3]),
            size: float(cells[4]),
            aggressor: if cells[5] == "1" { Side::Sell } else { Side::Buy },
        })
    };
    cells(text).map(trade).collect()
}

fn quotes(text: &str) -> Vec<MarketEvent> {
    let quote = |cells: Vec<&str>| {
        MarketEvent::Quote(Quote {
            time: Timestamp::from_nanos(whole(cells[0]) * 1_000),
            bid: float(cells[2]),
            bid_size: float(cells[3]),
            ask: float(cells[4]),
            ask_size: float(cells[5]),
        })
    };
    cells(text).map(quote).collect()
}

fn depth(text: &str) -> Vec<MarketEvent> {
    let mut updates: Vec<(i64, DepthUpdate)> = Vec::new();
    for cells in cells(text) {
        let id = whole(cells[3]);
        if updates.last().is_none_or(|(last, _)| *last != id) {
            updates.push((
                id,
                DepthUpdate {
                    time: Timestamp::from_millis(whole(cells[1])),
                    kind: DepthKind::Changes,
                    bids: Vec::new(),
                    asks: Vec::new(),
                },
            ));
        }
        let Some((_, update)) = updates.last_mut() else {
            continue;
        };
        let level = Level {
            price: (float(cells[5]) * 1e2).round() as i64,
            size: (float(cells[6]) * 1e5).round() as i64,
        };
        let side = if cells[4] == "b" {
            &mut update.bids
        } else {
            &mut update.asks
        };
        side.push(level);
    }
    let events = updates
        .into_iter()
        .map(|(_, update)| MarketEvent::Depth(Box::new(update)));
    events.collect()
}

fn generated(count: usize) -> Vec<MarketEvent> {
    let mut random = Random::new(7);
    let (mut time, mut ticks) = (1_723_161_255_000_i64, 6_183_763_i64);
    let trade = |_| {
        time += random.below(70) as i64;
        ticks += random.below(200) as i64 - 100;
        MarketEvent::Trade(TradeTick {
            time: Timestamp::from_millis(time),
            price: ticks as f64 / 100.0,
            size: (1 + random.below(100_000)) as f64 / 100_000.0,
            aggressor: if random.chance(0.5) { Side::Buy } else { Side::Sell },
        })
    };
    (0..count).map(trade).collect()
}
