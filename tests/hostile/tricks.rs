//! Requests that are valid and mean harm: each is tried on the short way and on the general one.

use super::{assert_alive, raw, site};
use crate::support::{Answer, RunningApp, TestSite};

/// A request that must never be answered where it stands: in a body.
const HIDDEN: &str = "GET /docs/ HTTP/1.1\r\nhost: a\r\n\r\n";

fn worker_site() -> TestSite {
    site().worker("worker", "hello")
}

/// Sends all at once, and wants these statuses, in this order, to GETs or to `method`.
#[track_caller]
fn check(app: &RunningApp, requests: &[(&str, String, u16)]) {
    let mut connection = app.connect();
    let bytes: String = requests.iter().map(|(_, bytes, _)| &**bytes).collect();
    connection.send(bytes.as_bytes()).unwrap();
    for (method, bytes, status) in requests {
        let answer = connection.answer(method);
        let answer = answer.unwrap_or_else(|error| panic!("{bytes:?}: {error}"));
        assert_eq!(answer.status, *status, "{bytes:?}: {answer:?}");
    }
}

fn get(path: &str) -> (&'static str, String, u16) {
    let text = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    ("GET", text, 200)
}

fn with_body(method: &'static str, fields: &str) -> (&'static str, String, u16) {
    let length = HIDDEN.len();
    let head = format!("{method} /worker HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n");
    (method, format!("{head}{fields}\r\n{HIDDEN}"), 200)
}

