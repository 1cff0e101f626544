//! How everything is.

use super::feeds::{in_use, state};
use super::sessions::{NoSessions, SessionTable, live_list};
use super::shelf::Shelf;
use super::strategies::Filter;
use crate::components::{Change, Frame, ProblemNote, Skeleton, Time, Watched};
use crate::erased::memo;
use crate::format::{self, NONE};
use crate::functions::{self, Problem};
use crate::wire;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use papertape::alert::Severity;
use papertape::api::{FeedHealth, SessionSummary, SystemStatus};
use papertape::engine::SessionState;
use papertape::model::{Money, SessionId, Timestamp};
use std::collections::BTreeMap;

/// The page.
#[component]
pub(crate) fn Overview() -> impl IntoView {
    let sessions = wire::resource(|| (), |()| functions::sessions());
    let strategies = wire::resource(|| (), |()| functions::strategies());
    let status = wire::resource(|| (), |()| functions::status());
    let feeds = wire::resource(|| (), |()| functions::feeds_now());
    let words = RwSignal::new(String::new());
    view! {
        <Title text="" />
        <div class="page">
            <h1 class="hidden">"Overview"</h1>
            <Suspense fallback=|| view! { <Skeleton blocks=&[22, 60] /> }>
                {move || Suspend::new(async move {
                    match (sessions.await, status.await, feeds.await) {
                        (Ok(initial), Ok(status), Ok(feeds)) => {
                            view! { <Now initial status feeds=feeds.feeds /> }.into_any()
                        }
                        (Err(Problem(problem)), ..)
                        | (_, Err(Problem(problem)), _)
                        | (.., Err(Problem(problem))) => {
                            view! { <ProblemNote problem=Signal::stored(Some(problem)) /> }.into_any()
                        }
                    }
                })}
            </Suspense>
            <section class="bare">
                <header class="page-head">
                    <h2>"Strategies"</h2>
                    <Filter words />
                </header>
                <Suspense fallback=|| view! { <Skeleton blocks=&[70] /> }>
                    {move || Suspend::new(async move {
                        match strategies.await {
                            Ok(cards) => view! { <Shelf cards words /> }.into_any(),
                            Err(Problem(problem)) => {
                                view! { <ProblemNote problem=Signal::stored(Some(problem)) /> }.into_any()
                            }
                        }
                    })}
                </Suspense>
            </section>
        </div>
    }
    .into_any()
}

/// Equity and what it has made, over the sessions that are alive.
#[derive(Clone, Debug, PartialEq)]
struct Total {
    equity: Money,
    change: Money,
    initial: Money,
}

fn totals(sessions: &[SessionSummary]) -> Vec<Total> {
    let mut by_currency: BTreeMap<String, Total> = BTreeMap::new();
    for session in sessions.iter().filter(|session| !session.state.is_final()) {
        let change = session.equity - session.initial_capital;
        by_currency
            .entry(session.equity.currency.to_string())
            .and_modify(|total| {
                total.equity += session.equity;
                total.change += change;
                total.initial += session.initial_capital;
            })
            .or_insert(Total {
                equity: session.equity,
                change,
                initial: session.initial_capital,
            });
    }
    by_currency.into_values().collect()
}

