//! The `papertape` binary: everything is in the library but the allocator.

/// Keeps for a while what was given back and asks for large pages: a run over many bars waited a seventh of its time for the
/// system's pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    papertape_server::cli::run()
}
