//! `papertape verify`.

use super::{CliError, StoreArguments, backtest::print, store::library};
use crate::host::{Verdict, verify};
use clap::Args;
use papertape::model::SessionId;

/// Arguments of `verify`.
#[derive(Clone, Debug, Args)]
pub(super) struct VerifyArguments {
    /// The session's id.
    #[arg(long, value_name = "ID")]
    session: SessionId,
    #[command(flatten)]
    store: StoreArguments,
}

/// Prints `identical` with the event hash, or the first difference.
pub(super) async fn run(arguments: VerifyArguments) -> Result<(), CliError> {
    let storage = arguments.store.open_existing().await?;
    let library = library(&storage, &arguments.store.folder()?).await?;
    let verdict = verify(&arguments.session, &*storage, &library).await;
    storage.close().await;
    match verdict? {
        Verdict::Identical { event_hash, .. } => print(&format!("identical {event_hash}\n")),
        Verdict::Different(difference) => {
            print(&format!("different: {difference}\n"))?;
            Err(CliError::Reported)
        }
    }
}
