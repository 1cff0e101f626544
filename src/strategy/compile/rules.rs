//! Rules: what opens a position, what adds to it, what closes it.

use super::Compiler;
use crate::model::Timeframe;
use crate::strategy::expression::elaborate::Script;
use crate::strategy::program::ConditionSlot;
use crate::strategy::program::op::TRUE;
use crate::strategy::rules::{
    EntryRule, ExitRule, PartRule, ProtectionRule, Rules, SizeRule, Spacing, TargetRule,
};
use crate::strategy::spec::{AddSpec, Amount, EntrySpec, ExitSpec, ProtectionSpec, SizeSpec, StrategySpec};
use crate::strategy::time_filter::{SessionFilter, TimeFilter};

/// Size of an entry when the file does not say: percent of the equity.
const DEFAULT_SIZE: f64 = 95.0;

impl Compiler<'_> {
    pub(super) fn rules(&mut self, spec: &StrategySpec) -> Rules {
        let mut entries: Vec<EntryRule> = spec.rules.entries.iter().map(|entry| self.entry(entry)).collect();
        // The rules that add stand behind all others, so that an entry's place is the one in the file.
        let mut additions = Vec::new();
        for (place, entry) in (0..).zip(&spec.rules.entries) {
            if let (Some(add), Some(rule)) = (&entry.add, entries.get(usize::from(place))) {
                additions.push(self.addition(add, place, &rule.clone()));
            }
        }
        let most_of = |(place, rule): (u16, &EntryRule)| {
            let own = additions.iter().find(|add| add.adds_to == Some(place));
            rule.max_entries + own.map_or(0, |add| add.max_entries)
        };
        let allowed = (0..).zip(&entries).map(most_of).max().unwrap_or(1);
        let max_entries = spec
            .risk
            .max_entries
            .as_ref()
            .and_then(|script| self.count(script, 1));
        entries.extend(additions);
        Rules {
            exits: spec.rules.exits.iter().map(|exit| self.exit(exit)).collect(),
            entries,
            max_entries: max_entries.unwrap_or(allowed),
        }
    }

    fn entry(&mut self, spec: &EntrySpec) -> EntryRule {
        EntryRule {
            name: spec.name.clone(),
            long: self.rule(spec.long.as_ref()),
            short: self.rule(spec.short.as_ref()),
            order: self.order(&spec.order),
            size: self.size_or_usual(spec.size.as_ref()),
            protection: self.protection(&spec.protection),
            max_entries: self.count_or(spec.max_entries.as_ref(), 1),
            when: self.when(spec.when.as_ref()),
            adds_to: None,
            spacing: None,
        }
    }

    fn addition(&mut self, spec: &AddSpec, place: u16, to: &EntryRule) -> EntryRule {
        let name = match to.name.as_str() {
            "" => "entry.add".to_owned(),
            name => format!("{name}.add"),
        };
        let after_gain = spec.after_gain.as_ref().and_then(|amount| self.distance(amount));
        let after_loss = spec.after_loss.as_ref().and_then(|amount| self.distance(amount));
        let (mut long, mut short) = (self.rule(spec.long.as_ref()), self.rule(spec.short.as_ref()));
        if spec.long.is_none() && spec.short.is_none() {
            // The distance alone decides.
            let always = self.always();
            long = to.long.and(always);
            short = to.short.and(always);
        }
        EntryRule {
            name,
            long,
            short,
            size: match &spec.size {
                Some(size) => self.size_or_usual(Some(size)),
                None => to.size,
            },
            max_entries: self.count_or(spec.max.as_ref(), 1),
            adds_to: Some(place),
            spacing: after_gain.map(Spacing::Gain).or(after_loss.map(Spacing::Loss)),
            ..to.clone()
        }
    }

    /// A condition that always holds.
    fn always(&mut self) -> Option<ConditionSlot> {
        let slot = self.elaborator.graph.constant(super::Graph::ROOT, TRUE).ok()?;
        Some(ConditionSlot(slot))
    }

    fn exit(&mut self, spec: &ExitSpec) -> ExitRule {
        ExitRule {
            name: spec.name.clone(),
            long: self.rule(spec.long.as_ref()),
            short: self.rule(spec.short.as_ref()),
            order: self.order(&spec.order),
            of: spec.of.clone(),
            close: spec.close.as_ref().and_then(|amount| self.part(amount)),
            max_exits: self.count_or(spec.max_exits.as_ref(), 1),
            when: self.when(spec.when.as_ref()),
        }
    }

    /// A filter, which must leave bars of this timeframe a moment to act.
    fn when(&mut self, when: Option<&TimeFilter>) -> Option<TimeFilter> {
        let filter = when?;
        if filter.session != SessionFilter::Any && self.timeframe.nanos() >= Timeframe::DAY.nanos() {
            self.form_problem(
                "when.session",
                "a session filter is for bars shorter than a day, which close inside of sessions",
            );
        }
        Some(filter.clone())
    }

    fn size_or_usual(&mut self, size: Option<&SizeSpec>) -> SizeRule {
        size.and_then(|size| self.size(size))
            .unwrap_or(SizeRule::PercentOfEquity(DEFAULT_SIZE))
    }

    fn count_or(&mut self, script: Option<&Script>, usual: u32) -> u32 {
        script.and_then(|script| self.count(script, 1)).unwrap_or(usual)
    }

    fn protection(&mut self, spec: &ProtectionSpec) -> ProtectionRule {
        let mut distance = |amount: &Option<Amount>| self.distance(amount.as_ref()?);
        let (stop_loss, trailing_stop) = (distance(&spec.stop_loss), distance(&spec.trailing_stop));
        let mut take_profit = Vec::with_capacity(spec.take_profit.len());
        let mut closed = 0.0;
        for target in &spec.take_profit {
            let close = target.close.as_ref().and_then(|amount| self.target_share(amount));
            closed += close.unwrap_or(0.0);
            if closed > 1.0 + 1e-9
                && let Some(amount) = &target.close
            {
                let message = format!(
                    "the steps together close more than all: {} %",
                    round(closed * 100.0)
                );
                self.problem(&amount.script, message);
            }
            let at = self.distance(&target.at);
            take_profit.extend(at.map(|at| TargetRule { at, close }));
        }
        ProtectionRule {
            stop_loss,
            take_profit,
            trailing_stop,
        }
    }

    /// How much of an entry a step of taking profit closes.
    fn target_share(&mut self, amount: &Amount) -> Option<f64> {
        if !amount.percent {
            self.problem(
                &amount.script,
                "a step closes a percentage of the entry, such as 50%",
            );
            return None;
        }
        self.part_share(amount)
    }

    /// How much of a position an exit closes.
    fn part(&mut self, amount: &Amount) -> Option<PartRule> {
        if amount.percent {
            self.part_share(amount).map(PartRule::Share)
        } else {
            self.number(&amount.script).map(PartRule::Quantity)
        }
    }

    fn part_share(&mut self, amount: &Amount) -> Option<f64> {
        let percent = self.elaborator.constant(&amount.script).ok()?;
        if percent > 0.0 && percent <= 100.0 {
            return Some(percent / 100.0);
        }
        let message = format!("this must be above 0 % and at most 100 %; it is {percent} %");
        self.problem(&amount.script, message);
        None
    }
}

/// A percentage without the noise of its sum.
pub(super) fn round(percent: f64) -> f64 {
    (percent * 1e6).round() / 1e6
}
