//! The sections that say when to trade: `entry` and `exit`, each one rule or a list of rules with names.

use super::reader::{Reader, Section, short};
use super::risk::Usual;
use super::{AddSpec, EntrySpec, ExitSpec, ProtectionSpec, RuleSpecs, SizeMethod, TargetSpec, shape};
use crate::strategy::problem::hint;
use crate::strategy::yaml::{Content, Node};

/// Most rules in one list.
const MAXIMUM_RULES: usize = 32;
/// Most steps of taking profit.
const MAXIMUM_TARGETS: usize = 8;
/// Longest name of a rule, in characters.
const MAXIMUM_NAME_LENGTH: usize = 64;

impl Reader {
    pub(super) fn rules(&mut self, top: &Section<'_>, usual: &Usual) -> RuleSpecs {
        let orders = top
            .get("orders")
            .and_then(|node| self.section(node, "orders", &shape::ORDERS));
        let mut order = |key| {
            let section = orders.as_ref()?;
            self.order(section.get(key)?, &section.path(key))
        };
        let (entry_order, exit_order) = (
            order("entry").unwrap_or_default(),
            order("exit").unwrap_or_default(),
        );
        let when = top.get("when").and_then(|node| self.when(node, "when"));
        let usual = Usual {
            entry_order,
            exit_order,
            when,
            ..usual.clone()
        };
        let mut entries: Vec<EntrySpec> = Vec::new();
        for (path, node) in self.list(top, "entry") {
            let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
            let Some(section) = self.section(node, &path, &shape::ENTRY) else {
                continue;
            };
            let name = self.rule_name(&section, &names, path != "entry");
            entries.extend(self.entry(&section, name, &usual));
        }
        // One that extends another has its entries from there, and a portfolio has none.
        if !has_entry(top) && top.get("extends").is_none() && top.get("portfolio").is_none() {
            let message = "the strategy never enters: give entry.long, entry.short or both, or a portfolio";
            self.problem(top.position, "entry", message);
        }
        let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
        let mut exits: Vec<ExitSpec> = Vec::new();
        for (path, node) in self.list(top, "exit") {
            let known: Vec<&str> = exits.iter().map(|exit| exit.name.as_str()).collect();
            let Some(section) = self.section(node, &path, &shape::EXIT) else {
                continue;
            };
            let name = self.rule_name(&section, &known, path != "exit");
            exits.extend(self.exit(&section, name, &names, &usual));
        }
        RuleSpecs { entries, exits }
    }

