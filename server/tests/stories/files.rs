//! Files in and out: a venue's archive as it is downloaded, and what a session did.

use crate::support::{BUSY, CROSS, Server, file, folder, import, papertape, simulated_csv, text};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// Bars as a venue's archive has them: without a header, times in milliseconds.
fn archive(path: &Path, csv: &str) {
    let mut zip = zip::ZipWriter::new(File::create(path).expect("a file"));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file("BTCUSDT-1m-2025-01.csv", options).expect("begun");
    for line in csv.lines().skip(1) {
        let (time, rest) = line.split_once(',').expect("columns");
        let opened = papertape::model::Timestamp::parse(time).expect("a time").millis();
        writeln!(zip, "{opened},{rest},{},0,0,0,0,0", opened + 59_999).expect("written");
    }
    zip.finish().expect("a zip");
}

fn backtest(strategy: &Path, bars: &Path) -> Value {
    let output = papertape()
        .arg("backtest")
        .arg("--strategy")
        .arg(strategy)
        .arg("--bars")
        .arg(bars)
        .arg("--json")
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
}

#[test]
fn a_downloaded_archive_is_the_bars_that_are_in_it() {
    let data = folder();
    let csv = simulated_csv(3_000);
    let bars = file(&data, "bars.csv", &csv);
    let zip = data.path().join("BTCUSDT-1m-2025-01.zip");
    archive(&zip, &csv);
    let strategy = file(&data, "cross.yaml", CROSS);
    let (from_zip, from_csv) = (backtest(&strategy, &zip), backtest(&strategy, &bars));
    assert!(
        from_csv["trades"]
            .as_array()
            .is_some_and(|trades| trades.len() > 5)
    );
    assert_eq!(from_zip["event_hash"], from_csv["event_hash"]);
    assert_eq!(from_zip["final_equity"], from_csv["final_equity"]);
    let imported = import(data.path(), &[&zip]);
    assert_eq!(
        text(&imported.stdout),
        "BTC/USDT@1m: 3000 bars, no gaps\n",
        "{}",
        text(&imported.stderr)
    );
    // Half of a download is no archive, and leaves what there was.
    let bytes = std::fs::read(&zip).expect("it was written");
    let half = data.path().join("half.zip");
    std::fs::write(&half, &bytes[..bytes.len() / 2]).expect("written");
    let refused = import(data.path(), &[&half]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("half.zip") && said.trim().lines().count() == 1,
        "{said}"
    );
    let server = Server::start(data.path());
    let datasets = server.get("/datasets").json();
    let items = datasets["items"].as_array().expect("datasets");
    let ours = items
        .iter()
        .find(|item| item["id"] == "BTC/USDT@1m")
        .expect("it is there");
    assert_eq!(ours["bars"], 3_000, "{datasets}");
    server.stop();
}

#[test]
fn what_a_session_did_is_exported_in_every_form() {
    let data = folder();
    let bars = file(&data, "bars.csv", &simulated_csv(2_000));
    let import = import(data.path(), &[&bars]);
    assert_eq!(import.status.code(), Some(0), "{}", text(&import.stderr));
    let server = Server::start(data.path());
    let id = server.start_session(&json!({"strategy": BUSY, "feed": "replay", "speed": 0}));
    let one = format!("/sessions/{id}");
    let session = server.wait_for(&one, |session| session["summary"]["state"] == "finished");
    let lists =
        ["trades", "fills", "orders", "equity"].map(|what| (what, server.all(&format!("{one}/{what}"))));
    server.stop();
    let export = |session: &str, more: &[&str]| {
        papertape()
            .args(["export", "--session", session, "--data-dir"])
            .arg(data.path())
            .args(more)
            .output()
            .expect("the binary runs")
    };
    for (what, expected) in lists {
        assert!(expected.len() > 20, "{what}: worth exporting: {}", expected.len());
        let json = export(&id, &["--what", what, "--format", "json"]);
        assert_eq!(json.status.code(), Some(0), "{}", text(&json.stderr));
        let json: Value = serde_json::from_slice(&json.stdout).expect("JSON and nothing else");
        assert_eq!(json, Value::Array(expected.clone()), "{what}");
        let csv = text(&export(&id, &["--what", what]).stdout);
        assert_eq!(
            csv.lines().count(),
            expected.len() + 1,
            "{what}: a header, and a line each"
        );
        let columns = |line: &str| line.split(',').count();
        let header = csv.lines().next().expect("a header");
        assert!(columns(header) > 3, "{header}");
        let out = data.path().join(format!("{what}.parquet"));
        let path = out.display().to_string();
        let written = export(&id, &["--what", what, "--format", "parquet", "--out", &path]);
        assert_eq!(written.status.code(), Some(0), "{}", text(&written.stderr));
        assert!(written.stdout.is_empty());
        let reader = SerializedFileReader::new(File::open(&out).expect("the file")).expect("Parquet");
        let rows = reader.metadata().file_metadata().num_rows();
        assert_eq!(rows, expected.len() as i64, "{what}");
        let names: Vec<String> = reader
            .metadata()
            .file_metadata()
            .schema_descr()
            .columns()
            .iter()
            .map(|column| column.name().to_owned())
            .collect();
        assert_eq!(names.join(","), header, "{what}: the same columns");
    }
    let report = export(&id, &["--what", "report", "--format", "json"]);
    let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
    assert_eq!(report["equity"], session["summary"]["equity"]);
    let nobody = export("nobody", &["--what", "trades"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        text(&nobody.stderr).contains("there is no session nobody"),
        "{}",
        text(&nobody.stderr)
    );
}
