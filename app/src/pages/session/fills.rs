//! Fills, and why each is what it is.

use super::traded::Traded;
use super::why::fill_story;
use crate::components::table::{self, cell, figure, head, number, silent, text, words};
use crate::components::{Held, Limit, More, Time, fold};
use crate::erased::memo;
use crate::format::{self, TimeStyle};
use crate::live::SessionView;
use leptos::prelude::*;
use papertape::api::FillStory;
use papertape::exchange::{Fill, Liquidity};

/// The fills, newest first; each opens to its explanation, and while one is open the list keeps still.
#[component]
pub(crate) fn Fills(view: SessionView) -> impl IntoView {
    let traded = Traded::of_session(view);
    let limit = Limit::new();
    let fills = Held::new(view.fills, |fill: &Fill| fill.number, limit);
    let count = Signal::derive(move || view.fills.with(Vec::len));
    let any = memo(move |_| view.fills.with(|fills| !fills.is_empty()));
    let currency = view.summary.with_untracked(|it| it.equity.currency.to_string());
    let columns = move || {
        vec![
            number("#"),
            text("Time"),
            text("Side"),
            number("Quantity"),
            number("Price"),
            number(format!("Price cost, {currency}")),
            number(format!("Fee, {currency}")),
            text("Liquidity"),
            text("Order"),
            silent("Explanation"),
        ]
    };
    let rows = move || {
        view! {
            <For each=move || fills.rows() key=|fill| fill.number let:fill>
                <FillRows fill fills traded />
            </For>
        }
        .into_any()
    };
    view! {
        <Show
            when=move || any.get()
            fallback=|| view! { <p class="quiet">"No fill yet. Each fill will say here why it got the price it got."</p> }
        >
            {fills.around(table::table("cards-on-phone fills", columns(), rows()), "Newest first")}
            <More limit all=count />
        </Show>
    }
    .into_any()
}

#[component]
fn FillRows(fill: Fill, fills: Held<Fill, ()>, traded: Traded) -> impl IntoView {
    let instrument = StoredValue::new(traded.of(fill.instrument));
    let row = fill.number;
    let open = Signal::derive(move || fills.at(row).is_some());
    let id = format!("why-{row}");
    let why = fold(
        "fill-why",
        "Why?",
        format!("Why is fill {row} as it is?"),
        id.clone(),
        open,
        Callback::new(move |()| fills.toggle(row, ())),
    );
    let stored = StoredValue::new(fill.clone());
    let (quantity, price) = instrument.with_value(|instrument| {
        (
            format::quantity(fill.quantity, instrument),
            format::price(fill.price, instrument),
        )
    });
    let liquidity = match fill.liquidity {
        Liquidity::Maker => "maker",
        Liquidity::Taker => "taker",
    };
    let time = view! { <Time at=fill.time style=TimeStyle::Second /> }.into_any();
    let cells = vec![
        head("Fill", row),
        cell("Time", time, None),
        words("Side", fill.side.to_string(), traded.symbol(fill.instrument)),
        figure("Quantity", quantity),
        figure("Price", price),
        figure("Price cost", format::signed_amount(fill.explanation.price_cost())),
        figure("Fee", format::amount(fill.fee)),
        words("Liquidity", liquidity.to_owned(), None),
        words("Order", format!("#{}", fill.order_id.0), None),
    ];
    view! {
        <tr data-testid="fill-row">
            {cells}
            <td class="row-actions">{why}</td>
        </tr>
        <tr class="why" id=id hidden=move || !open.get()>
            <td colspan="10">
                <Show when=move || open.get()>
                    {instrument.with_value(|instrument| {
                        fill_story(FillStory::of(&stored.get_value(), instrument), instrument)
                    })}
                </Show>
            </td>
        </tr>
    }
    .into_any()
}
