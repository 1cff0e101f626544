//! Indicators agree with TA-Lib, to the bar on which they begin: on a committed table, and on real bars where they and TA-Lib
//! are there. `tests/data/make_talib_table.py` makes the tables; `docs/indicators.md` shows what these tests print.

use papertape::api::WordGroup;
use papertape::market::Bar;
use papertape::model::{Timeframe, Timestamp};
use papertape::strategy::{PositionView, Strategy, compile_expressions, outline};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

/// Largest difference, as a share of TA-Lib's value.
const TOLERANCE: f64 = 1e-9;
/// What rounding leaves of a difference of numbers of a size, as a share of it: a few dozen steps of 2⁻⁵², because both sides
/// sum many terms, in different orders, and a step a bar, because TA-Lib's running sums keep what they lost.
fn rounding(bars: usize) -> f64 {
    (64.0 + bars as f64) * f64::EPSILON
}

/// What is not TA-Lib's.
const OWN: [&str; 10] = [
    "highest",
    "lowest",
    "donchian",
    "keltner",
    "supertrend",
    "vwap",
    "volume_profile",
    "zscore",
    "percent_rank",
    "prev",
];
/// Words for values of no indicator.
const WORDS: [&str; 10] = [
    "abs",
    "sqrt",
    "log",
    "exp",
    "round",
    "floor",
    "ceil",
    "nz",
    "bars_since",
    "value_when",
];

/// Numbers whose difference an indicator is, so that it passes through zero, where no share of it says anything.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    /// None: it is never near zero, or exactly zero when it is.
    Nothing,
    /// Prices, or averages of them.
    Prices,
    /// Sums of prices that TA-Lib keeps from bar to bar without ever summing anew: what rounding leaves adds up with the bars.
    SumsOfPrices,
    /// Squares of prices: TA-Lib takes the mean's square off the mean of the squares.
    Squares,
    /// The square root of such a difference.
    RootOfSquares,
    /// Ratios near one.
    Ratios,
    /// Percentages up to one hundred.
    Percents,
    /// Volumes, summed over all bars.
    Flows,
    /// Prices, over their mean distance from their mean.
    PricesOverSpread,
    /// Products of what both series are.
    Products,
}

fn is_difference_of(expression: &str) -> Of {
    let name = expression.split(['(', '.']).next().unwrap_or_default();
    match name {
        "macd" | "apo" | "mom" => Of::Prices,
        "linearreg_slope" => Of::SumsOfPrices,
        "ema" if expression.contains("macd") => Of::Prices,
        "var" => Of::Squares,
        "stddev" => Of::RootOfSquares,
        "rocp" => Of::Ratios,
        "roc" | "ppo" | "trix" | "cmo" | "willr" | "stoch" | "stochf" | "stochrsi" | "dx" | "plus_di"
        | "minus_di" | "mfi" | "rsi" => Of::Percents,
        "obv" | "ad" | "adosc" => Of::Flows,
        "cci" => Of::PricesOverSpread,
        "correl" | "beta" => Of::Products,
        _ => Of::Nothing,
    }
}

struct Table {
    expressions: Vec<String>,
    rows: Vec<Vec<f64>>,
}

impl Table {
    fn read(text: &str) -> Self {
        let mut lines = text.lines();
        let header = lines.next().expect("a header");
        let number = |cell: &str| cell.parse().unwrap_or(f64::NAN);
        Self {
            expressions: header.split(';').map(str::to_owned).collect(),
            rows: lines.map(|line| line.split(';').map(number).collect()).collect(),
        }
    }

    fn committed() -> Self {
        std::env::var("TALIB_TABLE").map_or_else(
            |_| Self::read(include_str!("data/talib.csv")),
            |path| Self::read(&std::fs::read_to_string(path).expect("the table named by TALIB_TABLE")),
        )
    }

    /// Largest amount in a column.
    fn size(&self, column: usize) -> f64 {
        let amounts = self.rows.iter().map(|row| row[column].abs());
        amounts.filter(|amount| !amount.is_nan()).fold(0.0, f64::max)
    }

