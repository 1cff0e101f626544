//! Papertape's build driver: `cargo xtask run` builds and starts everything from a bare checkout.
//!
//! The browser's client takes more than Cargo alone can do: WebAssembly, its JavaScript glue, the chart library, the
//! styles. This program installs what is missing, builds each part, skips what has not changed and puts the whole
//! into one self-contained binary. See [`site`] for the parts.

mod bench;
mod dev;
mod process;
mod report;
mod site;
mod snip;
mod stamp;
mod test;
mod tools;

use clap::{Parser, Subcommand};
use process::Failure;
use report::Steps;
use site::Profile;
use std::{ffi::OsString, path::PathBuf, process::ExitCode};

/// Build, start and test Papertape.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, build, and start Papertape.
    Run {
        /// What `papertape serve` is to be told, e.g. `-- --listen 0.0.0.0:3000`.
        #[arg(last = true)]
        serve: Vec<OsString>,
    },
    /// Build target/release/papertape, a single file that holds the server, the pages and the client.
    Build {
        /// Fast and unoptimised instead: target/debug/papertape, with the site in target/site-dev. Start that with
        /// `PAPERTAPE_SITE` set to this folder.
        #[arg(long)]
        dev: bool,
    },
    /// Check and test everything: format, lints, Rust tests, the pages in a real browser.
    Test(test::Options),
    /// Measure: the benchmarks, and how soon a live event reaches a client.
    Bench {
        /// What the benchmarks are to be told, e.g. a name to filter by.
        #[arg(last = true)]
        filter: Vec<OsString>,
    },
    /// Build fast and unoptimised, start, and build again whenever a source file changes.
    Dev {
        /// What `papertape serve` is to be told, e.g. `-- --listen 0.0.0.0:3000`.
        #[arg(last = true)]
        serve: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run { serve } => run(&serve),
        Command::Build { dev } => build(Profile::of(dev)).map(|_| ExitCode::SUCCESS),
        Command::Test(options) => test::run(&options),
        Command::Bench { filter } => bench::run(&filter),
        Command::Dev { serve } => dev::run(&serve),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        ExitCode::FAILURE
    })
}

fn build(profile: Profile) -> Result<PathBuf, Failure> {
    site::build(profile, &mut Steps::new(site::STEPS))
}

fn run(serve: &[OsString]) -> Result<ExitCode, Failure> {
    let binary = build(Profile::Release)?;
    process::become_server(&binary, serve)
}
