//! The portfolio: at a close that is due, what every instrument should be worth, sales first, and purchases of what they
//! bring.
//!
//! Everything is decided at one close, from what the account is worth at it. The sales go out at once; the purchases
//! wait until the last of them is at its end, and are cut alike when the money does not reach for all. So that both
//! meet the same open, bars that open together are met together, those first in whose instrument something is for sale.

use super::orders::Draft;
use super::{Engine, SessionState, Sink};
use crate::market::Bar;
use crate::model::{InstrumentId, Money, Price, Quantity, Side, Timestamp};
use crate::order::{CancelReason, Order, OrderPurpose};
use crate::portfolio::Covariance;
use crate::strategy::{MinTrade, PortfolioMethod, PortfolioRule, Schedule};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What the portfolio remembers between closes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Rebalance {
    /// Bars that opened together and are not met yet.
    waiting: Vec<(InstrumentId, Bar)>,
    /// The period of the schedule in which weights were last found.
    period: Option<i64>,
    /// Closes since then.
    closes: u32,
    /// The shares of the equity that were aimed at last, by the instruments' places; empty before the first time.
    shares: Vec<f64>,
    /// Who took part then.
    members: Vec<bool>,
    /// What is to be bought when nothing is for sale any more.
    purchases: Vec<Planned>,
}

/// A trade that is decided.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Planned {
    at: InstrumentId,
    quantity: Quantity,
    decision_price: Price,
    reason: Cow<'static, str>,
}

impl Engine {
    /// A bar of one of several instruments. For a portfolio it waits for those that open with it.
    pub(super) fn meet_bar_of_many<S: Sink>(&mut self, at: InstrumentId, bar: &Bar, sink: &mut S) {
        let is_followed = self.desks.get(at.index()).is_some_and(|desk| desk.is_followed);
        let followed = self.desks.iter().filter(|desk| desk.is_followed).count();
        let Some(portfolio) = self.portfolio_mut().filter(|_| is_followed) else {
            self.meet_waiting(sink);
            return self.meet_bar(at, bar, sink);
        };
        let is_of_another =
            |(other, waiting): &(InstrumentId, Bar)| *other == at || waiting.open_time != bar.open_time;
        if portfolio.waiting.iter().any(is_of_another) {
            self.meet_waiting(sink);
        }
        if let Some(portfolio) = self.portfolio_mut() {
            portfolio.waiting.push((at, *bar));
            if portfolio.waiting.len() >= followed {
                self.meet_waiting(sink);
            }
        }
    }

    /// No more bars will open with those that wait: they are met.
    #[inline]
    pub(super) fn meet_waiting<S: Sink>(&mut self, sink: &mut S) {
        if self
            .portfolio_mut()
            .is_some_and(|portfolio| !portfolio.waiting.is_empty())
        {
            self.meet_all_waiting(sink);
        }
    }

    fn meet_all_waiting<S: Sink>(&mut self, sink: &mut S) {
        let mut bars = self
            .portfolio_mut()
            .map(|portfolio| std::mem::take(&mut portfolio.waiting))
            .unwrap_or_default();
        bars.sort_by_key(|(at, _)| (!self.is_selling(*at), *at));
        for (at, bar) in &bars {
            self.meet_bar(*at, bar, sink);
        }
        bars.clear();
        if let Some(portfolio) = self.portfolio_mut() {
            // Its room is used again.
            portfolio.waiting = bars;
        }
    }

    fn portfolio_mut(&mut self) -> Option<&mut Rebalance> {
        self.together.as_mut()?.portfolio.as_mut()
    }

    fn portfolio(&self) -> Option<&Rebalance> {
        self.together.as_ref()?.portfolio.as_ref()
    }

    /// Whether the portfolio has something for sale in an instrument.
    fn is_selling(&self, at: InstrumentId) -> bool {
        let is_sale = |order: &Order| order.purpose == OrderPurpose::Exit;
        self.market(at).orders.find(is_sale).is_some()
    }

    fn traded_places(&self) -> impl Iterator<Item = InstrumentId> + use<> {
        self.places().take(1 + self.config.peers.len())
    }

    /// A moment is over for all instruments: trades are made, if they are due.
    pub(super) fn rebalance<S: Sink>(&mut self, time: Timestamp, sink: &mut S) {
        let Some(rule) = &self.config.strategy.portfolio else {
            return;
        };
        let (schedule, smallest) = (rule.schedule, rule.min_trade);
        if !self.may_rebalance() {
            return self.forget_purchases();
        }
        if let Some(portfolio) = self.portfolio_mut() {
            portfolio.closes = portfolio.closes.saturating_add(1);
        }
        let Some(Due { members, shares }) = self.due(time) else {
            return self.buy_when_sold(0, time, sink);
        };
        for at in self.traded_places() {
            self.cancel_where(at, is_own, CancelReason::Replaced, time, sink);
        }
        let Trades { sales, purchases } = self.trades_for(&shares, smallest);
        for sale in sales {
            self.place(sale.draft(Side::Sell, OrderPurpose::Exit), time, sink);
        }
        if let Some(portfolio) = self.portfolio_mut() {
            portfolio.period = schedule.and_then(|schedule| schedule.period(time));
            portfolio.closes = 0;
            portfolio.shares = shares;
            portfolio.members = members;
            portfolio.purchases = purchases;
        }
        self.buy_when_sold(0, time, sink);
    }

