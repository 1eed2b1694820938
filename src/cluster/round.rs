//! Every second: measure, and tell everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Cluster;
use super::measure::{Processors, measure};
use super::message::{METRICS_PATH, Noted, Told};
use super::peers::NoAnswer;
use crate::config;
use crate::model::cluster::members::{Life, NODES_MAX};
use crate::model::cluster::metrics::{Metrics, PERIOD, SILENT_AFTER};
use crate::model::cluster::node::{NodeName, NodeUrl};

/// Who is told, and what was told of them in the log.
#[derive(Debug)]
pub struct Round {
    me: NodeUrl,
    /// Everybody who is told.
    targets: BTreeSet<NodeUrl>,
    /// Those who have not answered yet: nobody is told again meanwhile.
    under_way: BTreeSet<NodeUrl>,
    seq: u64,
    processors: Processors,
    lives: BTreeMap<NodeName, Life>,
    master: Option<NodeName>,
    /// Why a target did not answer, as it was last written to the log.
    complaints: BTreeMap<NodeUrl, String>,
}

impl Round {
    pub(super) fn new(config: &config::Cluster) -> Round {
        Round {
            me: config.me.url.clone(),
            targets: config.peers.iter().cloned().collect(),
            under_way: BTreeSet::new(),
            seq: 0,
            processors: Processors::default(),
            lives: BTreeMap::new(),
            master: None,
            complaints: BTreeMap::new(),
        }
    }

    /// There is another node.
    pub(super) fn meet(&mut self, url: NodeUrl) {
        if url != self.me && self.targets.len() < NODES_MAX {
            self.targets.insert(url);
        }
    }

    /// Those who are told in this round.
    fn begin(&mut self) -> Vec<NodeUrl> {
        let free: Vec<NodeUrl> = self.targets.difference(&self.under_way).cloned().collect();
        self.under_way.extend(free.iter().cloned());
        free
    }

    /// A line where something has become otherwise since the last one.
    fn complaint(&mut self, url: &NodeUrl, why: Option<&NoAnswer>) -> Option<String> {
        let why = why.map(ToString::to_string);
        let before = match &why {
            Some(why) => self.complaints.insert(url.clone(), why.clone()),
            None => self.complaints.remove(url),
        };
        if why == before { None } else { why }
    }
}

/// Tells the others how this node is, for as long as it lives.
pub async fn run(cluster: Arc<Cluster>) {
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let measuring = cluster.clone();
        let measured = tokio::task::spawn_blocking(move || measuring.measure()).await;
        let Ok(own) = measured else {
            log::error!("this node could not measure itself; the others get to hear nothing of it");
            continue;
        };
        {
            let mut known = cluster.known();
            (known.own, known.measured) = (own.clone(), cluster.clock.now().mono);
        }
        cluster.tell_of_changes();
        cluster.reservations.sweep(cluster.clock.now().wall).await;
        let told = Arc::new(Told::new(cluster.me(), &own));
        let targets = cluster.round().begin();
        for target in targets {
            actix_rt::spawn(tell(cluster.clone(), target, told.clone()));
        }
    }
}

async fn tell(cluster: Arc<Cluster>, target: NodeUrl, told: Arc<Told>) {
    let answer = cluster.peers.ask::<Told, Noted>(&target, METRICS_PATH, &told, SILENT_AFTER).await;
    let noted = answer.and_then(|noted| {
        noted.understood().ok_or_else(|| NoAnswer::NotUnderstood("it is of another version".to_owned()))
    });
    cluster.answered(&target, noted.as_ref().map(|(node, others)| (&node.name, others.as_slice())));
}

impl Cluster {
    /// This node just now.
    pub fn measure(&self) -> Metrics {
        let (seq, cpu_permille) = {
            let mut round = self.round();
            round.seq += 1;
            (round.seq, round.processors.look())
        };
        Metrics { seq, cpu_permille, ..self.measure_now() }
    }

    /// Its work just now, with what was promised; all but the processors.
    pub(super) fn measure_now(&self) -> Metrics {
        let metrics = measure(self.core.as_ref(), &self.documents, self.clock.now().mono);
        let promised = self.reservations.pending();
        Metrics {
            queued_jobs: metrics.queued_jobs.saturating_add(promised.jobs),
            queued_bytes: metrics.queued_bytes.saturating_add(promised.bytes),
            ..metrics
        }
    }

    fn answered(&self, target: &NodeUrl, answer: Result<(&NodeName, &[NodeUrl]), &NoAnswer>) {
        let now = self.clock.now().mono;
        match answer {
            Ok((name, _)) => self.known().members.answered(name, now),
            Err(_) => self.known().members.did_not_answer_at(target),
        }
        let mut round = self.round();
        round.under_way.remove(target);
        if let Ok((_, others)) = answer {
            others.iter().for_each(|other| round.meet(other.clone()));
        }
        if let Some(why) = round.complaint(target, answer.err()) {
            log::warn!("url={target} does not take what this node tells: {why}");
        }
    }

    /// Writes down who came, who went, and who leads.
    fn tell_of_changes(&self) {
        let now = self.clock.now().mono;
        let (lives, master) = {
            let known = self.known();
            let lives: BTreeMap<NodeName, Life> =
                known.members.others().map(|other| (other.node.name.clone(), other.life(now))).collect();
            (lives, known.members.master(now).map(|node| node.name.clone()))
        };
        let mut round = self.round();
        for (name, life) in &lives {
            if round.lives.get(name) != Some(life) {
                log::info!("node={name} life={}", life.word());
            }
        }
        if round.master != master {
            match &master {
                Some(name) => log::info!("node={name} is the master"),
                None => {
                    log::warn!("no node that lives may be master: requests are served where they come in")
                }
            }
        }
        (round.lives, round.master) = (lives, master);
    }
}
