//! What must hold for every market and every text: no look-ahead, snapshots that continue, no panics.

use papertape::market::{Bar, Bars};
use papertape::model::{Timeframe, Timestamp};
use papertape::strategy::{
    Columns, NumberSlot, PositionView, Program, Strategy, StrategySpec, compile_expressions,
};
use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy as Generator;
use std::collections::BTreeMap;

/// Every function, with short periods so that short markets reach past every warm-up.
const EVERYTHING: &[&str] = &[
    "sma(close, 3)",
    "ema(close, 3)",
    "wma(close, 3)",
    "dema(close, 3)",
    "tema(close, 3)",
    "trima(close, 4)",
    "kama(close, 3)",
    "t3(close, 2)",
    "rsi(close, 3)",
    "cmo(close, 3)",
    "mom(close, 2)",
    "roc(close, 2)",
    "rocp(close, 2)",
    "trix(close, 2)",
    "ppo(close, 2, 4)",
    "apo(close, 2, 4)",
    "macd(close, 2, 4, 3).hist",
    "stochrsi(close, 3, 2, 2).d",
    "stoch(3, 2, 2).k",
    "stochf(3, 2).d",
    "willr(3)",
    "cci(3)",
    "mfi(3)",
    "aroon(3).up",
    "aroonosc(3)",
    "ultosc(2, 3, 4)",
    "plus_di(3)",
    "minus_di(3)",
    "dx(3)",
    "adx(3)",
    "adxr(3)",
    "sar()",
    "supertrend(3, 2).line",
    "supertrend(3, 2).direction",
    "trange",
    "atr(3)",
    "natr(3)",
    "midprice(3)",
    "bbands(close, 3).upper",
    "donchian(3).middle",
    "keltner(3, 2, 2).lower",
    "obv",
    "ad",
    "adosc(2, 4)",
    "vwap",
    "volume_profile(4, 6, 0.7).poc",
    "volume_profile(4, 6, 0.7).vah",
    "volume_profile(4, 6, 0.7).val",
    "stddev(close, 3)",
    "var(close, 3)",
    "zscore(close, 3)",
    "percent_rank(close, 3)",
    "linearreg(close, 3)",
    "linearreg_slope(close, 3)",
    "correl(high, low, 3)",
    "beta(high, low, 3)",
    "sum(volume, 3)",
    "midpoint(close, 3)",
    "highest(high, 3)",
    "lowest(low, 3)",
    "max(close, open)",
    "min(close, 3)",
    "cross_above(close, sma(close, 3))",
    "cross_below(close, open)",
    "crosses(close, open[1])",
    "rising(close, 2)",
    "falling(close, 2)",
    "bars_since(close > open)",
    "value_when(close > open, high)",
    "prev(close, 3)",
    "close[2]",
    "nz(close[5], open)",
    "bop",
    "typprice + wclprice",
    "hl2 - hlc3 + ohlc4",
    "abs(close - open) + sqrt(high) + exp(low / 1000)",
    "round(close / 3) + floor(close / 7) + ceil(close / 11)",
    "hour * 60 + minute + weekday",
    "log(close) % 0.5",
    "close > open ? high : low",
    "not (close > open) and volume > 1 or close[1] > close",
    "sma(close, 2) @ 3m",
    "(close - close[1]) @ 3m",
    "macd(close, 2, 3, 2).signal @ 3m",
    "(sma(close, 2) @ 6m + close[1]) @ 3m",
    "highest(high, 2)[1] @ 6m",
    "sma(close @ 3m, 4)",
    "cross_above(close, open) @ 3m",
    "position_size + bars_in_trade",
    "nz(entry_price, close)",
    "nz(unrealized_return, 0)",
    "sma(1 / (close - open), 2)",
];

/// Every name that expressions may call, as programs and files rely on them.
const NAMES: &str = "sma ema wma dema tema trima kama t3 rsi macd bbands atr natr trange adx adxr plus_di minus_di dx cci stoch \
    stochf stochrsi willr mfi obv ad adosc roc rocp mom trix ppo apo cmo aroon aroonosc ultosc sar linearreg linearreg_slope \
    stddev var correl beta max min sum midpoint midprice typprice wclprice bop highest lowest donchian keltner supertrend vwap \
    volume_profile zscore percent_rank cross_above cross_below crosses rising falling bars_since value_when prev abs sqrt log \
    exp round floor ceil nz hour minute weekday position_size entry_price bars_in_trade unrealized_return open high low close \
    volume hl2 hlc3 ohlc4";

