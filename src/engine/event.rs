//! What comes out.

use crate::alert::Alert;
use crate::exchange::{Fill, TierChange, TradingStatus};
use crate::market::{Bar, CorporateAction, Quote};
use crate::model::json::tagged;
use crate::model::{Instrument, InstrumentId, Money, OrderId, Price, Quantity, Symbol, Timestamp};
use crate::option::{Combo, Expiry};
use crate::order::{CancelReason, DenyReason, GroupId, Order, OrderKind, Refusal, RejectReason};
use crate::portfolio::{CashFlow, Position, Trade};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that happened, numbered without gaps from 1 in its session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number in the session.
    pub seq: u64,
    /// Market time.
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

tagged! { "kind":
/// What happened.
///
/// *Journal* events ([`EventKind::is_journaled`]) change the account and are chained by hash; *market* events (`bar`,
/// `mark`, `quote`) show what the session sees and what it is worth, and follow from the inputs.
#[derive(Clone, Debug, PartialEq)]
// A fill is large and rare; a box would cost every fill an allocation to save bytes that nobody keeps.
#[allow(clippy::large_enum_variant)]
pub enum EventKind, "EventKind" as EventForm {
    /// The session's state changed.
    StateChanged {
        /// State before.
        from: SessionState,
        /// State now.
        to: SessionState,
        /// Why, in words.
        reason: String,
    },
    /// An order was placed and passed the risk check.
    OrderSubmitted {
        /// The order.
        order: Order,
    },
    /// The risk check refused an order.
    OrderDenied {
        /// The order.
        order: Order,
        /// Why.
        reason: DenyReason,
    },
    /// An order waits for the one that it is attached to.
    OrderAttached {
        /// The order.
        order: Order,
    },
    /// The exchange took the order; it rests.
    OrderAccepted {
        /// Which.
        order_id: OrderId,
    },
    /// The exchange refused the order.
    OrderRejected {
        /// Which.
        order_id: OrderId,
        /// Why.
        reason: RejectReason,
    },
    /// A stop was set off.
    OrderTriggered {
        /// Which.
        order_id: OrderId,
        /// The price that set it off.
        price: Price,
    },
    /// An order's price or quantity was changed: a trailing stop followed the market, a protective order grew with its
    /// position.
    OrderAmended {
        /// Which.
        order_id: OrderId,
        /// What it waits for now.
        terms: OrderKind,
        /// The quantity ordered now.
        quantity: Quantity,
        /// The quantity asked for now: with what the order has given up to its group, or does not have yet.
        #[serde(default)]
        asked: Quantity,
    },
    /// A multi-leg order was placed; its legs were told before, as orders of their own.
    ComboPlaced {
        /// Its number: that of its first leg.
        combo_id: GroupId,
        /// What one combination is.
        combo: Combo,
        /// How many.
        quantity: Quantity,
        /// The most that one may cost; `None` for what is shown.
        #[serde(with = "crate::model::decimal::option")]
        net_price: Option<Decimal>,
    },
    /// A request to change or withdraw an order was refused; the order stays as it was.
    OrderRequestRefused {
        /// Which order.
        order_id: OrderId,
        /// Why.
        reason: Refusal,
    },
    /// An order filled, in part or whole.
    OrderFilled {
        /// The fill with its explanation.
        fill: Fill,
        /// The order after it.
        order: Order,
        /// Cash after it.
        cash: Money,
    },
    /// An order was withdrawn.
    OrderCanceled {
        /// Which.
        order_id: OrderId,
        /// Why.
        reason: CancelReason,
    },
    /// An order's time was over.
    OrderExpired {
        /// Which.
        order_id: OrderId,
    },
    /// A round trip began.
    TradeOpened {
        /// The trade so far.
        trade: Trade,
    },
    /// A round trip ended.
    TradeClosed {
        /// The whole trade.
        trade: Trade,
    },
    /// The position in an instrument changed; `None` is flat.
    PositionChanged {
        /// Which instrument.
        #[serde(default)]
        instrument: InstrumentId,
        /// The position now.
        position: Option<Position>,
    },
    /// An option became an instrument of the session, with the first order that names it.
    InstrumentListed {
        /// Its place.
        instrument: InstrumentId,
        /// What it is.
        listed: Instrument,
    },
    /// Options were exercised, by their holder or at expiry, or assigned: the option's part follows as a cash flow; what is
    /// delivered comes or goes at [`Expiry::underlying_at`], where the session has a market for it.
    OptionExercised {
        /// Which option.
        instrument: InstrumentId,
        /// How many contracts; negative when they were sold, and so assigned.
        quantity: Quantity,
        /// What they turned into.
        expiry: Expiry,
    },
    /// Options were not exercised.
    ExerciseRefused {
        /// Which.
        symbol: Symbol,
        /// How many were to be.
        quantity: Quantity,
        /// Why not.
        reason: Refusal,
    },
    /// An instrument is halted, trades again, lost its book to a gap, or ended.
    MarketStatusChanged {
        /// Which.
        instrument: InstrumentId,
        /// What it is now.
        status: TradingStatus,
    },
    /// The finest data of an instrument fell silent while others went on trading, or came back: orders meet other data.
    DataTierChanged {
        /// Which instrument.
        instrument: InstrumentId,
        /// What orders met, and what they meet now.
        change: TierChange,
    },
    /// A company did something to its shares.
    CorporateAction {
        /// Which shares.
        instrument: InstrumentId,
        /// What.
        action: CorporateAction,
    },
    /// Cash came or went without a trade: funding, a dividend, a fee for borrowing, interest, a settlement.
    CashFlow {
        /// How much, and what for.
        flow: CashFlow,
        /// Cash after it.
        cash: Money,
    },
    /// Somebody should know something.
    AlertRaised {
        /// The alert.
        alert: Alert,
    },
    /// A bar of the strategy's timeframe closed (a market event): one candle of the chart.
    Bar {
        /// Which instrument.
        instrument: InstrumentId,
        /// The bar.
        bar: Bar,
        /// Whether the bar is from before the session.
        history: bool,
    },
    /// A bar of the base timeframe closed and the account was valued at it (a market event): one point of the equity
    /// curve. Comes before the [`EventKind::Bar`] that the same close completes.
    Mark {
        /// The close; of several instruments that of the first.
        price: f64,
        /// Cash and position together.
        equity: f64,
        /// Cash.
        cash: f64,
        /// Signed value of the position.
        position_value: f64,
        /// What the run with kinder fills beside this one is worth; `None` where none runs. The engine does not know it:
        /// who runs the [`Band`](super::Band) adds it.
        #[serde(default)]
        optimistic: Option<f64>,
        /// The same with less kind fills.
        #[serde(default)]
        pessimistic: Option<f64>,
    },
    /// The best bid and ask changed (a market event).
    Quote {
        /// Which instrument.
        instrument: InstrumentId,
        /// The quote.
        quote: Quote,
        /// Equity at its mid price.
        equity: f64,
    },
}}

impl EventKind {
    /// Whether the event belongs to the journal and to the hash chain.
    #[must_use]
    pub const fn is_journaled(&self) -> bool {
        !matches!(self, Self::Bar { .. } | Self::Mark { .. } | Self::Quote { .. })
    }
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Made, not yet started: taking in history.
    Starting,
    /// Trading.
    Running,
    /// Takes the market in, places no entries.
    Paused,
    /// A protection closed the position and ended trading.
    Halted,
    /// Ended on request.
    Stopped,
    /// Its data ended.
    Finished,
    /// Ended by a fault.
    Failed,
}

impl SessionState {
    /// Whether it can never trade again.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Stopped | Self::Finished | Self::Failed)
    }
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Halted => "halted",
            Self::Stopped => "stopped",
            Self::Finished => "finished",
            Self::Failed => "failed",
        })
    }
}
