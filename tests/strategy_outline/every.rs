//! Every edit of every block of every text: the library's, and those made to be difficult.

use crate::{FOREIGN, block, blocks, comments, fields, library, other_value, texts, touched};
use papertape::api::{Block, Edit, FieldKind, Outline};
use papertape::strategy::outline::{edit, outline};

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
                // The type of an order decides which prices it has, a method what else it is told.
                let follows = field.path.ends_with(".type") || field.path.ends_with(".method");
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
                    // An exit names its entries.
                    let names_it = field.path.ends_with(".name") && path.ends_with(".of");
                    if *path != field.path && !follows && !names_it {
                        let now = after.get(path).map(|it| &it.value);
                        assert_eq!(
                            now,
                            Some(&other.value),
                            "{place} changed {path}:\n{}",
                            edited.text
                        );
                    }
                }
                let is_named = field.path.starts_with("entry.") && field.path.ends_with(".name");
                if block.place.line > 0 && !is_named {
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
            // A field of a form is removed by emptying it, and what has become a list stays one.
            let removable = |outline: &Outline| outline.block(&focus).is_some_and(|block| block.removable);
            if before.block(&focus).is_some() || !removable(&added.outline) || becomes_a_list(&before, &focus)
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

/// Whether what is added at a path makes a list of the one thing that was there, or has the step before close a part.
fn becomes_a_list(before: &Outline, focus: &str) -> bool {
    let number = |path: &str| {
        path.rsplit('.')
            .next()
            .is_some_and(|last| last.parse::<u32>().is_ok())
    };
    let is_first = !blocks(before)
        .iter()
        .any(|block| number(&block.path) && same_list(&block.path, focus));
    let is_rule = ["entry", "exit"].contains(&focus.rsplit_once('.').map_or("", |(list, _)| list));
    number(focus) && (focus.contains("take_profit.") || is_rule && is_first)
}

fn same_list(one: &str, other: &str) -> bool {
    one.rsplit_once('.').map(|(list, _)| list) == other.rsplit_once('.').map(|(list, _)| list)
}

fn section_of(block: &Block) -> papertape::api::Section {
    papertape::api::Section {
        path: String::new(),
        title: String::new(),
        about: String::new(),
        blocks: vec![block.clone()],
        additions: Vec::new(),
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
            let inside = papertape::api::Outline {
                sections: vec![section_of(block)],
                ..Outline::default()
            };
            assert!(
                gone >= 1 && gone <= 2 + blocks(&inside).len(),
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
