//! `GET /orders/{id}/explain`: why an order filled at its prices, why it has not filled, why it ended.

use crate::engine::Wait;
use crate::exchange::{DataTier, Fill, Liquidity, QueueStory};
use crate::model::{Instrument, Money, OrderId, Price, Quantity, Side, Timestamp};
use crate::order::{Order, OrderStatus};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An order's story so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderExplanation {
    /// Its number in the session.
    pub order_id: OrderId,
    /// Where it stands.
    pub status: OrderStatus,
    /// What it is and where it stands, in a sentence.
    pub headline: String,
    /// Why each fill is what it is, oldest first.
    pub fills: Vec<FillStory>,
    /// Why it has not filled, or not whole; empty when it is at its end.
    pub waits: Vec<WaitStory>,
    /// Why it ended before it was filled whole.
    pub ending: Option<Ending>,
}

/// Why a fill is what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FillStory {
    /// The fill's number in the session.
    pub number: u64,
    /// When it happened.
    pub time: Timestamp,
    /// Quantity, in units of the instrument.
    pub quantity: Quantity,
    /// The price on which the order was decided.
    pub decision_price: Price,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// When it reached the exchange.
    pub arrived_at: Timestamp,
    /// The data that it met.
    pub tier: DataTier,
    /// The number, in the session's tape, of the input that brought it.
    pub tape: u64,
    /// The price met before spread, slippage and impact.
    pub reference_price: Price,
    /// The price of the fill.
    pub price: Price,
    /// Where it stood in the queue, if it rested in one.
    pub queue: Option<QueueStory>,
    /// From the decision to the fill, amount by amount; they add up to `price_cost` exactly.
    pub parts: Vec<FillPart>,
    /// What the price cost against the decision.
    pub price_cost: Money,
    /// The fee; negative is a rebate.
    pub fee: Money,
    /// Price cost and fee: the implementation shortfall.
    pub total: Money,
    /// The sum, written out.
    pub sum: String,
    /// The story in sentences.
    pub sentences: Vec<String>,
}

/// One amount between decision and fill; positive is a cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FillPart {
    /// Which.
    pub part: PartName,
    /// The amount, for the whole fill.
    pub amount: Money,
    /// All amounts up to this one.
    pub running: Money,
}

/// What stands between decision and fill, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartName {
    /// How the market moved while the order waited.
    Drift,
    /// How it moved while the order was on its way.
    Latency,
    /// Half the spread.
    Spread,
    /// The slippage model's addition, rounding to the tick included.
    Slippage,
    /// What its own size cost.
    Impact,
}

impl PartName {
    /// The name for people.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Drift => "Market moved",
            Self::Latency => "Latency",
            Self::Spread => "Half the spread",
            Self::Slippage => "Slippage",
            Self::Impact => "Impact",
        }
    }

    /// What it is, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Drift => "while the order waited",
            Self::Latency => "moved while the order was on its way",
            Self::Spread => "paid by those who take",
            Self::Slippage => "the model's, rounding to the tick included",
            Self::Impact => "its own size: levels behind the best, or the model's",
        }
    }
}

/// One thing that an open order waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitStory {
    /// What, with its numbers; its `code` says which kind.
    #[serde(flatten)]
    pub wait: Wait,
    /// The same in a sentence.
    pub sentence: String,
}

/// Why an order ended before it was filled whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The stable code: `requested`, `expired`, `insufficient_funds`.
    pub code: String,
    /// When.
    pub at: Timestamp,
    /// In a sentence.
    pub sentence: String,
}

impl OrderExplanation {
    /// The story of an order with all its fills; `waits` is the engine's word on an open one.
    #[must_use]
    pub fn of(order: &Order, instrument: &Instrument, fills: &[Fill], waits: Vec<Wait>) -> Self {
        let story = |wait: Wait| WaitStory {
            sentence: wait.to_string(),
            wait,
        };
        Self {
            order_id: order.id,
            status: order.status,
            headline: headline(order, instrument),
            fills: fills.iter().map(|fill| FillStory::of(fill, instrument)).collect(),
            waits: waits.into_iter().map(story).collect(),
            ending: Ending::of(order),
        }
    }
}

