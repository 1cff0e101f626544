//! What waits to be sent: venues close connections that say too much at once.

use crate::venue::Frame;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// At most four frames in any second, pings and the answers to theirs included: the strictest of the venues allows five.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Frame>,
    /// When the last frames were sent, oldest first.
    sent: VecDeque<Instant>,
}

impl Outbox {
    const MOST: usize = 4;
    const WITHIN: Duration = Duration::from_secs(1);

    pub(super) fn push(&mut self, frames: Vec<Frame>) {
        self.waiting.extend(frames);
    }

    /// The next frame that may be sent now.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Frame> {
        if self.waiting.is_empty() || !self.take(now) {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Takes room for a frame that does not wait here: a ping. Whether there is any.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.forget(now);
        let is_free = self.sent.len() < Self::MOST;
        if is_free {
            self.sent.push_back(now);
        }
        is_free
    }

    /// A frame is sent whether there is room or not: the answer to a ping.
    pub(super) fn sent(&mut self, now: Instant) {
        self.forget(now);
        self.sent.push_back(now);
    }

    fn forget(&mut self, now: Instant) {
        while self
            .sent
            .pop_front_if(|oldest| now.duration_since(*oldest) >= Self::WITHIN)
            .is_some()
        {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When frames are sent of a hundred that wait, in forty seconds of a hundred looks each. `beside` says in which steps
    /// something else is sent at a look, by whatever way.
    fn sent(start: Instant, mut beside: impl FnMut(&mut Outbox, u64, Instant) -> bool) -> Vec<Instant> {
        let mut outbox = Outbox::default();
        outbox.push(vec![Frame::Text("x".to_owned()); 100]);
        let mut sent = Vec::new();
        for step in 0..4_000 {
            let now = start + Duration::from_millis(step * 10);
            if beside(&mut outbox, step, now) {
                sent.push(now);
            }
            while outbox.pop(now).is_some() {
                sent.push(now);
            }
        }
        sent
    }

    #[test]
    fn never_more_than_four_in_a_second() {
        let start = Instant::now();
        let sent = sent(start, |_, _, _| false);
        assert_eq!(sent.len(), 100);
        for five in sent.windows(5) {
            assert!(five[4] - five[0] >= Duration::from_secs(1));
        }
        assert!(sent[99] - start <= Duration::from_secs(25));
    }

    #[test]
    fn pings_and_answers_to_pings_count() {
        let start = Instant::now();
        let sent = sent(start, |outbox, step, now| {
            if step % 200 == 7 {
                outbox.sent(now);
                return true;
            }
            step % 300 > 10 && step % 300 < 60 && outbox.take(now)
        });
        assert!(sent.len() > 120, "{}", sent.len());
        // An answer may come on top, once.
        for six in sent.windows(6) {
            assert!(six[5] - six[0] >= Duration::from_secs(1));
        }
        let begin = start + Duration::from_mins(10);
        let mut outbox = Outbox::default();
        outbox.sent(begin);
        assert_eq!((0..10).filter(|_| outbox.take(begin)).count(), 3);
    }
}
