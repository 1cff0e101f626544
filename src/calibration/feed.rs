//! What a world sees of the market: the capture's messages as one tier of data has them.

use super::CalibrationError;
use crate::exchange::{LimitFill, QueueModel, TradingStatus};
use crate::market::{
    Bar, BarAggregator, Capture, CaptureError, CaptureEvent, CaptureFiles, DepthJoin, DepthUpdate, Grid,
    MarketEvent,
};
use crate::model::{Instrument, Timeframe, Timestamp};
use serde::{Serialize, Serializer};
use std::{collections::VecDeque, fmt};

/// One tier of data, as a session may have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// The order book and trades.
    Depth,
    /// The best bid and ask, and trades.
    Quotes,
    /// Trades alone.
    Trades,
    /// Bars of this length, made of the trades.
    Bars(Timeframe),
}

impl Feed {
    /// Bars of a second, ten seconds and a minute, as far as two of them fit into a horizon.
    pub(super) fn bars_within(horizon_secs: u32) -> impl Iterator<Item = Self> {
        let fits = move |seconds: &u64| 2 * seconds <= u64::from(horizon_secs);
        let lengths = [1, 10, 60].into_iter().filter(fits);
        lengths.filter_map(|seconds| Timeframe::from_secs(seconds).ok().map(Self::Bars))
    }

    /// The models that make a difference on this tier. Trades and bars show no queue, so there only the fill rule does.
    pub(super) fn models(self) -> Vec<FillModel> {
        let usual = FillModel::default();
        let touch = FillModel {
            limit: LimitFill::Touch,
            ..usual
        };
        let queues = [QueueModel::Front, QueueModel::Logarithmic, QueueModel::RiskAverse];
        match self {
            Self::Depth | Self::Quotes => std::iter::once(usual)
                .chain(queues.map(|queue| FillModel { queue, ..usual }))
                .chain([touch])
                .collect(),
            Self::Trades | Self::Bars(_) => vec![usual, touch],
        }
    }

    /// The length of the bars that a session on this tier is told of.
    pub(super) const fn timeframe(self) -> Timeframe {
        match self {
            Self::Bars(timeframe) => timeframe,
            Self::Depth | Self::Quotes | Self::Trades => Timeframe::MINUTE,
        }
    }

    /// Whether an event is what makes this tier the one that it is.
    pub(super) const fn is_made_of(self, event: &MarketEvent) -> bool {
        matches!(
            (self, event),
            (Self::Depth, MarketEvent::Depth(_))
                | (Self::Quotes, MarketEvent::Quote(_))
                | (Self::Trades, MarketEvent::Trade(_))
                | (Self::Bars(_), MarketEvent::Bar(_))
        )
    }

    /// The model's name where this tier is known: trades and bars show no queue, and bars have a length.
    pub(super) fn name_of(self, model: &FillModel) -> String {
        match self {
            Self::Depth | Self::Quotes => model.to_string(),
            Self::Trades => model.rule().to_owned(),
            Self::Bars(timeframe) => format!("{}, {timeframe}", model.rule()),
        }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Depth => "depth",
            Self::Quotes => "quotes",
            Self::Trades => "trades",
            Self::Bars(_) => "bars",
        })
    }
}

impl Serialize for Feed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How resting orders are taken to be filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FillModel {
    /// Where in the queue they stand.
    pub queue: QueueModel,
    /// When the other side has come far enough.
    pub limit: LimitFill,
}

impl Default for FillModel {
    /// What sessions have unless they are told otherwise.
    fn default() -> Self {
        let usual = crate::exchange::FillRules::default();
        Self {
            queue: usual.queue,
            limit: usual.limit,
        }
    }
}

impl FillModel {
    fn rule(&self) -> &'static str {
        match self.limit {
            LimitFill::Touch => "touch",
            LimitFill::Through | LimitFill::ThroughByTicks(_) => "through",
        }
    }
}

