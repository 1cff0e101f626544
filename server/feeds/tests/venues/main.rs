//! Each venue's reader and its local server agree: what is asked for over HTTP, and what is told on the stream, is the truth.

mod absurd;
mod place;

use futures::{SinkExt, StreamExt};
use papertape::{
    market::{DepthJoin, OrderBook},
    model::{Side, Symbol, Timeframe, Timestamp},
};
use papertape_feeds::{
    BookStart, Channels, FeedError, Listing, Secret, Slot, Told, TradesFrom, VenueConfig,
    testkit::{Fault, Mock, Stage, binance, coinbase, kraken},
};
use place::{message, open, place, read};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

const BTC: &str = "BTC/USD";
const ETH: &str = "ETH/USD";
const FIRST: TradesFrom = TradesFrom {
    id: 1,
    time: Timestamp::EPOCH,
};

/// Everything that can be asked for over HTTP. `span` is how many minutes of bars the venue has.
async fn asks(name: &str, mock: impl Mock, span: i64) {
    let place = place(name, mock).await;
    let (venue, rest) = (&place.venue, &place.rest);
    let all = venue.listings(rest, None).await.expect("listings");
    assert_eq!(all.len(), 2, "{name}");
    let listing = place.listing(BTC).await;
    let market = place.server.with(|stage| stage.truth.markets[0].clone());
    assert_eq!(
        (listing.instrument.tick(), listing.instrument.lot()),
        (market.instrument.tick(), market.instrument.lot()),
        "{name}"
    );

    // Bars, page by page, are the truth's.
    let to = Timeframe::MINUTE.floor(place.now());
    let from = to.plus_nanos(-span * 60_000_000_000);
    for timeframe in [Timeframe::MINUTE, "5m".parse().expect("a timeframe")] {
        let mut bars = Vec::new();
        let mut next = from;
        loop {
            let page = venue
                .bars(rest, &listing, timeframe, next, to)
                .await
                .expect("bars");
            assert_eq!(page.since(), next, "{name} {timeframe}: it reaches back so far");
            let page = page.into_bars();
            let Some(last) = page.last() else { break };
            next = timeframe.close_of(last.open_time);
            bars.extend(page);
        }
        let is_inside =
            |bar: &papertape::market::Bar| bar.open_time >= from && timeframe.close_of(bar.open_time) <= to;
        let expected: Vec<_> = market.bars_of(timeframe).into_iter().filter(is_inside).collect();
        assert!(expected.len() > 100 && bars == expected, "{name} {timeframe}");
    }
    let nothing = venue.bars(rest, &listing, Timeframe::MINUTE, to, to).await;
    assert!(nothing.is_ok_and(|past| past.is_empty()), "{name}");
    let seven = Timeframe::from_secs(7).expect("seconds");
    let odd = venue.bars(rest, &listing, seven, from, to).await;
    assert!(
        matches!(odd, Err(FeedError::UnsupportedTimeframe { .. })),
        "{name}"
    );

    // What is known now.
    is_polled(&place, name).await;
    let newest = market.trades.back().copied().expect("a trade");

    if venue.traits().book == BookStart::Rest {
        let book = venue.book(rest, &listing).await.expect("a book");
        let expected = market.snapshot(usize::MAX);
        assert_eq!(
            (book.last_id, &book.update.bids),
            (expected.last_id, &expected.update.bids),
            "{name}"
        );
    }
    if venue.traits().has_trade_backfill {
        let id = newest.0 - 20;
        let place_of = |id: u64| market.trades.iter().find(|(known, _)| *known == id);
        let time = place_of(id).expect("it is kept").1.time;
        let from = TradesFrom { id, time };
        let past = venue.trades_from(rest, &listing, from).await.expect("trades");
        let expected: Vec<_> = market
            .trades
            .iter()
            .filter(|(id, _)| *id >= from.id)
            .copied()
            .collect();
        assert_eq!(past, expected, "{name}");
        // However far back: page after page.
        let (first, oldest) = market.trades[0];
        let mut from = TradesFrom {
            id: first,
            time: oldest.time,
        };
        let mut all = Vec::new();
        loop {
            let page = venue.trades_from(rest, &listing, from).await.expect("trades");
            let Some((last, trade)) = page.last() else { break };
            from = TradesFrom {
                id: last + 1,
                time: trade.time,
            };
            all.extend(page);
        }
        assert!(all.len() > 100 && market.trades == all, "{name}");
    }
    let time = venue.time(rest).await.expect("an answer").expect("a time");
    assert!(place.now().since(time).abs() < 1_000_000_000, "{name}");

    // Whom it does not list.
    let nobody: Symbol = "NOBODY/USD".parse().expect("a symbol");
    let is_unknown = match venue.listings(rest, Some(&nobody)).await {
        Ok(listings) => listings
            .iter()
            .all(|listing| *listing.instrument.symbol() != nobody),
        Err(error) => matches!(error, FeedError::UnknownSymbol { .. }),
    };
    assert!(is_unknown, "{name}");
    let unlisted = Listing {
        venue_symbol: "NOBODY".into(),
        ..listing.clone()
    };
    let error = venue
        .bars(rest, &unlisted, Timeframe::MINUTE, from, to)
        .await
        .expect_err("nobody");
    assert!(
        matches!(error, FeedError::UnknownSymbol { .. }),
        "{name}: {error}"
    );

    // Something else answers.
    place.server.with(|stage| stage.faults.force(Fault::Html));
    let error = venue.time(rest).await.expect_err("a web page");
    assert!(matches!(error, FeedError::NotTheVenue { .. }), "{name}: {error}");
    place.server.with(|stage| stage.faults.force(Fault::Trouble));
    let error = venue.time(rest).await.expect_err("trouble");
    assert!(matches!(error, FeedError::Trouble { .. }), "{name}: {error}");
}

