//! `papertape doctor`.

use super::config::ConfigFile;
use super::{CliError, StoreArguments, backtest::print, store::library};
use crate::services::wall_clock;
use crate::storage::Sqlite;
use crate::tape::SIMULATED_SYMBOLS;
use clap::Args;
use futures::future::join_all;
use papertape::model::Timestamp;
use papertape_feeds::{FeedHub, MemoryRecorder, SystemClock};
use std::{
    fmt::Display,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

/// Arguments of `doctor`.
#[derive(Clone, Debug, Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    store: StoreArguments,
    /// The configuration that `serve` is given: a live feed that it names and that cannot be reached is a fault. Those that are there
    /// without being named are asked, too, and may be away
    #[arg(long, value_name = "FILE", env = "PAPERTAPE_CONFIG")]
    config: Option<PathBuf>,
}

/// The lines so far.
#[derive(Default)]
struct Report {
    text: String,
    failed: bool,
}

impl Report {
    fn fine(&mut self, what: &str, how: impl Display) {
        self.line("ok  ", what, how);
    }

    fn wrong(&mut self, what: &str, how: impl Display) {
        self.failed = true;
        self.line("FAIL", what, how);
    }

    fn lacking(&mut self, what: &str, how: impl Display) {
        self.line("away", what, how);
    }

    fn line(&mut self, mark: &str, what: &str, how: impl Display) {
        self.text.push_str(&format!("{mark}  {what:<15} {how}\n"));
    }
}

pub(super) async fn run(arguments: DoctorArguments) -> Result<(), CliError> {
    let mut report = Report::default();
    match arguments.store.writable_folder() {
        Ok(folder) => {
            report.fine("data directory", folder.display());
            check_database(&arguments.store, &folder, &mut report).await;
        }
        Err(error) => report.wrong("data directory", error.sentence().unwrap_or_default()),
    }
    check_clock(&mut report);
    check_feeds(arguments.config.as_deref(), &mut report).await;
    print(&report.text)?;
    if report.failed {
        Err(CliError::Reported)
    } else {
        Ok(())
    }
}

/// Asks each live feed. Those that the configuration names have to answer; the others, which are there without a word, nobody may
/// want, and a machine may be kept from the network on purpose.
async fn check_feeds(path: Option<&Path>, report: &mut Report) {
    let config = match ConfigFile::read(path) {
        Ok(config) => config,
        Err(error) => return report.wrong("configuration", error.sentence().unwrap_or_default()),
    };
    let named: Vec<String> = config.feeds.keys().cloned().collect();
    let hub = config.live_feeds().and_then(|live| {
        let names: Vec<String> = live.venues.feeds().map(|feed| feed.name.clone()).collect();
        let recorder = Arc::new(MemoryRecorder::default());
        let hub = FeedHub::new(live.venues, recorder, Arc::new(SystemClock));
        let hub = hub.map_err(|error| CliError::problem(error.to_string()))?;
        Ok((hub, names))
    });
    let (hub, names) = match hub {
        Ok(known) => known,
        Err(error) => return report.wrong("live feeds", error.sentence().unwrap_or_default()),
    };
    let ask = |name: String| {
        let hub = hub.clone();
        async move {
            let began = Instant::now();
            let answer = hub.time(&name).await;
            (name, answer, began.elapsed().as_millis())
        }
    };
    for (name, answer, took) in join_all(names.into_iter().map(ask)).await {
        let what = format!("feed {name}");
        match answer {
            Ok(Some(time)) => {
                let ahead = time.since(wall_clock()) as f64 / 1e9;
                report.fine(
                    &what,
                    format!("answers in {took} ms, its clock is {ahead:+.3} s from ours"),
                );
            }
            Ok(None) => report.fine(&what, format!("answers in {took} ms")),
            Err(error) if named.contains(&name) => report.wrong(&what, error),
            Err(error) => report.lacking(&what, error),
        }
    }
}

async fn check_database(store: &StoreArguments, folder: &std::path::Path, report: &mut Report) {
    let path = match store.database(folder) {
        Ok(path) => path,
        Err(error) => return report.wrong("database", error.sentence().unwrap_or_default()),
    };
    let storage: Arc<dyn crate::storage::Storage> = match Sqlite::open(&path).await {
        Ok(storage) => Arc::new(storage),
        Err(error) => return report.wrong("database", CliError::from(error).sentence().unwrap_or_default()),
    };
    match storage.sessions().await {
        Ok(sessions) => report.fine(
            "database",
            format!("{}, {} sessions", path.display(), sessions.len()),
        ),
        Err(error) => report.wrong("database", error),
    }
    match storage.datasets().await {
        Ok(datasets) => report.fine("feed replay", format!("{} datasets imported", datasets.len())),
        Err(error) => report.wrong("feed replay", error),
    }
    let began = Instant::now();
    match library(&storage, folder).await {
        Ok(library) => {
            let worlds = Arc::clone(&library.worlds);
            let bars = tokio::task::spawn_blocking(move || {
                SIMULATED_SYMBOLS[0]
                    .parse()
                    .map(|symbol| worlds.history(&symbol).0.len())
            })
            .await;
            match bars {
                Ok(Ok(bars)) => report.fine(
                    "feed simulated",
                    format!(
                        "{bars} bars of {} in {} ms",
                        SIMULATED_SYMBOLS[0],
                        began.elapsed().as_millis()
                    ),
                ),
                _ => report.wrong("feed simulated", "the market could not be made"),
            }
        }
        Err(error) => report.wrong("feed simulated", error.sentence().unwrap_or_default()),
    }
    storage.close().await;
}

/// A clock before this program was written is wrong; one that runs backwards cannot be told from here.
fn check_clock(report: &mut Report) {
    let now = wall_clock();
    let written = Timestamp::from_secs(1_735_689_600);
    if now < written {
        report.wrong("clock", format!("{now} is in the past: set the machine's clock"));
    } else {
        report.fine("clock", now);
    }
}
