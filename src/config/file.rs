//! What is written in `spool.toml`, turned into a [`Config`] or into all that is wrong with it.
//!
//! Every key is optional. What `Config::load` gives is complete and valid; nothing is checked again later.
//! Relative paths are relative to the directory in which `spool` was started.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::section::{Alone, Found, Least, Notes, Section, set};
use super::{Config, Network, SubmitAccess, cluster, printer, units};
use crate::model::id::QueueName;
use crate::model::retry::BackoffRange;
use crate::model::text::printable;

pub use super::section::Mistake;

/// The file that is read when none is named and it is there.
pub const DEFAULT_FILE: &str = "spool.toml";

/// The largest configuration that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// The longest name of a server, in bytes: a label of DNS-SD (RFC 6763 section 4.1.1).
const SERVER_NAME_BYTES_MAX: usize = 63;

/// Says why a URI names no printer. It is told the settings read so far, because where `file:` may write
/// is one of them.
pub type CheckUri<'c> = &'c dyn Fn(&str, &Config) -> Result<(), String>;

/// What was said on the command line; it outranks the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub state: Option<PathBuf>,
    pub http: Option<SocketAddr>,
}

/// All that is wrong with a configuration, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.iter();
        lines.next().map_or(Ok(()), |first| write!(f, "{first}"))?;
        lines.try_for_each(|line| write!(f, "\n{line}"))
    }
}

impl std::error::Error for Mistakes {}

impl Config {
    /// Reads the named file, which must be there, or `./spool.toml` where there is one, or nothing.
    pub fn load(
        path: Option<&Path>,
        overrides: &Overrides,
        check_uri: CheckUri<'_>,
    ) -> Result<Config, Mistakes> {
        let file = path.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match read(file) {
            Ok(text) => text,
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                let text = format!("cannot be read: {error}");
                return Err(Mistakes(vec![Mistake {
                    file: file.display().to_string(),
                    line: 0,
                    key: None,
                    text,
                }]));
            }
        };
        Config::parse(&file.display().to_string(), &text, overrides, check_uri)
    }

    /// Understands the text of a configuration; `file` is its name in messages.
    pub fn parse(
        file: &str,
        text: &str,
        overrides: &Overrides,
        check_uri: CheckUri<'_>,
    ) -> Result<Config, Mistakes> {
        let notes = Notes::new(file.to_owned(), text);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            notes.mistake(error.span().unwrap_or(0..0), None, one_line(error.message()));
        }
        let mut config = if errors.is_empty() {
            whole_file(&notes, table.get_ref(), overrides, check_uri)
        } else {
            // What a broken line was meant to be is anybody's guess; further complaints would mislead.
            Config::default()
        };
        let (mistakes, doubts) = notes.into_inner();
        config.doubts = doubts;
        if mistakes.is_empty() { Ok(config) } else { Err(Mistakes(mistakes)) }
    }
}

/// The state directory that a configuration names, for those who look for its server. What is wrong with
/// the rest of the file does not matter to them.
pub fn state_named_in(file: &Path) -> Option<PathBuf> {
    let text = read(file).ok()?;
    let (table, _) = DeTable::parse_recoverable(&text);
    let state = table.get_ref().get("server")?.get_ref().as_table()?.get("state")?;
    state.get_ref().as_str().filter(|state| !state.is_empty()).map(PathBuf::from)
}

fn read(file: &Path) -> io::Result<String> {
    if fs::metadata(file)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB"));
    }
    fs::read_to_string(file)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads one table into its part of the configuration.
type ReadPart = fn(&mut Section<'_, '_>, &mut Config);

