//! The past of a live feed: what is kept or on its tape is not asked for again, and the rest is asked for once and kept.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder, papertape, text};
use crate::venues::{IDLE, feed, venue};
use papertape::model::{Timeframe, Timestamp};
use papertape_feeds::testkit::{
    self, Conversation, Faults, Mock, Reply, Request, Stage, Truth, binance::Binance, kraken::Kraken,
};
use papertape_feeds::{Clock as _, SystemClock};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
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

/// Has ten minutes of two days ago on the tape of the feed: a trade at the beginning and one at the end of each.
fn on_tape_of_first(data: &tempfile::TempDir, ago: impl Fn(i64) -> Timestamp) {
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
    let trades = file(data, "trades.csv", &trades);
    let imported = papertape()
        .args(["import", "--symbol", "BTC/USD", "--feed", "first"])
        .arg(&trades)
        .arg("--data-dir")
        .arg(data.path())
        .output()
        .expect("the binary runs");
    assert_eq!(imported.status.code(), Some(0), "{}", text(&imported.stderr));
}

#[test]
fn history_is_asked_of_the_venue_once_and_kept() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let ago = |minutes: i64| beginning.plus_nanos(-MINUTE * minutes);
    let first = venue(&runtime, None, beginning, 1);
    let data = folder();
    // Ten minutes of the day before are on the tape of the feed.
    on_tape_of_first(&data, ago);
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
    // Of a longer span what is before and what is after, at once: little lies between.
    let longer = bars(&server, ago(200), ago(100));
    assert_eq!((longer.len(), asked(&first)), (100, 2));
    assert_eq!(longer[20..80], middle[..]);

    // Many at once ask once.
    std::thread::scope(|scope| {
        let ask = || bars(&server, ago(80), ago(60)).len();
        let all: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        for one in all {
            assert_eq!(one.join().expect("it was answered"), 20);
        }
    });
    assert_eq!(asked(&first), 3);

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

/// A server on a configuration in its folder.
fn serve(data: &tempfile::TempDir, config: &str) -> Server {
    let config = file(data, "papertape.toml", &format!("{config}{}", silent_venues()));
    Server::start_with(data.path(), &["--config", &config.display().to_string()])
}

/// A Kraken on loopback, which tells of its last 720 minutes, whatever it is asked for.
fn kraken(runtime: &Runtime, beginning: Timestamp) -> testkit::Server {
    let stage = Stage::new(Truth::seeded_at(7, 1, beginning), Kraken::new(), Faults::none());
    runtime.block_on(async {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = testkit::Server::start_at(free, stage).await.expect("a free port");
        server.live();
        server
    })
}

/// The configuration of a feed `first` on it.
fn first_at(kraken: &testkit::Server) -> String {
    let address = kraken.config();
    let (rest, stream) = (address.rest_url.expect("one"), address.stream_url.expect("one"));
    format!("[feeds.first]\nvenue = \"kraken\"\nrest_url = \"{rest}\"\nstream_url = \"{stream}\"\n")
}

#[test]
fn what_is_out_of_reach_between_kept_bars_refuses_nothing_and_is_not_remembered() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let ago = |minutes: i64| beginning.plus_nanos(-MINUTE * minutes);
    let kraken = kraken(&runtime, beginning);
    let requests = || kraken.with(|stage| stage.requests.get("/0/public/OHLC").copied().unwrap_or_default());
    let data = folder();
    on_tape_of_first(&data, ago);
    let server = serve(&data, &first_at(&kraken));
    assert_eq!(bars(&server, ago(3_000), ago(2_990)).len(), 10);
    assert_eq!(bars(&server, ago(600), ago(10)).len(), 590);
    // Nobody tells what was between: what is kept can be had, and the venue is asked each time.
    let before = requests();
    let all = bars(&server, ago(3_000), ago(10));
    assert!(all.len() >= 600, "{}", all.len());
    assert_eq!(bars(&server, ago(3_000), ago(10)), all);
    assert_eq!(requests(), before + 2);
    let backtest =
        json!({"strategy": IDLE, "dataset": "first:BTC/USD@1m", "from": ago(3_000), "to": ago(10)});
    let started = server.post("/backtests", &backtest);
    assert_eq!(started.status, 202, "{}", started.body);
    // Before everything that is kept it is refused.
    let path = format!(
        "/feeds/first/bars?symbol=BTC/USD&timeframe=1m&from={}&to={}",
        ago(3_100),
        ago(10)
    );
    let refused = server.get(&path);
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (422, &json!("out_of_reach")),
        "{}",
        refused.body
    );
    server.stop();
}

