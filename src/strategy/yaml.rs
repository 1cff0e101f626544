//! YAML as a small tree in which every character knows its place in the file.
//!
//! Built on the event parser, because strategy files come from strangers: size, depth and number of nodes are
//! bounded before anything recursive touches them, and aliases (whose expansion can grow without bound) are refused.

use super::problem::{Position, Problem};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

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
    /// Whether it is the word `none`, by which a rule does without what the file says for all.
    pub(crate) fn is_none_word(&self) -> bool {
        matches!(&self.content, Content::Scalar(text) if text.text.trim() == "none")
    }
}

/// A scalar as written, not yet taken for a number or a word.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Without quotes and not a block: `null` and `~` mean nothing only there.
    plain: bool,
    /// Unquoted and ended by a comma, as happens inside `{…}`.
    cut_by_comma: bool,
    /// The place of every character, and of the end.
    marks: Vec<Position>,
}

impl Text {
    /// The place of the character at `offset` (counted in characters); past the end, of the end.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let last = self.marks.last().copied().unwrap_or(Position::START);
        self.marks.get(offset).copied().unwrap_or(last)
    }

    /// Whether nothing is written there.
    pub(crate) fn is_null(&self) -> bool {
        self.text.is_empty() || (self.plain && matches!(self.text.as_str(), "~" | "null" | "Null" | "NULL"))
    }

    /// Whether a comma may have cut the text off where none was meant to.
    pub(crate) const fn is_cut_by_comma(&self) -> bool {
        self.cut_by_comma
    }

    /// Moves the whole text to one place.
    pub(crate) fn stand_at(&mut self, position: Position) {
        self.marks = vec![position];
    }

    /// A text that stands alone, as on the command line: line 1 from column 1.
    pub(crate) fn standalone(text: &str) -> Self {
        let columns = 1..=text.chars().count() as u32 + 1;
        Self {
            text: text.to_owned(),
            plain: true,
            cut_by_comma: false,
            marks: columns.map(|column| Position { line: 1, column }).collect(),
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
    Sequence(Position, Vec<Node>),
    Mapping(Position, Vec<(Text, Node)>, Option<Text>),
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
                let plain = style == ScalarStyle::Plain;
                let text = Text {
                    text: text.into_owned(),
                    plain,
                    cut_by_comma: plain && next == Some(','),
                    marks,
                };
                self.scalar(position, text)
            }
            Event::SequenceStart(_, tag) => {
                self.refuse_tag(tag.is_some(), position)?;
                self.enter(Open::Sequence(position, Vec::new()), position)
            }
            Event::MappingStart(_, tag) => {
                self.refuse_tag(tag.is_some(), position)?;
                self.enter(Open::Mapping(position, Vec::new(), None), position)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::Sequence(position, items)) => self.close(position, Content::Sequence(items)),
                Some(Open::Mapping(position, entries, _)) => self.close(position, Content::Mapping(entries)),
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
        self.close(position, Content::Scalar(text))
    }

    fn close(&mut self, position: Position, content: Content) -> Result<(), Problem> {
        let node = Node { position, content };
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence(_, items)) => items.push(node),
            Some(Open::Mapping(_, entries, key)) => {
                if let Some(key) = key.take() {
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
fn marks(source: &[char], span: Span, style: ScalarStyle, text: &str) -> (Vec<Position>, Option<char>) {
    let mut cursor = Cursor {
        source,
        index: span.start.index(),
        position: position_of(span),
    };
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
        marks.push(cursor.position);
        let same_kind =
            |found: char| found == character || (found.is_whitespace() && character.is_whitespace());
        if cursor.peek().is_some_and(same_kind) {
            cursor.step();
        }
    }
    marks.push(cursor.position);
    (marks, cursor.peek())
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

    fn step(&mut self) {
        if self.peek() == Some('\n') {
            self.position.line += 1;
            self.position.column = 1;
        } else {
            self.position.column += 1;
        }
        self.index += 1;
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
    if text.plain && !text.text.is_empty() && text.text.chars().all(plain) {
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
