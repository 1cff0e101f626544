//! What is held, and the round trips that were made.

mod account;
mod holding;
mod position;
mod trade;

pub use account::Account;
pub use holding::{FillEffect, Holding};
pub use position::Position;
pub use trade::{Trade, TradeSide};
