//! The left side: sections of blocks, with everything that keyboard and pointer can do to them.

use super::desk::Desk;
use super::field::field_view;
use crate::erased::{effect, memo, on};
use leptos::ev::{DragEvent, FocusEvent, KeyboardEvent};
use leptos::prelude::*;
use papertape::api::{Addition, Block, BlockProblem, Edit, FieldKind};
use wasm_bindgen::JsCast;

/// What blocks need to know.
#[derive(Clone, Copy)]
pub(super) struct Bench {
    pub(super) desk: Desk,
    /// Opens the catalogue for a field.
    pub(super) choose: Callback<String>,
    /// Shows lines of the text.
    pub(super) show: Callback<u32>,
    dragged: RwSignal<Option<String>>,
}

impl Bench {
    pub(super) fn new(desk: Desk, choose: Callback<String>, show: Callback<u32>) -> Self {
        Self {
            desk,
            choose,
            show,
            dragged: RwSignal::new(None),
        }
    }
}

/// What a block looks like apart from its values: while this is the same, so are its elements, and the keyboard stays
/// where it is.
fn shape(block: &Block) -> String {
    let mut shape = block.path.clone();
    for field in &block.fields {
        shape.push(' ');
        shape.push_str(&field.path);
        if let FieldKind::Choice(choices) = &field.kind {
            shape.push_str(&choices.len().to_string());
        }
    }
    for addition in &block.additions {
        shape.push('+');
        shape.push_str(&addition.label);
    }
    for inner in &block.blocks {
        shape.push('/');
        shape.push_str(&self::shape(inner));
    }
    shape
}

/// The id of a block's element.
pub(super) fn element_id(path: &str) -> String {
    format!("block-{path}")
}

/// All sections.
#[component]
pub(super) fn Blocks(bench: Bench) -> impl IntoView {
    let desk = bench.desk;
    let sections = memo(move |_| {
        desk.outline.with(|outline| {
            let sections = outline.sections.iter();
            sections
                .map(|section| (section.path.clone(), section.title.clone(), section.about.clone()))
                .collect::<Vec<_>>()
        })
    });
    // Once the elements are there, the keyboard goes to what was just made.
    effect(move || {
        if let Some(path) = desk.focus.get() {
            request_animation_frame(move || {
                let element = document().get_element_by_id(&element_id(&path));
                if let Some(element) = element.and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok()) {
                    let _ = element.focus();
                }
                desk.focus.try_set(None);
            });
        }
    });
    // A block that is made anew, as undo does it, takes the keyboard with it: it then goes to the block that stands there
    // now, or to what that was in.
    let at = StoredValue::new(None::<String>);
    effect(move || {
        desk.outline.track();
        request_animation_frame(move || {
            let is_lost = document()
                .active_element()
                .is_none_or(|it| it.tag_name() == "BODY");
            if let Some(Some(path)) = at.try_get_value()
                && is_lost
            {
                let mut path = path.as_str();
                while !path.is_empty() {
                    if let Some(element) = document().get_element_by_id(&element_id(path)) {
                        return focus(&element);
                    }
                    path = parent(path);
                }
            }
        });
    });
    let went = move |event: FocusEvent| {
        let element = event
            .target()
            .and_then(|it| it.dyn_into::<web_sys::Element>().ok());
        let block = element.and_then(|it| it.closest("[data-path]").ok().flatten());
        at.set_value(block.and_then(|block| block.get_attribute("data-path")));
    };
    view! {
        <div
            class="blocks"
            class:stale=move || !desk.outline.with(|outline| outline.editable)
            on:focusin=on(went)
        >
            <For each=move || sections.get() key=Clone::clone let((path, title, about))>
                <Section bench path title about />
            </For>
        </div>
    }
    .into_any()
}

