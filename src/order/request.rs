//! What a person or a program asks for: orders as the wire writes them.

use super::{Instructions, OrderKind, PostOnly, RejectReason, TimeInForce, Trail};
use crate::model::{Instrument, Money, OrderId, Price, Quantity, Side, Symbol, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// The name that an order's owner gives it: 1 to 64 letters, digits and `-_.:/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientOrderId(String);

impl ClientOrderId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is no client order id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client order id has 1 to 64 letters, digits and -_.:/")]
pub struct ClientOrderIdError;

impl FromStr for ClientOrderId {
    type Err = ClientOrderIdError;

    fn from_str(text: &str) -> Result<Self, ClientOrderIdError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ClientOrderIdError)
        }
    }
}

impl TryFrom<String> for ClientOrderId {
    type Error = ClientOrderIdError;

    fn try_from(text: String) -> Result<Self, ClientOrderIdError> {
        text.parse()
    }
}

impl From<ClientOrderId> for String {
    fn from(id: ClientOrderId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A group of orders of which only one may fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(pub u64);

/// An order's type, as the wire writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderType {
    /// [`OrderKind::Market`].
    #[default]
    Market,
    /// [`OrderKind::Limit`].
    Limit,
    /// [`OrderKind::Stop`].
    Stop,
    /// [`OrderKind::StopLimit`].
    StopLimit,
    /// [`OrderKind::TrailingStop`].
    TrailingStop,
    /// [`OrderKind::TakeProfit`].
    TakeProfit,
    /// [`OrderKind::TakeProfitLimit`].
    TakeProfitLimit,
}

/// How long an order stays, as the wire writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeInForceWord {
    /// Until it is filled or canceled.
    Gtc,
    /// At once, in part or whole.
    Ioc,
    /// At once and whole.
    Fok,
    /// Until its trading day ends.
    Day,
    /// Until `expires_at`.
    Gtd,
    /// At the opening auction.
    Opg,
    /// At the closing auction.
    Cls,
}

/// A trailing stop's distance, as the wire writes it: one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrailRequest {
    /// In quote currency.
    #[serde(with = "crate::model::decimal::option")]
    pub amount: Option<Decimal>,
    /// In percent of the best price: 1.5 is 1.5 %.
    #[serde(with = "crate::model::decimal::option")]
    pub percent: Option<Decimal>,
}

/// Whether an order may take, as the wire writes it: a flag, or what becomes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostOnlyRequest {
    /// It may take.
    #[default]
    No,
    /// It is rejected when it would take.
    Reject,
    /// Its price slides to where it rests.
    Slide,
}

/// What is attached to an order: its profit target and its stop, of which only one may fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attached {
    /// A limit at this price.
    pub take_profit: Option<AttachedLeg>,
    /// A stop at this price; with a limit price too, a stop-limit; with a trail, a trailing stop.
    pub stop_loss: Option<AttachedLeg>,
}

/// One attached order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttachedLeg {
    /// The limit price.
    #[serde(with = "crate::model::decimal::option")]
    pub price: Option<Decimal>,
    /// The trigger price.
    #[serde(with = "crate::model::decimal::option")]
    pub stop_price: Option<Decimal>,
    /// The trail.
    pub trail: Option<TrailRequest>,
}

