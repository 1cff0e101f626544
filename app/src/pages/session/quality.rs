//! What the session's data was like, and what its figures are without what is in doubt.

use crate::components::{Incidents, ProblemNote, compared, in_words};
use crate::erased::{effect, memo};
use crate::format;
use crate::functions::{self, Problem};
use crate::live::SessionView;
use leptos::prelude::*;
use papertape::analytics::Metrics;
use papertape::api::{DataIncident, FeedKind, Freshness, ProblemDetails, SessionDataQuality, SymbolHealth};
use std::time::Duration;

/// How often the record of a session on a live feed is read.
const EVERY: Duration = Duration::from_secs(10);
/// The kinds of incidents while which nothing fills.
const IN_DOUBT: [&str; 5] = ["gap", "stale", "divergence", "failover", "index"];

/// The session's data-quality record, read again and again while its feed is live.
#[derive(Clone, Copy)]
pub(crate) struct Watch {
    /// `None` until it is there.
    pub(crate) record: RwSignal<Option<SessionDataQuality>>,
    /// Figures without the spans in doubt, where there are any.
    pub(crate) untainted: RwSignal<Option<Metrics>>,
    problem: RwSignal<Option<ProblemDetails>>,
}

impl Watch {
    /// One that has read nothing.
    pub(crate) fn new() -> Self {
        Self {
            record: RwSignal::new(None),
            untainted: RwSignal::new(None),
            problem: RwSignal::new(None),
        }
    }

    /// Reads the record when it is first needed: at once for a live feed, whose state stands in the head, else when its tab is
    /// `chosen`.
    pub(crate) fn begin(view: SessionView, chosen: RwSignal<&'static str>) -> Self {
        let watch = Self::new();
        let (id, live) = view
            .summary
            .with_untracked(|it| (it.id.clone(), it.feed.kind == FeedKind::Live));
        let id = StoredValue::new(id);
        let shown = memo(move |_| chosen.get() == "quality");
        let ended = memo(move |_| view.summary.with(|it| it.state.is_final()));
        let read = move || {
            let Some(id) = id.try_get_value() else { return };
            leptos::task::spawn_local(async move { watch.take(functions::data_quality(id).await) });
        };
        effect(move || {
            if !live && !shown.get() {
                return;
            }
            read();
            if live
                && !ended.get()
                && let Ok(handle) = set_interval_with_handle(read, EVERY)
            {
                on_cleanup(move || handle.clear());
            }
        });
        let tainted = memo(move |_| {
            watch
                .record
                .with(|it| it.as_ref().map(|it| it.tainted.clone()).unwrap_or_default())
        });
        effect(move || {
            if !shown.get() || tainted.with(Vec::is_empty) {
                return;
            }
            // They are read afresh after a trade has closed, as these are.
            view.metrics.track();
            let id = id.get_value();
            leptos::task::spawn_local(async move {
                match functions::untainted_metrics(id).await {
                    Ok(metrics) => drop(watch.untainted.try_set(Some(metrics))),
                    Err(Problem(problem)) => drop(watch.problem.try_set(Some(problem))),
                }
            });
        });
        watch
    }

    /// Takes an answer, after which the page may be gone.
    fn take(self, answer: Result<SessionDataQuality, Problem>) {
        match answer {
            Ok(record) => {
                self.problem.try_set(None);
                if self.record.try_get_untracked().flatten().as_ref() != Some(&record) {
                    self.record.try_set(Some(record));
                }
            }
            Err(Problem(problem)) => drop(self.problem.try_set(Some(problem))),
        }
    }
}

/// The incident of now, while which nothing fills.
fn now(record: &SessionDataQuality) -> Option<&DataIncident> {
    let open = |it: &&DataIncident| it.touches_now() && IN_DOUBT.contains(&it.kind.as_str());
    record.incidents.iter().rev().find(open)
}

/// What has told nothing yet, of all that the session listens to.
fn waiting(record: &SessionDataQuality) -> Option<&SymbolHealth> {
    let mut all = record.now.iter();
    all.find(|it| it.freshness == Freshness::Waiting)
}

