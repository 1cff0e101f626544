//! Fills, and why each is what it is.

use crate::components::{Limit, More, Time};
use crate::format::{self, TimeStyle};
use crate::live::SessionView;
use leptos::prelude::*;
use papertape::exchange::{Fill, Liquidity};
use papertape::model::{Instrument, Money};

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
                    <Why fill=stored.get_value() instrument=instrument.get_value() />
                </Show>
            </td>
        </tr>
    }
    .into_any()
}

/// From the price on which it was decided to what it really cost, amount by amount.
#[component]
fn Why(fill: Fill, instrument: Instrument) -> impl IntoView {
    let why = fill.explanation;
    let price = |price| format::price(price, &instrument);
    let total = why.price_cost() + why.fee;
    let line = |name: &'static str, about: &'static str, amount: Money, sum: bool| {
        view! {
            <tr class:sum=sum>
                <th scope="row">{name}<small>{about}</small></th>
                <td class="number">{format::signed_amount(amount)}</td>
            </tr>
        }
    };
    view! {
        <div class="explanation">
            <div>
                <p>
                    "Decided at " <strong>{price(why.decision_price)}</strong> " ("
                    <Time at=why.decided_at style=TimeStyle::Second /> "). Met "
                    {why.met.to_string()} ", reference price " <strong>{price(why.reference_price)}</strong>
                    ". Filled at " <strong>{price(fill.price)}</strong> "."
                </p>
                <p class="hint">
                    "Simulated against " {why.tier.to_string()}
                    ". Positive amounts are costs to the account; the first three add up to the difference between \
                     decision and fill, times the quantity."
                </p>
            </div>
            <table class="sums">
                <caption class="hidden">"What the fill cost"</caption>
                <tbody>
                    {line("Market moved", "between decision and meeting", why.drift, false)}
                    {line("Half the spread", "paid by those who take", why.spread, false)}
                    {line("Slippage", "the model's, rounding included", why.slippage, false)}
                    {line("Price cost", "fill against decision", why.price_cost(), true)}
                    {line("Fee", "of the fill's value", why.fee, false)}
                    {line("In all", "implementation shortfall", total, true)}
                </tbody>
            </table>
        </div>
    }
    .into_any()
}
