//! Blocks and the text they are read from: an edit of a block says what it shows and touches nothing else.

use papertape::api::{Block, Edit, Field, FieldKind, Outline};
use papertape::strategy;
use papertape::strategy::outline::{edit, outline};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// As people write: comments in every place, quotes, folded lines, keys in another order, things without blocks.
const ODD: &str = "\
# A file that somebody has written by hand.
name:   'It''s mine'   # the name
timeframe: 5m


params:   # what can be tried
    # bars of the quick one
    fast: {default: 20, min: 5,   max: 100} # not too slow
    # bars of the slow one
    slow:
        default: 50     # half a hundred
        max: 400
    limit: 0.02
let:
    quick: sma(close, $fast)   # quick
    slow_one: \"sma(close, $slow)\"
    near: abs(quick / slow_one - 1) < $limit
description: >
    Buys when the quick average is above
    the slow one. # not a comment
entry:
    long: >
        cross_above(quick, slow_one)
        and (near or volume > 0)
        and close > open
    # and the other way round
    short: 'quick < slow_one and not near'
exit: {long: 'quick < slow_one', short: quick > slow_one}
risk:
    size: {method: percent_of_equity, value: 95}   # nearly all
    stop_loss: 2 * atr(14)
    # the target
    take_profit: 6%
orders:
    entry: {type: limit, price: 'close - 0.5 * atr(14)', expire_after: 10}
    exit:
        type: market   # at once
";

/// What no block shows: keys from elsewhere, lists of entries, settings of a rule's own.
const FOREIGN: &str = "\
extends: trend-following   # a template
name: Foreign
params: {fast: 20, odd: {default: 1, choices: [1, 2, 3]}}
let:
  average: sma(close, $fast)
entry:
  # first idea
  - name: breakout
    long: close > highest(high, $fast)[1] and average > 0
    orders: {type: limit, price: average}
  - {name: average, short: 'close < average'}
exit:
  long: close < average
  after: 10 bars
portfolio:
  weights: inverse_volatility
  rebalance: {every: 1w, drift: 5%}   # not often
risk:
  scale_in: {levels: 3, spacing: 1 * atr(14)}
  stop_loss: 2%
  size:
    method: kelly
    cap: 25%
    value: 50
";

fn library() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("strategies");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .expect("the library is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read_to_string(&path).expect("a text"),
            )
        })
        .collect();
    files.sort();
    files
}

fn texts() -> Vec<(String, String)> {
    let mut texts = library();
    texts.push(("odd".to_owned(), ODD.to_owned()));
    texts.push(("foreign".to_owned(), FOREIGN.to_owned()));
    texts.push(("odd with CRLF".to_owned(), ODD.replace('\n', "\r\n")));
    texts.push((
        "odd without its last line break".to_owned(),
        ODD.trim_end().to_owned(),
    ));
    let flow = "{name: Flow, params: {n: 20}, entry: {long: 'close > sma(close, $n) and volume > 0'}, risk: {stop_loss: 2%}}";
    texts.push(("flow".to_owned(), flow.to_owned()));
    texts
}

fn blocks(outline: &Outline) -> Vec<&Block> {
    let mut all: Vec<&Block> = outline
        .sections
        .iter()
        .flat_map(|section| &section.blocks)
        .collect();
    let mut at = 0;
    while at < all.len() {
        all.extend(&all[at].blocks);
        at += 1;
    }
    all
}

fn fields(outline: &Outline) -> BTreeMap<String, Field> {
    let fields = blocks(outline).into_iter().flat_map(|block| &block.fields);
    fields.map(|field| (field.path.clone(), field.clone())).collect()
}

fn block<'a>(outline: &'a Outline, path: &str) -> &'a Block {
    blocks(outline)
        .into_iter()
        .find(|block| block.path == path)
        .unwrap_or_else(|| panic!("no block {path} in {outline:#?}"))
}

fn value(outline: &Outline, path: &str) -> String {
    fields(outline)
        .get(path)
        .map_or_else(|| panic!("no field {path}"), |field| field.value.clone())
}

