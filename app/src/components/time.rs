//! Moments, in the reader's zone.

use crate::erased::effect;
use crate::format::{self, TimeStyle};
use leptos::prelude::*;
use papertape::model::Timestamp;

/// The reader's time zone. The server does not know it, so the first render is in UTC on both sides, and every moment
/// on the page turns to local time together, right after hydration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zone {
    known: RwSignal<bool>,
}

impl Zone {
    pub(crate) fn new() -> Self {
        let known = RwSignal::new(false);
        effect(move || known.set(true));
        Self { known }
    }

    /// Minutes by which the reader's clock is ahead of UTC at a moment.
    pub(crate) fn offset(self, time: Timestamp) -> i32 {
        if self.known.get() {
            let date = js_sys::Date::new(&(time.millis() as f64).into());
            -(date.get_timezone_offset() as i32)
        } else {
            0
        }
    }

    /// The same for now.
    pub(crate) fn offset_now(self) -> i32 {
        if self.known.get() {
            -(js_sys::Date::new_0().get_timezone_offset() as i32)
        } else {
            0
        }
    }

    pub(crate) fn format(self, time: Timestamp, style: TimeStyle) -> String {
        format::time(time, self.offset(time), style)
    }
}

/// A moment; UTC on hover.
#[component]
pub(crate) fn Time(at: Timestamp, #[prop(optional)] style: TimeStyle) -> impl IntoView {
    let zone = expect_context::<Zone>();
    let utc = format!("{} UTC", format::time(at, 0, TimeStyle::Second));
    view! {
        <time datetime=at.to_string() title=utc>
            {move || zone.format(at, style)}
        </time>
    }
    .into_any()
}
