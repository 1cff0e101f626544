//! Accounts of persons and programs.

use super::{OptionSettings, StartRequest};
use crate::engine::ExecutionConfig;
use crate::model::{Symbol, Timeframe, Timestamp};
use crate::portfolio::AccountConfig;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// `POST /accounts`: an account that nobody trades but its owner. It is a session without rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountRequest {
    /// What to call it; *By hand* when absent.
    pub name: Option<String>,
    /// What it trades; BTC/USDT when absent.
    pub symbol: Option<Symbol>,
    /// Which feed: `simulated` (default), `replay`, `replay:DATASET`.
    pub feed: Option<String>,
    /// Cash at the start; 100000 when absent.
    #[serde(with = "crate::model::decimal::option")]
    pub initial_capital: Option<Decimal>,
    /// What trading costs.
    pub execution: Option<ExecutionConfig>,
    /// How it is covered, and what borrowing costs it.
    pub account: Option<AccountConfig>,
    /// How options on its shares are quoted; when absent it trades none.
    pub options: Option<OptionSettings>,
    /// Market seconds per second of the wall clock; 1 when absent.
    pub speed: Option<f64>,
    /// The bars of its chart; a minute when absent. No shorter than those of the dataset that it replays.
    pub timeframe: Option<Timeframe>,
    /// Replay only: the first moment.
    pub from: Option<Timestamp>,
    /// Replay only: the last moment.
    pub to: Option<Timestamp>,
}

impl AccountRequest {
    /// A strategy that leaves everything to the account's owner.
    const BY_HAND: &str = "name: By hand\nsymbols: [BTC/USDT]\ntimeframe: 1m\nentry: {long: false}\n\
                           risk: {size: {method: percent_of_equity, value: 100}}\n";
}

impl From<AccountRequest> for StartRequest {
    fn from(request: AccountRequest) -> Self {
        Self {
            strategy: AccountRequest::BY_HAND.to_owned(),
            symbols: request.symbol.into_iter().collect(),
            feed: request.feed,
            initial_capital: request.initial_capital,
            execution: request.execution,
            account: request.account,
            options: request.options,
            speed: request.speed,
            name: request.name,
            timeframe: request.timeframe,
            from: request.from,
            to: request.to,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::Strategy;
    use std::collections::BTreeMap;

    #[test]
    fn an_account_without_rules_is_a_session_that_compiles_at_any_timeframe() {
        let request: AccountRequest =
            serde_json::from_str(r#"{"symbol": "ETH/USDT", "initial_capital": "500", "timeframe": "1d"}"#)
                .expect("an account");
        let start = StartRequest::from(request);
        assert_eq!(start.symbols, ["ETH/USDT".parse().expect("a symbol")]);
        assert_eq!(start.initial_capital, Some(Decimal::from(500)));
        let strategy =
            Strategy::compile(&start.strategy, &BTreeMap::new(), start.timeframe).expect("a strategy");
        assert_eq!(Some(strategy.timeframe), start.timeframe);
        serde_json::from_str::<AccountRequest>(r#"{"cash": 5}"#).expect_err("a field that nobody knows");
    }
}