/// A venue of which the past is not told for a long time.
#[derive(Debug)]
struct Slow(Binance);

impl Mock for Slow {
    fn answer(&mut self, request: &Request, truth: &Truth, at: Duration) -> Reply {
        let mut reply = self.0.answer(request, truth, at);
        if request.path.ends_with("klines") {
            reply.delay = Duration::from_secs(3_600);
        }
        reply
    }

    fn connect(&mut self, request: &Request) -> Result<Box<dyn Conversation>, Reply> {
        self.0.connect(request)
    }
}

#[test]
fn a_session_starts_while_another_feed_is_asked_for_its_past() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let ago = |minutes: i64| beginning.plus_nanos(-MINUTE * minutes);
    let first = venue(&runtime, None, beginning, 1);
    let stage = Stage::new(
        Truth::seeded_at(7, 1, beginning),
        Slow(Binance::new()),
        Faults::none(),
    );
    let slow = runtime.block_on(async {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = testkit::Server::start_at(free, stage).await.expect("a free port");
        server.live();
        server
    });
    let data = folder();
    let server = serve(
        &data,
        &format!("{}{}", feed("first", &first), feed("slow", &slow)),
    );
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let span = json!({"symbol": "BTC/USD", "from": ago(600), "to": ago(0)});
            let answer = server.post("/feeds/slow/history", &span);
            is_over.store(true, Ordering::SeqCst);
            assert_eq!(answer.status, 503, "{}", answer.body);
        });
        while asked(&slow) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        server.start_session(&json!({"strategy": IDLE, "feed": "first"}));
        assert!(
            !is_over.load(Ordering::SeqCst),
            "it waited for the other feed's past"
        );
    });
    server.stop();
}

#[test]
fn what_a_venue_does_not_give_any_more_is_an_error_and_not_a_time_without_trades() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let ago = |minutes: i64| beginning.plus_nanos(-MINUTE * minutes);
    let kraken = kraken(&runtime, beginning);
    let requests = || kraken.with(|stage| stage.requests.get("/0/public/OHLC").copied().unwrap_or_default());
    let (data, other) = (folder(), folder());
    let server = serve(&data, &first_at(&kraken));
    let path = |feed: &str, from: Timestamp, to: Timestamp| {
        format!("/feeds/{feed}/bars?symbol=BTC/USD&timeframe=1m&from={from}&to={to}")
    };
    // It tells of its last 720 minutes, whatever it is asked for.
    let refused = |server: &Server, path: &str| {
        let answer = server.get(path);
        let problem = answer.json();
        assert_eq!(
            (answer.status, &problem["code"]),
            (422, &json!("out_of_reach")),
            "{}",
            answer.body
        );
        let since = problem["since"].as_str().map(Timestamp::parse);
        let since = since.expect("how far back").expect("a time");
        let detail = problem["detail"].as_str().unwrap_or_default().to_owned();
        assert!(
            detail.contains(&since.to_string()) && detail.contains("import"),
            "{detail}"
        );
        since
    };
    let since = refused(&server, &path("first", ago(2_880), ago(0)));
    assert!((ago(721)..=ago(715)).contains(&since), "{since}");
    assert!(refused(&server, &path("first", ago(2_880), ago(1_440))) >= since);
    // Nothing of that passes for known: it is asked again, and what can be had is kept.
    let asked = requests();
    refused(&server, &path("first", ago(2_880), ago(1_440)));
    assert_eq!(requests(), asked + 1);
    let near = server.get(&path("first", ago(700), ago(10)));
    assert_eq!(near.status, 200, "{}", near.body);
    assert_eq!(near.json()["items"].as_array().map_or(0, Vec::len), 690);
    assert_eq!(requests(), asked + 1, "it was kept when more was asked for");

    // Nor does a backtest run on it, or a dataset claim it.
    let span = json!({"symbol": "BTC/USD", "from": ago(2_880), "to": ago(0)});
    let history = server.post("/feeds/first/history", &span);
    assert_eq!(
        (history.status, &history.json()["code"]),
        (422, &json!("out_of_reach")),
        "{}",
        history.body
    );
    let backtest = json!({"strategy": IDLE, "dataset": "first:BTC/USD@1m", "from": ago(2_880), "to": ago(0)});
    let started = server.post("/backtests", &backtest);
    assert_eq!(
        (started.status, &started.json()["code"]),
        (422, &json!("out_of_reach")),
        "{}",
        started.body
    );

    // A session warms up on what there is, though it wanted more.
    let slow = "name: Slow\nsymbols: [BTC/USD]\ntimeframe: 1h\nlet: {slow: \"sma(close, 200)\"}\nentry: {long: close > slow}\n";
    server.start_session(&json!({"strategy": slow, "feed": "first"}));

    // Who follows this one has what it has, and says so as well.
    let house = format!("http://{}", server.address());
    let follower = serve(
        &other,
        &format!(
            "[feeds.up]\nvenue = \"papertape\"\nrest_url = \"{house}\"\noptions = {{ feed = \"first\" }}\n"
        ),
    );
    assert!(refused(&follower, &path("up", ago(28_800), ago(0))) >= since);
    let near = follower.get(&path("up", ago(600), ago(10)));
    assert_eq!(near.status, 200, "{}", near.body);
    assert_eq!(near.json()["items"].as_array().map_or(0, Vec::len), 590);
    follower.stop();
    server.stop();
}

