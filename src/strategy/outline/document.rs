//! The text of a file with its tree, and changes of the text that change one part of the tree and nothing else.
//!
//! YAML has many ways to write the same, and a person has chosen one. So a change is first tried in the least intrusive
//! way, inside the characters that hold the value; the new text is read again, and only if it says exactly what was
//! meant is it taken. Otherwise the next way is tried (the value in quotes), and if none does, the change is refused
//! and the text stays as it is.

use super::Refusal;
use super::shapes::{shape, spot};
use super::value::{Fragment, Quotes, Value};
use crate::api::Place;
use crate::strategy::problem::Problem;
use crate::strategy::yaml::{self, Content, Node, Text};
use saphyr_parser::ScalarStyle;
use std::ops::Range;

/// A part of a value's text and what is to stand there.
pub(super) type Splice = (Range<usize>, String);

/// A file that is YAML.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) characters: Vec<char>,
    /// Where each line begins.
    lines: Vec<usize>,
    pub(super) root: Node,
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        Ok(Self::new(text.chars().collect(), yaml::parse(text)?))
    }

    fn new(characters: Vec<char>, root: Node) -> Self {
        let breaks = characters.iter().enumerate().filter(|(_, it)| **it == '\n');
        Self {
            lines: std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect(),
            characters,
            root,
        }
    }

    /// A span in lines and columns.
    pub(super) fn place(&self, range: &Range<usize>) -> Place {
        let line = |at: usize| self.lines.partition_point(|start| *start <= at).max(1);
        let column = |at: usize| at - self.lines[line(at) - 1] + 1;
        Place {
            line: line(range.start) as u32,
            column: column(range.start) as u32,
            end_line: line(range.end) as u32,
            end_column: column(range.end) as u32,
        }
    }

    pub(super) fn text(&self) -> String {
        self.characters.iter().collect()
    }

    /// The characters of a span.
    pub(super) fn slice(&self, range: Range<usize>) -> String {
        self.characters.get(range).unwrap_or_default().iter().collect()
    }

    /// The node at a path of keys.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, key| match &node.content {
            Content::Sequence(items) => items.get(key.parse::<usize>().ok()?),
            _ => child(node, key).map(|(_, _, node)| node),
        })
    }

    /// The scalar at a path of keys, unless it is empty.
    pub(super) fn scalar(&self, path: &[&str]) -> Option<&Text> {
        match &self.get(path)?.content {
            Content::Scalar(text) if !text.is_null() => Some(text),
            _ => None,
        }
    }

    pub(super) fn entry(&self, path: &[&str]) -> Option<(&Node, usize, &Text, &Node)> {
        let (last, parents) = path.split_last()?;
        let parent = self.get(parents)?;
        let (index, key, node) = child(parent, last)?;
        Some((parent, index, key, node))
    }

    /// The first of some texts that says what is meant.
    pub(super) fn take(
        &self,
        texts: impl Iterator<Item = Option<String>>,
        meant: &Value,
    ) -> Result<Self, Refusal> {
        for text in texts.flatten() {
            if let Ok(document) = Self::parse(&text)
                && Value::of(&document.root) == *meant
            {
                return Ok(document);
            }
        }
        Err(Refusal::text_only())
    }

    /// The text with a span replaced.
    pub(super) fn with(&self, range: Range<usize>, text: &str) -> Option<String> {
        let before = self.characters.get(..range.start)?;
        let after = self.characters.get(range.end..)?;
        Some(
            before
                .iter()
                .copied()
                .chain(text.chars())
                .chain(after.iter().copied())
                .collect(),
        )
    }

    /// Sets the scalar at `path` to `value`; `splices` are the parts of its text that differ, in order, if the rest
    /// may stay as it is written.
    pub(super) fn set(&self, path: &[&str], value: &str, splices: &[Splice]) -> Result<Self, Refusal> {
        let node = self.get(path).ok_or_else(Refusal::text_only)?;
        let Content::Scalar(text) = &node.content else {
            return Err(Refusal::text_only());
        };
        let mut meant = Value::of(&self.root);
        *meant.at(path).ok_or_else(Refusal::text_only)? = Value::Scalar(value.trim().to_owned());
        let whole = |written: String| {
            if text.extent.is_empty() {
                let (_, _, key, _) = self.entry(path)?;
                let colon = self
                    .characters
                    .iter()
                    .skip(key.extent.end)
                    .position(|it| *it == ':')?;
                let after = key.extent.end + colon + 1;
                self.with(after..after, &format!(" {written}"))
            } else {
                self.with(text.extent.clone(), &written)
            }
        };
        let first = match text.style {
            ScalarStyle::SingleQuoted => Quotes::Single,
            ScalarStyle::DoubleQuoted => Quotes::Double,
            _ => Quotes::None,
        };
        let in_place = (!splices.is_empty())
            .then(|| self.spliced(text, splices))
            .flatten();
        let texts = [in_place, self.block_set(text, value), whole(first.around(value))]
            .into_iter()
            .chain(Quotes::ALL.into_iter().map(|quotes| whole(quotes.around(value))));
        self.take(texts, &meant)
    }

    /// Writes the value at `path` anew, whatever it is.
    pub(super) fn replace(&self, path: &[&str], fragment: &Fragment) -> Result<Self, Refusal> {
        let node = self.get(path).ok_or_else(Refusal::text_only)?;
        let mut meant = Value::of(&self.root);
        *meant.at(path).ok_or_else(Refusal::text_only)? = fragment.value();
        let texts = Quotes::ALL.into_iter().map(|quotes| {
            let blank = if node.extent.is_empty() { " " } else { "" };
            let colon = usize::from(node.extent.is_empty());
            let range = node.extent.start + colon..node.extent.end + colon;
            self.with(range, &format!("{blank}{}", fragment.flow(quotes)))
        });
        self.take(texts, &meant)
    }

    /// The text with parts of a scalar's value replaced where they are written.
    fn spliced(&self, text: &Text, splices: &[Splice]) -> Option<String> {
        let mut characters = self.characters.clone();
        for (range, replacement) in splices.iter().rev() {
            characters.splice(text.written(range.clone())?, replacement.chars());
        }
        Some(characters.into_iter().collect())
    }

    /// The text with a block scalar's content replaced by one line, if it is a block.
    fn block_set(&self, text: &Text, value: &str) -> Option<String> {
        if !matches!(text.style, ScalarStyle::Folded | ScalarStyle::Literal) || value.contains('\n') {
            return None;
        }
        let content = text.written(0..text.text.trim_end().chars().count())?;
        self.with(content, value.trim())
    }

    /// Puts a new key into the mapping at `parent`, before its entry number `index`; makes the mapping, and those
    /// around it, if they are missing.
    pub(super) fn insert(
        &self,
        parent: &[&str],
        index: usize,
        key: &str,
        fragment: Fragment,
    ) -> Result<Self, Refusal> {
        let Some(node) = self.get(parent) else {
            let (last, outer) = parent.split_last().ok_or_else(Refusal::text_only)?;
            let index = self.place_of(outer, last);
            return self.insert(
                outer,
                index,
                last,
                Fragment::Mapping(vec![(key.to_owned(), fragment)]),
            );
        };
        let mut meant = Value::of(&self.root);
        let entries = meant
            .at(parent)
            .and_then(Value::entries)
            .ok_or_else(Refusal::text_only)?;
        if entries.iter().any(|(known, _)| known == key) {
            return Err(Refusal::new(format!("'{key}' is there already")));
        }
        entries.insert(index.min(entries.len()), (key.to_owned(), fragment.value()));
        let texts = Quotes::ALL
            .into_iter()
            .map(|quotes| self.inserted(parent, node, index, key, &fragment, quotes));
        self.take(texts, &meant)
    }

    fn inserted(
        &self,
        parent: &[&str],
        node: &Node,
        index: usize,
        key: &str,
        fragment: &Fragment,
        quotes: Quotes,
    ) -> Option<String> {
        let entries = match &node.content {
            Content::Mapping(entries) => entries.as_slice(),
            Content::Scalar(text) if text.is_null() => &[],
            _ => return None,
        };
        let newline = self.newline();
        if node.flow {
            let entry = format!("{key}: {}", fragment.flow(quotes));
            return match (
                index.checked_sub(1).and_then(|before| entries.get(before)),
                entries.first(),
            ) {
                (Some((key, before)), _) => {
                    let end = before.extent.end.max(key.extent.end);
                    self.with(end..end, &format!(", {entry}"))
                }
                (None, Some((first, _))) => {
                    let start = first.extent.start;
                    self.with(start..start, &format!("{entry}, "))
                }
                (None, None) => self.with(node.extent.start + 1..node.extent.start + 1, &entry),
            };
        }
        let step = self.step();
        let line = |indent: usize| {
            let value = fragment.block(quotes, indent, step, newline);
            format!("{}{key}:{value}", " ".repeat(indent))
        };
        match (
            index.checked_sub(1).and_then(|before| entries.get(before)),
            entries.first(),
        ) {
            (Some((known, before)), _) => {
                let line = line(self.column(known.extent.start));
                self.insert_line(before.extent.end.max(known.extent.end), &line)
            }
            (None, Some((first, _))) => {
                let column = self.column(first.extent.start);
                let line = format!("{}{newline}", line(column));
                // In front of what is said of the first key; behind the dash of a list's item.
                match self.chunk(node, &self.members(node)?.first()?.clone()) {
                    Some(chunk) => self.with(chunk.start..chunk.start, &line),
                    None => {
                        let line = format!("{}{}", line.trim_start(), " ".repeat(column));
                        self.with(first.extent.start..first.extent.start, &line)
                    }
                }
            }
            (None, None) => match self.entry(parent) {
                Some((_, _, own, empty)) => {
                    // `~` and its like would stand in the way.
                    let cleared = self.with(empty.extent.clone(), "")?;
                    let cleared = Self::new(cleared.chars().collect(), self.root.clone());
                    let line = line(self.column(own.extent.start) + step);
                    cleared.insert_line(own.extent.end, &line)
                }
                // A file without anything but comments, perhaps.
                None => self.insert_line(self.characters.len(), &line(0)),
            },
        }
    }

    /// The text with a line after the one that holds the character before `end`.
    pub(super) fn insert_line(&self, end: usize, line: &str) -> Option<String> {
        let newline = self.newline();
        let after = self.line_end(end);
        if after > 0 && self.characters.get(after - 1) == Some(&'\n') || after == 0 {
            self.with(after..after, &format!("{line}{newline}"))
        } else {
            self.with(after..after, &format!("{newline}{line}"))
        }
    }

    /// Where a key belongs in a mapping: before those that come after it in the language's own order, else last.
    pub(super) fn place_of(&self, parent: &[&str], key: &str) -> usize {
        let Some(Content::Mapping(entries)) = self.get(parent).map(|node| &node.content) else {
            return 0;
        };
        let shape = spot(parent).and_then(|spot| shape(spot.holds));
        let order = |key: &str| shape?.keys.iter().position(|known| known.name == key);
        let own = order(key);
        let later = |known: &Text| own.is_some_and(|own| order(&known.text).is_some_and(|other| other > own));
        entries
            .iter()
            .position(|(known, _)| later(known))
            .unwrap_or(entries.len())
    }

    /// Renames the key at `path`, and replaces parts of other values, which are paths with splices.
    pub(super) fn rename(
        &self,
        path: &[&str],
        name: &str,
        uses: &[(Vec<String>, Vec<Splice>)],
    ) -> Result<Self, Refusal> {
        let mut document = self.clone();
        for (used, splices) in uses {
            let path: Vec<&str> = used.iter().map(String::as_str).collect();
            let path = path.as_slice();
            let text = document.scalar(path).ok_or_else(Refusal::text_only)?.text.clone();
            document = document.set(path, &spliced(&text, splices), splices)?;
        }
        let (last, parents) = path.split_last().ok_or_else(Refusal::text_only)?;
        let (_, _, key, _) = document.entry(path).ok_or_else(Refusal::text_only)?;
        let mut meant = Value::of(&document.root);
        let entries = meant
            .at(parents)
            .and_then(Value::entries)
            .ok_or_else(Refusal::text_only)?;
        for (key, _) in entries.iter_mut().filter(|(key, _)| key == last) {
            name.clone_into(key);
        }
        document.take(std::iter::once(document.with(key.extent.clone(), name)), &meant)
    }

    /// How the file ends its lines.
    pub(super) fn newline(&self) -> &'static str {
        let first = self.characters.iter().position(|it| *it == '\n');
        match first
            .and_then(|at| at.checked_sub(1))
            .map(|before| self.characters[before])
        {
            Some('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// By how much the file indents.
    pub(super) fn step(&self) -> usize {
        let Content::Mapping(entries) = &self.root.content else {
            return 2;
        };
        let inner = entries.iter().find_map(|(key, node)| match &node.content {
            Content::Mapping(inner) if !node.flow => {
                let first = inner.first()?.0.extent.start;
                self.column(first)
                    .checked_sub(self.column(key.extent.start))
                    .filter(|step| *step > 0)
            }
            _ => None,
        });
        inner.unwrap_or(2)
    }

    pub(super) fn line_start(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|start| *start <= at);
        self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// Past the end of the line, its break included.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let line = self.lines.partition_point(|start| *start <= at);
        self.lines.get(line).copied().unwrap_or(self.characters.len())
    }

    pub(super) fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    pub(super) fn is_blank(&self, range: Range<usize>) -> bool {
        self.characters[range].iter().all(|it| *it == ' ')
    }
}

/// A value's text with parts replaced.
pub(super) fn spliced(text: &str, splices: &[Splice]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (range, replacement) in splices.iter().rev() {
        characters.splice(range.clone(), replacement.chars());
    }
    characters.into_iter().collect()
}

fn child<'a>(node: &'a Node, key: &str) -> Option<(usize, &'a Text, &'a Node)> {
    let Content::Mapping(entries) = &node.content else {
        return None;
    };
    let index = entries.iter().position(|(known, _)| known.text == key)?;
    let (key, node) = &entries[index];
    Some((index, key, node))
}
