//! TLS: versions, protocols, sessions, and clients that do not speak it.

use std::net::TcpStream;

use bytes::Bytes;
use http::Request;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ProtocolVersion};
use tokio::runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{Secured, exchange, rest_of, site};
use crate::support::{Ended, PATIENCE, RunningApp, TlsClient};

#[test]
fn both_versions_are_spoken_with_and_without_a_protocol() {
    let secured = Secured::new();
    let app = site().bundle();
    let running = secured.start(&app, &[]);
    let place = running.output_line("Listening on ");
    assert_eq!(place, format!("https://127.0.0.1:{}", running.port()));
    for (version, want) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        for protocols in [&[][..], &["http/1.1"], &["h2", "http/1.1"]] {
            let client = TlsClient::new(&secured.authority, &[version], protocols);
            let stream = client.connect(running.port()).unwrap();
            assert_eq!(stream.conn.protocol_version(), Some(want));
            let agreed = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
            assert_eq!(
                agreed.as_deref(),
                protocols.first().map(|name| name.as_bytes())
            );
        }
    }
}

#[test]
fn one_connection_serves_assets_and_workers() {
    let secured = Secured::new();
    let app = site().bundle();
    let running = secured.start(&app, &[]);
    for version in [&TLS12, &TLS13] {
        let client = TlsClient::new(&secured.authority, &[version], &["http/1.1"]);
        let mut connection = client.open(running.port());
        for _ in 0..3 {
            assert_eq!(
                connection.request("GET", "/", &[], b"").text(),
                "<h1>Home</h1>"
            );
            let large = connection.request("GET", "/large.bin", &[], b"");
            assert_eq!(large.body, vec![b'x'; 300_000]);
            let who = connection.request("GET", "/who", &[], b"");
            assert_eq!(who.text(), "127.0.0.1 https:", "{}", running.log());
        }
        // The general way, from here on.
        let part = [("range", "bytes=0-9")];
        connection
            .request("GET", "/large.bin", &part, b"")
            .assert_status(206);
        connection.request("GET", "/", &[], b"").assert_status(200);
        let close = [("connection", "close")];
        connection
            .request("GET", "/", &close, b"")
            .assert_status(200);
        // With a word that it is the end, or reading would be an error.
        assert_eq!(connection.read_to_end().unwrap(), b"");
    }
    assert_eq!(running.log(), "");
}

#[test]
fn a_connection_is_closed_with_a_word_when_the_app_ends() {
    let secured = Secured::new();
    let mut running = secured.start(&site().bundle(), &[]);
    let client = TlsClient::new(&secured.authority, &[&TLS13], &["http/1.1"]);
    let mut connection = client.open(running.port());
    connection.request("GET", "/", &[], b"").assert_status(200);
    running.signal("TERM");
    assert_eq!(connection.read_to_end().unwrap(), b"");
    assert_eq!(running.wait(), Some(0), "{}", running.log());
}

/// A GET over HTTP/2.
async fn get_http2(client: TlsClient, port: u16, path: &str) -> (u16, Vec<u8>) {
    let socket = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(client.0)
        .connect(name, socket)
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("https://localhost:{port}{path}"))
        .body(())
        .unwrap();
    let mut sender = sender.ready().await.unwrap();
    let (response, _) = sender.send_request(request, true).unwrap();
    let response = response.await.unwrap();
    let status = response.status().as_u16();
    let mut receiving = response.into_body();
    let mut body = Vec::new();
    while let Some(piece) = receiving.data().await {
        let piece: Bytes = piece.unwrap();
        receiving
            .flow_control()
            .release_capacity(piece.len())
            .unwrap();
        body.extend(piece);
    }
    connection.abort();
    (status, body)
}

#[test]
fn http2_is_spoken_by_who_has_agreed_on_it() {
    let secured = Secured::new();
    let running = secured.start(&site().bundle(), &[]);
    let client = TlsClient::new(&secured.authority, &[&TLS13], &["h2"]);
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let get = |path| {
        let get = get_http2(client.clone(), running.port(), path);
        runtime.block_on(async { tokio::time::timeout(PATIENCE, get).await.unwrap() })
    };
    assert_eq!(get("/"), (200, b"<h1>Home</h1>".to_vec()));
    assert_eq!(get("/large.bin"), (200, vec![b'x'; 300_000]));
    assert_eq!(get("/who"), (200, b"127.0.0.1 https:".to_vec()));
    // Who has agreed on one version and speaks the other is not answered.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let head = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let client = |name| TlsClient::new(&secured.authority, &[&TLS13], &[name]);
    let stream = client("http/1.1").connect(running.port()).unwrap();
    assert_eq!(exchange(stream, preface), "");
    let stream = client("h2").connect(running.port()).unwrap();
    assert_eq!(exchange(stream, head), "");
}

#[test]
fn a_client_that_comes_again_goes_on_with_its_session() {
    let secured = Secured::new();
    let running = secured.start(&site().bundle(), &[]);
    for version in [&TLS12, &TLS13] {
        let client = TlsClient::new(&secured.authority, &[version], &["http/1.1"]);
        let kinds = [(); 2].map(|()| {
            let mut stream = client.connect(running.port()).unwrap();
            let kind = stream.conn.handshake_kind();
            // The tickets of TLS 1.3 come with the first answer.
            let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
            assert!(exchange(&mut stream, request).ends_with("<h1>Home</h1>"));
            kind
        });
        assert_eq!(
            kinds,
            [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]
        );
    }
}

#[test]
fn who_does_not_speak_tls_or_says_nothing_is_closed() {
    let secured = Secured::new();
    let running = secured.start(&site().bundle(), &["--header-timeout", "300ms"]);
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", running.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let answer = exchange(connect(), b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(!answer.contains("HTTP/1.1 200"), "{answer:?}");
    // All at once, so that the test waits for one limit and not for three.
    let silent = [connect(), connect(), connect()];
    let client = TlsClient::new(&secured.authority, &[&TLS13], &[]);
    client
        .open(running.port())
        .request("GET", "/", &[], b"")
        .assert_status(200);
    for stream in silent {
        assert_eq!(rest_of(stream), b"");
    }
}

#[test]
fn what_cannot_be_served_with_ends_the_start_with_1_and_words() {
    let (secured, other) = (Secured::new(), Secured::new());
    let app = site().bundle();
    let [_, certificate, _, key] = secured.flags();
    let [_, _, _, other_key] = other.flags();
    let start = |certificate: &str, key: &str| {
        RunningApp::try_start(app.command(&["--tls-cert", certificate, "--tls-key", key]))
    };
    let missing = secured.folder.path().join("missing").display().to_string();
    for (certificate, key, want) in [
        (
            &certificate,
            &other_key,
            "not that of the first certificate",
        ),
        (&key, &key, "no certificate"),
        (&certificate, &certificate, "no private key"),
        (&missing, &key, "--tls-cert: cannot read"),
        (&certificate, &missing, "--tls-key: cannot read"),
    ] {
        let Err(Ended { status, log }) = start(certificate, key) else {
            panic!("it serves with {certificate} and {key}");
        };
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains(want), "{log}");
    }
}

#[test]
fn a_key_that_everybody_can_read_is_served_with_and_said() {
    use std::os::unix::fs::PermissionsExt;
    let secured = Secured::new();
    let key = secured.folder.path().join("key.pem");
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let running = secured.start(&site().bundle(), &[]);
    let line = running.log_line("tls_certificate");
    assert!(line.contains("key.pem") && line.contains("chmod"), "{line}");
}
