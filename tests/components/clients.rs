//! Clients that go away: what a component does for them ends, and its place is free for others.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{BOTH, site_with};
use crate::support::{RunningApp, assert_becomes_free, occupy};

/// Runs a test with components that answer one request at a time, and have nobody wait.
fn each_alone(test: impl Fn(&RunningApp)) {
    let toml = "[limits]\nconcurrency = 1\nqueue = 0\ntime = \"10m\"\n";
    for name in BOTH {
        test(&site_with(name, toml).bundle().start(&[]));
    }
}

/// Sends a request and waits for the beginning of its answer, up to a part of its body.
#[track_caller]
fn begin(app: &RunningApp, line: &str, fields: &str, part: &str) -> TcpStream {
    loop {
        let mut stream = TcpStream::connect(("127.0.0.1", app.port())).unwrap();
        let head = format!("{line} HTTP/1.1\r\nhost: a\r\n{fields}");
        stream.write_all(head.as_bytes()).unwrap();
        let mut received = Vec::new();
        let has = |received: &[u8], text: &str| {
            let mut windows = received.windows(text.len());
            windows.any(|window| window == text.as_bytes())
        };
        while !has(&received, part) {
            let mut piece = [0; 1024];
            let length = stream.read(&mut piece).unwrap();
            received.extend(&piece[..length]);
            // The place of the request before is given back a little after its answer.
            if length == 0 || received.starts_with(b"HTTP/1.1 503") {
                break;
            }
            assert!(received.starts_with(b"HTTP/1.1 200"), "{received:?}");
        }
        if has(&received, part) {
            return stream;
        }
    }
}

#[test]
fn before_the_answer() {
    each_alone(|app| {
        for path in ["/wait-forever", "/loop"] {
            for _ in 0..5 {
                drop(occupy(app, path, "/hello"));
                assert_becomes_free(app, "/hello");
            }
        }
    });
}

#[test]
fn in_the_middle_of_the_answer() {
    each_alone(|app| {
        let requests = [
            ("GET /big?1000000", "\x01\x02\x03"),
            ("PUT /big?1000000", "\x01\x02\x03"),
            ("GET /sse", "data: 1"),
            ("PUT /sse", "data: 1"),
        ];
        for (line, part) in requests {
            for _ in 0..5 {
                drop(begin(app, line, "\r\n", part));
                assert_becomes_free(app, "/hello");
            }
        }
    });
}

#[test]
fn in_the_middle_of_the_request() {
    each_alone(|app| {
        for _ in 0..5 {
            let fields = "transfer-encoding: chunked\r\n\r\n5\r\npiece\r\n";
            drop(begin(app, "POST /echo", fields, "piece"));
            assert_becomes_free(app, "/hello");
        }
    });
}

#[test]
fn those_who_want_no_body_need_not_go_away() {
    each_alone(|app| {
        let answer = app.request("HEAD", "/big?1000000", &[], b"");
        answer.assert_status(200);
        assert_becomes_free(app, "/hello");
    });
}
