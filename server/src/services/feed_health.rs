//! How live feeds are, and what they last told.

use super::live::refused;
use super::{ServiceError, Services, wall_clock};
use crate::feeds::{Latest, lock};
use papertape::api::{
    BreakerState, BudgetWindow, ConnectionState, DataIncident, FeedHealth, FeedKind, Freshness,
    IndicativePrice, OrderBookView, SourceHealth, SymbolHealth, Ticker,
};
use papertape::model::{Side, Symbol, Timestamp};
use papertape_feeds::{BudgetStatus, FeedStatus, Indicative};
use std::sync::{Arc, Mutex};

/// Symbols of a feed that are listened to for who only looks, at most.
const MOST_SYMBOLS: usize = 256;
/// How far back incidents are told of a feed that nobody asks a span of.
const DAY: i64 = 86_400_000_000_000;

impl Services {
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
        Ok(ticker((feed, symbol), &latest, freshness, indicative))
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

    /// What was not as it should be with a feed's data in the last day: by our clock, and of each symbol that a feed with a time of
    /// its own is listened to for, by that.
    ///
    /// # Errors
    /// [`ServiceError`] when storage cannot be read.
    pub async fn feed_incidents(&self, feed: &str) -> Result<Vec<DataIncident>, ServiceError> {
        let day = |end: Timestamp| (end.plus_nanos(-DAY), end);
        let mut all = self.storage.incidents(feed, None, day(wall_clock())).await?;
        if self.feeds.has_time_of_its_own(feed) {
            let status = self.feeds.status().into_iter().find(|it| it.feed == feed);
            for heard in status.map_or_else(Vec::new, |status| status.symbols) {
                let latest = self.feeds.latest(feed, &heard.symbol);
                let Some(time) = latest.and_then(|latest| lock(&latest).time) else {
                    continue;
                };
                let of_then = self
                    .storage
                    .incidents(feed, Some(&heard.symbol), day(time))
                    .await?;
                let new: Vec<DataIncident> = of_then.into_iter().filter(|it| !all.contains(it)).collect();
                all.extend(new);
            }
        }
        all.sort_by_key(|incident| incident.from);
        Ok(all)
    }
}

/// What was last told of a feed's symbol.
pub(super) fn ticker(
    (feed, symbol): (&str, &Symbol),
    latest: &Latest,
    freshness: Freshness,
    indicative: Option<Indicative>,
) -> Ticker {
    Ticker {
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
    }
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
        subscriptions: status.subscriptions,
        messages: counters.messages,
        lost: counters.lost,
        backfilled: counters.backfilled,
        late: counters.late,
        out_of_order: counters.out_of_order,
        duplicates: counters.duplicates,
        quarantined: counters.quarantined,
        undecodable: status.undecodable,
        reconnects: status.reconnects,
        last_message: status.last_message,
        clock_skew_ms: status.clock_skew_ms,
        budget_used: used.reduce(f64::max),
        budget: status.budget.iter().map(window).collect(),
        last_error: status.last_error.clone(),
        last_error_at: status.last_error_at,
    }
}

const fn window(budget: &BudgetStatus) -> BudgetWindow {
    BudgetWindow {
        used: budget.used,
        limit: budget.weight,
        seconds: budget.every_s,
    }
}

pub(super) fn symbol_health(status: &papertape_feeds::SymbolStatus) -> SymbolHealth {
    SymbolHealth {
        symbol: status.symbol.clone(),
        source: status.source.clone(),
        freshness: status.freshness,
        why: status.why.clone(),
        number: status.number,
        last_event: status.last_heard,
        reference_price: status.reference_price,
    }
}
