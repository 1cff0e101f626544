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
}

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

    /// Whether a price fits what is believed.
    pub(super) fn fits(&self, price: f64) -> bool {
        self.last
            .is_some_and(|last| price < last * self.factor && price * self.factor > last)
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
        if let Some(last) = self.last {
            // Written so that no NaN passes.
            if price < last * self.factor && price * self.factor > last {
                self.last = Some(price);
                self.believed = self.believed.saturating_add(1);
                self.strange.forget();
                return Ok(());
            }
        }
        self.doubt(price, time)
    }

    /// Whether the best bid and ask may be, which are judged together by what was believed before them; why not otherwise. Between them lies
    /// what is believed then: a wide market says no more than that.
    #[inline]
    pub(super) fn check_both(&mut self, bid: f64, ask: f64, time: Timestamp) -> Result<(), String> {
        let Some(last) = self.last else {
            return self.check(f64::midpoint(bid, ask), time);
        };
        if self.fits(bid) && self.fits(ask) {
            self.last = Some(last.max(bid).min(ask));
            self.believed = self.believed.saturating_add(1);
            self.strange.forget();
            return Ok(());
        }
        self.doubt(if self.fits(bid) { ask } else { bid }, time)
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
        let is_founded = self.believed >= Self::ENOUGH;
        let enough = if is_founded {
            count >= Self::ENOUGH && lasts >= Self::LONG
        } else {
            count >= Self::FEW + self.believed
        };
        if enough {
            self.strange.forget();
            (self.last, self.believed) = (Some(price), count);
            return Ok(());
        }
        Err(format!("a price of {price} after {last}"))
    }
}

fn is_possible(price: f64) -> bool {
    price > 0.0 && price < 1e15
}

#[cfg(test)]
mod tests {
    use super::*;

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
