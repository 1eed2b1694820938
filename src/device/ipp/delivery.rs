//! The documents of one of our jobs on their way to an IPP printer.

mod propose;

use std::time::Duration;

use socket2::SockRef;

use super::client::{Client, answered, understand};
use super::driver::{Driver, OnThread, block};
use super::facts::{self, Batch, Road};
use super::naming;
use super::order::{Order, Place};
use super::session::{Begun, Trouble};
use super::verdict::{self, Left, Verdict};
use super::wire::Wire;
use crate::device::{JobTag, LinkError};
use crate::model::liveness::Stage;
use crate::model::news::News;
use crate::model::retry::{Broken, Whole};
use crate::protocol::ipp::{Caller, JobAttributes, LastDocument, PrinterAttributes, encode};

/// How long a job that follows another one of ours waits between two tries at a printer that takes one at a
/// time.
const NEXT_JOB_PAUSE: Duration = Duration::from_secs(1);
/// How long one wait for the answer after a document is, and once the printer has acknowledged every byte.
const ANSWER_WAIT: Duration = Duration::from_millis(100);
const ANSWER_WAIT_LONG: Duration = Duration::from_secs(2);

/// Where the document that is handed over now is.
enum Sending {
    /// Its request was not made yet.
    NotBegun,
    /// So many bytes of it are still to come from us.
    Open { left: u64, answer: Option<Vec<u8>> },
}

/// One of our jobs on its way. It becomes one job of IPP, or one for each document.
pub struct Delivery {
    pub client: Client,
    pub printer: PrinterAttributes,
    pub order: Option<Order>,
    sending: Sending,
    /// The document that is handed over, or comes next, from 0.
    part: usize,
    /// Documents that are at the printer whole.
    ended: usize,
    /// The handles of the jobs of IPP that were made, in order. Of the last of them the answer to Print-Job
    /// may be missing.
    pub jobs: Vec<i32>,
    /// Bytes of documents handed to the operating system, and how many of them the printer has.
    handed: u64,
    taken: u64,
    /// How the connection ended after the last byte and before the answer to it, where it did.
    pub unanswered: Option<Broken>,
    pub news: News,
}

/// A call out of turn, or bytes that were not announced: nothing of them leaves.
const NO_ORDER: LinkError = LinkError::Broken(Broken::WriteFailed, Whole::No);

/// Whether the answer to a document is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    NotYet,
    Was,
}

impl Delivery {
    pub fn new(client: Client, printer: PrinterAttributes) -> Delivery {
        Delivery {
            client,
            printer,
            order: None,
            sending: Sending::NotBegun,
            part: 0,
            ended: 0,
            jobs: Vec::new(),
            handed: 0,
            taken: 0,
            unanswered: None,
            news: News::default(),
        }
    }

    pub fn taken(&self) -> u64 {
        self.taken
    }

    pub fn order(&self) -> Result<&Order, LinkError> {
        self.order.as_ref().ok_or(NO_ORDER)
    }

    fn order_mut(&mut self) -> Result<&mut Order, LinkError> {
        self.order.as_mut().ok_or(NO_ORDER)
    }

    /// Copies of several documents only where they lie in one job: else they would come out in another order.
    pub fn can_make_copies(&self, tag: &JobTag) -> bool {
        let together = tag.documents.len() <= 1 || facts::batch(&self.printer) == Batch::All;
        together && tag.options.copies() <= facts::copies_max(&self.printer)
    }

    /// Another document, or another copy, follows.
    pub fn next_part(&mut self, driver: &mut OnThread<'_>) -> Result<(), LinkError> {
        self.begin_part(driver)?;
        self.end_part(driver, Place::Middle)?;
        self.part += 1;
        let order = self.order()?;
        if (order.road, order.batch) == (Road::Create, Batch::One) {
            self.create_in_turn(driver)?;
        }
        Ok(())
    }

    /// A printer that takes one job at a time still prints the one before.
    fn create_in_turn(&mut self, driver: &mut OnThread<'_>) -> Result<(), LinkError> {
        loop {
            match self.create(driver) {
                Err(LinkError::NotReady(why)) => {
                    self.tell_stopped(driver, Some(why));
                    driver.pass(NEXT_JOB_PAUSE)?;
                }
                done => {
                    self.tell_stopped(driver, None);
                    return done;
                }
            }
        }
    }

