//! What is read from the bytes of an answer, without a server.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::message::{
    A, AAAA, ASKED, CNAME, NXDOMAIN, OK, SERVFAIL, TRUNCATED, a, aaaa, alias, answer, many, record,
    soa, wire,
};
use crate::names::addresses_in_answer;
use crate::names::answer::{BadAnswer, Reply, Said, read};
use crate::names::question::{Family, Query, Question, parse_name};

const NAME: &str = "a.example";

fn with_query<T>(family: Family, work: impl FnOnce(&Query<'_>, &[u8]) -> T) -> T {
    let name = parse_name(NAME).unwrap();
    let question = Question {
        name: &name,
        family,
    };
    let query = Query {
        id: 0x1234,
        question,
    };
    work(&query, &query.to_bytes(true))
}

/// What these records mean to a question for addresses of IPv4.
fn reply(answers: &[Vec<u8>]) -> Reply {
    reply_of(Family::V4, OK, answers, &[])
}

fn reply_of(family: Family, flags: [u8; 2], answers: &[Vec<u8>], authority: &[Vec<u8>]) -> Reply {
    with_query(family, |query, bytes| {
        read(&answer(bytes, flags, answers, authority), query).unwrap()
    })
}

fn said(addresses: &[&str], seconds: u64) -> Reply {
    let addresses: Vec<IpAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
    let lifetime = Duration::from_secs(seconds);
    Reply::Said(match addresses.is_empty() {
        true => Said::Nothing(lifetime),
        false => Said::Addresses(addresses, lifetime),
    })
}

#[test]
fn only_an_answer_to_the_query_is_one() {
    with_query(Family::V4, |query, bytes| {
        let good = answer(bytes, OK, &[a([192, 0, 2, 1])], &[]);
        let want = said(&["192.0.2.1"], 60);
        assert_eq!(read(&good, query), Some(want));
        let changed = |at: usize, to: u8| {
            let mut message = good.clone();
            assert_ne!(message[at], to);
            message[at] = to;
            message
        };
        for (what, message) in [
            ("another id", changed(1, 0x35)),
            ("a query", changed(2, 0x01)),
            ("another operation", changed(2, 0x89)),
            ("another name", changed(13, b'b')),
            ("another type", changed(24, 28)),
            ("another class", changed(26, 3)),
            ("no question", changed(5, 0)),
            ("two questions", changed(5, 2)),
            ("nothing", Vec::new()),
            ("less than a header", good[..11].to_vec()),
            ("a header alone", good[..12].to_vec()),
            ("half a question", good[..20].to_vec()),
        ] {
            assert_eq!(read(&message, query), None, "{what}");
        }
        let in_upper_case = changed(13, b'A');
        assert!(read(&in_upper_case, query).is_some());
        let without_answer = &good[..27];
        assert_eq!(
            read(without_answer, query),
            Some(Reply::Bad(BadAnswer::Unreadable))
        );
    });
}

#[test]
fn records_count_that_belong_to_the_name() {
    for (records, want) in [
        (vec![], said(&[], 0)),
        (
            vec![a([192, 0, 2, 1]), a([192, 0, 2, 2])],
            said(&["192.0.2.1", "192.0.2.2"], 60),
        ),
        (vec![aaaa(1)], said(&[], 0)),
        (
            vec![record(&wire("b.example"), A, 60, &[1; 4])],
            said(&[], 0),
        ),
        (
            vec![record(&wire("A.Example"), A, 60, &[1; 4])],
            said(&["1.1.1.1"], 60),
        ),
        (
            vec![
                alias(NAME, "b.example"),
                record(&wire("b.example"), A, 30, &[1; 4]),
                a([192, 0, 2, 1]),
                record(&wire("c.example"), A, 60, &[2; 4]),
            ],
            said(&["1.1.1.1"], 30),
        ),
        // In the other order, and the alias holds for a shorter time.
        (
            vec![
                record(&wire("c.example"), A, 90, &[1; 4]),
                alias("b.example", "c.example"),
                alias(NAME, "B.example"),
            ],
            said(&["1.1.1.1"], 60),
        ),
        (
            vec![alias(NAME, "b.example"), alias("c.example", "d.example")],
            said(&[], 0),
        ),
        // Not of the internet.
        (
            vec![{
                let mut chaos = a([192, 0, 2, 1]);
                chaos[5] = 3;
                chaos
            }],
            said(&[], 0),
        ),
    ] {
        assert_eq!(reply(&records), want);
    }
    assert_eq!(
        reply_of(Family::V6, OK, &[aaaa(1), a([192, 0, 2, 1])], &[]),
        said(&["2001:db8::1"], 60)
    );
}

#[test]
fn an_answer_without_sense_is_refused() {
    let circle = [alias(NAME, "b.example"), alias("b.example", NAME)];
    let itself = [alias(NAME, NAME)];
    let chain = |length: usize| -> Vec<Vec<u8>> {
        let name = |at| match at {
            0 => NAME.to_owned(),
            at => format!("x{at}.example"),
        };
        let links = (0..length).map(|at| alias(&name(at), &name(at + 1)));
        let end = record(&wire(&name(length)), A, 60, &[1; 4]);
        links.chain([end]).collect()
    };
    // The answer begins at 27: the first record's name leads to itself, forward, to the next one.
    let leads_to = |at: u8| vec![record(&[0xc0, at], A, 60, &[1; 4])];
    let beyond = vec![record(&[0xff, 0xff], A, 60, &[1; 4])];
    let endless = vec![record(&[1, b'x', 0xc0, 27], A, 60, &[1; 4])];
    let target = vec![record(ASKED, CNAME, 60, &[0xc0, 39])];
    let cases: [(&str, &[Vec<u8>], BadAnswer); 12] = [
        ("a circle", &circle, BadAnswer::TooManyAliases),
        ("its own alias", &itself, BadAnswer::TooManyAliases),
        ("17 aliases", &chain(17), BadAnswer::TooManyAliases),
        ("1025 records", &many(1025), BadAnswer::TooManyRecords),
        ("a pointer to itself", &leads_to(27), BadAnswer::Unreadable),
        ("a pointer forward", &leads_to(29), BadAnswer::Unreadable),
        ("a pointer beyond", &beyond, BadAnswer::Unreadable),
        ("labels without end", &endless, BadAnswer::Unreadable),
        ("an alias that is a circle", &target, BadAnswer::Unreadable),
        (
            "3 bytes",
            &[record(ASKED, A, 60, &[1; 3])],
            BadAnswer::Unreadable,
        ),
        (
            "5 bytes",
            &[record(ASKED, A, 60, &[1; 5])],
            BadAnswer::Unreadable,
        ),
        (
            "half a record",
            &[a([1; 4])[..13].to_vec()],
            BadAnswer::Unreadable,
        ),
    ];
    for (what, records, want) in cases {
        assert_eq!(reply(records), Reply::Bad(want), "{what}");
    }
    assert_eq!(reply(&chain(16)), said(&["1.1.1.1"], 60));
    let Reply::Said(Said::Addresses(found, _)) = reply(&many(1000)) else {
        panic!("no addresses");
    };
    assert_eq!(found.len(), 64);
}

#[test]
fn an_answer_holds_as_long_as_it_says_within_bounds() {
    let found = |ttl| reply(&[record(ASKED, A, ttl, &[1; 4])]);
    for (ttl, want) in [(0, 0), (1, 1), (299, 299), (86_400, 300), (u32::MAX, 0)] {
        assert_eq!(found(ttl), said(&["1.1.1.1"], want), "{ttl}");
    }
    for (flags, family) in [(OK, Family::V6), (NXDOMAIN, Family::V4)] {
        let nothing = |authority: &[Vec<u8>]| reply_of(family, flags, &[], authority);
        assert_eq!(nothing(&[]), said(&[], 0));
        assert_eq!(nothing(&[soa(3600, 900)]), said(&[], 5));
        assert_eq!(nothing(&[soa(3600, 2)]), said(&[], 2));
        assert_eq!(nothing(&[soa(3, 900)]), said(&[], 3));
        assert_eq!(nothing(&[soa(3, 900)[..40].to_vec()]), said(&[], 0));
    }
}

#[test]
fn a_server_may_be_unable() {
    let code = |flags| reply_of(Family::V4, flags, &[], &[]);
    assert_eq!(code(TRUNCATED), Reply::Truncated);
    let Reply::Refused(refused) = code(SERVFAIL) else {
        panic!("not refused");
    };
    assert_eq!(refused.to_string(), "SERVFAIL");
    for flags in [[0x81, 0x81], [0x81, 0x84]] {
        assert!(matches!(code(flags), Reply::NotUnderstood(_)));
    }
    // One that does not even read what EDNS adds sends a header.
    with_query(Family::V4, |query, _| {
        let header = [0x12, 0x34, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(matches!(
            read(&header, query),
            Some(Reply::NotUnderstood(_))
        ));
        let mut other = header;
        other[3] = 0x82;
        assert_eq!(read(&other, query), None);
    });
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        assert!(addresses_in_answer(NAME, &bytes).len() <= 128);
    }

    #[test]
    fn any_records_are_read_or_refused(
        flags: [u8; 2],
        counts: [u8; 3],
        rest: Vec<u8>,
        is_v4: bool,
    ) {
        let kind = if is_v4 { A } else { AAAA };
        let mut query = [&[0; 12][..], &wire(NAME), &kind.to_be_bytes(), &[0, 1]].concat();
        query[11] = counts[2] % 4;
        let mut message = answer(&query, flags, &[], &[]);
        message[2] |= 0x80;
        message[7] = counts[0] % 8;
        message[9] = counts[1] % 8;
        message.extend(rest);
        assert!(addresses_in_answer(NAME, &message).len() <= 64);
    }

    #[test]
    fn damage_is_read_or_refused(at in 0..200_usize, to: u8, cut in 0..200_usize) {
        let records = [
            alias(NAME, "b.example"),
            record(&wire("b.example"), A, 30, &[1; 4]),
            record(ASKED, CNAME, 60, &[0xc0, 39]),
        ];
        let query = [&[0; 12][..], &wire(NAME), &[0, 1, 0, 1]].concat();
        let mut message = answer(&query, OK, &records, &[soa(1, 2)]);
        message.truncate(cut.max(12));
        if let Some(byte) = message.get_mut(at) {
            *byte = to;
        }
        assert!(addresses_in_answer(NAME, &message).len() <= 1);
    }
}
