//! What a live feed tells, to listeners elsewhere: another Papertape has this one as its venue.
//!
//! Events come from the tape, so a listener that names the last number it has misses nothing, however long it was away.

use super::Api;
use super::live::{HEARTBEAT, accept, has_turned_true, malformed, send};
use super::problem::Failure;
use crate::feeds::{Feeds, Heard, RecordedStream};
use crate::services::ServiceError;
use crate::storage::IncidentRecord;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State, ws::rejection::WebSocketUpgradeRejection};
use axum::response::Response;
use futures::StreamExt;
use papertape::api::{FeedClientMessage, FeedEvent, FeedIncident, FeedServerMessage, FeedSubscription};
use papertape::market::MarketEvent;
use papertape::model::{Instrument, Symbol, Timestamp};
use papertape_tape::{Entry, TapeError};
use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// Messages that may wait for a listener; its symbols' events wait on the tape then.
const QUEUE: usize = 1_024;
/// Symbols that one connection listens to at most.
const MAX_SYMBOLS: usize = 256;

/// `GET /feeds/{feed}/stream`.
pub(super) async fn upgrade(
    State(api): State<Api>,
    Path(feed): Path<String>,
    socket: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Failure> {
    let socket = accept(socket)?;
    Ok(socket.on_upgrade(move |socket| serve(api, feed, socket)))
}

/// What a connection listens to; it ends with it.
#[derive(Default)]
struct Listening(BTreeMap<Symbol, JoinHandle<()>>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.values().for_each(JoinHandle::abort);
    }
}

async fn serve(api: Api, feed: String, socket: WebSocket) {
    let (out, mut waiting) = mpsc::channel(QUEUE);
    let (mut sender, mut receiver) = socket.split();
    let mut listening = Listening::default();
    let mut closing = api.closing.clone();
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::with_capacity(256);
    loop {
        let alive = tokio::select! {
            message = receiver.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let answer = handle(&api, &feed, &text, &mut listening, &out);
                    answer.is_none_or(|answer| out.try_send(text_of(&answer)).is_ok())
                }
                Some(Ok(Message::Binary(_))) => false,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => true,
                Some(Ok(Message::Close(_)) | Err(_)) | None => false,
            },
            _ = waiting.recv_many(&mut batch, 256) => send(&mut sender, batch.drain(..).map(Message::Text)).await,
            _ = heartbeat.tick() => send(&mut sender, [Message::Ping(Vec::new().into())]).await,
            () = has_turned_true(&mut closing) => {
                let away = CloseFrame {
                    code: close_code::AWAY,
                    reason: "the server is shutting down".into(),
                };
                send(&mut sender, [Message::Close(Some(away))]).await;
                false
            }
        };
        if !alive {
            return;
        }
    }
}

fn handle(
    api: &Api,
    feed: &str,
    text: &str,
    listening: &mut Listening,
    out: &mpsc::Sender<Utf8Bytes>,
) -> Option<FeedServerMessage> {
    match serde_json::from_str(text) {
        Ok(FeedClientMessage::Subscribe(subscription)) => {
            let symbol = subscription.symbol.clone();
            if let Some(task) = listening.0.remove(&symbol) {
                task.abort();
            }
            if listening.0.len() >= MAX_SYMBOLS {
                let problem = malformed("one connection listens to at most 256 symbols");
                return Some(FeedServerMessage::Refused { symbol, problem });
            }
            let feeds = Arc::clone(api.services.feeds());
            let task = tokio::spawn(follow(feeds, feed.to_owned(), subscription, out.clone()));
            listening.0.insert(symbol, task);
            None
        }
        Ok(FeedClientMessage::Unsubscribe { symbol }) => {
            if let Some(task) = listening.0.remove(&symbol) {
                task.abort();
            }
            None
        }
        Ok(FeedClientMessage::Ping(number)) => Some(FeedServerMessage::Pong(number)),
        Err(error) => Some(FeedServerMessage::Error(malformed(&error.to_string()))),
    }
}

