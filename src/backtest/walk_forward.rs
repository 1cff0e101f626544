//! Walk-forward: parameters are chosen on the past only, again and again, and what they then earn is put together.

use super::span::{Span, run_span};
use super::sweep::{Hunt, MakeSearch, SearchSpec, Setting, SweepError, Trial, Workers, ranking};
use super::warnings::Gathered;
use super::{StudyData, sweep::MOST_COMBINATIONS};
use crate::analytics::{Metrics, MetricsAccumulator, thin_minmax};
use crate::api::{RunFacts, WalkForwardReport, WalkForwardWindow};
use crate::engine::{EngineConfig, Event, EventKind, Mark, Sink};
use crate::market::{BarMerge, Bars, CorporateAction, MarketAction};
use crate::model::{Instrument, InstrumentId, Money, Price, Timeframe, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// Most windows.
const MOST_WINDOWS: u64 = 100;
/// Fewest bars of a window's later part.
const FEWEST_BARS: usize = 2;
/// Points of the stitched equity.
const CURVE_POINTS: usize = 1_000;

/// Bars on which parameters are chosen, and those on which they then run.
type Window = (Range<usize>, Range<usize>);

/// What to walk through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WalkForwardSpec {
    /// What to try in each window.
    pub search: SearchSpec,
    /// How many windows.
    pub windows: u64,
    /// How many times as long as the later part of a window its earlier part is, in which parameters are chosen.
    pub ratio: f64,
    /// Whether every earlier part begins with the first bar, instead of keeping its length.
    pub anchored: bool,
}

impl Default for WalkForwardSpec {
    fn default() -> Self {
        Self {
            search: SearchSpec::default(),
            windows: 5,
            ratio: 3.0,
            anchored: false,
        }
    }
}

impl WalkForwardSpec {
    /// The windows over so many bars: where parameters are chosen, and where they then run. The later parts follow each
    /// other without a gap to the last bar.
    ///
    /// # Errors
    /// [`SweepError::Window`] names the field at fault, [`SweepError::TooFewBars`] says how many it takes.
    pub fn windows(&self, bars: usize) -> Result<Vec<Window>, SweepError> {
        let fail = |field, message: String| Err(SweepError::Window { field, message });
        if !(1..=MOST_WINDOWS).contains(&self.windows) {
            return fail("windows", format!("ask for 1 to {MOST_WINDOWS} windows"));
        }
        if !(0.5..=100.0).contains(&self.ratio) {
            return fail("ratio", "the ratio is a number from 0.5 to 100".to_owned());
        }
        let later = (bars as f64 / (self.windows as f64 + self.ratio)) as usize;
        let windows = self.windows as usize;
        if later < FEWEST_BARS {
            let needed = (FEWEST_BARS as f64 * (self.windows as f64 + self.ratio)).ceil();
            return Err(SweepError::TooFewBars(format!(
                "{bars} bars are too few for {windows} windows: it takes {needed} bars, or fewer windows"
            )));
        }
        let first = bars - later * windows;
        Ok((0..windows)
            .map(|window| {
                let split = first + window * later;
                let begin = if self.anchored { 0 } else { window * later };
                (begin..split, split..split + later)
            })
            .collect())
    }
}

/// A walk that was checked, and can begin.
pub struct WalkForward<'a> {
    spec: &'a WalkForwardSpec,
    windows: Vec<Window>,
    make: MakeSearch<'a>,
    combinations: u64,
}

impl fmt::Debug for WalkForward<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("WalkForward");
        debug.field("spec", self.spec).finish_non_exhaustive()
    }
}

impl<'a> WalkForward<'a> {
    /// Checks what was asked for against the strategy and the bars. `make` makes the search of each window.
    ///
    /// # Errors
    /// [`SweepError`] says what to change.
    pub fn new(
        setting: &Setting,
        spec: &'a WalkForwardSpec,
        make: MakeSearch<'a>,
        bars: usize,
    ) -> Result<Self, SweepError> {
        let windows = spec.windows(bars)?;
        let combinations = Hunt::new(setting, &spec.search, make)?.combinations();
        let total = combinations.saturating_mul(spec.windows);
        if total > MOST_COMBINATIONS {
            return Err(SweepError::TooMany {
                total,
                most: MOST_COMBINATIONS,
            });
        }
        Ok(Self {
            spec,
            windows,
            make,
            combinations,
        })
    }

