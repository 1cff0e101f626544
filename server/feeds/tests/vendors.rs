//! Data vendors' readers and their local servers agree: what is told on the stream, and what is asked for, is the truth.

use papertape::{
    market::{Bar, DepthJoin, OrderBook, Quote, TradeTick},
    model::{Side, Symbol, Timeframe, Timestamp},
};
use papertape_feeds::{
    Channels, Codec, FeedError, Frame, Listing, Rest, Secret, Slot, Told, TradesFrom, VenueConfig,
    testkit::{
        Act, Faults, Mock, Request, Server, Stage, Truth, TruthEvent, What, alpaca::Alpaca,
        coingecko::CoinGecko, cryptocompare::CryptoCompare, polygon::Polygon, yahoo::Yahoo,
    },
    venues,
};
use std::{collections::VecDeque, time::Duration};

const EVERYTHING: Channels = Channels {
    trades: true,
    quotes: true,
    depth: true,
    bars: true,
};

/// A vendor with a stream, in one of its ways.
#[derive(Clone, Copy)]
struct Vendor {
    name: &'static str,
    options: &'static [(&'static str, &'static str)],
    /// The beginning of its stream's public address.
    host: &'static str,
    stage: fn() -> Stage,
    has_quotes: bool,
    has_book: bool,
    /// Whether its times are whole seconds.
    has_seconds: bool,
    /// What it says to a wrong key.
    refusal: &'static str,
}

const JSON: Vendor = Vendor {
    name: "alpaca",
    options: &[("market", "crypto"), ("encoding", "json")],
    host: "wss://stream.data.alpaca.markets",
    stage: || stage(Alpaca::new()),
    has_quotes: true,
    has_book: true,
    has_seconds: false,
    refusal: "alpaca refused the key: auth failed (402)",
};
const VENDORS: [Vendor; 4] = [
    JSON,
    Vendor {
        options: &[("market", "crypto"), ("encoding", "msgpack")],
        ..JSON
    },
    Vendor {
        name: "polygon",
        options: &[("market", "crypto")],
        host: "wss://socket.polygon.io",
        stage: || stage(Polygon::new()),
        has_book: false,
        refusal: "polygon refused the key: authentication failed",
        ..JSON
    },
    Vendor {
        name: "cryptocompare",
        options: &[("exchange", "Coinbase")],
        host: "wss://streamer.cryptocompare.com",
        stage: || stage(CryptoCompare::new()),
        has_quotes: false,
        has_book: false,
        has_seconds: true,
        refusal: "cryptocompare refused the key: UNAUTHORIZED Invalid API key",
    },
];

fn config(base: VenueConfig, options: &[(&str, &str)], key: &str) -> VenueConfig {
    let option = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    VenueConfig {
        key: Some(Secret::new(key.to_owned())),
        secret: Some(Secret::new("secret".to_owned())),
        options: options.iter().map(option).collect(),
        ..base
    }
}

/// Two symbols, some minutes after their beginning.
fn stage(mock: impl Mock) -> Stage {
    let mut truth = Truth::seeded(11, 2);
    for _ in 0..3_000 {
        truth.advance();
    }
    Stage::new(truth, mock, Faults::none())
}

/// A reader on a stage, without a socket between.
struct Talk {
    stage: Stage,
    codec: Box<dyn Codec>,
    socket: papertape_feeds::testkit::SocketId,
    told: Vec<Told>,
}

