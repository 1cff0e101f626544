//! The books: double entry, in one currency.
//!
//! Every event that moves value is a balanced [`post`](Ledger::post)ing; open orders, short positions and margined ones
//! hold funds. The balances of all accounts add up to zero after every posting:
//! available + held + position at cost + fees + funding + dividends + borrow fees + interest − realised P&L − capital = 0
//! (income stands as a credit, so the balance of an account that earned is negative, as that of capital is).

mod hold;

pub use hold::HoldKey;

use crate::model::{Currency, Money, decimal};
use hold::Holds;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Where value can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerAccount {
    /// Cash free for new orders; negative when securities were bought on margin with borrowed money.
    Available,
    /// Cash held for open orders, as collateral of short positions and as margin.
    Held,
    /// Positions that are paid in full, at what they cost; negative for short ones.
    PositionCost,
    /// Fees paid, less rebates received.
    Fees,
    /// Realised profit and loss before fees (credit: a profit is negative).
    RealizedPnl,
    /// What was paid in (credit: negative).
    Capital,
    /// Funding of perpetuals paid, less received.
    Funding,
    /// Dividends paid on short positions, less received on long ones.
    Dividends,
    /// Fees paid for borrowed shares.
    BorrowFees,
    /// Interest paid on borrowed cash, less received.
    Interest,
    /// What insurance funds took of liquidations.
    LiquidationFees,
}

impl LedgerAccount {
    /// All accounts.
    pub const ALL: [Self; 11] = [
        Self::Available,
        Self::Held,
        Self::PositionCost,
        Self::Fees,
        Self::RealizedPnl,
        Self::Capital,
        Self::Funding,
        Self::Dividends,
        Self::BorrowFees,
        Self::Interest,
        Self::LiquidationFees,
    ];
}

/// What one fill moves, worked out by the portfolio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillPosting {
    /// Change of cash before the fee: negative for a buy. Of what is margined only the realised profit or loss.
    pub cash: Decimal,
    /// Change of positions at cost; nothing for what is margined.
    pub position_cost: Decimal,
    /// Profit realised by what the fill closed, before fees.
    pub realized: Decimal,
    /// Fee paid; negative for a rebate.
    pub fee: Decimal,
}

