//! Opening the database and bringing its schema up to date.

use crate::storage::StorageError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool, migrate::Migrator};
use std::{path::Path, time::Duration};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The writing connection and the readers.
pub(super) async fn open(path: &Path) -> Result<(SqliteConnection, SqlitePool), StorageError> {
    let failed = |because: String| StorageError::Open {
        path: path.to_owned(),
        because,
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // An answered commit survives a power cut, not only a crash of this process.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(10));
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(|error| failed(in_short(&error)))?;
    refuse_newer(path, &mut connection).await?;
    MIGRATIONS
        .run(&mut connection)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(4)
        .connect_with(options)
        .await
        .map_err(|error| failed(in_short(&error)))?;
    Ok((connection, readers))
}

async fn refuse_newer(path: &Path, connection: &mut SqliteConnection) -> Result<(), StorageError> {
    let known = MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    let doing = StorageError::while_doing("read its schema version");
    let fresh: bool =
        sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')")
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| StorageError::Open {
                path: path.to_owned(),
                because: in_short(&error),
            })?;
    if fresh {
        return Ok(());
    }
    let found: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(doing)?;
    match found {
        Some(found) if found > known => Err(StorageError::Newer {
            path: path.to_owned(),
            found,
            known,
        }),
        _ => Ok(()),
    }
}

/// The database's own words without the library's frame around them.
fn in_short(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    }
}
