//! What to find out, and on what.

use super::axes::{AxisDraft, AxisFields, drafts};
use super::objectives;
use crate::components::{Field, Frame, GroundDraft, GroundFields, NumberField, check, select};
use crate::erased::{memo, on};
use crate::format;
use crate::typed;
use leptos::prelude::*;
use papertape::api::{BacktestRequest, DatasetInfo, StrategyCard, StudyRequest, StudySpec};
use papertape::backtest::sweep::{Axis, MOST_COMBINATIONS, Method, Objective, SearchSpec, SweepSpec};
use papertape::backtest::{MonteCarloSpec, Resampling, WalkForwardSpec};
use rust_decimal::prelude::ToPrimitive;
use std::collections::BTreeMap;

/// What a study is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sweep,
    WalkForward,
    MonteCarlo,
}

const KINDS: [(Kind, &str, &str, &str); 3] = [
    (
        Kind::Sweep,
        "sweep",
        "Sweep",
        "Which parameters are best, and is that luck?",
    ),
    (
        Kind::WalkForward,
        "walk_forward",
        "Walk-forward",
        "What do parameters earn that were chosen on the past only?",
    ),
    (
        Kind::MonteCarlo,
        "monte_carlo",
        "Monte Carlo",
        "What else could have come of the same trades or days?",
    ),
];

const METHODS: [(Method, &str, &str); 3] = [
    (Method::Grid, "grid", "All combinations"),
    (Method::Random, "random", "Some at random"),
    (Method::Bayes, "bayes", "Some where others were good (Bayesian)"),
];

const RESAMPLINGS: [(Resampling, &str, &str); 3] = [
    (
        Resampling::TradeOrder,
        "trade_order",
        "The same trades in another order",
    ),
    (Resampling::Trades, "trades", "Trades drawn with repetition"),
    (Resampling::Days, "days", "Blocks of neighbouring days"),
];

/// Everything that the form says.
#[derive(Clone, Copy)]
struct Draft {
    kind: RwSignal<Kind>,
    ground: GroundDraft,
    /// Of several, the one to run over.
    symbol: RwSignal<String>,
    axes: StoredValue<Vec<AxisDraft>>,
    objective: RwSignal<&'static str>,
    method: RwSignal<Method>,
    samples: RwSignal<String>,
    seed: RwSignal<String>,
    constraint: RwSignal<String>,
    kept_back: RwSignal<String>,
    windows: RwSignal<String>,
    ratio: RwSignal<String>,
    anchored: RwSignal<bool>,
    resampling: RwSignal<Resampling>,
    courses: RwSignal<String>,
    block: RwSignal<String>,
    ruin: RwSignal<String>,
}

impl Draft {
    /// What `before` asked for, or what is usual.
    fn new(card: &StrategyCard, datasets: Vec<DatasetInfo>, before: Option<&StudyRequest>) -> Self {
        let base = before.map_or_else(
            || BacktestRequest {
                strategy: card.slug.clone(),
                ..BacktestRequest::default()
            },
            |before| before.backtest.clone(),
        );
        let (mut sweep, mut walk, mut courses) = (
            SweepSpec {
                out_of_sample: 0.3,
                ..SweepSpec::default()
            },
            WalkForwardSpec::default(),
            MonteCarloSpec::default(),
        );
        let kind = match before.map(|before| before.study.clone()) {
            Some(StudySpec::Sweep(spec)) => {
                walk.search = spec.search.clone();
                sweep = spec;
                Kind::Sweep
            }
            Some(StudySpec::WalkForward(spec)) => {
                sweep.search = spec.search.clone();
                walk = spec;
                Kind::WalkForward
            }
            Some(StudySpec::MonteCarlo(spec)) => {
                courses = spec;
                Kind::MonteCarlo
            }
            None => Kind::Sweep,
        };
        let search = sweep.search;
        let text = |value: String| RwSignal::new(value);
        let percent = |share: f64| text(((share * 1e6).round() / 1e4).to_string());
        // Without a choice all of them are traded; with one symbol the bars may be of any.
        let symbol = base
            .symbols
            .first()
            .filter(|_| base.symbols.len() == 1 && card.symbols.len() > 1);
        Self {
            kind: RwSignal::new(kind),
            symbol: text(symbol.map(ToString::to_string).unwrap_or_default()),
            axes: StoredValue::new(drafts(
                &card.params,
                before.map(|_| (&search.params, &base.params)),
            )),
            ground: GroundDraft::new(&base, datasets),
            objective: RwSignal::new(search.objective.name()),
            method: RwSignal::new(search.method),
            samples: text(search.samples.to_string()),
            seed: text(match kind {
                Kind::MonteCarlo => courses.seed.to_string(),
                Kind::Sweep | Kind::WalkForward => search.seed.to_string(),
            }),
            constraint: text(search.constraint.unwrap_or_default()),
            kept_back: percent(sweep.out_of_sample),
            windows: text(walk.windows.to_string()),
            ratio: text(walk.ratio.to_string()),
            anchored: RwSignal::new(walk.anchored),
            resampling: RwSignal::new(courses.resampling),
            courses: text(courses.courses.to_string()),
            block: text(courses.block.to_string()),
            ruin: percent(courses.ruin),
        }
    }

