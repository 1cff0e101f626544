//! How far fills on coarser data, and under other fill models, are from those on the finest.
//!
//! A tick capture is replayed, and many hypothetical orders are placed in it, each in a world of its own: an [`Engine`]
//! that sees the market through one [`Feed`], under one [`FillModel`], and holds this order alone. The same orders meet
//! the order book, the best quotes, the trades, and bars made of the trades; [`calibrate`] compares what became of them.
//!
//! The reference is the finest feed there is, with the default model. It is an estimate too: nobody placed these orders,
//! a level-2 book does not say whose turn in the queue it is, and the market did not answer them.
//!
//! [`Engine`]: crate::engine::Engine

mod feed;
mod orders;
mod report;
mod world;

#[cfg(test)]
mod tests;

pub use feed::{Feed, FillModel};
pub use orders::OrderPlace;
pub use report::{Calibration, CalibrationLine};

use crate::market::{CaptureError, CaptureFile, CaptureFiles};
use crate::model::Instrument;
use feed::FeedEvents;
use orders::{Hypothetical, Window};
use report::Comparison;

/// The files of a capture that are there.
#[derive(Clone, Copy, Debug, Default)]
pub struct CalibrationFiles<'a> {
    /// Trades.
    pub trades: Option<CaptureFile<'a>>,
    /// Best bid and ask.
    pub quotes: Option<CaptureFile<'a>>,
    /// Changes of the book.
    pub depth: Option<CaptureFile<'a>>,
    /// Snapshots of the book.
    pub snapshot: Option<CaptureFile<'a>>,
}

impl<'a> CalibrationFiles<'a> {
    /// All four files, empty ones in the place of those that are not there.
    #[must_use]
    pub fn capture(&self) -> CaptureFiles<'a> {
        CaptureFiles {
            trades: self.trades.unwrap_or(CaptureFile::NO_TRADES),
            quotes: self.quotes.unwrap_or(CaptureFile::NO_QUOTES),
            depth: self.depth.unwrap_or(CaptureFile::NO_DEPTH),
            snapshot: self.snapshot.unwrap_or(CaptureFile::NO_SNAPSHOT),
        }
    }

    /// The feeds that can be made of them, the finest first: bars as far as the horizon holds two of them.
    fn feeds(&self, horizon_secs: u32) -> Vec<Feed> {
        let mut feeds = Vec::new();
        if self.depth.is_some() && self.snapshot.is_some() {
            feeds.push(Feed::Depth);
        }
        if self.quotes.is_some() {
            feeds.push(Feed::Quotes);
        }
        if self.trades.is_some() {
            feeds.push(Feed::Trades);
            feeds.extend(Feed::bars_within(horizon_secs));
        }
        feeds
    }
}

/// What is asked of a calibration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalibrationSettings {
    /// The seed of the orders: the same seed places the same orders.
    pub seed: u64,
    /// How many orders.
    pub orders: u32,
    /// How long each is watched, in seconds.
    pub horizon_secs: u32,
}

impl Default for CalibrationSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            orders: 2_000,
            horizon_secs: 30,
        }
    }
}

/// Why a capture cannot be used for a calibration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CalibrationError {
    /// A file is wrong.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// No tier of data can be made of the files.
    #[error("the capture has no trades, no quotes and no order book with its snapshot")]
    NothingToReplay,
    /// All that a tier has is in the file, and it is nothing.
    #[error("the capture has nothing for the tier '{0}'")]
    Empty(Feed),
    /// The horizon does not fit into what all tiers have in common.
    #[error(
        "the tiers have {common_secs} s of the capture in common, which do not hold a horizon of {horizon_secs} s"
    )]
    TooShort {
        /// What they have in common, in whole seconds.
        common_secs: u64,
        /// The horizon, in seconds.
        horizon_secs: u32,
    },
    /// The instrument has no sensible steps.
    #[error("the instrument's steps make no sense")]
    Instrument,
}

/// Orders that run side by side in one pass over the capture. It bounds the memory, however many are asked for: each
/// has an engine with a book of its own.
const SIDE_BY_SIDE: usize = 250;

/// Replays a capture of `instrument`, places the same hypothetical orders under every feed and model, and compares what
/// became of them.
///
/// Costs and latency are none, so that the only difference is what the market is seen through.
///
/// # Errors
/// [`CalibrationError`] when a file is wrong, or the capture holds too little.
pub fn calibrate(
    files: &CalibrationFiles<'_>,
    instrument: &Instrument,
    settings: &CalibrationSettings,
) -> Result<Calibration, CalibrationError> {
    let instrument = world::tradable(instrument).ok_or(CalibrationError::Instrument)?;
    let capture = files.capture();
    let feeds = files.feeds(settings.horizon_secs);
    let finest = *feeds.first().ok_or(CalibrationError::NothingToReplay)?;
    let window = Window::common(capture, &instrument, &feeds, settings.horizon_secs)?;
    let events = |feed| FeedEvents::open(capture, &instrument, feed);
    let orders = orders::draw(events(finest)?, &instrument, window, settings)?;
    let run = |feed: Feed, model: &FillModel| {
        let mut outcomes = Vec::with_capacity(orders.len());
        for some in orders.chunks(SIDE_BY_SIDE) {
            outcomes.extend(world::run(events(feed)?, &instrument, feed, model, some)?);
        }
        Ok::<_, CalibrationError>(outcomes)
    };
    let reference = run(finest, &FillModel::default())?;
    let mut lines = Vec::new();
    for feed in feeds {
        for model in feed.models() {
            let is_reference = feed == finest && model == FillModel::default();
            let outcomes = if is_reference {
                reference.clone()
            } else {
                run(feed, &model)?
            };
            let comparison = Comparison {
                feed,
                model,
                is_reference,
                orders: &orders,
                outcomes: &outcomes,
                reference: &reference,
            };
            lines.extend(comparison.lines());
        }
    }
    Ok(Calibration {
        from: window.from,
        to: window.to,
        seed: settings.seed,
        orders: orders.len(),
        horizon_secs: settings.horizon_secs,
        lines,
    })
}
