//! YAML to [`StrategySpec`]: what every key must hold.

use super::shape::{self, Shape};
use super::{Amount, ParamSpec, StrategySpec};
use crate::model::{Symbol, Timeframe};
use crate::strategy::expression::elaborate::{Definition, Script};
use crate::strategy::indicator::catalogue;
use crate::strategy::problem::{Position, Problem, hint};
use crate::strategy::yaml::{Content, Node, Text};

/// Most parameters, and most names in `let`.
const MAXIMUM_NAMES: usize = 256;
/// Longest name, in characters.
const MAXIMUM_NAME_LENGTH: usize = 64;
/// Words that expressions need for themselves.
const KEYWORDS: [&str; 6] = ["and", "or", "not", "true", "false", "of"];

/// Reads the whole file; all problems at once.
pub(super) fn read(root: &Node) -> Result<StrategySpec, Vec<Problem>> {
    let mut reader = Reader::default();
    let spec = reader.strategy(root);
    match spec {
        Some(spec) if reader.problems.is_empty() => Ok(spec),
        _ => Err(reader.problems),
    }
}

#[derive(Default)]
pub(super) struct Reader {
    problems: Vec<Problem>,
}

/// The entries of a mapping with known keys.
pub(super) struct Section<'a> {
    path: String,
    pub(super) position: Position,
    pub(super) entries: &'a [(Text, Node)],
}

impl<'a> Section<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|(known, _)| known.text == key)
            .map(|(_, node)| node)
    }

    /// Whether nothing is written in it.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn path(&self, key: &str) -> String {
        join(&self.path, key)
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

impl Reader {
    pub(super) fn problem(&mut self, position: Position, path: &str, message: impl Into<String>) {
        self.problems.push(position.problem(path, message));
    }

