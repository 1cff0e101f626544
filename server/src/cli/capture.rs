//! The files of a tick capture in a folder.

use super::CliError;
use papertape::calibration::CalibrationFiles;
use papertape::market::CaptureFile;
use papertape::model::Symbol;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How the files of a capture end.
const KINDS: [&str; 4] = [
    "-trades.csv",
    "-bookticker.csv",
    "-depth.csv",
    "-depth-snapshot.csv",
];

/// The files of one capture, those that are there.
#[derive(Debug)]
pub(super) struct CaptureFolder {
    name: String,
    /// In the order of [`KINDS`]: path and contents.
    files: [Option<(String, Vec<u8>)>; 4],
}

impl CaptureFolder {
    /// Finds the one capture of a folder and reads its files.
    pub(super) fn read(folder: &Path) -> Result<Self, CliError> {
        let unreadable = |path: &Path, error: std::io::Error| {
            CliError::problem(format!("{} cannot be read: {error}", path.display()))
        };
        let mut found: BTreeMap<(String, usize), PathBuf> = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
            let path = entry.map_err(|error| unreadable(folder, error))?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let kind = KINDS
                .iter()
                .enumerate()
                .find_map(|(kind, end)| Some((name.strip_suffix(end)?.to_owned(), kind)));
            if let Some(kind) = kind {
                found.insert(kind, path);
            }
        }
        let names: BTreeSet<&String> = found.keys().map(|(name, _)| name).collect();
        let name = match names.iter().copied().collect::<Vec<_>>()[..] {
            [] => {
                return Err(CliError::problem(format!(
                    "{} holds no capture: no file that ends with {}",
                    folder.display(),
                    KINDS.join(", ")
                )));
            }
            [only] => only.clone(),
            [first, second, ..] => {
                return Err(CliError::problem(format!(
                    "{} holds {} captures, such as {first} and {second}: put the files of one into a folder of its own",
                    folder.display(),
                    names.len()
                )));
            }
        };
        let mut files = [const { None }; 4];
        for ((_, kind), path) in &found {
            let bytes = std::fs::read(path).map_err(|error| unreadable(path, error))?;
            files[*kind] = Some((path.display().to_string(), bytes));
        }
        Ok(Self { name, files })
    }

    pub(super) fn files(&self) -> CalibrationFiles<'_> {
        let file = |index: usize| {
            let (name, bytes) = self.files[index].as_ref()?;
            Some(CaptureFile { name, bytes })
        };
        CalibrationFiles {
            trades: file(0),
            quotes: file(1),
            depth: file(2),
            snapshot: file(3),
        }
    }

    /// What the files are called by, as far as it is a symbol.
    pub(super) fn symbol(&self) -> Symbol {
        let plain = || "CAPTURE".parse();
        match self.name.parse().or_else(|_| plain()) {
            Ok(symbol) => symbol,
            Err(_) => unreachable!("a plain word is a symbol"),
        }
    }

    pub(super) fn missing(&self) -> impl Iterator<Item = String> {
        let kinds = KINDS.iter().zip(&self.files);
        kinds
            .filter(|(_, file)| file.is_none())
            .map(|(kind, _)| format!("{}{kind}", self.name))
    }
}
