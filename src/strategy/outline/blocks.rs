//! What stands at a key as a block: a field, a form, conditions, a list, or as written.

use super::condition::{Condition, OPERATORS, Rule, Shape as Written};
use super::document::Document;
use super::forms::{self, begins, is_always_shown, is_offered, label, plain};
use super::list;
use super::parts::{adds, block, choice, choices, conditions, field};
use super::shapes::{self, Look, look};
use crate::api::{Addition, Block, Choice, Field, FieldKind};
use crate::strategy::spec::shape::{Holds, Key, Shape};
use crate::strategy::yaml::{Content, Node, Text};
use std::ops::Range;

/// A key and what is written there.
pub(super) type Entry = (Text, Node);

/// Reads blocks from a file.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Document);

impl Reader<'_> {
    pub(super) fn entries(&self, path: &[&str]) -> &[Entry] {
        self.0.get(path).map_or(&[], entries)
    }

    pub(super) fn value(&self, path: &[&str]) -> String {
        self.0.get(path).map_or_else(String::new, said)
    }

    /// The blocks of all keys of a mapping.
    pub(super) fn members(&self, path: &str, shape: &'static Shape, entries: &[Entry]) -> Vec<Block> {
        let members = entries.iter();
        members
            .map(|(key, node)| self.member_or_text(path, shape, key, node))
            .collect()
    }

    /// The block of a key, as written if it has no form.
    pub(super) fn member_or_text(&self, path: &str, shape: &'static Shape, key: &Text, node: &Node) -> Block {
        self.member(path, shape, key, node)
            .unwrap_or_else(|| self.opaque(path, key, node))
    }

    /// The block of a key that has a form.
    fn member(&self, parent: &str, shape: &'static Shape, key: &Text, node: &Node) -> Option<Block> {
        // A path is cut at its dots.
        let known = shape
            .keys
            .iter()
            .find(|known| known.name == key.text && !key.text.contains('.'))?;
        let title = label(shape, known.name);
        let mut block = self.block(parent, &title, key, node);
        let path = block.path.clone();
        match look(&known.holds, node)? {
            Look::Field | Look::Texts => block.fields = vec![self.field(&path, shape, known, node)],
            Look::Rule => self.rule(&mut block, node),
            Look::Form(inner) => self.form(&mut block, inner, node),
            Look::List(inner) => self.list(&mut block, inner, node),
            Look::Names => self.names(&mut block, node),
        }
        if shapes::listed(&known.holds).is_some() {
            block.additions.push(adds(&path, "Step", "12%"));
        }
        Some(block)
    }

    /// What has no form, as written.
    pub(super) fn opaque(&self, parent: &str, key: &Text, node: &Node) -> Block {
        let mut block = self.block(parent, &key.text, key, node);
        block.removable = !key.text.contains('.');
        block.text = Some(self.0.slice(span(key, node)));
        block
    }

    pub(super) fn block(&self, parent: &str, title: &str, key: &Text, node: &Node) -> Block {
        let path = if parent.is_empty() {
            key.text.clone()
        } else {
            format!("{parent}.{}", key.text)
        };
        let mut block = block(&path, title, self.0.place(&span(key, node)));
        block.removable = true;
        block
    }

    /// Fills a block with the fields, the inner blocks and the additions of a mapping, and with what has no form as text.
    pub(super) fn form(&self, block: &mut Block, shape: &'static Shape, node: &Node) {
        let path = block.path.clone();
        let short = matches!(node.content, Content::Scalar(_));
        let entries = entries(node);
        let mut inner = Vec::new();
        let mut shown: Vec<&str> = Vec::new();
        for key in shape.keys {
            let name = key.name;
            let own = format!("{path}.{name}");
            let written = entries.iter().find(|(known, _)| known.text == name);
            // A value alone stands for the first key of its form, and a short form shows all that it could say.
            let alone = (short && shape.required.first() == Some(&name)).then_some(node);
            match written.map(|(_, node)| node).or(alone) {
                None if short || is_always_shown(shape, name) => {
                    block.fields.push(self.missing(&own, shape, key));
                }
                None => continue,
                Some(node) => match (look(&key.holds, node), written) {
                    (Some(Look::Field | Look::Texts), _) => {
                        block.fields.push(self.field(&own, shape, key, node));
                    }
                    (Some(_), Some((key, node))) => inner.extend(self.member(&path, shape, key, node)),
                    _ => continue,
                },
            }
            shown.push(name);
        }
        block.blocks.extend(inner);
        let unknown: Vec<String> = entries
            .iter()
            .filter(|(key, _)| !shown.contains(&key.text.as_str()))
            .map(|(key, node)| self.0.slice(span(key, node)))
            .collect();
        block.text = (!unknown.is_empty()).then(|| unknown.join("\n"));
        if !short {
            block
                .additions
                .extend(self.additions(&path, shape, entries, &shown));
        }
    }

    /// What can be added to a mapping.
    pub(super) fn additions(
        &self,
        path: &str,
        shape: &'static Shape,
        entries: &[Entry],
        shown: &[&str],
    ) -> Vec<Addition> {
        let has = |key: &str| entries.iter().any(|(known, _)| known.text == key);
        let word = shape.keys.first().and_then(|key| {
            let entry = entries.iter().find(|(known, _)| known.text == key.name);
            entry.map(|(_, node)| said(node))
        });
        let word = word.unwrap_or_else(|| "market".to_owned());
        let keys = shape.keys.iter().filter(|key| {
            // What closes a part of the entries names them.
            let is_nameless = key.name == "of" && !list::has_names(self.0);
            !is_nameless
                && !has(key.name)
                && !shown.contains(&key.name)
                && is_offered(shape, key.name, &has, &word)
        });
        keys.map(|key| {
            let path = if path.is_empty() {
                key.name.to_owned()
            } else {
                format!("{path}.{}", key.name)
            };
            let label = match key.holds {
                Holds::Condition => plain(key.name),
                _ => label(shape, key.name),
            };
            adds(&path, &label, &begins(shape, key))
        })
        .collect()
    }

    /// Fills a block with the items of a list.
    pub(super) fn list(&self, block: &mut Block, shape: &'static Shape, node: &Node) {
        let Content::Sequence(items) = &node.content else {
            return;
        };
        let path = block.path.clone();
        block.blocks = self.items(&path, shape, items, "Step");
    }

    pub(super) fn items(&self, path: &str, shape: &'static Shape, items: &[Node], title: &str) -> Vec<Block> {
        let item = |(index, item): (usize, &Node)| {
            let mut block = block(&format!("{path}.{index}"), title, self.0.place(&item.extent));
            block.removable = true;
            block.order = Some((index, items.len()));
            self.form(&mut block, shape, item);
            block
        };
        items.iter().enumerate().map(item).collect()
    }

    /// Fills a block with symbols and a weight each.
    fn names(&self, block: &mut Block, node: &Node) {
        let entries = entries(node);
        let path = block.path.clone();
        let is_row =
            |(key, node): &Entry| matches!(node.content, Content::Scalar(_)) && !key.text.contains('.');
        for (index, (name, node)) in entries.iter().enumerate() {
            let mut row = self.opaque(&path, name, node);
            if is_row(&entries[index]) {
                let own = row.path.clone();
                row.title = String::new();
                row.text = None;
                row.order = Some((index, entries.len()));
                row.fields = vec![
                    field(&own, "Symbol", name.text.clone(), FieldKind::Name, ""),
                    field(
                        &format!("{own}.value"),
                        "Share",
                        said(node),
                        FieldKind::Expression,
                        "",
                    ),
                ];
            }
            block.blocks.push(row);
        }
        let symbols = self.0.get(&["symbols"]).map_or_else(Vec::new, texts);
        let free = symbols
            .iter()
            .filter(|symbol| !symbol.contains('.') && !entries.iter().any(|(key, _)| key.text == **symbol));
        block.additions = free.map(|symbol| adds(&path, symbol, symbol)).collect();
    }

    /// The field of a key that holds one value.
    pub(super) fn field(&self, path: &str, shape: &Shape, key: &'static Key, node: &Node) -> Field {
        let value = match look(&key.holds, node) {
            Some(Look::Texts) => texts(node).join(", "),
            _ => said(node),
        };
        field(
            path,
            &label(shape, key.name),
            value.clone(),
            kind(key, &value),
            key.about,
        )
    }

    /// The field of a key that is not there.
    pub(super) fn missing(&self, path: &str, shape: &Shape, key: &'static Key) -> Field {
        let default = if (shape.name, key.name) == ("order", "type") {
            "market"
        } else {
            ""
        };
        let kind = kind(key, default);
        field(path, &label(shape, key.name), default.to_owned(), kind, key.about)
    }

    /// Fills a block with the conditions of a rule.
    fn rule(&self, block: &mut Block, node: &Node) {
        let path = block.path.clone();
        let text = match &node.content {
            Content::Scalar(text) if !text.is_null() => text,
            _ => {
                block.additions = conditions(&path);
                return;
            }
        };
        let Ok(rule) = Rule::read(&text.text) else {
            let value = text.text.trim().to_owned();
            block.fields = vec![field(&path, "Condition", value, FieldKind::Expression, "")];
            return;
        };
        if let Some(join) = rule.join {
            let words = [("and", "all of these hold"), ("or", "any of these holds")];
            let kind = FieldKind::Choice(choices(&words));
            let path = format!("{path}.join");
            block.fields = vec![field(&path, "When", join.word().to_owned(), kind, "")];
        }
        let count = rule.conditions.len();
        let conditions_of = rule.conditions.iter().enumerate();
        block.blocks = conditions_of
            .map(|(index, condition)| {
                let path = format!("{path}.{index}");
                let mut block = self.condition(&path, &rule, condition, text);
                block.order = Some((index, count));
                block
            })
            .collect();
        block.additions = conditions(&path);
    }

    fn condition(&self, path: &str, rule: &Rule, condition: &Condition, text: &Text) -> Block {
        let written = text
            .written(condition.span.clone())
            .unwrap_or_else(|| text.extent.clone());
        let mut block = block(path, "", self.0.place(&written));
        block.removable = true;
        let expression = |part: &str, label: &str, range: &Range<usize>| {
            let kind = FieldKind::Expression;
            field(&format!("{path}.{part}"), label, rule.slice(range), kind, "")
        };
        block.fields = match &condition.shape {
            Written::Comparison {
                left,
                operator,
                right,
                ..
            } => vec![
                expression("left", "Left side", left),
                field(
                    &format!("{path}.operator"),
                    "Comparison",
                    (*operator).to_owned(),
                    FieldKind::Choice(choices(&OPERATORS)),
                    "",
                ),
                expression("right", "Right side", right),
            ],
            Written::Text => vec![expression("text", "Condition", &condition.span)],
        };
        block
    }
}

