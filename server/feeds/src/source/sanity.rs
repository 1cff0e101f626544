//! Prices that cannot be.

use super::doubt::Doubt;
use papertape::model::Timestamp;

/// Compares each price with the last: what is ten times as much is kept off, until so many say the same for so long that it
/// must be so (a split that nobody told of).
#[derive(Clone, Debug)]
pub(super) struct Sanity {
    factor: f64,
    last: Option<f64>,
    /// Prices believed, as far as it matters.
    believed: u32,
    strange: Doubt<f64>,
    /// The best bid and ask that were believed last.
    sides: Option<(f64, f64)>,
    /// How many times its bid the ask of a market is that is wider than usual.
    wide: Doubt<f64>,
}

/// So many times its bid an ask is beside which there is no market: nothing between them could be called a price.
const NO_MARKET: f64 = 125.0;

impl Sanity {
    /// Strange prices in agreement that are believed against a price that is well founded.
    const ENOUGH: u32 = 50;
    /// How long they must go on.
    pub(super) const LONG: i64 = 60_000_000_000;
    /// Against a price that stands alone so many more are enough.
    const FEW: u32 = 3;

    pub(super) const fn new(factor: f64) -> Self {
        Self {
            factor,
            last: None,
            believed: 0,
            strange: Doubt::none(),
            sides: None,
            wide: Doubt::none(),
        }
    }

    /// Two prices agree on this one, before any was known.
    pub(super) const fn begin(&mut self, price: f64) {
        (self.last, self.believed) = (Some(price), 2);
    }

    /// Whether nothing that fits was told since something that does not: which of both is true is open.
    pub(super) const fn is_open(&self) -> bool {
        self.strange.is_any()
    }

    /// Whether a price fits what is believed: it is near the last, or between the best bid and ask.
    pub(super) fn fits(&self, price: f64) -> bool {
        let is_inside = |(bid, ask): (f64, f64)| bid <= price && price <= ask;
        // The last may have gone on to where that market is none.
        self.is_near(price) || (self.sides.is_some_and(is_inside) && self.is_within(price, NO_MARKET))
    }

    #[inline]
    fn is_near(&self, price: f64) -> bool {
        self.is_within(price, self.factor)
    }

    /// Written so that no NaN passes.
    #[inline]
    fn is_within(&self, price: f64, factor: f64) -> bool {
        self.last
            .is_some_and(|last| price < last * factor && price * factor > last)
    }

    /// Whether a bid and an ask are near enough each other for a price to be between them.
    pub(super) fn is_market(bid: f64, ask: f64) -> bool {
        is_possible(bid) && is_possible(ask) && ask < bid * NO_MARKET
    }

    /// A price was told in two ways that know nothing of each other: so it is, however far it is from the last.
    #[cold]
    pub(super) fn confirm(&mut self, price: f64) {
        if is_possible(price) {
            self.last = Some(price);
            self.believed = self.believed.saturating_add(1);
            self.strange.forget();
        }
    }

    /// Whether two prices say the same, whatever is believed.
    pub(super) fn agree(one: f64, other: f64) -> bool {
        one < other * 2.0 && one * 2.0 > other
    }

    /// Whether a price may be; why not otherwise.
    #[inline]
    pub(super) fn check(&mut self, price: f64, time: Timestamp) -> Result<(), String> {
        if self.fits(price) {
            self.last = Some(price);
            self.believed = self.believed.saturating_add(1);
            self.strange.forget();
            return Ok(());
        }
        self.doubt(price, time)
    }

    /// Whether the best bid and ask may be, which are judged together by what was believed before them; why not otherwise. Between them lies
    /// what is believed then: a wide market says no more than that. So one that has what is believed between its sides may be, though
    /// they are far from it, unless it is far wider than the market was: then it is doubted until it lasts, as a price is.
    #[inline]
    pub(super) fn check_both(&mut self, bid: f64, ask: f64, time: Timestamp) -> Result<(), String> {
        let Some(last) = self.last else {
            return match Self::is_market(bid, ask) {
                true => self.check(f64::midpoint(bid, ask), time),
                false => Err(no_market(bid, ask)),
            };
        };
        if self.is_near(bid) && self.is_near(ask) {
            self.last = Some(last.max(bid).min(ask));
            self.believed = self.believed.saturating_add(1);
            self.strange.forget();
            self.takes_sides(bid, ask);
            return Ok(());
        }
        if bid <= last && last <= ask {
            return self.around(last, bid, ask, time);
        }
        self.doubt(if self.is_near(bid) { ask } else { bid }, time)
    }

    fn takes_sides(&mut self, bid: f64, ask: f64) {
        self.sides = Some((bid, ask));
        self.wide.forget();
    }

