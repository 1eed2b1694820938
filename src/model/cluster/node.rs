//! A server of a cluster, by name, address and roles.

use std::fmt;

use crate::model::id::{BadName, QueueName};

/// The longest name of a node, in bytes: a label of a host name (RFC 1035 section 2.3.4).
pub const NODE_NAME_BYTES_MAX: usize = 63;
/// The longest address of a node, in bytes.
const URL_BYTES_MAX: usize = 255;

/// The name of a node, unique in its cluster. Made of what names of queues are made of; names are ordered by their
/// bytes, and the first that lives is the master.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(String);

impl NodeName {
    pub fn new(name: &str) -> Result<NodeName, BadName> {
        QueueName::new(name)?;
        if name.len() > NODE_NAME_BYTES_MAX { Err(BadName) } else { Ok(NodeName(name.to_owned())) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a node is reached by other nodes and by clients: `http://HOST:PORT`, without a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeUrl(String);

impl NodeUrl {
    /// `None` where the text is no such address. A slash at its end is taken off.
    pub fn new(text: &str) -> Option<NodeUrl> {
        let authority = text.strip_prefix("http://")?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = authority.rsplit_once(':')?;
        let name = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b'_');
        let good_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(name),
        };
        let digits = port.bytes().all(|c| c.is_ascii_digit());
        let good_port = digits && port.parse::<u16>().is_ok_and(|port| port > 0);
        let good = good_host && good_port && authority.len() <= URL_BYTES_MAX;
        good.then(|| NodeUrl(format!("http://{}", authority.to_ascii_lowercase())))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `HOST:PORT`
    pub fn authority(&self) -> &str {
        self.0.trim_start_matches("http://")
    }

    /// The host, without brackets.
    pub fn host(&self) -> &str {
        let host = self.authority().rsplit_once(':').map_or("", |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl fmt::Display for NodeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a node does for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Says which entry node a client goes to, and which server gets a request.
    Master,
    /// Takes requests from clients and asks the master where they are served.
    Entry,
    /// Has printers, and prints.
    Server,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Master, Role::Entry, Role::Server];

    pub fn word(self) -> &'static str {
        match self {
            Role::Master => "master",
            Role::Entry => "entry",
            Role::Server => "server",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Role::Master => 1,
            Role::Entry => 2,
            Role::Server => 4,
        }
    }
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    pub fn all() -> Roles {
        Role::ALL.into_iter().collect()
    }

    pub fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether a client's job has anything to do here. A node that only leads sends it to an entry node.
    pub fn take_jobs(self) -> bool {
        self.has(Role::Entry) || self.has(Role::Server)
    }

    /// In the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Roles {
        Roles(roles.into_iter().fold(0, |bits, role| bits | role.bit()))
    }
}

/// One server of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub name: NodeName,
    pub url: NodeUrl,
    pub roles: Roles,
}

/// One life of a node's process: drawn at its start. What was meant for an earlier life does not count in this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation(pub [u8; 16]);

/// How a client reaches the server that gets its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Link {
    /// The entry node tells the client to go there.
    #[default]
    Direct,
    /// Through the entry node, which keeps nothing of it.
    Relay,
}

impl Link {
    pub fn word(self) -> &'static str {
        match self {
            Link::Direct => "direct",
            Link::Relay => "relay",
        }
    }
}

/// Who tells the server that it gets a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Assign {
    /// The entry node, when the master has answered it.
    #[default]
    Answer,
    /// The master, before it answers the entry node.
    Push,
}

impl Assign {
    pub fn word(self) -> &'static str {
        match self {
            Assign::Answer => "answer",
            Assign::Push => "push",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_an_address_and_nothing_else() {
        for (text, kept) in [
            ("http://10.0.0.1:8631", "http://10.0.0.1:8631"),
            ("http://Print-1.Example.org:80/", "http://print-1.example.org:80"),
            ("http://[::1]:8631", "http://[::1]:8631"),
        ] {
            assert_eq!(NodeUrl::new(text).unwrap().as_str(), kept);
        }
        assert_eq!(NodeUrl::new("http://[::1]:8631").unwrap().host(), "::1");
        for bad in [
            "",
            "10.0.0.1:8631",
            "https://a:1",
            "http://a",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://:1",
            "http://a:1/x",
            "http://a@b:1",
            "http://a b:1",
            "http://[::g]:1",
            "http://a:1//",
        ] {
            assert_eq!(NodeUrl::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn roles_are_a_set() {
        let some: Roles = [Role::Server, Role::Master, Role::Server].into_iter().collect();
        assert_eq!(some.iter().collect::<Vec<_>>(), [Role::Master, Role::Server]);
        assert!(!some.has(Role::Entry) && !some.is_empty() && Roles::default().is_empty());
        assert_eq!(Roles::all().iter().count(), 3);
        let take_jobs = |role| Roles::from_iter([Role::Master, role]).take_jobs();
        assert_eq!(Role::ALL.map(take_jobs), [false, true, true]);
    }
}
