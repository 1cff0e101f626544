//! The order ticket: what is asked for, what it would hold and cost; then one click.

mod draft;

use super::traded::Traded;
use crate::components::{Deed, Field, NumberField, ProblemNote, check, select};
use crate::erased::{effect, memo, on};
use crate::format;
use crate::functions;
use crate::live::{Live, SessionView};
use draft::{Draft, STAYS, TAKES, TRAILS, TYPES, has_limit, has_stop};
use leptos::prelude::*;
use papertape::engine::SessionState;
use papertape::exchange::Models;
use papertape::model::{Instrument, Money, Price, Quantity, Side};
use papertape::order::{OrderList, OrderRequest, OrderType, TimeInForceWord};
use papertape::portfolio::{Position, TradeSide};
use rust_decimal::Decimal;
use wasm_bindgen::JsCast;

/// What an order would hold for the part of it that opens, where that is simply its price, and its fee, at its own price or
/// the market's. A sale never fills below the market, so its fee is counted there at least.
fn preview(
    request: &OrderRequest,
    instrument: &Instrument,
    models: &Models,
    market: Option<Price>,
    held: Option<&Position>,
) -> Option<(Option<Money>, Money)> {
    let quantity = Quantity(request.quantity?);
    let price = request.price.or(request.stop_price).map(Price).or(market)?;
    let sells_at = market.filter(|market| request.side == Side::Sell && *market > price);
    let fee = models.worst_fee(instrument, sells_at.unwrap_or(price), quantity);
    if instrument.kind().is_margined() {
        return Some((None, fee));
    }
    let closing = match request.side {
        Side::Buy => TradeSide::Short,
        Side::Sell => TradeSide::Long,
    };
    let closes = held
        .filter(|held| held.side == closing)
        .map_or(Decimal::ZERO, |held| held.quantity.0);
    let opens = Quantity((quantity.0 - closes).max(Decimal::ZERO));
    let hold = if request.reduce_only || opens.0.is_zero() {
        Money::zero(fee.currency)
    } else {
        instrument.checked_notional(price, opens)? + models.worst_cost(instrument, price, opens)
    };
    Some((Some(hold), fee))
}

/// The ticket, folded until it is wanted; only sessions that trade have one.
#[component]
pub(crate) fn Ticket(view: SessionView) -> impl IntoView {
    let trades = memo(move |_| {
        view.summary
            .with(|it| matches!(it.state, SessionState::Running | SessionState::Paused))
    });
    view! {
        <Show when=move || trades.get()>
            <details class="ticket" data-testid="ticket">
                <summary class="button">"New order"</summary>
                <TicketForm view />
            </details>
        </Show>
    }
    .into_any()
}

/// The keyboard goes to the first field that is wrong, once it is marked.
fn focus_wrong(form: NodeRef<leptos::html::Form>) {
    request_animation_frame(move || {
        let field = form
            .get_untracked()
            .and_then(|form| form.query_selector("[aria-invalid]").ok().flatten());
        if let Some(field) = field.and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok()) {
            let _ = field.focus();
        }
    });
}

