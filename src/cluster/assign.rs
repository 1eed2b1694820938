//! Finding the server for a job: as the entry node that asks, as the master that answers, and as the server that has
//! room. What is decided is decided in [`crate::model::cluster::place`] and [`crate::model::cluster::choice`].

use std::time::Duration;

use super::Cluster;
use super::message::order::{
    ASSIGNMENTS_PATH, Assignment, KEYS_PATH, KeyAnswer, KeyQuestion, Question, RESERVATIONS_PATH, Request,
    Reserved, Room,
};
use super::peers::NoAnswer;
use crate::model::cluster::choice::{Candidate, NoServer, Pending, choose, retry_after};
use crate::model::cluster::members::Life;
use crate::model::cluster::metrics::Metrics;
use crate::model::cluster::node::{Assign, Node, NodeName, Role};
use crate::model::cluster::place::{Advice, HOPS_MAX, Own, Place, Situation, Source, place};
use crate::model::cluster::reservation::Order;
use crate::model::time::MonoTime;

/// A master or server that has not answered within this time is done without.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// What is done with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Here,
    /// The client is told to go there.
    Redirect(Elsewhere),
    /// Its bytes are passed on.
    Relay(Elsewhere),
    Refuse(NoServer),
}

/// The server that gets a job, and where its document goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    pub node: NodeName,
    pub upload: String,
}

impl Cluster {
    /// Finds the server for a job, and room there where it is another one.
    pub async fn find(&self, order: &Order, source: Source) -> Decision {
        if source == Source::Here {
            return Decision::Here;
        }
        // Whoever passes it on is not asked again.
        let order =
            Order { hops: [order.hops.as_slice(), &[self.me().name.clone()]].concat(), ..order.clone() };
        let holder = self.holder(&order).await;
        let mut advice =
            if order.hops.len() == 1 && holder.is_none() { self.ask_master(&order).await } else { None };
        let mut avoid = order.hops.clone();
        // What the servers themselves have said counts for more than what was known of them.
        let mut nearest = NoServer::Nobody;
        loop {
            let other = self.choose(&order, &avoid).map_err(|why| why.min(nearest.clone()));
            let own = self.own(&order);
            let decided = place(&Situation {
                me: &self.me().name,
                link: self.config.link,
                source,
                holder: holder
                    .as_ref()
                    .filter(|holder| !avoid.contains(holder) || **holder == self.me().name),
                advice: advice.as_ref().map_or(Advice::None, |(server, _)| Advice::Server(server)),
                own,
                other: other.as_ref().map_err(NoServer::clone),
                hops: order.hops.len() - 1,
            });
            let (server, make): (NodeName, fn(Elsewhere) -> Decision) = match decided {
                Place::Here => return Decision::Here,
                Place::Refuse(why) => return Decision::Refuse(why),
                Place::Redirect(server) => (server, Decision::Redirect),
                Place::Relay(server) => (server, Decision::Relay),
            };
            let promised = advice.take().filter(|(name, _)| *name == server).and_then(|(_, room)| room);
            let room = match promised {
                Some(room) => Ok(room),
                None => self.ask_for_room(&server, &order).await,
            };
            match room {
                Ok(room) => return make(Elsewhere { node: server, upload: room.upload }),
                Err(why) => nearest = nearest.min(why),
            }
            avoid.push(server);
            if avoid.len() > order.hops.len() + HOPS_MAX {
                return if own == Own::NotServer { Decision::Refuse(nearest) } else { Decision::Here };
            }
        }
    }

    /// Who has accepted a job under the order's key: this server, or another that lives. Who does not answer is taken not
    /// to have it.
    async fn holder(&self, order: &Order) -> Option<NodeName> {
        let key = order.key.as_ref()?;
        let question = KeyQuestion { user: order.request.submitter.user.clone(), key: key.clone() };
        if self.has_key(&question).await {
            return Some(self.me().name.clone());
        }
        let now = self.clock.now().mono;
        let others: Vec<Node> = self
            .known()
            .servers(self.me(), now)
            .map(|seen| seen.node)
            .filter(|node| node != self.me())
            .collect();
        let ask = |node: Node| {
            let question = &question;
            async move {
                let asked = self.peers.ask::<_, KeyAnswer>(&node.url, KEYS_PATH, question, ANSWER_MAX).await;
                asked.is_ok_and(|answer| answer.known).then_some(node.name)
            }
        };
        futures_util::future::join_all(others.into_iter().map(ask)).await.into_iter().flatten().next()
    }

