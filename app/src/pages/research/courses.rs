//! What came of a Monte Carlo simulation: the other courses that the same trades or days could have taken.

use super::sweep::stat;
use crate::components::Frame;
use crate::components::table::{self, figure, number, text};
use crate::format;
use crate::pages::backtest::caveats;
use leptos::prelude::*;
use papertape::api::MonteCarloReport;
use papertape::backtest::{FanPoint, Quantiles, Resampling};

/// Of the picture; its width is that of the page.
const HEIGHT: f64 = 100.0;

const PLACES: [&str; 6] = ["5 %", "25 %", "50 %", "75 %", "95 %", "As it was"];

pub(super) fn view(report: &MonteCarloReport, currency: &str) -> AnyView {
    let (result, spec) = (&report.result, &report.spec);
    let what = match spec.resampling {
        Resampling::TradeOrder => "the same trades in another order",
        Resampling::Trades => "trades drawn with repetition",
        Resampling::Days => "blocks of days drawn with repetition",
    };
    let mut courses = format::count(result.courses);
    if result.canceled {
        courses = format!("the first {courses} of {}", format::count(spec.courses));
    }
    let digits = format::currency_digits(currency) as usize;
    let money = |value: f64| format::number(value, digits);
    let row = |name: String, it: &Quantiles, actual: f64, show: &dyn Fn(f64) -> String| {
        let values = [it.p5, it.p25, it.p50, it.p75, it.p95, actual];
        let cells: Vec<_> = PLACES
            .into_iter()
            .zip(values)
            .map(|(place, value)| figure(place, show(value)))
            .collect();
        view! { <tr><th scope="row" class="head">{name}</th>{cells}</tr> }.into_any()
    };
    let rows = vec![
        row(
            format!("Final equity, {currency}"),
            &result.final_equity,
            result.actual_final_equity,
            &money,
        ),
        row(
            "Max drawdown".to_owned(),
            &result.max_drawdown,
            result.actual_max_drawdown,
            &|value| format::percent(value, 1),
        ),
    ];
    let mut columns = vec![text("So much or less, in")];
    columns.extend(PLACES.map(number));
    let initial = rust_decimal::prelude::ToPrimitive::to_f64(&report.run.initial_capital).unwrap_or_default();
    let stats = vec![
        stat(
            "Probability of a loss",
            format::percent(result.probability_of_loss, 1),
            format!("of {courses} courses: {what}"),
        ),
        stat(
            "Probability of ruin",
            format::percent(result.probability_of_ruin, 1),
            format!(
                "to lose {} of the capital at any time",
                format::percent(spec.ruin, 0)
            ),
        ),
        stat(
            "Drawdown to expect at worst",
            format::percent(result.max_drawdown.p95, 1),
            format!(
                "one course of twenty fell deeper; what happened fell by {}",
                format::percent(result.actual_max_drawdown, 1),
            ),
        ),
    ];
    let fan = fan(&result.fan, initial, &money);
    view! {
        {caveats(&report.warnings)}
        <Frame title="What else could have come">
            <div class="strip plain" data-testid="study-judgement">{stats}</div>
            {fan}
            {table::table("cards-on-phone", columns, rows.into_any())}
            <p class="hint lead-note">
                "No course knows more than what happened: a market that was not in the data is not in the simulation either."
            </p>
        </Frame>
    }
    .into_any()
}

/// The outlines of the fan in a box 100 wide: the wide band, the narrow one, the middle, and the height of the start.
struct Drawn {
    wide: String,
    narrow: String,
    middle: String,
    start: f64,
    low: f64,
    high: f64,
}

fn draw(points: &[FanPoint], initial: f64) -> Drawn {
    let ends = points.iter().flat_map(|it| [it.equity.p5, it.equity.p95]);
    let (low, high) = ends.fold((initial, initial), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let span = if high > low { high - low } else { 1.0 };
    let height = |value: f64| HEIGHT - (value - low) / span * HEIGHT;
    let last = points.len().saturating_sub(1).max(1) as f64;
    let at = |index: usize, value: f64| format!("{:.1} {:.1}", index as f64 / last * 100.0, height(value));
    let line = |value: fn(&Quantiles) -> f64| -> Vec<String> {
        let points = points.iter().enumerate();
        points.map(|(index, it)| at(index, value(&it.equity))).collect()
    };
    let band = |upper: fn(&Quantiles) -> f64, lower: fn(&Quantiles) -> f64| {
        let mut outline = line(upper);
        outline.extend(line(lower).into_iter().rev());
        format!("M{}Z", outline.join("L"))
    };
    Drawn {
        wide: band(|it| it.p95, |it| it.p5),
        narrow: band(|it| it.p75, |it| it.p25),
        middle: format!("M{}", line(|it| it.p50).join("L")),
        start: height(initial),
        low,
        high,
    }
}

/// The fan of courses; the table below says where they end in numbers.
fn fan(points: &[FanPoint], initial: f64, money: &dyn Fn(f64) -> String) -> AnyView {
    if points.len() < 2 {
        return ().into_any();
    }
    let drawn = draw(points, initial);
    view! {
        <figure class="fan" data-testid="fan">
            <div class="ends"><span>{money(drawn.high)}</span><span>{money(drawn.low)}</span></div>
            <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
                <path class="wide" d=drawn.wide></path>
                <path class="narrow" d=drawn.narrow></path>
                <path class="start" d=format!("M0 {:.1}H100", drawn.start)></path>
                <path class="line" d=drawn.middle></path>
            </svg>
            <figcaption class="hint">
                "Equity from the first to the last step. Line: half of the courses are above it. Bands: half of them, and nine \
                 of ten. Dashed: where all began."
            </figcaption>
        </figure>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fan_opens_from_the_start() {
        let point = |step, spread: f64| FanPoint {
            step,
            equity: Quantiles {
                p5: 100.0 - 2.0 * spread,
                p25: 100.0 - spread,
                p50: 100.0,
                p75: 100.0 + spread,
                p95: 100.0 + 2.0 * spread,
            },
        };
        let drawn = draw(&[point(0, 0.0), point(1, 10.0)], 100.0);
        assert_eq!(drawn.wide, "M0.0 50.0L100.0 0.0L100.0 100.0L0.0 50.0Z");
        assert_eq!(drawn.narrow, "M0.0 50.0L100.0 25.0L100.0 75.0L0.0 50.0Z");
        assert_eq!(drawn.middle, "M0.0 50.0L100.0 50.0");
        assert_eq!((drawn.start, drawn.low, drawn.high), (50.0, 80.0, 120.0));
    }
}
