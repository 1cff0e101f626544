//! What came of a backtest, and how to get it again.

use super::charts::Charts;
use super::trades::Trades;
use crate::components::table;
use crate::components::{Change, Frame, MetricList, ParamValues, Start, Time, execution_facts};
use crate::format::{self, NONE};
use leptos::prelude::*;
use leptos_router::components::A;
use papertape::api::{BacktestReport, BacktestStatus, ParamInfo};
use papertape::engine::RefusedOrders;
use papertape::model::{Money, Price};
use rust_decimal::Decimal;

#[component]
pub(super) fn Result(status: BacktestStatus, report: BacktestReport) -> impl IntoView {
    let currency = status.currency.clone();
    let digits = format::currency_digits(&currency);
    let money = |value: Decimal| format!("{} {currency}", format::decimal(value, digits));
    let profit = report.final_equity - report.initial_capital;
    let total = report.metrics.total_return;
    let held = report.metrics.buy_and_hold_return;
    let metrics = report.metrics.clone();
    let slug = status.slug.clone();
    let values = ParamValues::new(&infos(&report), &report.strategy.params);
    let start = slug.clone().map(|slug| {
        view! {
            <Start
                slug
                params=infos(&report)
                values
                backtest=Some(status.id.clone())
                timeframe=status.request.timeframe
                execution=status.request.execution.clone()
                capital=status.request.initial_capital
            />
        }
    });
    let name = report.strategy.name.clone();
    let trail = slug.map(|slug| {
        view! {
            <p class="trail">
                <A href="/strategies">"Strategies"</A>
                " / "
                <A href=format!("/strategies/{slug}")>{name.clone()}</A>
            </p>
        }
    });
    let title = report.strategy.name.clone();
    let table_currency = currency.clone();
    let params = format::parameters(&report.strategy.params);
    let signed = format!(
        "{} {currency}",
        format::signed_number(Price(profit).to_f64(), digits as usize)
    );
    let group = format!("backtest-{}", status.id);
    view! {
        <header class="page-head">
            <div>
                {trail}
                <h1>"Backtest of " {title}</h1>
                <p class="market">
                    {report.symbol.to_string()} " " {report.timeframe.to_string()} " "
                    {status.simulated.then(|| view! { <span class="tag" data-feed="simulated">"simulated"</span> })}
                    " " {status.dataset_label.clone()}
                    {(!params.is_empty()).then(|| format!(", {params}"))}
                </p>
            </div>
            <div class="sticky-on-phone">{start}</div>
        </header>
        <section class="strip" aria-label="Result">
            <div class="stat wide">
                <p class="name">"Return"</p>
                <p class="value" data-testid="session-return">
                    <Change
                        value=Signal::stored(total)
                        text=Signal::stored(format::signed_percent(total, 2))
                    />
                </p>
                <p class="hint">{signed} " on " {money(report.initial_capital)}</p>
            </div>
            <div class="stat">
                <p class="name">"Buy and hold"</p>
                <p class="value">
                    {held
                        .map_or_else(
                            || NONE.into_any(),
                            |held| {
                                view! {
                                    <Change
                                        value=Signal::stored(held)
                                        text=Signal::stored(format::signed_percent(held, 2))
                                    />
                                }
                                    .into_any()
                            },
                        )}
                </p>
                <p class="hint">
                    {match held {
                        Some(held) if total > held => "The rules did better than holding",
                        Some(_) => "Holding did better than the rules",
                        None => "Not known",
                    }}
                </p>
            </div>
            {band_stat(&report)}
            <Stat name="Max drawdown" value=format::percent(metrics.max_drawdown, 2) hint=format!("longest {}", format::duration(metrics.max_drawdown_duration_s as f64)) />
            <Stat name="Sharpe" value=metrics.sharpe.map_or_else(|| NONE.to_owned(), |it| format::number(it, 2)) hint="annualised, daily returns".to_owned() />
            <Stat name="Win rate" value=metrics.win_rate.map_or_else(|| NONE.to_owned(), |it| format::percent(it, 1)) hint=format!("{} of {} trades", format::count(metrics.winning_trades), format::count(metrics.trades)) />
            <Stat name="Fees" value=format::number(metrics.total_fees, digits as usize) hint=currency.clone() />
        </section>
        {caveats(&report.warnings)}
        {refused_orders(&report.refused_orders)}
        <Charts status=status.clone() report=report.clone() group />
        <Frame title="Metrics">
            <MetricList metrics=Signal::stored(metrics) currency=currency.clone() />
        </Frame>
        <Trades
            trades=report.trades.clone()
            currency=table_currency
            price_digits=status.price_digits
            quantity_digits=status.quantity_digits
        />
        <Provenance status report />
    }
    .into_any()
}

