//! A backtest as the browser draws it, and a strategy judged without one.

use super::{BarSource, MarketData, Outcome, aggregate, compile, configure, run, within};
use crate::analytics::{merge_bars, thin_by_weight};
use crate::api::{
    BacktestPreview, BacktestRequest, CheckedStrategy, FieldError, NEEDS_SERVER, ParamInfo, ProblemDetails,
    TradeReport,
};
use crate::engine::EngineConfig;
use crate::market::{Bar, Bars};
use crate::model::{Instrument, Price, Timeframe};
use crate::portfolio::Trade;
use crate::strategy::{Problem, RUNS_SCRIPTS, StrategySpec};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Runs what a request asks for over bars with their actions, its strategy being YAML. The answer is without candles, which are the same
/// for every run: [`chart_bars`] has them.
///
/// # Errors
/// What is wrong with the request, in the words in which the server says it.
pub fn preview(
    request: &BacktestRequest,
    instrument: &Instrument,
    MarketData { bars, actions }: MarketData<'_>,
    timeframe: Timeframe,
    points: usize,
) -> Result<BacktestPreview, Box<ProblemDetails>> {
    let strategy = compile(request, &request.strategy).map_err(|problems| {
        let has_script = || StrategySpec::parse(&request.strategy).is_ok_and(|spec| spec.has_script());
        if !RUNS_SCRIPTS && has_script() {
            details(NEEDS_SERVER, "the strategy has a script".to_owned(), Vec::new())
        } else {
            cannot_run(&problems)
        }
    })?;
    let (Some(first), Some(last)) = (bars.open_time.first(), bars.open_time.last()) else {
        return Err(invalid(vec![FieldError {
            path: "dataset".to_owned(),
            message: "it has no bars".to_owned(),
        }]));
    };
    let source = BarSource {
        instrument,
        timeframe,
        span: (*first, timeframe.close_of(*last)),
    };
    let config = configure(request, strategy, source).map_err(invalid)?;
    let bars = if request.from.is_none() && request.to.is_none() {
        Cow::Borrowed(bars)
    } else {
        Cow::Owned(within(bars.clone(), timeframe, request.from, request.to))
    };
    let data = MarketData { bars: &bars, actions };
    Ok(run_over(config, data, points))
}

fn run_over(config: EngineConfig, data: MarketData<'_>, points: usize) -> BacktestPreview {
    let timeframe = config.strategy.timeframe;
    let bars = data.bars;
    let outcome = run(config, data, &mut |_| true).unwrap_or_else(|_| unreachable!("nobody cancels it"));
    BacktestPreview {
        symbol: outcome.engine().config().instrument.symbol().clone(),
        timeframe,
        bars_run: bars.len() as u64,
        initial_capital: outcome.engine().config().initial_capital.amount,
        final_equity: outcome.final_equity.amount.normalize(),
        metrics: outcome.metrics.clone(),
        warnings: outcome.warnings(std::slice::from_ref(bars)),
        event_hash: outcome.event_hash.clone(),
        equity: outcome.equity_curve(bars, points),
        bars: Vec::new(),
        trades: drawn(&outcome, points),
    }
}

/// At most `points` candles of a timeframe that `bars` make, for a chart.
#[must_use]
pub fn chart_bars(bars: &Bars, from: Timeframe, to: Timeframe, points: usize) -> Vec<Bar> {
    if from == to {
        merge_bars(bars, points)
    } else {
        merge_bars(&aggregate(bars, from, to), points)
    }
}

/// Of each span of the trades, which lie in order of time, the one that moved the account the most.
fn drawn(outcome: &Outcome, points: usize) -> Vec<TradeReport> {
    let weight = |trade: &Trade| Price(trade.pnl.amount).to_f64().abs();
    thin_by_weight(&outcome.trades, points, weight)
        .into_iter()
        .map(TradeReport::from)
        .collect()
}

fn cannot_run(problems: &[Problem]) -> Box<ProblemDetails> {
    let errors: Vec<_> = problems
        .iter()
        .map(|problem| FieldError {
            path: format!("strategy:{}:{}", problem.line, problem.column),
            message: problem.message.clone(),
        })
        .collect();
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    details(
        "invalid_strategy",
        format!("The strategy cannot run: {first}"),
        errors,
    )
}

fn invalid(errors: Vec<FieldError>) -> Box<ProblemDetails> {
    let first = errors
        .first()
        .map(|error| format!("{}: {}", error.path, error.message))
        .unwrap_or_default();
    details("invalid_request", first, errors)
}

fn details(code: &str, detail: String, errors: Vec<FieldError>) -> Box<ProblemDetails> {
    Box::new(ProblemDetails {
        type_uri: "about:blank".to_owned(),
        title: "The backtest cannot run".to_owned(),
        status: 422,
        detail,
        code: code.to_owned(),
        errors,
        since: None,
    })
}

/// What there is to say of a strategy's file.
#[must_use]
pub fn check(yaml: &str) -> CheckedStrategy {
    let spec = match StrategySpec::parse(yaml) {
        Ok(spec) => spec,
        Err(problems) => {
            return CheckedStrategy {
                problems,
                ..CheckedStrategy::default()
            };
        }
    };
    let compiled = spec.compile(&BTreeMap::new(), None);
    CheckedStrategy {
        name: Some(spec.name().to_owned()),
        symbols: spec.symbols().to_vec(),
        timeframe: Some(spec.timeframe()),
        params: spec.params().iter().map(ParamInfo::from).collect(),
        warm_up: compiled.as_ref().ok().map(|strategy| strategy.warm_up() as u64),
        problems: compiled.err().unwrap_or_default(),
    }
}
