//! What a response carries.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

use crate::decoded::PlainStream;

/// Anything that can stop a body halfway; the connection is then closed.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response.
pub(crate) enum Body {
    /// Mapped or cached bytes, sent as they are; `None` once they are gone.
    Whole(Option<Bytes>),
    /// The parts of a multipart answer.
    Parts(VecDeque<Bytes>),
    /// A large asset, decoded as it is sent.
    Plain(PlainStream),
    /// What came through warp.
    Boxed(UnsyncBoxBody<Bytes, BodyError>),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::Whole(None)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
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
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(Frame::data).map(Ok)),
            Self::Parts(parts) => Poll::Ready(parts.pop_front().map(Frame::data).map(Ok)),
            Self::Plain(stream) => stream.poll_next(context).map_ok(Frame::data),
            Self::Boxed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Parts(parts) => parts.is_empty(),
            Self::Plain(stream) => stream.left() == 0,
            Self::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Parts(parts) => {
                SizeHint::with_exact(parts.iter().map(|part| part.len() as u64).sum())
            }
            Self::Plain(stream) => SizeHint::with_exact(stream.left()),
            Self::Boxed(body) => body.size_hint(),
        }
    }
}
