//! A backtest that follows the parameters: each change runs in the browser, over bars that were loaded once.

use crate::chart::options::{EquityCurve, PriceView};
use crate::components::{Deed, Frame, MetricList, ProblemNote};
use crate::engine::{Engine, NO_ENGINE};
use crate::erased::{effect, memo};
use crate::format::{self, NONE};
use crate::functions;
use crate::pages::backtest::{ResultCharts, caveats, equity_curve, price_view};
use leptos::prelude::*;
use papertape::analytics::Metrics;
use papertape::api::{
    BacktestPreview, BacktestRequest, BacktestStatus, BarsHeader, NEEDS_SERVER, ProblemDetails, WorkerAnswer,
    WorkerAsk,
};

/// Most points of what is drawn: about as many as the panel has columns.
const POINTS: usize = 600;

/// What is to be run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// Where the bars are.
    pub(super) bars: String,
    /// The run; its strategy is the name in the library.
    pub(super) request: BacktestRequest,
}

/// Who runs it.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// The engine in the browser.
    Here,
    /// The server, and why.
    Server(String),
}

/// What is on screen.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shown {
    run: u64,
    bars: u64,
    milliseconds: f64,
    curve: EquityCurve,
    price: PriceView,
    metrics: Metrics,
    warnings: Vec<String>,
    final_equity: String,
    event_hash: String,
}

/// Runs the newest wish, one at a time: while one is under way, the one after it is whatever is wanted when it is over.
#[derive(Clone, Copy)]
struct Follower {
    engine: Engine,
    source: StoredValue<String>,
    /// The bars that the engine has, and what they are.
    loaded: StoredValue<Option<(String, BarsHeader)>>,
    place: RwSignal<Place>,
    /// The newest wish, until it is begun.
    next: StoredValue<Option<Wanted>>,
    busy: RwSignal<bool>,
    loading: RwSignal<bool>,
    shown: RwSignal<Option<Shown>>,
    problem: RwSignal<Option<ProblemDetails>>,
    /// What the server is asked for.
    server: Deed,
    runs: StoredValue<u64>,
    began: StoredValue<f64>,
}

impl Follower {
    fn new(source: String) -> Self {
        let shown = RwSignal::new(None);
        let busy = RwSignal::new(false);
        Self {
            engine: Engine::new(),
            source: StoredValue::new(source),
            loaded: StoredValue::new(None),
            place: RwSignal::new(Place::Here),
            next: StoredValue::new(None),
            busy,
            loading: RwSignal::new(false),
            shown,
            problem: RwSignal::new(None),
            server: Deed::new(),
            runs: StoredValue::new(0),
            began: StoredValue::new(0.0),
        }
    }

    fn want(self, wanted: Wanted) {
        self.next.set_value(Some(wanted));
        if !self.busy.get_untracked() {
            self.go();
        }
    }

    fn go(self) {
        let Some(wanted) = self.next.try_update_value(Option::take).flatten() else {
            return;
        };
        self.busy.set(true);
        self.began.set_value(now());
        if self.place.get_untracked() != Place::Here {
            self.run_there(wanted);
            return;
        }
        let is_there = self
            .loaded
            .with_value(|loaded| loaded.as_ref().is_some_and(|(bars, _)| *bars == wanted.bars));
        if is_there {
            self.run(wanted);
            return;
        }
        self.loading.set(true);
        let ask = WorkerAsk::Load {
            bars: wanted.bars.clone(),
        };
        self.engine.ask(ask, move |answer| {
            self.loading.try_set(false);
            match answer {
                WorkerAnswer::Loaded(header) => {
                    self.loaded.try_set_value(Some((wanted.bars.clone(), *header)));
                    // While the bars came, something else may have been wished for.
                    if self.next.try_with_value(Option::is_some) == Some(true) {
                        self.go();
                    } else {
                        self.run(wanted);
                    }
                }
                other => self.give_up(other, wanted),
            }
        });
    }

