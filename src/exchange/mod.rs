//! The simulated exchange: where orders meet the market.

mod explanation;

pub use explanation::{DataTier, Explanation, Fill, Liquidity, Met};
