//! What a file says, without how it is written, and values on their way into a file.

use crate::strategy::yaml::{Content, Node, Text};

/// What a node says, without how and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Scalar(String),
    Sequence(Vec<Value>),
    Mapping(Vec<(String, Value)>),
}

impl Value {
    pub(super) fn of(node: &Node) -> Self {
        match &node.content {
            Content::Scalar(text) => Self::Scalar(said(text)),
            Content::Sequence(items) => Self::Sequence(items.iter().map(Self::of).collect()),
            Content::Mapping(entries) => Self::Mapping(
                entries
                    .iter()
                    .map(|(key, node)| (key.text.clone(), Self::of(node)))
                    .collect(),
            ),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(text) => text.is_empty(),
            Self::Mapping(entries) => entries.is_empty(),
            Self::Sequence(_) => false,
        }
    }

    pub(super) fn entries(&mut self) -> Option<&mut Vec<(String, Value)>> {
        // A key without a value is a mapping without entries.
        if self.is_empty() {
            *self = Self::Mapping(Vec::new());
        }
        match self {
            Self::Mapping(entries) => Some(entries),
            Self::Scalar(_) | Self::Sequence(_) => None,
        }
    }

    fn get(&mut self, key: &str) -> Option<&mut Self> {
        let entries = self.entries()?;
        entries
            .iter_mut()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    pub(super) fn at(&mut self, path: &[&str]) -> Option<&mut Self> {
        path.iter().try_fold(self, |value, key| match value {
            Self::Sequence(items) => items.get_mut(key.parse::<usize>().ok()?),
            _ => value.get(key),
        })
    }
}

/// What a scalar says: blanks around it and the line breaks at a block's end do not count, nor does how nothing is
/// written.
fn said(text: &Text) -> String {
    if text.is_null() {
        String::new()
    } else {
        text.text.trim().to_owned()
    }
}

/// A value on its way into a file.
#[derive(Clone, Debug)]
pub(super) enum Fragment {
    /// One value, quoted where that is needed.
    Scalar(String),
    /// A mapping.
    Mapping(Vec<(String, Fragment)>),
    /// Likewise, always written as `{…}`.
    Flow(Vec<(String, Fragment)>),
    /// A list, written as `[…]`.
    List(Vec<Fragment>),
}

impl Fragment {
    pub(super) fn scalar(text: &str) -> Self {
        Self::Scalar(text.to_owned())
    }

    /// Keys with their values, written as `{…}`.
    pub(super) fn keys<'a>(entries: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let entries = entries.into_iter();
        Self::Flow(entries.map(|(key, value)| (key.to_owned(), value)).collect())
    }

    pub(super) fn value(&self) -> Value {
        match self {
            Self::Scalar(text) => Value::Scalar(text.trim().to_owned()),
            Self::Mapping(entries) | Self::Flow(entries) => Value::Mapping(
                entries
                    .iter()
                    .map(|(key, fragment)| (key.clone(), fragment.value()))
                    .collect(),
            ),
            Self::List(items) => Value::Sequence(items.iter().map(Self::value).collect()),
        }
    }

    /// On one line.
    pub(super) fn flow(&self, quotes: Quotes) -> String {
        match self {
            Self::Scalar(text) => quotes.around(text),
            Self::Mapping(entries) | Self::Flow(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, fragment)| format!("{key}: {}", fragment.flow(quotes)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.flow(quotes)).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }

    /// What follows a key in a block mapping whose own keys stand at `indent`.
    pub(super) fn block(&self, quotes: Quotes, indent: usize, step: usize, newline: &str) -> String {
        match self {
            Self::Mapping(entries) => {
                let indent = indent + step;
                let lines: Vec<String> = entries
                    .iter()
                    .map(|(key, fragment)| {
                        let value = fragment.block(quotes, indent, step, newline);
                        format!("{newline}{}{key}:{value}", " ".repeat(indent))
                    })
                    .collect();
                lines.concat()
            }
            Self::Scalar(_) | Self::Flow(_) | Self::List(_) => format!(" {}", self.flow(quotes)),
        }
    }

    /// As an item of a block list whose dashes stand at `indent`.
    pub(super) fn item(&self, quotes: Quotes, indent: usize, step: usize, newline: &str) -> String {
        let inside = indent + 2;
        let Self::Mapping(entries) = self else {
            return format!("- {}", self.flow(quotes));
        };
        let lines: Vec<String> = entries
            .iter()
            .map(|(key, fragment)| format!("{key}:{}", fragment.block(quotes, inside, step, newline)))
            .collect();
        format!("- {}", lines.join(&format!("{newline}{}", " ".repeat(inside))))
    }
}

/// How a value is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    None,
    Single,
    Double,
}

impl Quotes {
    pub(super) const ALL: [Self; 3] = [Self::None, Self::Single, Self::Double];

    pub(super) fn around(self, text: &str) -> String {
        match self {
            Self::None => text.trim().to_owned(),
            Self::Single => format!("'{}'", text.replace('\'', "''")),
            Self::Double => {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                format!(
                    "\"{}\"",
                    escaped
                        .replace('\n', "\\n")
                        .replace('\r', "\\r")
                        .replace('\t', "\\t")
                )
            }
        }
    }
}
