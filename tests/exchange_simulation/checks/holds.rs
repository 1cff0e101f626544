//! What open orders need of the funds, worked out from their terms by formulas of its own: the value of what an order opens
//! where that is paid in full, else its margin and what it would lose against the mark at once; and the worst costs on top.
//!
//! Needs follow an order's terms and what is held of its instrument. Marks move without a word, so what depends on them is known
//! to lie between the lowest and the highest that the input allows; where nothing depends on them, it is known exactly.

use super::account::AccountModel;
use super::{Verdict, ensure};
use papertape::engine::{Engine, EngineConfig, EventKind, Fees};
use papertape::exchange::{Basis, ChargedOn, FeeSchedule, Fill, ImpactModel, SlippageModel};
use papertape::model::{Instrument, InstrumentId, InstrumentKind, MarginRule, OptionRight, OrderId, Side};
use papertape::order::{Order, OrderStatus};
use papertape::portfolio::{AccountConfig, SharesOn};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// What the books may round.
const CRUMB: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// From the lowest to the highest; nothing while nothing is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span(Option<(Decimal, Decimal)>);

impl Span {
    pub(super) fn note(&mut self, value: Decimal) {
        self.0 = Some(match self.0 {
            Some((least, most)) => (least.min(value), most.max(value)),
            None => (value, value),
        });
    }

    pub(super) fn join(&mut self, other: Self) {
        if let Some((least, most)) = other.0 {
            self.note(least);
            self.note(most);
        }
    }

    pub(super) fn ends(self) -> Option<(Decimal, Decimal)> {
        self.0
    }

    /// The lowest and the highest value of a function over the span, where it turns at most at `turns`.
    fn map(
        self,
        otherwise: Decimal,
        turns: &[Decimal],
        of: impl Fn(Decimal) -> Decimal,
    ) -> (Decimal, Decimal) {
        let (from, to) = self.0.unwrap_or((otherwise, otherwise));
        let inside = turns.iter().copied().filter(|turn| from < *turn && *turn < to);
        let values = [from, to].into_iter().chain(inside).map(of);
        values.fold((Decimal::MAX, Decimal::MIN), |(least, most), value| {
            (least.min(value), most.max(value))
        })
    }

    pub(super) fn holds(self, value: Decimal) -> bool {
        let slack = |bound: Decimal| CRUMB * (Decimal::ONE + bound.abs());
        self.0
            .is_some_and(|(least, most)| value >= least - slack(least) && value <= most + slack(most))
    }
}

/// What every open order needs.
#[derive(Clone, Debug)]
pub(super) struct HoldModel {
    account: AccountConfig,
    fees: FeeSchedule,
    /// The share of the value that slippage and impact may cost.
    slippage: Decimal,
    needs: BTreeMap<OrderId, Span>,
    /// The marks of each instrument as this input may have them.
    marks: Vec<Span>,
}

impl HoldModel {
    pub(super) fn new(config: &EngineConfig) -> Self {
        // What models that look at the market may cost is half a per cent each.
        let allowance = Decimal::new(5, 3);
        let slippage = match &config.execution.slippage {
            SlippageModel::FixedBps { bps } | SlippageModel::HalfSpread { bps } => {
                bps / Decimal::from(10_000)
            }
            SlippageModel::VolumeShare {
                price_impact,
                volume_limit,
            } => Decimal::from_f64_retain(price_impact * volume_limit * volume_limit)
                .unwrap_or_default()
                .round_dp(12),
            SlippageModel::Volatility { .. } => allowance,
        };
        let impact = match config.execution.impact {
            ImpactModel::None => Decimal::ZERO,
            ImpactModel::SquareRoot { .. } => allowance,
        };
        Self {
            account: config.account.clone(),
            fees: match &config.execution.fees {
                Fees::Preset(name) => name.preset().schedule,
                other => other.schedule(),
            },
            slippage: slippage + impact,
            needs: BTreeMap::new(),
            marks: Vec::new(),
        }
    }

    /// The marks that this input may have brought, by instrument.
    pub(super) fn set_marks(&mut self, marks: Vec<Span>) {
        self.marks = marks;
    }

    pub(super) fn marks(&self, at: InstrumentId) -> Span {
        self.marks.get(at.index()).copied().unwrap_or_default()
    }

    /// An order went out, or has other terms.
    pub(super) fn renew(&mut self, order: &Order, account: &AccountModel) {
        let need = self.need(order, account);
        self.needs.insert(order.id, need);
    }

    pub(super) fn end(&mut self, order: OrderId) {
        self.needs.remove(&order);
    }

