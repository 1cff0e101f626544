//! Several options as one order: a price for all together, and either all legs fill or none.
//!
//! A combo is bought; to sell it is to buy the [reversed](Combo::reversed) one. Its net price is what one costs, in quote
//! currency for one unit of the underlying: positive is a debit, negative a credit.

use crate::market::Quote;
use crate::model::{Instrument, InstrumentId, InstrumentKind, Price, Quantity, Side};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// One leg: so many of an instrument, bought or sold, for each combo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComboLeg {
    /// The option.
    pub instrument: InstrumentId,
    /// Bought or sold when the combo is bought.
    pub side: Side,
    /// Contracts for each combo.
    pub ratio: u32,
}

impl ComboLeg {
    /// The ratio with the sign of the side: what one combo changes the position by.
    #[must_use]
    pub fn signed_ratio(&self) -> Decimal {
        self.side.sign() * Decimal::from(self.ratio)
    }
}

/// One to [`Combo::MOST_LEGS`] different options, in lowest terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<ComboLeg>", into = "Vec<ComboLeg>")]
pub struct Combo(Vec<ComboLeg>);

/// The legs make no combo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComboError {
    /// An order for nothing.
    #[error("a combo needs a leg")]
    NoLegs,
    /// More than venues take.
    #[error("a combo has at most {most} legs, not {0}", most = Combo::MOST_LEGS)]
    TooManyLegs(usize),
    /// The same instrument twice, which is one leg.
    #[error("instrument {} is in two legs", .0.0)]
    DuplicateLeg(InstrumentId),
    /// A leg of nothing.
    #[error("the ratio of instrument {} is zero", .0.0)]
    ZeroRatio(InstrumentId),
    /// Two of 2:4 are four of 1:2: there would be two ways to say one thing.
    #[error("all ratios can be divided by {0}: order more of a smaller combo")]
    CommonDivisor(u32),
    /// The session does not trade it.
    #[error("there is no instrument {}", .0.0)]
    UnknownInstrument(InstrumentId),
    /// Shares and futures have other multipliers than options, so that a net price would add up unlike things.
    #[error("instrument {} is no option", .0.0)]
    NotAnOption(InstrumentId),
    /// Of another underlying than the first leg.
    #[error("instrument {} has another underlying than the first leg", .0.0)]
    DifferentUnderlying(InstrumentId),
    /// Of another size or currency than the first leg, so that their prices do not add up.
    #[error("instrument {} has another multiplier or currency than the first leg", .0.0)]
    DifferentContract(InstrumentId),
}

impl Combo {
    /// As many as most venues take of an order that trades as one.
    pub const MOST_LEGS: usize = 4;

    /// Checks what the legs say by themselves; [`Combo::check`] asks what they are legs of.
    ///
    /// # Errors
    /// [`ComboError`], by name.
    pub fn new(legs: Vec<ComboLeg>) -> Result<Self, ComboError> {
        if legs.is_empty() {
            return Err(ComboError::NoLegs);
        }
        if legs.len() > Self::MOST_LEGS {
            return Err(ComboError::TooManyLegs(legs.len()));
        }
        for (index, leg) in legs.iter().enumerate() {
            if legs[..index]
                .iter()
                .any(|other| other.instrument == leg.instrument)
            {
                return Err(ComboError::DuplicateLeg(leg.instrument));
            }
            if leg.ratio == 0 {
                return Err(ComboError::ZeroRatio(leg.instrument));
            }
        }
        match legs
            .iter()
            .fold(0, |divisor, leg| greatest_common_divisor(divisor, leg.ratio))
        {
            1 => Ok(Self(legs)),
            divisor => Err(ComboError::CommonDivisor(divisor)),
        }
    }