/// An order as a person or a program asks for it.
///
/// The fields are those of the wire; [`OrderRequest::kind`] and its siblings turn them into an order's parts or say, by a
/// coded reason, why they are none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// What to trade; what the strategy trades when absent.
    pub symbol: Option<Symbol>,
    /// Buy or sell.
    pub side: Side,
    /// Its type.
    pub kind: OrderType,
    /// Quantity, in units of the instrument; absent with `close_position`.
    #[serde(with = "crate::model::decimal::option")]
    pub quantity: Option<Decimal>,
    /// Iceberg: the quantity shown.
    #[serde(with = "crate::model::decimal::option")]
    pub display_quantity: Option<Decimal>,
    /// The limit price.
    #[serde(with = "crate::model::decimal::option")]
    pub price: Option<Decimal>,
    /// The trigger price.
    #[serde(with = "crate::model::decimal::option")]
    pub stop_price: Option<Decimal>,
    /// A trailing stop's distance.
    pub trail: Option<TrailRequest>,
    /// How long it stays; a market order `gtc` is at once anyway. `gtc` when absent, `gtd` when only `expires_at` is
    /// there.
    pub time_in_force: Option<TimeInForceWord>,
    /// When a `gtd` order expires.
    pub expires_at: Option<Timestamp>,
    /// Whether it may take.
    pub post_only: PostOnlyRequest,
    /// Whether it may only make a position smaller.
    pub reduce_only: bool,
    /// Whether it closes the whole position.
    pub close_position: bool,
    /// Whether it may fill outside the regular session.
    pub extended_hours: bool,
    /// Its owner's name for it.
    pub client_order_id: Option<ClientOrderId>,
    /// What is attached to it.
    pub attached: Option<Attached>,
}

impl OrderRequest {
    /// A market order over so many units.
    #[must_use]
    pub const fn market(side: Side, quantity: Decimal) -> Self {
        Self {
            symbol: None,
            side,
            kind: OrderType::Market,
            quantity: Some(quantity),
            display_quantity: None,
            price: None,
            stop_price: None,
            trail: None,
            time_in_force: None,
            expires_at: None,
            post_only: PostOnlyRequest::No,
            reduce_only: false,
            close_position: false,
            extended_hours: false,
            client_order_id: None,
            attached: None,
        }
    }

    /// A limit order over so many units.
    #[must_use]
    pub const fn limit(side: Side, quantity: Decimal, price: Decimal) -> Self {
        let mut request = Self::market(side, quantity);
        request.kind = OrderType::Limit;
        request.price = Some(price);
        request
    }

    /// What it waits for; `market` is the last price, from which a trailing stop starts.
    ///
    /// # Errors
    /// [`RejectReason`] when its type needs a price that it does not have, or has one that its type does not know.
    pub fn kind(&self, instrument: &Instrument, market: Price) -> Result<OrderKind, RejectReason> {
        let (limit, stop) = (self.price.map(Price), self.stop_price.map(Price));
        let needs = |what: &str| contradiction(format!("a {} order needs {what}", self.type_name()));
        let knows_not = |what: &str| contradiction(format!("a {} order knows no {what}", self.type_name()));
        let is_trailing = self.kind == OrderType::TrailingStop;
        if self.trail.is_some() && !is_trailing {
            return Err(knows_not("trail"));
        }
        let kind = match (self.kind, limit, stop) {
            (OrderType::Market, None, None) => OrderKind::Market,
            (OrderType::Limit, Some(price), None) => OrderKind::Limit { price },
            (OrderType::Stop, None, Some(stop_price)) => OrderKind::Stop { stop_price },
            (OrderType::StopLimit, Some(price), Some(stop_price)) => {
                OrderKind::StopLimit { stop_price, price }
            }
            (OrderType::TakeProfit, None, Some(stop_price)) => OrderKind::TakeProfit { stop_price },
            (OrderType::TakeProfitLimit, Some(price), Some(stop_price)) => {
                OrderKind::TakeProfitLimit { stop_price, price }
            }
            (OrderType::TrailingStop, None, stop) => {
                let trail = self.trail.ok_or_else(|| needs("a trail"))?.read()?;
                let stop_price = stop.unwrap_or_else(|| trail.stop(self.side, market, instrument));
                OrderKind::TrailingStop { stop_price, trail }
            }
            (OrderType::Limit | OrderType::StopLimit | OrderType::TakeProfitLimit, None, _) => {
                return Err(needs("a price"));
            }
            (OrderType::Market | OrderType::Limit, _, Some(_)) => return Err(knows_not("stop price")),
            (_, Some(_), _) => return Err(knows_not("price")),
            (_, None, None) => return Err(needs("a stop price")),
        };
        Ok(kind)
    }

