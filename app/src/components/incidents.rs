//! What was not as it should be with market data.

use super::{Limit, More, Time, table};
use crate::format::{self, TimeStyle};
use leptos::prelude::*;
use papertape::api::{DataIncident, TimeSpan};

/// What kind of incident it is, as people say it.
pub(crate) fn in_words(kind: &str) -> &str {
    match kind {
        "gap" => "Data missing",
        "stale" => "Stale data",
        "failover" => "Source changed",
        "backfill" => "Filled in later",
        "correction" => "Corrected",
        "quarantine" => "Kept off",
        "divergence" => "Sources differ",
        "index" => "Index price",
        other => other,
    }
}

/// A table of incidents, the newest first.
#[component]
pub(crate) fn Incidents(
    /// In the order in which they are shown.
    #[prop(into)]
    list: Signal<Vec<DataIncident>>,
) -> impl IntoView {
    let limit = Limit::new();
    let rows = move || list.with(|list| limit.of(list).into_iter().map(row).collect::<Vec<_>>());
    let columns = vec![
        table::text("What"),
        table::text("Symbol"),
        table::text("Source"),
        table::text("From"),
        table::text("To"),
        table::number("Lasted"),
        table::number("Count"),
        table::text("In words"),
    ];
    view! {
        {table::table("cards-on-phone incidents", columns, rows.into_any())}
        <More limit all=Signal::derive(move || list.with(Vec::len)) />
    }
    .into_any()
}

/// How much of it was published, where that is not all of it: one source of several tells at a time.
fn standing(it: &DataIncident) -> Option<String> {
    let spans = it.touched.as_ref()?;
    let seconds = |span: TimeSpan| Some(span.to?.since(span.from) as f64 / 1e9);
    let parts: Option<f64> = it.touched().map(seconds).sum();
    Some(match parts {
        _ if spans.is_empty() => "not published".to_owned(),
        Some(parts) => format!("published for {} of it", format::duration(parts)),
        None => "published in part of it".to_owned(),
    })
}

fn row(it: DataIncident) -> AnyView {
    let moment = |at| view! { <Time at style=TimeStyle::Second /> }.into_any();
    let lasted = it.to.map_or_else(
        || "goes on".to_owned(),
        |to| format::duration(to.since(it.from) as f64 / 1e9),
    );
    let kind = in_words(&it.kind).to_owned();
    let standing = standing(&it);
    view! {
        <tr data-testid="incident-row" data-kind=it.kind>
            {table::words("What", kind, None)}
            {table::words("Symbol", it.symbol.to_string(), Some(it.feed))}
            {table::words("Source", it.source, standing)}
            {table::cell("From", moment(it.from), None)}
            {table::cell("To", it.to.map_or_else(|| "now".into_any(), moment), None)}
            {table::figure("Lasted", lasted)}
            {table::figure("Count", format::count(it.count))}
            {table::words("In words", it.detail, None)}
        </tr>
    }
    .into_any()
}
