//! What was published against what happened.

use crate::quality::Incident;
use crate::record::Published;
use papertape::exchange::TradingStatus;
use papertape::market::{Bar, BarAggregator, BookCondition, MarketEvent, OrderBook, TradeTick};
use papertape::model::{Side, Timeframe, Timestamp};
use std::collections::{BTreeMap, VecDeque};

use super::TrueMarket;

/// One stream and the truth that it is about: what was published is what happened, in its order and once, or what it lacks is
/// on the data-quality record.
#[derive(Debug)]
pub struct Audit<'a> {
    /// What was published.
    pub published: &'a [Published],
    /// The data-quality record.
    pub incidents: Vec<&'a Incident>,
    /// What happened, every trade and bar.
    pub truth: &'a TrueMarket,
    /// By how much times on the record may be off: some are the venue's, some are ours.
    pub slack: i64,
}

impl Audit<'_> {
    /// Checks everything; `is_over` says that all that happened has been told by now, so that the last book must be the truth's.
    ///
    /// # Errors
    /// What is wrong, in a sentence, with what it can be understood from.
    pub fn check(&self, is_over: bool) -> Result<(), String> {
        self.times()?;
        self.books(is_over)?;
        self.trades(is_over)?;
        self.bars()
    }

    /// What the last status event said.
    #[must_use]
    pub fn status(&self) -> TradingStatus {
        let status = |event: &MarketEvent| match event {
            MarketEvent::Status(_, status) => Some(*status),
            _ => None,
        };
        self.events().filter_map(status).last().unwrap_or_default()
    }

    fn events(&self) -> impl Iterator<Item = &MarketEvent> {
        self.published.iter().map(|published| &published.event)
    }

    fn times(&self) -> Result<(), String> {
        for pair in self.published.windows(2) {
            let (before, after) = (pair[0].event.time(), pair[1].event.time());
            if before > after {
                return Err(format!("time goes back from {before} to {after}"));
            }
        }
        Ok(())
    }

    /// Whenever there is a book it is possible; in the end it is the truth's.
    fn books(&self, is_over: bool) -> Result<(), String> {
        let mut book = OrderBook::default();
        let mut status = TradingStatus::Trading;
        for event in self.events() {
            match event {
                MarketEvent::Depth(update) => {
                    book.apply(update);
                    if book.condition() == BookCondition::Crossed {
                        return Err(format!("the book is crossed at {}", update.time));
                    }
                }
                MarketEvent::Status(time, to) if status == *to => {
                    return Err(format!("{to:?} is told twice at {time}"));
                }
                MarketEvent::Status(_, to) => {
                    status = *to;
                    if status == TradingStatus::Gap {
                        book = OrderBook::default();
                    }
                }
                _ => {}
            }
        }
        let levels = |book: &OrderBook, side| book.levels(side).collect::<Vec<_>>();
        for side in [Side::Buy, Side::Sell] {
            let (ours, theirs) = (levels(&book, side), levels(&self.truth.book, side));
            if is_over && ours != theirs {
                return Err(format!("the {side:?} side is {ours:?} and should be {theirs:?}"));
            }
        }
        Ok(())
    }

    fn trades(&self, is_over: bool) -> Result<(), String> {
        let trade = |event: &MarketEvent| match event {
            MarketEvent::Trade(trade) => Some(*trade),
            _ => None,
        };
        let mut ours: VecDeque<TradeTick> = self.events().filter_map(trade).collect();
        let Some(first) = ours.front().copied() else {
            return Err("no trade was published".to_owned());
        };
        // Which were not told, by their places: times that were published may be a little later than those of the truth.
        let (mut missing, mut last_told) = (Vec::new(), 0);
        for (place, (_, truth)) in self.truth.trades.iter().enumerate() {
            let is_told = ours.front().is_some_and(|ours| {
                (ours.price, ours.size, ours.aggressor) == (truth.price, truth.size, truth.aggressor)
            });
            if is_told {
                ours.pop_front();
                last_told = place;
            } else if truth.time > first.time {
                missing.push((place, truth.time));
            }
        }
        for (place, time) in missing {
            if (is_over || place < last_told) && !self.is_on_record(time, time) {
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

    fn bars(&self) -> Result<(), String> {
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

    fn is_on_record(&self, from: Timestamp, to: Timestamp) -> bool {
        self.incidents.iter().any(|incident| {
            incident.from <= to.plus_nanos(self.slack)
                && incident
                    .to
                    .is_none_or(|until| until >= from.plus_nanos(-self.slack))
        })
    }

    /// What a failure can be understood from.
    fn around(&self, time: Timestamp, what: String) -> String {
        use std::fmt::Write as _;
        let mut text = what;
        for incident in &self.incidents {
            let _ = write!(text, "\n{incident:?}");
        }
        let near = |published: &&Published| {
            published.event.time().since(time).abs() < 3_000_000_000
                && !matches!(published.event, MarketEvent::Depth(_))
        };
        for published in self.published.iter().filter(near) {
            let _ = write!(text, "\n{published:?}");
        }
        text
    }
}

/// Venues tell volumes in whole lots, and sums of floats are off by their last digits.
fn is_same(ours: &Bar, truth: &Bar) -> bool {
    let volume = truth.volume;
    (ours.volume - volume).abs() <= 1e-9 * volume && Bar { volume, ..*ours } == *truth
}
