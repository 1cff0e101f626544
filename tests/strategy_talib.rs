//! Indicators agree with TA-Lib, to the bar on which they begin. `tests/data/make_talib_table.py` made the table.

use papertape::market::Bar;
use papertape::model::{Timeframe, Timestamp};
use papertape::strategy::{PositionView, Strategy, compile_expressions};
use std::collections::BTreeMap;

/// Largest difference, relative to the value or, around zero, to a hundredth of the column's largest value.
const TOLERANCE: f64 = 1e-9;

#[test]
fn every_indicator_agrees_with_talib_from_its_first_bar() {
    let table = std::env::var("TALIB_TABLE").map_or_else(
        |_| include_str!("data/talib.csv").to_owned(),
        |path| std::fs::read_to_string(path).expect("the table named by TALIB_TABLE"),
    );
    let mut lines = table.lines();
    let expressions: Vec<String> = lines
        .next()
        .expect("a header")
        .split(';')
        .map(str::to_owned)
        .collect();
    let rows: Vec<Vec<f64>> = lines
        .map(|line| {
            line.split(';')
                .map(|cell| cell.parse().unwrap_or(f64::NAN))
                .collect()
        })
        .collect();
    let (mut program, slots) =
        compile_expressions(&expressions, Timeframe::MINUTE).expect("every expression compiles");

    let scale = |column: usize| {
        let defined = rows.iter().map(|row| row[column].abs()).filter(|x| !x.is_nan());
        defined.fold(0.0, f64::max)
    };
    let scales: Vec<f64> = (0..expressions.len()).map(scale).collect();
    let mut worst: Vec<(f64, String)> = vec![(0.0, String::new()); expressions.len()];
    for (index, row) in rows.iter().enumerate() {
        let bar = Bar {
            open_time: Timestamp::from_secs(60 * index as i64),
            open: row[0],
            high: row[1],
            low: row[2],
            close: row[3],
            volume: row[4],
        };
        program.on_bar(&bar, &PositionView::FLAT);
        for (column, slot) in slots.iter().enumerate() {
            let (ours, theirs) = (program.number(*slot), row[column]);
            let difference = match (ours.is_nan(), theirs.is_nan()) {
                (true, true) => 0.0,
                (false, false) => (ours - theirs).abs() / theirs.abs().max(1e-2 * scales[column]).max(1e-12),
                _ => f64::INFINITY,
            };
            if difference > worst[column].0 {
                worst[column] = (difference, format!("bar {index}: {ours}, TA-Lib {theirs}"));
            }
        }
    }
    let failures: Vec<String> = expressions
        .iter()
        .zip(&worst)
        .filter(|(_, (difference, _))| *difference > TOLERANCE)
        .map(|(expression, (difference, place))| format!("{expression}: off by {difference:e} at {place}"))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_strategy_reports_the_warm_up_of_its_indicators() {
    let table = include_str!("data/talib.csv");
    let mut lines = table.lines();
    let expressions = lines.next().expect("a header").split(';');
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(';').collect()).collect();
    for (column, expression) in expressions.enumerate() {
        let bars = 1 + rows
            .iter()
            .position(|row| !row[column].is_empty())
            .expect("defined at some bar");
        let yaml = format!("name: x\nentry: {{long: '{expression} > 0'}}\n");
        let strategy = Strategy::compile(&yaml, &BTreeMap::new(), None).expect("compiles");
        assert_eq!(strategy.warm_up(), bars, "{expression}");
    }
}
