//! Studies: one at a time, because each takes all cores; with progress, and an end on request that keeps what is done.
//!
//! They are kept in memory, the last few of them: what a study found can be had again from its request.

use super::backtests::{Market, Prepared};
use super::{ServiceError, Services, wall_clock};
use crate::research::{Ground, Threads, run, units};
use papertape::api::{
    BacktestProgress, BacktestState, FieldError, StudyReport, StudyRequest, StudySpec, StudyStatus,
    StudySummary,
};
use papertape::backtest::sweep::{Setting, Workers as _};
use papertape::market::{Bars, CalendarId};
use papertape::model::StudyId;
use papertape::strategy::StrategySpec;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore};

/// Studies that may wait or run at a time.
const MOST_OPEN: usize = 8;
/// Studies that are kept.
const MOST_KEPT: usize = 32;
/// Rows of a sweep that its status holds.
const MOST_ROWS: usize = 500;

/// Studies, oldest first.
#[derive(Debug)]
pub(super) struct Studies {
    kept: Mutex<VecDeque<Arc<Study>>>,
    turn: Arc<Semaphore>,
}

#[derive(Debug)]
struct Study {
    status: Mutex<StudyStatus>,
    threads: Threads,
    /// Told when it is canceled, so that one that waits lets go of its bars.
    canceled: Notify,
}

impl Study {
    fn lock(&self) -> MutexGuard<'_, StudyStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn status(&self) -> StudyStatus {
        self.now(|status| status.clone())
    }

    /// What is known of it by now.
    fn now<T>(&self, read: impl FnOnce(&StudyStatus) -> T) -> T {
        let mut status = self.lock();
        if status.state == BacktestState::Running {
            status.progress.done = self.threads.done();
            status.best = self.threads.best();
        }
        read(&status)
    }

    /// Ends it: at once while it waits, else as soon as its threads see it.
    fn cancel(&self) {
        self.threads.cancel();
        let mut status = self.lock();
        if status.state == BacktestState::Queued {
            status.state = BacktestState::Canceled;
        }
        self.canceled.notify_one();
    }

    fn is_open(&self) -> bool {
        matches!(self.lock().state, BacktestState::Queued | BacktestState::Running)
    }

    /// Runs it, and keeps what comes of it.
    fn run(&self, spec: &StudySpec, ground: &Ground) {
        if self.threads.is_canceled() {
            self.lock().state = BacktestState::Canceled;
            return;
        }
        self.lock().state = BacktestState::Running;
        let result = run(spec, ground, &self.threads);
        let mut status = self.lock();
        status.progress.done = self.threads.done();
        status.state = if self.threads.is_canceled() {
            BacktestState::Canceled
        } else {
            // What a constraint forbids was passed over.
            status.progress.done = status.progress.total;
            BacktestState::Finished
        };
        match result {
            Ok(mut report) => {
                if let StudyReport::Sweep(sweep) = &mut report {
                    sweep.rows.truncate(MOST_ROWS);
                    sweep.invalid.truncate(MOST_ROWS);
                }
                status.result = Some(report);
            }
            Err(error) if error.is_canceled() => {}
            Err(error) => {
                status.state = BacktestState::Failed;
                status.error = Some(error.to_string());
            }
        }
    }
}

impl Studies {
    pub(super) fn new() -> Self {
        Self {
            kept: Mutex::new(VecDeque::new()),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Study>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn cancel_all(&self) {
        for study in self.lock().iter() {
            study.cancel();
        }
    }

    fn find(&self, id: &StudyId) -> Result<Arc<Study>, ServiceError> {
        let kept = self.lock();
        let found = kept.iter().find(|study| study.lock().id == *id);
        found
            .cloned()
            .ok_or_else(|| ServiceError::UnknownStudy(id.clone()))
    }

    /// Keeps a new study, and lets go of the oldest that is over.
    fn keep(&self, study: &Arc<Study>) -> Result<(), ServiceError> {
        let mut kept = self.lock();
        if kept.iter().filter(|study| study.is_open()).count() >= MOST_OPEN {
            return Err(ServiceError::TooManyStudies(MOST_OPEN));
        }
        if kept.len() >= MOST_KEPT
            && let Some(oldest) = kept.iter().position(|study| !study.is_open())
        {
            kept.remove(oldest);
        }
        kept.push_back(Arc::clone(study));
        Ok(())
    }

    /// Waits for its turn and runs it off the threads that serve.
    async fn run(turn: Arc<Semaphore>, study: Arc<Study>, spec: StudySpec, ground: Ground) {
        let permit = tokio::select! {
            permit = turn.acquire_owned() => permit,
            () = study.canceled.notified() => return,
        };
        let job = Arc::clone(&study);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            job.run(&spec, &ground);
        })
        .await;
        if let Err(error) = done {
            let mut status = study.lock();
            tracing::error!(study = %status.id, %error, "the study failed");
            status.state = BacktestState::Failed;
            status.error = Some("the study failed by a fault of the program; the log says more".to_owned());
        }
    }
}