    /// How many units of work there are at most.
    #[must_use]
    pub fn units(&self) -> u64 {
        (self.combinations + 1) * self.windows.len() as u64
    }

    /// Runs it. Canceled, its report tells of the windows that are done. What is known of the data and of the time it
    /// took is left to the caller.
    ///
    /// A window begins with the equity of the one before and without a position: what is open at a window's end is closed
    /// at the next bar's open, with all costs; at the last window's end, where there is none, it is valued at its last
    /// close. Indicators are warmed up by the bars before the window. Where no combination can be judged on a window's
    /// earlier part, as when none of them trades there, nothing is chosen and nothing traded.
    ///
    /// # Errors
    /// [`SweepError::NothingLeft`] and [`SweepError::NoneRan`] when the first window has nothing to choose from,
    /// [`SweepError::Script`].
    pub fn run(
        self,
        setting: &Setting,
        data: StudyData<'_>,
        workers: &dyn Workers,
    ) -> Result<WalkForwardReport, SweepError> {
        let mut stitch = Stitch::new(&setting.config, data, &self.windows);
        let mut done = Vec::new();
        for (number, (earlier, later)) in (1..).zip(&self.windows) {
            let hunt = Hunt::new(setting, &self.spec.search, self.make)?;
            let trials = hunt.run(setting, data, earlier.clone(), workers);
            if workers.is_canceled() {
                break;
            }
            let objective = self.spec.search.objective;
            let best = ranking(&trials, objective)
                .first()
                .and_then(|place| trials.get(*place));
            if let (None, true) = (best, done.is_empty()) {
                return Err(nothing_ran(&trials));
            }
            let chosen = best.filter(|best| best.merit(objective).is_some());
            let later_metrics = match chosen {
                Some(best) => {
                    stitch.window(setting, best, data, (earlier.clone(), later.clone()), workers)?
                }
                None => Some(stitch.idle(setting, data, (earlier.clone(), later.clone()))),
            };
            let Some(later_metrics) = later_metrics else {
                break;
            };
            done.push(self.window(setting, data, number, chosen, later_metrics));
            if stitch.capital.amount <= Decimal::ZERO {
                break;
            }
        }
        let metrics = stitch.metrics.metrics();
        let all = self.windows.first().map_or(0, |(earlier, _)| earlier.start)..data.len();
        Ok(WalkForwardReport {
            run: RunFacts::of(&setting.config, data, all),
            method: self.spec.search.method,
            objective: self.spec.search.objective,
            seed: self.spec.search.seed,
            anchored: self.spec.anchored,
            windows_asked: self.windows.len() as u64,
            canceled: workers.is_canceled(),
            efficiency: efficiency(&done),
            profitable: done
                .iter()
                .filter(|it| it.out_of_sample.total_return > 0.0)
                .count() as u64,
            final_equity: stitch.capital.amount.normalize(),
            warnings: stitch.warnings.all(&setting.config, &metrics),
            metrics,
            equity: thin_minmax(&stitch.curve, CURVE_POINTS, |(_, equity)| *equity),
            windows: done,
            data_quality: crate::api::DataQuality::default(),
            timing: crate::api::SweepTiming::default(),
        })
    }

    fn window(
        &self,
        setting: &Setting,
        data: StudyData<'_>,
        number: u64,
        chosen: Option<&Trial>,
        out_of_sample: Metrics,
    ) -> WalkForwardWindow {
        let (earlier, later) = &self.windows[number as usize - 1];
        let in_sample = chosen
            .and_then(|trial| trial.score.as_ref().ok())
            .map(|score| score.metrics.clone())
            .unwrap_or_default();
        let objective = self.spec.search.objective;
        let (earlier, later) = (
            RunFacts::of(&setting.config, data, earlier.clone()),
            RunFacts::of(&setting.config, data, later.clone()),
        );
        WalkForwardWindow {
            number,
            in_sample_from: earlier.from,
            from: later.from,
            to: later.to,
            in_sample_bars: earlier.bars,
            bars: later.bars,
            params: chosen.map(|trial| trial.params.clone()).unwrap_or_default(),
            in_sample_objective: objective.of(&in_sample),
            objective: objective.of(&out_of_sample),
            in_sample,
            out_of_sample,
        }
    }
}

