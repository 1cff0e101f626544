//! The simulated exchange: where orders meet the market.

mod book;
mod explanation;
mod models;
mod path;

pub use book::{Touch, WorkingOrders};
pub use explanation::{DataTier, Explanation, Fill, Liquidity, Met};
pub use models::{FeeModel, FixedBps, Models, PercentFee, SlippageModel};
pub use path::{Leg, legs};
