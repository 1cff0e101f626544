//! The hub as a session uses it: one subscription however many listen, failover, what is asked for, what is wrong.

mod halts;
mod past;
mod polls;
mod relay;
mod shared;
mod steps;

use papertape::exchange::TradingStatus;
use papertape::market::{MarketEvent, TradeTick};
use papertape::model::{Symbol, Timeframe, Timestamp};
use papertape_feeds::testkit::{
    Act, Conversation, Faults, Mock, Reply, Request, Server, Stage, Truth, binance::Binance,
};
use papertape_feeds::{
    Channels, Clock, ConnectionState, FeedHub, FeedsConfig, Frame, Incident, IncidentKind, MemoryRecorder,
    Recorder,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

/// A clock that the test sets.
#[derive(Debug)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

struct Place {
    servers: Vec<Server>,
    clock: Arc<Hand>,
    hub: FeedHub,
    recorder: MemoryRecorder,
}

const LINGER: i64 = 5;

/// A venue that may have no room for another connection.
#[derive(Debug)]
struct Full {
    venue: Binance,
    is_full: Arc<AtomicBool>,
}

impl Mock for Full {
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply {
        self.venue.answer(request, truth, at)
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(Reply::text(503, "text/plain", "full"));
        }
        self.venue.connect(request)
    }
}

async fn place(count: usize) -> Place {
    place_of(count, Binance::new).await
}

async fn place_of<M: Mock>(count: usize, mock: impl Fn() -> M) -> Place {
    Build {
        count,
        ..Build::default()
    }
    .of(mock, |recorder| Arc::new(recorder))
    .await
}

/// What a place is made of.
struct Build {
    venue: &'static str,
    options: &'static str,
    symbols: usize,
    count: usize,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            venue: "binance",
            options: "",
            symbols: 2,
            count: 1,
        }
    }
}

impl Build {
    async fn of<M: Mock>(
        self,
        mock: impl Fn() -> M,
        recorder_of: impl FnOnce(MemoryRecorder) -> Arc<dyn Recorder>,
    ) -> Place {
        let truth = Truth::seeded(3, self.symbols);
        let clock = Arc::new(Hand(AtomicI64::new(truth.now.nanos())));
        let mut servers = Vec::new();
        let mut toml = format!("[quality]\nlinger_s = {LINGER}\nfailover_ms = 100\nreturn_s = 2\n");
        for index in 0..self.count {
            let stage = Stage::new(truth.clone(), mock(), Faults::none());
            let server = Server::start(stage).await.expect("a server");
            let config = server.config();
            toml += &format!(
                "[feeds.venue{index}]\nvenue = \"{}\"\noptions = {{{}}}\nrest_url = \"{}\"\nstream_url = \"{}\"\n",
                self.venue,
                self.options,
                config.rest_url.expect("an address"),
                config.stream_url.expect("an address"),
            );
            servers.push(server);
        }
        toml += "[[routes]]\nname = \"best\"\nsources = [";
        for index in 0..self.count {
            toml += &format!("{{feed = \"venue{index}\"}},");
        }
        toml += "]\n";
        let recorder = MemoryRecorder::default();
        let config = FeedsConfig::parse(&toml, &|_| None).expect("a configuration");
        let hub =
            FeedHub::new(config, recorder_of(recorder.clone()), Arc::clone(&clock) as _).expect("feeds");
        Place {
            servers,
            clock,
            hub,
            recorder,
        }
    }
}

impl Place {
    /// Lets so many things happen at every venue, and the clock go with them.
    fn advance(&self, events: usize) {
        for server in &self.servers {
            server.advance(events);
        }
        self.sleep(self.now().since(self.clock.now()).max(0));
    }

    fn now(&self) -> Timestamp {
        self.servers[0].with(|stage| stage.truth.now)
    }