    /// Checks that the legs are options on one underlying, of one size and currency.
    ///
    /// # Errors
    /// [`ComboError`] with the leg that is not.
    pub fn check<'a>(
        &self,
        instrument: impl Fn(InstrumentId) -> Option<&'a Instrument>,
    ) -> Result<(), ComboError> {
        let mut first = None;
        for ComboLeg { instrument: id, .. } in self.0.iter().copied() {
            let leg = instrument(id).ok_or(ComboError::UnknownInstrument(id))?;
            let InstrumentKind::Option(terms) = leg.kind() else {
                return Err(ComboError::NotAnOption(id));
            };
            let (underlying, contract) = (&terms.underlying, (leg.multiplier(), leg.quote()));
            let (of_first, like_first) = *first.get_or_insert((underlying, contract));
            if underlying != of_first {
                return Err(ComboError::DifferentUnderlying(id));
            }
            if contract != like_first {
                return Err(ComboError::DifferentContract(id));
            }
        }
        Ok(())
    }

    /// The legs.
    #[must_use]
    pub fn legs(&self) -> &[ComboLeg] {
        &self.0
    }

    /// The same with every side turned: buying it sells this one.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let turned = |leg: &ComboLeg| ComboLeg {
            side: leg.side.opposite(),
            ..*leg
        };
        Self(self.0.iter().map(turned).collect())
    }

    /// The net price of legs at these prices, in the legs' order.
    #[must_use]
    pub fn net_price(&self, prices: impl IntoIterator<Item = Price>) -> Decimal {
        self.0
            .iter()
            .zip(prices)
            .map(|(leg, price)| leg.signed_ratio() * price.0)
            .sum()
    }

    /// This combo in a market: what each leg's instrument shows now.
    #[must_use]
    pub fn quoted(&self, market: impl Fn(InstrumentId) -> LegMarket) -> QuotedCombo<'_> {
        let markets = self.0.iter().map(|leg| market(leg.instrument)).collect();
        QuotedCombo { combo: self, markets }
    }
}

impl TryFrom<Vec<ComboLeg>> for Combo {
    type Error = ComboError;

    fn try_from(legs: Vec<ComboLeg>) -> Result<Self, ComboError> {
        Self::new(legs)
    }
}

impl From<Combo> for Vec<ComboLeg> {
    fn from(combo: Combo) -> Self {
        combo.0
    }
}

const fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The best price of one side, and how much is shown at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// In quote currency.
    pub price: Price,
    /// In contracts.
    pub size: Quantity,
}

/// What the market of one leg shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegMarket {
    /// The best bid; `None` when nobody bids, as for far options.
    pub bid: Option<Touch>,
    /// The best ask.
    pub ask: Option<Touch>,
    /// The price step.
    pub tick: Decimal,
}

impl LegMarket {
    /// From a quote of floats: prices on the tick, sizes in whole lots; a side without a price is not there.
    #[must_use]
    pub fn of(instrument: &Instrument, quote: &Quote) -> Self {
        let touch = |price, size| {
            let price = instrument.price_from_f64(price)?;
            Some(Touch {
                price,
                size: instrument.lots_within(size),
            })
        };
        Self {
            bid: touch(quote.bid, quote.bid_size),
            ask: touch(quote.ask, quote.ask_size),
            tick: instrument.tick(),
        }
    }

    /// What an order of this side meets at once.
    #[must_use]
    pub const fn met_by(&self, side: Side) -> Option<Touch> {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }

    fn mid(&self) -> Option<Decimal> {
        Some((self.bid?.price.0 + self.ask?.price.0) / Decimal::TWO)
    }
}

/// A combo and what the markets of its legs show.
#[derive(Clone, Debug)]
pub struct QuotedCombo<'a> {
    pub(super) combo: &'a Combo,
    pub(super) markets: Vec<LegMarket>,
}

