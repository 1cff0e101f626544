//! What exactly comes of an edit, to the character.

use crate::{FOREIGN, ODD, add, block, fields, remove, set, value};
use papertape::api::{Edit, FieldKind};
use papertape::strategy::Strategy;
use papertape::strategy::outline::{edit, outline};
use std::collections::BTreeMap;

/// A strategy without entries: what it is for has no blocks.
const PORTFOLIO: &str = "\
name: Mine   # the name
symbols: [BTC/USDT, ETH/USDT]
timeframe: 1h
params: {look: 60}
portfolio:   # even
    method: risk_parity
    lookback: $look   # bars
    rebalance: weekly
    drift: '5%'
risk: {max_drawdown: 20%}
";

#[test]
fn a_portfolio_is_shown_and_not_harmed() {
    let shown = outline(PORTFOLIO);
    assert!(shown.editable);
    assert_eq!(shown.problems, []);
    assert_eq!(block(&shown, "portfolio").text, None);
    assert_eq!(value(&shown, "portfolio.method"), "risk_parity");
    assert_eq!(value(&shown, "portfolio.drift"), "5%");
    let rename = Edit::Rename {
        path: "params.look".to_owned(),
        name: "bars".to_owned(),
    };
    for (edited, old, new) in [
        (set("params.look.default", "90"), "{look: 60}", "{look: 90}"),
        (set("name", "Yours"), "name: Mine ", "name: Yours "),
        (
            set("risk.max_drawdown", "30%"),
            "max_drawdown: 20%",
            "max_drawdown: 30%",
        ),
        (remove("risk.max_drawdown"), "risk: {max_drawdown: 20%}\n", ""),
        (rename, "look: 60}", "bars: 60}"),
    ] {
        let text = edit(PORTFOLIO, &edited).expect("an edit").text;
        let expected = PORTFOLIO.replace(old, new);
        let expected = if new == "bars: 60}" {
            expected.replace("$look ", "$bars ")
        } else {
            expected
        };
        assert_eq!(text, expected, "{edited:?}");
        assert_eq!(outline(&text).problems, [], "{text}");
    }
}

#[test]
fn an_edit_changes_the_characters_of_its_value_only() {
    let set = |path: &str, value: &str| {
        let set = Edit::Set {
            path: path.to_owned(),
            value: value.to_owned(),
        };
        edit(ODD, &set)
            .unwrap_or_else(|refusal| panic!("{path}: {refusal}"))
            .text
    };
    let same = |new: String, old: &str, with: &str| {
        assert_eq!(ODD.matches(old).count(), 1, "{old}");
        assert_eq!(new, ODD.replace(old, with));
    };
    same(
        set("params.fast.default", "25"),
        "{default: 20, min",
        "{default: 25, min",
    );
    same(set("params.fast.step", "5"), "max: 100}", "max: 100, step: 5}");
    same(
        set("params.slow.default", "60"),
        "default: 50     #",
        "default: 60     #",
    );
    same(
        set("params.slow.min", "2"),
        "half a hundred\n",
        "half a hundred\n        min: 2\n",
    );
    same(
        set("params.limit.max", "1"),
        "limit: 0.02",
        "limit: {default: 0.02, max: 1}",
    );
    same(
        set("let.slow_one.value", "ema(close, $slow)"),
        "\"sma(close, $slow)\"",
        "\"ema(close, $slow)\"",
    );
    same(
        set("entry.long.0.left", "close"),
        "cross_above(quick, slow_one)",
        "cross_above(close, slow_one)",
    );
    same(
        set("entry.long.0.operator", ">"),
        "cross_above(quick, slow_one)",
        "quick > slow_one",
    );
    same(set("entry.long.2.right", "low"), "close > open", "close > low");
    same(set("entry.long.1.text", "near"), "(near or volume > 0)", "near");
    same(
        set("entry.short.0.operator", "cross_below"),
        "'quick < slow_one and",
        "'cross_below(quick, slow_one) and",
    );
    same(
        set("entry.short.join", "or"),
        "slow_one and not near",
        "slow_one or not near",
    );
    same(
        set("exit.short.0.left", "near ? 1 : 2"),
        "short: quick > slow_one",
        "short: '(near ? 1 : 2) > slow_one'",
    );
    same(
        set("risk.stop_loss", "3 * atr(14)"),
        "stop_loss: 2 *",
        "stop_loss: 3 *",
    );
    same(set("orders.entry.expire_after", ""), ", expire_after: 10", "");
    same(
        set("orders.entry.price", "max(close, 2)"),
        "'close - 0.5 * atr(14)'",
        "'max(close, 2)'",
    );
    same(set("name", "Its mine"), "'It''s mine'", "'Its mine'");
    same(set("timeframe", "1h"), "timeframe: 5m", "timeframe: 1h");
    same(
        set("symbols", "BTC/USDT"),
        "timeframe: 5m",
        "symbols: [BTC/USDT]\ntimeframe: 5m",
    );
}

