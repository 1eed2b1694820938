//! Who is stuck: a worker that gives no sign of life is not a device that takes no bytes.
//!
//! ```text
//!              no beat for `worker`                 beats, but no byte for `stall` while sending
//!   Stuck ◄──────────────────────────── moving ────────────────────────────► Stalled
//!     └──────── a beat ───────────────►   ▲  ◄──── a byte, or the last one has left ────┘
//! ```
//!
//! Beats and the time go in, verdicts come out, each told once for each change. Nothing is watched before its
//! first beat (it may wait for a free thread), and a beat of an attempt that is not registered changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::id::{Generation, JobId, PrinterId};
use super::time::MonoTime;

/// Where an attempt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The connection is being made.
    Connecting,
    /// Bytes are handed over.
    Sending,
    /// What has arrived of the document was handed over; the rest of it is awaited.
    AwaitingData,
    /// Every byte was handed over; some may still be on this side of the wire.
    Ending,
    /// The last byte has left; the device's final word is awaited.
    AwaitingWord,
}

impl Stage {
    /// The word of the HTTP interface.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Connecting => "connecting",
            Stage::Sending => "sending",
            Stage::AwaitingData => "awaiting-data",
            Stage::Ending => "ending",
            Stage::AwaitingWord => "awaiting-word",
        }
    }

    /// Whether the device is expected to take bytes.
    fn takes_bytes(self) -> bool {
        match self {
            Stage::Sending | Stage::Ending => true,
            Stage::Connecting | Stage::AwaitingData | Stage::AwaitingWord => false,
        }
    }
}

/// A worker's sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The name of its thread.
    pub worker: Arc<str>,
    pub printer: PrinterId,
    pub job: JobId,
    pub generation: Generation,
    pub stage: Stage,
    /// Bytes that the device has taken.
    pub bytes: u64,
    /// So much longer than usual the next beat may take: the worker asks the operating system for something
    /// that cannot be interrupted.
    pub protected: Duration,
    pub at: MonoTime,
}

/// What is found out about an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Its worker has given no sign of life since then.
    Stuck { since: MonoTime },
    /// Its worker lives, and its device has taken no byte since then.
    Stalled { since: MonoTime },
    /// It was stuck or stalled and goes on.
    Moving,
}

/// An attempt and what was found out about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    pub printer: PrinterId,
    pub job: JobId,
    pub generation: Generation,
    pub verdict: Verdict,
}

/// How long is too long (`watch.worker`, `watch.stall`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub worker: Duration,
    pub stall: Duration,
}

/// All attempts under way: one for each printer at most.
#[derive(Clone, Debug)]
pub struct Liveness {
    patience: Patience,
    attempts: BTreeMap<PrinterId, Watched>,
}

#[derive(Clone, Debug)]
struct Watched {
    job: JobId,
    generation: Generation,
    /// `None` before the first beat.
    heard: Option<Heard>,
    told: Told,
}

/// What was last heard of a worker.
#[derive(Clone, Debug)]
struct Heard {
    at: MonoTime,
    stage: Stage,
    bytes: u64,
    protected: Duration,
    /// When the bytes grew last, or the stage changed.
    moved_at: MonoTime,
}

/// The verdict that was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Moving,
    Stuck,
    Stalled,
}

impl Liveness {
    pub fn new(patience: Patience) -> Liveness {
        Liveness { patience, attempts: BTreeMap::new() }
    }

