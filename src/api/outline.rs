//! A strategy file as blocks: what the builder shows, and what it can do to the file.
//!
//! The text of the file is the truth and these are a view of it: an [`Outline`] is read from the text, an [`Edit`] gives
//! a new text. Both are data only, so a page can show blocks without knowing how YAML is read.

use crate::strategy::Problem;
use serde::{Deserialize, Serialize};

/// A strategy file as blocks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// The sections in the order in which people think of them, those that the file lacks included.
    pub sections: Vec<Section>,
    /// What is wrong with the file; empty when it can run.
    pub problems: Vec<BlockProblem>,
    /// What is likely a mistake in a file that runs.
    pub warnings: Vec<BlockProblem>,
    /// Whether blocks can be edited: the text as a whole is YAML.
    pub editable: bool,
}

/// A problem with the block that it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockProblem {
    /// Path of the innermost block that holds its place; empty when none does.
    pub block: String,
    /// The problem with its line and column.
    pub problem: Problem,
}

/// A part of the file, such as all parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// Its key in the file; `about` and `other` have none.
    pub path: String,
    /// Its name for people.
    pub title: String,
    /// What it is for, in a sentence.
    pub about: String,
    /// What it holds.
    pub blocks: Vec<Block>,
    /// What can be added to it.
    pub additions: Vec<Addition>,
}

/// One thing that can be read, changed and moved as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Where it is in the file by keys, conditions and items of lists by their number: `entry.long.0`. Stays the same while neither it nor a
    /// neighbour is added, moved, removed or renamed.
    pub path: String,
    /// What it is called.
    pub title: String,
    /// Where it stands in the text.
    pub place: Place,
    /// Its values.
    pub fields: Vec<Field>,
    /// Blocks inside, such as the conditions of a rule.
    pub blocks: Vec<Block>,
    /// What can be added to it.
    pub additions: Vec<Addition>,
    /// What is shown as written, because there is no other form for it.
    pub text: Option<String>,
    /// Whether it can be removed.
    pub removable: bool,
    /// Its place among the blocks that it can change places with, counted from 0, and how many there are.
    pub order: Option<(usize, usize)>,
}

/// A span of the text: lines and columns counted from 1, columns in characters, the end not included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// First line; 0 for what is not in the text.
    pub line: u32,
    /// Column of the first character.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// Column after the last character.
    pub end_column: u32,
}

/// One value of a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// What [`Edit::Set`] or, for names, [`Edit::Rename`] is to be given.
    pub path: String,
    /// What is asked.
    pub label: String,
    /// The value as written; empty when it is not in the text.
    pub value: String,
    /// How it is entered.
    pub kind: FieldKind,
    /// What it means, or the default that holds while it is empty.
    pub hint: String,
}

/// How a value is entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// A line of text.
    Text,
    /// Prose.
    Prose,
    /// A number.
    Number,
    /// The name of a parameter or an expression: changing it renames its uses too.
    Name,
    /// An expression, such as `sma(close, 20)`.
    Expression,
    /// One of some words.
    Choice(Vec<Choice>),
}

/// A word that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// As the file has it.
    pub value: String,
    /// For people.
    pub label: String,
}

/// Something that can be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addition {
    /// For people.
    pub label: String,
    /// What adds it.
    pub edit: Edit,
}

/// A change of the file. It touches what it must and leaves every other character alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Sets a field. A value that is not in the file yet is added; an empty one is removed.
    Set {
        /// The field's path.
        path: String,
        /// The new value.
        value: String,
    },
    /// Adds a parameter to `params`, a name to `let`, a condition to a rule such as `entry.long`, an item to a list, or else
    /// the key itself.
    Add {
        /// Where.
        path: String,
        /// Its value as the file has it.
        value: String,
    },
    /// Removes a block.
    Remove {
        /// The block's path.
        path: String,
    },
    /// Moves a block among its neighbours.
    Move {
        /// The block's path.
        path: String,
        /// The place that it has afterwards, counted from 0.
        to: usize,
    },
    /// Renames a parameter or an expression, and all that use it.
    Rename {
        /// The block's path.
        path: String,
        /// The new name.
        name: String,
    },
}

/// What an edit gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edited {
    /// The new text.
    pub text: String,
    /// Its blocks.
    pub outline: Outline,
    /// Path of the block that the edit was about, as it is called now; of a removed one, its neighbour's.
    pub focus: Option<String>,
}

/// What came of an edit. A refusal is an answer, not a failure: somebody has typed half an expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditOutcome {
    /// It was made.
    Made(Box<Edited>),
    /// It was not, for this reason, and the text stays as it is.
    Refused(String),
}

/// A word of the language that stands for a value: what to choose from when an expression is put together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// As written in expressions.
    pub name: String,
    /// How it is called: `macd(series, fast=12, slow=26, signal=9)`.
    pub signature: String,
    /// What it belongs to.
    pub group: WordGroup,
    /// Its arguments.
    pub arguments: Vec<WordArgument>,
    /// Its outputs, when it gives several: `upper`, `middle`, `lower`.
    pub outputs: Vec<String>,
}

/// What a word belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WordGroup {
    /// What the bar says.
    Bar,
    /// What the position says.
    Position,
    /// Calculated from many bars.
    Indicator,
    /// True or false.
    Condition,
}

/// An argument of a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordArgument {
    /// Its name.
    pub name: String,
    /// What to begin with; empty when it may be left out.
    pub value: String,
    /// Whether it is a number that does not change.
    pub constant: bool,
}

impl Edit {
    /// What it is about.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Set { path, .. }
            | Self::Add { path, .. }
            | Self::Remove { path }
            | Self::Move { path, .. }
            | Self::Rename { path, .. } => path,
        }
    }
}

impl Outline {
    /// All blocks in the order in which they are shown, those inside others after those.
    #[must_use]
    pub fn blocks(&self) -> Vec<&Block> {
        fn gather<'a>(blocks: &'a [Block], all: &mut Vec<&'a Block>) {
            for block in blocks {
                all.push(block);
                gather(&block.blocks, all);
            }
        }
        let mut all = Vec::new();
        for section in &self.sections {
            gather(&section.blocks, &mut all);
        }
        all
    }

    /// The block at a path.
    #[must_use]
    pub fn block(&self, path: &str) -> Option<&Block> {
        self.blocks().into_iter().find(|block| block.path == path)
    }

    /// The field at a path.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&Field> {
        let blocks = self.blocks().into_iter();
        blocks
            .flat_map(|block| &block.fields)
            .find(|field| field.path == path)
    }

    /// The section with a key.
    #[must_use]
    pub fn section(&self, path: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.path == path)
    }
}