/// How a key's value is entered.
fn kind(key: &Key, value: &str) -> FieldKind {
    let words = shapes::words(&key.holds);
    if !words.is_empty() {
        let mut kind = choice(&words, value, "");
        if let FieldKind::Choice(choices) = &mut kind {
            choices.iter_mut().for_each(call);
        }
        return kind;
    }
    match key.holds {
        Holds::Text => FieldKind::Text,
        Holds::Number => FieldKind::Number,
        _ if shapes::is_texts(&key.holds) => FieldKind::Text,
        _ => FieldKind::Expression,
    }
}

/// Calls a word what people call it.
fn call(choice: &mut Choice) {
    if let Some((_, name)) = forms::WORDS.iter().find(|(word, _)| *word == choice.value) {
        choice.label = (*name).to_owned();
    }
}

/// What a value says.
fn said(node: &Node) -> String {
    match &node.content {
        Content::Scalar(text) if !text.is_null() => text.text.trim().to_owned(),
        _ => String::new(),
    }
}

/// The texts of a list, or the one that stands for it.
pub(super) fn texts(node: &Node) -> Vec<String> {
    let texts = match &node.content {
        Content::Sequence(items) => items.iter().map(said).collect(),
        _ => vec![said(node)],
    };
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}

fn entries(node: &Node) -> &[Entry] {
    match &node.content {
        Content::Mapping(entries) => entries,
        _ => &[],
    }
}

/// Characters of an entry.
fn span(key: &Text, node: &Node) -> Range<usize> {
    key.extent.start..node.extent.end.max(key.extent.end)
}