    /// From now on attempts are judged by this; those under way too.
    pub fn tune(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Watches an attempt from its first beat on. An older one of the same printer is forgotten; where a
    /// newer one is watched, nothing happens.
    pub fn begin(&mut self, printer: PrinterId, job: JobId, generation: Generation) {
        let newer = |watched: &Watched| watched.generation > generation;
        if !self.attempts.get(&printer).is_some_and(newer) {
            self.attempts.insert(printer, Watched { job, generation, heard: None, told: Told::Moving });
        }
    }

    /// Forgets an attempt that has ended; beats of it that are still on their way change nothing.
    pub fn end(&mut self, printer: PrinterId, generation: Generation) {
        if self.attempts.get(&printer).is_some_and(|watched| watched.generation == generation) {
            self.attempts.remove(&printer);
        }
    }

    /// Whether this very attempt is watched.
    pub fn watches(&self, printer: PrinterId, generation: Generation) -> bool {
        self.attempts.get(&printer).is_some_and(|watched| watched.generation == generation)
    }

    /// Takes in a sign of life.
    pub fn hear(&mut self, beat: &Beat) {
        let Some(watched) = self.attempts.get_mut(&beat.printer) else { return };
        if watched.generation != beat.generation {
            return;
        }
        let moved = |heard: &Heard| beat.bytes > heard.bytes || beat.stage != heard.stage;
        let moved_at = match &watched.heard {
            Some(heard) if !moved(heard) => heard.moved_at,
            Some(_) | None => beat.at,
        };
        watched.heard = Some(Heard {
            at: beat.at,
            stage: beat.stage,
            bytes: beat.bytes,
            protected: beat.protected,
            moved_at,
        });
    }

    /// Everything that has changed since it was last asked, in the order of the printers.
    pub fn verdicts(&mut self, now: MonoTime) -> Vec<Finding> {
        let patience = self.patience;
        let told = |(printer, watched): (&PrinterId, &mut Watched)| {
            let verdict = watched.tell(now, patience)?;
            Some(Finding { printer: *printer, job: watched.job, generation: watched.generation, verdict })
        };
        self.attempts.iter_mut().filter_map(told).collect()
    }

    /// When something changes next if nothing is heard until then.
    pub fn due(&self, now: MonoTime) -> Option<MonoTime> {
        let heard = self.attempts.values().filter_map(|watched| watched.heard.as_ref());
        heard.flat_map(|heard| heard.ends(self.patience)).flatten().filter(|end| *end > now).min()
    }

    /// How many attempts are watched.
    pub fn len(&self) -> usize {
        self.attempts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }
}

impl Watched {
    fn tell(&mut self, now: MonoTime, patience: Patience) -> Option<Verdict> {
        let (told, verdict) = self.heard.as_ref()?.judge(now, patience);
        (std::mem::replace(&mut self.told, told) != told).then_some(verdict)
    }
}

impl Heard {
    /// Until when the worker may be silent, and its device take nothing, where that matters.
    fn ends(&self, patience: Patience) -> [Option<MonoTime>; 2] {
        let silent = self.at.plus(patience.worker.saturating_add(self.protected));
        let still = self.moved_at.plus(patience.stall);
        [Some(silent), self.stage.takes_bytes().then_some(still)]
    }