    /// The rules under a key: one mapping, or a list of them, each with its path.
    fn list<'a>(&mut self, top: &Section<'a>, key: &str) -> Vec<(String, &'a Node)> {
        let Some(node) = top.get(key) else {
            return Vec::new();
        };
        let Content::Sequence(nodes) = &node.content else {
            return vec![(key.to_owned(), node)];
        };
        if nodes.len() > MAXIMUM_RULES {
            let message = format!("more than {MAXIMUM_RULES} rules");
            self.problem(node.position, key, message);
        }
        let paths = (0..nodes.len()).map(|index| {
            // A list of one is that one.
            if nodes.len() == 1 {
                key.to_owned()
            } else {
                format!("{key}.{index}")
            }
        });
        paths.zip(nodes).take(MAXIMUM_RULES).collect()
    }

    /// A rule's name; empty when it has none and needs none.
    fn rule_name(&mut self, section: &Section<'_>, known: &[&str], needed: bool) -> String {
        let Some(node) = section.get("name") else {
            if needed {
                let message =
                    "of several rules each needs a name, by which orders and trades tell them apart";
                self.problem(section.position, &section.path("name"), message);
            }
            return String::new();
        };
        let path = section.path("name");
        let name = self.text(node, &path).unwrap_or_default();
        let fits = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '_' | '-' | '.');
        if !name.chars().all(fits) || name.chars().count() > MAXIMUM_NAME_LENGTH {
            let message = format!(
                "'{}' cannot be a rule's name: use letters, digits, ' ', '_', '-' and '.', at most \
                 {MAXIMUM_NAME_LENGTH} of them",
                short(&name)
            );
            self.problem(node.position, &path, message);
        } else if known.contains(&name.as_str()) {
            self.problem(
                node.position,
                &path,
                format!("another rule is called '{name}' already"),
            );
        }
        name
    }

    fn entry(&mut self, section: &Section<'_>, name: String, usual: &Usual) -> Option<EntrySpec> {
        let (long, short) = self.sides(section);
        if long.is_none()
            && short.is_none()
            && section.get("long").is_none()
            && section.get("short").is_none()
        {
            if !section.is_empty() {
                let message = "an entry needs a condition: give long, short or both";
                self.problem(section.position, &section.path("long"), message);
            }
            return None;
        }
        let order = match section.get("order") {
            Some(node) => self.order(node, &section.path("order")),
            None => Some(usual.entry_order.clone()),
        };
        let size = match section.get("size") {
            Some(node) => self.size(node, &section.path("size")),
            None => usual.size.clone(),
        };
        let protection = self.protection(section, &usual.protection);
        let add = section
            .get("add")
            .and_then(|node| self.add(node, &section.path("add")));
        let added = add.as_ref().and_then(|add| add.size.as_ref());
        for size in [size.as_ref(), added].into_iter().flatten() {
            if size.method == SizeMethod::RiskPercent
                && protection.stop_loss.is_none()
                && section.get("stop_loss").is_none_or(Node::is_none_word)
                && !usual.stop_loss_failed
            {
                let message = "risk_percent needs a stop_loss: the size follows from the loss at the stop";
                self.problem_once(size.method_position, "risk.size.method", message);
            }
        }
        let max_entries = section
            .get("max_entries")
            .and_then(|node| self.script(node, &section.path("max_entries")));
        let when = match section.get("when") {
            Some(node) => self.when(node, &section.path("when")),
            None => usual.when.clone(),
        };
        Some(EntrySpec {
            name,
            long,
            short,
            order: order.unwrap_or_default(),
            size,
            protection,
            max_entries,
            when,
            add,
        })
    }

    fn add(&mut self, node: &Node, path: &str) -> Option<AddSpec> {
        let section = self.section(node, path, &shape::ADD)?;
        let (long, short) = self.sides(&section);
        let mut amount = |key| self.amount(section.get(key)?, &section.path(key));
        let (after_gain, after_loss) = (amount("after_gain"), amount("after_loss"));
        let has = |key| section.get(key).is_some();
        if has("after_gain") && has("after_loss") {
            let message = "after_gain and after_loss contradict each other: leave one of them out";
            self.problem(section.position, path, message);
        }
        if !["long", "short", "after_gain", "after_loss"].into_iter().any(has) {
            let message =
                "add needs to know when: give after_gain, after_loss, or conditions under long and short";
            self.problem(section.position, path, message);
        }
        let size = section
            .get("size")
            .and_then(|node| self.size(node, &section.path("size")));
        let max = section
            .get("max")
            .and_then(|node| self.script(node, &section.path("max")));
        Some(AddSpec {
            long,
            short,
            after_gain,
            after_loss,
            max,
            size,
        })
    }

    fn exit(
        &mut self,
        section: &Section<'_>,
        name: String,
        entries: &[String],
        usual: &Usual,
    ) -> Option<ExitSpec> {
        let (long, short) = self.sides(section);
        if !section.is_empty() && section.get("long").is_none() && section.get("short").is_none() {
            let message = "an exit needs a condition: give long, short or both";
            self.problem(section.position, &section.path("long"), message);
        }
        let order = match section.get("order") {
            Some(node) => self.order(node, &section.path("order")),
            None => Some(usual.exit_order.clone()),
        };
        let of = section
            .get("of")
            .map(|node| self.names_of(node, &section.path("of"), entries))
            .unwrap_or_default();
        let close = section
            .get("close")
            .and_then(|node| self.amount(node, &section.path("close")));
        let max_exits = section
            .get("max_exits")
            .and_then(|node| self.script(node, &section.path("max_exits")));
        if let (Some(node), None) = (section.get("max_exits"), section.get("close")) {
            let message = "max_exits counts the parts that an exit closes: give it a close, such as 50%";
            self.problem(node.position, &section.path("max_exits"), message);
        }
        let when = section
            .get("when")
            .and_then(|node| self.when(node, &section.path("when")));
        Some(ExitSpec {
            name,
            long,
            short,
            order: order.unwrap_or_default(),
            of,
            close,
            max_exits,
            when,
        })
    }

    /// The entries that an exit closes, by their names.
    fn names_of(&mut self, node: &Node, path: &str, entries: &[String]) -> Vec<u16> {
        let nodes = match &node.content {
            Content::Sequence(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut places = Vec::new();
        for node in nodes.iter().take(MAXIMUM_RULES) {
            let Some(name) = self.text(node, path) else {
                continue;
            };
            match (0..).zip(entries).find(|(_, entry)| **entry == name) {
                Some((place, _)) => places.push(place),
                None => {
                    let names = entries
                        .iter()
                        .map(String::as_str)
                        .filter(|entry| !entry.is_empty());
                    let hint = hint(&name, names);
                    let message = format!("no entry is called '{}'{hint}", short(&name));
                    self.problem(node.position, path, message);
                }
            }
        }
        places
    }

    fn sides(&mut self, section: &Section<'_>) -> SideScripts {
        let mut side = |key| self.script(section.get(key)?, &section.path(key));
        (side("long"), side("short"))
    }

    /// Stop, targets and trailing stop of a section; what it does not say is `usual`, and `none` switches that off.
    pub(super) fn protection(&mut self, section: &Section<'_>, usual: &ProtectionSpec) -> ProtectionSpec {
        let mut amount = |key, usual: &Option<super::Amount>| match section.get(key) {
            None => usual.clone(),
            Some(node) if node.is_none_word() => None,
            Some(node) => self.amount(node, &section.path(key)),
        };
        let stop_loss = amount("stop_loss", &usual.stop_loss);
        let trailing_stop = amount("trailing_stop", &usual.trailing_stop);
        let take_profit = match section.get("take_profit") {
            None => usual.take_profit.clone(),
            Some(node) if node.is_none_word() => Vec::new(),
            Some(node) => self.targets(node, &section.path("take_profit")),
        };
        ProtectionSpec {
            stop_loss,
            take_profit,
            trailing_stop,
        }
    }

    fn targets(&mut self, node: &Node, path: &str) -> Vec<TargetSpec> {
        let Content::Sequence(nodes) = &node.content else {
            let at = self.amount(node, path);
            return at.map(|at| TargetSpec { at, close: None }).into_iter().collect();
        };
        if nodes.is_empty() || nodes.len() > MAXIMUM_TARGETS {
            let message = format!("take_profit has from 1 to {MAXIMUM_TARGETS} steps");
            self.problem(node.position, path, message);
        }
        let mut targets = Vec::new();
        for (index, node) in nodes.iter().enumerate().take(MAXIMUM_TARGETS) {
            let path = format!("{path}.{index}");
            let Some(section) = self.section(node, &path, &shape::TARGET) else {
                continue;
            };
            let Some(at) = section.get("at") else {
                self.problem(node.position, &path, "a step needs its gain: at, such as 2%");
                continue;
            };
            let at = self.amount(at, &section.path("at"));
            let close = section
                .get("close")
                .and_then(|node| self.amount(node, &section.path("close")));
            if section.get("close").is_none() && index + 1 < nodes.len() {
                let message =
                    "only the last step closes all that is left: say how much this one closes, such as 50%";
                self.problem(node.position, &section.path("close"), message);
            }
            targets.extend(at.map(|at| TargetSpec { at, close }));
        }
        targets
    }
}

/// A rule's conditions for long and for short.
type SideScripts = (
    Option<crate::strategy::expression::elaborate::Script>,
    Option<crate::strategy::expression::elaborate::Script>,
);

/// Whether the file has an entry, right or wrong: what is wrong with it has been said.
fn has_entry(top: &Section<'_>) -> bool {
    let is_there = |node: &Node| match &node.content {
        Content::Mapping(entries) => !entries.is_empty(),
        Content::Sequence(nodes) => !nodes.is_empty(),
        Content::Scalar(text) => !text.is_null(),
    };
    top.get("entry").is_some_and(is_there)
}
