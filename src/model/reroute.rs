//! When jobs that are addressed to a printer go elsewhere: when it has been of no use for longer than the grace
//! of its reason, its setting allows it, and somebody there can print them now. A printer that a person has
//! paused keeps its jobs.
//!
//! Only waiting jobs move, and each only once: two printers that send each other their jobs would do it for ever.

use std::sync::Arc;
use std::time::Duration;

use super::commit::Commit;
use super::directory::Directory;
use super::event::Source;
use super::id::{PrinterId, QueueId, QueueName};
use super::job::{Job, JobEvent};
use super::pool::Pool;
use super::pool::able::may_take;
use super::pool::choice::Member;
use super::printer::{Activity, Printer, Reroute};
use super::time::{MonoTime, Now};

/// What somebody at the device has to set right may take so long before jobs are moved.
pub const GRACE_AT_DEVICE: Duration = Duration::from_secs(300);
/// How many jobs are moved in one commit: each touches four keys of the store.
pub const BATCH_MAX: usize = 32;

/// Where jobs of a printer may go, and who may print them there.
#[derive(Clone, Debug)]
pub struct Route {
    pub to: QueueId,
    pub name: QueueName,
    /// Those of use just now.
    pub members: Vec<Member>,
}

/// How long a printer that does this may be waited for; `None` where nothing speaks against it. `common` is
/// `retry.grace`.
pub fn grace(activity: &Activity, common: Duration) -> Option<Duration> {
    match activity {
        Activity::NotReady(why) if why.needs_a_hand() => Some(common.max(GRACE_AT_DEVICE)),
        Activity::NotReady(_)
        | Activity::Recovering
        | Activity::Blocked
        | Activity::ManagerFailed
        | Activity::Unshut => Some(common),
        Activity::Idle
        | Activity::Connecting
        | Activity::Sending
        | Activity::AwaitingWord
        | Activity::StoreFull => None,
    }
}

/// Whether jobs that are addressed to the printer are to go elsewhere now.
pub fn is_due(member: &Member, common: Duration, now: MonoTime) -> bool {
    let (printer, live) = (&member.printer, &member.live);
    let over = |grace| live.not_ready_since.is_some_and(|since| now.since(since) >= grace);
    !printer.paused && printer.reroute != Reroute::Never && grace(&live.activity, common).is_some_and(over)
}

/// Where the jobs of a printer go, if there is somebody of use: `member` tells how a printer is just now. A queue
/// that takes no jobs gets none this way either.
pub fn route(
    printer: &Printer,
    directory: &Directory,
    member: impl Fn(&Arc<Printer>) -> Member,
    now: MonoTime,
) -> Option<Route> {
    let of_use = |ids: &[PrinterId]| -> Vec<Member> {
        let others = ids.iter().filter(|id| **id != printer.id);
        let members = others.filter_map(|id| directory.printer_by_id(*id)).map(&member);
        members.filter(|member| member.is_of_use(now)).collect()
    };
    let to_pool = |pool: &Pool| {
        let route =
            Route { to: QueueId::Pool(pool.id), name: pool.name.clone(), members: of_use(&pool.members) };
        (pool.accepting && !route.members.is_empty()).then_some(route)
    };
    match &printer.reroute {
        Reroute::Never => None,
        Reroute::Pool => {
            let mut pools: Vec<&Arc<Pool>> =
                directory.pools.iter().filter(|pool| pool.members.contains(&printer.id)).collect();
            pools.sort_by(|a, b| a.name.cmp(&b.name));
            pools.into_iter().find_map(|pool| to_pool(pool))
        }
        Reroute::To(name) => match directory.queue(name)? {
            QueueId::Pool(id) => to_pool(directory.pools.iter().find(|pool| pool.id == id)?),
            QueueId::Printer(id) => {
                let accepting = directory.printer_by_id(id)?.accepting;
                let route = Route { to: QueueId::Printer(id), name: name.clone(), members: of_use(&[id]) };
                (accepting && !route.members.is_empty()).then_some(route)
            }
        },
    }
}

