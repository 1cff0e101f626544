//! The JSON that HTTP and WebSocket speak, shared by server, page and command line.

mod account;
mod backtest;
mod check;
mod explain;
mod feed;
mod live;
mod market;
mod option;
mod order;
mod outline;
mod problem;
mod session;
mod strategy;
mod study;
mod worker;

pub use account::AccountRequest;
pub use backtest::{
    BacktestProgress, BacktestReport, BacktestRequest, BacktestState, BacktestStatus, BandReport,
    CashFlowSum, DataQuality, ShadowReport, StrategyRun, SymbolReport, Timing, TradeReport,
};
pub use check::{FieldErrors, MAX_CAPITAL};
pub use explain::{Ending, FillPart, FillStory, OrderExplanation, PartName, WaitStory};
pub use feed::{
    BreakerState, BudgetWindow, ConnectionState, DataIncident, FeedClientMessage, FeedEvent, FeedHealth,
    FeedIncident, FeedServerMessage, FeedSubscription, FeedsNow, Freshness, IndicativePrice, OrderBookView,
    SessionDataQuality, SourceHealth, SymbolHealth, Ticker, TimeSpan,
};
pub use live::{ClientMessage, LiveEvent, ServerMessage, Subscription};
pub use market::MarketInfo;
pub use option::{
    BoardExpiry, BoardGreeks, BoardOption, ComboBody, ExerciseBody, LegOfComboBody, OptionBoard,
    OptionSettings,
};
pub use order::{
    AmendBody, AttachedBody, GroupWord, LegBody, Number, OrderBody, OrderChange, OrderListBody, OrderReport,
    PostOnlyBody, PublicOrderId, PublicOrderIdError, TrailBody,
};
pub use outline::{
    Addition, Block, BlockProblem, Choice, Edit, EditOutcome, Edited, Field, FieldKind, Outline, Place,
    Section, Word, WordArgument, WordGroup,
};
pub use problem::{FieldError, ProblemDetails};
pub use session::{
    EquityPoint, FeedInfo, FeedKind, LastEvent, Page, SessionAction, SessionDetail, SessionSummary,
    SnapshotMessage, StartRequest, SystemStatus,
};
pub use strategy::{
    BacktestSummary, ChangedLine, DatasetInfo, LineKind, ParamInfo, StrategyCard, StrategyDetail,
    StrategyVersion, VersionDetail,
};
pub use study::{
    MonteCarloReport, RunFacts, StudyReport, StudyRequest, StudySpec, StudyStatus, StudySummary,
    SweepContext, SweepReport, SweepRow, SweepTiming, UnrunRow, WalkForwardReport, WalkForwardWindow,
};
pub use worker::{
    BacktestPreview, BarsHeader, CheckedStrategy, NEEDS_SERVER, WorkerAnswer, WorkerAsk, WorkerReply,
    WorkerRequest,
};
