//! Orders: what they say, the states they pass through, and why they are refused.

mod reason;
mod status;
mod types;

pub use reason::{CancelReason, DenyReason, RejectReason};
pub use status::{OrderEvent, OrderStatus, TransitionError};
pub use types::{Order, OrderKind, OrderPurpose, TimeInForce, Trail};
