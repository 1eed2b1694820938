//! Opening the listening sockets, before anything is served.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, Protocol, Socket, Type};

/// Everybody may connect; what they may do is decided by their uid.
const SOCKET_MODE: u32 = 0o666;

/// Why the listener cannot listen. Nothing of it is left open.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Neither an address nor a socket path is configured.
    #[error("there is nothing to listen on; name an address in server.http")]
    Nowhere,
    /// A TCP address cannot be had.
    #[error("cannot listen on {address}: {source}; {}", hint(.source))]
    Address {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Another process listens on the Unix socket.
    #[error("another server listens on {}; stop it, or choose another state directory", .path.display())]
    SocketTaken {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is not a socket has the name of the Unix socket. It is left alone.
    #[error("{} is not a socket; move it away", .path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The Unix socket cannot be made.
    #[error("cannot make the socket {}: {source}; its directory must exist and be writable, its name shorter than 108 bytes", .path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An open socket cannot be handed to the workers.
    #[error("cannot start the listener: {0}")]
    Start(io::Error),
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "stop the program that has it, or choose another address in server.http",
        io::ErrorKind::PermissionDenied => "ports below 1024 need the capability CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "choose another address in server.http",
    }
}

/// Opens all of them or none.
pub(super) fn tcp(addresses: &[SocketAddr], backlog: i32) -> Result<Vec<TcpListener>, ListenError> {
    let open = |&address: &SocketAddr| {
        let v6_only = address.is_ipv6() && has_ipv4_wildcard(addresses, address.port());
        tcp_one(address, backlog, v6_only).map_err(|source| ListenError::Address { address, source })
    };
    addresses.iter().map(open).collect()
}

/// `[::]` takes IPv4 as well, and would clash with `0.0.0.0` on the same port.
fn has_ipv4_wildcard(addresses: &[SocketAddr], port: u16) -> bool {
    let is_wildcard = |a: &SocketAddr| a.is_ipv4() && a.ip().is_unspecified() && a.port() == port;
    port != 0 && addresses.iter().any(is_wildcard)
}

fn tcp_one(address: SocketAddr, backlog: i32, v6_only: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the last run to time out.
    socket.set_reuse_address(true)?;
    if v6_only {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Makes the socket at `path`. One that a dead server left behind is replaced; a live one never is.
pub(super) fn unix(path: &Path, backlog: i32) -> Result<UnixListener, ListenError> {
    remove_stale(path)?;
    unix_one(path, backlog).map_err(|source| ListenError::Socket { path: path.to_owned(), source })
}

fn unix_one(path: &Path, backlog: i32) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    // Before `listen`: whoever can connect finds the right mode.
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

fn remove_stale(path: &Path) -> Result<(), ListenError> {
    let failed = |source| ListenError::Socket { path: path.to_owned(), source };
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !kind.is_socket() {
        return Err(ListenError::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
        Ok(_) => Err(ListenError::SocketTaken { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKLOG: i32 = 8;

    #[test]
    fn a_dead_servers_socket_is_replaced_and_a_live_ones_is_not() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("spool.sock");

        let first = unix(&path, BACKLOG).expect("the first server");
        let mode = fs::metadata(&path).expect("the socket").permissions().mode();
        assert_eq!(mode & 0o777, SOCKET_MODE);
        let error = unix(&path, BACKLOG).expect_err("the first server lives");
        assert!(matches!(error, ListenError::SocketTaken { .. }), "{error}");

        drop(first);
        unix(&path, BACKLOG).expect("the first server is gone");
    }

    #[test]
    fn a_file_of_that_name_is_left_alone() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("spool.sock");
        fs::write(&path, "precious").expect("a file");

        let error = unix(&path, BACKLOG).expect_err("not a socket");
        assert!(matches!(error, ListenError::NotASocket { .. }), "{error}");
        assert_eq!(fs::read(&path).expect("the file"), b"precious");
    }

    #[test]
    fn a_taken_address_is_named() {
        let first = tcp(&["127.0.0.1:0".parse().expect("an address")], BACKLOG).expect("a port");
        let address = first[0].local_addr().expect("its address");
        let error = tcp(&[address], BACKLOG).expect_err("taken");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        assert!(error.to_string().contains("stop the program"), "{error}");
    }
}
