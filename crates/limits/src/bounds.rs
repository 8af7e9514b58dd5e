//! The bounds of every limit, and the only functions that read a limit from text.
//!
//! Each `parse_*` has the shape of a clap value parser and is used for TOML as well. Bounds
//! keep a typing slip (a memory of 128 bytes, a time of a year) from becoming a site that
//! never answers. Not here: the notation of sizes and times (`quantity`).

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::quantity::{ByteSize, QuantityError, TimeSpan};

/// Below a millisecond no worker starts; above a day it is a daemon, not a request.
pub const TIME_BOUNDS: RangeInclusive<TimeSpan> =
    TimeSpan(Duration::from_millis(1))..=TimeSpan(Duration::from_secs(24 * 60 * 60));
/// One page of WebAssembly memory, to all that 32-bit addresses reach.
pub const MEMORY_BOUNDS: RangeInclusive<ByteSize> = ByteSize::kib(64)..=ByteSize::gib(4);
/// `0B` is a worker that takes no body at all.
pub const REQUEST_BODY_BOUNDS: RangeInclusive<ByteSize> = ByteSize(0)..=ByteSize::gib(1);
/// A worker that may answer nothing is a mistake.
pub const RESPONSE_BODY_BOUNDS: RangeInclusive<ByteSize> = ByteSize(1)..=ByteSize::gib(1);
/// Calls that run at the same time.
pub const CONCURRENCY_BOUNDS: RangeInclusive<u32> = 1..=10_000;
/// `0` answers 503 as soon as all slots are taken.
pub const QUEUE_BOUNDS: RangeInclusive<u32> = 0..=100_000;
/// Of `outbound_time` and `outbound_connect`: no server is worth waiting for longer than an hour.
pub const OUTBOUND_TIME_BOUNDS: RangeInclusive<TimeSpan> =
    TimeSpan(Duration::from_millis(1))..=TimeSpan(Duration::from_secs(60 * 60));
/// A call whose answer may hold nothing is a mistake.
pub const OUTBOUND_RESPONSE_BOUNDS: RangeInclusive<ByteSize> = ByteSize(1)..=ByteSize::gib(1);
/// Whoever wants no calls at all allows no hosts.
pub const OUTBOUND_CALLS_BOUNDS: RangeInclusive<u32> = 1..=10_000;
/// `0B` gives a worker nothing unless its namespace is empty. It is JSON on both ways, and in memory
/// for each request.
pub const KV_SNAPSHOT_BOUNDS: RangeInclusive<ByteSize> = ByteSize(0)..=ByteSize::mib(64);

/// Why a text is not a value of a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// The text is not a size or a time.
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    /// The text of a limit that counts is not an integer.
    #[error("\"{}\" is not a whole number; write one from {min} to {max}", text.escape_debug())]
    NotWhole {
        /// What was written.
        text: String,
        /// The smallest value accepted.
        min: u32,
        /// The largest value accepted.
        max: u32,
    },
    /// The value is readable, but below or above what the limit accepts.
    #[error("{limit} must be from {min} to {max}, found {found}")]
    OutOfBounds {
        /// The name of the limit, one of [`LIMIT_NAMES`](crate::LIMIT_NAMES).
        limit: &'static str,
        /// What was written.
        found: String,
        /// The smallest value accepted.
        min: String,
        /// The largest value accepted.
        max: String,
    },
}

/// The time of one call, as in `30s`.
///
/// # Errors
/// No number, no or an unknown unit, or outside [`TIME_BOUNDS`].
pub fn parse_time(text: &str) -> Result<TimeSpan, LimitError> {
    within("time", text.parse()?, text, &TIME_BOUNDS)
}

/// The memory of one call, as in `128MiB`.
///
/// # Errors
/// No number, no or an unknown unit, or outside [`MEMORY_BOUNDS`].
pub fn parse_memory(text: &str) -> Result<ByteSize, LimitError> {
    within("memory", text.parse()?, text, &MEMORY_BOUNDS)
}

/// The longest request body, as in `10MiB`.
///
/// # Errors
/// No number, no or an unknown unit, or outside [`REQUEST_BODY_BOUNDS`].
pub fn parse_request_body(text: &str) -> Result<ByteSize, LimitError> {
    within("request_body", text.parse()?, text, &REQUEST_BODY_BOUNDS)
}

/// The longest response body, as in `16MiB`.
///
/// # Errors
/// No number, no or an unknown unit, or outside [`RESPONSE_BODY_BOUNDS`].
pub fn parse_response_body(text: &str) -> Result<ByteSize, LimitError> {
    within("response_body", text.parse()?, text, &RESPONSE_BODY_BOUNDS)
}

