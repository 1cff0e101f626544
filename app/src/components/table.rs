//! Tables by data: one heading a column, and cells that a phone shows as labelled lines.
//!
//! Every table of the pages comes through these few functions, so that the client holds the code of a cell once.

use leptos::prelude::*;

/// A column's heading, and how what stands below it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    name: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Silent,
}

/// A column of words.
pub(crate) fn text(name: impl Into<String>) -> Column {
    Column {
        name: name.into(),
        kind: Kind::Text,
    }
}

/// A column of numbers.
pub(crate) fn number(name: impl Into<String>) -> Column {
    Column {
        name: name.into(),
        kind: Kind::Number,
    }
}

/// A column of buttons or pictures, whose heading is for those who cannot see them.
pub(crate) fn silent(name: impl Into<String>) -> Column {
    Column {
        name: name.into(),
        kind: Kind::Silent,
    }
}

/// A table inside its box, which scrolls where the page must not.
pub(crate) fn table(class: &'static str, columns: Vec<Column>, rows: AnyView) -> AnyView {
    with_heads(class, heads(columns).into_any(), rows)
}

/// The headings of columns.
pub(crate) fn heads(columns: Vec<Column>) -> Vec<AnyView> {
    columns
        .into_iter()
        .map(|Column { name, kind }| {
            view! {
                <th scope="col" class=(kind == Kind::Number).then_some("number")>
                    <span class=(kind == Kind::Silent).then_some("hidden")>{name}</span>
                </th>
            }
            .into_any()
        })
        .collect()
}

/// The same for headings that do more than name their columns.
pub(crate) fn with_heads(class: &'static str, heads: AnyView, rows: AnyView) -> AnyView {
    view! {
        <div class="table-box">
            <table class=class>
                <thead>
                    <tr>{heads}</tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// The cell that names its row.
pub(crate) fn head(label: &'static str, text: impl ToString) -> AnyView {
    let text = text.to_string();
    view! { <th scope="row" class="number" data-label=label>{text}</th> }.into_any()
}

/// Words, with smaller ones below them.
pub(crate) fn words(label: &'static str, text: String, below: Option<String>) -> AnyView {
    cell(label, text.into_any(), below)
}

/// Anything, with small words below it.
pub(crate) fn cell(label: &'static str, inside: AnyView, below: Option<String>) -> AnyView {
    view! { <td data-label=label>{inside}{below.map(|text| view! { <small>{text}</small> })}</td> }.into_any()
}

/// A number as text.
pub(crate) fn figure(label: &'static str, text: String) -> AnyView {
    figure_of(label, text.into_any())
}

/// A number, with small words below it.
pub(crate) fn figure_with(label: &'static str, text: String, below: Option<String>) -> AnyView {
    figure_of(
        label,
        view! { {text} {below.map(|text| view! { <small>{text}</small> })} }.into_any(),
    )
}

/// A number that changes, or has a colour.
pub(crate) fn figure_of(label: &'static str, inside: AnyView) -> AnyView {
    view! { <td class="number" data-label=label>{inside}</td> }.into_any()
}
