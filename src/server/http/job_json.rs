//! Jobs and their timelines as clients see them: each field, and who gets to see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::access::{Sight, Who};
use super::state::HttpState;
use crate::actors::front::Core;
use crate::model::directory::Directory;
use crate::model::event::Entry;
use crate::model::explain::{Ahead, Around, PoolAround, explain, reasons};
use crate::model::id::QueueId;
use crate::model::job::{Job, JobStatus};
use crate::model::pool::choice::expected_wait;
use crate::model::time::{MonoTime, WallTime};

/// A moment as RFC 3339 writes it, in UTC, to the millisecond.
pub fn time(at: WallTime) -> String {
    let moment = i64::try_from(at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", moment.unwrap_or(jiff::Timestamp::MAX))
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobBody {
    /// The IPP job-id. Never used twice.
    pub id: u32,
    /// The queue as addressed.
    pub printer: String,
    /// The printer that has the job, or had it when it ended.
    pub assigned_printer: Option<String>,
    /// `held waiting rendering scheduled transmitting transmitted printing completed failed canceled`
    #[schema(value_type = String)]
    pub status: &'static str,
    /// job-state of RFC 8011.
    #[schema(value_type = String)]
    pub ipp_state: &'static str,
    /// IPP keywords.
    #[schema(value_type = Vec<String>)]
    pub reasons: Vec<&'static str>,
    /// One sentence: why, what next, when.
    pub message: String,
    /// Null where the reader may not see it.
    pub user: Option<String>,
    /// Null where the reader may not see it.
    pub title: Option<String>,
    /// The first document; null while it arrives.
    pub document_id: Option<u64>,
    pub documents: Vec<u64>,
    pub options: BTreeMap<String, String>,
    /// 1 to 100; 100 goes first.
    pub priority: u8,
    pub attempts: u32,
    /// The device's own number for the job.
    pub device_job_id: Option<String>,
    /// Its end was asked for.
    pub cancel_flag: bool,
    pub bytes_sent: u64,
    pub bytes_total: u64,
    /// Null where nobody counts them.
    pub pages: Option<PagesBody>,
    pub created_at: String,
    pub updated_at: String,
    pub finished_at: Option<String>,
    /// The job's secret link; only in the answer to the submission.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_url: Option<String>,
}

/// Pages of a job.
#[derive(Debug, Serialize, ToSchema)]
pub struct PagesBody {
    pub total: Option<u32>,
    pub confirmed: Option<u32>,
}

/// A line of a job's timeline.
#[derive(Debug, Serialize, ToSchema)]
pub struct EntryBody {
    /// 1, 2, 3 … within the job.
    pub seq: u32,
    pub at: String,
    /// `user`, `device`, `system` or `remote`.
    #[schema(value_type = String)]
    pub source: &'static str,
    pub kind: String,
    #[schema(value_type = Option<String>)]
    pub from: Option<&'static str>,
    #[schema(value_type = String)]
    pub to: &'static str,
    pub reason: Option<String>,
    pub message: String,
    /// How many attempts there had been.
    pub attempt: u32,
    pub printer: Option<String>,
    /// When something happens next, where that is known.
    pub next_at: Option<String>,
}

impl From<&Entry> for EntryBody {
    fn from(entry: &Entry) -> EntryBody {
        let Entry { job: _, seq, at, source, kind, from, to, reason, message, attempt, printer, next_at } =
            entry;
        EntryBody {
            seq: *seq,
            at: time(*at),
            source: source.word(),
            kind: kind.to_string(),
            from: from.map(|status| status.word()),
            to: to.word(),
            reason: reason.as_ref().map(ToString::to_string),
            message: message.clone(),
            attempt: *attempt,
            printer: printer.as_ref().map(ToString::to_string),
            next_at: next_at.map(time),
        }
    }
}

/// Somebody who looks at jobs.
pub struct Viewer<'a> {
    who: &'a Who,
    core: &'a dyn Core,
    directory: Arc<Directory>,
    now: MonoTime,
}

impl<'a> Viewer<'a> {
    pub fn new(state: &'a HttpState, who: &'a Who) -> Viewer<'a> {
        Viewer { who, core: &*state.core, directory: state.core.directory(), now: state.clock.now().mono }
    }

    /// The job as this reader may see it.
    pub fn job(&self, job: &Job, ahead: Ahead) -> JobBody {
        let body = self.job_in_full(job, ahead);
        match self.who.sight(&job.submitter) {
            Sight::Full => body,
            Sight::Masked => JobBody { user: None, title: None, ..body },
        }
    }

    /// For its submitter, and for whoever shows its secret link.
    pub fn job_in_full(&self, job: &Job, ahead: Ahead) -> JobBody {
        let queue = job.serving_queue();
        let (printer, pool) = match (&job.bound, queue) {
            (Some(bound), _) => (self.directory.printer_by_id(bound.printer), None),
            (None, QueueId::Printer(printer)) => (self.directory.printer_by_id(printer), None),
            (None, QueueId::Pool(id)) => (None, self.directory.pools.iter().find(|pool| pool.id == id)),
        };
        let live = printer.map(|printer| self.core.printer_live(printer.id));
        let printer = printer.map(Arc::as_ref).zip(live.as_ref());
        // Only of a job that waits is more than that said; long lists are not all of waiting jobs.
        let mut members = match job.status {
            JobStatus::Waiting => self.core.members(queue),
            _ => Vec::new(),
        };
        if let QueueId::Printer(_) = queue {
            // What waits in its own queue is counted as that which goes before the job.
            members.iter_mut().for_each(|member| member.queued_bytes = 0);
        }
        let pool = pool.map(|pool| PoolAround { name: &pool.name, members: &members, now: self.now });
        let expected_wait = self.bytes_before(queue, ahead).and_then(|bytes| match bytes {
            0 => None,
            bytes => expected_wait(&members, bytes, self.now),
        });
        body(job, Around { printer, pool, ahead, expected_wait })
    }

    /// About how many bytes go before a job: jobs of the queue's mean size.
    fn bytes_before(&self, queue: QueueId, ahead: Ahead) -> Option<u64> {
        let counts = self.core.store().counts(queue);
        match ahead {
            Ahead::Exactly(jobs) => counts.bytes.checked_div(counts.jobs)?.checked_mul(jobs as u64),
            Ahead::Unknown | Ahead::Over(_) => None,
        }
    }
}

