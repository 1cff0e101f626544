//! What makes a backtest's result less than it seems.

use super::sweep::Trial;
use crate::analytics::Metrics;
use crate::engine::{Engine, EngineConfig, LARGE_SHARE, SCRIPT_FAILED, Setbacks, TakenVolume};
use crate::market::{BarSlice, Bars};
use crate::model::{Instrument, InstrumentKind};
use crate::order::OrderPurpose;
use crate::strategy::Strategy;

/// Trades for each parameter that could be chosen. In regressions, estimates with fewer than ten events for each variable
/// are unreliable (P. Peduzzi and others, *A simulation study of the number of events per variable in logistic regression
/// analysis*, Journal of Clinical Epidemiology 49, 1996); a strategy's parameters are fitted to its trades no better.
const TRADES_PER_PARAMETER: u64 = 10;

/// What a run saw of its data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Base bars of the symbol that has the fewest, those that only the indicators saw among them.
    pub(super) bars: usize,
    /// How many symbols there were.
    pub(super) symbols: usize,
    /// Whether any bar says what was traded in it.
    pub(super) carries_volumes: bool,
}

impl Seen {
    /// All of these bars, one item a symbol.
    pub(super) fn all(bars: &[Bars]) -> Self {
        Self::of(bars.iter().map(|bars| bars.slice(0..bars.len())))
    }

    /// The bars of each symbol.
    pub(super) fn of<'a>(bars: impl Iterator<Item = BarSlice<'a>> + Clone) -> Self {
        Self {
            bars: bars.clone().map(|bars| bars.len()).min().unwrap_or(0),
            symbols: bars.clone().count(),
            carries_volumes: bars
                .into_iter()
                .any(|bars| bars.volume.iter().any(|volume| *volume > 0.0)),
        }
    }
}

/// The warnings of a run, a sentence each.
pub(super) fn of(engine: &Engine, seen: Seen, metrics: &Metrics, setbacks: &Setbacks) -> Vec<String> {
    let config = engine.config();
    let of_run: Vec<String> = of_history(config, seen)
        .into_iter()
        .chain(of_refusals(setbacks))
        .chain(of_halt(setbacks))
        .chain(of_trades(&config.strategy, metrics.trades))
        .chain(of_volume(config, seen.carries_volumes, engine.taken_volume()))
        .chain(of_funding(engine))
        .collect();
    let idle = of_run.is_empty().then(|| of_idleness(metrics)).flatten();
    of_rules(&config.strategy).chain(of_run).chain(idle).collect()
}

/// What is likely a mistake in the strategy's file.
pub(super) fn of_rules(strategy: &Strategy) -> impl Iterator<Item = String> {
    strategy.warnings.iter().map(|warning| {
        format!(
            "Line {}, column {} of the strategy: {}.",
            warning.line, warning.column, warning.message
        )
    })
}

/// That the rules look back further than the data goes.
pub(super) fn of_history(config: &EngineConfig, seen: Seen) -> Option<String> {
    let strategy = &config.strategy;
    let (base, own) = (config.base_timeframe.nanos(), strategy.timeframe.nanos());
    let (needed, there) = (strategy.warm_up(), (seen.bars as i64 * base / own) as usize);
    let (whose, on_it) = match seen.symbols {
        ..=1 => ("the data", ""),
        _ => ("one symbol's data", " on it"),
    };
    (needed > there).then(|| {
        format!(
            "The rules look back up to {needed} bars of {}, {whose} has {there}: those that look back so far never acted{on_it}.",
            strategy.timeframe
        )
    })
}

/// That the data jumps: what was gained or lost there was most likely gained or lost on paper only.
pub(super) fn of_jumps(config: &EngineConfig, bars: &[Bars]) -> impl Iterator<Item = String> {
    // What an option costs does become many times as much.
    let is_option = |of: &Instrument| matches!(of.kind(), InstrumentKind::Option(_));
    let of_others = config
        .instruments()
        .zip(bars)
        .filter(move |(of, _)| !is_option(of));
    of_others.filter_map(|(of, bars)| {
        let jumps = bars.jumps()?.describe();
        let symbol = of.symbol();
        Some(format!(
            "In the data of {symbol} {jumps}: a mistake, or a split whose action is not given."
        ))
    })
}

/// That orders were refused: the figures are of what the others made.
fn of_refusals(setbacks: &Setbacks) -> impl Iterator<Item = String> + use<> {
    let (entries, others): (Vec<_>, Vec<_>) = setbacks
        .refused
        .iter()
        .partition(|it| it.purpose == OrderPurpose::Entry);
    let kinds = [
        ("entry", "entries", entries),
        ("order to close", "orders to close", others),
    ];
    let sentences = kinds.map(|(one, several, refused)| {
        let often = refused.iter().rev().max_by_key(|it| it.count)?;
        let all: u64 = refused.iter().map(|it| it.count).sum();
        let (what, were) = if all == 1 { (one, "was") } else { (several, "were") };
        let how = if often.count == all {
            format!("{were} {}", often.by)
        } else {
            format!("{were} refused, {} of them {}", often.count, often.by)
        };
        let first = if often.count == 1 { "at" } else { "first at" };
        Some(format!(
            "{all} {what} {how} ({}), {first} {}: {}.",
            often.code, often.first, often.because
        ))
    });
    sentences.into_iter().flatten()
}

