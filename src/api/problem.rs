//! Errors, as RFC 9457 problem details.

use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDetails {
    /// A URI that names the kind of problem: `about:blank` or `/api/docs/problems#CODE`.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This problem, in a sentence that says what to do.
    pub detail: String,
    /// The stable code: `unknown_session`, `invalid_strategy`.
    pub code: String,
    /// The fields at fault.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// Of what is asked of too long ago (`out_of_reach`): from when on it can be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// One field at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where: `initial_capital`, `strategy:12:8`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ProblemDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for ProblemDetails {}
