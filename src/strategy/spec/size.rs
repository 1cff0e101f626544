//! How much an entry buys: `size`.

use super::reader::Reader;
use super::{SizeMethod, SizeSpec, shape};
use crate::strategy::yaml::{Content, Node};

/// The ways to find a size.
pub(super) const METHODS: [(&str, SizeMethod); 4] = [
    ("percent_of_equity", SizeMethod::PercentOfEquity),
    ("fixed_quantity", SizeMethod::FixedQuantity),
    ("fixed_notional", SizeMethod::FixedNotional),
    ("risk_percent", SizeMethod::RiskPercent),
];

impl Reader {
    pub(super) fn size(&mut self, node: &Node, path: &str) -> Option<SizeSpec> {
        let section = self.section(node, path, &shape::SIZE_SHAPE)?;
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
        let method = self.choice(&section, "method", &METHODS, SizeMethod::PercentOfEquity)?;
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
