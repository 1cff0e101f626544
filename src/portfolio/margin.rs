//! What positions must be covered by, and the price at which the cover gives out.
//!
//! | market | to open | to keep | source |
//! |---|---|---|---|
//! | spot, [`MarginRule::Full`] | all of it; a short sale twice | – | |
//! | perpetuals, currencies | a share of the value, at least 1 ÷ leverage | a share of the value | Binance, *Leverage and margin of USDⓈ-M futures*, one bracket |
//! | futures | an amount a contract | an amount a contract | CME performance bonds, without SPAN's scenarios and offsets |
//! | shares, long | 50 % of the value | 25 % of the value | Regulation T § 220.12(a); FINRA Rule 4210(c)(1) |
//! | shares, short | 50 % of the value beside the proceeds | 30 % of the value or $5 a share; below $5 the value or $2.50 a share | Regulation T § 220.12(c)(1); FINRA Rule 4210(c)(2), (3) |
//! | options, long | the premium | – | |
//! | options, short | a share of the underlying's value less what they are out of the money, at least 10 %, beside the premium | the same | FINRA Rule 4210(f)(2)(D)(i) |
//!
//! Shares take the rule's own rates, of which the table names the usual ones. Each position stands for itself here; what options on
//! one underlying, and shares beside them, save together is in `option_books.rs`. Other offsets are not granted.

use crate::model::{
    Instrument, InstrumentKind, MarginRule, Money, OptionRight, Side, Symbol, Timestamp, decimal,
};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// Whether positions stand in for each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarginMode {
    /// All cash covers all positions.
    #[default]
    Cross,
    /// Each margined position (future, perpetual, currency) is covered by its own margin only. Securities on margin share
    /// the rest.
    Isolated,
}

/// How an account trades shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharesOn {
    /// Bought with cash; a short sale is covered by as much again as it brings, and called by FINRA Rule 4210(c).
    #[default]
    Cash,
    /// On margin: Regulation T's half to open, FINRA's 25 % to keep, 30 % when short.
    Margin,
}

/// How an account borrows and what that costs: `account` of `POST /sessions`, `POST /backtests` and `--account`. The
/// default borrows for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountConfig {
    /// Whether margined positions stand in for each other.
    pub mode: MarginMode,
    /// The leverage chosen for what is covered by a share of its value: such a position holds at least 1 ÷ leverage of
    /// it. `None` takes all that the instrument allows.
    #[serde(with = "crate::model::decimal::option")]
    pub leverage: Option<Decimal>,
    /// Whether shares are bought with cash or on margin.
    pub shares: SharesOn,
    /// Fee for borrowed shares, a share of their value a year (0.03 is 3 %).
    #[serde(with = "crate::model::decimal")]
    pub borrow_rate: Decimal,
    /// Interest on borrowed cash, a year.
    #[serde(with = "crate::model::decimal")]
    pub debit_rate: Decimal,
    /// Interest on cash of one's own, a year.
    #[serde(with = "crate::model::decimal")]
    pub credit_rate: Decimal,
    /// Funding of perpetuals at 00:00, 08:00 and 16:00 UTC where the data tells none, a share of the position's value: longs pay a
    /// positive rate (0.0001 is 0.01 % each eight hours).
    #[serde(with = "crate::model::decimal")]
    pub funding_rate: Decimal,
}

impl AccountConfig {
    /// Whether neither shares nor cash cost or earn anything.
    pub(super) const fn lends_for_nothing(&self) -> bool {
        self.borrow_rate.is_zero() && self.debit_rate.is_zero() && self.credit_rate.is_zero()
    }

    /// What is out of range, each thing by its path in JSON: leverage is 1 to 1000, rates a year are shares from 0 to 10, the
    /// funding rate is from -0.05 to 0.05.
    #[must_use]
    pub fn problems(&self) -> Vec<AccountProblem> {
        let mut problems = Vec::new();
        let mut check = |fine: bool, path, message| {
            if !fine {
                problems.push(AccountProblem { path, message });
            }
        };
        let leverages = Decimal::ONE..=Decimal::ONE_THOUSAND;
        check(
            self.leverage.is_none_or(|leverage| leverages.contains(&leverage)),
            "leverage",
            "leverage is 1 to 1000, or left out for all that the instrument allows",
        );
        for (path, rate) in [
            ("borrow_rate", self.borrow_rate),
            ("debit_rate", self.debit_rate),
            ("credit_rate", self.credit_rate),
        ] {
            check(
                (Decimal::ZERO..=Decimal::TEN).contains(&rate),
                path,
                "a rate is a share a year from 0 to 10 (0.03 is 3 %)",
            );
        }
        check(
            self.funding_rate.abs() <= MOST_FUNDING,
            "funding_rate",
            "a funding rate is a share each eight hours from -0.05 to 0.05 (0.0001 is 0.01 %)",
        );
        problems
    }
}