impl Services {
    /// Starts a study.
    ///
    /// # Errors
    /// [`ServiceError`] names every field that cannot be followed.
    pub async fn start_study(&self, request: StudyRequest) -> Result<StudyStatus, ServiceError> {
        let prepared = self.prepare(&request.backtest).await.map_err(inside_backtest)?;
        let Prepared {
            slug,
            source,
            config,
            market:
                Market {
                    bars,
                    actions,
                    others,
                },
            dataset,
            load_ms,
        } = prepared;
        let hours: Vec<_> = config.instruments().map(|it| it.calendar()).collect();
        let setting = Setting {
            spec: StrategySpec::parse(&source).map_err(ServiceError::Strategy)?,
            fixed: request.backtest.params.clone(),
            config,
        };
        let quality =
            |(bars, hours): (&Bars, CalendarId)| super::quality(bars, dataset.info.timeframe, hours);
        let ground = if others.is_empty() {
            let quality = quality((&bars, hours.first().copied().unwrap_or_default()));
            Ground::of_one(setting, (bars, actions), quality, load_ms)
        } else {
            let all: Vec<Bars> = std::iter::once(bars).chain(others).collect();
            let qualities: Vec<_> = all.iter().zip(hours).map(quality).collect();
            Ground::of_several(setting, all, &qualities, load_ms)
        };
        let name = request.study.name();
        let total = units(&request.study, &ground).map_err(|error| {
            let field = error.field();
            let path = if field.is_empty() {
                "backtest".to_owned()
            } else {
                format!("study.{name}.{field}")
            };
            ServiceError::Invalid(vec![FieldError {
                path,
                message: error.to_string(),
            }])
        })?;
        let objective = match &request.study {
            StudySpec::Sweep(spec) => spec.search.objective,
            StudySpec::WalkForward(spec) => spec.search.objective,
            StudySpec::MonteCarlo(_) => Default::default(),
        };
        let spec = request.study.clone();
        let status = StudyStatus {
            id: uuid::Uuid::now_v7()
                .to_string()
                .parse()
                .unwrap_or_else(|_| unreachable!("a UUID is letters, digits and hyphens")),
            slug,
            request,
            state: BacktestState::Queued,
            progress: BacktestProgress { done: 0, total },
            best: None,
            error: None,
            dataset_label: dataset.info.label.clone(),
            simulated: dataset.info.simulated,
            currency: dataset.instrument.quote().to_string(),
            result: None,
            created_at: wall_clock(),
        };
        let study = Arc::new(Study {
            status: Mutex::new(status.clone()),
            threads: Threads::new(None, objective),
            canceled: Notify::new(),
        });
        self.studies.keep(&study)?;
        tokio::spawn(Studies::run(Arc::clone(&self.studies.turn), study, spec, ground));
        Ok(status)
    }

    /// How far a study is, with its result once it is there.
    ///
    /// # Errors
    /// [`ServiceError::UnknownStudy`].
    pub fn study(&self, id: &StudyId) -> Result<StudyStatus, ServiceError> {
        Ok(self.studies.find(id)?.status())
    }

    /// The studies that are kept, newest first: of one strategy of the library, or all.
    #[must_use]
    pub fn studies(&self, slug: Option<&str>) -> Vec<StudySummary> {
        let kept: Vec<_> = self.studies.lock().iter().rev().cloned().collect();
        kept.iter()
            .map(|study| study.now(StudyStatus::summary))
            .filter(|study| slug.is_none() || study.slug.as_deref() == slug)
            .collect()
    }

    /// Ends a study that waits or runs; what is done is kept. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`ServiceError::UnknownStudy`].
    pub fn cancel_study(&self, id: &StudyId) -> Result<(), ServiceError> {
        self.studies.find(id)?.cancel();
        Ok(())
    }
}

/// Fields of the backtest inside the request.
fn inside_backtest(error: ServiceError) -> ServiceError {
    match error {
        ServiceError::Invalid(errors) => ServiceError::Invalid(
            errors
                .into_iter()
                .map(|error| FieldError {
                    path: format!("backtest.{}", error.path),
                    ..error
                })
                .collect(),
        ),
        other => other,
    }
}
