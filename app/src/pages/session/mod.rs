//! One session: what it is doing, and why.

mod about;
mod change_order;
mod charts;
mod controls;
mod fills;
mod orders;
mod quality;
mod tables;
mod ticket;
mod traded;
mod why;

/// What tests of the rendered page look at one by one.
#[cfg(test)]
pub(crate) mod parts {
    pub(crate) use super::StateNote;
    pub(crate) use super::orders::Orders;
    pub(crate) use super::ticket::Ticket;
    pub(crate) use super::why::order_story;
}

use super::Missing;
use crate::components::{
    Change, FeedMark, MetricList, Skeleton, StateBadge, Tab, Tabs, Time, Title, Watched,
};
use crate::erased::{effect, memo};
use crate::format::{self, TimeStyle};
use crate::functions::{self, Problem};
use crate::live::{Live, SessionView};
use crate::wire;
use about::About;
use charts::Charts;
use controls::Controls;
use fills::Fills;
use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use orders::Orders;
use papertape::api::{ProblemDetails, SessionDetail, SessionSummary};
use papertape::engine::SessionState;
use papertape::model::SessionId;
use quality::{DataBadge, Quality, Watch};
use std::time::Duration;
use tables::{Alerts, Positions, Trades};
use ticket::Ticket;

/// The page.
#[component]
pub(crate) fn Session() -> impl IntoView {
    let params = use_params_map();
    let id = memo(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let session = wire::resource(
        move || id.get(),
        |id| async move {
            match id.parse::<SessionId>() {
                Ok(id) => functions::session(id).await,
                Err(_) => Err(Problem(unknown(&id))),
            }
        },
    );
    view! {
        <Suspense fallback=|| view! { <Skeleton blocks=&[24, 80, 60] /> }>
            {move || Suspend::new(async move {
                match session.await {
                    Ok(detail) => view! { <Body detail /> }.into_any(),
                    Err(Problem(problem)) => {
                        view! { <Missing problem instead=("/sessions", "All sessions") /> }.into_any()
                    }
                }
            })}
        </Suspense>
    }
    .into_any()
}

fn unknown(id: &str) -> ProblemDetails {
    ProblemDetails {
        type_uri: "about:blank".to_owned(),
        title: "No such session".to_owned(),
        status: 404,
        detail: format!("There is no session '{id}'. It may have been deleted."),
        code: "unknown_session".to_owned(),
        errors: Vec::new(),
        since: None,
    }
}

#[component]
fn Body(detail: SessionDetail) -> impl IntoView {
    let live = expect_context::<Live>();
    let view = SessionView::new(&detail);
    let id = detail.summary.id.clone();
    follow(live, view, detail);
    let summary = view.summary;
    let name = memo(move |_| summary.with(|it| it.name.clone()));
    let chosen = RwSignal::new("positions");
    let watch = Watch::begin(view, chosen);
    view! {
        <Title text=name />
        <div class="page session" data-session=id.to_string()>
            <Head view watch />
            <StateNote view />
            <Warnings view />
            <Figures view />
            <Charts view />
            <section class="frame details">
                <Tabs tabs=tabs(view) chosen label="Details of the session" />
                <Panel name="positions" chosen><Positions view /></Panel>
                <Panel name="orders" chosen>
                    <Ticket view />
                    <Orders view />
                </Panel>
                <Panel name="fills" chosen><Fills view /></Panel>
                <Panel name="trades" chosen><Trades view /></Panel>
                <Panel name="alerts" chosen><Alerts view /></Panel>
                <Panel name="metrics" chosen>
                    <MetricList
                        metrics=view.metrics
                        currency=summary.with_untracked(|it| it.equity.currency.to_string())
                    />
                </Panel>
                <Panel name="quality" chosen><Quality view watch /></Panel>
                <Panel name="about" chosen><About view /></Panel>
            </section>
        </div>
    }
    .into_any()
}

/// Keeps the view up to date, and reads afresh what events do not carry a little after a trade has closed.
fn follow(live: Live, view: SessionView, detail: SessionDetail) {
    let id = detail.summary.id.clone();
    let leaving = id.clone();
    effect(move || live.follow(view, detail.clone()));
    on_cleanup(move || live.unfollow(&leaving));
    let settled = memo(move |_| view.summary.with(|it| (it.trades, it.state)));
    let due = StoredValue::new(false);
    Effect::new(move |before: Option<()>| {
        // Read, for what is only tracked is never worked out, and so never changes.
        settled.get();
        if before.is_none() || due.get_value() {
            return;
        }
        due.set_value(true);
        let id = id.clone();
        // Trades close in bursts when time runs fast: one read for all of them.
        set_timeout(
            move || {
                if due.try_set_value(false).is_some() {
                    return;
                }
                leptos::task::spawn_local(async move {
                    if let Ok(fresh) = functions::session(id).await {
                        live.refresh(fresh);
                    }
                });
            },
            Duration::from_millis(1_500),
        );
    });
}

fn tabs(view: SessionView) -> Vec<Tab> {
    let tab = |name, label, count| Tab { name, label, count };
    let held = Signal::derive(move || {
        view.summary
            .with(|it| usize::from(it.position.is_some()) + it.other_positions.len())
    });
    vec![
        tab("positions", "Positions", Some(held)),
        tab(
            "orders",
            "Orders",
            Some(Signal::derive(move || view.orders.with(Vec::len))),
        ),
        tab(
            "fills",
            "Fills",
            Some(Signal::derive(move || view.fills.with(Vec::len))),
        ),
        tab(
            "trades",
            "Trades",
            Some(Signal::derive(move || view.trades.with(Vec::len))),
        ),
        tab(
            "alerts",
            "Alerts",
            Some(Signal::derive(move || view.alerts.with(Vec::len))),
        ),
        tab("metrics", "Metrics", None),
        tab("quality", "Data quality", None),
        tab("about", "About", None),
    ]
}

/// A tab's panel; those not chosen stay in the page, hidden, so that what is open in them stays open.
#[component]
fn Panel(name: &'static str, chosen: RwSignal<&'static str>, children: Children) -> impl IntoView {
    view! {
        <div
            role="tabpanel"
            tabindex="0"
            id=format!("panel-{name}")
            data-testid=format!("panel-{name}")
            aria-labelledby=format!("tab-{name}")
            hidden=move || chosen.get() != name
        >
            {children()}
        </div>
    }
    .into_any()
}

#[component]
fn Head(view: SessionView, watch: Watch) -> impl IntoView {
    let summary = view.summary;
    let first = summary.get_untracked();
    let state = Signal::derive(move || summary.with(|it| it.state));
    let market_time = memo(move |_| summary.with(|it| it.market_time));
    let params = format::parameters(&first.params);
    view! {
        <header class="page-head">
            <div>
                <p class="trail"><A href="/sessions">"Sessions"</A></p>
                <div class="title">
                    <h1>{first.name.clone()}</h1>
                    <StateBadge state />
                    <DataBadge watch />
                </div>
                <p class="market">
                    {(first.strategy != first.name).then(|| format!("{}, ", first.strategy))}
                    <span data-testid="session-symbols">{format::symbols(first.traded(), usize::MAX)}</span>
                    " " {first.timeframe.to_string()} " "
                    <FeedMark feed=first.feed.clone() />
                    {(!params.is_empty()).then(|| format!(" {params}"))}
                    {move || {
                        market_time
                            .get()
                            .map(|at| {
                                view! {
                                    ", market time "
                                    <Time at style=TimeStyle::Second />
                                }
                            })
                    }}
                </p>
            </div>
            <Controls view />
        </header>
    }
    .into_any()
}

/// Why it stands where it stands, and what can be done about it; nothing while it simply runs.
#[component]
pub(crate) fn StateNote(view: SessionView) -> impl IntoView {
    let note = memo(move |_| {
        view.summary.with(|it| {
            let because = it.state_reason.trim_end_matches('.').to_owned();
            let what = match it.state {
                SessionState::Running => return None,
                SessionState::Starting => "Starting: it takes in history so that its indicators are warm.",
                SessionState::Paused => "Paused: it places no new entries; protective orders and exits go on.",
                SessionState::Halted => {
                    "Halted: a protection closed the position and ended trading. Nothing more is lost here; look at \
                     the trades before you start it anew."
                }
                SessionState::Stopped => "Stopped. Everything it did stays here to look at.",
                SessionState::Finished => "Finished: its market data is at its end. Everything it did stays here.",
                SessionState::Failed => "Failed. What it did until then is safe.",
            };
            Some((it.state, what, because))
        })
    });
    move || {
        note.get().map(|(state, what, because)| {
            let grave = matches!(state, SessionState::Failed | SessionState::Halted);
            view! {
                <div class="note" class:failure=grave role="status" data-testid="state-note">
                    <p>
                        {what}
                        {(!because.is_empty()).then(|| view! { " Reason: " <strong>{because}</strong> "." })}
                    </p>
                </div>
            }
        })
    }
}

/// What makes its result less than it seems.
#[component]
pub(crate) fn Warnings(view: SessionView) -> impl IntoView {
    let warnings = memo(move |_| view.summary.with(|it| it.warnings.clone()));
    move || {
        let all = warnings.get();
        (!all.is_empty()).then(|| {
            view! {
                <div class="note" role="status" data-testid="session-warnings">
                    {all.into_iter().map(|it| view! { <p>{it}</p> }).collect_view()}
                </div>
            }
        })
    }
}

#[component]
fn Figures(view: SessionView) -> impl IntoView {
    let summary = view.summary;
    let text = move |read: fn(&SessionSummary) -> String| Signal::derive(move || summary.with(read));
    let number = move |read: fn(&SessionSummary) -> f64| Signal::derive(move || summary.with(read));
    let currency = summary.with_untracked(|it| it.equity.currency.to_string());
    let digits = summary.with_untracked(|it| it.instrument.price_digits()) as usize;
    let spread = memo(move |_| {
        view.quote.get().map(|quote| {
            (
                format::number(quote.bid, digits),
                format::number(quote.ask, digits),
            )
        })
    });
    let price_name = if summary.with_untracked(|it| it.peers.is_empty()) {
        "Price".to_owned()
    } else {
        format!(
            "Price of {}",
            summary.with_untracked(|it| it.instrument.symbol().to_string())
        )
    };
    let still_open = memo(move |_| {
        view.trades
            .with(|trades| trades.iter().filter(|trade| !trade.is_closed()).count())
    });
    let last_close = memo(move |_| {
        view.bars
            .with(|bars| bars.last().map(|bar| format::number(bar.close, digits)))
    });
    view! {
        <section class="strip" aria-label="Figures">
            <div class="stat wide">
                <p class="name">"Equity"</p>
                <p class="value">
                    <Watched text=text(|it| format::amount(it.equity)) testid="session-equity" />
                    <span class="unit">{currency}</span>
                </p>
                <p class="hint">
                    <Change
                        value=number(|it| it.total_return)
                        text=text(|it| format!(
                            "{} ({})",
                            format::signed_amount(it.equity - it.initial_capital),
                            format::signed_percent(it.total_return, 2),
                        ))
                    />
                </p>
            </div>
            <div class="stat">
                <p class="name">"Cash"</p>
                <p class="value">{text(|it| format::amount(it.cash))}</p>
                <p class="hint">{text(|it| format!("of {} at the start", format::amount(it.initial_capital)))}</p>
            </div>
            <div class="stat">
                <p class="name">{price_name}</p>
                <p class="value">
                    <Watched text=Signal::derive(move || {
                        spread
                            .get()
                            .map(|(bid, _)| bid)
                            .or_else(|| last_close.get())
                            .unwrap_or_else(|| format::NONE.to_owned())
                    }) />
                </p>
                <p class="hint">
                    {move || match spread.get() {
                        Some((_, ask)) => format!("bid; ask {ask}"),
                        None => "last close".to_owned(),
                    }}
                </p>
            </div>
            <div class="stat">
                <p class="name">"Max drawdown"</p>
                <p class="value">{text(|it| format::percent(it.max_drawdown, 2))}</p>
                <p class="hint">"largest fall from a peak"</p>
            </div>
            <div class="stat">
                <p class="name">"Closed trades"</p>
                <p class="value">{text(|it| format::count(it.trades))}</p>
                <p class="hint">
                    {move || match still_open.get() {
                        0 => String::new(),
                        open => format!("{open} still open, "),
                    }}
                    {text(|it| match it.open_orders {
                        0 => "no working order".to_owned(),
                        1 => "1 working order".to_owned(),
                        many => format!("{many} working orders"),
                    })}
                </p>
            </div>
        </section>
    }
    .into_any()
}
