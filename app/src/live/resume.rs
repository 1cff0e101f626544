//! What was missed while the connection was away: told to the reader after a reconnect.

use papertape::api::SessionSummary;
use papertape::model::{SessionId, Timestamp};
use std::collections::BTreeMap;

/// How much of a session's life went by unseen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Events.
    pub events: u64,
    /// Whether they came as a snapshot instead of one by one.
    pub snapshot: bool,
}

/// How often the server came back without warning.
pub type Recovered = u32;

/// A reconnect in progress: compares what the page had with what the server has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    had: BTreeMap<SessionId, (u64, Recovered)>,
    followed: Vec<SessionId>,
    lost_at: Timestamp,
    missed: Missed,
    recovered: bool,
    told: bool,
}

impl Resume {
    /// The page had `had` (last event and recoveries, by session) when the connection broke at `lost_at`; `followed` are
    /// the sessions whose every event it wants.
    #[must_use]
    pub fn new(
        had: BTreeMap<SessionId, (u64, Recovered)>,
        followed: Vec<SessionId>,
        lost_at: Timestamp,
    ) -> Self {
        Self {
            had,
            followed,
            lost_at,
            ..Self::default()
        }
    }

    /// The server sent a session whole.
    pub fn snapshot(&mut self, summary: &SessionSummary) {
        self.missed.snapshot = true;
        self.recovered |= self.has_recovered(summary);
    }

    /// The server sent the list.
    pub fn list(&mut self, sessions: &[SessionSummary]) {
        if self.told {
            return;
        }
        self.told = true;
        for summary in sessions {
            self.recovered |= self.has_recovered(summary);
            let counts = self.followed.is_empty() || self.followed.contains(&summary.id);
            if let Some((seq, _)) = self.had.get(&summary.id)
                && counts
            {
                self.missed.events += summary.seq.saturating_sub(*seq);
            }
        }
    }

    fn has_recovered(&self, summary: &SessionSummary) -> bool {
        self.had
            .get(&summary.id)
            .is_some_and(|(_, before)| summary.recoveries > *before)
    }

    /// The sentence for the reader, once the server has told enough.
    #[must_use]
    pub fn finished(&self, now: Timestamp) -> Option<String> {
        if !self.told {
            return None;
        }
        let away = crate::format::duration((now.secs() - self.lost_at.secs()).max(1) as f64);
        let events = match self.missed.events {
            1 => "1 event".to_owned(),
            many => format!("{} events", crate::format::count(many)),
        };
        let missed = match (self.missed.events, self.missed.snapshot) {
            (0, false) => "nothing was missed".to_owned(),
            (0, true) => "a fresh snapshot was loaded".to_owned(),
            (_, true) => format!("{events} happened meanwhile, a fresh snapshot was loaded"),
            (_, false) => format!("{events} happened meanwhile and are shown now"),
        };
        let restart = if self.recovered {
            match self.followed.len() {
                1 => " The server restarted; the session went on from where it was.",
                _ => " The server restarted; its sessions went on from where they were.",
            }
        } else {
            ""
        };
        Some(format!("Reconnected after {away}: {missed}.{restart}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn resume(followed: bool) -> Resume {
        let id: SessionId = "s-1".parse().expect("an id");
        let had = BTreeMap::from([(id.clone(), (10, 0))]);
        Resume::new(
            had,
            if followed { vec![id] } else { Vec::new() },
            samples::minute(0),
        )
    }

    #[test]
    fn the_reader_learns_how_much_went_by() {
        let mut back = resume(true);
        assert_eq!(
            back.finished(samples::minute(0).plus_nanos(14_000_000_000)),
            None,
            "the server has not told yet"
        );
        back.list(&[SessionSummary {
            seq: 47,
            ..samples::summary()
        }]);
        assert_eq!(
            back.finished(samples::minute(0).plus_nanos(14_000_000_000))
                .expect("told"),
            "Reconnected after 14 s: 37 events happened meanwhile and are shown now."
        );
    }

    #[test]
    fn a_snapshot_and_a_restart_are_said() {
        let mut back = resume(true);
        let restarted = SessionSummary {
            seq: 11,
            recoveries: 1,
            ..samples::summary()
        };
        back.snapshot(&restarted);
        back.list(&[restarted]);
        assert_eq!(
            back.finished(samples::minute(0).plus_nanos(14_000_000_000))
                .expect("told"),
            "Reconnected after 14 s: 1 event happened meanwhile, a fresh snapshot was loaded. The server restarted; \
             the session went on from where it was."
        );
    }

    #[test]
    fn nothing_missed_is_said_too() {
        let mut back = resume(false);
        back.list(&[samples::summary()]);
        assert_eq!(
            back.finished(samples::minute(0).plus_nanos(14_000_000_000))
                .expect("told"),
            "Reconnected after 14 s: nothing was missed."
        );
    }
}
