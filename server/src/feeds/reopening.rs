//! Tapes that have failed: their disk was full or away, and may be back.

use papertape::model::Instrument;
use papertape_tape::{Channel, TapeError, TapeStore};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Duration;
use tokio::time::Instant;

/// How long a tape that has failed is left alone before it is opened anew, at first and at most.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(500);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Opens a tape anew that has failed, on a thread that may wait for the disk, with longer and longer pauses.
#[derive(Debug, Default)]
pub(super) struct Reopening {
    /// Until when it is left alone, and for how long then.
    pause: Option<(Instant, Duration)>,
    answer: Option<Receiver<Result<Channel, TapeError>>>,
}

impl Reopening {
    /// The tape, once it is open again and has what the failed one had taken and not written, by the same numbers. To be asked
    /// again and again where a Tokio runtime is.
    pub(super) fn poll(
        &mut self,
        store: &TapeStore,
        instrument: &Instrument,
        failed: &Channel,
    ) -> Option<Channel> {
        let now = Instant::now();
        if let Some(answer) = &self.answer {
            match answer.try_recv() {
                Ok(Ok(anew)) => {
                    tracing::info!(tape = %anew.name(), "the tape is open again, and nothing is lost");
                    *self = Self::default();
                    return Some(anew);
                }
                Err(TryRecvError::Empty) => return None,
                Ok(Err(error)) => {
                    tracing::warn!(tape = %failed.name(), %error, "the tape cannot be opened again yet");
                }
                Err(TryRecvError::Disconnected) => {}
            }
            self.answer = None;
        }
        let (until, pause) = *self.pause.get_or_insert((now + FIRST_PAUSE, FIRST_PAUSE));
        if now >= until {
            let next = LONGEST_PAUSE.min(pause * 2);
            self.pause = Some((now + next, next));
            let (told, answer) = channel();
            let (store, instrument, failed) = (store.clone(), instrument.clone(), failed.clone());
            tokio::task::spawn_blocking(move || told.send(go_on(&store, &instrument, &failed)));
            self.answer = Some(answer);
        }
        None
    }
}

/// Opens the tape of a failed one, and appends what that had taken and not written.
fn go_on(store: &TapeStore, instrument: &Instrument, failed: &Channel) -> Result<Channel, TapeError> {
    let name = failed.name();
    // Only one that is there: where a disk is away, a new one would begin in its place.
    let there = store.existing(&name.feed, &name.symbol)?;
    let (last, durable) = (there.last_number(), failed.durable_up_to());
    if last < durable {
        return Err(TapeError::Hole {
            from: last + 1,
            to: durable,
        });
    }
    let anew = store.channel_blocking(&name.feed, instrument)?;
    for record in failed.unwritten() {
        if record.number > anew.last_number() {
            anew.append_batch(record.received, &record.source, [record.entry])?;
        }
    }
    Ok(anew)
}
