//! The section that divides the account among the symbols: `portfolio`.

use super::reader::{Reader, Section, short};
use super::shape::{Holds, Shape, key};
use super::{Amount, PortfolioSpec, ScheduleSpec};
use crate::model::Symbol;
use crate::portfolio::Weighting;
use crate::strategy::portfolio::Schedule;
use crate::strategy::problem::hint;
use crate::strategy::yaml::{Content, Node};

/// The ways to divide; `None` is the one that says the weights itself.
const METHODS: [(&str, Option<Weighting>); 5] = [
    ("equal", Some(Weighting::Equal)),
    ("inverse_volatility", Some(Weighting::InverseVolatility)),
    ("risk_parity", Some(Weighting::RiskParity)),
    ("minimum_variance", Some(Weighting::MinimumVariance)),
    ("target", None),
];

/// The words for a schedule.
const SCHEDULES: [(&str, Schedule); 3] = [
    ("daily", Schedule::Daily),
    ("weekly", Schedule::Weekly),
    ("monthly", Schedule::Monthly),
];

/// How the account is divided among the symbols.
pub(crate) static PORTFOLIO: Shape = Shape {
    name: "portfolio",
    keys: &[
        key(
            "method",
            Holds::Words(|| METHODS.iter().map(|(word, _)| *word).collect()),
            "How the weights are found.",
        ),
        key(
            "weights",
            Holds::Names(&Holds::Amount),
            "Of target: each symbol's share of the equity, such as 60%. What they leave is cash.",
        ),
        key(
            "lookback",
            Holds::Expression,
            "Returns over which volatility and correlation are measured, in bars. Default: 60.",
        ),
        key(
            "rebalance",
            Holds::Either(&[
                Holds::Words(|| SCHEDULES.iter().map(|(word, _)| *word).collect()),
                Holds::Expression,
            ]),
            "When weights are found anew and trades made: daily, weekly, monthly, or after so many bars.",
        ),
        key(
            "drift",
            Holds::Amount,
            "How far a symbol's share of the equity may be from its weight before there is a rebalance, such as 5%.",
        ),
        key(
            "cash",
            Holds::Amount,
            "Share of the equity that stays cash. Default: 0%.",
        ),
        key(
            "min_trade",
            Holds::Amount,
            "The smallest trade: a percentage of the equity, or an amount of money.",
        ),
    ],
    required: &["method"],
};

/// A limit on correlation.
pub(crate) static CORRELATION: Shape = Shape {
    name: "correlation",
    keys: &[
        key("limit", Holds::Amount, "The highest correlation, such as 0.8."),
        key(
            "lookback",
            Holds::Expression,
            "Returns over which it is measured, in bars. Default: 60.",
        ),
    ],
    required: &["limit"],
};

/// What a portfolio leaves no room for, beside it and in the risk section.
const EXCLUDED: [&str; 5] = ["entry", "exit", "orders", "when", "rank"];
const EXCLUDED_RISK: [&str; 11] = [
    "size",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "max_entries",
    "max_open_positions",
    "cooldown",
    "cooldown_after_loss",
    "max_exposure",
    "max_correlation",
    "flatten_before_close",
];

impl Reader {
    pub(super) fn portfolio(&mut self, top: &Section<'_>, symbols: &[Symbol]) -> Option<PortfolioSpec> {
        let node = top.get("portfolio")?;
        self.check_alone(top);
        let section = self.section(node, "portfolio", &PORTFOLIO)?;
        if section.get("method").is_none() {
            let message = "portfolio needs a method, such as equal or risk_parity";
            self.problem(node.position, "portfolio", message);
            return None;
        }
        let weighting = self.choice(&section, "method", &METHODS, None)?;
        self.check_method(&section, weighting);
        if section.get("rebalance").is_none() && section.get("drift").is_none() {
            let message =
                "portfolio needs to know when: give rebalance, such as monthly, or drift, such as 5%";
            self.problem(node.position, "portfolio", message);
        }
        let weights = match section.get("weights") {
            Some(node) => self.weights(node, &section.path("weights"), symbols),
            None => Vec::new(),
        };
        let lookback = section
            .get("lookback")
            .and_then(|node| self.script(node, &section.path("lookback")));
        let schedule = section
            .get("rebalance")
            .and_then(|node| self.schedule(node, &section.path("rebalance")));
        let mut amount = |key| self.amount(section.get(key)?, &section.path(key));
        Some(PortfolioSpec {
            weighting,
            weights,
            lookback,
            schedule,
            drift: amount("drift"),
            cash: amount("cash"),
            min_trade: amount("min_trade"),
        })
    }

