//! What is held.

use super::TradeSide;
use crate::engine::PositionGreeks;
use crate::model::{Money, Price, Quantity, Symbol, Timestamp};
use serde::{Deserialize, Serialize};

/// An open position as others see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The instrument.
    pub symbol: Symbol,
    /// Long or short.
    pub side: TradeSide,
    /// Quantity held, without sign, in units of the instrument.
    pub quantity: Quantity,
    /// Average price paid, fees not included.
    pub entry_price: Price,
    /// When it was opened.
    pub entry_time: Timestamp,
    /// The last price of the market.
    pub mark_price: Price,
    /// Its value at the last price; negative for a short position.
    pub market_value: Money,
    /// What closing at the last price would bring against the average price, fees not included.
    pub unrealized_pnl: Money,
    /// The price of its resting stop loss or trailing stop, if there is one.
    pub stop_price: Option<Price>,
    /// The price of its resting take profit, if there is one.
    pub target_price: Option<Price>,
    /// How its value changes, where it is an option that a model quotes.
    #[serde(default)]
    pub greeks: Option<PositionGreeks>,
}
