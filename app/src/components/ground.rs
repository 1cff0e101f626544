//! On what a backtest or a study runs: its bars, their timeframe and span, the capital, the costs.

use super::{CostDraft, CostFields, Field, NumberField, TIMEFRAMES};
use crate::erased::on;
use crate::format::{self, TimeStyle};
use crate::typed;
use leptos::prelude::*;
use papertape::api::{BacktestRequest, DatasetInfo};
use papertape::model::Timestamp;
use rust_decimal::Decimal;
use std::collections::BTreeMap;

const DAY: i64 = 86_400_000_000_000;

/// The ground of a run as chosen and typed. What the form does not ask for stays as it was.
#[derive(Clone, Copy)]
pub(crate) struct GroundDraft {
    base: StoredValue<BacktestRequest>,
    datasets: StoredValue<Vec<DatasetInfo>>,
    dataset: RwSignal<String>,
    /// Empty for the strategy's own.
    timeframe: RwSignal<String>,
    /// The first day, the last day; empty for all that there is.
    from: RwSignal<String>,
    to: RwSignal<String>,
    capital: RwSignal<String>,
    costs: CostDraft,
}

impl GroundDraft {
    /// The texts that say what `base` says.
    pub(crate) fn new(base: &BacktestRequest, datasets: Vec<DatasetInfo>) -> Self {
        let capital = base
            .initial_capital
            .unwrap_or(Decimal::ONE_HUNDRED * Decimal::ONE_THOUSAND);
        let timeframe = base.timeframe.map(|timeframe| timeframe.to_string());
        Self {
            dataset: RwSignal::new(base.dataset.clone().unwrap_or_else(|| "simulated".to_owned())),
            timeframe: RwSignal::new(timeframe.unwrap_or_default()),
            from: RwSignal::new(base.from.map(first_day).unwrap_or_default()),
            to: RwSignal::new(base.to.map(last_day).unwrap_or_default()),
            capital: RwSignal::new(capital.normalize().to_string()),
            costs: CostDraft::new(base.execution.clone().unwrap_or_default()),
            base: StoredValue::new(base.clone()),
            datasets: StoredValue::new(datasets),
        }
    }

    /// The run with these parameters; `None` while a field is wrong: nothing runs with other numbers than those that
    /// stand there.
    pub(crate) fn read(self, params: BTreeMap<String, f64>) -> Option<BacktestRequest> {
        let base = self.base.get_value();
        Some(BacktestRequest {
            params,
            dataset: Some(self.dataset.get()),
            timeframe: self.timeframe.get().parse().ok(),
            initial_capital: Some(self.capital()?),
            execution: Some(self.costs.read().ok()?),
            from: day(&self.from.get(), base.from, first_day, 0).ok()?,
            to: day(&self.to.get(), base.to, last_day, DAY).ok()?,
            ..base
        })
    }

    fn capital(self) -> Option<Decimal> {
        typed::number(&self.capital.get()).filter(|number| *number >= Decimal::ZERO)
    }

    /// The bars that are chosen.
    pub(crate) fn chosen(self) -> Option<DatasetInfo> {
        let id = self.dataset.get();
        self.datasets
            .with_value(|sets| sets.iter().find(|set| set.id == id).cloned())
    }
}

fn first_day(moment: Timestamp) -> String {
    format::time(moment, 0, TimeStyle::Day)
}

/// The day that ends with a moment or holds it.
fn last_day(moment: Timestamp) -> String {
    first_day(moment.plus_nanos(-1))
}

/// The moment that a day's text means, `after` its midnight; what `base` says while the text still says the same.
fn day(
    text: &str,
    base: Option<Timestamp>,
    say: fn(Timestamp) -> String,
    after: i64,
) -> Result<Option<Timestamp>, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if base.is_some_and(|base| say(base) == text) {
        return Ok(base);
    }
    match Timestamp::parse(&format!("{text}T00:00:00Z")) {
        Ok(midnight) => Ok(Some(midnight.plus_nanos(after))),
        Err(_) => Err("Write a day such as 2024-12-31"),
    }
}

