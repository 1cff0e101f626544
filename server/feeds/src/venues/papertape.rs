//! Another Papertape as the venue: its live feed, relayed event by event.
//!
//! The stream goes on after the last number that came, so a broken connection loses nothing; what the other Papertape's feed
//! lacked, it says itself. Needs `rest_url`, the other's address. Options: `feed`, the other's name of the feed, and
//! `from = "start"` to begin with everything that is on its tape instead of with what comes.

#[cfg(test)]
mod tests;

use super::reading::{Answers, Subscriptions};
use crate::config::check_name;
use crate::quality::{Incident, IncidentKind};
use crate::rest::{Ask, Rest};
use crate::venue::{
    BookStart, Channels, Codec, DecodeError, FeedError, Frame, KeepAlive, Limit, Listing, PastBars, Polled,
    Reach, Secret, Slot, Told, Traits, Venue, VenueConfig,
};
use futures::{FutureExt as _, future::BoxFuture};
use papertape::api::{
    FeedClientMessage, FeedIncident, FeedServerMessage, FeedSubscription, Page, ProblemDetails, SystemStatus,
    Ticker,
};
use papertape::exchange::TradingStatus;
use papertape::market::{Bar, Grid};
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use serde::{Deserialize as _, de::IntoDeserializer as _};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const NAME: &str = "papertape";
/// Its options.
pub(super) const OPTIONS: &[&str] = &["feed", "from"];
const API: &str = "/api/paper-trading";
/// Pages that are gone through for one with bars: of ten thousand bars each, ten years of minutes.
const MOST_PAGES: usize = 530;
/// Lengths of bars that are asked for; the other's venue may have fewer.
const TIMEFRAMES: [&str; 8] = ["1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w"];

/// The last number that came of each symbol, and the time of its event: kept from connection to connection.
type Reached = Arc<Mutex<BTreeMap<Symbol, (u64, Timestamp)>>>;

/// Another Papertape.
#[derive(Debug)]
pub(crate) struct Papertape {
    traits: Traits,
    answers: Answers,
    rest_url: String,
    stream_url: String,
    feed: String,
    is_whole: bool,
    reached: Reached,
}

/// The venue of a configuration.
pub(crate) fn open(config: VenueConfig) -> Result<Arc<dyn Venue>, FeedError> {
    let trimmed = |url: &str| url.trim_end_matches('/').to_owned();
    let rest_url = config.rest_url.as_deref().map(trimmed).unwrap_or_default();
    let answers = Answers::new(NAME, &rest_url, &config);
    if rest_url.is_empty() {
        return Err(answers.unsupported("public address: set rest_url to that of the other Papertape"));
    }
    let stream_url = config
        .stream_url
        .as_deref()
        .map_or_else(|| rest_url.replacen("http", "ws", 1), trimmed);
    let feed = config.options.get("feed").map_or("binance", String::as_str);
    if check_name(feed).is_err() {
        return Err(answers.unsupported(format!("feed '{feed}'; that is no feed's name")));
    }
    let feed = feed.to_owned();
    let is_whole = answers.option(&config, "from", &["now", "start"])? == "start";
    Ok(Arc::new(Papertape {
        traits: Traits {
            limits: vec![Limit {
                weight: 600,
                every: Duration::from_secs(60),
                is_aligned: false,
            }],
            used_weight_header: None,
            stream: Channels {
                trades: true,
                quotes: true,
                depth: true,
                bars: true,
            },
            polled: Channels::default(),
            book: BookStart::None,
            timeframes: TIMEFRAMES.iter().filter_map(|text| text.parse().ok()).collect(),
            has_trade_backfill: false,
            has_consecutive_trades: false,
            is_relay: true,
            is_index: false,
            most_symbols: None,
            needs_key: false,
            key_allows_more: false,
            most_polled: 1,
            poll_every: Duration::from_secs(5),
            stale_after: Duration::from_secs(60),
            delay: Duration::ZERO,
        },
        feed,
        answers,
        rest_url,
        stream_url,
        is_whole,
        reached: Reached::default(),
    }))
}

impl Papertape {
    fn ask(&self, what: &str) -> Ask {
        Ask::get(format!("{API}/feeds/{}/{what}", self.feed))
    }

