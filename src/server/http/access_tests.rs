//! The whole table, row by row.

use super::*;

const YES: u16 = 200;

fn rules(submit: SubmitAccess) -> Access {
    let network = Network { address: IpAddr::from([10, 0, 0, 0]), prefix: 8 };
    Access { submit, networks: vec![network], hosts: Vec::new(), files: Vec::new() }
}

fn verdict(who: &Who, what: What, submit: SubmitAccess) -> u16 {
    match allowed(who, what, &rules(submit)) {
        Ok(()) => YES,
        Err(Denied::Unknown(_)) => 401,
        Err(Denied::Forbidden(_)) => 403,
    }
}

fn user(role: Role) -> Who {
    Who::Local { uid: 1000, name: "ann".to_owned(), role }
}

#[test]
fn the_table_holds() {
    use Share::{Private, Shared};
    use Tie::{Foreign, Link, Nameless, Own};
    use What as W;
    let inside = Who::Network(IpAddr::from([10, 1, 2, 3]));
    let outside = Who::Network(IpAddr::from([192, 0, 2, 1]));
    // loopback, user at the socket, network inside access.networks, network outside of them
    let rows: [(W, [u16; 4]); 29] = [
        (W::Public, [YES, YES, YES, YES]),
        (W::Submit(Shared), [YES, YES, YES, 403]),
        (W::Submit(Private), [YES, YES, 403, 403]),
        (W::Register, [YES, YES, 401, 401]),
        (W::SeePrinters, [YES, YES, YES, 403]),
        (W::SeePrinter(Shared), [YES, YES, YES, 403]),
        (W::SeePrinter(Private), [YES, YES, 403, 403]),
        (W::ListJobs, [YES, YES, YES, YES]),
        (W::SeeJob(Foreign), [YES, YES, 401, 401]),
        (W::SeeJob(Link), [YES, YES, YES, YES]),
        (W::SeeDocuments, [YES, YES, 401, 401]),
        (W::ReadDocument(Foreign), [401, 403, 401, 401]),
        (W::ReadDocument(Nameless), [401, 403, 401, 401]),
        (W::ReadDocument(Own), [401, YES, 401, 401]),
        (W::ReadDocument(Link), [401, 403, 401, 401]),
        (W::PrintDocument(Foreign), [401, 403, 401, 401]),
        (W::PrintDocument(Nameless), [YES, YES, 401, 401]),
        (W::PrintDocument(Own), [401, YES, 401, 401]),
        (W::Steer(Foreign), [401, 403, 401, 401]),
        (W::Steer(Nameless), [401, 403, 401, 401]),
        (W::Steer(Own), [401, YES, 401, 401]),
        (W::Steer(Link), [YES, YES, YES, YES]),
        (W::RemoveDocument(Foreign), [401, 403, 401, 401]),
        (W::RemoveDocument(Own), [401, YES, 401, 401]),
        (W::Watch, [YES, YES, 401, 401]),
        (W::SeeOwners(Foreign), [401, 403, 401, 401]),
        (W::SeeOwners(Own), [401, YES, 401, 401]),
        (W::Control, [401, 403, 401, 401]),
        (W::MakePass, [401, 403, 401, 401]),
    ];
    let askers = [Who::Loopback, user(Role::User), inside, outside];
    for (what, expected) in rows {
        for (who, expected) in askers.iter().zip(expected) {
            assert_eq!(verdict(who, what, SubmitAccess::Network), expected, "{who} {what:?}");
        }
        for who in [user(Role::Operator), Who::Admin(Proof::Token)] {
            assert_eq!(verdict(&who, what, SubmitAccess::Users), YES, "{who} {what:?}");
        }
        let lent = if what == W::MakePass { 403 } else { YES };
        for proof in [Proof::Pass, Proof::Session] {
            assert_eq!(verdict(&Who::Admin(proof), what, SubmitAccess::Local), lent, "{proof:?} {what:?}");
        }
    }
}

#[test]
fn where_jobs_are_taken_from_is_a_setting() {
    let inside = Who::Network(IpAddr::from([10, 1, 2, 3]));
    let cases = [
        (SubmitAccess::Local, [YES, YES, 403]),
        (SubmitAccess::Network, [YES, YES, YES]),
        (SubmitAccess::Users, [401, YES, 401]),
    ];
    for (submit, expected) in cases {
        for (who, expected) in [Who::Loopback, user(Role::User), inside.clone()].iter().zip(expected) {
            assert_eq!(verdict(who, What::Submit(Share::Shared), submit), expected, "{who} {submit:?}");
        }
    }
}

#[test]
fn networks_are_compared_by_their_prefix() {
    let cases = [
        ("10.0.0.0", 8, "10.255.0.1", true),
        ("10.0.0.0", 8, "11.0.0.1", false),
        ("0.0.0.0", 0, "192.0.2.1", true),
        ("192.0.2.1", 32, "192.0.2.1", true),
        ("192.0.2.1", 32, "192.0.2.2", false),
        ("2001:db8::", 32, "2001:db8:1::1", true),
        ("2001:db8::", 32, "2001:db9::1", false),
        ("::", 0, "2001:db9::1", true),
        ("10.0.0.0", 8, "::1", false),
    ];
    for (network, prefix, address, inside) in cases {
        let network = Network { address: network.parse().expect("an address"), prefix };
        assert_eq!(contains(&network, address.parse().expect("an address")), inside, "{network:?} {address}");
    }
}

#[test]
fn a_label_is_a_name_only_where_nobody_knows_better() {
    let label = || Some("root".to_owned());
    assert_eq!(user(Role::User).submitter(label()).user, "ann");
    assert_eq!(
        Who::Loopback.submitter(label()),
        Submitter { user: "root".to_owned(), identity: Identity::Claimed }
    );
    assert_eq!(Who::Loopback.submitter(None).user, "anonymous");
    let claimed = Submitter { user: "ann".to_owned(), identity: Identity::Claimed };
    assert_eq!(user(Role::User).sight(&claimed), Sight::Masked);
    let own = Submitter { user: "ann".to_owned(), identity: Identity::Uid(1000) };
    assert_eq!(user(Role::User).sight(&own), Sight::Full);
    assert_eq!(Who::Loopback.sight(&own), Sight::Masked);
}
