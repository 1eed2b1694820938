//! A printer as it describes itself (RFC 8011 section 5.4, PWG 5100.13, PWG 5100.14).

use super::attribute::Group;
use super::code::{Finishing, Orientation, PrintQuality, PrinterState};
use super::message::{Message, Version};
use super::operation::Operation;
use super::reason::Reason;
use super::supply::{Supply, supplies};
use super::tag::GroupTag;
use super::value::{Resolution, Value};

/// What a printer says of itself. `None` or empty: it does not say, or not in a syntax that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrinterAttributes {
    pub name: Option<String>,
    pub info: Option<String>,
    pub location: Option<String>,
    pub make_and_model: Option<String>,
    /// printer-uuid, as `urn:uuid:…`.
    pub uuid: Option<String>,
    /// printer-device-id: keys and values of IEEE 1284.
    pub device_id: Option<String>,
    pub more_info: Option<String>,
    pub uris: Vec<PrinterUri>,

    pub state: Option<PrinterState>,
    /// `None`: not said; empty: `none`.
    pub state_reasons: Option<Vec<Reason>>,
    pub state_message: Option<String>,
    pub is_accepting_jobs: Option<bool>,
    pub queued_job_count: Option<u32>,
    /// In seconds of [`PrinterAttributes::up_time`].
    pub config_change_time: Option<i32>,
    pub state_change_time: Option<i32>,
    /// In seconds.
    pub up_time: Option<i32>,

    pub versions: Vec<Version>,
    pub operations: Vec<Operation>,
    pub compressions: Vec<String>,
    pub multiple_document_jobs: Option<bool>,
    /// In seconds: how long a job waits for its next document.
    pub multiple_operation_time_out_s: Option<u32>,
    pub job_creation_attributes: Vec<String>,
    pub which_jobs: Vec<String>,
    pub notify_pull_methods: Vec<String>,
    pub notify_events: Vec<String>,

    /// Media types.
    pub formats: Vec<String>,
    pub format_default: Option<String>,
    pub format_preferred: Option<String>,
    pub urf: Vec<String>,
    /// In dots an inch, across and along.
    pub pwg_raster_resolutions: Vec<(u32, u32)>,
    pub pwg_raster_types: Vec<String>,
    pub pwg_raster_sheet_back: Option<String>,

    pub media: Vec<String>,
    pub media_ready: Vec<String>,
    pub media_default: Option<String>,
    pub media_sources: Vec<String>,
    pub media_types: Vec<String>,
    /// media-col-supported: the members that media-col may have.
    pub media_col_members: Vec<String>,
    pub sides: Vec<String>,
    pub color: Option<bool>,
    pub color_modes: Vec<String>,
    pub qualities: Vec<PrintQuality>,
    pub orientations: Vec<Orientation>,
    /// In dots an inch, across and along.
    pub resolutions: Vec<(u32, u32)>,
    /// The least and the most.
    pub copies: Option<(i32, i32)>,
    pub number_up: Vec<(i32, i32)>,
    pub page_ranges: Option<bool>,
    pub finishings: Vec<Finishing>,
    pub output_bins: Vec<String>,
    pub multiple_document_handlings: Vec<String>,
    pub pages_per_minute: Option<u32>,
    pub pages_per_minute_color: Option<u32>,
    pub supplies: Vec<Supply>,
}

/// One way to the printer: the values at the same place of three attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterUri {
    pub uri: String,
    /// uri-security-supported: `none`, `tls`.
    pub security: Option<String>,
    /// uri-authentication-supported: `none`, `requesting-user-name`, `basic`, …
    pub authentication: Option<String>,
}

impl PrinterAttributes {
    /// The attributes that are read here, for requested-attributes.
    pub const REQUESTED: &[&str] = &[
        "printer-name",
        "printer-info",
        "printer-location",
        "printer-make-and-model",
        "printer-uuid",
        "printer-device-id",
        "printer-more-info",
        "printer-uri-supported",
        "uri-security-supported",
        "uri-authentication-supported",
        "printer-state",
        "printer-state-reasons",
        "printer-state-message",
        "printer-is-accepting-jobs",
        "queued-job-count",
        "printer-config-change-time",
        "printer-state-change-time",
        "printer-up-time",
        "ipp-versions-supported",
        "operations-supported",
        "compression-supported",
        "multiple-document-jobs-supported",
        "multiple-operation-time-out",
        "job-creation-attributes-supported",
        "which-jobs-supported",
        "notify-pull-method-supported",
        "notify-events-supported",
        "document-format-supported",
        "document-format-default",
        "document-format-preferred",
        "urf-supported",
        "pwg-raster-document-resolution-supported",
        "pwg-raster-document-type-supported",
        "pwg-raster-document-sheet-back",
        "media-supported",
        "media-ready",
        "media-default",
        "media-source-supported",
        "media-type-supported",
        "media-col-supported",
        "sides-supported",
        "color-supported",
        "print-color-mode-supported",
        "print-quality-supported",
        "orientation-requested-supported",
        "printer-resolution-supported",
        "copies-supported",
        "number-up-supported",
        "page-ranges-supported",
        "finishings-supported",
        "output-bin-supported",
        "multiple-document-handling-supported",
        "pages-per-minute",
        "pages-per-minute-color",
        "printer-supply",
        "printer-supply-description",
        "marker-names",
        "marker-types",
        "marker-colors",
        "marker-levels",
    ];

