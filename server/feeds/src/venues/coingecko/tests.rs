//! Fixtures: the answers of CoinGecko's documentation, and what they say.

use super::{super::fixture::*, *};
use papertape::model::Side;
use proptest::prelude::*;

const PRICE: &str = r#"{"bitcoin":{"usd":76975,"usd_market_cap":1542226908349.8,"usd_24h_vol":29096603418.9,"usd_24h_change":-1.409,"last_updated_at":1779092258}}"#;
const OHLC: &str = "[[1779199200000,1.5,2,1,1.75],[1779201000000,1.75,2,1,1.5],[1779201555000,1.5,2,1,1.25]]";

fn venue() -> CoinGecko {
    CoinGecko::new(VenueConfig::default()).expect("no option is wrong")
}

fn symbol(text: &str) -> Symbol {
    text.parse().expect(text)
}

#[test]
fn a_ticker_means_one_coin_or_says_which_there_are() {
    let venue = venue();
    let list = r#"[{"id":"batcat","symbol":"btc","name":"batcat"},{"id":"bitcoin","symbol":"btc","name":"Bitcoin"},
        {"id":"one","symbol":"uno","name":"One"},{"id":"cat-a","symbol":"cat","name":"A"},{"id":"cat-b","symbol":"cat","name":"B"},{"id":"fake","symbol":"eth","name":"F"},{"id":"fake-2","symbol":"eth","name":"G"}]"#;
    let id = |ticker: &str| {
        let symbol = symbol(&format!("{ticker}/USD"));
        let coins = answers::coins(&venue.answers, &answer(200, list)).expect("a list");
        answers::coin_id(&venue.answers, &symbol, ticker, &coins).map_err(|error| error.to_string())
    };
    assert_eq!(id("BTC"), Ok("bitcoin".to_owned()));
    assert_eq!(id("UNO"), Ok("one".to_owned()));
    assert_eq!(id("XYZ"), Err("coingecko does not list XYZ/USD".to_owned()));
    assert_eq!(
        id("CAT"),
        Err("coingecko refused the request: 2 coins are called CAT: cat-a, cat-b; choose with the option id.CAT".to_owned())
    );
    assert!(
        id("ETH").is_err(),
        "the one that everybody means is not among them"
    );
}

