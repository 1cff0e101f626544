//! Columns that several programs over the same bars have in common: what one of them has computed, the others read.

use super::op::{Op, Slot};
use super::{Block, Program};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The results of indicators over one run of bars, each computed once.
///
/// Programs that are compiled with different parameters have most of their indicators in common. Two are the same when
/// they are the same operation, with the same arguments and nothing remembered yet, on operands that are the same. The
/// first program that has one computes it as always, and leaves what came out of it here when its run is over; those that
/// begin after that copy it. So a column is bit for bit what bar by bar gives.
#[derive(Debug, Default)]
pub(crate) struct SharedColumns(Mutex<Store>);

#[derive(Debug, Default)]
struct Store {
    /// What can be the same, by what it is: a small number for each.
    names: BTreeMap<Vec<u8>, u32>,
    columns: BTreeMap<u32, Entry>,
    /// How many numbers are kept, or are going to be.
    numbers: usize,
}

#[derive(Clone, Debug)]
enum Entry {
    /// Somebody computes it.
    Claimed,
    Kept(Arc<Vec<Vec<f64>>>),
}

/// How a program comes by the results of one of its steps.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// It computes them for itself.
    Own,
    /// It computes them and leaves them to others under this name: a column for each result.
    Left(u32, Vec<Vec<f64>>),
    /// Somebody has computed them.
    Kept(Arc<Vec<Vec<f64>>>),
}

impl SharedColumns {
    /// Most numbers that are kept: 256 MiB.
    const MOST_NUMBERS: usize = 1 << 25;

    /// Where the steps of a program that has seen no bar yet come from in a run over at most `rows` bars. All programs
    /// that ask must run over the same bars.
    pub(super) fn sources(&self, program: &Program, rows: usize) -> Vec<Source> {
        let mut store = self.lock();
        let names = store.name(&program.root);
        let steps = program.root.steps.iter().zip(names);
        steps
            .map(|((_, op), name)| match name {
                Some(name) if op.is_indicator() => store.source(name, op.outputs(), rows),
                _ => Source::Own,
            })
            .collect()
    }

