//! Orders on the wire: what a program sends, and what it is answered.
//!
//! The request's form is strict: a field that nobody knows, a number that is none or beyond all sense is an error that
//! names its place. It converts to the engine's own [`OrderRequest`], whose JSON is the journal's.

use crate::model::{OrderId, Price, Quantity, SessionId, Side, Symbol, Timestamp};
use crate::order::{
    Amendment, Attached, AttachedLeg, ClientOrderId, Contingency, Order, OrderKind, OrderList, OrderPurpose,
    OrderRequest, OrderStatus, OrderType, PostOnly, PostOnlyRequest, TimeInForce, TimeInForceWord, Trail,
    TrailRequest,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// `POST /accounts/{id}/orders`: one order.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    /// What to trade; what the strategy trades when absent.
    #[serde(default)]
    pub symbol: Option<Symbol>,
    /// Buy or sell.
    pub side: Side,
    /// Its type; `market` when absent.
    #[serde(default, rename = "type")]
    pub kind: OrderType,
    /// Quantity, in units of the instrument.
    #[serde(default)]
    pub quantity: Option<Number>,
    /// Iceberg: the quantity shown.
    #[serde(default)]
    pub display_quantity: Option<Number>,
    /// The limit price.
    #[serde(default)]
    pub price: Option<Number>,
    /// The trigger price.
    #[serde(default)]
    pub stop_price: Option<Number>,
    /// A trailing stop's distance.
    #[serde(default)]
    pub trail: Option<TrailBody>,
    /// How long it stays.
    #[serde(default)]
    pub time_in_force: Option<TimeInForceWord>,
    /// When a `gtd` order expires.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// `true` is `"reject"`.
    #[serde(default)]
    pub post_only: PostOnlyBody,
    /// Whether it may only make a position smaller.
    #[serde(default)]
    pub reduce_only: bool,
    /// Whether it closes the whole position.
    #[serde(default)]
    pub close_position: bool,
    /// Whether it may fill outside the regular session.
    #[serde(default)]
    pub extended_hours: bool,
    /// Its owner's name for it.
    #[serde(default)]
    pub client_order_id: Option<ClientOrderId>,
    /// Its target and its stop.
    #[serde(default)]
    pub attached: Option<AttachedBody>,
    /// Of lists; an order on its own has none.
    #[serde(default)]
    pub group: Option<GroupWord>,
}

/// `POST /accounts/{id}/orders`: several orders that depend on each other.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderListBody {
    /// How they depend on each other.
    pub group: GroupWord,
    /// The orders; with `oto` and `otoco` the first is the one that sets the others free.
    pub orders: Vec<OrderBody>,
}

/// How the orders of a list depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupWord {
    /// One cancels the other.
    Oco,
    /// One triggers the others.
    Oto,
    /// One triggers a group of which only one may fill.
    Otoco,
}

/// `PATCH /orders/{id}`: what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AmendBody {
    /// The quantity asked for: what has filled is part of it, and what others of its group have filled.
    pub quantity: Option<Number>,
    /// The limit price.
    pub price: Option<Number>,
    /// The trigger price.
    pub stop_price: Option<Number>,
}

/// A trailing stop's distance: one of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrailBody {
    /// In quote currency.
    pub amount: Option<Number>,
    /// In percent of the best price: 1.5 is 1.5 %.
    pub percent: Option<Number>,
}

/// What is attached to an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttachedBody {
    /// A limit at its price.
    pub take_profit: Option<LegBody>,
    /// A stop at its stop price; with a price too a stop-limit, with a trail a trailing stop.
    pub stop_loss: Option<LegBody>,
}

/// One attached order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LegBody {
    /// The limit price.
    pub price: Option<Number>,
    /// The trigger price.
    pub stop_price: Option<Number>,
    /// The trail.
    pub trail: Option<TrailBody>,
}

/// A number of an order: decimal text or a JSON number, within ±[`Number::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub Decimal);

impl Number {
    /// 10¹³: no price or quantity is beyond it, and the product of two is still a decimal.
    pub const MOST: Decimal = Decimal::from_parts(0x4e72_a000, 0x918, 0, false, 0);
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = crate::model::decimal::deserialize(deserializer)?;
        if value.abs() > Self::MOST {
            return Err(de::Error::custom(format!(
                "{value} is beyond the largest number of an order, {}",
                Self::MOST
            )));
        }
        Ok(Self(value))
    }
}

