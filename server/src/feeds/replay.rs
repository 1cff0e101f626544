//! Imported bars, or what is on the tape of a feed, as a live feed: what happened, once more, at any speed, for sessions here and
//! for other Papertapes.
//!
//! Each event has the place of its number: a feed that is heard again, even after a restart, goes on where its tape ends.

use super::recorder::lock;
use super::stream::RecordedStream;
use crate::storage::{DatasetRecord, Storage, StorageError};
use crate::tape::{Ahead, LiveSpan, LiveTape, ReplayTape, Tape};
use papertape::api::Freshness;
use papertape::backtest::within;
use papertape::engine::Input;
use papertape::exchange::TradingStatus;
use papertape::market::Bar;
use papertape::model::{Instrument, Symbol, Timeframe, Timestamp};
use papertape_feeds::config::{FeedEntry, check_options};
use papertape_feeds::{
    BreakerState, Clock as _, ConnectionState, Counters, FeedError, FeedStatus, Published, Recorder,
    SymbolStatus, SystemClock,
};
use papertape_tape::{TapeError, TapeStore};
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
    /// The feed whose tape is replayed, tick by tick; imported bars without one.
    recorded: Option<String>,
}

impl ReplayConfig {
    /// From the configuration's entry of a name with `venue = "replay"`: the options are `speed`, `from`, `to` and `recorded`.
    ///
    /// # Errors
    /// Names the option at fault.
    pub fn of(name: &str, entry: &FeedEntry) -> Result<Self, String> {
        const OPTIONS: [&str; 4] = ["speed", "from", "to", "recorded"];
        let option = |name: &str| entry.options.get(name).map(String::as_str);
        check_options("a replay", &entry.options, &OPTIONS)?;
        let elsewhere = [
            ("rest_url", entry.rest_url.is_some()),
            ("stream_url", entry.stream_url.is_some()),
            ("ca_file", entry.ca_file.is_some()),
            ("stale_after_s", entry.stale_after_s.is_some()),
            ("fills_on_index", entry.fills_on_index),
        ];
        if let Some((name, _)) = elsewhere.into_iter().find(|(_, is_set)| *is_set) {
            return Err(format!("a replay has no {name}: it tells what is here already"));
        }
        let recorded = option("recorded");
        if recorded == Some(name) {
            return Err(
                "the option recorded is the name of another feed: this one's tape is what it tells"
                    .to_owned(),
            );
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
        let (from, to) = (time("from")?, time("to")?);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(format!(
                "the option from, {from}, is not before the option to, {to}"
            ));
        }
        Ok(Self {
            speed,
            from,
            to,
            recorded: recorded.map(str::to_owned),
        })
    }
}

