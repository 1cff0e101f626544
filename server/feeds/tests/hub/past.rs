//! How far back feeds reach, and what they do with bars that cannot be.

use super::*;
use papertape::market::Bar;
use papertape_feeds::PastBars;
use papertape_feeds::testkit::{
    Ware, coingecko::CoinGecko, cryptocompare::CryptoCompare, kraken::Kraken, papertape::Papertape,
    polygon::Polygon, yahoo::Yahoo,
};

const MINUTE: i64 = 60_000_000_000;

/// Feeds of these venues, and a route `best` over them in this order.
fn hub_of(venues: &[(&str, &Server)], clock: &Arc<Hand>) -> FeedHub {
    let mut toml = String::new();
    for (venue, server) in venues {
        let rest_url = server.config().rest_url.expect("an address");
        toml += &format!("[feeds.{venue}_here]\nvenue = \"{venue}\"\nrest_url = \"{rest_url}\"\n");
        if *venue == "polygon" {
            toml += "options = { market = \"crypto\" }\n";
        }
    }
    let sources: Vec<String> = venues
        .iter()
        .map(|(venue, _)| format!("{{feed = \"{venue}_here\"}}"))
        .collect();
    toml += &format!(
        "[[routes]]\nname = \"best\"\nsources = [{}]\n",
        sources.join(", ")
    );
    let keys = |name: &str| (name == "PAPERTAPE_POLYGON_HERE_KEY").then(|| "key".to_owned());
    let config = FeedsConfig::parse(&toml, &keys).expect("a configuration");
    FeedHub::new(
        config,
        Arc::new(MemoryRecorder::default()),
        Arc::clone(clock) as _,
    )
    .expect("feeds")
}

/// A truth with more minutes than Kraken tells of, the clock at its time, and what it has of whole minutes.
fn truth() -> (Truth, Arc<Hand>, Vec<Bar>) {
    let mut truth = Truth::seeded(11, 1);
    for _ in 0..3_000 {
        truth.advance();
    }
    let clock = Arc::new(Hand(AtomicI64::new(truth.now.nanos())));
    let now = Timeframe::MINUTE.floor(truth.now);
    let mut bars = truth.markets[0].bars_of(Timeframe::MINUTE);
    bars.retain(|bar| Timeframe::MINUTE.close_of(bar.open_time) <= now);
    assert!(bars.len() > 720);
    (truth, clock, bars)
}

async fn server(truth: &Truth, mock: impl Mock) -> Server {
    let stage = Stage::new(truth.clone(), mock, Faults::none());
    Server::start(stage).await.expect("a server")
}

async fn minutes(hub: &FeedHub, feed: &str, from: Timestamp, to: Timestamp) -> PastBars {
    let past = hub.bars(feed, &btc(), Timeframe::MINUTE, from, to).await;
    past.expect("bars")
}

#[tokio::test]
async fn what_one_source_does_not_reach_the_next_one_is_asked_for() {
    let (truth, clock, bars) = truth();
    let kraken = server(&truth, Kraken::new()).await;
    let binance = server(&truth, Binance::new()).await;
    let hub = hub_of(&[("kraken", &kraken), ("binance", &binance)], &clock);
    let (from, to) = (bars[0].open_time.plus_nanos(-100 * MINUTE), truth.now);

    let alone = minutes(&hub, "kraken_here", from, to).await;
    let reached = bars.len() - 719;
    assert_eq!(
        alone.since(),
        bars[reached].open_time,
        "and the one in the making"
    );
    assert_eq!(alone.into_bars(), bars[reached..]);

    let both = minutes(&hub, "best", from, to).await;
    assert_eq!(
        both.since(),
        from,
        "the other one says that nothing was traded before"
    );
    assert_eq!(both.into_bars(), bars);
    let asked = binance.with(|stage| stage.requests["/api/v3/klines"]);
    let near = minutes(&hub, "best", bars[reached].open_time, to).await;
    assert_eq!(near.into_bars(), bars[reached..]);
    let asked_then = binance.with(|stage| stage.requests["/api/v3/klines"]);
    assert_eq!(
        asked_then, asked,
        "nobody else is asked for what the first one has"
    );
}

#[tokio::test]
async fn another_papertape_is_followed_page_by_page_as_far_back_as_it_reaches() {
    let (truth, clock, bars) = truth();
    // Long before its first bar: pages without any come first.
    let from = bars[0].open_time.plus_nanos(-5_000 * MINUTE);
    let whole = server(&truth, Papertape::new()).await;
    let hub = hub_of(&[("papertape", &whole)], &clock);
    let past = minutes(&hub, "papertape_here", from, truth.now).await;
    assert_eq!(past.since(), from);
    assert_eq!(past.into_bars(), bars);

    let middle = bars[400].open_time;
    let short = server(&truth, Papertape::reaching_back_to(middle)).await;
    let hub = hub_of(&[("papertape", &short)], &clock);
    let past = minutes(&hub, "papertape_here", from, truth.now).await;
    assert_eq!(past.since(), middle);
    assert_eq!(past.into_bars(), bars[400..]);
    let before = minutes(&hub, "papertape_here", from, bars[300].open_time).await;
    assert_eq!(before.since(), middle, "beyond all that was asked for");
    assert_eq!(before.into_bars(), []);
}

