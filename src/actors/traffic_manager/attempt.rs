//! One attempt, seen from its traffic manager: the connection, the print thread, its report.

use actix::prelude::*;

use super::TrafficManager;
use super::messages::Reported;
use crate::actors::thread_watcher;
use crate::actors::worker::{Attempt, Running, Shut};
use crate::device::{Confirmation, DocumentTag, JobTag};
use crate::failpoint;
use crate::model::id::Generation;
use crate::model::job::{DocumentRef, Interruption, Job, JobStatus};
use crate::model::options::Options;
use crate::model::outcome::{Answer, CancelFailed, Outcome};
use crate::model::printer::Activity;
use crate::model::retry::NotReady;
use crate::model::traffic::{FinalWord, Input, Progress, Traffic};
use crate::printing::{Load, Part};

impl TrafficManager {
    pub(super) fn open(&mut self, generation: Generation, ctx: &mut Context<Self>) {
        let target = match &self.target {
            Ok(target) => target.clone(),
            Err(why) => {
                let why = why.clone();
                let failed = futures_util::future::ready(());
                ctx.spawn(failed.into_actor(self).map(move |(), act, ctx| {
                    act.step(Input::OpenFailed(generation, why), ctx);
                }));
                return;
            }
        };
        let opened = target.open();
        let spawned = ctx.spawn(opened.into_actor(self).map(move |opened, act, ctx| {
            // A future that was given up may be polled once more. Its link must not live beside the next.
            if act.opening.take_if(|(opening, _)| *opening == generation).is_none() {
                return;
            }
            match opened {
                Ok(link) => {
                    if let Some(description) = link.description() {
                        act.described_at = Some(act.begin.parts.clock.now().mono);
                        act.begin.parts.board.publish_description(act.begin.printer.id, description.clone());
                        act.step(Input::Described(description), ctx);
                    }
                    act.learn_mac(ctx);
                    act.open = Some((generation, link));
                    act.step(Input::Opened(generation), ctx);
                }
                Err(why) => {
                    act.note_not_ready(&why);
                    act.step(Input::OpenFailed(generation, why), ctx);
                }
            }
        }));
        self.opening = Some((generation, spawned));
    }

    /// Told once for each cause: a printer that is off is tried again and again.
    fn note_not_ready(&self, why: &NotReady) {
        let before = self.begin.parts.board.live(self.begin.printer.id).activity;
        if before != Activity::NotReady(why.clone()) {
            log::info!(printer = self.name(), why:%; "the printer is not ready");
        }
    }

    pub(super) fn drop_link(&mut self, generation: Generation, ctx: &mut Context<Self>) {
        if let Some((_, opening)) = self.opening.take_if(|(opening, _)| *opening == generation) {
            ctx.cancel_future(opening);
        }
        self.open.take_if(|(open, _)| *open == generation);
    }

    pub(super) fn send(&mut self, generation: Generation, job: &Job, ctx: &mut Context<Self>) {
        let load = Load::Whole { parts: self.parts_of(job), copies: self.options(job).copies() };
        self.start(generation, job, load, ctx);
    }

    /// Sends a job while its document arrives.
    pub(super) fn stream(
        &mut self,
        generation: Generation,
        job: &Job,
        document: DocumentRef,
        ctx: &mut Context<Self>,
    ) {
        failpoint::hit("traffic-before-stream");
        let Some(growth) = self.begin.parts.documents.growing(document.id) else {
            // Its upload has ended, and with a job that was accepted the attempt would not have become durable.
            let outcome = Outcome::Incomplete { why: Interruption::Upload, bytes: 0 };
            return self.end_soon(generation, outcome, ctx);
        };
        self.streaming = Some((job.id, document.id));
        let as_sent = Job { documents: vec![document], ..job.clone() };
        self.start(generation, &as_sent, Load::Growing(growth), ctx);
    }

