//! What a printer says of itself, in our words. Pure.

use crate::model::description::{self, Description};
use crate::model::document::Format;
use crate::protocol::ipp::{Operation, PrinterAttributes};

/// How documents reach a printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// Create-Job and a Send-Document for each document.
    Create,
    /// Print-Job: one document, and no handle before its end.
    Print,
}

/// How many documents one job of IPP takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    All,
    One,
}

pub fn road(printer: &PrinterAttributes) -> Road {
    let knows = |operation| printer.knows(operation) == Some(true);
    if knows(Operation::CreateJob) && knows(Operation::SendDocument) { Road::Create } else { Road::Print }
}

pub fn batch(printer: &PrinterAttributes) -> Batch {
    match (road(printer), printer.multiple_document_jobs) {
        (Road::Create, Some(true)) => Batch::All,
        (Road::Create | Road::Print, _) => Batch::One,
    }
}

/// The most copies that it makes of a job.
pub fn copies_max(printer: &PrinterAttributes) -> u32 {
    let most = printer.copies.map_or(1, |(_, most)| most);
    u32::try_from(most).unwrap_or(1).max(1)
}

/// The media type to say of a document: its own where the printer lists it or lists none, else the one that
/// lets the printer look for itself. Where there is neither, the printer gets to say that it does not know it.
pub fn format_of<'a>(format: &'a Format, printer: &PrinterAttributes) -> &'a str {
    let lists = |media_type: &str| printer.formats.iter().any(|known| known.eq_ignore_ascii_case(media_type));
    let any = Format::Unknown;
    if printer.formats.is_empty() || lists(format.media_type()) || !lists(any.media_type()) {
        format.media_type()
    } else {
        "application/octet-stream"
    }
}

/// The printer, described.
pub fn description(printer: &PrinterAttributes) -> Description {
    let texts = |list: &[String]| list.iter().take(description::VALUES_MAX).cloned().collect::<Vec<_>>();
    let formats = printer.formats.iter().take(description::VALUES_MAX);
    Description {
        model: printer.make_and_model.clone(),
        info: printer.info.clone(),
        location: printer.location.clone(),
        identity: printer.uuid.clone(),
        formats: formats.map(|format| Format::from_media_type(format)).collect(),
        media: texts(&printer.media),
        media_ready: texts(&printer.media_ready),
        sides: texts(&printer.sides),
        color_modes: texts(&printer.color_modes),
        color: printer.color,
        resolutions: printer.resolutions.iter().take(description::VALUES_MAX).copied().collect(),
        copies_max: printer.copies.map(|_| copies_max(printer)),
        pages_per_minute: printer.pages_per_minute,
        supplies: printer.supplies.iter().take(description::SUPPLIES_MAX).map(supply).collect(),
        reasons: printer
            .state_reasons
            .iter()
            .flatten()
            .take(description::VALUES_MAX)
            .map(ToString::to_string)
            .collect(),
    }
}

fn supply(supply: &crate::protocol::ipp::Supply) -> description::Supply {
    let crate::protocol::ipp::Supply { name, kind, color, percent } = supply.clone();
    description::Supply { name, kind, color, percent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_take_the_road_that_the_printer_knows() {
        let printer = |operations: &[Operation], several| PrinterAttributes {
            operations: operations.to_vec(),
            multiple_document_jobs: several,
            ..PrinterAttributes::default()
        };
        let both = [Operation::CreateJob, Operation::SendDocument, Operation::PrintJob];
        for (printer, expected) in [
            (printer(&both, Some(true)), (Road::Create, Batch::All)),
            (printer(&both, Some(false)), (Road::Create, Batch::One)),
            (printer(&both, None), (Road::Create, Batch::One)),
            (printer(&[Operation::PrintJob], Some(true)), (Road::Print, Batch::One)),
            (printer(&[Operation::CreateJob], Some(true)), (Road::Print, Batch::One)),
            (printer(&[], None), (Road::Print, Batch::One)),
        ] {
            assert_eq!((road(&printer), batch(&printer)), expected);
        }
    }

    #[test]
    fn a_format_that_the_printer_does_not_list_is_left_to_its_eyes() {
        let printer = |formats: &[&str]| PrinterAttributes {
            formats: formats.iter().map(|format| (*format).to_owned()).collect(),
            ..PrinterAttributes::default()
        };
        for (formats, expected) in [
            (&[][..], "application/pdf"),
            (&["image/urf", "application/PDF"], "application/pdf"),
            (&["image/urf", "application/octet-stream"], "application/octet-stream"),
            (&["image/urf"], "application/pdf"),
        ] {
            assert_eq!(format_of(&Format::Pdf, &printer(formats)), expected, "{formats:?}");
        }
    }
}
