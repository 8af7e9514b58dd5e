//! What a response carries.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

use crate::open_requests::OpenRequest;
use crate::watch::Record;

/// Anything that can stop a body halfway; the connection is then closed.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response.
pub struct Body {
    kind: Kind,
    /// Closed when the body is dropped.
    record: Option<Box<Record>>,
    /// Over when the body is dropped.
    request: Option<OpenRequest>,
}

enum Kind {
    /// Mapped or cached bytes, sent as they are; `None` once they are gone.
    Whole(Option<Bytes>),
    /// The parts of a multipart answer.
    Parts(VecDeque<Bytes>),
    /// What came through warp.
    Boxed(UnsyncBoxBody<Bytes, BodyError>),
}

impl Body {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            record: None,
            request: None,
        }
    }

    pub(crate) fn empty() -> Self {
        Self::new(Kind::Whole(None))
    }

    /// This body, whose end is that of a request.
    pub(crate) fn recorded(self, record: Box<Record>) -> Self {
        Self {
            record: Some(record),
            ..self
        }
    }

    /// This body, for whose end a request is open.
    pub(crate) fn of(self, request: OpenRequest) -> Self {
        Self {
            request: Some(request),
            ..self
        }
    }

    /// All of it, where that is in one piece.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        match &self.kind {
            Kind::Whole(bytes) => Some(bytes.clone().unwrap_or_default()),
            Kind::Parts(_) | Kind::Boxed(_) => None,
        }
    }

    pub(crate) fn parts(parts: VecDeque<Bytes>) -> Self {
        Self::new(Kind::Parts(parts))
    }

    pub(crate) fn boxed(body: UnsyncBoxBody<Bytes, BodyError>) -> Self {
        Self::new(Kind::Boxed(body))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::new(Kind::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        if let Some(request) = &this.request {
            request.piece_wanted();
        }
        let frame = match &mut this.kind {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(Frame::data).map(Ok)),
            Kind::Parts(parts) => Poll::Ready(parts.pop_front().map(Frame::data).map(Ok)),
            Kind::Boxed(body) => Pin::new(body).poll_frame(context),
        };
        if let (Some(request), Poll::Ready(Some(_))) = (&this.request, &frame) {
            request.piece_given();
        }
        if let (Some(record), Poll::Ready(Some(frame))) = (&mut this.record, &frame) {
            match frame {
                Ok(frame) => record.sent(frame.data_ref().map_or(0, Bytes::len)),
                Err(error) => record.broke_off(error),
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Parts(parts) => parts.is_empty(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Kind::Parts(parts) => {
                SizeHint::with_exact(parts.iter().map(|part| part.len() as u64).sum())
            }
            Kind::Boxed(body) => body.size_hint(),
        }
    }
}
