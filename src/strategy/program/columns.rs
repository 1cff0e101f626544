//! A program over many bars at once.

use super::op::{Context, Op, Slot, TRUE};
use super::rows::Rows;
use super::shared::{SharedColumns, Source};
use super::{Block, ConditionSlot, Frame, NumberSlot, PositionView, Program};
use crate::market::{Bar, BarSlice, Bars};
use crate::model::Timeframe;

/// Most rows that are computed at once: few enough that the columns in use stay in the processor's cache.
const MOST_ROWS: usize = 1_024;
/// Most numbers in a program's columns, however many operations it has.
const MOST_NUMBERS: usize = 1 << 18;
/// Numbers between two columns: a line of the cache, so that one row's numbers do not all compete for the same places in it,
/// and the machine does not take what it reads of one column for what it has just written into another.
const GAP: usize = 8;

/// What a program gives for a run of bars, as columns: one a slot, a row a bar.
///
/// Conditions and numbers that depend on the market alone are computed for many bars at once, operation by operation. What
/// reads the position is computed as for an account that holds nothing, and again at each bar on which it holds something.
///
/// ```
/// use papertape::market::{Bar, Bars};
/// use papertape::model::{Timeframe, Timestamp};
/// use papertape::strategy::{Columns, compile_expressions};
///
/// let (mut program, slots) = compile_expressions(&["sma(close, 2)".to_owned()], Timeframe::MINUTE)?;
/// let bar = |minute: i64, price: f64| Bar {
///     open_time: Timestamp::from_secs(60 * minute),
///     open: price,
///     high: price,
///     low: price,
///     close: price,
///     volume: 1.0,
/// };
/// let bars: Bars = [bar(0, 1.0), bar(1, 3.0), bar(2, 7.0)].into_iter().collect();
/// let mut columns = Columns::new(&program).expect("nothing of it remembers the position");
/// program.on_bars(bars.slice(0..3), &mut columns);
/// assert_eq!(columns.number(slots[0])[1..3], [2.0, 5.0]);
/// # Ok::<(), Vec<papertape::strategy::Problem>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Columns {
    root: BlockColumns,
    rows: usize,
    /// The steps, by their place in the root block, whose results follow from the position.
    of_position: Vec<usize>,
    /// How each step of the root block comes by its results, where they are shared with other programs.
    sources: Vec<Source>,
    /// How many bars the program has taken, where results are shared.
    taken: usize,
}

#[derive(Clone, Debug)]
struct BlockColumns {
    stride: usize,
    values: Vec<f64>,
    frames: Vec<FrameColumns>,
}

#[derive(Clone, Debug)]
struct FrameColumns {
    /// The bars of the higher timeframe that closed in the run.
    bars: Bars,
    /// For each row of the outer block how many of them had closed by then.
    closed: Vec<usize>,
    columns: BlockColumns,
}

impl Columns {
    /// Columns for a program; `None` when it has to go bar by bar: it remembers what became of the position, reads other
    /// instruments, whose bars come in between, or has a script.
    #[must_use]
    pub fn new(program: &Program) -> Option<Self> {
        let root = &program.root;
        let mut is_of_position = vec![false; root.values.len()];
        let mut of_position = Vec::new();
        if program.script.is_some()
            || !program.symbols.is_empty()
            || root.frames.iter().any(Frame::reads_position)
        {
            return None;
        }
        for (index, (out, op)) in root.steps.iter().enumerate() {
            let reads =
                matches!(op, Op::Position(_)) || op.operands().any(|slot| is_of_position[slot as usize]);
            if reads && !(matches!(op, Op::Position(_)) || op.is_pure()) {
                return None;
            }
            if reads {
                of_position.push(index);
                is_of_position[*out as usize..][..op.outputs()].fill(true);
            }
        }
        let rows = (MOST_NUMBERS / root.size().max(1)).clamp(1, MOST_ROWS);
        Some(Self {
            root: BlockColumns::new(root, rows),
            rows,
            of_position,
            sources: Vec::new(),
            taken: 0,
        })
    }

