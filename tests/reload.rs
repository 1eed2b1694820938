//! SIGHUP: the real server reads its configuration again while it has work.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use support::client::Place;
use support::home::{Home, Life};
use support::printer::{Behaviour, FakePrinter};

/// A server with its configuration, which is written anew for each reading.
struct Desk<'h> {
    home: &'h Home,
    life: Life<'h>,
    /// What the file says besides printers and pools.
    base: String,
    readings: usize,
}

impl<'h> Desk<'h> {
    fn start(home: &'h Home, queues: &str) -> Desk<'h> {
        let base = fs::read_to_string(home.config()).unwrap();
        fs::write(home.config(), format!("{base}{queues}")).unwrap();
        Desk { home, life: home.start(), base, readings: 0 }
    }

    /// Writes the file and has it read; what the server said of it.
    fn reload(&mut self, text: &str) -> String {
        fs::write(self.home.config(), text).unwrap();
        let before = self.life.log().len();
        self.readings += 1;
        let pid = Pid::from_raw(self.life.pid() as i32).unwrap();
        kill_process(pid, Signal::HUP).unwrap();
        let readings = self.readings;
        let done = |log: &str| {
            log.matches("configuration was applied").count() + log.matches("was not applied").count()
        };
        self.life.until("the configuration is read", |life| (done(&life.log()) >= readings).then_some(()));
        self.life.log()[before..].to_owned()
    }

    fn good(&mut self, queues: &str) -> String {
        let text = format!("{}{queues}", self.base);
        let said = self.reload(&text);
        assert!(said.contains("configuration was applied"), "{said}");
        said
    }

    fn ask(&self, method: &'static str, target: &str, body: &str) -> (u16, Value) {
        let headers = [("content-type", "application/json")];
        let answer = Place::Unix(self.home.socket()).send(method, target, &headers, body.as_bytes()).unwrap();
        let json = if answer.body.is_empty() { Value::Null } else { answer.json() };
        (answer.status, json)
    }

    fn get(&self, target: &str) -> Value {
        let (status, answer) = self.ask("GET", target, "");
        assert_eq!(status, 200, "{target}: {answer}");
        answer
    }

    fn names(&self, list: &str) -> Vec<String> {
        let answer = self.get(&format!("/api/v1/{list}"));
        let names =
            answer[list].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    fn submit(&self, queue: &str) -> u64 {
        let target = format!("/api/v1/jobs?printer={queue}");
        let answer = Place::Unix(self.home.socket()).send("POST", &target, &[], b"words").unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["id"].as_u64().unwrap()
    }
}

fn printer(name: &str, uri: &str) -> String {
    format!("[[printer]]\nname = \"{name}\"\nuri = \"{uri}\"\n")
}

fn pool(name: &str, members: &[&str]) -> String {
    format!("[[pool]]\nname = \"{name}\"\nmembers = {}\n", json!(members))
}

/// A printer that is switched off: its jobs wait.
const OFF: &str = "socket://127.0.0.1:1";

#[test]
fn printers_and_pools_come_change_and_go() {
    let home = Home::new(&[]);
    let mut desk = Desk::start(&home, &format!("{}{}", printer("a", OFF), pool("p", &["a"])));
    let number = desk.get("/api/v1/printers/a")["id"].clone();
    let fake = FakePrinter::start(Behaviour::Normal);
    let queues = [printer("a", &fake.uri()), printer("b", OFF), pool("p", &["b", "a"]), pool("q", &["b"])];
    let said = desk.good(&queues.concat());
    for line in ["printer a was changed", "printer b was added", "pool p was changed", "pool q was added"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(
        (desk.names("printers"), desk.names("pools")),
        (vec!["a".into(), "b".into()], vec!["p".into(), "q".into()])
    );
    assert_eq!(desk.get("/api/v1/printers/a")["id"], number);
    assert_eq!(desk.get("/api/v1/pools/p")["members"], json!(["b", "a"]));
    assert_eq!(desk.ask("PATCH", "/api/v1/pools/p", "{}").0, 409);
    // The printer that was switched off prints at its new address.
    let job = desk.submit("a");
    desk.life.job_is(job, "completed");
    let said = desk.good(&printer("b", OFF));
    for line in ["printer a was removed", "pool p was removed", "pool q was removed"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!((desk.names("printers"), desk.names("pools")), (vec!["b".to_owned()], vec![]));
    // What was reloaded is what the next start finds.
    drop(desk.life);
    let life = home.start();
    assert_eq!(life.get("/api/v1/printers").json()["printers"][0]["name"], "b");
}

#[test]
fn a_bad_file_changes_nothing_and_every_mistake_is_told() {
    let home = Home::new(&[]);
    let mut desk = Desk::start(&home, &printer("a", OFF));
    let job = desk.submit("a");
    let before = (desk.get("/api/v1/printers"), desk.get(&format!("/api/v1/jobs/{job}"))["printer"].clone());
    let lines = desk.base.lines().count();
    let said = desk.reload(&format!("{}{}colour = 1\nshare = 'yes'\n", desk.base, printer("b", "nowhere")));
    for line in [
        format!("spool.toml:{}: printer.uri: \"nowhere\": it has no scheme", lines + 3),
        format!("spool.toml:{}: printer.colour: unknown key", lines + 4),
        format!("spool.toml:{}: printer.share: 'yes': expected true or false", lines + 5),
        "the configuration was not applied".to_owned(),
    ] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    fs::remove_file(home.config()).unwrap();
    // A file that is gone is a mistake too, and no empty one: nothing may be lost while it is being replaced.
    let after = (desk.get("/api/v1/printers"), desk.get(&format!("/api/v1/jobs/{job}"))["printer"].clone());
    assert_eq!(after.0["printers"][0]["name"], before.0["printers"][0]["name"]);
    assert_eq!(after.1, before.1);
    let (pid, seen) = (Pid::from_raw(desk.life.pid() as i32).unwrap(), desk.life.log().len());
    kill_process(pid, Signal::HUP).unwrap();
    desk.life.until("it says so", |life| life.log()[seen..].contains("was not applied").then_some(()));
    assert_eq!(desk.names("printers"), ["a"]);
    // And a good one after that is applied.
    desk.readings += 1;
    desk.good(&printer("c", OFF));
    assert_eq!(desk.names("printers"), ["a", "c"]);
}

#[test]
fn a_printer_with_jobs_that_leaves_the_file_stays_for_them() {
    let home = Home::new(&[]);
    let mut desk = Desk::start(&home, &format!("{}{}", printer("a", OFF), pool("p", &["a"])));
    let (own, shared) = (desk.submit("a"), desk.submit("p"));
    let said = desk.good(&printer("b", OFF));
    assert!(said.contains("printer a is no longer in the configuration but has jobs"), "{said}");
    assert!(said.contains("pool p is no longer in the configuration but has jobs"), "{said}");
    let a = desk.get("/api/v1/printers/a");
    assert_eq!((&a["origin"], &a["accepting"], &a["queued_jobs"]), (&json!("api"), &json!(false), &json!(1)));
    let p = desk.get("/api/v1/pools/p");
    assert_eq!((&p["origin"], &p["accepting"], &p["members"]), (&json!("api"), &json!(false), &json!(["a"])));
    // Their jobs are moved, and then they go.
    for job in [own, shared] {
        let (status, moved) = desk.ask("POST", &format!("/api/v1/jobs/{job}/move"), r#"{"printer": "b"}"#);
        assert_eq!((status, &moved["printer"]), (200, &json!("b")));
    }
    assert_eq!(desk.ask("DELETE", "/api/v1/printers/a", "").1["code"], "in_pools");
    assert_eq!(desk.ask("DELETE", "/api/v1/pools/p", "").0, 204);
    assert_eq!(desk.ask("DELETE", "/api/v1/printers/a", "").0, 204);
}

#[test]
fn a_pool_changes_while_its_jobs_wait_and_they_stay() {
    let home = Home::new(&[]);
    let mut desk = Desk::start(&home, &format!("{}{}", printer("a", OFF), pool("p", &["a"])));
    let jobs = [desk.submit("p"), desk.submit("p")];
    // A printer that was added over HTTP is a member like any other; one that nobody has is left out.
    let added = desk.ask("POST", "/api/v1/printers", &format!(r#"{{"name": "hand", "uri": "{OFF}"}}"#));
    assert_eq!(added.0, 201);
    let said = desk.good(&format!("{}{}", printer("b", OFF), pool("p", &["b", "hand", "gone"])));
    assert!(said.contains("pool p goes without its member gone"), "{said}");
    assert!(said.contains("printer a was removed"), "{said}");
    let pool = desk.get("/api/v1/pools/p");
    assert_eq!((&pool["members"], &pool["queued_jobs"]), (&json!(["b", "hand"]), &json!(2)));
    for job in jobs {
        assert_eq!(desk.get(&format!("/api/v1/jobs/{job}"))["printer"], "p");
    }
}

#[test]
fn settings_change_while_the_server_runs_or_say_that_they_need_a_restart() {
    let settings = "[retry]\nbackoff = [\"1h\", \"2h\"]\n[limits]\nfree_disk = \"1MiB\"\n";
    let home = Home::with(settings, &[]);
    let fake = FakePrinter::start(Behaviour::Normal);
    let mut desk = Desk::start(&home, &printer("a", OFF));
    let job = desk.submit("a");
    desk.life.until("it was tried in vain", |life| {
        let printer = life.get("/api/v1/printers/a").json();
        printer["next_try_at"].is_string().then_some(())
    });
    let quick = desk.base.replace(r#"["1h", "2h"]"#, r#"["50ms", "200ms"]"#);
    let quick = quick.replace("[limits]", "[limits]\nqueued_jobs = 1");
    let text = quick.replace("name = \"test\"", "name = \"other\"");
    let said = desk.reload(&format!("{text}{}", printer("a", OFF)));
    for line in ["retry.backoff", "limits.queued_jobs", "server.name"] {
        assert!(
            said.contains(&format!("key={line}")) || said.contains(&format!("key=\"{line}\"")),
            "{line}: {said}"
        );
    }
    assert!(said.contains("needs a restart"), "{said}");
    let full = Place::Unix(home.socket()).send("POST", "/api/v1/jobs?printer=a", &[], b"words").unwrap();
    assert_eq!(full.status, 429, "{full:?}");
    // By the old rules it would have waited for an hour.
    let again = desk.get("/api/v1/printers/a")["next_try_at"].clone();
    desk.life.until("it is tried again and again", |life| {
        let now = life.get("/api/v1/printers/a").json()["next_try_at"].clone();
        (now.is_string() && now != again).then_some(())
    });
    desk.base = text;
    desk.good(&printer("a", &fake.uri()));
    desk.life.job_is(job, "completed");
}

#[test]
fn directories_that_may_be_written_to_change() {
    let home = Home::new(&[]);
    let mut desk = Desk::start(&home, &printer("a", OFF));
    let prints = home.path().join("prints");
    fs::create_dir(&prints).unwrap();
    let to_file = printer("f", &format!("file:{}", prints.display()));
    let said = desk.reload(&format!("{}{to_file}", desk.base));
    assert!(said.contains("printer.uri") && said.contains("was not applied"), "{said}");
    let access = format!("[access]\nfiles = [{:?}]\n", prints.display().to_string());
    desk.good(&format!("{access}{to_file}"));
    let job = desk.submit("f");
    desk.life.job_is(job, "completed");
    let (status, added) = desk.ask(
        "POST",
        "/api/v1/printers",
        &json!({ "name": "g", "uri": format!("file:{}", prints.join("g").display()) }).to_string(),
    );
    assert_eq!(status, 201, "{added}");
}

#[test]
fn the_grace_after_which_jobs_move_follows_the_file() {
    let settings = "[retry]\ngrace = \"1h\"\nbackoff = [\"50ms\", \"200ms\"]\n";
    let home = Home::with(settings, &[]);
    let fake = FakePrinter::start(Behaviour::Normal);
    let queues = format!("{}{}{}", printer("a", OFF), printer("b", &fake.uri()), pool("p", &["a", "b"]));
    let mut desk = Desk::start(&home, &queues);
    let job = desk.submit("a");
    desk.life.until("it was tried in vain", |life| {
        life.get("/api/v1/printers/a").json()["next_try_at"].is_string().then_some(())
    });
    assert_eq!(desk.get(&format!("/api/v1/jobs/{job}"))["status"], "waiting");
    desk.base = desk.base.replace("\"1h\"", "\"0s\"");
    desk.good(&queues);
    assert_eq!(desk.life.job_is(job, "completed")["assigned_printer"], "b");
}
