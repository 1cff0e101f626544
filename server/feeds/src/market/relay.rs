//! What another Papertape published: its times, its gaps. After a restart of ours it may tell everything once more.

use super::Market;
use crate::quality::{IncidentKind, Of};
use papertape::exchange::TradingStatus;
use papertape::market::MarketEvent;
use papertape::model::Timestamp;
use std::cmp::Ordering;
use std::collections::VecDeque;

/// How a record is gone on with whose last events are told again.
#[derive(Debug, Default)]
pub(super) struct Resumption {
    /// The events on record that have the time of the last one, as far as they were not told again.
    on_record: VecDeque<MarketEvent>,
    /// States of that time that were told again, or are new: which of both, what follows them shows.
    held: Vec<MarketEvent>,
    /// Whether the next event is the first of another tape.
    is_renumbered: bool,
}

impl Market {
    /// Says which events on record have the time of the last one: what else is told of that time is new.
    pub(crate) fn resumes_after(&mut self, on_record: Vec<MarketEvent>) {
        self.resumption.on_record = on_record.into();
    }

    /// What the other publishes is numbered anew: what happened between nobody knows.
    pub(super) fn renumbered(&mut self, why: String, received: Timestamp) {
        self.begin(IncidentKind::Gap, "numbers", Of::Stream, self.pace.time(), why);
        self.open_gap(received);
        self.resumption.is_renumbered = true;
    }

    /// An event that the other published.
    pub(super) fn relay(&mut self, event: MarketEvent, received: Timestamp) {
        let time = event.time();
        // What is on record is not told twice, nor late.
        if self.is_resuming && !self.is_new(&event) {
            return;
        }
        if time < self.pace.time() {
            self.late(
                time,
                received,
                "an event came that is older than what is on record",
            );
            return;
        }
        if std::mem::take(&mut self.is_resuming) {
            self.log
                .end((IncidentKind::Gap, "restart", Of::Stream), time, 0, None);
            self.is_gap = false;
            let until = self.pace.time();
            self.push(received, MarketEvent::Status(until, TradingStatus::Trading));
            for held in std::mem::take(&mut self.resumption.held) {
                self.relay_next(held, received);
            }
        }
        if std::mem::take(&mut self.resumption.is_renumbered) {
            let key = (IncidentKind::Gap, "numbers", Of::Stream);
            self.log.end(key, time, 0, None);
            if std::mem::take(&mut self.is_gap) {
                let until = self.pace.time();
                self.push(received, MarketEvent::Status(until, TradingStatus::Trading));
            }
        }
        self.relay_next(event, received);
    }

    fn relay_next(&mut self, event: MarketEvent, received: Timestamp) {
        let event = match event {
            // In the steps of the stream, whatever the other lists now.
            MarketEvent::Depth(update) => match self.on_grid(*update) {
                Some(update) => MarketEvent::Depth(Box::new(update)),
                None => return,
            },
            event => event,
        };
        self.pace.advance(event.time());
        if let MarketEvent::Status(_, status) = event {
            (self.status, self.is_ended) = (status, status == TradingStatus::Ended);
        }
        self.push(received, event);
    }

    /// Whether an event is after those on record. Several may have the time of the last one: they are told again in their
    /// order, so one that is on record shows that those before it are. Our own states are on record between them, so states
    /// say nothing: they wait for what follows.
    fn is_new(&mut self, event: &MarketEvent) -> bool {
        let Resumption { on_record, held, .. } = &mut self.resumption;
        match event.time().cmp(&self.pace.time()) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal if matches!(event, MarketEvent::Status(..)) => {
                held.push(event.clone());
                false
            }
            Ordering::Equal => match on_record.iter().position(|known| known == event) {
                Some(place) => {
                    on_record.drain(..=place);
                    held.clear();
                    false
                }
                None => true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Thresholds;
    use crate::market::{MarketConfig, PlaceConfig};
    use crate::quality::Incident;
    use crate::source::{SourceTraits, tests::traits};
    use crate::venue::{Slot, Told};
    use papertape::api::Freshness;
    use papertape::market::TradeTick;
    use papertape::model::Side;
    use papertape::testkit::instrument;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + secs)
    }

