//! A request body that is read as it comes, within its limits.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use limits::{ByteSize, TimeSpan};
use tokio::time::{Instant, Sleep};
use worker_host::RequestBodyError;

use crate::collected_body::BodyFailure;

/// A body whose pieces are counted, and that may not stand still for too long.
pub(crate) struct LimitedBody<B> {
    body: Pin<Box<B>>,
    limit: ByteSize,
    read: u64,
    timeout: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    failure: Arc<OnceLock<BodyFailure>>,
}

impl<B> LimitedBody<B> {
    /// The body, and where to see why it broke off.
    pub(crate) fn new(
        body: B,
        limit: ByteSize,
        timeout: Duration,
    ) -> (Self, Arc<OnceLock<BodyFailure>>) {
        let failure = Arc::default();
        let this = Self {
            body: Box::pin(body),
            limit,
            read: 0,
            timeout,
            timer: None,
            failure: Arc::clone(&failure),
        };
        (this, failure)
    }

    fn fail(&self, failure: BodyFailure) -> RequestBodyError {
        let error = match failure {
            BodyFailure::TooLarge(_) => RequestBodyError::TooLarge,
            BodyFailure::TooSlow(_) => RequestBodyError::TooSlow,
            BodyFailure::Broken | BodyFailure::NoRoom => RequestBodyError::Broken,
        };
        // The first one is the reason.
        let _ = self.failure.set(failure);
        error
    }

    /// Whether nothing has come for too long.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let timeout = self.timeout;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        timer.as_mut().poll(context)
    }
}

impl<B: Body<Data = Bytes>> Body for LimitedBody<B> {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let this = &mut *self;
        let Poll::Ready(frame) = this.body.as_mut().poll_frame(context) else {
            ready!(this.poll_timer(context));
            let failure = BodyFailure::TooSlow(TimeSpan(this.timeout));
            return Poll::Ready(Some(Err(this.fail(failure))));
        };
        if let Some(timer) = &mut this.timer {
            timer.as_mut().reset(Instant::now() + this.timeout);
        }
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                this.read += frame.data_ref().map_or(0, |piece| piece.len() as u64);
                match this.read > this.limit.0 {
                    true => Some(Err(this.fail(BodyFailure::TooLarge(this.limit)))),
                    false => Some(Ok(frame)),
                }
            }
            Some(Err(_)) => Some(Err(this.fail(BodyFailure::Broken))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use http_body_util::BodyExt;

    use super::*;

    /// Pieces, and then nothing any more.
    struct Pieces(VecDeque<&'static [u8]>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop_front() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece))))),
                None => Poll::Pending,
            }
        }
    }

    async fn last_error(limit: u64) -> (RequestBodyError, BodyFailure) {
        let pieces = Pieces(VecDeque::from([&b"abc"[..], b"def"]));
        let (mut body, failure) =
            LimitedBody::new(pieces, ByteSize(limit), Duration::from_millis(10));
        loop {
            if let Err(error) = body.frame().await.unwrap() {
                return (error, failure.get().unwrap().clone());
            }
        }
    }

    #[tokio::test]
    async fn a_body_above_its_limit_is_an_error_and_says_so() {
        let (error, failure) = last_error(5).await;
        assert_eq!(error, RequestBodyError::TooLarge);
        assert!(matches!(failure, BodyFailure::TooLarge(ByteSize(5))));
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_an_error_and_says_so() {
        let (error, failure) = last_error(6).await;
        assert_eq!(error, RequestBodyError::TooSlow);
        assert!(matches!(failure, BodyFailure::TooSlow(_)));
    }
}
