//! An account: the books, and what is held of each instrument.
//!
//! What is *paid in full* (spot, shares, options) moves its value into the position and back; of what is *margined*
//! (futures, perpetuals, currencies) only gains and losses change hands, when the position is reduced, and the position
//! itself holds margin.

use super::flows::accrued_until;
use super::margin::{Terms, rounded};
use super::option_books::Asked;
use super::{AccountConfig, FillEffect, Holding, MarginMode};
use crate::exchange::Fill;
use crate::ledger::{HoldKey, Ledger, LedgerAccount, LedgerError};
use crate::model::{Instrument, InstrumentId, Money, OrderId, Price, Side, Timestamp, TradeId};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Cash and holdings of one session, in one currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub(super) ledger: Ledger,
    pub(super) config: AccountConfig,
    /// By the instrument's place in the session's list.
    pub(super) slots: Vec<Slot>,
    /// Round trips begun in all instruments, which numbers them.
    pub(super) trades: u64,
    /// The UTC day up to which borrow fees and interest are paid.
    pub(super) accrued: Option<i64>,
    /// The last of the eight hours for which the account's own funding rate is paid, counted from the epoch.
    pub(super) funded: Option<i64>,
    /// The last time up to which there is nothing to charge: the end of that day or of those hours, so that whether they are over
    /// costs one comparison.
    pub(super) accrued_until: Timestamp,
}

/// One instrument's place in the account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) holding: Holding,
    pub(super) terms: Terms,
    /// The last price; there is one as soon as something is held.
    pub(super) mark: Option<Price>,
    /// The last price of an option's underlying.
    pub(super) underlying: Option<Price>,
    /// What funding took out of the position's own margin.
    #[serde(with = "crate::model::decimal")]
    pub(super) drawn: Decimal,
    /// What is known of a perpetual's funding.
    pub(super) funding: Funding,
}

/// What an account knows of a perpetual's funding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Funding {
    /// The market has told a rate: the account's own counts no more.
    pub(super) is_told: bool,
    /// The eight hours that the account's own rate was last charged for.
    pub(super) charged: Option<i64>,
    /// The eight hours in which the position was opened.
    pub(super) since: Option<i64>,
    /// Something was held when eight hours ended.
    pub(super) was_due: bool,
}

/// What a position is worth as a function of its instrument's price: `offset + per_price × price`. For the path on which
/// a bar without a fill is valued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ValueModel {
    /// The part that does not depend on the price: 0 of what is paid in full, less the cost of what is margined.
    pub offset: f64,
    /// Signed quantity × multiplier.
    pub per_price: f64,
}

impl ValueModel {
    /// The value at a price.
    #[must_use]
    #[inline]
    pub fn at(self, price: f64) -> f64 {
        self.offset + self.per_price * price
    }
}

impl Slot {
    fn new(instrument: &Instrument, config: &AccountConfig) -> Self {
        Self {
            holding: Holding::default(),
            terms: Terms::new(instrument, config),
            mark: None,
            underlying: None,
            drawn: Decimal::ZERO,
            funding: Funding::default(),
        }
    }

    pub(super) const fn side(&self) -> Side {
        if self.holding.quantity().is_sign_negative() {
            Side::Sell
        } else {
            Side::Buy
        }
    }

    fn mark(&self) -> Decimal {
        self.mark.map_or(Decimal::ZERO, |mark| mark.0)
    }

    /// What the position is worth to its owner at a price: its value, or, of what is margined, its gain.
    pub(super) fn worth_at(&self, price: Decimal) -> Decimal {
        rounded(self.holding.quantity() * price * self.terms.multiplier()) - self.base()
    }

    /// What is taken off the position's value to get its worth.
    pub(super) const fn base(&self) -> Decimal {
        if self.terms.is_margined() {
            self.holding.cost()
        } else {
            Decimal::ZERO
        }
    }

    pub(super) fn worth(&self) -> Decimal {
        self.worth_at(self.mark())
    }

    /// Signed value at the mark, of what is paid in full and of what is margined alike.
    pub(super) fn exposure(&self) -> Decimal {
        rounded(self.holding.quantity() * self.mark() * self.terms.multiplier())
    }