/// The number of calls at the same time, as in `8`.
///
/// # Errors
/// Not a whole number, or outside [`CONCURRENCY_BOUNDS`].
pub fn parse_concurrency(text: &str) -> Result<u32, LimitError> {
    parse_count("concurrency", text, &CONCURRENCY_BOUNDS)
}

/// The number of waiting calls, as in `64`.
///
/// # Errors
/// Not a whole number, or outside [`QUEUE_BOUNDS`].
pub fn parse_queue(text: &str) -> Result<u32, LimitError> {
    parse_count("queue", text, &QUEUE_BOUNDS)
}

/// The time of one call to another server, as in `10s`.
///
/// # Errors
/// No number, no or an unknown unit, or outside [`OUTBOUND_TIME_BOUNDS`].
pub fn parse_outbound_time(text: &str) -> Result<TimeSpan, LimitError> {
    within("outbound_time", text.parse()?, text, &OUTBOUND_TIME_BOUNDS)
}

/// The time of connecting to another server, as in `5s`.
///
/// # Errors
/// No number, no or an unknown unit, or outside [`OUTBOUND_TIME_BOUNDS`].
pub fn parse_outbound_connect(text: &str) -> Result<TimeSpan, LimitError> {
    within(
        "outbound_connect",
        text.parse()?,
        text,
        &OUTBOUND_TIME_BOUNDS,
    )
}

/// The longest answer of another server, as in `16MiB`.
///
/// # Errors
/// No number, no or an unknown unit, or outside [`OUTBOUND_RESPONSE_BOUNDS`].
pub fn parse_outbound_response(text: &str) -> Result<ByteSize, LimitError> {
    within(
        "outbound_response",
        text.parse()?,
        text,
        &OUTBOUND_RESPONSE_BOUNDS,
    )
}

/// The number of calls to other servers at the same time, as in `32`.
///
/// # Errors
/// Not a whole number, or outside [`OUTBOUND_CALLS_BOUNDS`].
pub fn parse_outbound_calls(text: &str) -> Result<u32, LimitError> {
    parse_count("outbound_calls", text, &OUTBOUND_CALLS_BOUNDS)
}

/// The most bytes of a namespace that is given to a worker as a whole, as in `4MiB`.
///
/// # Errors
/// No number, no or an unknown unit, or outside [`KV_SNAPSHOT_BOUNDS`].
pub fn parse_kv_snapshot(text: &str) -> Result<ByteSize, LimitError> {
    within("kv_snapshot", text.parse()?, text, &KV_SNAPSHOT_BOUNDS)
}

fn parse_count(
    limit: &'static str,
    text: &str,
    bounds: &RangeInclusive<u32>,
) -> Result<u32, LimitError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let (min, max) = (*bounds.start(), *bounds.end());
        return Err(LimitError::NotWhole {
            text: text.to_owned(),
            min,
            max,
        });
    }
    // All digits: what does not fit into a u32 is below or above every bound.
    let count: u32 = text
        .parse()
        .map_err(|_| out_of_bounds(limit, text, bounds))?;
    within(limit, count, text, bounds)
}

fn within<T: Display + PartialOrd>(
    limit: &'static str,
    value: T,
    text: &str,
    bounds: &RangeInclusive<T>,
) -> Result<T, LimitError> {
    if bounds.contains(&value) {
        Ok(value)
    } else {
        Err(out_of_bounds(limit, text, bounds))
    }
}

