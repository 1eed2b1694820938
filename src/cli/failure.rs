//! How a command fails: what is said, and the exit status.

use std::io;
use std::process::ExitCode;

use crate::config::file::Mistakes;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// Wrong usage: exit status 2.
    Usage(String),
    /// The operation failed: exit status 1.
    Failed(String),
    /// There is no server, or it went away: exit status 1. It may be back soon.
    Away(String),
    /// The operation failed, and everything about it has been said.
    Told,
    /// Mistakes in the configuration, a line each: exit status 1.
    Mistakes(Mistakes),
    /// Whoever read our output has seen enough. No failure at all.
    ClosedPipe,
}

impl Failure {
    pub fn failed(text: impl Into<String>) -> Failure {
        Failure::Failed(text.into())
    }

    /// An error from below the command line, with its causes, in one line.
    pub fn from_below(error: &anyhow::Error) -> Failure {
        match error.downcast_ref::<Mistakes>() {
            Some(mistakes) => Failure::Mistakes(mistakes.clone()),
            None => Failure::failed(format!("{error:#}")),
        }
    }

    /// What went wrong with our own output.
    pub fn from_output(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::failed(format!("standard output: {error}")),
        }
    }

    /// Says it on standard error, and gives the exit status.
    pub fn report(&self) -> ExitCode {
        match self {
            Failure::Usage(text) => {
                say(text);
                ExitCode::from(2)
            }
            Failure::Failed(text) | Failure::Away(text) => {
                say(text);
                ExitCode::from(1)
            }
            Failure::Told => ExitCode::from(1),
            Failure::Mistakes(mistakes) => {
                super::output::complain(&mistakes.to_string());
                ExitCode::from(1)
            }
            Failure::ClosedPipe => ExitCode::SUCCESS,
        }
    }
}

fn say(text: &str) {
    super::output::complain(&format!("spool: {text}"));
}
