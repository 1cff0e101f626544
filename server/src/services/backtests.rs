//! Backtests: one a core at a time, off the threads that serve, with progress and an end on request.

use super::datasets::{Dataset, SIMULATED, quality};
use super::sessions::wanted_together;
use super::{ServiceError, Services, wall_clock};
use crate::storage::{BacktestRecord, Storage, Write};
use papertape::analytics::{sparkline, thin_minmax};
use papertape::api::{
    BacktestProgress, BacktestRequest, BacktestState, BacktestStatus, BacktestSummary, FieldError,
    FieldErrors, Timing,
};
use papertape::backtest::{self, MarketData, Outcome, ReportContext};
use papertape::engine::EngineConfig;
use papertape::market::{Bars, DatedAction};
use papertape::model::{BacktestId, Price, Symbol, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;

/// Bars of a result's chart.
const CHART_BARS: usize = 2_000;
/// Points of a result's equity curve.
const CHART_POINTS: usize = 1_000;
/// Points of a result's line in lists.
const SPARKLINE: usize = 48;

/// Backtests that may wait or run at a time: each holds its bars.
const MOST_OPEN: usize = 16;

/// Backtests under way.
#[derive(Debug)]
pub(super) struct Backtests {
    storage: Arc<dyn Storage>,
    cores: Arc<Semaphore>,
    running: Mutex<BTreeMap<BacktestId, Arc<Running>>>,
}

#[derive(Debug)]
struct Running {
    created_at: Timestamp,
    /// All but state and progress.
    status: BacktestStatus,
    started: AtomicBool,
    done: AtomicU64,
    canceled: AtomicBool,
}

impl Running {
    fn status(&self) -> BacktestStatus {
        let mut status = self.status.clone();
        status.progress.done = self.done.load(Ordering::Relaxed);
        if self.started.load(Ordering::Relaxed) {
            status.state = BacktestState::Running;
        }
        status
    }
}

/// What a run takes.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The strategy's slug in the library; `None` for inline YAML.
    pub(super) slug: Option<String>,
    /// The strategy as written.
    pub(super) source: String,
    pub(super) config: EngineConfig,
    pub(super) market: Market,
    pub(super) dataset: Dataset,
    /// Reading and parsing, milliseconds.
    pub(super) load_ms: f64,
}

/// What a run is over.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) bars: Bars,
    pub(super) actions: Vec<DatedAction>,
    /// Of the other symbols, where there are several.
    pub(super) others: Vec<Bars>,
}

impl Market {
    /// All bars of all symbols.
    fn count(&self) -> u64 {
        let others: usize = self.others.iter().map(Bars::len).sum();
        (self.bars.len() + others) as u64
    }
}

/// What a finished run gives beside its status.
struct Finished {
    status: BacktestStatus,
    summary: BacktestSummary,
}

