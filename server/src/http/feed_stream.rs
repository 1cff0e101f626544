//! What a live feed tells, to listeners elsewhere: another Papertape has this one as its venue.
//!
//! Events come from the tape, so a listener that names the last number it has misses nothing, however long it was away.

use super::Api;
use super::live::{HEARTBEAT, accept, has_turned_true, malformed, send};
use super::problem::{Failure, details};
use crate::feeds::{Feeds, Heard, RecordedStream};
use crate::services::ServiceError;
use crate::storage::IncidentRecord;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, State, ws::rejection::WebSocketUpgradeRejection};
use axum::http::StatusCode;
use axum::response::Response;
use futures::StreamExt;
use papertape::api::{
    FeedClientMessage, FeedEvent, FeedIncident, FeedServerMessage, FeedSubscription, ProblemDetails,
};
use papertape::market::MarketEvent;
use papertape::model::{Instrument, Symbol, Timestamp};
use papertape_feeds::FeedError;
use papertape_tape::{Entry, TapeError};
use std::{collections::BTreeMap, convert::Infallible, ops::RangeInclusive, sync::Arc};
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
            listening.0.retain(|_, task| !task.is_finished());
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

/// Sends what is on the tape, and what comes, for as long as it is listened to; at the end, why no more comes.
async fn follow(
    feeds: Arc<Feeds>,
    feed: String,
    subscription: FeedSubscription,
    out: mpsc::Sender<Utf8Bytes>,
) {
    let symbol = subscription.symbol.clone();
    let problem = match tell(&feeds, &feed, subscription, &out).await {
        End::Left => return,
        End::Feed(error) => crate::http::problem(&ServiceError::Feed(error)),
        End::Tape(error) => {
            tracing::error!(feed, %symbol, %error, "a feed's tape cannot be read");
            unreadable(&error)
        }
    };
    let _ = out
        .send(text_of(&FeedServerMessage::Refused { symbol, problem }))
        .await;
}

/// Why a listener is told no more.
#[derive(Debug)]
enum End {
    /// He has gone.
    Left,
    /// The feed does not give it.
    Feed(FeedError),
    /// Its tape cannot be read.
    Tape(TapeError),
}

impl From<TapeError> for End {
    fn from(error: TapeError) -> Self {
        Self::Tape(error)
    }
}