#[test]
fn a_condition_joins_the_others_as_it_is_meant() {
    let rule = |text: &str| format!("name: x\nentry:\n  long: {text}\n");
    let table: [(&str, Edit, &str); 12] = [
        (
            "close > open",
            add("volume > 0 or hour > 8"),
            "close > open and (volume > 0 or hour > 8)",
        ),
        (
            "close > open or hour > 8",
            add("volume > 0"),
            "close > open or hour > 8 or volume > 0",
        ),
        ("false", add("close > open"), "close > open"),
        ("true or close > 1", remove("entry.long.0"), "close > 1"),
        (
            "close > 1 and close > 2 and close > 3",
            remove("entry.long.1"),
            "close > 1 and close > 3",
        ),
        ("close > 1 and close > 2", remove("entry.long.1"), "close > 1"),
        (
            "close > 1 and open > 2 or low > 3",
            set("entry.long.join", "and"),
            "(close > 1 and open > 2) and low > 3",
        ),
        (
            "close > 1 and (open > 2 or low > 3)",
            set("entry.long.join", "or"),
            "close > 1 or (open > 2 or low > 3)",
        ),
        (
            "cross_above(close, open)",
            set("entry.long.0.operator", "<="),
            "close <= open",
        ),
        (
            "cross_above(close, open)",
            set("entry.long.0.operator", "crosses"),
            "crosses(close, open)",
        ),
        (
            "close > 1",
            set("entry.long.0.text", "close > 1 or open > 2"),
            "close > 1 or open > 2",
        ),
        (
            "close > 1 and open > 2",
            Edit::Move {
                path: "entry.long.1".into(),
                to: 0,
            },
            "open > 2 and close > 1",
        ),
    ];
    for (before, change, after) in table {
        let edited = edit(&rule(before), &change).unwrap_or_else(|refusal| panic!("{before}: {refusal}"));
        assert_eq!(edited.text, rule(after), "{before} with {change:?}");
        assert_eq!(edited.outline.problems, [], "{after}");
    }
}

#[test]
fn what_is_no_value_is_refused_in_words() {
    let cases = [
        (
            set("entry.long.0.left", "sma(close,"),
            "a value is missing before the end",
        ),
        (set("entry.long.0.left", ""), "an expression is needed here"),
        (set("entry.long.7.left", "close"), "not there any more"),
        (
            set("let.near.value", "close >"),
            "a value is missing before the end",
        ),
        (set("params.fast.default", "twenty"), "'twenty' is not a number"),
        (set("params.fast.default", ""), "a parameter needs a default"),
        (set("params.nothing.default", "1"), "no such field"),
        (set("name", ""), "a strategy needs a name"),
        (
            set("orders.entry.type", "hope"),
            "'hope' is none of these: market, limit",
        ),
        (set("no.such.path", "1"), "no such field"),
        (
            Edit::Rename {
                path: "let.near".into(),
                name: "close".into(),
            },
            "a word of the language",
        ),
        (
            Edit::Rename {
                path: "let.near".into(),
                name: "and".into(),
            },
            "cannot be a name",
        ),
        (
            Edit::Rename {
                path: "let.near".into(),
                name: "quick".into(),
            },
            "there already",
        ),
        (
            Edit::Rename {
                path: "params.fast".into(),
                name: "a b".into(),
            },
            "cannot be a name",
        ),
    ];
    for (change, message) in cases {
        let refusal = edit(ODD, &change).expect_err("it is refused");
        assert!(refusal.message.contains(message), "{change:?}: {refusal}");
    }
    let refusal = edit("name: [", &set("name", "x")).expect_err("it is refused");
    assert!(
        refusal.message.contains("once the text is YAML again"),
        "{refusal}"
    );
}

#[test]
fn a_problem_is_shown_at_its_block() {
    let text = "\
name: Wrong
let:
  average: smaa(close, 20)
entry:
  long: close > 1 and volume > missing
risk:
  stop_los: 2%
";
    let problems = |text: &str| -> Vec<(String, u32)> {
        let outline = outline(text);
        let problems = outline.problems.iter();
        problems.map(|it| (it.block.clone(), it.problem.line)).collect()
    };
    assert_eq!(problems(text), [("risk.stop_los".to_owned(), 7)]);
    let text = text.replace("stop_los:", "stop_loss:");
    assert_eq!(
        problems(&text),
        [("let.average".to_owned(), 3), ("entry.long.1".to_owned(), 5)]
    );
    let broken = outline("name: x\nentry: {long: [\n");
    assert!(!broken.editable && broken.sections.is_empty());
    assert_eq!(broken.problems.len(), 1);
}

