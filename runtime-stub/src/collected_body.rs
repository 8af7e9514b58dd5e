//! Request bodies that are read whole before their workers are called, within limits.
//!
//! A client can begin many requests and let their bodies stand, and each may be long. So all of them
//! together have room for a number of bytes; who finds none waits, and is told to come back.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_core::Stream;
use limits::{ByteSize, TimeSpan};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// Of all request bodies together, in bytes; at least twice the longest that a worker takes.
const ROOM_BYTES: u64 = 256 << 20;

/// How long a request waits for room.
const ROOM_WAIT: Duration = Duration::from_secs(10);

/// The slowest that a body may come in the long run, in bytes a second. What comes more slowly is
/// nobody's upload.
const RATE_MIN: u64 = 500;

/// Why a request body was not read to its end.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum BodyFailure {
    #[error("the request body is longer than its limit `request_body` of {0}")]
    TooLarge(ByteSize),
    #[error("the request body stood still for longer than {0}")]
    TooSlow(TimeSpan),
    #[error("the request body broke off")]
    Broken,
    #[error("too many request bodies are being read, and there was no room for {ROOM_WAIT:?}")]
    NoRoom,
}

/// Room for the bodies of all requests together.
pub(crate) struct BodyRoom(Arc<Semaphore>);

impl BodyRoom {
    /// For bodies of which the longest may have so many bytes.
    pub(crate) fn new(longest: ByteSize) -> Self {
        let bytes = longest.0.saturating_mul(2).max(ROOM_BYTES);
        let permits = usize::try_from(bytes).unwrap_or(usize::MAX);
        Self(Arc::new(Semaphore::new(
            permits.min(Semaphore::MAX_PERMITS),
        )))
    }

    /// Takes room for so many bytes; waits for it, but not for ever.
    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BodyFailure> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Ok(taken) = Arc::clone(&self.0).try_acquire_many_owned(bytes) {
            return Ok(taken);
        }
        let wait = Arc::clone(&self.0).acquire_many_owned(bytes);
        match timeout(ROOM_WAIT, wait).await {
            Ok(Ok(taken)) => Ok(taken),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(BodyFailure::NoRoom),
        }
    }
}

/// A request body that has been read.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) body: Bytes,
    /// What it takes of the room for all, for as long as it is needed.
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

/// What a body that is read has to keep to.
pub(crate) struct Reading<'a> {
    pub(crate) limit: ByteSize,
    /// How long it may stand still.
    pub(crate) timeout: Duration,
    pub(crate) room: &'a BodyRoom,
}

