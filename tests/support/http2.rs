//! A client that speaks HTTP/2 without TLS, for what HTTP/1.1 has no room for.

use bytes::Bytes;
use http::{HeaderMap, Request};
use tokio::net::TcpStream;
use tokio::runtime;

use super::{PATIENCE, RunningApp};

/// An answer with its trailers.
#[derive(Debug)]
pub(crate) struct Http2Answer {
    pub(crate) status: u16,
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
    let uri = format!("http://localhost:{}{path}", app.port());
    let request = Request::post(uri).body(()).unwrap();
    let exchange = exchange(app.port(), request, body, trailers);
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange).await });
    answer.unwrap().unwrap()
}

async fn exchange(
    port: u16,
    request: Request<()>,
    body: &'static [u8],
    trailers: HeaderMap,
) -> Result<Http2Answer, h2::Error> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    let (response, mut sending) = sender.ready().await?.send_request(request, false)?;
    sending.send_data(Bytes::from_static(body), false)?;
    sending.send_trailers(trailers)?;
    let response = response.await?;
    let status = response.status().as_u16();
    let mut receiving = response.into_body();
    let mut body = Vec::new();
    while let Some(piece) = receiving.data().await {
        let piece = piece?;
        receiving.flow_control().release_capacity(piece.len())?;
        body.extend(piece);
    }
    let trailers = receiving.trailers().await?;
    connection.abort();
    Ok(Http2Answer {
        status,
        body,
        trailers,
    })
}
