//! The server functions: the pages' reads and deeds, carried as JSON.
#![allow(
    missing_docs,
    reason = "the macro makes a struct of each function's arguments; the functions say what they mean"
)]
#![allow(
    clippy::result_large_err,
    reason = "a problem is as large as its words, made once per failed call"
)]

use crate::wire::{Wire, Wired};
use leptos::prelude::*;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use papertape::analytics::Metrics;
use papertape::api::{
    BacktestRequest, BacktestStatus, DatasetInfo, Edit, EditOutcome, FeedsNow, OrderChange, OrderExplanation,
    OrderReport, Outline, ProblemDetails, SessionAction, SessionDataQuality, SessionDetail, SessionSummary,
    StartRequest, StrategyCard, StrategyDetail, StrategyVersion, StudyRequest, StudyStatus, StudySummary,
    SystemStatus, VersionDetail, Word,
};
use papertape::model::{BacktestId, OrderId, SessionId, StudyId};
use papertape::order::OrderList;
use serde::{Deserialize, Serialize};
use std::fmt;

#[cfg(feature = "ssr")]
use crate::backend::Backend;
#[cfg(feature = "ssr")]
use std::sync::Arc;

/// Why a server function did not do what was asked: the server's own problem, or the way to it was cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problem(pub ProblemDetails);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Problem {}

impl From<ProblemDetails> for Problem {
    fn from(details: ProblemDetails) -> Self {
        Self(details)
    }
}

impl FromServerFnError for Problem {
    type Encoder = Wire;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let (code, title, detail) = match &error {
            ServerFnErrorErr::Request(_) => (
                "unreachable",
                "The server cannot be reached",
                "The server did not answer, so it is not known whether it did what was asked. Check that Papertape is \
                 running, and look before you ask again."
                    .to_owned(),
            ),
            ServerFnErrorErr::Deserialization(_) | ServerFnErrorErr::Args(_) => (
                "version_mismatch",
                "The page and the server speak different versions",
                format!("Reload the page to get the server's version ({error})."),
            ),
            _ => ("internal", "The server could not answer", error.to_string()),
        };
        Self(ProblemDetails {
            type_uri: "about:blank".to_owned(),
            title: title.to_owned(),
            status: if code == "unreachable" { 503 } else { 500 },
            detail,
            code: code.to_owned(),
            errors: Vec::new(),
            since: None,
        })
    }
}

#[cfg(feature = "ssr")]
fn backend() -> Result<Arc<dyn Backend>, ProblemDetails> {
    use_context().ok_or_else(|| ProblemDetails {
        type_uri: "about:blank".to_owned(),
        title: "The server is not ready".to_owned(),
        status: 503,
        detail: "The server has no services behind its pages yet. Wait a moment and reload the page."
            .to_owned(),
        code: "not_ready".to_owned(),
        errors: Vec::new(),
        since: None,
    })
}

/// Gives the response the status of the problem: always to a call from the browser; to a page that is being rendered
/// only when the thing it is about is not there, because the rest of such a page is still of use.
#[cfg(feature = "ssr")]
fn answer<T>(result: Result<T, ProblemDetails>) -> Result<T, Problem> {
    result.map_err(|details| {
        let called =
            use_context::<http::request::Parts>().is_some_and(|it| it.uri.path().starts_with(PREFIX));
        if let Some(response) = use_context::<leptos_axum::ResponseOptions>()
            && let Ok(status) = http::StatusCode::from_u16(details.status)
            && (called || status == http::StatusCode::NOT_FOUND)
        {
            response.set_status(status);
        }
        Problem(details)
    })
}

/// Where the server functions are.
#[cfg(feature = "ssr")]
const PREFIX: &str = "/api/pages";

