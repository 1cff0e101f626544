//! What was last told of a symbol, for who looks at a market without trading it.

use papertape::market::{Grid, MarketEvent, OrderBook, Quote, TradeTick};
use papertape::model::{Instrument, Side, Timestamp};
use papertape_feeds::Published;

/// Levels of a book shown at most.
const LEVELS: usize = 1_000;

/// What was last told of a symbol.
#[derive(Debug)]
pub(crate) struct Latest {
    instrument: Instrument,
    grid: Grid,
    pub(crate) quote: Option<Quote>,
    pub(crate) trade: Option<TradeTick>,
    book: OrderBook,
    pub(crate) received: Option<Timestamp>,
    /// The market's time of what was told last.
    pub(crate) time: Option<Timestamp>,
    pub(crate) source: String,
}

impl Latest {
    pub(super) fn new(instrument: &Instrument) -> Self {
        Self {
            instrument: instrument.clone(),
            grid: Grid::of(instrument),
            quote: None,
            trade: None,
            book: OrderBook::default(),
            received: None,
            time: None,
            source: String::new(),
        }
    }

    /// What is traded, in the steps that it is told in.
    pub(crate) const fn instrument(&self) -> &Instrument {
        &self.instrument
    }

    pub(super) fn take(&mut self, published: &Published) {
        self.received = Some(published.received);
        self.time = Some(published.event.time());
        if self.source != *published.source {
            self.source = published.source.to_string();
        }
        match &published.event {
            MarketEvent::Quote(quote) => self.quote = Some(*quote),
            MarketEvent::Trade(trade) => self.trade = Some(*trade),
            MarketEvent::Depth(update) => self.book.apply(update),
            MarketEvent::Bar(_)
            | MarketEvent::Clock(_)
            | MarketEvent::Action(..)
            | MarketEvent::Status(..) => {}
        }
    }

    /// The book's levels as prices and sizes, the best first, `most` of them at most.
    pub(crate) fn levels(&self, side: Side, most: usize) -> Vec<(f64, f64)> {
        let levels = self.book.levels(side).take(most.min(LEVELS));
        levels
            .map(|level| (self.grid.price_f64(level.price), self.grid.size_f64(level.size)))
            .collect()
    }
}
