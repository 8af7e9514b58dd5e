//! One name, and servers that behave badly on the way to its address.

use super::message::{FORMERR, OK, SERVFAIL, TRUNCATED, a, alias, answer, many, question, wire};
use super::server::{Asked, Server, nobody};
use super::{SHORT, addresses, asking, failure, started};
use crate::names::exchange::Transport;
use crate::names::settings::Settings;

const NAME: &str = "a.example";

fn good(asked: &Asked) -> Vec<u8> {
    asked.v4(&[a([192, 0, 2, 1])])
}

/// What an answer says that nobody should believe.
fn forged(asked: &Asked) -> Vec<u8> {
    asked.v4(&[a([6, 6, 6, 6])])
}

#[tokio::test]
async fn what_does_not_belong_to_the_query_is_waited_past() {
    type Stray = fn(&Asked) -> Vec<u8>;
    let strays: [(&str, Stray); 7] = [
        ("another id", |asked| {
            let mut bytes = forged(asked);
            bytes[0] ^= 1;
            bytes
        }),
        ("another question", |asked| {
            let mut query = asked.query.clone();
            query[13] = b'b';
            answer(&query, OK, &[a([6, 6, 6, 6])], &[])
        }),
        ("the query itself", |asked| asked.query.clone()),
        ("garbage", |asked| {
            [&asked.query[..2], &[0xff; 100]].concat()
        }),
        ("nothing", |_| Vec::new()),
        ("a header", |asked| forged(asked)[..12].to_vec()),
        ("half a question", |asked| {
            let length = 12 + question(&asked.query).len() / 2;
            forged(asked)[..length].to_vec()
        }),
    ];
    for (what, stray) in strays {
        let server = Server::start(move |asked| vec![stray(asked), good(asked)]).await;
        let found = addresses(&started(asking(&[server.address])), NAME).await;
        assert_eq!(found.unwrap(), ["192.0.2.1"], "{what}");
        assert_eq!(server.asked_v4(), 1, "{what}");
    }
}

#[tokio::test]
async fn what_others_send_is_not_heard() {
    let server = Server::start(|asked| {
        let port = asked.from;
        let other = std::net::UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        other.send_to(&forged(asked), port).unwrap();
        vec![good(asked)]
    })
    .await;
    let found = addresses(&started(asking(&[server.address])), NAME).await;
    assert_eq!(found.unwrap(), ["192.0.2.1"]);
}

#[tokio::test]
async fn every_query_has_a_port_and_an_id_of_its_own() {
    let server = Server::start(|asked| vec![good(asked)]).await;
    let started = started(asking(&[server.address]));
    for number in 0..20 {
        addresses(&started, &format!("n{number}.example"))
            .await
            .unwrap();
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 40);
    let different = |of: fn(&Asked) -> u16| {
        let all: std::collections::HashSet<u16> = asked.iter().map(of).collect();
        all.len()
    };
    // The system may give a port again that was given back.
    assert!(different(|asked| asked.from.port()) > 10);
    assert!(different(|asked| u16::from_be_bytes([asked.query[0], asked.query[1]])) > 30);
}

#[tokio::test]
async fn a_long_answer_comes_over_tcp() {
    let server = Server::start(|asked| match asked.is_tcp {
        true => vec![asked.v4(&many(1000))],
        false => vec![asked.with_flags(TRUNCATED)],
    })
    .await;
    let found = addresses(&started(asking(&[server.address])), NAME).await;
    let found = found.unwrap();
    assert_eq!((found.len(), &found[63][..]), (64, "10.0.0.63"));
    assert_eq!(server.asked_v4(), 2);
}

#[tokio::test]
async fn who_guesses_answers_is_left_for_tcp() {
    let server = Server::start(|asked| match asked.is_tcp {
        true => vec![good(asked)],
        false => (1..=u8::MAX)
            .map(|guess| {
                let mut bytes = forged(asked);
                bytes[0] ^= guess;
                bytes
            })
            .collect(),
    })
    .await;
    let found = addresses(&started(asking(&[server.address])), NAME).await;
    assert_eq!(found.unwrap(), ["192.0.2.1"]);
}

