//! Scripts by chance.

use super::*;

/// Parts of scripts that make sense here and there.
const PARTS: [&str; 40] = [
    "let x = ",
    "x",
    "state.a",
    "state",
    "close",
    "average",
    "$fast",
    "buy = ",
    "level = ",
    " + ",
    " * ",
    " / ",
    " - ",
    " % ",
    "1",
    "2.5",
    "\"t\"",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "if ",
    " else ",
    "loop ",
    "while ",
    "for i in 0..9 ",
    "break;",
    "return;",
    ";\n",
    " > ",
    " == ",
    "fn f(a) ",
    "f(",
    "#{a: ",
    ", ",
    ".push(",
    "|y| ",
    "`${",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PAPERTAPE_FUZZ_INPUTS").ok().and_then(|count| count.parse().ok()).unwrap_or(1_500)
    ))]

    /// Compiles or does not, runs or is stopped, and does the same twice.
    #[test]
    fn random_scripts_neither_panic_nor_differ(parts in prop::collection::vec(0..PARTS.len(), 0..24)) {
        let code: String = parts.iter().map(|part| PARTS[*part]).collect();
        let yaml = strategy(&code);
        if Strategy::compile(&yaml, &BTreeMap::new(), None).is_ok() {
            let run = || {
                let mut bench = Bench::start(&yaml);
                bench.flat(4, 100.0);
                (bench.engine.event_hash(), bench.engine.snapshot())
            };
            prop_assert_eq!(run(), run());
        }
    }

    /// Whole statements, which compile more often: what they leave behind survives a snapshot.
    #[test]
    fn random_statements_run_twice_the_same(
        lines in prop::collection::vec(prop::sample::select(vec![
            "state.n = (state.n ?? 0) + 1;",
            "state.list = (state.list ?? []) + [close, average];",
            "if state.list != () && state.list.len() > 7 { state.list.remove(0); }",
            "state.text = `${state.n} ${state.list}`;",
            "state.inner = state;",
            "state.inner = #{a: state.inner, b: [state.list]};",
            "while (state.n ?? 9) % 5 != 0 { state.n += 1; }",
            "fn twice(x) { x * 2 }\nstate.n = twice(state.n ?? 1);",
            "level = (state.list ?? []).reduce(|sum, x| nz(sum, 0) + nz(x, 0)) ?? 0;",
            "buy = (state.n ?? 0) % 3 == 1;",
            "sell = close > average || bars_in_trade > 2.0;",
            "for (value, index) in (state.list ?? []) { if index > 3 { break; } state.last = value; }",
            "state.sorted = (state.list ?? []).filter(|x| !is_nan(x)); state.sorted.sort(|a, b| int(a - b));",
            "state.remove(\"inner\");",
        ]), 1..10),
        at in 0..6_usize,
    ) {
        let yaml = strategy(&lines.join("\n"));
        if Strategy::compile(&yaml, &BTreeMap::new(), None).is_ok() {
            let run = |restart: Option<usize>| {
                let mut bench = Bench::start(&yaml);
                for number in 0..6_u32 {
                    if restart == Some(number as usize) {
                        bench.engine = Engine::restore(&bench.engine.snapshot()).expect("its own snapshot");
                    }
                    let price = 100.0 + f64::from(number % 3);
                    bench.bar(price, price + 1.0, price - 1.0, price + 0.5);
                }
                (bench.engine.event_hash(), bench.engine.snapshot())
            };
            prop_assert_eq!(run(None), run(Some(at)));
        }
    }
}
