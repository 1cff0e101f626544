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
    // Prices are decimals: what differs by the rounding of floats only is equally near.
    let rounding = 4.0 * f64::EPSILON * bar.high;
    let nearer = (bar.open - bar.low) - (bar.high - bar.open);
    legs_in_order(bar, nearer <= rounding)
}

/// The legs open → one extreme → the other → close.
#[must_use]
pub fn legs_in_order(bar: &Bar, low_first: bool) -> [Leg; 3] {
    let (first, second) = if low_first {
        (bar.low, bar.high)
    } else {
        (bar.high, bar.low)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn the_low_comes_first_when_both_are_equally_near() {
        // As floats, 94.85 - 94.40 is less than 94.40 - 93.95.
        for (open, high, low, first) in [
            (94.40, 94.85, 93.95, 93.95),
            (88.23, 88.69, 87.77, 87.77),
            (94.40, 94.84, 93.95, 94.84),
            (94.40, 94.85, 93.96, 93.96),
        ] {
            let bar = Bar {
                open_time: Timestamp::EPOCH,
                open,
                high,
                low,
                close: open,
                volume: 1.0,
            };
            assert_eq!(legs(&bar)[0].to, first, "{open} {high} {low}");
        }
    }
}
