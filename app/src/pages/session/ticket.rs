//! The order ticket: what is asked for, what is wrong with it, what it would hold and cost; then one click.

use crate::components::{Deed, Field, NumberField, ProblemNote};
use crate::format;
use crate::functions;
use crate::live::{Live, SessionView};
use crate::typed;
use leptos::prelude::*;
use papertape::api::Number;
use papertape::engine::SessionState;
use papertape::exchange::Models;
use papertape::model::{Instrument, Money, Price, Quantity, Side, Timestamp};
use papertape::order::{
    Attached, AttachedLeg, OrderList, OrderRequest, OrderType, PostOnlyRequest, TimeInForceWord, TrailRequest,
};
use papertape::portfolio::{Position, TradeSide};
use rust_decimal::Decimal;

/// Types on offer, as the select writes them, with their names for people.
const TYPES: [(OrderType, &str, &str); 7] = [
    (OrderType::Market, "market", "Market"),
    (OrderType::Limit, "limit", "Limit"),
    (OrderType::Stop, "stop", "Stop"),
    (OrderType::StopLimit, "stop_limit", "Stop limit"),
    (OrderType::TrailingStop, "trailing_stop", "Trailing stop"),
    (OrderType::TakeProfit, "take_profit", "Take profit"),
    (
        OrderType::TakeProfitLimit,
        "take_profit_limit",
        "Take profit limit",
    ),
];

/// Times in force on offer.
const STAYS: [(TimeInForceWord, &str, &str); 7] = [
    (TimeInForceWord::Gtc, "gtc", "Until canceled"),
    (TimeInForceWord::Day, "day", "For the day"),
    (TimeInForceWord::Gtd, "gtd", "Until a time"),
    (TimeInForceWord::Ioc, "ioc", "At once, in part or whole"),
    (TimeInForceWord::Fok, "fok", "At once and whole"),
    (TimeInForceWord::Opg, "opg", "At the opening auction"),
    (TimeInForceWord::Cls, "cls", "At the closing auction"),
];

/// The word of a choice: what the select shows is what the draft says, whatever the browser remembered.
fn word_of<T: Copy + PartialEq>(choices: &[(T, &'static str, &'static str)], chosen: T) -> &'static str {
    let found = choices.iter().find(|(choice, ..)| *choice == chosen);
    found.map_or("", |(_, word, _)| word)
}

const fn has_limit(kind: OrderType) -> bool {
    matches!(
        kind,
        OrderType::Limit | OrderType::StopLimit | OrderType::TakeProfitLimit
    )
}

const fn has_stop(kind: OrderType) -> bool {
    matches!(
        kind,
        OrderType::Stop | OrderType::StopLimit | OrderType::TakeProfit | OrderType::TakeProfitLimit
    )
}

