//! Which part of the position came from which entry.
//!
//! The account holds one position at its average cost. Beside it the strategy remembers what each of its entry orders
//! has brought and is left of it, a *stake*: by stakes it knows how often it has entered, which stop belongs to which
//! entry, and what an exit of certain entries closes. What leaves without naming a stake leaves the oldest first.

use super::protect::EntryPlan;
use crate::model::{Money, OrderId, Price, decimal};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What one entry order has brought and is left of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stake {
    /// The entry order.
    pub(super) order: OrderId,
    /// The entry rule, as its place in the list.
    pub(super) rule: u16,
    /// All that its order filled.
    #[serde(with = "crate::model::decimal")]
    pub(super) entered: Decimal,
    /// What is left of that.
    #[serde(with = "crate::model::decimal")]
    pub(super) left: Decimal,
    /// The price of its first fill.
    pub(super) price: Price,
    pub(super) plan: EntryPlan,
    pub(super) guards: Vec<Guard>,
}

/// A protective order of a stake.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Guard {
    pub(super) order: OrderId,
    pub(super) role: Role,
}

/// What a protective order closes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Role {
    /// All that is left of the stake, when the market has gone against it.
    Stop,
    /// All that is left of it, when the market turns.
    Trailing,
    /// A step of taking profit, as its place in the plan.
    Target(u16),
}

/// An order under way that closes a part of the position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Partial {
    pub(super) order: OrderId,
    /// The exit rule, as its place in the list.
    pub(super) rule: u16,
    /// Whether a fill of it has been counted.
    pub(super) counted: bool,
}

/// The stakes of the position in the strategy's instrument, and the orders that close parts of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Stakes {
    /// Oldest first; those of which nothing has filled yet among them.
    list: Vec<Stake>,
    partials: Vec<Partial>,
    /// How often each exit rule has closed a part of this position.
    exits: Vec<u32>,
}

impl Stakes {
    pub(super) fn as_slice(&self) -> &[Stake] {
        &self.list
    }

    pub(super) fn partials(&self) -> &[Partial] {
        &self.partials
    }

    /// An entry order went out.
    pub(super) fn begin(&mut self, order: OrderId, rule: u16, plan: EntryPlan) {
        self.list.push(Stake {
            order,
            rule,
            entered: Decimal::ZERO,
            left: Decimal::ZERO,
            price: Price::ZERO,
            plan,
            guards: Vec::new(),
        });
    }

    /// An order that closes a part went out.
    pub(super) fn begin_partial(&mut self, order: OrderId, rule: u16) {
        self.partials.push(Partial {
            order,
            rule,
            counted: false,
        });
    }

    /// An entry order filled; gives its stake's place.
    pub(super) fn enter(&mut self, order: OrderId, quantity: Decimal, price: Price) -> Option<usize> {
        let place = self.list.iter().position(|stake| stake.order == order)?;
        let stake = &mut self.list[place];
        if stake.entered.is_zero() {
            stake.price = price;
        }
        stake.entered = decimal::add(stake.entered, quantity);
        stake.left = decimal::add(stake.left, quantity);
        Some(place)
    }

    pub(super) fn at(&self, place: usize) -> &Stake {
        &self.list[place]
    }

    pub(super) fn guard(&mut self, place: usize, guard: Guard) {
        self.list[place].guards.push(guard);
    }

    /// Something was closed by `order`: it leaves the stake that the order guards, or those of `families`, or the oldest.
    /// Then no more than `held` is left of all.
    pub(super) fn leave(
        &mut self,
        order: OrderId,
        quantity: Decimal,
        held: Decimal,
        is_of: impl Fn(&Stake) -> bool,
    ) {
        let guarded = self
            .list
            .iter()
            .position(|stake| stake.guards.iter().any(|guard| guard.order == order));
        let mut rest = quantity;
        for (place, stake) in self.list.iter_mut().enumerate() {
            if guarded.map_or_else(|| is_of(stake), |guarded| guarded == place) {
                let taken = decimal::smaller(stake.left, rest);
                stake.left = decimal::subtract(stake.left, taken);
                rest = decimal::subtract(rest, taken);
            }
        }
        let left = self.list.iter().map(|stake| stake.left);
        let left = left.fold(Decimal::ZERO, decimal::add);
        let mut surplus = decimal::subtract(left, held);
        for stake in &mut self.list {
            let taken = decimal::smaller(stake.left, decimal::at_least_zero(surplus));
            stake.left = decimal::subtract(stake.left, taken);
            surplus = decimal::subtract(surplus, taken);
        }
    }

    /// An order that closes a part has filled: counts it once.
    pub(super) fn count_partial(&mut self, order: OrderId) {
        if let Some(partial) = self.partials.iter_mut().find(|partial| partial.order == order)
            && !std::mem::replace(&mut partial.counted, true)
        {
            let rule = usize::from(partial.rule);
            if self.exits.len() <= rule {
                self.exits.resize(rule + 1, 0);
            }
            self.exits[rule] += 1;
        }
    }

    /// How often an exit rule has closed a part of this position.
    pub(super) fn exits_of(&self, rule: u16) -> u32 {
        self.exits.get(usize::from(rule)).copied().unwrap_or(0)
    }

    /// The exit rule by which an order closes a part.
    pub(super) fn partial_of(&self, order: OrderId) -> Option<u16> {
        let partial = self.partials.iter().find(|partial| partial.order == order)?;
        Some(partial.rule)
    }

    /// Forgets what is over: stakes of which nothing is left and whose order is at its end, and ended orders.
    pub(super) fn tidy(&mut self, is_open: impl Fn(OrderId) -> bool) {
        self.list
            .retain(|stake| decimal::is_positive(stake.left) || is_open(stake.order));
        self.partials.retain(|partial| is_open(partial.order));
    }

    /// The position is closed.
    pub(super) fn end_position(&mut self) {
        self.list.retain(|stake| stake.entered.is_zero());
        self.exits.clear();
    }

    /// A split makes `ratio` units of each.
    pub(super) fn split(&mut self, ratio: Decimal) {
        let by = Price(ratio).to_f64();
        for stake in &mut self.list {
            for quantity in [&mut stake.entered, &mut stake.left] {
                *quantity = (*quantity * ratio).round_dp(Money::SCALE).normalize();
            }
            stake.price = Price((stake.price.0 / ratio).round_dp(Money::SCALE).normalize());
            stake.plan.split(by);
        }
    }
}
