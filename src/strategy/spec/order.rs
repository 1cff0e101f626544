//! The section that says by which orders to trade: `orders`.

use super::reader::{Reader, Section};
use super::{Amount, OrderKindSpec, OrderSpec, TimeInForceSpec, shape};
use crate::order::PostOnly;
use crate::strategy::expression::elaborate::Script;
use crate::strategy::rules::TimeInForceRule;
use crate::strategy::yaml::Node;

/// A type of order by its name, with the keys that it needs; it has no others of these three.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) name: &'static str,
    needs: &'static [&'static str],
}

pub(super) const FORMS: [Form; 7] = [
    Form::new("market", &[]),
    Form::new("limit", &["price"]),
    Form::new("stop", &["stop_price"]),
    Form::new("stop_limit", &["stop_price", "price"]),
    Form::new("take_profit", &["stop_price"]),
    Form::new("take_profit_limit", &["stop_price", "price"]),
    Form::new("trailing_stop", &["trail"]),
];

pub(super) const TIMES_IN_FORCE: [(&str, TimeInForceRule); 6] = [
    ("gtc", TimeInForceRule::Gtc),
    ("ioc", TimeInForceRule::Ioc),
    ("fok", TimeInForceRule::Fok),
    ("day", TimeInForceRule::Day),
    ("opg", TimeInForceRule::Opg),
    ("cls", TimeInForceRule::Cls),
];

pub(super) const POST_ONLY: [(&str, Option<PostOnly>); 4] = [
    ("true", Some(PostOnly::Reject)),
    ("reject", Some(PostOnly::Reject)),
    ("slide", Some(PostOnly::Slide)),
    ("false", None),
];

pub(super) const FLAG: [(&str, bool); 2] = [("true", true), ("false", false)];

/// The types of orders by name, each with the prices that it needs.
pub(in crate::strategy) fn forms() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    FORMS.iter().map(|form| (form.name, form.needs))
}

impl Form {
    const fn new(name: &'static str, needs: &'static [&'static str]) -> Self {
        Self { name, needs }
    }

    /// Whether it ends as a limit order.
    fn has_limit(self) -> bool {
        self.needs.contains(&"price")
    }
}

/// The expressions of an order, as far as they are there.
#[derive(Default)]
struct Prices {
    price: Option<Script>,
    stop_price: Option<Script>,
    trail: Option<Amount>,
}

impl Prices {
    /// The type with its expressions; `None` when one is missing, which has been said.
    fn into_kind(self, form: Form) -> Option<OrderKindSpec> {
        let Self {
            price,
            stop_price,
            trail,
        } = self;
        Some(match form.name {
            "limit" => OrderKindSpec::Limit { price: price? },
            "stop" => OrderKindSpec::Stop {
                stop_price: stop_price?,
            },
            "stop_limit" => OrderKindSpec::StopLimit {
                stop_price: stop_price?,
                price: price?,
            },
            "take_profit" => OrderKindSpec::TakeProfit {
                stop_price: stop_price?,
            },
            "take_profit_limit" => OrderKindSpec::TakeProfitLimit {
                stop_price: stop_price?,
                price: price?,
            },
            "trailing_stop" => OrderKindSpec::TrailingStop { trail: trail? },
            _ => OrderKindSpec::Market,
        })
    }
}

impl Reader {
    pub(super) fn order(&mut self, node: &Node, path: &str) -> Option<OrderSpec> {
        let section = self.section(node, path, &shape::ORDER)?;
        let form = self.choice(&section, "type", &FORMS.map(|form| (form.name, form)), FORMS[0])?;
        let kind = self.prices(&section, node, form).into_kind(form);
        let time_in_force = self.choice(&section, "time_in_force", &TIMES_IN_FORCE, TimeInForceRule::Gtc)?;
        self.check_auction(&section, form, time_in_force);
        let expire_after = self.expire_after(&section, time_in_force);
        let post_only = self.choice(&section, "post_only", &POST_ONLY, None);
        if post_only.flatten().is_some() {
            self.check_rests(&section, "post_only", form, time_in_force);
        }
        let display = section
            .get("display")
            .and_then(|node| self.amount(node, &section.path("display")));
        if display.is_some() {
            self.check_rests(&section, "display", form, time_in_force);
        }
        let extended_hours = self.extended_hours(&section, form, time_in_force);
        Some(OrderSpec {
            kind: kind?,
            time_in_force: expire_after.map_or(TimeInForceSpec::Word(time_in_force), TimeInForceSpec::Bars),
            post_only: post_only?,
            display,
            extended_hours,
        })
    }

