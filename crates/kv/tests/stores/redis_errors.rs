//! Why a Redis server cannot be used, in words, and TLS.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kv::{KvError, Location, OpenError, OpenOptions, RedisLocation, Store};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::{Server, free_port};

async fn failure(location: &Location) -> OpenError {
    let error = Store::open(location).await.err().unwrap();
    let text = format!("{error} {error:?} {location:?}");
    assert!(!text.contains("secret"), "{text}");
    error
}

fn redis(address: &str) -> Location {
    Location::parse(&format!("redis://{address}")).unwrap()
}

fn credentials(location: Location, user: Option<&str>, password: &str) -> Location {
    let Location::Redis(location) = location else {
        panic!("not on a server");
    };
    let location: RedisLocation =
        location.with_credentials(user.map(str::to_owned), Some(password.to_owned()));
    Location::Redis(location)
}

#[tokio::test]
async fn passwords_and_databases_are_checked() {
    let Some(server) = Server::start(&["--requirepass", "pass word"]) else {
        return;
    };
    let location = server.location("redis");
    let error = failure(&location).await;
    assert!(matches!(error, OpenError::Credentials { .. }), "{error}");
    for user in [None, Some("default"), Some("nobody")] {
        let wrong = credentials(location.clone(), user, "secret");
        let error = failure(&wrong).await;
        assert!(matches!(error, OpenError::Credentials { .. }), "{error}");
    }
    let right = credentials(location, None, "pass word");
    let space = Store::open(&right).await.unwrap().namespace("n");
    space.set(b"k", Bytes::new()).await.unwrap();
    let of = |database: u32| {
        redis(&format!(
            ":pass%20word@127.0.0.1:{}/{database}",
            server.port()
        ))
    };
    let other = Store::open(&of(3)).await.unwrap().namespace("n");
    assert_eq!(other.get(b"k").await.unwrap(), None);
    let error = failure(&of(99)).await;
    assert!(
        matches!(error, OpenError::NoDatabase { database: 99, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_user_without_rights_is_told_which_are_missing() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let answer = server.tell("ACL SETUSER weak on >secret ~wws:* +get");
    assert_eq!(answer, "+OK");
    let weak = credentials(server.location("redis"), Some("weak"), "secret");
    let error = failure(&weak).await;
    assert!(
        matches!(&error, OpenError::Refused { reason, .. } if reason.contains("NOPERM")),
        "{error}"
    );
    let rights = "+eval +evalsha +script +time +@hash +@sortedset";
    let answer = server.tell(&format!("ACL SETUSER enough on >secret ~wws:* {rights}"));
    assert_eq!(answer, "+OK");
    let enough = credentials(server.location("redis"), Some("enough"), "secret");
    let space = Store::open(&enough).await.unwrap().namespace("n");
    assert_eq!(space.increment(b"k", 1).await.unwrap(), 1);
    server.tell("ACL SETUSER enough -@hash");
    let error = space.get(b"k").await.unwrap_err();
    assert!(matches!(error, KvError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn nothing_and_something_else_are_told_apart() {
    let error = failure(&redis(&format!("127.0.0.1:{}", free_port()))).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    let web = stand_in("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let error = failure(&web).await;
    assert!(matches!(error, OpenError::NotRedis { .. }), "{error}");
    let old = stand_in("$22\r\nredis_version:5.0.14\r\n\r\n").await;
    let error = failure(&old).await;
    assert!(
        matches!(&error, OpenError::TooOld { found, .. } if found == "5.0.14"),
        "{error}"
    );
    let begin = Instant::now();
    let error = failure(&stand_in("").await).await;
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(4));
}

/// Says the same to everything; nothing, if that is empty.
async fn stand_in(answer: &'static str) -> Location {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    redis(&address.to_string())
}

#[tokio::test]
async fn names_go_through_the_given_resolver() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let location = redis(&format!("kv.test:{}", server.port()));
    let options = OpenOptions {
        resolve: Some(Arc::new(|name| {
            assert_eq!(name, "kv.test");
            // Nobody answers at the first one.
            let addresses = ["127.0.0.7", "127.0.0.1"].map(|address| address.parse().unwrap());
            Box::pin(std::future::ready(Ok(addresses.to_vec())))
        })),
        ..OpenOptions::default()
    };
    let store = Store::open_with(&location, options).await.unwrap();
    store.namespace("n").set(b"k", Bytes::new()).await.unwrap();
    let options = OpenOptions {
        resolve: Some(Arc::new(|_| Box::pin(std::future::ready(Ok(Vec::new()))))),
        ..OpenOptions::default()
    };
    for options in [options, OpenOptions::default()] {
        let error = Store::open_with(&location, options).await.err().unwrap();
        assert!(matches!(error, OpenError::NoAddress { .. }), "{error}");
    }
}

#[tokio::test]
async fn tls_trusts_the_right_certificate_for_the_right_name_only() {
    let folder = tempfile::tempdir().unwrap();
    let root = write_certificates(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("server.pem"), path("server.key"));
    let args = [
        "--port",
        "0",
        "--tls-port",
        "PORT",
        "--tls-auth-clients",
        "no",
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &certificate,
    ];
    let Some(server) = Server::start(&args) else {
        return;
    };
    let at = |scheme: &str, host: &str| {
        Location::parse(&format!("{scheme}://{host}:{}", server.port())).unwrap()
    };
    let store = Store::open_with(&at("rediss", "kv.test"), options(Some(&root)))
        .await
        .unwrap();
    assert_eq!(store.namespace("n").increment(b"k", 1).await.unwrap(), 1);
    let of = async |host: &str, root: Option<&CertificateDer<'static>>| {
        Store::open_with(&at("rediss", host), options(root))
            .await
            .err()
            .unwrap()
    };
    let error = of("kv.test", None).await;
    assert!(matches!(error, OpenError::Tls { .. }), "{error}");
    let error = of("other.test", Some(&root)).await;
    assert!(matches!(error, OpenError::Tls { .. }), "{error}");
    let error = failure(&at("redis", "127.0.0.1")).await;
    assert!(error.to_string().contains("rediss://"), "{error}");
    let plain = Server::start(&[]).unwrap();
    let error = failure(&plain.location("rediss")).await;
    assert!(matches!(error, OpenError::Tls { .. }), "{error}");
}

fn options(root: Option<&CertificateDer<'static>>) -> OpenOptions {
    OpenOptions {
        resolve: Some(Arc::new(|_| {
            Box::pin(std::future::ready(Ok(vec![IpAddr::from([127, 0, 0, 1])])))
        })),
        extra_roots: root.into_iter().cloned().collect(),
    }
}

/// A certificate for `kv.test`, and the authority that it is from.
fn write_certificates(folder: &Path) -> CertificateDer<'static> {
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = root.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["kv.test".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    authority.der().clone()
}