    fn start(&mut self, generation: Generation, job: &Job, load: Load, ctx: &mut Context<Self>) {
        let Some((_, link)) = self.open.take_if(|(open, _)| *open == generation) else {
            log::error!(printer = self.name(), generation = generation.0; "the link to send over is not there");
            return self.not_sent(generation, "the server has lost its connection", ctx);
        };
        failpoint::hit("traffic-before-send");
        let (printer, address) = (self.begin.printer.id, ctx.address());
        let watch = thread_watcher::Begin { printer, job: job.id, generation };
        if self.begin.parts.watcher.try_send(watch).is_err() {
            log::warn!(printer = self.name(); "the thread watcher takes no messages; this attempt is not watched");
        }
        let attempt = Attempt {
            printer,
            job: job.id,
            generation,
            link,
            tag: self.tag(job),
            load,
            // Where the notice is lost to a full mailbox, the timer finds the report.
            notify: Box::new(move |generation| drop(address.try_send(Reported(generation)))),
        };
        match self.begin.parts.pool.start(attempt) {
            Ok(running) => *self.begin.lane.attempt() = Some((generation, running)),
            Err(not_taken) => {
                log::error!(printer = self.name(), why:? = not_taken; "no print thread takes the job");
                self.not_sent(generation, "the server has no print thread for it", ctx);
            }
        }
    }

    /// The record of a job has changed that was sent while its document arrived. Where the job has ended, whoever
    /// still writes the document is told; where it waits for a document that does not come, who can end it is.
    pub(super) fn look_at_streaming(&mut self, jobs: &[Job]) {
        let Some((id, document)) = self.streaming else { return };
        let Some(job) = jobs.iter().find(|job| job.id == id) else { return };
        let (parts, growth) = (&self.begin.parts, self.begin.parts.documents.growing(document));
        if let (true, Some(growth)) = (job.status.is_final(), &growth) {
            growth.refuse();
        }
        let given_up = growth.is_none_or(|growth| growth.is_given_up());
        if job.status == JobStatus::Held && job.is_arriving() && given_up {
            parts.board.withdraw(id);
        }
    }

    fn not_sent(&mut self, generation: Generation, why: &str, ctx: &mut Context<Self>) {
        self.end_soon(generation, Outcome::NotReady(NotReady::Other(why.to_owned())), ctx);
    }

    fn end_soon(&mut self, generation: Generation, outcome: Outcome, ctx: &mut Context<Self>) {
        let later = futures_util::future::ready(());
        ctx.spawn(later.into_actor(self).map(move |(), act, ctx| act.ended(generation, outcome, ctx)));
    }

    /// What was asked for, with the printer's defaults where nothing was.
    fn options(&self, job: &Job) -> Options {
        job.options.or(&self.begin.printer.defaults)
    }

    pub(super) fn tag(&self, job: &Job) -> JobTag {
        let extension = job.documents.first().map_or("prn", |document| document.format.extension());
        let closes = match self.traffic.as_ref().map(Traffic::final_word) {
            Some(FinalWord::Silence) => Confirmation::Silence,
            Some(FinalWord::Close) | None => Confirmation::Close,
        };
        let options = self.options(job);
        let tag_of =
            |document: &DocumentRef| DocumentTag { format: document.format.clone(), bytes: document.bytes };
        JobTag {
            id: job.id,
            created_at: job.created_at,
            accepted: job.accepted,
            attempt: (job.attempts, job.bound.as_ref().map(|bound| bound.generation).unwrap_or_default()),
            title: job.title.clone(),
            user: job.submitter.user.clone(),
            handle: job.device_job_id.clone(),
            extension,
            documents: job.documents.iter().map(tag_of).collect(),
            bytes_total: job.bytes_total().saturating_mul(u64::from(options.copies())),
            options,
            closes,
        }
    }

