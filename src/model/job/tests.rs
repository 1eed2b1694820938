//! The transition table, whole, in a second writing.

use super::*;
use crate::model::fixtures::{after, bound, job, job_in, name};
use crate::model::id::PoolId;
use crate::model::invariants;
use crate::model::printer::Activity;
use crate::model::retry::NotReady;

/// Where each event leads from each status: `h`eld, `w`aiting, `r`endering, `s`cheduled, `t`ransmitting,
/// transmitted (`x`), `p`rinting, `c`ompleted, `f`ailed, canceled (`z`); a dot where it is refused.
const TABLE: &str = "
    event            h w r s t x p c f z
    held             h h . . . . . . . .
    released         w . . . . . . . . .
    priority-changed h w . . . . . . . .
    moved            h w . . . . . . . .
    rerouted         . w . . . . . . . .
    scheduled        . s . . . . . . . .
    rendering        . r . r . . . . . .
    attempt          . t t t . . . . . .
    progress         . . . . t x p . . .
    blocked          . . . . t . p . . .
    unblocked        . . . . t . p . . .
    printer-stopped  . w . . t x p . . .
    printer-woken    . w . . t x p . . .
    printer-goes-on  . w . . t x p . . .
    transmitted      . . . . x . p . . .
    handle           . . . s t x p . . .
    printing         . . . p p p . . . .
    broken           . . . . t x p . . .
    not-ready        . . w w w . . . . .
    given-back       . . w w . . . . . .
    print-again      . . . . w w w . . .
    held-after-break . . h h h h h . . .
    completed        . . . . c c c . . .
    failed           f f f f f f f . . .
    cancel-requested . . r s t x p . . .
    canceled         z z z z z z z . . .
    canceled         . . . . z z z . . .
    restarted        w . . . . . . w w w
    awaits-document  . . . . h . h . . .
    accepted         w . . . . . . . . .
    accepted         h . . . t . p . . .
    canceled         z . . . z . z . . .
";

fn letter(status: JobStatus) -> char {
    match status {
        JobStatus::Held => 'h',
        JobStatus::Waiting => 'w',
        JobStatus::Rendering => 'r',
        JobStatus::Scheduled => 's',
        JobStatus::Transmitting => 't',
        JobStatus::Transmitted => 'x',
        JobStatus::Printing => 'p',
        JobStatus::Completed => 'c',
        JobStatus::Failed => 'f',
        JobStatus::Canceled => 'z',
    }
}

fn events() -> Vec<JobEvent> {
    use JobEvent as E;
    let (broken, whole) = (Broken::Reset, Whole::Maybe);
    let document = job(1).documents.remove(0);
    vec![
        E::Hold(HoldReason::User),
        E::Release,
        E::SetPriority(Priority::DEFAULT),
        E::Move { queue: QueueId::Pool(PoolId(1)), name: name("pool") },
        E::Reroute { to: QueueId::Pool(PoolId(1)), name: name("pool"), because: Activity::Recovering },
        E::Schedule(bound(2)),
        E::Render(bound(2)),
        E::Attempt(bound(2)),
        E::Progress { bytes: 7, pages: Some(1) },
        E::Block,
        E::Unblock,
        E::PrinterStops(NotReady::MediaEmpty),
        E::PrinterWoken,
        E::PrinterGoesOn,
        E::LastByte { bytes: 100 },
        E::Handle("17".to_owned()),
        E::PrintStart,
        E::Break(Broken::Reset),
        E::NotReady(NotReady::Refused),
        E::GiveBack,
        E::Again { broken, whole },
        E::BreakAndHold { broken, whole, hold: HoldReason::OutcomeUnknown },
        E::Complete { how: DoneHow::PeerClosed, bytes: 100 },
        E::Fail(FailReason::Document("bad".to_owned())),
        E::RequestCancel,
        E::Cancel,
        E::CancelAtDevice,
        E::Restart { accepted: AcceptedSeq(9) },
        E::AwaitDocument(Some(broken)),
        E::Arrive { document: document.clone(), then: AfterArrival::Wait },
        E::Arrive { document, then: AfterArrival::Stay },
        E::Interrupt { why: Interruption::Upload, bytes: 7 },
    ]
}

#[test]
fn every_event_in_every_status_leads_where_the_table_says() {
    let mut lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1);
    for event in events() {
        let mut cells = lines.next().expect("a line for each event").split_whitespace();
        assert_eq!(cells.next(), Some(event.kind()));
        for status in JobStatus::ALL {
            let to = edge(status, &event);
            let cell = to.map_or('.', letter).to_string();
            assert_eq!(cells.next(), Some(cell.as_str()), "{} in {status:?}", event.kind());
            let before = match event {
                JobEvent::Arrive { .. } => arriving_in(status),
                _ => job_in(status),
            };
            check_applied(before, &event, to);
        }
    }
    assert_eq!(lines.next(), None, "an event for each line");
}

/// A job that has come to a status while its document arrives.
fn arriving_in(status: JobStatus) -> Job {
    let mut job = Job { documents: Vec::new(), ..job_in(status) };
    if job.status.is_at_printer() {
        job.reason = Reason::Incoming;
    }
    job
}

