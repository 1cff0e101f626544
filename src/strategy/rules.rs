//! A strategy ready to run.

use super::portfolio::PortfolioRule;
use super::problem::Problem;
use super::program::{ConditionSlot, NumberSlot, Program};
use super::time_filter::TimeFilter;
use crate::model::{Symbol, Timeframe};
use crate::order::PostOnly;
use crate::portfolio::TradeSide;
use rust_decimal::{Decimal, prelude::FromPrimitive};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

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
    /// When to enter and leave, by which orders, and how much.
    pub rules: Rules,
    /// What limits all of it.
    pub risk: RiskRules,
    /// Of several instruments that want to enter at one close, the one for which this is highest comes first.
    pub rank: Option<NumberSlot>,
    /// How the account is divided among the symbols, in place of entries and exits.
    pub portfolio: Option<PortfolioRule>,
    /// What computes all of it.
    pub program: Program,
    pub(crate) warm_up: usize,
    /// What is likely a mistake with these parameters, though it runs, in the file's order. It is about the file, and no part
    /// of what runs: snapshots leave it out.
    #[serde(skip)]
    pub warnings: Vec<Problem>,
}

impl Strategy {
    /// Bars of the strategy's timeframe until every rule is defined: an upper estimate, higher timeframes included.
    /// What waits for an event of the market (`bars_since`, `value_when`) may take longer.
    #[must_use]
    pub const fn warm_up(&self) -> usize {
        self.warm_up
    }

    /// Returns of every symbol that the rules look back on, in bars; `None` where they look at no returns.
    #[must_use]
    pub fn returns_needed(&self) -> Option<usize> {
        let portfolio = self.portfolio.as_ref().map(PortfolioRule::lookback);
        let correlation = self.risk.max_correlation.map(|rule| rule.lookback as usize);
        portfolio.max(correlation)
    }
}

/// When to enter and leave, and by what: every rule brings its own order, size and protection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// What opens a position or adds to it, in the file's order: of several that hold at one close, the first goes first.
    pub entries: Vec<EntryRule>,
    /// What closes it or a part of it, in the file's order.
    pub exits: Vec<ExitRule>,
    /// Most entries of one direction that may be held or on their way at once; 1 is no scaling in.
    pub max_entries: u32,
}

/// A rule that opens a position, or adds to one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryRule {
    /// As the file names it; empty for the only entry of a file that names none.
    pub name: String,
    /// Buy to open; `None` when the file leaves it out or sets it to `false`.
    pub long: Option<ConditionSlot>,
    /// Sell to open.
    pub short: Option<ConditionSlot>,
    /// By which order.
    pub order: OrderRule,
    /// How much.
    pub size: SizeRule,
    /// How what it buys is protected.
    pub protection: ProtectionRule,
    /// Most times that it may be in a position at once.
    pub max_entries: u32,
    /// When it may act; `None` for always.
    pub when: Option<TimeFilter>,
    /// For a rule that only adds: the entry to which, as its place in the list.
    pub adds_to: Option<u16>,
    /// For a rule that only adds: how far the market must have gone since the last fill.
    pub spacing: Option<Spacing>,
}

/// How far the market must have gone from the price of the last entry before the next one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Spacing {
    /// In favour of the position.
    Gain(Distance),
    /// Against it.
    Loss(Distance),
}

/// At which distances from its entry price a part of a position is closed; fixed when the entry is decided.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProtectionRule {
    /// Loss at which it is closed.
    pub stop_loss: Option<Distance>,
    /// Gains at which it is closed, or a part of it; nearest first as the file has them.
    pub take_profit: Vec<TargetRule>,
    /// Distance at which a stop follows the best price since the entry; a percentage is one of that price.
    pub trailing_stop: Option<Distance>,
}

/// One step of taking profit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetRule {
    /// The gain.
    pub at: Distance,
    /// How much of the entry's quantity it closes, as a ratio; `None` for all that is left.
    pub close: Option<f64>,
}

/// A rule that closes a position or a part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitRule {
    /// As the file names it; empty for the only exit of a file that names none.
    pub name: String,
    /// Sell to close; `None` when the file leaves it out or sets it to `false`.
    pub long: Option<ConditionSlot>,
    /// Buy to close.
    pub short: Option<ConditionSlot>,
    /// By which order.
    pub order: OrderRule,
    /// The entries whose part of the position it closes, as their places in the list; empty for the whole position.
    pub of: Vec<u16>,
    /// How much of that; `None` for all of it.
    pub close: Option<PartRule>,
    /// How often in one position it may close a part.
    pub max_exits: u32,
    /// When it may act; `None` for always.
    pub when: Option<TimeFilter>,
}

/// A part of a position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum PartRule {
    /// A ratio of what is held when the exit is decided: 0.5 is 50 %.
    Share(f64),
    /// Units of the instrument.
    Quantity(NumberSlot),
}

impl Rules {
    /// Every condition that the rules read. Where none of them holds at a close, there is nothing to decide.
    pub fn conditions(&self) -> impl Iterator<Item = ConditionSlot> + Clone {
        let entries = self.entries.iter().flat_map(|rule| [rule.long, rule.short]);
        let exits = self.exits.iter().flat_map(|rule| [rule.long, rule.short]);
        entries.chain(exits).flatten()
    }

