//! How many calls there were, and what became of them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::CallError;

/// How calls end, in the order of their numbers.
const RESULTS: [&str; 12] = [
    "answered",
    "not_allowed",
    "bad_request",
    "dns",
    "connect",
    "tls",
    "timeout",
    "busy",
    "response_too_large",
    "protocol",
    "broken",
    "redirect",
];

/// How many calls the workers of an app have made, by what became of them.
#[derive(Debug, Default)]
pub struct CallCounts {
    heads: [AtomicU64; RESULTS.len()],
    bodies: [AtomicU64; RESULTS.len()],
}

impl CallCounts {
    /// A call has an answer, as far as its head, or none.
    pub(crate) fn ended<T>(&self, result: &Result<T, CallError>) {
        let place = result.as_ref().err().map_or(0, place_of);
        self.heads[place].fetch_add(1, Ordering::Relaxed);
    }

    /// The body of an answer has no end.
    pub(crate) fn body_failed(&self, error: &CallError) {
        self.bodies[place_of(error)].fetch_add(1, Ordering::Relaxed);
    }

    /// What became of calls up to the head of their answers, and how many, unless there were none.
    pub fn calls(&self) -> impl Iterator<Item = (&'static str, u64)> {
        counts(&self.heads)
    }

    /// Why bodies of answers broke off, and how many, unless there were none.
    pub fn bodies_failed(&self) -> impl Iterator<Item = (&'static str, u64)> {
        counts(&self.bodies)
    }
}

fn counts(cells: &[AtomicU64; RESULTS.len()]) -> impl Iterator<Item = (&'static str, u64)> {
    let cells = RESULTS.iter().zip(cells);
    let counts = cells.map(|(result, cell)| (*result, cell.load(Ordering::Relaxed)));
    counts.filter(|(_, count)| *count > 0)
}

fn place_of(error: &CallError) -> usize {
    match error {
        CallError::Refused(_) => 1,
        CallError::BadRequest(_) | CallError::RequestBody(_) => 2,
        CallError::NoDnsServer { .. } | CallError::Dns { .. } => 3,
        CallError::Connect { .. } => 4,
        CallError::Tls { .. } => 5,
        CallError::ConnectTimeout { .. }
        | CallError::FirstByteTimeout { .. }
        | CallError::BetweenBytesTimeout { .. }
        | CallError::TotalTimeout { .. } => 6,
        CallError::Busy { .. } => 7,
        CallError::ResponseTooLarge { .. } => 8,
        CallError::Protocol(_) => 9,
        CallError::Broken(_) => 10,
        CallError::TooManyRedirects | CallError::RedirectRefused { .. } => 11,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_what_became_of_them() {
        let counts = CallCounts::default();
        counts.ended(&Ok(()));
        counts.ended(&Ok(()));
        counts.ended::<()>(&Err(CallError::TooManyRedirects));
        counts.body_failed(&CallError::ResponseTooLarge { limit: 1 });
        let calls: Vec<_> = counts.calls().collect();
        assert_eq!(calls, [("answered", 2), ("redirect", 1)]);
        let bodies: Vec<_> = counts.bodies_failed().collect();
        assert_eq!(bodies, [("response_too_large", 1)]);
    }
}