#[test]
fn a_bar_that_cannot_be_is_on_record_and_asked_for_again() {
    let runtime = Runtime::new().expect("threads");
    let beginning = Timeframe::MINUTE.floor(SystemClock.now());
    let ago = |minutes: i64| beginning.plus_nanos(-MINUTE * minutes);
    let first = venue(&runtime, None, beginning, 1);
    let data = folder();
    let server = serve(&data, &feed("first", &first));
    let right = first.with(|stage| stage.truth.clone());
    first.with(|stage| {
        for bar in &mut stage.truth.markets[0].bars {
            if bar.open_time == ago(100) {
                (bar.low, bar.high, bar.close) = (0.0, 1e300, 0.0);
            } else if bar.open_time == ago(90) {
                for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close] {
                    *price *= 10.0;
                }
            }
        }
    });
    let times = |bars: &[Value]| -> Vec<String> {
        let time = |bar: &Value| bar["open_time"].as_str().unwrap_or_default().to_owned();
        bars.iter().map(time).collect()
    };
    let strange = [ago(100).to_string(), ago(90).to_string()];
    let told = times(&bars(&server, ago(120), ago(60)));
    assert_eq!(told.len(), 58);
    assert!(strange.iter().all(|time| !told.contains(time)));
    let health = server.get("/feeds/first").json();
    assert_eq!(health["sources"][0]["quarantined"], 2, "{health}");
    let incidents = server.wait_for("/feeds/first/incidents", |page| {
        let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        strange.iter().all(|time| {
            items
                .iter()
                .any(|item| item["kind"] == "quarantine" && item["from"] == **time)
        })
    });

    // Asked for again, and on record once.
    assert_eq!(times(&bars(&server, ago(120), ago(60))), told);
    let again = server.get("/feeds/first/incidents").json();
    assert_eq!(again["items"], incidents["items"]);
    first.with(|stage| stage.truth = right);
    assert_eq!(
        bars(&server, ago(120), ago(60)).len(),
        60,
        "when the venue has put it right it is there"
    );

    // What is kept around one can be had while the venue is away; what it was never asked for cannot.
    first.with(|stage| {
        let all = &mut stage.truth.markets[0].bars;
        let bar = all.iter_mut().find(|bar| bar.open_time == ago(50));
        bar.expect("it has it").low = 0.0;
    });
    let told = bars(&server, ago(55), ago(45));
    assert_eq!(told.len(), 9);
    server.wait_for("/feeds/first/incidents", |page| {
        page.to_string()
            .contains(&format!("opened at {} was kept off", ago(50)))
    });
    drop(first);
    assert_eq!(bars(&server, ago(55), ago(45)), told);
    let path = format!("/feeds/first/bars?symbol=BTC/USD&from={}&to={}", ago(55), ago(40));
    let away = server.get(&path);
    assert_eq!(
        (away.status, &away.json()["code"]),
        (503, &json!("unreachable")),
        "{}",
        away.body
    );
    server.stop();
}
