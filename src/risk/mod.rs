//! What stands between a decision and an order: size, limits, protections.

mod check;
mod protection;
mod sizing;

pub use check::{Approved, OrderCheck, value_objection};
pub use protection::{Breach, Protection};
pub use sizing::{SizingInputs, size};
