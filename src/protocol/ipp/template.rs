//! Job template attributes: how a job is to be printed (RFC 8011 section 5.2, PWG 5100.7).

use super::attribute::{Attribute, Group};
use super::code::{Finishing, Orientation, PrintQuality};
use super::media::media_size;
use super::tag::GroupTag;
use super::value::{Resolution, Value};

/// What is asked of the printer; what is `None` or empty is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobTemplate<'a> {
    pub copies: Option<i32>,
    /// A self-describing name (PWG 5101.1) or another keyword.
    pub media: Option<&'a str>,
    pub media_source: Option<&'a str>,
    pub media_type: Option<&'a str>,
    pub sides: Option<&'a str>,
    pub print_color_mode: Option<&'a str>,
    pub print_quality: Option<PrintQuality>,
    pub orientation: Option<Orientation>,
    pub resolution: Option<Resolution>,
    /// First and last page of each range, from 1, ascending.
    pub page_ranges: Vec<(i32, i32)>,
    pub number_up: Option<i32>,
    pub finishings: Vec<Finishing>,
    pub output_bin: Option<&'a str>,
    pub multiple_document_handling: Option<&'a str>,
}

impl<'a> JobTemplate<'a> {
    /// The job group; `None` where nothing is asked for: an empty group would be legal, but trips printers.
    pub(super) fn group(&self) -> Option<Group<'a>> {
        let mut group = Group::new(GroupTag::Job);
        let mut number = |name: &'static str, value: Option<i32>| {
            group.attributes.extend(value.map(|value| Attribute::new(name, Value::Integer(value))));
        };
        number("copies", self.copies);
        number("number-up", self.number_up);
        let mut enumeration = |name: &'static str, value: Option<i32>| {
            group.attributes.extend(value.map(|value| Attribute::new(name, Value::Enum(value))));
        };
        enumeration("print-quality", self.print_quality.map(PrintQuality::code));
        enumeration("orientation-requested", self.orientation.map(Orientation::code));
        let keywords = [
            ("sides", self.sides),
            ("print-color-mode", self.print_color_mode),
            ("output-bin", self.output_bin),
            ("multiple-document-handling", self.multiple_document_handling),
        ];
        for (name, value) in keywords {
            group.attributes.extend(value.map(|value| Attribute::new(name, Value::keyword(value))));
        }
        if let Some(resolution) = self.resolution {
            group.push("printer-resolution", Value::Resolution(resolution));
        }
        let ranges = self.page_ranges.iter().map(|(first, last)| Value::Range(*first, *last));
        group.attributes.extend(set("page-ranges", ranges.collect()));
        let finishings = self.finishings.iter().map(|finishing| Value::Enum(finishing.code()));
        group.attributes.extend(set("finishings", finishings.collect()));
        group.attributes.extend(self.media());
        (!group.attributes.is_empty()).then_some(group)
    }

    /// `media`, or `media-col` where a source or a type is asked for: a job must not have both (PWG 5100.7
    /// section 6.9).
    fn media(&self) -> Option<Attribute<'a>> {
        if self.media_source.is_none() && self.media_type.is_none() {
            return self.media.map(|media| Attribute::new("media", Value::keyword(media)));
        }
        let mut members = Vec::new();
        members.extend(self.media.map(size_member));
        let keywords = [("media-source", self.media_source), ("media-type", self.media_type)];
        for (name, value) in keywords {
            members.extend(value.map(|value| Attribute::new(name, Value::keyword(value))));
        }
        Some(Attribute::new("media-col", Value::Collection(members)))
    }
}

/// The size as numbers, which all printers understand; by its name where that does not tell them.
fn size_member<'a>(media: &'a str) -> Attribute<'a> {
    match media_size(media) {
        Some(size) => Attribute::new(
            "media-size",
            Value::Collection(vec![
                Attribute::new("x-dimension", Value::Integer(size.x)),
                Attribute::new("y-dimension", Value::Integer(size.y)),
            ]),
        ),
        None => Attribute::new("media-size-name", Value::keyword(media)),
    }
}

fn set<'a>(name: &'static str, values: Vec<Value<'a>>) -> Option<Attribute<'a>> {
    (!values.is_empty()).then(|| Attribute { name: name.into(), values })
}
