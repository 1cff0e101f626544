//! What came of a sweep: every combination, best first, and whether the best of them was luck.

use super::heat::HeatMaps;
use super::{Opened, Opener, objectives};
use crate::components::table::{self, figure, figure_of};
use crate::components::{Change, Frame, Limit, More};
use crate::erased::on;
use crate::format::{self, NONE};
use crate::pages::backtest::caveats;
use leptos::prelude::*;
use papertape::api::{SweepReport, SweepRow};
use papertape::backtest::overfitting::{BacktestOverfitting, DeflatedSharpe};
use papertape::backtest::sweep::Objective;

/// A column by which the table can be sorted: its name, its value, and whether small is good.
type Sort = (&'static str, fn(&SweepRow) -> Option<f64>, bool);

const SORTS: [Sort; 8] = [
    ("Rank", |row| Some(row.rank as f64), true),
    ("Return", |row| Some(row.metrics.total_return), false),
    ("Sharpe", |row| row.metrics.sharpe, false),
    ("Drawdown", |row| Some(row.metrics.max_drawdown), true),
    ("Win rate", |row| row.metrics.win_rate, false),
    ("Profit factor", |row| row.metrics.profit_factor, false),
    ("Trades", |row| Some(row.metrics.trades as f64), false),
    ("Later return", later, false),
];

fn later(row: &SweepRow) -> Option<f64> {
    row.out_of_sample.as_ref().map(|it| it.total_return)
}

/// Rows by a column, the best first; equal ones as they were ranked.
fn order(rows: &mut [SweepRow], (_, value, small_is_good): Sort) {
    let merit = |row: &SweepRow| value(row).map(|it| if small_is_good { -it } else { it });
    rows.sort_by(|a, b| Objective::best_first(merit(a), merit(b)).then(a.rank.cmp(&b.rank)));
}

pub(super) fn view(report: &SweepReport, currency: &str, open: Opener) -> AnyView {
    let maps: Vec<_> = report
        .stability
        .iter()
        .chain(&report.stability_of_others)
        .cloned()
        .collect();
    let objective = report.objective;
    let map = (!maps.is_empty()).then(|| view! { <HeatMaps maps objective currency=currency.to_owned() /> });
    let judgement = judgement(report);
    view! {
        {caveats(&report.warnings)}
        <Frame title="Was it luck?">{judgement}</Frame>
        {combinations(report, currency, open)}
        {map}
    }
    .into_any()
}

fn combinations(report: &SweepReport, currency: &str, open: Opener) -> AnyView {
    let rows = StoredValue::new(report.rows.clone());
    let has_later = report.out_of_sample.is_some();
    let sorts: Vec<Sort> = SORTS
        .into_iter()
        .filter(|(name, ..)| has_later || *name != "Later return")
        .collect();
    // Its own column, unless it has one.
    let objective = report.objective;
    let extra = ![
        "sharpe",
        "total_return",
        "max_drawdown",
        "win_rate",
        "profit_factor",
        "trades",
    ]
    .contains(&objective.name());
    let sorted = RwSignal::new(0_usize);
    let limit = Limit::new();
    let mut heads: Vec<_> = sorts
        .iter()
        .enumerate()
        .map(|(place, (name, _, small_is_good))| {
            let direction = if *small_is_good { "ascending" } else { "descending" };
            view! {
                <th
                    scope="col"
                    class="number"
                    aria-sort=move || (sorted.get() == place).then_some(direction)
                >
                    <button type="button" class="sort" on:click=on(move |_| sorted.set(place))>
                        {*name}
                    </button>
                </th>
            }
            .into_any()
        })
        .collect();
    let mut words = vec![table::text("Parameters"), table::silent("Open")];
    if extra {
        words.insert(0, table::number(objectives::words(objective)));
    }
    heads.extend(table::heads(words));
    let currency = currency.to_owned();
    let span = (report.run.from, report.run.to);
    let body = move || {
        let mut rows = rows.get_value();
        if let Some(sort) = sorts.get(sorted.get()) {
            order(&mut rows, *sort);
        }
        let cells = |row: &SweepRow| {
            let score = extra.then(|| objectives::value(objective, row.objective, &currency));
            sweep_row(
                row,
                score,
                has_later,
                open,
                Opened::over(row.params.clone(), span),
            )
        };
        limit.of(&rows).iter().map(cells).collect::<Vec<_>>()
    };
    let count = report.rows.len();
    let table = table::with_heads("cards-on-phone sweep", heads.into_any(), body.into_any());
    let summary = summary(report);
    view! {
        <Frame title="Combinations">
            <p class="hint lead-note">{summary}</p>
            {table}
            <More limit all=Signal::stored(count) />
        </Frame>
    }
    .into_any()
}

fn summary(report: &SweepReport) -> String {
    let unrun = match report.invalid.len() as u64 {
        0 => String::new(),
        count => {
            let why = report.invalid.first().and_then(|it| it.problems.first());
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            format!(" {} could not run{why}.", format::count(count))
        }
    };
    let kept = report.rows.len() as u64;
    let cut = if kept > 0 && report.tried > kept + report.invalid.len() as u64 {
        format!(" The best {} are kept.", format::count(kept))
    } else {
        String::new()
    };
    let later = report.out_of_sample.as_ref().map_or_else(String::new, |later| {
        format!(
            " “Later” is on the {} bars from {} on, which the search has not seen.",
            format::count(later.bars),
            format::time(later.from, 0, format::TimeStyle::Day)
        )
    });
    format!(
        "{} of {} combinations tried on {} bars in {}, {} a second on {} threads; best by {}.{cut}{unrun}{later}",
        format::count(report.tried),
        format::count(report.combinations),
        format::count(report.run.bars),
        format::duration(report.timing.run_ms / 1_000.0),
        format::compact(report.timing.combinations_per_second),
        format::count(report.timing.threads),
        objectives::words(report.objective),
    )
}

fn sweep_row(
    row: &SweepRow,
    score: Option<String>,
    has_later: bool,
    open: Opener,
    opened: Opened,
) -> AnyView {
    let metrics = &row.metrics;
    let ratio = |value: Option<f64>, digits| {
        value.map_or_else(|| NONE.to_owned(), |value| format::number(value, digits))
    };
    let change = |value: f64| {
        view! { <Change value=Signal::stored(value) text=Signal::stored(format::signed_percent(value, 2)) /> }
            .into_any()
    };
    let win_rate = metrics.win_rate;
    let mut cells = vec![
        figure_of("Return", change(metrics.total_return)),
        figure("Sharpe", ratio(metrics.sharpe, 2)),
        figure("Drawdown", format::percent(metrics.max_drawdown, 2)),
        figure(
            "Win rate",
            win_rate.map_or_else(|| NONE.to_owned(), |it| format::percent(it, 1)),
        ),
        figure("Profit factor", ratio(metrics.profit_factor, 2)),
        figure("Trades", format::count(metrics.trades)),
    ];
    if has_later {
        cells.push(match later(row) {
            Some(value) => figure_of("Later return", change(value)),
            None => figure("Later return", NONE.to_owned()),
        });
    }
    if let Some(score) = score {
        cells.push(figure("Best by", score));
    }
    let params = format::parameters(&row.params);
    view! {
        <tr data-testid="sweep-row">
            {table::head("Rank", row.rank)} {cells} {table::words("Parameters", params, setbacks(row))}
            {open.button(opened)}
        </tr>
    }
    .into_any()
}

/// What kept a combination from doing what it wanted, in a few words.
fn setbacks(row: &SweepRow) -> Option<String> {
    let refused: u64 = row.refused_orders.iter().map(|it| it.count).sum();
    let orders = if refused == 1 { "order" } else { "orders" };
    let refused = (refused > 0).then(|| format!("{} {orders} refused", format::count(refused)));
    let halted = row.halt.as_ref().map(|halt| {
        let day = format::time(halt.time, 0, format::TimeStyle::Day);
        format!("halted on {day} ({})", halt.code)
    });
    let words: Vec<_> = refused.into_iter().chain(halted).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// What the tries prove, as one would say it.
fn judgement(report: &SweepReport) -> AnyView {
    let mut said = Vec::new();
    if let Some(judged) = &report.deflated_sharpe {
        said.push(stat(
            "Deflated Sharpe ratio",
            format::percent(judged.deflated, 1),
            luck(judged),
        ));
    }
    if let Some(judged) = &report.overfitting {
        said.push(stat(
            "Probability of overfitting",
            format::percent(judged.probability, 1),
            halves(judged),
        ));
    }
    if said.is_empty() {
        let text =
            "Too few days or combinations to tell skill from luck: take more bars, or more combinations.";
        return view! { <p class="quiet" data-testid="study-judgement">{text}</p> }.into_any();
    }
    view! { <div class="strip plain judgement" data-testid="study-judgement">{said}</div> }.into_any()
}

pub(super) fn stat(name: &'static str, value: String, hint: String) -> AnyView {
    view! {
        <div class="stat">
            <p class="name">{name}</p>
            <p class="value">{value}</p>
            <p class="hint">{hint}</p>
        </div>
    }
    .into_any()
}

fn luck(judged: &DeflatedSharpe) -> String {
    let verdict = match judged.deflated {
        it if it >= 0.95 => "Luck alone hardly explains the best",
        it if it >= 0.5 => "The best may be luck",
        _ => "The best looks like luck",
    };
    format!(
        "{verdict}: that is the probability that its edge is real, all {} tries counted ({} if it had been the only one). \
         Without any skill the best of so many would reach a daily Sharpe ratio of about {} by luck; this one has {}.",
        format::count(judged.trials),
        format::percent(judged.probabilistic, 1),
        format::number(judged.expected_maximum, 3),
        format::number(judged.sharpe, 3),
    )
}

fn halves(judged: &BacktestOverfitting) -> String {
    let verdict = match judged.probability {
        it if it <= 0.1 => "What was best stays good",
        it if it < 0.4 => "What was best often stays good",
        it if it <= 0.6 => "What was best says little about what comes",
        _ => "What was best tends to be worse afterwards",
    };
    format!(
        "{verdict}: in so many of {} splits of the days, the best of one half was no better than the middle of all \
         combinations in the other. It lost money there in {}.",
        format::count(judged.splits),
        format::percent(judged.probability_of_loss, 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::analytics::Metrics;
    use papertape::backtest::sweep::Params;
    use rust_decimal::Decimal;

    fn row(rank: u64, max_drawdown: f64, sharpe: Option<f64>) -> SweepRow {
        SweepRow {
            rank,
            params: Params::new(),
            objective: sharpe,
            final_equity: Decimal::ONE,
            metrics: Metrics {
                max_drawdown,
                sharpe,
                ..Metrics::default()
            },
            refused_orders: Vec::new(),
            halt: None,
            out_of_sample: None,
        }
    }

    #[test]
    fn every_column_puts_what_is_good_first_and_what_is_missing_last() {
        let mut rows = vec![row(1, 0.3, Some(2.0)), row(2, 0.1, None), row(3, 0.3, Some(3.0))];
        let by = |rows: &mut Vec<SweepRow>, name: &str| {
            let sort = SORTS
                .into_iter()
                .find(|(known, ..)| *known == name)
                .expect("a column");
            order(rows, sort);
            rows.iter().map(|row| row.rank).collect::<Vec<_>>()
        };
        assert_eq!(by(&mut rows, "Drawdown"), [2, 1, 3]);
        assert_eq!(by(&mut rows, "Sharpe"), [3, 1, 2]);
        assert_eq!(by(&mut rows, "Rank"), [1, 2, 3]);
        assert_eq!(by(&mut rows, "Later return"), [1, 2, 3]);
    }
}
