//! Signals that change too often for what is made of them.

use crate::erased::effect;
use leptos::prelude::*;
use std::time::Duration;

/// Follows `source` at most once every `pause`; the last value always arrives. On the server, and before hydration, it
/// holds `first`.
pub(crate) fn throttled<T>(
    first: T,
    pause: Duration,
    source: impl Fn() -> T + Send + Sync + 'static,
) -> Signal<T>
where
    T: Clone + PartialEq + Send + Sync + 'static,
{
    let shown = RwSignal::new(first);
    let waits = StoredValue::new(false);
    let changed = StoredValue::new(false);
    let source = StoredValue::new(source);
    effect(move || {
        let value = source.with_value(|source| source());
        if waits.get_value() {
            changed.set_value(true);
            return;
        }
        waits.set_value(true);
        show(shown, value);
        set_timeout(
            move || {
                waits.try_set_value(false);
                if changed.try_get_value() == Some(true) {
                    changed.set_value(false);
                    let late = source.try_with_value(|source| untrack(source));
                    if let Some(late) = late {
                        show(shown, late);
                    }
                }
            },
            pause,
        );
    });
    shown.into()
}

fn show<T: PartialEq + Send + Sync + 'static>(shown: RwSignal<T>, value: T) {
    if shown.try_with_untracked(|known| *known != value) == Some(true) {
        shown.try_set(value);
    }
}
