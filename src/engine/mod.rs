//! The engine: a state machine, `process(input) → events`.
//!
//! Time, randomness and ids come only from inputs and configuration, so the same inputs give the same events on every
//! run, on native and in the browser, bit for bit.

mod config;
mod event;
mod input;

pub use config::{EngineConfig, ExecutionConfig};
pub use event::{Event, EventKind, SessionState};
pub use input::{Command, Input};
