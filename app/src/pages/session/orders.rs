//! The orders, those that work first: each can be explained, open ones changed and withdrawn.

use super::change_order::ChangeForm;
use super::traded::Traded;
use super::why::OrderWhy;
use crate::components::table::{self, cell, figure, figure_of, head, number, silent, text, words};
use crate::components::{Deed, Held, Limit, More, ProblemNote, Time, fold};
use crate::erased::{memo, on};
use crate::format::{self, NONE, TimeStyle};
use crate::functions;
use crate::live::{Live, SessionView};
use leptos::prelude::*;
use papertape::api::OrderChange;
use papertape::model::{Instrument, SessionId};
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
    let traded = Traded::of_session(view);
    let session = StoredValue::new(view.summary.with_untracked(|it| it.id.clone()));
    let any = memo(move |_| view.orders.with(|orders| !orders.is_empty()));
    let limit = Limit::new();
    let count = Signal::derive(move || view.orders.with(Vec::len));
    let in_order = memo(move |_| view.orders.with(|orders| working_first(orders)));
    let orders = Held::new(in_order, |order: &Order| order.id.0, limit);
    let columns = || {
        vec![
            number("#"),
            text("Status"),
            text("Order"),
            text("Purpose"),
            number("Quantity"),
            number("Price"),
            number("Filled at"),
            text("Placed"),
            text("Reason"),
            silent("What can be done"),
        ]
    };
    let rows = move || {
        view! {
            <For each=move || orders.rows() key=|order| order.id let:order>
                <OrderRows order view session traded orders />
            </For>
        }
        .into_any()
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
            {orders.around(table::table("cards-on-phone orders", columns(), rows()), "Working orders first, then the newest")}
            <More limit all=count />
        </Show>
    }
    .into_any()
}

/// What still works comes first: it can be changed, what has ended cannot. Each part newest first.
fn working_first(orders: &[Order]) -> Vec<Order> {
    let (working, ended): (Vec<_>, Vec<_>) =
        orders.iter().cloned().partition(|order| !order.status.is_final());
    [working, ended].concat()
}

#[component]
fn OrderRows(
    order: Order,
    view: SessionView,
    session: StoredValue<SessionId>,
    traded: Traded,
    orders: Held<Order, Pane>,
) -> impl IntoView {
    let id = order.id;
    let instrument = StoredValue::new(traded.of(order.instrument));
    let symbol = StoredValue::new(traded.symbol(order.instrument));
    let live = expect_context::<Live>();
    let deed = Deed::new();
    let now = memo(move |known: Option<&Order>| {
        let found = view
            .orders
            .with(|orders| orders.iter().find(|it| it.id == id).cloned());
        found.unwrap_or_else(|| known.unwrap_or(&order).clone())
    });
    let is_open = memo(move |_| now.with(|it| !it.status.is_final()));
    let can_change =
        memo(move |_| now.with(|it| !it.status.is_final() && it.status != OrderStatus::Submitted));
    let shows = move |pane| {
        Signal::derive(move || orders.at(id.0) == Some(pane) && (pane == Pane::Why || can_change.get()))
    };
    let (why, change) = (shows(Pane::Why), shows(Pane::Change));
    let panel = format!("order-{id}");
    let controlled = panel.clone();
    let unfold = move |testid, word, label, pane, open| {
        let press = Callback::new(move |()| orders.toggle(id.0, pane));
        fold(testid, word, label, controlled.clone(), open, press)
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
    let explain = unfold(
        "order-why",
        "Why?",
        format!("Why is order {id} as it is?"),
        Pane::Why,
        why,
    );
    let change_button = move || {
        let label = format!("Change order {id}");
        can_change
            .get()
            .then(|| unfold("order-change", "Change", label, Pane::Change, change))
    };
    let cancel_button = move || {
        is_open.get().then(|| {
            view! {
                <button
                    type="button"
                    class="button small"
                    data-testid="order-cancel"
                    aria-label=format!("Cancel order {id}")
                    disabled=move || deed.pending.get()
                    on:click=on(cancel)
                >
                    "Cancel"
                </button>
            }
        })
    };
    view! {
        <tr
            data-testid="order-row"
            data-order=id.to_string()
            data-status=move || now.with(|it| it.status.to_string())
            class:refused=move || now.with(|it| matches!(it.status, OrderStatus::Denied | OrderStatus::Rejected))
        >
            {move || {
                instrument.with_value(|instrument| now.with(|order| cells(order, symbol.get_value(), instrument)))
            }}
            <td class="row-actions">
                {explain} {change_button} {cancel_button}
                <ProblemNote problem=deed.problem />
            </td>
        </tr>
        <tr class="why" id=panel hidden=move || !(why.get() || change.get())>
            <td colspan="10">
                <Show when=move || why.get()>
                    <OrderWhy session=session.get_value() order=id instrument moved />
                </Show>
                <Show when=move || change.get()>
                    <ChangeForm
                        order=now.get_untracked()
                        session
                        close=Callback::new(move |()| orders.close(id.0))
                    />
                </Show>
            </td>
        </tr>
    }
    .into_any()
}

fn cells(order: &Order, symbol: Option<String>, instrument: &Instrument) -> Vec<AnyView> {
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
    let status = order.status;
    let tag = view! { <span class="tag" data-order=status_kind(status)>{status.to_string()}</span> };
    let stays = match order.time_in_force {
        TimeInForce::Gtd { expires_at: at } => {
            Some(view! { <small>"until " <Time at style=TimeStyle::Second /></small> }.into_any())
        }
        _ => time_in_force(order).map(|text| view! { <small>{text}</small> }.into_any()),
    };
    let symbol = symbol.map(|symbol| view! { <small>{symbol}</small> });
    let asked = view! { {format!("{} {kind}", order.side)} {symbol} {stays} };
    let stop = order.kind.limit_price().and(order.kind.stop_price());
    let stop = stop.map(|stop| view! { <small>{format!("at {}", format::price(stop, instrument))}</small> });
    let limit = view! { {price(order.kind.price())} {stop} };
    vec![
        head("Order", order.id.0),
        cell("Status", tag.into_any(), None),
        cell("Order", asked.into_any(), None),
        words("Purpose", purpose(order.purpose).to_owned(), None),
        figure("Quantity", quantity),
        figure_of("Price", limit.into_any()),
        figure("Filled at", price(order.average_price)),
        cell(
            "Placed",
            view! { <Time at=order.submitted_at /> }.into_any(),
            None,
        ),
        words(
            "Reason",
            order.reason.to_string(),
            (!end.is_empty()).then_some(end),
        ),
    ]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use papertape::order::OrderKind;

    #[test]
    fn what_works_comes_before_what_has_ended() {
        let order = |id, status| Order {
            status,
            ..samples::order(id, OrderPurpose::Manual, OrderKind::Market)
        };
        let orders = [
            order(5, OrderStatus::Filled),
            order(4, OrderStatus::Accepted),
            order(3, OrderStatus::Canceled),
            order(2, OrderStatus::Submitted),
        ];
        let ids: Vec<_> = working_first(&orders).iter().map(|order| order.id.0).collect();
        assert_eq!(ids, [4, 2, 5, 3]);
    }
}
