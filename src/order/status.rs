//! The one table of order states.
//!
//! An order's status changes here and nowhere else. Every pair of status and event is either a move or a
//! [`TransitionError`] that names both.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Placed by the strategy or a person; the risk check has not spoken.
    Initialized,
    /// Waits for the order that it is attached to.
    Waiting,
    /// Refused by the risk check; it never reached the exchange.
    Denied,
    /// Passed the risk check, on its way to the exchange.
    Submitted,
    /// Refused by the exchange.
    Rejected,
    /// Resting at the exchange.
    Accepted,
    /// A stop that was set off.
    Triggered,
    /// Filled in part, the rest resting.
    PartiallyFilled,
    /// Filled whole.
    Filled,
    /// Withdrawn by its owner or by the engine.
    Canceled,
    /// Ended by its time in force.
    Expired,
}

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderEvent {
    /// It is attached to another order, which has to fill first.
    Attach,
    /// The risk check refuses.
    Deny,
    /// The risk check passes it on.
    Submit,
    /// The exchange refuses.
    Reject,
    /// The exchange takes it.
    Accept,
    /// The trigger price was touched.
    Trigger,
    /// Its price or quantity is changed.
    Amend,
    /// Part of it fills.
    FillPart,
    /// The rest of it fills.
    FillRest,
    /// It is withdrawn.
    Cancel,
    /// Its time is over.
    Expire,
}

impl OrderStatus {
    /// All states, for tests and tables.
    pub const ALL: [Self; 11] = [
        Self::Initialized,
        Self::Waiting,
        Self::Denied,
        Self::Submitted,
        Self::Rejected,
        Self::Accepted,
        Self::Triggered,
        Self::PartiallyFilled,
        Self::Filled,
        Self::Canceled,
        Self::Expired,
    ];

    /// The state after `event`.
    ///
    /// # Errors
    /// [`TransitionError`] when the event cannot happen in this state.
    pub const fn apply(self, event: OrderEvent) -> Result<Self, TransitionError> {
        use OrderEvent as E;
        use OrderStatus as S;
        match (self, event) {
            (S::Initialized, E::Attach) => Ok(S::Waiting),
            // A waiting order is checked when its parent fills: only then is it known what it needs.
            (S::Initialized | S::Waiting, E::Deny) => Ok(S::Denied),
            (S::Initialized | S::Waiting, E::Submit) => Ok(S::Submitted),

            (S::Waiting, E::Amend) => Ok(S::Waiting),
            // Its parent ended without a fill, or its owner changed his mind.
            (S::Waiting, E::Cancel) => Ok(S::Canceled),
            (S::Waiting, E::Expire) => Ok(S::Expired),

            (S::Submitted, E::Reject) => Ok(S::Rejected),
            (S::Submitted, E::Accept) => Ok(S::Accepted),
            // Another of its group filled in part while it was under way.
            (S::Submitted, E::Amend) => Ok(S::Submitted),
            // Withdrawn, or out of time, while still under way to the exchange.
            (S::Submitted, E::Cancel) => Ok(S::Canceled),
            (S::Submitted, E::Expire) => Ok(S::Expired),

            (S::Accepted, E::Trigger) => Ok(S::Triggered),
            (S::Accepted, E::Amend) => Ok(S::Accepted),
            (S::Accepted | S::Triggered | S::PartiallyFilled, E::FillPart) => Ok(S::PartiallyFilled),
            (S::Accepted | S::Triggered | S::PartiallyFilled, E::FillRest) => Ok(S::Filled),
            // A triggered or partly filled order's rest can still be withdrawn: cash that does not reach, IOC.
            (S::Accepted | S::Triggered | S::PartiallyFilled, E::Cancel) => Ok(S::Canceled),
            (S::Accepted | S::Triggered | S::PartiallyFilled, E::Expire) => Ok(S::Expired),
            // The quantity left over keeps its price terms open to change; so does a stop-limit that was set off.
            (S::PartiallyFilled, E::Amend) => Ok(S::PartiallyFilled),
            (S::Triggered, E::Amend) => Ok(S::Triggered),
            // A post-only order that would take, on arrival or when it is set off.
            (S::Accepted | S::Triggered, E::Reject) => Ok(S::Rejected),

            (status, event) => Err(TransitionError { status, event }),
        }
    }

