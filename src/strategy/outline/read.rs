//! From the text to blocks.

use super::Check;
use super::blocks::{Entry, Reader, texts};
use super::document::Document;
use super::forms::TIMEFRAMES;
use super::parts::{adds, block, choice, field, section};
use super::shapes::{shape, spot};
use crate::api::{Addition, Block, BlockProblem, FieldKind, Outline, Place, Section};
use crate::strategy::Problem;
use crate::strategy::spec::shape::{PARAMETER, STRATEGY, Shape};
use crate::strategy::yaml::{Content, Node, Text};

/// The blocks of a text that stands alone.
#[must_use]
pub fn outline(text: &str) -> Outline {
    outline_with(text, &super::alone)
}

/// The blocks of a text, with what `check` finds. Whatever the text is, there is an outline of it: one that
/// is not YAML has no blocks, only its problem.
#[must_use]
pub fn outline_with(text: &str, check: &Check<'_>) -> Outline {
    let (problems, warnings) = match check(text) {
        Ok(warnings) => (Vec::new(), warnings),
        Err(problems) => (problems, Vec::new()),
    };
    let parsed = Document::parse(if is_bare(text) { "{}" } else { text });
    let (sections, editable) = match parsed {
        Ok(document) => (Reader(&document).sections(), true),
        Err(_) => (Vec::new(), false),
    };
    let placed = |problems: Vec<Problem>| {
        let problems = problems.into_iter();
        let placed = problems.map(|problem| BlockProblem {
            block: block_of(&sections, &problem),
            problem,
        });
        placed.collect()
    };
    Outline {
        problems: placed(problems),
        warnings: placed(warnings),
        sections,
        editable,
    }
}

/// Whether a text holds nothing yet but comments: where everybody begins.
pub(super) fn is_bare(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#'))
}

