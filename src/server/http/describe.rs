//! Looking at a printer before it is added: what is at an address, and what it says of itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::printer_json::{DescriptionBody, SupplyBody, supplies, without_secrets};
use super::problem::{Problem, ProblemBody};
use super::state::{HttpState, no_query};
use super::upload;
use crate::device::{self, Place, Target};
use crate::model::description::Description;
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
    /// A file of the server's with `user:password`, for printers that want to know who asks.
    credentials_file: Option<String>,
}

/// What is at an address. What a printer says of itself stands as it does in a printer that was added.
#[derive(Debug, Serialize, ToSchema)]
pub struct DescribedBody {
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
    /// Null where it does not say.
    pub model: Option<String>,
    /// Null where it does not say.
    pub supplies: Option<Vec<SupplyBody>>,
    /// Null where it has no words for that.
    pub description: Option<DescriptionBody>,
}

/// What came of asking.
enum Found {
    Told(Box<Description>),
    /// It takes connections and has no words.
    Silent,
    NotReady(NotReady),
    TooSlow,
}

/// Asks a printer what it is, before it is added
///
/// Nothing is printed and nothing is kept. 200 also where it does not answer: `reachable` and `message` say so.
#[utoipa::path(post, path = "/api/v1/printers/describe", tag = "printers", request_body = DescribeBody,
    responses((status = 200, description = "what is there", body = DescribedBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn describe(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<HttpState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let DescribeBody { uri, credentials_file } = upload::json(&state, payload).await?;
    let place = Place { uri: &uri, credentials: credentials_file.as_deref().map(Path::new) };
    let target = device::parse(place, &state.settings().surroundings);
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
        Ok(Some(description)) => Found::Told(Box::new(description)),
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

fn shown(uri: &str, target: &dyn Target, found: Found) -> DescribedBody {
    let (address, port) = target.address();
    let (reachable, message, said) = match found {
        Found::Told(said) => {
            let model = said.model.as_deref().unwrap_or("a printer that does not name its model");
            (true, format!("it answers: {model}"), Some(said))
        }
        Found::Silent => {
            (true, "it takes connections; in this language it cannot say what it is".to_owned(), None)
        }
        Found::NotReady(why) => (false, why.to_string(), None),
        Found::TooSlow => {
            (false, format!("it has not told what it is within {} s", DESCRIBE_MAX.as_secs()), None)
        }
    };
    DescribedBody {
        uri: without_secrets(uri),
        kind: uri.split(':').next().unwrap_or_default().to_owned(),
        address: Some(address).filter(|address| !address.is_empty()),
        port: Some(port).filter(|port| *port != 0),
        reachable,
        message,
        model: said.as_ref().and_then(|said| said.model.clone()),
        supplies: said.as_deref().and_then(supplies),
        description: said.as_deref().map(DescriptionBody::from),
    }
}
