//! What trading costs: chosen in forms, told in words.

use super::{Field, NumberField};
use crate::erased::{memo, on};
use crate::typed;
use leptos::prelude::*;
use papertape::engine::{ExecutionConfig, Fees};
use papertape::exchange::{
    FeePreset, ImpactModel, LatencyModel, LimitFill, PathRule, QueueModel, SlippageModel,
};
use rust_decimal::Decimal;

/// What a field says that cannot be read.
const NOT_A_NUMBER: &str = "Write a number that is not negative, such as 0.1";

/// The costs of a form as typed. What the form does not ask for stays as it was.
#[derive(Clone, Copy)]
pub(crate) struct CostDraft {
    base: StoredValue<ExecutionConfig>,
    /// A fee preset's name; empty for a rate.
    preset: RwSignal<String>,
    /// A share of each fill, in percent.
    fee: RwSignal<String>,
    /// Basis points; empty for the model that it had.
    slippage: RwSignal<String>,
}

impl CostDraft {
    /// The texts that say `base`.
    pub(crate) fn new(base: ExecutionConfig) -> Self {
        let usual = Fees::default().rates().unwrap_or_default();
        let (_, taker) = base.fees.rates().unwrap_or(usual);
        let preset = match &base.fees {
            Fees::Preset(name) => name.to_string(),
            Fees::Rates { .. } | Fees::Schedule(_) => String::new(),
        };
        let slippage = base.slippage.bps();
        Self {
            preset: RwSignal::new(preset),
            fee: RwSignal::new((taker * Decimal::ONE_HUNDRED).normalize().to_string()),
            slippage: RwSignal::new(slippage.map_or_else(String::new, |bps| bps.normalize().to_string())),
            base: StoredValue::new(base),
        }
    }

    /// The execution that the texts say, or which of them says nothing usable.
    pub(crate) fn read(self) -> Result<ExecutionConfig, (&'static str, &'static str)> {
        let mut execution = self.base.get_value();
        let preset = self.preset.get();
        if preset.is_empty() {
            let rate = amount(&self.fee.get(), "fee")? / Decimal::ONE_HUNDRED;
            let unchanged = execution.fees.rates().is_some_and(|(_, taker)| taker == rate);
            if !unchanged {
                execution.fees = Fees::Rates {
                    maker: rate,
                    taker: rate,
                };
            }
        } else {
            let name = preset.parse().map_err(|_| ("fee", "Choose one of the list"))?;
            execution.fees = Fees::Preset(name);
        }
        let slippage = self.slippage.get();
        if !slippage.trim().is_empty() {
            let bps = amount(&slippage, "slippage_bps")?;
            execution.slippage = SlippageModel::FixedBps { bps };
        }
        Ok(execution)
    }
}

fn amount(text: &str, path: &'static str) -> Result<Decimal, (&'static str, &'static str)> {
    typed::number(text)
        .filter(|number| *number >= Decimal::ZERO)
        .ok_or_else(|| (path, typed::instead(text, NOT_A_NUMBER)))
}

/// The fields for fees and slippage, and in words what they come to.
#[component]
pub(crate) fn CostFields(
    /// The texts.
    draft: CostDraft,
    /// What the controls' ids begin with.
    prefix: &'static str,
    /// What the server says is wrong with a path.
    #[prop(into)]
    told: Callback<&'static str, Option<String>>,
) -> impl IntoView {
    let error = move |path: &'static str| {
        Signal::derive(move || match draft.read() {
            Err((wrong, message)) if wrong == path => Some(message.to_owned()),
            _ => told.run(path),
        })
    };
    let by_rate = memo(move |_| draft.preset.with(String::is_empty));
    let presets: Vec<_> = FeePreset::all()
        .into_iter()
        .map(|preset| view! { <option value=preset.name>{preset.title}</option> })
        .collect();
    let words = move || {
        draft
            .read()
            .map(|execution| in_words(&execution))
            .unwrap_or_default()
    };
    view! {
        <Field
            label="Fees"
            control=format!("{prefix}-fees")
            error=error("fees")
            hint="A share of each fill, or what a venue or broker charges"
        >
            <select
                id=format!("{prefix}-fees")
                data-testid=format!("{prefix}-fees")
                prop:value=draft.preset
                on:change=on(move |event| draft.preset.set(event_target_value(&event)))
            >
                <option value="">"A share of each fill"</option>
                {presets}
            </select>
        </Field>
        <Show when=move || by_rate.get()>
            <NumberField
                label="Fee, %"
                id=format!("{prefix}-fee")
                value=draft.fee
                error=error("fee")
                hint="Of a fill's value, maker and taker alike"
            />
        </Show>
        <NumberField
            label="Slippage, bps"
            id=format!("{prefix}-slippage")
            value=draft.slippage
            error=error("slippage_bps")
            hint="By how much market and stop orders fill worse"
        />
        <p class="hint whole-row" data-testid=format!("{prefix}-execution")>
            {move || {
                words()
                    .into_iter()
                    .map(|(what, how)| format!("{what}: {how}."))
                    .collect::<Vec<_>>()
                    .join(" ")
            }}
        </p>
    }
    .into_any()
}

