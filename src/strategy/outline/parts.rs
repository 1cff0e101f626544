//! The parts that an outline is made of.

use super::forms::CONDITIONS;
use crate::api::{Addition, Block, Choice, Edit, Field, FieldKind, Place, Section};

/// The conditions that can be added to a rule.
pub(super) fn conditions(path: &str) -> Vec<Addition> {
    CONDITIONS
        .iter()
        .map(|(label, begins)| adds(path, label, begins))
        .collect()
}

/// Something that can be added.
pub(super) fn adds(path: &str, label: &str, value: &str) -> Addition {
    Addition {
        label: label.to_owned(),
        edit: Edit::Add {
            path: path.to_owned(),
            value: value.to_owned(),
        },
    }
}

/// A section without additions.
pub(super) fn section(path: &str, title: &str, about: &str, blocks: Vec<Block>) -> Section {
    Section {
        path: path.to_owned(),
        title: title.to_owned(),
        about: about.to_owned(),
        blocks,
        additions: Vec::new(),
    }
}

/// A block without content.
pub(super) fn block(path: &str, title: &str, place: Place) -> Block {
    Block {
        path: path.to_owned(),
        title: title.to_owned(),
        place,
        fields: Vec::new(),
        blocks: Vec::new(),
        additions: Vec::new(),
        text: None,
        removable: false,
        order: None,
    }
}

/// A field.
pub(super) fn field(path: &str, label: &str, value: String, kind: FieldKind, hint: &str) -> Field {
    Field {
        path: path.to_owned(),
        label: label.to_owned(),
        value,
        kind,
        hint: hint.to_owned(),
    }
}

/// Words with what they are called.
pub(super) fn choices(words: &[(&str, &str)]) -> Vec<Choice> {
    words
        .iter()
        .map(|(value, label)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
        })
        .collect()
}

/// Words to choose from: those that are known, the one that is there, and, while there is none, the default.
pub(super) fn choice(words: &[&str], current: &str, default: &str) -> FieldKind {
    let mut choices: Vec<Choice> = choices(&words.iter().map(|word| (*word, *word)).collect::<Vec<_>>());
    for choice in &mut choices {
        choice.label = choice.label.replace('_', " ");
    }
    if current.is_empty() && !default.is_empty() {
        let label = format!("{default}, as nothing is said");
        choices.insert(
            0,
            Choice {
                value: String::new(),
                label,
            },
        );
    } else if !words.contains(&current) {
        choices.push(Choice {
            value: current.to_owned(),
            label: current.to_owned(),
        });
    }
    FieldKind::Choice(choices)
}
