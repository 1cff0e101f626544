//! The data-quality record: what went wrong is on the tape, in order with the data, and from there in the database, which is
//! asked. What the database lacks after a crash, or altogether, is read from the tape again.

use crate::storage::{IncidentRecord, Storage, Write};
use papertape::api::DataIncident;
use papertape::model::{Symbol, Timestamp};
use papertape_tape::{Channel, Entry, Loss, TapeError, TapeStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot};

/// Entries that are written to the database at once.
const TOGETHER: usize = 256;

/// What goes into the data-quality record, in order.
#[derive(Debug)]
pub(super) enum Kept {
    /// What happened, as it stands now.
    Incident(Box<IncidentRecord>),
    /// A feed is heard again: what its tape has and the database lacks comes first, and what earlier runs left open has ended.
    Heard(Channel),
    /// Everything up to this number of a tape is in the database, as far as it came before.
    Reached(String, Symbol, u64),
    /// Somebody waits until all before it is written.
    Settled(oneshot::Sender<()>),
}

/// When this run of the server began, with the number of what it notes next itself.
type Run = (Timestamp, Arc<AtomicU64>);

/// Takes in what comes, after what the tapes have that the database lacks.
pub(super) async fn keep(
    store: TapeStore,
    storage: Arc<dyn Storage>,
    run: Run,
    mut coming: mpsc::UnboundedReceiver<Kept>,
) {
    for channel in tapes(store).await {
        take_in(&*storage, channel, &run).await;
    }
    while let Some(kept) = coming.recv().await {
        match kept {
            Kept::Incident(record) => commit(&*storage, Write::Incident(record)).await,
            Kept::Heard(channel) => take_in(&*storage, channel, &run).await,
            Kept::Reached(feed, symbol, number) => {
                let write = Write::IncidentsRead { feed, symbol, number };
                commit(&*storage, write).await;
            }
            // Nobody waits any more: so be it.
            Kept::Settled(reached) => drop(reached.send(())),
        }
    }
}

async fn commit(storage: &dyn Storage, write: Write) {
    if let Err(error) = storage.commit(write).await {
        tracing::error!(%error, "the data-quality record could not be written");
    }
}

/// The tapes that are there.
async fn tapes(store: TapeStore) -> Vec<Channel> {
    let open = move || {
        let names = store.channels().unwrap_or_default();
        let each = names
            .iter()
            .filter_map(|name| match store.existing(&name.feed, &name.symbol) {
                Ok(channel) => Some(channel),
                Err(error) => {
                    tracing::error!(tape = %name, %error, "the tape cannot be read");
                    None
                }
            });
        each.collect()
    };
    tokio::task::spawn_blocking(open).await.unwrap_or_default()
}

/// Writes into the database what a tape has and it lacks.
async fn take_in(storage: &dyn Storage, channel: Channel, (run, notes): &Run) {
    let name = channel.name().clone();
    let (feed, symbol) = (name.feed.to_string(), name.symbol.clone());
    for loss in channel.take_losses() {
        let record = IncidentRecord {
            run: *run,
            number: notes.fetch_add(1, Ordering::Relaxed),
            incident: lost(&loss, &feed, &symbol),
        };
        commit(storage, Write::Incident(Box::new(record))).await;
    }
    let taken = match storage.incidents_read(&feed, &symbol).await {
        Ok(number) => number,
        Err(error) => {
            tracing::error!(%error, "the data-quality record could not be read");
            return;
        }
    };
    let last = channel.durable_up_to();
    // A tape that ends before what was taken in of it is another one.
    let after = if taken > last { 0 } else { taken };
    if after < last {
        let found = tokio::task::spawn_blocking(move || on_tape(&channel, after + 1, last)).await;
        match found {
            Ok(Ok(found)) => {
                for several in found.chunks(TOGETHER) {
                    let each = several.iter().cloned().map(Box::new).map(Write::Incident);
                    futures::future::join_all(each.map(|write| commit(storage, write))).await;
                }
                let write = Write::IncidentsRead {
                    feed: feed.clone(),
                    symbol: symbol.clone(),
                    number: last,
                };
                commit(storage, write).await;
            }
            Ok(Err(error)) => {
                tracing::error!(tape = %name, %error, "what went wrong earlier cannot be read");
            }
            Err(error) => tracing::error!(tape = %name, %error, "what went wrong earlier was not read"),
        }
    }
    let ended = Write::IncidentsEnded {
        feed,
        symbol,
        run: *run,
    };
    commit(storage, ended).await;
}

/// What was on a tape and had to be cut off: who replays it lacks that span.
fn lost(loss: &Loss, feed: &str, symbol: &Symbol) -> DataIncident {
    DataIncident {
        kind: "gap".to_owned(),
        feed: feed.to_owned(),
        symbol: symbol.clone(),
        source: feed.to_owned(),
        from: loss.from,
        to: Some(loss.to),
        count: loss.readable,
        detail: format!(
            "the tape lacks what followed number {}: {}",
            loss.first - 1,
            loss.detail
        ),
        touched: None,
    }
}

/// What went wrong according to a span of a tape.
fn on_tape(channel: &Channel, first: u64, last: u64) -> Result<Vec<IncidentRecord>, TapeError> {
    let mut found = Vec::new();
    for record in channel.scan(first.max(channel.first_number())..=last) {
        let Entry::Incident { json, .. } = record?.entry else {
            continue;
        };
        match serde_json::from_str(&json) {
            Ok(incident) => found.push(incident),
            Err(error) => {
                tracing::warn!(tape = %channel.name(), %error, json, "an incident on tape is not known")
            }
        }
    }
    Ok(found)
}
