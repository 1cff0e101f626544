//! Other terms for an open order.

use crate::components::{Deed, NumberField, ProblemNote};
use crate::erased::{memo, on};
use crate::functions;
use crate::live::Live;
use crate::typed;
use leptos::prelude::*;
use papertape::api::OrderChange;
use papertape::model::SessionId;
use papertape::order::{Amendment, Order};
use rust_decimal::Decimal;

/// What a field says: the same as before, another number, or nothing usable.
fn read(text: &str, before: Option<Decimal>) -> Result<Option<Decimal>, &'static str> {
    let Some(before) = before else { return Ok(None) };
    typed::number(text)
        .filter(|number| *number > Decimal::ZERO)
        .map(|number| (number != before).then_some(number))
        .ok_or_else(|| typed::instead(text, "Write a number above zero"))
}

/// The form. What is wrong is not sent, and neither is what changes nothing.
#[component]
pub(super) fn ChangeForm(
    order: Order,
    session: StoredValue<SessionId>,
    close: Callback<()>,
) -> impl IntoView {
    let deed = Deed::new();
    let live = expect_context::<Live>();
    let id = order.id;
    let before = [
        Some(order.asked.0),
        order.kind.limit_price().map(|price| price.0),
        order.kind.stop_price().map(|price| price.0),
    ];
    let texts =
        before.map(|value| RwSignal::new(value.map(|it| it.normalize().to_string()).unwrap_or_default()));
    let error = move |field: usize| {
        Signal::derive(move || texts[field].with(|text| read(text, before[field]).err().map(str::to_owned)))
    };
    let changes = memo(move |_| {
        let [quantity, price, stop_price] =
            [0, 1, 2].map(|field| texts[field].with(|text| read(text, before[field])));
        Ok::<_, &'static str>(Amendment {
            order_id: id,
            quantity: quantity?,
            price: price?,
            stop_price: stop_price?,
        })
    });
    let nothing = move || {
        changes
            .get()
            .is_ok_and(|it| [it.quantity, it.price, it.stop_price] == [None; 3])
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let (Ok(amendment), false) = (changes.get_untracked(), untrack(nothing)) else {
            return;
        };
        deed.run(
            functions::change(session.get_value(), OrderChange::Amend(amendment)),
            move |now| {
                let is_there = amendment.quantity.is_none_or(|it| it == now.asked_quantity.0)
                    && amendment
                        .price
                        .is_none_or(|it| now.price.is_some_and(|now| now.0 == it))
                    && amendment
                        .stop_price
                        .is_none_or(|it| now.stop_price.is_some_and(|now| now.0 == it));
                if !is_there {
                    live.notify(
                        false,
                        format!("The change of order {id} is on its way to the exchange."),
                    );
                }
                close.run(());
            },
        );
    };
    let field = move |index: usize, label: &'static str, name: &'static str, hint: &'static str| {
        before[index].map(|_| {
            view! {
                <NumberField
                    label
                    id=format!("change-{name}-{id}")
                    value=texts[index]
                    error=error(index)
                    hint
                />
            }
            .into_any()
        })
    };
    view! {
        <form class="form change-order" on:submit=on(submit) novalidate>
            <div class="columns three">
                {field(0, "Quantity asked for, with what has filled", "quantity", "Less keeps the place in the queue, more loses it")}
                {field(1, "Limit price", "price", "Another price goes to the end of its queue")}
                {field(2, "Stop price", "stop", "")}
            </div>
            <p class="hint" role="status">{move || nothing().then_some("Nothing is changed yet.")}</p>
            <ProblemNote problem=deed.problem />
            <div class="actions">
                <button type="button" class="button" on:click=on(move |_| close.run(()))>"Leave as it is"</button>
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_says_no_change_a_number_or_what_is_wrong() {
        let before = Some(Decimal::from(5));
        assert_eq!(read("5.0", before), Ok(None));
        assert_eq!(read("6", before), Ok(Some(Decimal::from(6))));
        assert_eq!(read("", None), Ok(None), "the order has no such price");
        for wrong in ["", "0", "-1", "five", "0,5"] {
            assert!(read(wrong, before).is_err(), "{wrong} is not sent");
        }
    }
}