    /// Shares results with other programs: `program`, which has seen no bar yet, goes over the same at most `rows` bars as
    /// those. It must take all of them by these columns, for what it reads it does not remember.
    pub(crate) fn share(&mut self, program: &Program, shared: &SharedColumns, rows: usize) {
        self.sources = shared.sources(program, rows);
        self.taken = 0;
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Leaves to others what was computed, when all bars are taken.
    pub(crate) fn leave(&mut self, shared: &SharedColumns) {
        shared.keep(std::mem::take(&mut self.sources));
    }

    /// How many rows fit.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// A number at each bar that was taken last, the oldest first; NaN where it is undefined. Rows past those bars say
    /// nothing.
    #[must_use]
    pub fn number(&self, slot: NumberSlot) -> &[f64] {
        self.root.column(slot.0)
    }

    /// Whether nothing follows from the position.
    pub(crate) const fn is_of_market(&self) -> bool {
        self.of_position.is_empty()
    }

    /// Which of `rows` rows any of the conditions holds at, for an account that holds nothing, in order.
    pub(crate) fn rows_that_hold(
        &self,
        conditions: impl Iterator<Item = ConditionSlot>,
        rows: usize,
        out: &mut Vec<usize>,
    ) {
        const AT_ONCE: usize = 16;
        out.clear();
        // Few hold, so many are looked at together; each row of those that do is a bit.
        let mut holding = [0_u16; MOST_ROWS.div_ceil(AT_ONCE)];
        for condition in conditions {
            let values = self.root.column(condition.0)[..rows].chunks(AT_ONCE);
            for (holding, values) in holding.iter_mut().zip(values) {
                if values.iter().fold(false, |any, value| any | (*value == TRUE)) {
                    let bits = values.iter().rev();
                    *holding |= bits.fold(0, |bits, value| bits << 1 | u16::from(*value == TRUE));
                }
            }
        }
        for (from, mut holding) in (0..rows).step_by(AT_ONCE).zip(holding) {
            while holding != 0 {
                out.push(from + holding.trailing_zeros() as usize);
                holding &= holding - 1;
            }
        }
    }
}

impl BlockColumns {
    fn new(block: &Block, rows: usize) -> Self {
        let stride = rows + GAP.min(rows);
        let column = |value: &f64| std::iter::repeat_n(*value, stride);
        Self {
            stride,
            // Constants stay; all else is written over.
            values: block.values.iter().flat_map(column).collect(),
            frames: block
                .frames
                .iter()
                .map(|frame| FrameColumns::new(frame, rows))
                .collect(),
        }
    }

    fn column(&self, slot: Slot) -> &[f64] {
        &self.values[slot as usize * self.stride..][..self.stride]
    }
}

impl FrameColumns {
    fn new(frame: &Frame, rows: usize) -> Self {
        Self {
            bars: Bars::with_capacity(rows + 1),
            closed: Vec::with_capacity(rows),
            // The bar that the first row finds in the making may close before the one that it completes.
            columns: BlockColumns::new(&frame.block, rows + 1),
        }
    }
}

impl Program {
    /// Takes many closed bars and fills the columns. Afterwards the program is where [`Program::on_bar`] for each of
    /// them, with nothing held, would have brought it. Does not allocate.
    ///
    /// # Panics
    /// When there are more bars than rows, or the columns are another program's.
    pub fn on_bars(&mut self, bars: BarSlice<'_>, columns: &mut Columns) {
        if !bars.is_empty() {
            let shared = (&mut columns.sources[..], columns.taken);
            self.root.step_rows(bars, &mut columns.root, shared);
            columns.taken += bars.len();
        }
    }

    /// Puts what it shows into `values`.
    pub(crate) fn show_into(&self, values: &mut Vec<f64>) {
        values.clone_from(&self.root.values);
    }

    /// Shows what [`Program::show_into`] gave, until it takes another bar.
    pub(crate) fn show(&mut self, values: &[f64]) {
        self.root.values.copy_from_slice(values);
    }

