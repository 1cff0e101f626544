//! Distances, shares and sizes.

use super::Compiler;
use crate::model::decimal;
use crate::strategy::expression::elaborate::Script;
use crate::strategy::rules::{Distance, SizeRule};
use crate::strategy::spec::{Amount, SizeMethod, SizeSpec};
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

    pub(super) fn size(&mut self, size: &SizeSpec) -> Option<SizeRule> {
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
