//! What the engine keeps for each instrument that the strategy's rules run on or read.

use super::ahead::Ahead;
use super::entries::PlannedEntry;
use super::stakes::Stakes;
use crate::market::{Bar, BarAggregator};
use crate::model::{OrderId, Timeframe, Timestamp};
use crate::portfolio::ValueModel;
use crate::strategy::{PositionView, Program};
use serde::{Deserialize, Serialize};

/// One instrument's desk: its bars in the making, the rules with all that they remember, and what is planned for it.
/// Cash, margin and protections are the account's, which all desks share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Desk {
    /// Whether its bars are of use to the rules: they run on it, or read it.
    pub(super) is_followed: bool,
    /// Ticks to base bars.
    pub(super) base_bars: BarAggregator,
    /// Base bars to the strategy's.
    pub(super) strategy_bars: BarAggregator,
    pub(super) program: Program,
    /// Which part of the position came from which entry.
    pub(super) stakes: Stakes,
    /// An entry in the other direction, to be placed when the position is closed.
    pub(super) reversal: Option<PlannedEntry>,
    pub(super) cooldown_left: u32,
    /// Orders that end after so many closes of the strategy.
    pub(super) lives: Vec<Life>,
    /// The end of the regular session that is next or under way, once it has been asked for.
    #[serde(skip)]
    pub(super) session_end: Option<Timestamp>,
    pub(super) bars_in_trade: u32,
    pub(super) held: Held,
    /// Room for what is computed of many bars at once; between two calls it says nothing.
    #[serde(skip)]
    pub(super) ahead: Option<Box<Ahead>>,
    /// The first close that the session was valued at.
    pub(super) first_close: Option<f64>,
}

/// An order that ends by the strategy's closes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) order: OrderId,
    /// How many closes are left.
    pub(super) closes: u32,
}

/// What is held, as `f64`, so that a bar without a fill needs no decimal arithmetic.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) quantity: f64,
    pub(super) entry_price: f64,
    pub(super) value: ValueModel,
}

impl Desk {
    pub(super) fn new(base: Timeframe, program: Program, is_followed: bool) -> Self {
        Self {
            is_followed,
            base_bars: BarAggregator::new(base),
            strategy_bars: BarAggregator::new(program.timeframe()),
            program,
            stakes: Stakes::default(),
            reversal: None,
            cooldown_left: 0,
            lives: Vec::new(),
            session_end: None,
            bars_in_trade: 0,
            held: Held {
                quantity: 0.0,
                entry_price: f64::NAN,
                value: ValueModel::default(),
            },
            first_close: None,
            ahead: None,
        }
    }

    /// So many closes of the strategy have passed.
    pub(super) fn age(&mut self, closes: u32) {
        for life in &mut self.lives {
            life.closes = life.closes.saturating_sub(closes);
        }
    }

    /// How many closes may pass before one ends an order.
    pub(super) fn closes_to_pass(&self) -> usize {
        let lives = self
            .lives
            .iter()
            .map(|life| life.closes.saturating_sub(1) as usize);
        lives.min().unwrap_or(usize::MAX)
    }

    /// The rules see a bar that closed: their program takes it in, or shows what it computed of it.
    #[inline]
    pub(super) fn see(&mut self, bar: &Bar, position: &PositionView) {
        let Self { ahead, program, .. } = self;
        let is_computed = ahead
            .as_mut()
            .is_some_and(|ahead| ahead.show_next(program, bar, position));
        if !is_computed {
            program.on_bar(bar, position);
        }
    }
}
