//! The parts that pages are made of.

mod backtest_run;
mod badge;
mod change;
mod code;
mod confirm;
mod costs;
mod deed;
mod field;
mod frame;
mod metrics;
mod more;
mod params;
mod problem;
mod sparkline;
mod start;
mod tabs;
mod throttle;
mod time;

pub(crate) use backtest_run::{BacktestRun, Progress, ProgressBar, Runner};
pub(crate) use badge::{FeedMark, StateBadge};
pub(crate) use change::{Change, Watched};
pub(crate) use code::Code;
pub(crate) use confirm::Confirm;
pub(crate) use costs::{CostDraft, CostFields, execution_facts};
pub(crate) use deed::Deed;
pub(crate) use field::{Field, NumberField};
pub(crate) use frame::{Empty, Frame, Skeleton};
pub(crate) use metrics::MetricList;
pub(crate) use more::{Limit, More};
pub(crate) use params::{ParamFields, ParamValues};
pub(crate) use problem::ProblemNote;
pub(crate) use sparkline::Sparkline;
pub(crate) use start::{SPEEDS, Start, TIMEFRAMES};
pub(crate) use tabs::{Tab, Tabs};
pub(crate) use throttle::throttled;
pub(crate) use time::{Time, Zone};
