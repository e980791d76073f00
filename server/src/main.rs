//! The command line of `saoma`.

use std::process::ExitCode;

use clap::Parser as _;

mod cli;

/// musl's own allocator takes one lock for every allocation of all threads, and glibc's gives back only what is at the end of a heap:
/// see "Held polls" in bench/README.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before any file is made: databases and their copies hold password hashes, balances and tokens.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    // A core dump has the keys in it. It is no reason not to start where a sandbox of the system forbids even this.
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    cli::run(cli::Cli::parse())
}
