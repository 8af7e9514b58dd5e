//! What a response carries.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

/// Anything that can stop a body halfway; the connection is then closed.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response.
pub struct Body(Kind);

enum Kind {
    /// Mapped or cached bytes, sent as they are; `None` once they are gone.
    Whole(Option<Bytes>),
    /// The parts of a multipart answer.
    Parts(VecDeque<Bytes>),
    /// What came through warp.
    Boxed(UnsyncBoxBody<Bytes, BodyError>),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self(Kind::Whole(None))
    }

    /// All of it, where that is in one piece.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        match &self.0 {
            Kind::Whole(bytes) => Some(bytes.clone().unwrap_or_default()),
            Kind::Parts(_) | Kind::Boxed(_) => None,
        }
    }

    pub(crate) fn parts(parts: VecDeque<Bytes>) -> Self {
        Self(Kind::Parts(parts))
    }

    pub(crate) fn boxed(body: UnsyncBoxBody<Bytes, BodyError>) -> Self {
        Self(Kind::Boxed(body))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Whole(Some(bytes).filter(|bytes| !bytes.is_empty())))
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
        match &mut self.get_mut().0 {
            Kind::Whole(bytes) => Poll::Ready(bytes.take().map(Frame::data).map(Ok)),
            Kind::Parts(parts) => Poll::Ready(parts.pop_front().map(Frame::data).map(Ok)),
            Kind::Boxed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_none(),
            Kind::Parts(parts) => parts.is_empty(),
            Kind::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
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
