//! Expressions: text to words, words to a tree, the tree checked and lowered to a program.

mod application;
pub(crate) mod ast;
pub(crate) mod elaborate;
mod forms;
mod graph;
pub(crate) mod lexer;
mod parser;
mod scripted;

pub(crate) use graph::Graph;
pub(crate) use parser::parse;

/// Longest expression, in characters.
pub(crate) const MAXIMUM_LENGTH: usize = 4_096;
/// Deepest nesting of one expression, and of expressions through the names they use.
pub(crate) const MAXIMUM_DEPTH: usize = 64;

/// Text that is no expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SyntaxError {
    pub(crate) span: ast::Span,
    pub(crate) message: String,
}

impl SyntaxError {
    pub(crate) fn new(span: ast::Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
        }
    }
}
