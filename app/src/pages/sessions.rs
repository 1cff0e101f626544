//! All sessions, live.

use crate::components::table::{self, number, silent, text};
use crate::components::{
    Change, Confirm, Deed, Empty, FeedMark, ProblemNote, Skeleton, Sparkline, StateBadge, Time, Watched,
};
use crate::erased::{memo, on};
use crate::format;
use crate::functions::{self, Problem};
use crate::live::Live;
use crate::wire;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use papertape::api::{SessionAction, SessionSummary};
use papertape::engine::SessionState;
use papertape::model::SessionId;
use papertape::portfolio::Position;

/// The page.
#[component]
pub(crate) fn Sessions() -> impl IntoView {
    let sessions = wire::resource(|| (), |()| functions::sessions());
    view! {
        <Title text="Sessions" />
        <div class="page">
            <header class="page-head">
                <h1>"Sessions"</h1>
                <A href="/strategies" attr:class="button primary">"Start another"</A>
            </header>
            <Suspense fallback=|| view! { <Skeleton blocks=&[10, 80] /> }>
                {move || Suspend::new(async move {
                    match sessions.await {
                        Ok(initial) => view! { <Board initial /> }.into_any(),
                        Err(Problem(problem)) => {
                            view! { <ProblemNote problem=Signal::stored(Some(problem)) /> }.into_any()
                        }
                    }
                })}
            </Suspense>
        </div>
    }
    .into_any()
}

/// The list as of now: the one that the page came with until the first live message.
pub(crate) fn live_list(initial: Vec<SessionSummary>) -> Memo<Vec<SessionSummary>> {
    let live = expect_context::<Live>();
    live.watch();
    let sessions = live.sessions();
    memo(move |_| sessions.get().unwrap_or_else(|| initial.clone()))
}

#[component]
fn Board(initial: Vec<SessionSummary>) -> impl IntoView {
    let list = live_list(initial);
    let filter = RwSignal::new(String::new());
    let shown = memo(move |_| {
        let words = filter.get().to_lowercase();
        list.with(|list| {
            list.iter()
                .filter(|session| matches(session, &words))
                .map(|session| session.id.clone())
                .collect::<Vec<_>>()
        })
    });
    let any = memo(move |_| list.with(|list| !list.is_empty()));
    view! {
        <Show when=move || any.get() fallback=NoSessions>
            <div class="toolbar">
                <label for="session-filter" class="hidden">"Filter by name, strategy, symbol or state"</label>
                <input
                    type="search"
                    id="session-filter"
                    data-search=""
                    data-testid="filter"
                    placeholder="Filter by name, symbol or state"
                    autocomplete="off"
                    prop:value=filter
                    on:input=on(move |event| filter.set(event_target_value(&event)))
                />
                <kbd aria-hidden="true">"/"</kbd>
                <p class="hint" role="status">
                    {move || {
                        let (shown, all) = (shown.with(Vec::len), list.with(Vec::len));
                        if shown == all { format!("{all} in all") } else { format!("{shown} of {all}") }
                    }}
                </p>
            </div>
            <div class="frame">
                <SessionTable list shown />
            </div>
            <Show when=move || shown.with(Vec::is_empty)>
                <p class="quiet">"No session matches. Clear the filter to see all of them."</p>
            </Show>
        </Show>
    }
    .into_any()
}

fn matches(session: &SessionSummary, words: &str) -> bool {
    let text = format!(
        "{} {} {} {} {}",
        session.name,
        session.strategy,
        format::symbols(session.traded(), usize::MAX),
        session.state,
        session.feed.name
    )
    .to_lowercase();
    words.split_whitespace().all(|word| text.contains(word))
}

#[component]
pub(crate) fn NoSessions() -> impl IntoView {
    view! {
        <Empty title="No session yet">
            <p>
                "A session trades one strategy with play money on live market data, and goes on until you stop it, \
                 restarts of the server included. Pick a strategy and press "
                <strong>"Start paper trading"</strong>
                ": one click is enough."
            </p>
            <p class="actions">
                <A href="/strategies" attr:class="button primary">"Choose a strategy"</A>
            </p>
        </Empty>
    }
    .into_any()
}

/// A row a session. Rows stay in place while their figures change.
#[component]
pub(crate) fn SessionTable(
    /// All sessions.
    list: Memo<Vec<SessionSummary>>,
    /// Those to show.
    #[prop(into)]
    shown: Signal<Vec<SessionId>>,
) -> impl IntoView {
    let columns = vec![
        text("Session"),
        text("State"),
        text("Market"),
        silent("Equity so far"),
        number("Equity"),
        number("Return"),
        number("Drawdown"),
        text("Position"),
        text("Last event"),
        silent("Actions"),
    ];
    let rows = view! {
        <For each=move || shown.get() key=Clone::clone let:id>
            <SessionRow list id />
        </For>
    };
    table::table("cards-on-phone sessions", columns, rows.into_any())
}

