//! What kept a strategy from doing what it wanted: orders that were refused, and the end of its trading.

use crate::model::Timestamp;
use crate::order::{OrderPurpose, Refusal};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// What kept a strategy from doing what it wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setbacks {
    /// Orders of the strategy that were refused, counted by what they were for, who refused them, and why; in the order in
    /// which each reason came first.
    pub refused: Vec<RefusedOrders>,
    /// When trading was halted, if it was.
    pub halt: Option<Halt>,
}

/// Orders that were refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedOrders {
    /// What they were for.
    pub purpose: OrderPurpose,
    /// Who refused them.
    pub by: Refuser,
    /// The reason's stable code.
    pub code: Cow<'static, str>,
    /// How many.
    pub count: u64,
    /// When the first was.
    pub first: Timestamp,
    /// Why the first was, in words.
    pub because: String,
}

/// Who refused an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refuser {
    /// The check before an order goes out: it was *denied*.
    RiskCheck,
    /// The exchange: it was *rejected*.
    Exchange,
}

/// The code of a halt because the strategy's script failed.
pub const SCRIPT_FAILED: &str = "script_failed";

/// The end of a strategy's trading by a protection of the account: what was held was closed, and no order was placed any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// When.
    pub time: Timestamp,
    /// By what: `max_drawdown`, `ruin` or `script_failed`.
    pub code: Cow<'static, str>,
    /// Why, in words.
    pub because: String,
    /// How many bars the account was valued at until then.
    pub bars_before: u64,
    /// And how many have followed.
    pub bars_after: u64,
}

impl Setbacks {
    /// Takes note of an order that was refused.
    pub(super) fn note_refused(&mut self, purpose: OrderPurpose, refusal: &Refusal, time: Timestamp) {
        // A person sees what becomes of their own orders.
        if purpose == OrderPurpose::Manual {
            return;
        }
        let (by, code) = (Refuser::of(refusal), refusal.code());
        match self.of(purpose, by, code) {
            Some(known) => known.count += 1,
            None => self.refused.push(RefusedOrders {
                purpose,
                by,
                code: code.into(),
                count: 1,
                first: time,
                because: refusal.to_string(),
            }),
        }
    }

    /// Adds what was refused later, in another run of the same account.
    pub(crate) fn add_refused(&mut self, later: &Self) {
        for refused in &later.refused {
            match self.of(refused.purpose, refused.by, &refused.code) {
                Some(known) => known.count += refused.count,
                None => self.refused.push(refused.clone()),
            }
        }
    }

    fn of(&mut self, purpose: OrderPurpose, by: Refuser, code: &str) -> Option<&mut RefusedOrders> {
        let mut known = self.refused.iter_mut();
        known.find(|it| it.purpose == purpose && it.by == by && it.code == code)
    }

    /// How many entries were refused.
    #[must_use]
    pub fn refused_entries(&self) -> u64 {
        let entries = self.refused.iter().filter(|it| it.purpose == OrderPurpose::Entry);
        entries.map(|it| it.count).sum()
    }
}

impl Refuser {
    const fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Denied(_) => Self::RiskCheck,
            Refusal::Rejected(_) => Self::Exchange,
        }
    }
}

impl fmt::Display for Refuser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RiskCheck => "denied by the risk check",
            Self::Exchange => "rejected by the exchange",
        })
    }
}
