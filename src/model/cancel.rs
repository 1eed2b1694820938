//! Who carries out a cancellation: one table.

use super::job::{Job, JobStatus};
use super::printer::{CancelPrinting, Printer, Scheduling};

/// What the decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CancelCase {
    pub status: JobStatus,
    pub scheduling: Scheduling,
    /// The device gave a handle for the job and can cancel by it.
    pub handle: Handle,
    pub rule: CancelPrinting,
    pub wish: Wish,
}

/// Whether the device can be told to cancel this job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handle {
    None,
    /// The job has a number at the device, and the device cancels by number.
    Known,
}

/// The schemes of devices that cancel a job by the number which they gave it. `Target::can_cancel` of every
/// kind of device agrees with this.
pub const CANCEL_BY_HANDLE: [&str; 3] = ["ipp", "ipps", "sim"];

/// Whether this device can be told to cancel that job.
pub fn handle(job: &Job, printer: &Printer) -> Handle {
    let scheme = printer.uri.split(':').next().unwrap_or_default();
    match job.device_job_id {
        Some(_) if CANCEL_BY_HANDLE.contains(&scheme) => Handle::Known,
        Some(_) | None => Handle::None,
    }
}

/// How much the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    Cancel,
    /// Once, what the rule `auto` does, on a printer whose rule is to refuse.
    EvenIfPrinting,
}

/// The decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelRoad {
    /// The server in charge of the printer ends the job.
    ServerInCharge,
    /// The device is told, by the job's handle or through its agent.
    Device,
    Refused(CancelRefusal),
}

/// Why a job cannot be canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CancelRefusal {
    /// All of it is at the device, which gives no handle by which it could be told.
    NoHandle,
    /// It is being printed, and the printer's rule is to refuse.
    Printing,
    AlreadyFinal,
}

impl CancelRefusal {
    pub fn sentence(self) -> &'static str {
        match self {
            CancelRefusal::NoHandle => {
                "all of the job is at the printer, which cannot be told to cancel it; cancel it at the printer itself"
            }
            CancelRefusal::Printing => {
                "the job is being printed and cannot be canceled any more; cancel it at the printer itself"
            }
            CancelRefusal::AlreadyFinal => "the job has ended already",
        }
    }
}

/// The table of the print server document, with one extension: a device that can cancel by handle does so
/// also while it prints, unless its rule is to refuse.
pub fn road(case: CancelCase) -> CancelRoad {
    use CancelRoad::{Device, Refused, ServerInCharge};
    let by_rule = match (case.rule, case.wish) {
        (CancelPrinting::Auto, _) | (CancelPrinting::Refuse, Wish::EvenIfPrinting) => CancelPrinting::Auto,
        (CancelPrinting::Refuse, Wish::Cancel) => CancelPrinting::Refuse,
    };
    match (case.status, case.scheduling) {
        (JobStatus::Held | JobStatus::Waiting | JobStatus::Rendering, _) => ServerInCharge,
        (JobStatus::Scheduled | JobStatus::Transmitting, Scheduling::Server) => ServerInCharge,
        (JobStatus::Scheduled | JobStatus::Transmitting | JobStatus::Transmitted, Scheduling::Device) => {
            Device
        }
        (JobStatus::Transmitted, Scheduling::Server) => match case.handle {
            Handle::Known => Device,
            Handle::None => Refused(CancelRefusal::NoHandle),
        },
        (JobStatus::Printing, _) => match (by_rule, case.handle) {
            (CancelPrinting::Auto, Handle::Known) => Device,
            (CancelPrinting::Auto, Handle::None) | (CancelPrinting::Refuse, _) => {
                Refused(CancelRefusal::Printing)
            }
        },
        (JobStatus::Completed | JobStatus::Failed | JobStatus::Canceled, _) => {
            Refused(CancelRefusal::AlreadyFinal)
        }
    }
}

#[cfg(test)]
mod tests;
