//! The orders, working ones first as they are the newest: each can be explained, open ones changed and withdrawn.

use super::why::OrderWhy;
use crate::components::{Deed, Limit, More, NumberField, ProblemNote, Time};
use crate::format::{self, NONE};
use crate::functions;
use crate::live::SessionView;
use leptos::prelude::*;
use papertape::api::OrderChange;
use papertape::model::{Instrument, OrderId, SessionId, decimal};
use papertape::order::{Amendment, Order, OrderPurpose, OrderStatus, TimeInForce};
use rust_decimal::Decimal;

/// What is open below a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pane {
    Why,
    Change,
}

/// The table. What is open stays open when its order changes, which makes its row again.
#[component]
pub(crate) fn Orders(view: SessionView) -> impl IntoView {
    let instrument = StoredValue::new(view.summary.with_untracked(|it| it.instrument.clone()));
    let session = StoredValue::new(view.summary.with_untracked(|it| it.id.clone()));
    let any = Memo::new(move |_| view.orders.with(|orders| !orders.is_empty()));
    let limit = Limit::new();
    let count = Signal::derive(move || view.orders.with(Vec::len));
    let open = RwSignal::new(None::<(OrderId, Pane)>);
    // A row is made again when its order has changed.
    let key = |order: &Order| {
        (
            order.id,
            order.updated_at,
            order.filled,
            order.status as u8,
            (order.kind.limit_price(), order.kind.stop_price(), order.quantity),
        )
    };
    view! {
        <Show
            when=move || any.get()
            fallback=|| {
                view! {
                    <p class="quiet">"No order yet. Orders appear here when a rule comes true, or when you place one."</p>
                }
            }
        >
            <div class="table-box">
                <table class="cards-on-phone orders">
                    <thead>
                        <tr>
                            <th scope="col" class="number">"#"</th>
                            <th scope="col">"Status"</th>
                            <th scope="col">"Order"</th>
                            <th scope="col">"Purpose"</th>
                            <th scope="col" class="number">"Quantity"</th>
                            <th scope="col" class="number">"Price"</th>
                            <th scope="col" class="number">"Filled at"</th>
                            <th scope="col">"Placed"</th>
                            <th scope="col">"Reason"</th>
                            <th scope="col"><span class="hidden">"What can be done"</span></th>
                        </tr>
                    </thead>
                    <tbody>
                        <For each=move || view.orders.with(|orders| limit.of(orders)) key=key let:order>
                            <OrderRows order session instrument open />
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
fn OrderRows(
    order: Order,
    session: StoredValue<SessionId>,
    instrument: StoredValue<Instrument>,
    open: RwSignal<Option<(OrderId, Pane)>>,
) -> impl IntoView {
    let id = order.id;
    let deed = Deed::new();
    let is_open = !order.status.is_final();
    let can_change = is_open && order.status != OrderStatus::Submitted;
    let shows = move |pane| open.get() == Some((id, pane));
    let toggle = move |pane| {
        open.update(|open| {
            *open = if *open == Some((id, pane)) {
                None
            } else {
                Some((id, pane))
            };
        });
    };
    let cancel = move |_| {
        deed.run(
            functions::change(session.get_value(), OrderChange::Cancel(id)),
            |_| {},
        );
    };
    let stored = StoredValue::new(order.clone());
    let panel = format!("order-{id}");
    let (why_panel, change_panel) = (panel.clone(), panel.clone());
    view! {
        <tr
            data-testid="order-row"
            data-order=id.to_string()
            data-status=order.status.to_string()
            class:refused=matches!(order.status, OrderStatus::Denied | OrderStatus::Rejected)
        >
            {instrument.with_value(|instrument| cells(&order, instrument))}
            <td class="row-actions">
                <button
                    type="button"
                    class="button small"
                    data-testid="order-why"
                    aria-label=format!("Why is order {id} as it is?")
                    aria-expanded=move || if shows(Pane::Why) { "true" } else { "false" }
                    aria-controls=why_panel
                    on:click=move |_| toggle(Pane::Why)
                >
                    "Why?"
                </button>
                {can_change
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="button small"
                                data-testid="order-change"
                                aria-label=format!("Change order {id}")
                                aria-expanded=move || if shows(Pane::Change) { "true" } else { "false" }
                                aria-controls=change_panel
                                on:click=move |_| toggle(Pane::Change)
                            >
                                "Change"
                            </button>
                        }
                    })}
                {is_open
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="button small"
                                data-testid="order-cancel"
                                aria-label=format!("Cancel order {id}")
                                disabled=move || deed.pending.get()
                                on:click=cancel
                            >
                                "Cancel"
                            </button>
                        }
                    })}
                <ProblemNote problem=deed.problem />
            </td>
        </tr>
        <tr class="why" id=panel hidden=move || !(shows(Pane::Why) || can_change && shows(Pane::Change))>
            <td colspan="10">
                <Show when=move || shows(Pane::Why)>
                    <OrderWhy session=session.get_value() order=id instrument />
                </Show>
                <Show when=move || can_change && shows(Pane::Change)>
                    <ChangeForm order=stored.get_value() session open />
                </Show>
            </td>
        </tr>
    }
    .into_any()
}

