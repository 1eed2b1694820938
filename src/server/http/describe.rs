//! Looking at a printer before it is added: what is at an address, and what it says of itself.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::printer_json::without_secrets;
use super::problem::{Problem, ProblemBody};
use super::state::{HttpState, no_query};
use super::upload;
use crate::device::{self, Target};
use crate::model::description::{Description, Supply};
use crate::model::retry::NotReady;

/// Printers that are asked at once.
pub const DESCRIBES_MAX: usize = 8;
/// A printer that has not told after this long is not waited for; connecting has a limit of its own.
const DESCRIBE_MAX: Duration = Duration::from_secs(30);

/// Which printer is meant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeBody {
    /// Where it is, such as `ipp://10.0.0.20/ipp/print`.
    uri: String,
}

/// What is at an address. Lists are empty and texts null where the printer does not say it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DescriptionBody {
    /// Without passwords.
    pub uri: String,
    /// The scheme: what it is spoken to in.
    pub kind: String,
    pub address: Option<String>,
    pub port: Option<u16>,
    /// Whether it answers now. One that is off can be added all the same.
    pub reachable: bool,
    /// One sentence.
    pub message: String,
    pub model: Option<String>,
    pub info: Option<String>,
    pub location: Option<String>,
    /// Media types that it prints.
    pub formats: Vec<String>,
    /// Self-describing names (PWG 5101.1).
    pub media: Vec<String>,
    pub media_ready: Vec<String>,
    pub sides: Vec<String>,
    pub color_modes: Vec<String>,
    pub color: Option<bool>,
    /// Such as `600dpi` and `1200x600dpi`.
    pub resolutions: Vec<String>,
    pub supplies: Vec<SupplyBody>,
    /// printer-state-reasons, as it says them.
    pub reasons: Vec<String>,
}

/// Toner, ink and the like.
#[derive(Debug, Serialize, ToSchema)]
pub struct SupplyBody {
    pub name: String,
    pub kind: Option<String>,
    /// `#RRGGBB`
    pub color: Option<String>,
    /// What is left.
    pub percent: Option<u8>,
}

impl From<Supply> for SupplyBody {
    fn from(supply: Supply) -> SupplyBody {
        let Supply { name, kind, color, percent } = supply;
        SupplyBody { name, kind, color, percent }
    }
}

/// What came of asking.
enum Found {
    Told(Description),
    /// It takes connections and has no words.
    Silent,
    NotReady(NotReady),
    TooSlow,
}

/// Asks a printer what it is, before it is added
///
/// Nothing is printed and nothing is kept. 200 also where it does not answer: `reachable` and `message` say so.
#[utoipa::path(post, path = "/api/v1/printers/describe", tag = "printers", request_body = DescribeBody,
    responses((status = 200, description = "what is there", body = DescriptionBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn describe(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<HttpState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let DescribeBody { uri } = upload::json(&state, payload).await?;
    let target = device::parse(&uri, &state.surroundings);
    let target = target.map_err(|bad| Problem::bad("bad_uri", bad.to_string()))?;
    let _permit = Arc::clone(&state.describes).try_acquire_owned().map_err(|_| {
        let detail = format!("{DESCRIBES_MAX} printers are being asked already");
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail);
        problem.retry_after(Duration::from_secs(2))
    })?;
    let found = tokio::time::timeout(DESCRIBE_MAX, ask(&*target)).await.unwrap_or(Found::TooSlow);
    Ok(HttpResponse::Ok().json(shown(&uri, &*target, found)))
}

/// A printer without words is connected to, no more: nothing is sent.
async fn ask(target: &dyn Target) -> Found {
    match target.describe().await {
        Ok(Some(description)) => Found::Told(description),
        Ok(None) => match target.open().await {
            Ok(link) => {
                drop(link);
                Found::Silent
            }
            Err(why) => Found::NotReady(why),
        },
        Err(why) => Found::NotReady(why),
    }
}

fn shown(uri: &str, target: &dyn Target, found: Found) -> DescriptionBody {
    let (address, port) = target.address();
    let (reachable, message, description) = match found {
        Found::Told(description) => {
            let model = description.model.as_deref().unwrap_or("a printer that does not name its model");
            (true, format!("it answers: {model}"), description)
        }
        Found::Silent => {
            let message = "it takes connections; in this language it cannot say what it is";
            (true, message.to_owned(), Description::default())
        }
        Found::NotReady(why) => (false, why.to_string(), Description::default()),
        Found::TooSlow => {
            let message = format!("it has not told what it is within {} s", DESCRIBE_MAX.as_secs());
            (false, message, Description::default())
        }
    };
    let resolution = |(across, along): (u32, u32)| match across == along {
        true => format!("{across}dpi"),
        false => format!("{across}x{along}dpi"),
    };
    DescriptionBody {
        uri: without_secrets(uri),
        kind: uri.split(':').next().unwrap_or_default().to_owned(),
        address: Some(address).filter(|address| !address.is_empty()),
        port: Some(port).filter(|port| *port != 0),
        reachable,
        message,
        model: description.model,
        info: description.info,
        location: description.location,
        formats: description.formats.iter().map(|format| format.media_type().to_owned()).collect(),
        media: description.media,
        media_ready: description.media_ready,
        sides: description.sides,
        color_modes: description.color_modes,
        color: description.color,
        resolutions: description.resolutions.into_iter().map(resolution).collect(),
        supplies: description.supplies.into_iter().map(SupplyBody::from).collect(),
        reasons: description.reasons,
    }
}
