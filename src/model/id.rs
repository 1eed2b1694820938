//! Names and numbers by which things are known.

use std::fmt;

/// Declares a number with a meaning of its own, so that one cannot be passed for another.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A job's number, 1 to 2³¹−1 (RFC 8011 section 5.3.2, job-id). Never used twice, not after a purge,
    /// a crash or a recovery.
    JobId(u32)
}
number! {
    /// A registered document's number. Never used twice.
    DocumentId(u64)
}
number! {
    /// A printer's number. Never used twice, so that a removed printer's jobs cannot meet its successor.
    PrinterId(u32)
}
number! {
    /// A pool's number. Never used twice.
    PoolId(u32)
}
number! {
    /// Counts the commits of one job. A commit names the revision it has seen; the store refuses it when
    /// another commit came between.
    Revision(u64)
}
number! {
    /// The place of a job among all that were accepted: its age. Kept over hold, release and unbinding.
    AcceptedSeq(u64)
}
number! {
    /// The number of a commit in its store; consecutive. It is the id of the events that the commit caused.
    CommitSeq(u64)
}
number! {
    /// Counts the connections of one printer within one life of its traffic manager. A report that
    /// carries an older generation changes nothing.
    Generation(u64)
}
number! {
    /// Counts the starts of this server. With the printer it fences off writers of an earlier life.
    Epoch(u64)
}

impl JobId {
    /// The largest job-id that IPP can carry (an integer is 32 bits with sign).
    pub const MAX: JobId = JobId(i32::MAX as u32);
}

/// The longest name of a printer or pool, in bytes (RFC 8011 section 5.4.4: name(127)).
pub const NAME_BYTES_MAX: usize = 127;

/// Where a job waits: the queue of a printer, or the queue that the members of a pool share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueId {
    Printer(PrinterId),
    Pool(PoolId),
}

/// The name of a printer or a pool. It stands in paths and commands, so it is 1 to 127 of the letters
/// `A-Z a-z 0-9 . _ -`, beginning with a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
/// A text that cannot be the name of a printer or a pool.
pub struct BadName;

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a name is 1 to {NAME_BYTES_MAX} letters, digits, dots, dashes or underscores and begins with a letter or a digit"
        )
    }
}

impl std::error::Error for BadName {}

impl QueueName {
    pub fn new(name: &str) -> Result<Self, BadName> {
        let tail = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        let bytes = name.as_bytes();
        let good = bytes.len() <= NAME_BYTES_MAX
            && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
            && bytes.iter().copied().all(tail);
        if good { Ok(QueueName(name.to_owned())) } else { Err(BadName) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths_and_commands() {
        for good in ["a", "office", "HP-4.2_lab", "9", &"x".repeat(127)] {
            assert_eq!(QueueName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", ".a", "a b", "a/b", "ä", "a\n", "a%", &"x".repeat(128)] {
            assert_eq!(QueueName::new(bad), Err(BadName), "{bad:?}");
        }
    }
}
