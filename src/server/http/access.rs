//! Who may do what: one table. What is not in it is denied.

use std::fmt;
use std::net::IpAddr;

use actix_web::http::StatusCode;

use super::problem::Problem;
use crate::config::{Access, Network, SubmitAccess};
use crate::model::job::{Identity, Submitter};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Some program on this machine; which user's is not known.
    Loopback,
    /// A process at the socket; the kernel told its uid.
    Local { uid: u32, name: String, role: Role },
    /// Over the network, nameless.
    Network(IpAddr),
    /// The administrator's token was shown, or what was given for it.
    Admin(Proof),
}

/// What a user of this machine is to the spooler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    User,
    /// Root, the server's own user, or a member of the group `spool`.
    Operator,
}

/// By what an administrator is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Token,
    /// Good for minutes, and not for another pass.
    Pass,
    /// The cookie of a browser that is logged in; not for a pass either, so that its end is an end.
    Session,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Whether the server lives, what its interface is.
    Public,
    Submit(Share),
    /// To a list: who may see shared printers only gets those.
    SeePrinters,
    SeePrinter(Share),
    ListJobs,
    SeeJob(Tie),
    /// Whose jobs or documents there are; `Own` where he asks for his own name.
    SeeOwners(Tie),
    /// The list of documents; a document's name and size, without its bytes.
    SeeDocuments,
    /// To keep a document on the server without a job.
    Register,
    /// Its bytes.
    ReadDocument(Tie),
    /// To print a registered document, which shows its bytes to whoever stands at the printer.
    PrintDocument(Tie),
    /// Cancel, hold, release.
    Steer(Tie),
    RemoveDocument(Tie),
    /// Threads and events: what the server does, without titles and users.
    Watch,
    /// Everything else: printers, others' jobs, priorities, restarts.
    Control,
    /// A pass for a program, or a code for somebody's browser.
    MakePass,
    /// What only the nodes of a cluster may, whose requests are signed: no person and no token may.
    Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    Private,
    /// Offered to the network.
    Shared,
}

/// What the asker has to do with the thing asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// Somebody else's, as far as is known.
    Foreign,
    /// It came from somebody nameless of this machine.
    Nameless,
    /// The kernel says that it is his.
    Own,
    /// The job's secret link was shown.
    Link,
}

