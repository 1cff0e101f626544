//! What a strategy file may hold: every key, what belongs to it, and what it is for.
//!
//! The reader knows no other keys, and the JSON Schema for editors is made of the same table, so the two cannot differ.

use super::order::{FORMS, POST_ONLY, TIMES_IN_FORCE};
use super::portfolio::{CORRELATION, PORTFOLIO};
use super::script::KINDS;
use super::size::METHODS;
use super::when::SESSIONS;
use crate::market::TimeZone;

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What the schema calls it.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
    /// Those that must be there.
    pub(crate) required: &'static [&'static str],
}

/// One key of a mapping.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) holds: Holds,
    /// For people, in one sentence.
    pub(crate) about: &'static str,
}

/// What belongs to a key.
#[derive(Debug)]
pub(crate) enum Holds {
    /// Any text.
    Text,
    /// A number as written, without calculation.
    Number,
    /// `true` or `false`.
    Flag,
    /// An expression that gives a number.
    Expression,
    /// An expression that gives a condition.
    Condition,
    /// An expression, or a constant with a percent sign.
    Amount,
    /// One of some words.
    Words(fn() -> Vec<&'static str>),
    /// A mapping with known keys.
    Shape(&'static Shape),
    /// A mapping of names that the file chooses.
    Names(&'static Holds),
    /// A list.
    List(&'static Holds),
    /// Any of these.
    Either(&'static [Holds]),
}

impl Shape {
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().map(|key| key.name)
    }
}

pub(super) const fn key(name: &'static str, holds: Holds, about: &'static str) -> Key {
    Key { name, holds, about }
}

/// One of several forms of which the first is the usual one.
const fn one_or_list(one: &'static [Holds]) -> Holds {
    Holds::Either(one)
}

/// A script.
pub(crate) static SCRIPT: Shape = Shape {
    name: "script",
    keys: &[
        key(
            "gives",
            Holds::Names(&Holds::Words(|| KINDS.map(|(word, _)| word).to_vec())),
            "The values that it computes: each a number or a condition, which expressions read by name.",
        ),
        key("code", Holds::Text, "Its text, in the language Rhai."),
    ],
    required: &["gives", "code"],
};

/// The whole file.
pub(crate) static STRATEGY: Shape = Shape {
    name: "strategy",
    keys: &[
        key("name", Holds::Text, "What the strategy is called."),
        key("description", Holds::Text, "For people."),
        key(
            "extends",
            Holds::Text,
            "Another strategy, of which this file says only what is different.",
        ),
        key(
            "symbols",
            one_or_list(&[Holds::Text, Holds::List(&Holds::Text)]),
            "Instruments that the start form proposes, such as BTC/USDT.",
        ),
        key(
            "timeframe",
            Holds::Text,
            "The bar at whose close rules run: a count and s, m, h, d or w, such as 5m. Default: 1m.",
        ),
        key(
            "params",
            Holds::Names(&Holds::Either(&[Holds::Number, Holds::Shape(&PARAMETER)])),
            "Numbers that can be changed without touching the rules; $name is their value.",
        ),
        key(
            "let",
            Holds::Names(&Holds::Either(&[Holds::Expression, Holds::Condition])),
            "Names for expressions and conditions, in any order.",
        ),
        key(
            "script",
            Holds::Shape(&SCRIPT),
            "What expressions cannot say: a script that computes values for the rules at each close.",
        ),
        key(
            "entry",
            one_or_list(&[Holds::Shape(&ENTRY), Holds::List(&Holds::Shape(&ENTRY))]),
            "When to open a position: one rule, or a list of rules with names.",
        ),
        key(
            "when",
            Holds::Shape(&WHEN),
            "When entries may act that say nothing else themselves.",
        ),
        key(
            "exit",
            one_or_list(&[Holds::Shape(&EXIT), Holds::List(&Holds::Shape(&EXIT))]),
            "When to close it: one rule, or a list of rules with names.",
        ),
        key(
            "orders",
            Holds::Shape(&ORDERS),
            "Kinds of order for entries and exits.",
        ),
        key("risk", Holds::Shape(&RISK), "Size, protection and limits."),
        key(
            "rank",
            Holds::Expression,
            "Of several symbols that want to enter at one close, the one for which this is highest comes first.",
        ),
        key(
            "portfolio",
            Holds::Shape(&PORTFOLIO),
            "Divides the account among the symbols, in place of entries and exits.",
        ),
    ],
    required: &["name"],
};

/// One parameter.
pub(crate) static PARAMETER: Shape = Shape {
    name: "parameter",
    keys: &[
        key("default", Holds::Number, "Its value unless it is overridden."),
        key("min", Holds::Number, "Smallest value."),
        key("max", Holds::Number, "Largest value."),
        key("step", Holds::Number, "What forms and sweeps propose."),
        key("description", Holds::Text, "What it does."),
    ],
    required: &["default"],
};

static TARGETS: [Holds; 2] = [Holds::Amount, Holds::List(&Holds::Shape(&TARGET))];

const STOP_LOSS: Key = key(
    "stop_loss",
    Holds::Amount,
    "Loss at which the entry is closed: a distance in price, or a percentage of the entry price.",
);
const TAKE_PROFIT: Key = key(
    "take_profit",
    Holds::Either(&TARGETS),
    "Gain at which the entry is closed, or steps of which each closes a part.",
);
const TRAILING_STOP: Key = key(
    "trailing_stop",
    Holds::Amount,
    "Distance at which a stop follows the best price since the entry.",
);
const SIZE: Key = key(
    "size",
    Holds::Shape(&SIZE_SHAPE),
    "How much an entry buys or sells.",
);

/// A rule that opens a position.
pub(crate) static ENTRY: Shape = Shape {
    name: "entry",
    keys: &[
        key("name", Holds::Text, "What orders and trades call it."),
        key("long", Holds::Condition, "Buys when it holds."),
        key("short", Holds::Condition, "Sells short when it holds."),
        key(
            "order",
            Holds::Shape(&ORDER),
            "By which order, in place of orders.entry.",
        ),
        SIZE,
        STOP_LOSS,
        TAKE_PROFIT,
        TRAILING_STOP,
        WHEN_KEY,
        key(
            "max_entries",
            Holds::Expression,
            "Most times that the rule may be in a position at once. Default: 1.",
        ),
        key(
            "add",
            Holds::Shape(&ADD),
            "How the position that the rule opened is added to.",
        ),
    ],
    required: &[],
};

/// How an entry's position is added to.
pub(crate) static ADD: Shape = Shape {
    name: "add",
    keys: &[
        key("long", Holds::Condition, "Adds to a long position when it holds."),
        key(
            "short",
            Holds::Condition,
            "Adds to a short position when it holds.",
        ),
        key(
            "after_gain",
            Holds::Amount,
            "How far the market must have gone in favour since the last fill.",
        ),
        key(
            "after_loss",
            Holds::Amount,
            "How far the market must have gone against the position since the last fill.",
        ),
        key("max", Holds::Expression, "Most additions. Default: 1."),
        SIZE,
    ],
    required: &[],
};

const WHEN_KEY: Key = key("when", Holds::Shape(&WHEN), "When it may act.");

/// When rules may act.
pub(crate) static WHEN: Shape = Shape {
    name: "when",
    keys: &[
        key(
            "days",
            one_or_list(&[Holds::Text, Holds::List(&Holds::Text)]),
            "Days of the week: mon, tue, wed, thu, fri, sat, sun, or ranges such as mon..fri.",
        ),
        key(
            "hours",
            one_or_list(&[Holds::Text, Holds::List(&Holds::Text)]),
            "Stretches of the day such as 09:30-16:00, which hold their first moment and not their last.",
        ),
        key(
            "timezone",
            Holds::Words(|| TimeZone::ALL.iter().map(|zone| zone.as_str()).collect()),
            "Whose clocks days, hours and dates go by. Default: UTC.",
        ),
        key("from", Holds::Text, "The first date or time."),
        key("to", Holds::Text, "The date or time before which it ends."),
        key(
            "session",
            Holds::Words(|| SESSIONS.iter().map(|(word, _)| *word).collect()),
            "Phases of the market, by its own calendar. Default: any.",
        ),
    ],
    required: &[],
};

/// One step of taking profit.
pub(crate) static TARGET: Shape = Shape {
    name: "target",
    keys: &[
        key(
            "at",
            Holds::Amount,
            "The gain: a distance in price, or a percentage of the entry price.",
        ),
        key(
            "close",
            Holds::Amount,
            "How much of the entry it closes, in percent. Default: all that is left.",
        ),
    ],
    required: &["at"],
};

/// A rule that closes a position or a part of it.
pub(crate) static EXIT: Shape = Shape {
    name: "exit",
    keys: &[
        key("name", Holds::Text, "What orders and trades call it."),
        key("long", Holds::Condition, "Closes a long position when it holds."),
        key(
            "short",
            Holds::Condition,
            "Closes a short position when it holds.",
        ),
        key(
            "of",
            one_or_list(&[Holds::Text, Holds::List(&Holds::Text)]),
            "Names of the entries whose part of the position it closes. Default: all of it.",
        ),
        key(
            "close",
            Holds::Amount,
            "How much of that: a percentage, or units of the instrument. Default: all of it.",
        ),
        key(
            "max_exits",
            Holds::Expression,
            "How often in one position it closes a part. Default: 1.",
        ),
        key(
            "order",
            Holds::Shape(&ORDER),
            "By which order, in place of orders.exit.",
        ),
        WHEN_KEY,
    ],
    required: &[],
};

/// Kinds of order.
pub(crate) static ORDERS: Shape = Shape {
    name: "orders",
    keys: &[
        key("entry", Holds::Shape(&ORDER), "Of entries. Default: market."),
        key("exit", Holds::Shape(&ORDER), "Of exits by rule. Default: market."),
    ],
    required: &[],
};

/// One kind of order.
pub(crate) static ORDER: Shape = Shape {
    name: "order",
    keys: &[
        key(
            "type",
            Holds::Words(|| FORMS.iter().map(|form| form.name).collect()),
            "What it waits for. Default: market.",
        ),
        key(
            "price",
            Holds::Expression,
            "The worst price that a limit order accepts.",
        ),
        key("stop_price", Holds::Expression, "The price that sets it off."),
        key(
            "trail",
            Holds::Amount,
            "How far a trailing stop stays behind the best price.",
        ),
        key(
            "time_in_force",
            Holds::Words(|| TIMES_IN_FORCE.iter().map(|(word, _)| *word).collect()),
            "How long it stands. Default: gtc.",
        ),
        key(
            "expire_after",
            Holds::Expression,
            "Cancels it after so many bars.",
        ),
        key(
            "post_only",
            Holds::Either(&[
                Holds::Flag,
                Holds::Words(|| POST_ONLY.iter().map(|(word, _)| *word).collect()),
            ]),
            "What becomes of it when it would take instead of resting.",
        ),
        key(
            "display",
            Holds::Amount,
            "An iceberg: what the book shows of it at once, a percentage or a quantity.",
        ),
        key(
            "extended_hours",
            Holds::Flag,
            "Whether a limit order also fills before the open and after the close.",
        ),
    ],
    required: &[],
};

/// Size, protection and limits.
pub(crate) static RISK: Shape = Shape {
    name: "risk",
    keys: &[
        SIZE,
        STOP_LOSS,
        TAKE_PROFIT,
        TRAILING_STOP,
        key(
            "max_entries",
            Holds::Expression,
            "Most entries of one direction at once. Default: what the entries allow.",
        ),
        key(
            "max_open_positions",
            Holds::Expression,
            "Most positions at the same time. Default: 1.",
        ),
        key(
            "max_drawdown",
            Holds::Amount,
            "Loss from the highest equity at which everything is closed and the strategy halts.",
        ),
        key(
            "max_daily_loss",
            Holds::Amount,
            "Loss of a UTC day at which everything is closed; no entries before the next day.",
        ),
        key(
            "cooldown",
            Holds::Expression,
            "Bars after an exit without entries.",
        ),
        key(
            "cooldown_after_loss",
            Holds::Expression,
            "The same after a trade that lost, if that is longer.",
        ),
        key(
            "max_exposure",
            Holds::Amount,
            "Most value of all positions and entries together, as a share of the equity: sizes are cut to it.",
        ),
        key(
            "max_correlation",
            Holds::Either(&[Holds::Amount, Holds::Shape(&CORRELATION)]),
            "The highest correlation of an entry's returns with those of what is held: beyond it the entry is denied.",
        ),
        key(
            "flatten_before_close",
            Holds::Text,
            "How long before the end of the regular session the position is closed, such as 15m; no entries from then on.",
        ),
    ],
    required: &[],
};

/// How much an entry buys.
pub(crate) static SIZE_SHAPE: Shape = Shape {
    name: "size",
    keys: &[
        key(
            "method",
            Holds::Words(|| METHODS.iter().map(|(word, _)| *word).collect()),
            "How the size is found.",
        ),
        key("value", Holds::Amount, "What the method works with."),
        key(
            "lookback",
            Holds::Expression,
            "Of volatility_target: bars over which volatility is measured. Default: 60.",
        ),
        key(
            "cap",
            Holds::Amount,
            "Of kelly: most of the equity to spend, in percent. Default: 100.",
        ),
        key(
            "min_trades",
            Holds::Expression,
            "Of kelly: closed trades before they are believed. Default: 30.",
        ),
        key(
            "initial",
            Holds::Amount,
            "Of kelly: percent of the equity to spend until then. Default: 1.",
        ),
    ],
    required: &["method", "value"],
};
