//! Cash that comes and goes without a trade: funding, dividends, borrow fees, interest.
//!
//! | flow | amount | who pays |
//! |---|---|---|
//! | funding | quantity × mark × multiplier × rate, told by the market or the account's own each eight hours | longs pay a positive rate, shorts a negative one |
//! | dividend | quantity × dividend a share, on the ex-date | shorts pay, longs receive |
//! | borrow fee | value of shares sold short × yearly rate × days ÷ 360 | shorts |
//! | liquidation fee | value of what was liquidated × rate, to the venue's insurance fund | who was liquidated |
//! | interest | cash without the proceeds of short sales × yearly rate × days ÷ 360 | who owes |
//!
//! Days are UTC calendar days, so that a weekend costs three; the count is ACT/360, by which US brokers charge both. The
//! proceeds of a short sale lie with the lender of the shares: they neither earn interest nor pay for what is bought on
//! margin.

use super::AccountConfig;
use super::account::{Account, Funding, Slot};
use super::margin::rounded;
use crate::ledger::LedgerAccount;
use crate::model::{InstrumentId, Money, Price, Quantity, Timeframe, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Days of a year by which rates are counted: ACT/360.
const DAYS_A_YEAR: Decimal = Decimal::from_parts(360, 0, 0, false, 0);

/// Cash that came or went without an order of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashFlow {
    /// What for.
    pub kind: CashFlowKind,
    /// For which instrument; interest is for none.
    pub instrument: Option<InstrumentId>,
    /// What was received; negative when it was paid.
    pub amount: Money,
    /// Signed quantity for which; 0 for interest.
    pub quantity: Quantity,
    /// At which rate: of funding a share of the value, of borrow fees and interest a share a year, else the price or the
    /// amount a unit.
    #[serde(with = "crate::model::decimal")]
    pub rate: Decimal,
    /// When.
    pub time: Timestamp,
}

/// What cash came or went for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CashFlowKind {
    /// Funding of a perpetual.
    Funding,
    /// A cash dividend, on its ex-date.
    Dividend,
    /// The fee for borrowed shares.
    BorrowFee,
    /// Interest on cash, lent or borrowed.
    Interest,
    /// A position settled: a future at its expiry, shares at their delisting.
    Settlement,
    /// What a split left over of a whole lot, paid out.
    CashInLieu,
    /// An option at its expiry or exercise, settled at what it is worth.
    OptionSettlement,
    /// What the venue's insurance fund takes of a liquidation.
    LiquidationFee,
    /// What the two trades of a roll from one contract to the next cost: fees, slippage, impact.
    Roll,
}

impl fmt::Display for CashFlow {
    /// In words: `Received 5.05 USD: dividend`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.amount.amount.is_sign_negative() {
            "Paid"
        } else {
            "Received"
        };
        let Money { amount, currency } = self.amount;
        write!(f, "{verb} {} {currency}: {}", amount.abs().normalize(), self.kind)?;
        if self.kind == CashFlowKind::Funding {
            let percent = (self.rate * Decimal::ONE_HUNDRED).normalize();
            write!(f, " at {percent} % of the position's value")?;
        }
        Ok(())
    }
}

impl fmt::Display for CashFlowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Funding => "funding",
            Self::Dividend => "dividend",
            Self::BorrowFee => "borrow fee",
            Self::Interest => "interest",
            Self::Settlement => "settlement",
            Self::CashInLieu => "cash in lieu of a fraction",
            Self::OptionSettlement => "settlement of an option",
            Self::LiquidationFee => "liquidation fee",
            Self::Roll => "roll",
        })
    }
}

