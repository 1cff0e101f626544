//! Another Papertape as the venue, whose own venue changes its steps.

use super::*;
use papertape::api::{FeedClientMessage, FeedEvent, FeedServerMessage, Page};
use papertape::market::{DepthKind, DepthUpdate, Grid, Level};
use papertape::model::{Instrument, Side};
use papertape_feeds::testkit::{TrueMarket, TruthEvent};
use rust_decimal::Decimal;
use std::sync::{Mutex, PoisonError};

const API: &str = "/api/paper-trading/feeds/rerun";
const EVERYTHING: Channels = Channels {
    depth: true,
    ..Channels::TICKS
};

/// What is on the other's tape: each event with the instrument in whose steps it counts.
type Tape = Arc<Mutex<Vec<(Instrument, MarketEvent)>>>;

/// Another Papertape.
#[derive(Debug)]
struct Other(Tape);

/// One listener of its stream.
#[derive(Debug)]
struct Listener {
    tape: Tape,
    /// The number of the last event that was told.
    reached: Option<usize>,
    listed: Option<Instrument>,
}

fn text(message: &FeedServerMessage) -> Frame {
    Frame::Text(serde_json::to_string(message).expect("plain data"))
}

fn locked(tape: &Tape) -> std::sync::MutexGuard<'_, Vec<(Instrument, MarketEvent)>> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mock for Other {
    fn answer(&mut self, request: &Request, _truth: &Truth, _at: Duration) -> Reply {
        assert_eq!(request.path, format!("{API}/instruments"));
        // What it lists is what it listed at first: who hears of something newer hears it on the stream.
        let items = vec![locked(&self.0)[0].0.clone()];
        let page = Page {
            items,
            next_cursor: None,
        };
        Reply::json(200, &serde_json::to_value(page).expect("plain data"))
    }

    fn connect(&mut self, _request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        Ok(Box::new(Listener {
            tape: Arc::clone(&self.0),
            reached: None,
            listed: None,
        }))
    }
}

impl Listener {
    /// What is on the tape and was not told.
    fn news(&mut self) -> Vec<Frame> {
        let Some(mut reached) = self.reached else {
            return Vec::new();
        };
        let mut frames = Vec::new();
        for (instrument, event) in locked(&self.tape).iter().skip(reached) {
            let symbol = instrument.symbol().clone();
            if self.listed.as_ref() != Some(instrument) {
                self.listed = Some(instrument.clone());
                frames.push(text(&FeedServerMessage::Listed {
                    symbol: symbol.clone(),
                    instrument: Box::new(instrument.clone()),
                }));
            }
            reached += 1;
            frames.push(text(&FeedServerMessage::Event(FeedEvent {
                symbol,
                number: reached as u64,
                received: event.time(),
                event: event.clone(),
            })));
        }
        self.reached = Some(reached);
        frames
    }
}

impl Conversation for Listener {
    fn received(&mut self, frame: &Frame, _truth: &Truth, _at: Duration) -> Vec<Act> {
        match serde_json::from_slice(frame.bytes()).expect("it makes sense") {
            FeedClientMessage::Subscribe(it) => {
                let after = it.after.map_or(locked(&self.tape).len(), |after| after as usize);
                (self.reached, self.listed) = (Some(after), None);
                let subscribed = text(&FeedServerMessage::Subscribed {
                    symbol: it.symbol,
                    after: after as u64,
                    time: None,
                });
                let frames = std::iter::once(subscribed).chain(self.news());
                frames.map(Act::Send).collect()
            }
            FeedClientMessage::Unsubscribe { .. } => {
                self.reached = None;
                Vec::new()
            }
            FeedClientMessage::Ping(number) => vec![Act::Send(text(&FeedServerMessage::Pong(number)))],
        }
    }

    fn tell(&mut self, _event: &TruthEvent, _truth: &Truth) -> Vec<Frame> {
        self.news()
    }

