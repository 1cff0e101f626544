//! The equity chart: the curve in its band against buy-and-hold, and the fall from its peak under it.
//!
//! The band lies between two runs that may cross, so what is filled is the space between the lower and the higher of them
//! at each point, stacked: an unseen floor and its distance to the top. The runs themselves are unseen lines, there for
//! the tooltip.

use super::{
    Drawing, MAX_POINTS, Series, at, grid, label, put, rounded, time_axis, tooltip, value_axis, zoom,
};
use crate::chart::names::{self, LOSS, MUTED, SERIES, SURFACE};
use charming::component::Legend;
use charming::element::{ItemStyle, LineStyle, LineStyleType, Symbol, SymbolSize, Tooltip};
use charming::series::{Line, Scatter};
use papertape::analytics::thin_minmax;
use papertape::api::EquityPoint;
use papertape::market::Bar;
use papertape::model::{Price, Timestamp};
use serde_json::{Value, json};

/// Most marks on the curve, the newest: more are a texture, not a message, and the price chart has them all.
const MAX_EXITS: usize = 60;

/// What the equity chart shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EquityCurve {
    /// The curve, oldest first.
    pub(crate) points: Vec<EquityPoint>,
    /// Bars of the same span, for buy-and-hold; none to leave it out.
    pub(crate) bars: Vec<Bar>,
    /// When round trips ended, and what each brought.
    pub(crate) exits: Vec<(Timestamp, f64)>,
    /// Equity at the start.
    pub(crate) initial: f64,
    /// Digits after the point of amounts.
    pub(crate) digits: u32,
    /// The currency.
    pub(crate) currency: String,
}

/// The option as JSON.
pub(crate) fn equity(curve: &EquityCurve) -> String {
    let digits = u8::try_from(curve.digits).unwrap_or(2);
    let amount = names::number(digits, &curve.currency);
    let held = hold(curve);
    let points = thin_minmax(&curve.points, MAX_POINTS, value);
    let has_band = points.iter().any(|point| band(point).is_some());
    let mut legend = vec!["Equity"];
    if has_band {
        legend.push(BAND);
    }
    if !held.is_empty() {
        legend.push("Buy and hold");
    }
    let curve_line = |id: &str, name: &str, line: LineStyle, color: &str, value: &str| {
        Line::new()
            .id(id)
            .name(name)
            .show_symbol(false)
            .line_style(line)
            .item_style(ItemStyle::new().color(color))
            .tooltip(Tooltip::new().value_formatter(value))
    };
    let equity = LineStyle::new().color(SERIES[0]).width(1.75);
    let hold = LineStyle::new()
        .color(MUTED)
        .width(1.25)
        .type_(LineStyleType::Dashed);
    let fall = LineStyle::new().color(LOSS).width(1.0);
    let mut series = vec![
        Series::Line(curve_line("equity", "Equity", equity, SERIES[0], &amount)),
        Series::Line(curve_line("hold", "Buy and hold", hold, MUTED, &amount)),
        Series::Line(
            curve_line("drawdown", "Drawdown", fall, LOSS, &names::percent(2))
                .x_axis_index(1.0)
                .y_axis_index(1.0),
        ),
        Series::Scatter(exit_series(
            "wins",
            "Trade with a profit",
            Symbol::Circle,
            names::GAIN,
        )),
        Series::Scatter(exit_series("losses", "Trade with a loss", Symbol::Diamond, LOSS)),
    ];
    for (id, name) in [
        ("optimistic", "Optimistic fills"),
        ("pessimistic", "Pessimistic fills"),
        ("band-floor", BAND),
        ("band", BAND),
    ] {
        let unseen = LineStyle::new().width(0.0);
        let color = names::tint(SERIES[0], 45);
        series.push(Series::Line(curve_line(id, name, unseen, &color, &amount)));
    }
    let drawdown_axis = value_axis(1.0, label(names::percent(1)))
        .split_number(2.0)
        .scale(false)
        .max(0.0);
    let mut option = Drawing {
        tooltip: Some(tooltip()),
        legend: Some(
            Legend::new()
                .data(legend)
                .left("8")
                .top("0")
                .item_width(14.0)
                .item_height(8.0),
        ),
        grid: vec![grid("28", "104"), grid("", "28").height("60")],
        x_axis: vec![time_axis(0.0, false), time_axis(1.0, true)],
        y_axis: vec![value_axis(0.0, label(names::number(0, ""))), drawdown_axis],
        data_zoom: vec![zoom(&[0, 1])],
        series,
        ..Drawing::default()
    }
    .finish();
    frame_flat(&mut option, &points);
    let line = |of: &dyn Fn(&EquityPoint) -> Value| {
        Value::Array(
            points
                .iter()
                .map(|point| Value::Array(vec![at(point.time), of(point)]))
                .collect(),
        )
    };
    put(
        &mut option,
        0,
        "data",
        line(&|point| rounded(value(point), curve.digits)),
    );
    put(&mut option, 1, "data", Value::Array(held));
    put(&mut option, 2, "data", line(&|point| rounded(-point.drawdown, 5)));
    put(
        &mut option,
        2,
        "areaStyle",
        json!({"color": names::tint(LOSS, 25), "origin": "end"}),
    );
    for (index, wins) in [(3, true), (4, false)] {
        put(&mut option, index, "data", exits(curve, wins));
        put(&mut option, index, "z", json!(4));
    }
    put_band(&mut option, if has_band { &points } else { &[] }, curve.digits);
    option.to_string()
}

