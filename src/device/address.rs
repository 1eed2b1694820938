//! Host and port in a URI.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name of a host, in bytes (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// Where a network printer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    pub host: Host,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Ip(IpAddr),
    Name(String),
}

impl HostPort {
    /// Understands `host`, `host:port`, `[v6]` and `[v6]:port`; an error says what is wrong with it.
    pub fn parse(text: &str, port_default: u16) -> Result<HostPort, String> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (inside, after) = rest.split_once(']').ok_or("the bracket is not closed")?;
                let ip: Ipv6Addr =
                    inside.parse().map_err(|_| format!("{inside:?} in brackets is not an IPv6 address"))?;
                (Host::Ip(ip.into()), after.strip_prefix(':').or(after.is_empty().then_some("")))
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host_name(host)?, Some(port).filter(|port| !port.is_empty())),
                None => (host_name(text)?, Some("")),
            },
        };
        let port = match port.ok_or("after the host comes a colon and a port, or nothing")? {
            "" => port_default,
            digits => port_number(digits).ok_or_else(|| format!("{digits:?} is not a port (1 to 65535)"))?,
        };
        Ok(HostPort { host, port })
    }
}

fn port_number(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port != 0)
}

/// A name, or an IPv4 address. What looks like a number but is no proper address is refused: the resolver
/// would read `010.0.0.1` and `167772161` in its own way.
fn host_name(text: &str) -> Result<Host, String> {
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
            && !label.starts_with('-')
    };
    let numeric = |label: &str| label.bytes().all(|c| c.is_ascii_digit()) || label.starts_with("0x");
    if name.is_empty() {
        Err("it names no host".to_owned())
    } else if name.len() > HOST_BYTES_MAX || !name.split('.').all(label) {
        Err("the host is neither a name nor an address (an IPv6 address stands in brackets)".to_owned())
    } else if name.rsplit('.').next().is_some_and(numeric) {
        Err("the host is not a proper IPv4 address".to_owned())
    } else {
        Ok(Host::Name(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(ip) => ip.fmt(f),
            Host::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_understood() {
        let ip = |text: &str| Host::Ip(text.parse().unwrap());
        let name = |text: &str| Host::Name(text.to_owned());
        for (text, host, port) in [
            ("10.0.0.20", ip("10.0.0.20"), 9100),
            ("10.0.0.20:9101", ip("10.0.0.20"), 9101),
            ("[::1]", ip("::1"), 9100),
            ("[fd00::2]:1", ip("fd00::2"), 1),
            ("HP-4_a.example.org:65535", name("hp-4_a.example.org"), 65535),
            ("printer.", name("printer."), 9100),
        ] {
            assert_eq!(HostPort::parse(text, 9100), Ok(HostPort { host, port }), "{text}");
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for text in [
            "",
            ":9100",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "[1.2.3.4]",
            "[fe80::1%eth0]",
            "010.0.0.1",
            "1.2.3",
            "167772161",
            "0x7f000001",
            "a b",
            "a\0b",
            "a\n",
            "user@a",
            "a/b",
            "a?b",
            "a..b",
            ".",
            "-a",
            "drücker",
            "a%20b",
            &"x".repeat(64),
            &"x.".repeat(128),
        ] {
            assert!(HostPort::parse(text, 9100).is_err(), "{text:?}");
        }
    }
}