/// Why there is nothing to choose from.
fn nothing_ran(trials: &[Trial]) -> SweepError {
    let problem = trials
        .iter()
        .find_map(|trial| trial.score.as_ref().err()?.first());
    problem.map_or(SweepError::NothingLeft, |problem| {
        SweepError::NoneRan(problem.clone())
    })
}

/// What the later parts earned a bar, as a share of what the earlier ones did: about 1 when the past was a good guide,
/// about 0 when it was none (walk-forward efficiency: R. Pardo, "The Evaluation and Optimization of Trading Strategies",
/// 2nd edition, 2008, chapter 11). `None` when the earlier parts did not earn anything.
fn efficiency(windows: &[WalkForwardWindow]) -> Option<f64> {
    let rate = |of: fn(&WalkForwardWindow) -> (f64, u64)| {
        let rates = windows
            .iter()
            .map(of)
            .map(|(total, bars)| total / bars.max(1) as f64);
        rates.sum::<f64>() / windows.len() as f64
    };
    let earlier = rate(|it| (it.in_sample.total_return, it.in_sample_bars));
    let later = rate(|it| (it.out_of_sample.total_return, it.bars));
    Some(later / earlier).filter(|it| earlier > 0.0 && it.is_finite())
}

/// The account that goes through all later parts.
struct Stitch<'a> {
    capital: Money,
    metrics: MetricsAccumulator,
    curve: Vec<(Timestamp, f64)>,
    warnings: Gathered,
    benchmark: Benchmark<'a>,
}

impl<'a> Stitch<'a> {
    fn new(config: &EngineConfig, data: StudyData<'a>, windows: &[Window]) -> Self {
        let capital = config.initial_capital;
        let mut metrics = MetricsAccumulator::new(capital.to_f64(), config.periods_per_year());
        let first = windows.first().and_then(|(_, later)| data.open_time(later.start));
        if let Some(first) = first {
            metrics.start(first);
        }
        Self {
            capital,
            metrics,
            curve: Vec::new(),
            warnings: Gathered::default(),
            benchmark: Benchmark::new(config, data, first.unwrap_or_default()),
        }
    }

    /// Runs the parameters chosen on a window's earlier part over its later one; `None` when it was canceled.
    ///
    /// # Errors
    /// [`SweepError::Script`]: what a halted strategy made of a window says nothing.
    fn window(
        &mut self,
        setting: &Setting,
        best: &Trial,
        data: StudyData<'_>,
        (earlier, later): Window,
        workers: &dyn Workers,
    ) -> Result<Option<Metrics>, SweepError> {
        let Ok(mut config) = setting.configure(&best.params) else {
            return Ok(None);
        };
        config.initial_capital = self.capital;
        let (strategy, base) = (config.strategy.timeframe, config.base_timeframe);
        let end = later.end.checked_sub(1).and_then(|last| data.open_time(last));
        let span = data
            .warmed_up(later, config.strategy.warm_up(), strategy, base)
            .closed_after(data.len());
        let Some(end) = end else {
            return Ok(None);
        };
        let mut sink = Listener {
            end: base.close_of(end),
            instruments: config.instruments().cloned().collect(),
            benchmark: self.benchmark.clone(),
            metrics: self.metrics.clone(),
            curve: Vec::new(),
            held: BTreeMap::new(),
        };
        let Ok(engine) = run_span(config, data, &span, None, &mut sink, &|| !workers.is_canceled()) else {
            return Ok(None);
        };
        if let Some(failure) = engine.script_failure() {
            return Err(SweepError::Script(failure.to_string()));
        }
        workers.finished(best);
        self.warnings
            .add_choice(engine.config(), Span::cold(earlier).seen(data));
        self.warnings.add_run(&engine, span.seen(data));
        self.metrics = sink.metrics;
        self.benchmark = sink.benchmark;
        self.curve.append(&mut sink.curve);
        self.capital = engine.equity();
        Ok(Some(engine.metrics()))
    }

