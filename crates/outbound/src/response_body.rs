//! The body of an answer, and the end of its call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use crate::connection::Connection;
use crate::counts::CallCounts;
use crate::deadline::Deadline;
use crate::error::CallError;
use crate::pool::{Key, Pool};
use crate::request_body::Upload;

/// The body of an answer, within the limits of the worker. Dropping it ends the call.
pub struct ResponseBody {
    source: Incoming,
    /// Until the end, of whatever kind.
    lease: Option<Lease>,
    limits: BodyLimits,
    counts: Arc<CallCounts>,
    read_bytes: u64,
    total: Pin<Box<Sleep>>,
    /// Runs while a piece is awaited.
    between: Option<Pin<Box<Sleep>>>,
}

pub(crate) struct BodyLimits {
    pub(crate) bytes: u64,
    pub(crate) between: Option<Duration>,
    pub(crate) deadline: Deadline,
}

/// What a call holds until it is over. Dropping it cuts the call off.
pub(crate) struct Lease {
    connection: Connection,
    key: Key,
    pool: Arc<Pool>,
    upload: Option<Upload>,
    slot: Option<OwnedSemaphorePermit>,
}

impl Lease {
    pub(crate) fn new(
        connection: Connection,
        key: Key,
        pool: &Arc<Pool>,
        upload: Option<Upload>,
        slot: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            connection,
            key,
            pool: Arc::clone(pool),
            upload,
            slot: Some(slot),
        }
    }

    /// The answer is there as a whole: the connection is kept for the next call as soon as the
    /// request has been sent as a whole too.
    fn finish(self, deadline: Deadline) {
        if self.upload.is_none() {
            match &self.connection {
                // It has been in the pool all the time.
                Connection::Http2(_) => return,
                Connection::Http1(connection) if connection.is_ready() => {
                    return self.pool.put(self.key, self.connection);
                }
                Connection::Http1(_) => {}
            }
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(timeout_at(deadline.at, self.settle()));
        }
    }

    async fn settle(mut self) {
        match &mut self.upload {
            Some(upload) => upload.ended().await,
            // Nothing is sent any more, so the worker may make its next call.
            None => drop(self.slot.take()),
        }
        if self.connection.ready().await {
            self.pool.put(self.key, self.connection);
        }
    }
}

impl ResponseBody {
    pub(crate) fn new(
        source: Incoming,
        lease: Lease,
        limits: BodyLimits,
        counts: Arc<CallCounts>,
    ) -> Self {
        let mut body = Self {
            source,
            lease: Some(lease),
            total: Box::pin(sleep_until(limits.deadline.at)),
            limits,
            counts,
            read_bytes: 0,
            between: None,
        };
        if body.source.is_end_stream() {
            body.finish();
        }
        body
    }

    fn finish(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.finish(self.limits.deadline);
        }
    }

    fn fail(&mut self, error: CallError) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        self.lease = None;
        self.counts.body_failed(&error);
        Poll::Ready(Some(Err(error)))
    }

    fn arrived(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        self.between = None;
        let length = frame.data_ref().map_or(0, Bytes::len);
        self.read_bytes = self.read_bytes.saturating_add(length as u64);
        if self.read_bytes > self.limits.bytes {
            let limit = self.limits.bytes;
            return self.fail(CallError::ResponseTooLarge { limit });
        }
        if self.source.is_end_stream() {
            self.finish();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn broke(&mut self, error: hyper::Error) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        let upload = self.lease.as_ref().and_then(|lease| lease.upload.as_ref());
        let broke_off = upload.and_then(Upload::failure);
        self.fail(broke_off.unwrap_or_else(|| error.into()))
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        let Some(limit) = self.limits.between else {
            return Poll::Pending;
        };
        let between = self
            .between
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        match between.as_mut().poll(context) {
            Poll::Ready(()) => self.fail(CallError::BetweenBytesTimeout { limit }),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = CallError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        let this = &mut *self;
        if this.lease.is_none() {
            return Poll::Ready(None);
        }
        if this.total.as_mut().poll(context).is_ready() {
            return this.fail(this.limits.deadline.passed());
        }
        match Pin::new(&mut this.source).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => this.arrived(frame),
            Poll::Ready(Some(Err(error))) => this.broke(error),
            Poll::Ready(None) => {
                this.finish();
                Poll::Ready(None)
            }
            Poll::Pending => this.wait(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.lease {
            Some(_) => self.source.size_hint(),
            None => SizeHint::with_exact(0),
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read_bytes = &self.read_bytes;
        let is_over = &self.lease.is_none();
        out.debug_struct("ResponseBody")
            .field("read_bytes", read_bytes)
            .field("is_over", is_over)
            .finish_non_exhaustive()
    }
}
