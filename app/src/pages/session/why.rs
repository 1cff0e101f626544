//! Why orders filled at their prices, have not filled, or ended.

use crate::components::{Time, throttled};
use crate::format::{self, TimeStyle};
use crate::functions;
use crate::wire;
use leptos::prelude::*;
use papertape::api::{FillStory, OrderExplanation};
use papertape::model::{Instrument, Money, OrderId, SessionId, Timestamp};
use std::time::Duration;

/// How often a story that goes on is asked for again.
const AGAIN: Duration = Duration::from_secs(5);

/// An order's story, asked for when it is opened and again as it goes on.
#[component]
pub(crate) fn OrderWhy(
    session: SessionId,
    order: OrderId,
    instrument: StoredValue<Instrument>,
    /// When what it tells of last moved.
    moved: Signal<Option<Timestamp>>,
) -> impl IntoView {
    let seen = throttled(moved.get_untracked(), AGAIN, move || moved.get());
    let story = wire::asked(move || {
        seen.track();
        functions::explain(session.clone(), order)
    });
    view! {
        <div class="explanation-box" data-testid="order-explanation" aria-live="polite">
            {move || match story.get() {
                None => view! { <p class="quiet">"Looking it up"</p> }.into_any(),
                Some(Err(problem)) => view! { <p class="error" role="alert">{problem.to_string()}</p> }.into_any(),
                Some(Ok(story)) => instrument.with_value(|instrument| order_story(story, instrument)).into_any(),
            }}
        </div>
    }
    .into_any()
}

/// The story in words, each fill with its amounts.
pub(crate) fn order_story(story: OrderExplanation, instrument: &Instrument) -> impl IntoView + use<> {
    let waits: Vec<_> = story
        .waits
        .into_iter()
        .map(|wait| view! { <li data-wait="yes">{wait.sentence}</li> })
        .collect();
    let fills: Vec<_> = story
        .fills
        .into_iter()
        .map(|fill| fill_story(fill, instrument))
        .collect();
    let ending = story.ending.map(|ending| {
        view! {
            <p>
                {ending.sentence} " " <Time at=ending.at style=TimeStyle::Second />
                " " <code>{ending.code}</code>
            </p>
        }
    });
    view! {
        <p><strong>{story.headline}</strong></p>
        {(!waits.is_empty())
            .then(|| {
                view! {
                    <p class="hint">"Why it has not filled:"</p>
                    <ul class="reasons">{waits}</ul>
                }
            })}
        {ending}
        {fills}
    }
}

/// One fill: the sentences, and the way from decision to fill as a table whose last line is the sum.
pub(crate) fn fill_story(fill: FillStory, instrument: &Instrument) -> impl IntoView + use<> {
    let price = |price| format::price(price, instrument);
    let line = |name: &'static str, about: String, amount: Money, running: Option<Money>, sum: bool| {
        view! {
            <tr class:sum=sum>
                <th scope="row">{name}<small>{about}</small></th>
                <td class="number">{format::signed_amount(amount)}</td>
                <td class="number">{running.map(format::signed_amount)}</td>
            </tr>
        }
    };
    let parts: Vec<_> = fill
        .parts
        .iter()
        .map(|part| {
            line(
                part.part.label(),
                part.part.about().to_owned(),
                part.amount,
                Some(part.running),
                false,
            )
        })
        .collect();
    let between = format!(
        "{} at the fill, {} at the decision",
        price(fill.price),
        price(fill.decision_price)
    );
    let sentences: Vec<_> = fill
        .sentences
        .into_iter()
        .map(|sentence| view! { <li>{sentence}</li> })
        .collect();
    let currency = fill.fee.currency.to_string();
    view! {
        <div class="explanation" data-testid="fill-story">
            <div>
                <ol class="reasons">{sentences}</ol>
                <p class="hint sum-line">{fill.sum}</p>
            </div>
            <table class="sums">
                <caption>{format!("What fill {} cost, {currency}; positive is a cost", fill.number)}</caption>
                <thead>
                    <tr>
                        <th scope="col">"From decision to fill"</th>
                        <th scope="col" class="number">"Amount"</th>
                        <th scope="col" class="number">"So far"</th>
                    </tr>
                </thead>
                <tbody>
                    {parts}
                    {line("Price cost", between, fill.price_cost, Some(fill.price_cost), true)}
                    {line("Fee", "on top, as the venue charges".to_owned(), fill.fee, Some(fill.total), false)}
                    {line("In all", "implementation shortfall".to_owned(), fill.total, None, true)}
                </tbody>
            </table>
        </div>
    }
}
