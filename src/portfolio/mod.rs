//! What is held, what it must be covered by, and the round trips that were made.

mod account;
mod flows;
mod funds;
mod holding;
mod margin;
mod option_books;
mod position;
mod settlement;
mod trade;
mod weights;

pub use account::{Account, ValueModel};
pub use flows::{CashFlow, CashFlowKind};
pub use funds::{Claim, Liquidation, WayOut};
pub use holding::{FillEffect, Holding};
pub use margin::{AccountConfig, AccountProblem, MarginMode, SharesOn};
pub use position::Position;
pub use settlement::{Delivery, Settlement, SplitEffect};
pub use trade::{Trade, TradeSide};
pub use weights::{Covariance, Weighting, correlation};
