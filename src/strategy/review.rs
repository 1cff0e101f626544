//! What compiles and is still likely a mistake: conditions that can never hold or always do, positions that nothing
//! closes, parameters that nothing reads.
//!
//! Conditions are judged by interval arithmetic: every number gets a range in which it must lie, from what its function
//! can give, and a comparison whose ranges do not meet is decided. Parts of one `and` that compare the same thing with
//! constants are judged together, and so are parts that say the opposite of each other. Of prices and their highest and lowest it is
//! known besides which cannot be above which. What all this cannot decide is not warned of.

mod order;
mod ranges;

use super::expression::ast::{Binary, Expression, Kind, Unary};
use super::expression::elaborate::Script;
use super::problem::Problem;
use super::spec::{EntrySpec, ExitSpec, StrategySpec};
use ranges::{Range, Scope};
use std::collections::BTreeMap;

/// What is known of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Never,
    Always,
    Open,
}

impl StrategySpec {
    /// What is likely a mistake with these parameters. A file with warnings runs.
    pub(super) fn review(&self, params: &BTreeMap<String, f64>) -> Vec<Problem> {
        let mut review = Review {
            scope: Scope::new(params.clone(), &self.definitions),
            found: Vec::new(),
        };
        for script in self.scripts() {
            review.script(script);
        }
        review.check_parameters(self);
        review.check_ends(self);
        let mut found = review.found;
        found.sort_by_key(|warning| (warning.line, warning.column));
        found.dedup();
        found
    }

    /// Every expression of the file.
    fn scripts(&self) -> impl Iterator<Item = &Script> {
        let definitions = self.definitions.iter().map(|definition| &definition.script);
        let rules = self.rules.entries.iter().flat_map(entry_scripts);
        let exits = self.rules.exits.iter().flat_map(|exit| {
            let close = exit.close.iter().map(|amount| &amount.script);
            let sides = exit.long.iter().chain(&exit.short);
            sides
                .chain(close)
                .chain(&exit.max_exits)
                .chain(exit.order.scripts())
        });
        definitions
            .chain(rules)
            .chain(exits)
            .chain(self.risk.scripts())
            .chain(&self.rank)
            .chain(self.portfolio.iter().flat_map(|spec| spec.scripts()))
    }
}

fn entry_scripts(entry: &EntrySpec) -> impl Iterator<Item = &Script> {
    let add = entry.add.iter().flat_map(|add| {
        let distances = add.after_gain.iter().chain(&add.after_loss);
        let size = add.size.iter().flat_map(|size| size.scripts());
        let sides = add.long.iter().chain(&add.short).chain(&add.max);
        sides.chain(distances.map(|amount| &amount.script)).chain(size)
    });
    let sides = entry.long.iter().chain(&entry.short).chain(&entry.max_entries);
    let size = entry.size.iter().flat_map(|size| size.scripts());
    sides
        .chain(size)
        .chain(entry.protection.scripts())
        .chain(entry.order.scripts())
        .chain(add)
}

struct Review<'a> {
    scope: Scope<'a>,
    found: Vec<Problem>,
}

