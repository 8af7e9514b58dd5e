//! Connections that are used again, and by whom.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Method;
use outbound::{CallError, CallOptions, Client, ClientOptions, RequestBody};
use outbound_rules::Refused;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{
    LIMITS, Server, caller, dns, fetch, fetch_text, ok, open_rules, public_rules, read_head,
    request, text,
};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

#[tokio::test]
async fn calls_one_after_another_share_a_connection() {
    let server = Server::http(|_| async { ok("hello") }).await;
    let caller = caller(LIMITS);
    for _ in 0..20 {
        assert_eq!(
            fetch_text(&caller, &server.url("/")).await.unwrap(),
            "hello"
        );
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn workers_with_the_same_reach_share_connections() {
    let server = Server::http(|_| async { ok("hello") }).await;
    let client = Client::new(ClientOptions::default());
    for _ in 0..3 {
        let caller = client.caller(open_rules(), LIMITS);
        fetch_text(&caller, &server.url("/")).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_was_not_read_costs_its_connection() {
    let server = Server::http(|_| async { ok(vec![b'x'; 500_000]) }).await;
    let caller = caller(LIMITS);
    for _ in 0..3 {
        drop(fetch(&caller, &server.url("/")).await.unwrap());
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_connection_made_under_allow_private_is_for_nobody_else() {
    let server = Server::http(|_| async { ok("inside") }).await;
    let port = server.address.port();
    let (address, _) = dns(|_, _| vec![Ipv4Addr::LOCALHOST]).await;
    let client = Client::new(ClientOptions {
        dns_server: Some(address),
        ..ClientOptions::default()
    });
    let url = format!("http://inside.example:{port}/");
    let open = client.caller(open_rules(), LIMITS);
    assert_eq!(fetch_text(&open, &url).await.unwrap(), "inside");
    let public = client.caller(public_rules(), LIMITS);
    let error = fetch(&public, &url).await.unwrap_err();
    assert!(
        matches!(error, CallError::Refused(Refused::Private { .. })),
        "{error:?}"
    );
    assert_eq!(fetch_text(&open, &url).await.unwrap(), "inside");
    assert_eq!(server.connections(), 1);
}

/// Answers one request over its first connection, and closes it when it gets another, unanswered.
async fn closing(received: Arc<AtomicUsize>) -> Server {
    Server::raw(move |number, mut stream: TcpStream| {
        let received = Arc::clone(&received);
        async move {
            for answered in 0.. {
                if read_head(&mut stream).await.is_none() {
                    return;
                }
                received.fetch_add(1, Ordering::SeqCst);
                if number == 0 && answered == 1 {
                    return;
                }
                stream.write_all(HELLO).await.unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_that_may_be_sent_twice_is_when_its_connection_ends() {
    let received = Arc::new(AtomicUsize::new(0));
    let server = closing(Arc::clone(&received)).await;
    let caller = caller(LIMITS);
    for _ in 0..2 {
        assert_eq!(
            fetch_text(&caller, &server.url("/")).await.unwrap(),
            "hello"
        );
    }
    assert_eq!(server.connections(), 2);
    assert_eq!(received.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_request_that_may_not_be_sent_twice_is_not() {
    let received = Arc::new(AtomicUsize::new(0));
    let server = closing(Arc::clone(&received)).await;
    let caller = caller(LIMITS);
    fetch_text(&caller, &server.url("/")).await.unwrap();
    let post = request(
        Method::POST,
        &server.url("/"),
        RequestBody::Whole(Bytes::new()),
    );
    let error = caller.send(post, CallOptions::default()).await.unwrap_err();
    assert!(matches!(error, CallError::Broken(_)), "{error:?}");
    assert_eq!(received.load(Ordering::SeqCst), 2);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_waited_is_no_error() {
    let server = Server::raw(|_, mut stream: TcpStream| async move {
        read_head(&mut stream).await;
        stream.write_all(HELLO).await.unwrap();
    })
    .await;
    let caller = caller(LIMITS);
    for _ in 0..5 {
        let post = request(
            Method::GET,
            &server.url("/"),
            RequestBody::Whole(Bytes::new()),
        );
        let answer = caller.send(post, CallOptions::default()).await.unwrap();
        assert_eq!(text(answer).await.unwrap(), "hello");
    }
    assert_eq!(server.connections(), 5);
}