    /// The first bars of a span that the other has. It gives them page by page, some of which may be without any; and where its
    /// own venue does not reach back so far, it says how far that does.
    async fn past(
        &self,
        rest: &Rest,
        listing: &Listing,
        timeframe: Timeframe,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<PastBars, FeedError> {
        self.answers.timeframe(timeframe, &self.traits.timeframes)?;
        let (mut begin, mut cursor) = (from, None);
        for _ in 0..MOST_PAGES {
            if begin >= to {
                break;
            }
            let ask = self.ask("bars").with("symbol", &listing.venue_symbol);
            let mut ask = ask
                .with("timeframe", timeframe)
                .with("from", begin)
                .with("to", to);
            if let Some(cursor) = &cursor {
                ask = ask.with("cursor", cursor);
            }
            let answer = rest.raw(ask).await?;
            if answer.status != 200 {
                match serde_json::from_slice(&answer.body) {
                    Ok(ProblemDetails {
                        since: Some(since), ..
                    }) if since > begin => (begin, cursor) = (since, None),
                    Ok(ProblemDetails { code, .. }) if code == "unknown_symbol" => {
                        return Err(self.answers.unknown(listing.instrument.symbol()));
                    }
                    Ok(problem) => return Err(self.answers.refusal(&answer, Some(&problem.detail))),
                    Err(_) => return Err(self.answers.refusal(&answer, None)),
                }
                continue;
            }
            let page: Page<Bar> = self.answers.json(&answer.body)?;
            let bars = PastBars::of(page.items, timeframe, (from, to), Reach::Since(begin));
            cursor = page.next_cursor;
            if !bars.is_empty() || cursor.is_none() {
                return Ok(bars);
            }
        }
        Ok(PastBars::of([], timeframe, (from, to), Reach::Since(begin)))
    }
}

impl Venue for Papertape {
    fn name(&self) -> &'static str {
        NAME
    }

    fn traits(&self) -> &Traits {
        &self.traits
    }

    fn rest_url(&self) -> String {
        self.rest_url.clone()
    }

    fn codec(&self) -> Result<Option<Box<dyn Codec>>, FeedError> {
        Ok(Some(Box::new(Relay {
            address: format!("{}{API}/feeds/{}/stream", self.stream_url, self.feed),
            is_whole: self.is_whole,
            reached: Arc::clone(&self.reached),
            subscriptions: Subscriptions::default(),
            pings: 0,
        })))
    }

    fn listings<'a>(
        &'a self,
        rest: &'a Rest,
        only: Option<&'a Symbol>,
    ) -> BoxFuture<'a, Result<Vec<Listing>, FeedError>> {
        async move {
            let ask = match only {
                Some(symbol) => self.ask("instruments").with("symbol", symbol),
                None => self.ask("instruments"),
            };
            let answer = rest.raw(ask).await?;
            let words = String::from_utf8_lossy(&answer.body).into_owned();
            match (answer.status, only) {
                (200, _) => {}
                (422, Some(symbol)) if words.contains("unknown_symbol") => {
                    return Err(self.answers.unknown(symbol));
                }
                _ => return Err(self.answers.refusal(&answer, Some(&words))),
            }
            let page: Page<Instrument> = self.answers.json(&answer.body)?;
            Ok(page
                .items
                .into_iter()
                .map(|instrument| Listing {
                    venue_symbol: instrument.symbol().as_str().into(),
                    instrument,
                    status: TradingStatus::Trading,
                })
                .collect())
        }
        .boxed()
    }

    fn bars<'a>(
        &'a self,
        rest: &'a Rest,
        listing: &'a Listing,
        timeframe: Timeframe,
        from: Timestamp,
        to: Timestamp,
    ) -> BoxFuture<'a, Result<PastBars, FeedError>> {
        self.past(rest, listing, timeframe, (from, to)).boxed()
    }

    /// Without its stream nothing is told: what is polled would have no number.
    fn poll<'a>(
        &'a self,
        rest: &'a Rest,
        listings: &'a [&'a Listing],
    ) -> BoxFuture<'a, Result<Polled<'a>, FeedError>> {
        let alone = async |listing: &Listing| {
            let path = format!(
                "{API}/markets/{}/ticker",
                listing.venue_symbol.replace('/', "%2F")
            );
            let _: Ticker = rest.json(Ask::get(path).with("feed", &self.feed)).await?;
            Ok(Vec::new())
        };
        async move { Ok(Polled::one_by_one(listings, alone).await) }.boxed()
    }

    fn time<'a>(&'a self, rest: &'a Rest) -> BoxFuture<'a, Result<Option<Timestamp>, FeedError>> {
        async move {
            let status: SystemStatus = rest.json(Ask::get(format!("{API}/status"))).await?;
            Ok(Some(status.time))
        }
        .boxed()
    }
}

