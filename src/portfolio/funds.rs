//! What an account may still use, what its positions must be covered by, and when that gives out.

use super::account::{Account, Slot};
use super::margin::rounded;
use super::option_books::Asked;
use crate::ledger::HoldKey;
use crate::model::{Instrument, InstrumentId, Money, Price, Quantity, Side, decimal};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What an order wants of the free funds.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Buy or sell.
    pub side: Side,
    /// At which price.
    pub price: Price,
    /// At most so much.
    pub wanted: Quantity,
    /// What the order holds already, which it may use again.
    pub released: Money,
    /// The share of its value that the costs on top come to, as far as they are one.
    pub rate: Decimal,
}

/// A position whose cover has given out, and what has to be closed of it at the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liquidation {
    /// Which.
    pub id: InstrumentId,
    /// The side of the order that closes it.
    pub side: Side,
    /// How much has to be closed: all of what a venue takes over, of what a broker calls margin for as much as brings
    /// the requirement back within the cover.
    pub quantity: Quantity,
    /// The price by which it was judged.
    pub mark: Price,
    /// What covers it.
    pub cover: Money,
    /// What would have to.
    pub maintenance: Money,
}

/// How a position could be closed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayOut {
    /// Whether its market is open and trades.
    pub is_open: bool,
    /// Whether the order that closes it is out already.
    pub is_ordered: bool,
}

impl Account {
    /// What new orders may use: of an account that pays in full, its cash less all holds; with margin, equity less what
    /// covers the positions and what orders hold.
    #[must_use]
    pub fn available(&self) -> Money {
        let lent = self.slots.iter().map(|slot| self.usable(slot));
        let lent = lent.fold(self.relief(Asked::Initial), decimal::add);
        self.ledger.available() + self.money(lent)
    }

