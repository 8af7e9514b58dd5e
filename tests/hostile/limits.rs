//! What one client may have: the status of each limit, who is counted, and that others are not.

use std::net::{SocketAddr, TcpStream};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use super::http2::{Frames, GOAWAY, RST_STREAM, SETTINGS};
use super::{answers_until_closed, assert_alive, raw, site, start};
use crate::support::{Connection, RunningApp, wait_for};

pub(super) const ADMIN: [&str; 2] = ["--admin", "127.0.0.1:0"];

fn start_counted(arguments: &[&str]) -> RunningApp {
    start(&[&ADMIN[..], arguments].concat())
}

/// How often a limit has been hit, as the metrics say.
#[track_caller]
pub(super) fn hits(app: &RunningApp, limit: &str) -> u64 {
    let line = app.log_line("admin address=");
    let port = line.trim_end_matches('"').rsplit(':').next().unwrap();
    let metrics = Connection::to(port.parse().unwrap()).request("GET", "/metrics", &[], b"");
    let begin = format!("wws_limits_hit_total{{limit=\"{limit}\"}} ");
    let text = metrics.assert_status(200).text();
    let count = text.lines().find_map(|line| line.strip_prefix(&begin));
    count
        .unwrap_or_else(|| panic!("no {limit}: {text}"))
        .parse()
        .unwrap()
}

/// Another client: a connection from 127.0.0.2.
fn other(app: &RunningApp) -> Connection {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
    connect(&socket, &SocketAddr::from(([127, 0, 0, 1], app.port()))).unwrap();
    Connection::over(TcpStream::from(socket))
}

#[test]
fn heads_have_limits_in_all_versions_of_http() {
    let flags = "--max-header-size 1KiB --max-header-fields 10 --max-uri 100B";
    let app = start_counted(&flags.split(' ').collect::<Vec<_>>());
    let http1 = |target: &str, fields: &str, status: u16| {
        // On the short way, and not.
        for more in ["", "te: trailers\r\n"] {
            let request = format!("GET {target} HTTP/1.1\r\nhost: a\r\n{more}{fields}\r\n");
            raw(&app, request.as_bytes()).assert_status(status);
        }
    };
    let path = |bytes: usize| format!("/{}", "p".repeat(bytes - 1));
    let value = |bytes: usize| format!("x: {}\r\n", "v".repeat(bytes));
    http1(&path(100), "", 404);
    http1(&path(101), "", 414);
    http1("/", &"x: y\r\n".repeat(8), 200);
    http1("/", &"x: y\r\n".repeat(10), 431);
    http1("/", &value(900), 200);
    http1("/", &value(1100), 431);
    let counts = ["max_uri", "max_header_fields", "max_header_size"].map(|limit| hits(&app, limit));
    assert_eq!(counts, [2, 2, 2]);

    let http2 = |path: &str, fields: &[(&str, &str)], status: &str| {
        let mut frames = Frames::to(&app);
        frames.get(1, path, fields);
        assert_eq!(frames.status(1), status, "{} {}", path.len(), fields.len());
    };
    let long = "v".repeat(2000);
    http2(&path(100), &[], "404");
    http2(&path(101), &[], "414");
    http2("/", &[("x", "y"); 10], "200");
    http2("/", &[("x", "y"); 11], "431");
    http2("/", &[("x", &long)], "431");
    let counts = ["max_uri", "max_header_fields"].map(|limit| hits(&app, limit));
    assert_eq!(counts, [3, 3]);
    assert_alive(&app);
}

#[test]
fn a_client_has_no_more_connections_than_it_may_and_others_have_theirs() {
    let app = start_counted(&["--max-connections-per-ip", "3"]);
    let mut held: Vec<Connection> = (0..3).map(|_| app.connect()).collect();
    for connection in &mut held {
        connection.request("GET", "/", &[], b"").assert_status(200);
    }
    for _ in 0..5 {
        let mut fourth = app.connect();
        let _ = fourth.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        assert!(answers_until_closed(&mut fourth).is_empty());
    }
    assert_eq!(hits(&app, "max_connections_per_ip"), 5);
    other(&app).request("GET", "/", &[], b"").assert_status(200);
    for connection in &mut held {
        connection.request("GET", "/", &[], b"").assert_status(200);
    }
    held.pop();
    wait_for(|| {
        let mut next = app.connect();
        let _ = next.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        next.answer("GET").ok()
    })
    .assert_status(200);
}

