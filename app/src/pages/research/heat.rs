//! The objective over two parameters: a peak that stands alone is luck more often than not.

use super::objectives;
use crate::components::{Field, Frame};
use crate::erased::on;
use crate::format;
use leptos::prelude::*;
use papertape::backtest::sweep::{Objective, StabilityCell, StabilityMap};

/// The map over two parameters, of those that can be chosen.
#[component]
pub(super) fn HeatMaps(maps: Vec<StabilityMap>, objective: Objective, currency: String) -> impl IntoView {
    let chosen = RwSignal::new(0_usize);
    let choice = (maps.len() > 1).then(|| {
        let options: Vec<_> = maps
            .iter()
            .enumerate()
            .map(|(place, map)| {
                view! { <option value=place.to_string()>{format!("{} and {}", map.x, map.y)}</option> }
            })
            .collect();
        view! {
            <div class="map-choice">
                <Field label="Over" control="heat-axes">
                    <select
                        id="heat-axes"
                        data-testid="heat-axes"
                        prop:value=move || chosen.get().to_string()
                        on:change=on(move |event| chosen.set(event_target_value(&event).parse().unwrap_or_default()))
                    >
                        {options}
                    </select>
                </Field>
            </div>
        }
    });
    let map = move || {
        maps.get(chosen.get())
            .map(|map| heat_map(map, objective, &currency))
    };
    view! {
        <Frame title="Stability map">
            {choice}
            {map}
        </Frame>
    }
    .into_any()
}

/// How good each cell is among all, from 0 for the worst to 1 for the best: by rank, so that one that is far off does not
/// make all others look alike.
fn heats(map: &StabilityMap, objective: Objective) -> Vec<Option<f64>> {
    let sign = if objective.small_is_good() { -1.0 } else { 1.0 };
    let merit = |cell: &StabilityCell| match cell.boundless {
        true => Some(f64::INFINITY),
        false => Some(sign * cell.value?),
    };
    let mut merits: Vec<f64> = map.cells.iter().filter_map(merit).collect();
    merits.sort_by(f64::total_cmp);
    merits.dedup();
    let last = merits.len().saturating_sub(1);
    let heat = |value: f64| {
        let worse = merits.partition_point(|merit| *merit < value);
        if last == 0 {
            0.5
        } else {
            worse as f64 / last as f64
        }
    };
    map.cells.iter().map(|cell| merit(cell).map(heat)).collect()
}

fn heat_map(map: &StabilityMap, objective: Objective, currency: &str) -> AnyView {
    let text = |value: Option<f64>| objectives::value(objective, value, currency);
    let of = |cell: &StabilityCell| match cell.boundless {
        true => "boundless".to_owned(),
        false => text(cell.value),
    };
    let heats = heats(map, objective);
    let width = map.x_values.len().max(1);
    let cell = |place: usize| {
        let known = map.cells.get(place).copied().unwrap_or_default();
        let heat = heats.get(place).copied().flatten();
        let style = heat.map(|heat| format!("--heat: {:.0}%", heat * 100.0));
        let around = format!(
            "with its neighbours: mean {}, worst {}",
            text(known.neighbours_mean),
            text(known.neighbours_worst)
        );
        view! {
            <td
                class="number"
                class:peak=Some(place) == map.peak
                class:plateau=Some(place) == map.plateau
                style=style
                title=around
            >
                {of(&known)}
            </td>
        }
    };
    // As on a chart, what is large stands above.
    let rows: Vec<_> = map
        .y_values
        .iter()
        .enumerate()
        .rev()
        .map(|(row, y)| {
            let cells: Vec<_> = (row * width..(row + 1) * width).map(cell).collect();
            view! { <tr><th scope="row" class="number">{format::parameter(*y)}</th>{cells}</tr> }
        })
        .collect();
    let heads: Vec<_> = map
        .x_values
        .iter()
        .map(|x| view! { <th scope="col" class="number">{format::parameter(*x)}</th> })
        .collect();
    let at = |place: Option<usize>| {
        let place = place?;
        let cell = map.cells.get(place)?;
        let (x, y) = (map.x_values.get(place % width)?, map.y_values.get(place / width)?);
        Some(format!(
            "{} {}, {} {} with {}; with its neighbours it averages {}, the worst of them has {}",
            map.x,
            format::parameter(*x),
            map.y,
            format::parameter(*y),
            of(cell),
            text(cell.neighbours_mean),
            text(cell.neighbours_worst)
        ))
    };
    let peak = at(map.peak).map(|words| view! { <p>"Best, ringed: " {words} "."</p> });
    let boundless = map.cells.iter().any(|cell| cell.boundless);
    let boundless = boundless
        .then(|| view! { <p>"Boundless: there is no loss to divide by, so no number is large enough."</p> });
    let plateau = at(map.plateau.filter(|place| Some(*place) != map.peak))
        .map(|words| view! { <p>"Steadiest, dashed: " {words} "."</p> });
    let label = format!(
        "{} by {} (to the right) and {} (upwards)",
        objectives::words(objective),
        map.x,
        map.y
    );
    let caption = label.clone();
    view! {
        <div class="heat-box" role="region" aria-label=label tabindex="0">
            <table class="heat" data-testid="heat-map">
                <caption class="hidden">{caption}</caption>
                <thead>
                    <tr>
                        <th scope="col" class="corner">{format!("{} ↑  {} →", map.y, map.x)}</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <div class="heat-words hint" data-testid="heat-words">
            {peak} {plateau} {boundless}
            <p>
                "The darker the ground, the better. A place whose neighbours are good too is worth more than a peak \
                 that stands alone. All other parameters are as in the best."
            </p>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[Option<f64>]) -> StabilityMap {
        let cell = |value: &Option<f64>| StabilityCell {
            value: *value,
            ..StabilityCell::default()
        };
        StabilityMap {
            x: "fast".to_owned(),
            y: "slow".to_owned(),
            x_values: vec![1.0; values.len()],
            y_values: vec![1.0],
            cells: values.iter().map(cell).collect(),
            peak: None,
            plateau: None,
        }
    }

    #[test]
    fn the_best_is_the_hottest_whichever_way_is_good() {
        let objective = |name: &str| name.parse::<Objective>().expect("a metric");
        let cells = map(&[Some(-90.0), None, Some(3.0), Some(2.0)]);
        assert_eq!(
            heats(&cells, objective("sharpe")),
            [Some(0.0), None, Some(1.0), Some(0.5)]
        );
        assert_eq!(
            heats(&cells, objective("max_drawdown")),
            [Some(1.0), None, Some(0.0), Some(0.5)]
        );
        assert_eq!(heats(&map(&[Some(4.0)]), objective("sharpe")), [Some(0.5)]);
        let mut perfect = map(&[Some(4.0), None, Some(9.0), None]);
        perfect.cells[1].boundless = true;
        assert_eq!(
            heats(&perfect, objective("profit_factor")),
            [Some(0.0), Some(1.0), Some(0.5), None],
            "what lost nothing is the best, what was not run is nowhere"
        );
    }
}
