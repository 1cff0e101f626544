//! What the builder adds to the language's own table of keys: names for people, and what each begins with.
//!
//! Which keys there are, what each holds and what it is for is said by [`shape`](crate::strategy::spec::shape), by which
//! files are read too. A key of which nothing is said here has blocks all the same, with a name made of its own and a value of
//! its kind; tests add every key there is and compile it.

use crate::strategy::spec::{
    self,
    shape::{Holds, Key, Shape},
};

/// The timeframes that are offered; any other can be written in the text.
pub(super) const TIMEFRAMES: [&str; 12] = [
    "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d", "1w",
];

/// A shape's name, or nothing for any; a key of it; what people call it; what it begins with.
type Form = (&'static str, &'static str, &'static str, &'static str);

const CROSSING_UP: &str = "cross_above(sma(close, 20), sma(close, 50))";
const CROSSING_DOWN: &str = "cross_below(sma(close, 20), sma(close, 50))";

const FORMS: [Form; 55] = [
    ("strategy", "extends", "Template", "sma-cross"),
    ("strategy", "rank", "Rank", "roc(close, 48)"),
    ("strategy", "when", "Allowed times", "mon..fri"),
    ("strategy", "portfolio", "Division", "equal"),
    ("entry", "long", "Buy to enter when", CROSSING_UP),
    ("entry", "short", "Sell short to enter when", CROSSING_DOWN),
    ("exit", "long", "Leave a long position when", CROSSING_DOWN),
    ("exit", "short", "Leave a short position when", CROSSING_UP),
    (
        "add",
        "long",
        "Add to a long position when",
        "close > entry_price",
    ),
    (
        "add",
        "short",
        "Add to a short position when",
        "close < entry_price",
    ),
    ("", "order", "Its own order", "market"),
    ("", "add", "Adding to the position", "1 * atr(14)"),
    ("", "name", "Name", "rule"),
    ("risk", "size", "Size", "95"),
    ("", "size", "Its own size", "25"),
    ("", "when", "Its own times", "mon..fri"),
    ("entry", "max_entries", "Times in at once at most", "2"),
    ("add", "after_gain", "After a gain of", "1 * atr(14)"),
    ("add", "after_loss", "After a loss of", "1 * atr(14)"),
    ("add", "max", "Additions at most", "2"),
    ("exit", "of", "Only what these bought", ""),
    ("exit", "close", "Close only", "50%"),
    ("exit", "max_exits", "Parts at most", "2"),
    ("orders", "entry", "Entry order", "market"),
    ("orders", "exit", "Exit order", "market"),
    ("order", "price", "Price", "close"),
    ("order", "stop_price", "Stop price", "close"),
    ("order", "trail", "Trail", "1%"),
    ("order", "time_in_force", "Time in force", "gtc"),
    ("order", "expire_after", "Expires after", "10"),
    ("order", "post_only", "Post only", "true"),
    ("order", "display", "Display", "10%"),
    ("", "stop_loss", "Stop loss", "2 * atr(14)"),
    ("", "take_profit", "Take profit", "6%"),
    ("", "trailing_stop", "Trailing stop", "3%"),
    ("risk", "max_open_positions", "Open positions at most", "1"),
    ("risk", "max_entries", "Entries at once at most", "2"),
    ("risk", "max_drawdown", "Drawdown limit", "20%"),
    ("risk", "max_daily_loss", "Daily loss limit", "5%"),
    ("risk", "cooldown", "Cooldown", "10"),
    ("risk", "max_exposure", "Exposure limit", "100%"),
    ("risk", "max_correlation", "Correlation limit", "0.8"),
    ("risk", "flatten_before_close", "Flat before the close", "15m"),
    ("target", "at", "Gain", "6%"),
    ("target", "close", "Close", "25%"),
    ("", "lookback", "Lookback", "60"),
    ("size", "cap", "At most", "25"),
    ("size", "min_trades", "Trades before", "30"),
    ("size", "initial", "Until then", "1"),
    ("when", "days", "Days", "mon..fri"),
    ("when", "hours", "Hours", "09:30-16:00"),
    ("when", "from", "From", "2024-01-01"),
    ("when", "to", "To", "2100-01-01"),
    ("portfolio", "rebalance", "Rebalance", "monthly"),
    ("portfolio", "min_trade", "Smallest trade", "0.5%"),
];

fn form(shape: &Shape, key: &str) -> Option<&'static Form> {
    let fits = |of: &str| {
        FORMS
            .iter()
            .find(|(shape, known, ..)| *shape == of && *known == key)
    };
    fits(shape.name).or_else(|| fits(""))
}

