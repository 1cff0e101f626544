//! Backtests.

use super::EquityPoint;
use crate::analytics::Metrics;
use crate::engine::{ExecutionConfig, Halt, RefusedOrders};
use crate::market::Bar;
use crate::model::{BacktestId, Symbol, Timeframe, Timestamp};
use crate::portfolio::{AccountConfig, CashFlow, CashFlowKind, Trade};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `POST /backtests`: what to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BacktestRequest {
    /// A strategy's name in the library, or a whole strategy as YAML.
    pub strategy: String,
    /// Parameters that differ from their defaults.
    pub params: BTreeMap<String, f64>,
    /// What to trade, all on one account; when empty, the strategy's own symbols, or what the dataset is of.
    pub symbols: Vec<Symbol>,
    /// The bars: `simulated` (default) or a dataset's id such as `BTC/USDT@1m`; of other symbols those of the same length.
    pub dataset: Option<String>,
    /// The bar length on which the strategy's rules run, when it is not the strategy's own.
    pub timeframe: Option<Timeframe>,
    /// Cash at the start; 100000 when absent.
    #[serde(with = "crate::model::decimal::option")]
    pub initial_capital: Option<Decimal>,
    /// What trading costs.
    pub execution: Option<ExecutionConfig>,
    /// How the account is covered, and what borrowing costs it. When absent, one
    /// that borrows for nothing.
    pub account: Option<AccountConfig>,
    /// First moment.
    pub from: Option<Timestamp>,
    /// Last moment.
    pub to: Option<Timestamp>,
}

/// `GET /backtests/{id}`: how far it is, and the result when it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestStatus {
    /// Its id.
    pub id: BacktestId,
    /// The strategy's slug in the library; `None` for inline YAML.
    pub slug: Option<String>,
    /// What was asked for.
    pub request: BacktestRequest,
    /// Where it stands.
    pub state: BacktestState,
    /// How far it is.
    pub progress: BacktestProgress,
    /// Why it failed, in words.
    pub error: Option<String>,
    /// The bars for people.
    pub dataset_label: String,
    /// Whether the bars are from the simulated market.
    pub simulated: bool,
    /// The result, once finished.
    pub report: Option<BacktestReport>,
    /// For the chart: the bars of the strategy's timeframe around the trades, thinned to at most 2,000 by merging
    /// neighbours, oldest first.
    pub bars: Vec<Bar>,
    /// For the chart: equity, thinned to at most 1,000 points.
    pub equity: Vec<EquityPoint>,
    /// Digits after the point of prices.
    pub price_digits: u32,
    /// Digits after the point of quantities.
    pub quantity_digits: u32,
    /// The currency of amounts.
    pub currency: String,
}

/// Where a backtest stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BacktestState {
    /// Waiting for a free core.
    Queued,
    /// Under way.
    Running,
    /// Done.
    Finished,
    /// Could not run.
    Failed,
    /// Ended on request.
    Canceled,
}

/// How far a backtest is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestProgress {
    /// Bars done.
    pub done: u64,
    /// Bars in all.
    pub total: u64,
}

/// The result, as `papertape backtest --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BacktestReport {
    /// What ran.
    pub strategy: StrategyRun,
    /// On what; of several instruments a list with commas.
    pub symbol: String,
    /// What was traded, in the order in which it comes first.
    #[serde(default)]
    pub symbols: Vec<Symbol>,
    /// What each instrument whose bars went in had to do with it.
    #[serde(default)]
    pub by_symbol: Vec<SymbolReport>,
    /// At which timeframe.
    pub timeframe: Timeframe,
    /// Bars that went in.
    pub bars: u64,
    /// Open time of the first.
    pub from: Timestamp,
    /// Close time of the last.
    pub to: Timestamp,
    /// Cash at the start.
    #[serde(with = "crate::model::decimal")]
    pub initial_capital: Decimal,
    /// Equity at the last close.
    #[serde(with = "crate::model::decimal")]
    pub final_equity: Decimal,
    /// What trading cost.
    pub execution: ExecutionConfig,
    /// How the account was covered, and what borrowing cost it.
    #[serde(default)]
    pub account: AccountConfig,
    /// All round trips, oldest first; one still open at the end has no exit.
    pub trades: Vec<TradeReport>,
    /// Actions of the market that the run took in: splits, dividends, funding and others.
    #[serde(default)]
    pub actions: u64,
    /// Cash that came or went without a fill, by what it was for; it is part of the equity and of no trade.
    #[serde(default)]
    pub cash_flows: Vec<CashFlowSum>,
    /// How good it was.
    pub metrics: Metrics,
    /// What was wrong with the data.
    pub data_quality: DataQuality,
    /// Orders of the strategy that were refused, counted by what they were for, who refused them, and why.
    #[serde(default)]
    pub refused_orders: Vec<RefusedOrders>,
    /// When trading was halted, if it was; the metrics go on to the end of the bars.
    #[serde(default)]
    pub halt: Option<Halt>,
    /// What makes the result less than it seems, a sentence each: too few trades, too short a run.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The same with kinder and with less kind fills, where they ran beside it.
    #[serde(default)]
    pub band: Option<BandReport>,
    /// Head of the event hash chain, hexadecimal.
    pub event_hash: String,
    /// How long it took.
    pub timing: Timing,
}

