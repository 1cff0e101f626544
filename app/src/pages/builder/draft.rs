//! What has not been saved yet: kept in the browser, and guarded when the page is left.

use super::desk::Desk;
use super::save::Place;
use crate::erased::{effect, on};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// What asks before an address is left with unsaved changes.
const QUESTION: &str = "Leave without saving? The changes stay in this browser as a draft and are here again when you come back.";

fn key(slug: Option<&str>) -> String {
    // No strategy can be called `new`.
    format!("draft:{}", slug.unwrap_or("new"))
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// A draft with the version that it is made from, on a line of its own.
fn written(version: Option<&str>, text: &str) -> String {
    format!("{}\n{text}", version.unwrap_or_default())
}

/// Version and text of a draft.
fn read(draft: &str) -> Option<(Option<String>, String)> {
    let (version, text) = draft.split_once('\n')?;
    Some(((!version.is_empty()).then(|| version.to_owned()), text.to_owned()))
}

/// Removes the draft.
pub(super) fn forget(slug: Option<&str>) {
    if let Some(storage) = storage() {
        let _ = storage.remove_item(&key(slug));
    }
}

/// Keeps the draft, brings an earlier one back, and guards the way out.
#[component]
pub(super) fn DraftNote(desk: Desk, place: Place) -> impl IntoView {
    let restored = RwSignal::new(false);
    // Somebody has saved another version since the draft was begun.
    let outdated = RwSignal::new(false);
    let current = StoredValue::new(place.version.get_untracked());
    let looked = StoredValue::new(false);
    effect(move || {
        let changed = place.is_changed(desk);
        let slug = place.slug.get_value();
        if !looked.get_value() {
            looked.set_value(true);
            let draft = storage().and_then(|storage| storage.get_item(&key(slug.as_deref())).ok().flatten());
            if let Some((version, text)) = draft.as_deref().and_then(read)
                && place.saved.with_untracked(|saved| *saved != text)
            {
                outdated.set(version != current.get_value());
                // Saved from there it is refused, and not written over what somebody else has saved.
                place.version.set(version);
                desk.replace(text);
                restored.set(true);
            }
            return;
        }
        if changed {
            if let Some(storage) = storage() {
                let draft = written(place.version.get_untracked().as_deref(), &desk.text.get());
                let _ = storage.set_item(&key(slug.as_deref()), &draft);
            }
        } else {
            forget(slug.as_deref());
            restored.set(false);
        }
    });
    effect(move || {
        let leaving = window_event_listener(leptos::ev::beforeunload, move |event| {
            if untrack(|| place.is_changed(desk)) {
                event.prevent_default();
            }
        });
        on_cleanup(move || leaving.remove());
        guard_links(move || untrack(|| place.is_changed(desk)));
    });
    let discard = move |_| {
        if outdated.get_untracked() {
            place.version.set(current.get_value());
            outdated.set(false);
        }
        desk.replace(place.saved.get_untracked());
        restored.set(false);
    };
    view! {
        <Show when=move || restored.get()>
            <div class="note" role="status" data-testid="draft">
                <p>
                    "Here is what you had not saved yet. "
                    {move || {
                        outdated
                            .get()
                            .then_some("Another version has been saved meanwhile: save yours under another name, or go back to that one. ")
                    }}
                    <button type="button" class="link" data-testid="draft-discard" on:click=on(discard)>
                        "Go back to what is saved"
                    </button>
                </p>
            </div>
        </Show>
    }
    .into_any()
}

/// Asks before a link leads away, sooner than the router hears of the click.
fn guard_links(is_changed: impl Fn() -> bool + 'static) {
    let ask = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
        let target = event
            .target()
            .and_then(|it| it.dyn_into::<web_sys::Element>().ok());
        let link = target.and_then(|target| target.closest("a[href]").ok().flatten());
        let stays = link.is_none_or(|link| {
            link.get_attribute("href").is_some_and(|to| to.starts_with('#')) || link.has_attribute("target")
        });
        if !stays && is_changed() && window().confirm_with_message(QUESTION) != Ok(true) {
            event.prevent_default();
            event.stop_immediate_propagation();
        }
    });
    let listener = ask.as_ref().unchecked_ref::<js_sys::Function>().clone();
    let _ = window().add_event_listener_with_callback_and_bool("click", &listener, true);
    let ask = StoredValue::new_local(Some(ask));
    on_cleanup(move || {
        let _ = window().remove_event_listener_with_callback_and_bool("click", &listener, true);
        ask.dispose();
    });
}