/// Whether an order may take: `true`, `false`, `"reject"` or `"slide"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostOnlyBody(pub PostOnlyRequest);

impl<'de> Deserialize<'de> for PostOnlyBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = PostOnlyBody;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false, \"reject\" or \"slide\"")
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<PostOnlyBody, E> {
                Ok(PostOnlyBody(if flag {
                    PostOnlyRequest::Reject
                } else {
                    PostOnlyRequest::No
                }))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<PostOnlyBody, E> {
                match word {
                    "reject" => Ok(PostOnlyBody(PostOnlyRequest::Reject)),
                    "slide" => Ok(PostOnlyBody(PostOnlyRequest::Slide)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn value(number: Option<Number>) -> Option<Decimal> {
    number.map(|number| number.0)
}

impl From<TrailBody> for TrailRequest {
    fn from(body: TrailBody) -> Self {
        Self {
            amount: value(body.amount),
            percent: value(body.percent),
        }
    }
}

impl From<LegBody> for AttachedLeg {
    fn from(body: LegBody) -> Self {
        Self {
            price: value(body.price),
            stop_price: value(body.stop_price),
            trail: body.trail.map(Into::into),
        }
    }
}

impl From<AttachedBody> for Attached {
    fn from(body: AttachedBody) -> Self {
        Self {
            take_profit: body.take_profit.map(Into::into),
            stop_loss: body.stop_loss.map(Into::into),
        }
    }
}

impl From<OrderBody> for OrderRequest {
    fn from(body: OrderBody) -> Self {
        Self {
            symbol: body.symbol,
            side: body.side,
            kind: body.kind,
            quantity: value(body.quantity),
            display_quantity: value(body.display_quantity),
            price: value(body.price),
            stop_price: value(body.stop_price),
            trail: body.trail.map(Into::into),
            time_in_force: body.time_in_force,
            expires_at: body.expires_at,
            post_only: body.post_only.0,
            reduce_only: body.reduce_only,
            close_position: body.close_position,
            extended_hours: body.extended_hours,
            client_order_id: body.client_order_id,
            attached: body.attached.map(Into::into),
        }
    }
}

impl From<GroupWord> for Contingency {
    fn from(word: GroupWord) -> Self {
        match word {
            GroupWord::Oco => Self::Oco,
            GroupWord::Oto => Self::Oto,
            GroupWord::Otoco => Self::Otoco,
        }
    }
}

impl From<OrderBody> for OrderList {
    fn from(body: OrderBody) -> Self {
        Self {
            contingency: body.group.map_or(Contingency::None, Into::into),
            orders: vec![body.into()],
        }
    }
}

impl From<OrderListBody> for OrderList {
    fn from(body: OrderListBody) -> Self {
        Self {
            contingency: body.group.into(),
            orders: body.orders.into_iter().map(Into::into).collect(),
        }
    }
}

impl AmendBody {
    /// The same as a request about an order.
    #[must_use]
    pub fn of(self, order_id: OrderId) -> Amendment {
        Amendment {
            order_id,
            quantity: value(self.quantity),
            price: value(self.price),
            stop_price: value(self.stop_price),
        }
    }
}

/// What the pages ask of an order that is there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderChange {
    /// Other terms.
    Amend(Amendment),
    /// To be withdrawn.
    Cancel(OrderId),
}

impl OrderChange {
    /// Which order.
    #[must_use]
    pub const fn order_id(&self) -> OrderId {
        match self {
            Self::Amend(amendment) => amendment.order_id,
            Self::Cancel(id) => *id,
        }
    }
}

/// An order's id for programs: `SESSION.NUMBER`, of characters that URLs leave as they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicOrderId {
    /// The session, which is the account.
    pub session: SessionId,
    /// The order's number in it.
    pub number: OrderId,
}

/// The text is no order id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an order id is SESSION.NUMBER")]
pub struct PublicOrderIdError;

impl FromStr for PublicOrderId {
    type Err = PublicOrderIdError;

    fn from_str(text: &str) -> Result<Self, PublicOrderIdError> {
        let (session, number) = text.rsplit_once('.').ok_or(PublicOrderIdError)?;
        let is_plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().map_err(|_| PublicOrderIdError)?;
        if !is_plain {
            return Err(PublicOrderIdError);
        }
        Ok(Self {
            session: session.parse().map_err(|_| PublicOrderIdError)?,
            number: OrderId(number),
        })
    }
}

impl fmt::Display for PublicOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.session, self.number)
    }
}