    /// Whether a bid and an ask may be that are far from the price between them, which they neither confirm nor move.
    #[cold]
    fn around(&mut self, last: f64, bid: f64, ask: f64, time: Timestamp) -> Result<(), String> {
        if !Self::is_market(bid, ask) {
            return Err(no_market(bid, ask));
        }
        let wide = ask / bid;
        let usual = self.sides.map_or(self.factor, |(bid, ask)| ask / bid);
        if wide >= usual * self.factor {
            let near = |known: f64, wide: f64| Self::agree(wide, known).then_some(wide);
            let (count, lasts) = self.wide.again(wide, time, near);
            if !self.is_enough(count, lasts) {
                return Err(format!("a bid of {bid} and an ask of {ask} around {last}"));
            }
        }
        self.takes_sides(bid, ask);
        Ok(())
    }

    /// Whether what contradicts what is believed was told so often, for so long, that it is believed.
    const fn is_enough(&self, count: u32, lasts: i64) -> bool {
        if self.believed >= Self::ENOUGH {
            count >= Self::ENOUGH && lasts >= Self::LONG
        } else {
            count >= Self::FEW + self.believed
        }
    }

    /// Whether a price does not fit what is believed.
    pub(super) fn is_strange(&self, price: f64) -> bool {
        self.last.is_some() && !self.fits(price)
    }

    /// Whether a price may have been told together with `other`, which is believed; why not otherwise.
    pub(super) fn beside(&self, what: &str, price: f64, other: f64) -> Result<(), String> {
        // Written so that no NaN passes.
        if price < other * self.factor && price * self.factor > other {
            return Ok(());
        }
        Err(format!("{what} of {price} beside {other}"))
    }

    #[cold]
    fn doubt(&mut self, price: f64, time: Timestamp) -> Result<(), String> {
        if !is_possible(price) {
            return Err(format!("a price of {price}"));
        }
        let Some(last) = self.last else {
            self.last = Some(price);
            return Ok(());
        };
        let near = |known: f64, price: f64| Self::agree(price, known).then_some(price);
        let (count, lasts) = self.strange.again(price, time, near);
        if self.is_enough(count, lasts) {
            self.strange.forget();
            self.sides = None;
            (self.last, self.believed) = (Some(price), count);
            return Ok(());
        }
        Err(format!("a price of {price} after {last}"))
    }
}

fn no_market(bid: f64, ask: f64) -> String {
    format!("a bid of {bid} and an ask of {ask}, which are no market")
}

