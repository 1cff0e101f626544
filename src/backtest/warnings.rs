//! What makes a backtest's result less than it seems.

use crate::engine::EngineConfig;
use crate::market::Bars;

/// Trades for each parameter that could be chosen. In regressions, estimates with fewer than ten events for each variable
/// are unreliable (P. Peduzzi and others, *A simulation study of the number of events per variable in logistic regression
/// analysis*, Journal of Clinical Epidemiology 49, 1996); a strategy's parameters are fitted to its trades no better.
const TRADES_PER_PARAMETER: u64 = 10;

/// The warnings, a sentence each.
pub(super) fn of(config: &EngineConfig, bars: &[Bars], trades: u64) -> Vec<String> {
    let strategy = &config.strategy;
    let mut warnings = Vec::new();
    let (base, own) = (config.base_timeframe.nanos(), strategy.timeframe.nanos());
    // Of several instruments, the one that has the most.
    let longest = bars.iter().map(Bars::len).max().unwrap_or(0);
    let (needed, there) = (strategy.warm_up(), (longest as i64 * base / own) as usize);
    if needed > there {
        warnings.push(format!(
            "The rules need {needed} bars of {} before they are defined, the data has {there}: they never acted.",
            strategy.timeframe
        ));
    }
    let parameters = strategy.params.len() as u64;
    let wanted = TRADES_PER_PARAMETER * parameters;
    if trades < wanted {
        warnings.push(format!(
            "{trades} trades are few for {parameters} parameters: results below {wanted} say little about them."
        ));
    }
    warnings
}
