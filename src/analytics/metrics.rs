//! The numbers that judge a strategy.

use serde::{Deserialize, Serialize};

/// Performance over a span. Ratios are numbers (0.05 is 5 %); amounts are in the account's currency. What cannot be
/// computed (no trades, no variance, too short) is `None`, `null` in JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// Final equity over initial capital, less one.
    pub total_return: f64,
    /// Compound annual growth rate; `None` for spans under one day.
    pub cagr: Option<f64>,
    /// Standard deviation of daily returns, annualised.
    pub volatility: Option<f64>,
    /// Mean over standard deviation of daily returns, annualised; risk-free rate 0.
    pub sharpe: Option<f64>,
    /// Mean over downside deviation of daily returns, annualised.
    pub sortino: Option<f64>,
    /// `cagr` over `max_drawdown`.
    pub calmar: Option<f64>,
    /// Largest fall from a peak of equity, as a positive share of the peak.
    pub max_drawdown: f64,
    /// Longest span from a peak of equity until it is reached again (or the end), in seconds.
    pub max_drawdown_duration_s: u64,
    /// Share of closed trades with a profit after fees.
    pub win_rate: Option<f64>,
    /// Gross profit over gross loss of closed trades; `None` without losses.
    pub profit_factor: Option<f64>,
    /// Mean profit or loss of a closed trade.
    pub expectancy: Option<f64>,
    /// Mean profit of the winning trades.
    pub average_win: Option<f64>,
    /// Mean loss of the losing trades (negative).
    pub average_loss: Option<f64>,
    /// Largest profit of one trade.
    pub largest_win: Option<f64>,
    /// Largest loss of one trade (negative).
    pub largest_loss: Option<f64>,
    /// Share of bars with a position.
    pub exposure: f64,
    /// Value of all fills over mean equity.
    pub turnover: f64,
    /// Fees paid.
    pub total_fees: f64,
    /// Closed trades.
    pub trades: u64,
    /// Closed trades with a profit after fees.
    pub winning_trades: u64,
    /// Closed trades with a loss after fees.
    pub losing_trades: u64,
    /// Last close over first close, less one.
    pub buy_and_hold_return: Option<f64>,
    /// Jensen's alpha of daily returns against buy and hold, annualised.
    pub alpha: Option<f64>,
    /// Covariance with buy and hold over its variance, of daily returns.
    pub beta: Option<f64>,
}
