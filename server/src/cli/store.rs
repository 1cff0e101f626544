//! Where the store is: the arguments of every command that touches it.

use super::CliError;
use crate::feeds::Feeds;
use crate::services::open_worlds;
use crate::storage::{Sqlite, Storage, StorageError};
use crate::tape::Library;
use clap::Args;
use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where the store is.
#[derive(Clone, Debug, Default, Args)]
pub struct StoreArguments {
    /// The folder to keep data in [default: $XDG_DATA_HOME/papertape or ~/.local/share/papertape]
    #[arg(long, value_name = "DIR", env = "PAPERTAPE_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// The database, when it is not in the data folder: sqlite:FILE
    #[arg(
        long,
        value_name = "URL",
        env = "PAPERTAPE_DATABASE_URL",
        hide_env_values = true
    )]
    pub database_url: Option<String>,
}

impl StoreArguments {
    /// The data folder.
    ///
    /// # Errors
    /// When nothing says where it is.
    pub fn folder(&self) -> Result<PathBuf, CliError> {
        if let Some(folder) = &self.data_dir {
            return Ok(folder.clone());
        }
        let non_empty = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        non_empty("XDG_DATA_HOME")
            .or_else(|| non_empty("HOME").map(|home| home.join(".local/share")))
            .map(|base| base.join("papertape"))
            .ok_or_else(|| CliError::usage("nothing says where to keep data: give --data-dir"))
    }

    /// The data folder, made if it is not there, known to be writable.
    ///
    /// # Errors
    /// When it cannot be made or written to.
    pub fn writable_folder(&self) -> Result<PathBuf, CliError> {
        let folder = self.folder()?;
        let refuse = |error: std::io::Error| {
            CliError::problem(format!(
                "the data directory {} is not writable: {error}",
                folder.display()
            ))
        };
        fs::create_dir_all(&folder).map_err(refuse)?;
        let probe = folder.join(format!(".papertape-{}", std::process::id()));
        fs::write(&probe, b"").map_err(refuse)?;
        fs::remove_file(&probe).map_err(refuse)?;
        Ok(folder)
    }

    /// The database's file.
    ///
    /// # Errors
    /// When the URL is not one this program knows.
    pub fn database(&self, folder: &Path) -> Result<PathBuf, CliError> {
        let Some(url) = &self.database_url else {
            return Ok(folder.join("papertape.db"));
        };
        let path = url
            .strip_prefix("sqlite:")
            .map(|path| path.strip_prefix("//").unwrap_or(path));
        match path.filter(|path| !path.is_empty() && !path.contains(['?', '#'])) {
            Some(path) => Ok(PathBuf::from(path)),
            None => Err(StorageError::UnknownUrl {
                // What follows the scheme may hold a password.
                url: url
                    .split(':')
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .take(20)
                    .collect::<String>()
                    + ":…",
            }
            .into()),
        }
    }

    /// Opens the store.
    pub(super) async fn open(&self) -> Result<Arc<dyn Storage>, CliError> {
        let folder = self.writable_folder()?;
        Ok(Arc::new(Sqlite::open(&self.database(&folder)?).await?))
    }

    /// Opens a store that must be there already.
    pub(super) async fn open_existing(&self) -> Result<Arc<dyn Storage>, CliError> {
        let folder = self.folder()?;
        let database = self.database(&folder)?;
        if !database.is_file() {
            return Err(CliError::problem(format!(
                "there is no database at {}: give the --data-dir that `papertape serve` uses",
                database.display()
            )));
        }
        Ok(Arc::new(Sqlite::open(&database).await?))
    }
}

/// What tapes are read from: without feeds that run, only with what they told.
pub(super) async fn library(storage: &Arc<dyn Storage>, folder: &Path) -> Result<Library, CliError> {
    let seed = crate::services::Settings::default().simulated_market_seed;
    Ok(Library {
        storage: Arc::clone(storage),
        worlds: Arc::new(open_worlds(&**storage, seed).await?),
        feeds: Arc::new(
            Feeds::recorded_only(&folder.join("tape"))
                .map_err(|error| CliError::problem(error.to_string()))?,
        ),
    })
}
