//! What comes in: the door, the job manager, and what is taken away again.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use spool::actors::front::{Core, PrinterCommand};
use spool::actors::purge;
use spool::config::{History, REQUESTS_MAX};
use spool::model::commit::CommitError;
use spool::model::id::JobId;
use spool::model::intake::{JobCommand, KeyClaim, Refusal};
use spool::model::job::JobStatus;
use spool::store::memory::{Answer as Heard, MemoryStore};
use spool::store::{Purge, SharedStore};

use crate::world::{Room, SECOND, SHORT, World, document, doze, name, pass, play, printer, request};

async fn stepped() -> World {
    World::with(MemoryStore::stepped(), vec![printer(1, "sim:"), printer(2, "sim:")], Room::default()).await
}

#[test]
fn nothing_is_answered_before_it_is_durable() {
    play(async {
        let world = stepped().await;
        let mut asked = world.submission(1);
        pass(SECOND).await;
        assert!((&mut asked).now_or_never().is_none());
        assert_eq!(world.bench.jobs(), []);
        assert!(world.store.sync_next(Heard::Given).unwrap().is_ok());
        let job = asked.await.unwrap().job.id;
        assert_eq!(job, JobId(1));
    });
}

#[test]
fn a_commit_that_fails_is_a_refusal_and_frees_the_place() {
    play(async {
        let world = stepped().await;
        for error in [CommitError::Full, CommitError::Unavailable("test".to_owned())] {
            let asked = world.submission(1);
            pass(SHORT).await;
            assert!(world.store.fail_next(error));
            let refusal = asked.await.unwrap_err();
            assert!(matches!(refusal, Refusal::DiskFull { .. } | Refusal::Store(_)), "{refusal:?}");
        }
        let asked = world.submission(1);
        pass(SHORT).await;
        world.sync_all().await;
        assert!(asked.await.is_ok());
    });
}

#[test]
fn whoever_does_not_get_into_a_full_mailbox_is_told_so_and_the_others_are_answered() {
    play(async {
        let world = World::new().await;
        let wake = doze(&world.jobs).await;
        let mut inside = Vec::new();
        let refusal = loop {
            let mut asked = world.submission(1);
            match (&mut asked).now_or_never() {
                None => inside.push(asked),
                Some(answer) => break answer.unwrap_err(),
            }
        };
        assert_eq!(refusal, Refusal::Busy { retry_after: SECOND });
        drop(wake);
        let answers = join_all(inside).await;
        assert!(!answers.is_empty() && answers.iter().all(Result::is_ok), "{answers:?}");
        assert!(world.submission(1).await.is_ok());
    });
}

#[test]
fn the_door_lets_in_so_many_and_each_is_answered_once() {
    play(async {
        let world = stepped().await;
        let mut inside = Vec::new();
        for n in 0..REQUESTS_MAX {
            inside.push(world.submission(1 + (n % 2) as u32));
            if n % 500 == 0 {
                pass(SHORT).await;
            }
        }
        pass(SHORT).await;
        assert_eq!(world.store.queued(), REQUESTS_MAX);
        assert!(matches!(world.submission(1).await, Err(Refusal::Busy { .. })));
        let printers = world.front.printer_command(name("p1"), PrinterCommand::Pause).await;
        assert!(matches!(printers, Err(Refusal::Busy { .. })));
        // One leaves, one gets in.
        world.store.sync_next(Heard::Given);
        pass(SHORT).await;
        inside.push(world.submission(1));
        world.sync_all().await;
        let mut jobs: Vec<JobId> = join_all(inside).await.into_iter().map(|a| a.unwrap().job.id).collect();
        jobs.dedup();
        assert_eq!(jobs.len(), REQUESTS_MAX + 1);
    });
}

#[test]
fn requests_under_one_key_are_one_job_however_they_overlap() {
    play(async {
        let world = stepped().await;
        let ask = || {
            let key = KeyClaim { key: "k".to_owned(), fingerprint: [1; 32] };
            world.front.submit(None, request(1), vec![document()], Some(key))
        };
        let (first, second) = (ask(), ask());
        pass(SHORT).await;
        world.sync_all().await;
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!(first.job.id, second.job.id);
        assert_ne!(first.novelty, second.novelty);
    });
}

