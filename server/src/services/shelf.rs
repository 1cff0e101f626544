//! The strategy library: the files in the binary, and those in the data directory, which come first.

use super::ServiceError;
use papertape::api::{ParamInfo, StrategyCard};
use papertape::strategy::{self, Problem, StrategySpec};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

include!(concat!(env!("OUT_DIR"), "/strategies.rs"));

/// The largest strategy file, in bytes.
pub(super) const MAX_FILE: u64 = 256 * 1024;

/// A strategy of the library in the binary, by its slug.
#[must_use]
pub fn embedded(slug: &str) -> Option<&'static str> {
    EMBEDDED
        .iter()
        .find(|(known, _)| *known == slug)
        .map(|(_, source)| *source)
}

/// The strategy library.
#[derive(Debug)]
pub(super) struct Shelf {
    folder: Option<PathBuf>,
    /// Cards by slug with the source they were made from: files change rarely, lists are asked for often.
    cards: Mutex<BTreeMap<String, (String, StrategyCard)>>,
}

impl Shelf {
    pub(super) const fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            cards: Mutex::new(BTreeMap::new()),
        }
    }

    /// All sources by slug.
    pub(super) fn sources(&self) -> BTreeMap<String, String> {
        let mut sources: BTreeMap<String, String> = EMBEDDED
            .iter()
            .map(|(slug, source)| ((*slug).to_owned(), (*source).to_owned()))
            .collect();
        let files = self
            .folder
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok());
        for entry in files.flatten().flatten() {
            let path = entry.path();
            let is_yaml = path
                .extension()
                .is_some_and(|suffix| suffix == "yaml" || suffix == "yml");
            let Some(slug) = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .filter(|_| is_yaml)
            else {
                continue;
            };
            if entry
                .metadata()
                .is_ok_and(|file| file.is_file() && file.len() <= MAX_FILE)
                && let Ok(source) = std::fs::read_to_string(&path)
            {
                sources.insert(slug.to_owned(), source);
            }
        }
        sources
    }

    /// Where a strategy's own file lies, if there can be any.
    pub(super) fn folder(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    /// Whether a name belongs to a strategy that came with Papertape and that no file stands in front of.
    pub(super) fn is_builtin(&self, slug: &str) -> bool {
        let own = ["yaml", "yml"].iter().any(|suffix| {
            let file = self
                .folder
                .as_ref()
                .map(|folder| folder.join(format!("{slug}.{suffix}")));
            file.is_some_and(|file| file.is_file())
        });
        !own && EMBEDDED.iter().any(|(known, _)| *known == slug)
    }

    /// One source.
    pub(super) fn source(&self, slug: &str) -> Option<String> {
        self.sources().remove(slug)
    }

    /// What a request means by its strategy: a slug, a name for people, or a whole file. Gives the slug, if any, and
    /// the source with everything that it extends, so that what runs stands on its own.
    pub(super) fn resolve(&self, strategy: &str) -> Result<(Option<String>, String), ServiceError> {
        let asked = strategy.trim();
        if asked.contains('\n') || asked.contains(": ") || asked.starts_with('{') {
            return Ok((None, self.standing_alone(strategy)?));
        }
        let sources = self.sources();
        let slug = if sources.contains_key(asked) {
            Some(asked.to_owned())
        } else {
            sources
                .iter()
                .find(|(slug, source)| self.card(slug, source).name.eq_ignore_ascii_case(asked))
                .map(|(slug, _)| slug.clone())
        };
        match slug.and_then(|slug| Some((sources.get(&slug)?.clone(), slug))) {
            Some((source, slug)) => Ok((Some(slug), self.standing_alone(&source)?)),
            None => Err(ServiceError::NoSuch {
                code: "unknown_strategy",
                path: "strategy",
                message: format!(
                    "there is no strategy '{asked}' in the library; name one of it, or send a whole YAML file"
                ),
            }),
        }
    }

    fn standing_alone(&self, source: &str) -> Result<String, ServiceError> {
        strategy::resolve(source, &|name| self.source(name))
            .map(Cow::into_owned)
            .map_err(ServiceError::Strategy)
    }

    /// A file with everything that it extends; none when it extends nothing, or what is not there.
    pub(super) fn whole(&self, source: &str) -> Option<String> {
        match strategy::resolve(source, &|name| self.source(name)) {
            Ok(Cow::Owned(whole)) => Some(whole),
            Ok(Cow::Borrowed(_)) | Err(_) => None,
        }
    }

    /// Reads a file that may extend one of the library.
    pub(super) fn read(&self, source: &str) -> Result<StrategySpec, Vec<Problem>> {
        StrategySpec::parse_with(source, &|name| self.source(name))
    }

    /// A strategy's card, without what backtests add to it.
    pub(super) fn card(&self, slug: &str, source: &str) -> StrategyCard {
        // What it extends may change where it does not.
        let whole = self.standing_alone(source).unwrap_or_else(|_| source.to_owned());
        let mut cards = self.cards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, card)) = cards.get(slug)
            && *known == whole
        {
            return card.clone();
        }
        let card = read_card(slug, self.read(source));
        cards.insert(slug.to_owned(), (whole, card.clone()));
        card
    }
}

fn read_card(slug: &str, read: Result<StrategySpec, Vec<Problem>>) -> StrategyCard {
    let mut card = StrategyCard {
        slug: slug.to_owned(),
        name: slug.to_owned(),
        description: String::new(),
        symbols: Vec::new(),
        timeframe: None,
        params: Vec::new(),
        last_backtest: None,
        running_backtest: None,
        problems: Vec::new(),
    };
    match read {
        Ok(spec) => {
            spec.name().clone_into(&mut card.name);
            spec.description().clone_into(&mut card.description);
            card.symbols = spec.symbols().to_vec();
            card.timeframe = Some(spec.timeframe());
            card.params = spec.params().iter().map(ParamInfo::from).collect();
            if let Err(problems) = spec.compile(&BTreeMap::new(), None) {
                card.problems = problems.iter().map(ToString::to_string).collect();
            }
        }
        Err(problems) => card.problems = problems.iter().map(ToString::to_string).collect(),
    }
    card
}
