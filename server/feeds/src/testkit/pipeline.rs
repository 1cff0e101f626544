//! Everything between a codec and the record, without sockets: for benches and long runs.

use crate::config::Thresholds;
use crate::market::{Market, MarketConfig, PlaceConfig};
use crate::record::Published;
use crate::source::SourceTraits;
use crate::venue::{Channels, FeedError, Told, Traits};
use papertape::market::DepthSnapshot;
use papertape::model::{Instrument, Timestamp};

/// One symbol of one venue: what is told goes in, what is published comes out.
#[derive(Debug)]
pub struct Pipeline {
    market: Market,
}

impl Pipeline {
    /// A symbol to which somebody begins to listen at `now`, over a socket that stands.
    #[must_use]
    pub fn new(instrument: Instrument, traits: &Traits, channels: Channels, now: Timestamp) -> Self {
        let place = PlaceConfig {
            name: "test".into(),
            traits: SourceTraits::new(traits, channels, None),
            is_barred: false,
            instrument: instrument.clone(),
        };
        let config = MarketConfig {
            instrument,
            places: vec![place],
            thresholds: Thresholds::default(),
            hold_on_divergence: false,
            recorded_until: None,
            first_incident: 1,
        };
        let mut market = Market::new(config, now);
        market.connected(0, now);
        Self { market }
    }

    /// The venue told something.
    pub fn told(&mut self, told: &Told, received: Timestamp) {
        self.market.told(0, told, received);
    }

    /// The book that was asked for came, or did not.
    pub fn book(&mut self, answer: Result<DepthSnapshot, FeedError>, now: Timestamp) {
        self.market.book_came(0, answer, now);
    }

    /// Time passes. Gives whether the book is asked for.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        self.market.tick(now);
        self.wants_book()
    }

    /// Whether the book is asked for; told once.
    pub fn wants_book(&mut self) -> bool {
        self.market.log.take_changed();
        use crate::source::Want;
        let is_book = |(_, want)| matches!(want, Want::Book | Want::Renewal);
        self.market.wants().map(is_book).fold(false, |any, is| any | is)
    }

    /// What was published since it was last taken.
    pub const fn published(&mut self) -> &mut Vec<Published> {
        self.market.out()
    }
}