#[test]
fn an_upload_that_breaks_is_withdrawn_even_where_the_mailbox_is_full() {
    play(async {
        let world = World::new().await;
        let announced = world.front.announce(request(1)).await.unwrap();
        assert_eq!(world.front.incoming().iter().map(|job| job.id).collect::<Vec<_>>(), [announced.job]);
        let wake = doze(&world.jobs).await;
        // The door's own place in the mailbox is taken too: its next message would not get in.
        while world.submission(1).now_or_never().is_none() {}
        world.front.withdraw(announced.job);
        drop(wake);
        pass(SECOND + SHORT).await;
        assert_eq!(world.front.incoming(), []);
    });
}

#[test]
fn a_new_printer_is_known_to_a_job_manager_whose_mailbox_was_full() {
    play(async {
        let world = World::new().await;
        let wake = doze(&world.jobs).await;
        for n in 2..5 {
            let added = world.front.add_printer(printer(n, "sim:")).await.unwrap();
            assert_eq!(added.name, name(&format!("p{n}")));
        }
        drop(wake);
        pass(SHORT).await;
        let job = world.submit(4).await;
        assert_eq!(world.bench.jobs(), [job]);
    });
}

#[test]
fn as_many_jobs_are_queued_as_may_be() {
    play(async {
        let room = Room { jobs: 2, ..Room::default() };
        let world = World::with(MemoryStore::new(), vec![printer(1, "sim:")], room).await;
        let first = world.submit(1).await;
        world.submit(1).await;
        assert!(matches!(world.submission(1).await, Err(Refusal::QueueFull { jobs_max: 2, .. })));
        pass(SECOND).await;
        assert!(matches!(world.front.admits(), Err(Refusal::QueueFull { .. })));
        world.bench.completes(first);
        pass(SHORT).await;
        assert!(world.submission(1).await.is_ok());
    });
}

#[test]
fn a_full_disk_takes_no_jobs_and_prints_those_there_are() {
    play(async {
        let room = Room { free_disk_min: u64::MAX, ..Room::default() };
        let world = World::with(MemoryStore::new(), vec![printer(1, "sim:")], room).await;
        pass(SECOND * 2).await;
        assert!(matches!(world.front.admits(), Err(Refusal::DiskFull { .. })));
        assert!(matches!(world.submission(1).await, Err(Refusal::DiskFull { .. })));
    });
}

#[test]
fn history_goes_when_its_time_is_over_and_not_before() {
    play(async {
        let world = World::new().await;
        let history = History { jobs: Duration::from_secs(3600), documents: Duration::from_secs(60) };
        let store: SharedStore = std::sync::Arc::new(world.store.clone());
        let sweep = || async { purge::sweep(&store, &history, world.clock).await.unwrap() };
        let key = KeyClaim { key: "k".to_owned(), fingerprint: [1; 32] };
        let asked = world.front.submit(None, request(1), vec![document()], Some(key));
        let (done, document_of_done) = (asked.await.unwrap().job.id, |job| world.job(job).documents[0].id);
        let document = document_of_done(done);
        pass(SHORT).await;
        world.bench.completes(done);
        pass(SHORT).await;
        let waiting = world.submit(1).await;

        pass(SECOND * 50).await;
        sweep().await;
        assert!(store.document(document).await.unwrap().is_some());
        pass(SECOND * 20).await;
        sweep().await;
        assert!(store.document(document).await.unwrap().is_none());
        assert_eq!(world.store.body(document), None);
        // Its record is kept for longer; what is printed again meanwhile is refused.
        assert_eq!(world.status(done), JobStatus::Completed);
        let again = world.front.command(done, JobCommand::Restart).await;
        assert!(matches!(again, Err(Refusal::DocumentGone(_))), "{again:?}");

        pass(SECOND * 3600).await;
        sweep().await;
        assert_eq!(store.job(done).await.unwrap(), None);
        assert_eq!(store.timeline(done, 0, 10).await.unwrap(), []);
        let now = world.clock.now().wall;
        assert_eq!(store.purgeable(Purge::Keys, now, 10).await.unwrap(), []);
        assert_eq!(store.key("ann", "k", now.minus(SECOND * 3000)).await.unwrap(), None);
        // What has not ended is not history.
        assert_eq!(world.status(waiting), JobStatus::Transmitting);
        assert!(store.document(document_of_done(waiting)).await.unwrap().is_some());
    });
}
