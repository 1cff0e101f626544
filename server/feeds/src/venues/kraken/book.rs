//! A book cut to its depth, and its checksum.

use papertape::market::{DepthKind, DepthUpdate, Level};
use papertape::model::Timestamp;
use std::collections::BTreeMap;

/// Levels of a side that the checksum covers.
const CHECKED: usize = 10;

/// A book as the venue shows it: so many levels a side, no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    /// Lots by price in ticks, the highest last.
    bids: BTreeMap<i64, i64>,
    /// Lots by price in ticks, the lowest first.
    asks: BTreeMap<i64, i64>,
}

impl Book {
    /// Begins anew, or changes levels; forgets those beyond the `depth`. Gives the update for who keeps the book too: with the
    /// forgotten levels as removed, since nobody tells of them any more.
    pub(super) fn apply(
        &mut self,
        kind: DepthKind,
        bids: Vec<Level>,
        asks: Vec<Level>,
        depth: usize,
        time: Timestamp,
    ) -> DepthUpdate {
        if kind == DepthKind::Snapshot {
            *self = Self::default();
        }
        let mut update = DepthUpdate {
            time,
            kind,
            bids,
            asks,
        };
        set(&mut self.bids, &update.bids);
        set(&mut self.asks, &update.asks);
        while self.bids.len() > depth
            && let Some((price, _)) = self.bids.pop_first()
        {
            update.bids.push(Level { price, size: 0 });
        }
        while self.asks.len() > depth
            && let Some((price, _)) = self.asks.pop_last()
        {
            update.asks.push(Level { price, size: 0 });
        }
        update
    }

    /// The CRC-32 of the ten best levels, asks before bids: price and size of each, as they are written with the pair's digits
    /// but without the point and the zeros in front. That is the number of their last digits; `price_unit` and `size_unit` are
    /// how many of those a tick and a lot have.
    pub(super) fn checksum(&self, price_unit: i64, size_unit: i64) -> u32 {
        use std::io::Write;
        let mut text = Vec::with_capacity(400);
        let asks = self.asks.iter().take(CHECKED);
        for (price, size) in asks.chain(self.bids.iter().rev().take(CHECKED)) {
            // Writing into memory does not fail.
            let _ = write!(
                text,
                "{}{}",
                price.saturating_mul(price_unit),
                size.saturating_mul(size_unit)
            );
        }
        crc32fast::hash(&text)
    }
}

fn set(side: &mut BTreeMap<i64, i64>, levels: &[Level]) {
    for level in levels {
        if level.size > 0 {
            side.insert(level.price, level.size);
        } else {
            side.remove(&level.price);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(prices: &[i64], size: i64) -> Vec<Level> {
        prices.iter().map(|price| Level { price: *price, size }).collect()
    }

    /// The example of the venue's guide to its checksum: ten levels a side of 0.00000500 each.
    #[test]
    fn the_published_example_has_its_checksum() {
        let asks = [5005, 5010, 5015, 5020, 5025, 5030, 5035, 5040, 5045, 5050];
        let bids = [5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950];
        let mut book = Book::default();
        book.apply(
            DepthKind::Snapshot,
            levels(&bids, 500),
            levels(&asks, 500),
            10,
            Timestamp::EPOCH,
        );
        assert_eq!(book.checksum(1, 1), 974_947_235);
    }

    #[test]
    fn what_is_beyond_the_depth_is_forgotten_and_told_as_removed() {
        let mut book = Book::default();
        let time = Timestamp::EPOCH;
        book.apply(
            DepthKind::Snapshot,
            levels(&[9, 8], 1),
            levels(&[11, 12], 1),
            2,
            time,
        );
        let update = book.apply(DepthKind::Changes, levels(&[10], 5), levels(&[11], 0), 2, time);
        assert_eq!(
            update.bids,
            [Level { price: 10, size: 5 }, Level { price: 8, size: 0 }]
        );
        assert_eq!(update.asks, [Level { price: 11, size: 0 }]);
        let expected = Book {
            bids: BTreeMap::from([(9, 1), (10, 5)]),
            asks: BTreeMap::from([(12, 1)]),
        };
        assert_eq!(book, expected);
    }
}