/// What people call a key.
pub(super) fn label(shape: &Shape, key: &str) -> String {
    match form(shape, key) {
        Some((_, _, label, _)) => (*label).to_owned(),
        None => plain(key),
    }
}

/// A key as words.
pub(super) fn plain(key: &str) -> String {
    let words = key.replace('_', " ");
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What a key begins with when it is added; nothing where that depends on the file.
pub(super) fn begins(shape: &Shape, key: &Key) -> String {
    if let Some((.., begins)) = form(shape, key.name) {
        return (*begins).to_owned();
    }
    match &key.holds {
        Holds::Number | Holds::Expression => "1".to_owned(),
        Holds::Amount => "5%".to_owned(),
        Holds::Flag => "true".to_owned(),
        Holds::Condition => CROSSING_UP.to_owned(),
        Holds::Words(words) => words()
            .first()
            .map_or_else(String::new, |word| (*word).to_owned()),
        _ => String::new(),
    }
}

/// What a mapping begins with: its keys, the first one with the value that it is added with.
pub(super) fn start(shape: &Shape) -> &'static [(&'static str, &'static str)] {
    match shape.name {
        "order" => &[("type", "")],
        "size" => &[("method", "percent_of_equity"), ("value", "")],
        "add" => &[("after_gain", ""), ("max", "2")],
        "when" => &[("days", "")],
        "portfolio" => &[("method", ""), ("rebalance", "monthly")],
        _ => &[],
    }
}

/// The keys that a form always shows, beside those that must be there.
pub(super) fn is_always_shown(shape: &Shape, key: &str) -> bool {
    shape.required.contains(&key) || (shape.name, key) == ("order", "type")
}

/// The words of a key with what people call them, where that is not the word itself.
pub(super) const WORDS: [(&str, &str); 6] = [
    ("percent_of_equity", "percent of the equity"),
    ("fixed_quantity", "units of the instrument"),
    ("fixed_notional", "amount of money"),
    ("risk_percent", "percent at risk at the stop loss"),
    ("volatility_target", "percent of volatility a year"),
    ("kelly", "percent of the Kelly size"),
];

/// What the word under a shape's first key decides: the other keys that it needs, and those that it does not have.
pub(super) fn follows(shape: &Shape, word: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    const PRICES: [&str; 3] = ["price", "stop_price", "trail"];
    const OPTIONS: [(&str, &str); 4] = [
        ("lookback", "volatility_target"),
        ("cap", "kelly"),
        ("min_trades", "kelly"),
        ("initial", "kelly"),
    ];
    match shape.name {
        "order" => {
            let needs = spec::order_forms().find(|(name, _)| *name == word);
            let needs = needs.map_or(&[][..], |(_, needs)| needs);
            PRICES.into_iter().partition(|key| needs.contains(key))
        }
        "size" => {
            let refused = OPTIONS.iter().filter(|(_, of)| *of != word);
            (Vec::new(), refused.map(|(key, _)| *key).collect())
        }
        "portfolio" => match word {
            "target" => (vec!["weights"], vec!["lookback", "cash"]),
            "equal" => (Vec::new(), vec!["weights", "lookback"]),
            _ => (Vec::new(), vec!["weights"]),
        },
        _ => (Vec::new(), Vec::new()),
    }
}

/// Whether a key can be added to a form that holds `has` already.
pub(super) fn is_offered(shape: &Shape, key: &str, has: &dyn Fn(&str) -> bool, word: &str) -> bool {
    let (needs, refused) = follows(shape, word);
    let fits = match (shape.name, key) {
        // What rests in the book has a price.
        ("order", "post_only" | "display" | "extended_hours") => needs.contains(&"price"),
        ("order", "expire_after") => !has("time_in_force"),
        // The order's type decides on its prices.
        ("order", _) => !needs.contains(&key),
        ("add", "after_gain") => !has("after_loss"),
        ("add", "after_loss") => !has("after_gain"),
        ("exit", "max_exits") => has("close"),
        _ => true,
    };
    fits && !refused.contains(&key)
}

/// What a condition can begin with, for people and as written.
pub(super) const CONDITIONS: [(&str, &str); 3] = [
    ("Comparison", "close > sma(close, 50)"),
    ("Crossing", "cross_above(sma(close, 20), sma(close, 50))"),
    ("Time in the position", "bars_in_trade >= 20"),
];
