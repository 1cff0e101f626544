//! What the server can do, behind one face: the HTTP API and the pages call the same functions.

mod accounts;
mod backend;
mod backtests;
mod data_quality;
mod datasets;
mod drawer;
mod error;
mod feed_health;
mod feeds_now;
mod history;
mod live;
mod markets;
mod options;
mod orders;
mod past;
mod records;
mod sessions;
mod settings;
mod shelf;
mod strategies;
mod studies;
mod untainted;

pub use shelf::embedded;

pub(crate) use datasets::quality;
pub use drawer::Base;
pub use error::ServiceError;
pub use orders::{Change, Placement, RefusedOrders};
pub use records::{RecordQuery, SessionAlert};
pub use settings::Settings;

use crate::feeds::Feeds;
use crate::host::{Host, HostError, Probe};
use crate::storage::{Storage, StorageError, Write};
use crate::tape::{Library, TapeSpec, Worlds};
use backtests::Backtests;
use papertape::api::{FeedInfo, FeedKind, SystemStatus};
use papertape::engine::SessionState;
use papertape::model::{Money, Timestamp};
use papertape_tape::Retention;
use shelf::Shelf;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use studies::Studies;
use tokio::time::MissedTickBehavior;

/// The setting that holds the beginning of the simulated markets.
const ORIGIN: &str = "simulated_market_origin";
/// The setting that holds their seed.
const SEED: &str = "simulated_market_seed";

/// What the server can do.
#[derive(Debug)]
pub struct Services {
    storage: Arc<dyn Storage>,
    worlds: Arc<Worlds>,
    feeds: Arc<Feeds>,
    asking: past::Asking,
    /// Held while a dataset takes the place of another, and from when a new session looks for the newest until it refers to it.
    keeping: tokio::sync::Mutex<()>,
    host: Arc<Host>,
    shelf: Shelf,
    backtests: Arc<Backtests>,
    studies: Studies,
    started: Instant,
}

/// Now, by the wall clock.
#[must_use]
pub fn wall_clock() -> Timestamp {
    Timestamp::from_nanos(chrono::Utc::now().timestamp_nanos_opt().unwrap_or_default())
}

/// The simulated markets of an installation: their beginning and seed are set by its first start.
///
/// # Errors
/// [`StorageError`] when the settings cannot be read or written.
pub async fn open_worlds(storage: &dyn Storage, seed: u64) -> Result<Worlds, StorageError> {
    let origin = Worlds::origin_at(wall_clock());
    storage
        .commit(Write::Setting(ORIGIN, origin.nanos().to_string()))
        .await?;
    storage.commit(Write::Setting(SEED, seed.to_string())).await?;
    let unreadable = |what| StorageError::Corrupt {
        what,
        because: "it is no number".to_owned(),
    };
    let read = |text: Option<String>, what| {
        text.and_then(|text| text.parse::<i128>().ok())
            .ok_or_else(|| unreadable(what))
    };
    let origin = read(storage.setting(ORIGIN).await?, "the simulated market's beginning")?;
    let seed = read(storage.setting(SEED).await?, "the simulated market's seed")?;
    Ok(Worlds::new(seed as u64, Timestamp::from_nanos(origin as i64)))
}

impl Services {
    /// The services over a storage; sessions that were running go on.
    ///
    /// # Errors
    /// [`HostError`] when storage cannot be read.
    pub async fn open(
        storage: Arc<dyn Storage>,
        settings: &Settings,
        strategies: Option<PathBuf>,
        probe: Option<Arc<dyn Probe>>,
        feeds: Feeds,
    ) -> Result<Self, HostError> {
        let feeds = Arc::new(feeds);
        let worlds = Arc::new(open_worlds(&*storage, settings.simulated_market_seed).await?);
        let library = Library {
            storage: Arc::clone(&storage),
            worlds: Arc::clone(&worlds),
            feeds: Arc::clone(&feeds),
        };
        let host = Arc::new(Host::new(Arc::clone(&storage), library, probe));
        host.recover().await?;
        tokio::spawn(retire(
            Arc::clone(&storage),
            Arc::clone(&feeds),
            Retention {
                days: settings.tape_keep_days,
                bytes: settings.tape_keep_bytes,
            },
        ));
        // The first session should not have to wait for ninety days to pass.
        let warm = Arc::clone(&worlds);
        tokio::task::spawn_blocking(move || warm.world(&warm.config(&datasets::default_symbol())));
        Ok(Self {
            backtests: Arc::new(Backtests::new(Arc::clone(&storage))),
            studies: Studies::new(),
            shelf: Shelf::new(strategies),
            storage,
            worlds,
            feeds,
            asking: past::Asking::default(),
            keeping: tokio::sync::Mutex::default(),
            host,
            started: Instant::now(),
        })
    }

