//! Made-up files, and pieces of files.

use crate::{ODD, add, blocks, comments, fields, other_value, remove, set};
use papertape::api::{Block, Edit, FieldKind};
use papertape::strategy::outline::{edit, outline};
use proptest::prelude::*;

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
                    // A method takes along what it is not told.
                    if !other.starts_with(&section) && !path.ends_with(".method") {
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
