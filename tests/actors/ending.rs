//! The end: nothing new begins, what is being sent may finish, and the end is told.

use actix::Addr;
use futures_util::FutureExt;
use spool::actors::device_manager::{ParkAll, StopAll};
use spool::actors::front::{Core, PrinterCommand};
use spool::actors::job_manager::StopIntake;
use spool::actors::traffic_manager::TrafficManager;
use spool::model::commit::CommitError;
use spool::model::intake::Refusal;
use spool::model::job::JobStatus;
use spool::model::outcome::Outcome;
use spool::model::retry::{Broken, Whole};
use spool::store::memory::MemoryStore;
use tokio::sync::oneshot;

use crate::world::{Fall, Notice, Room, SECOND, SHORT, World, doze, name, pass, play, printer};

fn stop(world: &World) -> oneshot::Receiver<()> {
    let (done, told) = oneshot::channel();
    assert!(world.devices.try_send(StopAll { done }).is_ok());
    told
}

fn all(world: &World, printers: u32) -> Vec<Addr<TrafficManager>> {
    (1..=printers).map(|printer| world.traffic(printer)).collect()
}

#[test]
fn a_stop_waits_for_what_is_being_sent_and_begins_nothing() {
    play(async {
        let printers = vec![printer(1, "sim:"), printer(2, "sim:")];
        let world = World::with(MemoryStore::new(), printers, Room::default()).await;
        let (first, second) = (world.submit(1).await, world.submit(1).await);
        assert!(world.jobs.try_send(StopIntake).is_ok());
        let mut told = stop(&world);
        pass(SECOND * 100).await;
        assert_eq!((&mut told).now_or_never(), None);
        assert!(matches!(world.submission(1).await, Err(Refusal::Stopping)));
        assert_eq!(world.front.admits(), Err(Refusal::Stopping));
        world.bench.completes(first);
        pass(SECOND).await;
        assert_eq!((&mut told).now_or_never(), Some(Ok(())));
        assert_eq!((world.status(first), world.status(second)), (JobStatus::Completed, JobStatus::Waiting));
        assert_eq!(world.bench.jobs(), []);
    });
}

#[test]
fn park_shuts_what_is_being_sent_and_records_it_as_in_doubt() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        let mut told = stop(&world);
        pass(SECOND).await;
        assert!(world.devices.try_send(ParkAll).is_ok());
        pass(SHORT).await;
        assert!(world.bench.of(job).unwrap().1, "it was told to end");
        world.bench.ends(job, Outcome::Aborted { whole: Whole::No, bytes: 2 }, Notice::Lost);
        pass(SECOND * 2).await;
        assert_eq!((&mut told).now_or_never(), Some(Ok(())));
        assert_eq!(
            (world.status(job), world.job(job).last_broken),
            (JobStatus::Waiting, Some(Broken::ServerStopped))
        );
    });
}

#[test]
fn a_manager_whose_mailbox_was_full_is_stopped_and_parked_all_the_same() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        let wake = doze(&world.traffic(1)).await;
        // Takes the place that every sender has beyond the bound.
        world.command(1, PrinterCommand::Pause).await;
        let mut told = stop(&world);
        pass(SECOND).await;
        assert!(world.devices.try_send(ParkAll).is_ok());
        pass(SECOND).await;
        drop(wake);
        pass(SECOND).await;
        assert!(world.bench.of(job).unwrap().1, "it was told to end");
        world.bench.ends(job, Outcome::Aborted { whole: Whole::No, bytes: 2 }, Notice::Told);
        pass(SECOND).await;
        assert_eq!((&mut told).now_or_never(), Some(Ok(())));
    });
}

#[test]
fn a_manager_that_panics_at_the_end_is_not_made_anew() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        let mut told = stop(&world);
        pass(SECOND).await;
        assert!(world.traffic(1).try_send(Fall).is_ok());
        pass(SECOND).await;
        assert_eq!((&mut told).now_or_never(), Some(Ok(())));
        // The next start decides it.
        assert_eq!(world.status(job), JobStatus::Transmitting);
    });
}

#[test]
fn a_printer_that_was_being_added_or_removed_does_not_keep_the_end_waiting() {
    play(async {
        for error in [None, Some(CommitError::Full)] {
            let printers = vec![printer(1, "sim:"), printer(2, "sim:")];
            let world = World::with(MemoryStore::stepped(), printers, Room::default()).await;
            let managers = all(&world, 2);
            let removed = world.front.printer_command(name("p1"), PrinterCommand::Remove);
            let added = world.front.add_printer(printer(7, "sim:"));
            pass(SHORT).await;
            let mut told = stop(&world);
            pass(SHORT).await;
            if let Some(error) = error.clone() {
                world.store.fail_next(error);
            }
            world.sync_all().await;
            pass(SECOND).await;
            assert_eq!((&mut told).now_or_never(), Some(Ok(())), "{error:?}");
            assert_eq!(removed.await.is_ok(), error.is_none());
            assert_eq!(added.await.unwrap_err(), Refusal::Stopping);
            assert!(managers.iter().all(|manager| !manager.connected()));
        }
        // The other order: the new printer is durable after the stop was said.
        let world = World::with(MemoryStore::stepped(), vec![printer(1, "sim:")], Room::default()).await;
        let added = world.front.add_printer(printer(7, "sim:"));
        pass(SHORT).await;
        let mut told = stop(&world);
        pass(SHORT).await;
        world.sync_all().await;
        pass(SECOND).await;
        let id = added.await.unwrap().id;
        assert_eq!((&mut told).now_or_never(), Some(Ok(())));
        assert!(world.board.traffic(id).is_none());
    });
}
