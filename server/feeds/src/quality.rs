//! The record of everything that was not as it should be.

mod reigns;

use papertape::api::TimeSpan;
use papertape::model::{Symbol, Timestamp};
use reigns::Reigns;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// Data is missing.
    Gap,
    /// Nothing came for longer than it should.
    Stale,
    /// Another source took over.
    Failover,
    /// Missing data was asked for and came.
    Backfill,
    /// The venue corrected what it had said.
    Correction,
    /// Something impossible was kept off: a price, a size, a frame.
    Quarantine,
    /// Sources tell different prices.
    Divergence,
}

/// One entry of the data-quality record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// What kind.
    pub kind: IncidentKind,
    /// Of which symbol.
    pub symbol: Symbol,
    /// Which source it was.
    pub source: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it lasts.
    pub to: Option<Timestamp>,
    /// How many: messages lost, trades backfilled, frames kept off.
    pub count: u64,
    /// In a sentence.
    pub detail: String,
    /// When, within it, what was published came from its source; `None`: all the time.
    pub touched: Option<Vec<TimeSpan>>,
}

/// What is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Of {
    /// What is published, whichever source it comes from.
    Stream,
    /// The source at a place, which concerns the stream while it is the one that is published.
    Source(usize),
}

/// The incidents of one stream: which go on, and those that are over, as far as memory allows.
#[derive(Clone, Debug)]
pub(crate) struct IncidentLog {
    symbol: Symbol,
    kept: BTreeMap<u64, (Of, Incident)>,
    reigns: Reigns,
    open: BTreeMap<Key, u64>,
    /// The last of each that has ended.
    ended: BTreeMap<Key, u64>,
    /// The last of those that are counted, so that many in a row are one entry.
    counted: BTreeMap<(Key, String), u64>,
    /// Those of another Papertape, by what they are known by there.
    relayed: BTreeMap<Relayed, u64>,
    next: u64,
    /// Those that the record does not have yet as they are.
    changed: BTreeSet<u64>,
}