/// Cash that came or went for one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashFlowSum {
    /// What for.
    pub kind: CashFlowKind,
    /// How often.
    pub count: u64,
    /// What was received in all; negative when more was paid.
    #[serde(with = "crate::model::decimal")]
    pub amount: Decimal,
}

impl CashFlowSum {
    /// The sums of flows in one currency, by kind.
    #[must_use]
    pub fn of(flows: &[CashFlow]) -> Vec<Self> {
        let mut sums: BTreeMap<CashFlowKind, (u64, Decimal)> = BTreeMap::new();
        for flow in flows {
            let sum = sums.entry(flow.kind).or_default();
            *sum = (sum.0 + 1, sum.1 + flow.amount.amount);
        }
        let sum = |(kind, (count, amount)): (_, (_, Decimal))| Self {
            kind,
            count,
            amount: amount.normalize(),
        };
        sums.into_iter().map(sum).collect()
    }
}

/// One instrument's part in a backtest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SymbolReport {
    /// Which.
    pub symbol: Symbol,
    /// Whether it was traded, and not only read by the rules.
    pub traded: bool,
    /// Its bars.
    pub bars: u64,
    /// Open time of the first.
    pub from: Option<Timestamp>,
    /// Close time of the last.
    pub to: Option<Timestamp>,
    /// What was wrong with its data.
    pub data_quality: DataQuality,
    /// Its closed round trips.
    pub trades: u64,
    /// Their profit or loss after fees, and what is realised so far of an open one.
    #[serde(with = "crate::model::decimal")]
    pub pnl: Decimal,
}

/// What came of the runs beside a backtest: three assumptions, not bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BandReport {
    /// With kinder fills.
    pub optimistic: ShadowReport,
    /// With less kind fills.
    pub pessimistic: ShadowReport,
}

/// What came of one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowReport {
    /// Equity at the last close.
    #[serde(with = "crate::model::decimal")]
    pub final_equity: Decimal,
    /// Final equity over initial capital, less one.
    pub total_return: f64,
    /// Largest fall from a peak of equity, as a positive share of the peak.
    pub max_drawdown: f64,
    /// Closed trades.
    pub trades: u64,
}

/// A strategy with the parameters it ran with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyRun {
    /// Its name.
    pub name: String,
    /// The parameters in force.
    pub params: BTreeMap<String, f64>,
}

/// A round trip in a report: as [`Trade`], amounts as plain decimals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TradeReport {
    /// Number, counted from 1.
    pub id: u64,
    /// The instrument.
    pub symbol: Symbol,
    /// `long` or `short`.
    pub side: crate::portfolio::TradeSide,
    /// Largest quantity held.
    pub quantity: crate::model::Quantity,
    /// When it was opened.
    pub entry_time: Timestamp,
    /// Average price of the fills that opened it.
    pub entry_price: crate::model::Price,
    /// When it was closed.
    pub exit_time: Option<Timestamp>,
    /// Average price of the fills that closed it.
    pub exit_price: Option<crate::model::Price>,
    /// All fees.
    #[serde(with = "crate::model::decimal")]
    pub fees: Decimal,
    /// Profit or loss after fees; of an open trade, what is realised so far.
    #[serde(with = "crate::model::decimal")]
    pub pnl: Decimal,
    /// `pnl` as a share of the entry's value.
    #[serde(rename = "return")]
    pub return_ratio: f64,
    /// The rule that opened it.
    pub entry_reason: String,
    /// The rule that closed it; empty while open.
    pub exit_reason: String,
}

impl From<&Trade> for TradeReport {
    fn from(trade: &Trade) -> Self {
        Self {
            id: trade.id.0,
            symbol: trade.symbol.clone(),
            side: trade.side,
            quantity: trade.quantity,
            entry_time: trade.entry_time,
            entry_price: trade.entry_price,
            exit_time: trade.exit_time,
            exit_price: trade.exit_price,
            fees: trade.fees.amount,
            pnl: trade.pnl.amount,
            return_ratio: trade.return_ratio,
            entry_reason: trade.entry_reason.to_string(),
            exit_reason: trade.exit_reason.to_string(),
        }
    }
}

/// What was wrong with the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataQuality {
    /// Spans without bars.
    pub gaps: u64,
    /// Bars missing in them.
    pub missing_bars: u64,
}

/// How long a backtest took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Reading and parsing, milliseconds.
    pub load_ms: f64,
    /// The run alone, milliseconds.
    pub run_ms: f64,
    /// Bars in, per second of the run alone.
    pub bars_per_second: f64,
}
