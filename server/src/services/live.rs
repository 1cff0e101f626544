//! Sessions on live feeds: which symbols, where they begin, and the bars that they warm up on.

use super::sessions::{Chosen, history_from};
use super::{ServiceError, Services, wall_clock};
use crate::storage::DatasetId;
use crate::tape::TapeSpec;
use futures::future::try_join_all;
use papertape::api::{FeedInfo, FeedKind, FieldErrors, StartRequest};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use papertape::strategy::Strategy;
use papertape_feeds::FeedError;
use std::time::Duration;
use tokio::time::Instant;

/// Bars of history that are asked of a venue for a new session at most.
const MOST_HISTORY: i64 = 50_000;
/// How long a new session waits for its history at most: a venue's limits may have it wait for what others ask.
const MOST_HISTORY_WAIT: Duration = Duration::from_secs(25);

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
        // All at once: a venue that is away keeps a session waiting once, and not once for each of its symbols.
        let hearing = symbols
            .iter()
            .map(|symbol| self.feeds.hear_instrument(feed, symbol));
        let heard = try_join_all(hearing).await.map_err(refused)?;
        // All of them are heard from here on: nothing that is told falls between history and the beginning.
        let now = wall_clock();
        let beginnings = symbols
            .iter()
            .zip(&heard)
            .map(|(symbol, (_, heard))| self.feeds.beginning(feed, symbol, heard, now));
        let beginnings = try_join_all(beginnings).await.map_err(refused)?;
        let until = Instant::now() + MOST_HISTORY_WAIT;
        let all = heard.iter().zip(beginnings).map(|((instrument, _), beginning)| {
            self.live_symbol(feed, instrument.clone(), strategy, beginning, until)
        });
        try_join_all(all).await
    }

    async fn live_symbol(
        &self,
        feed: &str,
        instrument: Instrument,
        strategy: &Strategy,
        (start, first): (Timestamp, u64),
        until: Instant,
    ) -> Result<Chosen, ServiceError> {
        let symbol = instrument.symbol().clone();
        let wanted = history_from(
            start,
            start.plus_nanos(-MOST_HISTORY * Timeframe::MINUTE.nanos()),
            strategy,
        );
        let past = self
            .past(feed, &instrument, Timeframe::MINUTE, (wanted, start), Some(until))
            .await?;
        // A session needs what comes more than what was.
        if let Some(error) = past.refused {
            tracing::warn!(feed, %symbol, %error, "history is missing: the session warms up on what there is");
        }
        if past.is_late {
            let waited = MOST_HISTORY_WAIT.as_secs();
            tracing::warn!(feed, %symbol, waited, "history did not come in time: the session warms up on what there is");
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

    /// Has a live feed's tape, or what a feed told once, refer to the minute bars that are kept now. To be asked while
    /// [`Services::keeping`] is held: what was kept when the session was asked for may have been replaced.
    pub(super) async fn refer_to_newest(&self, tape: &mut TapeSpec) -> Result<(), ServiceError> {
        let tapes = match tape {
            TapeSpec::Together { tapes } => tapes.as_mut_slice(),
            one => std::slice::from_mut(one),
        };
        for tape in tapes {
            if let TapeSpec::Live {
                feed,
                symbol,
                dataset,
                ..
            } = tape
            {
                *dataset = self.newest_minutes(feed, symbol).await?;
            }
        }
        Ok(())
    }

    /// The minute bars that are kept of a feed's symbol.
    async fn newest_minutes(&self, feed: &str, symbol: &Symbol) -> Result<Option<DatasetId>, ServiceError> {
        let known = self.storage.datasets().await?.into_iter().find(|record| {
            record.feed == feed
                && record.instrument.symbol() == symbol
                && record.timeframe == Timeframe::MINUTE
        });
        Ok(known.map(|record| record.id))
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
        let dataset = self.newest_minutes(feed, symbol).await?;
        let earliest = start.plus_nanos(-MOST_HISTORY * Timeframe::MINUTE.nanos());
        Ok(Chosen {
            instrument,
            peers: Vec::new(),
            others: Vec::new(),
            base_timeframe: Timeframe::MINUTE,
            tape: TapeSpec::Live {
                feed: feed.to_owned(),
                symbol: symbol.clone(),
                dataset,
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
