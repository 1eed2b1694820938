//! What a printer says of itself, told to whoever adds it.

use serde_json::{Value, json};

use super::client::{Server, read_value};
use super::failure::Failure;
use super::output::{clean, line};
use super::shapes::{Described, Supply, text};

/// Asks the printer through the server. It is added already: that it cannot be asked is no failure.
pub fn tell(name: &str, uri: &str, credentials_file: Option<&Value>, server: &Server) -> Result<(), Failure> {
    let mut body = json!({ "uri": uri });
    if let Some(file) = credentials_file {
        body["credentials_file"] = file.clone();
    }
    let what = format!("ask printer {name} what it is");
    let answer = server.change("POST", "/api/v1/printers/describe", Some(body), &what);
    match answer.and_then(|answer| read_value(answer, &what)) {
        Ok(described) => lines(name, &described).iter().try_for_each(|text| line(text)),
        Err(failure) => {
            failure.report();
            Ok(())
        }
    }
}

/// What it does not say has no line.
fn lines(name: &str, described: &Described) -> Vec<String> {
    let said = described.description.clone().unwrap_or_default();
    let list = |values: &[String]| values.iter().map(|value| clean(value)).collect::<Vec<_>>().join(", ");
    let supplies: Vec<String> = described.supplies.iter().flatten().map(left).collect();
    let color = match said.color {
        Some(true) => "yes",
        Some(false) => "no",
        None => "",
    };
    let facts = [
        ("description", text(&said.info)),
        ("location", text(&said.location)),
        ("formats", list(&said.formats)),
        ("paper loaded", list(&said.media_ready)),
        ("sides", list(&said.sides)),
        ("colour", color.to_owned()),
        ("supplies", supplies.join(", ")),
        ("reasons", list(&said.reasons)),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
    let facts = facts.map(|(fact, value)| format!("  {fact}: {value}"));
    let first = Some(text(&described.message)).filter(|message| !message.is_empty());
    first.map(|message| format!("printer {name}: {message}")).into_iter().chain(facts).collect()
}

fn left(supply: &Supply) -> String {
    let name = clean(&supply.name);
    supply.percent.map_or(name.clone(), |percent| format!("{name} {percent} %"))
}