impl Backtests {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            storage,
            cores: Arc::new(Semaphore::new(cores)),
            running: Mutex::new(BTreeMap::new()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<BacktestId, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cancel_all(&self) {
        for running in self.lock().values() {
            running.canceled.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn running_of(&self, slug: &str) -> Option<BacktestId> {
        self.lock()
            .values()
            .rev()
            .find(|running| running.status.slug.as_deref() == Some(slug))
            .map(|running| running.status.id.clone())
    }

    /// Runs, and keeps what comes of it.
    async fn run(self: Arc<Self>, running: Arc<Running>, prepared: Prepared) {
        let (status, summary) = match self.compute(&running, prepared, true).await {
            Ok(finished) => (finished.status, Some(finished.summary)),
            Err(status) => (*status, None),
        };
        let id = status.id.clone();
        let record = BacktestRecord {
            created_at: running.created_at,
            finished_at: wall_clock(),
            status,
            summary,
        };
        if let Err(error) = self.storage.commit(Write::Backtest(Box::new(record))).await {
            tracing::error!(backtest = %id, %error, "the backtest's result could not be kept");
        }
        self.lock().remove(&id);
    }

    /// Waits for a core and runs there, perhaps with the band.
    ///
    /// # Errors
    /// The status of a run that was canceled or has failed.
    async fn compute(
        &self,
        running: &Arc<Running>,
        prepared: Prepared,
        band: bool,
    ) -> Result<Finished, Box<BacktestStatus>> {
        let permit = Arc::clone(&self.cores).acquire_owned().await;
        running.started.store(true, Ordering::Relaxed);
        let job = Arc::clone(running);
        let ended = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            compute(&job, prepared, band)
        })
        .await;
        let mut status = match ended {
            Ok(Some(finished)) => return Ok(finished),
            Ok(None) | Err(_) => running.status(),
        };
        status.state = BacktestState::Canceled;
        if let Err(error) = ended {
            tracing::error!(backtest = %status.id, %error, "the backtest failed");
            status.state = BacktestState::Failed;
            status.error =
                Some("the backtest failed by a fault of the program; the log says more".to_owned());
        }
        Err(Box::new(status))
    }
}

impl Services {
    /// Starts a backtest.
    ///
    /// # Errors
    /// [`ServiceError`] names every field that cannot be followed.
    pub async fn start_backtest(&self, request: BacktestRequest) -> Result<BacktestStatus, ServiceError> {
        if self.backtests.lock().len() >= MOST_OPEN {
            return Err(ServiceError::TooManyBacktests(MOST_OPEN));
        }
        let (running, prepared) = self.line_up(request).await?;
        let status = running.status();
        self.backtests
            .lock()
            .insert(status.id.clone(), Arc::clone(&running));
        tokio::spawn(Arc::clone(&self.backtests).run(running, prepared));
        Ok(status)
    }

    /// Runs a backtest at once and keeps nothing of it: what somebody sees who is writing a strategy. It waits for a core
    /// like any other.
    ///
    /// # Errors
    /// [`ServiceError`] names every field that cannot be followed.
    pub async fn preview(&self, request: BacktestRequest) -> Result<BacktestStatus, ServiceError> {
        let (running, prepared) = self.line_up(request).await?;
        let finished = self.backtests.compute(&running, prepared, false).await;
        Ok(finished.map_or_else(|unfinished| *unfinished, |finished| finished.status))
    }

    /// A request made ready to run.
    async fn line_up(&self, request: BacktestRequest) -> Result<(Arc<Running>, Prepared), ServiceError> {
        let prepared = self.prepare(&request).await?;
        let running = Running {
            created_at: wall_clock(),
            status: queued(&prepared, request),
            started: AtomicBool::new(false),
            done: AtomicU64::new(0),
            canceled: AtomicBool::new(false),
        };
        Ok((Arc::new(running), prepared))
    }