    fn is_search(self) -> bool {
        self.kind.get() != Kind::MonteCarlo
    }

    fn needs_steps(self) -> bool {
        self.method.get() == Method::Grid
    }

    /// The parameters that change; `None` while one of them is wrong.
    fn params(self) -> Option<BTreeMap<String, Axis>> {
        let needs_steps = self.needs_steps();
        self.axes.with_value(|axes| {
            axes.iter()
                .filter_map(|axis| Some((axis.name.clone(), axis.axis(needs_steps)?)))
                .map(|(name, axis)| Some((name, axis.ok()?)))
                .collect()
        })
    }

    /// The parameters that stay; all of them where none changes.
    fn fixed(self) -> Option<BTreeMap<String, f64>> {
        let all = !self.is_search();
        self.axes.with_value(|axes| {
            axes.iter()
                .filter_map(|axis| {
                    let value = if all { Some(axis.at_rest()) } else { axis.fixed() };
                    Some((axis.name.clone(), value?))
                })
                .map(|(name, value)| Some((name, value.ok()?)))
                .collect()
        })
    }

    /// What the button would ask for, or nothing while a field is wrong.
    fn read(self) -> Option<StudyRequest> {
        let study = if self.is_search() {
            let search = SearchSpec {
                params: self.params()?,
                objective: self.objective.get().parse::<Objective>().ok()?,
                method: self.method.get(),
                samples: whole(self.samples)?,
                seed: whole(self.seed)?,
                constraint: Some(self.constraint.get()).filter(|it| !it.trim().is_empty()),
            };
            if self.kind.get() == Kind::Sweep {
                StudySpec::Sweep(SweepSpec {
                    search,
                    out_of_sample: share(self.kept_back)?,
                })
            } else {
                StudySpec::WalkForward(WalkForwardSpec {
                    search,
                    windows: whole(self.windows)?,
                    ratio: amount(self.ratio)?,
                    anchored: self.anchored.get(),
                })
            }
        } else {
            StudySpec::MonteCarlo(MonteCarloSpec {
                resampling: self.resampling.get(),
                courses: whole(self.courses)?,
                block: whole(self.block)?,
                seed: whole(self.seed)?,
                ruin: share(self.ruin)?,
            })
        };
        let mut backtest = self.ground.read(self.fixed()?)?;
        if let Ok(symbol) = self.symbol.get().parse() {
            backtest.symbols = vec![symbol];
        }
        Some(StudyRequest { backtest, study })
    }

    /// How many runs the search would take, in words.
    fn words(self) -> String {
        let Some(params) = self.params() else {
            return String::new();
        };
        if params.is_empty() {
            return "Tick “Try several” at one parameter at least.".to_owned();
        }
        let all = params
            .values()
            .map(Axis::count)
            .try_fold(1_u64, |product, count| Some(product.saturating_mul(count?)));
        let samples = whole(self.samples).unwrap_or_default();
        let (tried, of) = match (self.needs_steps(), all) {
            (true, Some(all)) if all > MOST_COMBINATIONS => {
                return format!(
                    "{} combinations are too many: at most {} can be tried. Take larger steps, or some at random.",
                    format::count(all),
                    format::count(MOST_COMBINATIONS)
                );
            }
            (true, Some(all)) => (all, String::new()),
            (_, Some(all)) => (samples.min(all), format!(" of {}", format::count(all))),
            (_, None) => (samples, String::new()),
        };
        let each = if self.kind.get() == Kind::WalkForward {
            ", in each window"
        } else {
            ""
        };
        let noun = if tried == 1 && of.is_empty() {
            "combination"
        } else {
            "combinations"
        };
        format!("{}{of} {noun}{each}", format::count(tried))
    }
}

