//! The history of a strategy: its texts before the present one, what changed since each, and the way back to it.

use crate::components::table::{self, silent, text, words};
use crate::components::{Deed, Frame, ProblemNote, Time, fold};
use crate::erased::on;
use crate::functions;
use crate::live::Live;
use crate::wire;
use leptos::prelude::*;
use papertape::api::{ChangedLine, LineKind, StrategyVersion};

/// The earlier texts; nothing while there are none.
#[component]
pub(super) fn Versions(
    slug: String,
    /// The present text's version: what is restored takes the place of this one, or of none.
    present: String,
    versions: Vec<StrategyVersion>,
    /// Told when an earlier text has become the present one.
    restored: Callback<()>,
) -> impl IntoView {
    if versions.is_empty() {
        return ().into_any();
    }
    let (slug, present) = (StoredValue::new(slug), StoredValue::new(present));
    let deed = Deed::new();
    let rows: Vec<_> = versions
        .into_iter()
        .map(|version| view! { <VersionRows version slug present deed restored /> })
        .collect();
    let columns = vec![text("Until"), text("Changed since"), silent("What can be done")];
    view! {
        <Frame title="Earlier versions">
            <ProblemNote problem=deed.problem />
            {table::table("cards-on-phone", columns, rows.into_any())}
        </Frame>
    }
    .into_any()
}

#[component]
fn VersionRows(
    version: StrategyVersion,
    slug: StoredValue<String>,
    present: StoredValue<String>,
    deed: Deed,
    restored: Callback<()>,
) -> impl IntoView {
    let live = expect_context::<Live>();
    let open = RwSignal::new(false);
    let id = StoredValue::new(version.version.clone());
    let panel = format!("version-{}", version.version);
    let changed = fold(
        "version-changes",
        "What changed",
        "What changed since this version?".to_owned(),
        panel.clone(),
        open.into(),
        Callback::new(move |()| open.update(|open| *open = !*open)),
    );
    let restore = move |_| {
        let (slug, id, base) = (slug.get_value(), id.get_value(), present.get_value());
        let request = async move {
            let kept = functions::version(slug.clone(), id).await?;
            functions::save_strategy(slug, kept.source, Some(base)).await
        };
        deed.run(request, move |_| {
            live.notify(
                false,
                "Restored. The text that was there until now is among the earlier versions.".to_owned(),
            );
            restored.try_run(());
        });
    };
    view! {
        <tr data-testid="version-row">
            <th scope="row" class="head">
                <Time at=version.replaced_at />
            </th>
            {words("Changed since", counts(&version), None)}
            <td class="row-actions">
                {changed} " "
                <button
                    type="button"
                    class="button small"
                    data-testid="version-restore"
                    disabled=deed.pending
                    on:click=on(restore)
                >
                    "Restore"
                </button>
            </td>
        </tr>
        <tr class="why" id=panel hidden=move || !open.get()>
            <td colspan="3">
                <Show when=move || open.get()>
                    <Changes slug=slug.get_value() version=id.get_value() />
                </Show>
            </td>
        </tr>
    }
    .into_any()
}

fn counts(version: &StrategyVersion) -> String {
    let lines = |count: u64| if count == 1 { "line" } else { "lines" };
    format!(
        "{} {} added, {} {} removed",
        version.added,
        lines(version.added),
        version.removed,
        lines(version.removed)
    )
}

/// The comparison with the present text, read when it is opened.
#[component]
fn Changes(slug: String, version: String) -> impl IntoView {
    let detail = wire::asked(move || functions::version(slug.clone(), version.clone()));
    move || match detail.get() {
        None => view! { <p class="quiet">"Looking it up"</p> }.into_any(),
        Some(Err(problem)) => view! { <p class="error" role="alert">{problem.to_string()}</p> }.into_any(),
        Some(Ok(detail)) => {
            let lines: Vec<_> = detail.changes.iter().map(line).collect();
            view! {
                <pre class="changes" data-testid="version-diff" tabindex="0">
                    {lines}
                </pre>
            }
            .into_any()
        }
    }
}

/// A line with its sign, so that colour does not speak alone.
fn line(line: &ChangedLine) -> AnyView {
    let (sign, class, said) = match line.kind {
        LineKind::Same => (" ", "same", ""),
        LineKind::Added => ("+", "added", "Added: "),
        LineKind::Removed => ("−", "removed", "Removed: "),
        LineKind::LeftOut => ("…", "left-out", ""),
    };
    view! {
        <span class=class>
            <span class="hidden">{said}</span>
            <span aria-hidden="true">{sign}</span>
            " "
            {line.text.clone()}
            "\n"
        </span>
    }
    .into_any()
}
