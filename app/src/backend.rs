//! What the pages ask of the server, as a trait that the server implements.
//!
//! The pages reach it through the server functions of [`crate::functions`], which take an `Arc<dyn Backend>` from the
//! context; so this crate knows nothing of storage, hosts or clocks, and tests can put a small stand-in in its place.

use papertape::analytics::Metrics;
use papertape::api::{
    BacktestRequest, BacktestStatus, DatasetInfo, Edit, EditOutcome, FeedsNow, OrderChange, OrderExplanation,
    OrderReport, Outline, ProblemDetails, SessionAction, SessionDataQuality, SessionDetail, SessionSummary,
    StartRequest, StrategyCard, StrategyDetail, StrategyVersion, StudyRequest, StudyStatus, StudySummary,
    SystemStatus, VersionDetail, Word,
};
use papertape::model::{BacktestId, OrderId, SessionId, StudyId};
use papertape::order::OrderList;
use std::{future::Future, pin::Pin};

/// The answer to a question: a value or a problem that the page can show as it is.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProblemDetails>> + Send + 'a>>;

/// The service functions behind the pages; the HTTP API calls the same ones.
pub trait Backend: Send + Sync + 'static {
    /// How the system is.
    fn status(&self) -> Answer<'_, SystemStatus>;
    /// All sessions, newest first.
    fn sessions(&self) -> Answer<'_, Vec<SessionSummary>>;
    /// One session whole.
    fn session(&self, id: SessionId) -> Answer<'_, SessionDetail>;
    /// Starts a session.
    fn start(&self, request: StartRequest) -> Answer<'_, SessionSummary>;
    /// Does something to a session; answers with the session after it.
    fn act(&self, id: SessionId, action: SessionAction) -> Answer<'_, SessionSummary>;
    /// Places orders; answers with what was placed.
    fn place(&self, id: SessionId, list: OrderList) -> Answer<'_, Vec<OrderReport>>;
    /// Changes or withdraws an order; answers with the order after it.
    fn change(&self, id: SessionId, change: OrderChange) -> Answer<'_, OrderReport>;
    /// Why an order filled, has not filled, or ended.
    fn explain(&self, id: SessionId, order: OrderId) -> Answer<'_, OrderExplanation>;
    /// What a session's data was like.
    fn data_quality(&self, id: SessionId) -> Answer<'_, SessionDataQuality>;
    /// How good a session is without the spans whose data is not to be trusted.
    fn untainted_metrics(&self, id: SessionId) -> Answer<'_, Metrics>;
    /// Removes an ended session with its records.
    fn delete(&self, id: SessionId) -> Answer<'_, ()>;
    /// The strategy library, by name.
    fn strategies(&self) -> Answer<'_, Vec<StrategyCard>>;
    /// One strategy with its source.
    fn strategy(&self, slug: String) -> Answer<'_, StrategyDetail>;
    /// What is wrong with a strategy's YAML, each `LINE:COLUMN: message`; empty when it can run.
    fn validate(&self, yaml: String) -> Answer<'_, Vec<String>>;
    /// A strategy file as blocks, with what is wrong with it.
    fn outline(&self, yaml: String) -> Answer<'_, Outline>;
    /// The file after an edit of one of its blocks.
    fn edit_outline(&self, yaml: String, edit: Edit) -> Answer<'_, EditOutcome>;
    /// The words of the strategy language that stand for a value.
    fn words(&self) -> Answer<'_, Vec<Word>>;
    /// Saves a strategy that was made from a version of it, or, without one, a new one.
    fn save_strategy(
        &self,
        slug: String,
        yaml: String,
        version: Option<String>,
    ) -> Answer<'_, StrategyDetail>;
    /// The texts of a strategy before its present one, newest first.
    fn versions(&self, slug: String) -> Answer<'_, Vec<StrategyVersion>>;
    /// One of them, and what changed since.
    fn version(&self, slug: String, version: String) -> Answer<'_, VersionDetail>;
    /// Removes this version of a strategy.
    fn delete_strategy(&self, slug: String, version: String) -> Answer<'_, ()>;
    /// Runs a backtest at once and keeps nothing of it.
    fn preview(&self, request: BacktestRequest) -> Answer<'_, BacktestStatus>;
    /// Starts a backtest.
    fn start_backtest(&self, request: BacktestRequest) -> Answer<'_, BacktestStatus>;
    /// How far a backtest is, with its result once it is there.
    fn backtest(&self, id: BacktestId) -> Answer<'_, BacktestStatus>;
    /// Ends a backtest that is under way; one that has ended stays as it is.
    fn cancel_backtest(&self, id: BacktestId) -> Answer<'_, ()>;
    /// The studies of a strategy that are kept, newest first.
    fn studies(&self, slug: String) -> Answer<'_, Vec<StudySummary>>;
    /// Starts a study.
    fn start_study(&self, request: StudyRequest) -> Answer<'_, StudyStatus>;
    /// How far a study is, with its result once it is there.
    fn study(&self, id: StudyId) -> Answer<'_, StudyStatus>;
    /// Ends a study that is under way, and keeps what is done.
    fn cancel_study(&self, id: StudyId) -> Answer<'_, ()>;
    /// The bars that backtests and replays can run on.
    fn datasets(&self) -> Answer<'_, Vec<DatasetInfo>>;
    /// How all live feeds are.
    fn feeds_now(&self) -> Answer<'_, FeedsNow>;
}