    /// What a request asks for: the strategy compiled, the bars read.
    ///
    /// # Errors
    /// [`ServiceError`] names every field that cannot be followed.
    pub(super) async fn prepare(&self, request: &BacktestRequest) -> Result<Prepared, ServiceError> {
        // Before anything is looked up, so that a request gone wrong is told all that is wrong with it.
        let mut errors = FieldErrors::default();
        errors.backtest(request);
        errors.finish()?;
        let began = Instant::now();
        let (slug, source) = self.shelf.resolve(&request.strategy)?;
        let strategy = backtest::compile(request, &source).map_err(ServiceError::Strategy)?;
        let id = request.dataset.as_deref().unwrap_or(SIMULATED);
        let symbols = backtest::wanted_symbols(request, &strategy);
        if let Some(all) = wanted_together(&symbols, &strategy) {
            let traded = symbols.len().max(1);
            let datasets = self.datasets_together(Some(id), &all, strategy.timeframe).await?;
            let sources: Vec<_> = datasets.iter().map(Dataset::source).collect();
            let config = backtest::configure_together(request, strategy, &sources, traded)?;
            let mut bars = Vec::with_capacity(datasets.len());
            for dataset in &datasets {
                let all = self.bars(dataset).await?;
                bars.push(backtest::within(
                    all,
                    dataset.info.timeframe,
                    request.from,
                    request.to,
                ));
            }
            self.check_together(&datasets, &bars).await?;
            let others = bars.split_off(1);
            let mut first = datasets.into_iter().zip(bars);
            let Some((mut dataset, bars)) = first.next() else {
                unreachable!("there are two symbols at least");
            };
            let names: Vec<&str> = all.iter().map(Symbol::as_str).collect();
            if !dataset.info.simulated {
                dataset.info.label = format!("{} {}", names.join(", "), dataset.info.timeframe);
            }
            return Ok(Prepared {
                slug,
                source,
                config,
                market: Market {
                    bars,
                    actions: Vec::new(),
                    others,
                },
                dataset,
                load_ms: began.elapsed().as_secs_f64() * 1e3,
            });
        }
        if let (Some(from), Some(to)) = (request.from, request.to) {
            self.complete(id, (from, to)).await?;
        }
        let dataset = self.dataset(id, &symbols).await?;
        let config = backtest::configure(request, strategy, dataset.source())?;
        let timeframe = dataset.info.timeframe;
        let bars = backtest::within(self.bars(&dataset).await?, timeframe, request.from, request.to);
        if bars.is_empty() {
            let path = if request.from.is_some() { "from" } else { "to" };
            return Err(ServiceError::Invalid(vec![FieldError {
                path: path.to_owned(),
                message: format!("there are no bars in this span of {}", dataset.info.label),
            }]));
        }
        let actions = self.actions(&dataset).await?;
        Ok(Prepared {
            slug,
            source,
            config,
            market: Market {
                bars,
                actions,
                others: Vec::new(),
            },
            dataset,
            load_ms: began.elapsed().as_secs_f64() * 1e3,
        })
    }

    /// How far a backtest is, with its result once it is there.
    ///
    /// # Errors
    /// [`ServiceError::UnknownBacktest`].
    pub async fn backtest(&self, id: &BacktestId) -> Result<BacktestStatus, ServiceError> {
        let running = self.backtests.lock().get(id).cloned();
        if let Some(running) = running {
            return Ok(running.status());
        }
        let record = self.storage.backtest(id).await?;
        record
            .map(|record| record.status)
            .ok_or_else(|| ServiceError::UnknownBacktest(id.clone()))
    }

