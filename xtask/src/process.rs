//! Running other programs.

use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

/// Why the build cannot go on, in one sentence that says what to do about it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// A file could not be read or written.
    pub(crate) fn file(doing: &str, path: &Path, cause: &io::Error) -> Self {
        Self(format!("cannot {doing} {}: {cause}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder that holds the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where Cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// Cargo itself, in the workspace, without the marks that the Cargo which started this program has left behind.
pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let inherited = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || name == "CARGO_PRIMARY_PACKAGE"
        });
        if inherited {
            command.env_remove(name);
        }
    }
    command.current_dir(root()).args(arguments);
    command
}

/// Runs a command whose output the user sees as it comes.
pub(crate) fn show(mut command: Command, what: &str) -> Result<(), Failure> {
    let status = command.status().map_err(|cause| cannot_start(&command, &cause))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{what} failed; its messages are above")))
    }
}

/// Runs a command silently and gives its standard output; what it said is shown only when it fails.
pub(crate) fn quiet(mut command: Command, what: &str) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| cannot_start(&command, &cause))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    eprint!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Err(Failure::new(format!("{what} failed; its messages are above")))
}

/// What a program prints when asked, or nothing when it is not there.
pub(crate) fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs `papertape serve` in place of this program, so that signals and the exit code are its own.
pub(crate) fn become_server(binary: &Path, arguments: &[OsString]) -> Result<ExitCode, Failure> {
    let mut command = Command::new(binary);
    command.arg("serve").args(arguments);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        let cause = command.exec();
        Err(cannot_start(&command, &cause))
    }
    #[cfg(not(unix))]
    {
        let status = command.status().map_err(|cause| cannot_start(&command, &cause))?;
        Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn cannot_start(command: &Command, cause: &io::Error) -> Failure {
    Failure::new(format!(
        "cannot start {}: {cause}",
        command.get_program().to_string_lossy()
    ))
}
