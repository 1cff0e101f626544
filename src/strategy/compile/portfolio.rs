//! The portfolio section, and the limit on correlation, which looks at the same returns.

use super::Compiler;
use crate::strategy::expression::elaborate::Script;
use crate::strategy::portfolio::{MinTrade, PortfolioMethod, PortfolioRule, Schedule};
use crate::strategy::rules::CorrelationRule;
use crate::strategy::spec::{Amount, CorrelationSpec, PortfolioSpec, ScheduleSpec};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;

/// Returns looked back on when the file does not say.
const USUAL_LOOKBACK: u32 = 60;
/// Most returns to look back on.
const LONGEST_LOOKBACK: u32 = 10_000;

impl Compiler<'_> {
    pub(super) fn portfolio(&mut self, spec: &PortfolioSpec) -> Option<PortfolioRule> {
        let method = match spec.weighting {
            Some(weighting) => PortfolioMethod::Measured {
                lookback: if spec.weighting_looks_back() {
                    self.lookback(spec.lookback.as_ref())?
                } else {
                    0
                },
                weighting,
            },
            None => PortfolioMethod::Target(self.targets(spec)),
        };
        let schedule = match &spec.schedule {
            None => None,
            Some(ScheduleSpec::Word(schedule)) => Some(*schedule),
            Some(ScheduleSpec::Bars(script)) => self.count(script, 1).map(Schedule::Bars),
        };
        let rule = PortfolioRule {
            method,
            schedule,
            drift: spec.drift.as_ref().and_then(|amount| self.share(amount)),
            cash: spec
                .cash
                .as_ref()
                .and_then(|amount| self.part_in_cash(amount))
                .unwrap_or(0.0),
            min_trade: spec.min_trade.as_ref().and_then(|amount| self.min_trade(amount)),
        };
        // Beside the last close one return needs the one before it.
        self.warm_up = self.warm_up.max(rule.lookback() + 1);
        Some(rule)
    }

    fn targets(&mut self, spec: &PortfolioSpec) -> Vec<(crate::model::Symbol, f64)> {
        let mut targets = Vec::with_capacity(spec.weights.len());
        let mut sum = 0.0;
        for (symbol, amount) in &spec.weights {
            let Some(weight) = self.share(amount) else {
                continue;
            };
            let fitted = sum <= 1.0 + 1e-9;
            sum += weight;
            if fitted && sum > 1.0 + 1e-9 {
                let percent = super::rules::round(sum * 100.0);
                let message = format!("the weights up to here add up to more than the equity: {percent} %");
                self.problem(&amount.script, message);
            }
            targets.push((symbol.clone(), weight));
        }
        targets
    }

    pub(super) fn correlation(&mut self, spec: &CorrelationSpec) -> Option<CorrelationRule> {
        let lookback = self.lookback(spec.lookback.as_ref());
        let value = self.elaborator.constant(&spec.limit.script).ok()?;
        let limit = if spec.limit.percent { value / 100.0 } else { value };
        if !(0.0..1.0).contains(&limit) {
            let message = format!("a correlation limit must be at least 0 and below 1; it is {limit}");
            self.problem(&spec.limit.script, message);
            return None;
        }
        let lookback = lookback?;
        self.warm_up = self.warm_up.max(lookback as usize + 1);
        Some(CorrelationRule { limit, lookback })
    }

    fn lookback(&mut self, script: Option<&Script>) -> Option<u32> {
        let Some(script) = script else {
            return Some(USUAL_LOOKBACK);
        };
        let value = self.elaborator.constant(script).ok()?;
        if value.fract() == 0.0 && (2.0..=f64::from(LONGEST_LOOKBACK)).contains(&value) {
            return Some(value as u32);
        }
        let message = format!(
            "the lookback must be a whole number of returns from 2 to {LONGEST_LOOKBACK}; it is {value}"
        );
        self.problem(script, message);
        None
    }

    /// A share of the equity that is not invested: less than all of it.
    fn part_in_cash(&mut self, amount: &Amount) -> Option<f64> {
        let value = self.elaborator.constant(&amount.script).ok()?;
        let ratio = if amount.percent { value / 100.0 } else { value };
        if (0.0..1.0).contains(&ratio) {
            return Some(ratio);
        }
        let percent = super::rules::round(ratio * 100.0);
        let message =
            format!("cash must be at least 0 % and less than 100 % of the equity; it is {percent} %");
        self.problem(&amount.script, message);
        None
    }

    fn min_trade(&mut self, amount: &Amount) -> Option<MinTrade> {
        if amount.percent {
            return self.share(amount).map(MinTrade::Share);
        }
        let value = self.elaborator.constant(&amount.script).ok()?;
        let exact = Decimal::from_f64(value).filter(|exact| *exact > Decimal::ZERO);
        if exact.is_none() {
            let message = format!("the smallest trade must be above 0; it is {value}");
            self.problem(&amount.script, message);
        }
        exact.map(MinTrade::Value)
    }
}
