//! Sessions on live feeds: which symbols, where they begin, and the bars that they warm up on.

use super::sessions::{Chosen, history_from};
use super::{ServiceError, Services, wall_clock};
use crate::tape::TapeSpec;
use papertape::api::{FeedInfo, FeedKind, FieldErrors, StartRequest};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use papertape::strategy::Strategy;
use papertape_feeds::FeedError;

/// Bars of history that are asked of a venue for a new session at most.
const MOST_HISTORY: i64 = 50_000;

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
        let past = self
            .past(feed, &instrument, Timeframe::MINUTE, (wanted, start))
            .await?;
        // A session needs what comes more than what was.
        if let Some(error) = past.refused {
            tracing::warn!(feed, %symbol, %error, "history is missing: the session warms up on what there is");
        }
        let dataset = past.dataset;
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
