//! Why an open order has not filled: what it waits for, as the engine sees it now.

use super::Engine;
use crate::exchange::{LimitFill, Market, TradingStatus, is_open_to};
use crate::market::{BookCondition, Calendar, CalendarId};
use crate::model::json::tagged;
use crate::model::{OrderId, Price, Quantity, Side, Timeframe, Timestamp};
use crate::order::{Awaits, Order, OrderStatus, TimeInForce};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

tagged! { "code":
/// One thing that an open order waits for; `Display` says it in a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Wait, "Wait" as WaitForm {
    /// The order that it is attached to has to fill first.
    Parent {
        /// That order.
        order_id: OrderId,
    },
    /// It has not reached the exchange yet.
    OnItsWay {
        /// When it does.
        arrives_at: Timestamp,
    },
    /// It meets the next data that the market shows; an order never meets data as old as its decision.
    NextData,
    /// The market is closed to it.
    MarketClosed {
        /// When the regular session begins.
        opens_at: Timestamp,
    },
    /// The instrument is halted.
    Halted,
    /// The data has a gap: nothing fills until the book is known again.
    Gap,
    /// The best prices of the book are crossed, which is no market.
    Crossed,
    /// The newest data is too old to fill on.
    Stale {
        /// When it is from.
        shown_at: Timestamp,
        /// The age, in milliseconds, from which data fills nothing.
        stale_after_ms: u64,
    },
    /// What goes on beside the newest data contradicts it, and it has not answered.
    Contradicted {
        /// Since when.
        since: Timestamp,
    },
    /// It is for an auction.
    Auction {
        /// Which.
        auction: Auction,
        /// When that is.
        at: Timestamp,
    },
    /// The market has not come to the price that sets it off.
    Trigger {
        /// That price.
        stop_price: Price,
        /// Whether the market has to rise to it, or to fall.
        rises: bool,
        /// Where the market is: the best price that it could trade with, or the last price where only bars are known.
        market: Option<Price>,
        /// How far the market has to go.
        #[serde(with = "crate::model::decimal::option")]
        distance: Option<Decimal>,
    },
    /// The market has not come to its limit, or not through it.
    Limit {
        /// The limit.
        price: Price,
        /// Buy or sell.
        side: Side,
        /// Where the market is: the best price that it could trade with, or the last price where only bars are known.
        market: Option<Price>,
        /// How far the market has to go; zero where it stands at the limit, which is not enough without a queue.
        #[serde(with = "crate::model::decimal::option")]
        distance: Option<Decimal>,
        /// How far the market must come for it to fill outside a queue.
        rule: LimitFill,
    },
    /// Others stand before it at its price.
    Queue {
        /// Quantity ahead of it when it joined.
        ahead_at_entry: Quantity,
        /// Quantity ahead of it now.
        ahead: Quantity,
    },
    /// Our orders have had their share of the last bar's volume; the rest waits for the next bar.
    VolumeShare {
        /// The largest share of a bar's volume.
        #[serde(with = "crate::model::decimal")]
        share: Decimal,
    },
    /// Our orders have taken what the other side shows; the rest waits for new quantity there.
    Liquidity,
}}

/// An auction of the trading day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auction {
    /// That of the open.
    Opening,
    /// That of the close.
    Closing,
}

impl Engine {
    /// What an open order waits for, the most decisive first; `None` when there is no such open order.
    #[must_use]
    pub fn waits(&self, id: OrderId) -> Option<Vec<Wait>> {
        let (at, index) = self.find_order(id)?;
        let market = self.market(at);
        let order = market.orders.at(index);
        if let (OrderStatus::Waiting, Some(order_id)) = (order.status, order.parent) {
            return Some(vec![Wait::Parent { order_id }]);
        }
        let now = self.market_time.unwrap_or(order.submitted_at);
        let mut waits = Vec::new();
        if order.status == OrderStatus::Submitted && order.arrives_at > now {
            waits.push(Wait::OnItsWay {
                arrives_at: order.arrives_at,
            });
        }
        waits.extend(self.market_is_shut(market, order, now));
        let is_shut = !waits.is_empty();
        waits.extend(self.price_is_away(market, order));
        if !is_shut && (order.status == OrderStatus::Submitted || waits.is_empty()) {
            waits.insert(0, Wait::NextData);
        }
        Some(waits)
    }

    /// What of the market's state keeps every order like this one from filling.
    fn market_is_shut(&self, market: &Market, order: &Order, now: Timestamp) -> Vec<Wait> {
        let mut waits = Vec::new();
        match market.status() {
            TradingStatus::Halted => waits.push(Wait::Halted),
            TradingStatus::Gap => waits.push(Wait::Gap),
            TradingStatus::Trading | TradingStatus::Ended => {}
        }
        let calendar = Calendar::of(market.calendar());
        // A bar of a day or longer is made of sessions, whatever the hour that it is dated by.
        let has_hours = market.calendar() != CalendarId::Always
            && self.config.base_timeframe.nanos() < Timeframe::DAY.nanos();
        if has_hours && !is_open_to(calendar.phase(now), order) {
            waits.push(Wait::MarketClosed {
                opens_at: calendar.next_open(now),
            });
        }
        if market.tier().is_some() && market.book().condition() == BookCondition::Crossed {
            waits.push(Wait::Crossed);
        }
        if let (Some(stale_after_ms), Some(shown_at)) = (self.models.fill.stale_after_ms, market.tick_time())
            && u64::try_from(now.since(shown_at) / 1_000_000).is_ok_and(|age| age > stale_after_ms)
        {
            waits.push(Wait::Stale {
                shown_at,
                stale_after_ms,
            });
        }
        if let Some(since) = market.doubted_since(now) {
            waits.push(Wait::Contradicted { since });
        }
        match order.time_in_force {
            TimeInForce::Opg => waits.push(Wait::Auction {
                auction: Auction::Opening,
                at: calendar.next_open(order.submitted_at),
            }),
            TimeInForce::Cls => waits.push(Wait::Auction {
                auction: Auction::Closing,
                at: calendar.next_close(order.submitted_at),
            }),
            _ => {}
        }
        waits
    }