impl QuotedCombo<'_> {
    pub(super) fn legs(&self) -> impl Iterator<Item = (&ComboLeg, &LegMarket)> {
        self.combo.0.iter().zip(&self.markets)
    }

    /// What each leg meets at once, in the legs' order: the fills of a combo whose limit is met. `None` when a side that is
    /// needed is empty.
    #[must_use]
    pub fn touches(&self) -> Option<Vec<Touch>> {
        self.legs().map(|(leg, market)| market.met_by(leg.side)).collect()
    }

    /// The net price at once: legs bought at the ask, sold at the bid.
    #[must_use]
    pub fn natural(&self) -> Option<Decimal> {
        Some(
            self.combo
                .net_price(self.touches()?.into_iter().map(|touch| touch.price)),
        )
    }

    /// The net price half way between bid and ask in every leg. `None` when a side is empty.
    #[must_use]
    pub fn mid(&self) -> Option<Decimal> {
        let mids: Option<Vec<_>> = self.legs().map(|(_, market)| market.mid().map(Price)).collect();
        Some(self.combo.net_price(mids?))
    }

    /// Whether the market asks no more than `limit`: the order fills, each leg at its own touch.
    #[must_use]
    pub fn is_met(&self, limit: Decimal) -> bool {
        self.natural().is_some_and(|natural| natural <= limit)
    }

    /// How many whole combos the sizes at the touches make.
    #[must_use]
    pub fn shown(&self) -> Quantity {
        let of_leg = |(leg, market): (&ComboLeg, &LegMarket)| {
            let size = market
                .met_by(leg.side)
                .map_or(Decimal::ZERO, |touch| touch.size.0);
            (size / Decimal::from(leg.ratio)).floor()
        };
        Quantity(self.legs().map(of_leg).min().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::decimal;

    pub(crate) fn leg(instrument: u16, side: Side, ratio: u32) -> ComboLeg {
        ComboLeg {
            instrument: InstrumentId(instrument),
            side,
            ratio,
        }
    }

    fn market(bid: &str, bid_size: i64, ask: &str, ask_size: i64) -> LegMarket {
        let touch = |price: &str, size: i64| {
            (!price.is_empty()).then(|| Touch {
                price: Price(decimal(price)),
                size: Quantity(size.into()),
            })
        };
        LegMarket {
            bid: touch(bid, bid_size),
            ask: touch(ask, ask_size),
            tick: decimal("0.05"),
        }
    }

    #[test]
    fn legs_that_make_no_combo_say_why() {
        use Side::{Buy, Sell};
        for (legs, error) in [
            (vec![], ComboError::NoLegs),
            (
                (0..5).map(|id| leg(id, Buy, 1)).collect(),
                ComboError::TooManyLegs(5),
            ),
            (
                vec![leg(3, Buy, 1), leg(3, Sell, 1)],
                ComboError::DuplicateLeg(InstrumentId(3)),
            ),
            (
                vec![leg(1, Buy, 1), leg(2, Sell, 0)],
                ComboError::ZeroRatio(InstrumentId(2)),
            ),
            (
                vec![leg(1, Buy, 4), leg(2, Sell, 6)],
                ComboError::CommonDivisor(2),
            ),
            (vec![leg(1, Buy, 3)], ComboError::CommonDivisor(3)),
        ] {
            assert_eq!(Combo::new(legs), Err(error), "{error}");
        }
        assert!(Combo::new(vec![leg(1, Buy, 1), leg(2, Sell, 2), leg(3, Buy, 1)]).is_ok());
        assert!(serde_json::from_str::<Combo>("[]").is_err());
    }

    #[test]
    fn a_combo_costs_asks_less_bids_and_is_met_by_a_limit_no_lower() {
        // Buys one at 5.00/5.20, sells two at 2.10/2.30.
        let combo = Combo::new(vec![leg(0, Side::Buy, 1), leg(1, Side::Sell, 2)]).expect("a combo");
        let markets = [market("5.00", 7, "5.20", 9), market("2.10", 11, "2.30", 3)];
        let quoted = combo.quoted(|id| markets[id.index()]);
        assert_eq!(quoted.natural(), Some(decimal("1.00")));
        assert_eq!(quoted.mid(), Some(decimal("0.70")));
        assert_eq!(quoted.shown(), Quantity(decimal("5")));
        assert!(quoted.is_met(decimal("1.00")) && !quoted.is_met(decimal("0.95")));
        // Sold, it brings the bids less the asks: a credit.
        let reversed = combo.reversed();
        let sold = reversed.quoted(|id| markets[id.index()]);
        assert_eq!(sold.natural(), Some(decimal("-0.40")));
        assert_eq!(sold.mid(), Some(decimal("-0.70")));
        assert_eq!(sold.shown(), Quantity(decimal("1")));
    }

    #[test]
    fn without_a_side_that_is_needed_there_is_no_price() {
        let combo = Combo::new(vec![leg(0, Side::Buy, 1), leg(1, Side::Sell, 1)]).expect("a combo");
        let markets = [market("5.00", 7, "5.20", 9), market("", 0, "0.05", 3)];
        let quoted = combo.quoted(|id| markets[id.index()]);
        assert_eq!(
            (quoted.natural(), quoted.mid(), quoted.shown()),
            (None, None, Quantity::ZERO)
        );
        assert!(!quoted.is_met(decimal("1000")));
        // Sold, nobody's bid is needed.
        let reversed = combo.reversed();
        let sold = reversed.quoted(|id| markets[id.index()]);
        assert_eq!(sold.natural(), Some(decimal("-4.95")));
    }

    #[test]
    fn legs_are_options_on_one_underlying_of_one_size() {
        use crate::model::{ExerciseStyle, OptionRight, OptionSettlement, OptionTerms, Timestamp};
        let instrument = |underlying: &str, multiplier: &str| {
            let terms = OptionTerms {
                underlying: underlying.parse().expect("a symbol"),
                strike: Price(decimal("100")),
                right: OptionRight::Call,
                expiry: Timestamp::EPOCH,
                style: ExerciseStyle::American,
                settlement: OptionSettlement::Physical,
            };
            let symbol = "OPTION".parse().expect("a symbol");
            Instrument::new(
                symbol,
                decimal("0.05"),
                Decimal::ONE,
                Decimal::ZERO,
                decimal(multiplier),
            )
            .expect("an instrument")
            .with_kind(InstrumentKind::Option(terms))
        };
        let share = Instrument::new(
            "AAPL".parse().expect("a symbol"),
            decimal("0.01"),
            Decimal::ONE,
            Decimal::ZERO,
            Decimal::ONE,
        )
        .expect("an instrument");
        let listed = [
            instrument("AAPL", "100"),
            instrument("AAPL", "100"),
            instrument("MSFT", "100"),
            instrument("AAPL", "10"),
            share,
        ];
        let check = |second| {
            let combo = Combo::new(vec![leg(0, Side::Buy, 1), leg(second, Side::Sell, 1)]).expect("a combo");
            combo.check(|id| listed.get(id.index()))
        };
        assert_eq!(check(1), Ok(()));
        assert_eq!(check(2), Err(ComboError::DifferentUnderlying(InstrumentId(2))));
        assert_eq!(check(3), Err(ComboError::DifferentContract(InstrumentId(3))));
        assert_eq!(check(4), Err(ComboError::NotAnOption(InstrumentId(4))));
        assert_eq!(check(9), Err(ComboError::UnknownInstrument(InstrumentId(9))));
    }

    #[test]
    fn a_quote_becomes_prices_on_ticks_and_whole_contracts() {
        let instrument = Instrument::new(
            "O".parse().expect("ok"),
            decimal("0.05"),
            Decimal::ONE,
            Decimal::ZERO,
            decimal("100"),
        )
        .expect("an instrument");
        let quote = Quote {
            time: crate::model::Timestamp::EPOCH,
            bid: 0.0,
            bid_size: 0.0,
            ask: 0.05,
            ask_size: 12.7,
        };
        assert_eq!(LegMarket::of(&instrument, &quote), market("", 0, "0.05", 12));
    }
}
