//! A small line without axes.

use crate::erased::memo;
use crate::format::Direction;
use leptos::prelude::*;

const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 30.0;

/// The path of `values` in the box, and the height of the first value; `None` for fewer than two.
fn path(values: &[f64]) -> Option<(String, f64)> {
    let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    let first = *values.first()?;
    if values.len() < 2 {
        return None;
    }
    let (low, high) = values.iter().fold((first, first), |(low, high), value| {
        (low.min(*value), high.max(*value))
    });
    let span = if high > low { high - low } else { 1.0 };
    // A flat line lies in the middle, not on the floor.
    let middle = if high > low { 0.0 } else { HEIGHT / 2.0 };
    let y = |value: f64| HEIGHT - 1.5 - (value - low) / span * (HEIGHT - 3.0) - middle;
    let step = WIDTH / (values.len() - 1) as f64;
    let mut text = String::with_capacity(values.len() * 10);
    for (index, value) in values.iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        text.push_str(&format!("{letter}{:.1} {:.1}", step * index as f64, y(*value)));
    }
    Some((text, y(first)))
}

/// Equity in miniature: coloured by its direction, with a hairline where it began. The numbers beside it say the same
/// to those who do not see it.
#[component]
pub(crate) fn Sparkline(#[prop(into)] values: Signal<Vec<f64>>) -> impl IntoView {
    let drawn = memo(move |_| values.with(|values| path(values)));
    let direction = memo(move |_| {
        values.with(|values| match (values.first(), values.last()) {
            (Some(first), Some(last)) => Direction::of(last - first),
            _ => Direction::Flat,
        })
    });
    view! {
        <svg
            class=move || format!("sparkline {}", direction.get().class())
            viewBox="0 0 100 30"
            preserveAspectRatio="none"
            aria-hidden="true"
        >
            <path
                class="start"
                d=move || drawn.with(|drawn| drawn.as_ref().map(|(_, y)| format!("M0 {y:.1}H100")))
            ></path>
            <path
                class="area"
                d=move || {
                    drawn
                        .with(|drawn| {
                            drawn.as_ref().map(|(line, y)| format!("{line}L100 {y:.1}L0 {y:.1}Z"))
                        })
                }
            ></path>
            <path
                class="line"
                d=move || drawn.with(|drawn| drawn.as_ref().map(|(line, _)| line.clone()))
            ></path>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_spans_the_box_and_knows_where_it_began() {
        assert_eq!(path(&[1.0]), None);
        assert_eq!(path(&[]), None);
        let (line, start) = path(&[1.0, 3.0, 2.0]).expect("two points make a line");
        assert_eq!(line, "M0.0 28.5L50.0 1.5L100.0 15.0");
        assert!((start - 28.5).abs() < 1e-9);
        let (flat, _) = path(&[5.0, 5.0]).expect("a line");
        assert_eq!(flat, "M0.0 13.5L100.0 13.5");
    }
}
