//! What traders call a combo, for display.

use super::{Combo, ComboLeg};
use crate::model::{InstrumentId, OptionRight, OptionTerms, Price, Side, Timestamp};
use rust_decimal::Decimal;
use std::fmt;

/// What a combo is called. The names follow the Options Industry Council's strategy guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One option.
    Outright {
        /// Of which right.
        right: OptionRight,
        /// Bought or sold.
        side: Side,
    },
    /// Two strikes of one right and expiry, one bought, one sold.
    Vertical {
        /// Of both.
        right: OptionRight,
        /// What it gains from.
        direction: Direction,
    },
    /// A call and a put of one strike and expiry.
    Straddle(Side),
    /// A call and a put of one expiry, the call's strike above the put's.
    Strangle(Side),
    /// Two expiries of one strike and right; bought when the later one is.
    Calendar {
        /// Of both.
        right: OptionRight,
        /// That of the later one.
        side: Side,
    },
    /// Two expiries and two strikes of one right; bought when the later one is.
    Diagonal {
        /// Of both.
        right: OptionRight,
        /// That of the later one.
        side: Side,
    },
    /// Three strikes in equal steps, one and one on the wings against two in the middle; bought when the wings are.
    Butterfly {
        /// Of all.
        right: OptionRight,
        /// That of the wings.
        side: Side,
    },
    /// A straddle against a wider strangle; sold (for a credit) when the straddle is.
    IronButterfly(Side),
    /// A strangle against a wider one; sold (for a credit) when the inner one is.
    IronCondor(Side),
    /// None of these.
    Custom,
}

/// What a vertical gains from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A rise.
    Bull,
    /// A fall.
    Bear,
}

/// One leg with what it is a leg of.
#[derive(Clone, Copy)]
struct Named {
    expiry: Timestamp,
    strike: Price,
    right: OptionRight,
    side: Side,
    ratio: u32,
}

impl Combo {
    /// What the combo is called. [`Shape::Custom`] when a leg is no option or of another underlying.
    #[must_use]
    pub fn shape<'a>(&self, terms: impl Fn(InstrumentId) -> Option<&'a OptionTerms>) -> Shape {
        let named = |leg: &ComboLeg| {
            let terms = terms(leg.instrument)?;
            let OptionTerms {
                expiry,
                strike,
                right,
                ..
            } = *terms;
            Some((
                &terms.underlying,
                Named {
                    expiry,
                    strike,
                    right,
                    side: leg.side,
                    ratio: leg.ratio,
                },
            ))
        };
        let Some(legs) = self.legs().iter().map(named).collect::<Option<Vec<_>>>() else {
            return Shape::Custom;
        };
        if legs.iter().any(|(underlying, _)| *underlying != legs[0].0) {
            return Shape::Custom;
        }
        let mut legs: Vec<Named> = legs.into_iter().map(|(_, leg)| leg).collect();
        // A put before a call of the same strike: as the strangle that becomes a straddle has them.
        legs.sort_by_key(|leg| (leg.strike, leg.right == OptionRight::Call, leg.expiry));
        match legs[..] {
            [one] => Shape::Outright {
                right: one.right,
                side: one.side,
            },
            [low, high] => pair(low, high),
            [low, middle, high] => butterfly(low, middle, high),
            [a, b, c, d] => iron(a, b, c, d),
            _ => Shape::Custom,
        }
    }
}

fn pair(low: Named, high: Named) -> Shape {
    if (low.ratio, high.ratio) != (1, 1) {
        return Shape::Custom;
    }
    let (one_expiry, one_strike) = (low.expiry == high.expiry, low.strike == high.strike);
    let (one_right, one_side) = (low.right == high.right, low.side == high.side);
    let later = if low.expiry > high.expiry { low } else { high };
    match (one_expiry, one_strike, one_right, one_side) {
        (true, false, true, false) => {
            let direction = if low.side == Side::Buy {
                Direction::Bull
            } else {
                Direction::Bear
            };
            Shape::Vertical {
                right: low.right,
                direction,
            }
        }
        (true, true, false, true) => Shape::Straddle(low.side),
        (true, false, false, true) if low.right == OptionRight::Put => Shape::Strangle(low.side),
        (false, true, true, false) => Shape::Calendar {
            right: low.right,
            side: later.side,
        },
        (false, false, true, false) => Shape::Diagonal {
            right: low.right,
            side: later.side,
        },
        _ => Shape::Custom,
    }
}

