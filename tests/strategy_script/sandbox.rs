//! What tries to get out of the sandbox, or to take more than is given.

use super::*;

#[test]
fn nothing_reaches_out_of_the_sandbox() {
    for call in [
        "eval(\"1\")",
        "print(1)",
        "debug(1)",
        "timestamp()",
        "sleep(1)",
        "rand()",
        "exit()",
        "import \"x\"",
        "Fn(\"abs\")",
        "open_file(\"/etc/passwd\")",
        "2.0 ** 0.5",
        "is_def_fn(\"x\", 1)",
        "global::x",
        "this",
        "parse_json(\"1\")",
    ] {
        let yaml = strategy(&format!("let x = {call};"));
        assert!(!problems(&yaml).is_empty(), "{call}");
    }
}

#[test]
fn what_exceeds_a_limit_is_stopped_with_its_place() {
    for (code, expected) in [
        (
            "let n = 0;\nloop {\n  n += 1;\n}",
            "more than 50000 steps at one bar",
        ),
        ("while true {}", "more than 50000 steps at one bar"),
        ("for i in 0..1000000000 { }", "more than 50000 steps at one bar"),
        ("fn down(n) { down(n + 1) }\ndown(0);", "deeper than 16 levels"),
        (
            "fn a(n) { b(n) }\nfn b(n) { a(n) }\na(0);",
            "deeper than 16 levels",
        ),
        (
            "let text = \"ab\";\nloop { text += text; }",
            "beyond 1000 elements or characters",
        ),
        (
            "let list = [1, 2];\nloop { list += list; }",
            "beyond 1000 elements or characters",
        ),
        (
            "let list = [1];\nloop { list.push(list); }",
            "beyond 1000 elements or characters",
        ),
        (
            "let list = [];\nloop { list = [list, list]; }",
            "beyond 1000 elements or characters",
        ),
        (
            "let list = [];\nlist.pad(2000, 7);",
            "beyond 1000 elements or characters",
        ),
        (
            "let map = #{};\nlet n = 0;\nloop { map[`k${n}`] = n; n += 1; }",
            "beyond 1000 elements or characters",
        ),
        (
            "let big = [];\nbig.pad(900, 1);\nlet map = #{};\nlet n = 0;\nloop { map[`k${n}`] = big; n += 1; }",
            "beyond 1000 elements or characters (variable 'map')",
        ),
        (
            "let map = #{};\nloop { map = #{a: map, b: map}; }",
            "beyond 1000 elements or characters",
        ),
        (
            "let map = #{};\nloop { map.a = map; map.b = map; }",
            "beyond 1000 elements or characters",
        ),
        (
            "let list = [0, 0];\nloop { list[0] = list; list[1] = list; }",
            "beyond 1000 elements or characters",
        ),
        (
            "loop { state.a = state; state.b = state; }",
            "beyond 1000 elements or characters",
        ),
        (
            "let map = #{a: []};\nloop { map.a.push(map); }",
            "beyond 1000 elements or characters",
        ),
        (
            "let list = [\"0123456789\"];\nloop { list[0] += list[0]; }",
            "beyond 1000 elements or characters",
        ),
        (
            "fn grow(x) { [x, x] }\nlet x = 1;\nloop { x = grow(x); }",
            "beyond 1000 elements or characters",
        ),
        (
            "let x = [1];\nloop { x = x.map(|y| [y, y]); }",
            "beyond 1000 elements or characters",
        ),
        (
            "let text = \"x\";\nloop { text = `${text}${text}`; }",
            "beyond 1000 elements or characters",
        ),
        (
            "for i in 0..1000 { state[`a${i}`] = \"0123456789abcdef0123456789abcdef\"; }",
            "state holds more than 2000 values",
        ),
        (
            "state.deep = [];\nfor i in 0..20 { state.deep = [state.deep]; }",
            "nested deeper than 16 levels",
        ),
        ("state.rule = |x| x + 1;", "not a value of type Fn"),
        ("let x = 9223372036854775807;\nx += 1;", "addition overflow"),
        ("let x = 1 / (state.len() * 0);", "division by zero"),
        ("let list = [];\nlist[3] = 1;", "out of bounds"),
        ("throw \"no idea\";", "no idea"),
    ] {
        let (state, reason) = end_of(code);
        assert_eq!(state, SessionState::Halted, "{code}");
        let place = reason
            .split("line ")
            .nth(1)
            .and_then(|rest| rest.split(',').next());
        let line: u32 = place
            .and_then(|line| line.parse().ok())
            .unwrap_or_else(|| panic!("{reason}"));
        assert!(reason.contains(expected), "{code}: {reason}");
        assert!(
            (BEFORE.0 + 1..=BEFORE.0 + code.lines().count() as u32).contains(&line),
            "{code}: {reason}"
        );
    }
}

#[test]
fn neither_deep_calls_nor_deep_values_take_the_stack() {
    // Each call inside of as many parentheses as an expression may have.
    for depth in 1..40 {
        let (open, close) = ("(1 + ".repeat(depth), ")".repeat(depth));
        let yaml = strategy(&format!(
            "fn down(n) {{ {open}down(n + 1){close} }}\nlet x = {open}down(0){close};"
        ));
        if let Ok(compiled) = Strategy::compile(&yaml, &BTreeMap::new(), None) {
            let mut setting = config(BY_RULES);
            setting.strategy = compiled;
            let mut bench = Bench::with(setting);
            bench.flat(2, 100.0);
            assert_eq!(bench.engine.state(), SessionState::Halted, "{depth}");
        } else {
            assert!(depth > 8, "{depth}: {:?}", problems(&yaml));
        }
    }
    for code in [
        "let list = [1];\nloop { list = [list]; }",
        "let map = #{};\nloop { map = #{a: map}; }",
        "let list = [];\nloop { let inner = list; list = []; list.push(inner); }",
        "let list = [0];\nloop { list[0] = list; }",
    ] {
        let (state, reason) = end_of(code);
        assert_eq!(state, SessionState::Halted, "{code}");
        assert!(reason.contains("beyond 1000 elements"), "{code}: {reason}");
    }
}
