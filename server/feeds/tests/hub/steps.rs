//! Venues change the steps of prices and sizes while they are listened to.

use super::*;
use papertape::model::Instrument;
use papertape_feeds::testkit::Fault;
use papertape_feeds::{RecordError, Recording};
use rust_decimal::Decimal;

const EVERYTHING: Channels = Channels {
    depth: true,
    ..Channels::TICKS
};

/// The same with ticks of a tenth.
fn finer(old: &Instrument) -> Instrument {
    let tick = old.tick() / Decimal::TEN;
    let made = Instrument::new(old.symbol().clone(), tick, old.lot(), Decimal::ZERO, Decimal::ONE);
    made.expect("an instrument")
}

/// Of the books told after so many events, the best price in ticks.
fn books(place: &Place, feed: &str, from: usize) -> Vec<i64> {
    let events = place.recorder.record(feed, "BTC/USD").events;
    let told = events.iter().skip(from).filter_map(|it| match &it.event {
        MarketEvent::Depth(update) => Some(update.bids.first().or(update.asks.first())?.price),
        _ => None,
    });
    told.collect()
}

fn tick(place: &Place, feed: &str) -> Decimal {
    let record = place.recorder.record(feed, "BTC/USD");
    record.instrument.expect("it is recorded").tick()
}

fn length(place: &Place, feed: &str) -> usize {
    place.recorder.record(feed, "BTC/USD").events.len()
}

async fn listen(place: &Place, feed: &str) -> papertape_feeds::Subscription {
    let listening = place.hub.subscribe(feed, &btc(), EVERYTHING).await;
    listening.expect("listening")
}

#[tokio::test]
async fn steps_that_a_venue_changes_are_those_of_what_is_told_from_then_on() {
    let place = place(1).await;
    // Two streams with one source.
    let listening = [listen(&place, "venue0").await, listen(&place, "best").await];
    place
        .until(|place| {
            ["venue0", "best"]
                .iter()
                .all(|feed| books(place, feed, 0).len() > 5)
        })
        .await;
    let old = listening[0].instrument().clone();
    // Nothing has changed: nothing happens.
    place.hub.relist().await;
    assert_eq!(place.servers[0].with(|stage| stage.opened()), 1);
    // A tick is a tenth of what it was.
    let finer = finer(&old);
    place.servers[0].with(|stage| stage.truth.markets[0].instrument = finer.clone());
    let before = ["venue0", "best"].map(|feed| place.recorder.record(feed, "BTC/USD").events.len());
    place.hub.relist().await;
    place
        .until(|place| {
            let feeds = ["venue0", "best"].iter().zip(before);
            feeds
                .into_iter()
                .all(|(feed, from)| books(place, feed, from).len() > 5)
        })
        .await;
    for (feed, from) in ["venue0", "best"].into_iter().zip(before) {
        let record = place.recorder.record(feed, "BTC/USD");
        let recorded = record.instrument.expect("it is recorded");
        assert_eq!(recorded.tick(), finer.tick(), "{feed}");
        // A book of the old steps is none of the new ones: it is unknown until it is told whole.
        let states = record.events.iter().skip(from).filter_map(|it| match it.event {
            MarketEvent::Status(_, status) => Some(status),
            _ => None,
        });
        let states: Vec<TradingStatus> = states.collect();
        assert_eq!(states, [TradingStatus::Gap, TradingStatus::Trading], "{feed}");
        // The truth's prices are whole old ticks: tens of new ones.
        assert!(
            books(&place, feed, from)
                .iter()
                .all(|price| price % 10 == 0 && *price > 10_000_000)
        );
    }
    drop(listening);
}

