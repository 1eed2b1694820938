//! A traffic manager and its jobs.

use std::sync::Arc;

use actix::Actor;
use spool::actors::board::{Notices, TrafficHandle};
use spool::actors::front::{Core, PrinterCommand};
use spool::actors::traffic_manager::{Begin, Ended, Lane, TrafficManager};
use spool::model::cancel::Wish;
use spool::model::id::{Generation, PrinterId, QueueId};
use spool::model::intake::JobCommand;
use spool::model::job::{HoldReason, JobStatus, Reason};
use spool::model::liveness::Stage;
use spool::model::outcome::Outcome;
use spool::model::printer::{Activity, Printer};
use spool::model::retry::{NotReady, Whole};
use spool::model::traffic::{Beginning, SHUT_WAIT};
use spool::store::memory::MemoryStore;

use crate::watcher::beat;
use crate::world::{DONE, Fall, Notice, PATIENCE, Room, SECOND, SHORT, World, doze, pass, play, printer};

#[test]
fn jobs_are_sent_one_after_the_other() {
    play(async {
        let world = World::new().await;
        let (first, second) = (world.submit(1).await, world.submit(1).await);
        assert_eq!(world.bench.jobs(), [first]);
        assert_eq!((world.activity(1), world.live(1).job), (Activity::Sending, Some(first)));
        world.bench.completes(first);
        pass(SHORT).await;
        assert_eq!((world.status(first), world.bench.jobs()), (JobStatus::Completed, vec![second]));
        world.bench.completes(second);
        pass(SHORT).await;
        assert_eq!((world.status(second), world.activity(1)), (JobStatus::Completed, Activity::Idle));
    });
}

/// The moments at which a dead printer is tried, in milliseconds, are what `next_try_at` announced.
#[test]
fn a_dead_printer_is_tried_each_second_for_two_minutes_and_then_ever_more_slowly() {
    play(async {
        let dead = printer(1, "sim:?fail=refuse@1&recover=1000s");
        let world = World::with(MemoryStore::new(), vec![dead], Room::default()).await;
        let job = world.submit(1).await;
        assert_eq!(world.activity(1), Activity::NotReady(NotReady::Refused));
        let mut tries = vec![world.live(1).next_try_at.unwrap().0];
        while world.status(job) == JobStatus::Waiting {
            pass(SHORT * 5).await;
            let next = world.live(1).next_try_at.map(|at| at.0);
            tries.extend(next.filter(|at| Some(at) != tries.last()));
        }
        let waits: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (first_pace, growing) = waits.split_at(waits.iter().position(|wait| *wait > 1100).unwrap());
        let lasted: u64 = first_pace.iter().sum();
        assert!(first_pace.iter().all(|wait| (890..=1010).contains(wait)), "{first_pace:?}");
        assert!((118_000..=121_000).contains(&lasted), "{lasted}");
        for (wait, whole) in growing.iter().zip([2, 4, 8, 16, 32, 60, 60, 60].map(|s| s * 1000)) {
            assert!((whole * 89 / 100..=whole + 10).contains(wait), "{wait} for {whole}");
        }
        assert!(growing.len() > 8);
        // A wake does not hasten it, and no thread was held meanwhile.
        assert_eq!(world.job(job).attempts, 1);
        assert_eq!(world.bench.jobs(), [job]);
    });
}

#[test]
fn a_wake_does_not_hasten_a_dead_printer() {
    play(async {
        let dead = printer(1, "sim:?fail=refuse@1&recover=1000s");
        let world = World::with(MemoryStore::new(), vec![dead], Room::default()).await;
        world.submit(1).await;
        let due = world.live(1).next_try_at;
        for _ in 0..5 {
            world.submit(1).await;
        }
        assert_eq!(world.live(1).next_try_at, due);
    });
}

#[test]
fn wakes_merge_and_reach_a_manager_whose_mailbox_was_full() {
    play(async {
        let world = World::new().await;
        let traffic = world.traffic(1);
        let wake = doze(&traffic).await;
        let jobs = [world.submit(1).await, world.submit(1).await];
        assert_eq!(world.bench.jobs(), []);
        drop(wake);
        pass(SHORT).await;
        assert_eq!(world.bench.jobs(), jobs[..1]);
    });
}

