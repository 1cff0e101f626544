//! Which parameters change, and over what.

use crate::erased::{memo, on};
use crate::format;
use crate::typed;
use leptos::prelude::*;
use papertape::api::ParamInfo;
use papertape::backtest::sweep::Axis;
use rust_decimal::prelude::ToPrimitive;
use std::collections::BTreeMap;

/// How many parameters change at first: more make grids that run for hours.
const CHANGING: usize = 2;
/// How many values of a parameter the form proposes, about.
const PROPOSED: f64 = 10.0;

/// A parameter as chosen and typed.
#[derive(Clone)]
pub(super) struct AxisDraft {
    pub(super) name: String,
    bounds: (Option<f64>, Option<f64>),
    about: String,
    /// Whether it changes.
    changes: RwSignal<bool>,
    /// Where it stays.
    value: RwSignal<String>,
    from: RwSignal<String>,
    to: RwSignal<String>,
    /// Empty where any value between may be tried.
    step: RwSignal<String>,
    /// The values of a list, which stands in for the range until that is touched.
    list: RwSignal<Option<Axis>>,
}

impl AxisDraft {
    /// The parameter that comes `place`th: the first ones change, in wide steps.
    fn proposed(place: usize, param: &ParamInfo) -> Self {
        let step = param.step.unwrap_or(1.0);
        let (from, to) = match (param.min, param.max) {
            (Some(min), Some(max)) => (min, max),
            _ => (param.default * 0.5, param.default * 1.5),
        };
        let wide = ((to - from) / step / PROPOSED).ceil().max(1.0) * step;
        Self {
            name: param.name.clone(),
            bounds: (param.min, param.max),
            about: param.description.clone(),
            changes: RwSignal::new(place < CHANGING && to > from),
            value: RwSignal::new(param.default.to_string()),
            from: RwSignal::new(from.to_string()),
            to: RwSignal::new(to.to_string()),
            step: RwSignal::new(wide.to_string()),
            list: RwSignal::new(None),
        }
    }

    /// Says what a study before had.
    fn recall(&self, axis: Option<&Axis>, fixed: Option<f64>) {
        self.changes.set(axis.is_some());
        if let Some(fixed) = fixed {
            self.value.set(fixed.to_string());
        }
        match axis {
            Some(Axis::Range { from, to, step }) => {
                self.from.set(from.to_string());
                self.to.set(to.to_string());
                self.step
                    .set(step.map(|step| step.to_string()).unwrap_or_default());
            }
            Some(Axis::Values(values)) => {
                let ends = [values.iter().min(), values.iter().max()].map(|it| it.map(ToString::to_string));
                let [from, to] = ends.map(Option::unwrap_or_default);
                self.from.set(from);
                self.to.set(to);
                self.step.set(String::new());
                self.list.set(axis.cloned());
            }
            None => {}
        }
    }

    /// Its values, if it changes.
    pub(super) fn axis(&self, needs_steps: bool) -> Option<Result<Axis, String>> {
        self.changes.get().then(|| self.range(needs_steps))
    }

    fn range(&self, needs_steps: bool) -> Result<Axis, String> {
        if let Some(list) = self.list.get() {
            return Ok(list);
        }
        let from = self.number(self.from)?;
        let to = self.number(self.to)?;
        let step = self.step.get();
        if !step.trim().is_empty() {
            let step = number(&step)?;
            return format!("{from}..{to}:{step}")
                .parse()
                .map_err(|it| format!("{it}"));
        }
        if needs_steps && from != to {
            return Err("Write a step: not every value in between can be tried".to_owned());
        }
        format!("{from}..{to}").parse().map_err(|it| format!("{it}"))
    }

    /// Where it stays, if it does.
    pub(super) fn fixed(&self) -> Option<Result<f64, String>> {
        (!self.changes.get()).then(|| self.at_rest())
    }

    /// Where it would stay.
    pub(super) fn at_rest(&self) -> Result<f64, String> {
        Ok(self.number(self.value)?.to_f64().unwrap_or_default())
    }

    /// A number that the parameter may have.
    fn number(&self, text: RwSignal<String>) -> Result<rust_decimal::Decimal, String> {
        let number = number(&text.get())?;
        let value = number.to_f64().unwrap_or_default();
        match self.bounds {
            (Some(min), _) if value < min => Err(format!("{} is at least {min}", self.name)),
            (_, Some(max)) if value > max => Err(format!("{} is at most {max}", self.name)),
            _ => Ok(number),
        }
    }
}

fn number(text: &str) -> Result<rust_decimal::Decimal, String> {
    let number = typed::number(text).map(|number| number.normalize());
    number.ok_or_else(|| typed::instead(text, "Write a number such as 20 or 0.5").to_owned())
}

/// The parameters that changed in a study, and those that stayed.
type Before<'a> = (&'a BTreeMap<String, Axis>, &'a BTreeMap<String, f64>);

/// The parameters of a strategy, as a study before had them, or as proposed.
pub(super) fn drafts(params: &[ParamInfo], before: Option<Before<'_>>) -> Vec<AxisDraft> {
    let drafts: Vec<_> = (0..)
        .zip(params)
        .map(|(place, param)| AxisDraft::proposed(place, param))
        .collect();
    if let Some((axes, fixed)) = before {
        for draft in &drafts {
            draft.recall(axes.get(&draft.name), fixed.get(&draft.name).copied());
        }
    }
    drafts
}