/// The fields of the ground: bars and timeframe, then, to be opened, the rest.
#[component]
pub(crate) fn GroundFields(
    /// The texts.
    draft: GroundDraft,
    /// What the controls' ids begin with.
    prefix: &'static str,
) -> impl IntoView {
    let options = draft.datasets.with_value(|sets| {
        let option = |set: &DatasetInfo| view! { <option value=set.id.clone()>{set.label.clone()}</option> };
        sets.iter().map(option).collect::<Vec<_>>()
    });
    let about = move || {
        draft.chosen().map(|set| {
            format!(
                "{} {} bars of {}, {} to {}",
                format::count(set.bars),
                set.timeframe,
                set.symbol,
                first_day(set.from),
                last_day(set.to),
            )
        })
    };
    let timeframes: Vec<_> = TIMEFRAMES
        .iter()
        .map(|it| view! { <option value=*it>{*it}</option> })
        .collect();
    let capital = draft.capital;
    let no_capital = Signal::derive(move || {
        draft.capital().is_none().then(|| {
            typed::instead(&capital.get(), "Write a number that is not negative, such as 0.1").to_owned()
        })
    });
    let span = move |name: &'static str, id: &str, value: RwSignal<String>| {
        let id = format!("{prefix}-{id}");
        let first = move || draft.chosen().map(|set| first_day(set.from));
        let last = move || draft.chosen().map(|set| last_day(set.to));
        let wrong = Signal::derive(move || day(&value.get(), None, first_day, 0).err().map(str::to_owned));
        view! {
            <Field label=name control=id.clone() error=wrong>
                <input
                    type="date"
                    id=id
                    min=first
                    max=last
                    prop:value=value
                    on:change=on(move |event| value.set(event_target_value(&event)))
                />
            </Field>
        }
        .into_any()
    };
    view! {
        <div class="columns">
            <Field label="Bars" control=format!("{prefix}-dataset")>
                <select
                    id=format!("{prefix}-dataset")
                    data-testid="dataset"
                    prop:value=draft.dataset
                    on:change=on(move |event| draft.dataset.set(event_target_value(&event)))
                >
                    {options}
                </select>
                <p class="hint">{about}</p>
            </Field>
            <Field label="Timeframe" control=format!("{prefix}-timeframe")>
                <select
                    id=format!("{prefix}-timeframe")
                    prop:value=draft.timeframe
                    on:change=on(move |event| draft.timeframe.set(event_target_value(&event)))
                >
                    <option value="">"The strategy's own"</option>
                    {timeframes}
                </select>
            </Field>
        </div>
        <details class="more">
            <summary>"Span, capital and costs"</summary>
            <div class="columns three">
                {span("First day (UTC)", "from", draft.from)}
                {span("Last day (UTC)", "to", draft.to)}
                <NumberField label="Capital" id=format!("{prefix}-capital") value=capital error=no_capital />
                <CostFields draft=draft.costs prefix told=Callback::new(|_| None) />
            </div>
        </details>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn days_are_whole_and_what_is_not_touched_stays() {
        Owner::new().with(|| {
            let base = BacktestRequest {
                strategy: "sma-cross".to_owned(),
                from: Some(moment("2024-12-01T06:30:00Z")),
                to: Some(moment("2024-12-03T00:00:00Z")),
                ..BacktestRequest::default()
            };
            let draft = GroundDraft::new(&base, Vec::new());
            assert_eq!(
                (draft.from.get(), draft.to.get()),
                ("2024-12-01".into(), "2024-12-02".into())
            );
            let read = draft.read(BTreeMap::new()).expect("all of it can be read");
            assert_eq!((read.from, read.to), (base.from, base.to));
            draft.from.set("2024-12-02".to_owned());
            draft.to.set("2024-12-02".to_owned());
            let read = draft.read(BTreeMap::new()).expect("a day");
            assert_eq!(read.from, Some(moment("2024-12-02T00:00:00Z")));
            assert_eq!(
                read.to,
                Some(moment("2024-12-03T00:00:00Z")),
                "the last day belongs to it"
            );
            draft.to.set(String::new());
            assert_eq!(draft.read(BTreeMap::new()).and_then(|it| it.to), None);
            draft.to.set("tomorrow".to_owned());
            assert_eq!(draft.read(BTreeMap::new()), None);
        });
    }
}
