//! `spool cancel`, `hold`, `release`, `restart`, `move` and `priority`.

use clap::Args;
use serde_json::{Value, json};

use super::client::{Server, read_value};
use super::failure::Failure;
use super::output::{complain, tell};
use super::shapes::Job;

/// Commands that take nothing but jobs.
#[derive(Args, Debug)]
pub struct IdArgs {
    /// The numbers of the jobs
    #[arg(required = true, value_name = "ID")]
    ids: Vec<u32>,
}

/// `spool cancel`
#[derive(Args, Debug)]
pub struct CancelArgs {
    #[command(flatten)]
    jobs: IdArgs,
    /// Ask the device to stop a job that it is printing, also where the printer is set to refuse that
    #[arg(long)]
    even_if_printing: bool,
}

/// `spool priority`
#[derive(Args, Debug)]
pub struct PriorityArgs {
    /// The number of the job
    #[arg(value_name = "ID")]
    id: u32,
    /// 1 to 100; 100 goes first
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    priority: u32,
}

/// `spool move`
#[derive(Args, Debug)]
pub struct MoveArgs {
    /// The number of the job
    #[arg(value_name = "ID")]
    id: u32,
    /// The printer or pool that it goes to
    #[arg(value_name = "QUEUE")]
    queue: String,
}

pub fn cancel(args: CancelArgs, server: &Server) -> Result<(), Failure> {
    let action = if args.even_if_printing { "cancel?even_if_printing=true" } else { "cancel" };
    for_each(&args.jobs.ids, server, action)
}

pub fn hold(args: IdArgs, server: &Server) -> Result<(), Failure> {
    for_each(&args.ids, server, "hold")
}

pub fn release(args: IdArgs, server: &Server) -> Result<(), Failure> {
    for_each(&args.ids, server, "release")
}

pub fn restart(args: IdArgs, server: &Server) -> Result<(), Failure> {
    for_each(&args.ids, server, "restart")
}

pub fn priority(args: PriorityArgs, server: &Server) -> Result<(), Failure> {
    control(args.id, server, "priority", Some(json!({ "priority": args.priority })))
}

pub fn move_to(args: MoveArgs, server: &Server) -> Result<(), Failure> {
    control(args.id, server, "move", Some(json!({ "printer": args.queue })))
}

/// Does the same to each job; one that refuses does not spare the others.
fn for_each(ids: &[u32], server: &Server, action: &str) -> Result<(), Failure> {
    let mut all_done = Ok(());
    for id in ids {
        match control(*id, server, action, None) {
            Err(Failure::Failed(why)) => {
                complain(&format!("spool: {why}"));
                all_done = Err(Failure::Told);
            }
            other => other?,
        }
    }
    all_done
}

/// Does one thing to one job, and says how the job is now.
fn control(id: u32, server: &Server, action: &str, body: Option<Value>) -> Result<(), Failure> {
    let what = format!("job {id}");
    let answer = server.change("POST", &format!("/api/v1/jobs/{id}/{action}"), body, &what)?;
    tell(&read_value::<Job>(answer, &what)?.line())
}
