//! YAML as a small tree in which every character knows its place in the file.
//!
//! Built on the event parser, because strategy files come from strangers: size, depth and number of nodes are
//! bounded before anything recursive touches them, and aliases (whose expansion can grow without bound) are refused.

use super::problem::{Position, Problem};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::ops::Range;

/// Largest file, in bytes.
pub(crate) const MAXIMUM_BYTES: usize = 256 * 1024;
/// Deepest nesting of mappings and lists.
const MAXIMUM_DEPTH: usize = 16;
/// Most mappings, lists and values together.
const MAXIMUM_NODES: usize = 20_000;

/// A value and where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) position: Position,
    /// Its characters in the file, from the first up to the last that is not a blank; of a block collection, those of
    /// its parts.
    pub(crate) extent: Range<usize>,
    /// Whether it is written as `{…}` or `[…]`.
    pub(crate) flow: bool,
    pub(crate) content: Content,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Scalar(Text),
    Sequence(Vec<Node>),
    Mapping(Vec<(Text, Node)>),
}

impl Node {
    /// A node that is written nowhere; its problems are told at `position`.
    pub(crate) const fn made(position: Position, content: Content) -> Self {
        Self {
            position,
            extent: 0..0,
            flow: false,
            content,
        }
    }

    /// Whether it is the word `none`, by which a rule does without what the file says for all.
    pub(crate) fn is_none_word(&self) -> bool {
        matches!(&self.content, Content::Scalar(text) if text.text.trim() == "none")
    }
}

/// A scalar as written, not yet taken for a number or a word.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// How it is written. `null` and `~` mean nothing only when plain.
    pub(crate) style: ScalarStyle,
    /// Its characters in the file, quotes and the sign of a block included.
    pub(crate) extent: Range<usize>,
    /// Unquoted and ended by a comma, as happens inside `{…}`.
    cut_by_comma: bool,
    /// The place of every character, and of the end.
    marks: Vec<Mark>,
}

/// Where a character stands: its number in the file, and line and column.
#[derive(Clone, Copy, Debug)]
struct Mark {
    index: usize,
    position: Position,
}

impl Text {
    /// The place of the character at `offset` (counted in characters); past the end, of the end.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let mark = self.marks.get(offset).or_else(|| self.marks.last());
        mark.map_or(Position::START, |mark| mark.position)
    }

    /// The characters of the file that the value's characters in `range` are written with. Escapes and folded lines
    /// inside belong to it.
    pub(crate) fn written(&self, range: Range<usize>) -> Option<Range<usize>> {
        let start = self.marks.get(range.start)?.index;
        match range.end.checked_sub(1).filter(|last| *last >= range.start) {
            Some(last) => Some(start..self.marks.get(last)?.index + 1),
            None => Some(start..start),
        }
    }

    /// Whether nothing is written there.
    pub(crate) fn is_null(&self) -> bool {
        self.text.is_empty()
            || (self.style == ScalarStyle::Plain
                && matches!(self.text.as_str(), "~" | "null" | "Null" | "NULL"))
    }

    /// Whether a comma may have cut the text off where none was meant to.
    pub(crate) const fn is_cut_by_comma(&self) -> bool {
        self.cut_by_comma
    }

    /// Moves the whole text to one place.
    pub(crate) fn stand_at(&mut self, position: Position) {
        self.marks = vec![Mark { index: 0, position }];
    }

    /// A text that stands alone, as on the command line: line 1 from column 1.
    pub(crate) fn standalone(text: &str) -> Self {
        let columns = 1..=text.chars().count() as u32 + 1;
        let mark = |column| Mark {
            index: column as usize - 1,
            position: Position { line: 1, column },
        };
        Self {
            text: text.to_owned(),
            style: ScalarStyle::Plain,
            extent: 0..text.chars().count(),
            cut_by_comma: false,
            marks: columns.map(mark).collect(),
        }
    }
}