/// An execution as facts of a list.
pub(crate) fn execution_facts(execution: &ExecutionConfig) -> impl IntoView + use<> {
    in_words(execution)
        .into_iter()
        .map(|(what, how)| view! { <div><dt>{what}</dt><dd>{how}</dd></div> })
        .collect::<Vec<_>>()
}

/// What an execution is, in words: what is told, and how it is. What is usual and silent is left out.
fn in_words(execution: &ExecutionConfig) -> Vec<(&'static str, String)> {
    let mut words = vec![
        ("Fees", execution.fees.to_string()),
        (
            "Slippage",
            format!("{} on market and stop orders", execution.slippage),
        ),
    ];
    if let ImpactModel::SquareRoot { coefficient, .. } = &execution.impact {
        words.push((
            "Impact",
            format!("{coefficient} × daily volatility × √(quantity ÷ daily volume)"),
        ));
    }
    if let Some(latency) = latency(&execution.latency) {
        words.push(("Latency", latency));
    }
    let fill = &execution.fill;
    let limit = match fill.limit {
        LimitFill::Touch => "filled when the price touches them".to_owned(),
        LimitFill::Through => "filled when the price goes through them".to_owned(),
        LimitFill::ThroughByTicks(ticks) => format!("filled when the price goes {ticks} ticks through them"),
    };
    words.push(("Limits", limit));
    if let Some(share) = fill.volume_share {
        let percent = (share * Decimal::ONE_HUNDRED).normalize();
        words.push(("Volume", format!("at most {percent} % of a bar's volume is ours")));
    }
    let path = match fill.path {
        PathRule::Usual => "open, nearer extreme, farther extreme, close",
        PathRule::Adverse => "the extreme that is worse for the position first",
    };
    words.push(("Inside a bar", path.to_owned()));
    let queue = match fill.queue {
        QueueModel::Front => "nobody is ahead of us",
        QueueModel::RiskAverse => "only trades bring us forward",
        QueueModel::Power { .. } | QueueModel::Logarithmic => {
            "those ahead of us cancel as often as those behind, by size"
        }
    };
    words.push(("Queue, where depth is known", queue.to_owned()));
    words
}

fn latency(model: &LatencyModel) -> Option<String> {
    let ms = |nanos: i64| format!("{} ms", nanos as f64 / 1e6);
    match model {
        LatencyModel::Fixed {
            entry: 0,
            response: 0,
        } => None,
        LatencyModel::Fixed { entry, response } => {
            Some(format!("{} to the market, {} back", ms(*entry), ms(*response)))
        }
        LatencyModel::Jittered {
            entry,
            response,
            jitter,
            ..
        } => Some(format!(
            "{} to the market, {} back, and {} more on average",
            ms(*entry),
            ms(*response),
            ms(*jitter)
        )),
        LatencyModel::Series { points } => Some(format!("as recorded, {} points", points.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_usual_is_told_and_what_is_chosen_too() {
        let told = |execution: &ExecutionConfig| in_words(execution);
        let usual = told(&ExecutionConfig::default());
        assert_eq!(usual[0], ("Fees", "0.1% maker, 0.1% taker".to_owned()));
        assert_eq!(usual[1].1, "1 bps on market and stop orders");
        assert!(
            usual
                .iter()
                .all(|(what, _)| *what != "Latency" && *what != "Impact")
        );
        let mut slow = ExecutionConfig {
            latency: LatencyModel::Fixed {
                entry: 20_000_000,
                response: 5_000_000,
            },
            ..ExecutionConfig::default()
        };
        slow.fill.volume_share = Some(Decimal::new(1, 1));
        let slow = told(&slow);
        assert!(slow.contains(&("Latency", "20 ms to the market, 5 ms back".to_owned())));
        assert!(slow.contains(&("Volume", "at most 10 % of a bar's volume is ours".to_owned())));
    }

    #[test]
    fn a_form_changes_what_it_asks_for_and_nothing_else() {
        let owner = Owner::new();
        owner.set();
        let mut base = ExecutionConfig::percent(Decimal::ZERO, Decimal::new(1, 3), Decimal::ONE);
        base.fill.volume_share = Some(Decimal::new(1, 1));
        let draft = CostDraft::new(base.clone());
        assert_eq!(draft.read(), Ok(base.clone()));
        draft.preset.set("kraken".to_owned());
        draft.slippage.set("2.5".to_owned());
        let read = draft.read().expect("both can be read");
        assert_eq!(read.fees, Fees::Preset("kraken".parse().expect("a preset")));
        assert_eq!(read.slippage.bps(), Some(Decimal::new(25, 1)));
        assert_eq!(read.fill, base.fill);
        draft.slippage.set("much".to_owned());
        assert_eq!(draft.read(), Err(("slippage_bps", NOT_A_NUMBER)));
    }
}
