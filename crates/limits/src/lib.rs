//! Every limit of a worker: its name, its unit, its default, and why it exists.
//!
//! | name          | unit  | default   | bounds           | why                                      |
//! |---------------|-------|-----------|------------------|------------------------------------------|
//! | time          | time  | 30s       | 1ms to 24h       | an endless worker must not hold its slot |
//! | memory        | bytes | 128MiB    | 64KiB to 4GiB    | one worker must not starve the others    |
//! | request_body  | bytes | 10MiB     | 0B to 1GiB       | a body is held in memory for the worker  |
//! | response_body | bytes | 16MiB     | 1B to 1GiB       | an answer is held until it is complete   |
//! | concurrency   | calls | 4 x cores | 1 to 10000       | more calls than cores only share them    |
//! | queue         | calls | 64        | 0 to 100000      | waiting longer than this, a 503 is kinder |
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
    CONCURRENCY_BOUNDS, LimitError, MEMORY_BOUNDS, QUEUE_BOUNDS, REQUEST_BODY_BOUNDS,
    RESPONSE_BODY_BOUNDS, TIME_BOUNDS, parse_concurrency, parse_memory, parse_queue,
    parse_request_body, parse_response_body, parse_time,
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
    }
}
