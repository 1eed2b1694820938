//! Who is measured: this program or CUPS, each with the same printers and given the same jobs.

use spool::protocol::ipp::{
    self, Caller, DocumentPart, Group, GroupTag, JobAttributes, JobPart, StatusClass, Value, Version,
};

use crate::support::client::{Answer, Place};
use crate::support::home::{Line, id_of};
use crate::support::meter::Meter;
use crate::support::server::{self, Server};
use crate::support::wait::{PATIENCE, wait_until};

use super::cups::Cups;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Spool,
    Cups,
}

/// What becomes of a job that is accepted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Hold,
    Print,
}

/// What CUPS needs to take as many jobs as this program takes by default.
pub const ANY_JOBS: &str = "MaxJobs 0\n";

/// A server as it comes, with these printers.
#[derive(Clone, Copy, Default)]
pub struct Plan<'a> {
    /// The URIs of printers `p0`, `p1` and so on. All together they are the pool, or class, `all`.
    pub printers: &'a [String],
    /// What stands in `spool.toml` besides them.
    pub spool_settings: &'a str,
    /// What stands there at each printer.
    pub spool_printer: &'a str,
    /// What stands in `cupsd.conf` behind what Debian has there.
    pub cups_settings: &'a str,
}

impl Plan<'_> {
    pub fn start(&self, who: Who) -> Peer {
        match who {
            Who::Spool => Peer::Spool(Server::start_with(&self.configuration(), &[("RUST_LOG", "warn")])),
            Who::Cups => Peer::Cups(Cups::start(self)),
        }
    }

    fn configuration(&self) -> String {
        let names: Vec<String> = (0..self.printers.len()).map(|n| format!("p{n}")).collect();
        let each = names.iter().zip(self.printers);
        let printers: String =
            each.map(|(name, uri)| server::printer(name, uri, self.spool_printer)).collect();
        let members: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{}{printers}{}", self.spool_settings, server::pool("all", &members, "least-completion-time"))
    }
}

pub enum Peer {
    Spool(Server),
    Cups(Cups),
}

impl Peer {
    pub fn place(&self) -> Place {
        match self {
            Peer::Spool(server) => server.tcp(),
            Peer::Cups(cups) => cups.place(),
        }
    }

    /// A connection that stays open.
    pub fn line(&self) -> Line {
        Line::new(&self.place()).expect("it listens")
    }

    pub fn meter(&self) -> Meter {
        match self {
            Peer::Spool(server) => server.meter(),
            Peer::Cups(cups) => cups.meter(),
        }
    }

    pub fn kill(&mut self) {
        match self {
            Peer::Spool(server) => server.kill(),
            Peer::Cups(cups) => cups.kill(),
        }
    }

    pub fn run_again(&mut self) {
        match self {
            Peer::Spool(server) => server.restart(),
            Peer::Cups(cups) => cups.run(),
        }
    }

    /// Waits until every job is done with, and noted to be.
    pub fn rests(&self) {
        match self {
            Peer::Spool(server) => wait_until("no job is under way", PATIENCE, || {
                let active = server.get("/api/v1/jobs?status=active&limit=1");
                active["jobs"].as_array()?.is_empty().then_some(())
            }),
            Peer::Cups(cups) => cups.rests(),
        }
    }

    /// A request that submits `body` to a printer or to `all`, ready to be sent many times.
    pub fn request(&self, queue: &str, then: Then, body: &[u8]) -> Request {
        match self {
            Peer::Spool(_) => {
                let hold = if then == Then::Hold { "&hold=true" } else { "" };
                let target = format!("/api/v1/jobs?printer={queue}{hold}");
                Request { who: Who::Spool, target, body: body.to_vec() }
            }
            Peer::Cups(_) => {
                let kind = if queue == "all" { "classes" } else { "printers" };
                let target = format!("/{kind}/{queue}");
                Request { who: Who::Cups, body: [&print_job(&target, then)[..], body].concat(), target }
            }
        }
    }
}

/// A submission.
pub struct Request {
    who: Who,
    target: String,
    body: Vec<u8>,
}

impl Request {
    /// Sends it; it must be accepted. The number of the job.
    pub fn send(&self, line: &mut Line) -> u64 {
        self.try_send(line).expect("an answer")
    }

    /// The same where the server may end meanwhile.
    pub fn try_send(&self, line: &mut Line) -> std::io::Result<u64> {
        let media_type = match self.who {
            Who::Spool => "application/octet-stream",
            Who::Cups => "application/ipp",
        };
        let answer = line.send("POST", &self.target, &[("content-type", media_type)], &self.body)?;
        Ok(match self.who {
            Who::Spool => id_of(&answer),
            Who::Cups => job_id(&answer),
        })
    }
}

/// A Print-Job request without its document.
fn print_job(target: &str, then: Then) -> Vec<u8> {
    let printer_uri = format!("ipp://localhost{target}");
    let caller = Caller { version: Version::V2_0, request_id: 1, printer_uri: &printer_uri, user: "bench" };
    let document = DocumentPart { format: Some("application/vnd.cups-raw"), ..DocumentPart::default() };
    let mut message = caller.print_job(&JobPart::default(), &document);
    if then == Then::Hold {
        let mut job = Group::new(GroupTag::Job);
        job.push("job-hold-until", Value::keyword("indefinite"));
        message.groups.push(job);
    }
    ipp::encode(&message).expect("a small message")
}

fn job_id(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "{answer:?}");
    let (message, _) = ipp::decode(&answer.body).expect("an IPP message");
    assert_eq!(message.status().class(), StatusClass::Successful, "{message:?}");
    let id = JobAttributes::first(&message).and_then(|job| job.id).expect("a number");
    u64::try_from(id).expect("it is positive")
}