    /// The amount that rounding may leave in a column, whose value may be zero.
    fn floor(&self, column: usize) -> f64 {
        let price = self.size(1);
        let size = match is_difference_of(&self.expressions[column]) {
            Of::Nothing => 0.0,
            Of::Prices => price,
            Of::SumsOfPrices => return 4.0 * f64::EPSILON * price * self.rows.len() as f64,
            Of::Squares => price * price,
            // Where the difference is d and its rounding e, the root is off by e / 2√d at most, and by √e where d is 0.
            Of::RootOfSquares => return (rounding(self.rows.len()) * price * price).sqrt(),
            Of::Ratios => 1.0,
            Of::Percents => 100.0,
            Of::Flows => self.rows.iter().map(|row| row[4]).sum(),
            Of::PricesOverSpread => price,
            // Squares of prices less squares of their sums leave a few ticks of them.
            Of::Products => 16.0,
        };
        rounding(self.rows.len()) * size
    }

    /// How well we agree, a line for each column.
    fn agreement(&self) -> Vec<Column> {
        let (mut program, slots) =
            compile_expressions(&self.expressions, Timeframe::MINUTE).expect("every expression compiles");
        let column = |(place, expression): (usize, &String)| Column {
            expression: expression.clone(),
            floor: self.floor(place),
            compared: 0,
            first: None,
            relative: 0.0,
            near_zero: 0,
            far: 0,
            beyond: None,
        };
        let mut columns: Vec<Column> = self.expressions.iter().enumerate().map(column).collect();
        for (index, row) in self.rows.iter().enumerate() {
            let bar = Bar {
                open_time: Timestamp::from_secs(60 * index as i64),
                open: row[0],
                high: row[1],
                low: row[2],
                close: row[3],
                volume: row[4],
            };
            program.on_bar(&bar, &PositionView::FLAT);
            for ((column, slot), theirs) in columns.iter_mut().zip(&slots).zip(row) {
                column.compare(index, program.number(*slot), *theirs);
            }
        }
        columns
    }
}

/// How well we agree on one expression.
struct Column {
    expression: String,
    /// What rounding may leave of it.
    floor: f64,
    compared: u64,
    /// The first bar at which both are defined, counted from 1.
    first: Option<usize>,
    /// Largest difference as a share of the value, of those that are near enough by it.
    relative: f64,
    /// Values so near zero that their difference is what rounding leaves.
    near_zero: u64,
    /// Values that are too far off; all, when they are not defined from the same bar on.
    far: u64,
    /// The first of them.
    beyond: Option<String>,
}

impl Column {
    fn compare(&mut self, index: usize, ours: f64, theirs: f64) {
        let told = || format!("bar {index}: {ours:e}, TA-Lib {theirs:e}");
        if ours.is_nan() || theirs.is_nan() {
            // Defined from the same bar on.
            if ours.is_nan() != theirs.is_nan() {
                self.far = u64::MAX;
                self.beyond.get_or_insert_with(told);
            }
            return;
        }
        self.compared += 1;
        self.first.get_or_insert(index + 1);
        let difference = (ours - theirs).abs();
        let relative = if difference == 0.0 {
            0.0
        } else {
            difference / theirs.abs()
        };
        if relative <= TOLERANCE {
            self.relative = self.relative.max(relative);
        } else if difference <= self.floor {
            self.near_zero += 1;
        } else {
            self.far = self.far.saturating_add(1);
            self.beyond
                .get_or_insert_with(|| format!("{}: off by {relative:e}", told()));
        }
    }
}

