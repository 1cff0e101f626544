//! Strategies that people write: saved as files in the data directory, each change keeping the text before it.
//!
//! A file is written whole or not at all. Whoever saves says which version it was made from, so that of two people who
//! change the same strategy the second is told and not the first forgotten.

use super::shelf::MAX_FILE;
use super::{ServiceError, Services};
use papertape::api::{FieldErrors, StrategyDetail};
use sha2::{Digest, Sha256};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Longest name, in characters.
const MAX_NAME: usize = 64;
/// Most strategies of one's own.
const MAX_FILES: usize = 1_000;
/// Most earlier texts that are kept of each.
const MAX_HISTORY: usize = 50;
/// Names that addresses need for themselves.
const RESERVED: [&str; 2] = ["new", "validate"];

/// One writer at a time: looking and writing are one deed.
static WRITING: Mutex<()> = Mutex::new(());

/// What a change was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// Whatever is there, or nothing.
    Any,
    /// Nothing: the name is to be free.
    Nothing,
    /// This version.
    Version(String),
}

/// Names a text: the same for the same text, on every machine.
pub(super) fn version_of(source: &str) -> String {
    let digest = Sha256::digest(source.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Services {
    /// Saves a strategy that can run. Gives it as it is now, and whether its name is new.
    ///
    /// # Errors
    /// [`ServiceError`] when the name or the strategy is not right, or the change was not made from what is there.
    pub async fn save_strategy(
        &self,
        slug: &str,
        source: &str,
        base: Base,
    ) -> Result<(StrategyDetail, bool), ServiceError> {
        check_name(slug)?;
        self.validate(source).map_err(ServiceError::Strategy)?;
        let new = {
            let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
            let known = self.check_base(slug, &base)?;
            let folder = self.own_folder()?;
            if known.is_none() && own_files(folder) >= MAX_FILES {
                let mut errors = FieldErrors::default();
                errors.add(
                    "name",
                    format!("there are {MAX_FILES} strategies already: remove some first"),
                );
                errors.finish()?;
            }
            if known.as_deref() != Some(source) {
                keep(folder, slug, known.as_deref()).map_err(ServiceError::Files)?;
                write(&file(folder, slug), source).map_err(ServiceError::Files)?;
            }
            known.is_none()
        };
        Ok((self.strategy(slug).await?, new))
    }

    /// Removes a strategy; its text stays in the history.
    ///
    /// # Errors
    /// [`ServiceError`] when there is none, it came with Papertape, or it is not the version meant.
    pub fn delete_strategy(&self, slug: &str, base: &Base) -> Result<(), ServiceError> {
        let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || ServiceError::UnknownStrategy(slug.to_owned());
        if self.shelf.source(slug).is_none() || check_name(slug).is_err() {
            return Err(unknown());
        }
        let known = self.check_base(slug, base)?.ok_or_else(unknown)?;
        let folder = self.own_folder()?;
        keep(folder, slug, Some(&known)).map_err(ServiceError::Files)?;
        std::fs::remove_file(file(folder, slug)).map_err(ServiceError::Files)
    }

    /// The text that is there, if the change was made from it.
    fn check_base(&self, slug: &str, base: &Base) -> Result<Option<String>, ServiceError> {
        if self.shelf.is_builtin(slug) {
            return Err(ServiceError::BuiltinStrategy(slug.to_owned()));
        }
        let known = self.shelf.source(slug);
        match (base, &known) {
            (Base::Nothing, Some(_)) => Err(ServiceError::StrategyExists(slug.to_owned())),
            (Base::Version(version), known) if known.as_deref().map(version_of).as_ref() != Some(version) => {
                Err(ServiceError::StrategyChanged(slug.to_owned()))
            }
            _ => Ok(known),
        }
    }

    fn own_folder(&self) -> Result<&Path, ServiceError> {
        self.shelf.folder().ok_or_else(|| {
            ServiceError::Files(io::Error::new(
                io::ErrorKind::NotFound,
                "the server has no strategies folder",
            ))
        })
    }
}

/// Refuses names that are no safe names of files and addresses.
fn check_name(slug: &str) -> Result<(), ServiceError> {
    let letters = slug
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let ends = slug.starts_with('-') || slug.ends_with('-');
    let fine = !slug.is_empty() && slug.len() <= MAX_NAME && letters && !ends && !RESERVED.contains(&slug);
    let mut errors = FieldErrors::default();
    errors.check(
        fine,
        "name",
        "a name has 1 to 64 small letters, digits and hyphens between them, such as my-sma-cross",
    );
    Ok(errors.finish()?)
}

/// A strategy's own file, which may end in either of two ways.
fn file(folder: &Path, slug: &str) -> PathBuf {
    let other = folder.join(format!("{slug}.yml"));
    if other.is_file() {
        other
    } else {
        folder.join(format!("{slug}.yaml"))
    }
}

fn own_files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, |entries| entries.flatten().count())
}

/// Keeps a text that is about to be replaced.
fn keep(folder: &Path, slug: &str, source: Option<&str>) -> io::Result<()> {
    let Some(source) = source else { return Ok(()) };
    let history = folder.join(".history").join(slug);
    std::fs::create_dir_all(&history)?;
    let moment = super::wall_clock().nanos() / 1_000_000;
    write(
        &history.join(format!("{moment}-{}.yaml", version_of(source))),
        source,
    )?;
    let mut kept: Vec<PathBuf> = std::fs::read_dir(&history)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    // The names begin with the moment.
    kept.sort();
    for old in kept.iter().rev().skip(MAX_HISTORY) {
        std::fs::remove_file(old)?;
    }
    Ok(())
}

/// Writes a file beside its place and then puts it there, so that nobody reads half of it.
fn write(path: &Path, source: &str) -> io::Result<()> {
    debug_assert!(
        source.len() as u64 <= MAX_FILE,
        "the parser has refused larger ones"
    );
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = folder.join(name);
    let mut file = std::fs::File::create(&part)?;
    file.write_all(source.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_files_and_addresses() {
        for name in ["a", "my-sma-cross", "2nd", &"x".repeat(64)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "-",
            "-a",
            "a-",
            "A",
            "a b",
            "a/b",
            "..",
            ".a",
            "a.yaml",
            "ä",
            "new",
            &"x".repeat(65),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn of_many_earlier_texts_the_newest_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let history = folder.path().join(".history/mine");
        std::fs::create_dir_all(&history).expect("a folder");
        for number in 0..MAX_HISTORY {
            std::fs::write(history.join(format!("{number:013}-old.yaml")), "old").expect("a file");
        }
        keep(folder.path(), "mine", Some("new")).expect("it is kept");
        let count = std::fs::read_dir(&history).expect("a folder").count();
        assert_eq!(count, MAX_HISTORY);
        assert!(!history.join("0000000000000-old.yaml").exists());
    }
}
