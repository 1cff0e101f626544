//! Imported bars as a live feed: what happened, once more, at any speed, for sessions here and for other Papertapes.
//!
//! Each event has the place of its number: a feed that is heard again, even after a restart, goes on where its tape ends.

use super::recorder::lock;
use crate::storage::{DatasetRecord, Storage, StorageError};
use crate::tape::{ReplayTape, Tape as _};
use papertape::backtest::within;
use papertape::engine::Input;
use papertape::exchange::TradingStatus;
use papertape::market::Bar;
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use papertape_feeds::config::FeedEntry;
use papertape_feeds::{
    BreakerState, Clock as _, ConnectionState, Counters, FeedError, FeedStatus, Published, Recorder,
    SymbolStatus, SystemClock,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// What the configuration calls the venue of such a feed.
pub const VENUE: &str = "replay";
/// Events published at once when they are due already.
const BATCH: usize = 256;
/// How long it waits for the tape's disk.
const RETRY: Duration = Duration::from_secs(1);
/// How long a replay runs on when nobody listens.
const LINGER: Duration = Duration::from_secs(60);

/// What a replay is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayConfig {
    /// Market seconds per second; 0 is as fast as possible.
    speed: f64,
    /// Open time of the first bar, not before.
    from: Option<Timestamp>,
    /// Close time of the last, not after.
    to: Option<Timestamp>,
}

impl ReplayConfig {
    /// From a configuration's entry with `venue = "replay"`: the options are `speed`, `from` and `to`.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn of(entry: &FeedEntry) -> Result<Self, String> {
        let option = |name: &str| entry.options.get(name).map(String::as_str);
        if let Some(name) = entry
            .options
            .keys()
            .find(|name| !["speed", "from", "to"].contains(&name.as_str()))
        {
            return Err(format!(
                "a replay has no option '{name}'; it has speed, from and to"
            ));
        }
        let time = |name: &str| {
            let time = option(name).map(Timestamp::parse).transpose();
            time.map_err(|error| format!("the option {name}: {error}"))
        };
        let speed: f64 = option("speed").unwrap_or("1").parse().unwrap_or(f64::NAN);
        if !(speed == 0.0 || (0.001..=1_000_000.0).contains(&speed)) {
            return Err(
                "the option speed is market seconds per second, from 0.001 to 1000000, or 0 for as fast as \
                        possible"
                    .to_owned(),
            );
        }
        Ok(Self {
            speed,
            from: time("from")?,
            to: time("to")?,
        })
    }
}

/// A feed of imported bars.
#[derive(Debug)]
pub(super) struct ReplayFeed {
    name: String,
    config: ReplayConfig,
    storage: Arc<dyn Storage>,
    recorder: Arc<dyn Recorder>,
    running: Mutex<BTreeMap<Symbol, Running>>,
    /// Held while a record is opened.
    opening: tokio::sync::Mutex<()>,
    is_closed: Arc<AtomicBool>,
}

/// A symbol that was heard.
#[derive(Debug)]
struct Running {
    /// Alive while somebody listens.
    listeners: Weak<()>,
    /// The number of its last record on the tape.
    number: Arc<AtomicU64>,
}

impl ReplayFeed {
    pub(super) fn new(
        name: String,
        config: ReplayConfig,
        storage: Arc<dyn Storage>,
        recorder: Arc<dyn Recorder>,
    ) -> Self {
        Self {
            name,
            config,
            storage,
            recorder,
            running: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            is_closed: Arc::default(),
        }
    }

    /// What it has bars of a minute of.
    pub(super) async fn instruments(&self) -> Result<Vec<Instrument>, FeedError> {
        let all = self
            .storage
            .datasets()
            .await
            .map_err(|error| self.trouble(&error))?;
        let fitting = all.into_iter().filter(is_fitting);
        Ok(fitting.map(|record| record.instrument).collect())
    }

    pub(super) async fn instrument(&self, symbol: &Symbol) -> Result<Instrument, FeedError> {
        Ok(self.dataset(symbol).await?.instrument)
    }

