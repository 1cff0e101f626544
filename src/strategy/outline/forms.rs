//! What the builder knows of a file's keys: their names for people, what each begins with, what can be chosen.
//!
//! Only what is said here is shown in blocks; all else stays text. Tests compile every word and every beginning, so the
//! language and this table cannot drift apart unnoticed.

/// The top-level keys in the order in which files usually have them.
pub(super) const KEYS: [&str; 12] = [
    "name",
    "description",
    "symbols",
    "timeframe",
    "params",
    "let",
    "script",
    "entry",
    "exit",
    "orders",
    "risk",
    "portfolio",
];

/// The timeframes that are offered; any other can be written in the text.
pub(super) const TIMEFRAMES: [&str; 12] = [
    "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d", "1w",
];

/// The keys of a parameter, with labels.
pub(super) const PARAM: [(&str, &str); 5] = [
    ("default", "Default"),
    ("min", "Min"),
    ("max", "Max"),
    ("step", "Step"),
    ("description", "What it means"),
];

/// A key that holds one value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    /// What it begins with when it is added.
    pub(super) begins: &'static str,
    pub(super) hint: &'static str,
    /// Words to choose from; expressions when there are none.
    pub(super) words: &'static [&'static str],
}

const fn key(
    key: &'static str,
    label: &'static str,
    begins: &'static str,
    hint: &'static str,
    words: &'static [&'static str],
) -> Key {
    Key {
        key,
        label,
        begins,
        hint,
        words,
    }
}

/// What an order section can say beside its type.
pub(super) const ORDER: [Key; 8] = [
    key("price", "Price", "close", "pays or takes at most this", &[]),
    key(
        "stop_price",
        "Stop price",
        "close",
        "the price that sets it off",
        &[],
    ),
    key(
        "trail",
        "Trail",
        "1%",
        "distance, such as 2 * atr(14) or 1.5%",
        &[],
    ),
    key(
        "time_in_force",
        "Time in force",
        "gtc",
        "gtc: until cancelled",
        &["gtc", "day", "ioc", "fok", "opg", "cls"],
    ),
    key("expire_after", "Expires after", "10", "bars without a fill", &[]),
    key(
        "post_only",
        "Post only",
        "true",
        "never takes from the book",
        &["true", "slide", "false"],
    ),
    key(
        "display",
        "Display",
        "10%",
        "the part of an iceberg that the book shows",
        &[],
    ),
    key(
        "extended_hours",
        "Extended hours",
        "true",
        "also before the open and after the close",
        &["true", "false"],
    ),
];

/// The keys of an order that its type decides on.
pub(super) const PRICES: [&str; 3] = ["price", "stop_price", "trail"];

/// The ways to find a size.
pub(super) const METHODS: [(&str, &str); 4] = [
    ("percent_of_equity", "percent of the equity"),
    ("fixed_quantity", "units of the instrument"),
    ("fixed_notional", "amount of money"),
    ("risk_percent", "percent at risk at the stop loss"),
];

/// What the risk section can say beside the size.
pub(super) const RISK: [Key; 8] = [
    key(
        "stop_loss",
        "Stop loss",
        "2 * atr(14)",
        "distance in price, or such as 2%; fixed at the entry",
        &[],
    ),
    key(
        "take_profit",
        "Take profit",
        "6%",
        "distance in price, or such as 6%",
        &[],
    ),
    key(
        "trailing_stop",
        "Trailing stop",
        "3%",
        "behind the best price since the entry",
        &[],
    ),
    key("max_open_positions", "Open positions at most", "1", "", &[]),
    key(
        "max_entries",
        "Entries at once at most",
        "2",
        "of all rules in one direction",
        &[],
    ),
    key(
        "max_drawdown",
        "Drawdown limit",
        "20%",
        "closes everything and halts",
        &[],
    ),
    key(
        "max_daily_loss",
        "Daily loss limit",
        "5%",
        "closes everything; no entries before the next UTC day",
        &[],
    ),
    key(
        "cooldown",
        "Cooldown",
        "10",
        "bars after an exit without entries",
        &[],
    ),
];

/// A rule's section, side and title.
pub(super) const RULES: [(&str, &str, &str); 4] = [
    ("entry", "long", "Buy to enter when"),
    ("entry", "short", "Sell short to enter when"),
    ("exit", "long", "Leave a long position when"),
    ("exit", "short", "Leave a short position when"),
];

/// What a condition can begin with, for people and as written.
pub(super) const CONDITIONS: [(&str, &str); 3] = [
    ("Comparison", "close > sma(close, 50)"),
    ("Crossing", "cross_above(sma(close, 20), sma(close, 50))"),
    ("Time in the position", "bars_in_trade >= 20"),
];
