//! Printers that are off or asleep, and the calls that wake them.

use std::net::UdpSocket;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::printer::PATIENCE;
use crate::support::server::{Server, printer};
use crate::support::sleeper::Sleeper;
use crate::support::wait::Stopwatch;

/// A connection that is not up after this long is not there: short here.
const QUICK: &str = "[watch]\nconnect = \"300ms\"\n[retry]\nbackoff = [\"100ms\", \"1s\"]\n";
const MAC: &str = "mac = \"00:11:22:33:44:55\"";
/// Six bytes of ones, and the address sixteen times.
const CALL_BYTES: usize = 102;
/// A job goes out at the latest so long after its printer is back; three times what is meant to be.
const BACK_MAX: Duration = Duration::from_secs(3);

/// Hears the calls to the subnet of the loopback.
struct Calls(UdpSocket);

impl Calls {
    fn listen() -> Calls {
        let socket = UdpSocket::bind(("127.255.255.255", 9)).expect("port 9, which only root may take");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Calls(socket)
    }

    /// One call to a printer comes: three packets.
    fn heard(&self) {
        let mut wanted = vec![0xff; 6];
        wanted.extend([0, 0x11, 0x22, 0x33, 0x44, 0x55].repeat(16));
        for _ in 0..3 {
            let mut packet = [0; 2 * CALL_BYTES];
            let bytes = self.0.recv(&mut packet).expect("a wake-up call");
            assert_eq!(&packet[..bytes], wanted);
        }
    }
}

fn entries(server: &Server, job: u64) -> Vec<(String, String, Value)> {
    let word = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
    let told = |entry: Value| (word(&entry, "kind"), word(&entry, "source"), entry["reason"].clone());
    server.timeline(job).into_iter().map(told).collect()
}

/// One test, since there is one port 9.
#[test]
fn ptm_12_a_printer_that_is_off_is_woken_and_its_job_goes_on_when_it_answers() {
    let (calls, sleeper) = (Calls::listen(), Sleeper::new());
    let (office, lab) = (printer("office", &sleeper.uri(), MAC), printer("lab", "sim:", ""));
    let server = Server::start(&format!("{QUICK}{office}{lab}"));
    let job = server.submit("printer=office", b"page");
    calls.heard();
    let waiting = server.until_job(job, "it says that its printer sleeps", |job| {
        job["message"].as_str().is_some_and(|message| message.contains("wake-up call"))
    });
    assert_eq!((&waiting["status"], &waiting["attempts"]), (&json!("waiting"), &json!(0)), "{waiting:#}");
    let asleep = server.printer("office");
    assert_eq!((&asleep["state"], &asleep["reasons"]), (&json!("stopped"), &json!(["asleep"])), "{asleep:#}");
    assert!(asleep["woken_at"].is_string() && asleep["next_try_at"].is_string(), "{asleep:#}");

    let printed = sleeper.wakes();
    let watch = Stopwatch::start();
    assert_eq!(printed.recv_timeout(PATIENCE).expect("it prints"), b"page");
    let took = watch.elapsed();
    assert!(took < BACK_MAX, "{took:?} after it came back");
    server.until(job, "completed");
    let told = entries(&server, job);
    let power: Vec<(&str, &str)> = told
        .iter()
        .filter(|(kind, ..)| kind.starts_with("printer-"))
        .map(|(kind, source, _)| (kind.as_str(), source.as_str()))
        .collect();
    let wanted = [("printer-stopped", "device"), ("printer-woken", "system"), ("printer-goes-on", "device")];
    assert_eq!(power, wanted, "{told:?}");
    assert_eq!(server.job(job)["attempts"], 1);
    assert!(server.printer("office")["woken_at"].is_null());

    // Somebody wants it woken, whether it sleeps or not.
    server.cli(&["printer", "wake", "office"]);
    calls.heard();
    let refused = server.post("/api/v1/printers/lab/wake", None);
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("no_mac")));
    let unknown = server.post("/api/v1/printers/attic/wake", None);
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!("no_such_printer")));
    let log = server.log();
    for line in ["the printer is off or asleep", "sent a wake-up call", "the printer is back"] {
        assert!(log.contains(line), "{line:?} is not in the log:\n{log}");
    }
}
