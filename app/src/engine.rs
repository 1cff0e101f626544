//! The engine inside the browser: the page's end of the Web Worker that runs backtests and judges strategies.
//!
//! The worker is started by the first request, so that a page that asks nothing of it loads nothing of it.

use leptos::prelude::*;
use papertape::api::{ProblemDetails, WorkerAnswer, WorkerAsk, WorkerReply, WorkerRequest};
use papertape::model::json;
use send_wrapper::SendWrapper;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, Worker, WorkerOptions, WorkerType};

/// The code of an answer that no engine gave: it could not start, or fell over.
pub(crate) const NO_ENGINE: &str = "engine_failed";

/// What hears an answer.
type Hear = Box<dyn FnOnce(WorkerAnswer)>;

/// A page's engine; ends with the page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Engine(StoredValue<Option<SendWrapper<Running>>>);

impl Engine {
    /// One that has not been started.
    pub(crate) fn new() -> Self {
        let engine = Self(StoredValue::new(None));
        on_cleanup(move || {
            engine.0.try_set_value(None);
        });
        engine
    }

    /// Asks; `hear` gets the answer, unless the page has gone by then. Only ever called in the browser.
    pub(crate) fn ask(self, ask: WorkerAsk, hear: impl FnOnce(WorkerAnswer) + 'static) {
        self.0.try_update_value(|running| {
            let running = running.get_or_insert_with(|| SendWrapper::new(Running::start()));
            running.send(ask, Box::new(hear));
        });
    }
}

/// The worker, and who waits for it.
struct Running {
    /// None where the browser starts no worker.
    worker: Option<Worker>,
    last: u64,
    waiting: Rc<RefCell<BTreeMap<u64, Hear>>>,
    // Called by the worker for as long as it lives.
    _message: Closure<dyn FnMut(MessageEvent)>,
    _error: Closure<dyn FnMut(web_sys::Event)>,
}

impl Running {
    fn start() -> Self {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let worker = Worker::new_with_options("/pkg/engine.js", &options).ok();
        let waiting: Rc<RefCell<BTreeMap<u64, Hear>>> = Rc::default();
        let heard = Rc::clone(&waiting);
        let message = Closure::new(move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            match json::read::<WorkerReply>(&text) {
                Ok(reply) => {
                    let hear = heard.borrow_mut().remove(&reply.number);
                    if let Some(hear) = hear {
                        hear(reply.answer);
                    }
                }
                Err(error) => leptos::logging::warn!("the engine says what this page does not know: {error}"),
            }
        });
        let left = Rc::clone(&waiting);
        let error = Closure::new(move |_: web_sys::Event| {
            let all = std::mem::take(&mut *left.borrow_mut());
            for hear in all.into_values() {
                hear(no_engine());
            }
        });
        if let Some(worker) = &worker {
            worker.set_onmessage(Some(message.as_ref().unchecked_ref()));
            worker.set_onerror(Some(error.as_ref().unchecked_ref()));
        }
        Self {
            worker,
            last: 0,
            waiting,
            _message: message,
            _error: error,
        }
    }

    fn send(&mut self, ask: WorkerAsk, hear: Hear) {
        self.last += 1;
        let number = self.last;
        let text = serde_json::to_string(&WorkerRequest { number, ask }).unwrap_or_default();
        let sent = self
            .worker
            .as_ref()
            .is_some_and(|worker| worker.post_message(&JsValue::from_str(&text)).is_ok());
        if sent {
            self.waiting.borrow_mut().insert(number, hear);
        } else {
            // Later, as every answer, so that whoever asks is done asking.
            leptos::task::spawn_local(async move { hear(no_engine()) });
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(worker) = &self.worker {
            worker.terminate();
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Running")
    }
}

fn no_engine() -> WorkerAnswer {
    WorkerAnswer::Failed(ProblemDetails {
        type_uri: "about:blank".to_owned(),
        title: "The engine did not start".to_owned(),
        status: 500,
        detail: "this browser does not start the engine".to_owned(),
        code: NO_ENGINE.to_owned(),
        errors: Vec::new(),
        since: None,
    })
}
