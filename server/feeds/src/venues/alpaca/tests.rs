//! Fixtures: the frames of Alpaca's documentation, and what they say.

mod requests;

use super::{super::fixture::*, *};
use crate::venue::{Frame, Slot, Told};
use papertape::{
    exchange::TradingStatus,
    market::{DepthDiff, DepthKind, DepthSnapshot, DepthUpdate, Level, TradeTick},
    model::Side,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const TRADE: &str = r#"[{"T":"t","i":96921,"S":"AAPL","x":"D","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208Z","c":["@","I"],"z":"C"}]"#;
const QUOTE: &str = r#"[{"T":"q","S":"AAPL","bx":"U","bp":87.66,"bs":1,"ax":"Q","ap":87.68,"as":4,"t":"2021-02-22T15:51:45.335689322Z","c":["R"],"z":"C"}]"#;
const BAR: &str = r#"[{"T":"b","S":"AAPL","o":388.985,"h":389.13,"l":388.975,"c":389.12,"v":49378,"n":461,"vw":389.062639,"t":"2021-02-22T19:15:00Z"}]"#;
/// The letter D before the number.
const TRADE_ID: u64 = 0x4400_0000_0000_0000 | 96_921;

fn venue(options: &[(&str, &str)]) -> Alpaca {
    Alpaca::new(config(options)).expect("its options are known")
}

fn codec(options: &[(&str, &str)]) -> Box<dyn Codec> {
    venue(options).codec().expect("has a key").expect("has a stream")
}

fn authorized(options: &[(&str, &str)]) -> Box<dyn Codec> {
    let mut codec = codec(options);
    told(&mut *codec, &[r#"[{"T":"success","msg":"authenticated"}]"#]);
    codec
}

/// A codec with AAPL in slot 3.
fn stocks() -> Box<dyn Codec> {
    let mut codec = authorized(&[]);
    subscribe(&mut *codec, 3, "AAPL", "AAPL", EVERYTHING);
    codec
}

#[test]
fn it_greets_authorises_and_subscribes() {
    let mut codec = codec(&[("feed", "sip")]);
    assert_eq!(
        codec.address(),
        ("wss://stream.data.alpaca.markets/v2/sip".to_owned(), vec![])
    );
    assert_eq!((codec.opened(), codec.is_ready()), (vec![], false));
    let (_, replies) = read(&mut *codec, br#"[{"T":"success","msg":"connected"}]"#);
    assert_eq!(
        replies.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"auth","key":"k","secret":"s"}"#]
    );
    assert!(!codec.is_ready());
    told(&mut *codec, &[r#"[{"T":"success","msg":"authenticated"}]"#]);
    assert!(codec.is_ready());
    let frames = subscribe(&mut *codec, 3, "AAPL", "AAPL", Channels::TICKS);
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"subscribe","quotes":["AAPL"],"statuses":["AAPL"],"trades":["AAPL"]}"#]
    );
    let partly = r#"[{"T":"subscription","trades":["AAPL"],"quotes":[],"bars":["*"]}]"#;
    let wholly =
        r#"[{"T":"subscription","trades":["AAPL"],"quotes":["AAPL"],"bars":[],"corrections":["AAPL"]}]"#;
    assert_eq!(
        told(&mut *codec, &[partly, wholly, wholly]),
        [Told::Subscribed { slot: Slot(3) }]
    );
    let frames = codec.unsubscribe(Slot(3));
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [r#"{"action":"unsubscribe","quotes":["AAPL"],"statuses":["AAPL"],"trades":["AAPL"]}"#]
    );
    assert_eq!(told(&mut *codec, &[TRADE]), [], "what still comes is nobody's");
    assert_eq!(codec.unsubscribe(Slot(3)), []);
}

#[test]
fn what_frames_of_stocks_say() {
    let correction = r#"[{"T":"c","S":"AAPL","x":"M","oi":52983525033527,"op":39.1582,"os":440000,"oc":[" ","7"],"ci":52983525034326,"cp":39.1809,"cs":440000,"cc":[" ","7"],"z":"B","t":"2023-04-06T14:25:06.542305024Z"}]"#;
    let cancellation = r#"[{"T":"x","S":"AAPL","i":465,"x":"D","p":105.31,"s":300,"a":"C","z":"C","t":"2023-04-06T13:15:42.83540958Z"}]"#;
    let status = |code: &str| {
        format!(
            r#"[{{"T":"s","S":"AAPL","sc":"{code}","sm":"Trading Halt","rc":"T12","rm":"Trading Halted","t":"2021-02-22T19:15:00Z","z":"C"}}]"#
        )
    };
    let is = |status| {
        vec![Told::Status {
            slot: Slot(3),
            time: time("2021-02-22T19:15:00Z"),
            status,
        }]
    };
    let minute = bar(
        "2021-02-22T19:15:00Z",
        [388.985, 389.13, 388.975, 389.12, 49_378.0],
    );
    let told_bar = vec![Told::Bar {
        slot: Slot(3),
        bar: minute,
        is_closed: true,
    }];
    let table: Vec<(String, Vec<Told>)> = vec![
        (
            TRADE.to_owned(),
            vec![trade(3, Some(TRADE_ID), "2021-02-22T15:51:44.208Z", 126.55, 1.0, Side::Buy)],
        ),
        (
            QUOTE.to_owned(),
            vec![quote(3, "2021-02-22T15:51:45.335689322Z", (87.66, 1.0), (87.68, 4.0))],
        ),
        (BAR.to_owned(), told_bar.clone()),
        (BAR.replace(r#""T":"b""#, r#""T":"u""#), told_bar),
        (BAR.replace(r#""T":"b""#, r#""T":"d""#), vec![]),
        (
            correction.to_owned(),
            vec![Told::Correction {
                slot: Slot(3),
                id: 0x4d00_0000_0000_0000 | 52_983_525_033_527,
                instead: Some(TradeTick {
                    time: time("2023-04-06T14:25:06.542305024Z"),
                    price: 39.1809,
                    size: 440_000.0,
                    aggressor: Side::Buy,
                }),
            }],
        ),
        (
            cancellation.to_owned(),
            vec![Told::Correction {
                slot: Slot(3),
                id: 0x4400_0000_0000_0000 | 465,
                instead: None,
            }],
        ),
        (status("H"), is(TradingStatus::Halted)),
        (status("2"), is(TradingStatus::Halted)),
        (status("P"), is(TradingStatus::Halted)),
        (status("T"), is(TradingStatus::Trading)),
        (status("3"), is(TradingStatus::Trading)),
        (status("E"), vec![]),
        (
            r#"[{"T":"l","S":"AAPL","u":3.24,"d":2.65,"i":"B","t":"2023-04-06T13:34:45.565004401Z","z":"C"}]"#
                .to_owned(),
            vec![],
        ),
        // An average price, and the same letter on the tape where it means something else.
        (TRADE.replace(r#""I""#, r#""W""#), vec![]),
        (TRADE.replace(r#""I"],"z":"C""#, r#""B"],"z":"A""#), vec![]),
        (
            TRADE.replace(r#""I""#, r#""B""#),
            vec![trade(3, Some(TRADE_ID), "2021-02-22T15:51:44.208Z", 126.55, 1.0, Side::Buy)],
        ),
        (TRADE.replace("AAPL", "MSFT"), vec![]),
        // Nobody sells.
        (
            QUOTE.replace(r#""ap":87.68,"as":4"#, r#""ap":0,"as":0"#),
            vec![Told::OneSided { slot: Slot(3) }],
        ),
        ("[]".to_owned(), vec![]),
    ];
    for (frame, says) in table {
        assert_eq!(told(&mut *stocks(), &[&frame]), says, "{frame}");
    }
}

#[test]
fn one_absurd_item_does_not_cost_the_frame_its_others() {
    let sound = &TRADE[1..TRADE.len() - 1];
    for (absurd, why) in [
        (sound.replace("126.55", "0"), "trade's price 0 is no price"),
        (sound.replace("126.55", "-1"), "trade's price -1 is no price"),
        (
            sound.replace("126.55", "1e300"),
            "trade's price 1e300 is no price",
        ),
        (sound.replace(r#""s":1"#, r#""s":0"#), "a trade of nothing"),
        (
            sound.replace(r#""t":"2021-02-22T15:51:44.208Z","#, ""),
            "a message without time",
        ),
        (sound.replace(r#""p":126.55,"#, ""), "trade's price 0 is no price"),
    ] {
        let why = why.replace("1e300", &1e300_f64.to_string());
        let frame = format!("[{absurd},{sound}]");
        assert_eq!(
            told(&mut *stocks(), &[&frame]),
            [
                kept_off(3, &why),
                Told::TradeLost { slot: Some(Slot(3)) },
                trade(
                    3,
                    Some(TRADE_ID),
                    "2021-02-22T15:51:44.208Z",
                    126.55,
                    1.0,
                    Side::Buy
                )
            ],
            "{absurd}"
        );
    }
    let mut codec = stocks();
    let quote = QUOTE.replace("87.68", "-2");
    assert_eq!(told(&mut *codec, &[&quote]), [kept_off(3, "ask -2 is no price")]);
    let bar = BAR.replace("389.13", "1");
    assert!(matches!(told(&mut *codec, &[&bar])[..], [Told::KeptOff { .. }]));
}

#[test]
fn frames_that_are_none_are_errors_and_the_connection_goes_on() {
    let mut codec = stocks();
    for frame in [
        &b""[..],
        b"{",
        b"<html>",
        b"[{\"T\":\"t\"",
        b"null",
        b"[1]",
        &[0xff, 0xfe],
        b"[{\"T\":5}]",
    ] {
        let (mut said, mut replies) = (Vec::new(), Vec::new());
        let read = codec.read(frame, RECEIVED, &mut said, &mut replies);
        assert!(
            read.is_err() && said.is_empty() && replies.is_empty(),
            "{frame:?}"
        );
    }
    assert_eq!(told(&mut *codec, &[TRADE]).len(), 1);
}

#[test]
fn the_taker_is_guessed_by_the_quote() {
    let mut codec = stocks();
    let at = |price: &str| TRADE.replace("126.55", price);
    let sides: Vec<Side> = told(&mut *codec, &[QUOTE, &at("87.66"), &at("87.68")])
        .iter()
        .filter_map(|told| match told {
            Told::Trade { trade, .. } => Some(trade.aggressor),
            _ => None,
        })
        .collect();
    assert_eq!(sides, [Side::Sell, Side::Buy]);
}

#[test]
fn errors_by_their_codes() {
    let frame = |code: u16| format!(r#"[{{"T":"error","code":{code},"msg":"words"}}]"#);
    let mut table = Vec::new();
    for code in [400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 500] {
        let mut codec = stocks();
        let said = told(&mut *codec, &[&frame(code)]);
        let row: Vec<String> = said
            .iter()
            .map(|told| match told {
                Told::Refused { slot, error } => format!("{:?} {}", slot.map(|slot| slot.0), error.code()),
                Told::Lost { slot: None, .. } => "lost".to_owned(),
                Told::GoingAway => "going".to_owned(),
                Told::Heartbeat => "nothing".to_owned(),
                other => format!("{other:?}"),
            })
            .collect();
        table.push((code, row.join(", ")));
    }
    let table: Vec<(u16, &str)> = table.iter().map(|(code, row)| (*code, &**row)).collect();
    assert_eq!(
        table,
        [
            (400, "None refused"),
            (401, "None unauthorized"),
            (402, "None unauthorized"),
            (403, "nothing"),
            (404, "None unreachable"),
            (405, "Some(3) refused"),
            (406, "None unreachable"),
            (407, "lost, going"),
            (408, "None unauthorized"),
            (409, "Some(3) unauthorized"),
            (500, "None venue_trouble, going"),
        ]
    );
    // Before the key is accepted, 409 is about the feed.
    let mut early = codec(&[]);
    assert!(matches!(
        told(&mut *early, &[&frame(409)])[..],
        [Told::Refused { slot: None, .. }]
    ));
}

#[test]
fn many_are_subscribed_with_one_frame_and_alone_where_that_is_refused() {
    let mut codec = authorized(&[]);
    let listings = ["AAPL", "MSFT", "TSLA"].map(|name| listing(name, name));
    let wanted = |slot: usize, channels| (Slot(slot), &listings[slot], channels);
    let with_bars = Channels {
        bars: true,
        ..Channels::TICKS
    };
    let frames = codec.subscribe_all(&[
        wanted(0, Channels::TICKS),
        wanted(1, with_bars),
        wanted(2, Channels::TICKS),
    ]);
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [
            r#"{"action":"subscribe","bars":["MSFT"],"quotes":["AAPL","MSFT","TSLA"],"statuses":["AAPL","MSFT","TSLA"],"trades":["AAPL","MSFT","TSLA"],"updatedBars":["MSFT"]}"#
        ]
    );
    // The plan has room for fewer: none of them is refused for the others.
    let limit = br#"[{"T":"error","code":405,"msg":"symbol limit exceeded"}]"#;
    let (said, replies) = read(&mut *codec, limit);
    assert_eq!(said, []);
    assert_eq!(
        replies.iter().map(text).collect::<Vec<_>>(),
        [
            r#"{"action":"subscribe","quotes":["AAPL"],"statuses":["AAPL"],"trades":["AAPL"]}"#,
            r#"{"action":"subscribe","bars":["MSFT"],"quotes":["MSFT"],"statuses":["MSFT"],"trades":["MSFT"],"updatedBars":["MSFT"]}"#,
            r#"{"action":"subscribe","quotes":["TSLA"],"statuses":["TSLA"],"trades":["TSLA"]}"#,
        ]
    );
    let both = r#"[{"T":"subscription","trades":["AAPL","MSFT"],"quotes":["AAPL","MSFT"],"bars":["MSFT"]}]"#;
    let subscribed = |slot| Told::Subscribed { slot: Slot(slot) };
    assert_eq!(told(&mut *codec, &[both]), [subscribed(0), subscribed(1)]);
    let (said, replies) = read(&mut *codec, limit);
    assert!(
        matches!(
            &said[..],
            [Told::Refused {
                slot: Some(Slot(2)),
                ..
            }]
        ),
        "{said:?}"
    );
    assert_eq!(replies, []);
}

#[test]
fn a_refusal_is_of_the_frame_that_was_asked_first_whoever_has_left() {
    let listings = ["AAPL", "MSFT", "TSLA", "NVDA"].map(|name| listing(name, name));
    let ask = |codec: &mut dyn Codec, slots: &[usize]| {
        let wanted = slots
            .iter()
            .map(|slot| (Slot(*slot), &listings[*slot], Channels::TICKS));
        codec.subscribe_all(&Vec::from_iter(wanted));
    };
    let limit = br#"[{"T":"error","code":405,"msg":"symbol limit exceeded"}]"#;
    let confirmation =
        |names: &str| format!(r#"[{{"T":"subscription","trades":[{names}],"quotes":[{names}]}}]"#);
    let refused = |said: &[Told]| match said {
        [Told::Refused { slot, .. }] => slot.map(|slot| slot.0),
        _ => None,
    };
    // One of a batch leaves before the batch is confirmed: the next refusal is of who is asked for alone.
    let mut codec = authorized(&[]);
    ask(&mut *codec, &[0, 1]);
    codec.unsubscribe(Slot(0));
    told(
        &mut *codec,
        &[&confirmation(r#""AAPL","MSFT""#), &confirmation(r#""MSFT""#)],
    );
    ask(&mut *codec, &[2]);
    let (said, replies) = read(&mut *codec, limit);
    assert_eq!((refused(&said), replies), (Some(2), Vec::new()), "{said:?}");

    // What is refused was asked by one that has left: neither is who came after it refused, nor is it asked for again.
    let mut codec = authorized(&[]);
    ask(&mut *codec, &[0]);
    codec.unsubscribe(Slot(0));
    ask(&mut *codec, &[1]);
    assert_eq!(read(&mut *codec, limit), (Vec::new(), Vec::new()));
    assert_eq!(
        told(&mut *codec, &[&confirmation(r#""MSFT""#)]),
        [Told::Subscribed { slot: Slot(1) }]
    );

    // One is refused while a batch that was asked later is under way: the batch goes on, and is taken apart when it is refused itself.
    let mut codec = authorized(&[]);
    ask(&mut *codec, &[0]);
    ask(&mut *codec, &[1, 2, 3]);
    let (said, replies) = read(&mut *codec, limit);
    assert_eq!((refused(&said), replies), (Some(0), Vec::new()), "{said:?}");
    codec.unsubscribe(Slot(3));
    let (said, replies) = read(&mut *codec, limit);
    assert_eq!((said, replies.len()), (Vec::new(), 2), "each that is still there");
    let (said, _) = read(&mut *codec, limit);
    assert_eq!(refused(&said), Some(1));
}

#[test]
fn books_begin_with_a_snapshot_and_are_counted_on() {
    let mut codec = authorized(&[("market", "crypto")]);
    assert_eq!(
        codec.address().0,
        "wss://stream.data.alpaca.markets/v1beta3/crypto/us"
    );
    subscribe(&mut *codec, 1, "BTC/USD", "BTC/USD", EVERYTHING);
    let message =
        |rest: &str| format!(r#"[{{"T":"o","S":"BTC/USD","t":"2024-03-12T10:38:50.79613221Z",{rest}}}]"#);
    let changes = message(r#""b":[{"p":71859.53,"s":0.27}],"a":[{"p":71900,"s":0}]"#);
    let whole = message(r#""b":[{"p":71859.53,"s":0.27994}],"a":[{"p":71939.7,"s":0.83}],"r":true"#);
    let update = |kind, bids, asks| DepthUpdate {
        time: time("2024-03-12T10:38:50.79613221Z"),
        kind,
        bids,
        asks,
    };
    let level = |price, size| vec![Level { price, size }];
    let snapshot = DepthSnapshot {
        last_id: 0,
        update: update(
            DepthKind::Snapshot,
            level(7_185_953, 2_799),
            level(7_193_970, 8_300),
        ),
    };
    let diff = |id| DepthDiff {
        first_id: id,
        final_id: id,
        previous: None,
        update: update(DepthKind::Changes, level(7_185_953, 2_700), level(7_190_000, 0)),
    };
    let slot = Slot(1);
    assert_eq!(
        told(&mut *codec, &[&changes, &whole, &changes, &changes]),
        [
            Told::Book { slot, snapshot },
            Told::Depth { slot, diff: diff(1) },
            Told::Depth { slot, diff: diff(2) },
        ],
        "what comes before the whole book belongs to none"
    );
    // A level that cannot be: the book is not to be trusted until it is told anew.
    let absurd = message(r#""b":[{"p":-1,"s":1}],"a":[]"#);
    assert!(matches!(
        told(&mut *codec, &[&absurd, &changes])[..],
        [
            Told::Lost {
                slot: Some(Slot(1)),
                ..
            },
            Told::KeptOff { .. }
        ]
    ));
    let frames = codec.resync(slot);
    assert_eq!(
        frames.iter().map(text).collect::<Vec<_>>(),
        [
            r#"{"action":"unsubscribe","orderbooks":["BTC/USD"]}"#,
            r#"{"action":"subscribe","orderbooks":["BTC/USD"]}"#
        ]
    );
    assert!(matches!(told(&mut *codec, &[&whole])[..], [Told::Book { .. }]));
    let trade_frame = r#"[{"T":"t","S":"BTC/USD","p":71850.1,"s":0.001,"t":"2024-03-12T10:38:50.79613221Z","i":5,"tks":"S"}]"#;
    assert_eq!(
        told(&mut *codec, &[trade_frame]),
        [trade(
            1,
            Some(5),
            "2024-03-12T10:38:50.79613221Z",
            71_850.1,
            0.001,
            Side::Sell
        )]
    );
}

#[test]
fn message_pack_says_the_same() {
    let options = [("encoding", "msgpack")];
    let packed = |frame: &str| wire::message_pack(&serde_json::from_str::<Value>(frame).expect(frame));
    let mut codec = codec(&options);
    let (_, headers) = codec.address();
    assert_eq!(
        headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.reveal()))
            .collect::<Vec<_>>(),
        [("Content-Type", "application/msgpack")]
    );
    let (_, replies) = read(&mut *codec, &packed(r#"[{"T":"success","msg":"connected"}]"#));
    let Some(Frame::Binary(auth)) = replies.first() else {
        panic!("{replies:?}");
    };
    assert_eq!(
        rmp_serde::from_slice::<Value>(auth).expect("MessagePack"),
        json!({"action": "auth", "key": "k", "secret": "s"})
    );
    read(&mut *codec, &packed(r#"[{"T":"success","msg":"authenticated"}]"#));
    subscribe(&mut *codec, 3, "AAPL", "AAPL", EVERYTHING);
    for frame in [TRADE, QUOTE, BAR] {
        assert_eq!(
            read(&mut *codec, &packed(frame)).0,
            told(&mut *stocks(), &[frame]),
            "{frame}"
        );
    }
    // A time as text is no MessagePack of theirs, but it says the same.
    let as_text =
        rmp_serde::to_vec_named(&serde_json::from_str::<Value>(TRADE).expect(TRADE)).expect("packs");
    assert_eq!(read(&mut *codec, &as_text).0, told(&mut *stocks(), &[TRADE]));
}

#[test]
fn sizes_of_quotes_may_be_in_round_lots() {
    let mut codec = authorized(&[("quote_size", "round_lots")]);
    subscribe(&mut *codec, 3, "AAPL", "AAPL", Channels::TICKS);
    assert_eq!(
        told(&mut *codec, &[QUOTE]),
        [quote(
            3,
            "2021-02-22T15:51:45.335689322Z",
            (87.66, 100.0),
            (87.68, 400.0)
        )]
    );
}

proptest! {
    #[test]
    fn no_frame_and_no_answer_makes_it_panic(bytes in hostile()) {
        for options in [&[][..], &[("encoding", "msgpack")], &[("market", "crypto")]] {
            let alpaca = venue(options);
            let mut codec = authorized_or_not(&alpaca);
            let (mut told, mut replies) = (Vec::new(), Vec::new());
            let read = codec.read(&bytes, RECEIVED, &mut told, &mut replies);
            prop_assert!(read.is_ok() || (told.is_empty() && replies.is_empty()));
            let answer = Answer { status: 200, body: bytes.clone() };
            let listing = listing("AAPL", "AAPL");
            let span = (Timestamp::EPOCH, RECEIVED);
            let _ = answers::bars(&alpaca.answers, &listing, Timeframe::MINUTE, span, &answer);
            if let Ok(all) = answers::snapshots(&alpaca.answers, None, &answer) {
                let _ = answers::snapshot(&alpaca.answers, &listing, 1.0, &all);
            }
            let _ = answers::assets(&alpaca.answers, alpaca.market, &answer);
            let _ = answers::clock(&alpaca.answers, &answer);
        }
    }
}

fn authorized_or_not(alpaca: &Alpaca) -> Box<dyn Codec> {
    let mut codec = alpaca.codec().expect("has a key").expect("has a stream");
    subscribe(&mut *codec, 0, "AAPL", "AAPL", EVERYTHING);
    codec
}

/// Noise, and documented frames with something put in their middle.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let sound = [TRADE, QUOTE, BAR].map(|frame| frame.as_bytes().to_vec());
    let packed = [TRADE, QUOTE, BAR]
        .map(|frame| wire::message_pack(&serde_json::from_str::<Value>(frame).expect(frame)));
    spoilt(sound.into_iter().chain(packed).collect())
}