    /// How long it stays.
    ///
    /// # Errors
    /// [`RejectReason`] when the expiry and the word contradict each other.
    pub fn time_in_force(&self) -> Result<TimeInForce, RejectReason> {
        use TimeInForceWord as Word;
        Ok(match (self.time_in_force, self.expires_at) {
            (None | Some(Word::Gtd), Some(expires_at)) => TimeInForce::Gtd { expires_at },
            (Some(Word::Gtd), None) => return Err(contradiction("a gtd order needs expires_at")),
            (Some(_), Some(_)) => return Err(contradiction("only a gtd order has an expires_at")),
            (None | Some(Word::Gtc), None) => TimeInForce::Gtc,
            (Some(Word::Ioc), None) => TimeInForce::Ioc,
            (Some(Word::Fok), None) => TimeInForce::Fok,
            (Some(Word::Day), None) => TimeInForce::Day,
            (Some(Word::Opg), None) => TimeInForce::Opg,
            (Some(Word::Cls), None) => TimeInForce::Cls,
        })
    }

    /// What else binds it.
    ///
    /// # Errors
    /// [`RejectReason`] when the conditions contradict each other, its type or its time in force.
    pub fn instructions(&self) -> Result<Instructions, RejectReason> {
        let post_only = match self.post_only {
            PostOnlyRequest::No => None,
            PostOnlyRequest::Reject => Some(PostOnly::Reject),
            PostOnlyRequest::Slide => Some(PostOnly::Slide),
        };
        let rests = matches!(
            self.kind,
            OrderType::Limit | OrderType::StopLimit | OrderType::TakeProfitLimit
        );
        let at_once = matches!(
            self.time_in_force,
            Some(TimeInForceWord::Ioc | TimeInForceWord::Fok | TimeInForceWord::Opg | TimeInForceWord::Cls)
        );
        if post_only.is_some() && (!rests || at_once) {
            return Err(contradiction("only a limit order that rests can be post-only"));
        }
        if self.display_quantity.is_some() && (!rests || at_once) {
            return Err(contradiction("only a limit order that rests can be an iceberg"));
        }
        if self.extended_hours && self.kind != OrderType::Limit {
            return Err(contradiction(
                "outside the regular session only limit orders trade",
            ));
        }
        Ok(Instructions {
            post_only,
            reduce_only: self.reduce_only,
            close_position: self.close_position,
            extended_hours: self.extended_hours,
        })
    }

    /// The quantity shown of an iceberg.
    #[must_use]
    pub fn display(&self) -> Option<Quantity> {
        self.display_quantity.map(Quantity)
    }

    /// The same with every number in its shortest form.
    fn with_plain_numbers(&self) -> Self {
        let plain = |number: Option<Decimal>| number.map(|number| number.normalize());
        let trail = |trail: TrailRequest| TrailRequest {
            amount: plain(trail.amount),
            percent: plain(trail.percent),
        };
        let leg = |leg: AttachedLeg| AttachedLeg {
            price: plain(leg.price),
            stop_price: plain(leg.stop_price),
            trail: leg.trail.map(trail),
        };
        Self {
            quantity: plain(self.quantity),
            display_quantity: plain(self.display_quantity),
            price: plain(self.price),
            stop_price: plain(self.stop_price),
            trail: self.trail.map(trail),
            attached: self.attached.map(|attached| Attached {
                take_profit: attached.take_profit.map(leg),
                stop_loss: attached.stop_loss.map(leg),
            }),
            ..self.clone()
        }
    }

