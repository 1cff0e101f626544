//! What expressions are made of, to choose from: series, indicators with their parameters, names of the strategy's own.

use super::desk::Desk;
use super::reader;
use crate::erased::{effect, memo, on};
use crate::functions::Problem;
use leptos::{html, prelude::*};
use papertape::api::{Edit, Word, WordGroup};

/// The groups as people know them.
const GROUPS: [(WordGroup, &str); 4] = [
    (WordGroup::Bar, "Price and volume"),
    (WordGroup::Indicator, "Indicators"),
    (WordGroup::Condition, "Conditions"),
    (WordGroup::Position, "The position"),
];

/// A word with arguments, as an expression: those at the end that are empty are left out.
fn call(word: &Word, arguments: &[String], output: &str) -> String {
    let given: Vec<&str> = arguments
        .iter()
        .map(|argument| argument.trim())
        .take_while(|it| !it.is_empty())
        .collect();
    let mut text = word.name.clone();
    if !given.is_empty() {
        text = format!("{text}({})", given.join(", "));
    }
    if output.is_empty() {
        text
    } else {
        format!("{text}.{output}")
    }
}

/// The dialog. It opens when `field` gets a path and gives that field what was chosen.
#[component]
pub(super) fn Catalogue(desk: Desk, field: RwSignal<Option<String>>) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let words = RwSignal::new(Vec::<Word>::new());
    let filter = RwSignal::new(String::new());
    let chosen = RwSignal::new(None::<Word>);
    let arguments = RwSignal::new(Vec::<String>::new());
    let output = RwSignal::new(String::new());
    effect(move || {
        if field.with(Option::is_none) {
            return;
        }
        chosen.set(None);
        filter.set(String::new());
        if let Some(dialog) = dialog.get_untracked() {
            let _ = dialog.show_modal();
        }
        if words.with_untracked(Vec::is_empty) {
            leptos::task::spawn_local(async move {
                match reader::words().await {
                    Ok(all) => {
                        words.try_set(all);
                    }
                    Err(Problem(problem)) => {
                        desk.refused.try_set(Some(super::desk::Refused {
                            path: String::new(),
                            message: problem.detail,
                        }));
                    }
                }
            });
        }
    });
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let set = move |value: String| {
        if let Some(path) = field.get_untracked() {
            desk.edit(&path.clone(), Edit::Set { path, value });
        }
        close();
    };
    let choose = move |word: Word| {
        if word.arguments.is_empty() && word.outputs.is_empty() {
            return set(word.name);
        }
        arguments.set(word.arguments.iter().map(|it| it.value.clone()).collect());
        output.set(word.outputs.first().cloned().unwrap_or_default());
        chosen.set(Some(word));
    };
    // The strategy's own names come first: they are what rules are mostly made of.
    let own = memo(move |_| {
        desk.outline.with(|outline| {
            let of = |section: &str, sign: &str| {
                let blocks = outline
                    .section(section)
                    .map_or(&[][..], |section| &section.blocks);
                let names = blocks.iter().filter_map(|block| block.path.rsplit('.').next());
                names.map(|name| format!("{sign}{name}")).collect::<Vec<_>>()
            };
            [of("let", ""), of("params", "$")].concat()
        })
    });
    let fits = move |text: &str| filter.with(|filter| text.contains(filter.trim().to_lowercase().as_str()));
    let list = move || {
        let names: Vec<_> = own
            .get()
            .into_iter()
            .filter(|name| fits(name))
            .map(|name| {
                let value = name.clone();
                view! { <li><button type="button" class="button small" on:click=on(move |_| set(value.clone()))>{name}</button></li> }
            })
            .collect();
        let groups: Vec<_> = GROUPS
            .iter()
            .map(|(group, title)| {
                let words = words.get().into_iter().filter(|word| word.group == *group && fits(&word.name));
                let words: Vec<_> = words
                    .map(|word| {
                        let (name, signature) = (word.name.clone(), word.signature.clone());
                        view! {
                            <li>
                                <button type="button" class="button small" title=signature on:click=on(move |_| choose(word.clone()))>{name}</button>
                            </li>
                        }
                    })
                    .collect();
                (!words.is_empty()).then(|| view! { <h3>{*title}</h3> <ul class="words">{words}</ul> })
            })
            .collect();
        view! {
            {(!names.is_empty()).then(|| view! { <h3>"This strategy's own"</h3> <ul class="words">{names}</ul> })}
            {groups}
        }
    };
    let form = move || {
        chosen.get().map(|word| {
            let fields: Vec<_> = word
                .arguments
                .iter()
                .enumerate()
                .map(|(index, argument)| {
                    let id = format!("argument-{index}");
                    view! {
                        <div class="field">
                            <label for=id.clone()>{argument.name.clone()}</label>
                            <input
                                type="text"
                                id=id
                                autocomplete="off"
                                autofocus=index == 0
                                list="builder-words"
                                prop:value=move || arguments.with(|arguments| arguments.get(index).cloned().unwrap_or_default())
                                on:input=on(move |event| arguments.update(|arguments| {
                                    if let Some(argument) = arguments.get_mut(index) {
                                        *argument = event_target_value(&event);
                                    }
                                }))
                            />
                        </div>
                    }
                })
                .collect();
            let outputs: Vec<_> = word.outputs.iter().map(|it| view! { <option value=it.clone()>{it.clone()}</option> }).collect();
            let word = StoredValue::new(word);
            let text = move || word.with_value(|word| arguments.with(|arguments| output.with(|output| call(word, arguments, output))));
            view! {
                <form class="word-form" on:submit=on(move |event: leptos::ev::SubmitEvent| { event.prevent_default(); set(untrack(text)); })>
                    <p><code data-testid="catalogue-expression">{text}</code></p>
                    <div class="columns">{fields}</div>
                    {(!outputs.is_empty()).then(|| view! {
                        <div class="field">
                            <label for="argument-output">"Output"</label>
                            <select id="argument-output" prop:value=output on:change=on(move |event| output.set(event_target_value(&event)))>{outputs}</select>
                        </div>
                    })}
                    <div class="actions">
                        <button type="button" class="button" on:click=on(move |_| chosen.set(None))>"Back"</button>
                        <button type="submit" class="button primary" data-testid="catalogue-use">"Use it"</button>
                    </div>
                </form>
            }
        })
    };
    let options = move || {
        let own = own.get().into_iter();
        let series = ["close", "open", "high", "low", "volume", "hl2", "hlc3"].map(str::to_owned);
        own.chain(series)
            .map(|word| view! { <option value=word></option> })
            .collect::<Vec<_>>()
    };
    view! {
        <datalist id="builder-words">{options}</datalist>
        <dialog node_ref=dialog class="dialog catalogue" aria-labelledby="catalogue-title" on:close=on(move |_| field.set(None))>
            <h2 id="catalogue-title">"Choose a value"</h2>
            <div hidden=move || chosen.with(Option::is_some)>
                <label for="catalogue-filter" class="hidden">"Filter"</label>
                <input
                    type="search"
                    id="catalogue-filter"
                    autocomplete="off"
                    placeholder="Filter: sma, macd, volume"
                    prop:value=filter
                    on:input=on(move |event| filter.set(event_target_value(&event)))
                />
                <div class="word-list">{list}</div>
                <div class="actions">
                    <button type="button" class="button" on:click=on(move |_| close())>"Close"</button>
                </div>
            </div>
            {form}
        </dialog>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_called_with_what_was_filled_in() {
        let word = Word {
            name: "bbands".to_owned(),
            signature: String::new(),
            group: WordGroup::Indicator,
            arguments: Vec::new(),
            outputs: Vec::new(),
        };
        let given = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            call(&word, &given(&["close", "20", ""]), "upper"),
            "bbands(close, 20).upper"
        );
        assert_eq!(call(&word, &[], ""), "bbands");
    }
}