/// Lines of the old text (from 1, the end not included) in which the two differ.
fn touched(old: &str, new: &str) -> std::ops::Range<u32> {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let most = a.len().min(b.len()) - start;
    let end = a
        .iter()
        .rev()
        .zip(b.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    start as u32 + 1..(a.len() - end) as u32 + 1
}

/// Lines that hold nothing but a comment, sorted.
fn comments(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('#'))
        .collect();
    lines.sort_unstable();
    lines
}

/// A value that a field can take, other than the one it has.
fn other_value(field: &Field) -> String {
    match &field.kind {
        FieldKind::Number if field.path.ends_with(".step") => "0.125".to_owned(),
        FieldKind::Number => "42".to_owned(),
        FieldKind::Name => "renamed".to_owned(),
        FieldKind::Prose | FieldKind::Text if field.path == "symbols" => "ETH/USDT, BTC/USDT".to_owned(),
        FieldKind::Text | FieldKind::Prose => "Words: with 'quotes' and # signs, [all] {kinds}".to_owned(),
        FieldKind::Expression => "nz(ema(close, 7), open)".to_owned(),
        FieldKind::Choice(choices) => choices
            .iter()
            .map(|choice| choice.value.clone())
            .find(|value| *value != field.value && !value.is_empty())
            .unwrap_or_default(),
    }
}

#[test]
fn setting_any_field_of_any_text_shows_in_the_blocks_and_touches_that_block_only() {
    let mut edits = 0;
    for (name, text) in texts() {
        let before = outline(&text);
        let known = fields(&before);
        for block in blocks(&before) {
            for field in block.fields.iter().filter(|field| field.kind != FieldKind::Name) {
                let to = other_value(field);
                let set = Edit::Set {
                    path: field.path.clone(),
                    value: to.clone(),
                };
                let place = format!("{name}: {} = {to}", field.path);
                let edited = edit(&text, &set).unwrap_or_else(|refusal| panic!("{place}: {refusal}"));
                assert!(edited.outline.editable, "{place}:\n{}", edited.text);
                assert_eq!(comments(&edited.text), comments(&text), "{place}");
                let after = fields(&edited.outline);
                // The type of an order decides which prices it has.
                let follows = field.path.ends_with(".type");
                // Another side of a comparison may be another kind of condition.
                if !field.path.ends_with("operator") || after.contains_key(&field.path) {
                    assert_eq!(
                        after.get(&field.path).map(|it| &it.value),
                        Some(&to),
                        "{place}:\n{}",
                        edited.text
                    );
                }
                for (path, other) in &known {
                    if *path != field.path && !follows {
                        let now = after.get(path).map(|it| &it.value);
                        assert_eq!(
                            now,
                            Some(&other.value),
                            "{place} changed {path}:\n{}",
                            edited.text
                        );
                    }
                }
                if block.place.line > 0 {
                    let lines = touched(&text, &edited.text);
                    let inside = lines.start >= block.place.line && lines.end <= block.place.end_line + 2;
                    assert!(
                        inside,
                        "{place} touched {lines:?} outside of {:?}:\n{}",
                        block.place, edited.text
                    );
                }
                edits += 1;
            }
        }
    }
    assert!(edits > 400, "{edits} edits");
}

#[test]
fn whatever_can_be_added_is_there_afterwards_and_can_be_removed_again() {
    for (name, text) in texts() {
        let before = outline(&text);
        let inner = blocks(&before).into_iter().flat_map(|block| &block.additions);
        let additions: Vec<_> = before
            .sections
            .iter()
            .flat_map(|section| &section.additions)
            .chain(inner)
            .collect();
        for addition in additions {
            let place = format!("{name}: {:?}", addition.edit);
            let added = edit(&text, &addition.edit).unwrap_or_else(|refusal| panic!("{place}: {refusal}"));
            assert_eq!(comments(&added.text), comments(&text), "{place}");
            let focus = added.focus.clone().expect("what was added");
            block(&added.outline, &focus);
            // Nothing was said in other words than before: the old lines are all there, in order.
            if !text.starts_with('{') {
                let count = added.text.lines().count() - text.lines().count();
                assert!(count <= 3, "{place} added {count} lines:\n{}", added.text);
            }
            if focus.starts_with("orders.")
                && added.outline.sections[5].additions.len() == before.sections[5].additions.len()
            {
                continue;
            }
            let removed = edit(&added.text, &Edit::Remove { path: focus });
            let removed = removed.unwrap_or_else(|refusal| panic!("{place}: {refusal}"));
            assert_eq!(
                fields(&removed.outline),
                fields(&before),
                "{place}:\n{}",
                removed.text
            );
            // A longer value may have needed quotes, and they stay.
            let bare = |text: &str| text.trim_end().replace('\'', "");
            assert_eq!(bare(&removed.text), bare(&text), "{place}");
        }
    }
}

