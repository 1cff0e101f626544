//! Answers that are asked for once, however many want them at one time, and believed for a while.

use crate::venue::FeedError;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long what a venue lists is believed.
pub(crate) const LISTINGS_FOR: Duration = Duration::from_secs(3_600);

/// A request, or what it comes to.
pub(crate) type Asked<V> = BoxFuture<'static, Result<V, FeedError>>;

/// Answers by what was asked for. Who asks for something else does not wait; who asks for the same while it is asked for has the same
/// answer, also when it is an error. Errors are not kept.
#[derive(Debug)]
pub(crate) struct Kept<K, V> {
    believed_for: Duration,
    answers: Mutex<BTreeMap<K, Answer<V>>>,
}

#[derive(Debug)]
struct Answer<V> {
    known: Option<(Instant, V)>,
    /// The request that is under way, as long as anybody waits for it.
    coming: Option<WeakShared<Asked<V>>>,
}

impl<K: Ord + Clone, V: Clone> Kept<K, V> {
    pub(crate) const fn new(believed_for: Duration) -> Self {
        Self {
            believed_for,
            answers: Mutex::new(BTreeMap::new()),
        }
    }

    /// What is known and still believed.
    pub(crate) fn known(&self, key: &K) -> Option<V> {
        let answers = self.answers();
        let (since, value) = answers.get(key)?.known.as_ref()?;
        (since.elapsed() < self.believed_for).then(|| value.clone())
    }

    /// What is known, or is asked for now.
    pub(crate) async fn get(&self, key: &K, ask: impl FnOnce() -> Asked<V>) -> Result<V, FeedError> {
        match self.known(key) {
            Some(value) => Ok(value),
            None => self.get_anew(key, ask).await,
        }
    }

    /// What is asked for now, whatever is known.
    pub(crate) async fn get_anew(&self, key: &K, ask: impl FnOnce() -> Asked<V>) -> Result<V, FeedError> {
        let coming = self.coming(key, ask);
        let answer = coming.clone().await;
        self.note(key, &coming, &answer);
        answer
    }

    /// What is under way already, or a new request.
    fn coming(&self, key: &K, ask: impl FnOnce() -> Asked<V>) -> Shared<Asked<V>> {
        let mut answers = self.answers();
        let known = answers.get_mut(key);
        let coming = known
            .as_ref()
            .and_then(|answer| answer.coming.as_ref()?.upgrade());
        if let Some(coming) = coming {
            return coming;
        }
        let coming = ask().shared();
        let weak = coming.downgrade();
        match known {
            Some(answer) => answer.coming = weak,
            None => {
                let answer = Answer {
                    known: None,
                    coming: weak,
                };
                answers.insert(key.clone(), answer);
            }
        }
        coming
    }

    /// Whoever wakes up first keeps the answer.
    fn note(&self, key: &K, coming: &Shared<Asked<V>>, answer: &Result<V, FeedError>) {
        let mut answers = self.answers();
        let Some(kept) = answers.get_mut(key) else {
            return;
        };
        let known = kept.coming.as_ref().and_then(WeakShared::upgrade);
        if !known.is_some_and(|known| known.ptr_eq(coming)) {
            return;
        }
        kept.coming = None;
        match answer {
            Ok(value) => kept.known = Some((Instant::now(), value.clone())),
            // What was asked for in vain is not remembered: nobody knows how much that would be.
            Err(_) if kept.known.is_none() => drop(answers.remove(key)),
            Err(_) => {}
        }
    }

    fn answers(&self) -> MutexGuard<'_, BTreeMap<K, Answer<V>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Answers with how often it was asked before, a second later.
    #[derive(Clone, Default)]
    struct Slow(Arc<AtomicU32>);

    impl Slow {
        fn ask(&self, is_well: bool) -> Asked<u32> {
            let count = Arc::clone(&self.0);
            async move {
                let before = count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_secs(1)).await;
                is_well.then_some(before).ok_or_else(|| FeedError::Trouble {
                    venue: "slow".to_owned(),
                    said: before.to_string(),
                })
            }
            .boxed()
        }

        fn asked(&self) -> u32 {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_is_asked_for_once_and_another_does_not_wait_for_it() {
        let (kept, slow) = (Kept::new(LISTINGS_FOR), Slow::default());
        let began = Instant::now();
        let answers = join_all([&"a", &"a", &"b", &"a"].map(|key| kept.get(key, || slow.ask(true)))).await;
        assert_eq!(answers, [Ok(0), Ok(0), Ok(1), Ok(0)]);
        assert_eq!((slow.asked(), began.elapsed()), (2, Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_is_believed_for_a_while() {
        let (kept, slow) = (Kept::new(Duration::from_secs(60)), Slow::default());
        for (wait, expected) in [(0, 0), (58, 0), (60, 1)] {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            assert_eq!(kept.get(&(), || slow.ask(true)).await, Ok(expected));
        }
        assert_eq!(kept.get_anew(&(), || slow.ask(true)).await, Ok(2));
        assert_eq!(kept.known(&()), Some(2));
        // What is known stays though nobody answers now.
        assert!(kept.get_anew(&(), || slow.ask(false)).await.is_err());
        assert_eq!(kept.known(&()), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_is_told_to_all_who_wait_and_not_kept() {
        let (kept, slow) = (Kept::new(LISTINGS_FOR), Slow::default());
        let ask = || kept.get(&(), || slow.ask(false));
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!(first, second);
        assert!(first.is_err() && slow.asked() == 1);
        assert_eq!(kept.get(&(), || slow.ask(true)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_leaves_the_request_to_those_who_wait() {
        let (kept, slow) = (Kept::new(LISTINGS_FOR), Slow::default());
        let half = Duration::from_millis(500);
        let ask = || kept.get(&(), || slow.ask(true));
        let (first, second) = tokio::join!(tokio::time::timeout(half, ask()), ask());
        assert!(first.is_err());
        assert_eq!((second, slow.asked()), (Ok(0), 1));
        // Nobody waits any more: it is asked for anew.
        let kept = Kept::new(LISTINGS_FOR);
        assert!(
            tokio::time::timeout(half, kept.get(&(), || slow.ask(true)))
                .await
                .is_err()
        );
        assert_eq!(kept.get(&(), || slow.ask(true)).await, Ok(2));
    }
}
