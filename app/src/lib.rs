//! Papertape's pages: one crate, rendered on the server (`ssr`) and brought to life in the browser (`hydrate`).

pub mod backend;
pub mod functions;
