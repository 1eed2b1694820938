//! Printers as clients see them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::access::Who;
use super::job_json::time;
use super::state::HttpState;
use crate::device;
use crate::model::description::{Description, Supply};
use crate::model::document::Format;
use crate::model::id::QueueId;
use crate::model::printer::{
    Activity, CancelPrinting, Closes, Origin, Printer, PrinterLive, PrinterState, Reroute, Scheduling,
    Stream, WhenInDoubt, reasons, state,
};

/// A printer. Secrets are never shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct PrinterBody {
    pub id: u32,
    pub name: String,
    /// Null over the network.
    pub uri: Option<String>,
    /// Null where it has none, and over the network.
    pub address: Option<String>,
    pub port: Option<u16>,
    #[schema(value_type = String)]
    pub scheduling: &'static str,
    /// The server that has jobs for it; null while nobody has.
    pub in_charge: Option<String>,
    /// `idle`, `processing` or `stopped`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// IPP keywords.
    #[schema(value_type = Vec<String>)]
    pub reasons: Vec<&'static str>,
    pub message: String,
    pub accepting: bool,
    pub paused: bool,
    pub shared: bool,
    /// Jobs that wait or are at the printer.
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    pub held_jobs: u64,
    /// Null where it is not known.
    pub expected_wait_s: Option<u64>,
    /// Set while it cannot print and has work.
    pub next_try_at: Option<String>,
    /// What it has left of toner, ink and the like; null where it does not say.
    pub supplies: Option<Vec<SupplyBody>>,
    /// Null where it does not say.
    pub model: Option<String>,
    /// What the device said of itself when it was last reached; null where it has no words for that.
    pub description: Option<DescriptionBody>,
    /// When it was last sent a wake-up call, while it is off or asleep.
    pub woken_at: Option<String>,
    /// The job that it has.
    pub job: Option<u32>,
    pub info: String,
    pub location: String,
    /// What it is sent, `auto` for whatever it can take.
    pub format: String,
    pub options: BTreeMap<String, String>,
    #[schema(value_type = String)]
    pub when_in_doubt: &'static str,
    #[schema(value_type = String)]
    pub cancel_printing: &'static str,
    pub reroute: String,
    #[schema(value_type = String)]
    pub closes: &'static str,
    #[schema(value_type = String)]
    pub stream: &'static str,
    pub mac: Option<String>,
    /// `built-in`, `file` (read-only here) or `api`.
    #[schema(value_type = String)]
    pub origin: &'static str,
}

/// What a printer can do and has, in the words of IPP. Lists are empty where it does not say.
#[derive(Debug, Serialize, ToSchema)]
pub struct DescriptionBody {
    pub info: Option<String>,
    pub location: Option<String>,
    /// Formats that it prints, as media types.
    pub formats: Vec<String>,
    pub media: Vec<String>,
    pub media_ready: Vec<String>,
    pub sides: Vec<String>,
    pub color_modes: Vec<String>,
    pub color: Option<bool>,
    /// Dots an inch, such as `600x600`.
    pub resolutions: Vec<String>,
    pub copies_max: Option<u32>,
    pub pages_per_minute: Option<u32>,
    /// printer-state-reasons as the device says them.
    pub reasons: Vec<String>,
}

/// Toner, ink, waste and the like.
#[derive(Debug, Serialize, ToSchema)]
pub struct SupplyBody {
    pub name: String,
    /// Such as `toner-cartridge`.
    pub kind: Option<String>,
    /// `#RRGGBB`
    pub color: Option<String>,
    /// What is left, 0 to 100.
    pub percent: Option<u8>,
}

impl From<&Description> for DescriptionBody {
    fn from(said: &Description) -> DescriptionBody {
        // Model and supplies stand beside it; the identity is for discovery.
        let Description { model: _, supplies: _, identity: _, info, location, formats, media, .. } = said;
        let Description { media_ready, sides, color_modes, color, resolutions, .. } = said;
        let Description { copies_max, pages_per_minute, reasons, .. } = said;
        DescriptionBody {
            info: info.clone(),
            location: location.clone(),
            formats: formats.iter().map(|format| format.media_type().to_owned()).collect(),
            media: media.clone(),
            media_ready: media_ready.clone(),
            sides: sides.clone(),
            color_modes: color_modes.clone(),
            color: *color,
            resolutions: resolutions.iter().map(|(across, along)| format!("{across}x{along}")).collect(),
            copies_max: *copies_max,
            pages_per_minute: *pages_per_minute,
            reasons: reasons.clone(),
        }
    }
}

impl From<&Supply> for SupplyBody {
    fn from(supply: &Supply) -> SupplyBody {
        let Supply { name, kind, color, percent } = supply.clone();
        SupplyBody { name, kind, color, percent }
    }
}

/// What a device has left; `None` where it does not say.
pub fn supplies(said: &Description) -> Option<Vec<SupplyBody>> {
    let supplies = &said.supplies;
    (!supplies.is_empty()).then(|| supplies.iter().map(SupplyBody::from).collect())
}

