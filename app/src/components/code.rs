//! Source text with line numbers.

use crate::erased::on;
use leptos::prelude::*;

/// A line's key with its indentation, what follows, and its comment: as much of YAML as makes rules easier to read.
fn parts(line: &str) -> (&str, &str, &str) {
    let comment = line
        .find('#')
        .filter(|at| *at == 0 || line[..*at].ends_with(' '))
        .unwrap_or(line.len());
    let (text, comment) = line.split_at(comment);
    let name = text.trim_start();
    let is_key = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    match name.find(':') {
        Some(colon) if is_key(&name[..colon]) => {
            let (key, rest) = text.split_at(text.len() - name.len() + colon + 1);
            (key, rest, comment)
        }
        _ => ("", text, comment),
    }
}

/// A strategy's YAML: numbered lines, those with problems marked, and a button that copies it.
#[component]
pub(crate) fn Code(
    /// The text.
    text: String,
    /// Lines to mark, counted from 1.
    #[prop(optional)]
    marked: Vec<usize>,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let lines: Vec<_> = text
        .lines()
        .enumerate()
        .map(|(index, line)| {
            let wrong = marked.contains(&(index + 1));
            let (key, rest, comment) = parts(line);
            let key = (!key.is_empty()).then(|| view! { <span class="key">{key.to_owned()}</span> });
            let comment =
                (!comment.is_empty()).then(|| view! { <span class="comment">{comment.to_owned()}</span> });
            view! {
                <span class="line" class:wrong=wrong>
                    {key}
                    {rest.to_owned()}
                    {comment}
                    "\n"
                </span>
            }
        })
        .collect();
    let source = StoredValue::new(text);
    let copy = move |_| {
        let _ = window().navigator().clipboard().write_text(&source.get_value());
        copied.set(true);
    };
    view! {
        <div class="code">
            <button type="button" class="button small" on:click=on(copy)>
                {move || if copied.get() { "Copied" } else { "Copy" }}
            </button>
            // Long lines scroll inside the block, so the keyboard must be able to reach it.
            <pre tabindex="0" aria-label="Strategy source"><code>{lines}</code></pre>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_comments_are_told_from_the_rest() {
        assert_eq!(
            parts("  fast_ma: sma(close, $fast) # slow"),
            ("  fast_ma:", " sma(close, $fast) ", "# slow")
        );
        assert_eq!(parts("# note"), ("", "", "# note"));
        assert_eq!(parts("  long: cond ? a : b"), ("  long:", " cond ? a : b", ""));
        assert_eq!(
            parts("  a line of prose: said"),
            ("", "  a line of prose: said", "")
        );
        assert_eq!(parts(""), ("", "", ""));
    }
}
