//! Knowing whether a step's inputs have changed since it last ran.

use crate::process::{Failure, root, target};
use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

/// The state of some inputs: files by their contents, folders by all files below them, settings by their words.
pub(crate) struct Stamp {
    path: PathBuf,
    hasher: DefaultHasher,
}

impl Stamp {
    /// The stamp of the step of this name.
    pub(crate) fn new(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        Self {
            path: target().join("xtask").join(format!("{name}.stamp")),
            hasher,
        }
        // How a step is done is an input of it, too.
        .input(&root().join("xtask/src"))
    }

    /// Adds words that the step depends on.
    pub(crate) fn words(mut self, words: &str) -> Self {
        words.hash(&mut self.hasher);
        self
    }

    /// Adds a file, or every file below a folder. One that is missing counts as such.
    pub(crate) fn input(mut self, path: &Path) -> Self {
        for file in files(path) {
            file.hash(&mut self.hasher);
            fs::read(&file).ok().hash(&mut self.hasher);
        }
        self
    }

    /// Whether the step ran with these inputs and what it made is still there.
    pub(crate) fn is_current(&self, outputs: &[PathBuf]) -> bool {
        outputs.iter().all(|output| output.exists())
            && fs::read_to_string(&self.path).is_ok_and(|stored| stored == self.value())
    }

    /// Remembers that the step ran with these inputs.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|cause| Failure::file("create", folder, &cause))?;
        }
        fs::write(&self.path, self.value()).map_err(|cause| Failure::file("write", &self.path, &cause))
    }

    fn value(&self) -> String {
        format!("{:016x}", self.hasher.finish())
    }
}

/// The file, or all files below the folder, in order.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        match fs::read_dir(&path) {
            Ok(entries) => open.extend(entries.flatten().map(|entry| entry.path())),
            Err(_) => found.push(path),
        }
    }
    found.sort();
    found
}
