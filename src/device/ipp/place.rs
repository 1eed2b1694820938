//! `ipp://host[:port][/path]` and `ipps://…` (RFC 3510, RFC 7472): where a printer is, and how it is named to
//! itself.

use crate::device::address::{Host, HostPort};

/// The port of IPP, also under TLS.
const PORT_DEFAULT: u16 = 631;
/// Where printers are by PWG 5100.14 section 4.2, tried first where the URI has no path.
pub const PATH_USUAL: &str = "/ipp/print";
/// The longest path, in bytes: with scheme and host the URI stays below the 1,023 bytes of RFC 8011 section
/// 5.1.6.
const PATH_BYTES_MAX: usize = 700;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Ipp,
    Ipps,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Scheme::Ipp => "ipp",
            Scheme::Ipps => "ipps",
        }
    }
}

/// A printer's URI, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IppPlace {
    pub scheme: Scheme,
    pub at: HostPort,
    /// With its slash; `None` where the URI has none, or only the slash.
    pub path: Option<String>,
}

impl IppPlace {
    /// An error says what is wrong with it.
    pub fn parse(scheme: Scheme, uri: &str, example: &str) -> Result<IppPlace, String> {
        let rest = uri
            .strip_prefix(scheme.name())
            .and_then(|rest| rest.strip_prefix("://"))
            .ok_or_else(|| format!("two slashes follow the scheme: {example}"))?;
        let (host, path) = match rest.find('/') {
            Some(slash) => (&rest[..slash], &rest[slash..]),
            None => (rest, ""),
        };
        if host.contains('@') {
            return Err("user and password stand in a file (credentials_file), not in the address".to_owned());
        }
        let at = HostPort::parse(host, PORT_DEFAULT)?;
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&c);
        if path.len() > PATH_BYTES_MAX {
            return Err(format!("its path is longer than {PATH_BYTES_MAX} bytes"));
        }
        if !path.bytes().all(plain) {
            return Err("its path has characters that must be written as %XX, or a query".to_owned());
        }
        let path = Some(path.to_owned()).filter(|path| !matches!(&**path, "" | "/"));
        Ok(IppPlace { scheme, at, path })
    }

    /// The paths to try, the likeliest first.
    pub fn paths(&self) -> Vec<&str> {
        match &self.path {
            Some(path) => vec![path],
            None => vec![PATH_USUAL, "/"],
        }
    }

    /// printer-uri: always the scheme that was configured, also where TLS was begun on the way.
    pub fn printer_uri(&self, path: &str) -> String {
        let port = if self.at.port == PORT_DEFAULT { String::new() } else { format!(":{}", self.at.port) };
        format!("{}://{}{port}{path}", self.scheme.name(), self.host())
    }

    /// For the field `Host`.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host(), self.at.port)
    }

    fn host(&self) -> String {
        match &self.at.host {
            Host::Ip(std::net::IpAddr::V6(ip)) => format!("[{ip}]"),
            host => host.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Result<IppPlace, String> {
        let scheme = if uri.starts_with("ipps") { Scheme::Ipps } else { Scheme::Ipp };
        IppPlace::parse(scheme, uri, "ipp://host/ipp/print")
    }

    #[test]
    fn addresses_are_understood() {
        for (uri, paths, printer_uri, authority) in [
            ("ipp://a", &["/ipp/print", "/"][..], "ipp://a/ipp/print", "a:631"),
            ("ipp://A/", &["/ipp/print", "/"], "ipp://a/ipp/print", "a:631"),
            ("ipp://10.0.0.1:8632/ipp", &["/ipp"], "ipp://10.0.0.1:8632/ipp", "10.0.0.1:8632"),
            (
                "ipps://[::1]:631/printers/x%20y",
                &["/printers/x%20y"],
                "ipps://[::1]/printers/x%20y",
                "[::1]:631",
            ),
        ] {
            let place = parse(uri).unwrap();
            assert_eq!(place.paths(), paths, "{uri}");
            assert_eq!(
                (&*place.printer_uri(paths[0]), &*place.authority()),
                (printer_uri, authority),
                "{uri}"
            );
        }
    }

    #[test]
    fn hostile_addresses_are_refused() {
        for uri in [
            "ipp:a",
            "ipp:/a",
            "ipp://",
            "ipp:///ipp/print",
            "ipp://user:pw@a/ipp/print",
            "ipp://a/ipp print",
            "ipp://a/x\r\nHost: b",
            "ipp://a/ipp?x=1",
            "ipp://a/#x",
            "ipp://a:0/",
            "ipp://a:631:631/",
            "ipps:/a",
        ] {
            assert!(parse(uri).is_err(), "{uri:?}");
        }
        assert!(parse(&format!("ipp://a/{}", "x".repeat(PATH_BYTES_MAX))).is_err());
    }
}