fn whole_file(
    notes: &Notes<'_>,
    table: &DeTable<'_>,
    overrides: &Overrides,
    check_uri: CheckUri<'_>,
) -> Config {
    let mut config = Config::default();
    let mut file = Section::whole_file(notes, table);
    let default = file.section("server").and_then(|section| server(section, &mut config));
    let parts: [(&'static str, ReadPart); 6] = [
        ("access", access),
        ("limits", limits),
        ("history", history),
        ("workers", workers),
        ("watch", watch),
        ("retry", retry),
    ];
    for (name, read) in parts {
        if let Some(mut section) = file.section(name) {
            read(&mut section, &mut config);
            section.finish();
        }
    }
    let Overrides { state, http } = overrides;
    config.server.state = state.clone().unwrap_or(config.server.state);
    config.server.http = http.map_or(config.server.http, |http| vec![http]);
    config.cluster = file.section("cluster").and_then(cluster::cluster);
    let printers = file.sections("printer");
    let pools = file.sections("pool");
    file.finish();
    printer::queues(notes, printers, pools, default, &mut config, check_uri);
    config
}

/// Gives the default queue's name back, to be looked up when all queues are known.
fn server(mut section: Section<'_, '_>, config: &mut Config) -> Option<Found<QueueName>> {
    let server = &mut config.server;
    let expected = format!("a name of 1 to {SERVER_NAME_BYTES_MAX} bytes without control characters");
    set(
        &mut server.name,
        section.text("name", &expected, |text| printable(text, SERVER_NAME_BYTES_MAX).ok()),
    );
    let http = section.list("http", Alone::Allowed, "an address and a port such as 127.0.0.1:8631", |text| {
        text.parse().ok()
    });
    if let Some(http) = http {
        server.http = http.into_iter().map(|found| found.value).collect();
    }
    set(&mut server.state, section.text("state", "a directory", directory));
    let default = section.text("default", printer::A_NAME, printer::name);
    section.finish();
    default
}

fn access(section: &mut Section<'_, '_>, config: &mut Config) {
    let access = &mut config.access;
    let words =
        [("local", SubmitAccess::Local), ("network", SubmitAccess::Network), ("users", SubmitAccess::Users)];
    set(&mut access.submit, section.word("submit", &words));
    let networks = section.list("networks", Alone::Refused, "a network such as 10.0.0.0/8", network);
    if let Some(networks) = networks {
        access.networks = networks.into_iter().map(|found| found.value).collect();
    }
    if let Some(hosts) = section.list("hosts", Alone::Refused, "a host name such as print.example.org", host)
    {
        access.hosts = hosts.into_iter().map(|found| found.value).collect();
    }
    if let Some(files) = section.list("files", Alone::Refused, "a directory such as /srv/prints", directory) {
        access.files = files.into_iter().map(|found| found.value).collect();
    }
}

fn limits(section: &mut Section<'_, '_>, config: &mut Config) {
    let limits = &mut config.limits;
    section.size("document", Least::Some, &mut limits.document);
    section.number("queued_jobs", 1, 100_000_000, &mut limits.queued_jobs);
    section.size("free_disk", Least::Zero, &mut limits.free_disk);
}

fn history(section: &mut Section<'_, '_>, config: &mut Config) {
    section.time("jobs", Least::Zero, &mut config.history.jobs);
    section.time("documents", Least::Zero, &mut config.history.documents);
}

fn workers(section: &mut Section<'_, '_>, config: &mut Config) {
    section.number("print", 1, 4096, &mut config.workers.print);
    section.number("render", 1, 256, &mut config.workers.render);
}

fn watch(section: &mut Section<'_, '_>, config: &mut Config) {
    let watch = &mut config.watch;
    section.time("worker", Least::Some, &mut watch.worker);
    section.time("stall", Least::Some, &mut watch.stall);
    section.time("render_timeout", Least::Some, &mut watch.render_timeout);
    section.time("silence", Least::Some, &mut watch.silence);
    section.time("connect", Least::Some, &mut watch.connect);
}

fn retry(section: &mut Section<'_, '_>, config: &mut Config) {
    let retry = &mut config.retry;
    let backoff = section.read("backoff", |value| {
        let times: Option<Vec<_>> = value.as_array().and_then(|times| {
            times.iter().map(|time| time.get_ref().as_str().and_then(units::time)).collect()
        });
        match times.as_deref() {
            Some([first, longest]) if !first.is_zero() && first <= longest => {
                Ok(BackoffRange { first: *first, longest: *longest })
            }
            _ => Err(r#"expected two times such as ["1s", "60s"], the first not none and not the longer"#),
        }
    });
    set(&mut retry.backoff, backoff);
    section.time("grace", Least::Zero, &mut retry.grace);
    section.number("broken", 1, 1000, &mut retry.broken);
    section.time("blocked", Least::Zero, &mut retry.blocked);
}

fn directory(text: &str) -> Option<PathBuf> {
    (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
}

/// A network, with nothing after its prefix: `10.0.0.1/8` is more likely a slip than meant.
fn network(text: &str) -> Option<Network> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse::<u8>().ok()?)),
        None => (text.parse().ok()?, None),
    };
    let (bits, width) = match address {
        IpAddr::V4(v4) => (u128::from(u32::from(v4)) << 96, 32),
        IpAddr::V6(v6) => (u128::from(v6), 128),
    };
    let prefix = prefix.unwrap_or(width);
    let rest = bits.checked_shl(u32::from(prefix)).unwrap_or(0);
    (prefix <= width && rest == 0).then_some(Network { address, prefix })
}

fn host(text: &str) -> Option<String> {
    let good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    (1..=253).contains(&text.len()).then_some(())?;
    text.bytes().all(good).then(|| text.to_ascii_lowercase())
}