/// What is wrong with a ticket: the field and what to do.
type Flaw = (&'static str, String);

/// The texts of the ticket, as typed.
#[derive(Clone, Copy)]
struct Draft {
    side: RwSignal<Side>,
    kind: RwSignal<OrderType>,
    quantity: RwSignal<String>,
    price: RwSignal<String>,
    stop: RwSignal<String>,
    trail: RwSignal<String>,
    trail_in_percent: RwSignal<bool>,
    stays: RwSignal<TimeInForceWord>,
    expires: RwSignal<String>,
    post_only: RwSignal<bool>,
    reduce_only: RwSignal<bool>,
    target: RwSignal<String>,
    protection: RwSignal<String>,
}

impl Draft {
    fn new() -> Self {
        let empty = || RwSignal::new(String::new());
        Self {
            side: RwSignal::new(Side::Buy),
            kind: RwSignal::new(OrderType::Market),
            quantity: empty(),
            price: empty(),
            stop: empty(),
            trail: empty(),
            trail_in_percent: RwSignal::new(true),
            stays: RwSignal::new(TimeInForceWord::Gtc),
            expires: empty(),
            post_only: RwSignal::new(false),
            reduce_only: RwSignal::new(false),
            target: empty(),
            protection: empty(),
        }
    }

    /// The order that the texts say, or the first of them that says nothing usable.
    fn read(self, instrument: &Instrument) -> Result<OrderRequest, Flaw> {
        let kind = self.kind.get();
        let price = |text, path| on_step(text, path, instrument.tick(), "price");
        let wanted = |wanted: bool, text, path| wanted.then(|| price(text, path)).transpose();
        let mut request = OrderRequest::market(
            self.side.get(),
            on_step(self.quantity, "quantity", instrument.lot(), "quantity")?,
        );
        request.kind = kind;
        request.price = wanted(has_limit(kind), self.price, "price")?;
        request.stop_price = wanted(has_stop(kind), self.stop, "stop_price")?;
        if kind == OrderType::TrailingStop {
            let distance = number(self.trail, "trail")?;
            let in_percent = self.trail_in_percent.get();
            if in_percent && distance >= Decimal::ONE_HUNDRED {
                return Err(("trail", "Write a distance below 100 %".to_owned()));
            }
            request.trail = Some(TrailRequest {
                amount: (!in_percent).then_some(distance),
                percent: in_percent.then_some(distance),
            });
        }
        request.time_in_force = Some(self.stays.get());
        if self.stays.get() == TimeInForceWord::Gtd {
            let wrong = || {
                (
                    "expires_at",
                    "Write a time such as 2030-12-01 10:00, in UTC".to_owned(),
                )
            };
            request.expires_at = Some(Timestamp::parse(&self.expires.get()).map_err(|_| wrong())?);
        }
        if has_limit(kind) && self.post_only.get() {
            request.post_only = PostOnlyRequest::Reject;
        }
        request.reduce_only = self.reduce_only.get();
        request.attached = self.attached(instrument)?;
        Ok(request)
    }

    fn attached(self, instrument: &Instrument) -> Result<Option<Attached>, Flaw> {
        let leg = |text: RwSignal<String>, path| {
            let is_there = !text.get().trim().is_empty();
            is_there
                .then(|| on_step(text, path, instrument.tick(), "price"))
                .transpose()
        };
        let take_profit = leg(self.target, "take_profit")?.map(|price| AttachedLeg {
            price: Some(price),
            ..AttachedLeg::default()
        });
        let stop_loss = leg(self.protection, "stop_loss")?.map(|price| AttachedLeg {
            stop_price: Some(price),
            ..AttachedLeg::default()
        });
        let any = take_profit.is_some() || stop_loss.is_some();
        Ok(any.then_some(Attached {
            take_profit,
            stop_loss,
        }))
    }
}

/// A number above zero.
fn number(text: RwSignal<String>, path: &'static str) -> Result<Decimal, Flaw> {
    let text = text.get();
    typed::number(&text)
        .filter(|number| *number > Decimal::ZERO && *number <= Number::MOST)
        .ok_or_else(|| {
            (
                path,
                typed::instead(&text, "Write a number above zero").to_owned(),
            )
        })
}

/// A number above zero that the instrument's step divides.
fn on_step(text: RwSignal<String>, path: &'static str, step: Decimal, what: &str) -> Result<Decimal, Flaw> {
    let number = number(text, path)?;
    if (number % step).is_zero() {
        Ok(number)
    } else {
        Err((path, format!("The {what} goes in steps of {}", step.normalize())))
    }
}

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
    let trades = Memo::new(move |_| {
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

#[component]
fn TicketForm(view: SessionView) -> impl IntoView {
    let live = expect_context::<Live>();
    let deed = Deed::new();
    let draft = Draft::new();
    let first = view.summary.get_untracked();
    let instrument = StoredValue::new(first.instrument.clone());
    let models = StoredValue::new(Models::from(&first.execution));
    let session = StoredValue::new(first.id);
    let base = first.instrument.symbol().to_string();
    let currency = first.instrument.quote().to_string();
    let tried = RwSignal::new(false);
    let name = StoredValue::new(String::new());
    let order = Memo::new(move |_| instrument.with_value(|instrument| draft.read(instrument)));
    let market = Memo::new(move |_| {
        let last = match view.quote.get() {
            Some(quote) => Some(quote.mid()),
            None => view.bars.with(|bars| bars.last().map(|bar| bar.close)),
        };
        instrument.with_value(|instrument| instrument.price_from_f64(last?))
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
        let found = instrument.with_value(|instrument| {
            models.with_value(|models| {
                view.summary
                    .with(|it| preview(&order, instrument, models, market.get(), it.position.as_ref()))
            })
        });
        found.map(|(hold, fee)| {
            // What open orders hold is not free.
            let held: Decimal = view
                .orders
                .with(|it| it.iter().map(|order| order.hold.amount).sum());
            let free = view.summary.with(|it| it.cash.amount) - held;
            let reaches = hold.is_none_or(|hold| hold.amount <= free);
            (hold.map(format::money), format::money(fee), reaches)
        })
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        tried.set(true);
        let Ok(mut request) = order.get_untracked() else {
            return;
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
    let kind = Memo::new(move |_| draft.kind.get());
    let sides = [(Side::Buy, "Buy"), (Side::Sell, "Sell")].map(|(side, name)| {
        view! {
            <button
                type="button"
                data-testid=format!("ticket-{side}")
                aria-pressed=move || if draft.side.get() == side { "true" } else { "false" }
                on:click=move |_| draft.side.set(side)
            >
                {name}
            </button>
        }
    });
    view! {
        <form class="form" on:submit=submit novalidate>
            <div class="columns three">
                <div class="field">
                    <span class="label" id="ticket-side">"Side"</span>
                    <div class="segments" role="group" aria-labelledby="ticket-side">{sides.collect_view()}</div>
                </div>
                <Field label="Type" control="ticket-type" error=deed.field("type")>
                    <select
                        id="ticket-type"
                        data-testid="ticket-type"
                        prop:value=move || word_of(&TYPES, draft.kind.get())
                        on:change=move |event| {
                            let word = event_target_value(&event);
                            if let Some((kind, ..)) = TYPES.iter().find(|(_, name, _)| *name == word) {
                                draft.kind.set(*kind);
                            }
                        }
                    >
                        {TYPES.map(|(_, word, name)| view! { <option value=word>{name}</option> }).collect_view()}
                    </select>
                </Field>
                <NumberField
                    label=format!("Quantity, of {base}")
                    id="ticket-quantity"
                    value=draft.quantity
                    error=error("quantity", draft.quantity)
                />
                <Show when=move || has_limit(kind.get())>
                    <NumberField
                        label="Limit price"
                        id="ticket-price"
                        value=draft.price
                        error=error("price", draft.price)
                        hint="The worst price that it accepts"
                    />
                </Show>
                <Show when=move || has_stop(kind.get())>
                    <NumberField
                        label="Stop price"
                        id="ticket-stop"
                        value=draft.stop
                        error=error("stop_price", draft.stop)
                        hint="The price that sets it off"
                    />
                </Show>
                <Show when=move || kind.get() == OrderType::TrailingStop>
                    <NumberField
                        label="Trail"
                        id="ticket-trail"
                        value=draft.trail
                        error=error("trail", draft.trail)
                        hint="How far it stays behind the best price"
                    />
                    <Field label="Trail in" control="ticket-trail-unit">
                        <select
                            id="ticket-trail-unit"
                            prop:value=move || if draft.trail_in_percent.get() { "percent" } else { "amount" }
                            on:change=move |event| draft.trail_in_percent.set(event_target_value(&event) == "percent")
                        >
                            <option value="percent">"Percent"</option>
                            <option value="amount">"Quote currency"</option>
                        </select>
                    </Field>
                </Show>
                <Field label="Stays" control="ticket-stays">
                    <select
                        id="ticket-stays"
                        data-testid="ticket-stays"
                        prop:value=move || word_of(&STAYS, draft.stays.get())
                        on:change=move |event| {
                            let word = event_target_value(&event);
                            if let Some((stays, ..)) = STAYS.iter().find(|(_, name, _)| *name == word) {
                                draft.stays.set(*stays);
                            }
                        }
                    >
                        {STAYS.map(|(_, word, name)| view! { <option value=word>{name}</option> }).collect_view()}
                    </select>
                </Field>
                <Show when=move || draft.stays.get() == TimeInForceWord::Gtd>
                    <Field label="Until (market time, UTC)" control="ticket-expires" error=error("expires_at", draft.expires)>
                        <input
                            type="text"
                            id="ticket-expires"
                            autocomplete="off"
                            prop:value=draft.expires
                            on:input=move |event| draft.expires.set(event_target_value(&event))
                        />
                    </Field>
                </Show>
                <NumberField
                    label="Attached target"
                    id="ticket-target"
                    value=draft.target
                    error=error("take_profit", draft.target)
                    hint="A limit that closes at a gain; may be left empty"
                />
                <NumberField
                    label="Attached stop"
                    id="ticket-protection"
                    value=draft.protection
                    error=error("stop_loss", draft.protection)
                    hint="A stop that closes at a loss; may be left empty"
                />
            </div>
            <div class="checks">
                <Show when=move || has_limit(kind.get())>
                    <label>
                        <input
                            type="checkbox"
                            prop:checked=draft.post_only
                            on:change=move |event| draft.post_only.set(event_target_checked(&event))
                        />
                        "Post only: rejected rather than taking"
                    </label>
                </Show>
                <label>
                    <input
                        type="checkbox"
                        prop:checked=draft.reduce_only
                        on:change=move |event| draft.reduce_only.set(event_target_checked(&event))
                    />
                    "Reduce only: never opens a position"
                </label>
            </div>
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

    /// What a ticket says once it is filled in.
    fn read(fill_in: impl FnOnce(&Draft)) -> Result<OrderRequest, Flaw> {
        Owner::new().with(|| {
            let draft = Draft::new();
            fill_in(&draft);
            draft.read(&samples::summary().instrument)
        })
    }

    #[test]
    fn what_is_wrong_is_named_by_its_field_before_anything_is_sent() {
        let limit = |draft: &Draft| {
            draft.kind.set(OrderType::Limit);
            draft.quantity.set("0.5".to_owned());
        };
        for (path, flaw) in [
            ("quantity", read(|_| {})),
            ("quantity", read(|draft| draft.quantity.set("0".to_owned()))),
            ("quantity", read(|draft| draft.quantity.set("0,5".to_owned()))),
            ("quantity", read(|draft| draft.quantity.set("-1".to_owned()))),
            ("quantity", read(|draft| draft.quantity.set("NaN".to_owned()))),
            ("quantity", read(|draft| draft.quantity.set("1e20".to_owned()))),
            (
                "quantity",
                read(|draft| draft.quantity.set("0.0000001".to_owned())),
            ),
            ("price", read(limit)),
            (
                "price",
                read(|draft| {
                    limit(draft);
                    draft.price.set("96000.001".to_owned());
                }),
            ),
            (
                "stop_price",
                read(|draft| {
                    draft.quantity.set("1".to_owned());
                    draft.kind.set(OrderType::Stop);
                }),
            ),
            (
                "trail",
                read(|draft| {
                    draft.quantity.set("1".to_owned());
                    draft.kind.set(OrderType::TrailingStop);
                    draft.trail.set("100".to_owned());
                }),
            ),
            (
                "expires_at",
                read(|draft| {
                    draft.quantity.set("1".to_owned());
                    draft.stays.set(TimeInForceWord::Gtd);
                    draft.expires.set("soon".to_owned());
                }),
            ),
            (
                "stop_loss",
                read(|draft| {
                    draft.quantity.set("1".to_owned());
                    draft.protection.set("low".to_owned());
                }),
            ),
        ] {
            assert_eq!(flaw.expect_err(path).0, path);
        }
    }

    #[test]
    fn a_whole_ticket_is_a_bracket() {
        let request = read(|draft| {
            draft.kind.set(OrderType::Limit);
            draft.quantity.set("0.5".to_owned());
            draft.price.set("96,000".to_owned());
            draft.post_only.set(true);
            draft.target.set("99000".to_owned());
            draft.protection.set("95000".to_owned());
        })
        .expect("an order");
        assert_eq!(request.price, Some(exact("96000")));
        assert_eq!(request.post_only, PostOnlyRequest::Reject);
        let attached = request.attached.expect("two orders");
        assert_eq!(
            attached.take_profit.and_then(|leg| leg.price),
            Some(exact("99000"))
        );
        assert_eq!(
            attached.stop_loss.and_then(|leg| leg.stop_price),
            Some(exact("95000"))
        );
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
