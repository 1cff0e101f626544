//! What goes in.

use super::{ComboRequest, ExerciseRequest};
use crate::market::{Bar, MarketEvent};
use crate::model::{InstrumentId, OrderId, Timestamp};
use crate::order::{Amendment, OrderList};
use serde::{Deserialize, Serialize};

/// One thing that the engine reacts to. A session is its configuration plus its inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A closed bar of the base timeframe from before the session, which only warms the indicators up.
    History(InstrumentId, Bar),
    /// Something happened in an instrument's market.
    Market(InstrumentId, MarketEvent),
    /// A person or program wants something, at this market time.
    Command(Timestamp, Command),
}

/// What can be asked of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Begin to trade.
    Start,
    /// Place no new entries; protective orders stay, exits go on.
    Pause,
    /// Place entries again.
    Resume,
    /// Withdraw all orders and close the position at the market.
    Flatten,
    /// Withdraw all orders and end. The position stays as it is, valued at the last price.
    Stop,
    /// The data is at its end.
    Finish,
    /// Place orders: all of the list or none.
    Place(Box<OrderList>),
    /// Place a multi-leg order.
    PlaceCombo(Box<ComboRequest>),
    /// Make use of options that are held, before they expire.
    Exercise(ExerciseRequest),
    /// Change an order's terms.
    Amend(Amendment),
    /// Withdraw an order, and with it the others of its group.
    Cancel(OrderId),
    /// Withdraw every order, or every one in an instrument.
    CancelAll(Option<InstrumentId>),
}

impl Input {
    /// Something happened in the market of the instrument that the strategy trades.
    #[must_use]
    pub const fn market(event: MarketEvent) -> Self {
        Self::Market(InstrumentId::PRIMARY, event)
    }
}
