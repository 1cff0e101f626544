//! When which source was the one that is published.

use papertape::api::TimeSpan;
use papertape::model::Timestamp;
use std::collections::VecDeque;

/// See the module's comment.
#[derive(Clone, Debug)]
pub(super) struct Reigns {
    /// A source's place and when it was published, oldest first; the last one is now. The first counts from the beginning of time:
    /// whoever was published before is forgotten, and its trouble counts as seen.
    kept: VecDeque<(usize, TimeSpan)>,
    is_forgetful: bool,
}

impl Reigns {
    /// Reigns that are remembered.
    const MOST: usize = 1_000;

    /// The source at this place is published, and has always been.
    pub(super) fn new(place: usize) -> Self {
        let always = TimeSpan {
            from: Timestamp::EPOCH,
            to: None,
        };
        Self {
            kept: VecDeque::from([(place, always)]),
            is_forgetful: false,
        }
    }

    /// Another is published from `now` on, and of what was before what it had told since `from`.
    pub(super) fn switch(&mut self, place: usize, from: Timestamp, now: Timestamp) {
        if let Some((_, last)) = self.kept.back_mut() {
            last.to = Some(now.max(last.from));
        }
        let from = from.min(now);
        self.kept.push_back((place, TimeSpan { from, to: None }));
        if self.kept.len() > Self::MOST {
            self.kept.pop_front();
            self.is_forgetful = true;
        }
    }

    /// The parts of a span in which a source was published; `None` when that is all of it.
    pub(super) fn parts(&self, place: usize, span: TimeSpan) -> Option<Vec<TimeSpan>> {
        let forgotten = self
            .kept
            .front()
            .filter(|_| self.is_forgetful)
            .map(|(_, first)| TimeSpan {
                from: Timestamp::EPOCH,
                to: Some(first.from),
            });
        let own = self
            .kept
            .iter()
            .filter(|(of, _)| *of == place)
            .map(|(_, reign)| *reign);
        let mut parts = Vec::<TimeSpan>::new();
        for part in forgotten
            .into_iter()
            .chain(own)
            .filter_map(|reign| reign.within(span))
        {
            match parts.last_mut() {
                Some(last) if last.to.is_none_or(|to| part.from <= to) => {
                    last.to = last.to.and_then(|to| part.to.map(|other| other.max(to)));
                }
                _ => parts.push(part),
            }
        }
        (parts != [span]).then_some(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn span(from: i64, to: Option<i64>) -> TimeSpan {
        TimeSpan {
            from: at(from),
            to: to.map(at),
        }
    }

    #[test]
    fn a_span_has_the_parts_in_which_its_source_was_published() {
        let mut reigns = Reigns::new(0);
        reigns.switch(1, at(100), at(110));
        reigns.switch(0, at(200), at(200));
        for (place, asked, expected) in [
            (0, span(10, Some(50)), None),
            (1, span(10, Some(50)), Some(vec![])),
            (0, span(90, Some(150)), Some(vec![span(90, Some(110))])),
            (1, span(90, Some(150)), Some(vec![span(100, Some(150))])),
            (
                0,
                span(90, None),
                Some(vec![span(90, Some(110)), span(200, None)]),
            ),
            (1, span(90, None), Some(vec![span(100, Some(200))])),
            (1, span(120, Some(130)), None),
            (0, span(200, None), None),
            (2, span(10, None), Some(vec![])),
        ] {
            assert_eq!(reigns.parts(place, asked), expected, "{place} {asked:?}");
        }
    }

    #[test]
    fn what_is_forgotten_counts_as_seen() {
        let mut reigns = Reigns::new(0);
        for second in 1..=2_000 {
            reigns.switch(usize::from(second % 2 == 1), at(second), at(second));
        }
        assert!(reigns.kept.len() <= Reigns::MOST);
        assert_eq!(reigns.parts(1, span(10, Some(500))), None);
        assert_eq!(reigns.parts(2, span(1_900, Some(1_950))), Some(vec![]));
    }
}
