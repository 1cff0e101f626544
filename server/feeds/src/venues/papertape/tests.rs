//! What is said to another Papertape, and what its answers mean.

use super::*;
use papertape::market::MarketEvent;

fn venue(options: &[(&str, &str)]) -> Result<Arc<dyn Venue>, FeedError> {
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    open(VenueConfig {
        rest_url: Some("http://127.0.0.1:3000/".to_owned()),
        options: options.iter().map(pair).collect(),
        ..VenueConfig::default()
    })
}

fn listing() -> Listing {
    let instrument = papertape::testkit::instrument();
    Listing {
        venue_symbol: instrument.symbol().as_str().into(),
        instrument,
        status: TradingStatus::Trading,
    }
}

fn text(frames: &[Frame]) -> Vec<&str> {
    let each = frames.iter().map(|frame| std::str::from_utf8(frame.bytes()));
    each.map(|text| text.expect("text")).collect()
}

fn read(codec: &mut Box<dyn Codec>, frame: &str) -> Result<Vec<Told>, DecodeError> {
    let mut told = Vec::new();
    codec
        .read(frame.as_bytes(), Timestamp::EPOCH, &mut told, &mut Vec::new())
        .map(|()| told)
}

/// What a codec says to a frame.
fn answer(codec: &mut Box<dyn Codec>, frame: &str) -> (Vec<Told>, Vec<Frame>) {
    let (mut told, mut replies) = (Vec::new(), Vec::new());
    codec
        .read(frame.as_bytes(), Timestamp::EPOCH, &mut told, &mut replies)
        .expect("it makes sense");
    (told, replies)
}

fn event(number: u64) -> String {
    format!(
        r#"{{"event":{{"symbol":"BTC/USDT","number":{number},"received":"2026-01-02T03:04:05Z","event":{{"clock":"2024-08-08T00:00:00Z"}}}}}}"#
    )
}

