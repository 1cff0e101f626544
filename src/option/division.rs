//! How a net price is divided over the legs, each on its own tick and inside its own market, adding up exactly.

use super::combo::{ComboLeg, LegMarket, QuotedCombo};
use crate::model::{Price, Side};
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// Why a net price cannot be divided over the legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DivisionError {
    /// A side that the combo needs is empty.
    #[error("a leg has no price on the side that the combo needs")]
    NoMarket,
    /// The market asks less: the legs fill at their own touches.
    #[error("the market asks no more than {natural}: every leg fills at its own touch")]
    AboveNatural {
        /// The net price at once.
        natural: Decimal,
    },
    /// No prices inside the legs' markets add up to so little.
    #[error("inside the legs' markets the net price is not below {best}")]
    OutsideTheMarket {
        /// With every leg at the far side of its market.
        best: Decimal,
    },
    /// No prices on the legs' ticks add up to it.
    #[error("the net price moves in steps of {step} from what the market asks")]
    OffTick {
        /// The largest number that divides what a tick of each leg is worth.
        step: Decimal,
    },
    /// The legs' markets are too narrow for their ratios: what is missing would have to come from a leg that has no tick
    /// to give.
    #[error("no prices on the legs' ticks inside their markets add up to the net price")]
    Indivisible,
}

/// How a leg can better its touch: so many ticks, each worth so many steps of the net price. Prices have fewer than 2⁵³
/// ticks and ratios 32 bits: products fit with room to spare.
#[derive(Clone, Copy)]
struct Room {
    ticks: u128,
    worth: u128,
}

/// How far from a leg's proportional share to look for ticks that add up. Shares are rounded down by less than one tick of
/// each leg, and ratios of listed combos are small.
const NEARBY: u128 = 16;

impl QuotedCombo<'_> {
    /// The step of the net price: what every division over the legs' ticks is a multiple of, counted from the natural price.
    #[must_use]
    pub fn net_tick(&self) -> Decimal {
        self.legs()
            .map(|(leg, market)| tick_worth(leg, market))
            .fold(Decimal::ZERO, greatest_common_divisor)
    }

    /// A price for every leg, in the legs' order, that add up to `net` exactly: what the legs of a resting combo fill at
    /// when somebody meets its limit inside the market. Each leg lies inside its own market, on its own tick, and betters
    /// its touch by about the same share of its spread as the others. A leg with nothing on its far side can be bought for
    /// as little as nothing, and sold for no more than the bid.
    ///
    /// # Errors
    /// [`DivisionError`] when there are no such prices, or the legs' touches are better.
    pub fn divide(&self, net: Decimal) -> Result<Vec<Price>, DivisionError> {
        let touches = self.touches().ok_or(DivisionError::NoMarket)?;
        let natural = self.natural().ok_or(DivisionError::NoMarket)?;
        if net > natural {
            return Err(DivisionError::AboveNatural { natural });
        }
        let step = self.net_tick();
        let better = natural - net;
        if better % step != Decimal::ZERO {
            return Err(DivisionError::OffTick { step });
        }
        let rooms: Vec<Room> = self.legs().map(|(leg, market)| room(leg, market, step)).collect();
        let steps = (better / step).to_u128().unwrap_or(u128::MAX);
        let most = rooms.iter().map(|room| room.ticks * room.worth).sum::<u128>();
        if steps > most {
            let best = natural - Decimal::from(most) * step;
            return Err(DivisionError::OutsideTheMarket { best });
        }
        let ticks = add_up(&rooms, steps).ok_or(DivisionError::Indivisible)?;
        let priced = self.legs().zip(&touches).zip(ticks);
        Ok(priced
            .map(|(((leg, market), touch), ticks)| {
                Price(touch.price.0 - leg.side.sign() * Decimal::from(ticks) * market.tick)
            })
            .collect())
    }
}

/// What a tick of the leg is worth in the net price.
fn tick_worth(leg: &ComboLeg, market: &LegMarket) -> Decimal {
    market.tick * Decimal::from(leg.ratio)
}

