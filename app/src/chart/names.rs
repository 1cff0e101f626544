//! What an option calls the things that only the browser has: the page's colours, and formatters.
//!
//! A colour is any CSS colour, `var()` included: `charts.js` asks the style sheet what it is now and asks again when
//! the theme changes. A formatter is a word with an `@` where ECharts expects a function.

/// The colour of gains.
pub const GAIN: &str = "var(--gain)";
/// The colour of losses.
pub const LOSS: &str = "var(--loss)";
/// The colour of words on charts.
pub const TEXT: &str = "var(--chart-text)";
/// The colour of words that stand back, such as those on axes.
pub const MUTED: &str = "var(--chart-muted)";
/// The colour of grid lines and borders.
pub const GRID: &str = "var(--chart-grid)";
/// What lies behind words that float over a chart.
pub const SURFACE: &str = "var(--chart-surface)";
/// The colours of series, in order.
pub const SERIES: [&str; 6] = [
    "var(--chart-1)",
    "var(--chart-2)",
    "var(--chart-3)",
    "var(--chart-4)",
    "var(--chart-5)",
    "var(--chart-6)",
];

/// A colour, so much of it: `tint(GAIN, 20)` fills the area under a gain.
#[must_use]
pub fn tint(color: &str, percent: u8) -> String {
    format!("color-mix(in srgb, {color} {percent}%, transparent)")
}

/// A number with so many digits after the point, then its unit unless that is empty.
#[must_use]
pub fn number(digits: u8, unit: &str) -> String {
    format!("@number:{digits}:{unit}")
}

/// A ratio as percent: 0.05 is `5.0 %` at one digit.
#[must_use]
pub fn percent(digits: u8) -> String {
    format!("@percent:{digits}")
}

/// A large number, short: `1.2M`.
#[must_use]
pub fn compact() -> String {
    "@compact".to_owned()
}

/// A date and time in the reader's zone.
#[must_use]
pub fn time() -> String {
    "@time".to_owned()
}

/// A date in the reader's zone.
#[must_use]
pub fn date() -> String {
    "@date".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use charming::{
        Chart,
        component::Axis,
        element::{AxisLabel, AxisType, Formatter, LineStyle},
        series::Line,
    };
    use serde_json::{Value, json};

    #[test]
    fn an_option_built_with_charming_carries_the_names() {
        let chart = Chart::new()
            .x_axis(Axis::new().type_(AxisType::Time))
            .y_axis(
                Axis::new()
                    .type_(AxisType::Value)
                    .axis_label(AxisLabel::new().formatter(Formatter::String(number(2, "USDT")))),
            )
            .series(
                Line::new()
                    .id("equity")
                    .line_style(LineStyle::new().color(SERIES[0]))
                    .data(vec![vec![0.0, 100.0], vec![60_000.0, 101.5]]),
            );

        let option: Value = serde_json::from_str(&chart.to_string()).expect("an option is JSON");

        let series = &option["series"][0];
        assert_eq!(series["id"], "equity");
        assert_eq!(series["lineStyle"]["color"], "var(--chart-1)");
        assert_eq!(series["data"], json!([[0.0, 100.0], [60_000.0, 101.5]]));
        assert_eq!(
            option
                .pointer("/yAxis/0/axisLabel/formatter")
                .or(option.pointer("/yAxis/axisLabel/formatter")),
            Some(&json!("@number:2:USDT"))
        );
    }

    #[test]
    fn a_tint_is_a_css_colour() {
        assert_eq!(tint(LOSS, 20), "color-mix(in srgb, var(--loss) 20%, transparent)");
    }
}
