//! A compiled set of expressions, stepped once a bar.

mod columns;
pub(crate) mod op;
mod rows;
mod shared;

pub use columns::Columns;
pub(crate) use shared::SharedColumns;

use super::script::ScriptFailure;
use crate::market::{Bar, BarAggregator};
use crate::model::{Symbol, Timeframe, Timestamp};
use op::{Context, Op, Slot, TRUE};
use serde::{Deserialize, Serialize};

/// Where a program keeps a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConditionSlot(pub(crate) Slot);

/// Where a program keeps a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NumberSlot(pub(crate) Slot);

/// The position as rules see it, at the close of the bar.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PositionView {
    /// Units held; negative when short, 0 when flat.
    pub size: f64,
    /// Average entry price; NaN when flat.
    pub entry_price: f64,
    /// Bars since the entry; 0 when flat.
    pub bars_in_trade: f64,
    /// Return on the entry price, a ratio with the sign of the profit; NaN when flat.
    pub unrealized_return: f64,
}

impl PositionView {
    /// No position.
    pub const FLAT: Self = Self {
        size: 0.0,
        entry_price: f64::NAN,
        bars_in_trade: 0.0,
        unrealized_return: f64::NAN,
    };
}

impl Default for PositionView {
    fn default() -> Self {
        Self::FLAT
    }
}

/// Compiled expressions and everything they remember.
///
/// Clone or serialize it to take a snapshot: a program read back continues exactly where it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    root: Block,
    series: Vec<(String, NumberSlot)>,
    /// Other instruments that it reads; a [`Foreign`] names one by its place here.
    symbols: Vec<Symbol>,
    /// The step of the root block that is a script, if it has one.
    script: Option<u32>,
}

impl Program {
    pub(crate) fn new(root: Block, series: Vec<(String, NumberSlot)>, symbols: Vec<Symbol>) -> Self {
        Self {
            script: root.script(),
            root,
            series,
            symbols,
        }
    }

    /// A program that computes nothing.
    pub(crate) fn idle(timeframe: Timeframe) -> Self {
        let root = Block::new(timeframe, Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self::new(root, Vec::new(), Vec::new())
    }

    /// The instruments whose bars it reads by `of`, each once.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Takes the next closed bar, of the strategy's timeframe, of the instrument at a place in [`Program::symbols`]. What
    /// it changes is read by the next [`Program::on_bar`].
    pub fn on_bar_of(&mut self, symbol: usize, bar: &Bar) {
        let timeframe = self.root.timeframe;
        self.root.step_foreign(Some(symbol), &|aggregator| {
            let closed = aggregator.push_bar(bar, timeframe);
            [closed.earlier, closed.completed]
        });
    }

    /// Says that it is `now`: longer bars of other instruments whose time is over close, whether or not their last part
    /// has come.
    pub fn pass_time_of_others(&mut self, now: Timestamp) {
        if !self.symbols.is_empty() {
            self.root
                .step_foreign(None, &|aggregator| [aggregator.advance(now), None]);
        }
    }

    /// Takes the next closed bar of the strategy's timeframe, with the position at its close. Does not allocate.
    #[inline]
    pub fn on_bar(&mut self, bar: &Bar, position: &PositionView) {
        self.root.step(&Context { bar, position });
    }

    /// Whether a part of it is a script.
    pub(crate) const fn has_script(&self) -> bool {
        self.script.is_some()
    }

    /// Why its script was stopped, if it has one that was. Nothing that the script gives is defined any more.
    #[must_use]
    #[inline]
    pub fn failure(&self) -> Option<&ScriptFailure> {
        self.script.and_then(|step| self.root.failure_of(step))
    }

    /// Whether the condition held at the last bar. A condition with an undefined operand does not hold.
    #[must_use]
    #[inline]
    pub fn condition(&self, slot: ConditionSlot) -> bool {
        self.root.value(slot.0) == TRUE
    }

    /// The number at the last bar; NaN while it is undefined.
    #[must_use]
    #[inline]
    pub fn number(&self, slot: NumberSlot) -> f64 {
        self.root.value(slot.0)
    }

    /// The numbers that the strategy names in `let`, in the file's order, for drawing over the chart. An indicator
    /// with several outputs has one entry for each: `channel.upper`.
    #[must_use]
    pub fn series(&self) -> &[(String, NumberSlot)] {
        &self.series
    }

    /// The timeframe of the bars that the program takes.
    #[must_use]
    pub const fn timeframe(&self) -> Timeframe {
        self.root.timeframe
    }
}

/// The operations of one timeframe, and those of the higher timeframes that it reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Block {
    timeframe: Timeframe,
    /// Constants, results of operations, and what higher timeframes have handed down.
    values: Vec<f64>,
    /// Each with the first slot of its results, in an order in which operands come first.
    steps: Vec<(Slot, Op)>,
    frames: Vec<Frame>,
    foreign: Vec<Foreign>,
}

