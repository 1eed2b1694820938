//! The thread watcher: hears the beats of all print threads and tells the traffic managers who is stuck.
//! A shell round [`Liveness`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use crossbeam_channel::Receiver;

use super::board::Board;
use super::front::WorkerRow;
use super::traffic_manager::Watched;
use super::worker::BEATS_MAX;
use crate::clock::Clock;
use crate::config::MAILBOX;
use crate::model::id::{Generation, JobId, PrinterId};
use crate::model::liveness::{Beat, Finding, Liveness, Patience};

/// How often the beats are taken in; and whenever somebody's time is over, so that a verdict comes at once.
const LOOK_EVERY: Duration = Duration::from_millis(250);

pub struct ThreadWatcher {
    liveness: Liveness,
    beats: Receiver<Beat>,
    board: Arc<Board>,
    clock: Clock,
    /// The last beat of each attempt under way.
    last: HashMap<PrinterId, Beat>,
    /// Beats of this look whose attempt is not known: its registration may still be in the mailbox. The first
    /// beat of a worker that then hangs is all there is to watch it by.
    early: HashMap<PrinterId, Beat>,
    /// The newest finding for each printer that a full mailbox did not take; told again at the next look.
    untold: BTreeMap<PrinterId, Finding>,
}

/// An attempt begins.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin {
    pub printer: PrinterId,
    pub job: JobId,
    pub generation: Generation,
}

/// An attempt has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End {
    pub printer: PrinterId,
    pub generation: Generation,
}

/// The configuration was read again.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Tune(pub Patience);

impl ThreadWatcher {
    pub fn new(patience: Patience, beats: Receiver<Beat>, board: Arc<Board>, clock: Clock) -> ThreadWatcher {
        let liveness = Liveness::new(patience);
        let (last, early, untold) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        ThreadWatcher { liveness, beats, board, clock, last, early, untold }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        self.early.clear();
        // As many as may wait: workers that beat faster than this hears keep it from nothing.
        for beat in self.beats.try_iter().take(BEATS_MAX) {
            if self.liveness.watches(beat.printer, beat.generation) {
                self.liveness.hear(&beat);
                self.last.insert(beat.printer, beat);
            } else {
                self.early.insert(beat.printer, beat);
            }
        }
        let liveness = &self.liveness;
        self.last.retain(|printer, beat| liveness.watches(*printer, beat.generation));
        let now = self.clock.now().mono;
        for finding in self.liveness.verdicts(now) {
            log::warn!(job = finding.job.0, printer = finding.printer.0, generation = finding.generation.0, verdict:? = finding.verdict; "print thread");
            self.untold.insert(finding.printer, finding);
        }
        self.tell();
        self.publish();
        let due = self.liveness.due(now).map_or(LOOK_EVERY, |due| due.since(now));
        ctx.run_later(due.min(LOOK_EVERY), Self::look);
    }

    fn tell(&mut self) {
        let board = &self.board;
        self.untold.retain(|printer, finding| {
            let Some(traffic) = board.traffic(*printer) else { return false };
            traffic.address.connected()
                && traffic.address.try_send(Watched(finding.generation, finding.verdict)).is_err()
        });
    }

    fn publish(&self) {
        let directory = self.board.directory();
        let now = self.clock.now();
        let row = |beat: &Beat| WorkerRow {
            name: beat.worker.to_string(),
            job: Some(beat.job),
            printer: directory.printer_by_id(beat.printer).map(|printer| printer.name.clone()),
            stage: beat.stage.word(),
            bytes: beat.bytes,
            last_beat: now.wall.minus(now.mono.since(beat.at)),
            generation: beat.generation.0,
        };
        let mut rows: Vec<WorkerRow> = self.last.values().map(row).collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        self.board.publish_workers(rows);
        self.board.publish_beats(self.last.clone());
    }
}

impl Actor for ThreadWatcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.run_later(LOOK_EVERY, Self::look);
    }
}

impl Handler<Tune> for ThreadWatcher {
    type Result = ();

    fn handle(&mut self, msg: Tune, _: &mut Self::Context) {
        self.liveness.tune(msg.0);
    }
}

impl Handler<Begin> for ThreadWatcher {
    type Result = ();

    fn handle(&mut self, msg: Begin, _: &mut Self::Context) {
        self.liveness.begin(msg.printer, msg.job, msg.generation);
        let of_it = |beat: &Beat| beat.generation == msg.generation;
        if let Some(beat) = self.early.remove(&msg.printer).filter(of_it) {
            self.liveness.hear(&beat);
            self.last.insert(msg.printer, beat);
        }
    }
}

impl Handler<End> for ThreadWatcher {
    type Result = ();

    fn handle(&mut self, msg: End, _: &mut Self::Context) {
        self.liveness.end(msg.printer, msg.generation);
    }
}
