//! What does not fit what is known: one is a mistake, many that agree with each other for long are the truth.

use papertape::model::Timestamp;

/// Counts what does not fit, as long as it agrees with itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubt<T>(Option<Strange<T>>);

#[derive(Clone, Copy, Debug)]
struct Strange<T> {
    what: T,
    count: u32,
    since: Timestamp,
}

impl<T: Copy> Doubt<T> {
    /// Nothing is in doubt.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// Something does not fit; gives how many in agreement there are with it, and for how many nanoseconds. `joins` compares what
    /// is remembered of those before it with the new one, and says what is remembered of them all; `None` when they disagree.
    pub(super) fn again(
        &mut self,
        what: T,
        now: Timestamp,
        joins: impl FnOnce(T, T) -> Option<T>,
    ) -> (u32, i64) {
        let joined = self.0.and_then(|strange| {
            Some(Strange {
                what: joins(strange.what, what)?,
                count: strange.count + 1,
                ..strange
            })
        });
        let strange = joined.unwrap_or(Strange {
            what,
            count: 1,
            since: now,
        });
        self.0 = Some(strange);
        (strange.count, now.since(strange.since))
    }

    /// Whether anything is in doubt.
    pub(super) const fn is_any(&self) -> bool {
        self.0.is_some()
    }

    /// All fits again, or what did not is believed.
    #[inline]
    pub(super) const fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_agrees_adds_up_and_what_does_not_begins_anew() {
        let mut doubt = Doubt::none();
        let near = |known: i64, now: i64| (known.abs_diff(now) < 10).then_some(known);
        let mut again =
            |what: i64, secs: i64| doubt.again(what, Timestamp::from_nanos(secs * 1_000_000_000), near);
        assert_eq!(again(100, 1), (1, 0));
        assert_eq!(again(105, 3), (2, 2_000_000_000));
        assert_eq!(again(111, 4), (1, 0), "far from the first");
        assert_eq!(again(112, 9), (2, 5_000_000_000));
        doubt.forget();
        assert_eq!(doubt.again(112, Timestamp::EPOCH, near), (1, 0));
    }
}
