//! Strategies: the YAML file, the expression language, the indicators, and the program they become.
//!
//! A file is parsed with places ([`StrategySpec`]), its expressions are checked and lowered to one [`Program`] in which
//! equal parts are shared, and the engine steps that program once for each closed bar. `docs/strategy-language.md`
//! describes the language.
//!
//! ```
//! use papertape::strategy::Strategy;
//!
//! let yaml = "
//! name: SMA cross
//! timeframe: 5m
//! params: {fast: 20, slow: 50}
//! entry: {long: 'cross_above(sma(close, $fast), sma(close, $slow))'}
//! exit: {long: 'cross_below(sma(close, $fast), sma(close, $slow))'}
//! ";
//! let strategy = Strategy::compile(yaml, &[("fast".to_owned(), 10.0)].into(), None)?;
//! assert_eq!(strategy.params["fast"], 10.0);
//! assert!(strategy.warm_up() >= 50);
//! # Ok::<(), Vec<papertape::strategy::Problem>>(())
//! ```

mod compile;
mod condition;
mod expression;
mod indicator;
pub mod outline;
mod portfolio;
mod problem;
mod program;
mod review;
mod rules;
mod schema;
mod script;
mod spec;
mod template;
mod time_filter;
mod yaml;

pub use compile::compile_expressions;
pub use condition::ParamCondition;
pub use portfolio::{MinTrade, PortfolioMethod, PortfolioRule, Schedule};
pub use problem::Problem;
pub(crate) use program::SharedColumns;
pub use program::{Columns, ConditionSlot, NumberSlot, PositionView, Program};
pub use rules::{
    CorrelationRule, DisplayRule, Distance, EntryRule, ExitRule, KellyRule, OrderRule, OrderRuleKind,
    PartRule, ProtectionRule, RiskRules, Rules, SizeRule, Spacing, Strategy, TargetRule, TimeInForceRule,
    VaryingSize,
};
pub use schema::json_schema;
pub use script::{RUNS_SCRIPTS, ScriptFailure};
pub use spec::{ParamSpec, StrategySpec};
pub use template::{Loader, resolve};
pub use time_filter::{SessionFilter, TimeFilter};