/// What is known now of two symbols and of one that there is not, asked for together.
async fn is_polled(place: &place::Place, name: &str) {
    let listings = [place.listing(BTC).await, place.listing(ETH).await];
    let nobody = Listing {
        venue_symbol: "NOBODY".into(),
        ..listings[0].clone()
    };
    let all = [&listings[0], &nobody, &listings[1]];
    let polled = place.venue.poll(&place.rest, &all).await.expect("an answer");
    let polled: Vec<_> = polled.into_answers().collect();
    assert_eq!(polled.len(), all.len(), "{name}");
    let unknown = polled[1].clone().map_err(|error| error.code());
    assert_eq!(unknown, Err("unknown_symbol"), "{name}");
    let polled = [polled[0].clone(), polled[2].clone()];
    for (market, polled) in place.markets().iter().zip(polled) {
        let polled = polled.expect("an answer");
        let quote = market.quote.expect("a quote");
        let is_it = |told: &Told| matches!(told, Told::Quote { quote: told, .. } if (told.bid, told.ask) == (quote.bid, quote.ask));
        assert!(polled.iter().any(is_it), "{name}: {polled:?}");
        let newest = market.trades.back().copied().expect("a trade");
        let is_it =
            |told: &Told| matches!(told, Told::Trade { id: Some(id), trade, .. } if (*id, *trade) == newest);
        assert!(polled.iter().any(is_it), "{name}: {polled:?}");
    }
    // Best prices come with one request, where the venue has them of several at once.
    let asked = place.server.with(|stage| stage.requests.clone());
    let of_all = ["/0/public/Ticker", "/api/v3/ticker/bookTicker"];
    assert!(
        of_all
            .iter()
            .all(|path| asked.get(*path).is_none_or(|count| *count == 1)),
        "{asked:?}"
    );
}

