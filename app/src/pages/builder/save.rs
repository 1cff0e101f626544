//! Where a strategy is kept, and the way there.

use super::desk::Desk;
use super::draft;
use crate::components::{Confirm, Deed, Field, ProblemNote};
use crate::erased::{effect, on};
use crate::functions;
use crate::live::Live;
use leptos::{html, prelude::*};
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use papertape::api::StrategyDetail;

/// Where a strategy is kept.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) slug: StoredValue<Option<String>>,
    /// Which version the text is made from.
    pub(super) version: RwSignal<Option<String>>,
    pub(super) builtin: bool,
    /// The text as it is kept.
    pub(super) saved: RwSignal<String>,
    deed: Deed,
    /// Whether a name is being asked for.
    asking: RwSignal<bool>,
}

impl Place {
    pub(super) fn new(slug: Option<String>, version: Option<String>, builtin: bool, saved: String) -> Self {
        Self {
            slug: StoredValue::new(slug),
            version: RwSignal::new(version),
            builtin,
            saved: RwSignal::new(saved),
            deed: Deed::new(),
            asking: RwSignal::new(false),
        }
    }

    /// Whether the text has changed since it was kept.
    pub(super) fn is_changed(self, desk: Desk) -> bool {
        desk.text.with(|text| self.saved.with(|saved| text != saved))
    }

    /// Whether it needs a name of its own first.
    fn needs_name(self) -> bool {
        self.builtin || self.slug.with_value(Option::is_none)
    }

    /// Saves, or asks for a name first.
    pub(super) fn ask(self, desk: Desk) {
        if self.needs_name() {
            self.asking.set(true);
        } else if let Some(slug) = self.slug.get_value() {
            let version = self.version.get_untracked();
            self.save(desk, slug, version, |_| {});
        }
    }

    fn save(self, desk: Desk, slug: String, version: Option<String>, then: impl FnOnce(String) + 'static) {
        let text = desk.text.get_untracked();
        let request = functions::save_strategy(slug, text, version);
        self.deed.run(request, move |detail: StrategyDetail| {
            draft::forget(self.slug.get_value().as_deref());
            self.version.set(Some(detail.version));
            self.saved.set(detail.source);
            then(detail.card.slug);
        });
    }
}

/// A name for people as one for addresses.
fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(64);
    slug.trim_end_matches('-').to_owned()
}

/// Saves and removes.
#[component]
pub(super) fn Save(desk: Desk, place: Place) -> impl IntoView {
    let live = expect_context::<Live>();
    // Not a local value: on the server another thread may end what one has begun.
    let navigate = StoredValue::new(use_navigate());
    let dialog = NodeRef::<html::Dialog>::new();
    let name = RwSignal::new(String::new());
    effect(move || {
        if place.asking.get() {
            let named = desk.outline.with_untracked(|outline| {
                outline
                    .field("name")
                    .map_or_else(String::new, |field| slug_of(&field.value))
            });
            let own = place.slug.get_value();
            let copy = if own.as_deref() == Some(named.as_str()) {
                format!("{named}-copy")
            } else {
                named
            };
            name.set(copy);
            if let Some(dialog) = dialog.get_untracked() {
                let _ = dialog.show_modal();
            }
        }
    });
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        place.save(desk, name.get_untracked().trim().to_owned(), None, move |slug| {
            close();
            let to = format!("/strategies/{slug}/edit");
            navigate.with_value(|navigate| {
                navigate(
                    &to,
                    NavigateOptions {
                        replace: true,
                        ..Default::default()
                    },
                )
            });
        });
    };
    let state = move || {
        if place.deed.pending.get() {
            "Saving"
        } else if place.is_changed(desk) {
            "Not saved"
        } else if place.slug.with_value(Option::is_none) {
            "New"
        } else {
            "Saved"
        }
    };
    let own = (!place.needs_name()).then(|| place.slug.get_value()).flatten();
    let removal = own.map(|slug| {
        let consequence = format!(
            "{slug}.yaml is removed from the library. Sessions that run it go on; its backtests stay."
        );
        let remove = move || {
            let version = place.version.get_untracked().unwrap_or_default();
            place
                .deed
                .run(functions::delete_strategy(slug.clone(), version), move |()| {
                    place.saved.set(desk.text.get_untracked());
                    draft::forget(place.slug.get_value().as_deref());
                    live.notify(false, "The strategy was removed.");
                    navigate.with_value(|navigate| navigate("/strategies", NavigateOptions::default()));
                });
        };
        view! {
            <Confirm
                label="Delete"
                title="Delete this strategy?"
                consequence
                action="Delete"
                act=Callback::new(move |()| remove())
                dangerous=true
                testid="delete-strategy"
            />
        }
    });
    view! {
        <p class="hint" role="status" data-testid="save-state">{state}</p>
        {removal}
        <button
            type="button"
            class="button primary"
            data-testid="save"
            disabled=move || place.deed.pending.get()
            on:click=on(move |_| place.ask(desk))
        >
            {if place.builtin { "Save a copy" } else { "Save" }}
        </button>
        <dialog node_ref=dialog class="dialog" aria-labelledby="save-title" on:close=on(move |_| place.asking.set(false))>
            <form on:submit=on(submit)>
                <h2 id="save-title">"Save the strategy as"</h2>
                {place.builtin.then(|| view! { <p>"Strategies that came with Papertape stay as they are, so yours gets a name of its own."</p> })}
                <Field label="Name in addresses and commands" control="save-name" hint="Small letters, digits and hyphens">
                    <input
                        type="text"
                        id="save-name"
                        data-testid="save-name"
                        autocomplete="off"
                        spellcheck="false"
                        prop:value=name
                        on:input=on(move |event| name.set(event_target_value(&event)))
                    />
                </Field>
                <Show when=move || place.asking.get()>
                    <ProblemNote problem=place.deed.problem />
                </Show>
                <div class="actions">
                    <button type="button" class="button" on:click=on(move |_| close())>"Cancel"</button>
                    <button type="submit" class="button primary" data-testid="save-submit">"Save"</button>
                </div>
            </form>
        </dialog>
        <Show when=move || !place.asking.get()>
            <ProblemNote problem=place.deed.problem />
        </Show>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_for_people_becomes_one_for_addresses() {
        assert_eq!(slug_of("SMA cross (2nd)"), "sma-cross-2nd");
        assert_eq!(slug_of("  ÄÖ "), "");
        assert_eq!(slug_of(&"x y".repeat(40)).len(), 64);
    }
}