fn body(job: &Job, around: Around<'_>) -> JobBody {
    JobBody {
        id: job.id.0,
        printer: job.queue_name.to_string(),
        assigned_printer: job.bound.as_ref().map(|bound| bound.name.to_string()),
        status: job.status.word(),
        ipp_state: job.status.ipp_state(),
        reasons: reasons(job, around),
        message: explain(job, around),
        user: Some(job.submitter.user.clone()),
        title: Some(job.title.clone()),
        document_id: job.documents.first().map(|document| document.id.0),
        documents: job.documents.iter().map(|document| document.id.0).collect(),
        options: job.options.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        priority: job.priority.get(),
        attempts: job.attempts,
        device_job_id: job.device_job_id.clone(),
        cancel_flag: job.cancel_requested,
        bytes_sent: job.bytes_sent,
        bytes_total: job.bytes_total(),
        pages: (job.pages_total.is_some() || job.pages_confirmed.is_some())
            .then_some(PagesBody { total: job.pages_total, confirmed: job.pages_confirmed }),
        created_at: time(job.created_at),
        updated_at: time(job.updated_at),
        finished_at: job.finished_at.map(time),
        control_url: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(time(WallTime(1_767_225_600_005)), "2026-01-01T00:00:00.005Z");
        assert!(time(WallTime(u64::MAX)).starts_with("9999-12-3"));
    }
}
