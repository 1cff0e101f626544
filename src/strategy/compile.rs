//! From the file to a strategy that runs: parameters resolved, expressions lowered, numbers checked.

use super::expression::Graph;
use super::expression::elaborate::{Elaborator, Operand, Reported, Script, Value};
use super::problem::{Problem, hint};
use super::program::{ConditionSlot, NumberSlot, Program, op::FALSE};
use super::rules::{
    DisplayRule, Distance, OrderRule, OrderRuleKind, OrderRules, RiskRules, Rules, SizeRule, Strategy,
    TimeInForceRule,
};
use super::spec::{Amount, OrderKindSpec, OrderSpec, SizeMethod, SizeSpec, StrategySpec, TimeInForceSpec};
use super::yaml::Text;
use crate::model::{Timeframe, decimal};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Size of an entry when the file does not say: percent of the equity.
const DEFAULT_SIZE: f64 = 95.0;

impl Strategy {
    /// Compiles a file with the parameters in `overrides` in place of its defaults, for its own timeframe or another.
    ///
    /// # Errors
    /// All problems of form; or, when there are none, all others, in the order in which they stand in the file.
    pub fn compile(
        yaml: &str,
        overrides: &BTreeMap<String, f64>,
        timeframe: Option<Timeframe>,
    ) -> Result<Self, Vec<Problem>> {
        StrategySpec::parse(yaml)?.compile(overrides, timeframe)
    }
}

impl StrategySpec {
    /// Compiles the file with the parameters in `overrides` in place of its defaults, for its own timeframe or another.
    /// Sweeps parse once and compile for each combination.
    ///
    /// # Errors
    /// All problems, in the order in which they stand in the file.
    pub fn compile(
        &self,
        overrides: &BTreeMap<String, f64>,
        timeframe: Option<Timeframe>,
    ) -> Result<Strategy, Vec<Problem>> {
        let params = self.resolve(overrides)?;
        let timeframe = timeframe.unwrap_or(self.timeframe);
        let mut compiler = Compiler {
            elaborator: Elaborator::new(&params, &self.definitions, timeframe),
            warm_up: 0,
        };
        let series = compiler.series(self);
        let rules = compiler.rules(self);
        let orders = OrderRules {
            entry: compiler.order(&self.entry_order),
            exit: compiler.order(&self.exit_order),
        };
        let risk = compiler.risk(self);
        let Compiler { elaborator, warm_up } = compiler;
        let Elaborator {
            graph, mut problems, ..
        } = elaborator;
        if !problems.is_empty() {
            problems.sort_by_key(|problem| (problem.line, problem.column));
            problems.dedup();
            return Err(problems);
        }
        Ok(Strategy {
            name: self.name.clone(),
            description: self.description.clone(),
            symbols: self.symbols.clone(),
            timeframe,
            rules,
            orders,
            risk,
            program: Program::new(graph.into_block(), series),
            warm_up,
            params,
        })
    }

    /// The parameters' values, checked against their bounds.
    fn resolve(&self, overrides: &BTreeMap<String, f64>) -> Result<BTreeMap<String, f64>, Vec<Problem>> {
        let mut problems = Vec::new();
        for name in overrides.keys() {
            if !self.params.iter().any(|param| param.name == *name) {
                let hint = hint(name, self.params.iter().map(|param| param.name.as_str()));
                let message = format!("the strategy has no parameter '{name}'{hint}");
                problems.push(super::problem::Position::START.problem(&format!("params.{name}"), message));
            }
        }
        let mut params = BTreeMap::new();
        for (param, position) in self.params.iter().zip(&self.param_positions) {
            let value = overrides.get(&param.name).copied().unwrap_or(param.default);
            let bound = match (param.min, param.max) {
                _ if !value.is_finite() => Some("is not a finite number".to_owned()),
                (Some(min), _) if value < min => Some(format!("is below its minimum of {min}")),
                (_, Some(max)) if value > max => Some(format!("is above its maximum of {max}")),
                _ => None,
            };
            if let Some(bound) = bound {
                let message = format!("parameter '{}' = {value} {bound}", param.name);
                problems.push(position.problem(&format!("params.{}", param.name), message));
            }
            params.insert(param.name.clone(), value);
        }
        if problems.is_empty() {
            Ok(params)
        } else {
            Err(problems)
        }
    }
}

/// Compiles expressions outside of any strategy into one program. A condition comes out as 1 or 0, and as 0 while it
/// is undefined; a number is NaN while it is undefined.
///
/// # Errors
/// All problems; the path of each is `expressions.N` with N counted from 0, the line is 1.
pub fn compile_expressions(
    expressions: &[String],
    timeframe: Timeframe,
) -> Result<(Program, Vec<NumberSlot>), Vec<Problem>> {
    let params = BTreeMap::new();
    let mut elaborator = Elaborator::new(&params, &[], timeframe);
    let mut slots = Vec::with_capacity(expressions.len());
    for (index, text) in expressions.iter().enumerate() {
        let path = format!("expressions.{index}");
        match Script::parse(&path, Text::standalone(text)) {
            Err(problem) => elaborator.problems.push(problem),
            Ok(script) => slots.extend(standalone(&mut elaborator, &script)),
        }
    }
    if elaborator.problems.is_empty() {
        Ok((Program::new(elaborator.graph.into_block(), Vec::new()), slots))
    } else {
        Err(elaborator.problems)
    }
}

