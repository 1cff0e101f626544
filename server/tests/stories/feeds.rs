//! Sessions on live feeds: a recorded market as the venue, here and for another Papertape; what the tape keeps.

use crate::support::{BUSY, Server, file, folder, import, papertape, simulated_csv, text};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use tempfile::TempDir;

/// Minutes of the recorded market.
const BARS: usize = 3_000;

/// A data directory with a recorded market and a feed that tells it once more.
pub(crate) fn with_rerun(speed: &str) -> TempDir {
    let data = folder();
    let bars = file(&data, "bars.csv", &simulated_csv(BARS));
    let import = import(data.path(), &[&bars]);
    assert_eq!(import.status.code(), Some(0), "{}", text(&import.stderr));
    let config = format!(
        "[feeds.rerun]\nvenue = \"replay\"\noptions = {{ speed = \"{speed}\" }}\n{}",
        silent_venues()
    );
    file(&data, "papertape.toml", &config);
    data
}

/// No venue of the wide world takes part in a story.
pub(crate) fn silent_venues() -> String {
    let venues = [
        "binance",
        "binance_us",
        "coinbase",
        "kraken",
        "yahoo",
        "coingecko",
        "cryptocompare",
    ];
    venues
        .iter()
        .map(|venue| format!("[feeds.{venue}]\nenabled = false\n"))
        .collect()
}

pub(crate) fn serve(data: &Path) -> Server {
    Server::start_with(
        data,
        &["--config", &data.join("papertape.toml").display().to_string()],
    )
}

fn verify(data: &Path, id: &str) -> String {
    let output = papertape()
        .args(["verify", "--session", id, "--data-dir"])
        .arg(data)
        .output()
        .expect("the binary runs");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout).trim().to_owned()
}

/// Until the session has taken in the whole recorded market.
fn at_the_end(server: &Server, id: &str) -> Value {
    server.wait_for(&format!("/sessions/{id}"), |session| {
        session["summary"]["market_time"] == "2025-01-08T02:00:00Z"
    })
}

/// What a fill says, without what numbers of one server's own count.
fn essence(fills: &[Value]) -> Vec<Value> {
    let of = |fill: &Value| {
        json!([
            fill["time"],
            fill["side"],
            fill["price"],
            fill["quantity"],
            fill["fee"]
        ])
    };
    fills.iter().map(of).collect()
}

#[test]
fn a_session_on_a_recorded_feed_trades_what_a_backtest_trades() {
    let data = with_rerun("0");
    let server = serve(data.path());
    let status = server.get("/status").json();
    let names: Vec<&str> = status["feeds"]
        .as_array()
        .expect("feeds")
        .iter()
        .filter_map(|feed| feed["name"].as_str())
        .collect();
    assert!(names.contains(&"rerun"), "{names:?}");
    let id = server.start_session(&json!({"strategy": BUSY, "feed": "rerun"}));
    let live = at_the_end(&server, &id);
    assert_eq!(live["summary"]["feed"]["kind"], "live");
    let health = server.get("/feeds/rerun").json();
    let (source, symbol) = (&health["sources"][0], &health["symbols"][0]);
    assert_eq!(
        (&source["venue"], &source["connection"]),
        (&json!("replay"), &json!("connected"))
    );
    assert_eq!(
        (&symbol["symbol"], &symbol["freshness"]),
        (&json!("BTC/USDT"), &json!("fresh"))
    );
    assert!(
        symbol["number"]
            .as_u64()
            .is_some_and(|number| number >= BARS as u64),
        "{health}"
    );
    let replay = server.start_session(&json!({"strategy": BUSY, "feed": "replay", "speed": 0}));
    server.wait_for(&format!("/sessions/{replay}"), |session| {
        session["summary"]["state"] == "finished"
    });
    let fills = |id: &str| server.all(&format!("/sessions/{id}/fills"));
    // What the feed told is on its tape, and can be replayed too.
    let again = server.start_session(&json!({"strategy": BUSY, "feed": "recorded:rerun", "speed": 0}));
    server.wait_for(&format!("/sessions/{again}"), |session| {
        session["summary"]["state"] == "finished"
    });
    assert_eq!(essence(&fills(&again)), essence(&fills(&id)));
    let half = json!({"strategy": BUSY, "feed": "recorded:rerun", "speed": 0, "to": "2025-01-07T01:00:00Z"});
    let half = server.start_session(&half);
    server.wait_for(&format!("/sessions/{half}"), |session| {
        session["summary"]["market_time"] == "2025-01-07T01:00:00Z"
            && session["summary"]["state"] == "finished"
    });
    let (live, replayed) = (fills(&id), fills(&replay));
    assert!(live.len() > 20, "worth comparing: {}", live.len());
    assert_eq!(essence(&live), essence(&replayed));
    let quality = server.get(&format!("/sessions/{id}/data-quality"));
    assert_eq!((quality.status, &quality.json()["incidents"]), (200, &json!([])));
    server.stop();
    assert!(verify(data.path(), &id).starts_with("identical "));
}