    fn listens(&self, _market: &TrueMarket) -> Channels {
        match self.reached {
            Some(_) => EVERYTHING,
            None => Channels::default(),
        }
    }
}

fn instrument(tick: Decimal) -> Instrument {
    let lot = Decimal::new(1, 3);
    let made = Instrument::new(btc(), tick, lot, Decimal::ZERO, Decimal::ONE);
    made.expect("an instrument")
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// A whole book with a bid at a price, in an instrument's steps.
fn book(instrument: &Instrument, secs: i64, price: f64) -> MarketEvent {
    let grid = Grid::of(instrument);
    let level = Level {
        price: grid.ticks(price).expect("on the grid"),
        size: 1,
    };
    MarketEvent::Depth(Box::new(DepthUpdate {
        time: at(secs),
        kind: DepthKind::Snapshot,
        bids: vec![level],
        asks: Vec::new(),
    }))
}

fn trade(secs: i64, price: f64) -> MarketEvent {
    MarketEvent::Trade(TradeTick {
        time: at(secs),
        price,
        size: 1.0,
        aggressor: Side::Buy,
    })
}

/// Trades by their price, and books by their best bid in ticks.
fn told(place: &Place) -> Vec<String> {
    let events = place.recorder.record("venue0", "BTC/USD").events;
    let word = |event: &MarketEvent| match event {
        MarketEvent::Trade(trade) => Some(format!("trade {}", trade.price)),
        MarketEvent::Depth(update) => Some(format!("bid {}", update.bids[0].price)),
        _ => None,
    };
    events.iter().filter_map(|it| word(&it.event)).collect()
}

fn tick(place: &Place) -> Decimal {
    let record = place.recorder.record("venue0", "BTC/USD");
    record.instrument.expect("it is recorded").tick()
}

#[tokio::test]
async fn steps_that_change_on_the_stream_of_another_papertape_are_followed_where_they_change() {
    let (cents, mills) = (Decimal::new(1, 2), Decimal::new(1, 3));
    let [old, finer] = [cents, mills].map(instrument);
    let tape = Tape::default();
    locked(&tape).extend([
        (old.clone(), book(&old, 1, 100.25)),
        (old.clone(), trade(2, 100.25)),
    ]);
    let build = Build {
        venue: "papertape",
        options: "feed = \"rerun\", from = \"start\"",
        ..Build::default()
    };
    let place = build
        .of(|| Other(Arc::clone(&tape)), |recorder| Arc::new(recorder))
        .await;
    let listening = place.hub.subscribe("venue0", &btc(), EVERYTHING).await;
    let listening = listening.expect("listening");
    place
        .until(|place| told(place) == ["bid 10025", "trade 100.25"])
        .await;
    let asked = |place: &Place| place.servers[0].with(|stage| stage.requests.values().sum::<u64>());
    let before = asked(&place);
    // Its venue counts in thousandths from here on; then in hundredths again.
    locked(&tape).extend([
        (finer.clone(), book(&finer, 3, 100.125)),
        (finer.clone(), trade(4, 100.125)),
    ]);
    let news = ["bid 10025", "trade 100.25", "bid 100125", "trade 100.125"];
    place.until(|place| told(place) == news).await;
    assert_eq!(tick(&place), mills);
    locked(&tape).push((old.clone(), book(&old, 5, 100.5)));
    place
        .until(|place| told(place).last().is_some_and(|it| it == "bid 10050"))
        .await;
    assert_eq!((tick(&place), told(&place).len()), (cents, 5));
    // Nobody was asked, and nothing was told twice or in steps that it does not count in.
    assert_eq!(asked(&place), before);
    let incidents = place
        .hub
        .incidents("venue0", &btc(), Timestamp::EPOCH, place.now());
    let without_book = incidents
        .iter()
        .any(|it| it.detail.contains("without its order book"));
    assert!(!without_book, "{incidents:?}");
    drop(listening);
}
