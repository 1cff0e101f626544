//! Why an order is refused or withdrawn: a stable code and a sentence.
//!
//! *Denied* is the risk check's word, *rejected* the exchange's.

use crate::model::{Money, OrderId, Price, Quantity, Symbol, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Why the risk check refused an order.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenyReason {
    /// The cash does not reach.
    #[error("needs {needed} but only {available} is available")]
    InsufficientFunds {
        /// What the order would hold.
        needed: Money,
        /// What is free.
        available: Money,
    },
    /// The size came out as nothing.
    #[error("the size comes to less than one lot ({lot})")]
    BelowLot {
        /// The instrument's lot.
        lot: Quantity,
    },
    /// The order's value is too small.
    #[error("a value of {notional} is below the smallest order of {minimum}")]
    BelowMinimumNotional {
        /// The order's value.
        notional: Money,
        /// The instrument's smallest.
        minimum: Money,
    },
    /// A computed price or size is not usable.
    #[error("the {what} comes to {value}, which is no usable number")]
    Undefined {
        /// Which of the order's numbers.
        what: String,
        /// What the expression gave, as text.
        value: String,
    },
    /// The order would only reduce, but there is nothing to reduce.
    #[error("there is no position to reduce")]
    NothingToReduce,
    /// The account is halted.
    #[error("trading is halted: {because}")]
    Halted {
        /// Which protection halted it.
        because: String,
    },
    /// As many positions are open, or about to be, as the strategy allows.
    #[error("{most} positions are open or ordered already, which is the most")]
    MaxOpenPositions {
        /// The limit.
        most: u32,
    },
    /// Its returns move too much like those of what is held.
    #[error("its returns correlate {correlation:.2} with those of {with}, which is held; the most is {most}")]
    Correlated {
        /// What is held.
        with: Symbol,
        /// Pearson's correlation of the returns.
        correlation: f64,
        /// The limit.
        most: f64,
    },
    /// The strategy's limit on exposure leaves no room.
    #[error("positions and entries are at the maximum exposure of {:.0} % of the equity", limit * 100.0)]
    MaxExposure {
        /// The limit, as a ratio of the equity.
        limit: f64,
    },
}

impl DenyReason {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InsufficientFunds { .. } => "insufficient_funds",
            Self::BelowLot { .. } => "below_lot",
            Self::BelowMinimumNotional { .. } => "below_minimum_notional",
            Self::Undefined { .. } => "undefined_value",
            Self::NothingToReduce => "nothing_to_reduce",
            Self::Halted { .. } => "halted",
            Self::MaxOpenPositions { .. } => "max_open_positions",
            Self::Correlated { .. } => "max_correlation",
            Self::MaxExposure { .. } => "max_exposure",
        }
    }
}

