use super::*;
use crate::model::document::Format;
use crate::model::fixtures::{job, name, pool};
use crate::model::id::PoolId;
use crate::model::pool::speed::InHand;
use crate::model::printer::{Load, Origin};
use crate::model::retry::NotReady;

const POOL: PoolId = PoolId(1);
const MB: u64 = 1_000_000;

fn at(ms: u64) -> MonoTime {
    MonoTime(Duration::from_millis(100_000 + ms))
}

/// A member that answered just now and has nothing to do.
fn member(id: u32) -> Member {
    let printer = Printer::new(PrinterId(id), name(&format!("p{id}")), "sim:".to_owned(), Origin::Api);
    let load = Load { readiness: Readiness::Answered(at(0)), ..Load::default() };
    let live = PrinterLive { load, ..PrinterLive::default() };
    Member { printer: Arc::new(printer), live, description: None, queued_bytes: 0 }
}

fn with(id: u32, load: impl FnOnce(&mut Load)) -> Member {
    let mut member = member(id);
    load(&mut member.live.load);
    member
}

fn does(id: u32, activity: Activity) -> Member {
    let mut member = member(id);
    member.live.activity = activity;
    member
}

fn pooled(id: u32, bytes: u64) -> Job {
    let mut job = job(id);
    job.queue = QueueId::Pool(POOL);
    job.documents[0].bytes = bytes;
    job
}

fn shared(policy: PoolPolicy, mates: Vec<Member>) -> Shared {
    let members = (1..=4).map(PrinterId).collect();
    Shared { pool: Arc::new(Pool { members, ..pool(POOL, policy) }), mates }
}

/// What a member does about the jobs: the number of the one it takes, «leave» with the milliseconds, or «nothing».
fn does_about(policy: PoolPolicy, me: &Member, mates: Vec<Member>, jobs: Vec<Job>) -> String {
    let pools = [shared(policy, mates)];
    let view = View { me, pools: &pools, broke_here: None, now: at(0) };
    word(choose(view, jobs, &mut Left::default()))
}

fn word(choice: Choice) -> String {
    match choice {
        Choice::Take(job) => job.id.to_string(),
        Choice::Leave(until) => format!("leave {}", until.since(at(0)).as_millis()),
        Choice::Nothing => "nothing".to_owned(),
    }
}

const LEAST: PoolPolicy = PoolPolicy::LeastCompletionTime;
const FIRST: PoolPolicy = PoolPolicy::FirstAvailable;
const ROUND: PoolPolicy = PoolPolicy::RoundRobin;

#[test]
fn the_first_available_is_the_first_of_the_members_that_is_free_and_of_use() {
    let one = || vec![pooled(1, 100)];
    assert_eq!(does_about(FIRST, &member(1), vec![member(2)], one()), "1");
    assert_eq!(does_about(FIRST, &member(2), vec![member(1)], one()), "leave 250");
    let busy = with(1, |load| load.in_hand = Some(InHand { since: at(0), bytes: 1 }));
    assert_eq!(does_about(FIRST, &member(2), vec![busy], one()), "1");
    for activity in [
        Activity::NotReady(NotReady::Refused),
        Activity::Recovering,
        Activity::Unshut,
        Activity::Blocked,
        Activity::StoreFull,
    ] {
        assert_eq!(does_about(FIRST, &member(2), vec![does(1, activity)], one()), "1");
    }
    let mut paused = member(1);
    paused.printer = Arc::new(Printer { paused: true, ..(*paused.printer).clone() });
    assert_eq!(does_about(FIRST, &member(2), vec![paused], one()), "1");
    let own = Member { queued_bytes: 10, ..member(1) };
    assert_eq!(does_about(FIRST, &member(2), vec![own], one()), "1", "it has jobs of its own");
}

#[test]
fn in_turns_goes_whoever_took_a_job_the_longest_ago() {
    let took = |id, when: Option<u64>| with(id, |load| load.took_at = when.map(at));
    let one = || vec![pooled(1, 100)];
    assert_eq!(does_about(ROUND, &took(1, Some(5)), vec![took(2, Some(9))], one()), "1");
    assert_eq!(does_about(ROUND, &took(1, Some(9)), vec![took(2, Some(5))], one()), "leave 250");
    assert_eq!(does_about(ROUND, &took(1, Some(9)), vec![took(2, None)], one()), "leave 250");
    assert_eq!(does_about(ROUND, &took(2, None), vec![took(1, None)], one()), "leave 250");
}