    fn sleep(&self, nanos: i64) {
        self.clock.0.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Goes on until it is so.
    async fn until(&self, mut is_so: impl FnMut(&Self) -> bool) {
        while !is_so(self) {
            self.advance(5);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn status(&self, feed: &str) -> Option<(String, TradingStatus)> {
        let feeds = self.hub.feeds();
        let symbol = feeds.iter().find(|status| status.feed == feed)?.symbols.first()?;
        Some((symbol.source.clone(), symbol.status))
    }

    fn is_told(&self, feed: &str, source: &str) -> bool {
        let events = self.recorder.record(feed, "BTC/USD").events;
        events.iter().any(|published| &*published.source == source)
    }
}

fn btc() -> Symbol {
    "BTC/USD".parse().expect("a symbol")
}

#[tokio::test]
async fn one_subscription_however_many_listen_and_none_after_the_linger() {
    let place = place(1).await;
    let symbol = btc();
    let mut first = place
        .hub
        .subscribe("venue0", &symbol, Channels::TICKS)
        .await
        .expect("listening");
    let second = place
        .hub
        .subscribe("venue0", &symbol, Channels::TICKS)
        .await
        .expect("listening");
    place.until(|_| first.last() > 20).await;
    assert!(first.after(10).await > 10 && second.last() >= 20);
    place.servers[0].with(|stage| {
        assert_eq!(stage.opened(), 1);
        assert_eq!(stage.requests["/api/v3/exchangeInfo"], 1);
        assert!(!stage.listened(0).depth);
    });
    // A third wants the book too.
    let depth = Channels {
        depth: true,
        ..Channels::default()
    };
    let third = place
        .hub
        .subscribe("venue0", &symbol, depth)
        .await
        .expect("listening");
    let has_book = |place: &Place| {
        let events = place.recorder.record("venue0", "BTC/USD").events;
        events
            .iter()
            .any(|published| matches!(published.event, MarketEvent::Depth(_)))
    };
    place.until(has_book).await;
    let listens = |place: &Place| !place.servers[0].with(|stage| stage.listened(0).is_empty());
    drop((first, second));
    place.sleep(2 * LINGER * 1_000_000_000);
    place
        .until(|place| place.recorder.record("venue0", "BTC/USD").events.len() as u64 > third.last() - 1)
        .await;
    assert!(listens(&place));
    drop(third);
    place
        .until(|place| {
            place.sleep(1_000_000_000);
            !listens(place)
        })
        .await;
    let idle = place
        .hub
        .feeds()
        .into_iter()
        .find(|feed| feed.feed == "venue0")
        .expect("a feed");
    assert_eq!((idle.connection, idle.symbols.len()), (ConnectionState::Idle, 0));
    assert!(idle.counters.messages > 20);
}

#[tokio::test]
async fn another_takes_over_and_the_preferred_comes_back_when_it_is_stable() {
    let place = place(2).await;
    let symbol = btc();
    let subscription = place
        .hub
        .subscribe("best", &symbol, Channels::TICKS)
        .await
        .expect("listening");
    place
        .until(|place| {
            let is_first = place.status("best") == Some(("venue0".to_owned(), TradingStatus::Trading));
            is_first && subscription.last() > 20 && place.is_told("best", "venue0")
        })
        .await;
    // The first is gone, and does not come back for a while.
    place.servers[0].all_sockets(&Act::Cut);
    place
        .until(|place| place.status("best") == Some(("venue1".to_owned(), TradingStatus::Trading)))
        .await;
    place
        .until(|place| place.status("best") == Some(("venue0".to_owned(), TradingStatus::Trading)))
        .await;
    let events = place.recorder.record("best", "BTC/USD").events;
    for pair in events.windows(2) {
        assert!(pair[0].event.time() <= pair[1].event.time());
    }
    // Two venues tell of one market here: nothing came twice.
    let mut truth = place.servers[0].with(|stage| stage.truth.markets[0].trades.clone());
    for published in &events {
        if let MarketEvent::Trade(trade) = published.event {
            let same = truth
                .iter()
                .position(|(_, truth)| (truth.price, truth.size) == (trade.price, trade.size));
            truth.drain(..=same.expect("it happened, and then"));
        }
    }
    let (from, to) = (Timestamp::EPOCH, Timestamp::from_secs(10_000_000_000));
    let incidents = place.hub.incidents("best", &symbol, from, to);
    let failovers: Vec<_> = incidents
        .iter()
        .filter(|incident| incident.kind == IncidentKind::Failover)
        // Where the second was faster at the beginning, there are more.
        .map(|incident| incident.source.as_str())
        .collect();
    assert!(failovers.ends_with(&["venue1", "venue0"]), "{incidents:?}");
    let indicative = place.hub.indicative("best", &symbol).expect("prices");
    assert!(indicative.is_estimate && indicative.sources.len() == 2);
}

#[tokio::test]
async fn what_is_on_record_goes_on_with_the_source_that_answers_and_the_other_joins() {
    let mut place = place(2).await;
    let symbol = btc();
    let subscription = place.hub.subscribe("best", &symbol, Channels::TICKS).await;
    let subscription = subscription.expect("listening");
    place.until(|_| subscription.last() > 20).await;
    // The next run of the program finds the first source away.
    place.hub.close();
    drop(subscription);
    let last = place.recorder.record("best", "BTC/USD").events.len();
    let away = place.servers.remove(0);
    let address = away.address();
    let config = away.config();
    let other = place.servers[0].config();
    drop(away);
    let toml = format!(
        "[quality]\nfailover_ms = 100\nreturn_s = 2\n\
         [feeds.venue0]\nvenue = \"binance\"\nrest_url = \"{}\"\nstream_url = \"{}\"\n\
         [feeds.venue1]\nvenue = \"binance\"\nrest_url = \"{}\"\nstream_url = \"{}\"\n\
         [[routes]]\nname = \"best\"\nsources = [{{feed = \"venue0\"}}, {{feed = \"venue1\"}}]\n\
         [[routes]]\nname = \"new\"\nsources = [{{feed = \"venue0\"}}, {{feed = \"venue1\"}}]\n",
        config.rest_url.expect("an address"),
        config.stream_url.expect("an address"),
        other.rest_url.expect("an address"),
        other.stream_url.expect("an address"),
    );
    let config = FeedsConfig::parse(&toml, &|_| None).expect("a configuration");
    let recorder = Arc::new(place.recorder.clone());
    place.hub = FeedHub::new(config, recorder, Arc::clone(&place.clock) as _).expect("feeds");
    // Where nobody answers and nothing is on record, nobody knows in which steps to count.
    let unknown = place.hub.subscribe("venue0", &symbol, Channels::TICKS).await;
    assert_eq!(unknown.expect_err("nobody says").code(), "unreachable");
    let unknown = place.hub.instrument("venue0", &symbol).await;
    assert_eq!(unknown.expect_err("nobody says").code(), "unreachable");
    // A symbol that is new counts in the steps of the source that answers.
    let new = place.hub.subscribe("new", &symbol, Channels::TICKS).await;
    let new = new.expect("the second answers");
    let instrument = place.hub.instrument("new", &symbol).await;
    assert_eq!(*new.instrument(), instrument.expect("the second answers"));
    let subscription = place.hub.subscribe("best", &symbol, Channels::TICKS).await;
    let _subscription = subscription.expect("listening");
    let told_by = |place: &Place, source: &str| {
        let events = place.recorder.record("best", "BTC/USD").events;
        let mut later = events.iter().skip(last);
        later.any(|it| &*it.source == source && matches!(it.event, MarketEvent::Trade(_)))
    };
    place.until(|place| told_by(place, "venue1")).await;
    assert!(!told_by(&place, "venue0"));
    // It is back: it is asked again, and preferred.
    let stage = Stage::new(
        place.servers[0].with(|stage| stage.truth.clone()),
        Binance::new(),
        Faults::none(),
    );
    let back = Server::start_at(address, stage).await.expect("the port is free");
    place.servers.push(back);
    place.until(|place| told_by(place, "venue0")).await;
}

#[tokio::test]
async fn what_is_closed_records_nothing_more_and_opens_nothing() {
    let place = place(1).await;
    let symbol = btc();
    let subscription = place.hub.subscribe("venue0", &symbol, Channels::TICKS).await;
    let subscription = subscription.expect("listening");
    place.until(|_| subscription.last() > 20).await;
    place.hub.close();
    let recorded = || place.recorder.record("venue0", "BTC/USD").events.len();
    let before = recorded();
    // The source is told that nobody listens; whatever it had under way is of no record.
    place
        .until(|place| place.servers[0].with(|stage| stage.listened(0).is_empty()))
        .await;
    assert_eq!(recorded(), before);
    let refused = place.hub.subscribe("venue0", &symbol, Channels::TICKS).await;
    assert_eq!(refused.expect_err("closed").code(), "refused");
}

#[tokio::test]
async fn bars_come_page_after_page_and_what_is_wrong_is_named() {
    let place = place(1).await;
    let symbol = btc();
    let to = Timeframe::MINUTE.floor(place.now());
    let from = to.plus_nanos(-600 * 60_000_000_000);
    let bars = place
        .hub
        .bars("best", &symbol, Timeframe::MINUTE, from, to)
        .await
        .expect("bars");
    let truth = place.servers[0].with(|stage| stage.truth.markets[0].bars.clone());
    let truth: Vec<_> = truth.into_iter().filter(|bar| bar.open_time >= from).collect();
    assert_eq!(bars.since(), from);
    assert_eq!(bars.into_bars(), truth);

    let wrong = "BTC/USX".parse().expect("a symbol");
    let error = place
        .hub
        .subscribe("venue0", &wrong, Channels::TICKS)
        .await
        .expect_err("no such");
    assert_eq!(error.code(), "unknown_symbol");
    let error = place
        .hub
        .instrument("venue9", &symbol)
        .await
        .expect_err("no such");
    assert_eq!(error.to_string(), "there is no feed venue9; did you mean venue0?");
    let odd = Timeframe::from_secs(7).expect("seconds");
    let error = place
        .hub
        .bars("venue0", &symbol, odd, from, to)
        .await
        .expect_err("no such");
    assert_eq!(error.code(), "unsupported_timeframe");
}

#[tokio::test]
async fn a_connection_that_is_about_to_be_closed_goes_on_until_another_stands() {
    let is_full = Arc::new(AtomicBool::new(false));
    let place = place_of(1, || Full {
        venue: Binance::new(),
        is_full: Arc::clone(&is_full),
    })
    .await;
    let symbol = btc();
    let subscription = place
        .hub
        .subscribe("venue0", &symbol, Channels::TICKS)
        .await
        .expect("listening");
    place.until(|_| subscription.last() > 20).await;
    let gaps = |place: &Place| {
        let incidents = place.recorder.record("venue0", "BTC/USD").incidents;
        // On a busy machine trades may come late, which is not of the connection.
        let is_gap =
            |it: &&Incident| it.kind == IncidentKind::Gap && !it.detail.ends_with("is told as of then");
        incidents.values().filter(is_gap).count()
    };
    assert_eq!(gaps(&place), 0);

    // The venue says that it closes, and has no room for another meanwhile: what is there goes on.
    is_full.store(true, Ordering::SeqCst);
    let word = r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":0}}"#;
    place.servers[0].all_sockets(&Act::Send(Frame::Text(word.to_owned())));
    let (before, tries) = (subscription.last(), place.servers[0].with(|stage| stage.opened()));
    place.until(|_| subscription.last() > before + 50).await;
    assert_eq!((gaps(&place), tries), (0, 1));

    // Then another takes its place, and nothing is missing.
    is_full.store(false, Ordering::SeqCst);
    place
        .until(|place| {
            let sockets = place.servers[0].with(|stage| (stage.opened(), stage.sockets().count()));
            sockets == (2, 1) && !place.servers[0].with(|stage| stage.listened(0).is_empty())
        })
        .await;
    let before = subscription.last();
    place.until(|_| subscription.last() > before + 50).await;
    let is_well =
        |place: &Place| place.status("venue0").map(|(_, status)| status) == Some(TradingStatus::Trading);
    place.until(is_well).await;
    let truth = place.servers[0].with(|stage| stage.truth.markets[0].trades.clone());
    let events = place.recorder.record("venue0", "BTC/USD").events;
    let told = events.iter().filter_map(|published| match published.event {
        MarketEvent::Trade(trade) => Some((trade.price, trade.size)),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    let truth: Vec<_> = truth.iter().map(|(_, trade)| (trade.price, trade.size)).collect();
    assert!(
        truth.windows(told.len()).any(|span| span == told),
        "one is missing or came twice"
    );
}
