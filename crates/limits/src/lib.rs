//! Every limit of a worker: its name, its unit, its default, and why it exists.
//!
//! | name              | unit  | default   | bounds        | why                                       |
//! |-------------------|-------|-----------|---------------|-------------------------------------------|
//! | time              | time  | 30s       | 1ms to 24h    | an endless worker must not hold its slot  |
//! | memory            | bytes | 128MiB    | 64KiB to 4GiB | one worker must not starve the others     |
//! | request_body      | bytes | 10MiB     | 0B to 1GiB    | a body is held in memory for the worker   |
//! | response_body     | bytes | 16MiB     | 1B to 1GiB    | an answer is held until it is complete    |
//! | concurrency       | calls | 4 x cores | 1 to 10000    | more calls than cores only share them     |
//! | queue             | calls | 64        | 0 to 100000   | waiting longer than this, a 503 is kinder |
//! | outbound_time     | time  | 10s       | 1ms to 1h     | another server may never end its answer   |
//! | outbound_connect  | time  | 5s        | 1ms to 1h     | another machine may not be there at all   |
//! | outbound_response | bytes | 16MiB     | 1B to 1GiB    | another server may answer without end     |
//! | outbound_calls    | calls | 32        | 1 to 10000    | each takes a socket, which all share      |
//! | kv_snapshot       | bytes | 4MiB      | 0B to 64MiB   | the wws protocol copies it in and out     |
//!
//! Times and sizes carry their unit in text (`"30s"`, `"16MiB"`); a bare number is refused.
//! Whoever reads a limit, from TOML or the command line, calls a `parse_*` function here, so
//! that the bounds exist once. Not here: where limits are written (`site-config`, the command
//! line) and what enforces them (`worker-host`).

mod bounds;
mod quantity;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use crate::bounds::{
    CONCURRENCY_BOUNDS, KV_SNAPSHOT_BOUNDS, LimitError, MEMORY_BOUNDS, OUTBOUND_CALLS_BOUNDS,
    OUTBOUND_RESPONSE_BOUNDS, OUTBOUND_TIME_BOUNDS, QUEUE_BOUNDS, REQUEST_BODY_BOUNDS,
    RESPONSE_BODY_BOUNDS, TIME_BOUNDS, parse_concurrency, parse_kv_snapshot, parse_memory,
    parse_outbound_calls, parse_outbound_connect, parse_outbound_response, parse_outbound_time,
    parse_queue, parse_request_body, parse_response_body, parse_time,
};
pub use crate::quantity::{ByteSize, QuantityError, TimeSpan};

/// The names of all limits, as written in `[limits]`, in the order of [`WorkerLimits`].
pub const LIMIT_NAMES: &[&str] = &[
    "time",
    "memory",
    "request_body",
    "response_body",
    "concurrency",
    "queue",
    "outbound_time",
    "outbound_connect",
    "outbound_response",
    "outbound_calls",
    "kv_snapshot",
];

/// Calls at once for each core where nobody chose a number: workers wait as well as compute.
const CALLS_PER_CORE: u32 = 4;

/// What a worker may use, complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLimits {
    /// Wall-clock time of one call, after which the guest is stopped.
    pub time: TimeSpan,
    /// Linear memory of one call's guest.
    pub memory: ByteSize,
    /// Longest request body passed to the worker.
    pub request_body: ByteSize,
    /// Longest response body taken from the worker.
    pub response_body: ByteSize,
    /// Calls that run at the same time. `None` is decided where the app starts, see
    /// [`Self::concurrency_on`], because the machine that bundles is not the one that serves.
    pub concurrency: Option<u32>,
    /// Calls that wait for a free slot; one more is answered 503.
    pub queue: u32,
    /// Wall-clock time of one call to another server, until the last byte of its answer.
    pub outbound_time: TimeSpan,
    /// The part of it that goes into finding the address and connecting.
    pub outbound_connect: TimeSpan,
    /// Longest body of the answer of another server.
    pub outbound_response: ByteSize,
    /// Calls to other servers that one worker has open at the same time, over all its requests.
    pub outbound_calls: u32,
    /// Keys and values that a worker of the wws protocol is given as `kv`, all together.
    pub kv_snapshot: ByteSize,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            time: TimeSpan(Duration::from_secs(30)),
            memory: ByteSize::mib(128),
            request_body: ByteSize::mib(10),
            response_body: ByteSize::mib(16),
            concurrency: None,
            queue: 64,
            outbound_time: TimeSpan(Duration::from_secs(10)),
            outbound_connect: TimeSpan(Duration::from_secs(5)),
            outbound_response: ByteSize::mib(16),
            outbound_calls: 32,
            kv_snapshot: ByteSize::mib(4),
        }
    }
}