#[test]
fn no_name_of_the_language_is_left_out_of_these_properties() {
    let all = EVERYTHING.join(" ");
    let words: Vec<&str> = all
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .collect();
    for name in NAMES.split_whitespace() {
        assert!(words.contains(&name), "{name} is not among the expressions");
    }
}

fn program() -> (Program, Vec<NumberSlot>) {
    let expressions: Vec<String> = EVERYTHING.iter().map(|text| (*text).to_owned()).collect();
    compile_expressions(&expressions, Timeframe::MINUTE).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// Bars that wander, with gaps in time, bars without range, and bars without volume.
fn market(length: std::ops::Range<usize>) -> impl Generator<Value = Vec<Bar>> {
    let step = (
        -50..50_i32,
        0..20_u32,
        0..20_u32,
        0..5_u32,
        prop::bool::weighted(0.1),
    );
    prop::collection::vec(step, length).prop_map(|steps| {
        let (mut close, mut minute) = (1_000_i32, 28_000_000_i64);
        let bar = |(step, up, down, volume, gap): (i32, u32, u32, u32, bool)| {
            let open = close;
            close = (open + step).max(100);
            minute += if gap { 7 } else { 1 };
            Bar {
                open_time: Timestamp::from_secs(60 * minute),
                open: f64::from(open),
                high: f64::from(open.max(close) + up as i32),
                low: f64::from(open.min(close) - down as i32),
                close: f64::from(close),
                volume: f64::from(volume),
            }
        };
        steps.into_iter().map(bar).collect()
    })
}

/// A position that changes, so that the rules that read it change too.
fn position(index: usize) -> PositionView {
    match index % 5 {
        0 => PositionView::FLAT,
        bars => PositionView {
            size: 2.0 - bars as f64,
            entry_price: 900.0 + index as f64,
            bars_in_trade: bars as f64,
            unrealized_return: 0.01 * bars as f64,
        },
    }
}

/// Every value at every bar, as bits: undefined equals undefined.
fn run(program: &mut Program, slots: &[NumberSlot], bars: &[Bar], from: usize) -> Vec<Vec<u64>> {
    let step = |(index, bar): (usize, &Bar)| {
        program.on_bar(bar, &position(from + index));
        slots.iter().map(|slot| program.number(*slot).to_bits()).collect()
    };
    bars.iter().enumerate().map(step).collect()
}

/// The first values of every expression, as bits, of bars that are all given at once.
fn at_once(bars: &[Bar], count: usize) -> Vec<Vec<u64>> {
    let (mut program, slots) = program();
    let mut columns = Columns::new(&program).expect("no expression remembers the position");
    let bars: Bars = bars.iter().copied().collect();
    program.on_bars(bars.slice(0..bars.len()), &mut columns);
    let bits = |slot: &NumberSlot| -> Vec<u64> {
        let values = columns.number(*slot)[..count].iter();
        values.map(|value| value.to_bits()).collect()
    };
    slots.iter().map(bits).collect()
}

proptest! {
    #[test]
    fn a_program_read_back_from_a_snapshot_continues_where_it_was(bars in market(1..80), cut in 0.0..1.0_f64) {
        let (mut whole, slots) = program();
        let cut = (cut * bars.len() as f64) as usize;
        let expected = run(&mut whole, &slots, &bars, 0);
        let (mut first, _) = program();
        run(&mut first, &slots, &bars[..cut], 0);
        let bytes = postcard::to_stdvec(&first).expect("a program is plain data");
        let mut second: Program = postcard::from_bytes(&bytes).expect("reads back");
        prop_assert_eq!(&run(&mut second, &slots, &bars[cut..], cut)[..], &expected[cut..]);
        // The states are the same too, undefined numbers included.
        prop_assert_eq!(postcard::to_stdvec(&second), postcard::to_stdvec(&whole));
    }

    #[test]
    fn many_bars_at_once_give_what_they_give_one_by_one(bars in market(1..200), part in 1..70_usize) {
        let (mut one_by_one, slots) = program();
        let (mut at_once, _) = program();
        let mut columns = Columns::new(&at_once).expect("no expression remembers the position");
        let all: Bars = bars.iter().copied().collect();
        let flat = |program: &mut Program, bar: &Bar| {
            program.on_bar(bar, &PositionView::FLAT);
            slots.iter().map(|slot| program.number(*slot).to_bits()).collect::<Vec<_>>()
        };
        for from in (0..bars.len()).step_by(part) {
            let some = all.slice(from..bars.len().min(from + part));
            at_once.on_bars(some, &mut columns);
            for (row, bar) in some.iter().enumerate() {
                let expected = flat(&mut one_by_one, &bar);
                let found: Vec<_> = slots.iter().map(|slot| columns.number(*slot)[row].to_bits()).collect();
                for ((found, expected), text) in found.iter().zip(&expected).zip(EVERYTHING) {
                    prop_assert_eq!(found, expected, "{} at bar {}", text, from + row);
                }
            }
            // What they remember is the same, too.
            prop_assert_eq!(postcard::to_stdvec(&at_once), postcard::to_stdvec(&one_by_one));
        }
    }

    #[test]
    fn what_comes_later_changes_nothing(bars in market(2..80), other in market(1..80), cut in 0.0..1.0_f64) {
        let cut = 1 + (cut * (bars.len() - 1) as f64) as usize;
        // Another future: the same bars up to the cut, then those of another market, moved behind it. All bars are given at
        // once, so that each value could read them.
        let shift = bars[cut - 1].open_time.since(other[0].open_time) + 60_000_000_000;
        let later = other.iter().map(|bar| Bar { open_time: bar.open_time.plus_nanos(shift), ..*bar });
        let changed: Vec<Bar> = bars[..cut].iter().copied().chain(later).collect();
        let (expected, found) = (at_once(&bars, cut), at_once(&changed, cut));
        for ((expected, found), text) in expected.iter().zip(&found).zip(EVERYTHING) {
            prop_assert_eq!(expected, found, "{} up to bar {}", text, cut);
        }
    }

    #[test]
    fn what_is_defined_is_finite(bars in market(60..120)) {
        let (mut program, slots) = program();
        for (index, bar) in bars.iter().enumerate() {
            program.on_bar(bar, &position(index));
            for (slot, text) in slots.iter().zip(EVERYTHING) {
                prop_assert!(!program.number(*slot).is_infinite(), "{} at bar {}", text, index);
            }
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
        let _ = StrategySpec::parse(&text);
        let _ = compile_expressions(std::slice::from_ref(&text), Timeframe::MINUTE);
        let _ = Strategy::compile(&format!("name: x\nentry:\n  long: {text}\n"), &BTreeMap::new(), None);
        let _ = Strategy::compile(&format!("name: x\nentry: {{long: |\n  {text}}}\n"), &BTreeMap::new(), None);
    }

    #[test]
    fn no_words_of_the_language_make_the_parser_panic(
        words in prop::collection::vec(prop::sample::select(&[
            "sma", "close", "macd", "max", "volume_profile", "prev", "(", ")", "(", ")", ",", "[", "]", ".", "hist",
            "1", "2", "0", "1e9", "-", "+", "*", "/", "%", "<", ">=", "==", "and", "or", "not", "?", ":", "@ 1h",
            "@ 5m", "$p", "true", "of BTC/USDT", "bars_since", "position_size", "a", "b",
        ][..]), 0..24),
    ) {
        let text = words.join(" ");
        let yaml = format!("name: x\ntimeframe: 5m\nparams: {{p: 3}}\nlet:\n  a: \"{text}\"\n  b: a\nentry:\n  long: \"{text}\"\n");
        let _ = Strategy::compile(&yaml, &BTreeMap::new(), None);
    }

    #[test]
    fn no_yaml_makes_the_reader_panic(
        lines in prop::collection::vec(prop::sample::select(&[
            "name: x", "entry:", "  long: close > 1", "exit: {long: true}", "params:", "  a: {default: 1}", "let:",
            "  - b", "risk: {size: {method: fixed_quantity, value: 0.1}}", "- ", "? a", ": b", "\t", "'", "\"", "|",
            ">-", "&a", "*a", "!!map", "[", "]", "{", "}", "---", "...", "# comment", "%YAML 1.2", "  stop_loss: 2%",
            "\u{feff}", "\u{85}", "é: ü", "null",
        ][..]), 0..16),
    ) {
        let _ = Strategy::compile(&lines.join("\n"), &BTreeMap::new(), None);
    }
}

#[test]
fn a_whole_strategy_survives_a_snapshot() {
    let yaml = include_str!("../strategies/donchian-breakout.yaml");
    let strategy = Strategy::compile(yaml, &BTreeMap::new(), None).expect("compiles");
    let bytes = postcard::to_stdvec(&strategy).expect("a strategy is plain data");
    let back: Strategy = postcard::from_bytes(&bytes).expect("reads back");
    assert_eq!(postcard::to_stdvec(&back), Ok(bytes));
    let json = serde_json::to_string(&strategy.rules).expect("JSON as well");
    assert!(json.contains("RiskPercent"), "{json}");
}
