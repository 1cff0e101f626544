//! Typed ids, all in one place, so that one cannot stand where another belongs.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let valid = (1..=64).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
                if valid { Ok(Self(text.to_owned())) } else { Err(IdError) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

number_id! {
    /// An order, counted from 1 inside its session.
    OrderId
}
number_id! {
    /// A round trip from flat to flat, counted from 1 inside its session.
    TradeId
}
number_id! {
    /// An alert, counted from 1 inside its session.
    AlertId
}
/// An instrument's place in its session's list of instruments; the first one is what the strategy trades.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct InstrumentId(pub u16);

impl InstrumentId {
    /// The instrument that the strategy trades.
    pub const PRIMARY: Self = Self(0);

    /// The place in the list.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

text_id! {
    /// A paper-trading session.
    SessionId
}
text_id! {
    /// A backtest run.
    BacktestId
}

text_id! {
    /// A study: a search over parameters, or what it proves.
    StudyId
}

/// The text cannot be an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 64 letters, digits, '-' or '_'")]
pub struct IdError;