/// Another instrument inside a block: its bars run their own operations and hand down results, which stand until its
/// next bar closes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Foreign {
    symbol: u16,
    frame: Frame,
}

impl Foreign {
    pub(crate) const fn new(symbol: u16, frame: Frame) -> Self {
        Self { symbol, frame }
    }
}

/// A higher timeframe inside a block: bars collect, and when one closes its operations run and hand down results,
/// which stand until the next one closes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    aggregator: BarAggregator,
    block: Block,
    /// From a slot of the inner block to one of the outer.
    exports: Vec<(Slot, Slot)>,
}

impl Frame {
    pub(crate) const fn new(block: Block, exports: Vec<(Slot, Slot)>) -> Self {
        Self {
            aggregator: BarAggregator::new(block.timeframe),
            block,
            exports,
        }
    }
}

impl Block {
    pub(crate) const fn new(
        timeframe: Timeframe,
        values: Vec<f64>,
        steps: Vec<(Slot, Op)>,
        frames: Vec<Frame>,
        foreign: Vec<Foreign>,
    ) -> Self {
        Self {
            timeframe,
            values,
            steps,
            frames,
            foreign,
        }
    }

    /// Gives every part that reads `symbol` (or any other instrument) what `push` makes of its bars in the making.
    fn step_foreign(&mut self, symbol: Option<usize>, push: &dyn Fn(&mut BarAggregator) -> [Option<Bar>; 2]) {
        for foreign in &mut self.foreign {
            if symbol.is_some_and(|wanted| wanted != usize::from(foreign.symbol)) {
                continue;
            }
            let frame = &mut foreign.frame;
            for bar in push(&mut frame.aggregator).into_iter().flatten() {
                frame.block.step(&Context {
                    bar: &bar,
                    position: &PositionView::FLAT,
                });
                for (inner, outer) in &frame.exports {
                    self.values[*outer as usize] = frame.block.value(*inner);
                }
            }
        }
        for frame in &mut self.frames {
            frame.block.step_foreign(symbol, push);
        }
    }

    /// The step that is a script.
    fn script(&self) -> Option<u32> {
        #[cfg(feature = "script")]
        {
            let place = self
                .steps
                .iter()
                .position(|(_, op)| matches!(op, Op::Script(_)))?;
            u32::try_from(place).ok()
        }
        #[cfg(not(feature = "script"))]
        None
    }

    fn failure_of(&self, step: u32) -> Option<&ScriptFailure> {
        match self.steps.get(step as usize)? {
            #[cfg(feature = "script")]
            (_, Op::Script(routine)) => routine.failure(),
            _ => None,
        }
    }

    #[inline]
    fn value(&self, slot: Slot) -> f64 {
        self.values.get(slot as usize).copied().unwrap_or(f64::NAN)
    }

    #[inline]
    fn step(&mut self, context: &Context<'_>) {
        for frame in &mut self.frames {
            let closed = frame.aggregator.push_bar(context.bar, self.timeframe);
            for bar in [closed.earlier, closed.completed].into_iter().flatten() {
                frame.block.step(&Context {
                    bar: &bar,
                    position: context.position,
                });
                for (inner, outer) in &frame.exports {
                    self.values[*outer as usize] = frame.block.value(*inner);
                }
            }
        }
        for (out, op) in &mut self.steps {
            op.step(&mut self.values, *out as usize, context);
        }
    }
}
