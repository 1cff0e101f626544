//! Tick captures: put on a tape, replayed as a feed, here and by another Papertape whose venue this one is.

use crate::feeds::silent_venues;
use crate::support::{Server, file, folder, papertape, text};
use papertape::market::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Buys with an order that rests at or below the best bid, sells at the market in every other minute: fills of resting orders
/// behind a queue and of takers. Not one indicator, so that it trades from the first minutes on.
const MAKER: &str = "
name: Maker
symbols: [BTC/USDT]
timeframe: 1m
entry:
  long: minute % 2 == 0
exit:
  long: minute % 2 == 1
orders:
  entry: {type: limit, price: close - 0.03, time_in_force: gtc, expire_after: 2}
risk:
  size: {method: fixed_quantity, value: 0.05}
";

/// 2024-08-08T00:00:00Z.
const START_US: i64 = 1_723_075_200_000_000;

/// A market of so many seconds, made up from a seed, in the four files of a capture: a book of which trades and other people's
/// orders take and to which they add, and the best prices that it has.
fn made_up(folder: &Path, seconds: i64) {
    const LEVELS: i64 = 12;
    let mut random = Random::new(11);
    let mut book: [BTreeMap<i64, u64>; 2] = [BTreeMap::new(), BTreeMap::new()];
    let mut mid = 6_000_000_i64;
    let mut trades = "received_us,trade_id,price,quantity,buyer_is_maker\n".to_owned();
    let mut quotes = "received_us,update_id,bid_price,bid_qty,ask_price,ask_qty\n".to_owned();
    let mut depth = "received_us,first_update_id,final_update_id,side,price,quantity\n".to_owned();
    let mut snapshot = "received_us,last_update_id,side,price,quantity\n".to_owned();
    let price = |ticks: i64| format!("{}.{:02}", ticks / 100, ticks % 100);
    let size = |lots: u64| format!("{}.{:05}", lots / 100_000, lots % 100_000);
    let (mut trade_id, mut change, mut best) = (0, 0, None);
    for step in 0..seconds * 2 {
        let now = START_US + step * 500_000;
        let mut touched = [BTreeMap::new(), BTreeMap::new()];
        mid += random.below(5) as i64 - 2;
        // Somebody takes what is best on a side, or some of it.
        if random.chance(0.7) && !book[0].is_empty() && !book[1].is_empty() {
            let takes_asks = random.chance(0.5);
            let side = usize::from(takes_asks);
            let found = match takes_asks {
                true => book[1].first_key_value(),
                false => book[0].last_key_value(),
            };
            let (at, there) = found.map(|(at, there)| (*at, *there)).expect("a level");
            let taken = (1 + random.below(60_000)).min(there);
            trade_id += 1;
            let maker = u8::from(!takes_asks);
            let _ = writeln!(trades, "{now},{trade_id},{},{},{maker}", price(at), size(taken));
            touched[side].insert(at, there - taken);
        }
        // Orders are where the price is now, and nowhere else.
        for level in 1..=LEVELS {
            for (side, at) in [(0, mid - level), (1, mid + level)] {
                if !book[side].contains_key(&at) || random.chance(0.1) {
                    touched[side].entry(at).or_insert(1_000 + random.below(90_000));
                }
            }
        }
        for side in 0..2 {
            for at in book[side].keys() {
                let is_beyond = if side == 0 { *at >= mid } else { *at <= mid };
                if is_beyond || (at - mid).abs() > 2 * LEVELS {
                    touched[side].insert(*at, 0);
                }
            }
        }
        // Changes are numbered without holes: one of nothing is none.
        change += i64::from(touched.iter().any(|side| !side.is_empty()));
        for (side, letter) in [(0, 'b'), (1, 'a')] {
            for (at, lots) in &touched[side] {
                let rows = if step == 0 { &mut snapshot } else { &mut depth };
                let ids = if step == 0 {
                    format!("{change}")
                } else {
                    format!("{change},{change}")
                };
                let _ = writeln!(rows, "{},{ids},{letter},{},{}", now + 2, price(*at), size(*lots));
                match lots {
                    0 => drop(book[side].remove(at)),
                    lots => drop(book[side].insert(*at, *lots)),
                }
            }
        }
        let is = (book[0].last_key_value(), book[1].first_key_value());
        let (Some((bid, bid_size)), Some((ask, ask_size))) = is else {
            panic!("the book has two sides");
        };
        let is = (*bid, *bid_size, *ask, *ask_size);
        if best.replace(is) != Some(is) {
            let (bid, bid_size, ask, ask_size) = is;
            let (bid_size, ask_size) = (size(bid_size), size(ask_size));
            let _ = writeln!(
                quotes,
                "{},{},{},{bid_size},{},{ask_size}",
                now + 1,
                step + 1,
                price(bid),
                price(ask)
            );
        }
    }
    // And then nothing more: who knows of this one knows of all.
    let _ = writeln!(
        quotes,
        "{},{},{},1.00000,{},1.00000",
        START_US + (seconds + 5) * 1_000_000,
        seconds * 2 + 1,
        price(mid - 1),
        price(mid + 1)
    );
    for (kind, text) in [
        ("trades", trades),
        ("bookticker", quotes),
        ("depth", depth),
        ("depth-snapshot", snapshot),
    ] {
        std::fs::write(folder.join(format!("MADE-UP-{kind}.csv")), text).expect("it can be written");
    }
}

