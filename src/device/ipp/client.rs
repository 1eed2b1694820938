//! Requests of IPP and their answers, in a session with one printer.

use std::sync::Arc;
use std::time::Duration;

use super::driver::Driver;
use super::known::Printer;
use super::session::{Begun, Session, Trouble};
use super::verdict::{self, Verdict};
use crate::model::retry::NotReady;
use crate::protocol::ipp::{
    Answer, Caller, Message, PrinterAttributes, Status, Unencodable, Version, decode, encode,
};

/// A request, as bytes.
pub type Built = Result<Vec<u8>, Unencodable>;

/// What a printer answered, and what was read of it.
#[derive(Debug)]
pub struct Answered<T> {
    pub verdict: Verdict,
    /// Names of attributes that it does not support, or not with these values.
    pub unsupported: Vec<String>,
    pub value: T,
}

/// How a printer shows itself.
#[derive(Debug)]
pub enum Meeting {
    Described(Box<PrinterAttributes>),
    /// It says nothing before it knows who asks, and does not know us.
    WantsToKnowWho,
}

/// How much of itself a printer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    ForWhatIsRead,
    /// Some refuse requested-attributes that they do not know.
    ForAll,
}

pub struct Client {
    pub session: Session,
    /// requesting-user-name.
    pub user: String,
    request_id: i32,
}

impl Client {
    pub fn new(printer: Arc<Printer>, user: &str) -> Result<Client, NotReady> {
        Ok(Client { session: Session::new(printer)?, user: user.to_owned(), request_id: 0 })
    }

    pub fn printer(&self) -> &Arc<Printer> {
        &self.session.printer
    }

    /// Asks what the printer is and has, and learns how it is to be spoken to: its path and its version.
    pub async fn meet<D: Driver>(&mut self, driver: &mut D) -> Result<Meeting, NotReady> {
        let paths: Vec<String> = self.printer().place.paths().into_iter().map(str::to_owned).collect();
        let known = self.printer().known().path.clone();
        let mut last = Verdict::Unknown;
        for path in std::iter::once(&known).chain(paths.iter().filter(|path| **path != known)) {
            self.printer().known().path.clone_from(path);
            for asked in [Asked::ForWhatIsRead, Asked::ForAll] {
                match self.describe(driver, asked).await.map_err(verdict::out_of_trouble)? {
                    (Verdict::Good, Some(printer)) => return Ok(Meeting::Described(printer)),
                    (Verdict::Credentials, _) => return Ok(Meeting::WantsToKnowWho),
                    (verdict, _) => last = verdict,
                }
                if !matches!(last, Verdict::NotUnderstood | Verdict::AskLess | Verdict::Good) {
                    break;
                }
            }
            if last != Verdict::Unknown {
                break;
            }
        }
        if let Some(first) = paths.into_iter().next() {
            self.printer().known().path = first;
        }
        Err(last.not_ready())
    }

    async fn describe<D: Driver>(
        &mut self,
        driver: &mut D,
        asked: Asked,
    ) -> Result<(Verdict, Option<Box<PrinterAttributes>>), Trouble> {
        let requested = match asked {
            Asked::ForWhatIsRead => PrinterAttributes::REQUESTED,
            Asked::ForAll => &[],
        };
        let build = |caller: &Caller<'_>| encode(&caller.get_printer_attributes(requested));
        let answered =
            self.ask(driver, build, |message| PrinterAttributes::first(message).map(Box::new)).await?;
        Ok((answered.verdict, answered.value))
    }

    /// Makes a request without a document, in the newest version that the printer understands, and reads the
    /// answer.
    pub async fn ask<D: Driver, T>(
        &mut self,
        driver: &mut D,
        build: impl Fn(&Caller<'_>) -> Built,
        read: impl Fn(&Message<'_>) -> T,
    ) -> Result<Answered<T>, Trouble> {
        let longest = self.printer().timing.silence;
        self.ask_within(driver, build, read, longest).await
    }

    /// The same, with a time of its own for the answer.
    pub async fn ask_within<D: Driver, T>(
        &mut self,
        driver: &mut D,
        build: impl Fn(&Caller<'_>) -> Built,
        read: impl Fn(&Message<'_>) -> T,
        longest: Duration,
    ) -> Result<Answered<T>, Trouble> {
        loop {
            let request = self.build(&build)?;
            let body = match self.session.exchange(driver, &request, Some(longest)).await {
                Err(Trouble::Http(status @ (400 | 505))) => {
                    if self.step_back() {
                        continue;
                    }
                    return Err(Trouble::Http(status));
                }
                Err(Trouble::Http(status)) => return self.answered_by_http(status, &read),
                other => other?,
            };
            let message = understand(&body)?;
            let is_too_new = message.status() == Status::VersionNotSupported;
            if is_too_new && self.step_back() {
                continue;
            }
            return Ok(answered(&message, &read));
        }
    }

    /// An answer of HTTP alone is judged like one of IPP.
    fn answered_by_http<T>(
        &self,
        status: u16,
        read: &impl Fn(&Message<'_>) -> T,
    ) -> Result<Answered<T>, Trouble> {
        let version = self.printer().known().version;
        let nothing = Message { version, code: 0, request_id: self.request_id, groups: Vec::new() };
        Ok(Answered { verdict: verdict::of_http(status), unsupported: Vec::new(), value: read(&nothing) })
    }

    /// Sends a request that a document of so many bytes follows.
    pub async fn begin<D: Driver>(
        &mut self,
        driver: &mut D,
        build: impl Fn(&Caller<'_>) -> Built,
        document_bytes: u64,
    ) -> Result<Begun, Trouble> {
        let request = self.build(&build)?;
        self.session.begin(driver, &request, document_bytes).await
    }

    fn build(&mut self, build: &impl Fn(&Caller<'_>) -> Built) -> Result<Vec<u8>, Trouble> {
        self.request_id = self.request_id.checked_add(1).unwrap_or(1);
        let (printer_uri, version) = (self.printer().uri(), self.printer().known().version);
        let caller =
            Caller { version, request_id: self.request_id, printer_uri: &printer_uri, user: &self.user };
        build(&caller).map_err(|why| Trouble::Nonsense(format!("the request cannot be made: {why}")))
    }

    /// Takes an older version from now on; `false` where there is none.
    fn step_back(&self) -> bool {
        let mut known = self.printer().known();
        known.version = match known.version {
            Version::V2_0 => Version::V1_1,
            Version::V1_1 => Version::V1_0,
            _ => return false,
        };
        true
    }
}

/// The message in the body of an answer.
pub fn understand(body: &[u8]) -> Result<Message<'_>, Trouble> {
    match decode(body) {
        Ok((message, _)) => Ok(message),
        Err(bad) => Err(Trouble::Nonsense(format!("its answer cannot be read: {bad}"))),
    }
}

/// What a message answers.
pub fn answered<T>(message: &Message<'_>, read: impl Fn(&Message<'_>) -> T) -> Answered<T> {
    let Answer { status, message: words, unsupported } = Answer::of(message);
    let verdict = match verdict::of_status(status, words.as_deref()) {
        // Of attributes that a document cannot do without, it is the document that is not supported.
        Verdict::AskLess
            if unsupported.iter().any(|name| name == "document-format" || name == "compression") =>
        {
            verdict::of_status(Status::DocumentFormatNotSupported, words.as_deref())
        }
        other => other,
    };
    Answered { verdict, unsupported, value: read(message) }
}