/// Kind, cause and what it is of.
pub(crate) type Key = (IncidentKind, &'static str, Of);

/// Place of the source, and what it knows an incident of its own by.
type Relayed = (usize, (Timestamp, u64));

impl IncidentLog {
    /// Incidents kept in memory.
    const MOST: usize = 2_000;
    /// Reasons of which the last incident is remembered.
    const MOST_CLASSES: usize = 1_000;
    /// Counted incidents so close to each other are one.
    const TOGETHER: i64 = 10_000_000_000;

    /// An empty log whose ids begin with `first`, of a stream that is the source's at `active` for now.
    pub(crate) fn new(symbol: Symbol, first: u64, active: usize) -> Self {
        Self {
            symbol,
            kept: BTreeMap::new(),
            reigns: Reigns::new(active),
            open: BTreeMap::new(),
            ended: BTreeMap::new(),
            counted: BTreeMap::new(),
            relayed: BTreeMap::new(),
            next: first,
            changed: BTreeSet::new(),
        }
    }

    /// One begins, unless it goes on already.
    pub(crate) fn begin(&mut self, key: Key, source: &str, from: Timestamp, detail: String) {
        if self.open.contains_key(&key) {
            return;
        }
        let id = self.add((key.0, key.2), source, (from, None), 0, detail);
        self.open.insert(key, id);
    }

    /// One begins, unless it goes on already; if the last of its key has only just ended, that one goes on: what comes and goes is one.
    pub(crate) fn go_on(&mut self, key: Key, source: &str, from: Timestamp, detail: String) {
        let last = self.ended.get(&key).copied();
        if let Some((id, (_, incident))) = last.and_then(|id| Some((id, self.kept.get_mut(&id)?)))
            && incident.to.is_some_and(|to| from.since(to) <= Self::TOGETHER)
        {
            incident.to = None;
            incident.count += 1;
            self.open.insert(key, id);
            self.changed.insert(id);
            return;
        }
        self.begin(key, source, from, detail);
    }

    /// One is over, if it went on.
    pub(crate) fn end(&mut self, key: Key, to: Timestamp, count: u64, detail: Option<String>) {
        let Some(id) = self.open.remove(&key) else { return };
        self.ended.insert(key, id);
        if let Some((_, incident)) = self.kept.get_mut(&id) {
            incident.to = Some(to.max(incident.from));
            incident.count += count;
            if let Some(detail) = detail {
                incident.detail = detail;
            }
            self.changed.insert(id);
        }
    }

    /// Something happened so often between two moments; close to the last of its kind, with the same words but for the numbers in
    /// them, they are one entry.
    pub(crate) fn count(
        &mut self,
        key: Key,
        source: &str,
        (from, to): (Timestamp, Timestamp),
        count: u64,
        detail: String,
    ) {
        let to = to.max(from);
        let class = (key, class_of(&detail));
        if let Some(id) = self.counted.get(&class)
            && let Some((_, incident)) = self.kept.get_mut(id)
            && let Some(until) = incident.to
            && from.since(until) <= Self::TOGETHER
            && incident.from.since(to) <= Self::TOGETHER
        {
            incident.from = incident.from.min(from);
            incident.to = Some(until.max(to));
            incident.count += count;
            self.changed.insert(*id);
            return;
        }
        let id = self.add((key.0, key.2), source, (from, Some(to)), count, detail);
        if self.counted.len() >= Self::MOST_CLASSES {
            self.counted.clear();
        }
        self.counted.insert(class, id);
    }

    /// Another Papertape, which is our source, says what was not as it should be there, as it stands now.
    pub(crate) fn relay(&mut self, key: Relayed, source: &str, theirs: &Incident) {
        let known = self.relayed.get(&key).copied();
        if let Some((id, (_, ours))) = known.and_then(|id| Some((id, self.kept.get_mut(&id)?))) {
            (ours.to, ours.count) = (theirs.to, theirs.count);
            ours.detail = relayed_words(theirs);
            ours.touched.clone_from(&theirs.touched);
            self.changed.insert(id);
            return;
        }
        let Incident {
            kind,
            from,
            to,
            count,
            ..
        } = *theirs;
        let words = relayed_words(theirs);
        let id = self.add((kind, Of::Source(key.0)), source, (from, to), count, words);
        // Which of its sources was published it knows itself.
        if let Some((_, ours)) = self.kept.get_mut(&id) {
            ours.touched.clone_from(&theirs.touched);
        }
        // The oldest of them have ended long since.
        if self.relayed.len() >= Self::MOST {
            self.relayed.pop_first();
        }
        self.relayed.insert(key, id);
    }

    /// Something happened between two moments, and each time is an entry of its own.
    pub(crate) fn note(
        &mut self,
        kind: IncidentKind,
        source: &str,
        (from, to): (Timestamp, Timestamp),
        detail: String,
    ) {
        self.add((kind, Of::Stream), source, (from, Some(to.max(from))), 1, detail);
    }

    /// Another source is published from `now` on, and what it had told since `from`.
    pub(crate) fn switch(&mut self, place: usize, from: Timestamp, now: Timestamp) {
        self.reigns.switch(place, from, now);
        let is_of_then = |of: Of, to: Option<Timestamp>| of != Of::Stream && to.is_none_or(|to| to >= from);
        let touched = self
            .kept
            .iter()
            .filter(|(_, (of, incident))| is_of_then(*of, incident.to));
        self.changed.extend(touched.map(|(id, _)| *id));
    }

    /// Everything that goes on is over: nobody listens any more.
    pub(crate) fn end_all(&mut self, to: Timestamp) {
        for key in self.open.keys().copied().collect::<Vec<_>>() {
            self.end(key, to, 0, None);
        }
        for id in std::mem::take(&mut self.relayed).into_values() {
            if let Some((_, incident)) = self.kept.get_mut(&id)
                && incident.to.is_none()
            {
                incident.to = Some(to.max(incident.from));
                self.changed.insert(id);
            }
        }
    }

    /// Those that touch a span of time, oldest first.
    pub(crate) fn between(&self, from: Timestamp, to: Timestamp) -> Vec<Incident> {
        let touches =
            |incident: &Incident| incident.from <= to && incident.to.is_none_or(|until| until >= from);
        let ids = self.kept.iter().filter(|(_, (_, incident))| touches(incident));
        let mut found: Vec<Incident> = ids.filter_map(|(id, _)| self.told(*id)).collect();
        found.sort_by_key(|incident| incident.from);
        found
    }

    /// Those that began, ended or were counted on since this was last called.
    pub(crate) fn take_changed(&mut self) -> Vec<(u64, Incident)> {
        if self.changed.is_empty() {
            return Vec::new();
        }
        let changed = std::mem::take(&mut self.changed);
        changed
            .into_iter()
            .filter_map(|id| Some((id, self.told(id)?)))
            .collect()
    }

    /// An incident as it is told, with the spans in which what was published came from its source.
    fn told(&self, id: u64) -> Option<Incident> {
        let (of, incident) = self.kept.get(&id)?;
        let mut told = incident.clone();
        if let Of::Source(place) = of {
            let (from, to) = (incident.from, incident.to);
            let own = self.reigns.parts(*place, TimeSpan { from, to });
            told.touched = match (&incident.touched, own) {
                (None, own) => own,
                (theirs, None) => theirs.clone(),
                (Some(theirs), Some(own)) => Some(in_both(theirs, &own)),
            };
        }
        Some(told)
    }

    fn add(
        &mut self,
        (kind, of): (IncidentKind, Of),
        source: &str,
        (from, to): (Timestamp, Option<Timestamp>),
        count: u64,
        detail: String,
    ) -> u64 {
        let id = self.next;
        self.next += 1;
        let incident = Incident {
            kind,
            symbol: self.symbol.clone(),
            source: source.to_owned(),
            from,
            to,
            count,
            detail,
            touched: None,
        };
        self.kept.insert(id, (of, incident));
        self.changed.insert(id);
        // One that goes on is kept however old it is, and there are no more of those than kinds, causes and sources.
        if self.kept.len() > Self::MOST
            && let Some(oldest) = self
                .kept
                .iter()
                .find(|(_, (_, incident))| incident.to.is_some())
                .map(|(id, _)| *id)
            && !self.changed.contains(&oldest)
        {
            self.kept.remove(&oldest);
        }
        id
    }
}

/// The parts that two lists of spans have in common.
fn in_both(one: &[TimeSpan], other: &[TimeSpan]) -> Vec<TimeSpan> {
    let parts = one
        .iter()
        .flat_map(|one| other.iter().filter_map(|other| one.within(*other)));
    parts.collect()
}

/// What our record says of an incident of another Papertape's.
fn relayed_words(theirs: &Incident) -> String {
    format!("{} there: {}", theirs.source, theirs.detail)
}

/// The words that reasons of one class share: without numbers, and without what follows a colon.
fn class_of(detail: &str) -> String {
    const MOST: usize = 12;
    let words = detail.split(':').next().unwrap_or_default().split_whitespace();
    let is_number = |word: &&str| word.chars().any(|c| c.is_ascii_digit()) || word.parse::<f64>().is_ok();
    words
        .filter(|word| !is_number(word))
        .take(MOST)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Key = (IncidentKind::Gap, "trades", Of::Source(0));
    const STRANGE: Key = (IncidentKind::Quarantine, "quarantine", Of::Source(0));

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn log() -> IncidentLog {
        IncidentLog::new("BTC/USDT".parse().expect("a symbol"), 1, 0)
    }

    #[test]
    fn what_begins_goes_on_until_it_ends() {
        let mut log = log();
        log.begin(GAP, "binance", at(10), "3 trades are missing".to_owned());
        log.begin(GAP, "binance", at(11), "still".to_owned());
        log.end(STRANGE, at(12), 1, None);
        assert_eq!(log.take_changed().len(), 1);
        assert_eq!(log.between(at(500), at(600)).len(), 1);
        log.end(GAP, at(20), 3, Some("3 trades never came".to_owned()));
        let changed = log.take_changed();
        assert_eq!(
            (changed[0].0, changed[0].1.to, changed[0].1.count),
            (1, Some(at(20)), 3)
        );
        assert!(log.between(at(21), at(600)).is_empty() && log.between(at(0), at(9)).is_empty());
        assert_eq!(log.between(at(20), at(20)).len(), 1);
    }

    #[test]
    fn many_in_a_row_are_one() {
        let mut log = log();
        for second in (0..100).chain(200..210) {
            log.count(
                STRANGE,
                "binance",
                (at(second), at(second)),
                1,
                "a price of 0".to_owned(),
            );
        }
        let found = log.between(at(0), at(1_000));
        let spans: Vec<_> = found.iter().map(|i| (i.from, i.to, i.count)).collect();
        assert_eq!(spans, [(at(0), Some(at(99)), 100), (at(200), Some(at(209)), 10)]);
    }

    #[test]
    fn what_has_different_reasons_is_counted_apart() {
        let mut log = log();
        for (second, detail) in [
            "a price of 0 after 100",
            "a frame that makes no sense: expected value at line 1",
            "a price of 1e300 after 101.5",
            "a price of NaN after 101",
            "a frame that makes no sense: EOF while parsing",
            "a trade of -1",
        ]
        .into_iter()
        .enumerate()
        {
            let at = at(second as i64);
            log.count(STRANGE, "binance", (at, at), 1, detail.to_owned());
        }
        let found = log.between(at(0), at(100));
        let counts: Vec<_> = found.iter().map(|i| (i.detail.as_str(), i.count)).collect();
        assert_eq!(
            counts,
            [
                ("a price of 0 after 100", 3),
                ("a frame that makes no sense: expected value at line 1", 2),
                ("a trade of -1", 1)
            ]
        );
        // Nobody's words fill the memory.
        for number in 0..5_000_u32 {
            let word: String = number.to_string().bytes().map(|b| char::from(b + 49)).collect();
            log.count(STRANGE, "binance", (at(0), at(0)), 1, word);
            log.take_changed();
        }
        assert!(log.counted.len() <= IncidentLog::MOST_CLASSES);
    }

    #[test]
    fn memory_is_bounded_and_what_goes_on_is_not_forgotten() {
        let mut log = log();
        log.begin(GAP, "binance", at(0), "gap".to_owned());
        for second in 0..10_000 {
            log.count(
                STRANGE,
                "binance",
                (at(second * 60), at(second * 60)),
                1,
                "odd".to_owned(),
            );
            log.take_changed();
        }
        let found = log.between(at(0), at(1_000_000));
        assert!(found.len() <= IncidentLog::MOST + 1 && found[0].kind == IncidentKind::Gap);
    }

    #[test]
    fn a_source_that_stands_by_touches_nothing_until_it_is_the_one_that_is_published() {
        const OTHER: Key = (IncidentKind::Gap, "trades", Of::Source(1));
        let mut log = log();
        let span = |from, to: Option<i64>| TimeSpan {
            from: at(from),
            to: to.map(at),
        };
        let touched = |log: &mut IncidentLog| {
            let changed = log.take_changed().into_iter();
            changed.map(|(id, told)| (id, told.touched)).collect::<Vec<_>>()
        };
        // The standby has trouble, which nobody sees.
        log.begin(OTHER, "two", at(10), "away".to_owned());
        log.end(OTHER, at(12), 0, None);
        assert_eq!(touched(&mut log), [(1, Some(vec![]))]);
        // The one that is published has some, and the standby takes over, what it told from second 19 on included.
        log.begin(GAP, "one", at(20), "away".to_owned());
        assert_eq!(touched(&mut log), [(2, None)]);
        log.switch(1, at(19), at(23));
        assert_eq!(touched(&mut log), [(2, Some(vec![span(20, Some(23))]))]);
        log.end(GAP, at(40), 3, None);
        assert_eq!(touched(&mut log), [(2, Some(vec![span(20, Some(23))]))]);
        // It knows late of something that was missing when it was published, and of something when it was not.
        log.count(GAP, "one", (at(15), at(22)), 1, "a trade never came".to_owned());
        log.count(
            GAP,
            "one",
            (at(30), at(50)),
            1,
            "what was said of it was wrong".to_owned(),
        );
        assert_eq!(touched(&mut log), [(3, None), (4, Some(vec![]))]);
        // It takes over again in the middle of what the other is troubled with.
        log.begin(OTHER, "two", at(60), "away".to_owned());
        log.begin(
            (IncidentKind::Divergence, "divergence", Of::Stream),
            "two",
            at(61),
            "2 %".to_owned(),
        );
        assert_eq!(touched(&mut log), [(5, None), (6, None)]);
        log.switch(0, at(65), at(65));
        assert_eq!(touched(&mut log), [(5, Some(vec![span(60, Some(65))]))]);
        log.switch(1, at(70), at(70));
        let parts = vec![span(60, Some(65)), span(70, None)];
        assert_eq!(touched(&mut log), [(5, Some(parts.clone()))]);
        assert_eq!(log.between(at(66), at(66))[0].touched, Some(parts));
    }

    #[test]
    fn what_comes_and_goes_is_one() {
        const SIDES: Key = (IncidentKind::Stale, "sides", Of::Source(0));
        let mut log = log();
        for second in (0..60).chain(200..230) {
            log.go_on(SIDES, "alpaca", at(second), "one side".to_owned());
            log.end(SIDES, at(second), 0, None);
        }
        let found = log.between(at(0), at(1_000));
        let spans: Vec<_> = found.iter().map(|it| (it.from, it.to, it.count)).collect();
        assert_eq!(spans, [(at(0), Some(at(59)), 59), (at(200), Some(at(229)), 29)]);
    }

    #[test]
    fn of_another_papertape_counts_what_was_published_there_and_is_here() {
        let mut log = log();
        let span = |from, to| TimeSpan {
            from: at(from),
            to: Some(at(to)),
        };
        let theirs = |touched| Incident {
            kind: IncidentKind::Gap,
            symbol: "BTC/USDT".parse().expect("a symbol"),
            source: "binance".to_owned(),
            from: at(10),
            to: Some(at(50)),
            count: 1,
            detail: "away".to_owned(),
            touched,
        };
        log.switch(1, at(20), at(20));
        log.switch(0, at(40), at(40));
        for (place, number, touched) in [
            (0, 1, None),
            (0, 2, Some(vec![span(15, 45)])),
            (1, 3, None),
            (2, 4, None),
        ] {
            log.relay((place, (at(1), number)), "house", &theirs(touched));
        }
        let told: Vec<_> = log
            .take_changed()
            .into_iter()
            .map(|(_, told)| told.touched)
            .collect();
        let expected = [
            Some(vec![span(10, 20), span(40, 50)]),
            Some(vec![span(15, 20), span(40, 45)]),
            Some(vec![span(20, 40)]),
            Some(vec![]),
        ];
        assert_eq!(told, expected);
    }
}
