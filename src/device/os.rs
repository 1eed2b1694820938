//! The few calls to the operating system that the standard library has not.

use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat, major};
use rustix::ioctl::{Getter, Opcode, Updater, ioctl, opcode};

/// Waits for one of `wanted`, at most for `longest`. Coming back early without any of them is allowed.
pub fn wait(wanted: &mut [PollFd<'_>], longest: Duration) -> io::Result<()> {
    let longest = Timespec::try_from(longest).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 });
    match poll(wanted, Some(&longest)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits for `socket` to be readable or, where `writable` is asked for, writable; at most for `longest`.
pub fn wait_socket(socket: &TcpStream, wanted: PollFlags, longest: Duration) -> io::Result<()> {
    wait(&mut [PollFd::new(socket, wanted)], longest)
}

/// Resets a connection at once, whoever else holds it: what was not sent never leaves, and the other end is told
/// that this was no end.
pub fn reset(socket: &TcpStream) -> io::Result<()> {
    // Linux aborts a connection that is dissolved (connect(2), AF_UNSPEC); shutdown(2) would end it in order.
    Ok(rustix::net::connect_unspec(socket)?)
}

/// TIOCOUTQ (tty_ioctl(4)), the same number as SIOCOUTQ (tcp(7)).
#[cfg(not(any(
    target_arch = "mips",
    target_arch = "mips64",
    target_arch = "powerpc",
    target_arch = "powerpc64"
)))]
const OUTPUT_QUEUED: Opcode = 0x5411;
#[cfg(any(target_arch = "mips", target_arch = "mips64"))]
const OUTPUT_QUEUED: Opcode = 0x7472;
#[cfg(any(target_arch = "powerpc", target_arch = "powerpc64"))]
const OUTPUT_QUEUED: Opcode = 0x4004_7473;
/// SIOCOUTQNSD (linux/sockios.h).
const OUTPUT_NOT_SENT: Opcode = 0x894b;

/// How many bytes the operating system still holds for the other end: at a socket those not acknowledged
/// (an unacknowledged end counts as one), at a terminal those not sent.
pub fn queued(fd: impl AsFd) -> io::Result<u64> {
    ask::<OUTPUT_QUEUED>(fd)
}

/// How many bytes handed to a TCP socket were never sent, not once (an end not sent counts as one). Also
/// answers after the connection has broken.
pub fn not_sent(socket: &TcpStream) -> io::Result<u64> {
    ask::<OUTPUT_NOT_SENT>(socket)
}

#[allow(unsafe_code, reason = "rustix has no safe function for these two requests")]
fn ask<const REQUEST: Opcode>(fd: impl AsFd) -> io::Result<u64> {
    // SAFETY: the two requests above write one C `int` to the address given, which `Getter` provides; they
    // change nothing, and on a descriptor of another kind they fail.
    let bytes = unsafe { ioctl(fd, Getter::<REQUEST, std::ffi::c_int>::new())? };
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// The major number of USB devices (Documentation/admin-guide/devices.txt of Linux): below `/dev/usb/lp*` it is the
/// driver usblp, which alone knows the request.
const USB_MAJOR: u32 = 180;
/// What a driver gives of a device ID at most.
pub const DEVICE_ID_BYTES: usize = 1024;
/// LPIOC_GET_DEVICE_ID (drivers/usb/class/usblp.c of Linux).
const GET_DEVICE_ID: Opcode = opcode::read::<[u8; DEVICE_ID_BYTES]>(b'P', 1);

/// The device ID of IEEE 1284, with its length before it, as the driver of a USB printer gives it.
#[allow(unsafe_code, reason = "rustix has no safe function for this request")]
pub fn device_id(node: impl AsFd) -> io::Result<[u8; DEVICE_ID_BYTES]> {
    let stat = fstat(&node)?;
    let is_device = FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice;
    if !is_device || major(stat.st_rdev) != USB_MAJOR {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let mut id = [0; DEVICE_ID_BYTES];
    // SAFETY: the request writes at most as many bytes as its own number says, which is the length of `id`, all of
    // it initialised; it changes nothing else, and a driver that does not know it fails.
    unsafe { ioctl(&node, Updater::<GET_DEVICE_ID, _>::new(&mut id))? };
    Ok(id)
}
