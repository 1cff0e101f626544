use super::*;
use papertape::api::EquityPoint;
use papertape::market::Bar;
use papertape::model::Timestamp;
use rust_decimal::Decimal;
use std::collections::BTreeSet;

fn minute(index: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 / 60 * 60 + index * 60)
}

fn bars(count: i64) -> Vec<Bar> {
    (0..count)
        .map(|index| {
            let open = 100.0 + index as f64;
            Bar {
                open_time: minute(index),
                open,
                high: open + 2.0,
                low: open - 1.0,
                close: open + 1.0,
                volume: 3.0,
            }
        })
        .collect()
}

fn parsed(option: &str) -> Value {
    serde_json::from_str(option).expect("an option is JSON")
}

fn series<'a>(option: &'a Value, id: &str) -> &'a Value {
    let all = option["series"].as_array().expect("series");
    all.iter()
        .find(|series| series["id"] == id)
        .unwrap_or_else(|| panic!("a series {id}"))
}

#[test]
fn candles_come_in_the_order_that_echarts_reads() {
    let view = PriceView {
        bars: bars(3),
        digits: 2,
        ..PriceView::default()
    };
    let option = parsed(&price(&view));
    let candle = &series(&option, "price")["data"][0];
    // time, open, close, lowest, highest
    let expected = serde_json::json!([minute(0).millis(), 100.0, 101.0, 99.0, 102.0]);
    assert_eq!(candle, &expected);
    assert_eq!(series(&option, "volume")["data"][2][1], 3.0);
    assert_eq!(option["animation"], false);
}

#[test]
fn marks_stand_on_their_fill_and_working_prices_are_lines() {
    let mark = |index, kind| Mark {
        time: minute(index),
        price: 101.256,
        kind,
        text: "Bought 1 at 101.26".to_owned(),
    };
    let view = PriceView {
        bars: bars(5),
        marks: vec![
            mark(1, MarkKind::LongEntry),
            mark(3, MarkKind::LosingExit),
            // From before what is shown: nothing to stand on.
            mark(-9, MarkKind::LongEntry),
        ],
        levels: vec![Level {
            price: 98.5,
            kind: LevelKind::Stop,
            text: "Stop 98.50".to_owned(),
        }],
        began: Some(minute(2)),
        digits: 2,
        window: None,
    };
    let option = parsed(&price(&view));
    let entries = series(&option, "long-entries")["data"]
        .as_array()
        .expect("data")
        .clone();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["value"][1], 101.26);
    assert_eq!(
        series(&option, "losing-exits")["data"].as_array().map(Vec::len),
        Some(1)
    );
    let lines = series(&option, "levels")["markLine"]["data"]
        .as_array()
        .expect("lines")
        .clone();
    assert_eq!(lines[0]["yAxis"], 98.5);
    assert_eq!(lines[1]["xAxis"], minute(2).millis() as f64);
}

#[test]
fn a_long_history_opens_at_its_newest_bars() {
    let view = PriceView {
        bars: bars(500),
        digits: 2,
        window: Some(200),
        ..PriceView::default()
    };
    let option = parsed(&price(&view));
    assert_eq!(option["dataZoom"][0]["startValue"], minute(300).millis());
    assert_eq!(option["dataZoom"][0]["endValue"], minute(499).millis());
}