/// More than any venue's cap on the funding of eight hours.
const MOST_FUNDING: Decimal = Decimal::from_parts(5, 0, 0, false, 2);

/// Something of an [`AccountConfig`] that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountProblem {
    /// Its name in JSON.
    pub path: &'static str,
    /// What it should be.
    pub message: &'static str,
}

/// Regulation T § 220.12(a) and FINRA Rule 4210(c)(1).
const REGULATION_T: MarginRule = MarginRule::Rate {
    initial: Decimal::from_parts(50, 0, 0, false, 2),
    maintenance: Decimal::from_parts(25, 0, 0, false, 2),
};

/// Least share of the underlying (of a put: of the strike) that covers a short option. FINRA Rule 4210(f)(2)(D)(i).
const LEAST_OPTION_SHARE: Decimal = Decimal::from_parts(1, 0, 0, false, 1);

/// How positions in one instrument are paid and covered in one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    #[serde(with = "crate::model::decimal")]
    multiplier: Decimal,
    margin: MarginRule,
    asset: Asset,
    name: Symbol,
    option: Option<OptionTerms>,
}

/// What an option is, for those that stand in for each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OptionTerms {
    pub(super) underlying: Symbol,
    #[serde(with = "crate::model::decimal")]
    pub(super) strike: Decimal,
    pub(super) right: OptionRight,
    pub(super) expiry: Timestamp,
}

/// What the rules of cover tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Asset {
    Spot,
    Equity,
    Option {
        #[serde(with = "crate::model::decimal")]
        strike: Decimal,
        right: OptionRight,
    },
    Perpetual,
    Forex,
    Future,
}

/// A maintenance requirement along a stretch of prices: `per_unit + rate × price` for each unit, before the multiplier.
#[derive(Clone, Copy, Debug)]
struct Piece {
    from: Decimal,
    to: Decimal,
    per_unit: Decimal,
    rate: Decimal,
}

impl Piece {
    const fn everywhere(per_unit: Decimal, rate: Decimal) -> Self {
        Self {
            from: Decimal::ZERO,
            to: Decimal::MAX,
            per_unit,
            rate,
        }
    }

    /// FINRA Rule 4210(c)(2) and (3) of a share sold short.
    fn of_short_shares() -> [Self; 4] {
        let number = Decimal::new;
        let (five, half) = (number(5, 0), number(25, 1));
        let rate = number(30, 2);
        let turn = five / rate;
        let piece = |from, to, per_unit, rate| Self {
            from,
            to,
            per_unit,
            rate,
        };
        [
            piece(turn, Decimal::MAX, Decimal::ZERO, rate),
            piece(five, turn, five, Decimal::ZERO),
            piece(half, five, Decimal::ZERO, Decimal::ONE),
            piece(Decimal::ZERO, half, half, Decimal::ZERO),
        ]
    }

    fn at(&self, price: Decimal) -> Decimal {
        self.per_unit + self.rate * price
    }
}

impl Terms {
    pub(super) fn new(instrument: &Instrument, config: &AccountConfig) -> Self {
        let least = config
            .leverage
            .filter(|leverage| *leverage > Decimal::ZERO)
            .map_or(Decimal::ZERO, |leverage| {
                (Decimal::ONE / leverage)
                    .round_dp_with_strategy(Money::SCALE, RoundingStrategy::ToPositiveInfinity)
            });
        let is_share = *instrument.kind() == InstrumentKind::Equity;
        let margin = match (instrument.margin(), config.shares) {
            (MarginRule::Full, SharesOn::Margin) if is_share => REGULATION_T,
            (rule, _) => rule,
        };
        let margin = match margin {
            MarginRule::Rate { initial, maintenance } => MarginRule::Rate {
                initial: initial.max(least),
                maintenance,
            },
            other => other,
        };
        let asset = match instrument.kind() {
            InstrumentKind::Spot => Asset::Spot,
            InstrumentKind::Equity => Asset::Equity,
            InstrumentKind::Option(terms) => Asset::Option {
                strike: terms.strike.0,
                right: terms.right,
            },
            InstrumentKind::Perpetual => Asset::Perpetual,
            InstrumentKind::Forex => Asset::Forex,
            InstrumentKind::Future { .. } => Asset::Future,
        };
        let option = match instrument.kind() {
            InstrumentKind::Option(terms) => Some(OptionTerms {
                underlying: terms.underlying.clone(),
                strike: terms.strike.0,
                right: terms.right,
                expiry: terms.expiry,
            }),
            _ => None,
        };
        Self {
            multiplier: instrument.multiplier(),
            margin,
            asset,
            name: instrument.symbol().clone(),
            option,
        }
    }

