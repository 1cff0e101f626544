//! How much an entry buys: `size`.

use super::reader::{Reader, Section};
use super::{SizeMethod, SizeSpec, shape};
use crate::strategy::yaml::Node;

/// The ways to find a size.
pub(super) const METHODS: [(&str, SizeMethod); 6] = [
    ("percent_of_equity", SizeMethod::PercentOfEquity),
    ("fixed_quantity", SizeMethod::FixedQuantity),
    ("fixed_notional", SizeMethod::FixedNotional),
    ("risk_percent", SizeMethod::RiskPercent),
    ("volatility_target", SizeMethod::VolatilityTarget),
    ("kelly", SizeMethod::Kelly),
];

impl SizeMethod {
    /// Whether its value is a percentage, which may carry its sign.
    const fn is_percentage(self) -> bool {
        !matches!(self, Self::FixedQuantity | Self::FixedNotional)
    }

    /// What it may be told beside its value.
    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::VolatilityTarget => &["lookback"],
            Self::Kelly => &["cap", "min_trades", "initial"],
            _ => &[],
        }
    }
}

impl Reader {
    pub(super) fn size(&mut self, node: &Node, path: &str) -> Option<SizeSpec> {
        let section = self.section(node, path, &shape::SIZE_SHAPE)?;
        let Some(method_node) = section.get("method") else {
            let message = "size needs a method, such as percent_of_equity";
            self.problem(node.position, path, message);
            return None;
        };
        let method = self.choice(&section, "method", &METHODS, SizeMethod::PercentOfEquity)?;
        self.check_options(&section, method);
        let Some(value) = section.get("value") else {
            self.problem(node.position, path, "size needs a value");
            return None;
        };
        let amount = self.amount(value, &section.path("value"))?;
        if amount.percent && !method.is_percentage() {
            self.problem(
                value.position,
                &section.path("value"),
                "this method takes a number, not a percentage",
            );
        }
        let mut script = |key| self.script(section.get(key)?, &section.path(key));
        let (lookback, min_trades) = (script("lookback"), script("min_trades"));
        let mut amount_of = |key| self.amount(section.get(key)?, &section.path(key));
        Some(SizeSpec {
            method,
            method_position: method_node.position,
            value: amount.script,
            lookback,
            cap: amount_of("cap"),
            min_trades,
            initial: amount_of("initial"),
        })
    }

    fn check_options(&mut self, section: &Section<'_>, method: SizeMethod) {
        for key in ["lookback", "cap", "min_trades", "initial"] {
            if let Some(node) = section.get(key)
                && !method.options().contains(&key)
            {
                let name = METHODS.iter().find(|(_, known)| *known == method);
                let message = format!("{} has no {key}", name.map_or("this method", |(name, _)| *name));
                self.problem(node.position, &section.path(key), message);
            }
        }
    }
}