impl Serialize for PublicOrderId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicOrderId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// An order as programs see it: the words of the request, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderReport {
    /// What `/orders/{id}` takes.
    pub id: PublicOrderId,
    /// The account: the session's id.
    pub account: SessionId,
    /// Its number in the account; `id` of the session's lists.
    pub number: OrderId,
    /// What it trades.
    pub symbol: Symbol,
    /// Its owner's name for it.
    pub client_order_id: Option<ClientOrderId>,
    /// Buy or sell.
    pub side: Side,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Quantity ordered, as it stands: `asked_quantity` less what others of its group have filled; of an attached order,
    /// what its parent has filled.
    pub quantity: Quantity,
    /// Quantity asked for: what a change of `quantity` sets.
    pub asked_quantity: Quantity,
    /// Iceberg: the quantity shown.
    pub display_quantity: Option<Quantity>,
    /// The limit price.
    pub price: Option<Price>,
    /// The trigger price, as it stands.
    pub stop_price: Option<Price>,
    /// A trailing stop's distance.
    pub trail: Option<TrailRequest>,
    /// How long it stays.
    pub time_in_force: String,
    /// When its time in force ends.
    pub expires_at: Option<Timestamp>,
    /// What becomes of it when it would take.
    pub post_only: Option<PostOnly>,
    /// Whether it may only make a position smaller.
    pub reduce_only: bool,
    /// Whether it closes the whole position.
    pub close_position: bool,
    /// Where it stands.
    pub status: OrderStatus,
    /// Quantity filled so far.
    pub filled_quantity: Quantity,
    /// Average price of the fills.
    pub average_price: Option<Price>,
    /// Fees so far, in quote currency.
    #[serde(with = "crate::model::decimal")]
    pub fees: Decimal,
    /// Cash held for it, in quote currency.
    #[serde(with = "crate::model::decimal")]
    pub hold: Decimal,
    /// Why it was placed.
    pub purpose: OrderPurpose,
    /// The order that it is attached to.
    pub parent: Option<PublicOrderId>,
    /// The number of its group, of which only one may fill.
    pub group: Option<u64>,
    /// The price on which it was decided.
    pub decision_price: Price,
    /// When it was placed.
    pub submitted_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Why it ended, as a code; empty while it is open, and when it filled whole.
    pub end_code: String,
    /// The same in words.
    pub end_reason: String,
}

