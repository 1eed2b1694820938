//! What waits in each queue, in memory: the durable counters, kept in step with what is applied.

use std::collections::BTreeMap;

use super::keys;
use super::read::{Direction, Kv};
use super::record;
use super::tables::Op;
use super::{QueueId, ReadError};
use crate::model::queue::QueueCounts;

/// How many counters are read at once.
const CHUNK: usize = 1000;

/// The counts of all queues that hold anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    queues: BTreeMap<QueueId, QueueCounts>,
}

impl Counts {
    /// What a store says that was just opened.
    pub fn load(kv: &impl Kv) -> Result<Counts, ReadError> {
        let mut counts = Counts::default();
        let (mut from, to) = (keys::COUNTS.to_vec(), keys::behind(keys::COUNTS));
        loop {
            let rows = kv.range(&from, &to, Direction::Up, CHUNK)?;
            for (key, value) in &rows {
                counts.take(key, Some(value))?;
            }
            match rows.into_iter().nth(CHUNK - 1) {
                Some((last, _)) => from = [last, vec![0]].concat(),
                None => return Ok(counts),
            }
        }
    }

    /// Follows operations that were applied.
    pub fn follow(&mut self, ops: &[Op]) -> Result<(), ReadError> {
        ops.iter().try_for_each(|op| self.take(&op.key, op.value.as_deref()))
    }

    pub fn of(&self, queue: QueueId) -> QueueCounts {
        self.queues.get(&queue).copied().unwrap_or_default()
    }

    pub fn total(&self) -> QueueCounts {
        self.queues.values().fold(QueueCounts::default(), |sum, counts| QueueCounts {
            jobs: sum.jobs + counts.jobs,
            bytes: sum.bytes.saturating_add(counts.bytes),
            held: sum.held + counts.held,
        })
    }

    fn take(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), ReadError> {
        let Some(queue) = keys::counted_queue(key) else { return Ok(()) };
        match value {
            Some(value) => {
                let counts = record::decode(value, || format!("the counts of {queue:?}"))?;
                self.queues.insert(queue, counts);
            }
            None => {
                self.queues.remove(&queue);
            }
        }
        Ok(())
    }
}