    /// Takes what a program that ran over all bars leaves to others.
    pub(super) fn keep(&self, sources: Vec<Source>) {
        let mut store = self.lock();
        for source in sources {
            if let Source::Left(name, columns) = source {
                store.columns.insert(name, Entry::Kept(Arc::new(columns)));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// For each step what it is, as a number that the same steps of other programs have, too; `None` for what depends on
    /// more than the bars.
    fn name(&mut self, block: &Block) -> Vec<Option<u32>> {
        // Constants first; all that is not one is named by what writes it.
        let bar = bytes(&block.timeframe);
        let mut slots: Vec<Option<u32>> = Vec::with_capacity(block.values.len());
        for value in &block.values {
            slots.push(Some(
                self.number("constant", [&value.to_bits().to_le_bytes(), &[]]),
            ));
        }
        for frame in &block.frames {
            // All but where its results go, which is each program's own.
            let whole = bytes(&(frame.aggregator, &frame.block));
            for (inner, outer) in &frame.exports {
                slots[*outer as usize] = Some(self.number("frame", [&whole, &inner.to_le_bytes()]));
            }
        }
        for foreign in &block.foreign {
            for (_, outer) in &foreign.frame.exports {
                slots[*outer as usize] = None;
            }
        }
        let mut names = Vec::with_capacity(block.steps.len());
        for (out, op) in &block.steps {
            let mut named = op.clone();
            let known = !matches!(op, Op::Position(_))
                && named.operands_mut().all(|slot| match slots[*slot as usize] {
                    Some(name) => {
                        *slot = name;
                        true
                    }
                    None => false,
                });
            let name = known.then(|| self.number("step", [&bar, &bytes(&named)]));
            for result in 0..op.outputs() {
                let which = (result as Slot).to_le_bytes();
                slots[*out as usize + result] =
                    name.map(|name| self.number("result", [&name.to_le_bytes(), &which]));
            }
            names.push(name);
        }
        names
    }

    fn number(&mut self, kind: &str, parts: [&[u8]; 2]) -> u32 {
        let next = self.names.len() as u32;
        let key = bytes(&(kind, parts));
        *self.names.entry(key).or_insert(next)
    }

    fn source(&mut self, name: u32, results: usize, rows: usize) -> Source {
        match self.columns.get(&name) {
            Some(Entry::Kept(columns)) => Source::Kept(Arc::clone(columns)),
            Some(Entry::Claimed) => Source::Own,
            None if self.numbers + results * rows <= SharedColumns::MOST_NUMBERS => {
                self.numbers += results * rows;
                self.columns.insert(name, Entry::Claimed);
                Source::Left(name, vec![Vec::with_capacity(rows); results])
            }
            None => Source::Own,
        }
    }
}

/// All that a part of a program is.
fn bytes(value: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap_or_else(|error| unreachable!("programs are plain data: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Bars, SimulatedMarket, SimulatedMarketConfig};
    use crate::model::{Timeframe, Timestamp};
    use crate::strategy::{Columns, NumberSlot, compile_expressions};
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    /// Of every kind, of each other, of constants, of longer bars, of the position.
    const EXPRESSIONS: [&str; 12] = [
        "sma(close, 5)",
        "sma(close, 6)",
        "sma(close * 2, 5)",
        "rsi(sma(close, 5), 4)",
        "atr(7)",
        "bbands(close, 9).upper",
        "macd(close, 3, 6, 4).hist",
        "ema(sma(close, 3) @ 15m, 4)",
        "ema(sma(close, 4) @ 15m, 4)",
        "correl(close, volume, 8)",
        "highest(high, 5)[2] - position_size",
        "nz(stoch(5).k, 50)",
    ];

    fn compiled(texts: &[&str]) -> (Program, Vec<NumberSlot>) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        compile_expressions(&texts, Timeframe::MINUTE).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// The bits of all results over all bars, taken so many at a time; how many steps were read from others.
    fn run(texts: &[&str], bars: &Bars, some: usize, shared: Option<&SharedColumns>) -> (Vec<u64>, usize) {
        let (mut program, slots) = compiled(texts);
        let mut columns = Columns::new(&program).expect("nothing of it remembers the position");
        if let Some(shared) = shared {
            columns.share(&program, shared, bars.len());
        }
        let is_kept = |source: &&Source| matches!(source, Source::Kept(_));
        let read = columns.sources().iter().filter(is_kept).count();
        let mut bits = Vec::new();
        for from in (0..bars.len()).step_by(some) {
            let part = bars.slice(from..bars.len().min(from + some));
            program.on_bars(part, &mut columns);
            for slot in &slots {
                bits.extend(
                    columns.number(*slot)[..part.len()]
                        .iter()
                        .map(|value| value.to_bits()),
                );
            }
        }
        if let Some(shared) = shared {
            columns.leave(shared);
        }
        (bits, read)
    }

    proptest! {
        #[test]
        fn what_others_computed_is_the_same_to_the_last_bit(
            first in subsequence(&EXPRESSIONS[..], 1..8), second in subsequence(&EXPRESSIONS[..], 1..8),
            seed in 0..100_u64, some in 1..300_usize, count in 1..600_usize,
        ) {
            let symbol = "BTC/USDT".parse().expect("a symbol");
            let start = Timestamp::from_secs(1_700_000_040);
            let bars = SimulatedMarket::bars(SimulatedMarketConfig { symbol, seed, start }, count);
            let shared = SharedColumns::default();
            let (alone, _) = run(&first, &bars, some, None);
            prop_assert_eq!(&run(&first, &bars, some, Some(&shared)).0, &alone);
            let (bits, read) = run(&first, &bars, some, Some(&shared));
            prop_assert_eq!(&bits, &alone);
            prop_assert!(read > 0);
            prop_assert_eq!(run(&second, &bars, some, Some(&shared)).0, run(&second, &bars, some, None).0);
        }
    }

    #[test]
    fn only_the_same_operation_on_the_same_operands_is_shared() {
        let symbol = "BTC/USDT".parse().expect("a symbol");
        let start = Timestamp::from_secs(1_700_000_040);
        let bars = SimulatedMarket::bars(
            SimulatedMarketConfig {
                symbol,
                seed: 1,
                start,
            },
            200,
        );
        let shared = SharedColumns::default();
        for (texts, read) in [
            (&["sma(close, 5)", "rsi(sma(close, 5), 4)"][..], 0),
            (&["rsi(sma(close, 5), 4) + 1"], 2),
            (
                &[
                    "sma(close, 6)",
                    "sma(open, 5)",
                    "rsi(sma(close, 6), 4)",
                    "ema(close, 5)",
                ],
                0,
            ),
            (&["ema(sma(close, 3) @ 15m, 4)"], 0),
            (&["ema(sma(close, 4) @ 15m, 4)", "ema(sma(close, 3) @ 5m, 4)"], 0),
            (&["ema(close, 5) * 2", "ema(sma(close, 3) @ 15m, 4)"], 2),
        ] {
            assert_eq!(run(texts, &bars, 64, Some(&shared)).1, read, "{texts:?}");
        }
    }
}
