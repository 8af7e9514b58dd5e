//! The bodies of requests and answers on their way to and from a component.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use tokio::sync::oneshot;
use wasmtime_wasi_http::{Error, WasiBody};

use super::progress::Progress;
use crate::call::CallError;
use crate::exchange::RequestBodyError;
use crate::pace::Running;
use crate::script::BodyAborted;

/// What `wasi:http` calls it.
pub(in crate::component::http) fn incoming_error(error: RequestBodyError) -> Error {
    match error {
        RequestBodyError::TooLarge => Error::HttpRequestBodySize(None),
        RequestBodyError::TooSlow => Error::ConnectionReadTimeout,
        RequestBodyError::Broken => Error::ConnectionTerminated,
    }
}

/// The most that is collected of a body before its head goes out.
const COLLECTED_BYTES_MAX: usize = 64 << 10;

/// Who makes a body.
pub(in crate::component::http) enum Guest {
    /// An instance of its own.
    Own(Running<Result<(), CallError>>),
    /// One that answers other requests too; dropped, this tells it that nobody reads on.
    #[cfg(feature = "concurrency")]
    Shared { _here: oneshot::Sender<Infallible> },
}

/// The body of a component's answer, as the guest makes it. Dropping it before its end ends the
/// guest.
pub struct ComponentBody {
    /// What came before anybody asked for it.
    first: Option<Bytes>,
    /// Never locked, since all who use it own it: what it holds cannot be shared between threads.
    rest: Mutex<WasiBody>,
    length: Option<u64>,
    guest: Option<Guest>,
    progress: Arc<Progress>,
}

impl std::fmt::Debug for ComponentBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentBody").finish_non_exhaustive()
    }
}

/// A body, as far as it is there already.
pub(in crate::component::http) enum Collected {
    Whole(Bytes),
    Part(ComponentBody),
}

impl ComponentBody {
    pub(in crate::component::http) fn new(
        body: WasiBody,
        length: Option<u64>,
        guest: Option<Guest>,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            first: None,
            rest: Mutex::new(body),
            length,
            guest,
            progress,
        }
    }

    /// Takes what is there without waiting; all of it, if the guest has finished it.
    pub(in crate::component::http) fn collect_ready(mut self) -> Result<Collected, BodyAborted> {
        let mut context = Context::from_waker(Waker::noop());
        let mut pieces = Pieces::default();
        loop {
            match self.poll_rest(&mut context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) => {
                        pieces.push(piece);
                        if pieces.bytes() >= COLLECTED_BYTES_MAX {
                            // A guest that is fast enough could go on for ever.
                            self.first = pieces.into_bytes();
                            return Ok(Collected::Part(self));
                        }
                    }
                    Err(trailers) => {
                        self.first = pieces.into_bytes();
                        self.rest = Mutex::new(trailers_alone(trailers));
                        return Ok(Collected::Part(self));
                    }
                },
                Poll::Ready(None) if self.progress.has_failed() => return Err(BodyAborted),
                Poll::Ready(None) => {
                    self.detach();
                    return Ok(Collected::Whole(pieces.into_bytes().unwrap_or_default()));
                }
                Poll::Ready(Some(Err(_))) => return Err(BodyAborted),
                Poll::Pending => {
                    self.first = pieces.into_bytes();
                    return Ok(Collected::Part(self));
                }
            }
        }
    }

    fn poll_rest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let rest = self.rest.get_mut().unwrap_or_else(PoisonError::into_inner);
        Pin::new(rest).poll_frame(context)
    }

    /// What `Content-Length` says, which the body is checked against.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The guest may go on with what it does after its answer.
    fn detach(&mut self) {
        if let Some(Guest::Own(guest)) = self.guest.take() {
            guest.detach();
        }
    }
}

fn trailers_alone(trailers: Frame<Bytes>) -> WasiBody {
    use http_body_util::{BodyExt, Empty};
    let fields = trailers.into_trailers().unwrap_or_default();
    Empty::new()
        .map_err(|never: Infallible| match never {})
        .with_trailers(std::future::ready(Some(Ok(fields))))
        .boxed_unsync()
}

/// Pieces that become one.
#[derive(Default)]
struct Pieces {
    only: Option<Bytes>,
    more: BytesMut,
}

impl Pieces {
    fn push(&mut self, piece: Bytes) {
        if self.only.is_none() && self.more.is_empty() {
            self.only = Some(piece);
            return;
        }
        if let Some(first) = self.only.take() {
            self.more.extend_from_slice(&first);
        }
        self.more.extend_from_slice(&piece);
    }

    fn bytes(&self) -> usize {
        self.only.as_ref().map_or(self.more.len(), Bytes::len)
    }

    fn into_bytes(self) -> Option<Bytes> {
        match self.only {
            Some(only) => Some(only),
            None => Some(self.more.freeze()).filter(|bytes| !bytes.is_empty()),
        }
    }
}

impl Body for ComponentBody {
    type Data = Bytes;
    type Error = BodyAborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyAborted>>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let frame = std::task::ready!(this.poll_rest(context));
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(frame)),
            Some(Err(_)) => Some(Err(BodyAborted)),
            // A guest that fails drops its end of the body, which looks like the end of it.
            None if this.progress.has_failed() => Some(Err(BodyAborted)),
            None => {
                this.detach();
                None
            }
        })
    }
}