    pub(super) fn initial(&self) -> Decimal {
        self.asked(Asked::Initial, self.side(), self.holding.quantity())
    }

    pub(super) fn maintenance(&self) -> Decimal {
        self.asked(Asked::Maintenance, self.side(), self.holding.quantity())
    }

    /// What so much of it would ask for if it were sold.
    pub(super) fn asked_if_sold(&self, asked: Asked, quantity: Decimal) -> Decimal {
        self.asked(asked, Side::Sell, quantity)
    }

    fn asked(&self, asked: Asked, side: Side, quantity: Decimal) -> Decimal {
        let underlying = self.underlying.map(|price| price.0);
        match asked {
            Asked::Initial => self.terms.initial(side, quantity, self.mark(), underlying),
            Asked::Maintenance => self.terms.maintenance(side, quantity, self.mark(), underlying),
        }
    }

    /// What the position must hold in the books: the margin of what is margined; of a short sale, its proceeds and their
    /// cover. By what it cost, so that it changes with fills only.
    pub(super) fn due(&self) -> Decimal {
        let holding = &self.holding;
        let (side, cost) = (self.side(), holding.cost().abs());
        if holding.is_flat() || (side == Side::Buy && !self.terms.is_margined()) {
            return Decimal::ZERO;
        }
        let cover = self.terms.at_cost(holding.quantity(), cost);
        if self.terms.is_margined() {
            (cover - self.drawn).max(Decimal::ZERO)
        } else {
            cost + cover
        }
    }
}

impl Account {
    /// Opens an account with capital paid in, for a session of these instruments.
    #[must_use]
    pub fn open(capital: Money, instruments: &[Instrument], config: AccountConfig) -> Self {
        let slots = instruments
            .iter()
            .map(|instrument| Slot::new(instrument, &config));
        Self {
            ledger: Ledger::open(capital),
            slots: slots.collect(),
            accrued_until: accrued_until(&config, None, None),
            config,
            trades: 0,
            accrued: None,
            funded: None,
        }
    }

    /// Takes another instrument in, after those that are there.
    pub fn add(&mut self, instrument: &Instrument) {
        self.slots.push(Slot::new(instrument, &self.config));
    }

    /// The books.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How it borrows.
    #[must_use]
    pub const fn config(&self) -> &AccountConfig {
        &self.config
    }

