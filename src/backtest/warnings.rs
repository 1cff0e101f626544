//! What makes a backtest's result less than it seems.

use crate::engine::EngineConfig;
use crate::market::Bars;

/// Trades for each parameter that could be chosen. In regressions, estimates with fewer than ten events for each variable
/// are unreliable (P. Peduzzi and others, *A simulation study of the number of events per variable in logistic regression
/// analysis*, Journal of Clinical Epidemiology 49, 1996); a strategy's parameters are fitted to its trades no better.
const TRADES_PER_PARAMETER: u64 = 10;

/// The warnings, a sentence each.
pub(super) fn of(config: &EngineConfig, bars: &[Bars], trades: u64, beyond_volume: u64) -> Vec<String> {
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
    // Data that carries no volumes says nothing of sizes.
    let carries_volumes = bars
        .iter()
        .any(|bars| bars.volume.iter().any(|volume| *volume > 0.0));
    if beyond_volume > 0 && carries_volumes {
        warnings.push(format!(
            "{beyond_volume} fills took more of a bar than was traded in it: nobody could have had them. Limit the share of \
             the volume (execution.fill.volume_share) or order less."
        ));
    }
    warnings
}
