//! Saying what happens, how far it is and how long it took.

use crate::process::Failure;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// A numbered sequence of steps.
pub(crate) struct Steps {
    total: usize,
    done: usize,
}

/// What a step came to.
pub(crate) enum Outcome {
    /// It did its work.
    Done,
    /// There was nothing to do.
    Unchanged,
}

impl Steps {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, done: 0 }
    }

    /// Announces a step, does it, and says how long it took.
    pub(crate) fn step(
        &mut self,
        title: impl fmt::Display,
        work: impl FnOnce() -> Result<Outcome, Failure>,
    ) -> Result<(), Failure> {
        self.done += 1;
        let place = format!("[{}/{}]", self.done, self.total);
        eprintln!("{place} {title} …");
        let start = Instant::now();
        match work()? {
            Outcome::Done => eprintln!("{place} done in {}", elapsed(start.elapsed())),
            Outcome::Unchanged => eprintln!("{place} unchanged"),
        }
        Ok(())
    }
}

/// `0.4 s`, `12 s`, `3 min 05 s`.
pub(crate) fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

/// `734 B`, `12.3 KB`, `1.20 MB`, in thousands as browsers count them.
pub(crate) fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a size to read, not to reckon with")]
    let amount = count as f64;
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} KB", amount / 1e3),
        _ => format!("{:.2} MB", amount / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(elapsed(Duration::from_millis(420)), "0.4 s");
        assert_eq!(elapsed(Duration::from_secs(12)), "12 s");
        assert_eq!(elapsed(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(734), "734 B");
        assert_eq!(bytes(12_340), "12.3 KB");
        assert_eq!(bytes(1_204_000), "1.20 MB");
    }
}
