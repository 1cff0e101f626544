//! The simulated exchange: where orders meet the market.

mod book;
mod explanation;
mod liquidity;
mod models;
mod path;
mod queue;

pub use book::{Touch, WorkingOrders};
pub use explanation::{DataTier, Explanation, Fill, Liquidity, Met};
pub use liquidity::{OwnLiquidity, Taker, sweep, sweep_and_take};
pub use models::{
    Amount, Basis, Charge, ChargedOn, Checked, Conditions, FeeInputs, FeePreset, FeePresetName, FeeSchedule,
    FeeScheduleError, FillRules, ImpactModel, LatencyModel, LatencyPoint, LimitFill, LiquidityCurve, Models,
    PathRule, Slip, SlipInputs, SlippageModel, Tier, UnknownFeePreset,
};
pub use path::{Leg, legs};
pub use queue::{Cancellations, QueueModel, QueuePosition};