    fn run(self, wanted: Wanted) {
        let request = BacktestRequest {
            strategy: self.source.try_get_value().unwrap_or_default(),
            ..wanted.request.clone()
        };
        let ask = WorkerAsk::Run {
            bars: wanted.bars.clone(),
            request: Box::new(request),
            points: POINTS,
        };
        self.engine.ask(ask, move |answer| match answer {
            WorkerAnswer::Ran(preview) => {
                let header = self.loaded.try_get_value().flatten();
                if let Some((_, header)) = header {
                    self.show(Shown::of(*preview, &header));
                }
                self.done();
            }
            other => self.give_up(other, wanted),
        });
    }

    /// What the engine refused stays refused; where there is no engine, or not for this strategy, the server runs it.
    fn give_up(self, answer: WorkerAnswer, wanted: Wanted) {
        if let WorkerAnswer::Failed(problem) = answer {
            if problem.code == NO_ENGINE || problem.code == NEEDS_SERVER {
                self.place.try_set(Place::Server(problem.detail));
                let next = self.next.try_update_value(Option::take).flatten();
                self.run_there(next.unwrap_or(wanted));
                return;
            }
            self.problem.try_set(Some(problem));
        }
        self.done();
    }

    /// The server runs it, and keeps nothing of it.
    fn run_there(self, wanted: Wanted) {
        self.server
            .run(functions::preview(wanted.request), move |status| {
                if let Some(shown) = Shown::of_status(status) {
                    self.show(shown);
                }
                self.done();
            });
    }

    fn show(self, mut shown: Shown) {
        self.runs.try_update_value(|runs| *runs += 1);
        shown.run = self.runs.try_get_value().unwrap_or_default();
        shown.milliseconds = now() - self.began.try_get_value().unwrap_or_default();
        self.problem.try_set(None);
        self.shown.try_set(Some(shown));
    }

    fn done(self) {
        self.busy.try_set(false);
        self.go_on();
    }

    fn go_on(self) {
        if self.next.try_with_value(Option::is_some) == Some(true) {
            self.go();
        }
    }

    /// What stands above the charts.
    fn words(self) -> String {
        if self.loading.get() {
            return "Fetching the bars".to_owned();
        }
        let place = self.place.get();
        let ran = self.shown.with(|shown| {
            let shown = shown.as_ref()?;
            let (bars, ms) = (format::count(shown.bars), format::number(shown.milliseconds, 0));
            Some(match &place {
                Place::Here => format!("{bars} bars in {ms} ms, in this browser"),
                Place::Server(why) => format!("{bars} bars, run by the server because {why}"),
            })
        });
        match (ran, place) {
            (Some(words), _) => words,
            (None, Place::Server(why)) => format!("The server runs it, because {why}"),
            (None, Place::Here) => "Starting the engine".to_owned(),
        }
    }
}

impl Shown {
    fn of(preview: BacktestPreview, header: &BarsHeader) -> Self {
        let instrument = &header.instrument;
        let currency = instrument.quote().to_string();
        Self {
            bars: preview.bars_run,
            curve: equity_curve(
                &preview.trades,
                (preview.equity, preview.bars.clone()),
                preview.initial_capital,
                &currency,
            ),
            price: price_view(
                &preview.trades,
                preview.bars,
                instrument.price_digits(),
                &currency,
            ),
            metrics: preview.metrics,
            warnings: preview.warnings,
            final_equity: preview.final_equity.to_string(),
            event_hash: preview.event_hash,
            ..Self::default()
        }
    }

    fn of_status(status: BacktestStatus) -> Option<Self> {
        let report = status.report?;
        Some(Self {
            bars: report.bars,
            curve: equity_curve(
                &report.trades,
                (status.equity, status.bars.clone()),
                report.initial_capital,
                &status.currency,
            ),
            price: price_view(&report.trades, status.bars, status.price_digits, &status.currency),
            metrics: report.metrics,
            warnings: report.warnings,
            final_equity: report.final_equity.to_string(),
            event_hash: report.event_hash,
            ..Self::default()
        })
    }
}