    pub fn write(&mut self, driver: &mut OnThread<'_>, bytes: &[u8]) -> Result<(), LinkError> {
        self.begin_part(driver)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let Delivery { client, sending, handed, taken, .. } = self;
            let Sending::Open { left, answer } = sending else { return Err(NO_ORDER) };
            // More than was told of would be taken for the next request.
            *left = left.checked_sub(rest.len() as u64).ok_or(NO_ORDER)?;
            let mut count = |bytes: usize, wire: &Wire| {
                *handed += bytes as u64;
                *taken = (*taken).max(handed.saturating_sub(wire.unacknowledged()));
                *taken
            };
            let piece = block(client.session.piece(driver, rest, &mut count));
            let piece = match piece {
                Ok(piece) => piece,
                Err(trouble) => return Err(verdict::lost_within(trouble, Whole::No)),
            };
            *left += (rest.len() - piece.bytes) as u64;
            rest = &rest[piece.bytes..];
            if let Some(body) = piece.answer {
                // A good one only came early: the printer goes on reading.
                *answer = Some(body);
                self.look_at_answer(driver)?;
            }
        }
        Ok(())
    }

    /// Makes the request that the document follows, if it was not made yet.
    fn begin_part(&mut self, driver: &mut OnThread<'_>) -> Result<(), LinkError> {
        if let Sending::Open { .. } = self.sending {
            return Ok(());
        }
        let bytes = self.order()?.document(self.part).map_or(self.order()?.tag.bytes_total, |d| d.bytes);
        let begun = loop {
            match self.request_part(driver, bytes) {
                // Others of this job were printed already: this one waits for its turn.
                Err(LinkError::NotReady(why)) if self.part > 0 => {
                    self.tell_stopped(driver, Some(why));
                    driver.pass(NEXT_JOB_PAUSE)?;
                }
                other => break other?,
            }
        };
        self.tell_stopped(driver, None);
        self.sending = Sending::Open { left: bytes, answer: begun };
        driver.switch.enters_document();
        self.look_at_answer(driver)?;
        Ok(())
    }

    /// The answer, where it comes before the document.
    fn request_part(&mut self, driver: &mut OnThread<'_>, bytes: u64) -> Result<Option<Vec<u8>>, LinkError> {
        let Delivery { client, printer, order, part, jobs, .. } = self;
        let order = order.as_ref().ok_or(NO_ORDER)?;
        let name = naming::job_name(&order.tag, order.nth(*part));
        let last = match (order.batch, order.place(*part)) {
            (Batch::All, Place::Middle) => LastDocument::No,
            (Batch::All, Place::Last) | (Batch::One, _) => LastDocument::Yes,
        };
        let request = |caller: &Caller<'_>| {
            let document = order.document_part(*part, printer);
            encode(&match (order.road, jobs.last()) {
                (Road::Create, Some(id)) => caller.send_document(*id, &document, last),
                (Road::Create, None) | (Road::Print, _) => {
                    caller.print_job(&order.job_part(&name, printer), &document)
                }
            })
        };
        match block(client.begin(driver, request, bytes)) {
            Ok(Begun::Document) => Ok(None),
            Ok(Begun::Answered(body)) => {
                let verdict = understand(&body).map(|message| answered(&message, |_| ()).verdict);
                match verdict.map_err(|trouble| verdict::lost_before(trouble, self.left()))? {
                    Verdict::Good => Ok(Some(body)),
                    refused => Err(refused.refusal(self.left())),
                }
            }
            Err(trouble) => Err(verdict::lost_before(trouble, self.left())),
        }
    }

    /// After the last document.
    pub fn end_last(&mut self, driver: &mut OnThread<'_>) -> Result<(), LinkError> {
        self.begin_part(driver)?;
        self.end_part(driver, Place::Last)?;
        driver.pulse.stage(Stage::AwaitingWord);
        Ok(())
    }

    /// Waits for the answer to the document, as long as the connection lives: some printers answer when they
    /// have printed.
    fn end_part(&mut self, driver: &mut OnThread<'_>, place: Place) -> Result<(), LinkError> {
        if !matches!(self.sending, Sending::Open { left: 0, .. }) {
            return Err(NO_ORDER);
        }
        loop {
            if self.look_at_answer(driver)? == Answer::Was {
                break;
            }
            let unacknowledged = self.client.session.connection().map_or(0, |c| c.wire.unacknowledged());
            self.taken = self.taken.max(self.handed.saturating_sub(unacknowledged));
            driver.alive(self.taken)?;
            let wait = match (unacknowledged, place) {
                (0, Place::Last) => {
                    driver.pulse.stage(Stage::AwaitingWord);
                    ANSWER_WAIT_LONG
                }
                (0, Place::Middle) => ANSWER_WAIT_LONG,
                (_, Place::Middle | Place::Last) => ANSWER_WAIT,
            };
            match block(self.client.session.end(driver, wait)) {
                Ok(None) => {}
                Ok(Some(body)) => {
                    if let Sending::Open { answer, .. } = &mut self.sending {
                        *answer = Some(body);
                    }
                }
                Err(Trouble::Broken(broken)) if place == Place::Last && !self.holds_back() => {
                    // It has everything, as far as can be seen: from now on it can be asked.
                    self.unanswered = Some(broken);
                    break;
                }
                Err(trouble) => return Err(verdict::lost_within(trouble, self.whole(place))),
            }
        }
        self.sending = Sending::NotBegun;
        driver.switch.leaves_document();
        self.ended += 1;
        self.taken = self.handed;
        driver.alive(self.taken)?;
        Ok(())
    }

    /// Looks at the answer to the document that is being sent, if it is there.
    fn look_at_answer(&mut self, driver: &mut OnThread<'_>) -> Result<Answer, LinkError> {
        let Sending::Open { answer: Some(body), .. } = &self.sending else { return Ok(Answer::NotYet) };
        let read = understand(body).map(|message| answered(&message, JobAttributes::first));
        let (verdict, job) = match read {
            Ok(answered) => (answered.verdict, answered.value),
            Err(trouble) => return Err(verdict::lost_within(trouble, Whole::Maybe)),
        };
        match verdict {
            Verdict::Good => {}
            // Others of this job were printed already: it cannot begin anew as if nothing had been.
            Verdict::NotReady(_) if self.part > 0 => {
                return Err(LinkError::Broken(Broken::DeviceAborted, Whole::No));
            }
            refused => return Err(refused.refusal(self.left())),
        }
        if let (Road::Print, Some(id)) = (self.order()?.road, job.and_then(|job| job.id))
            && self.jobs.len() <= self.part
        {
            self.made(driver, id);
        }
        Ok(Answer::Was)
    }

    fn left(&self) -> Left {
        if self.handed > 0 { Left::Some } else { Left::Nothing }
    }

    /// Whether some of what was handed over certainly has not left.
    fn holds_back(&self) -> bool {
        self.client.session.connection().is_some_and(|connection| connection.wire.holds_back())
    }

    /// Whether the whole job may have left, when the connection is lost after a document.
    fn whole(&self, place: Place) -> Whole {
        match place {
            Place::Middle => Whole::No,
            Place::Last if self.holds_back() => Whole::No,
            Place::Last => Whole::Maybe,
        }
    }

    /// Lets go of the connection in the middle of a document, with a reset, and names the job that the printer
    /// is to forget.
    pub fn abandon(&mut self) -> Option<JobTag> {
        if let (Some(connection), Sending::Open { .. }) = (self.client.session.hang_up(), &self.sending) {
            // On an error the connection is gone already.
            let _ = SockRef::from(&**connection.wire.socket()).set_linger(Some(Duration::ZERO));
        }
        let order = self.order.as_ref()?;
        let id = self.jobs.last().filter(|_| !order.is_whole(self.ended, self.jobs.len()))?;
        Some(JobTag { handle: Some(id.to_string()), ..order.tag.clone() })
    }
}
