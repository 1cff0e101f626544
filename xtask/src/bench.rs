//! Measuring.

use crate::process::{Failure, cargo, root, show};
use std::{ffi::OsString, process::ExitCode};

pub(crate) fn run(filter: &[OsString]) -> Result<ExitCode, Failure> {
    let mut benches = cargo(["bench", "--workspace", "--exclude=xtask", "--benches", "--"]);
    benches.args(filter);
    show(benches, "cargo bench")?;
    if root().join("server/examples/ws_latency.rs").is_file() {
        let latency = cargo([
            "run",
            "--release",
            "--package=papertape-server",
            "--example=ws_latency",
        ]);
        show(latency, "the measurement of live updates")?;
    }
    Ok(ExitCode::SUCCESS)
}