impl Talk {
    fn new(vendor: Vendor, key: &str) -> Self {
        let mut stage = (vendor.stage)();
        let config = config(VenueConfig::default(), vendor.options, key);
        let venue = venues::open(vendor.name, config);
        let venue = venue.expect("it is there").expect("it opens");
        let mut codec = venue.codec().expect("has a key").expect("a stream");
        let (address, headers) = codec.address();
        let path = address.strip_prefix(vendor.host).expect("its host");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let query: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let mut request = Request::get(path, &query);
        request.headers = headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.reveal().to_owned()))
            .collect();
        let (socket, acts) = stage.connect(&request).expect("it accepts");
        assert_eq!(codec.opened(), []);
        let mut talk = Self {
            stage,
            codec,
            socket,
            told: Vec::new(),
        };
        talk.hear(acts);
        talk
    }

    /// Reads what the server does, and answers until both are silent.
    fn hear(&mut self, acts: Vec<Act>) {
        let mut acts = VecDeque::from(acts);
        while let Some(act) = acts.pop_front() {
            let Act::Send(frame) = act else {
                panic!("{act:?}");
            };
            let mut replies = Vec::new();
            let read = self
                .codec
                .read(frame.bytes(), Timestamp::EPOCH, &mut self.told, &mut replies);
            read.unwrap_or_else(|error| panic!("{error}"));
            acts.extend(self.say(replies));
        }
    }

    fn say(&mut self, frames: Vec<Frame>) -> Vec<Act> {
        let receive = |frame: &Frame| self.stage.receive(self.socket, frame, Duration::ZERO);
        frames.iter().flat_map(receive).collect()
    }

    /// First the trades, then the rest besides.
    fn subscribe(&mut self, slot: usize) {
        let market = &self.stage.truth.markets[slot];
        let listing = Listing {
            instrument: market.instrument.clone(),
            venue_symbol: market.instrument.symbol().as_str().into(),
            status: papertape::exchange::TradingStatus::Trading,
        };
        let trades = Channels {
            trades: true,
            ..Channels::default()
        };
        let mut frames = self.codec.subscribe(Slot(slot), &listing, trades);
        frames.extend(self.codec.widen(Slot(slot), EVERYTHING.without(trades)));
        let acts = self.say(frames);
        self.hear(acts);
    }

    /// Lets so many things happen; what was true of the symbols.
    fn advance(&mut self, count: usize) -> Vec<TruthEvent> {
        let mut events = Vec::new();
        let mut shadow = self.stage.truth.clone();
        for _ in 0..count {
            events.extend(shadow.advance());
            let acts = self.stage.advance().expect("more happens");
            for (_, acts) in acts {
                self.hear(acts);
            }
        }
        events
    }
}

#[test]
fn what_the_stream_tells_is_the_truth() {
    for vendor in VENDORS {
        let encoding = format!("{} {:?}", vendor.name, vendor.options);
        let mut talk = Talk::new(vendor, "key");
        assert!(talk.codec.is_ready(), "{encoding}");
        talk.subscribe(0);
        talk.subscribe(1);
        let events = talk.advance(6_000);
        let told = std::mem::take(&mut talk.told);
        let confirmed = |slot| told.contains(&Told::Subscribed { slot: Slot(slot) });
        assert!(confirmed(0) && confirmed(1), "{encoding}");
        for symbol in 0..2 {
            let mine = || events.iter().filter(|event| event.symbol == symbol);
            let said = || told.iter().filter(|told| slot_of(told) == Some(Slot(symbol)));

            let true_trades: Vec<(u64, TradeTick)> = mine()
                .filter_map(|event| match event.what {
                    What::Trade { id, trade } => Some((vendor.number(id), vendor.timed(trade))),
                    _ => None,
                })
                .collect();
            let trades: Vec<(u64, TradeTick)> = said()
                .filter_map(|told| match told {
                    Told::Trade { id, trade, .. } => Some(((*id)?, *trade)),
                    _ => None,
                })
                .collect();
            assert!(trades.len() > 100 && trades == true_trades, "{encoding} {symbol}");

            let true_quotes: Vec<Quote> = mine()
                .filter_map(|event| match event.what {
                    What::Quote { quote, .. } => Some(quote),
                    _ => None,
                })
                .collect();
            let quotes: Vec<Quote> = said()
                .filter_map(|told| match told {
                    Told::Quote {
                        quote,
                        is_timed: true,
                        ..
                    } => Some(*quote),
                    _ => None,
                })
                .collect();
            if vendor.has_quotes {
                assert!(quotes.len() > 100 && quotes == true_quotes, "{encoding} {symbol}");
            }

            let true_bars: Vec<Bar> = mine()
                .filter_map(|event| match event.what {
                    What::Bar(bar) => Some(bar),
                    _ => None,
                })
                .collect();
            let bars: Vec<Bar> = said()
                .filter_map(|told| match told {
                    Told::Bar {
                        bar, is_closed: true, ..
                    } => Some(*bar),
                    _ => None,
                })
                .collect();
            assert!(!bars.is_empty() && bars == true_bars, "{encoding} {symbol}");

            if !vendor.has_book {
                continue;
            }
            let (mut join, mut book) = (DepthJoin::default(), OrderBook::default());
            for told in said() {
                let updates = match told {
                    Told::Book { snapshot, .. } => join.snapshot(snapshot.clone()).expect("it begins"),
                    Told::Depth { diff, .. } => {
                        join.diff(diff.clone()).expect("it goes on").into_iter().collect()
                    }
                    _ => Vec::new(),
                };
                updates.iter().for_each(|update| book.apply(update));
            }
            let truth = &talk.stage.truth.markets[symbol].book;
            for side in [Side::Buy, Side::Sell] {
                assert!(
                    book.levels(side).eq(truth.levels(side)),
                    "{encoding} {symbol} {side:?}"
                );
            }
        }
        if !vendor.has_book {
            continue;
        }
        // A book that is doubted is told anew, whole; one is doubted when a frame makes no sense, as its messages have no number.
        let error = talk
            .codec
            .read(b"{", Timestamp::EPOCH, &mut talk.told, &mut Vec::new());
        assert!(error.is_err(), "{encoding}");
        let lost = talk
            .told
            .iter()
            .filter(|told| matches!(told, Told::Lost { slot: Some(_), .. }));
        assert_eq!(lost.count(), 2, "{encoding}");
        let frames = talk.codec.resync(Slot(0));
        let acts = talk.say(frames);
        talk.hear(acts);
        assert!(
            matches!(talk.told.last(), Some(Told::Book { slot: Slot(0), .. })),
            "{encoding}"
        );
    }
}