fn standalone(elaborator: &mut Elaborator<'_>, script: &Script) -> Result<NumberSlot, Reported> {
    match elaborator.value(script)? {
        Value::Condition(condition) => elaborator.truth(script, condition).map(NumberSlot),
        Value::Number(operand) => elaborator.root_slot(script, operand).map(NumberSlot),
        // Says which fields there are.
        Value::Fields(..) => elaborator.number(script).map(NumberSlot),
    }
}

/// Lowers the parts of a file. Problems collect in the elaborator, so every part gives something.
struct Compiler<'a> {
    elaborator: Elaborator<'a>,
    warm_up: usize,
}

impl Compiler<'_> {
    /// All definitions, whether a rule uses them or not: the chart shows them, and a mistake in one is a mistake.
    fn series(&mut self, spec: &StrategySpec) -> Vec<(String, NumberSlot)> {
        let mut series = Vec::new();
        for (index, definition) in spec.definitions.iter().enumerate() {
            match self.elaborator.definition_value(index) {
                Ok(Value::Number(operand)) => {
                    if let Ok(slot) = self.elaborator.root_slot(&definition.script, operand) {
                        series.push((definition.name.clone(), NumberSlot(slot)));
                    }
                }
                Ok(Value::Fields(_, fields, first)) => {
                    for (field, slot) in fields.iter().zip(first..) {
                        series.push((format!("{}.{field}", definition.name), NumberSlot(slot)));
                    }
                }
                Ok(Value::Condition(_)) | Err(Reported) => {}
            }
        }
        series
    }

    fn rules(&mut self, spec: &StrategySpec) -> Rules {
        let rules = &spec.rules;
        Rules {
            entry_long: self.rule(rules.entry_long.as_ref()),
            entry_short: self.rule(rules.entry_short.as_ref()),
            exit_long: self.rule(rules.exit_long.as_ref()),
            exit_short: self.rule(rules.exit_short.as_ref()),
        }
    }

    fn rule(&mut self, script: Option<&Script>) -> Option<ConditionSlot> {
        let script = script?;
        let condition = match self.elaborator.condition(script).ok()? {
            Operand::Constant(FALSE) => return None,
            condition => condition,
        };
        let slot = self.elaborator.root_slot(script, condition).ok()?;
        self.note(slot);
        Some(ConditionSlot(slot))
    }

    fn number(&mut self, script: &Script) -> Option<NumberSlot> {
        let slot = self.elaborator.number(script).ok()?;
        self.note(slot);
        Some(NumberSlot(slot))
    }

    /// Counts a slot that a rule reads into the warm-up.
    fn note(&mut self, slot: u32) {
        let bars = self.elaborator.graph.warm_up(Graph::ROOT, slot).saturating_add(1);
        self.warm_up = self.warm_up.max(bars);
    }

    fn order(&mut self, spec: &OrderSpec) -> OrderRule {
        OrderRule {
            kind: self.order_kind(&spec.kind).unwrap_or(OrderRuleKind::Market),
            time_in_force: match &spec.time_in_force {
                TimeInForceSpec::Word(word) => *word,
                TimeInForceSpec::Bars(script) => self
                    .count(script, 1)
                    .map_or(TimeInForceRule::Gtc, TimeInForceRule::Bars),
            },
            post_only: spec.post_only,
            display: spec.display.as_ref().and_then(|amount| self.display(amount)),
            extended_hours: spec.extended_hours,
        }
    }

    fn order_kind(&mut self, spec: &OrderKindSpec) -> Option<OrderRuleKind> {
        Some(match spec {
            OrderKindSpec::Market => OrderRuleKind::Market,
            OrderKindSpec::Limit { price } => OrderRuleKind::Limit {
                price: self.number(price)?,
            },
            OrderKindSpec::Stop { stop_price } => OrderRuleKind::Stop {
                stop_price: self.number(stop_price)?,
            },
            OrderKindSpec::StopLimit { stop_price, price } => {
                let (stop_price, price) = (self.number(stop_price), self.number(price));
                OrderRuleKind::StopLimit {
                    stop_price: stop_price?,
                    price: price?,
                }
            }
            OrderKindSpec::TakeProfit { stop_price } => OrderRuleKind::TakeProfit {
                stop_price: self.number(stop_price)?,
            },
            OrderKindSpec::TakeProfitLimit { stop_price, price } => {
                let (stop_price, price) = (self.number(stop_price), self.number(price));
                OrderRuleKind::TakeProfitLimit {
                    stop_price: stop_price?,
                    price: price?,
                }
            }
            OrderKindSpec::TrailingStop { trail } => OrderRuleKind::TrailingStop {
                trail: self.trail(trail)?,
            },
        })
    }

    /// A distance that the market can come back by: less than all of the price.
    fn trail(&mut self, amount: &Amount) -> Option<Distance> {
        match self.distance(amount)? {
            Distance::Percent(share) if share >= 1.0 => {
                let message = format!("a trail must be below 100 %; it is {} %", share * 100.0);
                self.problem(&amount.script, message);
                None
            }
            distance => Some(distance),
        }
    }

    /// A part of the order's quantity, or a quantity.
    fn display(&mut self, amount: &Amount) -> Option<DisplayRule> {
        if !amount.percent {
            return self.number(&amount.script).map(DisplayRule::Quantity);
        }
        let percent = self.elaborator.constant(&amount.script).ok()?;
        if percent > 0.0 && percent < 100.0 {
            return Some(DisplayRule::Share(percent / 100.0));
        }
        self.problem(
            &amount.script,
            format!("an iceberg shows more than 0 % and less than 100 %; this is {percent} %"),
        );
        None
    }

    fn risk(&mut self, spec: &StrategySpec) -> RiskRules {
        let risk = &spec.risk;
        RiskRules {
            size: risk
                .size
                .as_ref()
                .and_then(|size| self.size(size))
                .unwrap_or(SizeRule::PercentOfEquity(DEFAULT_SIZE)),
            stop_loss: risk.stop_loss.as_ref().and_then(|amount| self.distance(amount)),
            take_profit: risk.take_profit.as_ref().and_then(|amount| self.distance(amount)),
            trailing_stop: risk
                .trailing_stop
                .as_ref()
                .and_then(|amount| self.distance(amount)),
            max_open_positions: risk
                .max_open_positions
                .as_ref()
                .and_then(|script| self.count(script, 1))
                .unwrap_or(1),
            max_drawdown: risk.max_drawdown.as_ref().and_then(|amount| self.share(amount)),
            max_daily_loss: risk.max_daily_loss.as_ref().and_then(|amount| self.share(amount)),
            cooldown: risk
                .cooldown
                .as_ref()
                .and_then(|script| self.count(script, 0))
                .unwrap_or(0),
        }
    }

    fn problem(&mut self, script: &Script, message: impl Into<String>) {
        let position = script.text.position(script.tree.span.start);
        self.elaborator
            .problems
            .push(position.problem(&script.path, message));
    }

    /// A whole number of bars or positions.
    fn count(&mut self, script: &Script, minimum: u32) -> Option<u32> {
        let value = self.elaborator.constant(script).ok()?;
        if value.fract() == 0.0 && (f64::from(minimum)..=1e9).contains(&value) {
            return Some(value as u32);
        }
        self.problem(
            script,
            format!("this must be a whole number, at least {minimum}; it is {value}"),
        );
        None
    }

    /// A distance in price that may change from bar to bar, or a percentage that may not.
    fn distance(&mut self, amount: &Amount) -> Option<Distance> {
        if !amount.percent {
            return self.number(&amount.script).map(Distance::Price);
        }
        let value = self.elaborator.constant(&amount.script).ok()?;
        if value > 0.0 && value <= 1_000.0 {
            return Some(Distance::Percent(value / 100.0));
        }
        self.problem(
            &amount.script,
            format!("a distance must be above 0 %; it is {value} %"),
        );
        None
    }

    /// A share of the equity, as a ratio: `20%` or `0.2`.
    fn share(&mut self, amount: &Amount) -> Option<f64> {
        let value = self.elaborator.constant(&amount.script).ok()?;
        let ratio = if amount.percent { value / 100.0 } else { value };
        if ratio > 0.0 && ratio <= 1.0 {
            return Some(ratio);
        }
        let message = if amount.percent || value <= 0.0 {
            format!("this must be above 0 % and at most 100 %; it is {value}")
        } else {
            format!("write a percent sign: '{value}%' (or a ratio such as 0.2)")
        };
        self.problem(&amount.script, message);
        None
    }

    fn size(&mut self, size: &SizeSpec) -> Option<SizeRule> {
        let script = &size.value;
        let value = self.elaborator.constant(script).ok()?;
        if value <= 0.0 {
            self.problem(script, format!("a size must be above 0; it is {value}"));
            return None;
        }
        let exact = exact(script, value);
        match (size.method, exact) {
            (SizeMethod::PercentOfEquity, _) => Some(SizeRule::PercentOfEquity(value)),
            (SizeMethod::RiskPercent, _) if value > 100.0 => {
                self.problem(script, format!("the risk must be at most 100 %; it is {value}"));
                None
            }
            (SizeMethod::RiskPercent, _) => Some(SizeRule::RiskPercent(value)),
            (SizeMethod::FixedQuantity, Some(value)) => Some(SizeRule::FixedQuantity(value)),
            (SizeMethod::FixedNotional, Some(value)) => Some(SizeRule::FixedNotional(value)),
            (SizeMethod::FixedQuantity | SizeMethod::FixedNotional, None) => {
                self.problem(script, format!("{value} is out of the range of exact numbers"));
                None
            }
        }
    }
}

/// The number as written if it is a plain number, else the shortest decimal of its value.
fn exact(script: &Script, value: f64) -> Option<Decimal> {
    decimal::parse(&script.text.text).or_else(|| decimal::parse(&value.to_string()))
}
