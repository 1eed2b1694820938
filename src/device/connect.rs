//! Opens a TCP connection without holding a thread: a thousand dead printers wait here.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::time::timeout;

use super::address::{Host, HostPort};
use super::resolve::Resolver;
use crate::model::retry::NotReady;

/// A connection over which nothing went for so long is looked after by the operating system …
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// … and so often from then on.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

/// Connects to the first address that answers. Looking up a name may take `limit`, and all addresses
/// together may take `limit`, each an equal part of it. They are tried one after the other: a printer that is
/// reached over two at once would see two connections. The stream is nonblocking.
pub async fn connect(place: &HostPort, names: &Resolver, limit: Duration) -> Result<TcpStream, NotReady> {
    let addresses = resolve(place, names, limit).await?;
    let share = limit / u32::try_from(addresses.len()).unwrap_or(1).max(1);
    let mut worst = NotReady::Unresolved;
    for address in addresses {
        match timeout(share, tokio::net::TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return stream.into_std().and_then(prepare).map_err(|error| not_ready(&error)),
            Ok(Err(error)) => worst = more_telling(worst, not_ready(&error)),
            Err(_elapsed) => worst = more_telling(worst, NotReady::Asleep),
        }
    }
    Err(worst)
}

/// An address that stands in the URI itself is not looked up.
async fn resolve(place: &HostPort, names: &Resolver, limit: Duration) -> Result<Vec<SocketAddr>, NotReady> {
    let found = match &place.host {
        Host::Ip(ip) => vec![*ip],
        Host::Name(name) => names.resolve(name, limit).await?,
    };
    Ok(found.into_iter().map(|ip| SocketAddr::new(ip, place.port)).collect())
}

/// Begins to connect to one address, without waiting: the stream is nonblocking, and writable when it is
/// connected or has failed.
pub fn begin(peer: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(peer), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    match socket.connect(&peer.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        Ok(()) | Err(_) => prepare(socket.into()),
    }
}

fn prepare(stream: TcpStream) -> io::Result<TcpStream> {
    let socket = SockRef::from(&stream);
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    socket.set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// Which of two findings says more: a host that refuses is there, one that is silent may be.
fn more_telling(a: NotReady, b: NotReady) -> NotReady {
    let rank = |why: &NotReady| match why {
        NotReady::Unresolved | NotReady::LookUpSlow => 0,
        NotReady::Unreachable => 1,
        NotReady::Asleep => 2,
        NotReady::Refused => 3,
        NotReady::Busy
        | NotReady::MediaEmpty
        | NotReady::MediaJam
        | NotReady::CoverOpen
        | NotReady::SupplyEmpty
        | NotReady::OutputFull
        | NotReady::TrayMissing
        | NotReady::PausedAtDevice
        | NotReady::Other(_) => 4,
    };
    if rank(&b) > rank(&a) { b } else { a }
}

/// What the failure to connect tells of a printer.
pub fn not_ready(error: &io::Error) -> NotReady {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::CONNREFUSED | Errno::CONNRESET) => NotReady::Refused,
        Some(Errno::TIMEDOUT | Errno::HOSTUNREACH | Errno::HOSTDOWN) => NotReady::Asleep,
        Some(Errno::NETUNREACH | Errno::NETDOWN | Errno::ADDRNOTAVAIL | Errno::AFNOSUPPORT) => {
            NotReady::Unreachable
        }
        Some(Errno::ACCESS | Errno::PERM) => {
            NotReady::Other("this machine's firewall forbids the connection".to_owned())
        }
        Some(Errno::MFILE | Errno::NFILE) => NotReady::Other(
            "this server has no file descriptors left; raise its limit (ulimit -n)".to_owned(),
        ),
        _ => NotReady::Other(format!("connecting failed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_told_by_the_error() {
        for (errno, why) in [
            (Errno::CONNREFUSED, NotReady::Refused),
            (Errno::TIMEDOUT, NotReady::Asleep),
            (Errno::HOSTUNREACH, NotReady::Asleep),
            (Errno::NETUNREACH, NotReady::Unreachable),
        ] {
            assert_eq!(not_ready(&errno.into()), why, "{errno:?}");
        }
        assert_eq!(more_telling(NotReady::Refused, NotReady::Asleep), NotReady::Refused);
        assert_eq!(more_telling(NotReady::Unreachable, NotReady::Asleep), NotReady::Asleep);
    }
}
