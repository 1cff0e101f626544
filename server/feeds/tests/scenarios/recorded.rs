//! Minutes of Binance as they were, trades, best prices and the book, through a server on which things go wrong. Skipped, with a
//! word, where the capture does not lie beside the project.

use crate::account::{Account, Tally};
use crate::kinds::{BINANCE, Kind};
use crate::scenario::Scenario;
use crate::{settled, variable};
use papertape::market::BookCondition;
use papertape_feeds::testkit::{
    BookThen, Capture, Detail, Faults, Request, Stage, Truth, Ware, binance, sample,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// The market of the capture.
const MARKET: Kind = Kind {
    ware: Ware {
        symbol: "BTC/USDT",
        ..BINANCE.ware
    },
    // Of the real book a snapshot shows a thousand levels, so that what is far away is not known.
    detail: Detail {
        levels: BookThen::BEST,
        ..BINANCE.detail
    },
    ..BINANCE
};
/// It tells so many times as much in a second as a seeded market, and venues' limits of requests are kept on the wall.
const MORE: f64 = 10.0;
/// So many seeds unless others are asked for.
const SEEDS: u64 = 4;
/// Of its two and a half minutes, on the wall.
const WAR: Duration = Duration::from_secs(3);
const PEACE: Duration = Duration::from_millis(4_700);

/// What happened, and the frames that told it; `None` where there is no capture.
fn capture() -> Option<(Truth, String)> {
    let file = |what: &str| sample(&format!("BTCUSDT-20240808-{what}"));
    let files = (
        file("depth-snapshot.csv"),
        file("depth.csv"),
        file("trades.csv"),
        file("bookticker.csv"),
        file("frames.txt"),
    );
    let (Some(snapshot), Some(depth), Some(trades), Some(quotes), Some(frames)) = files else {
        println!("skipped: there is no capture BTCUSDT-20240808-*");
        return None;
    };
    let capture = Capture {
        snapshot: &snapshot,
        depth: &depth,
        trades: &trades,
        quotes: &quotes,
    };
    let symbol = MARKET.ware.symbol.parse().expect("a symbol");
    Some((capture.truth(symbol).expect("a capture"), frames))
}

/// A frame by what it is about: its stream and its number.
fn key(frame: &Value) -> Option<(String, u64)> {
    let (stream, data) = (frame["stream"].as_str()?, &frame["data"]);
    Some((stream.to_owned(), data["t"].as_u64().or(data["u"].as_u64())?))
}

/// When the venue said it, which a capture of what it said does not keep of everything, is not compared.
fn without_when(mut frame: Value) -> Value {
    if let Some(data) = frame["data"].as_object_mut() {
        data.remove("E");
    }
    frame
}

#[test]
fn the_local_binance_tells_what_happened_in_the_venue_s_own_frames() {
    let Some((truth, frames)) = capture() else { return };
    let mut stage = Stage::new(truth, binance::Binance::new(), Faults::none());
    let streams = "btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms";
    let (_, acts) = stage
        .connect(&Request::get("/stream", &[("streams", streams)]))
        .expect("it accepts");
    assert_eq!(acts, []);
    let mut told = BTreeMap::new();
    while let Some(all) = stage.advance() {
        for act in all.into_iter().flat_map(|(_, acts)| acts) {
            let papertape_feeds::testkit::Act::Send(frame) = act else {
                panic!("{act:?}")
            };
            let frame: Value = serde_json::from_slice(frame.bytes()).expect("JSON");
            told.insert(key(&frame).expect("a number"), without_when(frame));
        }
    }
    // What came before the snapshot is not told.
    let real = frames
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let compared = real.filter_map(|frame| {
        let ours = told.get(&key(&frame)?)?;
        assert_eq!(*ours, without_when(frame));
        Some(())
    });
    let compared = compared.count();
    assert!(compared > 500, "{compared} of {} frames", frames.lines().count());
}

async fn scenario(truth: Truth, seed: u64) -> Result<Account, String> {
    let faults = Faults::seeded(seed).rarer(MORE);
    let shown = faults.to_string();
    let scenario = Scenario::begin(MARKET, truth, faults, seed % 3 == 2).await;
    let subscription = scenario.subscribe().await;
    let subscription = subscription.map_err(|error| format!("{shown}: {error}"))?;
    let ended = settled(&scenario, WAR, PEACE).await;
    drop(subscription);
    ended.map_err(|wrong| format!("{shown}: {wrong}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_of_real_minutes_is_what_happened_or_its_lack_is_on_record() {
    let Some((truth, _)) = capture() else { return };
    let seeds = match variable("PAPERTAPE_FEED_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("PAPERTAPE_FEED_RECORDED").unwrap_or(SEEDS),
    };
    let mut tally = Tally::default();
    let mut wrong = 0;
    for seed in seeds {
        let run = scenario(truth.clone(), seed).await;
        tally.add(MARKET.name, run.as_ref().ok());
        if let Err(why) = run {
            println!("recorded seed {seed}: {why}\n");
            wrong += 1;
        }
    }
    println!("{tally}");
    assert_eq!(wrong, 0);
}

#[test]
fn the_captured_book_is_never_crossed() {
    let Some((mut truth, _)) = capture() else { return };
    while truth.advance().is_some() {
        let book = &truth.markets[0].book;
        assert_eq!(book.condition(), BookCondition::Open, "at {}", truth.now);
    }
}