#[tokio::test]
async fn a_server_without_edns_is_asked_without() {
    for is_bare in [false, true] {
        let server = Server::start(move |asked| match asked.has_edns() {
            false => vec![good(asked)],
            true if is_bare => {
                let mut header = asked.with_flags(FORMERR)[..12].to_vec();
                header[5] = 0;
                vec![header]
            }
            true => vec![asked.with_flags(FORMERR)],
        })
        .await;
        let found = addresses(&started(asking(&[server.address])), NAME).await;
        assert_eq!(found.unwrap(), ["192.0.2.1"]);
        assert_eq!(server.asked_v4(), 2);
    }
}

#[tokio::test]
async fn a_server_that_only_has_tcp_is_asked_over_it() {
    let server = Server::start(|asked| match asked.is_tcp {
        true => vec![good(asked)],
        false => Vec::new(),
    })
    .await;
    let settings = Settings {
        transport: Transport::Tcp,
        ..asking(&[server.address])
    };
    let found = addresses(&started(settings), NAME).await;
    assert_eq!(found.unwrap(), ["192.0.2.1"]);
    assert!(server.asked().iter().all(|asked| asked.is_tcp));
}

/// What a server can do instead of answering, and what is said of it if there is no other.
type Trouble = (&'static str, fn(&Asked) -> Vec<Vec<u8>>, &'static str);

const TROUBLES: [Trouble; 9] = [
    ("silent", |_| Vec::new(), "the DNS server does not answer"),
    (
        "failing",
        |asked| vec![asked.with_flags(SERVFAIL)],
        "the DNS server answers SERVFAIL",
    ),
    (
        "refusing",
        |asked| vec![asked.with_flags([0x81, 0x85])],
        "the DNS server answers REFUSED",
    ),
    (
        "of no understanding",
        |asked| vec![asked.with_flags(FORMERR)],
        "the DNS server answers FORMERR",
    ),
    (
        "dying",
        |asked| match asked.is_tcp {
            true => Vec::new(),
            false => vec![asked.with_flags(TRUNCATED)],
        },
        "the DNS server cannot be reached: ",
    ),
    (
        "cut off over TCP too",
        |asked| vec![asked.with_flags(TRUNCATED)],
        "the DNS server answers what is no answer: it is cut off, over TCP too",
    ),
    (
        "mistaken over TCP",
        |asked| match asked.is_tcp {
            true => {
                let mut bytes = forged(asked);
                bytes[0] ^= 1;
                vec![bytes]
            }
            false => vec![asked.with_flags(TRUNCATED)],
        },
        "the DNS server answers what is no answer: it belongs to another question",
    ),
    (
        "in circles",
        |asked| {
            let circle = [alias(NAME, "b.example"), alias("b.example", NAME)];
            vec![answer(&asked.query, OK, &circle, &[])]
        },
        "more than 16 times or in a circle",
    ),
    (
        "damaged",
        |asked| {
            let mut bytes = answer(&asked.query, OK, &[wire("a.b")], &[]);
            bytes.truncate(bytes.len() - 1);
            vec![bytes]
        },
        "the DNS server answers what is no answer: it cannot be read",
    ),
];

#[tokio::test]
async fn each_trouble_is_told_and_leads_to_the_next_server() {
    for (what, behaviour, told) in TROUBLES {
        let bad = Server::start(behaviour).await;
        let quick = |servers: &[_]| Settings {
            timeout: SHORT,
            ..asking(servers)
        };
        let alone = started(quick(&[bad.address]));
        let error = failure(&alone, NAME).await;
        assert!(error.contains(told), "{what}: {error}");
        let server = Server::start(|asked| vec![good(asked)]).await;
        let both = started(quick(&[bad.address, server.address]));
        let found = addresses(&both, NAME).await;
        assert_eq!(found.unwrap(), ["192.0.2.1"], "{what}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nobody_is_waited_for() {
    let server = Server::start(|asked| vec![good(asked)]).await;
    for transport in [Transport::Udp, Transport::Tcp] {
        // An hour: the system says that nobody is there.
        let settings = |servers: &[_]| Settings {
            timeout: std::time::Duration::from_secs(3600),
            transport,
            ..asking(servers)
        };
        let nobody = nobody().await;
        let both = started(settings(&[nobody, server.address]));
        assert_eq!(addresses(&both, NAME).await.unwrap(), ["192.0.2.1"]);
        let alone = started(settings(&[nobody]));
        let error = failure(&alone, NAME).await;
        let want = "the DNS server cannot be reached: Connection refused";
        assert!(error.starts_with(want), "{error}");
    }
}