#[test]
fn what_is_told_before_the_beginning_is_looked_at_then() {
    play(async {
        let world = World::with(MemoryStore::new(), Vec::new(), Room::default()).await;
        let printer = world.front.add_printer(printer(1, "sim:")).await.unwrap();
        let (notices, beginning) = (Arc::<Notices>::default(), Beginning::ManagerPanic);
        let (parts, lane) = (world.parts.clone(), Arc::<Lane>::default());
        let (left, ended) = (None, Ended::default());
        let (of_it, told) = (printer.clone(), notices.clone());
        let begin = Begin { parts, printer: of_it, beginning, lane, notices: told, left, ended };
        // In the place of the one there is, as after a panic; nobody has polled it yet.
        let address = TrafficManager::new(begin).start();
        world.board.set_traffic(printer.id, Some(TrafficHandle { address, notices }));
        world.board.wake(QueueId::Printer(printer.id));
        pass(SHORT).await;
        let first = world.submit(1).await;
        assert_eq!(world.bench.jobs(), [first]);
        world.bench.completes(first);
        pass(SHORT).await;
        let second = world.submit(1).await;
        assert_eq!(world.bench.jobs(), [second]);
    });
}

#[test]
fn a_cancel_reaches_a_manager_whose_mailbox_was_full() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        let wake = doze(&world.traffic(1)).await;
        let command = world.front.command(job, JobCommand::Cancel(Wish::Cancel)).await;
        assert!(command.unwrap().cancel_requested);
        pass(SECOND).await;
        assert_eq!(world.bench.of(job), Some((Generation(1), false)));
        drop(wake);
        pass(SHORT).await;
        assert_eq!(world.bench.of(job), Some((Generation(1), true)));
        world.bench.ends(job, Outcome::Aborted { whole: Whole::No, bytes: 2 }, Notice::Told);
        pass(SHORT).await;
        assert_eq!(world.status(job), JobStatus::Canceled);
    });
}

#[test]
fn an_outcome_whose_notice_was_lost_is_found_within_a_second() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        world.bench.ends(job, DONE, Notice::Lost);
        pass(SECOND + SHORT).await;
        assert_eq!(world.status(job), JobStatus::Completed);
    });
}

#[test]
fn a_manager_that_panics_is_made_anew_with_its_job_decided() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        let behind = world.submit(1).await;
        let old = world.traffic(1);
        assert!(old.try_send(Fall).is_ok());
        pass(SECOND).await;
        assert!(!old.connected());
        // The connection of the old one was shut before there is another; its thread has a moment for its word.
        assert_eq!(world.bench.of(job), Some((Generation(1), true)));
        pass(SHUT_WAIT - SECOND + SHORT).await;
        assert_eq!((world.status(job), world.activity(1)), (JobStatus::Waiting, Activity::Recovering));
        pass(SECOND).await;
        let (generation, aborted) = world.bench.of(job).unwrap();
        assert!(generation > Generation(1) && !aborted, "{generation:?}");
        // The old thread reports at last: it changes nothing.
        world.bench.ends(job, DONE, Notice::Told);
        pass(SECOND).await;
        assert_eq!(world.status(job), JobStatus::Transmitting);
        // Handled in two panics running, it waits for a person, and the next one goes.
        assert!(world.traffic(1).try_send(Fall).is_ok());
        pass(SECOND * 4).await;
        assert_eq!(world.status(job), JobStatus::Held);
        assert_eq!(world.job(job).reason, Reason::Held(HoldReason::FailedTwiceRunning));
        assert_eq!(world.status(behind), JobStatus::Transmitting);
    });
}

#[test]
fn an_outcome_that_was_left_while_its_manager_failed_is_believed() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        assert!(world.traffic(1).try_send(Fall).is_ok());
        tokio::task::yield_now().await;
        world.bench.ends(job, DONE, Notice::Told);
        pass(SECOND).await;
        assert_eq!((world.status(job), world.job(job).attempts), (JobStatus::Completed, 1));
    });
}

