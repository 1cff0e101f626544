//! What came of a backtest.

use super::Fills;
use super::recorder::Recorder;
use super::warnings::{self, Seen};
use crate::analytics::{Metrics, thin_indices};
use crate::api::{
    BacktestReport, BandReport, CashFlowSum, DataQuality, EquityPoint, ShadowReport, StrategyRun,
    SymbolReport, Timing, TradeReport,
};
use crate::engine::{Band, BandCurve, Engine, Setbacks};
use crate::market::{BarMerge, Bars};
use crate::model::{Instrument, InstrumentId, Money, Price, Quantity, Symbol, float};
use crate::portfolio::{CashFlow, Trade};
use rust_decimal::Decimal;

/// What came of a backtest.
#[derive(Debug)]
pub struct Outcome {
    /// Round trips, oldest first; one still open at the end is the last and has no exit.
    pub trades: Vec<Trade>,
    /// All fills, oldest first.
    pub fills: Fills,
    /// Cash that came or went without a fill, oldest first: dividends, funding, interest, settlements.
    pub cash_flows: Vec<CashFlow>,
    /// Actions of the market that the run took in: splits, dividends, funding and others.
    pub actions: u64,
    /// What kept the strategy from doing what it wanted.
    pub setbacks: Setbacks,
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
        recorder.shrink();
        let mut trades = std::mem::take(&mut recorder.trades);
        trades.extend(engine.open_trades());
        // Of several symbols the one that is opened first may be closed last.
        trades.sort_by_key(|trade| trade.id);
        Self {
            trades,
            fills: std::mem::take(&mut recorder.fills),
            cash_flows: std::mem::take(&mut recorder.cash_flows),
            actions,
            setbacks: engine.setbacks(),
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
        self.equity_points_together(std::slice::from_ref(bars))
    }

    /// The same for several instruments: one point for each time at which bars close.
    pub fn equity_points_together<'a>(&'a self, bars: &'a [Bars]) -> impl Iterator<Item = EquityPoint> + 'a {
        let config = self.engine.config();
        let (currency, timeframe) = (config.instrument.quote(), config.base_timeframe);
        let mut worth: Vec<Worth<'a>> = config.instruments().take(bars.len()).map(Worth::new).collect();
        let mut merge = BarMerge::default();
        let mut holdings = self.recorder.holdings.iter().peekable();
        let mut peak = config.initial_capital.amount;
        let mut cash = peak;
        BarMerge::open_times(bars)
            .take(self.equity.len())
            .enumerate()
            .map(move |(index, open_time)| {
                while let Some(next) = holdings.next_if(|next| next.from_mark <= index) {
                    cash = next.cash;
                    if let Some(worth) = worth.get_mut(next.at.index()) {
                        (worth.quantity, worth.base) = (next.quantity, next.base);
                    }
                }
                while let Some((place, bar)) = merge.peek(bars).filter(|(_, bar)| bar.open_time <= open_time)
                {
                    merge.next(bars);
                    if let Some(worth) = worth.get_mut(place) {
                        worth.close = bar.close;
                    }
                }
                let position_value = worth.iter().map(Worth::amount).sum();
                let equity = cash + position_value;
                peak = peak.max(equity);
                let drawdown = Money::new(peak - equity, currency).ratio(Money::new(peak, currency));
                EquityPoint {
                    time: timeframe.close_of(open_time),
                    equity,
                    cash,
                    position_value,
                    drawdown,
                    optimistic: self.shadow(|curve| &curve.optimistic, index),
                    pessimistic: self.shadow(|curve| &curve.pessimistic, index),
                }
            })
    }

    /// At most `n` points of the equity curve of one instrument, for a chart: exact, but for the drawdown, whose peak is a
    /// float's. It looks at every bar once and values the account at those that are kept only.
    #[must_use]
    pub fn equity_curve(&self, bars: &Bars, n: usize) -> Vec<EquityPoint> {
        let config = self.engine.config();
        let mut cash = config.initial_capital.amount;
        let mut worth = Worth::new(&config.instrument);
        let mut holdings = self.recorder.holdings.iter().peekable();
        let (mut seen, mut peak) = (0, Price(cash).to_f64());
        thin_indices(self.equity.len().min(bars.len()), n, |index| self.equity[index])
            .into_iter()
            .map(|index| {
                while let Some(next) = holdings.next_if(|next| next.from_mark <= index) {
                    cash = next.cash;
                    if next.at == InstrumentId::PRIMARY {
                        (worth.quantity, worth.base) = (next.quantity, next.base);
                    }
                }
                worth.close = bars.close[index];
                let position_value = worth.amount();
                peak = self.equity[seen..=index].iter().copied().fold(peak, f64::max);
                seen = index + 1;
                let fall = if peak > 0.0 {
                    1.0 - self.equity[index] / peak
                } else {
                    0.0
                };
                EquityPoint {
                    time: config.base_timeframe.close_of(bars.open_time[index]),
                    equity: cash + position_value,
                    cash,
                    position_value,
                    drawdown: fall.max(0.0),
                    optimistic: self.shadow(|curve| &curve.optimistic, index),
                    pessimistic: self.shadow(|curve| &curve.pessimistic, index),
                }
            })
            .collect()
    }