    const fn type_name(&self) -> &'static str {
        match self.kind {
            OrderType::Market => "market",
            OrderType::Limit => "limit",
            OrderType::Stop => "stop",
            OrderType::StopLimit => "stop_limit",
            OrderType::TrailingStop => "trailing_stop",
            OrderType::TakeProfit => "take_profit",
            OrderType::TakeProfitLimit => "take_profit_limit",
        }
    }

    /// The orders attached to this one, as requests of their own: on the other side, reduce-only.
    ///
    /// # Errors
    /// [`RejectReason`] when an attached order says neither price nor trail.
    pub fn attached_requests(&self) -> Result<Vec<Self>, RejectReason> {
        let Some(attached) = self.attached else {
            return Ok(Vec::new());
        };
        let child = |leg: AttachedLeg, kind| {
            let mut child = Self::market(self.side.opposite(), Decimal::ZERO);
            child.symbol.clone_from(&self.symbol);
            child.quantity = self.quantity;
            child.kind = kind;
            child.price = leg.price;
            child.stop_price = leg.stop_price;
            child.trail = leg.trail;
            child.reduce_only = true;
            child
        };
        let mut children = Vec::new();
        if let Some(leg) = attached.take_profit {
            let kind = match (leg.price, leg.stop_price) {
                (Some(_), None) => OrderType::Limit,
                (None, Some(_)) => OrderType::TakeProfit,
                (Some(_), Some(_)) => OrderType::TakeProfitLimit,
                (None, None) => return Err(contradiction("an attached take_profit needs a price")),
            };
            children.push(child(leg, kind));
        }
        if let Some(leg) = attached.stop_loss {
            let kind = match (leg.trail, leg.price, leg.stop_price) {
                (Some(_), ..) => OrderType::TrailingStop,
                (None, None, Some(_)) => OrderType::Stop,
                (None, Some(_), Some(_)) => OrderType::StopLimit,
                (None, _, None) => return Err(contradiction("an attached stop_loss needs a stop_price")),
            };
            children.push(child(leg, kind));
        }
        Ok(children)
    }
}

impl TrailRequest {
    fn read(self) -> Result<Trail, RejectReason> {
        let trail = match (self.amount, self.percent) {
            (Some(amount), None) => Trail::Amount(amount),
            (None, Some(percent)) => Trail::Share(percent / Decimal::ONE_HUNDRED),
            _ => return Err(contradiction("a trail has an amount or a percent")),
        };
        let usable = match trail {
            Trail::Amount(amount) => amount > Decimal::ZERO && amount < Money::EXACT_BELOW,
            Trail::Share(share) => share > Decimal::ZERO && share < Decimal::ONE,
        };
        if usable {
            Ok(trail)
        } else {
            Err(RejectReason::InvalidTrail {
                distance: trail.distance(),
            })
        }
    }
}

fn contradiction(what: impl Into<String>) -> RejectReason {
    RejectReason::Contradiction { what: what.into() }
}

/// How the orders of a list depend on each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contingency {
    /// Not at all.
    #[default]
    None,
    /// One cancels the other: only one may fill.
    Oco,
    /// One triggers the others: they wait for the first to fill.
    Oto,
    /// One triggers a group of which only one may fill: a bracket.
    Otoco,
}

/// Orders placed together: all of them or none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderList {
    /// How they depend on each other.
    pub contingency: Contingency,
    /// The orders; with `Oto` and `Otoco` the first is the one that sets the others free.
    pub orders: Vec<OrderRequest>,
}

impl OrderList {
    /// The most orders that one list may hold.
    pub const MOST: usize = 10;

    /// What it asks for, in sixteen bytes: the first of the SHA-256 over its orders, in which 0.1 and 0.10 are the same.
    #[must_use]
    pub fn terms(&self) -> [u8; 16] {
        let plain = Self {
            contingency: self.contingency,
            orders: self.orders.iter().map(OrderRequest::with_plain_numbers).collect(),
        };
        let bytes = postcard::to_allocvec(&plain)
            .unwrap_or_else(|error| unreachable!("orders are plain data and a vector grows: {error}"));
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        std::array::from_fn(|index| digest[index])
    }
}

impl From<OrderRequest> for OrderList {
    fn from(request: OrderRequest) -> Self {
        Self {
            contingency: Contingency::None,
            orders: vec![request],
        }
    }
}

/// A change of an open order; what is absent stays.
///
/// A smaller quantity keeps the order's place in the queue; another price or a larger quantity loses it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amendment {
    /// Which order.
    pub order_id: OrderId,
    /// The quantity asked for: what has filled is part of it, and what others of its group have filled.
    #[serde(with = "crate::model::decimal::option")]
    pub quantity: Option<Decimal>,
    /// The limit price.
    #[serde(with = "crate::model::decimal::option")]
    pub price: Option<Decimal>,
    /// The trigger price.
    #[serde(with = "crate::model::decimal::option")]
    pub stop_price: Option<Decimal>,
}
