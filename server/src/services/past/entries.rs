//! What a feed's past puts on the data-quality record: bars that a venue tells otherwise than before, and those that cannot be.

use super::spans::Span;
use papertape::api::DataIncident;
use papertape::market::Bar;
use papertape::model::{Symbol, Timeframe};
use papertape_feeds::KeptOffBar;

/// Entries for the bars that one answer had kept off, at most.
const MOST_RUNS: usize = 100;
/// By which an entry is known for one of bars that were kept off.
const KEPT_OFF: &str = "kept off, and will be asked for again";

/// Bars that were kept off one after another.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    /// From when the first opened until the last closed.
    pub(super) span: Span,
    /// How many.
    pub(super) count: u64,
    /// Why the first was.
    pub(super) why: String,
}

/// Bars that were kept off, in order: those that follow each other as one. Where that comes to too many, those that are near.
pub(super) fn runs(timeframe: Timeframe, kept_off: &[KeptOffBar]) -> Vec<Run> {
    let mut apart = 0_i64;
    loop {
        let runs = runs_within(timeframe, kept_off, apart);
        if runs.len() <= MOST_RUNS {
            return runs;
        }
        apart = apart.saturating_mul(2).max(timeframe.nanos());
    }
}

/// Those between which there are so many nanoseconds at most are one.
fn runs_within(timeframe: Timeframe, kept_off: &[KeptOffBar], apart: i64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for bar in kept_off {
        let (open, close) = (bar.open_time, timeframe.close_of(bar.open_time));
        match runs.last_mut() {
            Some(run) if open.since(run.span.1) <= apart => {
                run.span.1 = close;
                run.count += 1;
            }
            _ => runs.push(Run {
                span: (open, close),
                count: 1,
                why: bar.why.clone(),
            }),
        }
    }
    runs
}

/// That bars that a venue gave are kept off.
pub(super) fn quarantine((feed, symbol): (&str, &Symbol), timeframe: Timeframe, run: &Run) -> DataIncident {
    let (from, to) = run.span;
    let why = &run.why;
    let detail = match run.count {
        1 => format!("the bar of {timeframe} that opened at {from} was {KEPT_OFF}: {why}"),
        count => format!(
            "{count} bars of {timeframe}, of which the first opened at {from} and the last closed at {to}, were {KEPT_OFF}: {why}"
        ),
    };
    DataIncident {
        kind: "quarantine".to_owned(),
        feed: feed.to_owned(),
        symbol: symbol.clone(),
        source: feed.to_owned(),
        from,
        to: Some(to),
        count: run.count,
        detail,
        // Of what is kept, not of what is published.
        touched: Some(Vec::new()),
    }
}

/// Of when an entry says that bars of a length were kept off.
pub(super) fn kept_off_of(incident: &DataIncident, timeframe: Timeframe) -> Option<Span> {
    let is_it = incident.kind == "quarantine"
        && incident.detail.contains(KEPT_OFF)
        && [
            format!("the bar of {timeframe} "),
            format!(" bars of {timeframe},"),
        ]
        .iter()
        .any(|of| incident.detail.contains(of));
    incident.to.filter(|_| is_it).map(|to| (incident.from, to))
}

/// That a venue says something else of a bar than is kept of it.
pub(super) fn correction(
    (feed, symbol): (&str, &Symbol),
    timeframe: Timeframe,
    known: &Bar,
    now: &Bar,
) -> DataIncident {
    let say = |bar: &Bar| {
        let Bar {
            open,
            high,
            low,
            close,
            volume,
            ..
        } = bar;
        format!("open {open}, high {high}, low {low}, close {close}, volume {volume}")
    };
    DataIncident {
        kind: "correction".to_owned(),
        feed: feed.to_owned(),
        symbol: symbol.clone(),
        source: feed.to_owned(),
        from: now.open_time,
        to: Some(timeframe.close_of(now.open_time)),
        count: 1,
        detail: format!(
            "the venue says of the bar of {timeframe} that opened at {} now: {}; kept was: {}",
            now.open_time,
            say(now),
            say(known)
        ),
        // Of what is kept, not of what is published.
        touched: Some(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::model::Timestamp;

    const MINUTE: Timeframe = Timeframe::MINUTE;

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_secs(60 * number)
    }

    fn off(numbers: impl IntoIterator<Item = i64>) -> Vec<KeptOffBar> {
        let bar = |number| KeptOffBar {
            open_time: minute(number),
            why: format!("a price of {number}"),
        };
        numbers.into_iter().map(bar).collect()
    }

    #[test]
    fn bad_bars_that_follow_each_other_are_one_entry_with_their_number() {
        let told: Vec<_> = runs(MINUTE, &off([3, 4, 5, 9]))
            .into_iter()
            .map(|run| (run.span, run.count, run.why))
            .collect();
        let first = ((minute(3), minute(6)), 3, "a price of 3".to_owned());
        let second = ((minute(9), minute(10)), 1, "a price of 9".to_owned());
        assert_eq!(told, [first, second]);
        assert_eq!(runs(MINUTE, &[]), []);
    }

    #[test]
    fn a_hundred_thousand_bad_bars_are_a_hundred_entries_at_most() {
        for step in [1, 2, 3, 7] {
            let all = off((0..100_000).map(|number| number * step));
            let runs = runs(MINUTE, &all);
            assert!((1..=MOST_RUNS).contains(&runs.len()), "{step}: {}", runs.len());
            assert_eq!(runs.iter().map(|run| run.count).sum::<u64>(), 100_000);
        }
        assert_eq!(runs(MINUTE, &off((0..100).map(|number| number * 2))).len(), 100);
    }

    #[test]
    fn an_entry_of_kept_off_bars_is_known_again_by_their_length() {
        let symbol: Symbol = "BTC/USD".parse().expect("a symbol");
        for run in runs(MINUTE, &off([3, 4, 9])) {
            let entry = quarantine(("first", &symbol), MINUTE, &run);
            assert_eq!(kept_off_of(&entry, MINUTE), Some(run.span), "{}", entry.detail);
            assert_eq!(kept_off_of(&entry, Timeframe::HOUR), None, "{}", entry.detail);
            let of_a_stream = DataIncident {
                detail: "a trade was kept off".to_owned(),
                ..entry
            };
            assert_eq!(kept_off_of(&of_a_stream, MINUTE), None);
        }
    }
}