    /// A worker that is stuck tells nothing of its device, so that comes first.
    fn judge(&self, now: MonoTime, patience: Patience) -> (Told, Verdict) {
        let [stuck, stalled] = self.ends(patience).map(|end| end.is_some_and(|end| end <= now));
        if stuck {
            (Told::Stuck, Verdict::Stuck { since: self.at })
        } else if stalled {
            (Told::Stalled, Verdict::Stalled { since: self.moved_at })
        } else {
            (Told::Moving, Verdict::Moving)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTER: PrinterId = PrinterId(7);
    const PATIENCE: Patience = Patience { worker: secs(10), stall: secs(60) };

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn at(n: u64) -> MonoTime {
        MonoTime(secs(n))
    }

    fn beat(time: u64, stage: Stage, bytes: u64) -> Beat {
        Beat {
            worker: "print-0".into(),
            printer: PRINTER,
            job: JobId(1),
            generation: Generation(3),
            stage,
            bytes,
            protected: Duration::ZERO,
            at: at(time),
        }
    }

    fn watching() -> Liveness {
        let mut liveness = Liveness::new(PATIENCE);
        liveness.begin(PRINTER, JobId(1), Generation(3));
        liveness
    }

    /// What is told at each second up to `end`, with these beats, asked every second.
    fn check(beats: impl IntoIterator<Item = Beat>, end: u64, expected: &[(u64, Verdict)]) {
        let mut liveness = watching();
        let mut beats = beats.into_iter().peekable();
        let mut told = Vec::new();
        for second in 0..=end {
            while let Some(beat) = beats.next_if(|beat| beat.at <= at(second)) {
                liveness.hear(&beat);
            }
            told.extend(liveness.verdicts(at(second)).into_iter().map(|finding| (second, finding.verdict)));
        }
        assert_eq!(told, expected);
    }

    #[test]
    fn a_worker_without_a_beat_is_stuck_once() {
        let beats = [beat(0, Stage::Sending, 0), beat(1, Stage::Sending, 9)];
        check(beats, 100, &[(11, Verdict::Stuck { since: at(1) })]);
    }

    #[test]
    fn a_worker_that_beats_while_its_device_is_silent_is_not_stuck() {
        let beats = (0..=50).map(|second| beat(second, Stage::Sending, 5));
        check(beats, 50, &[]);
    }

    #[test]
    fn a_device_that_takes_nothing_is_stalled_once_and_then_moves() {
        let beats = (0..=200).map(|second| beat(second, Stage::Sending, if second < 150 { 5 } else { 6 }));
        check(beats, 200, &[(60, Verdict::Stalled { since: at(0) }), (150, Verdict::Moving)]);
    }

    #[test]
    fn slow_is_not_stalled() {
        let beats = (0..=600).map(|second| beat(second, Stage::Sending, second / 59));
        check(beats, 600, &[]);
    }

    #[test]
    fn the_word_may_be_awaited_and_the_end_stalls_like_any_byte() {
        check((0..=300).map(|second| beat(second, Stage::AwaitingWord, 5)), 300, &[]);
        let ending = (0..=90).map(|second| beat(second, Stage::Ending, 5));
        let word = (91..=300).map(|second| beat(second, Stage::AwaitingWord, 5));
        let expected = [(60, Verdict::Stalled { since: at(0) }), (91, Verdict::Moving)];
        check(ending.chain(word), 300, &expected);
    }

    #[test]
    fn a_stuck_worker_that_comes_back_moves() {
        let beats = [beat(0, Stage::Sending, 0), beat(20, Stage::Sending, 1), beat(25, Stage::Sending, 2)];
        check(beats, 30, &[(10, Verdict::Stuck { since: at(0) }), (20, Verdict::Moving)]);
    }

    #[test]
    fn a_protected_zone_ends_at_its_deadline() {
        let protected = Beat { protected: secs(30), ..beat(0, Stage::Ending, 0) };
        check([protected.clone()], 39, &[]);
        check([protected.clone()], 100, &[(40, Verdict::Stuck { since: at(0) })]);
        let out_again = beat(35, Stage::Ending, 1);
        check([protected, out_again], 100, &[(45, Verdict::Stuck { since: at(35) })]);
    }

    #[test]
    fn who_asks_when_it_is_due_hears_it_at_once() {
        let mut liveness = watching();
        assert_eq!(liveness.due(at(0)), None);
        liveness.hear(&beat(1, Stage::Sending, 0));
        assert_eq!(liveness.due(at(1)), Some(at(11)), "the worker, if it does not beat");
        (2..=60).for_each(|second| liveness.hear(&beat(second, Stage::Sending, 0)));
        assert_eq!(liveness.due(at(60)), Some(at(61)), "the device, since it has taken nothing");
        assert_eq!(liveness.verdicts(at(60)), []);
        assert_eq!(liveness.verdicts(at(61)).len(), 1);
        assert_eq!(liveness.due(at(61)), Some(at(70)), "what was told is told once");
        liveness.hear(&beat(62, Stage::AwaitingWord, 0));
        assert_eq!(liveness.due(at(62)), Some(at(72)), "a device that speaks last takes no bytes");
    }

    #[test]
    fn nothing_is_watched_before_its_first_beat_and_after_its_end() {
        let mut liveness = watching();
        assert_eq!(liveness.verdicts(at(1000)), []);
        liveness.hear(&beat(1000, Stage::Sending, 0));
        liveness.end(PRINTER, Generation(2));
        assert_eq!(liveness.len(), 1, "an older generation's end ends nothing");
        liveness.end(PRINTER, Generation(3));
        liveness.hear(&beat(1001, Stage::Sending, 0));
        assert!(liveness.is_empty());
        assert_eq!(liveness.verdicts(at(2000)), []);
    }

    #[test]
    fn late_beats_of_an_older_generation_change_nothing() {
        let mut liveness = watching();
        liveness.hear(&beat(0, Stage::Sending, 0));
        liveness.begin(PRINTER, JobId(2), Generation(4));
        liveness.begin(PRINTER, JobId(1), Generation(3));
        liveness.hear(&beat(0, Stage::Sending, 0));
        assert_eq!(liveness.verdicts(at(100)), []);
        liveness.hear(&Beat { generation: Generation(4), job: JobId(2), ..beat(100, Stage::Sending, 0) });
        let finding = Finding {
            printer: PRINTER,
            job: JobId(2),
            generation: Generation(4),
            verdict: Verdict::Stuck { since: at(100) },
        };
        assert_eq!(liveness.verdicts(at(110)), [finding]);
        assert_eq!(liveness.len(), 1);
    }
}
