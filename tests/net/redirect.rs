//! Being sent on to https, and told to stay there.

use rustls::version::TLS13;

use super::{Secured, site};
use crate::support::{Connection, RunningApp, TlsClient};

/// The port of the listener that sends clients on.
fn redirect_port(running: &RunningApp) -> u16 {
    let place = running.output_line("Listening on http://127.0.0.1:");
    let (port, rest) = place.split_once(' ').unwrap();
    assert_eq!(rest, "(sends on to https)");
    port.parse().unwrap()
}

#[test]
fn every_request_is_sent_to_the_same_place_by_https() {
    let secured = Secured::new();
    let app = site()
        .file("public/.well-known/acme-challenge/token", "proof")
        .bundle();
    for (flags, at) in [
        (&[][..], None),
        (&["--https-port", "443"], Some(String::new())),
    ] {
        let running = secured.start(&app, &[&["--http-redirect", "0"], flags].concat());
        let at = at.unwrap_or_else(|| format!(":{}", running.port()));
        let mut connection = Connection::to(redirect_port(&running));
        for (method, path, host) in [
            ("GET", "/", "a.example"),
            ("GET", "/large.bin?a=b&c", "a.example:80"),
            ("HEAD", "/", "[::1]:8080"),
            ("DELETE", "/who", "a.example"),
            ("GET", "//evil.example/", "a.example"),
        ] {
            let answer = connection.request(method, path, &[("host", host)], b"");
            answer.assert_status(308);
            let name = host.strip_suffix(":80").unwrap_or(host);
            let name = name.strip_suffix(":8080").unwrap_or(name);
            let want = format!("https://{name}{at}{path}");
            assert_eq!(answer.field("location"), Some(&*want));
        }
        let proof = connection.request("GET", "/.well-known/acme-challenge/token", &[], b"");
        assert_eq!((proof.status, proof.text().as_str()), (200, "proof"));
        let none = connection.request("GET", "/.well-known/acme-challenge/none", &[], b"");
        none.assert_status(404);
        let two = [("host", "a.example"), ("host", "b.example")];
        connection.request("GET", "/", &two, b"").assert_status(400);
    }
}

#[test]
fn nothing_is_served_in_the_clear_to_who_cannot_be_sent_on() {
    let secured = Secured::new();
    let app = site()
        .file("public/.well-known/acme-challenge/token", "proof")
        .bundle();
    let running = secured.start(&app, &["--http-redirect=0"]);
    let port = redirect_port(&running);
    for (head, status) in [
        ("GET / HTTP/1.0", 400),
        ("GET /who HTTP/1.0", 400),
        ("GET / HTTP/1.1\r\nhost: a%0d%0ax", 400),
        ("POST /who HTTP/1.1\r\nhost: %", 400),
        ("OPTIONS * HTTP/1.0", 400),
        ("GET / HTTP/1.0\r\nhost: a.example", 308),
        ("GET /.well-known/acme-challenge/token HTTP/1.0", 200),
    ] {
        let mut connection = Connection::to(port);
        connection
            .send(format!("{head}\r\n\r\n").as_bytes())
            .unwrap();
        let answer = connection.answer("GET").unwrap();
        assert!(!answer.text().contains("Home"), "{head}: {}", answer.text());
        answer.assert_status(status);
    }
}

#[test]
fn only_who_uses_https_is_told_to_stay() {
    let secured = Secured::new();
    let running = secured.start(&site().bundle(), &["--http-redirect=0", "--hsts=1d"]);
    const HSTS: &str = "strict-transport-security";
    let client = TlsClient::new(&secured.authority, &[&TLS13], &["http/1.1"]);
    let mut connection = client.open(running.port());
    // The short way, the general way, workers, and what is not there.
    for (path, fields) in [
        ("/", &[][..]),
        ("/who", &[]),
        ("/", &[("if-none-match", "*")]),
        ("/who", &[("range", "bytes=0-1")]),
        ("/missing", &[]),
    ] {
        let answer = connection.request("GET", path, fields, b"");
        assert_eq!(answer.field(HSTS), Some("max-age=86400"), "{answer:?}");
    }
    let answer = Connection::to(redirect_port(&running)).request("GET", "/", &[], b"");
    assert_eq!(answer.field(HSTS), None);
    let running = site()
        .bundle()
        .start(&["--hsts=1d", "--trusted-proxy=127.0.0.1"]);
    assert_eq!(running.get("/").field(HSTS), None);
    let behind = [("x-forwarded-proto", "https")];
    assert_eq!(
        running.get_with("/", &behind).field(HSTS),
        Some("max-age=86400")
    );
}
