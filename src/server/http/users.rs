//! The users of this machine: their names, and who of them may control the spooler.
//!
//! Read from `/etc/passwd` and `/etc/group`. Users that only a directory service knows are shown by their numbers,
//! and are operators by their primary group alone.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::access::Role;
use crate::model::text::{NAME_BYTES_MAX, printable};
use crate::model::time::MonoTime;

/// Members of it may control the spooler.
const OPERATORS: &str = "spool";
/// How long an answer is believed: so that a new member of the group need not wait, nor every request read files.
const BELIEVED: Duration = Duration::from_secs(10);
/// Users that are remembered at once.
const REMEMBERED_MAX: usize = 1024;

/// The users, as the files under `etc` name them.
#[derive(Debug)]
pub struct Users {
    etc: PathBuf,
    /// The server's own user.
    own: u32,
    known: Mutex<HashMap<(u32, u32), Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    name: String,
    role: Role,
    until: MonoTime,
}

impl Users {
    /// The machine's users, with the user of this process as the server's own.
    pub fn of_machine() -> Users {
        Users::new(PathBuf::from("/etc"), rustix::process::geteuid().as_raw())
    }

    pub fn new(etc: PathBuf, own: u32) -> Users {
        Users { etc, own, known: Mutex::default() }
    }

    /// Name and role of a process's user, where `gid` is its group.
    pub fn look_up(&self, uid: u32, gid: u32, now: MonoTime) -> (String, Role) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&(uid, gid)).filter(|known| known.until > now) {
            return (known.name.clone(), known.role);
        }
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        let (name, role) = self.read(uid, gid);
        known.insert((uid, gid), Known { name: name.clone(), role, until: now.plus(BELIEVED) });
        (name, role)
    }

    fn read(&self, uid: u32, gid: u32) -> (String, Role) {
        let passwd = fs::read_to_string(self.etc.join("passwd")).unwrap_or_default();
        let entry = passwd.lines().map(fields).find(|user| number(user, 2) == Some(uid));
        let name = entry.as_ref().and_then(|user| printable(user.first()?, NAME_BYTES_MAX).ok());
        let groups = [Some(gid), entry.as_ref().and_then(|user| number(user, 3))];
        let role = match name.as_deref() {
            _ if uid == 0 || uid == self.own => Role::Operator,
            name if self.is_operator(name, groups) => Role::Operator,
            _ => Role::User,
        };
        (name.unwrap_or_else(|| uid.to_string()), role)
    }

    fn is_operator(&self, name: Option<&str>, groups: [Option<u32>; 2]) -> bool {
        let file = fs::read_to_string(self.etc.join("group")).unwrap_or_default();
        let Some(group) = file.lines().map(fields).find(|group| group.first() == Some(&OPERATORS)) else {
            return false;
        };
        let by_number = number(&group, 2).is_some_and(|gid| groups.contains(&Some(gid)));
        let mut members = group.get(3).unwrap_or(&"").split(',').filter(|member| !member.is_empty());
        by_number || members.any(|member| name == Some(member))
    }
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

fn number(fields: &[&str], at: usize) -> Option<u32> {
    fields.get(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_roles_come_from_the_files() {
        let etc = tempfile::tempdir().expect("a directory");
        let passwd = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:\nbob:x:1001:990::/:\ncy:x:1002:1002::/:\nbroken\n";
        fs::write(etc.path().join("passwd"), passwd).expect("a file");
        fs::write(etc.path().join("group"), "lp:x:7:cy\nspool:x:990:ann,dora\n").expect("a file");
        let users = Users::new(etc.path().to_owned(), 7);
        let cases = [
            ((0, 0), "root", Role::Operator),
            ((7, 7), "7", Role::Operator),
            ((1000, 1000), "ann", Role::Operator),
            ((1001, 1001), "bob", Role::Operator),
            ((1002, 1002), "cy", Role::User),
            ((1002, 990), "cy", Role::Operator),
            ((4242, 4242), "4242", Role::User),
        ];
        for ((uid, gid), name, role) in cases {
            assert_eq!(users.look_up(uid, gid, MonoTime::default()), (name.to_owned(), role), "{uid} {gid}");
        }
        fs::write(etc.path().join("group"), "").expect("a file");
        assert_eq!(users.look_up(1000, 1000, MonoTime::default()).1, Role::Operator);
        assert_eq!(users.look_up(1000, 1000, MonoTime(BELIEVED)).1, Role::User);
    }
}
