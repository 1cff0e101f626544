//! Distances, shares and sizes.

use super::Compiler;
use crate::model::decimal;
use crate::strategy::expression::elaborate::{Operand, Script};
use crate::strategy::program::NumberSlot;
use crate::strategy::rules::{Distance, KellyRule, SizeRule, VaryingSize};
use crate::strategy::spec::{Amount, SizeMethod, SizeSpec};
use crate::strategy::yaml::Text;
use rust_decimal::Decimal;

impl Compiler<'_> {
    /// A distance in price that may change from bar to bar, or a percentage that may not.
    pub(super) fn distance(&mut self, amount: &Amount) -> Option<Distance> {
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
    pub(super) fn share(&mut self, amount: &Amount) -> Option<f64> {
        let value = self.elaborator.constant(&amount.script).ok()?;
        let ratio = if amount.percent { value / 100.0 } else { value };
        // A bare 1 is meant as a percent more often than as all.
        if ratio > 0.0 && (ratio < 1.0 || amount.percent && ratio <= 1.0) {
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

    pub(super) fn size(&mut self, size: &SizeSpec) -> Option<SizeRule> {
        let script = &size.value;
        if let Some(method) = varying(size.method)
            && let Operand::Slot(slot) = self.elaborator.operand(script).ok()?
        {
            self.note(slot);
            return Some(SizeRule::Varying {
                method,
                value: NumberSlot(slot),
            });
        }
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
            (SizeMethod::VolatilityTarget, _) => self.volatility_target(size, value),
            (SizeMethod::Kelly, _) => self.kelly(size, value),
            (SizeMethod::FixedQuantity | SizeMethod::FixedNotional, None) => {
                self.problem(script, format!("{value} is out of the range of exact numbers"));
                None
            }
        }
    }

    /// Volatility is measured by the language's own means, so that its window is a part of the program's memory.
    fn volatility_target(&mut self, size: &SizeSpec, value: f64) -> Option<SizeRule> {
        const USUAL_LOOKBACK: u32 = 60;
        if value > 1_000.0 {
            let message = format!("the target must be at most 1000 % a year; it is {value}");
            self.problem(&size.value, message);
            return None;
        }
        let lookback = match &size.lookback {
            Some(script) => self.count(script, 2)?,
            None => USUAL_LOOKBACK,
        };
        let text = format!("stddev(log(close / close[1]), {lookback})");
        match Script::parse("size.lookback", Text::standalone(&text)) {
            Ok(script) => Some(SizeRule::VolatilityTarget {
                target: value / 100.0,
                volatility: self.number(&script)?,
            }),
            Err(problem) => {
                self.elaborator.problems.push(problem);
                None
            }
        }
    }

    fn kelly(&mut self, size: &SizeSpec, value: f64) -> Option<SizeRule> {
        if value > 100.0 {
            let message = format!("the fraction must be at most 100 % of the Kelly size; it is {value}");
            self.problem(&size.value, message);
            return None;
        }
        let cap = match &size.cap {
            Some(amount) => self.percentage(amount, 1_000.0)?,
            None => 1.0,
        };
        let initial = match &size.initial {
            Some(amount) => self.percentage(amount, 100.0)?,
            None => 0.01,
        };
        let min_trades = match &size.min_trades {
            Some(script) => self.count(script, 2)?,
            None => 30,
        };
        Some(SizeRule::Kelly(KellyRule {
            fraction: value / 100.0,
            cap,
            min_trades,
            initial,
        }))
    }

    /// A percentage with or without its sign, as a ratio.
    fn percentage(&mut self, amount: &Amount, most: f64) -> Option<f64> {
        let percent = self.elaborator.constant(&amount.script).ok()?;
        if percent > 0.0 && percent <= most {
            return Some(percent / 100.0);
        }
        let message = format!("this must be above 0 % and at most {most} %; it is {percent}");
        self.problem(&amount.script, message);
        None
    }

    /// A share of the equity that may be more than all of it: `150%` or `1.5`.
    pub(super) fn exposure(&mut self, amount: &Amount) -> Option<f64> {
        let value = self.elaborator.constant(&amount.script).ok()?;
        let ratio = if amount.percent { value / 100.0 } else { value };
        if ratio > 0.0 && ratio <= if amount.percent { 100.0 } else { 10.0 } {
            return Some(ratio);
        }
        let message = if amount.percent || value <= 0.0 {
            format!("this must be above 0 % and at most 10000 %; it is {value}")
        } else {
            format!("write a percent sign: '{value}%' (or a ratio such as 1.5)")
        };
        self.problem(&amount.script, message);
        None
    }
}

/// The way to find a size, where its number may change from bar to bar.
const fn varying(method: SizeMethod) -> Option<VaryingSize> {
    match method {
        SizeMethod::PercentOfEquity => Some(VaryingSize::PercentOfEquity),
        SizeMethod::FixedQuantity => Some(VaryingSize::FixedQuantity),
        SizeMethod::FixedNotional => Some(VaryingSize::FixedNotional),
        SizeMethod::RiskPercent => Some(VaryingSize::RiskPercent),
        SizeMethod::VolatilityTarget | SizeMethod::Kelly => None,
    }
}

/// The number as written if it is a plain number, else the shortest decimal of its value.
fn exact(script: &Script, value: f64) -> Option<Decimal> {
    decimal::parse(&script.text.text).or_else(|| decimal::parse(&value.to_string()))
}
