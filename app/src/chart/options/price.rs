//! The price chart: candles and volume, with the session's own marks and working prices on them.

use super::{Drawing, Series, at, grid, label, put, rounded, time_axis, tooltip, value_axis, zoom};
use crate::chart::names::{self, GAIN, LOSS, MUTED, SERIES, SURFACE, TEXT};
use charming::component::Axis;
use charming::element::{
    Emphasis, ItemStyle, Label, LabelPosition, LineStyle, LineStyleType, MarkLine, MarkLineData,
    MarkLineVariant, Symbol, SymbolSize,
};
use charming::series::{Bar as Columns, Candlestick, Line, Scatter};
use papertape::market::Bar;
use papertape::model::Timestamp;
use serde_json::{Value, json};

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkKind {
    /// A buy that opens.
    LongEntry,
    /// A sale that opens.
    ShortEntry,
    /// What closes with a profit.
    WinningExit,
    /// What closes with a loss.
    LosingExit,
}

/// One fill or round trip's end on the chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    /// When.
    pub(crate) time: Timestamp,
    /// At which price.
    pub(crate) price: f64,
    /// What it is.
    pub(crate) kind: MarkKind,
    /// What the cross-hair says about it.
    pub(crate) text: String,
}

/// What a working price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LevelKind {
    /// Where the position was opened.
    Entry,
    /// Where it will be closed at a loss.
    Stop,
    /// Where it will be closed with a profit.
    Target,
    /// An order that would open.
    Order,
}

/// A price at which something waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Level {
    /// Which price.
    pub(crate) price: f64,
    /// For what.
    pub(crate) kind: LevelKind,
    /// A word or two.
    pub(crate) text: String,
}

/// What the price chart shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PriceView {
    /// Candles, oldest first.
    pub(crate) bars: Vec<Bar>,
    /// Entries and exits.
    pub(crate) marks: Vec<Mark>,
    /// Working prices.
    pub(crate) levels: Vec<Level>,
    /// When the session began, when there are bars from before.
    pub(crate) began: Option<Timestamp>,
    /// Digits after the point of prices.
    pub(crate) digits: u32,
    /// How many of the newest bars are in view at first; all when `None`.
    pub(crate) window: Option<usize>,
}

const SERIES_MARKS: [(&str, &str, MarkKind); 4] = [
    ("long-entries", "Buy to open", MarkKind::LongEntry),
    ("short-entries", "Sell to open", MarkKind::ShortEntry),
    ("winning-exits", "Close, profit", MarkKind::WinningExit),
    ("losing-exits", "Close, loss", MarkKind::LosingExit),
];

/// The option as JSON.
pub(crate) fn price(view: &PriceView) -> String {
    let mut option = frame(view);
    candles(&mut option, view);
    put(&mut option, 2, "data", json!([]));
    for (offset, (_, _, kind)) in SERIES_MARKS.iter().enumerate() {
        marks(&mut option, 3 + offset, view, *kind);
    }
    option.to_string()
}

fn frame(view: &PriceView) -> Value {
    let volume = Columns::new()
        .id("volume")
        .name("Volume")
        .x_axis_index(1.0)
        .y_axis_index(1.0)
        .item_style(ItemStyle::new().color(names::tint(MUTED, 45)));
    let mut series = vec![
        Series::Candlestick(Candlestick::new().id("price").name("Price")),
        Series::Bar(volume),
        Series::Line(levels(view)),
    ];
    series.extend(SERIES_MARKS.map(|(id, name, kind)| Series::Scatter(mark_series(id, name, kind))));
    let mut option = Drawing {
        tooltip: Some(tooltip()),
        grid: vec![grid("12", "88"), grid("", "28").height("44")],
        x_axis: vec![time_axis(0.0, false), time_axis(1.0, true)],
        y_axis: vec![
            value_axis(0.0, label(names::number(axis_digits(view), ""))),
            volume_axis(),
        ],
        data_zoom: vec![zoom(&[0, 1])],
        series,
        ..Drawing::default()
    }
    .finish();
    if let Some(lines) = option
        .pointer_mut("/series/2/markLine/data")
        .and_then(Value::as_array_mut)
    {
        for (line, color) in lines.iter_mut().zip(level_colors(view)) {
            line["lineStyle"] = json!({"color": color});
        }
    }
    if let (Some(window), Some(last)) = (view.window, view.bars.last())
        && view.bars.len() > window
    {
        let first = &view.bars[view.bars.len() - window];
        if let Some(zoom) = option.pointer_mut("/dataZoom/0") {
            zoom["startValue"] = at(first.open_time);
            zoom["endValue"] = at(last.open_time);
        }
    }
    option
}

