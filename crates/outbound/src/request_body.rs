//! The body of a request on its way into a connection.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::sync::oneshot;

use crate::call::RequestBody;
use crate::error::{BoxError, CallError};

/// What a connection reads.
pub(crate) enum OutBody {
    /// All of it, until it is taken.
    Whole(Bytes),
    /// Piece by piece.
    Stream(Box<StreamBody>),
}

/// A body whose end only its source knows.
pub(crate) struct StreamBody {
    source: UnsyncBoxBody<Bytes, BoxError>,
    /// A piece that was read to see whether there is one.
    first: Option<Frame<Bytes>>,
    /// What is still to come, if the worker has said how much there is.
    left: Option<u64>,
    link: Arc<Link>,
    /// Dropped with the body, which tells the other end that nothing more is sent.
    _gone: oneshot::Sender<()>,
}

/// The call's end of a streamed body.
pub(crate) struct Upload {
    link: Arc<Link>,
    gone: oneshot::Receiver<()>,
}

/// What the two ends tell each other.
#[derive(Default)]
struct Link {
    is_cancelled: AtomicBool,
    reader: Mutex<Option<Waker>>,
    failure: Mutex<Option<CallError>>,
}

/// Ends the stream in the connection; the reason is in the [`Link`].
#[derive(Debug, thiserror::Error)]
#[error("the body of the request broke off")]
pub(crate) struct BrokeOff;

impl OutBody {
    /// A body, with the call's end of it if it is streamed.
    ///
    /// # Errors
    /// `Content-Length` says something else.
    pub(crate) fn new(
        body: RequestBody,
        length: Option<u64>,
    ) -> Result<(Self, Option<Upload>), CallError> {
        match body {
            RequestBody::Whole(bytes) => match length {
                Some(length) if length != bytes.len() as u64 => Err(wrong_length()),
                _ => Ok((Self::Whole(bytes), None)),
            },
            RequestBody::Stream(source) => {
                let (body, upload) = StreamBody::new(source, length);
                Ok((Self::Stream(Box::new(body)), Some(upload)))
            }
        }
    }

    /// A copy to send again, if there can be one.
    pub(crate) fn copy(&self) -> Option<Self> {
        self.whole().map(Self::Whole)
    }

    /// The bytes, if they are all there.
    pub(crate) fn whole(&self) -> Option<Bytes> {
        match self {
            Self::Whole(bytes) => Some(bytes.clone()),
            Self::Stream(_) => None,
        }
    }

    /// Whether there may be nothing in it.
    pub(crate) fn is_of_unknown_length(&self) -> bool {
        matches!(self, Self::Stream(stream) if stream.left.is_none())
    }

    /// What `Content-Length` is, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Stream(stream) => stream.left,
        }
    }

    /// Waits until it is known whether there is anything in it, and becomes whole if not.
    ///
    /// # Errors
    /// The source's.
    pub(crate) async fn settle(&mut self) -> Result<(), CallError> {
        let Self::Stream(stream) = self else {
            return Ok(());
        };
        if stream.first.is_some() {
            return Ok(());
        }
        match stream.source.frame().await {
            Some(Ok(frame)) => stream.first = Some(frame),
            Some(Err(error)) => return Err(CallError::RequestBody(error)),
            None => *self = Self::Whole(Bytes::new()),
        }
        Ok(())
    }
}

impl StreamBody {
    fn new(source: UnsyncBoxBody<Bytes, BoxError>, left: Option<u64>) -> (Self, Upload) {
        let link = Arc::new(Link::default());
        let (sender, gone) = oneshot::channel();
        let body = Self {
            source,
            first: None,
            left,
            link: Arc::clone(&link),
            _gone: sender,
        };
        (body, Upload { link, gone })
    }

    fn poll_source(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        let frame = match self.first.take() {
            Some(frame) => Some(Ok(frame)),
            None => ready!(Pin::new(&mut self.source).poll_frame(context)),
        };
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(self.count(frame)),
            Some(Err(error)) => Some(Err(CallError::RequestBody(error))),
            None if self.left.is_some_and(|left| left > 0) => Some(Err(wrong_length())),
            None => None,
        })
    }

    fn count(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, CallError> {
        if let (Some(left), Some(data)) = (&mut self.left, frame.data_ref()) {
            *left = left
                .checked_sub(data.len() as u64)
                .ok_or_else(wrong_length)?;
        }
        Ok(frame)
    }
}

impl Upload {
    /// Why the body broke off, if it did.
    pub(crate) fn failure(&self) -> Option<CallError> {
        lock(&self.link.failure).take()
    }

    /// Waits until the connection has done with the body.
    pub(crate) async fn ended(&mut self) {
        // An error is how the other end tells it.
        let _ = (&mut self.gone).await;
    }
}

/// Nobody waits for the answer any more.
impl Drop for Upload {
    fn drop(&mut self) {
        self.link.is_cancelled.store(true, Ordering::SeqCst);
        if let Some(reader) = lock(&self.link.reader).take() {
            reader.wake();
        }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let stream = match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Self::Whole(bytes) => {
                return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))));
            }
            Self::Stream(stream) => stream,
        };
        // In this order: a call that ends in between sees the waker, or is seen.
        *lock(&stream.link.reader) = Some(context.waker().clone());
        if stream.link.is_cancelled.load(Ordering::SeqCst) {
            return Poll::Ready(Some(Err(BrokeOff)));
        }
        Poll::Ready(match ready!(stream.poll_source(context)) {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(error)) => {
                *lock(&stream.link.failure) = Some(error);
                Some(Err(BrokeOff))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn wrong_length() -> CallError {
    let words = "its Content-Length differs from the length of its body; leave the field out";
    CallError::BadRequest(words.to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
