//! Frames and what they say.

use super::*;
use crate::venue::{DecodeError, Slot};
use papertape::market::{DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Level, Quote};
use papertape::model::Side;
use proptest::prelude::*;

const RECEIVED: Timestamp = Timestamp::from_secs(1_700_000_000);
const SLOT: Slot = Slot(3);

/// A connection with BTC-USD under 3.
fn codec() -> Box<dyn Codec> {
    let venue = open(VenueConfig::default()).expect("no options");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    let symbol: Symbol = "BTC/USD".parse().expect("a symbol");
    let listing = Listing {
        instrument: Instrument::new(
            symbol,
            Decimal::new(1, 2),
            Decimal::new(1, 8),
            Decimal::ONE,
            Decimal::ONE,
        )
        .expect("an instrument"),
        venue_symbol: "BTC-USD".into(),
        status: TradingStatus::Trading,
    };
    assert_eq!(codec.subscribe(SLOT, &listing, venue.traits().stream).len(), 3);
    codec
}

fn read(codec: &mut dyn Codec, frame: &str) -> Result<Vec<Told>, DecodeError> {
    let (mut told, mut replies) = (Vec::new(), Vec::new());
    codec.read(frame.as_bytes(), RECEIVED, &mut told, &mut replies)?;
    assert_eq!(replies, []);
    Ok(told)
}

fn message(channel: &str, number: u64, events: &str) -> String {
    format!(
        r#"{{"channel":"{channel}","client_id":"","timestamp":"2026-04-07T14:30:03.5Z","sequence_num":{number},"events":[{events}]}}"#
    )
}

fn time() -> Timestamp {
    Timestamp::parse("2026-04-07T14:30:03.5Z").expect("a time")
}

const LEVELS: &str = r#"{"type":"update","product_id":"BTC-USD","updates":[{"side":"bid","event_time":"2026-04-07T14:30:03Z","price_level":"68900.00","new_quantity":"2.0"},{"side":"offer","event_time":"2026-04-07T14:30:03Z","price_level":"68900.50","new_quantity":"0"}]}"#;

fn update(kind: DepthKind) -> DepthUpdate {
    let level = |price, size| Level { price, size };
    DepthUpdate {
        time: time(),
        kind,
        bids: vec![level(6_890_000, 200_000_000)],
        asks: vec![level(6_890_050, 0)],
    }
}

fn changes(id: u64) -> Told {
    Told::Depth {
        slot: SLOT,
        diff: DepthDiff {
            first_id: id,
            final_id: id,
            previous: None,
            update: update(DepthKind::Changes),
        },
    }
}