    /// A portfolio decides what is bought, how much of it and when: what else would is refused.
    fn check_alone(&mut self, top: &Section<'_>) {
        for key in EXCLUDED {
            if let Some(node) = top.get(key) {
                let message = format!("portfolio decides when to buy and to sell: leave {key} out");
                self.problem(node.position, key, message);
            }
        }
        let Some(Content::Mapping(risk)) = top.get("risk").map(|node| &node.content) else {
            return;
        };
        for (key, node) in risk {
            if EXCLUDED_RISK.contains(&key.text.as_str()) {
                let message = format!("portfolio decides how much is held: leave {} out", key.text);
                self.problem(node.position, &format!("risk.{}", key.text), message);
            }
        }
    }

    /// What belongs to one method is said with it alone.
    fn check_method(&mut self, section: &Section<'_>, weighting: Option<Weighting>) {
        let name = METHODS.iter().find(|(_, known)| *known == weighting);
        let name = name.map_or("this method", |(name, _)| *name);
        let refused: &[(&str, &str)] = match weighting {
            None => &[
                ("lookback", "its weights are given"),
                ("cash", "what its weights leave is cash"),
            ],
            Some(Weighting::Equal) => &[
                ("lookback", "it looks at no prices"),
                ("weights", "they follow from the method"),
            ],
            Some(_) => &[("weights", "they follow from the method")],
        };
        for (key, because) in refused {
            if let Some(node) = section.get(key) {
                let message = format!("{name} has no {key}: {because}");
                self.problem(node.position, &section.path(key), message);
            }
        }
        if weighting.is_none() && section.get("weights").is_none() {
            let message = "target needs weights, such as {BTC/USDT: 60%, ETH/USDT: 30%}";
            self.problem(section.position, &section.path("weights"), message);
        }
    }

    fn weights(&mut self, node: &Node, path: &str, symbols: &[Symbol]) -> Vec<(Symbol, Amount)> {
        let Some(section) = self.mapping(node, path) else {
            return Vec::new();
        };
        if section.is_empty() {
            let message = "weights is empty: give each symbol its share, such as {BTC/USDT: 60%}";
            self.problem(node.position, path, message);
        }
        let mut weights = Vec::new();
        for (key, node) in section.entries {
            let path = section.path(short(&key.text));
            match key.text.parse::<Symbol>() {
                Err(error) => self.problem(key.position(0), &path, error.to_string()),
                Ok(symbol) if !symbols.is_empty() && !symbols.contains(&symbol) => {
                    let hint = hint(&key.text, symbols.iter().map(Symbol::as_str));
                    let message = format!("the strategy does not trade {symbol}: add it to symbols{hint}");
                    self.problem(key.position(0), &path, message);
                }
                Ok(symbol) => weights.extend(self.amount(node, &path).map(|amount| (symbol, amount))),
            }
        }
        weights
    }

    fn schedule(&mut self, node: &Node, path: &str) -> Option<ScheduleSpec> {
        let text = self.scalar(node, path)?.text.trim();
        let known = SCHEDULES.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        if let Some((_, schedule)) = known {
            return Some(ScheduleSpec::Word(*schedule));
        }
        if text.chars().all(|letter| letter.is_alphabetic() || letter == '_') {
            let words = SCHEDULES.map(|(word, _)| word);
            let message = format!(
                "'{}' is not a schedule: one of {}, or a number of bars{}",
                short(text),
                words.join(", "),
                hint(text, words.into_iter())
            );
            self.problem(node.position, path, message);
            return None;
        }
        self.script(node, path).map(ScheduleSpec::Bars)
    }
}
