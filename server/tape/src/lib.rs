//! The tape: everything that sessions saw of live markets, numbered, kept for good, shared by all of them.
//!
//! ```text
//! append ─→ memory ─→ write-ahead file ─→ durable: readers see it ─→ segment (Parquet) at the day's end
//! ```
//!
//! - [`TapeStore`]: the folder of all tapes. [`Channel`]: one tape, of what one feed says of one symbol.
//! - [`Record`]: a number, when it came in, from where, and a market event or an incident.
//! - [`Reader`] follows a tape to its live end and on; [`Scan`] reads a span of it.
//!
//! Nothing is read before it is durable, so that nobody acts on what a crash could take back.

mod archive;
mod background;
mod bars;
mod channel;
mod disk;
mod error;
mod export;
mod kinds;
mod names;
mod reader;
mod record;
mod recover;
mod retention;
mod seal;
mod segment;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod ticks;
mod verify;
mod wal;

pub use archive::{Archive, read_archive};
pub use bars::minute_bars;
pub use channel::Channel;
pub use error::{Result, TapeError};
pub use export::{ExportKind, export};
pub use kinds::{PARQUET, ZIP, check_compression, check_kind};
pub use names::ChannelName;
pub use reader::{Reader, Scan};
pub use record::{Entry, Record, Source};
pub use recover::Loss;
pub use retention::{Retained, Retention};
pub use store::{Settings, TapeStore};
pub use table::{Cell, ColumnKind, TableFormat, TableWriter, text_table_as_parquet};
pub use ticks::{Tick, read_ticks};
pub use verify::Verification;