    fn may_rebalance(&self) -> bool {
        self.state == SessionState::Running && !self.protection.blocks_entries()
    }

    /// Who takes part and for how much, if that is to be found at this close.
    fn due(&self, time: Timestamp) -> Option<Due> {
        let (rule, portfolio) = (self.config.strategy.portfolio.as_ref()?, self.portfolio()?);
        let members = self.members(rule);
        let is_scheduled = rule.schedule.is_some_and(|schedule| match schedule {
            Schedule::Bars(bars) => portfolio.closes >= bars,
            _ => portfolio.period != schedule.period(time),
        });
        let is_new = |(now, before): (&bool, &bool)| *now && !*before;
        let is_due = if portfolio.shares.is_empty() {
            members.contains(&true)
        } else {
            is_scheduled
                || members.iter().zip(&portfolio.members).any(is_new)
                || rule.drift.is_some_and(|band| self.drifted_beyond(band))
        };
        is_due.then(|| Due {
            shares: self.shares(rule, &members),
            members,
        })
    }

    /// Those with a price, and with as many returns as are looked back on.
    fn members(&self, rule: &PortfolioRule) -> Vec<bool> {
        let closes = self
            .together
            .as_ref()
            .and_then(|together| together.closes.as_ref());
        let is_known = |at| closes.is_some_and(|closes| closes.has(at, rule.lookback()));
        let has_price = |at| self.market(at).last_price().is_some();
        self.traded_places()
            .map(|at| has_price(at) && is_known(at))
            .collect()
    }

    /// Whether a share of the equity has moved further than this from what was aimed at, and no order is about to mend it.
    fn drifted_beyond(&self, band: f64) -> bool {
        let Some(portfolio) = self.portfolio() else {
            return false;
        };
        let is_under_way = !portfolio.purchases.is_empty()
            || self
                .traded_places()
                .any(|at| self.market(at).orders.find(is_own).is_some());
        let (equity, _) = self.equity_now();
        let mut shares = self.traded_places().zip(&portfolio.shares);
        !is_under_way
            && shares.any(|(at, share)| {
                let value = self.market(at).last_price().map_or(0.0, |price| {
                    let held = Quantity(self.account.holding(at).quantity());
                    self.instrument(at).notional(price, held).to_f64()
                });
                (value / equity - share).abs() > band
            })
    }

    /// The shares of the equity that the rule gives, by the instruments' places.
    fn shares(&self, rule: &PortfolioRule, members: &[bool]) -> Vec<f64> {
        let places = || self.traded_places().zip(members);
        let (weighting, lookback) = match &rule.method {
            PortfolioMethod::Measured { weighting, lookback } => (weighting, *lookback as usize),
            PortfolioMethod::Target(weights) => {
                let share = |(at, is_member): (InstrumentId, &bool)| {
                    let symbol = self.instrument(at).symbol();
                    let own = weights.iter().find(|(other, _)| *is_member && other == symbol);
                    own.map_or(0.0, |(_, share)| *share)
                };
                return places().map(share).collect();
            }
        };
        let closes = self
            .together
            .as_ref()
            .and_then(|together| together.closes.as_ref());
        let returns = |at| {
            closes
                .and_then(|closes| closes.returns(at, lookback))
                .unwrap_or_default()
        };
        let taking_part = places().filter(|(_, is_member)| **is_member);
        let returns: Vec<Vec<f64>> = taking_part.map(|(at, _)| returns(at)).collect();
        let mut weights = weighting.weights(&Covariance::of_returns(&returns)).into_iter();
        let shares = members.iter().map(|is_member| {
            let weight = if *is_member { weights.next() } else { None };
            weight.unwrap_or(0.0) * (1.0 - rule.cash)
        });
        shares.collect()
    }

    /// What is to be sold and bought so that every instrument has its share of what the account is worth now.
    fn trades_for(&self, shares: &[f64], smallest: Option<MinTrade>) -> Trades {
        let equity = self.equity().amount.max(Decimal::ZERO);
        let smallest = match smallest {
            None => Decimal::ZERO,
            Some(MinTrade::Value(value)) => value,
            Some(MinTrade::Share(share)) => equity * Decimal::from_f64(share).unwrap_or_default(),
        };
        let mut trades = Trades::default();
        for (at, share) in self.traded_places().zip(shares) {
            let Some(decision_price) = self.market(at).last_price() else {
                continue;
            };
            let instrument = self.instrument(at);
            let value_of = |quantity| instrument.notional(decision_price, quantity).amount;
            let unit = value_of(Quantity(Decimal::ONE));
            let wanted =
                Decimal::from_f64(*share).and_then(|share| equity.checked_mul(share)?.checked_div(unit));
            let wanted = instrument.floor_to_lot(wanted.unwrap_or_default());
            let held = self.account.holding(at).quantity();
            let is_sale = held > wanted.0;
            // All of it, to the last part of a lot; of the rest whole lots.
            let quantity = match wanted.0.is_zero() {
                true => Quantity(held.abs()),
                false => instrument.floor_to_lot((wanted.0 - held).abs()),
            };
            let least = smallest.max(instrument.minimum_notional());
            let is_worth_it = (is_sale && wanted.0.is_zero()) || value_of(quantity) >= least;
            if quantity.0.is_zero() || !is_worth_it {
                continue;
            }
            let trade = Planned {
                at,
                quantity,
                decision_price,
                reason: Cow::Owned(format!("rebalance to {:.2} %", share * 100.0)),
            };
            if is_sale {
                trades.sales.push(trade);
            } else {
                trades.purchases.push(trade);
            }
        }
        trades
    }

