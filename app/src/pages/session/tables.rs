//! Positions, trades and alerts.

use super::traded::Traded;
use crate::components::table::{self, figure, figure_of, number, text, words};
use crate::components::{Change, Limit, More, Time, TradeLine, trade_columns, trade_line};
use crate::erased::memo;
use crate::format;
use crate::live::SessionView;
use leptos::prelude::*;
use papertape::engine::SessionState;
use papertape::model::{Instrument, Money};
use papertape::portfolio::{Position, Trade};

/// What is held, and what protects it.
#[component]
pub(crate) fn Positions(view: SessionView) -> impl IntoView {
    let flat = memo(move |_| match view.summary.with(|it| it.state) {
        SessionState::Starting | SessionState::Running => {
            "Flat: nothing is held. The next entry rule that comes true on a closed bar opens a position."
        }
        SessionState::Paused => "Flat: nothing is held, and no entry is placed until the session is resumed.",
        _ => "Flat: nothing is held, and this session does not trade any more.",
    });
    let traded = Traded::of_session(view);
    // Options that an order has named make a table of one instrument's session, too.
    let several = memo(move |_| {
        view.summary
            .with(|it| !it.peers.is_empty() || !it.other_positions.is_empty())
    });
    view! {
        <Show
            when=move || several.get()
            fallback=move || view! { <PositionOfOne view flat /> }
        >
            <PositionsOfAll view traded flat />
        </Show>
    }
    .into_any()
}

/// What is held of a session's only instrument.
#[component]
fn PositionOfOne(view: SessionView, flat: Memo<&'static str>) -> impl IntoView {
    let instrument = StoredValue::new(view.summary.with_untracked(|it| it.instrument.clone()));
    let position = memo(move |_| view.summary.with(|it| it.position.clone()));
    let open = memo(move |_| position.with(Option::is_some));
    let text = move |read: fn(&Position, &Instrument) -> String| {
        Signal::derive(move || {
            instrument.with_value(|instrument| {
                position.with(|it| it.as_ref().map(|it| read(it, instrument)).unwrap_or_default())
            })
        })
    };
    let value = Signal::derive(move || {
        position.with(|it| {
            it.as_ref()
                .map(|it| it.unrealized_pnl.to_f64())
                .unwrap_or_default()
        })
    });
    let since = memo(move |_| position.with(|it| it.as_ref().map(|it| it.entry_time)));
    view! {
        <Show
            when=move || open.get()
            fallback=move || view! { <p class="quiet">{move || flat.get()}</p> }
        >
            <dl class="facts" data-testid="position-row">
                <div>
                    <dt>"Position"</dt>
                    <dd>{text(|it, instrument| format!("{} {} {}", it.side, format::quantity(it.quantity, instrument), it.symbol))}</dd>
                </div>
                <div>
                    <dt>"Since"</dt>
                    <dd>{move || since.get().map(|at| view! { <Time at /> })}</dd>
                </div>
                <div>
                    <dt>"Entry price"</dt>
                    <dd>{text(|it, instrument| format::price(it.entry_price, instrument))}</dd>
                </div>
                <div>
                    <dt>"Last price"</dt>
                    <dd>{text(|it, instrument| format::price(it.mark_price, instrument))}</dd>
                </div>
                <div>
                    <dt>"Value"</dt>
                    <dd>{text(|it, _| format::money(it.market_value))}</dd>
                </div>
                <div>
                    <dt>"Unrealised"</dt>
                    <dd>
                        <Change value text=text(|it, _| format::signed_money(it.unrealized_pnl)) />
                    </dd>
                </div>
                <div>
                    <dt>"Stop"</dt>
                    <dd>{text(|it, instrument| protection(it.stop_price, it, instrument))}</dd>
                </div>
                <div>
                    <dt>"Target"</dt>
                    <dd>{text(|it, instrument| protection(it.target_price, it, instrument))}</dd>
                </div>
            </dl>
        </Show>
    }
    .into_any()
}