#[test]
fn equity_stands_against_holding_and_its_own_peak() {
    let points: Vec<_> = (0..4_000)
        .map(|index| EquityPoint {
            time: minute(index),
            equity: Decimal::new(10_000_000 - index, 2),
            cash: Decimal::ZERO,
            position_value: Decimal::ZERO,
            drawdown: index as f64 / 10_000_000.0,
            optimistic: None,
            pessimistic: None,
        })
        .collect();
    let curve = EquityCurve {
        points,
        bars: bars(100),
        exits: vec![(minute(10), 5.0), (minute(20), -5.0), (minute(-5), 1.0)],
        initial: 100_000.0,
        digits: 2,
        currency: "USDT".to_owned(),
    };
    let option = parsed(&equity(&curve));
    let line = series(&option, "equity")["data"]
        .as_array()
        .expect("points")
        .clone();
    assert!(line.len() <= MAX_POINTS && line.len() > 1_000, "{}", line.len());
    assert_eq!(line[0][1], 100_000.0);
    let hold = series(&option, "hold")["data"]
        .as_array()
        .expect("points")
        .clone();
    assert_eq!(
        hold[99][1],
        (100_000.0 * 200.0 / 101.0_f64 * 100.0).round() / 100.0
    );
    let fall = series(&option, "drawdown")["data"]
        .as_array()
        .expect("points")
        .clone();
    assert!(fall.last().and_then(|point| point[1].as_f64()).expect("a fall") < 0.0);
    assert_eq!(series(&option, "wins")["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(series(&option, "losses")["data"][0][1], 99_999.8);
}

#[test]
fn the_band_is_filled_between_runs_that_may_cross() {
    let point = |index, equity, optimistic: Option<i64>, pessimistic: Option<i64>| EquityPoint {
        time: minute(index),
        equity: Decimal::from(equity),
        cash: Decimal::ZERO,
        position_value: Decimal::ZERO,
        drawdown: 0.0,
        optimistic: optimistic.map(Decimal::from),
        pessimistic: pessimistic.map(Decimal::from),
    };
    let curve = EquityCurve {
        points: vec![
            point(0, 100, Some(104), Some(97)),
            point(1, 100, Some(95), Some(98)),
            point(2, 100, None, None),
        ],
        digits: 2,
        ..EquityCurve::default()
    };
    let option = parsed(&equity(&curve));
    let ys = |id: &str| -> Vec<Value> {
        let data = series(&option, id)["data"].as_array().expect("points").clone();
        data.iter().map(|point| point[1].clone()).collect()
    };
    assert_eq!(
        ys("band-floor"),
        [Value::from(97.0), Value::from(95.0), Value::Null]
    );
    assert_eq!(ys("band"), [Value::from(7.0), Value::from(3.0), Value::Null]);
    assert_eq!(
        ys("optimistic"),
        [Value::from(104.0), Value::from(95.0), Value::Null]
    );
    assert_eq!(
        ys("pessimistic"),
        [Value::from(97.0), Value::from(98.0), Value::Null]
    );
    assert_eq!(series(&option, "band")["tooltip"]["show"], false);
    assert_eq!(
        series(&option, "band")["stack"],
        series(&option, "band-floor")["stack"]
    );
    assert_eq!(option["legend"]["data"][1]["name"], "Band of fills");

    let without = EquityCurve {
        points: vec![point(0, 100, None, None)],
        ..curve
    };
    let option = parsed(&equity(&without));
    assert_eq!(series(&option, "band")["data"], Value::Array(Vec::new()));
    assert_eq!(option["legend"]["data"].as_array().map(Vec::len), Some(1));
}

#[test]
fn nothing_to_show_is_still_an_option() {
    for option in [price(&PriceView::default()), equity(&EquityCurve::default())] {
        let option = parsed(&option);
        for series in option["series"].as_array().expect("series") {
            assert!(series["id"].is_string() && series["data"].is_array(), "{series}");
        }
    }
}

/// What of the chart library an option needs, by the names that the library gives its parts.
fn needed(option: &Value) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for series in option["series"].as_array().expect("series") {
        let kind = series["type"].as_str().expect("a series has a type");
        parts.insert(format!("{}{}Chart", kind[..1].to_uppercase(), &kind[1..]));
        for mark in ["markLine", "markPoint", "markArea"] {
            if series.get(mark).is_some() {
                parts.insert(format!("M{}Component", &mark[1..]));
            }
        }
    }
    for zoom in option["dataZoom"].as_array().into_iter().flatten() {
        let slides = zoom["type"] == "slider";
        parts.insert(format!(
            "DataZoom{}Component",
            if slides { "Slider" } else { "Inside" }
        ));
    }
    for (key, part) in [
        ("grid", "GridComponent"),
        ("legend", "LegendComponent"),
        ("tooltip", "TooltipComponent"),
        ("visualMap", "VisualMapContinuousComponent"),
    ] {
        if option.get(key).is_some() {
            parts.insert(part.to_owned());
        }
    }
    parts
}

#[test]
fn the_library_holds_what_is_drawn_and_nothing_else() {
    let view = PriceView {
        bars: bars(3),
        levels: vec![Level {
            price: 98.5,
            kind: LevelKind::Stop,
            text: "Stop 98.50".to_owned(),
        }],
        ..PriceView::default()
    };
    let drawn = needed(&parsed(&price(&view)));
    let mut drawn: BTreeSet<_> = drawn
        .into_iter()
        .chain(needed(&parsed(&equity(&EquityCurve::default()))))
        .collect();
    // What draws at all, and the cross-hair that tooltips bring with them.
    drawn.extend(["CanvasRenderer", "AxisPointerComponent"].map(str::to_owned));
    let (_, listed) = include_str!("../charts.js")
        .split_once("use([")
        .expect("what it registers");
    let (listed, _) = listed.split_once("])").expect("the end of the list");
    let held: BTreeSet<String> = listed
        .split(',')
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    assert_eq!(held, drawn);
}
