//! A symbol of a connection: who listens to it, and what was said of it for those who come later.

use super::backoff::Backoff;
use crate::handle::MarketHandle;
use crate::listed::{Listed, is_in_other_steps};
use crate::venue::{Channels, FeedError, Listing, Told};
use papertape::exchange::TradingStatus;
use papertape::market::Random;
use papertape::model::Timestamp;
use std::sync::Arc;
use tokio::time::Instant;

/// One symbol of a connection.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) listing: Arc<Listing>,
    pub(super) channels: Channels,
    pub(super) markets: Vec<(Arc<MarketHandle>, usize)>,
    pub(super) is_subscribed: bool,
    pub(super) is_book_asked: bool,
    pub(super) is_trades_asked: bool,
    pub(super) is_polled: bool,
    /// Whether an answer is on its way: what is asked for next must not overtake it.
    pub(super) is_poll_asked: bool,
    /// Whether a request that it shared with others was refused for it: they are not to suffer for it again.
    pub(super) is_asked_alone: bool,
    /// What the venue said last of its trading on this connection, and when, unless that it trades.
    pub(super) status: Option<(Timestamp, TradingStatus)>,
    /// Whether it was polled with success before.
    pub(super) has_answered: bool,
    pub(super) poll_at: Instant,
    /// When it is subscribed once more, where it was refused and that may have passed.
    pub(super) again_at: Option<Instant>,
    pub(super) backoff: Backoff,
}

impl Entry {
    /// Remembers how it trades, for those who come to listen later.
    pub(super) fn note_status(&mut self, told: &[Told]) {
        for told in told {
            if let Told::Status { time, status, .. } = told {
                self.status = (*status != TradingStatus::Trading).then_some((*time, *status));
            }
        }
    }

    /// The refusal among what was told of it, if there is one, and until when it rests then.
    pub(super) fn note_refusal(&mut self, told: &[Told], random: &mut Random) -> Option<FeedError> {
        let mut refusal = None;
        for told in told {
            match told {
                Told::Subscribed { .. } => {
                    self.backoff.well();
                    (self.again_at, refusal) = (None, None);
                }
                Told::Refused { error, .. } => {
                    self.again_at = Some(Instant::now() + self.backoff.failed(random));
                    refusal = Some(error.clone());
                }
                _ => {}
            }
        }
        refusal
    }

    /// Remembers in which steps it counts from now on, and has it read in those.
    pub(super) fn note_steps(&self, told: &[Told], listed: &Listed) {
        for told in told {
            if let Told::Listed { instrument, .. } = told {
                let now = Arc::new(Listing {
                    instrument: (**instrument).clone(),
                    ..(*self.listing).clone()
                });
                listed.note(&now);
                if is_in_other_steps(&now, &self.listing) {
                    listed.announce();
                }
            }
        }
    }
}