#[test]
fn whatever_happens_to_the_process_the_session_has_taken_in_what_is_on_the_tape() {
    // A minute in three milliseconds: eight seconds of market.
    let data = with_rerun("20000");
    let mut server = serve(data.path());
    let id = server.start_session(&json!({"strategy": BUSY, "feed": "rerun"}));
    let one = format!("/sessions/{id}");
    for round in 1..=3 {
        let wanted = 5 * round;
        server.wait_for(&one, |session| {
            session["summary"]["trades"]
                .as_u64()
                .is_some_and(|trades| trades >= wanted)
        });
        let shown = server.all(&format!("{one}/fills"));
        server.kill();
        server = serve(data.path());
        let kept = server.all(&format!("{one}/fills"));
        assert_eq!(&kept[..shown.len()], &shown[..], "round {round}");
    }
    at_the_end(&server, &id);
    let replay = server.start_session(&json!({"strategy": BUSY, "feed": "replay", "speed": 0}));
    server.wait_for(&format!("/sessions/{replay}"), |session| {
        session["summary"]["state"] == "finished"
    });
    let fills = |id: &str| essence(&server.all(&format!("/sessions/{id}/fills")));
    assert_eq!(
        fills(&id),
        fills(&replay),
        "no bar was lost, and none taken in twice"
    );
    server.stop();
    assert!(verify(data.path(), &id).starts_with("identical "));
}

#[test]
fn two_papertapes_one_the_venue_of_the_other_trade_alike() {
    let data = with_rerun("6000");
    let venue = serve(data.path());
    let there = venue.start_session(&json!({"strategy": BUSY, "feed": "rerun"}));
    let other = folder();
    let config = format!(
        "[feeds.house]\nvenue = \"papertape\"\nrest_url = \"http://{}\"\noptions = {{ feed = \"rerun\", from = \"start\" }}\n{}",
        venue.address(),
        silent_venues()
    );
    file(&other, "papertape.toml", &config);
    let client = serve(other.path());
    let here = client.start_session(&json!({"strategy": BUSY, "feed": "house"}));
    at_the_end(&venue, &there);
    at_the_end(&client, &here);
    let fills = |server: &Server, id: &str| essence(&server.all(&format!("/sessions/{id}/fills")));
    let (theirs, ours) = (fills(&venue, &there), fills(&client, &here));
    assert!(theirs.len() > 20, "worth comparing: {}", theirs.len());
    assert_eq!(theirs, ours);
    let equity = |server: &Server, id: &str| {
        let session = server.get(&format!("/sessions/{id}")).json();
        let amount = session["summary"]["equity"]["amount"]
            .as_str()
            .map(str::parse::<Decimal>);
        amount.expect("an amount").expect("a number").normalize()
    };
    assert_eq!(equity(&venue, &there), equity(&client, &here));
    client.stop();
    assert!(verify(other.path(), &here).starts_with("identical "));
}

