//! Start paper trading: one click with what is shown, or a form for those who want to change it.

use super::{CostDraft, CostFields, Deed, Field, NumberField, ParamFields, ParamValues, ProblemNote};
use crate::erased::{memo, on};
use crate::format;
use crate::functions;
use crate::live::Live;
use crate::typed;
use crate::wire;
use leptos::{html, prelude::*};
use leptos_router::hooks::use_navigate;
use papertape::api::{DatasetInfo, FeedKind, ParamInfo, StartRequest};
use papertape::engine::ExecutionConfig;
use papertape::model::{BacktestId, Symbol, Timeframe, Timestamp};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Bar lengths on offer.
pub(crate) const TIMEFRAMES: [&str; 8] = ["1m", "3m", "5m", "15m", "30m", "1h", "4h", "1d"];
/// Speeds on offer: market seconds per second, 0 as fast as possible.
pub(crate) const SPEEDS: [f64; 5] = [1.0, 10.0, 60.0, 600.0, 0.0];

/// The split button: the wide part starts with the parameters in force, the caret opens the form.
#[component]
pub(crate) fn Start(
    /// The strategy's name in the library.
    slug: String,
    /// Its parameters.
    params: Vec<ParamInfo>,
    /// The values to start with.
    values: ParamValues,
    /// The backtest that the values come from.
    #[prop(optional_no_strip)]
    backtest: Option<BacktestId>,
    /// The bar length to run on, when it is not the strategy's own.
    #[prop(optional_no_strip)]
    timeframe: Option<Timeframe>,
    /// What trading costs, when it is not the default.
    #[prop(optional_no_strip)]
    execution: Option<ExecutionConfig>,
    /// The cash to start with, when it is not the default.
    #[prop(optional_no_strip)]
    capital: Option<Decimal>,
    /// Whether the strategy cannot run.
    #[prop(optional)]
    disabled: bool,
) -> impl IntoView {
    let live = expect_context::<Live>();
    let navigate = use_navigate();
    let deed = Deed::new();
    let dialog = NodeRef::<html::Dialog>::new();
    let opened = RwSignal::new(false);
    let base = StoredValue::new(StartRequest {
        strategy: slug.clone(),
        feed: Some("simulated".to_owned()),
        backtest,
        timeframe,
        execution,
        initial_capital: capital,
        ..StartRequest::default()
    });
    let start = Callback::new(move |request: StartRequest| {
        let navigate = navigate.clone();
        deed.run(functions::start(request), move |session| {
            let path = format!("/sessions/{}", session.id);
            live.put(session);
            navigate(&path, leptos_router::NavigateOptions::default());
        });
    });
    let start_now = move |_| {
        start.run(StartRequest {
            params: values.get_untracked(),
            ..base.get_value()
        })
    };
    let open = move |_| {
        opened.set(true);
        if let Some(dialog) = dialog.get() {
            let _ = dialog.show_modal();
        }
    };
    let close = Callback::new(move |()| {
        if let Some(dialog) = dialog.get() {
            dialog.close();
        }
    });
    let params = StoredValue::new(params);
    let heading = format!("start-{slug}");
    let about_dialog = heading.clone();
    view! {
        <div class="start">
            <div class="split">
                <button
                    type="button"
                    class="button primary"
                    data-testid="start"
                    disabled=move || disabled || deed.pending.get()
                    on:click=on(start_now)
                >
                    {move || if deed.pending.get() { "Starting" } else { "Start paper trading" }}
                </button>
                <button
                    type="button"
                    class="button primary caret"
                    data-testid="start-options"
                    aria-label="Start with other settings"
                    aria-haspopup="dialog"
                    disabled=disabled
                    on:click=on(open)
                >
                    <span aria-hidden="true">"▾"</span>
                </button>
            </div>
            <Show when=move || !opened.get()>
                <ProblemNote problem=deed.problem />
            </Show>
            <dialog
                node_ref=dialog
                class="dialog wide"
                aria-labelledby=about_dialog
                on:close=on(move |_| opened.set(false))
            >
                <h2 id=heading>"Start paper trading"</h2>
                <Show when=move || opened.get()>
                    <StartForm
                        base=base.get_value()
                        params=params.get_value()
                        values
                        deed
                        start
                        close
                    />
                </Show>
            </dialog>
        </div>
    }
    .into_any()
}

/// Whether a feed of the form tells what happens as it does.
fn is_live(feed: &str) -> bool {
    !["simulated", "replay"].contains(&feed)
}

/// The texts of the form, as typed.
#[derive(Clone, Copy)]
struct Draft {
    name: RwSignal<String>,
    feed: RwSignal<String>,
    symbol: RwSignal<String>,
    dataset: RwSignal<String>,
    from: RwSignal<String>,
    to: RwSignal<String>,
    capital: RwSignal<String>,
    speed: RwSignal<String>,
    costs: CostDraft,
    timeframe: RwSignal<String>,
}

