//! One side of a book.

use super::{DepthKind, Level, LevelChange, OrderBook};
use crate::model::Side;
use serde::{Deserialize, Serialize};

/// The levels of one side, sorted, the best at the end.
///
/// Most changes are near the best price, so few levels move when one comes or goes there. Measured against a
/// `BTreeMap` by `cargo bench --bench depth`, which prints both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ladder {
    side: Side,
    rungs: Vec<Rung>,
    /// Empty: room to build a snapshot in, so that quotes, which come as snapshots of one level, allocate nothing.
    #[serde(skip)]
    spare: Vec<Rung>,
}

/// A level under a key that grows towards the best price on either side: the price of a bid, minus that of an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Rung {
    key: i64,
    size: i64,
}

impl Ladder {
    /// Room beyond [`OrderBook::MOST_LEVELS`], so that cutting off costs little per level.
    const SLACK: usize = OrderBook::MOST_LEVELS / 8;

    pub(super) const fn new(side: Side) -> Self {
        Self {
            side,
            rungs: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// From price to key, and from key to price.
    #[inline]
    const fn flip(&self, value: i64) -> i64 {
        match self.side {
            Side::Buy => value,
            Side::Sell => -value,
        }
    }

    #[inline]
    pub(super) fn best(&self) -> Option<Level> {
        self.rungs.last().map(|rung| self.level(*rung))
    }

    pub(super) fn levels(&self) -> impl ExactSizeIterator<Item = Level> + Clone + '_ {
        self.rungs.iter().rev().map(|rung| self.level(*rung))
    }

    #[inline]
    pub(super) fn size_at(&self, price: i64) -> i64 {
        self.find(self.flip(price))
            .map_or(0, |index| self.rungs[index].size)
    }

    #[inline]
    pub(super) fn apply(&mut self, kind: DepthKind, levels: &[Level], changed: &mut impl FnMut(LevelChange)) {
        match kind {
            DepthKind::Snapshot => self.replace(levels, changed),
            DepthKind::Changes => {
                for level in levels {
                    let before = self.set(self.flip(level.price), level.size);
                    changed(LevelChange {
                        side: self.side,
                        price: level.price,
                        before,
                        after: level.size.max(0),
                    });
                }
            }
        }
        if self.rungs.len() > OrderBook::MOST_LEVELS + Self::SLACK {
            self.cut();
        }
    }

    #[inline]
    fn find(&self, key: i64) -> Result<usize, usize> {
        self.rungs.binary_search_by_key(&key, |rung| rung.key)
    }

    #[inline]
    fn level(&self, rung: Rung) -> Level {
        Level {
            price: self.flip(rung.key),
            size: rung.size,
        }
    }

    /// Sets a level's size, removes it at 0; gives the size before.
    #[inline]
    fn set(&mut self, key: i64, size: i64) -> i64 {
        match self.find(key) {
            Ok(index) if size > 0 => std::mem::replace(&mut self.rungs[index].size, size),
            Ok(index) => self.rungs.remove(index).size,
            Err(index) => {
                if size > 0 {
                    self.rungs.insert(index, Rung { key, size });
                }
                0
            }
        }
    }

    /// Takes a snapshot in the place of what was known, and says what differs as far out as the snapshot reaches.
    ///
    /// Levels farther out are forgotten without a word: a snapshot is silent about them, and silence is not a size of 0.
    fn replace(&mut self, levels: &[Level], changed: &mut impl FnMut(LevelChange)) {
        let mut fresh = std::mem::take(&mut self.spare);
        fresh.extend(levels.iter().rev().map(|level| Rung {
            key: self.flip(level.price),
            size: level.size,
        }));
        // Venues name the best first, so this is the usual case; of two at one price the later is now the first.
        if !fresh.is_sorted_by(|a, b| a.key < b.key) {
            fresh.sort_by_key(|rung| rung.key);
            fresh.dedup_by_key(|rung| rung.key);
        }
        fresh.retain(|rung| rung.size > 0);
        let reach = fresh.first().map_or(i64::MAX, |farthest| farthest.key);
        let mut stale = std::mem::replace(&mut self.rungs, fresh);
        let known = stale.partition_point(|rung| rung.key < reach);
        self.report(&stale[known..], changed);
        self.cut();
        stale.clear();
        self.spare = stale;
    }

    /// Says how every level of `stale` and of the ladder differs, where it does; both are sorted.
    fn report(&self, stale: &[Rung], changed: &mut impl FnMut(LevelChange)) {
        let (mut old, mut new) = (stale.iter().peekable(), self.rungs.iter().peekable());
        loop {
            let key = match (old.peek(), new.peek()) {
                (Some(old), Some(new)) => old.key.min(new.key),
                (Some(only), None) | (None, Some(only)) => only.key,
                (None, None) => return,
            };
            let size = |rung: Option<&Rung>| rung.map_or(0, |rung| rung.size);
            let before = size(old.next_if(|rung| rung.key == key));
            let after = size(new.next_if(|rung| rung.key == key));
            if before != after {
                changed(LevelChange {
                    side: self.side,
                    price: self.flip(key),
                    before,
                    after,
                });
            }
        }
    }

    /// Forgets the farthest levels beyond the bound.
    fn cut(&mut self) {
        let beyond = self.rungs.len().saturating_sub(OrderBook::MOST_LEVELS);
        self.rungs.drain(..beyond);
    }
}
