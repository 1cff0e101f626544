//! A day of a server's life in one process: 200 symbols for 24 hours, each with a trade, a quote and a change of its book a second,
//! checked and put in order as feeds do, appended to their tapes, durable, sealed into segments of which the oldest are removed, and
//! read from there by the engines of sessions that trade. Prints what the process holds after each simulated hour.
//!
//! `cargo bench -p papertape-tape --bench endurance -- run`; numbers after `run` say how many hours and how many symbols. Without
//! `run` a minute of five symbols only, to show that it works. Not in it are sockets and frames, whose speed
//! `cargo bench -p papertape-feeds` measures.

use papertape::engine::{Command, Engine, EngineConfig, Event, EventKind, Input, Sink};
use papertape::market::{DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Level, Quote, Random, TradeTick};
use papertape::model::{Instrument, Side, Timestamp};
use papertape::testkit::{config, instrument_of};
use papertape_feeds::testkit::Pipeline;
use papertape_feeds::{Channels, Slot, Told, VenueConfig, venues};
use papertape_tape::{Channel, Entry, Reader, Retention, Settings, Source, TapeError, TapeStore};
use std::time::{Duration, Instant};

const START: i64 = 1_723_118_400;
/// Of so many symbols one is traded.
const ONE_IN: usize = 10;
const ALL: Channels = Channels {
    depth: true,
    ..Channels::TICKS
};
/// Segments beyond so many bytes are removed, the oldest first.
const KEPT: u64 = 200_000_000;
/// In and out every few minutes, with orders that rest and orders that take.
const STRATEGY: &str = "
name: Day
symbols: [BTC/USDT]
timeframe: 1m
entry: {long: minute % 4 == 0}
exit: {long: minute % 4 == 2}
orders: {entry: {type: limit, price: close, time_in_force: gtc, expire_after: 1}}
risk: {size: {method: percent_of_equity, value: 1}}
";

/// A symbol from the venue to its tape, and the session on it.
struct Symbol {
    pipeline: Pipeline,
    channel: Channel,
    session: Option<Session>,
    trade_id: u64,
    depth_id: u64,
}

struct Session {
    engine: Engine,
    reader: Reader,
    count: Count,
}

#[derive(Default)]
struct Count {
    fills: u64,
    inputs: u64,
}

impl Sink for Count {
    fn journal(&mut self, event: Event) {
        self.fills += u64::from(matches!(event.kind, EventKind::OrderFilled { .. }));
    }

    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let whole = arguments.iter().any(|argument| argument == "run");
    let mut numbers = arguments
        .iter()
        .filter_map(|argument| argument.parse::<usize>().ok());
    let hours = numbers.next().unwrap_or(24);
    let symbols = numbers.next().unwrap_or(if whole { 200 } else { 5 });
    let seconds = if whole { hours as i64 * 3_600 } else { 60 };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(live(symbols, seconds));
}

