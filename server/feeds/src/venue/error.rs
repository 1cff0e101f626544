//! Why a venue did not give what was asked for.

use papertape::model::{Symbol, Timeframe, Timestamp};
use std::time::Duration;

/// Why a venue did not give what was asked for. `Display` says it in a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// No such feed is configured.
    #[error("there is no feed {feed}{}", .near.as_ref().map_or_else(String::new, |near| format!("; did you mean {near}?")))]
    UnknownFeed {
        /// What was asked for.
        feed: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// No such symbol there.
    #[error("{venue} does not list {symbol}{}", .near.as_ref().map_or_else(String::new, |near| format!("; did you mean {near}?")))]
    UnknownSymbol {
        /// Which venue.
        venue: String,
        /// Which symbol.
        symbol: String,
        /// The nearest that it lists.
        near: Option<String>,
    },
    /// No bars of this length there.
    #[error("{venue} has no bars of {timeframe}; it has {known}")]
    UnsupportedTimeframe {
        /// Which venue.
        venue: String,
        /// Which length.
        timeframe: Timeframe,
        /// Those that it has.
        known: String,
    },
    /// The venue does not give bars of so long ago.
    #[error(
        "{venue} gives bars of {timeframe} of {symbol} from {since} on and none of before: ask from then on, or import a file that has the \
         older ones (papertape import)"
    )]
    OutOfReach {
        /// Which feed.
        venue: String,
        /// Of which symbol.
        symbol: Symbol,
        /// Of which length.
        timeframe: Timeframe,
        /// From when on it gives them, as of now.
        since: Timestamp,
    },
    /// The venue does not have this at all.
    #[error("{venue} has no {what}")]
    Unsupported {
        /// Which venue.
        venue: String,
        /// What.
        what: String,
    },
    /// A key is needed and there is none.
    #[error("{venue} needs a key: set {variable}, or put it into the secrets file")]
    MissingKey {
        /// Which venue.
        venue: String,
        /// The environment variable to set.
        variable: String,
    },
    /// The key was refused, or does not cover this.
    #[error("{venue} refused the key: {detail}")]
    Unauthorized {
        /// Which venue.
        venue: String,
        /// The venue's words.
        detail: String,
    },
    /// Too many requests: not before the moment named.
    #[error("{venue} is asked too often; it answers again in {} s", .retry_after.as_secs().max(1))]
    RateLimited {
        /// Which venue.
        venue: String,
        /// How long to wait.
        retry_after: Duration,
        /// Whether it is a ban (418), not a mere limit.
        is_ban: bool,
    },
    /// All that the venue allows is used up, for longer than it can be waited for. Nothing was asked.
    #[error("{venue} has no request free for {} s: {limit}; {advice}", .retry_after.as_secs().max(1))]
    NoneFree {
        /// Which venue.
        venue: String,
        /// How long to wait.
        retry_after: Duration,
        /// Its limits, in words.
        limit: String,
        /// What may be done.
        advice: String,
    },
    /// The host cannot be reached, or answered too late.
    #[error("{venue} cannot be reached at {host}: {detail}")]
    Unreachable {
        /// Which venue.
        venue: String,
        /// The host.
        host: String,
        /// What happened.
        detail: String,
    },
    /// The venue has trouble (5xx, or as it says that itself).
    #[error("{venue} is in trouble: it answered {said}")]
    Trouble {
        /// Which venue.
        venue: String,
        /// The HTTP status, or the venue's words.
        said: String,
    },
    /// The request was refused.
    #[error("{venue} refused the request: {detail}")]
    Refused {
        /// Which venue.
        venue: String,
        /// Its words.
        detail: String,
    },
    /// What answered is not the venue: HTML, another protocol, nonsense.
    #[error("what answers at {host} is not {venue}: {detail}")]
    NotTheVenue {
        /// Which venue.
        venue: String,
        /// The host.
        host: String,
        /// What came.
        detail: String,
    },
}

impl FeedError {
    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownFeed { .. } => "unknown_feed",
            Self::UnknownSymbol { .. } => "unknown_symbol",
            Self::UnsupportedTimeframe { .. } => "unsupported_timeframe",
            Self::OutOfReach { .. } => "out_of_reach",
            Self::Unsupported { .. } => "unsupported",
            Self::MissingKey { .. } => "missing_key",
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::NoneFree { .. } => "no_request_free",
            Self::Unreachable { .. } => "unreachable",
            Self::Trouble { .. } => "venue_trouble",
            Self::Refused { .. } => "refused",
            Self::NotTheVenue { .. } => "not_the_venue",
        }
    }

    /// After how long asking again may help, where that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::NoneFree { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// The words in it that may be the venue's own.
    pub(crate) const fn words_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Refused { detail: words, .. }
            | Self::Unauthorized { detail: words, .. }
            | Self::Unreachable { detail: words, .. }
            | Self::NotTheVenue { detail: words, .. }
            | Self::Trouble { said: words, .. }
            | Self::UnknownSymbol { symbol: words, .. }
            | Self::Unsupported { what: words, .. } => Some(words),
            Self::UnknownFeed { .. }
            | Self::UnsupportedTimeframe { .. }
            | Self::OutOfReach { .. }
            | Self::MissingKey { .. }
            | Self::RateLimited { .. }
            | Self::NoneFree { .. } => None,
        }
    }

    /// Whether it is about a symbol that was asked for and not about the venue: others may be had though this one is not.
    #[must_use]
    pub const fn is_about_symbols(&self) -> bool {
        matches!(self, Self::UnknownSymbol { .. } | Self::Refused { .. })
    }

    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::NoneFree { .. }
                | Self::Unreachable { .. }
                | Self::Trouble { .. }
                | Self::NotTheVenue { .. }
        )
    }
}
