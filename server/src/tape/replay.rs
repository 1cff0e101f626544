//! Imported bars as a tape, with the splits, dividends and the like between them.

use super::{Ahead, Tape, TapeItem};
use papertape::backtest::MarketData;
use papertape::engine::Input;
use papertape::market::{Bars, DatedAction, MarketEvent};
use papertape::model::{Timeframe, Timestamp};

/// A tape of bars, without history: what a backtest over the same data takes in.
#[derive(Debug)]
pub struct ReplayTape {
    bars: Bars,
    timeframe: Timeframe,
    /// Those within the bars' span, each with its place among all inputs.
    actions: Vec<(usize, DatedAction)>,
    /// Inputs given so far.
    position: usize,
}

impl ReplayTape {
    /// A tape at its beginning. Each action comes before the first bar that opens then or later.
    #[must_use]
    pub fn new(bars: Bars, actions: &[DatedAction], timeframe: Timeframe) -> Self {
        let data = MarketData { bars: &bars, actions };
        let within = data.actions_within(timeframe).iter().enumerate();
        let placed = within.map(|(before, action)| {
            let bars_before = bars.open_time.partition_point(|open| *open < action.time);
            (bars_before + before, action.clone())
        });
        Self {
            actions: placed.collect(),
            bars,
            timeframe,
            position: 0,
        }
    }

    /// Goes on where a checkpoint says.
    ///
    /// # Errors
    /// When the checkpoint makes no sense.
    pub fn resume(&mut self, checkpoint: &[u8]) -> Result<(), postcard::Error> {
        self.position = postcard::from_bytes(checkpoint)?;
        Ok(())
    }

    fn ahead(&self) -> Option<TapeItem> {
        let told = self.actions.partition_point(|(place, _)| *place < self.position);
        // A bar is known when it closes, and what comes after it is due after that.
        let closed = |bars: usize| {
            let open = self.bars.open_time.get(bars.checked_sub(1)?)?;
            Some(self.timeframe.close_of(*open))
        };
        if let Some((place, action)) = self.actions.get(told)
            && *place == self.position
        {
            return Some(TapeItem {
                due: Some(action.time).max(closed(self.position - told)),
                received: None,
                input: Input::market(MarketEvent::from(action.clone())),
            });
        }
        let index = self.position - told;
        Some(TapeItem {
            due: closed(index + 1),
            received: None,
            input: Input::market(MarketEvent::Bar(self.bars.get(index)?)),
        })
    }
}

impl Tape for ReplayTape {
    fn peek(&mut self) -> Ahead {
        self.ahead().into()
    }

    fn next(&mut self) -> Option<TapeItem> {
        let item = self.ahead()?;
        self.position += 1;
        Some(item)
    }

    fn history(&self) -> u64 {
        0
    }

    fn start(&self) -> Option<Timestamp> {
        self.bars.open_time.first().copied()
    }

    fn checkpoint(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.position).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use papertape::market::{Bar, CorporateAction, MarketAction};
    use rust_decimal::Decimal;

    fn minute(number: i64) -> Timestamp {
        Timestamp::from_secs(60 * number)
    }

    fn bar(number: i64) -> Bar {
        Bar {
            open_time: minute(number),
            open: 1.0,
            high: 1.0,
            low: 1.0,
            close: 1.0,
            volume: 1.0,
        }
    }

    fn dividend(seconds: i64) -> DatedAction {
        DatedAction {
            time: Timestamp::from_secs(seconds),
            action: MarketAction::Corporate(CorporateAction::Dividend {
                per_share: Decimal::ONE,
            }),
        }
    }

    /// Bars by their number, actions by their second below zero; each with the second at which it is due.
    fn told(tape: &mut ReplayTape) -> Vec<(i64, i64)> {
        let seconds = |time: Timestamp| time.nanos() / 1_000_000_000;
        let mut all = Vec::new();
        while let Some(item) = tape.next() {
            let what = match item.input {
                Input::Market(_, MarketEvent::Bar(bar)) => seconds(bar.open_time) / 60,
                Input::Market(_, MarketEvent::Action(time, _)) => -seconds(time),
                other => panic!("{other:?}"),
            };
            all.push((what, seconds(item.due.expect("a replay has no history"))));
        }
        all
    }

    #[test]
    fn an_action_comes_before_the_first_bar_that_opens_then_or_later() {
        let bars = || [1, 2, 4].into_iter().map(bar).collect::<Bars>();
        let actions = [30, 60, 90, 150, 151, 240, 270, 301].map(dividend);
        let expected = [
            (-60, 60),
            (1, 120),
            (-90, 120),
            (2, 180),
            (-150, 180),
            (-151, 180),
            (-240, 240),
            (4, 300),
            (-270, 300),
        ];
        let mut tape = ReplayTape::new(bars(), &actions, Timeframe::MINUTE);
        assert_eq!(told(&mut tape), expected);
        for given in 0..=expected.len() {
            let mut tape = ReplayTape::new(bars(), &actions, Timeframe::MINUTE);
            for _ in 0..given {
                tape.next();
            }
            let mut again = ReplayTape::new(bars(), &actions, Timeframe::MINUTE);
            again.resume(&tape.checkpoint()).expect("its own checkpoint");
            assert_eq!(told(&mut again), expected[given..], "after {given}");
        }
    }
}
