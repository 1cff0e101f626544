//! A program in the making: operations in order, equal ones shared.

use crate::model::{Symbol, Timeframe};
use crate::strategy::program::{
    Block, Foreign, Frame,
    op::{Context, Op, Slot},
};
use std::collections::BTreeMap;

/// Most operations and constants of a program.
const MAXIMUM_SLOTS: usize = 20_000;
/// Most numbers that a program's windows may remember.
const MAXIMUM_MEMORY: usize = 4_000_000;
/// Most higher timeframes, counting each place in which one is nested.
const MAXIMUM_BLOCKS: usize = 32;

/// What makes two operations the same: what they do, to which operands, with which constants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Constant(u64),
    Operation(&'static str, Vec<Slot>, Vec<u64>),
    Import(usize, Slot, u32),
}

/// Why a program cannot grow further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl TooLarge {
    pub(crate) const MESSAGE: &'static str =
        "the strategy is too large: use fewer expressions, timeframes or shorter periods";
}

/// An operation to add.
pub(crate) struct Operation<'a> {
    /// Tells it from other operations on the same operands.
    pub(crate) name: &'static str,
    pub(crate) inputs: &'a [Slot],
    pub(crate) constants: &'a [f64],
    /// How many numbers it gives.
    pub(crate) outputs: u32,
    /// Bars until it is defined, from where its inputs are.
    pub(crate) warm_up: usize,
    /// Numbers that it remembers.
    pub(crate) memory: usize,
}

/// Blocks of operations, one for each timeframe in each place; the first is the strategy's own.
#[derive(Debug)]
pub(crate) struct Graph {
    blocks: Vec<BlockGraph>,
    slots: usize,
    memory: usize,
    /// Other instruments that are read.
    symbols: Vec<Symbol>,
}

#[derive(Debug)]
struct BlockGraph {
    timeframe: Timeframe,
    /// The instrument whose bars it takes, as its place in the list; `None` for the one that is traded.
    symbol: Option<u16>,
    values: Vec<f64>,
    /// For each slot: bars of this block before the first on which it is defined.
    warm_up: Vec<usize>,
    steps: Vec<(Slot, Op)>,
    known: BTreeMap<Key, Slot>,
    /// Higher timeframes and other instruments by their index, with the slots that they hand down.
    children: Vec<(usize, Vec<(Slot, Slot)>)>,
}

impl Graph {
    /// The strategy's own block.
    pub(crate) const ROOT: usize = 0;

    pub(crate) fn new(timeframe: Timeframe) -> Self {
        Self {
            blocks: vec![BlockGraph::new(timeframe, None)],
            slots: 0,
            memory: 0,
            symbols: Vec::new(),
        }
    }

    pub(crate) fn timeframe(&self, block: usize) -> Timeframe {
        self.blocks[block].timeframe
    }

    /// The other instrument that the block belongs to, if it does.
    pub(crate) fn symbol(&self, block: usize) -> Option<&Symbol> {
        self.blocks[block]
            .symbol
            .map(|index| &self.symbols[usize::from(index)])
    }

    /// The instruments that are read beside the one that is traded.
    pub(crate) fn take_symbols(&mut self) -> Vec<Symbol> {
        std::mem::take(&mut self.symbols)
    }

    /// Bars of the block before the first on which the slot is defined.
    pub(crate) fn warm_up(&self, block: usize, slot: Slot) -> usize {
        self.blocks[block].warm_up[slot as usize]
    }

    /// The slot of a constant.
    pub(crate) fn constant(&mut self, block: usize, value: f64) -> Result<Slot, TooLarge> {
        let key = Key::Constant(value.to_bits());
        if let Some(slot) = self.blocks[block].known.get(&key) {
            return Ok(*slot);
        }
        self.grow(1, 0)?;
        Ok(self.blocks[block].add(key, &[value], 0))
    }

    /// The first slot of an operation's results; `build` is called unless the same operation is there already.
    pub(crate) fn operation(
        &mut self,
        block: usize,
        operation: &Operation<'_>,
        build: impl FnOnce() -> Op,
    ) -> Result<Slot, TooLarge> {
        let constants = operation
            .constants
            .iter()
            .map(|constant| constant.to_bits())
            .collect();
        let key = Key::Operation(operation.name, operation.inputs.to_vec(), constants);
        if let Some(slot) = self.blocks[block].known.get(&key) {
            return Ok(*slot);
        }
        self.grow(operation.outputs as usize, operation.memory)?;
        let block = &mut self.blocks[block];
        let inputs = operation.inputs.iter().map(|slot| block.warm_up[*slot as usize]);
        let warm_up = inputs.max().unwrap_or(0).saturating_add(operation.warm_up);
        let slot = block.add(key, &vec![f64::NAN; operation.outputs as usize], warm_up);
        block.steps.push((slot, build()));
        Ok(slot)
    }

    /// The block of a higher timeframe inside `block`.
    pub(crate) fn child(&mut self, block: usize, timeframe: Timeframe) -> Result<usize, TooLarge> {
        self.child_of(block, timeframe, self.blocks[block].symbol)
    }