#[tokio::test]
async fn streams_that_share_a_source_change_their_steps_together_or_not_at_all() {
    let place = place(1).await;
    let listening = [listen(&place, "venue0").await, listen(&place, "best").await];
    let old = listening[0].instrument().clone();
    let feeds = ["venue0", "best"];
    place
        .until(|place| feeds.iter().all(|feed| books(place, feed, 0).len() > 5))
        .await;
    place.servers[0].with(|stage| {
        stage.truth.markets[0].instrument = finer(&old);
        // It cannot be asked: all is as before, for both.
        stage.faults.force(Fault::Trouble);
    });
    assert!(place.hub.relist().await);
    assert_eq!(feeds.map(|feed| tick(&place, feed)), [old.tick(); 2]);
    assert!(place.hub.relist().await);
    assert_eq!(feeds.map(|feed| tick(&place, feed)), [finer(&old).tick(); 2]);
    let before = feeds.map(|feed| length(&place, feed));
    place
        .until(|place| {
            feeds
                .iter()
                .zip(before)
                .all(|(feed, from)| books(place, feed, from).len() > 5)
        })
        .await;
    for (feed, from) in feeds.iter().zip(before) {
        let read = books(&place, feed, from);
        assert!(read.iter().all(|price| *price > 10_000_000), "{feed}: {read:?}");
    }
    drop(listening);
}

#[tokio::test]
async fn a_stream_that_began_without_its_first_source_counts_in_its_steps_when_it_answers() {
    let place = place(2).await;
    let old = place.servers[1].with(|stage| stage.truth.markets[0].instrument.clone());
    place.servers[0].with(|stage| {
        stage.truth.markets[0].instrument = finer(&old);
        stage.faults.force(Fault::Trouble);
    });
    let listening = listen(&place, "best").await;
    assert_eq!(listening.instrument().tick(), old.tick(), "the second's");
    let is_followed = |place: &Place| tick(place, "best") == finer(&old).tick();
    place.until(is_followed).await;
    let is_first =
        |place: &Place| place.status("best") == Some(("venue0".to_owned(), TradingStatus::Trading));
    place.until(is_first).await;
}

/// A recorder that has no room for another instrument now.
#[derive(Debug)]
struct Full {
    recorder: MemoryRecorder,
    is_full: Arc<AtomicBool>,
}

impl Recorder for Full {
    fn open(&self, feed: &str, instrument: &Instrument) -> Result<Box<dyn Recording>, RecordError> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(RecordError("the disk is full".to_owned()));
        }
        self.recorder.open(feed, instrument)
    }

    fn instrument(&self, feed: &str, symbol: &Symbol) -> Option<Instrument> {
        self.recorder.instrument(feed, symbol)
    }
}

#[tokio::test]
async fn steps_that_cannot_be_recorded_yet_are_taken_when_they_can_and_no_book_is_told_in_wrong_ones() {
    let is_full = Arc::new(AtomicBool::new(false));
    let recorder = |recorder| {
        let is_full = Arc::clone(&is_full);
        Arc::new(Full { recorder, is_full }) as Arc<dyn Recorder>
    };
    let place = Build::default().of(Binance::new, recorder).await;
    let listening = listen(&place, "venue0").await;
    let old = listening.instrument().clone();
    place.until(|place| books(place, "venue0", 0).len() > 5).await;
    place.servers[0].with(|stage| stage.truth.markets[0].instrument = finer(&old));
    is_full.store(true, Ordering::SeqCst);
    assert!(!place.hub.relist().await);
    let before = length(&place, "venue0");
    // It goes on in its old steps, between which the new ones lie: without the book, which is on record.
    place.until(|place| length(place, "venue0") > before + 100).await;
    assert_eq!(tick(&place, "venue0"), old.tick());
    assert_eq!(books(&place, "venue0", before), [0_i64; 0]);
    let incidents = place
        .hub
        .incidents("venue0", &btc(), Timestamp::EPOCH, place.now());
    let said = |what: &str| incidents.iter().any(|it| it.detail.contains(what));
    assert!(said("without its order book"), "{incidents:?}");
    assert!(said("its record could not be opened"), "{incidents:?}");
    // Still full: still due.
    assert!(!place.hub.relist().await);
    is_full.store(false, Ordering::SeqCst);
    assert!(place.hub.relist().await);
    let before = length(&place, "venue0");
    place
        .until(|place| books(place, "venue0", before).len() > 5)
        .await;
    assert_eq!(tick(&place, "venue0"), finer(&old).tick());
    let read = books(&place, "venue0", before);
    assert!(read.iter().all(|price| *price > 10_000_000), "{read:?}");
    drop(listening);
}
