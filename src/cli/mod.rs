//! The command line: one file for each group of commands. It speaks to a running server through the HTTP
//! interface only, over the Unix socket or TCP; `serve`, `check`, `recover` and `compact` alone do their work here.
//!
//! Exit status: 0 done, 1 the operation failed, 2 wrong usage. An error is one line on standard error that
//! says what happened, to what, and what to do.

mod backup;
mod client;
mod control;
mod demo;
mod describe;
mod discover;
mod failure;
mod follow;
mod here;
mod jobs;
mod nodes;
mod output;
mod pools;
mod print;
mod printers;
mod shapes;
mod source;
mod token;
mod upload;
mod watch;
mod workers;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use client::ServerArgs;
use failure::Failure;

const ENVIRONMENT: &str = "\
Environment:
  SPOOL_SERVER  the server, where --server does not name one
  SPOOL_TOKEN   the admin token, for servers that are not asked through their socket
  NO_COLOR      where set, nothing is coloured
  RUST_LOG      what `serve` logs: error, warn, info, debug or trace (default: info)

Exit status: 0 done, 1 the operation failed, 2 wrong usage.";

/// A print spooler that never loses a job, never prints one twice in silence, and never stays stopped.
///
/// Without a command: serve.
#[derive(Debug, Parser)]
#[command(name = "spool", version, max_term_width = 100, after_help = ENVIRONMENT)]
struct Cli {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the spooler
    Serve(here::ServeArgs),
    /// Watch printers and jobs live; ends with Ctrl-C
    Watch(watch::WatchArgs),
    /// Print files; `-` is standard input
    Print(print::PrintArgs),
    /// List jobs
    Jobs(jobs::JobsArgs),
    /// Show one job and its history
    Job(jobs::JobArgs),
    /// Cancel jobs
    Cancel(control::CancelArgs),
    /// Hold jobs until they are released
    Hold(control::IdArgs),
    /// Release held jobs
    Release(control::IdArgs),
    /// Print finished jobs again
    Restart(control::IdArgs),
    /// Change the priority of a job
    Priority(control::PriorityArgs),
    /// Move a job to another printer or pool
    Move(control::MoveArgs),
    /// List printers
    Printers(printers::PrintersArgs),
    /// Control a printer
    Printer(printers::PrinterArgs),
    /// List pools
    Pools(pools::PoolsArgs),
    /// Control a pool
    Pool(pools::PoolArgs),
    /// Find printers that are plugged in, each with the line that adds it
    Discover(discover::DiscoverArgs),
    /// List the threads that print
    Workers(workers::WorkersArgs),
    /// List the servers that share work, as this one sees them
    Nodes(nodes::NodesArgs),
    /// Check the configuration
    Check(here::CheckArgs),
    /// Make a link that opens the admin page, good for five minutes and one use
    Token(token::TokenArgs),
    /// Copy the state of a running server into a file
    Backup(backup::BackupArgs),
    /// Rebuild the store of a stopped server from its journal
    Recover,
    /// Give back the disk space that the store of a stopped server does not need
    ///
    /// A running server does so by itself, in small steps, when more than half of its journal is dead. This does it at
    /// once and makes the index anew as well. It needs as much free space as what is live, and may be interrupted.
    Compact,
}

/// Runs one command: the whole program.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let done = match Cli::try_parse_from(arguments) {
        Ok(cli) => dispatch(cli),
        Err(error) => explain(&error),
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let Cli { server, command } = cli;
    match command {
        None => here::serve(here::ServeArgs::default(), server),
        Some(Command::Serve(args)) => here::serve(args, server),
        Some(Command::Check(args)) => here::check(args, server),
        Some(Command::Recover) => here::recover(server),
        Some(Command::Compact) => here::compact(server),
        Some(Command::Watch(args)) => watch::watch(args, &server.find()?),
        Some(Command::Print(args)) => print::print(args, &server.find()?),
        Some(Command::Jobs(args)) => jobs::jobs(args, &server.find()?),
        Some(Command::Job(args)) => jobs::job(args, &server.find()?),
        Some(Command::Cancel(args)) => control::cancel(args, &server.find()?),
        Some(Command::Hold(args)) => control::hold(args, &server.find()?),
        Some(Command::Release(args)) => control::release(args, &server.find()?),
        Some(Command::Restart(args)) => control::restart(args, &server.find()?),
        Some(Command::Priority(args)) => control::priority(args, &server.find()?),
        Some(Command::Move(args)) => control::move_to(args, &server.find()?),
        Some(Command::Pools(args)) => pools::pools(args, &server.find()?),
        Some(Command::Pool(args)) => pools::pool(args, &server.find()?),
        Some(Command::Printers(args)) => printers::printers(args, &server.find()?),
        Some(Command::Printer(args)) => printers::printer(args, &server.find()?),
        Some(Command::Discover(args)) => discover::discover(args, &server.find()?),
        Some(Command::Workers(args)) => workers::workers(args, &server.find()?),
        Some(Command::Nodes(args)) => nodes::nodes(args, &server.find()?),
        Some(Command::Backup(args)) => backup::backup(&args, &server.find()?),
        Some(Command::Token(args)) => token::token(args, &server.find()?),
    }
}

/// Shows help and version; what is wrong with the arguments becomes one line.
fn explain(error: &clap::Error) -> Result<(), Failure> {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return error.print().map_err(Failure::from_output);
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Err(Failure::Usage("a command is missing; `--help` lists them".to_owned()));
    }
    let text = error.render().to_string();
    let parts: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .filter(|line| !line.is_empty())
        .collect();
    let line = parts.join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    Err(Failure::Usage(format!("{line}; try `spool --help` or `spool COMMAND --help`")))
}
