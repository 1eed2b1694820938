//! The heads of queues.

use super::{Direction, Kv, damaged, job};
use crate::model::id::QueueId;
use crate::model::job::Job;
use crate::model::queue::OrderKey;
use crate::store::{ReadError, keys};

/// The first places of a queue behind `after`.
pub fn places(
    kv: &impl Kv,
    queue: QueueId,
    after: Option<OrderKey>,
    n: usize,
) -> Result<Vec<OrderKey>, ReadError> {
    let prefix = keys::queue(queue);
    let from = match after {
        Some(after) => [keys::in_queue(queue, after), vec![0]].concat(),
        None => prefix.clone(),
    };
    let rows = kv.range(&from, &keys::behind(&prefix), Direction::Up, n)?;
    let place =
        |key: &[u8]| keys::order(key).ok_or_else(|| damaged(format!("{queue:?}"), "a place in it is none"));
    rows.iter().map(|(key, _)| place(key)).collect()
}

/// The first jobs of several queues, merged, behind `after`. A job that cannot be read ends the list; where it
/// is the first, it is the error.
pub fn head(
    kv: &impl Kv,
    queues: &[QueueId],
    mut after: Option<OrderKey>,
    n: usize,
) -> Result<Vec<Job>, ReadError> {
    let mut jobs = Vec::new();
    loop {
        let missing = n - jobs.len();
        let mut merged = Vec::new();
        for queue in queues {
            merged.extend(places(kv, *queue, after, missing)?);
        }
        merged.sort_unstable();
        merged.truncate(missing);
        for place in &merged {
            match job(kv, place.job) {
                // Between two reads it may have left the place at which it was found.
                Ok(found) => jobs.extend(found.filter(|job| job.order() == Some(*place))),
                Err(error) if jobs.is_empty() => return Err(error),
                Err(_) => return Ok(jobs),
            }
        }
        after = merged.last().copied();
        if jobs.len() == n || merged.len() < missing {
            return Ok(jobs);
        }
    }
}