    /// The expressions that the type needs, and no others.
    fn prices(&mut self, section: &Section<'_>, node: &Node, form: Form) -> Prices {
        for key in ["price", "stop_price", "trail"] {
            let (needed, there) = (form.needs.contains(&key), section.get(key));
            let name = form.name;
            let (position, message) = match there {
                Some(node) if !needed => (node.position, format!("a {name} order has no {key}")),
                None if needed => (node.position, format!("a {name} order needs a {key}")),
                _ => continue,
            };
            self.problem(position, &section.path(key), message);
        }
        let needed = |key| section.get(key).filter(|_| form.needs.contains(&key));
        Prices {
            price: needed("price").and_then(|node| self.script(node, &section.path("price"))),
            stop_price: needed("stop_price").and_then(|node| self.script(node, &section.path("stop_price"))),
            trail: needed("trail").and_then(|node| self.amount(node, &section.path("trail"))),
        }
    }

    /// A number of bars is a time in force of its own, so it leaves room for no other.
    fn expire_after(&mut self, section: &Section<'_>, word: TimeInForceRule) -> Option<Script> {
        let node = section.get("expire_after")?;
        if word != TimeInForceRule::Gtc {
            let message = format!(
                "expire_after contradicts time_in_force {}: leave one of them out, or write gtc",
                name_of(word)
            );
            self.problem(node.position, &section.path("expire_after"), message);
        }
        self.script(node, &section.path("expire_after"))
    }

    fn check_auction(&mut self, section: &Section<'_>, form: Form, word: TimeInForceRule) {
        if is_auction(word)
            && !matches!(form.name, "market" | "limit")
            && let Some(node) = section.get("time_in_force")
        {
            let message = format!(
                "only market and limit orders go into an auction ({}), a {} order does not",
                name_of(word),
                form.name
            );
            self.problem(node.position, &section.path("time_in_force"), message);
        }
    }

    /// Only what can rest in the book can be kept from taking, or be shown in part.
    fn check_rests(&mut self, section: &Section<'_>, key: &str, form: Form, word: TimeInForceRule) {
        let Some(node) = section.get(key) else { return };
        let flaw = if !form.has_limit() {
            format!("a {} order never does", form.name)
        } else if is_auction(word) || matches!(word, TimeInForceRule::Ioc | TimeInForceRule::Fok) {
            format!("one that is {} never does", name_of(word))
        } else {
            return;
        };
        let message = format!("{key} is for limit orders that rest in the book: {flaw}");
        self.problem(node.position, &section.path(key), message);
    }

    fn extended_hours(&mut self, section: &Section<'_>, form: Form, word: TimeInForceRule) -> bool {
        let wanted = self.choice(section, "extended_hours", &FLAG, false) == Some(true);
        if let Some(node) = section.get("extended_hours").filter(|_| wanted) {
            let message = if form.name != "limit" {
                format!(
                    "outside the regular session only limit orders trade, a {} order does not",
                    form.name
                )
            } else if is_auction(word) {
                format!(
                    "extended_hours contradicts time_in_force {}: auctions are in the regular session",
                    name_of(word)
                )
            } else {
                return wanted;
            };
            self.problem(node.position, &section.path("extended_hours"), message);
        }
        wanted
    }
}

const fn is_auction(word: TimeInForceRule) -> bool {
    matches!(word, TimeInForceRule::Opg | TimeInForceRule::Cls)
}

fn name_of(word: TimeInForceRule) -> &'static str {
    TIMES_IN_FORCE
        .iter()
        .find(|(_, rule)| *rule == word)
        .map_or("", |(name, _)| name)
}
