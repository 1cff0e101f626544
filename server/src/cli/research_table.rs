//! The results of searches for people.

use super::table::{number, percent};
use papertape::api::{
    DataQuality, MonteCarloReport, RunFacts, StudyReport, SweepReport, SweepRow, WalkForwardReport,
};
use papertape::backtest::Quantiles;
use papertape::backtest::overfitting::{BacktestOverfitting, DeflatedSharpe};
use papertape::backtest::sweep::Params;
use papertape::model::{Symbol, Timestamp};
use std::fmt::Write as _;

/// A study's report; of a sweep's table so many rows.
pub(super) fn words(report: &StudyReport, rows: usize) -> String {
    match report {
        StudyReport::Sweep(report) => sweep(report, rows),
        StudyReport::WalkForward(report) => walk_forward(report),
        StudyReport::MonteCarlo(report) => monte_carlo(report),
    }
}

/// A sweep's rows, best first, and what they prove.
fn sweep(report: &SweepReport, most: usize) -> String {
    let mut text = String::new();
    let objective = report.objective.name();
    heading(&mut text, &report.run);
    let ended = if report.canceled { ", ended early" } else { "" };
    line(
        &mut text,
        &format!(
            "{} of {} combinations tried ({}{ended}), best {objective} first",
            report.tried, report.combinations, report.method
        ),
    );
    doubts(&mut text, report.data_quality, &report.warnings);
    let names: Vec<_> = report
        .rows
        .first()
        .map(|row| row.params.keys().cloned().collect())
        .unwrap_or_default();
    let mut head: Vec<String> = vec!["#".into()];
    head.extend(names);
    // What the other columns say already is not said twice.
    let is_own = !["sharpe", "total_return", "max_drawdown", "trades"].contains(&objective);
    head.extend(is_own.then(|| objective.to_owned()));
    head.extend(["return", "sharpe", "drawdown", "trades", "win rate", "fees"].map(str::to_owned));
    let refuses = report.rows.iter().any(|row| !row.refused_orders.is_empty());
    head.extend(refuses.then(|| "refused".to_owned()));
    let halts = report.rows.iter().any(|row| row.halt.is_some());
    head.extend(halts.then(|| "halted".to_owned()));
    let is_proved = report.out_of_sample.is_some();
    head.extend(is_proved.then(|| "later return".to_owned()));
    head.extend(is_proved.then(|| "later sharpe".to_owned()));
    let rows = report.rows.iter().take(most).map(|row| {
        let metrics = &row.metrics;
        let mut cells = vec![row.rank.to_string()];
        cells.extend(row.params.values().map(f64::to_string));
        cells.extend(is_own.then(|| number(row.objective)));
        cells.extend([
            percent(Some(metrics.total_return)),
            number(metrics.sharpe),
            percent(Some(metrics.max_drawdown)),
            metrics.trades.to_string(),
            percent(metrics.win_rate),
            number(Some(metrics.total_fees)),
        ]);
        cells.extend(refuses.then(|| refused(row).to_string()));
        let halted = || row.halt.as_ref().map(|halt| minute(halt.time));
        cells.extend(halts.then(|| halted().unwrap_or_else(|| "-".to_owned())));
        let later = row.out_of_sample.as_ref();
        cells.extend(is_proved.then(|| percent(later.map(|it| it.total_return))));
        cells.extend(is_proved.then(|| number(later.and_then(|it| it.sharpe))));
        cells
    });
    table(&mut text, head, rows.collect());
    if report.rows.len() > most {
        line(
            &mut text,
            &format!("… and {} more (--rows N, --json)", report.rows.len() - most),
        );
    }
    for row in &report.invalid {
        line(
            &mut text,
            &format!("not run: {}: {}", params(&row.params), row.problems.join("; ")),
        );
    }
    judgement(
        &mut text,
        report.deflated_sharpe.as_ref(),
        report.overfitting.as_ref(),
    );
    stability(&mut text, report);
    line(
        &mut text,
        &format!(
            "{:.0} ms to load, {:.0} ms to run on {} threads, {:.1} combinations a second",
            report.timing.load_ms,
            report.timing.run_ms,
            report.timing.threads,
            report.timing.combinations_per_second
        ),
    );
    text
}

/// How many orders of a combination were refused.
fn refused(row: &SweepRow) -> u64 {
    row.refused_orders.iter().map(|it| it.count).sum()
}

/// A time to the minute.
fn minute(time: Timestamp) -> String {
    time.to_string().chars().take(16).collect()
}

fn stability(text: &mut String, report: &SweepReport) {
    let Some(map) = &report.stability else { return };
    let place = |at: usize| {
        let cell = map.cells.get(at)?;
        let width = map.x_values.len();
        Some((map.x_values.get(at % width)?, map.y_values.get(at / width)?, cell))
    };
    if let Some((x, y, cell)) = map.peak.and_then(place) {
        line(
            text,
            &format!(
                "Around the best, {}={x} {}={y}: mean {}, worst neighbour {}",
                map.x,
                map.y,
                number(cell.neighbours_mean),
                number(cell.neighbours_worst)
            ),
        );
    }
    if let Some((x, y, cell)) = map.plateau.filter(|at| Some(*at) != map.peak).and_then(place) {
        line(
            text,
            &format!(
                "Steadiest place, {}={x} {}={y}: {}, mean {}, worst neighbour {}",
                map.x,
                map.y,
                if cell.boundless {
                    "boundless".to_owned()
                } else {
                    number(cell.value)
                },
                number(cell.neighbours_mean),
                number(cell.neighbours_worst)
            ),
        );
    }
}

