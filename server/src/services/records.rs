//! A session's records, a page at a time.

use super::{ServiceError, Services};
use crate::storage::ListQuery;
use papertape::alert::Alert;
use papertape::analytics::Metrics;
use papertape::api::{EquityPoint, Page, TradeReport};
use papertape::engine::Event;
use papertape::exchange::Fill;
use papertape::model::{SessionId, Symbol};
use papertape::order::Order;
use papertape::portfolio::Position;
use serde::Serialize;

/// Which of a session's records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordQuery {
    /// Of this symbol only.
    pub symbol: Option<Symbol>,
    /// Which.
    pub list: ListQuery,
}

/// An alert with its session.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionAlert {
    /// The session.
    pub session: SessionId,
    /// The session's name.
    pub session_name: String,
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
}

impl Services {
    /// The journal.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn events(&self, id: &SessionId, query: &RecordQuery) -> Result<Page<Event>, ServiceError> {
        match self.admits(id, query)? {
            true => Ok(self.storage.events(id, &query.list).await?),
            false => Ok(nothing()),
        }
    }

    /// Orders, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn orders(&self, id: &SessionId, query: &RecordQuery) -> Result<Page<Order>, ServiceError> {
        match self.admits(id, query)? {
            true => Ok(self.storage.orders(id, &query.list).await?),
            false => Ok(nothing()),
        }
    }

    /// Fills, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn fills(&self, id: &SessionId, query: &RecordQuery) -> Result<Page<Fill>, ServiceError> {
        match self.admits(id, query)? {
            true => Ok(self.storage.fills(id, &query.list).await?),
            false => Ok(nothing()),
        }
    }

    /// Trades, oldest first, one still open without exit: the shape in which backtests report them.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn trades(
        &self,
        id: &SessionId,
        query: &RecordQuery,
    ) -> Result<Page<TradeReport>, ServiceError> {
        if !self.admits(id, query)? {
            return Ok(nothing());
        }
        let page = self.storage.trades(id, &query.list).await?;
        Ok(Page {
            items: page.items.iter().map(TradeReport::from).collect(),
            next_cursor: page.next_cursor,
        })
    }

    /// The equity curve, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn equity(
        &self,
        id: &SessionId,
        query: &RecordQuery,
    ) -> Result<Page<EquityPoint>, ServiceError> {
        match self.admits(id, query)? {
            true => Ok(self.storage.equity(id, &query.list).await?),
            false => Ok(nothing()),
        }
    }

    /// Open positions: none or one.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn positions(
        &self,
        id: &SessionId,
        query: &RecordQuery,
    ) -> Result<Page<Position>, ServiceError> {
        if !self.admits(id, query)? {
            return Ok(nothing());
        }
        Ok(Page {
            items: self.session(id).await?.summary.position.into_iter().collect(),
            next_cursor: None,
        })
    }

    /// How good a session is so far.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn metrics(&self, id: &SessionId) -> Result<Metrics, ServiceError> {
        Ok(self.session(id).await?.metrics)
    }

    /// The newest alerts of all sessions, newest first.
    ///
    /// # Errors
    /// [`ServiceError`] when storage cannot be read.
    pub async fn alerts(&self, limit: u32) -> Result<Vec<SessionAlert>, ServiceError> {
        let mut all = Vec::new();
        for session in self.sessions() {
            let query = ListQuery {
                limit: 10_000,
                ..ListQuery::default()
            };
            let page = self.storage.alerts(&session.id, &query).await?;
            all.extend(page.items.into_iter().map(|alert| SessionAlert {
                session: session.id.clone(),
                session_name: session.name.clone(),
                alert,
            }));
        }
        all.sort_by_key(|item| std::cmp::Reverse(item.alert.time));
        all.truncate(limit as usize);
        Ok(all)
    }

    /// Whether the query can match anything of the session.
    fn admits(&self, id: &SessionId, query: &RecordQuery) -> Result<bool, ServiceError> {
        let summary = self.host.summary(id)?;
        Ok(query
            .symbol
            .as_ref()
            .is_none_or(|symbol| symbol == summary.instrument.symbol()))
    }
}

const fn nothing<T>() -> Page<T> {
    Page {
        items: Vec::new(),
        next_cursor: None,
    }
}
