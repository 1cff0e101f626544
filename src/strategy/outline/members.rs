//! Keys of a mapping and items of a list as what a text is made of: taken out, moved, added.

use super::Refusal;
use super::document::Document;
use super::value::{Fragment, Quotes, Value};
use crate::strategy::yaml::{Content, Node};
use saphyr_parser::ScalarStyle;
use std::ops::Range;

impl Document {
    /// The number of keys or items at a path; none for what is neither, or missing.
    pub(super) fn count(&self, path: &[&str]) -> usize {
        match self.get(path).map(|node| &node.content) {
            Some(Content::Mapping(entries)) => entries.len(),
            Some(Content::Sequence(items)) => items.len(),
            _ => 0,
        }
    }

    /// Where the keys of a mapping stand with their values, or the items of a list with their dashes.
    pub(super) fn members(&self, node: &Node) -> Option<Vec<Range<usize>>> {
        match &node.content {
            Content::Mapping(entries) => {
                let entries = entries.iter();
                let spans = entries.map(|(key, node)| key.extent.start..node.extent.end.max(key.extent.end));
                Some(spans.collect())
            }
            Content::Sequence(items) if node.flow => {
                Some(items.iter().map(|item| item.extent.clone()).collect())
            }
            Content::Sequence(items) => items
                .iter()
                .map(|item| Some(self.dash(item.extent.start)?..item.extent.end))
                .collect(),
            Content::Scalar(_) => None,
        }
    }

    /// The dash of the item that begins at `at`: before it in its line, or alone in a line above.
    fn dash(&self, at: usize) -> Option<usize> {
        let mut end = at;
        loop {
            let start = self.line_start(end);
            let line = &self.characters[start..end];
            let first = line.iter().position(|it| !it.is_whitespace());
            let last = line.iter().rposition(|it| !it.is_whitespace());
            match (first.map(|first| line[first]), last) {
                (Some('#'), _) | (None, _) => {}
                (_, Some(last)) if line[last] == '-' => return Some(start + last),
                // A dash with a remark behind it.
                (Some('-'), _) if line[first? + 1..].iter().find(|it| !it.is_whitespace()) == Some(&'#') => {
                    return Some(start + first?);
                }
                _ => return None,
            }
            end = start.checked_sub(1)?;
        }
    }