#[test]
fn what_is_newest() {
    let venue = venue();
    let mut listing = listing("BTC/USD", "bitcoin");
    let prices = |body: &str| answers::prices(&venue.answers, None, &answer(200, body));
    let read = |listing: &Listing, body: &str| answers::newest(&venue.answers, listing, &prices(body)?);
    let is = trade(
        0,
        Some(1_779_092_258),
        "2026-05-18T08:17:38Z",
        76_975.0,
        0.0001,
        Side::Buy,
    );
    assert_eq!(read(&listing, PRICE), Ok(vec![is]));
    assert_eq!(
        read(&listing, &PRICE.replace("76975", "0")),
        Ok(vec![kept_off(0, "trade's price 0 is no price")])
    );
    assert_eq!(
        read(&listing, &PRICE.replace("last_updated_at", "x")),
        Ok(vec![]),
        "of any age"
    );
    for body in ["{}", r#"{"bitcoin":{}}"#, r#"{"bitcoin":{"usd":null}}"#] {
        assert_eq!(
            read(&listing, body).map_err(|error| error.code()),
            Err("unknown_symbol"),
            "{body}"
        );
    }
    listing.venue_symbol = "other".into();
    assert_eq!(
        read(&listing, PRICE).map_err(|error| error.code()),
        Err("unknown_symbol")
    );
    let price = answers::price(
        &venue.answers,
        &symbol("BTC/USD"),
        "bitcoin",
        &prices(PRICE).expect("prices"),
    );
    assert_eq!(price, Ok(76_975.0));
    // What is wrong with one coin is wrong with no other.
    let spoilt = PRICE.replacen('{', r#"{"other":{"usd":"?"},"#, 1);
    assert_eq!(
        read(&listing, &spoilt).map_err(|error| error.code()),
        Err("not_the_venue")
    );
    listing.venue_symbol = "bitcoin".into();
    assert!(read(&listing, &spoilt).is_ok());
}

#[test]
fn bars_are_named_by_their_end_and_the_open_one_is_left_out() {
    let venue = venue();
    let half_hour = venue.traits.timeframes[0];
    let end = Timestamp::from_millis(1_779_201_555_000);
    let read = answers::bars(
        &venue.answers,
        &symbol("BTC/USD"),
        half_hour,
        (Timestamp::EPOCH, end),
        &answer(200, OHLC),
    );
    let at = |millis: i64| Timestamp::from_millis(millis).to_string();
    let past = read.expect("bars");
    assert_eq!(
        past.since().to_string(),
        at(1_779_197_400_000),
        "nothing is known of what is older than the first"
    );
    assert_eq!(
        past.into_bars(),
        [
            bar(&at(1_779_197_400_000), [1.5, 2.0, 1.0, 1.75, 0.0]),
            bar(&at(1_779_199_200_000), [1.75, 2.0, 1.0, 1.5, 0.0]),
        ]
    );
    let minute = venue
        .answers
        .timeframe(Timeframe::MINUTE, &venue.traits.timeframes);
    assert_eq!(
        minute.map_err(|error| error.to_string()),
        Err("coingecko has no bars of 1m; it has 30m, 4h".to_owned())
    );
}

#[test]
fn refusals_are_named() {
    let venue = venue();
    let symbol = symbol("BTC/USD");
    for (status, body, code) in [
        (404, r#"{"error":"coin not found"}"#, "unknown_symbol"),
        (
            429,
            r#"{"status":{"error_code":429,"error_message":"You've exceeded the Rate Limit"}}"#,
            "rate_limited",
        ),
        (
            401,
            r#"{"status":{"error_code":10002,"error_message":"API Key Missing"}}"#,
            "missing_key",
        ),
        (
            400,
            r#"{"status":{"error_code":10011,"error_message":"change your root URL"}}"#,
            "unauthorized",
        ),
        (400, r#"{"error":"invalid vs_currency"}"#, "refused"),
        (200, "<html>", "not_the_venue"),
        (200, r#"{"a":1}"#, "not_the_venue"),
    ] {
        let read = answers::bars(
            &venue.answers,
            &symbol,
            Timeframe::HOUR,
            (Timestamp::EPOCH, RECEIVED),
            &answer(status, body),
        );
        assert_eq!(read.map_err(|error| error.code()), Err(code), "{status} {body}");
    }
}

#[test]
fn plans_have_their_host_header_and_limit() {
    for (options, key, host, header, a_minute) in [
        (
            &[][..],
            true,
            "https://api.coingecko.com/api/v3",
            Some("x-cg-demo-api-key"),
            30,
        ),
        (&[], false, "https://api.coingecko.com/api/v3", None, 5),
        (
            &[("plan", "pro")],
            true,
            "https://pro-api.coingecko.com/api/v3",
            Some("x-cg-pro-api-key"),
            500,
        ),
    ] {
        let mut config = config(options);
        config.key = config.key.filter(|_| key);
        let venue = CoinGecko::new(config).expect("a plan");
        let ask = venue.ask("/ping");
        assert_eq!(venue.rest_url(), host);
        assert_eq!(ask.headers.first().map(|(name, _)| name.as_str()), header);
        assert_eq!(venue.traits.limits[0].weight, a_minute);
    }
    assert!(CoinGecko::new(config(&[("plan", "free")])).is_err());
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic(body in spoilt(vec![PRICE.into(), OHLC.into()])) {
        let (venue, listing) = (venue(), listing("BTC/USD", "bitcoin"));
        let answer = crate::rest::Answer { status: 200, body };
        let symbol = listing.instrument.symbol();
        if let Ok(all) = answers::prices(&venue.answers, None, &answer) {
            let _ = answers::newest(&venue.answers, &listing, &all);
            let _ = answers::price(&venue.answers, symbol, "bitcoin", &all);
        }
        if let Ok(coins) = answers::coins(&venue.answers, &answer) {
            let _ = answers::coin_id(&venue.answers, symbol, "BTC", &coins);
        }
        let _ = answers::bars(&venue.answers, symbol, Timeframe::HOUR, (Timestamp::EPOCH, RECEIVED), &answer);
    }
}
