//! How all live feeds are, as their page shows it.

use super::{ServiceError, Services, wall_clock};
use papertape::api::FeedsNow;

/// Incidents of all feeds that a page is given at most.
const MOST_INCIDENTS: usize = 500;

impl Services {
    /// How every live feed is, with what was not as it should be in the last day.
    ///
    /// # Errors
    /// [`ServiceError`] when storage cannot be read.
    pub async fn feeds_now(&self) -> Result<FeedsNow, ServiceError> {
        let feeds = self.feed_health();
        let mut incidents = Vec::new();
        for feed in &feeds {
            incidents.extend(self.feed_incidents(&feed.name).await?);
        }
        incidents.sort_by_key(|incident| std::cmp::Reverse(incident.from));
        incidents.truncate(MOST_INCIDENTS);
        Ok(FeedsNow {
            time: wall_clock(),
            feeds,
            incidents,
        })
    }
}
