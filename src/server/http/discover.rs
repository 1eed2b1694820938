//! Printers that are there and that nobody has added yet, or has.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Problem, ProblemBody};
use super::state::{HttpState, no_query};
use crate::device::usb::{self, Access, UsbPrinter};
use crate::model::directory::Directory;
use crate::model::suggest;

/// A device that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceBody {
    /// The address under which it is added.
    pub uri: String,
    /// A name that no printer has yet.
    pub name: Option<String>,
    /// Maker and model, as the device says them.
    pub model: Option<String>,
    pub device_id: DeviceIdBody,
    /// The printer that it is already; null where it is none.
    pub printer: Option<String>,
    /// What has to be done before it can print; null where nothing has to.
    pub note: Option<String>,
}

/// What a device says of itself (IEEE 1284).
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceIdBody {
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    pub serial: Option<String>,
    /// The languages that it understands, as it names them.
    pub commands: Vec<String>,
}

/// All that were found.
#[derive(Debug, Serialize, ToSchema)]
pub struct DevicesBody {
    devices: Vec<DeviceBody>,
}

/// Lists the printers that are plugged in
///
/// With the name and the address with which each can be added.
#[utoipa::path(get, path = "/api/v1/discover", tag = "printers",
    responses((status = 200, description = "all of them", body = DevicesBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json"),
        (status = 504, description = "a device does not answer", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let surroundings = state.settings().surroundings.clone();
    let limit = surroundings.timing.connect;
    let looking = web::block(move || usb::plugged_in(&surroundings));
    let found = match tokio::time::timeout(limit, looking).await {
        Ok(found) => found.map_err(|error| Problem::internal("look for printers", &error))?,
        Err(_elapsed) => {
            let detail = "the driver of a USB printer does not answer; unplug the one that hangs";
            return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, "device_silent", detail));
        }
    };
    Ok(HttpResponse::Ok().json(DevicesBody { devices: shown(found, &state.core.directory()) }))
}

/// The devices in order, each with a name of its own.
fn shown(found: Vec<UsbPrinter>, directory: &Directory) -> Vec<DeviceBody> {
    let mut given: Vec<String> = Vec::new();
    let mut devices = Vec::new();
    for device in found {
        let model = device.id.make_and_model();
        let printer = directory.printers.iter().find(|printer| usb::is_at(&printer.uri, &device));
        let node = device.path.file_name().unwrap_or_default().to_string_lossy();
        let is_taken = |name: &str| {
            given.iter().any(|other| other == name)
                || directory.printers.iter().any(|printer| printer.name.as_str() == name)
                || directory.pools.iter().any(|pool| pool.name.as_str() == name)
        };
        let name = suggest::name(model.as_deref(), &node, is_taken).map(|name| name.to_string());
        given.extend(name.clone());
        devices.push(DeviceBody {
            note: match device.access {
                Access::Allowed => None,
                Access::NotListed => Some(not_listed(&device)),
            },
            uri: device.uri,
            name,
            model,
            device_id: DeviceIdBody {
                manufacturer: device.id.manufacturer,
                model: device.id.model,
                serial: device.id.serial,
                commands: device.id.commands,
            },
            printer: printer.map(|printer| printer.name.to_string()),
        });
    }
    devices
}

fn not_listed(device: &UsbPrinter) -> String {
    let folder = device.path.parent().unwrap_or(&device.path).display();
    format!("this server may not print to it: add \"{folder}\" to `files` in [access] of spool.toml first")
}