    /// What is held of an instrument has changed.
    pub(super) fn renew_all<'a>(
        &mut self,
        orders: impl Iterator<Item = &'a Order>,
        at: InstrumentId,
        own: Option<OrderId>,
        account: &AccountModel,
    ) {
        for order in orders.filter(|order| order.instrument == at && Some(order.id) != own) {
            self.renew(order, account);
        }
    }

    /// An order filled: what opened gives its share back, what closed needed nothing. `held` is from before it.
    pub(super) fn fill(&mut self, fill: &Fill, order: &Order, held: Decimal) {
        let rest = order.remaining().0;
        let opens = held * fill.side.sign() >= Decimal::ZERO;
        if let Some(Span(Some((least, most)))) = self.needs.get_mut(&order.id).filter(|_| opens) {
            let share = rest / (rest + fill.quantity.0);
            (*least, *most) = (*least * share, *most * share);
        }
        if rest.is_zero() {
            self.end(order.id);
        }
    }

    /// Whether an order that went out holds what it needs.
    pub(super) fn judge_new(&self, order: &Order) -> Verdict {
        let need = self.needs.get(&order.id).copied().unwrap_or_default();
        self.judge_order(order, need)
    }

    fn judge_order(&self, order: &Order, need: Span) -> Verdict {
        ensure(
            need.holds(order.hold.amount),
            "holds are what open orders need",
            || format!("{} instead of {need:?}: {order:?}", order.hold.amount),
        )
    }

    pub(super) fn judge(&self, engine: &Engine) -> Verdict {
        engine.open_orders().try_for_each(|order| self.judge_new(order))
    }

    fn need(&self, order: &Order, account: &AccountModel) -> Span {
        let mut none = Span::default();
        none.note(Decimal::ZERO);
        if order.only_reduces() || order.status == OrderStatus::Waiting {
            return none;
        }
        let held = account.quantity(order.instrument) * order.side.sign();
        let opens = order.remaining().0 - (-held).max(Decimal::ZERO);
        if opens <= Decimal::ZERO {
            return none;
        }
        let instrument = account.instrument(order.instrument);
        let price = order
            .kind
            .limit_price()
            .or_else(|| order.kind.stop_price())
            .unwrap_or(order.decision_price)
            .0;
        let value = price * opens * instrument.multiplier();
        let cost = self.cost(instrument, value, opens);
        let (least, most) = self.cover(instrument, account, order, (opens, price));
        let mut need = none;
        need.0 = Some((least + cost, most + cost));
        need
    }

    /// Value or margin, and the loss against the mark.
    fn cover(
        &self,
        instrument: &Instrument,
        account: &AccountModel,
        order: &Order,
        (opens, price): (Decimal, Decimal),
    ) -> (Decimal, Decimal) {
        let side = order.side;
        let units = opens * instrument.multiplier();
        let kind = instrument.kind();
        let is_share = *kind == InstrumentKind::Equity;
        let in_full = (price * units, price * units);
        let (initial, maintenance) = match instrument.margin() {
            _ if matches!(kind, InstrumentKind::Option(_)) && side == Side::Buy => return in_full,
            MarginRule::Full if is_share && self.account.shares == SharesOn::Margin => {
                (Decimal::new(50, 2), Decimal::new(25, 2))
            }
            MarginRule::Full if !kind.is_margined() => return in_full,
            MarginRule::Full => (Decimal::ONE, Decimal::ZERO),
            MarginRule::Rate { initial, maintenance } => (initial, maintenance),
            MarginRule::PerContract { initial, maintenance } => {
                let of_contract = initial.max(maintenance) * opens;
                return self.with_loss(order, (units, price), |_| of_contract);
            }
        };
        if let InstrumentKind::Option(terms) = kind {
            let least_leverage = self
                .account
                .leverage
                .map_or(Decimal::ZERO, |times| Decimal::ONE / times);
            let initial = initial.max(least_leverage);
            let strike = terms.strike.0;
            let shares = account.shares_of(order.instrument);
            let of = |underlying: Decimal| {
                let (out, least_of) = match terms.right {
                    OptionRight::Call => (strike - underlying, underlying),
                    OptionRight::Put => (underlying - strike, strike),
                };
                let out = out.max(Decimal::ZERO);
                let share = |share: Decimal| (underlying * share - out).max(least_of / Decimal::TEN);
                share(initial).max(share(maintenance)) * units
            };
            let underlying = shares.map(|shares| self.marks(shares)).unwrap_or_default();
            let (least, most) = underlying.map(strike, &[strike], of);
            let (no_loss, loss) = self.with_loss(order, (units, price), |_| Decimal::ZERO);
            // What is held beside it may stand in for a part of the margin (`tests/option_account.rs` judges for how much), and
            // no put loses more than its strike.
            let dearest = self
                .marks(order.instrument)
                .map(price, &[], |mark| mark.max(price))
                .1;
            let is_bounded = terms.right == OptionRight::Put && (dearest * units) + most > strike * units;
            let least = if is_bounded || account.has_beside(order.instrument) {
                Decimal::ZERO
            } else {
                least + no_loss
            };
            return (least, most + loss);
        }
        let least_leverage = self
            .account
            .leverage
            .map_or(Decimal::ZERO, |times| Decimal::ONE / times);
        let initial = initial.max(least_leverage);
        self.with_loss(order, (units, price), |worst| {
            let of_unit = (worst * initial).max(worst * maintenance);
            let of_short = if is_share && side == Side::Sell {
                finra_short(worst)
            } else {
                Decimal::ZERO
            };
            of_unit.max(of_short) * units
        })
    }

    /// A margin by the worse of price and mark, and the loss at the mark.
    fn with_loss(
        &self,
        order: &Order,
        (units, price): (Decimal, Decimal),
        margin: impl Fn(Decimal) -> Decimal,
    ) -> (Decimal, Decimal) {
        let turns = [
            price,
            Decimal::new(25, 1),
            Decimal::from(5),
            Decimal::from(50) / Decimal::from(3),
        ];
        self.marks(order.instrument).map(price, &turns, |mark| {
            let loss = ((price - mark) * order.side.sign()).max(Decimal::ZERO);
            margin(price.max(mark)) + loss * units
        })
    }

    /// The worst slippage, and the worst fees.
    fn cost(&self, instrument: &Instrument, value: Decimal, quantity: Decimal) -> Decimal {
        match &self.fees {
            FeeSchedule::Percent { tiers } => {
                let rates = tiers.iter().map(|tier| tier.taker.max(tier.maker));
                let worst = rates.fold(Decimal::ZERO, Decimal::max);
                // What slips costs a fee as well.
                value * ((Decimal::ONE + worst) * (Decimal::ONE + self.slippage) - Decimal::ONE)
            }
            FeeSchedule::PerOrder { charges } => {
                let share = |basis: &Basis| match basis {
                    Basis::Value(rate) => *rate,
                    _ => Decimal::ZERO,
                };
                let shares: Decimal = charges.iter().map(|charge| share(&charge.basis)).sum();
                let of_side = |side: Side| -> Decimal {
                    let on = charges.iter().filter(|charge| match charge.on {
                        ChargedOn::Both => true,
                        ChargedOn::Buys => side == Side::Buy,
                        ChargedOn::Sells => side == Side::Sell,
                    });
                    on.map(|charge| {
                        let counted = match &charge.basis {
                            Basis::Value(rate) => value * rate,
                            Basis::Unit(amount) => quantity * amount,
                            Basis::Contract { roots, other } => {
                                let symbol = instrument.symbol().as_str();
                                let root = roots.iter().find(|(root, _)| *root == symbol);
                                quantity * root.map_or(other, |(_, amount)| amount).0
                            }
                        };
                        let least = charge.minimum.unwrap_or_default();
                        let mut due = counted.max(least).min(charge.maximum.unwrap_or(Decimal::MAX));
                        if let Some(share) = charge.maximum_share {
                            due = due.min(value * share);
                        }
                        match charge.round_up_to_digits {
                            Some(digits) => {
                                let ten = Decimal::from(10_u64.pow(digits));
                                (due * ten).ceil() / ten
                            }
                            None => due,
                        }
                    })
                    .sum()
                };
                let fees = of_side(Side::Buy).max(of_side(Side::Sell));
                let slipped = (Decimal::ONE + shares) * (Decimal::ONE + self.slippage) - Decimal::ONE;
                let by_share = if self.slippage.is_zero() { shares } else { slipped };
                value * by_share + (fees - value * shares).max(Decimal::ZERO)
            }
        }
    }
}

/// What a broker asks for a share sold short: 30 % or $5 a share, below $5 all of it or $2.50. FINRA Rule 4210(c)(2), (3).
fn finra_short(price: Decimal) -> Decimal {
    let five = Decimal::from(5);
    if price < five {
        price.max(Decimal::new(25, 1))
    } else {
        (price * Decimal::new(30, 2)).max(five)
    }
}

/// Of which instrument a flow changes what is held.
pub(super) fn position_changed(kind: &EventKind) -> Option<InstrumentId> {
    use papertape::portfolio::CashFlowKind::{CashInLieu, OptionSettlement, Settlement};
    match kind {
        EventKind::CashFlow { flow, .. }
            if matches!(flow.kind, CashInLieu | OptionSettlement | Settlement) =>
        {
            flow.instrument
        }
        _ => None,
    }
}