/// Everything that the stream tells.
async fn tells(name: &str, mock: impl Mock) {
    let place = place(name, mock).await;
    let traits = place.venue.traits();
    let listings = [place.listing(BTC).await, place.listing(ETH).await];
    let (mut socket, mut codec) = place.connect().await;
    while !codec.is_ready() {
        read(&mut socket, &mut *codec).await;
    }
    let wanted: Vec<(Slot, &Listing, Channels)> = listings
        .iter()
        .enumerate()
        .map(|(slot, listing)| (Slot(slot), listing, traits.stream))
        .collect();
    for frame in codec.subscribe_all(&wanted) {
        socket.send(message(frame)).await.expect("it is open");
    }
    let mut told = Vec::new();
    let is_confirmed = |told: &[Told], slot| told.contains(&Told::Subscribed { slot });
    while !(is_confirmed(&told, Slot(0)) && is_confirmed(&told, Slot(1))) {
        told.extend(read(&mut socket, &mut *codec).await);
    }
    let listened = |symbol| place.server.with(|stage| stage.listened(symbol));
    assert_eq!([listened(0), listened(1)], [traits.stream; 2], "{name}");

    // What is told from now on, joined with the books as they are, is the truth.
    let mut joins = [DepthJoin::default(), DepthJoin::default()];
    let mut books = [OrderBook::default(), OrderBook::default()];
    if traits.book == BookStart::Rest {
        for (slot, listing) in listings.iter().enumerate() {
            let book = place.venue.book(&place.rest, listing).await.expect("a book");
            for update in joins[slot].snapshot(book).expect("nothing waits") {
                books[slot].apply(&update);
            }
        }
    }
    let known = place.markets().map(|market| market.trades.len());
    place.server.advance(4_000);
    let markets = place.markets();
    let mut trades = [Vec::new(), Vec::new()];
    let mut quotes = [None, None];
    loop {
        for told in told.drain(..) {
            match told {
                Told::Trade { slot, id, trade } => trades[slot.0].push((id.expect("a number"), trade)),
                Told::Quote { slot, quote, .. } => quotes[slot.0] = Some((quote.bid, quote.ask)),
                Told::Depth { slot, diff } => {
                    if let Some(update) = joins[slot.0].diff(diff).expect("no gap") {
                        books[slot.0].apply(&update);
                    }
                }
                Told::Book { slot, snapshot } => {
                    joins[slot.0].restart();
                    for update in joins[slot.0].snapshot(snapshot).expect("a first snapshot") {
                        books[slot.0].apply(&update);
                    }
                }
                Told::Lost { .. } | Told::KeptOff { .. } | Told::Refused { .. } => panic!("{name}: {told:?}"),
                _ => {}
            }
        }
        let is_all = markets.iter().enumerate().all(|(slot, market)| {
            // A book may be cut to ten levels.
            let tops = |book: &OrderBook| {
                [Side::Buy, Side::Sell].map(|side| book.levels(side).take(10).collect::<Vec<_>>())
            };
            trades[slot].last() == market.trades.back()
                && (!traits.stream.depth || tops(&books[slot]) == tops(&market.book))
                && quotes[slot] == market.quote.map(|quote| (quote.bid, quote.ask))
        });
        if is_all {
            break;
        }
        let next = tokio::time::timeout(Duration::from_secs(20), read(&mut socket, &mut *codec));
        told.extend(next.await.expect("more to come"));
    }
    for (slot, market) in markets.iter().enumerate() {
        let after: Vec<_> = market.trades.iter().skip(known[slot]).copied().collect();
        let told: Vec<_> = trades[slot]
            .iter()
            .filter(|(id, _)| *id >= after[0].0)
            .copied()
            .collect();
        assert!(after.len() > 100 && told == after, "{name}");
    }

    // Nobody listens any more.
    for slot in [Slot(0), Slot(1)] {
        for frame in codec.unsubscribe(slot) {
            socket.send(message(frame)).await.expect("it is open");
        }
    }
    let is_silent = |stage: &Stage| (0..2).all(|symbol| stage.listened(symbol).is_empty());
    tokio::time::timeout(Duration::from_secs(20), place.server.until(is_silent))
        .await
        .expect("it unsubscribes");
}

#[tokio::test]
async fn binance_answers() {
    asks("binance", binance::Binance::new(), 700).await;
}

#[tokio::test]
async fn binance_tells() {
    tells("binance", binance::Binance::new()).await;
}

#[tokio::test]
async fn binance_us_answers() {
    asks("binance_us", binance::Binance::us(), 700).await;
}

#[tokio::test]
async fn binance_us_gives_past_trades_to_those_with_a_key() {
    let place = place("binance_us", binance::Binance::us()).await;
    let listing = place.listing(BTC).await;
    let without = place.venue.trades_from(&place.rest, &listing, FIRST).await;
    assert!(matches!(without, Err(FeedError::MissingKey { .. })));
    let config = VenueConfig {
        key: Some(Secret::new("k".to_owned())),
        ..place.server.config()
    };
    let with = open("binance_us", config);
    let past = with
        .trades_from(&place.rest, &listing, FIRST)
        .await
        .expect("trades");
    assert!(with.traits().has_trade_backfill && past.len() > 100);
}