/// Why the exchange refused an order, or a request to change one.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// A price that is no multiple of the tick, or not positive.
    #[error("price {price} is not a positive multiple of the tick")]
    InvalidPrice {
        /// The price.
        price: Price,
    },
    /// A quantity that is no multiple of the lot, or not positive.
    #[error("quantity {quantity} is not a positive multiple of the lot")]
    InvalidQuantity {
        /// The quantity.
        quantity: Quantity,
    },
    /// A stop on the side where it would be set off at once.
    #[error("stop price {stop_price} is on the wrong side of the market at {market}")]
    StopWouldTrigger {
        /// The trigger price.
        stop_price: Price,
        /// The market's last price.
        market: Price,
    },
    /// A trail that is no distance.
    #[error("a trail of {distance} is no distance: it must be positive, and a share below 1")]
    InvalidTrail {
        /// The distance.
        #[serde(with = "crate::model::decimal")]
        distance: Decimal,
    },
    /// An iceberg that shows nothing, or all of it and more.
    #[error("a shown quantity of {display} does not fit an order of {quantity}")]
    InvalidDisplay {
        /// The quantity shown.
        display: Quantity,
        /// The quantity ordered.
        quantity: Quantity,
    },
    /// Instructions that contradict each other or the order's kind.
    #[error("{what}")]
    Contradiction {
        /// What contradicts what, in a sentence without its full stop.
        what: String,
    },
    /// Less than the venue takes.
    #[error("a quantity of {quantity} is below the smallest of {minimum}")]
    BelowMinimumQuantity {
        /// The quantity.
        quantity: Quantity,
        /// The instrument's smallest.
        minimum: Quantity,
    },
    /// More than the venue takes.
    #[error("a quantity of {quantity} is above the largest of {maximum}")]
    AboveMaximumQuantity {
        /// The quantity.
        quantity: Quantity,
        /// The instrument's largest.
        maximum: Quantity,
    },
    /// A value above what the venue takes.
    #[error("a value of {notional} is above the largest order of {maximum}")]
    AboveMaximumNotional {
        /// The order's value.
        notional: Money,
        /// The instrument's largest.
        maximum: Money,
    },
    /// A price too far from the market.
    #[error("price {price} is too far from the market at {market}: this instrument takes {low} to {high}")]
    OutsidePriceBand {
        /// The price.
        price: Price,
        /// The market's last price.
        market: Price,
        /// The lowest price taken.
        low: Price,
        /// The highest price taken.
        high: Price,
    },
    /// Too many orders are open already.
    #[error("{open} orders are open already, which is the most")]
    TooManyOpenOrders {
        /// How many are open.
        open: u32,
    },
    /// A post-only order that would take.
    #[error("it would take at {market}, which a post-only order must not")]
    PostOnlyWouldTake {
        /// The price that it would have taken.
        market: Price,
    },
    /// A reduce-only order without a position that it reduces.
    #[error("there is no position that it would reduce")]
    WouldIncrease,
    /// An expiry that is over.
    #[error("it expires at {expires_at}, which is over")]
    ExpiryOver {
        /// When it expires.
        expires_at: Timestamp,
    },
    /// The market is closed, and the order cannot wait.
    #[error("the market is closed, and {what} cannot wait for its open")]
    MarketClosed {
        /// What cannot wait.
        what: String,
    },
    /// The auction that it is for does not exist.
    #[error("this market has no auctions: it never closes")]
    NoAuction,
    /// The instrument does not trade any more.
    #[error("it does not trade any more")]
    NotTrading,
    /// There is no such instrument in the session.
    #[error("the session does not trade {symbol}")]
    UnknownInstrument {
        /// What was asked for.
        symbol: String,
    },
    /// There is no price yet.
    #[error("the market has no price yet")]
    NoMarket,
    /// An order that is at its end, or never was.
    #[error("there is no open order {order_id}")]
    NoSuchOrder {
        /// Which.
        order_id: OrderId,
    },
    /// A changed quantity below what has filled already.
    #[error("{filled} have filled already: the quantity cannot be {quantity}")]
    BelowFilled {
        /// The quantity asked for.
        quantity: Quantity,
        /// What has filled.
        filled: Quantity,
    },
    /// A request about an order that is itself still on its way.
    #[error("the order has not reached the exchange yet")]
    NotYetThere,
    /// More requests on their way than the exchange takes.
    #[error("too many requests are on their way")]
    TooManyRequests,
    /// Another order of its list was refused.
    #[error("another order of its list was refused")]
    ListRefused,
    /// An option that cannot be exercised, or not now.
    #[error("{why}")]
    NotExercisable {
        /// Why, in a sentence without its full stop.
        why: String,
    },
    /// The session does not trade.
    #[error("the session is {state}: it takes no orders")]
    SessionNotOpen {
        /// Where it stands.
        state: String,
    },
    /// Its owner's name for it belongs to an order of another request.
    #[error(
        "the client_order_id '{client_order_id}' belongs to an order of another request: give this one a new name"
    )]
    ClientOrderIdInUse {
        /// The name.
        client_order_id: String,
    },
    /// A request about an order whose auction has been held.
    #[error("its auction has been held")]
    AuctionHeld,
    /// A request to change one leg of a multi-leg order.
    #[error("a leg is not changed alone: withdraw the multi-leg order and place another")]
    LegOfCombo,
}