fn room(leg: &ComboLeg, market: &LegMarket, step: Decimal) -> Room {
    let price = |touch: Option<super::Touch>| touch.map(|touch| touch.price.0);
    let spread = match (leg.side, price(market.bid), price(market.ask)) {
        (Side::Buy, bid, Some(ask)) => ask - bid.unwrap_or(Decimal::ZERO),
        (Side::Sell, Some(bid), Some(ask)) => ask - bid,
        // Nobody asks, so nobody has to be bettered.
        (Side::Sell, _, None) | (Side::Buy, _, None) | (Side::Sell, None, _) => Decimal::ZERO,
    };
    // A crossed market has no room.
    let ticks = (spread / market.tick).floor().to_u128().unwrap_or_default();
    let worth = (tick_worth(leg, market) / step).to_u128().unwrap_or_default();
    Room { ticks, worth }
}

/// Ticks for each leg, within its room, that are worth `steps` together.
fn add_up(rooms: &[Room], steps: u128) -> Option<Vec<u128>> {
    // Those whose ticks are worth most first, so that those whose ticks are worth least fill what is left.
    let mut order: Vec<usize> = (0..rooms.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(rooms[*index].worth));
    let sorted: Vec<Room> = order.iter().map(|index| rooms[*index]).collect();
    let mut found = vec![0; rooms.len()];
    search(&sorted, steps, &mut found).then(|| {
        let mut ticks = vec![0; rooms.len()];
        for (index, found) in order.into_iter().zip(found) {
            ticks[index] = found;
        }
        ticks
    })
}

fn search(rooms: &[Room], steps: u128, found: &mut [u128]) -> bool {
    let Some((room, rest)) = rooms.split_first() else {
        return steps == 0;
    };
    let left = rest.iter().map(|room| room.ticks * room.worth).sum::<u128>();
    // What the legs after this one cannot take, this one must; and it cannot take more than there is.
    let least = steps.saturating_sub(left).div_ceil(room.worth);
    let most = room.ticks.min(steps / room.worth);
    if least > most {
        return false;
    }
    let share = (steps * room.ticks / (left + room.ticks * room.worth).max(1)).clamp(least, most);
    let nearby = (0..=NEARBY).flat_map(|distance| [Some(share + distance), share.checked_sub(distance)]);
    nearby
        .flatten()
        .filter(|ticks| (least..=most).contains(ticks))
        .any(|ticks| {
            found[0] = ticks;
            search(rest, steps - ticks * room.worth, &mut found[1..])
        })
}

