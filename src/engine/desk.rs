//! What the engine keeps for each instrument that the strategy's rules run on.

use super::rules::{EntryPlan, Reversal};
use crate::market::BarAggregator;
use crate::model::Timeframe;
use crate::portfolio::ValueModel;
use crate::strategy::Program;
use serde::{Deserialize, Serialize};

/// One instrument's desk: its bars in the making, the rules with all that they remember, and what is planned for it.
/// Cash, margin and protections are the account's, which all desks share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Desk {
    /// Ticks to base bars.
    pub(super) base_bars: BarAggregator,
    /// Base bars to the strategy's.
    pub(super) strategy_bars: BarAggregator,
    pub(super) program: Program,
    pub(super) plan: Option<EntryPlan>,
    pub(super) reversal: Option<Reversal>,
    pub(super) cooldown_left: u32,
    pub(super) bars_in_trade: u32,
    pub(super) held: Held,
}

/// What is held, as `f64`, so that a bar without a fill needs no decimal arithmetic.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) quantity: f64,
    pub(super) entry_price: f64,
    pub(super) value: ValueModel,
}

impl Desk {
    pub(super) fn new(base: Timeframe, program: Program) -> Self {
        Self {
            base_bars: BarAggregator::new(base),
            strategy_bars: BarAggregator::new(program.timeframe()),
            program,
            plan: None,
            reversal: None,
            cooldown_left: 0,
            bars_in_trade: 0,
            held: Held {
                quantity: 0.0,
                entry_price: f64::NAN,
                value: ValueModel::default(),
            },
        }
    }
}
