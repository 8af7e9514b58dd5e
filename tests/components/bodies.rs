//! Request bodies that are longer than they may be, or that stand still.

use super::{each_version, site};
use crate::support::{RunningApp, assert_discreet};

const LIMIT: [&str; 2] = ["--worker-request-body", "100KiB"];

#[test]
fn a_body_may_be_as_long_as_its_limit_and_no_longer() {
    each_version(&LIMIT, |app| {
        let body = vec![b'x'; 100 << 10];
        assert!(
            app.request("POST", "/echo", &[], &body)
                .assert_status(200)
                .body
                == body
        );
        let body = vec![b'x'; (100 << 10) + 1];
        assert_discreet(app.request("POST", "/echo", &[], &body).assert_status(413));
        let line = app.log_line("worker_failed");
        for part in [
            "`request_body` of 100KiB",
            "worker=[...path].wasm status=413",
        ] {
            assert!(line.contains(part), "no {part:?} in {line}");
        }
        // The length that is announced is enough: nobody has to send it first.
        let mut connection = app.connect();
        let head = "POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\
            content-length: 1000000\r\n\r\n";
        connection.send(head.as_bytes()).unwrap();
        connection.answer("POST").unwrap().assert_status(413);
    });
}

/// A body in chunks of 1000 bytes.
fn chunked(length: usize) -> Vec<u8> {
    let chunk = |size: usize| [format!("{size:x}\r\n").into_bytes(), vec![b'x'; size]].concat();
    let mut body = Vec::new();
    for _ in 0..length / 1000 {
        body.extend(chunk(1000));
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n\r\n");
    body
}

/// What comes of a chunked body: the answer, or nothing if it broke off.
fn post_chunked(app: &RunningApp, path: &str, length: usize) -> Option<(u16, usize)> {
    let mut connection = app.connect();
    let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    connection.send(head.as_bytes()).unwrap();
    // The server may have refused, and closed, before it has read all of it.
    let _ = connection.send(&chunked(length));
    let answer = connection.answer("POST").ok()?;
    Some((answer.status, answer.body.len()))
}

#[test]
fn a_body_that_turns_out_too_long_is_never_taken_for_a_whole_one() {
    each_version(&LIMIT, |app| {
        assert_eq!(post_chunked(app, "/echo", 100_000), Some((200, 100_000)));
        for length in [103_000, 1_000_000] {
            // The component may have begun to answer.
            let answer = post_chunked(app, "/echo", length);
            assert!(
                matches!(answer, None | Some((413, _))),
                "{length}: {answer:?}"
            );
        }
        app.get("/hello").assert_status(200);
    });
}

#[test]
fn a_short_body_that_stands_still_is_408() {
    each_version(&["--body-timeout", "200ms"], |app| {
        let mut connection = app.connect();
        let head = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345";
        connection.send(head.as_bytes()).unwrap();
        assert_discreet(connection.answer("POST").unwrap().assert_status(408));
        let line = app.log_line("worker_failed");
        for part in ["worker=[...path].wasm status=408", "200ms"] {
            assert!(line.contains(part), "no {part:?} in {line}");
        }
    });
}

#[test]
fn a_long_body_that_stands_still_is_given_up() {
    each_version(&["--body-timeout", "200ms"], |app| {
        let mut connection = app.connect();
        let head =
            "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n";
        connection.send(head.as_bytes()).unwrap();
        // It has begun to answer.
        let head = connection.head().unwrap();
        if head.status == 200 {
            assert_eq!(connection.chunk().unwrap(), b"abcde");
            assert!(connection.chunk().is_err());
        } else {
            head.assert_status(408);
        }
        app.get("/hello").assert_status(200);
    });
}

#[test]
fn a_body_that_nobody_reads_is_no_obstacle() {
    let app = site("http_p2").bundle().start(&[]);
    let mut connection = app.connect();
    let answer = connection.request("POST", "/hello", &[], &vec![b'x'; 60 << 10]);
    assert_eq!(answer.assert_status(200).text(), "hello");
    // Small ones are read all the same, and the connection is kept.
    let answer = connection.request("GET", "/hello", &[], b"");
    assert_eq!(answer.assert_status(200).text(), "hello");
    let answer = app.request("POST", "/hello", &[], &vec![b'x'; 1 << 20]);
    assert_eq!(answer.assert_status(200).text(), "hello");
}
