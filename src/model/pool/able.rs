//! Whether a printer can print a job at all.

use std::fmt;

use crate::model::description::Description;
use crate::model::document::Format;
use crate::model::job::Job;
use crate::model::printer::Printer;

/// Why a printer cannot print a job, however long one waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// It does not print that format, and nothing turns it into another one.
    Format(Format),
    /// It cannot do what the job asks for.
    Option { name: &'static str, value: String },
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyNot::Format(format) => write!(f, "prints {}", format.media_type()),
            WhyNot::Option { name, value } => write!(f, "can do {name}={value}"),
        }
    }
}

/// Whether this printer may be given the job of a pool. What the device has not said of itself, it is taken to
/// be able to do. A job that is addressed to one printer is not asked about here: what its device makes of it
/// is the device's own business.
pub fn may_take(printer: &Printer, description: Option<&Description>, job: &Job) -> Result<(), WhyNot> {
    let unknown = Description::default();
    let device = description.unwrap_or(&unknown);
    for document in &job.documents {
        if !prints(printer, device, &document.format) {
            return Err(WhyNot::Format(document.format.clone()));
        }
    }
    let wants = |name| job.options.get(name);
    let cannot = |name, value: &str| Err(WhyNot::Option { name, value: value.to_owned() });
    match wants("sides") {
        Some(sides) if sides != "one-sided" && lacks(&device.sides, sides) => return cannot("sides", sides),
        _ => {}
    }
    match wants("print-color-mode") {
        Some("color") if device.color == Some(false) || lacks(&device.color_modes, "color") => {
            return cannot("print-color-mode", "color");
        }
        _ => {}
    }
    match wants("media") {
        // A device with a range of custom sizes may have this one too.
        Some(media)
            if !device.media.iter().any(|size| size.starts_with("custom_"))
                && lacks(&device.media, media) =>
        {
            cannot("media", media)
        }
        _ => Ok(()),
    }
}

/// Bytes of which nothing is known go anywhere; a person has chosen the pool for them.
fn prints(printer: &Printer, device: &Description, format: &Format) -> bool {
    match (format, &printer.format) {
        (Format::Unknown, _) => true,
        (format, Some(only)) => format == only,
        (format, None) => device.formats.is_empty() || device.formats.contains(format),
    }
}

fn lacks(known: &[String], wanted: &str) -> bool {
    !known.is_empty() && !known.iter().any(|value| value == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixtures::{job, name};
    use crate::model::id::PrinterId;
    use crate::model::printer::Origin;

    fn printer(format: Option<Format>) -> Printer {
        Printer { format, ..Printer::new(PrinterId(1), name("p"), "sim:".to_owned(), Origin::Api) }
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_format_goes_where_it_is_printed() {
        let of = |format: Format| {
            let mut job = job(1);
            job.documents[0].format = format;
            job
        };
        let urf = Description { formats: vec![Format::Urf, Format::Unknown], ..Description::default() };
        let cases = [
            (None, None, Format::Pdf, true),
            (None, Some(&urf), Format::Urf, true),
            (None, Some(&urf), Format::Pdf, false),
            (None, Some(&urf), Format::Unknown, true),
            (Some(Format::Pdf), None, Format::Pdf, true),
            (Some(Format::Pdf), None, Format::Text, false),
            // The configuration knows better than the device.
            (Some(Format::Pdf), Some(&urf), Format::Pdf, true),
            (Some(Format::Pdf), Some(&urf), Format::Unknown, true),
        ];
        for (configured, device, format, may) in cases {
            let answer = may_take(&printer(configured.clone()), device, &of(format.clone()));
            assert_eq!(answer.is_ok(), may, "{format:?} to {configured:?}, {device:?}");
        }
        let mut two = of(Format::Urf);
        two.documents.push(of(Format::Pdf).documents.remove(0));
        let why = may_take(&printer(None), Some(&urf), &two).unwrap_err();
        assert_eq!(why.to_string(), "prints application/pdf");
    }

    #[test]
    fn options_are_asked_for_where_the_device_lists_what_it_can() {
        let device = Description {
            sides: words(&["one-sided"]),
            color: Some(false),
            media: words(&["iso_a4_210x297mm"]),
            ..Description::default()
        };
        let cases = [
            ("sides", "one-sided", true),
            ("sides", "two-sided-long-edge", false),
            ("print-color-mode", "color", false),
            ("print-color-mode", "monochrome", true),
            ("media", "iso_a4_210x297mm", true),
            ("media", "iso_a3_297x420mm", false),
            ("copies", "7", true),
        ];
        for (option, value, may) in cases {
            let mut job = job(1);
            job.options.set(option, value).unwrap();
            assert_eq!(may_take(&printer(None), Some(&device), &job).is_ok(), may, "{option}={value}");
            assert_eq!(may_take(&printer(None), None, &job), Ok(()), "unknown lists allow");
        }
        let custom = Description { media: words(&["custom_max_297x1200mm"]), ..Description::default() };
        let mut job = job(1);
        job.options.set("media", "iso_a3_297x420mm").unwrap();
        assert_eq!(may_take(&printer(None), Some(&custom), &job), Ok(()));
    }
}