/// Other terms for an open order.
#[component]
fn ChangeForm(
    order: Order,
    session: StoredValue<SessionId>,
    open: RwSignal<Option<(OrderId, Pane)>>,
) -> impl IntoView {
    let deed = Deed::new();
    let id = order.id;
    let text = |value: Option<Decimal>| {
        RwSignal::new(value.map(|it| it.normalize().to_string()).unwrap_or_default())
    };
    let quantity = text(Some(order.quantity.0));
    let price = text(order.kind.limit_price().map(|price| price.0));
    let stop = text(order.kind.stop_price().map(|price| price.0));
    let changed = move |text: RwSignal<String>, before: Option<Decimal>| {
        before?;
        let now = decimal::parse(&text.get_untracked().replace(',', ""));
        now.filter(|now| before != Some(*now))
    };
    let before = (
        Some(order.quantity.0),
        order.kind.limit_price().map(|price| price.0),
        order.kind.stop_price().map(|price| price.0),
    );
    let error = move |text: RwSignal<String>| {
        Signal::derive(move || {
            let is_number = decimal::parse(&text.get().replace(',', "")).is_some_and(|it| it > Decimal::ZERO);
            (!is_number).then(|| "Write a number above zero".to_owned())
        })
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let amendment = Amendment {
            order_id: id,
            quantity: changed(quantity, before.0),
            price: changed(price, before.1),
            stop_price: changed(stop, before.2),
        };
        deed.run(
            functions::change(session.get_value(), OrderChange::Amend(amendment)),
            move |_| open.set(None),
        );
    };
    view! {
        <form class="form change-order" on:submit=submit novalidate>
            <div class="columns three">
                <NumberField
                    label="Quantity, what has filled included"
                    id=format!("change-quantity-{id}")
                    value=quantity
                    error=error(quantity)
                    hint="Less keeps the place in the queue, more loses it"
                />
                {before.1.map(|_| {
                    view! {
                        <NumberField
                            label="Limit price"
                            id=format!("change-price-{id}")
                            value=price
                            error=error(price)
                            hint="Another price goes to the end of its queue"
                        />
                    }
                })}
                {before.2.map(|_| {
                    view! {
                        <NumberField label="Stop price" id=format!("change-stop-{id}") value=stop error=error(stop) />
                    }
                })}
            </div>
            <ProblemNote problem=deed.problem />
            <div class="actions">
                <button type="button" class="button" on:click=move |_| open.set(None)>"Leave as it is"</button>
                <button
                    type="submit"
                    class="button primary"
                    data-testid="change-submit"
                    disabled=move || deed.pending.get()
                >
                    "Change the order"
                </button>
            </div>
        </form>
    }
    .into_any()
}

fn cells(order: &Order, instrument: &Instrument) -> impl IntoView + use<> {
    let quantity = if order.filled.0.is_zero() || order.filled == order.quantity {
        format::quantity(order.quantity, instrument)
    } else {
        format!(
            "{} of {}",
            format::quantity(order.filled, instrument),
            format::quantity(order.quantity, instrument)
        )
    };
    let price = |price: Option<papertape::model::Price>| {
        price.map_or_else(|| NONE.to_owned(), |price| format::price(price, instrument))
    };
    let kind = order.kind.name().replace('_', " ");
    let end = order.end_reason.to_string();
    view! {
        <th scope="row" class="number" data-label="Order">{order.id.0}</th>
        <td data-label="Status">
            <span class="tag" data-order=status_kind(order.status)>{order.status.to_string()}</span>
        </td>
        <td data-label="Order">
            {format!("{} {kind}", order.side)}
            {time_in_force(order).map(|text| view! { <small>{text}</small> })}
        </td>
        <td data-label="Purpose">{purpose(order.purpose)}</td>
        <td class="number" data-label="Quantity">{quantity}</td>
        <td class="number" data-label="Price">{price(order.kind.price())}</td>
        <td class="number" data-label="Filled at">{price(order.average_price)}</td>
        <td data-label="Placed"><Time at=order.submitted_at /></td>
        <td data-label="Reason" class="why-text">
            {order.reason.to_string()}
            {(!end.is_empty()).then(|| view! { <small>{end}</small> })}
        </td>
    }
}

const fn status_kind(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Denied | OrderStatus::Rejected => "refused",
        OrderStatus::Filled => "filled",
        OrderStatus::Canceled | OrderStatus::Expired => "ended",
        _ => "working",
    }
}

const fn purpose(purpose: OrderPurpose) -> &'static str {
    match purpose {
        OrderPurpose::Entry => "entry",
        OrderPurpose::Exit => "exit",
        OrderPurpose::StopLoss => "stop loss",
        OrderPurpose::TakeProfit => "take profit",
        OrderPurpose::TrailingStop => "trailing stop",
        OrderPurpose::Flatten => "flatten",
        OrderPurpose::Manual => "manual",
        OrderPurpose::Liquidation => "liquidation",
    }
}

/// How long the order stays, where that is not what anybody would expect.
const fn time_in_force(order: &Order) -> Option<&'static str> {
    match order.time_in_force {
        TimeInForce::Gtc => None,
        TimeInForce::Ioc => Some("at once or not"),
        TimeInForce::Fok => Some("at once and whole, or not"),
        TimeInForce::Day => Some("for the day"),
        TimeInForce::Gtd { .. } => Some("until a time"),
        TimeInForce::Opg => Some("at the open"),
        TimeInForce::Cls => Some("at the close"),
    }
}