impl WorkerLimits {
    /// Calls that run at the same time on a machine with `cores` cores: the number chosen, or
    /// four for each core. Never 0.
    pub fn concurrency_on(&self, cores: u32) -> u32 {
        let by_cores = cores.saturating_mul(CALLS_PER_CORE);
        self.concurrency
            .unwrap_or(by_cores)
            .clamp(*CONCURRENCY_BOUNDS.start(), *CONCURRENCY_BOUNDS.end())
    }
}

/// The limits somebody chose; `None` leaves a limit as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitOverrides {
    /// See [`WorkerLimits::time`].
    pub time: Option<TimeSpan>,
    /// See [`WorkerLimits::memory`].
    pub memory: Option<ByteSize>,
    /// See [`WorkerLimits::request_body`].
    pub request_body: Option<ByteSize>,
    /// See [`WorkerLimits::response_body`].
    pub response_body: Option<ByteSize>,
    /// See [`WorkerLimits::concurrency`].
    pub concurrency: Option<u32>,
    /// See [`WorkerLimits::queue`].
    pub queue: Option<u32>,
    /// See [`WorkerLimits::outbound_time`].
    pub outbound_time: Option<TimeSpan>,
    /// See [`WorkerLimits::outbound_connect`].
    pub outbound_connect: Option<TimeSpan>,
    /// See [`WorkerLimits::outbound_response`].
    pub outbound_response: Option<ByteSize>,
    /// See [`WorkerLimits::outbound_calls`].
    pub outbound_calls: Option<u32>,
    /// See [`WorkerLimits::kv_snapshot`].
    pub kv_snapshot: Option<ByteSize>,
}

impl LimitOverrides {
    /// `base` with every limit chosen here replaced.
    pub fn apply(&self, base: WorkerLimits) -> WorkerLimits {
        WorkerLimits {
            time: self.time.unwrap_or(base.time),
            memory: self.memory.unwrap_or(base.memory),
            request_body: self.request_body.unwrap_or(base.request_body),
            response_body: self.response_body.unwrap_or(base.response_body),
            concurrency: self.concurrency.or(base.concurrency),
            queue: self.queue.unwrap_or(base.queue),
            outbound_time: self.outbound_time.unwrap_or(base.outbound_time),
            outbound_connect: self.outbound_connect.unwrap_or(base.outbound_connect),
            outbound_response: self.outbound_response.unwrap_or(base.outbound_response),
            outbound_calls: self.outbound_calls.unwrap_or(base.outbound_calls),
            kv_snapshot: self.kv_snapshot.unwrap_or(base.kv_snapshot),
        }
    }

