//! What must hold for every function of the language there is, whichever are added: the list is the language's own.

use papertape::api::{Word, WordGroup};
use papertape::market::{Bar, Bars};
use papertape::model::{Timeframe, Timestamp};
use papertape::strategy::{Columns, NumberSlot, PositionView, Program, compile_expressions, outline};
use proptest::prelude::*;

/// Every function but those of the position, with each of its outputs: with its usual constants and with short ones, so that
/// short markets reach past its warm-up; on these bars and on longer ones; of prices and of what is at times undefined.
fn expressions() -> Vec<String> {
    let all = outline::words()
        .into_iter()
        .filter(|word| word.group != WordGroup::Position);
    let mut texts: Vec<String> = Vec::new();
    for word in all {
        for (usual, series) in [
            (true, "close"),
            (false, "close"),
            (false, "(volume / (close - open))"),
        ] {
            let call = call(&word, usual, series);
            let outputs = word.outputs.iter().map(|output| format!("{call}.{output}"));
            let each: Vec<String> = if word.outputs.is_empty() {
                vec![call]
            } else {
                outputs.collect()
            };
            for text in each {
                let longer = format!("({text}) @ 3m");
                texts.extend((!usual).then_some(longer));
                texts.push(text);
            }
        }
    }
    texts.sort();
    texts.dedup();
    texts
}

fn call(word: &Word, usual: bool, series: &str) -> String {
    let arguments = word
        .arguments
        .iter()
        .enumerate()
        .filter(|(_, it)| !it.value.is_empty());
    let values = arguments.map(|(place, it)| match it.value.as_str() {
        // Whole numbers are periods, or may be any number.
        value if it.constant && !usual && !value.contains('.') => (2 + place).to_string(),
        // What exceeds every number is undefined.
        "close" if word.name == "exp" => format!("({series} / 1000)"),
        "close" => series.to_owned(),
        value => value.to_owned(),
    });
    let values: Vec<String> = values.collect();
    if values.is_empty() {
        word.name.clone()
    } else {
        format!("{}({})", word.name, values.join(", "))
    }
}

fn program() -> (Program, Vec<NumberSlot>, Vec<String>) {
    let texts = expressions();
    let (program, slots) =
        compile_expressions(&texts, Timeframe::MINUTE).unwrap_or_else(|problems| panic!("{problems:?}"));
    (program, slots, texts)
}

/// Bars that wander, with gaps in time, bars that stand still, and bars without volume.
fn market(length: std::ops::Range<usize>) -> impl Strategy<Value = Bars> {
    let step = (-30..30_i32, 0..20_u32, 0..20_u32, 0..5_u32, 0..10_u32);
    prop::collection::vec(step, length).prop_map(|steps| {
        let (mut close, mut minute) = (1_000_i32, 28_000_000_i64);
        let bar = |(step, up, down, volume, odd): (i32, u32, u32, u32, u32)| {
            let open = close;
            let (step, up, down) = if odd == 0 { (0, 0, 0) } else { (step, up, down) };
            close = (open + step).max(100);
            minute += if odd == 1 { 7 } else { 1 };
            Bar {
                open_time: Timestamp::from_secs(60 * minute),
                open: f64::from(open),
                high: f64::from(open.max(close) + up as i32),
                low: f64::from((open.min(close) - down as i32).max(1)),
                close: f64::from(close),
                volume: f64::from(volume),
            }
        };
        steps.into_iter().map(bar).collect()
    })
}

/// Every value at every bar, bar by bar, as bits: undefined equals undefined.
fn one_by_one(bars: &Bars) -> Vec<Vec<u64>> {
    let (mut program, slots, _) = program();
    let values = bars.iter().map(|bar| {
        program.on_bar(&bar, &PositionView::FLAT);
        slots.iter().map(|slot| program.number(*slot).to_bits()).collect()
    });
    values.collect()
}

/// The same, so many bars at a time.
fn at_once(bars: &Bars, part: usize) -> Vec<Vec<u64>> {
    let (mut program, slots, _) = program();
    let mut columns = Columns::new(&program).expect("no expression reads the position");
    let mut all = Vec::new();
    for from in (0..bars.len()).step_by(part) {
        let some = bars.slice(from..bars.len().min(from + part));
        program.on_bars(some, &mut columns);
        let row = |row: usize| {
            slots
                .iter()
                .map(|slot| columns.number(*slot)[row].to_bits())
                .collect()
        };
        all.extend((0..some.len()).map(row));
    }
    all
}

fn same(found: &[Vec<u64>], expected: &[Vec<u64>], texts: &[String]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        for ((found, expected), text) in found.iter().zip(expected).zip(texts) {
            let (found, expected) = (f64::from_bits(*found), f64::from_bits(*expected));
            prop_assert!(
                found.to_bits() == expected.to_bits(),
                "{} at bar {}: {} and {}",
                text,
                index,
                found,
                expected
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn one_bar_at_a_time_and_many_at_once_give_the_same(bars in market(1..220), part in 1..90_usize) {
        same(&at_once(&bars, part), &one_by_one(&bars), &expressions())?;
    }

    #[test]
    fn nothing_that_comes_later_changes_a_value(bars in market(2..220), other in market(2..220), cut in 0.0..1.0_f64) {
        let cut = 1 + (cut * (bars.len() - 1) as f64) as usize;
        let before: Bars = bars.iter().take(cut).collect();
        let expected = one_by_one(&before);
        // Cut off, one bar at a time and all bars known at once.
        same(&one_by_one(&bars)[..cut], &expected, &expressions())?;
        same(&at_once(&bars, bars.len())[..cut], &expected, &expressions())?;
        // With another future.
        let last = before.open_time[cut - 1];
        let shift = last.since(other.open_time[0]) + 60_000_000_000;
        let later = other.iter().map(|bar| Bar { open_time: bar.open_time.plus_nanos(shift), ..bar });
        let changed: Bars = before.iter().chain(later).collect();
        same(&at_once(&changed, changed.len())[..cut], &expected, &expressions())?;
    }
}

#[test]
fn every_function_is_defined_somewhere() {
    // Else the properties above would hold for nothing.
    let step = |minute: i64| {
        let wave = ((minute * 37) % 101) as f64 + ((minute * 13) % 17) as f64;
        Bar {
            open_time: Timestamp::from_secs(60 * minute),
            open: 1_000.0 + wave,
            high: 1_020.0 + wave,
            low: 985.0 + wave,
            close: 1_000.0 + ((minute * 53) % 97) as f64,
            volume: 1.0 + (minute % 5) as f64,
        }
    };
    let bars: Bars = (0..400)
        .map(|minute| Bar {
            high: step(minute).high.max(step(minute).close),
            ..step(minute)
        })
        .collect();
    let values = one_by_one(&bars);
    for (place, text) in expressions().iter().enumerate() {
        let is_defined = values.iter().any(|row| !f64::from_bits(row[place]).is_nan());
        assert!(is_defined, "{text}");
    }
    // Every name that expressions may call, and more than those that have been there for long.
    let names = outline::words();
    assert!(names.len() >= 90, "{}", names.len());
}