    /// A member by its path: what it belongs to, and which one it is of that.
    fn member<'a>(&'a self, path: &[&str]) -> Option<(&'a Node, usize)> {
        let (last, parents) = path.split_last()?;
        let parent = self.get(parents)?;
        let index = match &parent.content {
            Content::Mapping(entries) => entries.iter().position(|(key, _)| key.text == *last)?,
            Content::Sequence(items) => last.parse().ok().filter(|index| *index < items.len())?,
            Content::Scalar(_) => return None,
        };
        Some((parent, index))
    }

    /// Removes the key or the item at `path`, and what would be left with nothing inside.
    pub(super) fn remove(&self, path: &[&str]) -> Result<Self, Refusal> {
        let mut path = path;
        while let Some((_, parents)) = path.split_last()
            && !parents.is_empty()
            && self.count(parents) == 1
        {
            path = parents;
        }
        let (parent, index) = self.member(path).ok_or_else(Refusal::text_only)?;
        let mut meant = Value::of(&self.root);
        let parents = &path[..path.len() - 1];
        match meant.at(parents) {
            Some(Value::Mapping(entries)) => drop(entries.remove(index)),
            Some(Value::Sequence(items)) => drop(items.remove(index)),
            _ => return Err(Refusal::text_only()),
        }
        let removed = self
            .members(parent)
            .and_then(|members| self.removed(parent, &members, index));
        self.take(std::iter::once(removed), &meant)
    }

    fn removed(&self, parent: &Node, members: &[Range<usize>], index: usize) -> Option<String> {
        let own = members.get(index)?.clone();
        let next = members.get(index + 1);
        if parent.flow {
            let before = index.checked_sub(1).and_then(|before| members.get(before));
            let range = match (next, before) {
                (Some(next), _) => own.start..next.start,
                (None, Some(before)) => before.end..own.end,
                (None, None) => own,
            };
            return self.with(range, "");
        }
        let start = self.line_start(own.start);
        if !self.is_blank(start..own.start) {
            // The first key of a list's item stands behind the dash, and the next one takes its place.
            let range = own.start..next?.start;
            let has_remark = self.characters[own.end..next?.start].contains(&'#');
            return (!has_remark).then(|| self.with(range, ""))?;
        }
        let mut kept = String::new();
        // Comments of their own lines are somebody's thoughts and stay.
        let mut at = start;
        let last = self.line_end(own.end);
        while at < last {
            let next = self.line_end(at);
            let line = self.slice(at..next);
            if line.trim_start().starts_with('#') && !contains_block_text(&self.root, at) {
                kept.push_str(&line);
            }
            at = next;
        }
        self.with(start..last, &kept)
    }

    /// Moves the key or the item at `path` so that it is number `to` among its neighbours.
    pub(super) fn shift(&self, path: &[&str], to: usize) -> Result<Self, Refusal> {
        let (_, from) = self.member(path).ok_or_else(Refusal::text_only)?;
        let parents = &path[..path.len() - 1];
        let to = to.min(self.count(parents).saturating_sub(1));
        let mut meant = Value::of(&self.root);
        match meant.at(parents) {
            Some(Value::Mapping(entries)) => {
                let entry = entries.remove(from);
                entries.insert(to, entry);
            }
            Some(Value::Sequence(items)) => {
                let item = items.remove(from);
                items.insert(to, item);
            }
            _ => return Err(Refusal::text_only()),
        }
        let mut document = self.clone();
        for at in if from < to { from..to } else { to..from } {
            // Towards `to`, one neighbour after the other.
            let first = if from < to { at } else { from - 1 - (at - to) };
            let text = document.swapped(parents, first).ok_or_else(Refusal::text_only)?;
            document = Self::parse(&text).map_err(|_| Refusal::text_only())?;
        }
        if Value::of(&document.root) == meant {
            Ok(document)
        } else {
            Err(Refusal::text_only())
        }
    }

    /// The text with the members number `first` and the one after it in each other's place.
    fn swapped(&self, parent: &[&str], first: usize) -> Option<String> {
        let node = self.get(parent)?;
        let members = self.members(node)?;
        let (a, b) = (
            self.chunk(node, members.get(first)?)?,
            self.chunk(node, members.get(first + 1)?)?,
        );
        if a.end > b.start {
            return None;
        }
        let (mut one, mut two) = (self.slice(a.clone()), self.slice(b.clone()));
        let between = self.slice(a.end..b.start);
        // The file's last line may lack its end.
        if !node.flow && !two.ends_with('\n') {
            two.push_str(self.newline());
            one = one.trim_end_matches(['\r', '\n']).to_owned();
        }
        self.with(a.start..b.end, &format!("{two}{between}{one}"))
    }

    /// What moves with a member: in a block its lines and the comments right above them.
    pub(super) fn chunk(&self, parent: &Node, member: &Range<usize>) -> Option<Range<usize>> {
        if parent.flow {
            return Some(member.clone());
        }
        let mut start = self.line_start(member.start);
        if !self.is_blank(start..member.start) {
            return None;
        }
        let indent = self.column(member.start);
        while start > 0 {
            let above = self.line_start(start - 1);
            let line = self.slice(above..start);
            let comment = line.trim_start();
            if !comment.starts_with('#') || line.chars().count() - comment.chars().count() != indent {
                break;
            }
            start = above;
        }
        Some(start..self.line_end(member.end))
    }

    /// Puts an item at the end of the list at `path`.
    pub(super) fn push(&self, path: &[&str], fragment: &Fragment) -> Result<Self, Refusal> {
        let node = self.get(path).ok_or_else(Refusal::text_only)?;
        let members = self.members(node).ok_or_else(Refusal::text_only)?;
        let mut meant = Value::of(&self.root);
        match meant.at(path) {
            Some(Value::Sequence(items)) => items.push(fragment.value()),
            _ => return Err(Refusal::text_only()),
        }
        let pushed = |quotes| match (members.last(), node.flow) {
            (Some(last), true) => self.with(last.end..last.end, &format!(", {}", fragment.flow(quotes))),
            (None, _) => {
                let inside = node.extent.start + 1;
                self.with(inside..inside, &fragment.flow(quotes))
            }
            (Some(last), false) => {
                let indent = self.column(last.start);
                let item = fragment.item(quotes, indent, self.step(), self.newline());
                self.insert_line(last.end, &format!("{}{item}", " ".repeat(indent)))
            }
        };
        self.take(Quotes::ALL.into_iter().map(pushed), &meant)
    }

    /// Makes the mapping at `path` the first item of a list.
    pub(super) fn listed(&self, path: &[&str]) -> Result<Self, Refusal> {
        let node = self.get(path).ok_or_else(Refusal::text_only)?;
        let mut meant = Value::of(&self.root);
        let value = meant.at(path).ok_or_else(Refusal::text_only)?;
        *value = Value::Sequence(vec![value.clone()]);
        let text = if node.flow {
            self.with(
                node.extent.clone(),
                &format!("[{}]", self.slice(node.extent.clone())),
            )
        } else {
            self.indented(node)
        };
        self.take(std::iter::once(text), &meant)
    }

    /// The text with a dash before the first key of a block and all lines of it further in by as much.
    fn indented(&self, node: &Node) -> Option<String> {
        let first = self.members(node)?.first()?.start;
        let start = self.line_start(first);
        if !self.is_blank(start..first) {
            return None;
        }
        let end = self.line_end(node.extent.end);
        let mut text = self.slice(0..first);
        text.push_str("- ");
        for (index, line) in self.slice(first..end).split_inclusive('\n').enumerate() {
            if index > 0 && !line.trim().is_empty() {
                text.push_str("  ");
            }
            text.push_str(line);
        }
        text.push_str(&self.slice(end..self.characters.len()));
        Some(text)
    }
}

/// Whether a character is inside a scalar of several lines, where `#` begins no comment.
fn contains_block_text(node: &Node, at: usize) -> bool {
    match &node.content {
        Content::Scalar(text) => text.extent.contains(&at) && text.style != ScalarStyle::Plain,
        Content::Sequence(items) => items.iter().any(|item| contains_block_text(item, at)),
        Content::Mapping(entries) => entries.iter().any(|(_, node)| contains_block_text(node, at)),
    }
}