/// Sends what is on the tape, and what comes, for as long as it is listened to.
async fn follow(
    feeds: Arc<Feeds>,
    feed: String,
    FeedSubscription { symbol, after }: FeedSubscription,
    out: mpsc::Sender<Utf8Bytes>,
) {
    let refuse = |error: ServiceError| FeedServerMessage::Refused {
        symbol: symbol.clone(),
        problem: crate::http::problem(&error),
    };
    let _heard: Heard = match feeds.hear(&feed, &symbol).await {
        Ok(heard) => heard,
        Err(error) => {
            let _ = out.send(text_of(&refuse(ServiceError::Feed(error)))).await;
            return;
        }
    };
    let mut stream = match feeds.recorded(&feed, &symbol).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::error!(feed, %symbol, %error, "a feed's tape cannot be read");
            return;
        }
    };
    let last = stream.last_number();
    if after.is_none() {
        feeds.tell_anew(&feed, &symbol);
    }
    let after = after.map_or(last, |after| after.min(last));
    let mut number = stream.first_number().max(after + 1);
    let subscribed = FeedServerMessage::Subscribed {
        symbol: symbol.clone(),
        after: number - 1,
        time: time_of(&mut stream, number - 1),
    };
    if out.send(text_of(&subscribed)).await.is_err() {
        return;
    }
    let mut listed = Listed::default();
    loop {
        match stream.read(number) {
            Ok(Some(record)) => {
                if let Some(event) = record.event() {
                    match listed.changed(&stream, number) {
                        Ok(Some(instrument)) => {
                            let listed = FeedServerMessage::Listed {
                                symbol: symbol.clone(),
                                instrument: Box::new(instrument),
                            };
                            if out.send(text_of(&listed)).await.is_err() {
                                return;
                            }
                        }
                        Ok(None) => {}
                        Err(error) => {
                            tracing::error!(feed, %symbol, %error, "a feed's tape cannot be read");
                            return;
                        }
                    }
                    let event = FeedServerMessage::Event(FeedEvent {
                        symbol: symbol.clone(),
                        number,
                        received: record.received,
                        event: event.clone(),
                    });
                    if out.send(text_of(&event)).await.is_err() {
                        return;
                    }
                } else if let Some(incident) = incident_of(&record.entry, &symbol, number)
                    && out.send(text_of(&incident)).await.is_err()
                {
                    return;
                }
                number += 1;
            }
            Ok(None) => stream.wait_for(number).await,
            Err(error) => {
                tracing::error!(feed, %symbol, %error, "a feed's tape cannot be read");
                return;
            }
        }
    }
}

/// What a listener was told of the steps in which events count.
#[derive(Default)]
struct Listed {
    /// Of which numbers it is known for sure.
    span: Option<RangeInclusive<u64>>,
    instrument: Option<Instrument>,
}

impl Listed {
    /// The instrument of a number, where it is another than before.
    fn changed(&mut self, stream: &RecordedStream, number: u64) -> Result<Option<Instrument>, TapeError> {
        if self.span.as_ref().is_some_and(|span| span.contains(&number)) {
            return Ok(None);
        }
        let (span, instrument) = stream.instrument_of(number)?;
        self.span = Some(span);
        if self.instrument.as_ref() == Some(&instrument) {
            return Ok(None);
        }
        self.instrument = Some(instrument.clone());
        Ok(Some(instrument))
    }
}

/// What was not as it should be, as it is told.
fn incident_of(entry: &Entry, symbol: &Symbol, number: u64) -> Option<FeedServerMessage> {
    let Entry::Incident { json, .. } = entry else {
        return None;
    };
    let record: IncidentRecord = serde_json::from_str(json)
        .inspect_err(|error| tracing::warn!(%symbol, number, %error, "an incident on tape is not known"))
        .ok()?;
    Some(FeedServerMessage::Incident(FeedIncident {
        symbol: symbol.clone(),
        number,
        run: record.run,
        noted: record.number,
        incident: record.incident,
    }))
}

/// The market's time of an event, while it is on the tape.
fn time_of(stream: &mut RecordedStream, number: u64) -> Option<Timestamp> {
    if number < stream.first_number() {
        return None;
    }
    let record = stream.read(number).ok().flatten()?;
    record.event().map(MarketEvent::time)
}

fn text_of(message: &FeedServerMessage) -> Utf8Bytes {
    // Nothing in the messages can fail to be JSON.
    serde_json::to_string(message).unwrap_or_default().into()
}
