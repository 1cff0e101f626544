//! Was it luck? What the best of many tries is worth when all of them are counted.

mod cross_validation;
mod deflated;
mod digest;

pub use cross_validation::BacktestOverfitting;
pub use deflated::DeflatedSharpe;
pub use digest::{BlockSums, ReturnDigest};