fn butterfly(low: Named, middle: Named, high: Named) -> Shape {
    let steps = |a: Named, b: Named| b.strike.0 - a.strike.0;
    let even = steps(low, middle) == steps(middle, high) && steps(low, middle) > Decimal::ZERO;
    let alike = [middle, high]
        .iter()
        .all(|leg| leg.expiry == low.expiry && leg.right == low.right);
    let ratios = (low.ratio, middle.ratio, high.ratio) == (1, 2, 1);
    let opposed = low.side == high.side && middle.side == low.side.opposite();
    if even && alike && ratios && opposed {
        Shape::Butterfly {
            right: low.right,
            side: low.side,
        }
    } else {
        Shape::Custom
    }
}

/// Puts below calls, the outer ones against the inner ones.
fn iron(low: Named, inner_put: Named, inner_call: Named, high: Named) -> Shape {
    let legs = [low, inner_put, inner_call, high];
    let alike = legs.iter().all(|leg| leg.expiry == low.expiry && leg.ratio == 1);
    let puts_below = legs.map(|leg| leg.right == OptionRight::Call) == [false, false, true, true];
    let opposed = low.side == high.side && inner_put.side == inner_call.side && low.side != inner_put.side;
    let apart = low.strike < inner_put.strike && inner_call.strike < high.strike;
    match alike && puts_below && opposed && apart {
        true if inner_put.strike == inner_call.strike => Shape::IronButterfly(inner_put.side),
        true => Shape::IronCondor(inner_put.side),
        false => Shape::Custom,
    }
}