    /// Whether this node has accepted a job under the key.
    pub async fn has_key(&self, question: &KeyQuestion) -> bool {
        let KeyQuestion { user, key } = question;
        let found = self.core.store().key(user, key, self.clock.now().wall).await;
        found.is_ok_and(|record| record.is_some())
    }

    /// The master's word, where this node takes requests and there is a master; and the room, where it was told.
    async fn ask_master(&self, order: &Order) -> Option<(NodeName, Option<Room>)> {
        if !self.me().roles.has(Role::Entry) {
            return None;
        }
        let master = self.master()?;
        if master.name == self.me().name {
            return self.assign(order).await.ok().map(|(server, room)| (server.name, room));
        }
        let question = Question::new(order, self.me(), &self.known().own);
        let asked =
            self.peers.ask::<_, Assignment>(&master.url, ASSIGNMENTS_PATH, &question, ANSWER_MAX).await;
        match asked.map(Assignment::understood) {
            Ok(Some(Ok(server))) => Some(server),
            Ok(Some(Err(_))) => None,
            Ok(None) => {
                log::warn!("node={} its assignment is not understood", master.name);
                None
            }
            Err(why) => {
                log::warn!("node={} the master was asked in vain: {why}", master.name);
                self.did_not_answer(&master, &why);
                None
            }
        }
    }

    /// As the master: the server for a job, told already where the configuration has it so.
    ///
    /// # Errors
    /// Where none is suitable.
    pub async fn assign(&self, order: &Order) -> Result<(Node, Option<Room>), NoServer> {
        let (mut avoid, mut nearest) = (Vec::new(), NoServer::Nobody);
        loop {
            let server = self.select(order, &avoid).map_err(|why| why.min(nearest.clone()))?;
            if self.config.assign == Assign::Answer || server.name == self.me().name {
                return Ok((server, None));
            }
            match self.ask_for_room(&server.name, order).await {
                Ok(room) => return Ok((server, Some(room))),
                Err(why) => nearest = nearest.min(why),
            }
            avoid.push(server.name);
        }
    }

    /// Selects among all that live, this node included, and remembers what was given to whom.
    fn select(&self, order: &Order, avoid: &[NodeName]) -> Result<Node, NoServer> {
        let now = self.clock.now().mono;
        let mut known = self.known();
        let servers: Vec<Seen> = known.servers(self.me(), now).collect();
        let pending: Vec<Pending> =
            servers.iter().map(|seen| known.assigned.pending(&seen.node.name, now)).collect();
        let candidates: Vec<Candidate<'_>> =
            servers.iter().zip(pending).map(|(seen, pending)| seen.candidate(pending)).collect();
        let chosen = choose(order.wanted(avoid), &candidates)?;
        known.assigned.note(&chosen, order.bytes, now);
        let node = servers.into_iter().map(|seen| seen.node).find(|node| node.name == chosen);
        node.ok_or(NoServer::Nobody)
    }

    /// Who else could take it, as this node sees them.
    fn choose(&self, order: &Order, avoid: &[NodeName]) -> Result<NodeName, NoServer> {
        let now = self.clock.now().mono;
        let known = self.known();
        let servers: Vec<Seen> = known.servers(self.me(), now).collect();
        let candidates: Vec<Candidate<'_>> =
            servers.iter().map(|seen| seen.candidate(Pending::default())).collect();
        choose(order.wanted(avoid), &candidates)
    }

    /// How it is with this server itself.
    fn own(&self, order: &Order) -> Own {
        if !self.me().roles.has(Role::Server) {
            return Own::NotServer;
        }
        let directory = self.core.directory();
        let name = order.request.queue.as_ref().or(directory.default.as_ref());
        let Some(queue) = name.and_then(|name| directory.queue(name)) else { return Own::Unable };
        if !directory.accepts(queue) || self.core.admits().is_err() {
            return Own::Unable;
        }
        let (overflow, counts) = (&self.config.overflow, self.core.store().counts_total());
        let promised = self.reservations.pending();
        let jobs = counts.jobs.saturating_add(promised.jobs);
        let bytes = counts.bytes.saturating_add(promised.bytes);
        let wait = self.core.expected_wait(queue, self.clock.now().mono);
        let enough = jobs >= overflow.queued_jobs
            || bytes >= overflow.queued_bytes
            || wait.is_some_and(|wait| wait >= overflow.expected_wait);
        if enough { Own::Enough } else { Own::Able }
    }

