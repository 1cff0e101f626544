//! How a source lists a symbol: the steps in which it counts, against those of the stream, and whether it trades.

use super::Market;
use crate::quality::{IncidentKind, Of};
use crate::venue::Listing;
use papertape::market::{DepthUpdate, Grid};
use papertape::model::{Instrument, Timestamp};

/// How the ticks and lots of a source are said in those of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steps {
    /// They are the same.
    Same,
    /// Each is several of the stream's.
    Several(Grid),
    /// They lie between those of the stream: its book cannot be said there. A part of it would be another book.
    Between,
}

impl Steps {
    /// Those of an instrument, for a stream that counts in `stream`.
    pub(super) fn of(instrument: &Instrument, stream: &Grid) -> Self {
        let own = Grid::of(instrument);
        if own == *stream {
            Self::Same
        } else if stream.ticks_of(own.price(1)).is_ok() && stream.lots_of(own.quantity(1)).is_ok() {
            Self::Several(own)
        } else {
            Self::Between
        }
    }
}

impl Market {
    /// In which steps a source's book is read from now on, when what it told before in others is over, and whether its venue lists it
    /// as trading.
    pub(crate) fn lists(&mut self, place: usize, listing: &Listing, now: Timestamp) {
        let now = self.by_the_market(now);
        let instrument = &listing.instrument;
        let steps = Steps::of(instrument, &self.grid);
        self.places[place].steps = steps;
        let source = &mut self.places[place].source;
        source.counts_in(Grid::of(instrument));
        source.listed_as(listing.status, now, &mut self.heard);
        self.say_steps(place, instrument, now);
        self.handle(place, now);
    }

    /// Puts on record that a book is wanted and cannot be told.
    pub(super) fn say_steps(&mut self, place: usize, instrument: &Instrument, now: Timestamp) {
        let entry = &self.places[place];
        if entry.steps == Steps::Between && entry.source.traits().channels.depth {
            let (tick, lot) = (instrument.tick(), instrument.lot());
            let detail = format!(
                "its steps are {tick} and {lot} now, which lie between those of the record: it is told without its order book"
            );
            self.begin(IncidentKind::Gap, "steps", Of::Source(place), now, detail);
        } else {
            self.log
                .end((IncidentKind::Gap, "steps", Of::Source(place)), now, 0, None);
        }
    }

    /// The update of a source's book in the stream's steps; `None` when it cannot be said in them.
    pub(super) fn on_grid(&self, mut update: DepthUpdate) -> Option<DepthUpdate> {
        let own = match &self.places[self.active].steps {
            Steps::Same => return Some(update),
            Steps::Several(own) => own,
            Steps::Between => return None,
        };
        for level in update.bids.iter_mut().chain(&mut update.asks) {
            level.price = self.grid.ticks_of(own.price(level.price)).ok()?;
            level.size = self.grid.lots_of(own.quantity(level.size)).ok()?;
        }
        Some(update)
    }
}
