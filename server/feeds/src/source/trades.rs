//! Trades in the order of their numbers: none twice, none missing without being missed.
//!
//! Numbers that are not consecutive may begin anew with each day of trading (those of the exchanges of US shares do): there the day
//! belongs to the number.

use super::numbers::{Anew, MOST_JUMP};
use papertape::market::TradeTick;
use papertape::model::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// What a trade is known by: its day, 0 where numbers are consecutive, and its number.
type Key = (i64, u64);

const DAY: i64 = 86_400_000_000_000;
/// Days begin when no exchange that numbers anew trades: before the first quotes of US shares, at 4 o'clock in New York.
const DAYS_BEGIN: i64 = 7 * 3_600_000_000_000 + 1_800_000_000_000;

/// What became of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is the next: released.
    Next,
    /// It waits for others before it.
    Held,
    /// It was missing: now it is there.
    Filled,
    /// It was there already.
    Duplicate,
    /// No venue goes on with such a number.
    Absurd,
    /// Numbers begin anew: it is released, with those before it that did not seem to go on. So many are missing before.
    Anew(u64),
}

/// Puts trades in order. One that is kept off is missing as if it had never come, until its price is confirmed or it comes otherwise.
#[derive(Clone, Debug)]
pub(super) struct TradeOrder {
    is_consecutive: bool,
    /// The last that was released.
    last: Option<u64>,
    /// Those that wait for one before them, or, of a venue whose numbers have holes, for what was asked for.
    held: BTreeMap<Key, TradeTick>,
    /// Those that were told and are not believed, by numbers that are missing.
    doubted: BTreeMap<Key, Doubted>,
    /// Whether trades wait though none is known to be missing: after a new connection, where numbers have holes.
    is_resuming: bool,
    /// Of a venue whose numbers have holes: what was released lately, and when it was made.
    recent: BTreeMap<Key, Timestamp>,
    recent_order: VecDeque<Key>,
    /// The latest time of those that went on.
    newest: Timestamp,
    anew: Anew,
    /// What did not go on, and is newer than all that did.
    strange: Vec<(u64, TradeTick)>,
}

/// A trade that was told and is not believed.
#[derive(Clone, Copy, Debug)]
struct Doubted {
    trade: TradeTick,
    /// Whether it is its price that is not.
    is_of_price: bool,
}

impl TradeOrder {
    /// Numbers remembered to know a trade again.
    const RECENT: usize = 4_096;
    /// Doubted trades that are kept: what is more is missing all the same.
    const MOST_DOUBTED: usize = 100_000;

    pub(super) fn new(is_consecutive: bool) -> Self {
        Self {
            is_consecutive,
            last: None,
            held: BTreeMap::new(),
            doubted: BTreeMap::new(),
            is_resuming: false,
            recent: BTreeMap::new(),
            recent_order: VecDeque::new(),
            newest: Timestamp::EPOCH,
            anew: Anew::default(),
            strange: Vec::new(),
        }
    }

    /// The last that was released.
    pub(super) const fn last(&self) -> Option<u64> {
        self.last
    }

    /// Whether trades wait, or what came before them is being asked for.
    pub(super) fn is_waiting(&self) -> bool {
        self.is_resuming || !self.held.is_empty() || !self.doubted.is_empty()
    }

    fn key(&self, id: u64, time: Timestamp) -> Key {
        if self.is_consecutive {
            (0, id)
        } else {
            (time.nanos().saturating_sub(DAYS_BEGIN).div_euclid(DAY), id)
        }
    }

    /// The first that waits, believed or not.
    pub(super) fn first_waiting(&self) -> Option<u64> {
        let held = self.held.first_key_value().map(|((_, id), _)| *id);
        let doubted = self.doubted.first_key_value().map(|((_, id), _)| *id);
        held.into_iter().chain(doubted).min()
    }

