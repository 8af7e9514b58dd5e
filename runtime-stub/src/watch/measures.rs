//! What is measured: counters of a number that is known when the app is opened.

use std::time::Duration;

use metrics::{BUCKETS, Counters, StatusSlot, bucket};

use super::failures::LastErrors;
use super::{Failed, FailureKind, LastError};

/// What kind of route a request took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteKind {
    Worker,
    Assets,
    Redirect,
    Nothing,
}

impl RouteKind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Worker, Self::Assets, Self::Redirect, Self::Nothing];

    /// As metrics name it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Assets => "assets",
            Self::Redirect => "redirect",
            Self::Nothing => "none",
        }
    }
}

// The counters of a route: each place derived from the one before.
const STATUSES_AT: usize = 0;
const BUCKETS_AT: usize = STATUSES_AT + StatusSlot::COUNT;
const MICROS_AT: usize = BUCKETS_AT + BUCKETS;
const BYTES_AT: usize = MICROS_AT + 1;
const WORKED_AT: usize = BYTES_AT + 1;
const FAILURES_AT: usize = WORKED_AT + 1;
const WIDTH: usize = FAILURES_AT + FailureKind::ALL.len();

/// What is measured of all requests.
pub(crate) struct Measures {
    counters: Counters,
    last_errors: LastErrors,
}

/// The sums of one route.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteSums {
    /// Only those that there have been.
    pub(crate) statuses: Vec<(StatusSlot, u64)>,
    pub(crate) buckets: [u64; BUCKETS],
    /// Of all requests together.
    pub(crate) micros: u64,
    /// Of all bodies of answers.
    pub(crate) bytes: u64,
    /// How long workers ran, or waited for their turn, until they had answered.
    pub(crate) worked_micros: u64,
    /// Only those that there have been.
    pub(crate) failures: Vec<(FailureKind, u64)>,
}

impl Measures {
    pub(super) fn new(routes: usize) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
        Self {
            counters: Counters::new(routes * WIDTH, threads),
            last_errors: LastErrors::default(),
        }
    }

    /// A request was answered.
    pub(super) fn answered(&self, route: usize, status: u16, bytes: u64, micros: u64) {
        let base = route * WIDTH;
        let status = StatusSlot::of(status).index();
        self.counters.add(base + STATUSES_AT + status, 1);
        self.counters.add(base + BUCKETS_AT + bucket(micros), 1);
        self.counters.add(base + MICROS_AT, micros);
        self.counters.add(base + BYTES_AT, bytes);
    }

    /// A worker, whose number is that of its route, has answered or failed after that time.
    pub(crate) fn worked(&self, worker: usize, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.counters.add(worker * WIDTH + WORKED_AT, micros);
    }

    pub(super) fn failed(&self, worker: usize, route: &str, failed: &Failed<'_>) {
        let kind = failed.kind as usize;
        self.counters.add(worker * WIDTH + FAILURES_AT + kind, 1);
        self.last_errors.push(route, failed);
    }

    /// The last failures, the newest first.
    pub(crate) fn last_errors(&self) -> Vec<LastError> {
        self.last_errors.all()
    }

    /// What there has been on a route.
    pub(crate) fn sums(&self, route: usize) -> RouteSums {
        let base = route * WIDTH;
        let sum = |place: usize| self.counters.sum(base + place);
        let statuses = StatusSlot::all().map(|slot| (slot, sum(STATUSES_AT + slot.index())));
        let failures = FailureKind::ALL
            .iter()
            .map(|kind| (*kind, sum(FAILURES_AT + *kind as usize)));
        RouteSums {
            statuses: statuses.filter(|(_, count)| *count > 0).collect(),
            buckets: std::array::from_fn(|place| sum(BUCKETS_AT + place)),
            micros: sum(MICROS_AT),
            bytes: sum(BYTES_AT),
            worked_micros: sum(WORKED_AT),
            failures: failures.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

impl RouteSums {
    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        self.statuses.iter().map(|(_, count)| count).sum()
    }

    /// Adds those of another route.
    pub(crate) fn add_times(&mut self, other: &Self) {
        for (own, more) in self.buckets.iter_mut().zip(other.buckets) {
            *own += more;
        }
        self.micros += other.micros;
        self.bytes += other.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_has_sums_of_its_own() {
        let measures = Measures::new(3);
        measures.answered(1, 200, 10, 70);
        measures.answered(1, 200, 5, 30);
        measures.answered(1, 503, 0, 20_000_000);
        measures.worked(1, Duration::from_millis(2));
        let failed = Failed {
            kind: FailureKind::RequestBroken,
            limit: None,
            status: 503,
            reason: &"words",
        };
        measures.failed(1, "/a", &failed);
        let sums = measures.sums(1);
        let statuses: Vec<_> = sums
            .statuses
            .iter()
            .map(|(slot, count)| (slot.label(), *count))
            .collect();
        assert_eq!(statuses, [("200".to_owned(), 2), ("503".to_owned(), 1)]);
        assert_eq!(sums.requests(), 3);
        assert_eq!(
            (sums.buckets[0], sums.buckets[1], sums.buckets[17]),
            (1, 1, 1)
        );
        assert_eq!(
            (sums.micros, sums.bytes, sums.worked_micros),
            (20_000_100, 15, 2000)
        );
        assert_eq!(sums.failures, [(FailureKind::RequestBroken, 1)]);
        assert_eq!(measures.last_errors()[0].reason, "words");
        for other in [0, 2] {
            let sums = measures.sums(other);
            assert_eq!(
                (sums.requests(), sums.micros, sums.failures.len()),
                (0, 0, 0)
            );
        }
    }
}