    /// What it is called.
    pub(super) const fn name(&self) -> &Symbol {
        &self.name
    }

    /// Which option it is, of one that a share of its underlying covers when it is sold.
    pub(super) const fn option(&self) -> Option<&OptionTerms> {
        match self.margin {
            MarginRule::Rate { .. } => self.option.as_ref(),
            _ => None,
        }
    }

    /// The share of the underlying that covers a sold option when it is opened.
    pub(super) const fn initial_share(&self) -> Decimal {
        match self.margin {
            MarginRule::Rate { initial, .. } => initial,
            _ => Decimal::ZERO,
        }
    }

    /// And to be kept.
    pub(super) const fn maintenance_share(&self) -> Decimal {
        match self.margin {
            MarginRule::Rate { maintenance, .. } => maintenance,
            _ => Decimal::ZERO,
        }
    }

    pub(super) const fn multiplier(&self) -> Decimal {
        self.multiplier
    }

    /// What a quantity comes to in units that a price is of: quantity × multiplier.
    pub(super) fn units(&self, quantity: Decimal) -> Decimal {
        if decimal::is_one(self.multiplier) {
            quantity
        } else {
            quantity * self.multiplier
        }
    }

    /// Whether only gains and losses change hands.
    pub(super) const fn is_margined(&self) -> bool {
        matches!(self.asset, Asset::Perpetual | Asset::Forex | Asset::Future)
    }

    /// Whether positions in it pay funding.
    pub(super) const fn is_funded(&self) -> bool {
        matches!(self.asset, Asset::Perpetual)
    }

    /// Whether a short position in it is borrowed from a lender who charges for it.
    pub(super) const fn is_lent(&self) -> bool {
        matches!(self.asset, Asset::Equity)
    }

    /// Whether a venue takes over all of a position that it liquidates. A broker closes as much as the cover is short of.
    pub(super) const fn is_liquidated_whole(&self) -> bool {
        matches!(self.asset, Asset::Perpetual | Asset::Forex)
    }

    /// Whether a position on this side is paid in full and covers nothing but itself.
    pub(super) const fn is_paid_in_full(&self, side: Side) -> bool {
        match (self.asset, self.margin) {
            (Asset::Option { .. }, _) if matches!(side, Side::Buy) => true,
            (_, MarginRule::Full) => !self.is_margined(),
            _ => false,
        }
    }

    /// Whether the cover of a position on this side can give out. Shares sold short are called whatever covered their sale:
    /// what they cost to buy back has no end.
    pub(super) const fn can_give_out(&self, side: Side) -> bool {
        !self.is_paid_in_full(side) || matches!((self.asset, side), (Asset::Equity, Side::Sell))
    }

    /// Quantity × price × multiplier, without sign.
    pub(super) fn value(&self, quantity: Decimal, price: Decimal) -> Decimal {
        rounded((quantity * price * self.multiplier).abs())
    }

    /// What must cover a new position beside what it brings or costs: all of its value where it is paid in full.
    pub(super) fn initial(
        &self,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        underlying: Option<Decimal>,
    ) -> Decimal {
        let quantity = quantity.abs();
        if self.is_paid_in_full(side) {
            return self.value(quantity, price);
        }
        let asked = match (self.margin, self.asset) {
            (MarginRule::Full, _) => self.value(quantity, price),
            (MarginRule::Rate { initial, .. }, Asset::Option { strike, right }) => {
                self.short_option(initial, quantity, strike, right, underlying)
            }
            (MarginRule::Rate { initial, .. }, _) => rounded(self.value(quantity, price) * initial),
            (MarginRule::PerContract { initial, .. }, _) => rounded(initial * quantity),
        };
        // Nobody opens what he could not keep. FINRA Rule 4210(b)(2).
        asked.max(self.maintenance(side, quantity, price, underlying))
    }

    /// What a position holds in the books as its cover, by what it cost: of a short option nothing, for what covers it
    /// follows its underlying.
    pub(super) fn at_cost(&self, quantity: Decimal, cost: Decimal) -> Decimal {
        match (self.margin, self.asset) {
            (MarginRule::Full, _) => cost,
            (MarginRule::Rate { .. }, Asset::Option { .. }) => Decimal::ZERO,
            (MarginRule::Rate { initial, .. }, _) => rounded(cost * initial),
            (MarginRule::PerContract { initial, .. }, _) => rounded(initial * quantity.abs()),
        }
    }

