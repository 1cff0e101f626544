//! The past of a live feed: what is kept or on its tape is not asked for again, and the rest is asked for once and kept.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder, papertape, text};
use crate::venues::{IDLE, feed, venue};
use papertape::model::{Timeframe, Timestamp};
use papertape_feeds::testkit;
use papertape_feeds::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::fmt::Write as _;
use tokio::runtime::Runtime;

const MINUTE: i64 = 60_000_000_000;

/// How often the venue was asked for bars.
fn asked(venue: &testkit::Server) -> u64 {
    venue.with(|stage| stage.requests.get("/api/v3/klines").copied().unwrap_or_default())
}

/// The feed's bars of a span, as the server gives them.
fn bars(server: &Server, from: Timestamp, to: Timestamp) -> Vec<Value> {
    let path = format!("/feeds/first/bars?symbol=BTC/USD&timeframe=1m&from={from}&to={to}");
    let answer = server.get(&path);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["items"].as_array().cloned().unwrap_or_default()
}

#[test]
fn history_is_asked_of_the_venue_once_and_kept() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let ago = |minutes: i64| beginning.plus_nanos(-MINUTE * minutes);
    let first = venue(&runtime, None, beginning, 1);
    let data = folder();
    // Ten minutes of the day before are on the tape of the feed: a trade at the beginning and one at the end of each.
    let mut trades = "time,price,size,side\n".to_owned();
    for minute in 0..10 {
        let at = ago(3_000 - minute);
        let _ = writeln!(trades, "{at},{}.25,0.5,buy", 100 + minute);
        let _ = writeln!(
            trades,
            "{},{}.75,0.25,sell",
            at.plus_nanos(MINUTE - 1_000_000_000),
            101 + minute
        );
    }
    let _ = writeln!(trades, "{},150,1,buy", ago(2_990));
    let trades = file(&data, "trades.csv", &trades);
    let imported = papertape()
        .args(["import", "--symbol", "BTC/USD", "--feed", "first"])
        .arg(&trades)
        .arg("--data-dir")
        .arg(data.path())
        .output()
        .expect("the binary runs");
    assert_eq!(imported.status.code(), Some(0), "{}", text(&imported.stderr));
    let config = file(
        &data,
        "papertape.toml",
        &format!("{}{}", feed("first", &first), silent_venues()),
    );
    let start = || Server::start_with(data.path(), &["--config", &config.display().to_string()]);
    let server = start();

    // What is on the tape is made of it.
    let on_tape = bars(&server, ago(3_000), ago(2_990));
    assert_eq!((on_tape.len(), asked(&first)), (10, 0), "{on_tape:?}");
    for (minute, bar) in on_tape.iter().enumerate() {
        let (open, close) = (100.25 + minute as f64, 101.75 + minute as f64);
        assert_eq!(
            (&bar["open"], &bar["close"], &bar["volume"]),
            (&json!(open), &json!(close), &json!(0.75))
        );
    }

    // What is not is asked of the venue, once.
    let middle = bars(&server, ago(180), ago(120));
    assert_eq!((middle.len(), asked(&first)), (60, 1));
    assert_eq!(bars(&server, ago(180), ago(120)), middle);
    assert_eq!(bars(&server, ago(150), ago(140)), middle[30..40]);
    assert_eq!(asked(&first), 1, "it was kept");
    // Of a longer span what is before and what is after.
    let longer = bars(&server, ago(200), ago(100));
    assert_eq!((longer.len(), asked(&first)), (100, 3));
    assert_eq!(longer[20..80], middle[..]);

    // Many at once ask once.
    std::thread::scope(|scope| {
        let ask = || bars(&server, ago(80), ago(60)).len();
        let all: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        for one in all {
            assert_eq!(one.join().expect("it was answered"), 20);
        }
    });
    assert_eq!(asked(&first), 4);

    // What has not closed is not given, and what has just closed is given and not kept.
    let newest = bars(&server, ago(5), SystemClock.now().plus_nanos(10 * MINUTE));
    let closes = |bar: &Value| {
        let open = bar["open_time"]
            .as_str()
            .map(Timestamp::parse)
            .expect("a time")
            .expect("a time");
        Timeframe::MINUTE.close_of(open)
    };
    let now = SystemClock.now();
    assert!(
        newest.len() >= 4 && newest.iter().all(|bar| closes(bar) <= now),
        "{newest:?}"
    );

    // The venue has changed its mind about a minute: who asks for the one before it is told what is right now.
    let kept = longer[0].clone();
    first.with(|stage| {
        let bar = stage.truth.markets[0]
            .bars
            .iter_mut()
            .find(|bar| bar.open_time == ago(200));
        let bar = bar.expect("it has it");
        bar.high += 5.0;
    });
    let corrected = bars(&server, ago(201), ago(199));
    let high = |bar: &Value| bar["high"].as_f64().expect("a price");
    assert!(
        (high(&corrected[1]) - high(&kept) - 5.0).abs() < 1e-9,
        "{corrected:?} was {kept}"
    );
    let incidents = server.wait_for("/feeds/first/incidents", |page| {
        page.to_string().contains("correction")
    });
    assert!(
        incidents.to_string().contains("the venue says of the bar"),
        "{incidents}"
    );
    assert_eq!(bars(&server, ago(200), ago(199)), corrected[1..]);

    // A backtest has the bars of its span, whoever asked for them before.
    let before = asked(&first);
    let backtest = json!({"strategy": IDLE.replace("false", "close > open"), "dataset": "first:BTC/USD@1m",
        "from": ago(260), "to": ago(230)});
    let started = server.post("/backtests", &backtest);
    assert_eq!(started.status, 202, "{}", started.body);
    let id = started.json()["id"].as_str().expect("an id").to_owned();
    let status = server.wait_for(&format!("/backtests/{id}"), |status| {
        status["state"] == "finished"
    });
    assert_eq!(asked(&first), before + 1);
    assert!(status.to_string().contains(&ago(260).to_string()), "{status}");

    // The venue is away and the server was ended hard: what is kept is there.
    drop(first);
    server.kill();
    let server = start();
    assert_eq!(bars(&server, ago(200), ago(199)), corrected[1..]);
    assert_eq!(bars(&server, ago(180), ago(120)), middle);
    assert_eq!(bars(&server, ago(3_000), ago(2_990)), on_tape);
    let away = server.get(&format!(
        "/feeds/first/bars?symbol=BTC/USD&from={}&to={}",
        ago(500),
        ago(400)
    ));
    assert_eq!(
        (away.status, &away.json()["code"]),
        (503, &json!("unreachable")),
        "{}",
        away.body
    );
    server.stop();
}