    /// Bars from before its beginning, for others to warm up on.
    pub(super) async fn bars(
        &self,
        symbol: &Symbol,
        timeframe: Timeframe,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<Bar>, FeedError> {
        if timeframe != Timeframe::MINUTE {
            return Err(FeedError::UnsupportedTimeframe {
                venue: self.name.clone(),
                timeframe,
                known: Timeframe::MINUTE.to_string(),
            });
        }
        let dataset = self.dataset(symbol).await?;
        let bars = self
            .storage
            .bars(dataset.id)
            .await
            .map_err(|error| self.trouble(&error))?;
        let to = self.config.from.map_or(to, |begin| begin.min(to));
        Ok(within(bars, timeframe, Some(from), Some(to)).iter().collect())
    }

    /// Runs for one listener more; with the number of what had been told before it came.
    pub(super) async fn hear(&self, symbol: &Symbol) -> Result<(Arc<()>, u64), FeedError> {
        if let Some(running) = self.heard(symbol) {
            return Ok(running);
        }
        let dataset = self.dataset(symbol).await?;
        let read = async {
            let bars = self.storage.bars(dataset.id).await?;
            let actions = self.storage.actions(dataset.id).await?;
            Ok::<_, StorageError>((bars, actions))
        };
        let (bars, actions) = read.await.map_err(|error| self.trouble(&error))?;
        let bars = within(bars, Timeframe::MINUTE, self.config.from, self.config.to);
        let tape = ReplayTape::new(bars, &actions, Timeframe::MINUTE);
        let _opening = self.opening.lock().await;
        // Somebody was faster.
        if let Some(running) = self.heard(symbol) {
            return Ok(running);
        }
        let (recorder, name, instrument) =
            (Arc::clone(&self.recorder), self.name.clone(), dataset.instrument);
        let opened = tokio::task::spawn_blocking(move || recorder.open(&name, &instrument)).await;
        let refuse = |detail: String| FeedError::Refused {
            venue: self.name.clone(),
            detail,
        };
        let mut recording = opened
            .map_err(|error| refuse(error.to_string()))?
            .map_err(|error| refuse(error.to_string()))?;
        let heard = Arc::new(());
        let reached = recording.last_number();
        let number = Arc::new(AtomicU64::new(reached));
        let running = Running {
            listeners: Arc::downgrade(&heard),
            number: Arc::clone(&number),
        };
        lock(&self.running).insert(symbol.clone(), running);
        let (name, speed, listeners) = (self.name.clone(), self.config.speed, Arc::downgrade(&heard));
        let lingering = Arc::clone(&heard);
        tokio::spawn(async move {
            tokio::time::sleep(LINGER).await;
            drop(lingering);
        });
        let is_closed = Arc::clone(&self.is_closed);
        tokio::spawn(async move {
            let goes_on = || listeners.strong_count() > 0 && !is_closed.load(Ordering::SeqCst);
            run(&name, speed, tape, &mut *recording, (goes_on, &number)).await;
        });
        Ok((heard, reached))
    }

    /// One listener more of a symbol that is heard already, with the number of what has been told.
    fn heard(&self, symbol: &Symbol) -> Option<(Arc<()>, u64)> {
        let all = lock(&self.running);
        let running = all.get(symbol)?;
        let reached = running.number.load(Ordering::Relaxed);
        Some((running.listeners.upgrade()?, reached))
    }

    /// Tells nothing more. To be called before the record is closed.
    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    /// How it stands; `received` says when a symbol's last record came in.
    pub(super) fn status(&self, received: impl Fn(&Symbol) -> Option<Timestamp>) -> FeedStatus {
        let symbols: Vec<SymbolStatus> = lock(&self.running)
            .iter()
            .filter(|(_, running)| running.listeners.strong_count() > 0)
            .map(|(symbol, running)| SymbolStatus {
                symbol: symbol.clone(),
                source: self.name.clone(),
                status: TradingStatus::Trading,
                why: None,
                number: running.number.load(Ordering::Relaxed),
                last_heard: received(symbol),
                reference_price: None,
            })
            .collect();
        FeedStatus {
            feed: self.name.clone(),
            venue: Some(VENUE.to_owned()),
            sources: Vec::new(),
            connection: if symbols.is_empty() {
                ConnectionState::Idle
            } else {
                ConnectionState::Connected
            },
            breaker: BreakerState::Closed,
            counters: Counters {
                messages: symbols.iter().map(|it| it.number).sum(),
                ..Counters::default()
            },
            reconnects: 0,
            last_message: symbols.iter().filter_map(|it| it.last_heard).max(),
            clock_skew_ms: None,
            budget: Vec::new(),
            last_error: None,
            symbols,
        }
    }

    async fn dataset(&self, symbol: &Symbol) -> Result<DatasetRecord, FeedError> {
        let all = self
            .storage
            .datasets()
            .await
            .map_err(|error| self.trouble(&error))?;
        let of_symbol = |record: &DatasetRecord| is_fitting(record) && record.instrument.symbol() == symbol;
        all.into_iter()
            .find(of_symbol)
            .ok_or_else(|| FeedError::UnknownSymbol {
                venue: self.name.clone(),
                symbol: symbol.to_string(),
                near: None,
            })
    }

    fn trouble(&self, error: &StorageError) -> FeedError {
        FeedError::Refused {
            venue: self.name.clone(),
            detail: error.to_string(),
        }
    }
}

fn is_fitting(record: &DatasetRecord) -> bool {
    record.feed.is_empty() && record.timeframe == Timeframe::MINUTE
}

async fn run(
    name: &str,
    speed: f64,
    mut tape: ReplayTape,
    recording: &mut dyn papertape_feeds::Recording,
    (goes_on, number): (impl Fn() -> bool, &AtomicU64),
) {
    for _ in 0..recording.last_number() {
        tape.next();
    }
    let source: Arc<str> = VENUE.into();
    let mut began: Option<(Instant, Timestamp)> = None;
    let mut batch = Vec::with_capacity(BATCH);
    while goes_on() {
        let now = Instant::now();
        let mut wait = None;
        while batch.len() < BATCH {
            let Some(item) = tape.peek().item() else { break };
            let due = item.due.unwrap_or_default();
            if speed > 0.0 {
                let (wall, market) = *began.get_or_insert((now, due));
                let ahead = Duration::try_from_secs_f64(due.since(market) as f64 / 1e9 / speed);
                let at = wall + ahead.unwrap_or_default();
                if at > now {
                    wait = Some(at);
                    break;
                }
            }
            tape.next();
            if let Input::Market(_, event) = item.input {
                batch.push(Published {
                    received: SystemClock.now(),
                    event,
                    source: Arc::clone(&source),
                });
            }
        }
        let is_over = batch.is_empty() && wait.is_none();
        if let Err(error) = recording.append(&batch) {
            if !goes_on() {
                return;
            }
            tracing::warn!(feed = name, %error, "the replay waits: it cannot be recorded");
            tokio::time::sleep(RETRY).await;
            continue;
        }
        number.store(recording.last_number(), Ordering::Relaxed);
        batch.clear();
        match wait {
            // Looks now and then whether anybody listens.
            Some(at) => tokio::time::sleep_until(at.min(now + LINGER)).await,
            None if is_over => return,
            None => tokio::task::yield_now().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(options: &[(&str, &str)]) -> FeedEntry {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        FeedEntry {
            options: options.iter().map(pair).collect(),
            ..FeedEntry::default()
        }
    }

    #[test]
    fn a_replays_options_are_checked() {
        let config = ReplayConfig::of(&entry(&[("speed", "60"), ("from", "2024-12-01T00:00:00Z")]));
        let expected = ReplayConfig {
            speed: 60.0,
            from: Some(Timestamp::parse("2024-12-01T00:00:00Z").expect("a time")),
            to: None,
        };
        assert_eq!(config, Ok(expected));
        for (name, value) in [
            ("speed", "-1"),
            ("speed", "fast"),
            ("speed", "1e9"),
            ("to", "now"),
            ("pace", "1"),
        ] {
            let error = ReplayConfig::of(&entry(&[(name, value)])).expect_err("it makes no sense");
            assert!(error.contains(name), "{error}");
        }
    }
}
