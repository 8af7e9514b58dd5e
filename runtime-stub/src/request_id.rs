//! Ids of requests, and of the traces that begin here.
//!
//! An id is 128 bits in hexadecimal: the first half is that of the process, the second a number that
//! is counted up and then scrambled, so that it does not tell how many requests there were. No
//! system call and no memory that other threads write to: each thread takes numbers in blocks.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use http_semantics::TraceParent;

/// `x-request-id`
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// `traceparent` (W3C Trace Context)
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// An id of somebody else's may be as long as this, in bytes.
const GIVEN_BYTES_MAX: usize = 128;

/// How many numbers a thread takes at once.
const BLOCK: u64 = 1024;

/// The id of a request.
#[derive(Clone, Debug)]
pub(crate) enum RequestId {
    /// Ours: hexadecimal digits.
    Own([u8; 32]),
    /// Of the proxy before us: visible ASCII.
    Given(HeaderValue),
}

impl RequestId {
    /// One that no other request has.
    pub(crate) fn next() -> Self {
        let mut id = [0; 32];
        let (process, own) = id.split_at_mut(16);
        process.copy_from_slice(&process_half().digits);
        own.copy_from_slice(&hex(next_number()));
        Self::Own(id)
    }

    /// The one that a request came with, if it has one and that is fit to be passed on: up to 128
    /// visible characters of ASCII.
    pub(crate) fn given(fields: &HeaderMap) -> Option<Self> {
        let mut values = fields.get_all(X_REQUEST_ID).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let is_fit = (1..=GIVEN_BYTES_MAX).contains(&value.len())
            && value.as_bytes().iter().all(u8::is_ascii_graphic);
        is_fit.then(|| Self::Given(value.clone()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Own(digits) => digits,
            Self::Given(value) => value.as_bytes(),
        }
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        match self {
            // Digits.
            Self::Own(digits) => {
                HeaderValue::from_bytes(digits).unwrap_or_else(|_| HeaderValue::from_static(""))
            }
            Self::Given(value) => value.clone(),
        }
    }
}

/// The trace of a request, if it came with one that is valid.
pub(crate) fn given_trace(fields: &HeaderMap) -> Option<TraceParent> {
    let mut values = fields.get_all(TRACEPARENT).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => TraceParent::parse(value.as_bytes()),
        _ => None,
    }
}

/// The `traceparent` of a trace that begins with this request. Its id is that of the request, where
/// we have made that, so that both lead to the same lines of a log. Nobody has decided to record
/// it: the flags are 00.
pub(crate) fn new_trace(id: &RequestId) -> String {
    let RequestId::Own(trace) = (match id {
        RequestId::Own(_) => id.clone(),
        RequestId::Given(_) => RequestId::next(),
    }) else {
        return String::new();
    };
    let span = hex(next_number());
    let text = |digits| std::str::from_utf8(digits).unwrap_or_default();
    format!("00-{}-{}-00", text(&trace), text(&span))
}

/// What the ids of a process have in common.
struct ProcessHalf {
    digits: [u8; 16],
    /// What its numbers are scrambled with.
    key: u64,
}

fn process_half() -> &'static ProcessHalf {
    static HALF: OnceLock<ProcessHalf> = OnceLock::new();
    HALF.get_or_init(|| {
        // Where there is no randomness, the time tells one process from the next.
        let now = || {
            std::time::SystemTime::UNIX_EPOCH
                .elapsed()
                .unwrap_or_default()
        };
        let random =
            || getrandom::u64().unwrap_or_else(|_| scramble(u64::from(now().subsec_nanos())));
        ProcessHalf {
            // Not 0: neither a trace nor a span may be.
            digits: hex(random().max(1)),
            key: random(),
        }
    })
}

/// A number that no other request of this process has.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static BLOCK_LEFT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    }
    let number = BLOCK_LEFT.with(|left| {
        let (mut next, mut end) = left.get();
        if next == end {
            next = NEXT.fetch_add(BLOCK, Ordering::Relaxed);
            end = next + BLOCK;
        }
        left.set((next + 1, end));
        next
    });
    scramble(number ^ process_half().key).max(1)
}

/// Every number to another, and back: the last steps of splitmix64.
fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn hex(number: u64) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 16];
    for (digits, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        digits[0] = DIGITS[usize::from(byte >> 4)];
        digits[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_requests_have_the_same_id() {
        let ids = std::thread::scope(|scope| {
            let make = || {
                (0..3000)
                    .map(|_| RequestId::next().as_bytes().to_vec())
                    .collect()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
            let of =
                |thread: std::thread::ScopedJoinHandle<'_, Vec<Vec<u8>>>| thread.join().unwrap();
            threads.into_iter().flat_map(of).collect::<Vec<_>>()
        });
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 12_000);
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
        assert!(
            ids.iter()
                .all(|id| id.len() == 32 && id.iter().all(is_digit))
        );
    }

    #[test]
    fn an_id_of_somebody_else_is_kept_if_it_is_fit() {
        #[track_caller]
        fn check(values: &[&[u8]], want: bool) {
            let mut fields = HeaderMap::new();
            for value in values {
                fields.append(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            }
            let given = RequestId::given(&fields);
            let found = given.as_ref().map(RequestId::as_bytes);
            assert_eq!(
                found,
                want.then_some(values.first().copied().unwrap_or_default())
            );
        }
        check(&[b"abc-123_/+=:."], true);
        check(&[&[b'x'; 128]], true);
        check(&[&[b'x'; 129]], false);
        check(&[b""], false);
        check(&[], false);
        check(&[b"a b"], false);
        check(&[b"caf\xe9"], false);
        check(&[b"a", b"b"], false);
    }

    #[test]
    fn a_new_trace_is_valid_and_named_after_its_request() {
        let id = RequestId::next();
        let trace = new_trace(&id);
        let parsed = TraceParent::parse(trace.as_bytes()).unwrap();
        assert_eq!(parsed.trace_id().as_bytes(), id.as_bytes());
        let given = RequestId::Given(HeaderValue::from_static("abc"));
        assert!(TraceParent::parse(new_trace(&given).as_bytes()).is_some());
    }
}