/// The balances of one account owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    currency: Currency,
    balances: [Balance; LedgerAccount::ALL.len()],
    holds: Holds,
    postings: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Balance(#[serde(with = "crate::model::decimal")] Decimal);

impl Ledger {
    /// Opens the books with capital paid in.
    #[must_use]
    pub fn open(capital: Money) -> Self {
        let mut ledger = Self {
            currency: capital.currency,
            balances: Default::default(),
            holds: Holds::default(),
            postings: 0,
        };
        ledger.add(LedgerAccount::Available, capital.amount);
        ledger.add(LedgerAccount::Capital, -capital.amount);
        ledger.end_posting();
        ledger
    }

    /// The currency of the books.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// An account's balance, debits positive.
    #[must_use]
    pub fn balance(&self, account: LedgerAccount) -> Money {
        Money::new(self.balances[account as usize].0, self.currency)
    }

    /// All cash, free and held.
    #[must_use]
    pub fn cash(&self) -> Money {
        self.balance(LedgerAccount::Available) + self.balance(LedgerAccount::Held)
    }

    /// Cash free for new orders.
    #[must_use]
    pub fn available(&self) -> Money {
        self.balance(LedgerAccount::Available)
    }

    /// What is held under `key`.
    #[must_use]
    pub fn held(&self, key: HoldKey) -> Money {
        Money::new(self.holds.get(key), self.currency)
    }

    /// Everything that is held, by what it is held for.
    pub fn holds(&self) -> impl Iterator<Item = (HoldKey, Money)> + '_ {
        self.holds
            .iter()
            .map(|(key, amount)| (key, Money::new(amount, self.currency)))
    }

    /// How many postings there were.
    #[must_use]
    pub const fn postings(&self) -> u64 {
        self.postings
    }

    /// Makes the hold under `key` exactly `amount`: holds more, or gives back. Zero releases it.
    pub fn set_hold(&mut self, key: HoldKey, amount: Decimal) {
        let before = self.holds.set(key, amount);
        if amount.is_zero() && before.is_zero() {
            return;
        }
        let change = decimal::subtract(amount, before);
        if !change.is_zero() {
            self.add(LedgerAccount::Held, change);
            self.add(LedgerAccount::Available, -change);
            self.end_posting();
        }
    }

    /// Books a fill.
    pub fn post_fill(&mut self, fill: FillPosting) {
        self.add(LedgerAccount::Available, decimal::subtract(fill.cash, fill.fee));
        self.add(LedgerAccount::PositionCost, fill.position_cost);
        self.add(LedgerAccount::Fees, fill.fee);
        self.add(LedgerAccount::RealizedPnl, -fill.realized);
        self.end_posting();
    }

    /// Books `amount` of cash received (negative: paid) against the account that says what for.
    pub fn post_flow(&mut self, against: LedgerAccount, amount: Decimal) {
        self.add(LedgerAccount::Available, amount);
        self.add(against, -amount);
        self.end_posting();
    }

    /// A leg of a posting.
    fn add(&mut self, account: LedgerAccount, amount: Decimal) {
        let balance = &mut self.balances[account as usize].0;
        *balance = decimal::add(*balance, amount);
    }

    /// All legs of a posting are added. They must add up to zero: anything else is a bug.
    fn end_posting(&mut self) {
        self.postings += 1;
        debug_assert_eq!(self.check(), Ok(()), "unbalanced posting");
    }

    /// Whether the books balance and the holds add up.
    ///
    /// # Errors
    /// [`LedgerError`] says by how much they do not.
    pub fn check(&self) -> Result<(), LedgerError> {
        let sum: Decimal = self.balances.iter().map(|balance| balance.0).sum();
        if !sum.is_zero() {
            return Err(LedgerError::Unbalanced { by: sum });
        }
        let difference = self.balances[LedgerAccount::Held as usize].0 - self.holds.total();
        if !difference.is_zero() {
            return Err(LedgerError::Holds { by: difference });
        }
        Ok(())
    }
}

/// The books are wrong: a bug, never an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The accounts do not add up to zero.
    #[error("the accounts are out of balance by {by}")]
    Unbalanced {
        /// The sum of all balances.
        by: Decimal,
    },
    /// The held account is not the sum of the holds.
    #[error("the held account differs from the holds by {by}")]
    Holds {
        /// The difference.
        by: Decimal,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OrderId;

    fn ledger() -> Ledger {
        Ledger::open(Money::new(
            Decimal::from(1_000),
            "USDT".parse().expect("a currency"),
        ))
    }

    #[test]
    fn a_round_trip_moves_value_and_loses_none() {
        let mut ledger = ledger();
        let number = |text: &str| text.parse::<Decimal>().expect("a number");
        ledger.set_hold(HoldKey::Order(OrderId(1)), number("501"));
        assert_eq!(ledger.available().amount, number("499"));
        ledger.set_hold(HoldKey::Order(OrderId(1)), Decimal::ZERO);
        ledger.post_fill(FillPosting {
            cash: number("-500"),
            position_cost: number("500"),
            realized: Decimal::ZERO,
            fee: number("0.5"),
        });
        assert_eq!(ledger.cash().amount, number("499.5"));
        ledger.post_fill(FillPosting {
            cash: number("550"),
            position_cost: number("-500"),
            realized: number("50"),
            fee: number("0.55"),
        });
        assert_eq!(ledger.cash().amount, number("1048.95"));
        assert_eq!(ledger.balance(LedgerAccount::RealizedPnl).amount, number("-50"));
        assert_eq!(ledger.check(), Ok(()));
    }

    #[test]
    #[should_panic(expected = "unbalanced posting")]
    #[cfg(debug_assertions)]
    fn an_unbalanced_posting_is_a_bug() {
        let mut ledger = ledger();
        ledger.add(LedgerAccount::Available, Decimal::ONE);
        ledger.end_posting();
    }
}
