//! A venue may change the steps of its prices and sizes. Order books on a tape count in the venue's steps of their time, and a
//! session counts in those that it began with.

use crate::feeds::RecordedStream;
use papertape::market::{DepthUpdate, Grid, MarketEvent};
use papertape::model::Instrument;
use papertape_tape::{Record, TapeError};
use std::ops::RangeInclusive;

/// Turns books on a tape into a session's steps.
#[derive(Debug)]
pub(super) struct Steps {
    /// The number of the session's first record: it counts as that does.
    first: u64,
    own: Option<Instrument>,
    /// How the last records that were asked for count.
    known: Option<(RangeInclusive<u64>, Counting)>,
}

/// How records count for a session.
#[derive(Clone, Copy, Debug)]
enum Counting {
    /// As it does.
    Alike,
    /// In steps that are several of its own.
    Coarser { from: Grid, to: Grid },
    /// In steps between its own: their books have no place on them.
    Between,
}

impl Counting {
    fn of(theirs: &Instrument, own: &Instrument) -> Self {
        if (theirs.tick(), theirs.lot()) == (own.tick(), own.lot()) {
            return Self::Alike;
        }
        match (theirs.tick() % own.tick()).is_zero() && (theirs.lot() % own.lot()).is_zero() {
            true => Self::Coarser {
                from: Grid::of(theirs),
                to: Grid::of(own),
            },
            false => Self::Between,
        }
    }
}

impl Steps {
    pub(super) const fn new(first: u64) -> Self {
        Self {
            first,
            own: None,
            known: None,
        }
    }

    /// The event of a record in the session's steps; `None` when it is none, or has no place on them: then the market is
    /// quotes and trades, which name their prices in full.
    pub(super) fn event(
        &mut self,
        stream: &RecordedStream,
        record: Record,
    ) -> Result<Option<MarketEvent>, TapeError> {
        let number = record.number;
        let Some(event) = record.into_event() else {
            return Ok(None);
        };
        let MarketEvent::Depth(update) = event else {
            return Ok(Some(event));
        };
        let counting = self.counting(stream, number)?;
        Ok(match counting {
            Counting::Alike => Some(MarketEvent::Depth(update)),
            Counting::Coarser { from, to } => {
                converted(*update, &from, &to).map(|update| MarketEvent::Depth(Box::new(update)))
            }
            Counting::Between => None,
        })
    }

    fn counting(&mut self, stream: &RecordedStream, number: u64) -> Result<Counting, TapeError> {
        if let Some((span, counting)) = &self.known
            && span.contains(&number)
        {
            return Ok(*counting);
        }
        if self.own.is_none() {
            self.own = Some(stream.instrument_of(self.first)?.1);
        }
        let (span, theirs) = stream.instrument_of(number)?;
        let counting = self
            .own
            .as_ref()
            .map_or(Counting::Alike, |own| Counting::of(&theirs, own));
        self.known = Some((span, counting));
        Ok(counting)
    }
}

/// A change of a book in other steps.
fn converted(mut update: DepthUpdate, from: &Grid, to: &Grid) -> Option<DepthUpdate> {
    for level in update.bids.iter_mut().chain(&mut update.asks) {
        level.price = to.ticks_of(from.price(level.price)).ok()?;
        level.size = to.lots_of(from.quantity(level.size)).ok()?;
    }
    Some(update)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::Feeds;
    use papertape::market::{DepthKind, Level};
    use papertape::model::{Symbol, Timestamp};
    use papertape::testkit::{decimal, instrument};
    use papertape_tape::{Source, TapeStore};
    use rust_decimal::Decimal;

    /// The instrument with other steps.
    fn in_steps(tick: &str, lot: &str) -> Instrument {
        let symbol: Symbol = instrument().symbol().clone();
        Instrument::new(symbol, decimal(tick), decimal(lot), Decimal::ZERO, Decimal::ONE)
            .expect("an instrument")
    }

    /// A bid of 1 at 100, in an instrument's steps.
    fn book(instrument: &Instrument) -> MarketEvent {
        let grid = Grid::of(instrument);
        let level = Level {
            price: grid.ticks(100.0).expect("on the grid"),
            size: grid.lots(1.0).expect("on the grid"),
        };
        MarketEvent::Depth(Box::new(DepthUpdate {
            time: Timestamp::EPOCH,
            kind: DepthKind::Snapshot,
            bids: vec![level],
            asks: Vec::new(),
        }))
    }

    #[tokio::test]
    async fn a_book_keeps_its_prices_when_the_venue_changes_its_steps() {
        let folder = tempfile::tempdir().expect("a folder");
        let steps = [
            ("0.01", "0.001"),
            ("0.1", "0.01"),
            ("0.001", "0.001"),
            ("0.02", "0.001"),
            ("0.01", "0.001"),
        ];
        let written = steps.map(|(tick, lot)| in_steps(tick, lot));
        {
            let store = TapeStore::open(folder.path()).expect("a store");
            for instrument in &written {
                let channel = store.channel("house", instrument).await.expect("a tape");
                for _ in 0..2 {
                    let number = channel.append(Timestamp::EPOCH, &Source::new("house"), book(instrument));
                    channel.durable(number.expect("appended")).await.expect("durable");
                }
            }
        }
        let feeds = Feeds::recorded_only(folder.path()).expect("a tape");
        // What a session sees that began with the record of a number.
        let seen = async |first: u64| {
            let mut stream = feeds
                .recorded("house", written[0].symbol())
                .await
                .expect("a tape");
            let mut steps = Steps::new(first);
            let mut all = Vec::new();
            for number in first..=10 {
                let record = stream.read(number).expect("readable").expect("durable");
                all.push(steps.event(&stream, record).expect("its steps are known"));
            }
            all
        };
        let own = |place: usize| Some(book(&written[place]));
        // Finer steps than its own have no place on them.
        let (a, none) = (own(0), None);
        assert_eq!(
            seen(1).await,
            [&a, &a, &a, &a, &none, &none, &a, &a, &a, &a].map(Clone::clone)
        );
        let b = own(2);
        assert_eq!(seen(5).await, [&b, &b, &b, &b, &b, &b].map(Clone::clone));
    }
}
