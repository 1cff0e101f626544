//! The section that says how much to risk: `risk`. Size and protection in it are for all entries that say nothing else.

use super::reader::Reader;
use super::{CorrelationSpec, OrderSpec, ProtectionSpec, RiskSpec, SizeSpec, shape};
use crate::strategy::time_filter::TimeFilter;
use crate::strategy::yaml::{Content, Node};

/// What the file says for all rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Usual {
    pub(super) entry_order: OrderSpec,
    pub(super) exit_order: OrderSpec,
    pub(super) size: Option<SizeSpec>,
    pub(super) protection: ProtectionSpec,
    pub(super) when: Option<TimeFilter>,
    /// Whether there is a stop loss that could not be read, which has been said.
    pub(super) stop_loss_failed: bool,
}

impl Reader {
    pub(super) fn risk(&mut self, node: &Node) -> (Usual, RiskSpec) {
        let Some(section) = self.section(node, "risk", &shape::RISK) else {
            return Default::default();
        };
        let size = section
            .get("size")
            .and_then(|node| self.size(node, &section.path("size")));
        let protection = self.protection(&section, &ProtectionSpec::default());
        let mut amount = |key| self.amount(section.get(key)?, &section.path(key));
        let max_drawdown = amount("max_drawdown");
        let max_daily_loss = amount("max_daily_loss");
        let max_exposure = amount("max_exposure");
        let max_correlation = section
            .get("max_correlation")
            .and_then(|node| self.correlation(node, &section.path("max_correlation")));
        let mut script = |key| self.script(section.get(key)?, &section.path(key));
        let max_entries = script("max_entries");
        let max_open_positions = script("max_open_positions");
        let cooldown = script("cooldown");
        let cooldown_after_loss = script("cooldown_after_loss");
        let flatten_before_close = section.get("flatten_before_close").and_then(|node| {
            let path = section.path("flatten_before_close");
            Some((node.position, self.timeframe(node, &path)?))
        });
        let usual = Usual {
            stop_loss_failed: protection.stop_loss.is_none()
                && section.get("stop_loss").is_some_and(|node| !node.is_none_word()),
            size,
            protection,
            ..Usual::default()
        };
        let risk = RiskSpec {
            max_entries,
            max_open_positions,
            max_drawdown,
            max_daily_loss,
            cooldown,
            cooldown_after_loss,
            max_exposure,
            max_correlation,
            flatten_before_close,
        };
        (usual, risk)
    }

    /// A limit alone, or with the lookback over which it is measured.
    fn correlation(&mut self, node: &Node, path: &str) -> Option<CorrelationSpec> {
        if let Content::Scalar(_) = node.content {
            return Some(CorrelationSpec {
                limit: self.amount(node, path)?,
                lookback: None,
            });
        }
        let section = self.section(node, path, &super::portfolio::CORRELATION)?;
        let lookback = section
            .get("lookback")
            .and_then(|node| self.script(node, &section.path("lookback")));
        let Some(limit) = section.get("limit") else {
            self.problem(node.position, path, "max_correlation needs a limit, such as 0.8");
            return None;
        };
        Some(CorrelationSpec {
            limit: self.amount(limit, &section.path("limit"))?,
            lookback,
        })
    }
}
