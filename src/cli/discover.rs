//! `spool discover`.

use clap::Args;
use serde_json::Value;

use super::client::{Server, read_list};
use super::failure::Failure;
use super::output::{clean, json, line, table};
use super::shapes::{Device, text};

/// `spool discover`
#[derive(Args, Debug)]
pub struct DiscoverArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn discover(args: DiscoverArgs, server: &Server) -> Result<(), Failure> {
    let answer: Value = server.get("/api/v1/discover", "discovery")?;
    if args.json {
        return json(&answer);
    }
    let devices: Vec<Device> = read_list(answer, "devices")?;
    let rows = devices.iter().map(row).collect();
    table(&["URI", "MODEL", "PRINTER"], rows, "no printer is plugged in")?;
    devices.iter().filter(|device| device.printer.is_none()).try_for_each(how_to_add)
}

fn row(device: &Device) -> Vec<String> {
    vec![clean(&device.uri), text(&device.model), text(&device.printer)]
}

/// The line that adds it, and what has to be done before.
fn how_to_add(device: &Device) -> Result<(), Failure> {
    if let Some(note) = &device.note {
        line(&clean(note))?;
    }
    let name = device.name.as_deref().unwrap_or("NAME");
    line(&format!("spool printer add {} {}", clean(name), quoted(&clean(&device.uri))))
}

/// A word for a shell: in quotes where it holds more than an address usually does.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/:._-%+@".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