/// The real capture in a folder of its own, when the machine has it: `PAPERTAPE_SHARED` names the folder above `data`.
fn real() -> Option<TempDir> {
    let shared = std::env::var_os("PAPERTAPE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let folder = folder();
    for kind in ["trades", "bookticker", "depth", "depth-snapshot"] {
        let name = format!("BTCUSDT-20240808-{kind}.csv");
        let from = shared.join("data").join(&name);
        if std::fs::copy(&from, folder.path().join(&name)).is_err() {
            eprintln!("skipped: there is no {}; set PAPERTAPE_SHARED", from.display());
            return None;
        }
    }
    Some(folder)
}

/// `papertape` with arguments and a data folder; gives what it said.
fn command(data: &Path, arguments: &[&str]) -> String {
    let output = papertape()
        .args(arguments)
        .arg("--data-dir")
        .arg(data)
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn import(data: &Path, files: &[&Path], feed: &str) -> String {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let mut arguments = vec!["import", "--symbol", "BTC/USDT", "--feed", feed];
    arguments.extend(files.iter().map(String::as_str));
    command(data, &arguments)
}

/// A server whose feed `rerun` tells a capture once more.
fn venue(capture: &Path, speed: &str) -> (TempDir, Server) {
    let data = folder();
    let said = import(data.path(), &[capture], "capture");
    assert!(
        said.starts_with("capture: ") && said.contains("numbers 1 to"),
        "{said}"
    );
    let config = format!(
        "[feeds.rerun]\nvenue = \"replay\"\noptions = {{ recorded = \"capture\", speed = \"{speed}\" }}\n{}",
        silent_venues()
    );
    let server = serve(&data, &config);
    (data, server)
}

fn serve(data: &TempDir, config: &str) -> Server {
    let config = file(data, "papertape.toml", config);
    Server::start_with(data.path(), &["--config", &config.display().to_string()])
}

/// What a fill says and how it explains itself, without the numbers that only its own server counts by.
fn essence(server: &Server, id: &str) -> Vec<Value> {
    let of = |fill: Value| {
        let mut explanation = fill["explanation"].clone();
        if let Some(fields) = explanation.as_object_mut() {
            fields.remove("tape");
        }
        json!([
            fill["time"],
            fill["side"],
            fill["price"],
            fill["quantity"],
            fill["fee"],
            fill["liquidity"],
            explanation
        ])
    };
    server
        .all(&format!("/sessions/{id}/fills"))
        .into_iter()
        .map(of)
        .collect()
}

/// Until a session has taken in what the market says at its end.
fn at_the_end(server: &Server, id: &str, end: &str) {
    server.wait_for(&format!("/sessions/{id}"), |session| {
        session["summary"]["market_time"]
            .as_str()
            .is_some_and(|time| time >= end)
    });
}

/// One Papertape replays a capture, the other has it as its venue; what both make of it is the same.
fn trade_alike(capture: &Path, speed: &str, end: &str, fewest: usize) {
    let (_data, venue) = venue(capture, speed);
    let there = venue.start_session(&json!({"strategy": MAKER, "feed": "rerun"}));
    let other = folder();
    let config = format!(
        "[feeds.house]\nvenue = \"papertape\"\nrest_url = \"http://{}\"\noptions = {{ feed = \"rerun\", from = \"start\" }}\n{}",
        venue.address(),
        silent_venues()
    );
    let client = serve(&other, &config);
    let here = client.start_session(&json!({"strategy": MAKER, "feed": "house"}));
    at_the_end(&venue, &there, end);
    at_the_end(&client, &here, end);
    // What a session has taken in is written down a moment later.
    let both = || (essence(&venue, &there), essence(&client, &here));
    let (mut theirs, mut ours) = both();
    for _ in 0..200 {
        if theirs == ours {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        (theirs, ours) = both();
    }
    assert!(theirs.len() >= fewest, "worth comparing: {theirs:?}");
    assert_eq!(theirs, ours);
    let of = |what: &str| theirs.iter().filter(|fill| fill[5] == what).count();
    assert!(of("maker") > 0 && of("taker") > 0, "of both kinds: {theirs:?}");
    let is_by_depth = |fill: &Value| fill[6]["tier"] == "depth";
    assert!(theirs.iter().any(is_by_depth), "the book was met: {theirs:?}");
    client.stop();
    let verified = command(other.path(), &["verify", "--session", &here]);
    assert!(verified.starts_with("identical "), "{verified}");
    // What was replayed as a feed is what is replayed at once.
    let again = venue.start_session(&json!({"strategy": MAKER, "feed": "recorded:capture", "speed": 0}));
    venue.wait_for(&format!("/sessions/{again}"), |session| {
        session["summary"]["state"] == "finished"
    });
    let prices = |all: &[Value]| -> Vec<Value> { all.iter().map(|fill| fill[2].clone()).collect() };
    assert_eq!(prices(&essence(&venue, &again)), prices(&theirs));
}

#[test]
fn two_papertapes_trade_alike_on_trades_quotes_and_depth() {
    let capture = folder();
    made_up(capture.path(), 20 * 60);
    trade_alike(capture.path(), "300", "2024-08-08T00:20:05", 8);
}

#[test]
fn two_papertapes_trade_alike_on_a_real_capture() {
    let Some(capture) = real() else { return };
    trade_alike(capture.path(), "60", "2024-08-08T23:59:59.9", 2);
}

#[test]
fn what_is_on_a_tape_is_written_and_read_back_as_it_was() {
    let capture = folder();
    made_up(capture.path(), 3 * 60);
    let data = folder();
    import(data.path(), &[capture.path()], "capture");
    let exported = folder();
    let export = |data: &TempDir, feed: &str, what: &str, format: &str| {
        let out = exported.path().join(format!("{feed}-{what}.{format}"));
        let path = out.display().to_string();
        let arguments = [
            "--feed", feed, "--symbol", "BTC/USDT", "--what", what, "--format", format, "--out", &path,
        ];
        let said = command(data.path(), &[&["export"][..], &arguments].concat());
        assert!(said.ends_with(" rows\n") && !said.starts_with('0'), "{said}");
        out
    };
    for format in ["csv", "parquet"] {
        let (trades, quotes) = (
            export(&data, "capture", "trades", format),
            export(&data, "capture", "quotes", format),
        );
        let bars = export(&data, "capture", "bars", format);
        // Onto another tape, and from there again.
        let other = folder();
        import(other.path(), &[&trades, &quotes], "again");
        let read = |path: &Path| std::fs::read(path).expect("it was written");
        let csv = |data: &TempDir, feed: &str, what: &str| {
            let text = String::from_utf8(read(&export(data, feed, what, "csv"))).expect("text");
            // Numbers and moments of arrival are each tape's own.
            let own = ["number", "received"];
            let header = text
                .lines()
                .next()
                .unwrap_or_default()
                .split(',')
                .collect::<Vec<_>>();
            let row = |line: &str| {
                let cells = header.iter().zip(line.split(','));
                let cells = cells
                    .filter(|(name, _)| !own.contains(name))
                    .map(|(_, cell)| cell);
                cells.collect::<Vec<_>>().join(",")
            };
            text.lines().map(row).collect::<Vec<String>>()
        };
        for what in ["trades", "quotes", "bars"] {
            assert_eq!(
                csv(&other, "again", what),
                csv(&data, "capture", what),
                "{what} by {format}"
            );
        }
        // Bars are a bar file.
        let bars = bars.display().to_string();
        let said = command(other.path(), &["import", "--symbol", "BTC/USDT", &bars]);
        assert!(said.starts_with("BTC/USDT@1m: 3 bars, no gaps"), "{said}");
    }
    // Neither more than there is nor what a tape does not have.
    let refuse = |arguments: &[&str]| {
        let output = papertape()
            .args(arguments)
            .arg("--data-dir")
            .arg(data.path())
            .output()
            .expect("the binary runs");
        (output.status.code(), text(&output.stderr))
    };
    let of = ["export", "--feed", "capture", "--symbol", "BTC/USDT", "--what"];
    for (arguments, code, wanted) in [
        ([&of[..], &["equity"]].concat(), 2, "--session"),
        (
            [&of[..], &["bars", "--format", "json"]].concat(),
            2,
            "csv or parquet",
        ),
        (
            vec![
                "export", "--feed", "nobody", "--symbol", "BTC/USDT", "--what", "bars",
            ],
            1,
            "no tape of",
        ),
        (vec!["export", "--what", "bars"], 2, "--session"),
    ] {
        let (found, said) = refuse(&arguments);
        assert!(
            found == Some(code) && said.contains(wanted),
            "{arguments:?}: {found:?} {said}"
        );
    }
    let files = capture.path().display().to_string();
    let (code, said) = refuse(&["import", "--symbol", "BTC/USDT", "--feed", "capture", &files]);
    assert!(code == Some(1) && said.contains("a tape only grows"), "{said}");
}

#[test]
fn an_import_says_what_is_odd_about_the_data_and_refuses_what_cannot_be() {
    let data = folder();
    let run = |name: &str, table: &str, more: &[&str]| {
        let path = file(&data, name, table);
        let mut command = papertape();
        command
            .arg("import")
            .arg(path)
            .args(["--symbol", "BTC/USDT", "--data-dir"]);
        command
            .arg(data.path())
            .args(more)
            .output()
            .expect("the binary runs")
    };
    let trades = "time,price,size,side\n\
        2024-08-08T00:00:00Z,100,1,buy\n\
        2024-08-08T00:00:01Z,1000,1,buy\n\
        2099-01-01T00:00:00Z,999,1,sell\n";
    let quotes = "time,bid,bid_size,ask,ask_size\n2024-08-08T00:00:00Z,101,1,100,1\n";
    let done = run("trades.csv", trades, &["--feed", "odd", "--json"]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    let report: Value = serde_json::from_slice(&done.stdout).expect("JSON alone");
    assert_eq!((&report["feed"], &report["events"]), (&json!("odd"), &json!(3)));
    assert_eq!(
        report["oddities"],
        json!({
            "jumps": {"count": 1, "first": "2024-08-08T00:00:01Z"},
            "crossed_quotes": {"count": 0, "first": null},
            "in_the_future": {"count": 1, "first": "2099-01-01T00:00:00Z"},
            "missing_trades": 0,
        })
    );
    let done = run("quotes.csv", quotes, &["--feed", "crossed"]);
    assert_eq!(
        text(&done.stdout),
        "crossed: 1 events of BTC/USDT; its tape has numbers 1 to 1, 1 quote is crossed (its bid above its ask), at \
         2024-08-08T00:00:00Z\n"
    );
    let bars =
        "time,open,high,low,close,volume\n2099-01-01T00:00:00Z,1,1,1,1,1\n2099-01-01T00:01:00Z,1,1,1,1,1\n";
    let done = run("bars.csv", bars, &[]);
    assert_eq!(
        text(&done.stdout),
        "BTC/USDT@1m: 2 bars, no gaps, 2 bars are of the future, the first at 2099-01-01T00:00:00Z\n"
    );
    let absurd = trades.replace(",999,", ",1e300,");
    let done = run("absurd.csv", &absurd, &["--feed", "absurd"]);
    assert_eq!(done.status.code(), Some(1));
    let said = text(&done.stderr);
    assert!(
        said.contains("absurd.csv: line 4: price is 1e300: nothing costs more than 1e15"),
        "{said}"
    );
}
