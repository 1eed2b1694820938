//! What the device manager decides: which printers there are, and whose traffic manager runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::commit::{Commit, CommitError, Remove};
use super::directory::Directory;
use super::id::{PrinterId, QueueId, QueueName};
use super::intake::Refusal;
use super::pool::Pool;
use super::printer::{Origin, Printer};
use super::queue::QueueCounts;
use super::traffic::Beginning;

/// A request under way; the shell knows who waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The setting that holds the first printer number never given.
pub const NUMBERS_SETTING: &str = "printer-numbers";
/// The most printers one server keeps.
pub const PRINTERS_MAX: usize = 100_000;

/// What an administrator may do with a printer.
#[derive(Clone, Debug, PartialEq)]
pub enum PrinterCommand {
    Pause,
    Resume,
    Accept,
    Reject,
    Remove,
    /// Replaces everything that can be set; number, name and origin stay.
    Set(Box<Printer>),
}

/// What the device manager is told.
#[derive(Clone, Debug)]
pub enum Input {
    /// The draft's number is ignored.
    Add(Ticket, Box<Printer>),
    /// With how much is queued for that printer now.
    Command(Ticket, QueueName, PrinterCommand, QueueCounts),
    Committed(Ticket),
    CommitFailed(Ticket, CommitError),
    /// A traffic manager has ended without being asked.
    TrafficDied(PrinterId),
    Stop,
}

/// What the device manager wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// `then` is done after Ok and never before; the ticket hears how it went.
    Commit {
        ticket: Ticket,
        commit: Box<Commit>,
        then: Vec<Effect>,
    },
    StartTraffic(Arc<Printer>, Beginning),
    StopTraffic(PrinterId),
    /// The settings of a running printer have changed.
    TellTraffic(Arc<Printer>),
    /// The directory has changed.
    Publish(Arc<Directory>),
    Reply(Ticket, Result<Option<Arc<Printer>>, Refusal>),
}

/// The decisions about printers.
#[derive(Debug)]
pub struct Fleet {
    printers: BTreeMap<PrinterId, Arc<Printer>>,
    pools: Vec<Arc<Pool>>,
    /// The default that the configuration names.
    default: Option<QueueName>,
    server: String,
    next_id: u32,
    /// What becomes true when the commit of a ticket is durable.
    pending: BTreeMap<Ticket, Change>,
    stopping: Stopping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopping {
    No,
    Yes,
}

#[derive(Clone, Debug)]
enum Change {
    Put(Arc<Printer>),
    Remove(PrinterId),
}

impl Fleet {
    /// `printers` and `pools` as the store has them after provisioning.
    pub fn new(
        printers: Vec<Printer>,
        pools: Vec<Pool>,
        default: Option<QueueName>,
        server: String,
        next_id: u32,
    ) -> Fleet {
        Fleet {
            printers: printers.into_iter().map(|printer| (printer.id, Arc::new(printer))).collect(),
            pools: pools.into_iter().map(Arc::new).collect(),
            default,
            server,
            next_id,
            pending: BTreeMap::new(),
            stopping: Stopping::No,
        }
    }

    /// Everything that runs at the start.
    pub fn begin(&self) -> Vec<Effect> {
        let start = |printer: &Arc<Printer>| Effect::StartTraffic(printer.clone(), Beginning::ServerStart);
        let publish = Effect::Publish(self.directory());
        std::iter::once(publish).chain(self.printers.values().map(start)).collect()
    }

    /// The default is what the configuration names; else the only printer there is, if there is just one.
    pub fn directory(&self) -> Arc<Directory> {
        let mut printers: Vec<Arc<Printer>> = self.printers.values().cloned().collect();
        printers.sort_by(|a, b| a.name.cmp(&b.name));
        let default = self.default.clone().or_else(|| match (&printers[..], &self.pools[..]) {
            ([only], []) => Some(only.name.clone()),
            _ => None,
        });
        Arc::new(Directory { printers, pools: self.pools.clone(), default, server: self.server.clone() })
    }

    pub fn step(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Add(ticket, draft) => self.add(ticket, *draft),
            Input::Command(ticket, name, command, counts) => self.command(ticket, &name, command, counts),
            Input::Committed(ticket) => {
                self.pending.remove(&ticket);
                Vec::new()
            }
            Input::CommitFailed(ticket, error) => self.take_back(ticket, &error),
            Input::TrafficDied(id) => match (self.printers.get(&id), self.stopping) {
                (Some(printer), Stopping::No) => {
                    vec![Effect::StartTraffic(printer.clone(), Beginning::ManagerPanic)]
                }
                _ => Vec::new(),
            },
            Input::Stop => {
                self.stopping = Stopping::Yes;
                self.printers.keys().map(|id| Effect::StopTraffic(*id)).collect()
            }
        }
    }

