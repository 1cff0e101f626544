//! What came of a walk-forward: window by window, what was chosen and what it then earned.

use super::sweep::stat;
use super::{Opened, Opener, objectives};
use crate::components::table::{self, cell, figure, figure_of, head, number, silent, text, words};
use crate::components::{Change, Frame, Sparkline, Time};
use crate::format::{self, NONE, TimeStyle};
use crate::pages::backtest::caveats;
use leptos::prelude::*;
use papertape::api::{WalkForwardReport, WalkForwardWindow};

pub(super) fn view(report: &WalkForwardReport, currency: &str, open: Opener) -> AnyView {
    let metrics = &report.metrics;
    let objective = report.objective;
    let score = objectives::value(objective, objective.of(metrics), currency);
    let equity: Vec<f64> = report.equity.iter().map(|(_, equity)| *equity).collect();
    let efficiency = report.efficiency.map_or_else(
        || {
            (
                NONE.to_owned(),
                "What was chosen earned nothing in sample, so there is nothing to compare with.".to_owned(),
            )
        },
        |it| (format::number(it, 2), worth(it)),
    );
    let held = report.windows.len() as u64;
    let left = if held < report.windows_asked {
        format!(" of {} asked for", format::count(report.windows_asked))
    } else {
        String::new()
    };
    let stats = vec![
        stat(
            "Return",
            format::signed_percent(metrics.total_return, 2),
            format!(
                "of one account through all {} windows{left}, each with what was chosen before it",
                format::count(held),
            ),
        ),
        stat(
            objectives::words(objective),
            score,
            "of the same account, out of sample".to_owned(),
        ),
        stat(
            "Max drawdown",
            format::percent(metrics.max_drawdown, 2),
            format!("{} trades", format::count(metrics.trades)),
        ),
        stat("Efficiency", efficiency.0, efficiency.1),
        stat(
            "Windows that earned",
            format!("{} of {}", format::count(report.profitable), format::count(held)),
            "after all costs, out of sample".to_owned(),
        ),
    ];
    let (strip, windows) = (strip(report), windows(report, currency, open));
    view! {
        {caveats(&report.warnings)}
        <Frame title="Out of sample">
            <div class="strip plain" data-testid="study-judgement">{stats}</div>
            <div class="stitched"><Sparkline values=Signal::stored(equity) /></div>
        </Frame>
        <Frame title="In sample against out of sample">
            {strip}
            {windows}
        </Frame>
    }
    .into_any()
}

/// What an efficiency says of the past as a guide.
fn worth(efficiency: f64) -> String {
    let verdict = match efficiency {
        it if it >= 0.7 => "The past was a good guide",
        it if it >= 0.3 => "The past was some guide",
        it if it > 0.0 => "The past was a poor guide",
        _ => "The past was no guide",
    };
    format!("{verdict}: what a bar earned out of sample, over what it did in sample")
}

/// Where two values stand beside each other, from the one that was chosen to the one that came: each as the share of the
/// largest, with its sign.
fn shares(windows: &[WalkForwardWindow]) -> Vec<[Option<f64>; 2]> {
    let pairs = windows.iter().map(|it| [it.in_sample_objective, it.objective]);
    let largest = pairs
        .clone()
        .flatten()
        .flatten()
        .filter(|value| value.is_finite())
        .fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let share = |value: f64| {
        if largest > 0.0 {
            value.clamp(-largest, largest) / largest
        } else {
            0.0
        }
    };
    pairs.map(|pair| pair.map(|value| value.map(share))).collect()
}

/// A pair of bars a window; the table below says the same in numbers.
fn strip(report: &WalkForwardReport) -> AnyView {
    let bar = |share: Option<f64>, class: &'static str| {
        let share = share.unwrap_or_default();
        let style = format!(
            "--up: {:.1}%; --down: {:.1}%",
            share.max(0.0) * 100.0,
            (-share).max(0.0) * 100.0
        );
        view! { <span class=class style=style></span> }
    };
    let pairs: Vec<_> = report
        .windows
        .iter()
        .zip(shares(&report.windows))
        .map(|(window, [chosen, came])| {
            let direction = format::Direction::of(came.unwrap_or_default());
            view! {
                <div class="pair">
                    {bar(chosen, "in")}
                    {bar(came, if direction == format::Direction::Down { "out loss" } else { "out gain" })}
                    <small>{window.number}</small>
                </div>
            }
        })
        .collect();
    view! {
        <div class="walk-strip" data-testid="walk-strip" aria-hidden="true">{pairs}</div>
        <p class="hint lead-note">
            {objectives::words(report.objective)}
            " of each window: pale where the parameters were chosen, full where they then ran. The table says it in numbers."
        </p>
    }
    .into_any()
}

fn windows(report: &WalkForwardReport, currency: &str, open: Opener) -> AnyView {
    let objective = report.objective;
    let score = |value: Option<f64>| objectives::value(objective, value, currency);
    let change = |value: f64| {
        view! { <Change value=Signal::stored(value) text=Signal::stored(format::signed_percent(value, 2)) /> }
            .into_any()
    };
    let rows: Vec<_> = report
        .windows
        .iter()
        .map(|window| {
            let from = view! { <Time at=window.from style=TimeStyle::Minute /> }.into_any();
            let chosen = format!("chosen on {} bars", format::count(window.in_sample_bars));
            let params = if window.params.is_empty() {
                "nothing could be judged, nothing traded".to_owned()
            } else {
                format::parameters(&window.params)
            };
            let opened = Opened::over(window.params.clone(), (window.from, window.to));
            view! {
                <tr data-testid="window-row">
                    {head("Window", window.number)} {cell("From", from, Some(chosen))}
                    {figure("In sample", score(window.in_sample_objective))}
                    {figure("Out of sample", score(window.objective))}
                    {figure_of("Return then", change(window.in_sample.total_return))}
                    {figure_of("Return after", change(window.out_of_sample.total_return))}
                    {figure("Trades", format::count(window.out_of_sample.trades))}
                    {words("Parameters", params, None)} {open.button(opened)}
                </tr>
            }
        })
        .collect();
    let columns = vec![
        number("#"),
        text("Ran from"),
        number("In sample"),
        number("Out of sample"),
        number("Return in sample"),
        number("Return out of sample"),
        number("Trades"),
        text("Parameters"),
        silent("Open"),
    ];
    table::table("cards-on-phone", columns, rows.into_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::analytics::Metrics;
    use papertape::model::Timestamp;

    fn window(chosen: Option<f64>, came: Option<f64>) -> WalkForwardWindow {
        WalkForwardWindow {
            number: 1,
            in_sample_from: Timestamp::default(),
            from: Timestamp::default(),
            to: Timestamp::default(),
            in_sample_bars: 3,
            bars: 1,
            params: Default::default(),
            in_sample_objective: chosen,
            objective: came,
            in_sample: Metrics::default(),
            out_of_sample: Metrics::default(),
        }
    }

    #[test]
    fn bars_are_as_long_as_their_share_of_the_largest() {
        let windows = [window(Some(2.0), Some(-1.0)), window(None, Some(0.5))];
        assert_eq!(shares(&windows), [[Some(1.0), Some(-0.5)], [None, Some(0.25)]]);
        assert_eq!(shares(&[window(Some(0.0), None)]), [[Some(0.0), None]]);
    }
}
