//! What is held, and the round trips that were made.

mod position;
mod trade;

pub use position::Position;
pub use trade::{Trade, TradeSide};
