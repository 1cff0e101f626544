//! The script: its text, and what it gives.

use super::reader::{Reader, short};
use super::shape;
use crate::strategy::indicator::catalogue;
use crate::strategy::script::{Given, GivenKind, MAXIMUM_GIVEN, MAXIMUM_LENGTH, ScriptSpec};
use crate::strategy::yaml::Node;

/// The kinds of values that a script gives.
pub(super) const KINDS: [(&str, GivenKind); 2] =
    [("number", GivenKind::Number), ("condition", GivenKind::Condition)];

impl Reader {
    /// The section `script`; `taken` are the names that the file gives to something else.
    pub(super) fn routine(&mut self, node: &Node, taken: &[&str]) -> Option<ScriptSpec> {
        let section = self.section(node, "script", &shape::SCRIPT)?;
        let gives = section
            .get("gives")
            .map(|node| self.gives(node, taken))
            .unwrap_or_default();
        if section.get("gives").is_none() {
            let message = "a script gives something to the rules: add 'gives: {buy: condition}'";
            self.problem(node.position, "script.gives", message);
        }
        let Some(code) = section.get("code") else {
            self.problem(
                node.position,
                "script.code",
                "a script needs its text: add 'code: |'",
            );
            return None;
        };
        let text = self.scalar(code, "script.code")?;
        if text.text.chars().count() > MAXIMUM_LENGTH {
            let message = format!("a script may have at most {MAXIMUM_LENGTH} characters");
            self.problem(code.position, "script.code", message);
            return None;
        }
        Some(ScriptSpec::new("script.code", text.clone(), gives))
    }

    fn gives(&mut self, node: &Node, taken: &[&str]) -> Vec<Given> {
        let Some(section) = self.mapping(node, "script.gives") else {
            return Vec::new();
        };
        if section.is_empty() || section.entries.len() > MAXIMUM_GIVEN {
            let message = format!("a script gives from 1 to {MAXIMUM_GIVEN} values");
            self.problem(node.position, "script.gives", message);
            return Vec::new();
        }
        let mut gives = Vec::new();
        for (key, _) in section.entries {
            let path = section.path(short(&key.text));
            if !self.name(key, &path) {
                continue;
            }
            let name = key.text.as_str();
            if catalogue::is_value(name) || taken.contains(&name) || name == "state" {
                let message = format!("'{name}' means something else already: choose another name");
                self.problem(key.position(0), &path, message);
                continue;
            }
            if let Some(kind) = self.choice(&section, name, &KINDS, GivenKind::Number) {
                gives.push(Given {
                    name: name.to_owned(),
                    kind,
                });
            }
        }
        gives
    }
}
