//! What a session's data was like: what was missing, stale or in doubt while it listened.

use super::feed_health::symbol_health;
use super::{ServiceError, Services, wall_clock};
use crate::storage::IncidentRecord;
use crate::tape::TapeSpec;
use papertape::alert::{Alert, AlertKind, Severity};
use papertape::api::{DataIncident, SessionDataQuality, SymbolHealth, TimeSpan};
use papertape::market::Bars;
use papertape::model::{AlertId, SessionId, Symbol, Timeframe, Timestamp};
use papertape_feeds::FeedStatus;
use std::collections::BTreeSet;

/// Numbers of alerts about data begin here: no session raises so many itself.
const DATA_ALERTS: u64 = 1 << 32;
/// They are smaller than this: any program reads them exactly.
const MOST_ALERTS: u64 = 1 << 52;
/// The kind of what the venue took back. It puts in doubt what was done meanwhile; there may be many, and none can be helped.
const CORRECTION: &str = "correction";
/// Entries that are listed at most.
const MOST_LISTED: usize = 10_000;
/// What incidents name as their source that are the session's own and no feed's.
const OWN: &str = "session";

impl Services {
    /// What a session's data was like while it listened.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn data_quality(&self, id: &SessionId) -> Result<SessionDataQuality, ServiceError> {
        Ok(self.numbered_quality(id).await?.0)
    }

    /// The same, with the number that each incident's alert has.
    async fn numbered_quality(&self, id: &SessionId) -> Result<(SessionDataQuality, Vec<u64>), ServiceError> {
        let summary = self.host.summary(id)?;
        let Some(spec) = self.storage.session(id).await?.map(|record| record.spec) else {
            return Ok(Default::default());
        };
        let end = match (summary.state.is_final(), summary.market_time) {
            (true, Some(last)) => last,
            _ => spec
                .tape
                .each()
                .find_map(|tape| self.clock_of(tape))
                .unwrap_or_else(wall_clock),
        };
        let all = self.feeds.status();
        let (mut incidents, mut now) = (Vec::<Noted>::new(), Vec::new());
        // Of all there is, whatever is listed.
        let (mut doubtful, mut omitted) = (Vec::<TimeSpan>::new(), 0);
        for tape in spec.tape.each() {
            if !summary.state.is_final() {
                now.extend(standing(tape, &all));
            }
            let index = index_price(tape, |feed| self.feeds.index_prices(feed).is_some());
            for own in first_bar(tape).into_iter().chain(index) {
                doubtful.extend(doubtful_spans(&own));
                incidents.push(Noted::own(own));
            }
            match tape {
                TapeSpec::Live {
                    feed,
                    symbol,
                    start,
                    last,
                    ..
                } => {
                    // Incidents have the time of our clock, behind which a delayed feed's is. What a feed with a time of its own lost
                    // has the market's, and that it could not be heard has ours.
                    let has_own_time = self.feeds.has_time_of_its_own(feed);
                    let reached = summary.market_time;
                    let spans = match (last, reached) {
                        (Some(_), _) if has_own_time => continue,
                        (Some(_), Some(reached)) => vec![(*start, reached)],
                        _ if has_own_time => {
                            let market = (*start, reached.unwrap_or(*start));
                            apart(market, (summary.created_at, wall_clock()))
                        }
                        _ => vec![(*start, end)],
                    };
                    for span in spans {
                        let found = self.storage.incident_records(feed, Some(symbol), span).await?;
                        let all = self.storage.incident_count(feed, symbol, span).await?;
                        omitted += all.saturating_sub(found.len() as u64);
                        let spans = self.storage.incident_spans(feed, symbol, &DOUBTFUL, span).await?;
                        doubtful.extend(spans);
                        incidents.extend(found.into_iter().map(|record| Noted::of(record, span.0)));
                    }
                }
                TapeSpec::Replay {
                    dataset,
                    timeframe,
                    from,
                    to,
                } => {
                    let bars = self.storage.bars(*dataset).await?;
                    let bars = papertape::backtest::within(bars, *timeframe, *from, *to);
                    let name = spec.instrument.symbol();
                    let until = summary.market_time.unwrap_or_default();
                    let all = holes(&bars, *timeframe, name, until)
                        .map(|hole| doubtful.extend(doubtful_spans(&hole)));
                    let older = all.count().saturating_sub(MOST_LISTED);
                    omitted += older as u64;
                    incidents.extend(holes(&bars, *timeframe, name, until).skip(older).map(Noted::own));
                }
                TapeSpec::Simulated { .. } | TapeSpec::SimulatedBars { .. } | TapeSpec::Together { .. } => {}
            }
        }
        incidents.sort_by_key(|noted| noted.incident.from);
        // What reaches from one time to another was found in both.
        let mut known = BTreeSet::new();
        incidents.retain(|noted| known.insert(noted.number));
        let older = incidents.len().saturating_sub(MOST_LISTED);
        omitted += older as u64;
        incidents.drain(..older);
        let (numbers, incidents): (Vec<u64>, Vec<DataIncident>) = incidents
            .into_iter()
            .map(|noted| (noted.number, noted.incident))
            .unzip();
        let tainted = joined(doubtful);
        let seconds = tainted.iter().map(|span| span.to.unwrap_or(end).since(span.from));
        let quality = SessionDataQuality {
            tainted_seconds: seconds.sum::<i64>() as f64 / 1e9,
            tainted,
            incidents,
            omitted,
            now,
        };
        Ok((quality, numbers))
    }

    /// What time it is in the market of a live feed.
    fn clock_of(&self, tape: &TapeSpec) -> Option<Timestamp> {
        match tape {
            TapeSpec::Live { feed, .. } => Some(self.feeds.market_clock(feed, wall_clock())),
            _ => None,
        }
    }

    /// What of a session's data-quality record is worth an alert: data that is missing or stale, another source, sources that
    /// differ. Their numbers lie after all that the session raises itself, and stay theirs whatever comes to be known later.
    pub(super) async fn data_alerts(&self, id: &SessionId) -> Result<Vec<Alert>, ServiceError> {
        let (quality, numbers) = self.numbered_quality(id).await?;
        // That it began within a minute is so of nearly every session, and nobody's fault.
        let is_worth = |it: &DataIncident| {
            it.source != OWN && it.kind != CORRECTION && doubtful_spans(it).next().is_some()
        };
        let all = quality.incidents.into_iter().zip(numbers);
        Ok(all
            .filter(|(incident, _)| is_worth(incident))
            .map(|(incident, number)| Alert {
                id: AlertId(number),
                // When it came to concern the session.
                time: doubtful_spans(&incident)
                    .next()
                    .map_or(incident.from, |span| span.from),
                severity: Severity::Warning,
                kind: AlertKind::System,
                code: format!("data_{}", incident.kind),
                message: format!(
                    "{} from {}: {}",
                    incident.symbol, incident.source, incident.detail
                ),
            })
            .collect())
    }
}

