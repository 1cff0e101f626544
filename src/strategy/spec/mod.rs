//! The strategy file as written: every part typed, every place kept, no expression evaluated yet.

mod order;
mod portfolio;
mod reader;
mod risk;
mod rules;
mod script;
pub(crate) mod shape;
mod size;
mod when;

pub(super) use order::forms as order_forms;

use super::expression::elaborate::{Definition, Script};
use super::portfolio::Schedule;
use super::problem::{Position, Problem};
use super::rules::TimeInForceRule;
use super::script::ScriptSpec;
use super::template::{self, Loader};
use super::time_filter::TimeFilter;
use super::yaml::{self, Node};
use crate::model::{Symbol, Timeframe};
use crate::order::PostOnly;
use crate::portfolio::Weighting;
use serde::{Deserialize, Serialize};

/// A strategy file whose form is right: known keys, numbers where numbers belong, expressions that parse.
/// What its expressions mean is checked when it is compiled.
#[derive(Clone, Debug)]
pub struct StrategySpec {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) symbols: Vec<Symbol>,
    pub(super) timeframe: Timeframe,
    pub(super) params: Vec<ParamSpec>,
    /// Where each parameter stands, for problems with its value.
    pub(super) param_positions: Vec<Position>,
    pub(super) definitions: Vec<Definition>,
    pub(super) script: Option<ScriptSpec>,
    pub(super) rules: RuleSpecs,
    pub(super) risk: RiskSpec,
    pub(super) rank: Option<Script>,
    pub(super) portfolio: Option<PortfolioSpec>,
}

/// A parameter that a trader or a sweep may change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamSpec {
    /// Used as `$name`.
    pub name: String,
    /// Value unless overridden.
    pub default: f64,
    /// Smallest value.
    pub min: Option<f64>,
    /// Largest value.
    pub max: Option<f64>,
    /// Step that a form or a sweep proposes; values between steps are accepted.
    pub step: Option<f64>,
    /// What it does; may be empty.
    pub description: String,
}

/// The rules as written, with what the file says for all of them in place of what they leave open.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleSpecs {
    pub(super) entries: Vec<EntrySpec>,
    pub(super) exits: Vec<ExitSpec>,
}

/// An entry as written.
#[derive(Clone, Debug)]
pub(super) struct EntrySpec {
    /// Empty when it has none.
    pub(super) name: String,
    pub(super) long: Option<Script>,
    pub(super) short: Option<Script>,
    pub(super) order: OrderSpec,
    /// `None` for the usual share of the equity.
    pub(super) size: Option<SizeSpec>,
    pub(super) protection: ProtectionSpec,
    pub(super) max_entries: Option<Script>,
    pub(super) when: Option<TimeFilter>,
    pub(super) add: Option<AddSpec>,
}

/// How an entry's position is added to, as written.
#[derive(Clone, Debug)]
pub(super) struct AddSpec {
    pub(super) long: Option<Script>,
    pub(super) short: Option<Script>,
    pub(super) after_gain: Option<Amount>,
    pub(super) after_loss: Option<Amount>,
    pub(super) max: Option<Script>,
    pub(super) size: Option<SizeSpec>,
}

/// Stop, targets and trailing stop as written.
#[derive(Clone, Debug, Default)]
pub(super) struct ProtectionSpec {
    pub(super) stop_loss: Option<Amount>,
    pub(super) take_profit: Vec<TargetSpec>,
    pub(super) trailing_stop: Option<Amount>,
}

/// One step of taking profit, as written.
#[derive(Clone, Debug)]
pub(super) struct TargetSpec {
    pub(super) at: Amount,
    pub(super) close: Option<Amount>,
}

/// An exit as written.
#[derive(Clone, Debug)]
pub(super) struct ExitSpec {
    /// Empty when it has none.
    pub(super) name: String,
    pub(super) long: Option<Script>,
    pub(super) short: Option<Script>,
    pub(super) order: OrderSpec,
    /// Places in the list of entries.
    pub(super) of: Vec<u16>,
    pub(super) close: Option<Amount>,
    pub(super) max_exits: Option<Script>,
    pub(super) when: Option<TimeFilter>,
}

