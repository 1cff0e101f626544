//! What the market says: quotes, trades, bars, and how the finer become the coarser.

mod aggregation;
mod bar;
mod event;
mod tick;

pub use aggregation::{Aggregated, BarAggregator};
pub use bar::{Bar, BarError, Bars};
pub use event::MarketEvent;
pub use tick::{Quote, TradeTick};