    /// What a run beside this one was worth at a bar's close.
    fn shadow(&self, side: fn(&BandCurve) -> &Vec<f64>, index: usize) -> Option<Decimal> {
        let equity = side(&self.band.as_ref()?.curve).get(index)?;
        Some(float::to_decimal(*equity, SHADOW_DIGITS)?.normalize())
    }

    /// The outcome as `papertape backtest --json` prints it. `bars` are those that were run.
    #[must_use]
    pub fn report(&self, bars: &Bars, context: ReportContext) -> BacktestReport {
        let quality = [context.data_quality];
        self.report_together(std::slice::from_ref(bars), &quality, context.timing)
    }

    /// The same for several instruments, with what was wrong with the data of each.
    #[must_use]
    pub fn report_together(&self, bars: &[Bars], quality: &[DataQuality], timing: Timing) -> BacktestReport {
        let config = self.engine.config();
        let symbols: Vec<Symbol> = config
            .traded()
            .map(|instrument| instrument.symbol().clone())
            .collect();
        let names: Vec<String> = symbols.iter().map(Symbol::to_string).collect();
        let ends = bars
            .iter()
            .flat_map(|bars| [bars.open_time.first(), bars.open_time.last()]);
        let (first, last) = (ends.clone().flatten().min(), ends.flatten().max());
        BacktestReport {
            strategy: StrategyRun {
                name: config.strategy.name.clone(),
                params: config.strategy.params.clone(),
            },
            symbol: names.join(","),
            by_symbol: self.by_symbol(bars, quality),
            symbols,
            timeframe: config.strategy.timeframe,
            bars: bars.iter().map(|bars| bars.len() as u64).sum(),
            from: first.copied().unwrap_or_default(),
            to: last
                .map(|last| config.base_timeframe.close_of(*last))
                .unwrap_or_default(),
            initial_capital: config.initial_capital.amount,
            final_equity: self.final_equity.amount.normalize(),
            execution: config.execution.clone(),
            account: config.account.clone(),
            trades: self.trades.iter().map(TradeReport::from).collect(),
            actions: self.actions,
            cash_flows: CashFlowSum::of(&self.cash_flows),
            metrics: self.metrics.clone(),
            data_quality: quality
                .iter()
                .fold(DataQuality::default(), |sum, one| DataQuality {
                    gaps: sum.gaps + one.gaps,
                    missing_bars: sum.missing_bars + one.missing_bars,
                }),
            refused_orders: self.setbacks.refused.clone(),
            halt: self.setbacks.halt.clone(),
            warnings: self.warnings(bars),
            band: self.band.as_ref().map(BandOutcome::report),
            event_hash: self.event_hash.clone(),
            timing,
        }
    }

    /// What makes the result less than it seems, a sentence each. `bars` are those that were run.
    #[must_use]
    pub fn warnings(&self, bars: &[Bars]) -> Vec<String> {
        let stopped = self.engine.script_failure();
        let stopped =
            stopped.map(|failure| format!("The strategy was stopped, its script failed: {failure}."));
        let others = warnings::of(&self.engine, Seen::all(bars), &self.metrics, &self.setbacks);
        let jumps = warnings::of_jumps(self.engine.config(), bars);
        stopped.into_iter().chain(jumps).chain(others).collect()
    }

    /// What each instrument whose bars were run had to do with it.
    fn by_symbol(&self, bars: &[Bars], quality: &[DataQuality]) -> Vec<SymbolReport> {
        let config = self.engine.config();
        let traded = config.traded().count();
        let instruments = config.instruments().enumerate().zip(bars);
        instruments
            .map(|((place, instrument), bars)| {
                let trades = self
                    .trades
                    .iter()
                    .filter(|trade| &trade.symbol == instrument.symbol());
                SymbolReport {
                    symbol: instrument.symbol().clone(),
                    traded: place < traded,
                    bars: bars.len() as u64,
                    from: bars.open_time.first().copied(),
                    to: bars
                        .open_time
                        .last()
                        .map(|last| config.base_timeframe.close_of(*last)),
                    data_quality: quality.get(place).copied().unwrap_or_default(),
                    trades: trades.clone().filter(|trade| trade.is_closed()).count() as u64,
                    pnl: trades.map(|trade| trade.pnl.amount).sum(),
                }
            })
            .collect()
    }
}

/// What is held of one instrument, and its last close.
struct Worth<'a> {
    instrument: &'a Instrument,
    close: f64,
    quantity: Decimal,
    base: Decimal,
}

impl<'a> Worth<'a> {
    const fn new(instrument: &'a Instrument) -> Self {
        Self {
            instrument,
            close: f64::NAN,
            quantity: Decimal::ZERO,
            base: Decimal::ZERO,
        }
    }

    fn amount(&self) -> Decimal {
        match self.instrument.price_from_f64(self.close) {
            Some(price) if !self.quantity.is_zero() => {
                self.instrument.notional(price, Quantity(self.quantity)).amount - self.base
            }
            _ => Decimal::ZERO,
        }
    }
}
