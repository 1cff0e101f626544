//! Sessions on live feeds: which symbols, where they begin, and the bars that they warm up on.

use super::sessions::{Chosen, history_from};
use super::{ServiceError, Services, quality, wall_clock};
use crate::storage::{DatasetId, NewDataset};
use crate::tape::TapeSpec;
use papertape::api::{DatasetInfo, FeedInfo, FeedKind, FieldErrors, StartRequest};
use papertape::market::{Bar, Bars};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use papertape::strategy::Strategy;
use papertape_feeds::FeedError;
use std::collections::BTreeMap;

/// Bars of history that are asked of a venue for a new session at most.
const MOST_HISTORY: i64 = 50_000;
/// Minutes that are fetched at once at most.
const MOST_FETCHED: i64 = 366 * 1_440;
/// The longest that a market with a calendar rests: a long weekend.
const LONGEST_REST: i64 = 4 * 86_400_000_000_000;

impl Services {
    /// A feed's symbols for a new session that starts now, or when the feed says that it is: instruments, bars to warm up on, and
    /// where the session begins on the feed's tapes. The feed runs on until the session listens.
    pub(super) async fn live_feeds(
        &self,
        feed: &str,
        symbols: &[Symbol],
        strategy: &Strategy,
    ) -> Result<Vec<Chosen>, ServiceError> {
        let mut errors = FieldErrors::default();
        errors.timeframe(strategy.timeframe, Timeframe::MINUTE);
        errors.finish()?;
        if self.feeds.index_prices(feed) == Some(false) {
            return Err(ServiceError::NoSuch {
                code: "index_price",
                path: "feed",
                message: format!(
                    "{feed} tells index prices, averages over many venues at which nobody trades: fills on them are no market's. Name a \
                     venue's feed, or set fills_on_index = true in [feeds.{feed}] of the configuration"
                ),
            });
        }
        let mut heard = Vec::with_capacity(symbols.len());
        for symbol in symbols {
            let instrument = self.feeds.instrument(feed, symbol).await.map_err(refused)?;
            heard.push((instrument, self.feeds.hear(feed, symbol).await.map_err(refused)?));
        }
        // All of them are heard from here on: nothing that is told falls between history and the beginning.
        let now = wall_clock();
        let mut beginnings = Vec::with_capacity(symbols.len());
        for (symbol, (_, heard)) in symbols.iter().zip(&heard) {
            let beginning = self.feeds.beginning(feed, symbol, heard, now).await;
            beginnings.push(beginning.map_err(refused)?);
        }
        let mut all = Vec::with_capacity(symbols.len());
        for ((instrument, _heard), beginning) in heard.into_iter().zip(beginnings) {
            all.push(self.live_symbol(feed, instrument, strategy, beginning).await?);
        }
        Ok(all)
    }

    async fn live_symbol(
        &self,
        feed: &str,
        instrument: Instrument,
        strategy: &Strategy,
        (start, first): (Timestamp, u64),
    ) -> Result<Chosen, ServiceError> {
        let symbol = instrument.symbol().clone();
        let wanted = history_from(
            start,
            start.plus_nanos(-MOST_HISTORY * Timeframe::MINUTE.nanos()),
            strategy,
        );
        let dataset = self.keep_history(feed, &instrument, (wanted, start)).await?;
        Ok(Chosen {
            instrument,
            peers: Vec::new(),
            others: Vec::new(),
            base_timeframe: Timeframe::MINUTE,
            tape: TapeSpec::Live {
                feed: feed.to_owned(),
                symbol,
                dataset,
                history_from: wanted,
                start,
                first,
                last: None,
            },
            feed: FeedInfo {
                name: feed.to_owned(),
                kind: FeedKind::Live,
                label: match self.feeds.index_prices(feed) {
                    Some(_) => format!("{feed}, live: index prices, no venue"),
                    None => format!("{feed}, live"),
                },
            },
        })
    }

