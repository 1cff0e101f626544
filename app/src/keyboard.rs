//! Keys that work everywhere: `/` filters, `g` and a letter goes to a place, `?` helps.

use crate::erased::effect;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use wasm_bindgen::JsCast;

/// How long `g` waits for its letter.
const WAIT_MS: f64 = 1_500.0;

/// What a key press asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Filter,
    Help,
    Begin,
    Go(&'static str),
}

fn wish(key: &str, after_g: bool) -> Option<Wish> {
    match key {
        "o" if after_g => Some(Wish::Go("/")),
        "s" if after_g => Some(Wish::Go("/sessions")),
        "f" if after_g => Some(Wish::Go("/feeds")),
        "t" if after_g => Some(Wish::Go("/strategies")),
        "g" => Some(Wish::Begin),
        "/" => Some(Wish::Filter),
        "?" => Some(Wish::Help),
        _ => None,
    }
}

/// Listens as long as the page lives.
pub(crate) fn listen(help: Callback<()>) {
    let navigate = use_navigate();
    let pressed_g = StoredValue::new(f64::NEG_INFINITY);
    effect(move || {
        let navigate = navigate.clone();
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if event.ctrl_key() || event.meta_key() || event.alt_key() || is_typing() {
                return;
            }
            let now = js_sys::Date::now();
            let after_g = now - pressed_g.get_value() < WAIT_MS;
            pressed_g.set_value(f64::NEG_INFINITY);
            let Some(wish) = wish(&event.key(), after_g) else {
                return;
            };
            match wish {
                Wish::Begin => pressed_g.set_value(now),
                Wish::Help => help.run(()),
                Wish::Go(place) => navigate(place, NavigateOptions::default()),
                Wish::Filter => {
                    if let Ok(Some(field)) = document().query_selector("[data-search]")
                        && let Ok(field) = field.dyn_into::<web_sys::HtmlElement>()
                    {
                        let _ = field.focus();
                    } else {
                        return;
                    }
                }
            }
            event.prevent_default();
        });
        on_cleanup(move || handle.remove());
    });
}

/// Whether the focus is where letters are meant as letters, or a dialog is open.
fn is_typing() -> bool {
    let Some(element) = document().active_element() else {
        return false;
    };
    let name = element.tag_name();
    matches!(name.as_str(), "INPUT" | "TEXTAREA" | "SELECT")
        || element.has_attribute("contenteditable")
        || in_dialog()
}

/// Whether a dialog is open, which then has the keyboard to itself.
pub(crate) fn in_dialog() -> bool {
    document()
        .query_selector("dialog[open]")
        .is_ok_and(|dialog| dialog.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_mean_places_only_after_g() {
        assert_eq!(wish("o", true), Some(Wish::Go("/")));
        assert_eq!(wish("s", true), Some(Wish::Go("/sessions")));
        assert_eq!(wish("t", true), Some(Wish::Go("/strategies")));
        assert_eq!(wish("f", true), Some(Wish::Go("/feeds")));
        assert_eq!(wish("s", false), None);
        assert_eq!(wish("g", false), Some(Wish::Begin));
        assert_eq!(wish("/", true), Some(Wish::Filter));
        assert_eq!(wish("x", true), None);
    }
}
