//! What a venue lists as not trading fills nothing, however its book moves, until it is listed as trading again.

use super::*;
use papertape::api::Freshness;

/// A venue whose first symbol may be stopped; its stream goes on, as that of one does which takes cancellations only.
#[derive(Debug)]
struct Stopped {
    venue: Binance,
    is_stopped: Arc<AtomicBool>,
}

impl Mock for Stopped {
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply {
        let mut reply = self.venue.answer(request, truth, at);
        if self.is_stopped.load(Ordering::SeqCst) {
            let body = String::from_utf8(reply.body).expect("text");
            reply.body = body.replace("\"TRADING\"", "\"BREAK\"").into_bytes();
        }
        reply
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        self.venue.connect(request)
    }
}

/// So many venues, of which the first may be stopped by the switch, and is.
async fn stopped(count: usize) -> (Place, Arc<AtomicBool>) {
    let switch = Arc::new(AtomicBool::new(true));
    let first = AtomicBool::new(true);
    let mock = || Stopped {
        venue: Binance::new(),
        is_stopped: match first.swap(false, Ordering::SeqCst) {
            true => Arc::clone(&switch),
            false => Arc::default(),
        },
    };
    (place_of(count, mock).await, switch)
}

/// What was told of whether it trades.
fn states(place: &Place, feed: &str) -> Vec<TradingStatus> {
    let events = place.recorder.record(feed, "BTC/USD").events;
    let state = |it: &papertape_feeds::Published| match it.event {
        MarketEvent::Status(_, status) => Some(status),
        _ => None,
    };
    events.iter().filter_map(state).collect()
}

fn is(place: &Place, feed: &str, status: TradingStatus) -> bool {
    place.status(feed).is_some_and(|(_, now)| now == status)
}

#[tokio::test]
async fn what_is_not_listed_as_trading_is_halted_until_it_is() {
    let (place, is_stopped) = stopped(1).await;
    let listening = place.hub.subscribe("venue0", &btc(), Channels::TICKS).await;
    let listening = listening.expect("listening");
    place
        .until(|place| is(place, "venue0", TradingStatus::Halted) && listening.last() > 20)
        .await;
    let symbol = |place: &Place| {
        let feeds = place.hub.feeds();
        let mut feed = feeds
            .into_iter()
            .find(|feed| feed.feed == "venue0")
            .expect("a feed");
        feed.symbols.remove(0)
    };
    assert_eq!(symbol(&place).freshness, Freshness::Halted);
    let why = symbol(&place).why.expect("it says why");
    assert_eq!(why, "venue0: its venue lists it as not trading");
    // It was never told as trading before.
    assert!(!states(&place, "venue0").contains(&TradingStatus::Trading));
    // A connection that begins anew says nothing else.
    place.servers[0].all_sockets(&Act::Cut);
    let opened = |place: &Place| place.servers[0].with(|stage| stage.opened());
    place.until(|place| opened(place) == 2).await;
    let before = listening.last();
    place
        .until(|place| listening.last() > before + 20 && is(place, "venue0", TradingStatus::Halted))
        .await;
    // Nor is it asked for more than the list: it is as it was.
    assert!(place.hub.relist().await);
    assert!(is(&place, "venue0", TradingStatus::Halted));
    is_stopped.store(false, Ordering::SeqCst);
    assert!(place.hub.relist().await);
    place
        .until(|place| is(place, "venue0", TradingStatus::Trading))
        .await;
    assert_eq!(symbol(&place).freshness, Freshness::Fresh);
    // And it may stop while it is listened to.
    is_stopped.store(true, Ordering::SeqCst);
    assert!(place.hub.relist().await);
    place
        .until(|place| is(place, "venue0", TradingStatus::Halted))
        .await;
    assert_eq!(states(&place, "venue0").last(), Some(&TradingStatus::Halted));
}

#[tokio::test]
async fn where_one_venue_has_stopped_another_takes_over() {
    let (place, is_stopped) = stopped(2).await;
    let listening = place.hub.subscribe("best", &btc(), Channels::TICKS).await;
    let _listening = listening.expect("listening");
    let on = |place: &Place, source: &str| {
        place.status("best") == Some((source.to_owned(), TradingStatus::Trading))
    };
    place.until(|place| on(place, "venue1")).await;
    let failovers = |place: &Place| -> Vec<String> {
        let incidents = place.recorder.record("best", "BTC/USD").incidents;
        let of = |incident: &Incident| incident.kind == IncidentKind::Failover;
        incidents
            .into_values()
            .filter(of)
            .map(|incident| incident.detail)
            .collect()
    };
    // Where the second was there first, the first was not yet.
    let all = failovers(&place);
    let is_why = |detail: &String| {
        detail == "venue0 lists it as not trading; venue1 takes over"
            || detail.starts_with("venue0 is in trouble: ")
    };
    assert!(all.len() == 1 && all.iter().all(is_why), "{all:?}");
    is_stopped.store(false, Ordering::SeqCst);
    assert!(place.hub.relist().await);
    place.until(|place| on(place, "venue0")).await;
}