fn judgement(
    text: &mut String,
    deflated: Option<&DeflatedSharpe>,
    overfitting: Option<&BacktestOverfitting>,
) {
    if let Some(judged) = deflated {
        line(
            text,
            &format!(
                "Deflated Sharpe ratio: {} likely to be more than the luck of {} tries ({} if it had been the only one)",
                percent(Some(judged.deflated)),
                judged.trials,
                percent(Some(judged.probabilistic))
            ),
        );
    }
    if let Some(judged) = overfitting {
        line(
            text,
            &format!(
                "Overfitting: the best of one half of the days was in the worse half in the other in {} of {} splits, and lost money in {}",
                percent(Some(judged.probability)),
                judged.splits,
                percent(Some(judged.probability_of_loss))
            ),
        );
    }
}

fn heading(text: &mut String, run: &RunFacts) {
    let symbols: Vec<&str> = run.symbols.iter().map(Symbol::as_str).collect();
    let (symbols, bars) = match symbols.len() {
        ..=1 => (run.symbol.to_string(), "bars"),
        _ => (symbols.join(", "), "times at which bars opened"),
    };
    line(
        text,
        &format!(
            "{} on {symbols}, rules on {}: {} {bars}, {} to {}",
            run.strategy, run.timeframe, run.bars, run.from, run.to
        ),
    );
}

/// What makes the result less than it seems.
fn doubts(text: &mut String, quality: DataQuality, warnings: &[String]) {
    if quality.gaps > 0 {
        line(
            text,
            &format!("Gaps: {}, {} bars missing", quality.gaps, quality.missing_bars),
        );
    }
    for warning in warnings {
        line(text, &format!("Warning: {warning}"));
    }
}

fn params(params: &Params) -> String {
    let words: Vec<_> = params
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    words.join(" ")
}

fn line(text: &mut String, words: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{words}");
}

/// Columns as wide as their widest cell, right-aligned.
fn table(text: &mut String, head: Vec<String>, rows: Vec<Vec<String>>) {
    let width = |column: usize| {
        let cells = std::iter::once(&head)
            .chain(&rows)
            .filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    for row in std::iter::once(&head).chain(&rows) {
        let cells: Vec<_> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        line(text, &cells.join("  "));
    }
}

/// A walk-forward's windows, and the account that went through them.
fn walk_forward(report: &WalkForwardReport) -> String {
    let mut text = String::new();
    heading(&mut text, &report.run);
    let objective = report.objective.name();
    let how = if report.anchored {
        "from the first bar on"
    } else {
        "from a part that moves along"
    };
    let ended = if report.canceled { ", ended early" } else { "" };
    line(
        &mut text,
        &format!(
            "{} of {} windows{ended}, best {objective} chosen {how} ({})",
            report.windows.len(),
            report.windows_asked,
            report.method
        ),
    );
    doubts(&mut text, report.data_quality, &report.warnings);
    let head = [
        "#",
        "from",
        "to",
        "parameters",
        objective,
        "then",
        "return",
        "then",
        "trades",
    ];
    let rows = report.windows.iter().map(|it| {
        vec![
            it.number.to_string(),
            minute(it.from),
            minute(it.to),
            params(&it.params),
            number(it.in_sample_objective),
            number(it.objective),
            percent(Some(it.in_sample.total_return)),
            percent(Some(it.out_of_sample.total_return)),
            it.out_of_sample.trades.to_string(),
        ]
    });
    table(&mut text, head.map(str::to_owned).into(), rows.collect());
    let metrics = &report.metrics;
    line(
        &mut text,
        &format!(
            "Out of sample: {}, Sharpe {}, max drawdown {}, {} trades, final equity {}",
            percent(Some(metrics.total_return)),
            number(metrics.sharpe),
            percent(Some(metrics.max_drawdown)),
            metrics.trades,
            report.final_equity.round_dp(2)
        ),
    );
    line(
        &mut text,
        &format!(
            "{} of {} windows earned something; efficiency {} (what a bar earned out of sample, over in sample)",
            report.profitable,
            report.windows.len(),
            number(report.efficiency)
        ),
    );
    text
}

/// What else could have come of a backtest.
fn monte_carlo(report: &MonteCarloReport) -> String {
    let mut text = String::new();
    heading(&mut text, &report.run);
    let result = &report.result;
    let courses = if result.canceled {
        format!("Ended early: {} of {}", result.courses, report.spec.courses)
    } else {
        result.courses.to_string()
    };
    let what = match report.spec.resampling {
        papertape::backtest::Resampling::TradeOrder => "trades in another order",
        papertape::backtest::Resampling::Trades => "trades drawn with repetition",
        papertape::backtest::Resampling::Days => "days drawn in blocks",
    };
    line(
        &mut text,
        &format!("{courses} courses of {} {what}", result.steps),
    );
    doubts(&mut text, report.data_quality, &report.warnings);
    let head = ["", "5 %", "25 %", "50 %", "75 %", "95 %", "as it was"];
    let row = |name: &str, it: &Quantiles, show: &dyn Fn(f64) -> String, actual: f64| {
        let mut cells = vec![name.to_owned()];
        cells.extend([it.p5, it.p25, it.p50, it.p75, it.p95, actual].map(show));
        cells
    };
    let money = |value: f64| format!("{value:.2}");
    let share = |value: f64| percent(Some(value));
    let rows = vec![
        row(
            "final equity",
            &result.final_equity,
            &money,
            result.actual_final_equity,
        ),
        row(
            "max drawdown",
            &result.max_drawdown,
            &share,
            result.actual_max_drawdown,
        ),
    ];
    table(&mut text, head.map(str::to_owned).into(), rows);
    line(
        &mut text,
        &format!(
            "Probability of a loss: {}; of losing {} at any time: {}",
            share(result.probability_of_loss),
            share(report.spec.ruin),
            share(result.probability_of_ruin)
        ),
    );
    text
}
