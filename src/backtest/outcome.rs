//! What came of a backtest.

use super::recorder::Recorder;
use crate::analytics::Metrics;
use crate::api::{
    BacktestReport, BandReport, CashFlowSum, DataQuality, EquityPoint, ShadowReport, StrategyRun, Timing,
    TradeReport,
};
use crate::engine::{Band, BandCurve, Engine};
use crate::exchange::Fill;
use crate::market::Bars;
use crate::model::{Money, Quantity, float};
use crate::portfolio::{CashFlow, Trade};
use rust_decimal::Decimal;

/// What came of a backtest.
#[derive(Debug)]
pub struct Outcome {
    /// Round trips, oldest first; one still open at the end is the last and has no exit.
    pub trades: Vec<Trade>,
    /// All fills, oldest first.
    pub fills: Vec<Fill>,
    /// Cash that came or went without a fill, oldest first: dividends, funding, interest, settlements.
    pub cash_flows: Vec<CashFlow>,
    /// Actions of the market that the run took in: splits, dividends, funding and others.
    pub actions: u64,
    /// Orders that the risk check denied.
    pub denied: u64,
    /// How good it was.
    pub metrics: Metrics,
    /// Cash and position at the last close, exact.
    pub final_equity: Money,
    /// Head of the event hash chain, hexadecimal.
    pub event_hash: String,
    /// Equity at each bar's close, in quote currency.
    pub equity: Vec<f64>,
    /// The same with kinder and with less kind fills, where they ran beside it.
    pub band: Option<BandOutcome>,
    engine: Engine,
    recorder: Recorder,
}

/// What came of the optimistic and the pessimistic run beside a backtest.
#[derive(Clone, Debug, PartialEq)]
pub struct BandOutcome {
    /// Equity of both at each bar's close.
    pub curve: BandCurve,
    /// The run with kind fills.
    pub optimistic: ShadowOutcome,
    /// The run with unkind fills.
    pub pessimistic: ShadowOutcome,
}

/// What came of one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowOutcome {
    /// Cash and position at the last close, exact.
    pub final_equity: Money,
    /// How good it was.
    pub metrics: Metrics,
}

/// Digits after the point of what shadows are worth, which is for charts.
const SHADOW_DIGITS: u32 = 6;

impl BandOutcome {
    pub(super) fn new(band: &Band, curve: BandCurve) -> Self {
        let outcome = |engine: &Engine| ShadowOutcome {
            final_equity: engine.equity(),
            metrics: engine.metrics(),
        };
        Self {
            curve,
            optimistic: outcome(band.optimistic()),
            pessimistic: outcome(band.pessimistic()),
        }
    }

    fn report(&self) -> BandReport {
        let report = |shadow: &ShadowOutcome| ShadowReport {
            final_equity: shadow.final_equity.amount.normalize(),
            total_return: shadow.metrics.total_return,
            max_drawdown: shadow.metrics.max_drawdown,
            trades: shadow.metrics.trades,
        };
        BandReport {
            optimistic: report(&self.optimistic),
            pessimistic: report(&self.pessimistic),
        }
    }
}

/// What a report says beside the outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReportContext {
    /// What was wrong with the data.
    pub data_quality: DataQuality,
    /// How long it took.
    pub timing: Timing,
}

impl Outcome {
    pub(super) fn new(
        engine: Engine,
        mut recorder: Recorder,
        band: Option<BandOutcome>,
        actions: u64,
    ) -> Self {
        let mut trades = std::mem::take(&mut recorder.trades);
        trades.extend(engine.open_trade());
        Self {
            trades,
            fills: std::mem::take(&mut recorder.fills),
            cash_flows: std::mem::take(&mut recorder.cash_flows),
            actions,
            denied: recorder.denied,
            metrics: engine.metrics(),
            final_equity: engine.equity(),
            event_hash: engine.event_hash(),
            equity: std::mem::take(&mut recorder.equity),
            band,
            engine,
            recorder,
        }
    }

    /// The engine as it was at the end.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The equity curve, exact, one point a bar. `bars` are those that were run.
    pub fn equity_points<'a>(&'a self, bars: &'a Bars) -> impl Iterator<Item = EquityPoint> + 'a {
        let config = self.engine.config();
        let (instrument, timeframe) = (&config.instrument, config.base_timeframe);
        let mut holdings = self.recorder.holdings.iter().peekable();
        let shadow = |side: fn(&BandCurve) -> &Vec<f64>, index: usize| {
            let equity = side(&self.band.as_ref()?.curve).get(index)?;
            Some(float::to_decimal(*equity, SHADOW_DIGITS)?.normalize())
        };
        let mut peak = config.initial_capital.amount;
        let (mut cash, mut quantity, mut base) = (peak, Decimal::ZERO, Decimal::ZERO);
        bars.iter()
            .take(self.equity.len())
            .enumerate()
            .map(move |(index, bar)| {
                while let Some(next) = holdings.next_if(|next| next.from_mark <= index) {
                    (cash, quantity, base) = (next.cash, next.quantity, next.base);
                }
                let position_value = match instrument.price_from_f64(bar.close) {
                    Some(price) if !quantity.is_zero() => {
                        instrument.notional(price, Quantity(quantity)).amount - base
                    }
                    _ => Decimal::ZERO,
                };
                let equity = cash + position_value;
                peak = peak.max(equity);
                let drawdown =
                    Money::new(peak - equity, instrument.quote()).ratio(Money::new(peak, instrument.quote()));
                EquityPoint {
                    time: timeframe.close_of(bar.open_time),
                    equity,
                    cash,
                    position_value,
                    drawdown,
                    optimistic: shadow(|curve| &curve.optimistic, index),
                    pessimistic: shadow(|curve| &curve.pessimistic, index),
                }
            })
    }

    /// The outcome as `papertape backtest --json` prints it. `bars` are those that were run.
    #[must_use]
    pub fn report(&self, bars: &Bars, context: ReportContext) -> BacktestReport {
        let config = self.engine.config();
        BacktestReport {
            strategy: StrategyRun {
                name: config.strategy.name.clone(),
                params: config.strategy.params.clone(),
            },
            symbol: config.instrument.symbol().clone(),
            timeframe: config.strategy.timeframe,
            bars: bars.len() as u64,
            from: bars.open_time.first().copied().unwrap_or_default(),
            to: bars
                .open_time
                .last()
                .map(|last| config.base_timeframe.close_of(*last))
                .unwrap_or_default(),
            initial_capital: config.initial_capital.amount,
            final_equity: self.final_equity.amount.normalize(),
            execution: config.execution.clone(),
            trades: self.trades.iter().map(TradeReport::from).collect(),
            actions: self.actions,
            cash_flows: CashFlowSum::of(&self.cash_flows),
            metrics: self.metrics.clone(),
            data_quality: context.data_quality,
            band: self.band.as_ref().map(BandOutcome::report),
            event_hash: self.event_hash.clone(),
            timing: context.timing,
        }
    }
}