async fn live(count: usize, seconds: i64) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        records_per_segment: 50_000,
        ..Settings::default()
    };
    let store = TapeStore::open_with(folder.path(), settings).expect("a store");
    let venue = venues::open("binance", VenueConfig::default());
    let venue = venue.expect("a venue").expect("its defaults are fine");
    let make = |index: usize| {
        let instrument = instrument_of(&format!("S{index}/USDT"));
        let channel = store.channel_blocking("binance", &instrument).expect("a tape");
        Symbol {
            pipeline: Pipeline::new(
                instrument.clone(),
                venue.traits(),
                ALL,
                Timestamp::from_secs(START),
            ),
            session: index
                .is_multiple_of(ONE_IN)
                .then(|| Session::new(&instrument, &channel)),
            channel,
            trade_id: 0,
            depth_id: 1,
        }
    };
    let mut all: Vec<Symbol> = (0..count).map(make).collect();
    let (mut random, source) = (Random::new(3), Source::new("binance"));
    let (mut told, mut published) = (0_u64, 0_u64);
    let began = Instant::now();
    println!(
        "{count} symbols, {} sessions; hour 0: {} MB resident",
        count.div_ceil(ONE_IN),
        resident()
    );
    for second in 0..seconds {
        let now = Timestamp::from_secs(START + second);
        let received = now.plus_nanos(50_000_000);
        for symbol in &mut all {
            for event in happens(&mut random, now, symbol) {
                symbol.pipeline.told(&event, received);
                told += 1;
            }
            if symbol.pipeline.tick(received) {
                symbol.pipeline.book(Ok(book(symbol.depth_id)), received);
            }
            published += symbol.append(received, &source);
        }
        if (second + 1) % 60 == 0 || second + 1 == seconds {
            for symbol in &mut all {
                symbol
                    .trade(second + 1 == seconds || (second + 1) % 3_600 == 0)
                    .await;
            }
        }
        if (second + 1) % 3_600 == 0 {
            let retention = Retention {
                bytes: Some(KEPT),
                ..Retention::default()
            };
            let kept = store.retain(received, &retention, |_| None).expect("retained");
            println!(
                "hour {}: {} MB resident; {} MB in segments, {} removed; {:.0} s",
                (second + 1) / 3_600,
                resident(),
                kept.bytes / 1_000_000,
                kept.removed,
                began.elapsed().as_secs_f64()
            );
        }
    }
    let sessions = || all.iter().filter_map(|symbol| symbol.session.as_ref());
    let fills: u64 = sessions().map(|session| session.count.fills).sum();
    let inputs: u64 = sessions().map(|session| session.count.inputs).sum();
    let taken = began.elapsed().as_secs_f64();
    println!(
        "{told} told, {published} published and on tape, {inputs} taken in by sessions, {fills} fills, in {taken:.0} s: {:.0} events \
         a second",
        published as f64 / taken
    );
    assert!(inputs > 0 && (seconds < 3_600 || fills > 0), "the sessions trade");
}

impl Session {
    fn new(instrument: &Instrument, channel: &Channel) -> Self {
        let config = EngineConfig {
            instrument: instrument.clone(),
            ..config(STRATEGY)
        };
        let (mut engine, mut count) = (Engine::new(config), Count::default());
        let start = Input::Command(Timestamp::from_secs(START), Command::Start);
        engine.process_into(&start, &mut count);
        Self {
            engine,
            reader: channel.reader_from(1),
            count,
        }
    }
}

impl Symbol {
    /// Puts on the tape what was published, and waits for the disk where it is far behind.
    fn append(&mut self, received: Timestamp, source: &Source) -> u64 {
        let all = std::mem::take(self.pipeline.published());
        let count = all.len() as u64;
        for published in all {
            while let Err(error) =
                self.channel
                    .append_batch(received, source, [Entry::Event(published.event.clone())])
            {
                assert!(matches!(error, TapeError::Behind { .. }), "{error}");
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        count
    }

    /// Has its session take in what is durable; with `all`, everything.
    async fn trade(&mut self, all: bool) {
        let last = self.channel.last_number();
        if all {
            self.channel.durable(last).await.expect("durable");
        }
        let Some(Session {
            engine,
            reader,
            count,
        }) = &mut self.session
        else {
            return;
        };
        loop {
            let records = reader.read(1_024).await.expect("it can be read");
            if records.is_empty() {
                return;
            }
            for event in records.into_iter().filter_map(papertape_tape::Record::into_event) {
                engine.process_into(&Input::market(event), count);
                count.inputs += 1;
            }
        }
    }
}

/// A thousand levels a side.
fn book(last_id: u64) -> DepthSnapshot {
    let level = |price| Level { price, size: 10_000 };
    DepthSnapshot {
        last_id,
        update: DepthUpdate {
            time: Timestamp::from_secs(START),
            kind: DepthKind::Snapshot,
            bids: (0..1_000).map(|index| level(6_182_000 - index)).collect(),
            asks: (0..1_000).map(|index| level(6_184_000 + index)).collect(),
        },
    }
}

/// What is told of one symbol in a second; now and then something is missing, comes twice or cannot be.
fn happens(random: &mut Random, time: Timestamp, symbol: &mut Symbol) -> Vec<Told> {
    let slot = Slot(0);
    symbol.trade_id += if random.chance(0.001) { 2 } else { 1 };
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
        id: Some(symbol.trade_id),
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
    symbol.depth_id += if random.chance(0.000_1) { 2 } else { 1 };
    let level = |price| Level {
        price,
        size: 1 + cents,
    };
    told.push(Told::Depth {
        slot,
        diff: DepthDiff {
            first_id: symbol.depth_id,
            final_id: symbol.depth_id,
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
