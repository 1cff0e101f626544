//! One thing that a market says.

use super::{Bar, DatedAction, DepthUpdate, MarketAction, Quote, TradeTick};
use crate::exchange::TradingStatus;
use crate::model::{Timeframe, Timestamp};
use serde::{Deserialize, Serialize};

/// One thing that a feed delivers, in the order of market time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarketEvent {
    /// A bar closed, on feeds whose finest data is bars.
    Bar(Bar),
    /// The best bid and ask changed.
    Quote(Quote),
    /// Somebody traded.
    Trade(TradeTick),
    /// It is this time now: closes bars on time when the market is silent.
    Clock(Timestamp),
    /// Levels of the order book changed, or the whole book is told.
    Depth(Box<DepthUpdate>),
    /// Something happened to the instrument beside its trading: funding, a dividend, a split, its settlement.
    Action(Timestamp, MarketAction),
    /// From this time on the instrument is halted, trades again, has a gap in its data, or has ended.
    Status(Timestamp, TradingStatus),
}

impl From<DatedAction> for MarketEvent {
    fn from(dated: DatedAction) -> Self {
        Self::Action(dated.time, dated.action)
    }
}

impl MarketEvent {
    /// When it happened; of a bar, when it closed if it is of a minute, as bars of feeds of ticks are.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        match self {
            Self::Bar(bar) => Timeframe::MINUTE.close_of(bar.open_time),
            Self::Quote(quote) => quote.time,
            Self::Trade(trade) => trade.time,
            Self::Clock(time) | Self::Action(time, _) | Self::Status(time, _) => *time,
            Self::Depth(update) => update.time,
        }
    }
}
