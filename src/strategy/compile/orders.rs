//! Orders as written to orders as they are placed.

use super::Compiler;
use crate::strategy::rules::{DisplayRule, Distance, OrderRule, OrderRuleKind, TimeInForceRule};
use crate::strategy::spec::{Amount, OrderKindSpec, OrderSpec, TimeInForceSpec};

impl Compiler<'_> {
    pub(super) fn order(&mut self, spec: &OrderSpec) -> OrderRule {
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
}
