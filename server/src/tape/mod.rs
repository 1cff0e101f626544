//! The tape: a session's market inputs in their order, each with the moment at which it is due.
//!
//! A tape is made from its [`TapeSpec`] alone and gives the same inputs each time, which is what lets a session be
//! brought back or verified: its inputs are the tape's, with its commands between them. Tapes of real venues will
//! record what they deliver; the two here need not, one is made again from its seed, the other is imported bars.

mod live;
mod replay;
mod simulated;
mod steps;
mod together;
mod world;

pub use live::{LiveSpan, LiveTape};
pub use replay::ReplayTape;
pub use simulated::SimulatedTape;
pub use together::TogetherTape;
pub use world::{SIMULATED_SYMBOLS, World, Worlds};

use crate::feeds::Feeds;
use crate::storage::{DatasetId, Storage, StorageError};
use futures::{FutureExt as _, future::BoxFuture};
use papertape::backtest::within;
use papertape::engine::Input;
use papertape::market::{Bars, DatedAction, SIMULATED_MARKET_VERSION, SimulatedMarketConfig};
use papertape::model::{Symbol, Timeframe, Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt::Debug, sync::Arc};

/// What a tape is made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TapeSpec {
    /// The simulated market: bars of `history_from` to `start`, then every quote and trade.
    Simulated {
        /// The market.
        market: SimulatedMarketConfig,
        /// [`SIMULATED_MARKET_VERSION`] of the program that started the session.
        version: u32,
        /// Open time of the first bar of history.
        history_from: Timestamp,
        /// When the live part begins.
        start: Timestamp,
    },
    /// The bars of the simulated market's first 90 days, as if they had been imported.
    SimulatedBars {
        /// The market.
        market: SimulatedMarketConfig,
        /// [`SIMULATED_MARKET_VERSION`] of the program that started the session.
        version: u32,
        /// Open time not before.
        from: Option<Timestamp>,
        /// Close time not after.
        to: Option<Timestamp>,
    },
    /// Imported bars, with what happened between them.
    Replay {
        /// Which version of which dataset.
        dataset: DatasetId,
        /// The length of its bars.
        timeframe: Timeframe,
        /// Open time not before.
        from: Option<Timestamp>,
        /// Close time not after.
        to: Option<Timestamp>,
    },
    /// A live feed: kept bars before the start, then what is on the feed's tape from a number on.
    Live {
        /// The feed's name.
        feed: String,
        /// Which of its symbols.
        symbol: Symbol,
        /// Bars of one minute from before the start, where the venue has any.
        dataset: Option<DatasetId>,
        /// Open time of the first of them, not before.
        history_from: Timestamp,
        /// When the live part begins; the bars before it are history.
        start: Timestamp,
        /// The number of its first record.
        first: u64,
        /// The number of its last, when it is what was told once, replayed.
        #[serde(default)]
        last: Option<u64>,
    },
    /// Those of several instruments, in the order of their places in the session.
    Together {
        /// One for each; none of them of several itself.
        tapes: Vec<TapeSpec>,
    },
}

impl TapeSpec {
    /// The dataset it reads; of several instruments, the first one's.
    #[must_use]
    pub fn dataset(&self) -> Option<DatasetId> {
        match self {
            Self::Simulated { .. } | Self::SimulatedBars { .. } => None,
            Self::Replay { dataset, .. } => Some(*dataset),
            Self::Live { dataset, .. } => *dataset,
            Self::Together { tapes } => tapes.first().and_then(Self::dataset),
        }
    }

    /// The tapes of single instruments that it is made of: itself, or its parts.
    pub fn each(&self) -> impl Iterator<Item = &Self> {
        match self {
            Self::Together { tapes } => tapes.iter(),
            one => std::slice::from_ref(one).iter(),
        }
    }
}

/// One input with the market time at which it happens.
#[derive(Clone, Debug, PartialEq)]
pub struct TapeItem {
    /// When it is due on the market's clock. History is due at once, and so is what a live feed has told.
    pub due: Option<Timestamp>,
    /// When it came in, of what a live feed has told: what several feeds told is taken in by it. No two are the same.
    pub received: Option<Timestamp>,
    /// The input.
    pub input: Input,
}

/// What is next on a tape.
#[derive(Clone, Debug, PartialEq)]
pub enum Ahead {
    /// This.
    Item(TapeItem),
    /// Nothing yet: the feed has not told more.
    Later,
    /// Nothing any more.
    End,
    /// It cannot be read: why.
    Failed(String),
}

impl Ahead {
    /// The item, if there is one.
    #[must_use]
    pub fn item(self) -> Option<TapeItem> {
        match self {
            Self::Item(item) => Some(item),
            Self::Later | Self::End | Self::Failed(_) => None,
        }
    }
}

impl From<Option<TapeItem>> for Ahead {
    /// Of a tape that is whole from the beginning.
    fn from(item: Option<TapeItem>) -> Self {
        item.map_or(Self::End, Self::Item)
    }
}

/// A session's market inputs.
pub trait Tape: Debug + Send {
    /// The next input, left in its place.
    fn peek(&mut self) -> Ahead;

    /// The next input; `None` when there is none, yet or any more.
    fn next(&mut self) -> Option<TapeItem>;

    /// Inputs that are history: [`Tape::next`] gives so many before the session may start.
    fn history(&self) -> u64;

    /// When the live part begins: the market time of the start command.
    fn start(&self) -> Option<Timestamp>;

    /// Where it stands, to go on from quickly: [`Library::open`] takes it back.
    fn checkpoint(&self) -> Vec<u8>;

