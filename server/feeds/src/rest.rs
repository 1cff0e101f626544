//! Requests within a venue's limits.

use crate::venue::{FeedError, Secret};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// One request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Path and nothing else: `/api/v3/klines`; a whole address where the venue has a second host.
    pub path: String,
    /// The query's pairs, unencoded.
    pub query: Vec<(String, String)>,
    /// Headers, which may hold keys.
    pub headers: Vec<(String, Secret)>,
    /// What it costs of the venue's budget, as the venue counts.
    pub weight: u32,
}

impl Ask {
    /// A request of weight 1.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            weight: 1,
        }
    }

    /// With a pair of the query.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: Secret) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    /// With a weight.
    #[must_use]
    pub const fn weighing(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }
}

/// An answer as it came, for venues whose errors are told inside of it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// How requests to one venue are made: within its limits, with time-outs, never more than a bounded answer.
#[derive(Clone, Debug)]
pub struct Rest {}

impl Rest {
    /// Asks for JSON. Limits, time-outs, HTML instead of JSON and statuses that mean the same everywhere (401, 403, 418, 429,
    /// 5xx) are errors already; other statuses are the venue's to read, from [`Rest::raw`].
    ///
    /// # Errors
    /// [`FeedError`] when no such answer came.
    pub async fn json<T: DeserializeOwned>(&self, _ask: Ask) -> Result<T, FeedError> {
        unimplemented!()
    }

    /// Asks, and gives the answer whatever its status, but for limits, time-outs and 5xx.
    ///
    /// # Errors
    /// [`FeedError`] when no answer came.
    pub async fn raw(&self, _ask: Ask) -> Result<Answer, FeedError> {
        unimplemented!()
    }
}
