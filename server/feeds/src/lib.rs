//! Market data of real venues: their protocols, kept right.
//!
//! From the wire to the session, each step a module that tells one story:
//!
//! - [`venue`]: what a venue is to us. One module under [`venues`] implements it for each; it turns frames and answers into
//!   [`Told`]s and knows nothing of sockets, time or threads.
//! - [`rest`]: requests within the venue's limits. `connection`: a socket that is kept alive.
//! - `source`: what one venue tells of one symbol, joined, checked, without duplicates; gaps named and backfilled.
//! - `market`: one symbol with its ordered sources: failover, consensus, staleness; what is published.
//! - `hub`: one shared subscription a symbol, however many listen.
//! - [`quality`]: the record of everything that was not as it should be.

pub mod breaker;
mod budget;
pub mod config;
mod connection;
pub mod consensus;
mod handle;
pub mod hub;
mod kept;
mod listed;
mod market;
mod purse;
pub mod quality;
pub mod record;
pub mod rest;
pub mod skew;
mod source;
pub mod status;
#[cfg(feature = "testkit")]
pub mod testkit;
mod tls;
pub mod venue;
pub mod venues;

pub use config::{ConfigError, FeedsConfig, FeedsFile};
pub use hub::{FeedHub, Subscription};
pub use quality::{Incident, IncidentKind};
pub use record::{Clock, MemoryRecorder, Published, RecordError, Recorder, Recording, SystemClock};
pub use rest::Rest;
pub use status::{
    BreakerState, BudgetStatus, ConnectionState, Counters, FeedStatus, Indicative, SymbolStatus,
};
pub use venue::{
    BookStart, Channels, Codec, DecodeError, FeedError, Frame, KeepAlive, KeptOffBar, Limit, Listing,
    PastBars, Polled, Reach, Secret, Slot, Told, TradesFrom, Traits, Venue, VenueConfig,
};