/// Two spans of time, as one where they touch.
fn apart(one: (Timestamp, Timestamp), other: (Timestamp, Timestamp)) -> Vec<(Timestamp, Timestamp)> {
    match one.0 <= other.1 && other.0 <= one.1 {
        true => vec![(one.0.min(other.0), one.1.max(other.1))],
        false => vec![one, other],
    }
}

/// An incident, with a number that is its own for good.
#[derive(Debug)]
struct Noted {
    number: u64,
    incident: DataIncident,
}

impl Noted {
    /// One that is on record, as a session sees it that began to listen at `start`. Its number is made of where it is on record: the
    /// feed, the symbol, the run that noted it and its number there, of which what it says may still grow.
    fn of(record: IncidentRecord, start: Timestamp) -> Self {
        let incident = record.incident;
        let place = [record.run.nanos().unsigned_abs(), record.number];
        Self {
            number: number(&incident, &incident.feed, place),
            incident: DataIncident {
                from: incident.from.max(start),
                ..incident
            },
        }
    }

    /// One that is on no record, but is so of a session whenever it is looked at: of one kind there is one at a time.
    fn own(incident: DataIncident) -> Self {
        let at = incident.from.nanos().unsigned_abs();
        Self {
            number: number(&incident, &incident.kind, [at, 0]),
            incident,
        }
    }
}

/// The number of an alert about an incident: a hash (FNV-1a, 64 bits) of what it is told from.
fn number(incident: &DataIncident, what: &str, at: [u64; 2]) -> u64 {
    let at = at.into_iter().flat_map(u64::to_be_bytes);
    let words = [what, "\n", incident.symbol.as_str(), "\n"].map(str::bytes);
    let hash = words
        .into_iter()
        .flatten()
        .chain(at)
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    DATA_ALERTS + hash % (MOST_ALERTS - DATA_ALERTS)
}