/// Prints the table, and fails for what does not agree.
fn judge(title: &str, table: &Table) {
    let columns = table.agreement();
    let mut text = format!("{title}: {} bars\n\n", table.rows.len());
    text += "| indicator | from bar | values compared | largest relative difference | near zero, within |\n";
    text += "|---|---:|---:|---:|---:|\n";
    for it in &columns {
        let first = it.first.map_or_else(|| "-".to_owned(), |first| first.to_string());
        let near = match it.near_zero {
            0 => "none".to_owned(),
            count => format!("{count}, {:.0e}", it.floor),
        };
        writeln!(
            text,
            "| `{}` | {first} | {} | {:.1e} | {near} |",
            it.expression, it.compared, it.relative
        )
        .expect("a string grows");
    }
    println!("{text}");
    let beyond = columns.iter().filter_map(|it| Some((it, it.beyond.as_ref()?)));
    let failures: Vec<String> = beyond
        .map(|(it, place)| {
            format!(
                "{}: {} of {}, first at {place}",
                it.expression, it.far, it.compared
            )
        })
        .collect();
    assert!(failures.is_empty(), "{title}\n{}", failures.join("\n"));
    assert!(columns.iter().all(|it| it.compared > 0), "{title}: too few bars");
}

#[test]
fn every_indicator_agrees_with_talib_from_its_first_bar() {
    judge("A random walk", &Table::committed());
}

/// Real bars may not be committed, nor what TA-Lib makes of them; so the reference is made here.
#[test]
fn every_indicator_agrees_with_talib_on_real_bars() {
    let shared = std::env::var_os("PAPERTAPE_SHARED").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        Into::into,
    );
    let python = std::env::var("TALIB_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/make_talib_table.py");
    for (name, bars) in [
        ("SPY-1d.csv", "3000"),
        ("BTCUSDT-1m.csv", "5000"),
        ("ESZ3-1m.csv", "3000"),
    ] {
        let path = shared.join("data").join(name);
        if !path.exists() {
            eprintln!("skipped: there is no {}; set PAPERTAPE_SHARED", path.display());
            continue;
        }
        let made = Command::new(&python)
            .arg(script)
            .arg("--bars")
            .arg(&path)
            .arg(bars)
            .output();
        match made {
            Ok(made) if made.status.success() => {
                judge(
                    name,
                    &Table::read(&String::from_utf8(made.stdout).expect("a table")),
                );
            }
            Ok(made) if !String::from_utf8_lossy(&made.stderr).contains("ModuleNotFoundError") => {
                panic!("{}", String::from_utf8_lossy(&made.stderr));
            }
            _ => eprintln!("skipped: {python} has no TA-Lib; set TALIB_PYTHON to one that has, see {script}"),
        }
    }
}

#[test]
fn every_indicator_of_the_language_is_compared_or_is_our_own() {
    let table = Table::committed();
    let all = table.expressions.join(" ");
    let compared: Vec<&str> = all
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .collect();
    for word in outline::words() {
        let is_compared = compared.contains(&word.name.as_str());
        let is_price = ["typprice", "wclprice", "bop"].contains(&word.name.as_str());
        if word.group == WordGroup::Indicator || is_price {
            let is_own = OWN.contains(&word.name.as_str()) || WORDS.contains(&word.name.as_str());
            assert!(is_compared != is_own, "{}", word.name);
        }
        for output in word.outputs.iter().filter(|_| is_compared) {
            let field = format!(".{output}");
            let is_there = |it: &&String| it.contains(&format!("{}(", word.name)) && it.ends_with(&field);
            assert!(
                table.expressions.iter().any(|it| is_there(&it)),
                "{}{field}",
                word.name
            );
        }
    }
}

#[test]
fn a_strategy_reports_the_warm_up_of_its_indicators() {
    let table = Table::committed();
    for (column, expression) in table.expressions.iter().enumerate() {
        let bars = 1 + table
            .rows
            .iter()
            .position(|row| !row[column].is_nan())
            .expect("defined at some bar");
        let yaml = format!("name: x\nentry: {{long: '{expression} > 0'}}\n");
        let strategy = Strategy::compile(&yaml, &BTreeMap::new(), None).expect("compiles");
        assert_eq!(strategy.warm_up(), bars, "{expression}");
    }
}
