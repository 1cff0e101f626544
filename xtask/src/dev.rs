//! Development: build, start, and again whenever a source file changes.

use crate::{
    process::{Failure, root},
    report::Steps,
    site::{self, Profile},
    stamp::files,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode},
    thread,
    time::{Duration, SystemTime},
};

const WATCHED: [&str; 15] = [
    "Cargo.toml",
    "Cargo.lock",
    "src",
    "app/Cargo.toml",
    "app/package-lock.json",
    "app/src",
    "app/worker/src",
    "app/worker/worker.js",
    "server/Cargo.toml",
    "server/src",
    "server/build.rs",
    "server/migrations",
    "strategies",
    "style",
    "public",
];

pub(crate) fn run(serve: &[OsString]) -> Result<ExitCode, Failure> {
    let mut server: Option<Server> = None;
    loop {
        let seen = look();
        match site::build(Profile::Dev, &mut Steps::new(site::STEPS)) {
            Ok(binary) => {
                // The old one first: both want the same port and data folder.
                drop(server.take());
                server = Some(Server::start(&binary, serve)?);
            }
            // The last server that worked stays up while the mistake is mended.
            Err(failure) => eprintln!("error: {failure}"),
        }
        eprintln!("watching for changes; Ctrl-C ends");
        while look() == seen {
            thread::sleep(Duration::from_millis(300));
        }
    }
}

/// When each watched file was last written.
fn look() -> BTreeMap<PathBuf, Option<SystemTime>> {
    WATCHED
        .iter()
        .flat_map(|path| files(&root().join(path)))
        .map(|file| {
            let written = fs::metadata(&file).and_then(|file| file.modified()).ok();
            (file, written)
        })
        .collect()
}

/// The running server; ends when dropped.
struct Server(Child);

impl Server {
    fn start(binary: &Path, serve: &[OsString]) -> Result<Self, Failure> {
        Command::new(binary)
            .arg("serve")
            .args(serve)
            .env("PAPERTAPE_SITE", Profile::Dev.site())
            .spawn()
            .map(Self)
            .map_err(|cause| Failure::file("start", binary, &cause))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
