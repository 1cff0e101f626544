//! The tools that the build needs besides Cargo: found, installed where that is safe, or asked for in one sentence.

use crate::{
    process::{self, Failure, ask, quiet, show},
    report::Outcome,
    stamp::Stamp,
};
use std::{
    env::consts,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

/// What the browser's client is compiled for.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

const NODE_MAJOR: u32 = 20;
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Node and npm are there, and Node is new enough.
pub(crate) fn require_node() -> Result<(), Failure> {
    let version = ask("node", &["--version"]).ok_or_else(|| {
        Failure::new(format!(
            "Node.js is missing: install Node.js {NODE_MAJOR} or newer, https://nodejs.org"
        ))
    })?;
    let major = node_major(&version);
    if major.is_none_or(|major| major < NODE_MAJOR) {
        return Err(Failure::new(format!(
            "Node.js {version} is too old: install Node.js {NODE_MAJOR} or newer, https://nodejs.org"
        )));
    }
    if ask(NPM, &["--version"]).is_none() {
        return Err(Failure::new(
            "npm is missing: install npm, which comes with Node.js, https://nodejs.org",
        ));
    }
    Ok(())
}

/// `v22.3.0` is 22.
fn node_major(version: &str) -> Option<u32> {
    version.trim_start_matches('v').split('.').next()?.parse().ok()
}

/// The standard library for WebAssembly is there, or is installed through rustup.
pub(crate) fn require_wasm_target() -> Result<(), Failure> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let installed = ask(&rustc, &["--print", "target-libdir", "--target", WASM])
        .is_some_and(|folder| Path::new(&folder).is_dir());
    if installed {
        return Ok(());
    }
    if ask("rustup", &["--version"]).is_none() {
        return Err(Failure::new(format!(
            "the Rust target {WASM} is missing: install rustup, https://rustup.rs, or the package of your system that \
             holds this target"
        )));
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", WASM]);
    show(rustup, &format!("rustup target add {WASM}"))
}

/// A part of the toolchain that a minimal installation lacks, such as `clippy`, is there or is installed.
pub(crate) fn require_component(component: &str, probe: &str) -> Result<(), Failure> {
    if ask("cargo", &[probe, "--version"]).is_some() {
        return Ok(());
    }
    if ask("rustup", &["--version"]).is_none() {
        return Err(Failure::new(format!(
            "cargo {probe} is missing: install rustup, https://rustup.rs, or your system's package of {component}"
        )));
    }
    let mut rustup = Command::new("rustup");
    rustup.args(["component", "add", component]);
    show(rustup, &format!("rustup component add {component}"))
}

/// Installs the npm packages of a folder exactly as its lock file says.
pub(crate) fn npm_packages(folder: &str) -> Result<Outcome, Failure> {
    let path = process::root().join(folder);
    let stamp = Stamp::new(&format!("npm-{folder}"))
        .words(consts::OS)
        .words(consts::ARCH)
        .input(&path.join("package.json"))
        .input(&path.join("package-lock.json"));
    if stamp.is_current(&[path.join("node_modules/.package-lock.json")]) {
        return Ok(Outcome::Unchanged);
    }
    let mut npm = Command::new(NPM);
    // No package here needs its install script, so none may run one.
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ])
    .current_dir(&path);
    quiet(npm, &format!("npm ci in {folder}"))?;
    stamp.save()?;
    Ok(Outcome::Done)
}

/// A program of the app's npm packages.
pub(crate) fn npm_program<I: IntoIterator<Item: AsRef<OsStr>>>(program: &str, arguments: I) -> Command {
    let app = process::root().join("app");
    let mut command = Command::new("node");
    command
        .arg(app.join("node_modules").join(program))
        .args(arguments);
    command.current_dir(app);
    command
}

/// A Chromium for the tests in the browser: named by `CHROMIUM`, found, or installed where that takes no password.
pub(crate) fn chromium() -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        return if named.is_file() {
            Ok(named)
        } else {
            Err(Failure::new(format!(
                "CHROMIUM names {}, which is not there",
                named.display()
            )))
        };
    }
    if let Some(found) = find_chromium() {
        return Ok(found);
    }
    let root = ask("id", &["-u"]).is_some_and(|id| id == "0");
    if root && ask("apt-get", &["--version"]).is_some() {
        for arguments in [
            ["update", "-qq"].as_slice(),
            &["install", "-y", "-qq", "--no-install-recommends", "chromium"],
        ] {
            let mut apt = Command::new("apt-get");
            apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
            quiet(apt, "installing Chromium with apt-get")?;
        }
    }
    find_chromium().ok_or_else(|| {
        Failure::new(
            "Chromium is missing: install Chromium or Google Chrome, or name its program in CHROMIUM",
        )
    })
}

fn find_chromium() -> Option<PathBuf> {
    const NAMES: [&str; 4] = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    const PLACES: [&str; 3] = [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .chain(PLACES.iter().map(PathBuf::from))
        .find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_of_node() {
        assert_eq!(node_major("v22.3.0"), Some(22));
        assert_eq!(node_major("v8.17.0"), Some(8));
        assert_eq!(node_major("something else"), None);
    }
}
