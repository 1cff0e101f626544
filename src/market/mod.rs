//! What the market says: quotes, trades, bars, and how the finer become the coarser; and when it is open.

mod action;
mod action_file;
mod aggregation;
mod bar;
mod bar_file;
mod calendar;
mod capture;
mod continuous;
mod corporate_action;
mod event;
mod listing;
mod merge;
mod order_book;
mod packed;
mod random;
mod roll;
mod synthetic;
mod tick;
mod volume;

pub use action::{MarketAction, MarketActionError};
pub use action_file::{ActionFileError, DatedAction, actions_within, read_actions};
pub use aggregation::{Aggregated, BarAggregator};
pub use bar::{Bar, BarError, BarSlice, Bars, Jumps};
pub use bar_file::{
    BarFile, BarFileError, BarRows, bar_columns, infer_instrument, parse_bar_time, write_bars_csv,
};
pub use calendar::{
    Calendar, CalendarId, CalendarIdError, Phase, PhaseCursor, PhaseSpan, TimeZone, TimeZoneError,
    TradingSession,
};
pub use capture::{
    Capture, CaptureError, CaptureEvent, CaptureFile, CaptureFiles, CaptureProblem, CaptureSteps,
    CapturedQuote, CapturedTrade,
};
pub use continuous::{ContinuousBars, ContinuousError, ContractBars, Roll, join_contracts, write_rolls};
pub use corporate_action::{
    CorporateAction, CorporateActionError, PriceRole, price_after_dividend, price_after_split,
    quantity_after_split,
};
pub use event::MarketEvent;
pub use listing::{FutureTerms, UnknownFuture, listed_option, listed_options, option_expiry};
pub use merge::{BarMerge, Misaligned};
pub use order_book::{
    BookCondition, DepthDiff, DepthJoin, DepthKind, DepthSnapshot, DepthUpdate, Grid, GridError, JoinError,
    Level, LevelChange, OrderBook,
};
pub use packed::{PackedBarsError, pack_bars, unpack_bars};
pub use random::Random;
pub use roll::{FutureContract, RollRule};
pub use synthetic::{SIMULATED_MARKET_VERSION, SimulatedMarket, SimulatedMarketConfig};
pub use tick::{Quote, TradeTick};
