//! Venues that are asked and do not tell: many symbols with few requests, and nobody waits for another's.

use super::*;
use papertape::api::Freshness;
use papertape_feeds::testkit::{Ware, coingecko::CoinGecko, cryptocompare::CryptoCompare};
use papertape_feeds::{FeedError, SymbolStatus};

const TICKERS: [&str; 8] = ["ADA", "BTC", "DOGE", "DOT", "ETH", "LTC", "SOL", "XRP"];

fn ware(symbol: &'static str) -> Ware {
    Ware {
        symbol,
        tick: (1, 2),
        lot: (1, 3),
        price: 12_345,
    }
}

/// A venue that trades these, as the only feed.
async fn place(mock: impl Mock, toml: &str, symbols: &[&'static str]) -> Place {
    let wares: Vec<Ware> = symbols.iter().map(|symbol| ware(symbol)).collect();
    place_of_wares(mock, toml, &wares).await
}

/// The same at prices of their own.
async fn place_of_wares(mock: impl Mock, toml: &str, wares: &[Ware]) -> Place {
    let truth = Truth::seeded_of(3, wares, Timestamp::from_secs(1_723_118_400));
    let clock = Arc::new(Hand(AtomicI64::new(truth.now.nanos())));
    let mut stage = Stage::new(truth, mock, Faults::none());
    stage.truth.advance();
    let server = Server::start(stage).await.expect("a server");
    let rest_url = server.config().rest_url.expect("an address");
    let toml = format!("[feeds.polled]\nrest_url = \"{rest_url}\"\n{toml}");
    let config = FeedsConfig::parse(&toml, &|_| None).expect("a configuration");
    let recorder = MemoryRecorder::default();
    let hub = FeedHub::new(config, Arc::new(recorder.clone()), Arc::clone(&clock) as _);
    Place {
        servers: vec![server],
        clock,
        hub: hub.expect("feeds"),
        recorder,
    }
}

fn symbol(ticker: &str) -> Symbol {
    format!("{ticker}/USD").parse().expect("a symbol")
}

impl Place {
    fn asked(&self, path: &str) -> u64 {
        self.servers[0].with(|stage| stage.requests.get(path).copied().unwrap_or_default())
    }

    fn polled(&self, ticker: &str) -> Option<SymbolStatus> {
        let feeds = self.hub.feeds();
        let feed = feeds.into_iter().find(|feed| feed.feed == "polled")?;
        let symbol = symbol(ticker);
        feed.symbols.into_iter().find(|status| status.symbol == symbol)
    }

    fn is(&self, ticker: &str, freshness: Freshness) -> bool {
        self.polled(ticker)
            .is_some_and(|status| status.freshness == freshness)
    }
}

#[tokio::test]
async fn eight_coins_begin_at_once_though_five_requests_a_minute_are_allowed() {
    let symbols = TICKERS.map(|ticker| &*format!("{ticker}/USD").leak());
    let place = place(CoinGecko::new(), "venue = \"coingecko\"\n", &symbols).await;
    let began = std::time::Instant::now();
    let listen = TICKERS.map(|ticker| {
        let (hub, symbol) = (place.hub.clone(), symbol(ticker));
        async move { hub.subscribe("polled", &symbol, Channels::TICKS).await }
    });
    let listening = futures::future::join_all(listen).await;
    assert!(listening.iter().all(Result::is_ok), "{listening:?}");
    // The list and what the coins cost were asked for once, and not once for each.
    assert_eq!((place.asked("/coins/list"), place.asked("/simple/price")), (1, 1));
    // All of them have an answer with the next request.
    let is_answered =
        |status: SymbolStatus| status.why.is_some_and(|why| why.contains("nothing has come yet"));
    let all = |place: &Place| {
        TICKERS
            .iter()
            .all(|ticker| place.polled(ticker).is_some_and(is_answered))
    };
    while !all(&place) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!((place.asked("/coins/list"), place.asked("/simple/price")), (1, 2));
}

#[tokio::test]
async fn coins_that_few_know_are_asked_for_together_and_when_nothing_is_left_it_is_said() {
    let ids = "options = { \"id.MEW\" = \"mew-coin\", \"id.PURR\" = \"purr-coin\", \"id.HAM\" = \"ham\" }\n";
    let toml = format!("venue = \"coingecko\"\n{ids}");
    let place = place(CoinGecko::new(), &toml, &["BTC/USD", "MEW/USD", "PURR/USD"]).await;
    let instrument = async |ticker: &str| place.hub.instrument("polled", &symbol(ticker)).await;
    let (first, second) = tokio::join!(instrument("MEW"), instrument("PURR"));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    // One that joined a request which had gone out without it takes one more.
    assert!(place.asked("/simple/price") <= 2);
    // A coin that everybody knows costs no other request for its price.
    let before = place.asked("/simple/price");
    assert!(instrument("BTC").await.is_ok());
    assert_eq!(
        (place.asked("/simple/price"), place.asked("/coins/list")),
        (before, 1)
    );
    let unknown = instrument("HAM").await.map_err(|error| error.code());
    assert_eq!(unknown, Err("unknown_symbol"));

    // The rest of the minute's five are used up: whoever begins is told so, and when and how there is more.
    let began = std::time::Instant::now();
    let mut refused = None;
    for name in ["AAA", "BBB", "CCC", "DDD"] {
        // Prices in another currency are another request.
        let symbol = format!("BTC/{name}").parse().expect("a symbol");
        refused = place.hub.instrument("polled", &symbol).await.err();
    }
    let refused = refused.expect("an error");
    assert_eq!(refused.code(), "no_request_free", "{refused}");
    assert!(began.elapsed() < Duration::from_secs(25));
    let (wait, said) = (refused.retry_after().expect("a time"), refused.to_string());
    assert!(
        wait > Duration::from_secs(25) && wait <= Duration::from_secs(60),
        "{wait:?}"
    );
    for words in [
        "polled has no request free for ",
        " s: its limit on requests is 5 in 60 s; a key (PAPERTAPE_POLLED_KEY) allows more, or try again then",
    ] {
        assert!(said.contains(words), "{said}");
    }
    // What is known already needs no request.
    assert!(instrument("BTC").await.is_ok());
}

#[tokio::test]
async fn who_waits_for_the_limit_says_so_and_not_that_the_connection_is_down() {
    let place = place(
        CoinGecko::new(),
        "venue = \"coingecko\"\n",
        &["BTC/USD", "ETH/USD"],
    )
    .await;
    let listening = place
        .hub
        .subscribe("polled", &btc(), Channels::TICKS)
        .await
        .expect("listening");
    // Two requests have been made; three more, and the poll has to wait.
    let eurs = ["A", "B", "C"].map(|name| {
        format!("BTC/{name}{name}{name}")
            .parse::<Symbol>()
            .expect("a symbol")
    });
    for eur in &eurs {
        let unknown = place
            .hub
            .instrument("polled", eur)
            .await
            .expect_err("no such currency");
        // On a slow machine the first poll may have come before the last of them.
        assert!(
            ["unknown_symbol", "no_request_free"].contains(&unknown.code()),
            "{unknown}"
        );
    }
    let waits = |place: &Place| {
        let why = place.polled("BTC").and_then(|status| status.why);
        why.is_some_and(|why| {
            why.starts_with("polled: it is asked in ") && why.ends_with("when its limit on requests has room")
        })
    };
    while !waits(&place) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(listening);
}

#[tokio::test]
async fn one_that_the_venue_no_longer_has_does_not_silence_the_others() {
    let toml = "venue = \"cryptocompare\"\noptions = { exchange = \"Coinbase\", poll_every_s = 0.2 }\n";
    let symbols = ["BTC/USD", "ETH/USD", "LTC/USD", "SOL/USD", "XRP/USD"];
    let place = place(CryptoCompare::new(), toml, &symbols).await;
    let tickers = symbols.map(|symbol| symbol.trim_end_matches("/USD"));
    let mut listening = Vec::new();
    for ticker in tickers {
        let listens = place
            .hub
            .subscribe("polled", &symbol(ticker), Channels::TICKS)
            .await;
        listening.push(listens.expect("listening"));
    }
    let until = async |is_so: &dyn Fn(&str) -> bool| {
        while !tickers.iter().all(|ticker| is_so(ticker)) {
            place.sleep(1_000_000);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    until(&|ticker| place.is(ticker, Freshness::Fresh)).await;
    // It is refused with all who are asked for together, until they are found without it.
    place.servers[0].with(|stage| {
        let is_other = |name: &str| name != "LTC/USD";
        stage
            .truth
            .markets
            .retain(|market| is_other(market.instrument.symbol().as_str()));
    });
    until(&|ticker| ticker != "LTC" || place.is(ticker, Freshness::Gap)).await;
    until(&|ticker| ticker == "LTC" || place.is(ticker, Freshness::Fresh)).await;
    let feeds = place.hub.feeds();
    let feed = feeds.iter().find(|feed| feed.feed == "polled").expect("the feed");
    let said = feed.last_error.as_deref();
    assert_eq!(said, Some("polled does not list LTC/USD"));
    // From then on it is asked for alone: two requests a round, and the others' answers go on.
    let heard = |ticker: &str| place.polled(ticker).and_then(|status| status.last_heard);
    let (asked, before) = (place.asked("/data/pricemultifull"), heard("BTC"));
    let rounds = async |count: u64| {
        while place.asked("/data/pricemultifull") < asked + 2 * count {
            place.sleep(1_000_000);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let began = std::time::Instant::now();
    rounds(5).await;
    assert!(
        began.elapsed() > Duration::from_millis(600),
        "{:?}",
        began.elapsed()
    );
    until(&|ticker| ticker == "LTC" || heard(ticker) > before).await;
    drop(listening);
}

/// A venue that is slow to say what it lists.
#[derive(Debug)]
struct Slow(Binance);

impl Mock for Slow {
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply {
        let reply = self.0.answer(request, truth, at);
        let is_slow = request.path.ends_with("exchangeInfo");
        Reply {
            delay: Duration::from_millis(if is_slow { 3_000 } else { 0 }),
            ..reply
        }
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        self.0.connect(request)
    }
}

#[tokio::test]
async fn who_begins_does_not_wait_for_what_others_ask_and_the_same_is_asked_once() {
    let place = place_of(1, || Slow(Binance::new())).await;
    let began = std::time::Instant::now();
    let listed = ["BTC", "ETH", "BTC", "ETH", "BTC"].map(|ticker| {
        let (hub, symbol) = (place.hub.clone(), symbol(ticker));
        async move { hub.instrument("venue0", &symbol).await }
    });
    let listed: Vec<Result<_, FeedError>> = futures::future::join_all(listed).await;
    assert!(listed.iter().all(Result::is_ok), "{listed:?}");
    assert_eq!(place.asked("/api/v3/exchangeInfo"), 2);
    assert!(
        began.elapsed() < Duration::from_millis(5_500),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_coin_in_two_currencies_has_the_prices_of_each() {
    let toml = "venue = \"coingecko\"\noptions = { poll_every_s = \"1\" }\n";
    let dear = Ware {
        price: 54_321,
        ..ware("BTC/EUR")
    };
    let place = place_of_wares(CoinGecko::new(), toml, &[ware("BTC/USD"), dear]).await;
    let mut listening = Vec::new();
    for name in ["BTC/USD", "BTC/EUR"] {
        let symbol: Symbol = name.parse().expect("a symbol");
        let listener = place.hub.subscribe("polled", &symbol, Channels::TICKS).await;
        listening.push(listener.expect("listening"));
    }
    let prices = |name: &str| {
        let events = place.recorder.record("polled", name).events;
        let price = |it: papertape_feeds::Published| match it.event {
            MarketEvent::Trade(trade) => Some(trade.price),
            _ => None,
        };
        events.into_iter().filter_map(price).collect::<Vec<f64>>()
    };
    while prices("BTC/USD").is_empty() || prices("BTC/EUR").is_empty() {
        place.servers[0].with(|stage| stage.truth.advance());
        place.clock.0.fetch_add(1_000_000_000, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (usd, eur) = (prices("BTC/USD"), prices("BTC/EUR"));
    assert!(usd.iter().all(|price| (100.0..150.0).contains(price)), "{usd:?}");
    assert!(eur.iter().all(|price| (450.0..650.0).contains(price)), "{eur:?}");
}
