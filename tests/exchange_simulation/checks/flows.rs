//! Cash that comes and goes without a trade, worked out anew from what is held.

use super::account::AccountModel;
use super::holds::Span;
use super::{Verdict, ensure};
use papertape::model::{InstrumentId, InstrumentKind, Timestamp};
use papertape::portfolio::{AccountConfig, CashFlow, CashFlowKind};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// What is charged by the day, and until when it has been.
#[derive(Clone, Debug)]
pub(super) struct FlowModel {
    terms: AccountConfig,
    first_day: Option<i64>,
    charged: BTreeMap<(CashFlowKind, Option<InstrumentId>), i64>,
}

impl FlowModel {
    pub(super) fn new(terms: &AccountConfig) -> Self {
        Self {
            terms: terms.clone(),
            first_day: None,
            charged: BTreeMap::new(),
        }
    }

    pub(super) fn begin(&mut self, time: Timestamp) {
        self.first_day.get_or_insert(time.utc_day());
    }

    /// Judges a flow before it is booked; `marks` are those that each instrument may have now.
    pub(super) fn judge(
        &mut self,
        flow: &CashFlow,
        account: &AccountModel,
        marks: impl Fn(InstrumentId) -> Span,
    ) -> Verdict {
        use CashFlowKind as Kind;
        let told = || format!("{flow:?}\n{account:?}");
        const RIGHT: &str = "cash flows are what the position and the rate make them";
        let held = flow.instrument.map_or(Decimal::ZERO, |at| account.quantity(at));
        let of_all = matches!(flow.kind, Kind::Funding | Kind::Dividend | Kind::BorrowFee);
        ensure(!of_all || flow.quantity.0 == held, RIGHT, told)?;
        let is_right = match (flow.kind, flow.instrument) {
            (Kind::Funding, Some(at)) => {
                let unit = held * account.instrument(at).multiplier() * flow.rate;
                is_between(flow.amount.amount, scaled(marks(at), -unit))
            }
            (Kind::Dividend, Some(at)) => {
                let unit = account.instrument(at).multiplier();
                is_between(flow.amount.amount, exactly(held * unit * flow.rate))
            }
            (Kind::BorrowFee, Some(at)) => {
                let a_day = held * self.terms.borrow_rate / Decimal::from(360);
                let is_lent =
                    held < Decimal::ZERO && *account.instrument(at).kind() == InstrumentKind::Equity;
                is_lent
                    && flow.rate == self.terms.borrow_rate
                    && self.is_by_the_day(flow, scaled(marks(at), a_day))
            }
            (Kind::Interest, None) => {
                let balance = account.balance(&marks);
                let rates = [self.terms.debit_rate, self.terms.credit_rate];
                let Some((least, most)) = balance.ends() else {
                    return ensure(false, RIGHT, told);
                };
                let mut fits = false;
                for (rate, is_owed) in rates.into_iter().zip([true, false]) {
                    let is_its = if is_owed {
                        least < Decimal::ZERO
                    } else {
                        most >= Decimal::ZERO
                    };
                    fits |= is_its
                        && flow.rate == rate
                        && self.is_by_the_day(flow, scaled(balance, rate / Decimal::from(360)));
                }
                fits
            }
            (Kind::Settlement | Kind::CashInLieu | Kind::OptionSettlement, Some(at)) => {
                let (instrument, quantity) = (account.instrument(at), flow.quantity.0);
                let value = quantity * flow.rate * instrument.multiplier();
                let paid = if instrument.kind().is_margined() && !held.is_zero() {
                    account.cost(at) * quantity / held
                } else {
                    Decimal::ZERO
                };
                is_between(flow.amount.amount, exactly(value - paid))
            }
            (Kind::LiquidationFee, Some(_)) => flow.amount.amount <= Decimal::ZERO,
            _ => false,
        };
        if matches!(flow.kind, Kind::BorrowFee | Kind::Interest) {
            self.charged
                .insert((flow.kind, flow.instrument), flow.time.utc_day());
        }
        ensure(is_right, RIGHT, told)
    }

    /// Whether an amount is that of so many whole days, none of which was charged before.
    fn is_by_the_day(&self, flow: &CashFlow, a_day: Span) -> bool {
        let charged = self.charged.get(&(flow.kind, flow.instrument)).copied();
        let today = flow.time.utc_day();
        let Some(since) = charged.or(self.first_day).filter(|since| *since < today) else {
            return false;
        };
        (1..=today - since).any(|days| is_between(flow.amount.amount, scaled(a_day, Decimal::from(days))))
    }
}

fn exactly(amount: Decimal) -> Span {
    let mut span = Span::default();
    span.note(amount);
    span
}

fn scaled(span: Span, by: Decimal) -> Span {
    let mut scaled = Span::default();
    if let Some((least, most)) = span.ends() {
        scaled.note(least * by);
        scaled.note(most * by);
    }
    scaled
}

fn is_between(amount: Decimal, span: Span) -> bool {
    span.holds(amount)
}
