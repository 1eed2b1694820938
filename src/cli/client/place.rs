//! Where the server is: `--server`, else `SPOOL_SERVER`, else the socket of the state, else this machine's
//! usual port.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Server;
use super::wire::Wire;
use crate::cli::failure::Failure;
use crate::config::file::{DEFAULT_FILE, state_named_in};

const SOCKET: &str = "spool.sock";
const DEFAULT_STATE: &str = "spool-data";
const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 8631;
/// The port of a URL that names none.
const HTTP_PORT: u16 = 80;

/// Which server is meant. Either may stand before or after the command.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerArgs {
    /// The server: http://HOST:PORT, or unix:/path/to/spool.sock
    #[arg(long, global = true, env = "SPOOL_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// The state directory: its socket is asked (default: ./spool.toml's, or spool-data)
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

impl ServerArgs {
    pub fn find(&self) -> Result<Server, Failure> {
        let tcp = Place::Tcp { host: DEFAULT_HOST.to_owned(), port: DEFAULT_PORT, base: String::new() };
        let places = match (self.server.as_deref().filter(|url| !url.is_empty()), &self.state) {
            (Some(url), _) => vec![Place::parse(url)?],
            // A state that is named is meant: no other server may stand in for its own.
            (None, Some(state)) => vec![Place::of_state(state)],
            (None, None) => {
                let state = state_named_in(Path::new(DEFAULT_FILE));
                vec![Place::of_state(&state.unwrap_or_else(|| DEFAULT_STATE.into())), tcp]
            }
        };
        Ok(Server::new(places))
    }
}

/// One place where a server may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Socket(PathBuf),
    Tcp {
        host: String,
        port: u16,
        /// The path before `/api`, for servers behind another one; without a slash at its end.
        base: String,
    },
}

impl Place {
    /// The socket of a server's state.
    pub(super) fn of_state(state: &Path) -> Place {
        Place::Socket(state.join(SOCKET))
    }

    /// Understands `http://HOST[:PORT][/BASE]`, `HOST[:PORT]` and `unix:PATH`.
    fn parse(url: &str) -> Result<Place, Failure> {
        let bad = |why: &str| {
            Failure::Usage(format!(
                "--server {url}: {why}: expected http://HOST:PORT or unix:/path/to/spool.sock"
            ))
        };
        if let Some(path) = url.strip_prefix("unix:") {
            return Ok(Place::Socket(path.trim_start_matches("//").into()));
        }
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some((scheme, _)) => return Err(bad(&format!("{scheme} is not spoken here"))),
            None => url,
        };
        let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
        let base = base.trim_end_matches('/');
        if url.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '@')) {
            return Err(bad("it has characters that an address has not"));
        }
        let usual = if url.contains("://") { HTTP_PORT } else { DEFAULT_PORT };
        let (host, port) = host_and_port(authority, usual).ok_or_else(|| bad("it names no host and port"))?;
        let base = if base.is_empty() { String::new() } else { format!("/{base}") };
        Ok(Place::Tcp { host, port, base })
    }

    /// Understands an absolute address that a server has named: the place, and what is asked for there. `None` where it
    /// is none of `http`: no server sends us to a socket of this machine.
    pub(super) fn of_address(url: &str) -> Option<(Place, String)> {
        let (authority, rest) = url.strip_prefix("http://")?.split_once('/')?;
        let plain = url.chars().all(|c| c.is_ascii_graphic() && c != '#');
        let (host, port) = host_and_port(authority, HTTP_PORT).filter(|_| plain)?;
        let bare = !host.contains(['@', '?']);
        bare.then(|| (Place::Tcp { host, port, base: String::new() }, format!("/{rest}")))
    }

    pub(super) fn connect(&self) -> io::Result<Wire> {
        match self {
            Place::Socket(path) => Wire::unix(path),
            Place::Tcp { host, port, .. } => Wire::tcp(host, *port),
        }
    }

    /// What stands in `Host`.
    pub(super) fn host(&self) -> String {
        match self {
            Place::Socket(_) => "localhost".to_owned(),
            Place::Tcp { host, port, .. } => authority(host, *port),
        }
    }

    /// A path of the interface as it is asked for here.
    pub(super) fn target(&self, path: &str) -> String {
        match self {
            Place::Socket(_) => path.to_owned(),
            Place::Tcp { base, .. } => format!("{base}{path}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Socket(path) => write!(f, "{}", path.display()),
            Place::Tcp { host, port, base } => write!(f, "http://{}{base}", authority(host, *port)),
        }
    }
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// `HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`.
fn host_and_port(authority: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port.map_or(Some(usual), |port| port.parse().ok())?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_by_url_or_socket() {
        let shown = |url: &str| Place::parse(url).map(|place| place.to_string()).ok();
        assert_eq!(shown("http://print:80").as_deref(), Some("http://print:80"));
        assert_eq!(shown("http://print/").as_deref(), Some("http://print:80"));
        assert_eq!(shown("print").as_deref(), Some("http://print:8631"));
        assert_eq!(shown("127.0.0.1:1").as_deref(), Some("http://127.0.0.1:1"));
        assert_eq!(shown("http://[::1]:9/spool/").as_deref(), Some("http://[::1]:9/spool"));
        assert_eq!(shown("unix:/run/spool.sock").as_deref(), Some("/run/spool.sock"));
        for bad in ["https://print", "http://", "http://a:x", "http://a b", "http://u@a", "http://[::1"] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_other_servers_of_the_network_are_gone_to() {
        let shown = |url: &str| Place::of_address(url).map(|(place, target)| format!("{place} {target}"));
        let there = shown("http://b:8631/api/v1/jobs?printer=a%20b");
        assert_eq!(there.as_deref(), Some("http://b:8631 /api/v1/jobs?printer=a%20b"));
        assert_eq!(shown("http://[::1]/").as_deref(), Some("http://[::1]:80 /"));
        let bad = ["unix:/run/s", "https://b/x", "//b/x", "b:1/x", "http://b", "http://u@b/x", "http://b?/x"];
        for bad in bad.into_iter().chain(["http://b/a b", "http://b/\r\nx: y", "http://b/#x", "http:///x"]) {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }
}
