//! The server: command line, feeds, tape, session host, storage, HTTP, pages.
//!
//! Data passes them in that order: a [`tape`] gives a session's market inputs, the [`host`] paces them through the
//! engine, [`storage`] makes what happens durable, and [`http`] shows it. [`services`] is what both doors of the house,
//! the API and the pages, call.

pub mod bar_file;
pub mod cli;
pub mod feeds;
pub mod host;
pub mod http;
mod research;
pub mod services;
pub mod site;
pub mod storage;
pub mod tape;
