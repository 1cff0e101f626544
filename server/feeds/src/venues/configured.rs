//! What the options of a venue say.

use super::reading::Answers;
use crate::venue::{FeedError, VenueConfig};
use std::time::Duration;

impl Answers {
    /// A number that the configuration gives, the greatest one of those that it may be when it gives none.
    ///
    /// # Errors
    /// [`FeedError::Unsupported`] for any other.
    pub(crate) fn number(
        &self,
        config: &VenueConfig,
        name: &str,
        may_be: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, FeedError> {
        let Some(said) = config.options.get(name) else {
            return Ok(*may_be.end());
        };
        let number = said.parse().ok().filter(|number| may_be.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (may_be.start(), may_be.end());
            self.unsupported(format!("{name} '{said}': it is a number from {least} to {most}"))
        })
    }

    /// One of an option's values, the first when it is not set.
    ///
    /// # Errors
    /// [`FeedError::Unsupported`] names those that there are.
    pub(crate) fn option<'a>(
        &self,
        config: &VenueConfig,
        name: &str,
        values: &[&'a str],
    ) -> Result<&'a str, FeedError> {
        let Some(set) = config.options.get(name) else {
            return Ok(values[0]);
        };
        values
            .iter()
            .find(|value| **value == set)
            .copied()
            .ok_or_else(|| self.unsupported(format!("{name} '{set}'; it has {}", values.join(", "))))
    }

    /// The option `poll_every_s`: how often one symbol is asked for, in seconds, from 0.2 to 3600; `usual` when it is not set.
    ///
    /// # Errors
    /// [`FeedError::Unsupported`] when it is something else.
    pub(crate) fn poll_every(&self, config: &VenueConfig, usual: Duration) -> Result<Duration, FeedError> {
        let Some(text) = config.options.get("poll_every_s") else {
            return Ok(usual);
        };
        text.parse()
            .ok()
            .filter(|secs| (0.2..=3_600.0).contains(secs))
            .map(Duration::from_secs_f64)
            .ok_or_else(|| self.unsupported(format!("poll_every_s '{text}'; it may be 0.2 to 3600")))
    }
}
