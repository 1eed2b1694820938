//! Everything at once: printers that misbehave in turn, people who change their minds, a server that is
//! killed. Then all is healed, and nothing may be lost, mixed, or printed more often than the job says.

use std::collections::HashMap;

use serde_json::json;

use crate::support::events::is_final;
use crate::support::ledger::check_timeline;
use crate::support::lots::Lots;
use crate::support::printer::{Behaviour, FakePrinter};
use crate::support::server::{Server, printer};
use crate::support::sink::Endless;

const SEED: u64 = 0x5eed;
const STEPS: u64 = 500;
const PRINTERS: usize = 4;
const KILL_EVERY: u64 = 180;

const CONFIGURATION: &str = r#"
[watch]
stall = "200ms"
silence = "300ms"
[retry]
backoff = ["50ms", "200ms"]
broken = 3
blocked = "300ms"
"#;

struct World {
    chance: Lots,
    printers: Vec<FakePrinter>,
    server: Server,
    /// What was accepted: the number of the job, and its document.
    jobs: Vec<(u64, Vec<u8>)>,
}

#[test]
fn whatever_happens_no_job_is_lost_mixed_or_printed_in_silence() {
    let printers: Vec<_> = (0..PRINTERS).map(|_| FakePrinter::start(Behaviour::Normal)).collect();
    let named = |(n, fake): (usize, &FakePrinter)| printer(&format!("p{n}"), &fake.uri(), "");
    let queues: String = printers.iter().enumerate().map(named).collect();
    let server = Server::start(&format!("{CONFIGURATION}{queues}"));
    let mut world = World { chance: Lots::new(SEED), printers, server, jobs: Vec::new() };
    for step in 1..=STEPS {
        match world.chance.draw(10) {
            0..=4 => world.submit(),
            5..=7 => world.control(),
            8 => world.pause_or_resume(),
            _ => world.change_a_printer(),
        }
        if step % KILL_EVERY == 0 {
            world.server.kill();
            world.server.restart();
        }
    }
    world.heal();
    world.check();
}

impl World {
    fn any_printer(&mut self) -> usize {
        usize::try_from(self.chance.draw(PRINTERS as u64)).unwrap()
    }

    fn submit(&mut self) {
        let printer = self.any_printer();
        let size = 1 + self.chance.draw(1 << 17);
        let (priority, hold) = (1 + self.chance.draw(100), self.chance.draw(10) == 0);
        let mut document = format!("<{}>", self.jobs.len()).into_bytes();
        document.extend(Endless::bytes(size));
        let query = format!("printer=p{printer}&priority={priority}&hold={hold}");
        let job = self.server.submit(&query, &document);
        self.jobs.push((job, document));
    }

    fn control(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        // Mostly recent ones, which may still be on their way.
        let back = self.chance.draw(self.jobs.len().min(20) as u64);
        let (job, _) = self.jobs[self.jobs.len() - 1 - usize::try_from(back).unwrap()];
        let answer = match self.chance.draw(6) {
            0 => self.server.control(job, "cancel"),
            1 => self.server.control(job, "hold"),
            2 => self.server.control(job, "release"),
            3 => self.server.control(job, "restart"),
            4 => {
                let priority = json!({ "priority": 1 + self.chance.draw(100) });
                self.server.post(&format!("/api/v1/jobs/{job}/priority"), Some(priority))
            }
            _ => {
                let to = json!({ "printer": format!("p{}", self.any_printer()) });
                self.server.post(&format!("/api/v1/jobs/{job}/move"), Some(to))
            }
        };
        assert!(matches!(answer.status, 200 | 409), "{answer:?}");
    }

    fn pause_or_resume(&mut self) {
        let (printer, wish) = (self.any_printer(), if self.chance.draw(3) == 0 { "pause" } else { "resume" });
        self.server.post(&format!("/api/v1/printers/p{printer}/{wish}"), None).expect(200);
    }

    fn change_a_printer(&mut self) {
        let (printer, some) = (self.any_printer(), self.chance.draw(100_000) as usize);
        let fake = &mut self.printers[printer];
        match self.chance.draw(8) {
            // No early closes: a printer that closes when its system has acknowledged bytes that it has not read
            // cannot be told from one that has printed them.
            0 | 1 => fake.behave(Behaviour::ResetAfter(some)),
            2 => fake.behave(Behaviour::NeverRead),
            3 => fake.behave(Behaviour::NeverClose),
            4 => fake.reset(),
            5 => {
                fake.refuse();
                fake.listen();
            }
            _ => fake.behave(Behaviour::Normal),
        }
    }

    /// Every printer behaves, and people release what is held, until nothing is left to do.
    fn heal(&mut self) {
        for (n, fake) in self.printers.iter().enumerate() {
            fake.behave(Behaviour::Normal);
            fake.reset();
            self.server.post(&format!("/api/v1/printers/p{n}/resume"), None).expect(200);
        }
        self.server.wait("every job ends", || {
            let active = self.server.get("/api/v1/jobs?status=active&limit=1000");
            let active = active["jobs"].as_array().unwrap();
            for job in active.iter().filter(|job| job["status"] == "held") {
                self.server.control(job["id"].as_u64().unwrap(), "release").expect(200);
            }
            active.is_empty().then_some(())
        });
    }

    fn check(&self) {
        // What went out over each connection belongs to one job, from its beginning.
        let mut sent: HashMap<u64, Vec<usize>> = HashMap::new();
        for (p, fake) in self.printers.iter().enumerate() {
            for n in 0..fake.connections() {
                let bytes = fake.ended(n).bytes;
                if bytes.is_empty() {
                    continue;
                }
                let whose: Vec<_> =
                    self.jobs.iter().filter(|(_, document)| document.starts_with(&bytes)).collect();
                assert!(!whose.is_empty(), "printer {p}, connection {n}: {} bytes of no job", bytes.len());
                if let [(job, _)] = whose[..] {
                    sent.entry(*job).or_default().push(bytes.len());
                }
            }
        }
        let mut ends: HashMap<String, usize> = HashMap::new();
        for (id, document) in &self.jobs {
            let job = self.server.job(*id);
            let times = sent.remove(id).unwrap_or_default();
            assert!(is_final(&job) && job["status"] != "failed", "{job:#}");
            assert!(times.len() as u64 <= job["attempts"].as_u64().unwrap(), "{times:?} for {job:#}");
            let whole = times.contains(&document.len());
            assert!(whole || job["status"] != "completed", "never printed whole: {times:?}, {job:#}");
            check_timeline(&self.server.timeline(*id));
            *ends.entry(job["status"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        println!("{} jobs: {ends:?}", self.jobs.len());
        assert!(ends["completed"] > self.jobs.len() / 2, "{ends:?}");
    }
}