    /// As a server: makes room for a job of another node.
    ///
    /// # Errors
    /// Where this server does not take it.
    pub async fn reserve(&self, order: Order, from: NodeName) -> Result<Room, NoServer> {
        let suitable = {
            let own = self.measure_now();
            let (name, age) = (&self.me().name, Duration::ZERO);
            let candidate = Candidate { name, metrics: &own, age, pending: Pending::default() };
            let chosen = choose(order.wanted(&[]), &[candidate]);
            match (chosen, self.own(&order)) {
                (Err(why), _) => Err(why),
                (Ok(_), Own::Able) => Ok(()),
                (Ok(_), _) => Err(NoServer::Full { retry_after: retry_after(&own) }),
            }
        };
        suitable?;
        let queue = order.request.queue.clone();
        let promised = self.reservations.promise(order, from, self.clock.now().wall).await;
        let token = promised.map_err(|refusal| {
            log::warn!("room for a job of another node could not be promised: {refusal}");
            NoServer::Full { retry_after: crate::model::cluster::choice::RETRY_UNKNOWN }
        })?;
        let jobs = self.core.store().counts_total().jobs.saturating_add(self.reservations.pending().jobs);
        let directory = self.core.directory();
        let queue = queue.or(directory.default.clone()).and_then(|name| directory.queue(&name));
        let wait = queue.and_then(|queue| self.core.expected_wait(queue, self.clock.now().mono));
        Ok(Room {
            upload: format!("{}/api/v1/uploads/{token}", self.me().url),
            free_slots: self.config.overflow.queued_jobs.saturating_sub(jobs),
            expected_wait: wait.map(super::message::millis),
        })
    }

    /// Asks a server for room.
    ///
    /// # Errors
    /// Where it has none or does not answer.
    async fn ask_for_room(&self, server: &NodeName, order: &Order) -> Result<Room, NoServer> {
        let known = self.known().members.get(server).map(|member| member.node.clone());
        let node = known.ok_or(NoServer::Nobody)?;
        let request = Request { order: order.into() };
        let asked = self.peers.ask::<_, Reserved>(&node.url, RESERVATIONS_PATH, &request, ANSWER_MAX).await;
        match asked {
            Ok(Reserved { room: Some(room), .. }) => Ok(room),
            Ok(Reserved { refused, .. }) => {
                let why = refused.as_ref().map_or(NoServer::Nobody, NoServer::from);
                log::info!("node={server} has no room for a job: {why}");
                Err(why)
            }
            Err(why) => {
                log::warn!("node={server} was asked for room in vain: {why}");
                self.did_not_answer(&node, &why);
                Err(NoServer::Nobody)
            }
        }
    }

    /// Who is not reached is out until he is heard to answer again.
    fn did_not_answer(&self, node: &Node, why: &NoAnswer) {
        if matches!(why, NoAnswer::Unreachable(_)) {
            self.known().members.did_not_answer_at(&node.url);
        }
    }
}

/// A server that lives and is there to print, as it was known.
struct Seen {
    node: Node,
    metrics: Metrics,
    age: Duration,
}

impl Seen {
    fn candidate(&self, pending: Pending) -> Candidate<'_> {
        Candidate { name: &self.node.name, metrics: &self.metrics, age: self.age, pending }
    }
}

impl super::Known {
    fn servers<'k>(&'k self, me: &'k Node, now: MonoTime) -> impl Iterator<Item = Seen> + 'k {
        let seen = move |node: &Node, metrics: &Metrics, at| Seen {
            node: node.clone(),
            metrics: metrics.clone(),
            age: now.since(at),
        };
        let others = self.members.others().filter(move |other| other.life(now) == Life::Alive);
        let others = others.map(move |other| seen(&other.node, &other.metrics, other.heard));
        let all = std::iter::once(seen(me, &self.own, self.measured)).chain(others);
        all.filter(|seen| seen.node.roles.has(Role::Server))
    }
}
