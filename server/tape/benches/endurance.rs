//! A day of a server's life in one process: 200 symbols for 24 hours on local venues that speak Binance's protocol over real
//! sockets. What they tell is decoded, checked, joined and recorded as a server does it, through the hub with its clock and its
//! timers; each symbol has its tape of real files, made durable, sealed and thinned out by retention; and sessions trade on what
//! they read from there. Once an hour a venue cuts its connection: it is opened anew, what was missed is asked for, books are
//! rebuilt. Nothing else goes wrong, so what is on the data-quality records comes of these cuts: to a market whose day takes minutes a
//! connection that is opened anew is away for long. It is printed by its words. The venues are in the same process, and what they keep
//! is bounded.
//!
//! `cargo bench -p papertape-tape --bench endurance -- run`; numbers after `run` say how many hours and how many symbols. Time
//! goes as fast as everything told is taken in. Prints what the process holds after each simulated hour; the last line says
//! whether that is flat, see [`is_flat`], and where it is not, it ends with 1. Without `run` a minute of five symbols only, to
//! show that it works. Not in it are the sessions' journals, HTTP and pages.

#[path = "endurance/place.rs"]
mod place;

use papertape::engine::{Command, Engine, EngineConfig, Event, EventKind, Input, Sink};
use papertape::model::{Instrument, Money, Timestamp};
use papertape::testkit::config;
use papertape_feeds::testkit::Act;
use papertape_feeds::{Channels, Subscription};
use papertape_tape::{Reader, Record, Retention, Settings, TapeStore};
use place::Place;
use std::process::ExitCode;
use std::time::Instant;

/// The binary's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START: i64 = 1_723_118_400;
/// Of so many symbols one is traded.
const ONE_IN: usize = 10;
const EVERYTHING: Channels = Channels {
    depth: true,
    ..Channels::TICKS
};
/// Segments beyond so many bytes are removed, the oldest first.
const KEPT: u64 = 20_000_000;
/// Things that happen at each venue in a second.
const A_SECOND: usize = 2;
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

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let whole = arguments.iter().any(|argument| argument == "run");
    let mut numbers = arguments
        .iter()
        .filter_map(|argument| argument.parse::<usize>().ok());
    let hours = numbers.next().unwrap_or(24);
    let symbols = numbers.next().unwrap_or(if whole { 200 } else { 5 });
    let seconds = if whole { hours as i64 * 3_600 } else { 60 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let held = runtime.expect("a runtime").block_on(live(symbols, seconds));
    if !whole {
        return ExitCode::SUCCESS;
    }
    match is_flat(&held) {
        Some((before, after, true)) => {
            println!("flat: {before} MB in the first half, {after} MB in the second")
        }
        Some((before, after, false)) => {
            println!("not flat: {before} MB in the first half, {after} MB in the second");
            return ExitCode::FAILURE;
        }
        None => println!("too short to tell whether it is flat: six hours are the least"),
    }
    ExitCode::SUCCESS
}

/// What was held at most in the first half of the day, without its first two hours, in which every cache fills, and in the second
/// half; flat is where the latter is not more than a twentieth above the former. `None` of less than six hours.
fn is_flat(held: &[u64]) -> Option<(u64, u64, bool)> {
    if held.len() < 6 {
        return None;
    }
    let (first, second) = held.split_at(held.len() / 2);
    let (before, after) = (first.iter().skip(2).max()?, second.iter().max()?);
    Some((*before, *after, after * 20 <= before * 21))
}

/// Lives through so many seconds, and gives what the process held after each hour, in MB.
async fn live(symbols: usize, seconds: i64) -> Vec<u64> {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        records_per_segment: 5_000,
        ..Settings::default()
    };
    let store = TapeStore::open_with(folder.path(), settings).expect("a store");
    let mut place = Place::open(symbols, Timestamp::from_secs(START), &store).await;
    let mut listening: Vec<Subscription> = Vec::new();
    let mut sessions = Vec::new();
    for (index, (feed, symbol)) in place.symbols(symbols).into_iter().enumerate() {
        let subscription = place.hub.subscribe(&feed, &symbol, EVERYTHING).await;
        let subscription = subscription.expect("it is listed");
        if index.is_multiple_of(ONE_IN) {
            let channel = store.existing(&feed, &symbol).expect("it is recorded");
            sessions.push(Session::new(subscription.instrument(), channel.reader_from(1)));
        }
        listening.push(subscription);
    }
    let (mut held, began) = (Vec::new(), Instant::now());
    println!(
        "{} symbols, {} sessions; hour 0: {} MB resident",
        listening.len(),
        sessions.len(),
        resident()
    );
    for second in 1..=seconds {
        place.goes_on(Timestamp::from_secs(START + second), A_SECOND);
        // Each second: a clock that runs ahead of what is on its way would make trades late that are not.
        place.settle().await;
        if second % 60 == 0 || second == seconds {
            for session in &mut sessions {
                session.trade().await;
            }
        }
        if second % 3_600 == 0 {
            let retention = Retention {
                bytes: Some(KEPT),
                ..Retention::default()
            };
            let kept = store.retain(place.now(), &retention, |_| None).expect("retained");
            held.push(resident());
            println!(
                "hour {}: {} MB resident; {} frames told, {} MB in segments, {} removed; {:.0} s",
                second / 3_600,
                resident(),
                place.frames(),
                kept.bytes / 1_000_000,
                kept.removed,
                began.elapsed().as_secs_f64()
            );
            place.all_sockets_of(held.len(), &Act::Cut);
        }
    }
    let published: u64 = listening.iter().map(Subscription::last).sum();
    let fills: u64 = sessions.iter().map(|session| session.count.fills).sum();
    let inputs: u64 = sessions.iter().map(|session| session.count.inputs).sum();
    let taken = began.elapsed().as_secs_f64();
    let incidents = place.incidents();
    println!(
        "{} frames told, {published} records on tape, {} incidents, {} reconnects; {inputs} taken in by sessions, {fills} fills; in \
         {taken:.0} s: {:.0} frames a second",
        place.frames(),
        incidents.values().sum::<u64>(),
        place.reconnects(),
        place.frames() as f64 / taken
    );
    for (what, count) in &incidents {
        println!("    {count} {what}");
    }
    assert!(
        published > 0 && inputs > 0 && (seconds < 3_600 || fills > 0),
        "the sessions trade"
    );
    place.hub.close();
    held
}

impl Session {
    fn new(instrument: &Instrument, reader: Reader) -> Self {
        let base = config(STRATEGY);
        let config = EngineConfig {
            initial_capital: Money::new(base.initial_capital.amount, instrument.quote()),
            instrument: instrument.clone(),
            ..base
        };
        let (mut engine, mut count) = (Engine::new(config), Count::default());
        let start = Input::Command(Timestamp::from_secs(START), Command::Start);
        engine.process_into(&start, &mut count);
        Self {
            engine,
            reader,
            count,
        }
    }

    /// Takes in what is durable.
    async fn trade(&mut self) {
        loop {
            let records = self.reader.read(1_024).await.expect("it can be read");
            if records.is_empty() {
                return;
            }
            for event in records.into_iter().filter_map(Record::into_event) {
                self.engine.process_into(&Input::market(event), &mut self.count);
                self.count.inputs += 1;
            }
        }
    }
}

/// Megabytes that the process holds, where the system tells.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or_default() * 4_096 / (1 << 20)
}
