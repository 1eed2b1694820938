//! Chance, and which faults it brings. One seed decides everything; which families are on, and how strongly,
//! differs from seed to seed: a run with few kinds of faults finds what a run with all of them hides.

/// splitmix64: enough for a simulation, and the same seed gives the same run.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed ^ 0x5151_7e5e_ed00_0001)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to n−1; 0 where n is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.next() % n }
    }

    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True so often in a thousand. No number is drawn for a fault that is off.
    pub fn chance(&mut self, in_thousand: u64) -> bool {
        in_thousand > 0 && self.below(1000) < in_thousand
    }
}

/// How often each fault comes, in a thousand of its occasions; 0: never in this run.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    // The printer.
    pub refuse: u64,
    pub away: u64,
    pub not_ready: u64,
    pub reset: u64,
    pub stall: u64,
    pub crawl: u64,
    pub paper_out: u64,
    pub wedge: u64,
    pub confirm_late: u64,
    pub confirm_never: u64,
    pub lie: u64,
    pub forgets: u64,
    pub panel: u64,
    // The print threads.
    pub worker_panic: u64,
    pub worker_stuck: u64,
    pub slow_shut: u64,
    // The store.
    pub commit_fails: u64,
    pub commit_unknown: u64,
    pub read_fails: u64,
    pub disk_full: u64,
    pub queue_full: u64,
    // The process, once in so many seconds on the average; 0: never.
    pub crash_every: u64,
    pub stop_every: u64,
    pub panic_every: u64,
    pub pause_every: u64,
    pub wall_jump_every: u64,
    // The clients and the messages.
    pub lost_answer: u64,
    pub broken_upload: u64,
    pub impatient: u64,
    pub hasty: u64,
    pub bad_document: u64,
    pub slow_message: u64,
}

impl Faults {
    /// The faults of a run: each family off in half of all runs.
    pub fn swarm(rng: &mut Rng) -> Faults {
        let mut upto = |most: u64| if rng.chance(500) { 0 } else { rng.between(1, most) };
        Faults {
            refuse: upto(300),
            away: upto(200),
            not_ready: upto(200),
            reset: upto(30),
            stall: upto(30),
            crawl: upto(100),
            paper_out: upto(10),
            wedge: upto(10),
            confirm_late: upto(200),
            confirm_never: upto(200),
            lie: upto(50),
            forgets: upto(300),
            panel: upto(100),
            worker_panic: upto(20),
            worker_stuck: upto(20),
            slow_shut: upto(500),
            commit_fails: upto(100),
            commit_unknown: upto(60),
            read_fails: upto(100),
            disk_full: upto(20),
            queue_full: upto(1000),
            crash_every: upto(200),
            stop_every: upto(400),
            panic_every: upto(200),
            pause_every: upto(100),
            wall_jump_every: upto(60),
            lost_answer: upto(200),
            broken_upload: upto(200),
            impatient: upto(500),
            hasty: upto(500),
            bad_document: upto(60),
            slow_message: upto(300),
        }
    }
}

/// A bug that is put in on purpose, outside the program under test, to see whether it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    None,
    /// What may be done only after a commit is done before it.
    AckBeforeCommit,
    /// The report of an older connection is taken for one of the present.
    LateReportBelieved,
    /// After a crash nobody looks at the jobs that were at the printers.
    LeftForgotten,
    /// Of a pool only the first printer hears of work.
    OneMemberIsWoken,
    /// A job that moves to another queue goes to its end.
    AgeIsLost,
    /// What was begun by a manager's invitation is heard when the bell rings, after whatever comes before that.
    BegunHeardLate,
}
