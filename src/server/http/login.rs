//! Logging in and out: how a browser that shows the admin page becomes the administrator.
//!
//! Whoever may control the server asks for a one-time code and opens the page with it: the code stands behind the `#`
//! of the link, which no browser sends to any server, so it reaches neither a log nor another page. The page posts it
//! here and gets a cookie that no script can read.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::{Role, Who};
use super::attempts::WRONG_MAX;
use super::job_json::time;
use super::peer::Peer;
use super::problem::{Problem, ProblemBody};
use super::sessions::{AGE_MAX, COOKIE_NAME, SessionKey};
use super::state::{HttpState, no_query};
use super::token::{PASS_GOOD, PASSES_MAX, TooManyPasses, fresh};
use super::upload;

/// What is shown to log in: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    /// The administrator's token.
    token: Option<String>,
    /// A one-time code.
    code: Option<String>,
}

/// Who asks, to the server.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionBody {
    /// `loopback`, `network`, `uid:NUMBER` or `admin`
    pub who: String,
    /// `none`: nameless; `user`: known, rules over his own; `admin`: may control the server.
    #[schema(value_type = String)]
    pub role: &'static str,
    /// When the session ends if it is not used; null without one.
    pub expires_at: Option<String>,
    /// The server's name.
    pub server: String,
    pub version: &'static str,
}

/// A one-time code. It is shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct CodeBody {
    pub code: String,
    pub expires_at: String,
    /// Links that open the admin page with it, by each name that this server goes by.
    pub links: Vec<String>,
}

/// Logs in
///
/// With the administrator's token or a one-time code; the answer sets the cookie. An older session of the same browser
/// ends.
#[utoipa::path(post, path = "/api/v1/login", tag = "server", request_body = LoginBody,
    responses((status = 200, description = "logged in", body = SessionBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn login(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<HttpState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let shown = upload::json(&state, payload).await?;
    let from = from(&request);
    let now = state.clock.now();
    let right = || proves(&state, &shown);
    // A code is ours and cannot be guessed: whoever has it is let in, however often others of his address were wrong.
    let looked = match (&shown, from) {
        (LoginBody { token: None, code: Some(code) }, _) if state.codes.take(code.trim(), now.mono) => {
            Ok(Some(Ok(())))
        }
        (_, None) => Ok(right()),
        (_, Some(from)) => state.attempts.look(from, now.mono, right),
    };
    let by = from.map_or_else(|| "socket".to_owned(), |from| from.to_string());
    match looked {
        Ok(Some(Ok(()))) => {}
        Ok(Some(Err(problem))) => return Err(problem),
        Ok(None) => {
            log::warn!(by = by.as_str(); "a log-in was refused");
            let detail = "this token or code is not valid; a code is good for five minutes and for one use, \
                          and `spool token` makes another";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "bad_credentials", detail));
        }
        Err(wait) => {
            let detail =
                format!("{WRONG_MAX} log-ins from this address were wrong; the socket is not bound by that");
            return Err(
                Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", detail).retry_after(wait)
            );
        }
    }
    let secret = fresh().map_err(|error| Problem::internal("make a session", &error))?;
    let former = SessionKey::shown(request.headers());
    let expires_at = state.sessions.begin(SessionKey::of(&secret), former, now.wall).await?;
    log::info!(by = by.as_str(); "logged in");
    let cookie = cookie(&secret, AGE_MAX.as_secs());
    let body = SessionBody {
        who: "admin".to_owned(),
        role: "admin",
        expires_at: Some(time(expires_at)),
        ..anonymous(&state)
    };
    Ok(HttpResponse::Ok().insert_header((SET_COOKIE, cookie)).json(body))
}

/// Whether what is shown is right; `None` where it is wrong, which counts. What asks for nothing does not.
fn proves(state: &HttpState, shown: &LoginBody) -> Option<Result<(), Problem>> {
    match (&shown.token, &shown.code) {
        (Some(token), None) => state.token.is(token.trim()).then_some(Ok(())),
        (None, Some(code)) => state.codes.take(code.trim(), state.clock.now().mono).then_some(Ok(())),
        _ => Some(Err(Problem::bad("bad_json", "show either token or code"))),
    }
}