#[component]
fn Section(bench: Bench, path: String, title: String, about: String) -> impl IntoView {
    let desk = bench.desk;
    let key = path.clone();
    let blocks = move || {
        desk.outline.with(|outline| {
            outline
                .section(&key)
                .map_or_else(Vec::new, |section| section.blocks.clone())
        })
    };
    let key = path.clone();
    let additions = memo(move |_| {
        desk.outline.with(|outline| {
            outline
                .section(&key)
                .map_or_else(Vec::new, |section| section.additions.clone())
        })
    });
    let heading = format!("section-{path}");
    let labelled = heading.clone();
    view! {
        <section class="block-section" id=element_id(&path) tabindex="-1" aria-labelledby=labelled>
            <header>
                <h3 id=heading>{title.clone()}</h3>
                <Add bench path=path.clone() to=title additions />
            </header>
            <p class="hint">{about}</p>
            <For each=blocks key=shape let:block>
                <BlockView bench block />
            </For>
        </section>
    }
    .into_any()
}

/// The button or the menu that adds.
#[component]
fn Add(bench: Bench, path: String, to: String, additions: Memo<Vec<Addition>>) -> impl IntoView {
    let desk = bench.desk;
    move || {
        let additions = additions.get();
        let path = path.clone();
        let many = additions.len() > 1;
        let to = to.to_lowercase();
        let buttons: Vec<_> = additions
            .into_iter()
            .map(|addition| {
                let path = path.clone();
                let label = format!("Add to {to}: {}", addition.label);
                view! {
                    <button
                        type="button"
                        class="button small"
                        data-add=""
                        aria-label=label
                        on:click=on(move |_| desk.edit(&path, addition.edit.clone()))
                    >
                        "+ " {addition.label}
                    </button>
                }
            })
            .collect();
        match (buttons.is_empty(), many) {
            (true, _) => ().into_any(),
            (false, false) => view! { <div class="adds">{buttons}</div> }.into_any(),
            (false, true) => view! {
                <details class="adds" on:keydown=on(close_menu)>
                    <summary class="button small" data-add="" aria-label=format!("Add to {to}")>"+ Add"</summary>
                    <div class="menu">{buttons}</div>
                </details>
            }
            .into_any(),
        }
    }
}

/// Escape closes a menu and goes back to its button.
fn close_menu(event: KeyboardEvent) {
    if event.key() != "Escape" {
        return;
    }
    let menu = event
        .current_target()
        .and_then(|it| it.dyn_into::<web_sys::Element>().ok());
    if let Some(menu) = menu {
        let _ = menu.remove_attribute("open");
        if let Ok(Some(summary)) = menu.query_selector("summary") {
            focus(&summary);
        }
    }
}

fn focus(element: &web_sys::Element) {
    if let Some(element) = element.dyn_ref::<web_sys::HtmlElement>() {
        let _ = element.focus();
    }
}

/// Goes to the first element inside `element` that a selector finds.
fn focus_inside(element: &web_sys::Element, selector: &str) -> bool {
    match element.query_selector(selector) {
        Ok(Some(found)) => {
            focus(&found);
            true
        }
        _ => false,
    }
}

/// Goes to the block before or after the one at a path, in the order on screen.
fn walk(desk: Desk, path: &str, forward: bool) {
    let paths: Vec<String> = desk.outline.with_untracked(|outline| {
        let blocks = outline.blocks().into_iter();
        blocks.map(|block| block.path.clone()).collect()
    });
    let own = paths.iter().position(|known| known == path);
    let next = own.and_then(|own| {
        if forward {
            own.checked_add(1)
        } else {
            own.checked_sub(1)
        }
    });
    let element = next
        .and_then(|next| paths.get(next))
        .and_then(|path| document().get_element_by_id(&element_id(path)));
    if let Some(element) = element {
        focus(&element);
    }
}

/// Gives a drag some data: without it Firefox drags nothing.
fn fill_drag(event: &DragEvent, path: &str) {
    let data = js_sys::Reflect::get(event, &"dataTransfer".into()).unwrap_or_default();
    let set = js_sys::Reflect::get(&data, &"setData".into());
    if let Some(set) = set.ok().and_then(|set| set.dyn_into::<js_sys::Function>().ok()) {
        let _ = set.call2(&data, &"text/plain".into(), &path.into());
    }
}

