//! What the strategy's program says of the bars ahead, computed for many of them at once.

use crate::market::{Bar, BarAggregator, BarSlice, Bars};
use crate::model::Timeframe;
use crate::strategy::{Columns, PositionView, Program, Rules};
use std::ops::Range;

/// The rows of a block of base bars: what the rules will say at each close, as far as it follows from the market alone.
///
/// Nothing of this looks ahead: a row is computed from its own bar and those before it, and the engine reads it when that
/// bar closes.
#[derive(Clone, Debug)]
pub(super) struct Ahead {
    columns: Columns,
    /// Bars of the strategy's timeframe that close in the block, where that is not the base bars' own.
    bars: Bars,
    /// For each base bar how many of them have closed by then; empty where each base bar is one.
    closed: Vec<usize>,
    /// For each row whether a condition holds.
    holds: Vec<bool>,
    /// How many rows the block has, how many of them are passed, and up to which one the program shows them.
    rows: usize,
    next: usize,
    shown: usize,
}

impl Ahead {
    /// Room for a program's rows; `None` when it has to go bar by bar.
    pub(super) fn new(program: &Program) -> Option<Self> {
        let columns = Columns::new(program)?;
        let rows = columns.rows();
        Some(Self {
            columns,
            bars: Bars::with_capacity(rows),
            closed: Vec::with_capacity(rows),
            holds: Vec::with_capacity(rows),
            rows: 0,
            next: 0,
            shown: 0,
        })
    }

    /// How many base bars a block may have.
    pub(super) const fn room(&self) -> usize {
        // The bar that a block finds in the making may close before the first one that it completes.
        self.columns.rows() - 1
    }

    /// Computes the rows of a block of base bars that the strategy's bars are made of as `aggregator` makes them.
    pub(super) fn compute(
        &mut self,
        program: &mut Program,
        rules: &Rules,
        mut aggregator: BarAggregator,
        (base, block): (Timeframe, BarSlice<'_>),
    ) {
        self.bars.clear();
        self.closed.clear();
        let is_same = aggregator.timeframe() == base && aggregator.current().is_none();
        let bars = if is_same {
            block
        } else {
            for bar in block.iter() {
                let closed = aggregator.push_bar(&bar, base);
                let closed = [closed.earlier, closed.completed].into_iter().flatten();
                closed.for_each(|bar| self.bars.push(bar));
                self.closed.push(self.bars.len());
            }
            self.bars.slice(0..self.bars.len())
        };
        program.on_bars(bars, &mut self.columns);
        self.rows = bars.len();
        self.next = 0;
        // A program that took many bars shows the last of them.
        self.shown = self.rows;
        self.columns
            .any_holds(rules.conditions(), self.rows, &mut self.holds);
    }

    /// The rows that close with the base bar at `index` of the block.
    #[inline]
    fn rows_of(&self, index: usize) -> Range<usize> {
        if self.closed.is_empty() {
            return index..index + 1;
        }
        let before = index.checked_sub(1).map_or(0, |before| self.closed[before]);
        before..self.closed[index]
    }

    /// How many of `most` base bars from `index` on bring the rules nothing to do: no condition holds, for an account that
    /// holds nothing, or no bar of the strategy closes.
    pub(super) fn quiet(&self, index: usize, most: usize) -> usize {
        let found = if self.is_bar_by_bar() {
            self.holds[index..index + most].iter().position(|holds| *holds)
        } else {
            (index..index + most).position(|index| !self.rows_of(index).is_empty())
        };
        found.unwrap_or(most)
    }

    /// Whether each base bar is one of the strategy's.
    pub(super) const fn is_bar_by_bar(&self) -> bool {
        self.closed.is_empty()
    }

    /// Whether what the rules say follows from the market alone.
    pub(super) const fn is_of_market(&self) -> bool {
        self.columns.is_of_market()
    }

    /// Passes the rows of base bars from `from` up to `to` that nobody reads.
    pub(super) fn skip(&mut self, from: usize, to: usize) {
        if from < to {
            self.next = self.rows_of(to - 1).end;
        }
    }

    /// Shows the next row, which belongs to the bar that closes now; says whether there was one.
    #[inline]
    pub(super) fn show_next(&mut self, program: &mut Program, bar: &Bar, position: &PositionView) -> bool {
        if self.next == self.rows {
            return false;
        }
        program.show_row(&self.columns, self.next, bar, position);
        self.next += 1;
        self.shown = self.next;
        true
    }

    /// Shows the last row, when it was passed without a look: with nothing held, or nothing that follows from it.
    pub(super) fn show_last(&mut self, program: &mut Program, block: BarSlice<'_>) {
        if self.shown < self.rows {
            let bar = block.bar(block.len() - 1);
            program.show_row(&self.columns, self.rows - 1, &bar, &PositionView::FLAT);
            self.shown = self.rows;
        }
    }
}
