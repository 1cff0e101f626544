//! Something that the server was asked to do.

use crate::functions::Problem;
use leptos::prelude::*;
use papertape::api::ProblemDetails;
use std::future::Future;
use std::pin::Pin;

/// A request under way or failed: one at a time, its problem shown where the button is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    /// Whether it is under way.
    pub(crate) pending: RwSignal<bool>,
    /// Why the last one failed.
    pub(crate) problem: RwSignal<Option<ProblemDetails>>,
}

/// A request with what is to be done when it has succeeded.
type Request = Pin<Box<dyn Future<Output = Result<Box<dyn FnOnce()>, Problem>>>>;

impl Deed {
    pub(crate) fn new() -> Self {
        Self {
            pending: RwSignal::new(false),
            problem: RwSignal::new(None),
        }
    }

    /// Asks, then hands the answer on. Does nothing while an earlier request is under way. The page may be left before
    /// the answer comes, so nothing insists on its signals.
    pub(crate) fn run<T: 'static>(
        self,
        request: impl Future<Output = Result<T, Problem>> + 'static,
        then: impl FnOnce(T) + 'static,
    ) {
        self.run_boxed(Box::pin(async move {
            let answer = request.await?;
            Ok(Box::new(move || then(answer)) as Box<dyn FnOnce()>)
        }));
    }

    /// The same, compiled once.
    fn run_boxed(self, request: Request) {
        if self.pending.get_untracked() {
            return;
        }
        self.pending.set(true);
        self.problem.set(None);
        leptos::task::spawn_local(async move {
            let answer = request.await;
            self.pending.try_set(false);
            match answer {
                Ok(then) => then(),
                Err(Problem(problem)) => {
                    self.problem.try_set(Some(problem));
                }
            }
        });
    }

    /// The message for one field, if the last request failed because of it.
    pub(crate) fn field(self, path: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || {
            self.problem.with(|problem| {
                problem
                    .as_ref()?
                    .errors
                    .iter()
                    .find(|field| field.path == path || field.path.ends_with(&format!(".{path}")))
                    .map(|field| field.message.clone())
            })
        })
    }
}
