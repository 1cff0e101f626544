//! From the text to blocks.

use super::Check;
use super::condition::{Condition, OPERATORS, Rule, Shape};
use super::document::Document;
use super::forms::{Key, METHODS, ORDER, PARAM, RISK, RULES, TIMEFRAMES};
use super::parts::{adds, block, choice, choices, conditions, field, section};
use crate::api::{Addition, Block, BlockProblem, Choice, Field, FieldKind, Outline, Place, Section};
use crate::strategy::yaml::{Content, Node, Text};
use crate::strategy::{Problem, spec};
use std::ops::Range;

/// The blocks of a text that stands alone.
#[must_use]
pub fn outline(text: &str) -> Outline {
    outline_with(text, &super::alone)
}

/// The blocks of a text, with the problems that `check` finds. Whatever the text is, there is an outline of it: one that
/// is not YAML has no blocks, only its problem.
#[must_use]
pub fn outline_with(text: &str, check: &Check<'_>) -> Outline {
    let problems = check(text);
    let parsed = Document::parse(if is_bare(text) { "{}" } else { text });
    let (sections, editable) = match parsed {
        Ok(document) => (Reader(&document).sections(), true),
        Err(_) => (Vec::new(), false),
    };
    let problems = problems
        .into_iter()
        .map(|problem| BlockProblem {
            block: block_of(&sections, &problem),
            problem,
        })
        .collect();
    Outline {
        sections,
        problems,
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

struct Reader<'a>(&'a Document);

impl Reader<'_> {
    fn sections(&self) -> Vec<Section> {
        let about =
            "What the strategy is called, what it trades, and at the close of which bar its rules run.";
        let mut sections = vec![
            section("about", "About", about, vec![self.about()]),
            self.section_of(
                "params",
                "Parameters",
                "Numbers that can be tried out without touching the rules: $name.",
            ),
            self.section_of(
                "let",
                "Names",
                "Names for expressions that rules use, or that are worth a line on the chart.",
            ),
            self.section_of("entry", "Entry", "When to open a position."),
            self.section_of(
                "exit",
                "Exit",
                "When to close it. The stops of the risk section close it as well.",
            ),
            self.section_of(
                "orders",
                "Orders",
                "By which orders to trade; at the market when nothing is said.",
            ),
            self.section_of(
                "risk",
                "Risk",
                "How much to trade and how much to lose; 95% of the equity when nothing is said.",
            ),
        ];
        for section in &mut sections {
            section.additions = self.additions(&section.path);
        }
        let other: Vec<Block> = self
            .entries(&[])
            .iter()
            .filter(|(key, _)| !KNOWN.contains(&key.text.as_str()))
            .map(|(key, node)| self.opaque("", key, node))
            .collect();
        if !other.is_empty() {
            let about =
                "Parts of the file that have no blocks. They stay as they are; change them in the text.";
            sections.push(section("other", "As text", about, other));
        }
        sections
    }

    fn entries(&self, path: &[&str]) -> &[(Text, Node)] {
        match self.0.get(path).map(|node| &node.content) {
            Some(Content::Mapping(entries)) => entries,
            _ => &[],
        }
    }

    fn value(&self, path: &[&str]) -> String {
        self.0
            .scalar(path)
            .map_or_else(String::new, |text| text.text.trim().to_owned())
    }

    fn about(&self) -> Block {
        let symbols = match self.0.get(&["symbols"]).map(|node| &node.content) {
            Some(Content::Sequence(items)) => {
                let symbols = items.iter().filter_map(|item| match &item.content {
                    Content::Scalar(text) => Some(text.text.trim()),
                    _ => None,
                });
                symbols.collect::<Vec<_>>().join(", ")
            }
            _ => self.value(&["symbols"]),
        };
        let timeframe = self.value(&["timeframe"]);
        let mut block = block("about", "", Place::default());
        block.fields = vec![
            field("name", "Name", self.value(&["name"]), FieldKind::Text, ""),
            field("symbols", "Symbols", symbols, FieldKind::Text, "such as BTC/USDT"),
            field(
                "timeframe",
                "Timeframe",
                timeframe.clone(),
                choice(&TIMEFRAMES, &timeframe, "1m"),
                "",
            ),
            field(
                "description",
                "Description",
                self.value(&["description"]),
                FieldKind::Prose,
                "",
            ),
        ];
        block
    }

    /// The section with the blocks of its key.
    fn section_of(&self, path: &str, title: &str, about: &str) -> Section {
        let mut blocks = Vec::new();
        match self.0.get(&[path]).map(|node| &node.content) {
            Some(Content::Mapping(entries)) => {
                for (index, (key, node)) in entries.iter().enumerate() {
                    let mut block = self
                        .known(path, key, node)
                        .unwrap_or_else(|| self.opaque(path, key, node));
                    if matches!(path, "params" | "let") {
                        block.order = Some((index, entries.len()));
                    }
                    blocks.push(block);
                }
            }
            Some(Content::Scalar(text)) if text.is_null() => {}
            None => {}
            Some(_) => {
                let found = self.entries(&[]).iter().find(|(key, _)| key.text == path);
                blocks.extend(found.map(|(key, node)| self.opaque("", key, node)));
            }
        }
        section(path, title, about, blocks)
    }

    /// The block of an entry that has a form.
    fn known(&self, path: &str, key: &Text, node: &Node) -> Option<Block> {
        let name = key.text.as_str();
        let is_value = matches!(node.content, Content::Scalar(_));
        match path {
            // A path is cut at its dots.
            _ if name.contains('.') => None,
            "params" => self.param(key, node),
            "let" if is_value => Some(self.definition(key, node)),
            "entry" | "exit" if is_value => {
                let (_, _, title) = RULES
                    .iter()
                    .find(|(section, side, _)| (*section, *side) == (path, name))?;
                Some(self.rule(path, key, node, title))
            }
            "orders" if matches!(name, "entry" | "exit") && !is_value => Some(self.order(key, node)),
            "risk" if name == "size" && !is_value => Some(self.size(key, node)),
            "risk" if is_value => {
                let form = RISK.iter().find(|form| form.key == name)?;
                let mut block = self.block("risk", form.label, key, node);
                block.fields = vec![self.keyed("risk", form)];
                Some(block)
            }
            _ => None,
        }
    }

    fn block(&self, parent: &str, title: &str, key: &Text, node: &Node) -> Block {
        let path = format!("{parent}.{}", key.text);
        let mut block = block(&path, title, self.0.place(&span(key, node)));
        block.removable = true;
        block
    }

    /// What has no form, as written.
    fn opaque(&self, parent: &str, key: &Text, node: &Node) -> Block {
        let mut block = self.block(parent, &key.text, key, node);
        if parent.is_empty() {
            block.path = key.text.clone();
        }
        block.removable = !key.text.contains('.');
        block.text = Some(self.0.slice(span(key, node)));
        block
    }

    fn param(&self, key: &Text, node: &Node) -> Option<Block> {
        let mut block = self.block("params", "", key, node);
        let path = block.path.clone();
        block
            .fields
            .push(field(&path, "Name", key.text.clone(), FieldKind::Name, ""));
        let short = matches!(node.content, Content::Scalar(_));
        if !short {
            let Content::Mapping(entries) = &node.content else {
                return None;
            };
            let unknown = entries.iter().any(|(key, node)| {
                !PARAM.iter().any(|(known, _)| *known == key.text)
                    || !matches!(node.content, Content::Scalar(_))
            });
            if unknown {
                return None;
            }
        }
        for (part, label) in PARAM {
            let value = match (short, part) {
                (true, "default") => self.value(&["params", &key.text]),
                (true, _) => String::new(),
                (false, _) => self.value(&["params", &key.text, part]),
            };
            let kind = match part {
                "description" => FieldKind::Text,
                _ => FieldKind::Number,
            };
            block
                .fields
                .push(field(&format!("{path}.{part}"), label, value, kind, ""));
        }
        Some(block)
    }

    fn definition(&self, key: &Text, node: &Node) -> Block {
        let mut block = self.block("let", "", key, node);
        let path = block.path.clone();
        block.fields = vec![
            field(&path, "Name", key.text.clone(), FieldKind::Name, ""),
            field(
                &format!("{path}.value"),
                "Value",
                self.value(&["let", &key.text]),
                FieldKind::Expression,
                "",
            ),
        ];
        block
    }

    fn rule(&self, section: &str, key: &Text, node: &Node, title: &str) -> Block {
        let mut block = self.block(section, title, key, node);
        let path = block.path.clone();
        let text = match &node.content {
            Content::Scalar(text) if !text.is_null() => text,
            _ => {
                block.additions = conditions(&path);
                return block;
            }
        };
        let Ok(rule) = Rule::read(&text.text) else {
            let value = text.text.trim().to_owned();
            block.fields = vec![field(&path, "Condition", value, FieldKind::Expression, "")];
            return block;
        };
        if let Some(join) = rule.join {
            let words = [("and", "all of these hold"), ("or", "any of these holds")];
            let kind = FieldKind::Choice(choices(&words));
            block.fields = vec![field(
                &format!("{path}.join"),
                "When",
                join.word().to_owned(),
                kind,
                "",
            )];
        }
        let count = rule.conditions.len();
        block.blocks = rule
            .conditions
            .iter()
            .enumerate()
            .map(|(index, condition)| {
                let path = format!("{path}.{index}");
                let mut block = self.condition(&path, &rule, condition, text);
                block.order = Some((index, count));
                block
            })
            .collect();
        block.additions = conditions(&path);
        block
    }

    fn condition(&self, path: &str, rule: &Rule, condition: &Condition, text: &Text) -> Block {
        let written = text
            .written(condition.span.clone())
            .unwrap_or_else(|| text.extent.clone());
        let mut block = block(path, "", self.0.place(&written));
        block.removable = true;
        let expression = |part: &str, label: &str, range: &Range<usize>| {
            let kind = FieldKind::Expression;
            field(&format!("{path}.{part}"), label, rule.slice(range), kind, "")
        };
        block.fields = match &condition.shape {
            Shape::Comparison {
                left,
                operator,
                right,
                ..
            } => vec![
                expression("left", "Left side", left),
                field(
                    &format!("{path}.operator"),
                    "Comparison",
                    (*operator).to_owned(),
                    FieldKind::Choice(choices(&OPERATORS)),
                    "",
                ),
                expression("right", "Right side", right),
            ],
            Shape::Text => vec![expression("text", "Condition", &condition.span)],
        };
        block
    }

    fn order(&self, key: &Text, node: &Node) -> Block {
        let title = if key.text == "entry" {
            "Entry order"
        } else {
            "Exit order"
        };
        let mut block = self.block("orders", title, key, node);
        let path = block.path.clone();
        let current = match self.value(&["orders", &key.text, "type"]) {
            none if none.is_empty() => "market".to_owned(),
            other => other,
        };
        let types: Vec<&str> = spec::order_forms().map(|(name, _)| name).collect();
        let kind = choice(&types, &current, "");
        block
            .fields
            .push(field(&format!("{path}.type"), "Type", current, kind, ""));
        let entries = match &node.content {
            Content::Mapping(entries) => entries.as_slice(),
            _ => &[],
        };
        let mut unknown = Vec::new();
        for (part, value) in entries.iter().filter(|(part, _)| part.text != "type") {
            let form = ORDER.iter().find(|form| form.key == part.text);
            match form.filter(|_| matches!(value.content, Content::Scalar(_))) {
                Some(form) => block.fields.push(self.keyed(&path, form)),
                None => unknown.push(self.0.slice(span(part, value))),
            }
        }
        block.text = (!unknown.is_empty()).then(|| unknown.join("\n"));
        let missing = ORDER.iter().filter(|form| {
            !super::forms::PRICES.contains(&form.key)
                && !entries.iter().any(|(part, _)| part.text == form.key)
        });
        block.additions = missing
            .map(|form| adds(&format!("{path}.{}", form.key), form.label, form.begins))
            .collect();
        block
    }

    fn size(&self, key: &Text, node: &Node) -> Block {
        let mut block = self.block("risk", "Size", key, node);
        let method = self.value(&["risk", "size", "method"]);
        let mut methods = choices(&METHODS);
        if !method.is_empty() && !METHODS.iter().any(|(known, _)| *known == method) {
            methods.push(Choice {
                label: method.replace('_', " "),
                value: method.clone(),
            });
        }
        let value = self.value(&["risk", "size", "value"]);
        block.fields = vec![
            field("risk.size.value", "Value", value, FieldKind::Expression, ""),
            field(
                "risk.size.method",
                "Method",
                method,
                FieldKind::Choice(methods),
                "",
            ),
        ];
        let unknown: Vec<String> = self
            .entries(&["risk", "size"])
            .iter()
            .filter(|(part, _)| !matches!(part.text.as_str(), "method" | "value"))
            .map(|(part, value)| self.0.slice(span(part, value)))
            .collect();
        block.text = (!unknown.is_empty()).then(|| unknown.join("\n"));
        block
    }

    /// The field of a key that holds one value.
    fn keyed(&self, parent: &str, form: &Key) -> Field {
        let path = format!("{parent}.{}", form.key);
        let keys: Vec<&str> = path.split('.').collect();
        let value = self.value(&keys);
        let kind = match form.words {
            [] => FieldKind::Expression,
            words => choice(words, &value, ""),
        };
        field(&path, form.label, value, kind, form.hint)
    }

    fn additions(&self, section: &str) -> Vec<Addition> {
        let lacks = |path: &[&str]| self.0.get(path).is_none();
        let is_mapping = self.0.get(&[section]).is_none_or(|node| match &node.content {
            Content::Mapping(_) => true,
            Content::Scalar(text) => text.is_null(),
            Content::Sequence(_) => false,
        });
        if !is_mapping {
            return Vec::new();
        }
        match section {
            "params" => vec![adds("params", "Parameter", "20")],
            "let" => vec![adds("let", "Name", "sma(close, 20)")],
            "entry" | "exit" => RULES
                .iter()
                .filter(|(of, side, _)| *of == section && lacks(&[of, side]))
                .map(|(of, side, _)| {
                    let label = if *side == "long" { "Long" } else { "Short" };
                    adds(&format!("{of}.{side}"), label, first_condition(of, side))
                })
                .collect(),
            "orders" => [("entry", "Entry order"), ("exit", "Exit order")]
                .iter()
                .filter(|(key, _)| lacks(&["orders", key]))
                .map(|(key, label)| adds(&format!("orders.{key}"), label, "market"))
                .collect(),
            "risk" => {
                let size = lacks(&["risk", "size"]).then(|| adds("risk.size", "Size", "95"));
                let keys = RISK.iter().filter(|form| lacks(&["risk", form.key]));
                size.into_iter()
                    .chain(keys.map(|form| adds(&format!("risk.{}", form.key), form.label, form.begins)))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The top-level keys that have a section.
const KNOWN: [&str; 10] = [
    "name",
    "description",
    "symbols",
    "timeframe",
    "params",
    "let",
    "entry",
    "exit",
    "orders",
    "risk",
];

/// What a rule begins with.
fn first_condition(section: &str, side: &str) -> &'static str {
    if (section == "entry") == (side == "long") {
        "cross_above(sma(close, 20), sma(close, 50))"
    } else {
        "cross_below(sma(close, 20), sma(close, 50))"
    }
}

/// Characters of an entry.
fn span(key: &Text, node: &Node) -> Range<usize> {
    key.extent.start..node.extent.end.max(key.extent.end)
}