    /// Shows what a row of the columns says, as [`Program::on_bar`] would have with this bar and this position.
    #[inline]
    pub(crate) fn show_row(&mut self, columns: &Columns, row: usize, bar: &Bar, position: &PositionView) {
        let rows = columns.root.values.chunks_exact(columns.root.stride);
        for (value, column) in self.root.values.iter_mut().zip(rows) {
            *value = column[row];
        }
        // Columns know the account that holds nothing.
        if position.size != 0.0 {
            let context = Context { bar, position };
            for index in &columns.of_position {
                let (out, op) = &mut self.root.steps[*index];
                op.step(&mut self.root.values, *out as usize, &context);
            }
        }
    }
}

impl Block {
    /// How many numbers a row has, with all that is inside.
    fn size(&self) -> usize {
        let inner: usize = self.frames.iter().map(|frame| frame.block.size()).sum();
        self.values.len() + inner
    }

    fn reads_position(&self) -> bool {
        self.steps.iter().any(|(_, op)| matches!(op, Op::Position(_)))
            || self.frames.iter().any(Frame::reads_position)
    }

    /// Steps over all rows; `shared` says where results of its steps come from or go to, if not nowhere, and how many rows
    /// were before these.
    fn step_rows(
        &mut self,
        bars: BarSlice<'_>,
        into: &mut BlockColumns,
        (sources, before): (&mut [Source], usize),
    ) {
        let stride = into.stride;
        for (frame, inner) in self.frames.iter_mut().zip(&mut into.frames) {
            frame.step_rows(self.timeframe, bars, inner);
            for (inner_slot, slot) in &frame.exports {
                let told = inner.columns.column(*inner_slot);
                let held = self.values[*slot as usize];
                let column = &mut into.values[*slot as usize * stride..][..bars.len()];
                for (value, closed) in column.iter_mut().zip(&inner.closed) {
                    *value = if *closed == 0 { held } else { told[*closed - 1] };
                }
            }
        }
        let mut sources = sources.iter_mut();
        let mut steps = &mut self.steps[..];
        while let Some(((out, op), after)) = steps.split_first_mut() {
            let (first, mut done) = (*out, 0);
            let (columns, out) = into.values.split_at_mut(*out as usize * stride);
            let rows = Rows {
                bars,
                columns,
                stride,
            };
            match sources.next() {
                None | Some(Source::Own) => {
                    let is_own = matches!(sources.as_slice().first(), None | Some(Source::Own));
                    match after.first_mut() {
                        Some((next, other)) if is_own && op.steps_beside(other, &rows) => {
                            let outs = out.split_at_mut((*next - first) as usize * stride);
                            op.step_rows_beside(other, &rows, outs);
                            sources.next();
                            done = 1;
                        }
                        _ => op.step_rows(&rows, out),
                    }
                }
                Some(Source::Kept(kept)) => {
                    for (kept, out) in kept.iter().zip(out.chunks_exact_mut(stride)) {
                        out[..bars.len()].copy_from_slice(&kept[before..before + bars.len()]);
                    }
                }
                Some(Source::Left(_, left)) => {
                    op.step_rows(&rows, out);
                    for (left, out) in left.iter_mut().zip(out.chunks_exact(stride)) {
                        left.extend_from_slice(&out[..bars.len()]);
                    }
                }
            }
            steps = &mut after[done..];
        }
        for (value, column) in self.values.iter_mut().zip(into.values.chunks_exact(stride)) {
            *value = column[bars.len() - 1];
        }
    }
}

impl Frame {
    fn reads_position(&self) -> bool {
        self.block.reads_position()
    }

    fn step_rows(&mut self, from: Timeframe, bars: BarSlice<'_>, into: &mut FrameColumns) {
        into.bars.clear();
        into.closed.clear();
        for bar in bars.iter() {
            let closed = self.aggregator.push_bar(&bar, from);
            [closed.earlier, closed.completed]
                .into_iter()
                .flatten()
                .for_each(|bar| into.bars.push(bar));
            into.closed.push(into.bars.len());
        }
        if !into.bars.is_empty() {
            self.block.step_rows(
                into.bars.slice(0..into.bars.len()),
                &mut into.columns,
                (&mut [], 0),
            );
        }
    }
}
