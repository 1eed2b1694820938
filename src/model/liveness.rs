use std::time::Duration;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Stuck,
    Stalled { since: super::time::MonoTime },
    Moving,
}
pub type D = Duration;
