//! Everything that can be checked.

use crate::{
    process::{Failure, cargo, root},
    report::{Outcome, Steps, elapsed},
    site::{self, Profile},
    tools::{self, WASM},
};
use std::{
    io::{BufRead as _, BufReader},
    ops::AddAssign,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

/// What to test.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leave out the tests in the browser, and with them Node.js, npm and Chromium.
    #[arg(long, conflicts_with = "only_browser")]
    skip_browser: bool,
    /// Run the tests in the browser only.
    #[arg(long)]
    only_browser: bool,
    /// Run the tests in the browser against the fast, unoptimised build.
    #[arg(long, conflicts_with = "skip_browser")]
    dev: bool,
    /// What Playwright is to be told, e.g. `-- home.spec.ts --headed`.
    #[arg(last = true)]
    playwright: Vec<String>,
}

/// How many tests came to what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// The sum over all that ran. A check such as the lints counts as one test; so does a runner that broke down.
#[derive(Default)]
struct Summary {
    total: Tally,
    failures: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let start = Instant::now();
    let mut summary = Summary::default();
    if let Err(failure) = test(options, &mut summary) {
        eprintln!("error: {failure}");
        summary.total.failed += 1;
        summary
            .failures
            .push("the run itself, which had to stop".to_owned());
    }

    let Tally {
        passed,
        failed,
        skipped,
    } = summary.total;
    println!();
    for failure in &summary.failures {
        println!("failed: {failure}");
    }
    if skipped > 0 {
        println!("{skipped} skipped");
    }
    println!("{passed} passed, {failed} failed in {}", elapsed(start.elapsed()));
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn test(options: &Options, summary: &mut Summary) -> Result<(), Failure> {
    let rust = if options.only_browser { 0 } else { 4 };
    let browser = if options.skip_browser {
        0
    } else if options.dev {
        site::STEPS + 4
    } else {
        site::STEPS + 5
    };
    let mut steps = Steps::new(rust + browser);
    let mut chromium = PathBuf::new();
    if !options.skip_browser {
        // Before the long work, so that nobody waits for it only to hear what is missing.
        steps.step("Looking for Node.js, npm and Chromium", || {
            tools::require_node()?;
            chromium = tools::chromium()?;
            Ok(Outcome::Done)
        })?;
    }
    if !options.only_browser {
        test_rust(&mut steps, summary)?;
    }
    if !options.skip_browser {
        test_browser(options, &chromium, &mut steps, summary)?;
    }
    Ok(())
}

fn test_rust(steps: &mut Steps, summary: &mut Summary) -> Result<(), Failure> {
    steps.step("Checking the format", || {
        tools::require_component("rustfmt", "fmt")?;
        summary.check("cargo fmt", cargo(["fmt", "--all", "--check"]))
    })?;
    steps.step("Linting", || {
        tools::require_component("clippy", "clippy")?;
        let clippy = cargo(["clippy", "--workspace", "--all-targets", "--", "--deny=warnings"]);
        summary.check("cargo clippy", clippy)
    })?;
    steps.step("Linting the browser's client", || {
        tools::require_wasm_target()?;
        let clippy = cargo([
            "clippy",
            "--package=papertape-app",
            "--lib",
            "--target",
            WASM,
            "--no-default-features",
            "--features=hydrate",
            "--",
            "--deny=warnings",
        ]);
        summary.check("cargo clippy of the client", clippy)
    })?;
    steps.step("Testing in Rust", || {
        summary.suite(
            "cargo test",
            cargo(["test", "--workspace", "--no-fail-fast"]),
            rust_tally,
        )
    })
}

fn test_browser(
    options: &Options,
    chromium: &Path,
    steps: &mut Steps,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let profile = Profile::of(options.dev);
    let binary = site::build(profile, steps)?;
    if profile == Profile::Release {
        steps.step("Weighing what browsers load", || {
            for (what, outcome) in site::check_budgets() {
                summary.count(
                    &format!("the weight of {what}"),
                    outcome.map_err(|failure| failure.to_string()),
                );
            }
            Ok(Outcome::Done)
        })?;
    }
    steps.step("Installing the npm packages of end2end/", || {
        tools::npm_packages("end2end")
    })?;
    let folder = root().join("end2end");
    steps.step("Checking the types of the tests", || {
        summary.check("tsc", node(&folder, "typescript/bin/tsc", &["--noEmit"]))
    })?;
    steps.step("Testing in the browser", || {
        let mut playwright = node(&folder, "@playwright/test/cli.js", &["test"]);
        playwright
            .args(&options.playwright)
            .env("CHROMIUM", chromium)
            .env("PAPERTAPE", &binary)
            .env("PAPERTAPE_SITE", profile.site());
        summary.suite("Playwright", playwright, playwright_tally)
    })
}

fn node(folder: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command
        .arg(folder.join("node_modules").join(program))
        .args(arguments)
        .current_dir(folder);
    command
}

impl Summary {
    /// Counts one check.
    fn count(&mut self, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.total.passed += 1,
            Err(why) => {
                self.total.failed += 1;
                eprintln!("{name}: {why}");
                self.failures.push(name.to_owned());
            }
        }
    }

