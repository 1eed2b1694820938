//! The program: its arguments, and the exit status of what they ask for.

use std::process::ExitCode;

fn main() -> ExitCode {
    spool::cli::run(std::env::args_os())
}