fn with_chunks(method: &'static str, trailers: &str) -> (&'static str, String, u16) {
    let head =
        format!("{method} /worker HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    let size = HIDDEN.len();
    let text = format!("{head}{size:x}\r\n{HIDDEN}\r\n0\r\n{trailers}\r\n");
    (method, text, 200)
}

#[test]
fn bodies_between_gets_are_read_to_their_end_and_no_further() {
    let app = worker_site().bundle().start(&[]);
    for method in ["POST", "GET", "HEAD", "DELETE", "PUT"] {
        for body in [
            with_body(method, ""),
            with_body(method, "connection: content-length\r\n"),
            with_body(
                method,
                "connection: keep-alive, transfer-encoding, host\r\n",
            ),
            with_body(method, "x-http-method-override: GET\r\n"),
            with_body(method, "content-encoding: gzip\r\nte: chunked\r\n"),
            with_chunks(method, ""),
            with_chunks(method, "x-content-length: 5\r\nconnection: close\r\n"),
        ] {
            check(
                &app,
                &[
                    get("/"),
                    get("/worker"),
                    body.clone(),
                    get("/"),
                    body,
                    get("/about"),
                ],
            );
        }
    }
    assert_alive(&app);
}

#[test]
fn the_body_of_a_head_request_for_an_asset_is_not_answered() {
    let app = worker_site().bundle().start(&[]);
    let length = HIDDEN.len();
    for framing in [
        format!("content-length: {length}\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{HIDDEN}\r\n0\r\n\r\n"),
    ] {
        let mut connection = app.connect();
        let text = format!("HEAD / HTTP/1.1\r\nhost: a\r\n{framing}");
        connection.send(text.as_bytes()).unwrap();
        connection.answer("HEAD").unwrap().assert_status(200);
        assert!(connection.answer("GET").is_err(), "{framing:?}");
    }
    assert_alive(&app);
}

#[test]
fn trailers_are_no_request() {
    let app = worker_site().bundle().start(&[]);
    for trailers in [
        HIDDEN.trim_end(),
        "GET / HTTP/1.1\r\nx: y",
        "host: b\r\nx: y",
    ] {
        let (method, text, _) = with_chunks("POST", &format!("{trailers}\r\n"));
        let mut connection = app.connect();
        connection.send(text.as_bytes()).unwrap();
        connection.answer(method).unwrap().assert_status(400);
        assert!(connection.answer("GET").is_err(), "{trailers:?}");
    }
    assert_alive(&app);
}

#[test]
fn a_prefix_cannot_be_walked_around() {
    #[track_caller]
    fn check(app: &RunningApp, path: &str, status: u16, location: Option<&str>) {
        for more in ["", "te: trailers\r\n"] {
            let text = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{more}\r\n");
            let answer: Answer = raw(app, text.as_bytes());
            assert_eq!(answer.status, status, "{path}: {answer:?}");
            assert_eq!(answer.field("location"), location, "{path}");
        }
    }
    let app = site().bundle().start(&["--prefix", "/p"]);
    for good in [
        "/p/",
        "/p/docs/",
        "/%70/docs/",
        "//p//docs//",
        "/p/docs/?/../x",
        "/p/%64ocs/",
    ] {
        check(&app, good, 200, None);
    }
    for nothing in [
        "/",
        "/docs/",
        "/P/docs/",
        "/px",
        "/pdocs/",
        "/p.",
        "/p;/docs/",
        "/p%3f/docs/",
    ] {
        check(&app, nothing, 404, None);
    }
    for bad in [
        "/p/..",
        "/p/../docs/",
        "/p/%2e%2e/docs/",
        "/p/.%2e/docs/",
        "/p/./docs/",
        "/p%2fdocs/",
        "/p%2Fdocs/",
        "/p%5cdocs/",
        "/p\\docs/",
        "/p/docs%00",
        "/p%00/docs/",
        "/p/%c0%ae%c0%ae/",
        "/p/%e0%80%ae/",
        "/p/%f0%80%80%ae/",
        "/p/%ff/",
        "/p/%/",
        "/p/%2",
        "/x/../p/docs/",
    ] {
        check(&app, bad, 400, None);
    }
    check(&app, "/p/docs", 307, Some("/p/docs/"));
    check(&app, "/p//docs", 307, Some("/p/docs/"));
    check(
        &app,
        "//p/docs?//evil.example",
        307,
        Some("/p/docs/?//evil.example"),
    );
}

/// A redirect leads to this server, whatever stands in the request.
#[test]
fn a_redirect_cannot_be_sent_elsewhere() {
    let app = site()
        .file("evil.example/index.html", "not so evil")
        .bundle()
        .start(&[]);
    let location = |target: &str, host: &str| {
        let text = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        let answer = raw(&app, text.as_bytes());
        answer.field("location").map(str::to_owned)
    };
    for (target, want) in [
        ("/evil.example", "/evil.example/"),
        ("//evil.example", "/evil.example/"),
        ("///evil.example", "/evil.example/"),
        ("http://evil.example/docs", "/docs/"),
        ("/docs?%0d%0aset-cookie:a=b", "/docs/?%0d%0aset-cookie:a=b"),
        (
            "/docs?next=http://evil.example",
            "/docs/?next=http://evil.example",
        ),
    ] {
        for host in ["a", "evil.example", "evil.example:80"] {
            assert_eq!(location(target, host).as_deref(), Some(want), "{target}");
        }
    }
    for target in [
        "/\\evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/%2f/evil.example",
    ] {
        assert_eq!(location(target, "a"), None, "{target}");
    }
}

/// A client cannot make itself a refusal that is meant for another request.
#[test]
fn nobody_can_send_what_stands_for_a_refused_request() {
    let app = site().bundle().start(&[]);
    let check = |bytes: &[u8], status: u16| {
        let mut connection = app.connect();
        connection.send(bytes).unwrap();
        connection.answer("GET").unwrap().assert_status(status);
    };
    check(
        b"REFUSED * HTTP/1.1\r\nconnection: close\r\nhost: \xff505\r\n\r\n",
        400,
    );
    check(
        b"GET / HTTP/1.1\r\nconnection: close\r\nhost: \xff505\r\n\r\n",
        400,
    );
    check(b"GET / HTTP/1.1\r\nhost: \xff200\r\n\r\n", 400);
    check(b"REFUSED / HTTP/1.1\r\nhost: a\r\n\r\n", 501);
    assert_alive(&app);
}