#[test]
fn from_nothing_to_a_strategy_by_blocks_alone() {
    for begin in ["", "\n", "# mine\n"] {
        let edits = [
            set("name", "SMA cross"),
            set("timeframe", "5m"),
            Edit::Add {
                path: "params".into(),
                value: "20".into(),
            },
            Edit::Rename {
                path: "params.length".into(),
                name: "fast".into(),
            },
            Edit::Add {
                path: "let".into(),
                value: "sma(close, $fast)".into(),
            },
            add("cross_above(close, average)"),
            Edit::Add {
                path: "exit.long".into(),
                value: "close < average".into(),
            },
            Edit::Add {
                path: "risk.stop_loss".into(),
                value: "2%".into(),
            },
            Edit::Add {
                path: "risk.size".into(),
                value: "50".into(),
            },
            Edit::Add {
                path: "orders.entry".into(),
                value: "market".into(),
            },
            set("orders.entry.type", "limit"),
        ];
        let mut text = begin.to_owned();
        for change in &edits {
            text = edit(&text, change)
                .unwrap_or_else(|refusal| panic!("{change:?}: {refusal}\n{text}"))
                .text;
        }
        let comment = if begin.starts_with('#') { begin } else { "" };
        let expected = "\
name: SMA cross
timeframe: 5m
params:
  fast: {default: 20, min: 1, max: 200, step: 1}
let:
  average: sma(close, $fast)
entry:
  long: cross_above(close, average)
exit:
  long: close < average
orders:
  entry: {type: limit, price: close}
risk:
  size: {method: percent_of_equity, value: 50}
  stop_loss: 2%
";
        assert_eq!(text, format!("{comment}{expected}"));
        Strategy::compile(&text, &BTreeMap::new(), None).expect("it runs");
    }
}

#[test]
fn what_the_blocks_offer_is_what_the_language_knows() {
    for (path, forms) in [("orders.entry.type", 7), ("risk.size.method", 6)] {
        let text = "name: x\nentry: {long: close > open}\norders: {entry: {type: market}}\nrisk: {stop_loss: 2%, size: {method: percent_of_equity, value: 5}}\n";
        let outline = outline(text);
        let Some(FieldKind::Choice(choices)) = fields(&outline).get(path).map(|field| field.kind.clone())
        else {
            panic!("{path} is a choice");
        };
        assert_eq!(choices.len(), forms, "{choices:?}");
        for choice in choices {
            let edited = edit(text, &set(path, &choice.value)).expect("it is set");
            assert_eq!(
                edited.outline.problems,
                [],
                "{path} {}:\n{}",
                choice.value,
                edited.text
            );
        }
    }
    // And everything that can be added to an order that rests, and to the risk section, compiles with what it begins with.
    let text = "name: x\nentry: {long: close > open}\norders: {entry: {type: limit, price: close}}\n";
    let outline = outline(text);
    let additions = outline
        .sections
        .iter()
        .flat_map(|it| &it.additions)
        .chain(&block(&outline, "orders.entry").additions);
    for addition in additions {
        let edited = edit(text, &addition.edit).expect("it is added");
        let problems = &edited.outline.problems;
        // Names must be used by nothing, sizes by risk need a stop: no such thing is offered alone.
        assert_eq!(*problems, [], "{addition:?}:\n{}", edited.text);
    }
}

#[test]
fn what_the_blocks_cannot_show_is_shown_as_text_and_left_alone() {
    let outline = outline(FOREIGN);
    assert!(outline.editable);
    for path in [
        "entry.0",
        "portfolio",
        "risk.scale_in",
        "params.odd",
        "exit.after",
    ] {
        assert!(block(&outline, path).text.is_some(), "{path}");
    }
    assert_eq!(value(&outline, "extends"), "trend-following");
    assert_eq!(value(&outline, "risk.size.cap"), "25%");
    assert_eq!(value(&outline, "risk.size.method"), "kelly");
    let edited = edit(FOREIGN, &set("risk.stop_loss", "3%")).expect("it is set");
    assert_eq!(edited.text, FOREIGN.replace("stop_loss: 2%", "stop_loss: 3%"));
}