/// Reads the one document of a file.
pub(crate) fn parse(source: &str) -> Result<Node, Problem> {
    if source.len() > MAXIMUM_BYTES {
        let message = format!(
            "the file is too large: {} bytes of at most {MAXIMUM_BYTES}",
            source.len()
        );
        return Err(Position::START.problem("", message));
    }
    let characters: Vec<char> = source.chars().collect();
    let mut tree = Tree {
        characters: &characters,
        open: Vec::new(),
        root: None,
        nodes: 0,
    };
    for event in Parser::new_from_str(source) {
        let (event, span) = event.map_err(|error| {
            let at = Position {
                line: error.marker().line() as u32,
                column: error.marker().col() as u32 + 1,
            };
            let at = at.within(source);
            // What `condition ? a : b` runs into.
            let hint = match error.info().contains("mapping values are not allowed") {
                true => "; quote an expression that holds ': '",
                false => "",
            };
            at.problem("", format!("this is not YAML: {}{hint}", error.info()))
        })?;
        tree.take(event, span)?;
    }
    tree.root.ok_or_else(|| {
        Position::START.problem(
            "",
            "the file is empty: a strategy needs at least a name and an entry",
        )
    })
}

/// A collection whose end has not come yet.
enum Open {
    Sequence(Span, Vec<Node>),
    Mapping(Span, Vec<(Text, Node)>, Option<Text>),
}

struct Tree<'a> {
    characters: &'a [char],
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Tree<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let position = position_of(span);
        match event {
            Event::Scalar(text, style, _, tag) => {
                self.refuse_tag(tag.is_some(), position)?;
                let (marks, next) = marks(self.characters, span, style, &text);
                let text = Text {
                    extent: scalar_extent(self.characters, span, style, &text, &marks),
                    text: text.into_owned(),
                    style,
                    cut_by_comma: style == ScalarStyle::Plain && next == Some(','),
                    marks,
                };
                self.scalar(position, text)
            }
            Event::SequenceStart(_, tag) => {
                self.refuse_tag(tag.is_some(), position)?;
                self.enter(Open::Sequence(span, Vec::new()), position)
            }
            Event::MappingStart(_, tag) => {
                self.refuse_tag(tag.is_some(), position)?;
                self.enter(Open::Mapping(span, Vec::new(), None), position)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::Sequence(begin, items)) => {
                    let last = items.last().map(|item| item.extent.end);
                    self.close_collection(begin, span, last, Content::Sequence(items))
                }
                Some(Open::Mapping(begin, entries, _)) => {
                    let last = entries
                        .last()
                        .map(|(key, node)| node.extent.end.max(key.extent.end));
                    self.close_collection(begin, span, last, Content::Mapping(entries))
                }
                None => Ok(()),
            },
            Event::Alias(_) => {
                Err(position.problem("", "YAML aliases are not supported: write the value out"))
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(position.problem("", "a file holds one strategy: this begins a second document"))
            }
            Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::StreamStart
            | Event::StreamEnd
            | Event::Nothing => Ok(()),
        }
    }

    fn refuse_tag(&self, tagged: bool, position: Position) -> Result<(), Problem> {
        if tagged {
            return Err(position.problem("", "YAML tags are not supported: leave the '!' out"));
        }
        Ok(())
    }

    fn count(&mut self, position: Position) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MAXIMUM_NODES {
            return Err(position.problem("", format!("the file has more than {MAXIMUM_NODES} values")));
        }
        Ok(())
    }

    fn enter(&mut self, open: Open, position: Position) -> Result<(), Problem> {
        self.count(position)?;
        if let Some(Open::Mapping(_, _, None)) = self.open.last() {
            return Err(position.problem("", "a key must be a plain word"));
        }
        if self.open.len() >= MAXIMUM_DEPTH {
            return Err(position.problem("", format!("nested deeper than {MAXIMUM_DEPTH} levels")));
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(&mut self, position: Position, text: Text) -> Result<(), Problem> {
        self.count(position)?;
        if let Some(Open::Mapping(_, entries, key @ None)) = self.open.last_mut() {
            if entries.iter().any(|(known, _)| known.text == text.text) {
                return Err(position.problem("", format!("'{}' is given twice", text.text)));
            }
            *key = Some(text);
            return Ok(());
        }
        self.close(Node {
            position,
            extent: text.extent.clone(),
            flow: false,
            content: Content::Scalar(text),
        })
    }

    /// Ends a list or mapping whose last part ends at `last`.
    fn close_collection(
        &mut self,
        begin: Span,
        end: Span,
        last: Option<usize>,
        content: Content,
    ) -> Result<(), Problem> {
        let start = begin.start.index();
        let flow = matches!(self.characters.get(start), Some('{' | '[')) && !begin.is_empty();
        let end = match flow {
            true => self
                .bracket_after(last.unwrap_or(start).max(start + 1))
                .unwrap_or(end.end.index()),
            false => last.unwrap_or(start),
        };
        self.close(Node {
            position: position_of(begin),
            extent: start..end,
            flow,
            content,
        })
    }

    /// Past the bracket that closes a flow collection whose last part ends at `at`. The parser's own end may lie behind a
    /// remark that follows.
    fn bracket_after(&self, at: usize) -> Option<usize> {
        let mut remark = false;
        for (index, character) in self.characters.iter().enumerate().skip(at) {
            match character {
                '\n' => remark = false,
                '#' => remark = true,
                ']' | '}' if !remark => return Some(index + 1),
                _ => {}
            }
        }
        None
    }

    fn close(&mut self, mut node: Node) -> Result<(), Problem> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence(_, items)) => items.push(node),
            Some(Open::Mapping(_, entries, key)) => {
                if let Some(key) = key.take() {
                    // What is not written has no place of its own.
                    if matches!(&node.content, Content::Scalar(text) if text.extent.is_empty()) {
                        node.extent = key.extent.end..key.extent.end;
                    }
                    entries.push((key, node));
                }
            }
        }
        Ok(())
    }
}