impl Account {
    /// Pays or receives funding for a position in a perpetual: `rate` of its value at the `mark`. `None` when nothing is
    /// held, or the account's own rate was charged for the same hours.
    ///
    /// What the free cash does not reach for is taken out of the position's own margin when it is isolated.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn fund(
        &mut self,
        id: InstrumentId,
        rate: Decimal,
        mark: Price,
        time: Timestamp,
    ) -> Option<CashFlow> {
        self.mark(id, mark);
        let is_charged = self.slots[id.index()].funding.charged == Some(hours_of(time));
        if is_charged {
            return None;
        }
        self.pay_funding(id, rate, time)
    }

    /// Takes note that the market tells the funding of a perpetual: the account's own rate counts no more.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn note_funding(&mut self, id: InstrumentId) {
        self.slots[id.index()].funding.is_told = true;
    }

    /// Whether a perpetual was held at a time of funding up to `now` while nothing said what it was.
    ///
    /// # Panics
    /// When the session has no such instrument.
    #[must_use]
    pub fn lacks_funding(&self, id: InstrumentId, now: Timestamp) -> bool {
        let Slot { terms, funding, .. } = &self.slots[id.index()];
        let is_known = funding.is_told || !self.config.funding_rate.is_zero();
        terms.is_funded() && funding.was_due_by(now) && !is_known
    }

    fn pay_funding(&mut self, id: InstrumentId, rate: Decimal, time: Timestamp) -> Option<CashFlow> {
        let slot = &self.slots[id.index()];
        let quantity = Quantity(slot.holding.quantity());
        if slot.holding.is_flat() {
            return None;
        }
        let amount = rounded(-slot.exposure() * rate);
        let isolated = self.is_isolated(slot);
        self.ledger.post_flow(LedgerAccount::Funding, amount);
        let missing = -self.ledger.available().amount;
        if isolated && missing > Decimal::ZERO && amount.is_sign_negative() {
            let slot = &mut self.slots[id.index()];
            slot.drawn += missing.min(-amount).min(slot.due());
            self.hold_for_position(id);
        }
        Some(CashFlow {
            kind: CashFlowKind::Funding,
            instrument: Some(id),
            amount: self.money(amount),
            quantity,
            rate,
            time,
        })
    }

    /// Charges the account's own funding rate for `count` times eight hours, the last of them being `hours`.
    fn fund_at_own_rate(&mut self, count: i64, hours: i64, time: Timestamp) -> Vec<CashFlow> {
        let rate = self.config.funding_rate * Decimal::from(count);
        let mut flows = Vec::new();
        let places: Vec<_> = self.places().map(|(id, _)| id).collect();
        for id in places {
            let slot = &mut self.slots[id.index()];
            if !slot.terms.is_funded() || slot.funding.is_told || slot.holding.is_flat() {
                continue;
            }
            slot.funding.charged = Some(hours);
            flows.extend(self.pay_funding(id, rate, time));
        }
        flows
    }

    /// Pays the venue's insurance fund `rate` of the value of `quantity` that was liquidated at a price. `None` of what is not
    /// margined: there no venue steps in.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn liquidation_fee(
        &mut self,
        id: InstrumentId,
        quantity: Quantity,
        price: Price,
        rate: Decimal,
        time: Timestamp,
    ) -> Option<CashFlow> {
        let terms = &self.slots[id.index()].terms;
        if !terms.is_margined() || rate.is_zero() {
            return None;
        }
        let amount = -rounded(quantity.0 * price.0 * terms.multiplier() * rate);
        self.ledger.post_flow(LedgerAccount::LiquidationFees, amount);
        Some(CashFlow {
            kind: CashFlowKind::LiquidationFee,
            instrument: Some(id),
            amount: self.money(amount),
            quantity,
            rate,
            time,
        })
    }

    /// Pays what it cost to go over from one contract of a future to the next, with all that is held. Booked as a fee.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn roll(&mut self, id: InstrumentId, cost: Decimal, time: Timestamp) -> CashFlow {
        let quantity = Quantity(self.slots[id.index()].holding.quantity());
        let cost = rounded(cost);
        self.ledger.post_flow(LedgerAccount::Fees, -cost);
        CashFlow {
            kind: CashFlowKind::Roll,
            instrument: Some(id),
            amount: self.money(-cost),
            quantity,
            rate: cost
                .checked_div(quantity.0.abs())
                .map(rounded)
                .unwrap_or_default(),
            time,
        }
    }

    /// Receives a cash dividend, or pays it on a short position. `None` when nothing is held.
    ///
    /// # Panics
    /// When the session has no such instrument.
    pub fn dividend(&mut self, id: InstrumentId, per_share: Decimal, time: Timestamp) -> Option<CashFlow> {
        let slot = &self.slots[id.index()];
        if slot.holding.is_flat() {
            return None;
        }
        let quantity = slot.holding.quantity();
        let amount = rounded(quantity * per_share * slot.terms.multiplier());
        self.ledger.post_flow(LedgerAccount::Dividends, amount);
        Some(CashFlow {
            kind: CashFlowKind::Dividend,
            instrument: Some(id),
            amount: self.money(amount),
            quantity: Quantity(quantity),
            rate: per_share,
            time,
        })
    }

    /// Whether a call of [`Account::accrue`] may find a day to charge: nothing is lent for nothing, and a day is charged
    /// once.
    #[must_use]
    #[inline]
    pub fn accrues_at(&self, now: Timestamp) -> bool {
        now > self.accrued_until
    }

    /// The last time up to which there is nothing to charge.
    #[must_use]
    #[inline]
    pub const fn accrued_until(&self) -> Timestamp {
        self.accrued_until
    }

    /// Charges borrow fees and interest for the UTC days that ended since the last call, and the account's own funding rate for
    /// each eight hours, at the positions and marks as they are; the first call begins the count. Costs nothing on a day that
    /// was counted.
    pub fn accrue(&mut self, now: Timestamp) -> Vec<CashFlow> {
        let hours = hours_of(now);
        let intervals = ended(&mut self.funded, hours);
        let days = ended(&mut self.accrued, now.utc_day());
        self.accrued_until = accrued_until(&self.config, self.accrued, self.funded);
        let mut flows = Vec::new();
        if intervals > 0 && !self.config.funding_rate.is_zero() {
            flows = self.fund_at_own_rate(intervals, hours, now);
        }
        if days > 0 {
            let days = Decimal::from(days);
            // Interest first: what is charged today earns and owes from tomorrow on.
            flows.extend(self.interest(days, now));
            for index in 0..self.slots.len() {
                flows.extend(self.borrow_fee(index, days, now));
            }
        }
        flows
    }

    fn interest(&mut self, days: Decimal, time: Timestamp) -> Option<CashFlow> {
        let proceeds: Decimal = self.slots.iter().map(Slot::short_credit).sum();
        let balance = self.cash().amount - proceeds;
        let rate = if balance.is_sign_negative() {
            self.config.debit_rate
        } else {
            self.config.credit_rate
        };
        let amount = rounded(balance * rate * days / DAYS_A_YEAR);
        if amount.is_zero() {
            return None;
        }
        self.ledger.post_flow(LedgerAccount::Interest, amount);
        Some(CashFlow {
            kind: CashFlowKind::Interest,
            instrument: None,
            amount: self.money(amount),
            quantity: Quantity::ZERO,
            rate,
            time,
        })
    }

    fn borrow_fee(&mut self, index: usize, days: Decimal, time: Timestamp) -> Option<CashFlow> {
        let slot = &self.slots[index];
        if !slot.terms.is_lent() || slot.holding.is_flat() || !slot.holding.quantity().is_sign_negative() {
            return None;
        }
        let quantity = slot.holding.quantity();
        let amount = rounded(slot.exposure() * self.config.borrow_rate * days / DAYS_A_YEAR);
        if amount.is_zero() {
            return None;
        }
        let (id, _) = self.places().nth(index)?;
        self.ledger.post_flow(LedgerAccount::BorrowFees, amount);
        Some(CashFlow {
            kind: CashFlowKind::BorrowFee,
            instrument: Some(id),
            amount: self.money(amount),
            quantity: Quantity(quantity),
            rate: self.config.borrow_rate,
            time,
        })
    }
}

