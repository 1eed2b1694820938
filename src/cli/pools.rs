//! `spool pools` and `spool pool …`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Server, escaped, read_list, read_value};
use super::failure::Failure;
use super::output::{clean, json as print_json, line, table};
use super::shapes::{Pool, text};
use crate::config::units::size_text;
use crate::model::pool::PoolPolicy;

/// `spool pools`
#[derive(Args, Debug)]
pub struct PoolsArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `spool pool …`
#[derive(Args, Debug)]
pub struct PoolArgs {
    #[command(subcommand)]
    command: PoolCommand,
}

#[derive(Debug, Subcommand)]
enum PoolCommand {
    /// Add a pool: a queue that its printers share
    Add {
        name: String,
        /// Its printers
        #[arg(required = true, value_name = "MEMBER")]
        members: Vec<String>,
        /// Which printer takes the next job
        #[arg(long, value_parser = policies(), value_name = "POLICY")]
        policy: Option<String>,
    },
    /// Change the printers of a pool, its policy or both
    Set {
        name: String,
        /// Its printers from now on, all of them; none named: they stay
        #[arg(value_name = "MEMBER", required_unless_present = "policy")]
        members: Vec<String>,
        /// Which printer takes the next job
        #[arg(long, value_parser = policies(), value_name = "POLICY")]
        policy: Option<String>,
    },
    /// Remove a pool that has no jobs; its printers stay
    Remove(NameArgs),
    /// Take new jobs again
    Accept(NameArgs),
    /// Take no new jobs, and print those there are
    Reject(NameArgs),
    /// Show a pool
    Show {
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
struct NameArgs {
    name: String,
}

fn policies() -> clap::builder::PossibleValuesParser {
    PoolPolicy::ALL.map(PoolPolicy::word).into()
}

pub fn pools(args: PoolsArgs, server: &Server) -> Result<(), Failure> {
    let answer: Value = server.get("/api/v1/pools?limit=1000", "pools")?;
    if args.json {
        return print_json(&answer);
    }
    let rows = read_list(answer, "pools")?.into_iter().map(row).collect();
    let nothing = "no pools; `spool pool add NAME MEMBER…` adds one";
    table(&["NAME", "STATE", "QUEUED", "SIZE", "POLICY", "MEMBERS", "WHY"], rows, nothing)
}

fn row(pool: Pool) -> Vec<String> {
    vec![
        clean(&pool.name),
        state(&pool),
        pool.queued_jobs.to_string(),
        size_text(pool.queued_bytes),
        text(&pool.policy),
        members(&pool),
        text(&pool.message),
    ]
}

fn state(pool: &Pool) -> String {
    let state = text(&pool.state);
    if pool.accepting == Some(false) { format!("{state}, takes no jobs") } else { state }
}

fn members(pool: &Pool) -> String {
    pool.members.iter().map(|member| clean(member)).collect::<Vec<_>>().join(" ")
}

pub fn pool(args: PoolArgs, server: &Server) -> Result<(), Failure> {
    match args.command {
        PoolCommand::Add { name, members, policy } => {
            let body = json!({ "name": name, "members": members, "policy": policy });
            let answer = server.change("POST", "/api/v1/pools", Some(body), &format!("pool {name}"))?;
            say(&name, "added", answer)
        }
        PoolCommand::Set { name, members, policy } => {
            let members = (!members.is_empty()).then_some(members);
            let body = json!({ "members": members, "policy": policy });
            say(&name, "set", change("PATCH", &name, "", Some(body), server)?)
        }
        PoolCommand::Remove(NameArgs { name }) => {
            change("DELETE", &name, "", None, server)?;
            line(&format!("pool {name}: removed"))
        }
        PoolCommand::Accept(NameArgs { name }) => {
            say(&name, "takes jobs", change("POST", &name, "/accept", None, server)?)
        }
        PoolCommand::Reject(NameArgs { name }) => {
            say(&name, "takes no new jobs", change("POST", &name, "/reject", None, server)?)
        }
        PoolCommand::Show { name, json } => show(&name, json, server),
    }
}

fn show(name: &str, as_json: bool, server: &Server) -> Result<(), Failure> {
    let what = format!("pool {name}");
    let answer: Value = server.get(&target(name, ""), &what)?;
    if as_json {
        return print_json(&answer);
    }
    let pool: Pool = read_value(answer, &what)?;
    line(&format!("pool {}: {}: {}", clean(&pool.name), state(&pool), text(&pool.message)))?;
    let queued = format!("{} jobs, {}", pool.queued_jobs, size_text(pool.queued_bytes));
    let facts = [
        ("members", members(&pool)),
        ("policy", text(&pool.policy)),
        ("queued", queued),
        ("from", text(&pool.origin)),
    ];
    facts.into_iter().try_for_each(|(name, value)| line(&format!("  {name:<10} {value}")))
}

fn target(name: &str, action: &str) -> String {
    format!("/api/v1/pools/{}{action}", escaped(name))
}

fn change(
    method: &'static str,
    name: &str,
    action: &str,
    body: Option<Value>,
    server: &Server,
) -> Result<Value, Failure> {
    server.change(method, &target(name, action), body, &format!("pool {name}"))
}

/// Says what was done, and how the pool is now.
fn say(name: &str, done: &str, answer: Value) -> Result<(), Failure> {
    let pool: Pool = read_value(answer, &format!("pool {name}"))?;
    let (members, policy) = (members(&pool), text(&pool.policy));
    line(&format!("pool {name}: {done}: {members} ({policy})"))
}
