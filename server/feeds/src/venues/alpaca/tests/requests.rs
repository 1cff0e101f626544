//! The answers of Alpaca's documentation, and what they say.

use super::*;

#[test]
fn assets_become_instruments() {
    let alpaca = venue(&[]);
    let asset = r#"{"id":"904837e3","class":"us_equity","exchange":"NASDAQ","symbol":"AAPL","name":"Apple Inc.","status":"active","tradable":true,"marginable":true,"shortable":true,"easy_to_borrow":true,"fractionable":true,"attributes":[]}"#;
    let whole = asset
        .replace("AAPL", "BRK.B")
        .replace(r#""fractionable":true"#, r#""fractionable":false"#);
    let elsewhere = asset
        .replace("AAPL", "X")
        .replace(r#""tradable":true"#, r#""tradable":false"#);
    let ended = asset.replace("AAPL", "Y").replace(r#""active""#, r#""inactive""#);
    let nameless = asset.replace("AAPL", "");
    let list = answer(200, &format!("[{asset},{whole},{elsewhere},{ended},{nameless}]"));
    let listings = answers::assets(&alpaca.answers, Market::Stocks, &list).expect("a list");
    let rows: Vec<String> = listings
        .iter()
        .map(|listing| {
            let instrument = &listing.instrument;
            format!(
                "{} {} {} {} {:?} {:?}",
                instrument.symbol(),
                instrument.tick(),
                instrument.lot(),
                instrument.minimum_notional(),
                instrument.calendar(),
                listing.status
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            "AAPL 0.01 0.000000001 1 UsEquities Trading",
            "BRK.B 0.01 1 0 UsEquities Trading",
            "X 0.01 0.000000001 1 UsEquities Trading",
            "Y 0.01 0.000000001 1 UsEquities Ended",
        ]
    );
    let coin = r#"{"id":"64bbff51","class":"crypto","exchange":"CRYPTO","symbol":"BTC/USD","name":"Bitcoin","status":"active","tradable":true,"fractionable":true,"min_order_size":"0.000014","min_trade_increment":"0.000000001","price_increment":"1"}"#;
    let symbol: Symbol = "BTC/USD".parse().expect("a symbol");
    let listing = answers::asset(&alpaca.answers, Market::Crypto, &symbol, &answer(200, coin)).expect("one");
    let instrument = &listing.instrument;
    assert_eq!(
        (instrument.tick().to_string(), instrument.lot().to_string()),
        ("1".to_owned(), "0.000000001".to_owned())
    );
    assert_eq!(
        instrument
            .limits()
            .minimum_quantity
            .map(|least| least.to_string()),
        Some("0.000014".to_owned())
    );
    let missing = answer(404, r#"{"code":40410000,"message":"asset not found for XYZ"}"#);
    let error =
        answers::asset(&alpaca.answers, Market::Crypto, &symbol, &missing).map_err(|error| error.to_string());
    assert_eq!(error, Err("alpaca does not list BTC/USD".to_owned()));
}

#[test]
fn pages_of_bars() {
    let alpaca = venue(&[]);
    let span = (time("2024-01-02T15:04:00Z"), time("2024-01-02T15:06:00Z"));
    let read = |body: &str| {
        let listing = listing("AAPL", "AAPL");
        answers::bars(
            &alpaca.answers,
            &listing,
            Timeframe::MINUTE,
            span,
            &answer(200, body),
        )
    };
    let bar_at = |minute: u32, high: &str| {
        format!(
            r#"{{"t":"2024-01-02T15:{minute:02}:00Z","o":1.0,"h":{high},"l":0.5,"c":1.5,"v":100,"n":3,"vw":1.2}}"#
        )
    };
    let (first, second, open, absurd) = (bar_at(4, "2"), bar_at(5, "2"), bar_at(6, "2"), bar_at(4, "1e300"));
    let closed = |minute: u32| {
        bar(
            &format!("2024-01-02T15:{minute:02}:00Z"),
            [1.0, 2.0, 0.5, 1.5, 100.0],
        )
    };
    for (body, bars, kept_off, next) in [
        (
            format!(r#"{{"bars":{{"AAPL":[{first},{second},{open}]}},"next_page_token":null}}"#),
            vec![closed(4), closed(5)],
            0,
            None,
        ),
        (
            format!(r#"{{"bars":{{"AAPL":[{absurd},{second}]}},"next_page_token":"abc"}}"#),
            vec![closed(5)],
            1,
            Some("abc".to_owned()),
        ),
        (
            r#"{"bars":{},"next_page_token":null}"#.to_owned(),
            vec![],
            0,
            None,
        ),
        (
            r#"{"bars":null,"next_page_token":null}"#.to_owned(),
            vec![],
            0,
            None,
        ),
    ] {
        let (past, token) = read(&body).expect("a page");
        assert_eq!((past.kept_off().count(), token), (kept_off, next), "{body}");
        assert_eq!(past.into_bars(), bars, "{body}");
    }
    let daily = r#"{"bars":{"AAPL":[{"t":"2024-01-02T05:00:00Z","o":1,"h":2,"l":1,"c":2,"v":5}]},"next_page_token":null}"#;
    let span = (time("2024-01-02"), time("2024-01-03"));
    let (bars, _) = answers::bars(
        &alpaca.answers,
        &listing("AAPL", "AAPL"),
        Timeframe::DAY,
        span,
        &answer(200, daily),
    )
    .expect("a page");
    assert_eq!(
        bars.into_bars(),
        [bar("2024-01-02", [1.0, 2.0, 1.0, 2.0, 5.0])],
        "the day, not its midnight in New York"
    );
}

#[test]
fn refusals_are_named() {
    let alpaca = venue(&[]);
    let span = (Timestamp::EPOCH, Timestamp::EPOCH);
    for (status, body, code) in [
        (401, r#"{"message":"forbidden."}"#, "unauthorized"),
        (
            403,
            r#"{"message":"subscription does not permit querying recent SIP data"}"#,
            "unauthorized",
        ),
        (
            400,
            r#"{"message":"code=400, message=invalid symbol: @@"}"#,
            "unknown_symbol",
        ),
        (404, "{}", "unknown_symbol"),
        (
            422,
            r#"{"code":42210000,"message":"end should be after start"}"#,
            "refused",
        ),
        (
            429,
            r#"{"code":42910000,"message":"rate limit exceeded"}"#,
            "rate_limited",
        ),
        (500, "", "venue_trouble"),
        (200, "<html>", "not_the_venue"),
        (200, r#"{"bars":5}"#, "not_the_venue"),
    ] {
        let read = answers::bars(
            &alpaca.answers,
            &listing("AAPL", "AAPL"),
            Timeframe::MINUTE,
            span,
            &answer(status, body),
        );
        assert_eq!(read.map_err(|error| error.code()), Err(code), "{status} {body}");
    }
}

#[test]
fn what_is_newest() {
    let alpaca = venue(&[]);
    let body = r#"{"AAPL":{"latestTrade":{"t":"2024-01-02T15:04:00Z","x":"D","p":185.2,"s":100,"c":["@"],"i":96921,"z":"C"},
        "latestQuote":{"t":"2024-01-02T15:04:01Z","ax":"Q","ap":185.3,"as":1,"bx":"Q","bp":185.2,"bs":2,"c":["R"],"z":"C"},
        "minuteBar":{},"dailyBar":{},"prevDailyBar":{}},"MSFT":null}"#;
    let read = |symbol, body: &str| {
        let listing = listing(symbol, symbol);
        let all = answers::snapshots(&alpaca.answers, None, &answer(200, body))?;
        answers::snapshot(&alpaca.answers, &listing, 1.0, &all)
    };
    assert_eq!(
        read("AAPL", body),
        Ok(vec![
            quote(0, "2024-01-02T15:04:01Z", (185.2, 2.0), (185.3, 1.0)),
            trade(
                0,
                Some(TRADE_ID),
                "2024-01-02T15:04:00Z",
                185.2,
                100.0,
                Side::Sell
            ),
        ])
    );
    let crypto = r#"{"snapshots":{"BTC/USD":{"latestTrade":{"t":"2024-01-02T15:04:00Z","p":45000.5,"s":0.01,"tks":"B","i":7}}}}"#;
    assert_eq!(
        read("BTC/USD", crypto),
        Ok(vec![trade(
            0,
            Some(7),
            "2024-01-02T15:04:00Z",
            45_000.5,
            0.01,
            Side::Buy
        )])
    );
    // What is wrong with one is wrong with no other.
    let spoilt = body.replace(r#""MSFT":null"#, r#""MSFT":{"latestQuote":{"t":1}}"#);
    assert_eq!(
        read("MSFT", &spoilt).map_err(|error| error.code()),
        Err("not_the_venue")
    );
    assert!(read("AAPL", &spoilt).is_ok());
    let refused = |only| {
        let refusal = answer(400, r#"{"message":"invalid symbol: AAPL.X"}"#);
        let read = answers::snapshots(&alpaca.answers, only, &refusal).map(|_| ());
        read.map_err(|error| (error.code(), error.is_about_symbols()))
    };
    let symbol = "AAPL.X".parse().expect("a symbol");
    assert_eq!(refused(Some(&symbol)), Err(("unknown_symbol", true)));
    assert_eq!(refused(None), Err(("refused", true)));
    for body in [body, "{}"] {
        assert_eq!(
            read("MSFT", body).map_err(|error| error.code()),
            Err("unknown_symbol")
        );
    }
}

#[test]
fn the_clock_and_what_is_missing() {
    let alpaca = venue(&[]);
    let clock = r#"{"timestamp":"2024-01-02T15:04:05.1-05:00","is_open":true,"next_open":"2024-01-03T09:30:00-05:00","next_close":"2024-01-02T16:00:00-05:00"}"#;
    assert_eq!(
        answers::clock(&alpaca.answers, &answer(200, clock)),
        Ok(time("2024-01-02T20:04:05.1Z"))
    );
    let keyless = Alpaca::new(VenueConfig::default()).expect("no option is wrong");
    let error = keyless.codec().map(|_| ()).map_err(|error| error.to_string());
    assert_eq!(
        error,
        Err("alpaca needs a key: set PAPERTAPE_ALPACA_KEY, or put it into the secrets file".to_owned())
    );
    let wrong = Alpaca::new(config(&[("feed", "all")]))
        .map(|_| ())
        .map_err(|error| error.to_string());
    assert_eq!(
        wrong,
        Err("alpaca has no feed 'all'; it has iex, sip, delayed_sip".to_owned())
    );
    assert_eq!(answers::timeframe_name(Timeframe::DAY).as_deref(), Some("1Day"));
    assert_eq!(answers::timeframe_name(Timeframe::HOUR).as_deref(), Some("1Hour"));
    assert_eq!(
        answers::timeframe_name(Timeframe::MINUTE).as_deref(),
        Some("1Min")
    );
}
