//! What waits to be sent: venues close connections that say too much at once.

use crate::venue::Frame;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// At most four frames in any second: the strictest of the venues allows five, pongs included.
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
        if self.sent.len() == Self::MOST {
            self.sent
                .pop_front_if(|oldest| now.duration_since(*oldest) >= Self::WITHIN)?;
        }
        let frame = self.waiting.pop_front()?;
        self.sent.push_back(now);
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_four_in_a_second() {
        let start = Instant::now();
        let mut outbox = Outbox::default();
        outbox.push(vec![Frame::Text("x".to_owned()); 100]);
        let mut sent = Vec::new();
        for step in 0..4_000 {
            let now = start + Duration::from_millis(step * 10);
            while outbox.pop(now).is_some() {
                sent.push(now);
            }
        }
        assert_eq!(sent.len(), 100);
        for five in sent.windows(5) {
            assert!(five[4] - five[0] >= Duration::from_secs(1));
        }
        assert!(sent[99] - start <= Duration::from_secs(25));
    }
}
