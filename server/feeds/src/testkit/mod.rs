//! Local venues for tests and trials: a market that is known to the last lot, servers that speak the venues' protocols about
//! it, and everything that goes wrong between a venue and us, from a seed.
//!
//! - [`Truth`]: the market itself, seeded or recorded.
//! - [`Mock`]: what a venue's protocol makes of it; one implementation a venue, in a module named after it.
//! - [`Faults`]: what goes wrong, and the record of what went wrong.
//! - [`Stage`]: the three together, without sockets: a simulation drives it with calls.
//! - [`Server`]: the stage on a loopback port, HTTP and WebSocket, with or without TLS.
//!
//! A test starts a stage, lets the code under test talk to it, tells some thousands of events, and compares: what was published
//! equals [`Truth`], or what is missing is on the data-quality record and in [`Faults::injected`].

pub mod alpaca;
mod audit;
pub mod binance;
mod capture;
pub mod coinbase;
pub mod coingecko;
pub mod cryptocompare;
mod faults;
mod generate;
pub mod kraken;
pub mod papertape;
mod pipeline;
pub mod polygon;
mod server;
mod stage;
mod truth;
pub mod yahoo;

pub use audit::{Audit, Detail, Finest, Quotes};
pub use capture::Capture;
pub use faults::{Fault, Faults, Injected};
pub use generate::Ware;
pub use pipeline::Pipeline;
pub use server::Server;
pub use stage::{Act, Conversation, Mock, Reply, Request, SocketId, Spoil, Stage};
pub use truth::{BookThen, TrueMarket, Truth, TruthEvent, What};

use stage::{multiplied, multiplied_frame, multiplied_number};

/// A file of real market data, where `shared/data` lies beside the project or above; such data is not part of it.
#[must_use]
pub fn sample(name: &str) -> Option<String> {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .find_map(|above| std::fs::read_to_string(above.join("shared/data").join(name)).ok())
}