fn out_of_bounds<T: Display>(
    limit: &'static str,
    text: &str,
    bounds: &RangeInclusive<T>,
) -> LimitError {
    LimitError::OutOfBounds {
        limit,
        found: text.to_owned(),
        min: bounds.start().to_string(),
        max: bounds.end().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check<T: Display>(parse: fn(&str) -> Result<T, LimitError>, text: &str, want: &str) {
        let found = match parse(text) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, want);
    }

    #[test]
    fn both_ends_of_every_bound_are_accepted() {
        check(parse_time, "1ms", "1ms");
        check(parse_time, "1440m", "1440m");
        check(parse_memory, "64KiB", "64KiB");
        check(parse_memory, "4GiB", "4GiB");
        check(parse_request_body, "0B", "0B");
        check(parse_request_body, "1GiB", "1GiB");
        check(parse_response_body, "1B", "1B");
        check(parse_response_body, "1GiB", "1GiB");
        check(parse_concurrency, "1", "1");
        check(parse_concurrency, "10000", "10000");
        check(parse_queue, "0", "0");
        check(parse_queue, "100000", "100000");
        check(parse_outbound_time, "1ms", "1ms");
        check(parse_outbound_time, "60m", "60m");
        check(parse_outbound_connect, "1ms", "1ms");
        check(parse_outbound_connect, "3600s", "60m");
        check(parse_outbound_response, "1B", "1B");
        check(parse_outbound_response, "1GiB", "1GiB");
        check(parse_outbound_calls, "1", "1");
        check(parse_outbound_calls, "10000", "10000");
        check(parse_kv_snapshot, "0B", "0B");
        check(parse_kv_snapshot, "64MiB", "64MiB");
    }

    #[test]
    fn one_step_outside_a_bound_is_refused_with_the_bounds() {
        #[track_caller]
        fn refused<T: Display>(parse: fn(&str) -> Result<T, LimitError>, text: &str, want: &str) {
            check(parse, text, &format!("{want}, found {text}"));
        }
        refused(parse_time, "0.999999ms", "time must be from 1ms to 1440m");
        refused(parse_time, "86401s", "time must be from 1ms to 1440m");
        refused(parse_memory, "65535B", "memory must be from 64KiB to 4GiB");
        refused(
            parse_memory,
            "4294967297B",
            "memory must be from 64KiB to 4GiB",
        );
        refused(
            parse_request_body,
            "1073741825B",
            "request_body must be from 0B to 1GiB",
        );
        refused(
            parse_response_body,
            "0B",
            "response_body must be from 1B to 1GiB",
        );
        refused(
            parse_response_body,
            "1073741825B",
            "response_body must be from 1B to 1GiB",
        );
        refused(
            parse_concurrency,
            "0",
            "concurrency must be from 1 to 10000",
        );
        refused(
            parse_concurrency,
            "10001",
            "concurrency must be from 1 to 10000",
        );
        refused(
            parse_concurrency,
            "-1",
            "concurrency must be from 1 to 10000",
        );
        refused(parse_queue, "100001", "queue must be from 0 to 100000");
        refused(
            parse_queue,
            "99999999999999999999",
            "queue must be from 0 to 100000",
        );
        let time = "outbound_time must be from 1ms to 60m";
        refused(parse_outbound_time, "0.5ms", time);
        refused(parse_outbound_time, "3601s", time);
        let connect = "outbound_connect must be from 1ms to 60m";
        refused(parse_outbound_connect, "0s", connect);
        refused(parse_outbound_connect, "61m", connect);
        let response = "outbound_response must be from 1B to 1GiB";
        refused(parse_outbound_response, "0B", response);
        refused(parse_outbound_response, "1073741825B", response);
        let calls = "outbound_calls must be from 1 to 10000";
        refused(parse_outbound_calls, "0", calls);
        refused(parse_outbound_calls, "10001", calls);
        let snapshot = "kv_snapshot must be from 0B to 64MiB";
        refused(parse_kv_snapshot, "67108865B", snapshot);
    }

    #[test]
    fn unreadable_values_say_what_to_write() {
        check(
            parse_memory,
            "128",
            "\"128\" has no unit; write a unit, as in \"16MiB\"",
        );
        check(
            parse_time,
            "30",
            "\"30\" has no unit; write a unit, as in \"30s\"",
        );
        let want = "is not a whole number; write one from 1 to 10000";
        for text in ["", "-", "+1", "1.5", "many", "1 "] {
            check(parse_concurrency, text, &format!("\"{text}\" {want}"));
        }
    }

    #[test]
    fn an_error_can_be_passed_to_clap() {
        fn takes<E: std::error::Error + Send + Sync + Clone + 'static>(_: &E) {}
        takes(&parse_queue("x").unwrap_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_within_bounds(text in "\\PC*|[0-9]{1,12}(B|KiB|MiB|ms|s|m)?") {
            prop_assert!(parse_time(&text).iter().all(|v| TIME_BOUNDS.contains(v)));
            prop_assert!(parse_memory(&text).iter().all(|v| MEMORY_BOUNDS.contains(v)));
            prop_assert!(parse_queue(&text).iter().all(|v| QUEUE_BOUNDS.contains(v)));
            prop_assert!(
                parse_outbound_time(&text).iter().all(|v| OUTBOUND_TIME_BOUNDS.contains(v))
            );
            prop_assert!(parse_kv_snapshot(&text).iter().all(|v| KV_SNAPSHOT_BOUNDS.contains(v)));
        }
    }
}
