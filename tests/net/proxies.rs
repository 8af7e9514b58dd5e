//! Load balancers that say with the PROXY protocol whose connection they pass on.

use std::io::Write;
use std::net::TcpStream;

use rustls::StreamOwned;
use rustls::version::TLS13;

use super::{Secured, connect_unix, exchange, site};
use crate::support::{Connection, PATIENCE, RunningApp, TlsClient, wait_for};

const TEXT: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\n";

const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x12\x67\x01\xbb";

/// The balancer asks for itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

const REQUEST: &[u8] = b"GET /who HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
    x-forwarded-for: 203.0.113.9\r\n\r\n";

fn connect(running: &RunningApp) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", running.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The answer to bytes on a new connection.
fn answer(running: &RunningApp, bytes: &[&[u8]]) -> String {
    exchange(connect(running), &bytes.concat())
}

#[test]
fn a_trusted_proxy_says_whose_connection_it_is() {
    let app = site().bundle();
    let running = app.start(&["--proxy-protocol", "--trusted-proxy=127.0.0.1"]);
    for header in [TEXT, BINARY] {
        // The client is no proxy: what it says of itself is not believed.
        let text = answer(&running, &[header, REQUEST]);
        assert!(text.ends_with("192.0.2.1 http:"), "{text}");
    }
    // Then it is the proxy that asks, and that is believed what it says of its client.
    for header in [LOCAL, b"PROXY UNKNOWN\r\n"] {
        let text = answer(&running, &[header, REQUEST]);
        assert!(text.ends_with("203.0.113.9 http:"), "{text}");
    }
    for bytes in [
        &[REQUEST][..],
        &[b"PROXY TCP4 nonsense\r\n", REQUEST],
        &[b"PROXY "],
    ] {
        let stream = connect(&running);
        // Nothing more comes, where there was only the beginning of a header. The connection may be
        // closed already.
        let _ = (&stream).write_all(&bytes.concat());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        assert_eq!(exchange(stream, b""), "");
    }
}

/// Whether a connection of this client is answered, which is kept then.
fn held(running: &RunningApp, client: &str) -> Option<Connection> {
    let mut connection = running.connect();
    let header = format!("PROXY TCP4 {client} 192.0.2.200 4711 443\r\n");
    let request = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    // One that is refused may be closed before all of it was sent.
    let _ = connection.send(format!("{header}{request}").as_bytes());
    let answer = connection.answer("GET").ok()?;
    answer.assert_status(200);
    Some(connection)
}

#[test]
fn each_client_behind_a_proxy_has_its_connections_and_no_more() {
    let running = site().bundle().start(&[
        "--proxy-protocol",
        "--trusted-proxy=127.0.0.1",
        "--max-connections-per-ip=2",
    ]);
    let first = held(&running, "192.0.2.1").unwrap();
    let _second = held(&running, "192.0.2.1").unwrap();
    for _ in 0..3 {
        assert!(held(&running, "192.0.2.1").is_none());
    }
    // Others have theirs; those that the proxy makes for itself are not counted.
    let _of_other = held(&running, "192.0.2.2").unwrap();
    let _own: Vec<_> = (0..5)
        .map(|_| held(&running, "127.0.0.1").unwrap())
        .collect();
    drop(first);
    wait_for(|| held(&running, "192.0.2.1"));
}

#[test]
fn who_has_too_many_connections_behind_a_proxy_gets_no_handshake() {
    let secured = Secured::new();
    let flags = [
        "--proxy-protocol",
        "--trusted-proxy=127.0.0.1",
        "--max-connections-per-ip=1",
    ];
    let running = secured.start(&site().bundle(), &flags);
    let client = TlsClient::new(&secured.authority, &[&TLS13], &["http/1.1"]);
    let mut first = connect(&running);
    first.write_all(TEXT).unwrap();
    let _connection = client.handshake(&mut first).unwrap();
    let mut second = connect(&running);
    second.write_all(TEXT).unwrap();
    assert!(client.handshake(&mut second).is_err());
}

#[test]
fn nobody_else_says_so() {
    let app = site().bundle();
    for flags in [
        &[][..],
        &["--proxy-protocol", "--trusted-proxy=192.0.2.0/24"],
    ] {
        let running = app.start(flags);
        let text = answer(&running, &[TEXT, REQUEST]);
        assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
        let text = answer(&running, &[REQUEST]);
        assert!(text.ends_with("127.0.0.1 http:"), "{text}");
    }
}

#[test]
fn a_header_comes_before_tls_and_on_unix_sockets() {
    let secured = Secured::new();
    let flags = ["--proxy-protocol", "--trusted-proxy=127.0.0.1,unix"];
    let app = site().bundle();
    let running = secured.start(&app, &flags);
    let client = TlsClient::new(&secured.authority, &[&TLS13], &["http/1.1"]);
    let mut socket = connect(&running);
    socket.write_all(TEXT).unwrap();
    let connection = client.handshake(&mut socket).unwrap();
    let mut connection = Connection::over(StreamOwned::new(connection, socket));
    let text = connection.request("GET", "/who", &[], b"").text();
    assert_eq!(text, "192.0.2.1 https:");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listen = format!("--listen=unix:{}", path.display());
    let _running = RunningApp::start(app.plain_command(&[&flags[..], &[&listen]].concat()));
    let mut connection = connect_unix(&path).unwrap();
    connection.send(BINARY).unwrap();
    let text = connection.request("GET", "/who", &[], b"").text();
    assert_eq!(text, "192.0.2.1 http:");
}