    /// What must cover a position beside what it is worth, for it to be kept.
    pub(super) fn maintenance(
        &self,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        underlying: Option<Decimal>,
    ) -> Decimal {
        let quantity = quantity.abs();
        if !self.can_give_out(side) {
            return Decimal::ZERO;
        }
        if let (MarginRule::Rate { maintenance, .. }, Asset::Option { strike, right }) =
            (self.margin, self.asset)
        {
            return self.short_option(maintenance, quantity, strike, right, underlying);
        }
        let of_unit = self
            .pieces(side)
            .into_iter()
            .map(|piece| match piece {
                Some(piece) if piece.from <= price && price <= piece.to => piece.at(price),
                _ => Decimal::ZERO,
            })
            .max()
            .unwrap_or_default();
        rounded(of_unit * quantity * self.multiplier)
    }

    /// The requirement for each unit as pieces of straight lines; where several hold, the largest. Of a short option,
    /// whose requirement follows another price, none.
    fn pieces(&self, side: Side) -> [Option<Piece>; 5] {
        let one = |per_unit, rate| [Some(Piece::everywhere(per_unit, rate)), None, None, None, None];
        match (self.margin, self.asset, side) {
            (MarginRule::Full, Asset::Equity, Side::Sell) => {
                let [a, b, c, d] = Piece::of_short_shares().map(Some);
                [a, b, c, d, None]
            }
            (MarginRule::Full, ..) => one(Decimal::ZERO, Decimal::ZERO),
            (MarginRule::PerContract { maintenance, .. }, ..) => {
                one(maintenance / self.multiplier, Decimal::ZERO)
            }
            (MarginRule::Rate { .. }, Asset::Option { .. }, _) => [None; 5],
            (MarginRule::Rate { maintenance, .. }, Asset::Equity, Side::Sell) => {
                let [a, b, c, d] = Piece::of_short_shares().map(Some);
                [Some(Piece::everywhere(Decimal::ZERO, maintenance)), a, b, c, d]
            }
            (MarginRule::Rate { maintenance, .. }, ..) => one(Decimal::ZERO, maintenance),
        }
    }

    /// FINRA Rule 4210(f)(2)(D)(i), beside the premium. Without a price of the underlying, as at the money.
    fn short_option(
        &self,
        share: Decimal,
        quantity: Decimal,
        strike: Decimal,
        right: OptionRight,
        underlying: Option<Decimal>,
    ) -> Decimal {
        let underlying = underlying.unwrap_or(strike);
        let (out_of_the_money, least_of) = match right {
            OptionRight::Call => (strike - underlying, underlying),
            OptionRight::Put => (underlying - strike, strike),
        };
        let of_unit =
            (underlying * share - out_of_the_money.max(Decimal::ZERO)).max(least_of * LEAST_OPTION_SHARE);
        rounded(of_unit * quantity * self.multiplier)
    }

    /// The price at which `cover + worth = maintenance`, where the position is worth `quantity × price × multiplier −
    /// base` and `cover` is all else that stands for it, less what all else asks; `None` when no price does that.
    ///
    /// With a rate and one bracket it is the formula of Binance's *How to calculate liquidation price of USDⓈ-M futures
    /// contracts*: (wallet − maintenance of others + unrealised of others − side × quantity × entry) ÷ (quantity ×
    /// rate − side × quantity).
    pub(super) fn liquidation_price(
        &self,
        quantity: Decimal,
        base: Decimal,
        cover: Decimal,
    ) -> Option<Decimal> {
        let side = if quantity.is_sign_negative() {
            Side::Sell
        } else {
            Side::Buy
        };
        let units = quantity * self.multiplier;
        let crossings = self.pieces(side).into_iter().flatten().filter_map(|piece| {
            let price = (cover - base - piece.per_unit * units.abs())
                .checked_div(piece.rate * units.abs() - units)?
                .round_dp(Money::SCALE);
            (price > Decimal::ZERO && piece.from <= price && price <= piece.to).then_some(price)
        });
        // The one that the market comes to first: from above for a long position, from below for a short one.
        match side {
            Side::Buy => crossings.max(),
            Side::Sell => crossings.min(),
        }
    }
}

/// Amounts beyond [`Money::SCALE`] digits are rounded as money is.
pub(super) fn rounded(amount: Decimal) -> Decimal {
    if amount.scale() > Money::SCALE {
        amount.round_dp(Money::SCALE)
    } else {
        amount
    }
}