#[test]
fn the_connections_of_a_trusted_proxy_are_not_counted() {
    let app = start(&["--max-connections-per-ip=1", "--trusted-proxy=127.0.0.1"]);
    let mut held: Vec<Connection> = (0..20).map(|_| app.connect()).collect();
    for connection in &mut held {
        connection.request("GET", "/", &[], b"").assert_status(200);
    }
    let mut first = other(&app);
    first.request("GET", "/", &[], b"").assert_status(200);
    let mut second = other(&app);
    let _ = second.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(answers_until_closed(&mut second).is_empty());
}

/// So slow that within a test nobody gets one more.
const RATE: [&str; 4] = ["--rate-limit", "1/m", "--rate-burst", "5"];

#[test]
fn a_client_that_sends_too_many_requests_is_told_when_to_come_back() {
    let app = site().worker("worker", "hello").bundle();
    let app = app.start(&[&ADMIN[..], &RATE[..]].concat());
    let mut connection = app.connect();
    for _ in 0..4 {
        connection.request("GET", "/", &[], b"").assert_status(200);
    }
    app.request("POST", "/worker", &[], b"body")
        .assert_status(200);
    // On the short way and the general one, on an old connection and a new one, with HTTP/2 too.
    for method in ["GET", "HEAD", "GET"] {
        for path in ["/", "/worker", "/nothing"] {
            let answer = connection.request(method, path, &[], b"");
            let after: u32 = answer
                .assert_status(429)
                .field("retry-after")
                .unwrap()
                .parse()
                .unwrap();
            assert!((1..=60).contains(&after), "{after}");
            assert!(answer.field("x-request-id").is_some());
        }
    }
    app.get("/").assert_status(429);
    let posted = app.request("POST", "/worker", &[], b"body");
    assert_eq!(posted.assert_status(429).field("connection"), Some("close"));
    let mut frames = Frames::to(&app);
    frames.get(1, "/", &[]);
    assert_eq!(frames.status(1), "429");
    assert_eq!(hits(&app, "rate_limit"), 12);
    for _ in 0..5 {
        other(&app).request("GET", "/", &[], b"").assert_status(200);
    }
    other(&app).request("GET", "/", &[], b"").assert_status(429);
}

#[test]
fn behind_a_trusted_proxy_its_clients_are_counted_and_others_cannot_pretend() {
    let app = start(&[&RATE[..], &["--trusted-proxy=127.0.0.1"]].concat());
    for client in ["192.0.2.1", "192.0.2.2", "2001:db8::1"] {
        let mut proxy = app.connect();
        for request in 0..7 {
            let fields = [("x-forwarded-for", client)];
            let want = if request < 5 { 200 } else { 429 };
            proxy.request("GET", "/", &fields, b"").assert_status(want);
        }
    }
    let same_block = [("x-forwarded-for", "2001:db8::2")];
    app.get_with("/", &same_block).assert_status(429);
    let mut connection = other(&app);
    for request in 0..7 {
        let made_up = format!("198.51.100.{request}");
        let want = if request < 5 { 200 } else { 429 };
        let fields = [("x-forwarded-for", &*made_up)];
        connection
            .request("GET", "/", &fields, b"")
            .assert_status(want);
    }
}

#[test]
fn a_connection_of_http_2_has_so_many_requests_at_once() {
    let app = site()
        .worker("sleep", "sleep")
        .bundle()
        .start(&["--max-streams", "4"]);
    let mut frames = Frames::to(&app);
    // MAX_CONCURRENT_STREAMS (RFC 9113, 6.5.2).
    let setting = [0, 3, 0, 0, 0, 4];
    assert!(frames.settings.windows(6).any(|window| window == setting));
    for stream in [1, 3, 5, 7, 9] {
        frames.get(stream, "/sleep", &[]);
    }
    let refused = frames.next_of(|frame| frame.kind == RST_STREAM && frame.stream == 9);
    // REFUSED_STREAM (RFC 9113, 7).
    assert_eq!(refused.unwrap().payload, [0, 0, 0, 7]);
    assert_alive(&app);
    drop(frames);
    let mut frames = Frames::to(&app);
    frames.send(SETTINGS, 0, 1, &[]);
    assert!(frames.next_of(|frame| frame.kind == GOAWAY).is_some());
}
