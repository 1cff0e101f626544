//! `papertape calibrate`: the fill models measured against a capture of a market.

use crate::support::{file, folder, run, text};
use serde_json::Value;
use std::path::Path;

/// A capture of ten seconds in which the market stands still, at 100.00 for 1 and 100.01 for 1; only the files that are
/// wanted.
fn capture(folder: &tempfile::TempDir, name: &str, kinds: &[&str]) {
    let seconds = |row: fn(u64) -> String| (0..10).map(|second| row(1_000_000 * (1_000 + second))).collect();
    for kind in kinds {
        let (header, rows): (&str, String) = match *kind {
            "trades" => (
                "received_us,trade_id,price,quantity,buyer_is_maker",
                seconds(|time| format!("{time},{time},100.01,0.001,0\n")),
            ),
            "bookticker" => (
                "received_us,update_id,bid_price,bid_qty,ask_price,ask_qty",
                seconds(|time| format!("{time},{time},100.00,1,100.01,1\n")),
            ),
            "depth" => (
                "received_us,first_update_id,final_update_id,side,price,quantity",
                seconds(|time| format!("{time},{},{time},a,100.01,1\n", time - 999_999)),
            ),
            _ => (
                "received_us,last_update_id,side,price,quantity",
                ["b,100.00,1", "b,99.99,9", "a,100.01,1", "a,100.02,9"]
                    .map(|level| format!("1000000000,1000000000,{level}\n"))
                    .concat(),
            ),
        };
        file(
            folder,
            &format!("{name}-{kind}.csv"),
            &format!("{header}\n{rows}"),
        );
    }
}

#[test]
fn a_calibration_prints_a_line_for_each_tier_and_model() {
    const ALL: [&str; 4] = ["trades", "bookticker", "depth", "depth-snapshot"];
    const SHORT: [&str; 4] = ["--horizon", "2", "--orders", "40"];
    let calibrate = |folder: &Path, rest: &[&str]| {
        run(&[
            &["calibrate", "--capture", folder.to_str().expect("a plain path")],
            rest,
        ]
        .concat())
    };
    let data = folder();
    capture(&data, "ETHUSDT-1", &ALL);
    let output = calibrate(data.path(), &SHORT);
    assert_eq!(
        (output.status.code(), text(&output.stderr).as_str()),
        (Some(0), "")
    );
    let table = text(&output.stdout);
    assert!(
        table.starts_with("40 orders between 1970-01-01T00:16:41Z and "),
        "{table}"
    );
    let tiers: Vec<&str> = table
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next())
        .collect();
    let expected = [
        &["tier"][..],
        &["depth"; 5],
        &["quotes"; 5],
        &["trades"; 2],
        &["bars"; 2],
    ]
    .concat();
    assert_eq!(tiers, expected, "{table}");
    assert_eq!(
        table,
        text(&calibrate(data.path(), &SHORT).stdout),
        "the same orders each time"
    );
    let by_place = text(&calibrate(data.path(), &[&SHORT[..], &["--by-place"]].concat()).stdout);
    assert_eq!(
        by_place.lines().count(),
        2 + 7 * (expected.len() - 1),
        "{by_place}"
    );

    let json = calibrate(data.path(), &[&SHORT[..], &["--json", "--seed", "3"]].concat());
    let report: Value = serde_json::from_slice(&json.stdout).expect("JSON and nothing else");
    assert_eq!((&report["orders"], &report["seed"]), (&40.into(), &3.into()));
    let line = &report["lines"][1];
    assert_eq!(
        (&line["tier"], &line["place"], &line["fill_probability"]),
        (&"depth".into(), &"market".into(), &1.0.into())
    );

    // Of a part of the files, the tiers that they allow, and a word about the others.
    let part = folder();
    capture(&part, "ETHUSDT-1", &ALL[1..]);
    let output = calibrate(part.path(), &SHORT);
    assert_eq!(output.status.code(), Some(0));
    let words = text(&output.stderr);
    assert!(
        words.contains("there is no ETHUSDT-1-trades.csv") && words.lines().count() == 1,
        "{words}"
    );
    assert_eq!(text(&output.stdout).lines().count(), 2 + 5 + 5);

    // What cannot be done is said in one sentence.
    let (empty, two, torn) = (folder(), folder(), folder());
    capture(&two, "A", &ALL);
    capture(&two, "B", &ALL);
    file(&torn, "A-trades.csv", "received_us,price\n");
    let missing = data.path().join("nowhere");
    for (folder, rest, code, words) in [
        (empty.path(), &[][..], 1, "holds no capture"),
        (two.path(), &[], 1, "holds 2 captures, such as A and B"),
        (
            torn.path(),
            &[],
            1,
            "A-trades.csv, line 1: the column 'quantity' is missing",
        ),
        (&missing, &[], 1, "cannot be read"),
        (
            data.path(),
            &["--horizon", "60"],
            1,
            "do not hold a horizon of 60 s",
        ),
        (
            data.path(),
            &["--tick", "0.3", "--horizon", "2"],
            1,
            "is not a multiple of the tick 0.3",
        ),
        (data.path(), &["--orders", "0"], 2, "--orders"),
        (data.path(), &["--tick", "0"], 2, "a step above 0"),
    ] {
        let output = calibrate(folder, rest);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{words}: {said}");
        assert!(
            output.stdout.is_empty() && (code == 2 || said.lines().count() == 1),
            "{said}"
        );
    }
}
