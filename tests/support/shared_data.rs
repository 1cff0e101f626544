//! Real market data for tests, which the project does not ship: the folder above `data` is named by `PAPERTAPE_SHARED`, or is
//! `../shared`.

use std::path::{Path, PathBuf};

/// The path of a file of the real data. `None`, with a word, on a machine without the folder.
///
/// # Panics
/// When the folder is there and the file is not: a test that would have shown something must not pass without it.
pub(crate) fn shared_data(name: &str) -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find(|folder| folder.join("ARCHITECTURE.md").is_file())?;
    let shared =
        std::env::var_os("PAPERTAPE_SHARED").map_or_else(|| checkout.join("../shared"), PathBuf::from);
    let folder = shared.join("data");
    if !folder.is_dir() {
        eprintln!(
            "skipped: there is no {}; PAPERTAPE_SHARED says where real data is",
            folder.display()
        );
        return None;
    }
    let path = folder.join(name);
    assert!(path.is_file(), "the real data lacks {}", path.display());
    Some(path)
}