impl Review<'_> {
    fn script(&mut self, script: &Script) {
        // `false` alone switches a rule off, `true` alone leaves it to other things: both are meant.
        if !matches!(script.tree.kind, Kind::Boolean(_)) {
            self.walk(script, &script.tree);
        }
    }

    fn warn(&mut self, script: &Script, at: &Expression, message: String) {
        let position = script.text.position(at.span.start);
        self.found.push(position.problem(&script.path, message));
    }

    /// Looks at every condition in an expression.
    fn walk(&mut self, script: &Script, expression: &Expression) {
        match &expression.kind {
            // Of parameters alone: a switch, which the next run may turn.
            Kind::Binary(operator, _, left, right) if operator.is_comparison() && is_switch(left, right) => {}
            Kind::Binary(operator, _, left, right)
                if operator.is_comparison()
                    && self.is_out_of_order(script, expression, *operator, (left, right)) => {}
            Kind::Binary(operator, _, left, right) if operator.is_comparison() => {
                let (a, b) = (self.scope.range(left), self.scope.range(right));
                let word = match compare(*operator, a, b) {
                    Truth::Never => "can never be true",
                    // What may be undefined makes a comparison false.
                    Truth::Always if self.scope.comes_and_goes(left) || self.scope.comes_and_goes(right) => {
                        return;
                    }
                    Truth::Always => "is always true",
                    Truth::Open => return,
                };
                let because = because([(left, a), (right, b)]);
                self.warn(script, expression, format!("this {word}{because}"));
            }
            Kind::Binary(Binary::And, _, left, right) => {
                let before = self.found.len();
                self.walk(script, left);
                self.walk(script, right);
                if self.found.len() == before {
                    self.check_together(script, expression);
                }
            }
            Kind::Binary(_, _, left, right) => {
                self.walk(script, left);
                self.walk(script, right);
            }
            Kind::Unary(Unary::Not | Unary::Negate, inner)
            | Kind::Field(inner, _)
            | Kind::Higher(inner, _) => {
                self.walk(script, inner);
            }
            Kind::Of(inner, _) => self.walk(script, inner),
            Kind::History(inner, bars) => {
                self.walk(script, inner);
                self.walk(script, bars);
            }
            Kind::Choice(condition, yes, no) => {
                self.walk(script, condition);
                self.walk(script, yes);
                self.walk(script, no);
            }
            Kind::Call(name, arguments) => {
                // What crosses above is above now.
                let crossed = match (name.text.as_str(), arguments.as_slice()) {
                    ("cross_above", [left, right]) => Some((Binary::Greater, left, right)),
                    ("cross_below", [left, right]) => Some((Binary::Less, left, right)),
                    _ => None,
                };
                if let Some((operator, left, right)) = crossed
                    && self.cannot_cross(script, expression, operator, (left, right))
                {
                    return;
                }
                for argument in arguments {
                    self.walk(script, argument);
                }
            }
            Kind::Number(_) | Kind::Boolean(_) | Kind::Parameter(_) | Kind::Name(_) => {}
        }
    }

    /// Warns of a number that would have to be above what it is never above.
    fn is_out_of_order(
        &mut self,
        script: &Script,
        whole: &Expression,
        operator: Binary,
        (left, right): (&Expression, &Expression),
    ) -> bool {
        let (above, below) = match operator {
            Binary::Greater => (left, right),
            Binary::Less => (right, left),
            _ => return false,
        };
        if !self.scope.never_above(above, below) {
            return false;
        }
        let (above, below) = (ranges::text(above), ranges::text(below));
        let hint = if above == below {
            ""
        } else {
            "; [1] makes it that of the bar before"
        };
        let message = format!("this can never be true: {above} is never above {below}{hint}");
        self.warn(script, whole, message);
        true
    }

    /// Warns of a crossing whose end is out of reach.
    fn cannot_cross(
        &mut self,
        script: &Script,
        whole: &Expression,
        operator: Binary,
        (left, right): (&Expression, &Expression),
    ) -> bool {
        if self.is_out_of_order(script, whole, operator, (left, right)) {
            return true;
        }
        let (a, b) = (self.scope.range(left), self.scope.range(right));
        if is_switch(left, right) || compare(operator, a, b) != Truth::Never {
            return false;
        }
        let because = because([(left, a), (right, b)]);
        self.warn(script, whole, format!("this can never be true{because}"));
        true
    }

    /// The parts of one `and` that compare the same thing with constants must leave it room.
    fn check_together(&mut self, script: &Script, whole: &Expression) {
        let parts = self.scope.conjunction(whole);
        let mut known: BTreeMap<String, Range> = BTreeMap::new();
        for part in &parts {
            let Some((subject, allowed)) = self.scope.constraint(part) else {
                continue;
            };
            let text = ranges::text(subject);
            let own = self.scope.range(subject);
            if own.intersection(allowed).is_empty() {
                // Told where it stands.
                continue;
            }
            let room = known.entry(text.clone()).or_insert(own);
            *room = room.intersection(allowed);
            if room.is_empty() {
                let message = format!("this can never be true: its parts leave {text} no value");
                return self.warn(script, whole, message);
            }
        }
        // So many parts are nobody's; the pairs of more would take long.
        const MOST_PARTS: usize = 32;
        let first = parts.get(..MOST_PARTS).unwrap_or(&parts);
        for (place, one) in first.iter().enumerate() {
            if let Some(other) = first[place + 1..]
                .iter()
                .find(|it| self.scope.contradict(one, it))
            {
                let (one, other) = (ranges::text(one), ranges::text(other));
                let message = format!("this can never be true: {one} and {other} contradict each other");
                return self.warn(script, whole, message);
            }
        }
    }

    fn check_parameters(&mut self, spec: &StrategySpec) {
        let mut used = Vec::new();
        for script in spec.scripts() {
            parameters_of(&script.tree, &mut used);
        }
        for (param, position) in spec.params.iter().zip(&spec.param_positions) {
            let is_in_script = || {
                spec.script
                    .as_ref()
                    .is_some_and(|it| it.parameters().any(|it| it == param.name))
            };
            if !used.contains(&param.name.as_str()) && !is_in_script() {
                let message = format!("nothing reads ${}", param.name);
                let path = format!("params.{}", param.name);
                self.found.push(position.problem(&path, message));
            }
        }
    }

    /// Whether a position of each side that is opened can end.
    fn check_ends(&mut self, spec: &StrategySpec) {
        let is_on = |script: &Option<Script>| {
            script
                .as_ref()
                .is_some_and(|script| !matches!(script.tree.kind, Kind::Boolean(false)))
        };
        let entries = &spec.rules.entries;
        let opens = [
            entries.iter().find(|entry| is_on(&entry.long)),
            entries.iter().find(|entry| is_on(&entry.short)),
        ];
        let exits = [
            spec.rules.exits.iter().any(|exit| is_on(&exit.long)),
            spec.rules.exits.iter().any(|exit| is_on(&exit.short)),
        ];
        let closes_all = |exit: &&ExitSpec| match &exit.close {
            None => true,
            Some(part) => {
                part.percent && matches!(part.script.tree.kind, Kind::Number(share) if share >= 100.0)
            }
        };
        let whole = || spec.rules.exits.iter().filter(closes_all);
        let ends = [
            whole().any(|exit| is_on(&exit.long)),
            whole().any(|exit| is_on(&exit.short)),
        ];
        for (side, name) in [(0, "long"), (1, "short")] {
            let Some(entry) = opens[side] else { continue };
            let turns = opens[1 - side].is_some();
            let is_protected = entries.iter().any(|entry| !entry.protection.is_empty());
            if !ends[side] && !turns && !is_protected && spec.risk.flatten_before_close.is_none() {
                let script = if side == 0 { &entry.long } else { &entry.short };
                if let Some(script) = script {
                    let message = if exits[side] {
                        format!("nothing closes all that this opens: every exit.{name} closes a part")
                    } else {
                        format!(
                            "nothing closes what this opens: there is no exit.{name}, no entry in the other direction, \
                             no stop and no target"
                        )
                    };
                    self.warn(script, &script.tree, message);
                }
            }
        }
    }
}