    fn add(&mut self, ticket: Ticket, mut draft: Printer) -> Vec<Effect> {
        if let Err(refusal) = self.free_name(&draft.name) {
            return vec![Effect::Reply(ticket, Err(refusal))];
        }
        draft.id = PrinterId(self.next_id);
        self.next_id += 1;
        let printer = Arc::new(draft);
        let commit = Commit {
            printers: vec![(*printer).clone()],
            settings: vec![(NUMBERS_SETTING.to_owned(), self.next_id.to_be_bytes().to_vec())],
            ..Commit::default()
        };
        let start = Effect::StartTraffic(printer.clone(), Beginning::ServerStart);
        self.put(ticket, printer, commit, start)
    }

    fn free_name(&self, name: &QueueName) -> Result<(), Refusal> {
        if self.stopping == Stopping::Yes {
            return Err(Refusal::Stopping);
        }
        if self.directory().queue(name).is_some() {
            return Err(Refusal::NameTaken(name.clone()));
        }
        if self.printers.len() >= PRINTERS_MAX {
            let why = format!("there are {PRINTERS_MAX} printers already, which is the limit");
            return Err(Refusal::BadPrinter { key: "name".to_owned(), why });
        }
        Ok(())
    }

    fn command(
        &mut self,
        ticket: Ticket,
        name: &QueueName,
        command: PrinterCommand,
        counts: QueueCounts,
    ) -> Vec<Effect> {
        let refuse = |refusal| vec![Effect::Reply(ticket, Err(refusal))];
        let Some(old) = self.printers.values().find(|printer| printer.name == *name).cloned() else {
            return refuse(Refusal::NoSuchPrinter(name.clone()));
        };
        let mut new = (*old).clone();
        match command {
            PrinterCommand::Pause => new.paused = true,
            PrinterCommand::Resume => new.paused = false,
            PrinterCommand::Accept => new.accepting = true,
            PrinterCommand::Reject => new.accepting = false,
            PrinterCommand::Remove | PrinterCommand::Set(_) if old.origin == Origin::File => {
                return refuse(Refusal::ReadOnly(name.clone()));
            }
            PrinterCommand::Remove => return self.remove(ticket, &old, counts),
            PrinterCommand::Set(wanted) => {
                let Printer { id, name, origin, paused, accepting, .. } = new;
                new = Printer { id, name, origin, paused, accepting, ..*wanted };
            }
        }
        if new == *old {
            return vec![Effect::Reply(ticket, Ok(Some(old)))];
        }
        let new = Arc::new(new);
        let commit = Commit { printers: vec![(*new).clone()], ..Commit::default() };
        let apply = Effect::TellTraffic(new.clone());
        self.put(ticket, new, commit, apply)
    }

    /// Takes the printer in at once, so that two requests cannot take one name, and takes it back if the
    /// store does.
    fn put(&mut self, ticket: Ticket, printer: Arc<Printer>, commit: Commit, apply: Effect) -> Vec<Effect> {
        let before = self.printers.insert(printer.id, printer.clone());
        let back = before.map_or(Change::Remove(printer.id), Change::Put);
        self.pending.insert(ticket, back);
        let publish = Effect::Publish(self.directory());
        let then = vec![publish, apply, Effect::Reply(ticket, Ok(Some(printer)))];
        vec![Effect::Commit { ticket, commit: Box::new(commit), then }]
    }

    fn remove(&mut self, ticket: Ticket, old: &Arc<Printer>, counts: QueueCounts) -> Vec<Effect> {
        let jobs = counts.jobs + counts.held;
        if jobs > 0 {
            let refusal = Refusal::HasJobs { name: old.name.clone(), jobs };
            return vec![Effect::Reply(ticket, Err(refusal))];
        }
        self.printers.remove(&old.id);
        self.pending.insert(ticket, Change::Put(old.clone()));
        let commit = Box::new(Commit { remove: vec![Remove::Printer(old.id)], ..Commit::default() });
        let then = vec![
            Effect::StopTraffic(old.id),
            Effect::Publish(self.directory()),
            Effect::Reply(ticket, Ok(None)),
        ];
        vec![Effect::Commit { ticket, commit, then }]
    }

    /// The store did not take it: everything is as before.
    fn take_back(&mut self, ticket: Ticket, error: &CommitError) -> Vec<Effect> {
        match self.pending.remove(&ticket) {
            Some(Change::Put(printer)) => {
                self.printers.insert(printer.id, printer);
            }
            Some(Change::Remove(id)) => {
                self.printers.remove(&id);
            }
            None => {}
        }
        vec![Effect::Reply(ticket, Err(Refusal::Store(error.to_string())))]
    }
}

/// What provisioning changes in the store at the start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provision {
    pub printers: Vec<Printer>,
    pub commit: Commit,
    pub next_id: u32,
    /// Printers that are no longer in the file and still have jobs: they stay and take no new ones.
    pub orphans: Vec<QueueName>,
}

