//! What is sent, and what comes back.

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use outbound::{CallError, CallOptions, RequestBody};
use outbound_rules::{HostPattern, Refused};

use crate::support::{
    LIMITS, Server, ServerBody, caller, fetch, fetch_text, get, ok, open_rules, read_head, request,
    text, whole,
};

/// Method, path, fields and body of a request, as text.
async fn echo(request: Request<Incoming>) -> Response<ServerBody> {
    let (parts, body) = request.into_parts();
    let mut lines = vec![format!("{} {}", parts.method, parts.uri)];
    for (name, value) in &parts.headers {
        lines.push(format!("{name}: {}", value.to_str().unwrap()));
    }
    lines.sort();
    let body = body.collect().await.unwrap().to_bytes();
    lines.push(String::from_utf8(body.to_vec()).unwrap());
    ok(lines.join("\n"))
}

#[tokio::test]
async fn a_call_arrives_and_its_answer_comes_back() {
    let server = Server::http(|_| async {
        let mut answer = Response::new(whole("hello"));
        *answer.status_mut() = StatusCode::CREATED;
        answer
            .headers_mut()
            .insert("x-mine", http::HeaderValue::from_static("1"));
        answer
    })
    .await;
    let answer = fetch(&caller(LIMITS), &server.url("/a?b")).await.unwrap();
    assert_eq!(answer.response.status(), 201);
    assert_eq!(answer.response.headers()["x-mine"], "1");
    assert_eq!(answer.url, server.url("/a?b"));
    assert!(!answer.redirected);
    assert_eq!(text(answer).await.unwrap(), "hello");
}

#[tokio::test]
async fn only_what_is_of_the_worker_is_sent() {
    let server = Server::http(echo).await;
    let mut request = request(
        Method::POST,
        &server.url("/a/../b?c"),
        RequestBody::Whole(Bytes::from_static(b"body")),
    );
    for (name, value) in [
        ("host", "evil.example"),
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("transfer-encoding", "gzip"),
        ("upgrade", "h2c"),
        ("proxy-authorization", "x"),
        ("x-mine", "1"),
    ] {
        let value = http::HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
    }
    let answer = caller(LIMITS).send(request, CallOptions::default()).await;
    let want = format!(
        "POST /a/../b?c\ncontent-length: 4\nhost: {}\nx-mine: 1\nbody",
        server.address
    );
    assert_eq!(text(answer.unwrap()).await.unwrap(), want);
}

#[tokio::test]
async fn a_get_has_no_length() {
    let server = Server::http(echo).await;
    let want = format!("GET /\nhost: {}\n", server.address);
    let found = fetch_text(&caller(LIMITS), &server.url("")).await;
    assert_eq!(found.unwrap(), want);
}

#[tokio::test]
async fn a_length_that_is_not_that_of_the_body_is_refused() {
    let server = Server::http(echo).await;
    let mut request = request(
        Method::POST,
        &server.url("/"),
        RequestBody::Whole(Bytes::from_static(b"body")),
    );
    request.headers_mut().insert("content-length", 5.into());
    let error = caller(LIMITS)
        .send(request, CallOptions::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the call cannot be made: its Content-Length differs from the length of its body; leave the field out"
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_the_rules_refuse_opens_no_connection() {
    let server = Server::http(echo).await;
    let mut rules = open_rules();
    rules.hosts = vec![HostPattern::parse("other.example").unwrap()];
    let client = outbound::Client::new(outbound::ClientOptions::default());
    let caller = client.caller(rules, LIMITS);
    let error = caller
        .send(get(&server.url("/")), CallOptions::default())
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::Refused(Refused::Host { .. })),
        "{error}"
    );
    let call = request(
        Method::TRACE,
        &server.url("/"),
        RequestBody::Whole(Bytes::new()),
    );
    let caller = client.caller(open_rules(), LIMITS);
    let error = caller.send(call, CallOptions::default()).await.unwrap_err();
    assert!(
        matches!(error, CallError::Refused(Refused::MethodNever { .. })),
        "{error}"
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn heads_before_the_answer_are_skipped() {
    let server = Server::bytes(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
    )
    .await;
    let found = fetch_text(&caller(LIMITS), &server.url("/")).await;
    assert_eq!(found.unwrap(), "hi");
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_whatever_its_length_says() {
    let server = Server::bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await;
    let call = request(
        Method::HEAD,
        &server.url("/"),
        RequestBody::Whole(Bytes::new()),
    );
    let answer = caller(LIMITS)
        .send(call, CallOptions::default())
        .await
        .unwrap();
    assert_eq!(text(answer).await.unwrap(), "");
}

#[tokio::test]
async fn what_is_no_http_is_told() {
    let server = Server::bytes(b"SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
    let error = fetch(&caller(LIMITS), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, CallError::Protocol(_)), "{error:?}");
    let server = Server::bytes(
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    )
    .await;
    let error = fetch(&caller(LIMITS), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, CallError::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_is_lost_is_told() {
    let server = Server::raw(|_, mut stream| async move {
        read_head(&mut stream).await;
    })
    .await;
    let error = fetch(&caller(LIMITS), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, CallError::Broken(_)), "{error:?}");

    let server = Server::raw(|_, mut stream| async move {
        use tokio::io::AsyncWriteExt;
        read_head(&mut stream).await;
        let part = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\npart";
        stream.write_all(part).await.unwrap();
    })
    .await;
    let error = fetch_text(&caller(LIMITS), &server.url("/"))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::Broken(_)), "{error:?}");
}

#[tokio::test]
async fn nobody_at_the_port_is_told() {
    // Bound, so that nobody else gets it, but not listened to.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    let error = fetch(&caller(LIMITS), &format!("http://{address}/"))
        .await
        .unwrap_err();
    let want = format!("{address} cannot be reached: Connection refused (os error 111)");
    assert_eq!(error.to_string(), want);
}
