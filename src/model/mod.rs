//! The words everything else is said in: time, currency, money, price, quantity, instrument, ids.

mod contract;
mod currency;
pub mod decimal;
pub(crate) mod float;
mod id;
mod instrument;
pub mod json;
mod money;
mod option_name;
mod price;
pub(crate) mod spelling;
mod timeframe;
mod timestamp;

pub use contract::{
    ExerciseStyle, InstrumentKind, MarginRule, OptionRight, OptionSettlement, OptionTerms, OrderLimits,
};
pub use currency::{Currency, CurrencyError};
pub use id::{AlertId, BacktestId, InstrumentId, OrderId, SessionId, StudyId, TradeId};
pub use instrument::{Instrument, InstrumentError, Symbol, SymbolError};
pub use money::Money;
pub use option_name::{OptionName, OptionNameError};
pub use price::{Price, Quantity, Side};
pub use timeframe::{Timeframe, TimeframeError};
pub use timestamp::{Timestamp, TimestampError};
