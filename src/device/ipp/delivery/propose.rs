//! The beginning of a job at the printer, before any byte of its documents: whether it would be taken, with which
//! attributes, and its handle.

use super::{Delivery, NO_ORDER};
use crate::device::ipp::driver::{OnThread, block};
use crate::device::ipp::facts::{self, Batch, Road};
use crate::device::ipp::known::Copies;
use crate::device::ipp::naming;
use crate::device::ipp::order::Order;
use crate::device::ipp::session::Trouble;
use crate::device::ipp::ticket::Ask;
use crate::device::ipp::verdict::{self, Verdict};
use crate::device::{JobTag, LinkError};
use crate::model::retry::NotReady;
use crate::protocol::ipp::{Caller, JobAttributes, Operation, encode};

/// A request that carries the attributes of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proposal {
    Validate,
    Create,
}

impl Delivery {
    /// Asks whether the job would be taken, and makes it where it is made before its documents.
    pub fn begin(
        &mut self,
        driver: &mut OnThread<'_>,
        tag: &JobTag,
        makes_copies: bool,
    ) -> Result<(), LinkError> {
        let copies = tag.options.copies();
        let (copies, handed_over) = if makes_copies { (copies, 1) } else { (1, copies) };
        let parts = tag.documents.len().max(1) * handed_over as usize;
        let road = facts::road(&self.printer);
        let batch = if parts == 1 { Batch::All } else { facts::batch(&self.printer) };
        self.client.user.clone_from(&tag.user);
        self.order = Some(Order { tag: tag.clone(), road, batch, parts, copies, ask: Ask::All });
        // Attributes that the printer refuses are found out without data, and left out of what follows.
        if self.printer.knows(Operation::ValidateJob) == Some(true) {
            self.propose(driver, Proposal::Validate)?;
        }
        if let Err(Trouble::Stopped) = block(self.client.register(driver, &self.printer)) {
            return Err(LinkError::Stopped);
        }
        match road {
            Road::Create => self.create(driver),
            Road::Print => Ok(()),
        }
    }

    pub(super) fn create(&mut self, driver: &mut OnThread<'_>) -> Result<(), LinkError> {
        let job = self.propose(driver, Proposal::Create)?;
        match job.and_then(|job| job.id) {
            Some(id) => {
                self.made(driver, id);
                Ok(())
            }
            None => {
                Err(Verdict::Other("it made a job and did not say which".to_owned()).refusal(self.left()))
            }
        }
    }

    /// Makes a request that carries the job's attributes, with fewer of them after each refusal.
    fn propose(
        &mut self,
        driver: &mut OnThread<'_>,
        proposal: Proposal,
    ) -> Result<Option<JobAttributes>, LinkError> {
        loop {
            let Delivery { client, printer, order, part, .. } = self;
            let order = order.as_ref().ok_or(NO_ORDER)?;
            let name = naming::job_name(&order.tag, order.nth(*part));
            let request = |caller: &Caller<'_>| {
                let job = order.job_part(&name, printer);
                encode(&match proposal {
                    Proposal::Validate => caller.validate_job(&job, &order.document_part(*part, printer)),
                    Proposal::Create => caller.create_job(&job),
                })
            };
            let answered = block(client.ask(driver, request, JobAttributes::first));
            let copies_refused =
                |refused: &[String]| order.copies > 1 && refused.iter().any(|name| name == "copies");
            let answered = match answered {
                Ok(answered) => answered,
                Err(trouble) => return Err(verdict::lost_before(trouble, self.left())),
            };
            match answered.verdict {
                Verdict::Good | Verdict::AskLess if copies_refused(&answered.unsupported) => {
                    return Err(self.copies_refused());
                }
                Verdict::Good => return Ok(answered.value),
                Verdict::AskLess => {
                    let less = order.ask.less(&answered.unsupported);
                    let less = less.ok_or_else(|| Verdict::AskLess.refusal(self.left()))?;
                    self.order_mut()?.ask = less;
                }
                other => return Err(other.refusal(self.left())),
            }
        }
    }

    /// The printer does not make copies, whatever it says: from now on it gets them one by one.
    fn copies_refused(&mut self) -> LinkError {
        self.client.printer().known().copies = Copies::Refuses;
        LinkError::NotReady(NotReady::Other("it makes no copies; they are sent one by one".to_owned()))
    }
}