fn position_of(span: Span) -> Position {
    Position {
        line: span.start.line() as u32,
        column: span.start.col() as u32 + 1,
    }
}

/// Finds every character of a scalar's value in the file again. Quotes, escapes, line folding and indentation make
/// the two differ, but they keep the order, so it is enough to walk both and skip what the value left out. Gives the
/// place of each character and of the end, and the character that stands there.
fn marks(source: &[char], span: Span, style: ScalarStyle, text: &str) -> (Vec<Mark>, Option<char>) {
    let mut cursor = Cursor {
        source,
        index: span.start.index(),
        position: position_of(span),
    };
    if is_block(style) {
        cursor = cursor.at_header();
    }
    match style {
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => cursor.step(),
        ScalarStyle::Literal | ScalarStyle::Folded => cursor.skip_line(),
        ScalarStyle::Plain => {}
    }
    let mut marks = Vec::with_capacity(text.len() + 1);
    for character in text.chars() {
        if !character.is_whitespace() {
            while cursor.peek().is_some_and(|found| {
                found != character && (found.is_whitespace() || found == '\\' || found == '\'')
            }) {
                cursor.step();
            }
        }
        marks.push(cursor.mark());
        let same_kind =
            |found: char| found == character || (found.is_whitespace() && character.is_whitespace());
        if cursor.peek().is_some_and(same_kind) {
            cursor.step();
        }
    }
    marks.push(cursor.mark());
    (marks, cursor.peek())
}

/// The characters of a scalar as written. A block ends with its last character that is not a blank.
fn scalar_extent(
    source: &[char],
    span: Span,
    style: ScalarStyle,
    text: &str,
    marks: &[Mark],
) -> Range<usize> {
    let mut start = span.start.index();
    if is_block(style) {
        let cursor = Cursor {
            source,
            index: start,
            position: position_of(span),
        };
        start = cursor.at_header().index;
    }
    let after_last = || {
        let written = text
            .chars()
            .zip(marks)
            .filter(|(character, _)| !character.is_whitespace());
        written.last().map_or(start, |(_, mark)| mark.index + 1)
    };
    let end = match style {
        ScalarStyle::SingleQuoted => closing_quote(source, start, '\''),
        ScalarStyle::DoubleQuoted => closing_quote(source, start, '\\'),
        ScalarStyle::Plain => after_last(),
        ScalarStyle::Literal | ScalarStyle::Folded => after_last().max(start + 1),
    };
    start..end
}

/// Past the quote that ends what the quote at `start` begins; the character after an `escape` ends nothing.
fn closing_quote(source: &[char], start: usize, escape: char) -> usize {
    let mut at = start + 1;
    while let Some(found) = source.get(at) {
        let next = source.get(at + 1);
        if *found == escape && (escape != '\'' || next == Some(&'\'')) {
            at += 2;
        } else if Some(found) == source.get(start) {
            return at + 1;
        } else {
            at += 1;
        }
    }
    source.len()
}

const fn is_block(style: ScalarStyle) -> bool {
    matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
}

/// Whether a line's end announces a block: `|` or `>`, how it is to be read, perhaps a comment.
fn is_header(rest: &[char]) -> bool {
    let [sign, rest @ ..] = rest else { return false };
    let words = rest
        .iter()
        .position(|it| !matches!(it, '+' | '-' | '0'..='9'))
        .map_or(&[][..], |at| &rest[at..]);
    let comment = words.iter().find(|it| !it.is_whitespace());
    matches!(sign, '|' | '>') && (comment.is_none() || (words[0].is_whitespace() && comment == Some(&'#')))
}

