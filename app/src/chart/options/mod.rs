//! What the charts show, as ECharts options: pure functions from data to JSON, so that they are tested without a
//! browser.
//!
//! `charming` builds the frame of an option. Points are put into the finished JSON as arrays, because a chart that
//! changes several times a second should not box every number in the types of a document tree twice; so is what
//! `charming` has no field for.

mod equity;
mod marks;
mod price;

pub(crate) use equity::{EquityCurve, equity};
pub(crate) use marks::trade_marks;
pub(crate) use price::{Level, LevelKind, Mark, MarkKind, PriceView, price};

use charming::component::{Axis, DataZoom, DataZoomType, FilterMode, Grid, Legend};
use charming::element::{
    AxisLabel, AxisLine, AxisPointer, AxisPointerType, AxisTick, AxisType, Formatter, SplitLine, Tooltip,
    Trigger,
};
use serde::Serialize;
use serde_json::Value;

/// Most points of a curve that a chart is given: about as many as a wide screen has columns.
pub(crate) const MAX_POINTS: usize = 1_500;

/// A time axis; the labels of all but the lowest are left out.
fn time_axis(grid: f64, lowest: bool) -> Axis {
    Axis::new()
        .type_(AxisType::Time)
        .grid_index(grid)
        .axis_line(AxisLine::new().show(lowest))
        .axis_tick(AxisTick::new().show(lowest))
        .axis_label(AxisLabel::new().show(lowest).font_size(11.0))
        .split_line(SplitLine::new().show(false))
}

/// A value axis on the right, where the newest point is.
fn value_axis(grid: f64, label: AxisLabel) -> Axis {
    Axis::new()
        .type_(AxisType::Value)
        .grid_index(grid)
        .position("right")
        .scale(true)
        .split_number(4.0)
        .axis_line(AxisLine::new().show(false))
        .axis_tick(AxisTick::new().show(false))
        .axis_label(label.font_size(11.0))
}

fn label(formatter: String) -> AxisLabel {
    AxisLabel::new().formatter(Formatter::String(formatter))
}

/// A grid over the whole width, between two distances from the top and the bottom.
fn grid(top: &str, bottom: &str) -> Grid {
    Grid::new().left("8").right("72").top(top).bottom(bottom)
}

fn tooltip() -> Tooltip {
    Tooltip::new()
        .trigger(Trigger::Axis)
        .axis_pointer(AxisPointer::new().type_(AxisPointerType::Cross))
}

/// Zoom by wheel and drag on all time axes together.
fn zoom(axes: &[usize]) -> DataZoom {
    let axes: Vec<f64> = axes.iter().map(|axis| *axis as f64).collect();
    // Filtering would drop the candle at the edge together with the marks that stand on it.
    DataZoom::new()
        .id("zoom")
        .type_(DataZoomType::Inside)
        .x_axis_index(axes)
        .filter_mode(FilterMode::Filter)
}

/// The parts of an option that the charts have. `charming::Chart` has all that there are, and what writes a Sankey diagram as JSON
/// would come to every browser: a fortieth of the client.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Drawing {
    animation: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tooltip: Option<Tooltip>,
    #[serde(skip_serializing_if = "Option::is_none")]
    legend: Option<Legend>,
    grid: Vec<Grid>,
    x_axis: Vec<Axis>,
    y_axis: Vec<Axis>,
    data_zoom: Vec<DataZoom>,
    series: Vec<Series>,
}

/// The kinds of series that the charts have; each knows its own name.
#[derive(Serialize)]
#[serde(untagged)]
#[allow(
    clippy::large_enum_variant,
    reason = "a chart has ten at most, and most are the largest"
)]
enum Series {
    Bar(charming::series::Bar),
    Candlestick(charming::series::Candlestick),
    Line(charming::series::Line),
    Scatter(charming::series::Scatter),
}

impl Drawing {
    /// The option, with what `charming` has no field for and both kinds of chart want: one cross-hair through all grids, and labels
    /// of time that give way to each other.
    fn finish(&self) -> Value {
        let mut option = serde_json::to_value(self).unwrap_or_default();
        option["axisPointer"] = serde_json::json!({"link": [{"xAxisIndex": "all"}]});
        for axis in option["xAxis"].as_array_mut().into_iter().flatten() {
            axis["axisLabel"]["hideOverlap"] = Value::Bool(true);
        }
        option
    }
}

/// Puts `value` into the `index`th series under `key`.
fn put(option: &mut Value, index: usize, key: &str, value: Value) {
    if let Some(series) = option.get_mut("series").and_then(|series| series.get_mut(index))
        && let Some(fields) = series.as_object_mut()
    {
        fields.insert(key.to_owned(), value);
    }
}

/// A number with `digits` digits after the point: what a chart shows, and no longer in JSON than it needs to be.
fn rounded(value: f64, digits: u32) -> Value {
    let scale = 10_f64.powi(digits as i32);
    let rounded = (value * scale).round() / scale;
    if rounded.is_finite() {
        Value::from(rounded)
    } else {
        Value::Null
    }
}

fn at(time: papertape::model::Timestamp) -> Value {
    Value::from(time.millis())
}

#[cfg(test)]
mod tests;