/// The printer as `who` may see it.
pub fn printer(http: &HttpState, who: &Who, printer: &Printer) -> PrinterBody {
    let live = http.core.printer_live(printer.id);
    let said = http.core.description(printer.id);
    let counts = http.core.store().counts(QueueId::Printer(printer.id));
    let wait = http.core.expected_wait(QueueId::Printer(printer.id), http.clock.now().mono);
    let busy = counts.jobs > 0 || live.job.is_some();
    let (address, port) = address(http, printer);
    let body = PrinterBody {
        id: printer.id.0,
        name: printer.name.to_string(),
        uri: Some(without_secrets(&printer.uri)),
        address,
        port,
        scheduling: match printer.scheduling {
            Scheduling::Server => "server",
            Scheduling::Device => "device",
        },
        in_charge: busy.then(|| http.core.directory().server.clone()),
        state: shown_state(printer, &live).word(),
        reasons: reasons(printer.paused, &live.activity),
        message: message(printer, &live),
        accepting: printer.accepting,
        paused: printer.paused,
        shared: printer.share,
        queued_jobs: counts.jobs,
        queued_bytes: counts.bytes,
        held_jobs: counts.held,
        expected_wait_s: wait.map(|wait| wait.as_secs()),
        next_try_at: live.next_try_at.map(time),
        supplies: said.as_deref().and_then(supplies),
        model: said.as_ref().and_then(|said| said.model.clone()),
        description: said.as_deref().map(DescriptionBody::from),
        woken_at: live.woken_at.map(time),
        job: live.job.map(|job| job.0),
        info: printer.info.clone(),
        location: printer.location.clone(),
        format: printer.format.as_ref().map_or("auto", Format::media_type).to_owned(),
        options: printer.defaults.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        when_in_doubt: match printer.when_in_doubt {
            WhenInDoubt::PrintAgain => "print-again",
            WhenInDoubt::Hold => "hold",
            WhenInDoubt::Continue => "continue",
        },
        cancel_printing: match printer.cancel_printing {
            CancelPrinting::Auto => "auto",
            CancelPrinting::Refuse => "refuse",
        },
        reroute: match &printer.reroute {
            Reroute::Pool => "pool".to_owned(),
            Reroute::Never => "never".to_owned(),
            Reroute::To(name) => name.to_string(),
        },
        closes: match printer.closes {
            Closes::Auto => "auto",
            Closes::Yes => "yes",
            Closes::No => "no",
        },
        stream: match printer.stream {
            Stream::Never => "never",
            Stream::Large => "large",
        },
        mac: live.mac.or(printer.mac).map(|mac| mac.map(|byte| format!("{byte:02x}")).join(":")),
        origin: origin_word(printer.origin),
    };
    match who {
        // Where a printer is concerns nobody who can only submit to it.
        Who::Network(_) => PrinterBody { uri: None, address: None, port: None, mac: None, job: None, ..body },
        Who::Loopback | Who::Local { .. } | Who::Admin(_) => body,
    }
}

pub fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::BuiltIn => "built-in",
        Origin::File => "file",
        Origin::Api => "api",
    }
}

pub fn shown_state(printer: &Printer, live: &PrinterLive) -> PrinterState {
    state(printer.paused, &live.activity)
}

fn message(printer: &Printer, live: &PrinterLive) -> String {
    let now = live.activity.sentence();
    let woken = live.woken_at.map(|at| format!("; it was sent a wake-up call at {}", time(at)));
    let when = live.next_try_at.map(|at| format!("; it is tried again at {}", time(at)));
    let when = woken.into_iter().chain(when).collect::<String>();
    match (printer.paused, &live.activity) {
        (true, Activity::Idle) => {
            format!("paused by an administrator; `spool printer resume {}` lets it print", printer.name)
        }
        (true, _) => format!("{now}{when}; paused by an administrator"),
        (false, Activity::Idle) if let Some(trouble) = &live.last_trouble => {
            let (then, found) = (time(trouble.at), trouble.sentence());
            format!(
                "not tried since {then}, when it was found that {found}; it is tried as soon as it has a job"
            )
        }
        (false, _) => format!("{now}{when}"),
    }
}

fn address(http: &HttpState, printer: &Printer) -> (Option<String>, Option<u16>) {
    let target = device::parse(printer, &http.settings().surroundings);
    let (host, port) = target.map(|target| target.address()).unwrap_or_default();
    (Some(host).filter(|host| !host.is_empty()), Some(port).filter(|port| *port != 0))
}

/// A URI as it may be shown: without `user:password@`.
pub fn without_secrets(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        for (uri, shown) in [
            ("ipps://ann:secret@10.0.0.1/ipp/print", "ipps://10.0.0.1/ipp/print"),
            ("ipp://a@b@host", "ipp://host"),
            ("socket://10.0.0.20:9100", "socket://10.0.0.20:9100"),
            ("ipp://host/a@b", "ipp://host/a@b"),
            ("file:/srv/prints", "file:/srv/prints"),
        ] {
            assert_eq!(without_secrets(uri), shown);
        }
    }
}
