//! Who is measured: this program or CUPS, each with the same printers and given the same jobs.

use crate::support::client::Place;
use crate::support::home::Line;
use crate::support::meter::Meter;
use crate::support::server::{self, Server};
use crate::support::wait::{PATIENCE, wait_until};

use super::cups::Cups;
use super::request::{List, Request};

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

/// Where it is submitted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    Printer(usize),
    /// The queue that all share.
    All,
}

impl Queue {
    pub fn name(self) -> String {
        match self {
            Queue::Printer(number) => format!("p{number}"),
            Queue::All => "all".to_owned(),
        }
    }
}

/// Whether the printers also share a queue.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Queues {
    #[default]
    Apart,
    /// The pool, or class, `all`, of which this program is to take the first that is free.
    Shared,
}

/// What CUPS needs to take as many jobs as this program takes by default.
pub const ANY_JOBS: &str = "MaxJobs 0\n";

/// A server as it comes, with these printers.
#[derive(Clone, Copy, Default)]
pub struct Plan<'a> {
    /// The URIs of printers `p0`, `p1` and so on.
    pub printers: &'a [String],
    pub queues: Queues,
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
        let pool = match self.queues {
            Queues::Apart => String::new(),
            Queues::Shared => server::pool("all", &members, "first-available"),
        };
        format!("{}{printers}{pool}", self.spool_settings)
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

    /// Ends it as a service manager does.
    pub fn stop(&mut self) {
        match self {
            Peer::Spool(server) => drop(server.stop()),
            Peer::Cups(cups) => cups.stop(),
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

    fn who(&self) -> Who {
        match self {
            Peer::Spool(_) => Who::Spool,
            Peer::Cups(_) => Who::Cups,
        }
    }

    /// A request that submits `body`, ready to be sent many times.
    pub fn submission(&self, queue: Queue, then: Then, body: &[u8]) -> Request {
        Request::submission(self.who(), queue, then, body)
    }

    pub fn list(&self, list: List) -> Request {
        Request::list(self.who(), list)
    }

    pub fn job(&self, job: u64) -> Request {
        Request::job(self.who(), job)
    }
}