/// Labels of large prices need no decimals; the cross-hair has them all.
fn axis_digits(view: &PriceView) -> u8 {
    let digits = u8::try_from(view.digits).unwrap_or(2);
    match view.bars.last() {
        Some(bar) if bar.close >= 10_000.0 => 0,
        Some(bar) if bar.close >= 1_000.0 => digits.min(1),
        _ => digits,
    }
}

fn volume_axis() -> Axis {
    value_axis(1.0, label(names::compact()))
        .split_number(2.0)
        .scale(false)
}

fn candles(option: &mut Value, view: &PriceView) {
    let digits = view.digits;
    let candles: Vec<Value> = view
        .bars
        .iter()
        .map(|bar| {
            Value::Array(vec![
                at(bar.open_time),
                rounded(bar.open, digits),
                rounded(bar.close, digits),
                rounded(bar.low, digits),
                rounded(bar.high, digits),
            ])
        })
        .collect();
    let volume: Vec<Value> = view
        .bars
        .iter()
        .map(|bar| Value::Array(vec![at(bar.open_time), rounded(bar.volume, 4)]))
        .collect();
    put(option, 0, "data", Value::Array(candles));
    // charming's candlestick has neither item style nor width.
    put(
        option,
        0,
        "itemStyle",
        json!({"color": GAIN, "color0": LOSS, "borderColor": GAIN, "borderColor0": LOSS}),
    );
    put(option, 0, "barMaxWidth", json!(12));
    put(option, 1, "barMaxWidth", json!(12));
    put(option, 1, "data", Value::Array(volume));
}

const fn level_color(kind: LevelKind) -> &'static str {
    match kind {
        LevelKind::Entry => TEXT,
        LevelKind::Stop => LOSS,
        LevelKind::Target => GAIN,
        LevelKind::Order => SERIES[0],
    }
}

/// The colours of the lines of [`levels`], in order.
fn level_colors(view: &PriceView) -> impl Iterator<Item = &'static str> {
    view.levels
        .iter()
        .map(|level| level_color(level.kind))
        .chain(std::iter::once(MUTED))
}

/// Working prices: a series without points of its own, so that its lines come and go without touching the candles.
fn levels(view: &PriceView) -> Line {
    let mut lines: Vec<MarkLineVariant> = Vec::new();
    for level in &view.levels {
        let color = level_color(level.kind);
        let label = Label::new()
            .show(true)
            .position(LabelPosition::InsideStartTop)
            .color(color)
            .formatter(charming::element::Formatter::String(level.text.clone()));
        lines.push(MarkLineVariant::Simple(
            MarkLineData::new()
                .name(level.text.as_str())
                .y_axis(level.price)
                .label(label),
        ));
    }
    if let Some(began) = view.began {
        let label = Label::new()
            .show(true)
            .position(LabelPosition::InsideEndTop)
            .color(MUTED)
            .formatter(charming::element::Formatter::String("Session start".to_owned()));
        lines.push(MarkLineVariant::Simple(
            MarkLineData::new()
                .name("Session start")
                .x_axis(began.millis() as f64)
                .label(label),
        ));
    }
    Line::new()
        .id("levels")
        .name("Working prices")
        .silent(true)
        .mark_line(
            MarkLine::new()
                .symbol(vec![Symbol::None, Symbol::None])
                .line_style(LineStyle::new().type_(LineStyleType::Dashed).width(1.0))
                .data(lines),
        )
}

fn mark_series(id: &str, name: &str, kind: MarkKind) -> Scatter {
    let (symbol, color) = match kind {
        MarkKind::LongEntry => (Symbol::Triangle, SERIES[0]),
        MarkKind::ShortEntry => (Symbol::Triangle, SERIES[1]),
        MarkKind::WinningExit => (Symbol::Circle, GAIN),
        MarkKind::LosingExit => (Symbol::Diamond, LOSS),
    };
    Scatter::new()
        .id(id)
        .name(name)
        .symbol(symbol)
        .symbol_size(SymbolSize::Number(11.0))
        .emphasis(Emphasis::new())
        .item_style(
            ItemStyle::new()
                .color(color)
                .border_color(SURFACE)
                .border_width(1.5),
        )
}

fn marks(option: &mut Value, series: usize, view: &PriceView, kind: MarkKind) {
    let first = view.bars.first().map(|bar| bar.open_time);
    let data: Vec<Value> = view
        .marks
        .iter()
        .filter(|mark| mark.kind == kind && first.is_some_and(|first| first <= mark.time))
        .map(|mark| json!({"name": mark.text, "value": [at(mark.time), rounded(mark.price, view.digits)]}))
        .collect();
    put(option, series, "data", Value::Array(data));
    put(option, series, "z", json!(5));
    if kind == MarkKind::ShortEntry {
        // The same triangle, on its head.
        put(option, series, "symbolRotate", json!(180));
    }
}
