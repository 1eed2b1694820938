//! `[cluster]`: the servers that share work, as one of them is told. Without it a server is alone.

use std::path::PathBuf;
use std::time::Duration;

use super::section::{Alone, Least, Section, set};
use crate::model::cluster::members::NODES_MAX;
use crate::model::cluster::node::{Assign, Link, Node, NodeName, NodeUrl, Role, Roles};

const A_NODE: &str = "a name of 1 to 63 letters, digits, dots, dashes or underscores";
const A_URL: &str = "an address without a path such as http://10.0.0.1:8631";

/// What a server of a cluster knows from its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    pub me: Node,
    /// The secret that all nodes share.
    pub secret_file: PathBuf,
    /// Where the others are found at first; they tell of further ones.
    pub peers: Vec<NodeUrl>,
    pub link: Link,
    pub assign: Assign,
    pub overflow: Overflow,
}

/// With so much to do a server sends new work to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    pub queued_jobs: u64,
    pub queued_bytes: u64,
    /// Of the queue that a job is for.
    pub expected_wait: Duration,
}

impl Default for Overflow {
    fn default() -> Self {
        Overflow { queued_jobs: 1000, queued_bytes: 4 << 30, expected_wait: Duration::from_secs(600) }
    }
}

/// Reads the table; `None` where a key that must be there is missing or wrong, which was noted then.
pub(super) fn cluster(mut section: Section<'_, '_>) -> Option<Cluster> {
    for (key, expected) in
        [("node", A_NODE), ("url", A_URL), ("secret_file", "a file that all nodes have the same of")]
    {
        section.missing(key, expected);
    }
    let name = section.text("node", A_NODE, |text| NodeName::new(text).ok());
    let url = section.text("url", A_URL, NodeUrl::new);
    let secret_file = section.text("secret_file", "the name of a file", |text| {
        (!text.is_empty() && !text.contains('\0')).then(|| PathBuf::from(text))
    });
    let peers = section.list("peers", Alone::Refused, A_URL, NodeUrl::new).unwrap_or_default();
    let peers: Vec<NodeUrl> = peers.into_iter().map(|found| found.value).collect();
    if peers.len() >= NODES_MAX {
        section.bad("peers", format!("expected at most {} peers", NODES_MAX - 1));
    }
    let roles = roles(&mut section);
    let (mut link, mut assign, mut overflow) = Default::default();
    set(&mut link, section.word("link", &[Link::Direct, Link::Relay].map(|link| (link.word(), link))));
    let words = [Assign::Answer, Assign::Push].map(|assign| (assign.word(), assign));
    set(&mut assign, section.word("assign", &words));
    if let Some(mut limits) = section.section("overflow") {
        read_overflow(&mut limits, &mut overflow);
        limits.finish();
    }
    section.finish();
    let url = url?.value;
    let peers = peers.into_iter().filter(|peer| *peer != url).collect();
    let me = Node { name: name?.value, url, roles };
    Some(Cluster { me, secret_file: secret_file?.value, peers, link, assign, overflow })
}

fn roles(section: &mut Section<'_, '_>) -> Roles {
    let role = |text: &str| Role::ALL.into_iter().find(|role| role.word() == text);
    let Some(found) = section.list("roles", Alone::Refused, "master, entry or server", role) else {
        return Roles::all();
    };
    if section.is_empty_list("roles") {
        section.bad("roles", "expected at least one of master, entry and server");
    }
    found.into_iter().map(|found| found.value).collect()
}

fn read_overflow(section: &mut Section<'_, '_>, overflow: &mut Overflow) {
    section.number("queued_jobs", 1, 100_000_000, &mut overflow.queued_jobs);
    section.size("queued_bytes", Least::Some, &mut overflow.queued_bytes);
    section.time("expected_wait", Least::Some, &mut overflow.expected_wait);
}