/// What the legend calls the band.
const BAND: &str = "Band of fills";

/// Puts the band into the four series after the others: both runs, the floor, and the height above it.
fn put_band(option: &mut Value, points: &[EquityPoint], digits: u32) {
    let mut put_line = |index, of: &dyn Fn(&EquityPoint) -> Option<f64>| {
        let shown = |point| of(point).map_or(Value::Null, |equity| rounded(equity, digits));
        let line = points
            .iter()
            .map(|point| Value::Array(vec![at(point.time), shown(point)]));
        put(option, index, "data", line.collect());
    };
    put_line(5, &optimistic);
    put_line(6, &pessimistic);
    put_line(7, &|point| band(point).map(|(low, _)| low));
    put_line(8, &|point| band(point).map(|(low, high)| high - low));
    for index in [7, 8] {
        put(option, index, "stack", json!("band"));
        put(option, index, "stackStrategy", json!("all"));
        put(option, index, "silent", json!(true));
        put(option, index, "tooltip", json!({"show": false}));
        put(option, index, "z", json!(1));
    }
    let color = names::tint(SERIES[0], 22);
    put(option, 8, "areaStyle", json!({"color": color}));
}

fn optimistic(point: &EquityPoint) -> Option<f64> {
    point.optimistic.map(|equity| Price(equity).to_f64())
}

fn pessimistic(point: &EquityPoint) -> Option<f64> {
    point.pessimistic.map(|equity| Price(equity).to_f64())
}

/// The lower and the higher of the two runs beside the curve.
fn band(point: &EquityPoint) -> Option<(f64, f64)> {
    let (kind, unkind) = (optimistic(point)?, pessimistic(point)?);
    Some((kind.min(unkind), kind.max(unkind)))
}

fn exit_series(id: &str, name: &str, symbol: Symbol, color: &str) -> Scatter {
    Scatter::new()
        .id(id)
        .name(name)
        .symbol(symbol)
        .symbol_size(SymbolSize::Number(7.0))
        .item_style(
            ItemStyle::new()
                .color(color)
                .border_color(SURFACE)
                .border_width(1.0),
        )
}

fn value(point: &EquityPoint) -> f64 {
    Price(point.equity).to_f64()
}

/// A curve that has not moved yet would fill its box with nothing to compare: it gets a little room on either side.
fn frame_flat(option: &mut Value, points: &[EquityPoint]) {
    let (low, high) = points
        .iter()
        .flat_map(|point| {
            let (low, high) = band(point).unwrap_or((value(point), value(point)));
            [value(point), low, high]
        })
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), equity| {
            (low.min(equity), high.max(equity))
        });
    if high - low < high.abs() * 1e-4 {
        option["yAxis"][0]["min"] = rounded(low - high.abs() * 0.005, 0);
        option["yAxis"][0]["max"] = rounded(high + high.abs() * 0.005, 0);
    }
    let deepest = points.iter().map(|point| point.drawdown).fold(0.0, f64::max);
    if deepest < 0.002 {
        option["yAxis"][1]["min"] = rounded(-0.002, 3);
    }
}

/// What the initial capital would be worth, had it all gone into the instrument at the first close.
fn hold(curve: &EquityCurve) -> Vec<Value> {
    let Some(first) = curve.bars.first().filter(|bar| bar.close > 0.0) else {
        return Vec::new();
    };
    let bars = thin_minmax(&curve.bars, MAX_POINTS, |bar| bar.close);
    bars.iter()
        .map(|bar| {
            let worth = curve.initial * bar.close / first.close;
            Value::Array(vec![at(bar.open_time), rounded(worth, curve.digits)])
        })
        .collect()
}

/// Round trips' ends, oldest first, whichever way they came.
fn exits_in_order(curve: &EquityCurve) -> Vec<(Timestamp, f64)> {
    let mut exits = curve.exits.clone();
    exits.sort_by_key(|(time, _)| *time);
    exits
}

/// Marks on the curve where round trips ended: at the equity of the nearest point at or after.
fn exits(curve: &EquityCurve, wins: bool) -> Value {
    let newest = curve.exits.len().saturating_sub(MAX_EXITS);
    let marks = exits_in_order(curve)[newest..]
        .iter()
        .filter(|(_, pnl)| (*pnl > 0.0) == wins)
        .filter_map(|(time, _)| {
            let index = curve.points.partition_point(|point| point.time < *time);
            let point = curve.points.get(index).or_else(|| curve.points.last())?;
            let early = curve.points.first().is_some_and(|first| *time < first.time);
            (!early).then(|| Value::Array(vec![at(*time), rounded(value(point), curve.digits)]))
        })
        .collect();
    Value::Array(marks)
}
