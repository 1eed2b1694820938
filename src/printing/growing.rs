//! A document that is sent while it still arrives. Its last piece leaves only when its job is accepted: until then
//! the device cannot have it whole, and letting go of the link resets it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use super::{CHUNK_BYTES, Failure, Sender, end};
use crate::device::{JobTag, Link, LinkError, Pulse};
use crate::failpoint;
use crate::model::liveness::Stage;
use crate::model::outcome::Outcome;
use crate::model::retry::{Broken, Whole};
use crate::model::stream::waits_on;
use crate::store::documents::{Finished, Grown, Growth};

/// How many bytes are handed over at once from memory.
const PIECE_BYTES_MAX: usize = 4 * CHUNK_BYTES;
/// How long more bytes are waited for without a look at the device.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Sends a document as it grows, once. The link is gone when this returns, as after [`super::run`].
pub fn run_growing(mut link: Box<dyn Link>, tag: &JobTag, growth: &Growth, pulse: &mut dyn Pulse) -> Outcome {
    pulse.stage(Stage::Sending);
    let mut sender = Sender { link: &mut *link, pulse, handed: 0, buffer: Vec::new() };
    let sent = sender.begin(tag, &[]).and_then(|()| sender.send_growing(growth));
    let handed = sender.handed;
    end(link, sent, handed, pulse)
}

/// What is handed over next: so many bytes at most, and whether these are the last.
struct Piece {
    most: usize,
    last: Option<Finished>,
}

impl Sender<'_> {
    fn send_growing(&mut self, growth: &Growth) -> Result<(), Failure> {
        let (mut body, mut crc, mut waited) = (None, 0, Duration::ZERO);
        loop {
            let Piece { most, last } = self.next_piece(growth, &mut waited)?;
            self.pulse.stage(Stage::Sending);
            let recent = growth.recent(self.handed);
            let bytes = match &recent {
                Some(recent) => &recent[..recent.len().min(most)],
                None => {
                    self.buffer.resize(most.min(CHUNK_BYTES), 0);
                    let read = read(growth, &mut body, &mut self.buffer, self.handed);
                    read.map_err(|error| Failure::Damaged(format!("the document cannot be read: {error}")))?;
                    &self.buffer
                }
            };
            let last = last.filter(|_| bytes.len() == most);
            crc = crc32c::crc32c_append(crc, bytes);
            if last.is_some_and(|finished| finished.crc != crc) {
                return Err(Failure::Damaged("the document does not match its checksum".to_owned()));
            }
            if !bytes.is_empty() {
                self.handed += bytes.len() as u64;
                self.link.write(bytes, self.pulse)?;
            }
            if last.is_some() {
                return Ok(());
            }
            failpoint::hit("print-growing");
        }
    }

    /// Waits for a piece that may leave: as long as the job is not accepted, one that others follow.
    fn next_piece(&mut self, growth: &Growth, waited: &mut Duration) -> Result<Piece, Failure> {
        let beyond = self.handed + CHUNK_BYTES as u64;
        loop {
            match growth.look(beyond, LOOK_EVERY) {
                Grown::Never(why) => return Err(Failure::Interrupted(why)),
                Grown::SoFar(written) if written > beyond => {
                    let follows = usize::try_from(written - self.handed - 1).unwrap_or(PIECE_BYTES_MAX);
                    let most = follows.min(PIECE_BYTES_MAX) / CHUNK_BYTES * CHUNK_BYTES;
                    return Ok(Piece { most, last: None });
                }
                Grown::SoFar(_) => self.wait_on(waited)?,
                Grown::Accepted(finished) => {
                    let left = finished.bytes.saturating_sub(self.handed);
                    let most = usize::try_from(left).unwrap_or(PIECE_BYTES_MAX).min(PIECE_BYTES_MAX);
                    return Ok(Piece { most, last: Some(finished).filter(|_| left == most as u64) });
                }
            }
        }
    }

    fn wait_on(&mut self, waited: &mut Duration) -> Result<(), Failure> {
        *waited += LOOK_EVERY;
        if !waits_on(*waited, self.handed) {
            return Err(LinkError::Broken(Broken::UploadSlow, Whole::No).into());
        }
        self.pulse.stage(Stage::AwaitingData);
        Ok(self.link.idle(self.handed, self.pulse)?)
    }
}