#[test]
fn by_completion_time_goes_whoever_is_done_first() {
    let fast = |id, speed| with(id, |load| load.bytes_per_s = Some(speed));
    let one = || vec![pooled(1, 10 * MB)];
    assert_eq!(does_about(LEAST, &fast(1, MB), vec![fast(2, 5 * MB)], one()), "leave 250");
    assert_eq!(does_about(LEAST, &fast(2, 5 * MB), vec![fast(1, MB)], one()), "1");
    // Nobody is known: the first.
    assert_eq!(does_about(LEAST, &member(2), vec![member(1)], one()), "leave 250");
    // One is known: the others are taken to be as fast.
    assert_eq!(does_about(LEAST, &member(1), vec![fast(2, MB)], one()), "1");
    let busy = |bytes| {
        let mut busy = fast(2, 50 * MB);
        busy.live.load.in_hand = Some(InHand { since: at(0), bytes });
        busy
    };
    assert_eq!(does_about(LEAST, &fast(1, MB), vec![busy(5 * MB)], one()), "leave 250", "soon free");
    assert_eq!(does_about(LEAST, &fast(1, MB), vec![busy(500 * MB)], one()), "1", "not soon");
    let backlog = Member { queued_bytes: 500 * MB, ..fast(2, 50 * MB) };
    assert_eq!(does_about(LEAST, &fast(1, MB), vec![backlog], one()), "1");
}

#[test]
fn what_falls_to_a_mate_is_passed_over_for_the_next() {
    let jobs = || vec![pooled(1, 100), pooled(2, 100), pooled(3, 100)];
    for (me, takes) in [(1, "1"), (2, "2"), (3, "3")] {
        let mates = (1..=3).filter(|id| *id != me).map(member).collect();
        assert_eq!(does_about(FIRST, &member(me), mates, jobs()), takes);
    }
    let mates = (1..=3).map(member).collect();
    assert_eq!(does_about(FIRST, &member(4), mates, jobs()), "leave 250");
    let unknown = with(1, |load| load.readiness = Readiness::Unknown);
    assert_eq!(does_about(FIRST, &member(2), vec![unknown], jobs()), "leave 100", "it may be dead");
}

#[test]
fn a_job_that_a_mate_is_just_taking_is_passed_over() {
    let mut taking = with(3, |load| load.in_hand = Some(InHand { since: at(0), bytes: 100 }));
    taking.live.job = Some(JobId(1));
    let jobs = |count| (1..=count).map(|id| pooled(id, 100)).collect();
    assert_eq!(does_about(FIRST, &member(1), vec![taking.clone()], jobs(1)), "leave 250");
    assert_eq!(does_about(FIRST, &member(1), vec![taking], jobs(2)), "2");
}

#[test]
fn nobody_waits_for_a_mate_of_which_nothing_is_known() {
    let one = || vec![pooled(1, 100)];
    let unknown = |id| with(id, |load| load.readiness = Readiness::Unknown);
    let trying = |id, since| with(id, |load| load.readiness = Readiness::Trying(since));
    assert_eq!(does_about(FIRST, &unknown(2), vec![unknown(1)], one()), "1", "both are tried");
    assert_eq!(does_about(FIRST, &member(2), vec![unknown(1)], one()), "leave 100");
    assert_eq!(does_about(FIRST, &member(2), vec![trying(1, at(0))], one()), "leave 100");
    let long = MonoTime(at(0).0 - LEAVE_UNKNOWN);
    assert_eq!(does_about(FIRST, &member(2), vec![trying(1, long)], one()), "1");
    let old = MonoTime(at(0).0 - crate::model::traffic::ANSWERED_LATELY);
    let long_ago = with(1, |load| load.readiness = Readiness::Answered(old));
    assert_eq!(does_about(FIRST, &unknown(2), vec![long_ago], one()), "1");
    assert_eq!(does_about(FIRST, &unknown(2), vec![member(1)], one()), "leave 250", "no need to wake it");
}

