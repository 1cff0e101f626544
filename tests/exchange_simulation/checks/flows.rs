//! Cash that comes and goes without a trade, worked out anew from what is held.

use super::account::AccountModel;
use super::holds::Span;
use super::{Verdict, ensure};
use papertape::engine::Input;
use papertape::market::{MarketAction, MarketEvent};
use papertape::model::{InstrumentId, InstrumentKind, Timestamp};
use papertape::portfolio::{AccountConfig, CashFlow, CashFlowKind};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// What is charged by the day, and until when it has been.
#[derive(Clone, Debug)]
pub(super) struct FlowModel {
    terms: AccountConfig,
    first_day: Option<i64>,
    charged: BTreeMap<(CashFlowKind, Option<InstrumentId>), i64>,
    funding: FundingModel,
}

/// Funding: what the market tells, and the account's own rate each eight hours where it tells none.
#[derive(Clone, Debug, Default)]
struct FundingModel {
    /// The time before this input.
    before: Option<Timestamp>,
    now: Option<Timestamp>,
    first_hours: Option<i64>,
    /// What this input tells.
    telling: Option<(InstrumentId, Decimal)>,
    /// The perpetuals whose market has told it once.
    told: BTreeSet<InstrumentId>,
    /// The last eight hours for which the account's own rate was charged.
    charged: BTreeMap<InstrumentId, i64>,
    /// What was held before this input.
    held: BTreeMap<InstrumentId, Decimal>,
}

impl FlowModel {
    pub(super) fn new(terms: &AccountConfig) -> Self {
        Self {
            terms: terms.clone(),
            first_day: None,
            charged: BTreeMap::new(),
            funding: FundingModel::default(),
        }
    }

    /// An input was taken in, after which it is `time`; `account` is as it was before.
    pub(super) fn begin(&mut self, input: &Input, time: Timestamp, account: &AccountModel) {
        self.first_day.get_or_insert(time.utc_day());
        let funding = &mut self.funding;
        funding.first_hours.get_or_insert(hours_of(time));
        funding.before = funding.now.replace(time);
        funding.held = account
            .perpetuals()
            .map(|at| (at, account.quantity(at)))
            .collect();
        funding.telling = match input {
            Input::Market(at, MarketEvent::Action(_, MarketAction::Funding { rate, .. }))
                if rate.abs() < Decimal::ONE =>
            {
                funding.told.insert(*at);
                Some((*at, *rate))
            }
            _ => None,
        };
    }

    /// A trade is told after a time of funding: what was held all the while, and of which no market tells the funding, has paid the
    /// account's own rate.
    pub(super) fn judge_funded(&self, account: &AccountModel) -> Verdict {
        let funding = &self.funding;
        let (Some(before), Some(now)) = (funding.before, funding.now) else {
            return Ok(());
        };
        if self.terms.funding_rate.is_zero() || hours_of(before) == hours_of(now) {
            return Ok(());
        }
        for (at, held) in &funding.held {
            let is_due = !held.is_zero() && account.quantity(*at) == *held && !funding.told.contains(at);
            ensure(
                !is_due || funding.charged.get(at) == Some(&hours_of(now)),
                "funding is charged each eight hours",
                || format!("{at:?} from {before} to {now}: {account:?}"),
            )?;
        }
        Ok(())
    }

    /// Whether funding is what the market tells now, or so many times the account's own rate as eight hours have ended since it was
    /// last charged.
    fn is_funding_rate(&self, at: InstrumentId, flow: &CashFlow) -> bool {
        let funding = &self.funding;
        let now = hours_of(flow.time);
        let charged = funding.charged.get(&at).copied();
        if funding.telling == Some((at, flow.rate)) {
            return charged != Some(now);
        }
        let own = self.terms.funding_rate;
        let since = charged.or(funding.first_hours).unwrap_or(now);
        let is_own = |count: i64| !own.is_zero() && flow.rate == own * Decimal::from(count);
        !funding.told.contains(&at) && (1..=now - since).any(is_own)
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
        let of_all = matches!(
            flow.kind,
            Kind::Funding | Kind::Dividend | Kind::BorrowFee | Kind::Roll
        );
        ensure(!of_all || flow.quantity.0 == held, RIGHT, told)?;
        let is_right = match (flow.kind, flow.instrument) {
            (Kind::Funding, Some(at)) => {
                let unit = held * account.instrument(at).multiplier() * flow.rate;
                self.is_funding_rate(at, flow) && is_between(flow.amount.amount, scaled(marks(at), -unit))
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
            (Kind::LiquidationFee | Kind::Roll, Some(_)) => flow.amount.amount <= Decimal::ZERO,
            _ => false,
        };
        if let (Kind::Funding, Some(at)) = (flow.kind, flow.instrument)
            && self.funding.telling != Some((at, flow.rate))
        {
            self.funding.charged.insert(at, hours_of(flow.time));
        }
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

/// Which eight hours since 1970 a time lies in.
fn hours_of(time: Timestamp) -> i64 {
    time.secs().div_euclid(8 * 3_600)
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