fn greatest_common_divisor(mut a: Decimal, mut b: Decimal) -> Decimal {
    while b != Decimal::ZERO {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::super::{Combo, Touch};
    use super::*;
    use crate::model::{InstrumentId, Quantity};
    use crate::testkit::decimal;
    use proptest::prelude::*;

    /// A leg: side, ratio, tick, bid and ask in ticks.
    type Leg = (Side, u32, Decimal, u32, u32);

    fn combo(legs: &[Leg]) -> Option<Combo> {
        let leg = |(index, leg): (usize, &Leg)| ComboLeg {
            instrument: InstrumentId(index as u16),
            side: leg.0,
            ratio: leg.1,
        };
        Combo::new(legs.iter().enumerate().map(leg).collect()).ok()
    }

    fn market((_, _, tick, bid, ask): Leg) -> LegMarket {
        let touch = |ticks: u32| {
            (ticks > 0).then(|| Touch {
                price: Price(tick * Decimal::from(ticks)),
                size: Quantity(Decimal::TEN),
            })
        };
        LegMarket {
            bid: touch(bid),
            ask: touch(ask),
            tick,
        }
    }

    fn divide(legs: &[Leg], net: &str) -> Result<Vec<String>, DivisionError> {
        let combo = combo(legs).expect("a combo");
        let prices = combo.quoted(|id| market(legs[id.index()])).divide(decimal(net))?;
        Ok(prices
            .iter()
            .map(|price| price.0.normalize().to_string())
            .collect())
    }

    #[test]
    fn a_net_price_is_divided_in_proportion_to_the_spreads_and_to_the_last_tick() {
        use Side::{Buy, Sell};
        let (cent, nickel) = (decimal("0.01"), decimal("0.05"));
        // Bought at 5.00/5.20, sold at 2.10/2.30: natural 3.10, best 2.70.
        let vertical = [(Buy, 1, nickel, 100, 104), (Sell, 1, nickel, 42, 46)];
        for (net, prices) in [
            ("3.10", ["5.2", "2.1"]),
            ("2.90", ["5.1", "2.2"]),
            ("2.95", ["5.15", "2.2"]),
            ("2.70", ["5", "2.3"]),
        ] {
            assert_eq!(
                divide(&vertical, net),
                Ok(prices.map(str::to_owned).to_vec()),
                "{net}"
            );
        }
        let error = |legs: &[Leg], net| divide(legs, net).expect_err("no division").to_string();
        assert_eq!(
            error(&vertical, "3.15"),
            "the market asks no more than 3.10: every leg fills at its own touch"
        );
        assert_eq!(
            error(&vertical, "2.65"),
            "inside the legs' markets the net price is not below 2.70"
        );
        assert_eq!(
            error(&vertical, "2.92"),
            "the net price moves in steps of 0.05 from what the market asks"
        );
        // Two of a leg of cents make steps of two; the locked leg of one cannot give the odd cent.
        let locked = [(Buy, 2, cent, 100, 110), (Sell, 1, cent, 50, 50)];
        assert_eq!(
            divide(&locked, "1.68"),
            Ok(vec!["1.09".to_owned(), "0.5".to_owned()])
        );
        assert_eq!(divide(&locked, "1.69"), Err(DivisionError::Indivisible));
        // Nobody bids for the leg that is bought: down to nothing.
        let far = [(Buy, 1, cent, 0, 5)];
        assert_eq!(divide(&far, "0"), Ok(vec!["0".to_owned()]));
        assert_eq!(
            divide(&[(Sell, 1, cent, 0, 5)], "0"),
            Err(DivisionError::NoMarket)
        );
    }

    fn legs() -> impl Strategy<Value = Vec<Leg>> {
        let leg = (any::<bool>(), 1..4_u32, any::<bool>(), 1..60_u32, 0..9_u32).prop_map(
            |(buy, ratio, coarse, bid, spread)| {
                let tick = if coarse { decimal("0.05") } else { decimal("0.01") };
                (
                    if buy { Side::Buy } else { Side::Sell },
                    ratio,
                    tick,
                    bid,
                    bid + spread,
                )
            },
        );
        prop::collection::vec(leg, 1..5)
    }

    /// Whether any ticks inside the markets add up, by trying all.
    fn exists(rooms: &[Room], steps: u128) -> bool {
        rooms.split_first().map_or(steps == 0, |(room, rest)| {
            (0..=room.ticks.min(steps / room.worth)).any(|ticks| exists(rest, steps - ticks * room.worth))
        })
    }

    proptest! {
        #[test]
        fn a_division_adds_up_on_ticks_inside_the_markets_whenever_one_exists(
            legs in legs(), share in 0.0..1.0_f64,
        ) {
            let Some(combo) = combo(&legs) else { return Ok(()) };
            let quoted = combo.quoted(|id| market(legs[id.index()]));
            let step = quoted.net_tick();
            let rooms: Vec<Room> = quoted.legs().map(|(leg, market)| room(leg, market, step)).collect();
            let most: u128 = rooms.iter().map(|room| room.ticks * room.worth).sum();
            let steps = (share * (most + 1) as f64) as u128;
            let net = quoted.natural().expect("all sides are there") - Decimal::from(steps) * step;
            match quoted.divide(net) {
                Ok(prices) => {
                    prop_assert_eq!(combo.net_price(prices.iter().copied()), net);
                    for (price, market) in prices.iter().zip(&quoted.markets) {
                        let (bid, ask) = (market.bid.expect("there").price, market.ask.expect("there").price);
                        prop_assert!((bid..=ask).contains(price));
                        prop_assert_eq!(price.0 % market.tick, Decimal::ZERO);
                    }
                }
                Err(error) => {
                    prop_assert_eq!(error, DivisionError::Indivisible);
                    prop_assert!(!exists(&rooms, steps));
                }
            }
        }
    }
}