impl Funding {
    /// A fill left something or nothing.
    pub(super) fn on_fill(&mut self, time: Timestamp, is_flat: bool) {
        self.was_due = self.was_due_by(time);
        self.since = if is_flat { None } else { Some(hours_of(time)) };
    }

    fn was_due_by(&self, now: Timestamp) -> bool {
        self.was_due || self.since.is_some_and(|since| since < hours_of(now))
    }
}

/// Which eight hours since the epoch a time lies in.
const fn hours_of(time: Timestamp) -> i64 {
    time.nanos().div_euclid(Timeframe::EIGHT_HOURS.nanos())
}

/// How many ended since the `counted` one; the first call begins the count.
fn ended(counted: &mut Option<i64>, now: i64) -> i64 {
    let before = counted.map_or(now, |before| before.min(now));
    *counted = Some(counted.map_or(now, |counted| counted.max(now)));
    now - before
}

/// The last time up to which an account has nothing to charge that counted the days up to `accrued` and the eight hours up to
/// `funded`.
pub(super) fn accrued_until(config: &AccountConfig, accrued: Option<i64>, funded: Option<i64>) -> Timestamp {
    let end = |counted: Option<i64>, length: Timeframe| {
        let end = |counted: i64| length.nanos().saturating_mul(counted + 1).saturating_sub(1);
        Timestamp::from_nanos(counted.map_or(i64::MIN, end))
    };
    let never = Timestamp::from_nanos(i64::MAX);
    let of_days = if config.lends_for_nothing() {
        never
    } else {
        end(accrued, Timeframe::DAY)
    };
    let of_hours = if config.funding_rate.is_zero() {
        never
    } else {
        end(funded, Timeframe::EIGHT_HOURS)
    };
    of_days.min(of_hours)
}

impl Slot {
    /// What the proceeds of a short sale come to at the mark.
    fn short_credit(&self) -> Decimal {
        if self.terms.is_margined() {
            return Decimal::ZERO;
        }
        (-self.exposure()).max(Decimal::ZERO)
    }
}
