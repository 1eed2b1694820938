//! One document on its way: to the server that was asked, on to the one that has room for it, and once more where a
//! connection was lost. The idempotency key is always the same, so nothing is printed twice.

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::client::{Broken, Document, NoAnswer, Response, Server, good, read_answer, read_value};
use super::failure::Failure;
use super::output::{clean, pause};
use super::shapes::Job;
use super::source::{Gone, Opened, Source};
use crate::clock::Clock;
use crate::model::time::MonoTime;

/// An upload that takes longer than this gets a progress bar, on a terminal.
const QUIET: Duration = Duration::from_secs(1);
/// How long is waited before a document is sent again.
const BEFORE_AGAIN: Duration = Duration::from_secs(1);
/// After a lost connection the server is looked for so many times.
const TRIES_AFTER_LOSS: u32 = 10;
/// Found, it is sent the document so many times more.
const SENT_AGAIN_MAX: u32 = 1;
/// A document is sent on by so many servers at most (RFC 9110 section 15.4: loops are for the client to see).
const HOPS_MAX: u32 = 3;

/// A document that has become a job.
pub struct Accepted {
    pub job: Job,
    /// As the server has put it.
    pub answer: Value,
    /// Who has answered, and the address at which the job is seen: its secret link, or its own.
    pub server: Server,
    pub link: Option<String>,
    /// Whether it is at another server than the one that was asked.
    pub elsewhere: bool,
}

/// Where a document is sent.
#[derive(Clone)]
struct Address {
    server: Server,
    target: String,
    /// How many servers have sent it on.
    hops: u32,
}

/// Submits one document as one job.
pub fn upload(source: &Source, target: &str, key: &str, server: &Server) -> Result<Accepted, Failure> {
    let what = format!("cannot print {}", source.name());
    let first = Address { server: server.clone(), target: target.to_owned(), hops: 0 };
    let mut letter = Letter::new(source, key, what)?;
    let mut tries = Tries { from: first.clone(), left: TRIES_AFTER_LOSS, losses: 0, why: None };
    loop {
        let (at, answer) = letter.travel(tries.from.clone());
        match answer {
            Ok(response) => return letter.accepted(at, response),
            Err(no_answer) => tries.missed(&first, &at, letter.opened.gone, no_answer, &letter.what)?,
        }
        if tries.left == 0 || !letter.opened.can_be_sent() {
            return Err(tries.in_vain(&letter.what));
        }
        tries.left -= 1;
        pause(BEFORE_AGAIN);
    }
}

/// What is known after tries that gave no answer.
struct Tries {
    /// Where the next one begins.
    from: Address,
    left: u32,
    /// How often a connection was lost over which something had gone.
    losses: u32,
    /// What ended the first try.
    why: Option<String>,
}

impl Tries {
    /// Takes in a try that gave no answer.
    ///
    /// # Errors
    /// Where no other try would help.
    fn missed(
        &mut self,
        first: &Address,
        at: &Address,
        gone: Gone,
        no_answer: NoAnswer,
        what: &str,
    ) -> Result<(), Failure> {
        match no_answer {
            // A server that we were sent to, and that is away, will soon be sent to no more.
            NoAnswer::Broken(Broken::Lost(error)) if at.hops > 0 && gone == Gone::Nothing => {
                self.why.get_or_insert(format!("{}: {error}", at.server.name()));
            }
            NoAnswer::Broken(Broken::Lost(error)) => {
                self.losses += 1;
                self.why.get_or_insert(error.to_string());
                if self.losses > SENT_AGAIN_MAX {
                    self.left = 0;
                }
                // What may have been accepted must not go to another server, who would not know that it comes again.
                self.from = if gone == Gone::All { at.clone() } else { first.clone() };
            }
            // Once lost, the server may be starting again: only its absence is waited out.
            NoAnswer::Unreachable(_) if self.why.is_some() => {}
            NoAnswer::Unreachable(Failure::Failed(why) | Failure::Away(why)) if at.hops > 0 => {
                self.why = Some(why);
            }
            other => return Err(other.about(what)),
        }
        Ok(())
    }

