use super::queues::Turn;
use super::*;
use crate::model::commit::Remove;
use crate::model::fixtures::name;
use crate::model::id::PoolId;
use crate::model::printer::{Origin, Reroute};

fn printer(text: &str, id: u32, origin: Origin) -> Printer {
    Printer::new(PrinterId(id), name(text), "sim:".to_owned(), origin)
}

fn pool(text: &str, id: u32, members: &[u32], origin: Origin) -> Pool {
    let members = members.iter().map(|id| PrinterId(*id)).collect();
    let policy = PoolPolicy::default();
    Pool { id: PoolId(id), name: name(text), members, policy, origin, accepting: true }
}

fn draft(text: &str, members: &[&str]) -> PoolDraft {
    let members = members.iter().map(|member| name(member)).collect();
    PoolDraft { name: name(text), members, policy: PoolPolicy::default() }
}

fn wanted(printers: &[&str], pools: Vec<PoolDraft>) -> Wanted {
    let printers = printers.iter().map(|name| printer(name, 0, Origin::File)).collect();
    Wanted { printers, pools, default: None, files_uri: "file:/x".to_owned() }
}

/// A fleet, and a store that takes everything but what it is told to refuse.
struct Desk {
    fleet: Fleet,
    /// Queues with jobs.
    busy: Vec<QueueId>,
    commits: Vec<Commit>,
    last: u64,
}

impl Desk {
    fn new(printers: Vec<Printer>, pools: Vec<Pool>) -> Desk {
        let numbers = Numbers { printer: printers.len() as u32 + 1, pool: pools.len() as u32 + 1 };
        let fleet = Fleet::new(Queues::new(printers, pools, numbers), "s".to_owned());
        Desk { fleet, busy: Vec::new(), commits: Vec::new(), last: 0 }
    }

    /// Carries a request out to its answer.
    fn ask(&mut self, input: impl FnOnce(Ticket) -> Input) -> Result<Reply, Refusal> {
        self.last += 1;
        let mut effects: VecDeque<Effect> = self.fleet.step(input(Ticket(self.last))).into();
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Commit { ticket, commit } => {
                    let removed = commit.remove.iter().filter_map(|remove| match remove {
                        Remove::Printer(id) => Some(QueueId::Printer(*id)),
                        Remove::Pool(id) => Some(QueueId::Pool(*id)),
                        _ => None,
                    });
                    let busy = removed.into_iter().find(|queue| self.busy.contains(queue));
                    effects.extend(self.fleet.step(match busy {
                        Some(queue) => Input::CommitFailed(ticket, CommitError::HasJobs { queue, jobs: 1 }),
                        None => {
                            self.commits.push(*commit);
                            Input::Committed(ticket)
                        }
                    }));
                }
                Effect::Reply(_, reply) => return reply,
                _ => {}
            }
        }
        panic!("no answer")
    }

    fn provision(&mut self, wanted: Wanted) -> Provisioned {
        match self.ask(|ticket| Input::Provision(ticket, Box::new(wanted))) {
            Ok(Reply::Provisioned(told)) => told,
            other => panic!("{other:?}"),
        }
    }

    fn printers(&self) -> Vec<(String, u32)> {
        let directory = self.fleet.directory();
        directory.printers.iter().map(|printer| (printer.name.to_string(), printer.id.0)).collect()
    }

    fn pool(&self, text: &str) -> Pool {
        let directory = self.fleet.directory();
        (**directory.pool(&name(text)).expect("the pool is there")).clone()
    }

    fn members(&self, text: &str) -> Vec<u32> {
        self.pool(text).members.iter().map(|id| id.0).collect()
    }
}

fn list(names: &[(&str, u32)]) -> Vec<(String, u32)> {
    names.iter().map(|(name, id)| ((*name).to_owned(), *id)).collect()
}

#[test]
fn where_nobody_names_a_printer_there_is_one_that_writes_files() {
    let mut desk = Desk::new(Vec::new(), Vec::new());
    desk.provision(wanted(&[], Vec::new()));
    assert_eq!(desk.printers(), list(&[("files", 1)]));
    assert_eq!(desk.commits.len(), 1);
    // And the next start changes nothing.
    desk.provision(wanted(&[], Vec::new()));
    assert_eq!(desk.commits.len(), 1);
}