async fn tell(
    feeds: &Feeds,
    feed: &str,
    FeedSubscription { symbol, after }: FeedSubscription,
    out: &mpsc::Sender<Utf8Bytes>,
) -> End {
    let _heard: Heard = match feeds.hear(feed, &symbol).await {
        Ok(heard) => heard,
        Err(error) => return End::Feed(error),
    };
    let stream = match feeds.recorded(feed, &symbol).await {
        Ok(stream) => stream,
        Err(error) => return End::Tape(error),
    };
    let last = stream.last_number();
    if after.is_none() {
        feeds.tell_anew(feed, &symbol);
    }
    let teller = Teller {
        stream,
        symbol,
        out: out.clone(),
        listed: Listed::default(),
    };
    match teller.tell(after.map_or(last, |after| after.min(last))).await {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

/// Tells one listener of one symbol.
struct Teller {
    stream: RecordedStream,
    symbol: Symbol,
    out: mpsc::Sender<Utf8Bytes>,
    listed: Listed,
}

impl Teller {
    /// Tells everything after a number.
    async fn tell(mut self, after: u64) -> Result<Infallible, End> {
        let mut next = Err(after + 1);
        loop {
            let number = match next {
                Ok(number) => number,
                Err(from) => self.begin(from).await?,
            };
            next = match self.record(number).await {
                Ok(()) => Ok(number + 1),
                Err(End::Tape(error)) => Err(beyond(&error).ok_or(error)?),
                Err(end) => return Err(end),
            };
        }
    }

    /// Says with which number it begins or, where some are gone, goes on: not before that one is there to be told, so that who is
    /// told to be subscribed is.
    async fn begin(&mut self, from: u64) -> Result<u64, End> {
        let mut number = from.max(self.stream.first_number());
        let time = loop {
            let time = time_of(&mut self.stream, number - 1);
            match self.stream.read(number) {
                Ok(_) => break time,
                Err(error) => number = beyond(&error).ok_or(error)?,
            }
        };
        self.say(&FeedServerMessage::Subscribed {
            symbol: self.symbol.clone(),
            after: number - 1,
            time,
        })
        .await?;
        Ok(number)
    }

    /// Tells the record of a number, once it is there.
    async fn record(&mut self, number: u64) -> Result<(), End> {
        let record = loop {
            match self.stream.read(number)? {
                Some(record) => break record,
                None => self.stream.wait_for(number).await,
            }
        };
        if let Some(event) = record.event() {
            if let Some(instrument) = self.listed.changed(&self.stream, number)? {
                self.say(&FeedServerMessage::Listed {
                    symbol: self.symbol.clone(),
                    instrument: Box::new(instrument),
                })
                .await?;
            }
            self.say(&FeedServerMessage::Event(FeedEvent {
                symbol: self.symbol.clone(),
                number,
                received: record.received,
                event: event.clone(),
            }))
            .await?;
        } else if let Some(incident) = incident_of(&record.entry, &self.symbol, number) {
            self.say(&incident).await?;
        }
        Ok(())
    }

    async fn say(&self, message: &FeedServerMessage) -> Result<(), End> {
        let sent = self.out.send(text_of(message)).await;
        sent.map_err(|_| End::Left)
    }
}

/// The next number that is on a tape of which some records are not kept any more, or missing.
fn beyond(error: &TapeError) -> Option<u64> {
    match error {
        TapeError::Gone { first, .. } => Some(*first),
        TapeError::Hole { to, .. } => Some(to + 1),
        _ => None,
    }
}

/// The listener's side of a tape that cannot be read.
fn unreadable(error: &TapeError) -> ProblemDetails {
    details(
        StatusCode::INTERNAL_SERVER_ERROR,
        "tape_unreadable",
        "The feed's tape cannot be read",
        error.to_string(),
        Vec::new(),
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::market::TradeTick;
    use papertape::model::Side;
    use papertape::testkit::instrument;
    use papertape_tape::{Retention, Settings, Source, TapeStore};
    use std::time::Duration;

    fn trade(number: u64) -> MarketEvent {
        MarketEvent::Trade(TradeTick {
            time: Timestamp::from_secs(number as i64),
            price: number as f64,
            size: 1.0,
            aggressor: Side::Buy,
        })
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_removed_before_a_slow_listener_had_it_is_a_jump_that_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            linger: Duration::ZERO,
            records_per_segment: 10,
            ..Settings::default()
        };
        let store = TapeStore::open_with(folder.path(), settings).expect("a store");
        let (instrument, source) = (instrument(), Source::new("house"));
        let channel = store.channel("house", &instrument).await.expect("a tape");
        for number in 1..=41 {
            let at = Timestamp::from_secs(number as i64);
            channel.append(at, &source, trade(number)).expect("appended");
        }
        channel.durable(41).await.expect("durable");
        let (out, mut heard) = mpsc::channel(1);
        let teller = Teller {
            stream: RecordedStream::open(store.clone(), "house", instrument.symbol())
                .await
                .expect("a tape"),
            symbol: instrument.symbol().clone(),
            out,
            listed: Listed::default(),
        };
        let telling = tokio::spawn(teller.tell(0));
        let mut next = async || -> FeedServerMessage {
            let text = tokio::time::timeout(Duration::from_secs(30), heard.recv()).await;
            let text = text.expect("in time").expect("it is told");
            serde_json::from_str(&text).expect("a message")
        };
        // Nothing more is taken than this before old segments are removed.
        assert!(matches!(
            next().await,
            FeedServerMessage::Subscribed { after: 0, .. }
        ));
        assert!(matches!(next().await, FeedServerMessage::Listed { .. }));
        let limits = Retention {
            bytes: Some(1),
            ..Retention::default()
        };
        let removed = async || {
            let done = store
                .retain(Timestamp::EPOCH, &limits, |_| None)
                .expect("removed");
            done.removed
        };
        let mut gone = 0;
        while gone < 3 {
            gone += removed().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (mut told, mut jumps) = (Vec::new(), Vec::new());
        while told.last() != Some(&41) {
            match next().await {
                FeedServerMessage::Event(event) => told.push(event.number),
                FeedServerMessage::Subscribed { after, .. } => jumps.push((told.len() as u64, after)),
                FeedServerMessage::Listed { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        // In steps that it was told of ten records count; the next three files are gone, or two and what memory had.
        assert_eq!(jumps, [(10, 30)]);
        assert!(told.into_iter().eq((1..=10).chain(31..=41)));
        telling.abort();
    }
}
