//! A live feed as a tape: kept bars, then what the feed's recorded stream says, from a number on.

use super::steps::Steps;
use super::{Ahead, Tape, TapeError, TapeItem};
use crate::feeds::{Feeds, Heard, RecordedStream};
use futures::{FutureExt as _, future::BoxFuture};
use papertape::engine::Input;
use papertape::market::Bar;
use papertape::model::{InstrumentId, Symbol, Timestamp};
use papertape_feeds::FeedError;
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::Instant};

/// How long to wait before a feed that cannot be heard is asked again.
const RETRY: Duration = Duration::from_secs(5);

/// What part of a recorded stream a tape is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSpan {
    /// The feed.
    pub feed: String,
    /// Its symbol.
    pub symbol: Symbol,
    /// When the live part begins.
    pub start: Timestamp,
    /// The number of the first record.
    pub first: u64,
    /// The number of the last, when it is what was told once, replayed; otherwise it goes on as the feed does.
    pub last: Option<u64>,
}

/// A tape of a live feed.
#[derive(Debug)]
pub struct LiveTape {
    span: LiveSpan,
    at: Position,
    history: VecDeque<Bar>,
    /// Bars of history in all.
    history_length: u64,
    stream: RecordedStream,
    steps: Steps,
    next: Option<TapeItem>,
    /// Where it listens; none of what was told once.
    feeds: Option<Arc<Feeds>>,
    listener: Listener,
    /// Why nothing more can be read.
    failure: Option<String>,
}

/// Keeps the feed running from when everything recorded has been read. Waiting for it may be interrupted at any time, so what
/// asks the venue is a task of its own.
#[derive(Debug, Default)]
enum Listener {
    #[default]
    None,
    Asking(JoinHandle<Result<Heard, FeedError>>),
    /// It was refused, and is asked again then.
    Refused(Instant),
    Heard(#[allow(dead_code, reason = "it is what it keeps")] Heard),
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Asking(task) = self {
            task.abort();
        }
    }
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// Bars of history given.
    bars: u64,
    /// The number of the next record.
    number: u64,
}

impl LiveTape {
    /// A tape at its beginning: `history`, then what is recorded from the span's first number on.
    ///
    /// # Errors
    /// When there is no such recording, or none any more.
    pub async fn new(span: LiveSpan, history: VecDeque<Bar>, feeds: &Arc<Feeds>) -> Result<Self, TapeError> {
        let stream = feeds.recorded(&span.feed, &span.symbol).await?;
        Ok(Self {
            history_length: history.len() as u64,
            history,
            feeds: Some(Arc::clone(feeds)),
            ..Self::recorded(span, stream)
        })
    }

    /// A span of a tape that has a last number, without history.
    #[must_use]
    pub fn recorded(span: LiveSpan, stream: RecordedStream) -> Self {
        Self {
            at: Position {
                bars: 0,
                number: span.first,
            },
            history_length: 0,
            history: VecDeque::new(),
            stream,
            steps: Steps::new(span.first),
            next: None,
            feeds: None,
            listener: Listener::None,
            failure: None,
            span,
        }
    }

    /// Goes on where a checkpoint says.
    ///
    /// # Errors
    /// When the checkpoint makes no sense.
    pub fn resume(&mut self, checkpoint: &[u8]) -> Result<(), postcard::Error> {
        self.at = postcard::from_bytes(checkpoint)?;
        let given = usize::try_from(self.at.bars).unwrap_or(usize::MAX);
        self.history.drain(..given.min(self.history.len()));
        self.next = None;
        Ok(())
    }

    /// Ends when the feed is heard. May be dropped and begun again.
    async fn listen(&mut self) {
        let Some(feeds) = self.feeds.clone() else { return };
        loop {
            match &mut self.listener {
                Listener::Heard(_) => return,
                Listener::None => {
                    let (feeds, span) = (Arc::clone(&feeds), self.span.clone());
                    self.listener =
                        Listener::Asking(tokio::spawn(
                            async move { feeds.hear(&span.feed, &span.symbol).await },
                        ));
                }
                Listener::Refused(until) => {
                    tokio::time::sleep_until(*until).await;
                    self.listener = Listener::None;
                }
                Listener::Asking(task) => {
                    let answer = task.await;
                    self.listener = match answer {
                        Ok(Ok(heard)) => Listener::Heard(heard),
                        Ok(Err(error)) => {
                            let LiveSpan { feed, symbol, .. } = &self.span;
                            tracing::warn!(feed, %symbol, %error, "the feed cannot be heard, and is asked again");
                            Listener::Refused(Instant::now() + RETRY)
                        }
                        Err(_) => Listener::Refused(Instant::now() + RETRY),
                    };
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        self.span.last.is_some_and(|last| self.at.number > last)
    }

    /// The next event on record; what is no event only counts.
    fn read(&mut self) -> Option<TapeItem> {
        loop {
            if self.is_over() {
                return None;
            }
            let read = match self.stream.read(self.at.number) {
                Ok(None) => return None,
                Ok(Some(record)) => {
                    let received = record.received;
                    let event = self.steps.event(&self.stream, record);
                    event.map(|event| event.map(|event| (received, event)))
                }
                Err(error) => Err(error),
            };
            match read {
                Ok(Some((received, event))) => {
                    return Some(TapeItem {
                        due: self.span.last.map(|_| event.time()),
                        received: Some(received),
                        input: Input::market(event),
                    });
                }
                Ok(None) => self.at.number += 1,
                Err(error) => {
                    let LiveSpan { feed, symbol, .. } = &self.span;
                    tracing::error!(feed, %symbol, %error, "the tape cannot be read");
                    self.failure = Some(error.to_string());
                    return None;
                }
            }
        }
    }
}

impl Tape for LiveTape {
    fn peek(&mut self) -> Ahead {
        if let Some(bar) = self.history.front() {
            return Ahead::Item(TapeItem {
                due: None,
                received: None,
                input: Input::History(InstrumentId::PRIMARY, *bar),
            });
        }
        if self.next.is_none() {
            self.next = self.read();
        }
        match self.next.clone() {
            Some(item) => Ahead::Item(item),
            None if self.failure.is_some() => Ahead::Failed(self.failure.clone().unwrap_or_default()),
            None if self.is_over() => Ahead::End,
            None => Ahead::Later,
        }
    }

    fn next(&mut self) -> Option<TapeItem> {
        let item = self.peek().item()?;
        if self.history.pop_front().is_some() {
            self.at.bars += 1;
        } else {
            self.next = None;
            self.at.number += 1;
        }
        Some(item)
    }

    fn history(&self) -> u64 {
        self.history_length
    }

    fn start(&self) -> Option<Timestamp> {
        Some(self.span.start)
    }

    fn checkpoint(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.at).unwrap_or_default()
    }

    fn more(&mut self) -> BoxFuture<'_, ()> {
        async move {
            if self.span.last.is_none() {
                self.listen().await;
            }
            self.stream.wait_for(self.at.number).await;
        }
        .boxed()
    }

    fn is_behind(&self) -> bool {
        self.next.is_none() && !self.is_over() && self.stream.last_number() >= self.at.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_stands_is_small_and_comes_back() {
        let at = Position {
            bars: 20_000,
            number: 1 << 40,
        };
        let bytes = postcard::to_stdvec(&at).expect("plain data");
        assert!(bytes.len() <= 12);
        assert_eq!(postcard::from_bytes::<Position>(&bytes), Ok(at));
    }
}