#[test]
fn a_printer_keeps_its_number_and_its_switches_while_its_name_stays() {
    let old = Printer { paused: true, accepting: false, ..printer("office", 1, Origin::File) };
    let mut desk = Desk::new(vec![old], Vec::new());
    let mut wanted = wanted(&["office"], Vec::new());
    wanted.printers[0].info = "new".to_owned();
    let told = desk.provision(wanted);
    assert_eq!(told.fates.iter().map(|fate| fate.what).collect::<Vec<_>>(), [Turn::Changed]);
    let printer = desk.fleet.directory().printers[0].clone();
    assert_eq!((printer.id.0, printer.paused, printer.accepting), (1, true, false));
    assert_eq!(printer.info, "new");
}

#[test]
fn what_is_gone_from_the_file_goes_unless_it_has_jobs() {
    let printers = vec![printer("empty", 1, Origin::File), printer("busy", 2, Origin::File)];
    let pools = vec![pool("idle", 1, &[1], Origin::File), pool("full", 2, &[1, 2], Origin::File)];
    let mut desk = Desk::new(printers, pools);
    desk.busy = vec![QueueId::Printer(PrinterId(2)), QueueId::Pool(PoolId(2))];
    let told = desk.provision(wanted(&["other"], Vec::new()));
    let fate = |text: &str| told.fates.iter().find(|fate| fate.name == name(text)).map(|fate| fate.what);
    assert_eq!((fate("empty"), fate("busy")), (Some(Turn::Removed), Some(Turn::Orphaned)));
    assert_eq!((fate("idle"), fate("full")), (Some(Turn::Removed), Some(Turn::Orphaned)));
    assert_eq!(told.fates.iter().filter(|fate| fate.name == name("other")).count(), 1);
    let directory = desk.fleet.directory();
    let busy = directory.printer(&name("busy")).expect("it stays");
    assert_eq!((busy.origin, busy.accepting), (Origin::Api, false));
    let full = desk.pool("full");
    assert_eq!((full.origin, full.accepting, desk.members("full")), (Origin::Api, false, vec![2]));
    // Back in the file it takes jobs again, under its old number.
    desk.provision(wanted(&["other", "busy"], vec![draft("full", &["busy"])]));
    let full = desk.pool("full");
    assert_eq!((full.id, full.origin, full.accepting), (PoolId(2), Origin::File, true));
}

#[test]
fn pools_are_provisioned_with_numbers_that_are_never_given_again() {
    let mut desk = Desk::new(Vec::new(), Vec::new());
    let both = || wanted(&["a", "b"], vec![draft("p", &["b", "a"])]);
    desk.provision(both());
    assert_eq!((desk.pool("p").id, desk.members("p")), (PoolId(1), vec![2, 1]));
    let numbers = (Numbers::POOLS_SETTING.to_owned(), 2u32.to_be_bytes().to_vec());
    assert!(desk.commits.iter().any(|commit| commit.settings.contains(&numbers)));
    desk.provision(wanted(&["a", "b"], Vec::new()));
    desk.provision(both());
    assert_eq!(desk.pool("p").id, PoolId(2));
}

#[test]
fn a_pool_whose_member_vanished_keeps_the_rest_and_says_so() {
    let mut desk = Desk::new(vec![printer("hand", 1, Origin::Api)], Vec::new());
    let told = desk.provision(wanted(&["a"], vec![draft("p", &["a", "hand", "gone"])]));
    assert_eq!(desk.members("p"), [2, 1]);
    let missing = Complaint::UnknownMember { pool: name("p"), member: name("gone") };
    assert_eq!(told.complaints, [missing]);
    // A pool that was added by hand loses a printer of the file.
    desk.ask(|ticket| Input::AddPool(ticket, draft("mine", &["a", "hand"]))).unwrap();
    let told = desk.provision(wanted(&[], Vec::new()));
    assert_eq!(desk.members("mine"), [1]);
    assert_eq!(told.complaints, [Complaint::UnknownMember { pool: name("mine"), member: name("a") }]);
}

#[test]
fn names_that_stand_for_nothing_are_told_and_names_that_are_taken_left_out() {
    let stored = vec![printer("hand", 1, Origin::Api)];
    let mut desk = Desk::new(stored, vec![pool("mine", 1, &[1], Origin::Api)]);
    let mut wanted = wanted(&["a", "mine"], vec![draft("hand", &["a"])]);
    wanted.default = Some(name("nobody"));
    wanted.printers[0].reroute = Reroute::To(name("nowhere"));
    let told = desk.provision(wanted);
    let complaints = [
        Complaint::NameTaken { kind: "printer", name: name("mine") },
        Complaint::NameTaken { kind: "pool", name: name("hand") },
        Complaint::UnknownDefault(name("nobody")),
        Complaint::UnknownReroute { printer: name("a"), queue: name("nowhere") },
    ];
    assert_eq!(told.complaints, complaints);
    assert_eq!(desk.printers(), list(&[("a", 2), ("hand", 1)]));
    // A printer that was added over HTTP is as good a default as any.
    let mut wanted = Wanted { default: Some(name("hand")), ..Wanted::default() };
    wanted.printers = vec![Printer { reroute: Reroute::To(name("hand")), ..printer("a", 0, Origin::File) }];
    assert_eq!(desk.provision(wanted).complaints, []);
    assert_eq!(desk.fleet.directory().default, Some(name("hand")));
}

