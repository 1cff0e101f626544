//! What makes a backtest's result less than it seems.

use crate::analytics::Metrics;
use crate::engine::{Engine, EngineConfig, LARGE_SHARE, TakenVolume};
use crate::market::Bars;

/// Trades for each parameter that could be chosen. In regressions, estimates with fewer than ten events for each variable
/// are unreliable (P. Peduzzi and others, *A simulation study of the number of events per variable in logistic regression
/// analysis*, Journal of Clinical Epidemiology 49, 1996); a strategy's parameters are fitted to its trades no better.
const TRADES_PER_PARAMETER: u64 = 10;

/// The warnings, a sentence each.
pub(super) fn of(engine: &Engine, bars: &[Bars], metrics: &Metrics) -> Vec<String> {
    let config = engine.config();
    let (strategy, trades) = (&config.strategy, metrics.trades);
    let mut warnings = Vec::new();
    let (base, own) = (config.base_timeframe.nanos(), strategy.timeframe.nanos());
    // Of several instruments, the one that has the least.
    let shortest = bars.iter().map(Bars::len).min().unwrap_or(0);
    let (needed, there) = (strategy.warm_up(), (shortest as i64 * base / own) as usize);
    if needed > there {
        let (whose, on_it) = match bars.len() {
            ..=1 => ("the data", ""),
            _ => ("one symbol's data", " on it"),
        };
        warnings.push(format!(
            "The rules look back up to {needed} bars of {}, {whose} has {there}: those that look back so far never acted{on_it}.",
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
    let carries_volumes = bars
        .iter()
        .any(|bars| bars.volume.iter().any(|volume| *volume > 0.0));
    warnings.extend(of_volume(config, carries_volumes, engine.taken_volume()));
    warnings.extend(of_funding(engine));
    if warnings.is_empty() && metrics.exposure == 0.0 {
        warnings.push("Nothing was ever held: the figures say nothing of the rules.".to_owned());
    }
    warnings
}

/// What the volume of the bars makes of fills, a sentence each: of backtests and of sessions alike. `taken` is how much of the bars
/// they took ([`Engine::taken_volume`]).
#[must_use]
pub fn of_volume(config: &EngineConfig, carries_volumes: bool, taken: TakenVolume) -> Vec<String> {
    let limits_by_volume = config.execution.fill.volume_share.is_some();
    // Data that carries no volumes says nothing of sizes.
    if !carries_volumes {
        let silent = limits_by_volume.then(|| {
            "The bars carry no volume, and fills are limited to a share of it: no order fills on them. Leave \
             execution.fill.volume_share out, or import bars with volumes."
                .to_owned()
        });
        return silent.into_iter().collect();
    }
    let TakenVolume {
        beyond,
        large,
        largest,
    } = taken;
    let beyond = (beyond > 0).then(|| {
        format!(
            "{beyond} fills took more of a bar than was traded in it: nobody could have had them. Limit the share of \
             the volume (execution.fill.volume_share) or order less."
        )
    });
    let large = (large > 0).then(|| {
        let verb = if large == 1 { "fill took" } else { "fills took" };
        format!(
            "{large} {verb} more than {:.0} % of the volume of the bar that they met, {:.0} % at the most: so large an order moves \
             the market and seldom fills whole at one price. Limit the share of the volume (execution.fill.volume_share), charge \
             impact (execution.impact) or order less.",
            100.0 * LARGE_SHARE,
            100.0 * largest
        )
    });
    beyond.into_iter().chain(large).collect()
}

/// That perpetuals were held and nothing said what their funding is: of backtests and of sessions alike.
#[must_use]
pub fn of_funding(engine: &Engine) -> Option<String> {
    let lacking = engine.without_funding();
    let names: Vec<&str> = lacking.iter().map(|symbol| symbol.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "No funding was charged on {}: nothing told its rates. Give them beside the bars (a file of funding rates with \
             --actions) or a usual one (account.funding_rate, such as 0.0001 each eight hours).",
            names.join(", ")
        )
    })
}
