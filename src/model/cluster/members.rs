//! What one node knows of the others: who they are, when they were heard, how loaded they were. Nothing of it is
//! stored: a node that begins has heard everybody after a second.

use std::collections::BTreeMap;
use std::time::Duration;

use super::metrics::{Metrics, SILENT_AFTER};
use super::node::{Incarnation, Node, NodeName, NodeUrl, Role};
use crate::model::time::MonoTime;

/// The most servers of a cluster.
pub const NODES_MAX: usize = 64;
/// A node that has been silent for so long is forgotten, unless the configuration names it.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The nodes of a cluster as one of them sees it.
#[derive(Clone, Debug)]
pub struct Members {
    me: Node,
    others: BTreeMap<NodeName, Member>,
    /// The place of the entry node that was named last, for taking turns.
    turn: usize,
}

/// Another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub node: Node,
    pub incarnation: Incarnation,
    pub metrics: Metrics,
    /// When it was heard last.
    pub heard: MonoTime,
    /// When it last answered what this node sent; `None`: never.
    pub answered: Option<MonoTime>,
}

/// Whether a node can be counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    Alive,
    /// It is heard and does not answer: the way there is broken, or it has just begun.
    Unreachable,
    /// Not heard for [`SILENT_AFTER`].
    Silent,
}

impl Life {
    pub fn word(self) -> &'static str {
        match self {
            Life::Alive => "alive",
            Life::Unreachable => "unreachable",
            Life::Silent => "silent",
        }
    }
}

/// What somebody's word has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was not known, or had been silent.
    Joined,
    /// It was alive, and is another process now.
    BeganAnew,
    Known,
    /// An older word than the last one; nothing changed.
    Late,
}

/// Why a node is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLetIn {
    /// It has this node's own name.
    MyName,
    /// Another node that lives, at another address, has the name.
    NameTaken,
    /// There are [`NODES_MAX`].
    TooMany,
}

impl Member {
    pub fn life(&self, now: MonoTime) -> Life {
        let lately = |at: MonoTime| now.since(at) < SILENT_AFTER;
        match (lately(self.heard), self.answered.is_some_and(lately)) {
            (false, _) => Life::Silent,
            (true, false) => Life::Unreachable,
            (true, true) => Life::Alive,
        }
    }
}

impl Members {
    pub fn new(me: Node) -> Members {
        Members { me, others: BTreeMap::new(), turn: 0 }
    }

    pub fn me(&self) -> &Node {
        &self.me
    }

    /// The others, by their names.
    pub fn others(&self) -> impl Iterator<Item = &Member> {
        self.others.values()
    }

    pub fn get(&self, name: &NodeName) -> Option<&Member> {
        self.others.get(name)
    }

    /// A node has told how it is.
    ///
    /// # Errors
    /// Where it cannot be one of this cluster.
    pub fn heard(
        &mut self,
        node: Node,
        incarnation: Incarnation,
        metrics: Metrics,
        now: MonoTime,
    ) -> Result<Heard, NotLetIn> {
        if node.name == self.me.name {
            return Err(NotLetIn::MyName);
        }
        let Some(known) = self.others.get_mut(&node.name) else {
            if self.others.len() + 1 >= NODES_MAX && !self.forget_one(now) {
                return Err(NotLetIn::TooMany);
            }
            let member = Member { incarnation, metrics, heard: now, answered: None, node };
            self.others.insert(member.node.name.clone(), member);
            return Ok(Heard::Joined);
        };
        let was = known.life(now);
        if known.node.url != node.url && was != Life::Silent {
            return Err(NotLetIn::NameTaken);
        }
        let same_life = known.incarnation == incarnation;
        if same_life && metrics.seq <= known.metrics.seq {
            return Ok(Heard::Late);
        }
        let answered = known.answered.filter(|_| known.node.url == node.url);
        *known = Member { node, incarnation, metrics, heard: now, answered };
        Ok(match (was, same_life) {
            (Life::Silent, _) => Heard::Joined,
            (_, false) => Heard::BeganAnew,
            (_, true) => Heard::Known,
        })
    }

    /// A node has answered.
    pub fn answered(&mut self, name: &NodeName, now: MonoTime) {
        if let Some(member) = self.others.get_mut(name) {
            member.answered = Some(now);
        }
    }

    /// Nobody answered under this address: who is there is out until he does.
    pub fn did_not_answer_at(&mut self, url: &NodeUrl) {
        for member in self.others.values_mut().filter(|member| member.node.url == *url) {
            member.answered = None;
        }
    }

    /// Makes room for another by forgetting the one that has been silent for longest; false where all were heard.
    fn forget_one(&mut self, now: MonoTime) -> bool {
        let silent = self.others.values().filter(|member| now.since(member.heard) >= FORGOTTEN_AFTER);
        let Some(name) = silent.min_by_key(|member| member.heard).map(|member| member.node.name.clone())
        else {
            return false;
        };
        self.others.remove(&name).is_some()
    }

    /// Those who live, this node first.
    pub fn living(&self, now: MonoTime) -> impl Iterator<Item = &Node> {
        let others = self.others.values().filter(move |member| member.life(now) == Life::Alive);
        std::iter::once(&self.me).chain(others.map(|member| &member.node))
    }

    /// The first by name of those that live and may be it; `None` where nobody may.
    pub fn master(&self, now: MonoTime) -> Option<&Node> {
        let able = self.living(now).filter(|node| node.roles.has(Role::Master));
        able.min_by(|a, b| a.name.cmp(&b.name))
    }

    /// The entry node that the next client is sent to: they take turns in the order of their names.
    pub fn next_entry(&mut self, now: MonoTime) -> Option<Node> {
        let mut entries: Vec<&Node> = self.living(now).filter(|node| node.roles.has(Role::Entry)).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let next = entries.get(self.turn.checked_rem(entries.len())?)?;
        let next = Node::clone(next);
        self.turn = self.turn.wrapping_add(1);
        Some(next)
    }

    /// Addresses of all that were heard, for those who know fewer.
    pub fn urls(&self) -> impl Iterator<Item = &NodeUrl> {
        self.others.values().map(|member| &member.node.url)
    }
}

#[cfg(test)]
mod tests;