#[test]
fn removing_any_block_leaves_all_others() {
    for (name, text) in texts() {
        let before = outline(&text);
        for block in blocks(&before).into_iter().filter(|block| block.removable) {
            let place = format!("{name}: without {}", block.path);
            let edited = edit(
                &text,
                &Edit::Remove {
                    path: block.path.clone(),
                },
            );
            let edited = edited.unwrap_or_else(|refusal| panic!("{place}: {refusal}"));
            assert_eq!(comments(&edited.text), comments(&text), "{place}");
            let count = |outline: &Outline| blocks(outline).len();
            let gone = if count(&before) > count(&edited.outline) {
                count(&before) - count(&edited.outline)
            } else {
                0
            };
            // A rule goes with its conditions, and with its only condition.
            assert!(
                gone >= 1 && gone <= 1 + block.blocks.len().max(2),
                "{place}: {gone}\n{}",
                edited.text
            );
        }
    }
}

#[test]
fn moving_any_block_keeps_what_is_said_and_moving_it_back_gives_the_same_text() {
    let mut moves = 0;
    for (name, text) in texts() {
        let before = outline(&text);
        for block in blocks(&before) {
            let Some((index, count)) = block.order else {
                continue;
            };
            for to in (0..count).filter(|to| *to != index) {
                let place = format!("{name}: {} to {to}", block.path);
                let moved = edit(
                    &text,
                    &Edit::Move {
                        path: block.path.clone(),
                        to,
                    },
                );
                let moved = moved.unwrap_or_else(|refusal| panic!("{place}: {refusal}"));
                assert_eq!(comments(&moved.text), comments(&text), "{place}");
                let focus = moved.focus.clone().expect("what was moved");
                let there = self::block(&moved.outline, &focus);
                assert_eq!(there.order, Some((to, count)), "{place}:\n{}", moved.text);
                let values =
                    |block: &Block| block.fields.iter().map(|it| it.value.clone()).collect::<Vec<_>>();
                assert_eq!(values(there), values(block), "{place}");
                let back = edit(
                    &moved.text,
                    &Edit::Move {
                        path: focus,
                        to: index,
                    },
                )
                .expect("it moves back");
                // Conditions that go over several lines are not folded again.
                if !block.path.starts_with("entry") {
                    assert_eq!(back.text.trim_end(), text.trim_end(), "{place}");
                }
                moves += 1;
            }
        }
    }
    assert!(moves > 100, "{moves} moves");
}