fn headline(order: &Order, instrument: &Instrument) -> String {
    let kind = order.kind.name().replace('_', " ");
    let mut text = format!(
        "{} {} {} {kind}",
        verb(order.side),
        plain(order.quantity.0),
        instrument.symbol()
    );
    if let Some(price) = order.kind.price() {
        text.push_str(&format!(" at {price}"));
    }
    let filled = match order.average_price {
        Some(average) if order.filled == order.quantity => format!(", all of it at {average} on average"),
        Some(average) => format!(", {} of it at {average} on average", plain(order.filled.0)),
        None => String::new(),
    };
    format!("{text}: {}{filled}.", order.status)
}

const fn verb(side: Side) -> &'static str {
    match side {
        Side::Buy => "Buy",
        Side::Sell => "Sell",
    }
}

fn plain(value: Decimal) -> Decimal {
    value.normalize()
}

impl Ending {
    /// Why the order ended; `None` while it is open, and when it filled whole.
    #[must_use]
    pub fn of(order: &Order) -> Option<Self> {
        let who = match order.status {
            OrderStatus::Denied => "The risk check denied it",
            OrderStatus::Rejected => "The exchange rejected it",
            OrderStatus::Canceled => "It was canceled",
            OrderStatus::Expired => "It expired",
            _ => return None,
        };
        let rest = if order.filled.0.is_zero() || order.filled >= order.quantity {
            String::new()
        } else {
            format!(" with {} left", plain(order.remaining().0))
        };
        Some(Self {
            code: order.end_code.to_string(),
            at: order.updated_at,
            sentence: format!("{who}{rest}: {}.", order.end_reason.trim_end_matches('.')),
        })
    }
}

impl FillStory {
    /// The story of a fill.
    #[must_use]
    pub fn of(fill: &Fill, instrument: &Instrument) -> Self {
        let why = &fill.explanation;
        let mut running = Money::zero(why.fee.currency);
        let parts = [
            (PartName::Drift, why.drift),
            (PartName::Latency, why.latency),
            (PartName::Spread, why.spread),
            (PartName::Slippage, why.slippage),
            (PartName::Impact, why.impact),
        ]
        .map(|(part, amount)| {
            running = Money::new(running.amount + amount.amount, running.currency);
            FillPart {
                part,
                amount,
                running,
            }
        });
        let price_cost = why.price_cost();
        Self {
            number: fill.number,
            time: fill.time,
            quantity: fill.quantity,
            decision_price: why.decision_price,
            decided_at: why.decided_at,
            arrived_at: why.arrived_at.max(why.decided_at),
            tier: why.tier,
            tape: why.tape,
            reference_price: why.reference_price,
            price: fill.price,
            queue: why.queue,
            sum: sum(fill, instrument, &parts, price_cost),
            sentences: sentences(fill, &parts, price_cost),
            parts: parts.to_vec(),
            price_cost,
            fee: why.fee,
            total: price_cost + why.fee,
        }
    }
}

/// The parts that are something, as a sum, and what it must equal: `0.5 + 0.02 = 0.52 = (100.26 − 100.00) × 2`.
fn sum(fill: &Fill, instrument: &Instrument, parts: &[FillPart], price_cost: Money) -> String {
    let mut text = String::new();
    for FillPart { part, amount, .. } in parts.iter().filter(|part| !part.amount.is_zero()) {
        let sign = match (text.is_empty(), amount.amount.is_sign_negative()) {
            (true, false) => "",
            (true, true) => "−",
            (false, false) => " + ",
            (false, true) => " − ",
        };
        let name = part.label().to_lowercase();
        text.push_str(&format!("{sign}{} {name}", plain(amount.amount.abs())));
    }
    if text.is_empty() {
        text.push('0');
    }
    let (to, from) = match fill.side {
        Side::Buy => (fill.price, fill.explanation.decision_price),
        Side::Sell => (fill.explanation.decision_price, fill.price),
    };
    let multiplier = if instrument.multiplier() == Decimal::ONE {
        String::new()
    } else {
        format!(" × {}", plain(instrument.multiplier()))
    };
    format!(
        "{text} = {} = ({to} − {from}) × {}{multiplier}",
        signed(price_cost.amount),
        plain(fill.quantity.0)
    )
}

