//! What the builder works on: the text, its blocks, and the way back.
//!
//! The text is the truth. Blocks are read from it by a [`Reader`], edits of blocks come back as new text, and undo and
//! redo go through texts; so both sides are always the same file.

use super::reader;
use crate::functions::Problem;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use papertape::api::{Edit, EditOutcome, Edited, Outline};

/// How long typing rests before the text is read.
const REST_MS: u32 = 250;
/// Typing with shorter rests is one step back.
const STEP_MS: f64 = 1_000.0;
/// Steps back that are kept.
const STEPS: usize = 200;

/// A field, or a block, and why its edit was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) path: String,
    pub(super) message: String,
}

/// The text with its blocks.
#[derive(Clone, Copy)]
pub(super) struct Desk {
    pub(super) text: RwSignal<String>,
    pub(super) outline: RwSignal<Outline>,
    /// Whether the blocks are older than the text.
    pub(super) behind: RwSignal<bool>,
    pub(super) refused: RwSignal<Option<Refused>>,
    /// What the keyboard is to go to once it is on screen: a block's path.
    pub(super) focus: RwSignal<Option<String>>,
    past: RwSignal<Vec<String>>,
    future: RwSignal<Vec<String>>,
    /// Rises with every change of the text, so that late answers are known as such.
    revision: StoredValue<u64>,
    typed_at: StoredValue<f64>,
}

impl Desk {
    pub(super) fn new(text: String, outline: Outline) -> Self {
        Self {
            text: RwSignal::new(text),
            outline: RwSignal::new(outline),
            behind: RwSignal::new(false),
            refused: RwSignal::new(None),
            focus: RwSignal::new(None),
            past: RwSignal::new(Vec::new()),
            future: RwSignal::new(Vec::new()),
            revision: StoredValue::new(0),
            typed_at: StoredValue::new(f64::NEG_INFINITY),
        }
    }

    /// Whether the text, as far as it has been read, can run.
    pub(super) fn is_sound(self) -> bool {
        !self.behind.get() && self.outline.with(|outline| outline.problems.is_empty())
    }

    pub(super) fn can_undo(self) -> bool {
        self.past.with(|past| !past.is_empty())
    }

    pub(super) fn can_redo(self) -> bool {
        self.future.with(|future| !future.is_empty())
    }

    /// Takes what was typed into the text.
    pub(super) fn type_text(self, text: String) {
        let now = js_sys::Date::now();
        let goes_on = now - self.typed_at.get_value() < STEP_MS;
        self.typed_at.set_value(now);
        if !goes_on {
            self.keep_step();
        }
        self.put(text);
        self.read_after(REST_MS);
    }

    /// Replaces the text as a step of its own.
    pub(super) fn replace(self, text: String) {
        if self.text.with_untracked(|known| *known == text) {
            return;
        }
        self.end_typing();
        self.keep_step();
        self.put(text);
        self.read_after(0);
    }

    /// Makes an edit of a block. What is typed while the answer is on its way wins: the edit is then made to that.
    pub(super) fn edit(self, path: &str, edit: Edit) {
        let path = path.to_owned();
        self.refused.set(None);
        leptos::task::spawn_local(async move {
            loop {
                let Some(revision) = self.revision.try_get_value() else {
                    return;
                };
                let text = self.text.get_untracked();
                let answer = reader::edit(text, edit.clone()).await;
                if self.revision.try_get_value() != Some(revision) {
                    continue;
                }
                match answer {
                    Ok(EditOutcome::Made(edited)) => self.take(*edited),
                    Ok(EditOutcome::Refused(message)) => {
                        self.refused.try_set(Some(Refused { path, message }));
                    }
                    Err(Problem(problem)) => {
                        let (path, message) = (String::new(), problem.detail);
                        self.refused.try_set(Some(Refused { path, message }));
                    }
                }
                return;
            }
        });
    }

    fn take(self, edited: Edited) {
        let changed = self.text.with_untracked(|text| *text != edited.text);
        if changed {
            self.end_typing();
            self.keep_step();
            self.put(edited.text);
            self.outline.set(edited.outline);
            self.behind.set(false);
        }
        if edited.focus.is_some() {
            self.focus.set(edited.focus);
        }
    }

    pub(super) fn undo(self) {
        self.go(self.past, self.future);
    }

    pub(super) fn redo(self) {
        self.go(self.future, self.past);
    }

    fn go(self, from: RwSignal<Vec<String>>, to: RwSignal<Vec<String>>) {
        let Some(text) = from.try_update(Vec::pop).flatten() else {
            return;
        };
        self.end_typing();
        to.update(|steps| steps.push(self.text.get_untracked()));
        self.refused.set(None);
        self.put(text);
        self.read_after(0);
    }

    fn end_typing(self) {
        self.typed_at.set_value(f64::NEG_INFINITY);
    }

    fn keep_step(self) {
        self.past.update(|past| {
            past.push(self.text.get_untracked());
            if past.len() > STEPS {
                past.remove(0);
            }
        });
        self.future.set(Vec::new());
    }

    fn put(self, text: String) {
        self.revision.update_value(|revision| *revision += 1);
        self.text.set(text);
        self.behind.set(true);
    }

    /// Reads the blocks unless the text changes again before.
    fn read_after(self, rest: u32) {
        let revision = self.revision.get_value();
        leptos::task::spawn_local(async move {
            TimeoutFuture::new(rest).await;
            if self.revision.try_get_value() != Some(revision) {
                return;
            }
            let text = self.text.get_untracked();
            let answer = reader::outline(text).await;
            if self.revision.try_get_value() != Some(revision) {
                return;
            }
            match answer {
                Ok(outline) => {
                    // Blocks of a text that is no YAML for a moment stay on screen, out of reach.
                    self.outline.update(|known| {
                        if outline.editable {
                            *known = outline;
                        } else {
                            known.editable = false;
                            known.problems = outline.problems;
                        }
                    });
                    self.behind.set(false);
                }
                Err(Problem(problem)) => {
                    let message = problem.detail;
                    self.refused.set(Some(Refused {
                        path: String::new(),
                        message,
                    }));
                }
            }
        });
    }
}
