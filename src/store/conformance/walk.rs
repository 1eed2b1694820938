//! A long random walk: whatever is committed, the store and the oracle stay the same.

use super::make::{Chance, QUEUES, USERS, accept, document, happen, job, name, new_document, together};
use super::oracle::Oracle;
use super::{Bench, Fixture, Numbers, check};
use crate::model::commit::{Commit, IdempotencyKey, Remove};
use crate::model::document::Document;
use crate::model::id::{AcceptedSeq, DocumentId, Generation, JobId, PrinterId, Revision};
use crate::model::job::{Bound, DoneHow, FailReason, HoldReason, Job, JobEvent, JobStatus, Priority};
use crate::model::printer::Activity;
use crate::model::retry::{Broken, NotReady, Whole};
use crate::model::time::WallTime;
use crate::store::Store;

/// How many steps lie between two looks at everything.
const CHECK_EVERY: u32 = 20;

pub fn run<F: Fixture>(fixture: &F, seed: u64, steps: u32) {
    let mut bench = Bench::new(fixture.fresh());
    let mut walk =
        Walk { oracle: Oracle::default(), chance: Chance(seed), jobs: 0, documents: 0, time: 1000 };
    for step in 1..=steps {
        let commit = walk.commit();
        let found = bench.commit(&commit).map(|committed| committed.seq);
        if let (Numbers::WithGaps, Ok(seq)) = (fixture.numbers(), &found) {
            walk.oracle.skip_before(*seq);
        }
        let expected = walk.oracle.commit(&commit);
        assert_eq!(found, expected, "seed {seed}, step {step}: {commit:?}");
        check::counts(&bench, &walk.oracle);
        if step % CHECK_EVERY == 0 {
            check::all(&bench, &walk.oracle, &mut walk.chance);
        }
        if walk.chance.once_in(150) {
            bench = bench.reopen(fixture);
            check::all(&bench, &walk.oracle, &mut walk.chance);
        }
    }
    empty(fixture, bench, walk);
}

/// Ends and removes everything: no key is left but the settings and the ring of events.
fn empty<F: Fixture>(fixture: &F, bench: Bench<F::S>, mut walk: Walk) {
    let jobs: Vec<Job> = walk.oracle.jobs.values().cloned().collect();
    for job in jobs {
        if let Some(commit) = happen(&job, JobEvent::Cancel, walk.now()) {
            bench.put(&commit);
        }
        bench.put(&Commit { remove: vec![Remove::Job(job.id)], ..Commit::default() });
    }
    for id in walk.oracle.documents.keys() {
        bench.put(&Commit { remove: vec![Remove::Document(*id)], ..Commit::default() });
    }
    for id in walk.oracle.keys.keys() {
        bench.put(&Commit { remove: vec![Remove::Key(*id)], ..Commit::default() });
    }
    let left = fixture.key_space(&bench.store);
    let left: Vec<_> = left.iter().filter(|(key, _)| !matches!(key.first(), Some(b'E' | b'N'))).collect();
    assert!(left.is_empty(), "keys are left behind: {left:?}");
    assert_eq!(bench.store.counts_total(), Default::default());
}

struct Walk {
    oracle: Oracle,
    chance: Chance,
    jobs: u32,
    documents: u64,
    time: u64,
}

impl Walk {
    /// Time goes on, and now and then it jumps back.
    fn now(&mut self) -> WallTime {
        self.time += self.chance.below(20);
        WallTime(if self.chance.once_in(10) { self.time - self.chance.below(900) } else { self.time })
    }

    fn commit(&mut self) -> Commit {
        match self.chance.below(20) {
            0..=5 => self.new_job(),
            6..=13 => self.event(),
            // As when the end of one job and the attempt of the next are one commit.
            14 => together(self.event(), self.event()),
            15 => {
                let document = self.new_document();
                Commit { documents: vec![new_document(&document)], ..Commit::default() }
            }
            16 => Commit { remove: vec![self.removal()], ..Commit::default() },
            17 => Commit {
                remove: self.oracle.jobs.keys().copied().take(1).map(Remove::Job).collect(),
                ..Commit::default()
            },
            18 => {
                let name = format!("s{}", self.chance.below(4));
                match self.chance.below(3) {
                    0 => Commit { unset: vec![name], ..Commit::default() },
                    _ => {
                        let value = vec![self.chance.next() as u8; 5];
                        Commit { settings: vec![(name, value)], ..Commit::default() }
                    }
                }
            }
            _ => self.late(),
        }
    }