#[component]
fn Now(initial: Vec<SessionSummary>, status: SystemStatus, feeds: Vec<FeedHealth>) -> impl IntoView {
    let list = live_list(initial);
    let totals = memo(move |_| list.with(|list| totals(list)));
    let count = move |wanted: fn(&SessionSummary) -> bool| {
        memo(move |_| list.with(|list| list.iter().filter(|session| wanted(session)).count()))
    };
    let alive = count(|session| !session.state.is_final());
    let running = count(|session| session.state == SessionState::Running);
    let holding = count(|session| {
        (session.position.is_some() || !session.other_positions.is_empty()) && !session.state.is_final()
    });
    let trades = memo(move |_| list.with(|list| list.iter().map(|session| session.trades).sum::<u64>()));
    let currencies = memo(move |_| {
        totals.with(|totals| {
            totals
                .iter()
                .map(|total| total.equity.currency)
                .collect::<Vec<_>>()
        })
    });
    let total = move |currency: papertape::model::Currency| {
        memo(move |_| {
            totals.with(|totals| {
                totals
                    .iter()
                    .find(|total| total.equity.currency == currency)
                    .cloned()
            })
        })
    };
    let any = memo(move |_| list.with(|list| !list.is_empty()));
    let shown = memo(move |_| {
        list.with(|list| {
            // What is alive first; of what has ended, the newest few.
            let (alive, ended): (Vec<_>, Vec<_>) = list.iter().partition(|session| !session.state.is_final());
            alive
                .into_iter()
                .chain(ended.into_iter().take(3))
                .map(|session| session.id.clone())
                .collect::<Vec<_>>()
        })
    });
    let (data, degraded) = market_data(status.status == "ok", &feeds);
    view! {
        <section class="strip" aria-label="Totals">
            <Show
                when=move || !currencies.with(Vec::is_empty)
                fallback=|| {
                    view! {
                        <div class="stat wide">
                            <p class="name">"Total equity"</p>
                            <p class="value" data-testid="total-equity">{NONE}</p>
                            <p class="hint">"No session is running"</p>
                        </div>
                    }
                }
            >
                <For each=move || currencies.get() key=|currency| *currency let:currency>
                    {
                        let total = total(currency);
                        let read = move |text: fn(&Total) -> String| {
                            Signal::derive(move || {
                                total.with(|total| total.as_ref().map(text).unwrap_or_default())
                            })
                        };
                        let change = Signal::derive(move || {
                            total
                                .with(|total| {
                                    total.as_ref().map(|total| total.change.to_f64()).unwrap_or_default()
                                })
                        });
                        view! {
                            <div class="stat wide">
                                <p class="name">"Total equity"</p>
                                <p class="value">
                                    <Watched text=read(|total| format::amount(total.equity)) testid="total-equity" />
                                    <span class="unit">{currency.to_string()}</span>
                                </p>
                                <p class="hint">
                                    <Change
                                        value=change
                                        text=read(|total| format!(
                                            "{} ({})",
                                            format::signed_amount(total.change),
                                            format::signed_percent(total.change.ratio(total.initial), 2),
                                        ))
                                    />
                                    " since the start of each"
                                </p>
                            </div>
                        }
                    }
                </For>
            </Show>
            <div class="stat">
                <p class="name">"Sessions"</p>
                <p class="value">{move || alive.get()}</p>
                <p class="hint">{move || format!("{} running", running.get())}</p>
            </div>
            <div class="stat">
                <p class="name">"Open positions"</p>
                <p class="value">{move || holding.get()}</p>
                <p class="hint">"in sessions that are alive"</p>
            </div>
            <div class="stat">
                <p class="name">"Closed trades"</p>
                <p class="value">{move || format::count(trades.get())}</p>
                <p class="hint">"in all sessions"</p>
            </div>
            <div class="stat">
                <p class="name">"Market data"</p>
                <p class="value word" class:warn=degraded>{if degraded { "Degraded" } else { "In order" }}</p>
                <p class="hint">{data} " " <A href="/feeds">"Feeds"</A></p>
            </div>
        </section>
        <Attention list />
        <Frame
            title="Sessions"
            aside=move || view! { <Show when=move || any.get()><A href="/sessions">"All sessions"</A></Show> }
        >
            <Show when=move || any.get() fallback=NoSessions>
                <SessionTable list shown=shown />
            </Show>
        </Frame>
    }
    .into_any()
}

/// How market data is, in words; whether it is degraded.
fn market_data(well: bool, feeds: &[FeedHealth]) -> (String, bool) {
    let used: Vec<_> = feeds.iter().filter(|feed| in_use(feed)).collect();
    let troubled: Vec<_> = used.iter().filter(|feed| !state(feed).1).collect();
    let words = match (&*used, &*troubled) {
        ([], _) => "No live feed in use.".to_owned(),
        ([_], []) => "1 live feed in use.".to_owned(),
        (many, []) => format!("{} live feeds in use.", many.len()),
        (_, [one]) => format!("{}: {}.", one.name, state(one).0.to_lowercase()),
        (all, many) => format!("{} of {} live feeds are disturbed.", many.len(), all.len()),
    };
    (words, !well || !troubled.is_empty())
}

/// Something that a person should look at.
#[derive(Clone, Debug, PartialEq)]
struct Concern {
    session: SessionId,
    name: String,
    severity: Severity,
    text: String,
    time: Option<Timestamp>,
}

fn concerns(sessions: &[SessionSummary]) -> Vec<Concern> {
    let mut concerns: Vec<Concern> = sessions
        .iter()
        .filter_map(|session| {
            let concern = |severity, text: String, time| {
                Some(Concern {
                    session: session.id.clone(),
                    name: session.name.clone(),
                    severity,
                    text,
                    time,
                })
            };
            let reason = |words: &str| {
                if session.state_reason.is_empty() {
                    format!("{words}.")
                } else {
                    format!("{words}: {}.", session.state_reason.trim_end_matches('.'))
                }
            };
            match (session.state, &session.attention) {
                (SessionState::Failed, _) => {
                    concern(Severity::Critical, reason("Failed"), session.market_time)
                }
                (SessionState::Halted, _) => concern(
                    Severity::Critical,
                    reason("Halted by a protection"),
                    session.market_time,
                ),
                (state, Some(alert)) if !state.is_final() => {
                    concern(alert.severity, alert.message.clone(), Some(alert.time))
                }
                _ => None,
            }
        })
        .collect();
    concerns.sort_by_key(|concern| std::cmp::Reverse((concern.severity, concern.time)));
    concerns.truncate(5);
    concerns
}

#[component]
fn Attention(list: Memo<Vec<SessionSummary>>) -> impl IntoView {
    let concerns = memo(move |_| list.with(|list| concerns(list)));
    view! {
        <Show when=move || !concerns.with(Vec::is_empty)>
            <Frame title="Needs a look" class="attention">
                <ul>
                    <For
                        each=move || concerns.get()
                        key=|concern| (concern.session.clone(), concern.text.clone())
                        let:concern
                    >
                        <li data-severity=concern.severity.to_string() data-testid="alert-row">
                            <span class="tag">{concern.severity.to_string()}</span>
                            <A href=format!("/sessions/{}", concern.session)>{concern.name.clone()}</A>
                            <span class="text">{concern.text.clone()}</span>
                            {concern.time.map(|at| view! { <small><Time at /></small> })}
                        </li>
                    </For>
                </ul>
            </Frame>
        </Show>
    }
    .into_any()
}
