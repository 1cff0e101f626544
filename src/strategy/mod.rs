//! stub
#![allow(missing_docs)]
use crate::market::Bar;
use crate::model::*;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Strategy {
    pub name: String,
    pub description: String,
    pub symbols: Vec<Symbol>,
    pub timeframe: Timeframe,
    pub params: BTreeMap<String, f64>,
    pub rules: Rules,
    pub orders: OrderRules,
    pub risk: RiskRules,
    pub program: Program,
}
impl Strategy {
    pub fn warm_up(&self) -> usize {
        0
    }
}
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ConditionSlot(usize);
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct NumberSlot(usize);
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Rules {
    pub entry_long: Option<ConditionSlot>,
    pub entry_short: Option<ConditionSlot>,
    pub exit_long: Option<ConditionSlot>,
    pub exit_short: Option<ConditionSlot>,
}
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OrderRules {
    pub entry: OrderRule,
    pub exit: OrderRule,
}
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct OrderRule {
    pub kind: OrderRuleKind,
    pub time_in_force: TimeInForceRule,
    pub expire_after: Option<u32>,
}
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum TimeInForceRule {
    Gtc,
    Ioc,
    Fok,
    Day,
}
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum OrderRuleKind {
    Market,
    Limit { price: NumberSlot },
    Stop { stop_price: NumberSlot },
}
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RiskRules {
    pub size: SizeRule,
    pub stop_loss: Option<Distance>,
    pub take_profit: Option<Distance>,
    pub trailing_stop: Option<Distance>,
    pub max_open_positions: u32,
    pub max_drawdown: Option<f64>,
    pub max_daily_loss: Option<f64>,
    pub cooldown: u32,
}
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum SizeRule {
    PercentOfEquity(f64),
    FixedQuantity(Decimal),
    FixedNotional(Decimal),
    RiskPercent(f64),
}
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Distance {
    Price(NumberSlot),
    Percent(f64),
}
#[derive(Clone, Copy, Debug)]
pub struct PositionView {
    pub size: f64,
    pub entry_price: f64,
    pub bars_in_trade: f64,
    pub unrealized_return: f64,
}
impl PositionView {
    pub const FLAT: Self = Self {
        size: 0.0,
        entry_price: f64::NAN,
        bars_in_trade: 0.0,
        unrealized_return: f64::NAN,
    };
}
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {}
impl Program {
    pub fn on_bar(&mut self, _: &Bar, _: &PositionView) {}
    pub fn condition(&self, _: ConditionSlot) -> bool {
        false
    }
    pub fn number(&self, _: NumberSlot) -> f64 {
        0.0
    }
}
