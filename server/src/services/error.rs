//! Why a service did not do what was asked, in the domain's words.

use super::RefusedOrders;
use crate::host::HostError;
use crate::storage::StorageError;
use papertape::api::FieldError;
use papertape::model::{BacktestId, StudyId};
use papertape::order::OrderStatus;
use papertape::strategy::Problem;

/// Why a service did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Fields of the request that cannot be followed.
    #[error("{}", first(.0))]
    Invalid(Vec<FieldError>),
    /// The strategy has problems.
    #[error("the strategy cannot run: {}", .0.first().map_or_else(String::new, ToString::to_string))]
    Strategy(Vec<Problem>),
    /// A field names something that is not there; the code says what kind of thing.
    #[error("{message}")]
    NoSuch {
        /// `unknown_symbol`, `unknown_feed`, …
        code: &'static str,
        /// The field.
        path: &'static str,
        /// What is not there, and what is.
        message: String,
    },
    /// There is no such strategy.
    #[error("there is no strategy '{0}'")]
    UnknownStrategy(String),
    /// There is no such earlier text of the strategy.
    #[error("the history of '{0}' has no version '{1}'")]
    UnknownVersion(String, String),
    /// A strategy that came with Papertape is not written over.
    #[error("'{0}' came with Papertape and stays as it is: save yours under another name")]
    BuiltinStrategy(String),
    /// The name is taken.
    #[error("there is a strategy '{0}' already: choose another name, or open that one")]
    StrategyExists(String),
    /// The strategy is not what the change was made from.
    #[error("the strategy '{0}' was changed or removed meanwhile: read it again, or save under another name")]
    StrategyChanged(String),
    /// A strategy's file cannot be written.
    #[error("the strategy's file cannot be written")]
    Files(#[source] std::io::Error),
    /// There is no such backtest.
    #[error("there is no backtest '{0}'")]
    UnknownBacktest(BacktestId),
    /// There is no such study, or no more.
    #[error("there is no study '{0}'; the last few are kept until the server ends")]
    UnknownStudy(StudyId),
    /// No more backtests at a time.
    #[error("{0} backtests wait or run already: wait for one of them, or cancel it")]
    TooManyBacktests(usize),
    /// No more studies at a time.
    #[error("{0} studies wait or run already: wait for one of them, or cancel it")]
    TooManyStudies(usize),
    /// There is no such order.
    #[error("there is no order '{0}'")]
    UnknownOrder(String),
    /// The order is at its end: it can be neither changed nor withdrawn.
    #[error("the order is {0}: it can be neither changed nor withdrawn")]
    OrderEnded(OrderStatus),
    /// Risk check or exchange refused an order, or a change of one.
    #[error("{}", .0.reason)]
    RefusedOrders(Box<RefusedOrders>),
    /// A live feed did not give what was asked of it.
    #[error("{0}")]
    Feed(papertape_feeds::FeedError),
    /// The host's word.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<Vec<FieldError>> for ServiceError {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::Invalid(errors)
    }
}

fn first(errors: &[FieldError]) -> String {
    errors
        .first()
        .map_or_else(String::new, |error| format!("{}: {}", error.path, error.message))
}
