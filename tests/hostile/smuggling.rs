//! Bytes that two servers could read in two ways: ours refuses them, and nginx reads none of them
//! more strictly.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{assert_alive, is_closed, site};
use crate::support::{Answer, Connection, Nginx, RunningApp, TestSite};

/// Follows what is sent. Its answer says that it was read as a request of its own.
const LAST: &str = "GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// What it answers.
const READ: u16 = 200;

fn smuggling_site() -> TestSite {
    site().file("last.html", "last")
}

/// An app that does not wait long for what never comes.
fn start() -> RunningApp {
    let times = ["--header-timeout", "1s", "--body-timeout", "1s"];
    smuggling_site().bundle().start(&times)
}

/// The statuses of the answers to these bytes and [`LAST`], on a connection of their own.
fn statuses(port: u16, bytes: &[u8]) -> Vec<u16> {
    let mut connection = Connection::to(port);
    // The server may have refused, and closed, before it has read all of it.
    let _ = connection.send(&[bytes, LAST.as_bytes()].concat());
    let mut statuses = Vec::new();
    loop {
        match connection.answer("GET") {
            Ok(Answer { status, .. }) => statuses.push(status),
            Err(error) if is_closed(&error) => return statuses,
            Err(error) => panic!("not closed: {error}, after {statuses:?}: {}", shown(bytes)),
        }
    }
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// A request of each kind, with what stands in the table in its place, and what comes of it.
fn table() -> Vec<(String, Vec<u16>)> {
    let mut table = Vec::new();
    let mut add = |text: String, want: &[u16]| table.push((text, want.to_vec()));
    for (status, lines) in [(400, HEADS_REFUSED), (505, VERSIONS_REFUSED)] {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            add(unescape(line), &[status]);
        }
    }
    for line in lines_of(FIELDS_REFUSED) {
        for start in ["GET / HTTP/1.1", "POST / HTTP/1.1"] {
            add(format!("{start}\r\nhost: a\r\n{line}\r\n\r\n12345"), &[400]);
        }
    }
    for body in lines_of(CHUNKS_REFUSED) {
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        add(format!("{head}{body}"), &[400]);
    }
    for line in lines_of(ACCEPTED) {
        add(line, &[200, READ]);
    }
    // An asset has no use for a body; what follows it is not read.
    for line in lines_of(ACCEPTED_WITH_BODY) {
        add(line, &[405]);
    }
    table
}

fn lines_of(table: &str) -> impl Iterator<Item = String> {
    let lines = table.lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).map(unescape)
}

/// In a table, a byte that cannot be seen stands as in Rust.
fn unescape(line: &str) -> String {
    [
        (r"\r", "\r"),
        (r"\n", "\n"),
        (r"\t", "\t"),
        (r"\0", "\0"),
        (r"\v", "\u{b}"),
        (r"\x7f", "\u{7f}"),
        (r"\s", " "),
    ]
    .iter()
    .fold(line.to_owned(), |line, (from, to)| line.replace(from, to))
}

