//! How much may come in a time.

use std::time::Duration;

/// So many in a time, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In nanoseconds, at least one: after this time there is one more.
    interval: u64,
    /// In nanoseconds: how far ahead of its time the last one may come that is let in.
    tolerance: u64,
}

impl Rate {
    /// `count` in each `period`, and `burst` at once; at least one of both.
    #[must_use]
    pub fn new(count: u32, period: Duration, burst: u32) -> Self {
        let interval = (nanoseconds(period) / u64::from(count.max(1))).max(1);
        Self {
            interval,
            tolerance: interval.saturating_mul(u64::from(burst.max(1)) - 1),
        }
    }
}

/// A token bucket, as the moment at which it is full (the generic cell rate algorithm).
///
/// All moments are durations since one that is the same for all. One that is earlier than the last
/// counts as the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// In nanoseconds.
    full_at: u64,
}

impl Bucket {
    /// Takes one.
    ///
    /// # Errors
    /// There is none; there will be one after this time.
    pub fn take(&mut self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let now = nanoseconds(now);
        let wait = self.full_at.saturating_sub(now);
        if wait > rate.tolerance {
            return Err(Duration::from_nanos(wait - rate.tolerance));
        }
        self.full_at = self.full_at.max(now).saturating_add(rate.interval);
        Ok(())
    }

    /// Which of two buckets is full first.
    pub(crate) fn full_at(self) -> u64 {
        self.full_at
    }
}

/// 584 years are enough for a process.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_goes_through_and_then_the_rate() {
        let rate = Rate::new(10, SECOND, 5);
        let mut bucket = Bucket::default();
        let begin = Duration::from_secs(100);
        for _ in 0..5 {
            assert_eq!(bucket.take(rate, begin), Ok(()));
        }
        assert_eq!(bucket.take(rate, begin), Err(Duration::from_millis(100)));
        let later = begin + Duration::from_millis(100);
        assert_eq!(bucket.take(rate, later), Ok(()));
        assert_eq!(bucket.take(rate, later), Err(Duration::from_millis(100)));
        // A clock that goes back gives nothing away.
        assert!(bucket.take(rate, Duration::ZERO).is_err());
        let full_again = begin + SECOND;
        let taken = (0..100).filter(|_| bucket.take(rate, full_again).is_ok());
        assert_eq!(taken.count(), 5);
    }

    #[test]
    fn a_rate_of_nothing_is_one() {
        let rate = Rate::new(0, Duration::ZERO, 0);
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(rate, SECOND), Ok(()));
        assert_eq!(bucket.take(rate, SECOND), Err(Duration::from_nanos(1)));
        let rate = Rate::new(1, Duration::MAX, u32::MAX);
        assert_eq!(Bucket::default().take(rate, Duration::MAX), Ok(()));
    }

    proptest! {
        /// In any time there are at most the burst and what the rate gives; who waits as long as he
        /// was told to is let in.
        #[test]
        fn no_more_than_rate_and_burst(
            count in 1..200_u32,
            burst in 1..50_u32,
            steps in proptest::collection::vec(0..200_u64, 1..300),
        ) {
            let rate = Rate::new(count, SECOND, burst);
            let (mut bucket, mut now, mut taken) = (Bucket::default(), Duration::ZERO, 0_u32);
            for step in steps {
                now += Duration::from_millis(step);
                match bucket.take(rate, now) {
                    Ok(()) => taken += 1,
                    Err(wait) => {
                        let mut patient = bucket;
                        prop_assert!(patient.take(rate, now + wait).is_ok());
                    }
                }
                let given = f64::from(burst) + now.as_secs_f64() * f64::from(count) + 1e-3;
                prop_assert!(f64::from(taken) <= given, "{taken} of {given}");
            }
        }
    }
}
