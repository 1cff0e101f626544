//! The simulated exchange: where orders meet the market.

mod client_ids;
mod explanation;
mod filters;
mod liquidity;
mod market;
mod models;
mod path;
mod queue;
mod silence;
mod traded_spread;
mod working;

pub use client_ids::{ClientIds, Placement};
pub use explanation::{DataTier, Explanation, Fill, Liquidity, Met, Parts, QueueStory, Shortfall};
pub use filters::{Arrival, is_open_to};
pub use liquidity::{OwnLiquidity, Taker, sweep, sweep_and_take};
pub use market::{MarkPrice, Market, TradingStatus};
pub use models::{
    Amount, Basis, Charge, ChargedOn, Checked, Conditions, FeeInputs, FeePreset, FeePresetName, FeeSchedule,
    FeeScheduleError, FillRules, ImpactModel, LatencyModel, LatencyPoint, LimitFill, LiquidityCurve, Models,
    PathRule, Slip, SlipInputs, SlippageModel, Tier, UnknownFeePreset,
};
pub use path::{Leg, legs, legs_in_order};
pub use queue::{Cancellations, QueueModel, QueuePosition};
pub use silence::{Silence, TierChange};
pub use traded_spread::TradedSpread;
pub use working::{Reach, Sleep, Touch, WorkingOrders, rests};
