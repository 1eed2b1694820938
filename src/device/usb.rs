//! Printers on USB cables: the nodes `/dev/usb/lp0`, `lp1` … of Linux's driver usblp, and what is plugged in there.
//!
//! What the system has noted of a device (sysfs) is read first: to open a node that a print thread is about to open
//! would make the device busy. Only where nothing is noted the driver is asked.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::{Surroundings, file, os};
use crate::model::description::Description;
use crate::model::document::Format;
use crate::protocol::ieee1284::{DeviceId, ID_BYTES_MAX};

/// The most devices that are listed.
pub const DEVICES_MAX: usize = 256;

/// Where the machine shows its USB printers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbPlaces {
    /// Where the nodes are.
    pub nodes: PathBuf,
    /// Where the system notes what they are: `lp0/device/ieee1284_id`.
    pub noted: PathBuf,
}

impl Default for UsbPlaces {
    fn default() -> Self {
        UsbPlaces { nodes: "/dev/usb".into(), noted: "/sys/class/usbmisc".into() }
    }
}

/// A device that is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbPrinter {
    pub path: PathBuf,
    /// The address of a printer that is this device.
    pub uri: String,
    pub id: DeviceId,
    pub access: Access,
}

/// Whether this server may print to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Allowed,
    /// `files` in `[access]` does not cover it.
    NotListed,
}

/// All that are plugged in, by number. Blocking: a driver may take its time.
pub fn plugged_in(surroundings: &Surroundings) -> Vec<UsbPrinter> {
    // Without any printer the folder is not there.
    let entries = fs::read_dir(&surroundings.usb.nodes).into_iter().flatten().flatten();
    let number = |entry: fs::DirEntry| {
        let digits = entry.file_name().to_str()?.strip_prefix("lp")?.to_owned();
        digits.bytes().all(|c| c.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?
    };
    let mut numbers: Vec<u32> = entries.filter_map(number).take(DEVICES_MAX).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| look_at(number, surroundings)).collect()
}

fn look_at(number: u32, surroundings: &Surroundings) -> UsbPrinter {
    let path = surroundings.usb.nodes.join(format!("lp{number}"));
    let allowed = path.canonicalize().is_ok_and(|real| surroundings.may_drive(&real));
    UsbPrinter {
        uri: format!("file:{}", escaped(&path)),
        id: device_id(&path, &surroundings.usb).unwrap_or_default(),
        access: if allowed { Access::Allowed } else { Access::NotListed },
        path,
    }
}

/// What a URI's path cannot hold as it is; see [`super::file`].
fn escaped(path: &Path) -> String {
    const RESERVED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ').add(b'"');
    utf8_percent_encode(&path.to_string_lossy(), RESERVED).to_string()
}

/// What is plugged in at a node that stands among those of USB printers.
pub fn describe(path: &Path, places: &UsbPlaces) -> Option<Description> {
    // It may be reached by another name, such as the one of a rule of udev.
    let same = |node: &PathBuf| node == path || node.canonicalize().ok() == path.canonicalize().ok();
    let nodes = fs::read_dir(&places.nodes).ok()?.flatten().take(DEVICES_MAX).map(|entry| entry.path());
    let id = device_id(&nodes.into_iter().find(same)?, places)?;
    Some(Description {
        model: id.make_and_model(),
        identity: id.serial.clone(),
        formats: formats(&id.commands),
        ..Description::default()
    })
}

fn device_id(node: &Path, places: &UsbPlaces) -> Option<DeviceId> {
    let noted = places.noted.join(node.file_name()?).join("device/ieee1284_id");
    let mut id = Vec::new();
    if let Ok(noted) = File::open(noted)
        && noted.take(ID_BYTES_MAX as u64).read_to_end(&mut id).is_ok()
        && !id.trim_ascii().is_empty()
    {
        return Some(DeviceId::parse(&id));
    }
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let node = openat(CWD, node, flags, Mode::empty()).ok()?;
    os::device_id(&node).ok().map(|id| DeviceId::parse_with_length(&id))
}

/// The formats that command sets stand for. Makers write them in many ways; what is not known is left out.
fn formats(commands: &[String]) -> Vec<Format> {
    let mut formats = Vec::new();
    for command in commands {
        let name: String = command.chars().filter(char::is_ascii_alphanumeric).collect();
        let format = match name.to_ascii_uppercase().as_str() {
            "PDF" => Format::Pdf,
            "POSTSCRIPT" | "PS" | "PS3" | "POSTSCRIPT2" | "POSTSCRIPT3" | "BRSCRIPT3" => Format::PostScript,
            "PCLXL" | "PCL6" => Format::PclXl,
            "PCL" | "PCL3" | "PCL3GUI" | "PCL4" | "PCL5" | "PCL5C" | "PCL5E" => Format::Pcl,
            "PWGRASTER" | "PWG" => Format::Pwg,
            "URF" | "APPLERASTER" => Format::Urf,
            "JPEG" | "JPG" => Format::Jpeg,
            _ => continue,
        };
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    formats
}

/// Whether a printer's address is this device, by whatever name.
pub fn is_at(uri: &str, device: &UsbPrinter) -> bool {
    let Some(path) = file::path_of(uri) else { return false };
    path == device.path || (path.exists() && path.canonicalize().ok() == device.path.canonicalize().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_sets_become_formats() {
        let words = ["PJL", "PCL XL", "Postscript 3", "PCL5e", "pcl", "URF", "ZPL"].map(str::to_owned);
        let known = [Format::PclXl, Format::PostScript, Format::Pcl, Format::Urf];
        assert_eq!(formats(&words), known);
    }
}