    /// The first printer of an answer; `None` where it has no printer group.
    pub fn first(message: &Message<'_>) -> Option<PrinterAttributes> {
        message.group(GroupTag::Printer).map(PrinterAttributes::of)
    }

    pub fn of(printer: &Group<'_>) -> PrinterAttributes {
        let named = |name: &str| printer.enumerations(name).into_iter();
        PrinterAttributes {
            name: printer.string("printer-name"),
            info: printer.string("printer-info"),
            location: printer.string("printer-location"),
            make_and_model: printer.string("printer-make-and-model"),
            uuid: printer.string("printer-uuid"),
            device_id: printer.string("printer-device-id"),
            more_info: printer.string("printer-more-info"),
            uris: uris(printer),
            state: printer.enumeration("printer-state").map(PrinterState::from_code),
            state_reasons: state_reasons(printer),
            state_message: printer.string("printer-state-message"),
            is_accepting_jobs: printer.boolean("printer-is-accepting-jobs"),
            queued_job_count: printer.count("queued-job-count"),
            config_change_time: printer.integer("printer-config-change-time"),
            state_change_time: printer.integer("printer-state-change-time"),
            up_time: printer.integer("printer-up-time"),
            versions: versions(printer),
            operations: operations(printer),
            compressions: printer.strings("compression-supported"),
            multiple_document_jobs: printer.boolean("multiple-document-jobs-supported"),
            multiple_operation_time_out_s: printer.count("multiple-operation-time-out"),
            job_creation_attributes: printer.strings("job-creation-attributes-supported"),
            which_jobs: printer.strings("which-jobs-supported"),
            notify_pull_methods: printer.strings("notify-pull-method-supported"),
            notify_events: printer.strings("notify-events-supported"),
            formats: printer.strings("document-format-supported"),
            format_default: printer.string("document-format-default"),
            format_preferred: printer.string("document-format-preferred"),
            urf: printer.strings("urf-supported"),
            pwg_raster_resolutions: dots_per_inch(printer, "pwg-raster-document-resolution-supported"),
            pwg_raster_types: printer.strings("pwg-raster-document-type-supported"),
            pwg_raster_sheet_back: printer.string("pwg-raster-document-sheet-back"),
            media: printer.strings("media-supported"),
            media_ready: printer.strings("media-ready"),
            media_default: printer.string("media-default"),
            media_sources: printer.strings("media-source-supported"),
            media_types: printer.strings("media-type-supported"),
            media_col_members: printer.strings("media-col-supported"),
            sides: printer.strings("sides-supported"),
            color: printer.boolean("color-supported"),
            color_modes: printer.strings("print-color-mode-supported"),
            qualities: named("print-quality-supported").map(PrintQuality::from_code).collect(),
            orientations: named("orientation-requested-supported").map(Orientation::from_code).collect(),
            resolutions: dots_per_inch(printer, "printer-resolution-supported"),
            copies: printer.first("copies-supported").and_then(Value::range),
            number_up: printer.values("number-up-supported").iter().filter_map(Value::range).collect(),
            page_ranges: printer.boolean("page-ranges-supported"),
            finishings: named("finishings-supported").map(Finishing::from_code).collect(),
            output_bins: printer.strings("output-bin-supported"),
            multiple_document_handlings: printer.strings("multiple-document-handling-supported"),
            pages_per_minute: printer.count("pages-per-minute"),
            pages_per_minute_color: printer.count("pages-per-minute-color"),
            supplies: supplies(printer),
        }
    }

    /// Whether the printer knows an operation; `None` where it does not say what it knows.
    pub fn knows(&self, operation: Operation) -> Option<bool> {
        (!self.operations.is_empty()).then(|| self.operations.contains(&operation))
    }
}

/// printer-state-reasons without `none`; `None` where they are not said.
pub(super) fn state_reasons(group: &Group<'_>) -> Option<Vec<Reason>> {
    let said = group.strings("printer-state-reasons");
    (!said.is_empty()).then(|| said.iter().filter_map(|text| Reason::parse(text)).collect())
}

fn uris(printer: &Group<'_>) -> Vec<PrinterUri> {
    let security = printer.values("uri-security-supported");
    let authentication = printer.values("uri-authentication-supported");
    let at = |values: &[Value<'_>], at: usize| values.get(at)?.text().map(|text| text.into_owned());
    let uris = printer.values("printer-uri-supported").iter().enumerate();
    uris.filter_map(|(place, uri)| {
        Some(PrinterUri {
            uri: uri.text()?.into_owned(),
            security: at(security, place),
            authentication: at(authentication, place),
        })
    })
    .collect()
}

fn versions(printer: &Group<'_>) -> Vec<Version> {
    let version = |text: &String| {
        let (major, minor) = text.split_once('.')?;
        Some(Version { major: major.parse().ok()?, minor: minor.parse().ok()? })
    };
    printer.strings("ipp-versions-supported").iter().filter_map(version).collect()
}

fn operations(printer: &Group<'_>) -> Vec<Operation> {
    let codes = printer.enumerations("operations-supported").into_iter();
    codes.filter_map(|code| u16::try_from(code).ok()).map(Operation::from_code).collect()
}

fn dots_per_inch(printer: &Group<'_>, name: &str) -> Vec<(u32, u32)> {
    printer.resolutions(name).into_iter().filter_map(Resolution::dots_per_inch).collect()
}