/// An order as written.
#[derive(Clone, Debug)]
pub(super) struct OrderSpec {
    pub(super) kind: OrderKindSpec,
    pub(super) time_in_force: TimeInForceSpec,
    pub(super) post_only: Option<PostOnly>,
    pub(super) display: Option<Amount>,
    pub(super) extended_hours: bool,
}

/// The type of an order, with the expressions for its prices.
#[derive(Clone, Debug)]
pub(super) enum OrderKindSpec {
    Market,
    Limit { price: Script },
    Stop { stop_price: Script },
    StopLimit { stop_price: Script, price: Script },
    TakeProfit { stop_price: Script },
    TakeProfitLimit { stop_price: Script, price: Script },
    TrailingStop { trail: Amount },
}

/// How long an order stands: by a word, or for a number of bars.
#[derive(Clone, Debug)]
pub(super) enum TimeInForceSpec {
    Word(TimeInForceRule),
    Bars(Script),
}

impl Default for OrderSpec {
    fn default() -> Self {
        Self {
            kind: OrderKindSpec::Market,
            time_in_force: TimeInForceSpec::Word(TimeInForceRule::Gtc),
            post_only: None,
            display: None,
            extended_hours: false,
        }
    }
}

/// The limits of the risk section as written.
#[derive(Clone, Debug, Default)]
pub(super) struct RiskSpec {
    pub(super) max_entries: Option<Script>,
    pub(super) max_open_positions: Option<Script>,
    pub(super) max_drawdown: Option<Amount>,
    pub(super) max_daily_loss: Option<Amount>,
    pub(super) cooldown: Option<Script>,
    pub(super) cooldown_after_loss: Option<Script>,
    pub(super) max_exposure: Option<Amount>,
    pub(super) max_correlation: Option<CorrelationSpec>,
    /// How long before the regular session's end the position is closed, as the place and the length.
    pub(super) flatten_before_close: Option<(Position, Timeframe)>,
}

/// How much the returns of what is held may correlate, as written.
#[derive(Clone, Debug)]
pub(super) struct CorrelationSpec {
    pub(super) limit: Amount,
    pub(super) lookback: Option<Script>,
}

/// The portfolio section as written.
#[derive(Clone, Debug)]
pub(super) struct PortfolioSpec {
    /// `None` where the weights are given.
    pub(super) weighting: Option<Weighting>,
    pub(super) weights: Vec<(Symbol, Amount)>,
    pub(super) lookback: Option<Script>,
    pub(super) schedule: Option<ScheduleSpec>,
    pub(super) drift: Option<Amount>,
    pub(super) cash: Option<Amount>,
    pub(super) min_trade: Option<Amount>,
}

/// When a portfolio is put right again: by a word, or after a number of bars.
#[derive(Clone, Debug)]
pub(super) enum ScheduleSpec {
    Word(Schedule),
    Bars(Script),
}

/// How large an entry is, as written.
#[derive(Clone, Debug)]
pub(super) struct SizeSpec {
    pub(super) method: SizeMethod,
    pub(super) method_position: Position,
    pub(super) value: Script,
    pub(super) lookback: Option<Script>,
    pub(super) cap: Option<Amount>,
    pub(super) min_trades: Option<Script>,
    pub(super) initial: Option<Amount>,
}

/// The supported ways to find a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SizeMethod {
    PercentOfEquity,
    FixedQuantity,
    FixedNotional,
    RiskPercent,
    VolatilityTarget,
    Kelly,
}

/// An expression that may carry a percent sign.
#[derive(Clone, Debug)]
pub(super) struct Amount {
    pub(super) script: Script,
    pub(super) percent: bool,
}

impl StrategySpec {
    /// Reads a file.
    ///
    /// # Errors
    /// Every problem of form that the file has, in the order in which they stand in it.
    pub fn parse(yaml: &str) -> Result<Self, Vec<Problem>> {
        Self::read(yaml::parse(yaml).map_err(|problem| vec![problem])?)
    }

    /// Reads a file that may extend another one, which `loader` gives by its name.
    ///
    /// # Errors
    /// As [`StrategySpec::parse`], and that the template is not known or leads back to itself. What is wrong with
    /// something from the template is told at the place that names it.
    pub fn parse_with(yaml: &str, loader: &Loader<'_>) -> Result<Self, Vec<Problem>> {
        let root = yaml::parse(yaml).map_err(|problem| vec![problem])?;
        Self::read(template::merged(root, loader)?)
    }

