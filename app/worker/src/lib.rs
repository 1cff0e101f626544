//! The engine inside the browser: the same core as the server's, compiled to a WebAssembly module of its own, behind the
//! messages of a Web Worker.
//!
//! The worker's script (`worker.js` beside this crate) fetches bars and hands over what the page says; everything else is
//! here, and runs as well without a browser. What is said is [`papertape::api::WorkerRequest`] and
//! [`papertape::api::WorkerReply`].

mod desk;

pub use desk::Desk;

use wasm_bindgen::prelude::*;

/// What the worker's script owns.
#[wasm_bindgen]
#[derive(Debug, Default)]
pub struct Engine(Desk);

#[wasm_bindgen]
impl Engine {
    /// An engine without bars.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        console_error_panic_hook::set_once();
        Self::default()
    }

    /// Whether the bars of an address are there.
    #[must_use]
    pub fn has(&self, address: &str) -> bool {
        self.0.has(address)
    }

    /// Takes in the bars that were fetched from an address; gives the reply to the request of this number.
    pub fn load(&mut self, number: f64, address: &str, body: &[u8]) -> String {
        self.0.load(number as u64, address, body)
    }

    /// Gives the reply to a request.
    pub fn answer(&mut self, request: &str) -> String {
        self.0.answer(request)
    }
}
