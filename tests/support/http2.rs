//! A client that speaks HTTP/2 without TLS, for what HTTP/1.1 has no room for.

use bytes::Bytes;
use http::request::Builder;
use http::{HeaderMap, Request};
use tokio::net::TcpStream;
use tokio::runtime;

use super::{PATIENCE, RunningApp};

/// An answer with its trailers.
#[derive(Debug)]
pub(crate) struct Http2Answer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// `None` if there are none.
    pub(crate) trailers: Option<HeaderMap>,
}

/// Sends a body and trailers, and reads the answer.
#[track_caller]
pub(crate) fn post_http2(
    app: &RunningApp,
    path: &str,
    body: &'static [u8],
    trailers: HeaderMap,
) -> Http2Answer {
    ask(app, Request::post(path), Some((body, trailers)))
}

/// Sends a request without a body, and reads the answer.
#[track_caller]
pub(crate) fn request_http2(
    app: &RunningApp,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
) -> Http2Answer {
    let request = Request::builder().method(method).uri(path);
    let request = fields.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    ask(app, request, None)
}

/// Asks `localhost` for the path that the request names.
#[track_caller]
fn ask(app: &RunningApp, request: Builder, sent: Option<Sent>) -> Http2Answer {
    let path = request.uri_ref().unwrap().to_string();
    let uri = format!("http://localhost:{}{path}", app.port());
    let request = request.uri(uri).body(()).unwrap();
    let exchange = exchange(app.port(), request, sent);
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange).await });
    answer.unwrap().unwrap()
}

/// A body, and trailers.
type Sent = (&'static [u8], HeaderMap);

async fn exchange(
    port: u16,
    request: Request<()>,
    sent: Option<Sent>,
) -> Result<Http2Answer, h2::Error> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    let mut sender = sender.ready().await?;
    let (response, mut sending) = sender.send_request(request, sent.is_none())?;
    if let Some((body, trailers)) = sent {
        sending.send_data(Bytes::from_static(body), false)?;
        sending.send_trailers(trailers)?;
    }
    let (head, mut receiving) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = receiving.data().await {
        let piece = piece?;
        receiving.flow_control().release_capacity(piece.len())?;
        body.extend(piece);
    }
    let trailers = receiving.trailers().await?;
    connection.abort();
    Ok(Http2Answer {
        status: head.status.as_u16(),
        fields: head.headers,
        body,
        trailers,
    })
}