    /// Ends a backtest that is under way; one that has ended stays as it is.
    ///
    /// # Errors
    /// [`ServiceError::UnknownBacktest`].
    pub async fn cancel_backtest(&self, id: &BacktestId) -> Result<(), ServiceError> {
        let running = self.backtests.lock().get(id).cloned();
        match running {
            Some(running) => running.canceled.store(true, Ordering::Relaxed),
            None => {
                self.backtest(id).await?;
            }
        }
        Ok(())
    }
}

fn queued(prepared: &Prepared, request: BacktestRequest) -> BacktestStatus {
    let Dataset { instrument, info, .. } = &prepared.dataset;
    let total = prepared.market.count();
    BacktestStatus {
        id: uuid::Uuid::now_v7()
            .to_string()
            .parse()
            .unwrap_or_else(|_| unreachable!("a UUID is letters, digits and hyphens")),
        slug: prepared.slug.clone(),
        request,
        state: BacktestState::Queued,
        progress: BacktestProgress { done: 0, total },
        error: None,
        dataset_label: info.label.clone(),
        simulated: info.simulated,
        report: None,
        bars: Vec::new(),
        equity: Vec::new(),
        price_digits: instrument.price_digits(),
        quantity_digits: instrument.quantity_digits(),
        currency: instrument.quote().to_string(),
    }
}

/// Runs a backtest, perhaps with the runs of kinder and less kind fills beside it; `None` when it was canceled.
fn compute(running: &Running, prepared: Prepared, band: bool) -> Option<Finished> {
    if !prepared.market.others.is_empty() {
        return compute_together(running, prepared, band);
    }
    let Prepared {
        config,
        market: Market { bars, actions, .. },
        load_ms,
        ..
    } = prepared;
    let (base, hours) = (config.base_timeframe, config.instrument.calendar());
    let timeframe = config.strategy.timeframe;
    let began = Instant::now();
    let mut report = |done| {
        running.done.store(done, Ordering::Relaxed);
        !running.canceled.load(Ordering::Relaxed)
    };
    let run = if band {
        backtest::run_with_band
    } else {
        backtest::run
    };
    let outcome = run(
        config,
        MarketData {
            bars: &bars,
            actions: &actions,
        },
        &mut report,
    )
    .ok()?;
    let run = began.elapsed().as_secs_f64();
    let context = ReportContext {
        data_quality: quality(&bars, base, hours),
        timing: Timing {
            load_ms,
            run_ms: run * 1e3,
            bars_per_second: bars.len() as f64 / run.max(1e-9),
        },
    };
    let mut status = running.status();
    status.state = BacktestState::Finished;
    status.progress.done = status.progress.total;
    status.bars = backtest::chart_bars(&bars, base, timeframe, CHART_BARS);
    status.equity = outcome.equity_curve(&bars, CHART_POINTS);
    let summary = summarize(&status, &outcome);
    status.report = Some(outcome.report(&bars, context));
    Some(Finished { status, summary })
}

/// The same over several symbols.
fn compute_together(running: &Running, prepared: Prepared, band: bool) -> Option<Finished> {
    let Prepared {
        config,
        market,
        load_ms,
        ..
    } = prepared;
    let bars: Vec<Bars> = std::iter::once(&market.bars)
        .chain(&market.others)
        .cloned()
        .collect();
    let (base, timeframe) = (config.base_timeframe, config.strategy.timeframe);
    let began = Instant::now();
    let mut report = |done| {
        running.done.store(done, Ordering::Relaxed);
        !running.canceled.load(Ordering::Relaxed)
    };
    let run = if band {
        backtest::run_together_with_band
    } else {
        backtest::run_together
    };
    let hours: Vec<_> = config.instruments().map(|it| it.calendar()).collect();
    let outcome = run(config, &bars, &mut report).ok()?;
    let run = began.elapsed().as_secs_f64();
    let quality: Vec<_> = bars
        .iter()
        .zip(hours)
        .map(|(bars, hours)| quality(bars, base, hours))
        .collect();
    let timing = Timing {
        load_ms,
        run_ms: run * 1e3,
        bars_per_second: market.count() as f64 / run.max(1e-9),
    };
    let mut status = running.status();
    status.state = BacktestState::Finished;
    status.progress.done = status.progress.total;
    // The chart is of the first symbol, the curve of the account.
    status.bars = backtest::chart_bars(&market.bars, base, timeframe, CHART_BARS);
    let points: Vec<_> = outcome.equity_points_together(&bars).collect();
    status.equity = thin_minmax(&points, CHART_POINTS, |point| Price(point.equity).to_f64());
    let summary = summarize(&status, &outcome);
    status.report = Some(outcome.report_together(&bars, &quality, timing));
    Some(Finished { status, summary })
}

fn summarize(status: &BacktestStatus, outcome: &Outcome) -> BacktestSummary {
    let metrics = &outcome.metrics;
    BacktestSummary {
        id: status.id.clone(),
        finished_at: wall_clock(),
        dataset: status
            .request
            .dataset
            .clone()
            .unwrap_or_else(|| SIMULATED.to_owned()),
        dataset_label: status.dataset_label.clone(),
        params: outcome.engine().config().strategy.params.clone(),
        sparkline: sparkline(&outcome.equity, SPARKLINE),
        total_return: metrics.total_return,
        max_drawdown: metrics.max_drawdown,
        sharpe: metrics.sharpe,
        win_rate: metrics.win_rate,
        trades: metrics.trades,
    }
}
