//! Where a request ends and the next one begins.

use super::{answers_until_closed, assert_alive, site, start};
use crate::support::RunningApp;

#[test]
fn requests_sent_at_once_are_answered_in_their_order() {
    let app = site()
        .file("large.txt", "A line.\n".repeat(1 << 16))
        .bundle()
        .start(&[]);
    let table = [
        ("GET", "/about", 200, "about"),
        ("GET", "/nothing/..", 400, ""),
        ("HEAD", "/about", 200, ""),
        ("GET", "/docs/", 200, "docs"),
        ("POST", "/about", 405, ""),
        ("OPTIONS", "*", 204, ""),
        ("GET", "/docs", 307, ""),
        ("GET", "/large.txt", 200, ""),
        ("GET", "/", 200, "<h1>Home</h1>"),
    ];
    let mut connection = app.connect();
    let mut requests = String::new();
    for (method, path, ..) in table.repeat(30) {
        requests += &format!("{method} {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    connection.send(requests.as_bytes()).unwrap();
    for (method, path, status, body) in table.repeat(30) {
        let answer = connection.answer(method).unwrap();
        answer.assert_status(status);
        assert!(
            body.is_empty() || answer.text() == body,
            "{method} {path}: {answer:?}"
        );
    }
    assert_alive(&app);
}

/// Each of these is read as one request by some servers and as two by others. Ours answers the
/// first at most, and never what was hidden behind it.
#[test]
fn no_request_can_be_smuggled_in_another() {
    #[track_caller]
    fn check(app: &RunningApp, head: &str, body: &str, want: u16) {
        let mut connection = app.connect();
        let smuggled = "GET /docs/ HTTP/1.1\r\nhost: a\r\n\r\n";
        let request = format!("{head}\r\nhost: a\r\n\r\n{body}{smuggled}");
        let _ = connection.send(request.as_bytes());
        let answers = answers_until_closed(&mut connection);
        assert_eq!(answers.len(), 1, "{head}: {answers:?}");
        answers[0].assert_status(want);
        assert_alive(app);
    }
    let app = start(&[]);
    for method in ["GET", "POST"] {
        let check = |fields: &str, body: &str, want: u16| {
            check(
                &app,
                &format!("{method} / HTTP/1.1\r\n{fields}"),
                body,
                want,
            );
        };
        check(
            "content-length: 5\r\ntransfer-encoding: chunked",
            "0\r\n\r\n",
            400,
        );
        check(
            "transfer-encoding: chunked\r\ncontent-length: 50",
            "0\r\n\r\n",
            400,
        );
        check("content-length: 5\r\ncontent-length: 6", "12345", 400);
        check("content-length: 5, 6", "12345", 400);
        check("content-length: +5", "12345", 400);
        check("content-length: -5", "12345", 400);
        check("content-length: 0x5", "12345", 400);
        check("content-length: 5 5", "12345", 400);
        check("content-length:", "12345", 400);
        check("content-length: 99999999999999999999999", "12345", 400);
        check("transfer-encoding: gzip", "12345", 400);
        check("transfer-encoding: chunked, identity", "0\r\n\r\n", 400);
        check("transfer-encoding: xchunked", "0\r\n\r\n", 400);
        check("transfer-encoding:\u{b}chunked", "0\r\n\r\n", 400);
        check("transfer-encoding : chunked", "0\r\n\r\n", 400);
        check("transfer-encoding: chunked", "zz\r\n\r\n", 400);
        check("transfer-encoding: chunked", "-1\r\n\r\n", 400);
        check(
            "transfer-encoding: chunked",
            "fffffffffffffffff\r\n\r\n",
            400,
        );
        check(
            "transfer-encoding: chunked",
            "5\r\n123456\r\n0\r\n\r\n",
            400,
        );
        check("transfer-encoding: chunked", "0x0\r\n\r\n", 400);
    }
    check(
        &app,
        "GET / HTTP/1.0\r\ntransfer-encoding: chunked",
        "0\r\n\r\n",
        400,
    );
}

#[test]
fn a_body_that_an_asset_has_no_use_for_ends_the_connection_and_is_not_read_as_a_request() {
    let app = start(&[]);
    let smuggled = "GET /docs/ HTTP/1.1\r\nhost: a\r\n\r\n";
    for (method, status) in [("POST", 405), ("GET", 200)] {
        let length = smuggled.len();
        let mut connection = app.connect();
        let request =
            format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{smuggled}");
        connection.send(request.as_bytes()).unwrap();
        let answer = connection.answer(method).unwrap();
        answer.assert_status(status);
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(connection.answer(method).is_err(), "the body was answered");
    }
    // One that is announced and does not come keeps nobody.
    app.request("POST", "/", &[("content-length", "1000000000000")], b"")
        .assert_status(405);
    let expect = [("expect", "100-continue"), ("content-length", "5")];
    app.request("POST", "/", &expect, b"").assert_status(405);
    assert_alive(&app);
}
