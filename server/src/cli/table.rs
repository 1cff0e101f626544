//! A backtest's result for people.

use papertape::api::BacktestReport;
use std::fmt::Write;

/// The result as a table of two columns.
pub(super) fn report(report: &BacktestReport) -> String {
    let metrics = &report.metrics;
    let params = report
        .strategy
        .params
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(" ");
    let span = format!("{} to {}", report.from, report.to);
    let quality = &report.data_quality;
    let gaps = match quality.gaps {
        0 => "none".to_owned(),
        gaps => format!("{gaps}, {} bars missing", quality.missing_bars),
    };
    let trades = format!(
        "{} ({} won, {} lost)",
        metrics.trades, metrics.winning_trades, metrics.losing_trades
    );
    let band = report.band.as_ref().map_or_else(
        || "not run (--band)".to_owned(),
        |band| {
            format!(
                "{} pessimistic, {} optimistic",
                percent(Some(band.pessimistic.total_return)),
                percent(Some(band.optimistic.total_return))
            )
        },
    );
    let flows = report
        .cash_flows
        .iter()
        .map(|sum| format!("{} {} ({})", sum.kind, sum.amount.round_dp(2), sum.count))
        .collect::<Vec<_>>()
        .join(", ");
    let actions = match report.actions {
        0 => "none (--actions)".to_owned(),
        actions if flows.is_empty() => actions.to_string(),
        actions => format!("{actions}: {flows}"),
    };
    let warnings = match report.warnings.as_slice() {
        [] => "none".to_owned(),
        warnings => warnings.join("; "),
    };
    let refused: Vec<_> = report
        .refused_orders
        .iter()
        .map(|it| format!("{} {} {} ({})", it.count, it.purpose, it.by, it.code))
        .collect();
    let refused = match refused.as_slice() {
        [] => "none".to_owned(),
        refused => refused.join(", "),
    };
    let rows = [
        ("Strategy", report.strategy.name.clone()),
        ("Parameters", params),
        (
            "Market",
            format!("{}, rules on {}", report.symbol, report.timeframe),
        ),
        ("Bars", format!("{} ({span})", report.bars)),
        ("Gaps", gaps),
        ("Actions", actions),
        ("Warnings", warnings),
        ("Initial capital", report.initial_capital.to_string()),
        ("Final equity", report.final_equity.round_dp(2).to_string()),
        ("Total return", percent(Some(metrics.total_return))),
        ("Band", band),
        ("Buy and hold", percent(metrics.buy_and_hold_return)),
        ("CAGR", percent(metrics.cagr)),
        ("Sharpe", number(metrics.sharpe)),
        ("Sortino", number(metrics.sortino)),
        ("Max drawdown", percent(Some(metrics.max_drawdown))),
        ("Trades", trades),
        ("Refused orders", refused),
        ("Win rate", percent(metrics.win_rate)),
        ("Profit factor", number(metrics.profit_factor)),
        ("Expectancy", number(metrics.expectancy)),
        ("Exposure", percent(Some(metrics.exposure))),
        ("Fees", number(Some(metrics.total_fees))),
        ("Event hash", report.event_hash.clone()),
        (
            "Time",
            format!(
                "{:.0} ms to load, {:.1} ms to run, {:.0} bars a second",
                report.timing.load_ms, report.timing.run_ms, report.timing.bars_per_second
            ),
        ),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<16} {value}");
    }
    text
}

pub(super) fn percent(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.2} %", ratio * 100.0))
}

pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}