    /// What is held of an instrument.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn holding(&self, id: InstrumentId) -> &Holding {
        &self.slots[id.index()].holding
    }

    /// All cash, free and held; negative when securities were bought with borrowed money.
    #[must_use]
    pub fn cash(&self) -> Money {
        self.ledger.cash()
    }

    /// An instrument goes on with other terms: an option with another strike.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn become_instrument(&mut self, id: InstrumentId, instrument: &Instrument) {
        self.slots[id.index()].terms = Terms::new(instrument, &self.config);
        self.hold_for_position(id);
    }

    /// Takes note of an instrument's price: the last one, or a venue's mark price.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn mark(&mut self, id: InstrumentId, price: Price) {
        self.slots[id.index()].mark = Some(price);
    }

    /// Takes note of the price of an option's underlying, by which a short position in it is covered.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn mark_underlying(&mut self, id: InstrumentId, price: Price) {
        self.slots[id.index()].underlying = Some(price);
    }

    /// Cash and positions at the last marks.
    #[must_use]
    pub fn equity(&self) -> Money {
        let worth: Decimal = self.slots.iter().map(Slot::worth).sum();
        self.cash() + self.money(worth)
    }

    /// What closing at the last mark would bring against the average price, fees not included.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn unrealized(&self, id: InstrumentId) -> Money {
        let slot = &self.slots[id.index()];
        self.money(slot.exposure() - slot.holding.cost())
    }

    /// What is taken off the value of a position to get what it is worth: the cost of what is margined, else nothing.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn value_base(&self, id: InstrumentId) -> Decimal {
        self.slots[id.index()].base()
    }

    /// What the position in an instrument is worth as a function of its price.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn value_model(&self, id: InstrumentId) -> ValueModel {
        let slot = &self.slots[id.index()];
        ValueModel {
            offset: 0.0 - self.money(slot.base()).to_f64(),
            per_price: Price(slot.terms.units(slot.holding.quantity())).to_f64(),
        }
    }

    /// Makes what is held for an order exactly `amount`; zero releases it.
    pub fn hold_for_order(&mut self, order: OrderId, amount: Decimal) {
        self.ledger.set_hold(HoldKey::Order(order), amount);
    }

    /// Takes a fill into the holding and the books.
    ///
    /// # Panics
    /// When the fill would turn the position around: a bug.
    pub fn apply(
        &mut self,
        id: InstrumentId,
        instrument: &Instrument,
        fill: &Fill,
        reason: Cow<'static, str>,
    ) -> FillEffect {
        let before = self.slots[id.index()].holding.quantity();
        let next = TradeId(self.trades + 1);
        let effect = self.slots[id.index()]
            .holding
            .apply(fill, next, instrument, reason);
        self.slots[id.index()].mark.get_or_insert(fill.price);
        self.book(id, &effect, before);
        let slot = &mut self.slots[id.index()];
        slot.funding.on_fill(fill.time, slot.holding.is_flat());
        effect
    }

    /// Books what a trade did to a holding that had `before`, and holds what the position needs now.
    pub(super) fn book(&mut self, id: InstrumentId, effect: &FillEffect, before: Decimal) {
        self.ledger.post_fill(effect.posting);
        self.trades += u64::from(effect.opened.is_some());
        let slot = &mut self.slots[id.index()];
        let after = slot.holding.quantity();
        if !slot.drawn.is_zero() && after.abs() < before.abs() {
            // The margin that leaves takes its share of what funding took along.
            slot.drawn = rounded(crate::model::decimal::part(slot.drawn, after.abs(), before.abs()));
        }
        self.hold_for_position(id);
    }

    pub(super) fn hold_for_position(&mut self, id: InstrumentId) {
        let due = self.slots[id.index()].due();
        self.ledger.set_hold(HoldKey::Position(id), due);
    }

    pub(super) const fn is_isolated(&self, slot: &Slot) -> bool {
        matches!(self.config.mode, MarginMode::Isolated) && slot.terms.is_margined()
    }

    /// The slots with their ids.
    pub(super) fn places(&self) -> impl Iterator<Item = (InstrumentId, &Slot)> {
        self.slots
            .iter()
            .enumerate()
            .map(|(index, slot)| (place(index), slot))
    }

    pub(super) fn money(&self, amount: Decimal) -> Money {
        Money::new(amount, self.ledger.currency())
    }

    /// Whether the books balance and agree with the holdings and with `for_orders`, what all open orders hold.
    ///
    /// # Errors
    /// [`LedgerError`] says what does not.
    pub fn check(&self, for_orders: Decimal) -> Result<(), LedgerError> {
        let paid = self.slots.iter().filter(|slot| !slot.terms.is_margined());
        let cost: Decimal = paid.map(|slot| slot.holding.cost()).sum();
        let difference = self.ledger.balance(LedgerAccount::PositionCost).amount - cost;
        if !difference.is_zero() {
            return Err(LedgerError::Unbalanced { by: difference });
        }
        let mut for_positions = Decimal::ZERO;
        for (id, slot) in self.places() {
            let due = slot.due();
            for_positions += due;
            let difference = self.ledger.held(HoldKey::Position(id)).amount - due;
            if !difference.is_zero() {
                return Err(LedgerError::Holds { by: difference });
            }
        }
        let difference = self.ledger.balance(LedgerAccount::Held).amount - for_orders - for_positions;
        if !difference.is_zero() {
            return Err(LedgerError::Holds { by: difference });
        }
        // The sums over all accounts were checked by each posting.
        Ok(())
    }
}

/// The instrument at a place in the list.
fn place(index: usize) -> InstrumentId {
    InstrumentId(
        u16::try_from(index).unwrap_or_else(|_| unreachable!("a session has fewer than 65,536 instruments")),
    )
}