/// With a true minus sign, as the sum's own.
fn signed(amount: Decimal) -> String {
    let sign = if amount.is_sign_negative() && !amount.is_zero() {
        "−"
    } else {
        ""
    };
    format!("{sign}{}", plain(amount.abs()))
}

fn sentences(fill: &Fill, parts: &[FillPart], price_cost: Money) -> Vec<String> {
    let why = &fill.explanation;
    let mut story = vec![format!(
        "It was decided on a price of {} at {}.",
        why.decision_price, why.decided_at
    )];
    let on_its_way = why.arrived_at.since(why.decided_at);
    if on_its_way > 0 {
        let millis = Decimal::from(on_its_way) / Decimal::from(1_000_000);
        story.push(format!(
            "It reached the exchange {} ms later, at {}.",
            plain(millis),
            why.arrived_at
        ));
    }
    if let Some(queue) = why.queue {
        story.push(format!(
            "It rested behind {} at its price; when it filled, {} stood before it.",
            plain(queue.ahead_at_entry.0),
            plain(queue.ahead_at_fill.0)
        ));
    }
    story.push(format!(
        "It met {} (input {} of the session's tape, by {}), which stands for a price of {}.",
        why.met,
        why.tape,
        tier_in_words(why.tier),
        why.reference_price
    ));
    story.extend(parts.iter().filter_map(cost_in_words));
    let liquidity = match fill.liquidity {
        Liquidity::Maker => "gave liquidity: it waited and was met",
        Liquidity::Taker => "took liquidity: it went to the market",
    };
    let fee = if why.fee.amount.is_sign_negative() && !why.fee.is_zero() {
        format!("the venue paid {} for it", shown(-why.fee))
    } else {
        format!("the fee was {}", shown(why.fee))
    };
    story.push(format!(
        "It filled {} at {} and {liquidity}; {fee}.",
        plain(fill.quantity.0),
        fill.price
    ));
    let verdict = match price_cost.amount {
        none if none.is_zero() => "The price was the one it was decided on.".to_owned(),
        gain if gain.is_sign_negative() => {
            format!(
                "The price was better than decided by {} in all.",
                shown(-price_cost)
            )
        }
        _ => format!(
            "The price was worse than decided by {} in all.",
            shown(price_cost)
        ),
    };
    story.push(verdict);
    story
}

const fn tier_in_words(tier: DataTier) -> &'static str {
    match tier {
        DataTier::Model => "a model, as nobody quotes it",
        DataTier::Bars => "bars",
        DataTier::Trades => "trades",
        DataTier::Quotes => "quotes",
        DataTier::Depth => "the order book",
    }
}

fn shown(money: Money) -> String {
    format!("{} {}", plain(money.amount), money.currency)
}

fn cost_in_words(part: &FillPart) -> Option<String> {
    if part.amount.is_zero() {
        return None;
    }
    let gains = part.amount.amount.is_sign_negative();
    let amount = shown(if gains { -part.amount } else { part.amount });
    let by = if gains { "in its favour" } else { "against it" };
    Some(match part.part {
        PartName::Drift => format!("While it waited, the market moved {by}: {amount}."),
        PartName::Latency => format!("While it was on its way, the market moved {by}: {amount}."),
        PartName::Spread => format!("Taking crosses half the spread: {amount}."),
        PartName::Slippage if gains => format!("Rounding gave it {amount}."),
        PartName::Slippage => format!("Slippage by the model, rounded to the tick: {amount}."),
        PartName::Impact => format!("Its own size moved the price {by}: {amount}."),
    })
}

#[cfg(test)]
mod tests;
