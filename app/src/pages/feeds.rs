//! How the live feeds are.

use crate::components::{Empty, Frame, Incidents, ProblemNote, Skeleton, table};
use crate::erased::{effect, memo};
use crate::format::{self, NONE, count};
use crate::functions::{self, Problem};
use crate::wire;
use leptos::prelude::*;
use leptos_meta::Title;
use papertape::api::{
    BreakerState, ConnectionState, FeedHealth, FeedsNow, Freshness, SourceHealth, SymbolHealth,
};
use papertape::model::Timestamp;
use std::time::Duration;

/// How often the feeds are asked.
const EVERY: Duration = Duration::from_secs(5);
/// How often what is "ago" is counted on.
const TICK: Duration = Duration::from_secs(1);

/// The page.
#[component]
pub(crate) fn Feeds() -> impl IntoView {
    let first = wire::resource(|| (), |()| functions::feeds_now());
    view! {
        <Title text="Feeds" />
        <div class="page">
            <header class="page-head">
                <h1>"Feeds"</h1>
            </header>
            <Suspense fallback=|| view! { <Skeleton blocks=&[40, 60] /> }>
                {move || Suspend::new(async move {
                    match first.await {
                        Ok(now) => view! { <Body now /> }.into_any(),
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

/// Whether anything of a feed is asked for.
pub(crate) fn in_use(feed: &FeedHealth) -> bool {
    !feed.symbols.is_empty()
        || feed
            .sources
            .iter()
            .any(|source| source.connection != ConnectionState::Idle)
}

/// How a feed is, in a word or three; whether it is as it should be.
pub(crate) fn state(feed: &FeedHealth) -> (&'static str, bool) {
    let any = |wanted: Freshness| feed.symbols.iter().any(|it| it.freshness == wanted);
    let heard = feed.sources.iter().any(|source| {
        matches!(
            source.connection,
            ConnectionState::Connected | ConnectionState::Polling
        )
    });
    if any(Freshness::Gap) {
        ("Data in doubt", false)
    } else if !heard {
        ("Not connected", false)
    } else if feed.sources.iter().any(|it| it.breaker != BreakerState::Closed) {
        ("A source is off", false)
    } else if any(Freshness::Halted) {
        ("Halted by the venue", true)
    } else if any(Freshness::Waiting) {
        ("Waiting for data", true)
    } else {
        ("In order", true)
    }
}

#[component]
pub(crate) fn Body(now: FeedsNow) -> impl IntoView {
    let clock = RwSignal::new(now.time);
    let read_at = StoredValue::new(None::<f64>);
    let now = RwSignal::new(now);
    let problem = RwSignal::new(None);
    let ask = move || {
        leptos::task::spawn_local(async move {
            match functions::feeds_now().await {
                Ok(fresh) => {
                    read_at.try_set_value(Some(js_sys::Date::now()));
                    clock.try_set(fresh.time);
                    now.try_set(fresh);
                    problem.try_set(None);
                }
                Err(Problem(told)) => drop(problem.try_set(Some(told))),
            }
        });
    };
    // The server's clock runs on by ours.
    let tick = move || {
        if let Some(read_at) = read_at.try_get_value().flatten() {
            let passed = (js_sys::Date::now() - read_at).max(0.0) * 1e6;
            clock.try_set(now.with_untracked(|now| now.time).plus_nanos(passed as i64));
        }
    };
    effect(move || {
        read_at.set_value(Some(js_sys::Date::now()));
        for handle in [
            set_interval_with_handle(ask, EVERY),
            set_interval_with_handle(tick, TICK),
        ]
        .into_iter()
        .flatten()
        {
            on_cleanup(move || handle.clear());
        }
    });
    let used = move || {
        now.with(|now| {
            now.feeds
                .iter()
                .filter(|feed| in_use(feed))
                .map(|feed| section(feed.clone(), clock))
                .collect::<Vec<_>>()
        })
    };
    let any = memo(move |_| now.with(|now| now.feeds.iter().any(in_use)));
    let unused = memo(move |_| {
        now.with(|now| {
            let rest = now.feeds.iter().filter(|feed| !in_use(feed));
            rest.map(|feed| (feed.name.clone(), venues(feed)))
                .collect::<Vec<_>>()
        })
    });
    let incidents = memo(move |_| now.with(|now| now.incidents.clone()));
    let none = memo(move |_| incidents.with(Vec::is_empty));
    view! {
        <ProblemNote problem />
        <Show
            when=move || any.get()
            fallback=|| {
                view! {
                    <Empty title="No live feed is in use">
                        <p>
                            "A feed is opened when a session asks for it and closed a little after the last one has ended. \
                             Start a strategy and choose a live feed as its market data."
                        </p>
                    </Empty>
                }
            }
        >
            {used}
        </Show>
        <Frame title="Incidents of the last day">
            <Show
                when=move || !none.get()
                fallback=|| {
                    view! { <p class="quiet">"None: no data was missing, stale, in dispute or kept off."</p> }
                }
            >
                <Incidents list=incidents />
            </Show>
        </Frame>
        <Show when=move || !unused.with(Vec::is_empty)>
            <details class="frame unused" data-testid="unused-feeds">
                <summary>
                    {move || match unused.with(Vec::len) {
                        1 => "1 feed that nothing uses now".to_owned(),
                        many => format!("{many} feeds that nothing uses now"),
                    }}
                </summary>
                <dl class="facts">
                    {move || {
                        unused
                            .get()
                            .into_iter()
                            .map(|(name, venues)| view! { <div><dt>{name}</dt><dd>{venues}</dd></div> })
                            .collect::<Vec<_>>()
                    }}
                </dl>
            </details>
        </Show>
    }
    .into_any()
}

/// Where a feed's data comes from.
fn venues(feed: &FeedHealth) -> String {
    let each: Vec<_> = feed
        .sources
        .iter()
        .map(|source| {
            if source.venue.is_empty() || source.venue == source.name {
                source.name.clone()
            } else {
                format!("{}, from {}", source.name, source.venue)
            }
        })
        .collect();
    each.join("; then ")
}

fn section(feed: FeedHealth, clock: RwSignal<Timestamp>) -> AnyView {
    let (word, well) = state(&feed);
    let sources: Vec<_> = feed.sources.into_iter().map(|it| source(it, clock)).collect();
    let symbols: Vec<_> = feed.symbols.into_iter().map(|it| symbol(it, clock)).collect();
    let with_symbols = !symbols.is_empty();
    let of_sources = vec![
        table::text("Source"),
        table::text("Connection"),
        table::text("Last message"),
        table::number("Messages"),
        table::number("Lost"),
        table::number("Late"),
        table::number("Twice"),
        table::number("Kept off"),
        table::number("Budget used"),
        table::number("Clock"),
        table::text("Last error"),
    ];
    let of_symbols = vec![
        table::text("Symbol"),
        table::text("Data"),
        table::text("Heard from"),
        table::text("Last event"),
        table::number("Reference price"),
    ];
    view! {
        <section class="frame" data-testid="feed" data-feed=feed.name.clone()>
            <header>
                <h2>{feed.name.clone()}</h2>
                <div class="aside">
                    <span class="tag" class:doubt=!well data-testid="feed-state">{word}</span>
                </div>
            </header>
            {table::table("cards-on-phone feeds", of_sources, sources.into_any())}
            {with_symbols.then(|| table::table("cards-on-phone feeds", of_symbols, symbols.into_any()))}
        </section>
    }
    .into_any()
}

/// How long ago something was, counted on by the page.
fn ago(at: Option<Timestamp>, clock: RwSignal<Timestamp>) -> AnyView {
    let text = move || {
        at.map_or_else(
            || "nothing yet".to_owned(),
            |at| {
                format!(
                    "{} ago",
                    format::duration(clock.get().since(at).max(0) as f64 / 1e9)
                )
            },
        )
    };
    let title = at.map(|at| format!("{} UTC", format::time(at, 0, format::TimeStyle::Second)));
    view! { <span title=title>{text}</span> }.into_any()
}

fn source(it: SourceHealth, clock: RwSignal<Timestamp>) -> AnyView {
    let connection = match it.connection {
        ConnectionState::Idle => "not in use",
        ConnectionState::Connecting => "connecting",
        ConnectionState::Connected => "connected",
        ConnectionState::Polling => "polling",
        ConnectionState::Waiting => "waits to try again",
    };
    let breaker = match it.breaker {
        BreakerState::Closed => "breaker closed: it is asked",
        BreakerState::Open => "breaker open: it is not asked",
        BreakerState::HalfOpen => "breaker half open: on trial",
    };
    let venue = (!it.venue.is_empty() && it.venue != it.name).then_some(it.venue);
    let again = match it.reconnects {
        0 => None,
        1 => Some("reconnected once".to_owned()),
        many => Some(format!("reconnected {} times", count(many))),
    };
    let skew = it.clock_skew_ms.map_or_else(
        || NONE.to_owned(),
        |skew| format!("{} ms", format::signed_number(skew, 0)),
    );
    let budget = it
        .budget_used
        .map_or_else(|| NONE.to_owned(), |used| format::percent(used, 0));
    let windows = it.budget.iter().map(|window| {
        let (used, limit) = (count(window.used.into()), count(window.limit.into()));
        format!("{used} of {limit} in {} s", window.seconds)
    });
    let windows = windows.collect::<Vec<String>>().join("; ");
    let windows = (!windows.is_empty()).then_some(windows);
    let error = match it.last_error {
        None => "none".into_any(),
        Some(error) => {
            let when = it
                .last_error_at
                .map(|at| view! { <small>{ago(Some(at), clock)}</small> });
            view! { {error} {when} }.into_any()
        }
    };
    let some = |many: u64, what: &str| (many > 0).then(|| count(many) + what);
    view! {
        <tr data-testid="feed-source">
            {table::words("Source", it.name, venue)}
            {table::words("Connection", connection.to_owned(), Some(breaker.to_owned()))}
            {table::cell("Last message", ago(it.last_message, clock), again)}
            {table::figure("Messages", count(it.messages))}
            {table::figure_with("Lost", count(it.lost), some(it.backfilled, " came when asked for"))}
            {table::figure_with("Late", count(it.late), some(it.out_of_order, " out of order"))}
            {table::figure("Twice", count(it.duplicates))}
            {table::figure_with("Kept off", count(it.quarantined), some(it.undecodable, " frames of no sense"))}
            {table::figure_with("Budget used", budget, windows)}
            {table::figure("Clock", skew)}
            {table::cell("Last error", error, None)}
        </tr>
    }
    .into_any()
}

fn symbol(it: SymbolHealth, clock: RwSignal<Timestamp>) -> AnyView {
    let data = match it.freshness {
        Freshness::Waiting => "waiting: nothing has come yet",
        Freshness::Fresh => "up to date",
        Freshness::Gap => "in doubt: nothing fills",
        Freshness::Halted => "halted",
    };
    let reference = it
        .reference_price
        .map_or_else(|| NONE.to_owned(), format::parameter);
    view! {
        <tr data-testid="feed-symbol">
            {table::words("Symbol", it.symbol.to_string(), None)}
            {table::words("Data", data.to_owned(), it.why)}
            {table::words("Heard from", it.source, None)}
            {table::cell("Last event", ago(it.last_event, clock), None)}
            {table::figure("Reference price", reference)}
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::Zone;
    use papertape::api::{BudgetWindow, DataIncident, FeedKind};

    fn feed(connection: ConnectionState, breaker: BreakerState, data: Option<Freshness>) -> FeedHealth {
        let heard = |freshness| SymbolHealth {
            symbol: "BTC/USDT".parse().expect("a symbol"),
            source: "kraken".to_owned(),
            freshness,
            why: (freshness == Freshness::Gap).then(|| "nothing came for 40 s".to_owned()),
            number: 7,
            last_event: Some(Timestamp::from_secs(90)),
            reference_price: Some(96_400.5),
        };
        FeedHealth {
            name: "house".to_owned(),
            kind: FeedKind::Live,
            label: "house, live".to_owned(),
            sources: vec![SourceHealth {
                name: "kraken".to_owned(),
                venue: "kraken".to_owned(),
                connection,
                breaker,
                lost: 1_234,
                backfilled: 56,
                out_of_order: 78,
                undecodable: 9,
                last_message: Some(Timestamp::from_secs(88)),
                clock_skew_ms: Some(-12.4),
                budget_used: Some(0.25),
                budget: vec![
                    BudgetWindow {
                        used: 1_500,
                        limit: 6_000,
                        seconds: 60,
                    },
                    BudgetWindow {
                        used: 3,
                        limit: 100,
                        seconds: 1,
                    },
                ],
                last_error: Some("HTML instead of JSON".to_owned()),
                last_error_at: Some(Timestamp::from_secs(69)),
                ..SourceHealth::default()
            }],
            symbols: data.map(heard).into_iter().collect(),
        }
    }

    #[test]
    fn the_worst_of_a_feed_is_its_word() {
        use {BreakerState as B, ConnectionState as C, Freshness as F};
        for (connection, breaker, data, wanted) in [
            (C::Connected, B::Closed, F::Fresh, ("In order", true)),
            (C::Polling, B::Closed, F::Waiting, ("Waiting for data", true)),
            (C::Connected, B::Closed, F::Halted, ("Halted by the venue", true)),
            (C::Connected, B::HalfOpen, F::Fresh, ("A source is off", false)),
            (C::Waiting, B::Open, F::Fresh, ("Not connected", false)),
            (C::Waiting, B::Open, F::Gap, ("Data in doubt", false)),
        ] {
            assert_eq!(state(&feed(connection, breaker, Some(data))), wanted);
        }
        assert!(!in_use(&feed(C::Idle, B::Closed, None)));
        assert!(in_use(&feed(C::Connecting, B::Closed, None)));
    }

    fn page(feeds: Vec<FeedHealth>, incidents: Vec<DataIncident>) -> String {
        let owner = Owner::new();
        owner.with(|| {
            provide_context(Zone::new());
            let now = FeedsNow {
                time: Timestamp::from_secs(100),
                feeds,
                incidents,
            };
            view! { <Body now /> }.to_html()
        })
    }

    #[test]
    fn the_page_says_what_is_wrong_in_words() {
        let gap = feed(ConnectionState::Waiting, BreakerState::Open, Some(Freshness::Gap));
        let incident = DataIncident {
            kind: "failover".to_owned(),
            feed: "house".to_owned(),
            symbol: "BTC/USDT".parse().expect("a symbol"),
            source: "kraken".to_owned(),
            from: Timestamp::from_secs(60),
            to: None,
            count: 3,
            detail: "from kraken to coinbase".to_owned(),
            touched: None,
        };
        let html = page(vec![gap], vec![incident]);
        for part in [
            "Data in doubt",
            "waits to try again",
            "breaker open",
            "12 s ago",
            "1,234",
            "56 came when asked for",
            "78 out of order",
            "9 frames of no sense",
            "25%",
            "1,500 of 6,000 in 60 s; 3 of 100 in 1 s",
            "−12 ms",
            "HTML instead of JSON",
            "31 s ago",
            "nothing came for 40 s",
            "96,400.5",
            "Source changed",
            "goes on",
            "from kraken to coinbase",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn feeds_that_nothing_uses_are_folded_away() {
        let html = page(
            vec![feed(ConnectionState::Idle, BreakerState::Closed, None)],
            Vec::new(),
        );
        assert!(html.contains("No live feed is in use"), "{html}");
        assert!(html.contains("1 feed that nothing uses now"), "{html}");
        assert!(html.contains("no data was missing"), "{html}");
    }
}