/// That trading was halted: the figures go on over bars on which nothing could happen. A script's failure is told on its own.
fn of_halt(setbacks: &Setbacks) -> Option<String> {
    let halt = setbacks.halt.as_ref().filter(|halt| halt.code != SCRIPT_FAILED)?;
    Some(format!(
        "Trading was halted at {} by {}: {}. {} of {} bars followed, without any trading.",
        halt.time,
        halt.code,
        halt.because,
        halt.bars_after,
        halt.bars_before + halt.bars_after
    ))
}

/// What is to be said of a search's combinations together, beside what stands with each of them.
#[must_use]
pub fn over(trials: &[Trial]) -> Vec<String> {
    let ran: Vec<_> = trials
        .iter()
        .filter_map(|trial| trial.score.as_ref().ok())
        .collect();
    let refused: Vec<_> = ran.iter().map(|score| score.setbacks.refused_entries()).collect();
    let touched = refused.iter().filter(|count| **count > 0).count();
    let halted = ran.iter().filter(|score| score.setbacks.halt.is_some()).count();
    let refused = (touched > 0).then(|| {
        format!(
            "Entries were refused in {touched} of {} combinations, {} in all: the figures of such a row are of the other \
             entries alone.",
            ran.len(),
            refused.iter().sum::<u64>()
        )
    });
    let halted = (halted > 0).then(|| {
        format!(
            "Trading was halted in {halted} of {} combinations: the figures of such a row go on to the end, without any \
             trading.",
            ran.len()
        )
    });
    let idle = ran
        .iter()
        // Of fewer returns nothing follows, whoever traded.
        .filter(|score| score.returns.count > 1 && score.returns.sharpe().is_none())
        .count();
    let idle = (idle > 0).then(|| {
        format!(
            "{idle} of {} combinations never earned or lost anything: the deflated Sharpe ratio and the probability of \
             overfitting leave them out.",
            ran.len()
        )
    });
    refused.into_iter().chain(halted).chain(idle).collect()
}

/// That so many trades say little about so many parameters.
pub(super) fn of_trades(strategy: &Strategy, trades: u64) -> Option<String> {
    let parameters = strategy.params.len() as u64;
    let wanted = TRADES_PER_PARAMETER * parameters;
    (trades < wanted).then(|| {
        format!("{trades} trades are few for {parameters} parameters: results below {wanted} say little about them.")
    })
}

/// That nothing happened.
pub(super) fn of_idleness(metrics: &Metrics) -> Option<String> {
    (metrics.exposure == 0.0)
        .then(|| "Nothing was ever held: the figures say nothing of the rules.".to_owned())
}

/// The warnings of runs that follow each other on one account, each with parameters of its own.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    found: Vec<String>,
    taken: TakenVolume,
    carries_volumes: bool,
    setbacks: Setbacks,
    /// How many runs were halted.
    halted: u64,
}

impl Gathered {
    /// Takes note of a choice of parameters, and of what was seen for it.
    pub(super) fn add_choice(&mut self, config: &EngineConfig, seen: Seen) {
        self.add(of_rules(&config.strategy).chain(of_history(config, seen)));
    }

    /// Takes note of a run.
    pub(super) fn add_run(&mut self, engine: &Engine, seen: Seen) {
        self.add(of_funding(engine).into_iter());
        let taken = engine.taken_volume();
        self.taken = TakenVolume {
            beyond: self.taken.beyond + taken.beyond,
            large: self.taken.large + taken.large,
            largest: self.taken.largest.max(taken.largest),
        };
        self.carries_volumes |= seen.carries_volumes;
        let setbacks = engine.setbacks();
        self.setbacks.add_refused(&setbacks);
        self.halted += u64::from(setbacks.halt.is_some());
        self.setbacks.halt = self.setbacks.halt.take().or(setbacks.halt);
    }

    fn add(&mut self, sentences: impl Iterator<Item = String>) {
        for sentence in sentences {
            if !self.found.contains(&sentence) {
                self.found.push(sentence);
            }
        }
    }

    /// All of it, with what is to be said of the account at the end.
    pub(super) fn all(self, config: &EngineConfig, metrics: &Metrics) -> Vec<String> {
        let idle = of_idleness(metrics);
        // Where nothing ran, nothing is known of volumes.
        let volumes = match idle {
            Some(_) => Vec::new(),
            None => of_volume(config, self.carries_volumes, self.taken),
        };
        let trades = of_trades(&config.strategy, metrics.trades).filter(|_| idle.is_none());
        let halt = self.setbacks.halt.as_ref().map(|first| {
            let windows = if self.halted == 1 { "window" } else { "windows" };
            format!(
                "Trading was halted in {} {windows}, first at {} by {}: {}. It began again with the next one.",
                self.halted, first.time, first.code, first.because
            )
        });
        let setbacks = of_refusals(&self.setbacks).chain(halt);
        let found = self.found.into_iter().chain(setbacks);
        found.chain(trades).chain(volumes).chain(idle).collect()
    }
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