    fn in_vain(&self, what: &str) -> Failure {
        let why = self.why.as_deref().unwrap_or_default();
        if self.losses == 0 {
            return Failure::failed(format!(
                "{what}: the server that it was sent on to does not take it ({why}); nothing was accepted: try again later"
            ));
        }
        let of = match self.from.hops {
            0 => String::new(),
            _ => format!(" --server {}", self.from.server.name()),
        };
        Failure::failed(format!(
            "{what}: the connection was lost ({why}); it may have been taken: look at `spool jobs{of}` before you print it again"
        ))
    }
}

/// A document with all that stays the same wherever it goes.
struct Letter<'s> {
    source: &'s Source,
    key: &'s str,
    opened: Opened,
    /// What an error line is about.
    what: String,
}

impl Letter<'_> {
    fn new<'s>(source: &'s Source, key: &'s str, what: String) -> Result<Letter<'s>, Failure> {
        let opened = source.begin().map_err(|error| Failure::failed(format!("{what}: {error}")))?;
        Ok(Letter { source, key, opened, what })
    }

    /// Sends it, and on to where it is sent: the last address, and what is answered there.
    fn travel(&mut self, mut to: Address) -> (Address, Result<Response, NoAnswer>) {
        loop {
            let answer = self.send(&to);
            let next = match &answer {
                Ok(response) if matches!(response.status, 307 | 308) => self.next(&to, response),
                _ => return (to, answer),
            };
            match next {
                Ok(next) => to = next,
                Err(failure) => return (to, Err(NoAnswer::Astray(failure))),
            }
        }
    }

    /// Where a redirection leads.
    fn next(&self, at: &Address, response: &Response) -> Result<Address, Failure> {
        let failed = |why: String| Failure::failed(format!("{}: {why}", self.what));
        let (name, location) = (at.server.name(), clean(response.location.as_deref().unwrap_or_default()));
        let behind = response.location.as_deref().and_then(|location| at.server.behind(location));
        let Some((server, target)) = behind else {
            return Err(failed(format!(
                "the server at {name} sends it on to {location:?}, which is no address of a server (http://HOST:PORT/…)"
            )));
        };
        if at.hops == HOPS_MAX {
            return Err(failed(format!(
                "it was sent on {HOPS_MAX} times, and the server at {name} sends it on again, to {}: the servers do not agree who takes it (`spool nodes`)",
                server.name()
            )));
        }
        if !self.opened.can_be_sent() {
            return Err(failed(format!(
                "the server at {name} sends it on to {} after a part had gone, and it cannot be read twice; nothing was accepted: print it from a file",
                server.name()
            )));
        }
        Ok(Address { server, target, hops: at.hops + 1 })
    }

    /// Sends it from its beginning.
    fn send(&mut self, to: &Address) -> Result<Response, NoAnswer> {
        if self.opened.gone != Gone::Nothing {
            self.opened = self.source.begin().map_err(|error| NoAnswer::Broken(Broken::Source(error)))?;
        }
        let (length, again) = (self.opened.length, self.opened.again);
        let mut bar = Bar::new(length);
        let mut progress = |gone| bar.shows(gone);
        let document = Document { source: &mut self.opened, length, again, progress: &mut progress };
        let answer = to.server.upload(&to.target, self.key, document);
        bar.ends();
        answer
    }

    fn accepted(&self, at: Address, response: Response) -> Result<Accepted, Failure> {
        let response = good(response, &self.what)?;
        let elsewhere = at.hops > 0 || response.node.is_some();
        let node = response.node.clone().or_else(|| elsewhere.then(|| at.server.name()));
        let location = response.location.clone();
        let answer: Value = read_answer(response, &self.what)?;
        let job = Job { node, ..read_value(answer.clone(), &self.what)? };
        let link = job.control_url.clone().or(location);
        Ok(Accepted { job, answer, server: at.server, link, elsewhere })
    }
}

/// A progress bar that shows itself only when it takes long and a person looks on.
struct Bar {
    clock: Clock,
    started: MonoTime,
    bar: ProgressBar,
}

impl Bar {
    fn new(length: Option<u64>) -> Bar {
        let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
        bar.set_draw_target(ProgressDrawTarget::hidden());
        let template = match length {
            Some(_) => "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}",
        };
        let bar = match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        let clock = Clock::machine();
        Bar { clock, started: clock.now().mono, bar }
    }

    fn shows(&mut self, gone: u64) {
        let late = self.clock.now().mono.since(self.started) > QUIET;
        if self.bar.is_hidden() && late && io::stderr().is_terminal() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(gone);
    }

    fn ends(self) {
        self.bar.finish_and_clear();
    }
}
