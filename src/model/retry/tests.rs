use super::*;
use crate::model::fixtures::{at, job};
use AfterBreak::{Again, Hold};

const MAX: u32 = 5;
const RULES: [WhenInDoubt; 3] = [WhenInDoubt::PrintAgain, WhenInDoubt::Hold, WhenInDoubt::Continue];
const BROKEN: [Broken; 9] = [
    Broken::Reset,
    Broken::EarlyClose,
    Broken::Stalled,
    Broken::Silent,
    Broken::WorkerPanic,
    Broken::WorkerStuck,
    Broken::ManagerPanic,
    Broken::ServerStopped,
    Broken::WriteFailed,
];

/// What the rules say, in words of their own: what is certain not to be whole goes up to the limit, what may
/// be whole goes once, and nothing goes again where the rule is to ask.
fn expected(rule: WhenInDoubt, whole: Whole, broke: u32, doubted: u32) -> AfterBreak {
    let print_again = rule == WhenInDoubt::PrintAgain;
    match (print_again, whole) {
        (false, _) => Hold(HoldReason::OutcomeUnknown),
        (true, Whole::Maybe) if doubted > 0 => Hold(HoldReason::OutcomeUnknown),
        (true, Whole::No) if broke + 1 >= MAX => Hold(HoldReason::BrokenTooOften),
        (true, _) => Again,
    }
}

#[test]
fn ptm_8_after_a_break_every_case() {
    for rule in RULES {
        for broken in BROKEN {
            for whole in [Whole::No, Whole::Maybe] {
                for broke in 0..=MAX {
                    for doubted in 0..=broke {
                        let mut job = job(1);
                        (job.broken, job.in_doubt) = (broke, doubted);
                        job.last_broken = (broke > 0).then_some(Broken::Reset);
                        let decided = after_break(&job, broken, whole, rule, MAX);
                        let what = format!("{rule:?} {broken:?} {whole:?} {broke} {doubted}");
                        assert_eq!(decided, expected(rule, whole, broke, doubted), "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_job_that_was_there_at_two_panics_running_is_held() {
    let mut job = job(1);
    job.last_broken = Some(Broken::ManagerPanic);
    for whole in [Whole::No, Whole::Maybe] {
        let held = after_break(&job, Broken::ManagerPanic, whole, WhenInDoubt::PrintAgain, MAX);
        assert_eq!(held, Hold(HoldReason::FailedTwiceRunning));
        let other = after_break(&job, Broken::Reset, whole, WhenInDoubt::PrintAgain, MAX);
        assert_eq!(other, Again, "another cause is no second panic");
    }
}

fn range() -> BackoffRange {
    BackoffRange { first: Duration::from_secs(1), longest: Duration::from_secs(60) }
}

#[test]
fn ptm_8_backoff_keeps_its_first_pace_for_two_minutes_and_then_doubles() {
    let mut backoff = Backoff::start(at(0).mono, range());
    let mut seconds = 0;
    let mut waits = Vec::new();
    while seconds < 600 {
        seconds += backoff.wait.as_secs();
        let before = backoff.wait;
        backoff = backoff.again(at(seconds).mono, range());
        if backoff.wait != before {
            waits.push((seconds, backoff.wait.as_secs()));
        }
    }
    assert_eq!(waits, [(120, 2), (122, 4), (126, 8), (134, 16), (150, 32), (182, 60)]);
}

#[test]
fn jitter_takes_off_up_to_a_tenth_and_no_wait_is_nothing() {
    let now = at(1000).mono;
    for wait in [Duration::from_millis(1), Duration::from_secs(1), Duration::from_secs(60)] {
        let backoff = Backoff { since: now, wait };
        for chance in (0..5000).chain([u64::MAX, u64::MAX - 1]) {
            let waited = backoff.due(now, chance).since(now);
            assert!(waited <= wait && waited >= wait - wait / 10, "{wait:?} became {waited:?}");
            assert!(waited > Duration::ZERO);
        }
    }
}