impl fmt::Display for FillModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = match self.queue {
            QueueModel::Front => "front".to_owned(),
            QueueModel::RiskAverse => "risk-averse".to_owned(),
            QueueModel::Power { n } => format!("power {n}"),
            QueueModel::Logarithmic => "logarithmic".to_owned(),
        };
        f.pad(&format!("{queue}, {}", self.rule()))
    }
}

/// One event of a feed.
#[derive(Debug)]
pub(super) struct Fed {
    /// From when on it happened: when a bar opens, else when it became known.
    pub(super) begins: Timestamp,
    /// When it became known: when a bar closes.
    pub(super) known_at: Timestamp,
    pub(super) event: MarketEvent,
}

/// The events of a feed, in the order in which they become known.
#[derive(Debug)]
pub(super) struct FeedEvents<'a> {
    capture: Capture<'a>,
    feed: Feed,
    join: DepthJoin,
    bars: BarAggregator,
    /// Updates of the book that one message made.
    ready: VecDeque<DepthUpdate>,
}

impl<'a> FeedEvents<'a> {
    pub(super) fn open(
        files: CaptureFiles<'a>,
        instrument: &Instrument,
        feed: Feed,
    ) -> Result<Self, CalibrationError> {
        Ok(Self {
            capture: Capture::open(files, Grid::of(instrument))?,
            feed,
            join: DepthJoin::default(),
            bars: BarAggregator::new(feed.timeframe()),
            ready: VecDeque::new(),
        })
    }

    /// The tier of data that they make.
    pub(super) const fn feed(&self) -> Feed {
        self.feed
    }

    /// What this tier makes of a message.
    fn make(&mut self, event: CaptureEvent) -> Option<Fed> {
        let time = event.time();
        match (self.feed, event) {
            (Feed::Bars(timeframe), CaptureEvent::Trade(captured)) => {
                let trade = captured.trade;
                let bar = self.bars.push_trade(time, trade.price, trade.size)?;
                Some(closed(bar, timeframe))
            }
            (_, CaptureEvent::Trade(captured)) => Some(at_once(time, MarketEvent::Trade(captured.trade))),
            (Feed::Quotes, CaptureEvent::Quote(captured)) => {
                Some(at_once(time, MarketEvent::Quote(captured.quote)))
            }
            (Feed::Depth, CaptureEvent::Depth(diff)) => match self.join.diff(diff) {
                Ok(update) => update.map(depth),
                Err(_) => Some(gap(time)),
            },
            (Feed::Depth, CaptureEvent::Snapshot(snapshot)) => match self.join.snapshot(snapshot) {
                Ok(updates) => {
                    self.ready.extend(updates);
                    self.ready.pop_front().map(depth)
                }
                Err(_) => Some(gap(time)),
            },
            _ => None,
        }
    }
}

impl Iterator for FeedEvents<'_> {
    type Item = Result<Fed, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(update) = self.ready.pop_front() {
            return Some(Ok(depth(update)));
        }
        loop {
            match self.capture.next()? {
                Err(error) => return Some(Err(error)),
                Ok(event) => {
                    if let Some(fed) = self.make(event) {
                        return Some(Ok(fed));
                    }
                }
            }
        }
    }
}

const fn at_once(time: Timestamp, event: MarketEvent) -> Fed {
    Fed {
        begins: time,
        known_at: time,
        event,
    }
}

fn depth(update: DepthUpdate) -> Fed {
    at_once(update.time, MarketEvent::Depth(Box::new(update)))
}

/// Messages are missing: what was known of the book is not known any more.
const fn gap(time: Timestamp) -> Fed {
    at_once(time, MarketEvent::Status(time, TradingStatus::Gap))
}

const fn closed(bar: Bar, timeframe: Timeframe) -> Fed {
    Fed {
        begins: bar.open_time,
        known_at: timeframe.close_of(bar.open_time),
        event: MarketEvent::Bar(bar),
    }
}
