//! Printers that take no job just now. No byte has left: the job keeps its place, or a mate takes it.

use std::fs;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rustix::process::Signal;
use spool::protocol::ipp::PrinterState;

use crate::stage::{
    BACK, LEAVES_BROKEN, LEAVES_NOT_READY, PAGE, alone, floor, has_reason, in_time, message, next_prints,
    shown,
};
use crate::support::ipp_script::{IppScript, React, Traits};
use crate::support::printer::{Behaviour, FakePrinter, PATIENCE};
use crate::support::server::Server;
use crate::support::sleeper::Sleeper;
use crate::support::wait::Stopwatch;

/// A printer with a fault, what it says, and how that ends.
trait Faulty {
    const REASON: &'static str;
    const WORDS: &'static str;
    /// So many attempts it may cost to find out.
    const ATTEMPTS: u64 = 0;
    const LEAVES: Duration = LEAVES_NOT_READY;

    fn uri(&self) -> String;
    /// Puts it right.
    fn mend(&mut self, server: &Server);
    /// Waits for the first document to come out of it.
    fn printed(&mut self) -> Vec<u8>;
}

/// The job waits at its place and says why and until when; it goes out when the printer is back.
fn waits_and_goes_on<F: Faulty>(mut faulty: F) {
    let server = alone(&faulty.uri());
    let job = server.submit("printer=a", PAGE);
    let a = shown(&server, F::REASON);
    assert!(a["next_try_at"].is_string(), "{a:#}");
    let says = |job: &serde_json::Value| {
        message(job).contains(F::WORDS) && message(job).contains("it is tried again at")
    };
    let waiting = server.until_job(job, "it says why, and when it is tried again", says);
    assert_eq!(waiting["status"], "waiting", "{waiting:#}");
    assert!(waiting["attempts"].as_u64() <= Some(F::ATTEMPTS), "{waiting:#}");
    assert!(has_reason(&waiting, "printer-stopped"), "{waiting:#}");
    faulty.mend(&server);
    let watch = Stopwatch::start();
    assert_eq!(faulty.printed(), PAGE);
    in_time("back to paper", watch.elapsed(), BACK);
    let done = server.until(job, "completed");
    assert!(done["attempts"].as_u64() <= Some(1 + F::ATTEMPTS), "what was not sent is no attempt: {done:#}");
    next_prints(&server);
}

/// The mate prints it at once.
fn leaves_for_the_mate<F: Faulty>(mut faulty: F) {
    let mate = FakePrinter::start(Behaviour::Normal);
    let server = floor(&faulty.uri(), &mate);
    for n in 1..=3 {
        let job = server.submit("printer=floor", PAGE);
        let watch = Stopwatch::start();
        assert_eq!(mate.documents(n), vec![PAGE; n]);
        in_time("out of the mate", watch.elapsed(), F::LEAVES);
        let done = server.until(job, "completed");
        assert_eq!(done["assigned_printer"], "b", "{done:#}");
        assert!(done["attempts"].as_u64() <= Some(1 + F::ATTEMPTS), "{done:#}");
    }
    faulty.mend(&server);
    next_prints(&server);
}

macro_rules! lines {
    ($($alone:ident, $pool:ident: $faulty:expr;)*) => {
        $(
            #[test]
            fn $alone() {
                waits_and_goes_on($faulty);
            }

            #[test]
            fn $pool() {
                leaves_for_the_mate($faulty);
            }
        )*
    };
}

lines! {
    a_printer_that_refuses_is_waited_for, a_member_that_refuses_is_left: Refusing::new();
    a_printer_that_is_off_is_waited_for, a_member_that_is_off_is_left: Off::new();
    a_printer_without_a_route_is_waited_for, a_member_without_a_route_is_left: Nowhere::new();
    a_printer_without_an_address_is_waited_for, a_member_without_an_address_is_left: Nameless::new();
    a_printer_that_is_busy_is_waited_for, a_member_that_is_busy_is_left: Busy::new();
    a_printer_without_paper_is_waited_for, a_member_without_paper_is_left: Paperless::new();
    a_printer_that_is_jammed_is_waited_for, a_member_that_is_jammed_is_left: Jammed::new();
    a_printer_with_an_open_cover_is_waited_for, a_member_with_an_open_cover_is_left: Open::new();
}

struct Refusing(FakePrinter);

impl Refusing {
    fn new() -> Refusing {
        let mut fake = FakePrinter::start(Behaviour::Normal);
        fake.refuse();
        Refusing(fake)
    }
}