#[component]
fn BlockView(bench: Bench, block: Block) -> AnyView {
    let desk = bench.desk;
    let path = StoredValue::new(block.path.clone());
    // What may change while the block stays.
    let now = memo(move |_| {
        desk.outline
            .with(|outline| path.with_value(|path| outline.block(path).cloned()))
    });
    let order = move || now.with(|now| now.as_ref().and_then(|now| now.order));
    let line = move || now.with(|now| now.as_ref().map_or(0, |now| now.place.line));
    let title = block.title.clone();
    let name = move || {
        now.with(|now| {
            now.as_ref().map_or_else(String::new, |now| {
                let values: Vec<&str> = now
                    .fields
                    .iter()
                    .map(|field| field.value.as_str())
                    .take(3)
                    .collect();
                format!("{} {}", now.title, values.join(" ")).trim().to_owned()
            })
        })
    };
    let remove = move || {
        let path = path.get_value();
        desk.edit(&path, Edit::Remove { path: path.clone() });
    };
    let shift = move |down: bool| {
        if let Some((index, count)) = order() {
            let to = if down {
                Some(index + 1).filter(|to| *to < count)
            } else {
                index.checked_sub(1)
            };
            if let Some(to) = to {
                let path = path.get_value();
                desk.edit(
                    &path,
                    Edit::Move {
                        path: path.clone(),
                        to,
                    },
                );
            }
        }
    };
    let removable = block.removable;
    let press = move |event: KeyboardEvent| {
        let (Some(target), Some(own)) = (event.target(), event.current_target()) else {
            return;
        };
        let Ok(own) = own.dyn_into::<web_sys::Element>() else {
            return;
        };
        let inside = &target != own.unchecked_ref::<web_sys::EventTarget>();
        if event.ctrl_key() || event.meta_key() {
            return;
        }
        match event.key().as_str() {
            "Escape" if inside => focus(&own),
            _ if inside => return,
            "ArrowDown" if event.alt_key() => shift(true),
            "ArrowUp" if event.alt_key() => shift(false),
            _ if event.alt_key() => return,
            "ArrowDown" => path.with_value(|path| walk(desk, path, true)),
            "ArrowUp" => path.with_value(|path| walk(desk, path, false)),
            "Delete" | "Backspace" if removable => remove(),
            "Enter" => {
                focus_inside(&own, "input, select, textarea");
            }
            "a" => {
                // To the block itself, else to the rule or the list that it is in, else to its section.
                const OWN: &str = ":scope > .adds [data-add], :scope > header [data-add]";
                let around = own.closest("[data-block]:has(> .adds), .block-section");
                if let Ok(Some(around)) = around {
                    focus_inside(&around, OWN);
                }
                // A menu opens at once, with its first choice ready.
                if let Some(button) = document()
                    .active_element()
                    .filter(|it| it.tag_name() == "SUMMARY")
                    && let Some(menu) = button.parent_element()
                {
                    let _ = menu.set_attribute("open", "");
                    focus_inside(&menu, ".menu button");
                }
            }
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    };
    let fields: Vec<_> = block
        .fields
        .iter()
        .cloned()
        .map(|field| field_view(bench, field))
        .collect();
    let inner = (!block.blocks.is_empty()).then(|| {
        let blocks = block.blocks.clone();
        let blocks: Vec<_> = blocks
            .into_iter()
            .map(|block| view! { <BlockView bench block /> })
            .collect();
        view! { <div class="inner">{blocks}</div> }
    });
    let text = move || now.with(|now| now.as_ref().and_then(|now| now.text.clone()));
    let opaque = block.text.is_some();
    let is_comparison = block.fields.iter().any(|field| field.path.ends_with(".operator"));
    let additions = {
        let additions = block.additions.clone();
        memo(move |_| additions.clone())
    };
    let has_additions = !block.additions.is_empty();
    // What stands here and keeps the file from running, or is likely a mistake.
    let told = memo(move |_| {
        desk.outline.with(|outline| {
            let here = |it: &&BlockProblem| path.with_value(|path| it.block == *path);
            let words = |(class, it): (&'static str, &BlockProblem)| (class, it.problem.message.clone());
            let problems = outline.problems.iter().filter(here).map(|it| ("error", it));
            let warnings = outline.warnings.iter().filter(here).map(|it| ("warned", it));
            problems.chain(warnings).map(words).collect::<Vec<_>>()
        })
    });
    let is_wrong = move || told.with(|told| told.iter().any(|(class, _)| *class == "error"));
    let refused = move || {
        desk.refused
            .get()
            .filter(|refused| path.with_value(|path| refused.path == *path))
            .map(|refused| refused.message)
    };
    let drop = move |event: DragEvent| {
        event.prevent_default();
        event.stop_propagation();
        if let (Some(dragged), Some((to, _))) = (bench.dragged.get_untracked(), untrack(order)) {
            bench.dragged.set(None);
            if path.with_value(|path| parent(path) == parent(&dragged) && *path != dragged) {
                desk.edit(
                    &dragged,
                    Edit::Move {
                        path: dragged.clone(),
                        to,
                    },
                );
            }
        }
    };
    let over = move |event: DragEvent| {
        let fits = bench.dragged.with(|dragged| {
            dragged
                .as_ref()
                .is_some_and(|dragged| path.with_value(|path| parent(path) == parent(dragged)))
        });
        if fits {
            event.prevent_default();
        }
    };
    let movable = block.order.is_some();
    let about = block.path == "about";
    let handle = movable.then(|| {
        view! {
            <span
                class="handle"
                draggable="true"
                aria-hidden="true"
                on:dragstart=on(move |event: DragEvent| {
                    event.stop_propagation();
                    bench.dragged.set(Some(path.get_value()));
                    path.with_value(|path| fill_drag(&event, path));
                })
                on:dragend=on(move |_| bench.dragged.set(None))
            >"⠿"</span>
        }
    });
    let buttons = (!about).then(|| {
        let words = move |verb: &str| format!("{verb} {}", name());
        view! {
            <div class="tools">
                <button type="button" class="link line-number" aria-label=move || format!("Show line {}", line()) on:click=on(move |_| bench.show.run(line()))>
                    {move || line()}
                </button>
                {movable.then(|| view! {
                    <button type="button" class="icon" aria-label=move || words("Move up:") disabled=move || order().is_none_or(|(at, _)| at == 0) on:click=on(move |_| shift(false))><span aria-hidden="true">"↑"</span></button>
                    <button type="button" class="icon" aria-label=move || words("Move down:") disabled=move || order().is_none_or(|(at, count)| at + 1 >= count) on:click=on(move |_| shift(true))><span aria-hidden="true">"↓"</span></button>
                })}
                {removable.then(|| view! {
                    <button type="button" class="icon" aria-label=move || words("Remove") on:click=on(move |_| remove())><span aria-hidden="true">"×"</span></button>
                })}
            </div>
        }
    });
    let kind = if opaque { "block opaque" } else { "block" };
    view! {
        <div
            class=kind
            class:wrong=is_wrong
            role="group"
            tabindex="0"
            id=element_id(&block.path)
            data-block=""
            data-path=block.path.clone()
            aria-label=move || { let name = name(); if name.is_empty() { "About".to_owned() } else { name } }
            on:keydown=on(press)
            on:dragover=on(over)
            on:drop=on(drop)
        >
            <div class="row">
                {handle}
                {(!title.is_empty()).then(|| view! { <h4>{title.clone()}</h4> })}
                <div class="fields" class:condition=is_comparison>{fields}</div>
                {buttons}
            </div>
            {move || text().map(|text| view! { <pre class="as-text" tabindex="0" aria-label="As text">{text}</pre> })}
            {inner}
            {has_additions.then(|| view! { <Add bench path=block.path.clone() to=if title.is_empty() { "about".to_owned() } else { title } additions /> })}
            {move || told.get().into_iter().chain(refused().map(|message| ("error", message))).map(|(class, message)| view! { <p class=class role="alert">{message}</p> }).collect::<Vec<_>>()}
        </div>
    }
    .into_any()
}

/// What a block belongs to.
fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}