    /// The session host.
    #[must_use]
    pub const fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// The live feeds.
    #[must_use]
    pub const fn feeds(&self) -> &Arc<Feeds> {
        &self.feeds
    }

    /// How the system is.
    ///
    /// # Errors
    /// [`ServiceError`] when storage cannot be read.
    pub async fn status(&self) -> Result<SystemStatus, ServiceError> {
        let mut sessions: BTreeMap<SessionState, u64> = BTreeMap::new();
        let mut equity: BTreeMap<String, Money> = BTreeMap::new();
        for session in self.host.list() {
            *sessions.entry(session.state).or_default() += 1;
            let currency = session.equity.currency;
            let sum = equity
                .entry(currency.to_string())
                .or_insert_with(|| Money::zero(currency));
            *sum += session.equity;
        }
        let failed = sessions.get(&SessionState::Failed).copied().unwrap_or(0);
        Ok(SystemStatus {
            status: if failed == 0 { "ok" } else { "degraded" }.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: self.started.elapsed().as_secs(),
            time: wall_clock(),
            sessions,
            feeds: self.feed_infos().await?,
            equity: equity.into_values().collect(),
            storage: self.storage.kind().to_owned(),
        })
    }

    /// The feeds on offer.
    async fn feed_infos(&self) -> Result<Vec<FeedInfo>, ServiceError> {
        let imported = self.storage.datasets().await?.len();
        let label = match imported {
            0 => "Replay of recorded bars".to_owned(),
            1 => "Replay of recorded bars, 1 dataset imported".to_owned(),
            many => format!("Replay of recorded bars, {many} datasets imported"),
        };
        let mut all = vec![
            FeedInfo {
                name: "simulated".to_owned(),
                kind: FeedKind::Simulated,
                label: "Simulated market".to_owned(),
            },
            FeedInfo {
                name: "replay".to_owned(),
                kind: FeedKind::Replay,
                label,
            },
        ];
        all.extend(self.feeds.names().into_iter().map(|name| FeedInfo {
            label: format!("{name}, live"),
            kind: FeedKind::Live,
            name,
        }));
        Ok(all)
    }

    /// Ends backtests and studies, saves sessions so that they go on at the next start, and closes storage.
    pub async fn close(&self) {
        self.backtests.cancel_all();
        self.studies.cancel_all();
        self.host.rest().await;
        self.feeds.close().await;
        self.storage.close().await;
    }
}

/// Now and then removes of the tape what is beyond its limits and no session has taken in.
async fn retire(storage: Arc<dyn Storage>, feeds: Arc<Feeds>, limits: Retention) {
    if limits == Retention::default() {
        return;
    }
    let mut hours = tokio::time::interval(Duration::from_secs(3_600));
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        let sessions = match storage.sessions().await {
            Ok(sessions) => sessions,
            Err(StorageError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "the tape is kept: it is not known what sessions need of it");
                continue;
            }
        };
        // One that cannot be read may need anything.
        let Ok(sessions) = sessions.into_iter().collect::<Result<Vec<_>, _>>() else {
            tracing::warn!("the tape is kept: a session that cannot be read may need it");
            continue;
        };
        let mut needed: BTreeMap<(String, String), u64> = BTreeMap::new();
        for tape in sessions.iter().flat_map(|session| session.spec.tape.each()) {
            if let TapeSpec::Live {
                feed, symbol, first, ..
            } = tape
            {
                let lowest = needed.entry((feed.clone(), symbol.to_string())).or_insert(*first);
                *lowest = (*lowest).min(*first);
            }
        }
        feeds.retain(wall_clock(), limits, needed).await;
    }
}
