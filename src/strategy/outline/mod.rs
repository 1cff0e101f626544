//! A strategy file as blocks, and changes of it that leave everything else as it is written.
//!
//! [`outline`] reads the blocks from a text, also from one that cannot run; [`edit`] gives a new text. What has no form
//! as a block is shown as written, and no edit of a block touches it.
//!
//! ```
//! use papertape::api::Edit;
//! use papertape::strategy::outline::edit;
//!
//! let text = "
//! name: Cross          # mine
//! entry:
//!   long: close > sma(close, 50) and volume > 0
//! ";
//! let edited = edit(text, &Edit::Set { path: "entry.long.0.right".into(), value: "ema(close, 20)".into() })?;
//! assert_eq!(edited.text, text.replace("sma(close, 50)", "ema(close, 20)"));
//! # Ok::<(), papertape::strategy::outline::Refusal>(())
//! ```

mod blocks;
mod change;
mod condition;
mod document;
mod forms;
mod list;
mod members;
mod parts;
mod read;
mod rename;
mod shapes;
mod value;
mod words;

pub use change::{edit, edit_with};
pub use read::{outline, outline_with};
pub use words::words;

use crate::strategy::{Problem, Strategy};
use std::collections::BTreeMap;

/// Says of a text what is likely a mistake or, if it cannot run, what is wrong with it. Whoever has a library of strategies
/// checks against it, as a file may extend another.
pub type Check<'a> = dyn Fn(&str) -> Result<Vec<Problem>, Vec<Problem>> + 'a;

/// What is to be said of a text that stands alone.
fn alone(text: &str) -> Result<Vec<Problem>, Vec<Problem>> {
    Ok(Strategy::compile(text, &BTreeMap::new(), None)?.warnings)
}

/// Why an edit was not made. The text stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What is wrong and what to do, in a sentence.
    pub message: String,
}

impl Refusal {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }

    fn text_only() -> Self {
        Self::new("this is written in a way that blocks cannot change: change it in the text")
    }
}
