//! The device manager: what administrators do, and whose traffic manager runs.

use spool::actors::front::{Core, PrinterCommand};
use spool::model::commit::CommitError;
use spool::model::id::PrinterId;
use spool::model::intake::Refusal;
use spool::model::job::JobStatus;
use spool::store::memory::{Answer as Heard, MemoryStore};
use spool::store::read;

use crate::world::{Fall, Room, SECOND, SHORT, World, doze, name, pass, play, printer};

async fn stepped() -> World {
    World::with(MemoryStore::stepped(), vec![printer(1, "sim:"), printer(2, "sim:")], Room::default()).await
}

fn paused(world: &World) -> Vec<bool> {
    world.board.directory().printers.iter().map(|printer| printer.paused).collect()
}

#[test]
fn a_change_that_fails_leaves_nothing_behind_in_the_next() {
    play(async {
        let world = stepped().await;
        let first = world.front.printer_command(name("p1"), PrinterCommand::Pause);
        let second = world.front.printer_command(name("p2"), PrinterCommand::Pause);
        pass(SHORT).await;
        assert!(world.store.fail_next(CommitError::Full));
        assert!(matches!(first.await, Err(Refusal::Store(_))));
        pass(SHORT).await;
        world.sync_all().await;
        assert!(second.await.unwrap().unwrap().paused);
        assert_eq!(paused(&world), [false, true]);
        let stored = world.store.read(read::printers).unwrap();
        assert_eq!(stored.iter().map(|printer| printer.paused).collect::<Vec<_>>(), [false, true]);
    });
}

#[test]
fn one_name_is_given_once() {
    play(async {
        let world = stepped().await;
        let ask = || world.front.add_printer(printer(7, "sim:"));
        let (first, second) = (ask(), ask());
        pass(SHORT).await;
        world.sync_all().await;
        assert_eq!(first.await.unwrap().id, PrinterId(3));
        assert_eq!(second.await.unwrap_err(), Refusal::NameTaken(name("p7")));
    });
}

#[test]
fn settings_reach_a_manager_whose_mailbox_was_full() {
    play(async {
        let world = World::new().await;
        let wake = doze(&world.traffic(1)).await;
        // The first message of a sender gets into a full mailbox all the same, the next ones do not.
        world.command(1, PrinterCommand::Pause).await;
        world.command(1, PrinterCommand::Resume).await;
        world.command(1, PrinterCommand::Pause).await;
        world.command(1, PrinterCommand::Resume).await;
        drop(wake);
        pass(SECOND).await;
        let job = world.submit(1).await;
        assert_eq!(world.bench.jobs(), [job]);
    });
}

#[test]
fn a_printer_that_is_removed_and_added_again_is_another_one() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        let refused = world.front.printer_command(name("p1"), PrinterCommand::Remove).await;
        assert!(matches!(refused, Err(Refusal::HasJobs { jobs: 1, .. })), "{refused:?}");
        world.bench.completes(job);
        pass(SHORT).await;
        let old = world.traffic(1);
        assert_eq!(world.front.printer_command(name("p1"), PrinterCommand::Remove).await, Ok(None));
        let new = world.front.add_printer(printer(1, "sim:")).await.unwrap();
        assert_eq!(new.id, PrinterId(2));
        pass(SECOND).await;
        assert!(!old.connected());
        assert!(world.board.traffic(PrinterId(1)).is_none());
        let job = world.submit(1).await;
        assert_eq!((world.bench.jobs(), world.status(job)), (vec![job], JobStatus::Transmitting));
    });
}

#[test]
fn a_manager_that_fails_while_its_printer_is_being_removed_stays_away() {
    play(async {
        let world = stepped().await;
        let removed = world.front.printer_command(name("p1"), PrinterCommand::Remove);
        pass(SHORT).await;
        assert!(world.traffic(1).try_send(Fall).is_ok());
        pass(SECOND).await;
        world.sync_all().await;
        assert_eq!(removed.await, Ok(None));
        pass(SECOND).await;
        assert!(world.board.traffic(PrinterId(1)).is_none());
        assert_eq!(world.store.sync_next(Heard::Given), None);
    });
}

#[test]
fn a_manager_that_fails_while_its_printer_is_not_removed_after_all_is_made_anew() {
    play(async {
        let world = stepped().await;
        let removed = world.front.printer_command(name("p1"), PrinterCommand::Remove);
        pass(SHORT).await;
        assert!(world.traffic(1).try_send(Fall).is_ok());
        pass(SECOND).await;
        assert!(world.store.fail_next(CommitError::Full));
        assert!(removed.await.is_err());
        pass(SECOND).await;
        assert!(world.traffic(1).connected());
    });
}
