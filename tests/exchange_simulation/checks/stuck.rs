//! Orders that could fill, or move on, and do neither.

use super::book::MarketModel;
use super::{Verdict, ensure};
use papertape::engine::{Engine, Input};
use papertape::exchange::{DataTier, LimitFill, TradingStatus, rests};
use papertape::market::{Bar, MarketEvent};
use papertape::model::{Price, Quantity, Side, Timestamp};
use papertape::order::{Awaits, Order, OrderKind, OrderStatus};

/// Judges the orders that are still open after data that they could meet.
pub(super) fn judge(input: &Input, engine: &Engine, markets: &[MarketModel]) -> Verdict {
    let Input::Market(at, event) = input else {
        return Ok(());
    };
    let market = &markets[at.index()];
    if market.status() != TradingStatus::Trading || engine.state().is_final() {
        return Ok(());
    }
    // What follows a fill in an option, which is quoted when its shares' orders have met this data, meets the next.
    let has_options = engine.config().option_model.is_some();
    let follows_option = |order: &Order| {
        has_options && order.parent.is_some() && Some(order.submitted_at) == market.tick_time()
    };
    let orders = engine
        .open_orders()
        .filter(|order| order.instrument == *at && !order.is_for_auction() && !follows_option(order));
    for order in orders {
        let verdict = match event {
            MarketEvent::Quote(quote) if market.tick_time() == Some(quote.time) => {
                on_book(order, market, quote.time)
            }
            MarketEvent::Depth(update) if market.tick_time() == Some(update.time) => {
                on_book(order, market, update.time)
            }
            MarketEvent::Bar(bar) if market.is_bar_news() => on_bar(order, market, bar),
            _ => Ok(()),
        };
        verdict?;
    }
    Ok(())
}

fn moves_on(moves: bool, order: &Order, market: &MarketModel) -> Verdict {
    ensure(moves, "no order is stuck", || format!("{order:?}\n{market:?}"))
}

/// After a change of the book nothing is left for what takes any price, nor for a limit that it came through, and what
/// it touched is set off.
fn on_book(order: &Order, market: &MarketModel, now: Timestamp) -> Verdict {
    if market.is_crossed() || !matches!(market.tier(), Some(DataTier::Quotes | DataTier::Depth)) {
        return Ok(());
    }
    if order.status == OrderStatus::Submitted {
        return moves_on(order.arrives_at > now || order.submitted_at == now, order, market);
    }
    // An order that was born of this very data, or changed after it, meets the next.
    if !rests(order) || !market.is_session(order, now) {
        return Ok(());
    }
    let left = market.best_left(order.side.opposite());
    let touch = market.best(order.side.opposite());
    let moves = match order.awaits() {
        // What closes a position waits where price protection would withdraw another order.
        Awaits::Anything => {
            left.is_none() || (order.only_reduces() && market.execution().fill.protection.is_some())
        }
        Awaits::Limit(limit) if !matches!(market.execution().fill.limit, LimitFill::ThroughByTicks(_)) => {
            left.is_none_or(|price| !is_through(order.side, limit, price))
        }
        Awaits::RiseTo(price) => touch.is_none() || market.price(touch) < price,
        Awaits::FallTo(price) => touch.is_none() || market.price(touch) > price,
        Awaits::Limit(_) => true,
    };
    moves_on(moves && !order.leaves_no_rest(), order, market)
}

/// A bar that allows any quantity leaves nothing open that it went through, if that rested before.
fn on_bar(order: &Order, market: &MarketModel, bar: &Bar) -> Verdict {
    let is_left = market.most_of(bar).is_none_or(|most| {
        Quantity(market.taken()).to_f64() + Quantity(market.instrument().lot()).to_f64() <= most
    });
    if !is_left || order.updated_at >= bar.open_time || !market.is_session(order, bar.open_time) {
        return Ok(());
    }
    if order.status == OrderStatus::Submitted {
        return moves_on(order.arrives_at > bar.open_time, order, market);
    }
    if !rests(order) || matches!(order.kind, OrderKind::TrailingStop { .. }) {
        return Ok(());
    }
    let moves = match (order.awaits(), order.side) {
        (Awaits::Anything, _) => false,
        (Awaits::RiseTo(price), _) => price.to_f64() > bar.high,
        (Awaits::FallTo(price), _) => price.to_f64() < bar.low,
        (Awaits::Limit(_), _) if matches!(market.execution().fill.limit, LimitFill::ThroughByTicks(_)) => {
            true
        }
        (Awaits::Limit(price), Side::Buy) => price.to_f64() <= bar.low,
        (Awaits::Limit(price), Side::Sell) => price.to_f64() >= bar.high,
    };
    moves_on(moves && !order.leaves_no_rest(), order, market)
}

fn is_through(side: Side, limit: Price, price: Price) -> bool {
    match side {
        Side::Buy => price < limit,
        Side::Sell => price > limit,
    }
}