    /// Places the purchases, unless something is still for sale.
    pub(super) fn buy_when_sold<S: Sink>(&mut self, known_after: i64, time: Timestamp, sink: &mut S) {
        let is_waiting = self
            .portfolio()
            .is_some_and(|portfolio| !portfolio.purchases.is_empty());
        if !is_waiting || self.traded_places().any(|at| self.is_selling(at)) {
            return;
        }
        let purchases = self
            .portfolio_mut()
            .map(|portfolio| std::mem::take(&mut portfolio.purchases))
            .unwrap_or_default();
        if !self.may_rebalance() {
            return;
        }
        self.mark_account();
        let ratio = self.affordable(&purchases);
        for mut purchase in purchases {
            let (at, price) = (purchase.at, purchase.decision_price);
            let instrument = self.instrument(at);
            let quantity = instrument.floor_to_lot(purchase.quantity.0 * ratio);
            purchase.quantity = quantity.min(self.reach_of_entry(at, Side::Buy, price));
            let value = instrument.notional(price, purchase.quantity).amount;
            if purchase.quantity.0 > Decimal::ZERO && value >= instrument.minimum_notional() {
                let draft = Draft {
                    known_after,
                    ..purchase.draft(Side::Buy, OrderPurpose::Entry)
                };
                self.place(draft, time, sink);
            }
        }
    }

    /// A sale may have been the last: what waited for its money goes out when the strategy has heard of it.
    pub(super) fn follow_sale<S: Sink>(&mut self, time: Timestamp, sink: &mut S) {
        if self
            .portfolio()
            .is_some_and(|portfolio| !portfolio.purchases.is_empty())
        {
            let answer = self.models.latency.response(time, self.counters.fills);
            self.buy_when_sold(answer, time, sink);
        }
    }

    /// How much of each purchase the free funds carry, with costs, when all are cut alike.
    fn affordable(&self, purchases: &[Planned]) -> Decimal {
        let needed = purchases.iter().map(|purchase| {
            let Planned {
                at,
                quantity,
                decision_price: price,
                ..
            } = *purchase;
            let instrument = self.instrument(at);
            let required = self.account.required(at, instrument, Side::Buy, quantity, price);
            (required + self.models.worst_cost(instrument, price, quantity)).amount
        });
        let needed: Decimal = needed.sum();
        let free = purchases
            .iter()
            .map(|purchase| self.account.funds(purchase.at, Side::Buy).amount);
        let free = free.min().unwrap_or_default().max(Decimal::ZERO);
        match free.checked_div(needed) {
            Some(ratio) if needed > free => ratio,
            _ => Decimal::ONE,
        }
    }

    /// Everything is closed or about to be: nothing is bought any more.
    pub(super) fn forget_purchases(&mut self) {
        if let Some(portfolio) = self.portfolio_mut() {
            portfolio.purchases.clear();
        }
    }

    /// Brings what the portfolio remembers in step with a split.
    pub(super) fn split_portfolio(&mut self, at: InstrumentId, ratio: Decimal) {
        let Some(together) = &mut self.together else {
            return;
        };
        if let Some(closes) = &mut together.closes {
            closes.split(at, Price(ratio).to_f64());
        }
        let planned = together
            .portfolio
            .iter_mut()
            .flat_map(|portfolio| &mut portfolio.purchases);
        for purchase in planned.filter(|purchase| purchase.at == at) {
            purchase.quantity = Quantity((purchase.quantity.0 * ratio).round_dp(Money::SCALE).normalize());
            let price = (purchase.decision_price.0 / ratio).round_dp(Money::SCALE);
            purchase.decision_price = Price(price.normalize());
        }
    }
}

/// What is to be held from a close on.
struct Due {
    members: Vec<bool>,
    shares: Vec<f64>,
}

#[derive(Default)]
struct Trades {
    sales: Vec<Planned>,
    purchases: Vec<Planned>,
}

impl Planned {
    fn draft(self, side: Side, purpose: OrderPurpose) -> Draft {
        Draft {
            instrument: self.at,
            side,
            quantity: self.quantity,
            purpose,
            decision_price: self.decision_price,
            reason: self.reason,
            ..Draft::BLANK
        }
    }
}

/// Whether an order is one of the portfolio's.
fn is_own(order: &Order) -> bool {
    matches!(order.purpose, OrderPurpose::Entry | OrderPurpose::Exit)
}