    fn trade(secs: i64, price: f64) -> MarketEvent {
        MarketEvent::Trade(TradeTick {
            time: at(secs),
            price,
            size: 1.0,
            aggressor: Side::Buy,
        })
    }

    /// A market whose record ends with these events.
    fn follower(record: &[MarketEvent]) -> Market {
        let config = MarketConfig {
            instrument: instrument(),
            places: vec![PlaceConfig {
                name: "house".into(),
                is_barred: false,
                traits: SourceTraits {
                    has_consecutive_trades: false,
                    is_relay: true,
                    ..traits()
                },
                instrument: instrument(),
            }],
            thresholds: Thresholds::default(),
            hold_on_divergence: false,
            recorded_until: record.last().map(MarketEvent::time),
            first_incident: 1,
        };
        let mut market = Market::new(config, at(1_000));
        if let Some(last) = record.last() {
            let of_then = record.iter().filter(|event| event.time() == last.time());
            market.resumes_after(of_then.cloned().collect());
        }
        market.connected(0, at(1_000));
        market.out().clear();
        market
    }

    #[test]
    fn another_tape_is_a_gap_on_record_and_in_the_stream() {
        let mut market = follower(&[]);
        let relayed = |number, event: MarketEvent| Told::Relayed {
            slot: Slot(0),
            number,
            event,
        };
        for number in 1..=3 {
            market.told(0, &relayed(number, trade(number as i64, 10.0)), at(1_001));
        }
        market.out().clear();
        let why = "its tape has begun anew".to_owned();
        market.told(0, &Told::Renumbered { slot: Slot(0), why }, at(1_002));
        // Lower numbers than before: none of them was told.
        for number in 1..=2 {
            market.told(0, &relayed(number, trade(10 + number as i64, 11.0)), at(1_003));
        }
        let (gap, trading) = (TradingStatus::Gap, TradingStatus::Trading);
        let published: Vec<_> = market.out().drain(..).map(|it| it.event).collect();
        assert_eq!(
            published,
            [
                MarketEvent::Status(at(3), gap),
                MarketEvent::Status(at(3), trading),
                trade(11, 11.0),
                trade(12, 11.0),
            ]
        );
        let incidents = market.log.between(at(0), at(2_000));
        let found = incidents.iter().find(|it| it.detail == "its tape has begun anew");
        let found = found.expect("it is on record");
        assert_eq!(
            (found.kind, found.from, found.to),
            (IncidentKind::Gap, at(3), Some(at(11)))
        );
        assert_eq!(market.status(), trading);
    }

    #[test]
    fn what_was_not_as_it_should_be_there_is_on_record_here_and_its_number_is_no_gap() {
        let mut market = follower(&[]);
        let relayed = |number| Told::Relayed {
            slot: Slot(0),
            number,
            event: trade(number as i64, 10.0),
        };
        let incident = |number, to: Option<i64>, count| Told::RelayedIncident {
            slot: Slot(0),
            number,
            key: (at(500), 3),
            incident: Some(Box::new(Incident {
                kind: IncidentKind::Stale,
                symbol: "BTC/USDT".parse().expect("a symbol"),
                source: "binance".to_owned(),
                from: at(1),
                to: to.map(at),
                count,
                detail: "nothing came".to_owned(),
                touched: None,
            })),
        };
        let of_no_kind = |number| Told::RelayedIncident {
            slot: Slot(0),
            number,
            key: (at(500), 4),
            incident: None,
        };
        let stream = [
            relayed(1),
            incident(2, None, 0),
            relayed(3),
            incident(4, Some(3), 5),
            of_no_kind(5),
            relayed(6),
        ];
        for told in &stream {
            market.told(0, told, at(1_001));
        }
        assert_eq!(market.out().len(), 3, "three trades");
        let incidents = market.log.between(at(0), at(2_000));
        let [found] = &incidents[..] else {
            panic!("one, and no gap: {incidents:?}");
        };
        assert_eq!(
            (found.kind, found.from, found.to, found.count),
            (IncidentKind::Stale, at(1), Some(at(3)), 5)
        );
        assert_eq!(
            (&*found.source, &*found.detail),
            ("house", "binance there: nothing came")
        );
        // What really is skipped is one.
        market.told(0, &relayed(8), at(1_002));
        assert_eq!(market.log.between(at(0), at(2_000)).len(), 2);
    }

