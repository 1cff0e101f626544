//! Below both sides: what the strategy, as it is being written, would have done.

use super::desk::Desk;
use super::reader;
use crate::chart::Chart;
use crate::chart::options::{EquityCurve, equity};
use crate::components::table::{self, figure, figure_of, words};
use crate::components::{Change, Field, Frame, Time};
use crate::erased::{effect, memo, on};
use crate::format::{self, NONE};
use crate::functions::Problem;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use papertape::api::{BacktestRequest, BacktestStatus, DatasetInfo};
use papertape::model::Price;

/// How long the text rests before it is run.
const REST_MS: u32 = 400;
/// Trades that are listed.
const LISTED: usize = 10;

/// Runs the text on some bars whenever it has changed and can run.
#[component]
pub(super) fn Preview(desk: Desk, datasets: Vec<DatasetInfo>) -> impl IntoView {
    let dataset = RwSignal::new("simulated".to_owned());
    let result = RwSignal::new(None::<BacktestStatus>);
    let problem = RwSignal::new(None::<String>);
    let running = RwSignal::new(false);
    let wanted = StoredValue::new(0_u64);
    effect(move || {
        let (text, dataset) = (desk.text.get(), dataset.get());
        wanted.update_value(|wanted| *wanted += 1);
        let own = wanted.get_value();
        // What is under way is of an earlier text, and its end is not waited for.
        let is_sound = desk.is_sound();
        running.set(is_sound);
        if !is_sound {
            return;
        }
        leptos::task::spawn_local(async move {
            let current = move || wanted.try_get_value() == Some(own);
            TimeoutFuture::new(REST_MS).await;
            if !current() {
                return;
            }
            let request = BacktestRequest {
                strategy: text,
                dataset: Some(dataset),
                ..BacktestRequest::default()
            };
            let answer = reader::run(request).await;
            if !current() {
                return;
            }
            running.set(false);
            match answer {
                Ok(status) => {
                    problem.set(status.error.clone());
                    result.set(Some(status));
                }
                Err(Problem(details)) => problem.set(Some(details.detail)),
            }
        });
    });
    let options: Vec<_> = datasets
        .iter()
        .map(|set| view! { <option value=set.id.clone()>{set.label.clone()}</option> })
        .collect();
    let none = move || result.with(Option::is_none);
    let state = move || {
        if desk.behind.get() || running.get() {
            "Running"
        } else if !desk.is_sound() {
            if none() {
                "Waiting: the problems in the text come first"
            } else {
                "Waiting: the problems in the text come first. Below is the last run."
            }
        } else if problem.with(Option::is_none) {
            "Up to date"
        } else if none() {
            "The run failed"
        } else {
            "The run failed. Below is the last one that did not."
        }
    };
    view! {
        <Frame title="Backtest" class="preview" aside=move || view! { <p role="status" data-testid="preview-state">{state}</p> }>
            <div class="preview-controls">
                <Field label="Bars" control="preview-dataset">
                    <select id="preview-dataset" prop:value=dataset on:change=on(move |event| dataset.set(event_target_value(&event)))>
                        {options}
                    </select>
                </Field>
            </div>
            {move || problem.get().map(|problem| view! { <p class="note failure" role="alert">{problem}</p> })}
            <Show when=none>
                <p class="quiet">"As soon as the strategy has an entry and no problems, it runs here after every change."</p>
            </Show>
            <Outcome result />
        </Frame>
    }
    .into_any()
}

#[component]
fn Outcome(result: RwSignal<Option<BacktestStatus>>) -> impl IntoView {
    let figures = move || {
        result.with(|result| {
            let report = result.as_ref()?.report.as_ref()?;
            let metrics = &report.metrics;
            let ratio = |value: Option<f64>, text: fn(f64) -> String| value.map_or_else(|| NONE.to_owned(), text);
            let total = metrics.total_return;
            let held = ratio(metrics.buy_and_hold_return, |held| format::signed_percent(held, 2));
            let rest = [
                ("Buy and hold", "hold", held),
                ("Max drawdown", "drawdown", format::percent(metrics.max_drawdown, 2)),
                ("Sharpe", "sharpe", ratio(metrics.sharpe, |value| format::number(value, 2))),
                ("Win rate", "win-rate", ratio(metrics.win_rate, |value| format::percent(value, 1))),
                ("Trades", "trades", format::count(metrics.trades)),
            ];
            let rest: Vec<_> = rest
                .into_iter()
                .map(|(name, id, value)| view! {
                    <div class="stat"><p class="name">{name}</p><p class="value" data-testid=format!("preview-{id}")>{value}</p></div>
                })
                .collect();
            Some(view! {
                <div class="strip" role="group" aria-label="Result">
                    <div class="stat">
                        <p class="name">"Return"</p>
                        <p class="value" data-testid="preview-return">
                            <Change value=Signal::stored(total) text=Signal::stored(format::signed_percent(total, 2)) />
                        </p>
                    </div>
                    {rest}
                </div>
            })
        })
    };
    let option = memo(move |_| {
        result.with(|result| {
            let Some((status, report)) = result.as_ref().and_then(|it| Some((it, it.report.as_ref()?)))
            else {
                return String::new();
            };
            equity(&EquityCurve {
                points: status.equity.clone(),
                bars: status.bars.clone(),
                exits: report
                    .trades
                    .iter()
                    .filter_map(|trade| Some((trade.exit_time?, Price(trade.pnl).to_f64())))
                    .collect(),
                initial: Price(report.initial_capital).to_f64(),
                digits: format::currency_digits(&status.currency),
                currency: status.currency.clone(),
            })
        })
    });
    let trades = move || {
        result.with(|result| {
            let (status, report) = result.as_ref().and_then(|it| Some((it, it.report.as_ref()?)))?;
            let digits = format::currency_digits(&status.currency) as usize;
            let rows: Vec<_> = report
                .trades
                .iter()
                .rev()
                .take(LISTED)
                .map(|trade| {
                    let pnl = Price(trade.pnl).to_f64();
                    let price = |price: Option<Price>| {
                        price.map_or_else(|| NONE.to_owned(), |price| format::decimal(price.0, status.price_digits))
                    };
                    let side = format!("{:?}", trade.side).to_lowercase();
                    let change = view! { <Change value=Signal::stored(pnl) text=Signal::stored(format::signed_number(pnl, digits)) /> };
                    let cells = vec![
                        words("Side", side, None),
                        figure("Entry price", price(Some(trade.entry_price))),
                        figure("Exit price", price(trade.exit_price)),
                        figure_of("Profit", change.into_any()),
                    ];
                    view! { <tr data-testid="preview-trade"><th scope="row" class="head"><Time at=trade.entry_time /></th>{cells}</tr> }
                })
                .collect();
            if rows.is_empty() {
                return Some(view! { <p class="quiet">"No trade: the rules never held on these bars."</p> }.into_any());
            }
            let columns = vec![
                table::text("Newest trades"),
                table::text("Side"),
                table::number("Entry price"),
                table::number("Exit price"),
                table::number(format!("Profit, {}", status.currency)),
            ];
            Some(table::table("cards-on-phone", columns, rows.into_any()))
        })
    };
    view! {
        {figures}
        <Show when=move || result.with(Option::is_some)>
            <div data-testid="preview-chart">
                <Chart option=option label=Signal::stored("Equity against buy and hold, and drawdown".to_owned()) />
            </div>
        </Show>
        {trades}
    }
    .into_any()
}
