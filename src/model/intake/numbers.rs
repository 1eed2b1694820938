//! Numbers that are never given twice: taken from blocks whose end is durable before the first of a block
//! is used. What is left of a block when the server ends is skipped.

use crate::model::id::{AcceptedSeq, DocumentId, JobId};

/// How many numbers of each kind are reserved at once.
pub const BLOCK: u64 = 4096;
/// The name of the setting that holds the end of what is reserved.
pub const SETTING: &str = "numbers";

/// The first number of each kind that is not yet reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    pub job: u64,
    pub document: u64,
    pub accepted: u64,
}

impl Default for Reserved {
    fn default() -> Self {
        Reserved { job: 1, document: 1, accepted: 1 }
    }
}

impl Reserved {
    pub fn next_block(self) -> Reserved {
        Reserved {
            job: self.job.saturating_add(BLOCK),
            document: self.document.saturating_add(BLOCK),
            accepted: self.accepted.saturating_add(BLOCK),
        }
    }

    pub fn to_bytes(self) -> Vec<u8> {
        [self.job, self.document, self.accepted].iter().flat_map(|n| n.to_be_bytes()).collect()
    }

    /// `None` where the bytes are not what [`Reserved::to_bytes`] makes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Reserved> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        match (numbers, rest) {
            ([job, document, accepted], []) => Some(Reserved {
                job: u64::from_be_bytes(*job),
                document: u64::from_be_bytes(*document),
                accepted: u64::from_be_bytes(*accepted),
            }),
            _ => None,
        }
    }
}

/// Gives numbers out of what is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    next: Reserved,
    /// Durable.
    end: Reserved,
    reserving: bool,
}

impl Numbers {
    /// `end` is what the store says; nothing of it is left to give.
    pub fn new(end: Reserved) -> Numbers {
        Numbers { next: end, end, reserving: false }
    }

    /// The end to make durable now, if it is time; asked once for each block.
    pub fn reserve(&mut self) -> Option<Reserved> {
        let least = (self.end.job - self.next.job)
            .min(self.end.document - self.next.document)
            .min(self.end.accepted - self.next.accepted);
        if self.reserving || least > BLOCK / 2 {
            return None;
        }
        self.reserving = true;
        Some(self.end.next_block())
    }

    pub fn reserved(&mut self, end: Reserved) {
        self.end = end;
        self.reserving = false;
    }

    pub fn reserve_failed(&mut self) {
        self.reserving = false;
    }

    /// Whether there is a number of each kind to give. There is none before the first block is durable.
    pub fn any(&self) -> bool {
        let Numbers { next, end, reserving: _ } = self;
        next.job < end.job && next.document < end.document && next.accepted < end.accepted
    }

    pub fn job(&mut self) -> Option<JobId> {
        let id = take(&mut self.next.job, self.end.job)?;
        u32::try_from(id).ok().map(JobId).filter(|id| *id <= JobId::MAX)
    }

    pub fn document(&mut self) -> Option<DocumentId> {
        take(&mut self.next.document, self.end.document).map(DocumentId)
    }

    pub fn accepted(&mut self) -> Option<AcceptedSeq> {
        take(&mut self.next.accepted, self.end.accepted).map(AcceptedSeq)
    }
}

fn take(next: &mut u64, end: u64) -> Option<u64> {
    (*next < end).then(|| {
        *next += 1;
        *next - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_before_its_block_is_durable_and_nothing_twice() {
        let mut numbers = Numbers::new(Reserved::default());
        assert_eq!(numbers.job(), None);
        let end = numbers.reserve().unwrap();
        assert_eq!(numbers.reserve(), None, "asked once");
        assert_eq!(numbers.job(), None, "not durable yet");
        assert!(!numbers.any());
        numbers.reserved(end);
        assert!(numbers.any());
        assert_eq!(numbers.job(), Some(JobId(1)));
        // A crash: what was reserved is skipped.
        let mut after = Numbers::new(Reserved::from_bytes(&end.to_bytes()).unwrap());
        let end = after.reserve().unwrap();
        after.reserved(end);
        assert_eq!(after.job(), Some(JobId(1 + BLOCK as u32)));
    }

    #[test]
    fn the_numbers_of_ipp_end() {
        let end = Reserved { job: u64::from(JobId::MAX.0), ..Reserved::default() };
        let mut numbers = Numbers::new(end);
        let end = numbers.reserve().unwrap();
        numbers.reserved(end);
        assert_eq!(numbers.job(), Some(JobId::MAX));
        assert_eq!(numbers.job(), None);
    }
}