    pub(super) fn parts_of(&self, job: &Job) -> Vec<Part> {
        let part = |document: &DocumentRef| {
            let (documents, id, place) = (self.begin.parts.documents.clone(), document.id, document.place);
            Part {
                open: Box::new(move || documents.open(id, place)),
                bytes: document.bytes,
                crc: document.crc,
            }
        };
        job.documents.iter().map(part).collect()
    }

    pub(super) fn shut(&mut self, generation: Generation, ctx: &mut Context<Self>) {
        let running = self.begin.lane.attempt().clone();
        let Some((_, running)) = running.filter(|(attempt, _)| *attempt == generation) else { return };
        self.begin.parts.pool.take_back(&running);
        if running.shut() == Shut::Done {
            let later = futures_util::future::ready(());
            ctx.spawn(later.into_actor(self).map(move |(), act, ctx| {
                act.step(Input::ConnectionShut(generation), ctx);
            }));
        }
    }

    /// Takes what the device has said of the job, and hears the outcome of the last attempt, where it is there
    /// and not heard yet. It stays in its slot: should this manager fail before it is durable, the next one
    /// believes it.
    pub(super) fn take_report(&mut self, ctx: &mut Context<Self>) {
        if self.traffic.is_none() {
            // It belongs to a former life, which waits for it.
            return;
        }
        let said = |(generation, running): &(Generation, Running)| Some((*generation, running.take_news()?));
        let news = self.begin.lane.attempt().as_ref().and_then(said);
        if let Some((generation, (news, progress))) = news {
            failpoint::hit("traffic-before-news");
            // It tells what came before what: beats come another way, and may be late.
            self.step(Input::Timer(Some(progress)), ctx);
            self.step(Input::News(generation, news), ctx);
        }
        let heard = self.heard;
        let report = |(generation, running): &(Generation, Running)| {
            let outcome = running.report().filter(|_| heard != Some(*generation))?;
            Some((*generation, outcome))
        };
        let reported = self.begin.lane.attempt().as_ref().and_then(report);
        if let Some((generation, outcome)) = reported {
            self.heard = Some(generation);
            self.ended(generation, outcome, ctx);
        }
    }

    pub(super) fn ended(&mut self, generation: Generation, outcome: Outcome, ctx: &mut Context<Self>) {
        failpoint::hit("traffic-before-end");
        log::debug!(printer = self.name(), generation = generation.0, outcome:?; "attempt ended");
        let end = thread_watcher::End { printer: self.begin.printer.id, generation };
        if self.begin.parts.watcher.try_send(end).is_err() {
            log::warn!(printer = self.name(); "the thread watcher takes no messages");
        }
        self.step(Input::Report(generation, outcome), ctx);
    }

    pub(super) fn ask(&mut self, job: &Job, ctx: &mut Context<Self>) {
        let (tag, target) = (self.tag(job), self.target.clone());
        let ask = async move {
            match target {
                Ok(target) => target.ask(&tag).await,
                Err(_) => Answer::CannotTell,
            }
        };
        ctx.spawn(ask.into_actor(self).map(|answer, act, ctx| act.step(Input::Answered(answer), ctx)));
    }

    pub(super) fn cancel_at_device(&mut self, job: &Job, ctx: &mut Context<Self>) {
        let (tag, target, id) = (self.tag(job), self.target.clone(), job.id);
        let cancel = async move {
            match target {
                Ok(target) => target.cancel(&tag).await,
                Err(why) => Err(CancelFailed::NotReady(why)),
            }
        };
        ctx.spawn(cancel.into_actor(self).map(move |answer, act, ctx| {
            if let Err(why) = &answer {
                log::info!(printer = act.name(), job = id.0, why:?; "the device did not take the cancellation");
            }
            act.step(Input::CancelAnswered(id, answer), ctx);
        }));
    }

    pub(super) fn progress(&self) -> Option<Progress> {
        let generation = self.traffic.as_ref()?.generation();
        let beat = self.begin.parts.board.beat(self.begin.printer.id, generation)?;
        Some(Progress { bytes: beat.bytes, stage: beat.stage })
    }
}
