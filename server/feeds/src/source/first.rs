//! The first price of a symbol: there is none before it to compare it with.

use super::sanity::Sanity;
use crate::venue::Told;
use papertape::model::Timestamp;

/// Holds what is told of a symbol until two prices agree, so that a first one that is ten times what it should be is not
/// believed. What does not agree with them is kept off then like any other strange price.
#[derive(Clone, Debug)]
pub(super) struct FirstPrice {
    factor: f64,
    /// What was told, and when; empty once a price is known.
    waiting: Vec<(Told, Timestamp)>,
    is_known: bool,
}

/// What became of something that was told before a price was known.
#[derive(Debug)]
pub(super) enum FirstTook {
    /// It waits for another that agrees.
    Waits,
    /// It was told before, and confirms nothing.
    Again,
    /// This price is confirmed; what waited is told in its order.
    Known(f64, Vec<(Told, Timestamp)>),
    /// So many disagree that the oldest is given up.
    GivenUp(f64),
}

impl FirstPrice {
    /// How many may wait.
    const MOST: usize = 16;

    /// Prices agree that are less than `factor` times each other.
    pub(super) const fn new(factor: f64) -> Self {
        Self {
            factor,
            waiting: Vec::new(),
            is_known: false,
        }
    }

    /// What waits is confirmed by nothing that comes now.
    pub(super) fn forget(&mut self) {
        self.waiting.clear();
    }

    pub(super) const fn is_known(&self) -> bool {
        self.is_known
    }

    /// Takes something with a price. The same again is no second opinion on a stream, where it is the same message twice; of
    /// a venue that `is_asked` it is a second answer.
    pub(super) fn take(&mut self, told: &Told, price: f64, received: Timestamp, is_asked: bool) -> FirstTook {
        let is_again = |(other, at): &(Told, Timestamp)| told == other && !(is_asked && received > *at);
        if self.waiting.iter().any(is_again) {
            return FirstTook::Again;
        }
        let agrees = |other: f64| price < other * self.factor && price * self.factor > other;
        let is_confirmed = self
            .waiting
            .iter()
            .filter_map(|(other, _)| price_of(other))
            .any(agrees);
        self.waiting.push((told.clone(), received));
        if is_confirmed {
            self.is_known = true;
            return FirstTook::Known(price, std::mem::take(&mut self.waiting));
        }
        if self.waiting.len() > Self::MOST
            && let Some(oldest) = price_of(&self.waiting.remove(0).0)
        {
            return FirstTook::GivenUp(oldest);
        }
        FirstTook::Waits
    }
}

/// The price that something tells, if it tells one that can be.
pub(super) fn price_of(told: &Told) -> Option<f64> {
    let price = match told {
        Told::Trade { trade, .. } => trade.price,
        Told::Quote { quote, .. } if Sanity::is_market(quote.bid, quote.ask) => quote.mid(),
        Told::Bar { bar, .. } => bar.close,
        _ => return None,
    };
    (price > 0.0 && price < 1e15).then_some(price)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Thresholds;
    use crate::source::{
        Heard, Source, TroubleAct,
        tests::{grid, traits},
    };
    use crate::venue::Slot;
    use papertape::market::TradeTick;
    use papertape::model::Side;

    fn trade(id: u64, price: f64) -> Told {
        let trade = TradeTick {
            time: Timestamp::from_secs(1_723_118_400),
            price,
            size: 1.0,
            aggressor: Side::Buy,
        };
        let (slot, id) = (Slot(0), Some(id));
        Told::Trade { slot, id, trade }
    }

    /// The price that is known in the end, and how many were told by then.
    fn known(prices: &[(u64, f64)], is_asked: bool) -> Option<(f64, usize)> {
        let mut first = FirstPrice::new(5.0);
        prices.iter().enumerate().find_map(|(place, (id, price))| {
            let at = Timestamp::from_secs(place as i64);
            match first.take(&trade(*id, *price), *price, at, is_asked) {
                FirstTook::Known(price, told) => Some((price, told.len())),
                _ => None,
            }
        })
    }

    #[test]
    fn two_that_agree_are_believed_whatever_else_was_told() {
        for (prices, is_asked, expected) in [
            (&[(1, 100.0), (2, 101.0)][..], false, Some((101.0, 2))),
            (&[(1, 1_000.0), (2, 101.0)], false, None),
            (&[(1, 1_000.0), (2, 101.0), (3, 100.0)], false, Some((100.0, 3))),
            (
                &[(1, 101.0), (2, 1_000.0), (3, 10.0), (4, 100.0)],
                false,
                Some((100.0, 4)),
            ),
            // The same message twice is one opinion, the same answer to two questions is two.
            (&[(1, 100.0), (1, 100.0)], false, None),
            (&[(1, 100.0), (1, 100.0)], true, Some((100.0, 2))),
        ] {
            assert_eq!(known(prices, is_asked), expected, "{prices:?} {is_asked}");
        }
    }

    #[test]
    fn what_nothing_ever_confirms_does_not_pile_up() {
        let mut first = FirstPrice::new(5.0);
        let mut given_up = 0;
        for place in 0..40 {
            let price = 10_f64.powi(place % 20 - 8) * f64::from(1 + 30 * (place / 20));
            let took = first.take(&trade(place as u64, price), price, Timestamp::EPOCH, false);
            given_up += usize::from(matches!(took, FirstTook::GivenUp(_)));
            if first.is_known() {
                break;
            }
            assert!(first.waiting.len() <= FirstPrice::MOST);
        }
        assert!(given_up > 0);
    }

    #[test]
    fn an_absurd_first_price_is_not_published_and_is_on_record() {
        let mut source = Source::new(traits(), grid(), &Thresholds::default());
        let (mut heard, mut wants) = (Vec::new(), Vec::new());
        let begin = Timestamp::from_secs(1_723_118_400);
        source.connected(begin, &mut heard);
        for (id, price) in [(1, 1_000.0), (2, 100.0), (3, 101.0), (4, 99.0)] {
            let at = begin.plus_nanos(id as i64 * 1_000_000);
            source.told(&trade(id, price), at, &mut heard, &mut wants);
            let is_heard = !heard.is_empty();
            assert_eq!(is_heard, id >= 3, "after trade {id}");
        }
        let prices: Vec<f64> = heard
            .iter()
            .filter_map(|heard| match heard {
                Heard::Trade(trade) => Some(trade.price),
                _ => None,
            })
            .collect();
        assert_eq!(prices, [100.0, 101.0, 99.0]);
        let kept_off = heard.iter().any(|heard| {
            matches!(heard, Heard::Trouble(trouble) if matches!(&trouble.act, TroubleAct::Count(.., 1, why)
                if why == "a price of 1000 after 101"))
        });
        assert!(kept_off && source.counters.quarantined == 1, "{heard:?}");
        assert!(wants.is_empty(), "number 1 was told: nothing is missing");
    }
}
