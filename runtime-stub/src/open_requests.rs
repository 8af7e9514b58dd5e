//! The requests of a connection that are being answered, and who waits for whom meanwhile.
//!
//! A request is open until the last piece of its answer has been given to who sends it. In HTTP/2 a
//! client can read the connection, and leave an answer where it is: its window stays closed, no write
//! waits, and the worker that makes the answer does. Only that answer knows since when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// The open requests of a connection.
#[derive(Debug, Default)]
pub(crate) struct OpenRequests(Mutex<Vec<Place>>);

#[derive(Clone, Copy, Debug)]
enum Place {
    Free,
    /// The client waits for the next piece of an answer.
    AnswerDue,
    /// A piece has been made, and the client has not asked for the next one since.
    PieceGiven(Instant),
}

impl OpenRequests {
    /// Whether there are any.
    pub(crate) fn are_there(&self) -> bool {
        let places = self.lock();
        places.iter().any(|place| !matches!(place, Place::Free))
    }

    /// Since when a client does not read an answer; of several, the one that lies longest.
    pub(crate) fn unread_since(&self) -> Option<Instant> {
        let places = self.lock();
        let since = places.iter().filter_map(|place| match place {
            Place::PieceGiven(since) => Some(*since),
            Place::Free | Place::AnswerDue => None,
        });
        since.min()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        // Nothing panics while it holds it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is open for as long as this lives.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    of: Arc<OpenRequests>,
    place: usize,
}

impl OpenRequest {
    pub(crate) fn new(of: &Arc<OpenRequests>) -> Self {
        let mut places = of.lock();
        let free = places.iter().position(|place| matches!(place, Place::Free));
        let place = free.unwrap_or(places.len());
        match places.get_mut(place) {
            Some(free) => *free = Place::AnswerDue,
            None => places.push(Place::AnswerDue),
        }
        drop(places);
        Self {
            of: Arc::clone(of),
            place,
        }
    }

    /// The client asks for the next piece of the answer.
    pub(crate) fn piece_wanted(&self) {
        self.set(Place::AnswerDue);
    }

    /// The next piece is on its way.
    pub(crate) fn piece_given(&self) {
        self.set(Place::PieceGiven(Instant::now()));
    }

    fn set(&self, now: Place) {
        if let Some(place) = self.of.lock().get_mut(self.place) {
            *place = now;
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.set(Place::Free);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_answer_that_lies_longest_counts() {
        let all = Arc::default();
        let (first, second) = (OpenRequest::new(&all), OpenRequest::new(&all));
        assert!(all.are_there());
        assert_eq!(all.unread_since(), None);
        let begin = Instant::now();
        first.piece_given();
        tokio::time::advance(Duration::from_secs(1)).await;
        second.piece_given();
        assert_eq!(all.unread_since(), Some(begin));
        first.piece_wanted();
        assert_eq!(all.unread_since(), Some(begin + Duration::from_secs(1)));
        drop(second);
        assert_eq!(all.unread_since(), None);
        assert!(all.are_there());
        drop(first);
        assert!(!all.are_there());
    }

    #[test]
    fn places_are_used_again() {
        let all = Arc::default();
        let kept = OpenRequest::new(&all);
        for _ in 0..100 {
            drop(OpenRequest::new(&all));
        }
        assert_eq!(all.lock().len(), 2);
        drop(kept);
    }
}