/// How much of jobs somebody gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Full,
    /// Without titles and users.
    Masked,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Credentials would help: 401.
    Unknown(&'static str),
    /// He is known, or no credentials would help: 403.
    Forbidden(&'static str),
}

const SHOW_TOKEN: &str = "this needs the administrator's token (Authorization: Bearer …), or the socket as root or as a member of group spool";
const SHOW_LINK: &str = "this needs the job's secret link (control_url in the answer to its submission), the socket as its owner, or the administrator's token";

/// The table. `rules` is `[access]` of the configuration.
pub fn allowed(who: &Who, what: What, rules: &Access) -> Result<(), Denied> {
    use What as W;
    let unknown = |why| Err(Denied::Unknown(why));
    match (who, what) {
        (_, W::Public) => Ok(()),
        (_, W::Node) => {
            Err(Denied::Forbidden("this is for the nodes of the cluster, whose requests are signed"))
        }

        (Who::Admin(Proof::Token), _) => Ok(()),
        (Who::Admin(Proof::Pass | Proof::Session), W::MakePass) => Err(Denied::Forbidden(
            "a pass or a session gives no further pass; show the administrator's token",
        )),
        (Who::Admin(Proof::Pass | Proof::Session), _) => Ok(()),
        (Who::Local { role: Role::Operator, .. }, _) => Ok(()),

        (Who::Local { role: Role::User, .. }, what) => local(what),

        (Who::Loopback, W::Submit(_) | W::Register) => match rules.submit {
            SubmitAccess::Local | SubmitAccess::Network => Ok(()),
            SubmitAccess::Users => {
                unknown("jobs are taken from known users only (access.submit); use the socket")
            }
        },
        (Who::Loopback, W::SeePrinters | W::SeePrinter(_) | W::ListJobs | W::Watch | W::SeeDocuments) => {
            Ok(())
        }
        (Who::Loopback, W::SeeJob(_) | W::PrintDocument(Tie::Nameless)) => Ok(()),

        (Who::Network(from), W::Submit(Share::Shared) | W::SeePrinters | W::SeePrinter(Share::Shared)) => {
            network(*from, rules)
        }
        (Who::Network(_), W::Submit(Share::Private) | W::SeePrinter(Share::Private)) => {
            Err(Denied::Forbidden("this printer is not shared with the network"))
        }
        (Who::Network(_), W::ListJobs) => Ok(()),

        (Who::Loopback | Who::Network(_), W::Steer(Tie::Link) | W::SeeJob(Tie::Link)) => Ok(()),
        (Who::Loopback | Who::Network(_), W::Steer(_) | W::SeeJob(_)) => unknown(SHOW_LINK),
        (Who::Loopback, W::ReadDocument(_) | W::PrintDocument(_) | W::RemoveDocument(_)) => {
            unknown(SHOW_TOKEN)
        }
        (Who::Loopback, W::Control | W::MakePass | W::SeeOwners(_)) => unknown(SHOW_TOKEN),
        (Who::Network(_), _) => unknown(SHOW_TOKEN),
    }
}

/// What an ordinary user of this machine may.
fn local(what: What) -> Result<(), Denied> {
    match what {
        What::Public | What::Submit(_) | What::Register | What::SeePrinters | What::SeePrinter(_) => Ok(()),
        What::ListJobs | What::SeeJob(_) | What::SeeDocuments | What::Watch => Ok(()),
        What::ReadDocument(Tie::Own) | What::Steer(Tie::Own | Tie::Link) | What::RemoveDocument(Tie::Own) => {
            Ok(())
        }
        What::PrintDocument(Tie::Own | Tie::Nameless) | What::SeeOwners(Tie::Own) => Ok(()),
        What::ReadDocument(_) | What::Steer(_) | What::RemoveDocument(_) | What::PrintDocument(_) => {
            Err(Denied::Forbidden("it belongs to another user; root and members of group spool may"))
        }
        What::Control | What::MakePass | What::Node | What::SeeOwners(_) => {
            Err(Denied::Forbidden("only root, the server's own user and members of group spool may"))
        }
    }
}

fn network(from: IpAddr, rules: &Access) -> Result<(), Denied> {
    match rules.submit {
        SubmitAccess::Local => Err(Denied::Forbidden("nothing is offered to the network (access.submit)")),
        SubmitAccess::Users => Err(Denied::Unknown("jobs are taken from known users only (access.submit)")),
        SubmitAccess::Network if rules.networks.iter().any(|network| contains(network, from)) => Ok(()),
        SubmitAccess::Network => Err(Denied::Forbidden("this address is in none of access.networks")),
    }
}

fn contains(network: &Network, address: IpAddr) -> bool {
    let same = |a: u128, b: u128, bits: u32| {
        let shift = bits - u32::from(network.prefix).min(bits);
        shift >= 128 || (a >> shift) == (b >> shift)
    };
    match (network.address, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

impl Who {
    /// What he has to do with a thing of this submitter's.
    pub fn tie(&self, submitter: &Submitter) -> Tie {
        match (self, submitter.identity) {
            (Who::Local { uid, .. }, Identity::Uid(owner)) if *uid == owner => Tie::Own,
            (_, Identity::Claimed) => Tie::Nameless,
            _ => Tie::Foreign,
        }
    }

    /// What he has to do with the things of whoever has this name.
    pub fn tie_to_name(&self, user: &str) -> Tie {
        match self {
            Who::Local { name, .. } if name == user => Tie::Own,
            _ => Tie::Foreign,
        }
    }

    /// Whether he sees everything of everybody.
    pub fn sees_all(&self) -> bool {
        matches!(self, Who::Admin(_) | Who::Local { role: Role::Operator, .. })
    }

    /// How much he sees of a thing of this submitter's.
    pub fn sight(&self, submitter: &Submitter) -> Sight {
        if self.sees_all() || self.tie(submitter) == Tie::Own { Sight::Full } else { Sight::Masked }
    }

    /// Whose name a job or document of his gets. `label` is what the client says; it counts where nobody knows better.
    pub fn submitter(&self, label: Option<String>) -> Submitter {
        match self {
            Who::Local { uid, name, .. } => Submitter { user: name.clone(), identity: Identity::Uid(*uid) },
            Who::Loopback | Who::Network(_) => Submitter {
                user: label.unwrap_or_else(|| "anonymous".to_owned()),
                identity: Identity::Claimed,
            },
            Who::Admin(_) => {
                Submitter { user: label.unwrap_or_else(|| "admin".to_owned()), identity: Identity::Admin }
            }
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Loopback => f.write_str("loopback"),
            Who::Local { uid, .. } => write!(f, "uid:{uid}"),
            Who::Network(from) => write!(f, "{from}"),
            Who::Admin(Proof::Token) => f.write_str("admin"),
            Who::Admin(Proof::Pass) => f.write_str("admin-pass"),
            Who::Admin(Proof::Session) => f.write_str("admin-session"),
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Problem {
        match denied {
            Denied::Unknown(why) => Problem::new(StatusCode::UNAUTHORIZED, "no_credentials", why),
            Denied::Forbidden(why) => Problem::new(StatusCode::FORBIDDEN, "not_allowed", why),
        }
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