/// Polygon's pages end anywhere in a bar of several minutes: what is given are whole ones, all of them.
#[tokio::test]
async fn a_bar_that_a_page_ends_in_is_whole_all_the_same() {
    let (truth, clock, _) = truth();
    for (page, minutes) in [(97, 5), (97, 15), (97, 60), (61, 60), (1, 1), (59, 60), (1, 60)] {
        let mut mock = Polygon::new();
        mock.page = page;
        let polygon = server(&truth, mock).await;
        let hub = hub_of(&[("polygon", &polygon)], &clock);
        let timeframe = Timeframe::from_secs(60 * minutes).expect("minutes");
        let mut bars = truth.markets[0].bars_of(timeframe);
        bars.retain(|bar| timeframe.close_of(bar.open_time) <= truth.now);
        // The last five, from a minute before on: of hours, the first page ends after a minute of one, or with it.
        let from = bars[bars.len() - 5].open_time.plus_nanos(-MINUTE);
        bars.retain(|bar| bar.open_time >= from);
        let past = hub.bars("polygon_here", &btc(), timeframe, from, truth.now).await;
        let past = past.map(PastBars::into_bars).map_err(|error| error.code());
        // A page that has no room for a whole bar never has one.
        let expected = if page < minutes as usize {
            Err("refused")
        } else {
            Ok(bars)
        };
        assert_eq!(past, expected, "bars of {minutes} minutes, pages of {page}");
    }
}

/// Yahoo's own hours of shares begin at half past, where no bar does.
#[tokio::test]
async fn hours_of_shares_begin_with_the_hour() {
    let share = Ware {
        symbol: "AAPL",
        tick: (1, 2),
        lot: (1, 0),
        price: 21_331,
    };
    let mut truth = Truth::seeded_of(11, &[share], Timestamp::from_secs(1_723_125_600));
    for _ in 0..3_000 {
        truth.advance();
    }
    let clock = Arc::new(Hand(AtomicI64::new(truth.now.nanos())));
    let yahoo = server(&truth, Yahoo::stocks()).await;
    let hub = hub_of(&[("yahoo", &yahoo)], &clock);
    let hour = Timeframe::HOUR;
    let mut bars = truth.markets[0].bars_of(hour);
    bars.retain(|bar| hour.close_of(bar.open_time) <= truth.now);
    let (symbol, from) = ("AAPL".parse().expect("a symbol"), bars[0].open_time);
    let past = hub.bars("yahoo_here", &symbol, hour, from, truth.now).await;
    let past = past.expect("bars");
    assert_eq!((past.kept_off().count(), past.since()), (0, from));
    assert!(bars.len() > 10);
    assert_eq!(past.into_bars(), bars);
    // As far back as quarters of an hour reach.
    let year_ago = truth.now.plus_nanos(-365 * 1_440 * MINUTE);
    let past = hub.bars("yahoo_here", &symbol, hour, year_ago, truth.now).await;
    let age = truth.now.since(past.expect("bars").since());
    assert!(
        (58 * 1_440 * MINUTE..=59 * 1_440 * MINUTE).contains(&age),
        "{age}"
    );
}

/// From when on a venue gives bars of a length, of which there are half a day, to who asks for a year; so long before now.
async fn reaches(venue: &str, mock: impl Mock, timeframe: Timeframe) -> i64 {
    let (truth, clock, _) = truth();
    let here = server(&truth, mock).await;
    let hub = hub_of(&[(venue, &here)], &clock);
    let feed = format!("{venue}_here");
    let from = truth.now.plus_nanos(-365 * 1_440 * MINUTE);
    let past = hub.bars(&feed, &btc(), timeframe, from, truth.now).await;
    let past = past.expect("bars");
    assert_eq!(timeframe.floor(past.since()), past.since(), "{venue}");
    assert!(past.bars().count() > 10, "{venue}");
    let age = truth.now.since(past.since());
    // And of what is all older there is nothing, and that is said.
    let ago = past.since().plus_nanos(-1_000 * MINUTE);
    let older = hub.bars(&feed, &btc(), timeframe, from, ago).await.expect("none");
    assert!(older.is_empty() && older.since() > ago, "{venue}");
    age
}

#[tokio::test]
async fn how_far_back_a_venue_reaches_goes_with_the_clock() {
    let (truth, clock, _) = truth();
    let yahoo = server(&truth, Yahoo::new()).await;
    let hub = hub_of(&[("yahoo", &yahoo)], &clock);
    let from = truth.now.plus_nanos(-365 * 1_440 * MINUTE);
    let before = minutes(&hub, "yahoo_here", from, truth.now).await.since();
    // The machine sleeps for three nights, or its clock is set.
    let three_days = 3 * 1_440 * MINUTE;
    clock.0.fetch_add(three_days, std::sync::atomic::Ordering::SeqCst);
    let after = minutes(&hub, "yahoo_here", from, truth.now).await.since();
    assert_eq!(after.since(before), three_days);
}

#[tokio::test]
async fn vendors_say_how_far_back_they_reach() {
    const DAY: i64 = 1_440 * MINUTE;
    let minute = Timeframe::MINUTE;
    let age = reaches("yahoo", Yahoo::new(), minute).await;
    assert!((28 * DAY..=29 * DAY).contains(&age), "{age}");
    let age = reaches("cryptocompare", CryptoCompare::new(), minute).await;
    assert!((6 * DAY..=7 * DAY).contains(&age), "{age}");
    let half_hour = Timeframe::from_secs(1_800).expect("half an hour");
    let age = reaches("coingecko", CoinGecko::new(), half_hour).await;
    assert!((DAY / 3..=DAY).contains(&age), "{age}");
}