/// Path of the innermost block that a problem is in: the one that holds its place, else the one that its path names.
fn block_of(sections: &[Section], problem: &Problem) -> String {
    let at = (problem.line, problem.column);
    let holds = |block: &Block| {
        let place = block.place;
        (place.line, place.column) <= at && at <= (place.end_line, place.end_column)
    };
    let named = |block: &Block| {
        let rest = problem.path.strip_prefix(&block.path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let innermost = |fits: &dyn Fn(&Block) -> bool| {
        let mut found = None;
        let mut blocks: Vec<&Block> = sections.iter().flat_map(|section| &section.blocks).collect();
        while let Some(block) = blocks.into_iter().find(|block| fits(block)) {
            found = Some(block.path.clone());
            blocks = block.blocks.iter().collect();
        }
        found
    };
    innermost(&holds)
        .or_else(|| innermost(&named))
        .unwrap_or_default()
}

/// A section's path, what is of it in the file, its title, and what it is for.
type About = (&'static str, &'static str, &'static str, &'static str);

const SECTIONS: [About; 9] = [
    (
        "about",
        "",
        "About",
        "What the strategy is called, what it trades, and at the close of which bar its rules run.",
    ),
    (
        "params",
        "params",
        "Parameters",
        "Numbers that can be tried out without touching the rules: $name.",
    ),
    (
        "let",
        "let",
        "Names",
        "Names for expressions that rules use, or that are worth a line on the chart.",
    ),
    ("entry", "entry", "Entry", "When to open a position."),
    (
        "exit",
        "exit",
        "Exit",
        "When to close it. The stops of the risk section close it as well.",
    ),
    (
        "times",
        "when",
        "Times",
        "When entries may act; always when nothing is said.",
    ),
    (
        "orders",
        "orders",
        "Orders",
        "By which orders to trade; at the market when nothing is said.",
    ),
    (
        "risk",
        "risk",
        "Risk",
        "How much to trade and how much to lose; 95% of the equity when nothing is said.",
    ),
    (
        "shares",
        "portfolio",
        "Portfolio",
        "Divides the account among the symbols, in place of entries and exits.",
    ),
];

/// The keys that the block about the strategy holds.
const ABOUT: [&str; 6] = ["name", "symbols", "timeframe", "description", "extends", "rank"];

/// Those of them that are shown when they are there.
const RARE: [&str; 2] = ["extends", "rank"];

/// What a portfolio leaves of the risk section.
const WITH_PORTFOLIO: [&str; 2] = ["max_drawdown", "max_daily_loss"];

impl Reader<'_> {
    fn sections(&self) -> Vec<Section> {
        let shared = self.has("portfolio");
        let mut sections = Vec::new();
        for (path, key, title, about) in SECTIONS {
            let (blocks, additions) = match key {
                "" => (vec![self.about()], Vec::new()),
                key => self.section_of(key),
            };
            // Of two ways to say what is bought, the one that is not taken would only be in the way.
            let alien = match key {
                "portfolio" => !shared && (self.has("entry") || self.has("exit")),
                "entry" | "exit" | "when" | "orders" => shared,
                _ => false,
            };
            if alien && blocks.is_empty() {
                continue;
            }
            let mut section = section(path, title, about, blocks);
            if !alien {
                section.additions = additions;
            }
            sections.push(section);
        }
        let is_other =
            |key: &str| !ABOUT.contains(&key) && !SECTIONS.iter().any(|(_, known, ..)| *known == key);
        let other: Vec<Block> = self
            .entries(&[])
            .iter()
            .filter(|(key, _)| is_other(&key.text))
            .map(|(key, node)| self.opaque("", key, node))
            .collect();
        if !other.is_empty() {
            let about =
                "Parts of the file that have no blocks. They stay as they are; change them in the text.";
            sections.push(section("other", "As text", about, other));
        }
        sections
    }

    fn has(&self, key: &str) -> bool {
        self.0.get(&[key]).is_some()
    }

    fn about(&self) -> Block {
        let symbols = self.0.get(&["symbols"]).map_or_else(Vec::new, texts).join(", ");
        let timeframe = self.value(&["timeframe"]);
        let mut block = block("about", "", Place::default());
        let kind = choice(&TIMEFRAMES, &timeframe, "1m");
        block.fields = vec![
            field("name", "Name", self.value(&["name"]), FieldKind::Text, ""),
            field("symbols", "Symbols", symbols, FieldKind::Text, "such as BTC/USDT"),
            field("timeframe", "Timeframe", timeframe, kind, ""),
        ];
        let entries = self.entries(&[]);
        for key in STRATEGY.keys.iter().filter(|key| RARE.contains(&key.name)) {
            let written = entries.iter().find(|(known, _)| known.text == key.name);
            let fields = written.map(|(_, node)| self.field(key.name, &STRATEGY, key, node));
            block.fields.extend(fields);
        }
        block.fields.push(field(
            "description",
            "Description",
            self.value(&["description"]),
            FieldKind::Prose,
            "",
        ));
        let additions = self.additions("", &STRATEGY, entries, &[]).into_iter();
        block.additions = additions
            .filter(|it| RARE.contains(&it.edit.path()))
            .filter(|it| it.edit.path() != "rank" || !self.has("portfolio"))
            .collect();
        block
    }

    /// The blocks of a top-level key, and what can be added to it.
    fn section_of(&self, key: &'static str) -> Filled {
        let found = self.entries(&[]).iter().find(|(known, _)| known.text == key);
        match found.map(|(_, node)| &node.content) {
            None => self.keys(key, &[]),
            Some(Content::Scalar(text)) if text.is_null() => self.keys(key, &[]),
            Some(Content::Mapping(entries)) => self.keys(key, entries),
            Some(Content::Sequence(items)) if is_rules(key) && items.iter().all(is_mapping) => {
                let blocks =
                    shape_of(key).map_or_else(Vec::new, |shape| self.items(key, shape, items, "Rule"));
                (blocks, vec![adds(key, "Another rule", "")])
            }
            Some(_) => {
                let opaque = found.map(|(key, node)| self.opaque("", key, node));
                (opaque.into_iter().collect(), Vec::new())
            }
        }
    }

    /// The section of a mapping.
    fn keys(&self, key: &'static str, entries: &[Entry]) -> Filled {
        let Some(shape) = shape_of(key).filter(|_| !NAMED.contains(&key)) else {
            return self.named(key, entries);
        };
        let found = self.entries(&[]).iter().find(|(known, _)| known.text == key);
        if is_whole(key) {
            return match found {
                Some((key, node)) => (vec![self.member_or_text("", &STRATEGY, key, node)], Vec::new()),
                None => {
                    let additions = self.additions("", &STRATEGY, &[], &[]).into_iter();
                    (Vec::new(), additions.filter(|it| it.edit.path() == key).collect())
                }
            };
        }
        let mut additions = self.additions(key, shape, entries, &[]);
        if is_rules(key) {
            let is_side = |key: &str| matches!(key, "long" | "short");
            if entries.iter().any(|(key, _)| is_side(&key.text)) {
                additions.push(adds(key, "Another rule", ""));
            } else {
                additions.retain(|it| it.edit.path().rsplit('.').next().is_some_and(is_side));
            }
        }
        if key == "risk" && self.has("portfolio") {
            let fits = |path: &str| WITH_PORTFOLIO.iter().any(|key| path.ends_with(key));
            additions.retain(|it| fits(it.edit.path()));
        }
        (self.members(key, shape, entries), additions)
    }

    /// The section of parameters, or of names.
    fn named(&self, section: &'static str, entries: &[Entry]) -> Filled {
        let block = |(index, (key, node)): (usize, &Entry)| {
            let known = match section {
                _ if key.text.contains('.') => None,
                "params" => self.param(key, node),
                _ => self.definition(key, node),
            };
            let mut block = known.unwrap_or_else(|| self.opaque(section, key, node));
            block.order = Some((index, entries.len()));
            block
        };
        let addition = match section {
            "params" => adds("params", "Parameter", "20"),
            _ => adds("let", "Name", "sma(close, 20)"),
        };
        (entries.iter().enumerate().map(block).collect(), vec![addition])
    }

    fn param(&self, key: &Text, node: &Node) -> Option<Block> {
        let mut block = self.block("params", "", key, node);
        let name = field(&block.path, "Name", key.text.clone(), FieldKind::Name, "");
        self.form(&mut block, &PARAMETER, node);
        // All that a parameter can say stands in its row.
        let fields = PARAMETER.keys.iter().map(|key| {
            let path = format!("{}.{}", block.path, key.name);
            let known = block.fields.iter().find(|field| field.path == path);
            let mut field = known
                .cloned()
                .unwrap_or_else(|| self.missing(&path, &PARAMETER, key));
            field.hint.clear();
            field
        });
        let fields = std::iter::once(name).chain(fields).collect();
        let is_known = block.text.is_none() && !matches!(node.content, Content::Sequence(_));
        (block.fields, block.additions) = (fields, Vec::new());
        is_known.then_some(block)
    }

    fn definition(&self, key: &Text, node: &Node) -> Option<Block> {
        let mut block = self.block("let", "", key, node);
        let path = block.path.clone();
        let value = self.value(&["let", &key.text]);
        block.fields = vec![
            field(&path, "Name", key.text.clone(), FieldKind::Name, ""),
            field(
                &format!("{path}.value"),
                "Value",
                value,
                FieldKind::Expression,
                "",
            ),
        ];
        matches!(node.content, Content::Scalar(_)).then_some(block)
    }
}

/// The blocks of a section and what can be added to it.
type Filled = (Vec<Block>, Vec<Addition>);

/// The sections whose keys are names.
const NAMED: [&str; 2] = ["params", "let"];

/// Whether a section may hold a list of rules.
fn is_rules(key: &str) -> bool {
    matches!(key, "entry" | "exit")
}

/// Whether a section is one block.
fn is_whole(key: &str) -> bool {
    matches!(key, "when" | "portfolio")
}

fn is_mapping(node: &Node) -> bool {
    matches!(node.content, Content::Mapping(_))
}

fn shape_of(key: &'static str) -> Option<&'static Shape> {
    shape(spot(&[key])?.holds)
}