/// An incident of the other's, under a number.
fn incident(number: u64, kind: &str) -> String {
    let times = r#""run":"2026-01-02T00:00:00Z","noted":7"#;
    let what = format!(
        r#"{{"kind":"{kind}","feed":"binance","symbol":"BTC/USDT","source":"binance","from":"2024-08-08T00:00:00Z","to":null,"count":3,"detail":"odd"}}"#
    );
    format!(r#"{{"incident":{{"symbol":"BTC/USDT","number":{number},{times},"incident":{what}}}}}"#)
}

/// The other confirms a subscription.
fn confirm(codec: &mut Box<dyn Codec>, slot: Slot, after: u64) {
    let answer = format!(r#"{{"subscribed":{{"symbol":"BTC/USDT","after":{after}}}}}"#);
    assert_eq!(read(codec, &answer), Ok(vec![Told::Subscribed { slot }]));
}

/// The same in ticks of a tenth.
fn finer(listing: &Listing) -> Listing {
    let old = &listing.instrument;
    let tick = old.tick() / rust_decimal::Decimal::TEN;
    let (none, one) = (rust_decimal::Decimal::ZERO, rust_decimal::Decimal::ONE);
    let instrument = Instrument::new(old.symbol().clone(), tick, old.lot(), none, one);
    Listing {
        instrument: instrument.expect("an instrument"),
        ..listing.clone()
    }
}

#[test]
fn what_counts_in_other_steps_is_not_read_before_it_was_asked_for_in_them_and_nothing_is_lost() {
    let venue = venue(&[]).expect("a venue");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    let (old, new) = (listing(), finer(&listing()));
    let listed = |listing: &Listing| {
        let message = FeedServerMessage::Listed {
            symbol: listing.instrument.symbol().clone(),
            instrument: Box::new(listing.instrument.clone()),
        };
        serde_json::to_string(&message).expect("plain data")
    };
    let told_listed = |slot, listing: &Listing| Told::Listed {
        slot,
        instrument: Box::new(listing.instrument.clone()),
    };
    codec.subscribe(Slot(1), &old, Channels::TICKS);
    confirm(&mut codec, Slot(1), 8);
    assert_eq!(
        read(&mut codec, &listed(&old)),
        Ok(vec![told_listed(Slot(1), &old)])
    );
    assert_eq!(read(&mut codec, &event(9)).expect("it makes sense").len(), 1);
    // What follows is in other steps: it waits there.
    assert_eq!(
        read(&mut codec, &listed(&new)),
        Ok(vec![told_listed(Slot(1), &new)])
    );
    assert_eq!(read(&mut codec, &event(10)), Ok(Vec::new()));
    codec.unsubscribe(Slot(1));
    let asked = codec.subscribe(Slot(2), &new, Channels::TICKS);
    assert_eq!(text(&asked), [r#"{"subscribe":{"symbol":"BTC/USDT","after":9}}"#]);
    // On its way before the answer: it comes once more.
    assert_eq!(read(&mut codec, &event(11)), Ok(Vec::new()));
    confirm(&mut codec, Slot(2), 9);
    assert_eq!(
        read(&mut codec, &listed(&new)),
        Ok(vec![told_listed(Slot(2), &new)])
    );
    for number in 10..=11 {
        let told = read(&mut codec, &event(number)).expect("it makes sense");
        assert!(
            matches!(told[..], [Told::Relayed { slot: Slot(2), .. }]),
            "event {number}"
        );
    }
}

#[test]
fn who_asks_from_now_on_and_is_cut_off_before_the_first_event_misses_none() {
    let venue = venue(&[]).expect("a venue");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    let asked = codec.subscribe(Slot(1), &listing(), Channels::TICKS);
    assert_eq!(
        text(&asked),
        [r#"{"subscribe":{"symbol":"BTC/USDT","after":null}}"#]
    );
    confirm(&mut codec, Slot(1), 40);
    let mut codec = venue.codec().expect("no key").expect("a stream");
    let asked = codec.subscribe(Slot(1), &listing(), Channels::TICKS);
    assert_eq!(
        text(&asked),
        [r#"{"subscribe":{"symbol":"BTC/USDT","after":40}}"#]
    );
}

#[test]
fn what_was_not_as_it_should_be_there_comes_in_its_place_and_once() {
    let venue = venue(&[]).expect("a venue");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    codec.subscribe(Slot(1), &listing(), Channels::TICKS);
    confirm(&mut codec, Slot(1), 8);
    let told = read(&mut codec, &incident(9, "gap")).expect("it makes sense");
    let [
        Told::RelayedIncident {
            slot: Slot(1),
            number: 9,
            key: (run, 7),
            incident: Some(gap),
        },
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(run.to_string(), "2026-01-02T00:00:00Z");
    assert_eq!((gap.kind, gap.count, gap.to), (IncidentKind::Gap, 3, None));
    assert_eq!(
        read(&mut codec, &incident(9, "gap")),
        Ok(Vec::new()),
        "told before"
    );
    // Of a kind that is not known here: its number is.
    let told = read(&mut codec, &incident(10, "eclipse")).expect("it makes sense");
    assert!(
        matches!(
            told[..],
            [Told::RelayedIncident {
                number: 10,
                incident: None,
                ..
            }]
        ),
        "{told:?}"
    );
    assert_eq!(read(&mut codec, &event(11)).expect("it makes sense").len(), 1);
}

#[test]
fn it_needs_an_address_and_says_so() {
    let error = open(VenueConfig::default()).expect_err("nobody knows where");
    assert!(error.to_string().contains("rest_url"), "{error}");
    let error = venue(&[("from", "yesterday")]).expect_err("no such beginning");
    assert!(error.to_string().contains("now, start"), "{error}");
}

#[test]
fn it_goes_on_after_the_last_number_that_came_whatever_connection_that_was_on() {
    let venue = venue(&[("feed", "rerun"), ("from", "start")]).expect("a venue");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    let (address, _) = codec.address();
    assert_eq!(
        address,
        "ws://127.0.0.1:3000/api/paper-trading/feeds/rerun/stream"
    );
    let asked = codec.subscribe(Slot(3), &listing(), Channels::TICKS);
    assert_eq!(text(&asked), [r#"{"subscribe":{"symbol":"BTC/USDT","after":0}}"#]);
    assert_eq!(read(&mut codec, &event(6)), Ok(Vec::new()), "asked for by nobody");
    confirm(&mut codec, Slot(3), 0);
    let relayed = |number| Told::Relayed {
        slot: Slot(3),
        number,
        event: MarketEvent::Clock(Timestamp::parse("2024-08-08T00:00:00Z").expect("a time")),
    };
    assert_eq!(read(&mut codec, &event(7)), Ok(vec![relayed(7)]));
    assert_eq!(read(&mut codec, &event(7)), Ok(Vec::new()), "told before");
    assert_eq!(read(&mut codec, &event(9)), Ok(vec![relayed(9)]));
    // The next connection.
    let mut codec = venue.codec().expect("no key").expect("a stream");
    let asked = codec.subscribe(Slot(0), &listing(), Channels::TICKS);
    assert_eq!(text(&asked), [r#"{"subscribe":{"symbol":"BTC/USDT","after":9}}"#]);
    let answer = r#"{"subscribed":{"symbol":"BTC/USDT","after":9}}"#;
    assert_eq!(
        read(&mut codec, answer),
        Ok(vec![Told::Subscribed { slot: Slot(0) }])
    );
    let answer = r#"{"subscribed":{"symbol":"BTC/USDT","after":20}}"#;
    let told = read(&mut codec, answer).expect("it makes sense");
    assert!(
        matches!(
            &told[..],
            [
                Told::Subscribed { .. },
                Told::Lost {
                    slot: Some(Slot(0)),
                    ..
                }
            ]
        ),
        "{told:?}"
    );
}

#[test]
fn another_tape_is_followed_from_its_beginning_and_that_it_is_another_is_told() {
    let of_another_time = r#"{"subscribed":{"symbol":"BTC/USDT","after":9,"time":"2024-08-09T00:00:00Z"}}"#;
    let of_this = r#"{"subscribed":{"symbol":"BTC/USDT","after":9,"time":"2024-08-08T00:00:00Z"}}"#;
    let shorter = r#"{"subscribed":{"symbol":"BTC/USDT","after":4}}"#;
    for (subscribed, is_other) in [(of_another_time, true), (shorter, true), (of_this, false)] {
        let venue = venue(&[]).expect("a venue");
        let mut codec = venue.codec().expect("no key").expect("a stream");
        codec.subscribe(Slot(1), &listing(), Channels::TICKS);
        confirm(&mut codec, Slot(1), 8);
        assert_eq!(read(&mut codec, &event(9)).expect("it makes sense").len(), 1);
        // The next connection.
        let mut codec = venue.codec().expect("no key").expect("a stream");
        codec.subscribe(Slot(1), &listing(), Channels::TICKS);
        let (told, replies) = answer(&mut codec, subscribed);
        assert_eq!(told[0], Told::Subscribed { slot: Slot(1) });
        let is_renumbered = matches!(&told[1..], [Told::Renumbered { slot: Slot(1), .. }]);
        assert_eq!(is_renumbered, is_other, "{subscribed}: {told:?}");
        if !is_other {
            assert_eq!((told.len(), replies), (1, Vec::new()));
            continue;
        }
        assert_eq!(
            text(&replies),
            [r#"{"subscribe":{"symbol":"BTC/USDT","after":0}}"#]
        );
        // On its way before the answer: it comes once more.
        assert_eq!(answer(&mut codec, &event(5)).0, []);
        let (told, replies) = answer(&mut codec, r#"{"subscribed":{"symbol":"BTC/USDT","after":0}}"#);
        assert_eq!((told.len(), replies.len()), (1, 0), "{told:?}");
        for number in 1..=6 {
            let (told, _) = answer(&mut codec, &event(number));
            assert!(matches!(told[..], [Told::Relayed { .. }]), "event {number}");
        }
    }
}

#[test]
fn what_is_no_papertape_is_kept_off() {
    let venue = venue(&[]).expect("a venue");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    for frame in ["", "<html>", "{}", r#"{"event":{}}"#, r#"{"pong":-1}"#] {
        assert!(read(&mut codec, frame).is_err(), "{frame}");
    }
    assert_eq!(
        read(&mut codec, &event(1)),
        Ok(Vec::new()),
        "nobody asked for the symbol"
    );
}

#[test]
fn a_symbol_is_refused_alone_and_one_that_nobody_listens_to_not_at_all() {
    let venue = venue(&[]).expect("a venue");
    let mut codec = venue.codec().expect("no key").expect("a stream");
    let refused = r#"{"refused":{"symbol":"BTC/USDT","problem":{"type":"about:blank","title":"The feed's tape cannot be read","status":500,"detail":"1.wal is damaged","code":"tape_unreadable"}}}"#;
    assert_eq!(read(&mut codec, refused), Ok(Vec::new()));
    codec.subscribe(Slot(3), &listing(), Channels::TICKS);
    let error = FeedError::Refused {
        venue: NAME.to_owned(),
        detail: "1.wal is damaged".to_owned(),
    };
    let slot = Some(Slot(3));
    assert_eq!(read(&mut codec, refused), Ok(vec![Told::Refused { slot, error }]));
}
