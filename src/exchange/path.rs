//! The path that the price is taken to have walked inside a bar.

use crate::market::Bar;

/// One stretch of the path, straight up or straight down (or nowhere).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Leg {
    /// Price at its start.
    pub from: f64,
    /// Price at its end.
    pub to: f64,
}

/// The legs open → nearer extreme → farther extreme → close. When both extremes are equally near, the low comes first.
#[must_use]
pub fn legs(bar: &Bar) -> [Leg; 3] {
    let (first, second) = if bar.high - bar.open < bar.open - bar.low {
        (bar.high, bar.low)
    } else {
        (bar.low, bar.high)
    };
    [
        Leg {
            from: bar.open,
            to: first,
        },
        Leg {
            from: first,
            to: second,
        },
        Leg {
            from: second,
            to: bar.close,
        },
    ]
}
