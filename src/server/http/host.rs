//! Against other people's web pages: a browser on this machine or network must not be made to speak to the spooler
//! by a page that merely knows its address.
//!
//! A name that is not ours in `Host` is a page whose name was made to resolve to us: 421, for reading too. A foreign
//! `Origin` or `Sec-Fetch-Site` on a request that changes something is a page that posts here: 403.

use std::net::{IpAddr, SocketAddr};

use actix_http::{HttpMessage, Request};
use actix_web::http::header::{HOST, ORIGIN};
use actix_web::http::{Method, StatusCode};

use super::peer::Local;
use super::problem::Problem;

/// The names under which this server may be spoken to.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Hosts {
    /// The server's name, the further ones of the configuration, and the addresses that were bound.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>, addresses: &[SocketAddr]) -> Hosts {
        let names = names.into_iter().map(normal).filter(|name| !name.is_empty()).collect();
        let addresses = addresses.iter().map(SocketAddr::ip).filter(|ip| !ip.is_unspecified()).collect();
        Hosts { names, addresses }
    }

    /// Whether `host` (without a port) is ours for somebody who came to `local`.
    fn has(&self, host: &str, local: IpAddr) -> bool {
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match bare.parse::<IpAddr>() {
            // The address that he came to is ours, also where we listen on all of them.
            Ok(ip) => ip == local || is_own_loopback(ip) || self.addresses.contains(&ip),
            Err(_) => {
                let name = normal(host);
                name == "localhost" || self.names.contains(&name)
            }
        }
    }

    /// Looks at `Host`, and at the target where it names a host itself.
    pub fn check(&self, request: &Request, local: Local) -> Result<(), Problem> {
        let Local::Tcp(local) = local else { return Ok(()) };
        let host = one_host(request)?;
        let target = request.uri().authority().map(|authority| authority.as_str());
        for authority in [Some(host), target].into_iter().flatten() {
            if !self.has(without_port(authority)?, local.ip()) {
                let detail = "this server has no such name; use one of its own, or add it to access.hosts";
                return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", detail));
            }
        }
        Ok(())
    }
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn is_own_loopback(ip: IpAddr) -> bool {
    ip == IpAddr::from([127, 0, 0, 1]) || ip == IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1u16])
}

/// RFC 9112 section 3.2: exactly one.
fn one_host(request: &Request) -> Result<&str, Problem> {
    let mut hosts = request.headers().get_all(HOST);
    match (hosts.next().map(|host| host.to_str()), hosts.next()) {
        (Some(Ok(host)), None) => Ok(host),
        _ => Err(Problem::bad("bad_host", "a request has exactly one Host field")),
    }
}

fn without_port(authority: &str) -> Result<&str, Problem> {
    let bad = || Problem::bad("bad_host", "the Host field is not a host with an optional port");
    // A colon inside the brackets belongs to the address.
    let from = authority.rfind(']').unwrap_or(0);
    let Some(colon) = authority[from..].find(':').map(|at| from + at) else { return Ok(authority) };
    let port = &authority[colon + 1..];
    let good = port.len() <= 5 && port.bytes().all(|c| c.is_ascii_digit());
    good.then_some(&authority[..colon]).ok_or_else(bad)
}

/// Refuses what another site's page sends. Requests that only read are let through: no page of another site can see
/// their answers, since none carries a CORS field.
pub fn check_origin(request: &Request) -> Result<(), Problem> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let foreign = || {
        let detail = "a page of another site may not change anything here";
        Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail))
    };
    for site in request.headers().get_all("sec-fetch-site") {
        if !matches!(site.as_bytes(), b"same-origin" | b"none") {
            return foreign();
        }
    }
    for origin in request.headers().get_all(ORIGIN) {
        let authority =
            origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, rest)| rest);
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        match (authority, host) {
            (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host) => {}
            _ => return foreign(),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_http::test::TestRequest;

    fn hosts() -> Hosts {
        let bound = ["10.0.0.5:8631".parse().expect("an address"), "[::]:8631".parse().expect("an address")];
        Hosts::new(["Front-Desk", "print.example.org"], &bound)
    }

    fn status(request: &Request, local: &str) -> u16 {
        let local = Local::Tcp(local.parse().expect("an address"));
        hosts().check(request, local).map_or_else(|problem| problem.status().as_u16(), |()| 200)
    }

    #[test]
    fn only_own_names_are_answered() {
        let cases = [
            ("localhost", 200),
            ("LOCALHOST:8631", 200),
            ("localhost.", 200),
            ("127.0.0.1:8631", 200),
            ("[::1]:8631", 200),
            ("10.0.0.5", 200),
            ("192.0.2.9:8631", 200),
            ("front-desk:8631", 200),
            ("print.example.org", 200),
            ("192.0.2.10", 421),
            ("evil.example", 421),
            ("localhost.evil.example", 421),
            ("127.0.0.1.evil.example", 421),
            ("", 421),
            ("localhost:80:80", 400),
            ("localhost:http", 400),
        ];
        for (host, expected) in cases {
            let request = TestRequest::default().insert_header((HOST, host)).finish();
            assert_eq!(status(&request, "192.0.2.9:8631"), expected, "{host:?}");
        }
    }

    #[test]
    fn none_and_two_hosts_are_malformed_and_the_target_counts_too() {
        assert_eq!(status(&TestRequest::default().finish(), "127.0.0.1:1"), 400);
        let mut two = TestRequest::default();
        two.append_header((HOST, "localhost")).append_header((HOST, "evil.example"));
        assert_eq!(status(&two.finish(), "127.0.0.1:1"), 400);
        let target =
            TestRequest::with_uri("http://evil.example/").insert_header((HOST, "localhost")).finish();
        assert_eq!(status(&target, "127.0.0.1:1"), 421);
    }

    #[test]
    fn pages_of_other_sites_change_nothing() {
        let cases = [
            (Method::POST, "origin", "http://localhost:8631", 200),
            (Method::POST, "origin", "http://evil.example", 403),
            (Method::POST, "origin", "http://localhost:9999", 403),
            (Method::POST, "origin", "null", 403),
            (Method::PATCH, "origin", "http://evil.example", 403),
            (Method::DELETE, "sec-fetch-site", "cross-site", 403),
            (Method::POST, "sec-fetch-site", "same-site", 403),
            (Method::POST, "sec-fetch-site", "same-origin", 200),
            (Method::POST, "sec-fetch-site", "none", 200),
            (Method::GET, "origin", "http://evil.example", 200),
            (Method::GET, "sec-fetch-site", "cross-site", 200),
        ];
        for (method, field, value, expected) in cases {
            let mut request = TestRequest::default();
            request
                .method(method.clone())
                .insert_header((HOST, "localhost:8631"))
                .insert_header((field, value));
            let verdict = check_origin(&request.finish());
            let status = verdict.map_or_else(|problem| problem.status().as_u16(), |()| 200);
            assert_eq!(status, expected, "{method} {field}: {value}");
        }
    }
}
