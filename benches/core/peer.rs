//! Who is measured: this program, or a private `cupsd` with raw queues that syncs what it accepts, for comparison.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::client::{Answer, Place};
use crate::support::home::{Home, Life, Line, QUICK};
use crate::support::wait::{PATIENCE, wait_until};

/// What becomes of a job that is accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Hold,
    Print,
}

/// A server with printers `p0`, `p1` and so on, and how jobs are sent to it.
pub enum Peer<'h> {
    Spool(&'h Home, Life<'h>),
    Cups(Cups),
}

pub struct Cups {
    address: SocketAddr,
    child: Child,
    _home: TempDir,
}

/// A configuration with printers at these URIs.
pub fn home(uris: &[String]) -> Home {
    let names: Vec<String> = (0..uris.len()).map(|n| format!("p{n}")).collect();
    let named: Vec<(&str, &str)> =
        names.iter().map(String::as_str).zip(uris.iter().map(String::as_str)).collect();
    Home::with(QUICK, &named)
}

impl<'h> Peer<'h> {
    pub fn spool(home: &'h Home) -> Peer<'h> {
        let mut life = home.begin(&[("RUST_LOG", "warn")]);
        life.ready();
        Peer::Spool(home, life)
    }

    pub fn line(&self) -> Line {
        let address = match self {
            Peer::Spool(home, _) => home.http,
            Peer::Cups(cups) => cups.address,
        };
        Line::new(&Place::Tcp(address)).unwrap()
    }

    /// A request that submits `body`, ready to be sent many times.
    pub fn request(&self, printer: usize, then: Then, body: &[u8]) -> Request {
        match self {
            Peer::Spool(..) => {
                let hold = if then == Then::Hold { "&hold=true" } else { "" };
                let target = format!("/api/v1/jobs?printer=p{printer}{hold}");
                Request { target, media_type: "application/octet-stream", body: body.to_vec() }
            }
            Peer::Cups(_) => {
                let body = [&print_job(printer, then)[..], body].concat();
                Request { target: format!("/printers/p{printer}"), media_type: "application/ipp", body }
            }
        }
    }

    /// The most memory that the server has had so far.
    pub fn memory(&self) -> String {
        let pid = match self {
            Peer::Spool(_, life) => life.pid(),
            Peer::Cups(cups) => cups.child.id(),
        };
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        format!("RSS {} MiB", kib >> 10)
    }
}

pub struct Request {
    target: String,
    media_type: &'static str,
    body: Vec<u8>,
}

impl Request {
    /// Sends it; it must be accepted.
    pub fn send(&self, line: &mut Line) -> Answer {
        let headers = [("content-type", self.media_type)];
        let answer = line.send("POST", &self.target, &headers, &self.body).unwrap();
        let good = match self.media_type {
            "application/ipp" => answer.status == 200 && answer.body[2] == 0,
            _ => answer.status == 201,
        };
        assert!(good, "{answer:?}");
        answer
    }
}

impl Cups {
    pub fn start(uris: &[String]) -> Option<Cups> {
        let program = "/usr/sbin/cupsd";
        fs::metadata(program).ok()?;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().display();
        let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        for folder in ["spool", "cache", "state", "tmp"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        let conf = format!(
            "Listen {address}\nMaxClients 200\nMaxJobs 0\nBrowsing Off\nLogLevel warn\n\
             <Location />\nOrder allow,deny\nAllow all\n</Location>\n"
        );
        let files = format!(
            "ServerRoot {path}\nRequestRoot {path}/spool\nCacheDir {path}/cache\nStateDir {path}/state\n\
             TempDir {path}/tmp\nAccessLog {path}/access\nErrorLog {path}/error\nPageLog {path}/page\n\
             SyncOnClose Yes\n"
        );
        let queue = |(n, uri): (usize, &String)| {
            format!("<Printer p{n}>\nDeviceURI {uri}\nState Idle\nAccepting Yes\nShared No\n</Printer>\n")
        };
        let queues: String = uris.iter().enumerate().map(queue).collect();
        for (name, text) in [("cupsd.conf", conf), ("cups-files.conf", files), ("printers.conf", queues)] {
            fs::write(home.path().join(name), text).unwrap();
        }
        let mut command = Command::new(program);
        command.arg("-f").arg("-c").arg(home.path().join("cupsd.conf"));
        command.arg("-s").arg(home.path().join("cups-files.conf"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        wait_until("cupsd listens", PATIENCE, || Line::new(&Place::Tcp(address)).ok());
        Some(Cups { address, child, _home: home })
    }
}

impl Drop for Cups {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Print-Job request without its document (RFC 8011 section 4.2.1).
fn print_job(printer: usize, then: Then) -> Vec<u8> {
    let uri = format!("ipp://localhost/printers/p{printer}");
    let mut request = vec![1, 1, 0, 2, 0, 0, 0, 1, 1];
    let mut attribute = |tag: u8, name: &str, value: &str| {
        request.push(tag);
        for text in [name, value] {
            request.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
            request.extend_from_slice(text.as_bytes());
        }
    };
    attribute(0x47, "attributes-charset", "utf-8");
    attribute(0x48, "attributes-natural-language", "en");
    attribute(0x45, "printer-uri", &uri);
    attribute(0x42, "requesting-user-name", "bench");
    attribute(0x49, "document-format", "application/vnd.cups-raw");
    if then == Then::Hold {
        request.push(2);
        let (name, value) = ("job-hold-until", "indefinite");
        request.push(0x44);
        request.extend_from_slice(&[0, name.len() as u8]);
        request.extend_from_slice(name.as_bytes());
        request.extend_from_slice(&[0, value.len() as u8]);
        request.extend_from_slice(value.as_bytes());
    }
    request.push(3);
    request
}
