//! A strategy ready to run.

use super::program::{ConditionSlot, NumberSlot, Program};
use crate::model::{Symbol, Timeframe};
use crate::order::PostOnly;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A compiled strategy: rules that point into a program, and the program with everything it remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Strategy {
    /// As the file names it.
    pub name: String,
    /// What the file says about it; may be empty.
    pub description: String,
    /// Instruments that the file proposes; may be empty.
    pub symbols: Vec<Symbol>,
    /// Rules run at the close of this bar.
    pub timeframe: Timeframe,
    /// The parameters' values: the file's defaults with the overrides on top.
    pub params: BTreeMap<String, f64>,
    /// When to enter and leave.
    pub rules: Rules,
    /// By which orders.
    pub orders: OrderRules,
    /// How much, and how it is protected.
    pub risk: RiskRules,
    /// What computes all of it.
    pub program: Program,
    pub(crate) warm_up: usize,
}

impl Strategy {
    /// Bars of the strategy's timeframe until every rule is defined: an upper estimate, higher timeframes included.
    /// What waits for an event of the market (`bars_since`, `value_when`) may take longer.
    #[must_use]
    pub const fn warm_up(&self) -> usize {
        self.warm_up
    }
}

/// When to enter and leave. A rule that the file leaves out, or sets to `false`, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Buy to open.
    pub entry_long: Option<ConditionSlot>,
    /// Sell to open.
    pub entry_short: Option<ConditionSlot>,
    /// Sell to close.
    pub exit_long: Option<ConditionSlot>,
    /// Buy to close.
    pub exit_short: Option<ConditionSlot>,
}

impl Rules {
    /// All conditions: while none of them holds, the rules want nothing.
    pub fn conditions(&self) -> impl Iterator<Item = ConditionSlot> + use<> {
        [self.entry_long, self.entry_short, self.exit_long, self.exit_short]
            .into_iter()
            .flatten()
    }
}

/// By which orders a strategy enters and leaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderRules {
    /// For entries.
    pub entry: OrderRule,
    /// For exits by rule; protective stops and targets have orders of their own.
    pub exit: OrderRule,
}

/// One kind of order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderRule {
    /// Its type, with its prices.
    pub kind: OrderRuleKind,
    /// How long it stands.
    pub time_in_force: TimeInForceRule,
    /// Whether it may only rest, and what becomes of it when it would take.
    pub post_only: Option<PostOnly>,
    /// How much of it the book shows; `None` for all.
    pub display: Option<DisplayRule>,
    /// Whether it may also fill before the open and after the close.
    pub extended_hours: bool,
}

/// What an order waits for. The engine's words for the same things are those of [`crate::order::OrderKind`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum OrderRuleKind {
    /// Nothing.
    Market,
    /// This price or a better one.
    Limit {
        /// In quote currency.
        price: NumberSlot,
    },
    /// That the market, moving against its side, touches the stop price; then nothing more.
    Stop {
        /// In quote currency.
        stop_price: NumberSlot,
    },
    /// The same; then its price or a better one.
    StopLimit {
        /// In quote currency.
        stop_price: NumberSlot,
        /// In quote currency.
        price: NumberSlot,
    },
    /// That the market, moving in favour of its side, touches the stop price; then nothing more.
    TakeProfit {
        /// In quote currency.
        stop_price: NumberSlot,
    },
    /// The same; then its price or a better one.
    TakeProfitLimit {
        /// In quote currency.
        stop_price: NumberSlot,
        /// In quote currency.
        price: NumberSlot,
    },
    /// That the market turns back by this distance from its best price since the order was placed.
    TrailingStop {
        /// Read once, when the order is placed; a percentage is one of the best price.
        trail: Distance,
    },
}

/// How long an order stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeInForceRule {
    /// Good till cancelled.
    #[default]
    Gtc,
    /// Immediate or cancel: what does not fill at once is cancelled.
    Ioc,
    /// Fill or kill: all at once or nothing.
    Fok,
    /// Until the end of the trading day.
    Day,
    /// Until so many bars of the strategy have closed, at least one.
    Bars(u32),
    /// At the next opening auction or not at all.
    Opg,
    /// At the next closing auction or not at all.
    Cls,
}

/// How much of an iceberg the book shows at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum DisplayRule {
    /// A ratio of the order's quantity: 0.1 is 10 %.
    Share(f64),
    /// In units of the instrument.
    Quantity(NumberSlot),
}

/// How much to trade, and how it is protected.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskRules {
    /// Size of an entry.
    pub size: SizeRule,
    /// Loss at which the position is closed, measured from the entry price and fixed there.
    pub stop_loss: Option<Distance>,
    /// Gain at which the position is closed, measured from the entry price and fixed there.
    pub take_profit: Option<Distance>,
    /// Distance at which a stop follows the best price since the entry; a percentage is one of that price.
    pub trailing_stop: Option<Distance>,
    /// Most positions at the same time.
    pub max_open_positions: u32,
    /// Loss from the highest equity at which everything is closed and the strategy halts, as a ratio: 0.2 is 20 %.
    pub max_drawdown: Option<f64>,
    /// Loss of one UTC day at which everything is closed and no entry is made before the next day, as a ratio of the
    /// equity at the day's start.
    pub max_daily_loss: Option<f64>,
    /// Bars after an exit in which no entry is made.
    pub cooldown: u32,
}

/// How the size of an entry is found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum SizeRule {
    /// This percentage of the equity is spent: 95 is 95 %.
    PercentOfEquity(f64),
    /// This many units.
    FixedQuantity(#[serde(with = "crate::model::decimal")] Decimal),
    /// Units for this much quote currency.
    FixedNotional(#[serde(with = "crate::model::decimal")] Decimal),
    /// As much that the stop loss, if it is hit, costs this percentage of the equity.
    RiskPercent(f64),
}

/// A distance from a price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Distance {
    /// In quote currency.
    Price(NumberSlot),
    /// A ratio of the price: 0.02 is 2 %.
    Percent(f64),
}
