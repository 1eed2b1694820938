//! The printers and pools of `spool.toml`.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Config;
use super::file::CheckUri;
use super::section::{Alone, Found, Notes, Section, set};
use crate::model::document::Format;
use crate::model::id::{PrinterId, QueueName};
use crate::model::options::Options;
use crate::model::pool::{PoolDraft, PoolPolicy};
use crate::model::printer::{
    CancelPrinting, Closes, Origin, Printer, Reroute, Scheduling, Stream, WhenInDoubt,
};
use crate::model::text::printable;

/// What a name looks like, for messages.
pub(super) const A_NAME: &str =
    "a name of 1 to 127 letters, digits, dots, dashes or underscores that begins with a letter or a digit";

/// The printer that there is where nobody names one.
const BUILT_IN: &str = "files";
/// Devices of these schemes never confirm a page, so printing cannot go on after the last confirmed one.
const CONFIRM_NO_PAGES: [&str; 4] = ["socket", "lpd", "file", "sim"];
/// The longest line of information on a printer, in bytes (RFC 8011 section 5.4.5: text(127)).
const INFO_BYTES_MAX: usize = 127;

pub(super) fn name(text: &str) -> Option<QueueName> {
    QueueName::new(text).ok()
}

/// Where a queue's name is used, to be looked up when all queues are known.
struct Use {
    key: &'static str,
    name: QueueName,
    at: Range<usize>,
}

/// Reads all printers and pools, then looks at the names by which they refer to one another.
pub(super) fn queues(
    notes: &Notes<'_>,
    printers: Vec<Section<'_, '_>>,
    pools: Vec<Section<'_, '_>>,
    default: Option<Found<QueueName>>,
    config: &mut Config,
    check_uri: CheckUri<'_>,
) {
    let mut taken = Taken { notes, names: BTreeSet::new() };
    let mut uses = Vec::new();
    for section in printers {
        if let Some(printer) = printer(section, notes, &mut taken, &mut uses, config, check_uri) {
            config.printers.push(printer);
        }
    }
    let printer_names = taken.names.clone();
    let mut members = Vec::new();
    for section in pools {
        config.pools.extend(pool(section, notes, &mut taken, &mut members));
    }
    for Use { key, name, at } in members {
        if taken.names.contains(&name) && !printer_names.contains(&name) {
            notes.bad_value(at, key, "expected the name of a printer; a pool has no pools");
        } else if !printer_names.contains(&name) {
            notes.doubt(at, key, format!("no [[printer]] in this file is named {name}"));
        }
    }
    if let Some(Found { value, at }) = default {
        uses.push(Use { key: "server.default", name: value.clone(), at });
        config.server.default = Some(value);
    }
    let built_in = config.printers.is_empty().then_some(BUILT_IN);
    for Use { key, name, at } in uses {
        if !taken.names.contains(&name) && built_in != Some(name.as_str()) {
            notes.doubt(at, key, format!("no [[printer]] or [[pool]] in this file is named {name}"));
        }
    }
}

/// The names that are given away.
struct Taken<'n, 't> {
    notes: &'n Notes<'t>,
    names: BTreeSet<QueueName>,
}

impl Taken<'_, '_> {
    /// Reads the name of a printer or pool; no two may have the same.
    fn name(&mut self, section: &mut Section<'_, '_>) -> Option<QueueName> {
        section.missing("name", "a name");
        let Found { value, at } = section.text("name", A_NAME, name)?;
        if !self.names.insert(value.clone()) {
            let key = section.key("name");
            self.notes.bad_value(at, &key, "another printer or pool has this name already");
        }
        Some(value)
    }
}

fn printer(
    mut section: Section<'_, '_>,
    notes: &Notes<'_>,
    taken: &mut Taken<'_, '_>,
    uses: &mut Vec<Use>,
    config: &Config,
    check_uri: CheckUri<'_>,
) -> Option<Printer> {
    let name = taken.name(&mut section);
    section.missing("uri", "an address such as socket://10.0.0.20:9100");
    let uri = section.read("uri", |value| {
        let uri = value.as_str().ok_or("expected an address such as socket://10.0.0.20:9100")?;
        check_uri(uri, config).map(|()| uri.to_owned())
    });
    // A placeholder lets the other keys be read, and their mistakes be told, where the name is bad.
    let shown = name.clone().or_else(|| QueueName::new("unnamed").ok())?;
    let address = uri.as_ref().map(|uri| uri.value.clone()).unwrap_or_default();
    let mut printer = Printer::new(PrinterId(0), shown, address, Origin::File);
    rules(&mut section, notes, &mut printer);
    reroute(&mut section, &mut printer, uses);
    describe(&mut section, &mut printer);
    if let Some(options) = section.section("options") {
        printer.defaults = defaults(&options, notes);
    }
    section.finish();
    (name.is_some() && uri.is_some()).then_some(printer)
}

