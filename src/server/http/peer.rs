//! Who is at the other end of a connection, as the kernel tells it.

use std::io;
use std::net::{IpAddr, SocketAddr};

use actix_rt::net::{TcpStream, UnixStream};

/// The other end of a connection. Found once, when the connection is accepted; handlers read it with
/// `req.conn_data::<Peer>()`.
///
/// IPv4 addresses mapped into IPv6 (`::ffff:10.0.0.7`) are shown as IPv4, so that one rule about `10.0.0.0/8` holds
/// for listeners of both families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// A program on this machine that came through 127.0.0.0/8 or `::1`. Any user of the machine.
    Loopback(SocketAddr),
    /// Everything else that came over TCP, this machine's own outside addresses included.
    Network(SocketAddr),
    /// A process that came through the Unix socket, with the credentials it had when it connected.
    Socket {
        /// Effective user of the process.
        uid: u32,
        /// Effective group of the process.
        gid: u32,
        /// None where the process lives in a pid namespace that is not visible from here.
        pid: Option<i32>,
    },
}

impl Peer {
    pub(super) fn of_tcp(stream: &TcpStream) -> io::Result<Peer> {
        Ok(Peer::at(stream.peer_addr()?))
    }

    pub(super) fn of_unix(stream: &UnixStream) -> io::Result<Peer> {
        let credentials = stream.peer_cred()?;
        Ok(Peer::Socket { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() })
    }

    fn at(address: SocketAddr) -> Peer {
        let address = unmapped(address);
        if address.ip().is_loopback() { Peer::Loopback(address) } else { Peer::Network(address) }
    }
}

/// The end of a connection that is ours. Handlers read it with `req.conn_data::<Local>()`: actix's own
/// `app_config().local_addr()` is the same for all listeners and says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// The address the peer connected to.
    Tcp(SocketAddr),
    /// The Unix socket.
    Socket,
}

impl Local {
    pub(super) fn of_tcp(stream: &TcpStream) -> io::Result<Local> {
        Ok(Local::Tcp(unmapped(stream.local_addr()?)))
    }
}

/// Keeps the scope of a link-local IPv6 address, which `to_canonical` on the bare IP would lose.
fn unmapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V6(ip) => {
            ip.to_ipv4_mapped().map_or(address, |v4| SocketAddr::new(v4.into(), address.port()))
        }
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_peer(address: &str, expected: Peer) {
        let parsed: SocketAddr = address.parse().expect("a socket address");
        assert_eq!(Peer::at(parsed), expected, "{address}");
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("a socket address")
    }

    #[test]
    fn mapped_addresses_are_judged_as_ipv4() {
        check_peer("127.0.0.1:9", Peer::Loopback(address("127.0.0.1:9")));
        check_peer("[::ffff:127.1.2.3]:9", Peer::Loopback(address("127.1.2.3:9")));
        check_peer("[::ffff:10.0.0.7]:9", Peer::Network(address("10.0.0.7:9")));
        check_peer("[::1]:9", Peer::Loopback(address("[::1]:9")));
    }

    #[test]
    fn a_link_local_address_keeps_its_scope() {
        check_peer("[fe80::1%3]:9", Peer::Network(address("[fe80::1%3]:9")));
    }
}
