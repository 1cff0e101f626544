//! Who reads and edits the text and runs it: the one place that knows whether that is the server or the browser itself.

use crate::functions::{self, Problem};
use papertape::api::{BacktestRequest, BacktestStatus, Edit, EditOutcome, Outline, Word};

/// The blocks of a text.
pub(super) async fn outline(text: String) -> Result<Outline, Problem> {
    functions::outline(text).await
}

/// The text after an edit of one of its blocks.
pub(super) async fn edit(text: String, edit: Edit) -> Result<EditOutcome, Problem> {
    functions::edit_outline(text, edit).await
}

/// The words that expressions are made of.
pub(super) async fn words() -> Result<Vec<Word>, Problem> {
    functions::words().await
}

/// A backtest that is kept by nobody.
pub(super) async fn run(request: BacktestRequest) -> Result<BacktestStatus, Problem> {
    functions::preview(request).await
}