fn amount(text: RwSignal<String>) -> Option<f64> {
    typed::number(&text.get())?.to_f64()
}

fn whole(text: RwSignal<String>) -> Option<u64> {
    let number = typed::number(&text.get())?;
    number.is_integer().then(|| number.to_u64()).flatten()
}

fn share(text: RwSignal<String>) -> Option<f64> {
    Some(amount(text)? / 100.0)
}

/// The form; `before` is what it says at first.
#[component]
pub(super) fn Form(
    card: StrategyCard,
    datasets: Vec<DatasetInfo>,
    #[prop(optional_no_strip)] before: Option<StudyRequest>,
    /// Whether a study runs or is being asked for.
    #[prop(into)]
    busy: Signal<bool>,
    /// Gets what was asked for.
    start: Callback<StudyRequest>,
) -> impl IntoView {
    let draft = Draft::new(&card, datasets, before.as_ref());
    let kind = draft.kind;
    let request = memo(move |_| draft.read());
    let kinds: Vec<_> = KINDS
        .iter()
        .map(|(each, name, label, _)| {
            view! {
                <button
                    type="button"
                    data-testid=format!("study-{name}")
                    aria-pressed=move || if kind.get() == *each { "true" } else { "false" }
                    on:click=on(move |_| kind.set(*each))
                >
                    {*label}
                </button>
            }
        })
        .collect();
    let question = move || {
        let row = KINDS.iter().find(|(each, ..)| *each == kind.get());
        row.map(|(.., question)| *question)
    };
    let still = Signal::derive(move || !draft.is_search());
    let needs_steps = Signal::derive(move || draft.needs_steps());
    let rows = draft.axes.with_value(|axes| {
        let row = |axis: &AxisDraft| view! { <AxisFields draft=axis.clone() still needs_steps /> };
        axes.iter().map(row).collect::<Vec<_>>()
    });
    let symbols: Vec<_> = card.symbols.iter().map(ToString::to_string).collect();
    let symbol = (symbols.len() > 1).then(|| symbol_field(symbols, draft.symbol));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(request) = request.get_untracked() {
            start.run(request);
        }
    };
    let wrong = move || busy.get() || request.with(Option::is_none);
    view! {
        <Frame title="What to find out" class="bench">
            <form class="form" on:submit=on(submit) novalidate>
                <div>
                    <div class="segments" role="group" aria-label="Study">{kinds}</div>
                    <p class="hint">{question}</p>
                </div>
                <div>{symbol} <GroundFields draft=draft.ground prefix="study" /></div>
                <div class="axes">{rows}</div>
                {move || {
                    if draft.is_search() { search_fields(draft) } else { course_fields(draft) }
                }}
                <div class="run">
                    <button type="submit" class="button primary" data-testid="study-start" disabled=wrong>
                        "Run"
                    </button>
                    <p class="hint" data-testid="study-size">
                        {move || draft.is_search().then(|| draft.words())}
                    </p>
                </div>
            </form>
        </Frame>
    }
    .into_any()
}

fn symbol_field(symbols: Vec<String>, to: RwSignal<String>) -> AnyView {
    let options: Vec<_> = symbols
        .into_iter()
        .map(|symbol| view! { <option value=symbol.clone()>{symbol.clone()}</option> })
        .collect();
    view! {
        <Field label="Symbol" control="study-symbol" hint="All of the strategy's symbols on one account, or one of them alone">
            <select
                id="study-symbol"
                data-testid="study-symbol"
                prop:value=to
                on:change=on(move |event| to.set(event_target_value(&event)))
            >
                <option value="">"All"</option>
                {options}
            </select>
        </Field>
    }
    .into_any()
}

/// A field whose text must be a number of a kind.
fn number_field(
    label: &'static str,
    id: &'static str,
    text: RwSignal<String>,
    hint: &'static str,
    is_right: fn(RwSignal<String>) -> bool,
) -> AnyView {
    let error = Signal::derive(move || {
        (!is_right(text))
            .then(|| typed::instead(&text.get(), "Write a number that is not negative").to_owned())
    });
    view! { <NumberField label id value=text error hint /> }.into_any()
}

fn is_whole(text: RwSignal<String>) -> bool {
    whole(text).is_some()
}

fn is_amount(text: RwSignal<String>) -> bool {
    amount(text).is_some_and(|amount| amount >= 0.0)
}

