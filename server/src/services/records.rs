//! A session's records, a page at a time.

use super::{ServiceError, Services};
use crate::storage::ListQuery;
use papertape::alert::Alert;
use papertape::analytics::Metrics;
use papertape::api::{EquityPoint, FeedKind, Page, TradeReport};
use papertape::engine::Event;
use papertape::exchange::Fill;
use papertape::model::{InstrumentId, SessionId, Symbol};
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
            true => {
                let mut page = self.storage.orders(id, &query.list).await?;
                let place = self.place(id, query)?;
                page.items
                    .retain(|order| place.is_none_or(|at| order.instrument == at));
                Ok(page)
            }
            false => Ok(nothing()),
        }
    }

    /// Fills, oldest first.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn fills(&self, id: &SessionId, query: &RecordQuery) -> Result<Page<Fill>, ServiceError> {
        match self.admits(id, query)? {
            true => {
                let mut page = self.storage.fills(id, &query.list).await?;
                let place = self.place(id, query)?;
                page.items
                    .retain(|fill| place.is_none_or(|at| fill.instrument == at));
                Ok(page)
            }
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
            items: page
                .items
                .iter()
                .filter(|trade| query.symbol.as_ref().is_none_or(|symbol| *symbol == trade.symbol))
                .map(TradeReport::from)
                .collect(),
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

    /// Open positions: at most one of each symbol.
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
        let summary = self.session(id).await?.summary;
        let all = summary.position.into_iter().chain(summary.other_positions);
        let wanted = all.filter(|position| {
            query
                .symbol
                .as_ref()
                .is_none_or(|symbol| *symbol == position.symbol)
        });
        Ok(Page {
            items: wanted.collect(),
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
            let data = match session.feed.kind {
                FeedKind::Live => self.data_alerts(&session.id).await?,
                FeedKind::Simulated | FeedKind::Replay => Vec::new(),
            };
            all.extend(page.items.into_iter().chain(data).map(|alert| SessionAlert {
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
        // Asked in any case: it knows whether there is such a session.
        let place = self.place(id, query)?;
        Ok(query.symbol.is_none() || place.is_some())
    }

    /// The place in the session of the symbol that is asked for. A page of a session of several symbols may hold fewer
    /// items than its limit for it.
    fn place(&self, id: &SessionId, query: &RecordQuery) -> Result<Option<InstrumentId>, ServiceError> {
        let summary = self.host.summary(id)?;
        let mut known = summary.instruments();
        let wanted = query.symbol.as_ref();
        let place = wanted.and_then(|symbol| known.position(|instrument| instrument.symbol() == symbol));
        Ok(place
            .and_then(|place| u16::try_from(place).ok())
            .map(InstrumentId))
    }
}

const fn nothing<T>() -> Page<T> {
    Page {
        items: Vec::new(),
        next_cursor: None,
    }
}