struct Cursor<'a> {
    source: &'a [char],
    index: usize,
    position: Position,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.source.get(self.index).copied()
    }

    const fn mark(&self) -> Mark {
        Mark {
            index: self.index,
            position: self.position,
        }
    }

    fn step(&mut self) {
        if self.peek() == Some('\n') {
            self.position.line += 1;
            self.position.column = 1;
        } else {
            self.position.column += 1;
        }
        self.index += 1;
    }

    /// From the content of a block to the `|` or `>` that announces it: the parser says where the content begins, and
    /// the sign stands in the last line above it that is not blank.
    fn at_header(&self) -> Self {
        let before = &self.source[..self.index.min(self.source.len())];
        let mut end = before.iter().rposition(|it| *it == '\n').unwrap_or(0);
        let mut line = self.position.line.saturating_sub(1);
        loop {
            let start = before[..end]
                .iter()
                .rposition(|it| *it == '\n')
                .map_or(0, |at| at + 1);
            let words = &before[start..end];
            if start == 0 || !words.iter().all(|it| it.is_whitespace()) {
                let sign = (0..words.len()).find(|at| is_header(&words[*at..])).unwrap_or(0);
                return Self {
                    source: self.source,
                    index: start + sign,
                    position: Position {
                        line,
                        column: sign as u32 + 1,
                    },
                };
            }
            end = start - 1;
            line = line.saturating_sub(1);
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|found| found != '\n') {
            self.step();
        }
        self.step();
    }
}

/// Writes a tree as YAML that reads back as the same tree, places aside.
pub(crate) fn write(node: &Node, depth: usize, out: &mut String) {
    match &node.content {
        Content::Scalar(text) => write_scalar(text, out),
        Content::Sequence(nodes) if nodes.is_empty() => out.push_str("[]"),
        Content::Mapping(entries) if entries.is_empty() => out.push_str("{}"),
        Content::Sequence(nodes) => {
            for node in nodes {
                begin_line(depth, out);
                out.push_str("- ");
                write(node, depth + 1, out);
            }
        }
        Content::Mapping(entries) => {
            for (key, node) in entries {
                begin_line(depth, out);
                write_scalar(key, out);
                out.push_str(": ");
                write(node, depth + 1, out);
            }
        }
    }
    if depth == 0 {
        out.push('\n');
    }
}

fn begin_line(depth: usize, out: &mut String) {
    if !out.is_empty() {
        out.push('\n');
    }
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Plain where nothing in the text could mean something to YAML, else in quotes.
fn write_scalar(text: &Text, out: &mut String) {
    if text.is_null() {
        return out.push('~');
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_./".contains(letter);
    if text.style == ScalarStyle::Plain && !text.text.is_empty() && text.text.chars().all(plain) {
        return out.push_str(&text.text);
    }
    out.push('"');
    for letter in text.text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            letter
                if letter.is_control()
                    || matches!(letter, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}') =>
            {
                out.push_str(&format!("\\U{:08x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str, range: Range<usize>) -> String {
        source.chars().skip(range.start).take(range.len()).collect()
    }

    #[test]
    fn every_value_knows_the_characters_that_it_is_written_with() {
        let source = "a: one two  # why\nb: 'it''s'  # it's\nc: \"x\\ty\" # \"\nd: >\n  folded\n  text\n\n# end\ne: |-\n  kept\n  lines\nf: {g: 1, h: [2, 3 ] }\ni:\n  j: 4   \n  k:\nl: long\n  plain\n";
        let root = parse(source).expect("it is YAML");
        let Content::Mapping(entries) = &root.content else {
            panic!("a mapping");
        };
        let found: Vec<(String, String)> = entries
            .iter()
            .map(|(key, node)| {
                (
                    written(source, key.extent.clone()),
                    written(source, node.extent.clone()),
                )
            })
            .collect();
        let expected = [
            ("a", "one two"),
            ("b", "'it''s'"),
            ("c", "\"x\\ty\""),
            ("d", ">\n  folded\n  text"),
            ("e", "|-\n  kept\n  lines"),
            ("f", "{g: 1, h: [2, 3 ] }"),
            ("i", "j: 4   \n  k"),
            ("l", "long\n  plain"),
        ];
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(found, expected);
    }
}
