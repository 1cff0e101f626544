//! How the connection is, and how long to wait before the next try.

use papertape::model::Timestamp;

/// How the live connection is. The times are those of the last message, on the browser's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The first connection is being made.
    Connecting,
    /// Messages arrive as things happen.
    Connected,
    /// The connection broke and is being made again; what is shown is as of `since`.
    Reconnecting {
        /// When the last message came.
        since: Timestamp,
    },
    /// The server has not answered for a while, or the device has no network. Tries go on.
    Offline {
        /// When the last message came.
        since: Timestamp,
    },
}

/// After this long without the server, "reconnecting" would be too hopeful a word.
const OFFLINE_AFTER_MS: i64 = 30_000;

impl Connection {
    /// What to call a broken connection.
    #[must_use]
    pub fn broken(last_message: Timestamp, now: Timestamp, network: bool) -> Self {
        if network && now.millis() - last_message.millis() < OFFLINE_AFTER_MS {
            Self::Reconnecting { since: last_message }
        } else {
            Self::Offline { since: last_message }
        }
    }

    /// The state's stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Offline { .. } => "offline",
        }
    }
}

/// Milliseconds before try number `attempt` (from 0): doubling from half a second to fifteen, and spread by `random`
/// (0 to 1) over the upper half, so that many pages do not come back at one moment.
#[must_use]
pub(super) fn delay(attempt: u32, random: f64) -> u32 {
    let ceiling = 500.0 * f64::from(1_u32 << attempt.min(5));
    let ceiling = ceiling.min(15_000.0);
    (ceiling * (0.5 + 0.5 * random.clamp(0.0, 1.0))) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_come_slower_and_never_rarer_than_every_fifteen_seconds() {
        assert_eq!((delay(0, 0.0), delay(0, 1.0)), (250, 500));
        assert_eq!((delay(3, 0.0), delay(3, 1.0)), (2_000, 4_000));
        assert_eq!((delay(5, 1.0), delay(60, 1.0)), (15_000, 15_000));
    }

    #[test]
    fn half_a_minute_without_the_server_is_offline() {
        let at = Timestamp::from_secs;
        assert_eq!(
            Connection::broken(at(100), at(120), true),
            Connection::Reconnecting { since: at(100) }
        );
        assert_eq!(
            Connection::broken(at(100), at(130), true),
            Connection::Offline { since: at(100) }
        );
        assert_eq!(
            Connection::broken(at(100), at(101), false),
            Connection::Offline { since: at(100) }
        );
    }
}
