//! Charts.

use leptos::prelude::*;

/// A line through some values, as an ECharts option.
#[must_use]
pub fn demo_option(values: &[f64]) -> String {
    format!("{values:?}")
}

/// A chart.
#[component]
#[must_use]
pub fn Chart(
    /// The ECharts option, as JSON.
    #[prop(into)]
    option: Signal<String>,
    /// What the chart shows, for those who cannot see it.
    #[prop(into)]
    label: Signal<String>,
) -> impl IntoView {
    view! { <div role="img" aria-label=label>{option}</div> }
}