    /// What a feed told within the request's span, once more, at any speed; warmed up on the minute bars that are kept from
    /// before it.
    pub(super) async fn recorded_feed(
        &self,
        request: &StartRequest,
        feed: &str,
        symbol: &Symbol,
        strategy: &Strategy,
    ) -> Result<Chosen, ServiceError> {
        let mut errors = FieldErrors::default();
        errors.timeframe(strategy.timeframe, Timeframe::MINUTE);
        errors.finish()?;
        let lacking = |message: String| ServiceError::NoSuch {
            code: "unknown_feed",
            path: "feed",
            message,
        };
        let names = self.feeds.on_tape().unwrap_or_default();
        if !names.iter().any(|name| name == feed) {
            let known = match names.is_empty() {
                true => "nothing is yet".to_owned(),
                false => format!("there are: {}", names.join(", ")),
            };
            return Err(lacking(format!(
                "nothing that a feed '{feed}' told is on tape; {known}"
            )));
        }
        let told = self
            .feeds
            .told_within(feed, symbol, request.from, request.to)
            .await;
        let told = told.map_err(|error| lacking(error.to_string()))?;
        let Some((numbers, start)) = told else {
            return Err(lacking(format!("{feed} told nothing of {symbol} in that span")));
        };
        let first = *numbers.start();
        let instrument = self.feeds.instrument_on_tape(feed, symbol, first).await;
        let instrument = instrument.map_err(|error| lacking(error.to_string()))?;
        let known = self.storage.datasets().await?.into_iter().find(|record| {
            record.feed == feed
                && record.instrument.symbol() == symbol
                && record.timeframe == Timeframe::MINUTE
        });
        let earliest = start.plus_nanos(-MOST_HISTORY * Timeframe::MINUTE.nanos());
        Ok(Chosen {
            instrument,
            peers: Vec::new(),
            others: Vec::new(),
            base_timeframe: Timeframe::MINUTE,
            tape: TapeSpec::Live {
                feed: feed.to_owned(),
                symbol: symbol.clone(),
                dataset: known.map(|record| record.id),
                history_from: history_from(start, earliest, strategy),
                start,
                first,
                last: Some(*numbers.end()),
            },
            feed: FeedInfo {
                name: format!("recorded:{feed}"),
                kind: FeedKind::Replay,
                label: format!("Replay of what {feed} told of {symbol}"),
            },
        })
    }