#[test]
fn a_job_is_left_to_a_mate_for_a_moment_only() {
    let (me, pools, mut left) = (member(2), [shared(FIRST, vec![member(1)])], Left::default());
    let mut at_time = |ms, jobs| {
        let view = View { me: &me, pools: &pools, broke_here: None, now: at(ms) };
        left.read_anew();
        word(choose(view, jobs, &mut left))
    };
    assert_eq!(at_time(0, vec![pooled(1, 9)]), "leave 250");
    assert_eq!(at_time(200, vec![pooled(1, 9)]), "leave 250");
    assert_eq!(at_time(250, vec![pooled(1, 9)]), "1");
    // What has gone meanwhile is forgotten.
    assert_eq!(at_time(260, vec![pooled(2, 9)]), "leave 510");
    assert_eq!(at_time(300, vec![pooled(1, 9)]), "leave 550");
}

#[test]
fn a_job_far_behind_others_is_left_for_a_moment_only_too() {
    let (me, pools, mut left) = (member(2), [shared(FIRST, vec![member(1)])], Left::default());
    let mut urf = pooled(1, 9);
    urf.documents[0].format = Format::Urf;
    let pdf = Description { formats: vec![Format::Text], ..Description::default() };
    let me = Member { description: Some(Arc::new(pdf)), ..me };
    let mut behind = |ms| {
        let view = View { me: &me, pools: &pools, broke_here: None, now: at(ms) };
        left.read_anew();
        assert_eq!(choose(view, vec![urf.clone()], &mut left), Choice::Nothing, "others' jobs come first");
        word(choose(view, vec![pooled(2, 9)], &mut left))
    };
    assert_eq!([behind(0), behind(200), behind(250)], ["leave 250", "leave 250", "2"]);
}

#[test]
fn a_job_that_broke_here_is_tried_at_a_mate_first() {
    let decide_as = |me: Member, mate: Member| {
        let pools = [shared(FIRST, vec![mate])];
        let view = View { me: &me, pools: &pools, broke_here: Some(JobId(1)), now: at(0) };
        word(choose(view, vec![pooled(1, 100)], &mut Left::default()))
    };
    let unknown = |id| with(id, |load| load.readiness = Readiness::Unknown);
    assert_eq!(decide_as(member(1), member(2)), "leave 250");
    assert_eq!(decide_as(member(1), does(2, Activity::Recovering)), "1");
    assert_eq!(decide_as(unknown(1), unknown(2)), "leave 100", "though nothing is known of either");
}

#[test]
fn a_job_goes_to_a_member_that_can_print_it() {
    let prints = |id, format| Member {
        description: Some(Arc::new(Description { formats: vec![format], ..Description::default() })),
        ..member(id)
    };
    let mut urf = pooled(1, 100);
    urf.documents[0].format = Format::Urf;
    let (pdf, any) = (prints(1, Format::Pdf), prints(2, Format::Urf));
    assert_eq!(does_about(FIRST, &pdf, vec![any.clone()], vec![urf.clone()]), "nothing");
    assert_eq!(does_about(FIRST, &any, vec![pdf.clone()], vec![urf.clone()]), "1", "the first cannot");
    let mut own = job(7);
    own.documents[0].format = Format::Urf;
    assert_eq!(
        does_about(FIRST, &pdf, vec![any], vec![urf, own]),
        "7",
        "what is addressed to it is sent to it"
    );
}

#[test]
fn the_wait_for_a_queue_follows_from_what_its_printers_have_learned() {
    let fast = |id| with(id, |load| load.bytes_per_s = Some(MB));
    let seconds =
        |members: &[Member], queued| expected_wait(members, queued, at(0)).map(|wait| wait.as_secs());
    assert_eq!(seconds(&[member(1)], 10 * MB), None, "nothing is known");
    assert_eq!(seconds(&[fast(1)], 10 * MB), Some(10));
    assert_eq!(seconds(&[fast(1), member(2)], 10 * MB), Some(5), "the other is taken to be as fast");
    let own = Member { queued_bytes: 10 * MB, ..fast(1) };
    assert_eq!(seconds(&[own.clone(), fast(2)], 10 * MB), Some(10));
    assert_eq!(seconds(&[own, does(2, Activity::Recovering)], 10 * MB), Some(20));
    assert_eq!(seconds(&[does(1, Activity::Recovering)], 10 * MB), None, "nobody prints");
}
