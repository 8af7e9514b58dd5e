//! Secure connections, and whom they trust.

use std::sync::Arc;

use outbound::{CallError, Caller, Client, ClientOptions, RootsError, roots_from_pem};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, crypto::ring};
use tokio_rustls::TlsAcceptor;

use crate::support::{LIMITS, Server, fetch, fetch_text, ok, open_rules, serve};

/// An authority of a test.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server that speaks the given protocols and tells which version a request came by.
async fn secure(
    authority: &CertifiedIssuer<'static, KeyPair>,
    name: &str,
    protocols: &[&str],
) -> Server {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::raw(move |_, stream| {
        let acceptor = acceptor.clone();
        async move {
            // A client that does not trust it goes away.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            serve(stream, |request| async move {
                ok(format!("{:?}", request.version()))
            })
            .await;
        }
    })
    .await
}

fn trusting(roots: Vec<Vec<u8>>) -> Caller {
    let options = ClientOptions {
        extra_roots: roots,
        ..ClientOptions::default()
    };
    Client::new(options).caller(open_rules(), LIMITS)
}

fn url(server: &Server, host: &str) -> String {
    format!("https://{host}:{}/", server.address.port())
}

#[tokio::test]
async fn the_server_chooses_the_version() {
    let authority = authority();
    for (protocols, want) in [
        (&["h2", "http/1.1"][..], "HTTP/2.0"),
        (&["http/1.1"], "HTTP/1.1"),
        (&[], "HTTP/1.1"),
    ] {
        let server = secure(&authority, "localhost", protocols).await;
        let caller = trusting(vec![authority.der().to_vec()]);
        let url = url(&server, "localhost");
        for _ in 0..3 {
            assert_eq!(fetch_text(&caller, &url).await.unwrap(), want);
        }
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn calls_at_the_same_time_share_a_connection_of_http2() {
    let authority = authority();
    let server = secure(&authority, "localhost", &["h2"]).await;
    let caller = trusting(vec![authority.der().to_vec()]);
    let url = url(&server, "localhost");
    fetch_text(&caller, &url).await.unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (caller, url) = (caller.clone(), url.clone());
        calls.spawn(async move { fetch_text(&caller, &url).await });
    }
    while let Some(done) = calls.join_next().await {
        assert_eq!(done.unwrap().unwrap(), "HTTP/2.0");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_address_may_have_a_certificate_too() {
    let authority = authority();
    let server = secure(&authority, "127.0.0.1", &["http/1.1"]).await;
    let caller = trusting(vec![authority.der().to_vec()]);
    let found = fetch_text(&caller, &url(&server, "127.0.0.1")).await;
    assert_eq!(found.unwrap(), "HTTP/1.1");
}

#[track_caller]
fn is_tls(found: Result<outbound::Answer, CallError>, want: &str) {
    match found {
        Err(CallError::Tls { reason, .. }) => assert!(reason.contains(want), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nobody_is_trusted_without_reason() {
    let authority = authority();
    let server = secure(&authority, "localhost", &["http/1.1"]).await;
    let here = url(&server, "localhost");
    is_tls(fetch(&trusting(Vec::new()), &here).await, "UnknownIssuer");
    let caller = trusting(vec![authority.der().to_vec()]);
    let elsewhere = url(&server, "other.localhost");
    is_tls(fetch(&caller, &elsewhere).await, "not valid for name");
    let plain = Server::http(|_| async { ok("") }).await;
    is_tls(fetch(&caller, &url(&plain, "localhost")).await, "");
}

#[test]
fn a_file_of_roots_is_checked_when_it_is_read() {
    let pem = authority().pem();
    assert_eq!(roots_from_pem(pem.as_bytes()).unwrap().len(), 1);
    assert_eq!(
        roots_from_pem((pem.clone() + &pem).as_bytes())
            .unwrap()
            .len(),
        2
    );
    assert_eq!(roots_from_pem(b"no certificate"), Err(RootsError::None));
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(
        roots_from_pem((pem + bad).as_bytes()),
        Err(RootsError::Bad { number: 2, .. })
    ));
}