fn is_possible(price: f64) -> bool {
    price > 0.0 && price < 1e15
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn impossible_prices_are_never_believed() {
        let mut sanity = Sanity::new(10.0);
        for price in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            for second in 0..200 {
                assert!(sanity.check(price, at(second)).is_err(), "{price}");
            }
        }
        assert!(sanity.check(100.0, at(0)).is_ok());
        for price in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            for second in 0..200 {
                assert!(sanity.check(price, at(second)).is_err(), "{price} after 100");
            }
        }
    }

    #[test]
    fn a_wide_market_is_one_and_what_is_believed_lies_inside_it() {
        for (bid, ask, traded) in [
            (0.01, 0.05, None),
            (0.05, 0.3, None),
            (1.0, 8.0, None),
            (1.0, 20.0, Some(4.5)),
        ] {
            let mut sanity = Sanity::new(5.0);
            assert!(traded.is_none_or(|price| sanity.check(price, at(0)).is_ok()));
            for second in 0..600 {
                assert_eq!(sanity.check_both(bid, ask, at(second)), Ok(()), "{bid} to {ask}");
            }
        }
        // Both sides are judged by what was believed before: one that is kept off moves nothing.
        let mut sanity = Sanity::new(5.0);
        assert!(sanity.check(100.0, at(0)).is_ok());
        for (bid, ask) in [(21.0, 600.0), (10.0, 400.0), (1_000.0, 1_001.0), (10.0, 10.1)] {
            assert!(sanity.check_both(bid, ask, at(1)).is_err(), "{bid} to {ask}");
        }
        assert!(sanity.check(110.0, at(1)).is_ok());
        // A jump of both that lasts is believed as one of a price is.
        let mut sanity = Sanity::new(5.0);
        for second in 0..100 {
            assert!(sanity.check(100.0, at(second)).is_ok());
        }
        let told = |second: i64| (second, sanity.check_both(1_000.0, 1_001.0, at(second)).is_ok());
        let believed = (100..300).map(told).find(|(_, is_ok)| *is_ok);
        assert_eq!(believed.map(|(second, _)| second), Some(160));
    }

    #[test]
    fn a_wide_market_goes_on_whatever_trades_in_it() {
        // Options far from the money: what is quoted, and what is traded at its sides.
        for (bid, ask) in [(0.05, 0.3), (0.01, 0.3), (0.05, 5.0), (1.0, 8.0)] {
            let mut sanity = Sanity::new(5.0);
            let mut kept_off = 0;
            for second in 0..600 {
                let traded = if second % 7 < 4 { bid } else { ask };
                kept_off += u32::from(sanity.check_both(bid, ask, at(second)).is_err());
                kept_off += u32::from(second % 5 == 0 && sanity.check(traded, at(second)).is_err());
            }
            // Only until it is known how wide it is.
            assert!(kept_off <= 3, "{bid} to {ask}: {kept_off}");
        }
        // A trade at the bid came first.
        let mut sanity = Sanity::new(5.0);
        assert!(sanity.check(0.05, at(0)).is_ok());
        assert_eq!(sanity.check_both(0.05, 0.3, at(1)), Ok(()));
        assert!(sanity.check(0.3, at(2)).is_ok() && sanity.check(0.05, at(3)).is_ok());
    }

    #[test]
    fn a_narrow_market_is_not_a_wide_one_at_once() {
        let narrow = || {
            let mut sanity = Sanity::new(5.0);
            for second in 0..100 {
                assert!(sanity.check_both(99.9, 100.1, at(second)).is_ok());
            }
            sanity
        };
        // One of its sides is far away: its order would fill there.
        for (bid, ask) in [(99.9, 1_001.0), (9.9, 100.1), (10.0, 1_000.0), (19.0, 501.0)] {
            let mut sanity = narrow();
            let mut told = |second: i64| sanity.check_both(bid, ask, at(second)).is_ok();
            assert_eq!(
                (100..300).find(|second| told(*second)),
                Some(160),
                "{bid} to {ask}"
            );
            // What is believed is what was: the quote says no more.
            assert!(sanity.check(100.0, at(300)).is_ok());
        }
        // That is no market, however long it is told, nor does it make anything believed.
        for (bid, ask) in [(0.0001, 1e9), (1.0, 126.0), (0.0, 100.1), (99.9, f64::INFINITY)] {
            let mut sanity = narrow();
            for second in 100..400 {
                assert!(sanity.check_both(bid, ask, at(second)).is_err(), "{bid} to {ask}");
            }
            assert!(sanity.check(1_000.0, at(400)).is_err() && sanity.check(100.0, at(400)).is_ok());
        }
    }

    #[test]
    fn no_price_begins_between_sides_that_are_no_market() {
        for (bid, ask) in [(0.0001, 1e9), (0.01, 5.0), (0.0, 1.0), (1.0, f64::NAN)] {
            let mut sanity = Sanity::new(5.0);
            for second in 0..100 {
                assert!(sanity.check_both(bid, ask, at(second)).is_err(), "{bid} to {ask}");
            }
            assert!(!sanity.fits(f64::midpoint(bid, ask)));
            assert!(sanity.check(0.05, at(100)).is_ok());
        }
    }

    proptest! {
        /// Whatever was told, what is believed next is near what was believed, or lies within a market that is one.
        #[test]
        fn nobody_fills_far_from_what_is_believed(
            told in proptest::collection::vec((-4.0_f64..10.0, 0.0_f64..14.0, any::<bool>()), 1..60),
        ) {
            let mut sanity = Sanity::new(5.0);
            for second in 0..100 {
                prop_assert!(sanity.check_both(99.9, 100.1, at(second)).is_ok());
            }
            for (place, (exponent, width, is_quote)) in told.into_iter().enumerate() {
                let (bid, ask) = (10_f64.powf(exponent), 10_f64.powf(exponent + width));
                // Within a minute nothing that is far is believed.
                let time = at(100 + place as i64 / 2);
                let last = sanity.last.expect("one is believed");
                if is_quote && sanity.check_both(bid, ask, time).is_ok() {
                    prop_assert!(bid < last * 5.0 && ask * 5.0 > last, "{bid} to {ask} after {last}");
                    prop_assert!(ask < bid * NO_MARKET);
                } else if !is_quote && sanity.check(bid, time).is_ok() {
                    prop_assert!(bid < last * NO_MARKET && bid * NO_MARKET > last, "{bid} after {last}");
                }
            }
        }
    }

    #[test]
    fn ten_times_the_last_is_strange_until_it_lasts() {
        let mut sanity = Sanity::new(10.0);
        for second in 0..100 {
            assert!(sanity.check(100.0, at(second)).is_ok());
        }
        for price in [1_000.0, 10.0, 5_000.0, 1.0] {
            assert!(sanity.check(price, at(100)).is_err(), "{price}");
        }
        assert!(sanity.check(999.0, at(100)).is_ok());
        assert!(sanity.check(100.0, at(100)).is_ok());
        // A split of 20 for 1 that nobody told of.
        let believed = (0..200).find(|second| sanity.check(5.0, at(100 + second)).is_ok());
        assert_eq!(believed, Some(60));
        assert!(sanity.check(5.1, at(300)).is_ok() && sanity.check(100.0, at(300)).is_err());
    }

    #[test]
    fn a_first_price_that_is_wrong_does_not_keep_the_right_ones_off_for_long() {
        let mut sanity = Sanity::new(10.0);
        assert!(sanity.check(1.0, at(0)).is_ok());
        let kept_off = (0..10).filter(|_| sanity.check(60_000.0, at(0)).is_err()).count();
        assert_eq!(kept_off, 2);
    }
}