    /// The same, unless it has been said.
    pub(super) fn problem_once(&mut self, position: Position, path: &str, message: &str) {
        let problem = position.problem(path, message);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn strategy(&mut self, root: &Node) -> Option<StrategySpec> {
        let top = self.section(root, "", &shape::STRATEGY)?;
        if let Some(node) = top.get("extends") {
            let message = "another strategy can be extended only where there is a library to take it from";
            self.problem(node.position, "extends", message);
        }
        let name = match top.get("name") {
            Some(node) => self.text(node, "name").unwrap_or_default(),
            None => {
                self.problem(top.position, "name", "the strategy needs a name: add 'name: …'");
                String::new()
            }
        };
        let description = top
            .get("description")
            .and_then(|node| self.text(node, "description"));
        let symbols = top
            .get("symbols")
            .map(|node| self.symbols(node))
            .unwrap_or_default();
        let timeframe = top
            .get("timeframe")
            .and_then(|node| self.timeframe(node, "timeframe"));
        let (params, param_positions) = top
            .get("params")
            .map(|node| self.params(node))
            .unwrap_or_default();
        let definitions = top
            .get("let")
            .map(|node| self.definitions(node))
            .unwrap_or_default();
        let script = top.get("script").and_then(|node| {
            let taken = definitions.iter().map(|definition| definition.name.as_str());
            self.routine(node, &taken.collect::<Vec<_>>())
        });
        let (usual, risk) = top.get("risk").map(|node| self.risk(node)).unwrap_or_default();
        let rules = self.rules(&top, &usual);
        let portfolio = self.portfolio(&top, &symbols);
        let rank = top.get("rank").and_then(|node| self.script(node, "rank"));
        Some(StrategySpec {
            name,
            description: description.unwrap_or_default(),
            symbols,
            timeframe: timeframe.unwrap_or(Timeframe::MINUTE),
            params,
            param_positions,
            definitions,
            script,
            rules,
            risk,
            rank,
            portfolio,
        })
    }

    /// A mapping of which only the shape's keys are allowed.
    pub(super) fn section<'a>(&mut self, node: &'a Node, path: &str, shape: &Shape) -> Option<Section<'a>> {
        let section = self.mapping(node, path)?;
        for (key, _) in section.entries {
            if !shape.names().any(|name| name == key.text) {
                let names: Vec<&str> = shape.names().collect();
                let message = format!(
                    "unknown key '{}'{}",
                    short(&key.text),
                    match hint(&key.text, names.iter().copied()) {
                        none if none.is_empty() => format!("; known here: {}", names.join(", ")),
                        hint => hint,
                    }
                );
                self.problem(key.position(0), &join(path, short(&key.text)), message);
            }
        }
        Some(section)
    }

    /// A mapping of any keys.
    pub(super) fn mapping<'a>(&mut self, node: &'a Node, path: &str) -> Option<Section<'a>> {
        match &node.content {
            Content::Mapping(entries) => Some(Section {
                path: path.to_owned(),
                position: node.position,
                entries,
            }),
            Content::Scalar(text) if text.is_null() => Some(Section {
                path: path.to_owned(),
                position: node.position,
                entries: &[],
            }),
            _ => {
                let what = if path.is_empty() { "a strategy file" } else { path };
                self.problem(
                    node.position,
                    path,
                    format!("{what} must be a mapping of keys to values"),
                );
                None
            }
        }
    }

    pub(super) fn scalar<'a>(&mut self, node: &'a Node, path: &str) -> Option<&'a Text> {
        match &node.content {
            Content::Scalar(text) if !text.is_null() => Some(text),
            Content::Scalar(_) => {
                self.problem(node.position, path, format!("{path} is empty"));
                None
            }
            _ => {
                self.problem(node.position, path, format!("{path} must be one value"));
                None
            }
        }
    }

    pub(super) fn text(&mut self, node: &Node, path: &str) -> Option<String> {
        self.scalar(node, path).map(|text| text.text.trim().to_owned())
    }

    fn number(&mut self, node: &Node, path: &str) -> Option<f64> {
        let text = self.scalar(node, path)?;
        match text.text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Some(number),
            _ => {
                let message = format!("'{}' is not a number", short(&text.text));
                self.problem(node.position, path, message);
                None
            }
        }
    }

    fn symbols(&mut self, node: &Node) -> Vec<Symbol> {
        let nodes = match &node.content {
            Content::Sequence(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut symbols = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("symbols.{index}");
            let Some(text) = self.scalar(node, &path) else {
                continue;
            };
            match text.text.parse::<Symbol>() {
                Ok(symbol) => symbols.push(symbol),
                Err(error) => self.problem(node.position, &path, error.to_string()),
            }
        }
        symbols
    }

    pub(super) fn timeframe(&mut self, node: &Node, path: &str) -> Option<Timeframe> {
        let text = self.scalar(node, path)?;
        match text.text.parse() {
            Ok(timeframe) => Some(timeframe),
            Err(error) => {
                self.problem(node.position, path, format!("{error}"));
                None
            }
        }
    }

    /// Whether `key` can be a name in expressions.
    pub(super) fn name(&mut self, key: &Text, path: &str) -> bool {
        let name = key.text.as_str();
        let begins = name
            .chars()
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_');
        let letters = name
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_');
        let fits = name.chars().count() <= MAXIMUM_NAME_LENGTH;
        let valid = begins && letters && fits && !KEYWORDS.contains(&name);
        if !valid {
            let message = format!(
                "'{}' cannot be a name: use letters, digits and '_', beginning with a letter",
                short(name)
            );
            self.problem(key.position(0), path, message);
        }
        valid
    }

    /// One of some words; `default` when the key is absent.
    pub(super) fn choice<T: Copy>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        words: &[(&str, T)],
        default: T,
    ) -> Option<T> {
        let Some(node) = section.get(key) else {
            return Some(default);
        };
        let path = section.path(key);
        let text = self.scalar(node, &path)?;
        let found = words
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(text.text.trim()));
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = hint(&text.text, names.iter().copied());
            let message = format!(
                "'{}' is not a {key}: one of {}{hint}",
                short(&text.text),
                names.join(", ")
            );
            self.problem(node.position, &path, message);
        }
        found.map(|(_, value)| *value)
    }

    fn count(&mut self, section: &Section<'_>) {
        if section.entries.len() > MAXIMUM_NAMES {
            let message = format!("more than {MAXIMUM_NAMES} names");
            self.problem(section.position, &section.path.clone(), message);
        }
    }

    fn params(&mut self, node: &Node) -> (Vec<ParamSpec>, Vec<Position>) {
        let Some(section) = self.mapping(node, "params") else {
            return Default::default();
        };
        self.count(&section);
        let mut params = Vec::new();
        let mut positions = Vec::new();
        for (key, node) in section.entries {
            let path = section.path(short(&key.text));
            if self.name(key, &path)
                && let Some(param) = self.param(&key.text, node, &path)
            {
                params.push(param);
                positions.push(key.position(0));
            }
        }
        (params, positions)
    }

    fn param(&mut self, name: &str, node: &Node, path: &str) -> Option<ParamSpec> {
        if let Content::Scalar(_) = node.content {
            return Some(ParamSpec {
                name: name.to_owned(),
                default: self.number(node, path)?,
                min: None,
                max: None,
                step: None,
                description: String::new(),
            });
        }
        let section = self.section(node, path, &shape::PARAMETER)?;
        let mut number = |key| self.number(section.get(key)?, &section.path(key));
        let (default, min, max, step) = (number("default"), number("min"), number("max"), number("step"));
        let description = section
            .get("description")
            .and_then(|node| self.text(node, &section.path("description")));
        if section.get("default").is_none() {
            self.problem(node.position, path, "a parameter needs a default");
        }
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            self.problem(node.position, path, format!("min {min} is above max {max}"));
        }
        if step.is_some_and(|step| step <= 0.0) {
            self.problem(node.position, &section.path("step"), "step must be above 0");
        }
        Some(ParamSpec {
            name: name.to_owned(),
            default: default?,
            min,
            max,
            step,
            description: description.unwrap_or_default(),
        })
    }

    fn definitions(&mut self, node: &Node) -> Vec<Definition> {
        let Some(section) = self.mapping(node, "let") else {
            return Vec::new();
        };
        self.count(&section);
        let mut definitions = Vec::new();
        for (key, node) in section.entries.iter().take(MAXIMUM_NAMES) {
            let path = section.path(short(&key.text));
            if !self.name(key, &path) {
                continue;
            }
            if catalogue::is_value(&key.text) {
                let message = format!("'{}' is a word of the language: choose another name", key.text);
                self.problem(key.position(0), &path, message);
                continue;
            }
            if let Some(script) = self.script(node, &path) {
                definitions.push(Definition {
                    name: key.text.clone(),
                    script,
                });
            }
        }
        definitions
    }

    pub(super) fn script(&mut self, node: &Node, path: &str) -> Option<Script> {
        let text = self.scalar(node, path)?;
        match Script::parse(path, text.clone()) {
            Ok(script) => Some(script),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// An expression, or one followed by a percent sign.
    pub(super) fn amount(&mut self, node: &Node, path: &str) -> Option<Amount> {
        let mut text = self.scalar(node, path)?.clone();
        let percent = match text.text.trim_end().strip_suffix('%') {
            Some(before) => {
                text.text = before.to_owned();
                true
            }
            None => false,
        };
        match Script::parse(path, text) {
            Ok(script) => Some(Amount { script, percent }),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }
}

/// The beginning of a text that may be long.
pub(super) fn short(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}