    /// Whether nothing can happen to the order any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Denied | Self::Rejected | Self::Filled | Self::Canceled | Self::Expired
        )
    }
}

impl OrderEvent {
    /// All events, for tests and tables.
    pub const ALL: [Self; 11] = [
        Self::Attach,
        Self::Deny,
        Self::Submit,
        Self::Reject,
        Self::Accept,
        Self::Trigger,
        Self::Amend,
        Self::FillPart,
        Self::FillRest,
        Self::Cancel,
        Self::Expire,
    ];
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Initialized => "initialized",
            Self::Waiting => "waiting",
            Self::Denied => "denied",
            Self::Submitted => "submitted",
            Self::Rejected => "rejected",
            Self::Accepted => "accepted",
            Self::Triggered => "triggered",
            Self::PartiallyFilled => "partially filled",
            Self::Filled => "filled",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        })
    }
}

/// The event cannot happen to an order in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen to an order that is {status}")]
pub struct TransitionError {
    /// Where the order stands.
    pub status: OrderStatus,
    /// What was said to happen.
    pub event: OrderEvent,
}

#[cfg(test)]
mod tests {
    use super::{OrderEvent as E, OrderStatus as S, *};
    use std::collections::BTreeSet;

    /// The whole table once more, row by row, as a reader would check it: what each state allows, in the order of
    /// `OrderEvent::ALL`; `None` is a named error.
    #[test]
    fn every_pair_of_state_and_event_is_a_move_or_a_named_error() {
        let end = [None; 11];
        let working = |reject: Option<S>, trigger: Option<S>, amend: Option<S>| {
            let (part, rest) = (Some(S::PartiallyFilled), Some(S::Filled));
            let (cancel, expire) = (Some(S::Canceled), Some(S::Expired));
            [
                None, None, None, reject, None, trigger, amend, part, rest, cancel, expire,
            ]
        };
        let sent = |attach: Option<S>,
                    reject: Option<S>,
                    accept: Option<S>,
                    amend: Option<S>,
                    ends: [Option<S>; 2]| {
            let (deny, submit) = if reject.is_some() {
                (None, None)
            } else {
                (Some(S::Denied), Some(S::Submitted))
            };
            [
                attach, deny, submit, reject, accept, None, amend, None, None, ends[0], ends[1],
            ]
        };
        let ends = [Some(S::Canceled), Some(S::Expired)];
        let table = [
            (
                S::Initialized,
                sent(Some(S::Waiting), None, None, None, [None; 2]),
            ),
            (S::Waiting, sent(None, None, None, Some(S::Waiting), ends)),
            (S::Denied, end),
            (
                S::Submitted,
                sent(
                    None,
                    Some(S::Rejected),
                    Some(S::Accepted),
                    Some(S::Submitted),
                    ends,
                ),
            ),
            (S::Rejected, end),
            (
                S::Accepted,
                working(Some(S::Rejected), Some(S::Triggered), Some(S::Accepted)),
            ),
            (S::Triggered, working(Some(S::Rejected), None, Some(S::Triggered))),
            (S::PartiallyFilled, working(None, None, Some(S::PartiallyFilled))),
            (S::Filled, end),
            (S::Canceled, end),
            (S::Expired, end),
        ];
        assert_eq!(table.map(|(status, _)| status), S::ALL);
        for (status, row) in table {
            for (event, expected) in E::ALL.into_iter().zip(row) {
                let expected = expected.ok_or(TransitionError { status, event });
                assert_eq!(status.apply(event), expected, "{status} × {event:?}");
            }
        }
    }

    #[test]
    fn no_state_is_a_trap_and_final_states_are_ends() {
        for status in S::ALL {
            let next: BTreeSet<_> = E::ALL
                .into_iter()
                .filter_map(|event| status.apply(event).ok())
                .collect();
            assert_eq!(next.is_empty(), status.is_final(), "{status}");
        }
    }
}