/// What makes a result less than it seems; nothing when nothing does.
pub(crate) fn caveats(warnings: &[String]) -> Option<AnyView> {
    let lines: Vec<_> = warnings
        .iter()
        .map(|warning| view! { <li>{warning.clone()}</li> })
        .collect();
    (!lines.is_empty()).then(|| {
        view! {
            <div class="note" data-testid="caveats">
                <p>
                    <strong>"Less than it seems:"</strong>
                </p>
                <ul>{lines}</ul>
            </div>
        }
        .into_any()
    })
}

/// The orders that were refused, by reason; nothing when none was.
fn refused_orders(refused: &[RefusedOrders]) -> Option<AnyView> {
    let columns = vec![
        table::text("Order"),
        table::text("Why"),
        table::number("How often"),
        table::text("First"),
    ];
    let row = |it: &RefusedOrders| {
        let words = format!("{} ({})", it.by, it.code);
        view! {
            <tr data-testid="refused-orders">
                {table::words("Order", it.purpose.to_string(), None)} {table::words("Why", words, Some(it.because.clone()))}
                {table::figure("How often", format::count(it.count))}
                {table::cell("First", view! { <Time at=it.first /> }.into_any(), None)}
            </tr>
        }
    };
    let rows: Vec<_> = refused.iter().map(row).collect();
    (!refused.is_empty()).then(|| {
        let table = table::table("cards-on-phone", columns, rows.into_any());
        view! { <Frame title="Refused orders">{table}</Frame> }.into_any()
    })
}

/// The parameters of a run, as far as the run itself knows them: name and value.
fn infos(report: &BacktestReport) -> Vec<ParamInfo> {
    report
        .strategy
        .params
        .iter()
        .map(|(name, value)| ParamInfo {
            name: name.clone(),
            default: *value,
            min: None,
            max: None,
            step: None,
            description: String::new(),
        })
        .collect()
}

/// What the runs with kinder and less kind fills brought.
fn band_stat(report: &BacktestReport) -> Option<impl IntoView + use<>> {
    let band = report.band.as_ref()?;
    let text = |total: f64| format::signed_percent(total, 2);
    let value = format!(
        "{} to {}",
        text(band.pessimistic.total_return),
        text(band.optimistic.total_return)
    );
    let hint = "pessimistic and optimistic fills: two more runs, no bounds".to_owned();
    Some(view! { <Stat name="Band" value hint /> })
}

#[component]
fn Stat(name: &'static str, value: String, hint: String) -> impl IntoView {
    view! {
        <div class="stat">
            <p class="name">{name}</p>
            <p class="value">{value}</p>
            <p class="hint">{hint}</p>
        </div>
    }
    .into_any()
}

/// Where the result comes from and how to get it again.
#[component]
fn Provenance(status: BacktestStatus, report: BacktestReport) -> impl IntoView {
    let gaps = if report.data_quality.gaps == 0 {
        "None".to_owned()
    } else {
        format!(
            "{} gaps, {} bars missing",
            format::count(report.data_quality.gaps),
            format::count(report.data_quality.missing_bars)
        )
    };
    let capital = report.initial_capital;
    let currency: Option<papertape::model::Currency> = status.currency.parse().ok();
    let capital = currency.map_or_else(
        || capital.to_string(),
        |currency| format::money(Money::new(capital, currency)),
    );
    view! {
        <Frame title="How this was computed">
            <dl class="facts">
                <div><dt>"Data"</dt><dd>{status.dataset_label}</dd></div>
                <div>
                    <dt>"Span"</dt>
                    <dd><Time at=report.from /> " to " <Time at=report.to /></dd>
                </div>
                <div><dt>"Bars"</dt><dd>{format::count(report.bars)}</dd></div>
                <div><dt>"Holes in the data"</dt><dd>{gaps}</dd></div>
                <div><dt>"Capital"</dt><dd>{capital}</dd></div>
                {execution_facts(&report.execution)}
                <div>
                    <dt>"Decisions"</dt>
                    <dd>"Rules see closed bars only; an order placed at a close meets the next bar's open."</dd>
                </div>
                <div>
                    <dt>"Time taken"</dt>
                    <dd>
                        {format::duration(report.timing.run_ms / 1_000.0)} ", "
                        {format::compact(report.timing.bars_per_second)} " bars a second"
                    </dd>
                </div>
                <div>
                    <dt>"Event hash"</dt>
                    <dd>
                        <code class="hash" data-testid="event-hash">{report.event_hash}</code>
                        <span class="hint">
                            "The same inputs give the same hash on every machine, down to the last fill."
                        </span>
                    </dd>
                </div>
            </dl>
        </Frame>
    }
    .into_any()
}
