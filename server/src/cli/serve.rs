//! `papertape serve`.

use super::config::ConfigFile;
use super::{CliError, StoreArguments};
use crate::feeds::Feeds;
use crate::http::{Api, router};
use crate::services::{Services, wall_clock};
use crate::storage::{Sqlite, Storage};
use clap::Args;
use std::{
    fs::{File, TryLockError},
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Where to listen unless told otherwise: reachable from this machine only.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 3000);
/// How long open connections may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// Arguments of `serve`.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ServeArguments {
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:3000]
    #[arg(long, value_name = "ADDRESS", env = "PAPERTAPE_LISTEN")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    store: StoreArguments,
    /// A TOML file with `listen`, `data_dir`, `database_url` and settings; arguments win over it
    #[arg(long, value_name = "FILE", env = "PAPERTAPE_CONFIG")]
    config: Option<PathBuf>,
}

pub(super) async fn run(arguments: ServeArguments) -> Result<(), CliError> {
    let mut config = ConfigFile::read(arguments.config.as_deref())?;
    let listen = arguments.listen.or(config.listen).unwrap_or(DEFAULT_LISTEN);
    let store = StoreArguments {
        data_dir: arguments.store.data_dir.or(config.data_dir.take()),
        database_url: arguments.store.database_url.or(config.database_url.take()),
    };
    log_to_stderr();
    let folder = store.writable_folder()?;
    let _lock = lock(&folder)?;
    // Before any session goes on: a second server should end without having done anything.
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => CliError::problem(format!(
                "{listen} is in use by another program: end it, or choose another port with --listen"
            )),
            _ => CliError::problem(format!("cannot listen on {listen}: {error}")),
        })?;
    let storage = Arc::new(Sqlite::open(&store.database(&folder)?).await?);
    let settings = config.settings.clone();
    let live = config.live_feeds()?;
    let storage: Arc<dyn Storage> = storage;
    let feeds = Feeds::open(
        &folder.join("tape"),
        live.venues,
        live.replays,
        &storage,
        wall_clock(),
    )
    .map_err(|error| CliError::problem(error.to_string()))?;
    let strategies = Some(folder.join("strategies"));
    let services = Services::open(storage, &settings, strategies, None, feeds).await?;
    let running = serve_on(listener, Arc::new(services))?;
    // Before the announcement: who reads it may want the server to end at once.
    let stop = StopSignal::install()?;
    announce(running.address)?;
    tracing::info!(data_dir = %folder.display(), "serving");
    stop.wait().await;
    tracing::info!("shutting down");
    running.stop().await;
    Ok(())
}

/// A server that serves.
#[derive(Debug)]
pub struct Running {
    /// Where.
    pub address: SocketAddr,
    services: Arc<Services>,
    closing: watch::Sender<bool>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// Serves on a listener.
///
/// # Errors
/// When the listener has no address.
pub fn serve_on(listener: TcpListener, services: Arc<Services>) -> Result<Running, CliError> {
    let address = listener
        .local_addr()
        .map_err(|error| CliError::problem(format!("the listener has no address: {error}")))?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "there are no accounts yet: whoever reaches this address may trade and delete");
    }
    let (closing, closed) = watch::channel(false);
    let api = Api {
        services: Arc::clone(&services),
        closing: closed.clone(),
    };
    let app = router(api, address.ip().is_loopback());
    let mut signal = closed;
    let task = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move {
                let _ = signal.wait_for(|closing| *closing).await;
            })
            .await
    });
    Ok(Running {
        address,
        services,
        closing,
        task,
    })
}

impl Running {
    /// Stops accepting, says good-bye to live connections, saves every session and closes the store.
    pub async fn stop(self) {
        self.closing.send_replace(true);
        if tokio::time::timeout(GRACE, self.task).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
        self.services.close().await;
    }
}

/// Holds the data directory for this process. Two servers would run every session twice.
fn lock(folder: &Path) -> Result<File, CliError> {
    let path = folder.join("papertape.lock");
    let refuse = |error: std::io::Error| {
        CliError::problem(format!(
            "the data directory {} cannot be locked: {error}",
            folder.display()
        ))
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(refuse)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CliError::problem(format!(
            "another Papertape is using the data directory {}: end it, or choose another with --data-dir",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(refuse(error)),
    }
}

/// Says on stdout that the server is ready, and where.
fn announce(address: SocketAddr) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Papertape is ready: http://{address}")
        .and_then(|()| out.flush())
        .map_err(|error| CliError::problem(format!("stdout cannot be written: {error}")))
}

/// Libraries that tell, in detail, the frames and headers that they send: keys of venues are among them.
const DISCREET: [&str; 6] = [
    "tungstenite",
    "tokio_tungstenite",
    "hyper",
    "hyper_util",
    "reqwest",
    "h2",
];

/// Whether something may be logged, whatever `RUST_LOG` asks for: details of the discreet ones, or of any part of theirs, may not.
fn may_be_logged(target: &str, level: Level) -> bool {
    let library = target.split("::").next().unwrap_or(target);
    level <= Level::INFO || !DISCREET.contains(&library)
}

fn log_to_stderr() {
    let asked = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Tests start several servers in one process: the first one's log is everybody's.
    let _ = tracing_subscriber::registry()
        .with(asked)
        .with(filter_fn(|of| may_be_logged(of.target(), *of.level())))
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .try_init();
}

/// Ctrl-C, or what service managers send.
struct StopSignal {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignal {
    #[cfg(unix)]
    fn install() -> Result<Self, CliError> {
        use tokio::signal::unix::{SignalKind, signal};
        let refuse = |error| CliError::problem(format!("signals cannot be listened to: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(refuse)?,
            interrupt: signal(SignalKind::interrupt()).map_err(refuse)?,
        })
    }

    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
    fn install() -> Result<Self, CliError> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn wait(self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_are_shown_keys_log_no_details_of_any_part() {
        for (target, level, may_be) in [
            ("tungstenite::handshake::client", Level::TRACE, false),
            ("tungstenite::protocol", Level::DEBUG, false),
            ("hyper_util::client::legacy", Level::TRACE, false),
            ("reqwest", Level::DEBUG, false),
            ("tungstenite::protocol", Level::INFO, true),
            ("hyper", Level::ERROR, true),
            ("papertape_feeds::connection", Level::TRACE, true),
            ("h2o", Level::TRACE, true),
        ] {
            assert_eq!(may_be_logged(target, level), may_be, "{target} at {level}");
        }
    }
}