#[test]
fn a_name_is_changed_wherever_it_is_used() {
    for (name, text) in library() {
        let before = outline(&text);
        for block in blocks(&before) {
            if !block.fields.iter().any(|field| field.kind == FieldKind::Name) {
                continue;
            }
            let rename = Edit::Rename {
                path: block.path.clone(),
                name: "renamed_one".to_owned(),
            };
            let renamed =
                edit(&text, &rename).unwrap_or_else(|refusal| panic!("{name}: {}: {refusal}", block.path));
            assert_eq!(
                renamed.outline.problems,
                [],
                "{name}: {}:\n{}",
                block.path,
                renamed.text
            );
            let old = block.path.rsplit('.').next().expect("a name").to_owned();
            let path = block.path.replace(&old, "renamed_one");
            let back = edit(&renamed.text, &Edit::Rename { path, name: old }).expect("it is renamed back");
            assert_eq!(back.text, text, "{name}: {}", block.path);
        }
    }
    // In parts without blocks too, but not in words for people.
    let renamed = edit(
        FOREIGN,
        &Edit::Rename {
            path: "let.average".into(),
            name: "mean".into(),
        },
    )
    .expect("a rename");
    let expected = FOREIGN
        .replace("  average: sma", "  mean: sma")
        .replace("average > 0", "mean > 0")
        .replace("price: average", "price: mean")
        .replace("close < average", "close < mean");
    assert_eq!(renamed.text, expected);
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

fn set(path: &str, value: &str) -> Edit {
    Edit::Set {
        path: path.to_owned(),
        value: value.to_owned(),
    }
}

fn add(value: &str) -> Edit {
    Edit::Add {
        path: "entry.long".to_owned(),
        value: value.to_owned(),
    }
}

fn remove(path: &str) -> Edit {
    Edit::Remove {
        path: path.to_owned(),
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
        (set("orders.entry.type", "hope"), "no order of type 'hope'"),
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
        strategy::Strategy::compile(&text, &BTreeMap::new(), None).expect("it runs");
    }
}

#[test]
fn what_the_blocks_offer_is_what_the_language_knows() {
    for (path, forms) in [("orders.entry.type", 7), ("risk.size.method", 4)] {
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
        "entry",
        "extends",
        "portfolio",
        "risk.scale_in",
        "params.odd",
        "exit.after",
    ] {
        assert!(block(&outline, path).text.is_some(), "{path}");
    }
    assert_eq!(block(&outline, "risk.size").text.as_deref(), Some("cap: 25%"));
    assert_eq!(value(&outline, "risk.size.method"), "kelly");
    let edited = edit(FOREIGN, &set("risk.stop_loss", "3%")).expect("it is set");
    assert_eq!(edited.text, FOREIGN.replace("stop_loss: 2%", "stop_loss: 3%"));
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_]{0,8}".prop_filter("a name that is free", |name| {
        !["and", "or", "not", "true", "false", "of"].contains(&name.as_str())
            && papertape::strategy::outline::words()
                .iter()
                .all(|word| word.name != *name)
    })
}

