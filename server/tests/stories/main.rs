//! The server as its users meet it: the real binary, its HTTP API, its WebSocket, its command line. Each story starts
//! what it needs on a free port with a data directory of its own, and waits for states, never for times.

mod accounts;
mod actions;
mod away;
mod calibration;
mod command_line;
mod delayed;
mod feeds;
mod files;
mod keys;
mod lifecycle;
mod live;
mod markets;
mod options;
mod orders;
mod own_accounts;
mod pages;
mod past;
mod polled;
mod problems;
mod quality;
mod recovery;
mod relayed;
mod replay;
mod research;
mod rolling;
mod scripts;
mod several;
#[path = "../../../tests/support/shared_data.rs"]
mod shared_data;
mod strategies;
mod support;
mod ticks;
mod venues;
mod waiting;