impl Faulty for Refusing {
    const REASON: &'static str = "connection-refused";
    const WORDS: &'static str = "the printer refuses connections";

    fn uri(&self) -> String {
        self.0.uri()
    }

    fn mend(&mut self, _: &Server) {
        self.0.listen();
    }

    fn printed(&mut self) -> Vec<u8> {
        self.0.documents(1).remove(0)
    }
}

/// It answers nothing.
struct Off {
    sleeper: Option<Sleeper>,
    uri: String,
    paper: Option<Receiver<Vec<u8>>>,
}

impl Off {
    fn new() -> Off {
        let sleeper = Sleeper::new();
        Off { uri: sleeper.uri(), sleeper: Some(sleeper), paper: None }
    }
}

impl Faulty for Off {
    const REASON: &'static str = "asleep";
    const WORDS: &'static str = "off or asleep";

    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn mend(&mut self, _: &Server) {
        self.paper = self.sleeper.take().map(Sleeper::wakes);
    }

    fn printed(&mut self) -> Vec<u8> {
        self.paper.as_ref().unwrap().recv_timeout(PATIENCE).unwrap()
    }
}

/// It is mended by another address in the configuration.
fn gets_address(server: &Server, old: &str, new: &str) {
    let file = server.home().join("spool.toml");
    let text = fs::read_to_string(&file).unwrap().replace(old, new);
    fs::write(file, text).unwrap();
    server.signal(Signal::HUP);
}

macro_rules! elsewhere {
    ($name:ident, $old:literal, $reason:literal, $words:literal) => {
        struct $name(FakePrinter);

        impl $name {
            fn new() -> $name {
                $name(FakePrinter::start(Behaviour::Normal))
            }
        }

        impl Faulty for $name {
            const REASON: &'static str = $reason;
            const WORDS: &'static str = $words;

            fn uri(&self) -> String {
                $old.to_owned()
            }

            fn mend(&mut self, server: &Server) {
                gets_address(server, $old, &self.0.uri());
            }

            fn printed(&mut self) -> Vec<u8> {
                self.0.documents(1).remove(0)
            }
        }
    };
}

// TCP has no way to everybody at once, whatever the routes of this machine are.
elsewhere!(Nowhere, "socket://255.255.255.255:9100", "unreachable", "no way to the printer");
// A name service that cannot be reached says nothing; both are told in words of the name.
elsewhere!(Nameless, "socket://printer.invalid:9100", "name-unresolved", "the printer's name");

/// It takes the connection only to close it. Where that is heard only after the first write, it is a break.
struct Busy(FakePrinter);

impl Busy {
    fn new() -> Busy {
        Busy(FakePrinter::start(Behaviour::ResetAfter(0)))
    }
}

impl Faulty for Busy {
    const REASON: &'static str = "busy";
    const WORDS: &'static str = "busy with another job";
    const ATTEMPTS: u64 = 2;
    const LEAVES: Duration = LEAVES_BROKEN;

    fn uri(&self) -> String {
        self.0.uri()
    }

    fn mend(&mut self, _: &Server) {
        self.0.behave(Behaviour::Normal);
    }

    fn printed(&mut self) -> Vec<u8> {
        self.0.documents(1).remove(0)
    }
}

/// An IPP printer that says itself why it prints nothing.
macro_rules! stopped {
    ($name:ident, $says:literal, $reason:literal, $words:literal) => {
        struct $name(IppScript);

        impl $name {
            fn new() -> $name {
                let (state, reasons) = (PrinterState::Stopped, vec![$says]);
                let traits = Traits { state, reasons, ..Traits::default() };
                $name(IppScript::with(traits, |_| React::Normally))
            }
        }

        impl Faulty for $name {
            const REASON: &'static str = $reason;
            const WORDS: &'static str = $words;

            fn uri(&self) -> String {
                self.0.uri()
            }

            fn mend(&mut self, _: &Server) {
                self.0.change(|traits| {
                    (traits.state, traits.reasons) = (PrinterState::Idle, vec!["none"]);
                });
            }

            fn printed(&mut self) -> Vec<u8> {
                self.0.job_is_there();
                self.0.jobs()[0].documents[0].clone()
            }
        }
    };
}

stopped!(Paperless, "media-empty-error", "media-empty", "out of paper");
stopped!(Jammed, "media-jam-error", "media-jam", "paper is jammed");
stopped!(Open, "cover-open-error", "cover-open", "a cover of the printer is open");
