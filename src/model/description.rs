//! What a device says of itself.

use super::document::Format;

/// The most values kept of each list; more of them would be no use to anybody.
pub const VALUES_MAX: usize = 256;
/// The most supplies kept of one device.
pub const SUPPLIES_MAX: usize = 32;

/// What a device can do and has. Everything in it may be unknown: empty or `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// printer-make-and-model.
    pub model: Option<String>,
    /// printer-info and printer-location as the device has them.
    pub info: Option<String>,
    pub location: Option<String>,
    /// printer-uuid, or a serial number: the same device under another address.
    pub identity: Option<String>,
    /// Formats that it prints; empty: not known.
    pub formats: Vec<Format>,
    /// media-supported and media-ready, by their self-describing names (PWG 5101.1).
    pub media: Vec<String>,
    pub media_ready: Vec<String>,
    /// sides-supported, print-color-mode-supported: keywords.
    pub sides: Vec<String>,
    pub color_modes: Vec<String>,
    pub color: Option<bool>,
    /// printer-resolution-supported, in dots an inch, across and along.
    pub resolutions: Vec<(u32, u32)>,
    pub copies_max: Option<u32>,
    /// pages-per-minute.
    pub pages_per_minute: Option<u32>,
    pub supplies: Vec<Supply>,
    /// printer-state-reasons as the device says them, with their suffixes; `none` is left out.
    pub reasons: Vec<String>,
}

/// Toner, ink, paper waste and the like (PWG 5100.13 printer-supply, or the older marker-* attributes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supply {
    pub name: String,
    /// `toner-cartridge`, `ink-cartridge`, `waste-toner`… where the device says it.
    pub kind: Option<String>,
    /// `#RRGGBB`, where it has a colour.
    pub color: Option<String>,
    /// What is left, 0 to 100.
    pub percent: Option<u8>,
}