fn slot_of(told: &Told) -> Option<Slot> {
    match told {
        Told::Trade { slot, .. }
        | Told::Quote { slot, .. }
        | Told::Depth { slot, .. }
        | Told::Book { slot, .. }
        | Told::Bar { slot, .. } => Some(*slot),
        _ => None,
    }
}

impl Vendor {
    /// The number under which a trade is told: Polygon's are each exchange's own.
    fn number(&self, id: u64) -> u64 {
        if self.name == "polygon" {
            (1 << 56) + id
        } else {
            id
        }
    }

    /// The trade with the time that is told.
    fn timed(&self, trade: TradeTick) -> TradeTick {
        let time = if self.has_seconds {
            Timestamp::from_secs(trade.time.secs())
        } else {
            trade.time
        };
        TradeTick { time, ..trade }
    }
}

#[test]
fn a_wrong_key_is_named() {
    for vendor in VENDORS {
        let talk = Talk::new(vendor, "wrong");
        assert!(!talk.codec.is_ready());
        let refused = talk.told.iter().find_map(|told| match told {
            Told::Refused { slot: None, error } => Some(error.to_string()),
            _ => None,
        });
        assert_eq!(refused.as_deref(), Some(vendor.refusal), "{:?}", vendor.options);
    }
}

/// The newest of two symbols, and of one that there is not, asked for together: with one request, where the vendor has a way.
async fn is_polled(venue: &dyn papertape_feeds::Venue, rest: &Rest, server: &Server) {
    let name = venue.name();
    let listing = async |symbol: &str| {
        let symbol: Symbol = symbol.parse().expect("a symbol");
        let listings = venue.listings(rest, Some(&symbol)).await.expect("a list");
        let found = listings.into_iter().find(|it| *it.instrument.symbol() == symbol);
        found.expect("it lists it")
    };
    let (btc, eth) = (listing("BTC/USD").await, listing("ETH/USD").await);
    let asked = || server.with(|stage| stage.requests.values().sum::<u64>());
    let before = asked();
    let both = [&btc, &eth];
    let polled = venue.poll(rest, &both).await.expect("the newest");
    let requests = asked() - before;
    let expected = if venue.traits().most_polled > 1 { 1 } else { 2 };
    assert_eq!(requests, expected, "{name}");
    let markets = server.with(|stage| stage.truth.markets.clone());
    for (market, told) in markets.iter().zip(polled.into_answers()) {
        let told = told.expect("the newest");
        let newest = market.trades.back().expect("a trade").1;
        let is_it = |told: &Told| match told {
            Told::Trade { trade, .. } => trade.price == newest.price,
            Told::Quote { quote, .. } => market.quote == Some(*quote),
            Told::Bar { bar, .. } => market.bars_of(Timeframe::MINUTE).iter().rev().nth(1) == Some(bar),
            _ => false,
        };
        assert!(told.iter().any(is_it), "{name}: {told:?}");
    }
    // One that there is not is named, or those who ask are told that it is one of them: then they ask for fewer.
    let symbol: Symbol = "XYZ/USD".parse().expect("a symbol");
    let nobody = Listing {
        venue_symbol: if name == "coingecko" { "xyz" } else { "XYZ/USD" }.into(),
        instrument: eth.instrument.clone().with_symbol(symbol).expect("a coin"),
        ..eth
    };
    let alone = match venue.poll(rest, &[&btc, &nobody]).await {
        Ok(polled) => {
            let answers: Vec<_> = polled.into_answers().collect();
            assert!(answers[0].is_ok(), "{name}: {answers:?}");
            answers[1].clone()
        }
        Err(error) => {
            assert!(error.is_about_symbols(), "{name}: {error}");
            let alone = [&nobody];
            let alone = venue.poll(rest, &alone).await;
            alone.and_then(|polled| polled.into_answers().next().expect("one answer"))
        }
    };
    assert_eq!(
        alone.map_err(|error| error.to_string()),
        Err(format!("{name} does not list XYZ/USD"))
    );
}

