//! `ippeveprinter` of CUPS: an IPP printer that somebody else wrote. What it prints is kept, byte for byte; a
//! print can be made to last, or to fail.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::wait::{PATIENCE, wait_until};

/// Runs in the place of a print engine. It gets the document's file and the job's number, and is done when
/// nobody holds it up any more.
const ENGINE: &str = r#"#!/bin/sh
home=$(dirname "$0")
cp "$1" "$home/printed/$IPP_JOB_ID.part" && mv "$home/printed/$IPP_JOB_ID.part" "$home/printed/$IPP_JOB_ID"
[ -p "$home/gate" ] && read -r _ < "$home/gate"
[ ! -e "$home/fail" ]
"#;

/// The formats that it says it prints.
pub const FORMATS: &str = "application/pdf,text/plain,application/octet-stream";

/// A printer, and the message bus that it wants. Dropping it kills both.
pub struct IppEve {
    home: TempDir,
    address: SocketAddr,
    bus: Child,
    printer: Option<Child>,
    formats: String,
}

/// A job as the printer's own page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: String,
    pub name: String,
    /// What it says of the job: `Started at 10:21:07`.
    pub state: String,
}

impl IppEve {
    pub fn start() -> IppEve {
        IppEve::with_formats(FORMATS)
    }

    pub fn with_formats(formats: &str) -> IppEve {
        let home = tempfile::Builder::new().prefix("ippeve-").tempdir().unwrap();
        for folder in ["printed", "spool", "keys"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        let engine = home.path().join("engine");
        fs::write(&engine, ENGINE).unwrap();
        fs::set_permissions(&engine, fs::Permissions::from_mode(0o755)).unwrap();
        let bus = bus(home.path());
        // A port that was free a moment ago; nobody else is given it for a while.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut printer = IppEve { home, address, bus, printer: None, formats: formats.to_owned() };
        printer.restart();
        printer
    }

    /// Starts it (again), at the same port, without the jobs that it had.
    pub fn restart(&mut self) {
        assert!(self.printer.is_none(), "it runs already");
        let home = self.home.path();
        let log = File::options().create(true).append(true).open(home.join("log")).unwrap();
        let printer = Command::new("ippeveprinter")
            .args(["-r", "off", "-n", "localhost", "-k", "-vv", "-f", &self.formats])
            .args(["-p", &self.address.port().to_string()])
            .arg("-d")
            .arg(home.join("spool"))
            .arg("-K")
            .arg(home.join("keys"))
            .arg("-c")
            .arg(home.join("engine"))
            .arg("spool test")
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus_address(home))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("ippeveprinter runs: it is in the package cups-ipp-utils");
        let printer = self.printer.insert(printer);
        wait_until("ippeveprinter listens", PATIENCE, || {
            if let Some(status) = printer.try_wait().unwrap() {
                panic!("ippeveprinter ended, {status}: {}", fs::read_to_string(home.join("log")).unwrap());
            }
            TcpStream::connect(self.address).ok()
        });
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn uri(&self) -> String {
        format!("ipp://{}/ipp/print", self.address)
    }

    /// The same printer under TLS, with a certificate that it made itself.
    pub fn uri_tls(&self) -> String {
        format!("ipps://{}/ipp/print", self.address)
    }

    /// What was printed as the job with this number (its handle), once it is there.
    pub fn printed(&self, job: &str) -> Vec<u8> {
        let path = self.home.path().join("printed").join(job);
        wait_until(&format!("job {job} is printed; {}", self.log()), PATIENCE, || fs::read(&path).ok())
    }

    /// The numbers of all jobs that were printed, or began to be.
    pub fn all_printed(&self) -> Vec<String> {
        let names = fs::read_dir(self.home.path().join("printed")).unwrap();
        let mut names: Vec<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Its own list of jobs, from its own page, newest first.
    pub fn jobs(&self) -> Vec<Listed> {
        let page = self.get("/");
        let Some((_, rows)) = page.split_once("<tbody>") else { return Vec::new() };
        let cell = |text: &str| text.split("</td>").next().unwrap().to_owned();
        let listed = |row: &str| {
            let cells: Vec<String> = row.split("<td>").skip(1).map(cell).collect();
            let [id, name, _owner, state] = cells.try_into().unwrap();
            Listed { id, name, state }
        };
        rows.split("<tr>").skip(1).map(listed).collect()
    }

    /// Waits until its own list says this of the job with this handle: `Canceled`, `Completed`, `Started` …
    pub fn until_listed(&self, handle: &str, state: &str) {
        wait_until(&format!("job {handle} is {state}; {:?}", self.jobs()), PATIENCE, || {
            let jobs = self.jobs();
            jobs.iter().any(|job| job.id == handle && job.state.starts_with(state)).then_some(())
        });
    }

    /// Makes every print from now on last until [`IppEve::let_go`].
    pub fn hold_up(&self) {
        let done = Command::new("mkfifo").arg(self.gate()).status().unwrap();
        assert!(done.success());
    }

    /// Lets the print that is held up come to its end, and all others after it.
    pub fn let_go(&self) {
        let gate = self.gate();
        // Opening waits for the print that waits.
        let mut open = File::options().write(true).open(&gate).unwrap();
        fs::remove_file(&gate).unwrap();
        open.write_all(b"\n").unwrap();
    }

    /// Somebody else cancels a job, with a program that is not ours.
    pub fn cancel_at_panel(&self, handle: &str) {
        let test = self.home.path().join("cancel.test");
        let operation = "{ OPERATION Cancel-Job GROUP operation-attributes-tag
            ATTR charset attributes-charset utf-8
            ATTR naturalLanguage attributes-natural-language en
            ATTR uri printer-uri $uri
            ATTR integer job-id $id
            STATUS successful-ok }";
        fs::write(&test, operation).unwrap();
        let mut told = Command::new("ipptool");
        told.args(["-q", "-d", &format!("id={handle}"), &self.uri()]).arg(&test);
        let told = told.status().expect("ipptool runs: it is in the package cups-ipp-utils");
        assert!(told.success(), "{}", self.log());
    }

    /// Makes every print from now on fail.
    pub fn fail(&self) {
        fs::write(self.home.path().join("fail"), "").unwrap();
    }

    /// Takes all paper out. A job that needs some stops the printer.
    pub fn take_paper_out(&self) {
        self.get("/media?size1=na_letter_8.5x11in&type1=stationery&level1=0&level2=0&level3=0");
    }

    pub fn put_paper_in(&self) {
        self.get("/media?size1=na_letter_8.5x11in&type1=stationery&level1=250&level2=25&level3=25");
    }

    /// It stands still, its connections stay open.
    pub fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    pub fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// It dies, and its jobs with it.
    pub fn kill(&mut self) {
        let mut printer = self.printer.take().expect("it runs");
        printer.kill().unwrap();
        printer.wait().unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    /// Whether somebody has asked it for this operation.
    pub fn was_asked(&self, operation: &str) -> bool {
        self.log().contains(&format!("operation-id={operation}"))
    }

    /// A page of its own web server, which is also its panel.
    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        // It keeps the connection open for half a minute, whatever it is told, unless nothing more can come.
        stream.shutdown(Shutdown::Write).unwrap();
        let mut page = Vec::new();
        stream.read_to_end(&mut page).unwrap();
        String::from_utf8_lossy(&page).into_owned()
    }

    fn gate(&self) -> PathBuf {
        self.home.path().join("gate")
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.printer.as_ref().expect("it runs"))
    }
}

impl Drop for IppEve {
    fn drop(&mut self) {
        if self.printer.is_some() {
            self.kill();
        }
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

fn bus_address(home: &Path) -> String {
    format!("unix:path={}", home.join("bus").display())
}

/// It leaves at once where no system bus answers, though it is told to announce nothing.
fn bus(home: &Path) -> Child {
    let mut bus = Command::new("dbus-daemon")
        .args(["--session", "--nofork", "--nopidfile", "--address", &bus_address(home)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("dbus-daemon runs: it is in the package of that name");
    wait_until("the message bus listens", PATIENCE, || {
        assert!(bus.try_wait().unwrap().is_none(), "dbus-daemon ended");
        home.join("bus").exists().then_some(())
    });
    bus
}
