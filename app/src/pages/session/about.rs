//! What the session is made of.

use crate::components::{Code, Time, execution_facts};
use crate::format::{self, TimeStyle};
use crate::live::SessionView;
use leptos::prelude::*;
use leptos_router::components::A;

/// Configuration, source, and the proof that it can be computed again.
#[component]
pub(crate) fn About(view: SessionView) -> impl IntoView {
    let summary = view.summary.get_untracked();
    let params: Vec<_> = summary
        .params
        .iter()
        .map(|(name, value)| {
            view! {
                <div>
                    <dt><code>{name.clone()}</code></dt>
                    <dd>{format::parameter(*value)}</dd>
                </div>
            }
        })
        .collect();
    let with_params = !params.is_empty();
    let backtest = summary.backtest.clone().map(|id| {
        view! {
            <div>
                <dt>"Started from"</dt>
                <dd><A href=format!("/backtests/{id}")>"this backtest"</A></dd>
            </div>
        }
    });
    let recoveries = move || match view.summary.with(|it| it.recoveries) {
        0 => "never interrupted".to_owned(),
        1 => "once; it went on from where it was".to_owned(),
        many => format!("{many} times; it went on from where it was"),
    };
    view! {
        <div class="two-columns">
            <dl class="facts">
                <div><dt>"Session"</dt><dd><code>{summary.id.to_string()}</code></dd></div>
                <div>
                    <dt>"Made"</dt>
                    <dd><Time at=summary.created_at style=TimeStyle::Second /></dd>
                </div>
                <div><dt>"Market data"</dt><dd>{summary.feed.label.clone()}</dd></div>
                <div><dt>"Capital"</dt><dd>{format::money(summary.initial_capital)}</dd></div>
                {execution_facts(&summary.execution)}
                <div>
                    <dt>"Steps"</dt>
                    <dd>
                        "price " {summary.instrument.tick().to_string()} ", quantity "
                        {summary.instrument.lot().to_string()} ", smallest order "
                        {summary.instrument.minimum_notional().to_string()}
                    </dd>
                </div>
                {backtest}
                <div><dt>"Server restarts"</dt><dd>{recoveries}</dd></div>
                <div>
                    <dt>"Journal"</dt>
                    <dd>
                        {move || format::count(view.summary.with(|it| it.seq))} " events; head of the hash chain "
                        <code class="hash" data-testid="event-hash">{view.event_hash}</code>
                        <span class="hint">
                            "Run " <code>{format!("papertape verify --session {}", summary.id)}</code>
                            " to compute it all again and compare."
                        </span>
                    </dd>
                </div>
                {with_params
                    .then(|| view! { <div class="group"><dt>"Parameters"</dt><dd></dd></div> })}
                {params}
            </dl>
            <Code text=view.source.get_value() />
        </div>
    }
    .into_any()
}