    #[test]
    fn what_went_on_there_when_nobody_listens_any_more_is_over_here() {
        let mut market = follower(&[]);
        let told = Told::RelayedIncident {
            slot: Slot(0),
            number: 1,
            key: (at(500), 3),
            incident: Some(Box::new(Incident {
                kind: IncidentKind::Gap,
                symbol: "BTC/USDT".parse().expect("a symbol"),
                source: "binance".to_owned(),
                from: at(1),
                to: None,
                count: 0,
                detail: "the connection is down".to_owned(),
                touched: None,
            })),
        };
        market.told(0, &told, at(1_001));
        market.end(at(1_010));
        let incidents = market.log.between(at(0), at(2_000));
        assert!(
            incidents.iter().all(|it| it.to == Some(at(1_010))) && !incidents.is_empty(),
            "{incidents:?}"
        );
    }

    /// What of a stream that is told from its beginning a follower with such a record publishes.
    fn publishes(record: &[MarketEvent], stream: &[MarketEvent]) -> Vec<MarketEvent> {
        let mut market = follower(record);
        for (number, event) in (1..).zip(stream) {
            let told = Told::Relayed {
                slot: Slot(0),
                number,
                event: event.clone(),
            };
            market.told(0, &told, at(1_001));
        }
        market.out().iter().map(|it| it.event.clone()).collect()
    }

    #[test]
    fn of_events_of_one_moment_those_are_told_that_are_not_on_record() {
        let state = |secs, status| MarketEvent::Status(at(secs), status);
        let (gap, trading) = (TradingStatus::Gap, TradingStatus::Trading);
        // Two trades of one moment are alike; the fourth of the moment is a state.
        let stream = [
            trade(1, 10.0),
            trade(2, 11.0),
            trade(2, 12.0),
            trade(2, 12.0),
            state(2, TradingStatus::Halted),
            trade(2, 13.0),
            trade(3, 14.0),
        ];
        let goes_on = |rest: &[MarketEvent]| {
            let mut all = vec![state(2, trading)];
            all.extend_from_slice(rest);
            all
        };
        for known in 2..=4 {
            assert_eq!(
                publishes(&stream[..known], &stream),
                goes_on(&stream[known..]),
                "{known}"
            );
        }
        // A state is told once more rather than not at all.
        assert_eq!(publishes(&stream[..5], &stream), goes_on(&stream[4..]));
        assert_eq!(publishes(&stream[..6], &stream), goes_on(&stream[6..]));
        // What an earlier restart put on record is not the other's.
        let mut record = stream[..3].to_vec();
        record.extend([state(2, gap), state(2, trading), stream[3].clone(), state(2, gap)]);
        assert_eq!(publishes(&record, &stream), goes_on(&stream[4..]));
        // Who begins with what comes has nothing to skip.
        assert_eq!(publishes(&stream[..3], &stream[5..]), goes_on(&stream[5..]));
        assert_eq!(publishes(&[], &stream), stream);
    }

    #[test]
    fn while_the_other_is_away_its_stream_stands_still_and_is_not_called_fresh() {
        let mut market = follower(&[]);
        assert_eq!(market.freshness(), Freshness::Waiting);
        let relayed = |number| Told::Relayed {
            slot: Slot(0),
            number,
            event: trade(number as i64, 10.0),
        };
        market.told(0, &relayed(1), at(1_001));
        assert_eq!(market.freshness(), Freshness::Fresh);
        market.out().clear();
        market.disconnected(0, at(1_002), "gone");
        assert_eq!(
            (market.freshness(), market.status()),
            (Freshness::Gap, TradingStatus::Trading)
        );
        assert_eq!(market.why().as_deref(), Some("house: the connection is down"));
        // Back where it was: nothing was missed, and the stream says nothing of it.
        market.connected(0, at(1_010));
        market.told(0, &relayed(2), at(1_011));
        assert_eq!((market.freshness(), market.why()), (Freshness::Fresh, None));
        assert_eq!(market.out().len(), 1);
    }
}
