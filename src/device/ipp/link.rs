//! A link to an IPP printer: one of our jobs on its way.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::client::Client;
use super::delivery::Delivery;
use super::driver::{Driver, OnRuntime, OnThread, Switch};
use super::facts;
use super::known::Copies;
use super::subscribe;
use crate::device::{JobTag, Link, LinkError, Pulse, Shutter};
use crate::model::description::Description;
use crate::model::job::DoneHow;
use crate::protocol::ipp::PrinterAttributes;

/// What opening a link came to.
pub enum Met {
    Ready(Box<PrinterAttributes>),
    WantsToKnowWho,
}

pub struct IppLink {
    switch: Arc<Switch>,
    description: Option<Arc<Description>>,
    delivery: Option<Delivery>,
    runtime: Handle,
}

impl IppLink {
    pub fn new(client: Client, met: Met, switch: Arc<Switch>, runtime: Handle) -> IppLink {
        if let Some(connection) = client.session.connection() {
            switch.guard(connection.wire.socket());
        }
        match met {
            Met::Ready(printer) => {
                let description = Some(Arc::new(facts::description(&printer)));
                IppLink { switch, description, delivery: Some(Delivery::new(client, *printer)), runtime }
            }
            Met::WantsToKnowWho => IppLink { switch, description: None, delivery: None, runtime },
        }
    }

    /// The delivery, and the way to wait for it.
    fn at_work<'a>(
        &'a mut self,
        pulse: &'a mut dyn Pulse,
    ) -> Result<(&'a mut Delivery, OnThread<'a>), LinkError> {
        let delivery = self.delivery.as_mut().ok_or(LinkError::Credentials)?;
        let printer = delivery.client.printer();
        let (clock, timing, taken) = (printer.clock, printer.timing, delivery.taken());
        Ok((delivery, OnThread { clock, timing, switch: &self.switch, pulse, taken }))
    }
}

impl Link for IppLink {
    fn shutter(&self) -> Option<Arc<dyn Shutter>> {
        Some(self.switch.clone())
    }

    fn description(&self) -> Option<Arc<Description>> {
        self.description.clone()
    }

    fn makes_copies(&self, tag: &JobTag) -> bool {
        let Some(delivery) = &self.delivery else { return false };
        let copies = delivery.client.printer().known().copies;
        copies == Copies::AsItSays && delivery.can_make_copies(tag)
    }

    fn begin(&mut self, tag: &JobTag, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let makes_copies = self.makes_copies(tag);
        let (delivery, mut driver) = self.at_work(pulse)?;
        driver.alive(0)?;
        delivery.begin(&mut driver, tag, makes_copies)
    }

    fn next_part(&mut self, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let (delivery, mut driver) = self.at_work(pulse)?;
        delivery.next_part(&mut driver)
    }

    fn write(&mut self, bytes: &[u8], pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let (delivery, mut driver) = self.at_work(pulse)?;
        delivery.write(&mut driver, bytes)
    }

    fn idle(&mut self, _handed: u64, pulse: &mut dyn Pulse) -> Result<(), LinkError> {
        let (delivery, mut driver) = self.at_work(pulse)?;
        Ok(driver.alive(delivery.taken())?)
    }

    fn finish(mut self: Box<Self>, pulse: &mut dyn Pulse) -> Result<DoneHow, LinkError> {
        let (delivery, mut driver) = self.at_work(pulse)?;
        delivery.end_last(&mut driver)?;
        delivery.await_word(&mut driver)
    }
}

/// What had not left is taken back: the connection in the middle of a document is reset, and the printer is
/// told, on another one, to forget a job that will not become whole. Nobody waits for that; if it does not
/// get through, the printer's own time-out ends the job.
impl Drop for IppLink {
    fn drop(&mut self) {
        let Some(mut delivery) = self.delivery.take() else { return };
        subscribe::give_back_when_idle(delivery.client.printer(), &self.runtime);
        let Some(tag) = delivery.abandon() else { return };
        let Delivery { mut client, .. } = delivery;
        let printer = client.printer();
        let (clock, timing, names) = (printer.clock, printer.timing, printer.names.clone());
        self.runtime.spawn(async move {
            let mut driver = OnRuntime { clock, timing, names };
            let told = client.cancel_job(&mut driver, &tag);
            match timeout(timing.connect, told).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => {
                    log::info!(job = tag.id.0; "a printer was not told to forget an unfinished job")
                }
            }
        });
    }
}
