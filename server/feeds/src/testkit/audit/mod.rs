//! What was published against what happened.

mod best;
mod traded;

use super::TrueMarket;
use crate::quality::Incident;
use crate::record::Published;
use papertape::exchange::TradingStatus;
use papertape::market::MarketEvent;
use papertape::model::Timestamp;

/// One stream and the truth that it is about: what was published is what happened, when it happened, in its order and once, or what
/// it lacks is on the data-quality record.
#[derive(Debug)]
pub struct Audit<'a> {
    /// What was published.
    pub published: &'a [Published],
    /// The data-quality record.
    pub incidents: Vec<&'a Incident>,
    /// What happened, every trade, quote, bar and change of the book.
    pub truth: &'a TrueMarket,
    /// By how many nanoseconds times on the record may be off: some are the venue's, some are ours.
    pub slack: i64,
    /// By how many nanoseconds later than it happened something may be told without a word: different ways take different times.
    pub late: i64,
    /// What the venue tells.
    pub detail: Detail,
}

/// How much of the truth a venue tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Its finest data.
    pub finest: Finest,
    /// So many levels of the book from the best, ten or all: none where there is no book.
    pub levels: usize,
    /// Its best bid and ask.
    pub quotes: Quotes,
}

/// A venue's finest data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finest {
    /// Every trade.
    Trades {
        /// Whether it always says who took.
        has_sides: bool,
        /// Times are told in so many whole nanoseconds.
        step: i64,
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

/// What is told of the best bid and ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quotes {
    /// Nothing.
    None,
    /// Prices without sizes.
    Prices,
    /// Both.
    Whole,
}

impl Audit<'_> {
    /// Checks everything; `is_over` says that all that happened has been told by now, so that the last book and the last quote must
    /// be the truth's.
    ///
    /// # Errors
    /// What is wrong, in a sentence, with what it can be understood from.
    pub fn check(&self, is_over: bool) -> Result<(), String> {
        self.times()?;
        self.statuses()?;
        if self.detail.levels > 0 {
            self.books(is_over)?;
        }
        if self.detail.quotes != Quotes::None {
            self.quotes(is_over)?;
        }
        match self.detail.finest {
            Finest::Trades { has_sides, step } => {
                self.trades(is_over, has_sides, step)?;
                self.bars()
            }
            Finest::Prices { every, late } => self.prices(every, late),
            Finest::Bars => self.told_bars(is_over),
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

    /// None is told twice, and why nothing fills is on record.
    fn statuses(&self) -> Result<(), String> {
        let mut before = (Timestamp::EPOCH, TradingStatus::Trading);
        for published in self.published {
            let MarketEvent::Status(time, status) = published.event else {
                continue;
            };
            if status == before.1 {
                return Err(format!("{status:?} is told twice at {time}"));
            }
            // The record says when we found out, by our clock.
            let until = time.max(published.received);
            if before.1 == TradingStatus::Gap && !self.is_on_record(before.0, until) {
                return Err(self.around(time, format!("a gap until {time}, and nothing says why")));
            }
            before = (time, status);
        }
        Ok(())
    }

    /// Whether something on record has to do with this span.
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