/// What is asked of a vendor over HTTP: the bars of one length, the newest price, the clock, and what it has not.
async fn asks(
    name: &str,
    options: &[(&str, &str)],
    mock: impl Mock,
    timeframe: Timeframe,
    has_volume: bool,
) -> (std::sync::Arc<dyn papertape_feeds::Venue>, Rest, Server) {
    let server = Server::start(stage(mock)).await.expect("a free port");
    let venue = venues::open(name, config(server.config(), options, "key"));
    let venue = venue.expect("it is there").expect("it opens");
    let rest = Rest::new(name, venue.rest_url(), venue.traits(), None, Timestamp::EPOCH).expect("a client");
    let symbol: Symbol = "BTC/USD".parse().expect("a symbol");
    let listings = venue.listings(&rest, Some(&symbol)).await.expect("a list");
    let listing = listings.first().expect("it lists it").clone();
    let (market, now) = server.with(|stage| (stage.truth.markets[0].clone(), stage.truth.now));

    let to = timeframe.floor(now);
    let from = to.plus_nanos(-(300 * 60_000_000_000 / timeframe.nanos()) * timeframe.nanos());
    let (mut next, mut bars) = (from, Vec::new());
    loop {
        let page = venue
            .bars(&rest, &listing, timeframe, next, to)
            .await
            .expect("bars")
            .into_bars();
        let Some(last) = page.last() else { break };
        next = timeframe.close_of(last.open_time);
        bars.extend(page);
    }
    let is_inside = |bar: &Bar| bar.open_time >= from && timeframe.close_of(bar.open_time) <= to;
    let volume = |bar: Bar| Bar {
        volume: if has_volume { bar.volume } else { 0.0 },
        ..bar
    };
    let expected: Vec<Bar> = market
        .bars_of(timeframe)
        .into_iter()
        .filter(is_inside)
        .map(volume)
        .collect();
    assert!(expected.len() >= 10 && bars == expected, "{name}");
    let seven = Timeframe::from_secs(7).expect("seconds");
    let odd = venue.bars(&rest, &listing, seven, from, to).await;
    assert!(
        matches!(odd, Err(FeedError::UnsupportedTimeframe { .. })),
        "{name}"
    );

    if venue.traits().has_trade_backfill {
        // Their numbers have holes: on from the newest time that came, until nothing is new.
        let (mut seen, mut all) = (std::collections::BTreeSet::new(), Vec::new());
        let (id, mut time) = (0, market.trades[0].1.time);
        loop {
            let page = venue.trades_from(&rest, &listing, TradesFrom { id, time }).await;
            let page = page.expect("trades");
            let new: Vec<_> = page.into_iter().filter(|(id, _)| seen.insert(*id)).collect();
            let Some((_, newest)) = new.last() else { break };
            time = newest.time;
            all.extend(new.into_iter().map(|(_, trade)| trade));
        }
        let expected: Vec<TradeTick> = market.trades.iter().map(|(_, trade)| *trade).collect();
        assert!(all.len() > 100 && all == expected, "{name}");
    }

    is_polled(&*venue, &rest, &server).await;

    let other: Symbol = "XYZ/USD".parse().expect("a symbol");
    let unknown = venue.listings(&rest, Some(&other)).await;
    let unknown = unknown.map_err(|error| error.to_string());
    assert_eq!(unknown, Err(format!("{name} does not list XYZ/USD")));
    (venue, rest, server)
}

