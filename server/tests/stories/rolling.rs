//! The contracts of a future, joined by the command line and traded as one.

use crate::support::{file, folder, run, text};
use serde_json::Value;
use tempfile::TempDir;

const HOLD: &str = "name: hold\nsymbols: [ESH4]\ntimeframe: 1d\nentry: {long: close > 0}\n\
                    risk: {size: {method: fixed_quantity, value: 1}}\n";

/// Days of December 2013 on which the price stands still, with volume.
fn contract(data: &TempDir, name: &str, days: &[(u32, f64, u32)]) -> String {
    let mut rows = "time,open,high,low,close,volume\n".to_owned();
    for (day, price, volume) in days {
        rows.push_str(&format!(
            "2013-12-{day:02}T00:00:00Z,{price},{price},{price},{price},{volume}\n"
        ));
    }
    let symbol = &name[..4];
    let path = file(data, &format!("{symbol}.csv"), &rows);
    format!("{symbol}={}", path.display())
}

#[test]
fn a_position_held_over_a_roll_gains_what_both_contracts_moved() {
    let data = folder();
    let december = [
        (9, 1800.0, 90),
        (10, 1801.0, 90),
        (11, 1802.0, 40),
        (12, 1803.0, 9),
        (13, 1804.0, 1),
    ];
    let march = [
        (10, 1795.0, 9),
        (11, 1796.25, 60),
        (12, 1797.5, 90),
        (13, 1799.0, 90),
        (16, 1800.0, 90),
    ];
    let contracts = [
        contract(&data, "ESZ3", &december),
        contract(&data, "ESH4", &march),
    ];
    let out = data.path().join("ES.csv");
    let out = out.to_str().expect("a plain path");
    let roll = |more: &[&str]| {
        let mut arguments = vec![
            "roll",
            "--contract",
            &contracts[0],
            "--contract",
            &contracts[1],
            "--out",
            out,
        ];
        arguments.extend(more);
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    // December ends on the 20th, at half past two: eight days before that is the 12th's afternoon.
    let told = roll(&[]);
    assert!(told.contains("6 bars"), "{told}");
    assert!(
        told.contains("2013-12-13T00:00:00Z: ESZ3 at 1803 to ESH4 at 1797.5"),
        "{told}"
    );
    let joined = std::fs::read_to_string(out).expect("a series");
    let closes: Vec<&str> = joined
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(4))
        .collect();
    assert_eq!(closes, ["1794.5", "1795.5", "1796.5", "1797.5", "1799", "1800"]);

    // Bought on the 10th: December's 1801 to 1803, and March's 1797.5 to 1800, at fifty a point.
    let strategy = file(&data, "hold.yaml", HOLD);
    let strategy = strategy.to_str().expect("a plain path");
    let result = |bars: &str, more: &[&str]| -> Value {
        let mut arguments = vec![
            "backtest",
            "--strategy",
            strategy,
            "--bars",
            bars,
            "--symbol",
            "ESH4",
            "--slippage-bps",
            "0",
            "--json",
        ];
        arguments.extend(more);
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let free = ["--fee-rate", "0"];
    assert_eq!(result(out, &free)["final_equity"], "100225");

    // With its rolls told, both trades of the roll are paid: a ten-thousandth of fifty times 1803 and 1797.5.
    let rolls = data.path().join("rolls.csv");
    let rolls = rolls.to_str().expect("a plain path");
    roll(&["--actions", rolls]);
    let told = std::fs::read_to_string(rolls).expect("an action file");
    assert_eq!(
        told,
        "time,kind,from_price,price\n2013-12-13T00:00:00Z,roll,1803,1797.5\n"
    );
    let blind = result(out, &["--fee-rate", "0.0001"]);
    let paid = result(out, &["--fee-rate", "0.0001", "--actions", rolls]);
    let equity = |report: &Value| -> f64 {
        let text = report["final_equity"].as_str().expect("a decimal");
        text.parse().expect("a number")
    };
    let cost = equity(&blind) - equity(&paid);
    assert!((cost - 18.0025).abs() < 1e-9, "{cost}");
    assert_eq!(paid["cash_flows"][0]["kind"], "roll", "{}", paid["cash_flows"]);
    // Left as they were, prices jump, and the jump counts.
    roll(&["--unadjusted"]);
    assert_eq!(result(out, &free)["final_equity"], "99950");
    // By volume it is the 12th: on the 11th March traded more.
    let told = roll(&["--volume", "--days", "1"]);
    assert!(
        told.contains("2013-12-12T00:00:00Z: ESZ3 at 1802 to ESH4 at 1796.25"),
        "{told}"
    );
}

#[test]
fn what_is_no_contract_is_said() {
    let data = folder();
    let share = contract(&data, "AAPL", &[(9, 80.0, 9), (10, 80.0, 9)]);
    let out = data.path().join("x.csv");
    let out = out.to_str().expect("a plain path");
    let output = run(&["roll", "--contract", &share, "--out", out]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("AAPL is no contract of a future"),
        "{}",
        text(&output.stderr)
    );
    let output = run(&["roll", "--contract", "ESZ3", "--out", out]);
    assert_eq!(output.status.code(), Some(2));
}

/// A contract whose root nobody knows trades as what its owner says it is, and never as a coin.
#[test]
fn a_future_that_is_not_known_is_refused_until_it_is_specified() {
    const TERMS: &str = r#"{"tick": 0.025, "multiplier": 400, "expiry": "2013-12-31T18:00:00Z",
                            "initial_margin": 1500, "maintenance_margin": 1350}"#;
    let data = folder();
    let strategy = file(&data, "hold.yaml", &HOLD.replace("ESH4", "LEZ3"));
    let days = [(9, 130.0, 90), (10, 130.5, 90), (11, 131.0, 90), (12, 132.0, 90)];
    let bars = contract(&data, "LEZ3", &days);
    let (_, bars) = bars.split_once('=').expect("its file");
    let strategy = strategy.to_str().expect("a plain path");
    let backtest = |more: &[&str]| {
        let base = [
            "backtest",
            "--strategy",
            strategy,
            "--bars",
            bars,
            "--fee-rate",
            "0",
            "--slippage-bps",
            "0",
            "--json",
        ];
        run(&[&base[..], more].concat())
    };
    let refused = backtest(&[]);
    assert_eq!(refused.status.code(), Some(1));
    let message = text(&refused.stderr);
    assert!(
        message.contains("unknown_future") && message.contains("--future"),
        "{message}"
    );
    let folder = data.path().to_str().expect("a plain path");
    let import = ["import", bars, "--symbol", "LEZ3", "--data-dir", folder];
    assert!(text(&run(&import).stderr).contains("unknown_future"));
    let imported = run(&[&import[..], &["--future", TERMS]].concat());
    assert_eq!(imported.status.code(), Some(0), "{}", text(&imported.stderr));

    let output = backtest(&["--future", TERMS]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    // Bought at the second day's open of 130.5, held to 132: one and a half points of 400 a contract.
    assert_eq!(report["final_equity"], "100600", "{report}");
    let wrong = backtest(&[
        "--future",
        r#"{"tick": 0, "multiplier": 400, "expiry": "2013-12-31", "initial_margin": 1, "maintenance_margin": 1}"#,
    ]);
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong.stderr));
}