fn parameters_of<'a>(expression: &'a Expression, used: &mut Vec<&'a str>) {
    if let Kind::Parameter(name) = &expression.kind {
        used.push(name);
    }
    ranges::for_each_part(expression, &mut |part| parameters_of(part, used));
}

/// What both sides of a comparison can be, numbers apart, as the reason for a warning.
fn because(sides: [(&Expression, Range); 2]) -> String {
    let told = sides
        .into_iter()
        .filter(|(side, _)| !matches!(side.kind, Kind::Number(_)))
        .map(|(side, range)| format!("{} {range}", ranges::text(side)));
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        return String::new();
    }
    format!(": {}", told.join(", "))
}

/// Whether both sides are made of parameters and numbers, a parameter among them.
fn is_switch(left: &Expression, right: &Expression) -> bool {
    let mut parameters = Vec::new();
    parameters_of(left, &mut parameters);
    parameters_of(right, &mut parameters);
    !parameters.is_empty() && is_setting(left) && is_setting(right)
}

fn is_setting(expression: &Expression) -> bool {
    let mut is_fixed = !matches!(
        expression.kind,
        Kind::Name(_)
            | Kind::Call(..)
            | Kind::Higher(..)
            | Kind::Of(..)
            | Kind::History(..)
            | Kind::Boolean(_)
    );
    ranges::for_each_part(expression, &mut |part| is_fixed &= is_setting(part));
    is_fixed
}

/// A comparison of two numbers that lie in these ranges.
fn compare(operator: Binary, a: Range, b: Range) -> Truth {
    // Swapped, so that two arms are enough.
    let below = |a: Range, b: Range, or_equal: bool| {
        let (always, never) = if or_equal {
            (a.high <= b.low, a.low > b.high)
        } else {
            (a.high < b.low, a.low >= b.high)
        };
        match (always, never) {
            (true, _) => Truth::Always,
            (_, true) => Truth::Never,
            _ => Truth::Open,
        }
    };
    let apart = a.high < b.low || b.high < a.low;
    let same = a.is_point() && b.is_point() && a.low == b.low;
    match operator {
        Binary::Less => below(a, b, false),
        Binary::LessOrEqual => below(a, b, true),
        Binary::Greater => below(b, a, false),
        Binary::GreaterOrEqual => below(b, a, true),
        Binary::Equal if apart => Truth::Never,
        Binary::NotEqual if apart => Truth::Always,
        Binary::Equal if same => Truth::Always,
        Binary::NotEqual if same => Truth::Never,
        _ => Truth::Open,
    }
}
