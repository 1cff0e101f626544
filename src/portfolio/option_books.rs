//! Options and shares that stand in for each other: of all that an account holds on one underlying, the exchanges' rules ask what
//! it can lose together.
//!
//! Each sold option is covered by itself first (see `margin.rs`). What [`required`] says of the whole book on an underlying (Cboe
//! Rule 10.3, FINRA Rule 4210(f)(2)(H)) is less where bought options or shares that are paid for bound the loss: the
//! distance of the strikes of a vertical, the wider side of an iron condor, nothing for a covered call. The difference is the
//! book's relief. Where each sold option has a bought one or shares near it, a book is never asked for less than it can lose at one
//! price of its underlying. A spread that is wider than what its sold option asks by itself is asked for that, as the rules allow.
//!
//! The account counts its cover without the options that it bought and less what those sold would cost to buy back; so does
//! the amount here.

use super::account::{Account, Slot};
use super::margin::OptionTerms;
use crate::model::{InstrumentId, OptionRight, Price, Quantity, Symbol};
use crate::option::{OptionPosition, UncoveredRates, WrittenOption, required};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Which of its two requirements an account is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To open.
    Initial,
    /// To keep.
    Maintenance,
}

/// What a position is to become, and the price by which it is valued then: its place, quantity and price.
type Becoming = Option<(InstrumentId, Decimal, Price)>;

/// The options on one underlying.
#[derive(Default)]
struct Book {
    positions: Vec<OptionPosition>,
    /// What the sold ones ask alone, beside what they cost to buy back.
    alone: Decimal,
    /// What they cost to buy back.
    value: Decimal,
    underlying: Option<Price>,
    share: Decimal,
}

impl Account {
    /// By how much less the positions are asked for together than each alone.
    pub(super) fn relief(&self, asked: Asked) -> Decimal {
        self.relief_after(asked, None)
    }

    fn relief_after(&self, asked: Asked, after: Becoming) -> Decimal {
        let has_sold = |(id, slot): (InstrumentId, &Slot)| {
            slot.terms.option().is_some() && held(slot, id, after).0.is_sign_negative()
        };
        // Nearly no account has sold an option.
        if !self.places().any(has_sold) {
            return Decimal::ZERO;
        }
        let books = self.books(asked, after);
        let relief = books
            .iter()
            .map(|(underlying, book)| self.relief_of(underlying, book, after));
        relief.sum()
    }

    fn books(&self, asked: Asked, after: Becoming) -> BTreeMap<&Symbol, Book> {
        let mut books: BTreeMap<&Symbol, Book> = BTreeMap::new();
        for (id, slot) in self.places() {
            let Some(terms) = slot.terms.option() else {
                continue;
            };
            let (quantity, premium) = held(slot, id, after);
            if quantity.is_zero() {
                continue;
            }
            let book = books.entry(&terms.underlying).or_default();
            if quantity.is_sign_negative() {
                book.share = match asked {
                    Asked::Initial => slot.terms.initial_share(),
                    Asked::Maintenance => slot.terms.maintenance_share(),
                };
                book.alone += slot.asked_if_sold(asked, quantity);
                book.value += slot.terms.value(quantity, premium.0);
                // Without a price of the underlying, as at the money: so does the option alone.
                book.underlying = book.underlying.or(slot.underlying).or(Some(Price(terms.strike)));
            }
            book.positions.push(position(terms, slot, quantity, premium));
        }
        books
    }

    fn relief_of(&self, underlying: &Symbol, book: &Book, after: Becoming) -> Decimal {
        let Some(price) = book.underlying else {
            return Decimal::ZERO;
        };
        let rates = UncoveredRates {
            share: book.share,
            ..UncoveredRates::EQUITY
        };
        let units = self.units_of(underlying, after);
        let together = required(&book.positions, Quantity(units), price, &rates) - book.value;
        (book.alone - together).max(Decimal::ZERO)
    }

    /// Shares that are held and paid for: what is bought on margin covers its own loan.
    fn units_of(&self, underlying: &Symbol, after: Becoming) -> Decimal {
        let is_paid = |slot: &Slot| slot.terms.is_lent() && slot.terms.is_paid_in_full(slot.side());
        let mut slots = self
            .places()
            .filter(|(_, slot)| slot.terms.name() == underlying && is_paid(slot));
        let units = slots.next().map(|(id, slot)| held(slot, id, after).0);
        units.unwrap_or_default().max(Decimal::ZERO)
    }

    /// What the account would be asked for more if so much of a position were closed: what it covered is covered by cash then.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn uncovers(&self, id: InstrumentId, quantity: Quantity) -> Decimal {
        let slot = &self.slots[id.index()];
        let held = slot.holding.quantity();
        if held.is_sign_negative() || quantity.0.is_zero() {
            return Decimal::ZERO;
        }
        let relief = self.relief(Asked::Initial);
        if relief.is_zero() {
            return Decimal::ZERO;
        }
        let after = (
            id,
            (held - quantity.0).max(Decimal::ZERO),
            slot.mark.unwrap_or_default(),
        );
        (relief - self.relief_after(Asked::Initial, Some(after))).max(Decimal::ZERO)
    }

    /// By how much less than alone so much of an option is asked for that is sold at a price, by what else is held.
    pub(super) fn saves(&self, id: InstrumentId, quantity: Decimal, price: Price) -> Decimal {
        let slot = &self.slots[id.index()];
        let price = slot.mark.map_or(price, |mark| Price(mark.0.max(price.0)));
        let sold = slot.holding.quantity() - quantity;
        let relief = self.relief_after(Asked::Initial, Some((id, sold, price)));
        (relief - self.relief(Asked::Initial)).max(Decimal::ZERO)
    }
}

/// What is held of a slot then, and its price.
fn held(slot: &Slot, id: InstrumentId, after: Becoming) -> (Decimal, Price) {
    match after {
        Some((which, quantity, price)) if which == id => (quantity, price),
        _ => (slot.holding.quantity(), slot.mark.unwrap_or_default()),
    }
}

fn position(terms: &OptionTerms, slot: &Slot, quantity: Decimal, premium: Price) -> OptionPosition {
    let right: OptionRight = terms.right;
    OptionPosition {
        option: WrittenOption {
            right,
            strike: Price(terms.strike),
            premium,
            multiplier: slot.terms.multiplier(),
        },
        expiry: terms.expiry,
        quantity: Quantity(quantity),
    }
}
