//! The program: its arguments, and the exit status of what they ask for.

use std::process::ExitCode;

/// Documents are taken in by one thread and let go by another, at which the system's own allocator is slow, and holds on
/// to what was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    spool::cli::run(std::env::args_os())
}