/// Brings the store's printers in line with the file's. A printer keeps its number, and whether it is
/// paused or takes jobs, as long as its name stays. `files_uri`: where the built-in printer writes, which
/// stands in where nobody names a printer.
pub fn provision(
    stored: Vec<Printer>,
    wanted: &[Printer],
    next_id: u32,
    files_uri: &str,
    has_jobs: impl Fn(QueueId) -> bool,
) -> Provision {
    let mut out = Provision { next_id, ..Provision::default() };
    let mut stored: BTreeMap<QueueName, Printer> =
        stored.into_iter().map(|printer| (printer.name.clone(), printer)).collect();
    for wanted in wanted {
        let old = stored.remove(&wanted.name);
        let mut new = Printer { origin: Origin::File, ..wanted.clone() };
        match &old {
            Some(old) => (new.id, new.paused, new.accepting) = (old.id, old.paused, old.accepting),
            None => new.id = out.take_id(),
        }
        out.put(new, old.as_ref());
    }
    for (name, old) in stored {
        match old.origin {
            Origin::Api | Origin::BuiltIn => out.put(old.clone(), Some(&old)),
            Origin::File if has_jobs(QueueId::Printer(old.id)) => {
                out.orphans.push(name);
                let new = Printer { origin: Origin::Api, accepting: false, ..old.clone() };
                out.put(new, Some(&old));
            }
            Origin::File => out.commit.remove.push(Remove::Printer(old.id)),
        }
    }
    if out.printers.is_empty()
        && let Ok(name) = QueueName::new("files")
    {
        let mut files = Printer::new(out.take_id(), name, files_uri.to_owned(), Origin::BuiltIn);
        files.info = "writes what it prints into files".to_owned();
        out.put(files, None);
    }
    if out.next_id != next_id {
        let number = out.next_id.to_be_bytes().to_vec();
        out.commit.settings.push((NUMBERS_SETTING.to_owned(), number));
    }
    out
}

impl Provision {
    fn take_id(&mut self) -> PrinterId {
        self.next_id += 1;
        PrinterId(self.next_id - 1)
    }

    fn put(&mut self, new: Printer, old: Option<&Printer>) {
        if old != Some(&new) {
            self.commit.printers.push(new.clone());
        }
        self.printers.push(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printer(name: &str, id: u32, origin: Origin) -> Printer {
        Printer::new(PrinterId(id), QueueName::new(name).unwrap(), "sim:".to_owned(), origin)
    }

    fn names(printers: &[Printer]) -> Vec<(&str, u32)> {
        printers.iter().map(|printer| (printer.name.as_str(), printer.id.0)).collect()
    }

    #[test]
    fn where_nobody_names_a_printer_there_is_one_that_writes_files() {
        let out = provision(Vec::new(), &[], 1, "file:/x", |_| false);
        assert_eq!(names(&out.printers), [("files", 1)]);
        assert_eq!(out.next_id, 2);
        // And the next start changes nothing.
        let again = provision(out.printers, &[], 2, "file:/x", |_| false);
        assert_eq!(again.commit, Commit::default());
    }

    #[test]
    fn a_printer_keeps_its_number_and_its_switches_while_its_name_stays() {
        let mut old = printer("office", 7, Origin::File);
        old.paused = true;
        let mut wanted = printer("office", 0, Origin::File);
        wanted.info = "new".to_owned();
        let out = provision(vec![old], &[wanted], 9, "file:/x", |_| false);
        assert_eq!(names(&out.printers), [("office", 7)]);
        assert!(out.printers[0].paused);
        assert_eq!(out.printers[0].info, "new");
    }

    #[test]
    fn a_printer_gone_from_the_file_goes_unless_it_has_jobs() {
        let stored = vec![printer("empty", 1, Origin::File), printer("busy", 2, Origin::File)];
        let wanted = [printer("other", 0, Origin::File)];
        let out = provision(stored, &wanted, 3, "file:/x", |queue| queue == QueueId::Printer(PrinterId(2)));
        assert_eq!(names(&out.printers), [("other", 3), ("busy", 2)]);
        assert_eq!(out.commit.remove, [Remove::Printer(PrinterId(1))]);
        assert!(!out.printers[1].accepting);
    }

    #[test]
    fn a_failed_commit_leaves_the_fleet_as_it_was() {
        let mut fleet = Fleet::new(vec![printer("a", 1, Origin::Api)], Vec::new(), None, "s".into(), 2);
        let before = fleet.directory();
        fleet.step(Input::Add(Ticket(1), Box::new(printer("b", 0, Origin::Api))));
        let fx = fleet.step(Input::CommitFailed(Ticket(1), CommitError::Full));
        assert!(matches!(&fx[..], [Effect::Reply(Ticket(1), Err(Refusal::Store(_)))]));
        assert_eq!(fleet.directory(), before);
    }

    #[test]
    fn a_printer_with_jobs_is_not_removed() {
        let mut fleet = Fleet::new(vec![printer("a", 1, Origin::Api)], Vec::new(), None, "s".into(), 2);
        let name = QueueName::new("a").unwrap();
        let counts = QueueCounts { jobs: 1, ..QueueCounts::default() };
        let fx = fleet.step(Input::Command(Ticket(1), name, PrinterCommand::Remove, counts));
        assert!(matches!(&fx[..], [Effect::Reply(_, Err(Refusal::HasJobs { .. }))]));
    }
}
