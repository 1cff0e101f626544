//! The orders, working ones first as they are the newest: each can be explained, open ones changed and withdrawn.

use super::change_order::ChangeForm;
use super::why::OrderWhy;
use crate::components::{Deed, Limit, More, ProblemNote, Time};
use crate::format::{self, NONE, TimeStyle};
use crate::functions;
use crate::live::{Live, SessionView};
use leptos::prelude::*;
use papertape::api::OrderChange;
use papertape::model::{Instrument, OrderId, SessionId};
use papertape::order::{Order, OrderPurpose, OrderStatus, TimeInForce};

/// What is open below a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pane {
    Why,
    Change,
}

/// The table. What is open below a row stays as it is, with what is typed there, when the order above it changes.
#[component]
pub(crate) fn Orders(view: SessionView) -> impl IntoView {
    let instrument = StoredValue::new(view.summary.with_untracked(|it| it.instrument.clone()));
    let session = StoredValue::new(view.summary.with_untracked(|it| it.id.clone()));
    let any = Memo::new(move |_| view.orders.with(|orders| !orders.is_empty()));
    let limit = Limit::new();
    let count = Signal::derive(move || view.orders.with(Vec::len));
    let open = RwSignal::new(None::<(OrderId, Pane)>);
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
                        <For each=move || view.orders.with(|orders| limit.of(orders)) key=|order| order.id let:order>
                            <OrderRows order view session instrument open />
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
    view: SessionView,
    session: StoredValue<SessionId>,
    instrument: StoredValue<Instrument>,
    open: RwSignal<Option<(OrderId, Pane)>>,
) -> impl IntoView {
    let id = order.id;
    let live = expect_context::<Live>();
    let deed = Deed::new();
    let now = Memo::new(move |known: Option<&Order>| {
        let found = view
            .orders
            .with(|orders| orders.iter().find(|it| it.id == id).cloned());
        found.unwrap_or_else(|| known.unwrap_or(&order).clone())
    });
    let is_open = Memo::new(move |_| now.with(|it| !it.status.is_final()));
    let can_change =
        Memo::new(move |_| now.with(|it| !it.status.is_final() && it.status != OrderStatus::Submitted));
    let shows = move |pane| open.get() == Some((id, pane)) && (pane == Pane::Why || can_change.get());
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
            move |order| {
                if !order.status.is_final() {
                    live.notify(
                        false,
                        format!("The request to cancel order {id} is on its way to the exchange."),
                    );
                }
            },
        );
    };
    // What an open order waits for moves with the market.
    let moved = Signal::derive(move || {
        if is_open.get() {
            view.summary.with(|it| it.market_time)
        } else {
            Some(now.with(|it| it.updated_at))
        }
    });
    let panel = format!("order-{id}");
    let (why_panel, change_panel) = (panel.clone(), panel.clone());
    view! {
        <tr
            data-testid="order-row"
            data-order=id.to_string()
            data-status=move || now.with(|it| it.status.to_string())
            class:refused=move || now.with(|it| matches!(it.status, OrderStatus::Denied | OrderStatus::Rejected))
        >
            {move || instrument.with_value(|instrument| now.with(|order| cells(order, instrument)))}
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
                {move || {
                    let panel = change_panel.clone();
                    can_change
                        .get()
                        .then(|| {
                            view! {
                                <button
                                    type="button"
                                    class="button small"
                                    data-testid="order-change"
                                    aria-label=format!("Change order {id}")
                                    aria-expanded=move || if shows(Pane::Change) { "true" } else { "false" }
                                    aria-controls=panel
                                    on:click=move |_| toggle(Pane::Change)
                                >
                                    "Change"
                                </button>
                            }
                        })
                }}
                {move || {
                    is_open
                        .get()
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
                        })
                }}
                <ProblemNote problem=deed.problem />
            </td>
        </tr>
        <tr class="why" id=panel hidden=move || !(shows(Pane::Why) || shows(Pane::Change))>
            <td colspan="10">
                <Show when=move || shows(Pane::Why)>
                    <OrderWhy session=session.get_value() order=id instrument moved />
                </Show>
                <Show when=move || shows(Pane::Change)>
                    <ChangeForm order=now.get_untracked() session close=Callback::new(move |()| open.set(None)) />
                </Show>
            </td>
        </tr>
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
            {match order.time_in_force {
                TimeInForce::Gtd { expires_at: at } => {
                    Some(view! { <small>"until " <Time at style=TimeStyle::Second /></small> })
                }
                _ => None,
            }}
        </td>
        <td data-label="Purpose">{purpose(order.purpose)}</td>
        <td class="number" data-label="Quantity">{quantity}</td>
        <td class="number" data-label="Price">
            {price(order.kind.price())}
            {order
                .kind
                .limit_price()
                .and(order.kind.stop_price())
                .map(|stop| view! { <small>{format!("at {}", format::price(stop, instrument))}</small> })}
        </td>
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
        TimeInForce::Gtc | TimeInForce::Gtd { .. } => None,
        TimeInForce::Ioc => Some("at once or not"),
        TimeInForce::Fok => Some("at once and whole, or not"),
        TimeInForce::Day => Some("for the day"),
        TimeInForce::Opg => Some("at the open"),
        TimeInForce::Cls => Some("at the close"),
    }
}