/// A feed of what happened before.
#[derive(Debug)]
pub(super) struct ReplayFeed {
    name: String,
    config: ReplayConfig,
    storage: Arc<dyn Storage>,
    store: TapeStore,
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
        (store, recorder): (TapeStore, Arc<dyn Recorder>),
    ) -> Self {
        Self {
            name,
            config,
            storage,
            store,
            recorder,
            running: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            is_closed: Arc::default(),
        }
    }

    /// What it has anything of.
    pub(super) async fn instruments(&self) -> Result<Vec<Instrument>, FeedError> {
        let Some(recorded) = &self.config.recorded else {
            let all = self
                .storage
                .datasets()
                .await
                .map_err(|error| self.trouble(&error))?;
            let fitting = all.into_iter().filter(is_fitting);
            return Ok(fitting.map(|record| record.instrument).collect());
        };
        let tapes = super::stream::without_holding_up(|| self.store.channels());
        let tapes = tapes.map_err(|error| self.trouble(&error))?;
        let mut all = Vec::new();
        for tape in tapes.iter().filter(|tape| *tape.feed == **recorded) {
            all.push(self.instrument(&tape.symbol).await?);
        }
        Ok(all)
    }

    pub(super) async fn instrument(&self, symbol: &Symbol) -> Result<Instrument, FeedError> {
        match &self.config.recorded {
            None => Ok(self.dataset(symbol).await?.instrument),
            Some(recorded) => Ok(self.recorded(recorded, symbol).await?.instrument),
        }
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
        let (dataset, begins) = match &self.config.recorded {
            None => (self.dataset(symbol).await?, self.config.from),
            Some(recorded) => {
                let begins = self.recorded(recorded, symbol).await?.start;
                match self.find(|it| it.feed == *recorded, symbol).await? {
                    Some(dataset) => (dataset, Some(begins)),
                    None => return Ok(Vec::new()),
                }
            }
        };
        let bars = self
            .storage
            .bars(dataset.id)
            .await
            .map_err(|error| self.trouble(&error))?;
        let to = begins.map_or(to, |begin| begin.min(to));
        Ok(within(bars, timeframe, Some(from), Some(to)).iter().collect())
    }

    /// What is told of a symbol, from its beginning, and its instrument.
    async fn material(&self, symbol: &Symbol) -> Result<(Box<dyn Tape>, Instrument), FeedError> {
        if let Some(recorded) = &self.config.recorded {
            let Recorded {
                span,
                stream,
                instrument,
                ..
            } = self.recorded(recorded, symbol).await?;
            return Ok((Box::new(LiveTape::recorded(span, stream)), instrument));
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
        Ok((Box::new(tape), dataset.instrument))
    }

    /// The part of another feed's tape that is replayed.
    async fn recorded(&self, feed: &str, symbol: &Symbol) -> Result<Recorded, FeedError> {
        let nothing = || FeedError::UnknownSymbol {
            venue: self.name.clone(),
            symbol: symbol.to_string(),
            near: None,
        };
        let trouble = |error: TapeError| match error {
            TapeError::Unknown { .. } => nothing(),
            other => self.trouble(&other),
        };
        let opened = RecordedStream::open(self.store.clone(), feed, symbol).await;
        let mut stream = opened.map_err(trouble)?;
        let told = stream.told_within(self.config.from, self.config.to).await;
        let (numbers, start) = told.map_err(trouble)?.ok_or_else(nothing)?;
        let (_, instrument) = stream.instrument_of(*numbers.start()).map_err(trouble)?;
        let span = LiveSpan {
            feed: feed.to_owned(),
            symbol: symbol.clone(),
            start,
            first: *numbers.start(),
            last: Some(*numbers.end()),
        };
        Ok(Recorded {
            span,
            stream,
            instrument,
            start,
        })
    }

    /// Runs for one listener more; with the number of what had been told before it came.
    pub(super) async fn hear(&self, symbol: &Symbol) -> Result<(Arc<()>, u64), FeedError> {
        if let Some(running) = self.heard(symbol) {
            return Ok(running);
        }
        let (tape, instrument) = self.material(symbol).await?;
        let _opening = self.opening.lock().await;
        // Somebody was faster.
        if let Some(running) = self.heard(symbol) {
            return Ok(running);
        }
        let (recorder, name) = (Arc::clone(&self.recorder), self.name.clone());
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
            .map(|(symbol, running)| {
                let last_heard = received(symbol);
                let is_told = last_heard.is_some();
                SymbolStatus {
                    symbol: symbol.clone(),
                    source: self.name.clone(),
                    status: TradingStatus::Trading,
                    freshness: if is_told {
                        Freshness::Fresh
                    } else {
                        Freshness::Waiting
                    },
                    why: (!is_told).then(|| "nothing has come yet".to_owned()),
                    number: running.number.load(Ordering::Relaxed),
                    last_heard,
                    reference_price: None,
                }
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
            subscriptions: symbols.len() as u64,
            counters: Counters {
                messages: symbols.iter().map(|it| it.number).sum(),
                ..Counters::default()
            },
            undecodable: 0,
            reconnects: 0,
            last_message: symbols.iter().filter_map(|it| it.last_heard).max(),
            clock_skew_ms: None,
            budget: Vec::new(),
            last_error: None,
            last_error_at: None,
            symbols,
        }
    }

    /// Imported bars of a symbol.
    async fn dataset(&self, symbol: &Symbol) -> Result<DatasetRecord, FeedError> {
        let found = self.find(|record| record.feed.is_empty(), symbol).await?;
        found.ok_or_else(|| FeedError::UnknownSymbol {
            venue: self.name.clone(),
            symbol: symbol.to_string(),
            near: None,
        })
    }

    /// Bars of a minute of a symbol, of those that `which` names.
    async fn find(
        &self,
        which: impl Fn(&DatasetRecord) -> bool,
        symbol: &Symbol,
    ) -> Result<Option<DatasetRecord>, FeedError> {
        let all = self
            .storage
            .datasets()
            .await
            .map_err(|error| self.trouble(&error))?;
        let of_symbol = |record: &DatasetRecord| {
            record.timeframe == Timeframe::MINUTE && record.instrument.symbol() == symbol
        };
        Ok(all.into_iter().find(|record| of_symbol(record) && which(record)))
    }

    fn trouble(&self, error: &dyn std::fmt::Display) -> FeedError {
        FeedError::Refused {
            venue: self.name.clone(),
            detail: error.to_string(),
        }
    }
}

/// A part of a feed's tape.
struct Recorded {
    span: LiveSpan,
    stream: RecordedStream,
    instrument: Instrument,
    /// When the first of it happened.
    start: Timestamp,
}

fn is_fitting(record: &DatasetRecord) -> bool {
    record.feed.is_empty() && record.timeframe == Timeframe::MINUTE
}

async fn run(
    name: &str,
    speed: f64,
    mut tape: Box<dyn Tape>,
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
            let item = match tape.peek() {
                Ahead::Item(item) => item,
                Ahead::Failed(why) => {
                    tracing::error!(feed = name, why, "the replay ends: what it tells cannot be read");
                    break;
                }
                Ahead::Later | Ahead::End => break,
            };
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
        let config = ReplayConfig::of(
            "rerun",
            &entry(&[
                ("speed", "60"),
                ("from", "2024-12-01T00:00:00Z"),
                ("recorded", "spot"),
            ]),
        );
        let expected = ReplayConfig {
            speed: 60.0,
            from: Some(Timestamp::parse("2024-12-01T00:00:00Z").expect("a time")),
            to: None,
            recorded: Some("spot".to_owned()),
        };
        assert_eq!(config, Ok(expected));
        for (name, value) in [
            ("speed", "-1"),
            ("speed", "fast"),
            ("speed", "1e9"),
            ("to", "now"),
            ("pace", "1"),
            ("recorded", "rerun"),
        ] {
            let error = ReplayConfig::of("rerun", &entry(&[(name, value)])).expect_err("it makes no sense");
            assert!(error.contains(name), "{error}");
        }
        let (from, to) = ("2024-12-02T00:00:00Z", "2024-12-01T00:00:00Z");
        let error = ReplayConfig::of("rerun", &entry(&[("from", from), ("to", to)]));
        assert!(error.is_err_and(|error| error.contains("is not before the option to")));
        let elsewhere = FeedEntry {
            rest_url: Some("http://127.0.0.1:1".to_owned()),
            ..FeedEntry::default()
        };
        let error = ReplayConfig::of("rerun", &elsewhere);
        assert!(error.is_err_and(|error| error.contains("no rest_url")));
    }
}
