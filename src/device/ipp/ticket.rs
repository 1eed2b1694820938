//! Options of a job as job template attributes: what the printer knows, and less where it refuses. Pure.

use std::collections::BTreeSet;

use crate::model::options::Options;
use crate::protocol::ipp::{Finishing, JobTemplate, Orientation, PrintQuality, PrinterAttributes};

/// How much of the options is asked for; `copies` always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ask {
    /// Everything that the printer says it knows.
    #[default]
    All,
    /// Without those that it refused by name.
    Without(BTreeSet<String>),
    CopiesOnly,
}

impl Ask {
    /// What to ask for after a refusal that named these; `None` where nothing is left to leave out.
    pub fn less(&self, refused: &[String]) -> Option<Ask> {
        let named: BTreeSet<String> = refused.iter().filter(|name| *name != "copies").cloned().collect();
        match self {
            Ask::All if !named.is_empty() => Some(Ask::Without(named)),
            Ask::All | Ask::Without(_) => Some(Ask::CopiesOnly),
            Ask::CopiesOnly => None,
        }
    }

    fn wants(&self, name: &str) -> bool {
        match self {
            Ask::All => true,
            Ask::Without(refused) => !refused.contains(name),
            Ask::CopiesOnly => false,
        }
    }
}

/// The attributes for a job. `copies` is what the printer is to make of it.
pub fn template<'a>(
    options: &'a Options,
    copies: u32,
    printer: &PrinterAttributes,
    ask: &Ask,
) -> JobTemplate<'a> {
    let get = |name: &str| options.get(name).filter(|_| ask.wants(name));
    let keyword =
        |name: &str, known: &[String]| get(name).filter(|value| known.is_empty() || has(known, value));
    let media_col = |name: &str, known: &[String]| {
        keyword(name, known).filter(|_| ask.wants("media-col") && has(&printer.media_col_members, name))
    };
    JobTemplate {
        copies: (copies > 1).then(|| i32::try_from(copies).unwrap_or(i32::MAX)),
        media: keyword("media", &printer.media),
        media_source: media_col("media-source", &printer.media_sources),
        media_type: media_col("media-type", &printer.media_types),
        sides: keyword("sides", &printer.sides),
        print_color_mode: keyword("print-color-mode", &printer.color_modes),
        print_quality: get("print-quality")
            .and_then(PrintQuality::from_name)
            .filter(|quality| printer.qualities.is_empty() || printer.qualities.contains(quality)),
        orientation: get("orientation-requested").and_then(Orientation::from_name).filter(|orientation| {
            printer.orientations.is_empty() || printer.orientations.contains(orientation)
        }),
        resolution: None,
        page_ranges: match printer.page_ranges {
            Some(false) => Vec::new(),
            Some(true) | None => get("page-ranges").map(page_ranges).unwrap_or_default(),
        },
        number_up: get("number-up")
            .and_then(|value| value.parse().ok())
            .filter(|number| printer.number_up.iter().any(|(least, most)| (least..=most).contains(&number))),
        finishings: get("finishings")
            .and_then(Finishing::from_name)
            .filter(|finishing| printer.finishings.contains(finishing))
            .into_iter()
            .collect(),
        output_bin: keyword("output-bin", &printer.output_bins),
        multiple_document_handling: None,
    }
}

fn has(known: &[String], value: &str) -> bool {
    known.iter().any(|known| known == value)
}

/// `1-3,7`; checked when the option was set.
fn page_ranges(text: &str) -> Vec<(i32, i32)> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    text.split(',').filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        let mut options = Options::default();
        for (name, value) in pairs {
            options.set(name, value).unwrap();
        }
        options
    }

    fn printer() -> PrinterAttributes {
        PrinterAttributes {
            sides: vec!["one-sided".to_owned(), "two-sided-long-edge".to_owned()],
            media: vec!["iso_a4_210x297mm".to_owned()],
            number_up: vec![(1, 4)],
            page_ranges: Some(true),
            qualities: vec![PrintQuality::Normal],
            ..PrinterAttributes::default()
        }
    }

    #[test]
    fn only_what_the_printer_knows_is_asked_for() {
        let asked = options(&[
            ("sides", "two-sided-long-edge"),
            ("media", "na_letter_8.5x11in"),
            ("media-source", "tray-1"),
            ("number-up", "4"),
            ("page-ranges", "1-3,7"),
            ("print-quality", "high"),
            ("finishings", "staple"),
            ("print-color-mode", "color"),
        ]);
        let template = template(&asked, 3, &printer(), &Ask::All);
        assert_eq!(template.copies, Some(3));
        assert_eq!(template.sides, Some("two-sided-long-edge"));
        assert_eq!((template.media, template.media_source), (None, None));
        assert_eq!(template.number_up, Some(4));
        assert_eq!(template.page_ranges, [(1, 3), (7, 7)]);
        assert_eq!(template.print_quality, None);
        assert_eq!(template.finishings, []);
        assert_eq!(template.print_color_mode, Some("color"), "not listed is not known, and tried");
    }

    #[test]
    fn after_a_refusal_less_is_asked_for_but_never_fewer_copies() {
        let asked = options(&[("sides", "two-sided-long-edge"), ("media", "iso_a4_210x297mm")]);
        let refused = ["sides".to_owned(), "copies".to_owned()];
        let second = Ask::All.less(&refused).unwrap();
        let of_second = template(&asked, 2, &printer(), &second);
        assert_eq!(
            (of_second.sides, of_second.media, of_second.copies),
            (None, Some("iso_a4_210x297mm"), Some(2))
        );
        let third = second.less(&refused).unwrap();
        let of_third = template(&asked, 2, &printer(), &third);
        assert_eq!((of_third.sides, of_third.media, of_third.copies), (None, None, Some(2)));
        assert_eq!(third.less(&refused), None);
        assert_eq!(Ask::All.less(&[]), Some(Ask::CopiesOnly));
    }
}
