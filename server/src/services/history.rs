//! What a strategy's file said before: the texts that the drawer keeps, and how they differ from the present one.

use super::drawer::version_of;
use super::shelf::MAX_FILE;
use super::{ServiceError, Services};
use papertape::api::{ChangedLine, LineKind, StrategyVersion, VersionDetail};
use papertape::model::Timestamp;
use similar::{ChangeTag, TextDiff};
use std::path::Path;

/// Lines that are told around each change.
const AROUND: usize = 3;

/// A text as it was kept.
struct Kept {
    replaced_at: Timestamp,
    source: String,
}

impl Services {
    /// The texts of a strategy before its present one, newest first, each once.
    ///
    /// # Errors
    /// [`ServiceError::UnknownStrategy`].
    pub fn strategy_versions(&self, slug: &str) -> Result<Vec<StrategyVersion>, ServiceError> {
        let now = self.source_of(slug)?;
        let mut versions: Vec<StrategyVersion> = Vec::new();
        for kept in self.kept(slug) {
            let version = version_of(&kept.source);
            if kept.source == now || versions.iter().any(|known| known.version == version) {
                continue;
            }
            let diff = TextDiff::from_lines(kept.source.as_str(), now.as_str());
            let count = |tag| diff.iter_all_changes().filter(|it| it.tag() == tag).count() as u64;
            versions.push(StrategyVersion {
                version,
                replaced_at: kept.replaced_at,
                added: count(ChangeTag::Insert),
                removed: count(ChangeTag::Delete),
            });
        }
        Ok(versions)
    }

    /// One of them, and what changed from it to the present text.
    ///
    /// # Errors
    /// [`ServiceError::UnknownStrategy`], [`ServiceError::UnknownVersion`].
    pub fn strategy_version(&self, slug: &str, version: &str) -> Result<VersionDetail, ServiceError> {
        let now = self.source_of(slug)?;
        let found = self
            .kept(slug)
            .into_iter()
            .find(|kept| version_of(&kept.source) == version);
        let kept = found.ok_or_else(|| ServiceError::UnknownVersion(slug.to_owned(), version.to_owned()))?;
        Ok(VersionDetail {
            version: version.to_owned(),
            replaced_at: kept.replaced_at,
            changes: changes(&kept.source, &now),
            source: kept.source,
        })
    }

    fn source_of(&self, slug: &str) -> Result<String, ServiceError> {
        let source = self.shelf.source(slug);
        source.ok_or_else(|| ServiceError::UnknownStrategy(slug.to_owned()))
    }

    /// What the drawer holds of a strategy that is on the shelf, newest first.
    fn kept(&self, slug: &str) -> Vec<Kept> {
        let history = self
            .shelf
            .folder()
            .map(|folder| folder.join(".history").join(slug));
        let entries = history.and_then(|history| std::fs::read_dir(history).ok());
        let mut kept: Vec<_> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                entry
                    .metadata()
                    .is_ok_and(|file| file.is_file() && file.len() <= MAX_FILE)
            })
            .filter_map(|entry| {
                let path = entry.path();
                Some(Kept {
                    replaced_at: moment(&path)?,
                    source: std::fs::read_to_string(&path).ok()?,
                })
            })
            .collect();
        kept.sort_by_key(|kept| std::cmp::Reverse(kept.replaced_at));
        kept
    }
}

/// When a text was replaced, from the name of its file: milliseconds, a hyphen, its version.
fn moment(path: &Path) -> Option<Timestamp> {
    let name = path.file_stem()?.to_str()?;
    let (moment, _) = name.split_once('-')?;
    Some(Timestamp::from_millis(moment.parse().ok()?))
}

/// The lines that changed, with some around them; what is left out between is told as one line.
fn changes(before: &str, now: &str) -> Vec<ChangedLine> {
    let diff = TextDiff::from_lines(before, now);
    let mut lines = Vec::new();
    let mut told = 0;
    for group in diff.grouped_ops(AROUND) {
        let begin = group.first().map_or(told, |change| change.old_range().start);
        if begin > told {
            lines.push(left_out(begin - told));
        }
        for change in group.iter().flat_map(|change| diff.iter_changes(change)) {
            let kind = match change.tag() {
                ChangeTag::Equal => LineKind::Same,
                ChangeTag::Insert => LineKind::Added,
                ChangeTag::Delete => LineKind::Removed,
            };
            let text = change.value().trim_end_matches(['\n', '\r']).to_owned();
            lines.push(ChangedLine { kind, text });
        }
        told = group.last().map_or(told, |change| change.old_range().end);
    }
    let all = before.lines().count();
    if told < all && !lines.is_empty() {
        lines.push(left_out(all - told));
    }
    lines
}

fn left_out(count: usize) -> ChangedLine {
    let noun = if count == 1 { "line" } else { "lines" };
    ChangedLine {
        kind: LineKind::LeftOut,
        text: format!("{count} {noun} as before"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(before: &str, now: &str) -> Vec<String> {
        let line = |line: &ChangedLine| {
            let sign = match line.kind {
                LineKind::Same => ' ',
                LineKind::Added => '+',
                LineKind::Removed => '-',
                LineKind::LeftOut => '…',
            };
            format!("{sign}{}", line.text)
        };
        changes(before, now).iter().map(line).collect()
    }

    #[test]
    fn what_changed_is_told_with_what_is_around_it() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
        let now = before.replace('f', "F");
        assert_eq!(
            told(before, &now),
            [
                "…2 lines as before",
                " c",
                " d",
                " e",
                "-f",
                "+F",
                " g",
                " h",
                " i",
                "…1 line as before"
            ]
        );
        assert_eq!(told(before, before), [""; 0]);
        assert_eq!(told("a\n", "a\nb"), [" a", "+b"]);
    }

    #[test]
    fn the_moment_is_in_the_name() {
        let at = |name: &str| moment(Path::new(name)).map(|at| at.millis());
        assert_eq!(at("x/1766368800000-0a1b.yaml"), Some(1_766_368_800_000));
        assert_eq!(at("x/1766368800000.yaml"), None);
        assert_eq!(at("x/old-0a1b.yaml"), None);
    }
}
