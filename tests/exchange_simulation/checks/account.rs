//! Cash and positions, as the fills alone make them.

use super::holds::Span;
use super::{Verdict, ensure};
use papertape::engine::{Engine, EngineConfig};
use papertape::exchange::Fill;
use papertape::model::{Instrument, InstrumentId, InstrumentKind, Quantity};
use papertape::option::Expiry;
use papertape::order::Order;
use papertape::portfolio::{CashFlow, CashFlowKind};
use rust_decimal::Decimal;

/// What the books may round.
const CRUMB: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

#[derive(Clone, Debug)]
struct Held {
    instrument: Instrument,
    /// Signed.
    quantity: Decimal,
    /// Signed quantity × average price × multiplier.
    cost: Decimal,
}

#[derive(Clone, Debug)]
pub(super) struct AccountModel {
    cash: Decimal,
    held: Vec<Held>,
}

impl AccountModel {
    /// Signed.
    pub(super) fn quantity(&self, at: InstrumentId) -> Decimal {
        self.held[at.index()].quantity
    }

    /// Signed quantity × average price × multiplier.
    pub(super) fn cost(&self, at: InstrumentId) -> Decimal {
        self.held[at.index()].cost
    }

    pub(super) fn instrument(&self, at: InstrumentId) -> &Instrument {
        &self.held[at.index()].instrument
    }

    pub(super) fn perpetuals(&self) -> impl Iterator<Item = InstrumentId> {
        let is_one = |held: &Held| *held.instrument.kind() == InstrumentKind::Perpetual;
        let places = self.held.iter().enumerate();
        places.filter_map(move |(place, held)| is_one(held).then_some(InstrumentId(place as u16)))
    }

    /// The place of an option's shares, where the session trades them.
    pub(super) fn shares_of(&self, option: InstrumentId) -> Option<InstrumentId> {
        let InstrumentKind::Option(terms) = self.instrument(option).kind() else {
            return None;
        };
        let is_it = |held: &Held| *held.instrument.symbol() == terms.underlying;
        let place = self.held.iter().position(is_it)?;
        Some(InstrumentId(place as u16))
    }

    /// Whether anything but this option is held on its underlying: other options, or the shares themselves.
    pub(super) fn has_beside(&self, option: InstrumentId) -> bool {
        let InstrumentKind::Option(terms) = self.instrument(option).kind() else {
            return false;
        };
        let is_beside = |held: &Held| match held.instrument.kind() {
            InstrumentKind::Option(other) => other.underlying == terms.underlying,
            _ => *held.instrument.symbol() == terms.underlying,
        };
        let mut others = self.held.iter().enumerate();
        others.any(|(place, held)| place != option.index() && !held.quantity.is_zero() && is_beside(held))
    }

    /// Cash without the proceeds of short sales, which lie with the lender.
    pub(super) fn balance(&self, marks: impl Fn(InstrumentId) -> Span) -> Span {
        let (mut least, mut most) = (self.cash, self.cash);
        for (place, held) in self.held.iter().enumerate() {
            if held.instrument.kind().is_margined() || held.quantity >= Decimal::ZERO {
                continue;
            }
            let Some((low, high)) = marks(InstrumentId(place as u16)).ends() else {
                continue;
            };
            let units = held.quantity * held.instrument.multiplier();
            least += units * high;
            most += units * low;
        }
        let mut balance = Span::default();
        balance.note(least);
        balance.note(most);
        balance
    }

    /// Instruments get other names and terms: those are taken from where they are told.
    pub(super) fn rename(&mut self, engine: &Engine) {
        for (place, held) in self.held.iter_mut().enumerate() {
            held.instrument = engine.market(InstrumentId(place as u16)).instrument().clone();
        }
    }

    pub(super) fn new(config: &EngineConfig) -> Self {
        let held = config.instruments().map(|instrument| Held {
            instrument: instrument.clone(),
            quantity: Decimal::ZERO,
            cost: Decimal::ZERO,
        });
        Self {
            cash: config.initial_capital.amount,
            held: held.collect(),
        }
    }