#[test]
fn a_wish_that_meets_a_dead_manager_is_met_by_the_next() {
    play(async {
        let world = World::new().await;
        let idle = world.traffic(1);
        assert!(idle.try_send(Fall).is_ok());
        tokio::task::yield_now().await;
        assert!(!idle.connected(), "it has fallen and nobody has looked");
        let job = world.submission(1).await.unwrap().job.id;
        pass(SECOND).await;
        assert_eq!(world.bench.jobs(), [job]);
        let sending = world.traffic(1);
        assert!(sending.try_send(Fall).is_ok());
        tokio::task::yield_now().await;
        assert!(!sending.connected(), "it has fallen and nobody has looked");
        world.front.command(job, JobCommand::Cancel(Wish::Cancel)).await.unwrap();
        pass(SHUT_WAIT + SECOND).await;
        assert_eq!(world.status(job), JobStatus::Canceled);
    });
}

#[test]
fn settings_that_change_while_a_job_is_sent_hold_for_the_next_job() {
    play(async {
        let world = World::new().await;
        let (first, second) = (world.submit(1).await, world.submit(1).await);
        let away = Printer { uri: "sim:?fail=asleep@1&recover=30s".to_owned(), ..printer(1, "") };
        world.command(1, PrinterCommand::Set(Box::new(away))).await;
        assert_eq!(world.bench.of(first), Some((Generation(1), false)));
        world.bench.completes(first);
        pass(SHORT).await;
        assert_eq!((world.status(first), world.status(second)), (JobStatus::Completed, JobStatus::Waiting));
        assert_eq!(world.activity(1), Activity::NotReady(NotReady::Asleep));
        pass(SECOND * 32).await;
        assert_eq!(world.bench.jobs(), [second]);
    });
}

#[test]
fn a_paused_printer_ends_its_job_and_begins_none() {
    play(async {
        let world = World::new().await;
        let (first, second) = (world.submit(1).await, world.submit(1).await);
        world.command(1, PrinterCommand::Pause).await;
        world.bench.completes(first);
        pass(SECOND * 100).await;
        assert_eq!((world.status(first), world.status(second)), (JobStatus::Completed, JobStatus::Waiting));
        world.command(1, PrinterCommand::Resume).await;
        assert_eq!(world.bench.jobs(), [second]);
    });
}

#[test]
fn a_thread_that_is_stuck_is_shut_and_its_late_outcome_changes_nothing() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        world.beats.send(beat(&world, PrinterId(1), job, 1, Stage::Sending)).unwrap();
        pass(SECOND * 11).await;
        assert_eq!(world.bench.of(job), Some((Generation(1), true)));
        // Its connection is shut; it is not waited for long, though its thread does not come back.
        pass(SECOND * 5).await;
        assert_eq!(world.bench.of(job), Some((Generation(2), false)));
        world.bench.ends(job, DONE, Notice::Told);
        pass(SECOND).await;
        assert_eq!((world.status(job), world.job(job).attempts), (JobStatus::Transmitting, 2));
        world.bench.completes(job);
        pass(SHORT).await;
        assert_eq!(world.status(job), JobStatus::Completed);
        let kinds: Vec<String> = world.timeline(job).iter().map(|entry| entry.to.word().to_owned()).collect();
        assert_eq!(kinds.iter().filter(|to| *to == "completed").count(), 1, "{kinds:?}");
    });
}

#[test]
fn stalled_is_told_and_is_not_stuck() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        for _ in 0..PATIENCE.stall.as_secs() + 10 {
            world.beats.send(beat(&world, PrinterId(1), job, 1, Stage::Sending)).unwrap();
            pass(SECOND).await;
        }
        assert_eq!((world.activity(1), world.job(job).reason), (Activity::Blocked, Reason::Blocked));
        assert_eq!(world.bench.of(job), Some((Generation(1), false)));
    });
}
