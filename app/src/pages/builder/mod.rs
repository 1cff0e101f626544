//! The builder: a strategy as blocks and as text, side by side, with its backtest below.

mod blocks;
mod catalogue;
mod desk;
mod draft;
mod editor;
mod field;
mod preview;
mod reader;
mod save;

use super::Missing;
use crate::components::{Frame, Skeleton, Title};
use crate::erased::{effect, memo, on};
use crate::functions::{self, Problem};
use crate::keyboard::in_dialog;
use crate::wire::resource;
use blocks::{Bench, Blocks};
use catalogue::Catalogue;
use desk::Desk;
use draft::DraftNote;
use editor::{Editor, show_line};
use leptos::ev::KeyboardEvent;
use leptos::{html, prelude::*};
use leptos_router::components::A;
use leptos_router::hooks::{use_params_map, use_query_map};
use papertape::api::{DatasetInfo, Edit, EditOutcome, Outline};
use preview::Preview;
use save::{Place, Save};

/// What the builder begins with.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Beginning {
    /// Where it is kept; `None` for a new one.
    slug: Option<String>,
    version: Option<String>,
    builtin: bool,
    source: String,
    outline: Outline,
    datasets: Vec<DatasetInfo>,
}

/// What the address asks for: a strategy, or a new one, perhaps as a copy.
async fn begin(slug: Option<String>, from: Option<String>) -> Result<Beginning, Problem> {
    let Some(known) = slug.clone().or(from) else {
        return Ok(Beginning {
            slug: None,
            version: None,
            builtin: false,
            source: String::new(),
            outline: functions::outline(String::new()).await?,
            datasets: functions::datasets().await?,
        });
    };
    let detail = functions::strategy(known).await?;
    let mut source = detail.source;
    if slug.is_none() {
        let rename = Edit::Set {
            path: "name".to_owned(),
            value: format!("{} copy", detail.card.name),
        };
        // What cannot be renamed is copied as it is.
        if let Ok(EditOutcome::Made(renamed)) = functions::edit_outline(source.clone(), rename).await {
            source = renamed.text;
        }
    }
    Ok(Beginning {
        outline: functions::outline(source.clone()).await?,
        version: slug.as_ref().map(|_| detail.version),
        builtin: detail.builtin && slug.is_some(),
        slug,
        source,
        datasets: detail.datasets,
    })
}

/// The page.
#[component]
pub(crate) fn Builder() -> impl IntoView {
    let params = use_params_map();
    let query = use_query_map();
    let asked = memo(move |_| {
        let slug = params.with(|params| params.get("slug"));
        let from = query.with(|query| query.get("from"));
        (slug, from)
    });
    let beginning = resource(move || asked.get(), |(slug, from)| begin(slug, from));
    view! {
        <Suspense fallback=|| view! { <Skeleton blocks=&[14, 100] /> }>
            {move || Suspend::new(async move {
                match beginning.await {
                    Ok(beginning) => view! { <Workbench beginning /> }.into_any(),
                    Err(Problem(problem)) => {
                        view! { <Missing problem instead=("/strategies", "All strategies") /> }.into_any()
                    }
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Workbench(beginning: Beginning) -> impl IntoView {
    let desk = Desk::new(beginning.source.clone(), beginning.outline);
    let place = Place::new(
        beginning.slug.clone(),
        beginning.version,
        beginning.builtin,
        beginning.source,
    );
    let area = NodeRef::<html::Textarea>::new();
    let choosing = RwSignal::new(None::<String>);
    let bench = Bench::new(
        desk,
        Callback::new(move |path| choosing.set(Some(path))),
        Callback::new(move |line| show_line(area, line)),
    );
    let saving = Callback::new(move |()| place.ask(desk));
    // Heard wherever the keyboard is: after a click beside everything, or after a block has gone, that is nowhere.
    let press = move |event: KeyboardEvent| {
        if !(event.ctrl_key() || event.meta_key()) || in_dialog() {
            return;
        }
        match event.key().to_lowercase().as_str() {
            "s" => saving.run(()),
            "z" if event.shift_key() => desk.redo(),
            "z" => desk.undo(),
            "y" => desk.redo(),
            _ => return,
        }
        event.prevent_default();
    };
    effect(move || {
        let handle = window_event_listener(leptos::ev::keydown, press);
        on_cleanup(move || handle.remove());
    });
    let name = memo(move |_| {
        let name = desk
            .outline
            .with(|outline| outline.field("name").map(|field| field.value.clone()));
        name.filter(|name| !name.is_empty())
            .unwrap_or_else(|| "New strategy".to_owned())
    });
    let back = beginning
        .slug
        .map(|slug| view! { " / " <A href=format!("/strategies/{slug}")>{slug.clone()}</A> });
    let nothing = move || desk.text.with(|text| text.trim().is_empty());
    let broken = move || !desk.outline.with(|outline| outline.editable);
    let failure = move || {
        desk.refused
            .get()
            .filter(|refused| refused.path.is_empty())
            .map(|refused| refused.message)
    };
    view! {
        <Title text=Signal::derive(move || format!("Build {}", name.get())) />
        <div class="page builder" data-testid="builder">
            <header class="page-head">
                <div>
                    <p class="trail"><A href="/strategies">"Strategies"</A>{back}</p>
                    <h1>{move || name.get()}</h1>
                </div>
                <div class="buttons sticky-on-phone">
                    <button type="button" class="button" data-testid="undo" disabled=move || !desk.can_undo() on:click=on(move |_| desk.undo())>"Undo"</button>
                    <button type="button" class="button" data-testid="redo" disabled=move || !desk.can_redo() on:click=on(move |_| desk.redo())>"Redo"</button>
                    <Save desk place />
                </div>
            </header>
            <DraftNote desk place />
            {move || failure().map(|message| view! { <p class="note failure" role="alert">{message}</p> })}
            <div class="two-columns">
                <Frame title="Blocks" aside=|| view! { <KeyHelp /> }>
                    <Show when=nothing>
                        <p class="lead quiet">"An empty strategy. Give it a name, then an entry: what must hold for a position to be opened. Everything else can come later."</p>
                    </Show>
                    <Show when=broken>
                        <p class="note failure" role="status">"The text is not YAML at the moment. Blocks wait until it is; nothing is lost."</p>
                    </Show>
                    <Blocks bench />
                </Frame>
                <Frame title="Text" class="source">
                    <Editor desk area />
                </Frame>
            </div>
            <Preview desk datasets=beginning.datasets />
            <Catalogue desk field=choosing />
        </div>
    }
    .into_any()
}

/// What the keyboard can do.
#[component]
fn KeyHelp() -> impl IntoView {
    const KEYS: [(&str, &str); 8] = [
        ("Tab", "to the next block or field"),
        ("↑ ↓", "from block to block"),
        ("Alt+↑ Alt+↓", "moves a block"),
        ("Enter, Esc", "into its fields, and back"),
        ("a", "adds"),
        ("Delete", "removes"),
        ("Ctrl+Z, Ctrl+Shift+Z", "undoes, redoes: blocks and text"),
        ("Ctrl+S", "saves"),
    ];
    let rows: Vec<_> = KEYS
        .iter()
        .map(|(keys, what)| view! { <tr><th scope="row"><kbd>{*keys}</kbd></th><td>{*what}</td></tr> })
        .collect();
    view! {
        <details class="adds">
            <summary class="link">"Keys"</summary>
            <table class="menu keys"><tbody>{rows}</tbody></table>
        </details>
    }
    .into_any()
}
