//! Several tapes as one: by the moments at which their inputs are due, and of one moment in the order of the instruments.

use super::{Ahead, Tape, TapeItem};
use futures::{
    FutureExt as _,
    future::{BoxFuture, select_all},
};
use papertape::engine::Input;
use papertape::model::{InstrumentId, Timestamp};

/// The inputs of several instruments, each from a tape of its own, by their places in the session.
#[derive(Debug)]
pub struct TogetherTape {
    tapes: Vec<Box<dyn Tape>>,
}

impl TogetherTape {
    /// Tapes that stand where each of them stands, the first instrument's first.
    #[must_use]
    pub fn new(tapes: Vec<Box<dyn Tape>>) -> Self {
        Self { tapes }
    }

    /// The checkpoints of its tapes.
    ///
    /// # Errors
    /// When the checkpoint makes no sense.
    pub fn parts(checkpoint: &[u8]) -> Result<Vec<Vec<u8>>, postcard::Error> {
        postcard::from_bytes(checkpoint)
    }

    /// The tape whose input is next, and the input.
    fn first(&mut self) -> First {
        loop {
            let mut first: Option<(Moment, usize)> = None;
            let mut waits = false;
            for (place, tape) in self.tapes.iter_mut().enumerate() {
                match tape.peek() {
                    Ahead::Item(item) => {
                        let moment = (item.due, moment(&item));
                        if first.is_none_or(|(earliest, _)| moment < earliest) {
                            first = Some((moment, place));
                        }
                    }
                    Ahead::Later => waits = true,
                    Ahead::End => {}
                    Ahead::Failed(reason) => return First::Failed(reason),
                }
            }
            let Some((moment, place)) = first else {
                return if waits { First::Later } else { First::End };
            };
            if !waits {
                return First::Of(place);
            }
            // What came in before it is on its tape by now, though perhaps not to be read yet; what comes in from now on came
            // later.
            if self.tapes.iter().any(|tape| tape.is_behind()) {
                return First::Later;
            }
            if !self.has_earlier(moment) {
                return First::Of(place);
            }
        }
    }

    /// Whether a tape has something that came before a moment.
    fn has_earlier(&mut self, than: Moment) -> bool {
        let mut heads = self.tapes.iter_mut().filter_map(|tape| tape.peek().item());
        heads.any(|item| (item.due, self::moment(&item)) < than)
    }
}

/// Which tape is next.
enum First {
    Of(usize),
    Later,
    End,
    Failed(String),
}

/// When an input is due, and of those due at once when it came.
type Moment = (Option<Timestamp>, Option<Timestamp>);

/// Of history, which is due at once, when a bar opened; of what a feed told, when it came in.
fn moment(item: &TapeItem) -> Option<Timestamp> {
    match &item.input {
        Input::History(_, bar) => Some(bar.open_time),
        Input::Market(..) | Input::Command(..) => item.received,
    }
}

/// The input as one of the instrument at a place.
fn placed(place: usize, item: TapeItem) -> TapeItem {
    let at = InstrumentId(u16::try_from(place).unwrap_or(u16::MAX));
    let input = match item.input {
        Input::History(_, bar) => Input::History(at, bar),
        Input::Market(_, event) => Input::Market(at, event),
        command @ Input::Command(..) => command,
    };
    TapeItem { input, ..item }
}

impl Tape for TogetherTape {
    fn peek(&mut self) -> Ahead {
        match self.first() {
            First::Of(place) => match self.tapes[place].peek() {
                Ahead::Item(item) => Ahead::Item(placed(place, item)),
                nothing => nothing,
            },
            First::Later => Ahead::Later,
            First::End => Ahead::End,
            First::Failed(reason) => Ahead::Failed(reason),
        }
    }

    fn next(&mut self) -> Option<TapeItem> {
        match self.first() {
            First::Of(place) => Some(placed(place, self.tapes[place].next()?)),
            First::Later | First::End | First::Failed(_) => None,
        }
    }

    fn history(&self) -> u64 {
        self.tapes.iter().map(|tape| tape.history()).sum()
    }

    fn start(&self) -> Option<Timestamp> {
        self.tapes.iter().filter_map(|tape| tape.start()).min()
    }

    fn checkpoint(&self) -> Vec<u8> {
        let parts: Vec<Vec<u8>> = self.tapes.iter().map(|tape| tape.checkpoint()).collect();
        postcard::to_stdvec(&parts).unwrap_or_default()
    }

    fn more(&mut self) -> BoxFuture<'_, ()> {
        // One that has something says at once that there is more, whatever the others wait for.
        let waiting = self.tapes.iter_mut().filter_map(|tape| {
            let is_waiting = tape.peek() == Ahead::Later;
            is_waiting.then(|| tape.more())
        });
        let waiting: Vec<_> = waiting.collect();
        if waiting.is_empty() {
            return std::future::ready(()).boxed();
        }
        select_all(waiting).map(|_| ()).boxed()
    }

    fn is_behind(&self) -> bool {
        self.tapes.iter().any(|tape| tape.is_behind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::ReplayTape;
    use papertape::market::{Bar, BarMerge, Bars, MarketEvent};
    use papertape::model::Timeframe;

    fn bars(minutes: &[i64]) -> Bars {
        let bar = |minute: &i64| Bar {
            open_time: Timestamp::from_secs(60 * minute),
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 1.0,
        };
        minutes.iter().map(bar).collect()
    }

    fn tape(all: &[Bars]) -> TogetherTape {
        let replay =
            |bars: &Bars| Box::new(ReplayTape::new(bars.clone(), &[], Timeframe::MINUTE)) as Box<dyn Tape>;
        TogetherTape::new(all.iter().map(replay).collect())
    }

    fn rest(tape: &mut TogetherTape) -> Vec<(usize, i64)> {
        let mut told = Vec::new();
        while let Some(item) = tape.next() {
            let Input::Market(at, MarketEvent::Bar(bar)) = item.input else {
                panic!("only bars: {:?}", item.input);
            };
            assert_eq!(item.due, Some(Timeframe::MINUTE.close_of(bar.open_time)));
            told.push((at.index(), bar.open_time.secs() / 60));
        }
        told
    }

    #[test]
    fn bars_come_in_the_order_in_which_backtests_take_them() {
        let all = [bars(&[3, 4, 6]), bars(&[1, 3, 4, 5, 7]), bars(&[4])];
        let mut merge = BarMerge::default();
        let expected: Vec<(usize, i64)> = std::iter::from_fn(|| merge.next(&all))
            .map(|(place, bar)| (place, bar.open_time.secs() / 60))
            .collect();
        let mut whole = tape(&all);
        assert_eq!(whole.start(), Some(Timestamp::from_secs(60)));
        assert_eq!(rest(&mut whole), expected);
        // Interrupted anywhere, it goes on there.
        for given in 0..=expected.len() {
            let mut interrupted = tape(&all);
            for _ in 0..given {
                interrupted.next();
            }
            let parts = TogetherTape::parts(&interrupted.checkpoint()).expect("its own checkpoint");
            let resumed = all.iter().zip(parts).map(|(bars, part)| {
                let mut tape = ReplayTape::new(bars.clone(), &[], Timeframe::MINUTE);
                tape.resume(&part).expect("its own checkpoint");
                Box::new(tape) as Box<dyn Tape>
            });
            assert_eq!(rest(&mut TogetherTape::new(resumed.collect())), expected[given..]);
        }
    }
}
