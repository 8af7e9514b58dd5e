//! Answers that are slow, long or large.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Response;
use http_body_util::{BodyExt, Full};
use outbound::{CallError, CallOptions, Limits};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;

use crate::support::{
    LIMITS, Server, ServerBody, caller, fetch, fetch_text, get, ok, read_head, text,
};

const SOON: Duration = Duration::from_millis(200);

/// Sends the bytes again and again after the head of a request.
async fn endless(first: &'static [u8], again: &'static [u8], pause: Duration) -> Server {
    Server::raw(move |_, mut stream| async move {
        read_head(&mut stream).await;
        let mut piece = first;
        while stream.write_all(piece).await.is_ok() {
            piece = again;
            tokio::time::sleep(pause).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_answer_that_says_it_is_too_long_is_refused_at_once() {
    let server = Server::bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 1048577\r\n\r\n").await;
    let error = fetch(&caller(LIMITS), &server.url("/")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the answer is longer than 1MiB; more is allowed by outbound_response under [limits]"
    );
}

#[tokio::test]
async fn an_answer_that_turns_out_too_long_ends_in_an_error() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n";
    let server = endless(head, &[b'x'; 10_000], Duration::ZERO).await;
    let answer = fetch(&caller(LIMITS), &server.url("/")).await.unwrap();
    let mut body = answer.response.into_body();
    let mut read = 0;
    let error = loop {
        match body.frame().await.unwrap() {
            Ok(frame) => read += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert!(read <= 1 << 20, "{read}");
    assert!(
        matches!(error, CallError::ResponseTooLarge { limit: 1_048_576 }),
        "{error:?}"
    );
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn an_answer_of_just_the_length_is_let_through() {
    let server = Server::http(|_| async { ok(vec![b'x'; 1 << 20]) }).await;
    let found = fetch_text(&caller(LIMITS), &server.url("/")).await.unwrap();
    assert_eq!(found.len(), 1 << 20);
}

#[tokio::test]
async fn no_answer_in_time_is_an_error() {
    let server = endless(b"", b"", Duration::from_secs(60)).await;
    let limits = Limits {
        total: SOON,
        ..LIMITS
    };
    let error = fetch(&caller(limits), &server.url("/")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the call was not over after 200ms; more time is given by outbound_time under [limits]"
    );
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_off_in_time() {
    let head = b"HTTP/1.1 200 OK\r\n\r\nx";
    let server = endless(head, b"x", Duration::from_millis(10)).await;
    let limits = Limits {
        total: SOON,
        ..LIMITS
    };
    let error = fetch_text(&caller(limits), &server.url("/"))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::TotalTimeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off_in_time() {
    let server = endless(
        b"HTTP/1.1 200 OK\r\n",
        b"a: b\r\n",
        Duration::from_millis(20),
    )
    .await;
    let limits = Limits {
        total: SOON,
        ..LIMITS
    };
    let error = fetch(&caller(limits), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, CallError::TotalTimeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_call_may_want_its_answer_sooner() {
    let server = endless(b"", b"", Duration::from_secs(60)).await;
    let options = CallOptions {
        first_byte: Some(SOON),
        ..CallOptions::default()
    };
    let error = caller(LIMITS)
        .send(get(&server.url("/")), options)
        .await
        .unwrap_err();
    assert!(
        matches!(error, CallError::FirstByteTimeout { limit: SOON, .. }),
        "{error:?}"
    );

    let head = b"HTTP/1.1 200 OK\r\n\r\nx";
    let server = endless(head, b"", Duration::from_secs(60)).await;
    let options = CallOptions {
        between_bytes: Some(SOON),
        ..CallOptions::default()
    };
    let answer = caller(LIMITS)
        .send(get(&server.url("/")), options)
        .await
        .unwrap();
    let error = text(answer).await.unwrap_err();
    assert!(
        matches!(error, CallError::BetweenBytesTimeout { limit: SOON }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_reader_that_takes_its_time_is_no_slow_answer() {
    let server = Server::http(|_| async { ok(vec![b'x'; 500_000]) }).await;
    let options = CallOptions {
        between_bytes: Some(SOON),
        ..CallOptions::default()
    };
    let answer = caller(LIMITS)
        .send(get(&server.url("/")), options)
        .await
        .unwrap();
    let mut body = answer.response.into_body();
    body.frame().await.unwrap().unwrap();
    tokio::time::sleep(2 * SOON).await;
    body.collect().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_not_taken_is_given_up() {
    // A full queue of connections: further ones are not answered.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    loop {
        let connect = tokio::net::TcpStream::connect(address);
        match tokio::time::timeout(SOON, connect).await {
            Ok(stream) => filling.push(stream.unwrap()),
            Err(_) => break,
        }
    }
    let limits = Limits {
        connect: SOON,
        ..LIMITS
    };
    let error = fetch(&caller(limits), &format!("http://{address}/"))
        .await
        .unwrap_err();
    let want = format!(
        "no connection to {address} within 200ms; more time is given by outbound_connect under [limits], unless the call itself asks for less"
    );
    assert_eq!(error.to_string(), want);
}

/// Ten fields of a head.
const FIELDS: [u8; 60] = {
    let mut fields = [b'b'; 60];
    let mut at = 0;
    while at < 60 {
        fields[at + 1] = b':';
        fields[at + 4] = b'\r';
        fields[at + 5] = b'\n';
        at += 6;
    }
    fields
};

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    for (first, again) in [
        (&b"HTTP/1.1 200 OK\r\n"[..], &FIELDS[..]),
        (b"HTTP/1.1 200 OK\r\na: ", &[b'b'; 5000]),
        (b"HTTP/1.1 200 ", &[b'a'; 5000]),
    ] {
        let server = endless(first, again, Duration::ZERO).await;
        let error = fetch(&caller(LIMITS), &server.url("/")).await.unwrap_err();
        let want = "the answer is no HTTP: its head has more than 65536 bytes or 200 fields";
        assert_eq!(error.to_string(), want);
    }
}

/// How many calls are in the server, and the most that ever were.
#[derive(Default)]
struct Inside {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[tokio::test]
async fn more_calls_than_allowed_wait() {
    let inside = Arc::new(Inside::default());
    let counter = Arc::clone(&inside);
    let gate = Arc::new(Semaphore::new(0));
    let door = Arc::clone(&gate);
    let server = Server::http(move |_| {
        let (counter, door) = (Arc::clone(&counter), Arc::clone(&door));
        async move {
            let now = counter.now.fetch_add(1, Ordering::SeqCst) + 1;
            counter.most.fetch_max(now, Ordering::SeqCst);
            door.acquire().await.unwrap().forget();
            counter.now.fetch_sub(1, Ordering::SeqCst);
            ok("x")
        }
    })
    .await;
    let limits = Limits {
        concurrent: 2,
        ..LIMITS
    };
    let caller = caller(limits);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (caller, url) = (caller.clone(), server.url("/"));
        calls.spawn(async move { fetch_text(&caller, &url).await });
    }
    while inside.now.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    gate.add_permits(6);
    while let Some(done) = calls.join_next().await {
        assert_eq!(done.unwrap().unwrap(), "x");
    }
    assert_eq!(inside.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_call_that_never_gets_its_turn_says_why() {
    let server = Server::http(|_| async {
        let body = Full::new("x".into()).map_err(|never| match never {});
        let answer: Response<ServerBody> = Response::new(body.boxed_unsync());
        answer
    })
    .await;
    let limits = Limits {
        concurrent: 1,
        total: SOON,
        ..LIMITS
    };
    let caller = caller(limits);
    let first = fetch(&caller, &server.url("/")).await.unwrap();
    let error = fetch(&caller, &server.url("/")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the call could not begin within 200ms, since 1 others of this worker run; more are allowed by outbound_calls under [limits]"
    );
    drop(first);
    fetch(&caller, &server.url("/")).await.unwrap();
}