/// `bull call spread`, `short strangle`, `iron condor`: the iron ones without a word are those sold for a credit.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = |side| if side == Side::Buy { "long" } else { "short" };
        let name = |right| if right == OptionRight::Call { "call" } else { "put" };
        match *self {
            Self::Outright { right, side } => write!(f, "{} {}", held(side), name(right)),
            Self::Vertical {
                right,
                direction: Direction::Bull,
            } => write!(f, "bull {} spread", name(right)),
            Self::Vertical {
                right,
                direction: Direction::Bear,
            } => write!(f, "bear {} spread", name(right)),
            Self::Straddle(side) => write!(f, "{} straddle", held(side)),
            Self::Strangle(side) => write!(f, "{} strangle", held(side)),
            Self::Calendar { right, side } => write!(f, "{} {} calendar", held(side), name(right)),
            Self::Diagonal { right, side } => write!(f, "{} {} diagonal", held(side), name(right)),
            Self::Butterfly { right, side } => write!(f, "{} {} butterfly", held(side), name(right)),
            Self::IronButterfly(Side::Sell) => f.write_str("iron butterfly"),
            Self::IronButterfly(Side::Buy) => f.write_str("reverse iron butterfly"),
            Self::IronCondor(Side::Sell) => f.write_str("iron condor"),
            Self::IronCondor(Side::Buy) => f.write_str("reverse iron condor"),
            Self::Custom => f.write_str("combo"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExerciseStyle, OptionSettlement};

    /// Legs as traders write them: `+1 C100 March`, all of one underlying unless it ends in a star.
    fn shape(legs: &[&str]) -> String {
        let parsed: Vec<(ComboLeg, OptionTerms)> = legs
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let [ratio, option, month] = text.split(' ').collect::<Vec<_>>()[..] else {
                    panic!("{text}")
                };
                let ratio: i32 = ratio.parse().expect("a ratio");
                let leg = ComboLeg {
                    instrument: InstrumentId(index as u16),
                    side: if ratio > 0 { Side::Buy } else { Side::Sell },
                    ratio: ratio.unsigned_abs(),
                };
                let terms = OptionTerms {
                    underlying: if month.ends_with('*') { "MSFT" } else { "AAPL" }
                        .parse()
                        .expect("a symbol"),
                    strike: Price(option[1..].parse().expect("a strike")),
                    right: if option.starts_with('C') {
                        OptionRight::Call
                    } else {
                        OptionRight::Put
                    },
                    expiry: Timestamp::from_secs(if month.starts_with("March") { 3 } else { 4 }),
                    style: ExerciseStyle::American,
                    settlement: OptionSettlement::Physical,
                };
                (leg, terms)
            })
            .collect();
        let combo = Combo::new(parsed.iter().map(|(leg, _)| *leg).collect()).expect("a combo");
        let name = |combo: &Combo| {
            combo
                .shape(|id| parsed.get(id.index()).map(|(_, terms)| terms))
                .to_string()
        };
        let mut backwards = combo.legs().to_vec();
        backwards.reverse();
        assert_eq!(
            name(&combo),
            name(&Combo::new(backwards).expect("a combo")),
            "the legs' order says nothing"
        );
        name(&combo)
    }

    #[test]
    fn combos_have_the_names_that_traders_use() {
        for (name, legs) in [
            ("short put", &["-1 P100 March"][..]),
            ("bull call spread", &["+1 C100 March", "-1 C105 March"]),
            ("bear call spread", &["-1 C100 March", "+1 C105 March"]),
            ("bull put spread", &["+1 P95 March", "-1 P100 March"]),
            ("bear put spread", &["-1 P95 March", "+1 P100 March"]),
            ("long straddle", &["+1 C100 March", "+1 P100 March"]),
            ("short strangle", &["-1 C105 March", "-1 P95 March"]),
            ("long call calendar", &["-1 C100 March", "+1 C100 April"]),
            ("short put calendar", &["+1 P100 March", "-1 P100 April"]),
            ("long call diagonal", &["-1 C105 March", "+1 C100 April"]),
            (
                "long call butterfly",
                &["+1 C95 March", "-2 C100 March", "+1 C105 March"],
            ),
            (
                "short put butterfly",
                &["-1 P95 March", "+2 P100 March", "-1 P105 March"],
            ),
            (
                "iron condor",
                &["+1 P90 March", "-1 P95 March", "-1 C105 March", "+1 C110 March"],
            ),
            (
                "reverse iron condor",
                &["-1 P90 March", "+1 P95 March", "+1 C105 March", "-1 C110 March"],
            ),
            (
                "iron butterfly",
                &["+1 P90 March", "-1 P100 March", "-1 C100 March", "+1 C110 March"],
            ),
            (
                "reverse iron butterfly",
                &["-1 P90 March", "+1 P100 March", "+1 C100 March", "-1 C110 March"],
            ),
        ] {
            assert_eq!(shape(legs), name);
        }
    }

    #[test]
    fn what_is_nearly_one_is_none() {
        for legs in [
            // A ratio spread, a synthetic future, an inverted strangle, a spread of two companies.
            &["+1 C100 March", "-2 C105 March"][..],
            &["+1 C100 March", "-1 P100 March"],
            &["+1 C95 March", "+1 P105 March"],
            &["+1 C100 March", "-1 C105 March*"],
            // A broken wing, a body of one, wings of two expiries.
            &["+1 C95 March", "-2 C100 March", "+1 C110 March"],
            &["+1 C95 March", "-1 C100 March", "+1 C105 March"],
            &["+1 C95 March", "-2 C100 March", "+1 C105 April"],
            // A condor of calls, one that is sold inside and outside, one of two expiries.
            &["+1 C90 March", "-1 C95 March", "-1 C105 March", "+1 C110 March"],
            &["-1 P90 March", "-1 P95 March", "-1 C105 March", "-1 C110 March"],
            &["+1 P90 March", "-1 P95 March", "-1 C105 March", "+1 C110 April"],
        ] {
            assert_eq!(shape(legs), "combo", "{legs:?}");
        }
    }
}
