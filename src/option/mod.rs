//! Options as positions: what becomes of them at expiry, several as one order, and what must cover those that were sold.
//!
//! Everything here is money or quantity, in decimals, and pure; what an option is worth before it expires is
//! [`pricing`](crate::pricing)'s to say.

mod book;
mod combo;
mod division;
mod expiry;
mod margin;
mod shape;

pub use book::{OptionPosition, largest_loss, required, required_of_equity};
pub use combo::{Combo, ComboError, ComboLeg, LegMarket, QuotedCombo, Touch};
pub use division::DivisionError;
pub use expiry::{ExerciseError, Expiry, ExpiryOutcome, exercise, expire};
pub use margin::{
    UncoveredRates, WrittenOption, cash_secured_put, covered_share_value, uncovered, uncovered_pair,
};
pub use shape::{Direction, Shape};