/// What the head says of the session's data while it is in doubt or there is none: a key, a word and the reason.
fn badge(record: &SessionDataQuality) -> Option<(String, String, String)> {
    if let Some(it) = now(record) {
        return Some((it.kind.clone(), in_words(&it.kind).to_owned(), it.detail.clone()));
    }
    let it = waiting(record)?;
    let why = it.why.clone().unwrap_or_default();
    Some(("waiting".to_owned(), "Waiting for data".to_owned(), why))
}

/// A word in the head while the session's data is in doubt, or none has come.
#[component]
pub(crate) fn DataBadge(watch: Watch) -> impl IntoView {
    let doubt = memo(move |_| watch.record.with(|it| badge(it.as_ref()?)));
    move || {
        doubt.get().map(|(key, word, why)| {
            view! {
                <span class="tag doubt" data-testid="data-state" data-state=key title=why>
                    {word}
                </span>
            }
        })
    }
}

/// The record in a few sentences.
pub(crate) fn summary(kind: FeedKind, record: &SessionDataQuality) -> String {
    let gist = gist(kind, record);
    match record.omitted {
        0 => gist,
        omitted => format!(
            "{gist} The newest entries are listed; {} older ones are not, and what they put in doubt is counted.",
            format::count(omitted)
        ),
    }
}

fn gist(kind: FeedKind, record: &SessionDataQuality) -> String {
    let doubt = format::duration(record.tainted_seconds);
    let spans = match record.tainted.len() {
        1 => "one span".to_owned(),
        many => format!("{many} spans"),
    };
    match (kind, record.tainted.is_empty()) {
        (FeedKind::Simulated, _) => {
            "A simulated market, made here: nothing of it can be missing, late or stale.".to_owned()
        }
        (FeedKind::Replay, true) => {
            "A replay of recorded bars: nothing was missing in the recording as far as it has come."
                .to_owned()
        }
        (FeedKind::Replay, false) => {
            format!("A replay of recorded bars: {doubt} are missing in the recording, in {spans}.")
        }
        (FeedKind::Live, true) if let Some(it) = waiting(record) => format!(
            "Live data, and none of {} has come yet. Nothing fills before it does; orders wait.",
            it.symbol
        ),
        (FeedKind::Live, true) if record.incidents.is_empty() => {
            "Live data, and nothing was missing since the session began to listen.".to_owned()
        }
        (FeedKind::Live, true) => {
            "Live data, and nothing is in doubt: what is listed here was made good, kept off, or of a source that stood by."
                .to_owned()
        }
        (FeedKind::Live, false) => format!(
            "Live data, in doubt for {doubt} in {spans}. Nothing fills while data is missing, stale or in \
             dispute; orders wait."
        ),
    }
}