fn now() -> f64 {
    js_sys::Date::now()
}

fn fact(name: &'static str, text: Signal<String>) -> AnyView {
    view! { <div><dt>{name}</dt><dd>{text}</dd></div> }.into_any()
}

/// The panel.
#[component]
pub(super) fn Live(
    /// What is wanted, unless a field is wrong; a change of it runs.
    wanted: Memo<Option<Wanted>>,
    /// The strategy's file.
    source: String,
    /// The currency of amounts.
    currency: Signal<String>,
) -> impl IntoView {
    let follower = Follower::new(source);
    effect(move || {
        if let Some(wanted) = wanted.get() {
            follower.want(wanted);
        }
    });
    let shown = follower.shown;
    // What the server refuses is over too.
    effect(move || {
        let failed = follower.server.problem.with(Option::is_some);
        if failed && follower.busy.get_untracked() {
            follower.done();
        }
    });
    let any = memo(move |_| shown.with(Option::is_some));
    let part = move |read: fn(&Shown) -> String| {
        move || shown.with(|shown| shown.as_ref().map(read).unwrap_or_default())
    };
    let curve =
        Signal::derive(move || shown.with(|it| it.as_ref().map(|it| it.curve.clone()).unwrap_or_default()));
    let price =
        Signal::derive(move || shown.with(|it| it.as_ref().map(|it| it.price.clone()).unwrap_or_default()));
    let warnings =
        memo(move |_| shown.with(|it| it.as_ref().map(|it| it.warnings.clone()).unwrap_or_default()));
    let metrics =
        Signal::derive(move || shown.with(|it| it.as_ref().map(|it| it.metrics.clone()).unwrap_or_default()));
    let ratio = |value: Option<f64>, text: fn(f64) -> String| value.map_or_else(|| NONE.to_owned(), text);
    let figure = move |read: fn(&Metrics) -> String| Signal::derive(move || metrics.with(read));
    let headline = [
        ("Return", figure(|it| format::signed_percent(it.total_return, 2))),
        (
            "Buy and hold",
            Signal::derive(move || {
                ratio(metrics.with(|it| it.buy_and_hold_return), |it| {
                    format::signed_percent(it, 2)
                })
            }),
        ),
        ("Max drawdown", figure(|it| format::percent(it.max_drawdown, 2))),
        (
            "Sharpe",
            Signal::derive(move || ratio(metrics.with(|it| it.sharpe), |it| format::number(it, 2))),
        ),
        ("Trades", figure(|it| format::count(it.trades))),
    ];
    view! {
        <div
            class="column"
            data-testid="live"
            data-run=part(|shown| shown.run.to_string())
            data-final-equity=part(|shown| shown.final_equity.clone())
            aria-busy=move || if follower.busy.get() { "true" } else { "false" }
        >
            <Frame title="Live backtest" class="live">
                <p class="hint" role="status" data-testid="live-note">{move || follower.words()}</p>
                <ProblemNote problem=follower.problem />
                <ProblemNote problem=follower.server.problem />
                <Show when=move || any.get()>
                    <dl class="facts">{headline.iter().map(|(name, text)| fact(name, *text)).collect_view()}</dl>
                </Show>
                {move || caveats(&warnings.get())}
            </Frame>
            <Show when=move || any.get()>
                <ResultCharts curve price group="live" />
                <Frame title="All its metrics">
                    {move || view! { <MetricList metrics currency=currency.get() /> }}
                    <p class="hint foot-note">
                        "Event hash "
                        <code class="hash" data-testid="live-hash">{part(|shown| shown.event_hash.clone())}</code>
                    </p>
                </Frame>
            </Show>
        </div>
    }
    .into_any()
}
