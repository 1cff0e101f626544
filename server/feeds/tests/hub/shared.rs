//! What feeds and streams share: a host's limits, a connection, what was told on it before they came.

use super::*;
use papertape::api::Freshness;
use papertape_feeds::BreakerState;
use papertape_feeds::testkit::kraken::Kraken;

#[tokio::test]
async fn feeds_of_one_host_share_what_may_be_asked_of_it() {
    let place = place(1).await;
    let config = place.servers[0].config();
    let (rest_url, stream_url) = (config.rest_url.expect("one"), config.stream_url.expect("one"));
    let toml = ["one", "other"].map(|name| {
        format!(
            "[feeds.{name}]\nvenue = \"binance\"\nrest_url = \"{rest_url}\"\nstream_url = \"{stream_url}\"\n"
        )
    });
    let config = FeedsConfig::parse(&toml.concat(), &|_| None).expect("a configuration");
    let clock = Arc::clone(&place.clock) as Arc<dyn Clock>;
    let hub = FeedHub::new(config, Arc::new(MemoryRecorder::default()), clock).expect("feeds");
    let used = |name: &str| {
        let feeds = hub.feeds();
        let feed = feeds.iter().find(|feed| feed.feed == name).expect("a feed");
        feed.budget[0].used
    };
    hub.instrument("one", &btc()).await.expect("it is listed");
    let after_one = used("one");
    assert!(after_one >= 20, "{after_one}");
    assert_eq!(used("other"), after_one);
    hub.instrument("other", &btc()).await.expect("it is listed");
    assert_eq!((used("one"), used("other")), (2 * after_one, 2 * after_one));
    // At another host it is another's business.
    assert_eq!(used("kraken"), 0);
}

