//! How good it was.

mod accumulator;
mod daily;
mod drawdown;
mod metrics;
mod thin;

pub use accumulator::{MetricsAccumulator, TradeRecord};
pub use drawdown::{DrawdownTracker, drawdown_series};
pub use metrics::Metrics;
pub use thin::{merge_bars, sparkline, thin_by_weight, thin_indices, thin_minmax};
