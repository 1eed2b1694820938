//! Printers that are off or asleep, and the job that waits for one.

use super::*;
use crate::model::commit::CommitError;

const MAC: [u8; 6] = [0, 0x11, 0x22, 0x33, 0x44, 0x55];
const WAKE: &str = "wake [00, 11, 22, 33, 44, 55]";

fn with_mac() -> Desk {
    let mut start = start();
    start.printer.mac = Some(MAC);
    let mut desk = Desk::new(start);
    desk.hears(Input::Wake, "look");
    desk
}

/// The printer is tried once more for job 1, in vain.
#[track_caller]
fn tries(desk: &mut Desk, why: NotReady, wants: &str) {
    let next = desk.traffic.generation().0 + 1;
    desk.hears(Input::Head(vec![job(1)]), &format!("open {next}"));
    desk.hears(Input::OpenFailed(Generation(next), why), wants);
    if wants.contains("commit") {
        desk.hears(Input::Committed, "");
    }
}

fn told(desk: &Desk) -> Vec<(&str, Option<&str>, Source)> {
    desk.told.iter().map(|entry| (entry.kind.as_ref(), entry.reason.as_deref(), entry.source)).collect()
}

#[test]
fn ptm_12_a_job_for_a_printer_that_is_off_waits_and_is_told_off_woken_and_back() {
    let mut desk = with_mac();
    tries(&mut desk, NotReady::Asleep, &format!("{WAKE}, commit 1 waiting"));
    let asleep = Some("asleep");
    let stops = [("printer-stopped", asleep, Source::Device), ("printer-woken", asleep, Source::System)];
    assert_eq!(told(&desk), stops);
    assert!(desk.told.iter().all(|entry| entry.printer.is_some() && entry.next_at.is_some()));
    assert_eq!((desk.record(1).attempts, desk.record(1).order()), (0, job(1).order()), "it is no failure");
    assert_eq!(desk.live.activity, Activity::NotReady(NotReady::Asleep));
    assert!(desk.live.woken_at.is_some());
    desk.until_it_looks();
    tries(&mut desk, NotReady::Asleep, "");
    desk.until_it_looks();
    let next = desk.traffic.generation().0 + 1;
    desk.hears(Input::Head(vec![job(1)]), &format!("open {next}"));
    desk.hears(Input::Opened(Generation(next)), "commit 1 waiting");
    assert_eq!(told(&desk), [("printer-goes-on", None, Source::Device)]);
    desk.hears(Input::Committed, "look");
    desk.hears(Input::Head(vec![job(1)]), "commit 1 transmitting");
    assert_eq!(desk.live.woken_at, None);
}

#[test]
fn ptm_12_a_printer_that_sleeps_on_is_called_at_most_once_a_minute_and_its_job_told_no_more() {
    let mut desk = with_mac();
    tries(&mut desk, NotReady::Asleep, &format!("{WAKE}, commit 1 waiting"));
    let mut calls = Vec::new();
    while desk.seconds < 600 {
        desk.until_it_looks();
        let next = desk.traffic.generation().0 + 1;
        desk.hears(Input::Head(vec![job(1)]), &format!("open {next}"));
        let input = Input::OpenFailed(Generation(next), NotReady::Asleep);
        let effects = desk.traffic.step(input, at(desk.seconds));
        let words: Vec<String> = effects.iter().filter_map(|effect| desk.word(effect)).collect();
        match words.join(", ").as_str() {
            "" => {}
            WAKE => calls.push(desk.seconds),
            other => panic!("{other}"),
        }
    }
    assert!((5..=9).contains(&calls.len()), "{calls:?}");
    assert!(calls.windows(2).all(|two| two[1] - two[0] >= WAKE_EVERY.as_secs()), "{calls:?}");
}

#[test]
fn a_printer_without_a_known_address_is_not_called() {
    let mut desk = Desk::new(start());
    desk.hears(Input::WakeUp, "look");
    tries(&mut desk, NotReady::Asleep, "commit 1 waiting");
    assert_eq!(told(&desk), [("printer-stopped", Some("asleep"), Source::Device)]);
    assert_eq!(desk.live.woken_at, None);
}

#[test]
fn a_refused_connection_is_no_sleep() {
    let mut desk = with_mac();
    tries(&mut desk, NotReady::Refused, "commit 1 waiting");
    assert_eq!(told(&desk), [("printer-stopped", Some("connection-refused"), Source::Device)]);
}

#[test]
fn a_job_hears_of_each_change_but_not_of_every_flicker() {
    let mut desk = with_mac();
    tries(&mut desk, NotReady::Refused, "commit 1 waiting");
    desk.until_it_looks();
    tries(&mut desk, NotReady::MediaEmpty, "");
    desk.seconds += TELL_AGAIN.as_secs();
    desk.hears(Input::Timer(None), "look");
    tries(&mut desk, NotReady::MediaEmpty, "commit 1 waiting");
    assert_eq!(told(&desk), [("printer-stopped", Some("media-empty"), Source::Device)]);
}