/// How the printer treats its jobs.
fn rules(section: &mut Section<'_, '_>, notes: &Notes<'_>, printer: &mut Printer) {
    let words = [("server", Scheduling::Server), ("device", Scheduling::Device)];
    set(&mut printer.scheduling, section.word("scheduling", &words));
    let words = [
        ("print-again", WhenInDoubt::PrintAgain),
        ("hold", WhenInDoubt::Hold),
        ("continue", WhenInDoubt::Continue),
    ];
    if let Some(Found { value, at }) = section.word("when_in_doubt", &words) {
        let scheme = printer.uri.split(':').next().unwrap_or_default();
        if value == WhenInDoubt::Continue && CONFIRM_NO_PAGES.contains(&scheme) {
            let why = format!("{scheme}: devices confirm no pages: expected print-again or hold");
            notes.bad_value(at, "printer.when_in_doubt", why);
        }
        printer.when_in_doubt = value;
    }
    let words = [("auto", CancelPrinting::Auto), ("refuse", CancelPrinting::Refuse)];
    set(&mut printer.cancel_printing, section.word("cancel_printing", &words));
    let words = [("auto", Closes::Auto), ("yes", Closes::Yes), ("no", Closes::No)];
    set(&mut printer.closes, section.word("closes", &words));
    let words = [("never", Stream::Never), ("large", Stream::Large)];
    set(&mut printer.stream, section.word("stream", &words));
    set(&mut printer.format, section.text("format", "auto or a media type such as application/pdf", format));
}

/// Where its jobs go when it fails; a queue that is named must be another one.
fn reroute(section: &mut Section<'_, '_>, printer: &mut Printer, uses: &mut Vec<Use>) {
    let own = printer.name.clone();
    let found = section.text("reroute", "pool, never or the name of another queue", |text| match text {
        "pool" => Some(Reroute::Pool),
        "never" => Some(Reroute::Never),
        _ => name(text).filter(|name| *name != own).map(Reroute::To),
    });
    if let Some(Found { value: Reroute::To(name), at }) = &found {
        uses.push(Use { key: "printer.reroute", name: name.clone(), at: at.clone() });
    }
    set(&mut printer.reroute, found);
}

/// What the printer is to people and to the network.
fn describe(section: &mut Section<'_, '_>, printer: &mut Printer) {
    let mac_address = section.text("mac", "a hardware address such as 00:11:22:33:44:55", mac);
    printer.mac = mac_address.map(|found| found.value);
    let file = |text: &str| (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned());
    printer.credentials_file =
        section.text("credentials_file", "the name of a file", file).map(|found| found.value);
    printer.share = section.yes_or_no("share").unwrap_or_default();
    let expected = format!("a line of at most {INFO_BYTES_MAX} bytes without control characters");
    let line = |text: &str| {
        if text.is_empty() { Some(String::new()) } else { printable(text, INFO_BYTES_MAX).ok() }
    };
    set(&mut printer.info, section.text("info", &expected, line));
    set(&mut printer.location, section.text("location", &expected, line));
}

/// Options for jobs that do not say otherwise; the model knows which there are.
fn defaults(section: &Section<'_, '_>, notes: &Notes<'_>) -> Options {
    let mut options = Options::default();
    for (name, value) in section.pairs() {
        let key = section.key(name);
        // `copies = 2` and `copies = "2"` are the same.
        let text = match value.get_ref() {
            toml::de::DeValue::Integer(number) => number.as_str().to_owned(),
            other => match other.as_str() {
                Some(text) => text.to_owned(),
                None => {
                    notes.bad_value(value.span(), &key, "expected a text");
                    continue;
                }
            },
        };
        if let Err(why) = options.set(name, &text) {
            notes.mistake(value.span(), Some(&key), why.to_string());
        }
    }
    options
}

fn format(text: &str) -> Option<Option<Format>> {
    if text == "auto" {
        return Some(None);
    }
    let (kind, name) = text.split_once('/')?;
    let good = |part: &str| {
        !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c))
    };
    (good(kind) && good(name)).then(|| Some(Format::from_media_type(text)))
}

fn mac(text: &str) -> Option<[u8; 6]> {
    let digits = |part: &str| {
        (part.len() == 2 && part.bytes().all(|c| c.is_ascii_hexdigit()))
            .then(|| u8::from_str_radix(part, 16).ok())?
    };
    let bytes: Option<Vec<u8>> = text.split([':', '-']).map(digits).collect();
    bytes?.try_into().ok()
}

fn pool(
    mut section: Section<'_, '_>,
    notes: &Notes<'_>,
    taken: &mut Taken<'_, '_>,
    uses: &mut Vec<Use>,
) -> Option<PoolDraft> {
    let name_read = taken.name(&mut section);
    section.missing("members", "a list of printers");
    let members = section.list("members", Alone::Refused, "the name of a printer", name).unwrap_or_default();
    if section.is_empty_list("members") {
        notes.mistake(section.at(), Some("pool.members"), "[]: expected at least one printer");
    }
    let mut seen: Vec<QueueName> = Vec::new();
    for Found { value, at } in members {
        if seen.contains(&value) {
            notes.bad_value(at, "pool.members", "it is a member already");
        } else {
            uses.push(Use { key: "pool.members", name: value.clone(), at });
            seen.push(value);
        }
    }
    let words = PoolPolicy::ALL.map(|policy| (policy.word(), policy));
    let policy = section.word("policy", &words).map(|found| found.value).unwrap_or_default();
    section.finish();
    Some(PoolDraft { name: name_read?, members: seen, policy })
}
