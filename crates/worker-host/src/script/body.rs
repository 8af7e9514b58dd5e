//! The body of an answer on its way from a script to the connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use script_abi::Event;
use tokio::sync::Notify;

/// A script that has sent so much more than the client has taken has to wait.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// What a script is to be told, by whoever reads the bodies of its answers.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    events: Mutex<Vec<(Event, u32)>>,
    pub(crate) raised: Notify,
}

impl Signals {
    fn raise(&self, event: Event, id: u32) {
        lock(&self.events).push((event, id));
        self.raised.notify_one();
    }

    /// For the next time.
    pub(crate) fn put_back(&self, event: Event, id: u32) {
        lock(&self.events).push((event, id));
    }

    /// Whether something came since the last time.
    pub(crate) fn are_there(&self) -> bool {
        !lock(&self.events).is_empty()
    }

    /// All that came since the last time.
    pub(crate) fn take(&self) -> Vec<(Event, u32)> {
        std::mem::take(&mut *lock(&self.events))
    }
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
#[error("the body of the answer broke off")]
pub struct BodyAborted;

#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    ended: bool,
    aborted: bool,
    /// The script waits for room.
    is_full: bool,
    reader_gone: bool,
    reader: Option<Waker>,
}

#[derive(Debug)]
struct Shared {
    id: u32,
    queue: Mutex<Queue>,
    signals: Arc<Signals>,
}

/// The end that the script writes to. Dropped before [`BodySender::end`], it aborts the body.
#[derive(Debug)]
pub(crate) struct BodySender(Arc<Shared>);

/// A body that comes in pieces. Dropping it tells the script that nobody reads on.
#[derive(Debug)]
pub struct BodyStream(Arc<Shared>);

/// The two ends of a body of the request `id`.
pub(crate) fn body_stream(id: u32, signals: &Arc<Signals>) -> (BodySender, BodyStream) {
    let shared = Arc::new(Shared {
        id,
        queue: Mutex::default(),
        signals: Arc::clone(signals),
    });
    (BodySender(Arc::clone(&shared)), BodyStream(shared))
}

impl BodySender {
    /// Whether the next piece may follow at once; if not, [`Event::Drained`] will be raised.
    pub(crate) fn send(&self, piece: Bytes) -> bool {
        let mut queue = lock(&self.0.queue);
        if queue.reader_gone {
            // It waits, and so hears that it has been cancelled.
            return false;
        }
        if piece.is_empty() {
            return true;
        }
        queue.bytes += piece.len();
        queue.pieces.push_back(piece);
        queue.is_full = queue.bytes > WAITING_BYTES_MAX;
        let (has_room, reader) = (!queue.is_full, queue.reader.take());
        drop(queue);
        reader.into_iter().for_each(Waker::wake);
        has_room
    }

    pub(crate) fn end(self) {
        lock(&self.0.queue).ended = true;
    }

    /// Whether the script waits for the reader.
    pub(crate) fn is_full(&self) -> bool {
        lock(&self.0.queue).is_full
    }
}

impl Drop for BodySender {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.aborted = !queue.ended;
        let reader = queue.reader.take();
        drop(queue);
        reader.into_iter().for_each(Waker::wake);
    }
}

impl BodyStream {
    /// Whether it has broken off already.
    pub(crate) fn is_broken(&self) -> bool {
        lock(&self.0.queue).aborted
    }

    /// The next piece, once it is there; `None` at the end.
    pub fn poll_piece(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyAborted>>> {
        let mut queue = lock(&self.0.queue);
        let Some(piece) = queue.pieces.pop_front() else {
            if queue.aborted {
                return Poll::Ready(Some(Err(BodyAborted)));
            }
            if queue.ended {
                return Poll::Ready(None);
            }
            queue.reader = Some(context.waker().clone());
            return Poll::Pending;
        };
        queue.bytes -= piece.len();
        if queue.is_full && queue.bytes <= WAITING_BYTES_MAX / 2 {
            // First the signal: who finds room here must find that too, or would think that the
            // script waits for nothing.
            self.0.signals.raise(Event::Drained, self.0.id);
            queue.is_full = false;
        }
        Poll::Ready(Some(Ok(piece)))
    }
}

impl Drop for BodyStream {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        if !(queue.ended || queue.aborted) {
            // First, as above.
            self.0.signals.raise(Event::Cancelled, self.0.id);
        }
        queue.reader_gone = true;
        queue.pieces.clear();
        queue.bytes = 0;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (BodySender, BodyStream, Arc<Signals>) {
        let signals = Arc::new(Signals::default());
        let (sender, stream) = body_stream(7, &signals);
        (sender, stream, signals)
    }

    fn poll(stream: &BodyStream) -> Poll<Option<Result<Bytes, BodyAborted>>> {
        stream.poll_piece(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn pieces_come_in_order_and_then_the_end() {
        let (sender, stream, signals) = pair();
        assert!(poll(&stream).is_pending());
        assert!(sender.send(Bytes::from_static(b"a")));
        assert!(sender.send(Bytes::from_static(b"b")));
        sender.end();
        for want in ["a", "b"] {
            assert!(matches!(poll(&stream), Poll::Ready(Some(Ok(piece))) if piece == want));
        }
        assert!(matches!(poll(&stream), Poll::Ready(None)));
        drop(stream);
        assert!(signals.take().is_empty());
    }

    #[test]
    fn a_script_that_is_faster_than_the_client_waits() {
        let (sender, stream, signals) = pair();
        let piece = Bytes::from(vec![0; WAITING_BYTES_MAX / 2 + 1]);
        assert!(sender.send(piece.clone()));
        assert!(!sender.send(piece));
        assert!(sender.is_full());
        assert!(poll(&stream).is_ready() && signals.take().is_empty());
        assert!(poll(&stream).is_ready());
        assert_eq!(signals.take(), [(Event::Drained, 7)]);
        assert!(!sender.is_full());
    }

    #[test]
    fn a_body_without_an_end_is_an_error_after_its_last_piece() {
        let (sender, stream, _) = pair();
        sender.send(Bytes::from_static(b"a"));
        drop(sender);
        assert!(matches!(poll(&stream), Poll::Ready(Some(Ok(_)))));
        assert!(matches!(poll(&stream), Poll::Ready(Some(Err(BodyAborted)))));
    }

    #[test]
    fn a_reader_that_goes_away_is_reported_once_and_nothing_is_kept_for_it() {
        let (sender, stream, signals) = pair();
        drop(stream);
        assert_eq!(signals.take(), [(Event::Cancelled, 7)]);
        assert!(!sender.send(Bytes::from(vec![0; 2 * WAITING_BYTES_MAX])));
        assert!(!sender.is_full());
    }
}
