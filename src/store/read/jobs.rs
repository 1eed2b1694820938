//! Lists of jobs: one page costs the same whatever the store holds.

use std::collections::VecDeque;

use super::{Direction, Kv};
use crate::model::id::JobId;
use crate::model::job::{Job, JobStatus};
use crate::store::keys::{self, Group};
use crate::store::record;
use crate::store::{JobsQuery, PAGE_ROWS_MAX, PAGE_SCAN_MAX, Page, ReadError};

/// The most entries of one list that are read at once.
const CHUNK: usize = 256;

/// One page of the jobs that a query asks for, newest first.
///
/// The lists that are most selective are walked, several at once where the query names several statuses,
/// and the rest of the query is held against each job.
pub fn jobs(kv: &impl Kv, query: &JobsQuery) -> Result<Page<Job, JobId>, ReadError> {
    let limit = query.limit.clamp(1, PAGE_ROWS_MAX);
    let chunk = (limit + 1).min(CHUNK);
    let mut lists: Vec<List> =
        lists(query).into_iter().map(|prefix| List::new(prefix, query.before, chunk)).collect();
    let (mut rows, mut last) = (Vec::new(), None);
    for _ in 0..PAGE_SCAN_MAX {
        let Some((id, record)) = newest(&mut lists, kv)? else {
            return Ok(Page { rows, next: None });
        };
        if rows.len() == limit {
            return Ok(Page { rows, next: last });
        }
        last = Some(id);
        // A list may name a job that was removed or changed since: the record decides.
        let record = if record.is_empty() { kv.get(&keys::job(id))? } else { Some(record) };
        let Some(record) = record else { continue };
        let job: Job = record::decode(&record, || format!("job {id}"))?;
        if asked_for(&job, query) {
            rows.push(job);
        }
    }
    Ok(Page { rows, next: last })
}

fn asked_for(job: &Job, query: &JobsQuery) -> bool {
    (query.statuses.is_empty() || query.statuses.contains(&job.status))
        && query.queue.is_none_or(|queue| job.queue == queue)
        && query.user.as_ref().is_none_or(|user| job.submitter.user == *user)
}

/// The most selective lists that hold all that is asked for. What has not ended is less than what has; of
/// what has, a user has less than a queue, and a queue less than all.
fn lists(query: &JobsQuery) -> Vec<Vec<u8>> {
    let mut groups: Vec<Group> = query.statuses.iter().copied().map(Group::of).collect();
    groups.sort();
    groups.dedup();
    let unfinished = !query.statuses.iter().any(|status: &JobStatus| status.is_final());
    match (&query.user, query.queue) {
        _ if unfinished && !groups.is_empty() => groups.into_iter().map(keys::by_status).collect(),
        (Some(user), _) => vec![keys::by_user(user)],
        (None, Some(queue)) => vec![keys::by_queue(queue)],
        (None, None) if groups.is_empty() => vec![keys::JOBS.to_vec()],
        (None, None) => groups.into_iter().map(keys::by_status).collect(),
    }
}

/// One list, walked from its newest entry down.
struct List {
    prefix: Vec<u8>,
    /// Everything at or above this key was walked.
    to: Vec<u8>,
    read: VecDeque<(JobId, Vec<u8>)>,
    chunk: usize,
    rest: Rest,
}

/// Whether a list has entries that were not read yet.
#[derive(PartialEq)]
enum Rest {
    Unread,
    None,
}

impl List {
    fn new(prefix: Vec<u8>, before: Option<JobId>, chunk: usize) -> List {
        let to = match before {
            Some(before) => keys::listed(&prefix, before),
            None => keys::behind(&prefix),
        };
        List { prefix, to, read: VecDeque::new(), chunk, rest: Rest::Unread }
    }

    /// The newest entry that was not taken yet.
    fn peek(&mut self, kv: &impl Kv) -> Result<Option<JobId>, ReadError> {
        if self.read.is_empty() && self.rest == Rest::Unread {
            let rows = kv.range(&self.prefix, &self.to, Direction::Down, self.chunk)?;
            if rows.len() < self.chunk {
                self.rest = Rest::None;
            }
            for (key, value) in rows {
                self.read.extend(keys::listed_job(&key).map(|id| (id, value)));
                self.to = key;
            }
        }
        Ok(self.read.front().map(|(id, _)| *id))
    }
}

/// Takes the newest job of all the lists.
fn newest(lists: &mut [List], kv: &impl Kv) -> Result<Option<(JobId, Vec<u8>)>, ReadError> {
    let mut best: Option<(JobId, usize)> = None;
    for (at, list) in lists.iter_mut().enumerate() {
        if let Some(id) = list.peek(kv)?
            && best.is_none_or(|(newest, _)| id > newest)
        {
            best = Some((id, at));
        }
    }
    Ok(best.and_then(|(_, at)| lists[at].read.pop_front()))
}