/// A refused event changes nothing; an allowed one leaves a sound record and tells of itself once.
fn check_applied(before: Job, event: &JobEvent, to: Option<JobStatus>) {
    let mut job = before.clone();
    let answer = job.apply(event.clone(), Source::User, WallTime(5));
    let Some(to) = to else {
        let refused = NotAllowed { job: before.id, status: before.status, event: event.kind() };
        assert_eq!((answer, job), (Err(refused), before));
        return;
    };
    let entry = answer.expect("it is allowed");
    assert_eq!(entry.is_none(), matches!(event, JobEvent::Progress { .. }), "only progress is not told");
    assert_eq!((job.status, job.revision.0), (to, before.revision.0 + 1));
    assert!(entry.iter().all(|entry| !entry.message.is_empty()), "{} says nothing", event.kind());
    let told: Vec<&Entry> = entry.iter().collect();
    assert_eq!(invariants::record(&job), Ok(()), "{} in {:?}", event.kind(), before.status);
    assert_eq!(invariants::follows(Some(&before), &job, &told), Ok(()));
}

#[test]
fn can_8_statuses_map_to_ipp_job_states() {
    let states: Vec<(&str, &str)> = JobStatus::ALL.iter().map(|s| (s.word(), s.ipp_state())).collect();
    assert_eq!(
        states,
        [
            ("held", "pending-held"),
            ("waiting", "pending"),
            ("rendering", "processing"),
            ("scheduled", "processing"),
            ("transmitting", "processing"),
            ("transmitted", "processing"),
            ("printing", "processing"),
            ("completed", "completed"),
            ("failed", "aborted"),
            ("canceled", "canceled"),
        ]
    );
    for status in JobStatus::ALL {
        assert_eq!(JobStatus::from_word(status.word()), Some(status));
        assert!(!(status.is_final() && status.is_at_printer()));
    }
    assert_eq!(JobStatus::from_word("done"), None);
}

#[test]
fn a_job_that_goes_back_keeps_its_age_and_priority() {
    let before = job(3);
    let not_ready = [JobEvent::Attempt(bound(1)), JobEvent::NotReady(NotReady::Asleep)];
    let back = after(before.clone(), not_ready);
    assert_eq!(back.order(), before.order());
    assert_eq!((back.attempts, back.bound), (0, None), "no byte has left, so it was no attempt");

    let again = JobEvent::Again { broken: Broken::Reset, whole: Whole::No };
    let back = after(before.clone(), [JobEvent::Attempt(bound(1)), again]);
    assert_eq!(back.order(), before.order());
    assert_eq!((back.attempts, back.broken, back.in_doubt), (1, 1, 0));

    let held = after(before.clone(), [JobEvent::Hold(HoldReason::User)]);
    assert_eq!(held.order(), None, "held jobs are in no queue");
    assert_eq!(after(held, [JobEvent::Release]).order(), before.order());
}

#[test]
fn ptm_8_a_restart_is_a_new_age_and_forgets_what_broke() {
    let (broken, whole, hold) = (Broken::Reset, Whole::Maybe, HoldReason::OutcomeUnknown);
    let held = after(job(3), [JobEvent::Attempt(bound(1)), JobEvent::BreakAndHold { broken, whole, hold }]);
    let canceled = after(held, [JobEvent::Cancel]);
    let again = after(canceled, [JobEvent::Restart { accepted: AcceptedSeq(70) }]);
    assert_eq!(
        (again.accepted, again.broken, again.in_doubt, again.last_broken),
        (AcceptedSeq(70), 0, 0, None)
    );
    assert!(!again.cancel_requested && again.finished_at.is_none() && again.bound.is_none());
    assert_eq!(again.attempts, 1, "what was tried before is not forgotten");
}

#[test]
fn priorities_are_those_of_ipp() {
    let good = [1, 50, 100].map(|n| Priority::new(n).map(Priority::get));
    assert_eq!(good, [Some(1), Some(50), Some(100)]);
    assert_eq!([0, 101, 257, u32::MAX].map(Priority::new), [None; 4]);
}

#[test]
fn a_rerouted_job_waits_elsewhere_at_its_old_place_until_a_user_moves_it() {
    let (own, pool) = (job(1).queue, QueueId::Pool(PoolId(1)));
    let away = || E::Reroute { to: pool, name: name("floor-2"), because: Activity::Recovering };
    use JobEvent as E;
    let rerouted = after(job(1), [away()]);
    assert_eq!((rerouted.queue, rerouted.queue_name.as_str()), (own, "p"));
    assert_eq!((rerouted.serving_queue(), rerouted.order()), (pool, job(1).order()));
    let back = after(rerouted.clone(), [E::Move { queue: own, name: name("p") }]);
    assert_eq!(back.serving_queue(), own);
    let again = after(rerouted, [E::Cancel, E::Restart { accepted: AcceptedSeq(9) }]);
    assert_eq!(again.serving_queue(), own, "a new wish begins where it is addressed");

    let mut told = job(1);
    let entry = told.apply(away(), Source::System, WallTime(2)).expect("allowed").expect("told");
    assert_eq!(
        entry.message,
        "moved to the queue of floor-2 with its age and priority; at p the connection broke; it is tried again soon"
    );
}
