//! The border to `charts.js`.

use super::ChartPoint;
use leptos::prelude::{Callable as _, Callback};
use std::fmt;
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen(module = "/src/chart/load.js")]
extern "C" {
    #[wasm_bindgen(js_name = loadCharts, catch)]
    async fn load_charts() -> Result<JsValue, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    type Library;

    #[wasm_bindgen(method)]
    fn mount(this: &Library, element: &HtmlElement, group: Option<&str>, select: Option<&JsValue>)
    -> Drawing;

    type Drawing;

    #[wasm_bindgen(method)]
    fn update(this: &Drawing, option: &str);

    #[wasm_bindgen(method, js_name = resetZoom)]
    fn reset_zoom(this: &Drawing);

    #[wasm_bindgen(method)]
    fn png(this: &Drawing) -> Option<String>;

    #[wasm_bindgen(method)]
    fn dispose(this: &Drawing);
}

/// Hears of a click: series, index, name.
type Select = dyn Fn(String, u32, String);

/// A drawing in its box; dropping it takes it out.
pub(super) struct Mounted {
    drawing: Drawing,
    // Called by the drawing for as long as that lives.
    _select: Option<Closure<Select>>,
}

impl Mounted {
    /// Loads the library if this is the first chart, and takes over the element.
    pub(super) async fn new(
        element: &HtmlElement,
        group: Option<&str>,
        on_select: Option<Callback<ChartPoint>>,
    ) -> Result<Self, JsValue> {
        let library: Library = load_charts().await?.unchecked_into();
        let select = on_select.map(|on_select| {
            Closure::<Select>::new(move |series, index, name| {
                on_select.run(ChartPoint {
                    series,
                    index: index as usize,
                    name,
                });
            })
        });
        let drawing = library.mount(element, group, select.as_ref().map(AsRef::as_ref));
        Ok(Self {
            drawing,
            _select: select,
        })
    }

    pub(super) fn update(&self, option: &str) {
        self.drawing.update(option);
    }

    pub(super) fn reset_zoom(&self) {
        self.drawing.reset_zoom();
    }

    pub(super) fn png(&self) -> Option<String> {
        self.drawing.png()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.drawing.dispose();
    }
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mounted")
    }
}