/// The protocol of one connection.
#[derive(Debug)]
struct Relay {
    address: String,
    is_whole: bool,
    reached: Reached,
    subscriptions: Subscriptions<Followed>,
    pings: u64,
}

/// A symbol that is followed.
#[derive(Debug)]
struct Followed {
    /// In whose steps it is read.
    instrument: Instrument,
    /// Whether an answer to what was asked last is awaited: what comes before it is of what was asked before, or counts in steps in
    /// which it is not read.
    is_awaited: bool,
}

impl Relay {
    fn say(message: &FeedClientMessage) -> Vec<Frame> {
        // Plain data: it is JSON.
        serde_json::to_string(message).map_or_else(|_| Vec::new(), |text| vec![Frame::Text(text)])
    }

    fn reached(&self) -> std::sync::MutexGuard<'_, BTreeMap<Symbol, (u64, Timestamp)>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A symbol is told of after a number: what that says of the tape that was followed before.
    fn subscribed(
        &mut self,
        symbol: &Symbol,
        after: u64,
        time: Option<Timestamp>,
        told: &mut Vec<Told>,
        replies: &mut Vec<Frame>,
    ) {
        let known = self.reached().get(symbol).copied();
        let Some((slot, subscription)) = self.subscriptions.find(symbol.as_str()) else {
            return;
        };
        subscription.is_confirmed = true;
        subscription.state.is_awaited = false;
        told.push(Told::Subscribed { slot });
        let Some((last, at)) = known else {
            // Whoever comes back before the first event has missed none.
            let reached = (after, time.unwrap_or(Timestamp::EPOCH));
            self.reached().insert(symbol.clone(), reached);
            return;
        };
        let is_other = time.is_some_and(|time| after == last && time != at);
        if after < last || is_other {
            // All of another tape is news.
            let why = if is_other {
                format!("its event {last} is of another time than the one that came: its tape is another one")
            } else {
                format!("event {last} came, and its tape ends with {after}: it has begun anew")
            };
            subscription.state.is_awaited = true;
            self.reached().remove(symbol);
            told.push(Told::Renumbered { slot, why });
            replies.extend(Self::say(&FeedClientMessage::Subscribe(FeedSubscription {
                symbol: symbol.clone(),
                after: Some(0),
            })));
        } else if after > last {
            // It no longer reaches back to where we were.
            let why = format!("event {} comes next, and its tape begins after {after}", last + 1);
            told.push(Told::Lost {
                slot: Some(slot),
                why,
            });
        }
    }
}

/// What went wrong there, if it is of a kind that is known here.
fn known(FeedIncident { symbol, incident, .. }: FeedIncident) -> Option<Incident> {
    let kind = IncidentKind::deserialize(incident.kind.as_str().into_deserializer());
    let kind: Result<IncidentKind, serde::de::value::Error> = kind;
    Some(Incident {
        kind: kind.ok()?,
        symbol,
        source: incident.source,
        from: incident.from,
        to: incident.to,
        count: incident.count,
        detail: incident.detail,
        touched: incident.touched,
    })
}

impl Codec for Relay {
    fn address(&self) -> (String, Vec<(String, Secret)>) {
        (self.address.clone(), Vec::new())
    }

    fn keep_alive(&self) -> KeepAlive {
        KeepAlive {
            send: None,
            ping_every: Duration::from_secs(15),
            dead_after: Duration::from_secs(45),
            lifetime: None,
        }
    }

    fn opened(&mut self) -> Vec<Frame> {
        self.pings += 1;
        Self::say(&FeedClientMessage::Ping(self.pings))
    }