    /// What of its price, its place in the queue and the quantity to be had keeps the order from filling.
    fn price_is_away(&self, market: &Market, order: &Order) -> Vec<Wait> {
        let touch = market
            .best(order.side.opposite())
            .map(|ticks| market.grid().price(ticks))
            .or_else(|| market.last_price());
        let distance = |price: Price, rises: bool| {
            let way = touch.map(|touch| {
                if rises {
                    price.0 - touch.0
                } else {
                    touch.0 - price.0
                }
            });
            way.map(|way| way.max(Decimal::ZERO))
        };
        match order.awaits() {
            Awaits::RiseTo(stop_price) | Awaits::FallTo(stop_price) => {
                let rises = matches!(order.awaits(), Awaits::RiseTo(_));
                vec![Wait::Trigger {
                    stop_price,
                    rises,
                    market: touch,
                    distance: distance(stop_price, rises),
                }]
            }
            Awaits::Limit(price) => {
                let distance = distance(price, order.side == Side::Sell);
                let mut waits = Vec::new();
                if distance == Some(Decimal::ZERO) {
                    waits.extend(self.rest_waits_for(market, order));
                }
                waits.push(Wait::Limit {
                    price,
                    side: order.side,
                    market: touch,
                    distance,
                    rule: self.models.fill.limit,
                });
                waits.extend(market.queue_of(order.id).map(|place| Wait::Queue {
                    ahead_at_entry: place.ahead_at_entry,
                    ahead: place.ahead_at_fill,
                }));
                waits
            }
            Awaits::Anything => self.rest_waits_for(market, order).into_iter().collect(),
        }
    }

    /// What the rest of an order waits for whose price is there already.
    fn rest_waits_for(&self, market: &Market, order: &Order) -> Option<Wait> {
        if order.status != OrderStatus::PartiallyFilled {
            return None;
        }
        match (market.tier(), self.models.fill.volume_share) {
            (None, Some(share)) => Some(Wait::VolumeShare { share }),
            (None, None) => None,
            (Some(_), _) => Some(Wait::Liquidity),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parent { order_id } => {
                write!(f, "It is attached to order {order_id}, which has to fill first.")
            }
            Self::OnItsWay { arrives_at } => {
                write!(f, "It is on its way and reaches the exchange at {arrives_at}.")
            }
            Self::NextData => f.write_str("It meets the next prices that the market shows."),
            Self::MarketClosed { opens_at } => {
                write!(
                    f,
                    "The market is closed to it; the regular session begins at {opens_at}."
                )
            }
            Self::Halted => f.write_str("The instrument is halted: orders rest, nothing fills."),
            Self::Gap => f.write_str("The data has a gap: nothing fills until the market is known again."),
            Self::Crossed => {
                f.write_str("The best bid is above the best ask, which is no market: nothing fills on it.")
            }
            Self::Stale {
                shown_at,
                stale_after_ms,
            } => write!(
                f,
                "The newest data is of {shown_at}, older than {stale_after_ms} ms: nothing fills on stale data."
            ),
            Self::Contradicted { since } => write!(
                f,
                "Others have traded since {since} at prices that the newest quotes do not explain: nothing fills on those until they are told anew."
            ),
            Self::Auction { auction, at } => {
                let which = match auction {
                    Auction::Opening => "opening",
                    Auction::Closing => "closing",
                };
                write!(f, "It is for the {which} auction at {at}.")
            }
            Self::Trigger {
                stop_price,
                rises,
                market,
                distance,
            } => {
                let way = if *rises { "rise" } else { "fall" };
                write!(f, "It waits for the market to {way} to {stop_price}")?;
                is_at(f, *market, *distance)
            }
            Self::Limit {
                price,
                side,
                market,
                distance,
                rule,
            } => {
                let better = match side {
                    Side::Buy => "lower",
                    Side::Sell => "higher",
                };
                write!(f, "It waits for a price of {price} or {better}")?;
                if *distance == Some(Decimal::ZERO) && *rule != LimitFill::Touch {
                    f.write_str(
                        "; the market is there, but has to go through it, or trades have to use up the queue before it.",
                    )
                } else {
                    is_at(f, *market, *distance)
                }
            }
            Self::Queue {
                ahead_at_entry,
                ahead,
            } => write!(
                f,
                "In the queue at its price {ahead} stand before it, of {ahead_at_entry} when it joined."
            ),
            Self::VolumeShare { share } => write!(
                f,
                "Orders may have {} % of a bar's volume, which is used up: the rest waits for the next bar.",
                (share * Decimal::ONE_HUNDRED).normalize()
            ),
            Self::Liquidity => {
                f.write_str("What the other side shows is taken: the rest waits for new quantity there.")
            }
        }
    }
}

/// Ends a sentence with where the market is.
fn is_at(f: &mut fmt::Formatter<'_>, market: Option<Price>, distance: Option<Decimal>) -> fmt::Result {
    match (market, distance) {
        (Some(market), Some(distance)) => {
            write!(f, "; the market is at {market}, {} away", distance.normalize())?;
            if !market.0.is_zero() {
                let percent = (distance / market.0 * Decimal::ONE_HUNDRED)
                    .round_dp(2)
                    .normalize();
                write!(f, " ({percent} %)")?;
            }
            f.write_str(".")
        }
        _ => f.write_str("; the market has no price yet."),
    }
}