#[test]
fn a_tape_that_cannot_be_read_is_said_to_who_follows_it_and_followed_on_when_it_can() {
    let data = with_rerun("0");
    let venue = serve(data.path());
    let there = venue.start_session(&json!({"strategy": BUSY, "feed": "rerun"}));
    at_the_end(&venue, &there);
    venue.stop();
    // Begun again, it has its tape on the disk alone; there four bytes are damaged.
    let venue = serve(data.path());
    let path = data.path().join("tape/rerun/BTC%2FUSDT/00000000000000000001.wal");
    let whole = std::fs::read(&path).expect("the open part of the tape");
    let place = whole.len() / 2;
    let write = |bytes: &[u8]| {
        let mut file = OpenOptions::new().write(true).open(&path).expect("it is there");
        file.seek(SeekFrom::Start(place as u64)).expect("within it");
        file.write_all(bytes).expect("written");
    };
    write(
        &whole[place..place + 4]
            .iter()
            .map(|byte| !byte)
            .collect::<Vec<_>>(),
    );
    let other = folder();
    let config = format!(
        "[feeds.house]\nvenue = \"papertape\"\nrest_url = \"http://{}\"\noptions = {{ feed = \"rerun\", from = \"start\" }}\n{}",
        venue.address(),
        silent_venues()
    );
    file(&other, "papertape.toml", &config);
    let client = serve(other.path());
    let here = client.start_session(&json!({"strategy": BUSY, "feed": "house"}));
    let stuck = client.wait_for("/feeds/house", |feed| {
        feed["symbols"][0]["freshness"] == "gap" && feed["sources"][0]["last_error"].is_string()
    });
    let (source, symbol) = (&stuck["sources"][0], &stuck["symbols"][0]);
    assert_eq!(source["connection"], "connected", "other symbols are told on");
    let error = source["last_error"].as_str().expect("what went wrong");
    assert!(error.contains(".wal is damaged"), "{error}");
    assert_eq!(symbol["why"], "house: the venue refuses it");
    // Everything before the damage came.
    let reached = symbol["number"].as_u64().expect("a number");
    assert!((1_000..2_500).contains(&reached), "{reached}");
    let quality = format!("/sessions/{here}/data-quality");
    let gaps = |quality: &Value| -> Vec<Value> {
        let all = quality["incidents"].as_array().cloned().unwrap_or_default();
        let is_it = |it: &Value| {
            it["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("is damaged"))
        };
        all.into_iter().filter(is_it).collect()
    };
    client.wait_for(&quality, |now| {
        gaps(now)
            .iter()
            .any(|gap| gap["kind"] == "gap" && gap["to"].is_null())
    });
    // Mended, it is followed on by itself, and lacks nothing.
    write(&whole[place..place + 4]);
    at_the_end(&client, &here);
    let now = client.wait_for("/feeds/house", |feed| feed["symbols"][0]["freshness"] == "fresh");
    assert_eq!(now["sources"][0]["lost"], 0);
    let over = client.wait_for(&quality, |now| gaps(now).iter().all(|gap| gap["to"].is_string()));
    assert_eq!(gaps(&over).len(), 1, "however often it was asked for: {over}");
    let fills = |server: &Server, id: &str| essence(&server.all(&format!("/sessions/{id}/fills")));
    assert_eq!(fills(&client, &here), fills(&venue, &there));
}

#[test]
fn what_a_feed_does_not_have_is_named() {
    let data = with_rerun("0");
    // Nobody listens on port 1.
    let nobody = "\n[feeds.away]\nvenue = \"binance\"\nrest_url = \"http://127.0.0.1:1\"\nstream_url = \"ws://127.0.0.1:1\"\n";
    let config = std::fs::read_to_string(data.path().join("papertape.toml")).expect("it was written");
    file(&data, "papertape.toml", &(config + nobody));
    let server = serve(data.path());
    let unknown = server.post("/sessions", &json!({"strategy": BUSY, "feed": "rerum"}));
    assert_eq!(
        (unknown.status, &unknown.json()["code"]),
        (422, &json!("unknown_feed"))
    );
    assert!(unknown.body.contains("rerun"), "{}", unknown.body);
    let symbol = server.post(
        "/sessions",
        &json!({"strategy": BUSY, "feed": "rerun", "symbols": ["ETH/USDT"]}),
    );
    assert_eq!(
        (symbol.status, &symbol.json()["code"]),
        (422, &json!("unknown_symbol"))
    );
    for (request, code) in [
        (
            json!({"strategy": BUSY, "feed": "recorded:nobody"}),
            "unknown_feed",
        ),
        (
            json!({"strategy": BUSY, "feed": "rerun", "speed": 10}),
            "invalid_request",
        ),
        (
            json!({"strategy": BUSY, "feed": "rerun", "from": "2025-01-07T00:00:00Z"}),
            "invalid_request",
        ),
    ] {
        let answer = server.post("/sessions", &request);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (422, &json!(code)),
            "{request}: {}",
            answer.body
        );
    }
    // Nobody is there: it says so, and the server goes on.
    let away = server.post("/sessions", &json!({"strategy": BUSY, "feed": "away"}));
    assert_eq!(
        (away.status, &away.json()["code"]),
        (503, &json!("unreachable")),
        "{}",
        away.body
    );
    for (path, code) in [
        ("/feeds/rerum", "unknown_feed"),
        ("/feeds/rerum/incidents", "unknown_feed"),
        ("/feeds/rerum/instruments", "unknown_feed"),
    ] {
        let answer = server.get(path);
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (404, &json!(code)),
            "{path}"
        );
    }
    let feeds = server.get("/feeds").json();
    assert!(
        feeds["items"]
            .as_array()
            .is_some_and(|all| all.iter().any(|feed| feed["name"] == "away")),
        "{feeds}"
    );
    assert_eq!(server.get("/sessions/none/data-quality").status, 404);
    server.stop();
}