#[test]
fn a_printer_that_flickers_is_told_ever_more_seldom() {
    let mut desk = Desk::new(start());
    desk.hears(Input::Wake, "look");
    let mut told = Vec::new();
    for n in 0.. {
        let next = desk.traffic.generation().0 + 1;
        desk.hears(Input::Head(vec![job(1)]), &format!("open {next}"));
        let why = if n % 2 == 0 { NotReady::Refused } else { NotReady::Busy };
        let effects = desk.traffic.step(Input::OpenFailed(Generation(next), why), at(desk.seconds));
        if effects.iter().filter_map(|effect| desk.word(effect)).any(|word| word.starts_with("commit")) {
            told.push(desk.seconds);
            desk.hears(Input::Committed, "");
        }
        if desk.seconds > 86_400 {
            break;
        }
        desk.until_it_looks();
    }
    assert!((10..40).contains(&told.len()), "{} times in a day: {told:?}", told.len());
    let pauses: Vec<u64> = told.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses[..6].is_sorted() && pauses[5] > 10 * TELL_AGAIN.as_secs(), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= TELL_SELDOM.as_secs() + 200), "{pauses:?}");
}

/// Which job comes next may change; none of them hears the same twice.
#[test]
fn a_job_that_knows_is_not_told_again_after_another_one() {
    let mut desk = Desk::new(start());
    desk.hears(Input::Wake, "look");
    for (id, wants) in [(1, "commit 1 waiting"), (2, "commit 2 waiting"), (1, ""), (2, ""), (1, "")] {
        let next = desk.traffic.generation().0 + 1;
        desk.hears(Input::Head(vec![job(id)]), &format!("open {next}"));
        desk.hears(Input::OpenFailed(Generation(next), NotReady::Asleep), wants);
        if !wants.is_empty() {
            desk.hears(Input::Committed, "");
        }
        desk.until_it_looks();
    }
}

#[test]
fn of_members_that_wait_for_the_same_the_first_tells_the_job() {
    use crate::model::fixtures::{name, pool};
    use crate::model::id::{PoolId, PrinterId, QueueId};
    use crate::model::pool::choice::{Member, Shared};
    use crate::model::pool::{Pool, PoolPolicy};

    let telling = |mate_id: u32, mate_does: Activity, job_there: Option<JobId>| {
        let mut desk = Desk::new(start());
        let me = desk.traffic.printer.id;
        let mate = Printer { id: PrinterId(mate_id), ..start().printer };
        let members = if mate_id == 0 { vec![mate.id, me] } else { vec![me, mate.id] };
        let shared = Pool { members, ..pool(PoolId(1), PoolPolicy::FirstAvailable) };
        let live = PrinterLive { activity: mate_does, job: job_there, ..PrinterLive::default() };
        let mate = Member { printer: std::sync::Arc::new(mate), live, description: None, queued_bytes: 0 };
        desk.hears(
            Input::Pools(vec![Shared { pool: std::sync::Arc::new(shared), mates: vec![mate] }]),
            "look",
        );
        let to_pool = Job { queue: QueueId::Pool(PoolId(1)), queue_name: name("pool"), ..job(1) };
        desk.hears(Input::Head(vec![to_pool]), "open 1");
        let failed = Input::OpenFailed(Generation(1), NotReady::Asleep);
        let effects = desk.traffic.step(failed, at(0));
        effects.iter().filter_map(|effect| desk.word(effect)).collect::<Vec<_>>().join(", ")
    };
    let asleep = || Activity::NotReady(NotReady::Asleep);
    let told = "commit 1 waiting";
    assert_eq!(telling(0, asleep(), None), "", "the first has told it");
    assert_eq!(telling(9, asleep(), None), told, "the other is the later one");
    assert_eq!(telling(0, Activity::NotReady(NotReady::Refused), None), told, "that is another reason");
    assert_eq!(telling(0, asleep(), Some(JobId(7))), told, "that one waits for a job of its own");
}

#[test]
fn what_could_not_be_recorded_is_told_at_the_next_try() {
    let mut desk = with_mac();
    desk.hears(Input::Head(vec![job(1)]), "open 1");
    desk.hears(Input::OpenFailed(Generation(1), NotReady::Refused), "commit 1 waiting");
    desk.hears(Input::CommitFailed(CommitError::Full), "");
    desk.until_it_looks();
    tries(&mut desk, NotReady::Refused, "commit 1 waiting");
}

#[test]
fn ptm_12_a_person_can_wake_a_printer_that_has_nothing_to_do() {
    let mut start = start();
    start.printer.mac = Some(MAC);
    let mut desk = Desk::new(start);
    desk.hears(Input::WakeUp, &format!("{WAKE}, look"));
    assert!(desk.live.woken_at.is_some());
}

#[test]
fn ptm_12_an_address_that_was_learned_is_kept_with_the_next_end_and_used() {
    let mut desk = Desk::sending();
    desk.hears(Input::Mac(MAC), "");
    assert_eq!(desk.live.mac, Some(MAC));
    let effects = desk.traffic.step(Input::Report(Generation(1), broken(Broken::Reset, Whole::No)), at(0));
    let kept = effects.iter().find_map(|effect| match effect {
        Effect::Commit(commit) => commit.settings.first().cloned(),
        _ => None,
    });
    let setting = Traffic::mac_setting(start().printer.id);
    assert_eq!(kept, Some((setting, MAC.to_vec())));
    desk.hears(Input::Committed, "");
    desk.hears(Input::WakeUp, WAKE);

    let mut desk = Desk::new(Start { mac: Some(MAC), ..start() });
    desk.hears(Input::WakeUp, &format!("{WAKE}, look"));
}
