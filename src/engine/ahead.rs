//! What the strategy's program says of the bars ahead, computed for many of them at once.

use crate::market::{Bar, BarAggregator, BarSlice, Bars};
use crate::model::Timeframe;
use crate::strategy::{Columns, PositionView, Program, Rules, SharedColumns};
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
    /// The rows at which a condition holds, in order.
    holding: Vec<usize>,
    /// The base bars whose rules have something to do, in order.
    stirring: Vec<usize>,
    /// Those bars. Fetched together, their prices come from memory side by side; each in its turn would be waited for.
    stirring_bars: Vec<Bar>,
    /// How many of them are passed.
    stirred: usize,
    /// What the program showed before the block.
    before: Vec<f64>,
    /// How many rows the block has, how many of them are passed, and up to which one the program shows them.
    rows: usize,
    next: usize,
    shown: usize,
    /// Whether the block's bars come in the order of their time.
    is_in_order: bool,
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
            holding: Vec::with_capacity(rows),
            stirring: Vec::with_capacity(rows),
            stirring_bars: Vec::new(),
            stirred: 0,
            before: Vec::new(),
            rows: 0,
            next: 0,
            shown: 0,
            is_in_order: false,
        })
    }

    /// Shares results of the program, which has seen no bar yet, with others that go over the same at most `bars` bars.
    pub(super) fn share(&mut self, program: &Program, shared: &SharedColumns, bars: usize) {
        self.columns.share(program, shared, bars);
    }

    /// Leaves to others what was computed, when all bars are taken.
    pub(super) fn leave(&mut self, shared: &SharedColumns) {
        self.columns.leave(shared);
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
        self.is_in_order = block.open_time.is_sorted();
        self.bars.clear();
        self.closed.clear();
        self.stirring.clear();
        let is_same = aggregator.timeframe() == base && aggregator.current().is_none();
        let bars = if is_same {
            block
        } else {
            for (index, bar) in block.iter().enumerate() {
                let closed = aggregator.push_bar(&bar, base);
                if closed.earlier.is_some() {
                    // One that had waited for its end closes before this bar meets anything.
                    self.stirring.push(index);
                }
                let closed = [closed.earlier, closed.completed].into_iter().flatten();
                closed.for_each(|bar| self.bars.push(bar));
                self.closed.push(self.bars.len());
            }
            self.bars.slice(0..self.bars.len())
        };
        program.show_into(&mut self.before);
        program.on_bars(bars, &mut self.columns);
        // A program that took many bars shows the last of them. Until the first closes, what counts is what was before: what
        // was decided then may ask for it when it fills.
        program.show(&self.before);
        self.rows = bars.len();
        self.next = 0;
        self.shown = 0;
        self.columns
            .rows_that_hold(rules.conditions(), self.rows, &mut self.holding);
        if self.is_bar_by_bar() {
            std::mem::swap(&mut self.stirring, &mut self.holding);
        } else {
            let bar_of = |row: &usize| self.closed.partition_point(|closed| closed <= row);
            self.stirring.extend(self.holding.iter().map(bar_of));
            self.stirring.sort_unstable();
        }
        self.stirred = 0;
        self.stirring_bars.clear();
        self.stirring_bars
            .extend(self.stirring.iter().map(|index| block.bar(*index)));
    }

    /// The base bar at `index` of the block, which is the next to be taken in.
    pub(super) fn bar(&self, block: BarSlice<'_>, index: usize) -> Bar {
        match self.stirring.get(self.stirred) {
            Some(stirring) if *stirring == index => self.stirring_bars[self.stirred],
            _ => block.bar(index),
        }
    }

    /// The base bars before `index` are passed.
    pub(super) fn pass_to(&mut self, index: usize) {
        while self
            .stirring
            .get(self.stirred)
            .is_some_and(|stirs| *stirs < index)
        {
            self.stirred += 1;
        }
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

    /// How many of `most` base bars from `index` on, before which no bar stirs that is not passed, bring the rules nothing to
    /// do: no condition holds, for an account that holds nothing.
    pub(super) fn quiet(&self, index: usize, most: usize) -> usize {
        let next = self.stirring.get(self.stirred);
        next.map_or(most, |next| most.min(next - index))
    }

    /// The same with the base bar that stirs next, where it comes before `most`.
    pub(super) fn until_stirred(&self, index: usize, most: usize) -> usize {
        let next = self.stirring.get(self.stirred);
        next.map_or(most, |next| most.min(next - index + 1))
    }

    /// Whether the base bar at `index` is the next that stirs.
    pub(super) fn stirs(&self, index: usize) -> bool {
        self.stirring.get(self.stirred) == Some(&index)
    }

    /// Whether the bars come in the order of their time.
    pub(super) const fn is_in_order(&self) -> bool {
        self.is_in_order
    }

    /// How many of the strategy's bars close with quiet base bars from `from` up to `to`.
    pub(super) fn closing(&self, from: usize, to: usize) -> usize {
        match from < to {
            true => self.rows_of(to - 1).end - self.rows_of(from).start,
            false => 0,
        }
    }

    /// How many of `most` base bars from `index` on come before more than so many of the strategy's bars have closed.
    pub(super) fn within_closes(&self, index: usize, most: usize, closes: usize) -> usize {
        if closes >= most {
            return most;
        }
        let fits = |count: &usize| self.closing(index, index + count) <= closes;
        (1..=most).take_while(fits).count()
    }

    /// The bar of the strategy that the quiet base bar at `index` completes, which is `bar` itself where each is one.
    pub(super) fn completed(&self, index: usize, bar: Bar) -> Option<Bar> {
        if self.is_bar_by_bar() {
            return Some(bar);
        }
        let row = self.rows_of(index);
        self.bars.get(row.start).filter(|_| !row.is_empty())
    }

    /// The first base bar below `to` after the last that completes a bar of the strategy.
    pub(super) fn begun(&self, from: usize, to: usize) -> usize {
        if self.is_bar_by_bar() {
            return to;
        }
        let is_open = |index: &usize| self.rows_of(*index).is_empty();
        to - (from..to).rev().take_while(is_open).count()
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

    /// Shows the last of the rows passed so far, if nobody has looked at it: with nothing held, or nothing that follows
    /// from it.
    pub(super) fn show_passed(&mut self, program: &mut Program, bar: &Bar) {
        if self.next > 0 && self.shown != self.next {
            program.show_row(&self.columns, self.next - 1, bar, &PositionView::FLAT);
            self.shown = self.next;
        }
    }
}
