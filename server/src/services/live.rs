//! Sessions on live feeds, and how those are.

use super::sessions::{Chosen, history_from};
use super::{ServiceError, Services, quality, wall_clock};
use crate::feeds::{Latest, lock};
use crate::storage::{DatasetId, NewDataset};
use crate::tape::TapeSpec;
use papertape::alert::{Alert, AlertKind, Severity};
use papertape::api::{
    BreakerState, ConnectionState, DataIncident, DatasetInfo, FeedHealth, FeedInfo, FeedKind, FieldErrors,
    Freshness, IndicativePrice, OrderBookView, SessionDataQuality, SourceHealth, StartRequest, SymbolHealth,
    TaintedSpan, Ticker,
};
use papertape::exchange::TradingStatus;
use papertape::market::{Bar, Bars};
use papertape::model::{AlertId, Instrument, SessionId, Side, Symbol, Timeframe, Timestamp};
use papertape::strategy::Strategy;
use papertape_feeds::{FeedError, FeedStatus};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Bars of history that are asked of a venue for a new session at most.
const MOST_HISTORY: i64 = 50_000;
/// Symbols of a feed that are listened to for who only looks, at most.
const MOST_SYMBOLS: usize = 256;
/// Minutes that are fetched at once at most.
const MOST_FETCHED: i64 = 366 * 1_440;
/// Numbers of alerts about data begin here: no session raises so many itself.
const DATA_ALERTS: std::ops::RangeFrom<u64> = 1 << 32..;
/// The longest that a market with a calendar rests: a long weekend.
const LONGEST_REST: i64 = 4 * DAY;
/// How far back incidents are told of a feed that nobody asks a span of.
const DAY: i64 = 86_400_000_000_000;

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
        let mut heard = Vec::with_capacity(symbols.len());
        for symbol in symbols {
            let instrument = self.feeds.instrument(feed, symbol).await.map_err(refused)?;
            heard.push((instrument, self.feeds.hear(feed, symbol).await.map_err(refused)?));
        }
        // All of them are heard from here on: nothing that is told falls between history and the beginning.
        let now = wall_clock();
        let mut beginnings = Vec::with_capacity(symbols.len());
        for symbol in symbols {
            beginnings.push(self.feeds.beginning(feed, symbol, now).await.map_err(refused)?);
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
                label: format!("{feed}, live"),
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
        let instrument = self.feeds.instrument_on_tape(feed, symbol);
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
                first: *numbers.start(),
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

    /// How every live feed is.
    #[must_use]
    pub fn feed_health(&self) -> Vec<FeedHealth> {
        let all = self.feeds.status();
        let source = |name: &str| {
            let found = all.iter().find(|status| status.feed == name);
            found.map(source_health)
        };
        all.iter()
            .map(|status| FeedHealth {
                name: status.feed.clone(),
                kind: FeedKind::Live,
                label: format!("{}, live", status.feed),
                sources: if status.sources.is_empty() {
                    vec![source_health(status)]
                } else {
                    status.sources.iter().filter_map(|name| source(name)).collect()
                },
                symbols: status.symbols.iter().map(symbol_health).collect(),
            })
            .collect()
    }

    /// Whether there is a live feed of this name.
    #[must_use]
    pub fn has_feed(&self, feed: &str) -> bool {
        self.feeds.has(feed)
    }

    /// What was last told of a symbol; begins to listen, for a while, if nobody does.
    ///
    /// # Errors
    /// [`ServiceError`] when the feed does not have the symbol.
    pub async fn ticker(&self, feed: &str, symbol: &Symbol) -> Result<Ticker, ServiceError> {
        let (latest, freshness) = self.market(feed, symbol).await?;
        let indicative = self.feeds.indicative(feed, symbol);
        let latest = lock(&latest);
        Ok(Ticker {
            symbol: symbol.clone(),
            feed: feed.to_owned(),
            source: latest.source.clone(),
            freshness,
            quote: latest.quote,
            last_trade: latest.trade,
            received: latest.received,
            indicative: indicative.map(|estimate| IndicativePrice {
                price: estimate.price,
                time: estimate.time,
                is_estimate: true,
                sources: estimate.sources,
            }),
        })
    }

    /// A symbol's order book as it stands; begins to listen, for a while, if nobody does.
    ///
    /// # Errors
    /// [`ServiceError`] when the feed does not have the symbol.
    pub async fn order_book(
        &self,
        feed: &str,
        symbol: &Symbol,
        depth: usize,
    ) -> Result<OrderBookView, ServiceError> {
        let (latest, freshness) = self.market(feed, symbol).await?;
        let latest = lock(&latest);
        Ok(OrderBookView {
            symbol: symbol.clone(),
            feed: feed.to_owned(),
            freshness,
            bids: latest.levels(Side::Buy, depth),
            asks: latest.levels(Side::Sell, depth),
            received: latest.received,
        })
    }

    async fn market(
        &self,
        feed: &str,
        symbol: &Symbol,
    ) -> Result<(Arc<Mutex<Latest>>, Freshness), ServiceError> {
        let all = self.feeds.status();
        let listens = all
            .iter()
            .find(|status| status.feed == feed)
            .map_or(&[][..], |status| &status.symbols);
        if listens.len() >= MOST_SYMBOLS && !listens.iter().any(|heard| heard.symbol == *symbol) {
            return Err(ServiceError::NoSuch {
                code: "too_many_symbols",
                path: "symbol",
                message: format!(
                    "{feed} listens to {MOST_SYMBOLS} symbols already: wait until some are not looked at any more"
                ),
            });
        }
        drop(self.feeds.hear(feed, symbol).await.map_err(refused)?);
        let latest = self
            .feeds
            .latest(feed, symbol)
            .ok_or_else(|| ServiceError::NoSuch {
                code: "unknown_symbol",
                path: "symbol",
                message: format!("{feed} tells nothing of {symbol}"),
            })?;
        let all = self.feeds.status();
        let of_feed = all.iter().find(|status| status.feed == feed);
        let status = of_feed.and_then(|status| status.symbols.iter().find(|heard| heard.symbol == *symbol));
        let freshness = status.map_or(Freshness::Waiting, |status| symbol_health(status).freshness);
        Ok((latest, freshness))
    }

    /// What was not as it should be with a feed's data in the last day.
    ///
    /// # Errors
    /// [`ServiceError`] when storage cannot be read.
    pub async fn feed_incidents(&self, feed: &str) -> Result<Vec<DataIncident>, ServiceError> {
        let now = wall_clock();
        Ok(self
            .storage
            .incidents(feed, None, (now.plus_nanos(-DAY), now))
            .await?)
    }

    /// What of a session's data-quality record is worth an alert: data that is missing or stale, another source, sources that
    /// differ. They are numbered after all that the session raises itself.
    pub(super) async fn data_alerts(&self, id: &SessionId) -> Result<Vec<Alert>, ServiceError> {
        let incidents = self.data_quality(id).await?.incidents;
        let worth = incidents.into_iter().filter(is_doubtful);
        Ok(worth
            .zip(DATA_ALERTS)
            .map(|(incident, number)| Alert {
                id: AlertId(number),
                time: incident.from,
                severity: Severity::Warning,
                kind: AlertKind::System,
                code: format!("data_{}", incident.kind),
                message: incident.detail,
            })
            .collect())
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

    /// What a session's data was like while it listened.
    ///
    /// # Errors
    /// [`ServiceError`] when there is no such session.
    pub async fn data_quality(&self, id: &SessionId) -> Result<SessionDataQuality, ServiceError> {
        let summary = self.host.summary(id)?;
        let Some(spec) = self.storage.session(id).await?.map(|record| record.spec) else {
            return Ok(SessionDataQuality::default());
        };
        let end = match (summary.state.is_final(), summary.market_time) {
            (true, Some(last)) => last,
            _ => wall_clock(),
        };
        let mut incidents = Vec::new();
        for tape in spec.tape.each() {
            match tape {
                TapeSpec::Live {
                    feed,
                    symbol,
                    start,
                    last,
                    ..
                } => {
                    // Incidents have the time of our clock, whatever time the feed tells of.
                    let has_own_time = self.feeds.has_time_of_its_own(feed);
                    let span = match (last, summary.market_time) {
                        (Some(_), _) if has_own_time => continue,
                        (Some(_), Some(reached)) => (*start, reached),
                        _ if has_own_time => (summary.created_at, wall_clock()),
                        _ => (*start, end),
                    };
                    let found = self.storage.incidents(feed, Some(symbol), span).await?;
                    incidents.extend(found.into_iter().map(|incident| DataIncident {
                        from: incident.from.max(span.0),
                        ..incident
                    }));
                }
                TapeSpec::Replay {
                    dataset,
                    timeframe,
                    from,
                    to,
                } => {
                    let bars = self.storage.bars(*dataset).await?;
                    let bars = papertape::backtest::within(bars, *timeframe, *from, *to);
                    let name = spec.instrument.symbol();
                    let until = summary.market_time.unwrap_or_default();
                    incidents.extend(holes(&bars, *timeframe, name, until));
                }
                TapeSpec::Simulated { .. } | TapeSpec::SimulatedBars { .. } | TapeSpec::Together { .. } => {}
            }
        }
        incidents.sort_by_key(|incident| incident.from);
        let tainted = tainted(&incidents);
        let seconds = tainted.iter().map(|span| span.to.unwrap_or(end).since(span.from));
        Ok(SessionDataQuality {
            tainted_seconds: seconds.sum::<i64>() as f64 / 1e9,
            tainted,
            incidents,
        })
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

/// The holes between bars, up to `until`.
fn holes(bars: &Bars, timeframe: Timeframe, symbol: &Symbol, until: Timestamp) -> Vec<DataIncident> {
    let pairs = bars.open_time.windows(2).take_while(|pair| pair[0] < until);
    let holes = pairs.filter_map(|pair| {
        let from = timeframe.close_of(pair[0]);
        let missing = pair[1].since(from) / timeframe.nanos();
        (missing > 0).then(|| DataIncident {
            kind: "gap".to_owned(),
            feed: "replay".to_owned(),
            symbol: symbol.clone(),
            source: "dataset".to_owned(),
            from,
            to: Some(pair[1]),
            count: missing.unsigned_abs(),
            detail: format!("{missing} bars of {timeframe} are missing"),
        })
    });
    holes.take(10_000).collect()
}

/// Whether data was missing, stale or in doubt. Backfilled data is whole again, and what was kept off was replaced by nothing
/// that fills.
fn is_doubtful(incident: &DataIncident) -> bool {
    ["gap", "stale", "failover", "divergence"].contains(&incident.kind.as_str())
}

/// The spans in which data was missing, stale or in doubt, apart from each other and in order.
fn tainted(incidents: &[DataIncident]) -> Vec<TaintedSpan> {
    let mut all: Vec<TaintedSpan> = Vec::new();
    for incident in incidents.iter().filter(|incident| is_doubtful(incident)) {
        let span = TaintedSpan {
            from: incident.from,
            to: incident.to,
        };
        match all.last_mut() {
            Some(last) if last.to.is_none_or(|to| span.from <= to) => {
                last.to = last.to.and_then(|to| span.to.map(|other| other.max(to)));
            }
            _ => all.push(span),
        }
    }
    all
}

fn source_health(status: &FeedStatus) -> SourceHealth {
    use papertape_feeds::{BreakerState as Breaker, ConnectionState as Connection};
    let used = status
        .budget
        .iter()
        .map(|budget| f64::from(budget.used) / f64::from(budget.weight.max(1)));
    let counters = status.counters;
    SourceHealth {
        name: status.feed.clone(),
        venue: status.venue.clone().unwrap_or_default(),
        connection: match status.connection {
            Connection::Idle => ConnectionState::Idle,
            Connection::Connecting => ConnectionState::Connecting,
            Connection::Connected => ConnectionState::Connected,
            Connection::Polling => ConnectionState::Polling,
            Connection::Waiting => ConnectionState::Waiting,
        },
        breaker: match status.breaker {
            Breaker::Closed => BreakerState::Closed,
            Breaker::Open => BreakerState::Open,
            Breaker::HalfOpen => BreakerState::HalfOpen,
        },
        subscriptions: status.symbols.len() as u64,
        messages: counters.messages,
        lost: counters.lost,
        late: counters.late,
        duplicates: counters.duplicates,
        quarantined: counters.quarantined,
        reconnects: status.reconnects,
        last_message: status.last_message,
        clock_skew_ms: status.clock_skew_ms,
        budget_used: used.reduce(f64::max),
        last_error: status.last_error.clone(),
    }
}

fn symbol_health(status: &papertape_feeds::SymbolStatus) -> SymbolHealth {
    SymbolHealth {
        symbol: status.symbol.clone(),
        source: status.source.clone(),
        freshness: match (status.status, status.last_heard) {
            (_, None) => Freshness::Waiting,
            (TradingStatus::Trading, _) => Freshness::Fresh,
            (TradingStatus::Gap, _) => Freshness::Gap,
            (TradingStatus::Halted | TradingStatus::Ended, _) => Freshness::Halted,
        },
        why: status.why.clone(),
        number: status.number,
        last_event: status.last_heard,
        reference_price: status.reference_price,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(kind: &str, from: i64, to: Option<i64>) -> DataIncident {
        DataIncident {
            kind: kind.to_owned(),
            feed: "binance".to_owned(),
            symbol: "BTC/USDT".parse().expect("a symbol"),
            source: "binance".to_owned(),
            from: Timestamp::from_secs(from),
            to: to.map(Timestamp::from_secs),
            count: 1,
            detail: String::new(),
        }
    }

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

    #[test]
    fn spans_that_touch_are_one_and_what_was_made_good_taints_nothing() {
        let incidents = [
            incident("gap", 10, Some(20)),
            incident("backfill", 12, Some(90)),
            incident("stale", 20, Some(25)),
            incident("failover", 30, Some(31)),
            incident("quarantine", 40, Some(41)),
            incident("divergence", 50, None),
            incident("gap", 60, Some(70)),
        ];
        let secs = |time: Timestamp| time.secs();
        let spans: Vec<(i64, Option<i64>)> = tainted(&incidents)
            .into_iter()
            .map(|span| (secs(span.from), span.to.map(secs)))
            .collect();
        assert_eq!(spans, [(10, Some(25)), (30, Some(31)), (50, None)]);
    }
}
