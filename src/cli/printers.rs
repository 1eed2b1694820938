//! `spool printers` and `spool printer …`.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::client::{Server, escaped, read_list};
use super::describe;
use super::failure::Failure;
use super::output::{clean, json as print_json, line, table, when};
use super::shapes::{Job, Printer, text};

/// Settings that are true or false; all others are texts.
const YES_OR_NO: [&str; 3] = ["accepting", "paused", "share"];

/// `spool printers`
#[derive(Args, Debug)]
pub struct PrintersArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `spool printer …`
#[derive(Args, Debug)]
pub struct PrinterArgs {
    #[command(subcommand)]
    command: PrinterCommand,
}

#[derive(Debug, Subcommand)]
enum PrinterCommand {
    /// Add a printer, and show what it says of itself
    Add {
        name: String,
        /// Where it is, such as socket://10.0.0.20:9100
        uri: String,
        /// A setting, as in spool.toml; options.NAME=VALUE sets a default option
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<Setting>,
    },
    /// Change settings of a printer
    Set {
        name: String,
        /// A setting, as in spool.toml, or nothing behind the `=` for its default; options.NAME=VALUE is a
        /// default option
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = setting)]
        settings: Vec<Setting>,
    },
    /// Remove a printer that has no jobs and is in no pool
    Remove(NameArgs),
    /// Take jobs and print none
    Pause(NameArgs),
    /// Print again
    Resume(NameArgs),
    /// Take new jobs again
    Accept(NameArgs),
    /// Take no new jobs, and print those there are
    Reject(NameArgs),
    /// Print a test page
    Test(NameArgs),
    /// Wake it over the network
    Wake(NameArgs),
}

#[derive(Args, Debug)]
struct NameArgs {
    name: String,
}

/// `key=value`
#[derive(Clone, Debug)]
struct Setting {
    key: String,
    value: String,
}

fn setting(text: &str) -> Result<Setting, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok(Setting { key: key.to_owned(), value: value.to_owned() }),
        _ => Err("expected KEY=VALUE such as location=G.12".to_owned()),
    }
}

pub fn printers(args: PrintersArgs, server: &Server) -> Result<(), Failure> {
    let answer: Value = server.get("/api/v1/printers?limit=1000", "printers")?;
    if args.json {
        return print_json(&answer);
    }
    let rows = read_list(answer, "printers")?.into_iter().map(row).collect();
    let nothing = "no printers; `spool printer add NAME URI` adds one";
    table(&["NAME", "STATE", "QUEUED", "NEXT TRY", "URI", "WHY"], rows, nothing)
}

fn row(printer: Printer) -> Vec<String> {
    let mut state = text(&printer.state);
    if printer.accepting == Some(false) {
        state.push_str(", takes no jobs");
    }
    vec![
        clean(&printer.name),
        state,
        printer.queued_jobs.to_string(),
        printer.next_try_at.as_deref().map(when).unwrap_or_default(),
        text(&printer.uri),
        text(&printer.message),
    ]
}

pub fn printer(args: PrinterArgs, server: &Server) -> Result<(), Failure> {
    match args.command {
        PrinterCommand::Add { name, uri, settings } => add(&name, &uri, settings, server),
        PrinterCommand::Set { name, settings } => {
            let answer = change("PATCH", &name, "", Some(body(settings)?), server)?;
            say(&name, "set", &answer)
        }
        PrinterCommand::Remove(NameArgs { name }) => {
            change("DELETE", &name, "", None, server)?;
            say(&name, "removed", &Value::Null)
        }
        PrinterCommand::Pause(NameArgs { name }) => post(&name, "/pause", "paused", server),
        PrinterCommand::Resume(NameArgs { name }) => post(&name, "/resume", "resumed", server),
        PrinterCommand::Accept(NameArgs { name }) => post(&name, "/accept", "takes jobs", server),
        PrinterCommand::Reject(NameArgs { name }) => post(&name, "/reject", "takes no new jobs", server),
        PrinterCommand::Test(NameArgs { name }) => post(&name, "/test", "test page asked for", server),
        PrinterCommand::Wake(NameArgs { name }) => post(&name, "/wake", "wake-up call sent", server),
    }
}

fn add(name: &str, uri: &str, settings: Vec<Setting>, server: &Server) -> Result<(), Failure> {
    let mut body = body(settings)?;
    let credentials_file = body.get("credentials_file").cloned();
    if let Value::Object(fields) = &mut body {
        fields.insert("name".to_owned(), name.into());
        fields.insert("uri".to_owned(), uri.into());
    }
    let answer = server.change("POST", "/api/v1/printers", Some(body), &format!("printer {name}"))?;
    say(name, "added", &answer)?;
    describe::tell(name, uri, credentials_file.as_ref(), server)
}

/// Settings as the JSON that the server takes.
fn body(settings: Vec<Setting>) -> Result<Value, Failure> {
    let mut fields = Map::new();
    let mut options = Map::new();
    for Setting { key, value } in settings {
        // Null takes a setting away (RFC 7396).
        let text = if value.is_empty() { Value::Null } else { value.as_str().into() };
        if let Some(option) = key.strip_prefix("options.") {
            options.insert(option.to_owned(), text);
        } else if text.is_null() {
            fields.insert(key, text);
        } else if YES_OR_NO.contains(&key.as_str()) {
            let value: bool = value
                .parse()
                .map_err(|_| Failure::Usage(format!("{key}={value}: expected {key}=true or {key}=false")))?;
            fields.insert(key, value.into());
        } else {
            fields.insert(key, text);
        }
    }
    if !options.is_empty() {
        fields.insert("options".to_owned(), options.into());
    }
    Ok(fields.into())
}

fn post(name: &str, action: &str, done: &str, server: &Server) -> Result<(), Failure> {
    let answer = change("POST", name, action, None, server)?;
    say(name, done, &answer)
}

fn change(
    method: &'static str,
    name: &str,
    action: &str,
    body: Option<Value>,
    server: &Server,
) -> Result<Value, Failure> {
    let target = format!("/api/v1/printers/{}{action}", escaped(name));
    server.change(method, &target, body, &format!("printer {name}"))
}

/// Says what was done, and how the printer, or the job that came of it, is now.
fn say(name: &str, done: &str, answer: &Value) -> Result<(), Failure> {
    if answer.get("status").is_some()
        && let Ok(job) = serde_json::from_value::<Job>(answer.clone())
    {
        return line(&format!("printer {name}: {done}; {}", job.line()));
    }
    let printer: Printer = serde_json::from_value(answer.clone()).unwrap_or_default();
    match text(&printer.message).as_str() {
        "" => line(&format!("printer {name}: {done}")),
        message => line(&format!("printer {name}: {done}: {message}")),
    }
}
