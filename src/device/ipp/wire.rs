//! Bytes to and from a printer: TCP, or TLS over it. Nothing here blocks: where the printer is not ready, the
//! error is [`ErrorKind::WouldBlock`] and [`Wire::wanted`] says what to wait for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustix::event::PollFlags;
use rustls::ClientConnection;

use super::tls::{self, Fingerprint};
use crate::device::os;

/// What of a document is sealed for TLS at once: one record.
const TLS_RECORD_BYTES: usize = 16 * 1024;

/// A connection to a printer.
pub struct Wire {
    socket: Arc<TcpStream>,
    tls: Option<Box<ClientConnection>>,
}

impl Wire {
    /// `socket` is nonblocking.
    pub fn plain(socket: Arc<TcpStream>) -> Wire {
        Wire { socket, tls: None }
    }

    /// The same connection under TLS; the handshake begins with the next [`Wire::shake`].
    pub fn encrypted(self, host: &crate::device::address::Host) -> io::Result<Wire> {
        Ok(Wire { tls: Some(Box::new(tls::client(host)?)), ..self })
    }

    pub fn socket(&self) -> &Arc<TcpStream> {
        &self.socket
    }

    pub fn peer(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// What to wait for before `wanted` can be done.
    pub fn wanted(&self, wanted: PollFlags) -> PollFlags {
        match &self.tls {
            Some(tls) if tls.wants_write() => wanted | PollFlags::OUT,
            Some(_) | None => wanted,
        }
    }

    /// A step of the handshake; `true` when it is over. Plain connections have none.
    pub fn shake(&mut self) -> io::Result<bool> {
        self.flush()?;
        let Some(tls) = &mut self.tls else { return Ok(true) };
        if !tls.is_handshaking() {
            return Ok(true);
        }
        match tls.read_tls(&mut &*self.socket) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
        let understood = tls.process_new_packets();
        // An alert that says what was wrong goes out, whether or not it arrives.
        let flushed = self.flush();
        understood.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        match flushed {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(self.tls.as_ref().is_none_or(|tls| !tls.is_handshaking())),
        }
    }

    /// Of the printer's certificate; `None` without TLS, or before the handshake is over.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        let certificates = self.tls.as_ref()?.peer_certificates()?;
        certificates.first().map(|certificate| Fingerprint::of(certificate))
    }

    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return (&*self.socket).read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Without the closing alert of TLS it is a close all the same; what came tells if it is whole.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                done => return done,
            }
            tls.read_tls(&mut &*self.socket)?;
            tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }

    /// Takes some of `bytes`; those it has taken may still need a [`Wire::flush`].
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let Some(tls) = &mut self.tls else { return (&*self.socket).write(bytes) };
        let taken = tls.writer().write(&bytes[..bytes.len().min(TLS_RECORD_BYTES)])?;
        match self.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(taken),
        }
    }

    /// Hands everything that was taken to the operating system.
    pub fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            tls.write_tls(&mut &*self.socket)?;
        }
        Ok(())
    }

    /// How many of the bytes that were taken the printer's side has not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        os::queued(&*self.socket).unwrap_or(0)
    }

    /// Whether some of the bytes that were taken certainly never left this machine.
    pub fn holds_back(&self) -> bool {
        let sealed = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        sealed || os::not_sent(&self.socket).is_ok_and(|bytes| bytes > 0)
    }
}
