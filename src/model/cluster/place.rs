//! What a node does with a request for a job: one decision, whatever has led to it.
//!
//! | documents, key | the master says | this server | another server | what is done |
//! |---|---|---|---|---|
//! | are here | | | | here |
//! | another server has the key | | | | to that server |
//! | | that server | | | to that server |
//! | | this server, or nothing | can take it | | here |
//! | | this server, or nothing | has enough | can take it | to the other |
//! | | this server, or nothing | has enough | has enough too | refused, with the time to try again |
//! | | this server, or nothing | has enough | there is none | here, up to the limits of every server |
//! | | this server, or nothing | cannot take it | can take it | to the other |
//! | | this server, or nothing | cannot take it | | refused as the server itself would |
//! | | nothing | is not there to print | there is none | refused |
//!
//! «To a server» is a redirection where the client can follow one and the link is direct; else its bytes are passed on.

use super::choice::NoServer;
use super::node::{Link, NodeName};

/// The most nodes that one request is sent through.
pub const HOPS_MAX: usize = 3;

/// All that is known when it is decided.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    pub me: &'a NodeName,
    pub link: Link,
    pub source: Source,
    /// The server that has accepted a job under the request's idempotency key.
    pub holder: Option<&'a NodeName>,
    pub advice: Advice<'a>,
    pub own: Own,
    /// Who else could take it, in this node's own view.
    pub other: Result<&'a NodeName, NoServer>,
    /// Nodes that the request has come through.
    pub hops: usize,
}

/// What is known of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// It follows a redirection.
    Mobile,
    /// It cannot: a page of this server, a client of another protocol.
    Bound,
    /// What it wants printed is at this server already, or is not known before its end.
    Here,
}

/// The master's assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice<'a> {
    Server(&'a NodeName),
    /// This node does not ask, there is no master, or it has no answer.
    None,
}

/// How it is with this server itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Own {
    /// It has room, a queue for it, and is there to print.
    Able,
    /// It has more than it wants to have (`cluster.overflow`).
    Enough,
    /// It has no such queue, or its limits are reached.
    Unable,
    /// It is not there to print.
    NotServer,
}

/// What is done with the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Here,
    Relay(NodeName),
    Redirect(NodeName),
    Refuse(NoServer),
}

/// Decides.
pub fn place(situation: &Situation<'_>) -> Place {
    let Situation { me, holder, advice, own, other, hops, source, .. } = situation;
    if *source == Source::Here {
        return Place::Here;
    }
    if let Some(holder) = holder {
        return if holder == me { Place::Here } else { send(situation, holder) };
    }
    if let Advice::Server(server) = advice
        && server != me
    {
        return send(situation, server);
    }
    if *own == Own::Able {
        return Place::Here;
    }
    match other {
        Ok(server) if *hops < HOPS_MAX => send(situation, server),
        Err(full @ NoServer::Full { .. }) => Place::Refuse(full.clone()),
        Err(why) if *own == Own::NotServer => Place::Refuse(why.clone()),
        Ok(_) if *own == Own::NotServer => Place::Refuse(NoServer::Nobody),
        // Its own refusal, where it refuses, says what is the matter.
        Ok(_) | Err(_) => Place::Here,
    }
}

fn send(situation: &Situation<'_>, server: &NodeName) -> Place {
    match (situation.link, situation.source) {
        (Link::Direct, Source::Mobile) => Place::Redirect(server.clone()),
        (Link::Direct | Link::Relay, _) => Place::Relay(server.clone()),
    }
}

#[cfg(test)]
mod tests;
