//! Bodies that are longer than anybody wants to hold, both ways.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use outbound::{BoxError, CallError, CallOptions, RequestBody};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::support::{LIMITS, Server, caller, fetch, ok, read_head, request, text};

type Piece = Result<Frame<Bytes>, BoxError>;

/// What comes out of a channel, as a body.
struct Channel(mpsc::Receiver<Piece>);

impl Body for Channel {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(context)
    }
}

fn channel() -> (mpsc::Sender<Piece>, UnsyncBoxBody<Bytes, BoxError>) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Channel(receiver).boxed_unsync())
}

fn data(text: &'static str) -> Piece {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// Pieces without end, counted as they are taken.
struct Endless(Arc<AtomicUsize>);

const PIECE_BYTES: usize = 64 << 10;

impl Body for Endless {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; PIECE_BYTES])))))
    }
}

#[tokio::test]
async fn pieces_go_up_and_come_down_as_they_are_made() {
    let server = Server::http(|request| async {
        let body = request.into_body().map_err(Into::into).boxed_unsync();
        Response::new(body)
    })
    .await;
    let (up, body) = channel();
    let call = request(Method::POST, &server.url("/"), RequestBody::Stream(body));
    let answer = caller(LIMITS)
        .send(call, CallOptions::default())
        .await
        .unwrap();
    let mut down = answer.response.into_body();
    for piece in ["one", "two", "three"] {
        // The next one is not made before this one is back.
        up.send(data(piece)).await.unwrap();
        let frame = down.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    drop(up);
    assert!(down.frame().await.is_none());
}

#[tokio::test]
async fn a_body_that_is_not_taken_is_not_made() {
    // Who never reads the request.
    let server = Server::raw(|_, stream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let taken = Arc::new(AtomicUsize::new(0));
    let body = Endless(Arc::clone(&taken)).boxed_unsync();
    let call = request(Method::POST, &server.url("/"), RequestBody::Stream(body));
    let mut limits = LIMITS;
    limits.total = std::time::Duration::from_millis(500);
    let error = caller(limits)
        .send(call, CallOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::TotalTimeout { .. }), "{error:?}");
    let taken = taken.load(Ordering::SeqCst) * PIECE_BYTES;
    assert!(
        taken < 32 << 20,
        "{taken} bytes went into the buffers of a connection"
    );
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_not_made() {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&made);
    let server = Server::http(move |_| {
        let counter = Arc::clone(&counter);
        async move { Response::new(Endless(counter).boxed_unsync()) }
    })
    .await;
    let answer = fetch(&caller(LIMITS), &server.url("/")).await.unwrap();
    let mut last = 0;
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let now = made.load(Ordering::SeqCst);
        if now == last && now > 0 {
            break;
        }
        last = now;
    }
    assert!(last * PIECE_BYTES < 32 << 20, "{last} pieces");
    drop(answer);
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let server = Server::http(|request| async {
        let collected = request.into_body().collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap();
        let (down, body) = channel();
        tokio::spawn(async move {
            down.send(data("x")).await.unwrap();
            down.send(Ok(Frame::trailers(trailers))).await.unwrap();
        });
        let mut answer = Response::new(body);
        answer
            .headers_mut()
            .insert("trailer", HeaderValue::from_static("x-sum"));
        answer
    })
    .await;
    let (up, body) = channel();
    tokio::spawn(async move {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("7"));
        up.send(data("body")).await.unwrap();
        up.send(Ok(Frame::trailers(trailers))).await.unwrap();
    });
    let mut call = request(Method::POST, &server.url("/"), RequestBody::Stream(body));
    let headers = call.headers_mut();
    headers.insert("trailer", HeaderValue::from_static("x-sum"));
    headers.insert("te", HeaderValue::from_static("trailers"));
    let answer = caller(LIMITS)
        .send(call, CallOptions::default())
        .await
        .unwrap();
    let collected = answer.response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-sum"], "7");
}

#[tokio::test]
async fn a_get_with_an_empty_stream_has_no_body() {
    let server = Server::http(|request| async move {
        let chunked = request.headers().contains_key("transfer-encoding");
        let body = request.into_body().collect().await.unwrap().to_bytes();
        ok(format!("{chunked} {}", body.len()))
    })
    .await;
    let caller = caller(LIMITS);
    for (piece, want) in [(None, "false 0"), (Some("body"), "true 4")] {
        let (up, body) = channel();
        tokio::spawn(async move {
            if let Some(piece) = piece {
                up.send(data(piece)).await.unwrap();
            }
        });
        let call = request(Method::GET, &server.url("/"), RequestBody::Stream(body));
        let answer = caller.send(call, CallOptions::default()).await.unwrap();
        assert_eq!(text(answer).await.unwrap(), want);
    }
}