    /// The entry that a rule's part of a position is counted under: what adds to an entry belongs to it.
    #[must_use]
    pub fn family(&self, entry: u16) -> u16 {
        let rule = self.entries.get(usize::from(entry));
        rule.and_then(|rule| rule.adds_to).unwrap_or(entry)
    }
}

impl EntryRule {
    /// Its condition for one direction.
    #[must_use]
    pub const fn condition(&self, side: TradeSide) -> Option<ConditionSlot> {
        match side {
            TradeSide::Long => self.long,
            TradeSide::Short => self.short,
        }
    }

    /// What its orders and trades say: its name, or `entry.long` and `entry.short` without one.
    #[must_use]
    pub fn reason(&self, side: TradeSide) -> Cow<'static, str> {
        reason(&self.name, side, ["entry.long", "entry.short"])
    }
}

impl ExitRule {
    /// Its condition for one direction.
    #[must_use]
    pub const fn condition(&self, side: TradeSide) -> Option<ConditionSlot> {
        match side {
            TradeSide::Long => self.long,
            TradeSide::Short => self.short,
        }
    }

    /// What its orders and trades say: its name, or `exit.long` and `exit.short` without one.
    #[must_use]
    pub fn reason(&self, side: TradeSide) -> Cow<'static, str> {
        reason(&self.name, side, ["exit.long", "exit.short"])
    }

    /// Whether it closes all that is held.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.of.is_empty() && self.close.is_none()
    }
}

fn reason(name: &str, side: TradeSide, [long, short]: [&'static str; 2]) -> Cow<'static, str> {
    match side {
        _ if !name.is_empty() => Cow::Owned(name.to_owned()),
        TradeSide::Long => Cow::Borrowed(long),
        TradeSide::Short => Cow::Borrowed(short),
    }
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

/// Limits of the account.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskRules {
    /// Most instruments in which something is held or about to be; `None` for all of them.
    pub max_open_positions: Option<u32>,
    /// Loss from the highest equity at which everything is closed and the strategy halts, as a ratio: 0.2 is 20 %.
    pub max_drawdown: Option<f64>,
    /// Loss of one UTC day at which everything is closed and no entry is made before the next day, as a ratio of the
    /// equity at the day's start.
    pub max_daily_loss: Option<f64>,
    /// Bars after an exit in which no entry is made.
    pub cooldown: u32,
    /// The same after a trade that lost, if that is longer.
    pub cooldown_after_loss: u32,
    /// Most value of all positions and entries together, as a ratio of the equity: sizes are cut to it.
    pub max_exposure: Option<f64>,
    /// How much an entry's returns may correlate with those of what is held.
    pub max_correlation: Option<CorrelationRule>,
    /// How long before the end of the regular session the position is closed.
    pub flatten_before_close: Option<Timeframe>,
}

/// The highest correlation of returns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorrelationRule {
    /// Pearson's coefficient.
    pub limit: f64,
    /// Returns over which it is measured: bars of the strategy's timeframe.
    pub lookback: u32,
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
    /// As much that a year's standard deviation of the position's return is a ratio of the equity, if the market goes on
    /// as it did.
    VolatilityTarget {
        /// The ratio: 0.15 is 15 % a year.
        target: f64,
        /// Standard deviation of the logarithmic returns of the strategy's bars.
        volatility: NumberSlot,
    },
    /// One of the first four, with a number that is read when the entry is decided.
    Varying {
        /// Which.
        method: VaryingSize,
        /// The number: a percentage is 95 for 95 %.
        value: NumberSlot,
    },
    /// A fraction of what the session's own closed trades say would make the account grow fastest.
    Kelly(KellyRule),
}

/// A way to find a size whose number may change from bar to bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VaryingSize {
    /// See [`SizeRule::PercentOfEquity`].
    PercentOfEquity,
    /// See [`SizeRule::FixedQuantity`].
    FixedQuantity,
    /// See [`SizeRule::FixedNotional`].
    FixedNotional,
    /// See [`SizeRule::RiskPercent`].
    RiskPercent,
}

impl VaryingSize {
    /// The rule that it is with this number; `None` for a number that is no size.
    #[must_use]
    pub fn with(self, value: f64) -> Option<SizeRule> {
        let exact = || Decimal::from_f64(value);
        Some(match self {
            _ if !(value > 0.0 && value.is_finite()) => return None,
            Self::PercentOfEquity => SizeRule::PercentOfEquity(value),
            Self::RiskPercent if value > 100.0 => return None,
            Self::RiskPercent => SizeRule::RiskPercent(value),
            Self::FixedQuantity => SizeRule::FixedQuantity(exact()?),
            Self::FixedNotional => SizeRule::FixedNotional(exact()?),
        })
    }
}

/// Size by the trades so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KellyRule {
    /// How much of the full Kelly fraction: 0.5 is half of it.
    pub fraction: f64,
    /// Most of the equity to spend, as a ratio.
    pub cap: f64,
    /// Closed trades before they are believed.
    pub min_trades: u32,
    /// Ratio of the equity to spend until then.
    pub initial: f64,
}

/// A distance from a price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Distance {
    /// In quote currency.
    Price(NumberSlot),
    /// A ratio of the price: 0.02 is 2 %.
    Percent(f64),
}