    /// Runs a check that passes or fails as a whole.
    fn check(&mut self, name: &str, mut command: Command) -> Result<Outcome, Failure> {
        let status = command
            .status()
            .map_err(|cause| Failure::new(format!("cannot start {name}: {cause}")))?;
        self.count(
            name,
            if status.success() {
                Ok(())
            } else {
                Err("failed".to_owned())
            },
        );
        Ok(Outcome::Done)
    }

    /// Runs a suite of tests, passes its lines on as they come and counts by them.
    fn suite(
        &mut self,
        name: &str,
        mut command: Command,
        tally: fn(&str) -> Tally,
    ) -> Result<Outcome, Failure> {
        let cannot = |cause| Failure::new(format!("cannot run {name}: {cause}"));
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(cannot)?;
        let mut sum = Tally::default();
        if let Some(output) = child.stdout.take() {
            for line in BufReader::new(output).split(b'\n') {
                let line = String::from_utf8_lossy(&line.map_err(cannot)?).into_owned();
                println!("{line}");
                sum += tally(&line);
            }
        }
        let status = child.wait().map_err(cannot)?;
        if sum.failed > 0 {
            self.failures.push(format!("{} of {name}", sum.failed));
        } else if !status.success() {
            // It fell over before it could count, for one because something does not compile.
            sum.failed = 1;
            self.failures.push(format!("{name} as a whole"));
        }
        self.total += sum;
        Ok(Outcome::Done)
    }
}

/// What a line of `cargo test` adds: `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn rust_tally(line: &str) -> Tally {
    let Some((_, counts)) = line
        .strip_prefix("test result: ")
        .and_then(|result| result.split_once(". "))
    else {
        return Tally::default();
    };
    let mut tally = Tally::default();
    for count in counts.split(';') {
        tally += counted(count, &["passed"], &["failed"], &["ignored"]);
    }
    tally
}

/// What a line of Playwright's summary adds: `  5 passed (10.2s)`.
fn playwright_tally(line: &str) -> Tally {
    if !line.starts_with("  ") || line.starts_with("   ") {
        return Tally::default();
    }
    counted(
        line,
        &["passed", "flaky"],
        &["failed", "interrupted", "timed out"],
        &["skipped", "did not run"],
    )
}

/// Reads `12 passed`, with whatever follows the word.
fn counted(text: &str, passed: &[&str], failed: &[&str], skipped: &[&str]) -> Tally {
    let Some((count, words)) = text.trim().split_once(' ') else {
        return Tally::default();
    };
    let Ok(count) = count.parse() else {
        return Tally::default();
    };
    let is = |names: &[&str]| {
        names
            .iter()
            .any(|name| words == *name || words.starts_with(&format!("{name} (")))
    };
    Tally {
        passed: if is(passed) { count } else { 0 },
        failed: if is(failed) { count } else { 0 },
        skipped: if is(skipped) { count } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u32, failed: u32, skipped: u32) -> Tally {
        Tally {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn cargo_results_are_counted() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.2s";
        assert_eq!(rust_tally(line), tally(12, 2, 1));
        assert_eq!(
            rust_tally("test market::bar::tests::opens ... ok"),
            Tally::default()
        );
        assert_eq!(rust_tally("12 passed"), Tally::default());
    }

    #[test]
    fn playwright_results_are_counted() {
        assert_eq!(playwright_tally("  5 passed (10.2s)"), tally(5, 0, 0));
        assert_eq!(playwright_tally("  1 failed"), tally(0, 1, 0));
        assert_eq!(playwright_tally("  2 skipped"), tally(0, 0, 2));
        assert_eq!(
            playwright_tally("  ✓  1 home.spec.ts:3:1 › 5 passed (1s)"),
            Tally::default()
        );
        assert_eq!(playwright_tally("    4 failed"), Tally::default());
    }
}