const HEADS_REFUSED: &str = r"
    GET / HTTP/1.1\nhost: a\n\n
    GET / HTTP/1.1\r\nhost: a\n\r\n
    GET / HTTP/1.1\nhost: a\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\r\n\n
    GET / HTTP/1.1\rhost: a\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\r\r\n\r\n
    \nGET / HTTP/1.1\r\nhost: a\r\n\r\n
    \r\n\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n
    GET  / HTTP/1.1\r\nhost: a\r\n\r\n
    GET /  HTTP/1.1\r\nhost: a\r\n\r\n
    GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n
    GET /\tHTTP/1.1\r\nhost: a\r\n\r\n
    GET / HTTP/1.1\s\r\nhost: a\r\n\r\n
    \sGET / HTTP/1.1\r\nhost: a\r\n\r\n
    GET / HTTP/1.1\r\n host: a\r\n\r\n
    GET /a b HTTP/1.1\r\nhost: a\r\n\r\n
    GET /\r\n\r\n
    GET / HTTP/1\r\nhost: a\r\n\r\n
    GET / HTTP/1.01\r\nhost: a\r\n\r\n
    GET / http/1.1\r\nhost: a\r\n\r\n
    GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n
    GET /\x7f HTTP/1.1\r\nhost: a\r\n\r\n
    G\0T / HTTP/1.1\r\nhost: a\r\n\r\n
    G[T / HTTP/1.1\r\nhost: a\r\n\r\n
    GET / HTTP/1.1\r\n\r\n
    GET / HTTP/1.1\r\nhost:\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\r\nHOST: b\r\n\r\n
    GET / HTTP/1.0\r\nhost: a\r\nhost: b\r\n\r\n
    GET / HTTP/1.1\r\nhost: a b\r\n\r\n
    GET / HTTP/1.1\r\nhost:\ta\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\t\r\n\r\n
    GET / HTTP/1.1\r\nhost: a/b\r\n\r\n
    GET / HTTP/1.1\r\nhost: u@a\r\n\r\n
    GET / HTTP/1.1\r\nhost: a:b\r\n\r\n
    GET / HTTP/1.1\r\nhost: [::1\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\0\r\n\r\n
    GET / HTTP/1.1\r\nhost : a\r\n\r\n
    GET http://u@a/ HTTP/1.1\r\nhost: a\r\n\r\n
    GET http:///last HTTP/1.1\r\nhost: a\r\n\r\n
    GET http://a/ HTTP/1.1\r\n\r\n
    GET * HTTP/1.1\r\nhost: a\r\n\r\n
    GET last HTTP/1.1\r\nhost: a\r\n\r\n
    GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n
";

const VERSIONS_REFUSED: &str = r"
    GET / HTTP/0.9\r\nhost: a\r\n\r\n
    GET / HTTP/1.2\r\nhost: a\r\n\r\n
    GET / HTTP/2.0\r\nhost: a\r\n\r\n
    GET / HTTP/9.9\r\nhost: a\r\n\r\n
";

const FIELDS_REFUSED: &str = r#"
    content-length: 5\r\ntransfer-encoding: chunked
    transfer-encoding: chunked\r\ncontent-length: 5
    content-length: 5\r\ncontent-length: 5
    content-length: 5\r\ncontent-length: 6
    content-length: 5\r\nContent-Length: 0
    content-length: 5, 5
    content-length: 5,
    content-length: +5
    content-length: -5
    content-length: 0x5
    content-length: 5 5
    content-length: 5.0
    content-length: 5;
    content-length: five
    content-length:
    content-length: 18446744073709551616
    content-length: 99999999999999999999999999
    content-length : 5
    content-length\t: 5
    content-length:\t5
    content-length: 5\t
    transfer-encoding:\tchunked
    transfer-encoding: gzip
    transfer-encoding: identity
    transfer-encoding:
    transfer-encoding: chunked, identity
    transfer-encoding: gzip, chunked
    transfer-encoding: chunked, chunked
    transfer-encoding: chunked\r\ntransfer-encoding: chunked
    transfer-encoding: chunked\r\ntransfer-encoding: identity
    transfer-encoding: xchunked
    transfer-encoding: chunked;x=y
    transfer-encoding: "chunked"
    transfer-encoding:\vchunked
    transfer-encoding: chunked\v
    transfer-encoding: chunk\0ed
    transfer-encoding : chunked
    transfer-encoding\r\n : chunked
    transfer-encoding:\r\n chunked
    x: y\r\n folded
    x: y\r\n\ttransfer-encoding: chunked
    x: a\0b
    x: a\x7fb
    x: a\rcontent-length: 5
    x: a\ncontent-length: 5
    : x
    no colon
    nocolon
    x y: z
    x(: y
    \0: y
"#;

const CHUNKS_REFUSED: &str = r"
    zz\r\n\r\n
    -1\r\n\r\n
    +5\r\n12345\r\n0\r\n\r\n
    0x5\r\n12345\r\n0\r\n\r\n
    5 \r\n12345\r\n0\r\n\r\n
    \s5\r\n12345\r\n0\r\n\r\n
    5\t;x\r\n12345\r\n0\r\n\r\n
    5\n12345\r\n0\r\n\r\n
    5\r12345\r\n0\r\n\r\n
    5\r\n123456\r\n0\r\n\r\n
    5\r\n12345\n0\r\n\r\n
    5\r\n12345\r0\r\n\r\n
    5\r\n123450\r\n\r\n
    5;x\n12345\r\n0\r\n\r\n
    5;x\0\r\n12345\r\n0\r\n\r\n
    ffffffffffffffff0\r\n\r\n
    fffffffffffffffff\r\n\r\n
    00000000000000000\r\n\r\n
    ;x\r\n\r\n
    \r\n\r\n
    0\n\r\n
    0\r\n\n
    0\r\ncontent-length: 5\r\n\r\n
    0\r\nhost: b\r\n\r\n
    0\r\ntransfer-encoding: chunked\r\n\r\n
    0\r\nx : y\r\n\r\n
    0\r\nx: y\n\r\n
    0\r\nx: y\r\n folded\r\n\r\n
";

const ACCEPTED: &str = r"
    GET / HTTP/1.1\r\nhost: a\r\n\r\n
    \r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n
    GET / HTTP/1.1\r\nHost:a:80\r\nx:\t y \t\r\n\r\n
    GET / HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n
    GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n
    GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\r\nconnection: content-length, host, x\r\nx: y\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\r\n
    GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n
";

const ACCEPTED_WITH_BODY: &str = r"
    POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n12345
    POST / HTTP/1.1\r\nhost: a\r\ncontent-length:  0005 \r\n\r\n12345
    POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n5;x=y\r\n12345\r\n0\r\nx: y\r\n\r\n
";

#[test]
fn what_two_servers_could_read_in_two_ways_is_read_in_none() {
    let app = start();
    for (text, want) in table() {
        let got = statuses(app.port(), text.as_bytes());
        assert_eq!(got, want, "{}", shown(text.as_bytes()));
    }
    assert_alive(&app);
}

/// hyper reads some of these as requests; a request that is answered on the short way does not come
/// to hyper, and the one behind it does.
#[test]
fn what_is_refused_is_so_behind_any_other_request() {
    let app = start();
    let before = [
        ("GET /docs/ HTTP/1.1\r\nhost: a\r\n\r\n", 200),
        ("HEAD /docs HTTP/1.1\r\nhost: a\r\n\r\n", 307),
        ("GET /nothing HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n", 404),
    ];
    let refused = [
        "GET / HTTP/1.1\nhost: a\n\n",
        "GET / HTTP/1.1\r\nhost: u@a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 5\r\n\r\n12345",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\n12345\r\n0\r\n\r\n",
    ];
    for (first, status) in before {
        for count in [1, 3] {
            for text in refused {
                let text = first.repeat(count) + text;
                let want = [vec![status; count], vec![400]].concat();
                assert_eq!(statuses_of(&app, &text, first), want, "{text:?}");
            }
        }
    }
    assert_alive(&app);
}

/// As [`statuses`], where the first answers may be to HEAD.
fn statuses_of(app: &RunningApp, text: &str, first: &str) -> Vec<u16> {
    let mut connection = app.connect();
    let _ = connection.send(&[text, LAST].concat().into_bytes());
    let mut statuses = Vec::new();
    let method = |status: u16| match first.starts_with("HEAD") && status == 307 {
        true => "HEAD",
        false => "GET",
    };
    loop {
        let Ok(head) = connection.head() else {
            return statuses;
        };
        statuses.push(head.status);
        let length = head.field("content-length").unwrap_or("0");
        if method(head.status) == "GET" {
            connection.exactly(length.parse().unwrap()).unwrap();
        }
    }
}

/// A client that is still sending when it is refused sees why, and not a reset.
#[test]
fn a_refused_client_that_goes_on_sending_gets_its_answer() {
    let app = start();
    let body = vec![b'x'; 2 << 20];
    for head in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 5\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n",
    ] {
        let mut connection = app.connect();
        let bytes = [head.as_bytes(), &body].concat();
        connection.send(&bytes).unwrap();
        let want = if head.contains("100000000") { 405 } else { 400 };
        let answer = connection.answer("POST").unwrap();
        answer.assert_status(want);
        assert_eq!(answer.field("connection"), Some("close"), "{head:?}");
        assert!(connection.answer("POST").is_err());
    }
    assert_alive(&app);
}

/// What a refusal says, and that it is said to nobody else.
#[test]
fn a_refusal_is_a_page_that_no_cache_keeps() {
    let app = start();
    for (text, status) in [
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\nhost: a\r\n\r\n", 505),
    ] {
        let mut connection = app.connect();
        connection.send(text.as_bytes()).unwrap();
        let answer = connection.answer("GET").unwrap();
        answer.assert_status(status);
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(answer.text().contains(&format!("<h1>{status} ")));
    }
}

#[test]
fn trailers_upgrades_and_expectations_still_work() {
    let app = smuggling_site()
        .worker("hello", "hello")
        .bundle()
        .start(&[]);
    let mut connection = app.connect();
    let chunks = "5\r\n12345\r\n0\r\nx-trailer: y\r\n\r\n";
    let head = "POST /hello HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n";
    for more in [
        "",
        "te: trailers\r\n",
        "connection: upgrade\r\nupgrade: x\r\n",
    ] {
        let text = format!("{head}{more}\r\n{chunks}");
        connection.send(text.as_bytes()).unwrap();
        connection.answer("POST").unwrap().assert_status(200);
    }
    let expects = format!("{head}expect: 100-continue\r\n\r\n");
    connection.send(expects.as_bytes()).unwrap();
    assert_eq!(connection.head().unwrap().status, 100);
    connection.send(chunks.as_bytes()).unwrap();
    connection.answer("POST").unwrap().assert_status(200);
    // In pieces of one byte.
    for byte in format!("{head}\r\n{chunks}").bytes() {
        connection.send(&[byte]).unwrap();
    }
    connection.answer("POST").unwrap().assert_status(200);
}

/// A body that breaks the rules after its head has been read is the worker's failure to get one.
#[test]
fn a_worker_gets_no_body_that_is_framed_wrongly() {
    let app = smuggling_site()
        .worker("hello", "hello")
        .bundle()
        .start(&[]);
    let head = "POST /hello HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for body in ["5\r\n123456\r\n0\r\n\r\n", "5\n12345\r\n0\r\n\r\n"] {
        let mut connection = app.connect();
        connection
            .send(format!("{head}1\r\nx\r\n").as_bytes())
            .unwrap();
        // Whether or not the head has been read by now.
        connection.send(body.as_bytes()).unwrap();
        let _ = connection.send(LAST.as_bytes());
        connection.answer("POST").unwrap().assert_status(400);
        assert!(connection.answer("GET").is_err(), "{body:?}");
    }
    app.get("/hello").assert_status(200);
}

/// Statuses of requests that were not read as such.
fn is_refusal(status: u16) -> bool {
    matches!(status, 400 | 408 | 411 | 413 | 414 | 431 | 501 | 505)
}

/// Whether ours reads a request where nginx refuses, or reads another number of them.
fn is_looser(ours: &[u16], nginx: &[u16]) -> bool {
    let read = |statuses: &[u16]| statuses.iter().take_while(|it| !is_refusal(**it)).count();
    read(ours) > read(nginx)
}

fn compare(app: &RunningApp, nginx: &Nginx, inputs: &[Vec<u8>]) {
    let looser = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let ours = statuses(app.port(), input);
                    let theirs = statuses(nginx.port(), input);
                    if is_looser(&ours, &theirs) {
                        let line = format!("{ours:?} {theirs:?} {}", shown(input));
                        looser.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let looser = looser.into_inner().unwrap();
    assert!(
        looser.is_empty(),
        "ours, nginx, bytes:\n{}",
        looser.join("\n")
    );
}

#[test]
fn nginx_reads_nothing_more_strictly() {
    let site = smuggling_site();
    let Some(nginx) = Nginx::of_files(site.path()) else {
        return;
    };
    let app = start();
    let inputs: Vec<_> = table()
        .into_iter()
        .map(|(text, _)| text.into_bytes())
        .collect();
    compare(&app, &nginx, &inputs);
}

/// Each byte that means something, put into each place of a request.
#[test]
fn nginx_reads_no_request_with_one_more_byte_more_strictly() {
    let site = smuggling_site();
    let Some(nginx) = Nginx::of_files(site.path()) else {
        return;
    };
    let app = start();
    let mut inputs = Vec::new();
    for request in [
        "GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ] {
        for at in 0..=request.len() {
            for byte in *b"\r\n\0 \t:,;x0-\x7f\xff" {
                let (before, after) = request.as_bytes().split_at(at);
                inputs.push([before, &[byte], after].concat());
            }
        }
    }
    compare(&app, &nginx, &inputs);
}