#[test]
fn each_frame_says_what_it_says() {
    let trade = |id: u64, size: &str| {
        format!(
            r#"{{"trade_id":"{id}","product_id":"BTC-USD","price":"68900.50","size":"{size}","side":"BUY","time":"2026-04-07T14:30:03.25Z"}}"#
        )
    };
    let told_trade = |id| Told::Trade {
        slot: SLOT,
        id: Some(id),
        trade: TradeTick {
            time: Timestamp::parse("2026-04-07T14:30:03.25Z").expect("a time"),
            price: 68_900.5,
            size: 0.0015,
            aggressor: Side::Sell,
        },
    };
    let trades = |kind: &str, trades: &str| format!(r#"{{"type":"{kind}","trades":[{trades}]}}"#);
    let snapshot = LEVELS.replace("update\"", "snapshot\"");
    let table: Vec<(String, Vec<Told>)> = vec![
        (
            message(
                "heartbeats",
                0,
                r#"{"current_time":"2026-04-07 14:30:10.0 +0000 UTC","heartbeat_counter":42}"#,
            ),
            vec![Told::Time(time())],
        ),
        (
            message(
                "subscriptions",
                1,
                r#"{"subscriptions":{"ticker":["BTC-USD"],"level2":["BTC-USD"]}}"#,
            ),
            vec![],
        ),
        (
            message(
                "subscriptions",
                2,
                r#"{"subscriptions":{"ticker":["BTC-USD"],"level2":["BTC-USD"],"market_trades":["BTC-USD"]}}"#,
            ),
            vec![Told::Subscribed { slot: SLOT }],
        ),
        (
            message("market_trades", 3, &trades("snapshot", &trade(4, "0.0015"))),
            vec![],
        ),
        // The newest first, and one of nothing.
        (
            message(
                "market_trades",
                4,
                &trades(
                    "update",
                    &[trade(7, "0.0015"), trade(6, "0"), trade(5, "0.0015")].join(","),
                ),
            ),
            vec![
                told_trade(5),
                Told::KeptOff {
                    slot: Some(SLOT),
                    why: "a trade of nothing".to_owned(),
                },
                told_trade(7),
            ],
        ),
        (
            message(
                "ticker",
                5,
                r#"{"type":"update","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"68900.50","volume_24_h":"1","best_bid":"68900.49","best_bid_quantity":"0.25","best_ask":"68900.50","best_ask_quantity":"1.5"}]}"#,
            ),
            vec![Told::Quote {
                slot: SLOT,
                id: None,
                is_timed: true,
                quote: Quote {
                    time: time(),
                    bid: 68_900.49,
                    bid_size: 0.25,
                    ask: 68_900.5,
                    ask_size: 1.5,
                },
            }],
        ),
        // Nothing to change yet.
        (message("l2_data", 6, LEVELS), vec![]),
        (
            message("l2_data", 7, &snapshot),
            vec![Told::Book {
                slot: SLOT,
                snapshot: DepthSnapshot {
                    last_id: 1,
                    update: update(DepthKind::Snapshot),
                },
            }],
        ),
        (message("l2_data", 8, LEVELS), vec![changes(2)]),
        // Nine is missing: the book waits for a snapshot, and nine is of no use when it comes.
        (
            message("l2_data", 10, LEVELS),
            vec![Told::Lost {
                slot: None,
                why: "sequence 9 comes next, and 10 came".to_owned(),
            }],
        ),
        (
            message("l2_data", 9, LEVELS),
            vec![Told::KeptOff {
                slot: None,
                why: "sequence 9 came after 10".to_owned(),
            }],
        ),
        (message("l2_data", 11, LEVELS), vec![]),
        (
            message("l2_data", 12, &snapshot),
            vec![Told::Book {
                slot: SLOT,
                snapshot: DepthSnapshot {
                    last_id: 3,
                    update: update(DepthKind::Snapshot),
                },
            }],
        ),
        (message("l2_data", 13, LEVELS), vec![changes(4)]),
        (message("l2_data", 14, &LEVELS.replace("BTC", "ETH")), vec![]),
        (
            r#"{"type":"error","message":"authentication failure"}"#.to_owned(),
            vec![Told::Refused {
                slot: None,
                error: FeedError::Refused {
                    venue: NAME.to_owned(),
                    detail: "authentication failure".to_owned(),
                },
            }],
        ),
    ];
    let mut codec = codec();
    for (frame, expected) in table {
        assert_eq!(read(&mut *codec, &frame), Ok(expected), "{frame}");
    }
    assert_eq!(codec.resync(SLOT).len(), 2);
    assert_eq!(read(&mut *codec, &message("l2_data", 15, LEVELS)), Ok(vec![]));
    assert_eq!(codec.unsubscribe(SLOT).len(), 3);
}

#[test]
fn a_frame_that_makes_no_sense_is_one_that_is_missing() {
    let mut codec = codec();
    assert!(
        read(
            &mut *codec,
            &message("l2_data", 0, &LEVELS.replace("update\"", "snapshot\""))
        )
        .is_ok()
    );
    for (from, to) in [
        ("68900.00", "-1"),
        ("68900.00", "0.001"),
        ("2.0", "-2"),
        ("2.0", "x"),
        ("bid", "side"),
    ] {
        let frame = message("l2_data", 1, &LEVELS.replace(from, to));
        assert!(read(&mut *codec, &frame).is_err(), "{frame}");
    }
    for frame in [
        "",
        "<html>",
        "{}",
        r#"{"channel":"l2_data","sequence_num":1,"events":[{}]}"#,
    ] {
        assert!(read(&mut *codec, frame).is_err(), "{frame}");
    }
    let told = read(&mut *codec, &message("l2_data", 2, LEVELS));
    assert_eq!(
        told,
        Ok(vec![Told::Lost {
            slot: None,
            why: "sequence 1 comes next, and 2 came".to_owned()
        }])
    );
}

#[test]
fn products_become_instruments() {
    let product = |status: &str| -> Listing {
        let text = format!(
            r#"{{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","base_increment":"0.00000001","quote_increment":"0.01","min_market_funds":"1","display_name":"BTC/USD","status":"{status}","post_only":false,"limit_only":false,"cancel_only":false,"trading_disabled":false}}"#
        );
        listing(&serde_json::from_str(&text).expect("a product")).expect("an instrument")
    };
    let bitcoin = product("online");
    assert_eq!(
        (bitcoin.instrument.symbol().as_str(), &*bitcoin.venue_symbol),
        ("BTC/USD", "BTC-USD")
    );
    assert_eq!(
        (bitcoin.instrument.tick(), bitcoin.instrument.lot()),
        (Decimal::new(1, 2), Decimal::new(1, 8))
    );
    assert_eq!(
        ["online", "delisted", "offline"].map(|status| product(status).status),
        [
            TradingStatus::Trading,
            TradingStatus::Ended,
            TradingStatus::Halted
        ]
    );
    // Orders are taken and none is matched, or none is taken.
    for stop in ["post_only", "cancel_only", "trading_disabled"] {
        let text = serde_json::to_string(&serde_json::json!({
            "id": "BTC-USD", "base_increment": "0.00000001", "quote_increment": "0.01", "status": "online", stop: true
        }));
        let product = serde_json::from_str(&text.expect("text")).expect("a product");
        let status = listing(&product).map(|listing| listing.status);
        assert_eq!(status, Some(TradingStatus::Halted), "{stop}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), place in 0_usize..400, byte: u8) {
        let mut spoiled = message("l2_data", 1, LEVELS).into_bytes();
        let place = place % spoiled.len();
        spoiled[place] = byte;
        for bytes in [bytes, spoiled] {
            let (mut told, mut replies) = (Vec::new(), Vec::new());
            if codec().read(&bytes, RECEIVED, &mut told, &mut replies).is_err() {
                prop_assert!(told.is_empty() && replies.is_empty());
            }
        }
    }
}