#[tokio::test]
async fn binance_ends_a_connection_that_sends_too_fast() {
    let place = place("binance", binance::Binance::new()).await;
    let listing = place.listing(BTC).await;
    let (mut socket, mut codec) = place.connect().await;
    for _ in 0..8 {
        for frame in codec.subscribe(Slot(0), &listing, Channels::TICKS) {
            socket.send(message(frame)).await.expect("it is open");
        }
    }
    let closed = loop {
        match socket.next().await {
            Some(Ok(Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(closed, Some(1008));
}

#[tokio::test]
async fn what_was_used_of_the_weight_is_what_the_venue_says() {
    let place = place("binance", binance::Binance::new()).await;
    let listing = place.listing(BTC).await;
    place.venue.book(&place.rest, &listing).await.expect("a book");
    // Its own count of 20 and 50, as its answers told it.
    assert_eq!(place.rest.budget_status()[0].used, 70);
    let time = Timestamp::EPOCH;
    let bars = place
        .venue
        .bars(&place.rest, &listing, Timeframe::MINUTE, time, place.now())
        .await;
    assert_eq!(
        bars.expect("bars").into_bars().len(),
        place.markets()[0].bars.len()
    );
    assert_eq!(place.rest.budget_status()[0].used, 72);
}

#[tokio::test]
async fn what_may_be_asked_is_what_the_venue_says_but_for_a_tenth() {
    let limit = async |name: &str, weight_a_minute: u32| {
        let mut mock = if name == "binance" {
            binance::Binance::new()
        } else {
            binance::Binance::us()
        };
        mock.weight_a_minute = weight_a_minute;
        let place = place(name, mock).await;
        let before = place.rest.budget_status()[0].weight;
        place.listing(BTC).await;
        let status = place.rest.budget_status();
        assert_eq!((status.len(), status[0].every_s), (1, 60), "{name}");
        (before, status[0].weight)
    };
    assert_eq!(limit("binance", 6_000).await, (5_400, 5_400));
    assert_eq!(limit("binance", 1_200).await, (5_400, 1_080));
    assert_eq!(limit("binance", 8_000).await, (5_400, 7_200));
    // 61,000 requests in five minutes, of which each weighs 1 at least.
    assert_eq!(limit("binance", 50_000).await, (5_400, 10_980));
    // So few that it cannot be meant.
    assert_eq!(limit("binance", 100).await, (5_400, 540));
    // 5,000 requests in five minutes.
    assert_eq!(limit("binance_us", 1_200).await, (900, 900));
}

#[tokio::test]
async fn kraken_answers() {
    asks("kraken", kraken::Kraken::new(), 700).await;
}

#[tokio::test]
async fn kraken_is_asked_about_once_a_second() {
    let place = place("kraken", kraken::Kraken::new()).await;
    let began = std::time::Instant::now();
    for asked in 1..=7 {
        place.venue.time(&place.rest).await.expect("a time");
        // Three at once, and then as many in three seconds.
        let seconds = 3 * ((asked - 1) / 3);
        let passed = began.elapsed();
        assert!(passed >= Duration::from_secs(seconds), "{asked}: {passed:?}");
    }
}

#[tokio::test]
async fn kraken_says_how_far_back_it_reaches() {
    let place = place("kraken", kraken::Kraken::new()).await;
    let listing = place.listing(BTC).await;
    let bars = place.markets()[0].bars_of(Timeframe::MINUTE);
    assert!(bars.len() > 720, "it has more than it tells");
    let oldest = bars[bars.len() - 720].open_time;
    let ask = async |from: Timestamp, to: Timestamp| {
        let past = place
            .venue
            .bars(&place.rest, &listing, Timeframe::MINUTE, from, to)
            .await
            .expect("bars");
        (past.since(), past.into_bars())
    };
    let ago = |minutes: i64| oldest.plus_nanos(-minutes * 60_000_000_000);
    let now = Timeframe::MINUTE.floor(place.now());
    let (since, told) = ask(ago(2_000), now).await;
    assert_eq!(since, oldest, "of what is older it says nothing");
    assert_eq!(told, bars[bars.len() - 720..bars.len() - 1]);
    let (since, told) = ask(ago(2_000), ago(1_000)).await;
    assert_eq!((since, told), (oldest, vec![]));
    let (since, told) = ask(ago(-1), now).await;
    assert_eq!((since, told.len()), (ago(-1), 718), "of that it says all");
}

#[tokio::test]
async fn kraken_tells() {
    tells("kraken", kraken::Kraken::new()).await;
}

#[tokio::test]
async fn coinbase_answers() {
    asks("coinbase", coinbase::Coinbase::new(), 700).await;
}

#[tokio::test]
async fn coinbase_tells() {
    tells("coinbase", coinbase::Coinbase::new()).await;
}
