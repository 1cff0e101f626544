//! Charts: ECharts drawings that follow a signal.
//!
//! A page builds an option with `charming`, turns it into JSON and hands it to [`Chart`]. The server renders an empty
//! box with a label; in the browser the first chart loads the library (`charts.js` beside this file), which owns the
//! drawing from then on: it redraws at most once a frame, follows the size of its box and the colours of the page, and
//! keeps the reader's zoom.
//!
//! JSON can hold neither the page's colours nor functions, so an option names them; [`names`] has the names.

mod bridge;
pub mod names;
pub(crate) mod options;

use crate::erased::effect;
use bridge::Mounted;
use leptos::{html, prelude::*, reactive::spawn_local};
use send_wrapper::SendWrapper;

/// A point of a chart that was clicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartPoint {
    /// The id of its series.
    pub series: String,
    /// Its place in the series.
    pub index: usize,
    /// Its name, if the option gave it one.
    pub name: String,
}

/// What a page can do with a chart besides showing it: give one to [`Chart`] and keep a copy.
#[derive(Clone, Copy, Debug)]
pub struct ChartHandle(StoredValue<Option<SendWrapper<Mounted>>>);

impl ChartHandle {
    /// A handle for one chart.
    #[must_use]
    pub fn new() -> Self {
        // The server, which moves pages between threads, never has a drawing; the browser has one thread.
        Self(StoredValue::new(None))
    }

    /// Shows everything from the first point to the last.
    pub fn reset_zoom(self) {
        self.0.try_with_value(|mounted| {
            if let Some(mounted) = mounted {
                mounted.reset_zoom();
            }
        });
    }

    /// The chart as it is drawn now, as the `data:` address of a PNG; none before it is drawn.
    #[must_use]
    pub fn png(self) -> Option<String> {
        self.0
            .try_with_value(|mounted| mounted.as_ref().and_then(|mounted| mounted.png()))
            .flatten()
    }
}

impl Default for ChartHandle {
    fn default() -> Self {
        Self::new()
    }
}

/// A chart. Its box takes its size from the class `chart` and whatever class is given.
///
/// The option is merged into what is shown, with its series put in place of the old ones: give each series a stable
/// `id`, or the chart cannot tell which is which.
#[component]
pub fn Chart(
    /// The ECharts option, as JSON.
    #[prop(into)]
    option: Signal<String>,
    /// What the chart shows, for those who cannot see it.
    #[prop(into)]
    label: Signal<String>,
    /// More classes for the box.
    #[prop(optional, into)]
    class: String,
    /// Charts of one group share their cross-hair and zoom.
    #[prop(optional, into)]
    group: Option<String>,
    /// Hears of clicks on points.
    #[prop(optional, into)]
    on_select: Option<Callback<ChartPoint>>,
    /// To reset the zoom or save a picture.
    #[prop(optional)]
    handle: ChartHandle,
) -> impl IntoView {
    let ChartHandle(mounted) = handle;
    let element = NodeRef::<html::Div>::new();
    let ready = RwSignal::new(false);
    let failed = RwSignal::new(false);

    effect(move || {
        let Some(element) = element.get() else {
            return;
        };
        let group = group.clone();
        spawn_local(async move {
            match Mounted::new(&element, group.as_deref(), on_select).await {
                // The page may have gone while the library came; its chart then goes with this value.
                Ok(chart) => {
                    if mounted.try_set_value(Some(SendWrapper::new(chart))).is_none() {
                        ready.try_set(true);
                    }
                }
                Err(_) => {
                    failed.try_set(true);
                }
            }
        });
    });
    effect(move || {
        let option = option.get();
        if ready.get() {
            mounted.try_with_value(|mounted| {
                if let Some(mounted) = mounted {
                    mounted.update(&option);
                }
            });
        }
    });
    // A handle that the page made lives as long as the page does, its chart only as long as this box.
    on_cleanup(move || {
        mounted.try_set_value(None);
    });

    view! {
        <div class=format!("chart {class}") role="img" aria-label=label node_ref=element></div>
        <Show when=move || failed.get()>
            <p class="chart-failed" role="alert">
                "This chart cannot be drawn: the chart library did not load. The figures are safe; reload the page to try again."
            </p>
        </Show>
    }
}