    /// Both choices; where both chose a limit, `self` wins.
    #[must_use]
    pub fn or(self, weaker: Self) -> Self {
        Self {
            time: self.time.or(weaker.time),
            memory: self.memory.or(weaker.memory),
            request_body: self.request_body.or(weaker.request_body),
            response_body: self.response_body.or(weaker.response_body),
            concurrency: self.concurrency.or(weaker.concurrency),
            queue: self.queue.or(weaker.queue),
            outbound_time: self.outbound_time.or(weaker.outbound_time),
            outbound_connect: self.outbound_connect.or(weaker.outbound_connect),
            outbound_response: self.outbound_response.or(weaker.outbound_response),
            outbound_calls: self.outbound_calls.or(weaker.outbound_calls),
            kv_snapshot: self.kv_snapshot.or(weaker.kv_snapshot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_chosen() -> LimitOverrides {
        LimitOverrides {
            time: Some(TimeSpan(Duration::from_secs(1))),
            memory: Some(ByteSize(2)),
            request_body: Some(ByteSize(3)),
            response_body: Some(ByteSize(4)),
            concurrency: Some(5),
            queue: Some(6),
            outbound_time: Some(TimeSpan(Duration::from_secs(7))),
            outbound_connect: Some(TimeSpan(Duration::from_secs(8))),
            outbound_response: Some(ByteSize(9)),
            outbound_calls: Some(10),
            kv_snapshot: Some(ByteSize(11)),
        }
    }

    #[test]
    fn concurrency_is_four_for_each_core_unless_chosen() {
        #[track_caller]
        fn check(chosen: Option<u32>, cores: u32, want: u32) {
            let limits = WorkerLimits {
                concurrency: chosen,
                ..WorkerLimits::default()
            };
            assert_eq!(limits.concurrency_on(cores), want);
        }
        check(None, 1, 4);
        check(None, 8, 32);
        check(None, 0, 1);
        check(None, u32::MAX, 10_000);
        check(Some(3), 8, 3);
        check(Some(0), 8, 1);
    }

    #[test]
    fn nothing_chosen_leaves_the_defaults() {
        let defaults = WorkerLimits::default();
        assert_eq!(LimitOverrides::default().apply(defaults), defaults);
    }

    #[test]
    fn every_chosen_limit_replaces_the_default() {
        let want = WorkerLimits {
            time: TimeSpan(Duration::from_secs(1)),
            memory: ByteSize(2),
            request_body: ByteSize(3),
            response_body: ByteSize(4),
            concurrency: Some(5),
            queue: 6,
            outbound_time: TimeSpan(Duration::from_secs(7)),
            outbound_connect: TimeSpan(Duration::from_secs(8)),
            outbound_response: ByteSize(9),
            outbound_calls: 10,
            kv_snapshot: ByteSize(11),
        };
        assert_eq!(all_chosen().apply(WorkerLimits::default()), want);
    }

    #[test]
    fn the_first_choice_wins_and_the_weaker_fills_the_rest() {
        let one = LimitOverrides {
            queue: Some(9),
            ..LimitOverrides::default()
        };
        let none = LimitOverrides::default();
        assert_eq!(
            one.or(all_chosen()),
            LimitOverrides {
                queue: Some(9),
                ..all_chosen()
            }
        );
        assert_eq!(all_chosen().or(one), all_chosen());
        assert_eq!(none.or(all_chosen()), all_chosen());
        assert_eq!(all_chosen().or(none), all_chosen());
    }

    #[test]
    fn every_default_is_within_its_bounds() {
        let defaults = WorkerLimits::default();
        assert!(TIME_BOUNDS.contains(&defaults.time));
        assert!(MEMORY_BOUNDS.contains(&defaults.memory));
        assert!(REQUEST_BODY_BOUNDS.contains(&defaults.request_body));
        assert!(RESPONSE_BODY_BOUNDS.contains(&defaults.response_body));
        assert!(QUEUE_BOUNDS.contains(&defaults.queue));
        assert!(OUTBOUND_TIME_BOUNDS.contains(&defaults.outbound_time));
        assert!(OUTBOUND_TIME_BOUNDS.contains(&defaults.outbound_connect));
        assert!(OUTBOUND_RESPONSE_BOUNDS.contains(&defaults.outbound_response));
        assert!(OUTBOUND_CALLS_BOUNDS.contains(&defaults.outbound_calls));
        assert!(KV_SNAPSHOT_BOUNDS.contains(&defaults.kv_snapshot));
    }
}