impl Reading<'_> {
    /// Reads all of a body whose length may be known. It is refused as soon as it is known to be too
    /// long.
    pub(crate) async fn collect<B: Buf, E>(
        &self,
        announced: Option<u64>,
        body: impl Stream<Item = Result<B, E>>,
    ) -> Result<Collected, BodyFailure> {
        let too_large = Err(BodyFailure::TooLarge(self.limit));
        if announced.is_some_and(|length| length > self.limit.0) {
            return too_large;
        }
        let mut body = std::pin::pin!(body);
        let (mut collected, mut room) = (BytesMut::new(), None::<OwnedSemaphorePermit>);
        let began = Instant::now();
        loop {
            let next = std::future::poll_fn(|context| body.as_mut().poll_next(context));
            let piece = match timeout_at(self.deadline(began, collected.len()), next).await {
                Ok(Some(Ok(piece))) => piece,
                Ok(Some(Err(_))) => return Err(BodyFailure::Broken),
                Ok(None) => {
                    return Ok(Collected {
                        body: collected.freeze(),
                        _room: room,
                    });
                }
                Err(_) => return Err(BodyFailure::TooSlow(TimeSpan(self.timeout))),
            };
            if (collected.len() + piece.remaining()) as u64 > self.limit.0 {
                return too_large;
            }
            let more = self.room.take(piece.remaining()).await?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            collected.put(piece);
        }
    }

    /// When the next piece has to be there.
    fn deadline(&self, began: Instant, read: usize) -> Instant {
        let in_the_long_run = Duration::from_secs(read as u64 / RATE_MIN);
        (Instant::now() + self.timeout).min(began + self.timeout + in_the_long_run)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::time::{Sleep, sleep};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// A body of so many pieces, each of them after a pause.
    struct Slow {
        pieces: u32,
        piece: &'static [u8],
        pause: Duration,
        sleep: Pin<Box<Sleep>>,
    }

    impl Slow {
        fn new(pieces: u32, piece: &'static [u8], pause: Duration) -> Self {
            Self {
                pieces,
                piece,
                pause,
                sleep: Box::pin(sleep(pause)),
            }
        }
    }

    impl Stream for Slow {
        type Item = Result<Bytes, Infallible>;

        fn poll_next(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Self::Item>> {
            std::task::ready!(self.sleep.as_mut().poll(context));
            let Some(left) = self.pieces.checked_sub(1) else {
                return Poll::Ready(None);
            };
            self.pieces = left;
            self.sleep = Box::pin(sleep(self.pause));
            Poll::Ready(Some(Ok(Bytes::from_static(self.piece))))
        }
    }

    fn reading(room: &BodyRoom) -> Reading<'_> {
        Reading {
            limit: ByteSize(1 << 20),
            timeout: TIMEOUT,
            room,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_in_its_pieces() {
        let room = BodyRoom::new(ByteSize(0));
        let before = room.0.available_permits();
        let body = Slow::new(3, b"abc", Duration::from_secs(1));
        let collected = reading(&room).collect(None, body).await.unwrap();
        assert_eq!(collected.body, "abcabcabc");
        assert_eq!(room.0.available_permits(), before - 9);
        drop(collected);
        assert_eq!(room.0.available_permits(), before);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_byte_by_byte_is_given_up() {
        let room = BodyRoom::new(ByteSize(0));
        let begin = Instant::now();
        let body = Slow::new(u32::MAX, b"x", Duration::from_secs(1));
        let failure = reading(&room).collect(None, body).await.unwrap_err();
        assert!(matches!(failure, BodyFailure::TooSlow(_)), "{failure}");
        assert_eq!(begin.elapsed().as_secs(), TIMEOUT.as_secs());
        assert_eq!(room.0.available_permits() as u64, ROOM_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_for_which_there_is_no_room_waits_for_some() {
        let room = BodyRoom::new(ByteSize(0));
        let all = room
            .take(usize::try_from(ROOM_BYTES).unwrap())
            .await
            .unwrap();
        let now = Duration::ZERO;
        let begin = Instant::now();
        let failure = reading(&room).collect(None, Slow::new(1, b"x", now)).await;
        assert!(matches!(failure, Err(BodyFailure::NoRoom)));
        assert_eq!(begin.elapsed(), ROOM_WAIT);
        let giving = async {
            sleep(ROOM_WAIT / 2).await;
            drop(all);
        };
        let reading = reading(&room);
        let collected = reading.collect(None, Slow::new(1, b"x", now));
        let (collected, ()) = tokio::join!(collected, giving);
        assert_eq!(collected.unwrap().body, "x");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_long_is_refused_as_soon_as_that_is_known() {
        let room = BodyRoom::new(ByteSize(0));
        let now = Duration::ZERO;
        let reading = Reading {
            limit: ByteSize(5),
            ..reading(&room)
        };
        for (announced, pieces) in [(Some(6), 0), (None, 2)] {
            let collected = reading
                .collect(announced, Slow::new(pieces, b"abc", now))
                .await;
            assert!(matches!(collected, Err(BodyFailure::TooLarge(ByteSize(5)))));
        }
    }

    #[test]
    fn there_is_room_for_the_longest_body_twice() {
        let room = BodyRoom::new(ByteSize(1 << 30));
        assert_eq!(room.0.available_permits(), 2 << 30);
        BodyRoom::new(ByteSize(u64::MAX));
    }
}
