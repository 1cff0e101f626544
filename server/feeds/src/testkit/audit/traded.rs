//! What was traded: trades, the price now and then, minutes.

use super::Audit;
use papertape::market::{Bar, BarAggregator, MarketEvent, TradeTick};
use papertape::model::{Timeframe, Timestamp};
use std::collections::{BTreeMap, VecDeque};

impl Audit<'_> {
    /// Every trade, as of when it was made.
    pub(super) fn trades(&self, is_over: bool, has_sides: bool, step: i64) -> Result<(), String> {
        let trade = |event: &MarketEvent| match event {
            MarketEvent::Trade(trade) => Some(*trade),
            _ => None,
        };
        let mut ours: VecDeque<TradeTick> = self.events().filter_map(trade).collect();
        if ours.is_empty() {
            return Err("no trade was published".to_owned());
        }
        // Which were not told, by their places.
        let (mut missing, mut last_told) = (Vec::new(), None);
        for (place, (_, truth)) in self.truth.trades.iter().enumerate() {
            let told = ours.front().copied().filter(|ours| {
                (ours.price, ours.size) == (truth.price, truth.size)
                    && (!has_sides || ours.aggressor == truth.aggressor)
            });
            if let Some(told) = told {
                ours.pop_front();
                last_told = Some(place);
                self.is_told_in_time(truth.time, told.time, step)?;
            } else if last_told.is_some() {
                missing.push((place, truth.time));
            }
        }
        for (place, time) in missing {
            if (is_over || Some(place) < last_told) && !self.is_on_record(time, time) {
                return Err(self.around(
                    time,
                    format!("the trade of {time} is missing, and nothing says so"),
                ));
            }
        }
        match ours.front() {
            None => Ok(()),
            Some(ours) => Err(self.around(ours.time, format!("never happened, or not then: {ours:?}"))),
        }
    }

    /// A trade has its own time, or that it has a later one is on record.
    fn is_told_in_time(&self, made: Timestamp, told: Timestamp, step: i64) -> Result<(), String> {
        if told <= made.plus_nanos(-step) {
            return Err(self.around(
                made,
                format!("the trade of {made} is told as of {told}, before it was made"),
            ));
        }
        if told.since(made) > self.late && !self.is_on_record(made, told) {
            return Err(self.around(
                made,
                format!("the trade of {made} is told as of {told}, and nothing says so"),
            ));
        }
        Ok(())
    }

    /// The minutes that come of the trades.
    pub(super) fn bars(&self) -> Result<(), String> {
        let mut aggregator = BarAggregator::new(Timeframe::MINUTE);
        let mut bars: BTreeMap<Timestamp, Bar> = BTreeMap::new();
        for event in self.events() {
            let ended = match event {
                MarketEvent::Trade(trade) => aggregator.push_trade(trade.time, trade.price, trade.size),
                other => aggregator.advance(other.time()),
            };
            bars.extend(ended.map(|bar| (bar.open_time, bar)));
        }
        let Some((first, _)) = bars.first_key_value() else {
            return Err("no minute was whole".to_owned());
        };
        let end = self.published.last().map(|last| last.event.time());
        // The first one began before anybody listened.
        for truth in self.truth.bars.iter().filter(|bar| bar.open_time > *first) {
            let close = Timeframe::MINUTE.close_of(truth.open_time);
            let is_right = bars
                .get(&truth.open_time)
                .is_some_and(|ours| is_same(ours, truth))
                || end.is_none_or(|end| close > end);
            if !is_right && !self.is_on_record(truth.open_time, close) {
                let ours = bars.get(&truth.open_time);
                return Err(self.around(close, format!("{truth:?} was {ours:?}")));
            }
        }
        Ok(())
    }

    /// What was told as the price was the price then, and was told often enough.
    pub(super) fn prices(&self, every: i64, late: i64) -> Result<(), String> {
        let mut before: Option<Timestamp> = None;
        for published in self.published {
            let MarketEvent::Trade(ours) = &published.event else {
                continue;
            };
            if !self.was_the_price(ours, late) {
                return Err(self.around(ours.time, format!("never was the price: {ours:?}")));
            }
            let last = before.replace(published.received);
            if let Some(last) = last.filter(|last| published.received.since(*last) > every + self.slack)
                && !self.is_on_record(last, published.received)
            {
                return Err(self.around(last, format!("nothing was told from {last}, and nothing says so")));
            }
        }
        before.map_or_else(|| Err("no price was published".to_owned()), |_| Ok(()))
    }

    /// Whether the price stood at its time, give or take the slack: from its trade to the next one, or before the first.
    fn was_the_price(&self, ours: &TradeTick, late: i64) -> bool {
        let (from, to) = (
            ours.time.plus_nanos(-self.slack - late),
            ours.time.plus_nanos(self.slack),
        );
        let trades = &self.truth.trades;
        let next = trades
            .iter()
            .skip(1)
            .map(|(_, next)| Some(next.time))
            .chain([None]);
        let mut stood = trades.iter().zip(next);
        let first = trades.front().map(|(_, first)| first.time);
        let mut closes = self.truth.bars.iter().filter(|bar| bar.close == ours.price);
        stood.any(|((_, trade), next)| {
            trade.price == ours.price && trade.time <= to && next.is_none_or(|next| next >= from)
        }) || (first.is_none_or(|first| first >= from)
            && closes.any(|bar| Timeframe::MINUTE.close_of(bar.open_time) <= to))
    }

    /// Minutes that were told are the truth's, in order and once.
    pub(super) fn told_bars(&self, is_over: bool) -> Result<(), String> {
        let told = |event: &MarketEvent| match event {
            MarketEvent::Bar(bar) => Some(*bar),
            _ => None,
        };
        let mut ours: VecDeque<Bar> = self.events().filter_map(told).collect();
        let (Some(first), Some(last)) = (ours.front().copied(), ours.back().copied()) else {
            return Err("no bar was published".to_owned());
        };
        for truth in self
            .truth
            .bars
            .iter()
            .filter(|bar| bar.open_time >= first.open_time)
        {
            if ours.front().is_some_and(|ours| is_same(ours, truth)) {
                ours.pop_front();
                continue;
            }
            let close = Timeframe::MINUTE.close_of(truth.open_time);
            if (is_over || truth.open_time < last.open_time) && !self.is_on_record(truth.open_time, close) {
                return Err(self.around(close, format!("{truth:?} was not told, and nothing says so")));
            }
        }
        match ours.front() {
            None => Ok(()),
            Some(ours) => Err(self.around(ours.open_time, format!("never happened, or not then: {ours:?}"))),
        }
    }
}

/// Venues tell volumes in whole lots, and sums of floats are off by their last digits.
fn is_same(ours: &Bar, truth: &Bar) -> bool {
    let volume = truth.volume;
    (ours.volume - volume).abs() <= 1e-9 * volume && Bar { volume, ..*ours } == *truth
}
