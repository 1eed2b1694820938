use std::time::Duration;

use super::*;

fn name(text: &str) -> NodeName {
    NodeName::new(text).unwrap()
}

const FULL: NoServer = NoServer::Full { retry_after: Duration::from_secs(9) };

#[test]
fn the_table_is_followed() {
    let (me, b, c) = (name("a"), name("b"), name("c"));
    let to = |server: &NodeName| Place::Redirect(server.clone());
    let other = || Ok(&c);
    let none = || Err(NoServer::NoQueue);
    let full = || Err(FULL);
    type Row<'a> = (Option<&'a NodeName>, Advice<'a>, Own, Result<&'a NodeName, NoServer>, Place);
    let rows: Vec<Row<'_>> = vec![
        (None, Advice::None, Own::Able, other(), Place::Here),
        (None, Advice::Server(&me), Own::Able, other(), Place::Here),
        (None, Advice::Server(&b), Own::Able, other(), to(&b)),
        (None, Advice::Server(&b), Own::NotServer, none(), to(&b)),
        // Whoever has the key has the job, whatever the master says.
        (Some(&c), Advice::Server(&b), Own::Able, other(), to(&c)),
        (Some(&me), Advice::Server(&b), Own::Enough, other(), Place::Here),
        (None, Advice::None, Own::Enough, other(), to(&c)),
        (None, Advice::Server(&me), Own::Enough, other(), to(&c)),
        (None, Advice::None, Own::Enough, full(), Place::Refuse(FULL)),
        (None, Advice::None, Own::Enough, none(), Place::Here),
        (None, Advice::None, Own::Unable, other(), to(&c)),
        (None, Advice::None, Own::Unable, full(), Place::Refuse(FULL)),
        (None, Advice::None, Own::Unable, none(), Place::Here),
        (None, Advice::None, Own::NotServer, other(), to(&c)),
        (None, Advice::None, Own::NotServer, none(), Place::Refuse(NoServer::NoQueue)),
    ];
    for (row, (holder, advice, own, other, expected)) in rows.into_iter().enumerate() {
        let (link, source) = (Link::Direct, Source::Mobile);
        let mut situation = Situation { me: &me, link, source, holder, advice, own, other, hops: 0 };
        assert_eq!(place(&situation), expected, "row {row}: {situation:?}");
        let relayed = match expected {
            Place::Redirect(server) => Place::Relay(server),
            same => same,
        };
        situation.source = Source::Bound;
        assert_eq!(place(&situation), relayed, "row {row}, bound");
        (situation.source, situation.link) = (Source::Mobile, Link::Relay);
        assert_eq!(place(&situation), relayed, "row {row}, relay");
        situation.source = Source::Here;
        assert_eq!(place(&situation), Place::Here, "row {row}, here already");
    }
}

#[test]
fn nothing_is_sent_on_for_ever() {
    let (me, c) = (name("a"), name("c"));
    let situation = |own, hops| Situation {
        me: &me,
        link: Link::Direct,
        source: Source::Mobile,
        holder: None,
        advice: Advice::None,
        own,
        other: Ok(&c),
        hops,
    };
    assert_eq!(place(&situation(Own::Enough, HOPS_MAX - 1)), Place::Redirect(c.clone()));
    assert_eq!(place(&situation(Own::Enough, HOPS_MAX)), Place::Here);
    assert_eq!(place(&situation(Own::NotServer, HOPS_MAX)), Place::Refuse(NoServer::Nobody));
}
