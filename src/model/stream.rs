//! Large documents that are sent while they still arrive (`stream = "large"`): which, and how long their printer
//! waits for the rest.

use std::time::Duration;

use super::document::Format;
use super::event::{Entry, Source};
use super::id::{DocumentId, JobId};
use super::intake::Arrival;
use super::job::Job;
use super::printer::{Printer, Stream};

/// A document is large that has more bytes than this.
pub const LARGE_BYTES: u64 = 64 * 1024 * 1024;
/// A printer waits this long in all for bytes that do not come …
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// … and longer the more has come: a document must arrive at this pace at least, in bytes a second.
pub const PACE_MIN: u64 = 64 * 1024;

/// A job that is arriving, and that its printer might begin with meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    pub job: JobId,
    /// The number under which its document is being written.
    pub document: DocumentId,
    pub format: Format,
    /// How long it will be, where the client has said so.
    pub bytes: Option<u64>,
    /// Bytes that have arrived.
    pub arrived: u64,
    pub arrival: Arrival,
}

impl Offer {
    pub fn is_large(&self) -> bool {
        self.bytes.unwrap_or_default().max(self.arrived) > LARGE_BYTES
    }
}

/// Whether this printer may have that job before its document is here, were it its turn.
pub fn may_stream(printer: &Printer, job: &Job, offer: &Offer) -> bool {
    // What is told to an IPP printer begins with the length.
    let tells_length = ["ipp:", "ipps:"].iter().any(|scheme| printer.uri.starts_with(scheme));
    printer.stream == Stream::Large
        && !printer.paused
        && offer.is_large()
        && offer.arrival == Arrival::Print
        && printer.format.as_ref().is_none_or(|spoken| *spoken == offer.format)
        && job.options.or(&printer.defaults).copies() == 1
        && (offer.bytes.is_some() || !tells_length)
}

/// Whether a printer that has been given so many bytes, and has waited for bytes so long in all, waits on.
pub fn waits_on(waited: Duration, bytes: u64) -> bool {
    waited < WAIT_MAX.saturating_add(Duration::from_secs(bytes / PACE_MIN))
}

/// The first entry of a job that is registered to be sent while its document arrives.
pub fn registered(job: &mut Job) -> Entry {
    job.entries = 1;
    Entry {
        job: job.id,
        seq: 1,
        at: job.created_at,
        source: Source::User,
        kind: "registered".into(),
        from: None,
        to: job.status,
        reason: None,
        message: "registered, not accepted: its document is sent while it arrives".to_owned(),
        attempt: 0,
        printer: None,
        next_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixtures::{job, name};
    use crate::model::id::PrinterId;
    use crate::model::options::Options;
    use crate::model::printer::Origin;

    fn printer(uri: &str) -> Printer {
        let printer = Printer::new(PrinterId(1), name("p"), uri.to_owned(), Origin::Api);
        Printer { stream: Stream::Large, ..printer }
    }

    fn offer() -> Offer {
        Offer {
            job: JobId(1),
            document: DocumentId(1),
            format: Format::Unknown,
            bytes: Some(LARGE_BYTES + 1),
            arrived: 0,
            arrival: Arrival::Print,
        }
    }

    #[test]
    fn a_document_is_large_from_one_byte_over_64_mib_on() {
        assert!(offer().is_large());
        assert!(!Offer { bytes: Some(LARGE_BYTES), ..offer() }.is_large());
        assert!(!Offer { bytes: None, arrived: LARGE_BYTES, ..offer() }.is_large());
        assert!(Offer { bytes: None, arrived: LARGE_BYTES + 1, ..offer() }.is_large());
    }

    #[test]
    fn only_what_prints_once_and_at_once_is_streamed_and_only_where_it_is_wanted() {
        let (raw, ipp) = (printer("socket://a"), printer("ipp://a/ipp/print"));
        let unknown = Offer { bytes: None, arrived: LARGE_BYTES + 1, ..offer() };
        let mut copies = job(1);
        copies.options.set("copies", "2").unwrap();
        let mut defaults = Options::default();
        defaults.set("copies", "2").unwrap();
        for (printer, job, offer, expected) in [
            (raw.clone(), job(1), offer(), true),
            (ipp.clone(), job(1), offer(), true),
            (raw.clone(), job(1), unknown.clone(), true),
            (ipp, job(1), unknown, false),
            (Printer { stream: Stream::Never, ..raw.clone() }, job(1), offer(), false),
            (Printer { paused: true, ..raw.clone() }, job(1), offer(), false),
            (Printer { defaults, ..raw.clone() }, job(1), offer(), false),
            (Printer { format: Some(Format::Pdf), ..raw.clone() }, job(1), offer(), false),
            (raw.clone(), copies, offer(), false),
            (raw.clone(), job(1), Offer { arrival: Arrival::Hold, ..offer() }, false),
            (raw, job(1), Offer { bytes: Some(LARGE_BYTES), ..offer() }, false),
        ] {
            assert_eq!(may_stream(&printer, &job, &offer), expected, "{printer:?} {offer:?}");
        }
    }

    #[test]
    fn a_printer_waits_for_what_arrives_at_some_pace() {
        let second = Duration::from_secs(1);
        assert!(waits_on(WAIT_MAX - second, 0) && !waits_on(WAIT_MAX, 0));
        assert!(waits_on(WAIT_MAX + second, 2 * PACE_MIN) && !waits_on(WAIT_MAX + 2 * second, 2 * PACE_MIN));
    }
}
