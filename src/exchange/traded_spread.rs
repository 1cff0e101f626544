//! What trades alone tell of the spread.
//!
//! A trade says which side took it. Who buys when somebody else has just sold to a bid does not get that bid: he pays an ask
//! that no trade has shown. It is taken to be as far away as the last change of sides showed it to be, from a sale to the next
//! purchase or back, and a tick at least. This is the idea of Roll's measure (R. Roll, "A Simple Implicit Measure of the
//! Effective Bid-Ask Spread", Journal of Finance 39, 1984), with the sides known instead of guessed.

use crate::model::{Price, Side};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What the trades so far have shown of the spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradedSpread {
    /// The last trade: who took, and at which price.
    last: Option<(Side, Price)>,
    /// How far apart the sides were when they last changed, in quote currency.
    #[serde(with = "crate::model::decimal")]
    width: Decimal,
}

impl TradedSpread {
    /// Others traded, and `aggressor` took.
    pub fn note(&mut self, aggressor: Side, price: Price) {
        if let Some((side, before)) = self.last
            && side != aggressor
        {
            let width = (price.0 - before.0) * aggressor.sign();
            // When the market itself moved farther than the spread, the change says nothing of it.
            if width > Decimal::ZERO {
                self.width = width;
            }
        }
        self.last = Some((aggressor, price));
    }

    /// The price that a taker on `side` meets who comes with a trade at `price` that `aggressor` took: that of the trade when
    /// it was taken on the same side, else one beyond the spread. Never below a tick.
    #[must_use]
    pub fn touch(&self, side: Side, aggressor: Side, price: Price, tick: Decimal) -> Price {
        if side == aggressor {
            return price;
        }
        let beyond = price.0 + self.width.max(tick) * side.sign();
        Price(beyond.max(tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Side::{Buy, Sell};

    fn price(ticks: i64) -> Price {
        Price(Decimal::new(ticks, 2))
    }

    /// What a taker meets after these trades, the last of which is the one that it comes with.
    fn met(side: Side, trades: &[(Side, i64)]) -> Price {
        let mut spread = TradedSpread::default();
        for (aggressor, ticks) in trades {
            spread.note(*aggressor, price(*ticks));
        }
        let (aggressor, ticks) = trades[trades.len() - 1];
        spread.touch(side, aggressor, price(ticks), Decimal::new(1, 2))
    }

    #[test]
    fn a_taker_pays_for_the_spread_that_the_last_change_of_sides_showed() {
        for (side, trades, expected) in [
            (Buy, &[(Buy, 1_000)][..], 1_000),
            (Sell, &[(Sell, 1_000)], 1_000),
            // Nothing is known yet: a tick.
            (Buy, &[(Sell, 1_000)], 1_001),
            (Sell, &[(Buy, 1_000)], 999),
            (Buy, &[(Buy, 1_004), (Sell, 1_000)], 1_004),
            (Sell, &[(Sell, 1_000), (Buy, 1_004)], 1_000),
            // The market falls; the spread goes with it.
            (Buy, &[(Buy, 1_004), (Sell, 1_000), (Sell, 900)], 904),
            // It moved through the spread: what was known of that stays.
            (Buy, &[(Buy, 1_004), (Sell, 1_000), (Buy, 950), (Sell, 980)], 984),
            (Sell, &[(Sell, 1), (Buy, 2)], 1),
            (Sell, &[(Buy, 1)], 1),
        ] {
            assert_eq!(met(side, trades), price(expected), "{side} after {trades:?}");
        }
    }
}
