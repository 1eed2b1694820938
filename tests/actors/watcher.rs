//! The thread watcher, over the beats of threads that are not there.

use std::time::Duration;

use spool::actors::front::Core;
use spool::actors::thread_watcher::Begin;
use spool::model::id::{Generation, JobId, PrinterId};
use spool::model::liveness::{Beat, Stage};

use crate::world::{DONE, Notice, SECOND, SHORT, World, doze, pass, play};

/// What a print thread would send now.
pub fn beat(world: &World, printer: PrinterId, job: JobId, generation: u64, stage: Stage) -> Beat {
    let (generation, at) = (Generation(generation), world.clock.now().mono);
    let worker = format!("print-{printer}").into();
    Beat { worker, printer, job, generation, stage, bytes: 2, protected: Duration::ZERO, at }
}

#[test]
fn a_thread_is_listed_while_it_works() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        world.beats.send(beat(&world, PrinterId(1), job, 1, Stage::Sending)).unwrap();
        pass(SECOND).await;
        let rows = world.front.workers();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.job, row.generation, row.stage, row.bytes), (Some(job), 1, "sending", 2));
        world.bench.ends(job, DONE, Notice::Told);
        pass(SECOND).await;
        assert_eq!(world.front.workers(), []);
    });
}

#[test]
fn a_beat_that_overtakes_its_attempt_is_not_lost() {
    play(async {
        let world = World::new().await;
        let (printer, job) = (PrinterId(1), JobId(1));
        world.beats.send(beat(&world, printer, job, 7, Stage::Sending)).unwrap();
        pass(Duration::from_millis(300)).await;
        assert_eq!(world.front.workers(), []);
        assert!(world.watcher.try_send(Begin { printer, job, generation: Generation(7) }).is_ok());
        pass(Duration::from_millis(300)).await;
        assert_eq!(world.front.workers().len(), 1);
    });
}

#[test]
fn a_beat_of_an_attempt_that_nobody_knows_is_forgotten() {
    play(async {
        let world = World::new().await;
        let (printer, job) = (PrinterId(1), JobId(1));
        world.beats.send(beat(&world, printer, job, 7, Stage::Sending)).unwrap();
        pass(SECOND).await;
        assert!(world.watcher.try_send(Begin { printer, job, generation: Generation(7) }).is_ok());
        pass(SECOND * 100).await;
        assert_eq!(world.front.workers(), []);
    });
}

#[test]
fn a_finding_reaches_a_manager_whose_mailbox_was_full() {
    play(async {
        let world = World::new().await;
        let job = world.submit(1).await;
        world.beats.send(beat(&world, PrinterId(1), job, 1, Stage::Sending)).unwrap();
        let wake = doze(&world.traffic(1)).await;
        pass(SECOND * 20).await;
        assert_eq!(world.bench.of(job), Some((Generation(1), false)));
        drop(wake);
        pass(SHORT * 30).await;
        assert_eq!(world.bench.of(job), Some((Generation(1), true)));
    });
}