impl Draft {
    fn new(base: &StartRequest) -> Self {
        Self {
            name: RwSignal::new(String::new()),
            feed: RwSignal::new("simulated".to_owned()),
            symbol: RwSignal::new(String::new()),
            dataset: RwSignal::new(String::new()),
            from: RwSignal::new(String::new()),
            to: RwSignal::new(String::new()),
            capital: RwSignal::new(
                base.initial_capital
                    .map_or_else(|| "100000".to_owned(), |it| it.normalize().to_string()),
            ),
            speed: RwSignal::new("1".to_owned()),
            costs: CostDraft::new(base.execution.clone().unwrap_or_default()),
            timeframe: RwSignal::new(base.timeframe.map(|it| it.to_string()).unwrap_or_default()),
        }
    }

    /// The request that the texts say, or which of them says nothing usable.
    fn read(
        self,
        base: StartRequest,
        params: BTreeMap<String, f64>,
        datasets: &[DatasetInfo],
    ) -> Result<StartRequest, (&'static str, &'static str)> {
        let number = |text: RwSignal<String>, path| {
            let text = text.get_untracked();
            typed::number(&text)
                .filter(|number| *number >= Decimal::ZERO)
                .ok_or_else(|| {
                    (
                        path,
                        typed::instead(&text, "Write a number that is not negative, such as 0.1"),
                    )
                })
        };
        let moment = |text: RwSignal<String>, path| {
            let text = text.get_untracked();
            if text.trim().is_empty() {
                return Ok(None);
            }
            Timestamp::parse(&text).map(Some).map_err(|_| {
                (
                    path,
                    "Write a day such as 2024-12-01 or a time such as 2024-12-01 10:00, in UTC",
                )
            })
        };
        let feed = self.feed.get_untracked();
        let replay = feed == "replay";
        let dataset = self.dataset.get_untracked();
        let chosen = datasets.iter().find(|known| known.id == dataset);
        if replay && chosen.is_none() {
            return Err(("dataset", "Choose the bars to replay"));
        }
        let symbol = self.symbol.get_untracked();
        let live = is_live(&feed);
        let symbols = match chosen.filter(|_| replay) {
            Some(set) => vec![set.symbol.clone()],
            None if live && !symbol.trim().is_empty() => {
                let one = symbol.parse::<Symbol>();
                vec![one.map_err(|_| ("symbols", "Write a symbol such as BTC/USDT or AAPL"))?]
            }
            None => Vec::new(),
        };
        let capital = number(self.capital, "initial_capital")?;
        if capital.is_zero() {
            return Err(("initial_capital", "Write an amount above zero"));
        }
        let name = self.name.get_untracked();
        let timeframe = self.timeframe.get_untracked();
        Ok(StartRequest {
            params,
            symbols,
            feed: Some(feed),
            initial_capital: Some(capital),
            execution: Some(untrack(move || self.costs.read())?),
            speed: self.speed.get_untracked().parse().ok().filter(|_| !live),
            name: Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
            timeframe: timeframe.parse().ok(),
            from: if replay { moment(self.from, "from")? } else { None },
            to: if replay { moment(self.to, "to")? } else { None },
            ..base
        })
    }
}

