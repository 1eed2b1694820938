//! A private `cupsd` with raw queues, configured as Debian configures it, that ends with this program.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::client::Place;
use crate::support::meter::Meter;
use crate::support::wait::{PATIENCE, wait_until};

use super::peer::{Plan, Queues};

/// Where the parts are, where CUPS is installed.
const PROGRAM: &str = "usr/sbin/cupsd";
const HELPERS: &str = "usr/lib/cups";
/// The backend for `socket:`, as its package brings it and as it lies where that was installed.
const BACKENDS: [&str; 2] = ["usr/lib/cups/backend/socket", "usr/lib/cups/backend-available/socket"];
const CONFIGURATION: &str = "usr/share/cups/cupsd.conf.default";
const FILES: &str = "usr/share/cups/cups-files.conf.default";

pub struct Cups {
    address: SocketAddr,
    home: TempDir,
    program: PathBuf,
    child: Option<Child>,
}

impl Cups {
    /// Whether all its parts are there.
    pub fn is_there() -> bool {
        [PROGRAM, HELPERS, CONFIGURATION, FILES].iter().all(|part| find(part).is_some())
            && backend().is_some()
    }

    /// With queues `p0`, `p1` and so on, which may be the members of a class `all`.
    pub fn start(plan: &Plan<'_>) -> Cups {
        let home = tempfile::tempdir().expect("a directory");
        // Its backends run as another user.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("our own directory");
        let address = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let program = find(PROGRAM).expect("it is there");
        let mut cups = Cups { address: address.expect("a free port"), home, program, child: None };
        cups.arrange();
        cups.configure(plan);
        cups.run();
        cups
    }

    /// Directories of its own; of the helpers of the system it gets only those that raw queues need.
    fn arrange(&self) {
        let path = self.home.path();
        for folder in ["spool", "cache", "state", "tmp", "helpers", "helpers/backend", "helpers/filter"] {
            fs::create_dir(path.join(folder)).expect("a directory");
        }
        let helpers = find(HELPERS).expect("it is there");
        for folder in ["daemon", "notifier"] {
            symlink(helpers.join(folder), path.join("helpers").join(folder)).expect("a link");
        }
        let own = path.join("helpers/backend/socket");
        fs::copy(backend().expect("it is there"), own).expect("a copy");
    }

    fn configure(&self, plan: &Plan<'_>) {
        let path = self.home.path().display();
        let debian = read(CONFIGURATION);
        let kept = debian.lines().filter(|line| !line.starts_with("Listen "));
        let conf: String = kept.map(|line| format!("{line}\n")).collect();
        let conf = format!("{conf}Listen {}\n{}", self.address, plan.cups_settings);
        let debian = read(FILES);
        let files = format!(
            "{debian}\nServerRoot {path}\nRequestRoot {path}/spool\nCacheDir {path}/cache\nStateDir {path}/state\n\
             TempDir {path}/tmp\nServerBin {path}/helpers\nAccessLog {path}/access\nErrorLog {path}/error\n\
             PageLog {path}/page\n"
        );
        let queue = |(n, uri): (usize, &String)| {
            format!("<Printer p{n}>\nDeviceURI {uri}\nState Idle\nAccepting Yes\nShared No\n</Printer>\n")
        };
        let queues: String = plan.printers.iter().enumerate().map(queue).collect();
        let members: String = (0..plan.printers.len()).map(|n| format!("Printer p{n}\n")).collect();
        let class = match plan.queues {
            Queues::Apart => String::new(),
            Queues::Shared => format!("<Class all>\nState Idle\nAccepting Yes\n{members}</Class>\n"),
        };
        for (name, text) in [
            ("cupsd.conf", conf),
            ("cups-files.conf", files),
            ("printers.conf", queues),
            ("classes.conf", class),
        ] {
            fs::write(self.home.path().join(name), text).expect("a configuration");
        }
    }

    /// Starts it, and waits until it answers.
    pub fn run(&mut self) {
        // It dies when this thread does, however that comes about.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(&self.program).arg("-f");
        command.arg("-c").arg(self.home.path().join("cupsd.conf"));
        command.arg("-s").arg(self.home.path().join("cups-files.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("the program runs"));
        wait_until("cupsd answers", PATIENCE, || self.place().send("GET", "/", &[], b"").ok());
    }

    pub fn place(&self) -> Place {
        Place::Tcp(self.address)
    }

    pub fn meter(&self) -> Meter {
        Meter::of(self.child.as_ref().expect("it runs").id())
    }

    /// Waits until none of its backends is at work.
    pub fn rests(&self) {
        wait_until("no backend runs", PATIENCE, || self.meter().children().is_empty().then_some(()));
    }

    /// Ends it as a service manager does.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
            kill_process(pid, Signal::TERM).expect("it can be told");
            wait_until("cupsd ends", PATIENCE, || child.try_wait().expect("a child"));
        }
    }

    /// Ends it as a power cut would end the process.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Cups {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.home.path().join("error")).unwrap_or_default();
            eprintln!("--- cupsd's log ---\n{log}--- its end ---");
        }
    }
}

/// A part of CUPS: installed, or unpacked by `benches/fetch-cups`.
fn find(part: &str) -> Option<PathBuf> {
    let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("cups");
    [PathBuf::from("/"), unpacked].into_iter().map(|root| root.join(part)).find(|path| path.exists())
}

fn backend() -> Option<PathBuf> {
    BACKENDS.iter().find_map(|part| find(part))
}

fn read(part: &str) -> String {
    fs::read_to_string(find(part).expect("it is there")).expect("a file of CUPS")
}
