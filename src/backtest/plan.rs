//! From a request to a run: what the server does for `POST /backtests` and the browser for a slider, so that both give
//! the same result to the last bit.

use crate::alert::AlertRules;
use crate::api::{BacktestRequest, FieldErrors};
use crate::engine::EngineConfig;
use crate::market::Bars;
use crate::model::{Instrument, Money, Symbol, Timeframe, Timestamp};
use crate::strategy::{Problem, Strategy};
use rust_decimal::Decimal;

/// Cash at the start when the request does not say.
const CAPITAL: Decimal = Decimal::from_parts(100_000, 0, 0, false, 0);

/// Bars that a backtest can run on.
#[derive(Clone, Copy, Debug)]
pub struct BarSource<'a> {
    /// What they are of.
    pub instrument: &'a Instrument,
    /// Their length.
    pub timeframe: Timeframe,
    /// The first one's open and the last one's close.
    pub span: (Timestamp, Timestamp),
}

/// Compiles the strategy of a request from its YAML.
///
/// # Errors
/// All problems, in the order in which they stand in the file.
pub fn compile(request: &BacktestRequest, yaml: &str) -> Result<Strategy, Vec<Problem>> {
    Strategy::compile(yaml, &request.params, request.timeframe)
}

/// The run that a request asks for.
///
/// # Errors
/// What is wrong with the request, or does not fit the bars.
pub fn configure(
    request: &BacktestRequest,
    strategy: Strategy,
    source: BarSource<'_>,
) -> Result<EngineConfig, Vec<crate::api::FieldError>> {
    let mut errors = FieldErrors::default();
    errors.one_symbol(&wanted_symbols(request, &strategy));
    errors.finish()?;
    configure_together(request, strategy, &[source], 1)
}

/// The symbols that a request trades: its own, else the strategy's, each once; may be none.
#[must_use]
pub fn wanted_symbols(request: &BacktestRequest, strategy: &Strategy) -> Vec<Symbol> {
    let asked = if request.symbols.is_empty() {
        &strategy.symbols
    } else {
        &request.symbols
    };
    each_once(asked)
}

/// Symbols without those that were named before.
#[must_use]
pub fn each_once(symbols: &[Symbol]) -> Vec<Symbol> {
    let mut known = Vec::with_capacity(symbols.len());
    for symbol in symbols {
        if !known.contains(symbol) {
            known.push(symbol.clone());
        }
    }
    known
}

/// The run over several symbols: the first `traded` of the sources are traded, the others only read. All have bars of one
/// length.
///
/// # Errors
/// What is wrong with the request, or does not fit the bars.
///
/// # Panics
/// Without a source.
pub fn configure_together(
    request: &BacktestRequest,
    strategy: Strategy,
    sources: &[BarSource<'_>],
    traded: usize,
) -> Result<EngineConfig, Vec<crate::api::FieldError>> {
    let source = sources[0];
    let instruments: Vec<&Instrument> = sources.iter().map(|source| source.instrument).collect();
    let mut errors = FieldErrors::default();
    errors.backtest(request);
    errors.timeframe(strategy.timeframe, source.timeframe);
    errors.together(&strategy, &instruments, traded);
    for source in sources {
        errors.span(source.span, source.timeframe, (request.from, request.to));
    }
    errors.finish()?;
    let mut others = instruments.into_iter().skip(1).cloned();
    Ok(EngineConfig {
        strategy,
        instrument: source.instrument.clone(),
        peers: others.by_ref().take(traded.saturating_sub(1)).collect(),
        others: others.collect(),
        account: request.account.clone().unwrap_or_default(),
        option_model: None,
        base_timeframe: source.timeframe,
        initial_capital: Money::new(
            request.initial_capital.unwrap_or(CAPITAL),
            source.instrument.quote(),
        ),
        execution: request.execution.clone().unwrap_or_default(),
        alerts: AlertRules::default(),
    })
}

/// The bars that lie whole inside a span: none opens before `from`, none closes after `to`.
#[must_use]
pub fn within(bars: Bars, timeframe: Timeframe, from: Option<Timestamp>, to: Option<Timestamp>) -> Bars {
    if from.is_none() && to.is_none() {
        return bars;
    }
    bars.iter()
        .filter(|bar| from.is_none_or(|from| bar.open_time >= from))
        .filter(|bar| to.is_none_or(|to| timeframe.close_of(bar.open_time) <= to))
        .collect()
}