#[component]
fn TicketForm(view: SessionView) -> impl IntoView {
    let live = expect_context::<Live>();
    let deed = Deed::new();
    let draft = Draft::new();
    let first = view.summary.get_untracked();
    let traded = Traded::of_session(view);
    let chosen = RwSignal::new(first.instrument.symbol().to_string());
    // Of one instrument the session's own, of several the chosen one.
    let instrument = memo(move |_| {
        chosen.with(|chosen| {
            let all = traded.all();
            let found = all.iter().find(|it| it.symbol().as_str() == chosen);
            found.unwrap_or(&all[0]).clone()
        })
    });
    let is_charted = {
        let charted = first.instrument.symbol().clone();
        memo(move |_| instrument.with(|it| *it.symbol() == charted))
    };
    let held = memo(move |_| {
        instrument.with(|own| {
            view.summary.with(|it| {
                let mut all = it.position.iter().chain(&it.other_positions);
                all.find(|held| held.symbol == *own.symbol()).cloned()
            })
        })
    });
    let models = StoredValue::new(Models::from(&first.execution));
    let session = StoredValue::new(first.id);
    let quantity_label = if traded.several() {
        "Quantity".to_owned()
    } else {
        format!("Quantity, of {}", first.instrument.symbol())
    };
    let currency = first.instrument.quote().to_string();
    let tried = RwSignal::new(false);
    let form = NodeRef::<leptos::html::Form>::new();
    let name = StoredValue::new(String::new());
    let order = memo(move |_| instrument.with(|instrument| draft.read(instrument)));
    let market = memo(move |_| {
        if !is_charted.get() {
            return held.with(|held| held.as_ref().map(|held| held.mark_price));
        }
        let last = match view.quote.get() {
            Some(quote) => Some(quote.mid()),
            None => view.bars.with(|bars| bars.last().map(|bar| bar.close)),
        };
        instrument.with(|instrument| instrument.price_from_f64(last?))
    });
    // An empty field is not wrong before somebody tried to send it.
    let error = move |path: &'static str, text: RwSignal<String>| {
        let told = deed.field(path);
        Signal::derive(move || match order.get() {
            Err((field, message)) if field == path && (tried.get() || !text.get().is_empty()) => {
                Some(message)
            }
            _ => told.get(),
        })
    };
    let cost = move || {
        let order = order.get().ok()?;
        let found = instrument.with(|instrument| {
            models.with_value(|models| {
                held.with(|held| preview(&order, instrument, models, market.get(), held.as_ref()))
            })
        });
        found.map(|(hold, fee)| {
            // What open orders hold is not free.
            let bound: Decimal = view
                .orders
                .with(|it| it.iter().map(|order| order.hold.amount).sum());
            let free = view.summary.with(|it| it.cash.amount) - bound;
            let reaches = hold.is_none_or(|hold| hold.amount <= free);
            (hold.map(format::money), format::money(fee), reaches)
        })
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        tried.set(true);
        let Ok(mut request) = order.get_untracked() else {
            return focus_wrong(form);
        };
        // A new name for each order; while it is not known what became of the last one, its name is kept, so that asking
        // again cannot place it twice.
        let is_unknown = deed
            .problem
            .with_untracked(|it| it.as_ref().is_some_and(|it| it.status >= 500));
        if !is_unknown {
            name.set_value(format!("page-{}", (js_sys::Math::random() * 9e15) as u64));
        }
        request.client_order_id = request
            .client_order_id
            .or(name.with_value(|name| name.parse().ok()));
        if traded.several() {
            request.symbol = Some(instrument.with_untracked(|it| it.symbol().clone()));
        }
        let list = OrderList::from(request);
        deed.run(functions::place(session.get_value(), list), move |orders| {
            tried.try_set(false);
            if let Some(order) = orders.first() {
                let kind = order.kind.replace('_', " ");
                live.notify(
                    false,
                    format!("Order {} placed: {} {kind}.", order.number, order.side),
                );
            }
        });
    };
    let when = |holds: fn(&Draft) -> bool| memo(move |_| holds(&draft));
    let always = when(|_| true);
    let sized = when(|draft| !draft.close_position.get());
    let limits = when(|draft| has_limit(draft.kind.get()));
    let stops = when(|draft| has_stop(draft.kind.get()));
    let trails = when(|draft| draft.kind.get() == OrderType::TrailingStop);
    let until = when(|draft| draft.stays.get() == TimeInForceWord::Gtd);
    let field = |shown: Memo<bool>, label: String, id: &'static str, path, text, hint: &'static str| {
        let error = error(path, text);
        let label = StoredValue::new(label);
        view! {
            <Show when=move || shown.get()>
                <NumberField
                    label=label.get_value()
                    id=id
                    value=text
                    error=error
                    hint=hint
                    words=matches!(path, "expires_at" | "client_order_id")
                />
            </Show>
        }
        .into_any()
    };
    let sides = [(Side::Buy, "Buy"), (Side::Sell, "Sell")].map(|(side, name)| {
        view! {
            <button
                type="button"
                data-testid=format!("ticket-{side}")
                aria-pressed=move || if draft.side.get() == side { "true" } else { "false" }
                on:click=on(move |_| draft.side.set(side))
            >
                {name}
            </button>
        }
    });
    let symbols = traded.several().then(|| {
        let all = traded.all();
        let options: Vec<_> = all
            .iter()
            .map(|it| it.symbol().to_string())
            .map(|symbol| view! { <option value=symbol.clone()>{symbol.clone()}</option> })
            .collect();
        view! {
            <Field label="Symbol" control="ticket-symbol" error=deed.field("symbol")>
                <select
                    id="ticket-symbol"
                    data-testid="ticket-symbol"
                    prop:value=chosen
                    on:change=on(move |event| chosen.set(event_target_value(&event)))
                >
                    {options}
                </select>
            </Field>
        }
    });
    // What the server refuses by a field as well.
    effect(move || {
        if deed
            .problem
            .with(|it| it.as_ref().is_some_and(|it| !it.errors.is_empty()))
        {
            focus_wrong(form);
        }
    });
    view! {
        <form class="form" node_ref=form on:submit=on(submit) novalidate>
            <div class="columns three">
                {symbols}
                <div class="field">
                    <span class="label" id="ticket-side">"Side"</span>
                    <div class="segments" role="group" aria-labelledby="ticket-side">{sides.collect_view()}</div>
                </div>
                <Field label="Type" control="ticket-type" error=deed.field("type")>
                    {select("ticket-type", &TYPES, draft.kind)}
                </Field>
                {field(sized, quantity_label, "ticket-quantity", "quantity", draft.quantity, "")}
                {field(limits, "Limit price".to_owned(), "ticket-price", "price", draft.price, "The worst price that it accepts")}
                {field(stops, "Stop price".to_owned(), "ticket-stop", "stop_price", draft.stop, "The price that sets it off")}
                {field(trails, "Trail".to_owned(), "ticket-trail", "trail", draft.trail, "How far it stays behind the best price")}
                <Show when=move || trails.get()>
                    <Field label="Trail in" control="ticket-trail-unit">
                        {select("ticket-trail-unit", &TRAILS, draft.trail_in_percent)}
                    </Field>
                </Show>
                <Field label="Stays" control="ticket-stays">{select("ticket-stays", &STAYS, draft.stays)}</Field>
                {field(until, "Until (market time, UTC)".to_owned(), "ticket-expires", "expires_at", draft.expires, "Such as 2030-12-01 10:00")}
            </div>
            <details class="more">
                <summary>"Protection and conditions"</summary>
                <div class="columns three">
                    {field(always, "Attached target".to_owned(), "ticket-target", "take_profit", draft.target, "A limit that closes at a gain; may be left empty")}
                    {field(always, "Attached stop".to_owned(), "ticket-protection", "stop_loss", draft.protection, "A stop that closes at a loss; may be left empty")}
                    {field(limits, "Shown quantity".to_owned(), "ticket-display", "display_quantity", draft.display, "Iceberg: the rest stays hidden; may be left empty")}
                    <Show when=move || limits.get()>
                        <Field label="Taking" control="ticket-taking" error=deed.field("post_only")>
                            {select("ticket-taking", &TAKES, draft.post_only)}
                        </Field>
                    </Show>
                    {field(always, "Your name for it".to_owned(), "ticket-name", "client_order_id", draft.name, "Letters, digits and -_.:/; may be left empty")}
                </div>
                <div class="checks">
                    {check(draft.reduce_only, "Reduce only: never opens a position")}
                    {check(draft.close_position, "Close the whole position, however large it is by then")}
                </div>
            </details>
            <p class="hint" data-testid="ticket-cost" role="status">
                {move || match cost() {
                    Some((None, fee, _)) => format!("Its fee is about {fee}; what margin it needs is checked when it is sent."),
                    Some((Some(hold), fee, true)) => format!("Holds about {hold}; its fee is about {fee}."),
                    Some((Some(hold), fee, false)) => {
                        format!("Would hold about {hold}, which is more than is free; its fee would be about {fee}.")
                    }
                    None => format!("What it would hold, and its fee, in {currency}, show here before it is sent."),
                }}
            </p>
            <ProblemNote problem=deed.problem />
            <div class="actions">
                <button
                    type="submit"
                    class="button primary"
                    data-testid="ticket-submit"
                    disabled=move || deed.pending.get()
                >
                    {move || match (deed.pending.get(), draft.side.get()) {
                        (true, _) => "Sending",
                        (false, Side::Buy) => "Place the order to buy",
                        (false, Side::Sell) => "Place the order to sell",
                    }}
                </button>
            </div>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use papertape::engine::ExecutionConfig;
    use papertape::model::decimal;

    fn exact(text: &str) -> Decimal {
        decimal::parse(text).expect("a number")
    }

    #[test]
    fn the_preview_is_what_the_risk_check_will_hold() {
        let instrument = samples::summary().instrument;
        let models = Models::from(&ExecutionConfig::percent(
            exact("0.001"),
            exact("0.001"),
            Decimal::ZERO,
        ));
        let preview = |request: &OrderRequest, market: Option<Price>, held: Option<&Position>| {
            preview(request, &instrument, &models, market, held)
        };
        let holds = |found: Option<(Option<Money>, Money)>| {
            found.map(|(hold, fee)| (hold.map(|it| it.amount.normalize()), fee.amount.normalize()))
        };
        let request = OrderRequest::limit(Side::Buy, exact("0.5"), exact("96000"));
        let whole = Some((Some(exact("48048")), exact("48")));
        assert_eq!(holds(preview(&request, None, None)), whole);
        let reduces = OrderRequest {
            reduce_only: true,
            ..request.clone()
        };
        assert_eq!(
            holds(preview(&reduces, None, None)),
            Some((Some(Decimal::ZERO), exact("48")))
        );
        let long = samples::position();
        assert_eq!(
            holds(preview(&request, None, Some(&long))),
            whole,
            "it adds to the position"
        );
        let closes = OrderRequest {
            side: Side::Sell,
            quantity: Some(long.quantity.0),
            ..request
        };
        let market = Some(Price(exact("100000")));
        let (hold, fee) = holds(preview(&closes, market, Some(&long))).expect("it has a price");
        assert_eq!(hold, Some(Decimal::ZERO), "it closes");
        assert_eq!(
            fee,
            (long.quantity.0 * exact("100")).normalize(),
            "it sells at the market, not below"
        );
        let market = OrderRequest::market(Side::Buy, exact("1"));
        assert_eq!(preview(&market, None, None), None, "no price, no figure");
    }
}