    /// Passes a window's later part without a position.
    fn idle(&mut self, setting: &Setting, data: StudyData<'_>, (earlier, later): Window) -> Metrics {
        self.warnings
            .add_choice(&setting.config, Span::cold(earlier).seen(data));
        let equity = self.capital.to_f64();
        let mut own = MetricsAccumulator::new(equity, setting.config.periods_per_year());
        let first = data.open_time(later.start).unwrap_or_default();
        let mut actions = data.actions.iter().skip_while(|it| it.time < first).peekable();
        for open_time in &data.clock[later] {
            while let Some(due) = actions.next_if(|it| it.time <= *open_time) {
                if let MarketAction::Corporate(action) = &due.action {
                    follow(&mut own, action);
                    follow(&mut self.metrics, action);
                }
            }
            let time = setting.config.base_timeframe.close_of(*open_time);
            let price = self.benchmark.at(time);
            for metrics in [&mut own, &mut self.metrics] {
                metrics.on_mark(time, equity, price, false);
            }
            self.curve.push((time, equity));
        }
        own.metrics()
    }
}

/// What buying and holding is measured by: the price of what is traded or, of several symbols, their mean growth since the first window's
/// beginning, as an engine has it that runs all the time.
#[derive(Clone)]
struct Benchmark<'a> {
    bars: &'a [Bars],
    base: Timeframe,
    merge: BarMerge,
    /// First and last close of each symbol that is traded.
    closes: Vec<Option<(f64, f64)>>,
}

impl<'a> Benchmark<'a> {
    fn new(config: &EngineConfig, data: StudyData<'a>, from: Timestamp) -> Self {
        Self {
            bars: data.bars,
            base: config.base_timeframe,
            merge: BarMerge::beginning_at(from, data.bars),
            closes: vec![None; config.traded().count()],
        }
    }

    /// Its value when all bars are in that close by then.
    fn at(&mut self, time: Timestamp) -> f64 {
        while let Some((place, bar)) = self.merge.peek(self.bars)
            && self.base.close_of(bar.open_time) <= time
        {
            self.merge.next(self.bars);
            if let Some(known) = self.closes.get_mut(place) {
                *known = Some((known.map_or(bar.close, |(first, _)| first), bar.close));
            }
        }
        match &self.closes[..] {
            [only] => only.map_or(f64::NAN, |(_, last)| last),
            several => {
                let grown = several
                    .iter()
                    .map(|it| it.map_or(1.0, |(first, last)| last / first));
                grown.sum::<f64>() / several.len() as f64
            }
        }
    }
}

/// Who bought and holds goes through a corporate action as well.
fn follow(metrics: &mut MetricsAccumulator, action: &CorporateAction) {
    match action {
        CorporateAction::Split { ratio } => metrics.on_split(Price(*ratio).to_f64()),
        CorporateAction::Dividend { per_share } => metrics.on_dividend(Price(*per_share).to_f64()),
        CorporateAction::SymbolChange { .. } | CorporateAction::Delisting { .. } => {}
    }
}

/// Adds what a window's engine emits to what those before it did.
struct Listener<'a> {
    /// The window's end: the bar at which it closes what it holds is the next one's.
    end: Timestamp,
    instruments: Vec<Instrument>,
    benchmark: Benchmark<'a>,
    metrics: MetricsAccumulator,
    curve: Vec<(Timestamp, f64)>,
    /// What is held of each instrument.
    held: BTreeMap<InstrumentId, Decimal>,
}

impl Sink for Listener<'_> {
    fn journal(&mut self, event: Event) {
        match event.kind {
            EventKind::OrderFilled { fill, .. } => {
                let traded = self.instruments.get(fill.instrument.index());
                let notional = traded.map(|it| it.notional(fill.price, fill.quantity).to_f64());
                self.metrics
                    .on_fill(notional.unwrap_or_default(), fill.fee.to_f64());
            }
            EventKind::TradeClosed { trade } => self.metrics.on_trade(trade.pnl.to_f64(), trade.return_ratio),
            EventKind::CorporateAction {
                instrument: InstrumentId::PRIMARY,
                action,
                // What comes with the next window's first bar is that one's.
            } if event.time < self.end => follow(&mut self.metrics, &action),
            _ => {}
        }
    }

    fn market(&mut self, _seq: u64, _time: Timestamp, _kind: impl FnOnce() -> EventKind) {}

    fn mark(&mut self, mark: Mark) {
        if mark.time > self.end {
            return;
        }
        let is_in_position = self.held.values().any(|quantity| !quantity.is_zero());
        let price = self.benchmark.at(mark.time);
        self.metrics
            .on_mark(mark.time, mark.equity, price, is_in_position);
        self.curve.push((mark.time, mark.equity));
    }

    fn account(&mut self, at: InstrumentId, _cash: Decimal, quantity: Decimal, _base: Decimal) {
        self.held.insert(at, quantity);
    }
}