/// How to look for combinations.
fn search_fields(draft: Draft) -> AnyView {
    let objectives: Vec<_> = objectives::choices()
        .map(|(name, words)| (name, name, words))
        .collect();
    let own = if draft.kind.get() == Kind::Sweep {
        number_field(
            "Keep back, % of the bars",
            "study-kept-back",
            draft.kept_back,
            "The last bars; the best run over them once",
            is_amount,
        )
    } else {
        view! {
            {number_field("Windows", "study-windows", draft.windows, "One after the other", is_whole)}
            {number_field(
                "Look back",
                "study-ratio",
                draft.ratio,
                "Times as long as what follows",
                is_amount,
            )}
            <div class="field whole-row">
                {check(draft.anchored, " Choose on all bars from the first one on, in every window")}
            </div>
        }
        .into_any()
    };
    view! {
        <div class="columns three">
            <Field label="Best by" control="study-objective">
                {select("study-objective", &objectives, draft.objective)}
            </Field>
            <Field label="Try" control="study-method">{select("study-method", &METHODS, draft.method)}</Field>
            <Show when=move || !draft.needs_steps()>
                {number_field("How many", "study-samples", draft.samples, "Combinations to try", is_whole)}
                {number_field("Seed", "study-seed", draft.seed, "The same seed draws the same", is_whole)}
            </Show>
            {own}
            <NumberField
                label="Only where"
                id="study-constraint"
                value=draft.constraint
                hint="Such as fast < slow; empty for all"
                words=true
            />
        </div>
    }
    .into_any()
}

/// How to make courses.
fn course_fields(draft: Draft) -> AnyView {
    view! {
        <div class="columns three">
            <Field label="Courses made of" control="study-resampling">
                {select("study-resampling", &RESAMPLINGS, draft.resampling)}
            </Field>
            {number_field("How many courses", "study-courses", draft.courses, "1 to 20,000", is_whole)}
            <Show when=move || draft.resampling.get() == Resampling::Days>
                {number_field("Days in a block", "study-block", draft.block, "Neighbours stay together", is_whole)}
            </Show>
            {number_field("Ruin, % lost", "study-ruin", draft.ruin, "Of the capital, at any time", is_amount)}
            {number_field("Seed", "study-seed", draft.seed, "The same seed draws the same", is_whole)}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_form_asks_again_for_what_a_study_asked_for() {
        Owner::new().with(|| {
            let card = samples::card(false);
            let search = SearchSpec {
                params: BTreeMap::from([("fast".to_owned(), "5..50:5".parse().expect("an axis"))]),
                objective: "calmar".parse().expect("a metric"),
                method: Method::Bayes,
                samples: 40,
                seed: 9,
                constraint: Some("fast < 40".to_owned()),
            };
            let studies = [
                StudySpec::Sweep(SweepSpec {
                    search: search.clone(),
                    out_of_sample: 0.07,
                }),
                StudySpec::WalkForward(WalkForwardSpec {
                    search,
                    windows: 7,
                    ratio: 2.5,
                    anchored: true,
                }),
                StudySpec::MonteCarlo(MonteCarloSpec {
                    resampling: Resampling::Days,
                    courses: 300,
                    block: 4,
                    seed: 5,
                    ruin: 0.29,
                }),
            ];
            for study in studies {
                let usual = Draft::new(&card, Vec::new(), None)
                    .read()
                    .expect("what is usual can run");
                let mut before = StudyRequest {
                    study,
                    backtest: usual.backtest,
                };
                // What does not change in a study stays somewhere.
                if matches!(before.study, StudySpec::MonteCarlo(_)) {
                    before.backtest.params.insert("fast".to_owned(), 35.0);
                }
                let again = Draft::new(&card, Vec::new(), Some(&before)).read();
                assert_eq!(again.as_ref(), Some(&before));
            }
        });
    }

    #[test]
    fn a_form_says_how_much_it_would_run() {
        Owner::new().with(|| {
            let draft = Draft::new(&samples::card(false), Vec::new(), None);
            let all = draft.words();
            assert!(all.ends_with("combinations") && !all.contains("of"), "{all}");
            draft.method.set(Method::Random);
            draft.samples.set("3".to_owned());
            let count = all.trim_end_matches(" combinations");
            assert_eq!(draft.words(), format!("3 of {count} combinations"));
            draft.samples.set("many".to_owned());
            assert_eq!(draft.read(), None);
        });
    }
}