    /// What new orders for an instrument may use: borrowed money does not buy what has to be paid in full.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn funds(&self, id: InstrumentId, side: Side) -> Money {
        let available = self.available();
        if self.is_paid_in_full(id, side) {
            self.money(decimal::smaller(available.amount, self.ledger.available().amount))
        } else {
            available
        }
    }

    /// Whether an order on this side has to be paid for in full, in cash.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn is_paid_in_full(&self, id: InstrumentId, side: Side) -> bool {
        self.slots[id.index()].terms.is_paid_in_full(side)
    }

    /// What a position lends to others beyond what it holds, negative when it asks for more: its worth and its hold, less
    /// its initial requirement at the mark.
    fn usable(&self, slot: &Slot) -> Decimal {
        if slot.holding.is_flat() || slot.terms.is_paid_in_full(slot.side()) || self.is_isolated(slot) {
            return Decimal::ZERO;
        }
        slot.worth() + slot.due() - slot.initial()
    }

    /// What an order that opens must hold, before fees: its value where it is paid in full, else its margin, and what it
    /// would lose against the mark at once.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn required(
        &self,
        id: InstrumentId,
        instrument: &Instrument,
        side: Side,
        quantity: Quantity,
        price: Price,
    ) -> Money {
        let slot = &self.slots[id.index()];
        if slot.terms.is_paid_in_full(side) {
            return instrument.notional(price, quantity);
        }
        let alone = self.required_amount(slot, side, quantity.0, price.0);
        // What is received for it is not there yet, and so never saves more than what is asked for.
        self.money((alone - self.saved_by_book(id, side, quantity.0, price.0)).max(Decimal::ZERO))
    }

    fn required_amount(&self, slot: &Slot, side: Side, quantity: Decimal, price: Decimal) -> Decimal {
        let mark = slot.mark.map_or(price, |mark| mark.0);
        let underlying = slot.underlying.map(|price| price.0);
        let open_loss = ((price - mark) * side.sign()).max(Decimal::ZERO);
        slot.terms.initial(side, quantity, price.max(mark), underlying)
            + rounded(open_loss * quantity * slot.terms.multiplier())
    }

    /// What others that are held save an order that sells so much of an option, at its price.
    fn saved_by_book(&self, id: InstrumentId, side: Side, quantity: Decimal, price: Decimal) -> Decimal {
        let slot = &self.slots[id.index()];
        match (side, slot.terms.option()) {
            (Side::Sell, Some(_))
                if !slot.holding.quantity().is_sign_positive() || slot.holding.is_flat() =>
            {
                self.saves(id, quantity, Price(price))
            }
            _ => Decimal::ZERO,
        }
    }

    /// The largest quantity up to `wanted`, in whole lots, that the free funds and the order's own hold carry at the
    /// price, with what `cost` says of a quantity on top: fees, slippage.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn reach(
        &self,
        id: InstrumentId,
        instrument: &Instrument,
        claim: &Claim,
        cost: impl Fn(Quantity) -> Money,
    ) -> Quantity {
        let Claim {
            side,
            price,
            wanted,
            released,
            rate,
        } = *claim;
        let funds = decimal::at_least_zero((self.funds(id, side) + released).amount);
        let needs = |quantity: Quantity| {
            (self.required(id, instrument, side, quantity, price) + cost(quantity)).amount
        };
        // Nearly always the hold reaches, and then there is nothing to divide.
        if instrument.counts(price, wanted) && decimal::compare(needs(wanted), funds).is_le() {
            return wanted;
        }
        let slot = &self.slots[id.index()];
        let value = price.0 * instrument.multiplier();
        let unit = if slot.terms.is_paid_in_full(side) {
            value
        } else {
            self.required_amount(slot, side, Decimal::ONE, price.0)
        };
        let within = |funds: Decimal, unit: Decimal| {
            let units = funds.max(Decimal::ZERO).checked_div(unit);
            units.map_or(Quantity::ZERO, |units| instrument.floor_to_lot(units).min(wanted))
        };
        let most = within(funds, unit + value * rate);
        if needs(most) <= funds {
            return most;
        }
        // Costs rise with the quantity, so what is left when those of the larger one are put aside is enough.
        within(funds - cost(most).amount, unit)
    }

    /// What all positions had to be covered by to be opened at the marks. Positions paid in full need no cover.
    #[must_use]
    pub fn initial_margin(&self) -> Money {
        let alone: Decimal = self.margined_slots().map(Slot::initial).sum();
        self.money(alone - self.relief(Asked::Initial))
    }

    /// What all positions must be covered by to be kept.
    #[must_use]
    pub fn maintenance_margin(&self) -> Money {
        let alone: Decimal = self.margined_slots().map(Slot::maintenance).sum();
        self.money(alone - self.relief(Asked::Maintenance))
    }

    /// Whether something is held whose cover can give out.
    #[must_use]
    pub fn needs_cover(&self) -> bool {
        self.margined_slots().next().is_some()
    }

    fn margined_slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots
            .iter()
            .filter(|slot| !slot.holding.is_flat() && slot.terms.can_give_out(slot.side()))
    }

    /// What covers the positions that stand in for each other: cash that is not the margin of isolated ones, and what the
    /// positions are worth. What is long and paid in full covers nothing.
    fn cross_cover(&self) -> Decimal {
        let positions = self.places().map(|(id, slot)| {
            if self.is_isolated(slot) {
                -self.ledger.held(HoldKey::Position(id)).amount
            } else if slot.terms.is_paid_in_full(slot.side()) && slot.side() == Side::Buy {
                Decimal::ZERO
            } else {
                slot.worth()
            }
        });
        positions.sum::<Decimal>() + self.cash().amount
    }

    fn cross_maintenance(&self) -> Decimal {
        let shared = self.margined_slots().filter(|slot| !self.is_isolated(slot));
        shared.map(Slot::maintenance).sum::<Decimal>() - self.relief(Asked::Maintenance)
    }

    /// The position that has to be closed because its cover has given out; `None` while all is covered. When positions
    /// stand in for each other, the one that asks for most; ask again when it is closed.
    ///
    /// Isolated: its margin and its gain are below its maintenance margin (Binance, *isolated margin*). Cross: cash and
    /// worth of all positions are below the maintenance margin of all (Binance, *cross margin*; FINRA Rule 4210(c) for
    /// securities).
    #[must_use]
    pub fn liquidation(&self, instruments: &[Instrument]) -> Option<Liquidation> {
        let (id, cover, maintenance) = self.uncovered()?;
        self.liquidate(id, cover, maintenance, instruments)
    }

    /// The positions that have to be closed now, each of which `way_out` says how that may be done (`None`: never more).
    ///
    /// Isolated ones all at once: none stands in for another. Of those that stand in for each other one at a time: the one
    /// that asks for most of those that can trade, and only where none can, of all. What has its order out already, is waited
    /// for.
    #[must_use]
    pub fn liquidations(
        &self,
        instruments: &[Instrument],
        way_out: impl Fn(InstrumentId) -> Option<WayOut>,
    ) -> Vec<Liquidation> {
        let open = || {
            let is_open = |slot: &Slot| !slot.holding.is_flat() && slot.terms.can_give_out(slot.side());
            let slots = self.places().filter(move |(_, slot)| is_open(slot));
            slots.filter_map(|(id, slot)| Some((id, slot, way_out(id)?)))
        };
        let alone = open().filter(|(_, slot, way)| self.is_isolated(slot) && !way.is_ordered);
        let mut found: Vec<_> = alone
            .map(|(id, slot, _)| {
                let cover = self.ledger.held(HoldKey::Position(id)).amount + slot.worth();
                (id, cover, slot.maintenance())
            })
            .filter(|(_, cover, maintenance)| cover < maintenance)
            .collect();
        let (cover, maintenance) = (self.cross_cover(), self.cross_maintenance());
        if cover < maintenance {
            let shared = open().filter(|(_, slot, _)| !self.is_isolated(slot));
            // Of equals the first.
            let most = shared
                .max_by_key(|(id, slot, way)| (way.is_open, slot.maintenance(), std::cmp::Reverse(*id)));
            let named = most.filter(|(_, _, way)| !way.is_ordered);
            found.extend(named.map(|(id, ..)| (id, cover, maintenance)));
        }
        let found = found.into_iter();
        found
            .filter_map(|(id, cover, maintenance)| self.liquidate(id, cover, maintenance, instruments))
            .collect()
    }

    /// Whether the cover of every position reaches: [`Account::liquidation`] would name none.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.uncovered().is_none()
    }

    /// The position to be closed first for want of cover, with what covers it and what would have to.
    fn uncovered(&self) -> Option<(InstrumentId, Decimal, Decimal)> {
        let open = || {
            self.places()
                .filter(|(_, slot)| !slot.holding.is_flat() && slot.terms.can_give_out(slot.side()))
        };
        let isolated = open().filter(|(_, slot)| self.is_isolated(slot));
        let mut alone = isolated.map(|(id, slot)| {
            let cover = self.ledger.held(HoldKey::Position(id)).amount + slot.worth();
            (id, cover, slot.maintenance())
        });
        let given_out = |(_, cover, maintenance): &(InstrumentId, Decimal, Decimal)| cover < maintenance;
        if let Some(found) = alone.find(given_out) {
            return Some(found);
        }
        let (cover, maintenance) = (self.cross_cover(), self.cross_maintenance());
        if cover >= maintenance {
            return None;
        }
        let shared = open().filter(|(_, slot)| !self.is_isolated(slot));
        // Of equals the first.
        let (id, _) = shared.max_by_key(|(id, slot)| (slot.maintenance(), std::cmp::Reverse(*id)))?;
        Some((id, cover, maintenance))
    }

    fn liquidate(
        &self,
        id: InstrumentId,
        cover: Decimal,
        maintenance: Decimal,
        instruments: &[Instrument],
    ) -> Option<Liquidation> {
        let slot = &self.slots[id.index()];
        let held = slot.holding.quantity().abs();
        let own = slot.maintenance();
        let quantity = if slot.terms.is_liquidated_whole() || own.is_zero() {
            held
        } else {
            let instrument = &instruments[id.index()];
            let short_of = crate::model::decimal::part(held, maintenance - cover, own);
            let lots = instrument.floor_to_lot(short_of).0;
            let up = if lots < short_of {
                instrument.lot()
            } else {
                Decimal::ZERO
            };
            (lots + up).min(held)
        };
        Some(Liquidation {
            id,
            side: slot.side().opposite(),
            quantity: Quantity(quantity),
            mark: slot.mark?,
            cover: self.money(cover),
            maintenance: self.money(maintenance),
        })
    }

    /// The price of an instrument at which its position is liquidated, all other prices being as they are; `None` when no
    /// price does that, or, of a short option, the underlying's price decides.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn liquidation_price(&self, id: InstrumentId) -> Option<Price> {
        let slot = &self.slots[id.index()];
        let holding = &slot.holding;
        if holding.is_flat() || !slot.terms.can_give_out(slot.side()) {
            return None;
        }
        let cover = if self.is_isolated(slot) {
            self.ledger.held(HoldKey::Position(id)).amount
        } else {
            let others = self.cross_maintenance() - slot.maintenance();
            self.cross_cover() - slot.worth() - others
        };
        slot.terms
            .liquidation_price(holding.quantity(), slot.base(), cover)
            .map(Price)
    }
}