#[test]
fn a_long_span_of_bars_is_told_page_by_page_and_one_that_ends_before_it_begins_is_refused() {
    let data = with_rerun("0");
    let server = serve(data.path());
    // Nine thousand minutes before the first bar; the span goes on for years.
    let span = "symbol=BTC/USDT&timeframe=1m&from=2024-12-30T18:00:30Z&to=2030-01-01T00:00:00Z";
    let (mut opened, mut cursor) = (Vec::<String>::new(), String::new());
    for page in 1.. {
        let answer = server.get(&format!("/feeds/rerun/bars?{span}{cursor}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer = answer.json();
        let bars = answer["items"].as_array().cloned().unwrap_or_default();
        opened.extend(
            bars.iter()
                .filter_map(|bar| Some(bar["open_time"].as_str()?.to_owned())),
        );
        match (page, answer["next_cursor"].as_str()) {
            (1 | 2, Some(next)) => cursor = format!("&cursor={next}"),
            (3.., _) => break,
            (_, next) => panic!("page {page} ends at {next:?}"),
        }
    }
    let mut once = opened.clone();
    once.dedup();
    assert_eq!((opened.len(), once.len()), (BARS, BARS));
    for wrong in [
        "from=2025-01-07T00:00:00Z&to=2025-01-06T00:00:00Z",
        "from=2025-01-06T00:00:00Z&to=2025-01-06T00:00:00Z",
        "from=2025-01-06T00:00:00Z&to=2025-01-07T00:00:00Z&cursor=later",
    ] {
        let answer = server.get(&format!("/feeds/rerun/bars?symbol=BTC/USDT&{wrong}"));
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (422, &json!("invalid_query")),
            "{wrong}"
        );
    }
    server.stop();
}

#[test]
fn a_wrong_configuration_of_feeds_ends_the_start_in_one_sentence() {
    for (config, wanted) in [
        (
            "[feeds.rerun]\nvenue = \"replay\"\noptions = { speed = \"fast\" }\n",
            "speed",
        ),
        ("[feeds.x]\nvenue = \"binanse\"\n", "binance"),
        ("[feeds.binance]\nrest_url = \"ftp://x\"\n", "rest_url"),
        ("[feeds.binance]\nrest = \"x\"\n", "line 2"),
        (
            "[settings]\ntape_keep_days = 0\n",
            "settings.tape_keep_days must be 1 or more",
        ),
        (
            "[quality]\nclock_ms = 999999999\n",
            "quality.clock_ms must be 1 to 60000",
        ),
        (
            "[[routes]]\nname = \"r\"\nsources = [{ feed = \"nobody\" }]\n",
            "nobody",
        ),
        (
            "[feeds.kraken]\noptions = { dpeth = 100 }\n",
            "kraken has no option 'dpeth'; did you mean depth?",
        ),
        (
            "[feeds.simulated]\nvenue = \"binance\"\n",
            "'simulated' is not a live feed's name",
        ),
        (
            "[feeds.recorded]\nvenue = \"replay\"\n",
            "'recorded' is not a live feed's name",
        ),
        (
            "[[routes]]\nname = \"replay\"\nsources = [{ feed = \"binance\" }]\n",
            "'replay' is not a live feed's name",
        ),
        (
            "[feeds.rerun]\nvenue = \"replay\"\n[[routes]]\nname = \"rerun\"\nsources = [{ feed = \"binance\" }]\n",
            "rerun is there twice",
        ),
    ] {
        let data = folder();
        let path = file(&data, "papertape.toml", config);
        let output = papertape()
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&path)
            .arg("--data-dir")
            .arg(data.path())
            .output()
            .expect("the binary runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{config}: {said}");
        assert!(
            said.contains(wanted) && said.trim().lines().count() == 1,
            "{config}: {said}"
        );
    }
}

