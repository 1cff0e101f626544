//! The one writer: gathers what is waiting into one transaction, commits, answers.

use super::apply;
use crate::storage::{DatasetId, NewDataset, StorageError, Write};
use sqlx::{Connection, SqliteConnection};
use std::sync::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Writes that may wait before senders do.
const QUEUE: usize = 1_024;
/// Writes in one transaction at most: bounds how long one waits for another's.
const GROUP: usize = 256;

type Answer<T> = oneshot::Sender<Result<T, StorageError>>;

enum Job {
    Write(Write, Answer<()>),
    Import(Box<NewDataset>, Answer<DatasetId>),
    /// Everything before is done; end.
    Finish(oneshot::Sender<()>),
}

/// The handle on the writing task.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(connection, waiting));
        Self {
            jobs,
            task: Mutex::new(Some(task)),
        }
    }

    pub(super) async fn commit(&self, write: Write) -> Result<(), StorageError> {
        self.ask(|answer| Job::Write(write, answer)).await
    }

    pub(super) async fn import(&self, dataset: NewDataset) -> Result<DatasetId, StorageError> {
        self.ask(|answer| Job::Import(Box::new(dataset), answer)).await
    }

    /// Waits until everything sent so far is written, and ends the task.
    pub(super) async fn finish(&self) {
        let (done, finished) = oneshot::channel();
        if self.jobs.send(Job::Finish(done)).await.is_ok() {
            let _ = finished.await;
        }
        let task = self.task.lock().ok().and_then(|mut task| task.take());
        if let Some(task) = task {
            let _ = task.await;
        }
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StorageError> {
        let (answer, answered) = oneshot::channel();
        self.jobs
            .send(job(answer))
            .await
            .map_err(|_| StorageError::Closed)?;
        answered.await.map_err(|_| StorageError::Closed)?
    }
}

async fn run(mut connection: SqliteConnection, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(GROUP);
    let mut finished = None;
    while finished.is_none() && waiting.recv_many(&mut jobs, GROUP).await > 0 {
        let mut group = Vec::with_capacity(jobs.len());
        for job in jobs.drain(..) {
            match job {
                Job::Write(write, answer) => group.push((write, answer)),
                Job::Import(dataset, answer) => {
                    // In order: what was asked before it is written before it.
                    write_group(&mut connection, std::mem::take(&mut group)).await;
                    let _ = answer.send(import(&mut connection, &dataset).await);
                }
                Job::Finish(done) => finished = Some(done),
            }
        }
        write_group(&mut connection, group).await;
    }
    // Folds the log into the file, so that a copy of the file alone is a whole backup.
    let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await;
    let _ = connection.close().await;
    if let Some(done) = finished {
        let _ = done.send(());
    }
}

/// All in one transaction; when that fails, each in its own, so that one bad write harms no other session.
async fn write_group(connection: &mut SqliteConnection, group: Vec<(Write, Answer<()>)>) {
    if group.is_empty() {
        return;
    }
    let writes: Vec<&Write> = group.iter().map(|(write, _)| write).collect();
    let alone = writes.len() == 1;
    match write_all(connection, &writes).await {
        Ok(()) => {
            for (_, answer) in group {
                let _ = answer.send(Ok(()));
            }
        }
        Err(error) if alone => {
            let mut group = group;
            if let Some((_, answer)) = group.pop() {
                let _ = answer.send(Err(error));
            }
        }
        Err(_) => {
            for (write, answer) in group {
                let _ = answer.send(write_all(connection, &[&write]).await);
            }
        }
    }
}

async fn write_all(connection: &mut SqliteConnection, writes: &[&Write]) -> Result<(), StorageError> {
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(StorageError::while_doing("begin to write"))?;
    for write in writes {
        apply::write(&mut transaction, write).await?;
    }
    transaction
        .commit()
        .await
        .map_err(StorageError::while_doing("commit what was written"))
}

async fn import(connection: &mut SqliteConnection, dataset: &NewDataset) -> Result<DatasetId, StorageError> {
    let mut transaction = connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(StorageError::while_doing("begin to import"))?;
    let id = apply::import(&mut transaction, dataset).await?;
    transaction
        .commit()
        .await
        .map_err(StorageError::while_doing("commit the import"))?;
    Ok(id)
}