    fn read(root: Node) -> Result<Self, Vec<Problem>> {
        reader::read(&root).map_err(|mut problems| {
            problems.sort_by_key(|problem| (problem.line, problem.column));
            problems
        })
    }

    /// As the file names it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file says about it; may be empty.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Instruments that the file proposes; may be empty.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Rules run at the close of this bar.
    #[must_use]
    pub const fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// Whether it has a script.
    #[must_use]
    pub const fn has_script(&self) -> bool {
        self.script.is_some()
    }

    /// The parameters, in the file's order.
    #[must_use]
    pub fn params(&self) -> &[ParamSpec] {
        &self.params
    }
}

impl OrderSpec {
    /// Every expression in it.
    pub(super) fn scripts(&self) -> impl Iterator<Item = &Script> {
        let prices = match &self.kind {
            OrderKindSpec::Market => [None, None],
            OrderKindSpec::Limit { price } => [Some(price), None],
            OrderKindSpec::Stop { stop_price } | OrderKindSpec::TakeProfit { stop_price } => {
                [Some(stop_price), None]
            }
            OrderKindSpec::StopLimit { stop_price, price }
            | OrderKindSpec::TakeProfitLimit { stop_price, price } => [Some(stop_price), Some(price)],
            OrderKindSpec::TrailingStop { trail } => [Some(&trail.script), None],
        };
        let expiry = match &self.time_in_force {
            TimeInForceSpec::Word(_) => None,
            TimeInForceSpec::Bars(script) => Some(script),
        };
        let display = self.display.as_ref().map(|amount| &amount.script);
        prices.into_iter().flatten().chain(expiry).chain(display)
    }
}

impl ProtectionSpec {
    /// Whether it protects nothing.
    pub(super) const fn is_empty(&self) -> bool {
        self.stop_loss.is_none() && self.take_profit.is_empty() && self.trailing_stop.is_none()
    }

    /// Every expression in it.
    pub(super) fn scripts(&self) -> impl Iterator<Item = &Script> {
        let targets = self.take_profit.iter();
        let targets = targets.flat_map(|target| std::iter::once(&target.at).chain(&target.close));
        let stops = self.stop_loss.iter().chain(&self.trailing_stop);
        stops.chain(targets).map(|amount| &amount.script)
    }
}

impl PortfolioSpec {
    /// Whether its weights depend on how prices moved.
    pub(super) fn weighting_looks_back(&self) -> bool {
        self.weighting
            .is_some_and(|weighting| weighting != Weighting::Equal)
    }

    /// Every expression in it.
    pub(super) fn scripts(&self) -> impl Iterator<Item = &Script> {
        let weights = self.weights.iter().map(|(_, amount)| amount);
        let amounts = [&self.drift, &self.cash, &self.min_trade].into_iter().flatten();
        let schedule = match &self.schedule {
            Some(ScheduleSpec::Bars(script)) => Some(script),
            Some(ScheduleSpec::Word(_)) | None => None,
        };
        let amounts = weights.chain(amounts).map(|amount| &amount.script);
        self.lookback.iter().chain(schedule).chain(amounts)
    }
}

impl SizeSpec {
    /// Every expression in it.
    pub(super) fn scripts(&self) -> impl Iterator<Item = &Script> {
        let amounts = self.cap.iter().chain(&self.initial).map(|amount| &amount.script);
        let scripts = std::iter::once(&self.value).chain(&self.lookback);
        scripts.chain(&self.min_trades).chain(amounts)
    }
}

impl RiskSpec {
    /// Every expression in it.
    pub(super) fn scripts(&self) -> impl Iterator<Item = &Script> {
        let amounts = [&self.max_drawdown, &self.max_daily_loss, &self.max_exposure];
        let scripts = [
            &self.max_entries,
            &self.max_open_positions,
            &self.cooldown,
            &self.cooldown_after_loss,
        ];
        let correlation = self.max_correlation.iter();
        let correlation =
            correlation.flat_map(|spec| std::iter::once(&spec.limit.script).chain(&spec.lookback));
        let amounts = amounts.into_iter().flatten().map(|amount| &amount.script);
        scripts.into_iter().flatten().chain(amounts).chain(correlation)
    }
}
