//! Fills, and why each is what it is.

use super::why::fill_story;
use crate::components::{Limit, More, Time};
use crate::format::{self, TimeStyle};
use crate::live::SessionView;
use leptos::prelude::*;
use papertape::api::FillStory;
use papertape::exchange::{Fill, Liquidity};
use papertape::model::Instrument;

/// The fills, newest first; each opens to its explanation.
#[component]
pub(crate) fn Fills(view: SessionView) -> impl IntoView {
    let instrument = StoredValue::new(view.summary.with_untracked(|it| it.instrument.clone()));
    let limit = Limit::new();
    let count = Signal::derive(move || view.fills.with(Vec::len));
    let any = Memo::new(move |_| view.fills.with(|fills| !fills.is_empty()));
    let currency = view.summary.with_untracked(|it| it.equity.currency.to_string());
    let fee_head = StoredValue::new(format!("Fee, {currency}"));
    let cost_head = StoredValue::new(format!("Price cost, {currency}"));
    view! {
        <Show
            when=move || any.get()
            fallback=|| view! { <p class="quiet">"No fill yet. Each fill will say here why it got the price it got."</p> }
        >
            <div class="table-box">
                <table class="cards-on-phone fills">
                    <thead>
                        <tr>
                            <th scope="col" class="number">"#"</th>
                            <th scope="col">"Time"</th>
                            <th scope="col">"Side"</th>
                            <th scope="col" class="number">"Quantity"</th>
                            <th scope="col" class="number">"Price"</th>
                            <th scope="col" class="number">{cost_head.get_value()}</th>
                            <th scope="col" class="number">{fee_head.get_value()}</th>
                            <th scope="col">"Liquidity"</th>
                            <th scope="col">"Order"</th>
                            <th scope="col"><span class="hidden">"Explanation"</span></th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || view.fills.with(|fills| limit.of(fills)) key=|fill| fill.number let:fill>
                            <FillRows fill instrument />
                        </For>
                    </tbody>
                </table>
            </div>
            <More limit all=count />
        </Show>
    }
    .into_any()
}

#[component]
fn FillRows(fill: Fill, instrument: StoredValue<Instrument>) -> impl IntoView {
    let open = RwSignal::new(false);
    let id = format!("why-{}", fill.number);
    let controls = id.clone();
    let stored = StoredValue::new(fill.clone());
    let (quantity, price) = instrument.with_value(|instrument| {
        (
            format::quantity(fill.quantity, instrument),
            format::price(fill.price, instrument),
        )
    });
    view! {
        <tr data-testid="fill-row">
            <th scope="row" class="number" data-label="Fill">{fill.number}</th>
            <td data-label="Time"><Time at=fill.time style=TimeStyle::Second /></td>
            <td data-label="Side">{fill.side.to_string()}</td>
            <td class="number" data-label="Quantity">{quantity}</td>
            <td class="number" data-label="Price">{price}</td>
            <td class="number" data-label="Price cost">{format::signed_amount(fill.explanation.price_cost())}</td>
            <td class="number" data-label="Fee">{format::amount(fill.fee)}</td>
            <td data-label="Liquidity">
                {match fill.liquidity {
                    Liquidity::Maker => "maker",
                    Liquidity::Taker => "taker",
                }}
            </td>
            <td data-label="Order">"#" {fill.order_id.0}</td>
            <td class="row-actions">
                <button
                    type="button"
                    class="button small"
                    data-testid="fill-why"
                    aria-expanded=move || if open.get() { "true" } else { "false" }
                    aria-controls=controls
                    on:click=move |_| open.update(|open| *open = !*open)
                >
                    "Why"
                </button>
            </td>
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
