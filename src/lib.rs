//! The domain model and the engines of Papertape, a paper-trading platform.
//!
//! This crate is pure: no I/O, no clock, no async runtime, no globals, no threads it is not handed. The same code runs
//! in the server, on the command line and, compiled to WebAssembly, in the browser, and gives the same events bit for
//! bit. Modules stand in the order in which data passes them; `ARCHITECTURE.md` tells the whole way.

pub mod model;

pub mod market;

pub mod order;

pub mod exchange;

pub mod ledger;

pub mod portfolio;

pub mod option;

pub mod pricing;

pub mod risk;

pub mod strategy;

pub mod engine;

pub mod backtest;

pub mod calibration;

pub mod analytics;

pub mod alert;

pub mod api;

#[cfg(feature = "testkit")]
pub mod testkit;