/// Where somebody comes from; nowhere, if he comes through the socket.
fn from(request: &HttpRequest) -> Option<IpAddr> {
    match request.conn_data::<Peer>()? {
        Peer::Loopback(address) | Peer::Network(address) => Some(address.ip()),
        Peer::Socket { .. } => None,
    }
}

/// No script reads it, no other site sends it.
fn cookie(secret: &str, seconds: u64) -> String {
    format!("{COOKIE_NAME}={secret}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}")
}

/// Logs out
///
/// The session ends, also for whoever has copied the cookie.
#[utoipa::path(post, path = "/api/v1/logout", tag = "server",
    responses((status = 204, description = "logged out, or never logged in"),
        (status = "5XX", description = "logged out until the next start", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn logout(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    if let Some(key) = SessionKey::shown(request.headers())
        && state.sessions.lives(key, state.clock.now().wall)
    {
        state.sessions.end(key).await?;
        log::info!("logged out");
    }
    Ok(HttpResponse::NoContent().insert_header((SET_COOKIE, cookie("", 0))).finish())
}

/// Says who asks
#[utoipa::path(get, path = "/api/v1/session", tag = "server",
    responses((status = 200, description = "as the server knows him", body = SessionBody)))]
pub async fn session(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let (word, role) = match &who {
        Who::Loopback => ("loopback".to_owned(), "none"),
        Who::Network(_) => ("network".to_owned(), "none"),
        Who::Local { uid, role: Role::User, .. } => (format!("uid:{uid}"), "user"),
        Who::Local { uid, role: Role::Operator, .. } => (format!("uid:{uid}"), "admin"),
        Who::Admin(_) => ("admin".to_owned(), "admin"),
    };
    let expires_at = SessionKey::shown(request.headers())
        .and_then(|key| state.sessions.touch(key, state.clock.now().wall))
        .filter(|_| matches!(who, Who::Admin(_)))
        .map(time);
    let body = SessionBody { who: word, role, expires_at, ..anonymous(&state) };
    Ok(HttpResponse::Ok().json(body))
}

fn anonymous(state: &HttpState) -> SessionBody {
    SessionBody {
        who: String::new(),
        role: "none",
        expires_at: None,
        server: state.settings().config.server.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// Gives a one-time code that logs somebody's browser in
///
/// Good for five minutes and one log-in. For those who may control, known by the socket or the administrator's token.
#[utoipa::path(post, path = "/api/v1/login-codes", tag = "server",
    responses((status = 201, description = "the code", body = CodeBody),
        (status = "4XX", description = "refused", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn code(request: HttpRequest, state: web::Data<HttpState>) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let who = state.asker(&request)?;
    let code = fresh().map_err(|error| Problem::internal("make a code", &error))?;
    let now = state.clock.now();
    state.codes.give(&code, now.mono).map_err(|TooManyPasses(wait)| {
        let detail = format!("{PASSES_MAX} codes are in use, which is the limit");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_codes", detail).retry_after(wait)
    })?;
    log::info!("gave a one-time code by={who}");
    let places = places(state.addresses(), &state.settings().config.server.name);
    let links = places.iter().map(|place| format!("http://{place}/#code={code}")).collect();
    let body = CodeBody { expires_at: time(now.wall.plus(PASS_GOOD)), links, code };
    Ok(HttpResponse::build(StatusCode::CREATED).json(body))
}

/// Host and port by which browsers reach the addresses that were bound.
fn places(addresses: &[SocketAddr], name: &str) -> Vec<String> {
    let place = |address: &SocketAddr| match address.ip() {
        ip if !ip.is_unspecified() => vec![address.to_string()],
        IpAddr::V4(_) => vec![format!("127.0.0.1:{}", address.port()), format!("{name}:{}", address.port())],
        IpAddr::V6(_) => vec![format!("[::1]:{}", address.port()), format!("{name}:{}", address.port())],
    };
    addresses.iter().flat_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_name_what_browsers_can_open() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().expect("an address")).collect()
        };
        let named = |texts: &[&str]| places(&addresses(texts), "desk");
        assert_eq!(named(&["127.0.0.1:8631", "10.0.0.5:80"]), ["127.0.0.1:8631", "10.0.0.5:80"]);
        assert_eq!(named(&["0.0.0.0:8631"]), ["127.0.0.1:8631", "desk:8631"]);
        assert_eq!(named(&["[::]:8631"]), ["[::1]:8631", "desk:8631"]);
    }
}