    fn subscribe(&mut self, slot: Slot, listing: &Listing, channels: Channels) -> Vec<Frame> {
        let symbol = listing.instrument.symbol().clone();
        let followed = Followed {
            instrument: listing.instrument.clone(),
            is_awaited: true,
        };
        self.subscriptions
            .insert(slot, &listing.venue_symbol, channels, followed);
        let known = self.reached().get(&symbol).map(|(last, _)| *last);
        let after = known.or(self.is_whole.then_some(0));
        Self::say(&FeedClientMessage::Subscribe(FeedSubscription { symbol, after }))
    }

    fn widen(&mut self, slot: Slot, more: Channels) -> Vec<Frame> {
        // It tells everything that it has.
        self.subscriptions.widen(slot, more);
        Vec::new()
    }

    fn unsubscribe(&mut self, slot: Slot) -> Vec<Frame> {
        let Some(gone) = self.subscriptions.remove(slot) else {
            return Vec::new();
        };
        Self::say(&FeedClientMessage::Unsubscribe {
            symbol: gone.state.instrument.symbol().clone(),
        })
    }

    fn resync(&mut self, _slot: Slot) -> Vec<Frame> {
        Vec::new()
    }

    fn read(
        &mut self,
        frame: &[u8],
        _received: Timestamp,
        told: &mut Vec<Told>,
        replies: &mut Vec<Frame>,
    ) -> Result<(), DecodeError> {
        let message: FeedServerMessage =
            serde_json::from_slice(frame).map_err(|error| DecodeError::new(error, frame))?;
        match message {
            FeedServerMessage::Event(event) => {
                let found = self.subscriptions.find(event.symbol.as_str());
                let Some((slot, _)) = found.filter(|(_, it)| !it.state.is_awaited) else {
                    return Ok(());
                };
                let mut reached = self.reached();
                let last = reached.entry(event.symbol).or_insert((0, Timestamp::EPOCH));
                if event.number <= last.0 {
                    return Ok(());
                }
                *last = (event.number, event.event.time());
                told.push(Told::Relayed {
                    slot,
                    number: event.number,
                    event: event.event,
                });
            }
            FeedServerMessage::Incident(told_of) => {
                let found = self.subscriptions.find(told_of.symbol.as_str());
                let Some((slot, _)) = found.filter(|(_, it)| !it.state.is_awaited) else {
                    return Ok(());
                };
                let mut reached = self.reached();
                let last = reached
                    .entry(told_of.symbol.clone())
                    .or_insert((0, Timestamp::EPOCH));
                if told_of.number <= last.0 {
                    return Ok(());
                }
                last.0 = told_of.number;
                told.push(Told::RelayedIncident {
                    slot,
                    number: told_of.number,
                    key: (told_of.run, told_of.noted),
                    incident: known(told_of).map(Box::new),
                });
            }
            FeedServerMessage::Subscribed { symbol, after, time } => {
                self.subscribed(&symbol, after, time, told, replies);
            }
            FeedServerMessage::Listed { symbol, instrument } => {
                let found = self.subscriptions.find(symbol.as_str());
                let Some((slot, subscription)) = found.filter(|(_, it)| !it.state.is_awaited) else {
                    return Ok(());
                };
                // Nothing is lost: it is subscribed anew in these steps, after the last event that was read in the others.
                let read_in = Grid::of(&subscription.state.instrument);
                subscription.state.is_awaited = Grid::of(&instrument) != read_in;
                told.push(Told::Listed { slot, instrument });
            }
            FeedServerMessage::Refused { symbol, problem } => {
                // What is not listened to any more may be refused.
                let Some((slot, _)) = self.subscriptions.find(symbol.as_str()) else {
                    return Ok(());
                };
                told.push(Told::Refused {
                    slot: Some(slot),
                    error: FeedError::Refused {
                        venue: NAME.to_owned(),
                        detail: problem.detail,
                    },
                });
            }
            FeedServerMessage::Error(problem) => return Err(DecodeError::new(problem.detail, frame)),
            FeedServerMessage::Pong(_) => told.push(Told::Heartbeat),
        }
        Ok(())
    }
}