/// Expressions of numbers with spaces and parentheses as people put them.
fn number() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("close".to_owned()),
        Just("sma(close, 20)".to_owned()),
        Just("macd(close,12,26,9).hist".to_owned()),
        Just("ema(close, 50) @ 1h".to_owned()),
        (0..500_u32).prop_map(|number| number.to_string()),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone(), "[-+*/]")
                .prop_map(|(a, b, operator)| format!("{a} {operator} ({b})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("(close > open ? {a} : {b})")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (number(), "(<|<=|>|>=|==|!=)", number()).prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
        (number(), "cross(_above|_below|es)", number()).prop_map(|(a, call, b)| format!("{call}({a}, {b})")),
        Just("true".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), "(and|or)", inner.clone()).prop_map(|(a, join, b)| format!("{a} {join} {b}")),
            (inner.clone(), "(and|or)", inner.clone()).prop_map(|(a, join, b)| format!("({a} {join} {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

/// How a scalar is written.
fn written(text: &str, style: u8) -> String {
    match style {
        0 => format!("'{}'", text.replace('\'', "''")),
        1 => format!("\"{text}\""),
        2 => format!(">\n    {}", text.replacen(" and ", "\n    and ", 1)),
        3 => format!("|-\n    {text}"),
        _ if text.contains(": ") => format!("'{text}'"),
        _ => text.to_owned(),
    }
}

fn file() -> impl Strategy<Value = String> {
    let entry = (name(), number(), 0..5_u8, any::<bool>());
    (
        proptest::collection::vec(entry, 0..5),
        (condition(), 0..5_u8),
        proptest::option::of((condition(), 0..5_u8)),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(names, (long, long_style), exit, comments, foreign)| {
            let note = |text: &str| {
                if comments {
                    format!("# {text}\n")
                } else {
                    String::new()
                }
            };
            let mut text = format!("{}name: Made # up\n", note("head"));
            let mut known = std::collections::BTreeSet::new();
            let lines: String = names
                .into_iter()
                .filter(|(name, ..)| known.insert(name.clone()))
                .map(|(name, value, style, remark)| {
                    let remark = if remark && style != 2 && style != 3 {
                        "  # why"
                    } else {
                        ""
                    };
                    format!("  {name}: {}{remark}\n", written(&value, style))
                })
                .collect();
            if !lines.is_empty() {
                text += &format!("let:\n{}{lines}", if comments { "  # names\n" } else { "" });
            }
            if foreign {
                text += "portfolio: {weights: [1, 2], note: 'a # b'}\n";
            }
            text += &format!(
                "entry:\n  long: {}\n{}",
                written(&long, long_style),
                note("between")
            );
            if let Some((exit, style)) = exit {
                text += &format!("exit:\n  long: {}\n", written(&exit, style));
            }
            text
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_made_up_file_survives_any_row_of_edits(
        text in file(),
        steps in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), number(), condition()), 1..6),
    ) {
        let mut text = text;
        prop_assert!(outline(&text).editable, "{text}");
        for (step, (which, kind, number, condition)) in steps.into_iter().enumerate() {
            let before = outline(&text);
            let all: Vec<Block> = blocks(&before).into_iter().cloned().collect();
            let block = &all[which.index(all.len())];
            let mut edits: Vec<Edit> = block.additions.iter().map(|it| it.edit.clone()).collect();
            for field in &block.fields {
                let value = match &field.kind {
                    FieldKind::Expression if field.path.ends_with(".text") => condition.clone(),
                    FieldKind::Expression => number.clone(),
                    _ => other_value(field),
                };
                edits.push(match field.kind {
                    FieldKind::Name => Edit::Rename { path: block.path.clone(), name: format!("renamed_{step}") },
                    _ => set(&field.path, &value),
                });
            }
            edits.extend(block.order.map(|(_, count)| Edit::Move { path: block.path.clone(), to: count / 2 }));
            if block.removable {
                edits.push(remove(&block.path));
            }
            if edits.is_empty() {
                continue;
            }
            let change = &edits[kind.index(edits.len())];
            // A rule without any condition is no rule, and the only key of a file cannot go.
            let Ok(edited) = edit(&text, change) else {
                prop_assert!(false, "{change:?} is refused: {:?}\n{text}", edit(&text, change));
                unreachable!();
            };
            prop_assert!(edited.outline.editable, "{change:?}\n{text}\n→\n{}", edited.text);
            prop_assert_eq!(comments(&edited.text), comments(&text), "{:?}\n{}\n→\n{}", change, text, edited.text);
            if let Edit::Set { path, value } = change {
                let after = fields(&edited.outline);
                if let Some(shown) = after.get(path) && (path.ends_with("value") || path.ends_with("left")) {
                    let bare = |text: &str| text.replace(['(', ')', ' '], "");
                    prop_assert_eq!(bare(&shown.value), bare(value), "{}\n→\n{}", text, edited.text);
                }
                for (other, field) in fields(&before) {
                    // What stands in the same rule may be split in other ways now.
                    let section = path.split('.').take(2).collect::<Vec<_>>().join(".");
                    if !other.starts_with(&section) {
                        prop_assert_eq!(after.get(&other).map(|it| &it.value), Some(&field.value), "{:?} changed {}", change, other);
                    }
                }
            }
            text = edited.text;
        }
    }

    #[test]
    fn no_text_breaks_the_outline(text in "(?s).{0,200}") {
        let _ = outline(&text);
        let _ = edit(&text, &set("name", "x"));
        let _ = edit(&text, &add("close > open"));
    }

    #[test]
    fn no_cut_of_a_file_breaks_the_outline(from in 0..1_400_usize, length in 0..1_400_usize) {
        let cut: String = ODD.chars().skip(from).take(length).collect();
        let outline = outline(&cut);
        for block in blocks(&outline) {
            let _ = edit(&cut, &remove(&block.path));
            for field in &block.fields {
                if let Ok(edited) = edit(&cut, &set(&field.path, &other_value(field))) {
                    prop_assert!(edited.outline.editable, "{cut}\n→\n{}", edited.text);
                }
            }
        }
    }
}
