//! The `papertape` binary: everything is in the library.

fn main() -> std::process::ExitCode {
    papertape_server::cli::run()
}