/// A row a parameter: whether it changes, and from where to where, or where it stays.
#[component]
pub(super) fn AxisFields(
    draft: AxisDraft,
    /// Whether nothing changes in this study.
    #[prop(into)]
    still: Signal<bool>,
    /// Whether a range must have steps.
    #[prop(into)]
    needs_steps: Signal<bool>,
) -> impl IntoView {
    let name = draft.name.clone();
    let id = format!("axis-{name}");
    let changes = draft.changes;
    let moves = memo(move |_| changes.get() && !still.get());
    let checked = draft.clone();
    let error = Signal::derive(move || {
        if moves.get() {
            checked.range(needs_steps.get()).err()
        } else {
            checked.at_rest().err()
        }
    });
    let list = draft.list;
    let field = move |label: &'static str, short: &'static str, text: RwSignal<String>| {
        let id = format!("{id}-{short}");
        view! {
            <div class="axis-end">
                <label for=id.clone()>{label}</label>
                <input
                    type="text"
                    inputmode="decimal"
                    autocomplete="off"
                    class="number"
                    id=id.clone()
                    data-testid=id
                    aria-invalid=move || error.with(Option::is_some).then_some("true")
                    prop:value=text
                    on:input=on(move |event| {
                        list.set(None);
                        text.set(event_target_value(&event));
                    })
                />
            </div>
        }
        .into_any()
    };
    let counted = draft.clone();
    let about = move || {
        if !moves.get() {
            return counted.about.clone();
        }
        let values = match counted.range(false) {
            Ok(axis) => axis.count().map_or_else(
                || "any value in between".to_owned(),
                |count| match (&axis, count) {
                    (Axis::Values(_), _) => axis.to_string(),
                    (_, 1) => "1 value".to_owned(),
                    (_, count) => format!("{} values", format::count(count)),
                },
            ),
            Err(_) => return counted.about.clone(),
        };
        if counted.about.is_empty() {
            values
        } else {
            format!("{values}: {}", counted.about)
        }
    };
    let fields = view! {
        <fieldset class="axis">
            <legend>{name.clone()}</legend>
            <label class="axis-changes" hidden=still>
                <input
                    type="checkbox"
                    data-testid=format!("axis-{name}-changes")
                    prop:checked=changes
                    on:change=on(move |event| changes.set(event_target_checked(&event)))
                />
                " Try several"
            </label>
            {move || {
                if moves.get() {
                    view! {
                        <div class="axis-ends">
                            {field("From", "from", draft.from)} {field("To", "to", draft.to)}
                            {field("Step", "step", draft.step)}
                        </div>
                    }
                        .into_any()
                } else {
                    view! { <div class="axis-ends">{field("Value", "value", draft.value)}</div> }.into_any()
                }
            }}
            <p class="hint">{about}</p>
            {move || error.get().map(|error| view! { <p class="error" role="alert">{error}</p> })}
        </fieldset>
    };
    fields.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(min: Option<f64>, max: Option<f64>, step: Option<f64>) -> ParamInfo {
        ParamInfo {
            name: "fast".to_owned(),
            default: 20.0,
            min,
            max,
            step,
            description: String::new(),
        }
    }

    #[test]
    fn what_is_proposed_is_a_range_of_few_values_inside_the_bounds() {
        Owner::new().with(|| {
            for (min, max, step) in [
                (Some(5.0), Some(100.0), Some(5.0)),
                (Some(0.5), Some(2.0), Some(0.1)),
                (Some(1.0), Some(3.0), None),
                (None, None, None),
            ] {
                let draft = AxisDraft::proposed(0, &param(min, max, step));
                let axis = draft.axis(true).expect("the first changes").expect("a range");
                assert!(
                    axis.count().is_some_and(|count| (2..=12).contains(&count)),
                    "{axis}"
                );
            }
            let third = AxisDraft::proposed(2, &param(Some(5.0), Some(100.0), Some(5.0)));
            assert_eq!((third.axis(true), third.fixed()), (None, Some(Ok(20.0))));
        });
    }

    #[test]
    fn wrong_ends_are_told_in_words() {
        Owner::new().with(|| {
            let draft = AxisDraft::proposed(0, &param(Some(5.0), Some(100.0), Some(5.0)));
            for (from, to, step, words) in [
                ("50", "10", "5", "runs backwards"),
                ("2", "10", "5", "at least 5"),
                ("5", "200", "5", "at most 100"),
                ("5", "20", "", "Write a step"),
                ("5", "20", "0", "above 0"),
                ("five", "20", "5", "Write a number"),
                ("5", "100", "0.001", "at most 20000"),
            ] {
                draft.from.set(from.to_owned());
                draft.to.set(to.to_owned());
                draft.step.set(step.to_owned());
                let message = draft.range(true).expect_err(words);
                assert!(message.contains(words), "{from}..{to}:{step}: {message}");
            }
            draft.step.set(String::new());
            assert_eq!(
                draft.range(false).map(|axis| axis.count()),
                Ok(None),
                "any value between"
            );
        });
    }

    #[test]
    fn a_study_comes_back_as_it_was_asked_for() {
        Owner::new().with(|| {
            let axis = |text: &str| text.parse::<Axis>().expect("an axis");
            for text in ["5..50:5", "5..50", "10,20,35"] {
                let axes = BTreeMap::from([("fast".to_owned(), axis(text))]);
                let params = [param(Some(5.0), Some(100.0), Some(5.0))];
                let drafts = drafts(&params, Some((&axes, &BTreeMap::new())));
                assert_eq!(drafts[0].axis(false), Some(Ok(axis(text))), "{text}");
            }
            let fixed = BTreeMap::from([("fast".to_owned(), 35.0)]);
            let drafts = drafts(&[param(None, None, None)], Some((&BTreeMap::new(), &fixed)));
            assert_eq!((drafts[0].axis(false), drafts[0].fixed()), (None, Some(Ok(35.0))));
        });
    }
}
