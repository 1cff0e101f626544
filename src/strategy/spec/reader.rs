//! YAML to [`StrategySpec`]: what every key must hold.

use super::{
    Amount, OrderKindSpec, OrderSpec, ParamSpec, RiskSpec, RuleSpecs, SizeMethod, SizeSpec, StrategySpec,
};
use crate::model::{Symbol, Timeframe};
use crate::strategy::expression::elaborate::{Definition, Script};
use crate::strategy::indicator::catalogue;
use crate::strategy::problem::{Position, Problem, hint};
use crate::strategy::rules::TimeInForceRule;
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
struct Reader {
    problems: Vec<Problem>,
}

/// The entries of a mapping with known keys.
struct Section<'a> {
    path: String,
    position: Position,
    entries: &'a [(Text, Node)],
}

impl<'a> Section<'a> {
    fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|(known, _)| known.text == key)
            .map(|(_, node)| node)
    }

    fn path(&self, key: &str) -> String {
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
    fn problem(&mut self, position: Position, path: &str, message: impl Into<String>) {
        self.problems.push(position.problem(path, message));
    }

    fn strategy(&mut self, root: &Node) -> Option<StrategySpec> {
        const KEYS: [&str; 10] = [
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
        let top = self.section(root, "", &KEYS)?;
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
        let timeframe = top.get("timeframe").and_then(|node| self.timeframe(node));
        let (params, param_positions) = top
            .get("params")
            .map(|node| self.params(node))
            .unwrap_or_default();
        let definitions = top
            .get("let")
            .map(|node| self.definitions(node))
            .unwrap_or_default();
        let rules = self.rules(&top);
        let orders = top
            .get("orders")
            .and_then(|node| self.section(node, "orders", &["entry", "exit"]));
        let mut order = |key| {
            let section = orders.as_ref()?;
            self.order(section.get(key)?, &section.path(key))
        };
        let (entry_order, exit_order) = (
            order("entry").unwrap_or_default(),
            order("exit").unwrap_or_default(),
        );
        let risk = top.get("risk").map(|node| self.risk(node)).unwrap_or_default();
        Some(StrategySpec {
            name,
            description: description.unwrap_or_default(),
            symbols,
            timeframe: timeframe.unwrap_or(Timeframe::MINUTE),
            params,
            param_positions,
            definitions,
            rules,
            entry_order,
            exit_order,
            risk,
        })
    }

    /// A mapping of which only `keys` are allowed.
    fn section<'a>(&mut self, node: &'a Node, path: &str, keys: &[&str]) -> Option<Section<'a>> {
        let section = self.mapping(node, path)?;
        for (key, _) in section.entries {
            if !keys.contains(&key.text.as_str()) {
                let message = format!(
                    "unknown key '{}'{}",
                    short(&key.text),
                    match hint(&key.text, keys.iter().copied()) {
                        none if none.is_empty() => format!("; known here: {}", keys.join(", ")),
                        hint => hint,
                    }
                );
                self.problem(key.position(0), &join(path, short(&key.text)), message);
            }
        }
        Some(section)
    }

    /// A mapping of any keys.
    fn mapping<'a>(&mut self, node: &'a Node, path: &str) -> Option<Section<'a>> {
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

    fn scalar<'a>(&mut self, node: &'a Node, path: &str) -> Option<&'a Text> {
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

    fn text(&mut self, node: &Node, path: &str) -> Option<String> {
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

    fn timeframe(&mut self, node: &Node) -> Option<Timeframe> {
        let text = self.scalar(node, "timeframe")?;
        match text.text.parse() {
            Ok(timeframe) => Some(timeframe),
            Err(error) => {
                self.problem(node.position, "timeframe", format!("{error}"));
                None
            }
        }
    }

    /// Whether `key` can be a name in expressions.
    fn name(&mut self, key: &Text, path: &str) -> bool {
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
        let section = self.section(node, path, &["default", "min", "max", "step", "description"])?;
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

    fn script(&mut self, node: &Node, path: &str) -> Option<Script> {
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
    fn amount(&mut self, node: &Node, path: &str) -> Option<Amount> {
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

    fn rules(&mut self, top: &Section<'_>) -> RuleSpecs {
        let mut sides = |key: &str| {
            let Some(section) = top
                .get(key)
                .and_then(|node| self.section(node, key, &["long", "short"]))
            else {
                return (None, None);
            };
            let mut side = |key| self.script(section.get(key)?, &section.path(key));
            (side("long"), side("short"))
        };
        let (entry_long, entry_short) = sides("entry");
        let (exit_long, exit_short) = sides("exit");
        let has_entry = match top.get("entry").map(|node| &node.content) {
            None => false,
            // What is wrong with any other form has been said.
            Some(Content::Mapping(entries)) => !entries.is_empty(),
            Some(Content::Scalar(text)) => !text.is_null(),
            Some(_) => true,
        };
        if !has_entry {
            let message = "the strategy never enters: give entry.long, entry.short or both";
            self.problem(top.position, "entry", message);
        }
        RuleSpecs {
            entry_long,
            entry_short,
            exit_long,
            exit_short,
        }
    }

    fn order(&mut self, node: &Node, path: &str) -> Option<OrderSpec> {
        let section = self.section(
            node,
            path,
            &["type", "price", "stop_price", "time_in_force", "expire_after"],
        )?;
        let kind = self.choice(
            &section,
            "type",
            &[("market", "market"), ("limit", "limit"), ("stop", "stop")],
            "market",
        )?;
        let needed = match kind {
            "limit" => Some("price"),
            "stop" => Some("stop_price"),
            _ => None,
        };
        for key in ["price", "stop_price"] {
            if let Some(node) = section.get(key)
                && needed != Some(key)
            {
                let message = format!("a {kind} order has no {key}");
                self.problem(node.position, &section.path(key), message);
            }
        }
        let price = match needed {
            None => None,
            Some(key) => match section.get(key) {
                Some(node) => Some(self.script(node, &section.path(key))?),
                None => {
                    self.problem(
                        node.position,
                        &section.path(key),
                        format!("a {kind} order needs a {key}"),
                    );
                    return None;
                }
            },
        };
        let time_in_force = self.choice(
            &section,
            "time_in_force",
            &[
                ("gtc", TimeInForceRule::Gtc),
                ("ioc", TimeInForceRule::Ioc),
                ("fok", TimeInForceRule::Fok),
                ("day", TimeInForceRule::Day),
            ],
            TimeInForceRule::Gtc,
        )?;
        let expire_after = section
            .get("expire_after")
            .and_then(|node| self.script(node, &section.path("expire_after")));
        let kind = match (kind, price) {
            ("limit", Some(price)) => OrderKindSpec::Limit(price),
            ("stop", Some(stop_price)) => OrderKindSpec::Stop(stop_price),
            _ => OrderKindSpec::Market,
        };
        Some(OrderSpec {
            kind,
            time_in_force,
            expire_after,
        })
    }

    /// One of some words; `default` when the key is absent.
    fn choice<T: Copy>(
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

    fn risk(&mut self, node: &Node) -> RiskSpec {
        const KEYS: [&str; 8] = [
            "size",
            "stop_loss",
            "take_profit",
            "trailing_stop",
            "max_open_positions",
            "max_drawdown",
            "max_daily_loss",
            "cooldown",
        ];
        let Some(section) = self.section(node, "risk", &KEYS) else {
            return RiskSpec::default();
        };
        let size = section.get("size").and_then(|node| self.size(node));
        let mut amount = |key| self.amount(section.get(key)?, &section.path(key));
        let stop_loss = amount("stop_loss");
        let take_profit = amount("take_profit");
        let trailing_stop = amount("trailing_stop");
        let max_drawdown = amount("max_drawdown");
        let max_daily_loss = amount("max_daily_loss");
        let mut script = |key| self.script(section.get(key)?, &section.path(key));
        let max_open_positions = script("max_open_positions");
        let cooldown = script("cooldown");
        if let (Some(size), None) = (&size, section.get("stop_loss"))
            && size.method == SizeMethod::RiskPercent
        {
            let message = "risk_percent needs a stop_loss: the size follows from the loss at the stop";
            self.problem(size.method_position, "risk.size.method", message);
        }
        RiskSpec {
            size,
            stop_loss,
            take_profit,
            trailing_stop,
            max_open_positions,
            max_drawdown,
            max_daily_loss,
            cooldown,
        }
    }

    fn size(&mut self, node: &Node) -> Option<SizeSpec> {
        let path = "risk.size";
        let section = self.section(node, path, &["method", "value"])?;
        let Some(method_node) = section.get("method") else {
            let message = "size needs a method, such as percent_of_equity";
            self.problem(node.position, path, message);
            return None;
        };
        if let Content::Scalar(text) = &method_node.content
            && let name @ ("volatility_target" | "kelly") = text.text.trim()
        {
            let message = format!(
                "{name} is not supported yet: use percent_of_equity, fixed_quantity, fixed_notional or risk_percent"
            );
            self.problem(method_node.position, &section.path("method"), message);
            return None;
        }
        let methods = [
            ("percent_of_equity", SizeMethod::PercentOfEquity),
            ("fixed_quantity", SizeMethod::FixedQuantity),
            ("fixed_notional", SizeMethod::FixedNotional),
            ("risk_percent", SizeMethod::RiskPercent),
        ];
        let method = self.choice(&section, "method", &methods, SizeMethod::PercentOfEquity)?;
        let Some(value) = section.get("value") else {
            self.problem(node.position, path, "size needs a value");
            return None;
        };
        // The percentages may carry their sign.
        let percentage = matches!(method, SizeMethod::PercentOfEquity | SizeMethod::RiskPercent);
        let amount = self.amount(value, &section.path("value"))?;
        if amount.percent && !percentage {
            self.problem(
                value.position,
                &section.path("value"),
                "this method takes a number, not a percentage",
            );
        }
        Some(SizeSpec {
            method,
            method_position: method_node.position,
            value: amount.script,
        })
    }
}

/// The beginning of a text that may be long.
fn short(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}