/// Reads what stands at `offset`; the file is there when its first bytes are.
fn read(growth: &Growth, body: &mut Option<File>, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let file = match body {
        Some(file) => file,
        none => none.insert(growth.open()?),
    };
    file.read_exact_at(buffer, offset)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender as Tell, channel};
    use std::sync::{Arc, Mutex};
    use std::thread;

    use super::*;
    use crate::device::{Shutter, Stop};
    use crate::model::id::DocumentId;
    use crate::model::job::{DoneHow, Interruption};
    use crate::model::news::News;
    use crate::store::documents::{Documents, SmallBodies};

    const BYTES: usize = 5 * CHUNK_BYTES + 100;

    struct NoSmall;

    impl SmallBodies for NoSmall {
        fn read(&self, _: DocumentId) -> io::Result<Option<Vec<u8>>> {
            Ok(None)
        }
    }

    /// Counts what it is given, and whether it was ended in order.
    #[derive(Clone, Default)]
    struct Printer(Arc<Mutex<(usize, bool)>>);

    impl Link for Printer {
        fn shutter(&self) -> Option<Arc<dyn Shutter>> {
            None
        }
        fn begin(&mut self, _: &JobTag, _: &mut dyn Pulse) -> Result<(), LinkError> {
            Ok(())
        }
        fn write(&mut self, bytes: &[u8], _: &mut dyn Pulse) -> Result<(), LinkError> {
            self.0.lock().unwrap().0 += bytes.len();
            Ok(())
        }
        fn finish(self: Box<Self>, _: &mut dyn Pulse) -> Result<DoneHow, LinkError> {
            self.0.lock().unwrap().1 = true;
            Ok(DoneHow::Drained)
        }
    }

    /// Tells when there is nothing more to send.
    struct Waiting(Tell<()>);

    impl Pulse for Waiting {
        fn beat(&mut self, _: u64) -> Result<(), Stop> {
            Ok(())
        }
        fn stage(&mut self, stage: Stage) {
            if stage == Stage::AwaitingData {
                let _ = self.0.send(());
            }
        }
        fn protect(&mut self, _: Duration) {}
        fn news(&mut self, _: News) {}
    }

    fn tag() -> JobTag {
        use crate::device::Confirmation;
        let job = crate::model::fixtures::job(1);
        JobTag {
            id: job.id,
            created_at: job.created_at,
            accepted: job.accepted,
            attempt: (1, Default::default()),
            title: job.title,
            user: job.submitter.user,
            handle: None,
            extension: "prn",
            documents: Vec::new(),
            options: job.options,
            bytes_total: 0,
            closes: Confirmation::Close,
        }
    }

    /// All of the document is on disk and not accepted; what is then made of it, and what the printer has got
    /// before and after that.
    fn sent(then: impl FnOnce(&Growth, Finished)) -> (usize, (usize, bool), Outcome) {
        let home = tempfile::tempdir().unwrap();
        let documents = Documents::new(home.path().to_owned(), Arc::new(NoSmall)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut upload = documents.begin(DocumentId(1));
        let growth = upload.growth().clone();
        let finished = runtime.block_on(async {
            upload.write(vec![7; BYTES].into()).await.unwrap();
            upload.finish().await.unwrap()
        });
        let printer = Printer::default();
        let (tell, waits): (_, Receiver<()>) = channel();
        thread::scope(|scope| {
            let sending =
                scope.spawn(|| run_growing(Box::new(printer.clone()), &tag(), &growth, &mut Waiting(tell)));
            waits.recv().unwrap();
            let before = printer.0.lock().unwrap().0;
            then(&growth, finished);
            let outcome = sending.join().unwrap();
            let after = *printer.0.lock().unwrap();
            (before, after, outcome)
        })
    }

    #[test]
    fn the_last_piece_leaves_when_the_job_is_accepted_and_not_before() {
        let (before, after, outcome) = sent(|growth, finished| growth.accept(finished));
        assert!(before > 0 && before < BYTES, "{before}");
        assert_eq!(after, (BYTES, true));
        assert_eq!(outcome, Outcome::Done { how: DoneHow::Drained, bytes: BYTES as u64 });
    }

    /// Some of it comes from memory and some from its file, in pieces that begin and end anywhere: the checksum tells.
    #[test]
    fn a_document_that_is_read_while_it_is_written_is_whole() {
        const CHUNK: usize = 300_001;
        const CHUNKS: u8 = 8;
        let home = tempfile::tempdir().unwrap();
        let documents = Documents::new(home.path().to_owned(), Arc::new(NoSmall)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut upload = documents.begin(DocumentId(1));
        let growth = upload.growth().clone();
        let printer = Printer::default();
        let (tell, waits): (_, Receiver<()>) = channel();
        let outcome = thread::scope(|scope| {
            let sending =
                scope.spawn(|| run_growing(Box::new(printer.clone()), &tag(), &growth, &mut Waiting(tell)));
            let finished = runtime.block_on(async {
                for n in 0..CHUNKS {
                    upload.write(vec![n; CHUNK].into()).await.unwrap();
                    // Now and then he is close behind, and now and then not.
                    if n % 4 < 2 {
                        waits.recv().unwrap();
                    }
                }
                // The last piece is in two chunks then.
                upload.write(vec![7; 100].into()).await.unwrap();
                upload.finish().await.unwrap()
            });
            waits.recv().unwrap();
            growth.accept(finished);
            sending.join().unwrap()
        });
        let bytes = u64::from(CHUNKS) * CHUNK as u64 + 100;
        assert_eq!(outcome, Outcome::Done { how: DoneHow::Drained, bytes });
    }

    #[test]
    fn a_document_that_is_given_up_or_damaged_never_ends_in_order() {
        let (before, after, outcome) = sent(|growth, _| growth.give_up(Interruption::NotAccepted));
        assert_eq!(after, (before, false));
        let (why, bytes) = (Interruption::NotAccepted, before as u64);
        assert_eq!(outcome, Outcome::Incomplete { why, bytes });

        let wrong = |finished: Finished| Finished { crc: !finished.crc, ..finished };
        let (_, after, outcome) = sent(|growth, finished| growth.accept(wrong(finished)));
        assert!(after.0 < BYTES && !after.1, "{after:?}");
        assert!(matches!(outcome, Outcome::Document(_)), "{outcome:?}");
    }
}
