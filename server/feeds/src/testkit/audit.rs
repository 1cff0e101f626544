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
    /// What the venue tells.
    pub detail: Detail,
}

/// How much of the truth a venue tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Every trade.
    Trades {
        /// So many levels of the book from the best: none where there is no book.
        levels: usize,
        /// Whether it always says who took.
        has_sides: bool,
    },
    /// The price now and then, told as a trade.
    Prices {
        /// At least once in so many nanoseconds.
        every: i64,
        /// So long an answer may take, in nanoseconds, and be published at the time when it came.
        late: i64,
    },
    /// Closed minutes.
    Bars,
}

impl Audit<'_> {
    /// Checks everything; `is_over` says that all that happened has been told by now, so that the last book must be the truth's.
    ///
    /// # Errors
    /// What is wrong, in a sentence, with what it can be understood from.
    pub fn check(&self, is_over: bool) -> Result<(), String> {
        self.times()?;
        match self.detail {
            Detail::Trades { levels, has_sides } => {
                self.books(is_over, levels)?;
                self.trades(is_over, has_sides)?;
                self.bars()
            }
            Detail::Prices { every, late } => self.prices(every, late),
            Detail::Bars => self.told_bars(is_over),
        }
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

    /// Whenever there is a book it is possible; in the end its best `depth` levels are the truth's.
    fn books(&self, is_over: bool, depth: usize) -> Result<(), String> {
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
        let levels = |book: &OrderBook, side| book.levels(side).take(depth).collect::<Vec<_>>();
        for side in [Side::Buy, Side::Sell] {
            let (ours, theirs) = (levels(&book, side), levels(&self.truth.book, side));
            if is_over && ours != theirs {
                return Err(format!("the {side:?} side is {ours:?} and should be {theirs:?}"));
            }
        }
        Ok(())
    }

    fn trades(&self, is_over: bool, has_sides: bool) -> Result<(), String> {
        let trade = |event: &MarketEvent| match event {
            MarketEvent::Trade(trade) => Some(*trade),
            _ => None,
        };
        let mut ours: VecDeque<TradeTick> = self.events().filter_map(trade).collect();
        if ours.is_empty() {
            return Err("no trade was published".to_owned());
        }
        // Which were not told, by their places: times that were published may be a little later than those of the truth, or
        // whole seconds.
        let (mut missing, mut last_told) = (Vec::new(), None);
        for (place, (_, truth)) in self.truth.trades.iter().enumerate() {
            let is_told = ours.front().is_some_and(|ours| {
                (ours.price, ours.size) == (truth.price, truth.size)
                    && (!has_sides || ours.aggressor == truth.aggressor)
            });
            if is_told {
                ours.pop_front();
                last_told = Some(place);
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

    /// What was told as the price was the price then, and was told often enough.
    fn prices(&self, every: i64, late: i64) -> Result<(), String> {
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
    fn told_bars(&self, is_over: bool) -> Result<(), String> {
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