    pub(super) fn take(&mut self, at: InstrumentId, fill: &Fill, order: &Order) -> Verdict {
        let held = &mut self.held[at.index()];
        let signed = fill.quantity.0 * fill.side.sign();
        let faces = held.quantity * signed < Decimal::ZERO;
        ensure(
            !order.only_reduces() || (faces && signed.abs() <= held.quantity.abs()),
            "a reduce-only order never increases a position",
            || format!("holding {}: {fill:?}\n{order:?}", held.quantity),
        )?;
        let value = held.instrument.notional(fill.price, Quantity(signed)).amount;
        if held.instrument.kind().is_margined() {
            if faces {
                let part = held.cost * (signed / held.quantity).abs();
                self.cash += -value - part;
            }
        } else {
            self.cash -= value;
        }
        held.cost = if faces {
            held.cost * (Decimal::ONE - (signed / held.quantity).abs())
        } else {
            held.cost + value
        };
        held.quantity += signed;
        self.cash -= fill.fee.amount;
        Ok(())
    }

    pub(super) fn list(&mut self, instrument: &Instrument) {
        self.held.push(Held {
            instrument: instrument.clone(),
            quantity: Decimal::ZERO,
            cost: Decimal::ZERO,
        });
    }

    /// Cash that came or went without a trade; some of it takes a part of a position along.
    pub(super) fn receive(&mut self, flow: &CashFlow) {
        use CashFlowKind::{CashInLieu, OptionSettlement, Settlement};
        self.cash += flow.amount.amount;
        if let (CashInLieu | OptionSettlement | Settlement, Some(at)) = (flow.kind, flow.instrument) {
            let held = &mut self.held[at.index()];
            let rest = held.quantity - flow.quantity.0;
            held.cost = if held.quantity.is_zero() {
                Decimal::ZERO
            } else {
                held.cost * rest / held.quantity
            };
            held.quantity = rest;
        }
    }

    pub(super) fn split(&mut self, at: InstrumentId, ratio: Decimal) {
        self.held[at.index()].quantity *= ratio;
    }

    /// The shares of an option come or go, at their own price.
    pub(super) fn deliver(&mut self, option: InstrumentId, expiry: &Expiry) {
        let InstrumentKind::Option(terms) = self.held[option.index()].instrument.kind().clone() else {
            return;
        };
        let is_it = |held: &&mut Held| *held.instrument.symbol() == terms.underlying;
        let Some(shares) = self.held.iter_mut().find(is_it) else {
            return;
        };
        let (signed, price) = (expiry.underlying_quantity, expiry.underlying_at);
        let after = shares.quantity + signed;
        self.cash -= price.0 * signed;
        shares.cost = if shares.quantity * signed >= Decimal::ZERO {
            shares.cost + price.0 * signed
        } else if after * signed > Decimal::ZERO {
            price.0 * after
        } else {
            shares.cost * after / shares.quantity
        };
        shares.quantity = after;
    }

    pub(super) fn judge(&self, engine: &Engine) -> Verdict {
        ensure(engine.check().is_ok(), "the books balance", || {
            format!("{:?}", engine.check())
        })?;
        ensure(engine.ledger().check().is_ok(), "the books balance", || {
            format!("{:?}", engine.ledger().check())
        })?;
        let cash = engine.cash().amount;
        ensure(
            (cash - self.cash).abs() <= CRUMB,
            "cash is what the fills leave",
            || format!("{cash}, by the fills {}", self.cash),
        )?;
        let positions = engine.positions();
        for held in &self.held {
            let told = positions
                .iter()
                .find(|position| position.symbol == *held.instrument.symbol());
            let told = told.map_or(Decimal::ZERO, |position| {
                position.quantity.0 * position.side.entry().sign()
            });
            ensure(
                told == held.quantity,
                "a position is the sum of its fills",
                || {
                    format!(
                        "{told}, by the fills {} of {}",
                        held.quantity,
                        held.instrument.symbol()
                    )
                },
            )?;
        }
        Ok(())
    }
}