    /// The block of another instrument inside `block`, in the same timeframe.
    pub(crate) fn foreign(&mut self, block: usize, symbol: &Symbol) -> Result<usize, TooLarge> {
        let known = self.symbols.iter().position(|known| known == symbol);
        let index = known.unwrap_or_else(|| {
            self.symbols.push(symbol.clone());
            self.symbols.len() - 1
        });
        let index = u16::try_from(index).map_err(|_| TooLarge)?;
        self.child_of(block, self.timeframe(block), Some(index))
    }

    fn child_of(
        &mut self,
        block: usize,
        timeframe: Timeframe,
        symbol: Option<u16>,
    ) -> Result<usize, TooLarge> {
        let children = self.blocks[block].children.iter();
        let is_it = |child: &usize| {
            let child = &self.blocks[*child];
            child.timeframe == timeframe && child.symbol == symbol
        };
        if let Some(child) = children.map(|(child, _)| *child).find(is_it) {
            return Ok(child);
        }
        if self.blocks.len() >= MAXIMUM_BLOCKS {
            return Err(TooLarge);
        }
        let child = self.blocks.len();
        self.blocks.push(BlockGraph::new(timeframe, symbol));
        self.blocks[block].children.push((child, Vec::new()));
        Ok(child)
    }

    /// Hands `count` slots of `child`, from `inner` on, down to `block`; gives the first of them there.
    pub(crate) fn import(
        &mut self,
        block: usize,
        child: usize,
        inner: Slot,
        count: u32,
    ) -> Result<Slot, TooLarge> {
        let key = Key::Import(child, inner, count);
        if let Some(slot) = self.blocks[block].known.get(&key) {
            return Ok(*slot);
        }
        self.grow(count as usize, 0)?;
        let ratio = self.timeframe(child).secs() / self.timeframe(block).secs();
        // One bar more than the inner block needs, for the case that the first one is cut off at the start.
        let cut_off = if ratio == 1 { 0 } else { 2 };
        let inner_bars = self.warm_up(child, inner).saturating_add(cut_off);
        let warm_up = inner_bars.saturating_mul(usize::try_from(ratio).unwrap_or(usize::MAX));
        let block = &mut self.blocks[block];
        let outer = block.add(key, &vec![f64::NAN; count as usize], warm_up);
        if let Some((_, exports)) = block.children.iter_mut().find(|(index, _)| *index == child) {
            exports.extend((0..count).map(|offset| (inner + offset, outer + offset)));
        }
        Ok(outer)
    }

    fn grow(&mut self, slots: usize, memory: usize) -> Result<(), TooLarge> {
        self.slots += slots;
        self.memory = self.memory.saturating_add(memory);
        if self.slots > MAXIMUM_SLOTS || self.memory > MAXIMUM_MEMORY {
            return Err(TooLarge);
        }
        Ok(())
    }

    /// The finished program.
    pub(crate) fn into_block(self) -> Block {
        let mut blocks: Vec<Option<BlockGraph>> = self.blocks.into_iter().map(Some).collect();
        finish(&mut blocks, Self::ROOT)
    }
}

/// Takes a block and, inside it, its children out of the list.
fn finish(blocks: &mut [Option<BlockGraph>], index: usize) -> Block {
    let Some(block) = blocks[index].take() else {
        unreachable!("every block has one parent");
    };
    let (mut frames, mut foreign) = (Vec::new(), Vec::new());
    for (child, exports) in block.children {
        let symbol = blocks[child].as_ref().and_then(|child| child.symbol);
        let frame = Frame::new(finish(blocks, child), exports);
        match symbol {
            Some(symbol) if block.symbol.is_none() => foreign.push(Foreign::new(symbol, frame)),
            _ => frames.push(frame),
        }
    }
    Block::new(block.timeframe, block.values, block.steps, frames, foreign)
}

impl BlockGraph {
    const fn new(timeframe: Timeframe, symbol: Option<u16>) -> Self {
        Self {
            timeframe,
            symbol,
            values: Vec::new(),
            warm_up: Vec::new(),
            steps: Vec::new(),
            known: BTreeMap::new(),
            children: Vec::new(),
        }
    }

    fn add(&mut self, key: Key, values: &[f64], warm_up: usize) -> Slot {
        // The number of slots is bounded far below.
        let slot = self.values.len() as Slot;
        self.values.extend(values);
        self.warm_up.extend(values.iter().map(|_| warm_up));
        self.known.insert(key, slot);
        slot
    }
}

/// What a pure operation gives for constant operands, which `build` is told to find in slots 0, 1, ….
pub(crate) fn fold(constants: &[f64], build: impl FnOnce(&[Slot]) -> Op) -> Option<f64> {
    use crate::market::Bar;
    use crate::model::Timestamp;
    use crate::strategy::program::PositionView;

    let slots: Vec<Slot> = (0..constants.len() as Slot).collect();
    let mut op = build(&slots);
    if !op.is_pure() {
        return None;
    }
    let mut values = constants.to_vec();
    values.push(f64::NAN);
    // A pure operation does not look at the bar.
    let bar = Bar {
        open_time: Timestamp::EPOCH,
        open: f64::NAN,
        high: f64::NAN,
        low: f64::NAN,
        close: f64::NAN,
        volume: f64::NAN,
    };
    let context = Context {
        bar: &bar,
        position: &PositionView::FLAT,
    };
    op.step(&mut values, constants.len(), &context);
    values.last().copied()
}
