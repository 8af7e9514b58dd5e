//! Which servers are asked for what, how often, and what is made of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::message::{NXDOMAIN, OK, SERVFAIL, a, aaaa, answer, record, soa};
use super::server::{Asked, Server};
use super::{SHORT, addresses, asking, failure, started};
use crate::names::Started;
use crate::names::hosts::Hosts;
use crate::names::settings::Settings;

const NO_ADDRESS: &str = "there is no such name, or it has no address";

fn both(asked: &Asked) -> Vec<Vec<u8>> {
    let record = match asked.is_v4() {
        true => a([192, 0, 2, 1]),
        false => aaaa(1),
    };
    vec![answer(&asked.query, OK, &[record], &[])]
}

#[tokio::test]
async fn both_families_are_asked_for_and_one_is_enough() {
    let server = Server::start(both).await;
    let found = addresses(&started(asking(&[server.address])), "a.example").await;
    assert_eq!(found.unwrap(), ["192.0.2.1", "2001:db8::1"]);
    // Once one has answered, the other is not waited for as long as a server is.
    for silent_for_v4 in [true, false] {
        let server = Server::start(move |asked| match asked.is_v4() == silent_for_v4 {
            true => Vec::new(),
            false => both(asked),
        })
        .await;
        let found = addresses(&started(asking(&[server.address])), "a.example").await;
        let want = if silent_for_v4 {
            "2001:db8::1"
        } else {
            "192.0.2.1"
        };
        assert_eq!(found.unwrap(), [want]);
    }
    let without_v6 = Settings {
        with_v6: false,
        ..asking(&[server.address])
    };
    let found = addresses(&started(without_v6), "b.example").await;
    assert_eq!(found.unwrap(), ["192.0.2.1"]);
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn an_answer_is_kept_as_long_as_it_holds() {
    let server = Server::start(|asked| {
        let ttl = u32::from(!asked.name().starts_with("brief")) * 60;
        let authority = match ttl {
            0 => vec![],
            _ => vec![soa(60, 60)],
        };
        let address = record(&[0xc0, 12], 1, ttl, &[192, 0, 2, 1]);
        match (asked.name().contains("none"), asked.is_v4()) {
            (true, _) => vec![answer(&asked.query, NXDOMAIN, &[], &authority)],
            (false, true) => vec![answer(&asked.query, OK, &[address], &[])],
            (false, false) => vec![asked.v4(&[])],
        }
    })
    .await;
    let started = started(asking(&[server.address]));
    for (name, asked) in [
        ("kept.example", 1),
        ("brief.example", 3),
        ("none.example", 1),
        ("brief-none.example", 3),
    ] {
        let before = server.asked_v4();
        for _ in 0..3 {
            drop(started.addresses(name).await);
        }
        assert_eq!(server.asked_v4() - before, asked, "{name}");
    }
    assert_eq!(failure(&started, "none.example").await, NO_ADDRESS);
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let is_broken = Arc::new(AtomicBool::new(true));
    let broken = is_broken.clone();
    let server = Server::start(move |asked| match broken.load(Ordering::SeqCst) {
        true => vec![asked.with_flags(SERVFAIL)],
        false => both(asked),
    })
    .await;
    let settings = Settings {
        attempts: 3,
        ..asking(&[server.address])
    };
    let started = started(settings);
    let error = failure(&started, "a.example").await;
    assert_eq!(error, "the DNS server answers SERVFAIL");
    assert_eq!(server.asked_v4(), 3);
    is_broken.store(false, Ordering::SeqCst);
    assert!(addresses(&started, "a.example").await.is_ok());
}

#[tokio::test]
async fn callers_of_one_name_share_a_lookup_whoever_gives_up() {
    let server = Server::start(both).await;
    let started = Arc::new(started(asking(&[server.address])));
    // The first one is polled once, so that it has asked, and the others wait for it.
    let mut first = Box::pin(started.addresses("a.example"));
    tokio::select! {
        biased;
        _ = &mut first => panic!("the answer was there before the question"),
        () = std::future::ready(()) => {}
    }
    let others = (0..20).map(|_| {
        let started = started.clone();
        tokio::spawn(async move { started.addresses("a.example").await })
    });
    let others: Vec<_> = others.collect();
    tokio::task::yield_now().await;
    drop(first);
    for other in others {
        assert!(!other.await.unwrap().unwrap().is_empty());
    }
    // Once for the one that is gone, and once for all others.
    assert!(server.asked_v4() <= 2);
}

#[tokio::test]
async fn the_search_list_is_gone_through_until_there_is_something() {
    let server = Server::start(|asked| match &asked.name()[..] {
        "db.b.example" => vec![asked.v4(&[a([192, 0, 2, 1])])],
        "db.broken.example" => vec![asked.with_flags(SERVFAIL)],
        // Known, without an address.
        "db.a.example" => vec![asked.v4(&[])],
        _ => vec![asked.with_flags(NXDOMAIN)],
    })
    .await;
    let asked = || -> Vec<String> {
        let asked = server.asked();
        let of_v4 = asked.iter().filter(|asked| asked.is_v4());
        of_v4.map(Asked::name).collect()
    };
    let searching = |list: &[&str]| {
        started(Settings {
            search: list.iter().map(|&end| end.to_owned()).collect(),
            ..asking(&[server.address])
        })
    };
    let found = addresses(&searching(&["a.example", "b.example", "c.example"]), "db").await;
    assert_eq!(found.unwrap(), ["192.0.2.1"]);
    assert_eq!(asked(), ["db.a.example", "db.b.example"]);
    let none = searching(&["a.example", "c.example"]);
    assert_eq!(failure(&none, "db").await, NO_ADDRESS);
    assert_eq!(asked()[2..], ["db.a.example", "db.c.example", "db"]);
    // A failure is no absence: what comes later could be another machine.
    let broken = searching(&["broken.example", "b.example"]);
    let error = failure(&broken, "db").await;
    assert_eq!(error, "the DNS server answers SERVFAIL");
    assert_eq!(asked()[5..], ["db.broken.example"]);
    // A dot at the end is the end.
    let absolute = searching(&["b.example"]);
    assert_eq!(failure(&absolute, "db.").await, NO_ADDRESS);
    assert_eq!(asked()[6..], ["db"]);
}

#[tokio::test]
async fn what_is_no_name_is_not_sent() {
    let server = Server::start(both).await;
    let started = started(asking(&[server.address]));
    for name in ["", ".", "a..b", &"l".repeat(64)] {
        let error = failure(&started, name).await;
        assert!(error.contains("between dots"), "{name}: {error}");
    }
    let too_long = format!("{}ll", "l.".repeat(126));
    assert!(failure(&started, &too_long).await.contains("at most 253"));
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn names_of_the_hosts_file_are_asked_of_nobody() {
    let server = Server::start(both).await;
    let hosts = Hosts::parse(b"10.0.0.1 db db.example\n");
    let started = Started::new(asking(&[server.address]), hosts);
    for name in ["db", "db.example", "db.example."] {
        assert_eq!(addresses(&started, name).await.unwrap(), ["10.0.0.1"]);
    }
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_server_that_is_down_is_waited_for_once() {
    let down = Server::start(|_| Vec::new()).await;
    let up = Server::start(both).await;
    let started = started(Settings {
        timeout: SHORT,
        ..asking(&[down.address, up.address])
    });
    for number in 0..10 {
        let name = format!("n{number}.example");
        assert!(addresses(&started, &name).await.is_ok());
    }
    assert_eq!((down.asked_v4(), up.asked_v4()), (1, 10));
}

#[tokio::test]
async fn servers_take_turns_if_they_are_to() {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let server = |at: usize| {
        let counts = counts.clone();
        Server::start(move |asked| {
            counts[at].fetch_add(1, Ordering::SeqCst);
            both(asked)
        })
    };
    let servers = [server(0).await.address, server(1).await.address];
    let started = started(Settings {
        rotate: true,
        ..asking(&servers)
    });
    for number in 0..10 {
        addresses(&started, &format!("n{number}.example"))
            .await
            .unwrap();
    }
    let counts = [0, 1].map(|at| counts[at].load(Ordering::SeqCst));
    assert_eq!(counts, [10, 10]);
}