#[tokio::test]
async fn what_is_asked_of_a_vendor_is_the_truth() {
    let half_hours = Timeframe::from_secs(1_800).expect("seconds");
    let coins: &[(&str, &str)] = &[("market", "crypto")];
    let (polygon, rest, server) = asks("polygon", coins, Polygon::new(), Timeframe::MINUTE, true).await;
    assert_eq!(polygon.listings(&rest, None).await.expect("all").len(), 2);
    let now = server.with(|stage| stage.truth.now);
    assert_eq!(polygon.time(&rest).await, Ok(Some(now)));
    asks("yahoo", &[], Yahoo::new(), Timeframe::MINUTE, true).await;
    asks(
        "coingecko",
        &[("plan", "pro")],
        CoinGecko::new(),
        half_hours,
        false,
    )
    .await;
    asks(
        "cryptocompare",
        &[("exchange", "Coinbase")],
        CryptoCompare::new(),
        Timeframe::MINUTE,
        true,
    )
    .await;
}

#[tokio::test]
async fn a_wrong_key_is_named_over_http_too() {
    for (name, stage, message) in [
        (
            "polygon",
            stage(Polygon::new()),
            "polygon refused the key: Unknown API Key",
        ),
        (
            "cryptocompare",
            stage(CryptoCompare::new()),
            "cryptocompare refused the key: You need a valid auth key or api key to access this endpoint (type 99)",
        ),
    ] {
        let server = Server::start(stage).await.expect("a free port");
        let venue = venues::open(name, config(server.config(), &[], "wrong"));
        let venue = venue.expect("it is there").expect("it opens");
        let rest =
            Rest::new(name, venue.rest_url(), venue.traits(), None, Timestamp::EPOCH).expect("a client");
        let symbol: Symbol = "BTC/USD".parse().expect("a symbol");
        let refused = venue.listings(&rest, Some(&symbol)).await;
        let refused = refused.map_err(|error| error.to_string());
        assert_eq!(refused, Err(message.to_owned()));
    }
}

#[tokio::test]
async fn what_is_asked_of_alpaca_is_the_truth() {
    let server = Server::start((JSON.stage)()).await.expect("a free port");
    let open = |key: &str| {
        let venue = venues::open("alpaca", config(server.config(), JSON.options, key));
        let venue = venue.expect("it is there").expect("it opens");
        let rest =
            Rest::new("alpaca", venue.rest_url(), venue.traits(), None, Timestamp::EPOCH).expect("a client");
        (venue, rest)
    };
    let (venue, rest) = open("key");
    let symbol: Symbol = "BTC/USD".parse().expect("a symbol");
    assert_eq!(venue.listings(&rest, None).await.expect("a list").len(), 2);
    let listing = venue
        .listings(&rest, Some(&symbol))
        .await
        .expect("a list")
        .remove(0);
    let (market, now) = server.with(|stage| (stage.truth.markets[0].clone(), stage.truth.now));
    assert_eq!(
        (listing.instrument.tick(), listing.instrument.lot()),
        (market.instrument.tick(), market.instrument.lot())
    );
    let to = Timeframe::MINUTE.floor(now);
    let (mut next, mut bars) = (to.plus_nanos(-300 * 60_000_000_000), Vec::new());
    let from = next;
    loop {
        let page = venue
            .bars(&rest, &listing, Timeframe::MINUTE, next, to)
            .await
            .expect("bars")
            .into_bars();
        let Some(last) = page.last() else { break };
        next = Timeframe::MINUTE.close_of(last.open_time);
        bars.extend(page);
    }
    let is_inside = |bar: &Bar| bar.open_time >= from && Timeframe::MINUTE.close_of(bar.open_time) <= to;
    let expected: Vec<Bar> = market
        .bars_of(Timeframe::MINUTE)
        .into_iter()
        .filter(is_inside)
        .collect();
    assert!(expected.len() > 100 && bars == expected);
    is_polled(&*venue, &rest, &server).await;
    assert_eq!(venue.time(&rest).await, Ok(Some(now)));
    let other: Symbol = "XYZ/USD".parse().expect("a symbol");
    let unknown = venue
        .listings(&rest, Some(&other))
        .await
        .map_err(|error| error.to_string());
    assert_eq!(
        unknown.map(|_| ()),
        Err("alpaca does not list XYZ/USD".to_owned())
    );
    let (venue, rest) = open("wrong");
    let refused = venue.time(&rest).await.map_err(|error| error.to_string());
    assert_eq!(
        refused,
        Err("alpaca refused the key: request is not authorized".to_owned())
    );
}
