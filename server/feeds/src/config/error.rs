//! Why a configuration cannot be used, and what may have been meant.

/// The known name that is meant, when one is near enough.
pub(crate) fn nearest(name: &str, known: impl Iterator<Item = impl AsRef<str>>) -> Option<String> {
    let near = known.map(|known| (distance(name, known.as_ref()), known.as_ref().to_owned()));
    near.min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, name)| name)
}

/// How many letters to change, add or take away (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.chars().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

fn did_you_mean(near: Option<&String>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean {near}?"))
}

/// Why the configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// It is not TOML, or names something that there is not.
    #[error("line {line} of the feeds' configuration is wrong: {message}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// The parser's words.
        message: String,
    },
    /// The secrets file cannot be used.
    #[error("the secrets file {path} cannot be read: {detail}")]
    Secrets {
        /// Where.
        path: String,
        /// Why.
        detail: String,
    },
    /// A name that cannot be one.
    #[error("'{name}' is not a feed's name: write up to 32 small letters, digits, - and _")]
    Name {
        /// What was written.
        name: String,
    },
    /// No such protocol.
    #[error("feeds.{feed}.venue: there is no venue '{venue}'{}", did_you_mean(.near.as_ref()))]
    UnknownVenue {
        /// Of which feed.
        feed: String,
        /// What was written.
        venue: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// An address of another kind, or with a key in it.
    #[error("{key} {problem}")]
    Address {
        /// Which key.
        key: String,
        /// What is wrong, without the address.
        problem: String,
    },
    /// A name of no feed.
    #[error("{key}: there is no feed '{name}'{}", did_you_mean(.near.as_ref()))]
    UnknownFeed {
        /// Where it was written.
        key: String,
        /// What was written.
        name: String,
        /// The nearest that there is.
        near: Option<String>,
    },
    /// A route of nothing.
    #[error("routes.{name}.sources: a route needs at least one source")]
    NoSources {
        /// Which route.
        name: String,
    },
    /// Another name for a symbol that the route does not have.
    #[error("{key}: {symbol} is not among the symbols of the route")]
    NotOfRoute {
        /// Where it was written.
        key: String,
        /// Which symbol.
        symbol: String,
    },
    /// A name that is there already.
    #[error("{name} is there twice")]
    Twice {
        /// Which name.
        name: String,
    },
    /// A threshold that makes no sense.
    #[error("quality.{name} must {must}")]
    Threshold {
        /// Which.
        name: &'static str,
        /// What it must be.
        must: String,
    },
    /// A venue cannot be made from what was said of it.
    #[error("feeds.{feed}: {detail}")]
    Venue {
        /// Which feed.
        feed: String,
        /// What it says.
        detail: String,
    },
}
