//! The sections that say when to trade and how much: `entry`, `exit`, `risk`.

use super::reader::{Reader, Section, short};
use super::{RiskSpec, RuleSpecs, SizeMethod, SizeSpec};
use crate::strategy::problem::hint;
use crate::strategy::yaml::{Content, Node};

impl Reader {
    pub(super) fn rules(&mut self, top: &Section<'_>) -> RuleSpecs {
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

    pub(super) fn risk(&mut self, node: &Node) -> RiskSpec {
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