impl OrderReport {
    /// The report of an order of a session, in the instrument of this symbol.
    #[must_use]
    pub fn of(session: &SessionId, symbol: Symbol, order: &Order) -> Self {
        let id = |number| PublicOrderId {
            session: session.clone(),
            number,
        };
        let trail = match order.kind {
            OrderKind::TrailingStop { trail, .. } => Some(match trail {
                Trail::Amount(amount) => TrailRequest {
                    amount: Some(amount),
                    percent: None,
                },
                Trail::Share(share) => TrailRequest {
                    amount: None,
                    percent: Some((share * Decimal::ONE_HUNDRED).normalize()),
                },
            }),
            _ => None,
        };
        let expires_at = match order.time_in_force {
            TimeInForce::Gtd { expires_at } => Some(expires_at),
            _ => order.expires_at,
        };
        Self {
            id: id(order.id),
            account: session.clone(),
            number: order.id,
            symbol,
            client_order_id: order.client_order_id.clone(),
            side: order.side,
            kind: order.kind.name().to_owned(),
            quantity: order.quantity,
            asked_quantity: order.asked,
            display_quantity: order.display,
            price: order.kind.limit_price(),
            stop_price: order.kind.stop_price(),
            trail,
            time_in_force: order.time_in_force.name().to_owned(),
            expires_at,
            post_only: order.instructions.post_only,
            reduce_only: order.only_reduces(),
            close_position: order.instructions.close_position,
            status: order.status,
            filled_quantity: order.filled,
            average_price: order.average_price,
            fees: order.fees,
            hold: order.hold.amount,
            purpose: order.purpose,
            parent: order.parent.map(id),
            group: order.group.map(|group| group.0),
            decision_price: order.decision_price,
            submitted_at: order.submitted_at,
            updated_at: order.updated_at,
            end_code: order.end_code.to_string(),
            end_reason: order.end_reason.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::decimal;

    fn read(json: &str) -> Result<OrderRequest, String> {
        serde_json::from_str::<OrderBody>(json)
            .map(Into::into)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_contract_s_order_is_read_with_numbers_as_text_or_as_numbers() {
        let request = read(
            r#"{"symbol": "BTC/USDT", "side": "buy", "type": "stop_limit", "quantity": "0.5", "price": 101.5,
                "stop_price": 100, "time_in_force": "gtd", "expires_at": "2025-01-01T00:00:00Z", "post_only": true,
                "reduce_only": true, "display_quantity": 0.1, "client_order_id": "a-1",
                "attached": {"take_profit": {"price": "120"}, "stop_loss": {"trail": {"percent": 1.5}}}}"#,
        )
        .expect("an order");
        assert_eq!(request.kind, OrderType::StopLimit);
        assert_eq!(request.quantity, Some(decimal("0.5")));
        assert_eq!(request.price, Some(decimal("101.5")));
        assert_eq!(request.post_only, PostOnlyRequest::Reject);
        let attached = request.attached.expect("two orders");
        let trail = attached.stop_loss.and_then(|leg| leg.trail);
        assert_eq!(trail.and_then(|trail| trail.percent), Some(decimal("1.5")));
    }

    #[test]
    fn what_makes_no_sense_is_an_error_that_says_so() {
        for (body, says) in [
            (r#"{"type": "limit"}"#, "missing field `side`"),
            (r#"{"side": "hold"}"#, "unknown variant `hold`"),
            (r#"{"side": "buy", "typ": "limit"}"#, "unknown field `typ`"),
            (r#"{"side": "buy", "type": "magic"}"#, "unknown variant `magic`"),
            (r#"{"side": "buy", "quantity": "NaN"}"#, "a decimal number"),
            (r#"{"side": "buy", "quantity": "inf"}"#, "a decimal number"),
            (r#"{"side": "buy", "quantity": 1e300}"#, "a decimal number"),
            (
                r#"{"side": "buy", "quantity": "1e14"}"#,
                "beyond the largest number of an order",
            ),
            (
                r#"{"side": "buy", "post_only": "maybe"}"#,
                "true, false, \"reject\" or \"slide\"",
            ),
            (
                r#"{"side": "buy", "client_order_id": "two words"}"#,
                "client order id",
            ),
            (
                r#"{"side": "buy", "trail": {"points": 3}}"#,
                "unknown field `points`",
            ),
            (r#"{"side": "buy", "expires_at": "soon"}"#, "is not a time"),
        ] {
            let error = read(body).expect_err(body);
            assert!(error.contains(says), "{body}: {error}");
        }
        assert_eq!(Number::MOST, Decimal::from(10_000_000_000_000_u64));
    }

    #[test]
    fn a_public_id_is_the_session_and_the_number() {
        let id: PublicOrderId = "0197-ab_c.17".parse().expect("an id");
        assert_eq!((id.session.as_str(), id.number), ("0197-ab_c", OrderId(17)));
        assert_eq!(id.to_string(), "0197-ab_c.17");
        for text in ["17", "s.", ".17", "s.-1", "s.+1", "s.1.x", "s/1"] {
            assert_eq!(text.parse::<PublicOrderId>(), Err(PublicOrderIdError), "{text}");
        }
    }

    #[test]
    fn a_list_says_how_its_orders_depend_on_each_other() {
        let list: OrderListBody = serde_json::from_str(
            r#"{"group": "oco", "orders": [{"side": "sell", "type": "limit", "quantity": 1, "price": 110},
                                           {"side": "sell", "type": "stop", "quantity": 1, "stop_price": 90}]}"#,
        )
        .expect("a list");
        let list = OrderList::from(list);
        assert_eq!((list.contingency, list.orders.len()), (Contingency::Oco, 2));
    }
}