    /// Those that were told and whose price is not believed, in their order.
    pub(super) fn doubted(&self) -> impl Iterator<Item = (u64, TradeTick)> + '_ {
        let of_price = self.doubted.iter().filter(|(_, doubted)| doubted.is_of_price);
        of_price.map(|((_, id), doubted)| (*id, doubted.trade))
    }

    /// What was told of the number of a trade, while it waits, believed or not.
    pub(super) fn told(&self, id: u64, trade: &TradeTick) -> Option<&TradeTick> {
        let key = self.key(id, trade.time);
        let doubted = || self.doubted.get(&key).map(|doubted| &doubted.trade);
        self.held.get(&key).or_else(doubted)
    }

    /// When a trade was made that was told lately, today or yesterday as of `now`.
    pub(super) fn made_at(&self, id: u64, now: Timestamp) -> Option<Timestamp> {
        let days = [now, now.plus_nanos(-DAY)].map(|time| self.key(id, time));
        days.iter().find_map(|key| self.recent.get(key)).copied()
    }

    /// How many are missing before the first that waits, those that are not believed among them.
    pub(super) fn missing(&self) -> u64 {
        if !self.is_consecutive {
            return self.doubted.len() as u64;
        }
        let last = self.last.unwrap_or_default();
        match self.held.first_key_value() {
            Some(((_, first), _)) => first.saturating_sub(last + 1),
            None => self.doubted.last_key_value().map_or(0, |((_, id), _)| id - last),
        }
    }

    /// Takes a trade that is not believed, for its price or for something that no later price makes right. Whether its number
    /// is missing now: it may be known from one that is.
    #[cold]
    pub(super) fn doubt(&mut self, id: u64, trade: TradeTick, is_of_price: bool) -> bool {
        let key = self.key(id, trade.time);
        let is_known = match self.last {
            // Before the first nothing is missing.
            None => true,
            Some(last) if self.is_consecutive => id <= last || id - last > MOST_JUMP,
            Some(_) => self.recent.contains_key(&key),
        };
        if is_known || self.held.contains_key(&key) || self.doubted.len() >= Self::MOST_DOUBTED {
            return false;
        }
        self.doubted.insert(key, Doubted { trade, is_of_price });
        // Where numbers have holes, what follows waits for the answer.
        self.is_resuming |= !self.is_consecutive;
        true
    }

    /// The trade of this number was told before it had one.
    pub(super) fn know(&mut self, id: u64, trade: &TradeTick) {
        self.remember(self.key(id, trade.time), trade.time);
    }

    /// What was traded since the last is about to be asked for.
    pub(super) fn resume(&mut self) {
        self.is_resuming = true;
    }

    /// Takes a trade, which goes to `released` with all that waited for it.
    #[inline]
    pub(super) fn take(&mut self, id: u64, trade: TradeTick, released: &mut Vec<TradeTick>) -> Taken {
        let key = self.key(id, trade.time);
        if !self.doubted.is_empty() {
            self.doubted.remove(&key);
        }
        if !self.is_consecutive {
            return self.take_loose(key, trade, released);
        }
        let next = self.last.map_or(id, |last| last.saturating_add(1));
        if id == next {
            self.last = Some(id);
            self.goes_on(&trade);
            released.push(trade);
            if self.held.is_empty() {
                return Taken::Next;
            }
            self.drain(released);
            return Taken::Filled;
        }
        if id < next || id - next > MOST_JUMP {
            return self.take_strange(id, trade, id < next, released);
        }
        if self.held.contains_key(&key) {
            return Taken::Duplicate;
        }
        self.goes_on(&trade);
        let is_filling = self.held.last_key_value().is_some_and(|(last, _)| key < *last);
        self.held.insert(key, trade);
        if is_filling { Taken::Filled } else { Taken::Held }
    }

    #[inline]
    fn goes_on(&mut self, trade: &TradeTick) {
        self.newest = self.newest.max(trade.time);
        if !self.strange.is_empty() {
            self.strange.clear();
            self.anew.goes_on();
        }
    }

    /// Takes a trade whose number was told already, or is far ahead: unless it is newer than all, it says nothing.
    #[cold]
    fn take_strange(
        &mut self,
        id: u64,
        trade: TradeTick,
        is_low: bool,
        released: &mut Vec<TradeTick>,
    ) -> Taken {
        let taken = if is_low { Taken::Duplicate } else { Taken::Absurd };
        if trade.time <= self.newest {
            return taken;
        }
        if !self.anew.is_begun(id) {
            let does_follow = |last: u64| id >= last && id - last <= MOST_JUMP;
            if !self.strange.last().is_some_and(|(last, _)| does_follow(*last)) {
                self.strange.clear();
            }
            self.strange.push((id, trade));
            self.strange.dedup_by_key(|(id, _)| *id);
            return taken;
        }
        // What waits for numbers that never come is as true as before.
        let missing = self.give_up(released);
        released.extend(self.strange.drain(..).map(|(_, trade)| trade));
        released.push(trade);
        self.newest = self.newest.max(trade.time);
        self.last = Some(id);
        Taken::Anew(missing)
    }

    fn take_loose(&mut self, key: Key, trade: TradeTick, released: &mut Vec<TradeTick>) -> Taken {
        if self.recent.contains_key(&key) || self.held.contains_key(&key) {
            return Taken::Duplicate;
        }
        if self.is_resuming {
            self.held.insert(key, trade);
            return Taken::Held;
        }
        self.remember(key, trade.time);
        released.push(trade);
        Taken::Next
    }

    /// What was asked for has come, all of it as far as the venue has it; gives how many of those that were told it does not have.
    pub(super) fn answered(&mut self, released: &mut Vec<TradeTick>) -> u64 {
        self.is_resuming = false;
        if self.is_consecutive {
            return 0;
        }
        self.drain_loose(released);
        let missing = self.doubted.len() as u64;
        self.doubted.clear();
        missing
    }

    /// Goes on without those that are missing; gives how many.
    pub(super) fn give_up(&mut self, released: &mut Vec<TradeTick>) -> u64 {
        if !self.is_consecutive {
            return self.answered(released);
        }
        self.is_resuming = false;
        let mut missing = 0;
        while let Some(((_, first), _)) = self.held.first_key_value() {
            missing += first.saturating_sub(self.last.unwrap_or_default() + 1);
            self.last = Some(first - 1);
            self.drain(released);
        }
        // Those after the last that is believed.
        let newest = self.doubted.last_key_value().map(|((_, id), _)| *id);
        if let (Some(id), Some(last)) = (newest, self.last)
            && id > last
        {
            missing += id - last;
            self.last = Some(id);
        }
        self.doubted.clear();
        missing
    }

    fn drain(&mut self, released: &mut Vec<TradeTick>) {
        while let Some(entry) = self.held.first_entry() {
            let (_, id) = *entry.key();
            if self.last.is_some_and(|last| id > last + 1) {
                return;
            }
            self.last = Some(id);
            released.push(entry.remove());
        }
    }

    fn drain_loose(&mut self, released: &mut Vec<TradeTick>) {
        // Numbers of several exchanges are in no order of time.
        let mut held: Vec<_> = std::mem::take(&mut self.held).into_iter().collect();
        held.sort_by_key(|(_, trade)| trade.time);
        for (key, trade) in held {
            self.remember(key, trade.time);
            released.push(trade);
        }
    }

    fn remember(&mut self, key: Key, time: Timestamp) {
        let (_, id) = key;
        // A number that is absurd is not one after which to ask.
        if self.last.is_none_or(|last| id > last && id - last <= MOST_JUMP) {
            self.last = Some(id);
        }
        self.recent.insert(key, time);
        self.recent_order.push_back(key);
        if self.recent_order.len() > Self::RECENT
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::model::Side;

    fn trade(id: u64) -> TradeTick {
        TradeTick {
            time: Timestamp::from_millis(id as i64),
            price: id as f64,
            size: 1.0,
            aggressor: Side::Buy,
        }
    }

    fn take(order: &mut TradeOrder, ids: &[u64]) -> (Vec<Taken>, Vec<u64>) {
        let mut released = Vec::new();
        let taken = ids
            .iter()
            .map(|id| order.take(*id, trade(*id), &mut released))
            .collect();
        (taken, released.iter().map(|trade| trade.price as u64).collect())
    }

    #[test]
    fn trades_come_out_in_order_and_once() {
        use Taken::{Duplicate, Filled, Held, Next};
        for (ids, taken, released) in [
            (&[5, 6, 7][..], &[Next, Next, Next][..], &[5, 6, 7][..]),
            (&[5, 5, 6, 5], &[Next, Duplicate, Next, Duplicate], &[5, 6]),
            (&[5, 7, 6], &[Next, Held, Filled], &[5, 6, 7]),
            (
                &[5, 9, 7, 7, 6],
                &[Next, Held, Filled, Duplicate, Filled],
                &[5, 6, 7],
            ),
            (&[5, 7, 8], &[Next, Held, Held], &[5]),
        ] {
            let mut order = TradeOrder::new(true);
            assert_eq!(
                take(&mut order, ids),
                (taken.to_vec(), released.to_vec()),
                "{ids:?}"
            );
        }
    }

    #[test]
    fn what_never_comes_is_counted() {
        let mut order = TradeOrder::new(true);
        take(&mut order, &[1, 4, 5, 9]);
        assert_eq!(order.missing(), 2);
        let mut released = Vec::new();
        assert_eq!(order.give_up(&mut released), 2 + 3);
        assert_eq!(
            released.iter().map(|t| t.price as u64).collect::<Vec<_>>(),
            [4, 5, 9]
        );
        assert_eq!((order.last(), order.is_waiting()), (Some(9), false));
    }

    #[test]
    fn numbers_that_have_holes_may_begin_anew_each_day() {
        let at = |day: i64, hours: i64| Timestamp::from_secs(1_723_075_200 + day * 86_400 + hours * 3_600);
        let mut order = TradeOrder::new(false);
        let mut take = |id: u64, time: Timestamp| {
            let mut released = Vec::new();
            let taken = order.take(id, TradeTick { time, ..trade(id) }, &mut released);
            (taken, released.len())
        };
        // From 4 o'clock in New York until 20 o'clock there, which is the next day in London.
        for (day, hours) in [(0, 8), (0, 20), (1, 0), (1, 8), (1, 9), (2, 8)] {
            let is_told = (day, hours) == (1, 0) || (day, hours) == (0, 20) || (day, hours) == (1, 9);
            let expected = if is_told {
                (Taken::Duplicate, 0)
            } else {
                (Taken::Next, 1)
            };
            assert_eq!(take(7, at(day, hours)), expected, "{day} {hours}");
        }
        // And while what a night's break cost is asked for.
        order.resume();
        let mut released = Vec::new();
        for (id, time) in [(1, at(3, 8)), (1, at(2, 9)), (1, at(2, 9)), (7, at(2, 8))] {
            order.take(id, TradeTick { time, ..trade(id) }, &mut released);
        }
        order.answered(&mut released);
        let times: Vec<Timestamp> = released.iter().map(|trade| trade.time).collect();
        assert_eq!(times, [at(2, 9), at(3, 8)]);
    }

    #[test]
    fn where_numbers_have_holes_trades_wait_only_for_an_answer() {
        let mut order = TradeOrder::new(false);
        assert_eq!(take(&mut order, &[10, 14, 10]).1, [10, 14]);
        order.resume();
        assert!(take(&mut order, &[30]).1.is_empty());
        assert!(take(&mut order, &[20, 25, 14]).1.is_empty());
        let mut released = Vec::new();
        order.answered(&mut released);
        assert_eq!(
            released.iter().map(|t| t.price as u64).collect::<Vec<_>>(),
            [20, 25, 30]
        );
        assert!(!order.is_waiting());
    }
}