/// Moves those of `jobs` that may move; `None` where there are none.
pub fn moves(jobs: &[Job], route: &Route, because: &Activity, now: Now) -> Option<Commit> {
    // Somebody may be removing the queue just now, and nobody would ever read what is put into it.
    let mut commit = Commit { queues: vec![(route.to, route.name.clone())], ..Commit::default() };
    for job in jobs.iter().filter(|job| job.rerouted.is_none() && !job.cancel_requested) {
        let takes = |member: &Member| may_take(&member.printer, member.description.as_deref(), job).is_ok();
        if !route.members.iter().any(takes) {
            continue;
        }
        let mut moved = job.clone();
        let event = JobEvent::Reroute { to: route.to, name: route.name.clone(), because: because.clone() };
        if let Ok(entry) = moved.apply(event, Source::System, now.wall) {
            commit.expect.push((job.id, job.revision));
            commit.timeline.extend(entry);
            commit.jobs.push(moved);
        }
    }
    (!commit.jobs.is_empty()).then_some(commit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::description::Description;
    use crate::model::document::Format;
    use crate::model::fixtures::{at, job, name, pool};
    use crate::model::id::PoolId;
    use crate::model::pool::PoolPolicy;
    use crate::model::printer::{Origin, PrinterLive};
    use crate::model::retry::NotReady;

    const GRACE: Duration = Duration::from_secs(30);

    fn printer(id: u32, reroute: Reroute) -> Printer {
        Printer {
            reroute,
            ..Printer::new(PrinterId(id), name(&format!("p{id}")), "sim:".into(), Origin::Api)
        }
    }

    fn doing(printer: Printer, activity: Activity, since: Option<u64>) -> Member {
        let not_ready_since = since.map(|seconds| at(seconds).mono);
        let live = PrinterLive { activity, not_ready_since, ..PrinterLive::default() };
        Member { printer: Arc::new(printer), live, description: None, queued_bytes: 0 }
    }

    #[test]
    fn every_reason_has_its_grace() {
        let due = |activity: &Activity, seconds: u64| {
            is_due(
                &doing(printer(1, Reroute::Pool), activity.clone(), Some(100)),
                GRACE,
                at(100 + seconds).mono,
            )
        };
        for activity in [
            Activity::NotReady(NotReady::Refused),
            Activity::NotReady(NotReady::Asleep),
            Activity::NotReady(NotReady::Unreachable),
            Activity::NotReady(NotReady::Other("?".to_owned())),
            Activity::Recovering,
            Activity::Unshut,
            Activity::Blocked,
        ] {
            assert_eq!([due(&activity, 29), due(&activity, 30)], [false, true], "{activity:?}");
        }
        for why in [NotReady::MediaEmpty, NotReady::CoverOpen, NotReady::MediaJam, NotReady::SupplyEmpty] {
            let activity = Activity::NotReady(why);
            assert_eq!([due(&activity, 299), due(&activity, 300)], [false, true], "{activity:?}");
        }
        for activity in [Activity::Idle, Activity::Sending, Activity::AwaitingWord, Activity::StoreFull] {
            assert!(!due(&activity, 9999), "{activity:?}");
        }
    }

    #[test]
    fn a_paused_printer_and_one_that_never_reroutes_keep_their_jobs() {
        let refused = || Activity::NotReady(NotReady::Refused);
        let due = |printer| is_due(&doing(printer, refused(), Some(0)), GRACE, at(9999).mono);
        assert!(due(printer(1, Reroute::Pool)));
        assert!(!due(printer(1, Reroute::Never)));
        assert!(!due(Printer { paused: true, ..printer(1, Reroute::Pool) }));
    }

    #[test]
    fn jobs_go_where_somebody_is_of_use() {
        let accepting = |id| id != 5;
        let all = (1..=5).map(|id| Printer { accepting: accepting(id), ..printer(id, Reroute::Pool) });
        let printers = all.map(Arc::new).collect();
        let members = |ids: &[u32]| ids.iter().map(|id| PrinterId(*id)).collect();
        let of = |id, text: &str, ids: &[u32]| {
            let empty = pool(PoolId(id), PoolPolicy::FirstAvailable);
            Arc::new(Pool { name: name(text), members: members(ids), ..empty })
        };
        let closed = Arc::new(Pool { accepting: false, ..(*of(4, "A", &[1, 4])).clone() });
        let pools = vec![of(1, "z", &[1, 2]), of(2, "a", &[1, 3]), of(3, "b", &[2, 4]), closed];
        let directory = Directory { printers, pools, ..Directory::default() };
        let to = |reroute: Reroute, dead: &[u32]| {
            let member = |printer: &Arc<Printer>| match dead.contains(&printer.id.0) {
                true => doing((**printer).clone(), Activity::Recovering, Some(0)),
                false => doing((**printer).clone(), Activity::Idle, None),
            };
            route(&printer(1, reroute), &directory, member, at(0).mono).map(|route| route.name.to_string())
        };
        let named = |text: &str| Reroute::To(name(text));
        assert_eq!(to(Reroute::Pool, &[]).as_deref(), Some("a"), "the first by name");
        assert_eq!(to(Reroute::Pool, &[3]).as_deref(), Some("z"), "whose mate can print");
        assert_eq!(to(Reroute::Pool, &[2, 3]), None);
        assert_eq!(to(Reroute::Never, &[]), None);
        assert_eq!(to(named("p4"), &[]).as_deref(), Some("p4"));
        assert_eq!(to(named("p4"), &[4]), None);
        assert_eq!(to(named("b"), &[]).as_deref(), Some("b"));
        assert_eq!(to(named("p1"), &[]), None, "not to itself");
        assert_eq!(to(named("gone"), &[]), None);
        assert_eq!([to(named("A"), &[]), to(named("p5"), &[])], [None, None], "they take no jobs");
    }

    #[test]
    fn only_what_may_move_is_moved() {
        let urf = Description { formats: vec![Format::Urf], ..Description::default() };
        let mut there = doing(printer(2, Reroute::Pool), Activity::Idle, None);
        there.description = Some(Arc::new(urf));
        let route = Route { to: QueueId::Pool(PoolId(1)), name: name("pool"), members: vec![there] };
        let of = |id, format| {
            let mut job = job(id);
            job.documents[0].format = format;
            job
        };
        let moved_before = Job { rerouted: Some(QueueId::Printer(PrinterId(9))), ..of(3, Format::Urf) };
        let canceled = Job { cancel_requested: true, ..of(4, Format::Urf) };
        let jobs = [of(1, Format::Urf), of(2, Format::Pdf), moved_before, canceled, of(5, Format::Unknown)];
        let because = Activity::NotReady(NotReady::Refused);
        let commit = moves(&jobs, &route, &because, at(1)).expect("some move");
        let moved: Vec<u32> = commit.jobs.iter().map(|job| job.id.0).collect();
        assert_eq!(moved, [1, 5]);
        assert_eq!(commit.expect, [(jobs[0].id, jobs[0].revision), (jobs[4].id, jobs[4].revision)]);
        assert!(commit.jobs.iter().all(|job| job.serving_queue() == route.to && job.order().is_some()));
        assert_eq!(commit.timeline.len(), 2);
        assert_eq!(commit.queues, [(route.to, route.name.clone())], "they must still be there");
        assert_eq!(moves(&jobs[1..4], &route, &because, at(1)), None);
    }
}
