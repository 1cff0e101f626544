//! How good it was.

mod metrics;

pub use metrics::Metrics;