#[tokio::test]
async fn a_stream_must_be_as_long_as_it_says() {
    let server = Server::http(|request| async {
        match request.into_body().collect().await {
            Ok(body) => ok(format!("{}", body.to_bytes().len())),
            Err(_) => ok("broken"),
        }
    })
    .await;
    for (length, fits) in [(4, true), (3, false), (5, false)] {
        let (up, body) = channel();
        tokio::spawn(async move { up.send(data("body")).await });
        let mut call = request(Method::PUT, &server.url("/"), RequestBody::Stream(body));
        call.headers_mut().insert("content-length", length.into());
        let found = caller(LIMITS).send(call, CallOptions::default()).await;
        match found {
            Ok(answer) if fits => assert_eq!(text(answer).await.unwrap(), "4"),
            Err(CallError::BadRequest(_)) if !fits => {}
            other => panic!("{length}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_the_call() {
    let server = Server::http(|request| async {
        let _ = request.into_body().collect().await;
        std::future::pending().await
    })
    .await;
    let (up, body) = channel();
    tokio::spawn(async move {
        up.send(data("body")).await.unwrap();
        up.send(Err("the source is gone".into())).await.unwrap();
    });
    let call = request(Method::POST, &server.url("/"), RequestBody::Stream(body));
    let error = caller(LIMITS)
        .send(call, CallOptions::default())
        .await
        .unwrap_err();
    let CallError::RequestBody(source) = error else {
        panic!("{error:?}");
    };
    assert_eq!(source.to_string(), "the source is gone");
}

/// A server that tells when its client goes away in the middle of an endless answer.
async fn told_when_left() -> (Server, Arc<Notify>) {
    let left = Arc::new(Notify::new());
    let notify = Arc::clone(&left);
    let server = Server::http(move |_| {
        let notify = Arc::clone(&notify);
        async move {
            let (down, body) = channel();
            tokio::spawn(async move {
                while down.send(data("piece")).await.is_ok() {}
                notify.notify_one();
            });
            Response::new(body)
        }
    })
    .await;
    (server, left)
}

#[tokio::test]
async fn dropping_the_answer_ends_the_call() {
    let (server, left) = told_when_left().await;
    let answer = fetch(&caller(LIMITS), &server.url("/")).await.unwrap();
    let mut body = answer.response.into_body();
    body.frame().await.unwrap().unwrap();
    drop(body);
    left.notified().await;
}

#[tokio::test]
async fn dropping_the_call_closes_its_connection() {
    let (arrived, has_arrived) = oneshot::channel();
    let (left, has_left) = oneshot::channel();
    let ends = std::sync::Mutex::new(Some((arrived, left)));
    let server = Server::raw(move |_, mut stream| {
        let (arrived, left) = ends.lock().unwrap().take().unwrap();
        async move {
            read_head(&mut stream).await;
            arrived.send(()).unwrap();
            // Nothing more comes but the end.
            assert!(read_head(&mut stream).await.is_none());
            left.send(()).unwrap();
        }
    })
    .await;
    let caller = caller(LIMITS);
    let url = server.url("/");
    tokio::select! {
        _ = fetch(&caller, &url) => panic!("nobody answers"),
        _ = has_arrived => {}
    }
    has_left.await.unwrap();
}

#[tokio::test]
async fn an_upload_ends_when_its_answer_is_dropped() {
    let server = Server::http(|request| async {
        let (down, body) = channel();
        tokio::spawn(async move {
            let _upload = request.into_body();
            down.send(data("early")).await.unwrap();
            std::future::pending::<()>().await;
        });
        Response::new(body)
    })
    .await;
    let (up, body) = channel();
    let call = request(Method::POST, &server.url("/"), RequestBody::Stream(body));
    let answer = caller(LIMITS)
        .send(call, CallOptions::default())
        .await
        .unwrap();
    up.send(data("a")).await.unwrap();
    drop(answer);
    up.closed().await;
}

#[tokio::test]
async fn an_upload_goes_on_when_its_answer_is_complete() {
    let (uploaded, has_uploaded) = oneshot::channel();
    let end = std::sync::Mutex::new(Some(uploaded));
    let server = Server::raw(move |_, mut stream| {
        let uploaded = end.lock().unwrap().take().unwrap();
        async move {
            read_head(&mut stream).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
            stream.write_all(answer).await.unwrap();
            // The last piece of a chunked body ends like a head does.
            uploaded.send(read_head(&mut stream).await).unwrap();
        }
    })
    .await;
    let (up, body) = channel();
    up.send(data("first")).await.unwrap();
    let call = request(Method::POST, &server.url("/"), RequestBody::Stream(body));
    let answer = caller(LIMITS)
        .send(call, CallOptions::default())
        .await
        .unwrap();
    assert_eq!(text(answer).await.unwrap(), "hi");
    up.send(data("last")).await.unwrap();
    drop(up);
    let sent = has_uploaded.await.unwrap().unwrap();
    assert_eq!(sent, "5\r\nfirst\r\n4\r\nlast\r\n0\r\n\r\n");
}
