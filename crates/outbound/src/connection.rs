//! An open connection, and requests over it.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::task::JoinHandle;

use crate::connect::Io;
use crate::error::CallError;
use crate::request_body::OutBody;
use crate::request_head::RequestHead;

/// The head of an answer.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;
pub(crate) const HEAD_FIELDS_MAX: usize = 200;

/// What the other side may send of a stream before it is read.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;

/// Calls over one connection of HTTP/2. All of their windows fit into that of the connection, so
/// that an answer that nobody reads holds up no other.
pub(crate) const STREAMS_MAX: usize = 64;
const CONNECTION_WINDOW_BYTES: u32 = STREAM_WINDOW_BYTES * 64;

/// How often a connection is asked whether it lives while an answer is awaited.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// An open connection. Dropping it closes it, or, of HTTP/2, leaves it to the others that use it.
pub(crate) enum Connection {
    /// For one call at a time.
    Http1(Http1),
    /// For many calls at the same time.
    Http2(Arc<Http2>),
}

pub(crate) struct Http1 {
    sender: http1::SendRequest<OutBody>,
    _driver: Driver,
}

pub(crate) struct Http2 {
    sender: http2::SendRequest<OutBody>,
    _driver: Driver,
}

/// The task that moves the bytes; it ends with its connection.
struct Driver(JoinHandle<()>);

/// Why a request got no answer.
pub(crate) struct SendError {
    pub(crate) error: CallError,
    /// The body, if nothing of the request has left: it can be sent again, whatever it is.
    pub(crate) unsent: Option<OutBody>,
    /// Whether the connection was lost before anything of an answer came.
    pub(crate) is_lost: bool,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    pub(crate) async fn http1(io: Box<dyn Io>) -> Result<Self, CallError> {
        let (sender, connection) = http1::Builder::new()
            .max_headers(HEAD_FIELDS_MAX)
            .max_header_size(HEAD_BYTES_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .handshake(TokioIo::new(io))
            .await?;
        Ok(Self::Http1(Http1 {
            sender,
            _driver: Driver::start(connection),
        }))
    }

    pub(crate) async fn http2(io: Box<dyn Io>) -> Result<Self, CallError> {
        let head_bytes_max = u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(head_bytes_max)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL)
            .handshake(TokioIo::new(io))
            .await?;
        Ok(Self::Http2(Arc::new(Http2 {
            sender,
            _driver: Driver::start(connection),
        })))
    }

    /// The same connection for another call, if it takes several at the same time.
    pub(crate) fn shared(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(connection) => Some(Self::Http2(Arc::clone(connection))),
        }
    }

    /// Sends a request and awaits the head of the answer. Dropping the future ends the request,
    /// for which the connection must be dropped too.
    pub(crate) async fn send(
        &mut self,
        head: &RequestHead,
        body: OutBody,
    ) -> Result<Response<Incoming>, SendError> {
        let outcome = match self {
            Self::Http1(connection) => {
                let request = http1_request(head, body).map_err(SendError::from)?;
                connection.sender.try_send_request(request).await
            }
            Self::Http2(connection) => {
                let request = http2_request(head, body).map_err(SendError::from)?;
                connection.sender.clone().try_send_request(request).await
            }
        };
        let response = outcome.map_err(SendError::from)?;
        check_head(&response).map_err(SendError::from)?;
        Ok(response)
    }

    /// Waits until the next request can be sent; `false` if there can be none.
    pub(crate) async fn ready(&mut self) -> bool {
        match self {
            Self::Http1(connection) => connection.sender.ready().await.is_ok(),
            Self::Http2(connection) => !connection.is_closed(),
        }
    }
}

impl Http1 {
    pub(crate) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }
}

impl Http2 {
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl Driver {
    fn start(connection: impl Future<Output = Result<(), hyper::Error>> + Send + 'static) -> Self {
        Self(tokio::spawn(async move {
            // Whoever waits for an answer is told of the error.
            let _ = connection.await;
        }))
    }
}

/// Something that no other connection would change.
impl From<CallError> for SendError {
    fn from(error: CallError) -> Self {
        Self {
            error,
            unsent: None,
            is_lost: false,
        }
    }
}

impl From<TrySendError<http::Request<OutBody>>> for SendError {
    fn from(mut error: TrySendError<http::Request<OutBody>>) -> Self {
        let unsent = error.take_message().map(http::Request::into_body);
        let error = CallError::from(error.into_error());
        let is_lost = matches!(error, CallError::Broken(_));
        Self {
            error,
            unsent,
            is_lost,
        }
    }
}

fn http1_request(head: &RequestHead, body: OutBody) -> Result<http::Request<OutBody>, CallError> {
    let length = body.length();
    let mut request = head.http1(body)?;
    match length {
        // Only where a body is usual is its absence worth a word (RFC 9110, 8.6).
        Some(0) if head.method_means_no_body() => {}
        Some(length) => {
            request.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        None => {
            let chunked = HeaderValue::from_static("chunked");
            request.headers_mut().insert(TRANSFER_ENCODING, chunked);
        }
    }
    Ok(request)
}

fn http2_request(head: &RequestHead, body: OutBody) -> Result<http::Request<OutBody>, CallError> {
    let length = body.length().filter(|length| *length > 0);
    let mut request = head.http2(body)?;
    if let Some(length) = length {
        request.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    Ok(request)
}

fn check_head(response: &Response<Incoming>) -> Result<(), CallError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let words = "it changes to another protocol, which nobody has asked for";
        return Err(CallError::Protocol(words.to_owned()));
    }
    if response.headers().len() > HEAD_FIELDS_MAX {
        let words = format!("its head has more than {HEAD_FIELDS_MAX} fields");
        return Err(CallError::Protocol(words));
    }
    Ok(())
}