    fn new_document(&mut self) -> Document {
        self.documents += 1;
        let (user, at) = (self.chance.pick(&USERS), self.now());
        document(self.documents, user, at)
    }

    fn new_job(&mut self) -> Commit {
        self.jobs += 1;
        let new: Vec<Document> = (0..1 + self.chance.below(3)).map(|_| self.new_document()).collect();
        let mut printed = new.clone();
        let registered: Vec<Document> = self.oracle.documents.values().map(|(d, _)| d.clone()).collect();
        if self.chance.once_in(3) && !registered.is_empty() {
            printed.push(self.chance.pick(&registered));
            printed.push(printed[0].clone());
        }
        let mut job = job(self.jobs, &printed, self.now());
        job.queue = self.chance.pick(&QUEUES);
        job.submitter.user = self.chance.pick(&USERS).to_owned();
        job.priority = Priority::new(self.chance.pick(&[1, 49, 50, 50, 100])).expect("a priority");
        job.accepted = AcceptedSeq(self.chance.below(500));
        if self.chance.once_in(5) {
            job.status = JobStatus::Held;
        }
        let mut commit = accept(&mut job, &new);
        if self.chance.once_in(2) {
            commit.key = Some(IdempotencyKey {
                user: job.submitter.user.clone(),
                key: format!("k{}", self.chance.below(5)),
                fingerprint: [self.jobs as u8; 32],
                job: job.id,
                expires_at: WallTime(job.created_at.0 + 200),
            });
        }
        commit
    }

    fn some_job(&mut self) -> Option<Job> {
        let jobs: Vec<&Job> = self.oracle.jobs.values().collect();
        (!jobs.is_empty()).then(|| self.chance.pick(&jobs).clone())
    }

    fn event(&mut self) -> Commit {
        for _ in 0..20 {
            let Some(job) = self.some_job() else { break };
            let (event, at) = (self.some_event(), self.now());
            if let Some(commit) = happen(&job, event, at) {
                return commit;
            }
        }
        self.new_job()
    }

    fn some_event(&mut self) -> JobEvent {
        let printer = PrinterId(self.chance.below(3) as u32);
        let bound = Bound { printer, name: name("office"), generation: Generation(1) };
        let whole = self.chance.pick(&[Whole::No, Whole::Maybe]);
        let queue = self.chance.pick(&QUEUES);
        match self.chance.below(18) {
            0 => JobEvent::Hold(HoldReason::User),
            1 => JobEvent::Release,
            2 => JobEvent::SetPriority(Priority::new(self.chance.pick(&[1, 50, 100])).expect("a priority")),
            3 => JobEvent::Move { queue, name: name("elsewhere") },
            4..=6 => JobEvent::Attempt(bound),
            7 => JobEvent::Schedule(bound),
            8 => JobEvent::LastByte { bytes: 10 },
            9 => JobEvent::PrintStart,
            10 => JobEvent::NotReady(NotReady::Asleep),
            11 => JobEvent::Again { broken: Broken::Reset, whole },
            12 => JobEvent::Complete { how: DoneHow::PeerClosed, bytes: 10 },
            13 => JobEvent::Fail(FailReason::Document("bad".to_owned())),
            14 => JobEvent::Cancel,
            15 => JobEvent::Reroute { to: queue, name: name("elsewhere"), because: Activity::Recovering },
            16 => JobEvent::Progress { bytes: self.chance.below(100), pages: None },
            _ => JobEvent::Restart { accepted: AcceptedSeq(self.chance.below(500)) },
        }
    }

    fn removal(&mut self) -> Remove {
        let keys: Vec<_> = self.oracle.keys.keys().copied().collect();
        match self.chance.below(3) {
            0 => Remove::Job(JobId(self.chance.below(u64::from(self.jobs) + 2) as u32)),
            1 if !keys.is_empty() => Remove::Key(self.chance.pick(&keys)),
            _ => Remove::Document(DocumentId(self.chance.below(self.documents + 2))),
        }
    }

    /// A commit that builds on what is not so (any more), with much in it that must not happen.
    fn late(&mut self) -> Commit {
        let Some(job) = self.some_job() else { return self.new_job() };
        let mut commit = self.new_job();
        commit.settings.push(("late".to_owned(), vec![1]));
        commit.expect.push((job.id, Revision(job.revision.0 + 1 + self.chance.below(3))));
        commit
    }
}