#[test]
fn a_large_configuration_is_applied_in_commits_that_fit() {
    let names: Vec<String> = (0..100).map(|n| format!("p{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut desk = Desk::new(Vec::new(), Vec::new());
    desk.provision(wanted(&names, vec![draft("all", &names)]));
    assert_eq!((desk.printers().len(), desk.members("all").len()), (100, 100));
    assert!(desk.commits.iter().all(|commit| commit.printers.len() + commit.pools.len() <= CHANGES_EACH));
}

#[test]
fn a_failed_commit_leaves_the_fleet_as_it_was() {
    let mut desk = Desk::new(vec![printer("a", 1, Origin::Api)], Vec::new());
    let before = desk.fleet.directory();
    desk.fleet.step(Input::Add(Ticket(1), Box::new(printer("b", 0, Origin::Api))));
    let fx = desk.fleet.step(Input::CommitFailed(Ticket(1), CommitError::Full));
    assert!(matches!(&fx[..], [Effect::Reply(Ticket(1), Err(Refusal::Store(_)))]));
    assert_eq!(desk.fleet.directory(), before);
    assert!(!desk.fleet.is_busy());
}

#[test]
fn what_has_jobs_is_not_removed() {
    let stored = (vec![printer("a", 1, Origin::Api)], vec![pool("p", 1, &[1], Origin::Api)]);
    let mut desk = Desk::new(stored.0, stored.1);
    desk.busy = vec![QueueId::Pool(PoolId(1))];
    let remove_pool = |ticket| Input::PoolCommand(ticket, name("p"), PoolCommand::Remove);
    assert_eq!(desk.ask(remove_pool), Err(Refusal::HasJobs { name: name("p"), jobs: 1 }));
    let remove = |ticket| Input::Command(ticket, name("a"), PrinterCommand::Remove);
    assert_eq!(desk.ask(remove), Err(Refusal::InPools { name: name("a"), pools: vec![name("p")] }));
    desk.busy = vec![QueueId::Printer(PrinterId(1))];
    assert_eq!(desk.ask(remove_pool), Ok(Reply::Removed));
    assert_eq!(desk.ask(remove), Err(Refusal::HasJobs { name: name("a"), jobs: 1 }));
    desk.busy.clear();
    assert_eq!(desk.ask(remove), Ok(Reply::Removed));
}

#[test]
fn pools_are_made_and_changed_only_of_printers_that_are_there() {
    let printers = vec![printer("a", 1, Origin::File), printer("b", 2, Origin::Api)];
    let mut desk = Desk::new(printers, vec![pool("file", 1, &[1], Origin::File)]);
    let refused = [
        (draft("p", &["a", "nobody"]), "unknown_printer"),
        (draft("p", &[]), "bad_pool"),
        (draft("p", &["a", "a"]), "bad_pool"),
        (draft("a", &["b"]), "name_taken"),
        (draft("file", &["b"]), "name_taken"),
    ];
    for (wanted, code) in refused {
        let refusal = desk.ask(|ticket| Input::AddPool(ticket, wanted.clone())).unwrap_err();
        assert_eq!(refusal.code(), code, "{wanted:?}");
    }
    assert!(desk.commits.is_empty(), "a refused request wrote something");
    desk.ask(|ticket| Input::AddPool(ticket, draft("p", &["a", "b"]))).unwrap();
    let set = PoolCommand::Set { members: Some(vec![name("b")]), policy: Some(PoolPolicy::RoundRobin) };
    desk.ask(|ticket| Input::PoolCommand(ticket, name("p"), set.clone())).unwrap();
    assert_eq!((desk.members("p"), desk.pool("p").policy), (vec![2], PoolPolicy::RoundRobin));
    let read_only = desk.ask(|ticket| Input::PoolCommand(ticket, name("file"), set)).unwrap_err();
    assert_eq!(read_only.code(), "read_only");
    desk.ask(|ticket| Input::PoolCommand(ticket, name("file"), PoolCommand::Reject)).unwrap();
    assert!(!desk.pool("file").accepting);
}