#[component]
fn SessionRow(list: Memo<Vec<SessionSummary>>, id: SessionId) -> impl IntoView {
    let key = id.clone();
    let found = memo(move |last: Option<&Option<SessionSummary>>| {
        // A row that is on its way out shows what it last knew.
        list.with(|list| list.iter().find(|session| session.id == key).cloned())
            .or_else(|| last.cloned().flatten())
    });
    let Some(first) = found.get_untracked() else {
        return ().into_any();
    };
    let of = move |read: fn(&SessionSummary) -> String| {
        Signal::derive(move || found.with(|session| session.as_ref().map(read).unwrap_or_default()))
    };
    let number = move |read: fn(&SessionSummary) -> f64| {
        Signal::derive(move || found.with(|session| session.as_ref().map(read).unwrap_or_default()))
    };
    let fallback_state = first.state;
    let state = Signal::derive(move || {
        found.with(|session| session.as_ref().map_or(fallback_state, |session| session.state))
    });
    // What does not trade says why, right here.
    let why = memo(move |_| {
        found.with(|session| {
            session
                .as_ref()
                .filter(|it| it.state != SessionState::Running && !it.state_reason.is_empty())
                .map(|it| it.state_reason.clone())
        })
    });
    let href = format!("/sessions/{id}");
    let session = id.to_string();
    let params = format::parameters(&first.params);
    // A session that is called like its strategy says so once.
    let about = match (first.name == first.strategy, params.is_empty()) {
        (true, _) => params,
        (false, true) => first.strategy.clone(),
        (false, false) => format!("{}, {params}", first.strategy),
    };
    let sparkline = Signal::derive(move || {
        found.with(|session| {
            session
                .as_ref()
                .map(|session| session.sparkline.clone())
                .unwrap_or_default()
        })
    });
    let last_event =
        memo(move |_| found.with(|session| session.as_ref().and_then(|it| it.last_event.clone())));
    view! {
        <tr data-testid="session-row" data-session=session>
            <th scope="row" class="head">
                <A href=href>{of(|session| session.name.clone())}</A>
                <small>{about}</small>
            </th>
            <td data-label="State">
                <StateBadge state />
                {move || why.get().map(|why| view! { <small class="reason">{why}</small> })}
            </td>
            <td data-label="Market">
                <span class="market">
                    {format::symbols(first.traded(), 2)} " " {first.timeframe.to_string()} " "
                    <FeedMark feed=first.feed.clone() />
                </span>
            </td>
            <td class="spark">
                <Sparkline values=sparkline />
            </td>
            <td class="number" data-label="Equity">
                <Watched text=of(|session| format::money(session.equity)) testid="session-equity" />
            </td>
            <td class="number" data-label="Return" data-testid="session-return">
                <Change
                    value=number(|session| session.total_return)
                    text=of(|session| format::signed_percent(session.total_return, 2))
                />
            </td>
            <td class="number" data-label="Drawdown">
                {of(|session| format::percent(session.max_drawdown, 2))}
            </td>
            <td data-label="Position">
                <Holding
                    position=Signal::derive(move || {
                        found.with(|session| session.as_ref().and_then(|session| session.position.clone()))
                    })
                    price_digits=first.instrument.price_digits()
                    quantity_digits=first.instrument.quantity_digits()
                />
            </td>
            <td data-label="Last event" class="event">
                {move || {
                    last_event
                        .get()
                        .map(|event| {
                            view! {
                                <span>{event.text}</span>
                                <small><Time at=event.time /></small>
                            }
                        })
                }}
            </td>
            <td class="row-actions">
                <RowActions id state />
            </td>
        </tr>
    }
    .into_any()
}

/// A position in a few words: "long 0.52 at 96,440.00" and what it is worth.
#[component]
pub(crate) fn Holding(
    #[prop(into)] position: Signal<Option<Position>>,
    price_digits: u32,
    quantity_digits: u32,
) -> impl IntoView {
    let words = memo(move |_| {
        position.with(|position| {
            position.as_ref().map(|position| {
                format!(
                    "{} {} at {}",
                    position.side,
                    format::decimal(position.quantity.0, quantity_digits),
                    format::decimal(position.entry_price.0, price_digits)
                )
            })
        })
    });
    let open = memo(move |_| position.with(Option::is_some));
    let pnl = move |read: fn(papertape::model::Money) -> String| {
        Signal::derive(move || {
            position.with(|position| {
                position
                    .as_ref()
                    .map(|position| read(position.unrealized_pnl))
                    .unwrap_or_default()
            })
        })
    };
    let value = Signal::derive(move || {
        position.with(|position| {
            position
                .as_ref()
                .map(|position| position.unrealized_pnl.to_f64())
                .unwrap_or_default()
        })
    });
    view! {
        <Show when=move || open.get() fallback=|| view! { <span class="quiet">"flat"</span> }>
            <span class="holding">
                <span>{move || words.get()}</span>
                " "
                <Change value text=pnl(format::signed_amount) />
            </span>
        </Show>
    }
    .into_any()
}

#[component]
fn RowActions(id: SessionId, #[prop(into)] state: Signal<SessionState>) -> impl IntoView {
    let live = expect_context::<Live>();
    let deed = Deed::new();
    let ended = memo(move |_| state.get().is_final());
    let id = StoredValue::new(id);
    let stop = move |()| {
        deed.run(
            functions::act(id.get_value(), SessionAction::Stop),
            move |session| live.put(session),
        );
    };
    let delete = move |()| {
        deed.run(functions::delete(id.get_value()), move |()| {
            live.forget(&id.get_value())
        });
    };
    view! {
        <Show
            when=move || ended.get()
            fallback=move || {
                view! {
                    <Confirm
                        label="Stop"
                        title="Stop this session?"
                        consequence="Its working orders are withdrawn and it never trades again. An open position \
                                     stays as it is, valued at the last price; flatten first to close it."
                        action="Stop it"
                        act=stop
                        disabled=deed.pending
                        dangerous=true
                        testid="stop"
                    />
                }
            }
        >
            <Confirm
                label="Delete"
                title="Delete this session?"
                consequence="Its orders, fills, trades and equity are removed for good."
                action="Delete it"
                act=delete
                disabled=deed.pending
                dangerous=true
                testid="delete"
            />
        </Show>
        <ProblemNote problem=deed.problem />
    }
    .into_any()
}
