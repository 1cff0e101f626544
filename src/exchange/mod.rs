//! The simulated exchange: where orders meet the market.

mod book;
mod explanation;
mod models;
mod path;

pub use book::{Touch, WorkingOrders};
pub use explanation::{DataTier, Explanation, Fill, Liquidity, Met};
pub use models::{
    Amount, Basis, Charge, ChargedOn, Conditions, FeeInputs, FeeSchedule, FillRules, ImpactModel,
    LatencyModel, LatencyPoint, LimitFill, LiquidityCurve, Models, PathRule, QueueModelKind, Slip,
    SlipInputs, SlippageModel, Tier,
};
pub use path::{Leg, legs};