    /// A feed's minute bars of a span: those that are kept, and those that the venue has beyond them, which are kept then. `None`
    /// when there are none at all: the session warms up on what comes.
    async fn keep_history(
        &self,
        feed: &str,
        instrument: &Instrument,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Option<DatasetId>, ServiceError> {
        let symbol = instrument.symbol();
        let known = self.storage.datasets().await?.into_iter().find(|record| {
            record.feed == feed
                && record.instrument.symbol() == symbol
                && record.timeframe == Timeframe::MINUTE
        });
        let mut all: BTreeMap<Timestamp, Bar> = match &known {
            Some(record) => {
                let kept = self.storage.bars(record.id).await?;
                kept.iter().map(|bar| (bar.open_time, bar)).collect()
            }
            None => BTreeMap::new(),
        };
        let before = all.len();
        for span in lacking(&all, (from, to)) {
            match self.feeds.bars(feed, symbol, Timeframe::MINUTE, span).await {
                Ok(bars) => all.extend(bars.into_iter().map(|bar| (bar.open_time, bar))),
                // A session needs what comes more than what was.
                Err(error) => {
                    tracing::warn!(feed, %symbol, %error, "no history: the session warms up on what comes");
                }
            }
        }
        if all.len() == before {
            return Ok(known.map(|record| record.id));
        }
        let bars: Bars = all.into_values().collect();
        let found = quality(&bars, Timeframe::MINUTE);
        let dataset = NewDataset {
            feed: feed.to_owned(),
            instrument: instrument.clone(),
            timeframe: Timeframe::MINUTE,
            bars,
            actions: Vec::new(),
            gaps: found.gaps,
            missing_bars: found.missing_bars,
            imported_at: wall_clock(),
        };
        Ok(Some(self.storage.import(dataset).await?))
    }

    /// Keeps a feed's minute bars of a span, as far as they are not kept yet, and gives the dataset that they are in.
    ///
    /// # Errors
    /// [`ServiceError`] when the feed does not have them.
    pub async fn fetch_history(
        &self,
        feed: &str,
        symbol: &Symbol,
        span: (Timestamp, Timestamp),
    ) -> Result<DatasetInfo, ServiceError> {
        let mut errors = FieldErrors::default();
        errors.order(Some(span.0), Some(span.1));
        let minutes = span.1.since(span.0) / Timeframe::MINUTE.nanos();
        errors.check(
            minutes <= MOST_FETCHED,
            "from",
            "a year of minutes is fetched at once at most: ask for the rest afterwards",
        );
        errors.finish()?;
        let _keeping = self.keeping.lock().await;
        let instrument = self.feeds.instrument(feed, symbol).await.map_err(refused)?;
        let now = wall_clock();
        let span = (span.0, span.1.min(now));
        // Asked for by a person: what cannot be had is told.
        if self.keep_history(feed, &instrument, span).await?.is_none() {
            self.feeds
                .bars(feed, symbol, Timeframe::MINUTE, span)
                .await
                .map_err(refused)?;
            return Err(ServiceError::NoSuch {
                code: "no_bars",
                path: "from",
                message: format!("{feed} has no minute bars of {symbol} in that span"),
            });
        }
        let id = format!("{feed}:{symbol}@{}", Timeframe::MINUTE);
        Ok(self.dataset(&id, &[]).await?.info)
    }
}

/// The spans of a span that kept bars lack: before the first, after the last, and between two that are more than
/// [`LONGEST_REST`] apart, which no market rests for.
fn lacking(
    kept: &BTreeMap<Timestamp, Bar>,
    (from, to): (Timestamp, Timestamp),
) -> Vec<(Timestamp, Timestamp)> {
    let minute = Timeframe::MINUTE;
    let mut all = Vec::new();
    let (mut reached, mut is_edge) = (from, true);
    for open in kept.range(from..to).map(|(open, _)| *open) {
        if is_edge || open.since(reached) > LONGEST_REST {
            all.push((reached, open));
        }
        (reached, is_edge) = (minute.close_of(open), false);
    }
    all.push((reached, to));
    all.retain(|(from, to)| minute.close_of(*from) <= *to);
    all
}

/// What a feed refused, as an error of a request's field.
pub(super) fn refused(error: FeedError) -> ServiceError {
    match error {
        FeedError::UnknownSymbol { .. } => ServiceError::NoSuch {
            code: "unknown_symbol",
            path: "symbols",
            message: error.to_string(),
        },
        other => ServiceError::Feed(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_asked_for_and_what_a_market_rests_is_not() {
        let minute = |number: i64| Timestamp::from_secs(60 * number);
        let bar = |number: i64| Bar {
            open_time: minute(number),
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 1.0,
        };
        let lacks = |kept: &[i64], from: i64, to: i64| -> Vec<(i64, i64)> {
            let kept = kept
                .iter()
                .map(|number| (minute(*number), bar(*number)))
                .collect();
            let spans = lacking(&kept, (minute(from), minute(to)));
            spans
                .iter()
                .map(|(from, to)| (from.secs() / 60, to.secs() / 60))
                .collect()
        };
        assert_eq!(lacks(&[], 5, 9), [(5, 9)]);
        assert_eq!(lacks(&[5, 6, 7, 8], 5, 9), []);
        assert_eq!(lacks(&[6, 7], 5, 9), [(5, 6), (8, 9)]);
        // Two days without a trade are a weekend, a month is a hole.
        let (weekend, month) = (2 * 1_440, 30 * 1_440);
        assert_eq!(lacks(&[5, weekend], 5, weekend + 1), []);
        assert_eq!(lacks(&[5, month], 5, month + 1), [(6, month)]);
        assert_eq!(lacks(&[5], month, month + 9), [(month, month + 9)]);
    }
}
