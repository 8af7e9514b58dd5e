//! What is exchanged with a worker, whatever its kind: requests, answers, and why an answer is none.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

use crate::component::ComponentBody;
use crate::script::{BodyAborted, BodyStream};

/// A request for a worker.
#[derive(Debug, Clone)]
pub struct WorkerRequest<B = Bytes> {
    /// As the client sent it.
    pub method: Method,
    /// Scheme and authority that the client addressed, such as `http://localhost:8080`.
    pub origin: String,
    /// Path and query, as the client sent them.
    pub url: String,
    /// In the order and number in which they came.
    pub headers: HeaderMap,
    /// All of it, or a stream.
    pub body: B,
    /// What the parts in brackets of the route stand for, decoded.
    pub params: Vec<(String, String)>,
}

impl<B> WorkerRequest<B> {
    /// The same request with another body.
    pub fn map_body<C>(self, to: impl FnOnce(B) -> C) -> WorkerRequest<C> {
        WorkerRequest {
            method: self.method,
            origin: self.origin,
            url: self.url,
            headers: self.headers,
            body: to(self.body),
            params: self.params,
        }
    }
}

/// The body of a request, piece by piece and with trailers.
pub type RequestBody = UnsyncBoxBody<Bytes, RequestBodyError>;

/// Why the body of a request has no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestBodyError {
    /// Longer than the limit `request_body`.
    #[error("the request body is longer than its limit")]
    TooLarge,
    /// It stood still for too long.
    #[error("the request body stood still for too long")]
    TooSlow,
    /// The client went away, or sent what is no body.
    #[error("the request body broke off")]
    Broken,
}

/// A body that is there already.
pub(crate) fn whole_body(bytes: Bytes) -> RequestBody {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A worker's answer.
#[derive(Debug)]
pub struct WorkerResponse {
    /// From 200 to 599.
    pub status: StatusCode,
    /// As many of a name as the worker gave.
    pub headers: HeaderMap,
    /// Decoded, if it was base64.
    pub body: WorkerBody,
}

/// The body of a worker's answer.
#[derive(Debug)]
pub enum WorkerBody {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece, as the script makes them.
    Stream(BodyStream),
    /// Piece by piece, as the component makes them.
    Component(ComponentBody),
}

impl WorkerBody {
    /// All of it, where it is there.
    pub fn whole(&self) -> Option<&Bytes> {
        match self {
            Self::Whole(bytes) => Some(bytes),
            Self::Stream(_) | Self::Component(_) => None,
        }
    }

    /// Its length in bytes, where that is known before its end.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Stream(_) => None,
            Self::Component(body) => body.length(),
        }
    }

    /// The next piece, once it is there; `None` at the end. Trailers are passed over.
    pub fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyAborted>>> {
        loop {
            match ready!(Pin::new(&mut *self).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Poll::Ready(Some(Ok(piece)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Body for WorkerBody {
    type Data = Bytes;
    type Error = BodyAborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyAborted>>> {
        match &mut *self {
            Self::Whole(bytes) => {
                let all = Some(std::mem::take(bytes)).filter(|all| !all.is_empty());
                Poll::Ready(all.map(Frame::data).map(Ok))
            }
            Self::Stream(stream) => {
                let piece = ready!(stream.poll_piece(context));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
            Self::Component(body) => Pin::new(body).poll_frame(context),
        }
    }
}

/// The most header fields of an answer.
pub(crate) const FIELDS_MAX: usize = 1000;

/// Why what a worker wrote is no answer.
#[derive(Debug, thiserror::Error)]
pub enum BadResponse {
    /// Nothing at all.
    #[error("it wrote nothing to its standard output")]
    Empty,
    /// Not the JSON that is asked for.
    #[error("its output is not the JSON of an answer: {0}")]
    Json(#[from] serde_json::Error),
    /// A script that answers with something else.
    #[error("{reason}")]
    NoResponse {
        /// In words.
        reason: String,
    },
    /// Informational, or no status at all.
    #[error("it answered with status {0}; an answer has one from 200 to 599")]
    Status(u16),
    /// Not a token, or a value with control characters.
    #[error("it answered with the header {name:?}, which is no valid field")]
    Header {
        /// Its name.
        name: String,
    },
    /// More than any client would read.
    #[error("it answered with {found} header fields; an answer may have {FIELDS_MAX}")]
    TooManyFields {
        /// How many.
        found: usize,
    },
    /// Not the names and values of a namespace.
    #[error("its `kv` is not an object of strings: {0}")]
    Kv(serde_json::Error),
    /// `"base64":true` over something else.
    #[error("it answered with \"base64\":true, but its data is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
}

/// A status that an answer may have.
pub(crate) fn check_status(status: u16) -> Result<StatusCode, BadResponse> {
    StatusCode::from_u16(status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or(BadResponse::Status(status))
}