/// How what a session listens to is now.
fn standing(tape: &TapeSpec, feeds: &[FeedStatus]) -> Option<SymbolHealth> {
    let TapeSpec::Live {
        feed,
        symbol,
        last: None,
        ..
    } = tape
    else {
        return None;
    };
    let feed = feeds.iter().find(|status| status.feed == *feed)?;
    let symbol = feed.symbols.iter().find(|status| status.symbol == *symbol)?;
    Some(symbol_health(symbol))
}

/// The first minute of a session that began to listen within it: its bar is not whole, whatever the feed told.
fn first_bar(tape: &TapeSpec) -> Option<DataIncident> {
    let TapeSpec::Live {
        feed, symbol, start, ..
    } = tape
    else {
        return None;
    };
    let minute = Timeframe::MINUTE;
    let opened = minute.floor(*start);
    (opened < *start).then(|| DataIncident {
        kind: "gap".to_owned(),
        feed: feed.clone(),
        symbol: symbol.clone(),
        source: OWN.to_owned(),
        from: *start,
        to: Some(minute.close_of(opened)),
        count: 1,
        detail: "the session began to listen within this minute: its bar is not whole".to_owned(),
        touched: None,
    })
}

/// All of a session on a feed of index prices: whatever it fills on is no venue's price.
fn index_price(tape: &TapeSpec, is_index: impl Fn(&str) -> bool) -> Option<DataIncident> {
    let TapeSpec::Live {
        feed, symbol, start, ..
    } = tape
    else {
        return None;
    };
    is_index(feed).then(|| DataIncident {
        kind: "index".to_owned(),
        feed: feed.clone(),
        symbol: symbol.clone(),
        source: feed.clone(),
        from: *start,
        to: None,
        count: 1,
        detail: "index price, no venue: every fill is at an average over many venues, at which nobody trades"
            .to_owned(),
        touched: None,
    })
}

/// The holes between bars, up to `until`.
fn holes(
    bars: &Bars,
    timeframe: Timeframe,
    symbol: &Symbol,
    until: Timestamp,
) -> impl Iterator<Item = DataIncident> {
    let pairs = bars.open_time.windows(2).take_while(move |pair| pair[0] < until);
    pairs.filter_map(move |pair| {
        let from = timeframe.close_of(pair[0]);
        let missing = pair[1].since(from) / timeframe.nanos();
        (missing > 0).then(|| DataIncident {
            kind: "gap".to_owned(),
            feed: "replay".to_owned(),
            symbol: symbol.clone(),
            source: "dataset".to_owned(),
            from,
            to: Some(pair[1]),
            count: missing.unsigned_abs(),
            detail: format!("{missing} bars of {timeframe} are missing"),
            touched: None,
        })
    })
}

/// The kinds of what was missing, stale, wrong or in doubt. Backfilled data is whole again, and what was kept off was replaced by
/// nothing that fills.
const DOUBTFUL: [&str; 6] = ["gap", "stale", "failover", "divergence", "index", CORRECTION];

/// The spans in which an incident put what was published in doubt: those in which that came from its source, if it is of such a
/// kind at all.
fn doubtful_spans(incident: &DataIncident) -> impl Iterator<Item = TimeSpan> {
    incident
        .touched()
        .filter(|_| DOUBTFUL.contains(&incident.kind.as_str()))
}