impl RejectReason {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidPrice { .. } => "invalid_price",
            Self::InvalidQuantity { .. } => "invalid_quantity",
            Self::StopWouldTrigger { .. } => "stop_would_trigger",
            Self::InvalidTrail { .. } => "invalid_trail",
            Self::InvalidDisplay { .. } => "invalid_display_quantity",
            Self::Contradiction { .. } => "contradiction",
            Self::BelowMinimumQuantity { .. } => "below_minimum_quantity",
            Self::AboveMaximumQuantity { .. } => "above_maximum_quantity",
            Self::AboveMaximumNotional { .. } => "above_maximum_notional",
            Self::OutsidePriceBand { .. } => "outside_price_band",
            Self::TooManyOpenOrders { .. } => "too_many_open_orders",
            Self::PostOnlyWouldTake { .. } => "post_only_would_take",
            Self::WouldIncrease => "would_increase",
            Self::ExpiryOver { .. } => "expiry_over",
            Self::MarketClosed { .. } => "market_closed",
            Self::NoAuction => "no_auction",
            Self::NotTrading => "not_trading",
            Self::UnknownInstrument { .. } => "unknown_instrument",
            Self::NoMarket => "no_market",
            Self::NoSuchOrder { .. } => "no_such_order",
            Self::BelowFilled { .. } => "below_filled",
            Self::NotYetThere => "not_yet_there",
            Self::TooManyRequests => "too_many_requests",
            Self::AuctionHeld => "auction_held",
            Self::LegOfCombo => "leg_of_combo",
            Self::ListRefused => "list_refused",
            Self::NotExercisable { .. } => "not_exercisable",
            Self::SessionNotOpen { .. } => "session_not_open",
            Self::ClientOrderIdInUse { .. } => "client_order_id_in_use",
        }
    }
}

/// Why a request to change or withdraw an order was refused: by the exchange, or by the risk check.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// By the exchange.
    #[error("{0}")]
    Rejected(RejectReason),
    /// By the risk check.
    #[error("{0}")]
    Denied(DenyReason),
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Rejected(reason) => reason.code(),
            Self::Denied(reason) => reason.code(),
        }
    }
}

impl From<RejectReason> for Refusal {
    fn from(reason: RejectReason) -> Self {
        Self::Rejected(reason)
    }
}

impl From<DenyReason> for Refusal {
    fn from(reason: DenyReason) -> Self {
        Self::Denied(reason)
    }
}

/// Why an order was withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// A person or program asked for it.
    #[error("canceled on request")]
    Requested,
    /// The position it protected is closed.
    #[error("the position it belonged to is closed")]
    PositionClosed,
    /// Its time in force leaves no rest.
    #[error("not filled at once, as its time in force demands")]
    NotFilledAtOnce,
    /// The price moved between placing and filling, and the cash does not reach for the rest.
    #[error("the cash does not reach at the price it met")]
    InsufficientFunds,
    /// A new order of the same rule takes its place.
    #[error("replaced by a newer order")]
    Replaced,
    /// The session stops or halts.
    #[error("the session stopped trading")]
    SessionStopped,
    /// Another order of its group filled.
    #[error("another order of its group filled")]
    GroupFilled,
    /// Another order of its group ended.
    #[error("another order of its group ended")]
    GroupEnded,
    /// The order that it was attached to ended without a fill.
    #[error("the order that it was attached to ended without a fill")]
    ParentEnded,
    /// Another order of its group, or the whole list, was refused.
    #[error("another order of its list was refused")]
    ListRefused,
    /// A market order walked as far from the touch as price protection lets it.
    #[error("price protection: the rest would fill too far from the touch")]
    PriceProtection,
    /// The auction that it was for is over.
    #[error("the auction that it was for is over")]
    AuctionOver,
    /// The instrument ended: it expired, or was delisted.
    #[error("the instrument does not trade any more")]
    NotTrading,
    /// The margin gave out.
    #[error("the margin gave out")]
    Liquidated,
    /// A reverse split left less than a lot of it.
    #[error("a split left less than a lot of it")]
    SplitAway,
    /// It may only reduce, and there is nothing left to reduce.
    #[error("there is nothing left that it would reduce")]
    NothingToReduce,
    /// It is post-only, has filled in part, and at its new price would take.
    #[error("at its new price it would take, and it is post-only")]
    WouldTake,
    /// What it closes covers options that were sold, and the funds do not take its place.
    #[error(
        "what it closes covers options that were sold, and the free funds do not reach to cover them instead"
    )]
    Uncovers,
}

impl CancelReason {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::WouldTake => "would_take",
            Self::Uncovers => "uncovers",
            Self::PositionClosed => "position_closed",
            Self::NotFilledAtOnce => "not_filled_at_once",
            Self::InsufficientFunds => "insufficient_funds",
            Self::Replaced => "replaced",
            Self::SessionStopped => "session_stopped",
            Self::GroupFilled => "group_filled",
            Self::GroupEnded => "group_ended",
            Self::ParentEnded => "parent_ended",
            Self::ListRefused => "list_refused",
            Self::PriceProtection => "price_protection",
            Self::AuctionOver => "auction_over",
            Self::NotTrading => "not_trading",
            Self::Liquidated => "liquidated",
            Self::SplitAway => "split_away",
            Self::NothingToReduce => "nothing_to_reduce",
        }
    }
}