#[tokio::test]
async fn who_comes_during_a_halt_is_told_of_it() {
    let build = Build {
        venue: "kraken",
        ..Build::default()
    };
    let place = build.of(Kraken::new, |recorder| Arc::new(recorder)).await;
    let first = place.hub.subscribe("venue0", &btc(), Channels::TICKS).await;
    let first = first.expect("listening");
    place.until(|_| first.last() > 20).await;
    let is = |place: &Place, feed: &str, status| place.status(feed).is_some_and(|(_, now)| now == status);
    let system = |state: &str| {
        let frame = format!(r#"{{"channel":"status","type":"update","data":[{{"system":"{state}"}}]}}"#);
        place.servers[0].all_sockets(&Act::Send(Frame::Text(frame)));
    };
    system("maintenance");
    place
        .until(|place| is(place, "venue0", TradingStatus::Halted))
        .await;
    // Another stream with the same source, and one with another symbol of it.
    let second = place.hub.subscribe("best", &btc(), Channels::TICKS).await;
    let second = second.expect("listening");
    place
        .until(|place| is(place, "best", TradingStatus::Halted))
        .await;
    system("online");
    let trades = |place: &Place| {
        ["venue0", "best"]
            .iter()
            .all(|feed| is(place, feed, TradingStatus::Trading))
    };
    place.until(trades).await;
    drop((first, second));
}

/// A venue that refuses every handshake for three days.
#[derive(Debug)]
struct SentAway {
    venue: Binance,
    handshakes: Arc<AtomicI64>,
}

impl Mock for SentAway {
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply {
        self.venue.answer(request, truth, at)
    }

    fn connect(&mut self, _request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        self.handshakes.fetch_add(1, Ordering::SeqCst);
        Err(Reply::text(429, "text/plain", "later").with("retry-after", 3 * 86_400))
    }
}

#[tokio::test]
async fn who_is_sent_away_for_days_is_left_alone_for_an_hour_and_says_so() {
    let handshakes = Arc::<AtomicI64>::default();
    let place = place_of(1, || SentAway {
        venue: Binance::new(),
        handshakes: Arc::clone(&handshakes),
    })
    .await;
    let listening = place.hub.subscribe("venue0", &btc(), Channels::TICKS).await;
    let listening = listening.expect("listening");
    let feed = |place: &Place| {
        let feeds = place.hub.feeds();
        feeds
            .into_iter()
            .find(|feed| feed.feed == "venue0")
            .expect("a feed")
    };
    place
        .until(|place| feed(place).breaker == BreakerState::Open)
        .await;
    let said = feed(&place).last_error.expect("it says why");
    assert!(feed(&place).last_error_at.is_some(), "and when");
    assert!(
        said.contains("for 259200 s; it is tried again every 3600 s all the same"),
        "{said}"
    );
    let symbol = feed(&place).symbols.remove(0);
    assert_eq!(symbol.freshness, Freshness::Waiting, "{:?}", symbol.why);
    // Nobody knocks meanwhile.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(handshakes.load(Ordering::SeqCst), 1);
    drop(listening);
}

#[tokio::test]
async fn where_the_socket_fails_the_venue_is_asked_over_rest_until_it_stands() {
    let is_full = Arc::new(AtomicBool::new(true));
    let place = place_of(1, || Full {
        venue: Binance::new(),
        is_full: Arc::clone(&is_full),
    })
    .await;
    let listening = place.hub.subscribe("venue0", &btc(), Channels::TICKS).await;
    let listening = listening.expect("listening");
    let feed = |place: &Place| {
        let feeds = place.hub.feeds();
        feeds
            .into_iter()
            .find(|feed| feed.feed == "venue0")
            .expect("a feed")
    };
    let freshness = |place: &Place| feed(place).symbols[0].freshness;
    assert_eq!(freshness(&place), Freshness::Waiting);
    place.until(|place| freshness(place) == Freshness::Fresh).await;
    // What was told is what the answers said: no socket has ever stood.
    assert!(place.servers[0].with(|stage| stage.opened()) == 0 && listening.last() > 0);
    is_full.store(false, Ordering::SeqCst);
    place
        .until(|place| feed(place).connection == ConnectionState::Connected)
        .await;
    let before = listening.last();
    place.until(|_| listening.last() > before + 50).await;
    // What was traded between the last answer and the stream's first trade is asked for, and then nothing is missing.
    place.until(|place| freshness(place) == Freshness::Fresh).await;
    let truth = place.servers[0].with(|stage| stage.truth.markets[0].trades.clone());
    let events = place.recorder.record("venue0", "BTC/USD").events;
    let told = events.iter().filter_map(|it| match it.event {
        MarketEvent::Trade(trade) => Some(trade),
        _ => None,
    });
    let is_true = |told: &TradeTick| {
        let mut same = truth
            .iter()
            .filter(|(_, it)| (it.price, it.size) == (told.price, told.size));
        same.next().is_some()
    };
    let told: Vec<TradeTick> = told.collect();
    assert!(
        told.len() > 10 && told.iter().all(is_true),
        "{} trades",
        told.len()
    );
    drop(listening);
}

#[tokio::test]
async fn more_symbols_than_one_connection_carries_have_several() {
    let build = Build {
        options: "symbols_a_connection = \"2\"",
        symbols: 5,
        ..Build::default()
    };
    let place = build.of(Binance::new, |recorder| Arc::new(recorder)).await;
    let listings = place.hub.listings("venue0").await.expect("a list");
    let symbols: Vec<Symbol> = listings.iter().map(|it| it.instrument.symbol().clone()).collect();
    assert_eq!(symbols.len(), 5);
    let mut listening = Vec::new();
    for symbol in &symbols {
        let one = place.hub.subscribe("venue0", symbol, Channels::TICKS).await;
        listening.push(one.expect("listening"));
    }
    place
        .until(|_| listening.iter().all(|listening| listening.last() > 10))
        .await;
    let opened = || place.servers[0].with(|stage| stage.opened());
    assert_eq!(opened(), 3);
    let feed = |place: &Place| {
        let feeds = place.hub.feeds();
        feeds
            .into_iter()
            .find(|feed| feed.feed == "venue0")
            .expect("a feed")
    };
    assert_eq!(
        (feed(&place).connection, feed(&place).reconnects),
        (ConnectionState::Connected, 0)
    );
    // A second stream of one of them is told on the connection that it has.
    let again = place.hub.subscribe("best", &symbols[4], Channels::TICKS).await;
    let again = again.expect("listening");
    place.until(|_| again.last() > 10).await;
    assert_eq!(opened(), 3);
    drop((listening, again));
    place
        .until(|place| {
            place.sleep(1_000_000_000);
            feed(place).connection == ConnectionState::Idle
        })
        .await;
}

#[tokio::test]
async fn a_connection_is_replaced_before_the_venue_closes_it_and_nothing_is_silently_lost() {
    let build = Build {
        options: "lifetime_s = \"2\"",
        ..Build::default()
    };
    let place = build.of(Binance::new, |recorder| Arc::new(recorder)).await;
    let listening = place.hub.subscribe("venue0", &btc(), Channels::TICKS).await;
    let listening = listening.expect("listening");
    place.until(|_| listening.last() > 20).await;
    place
        .until(|place| place.servers[0].with(|stage| stage.opened()) >= 3)
        .await;
    // What was asked for after the change has come.
    let before = listening.last();
    place.until(|_| listening.last() > before + 200).await;
    let incidents = place
        .hub
        .incidents("venue0", &btc(), Timestamp::EPOCH, place.now());
    assert!(
        incidents
            .iter()
            .all(|it| !it.detail.contains("closed the connection")),
        "{incidents:?}"
    );
    let replaced = incidents
        .iter()
        .filter(|it| it.detail.contains("takes the place"));
    assert!(replaced.count() >= 2, "{incidents:?}");
    // From the first trade on, every one is told, or counted as lost or late.
    let record = place.recorder.record("venue0", "BTC/USD").events;
    let told = record.iter().filter_map(|it| match it.event {
        MarketEvent::Trade(trade) => Some(trade),
        _ => None,
    });
    let told: Vec<TradeTick> = told.collect();
    let truth = place.servers[0].with(|stage| stage.truth.markets[0].trades.clone());
    let same =
        |a: &TradeTick, b: &TradeTick| (a.price, a.size, a.aggressor) == (b.price, b.size, b.aggressor);
    let begin = truth
        .iter()
        .rposition(|(_, it)| same(it, &told[0]) && it.time <= told[0].time);
    let (mut next, mut skipped) = (begin.expect("it is there"), 0);
    for told in &told {
        let found = truth.iter().skip(next).position(|(_, it)| same(it, told));
        let found = found.unwrap_or_else(|| panic!("nobody traded {told:?}"));
        (next, skipped) = (next + found + 1, skipped + found as u64);
    }
    let feeds = place.hub.feeds();
    let feed = feeds.iter().find(|feed| feed.feed == "venue0").expect("a feed");
    assert!(skipped <= feed.counters.lost + feed.counters.late, "{skipped}");
    assert!(feed.reconnects >= 2);
}