/// What is held of several instruments, a row each.
#[component]
fn PositionsOfAll(view: SessionView, traded: Traded, flat: Memo<&'static str>) -> impl IntoView {
    let held = memo(move |_| {
        view.summary.with(|it| {
            it.position
                .iter()
                .chain(&it.other_positions)
                .cloned()
                .collect::<Vec<_>>()
        })
    });
    let any = memo(move |_| held.with(|held| !held.is_empty()));
    let row = move |it: &Position| {
        let instrument = &traded.named(&it.symbol);
        let gain = it.unrealized_pnl;
        let change = view! {
            <Change value=Signal::stored(gain.to_f64()) text=Signal::stored(format::signed_money(gain)) />
        };
        view! {
            <tr data-testid="position-row">
                <th scope="row" class="head">{it.symbol.to_string()}</th>
                {words("Side", it.side.to_string(), None)}
                {figure("Quantity", format::quantity(it.quantity, instrument))}
                {figure("Entry price", format::price(it.entry_price, instrument))}
                {figure("Last price", format::price(it.mark_price, instrument))}
                {figure("Value", format::money(it.market_value))}
                {figure_of("Unrealised", change.into_any())}
                {figure("Stop", protection(it.stop_price, it, instrument))}
                {figure("Target", protection(it.target_price, it, instrument))}
            </tr>
        }
        .into_any()
    };
    let columns = || {
        vec![
            text("Symbol"),
            text("Side"),
            number("Quantity"),
            number("Entry price"),
            number("Last price"),
            number("Value"),
            number("Unrealised"),
            number("Stop"),
            number("Target"),
        ]
    };
    let rows = move || held.with(|held| held.iter().map(row).collect::<Vec<_>>());
    view! {
        <Show
            when=move || any.get()
            fallback=move || view! { <p class="quiet">{move || flat.get()}</p> }
        >
            {table::table("cards-on-phone", columns(), rows.into_any())}
        </Show>
    }
    .into_any()
}

/// A protective price and what it would bring against the entry, before fees.
fn protection(
    price: Option<papertape::model::Price>,
    position: &Position,
    instrument: &Instrument,
) -> String {
    let Some(price) = price else {
        return "none".to_owned();
    };
    let difference = papertape::model::Price(price.0 - position.entry_price.0);
    let outcome: Money = instrument.notional(difference, position.quantity);
    let outcome = match position.side {
        papertape::portfolio::TradeSide::Long => outcome,
        papertape::portfolio::TradeSide::Short => -outcome,
    };
    format!(
        "{} ({})",
        format::price(price, instrument),
        format::signed_money(outcome)
    )
}

/// The round trips.
#[component]
pub(crate) fn Trades(view: SessionView) -> impl IntoView {
    let traded = Traded::of_session(view);
    let currency = view.summary.with_untracked(|it| it.equity.currency.to_string());
    let any = memo(move |_| view.trades.with(|trades| !trades.is_empty()));
    let limit = Limit::new();
    let count = Signal::derive(move || view.trades.with(Vec::len));
    let key = |trade: &Trade| (trade.id, trade.exit_time, trade.quantity);
    let rows = move || {
        view! {
            <For each=move || view.trades.with(|trades| limit.of(trades)) key=key let:trade>
                {trade_row(&trade, traded)}
            </For>
        }
        .into_any()
    };
    view! {
        <Show
            when=move || any.get()
            fallback=|| {
                view! {
                    <p class="quiet">
                        "No round trip yet. A trade begins with the fill that opens a position and ends when it is flat."
                    </p>
                }
            }
        >
            {table::table("cards-on-phone", trade_columns(&currency), rows())}
            <More limit all=count />
        </Show>
    }
    .into_any()
}

fn trade_row(trade: &Trade, traded: Traded) -> AnyView {
    let instrument = &traded.named(&trade.symbol);
    trade_line(&TradeLine {
        id: trade.id.0,
        side: trade.side,
        symbol: traded.said(&trade.symbol),
        quantity: format::quantity(trade.quantity, instrument),
        entry: (trade.entry_time, trade.entry_reason.to_string()),
        entry_price: format::price(trade.entry_price, instrument),
        exit: (trade.exit_time, trade.exit_reason.to_string()),
        exit_price: trade.exit_price.map(|price| format::price(price, instrument)),
        fees: format::amount(trade.fees),
        pnl: (trade.pnl.to_f64(), format::signed_amount(trade.pnl)),
        return_ratio: trade.return_ratio,
    })
}

/// What the session has raised.
#[component]
pub(crate) fn Alerts(view: SessionView) -> impl IntoView {
    let any = memo(move |_| view.alerts.with(|alerts| !alerts.is_empty()));
    view! {
        <Show
            when=move || any.get()
            fallback=|| view! { <p class="quiet">"Nothing to report. Refused orders, protections and restarts show here."</p> }
        >
            <ul class="alerts">
                <For each=move || view.alerts.get() key=|alert| alert.id let:alert>
                    <li data-testid="alert-row" data-severity=alert.severity.to_string()>
                        <span class="tag">{alert.severity.to_string()}</span>
                        <span class="text">{alert.message.clone()}</span>
                        <small><Time at=alert.time /></small>
                    </li>
                </For>
            </ul>
        </Show>
    }
    .into_any()
}