    /// Ends when there may be more than [`Ahead::Later`]. Tapes that are whole from the beginning never say that.
    fn more(&mut self) -> BoxFuture<'_, ()> {
        std::future::pending().boxed()
    }

    /// Whether something has come in that cannot be read yet: it is not durable, and what comes of it could be.
    fn is_behind(&self) -> bool {
        false
    }
}

/// Why a tape cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The program's simulated market is not the one that the session traded on.
    #[error(
        "the session traded on version {found} of the simulated market, this program has version {known}: its market \
         cannot be made again"
    )]
    MarketVersion {
        /// The session's.
        found: u32,
        /// The program's.
        known: u32,
    },
    /// The checkpoint makes no sense.
    #[error("the tape's checkpoint cannot be read: {0}")]
    Checkpoint(#[from] postcard::Error),
    /// Several instruments inside of several instruments, which nothing writes.
    #[error("the tape of several instruments holds another of several")]
    Nested,
    /// Storage did not give the bars.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What feeds told cannot be read.
    #[error(transparent)]
    Recording(#[from] papertape_tape::TapeError),
}

/// What tapes are read from.
#[derive(Clone, Debug)]
pub struct Library {
    /// Imported bars and actions.
    pub storage: Arc<dyn Storage>,
    /// The simulated markets.
    pub worlds: Arc<Worlds>,
    /// What live feeds told, and the feeds themselves where they run.
    pub feeds: Arc<Feeds>,
}

impl Library {
    /// Opens a tape at its beginning, or where `checkpoint` says.
    ///
    /// # Errors
    /// [`TapeError`] when it cannot be read.
    pub async fn open(&self, spec: &TapeSpec, checkpoint: Option<&[u8]>) -> Result<Box<dyn Tape>, TapeError> {
        let TapeSpec::Together { tapes } = spec else {
            return self.open_one(spec, checkpoint).await;
        };
        let parts = checkpoint.map(TogetherTape::parts).transpose()?;
        let mut opened = Vec::with_capacity(tapes.len());
        for (place, tape) in tapes.iter().enumerate() {
            let part = parts
                .as_ref()
                .map(|parts| parts.get(place).map_or(&[][..], Vec::as_slice));
            opened.push(self.open_one(tape, part).await?);
        }
        Ok(Box::new(TogetherTape::new(opened)))
    }

    async fn open_one(&self, spec: &TapeSpec, checkpoint: Option<&[u8]>) -> Result<Box<dyn Tape>, TapeError> {
        match spec {
            TapeSpec::Together { .. } => Err(TapeError::Nested),
            TapeSpec::Simulated {
                market,
                version,
                history_from,
                start,
            } => {
                check_version(*version)?;
                let tape = match checkpoint {
                    Some(checkpoint) => SimulatedTape::resume(checkpoint)?,
                    None => {
                        let (worlds, market) = (Arc::clone(&self.worlds), market.clone());
                        let (history_from, start) = (*history_from, *start);
                        tokio::task::spawn_blocking(move || {
                            let world = worlds.world(&market);
                            SimulatedTape::new(&world, history_from, start)
                        })
                        .await
                        .map_err(|_| StorageError::Closed)?
                    }
                };
                Ok(Box::new(tape))
            }
            TapeSpec::SimulatedBars {
                market,
                version,
                from,
                to,
            } => {
                check_version(*version)?;
                let (worlds, symbol) = (Arc::clone(&self.worlds), market.symbol.clone());
                let (bars, fundings) = tokio::task::spawn_blocking(move || worlds.history(&symbol))
                    .await
                    .map_err(|_| StorageError::Closed)?;
                replay(bars, &fundings, Timeframe::MINUTE, (*from, *to), checkpoint)
            }
            TapeSpec::Live {
                feed,
                symbol,
                dataset,
                history_from,
                start,
                first,
                last,
            } => {
                let kept = match dataset {
                    Some(dataset) => self.storage.bars(*dataset).await?,
                    None => Bars::default(),
                };
                let history = within(kept, Timeframe::MINUTE, Some(*history_from), Some(*start));
                let live = LiveSpan {
                    feed: feed.clone(),
                    symbol: symbol.clone(),
                    start: *start,
                    first: *first,
                    last: *last,
                };
                let mut tape = LiveTape::new(live, history.iter().collect(), &self.feeds).await?;
                if let Some(checkpoint) = checkpoint {
                    tape.resume(checkpoint)?;
                }
                Ok(Box::new(tape))
            }
            TapeSpec::Replay {
                dataset,
                timeframe,
                from,
                to,
            } => {
                let bars = self.storage.bars(*dataset).await?;
                let actions = self.storage.actions(*dataset).await?;
                replay(bars, &actions, *timeframe, (*from, *to), checkpoint)
            }
        }
    }
}

fn check_version(found: u32) -> Result<(), TapeError> {
    let known = SIMULATED_MARKET_VERSION;
    if found == known {
        Ok(())
    } else {
        Err(TapeError::MarketVersion { found, known })
    }
}

fn replay(
    bars: Bars,
    actions: &[DatedAction],
    timeframe: Timeframe,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    checkpoint: Option<&[u8]>,
) -> Result<Box<dyn Tape>, TapeError> {
    let mut tape = ReplayTape::new(within(bars, timeframe, from, to), actions, timeframe);
    if let Some(checkpoint) = checkpoint {
        tape.resume(checkpoint)?;
    }
    Ok(Box::new(tape))
}