#[component]
fn StartForm(
    base: StartRequest,
    params: Vec<ParamInfo>,
    values: ParamValues,
    deed: Deed,
    start: Callback<StartRequest>,
    close: Callback<()>,
) -> impl IntoView {
    let draft = Draft::new(&base);
    let base = StoredValue::new(base);
    let datasets = wire::asked(functions::datasets);
    let recorded = memo(move |_| {
        let all = datasets.get().and_then(Result::ok).unwrap_or_default();
        all.into_iter()
            .filter(|dataset| !dataset.simulated)
            .collect::<Vec<_>>()
    });
    let status = wire::asked(functions::status);
    let venues = memo(move |_| {
        let feeds = status.get().and_then(Result::ok).map(|it| it.feeds);
        let live = feeds
            .into_iter()
            .flatten()
            .filter(|feed| feed.kind == FeedKind::Live);
        live.map(|feed| feed.name).collect::<Vec<_>>()
    });
    let wrong = RwSignal::new(None::<(&'static str, &'static str)>);
    let error = move |path: &'static str| {
        let told = deed.field(path);
        Signal::derive(move || match wrong.get() {
            Some((field, message)) if field == path => Some(message.to_owned()),
            _ => told.get(),
        })
    };
    let replay = memo(move |_| draft.feed.with(|feed| feed == "replay"));
    let live = memo(move |_| draft.feed.with(|feed| is_live(feed)));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match recorded.with_untracked(|sets| draft.read(base.get_value(), values.get_untracked(), sets)) {
            Ok(request) => {
                wrong.set(None);
                start.run(request);
            }
            Err(problem) => wrong.set(Some(problem)),
        }
    };
    let speeds: Vec<_> = SPEEDS
        .iter()
        .map(|speed| {
            let text = match *speed {
                0.0 => "As fast as possible".to_owned(),
                1.0 => "1×, as the clock runs".to_owned(),
                other => format::speed(other),
            };
            view! { <option value=speed.to_string()>{text}</option> }
        })
        .collect();
    let timeframes: Vec<_> = TIMEFRAMES
        .iter()
        .map(|it| view! { <option value=*it>{*it}</option> })
        .collect();
    let with_params = !params.is_empty();
    view! {
        <form class="form" on:submit=on(submit) novalidate>
            <div class="columns">
                <Field label="Market data" control="start-feed" error=error("feed")>
                    <select
                        id="start-feed"
                        data-testid="start-feed"
                        prop:value=draft.feed
                        on:change=on(move |event| draft.feed.set(event_target_value(&event)))
                    >
                        <option value="simulated">"Simulated market"</option>
                        <option value="replay">"Replay of recorded bars"</option>
                        <Show when=move || !venues.with(Vec::is_empty)>
                            <optgroup label="Live, in real time">
                                {move || {
                                    let each = venues.get().into_iter();
                                    let option = |name: String| {
                                        let value = name.clone();
                                        view! { <option value=value>{name}</option> }
                                    };
                                    each.map(option)
                                        .collect::<Vec<_>>()
                                }}
                            </optgroup>
                        </Show>
                    </select>
                </Field>
                <div hidden=live>
                    <Field
                        label="Speed"
                        control="start-speed"
                        error=error("speed")
                        hint="Can be changed while it runs"
                    >
                        <select
                            id="start-speed"
                            data-testid="start-speed"
                            prop:value=draft.speed
                            on:change=on(move |event| draft.speed.set(event_target_value(&event)))
                        >
                            {speeds}
                        </select>
                    </Field>
                </div>
                <Show when=move || live.get()>
                    <TextField
                        label="Symbol"
                        id="start-symbol"
                        value=draft.symbol
                        error=error("symbols")
                        hint="Such as BTC/USDT or AAPL; the strategy's own when empty"
                    />
                </Show>
            </div>
            <Show when=move || live.get()>
                <p class="hint">
                    "A live session runs in real time. What history the feed has warms its indicators; where it has none, they                      warm up on what comes. While data is missing or stale, nothing fills."
                </p>
            </Show>
            <Show when=move || replay.get()>
                <div class="columns three">
                    <Field
                        label="Bars"
                        control="start-dataset"
                        error=error("dataset")
                        hint="Import more with papertape import"
                    >
                        <select
                            id="start-dataset"
                            prop:value=draft.dataset
                            on:change=on(move |event| draft.dataset.set(event_target_value(&event)))
                        >
                            <option value="">"Choose"</option>
                            {move || {
                                recorded
                                    .get()
                                    .into_iter()
                                    .map(|set| view! { <option value=set.id.clone()>{set.label}</option> })
                                    .collect::<Vec<_>>()
                            }}
                        </select>
                    </Field>
                    <TextField label="From (UTC)" id="start-from" value=draft.from error=error("from") />
                    <TextField label="To (UTC)" id="start-to" value=draft.to error=error("to") />
                </div>
            </Show>
            <div class="columns three">
                <NumberField
                    label="Capital"
                    id="start-capital"
                    value=draft.capital
                    error=error("initial_capital")
                    hint="In the symbol's quote currency"
                />
                <Field
                    label="Timeframe"
                    control="start-timeframe"
                    error=error("timeframe")
                    hint="The bars on which the rules run"
                >
                    <select
                        id="start-timeframe"
                        prop:value=draft.timeframe
                        on:change=on(move |event| draft.timeframe.set(event_target_value(&event)))
                    >
                        <option value="">"The strategy's own"</option>
                        {timeframes}
                    </select>
                </Field>
                <CostFields
                    draft=draft.costs
                    prefix="start"
                    told=Callback::new(move |path| deed.field(path).get())
                />
            </div>
            {with_params
                .then(|| {
                    view! {
                        <fieldset>
                            <legend>"Parameters"</legend>
                            <ParamFields params values prefix="start-param" />
                        </fieldset>
                    }
                })}
            <TextField
                label="Name of the session"
                id="start-name"
                value=draft.name
                error=error("name")
                hint="The strategy's name when empty"
            />
            <ProblemNote problem=deed.problem />
            <div class="actions">
                <button type="button" class="button" on:click=on(move |_| close.run(()))>
                    "Cancel"
                </button>
                <button
                    type="submit"
                    class="button primary"
                    data-testid="start-submit"
                    disabled=move || deed.pending.get()
                >
                    {move || if deed.pending.get() { "Starting" } else { "Start" }}
                </button>
            </div>
        </form>
    }
    .into_any()
}

#[component]
fn TextField(
    label: &'static str,
    id: &'static str,
    value: RwSignal<String>,
    #[prop(into)] error: Signal<Option<String>>,
    #[prop(optional)] hint: &'static str,
) -> impl IntoView {
    view! {
        <Field label control=id error hint>
            <input
                type="text"
                id=id
                data-testid=id
                autocomplete="off"
                aria-invalid=move || error.with(Option::is_some).then_some("true")
                prop:value=value
                on:input=on(move |event| value.set(event_target_value(&event)))
            />
        </Field>
    }
    .into_any()
}