#[test]
fn the_doctor_asks_the_feeds_that_a_configuration_names() {
    let data = with_rerun("0");
    let venue = serve(data.path());
    let other = folder();
    let config = |address: &str| {
        format!(
            "[feeds.house]\nvenue = \"papertape\"\nrest_url = \"http://{address}\"\n{}",
            silent_venues()
        )
    };
    let doctor = |config: &str| {
        let path = file(&other, "papertape.toml", config);
        let output = papertape()
            .args(["doctor", "--config"])
            .arg(&path)
            .arg("--data-dir")
            .arg(other.path())
            .output()
            .expect("the binary runs");
        (output.status.code(), text(&output.stdout))
    };
    let (code, said) = doctor(&config(venue.address()));
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.lines()
            .any(|line| line.starts_with("ok") && line.contains("feed house")),
        "{said}"
    );
    let (code, said) = doctor(&config("127.0.0.1:1"));
    assert_eq!(code, Some(1), "{said}");
    let line = said
        .lines()
        .find(|line| line.contains("feed house"))
        .unwrap_or_default();
    assert!(
        line.starts_with("FAIL") && line.contains("cannot be reached"),
        "{said}"
    );
    // Of venues without a clock, too.
    for vendor in ["yahoo", "coingecko", "cryptocompare"] {
        let away = format!("[feeds.house]\nvenue = \"{vendor}\"\nrest_url = \"http://127.0.0.1:1\"\n");
        let (code, said) = doctor(&format!("{away}{}", silent_venues()));
        let line = said.lines().find(|line| line.contains("feed house"));
        assert_eq!(code, Some(1), "{vendor}: {said}");
        assert!(
            line.is_some_and(|line| line.starts_with("FAIL") && line.contains("cannot be reached")),
            "{vendor}: {said}"
        );
    }
}