/// Spans apart from each other and in order.
fn joined(mut spans: Vec<TimeSpan>) -> Vec<TimeSpan> {
    spans.sort_by_key(|span| span.from);
    let mut all: Vec<TimeSpan> = Vec::new();
    for span in spans {
        match all.last_mut() {
            Some(last) if last.to.is_none_or(|to| span.from <= to) => {
                last.to = last.to.and_then(|to| span.to.map(|other| other.max(to)));
            }
            _ => all.push(span),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tainted(incidents: &[DataIncident]) -> Vec<TimeSpan> {
        joined(incidents.iter().flat_map(doubtful_spans).collect())
    }

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

    #[test]
    fn a_session_on_index_prices_is_in_doubt_from_its_beginning_on() {
        let start = Timestamp::from_secs(1_723_118_400);
        let tape = TapeSpec::Live {
            feed: "coingecko".to_owned(),
            symbol: "BTC/USD".parse().expect("a symbol"),
            dataset: None,
            history_from: Timestamp::EPOCH,
            start,
            first: 1,
            last: None,
        };
        assert_eq!(index_price(&tape, |_| false), None);
        let found = index_price(&tape, |feed| feed == "coingecko").expect("it says so");
        assert!(found.detail.starts_with("index price, no venue"));
        let all = TimeSpan {
            from: start,
            to: None,
        };
        assert_eq!(tainted(&[found]), [all]);
    }

    #[test]
    fn the_bar_of_a_minute_that_was_half_heard_is_in_doubt() {
        let live = |start: &str| TapeSpec::Live {
            feed: "binance".to_owned(),
            symbol: "BTC/USDT".parse().expect("a symbol"),
            dataset: None,
            history_from: Timestamp::EPOCH,
            start: Timestamp::parse(start).expect("a time"),
            first: 1,
            last: None,
        };
        assert_eq!(first_bar(&live("2025-01-06T10:00:00Z")), None);
        let found = first_bar(&live("2025-01-06T10:00:59.5Z")).expect("half a second of it was heard");
        let spans = tainted(std::slice::from_ref(&found));
        let expected = TimeSpan {
            from: Timestamp::parse("2025-01-06T10:00:59.5Z").expect("a time"),
            to: Some(Timestamp::parse("2025-01-06T10:01:00Z").expect("a time")),
        };
        assert_eq!((spans, found.source.as_str()), (vec![expected], OWN));
    }

    #[test]
    fn the_number_of_an_alert_is_its_incidents_own_whatever_else_is_known_of_it() {
        let noted = |run: i64, number: u64, incident: DataIncident| {
            let run = Timestamp::from_secs(run);
            let record = IncidentRecord {
                run,
                number,
                incident,
            };
            Noted::of(record, Timestamp::from_secs(5)).number
        };
        let first = noted(1, 1, incident("gap", 10, None));
        // It turned out to have begun earlier, and is over.
        assert_eq!(noted(1, 1, incident("gap", 3, Some(20))), first);
        let other = DataIncident {
            feed: "kraken".to_owned(),
            ..incident("gap", 10, None)
        };
        let all = [
            first,
            noted(1, 2, incident("gap", 10, None)),
            noted(2, 1, incident("gap", 10, None)),
            noted(1, 1, other),
            Noted::own(incident("gap", 10, None)).number,
            Noted::own(incident("gap", 11, None)).number,
            Noted::own(incident("index", 10, None)).number,
        ];
        let apart: std::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(apart.len(), all.len());
        assert!(
            all.iter()
                .all(|number| (DATA_ALERTS..MOST_ALERTS).contains(number))
        );
    }

    #[test]
    fn spans_that_touch_are_one_and_what_was_made_good_taints_nothing() {
        let incidents = [
            incident("gap", 10, Some(20)),
            incident("backfill", 12, Some(90)),
            incident("stale", 20, Some(25)),
            incident("failover", 30, Some(31)),
            incident("quarantine", 40, Some(41)),
            incident("correction", 45, Some(47)),
            incident("divergence", 50, None),
            incident("gap", 60, Some(70)),
        ];
        let secs = |time: Timestamp| time.secs();
        let spans: Vec<(i64, Option<i64>)> = tainted(&incidents)
            .into_iter()
            .map(|span| (secs(span.from), span.to.map(secs)))
            .collect();
        assert_eq!(
            spans,
            [(10, Some(25)), (30, Some(31)), (45, Some(47)), (50, None)]
        );
    }

    #[test]
    fn what_a_source_that_stood_by_was_troubled_with_is_no_doubt_of_the_sessions() {
        let at = Timestamp::from_secs;
        let part = |from, to: Option<i64>| TimeSpan {
            from: at(from),
            to: to.map(at),
        };
        let of = |incident: DataIncident, touched: &[TimeSpan]| DataIncident {
            touched: Some(touched.to_vec()),
            ..incident
        };
        let incidents = [
            of(incident("gap", 10, Some(90)), &[part(40, Some(50))]),
            of(incident("stale", 12, None), &[]),
            incident("failover", 20, Some(30)),
            of(incident("backfill", 60, Some(70)), &[part(60, Some(70))]),
        ];
        assert_eq!(tainted(&incidents), [part(20, Some(30)), part(40, Some(50))]);
        // A session that began after the part that was published has nothing of it.
        let record = IncidentRecord {
            run: at(1),
            number: 1,
            incident: of(incident("gap", 10, Some(90)), &[part(40, Some(50))]),
        };
        let seen = |start| doubtful_spans(&Noted::of(record.clone(), at(start)).incident).collect::<Vec<_>>();
        assert_eq!(seen(5), [part(40, Some(50))]);
        assert_eq!(seen(45), [part(45, Some(50))]);
        assert_eq!(seen(60), []);
    }
}
