//! Requests: HTTP to this program, IPP to CUPS, each meaning the same.

use std::io::{self, Write};

use spool::protocol::ipp::{
    self, Caller, DocumentPart, Group, GroupTag, JobAttributes, JobPart, JobsQuery, Message, Operation,
    Owner, Status, StatusClass, Value, Version, WhichJobs,
};

use crate::support::client::{Answer, Place};
use crate::support::home::{Line, id_of};

use super::peer::{Queue, Then, Who};

const IPP: &str = "application/ipp";
/// A large document is written in pieces of so many bytes.
const PIECE: usize = 1 << 20;
/// How many rows a page has.
const PAGE: i32 = 100;

/// About what this program tells of a printer in a list.
const PRINTER_ATTRIBUTES: &[&str] = &[
    "printer-name",
    "printer-info",
    "printer-location",
    "printer-state",
    "printer-state-reasons",
    "printer-state-message",
    "printer-is-accepting-jobs",
    "queued-job-count",
    "device-uri",
];

/// A list, as a client asks for its first page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum List {
    Jobs,
    Printers,
}

/// A request, ready to be sent many times.
#[derive(Clone)]
pub struct Request {
    method: &'static str,
    target: String,
    media_type: &'static str,
    body: Vec<u8>,
}

impl Request {
    pub fn submission(who: Who, queue: Queue, then: Then, body: &[u8]) -> Request {
        match who {
            Who::Spool => {
                let hold = if then == Then::Hold { "&hold=true" } else { "" };
                let target = format!("/api/v1/jobs?printer={}{hold}", queue.name());
                Request {
                    method: "POST",
                    target,
                    media_type: "application/octet-stream",
                    body: body.to_vec(),
                }
            }
            Who::Cups => {
                let mut request = print_job(queue, then);
                request.body.extend_from_slice(body);
                request
            }
        }
    }

    /// For the first page of a list.
    pub fn list(who: Who, list: List) -> Request {
        match (who, list) {
            (Who::Spool, List::Jobs) => Request::get(format!("/api/v1/jobs?limit={PAGE}")),
            (Who::Spool, List::Printers) => Request::get(format!("/api/v1/printers?limit={PAGE}")),
            (Who::Cups, List::Jobs) => {
                let requested = &["job-id", "job-name", "job-state", "job-state-reasons", "job-k-octets"];
                let (which, owner) = (WhichJobs::NotCompleted, Owner::Anybody);
                let query = JobsQuery { which, owner, limit: Some(PAGE), requested };
                Request::ipp("/", |caller| caller.get_jobs(&query))
            }
            (Who::Cups, List::Printers) => Request::ipp("/", |caller| {
                let mut message = caller.get_printer_attributes(PRINTER_ATTRIBUTES);
                message.code = Operation::CupsGetPrinters.code();
                message.groups[0].push("limit", Value::Integer(PAGE));
                message
            }),
        }
    }

    pub fn job(who: Who, job: u64) -> Request {
        match who {
            Who::Spool => Request::get(format!("/api/v1/jobs/{job}")),
            Who::Cups => {
                let number = i32::try_from(job).expect("a number of CUPS");
                Request::ipp("/", |caller| caller.get_job_attributes(number, &["job-state"]))
            }
        }
    }

    fn get(target: String) -> Request {
        Request { method: "GET", target, media_type: "", body: Vec::new() }
    }

    fn ipp<'a>(target: &'a str, build: impl FnOnce(&Caller<'a>) -> Message<'a>) -> Request {
        let printer_uri = "ipp://localhost/";
        let caller = Caller { version: Version::V2_0, request_id: 1, printer_uri, user: "bench" };
        let body = ipp::encode(&build(&caller)).expect("a small message");
        Request { method: "POST", target: target.to_owned(), media_type: IPP, body }
    }

    pub fn try_send(&self, line: &mut Line) -> io::Result<Answer> {
        let media_type = [("content-type", self.media_type)];
        let headers: &[_] = if self.media_type.is_empty() { &[] } else { &media_type };
        line.send(self.method, &self.target, headers, &self.body)
    }

    /// It must succeed.
    pub fn send(&self, line: &mut Line) -> Answer {
        let answer = self.try_send(line).expect("an answer");
        assert!(is_success(&answer), "{answer:?}");
        answer
    }

    /// Sends it, followed by so many bytes more.
    pub fn send_large(&self, place: &Place, bytes: u64) -> Answer {
        let length = (self.body.len() as u64 + bytes).to_string();
        let headers = [("content-type", self.media_type), ("content-length", &length)];
        let mut stream = place.begin(self.method, &self.target, &headers).expect("it listens");
        stream.write_all(&self.body).expect("it reads");
        let piece = vec![b'x'; PIECE];
        let mut left = bytes;
        while left > 0 {
            let next = left.min(PIECE as u64);
            stream.write_all(&piece[..next as usize]).expect("it reads");
            left -= next;
        }
        let answer = Answer::read(stream).expect("an answer");
        assert!(is_success(&answer), "{answer:?}");
        answer
    }

    /// Its head and the first half of its body.
    pub fn first_half(&self) -> Vec<u8> {
        let head = format!(
            "{} {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n",
            self.method,
            self.target,
            self.media_type,
            self.body.len()
        );
        [head.as_bytes(), &self.body[..self.body.len() / 2]].concat()
    }
}

/// The number of the job that an answer tells of.
pub fn job_of(answer: &Answer) -> u64 {
    if answer.header("content-type") != Some(IPP) {
        return id_of(answer);
    }
    let (message, _) = ipp::decode(&answer.body).expect("an IPP message");
    let id = JobAttributes::first(&message).and_then(|job| job.id).expect("a number");
    u64::try_from(id).expect("it is positive")
}

/// Whether what was asked for was done. Of IPP only the status is read: a long list is more than is decoded at once.
pub fn is_success(answer: &Answer) -> bool {
    let ipp = answer.header("content-type") == Some(IPP);
    let status = answer.body.get(2..4).and_then(|code| code.try_into().ok()).map(u16::from_be_bytes);
    let inside = status.map(|code| Status::from_code(code).class());
    matches!(answer.status, 200 | 201) && (!ipp || inside == Some(StatusClass::Successful))
}

/// Whether a job is over, whatever became of it.
pub fn is_over(job: &Answer) -> bool {
    if job.header("content-type") != Some(IPP) {
        let status = job.json()["status"].clone();
        return ["completed", "failed", "canceled"].iter().any(|over| status == *over);
    }
    let (message, _) = ipp::decode(&job.body).expect("an IPP message");
    let state = JobAttributes::first(&message).and_then(|job| job.state);
    state.is_none_or(|state| state.is_final())
}

/// A Print-Job request without its document.
fn print_job(queue: Queue, then: Then) -> Request {
    let kind = if queue == Queue::All { "classes" } else { "printers" };
    let target = format!("/{kind}/{}", queue.name());
    let printer_uri = format!("ipp://localhost{target}");
    let caller = Caller { version: Version::V2_0, request_id: 1, printer_uri: &printer_uri, user: "bench" };
    let document = DocumentPart { format: Some("application/vnd.cups-raw"), ..DocumentPart::default() };
    let mut message = caller.print_job(&JobPart::default(), &document);
    if then == Then::Hold {
        let mut job = Group::new(GroupTag::Job);
        job.push("job-hold-until", Value::keyword("indefinite"));
        message.groups.push(job);
    }
    let body = ipp::encode(&message).expect("a small message");
    Request { method: "POST", target, media_type: IPP, body }
}
