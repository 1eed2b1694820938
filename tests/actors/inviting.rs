//! A job that comes to an idle printer is begun by whoever accepts it.

use actix::Addr;
use spool::actors::board::TrafficHandle;
use spool::actors::front::{Core, PrinterCommand};
use spool::actors::traffic_manager::TrafficManager;
use spool::model::commit::CommitError;
use spool::model::id::{JobId, PrinterId};
use spool::model::job::JobStatus;
use spool::model::printer::Activity;
use spool::model::traffic::ANSWERED_LATELY;
use spool::store::memory::{Answer as Heard, MemoryStore};

use crate::world::{Fall, Room, SECOND, SHORT, World, doze, name, pass, play, printer};

/// A printer that has done job 1 and has nothing to do. Nothing is durable before the test says so.
async fn idle() -> World {
    let world = World::with(MemoryStore::stepped(), vec![printer(1, "sim:")], Room::default()).await;
    world.sync_all().await;
    assert_eq!(handed_in(&world).await, 1, "it was never reached, and invites nobody");
    world.sync_all().await;
    comes_out(&world, JobId(1)).await;
    assert_eq!(world.activity(1), Activity::Idle);
    world
}

async fn comes_out(world: &World, job: JobId) {
    world.bench.completes(job);
    pass(SHORT).await;
    world.sync_all().await;
    assert_eq!(world.status(job), JobStatus::Completed);
}

/// How many commits wait when a job has been handed in.
async fn handed_in(world: &World) -> usize {
    actix::spawn(world.submission(1));
    pass(SHORT).await;
    world.store.queued()
}

async fn command(world: &World, command: PrinterCommand) {
    actix::spawn(world.front.printer_command(name("p1"), command));
    pass(SHORT).await;
    world.sync_all().await;
}

fn fall(traffic: &Addr<TrafficManager>) {
    assert!(traffic.try_send(Fall).is_ok());
}

#[test]
fn acceptance_and_attempt_are_handed_in_together_and_nothing_leaves_before_both_are_durable() {
    play(async {
        let world = idle().await;
        assert_eq!(handed_in(&world).await, 2);
        assert_eq!(world.activity(1), Activity::Connecting);
        assert!(world.store.sync_next(Heard::Given).is_some_and(|done| done.is_ok()));
        pass(SHORT).await;
        assert_eq!((world.status(JobId(2)), world.bench.jobs()), (JobStatus::Waiting, vec![]));
        assert!(world.store.sync_next(Heard::Given).is_some_and(|done| done.is_ok()));
        pass(SHORT).await;
        assert_eq!((world.status(JobId(2)), world.bench.jobs()), (JobStatus::Transmitting, vec![JobId(2)]));
        // The next one waits, as there is something to do.
        assert_eq!(handed_in(&world).await, 1);
        world.sync_all().await;
        comes_out(&world, JobId(2)).await;
        assert_eq!(world.bench.jobs(), [JobId(3)]);
    });
}

#[test]
fn a_job_that_is_not_accepted_has_no_attempt() {
    play(async {
        let world = idle().await;
        let answer = actix::spawn(world.submission(1));
        pass(SHORT).await;
        assert!(world.store.fail_next(CommitError::Full));
        assert_eq!(world.store.sync_next(Heard::Given), Some(Err(CommitError::Changed(JobId(2)))));
        pass(SHORT).await;
        assert!(answer.await.unwrap().is_err());
        assert_eq!((world.bench.jobs(), world.activity(1)), (vec![], Activity::Idle));
        // It invites again.
        assert_eq!(handed_in(&world).await, 2);
        world.sync_all().await;
        assert_eq!(world.bench.jobs(), [JobId(3)]);
    });
}

#[test]
fn a_paused_printer_and_one_that_was_not_reached_lately_begin_nothing_by_invitation() {
    play(async {
        let world = idle().await;
        command(&world, PrinterCommand::Pause).await;
        assert_eq!(handed_in(&world).await, 1);
        world.sync_all().await;
        assert_eq!((world.status(JobId(2)), world.bench.jobs()), (JobStatus::Waiting, vec![]));
        command(&world, PrinterCommand::Resume).await;
        comes_out(&world, JobId(2)).await;
        pass(ANSWERED_LATELY + SECOND).await;
        assert_eq!(handed_in(&world).await, 1);
        world.sync_all().await;
        assert_eq!(world.bench.jobs(), [JobId(3)]);
    });
}

#[test]
fn a_manager_that_sleeps_hears_of_what_was_begun_before_anything_else() {
    play(async {
        let world = idle().await;
        let wake = doze(&world.traffic(1)).await;
        assert_eq!(handed_in(&world).await, 2);
        world.sync_all().await;
        assert_eq!((world.status(JobId(2)), world.bench.jobs()), (JobStatus::Transmitting, vec![]));
        assert_eq!(handed_in(&world).await, 1, "the invitation was used");
        world.sync_all().await;
        drop(wake);
        pass(SHORT).await;
        assert_eq!(world.bench.jobs(), [JobId(2)]);
    });
}

/// The manager fails and has not heard what was begun: the next one finds it at the printer, though it is not durable
/// yet when that one begins.
#[test]
fn what_was_begun_for_a_manager_that_fails_is_decided_by_the_next() {
    play(async {
        let world = idle().await;
        actix::spawn(world.submission(1));
        // It stands in the mailbox before the bell.
        fall(&world.traffic(1));
        pass(SECOND).await;
        assert_eq!(
            (world.store.queued(), world.bench.jobs()),
            (3, vec![]),
            "job, attempt, and what the next waits for"
        );
        for _ in 0..3 {
            world.sync_all().await;
            pass(SECOND).await;
        }
        assert_eq!((world.status(JobId(2)), world.bench.jobs()), (JobStatus::Transmitting, vec![JobId(2)]));
        let timeline = world.timeline(JobId(2));
        assert!(timeline.iter().any(|entry| entry.kind == "print-again"), "{timeline:?}");
    });
}

#[test]
fn the_invitation_of_a_manager_that_has_failed_is_void() {
    play(async {
        let world = idle().await;
        let TrafficHandle { address, notices } = world.board.traffic(PrinterId(1)).unwrap();
        fall(&address);
        pass(SHORT).await;
        assert!(!address.connected());
        let used = notices.doorstep.begin(|_| -> Option<((), _)> { unreachable!("nobody would hear of it") });
        assert_eq!(used, None);
    });
}