macro_rules! read_and_do {
    ($( $(#[$doc:meta])* fn $name:ident as $type:ident ($($argument:ident : $kind:ty),*) -> $answer:ty; )*) => { $(
        $(#[$doc])*
        ///
        /// # Errors
        /// The server's problem, or that it could not be reached.
        #[server(name = $type, prefix = "/api/pages", input = Wired, output = Wired)]
        pub async fn $name($($argument: $kind),*) -> Result<$answer, Problem> {
            let backend = backend().map_err(Problem)?;
            answer(backend.$name($($argument),*).await)
        }
    )* };
}

read_and_do! {
    /// How the system is.
    fn status as Status() -> SystemStatus;
    /// All sessions, newest first.
    fn sessions as Sessions() -> Vec<SessionSummary>;
    /// One session whole.
    fn session as Session(id: SessionId) -> SessionDetail;
    /// Starts a session.
    fn start as Start(request: StartRequest) -> SessionSummary;
    /// Does something to a session.
    fn act as Act(id: SessionId, action: SessionAction) -> SessionSummary;
    /// Places orders.
    fn place as Place(id: SessionId, list: OrderList) -> Vec<OrderReport>;
    /// Changes or withdraws an order.
    fn change as ChangeOrder(id: SessionId, change: OrderChange) -> OrderReport;
    /// Why an order filled, has not filled, or ended.
    fn explain as Explain(id: SessionId, order: OrderId) -> OrderExplanation;
    /// What a session's data was like.
    fn data_quality as DataQuality(id: SessionId) -> SessionDataQuality;
    /// How good a session is without the spans whose data is not to be trusted.
    fn untainted_metrics as UntaintedMetrics(id: SessionId) -> Metrics;
    /// Removes an ended session with its records.
    fn delete as Delete(id: SessionId) -> ();
    /// The strategy library, by name.
    fn strategies as Strategies() -> Vec<StrategyCard>;
    /// One strategy with its source.
    fn strategy as Strategy(slug: String) -> StrategyDetail;
    /// What is wrong with a strategy's YAML, each `LINE:COLUMN: message`.
    fn validate as Validate(yaml: String) -> Vec<String>;
    /// A strategy file as blocks, with what is wrong with it.
    fn outline as ReadOutline(yaml: String) -> Outline;
    /// The file after an edit of one of its blocks.
    fn edit_outline as EditOutline(yaml: String, edit: Edit) -> EditOutcome;
    /// The words of the strategy language that stand for a value.
    fn words as Words() -> Vec<Word>;
    /// Saves a strategy that was made from a version of it, or, without one, a new one.
    fn save_strategy as SaveStrategy(slug: String, yaml: String, version: Option<String>) -> StrategyDetail;
    /// The texts of a strategy before its present one, newest first.
    fn versions as Versions(slug: String) -> Vec<StrategyVersion>;
    /// One of them, and what changed since.
    fn version as Version(slug: String, version: String) -> VersionDetail;
    /// Removes this version of a strategy.
    fn delete_strategy as DeleteStrategy(slug: String, version: String) -> ();
    /// Runs a backtest at once and keeps nothing of it.
    fn preview as Preview(request: BacktestRequest) -> BacktestStatus;
    /// Starts a backtest.
    fn start_backtest as StartBacktest(request: BacktestRequest) -> BacktestStatus;
    /// How far a backtest is, with its result once it is there.
    fn backtest as Backtest(id: BacktestId) -> BacktestStatus;
    /// Ends a backtest that is under way.
    fn cancel_backtest as CancelBacktest(id: BacktestId) -> ();
    /// The studies of a strategy that are kept, newest first.
    fn studies as Studies(slug: String) -> Vec<StudySummary>;
    /// Starts a study.
    fn start_study as StartStudy(request: StudyRequest) -> StudyStatus;
    /// How far a study is.
    fn study as Study(id: StudyId) -> StudyStatus;
    /// Ends a study that is under way.
    fn cancel_study as CancelStudy(id: StudyId) -> ();
    /// The bars that backtests and replays can run on.
    fn datasets as Datasets() -> Vec<DatasetInfo>;
    /// How all live feeds are.
    fn feeds_now as ReadFeeds() -> FeedsNow;
}
