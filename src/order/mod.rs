//! Orders: what they say, the states they pass through, and why they are refused.

mod reason;
mod request;
mod status;
mod types;

pub use reason::{CancelReason, DenyReason, Refusal, RejectReason};
pub use request::{
    Amendment, Attached, AttachedLeg, ClientOrderId, ClientOrderIdError, Contingency, GroupId, OrderList,
    OrderRequest, OrderType, PostOnlyRequest, TimeInForceWord, TrailRequest,
};
pub use status::{OrderEvent, OrderStatus, TransitionError};
pub use types::{Awaits, Instructions, Order, OrderKind, OrderPurpose, PostOnly, TimeInForce, Trail};