/// The tab.
#[component]
pub(crate) fn Quality(view: SessionView, watch: Watch) -> impl IntoView {
    let (kind, currency) = view
        .summary
        .with_untracked(|it| (it.feed.kind, it.equity.currency.to_string()));
    let text = memo(move |_| {
        watch.record.with(|it| match it {
            Some(record) => summary(kind, record),
            None => "Reading the record of this session's data".to_owned(),
        })
    });
    let any = memo(move |_| {
        watch
            .record
            .with(|it| it.as_ref().is_some_and(|it| !it.incidents.is_empty()))
    });
    let newest_first = Signal::derive(move || {
        let of = |it: &SessionDataQuality| it.incidents.iter().rev().cloned().collect::<Vec<_>>();
        watch.record.with(|it| it.as_ref().map(of).unwrap_or_default())
    });
    let figures = move || {
        watch.untainted.get().map(|without| {
            view! {
                <div class="compared">
                    <h3>"Figures without the spans in doubt"</h3>
                    <p class="hint">
                        "Equity stands still in them; fills in them and trades that touch one are left out."
                    </p>
                    {view.metrics.with(|all| compared(all, &without, &currency))}
                </div>
            }
        })
    };
    view! {
        <div class="quality">
            <p data-testid="quality-summary">{text}</p>
            <ProblemNote problem=watch.problem />
        </div>
        <Show when=move || any.get()>
            <Incidents list=newest_first />
        </Show>
        {figures}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::api::TimeSpan;
    use papertape::model::Timestamp;

    fn incident(kind: &str, from: i64, to: Option<i64>) -> DataIncident {
        DataIncident {
            kind: kind.to_owned(),
            feed: "binance".to_owned(),
            symbol: "BTC/USDT".parse().expect("a symbol"),
            source: "binance".to_owned(),
            from: Timestamp::from_secs(from),
            to: to.map(Timestamp::from_secs),
            count: 1,
            detail: String::new(),
            touched: None,
        }
    }

    fn record(incidents: Vec<DataIncident>, tainted: &[(i64, i64)]) -> SessionDataQuality {
        let span = |(from, to): &(i64, i64)| TimeSpan {
            from: Timestamp::from_secs(*from),
            to: Some(Timestamp::from_secs(*to)),
        };
        SessionDataQuality {
            incidents,
            tainted: tainted.iter().map(span).collect(),
            tainted_seconds: tainted.iter().map(|(from, to)| (to - from) as f64).sum(),
            omitted: 0,
            now: Vec::new(),
        }
    }

    /// A record without incidents of a session that listens to something that is so.
    fn listening(freshness: Freshness) -> SessionDataQuality {
        let health = SymbolHealth {
            symbol: "BTC/USDT".parse().expect("a symbol"),
            source: "binance".to_owned(),
            freshness,
            why: Some("binance: the connection is down".to_owned()),
            number: 0,
            last_event: None,
            reference_price: None,
        };
        SessionDataQuality {
            now: vec![health],
            ..record(Vec::new(), &[])
        }
    }

    #[test]
    fn what_has_told_nothing_yet_is_waited_for_and_nothing_is_said_to_be_whole() {
        let waiting = listening(Freshness::Waiting);
        let (key, word, why) = badge(&waiting).expect("it says so");
        assert_eq!((key.as_str(), word.as_str()), ("waiting", "Waiting for data"));
        assert_eq!(why, "binance: the connection is down");
        let said = summary(FeedKind::Live, &waiting);
        assert!(said.contains("none of BTC/USDT has come yet"), "{said}");
        // What is on record says more.
        let stale = SessionDataQuality {
            incidents: vec![incident("stale", 1, None)],
            ..waiting
        };
        assert_eq!(badge(&stale).map(|(key, ..)| key).as_deref(), Some("stale"));
        let fresh = listening(Freshness::Fresh);
        assert_eq!(badge(&fresh), None);
        assert!(summary(FeedKind::Live, &fresh).contains("nothing was missing"));
    }

    #[test]
    fn only_what_lasts_and_keeps_fills_away_is_in_the_head() {
        let kind = |incidents| now(&record(incidents, &[])).map(|it| it.kind.clone());
        assert_eq!(kind(vec![incident("gap", 1, Some(2))]), None);
        assert_eq!(kind(vec![incident("backfill", 1, None)]), None);
        let both = vec![incident("divergence", 1, None), incident("stale", 3, None)];
        assert_eq!(kind(both).as_deref(), Some("stale"), "the newest");
        let standby = DataIncident {
            touched: Some(Vec::new()),
            ..incident("stale", 4, None)
        };
        assert_eq!(kind(vec![standby]), None, "another source tells");
    }

    #[test]
    fn a_record_is_summed_up_for_each_kind_of_feed() {
        let clean = record(Vec::new(), &[]);
        let mended = record(vec![incident("backfill", 1, Some(2))], &[]);
        let gaps = record(vec![incident("gap", 10, Some(30))], &[(10, 30), (60, 70)]);
        for (kind, record, part) in [
            (FeedKind::Simulated, &clean, "nothing of it can be missing"),
            (FeedKind::Replay, &clean, "nothing was missing in the recording"),
            (
                FeedKind::Replay,
                &gaps,
                "30 s are missing in the recording, in 2 spans",
            ),
            (FeedKind::Live, &clean, "nothing was missing"),
            (FeedKind::Live, &mended, "made good, kept off"),
            (FeedKind::Live, &gaps, "in doubt for 30 s in 2 spans"),
        ] {
            let text = summary(kind, record);
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
