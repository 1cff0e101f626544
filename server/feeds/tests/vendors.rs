//! Data vendors' readers and their local servers agree: what is told on the stream, and what is asked for, is the truth.

use papertape::{
    market::{Bar, DepthJoin, OrderBook, Quote, TradeTick},
    model::{Side, Symbol, Timeframe, Timestamp},
};
use papertape_feeds::{
    Channels, Codec, Frame, Listing, Rest, Secret, Slot, Told, VenueConfig,
    testkit::{Act, Faults, Request, Server, Stage, Truth, TruthEvent, What, alpaca::Alpaca},
    venues,
};
use std::{collections::VecDeque, time::Duration};

const EVERYTHING: Channels = Channels {
    trades: true,
    quotes: true,
    depth: true,
    bars: true,
};

fn config(base: VenueConfig, encoding: &str, secret: &str) -> VenueConfig {
    let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    VenueConfig {
        key: Some(Secret::new("key".to_owned())),
        secret: Some(Secret::new(secret.to_owned())),
        options: [option("market", "crypto"), option("encoding", encoding)].into(),
        ..base
    }
}

fn stage() -> Stage {
    let mut truth = Truth::seeded(11, 2);
    for _ in 0..3_000 {
        truth.advance();
    }
    Stage::new(truth, Alpaca::new(), Faults::none())
}

/// A reader on a stage, without a socket between.
struct Talk {
    stage: Stage,
    codec: Box<dyn Codec>,
    socket: papertape_feeds::testkit::SocketId,
    told: Vec<Told>,
}

impl Talk {
    fn new(encoding: &str, secret: &str) -> Self {
        let mut stage = stage();
        let venue = venues::open("alpaca", config(VenueConfig::default(), encoding, secret));
        let venue = venue.expect("it is there").expect("it opens");
        let mut codec = venue.codec().expect("has a key").expect("a stream");
        let (address, headers) = codec.address();
        let mut request = Request::get(
            address
                .strip_prefix("wss://stream.data.alpaca.markets")
                .expect("its host"),
            &[],
        );
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

    fn subscribe(&mut self, slot: usize) {
        let market = &self.stage.truth.markets[slot];
        let listing = Listing {
            instrument: market.instrument.clone(),
            venue_symbol: market.instrument.symbol().as_str().into(),
            status: papertape::exchange::TradingStatus::Trading,
        };
        let frames = self.codec.subscribe(Slot(slot), &listing, EVERYTHING);
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
fn what_the_stream_tells_is_the_truth_in_either_encoding() {
    for encoding in ["json", "msgpack"] {
        let mut talk = Talk::new(encoding, "secret");
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
                    What::Trade { id, trade } => Some((id, trade)),
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
            assert!(quotes.len() > 100 && quotes == true_quotes, "{encoding} {symbol}");

            let true_bars: Vec<Bar> = mine()
                .filter_map(|event| match event.what {
                    What::Bar(bar) => Some(bar),
                    _ => None,
                })
                .collect();
            let bars: Vec<Bar> = said()
                .filter_map(|told| match told {
                    Told::Bar {
                        bar,
                        is_closed: true,
                        is_correction: false,
                        ..
                    } => Some(*bar),
                    _ => None,
                })
                .collect();
            assert!(!bars.is_empty() && bars == true_bars, "{encoding} {symbol}");

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
        // A book that is doubted is told anew, whole.
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

#[test]
fn a_wrong_key_is_named() {
    for encoding in ["json", "msgpack"] {
        let talk = Talk::new(encoding, "wrong");
        assert!(!talk.codec.is_ready());
        let refused = talk.told.iter().find_map(|told| match told {
            Told::Refused { slot: None, error } => Some(error.to_string()),
            _ => None,
        });
        assert_eq!(
            refused.as_deref(),
            Some("alpaca refused the key: auth failed (402)"),
            "{encoding}"
        );
    }
}

#[tokio::test]
async fn what_is_asked_for_is_the_truth() {
    let server = Server::start(stage()).await.expect("a free port");
    let open = |secret: &str| {
        let venue = venues::open("alpaca", config(server.config(), "json", secret));
        let venue = venue.expect("it is there").expect("it opens");
        let rest =
            Rest::new("alpaca", venue.rest_url(), venue.traits(), None, Timestamp::EPOCH).expect("a client");
        (venue, rest)
    };
    let (venue, rest) = open("secret");
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
            .expect("bars");
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
    let told = venue.poll(&rest, &listing).await.expect("the newest");
    let quote = market.quote.expect("a quote");
    assert!(
        told.iter()
            .any(|told| matches!(told, Told::Quote { quote: told, .. } if *told == quote))
    );
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
