//! Times in buckets.

/// The upper bounds of the buckets, in microseconds: 1, 2.5 and 5 of each power of ten, from what a
/// stored file takes to what nobody waits for.
pub const BOUNDS: [u64; 17] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// One more than there are bounds: what is above all of them.
pub const BUCKETS: usize = BOUNDS.len() + 1;

/// The bucket of a time in microseconds; a bound belongs to its bucket.
#[must_use]
pub fn bucket(micros: u64) -> usize {
    BOUNDS.partition_point(|bound| *bound < micros)
}

/// The time, in microseconds, that so large a part of all was not longer than, as far as buckets
/// know it: inside of one, times are taken to be spread evenly. `None` if there are none at all.
/// What is above all bounds counts as the last of them.
#[must_use]
pub fn quantile(counts: &[u64; BUCKETS], part: f64) -> Option<f64> {
    let all: u64 = counts.iter().sum();
    if all == 0 {
        return None;
    }
    let rank = part.clamp(0.0, 1.0) * precise(all);
    let mut below = 0.0;
    for (bucket, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let upto = below + precise(*count);
        let Some(bound) = BOUNDS.get(bucket) else {
            break;
        };
        if upto >= rank {
            let lower = bucket.checked_sub(1).map_or(0, |before| BOUNDS[before]);
            let width = precise(bound - lower);
            return Some(precise(lower) + width * (rank - below) / precise(*count));
        }
        below = upto;
    }
    BOUNDS.last().map(|last| precise(*last))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate; 53 bits of a count are more than its buckets tell"
)]
fn precise(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        #[track_caller]
        fn check(micros: u64, want: usize) {
            assert_eq!(bucket(micros), want, "{micros}");
        }
        check(0, 0);
        check(50, 0);
        check(51, 1);
        check(10_000_000, 16);
        check(10_000_001, 17);
        check(u64::MAX, 17);
    }

    #[test]
    fn a_quantile_lies_where_its_rank_does() {
        #[track_caller]
        fn check(filled: &[(usize, u64)], part: f64, want: Option<f64>) {
            let mut counts = [0; BUCKETS];
            for (bucket, count) in filled {
                counts[*bucket] = *count;
            }
            assert_eq!(quantile(&counts, part), want, "{filled:?} {part}");
        }
        check(&[], 0.5, None);
        check(&[(0, 10)], 0.5, Some(25.0));
        check(&[(0, 10)], 1.0, Some(50.0));
        check(&[(0, 50), (4, 50)], 0.5, Some(50.0));
        check(&[(0, 50), (4, 50)], 0.75, Some(750.0));
        check(&[(17, 1)], 0.5, Some(10_000_000.0));
        check(&[(0, 99), (17, 1)], 1.0, Some(10_000_000.0));
    }

    proptest! {
        #[test]
        fn the_true_quantile_is_in_the_same_bucket(
            mut times in prop::collection::vec(0_u64..10_000_000, 1..200),
            part in 1_u32..=100,
        ) {
            let mut counts = [0; BUCKETS];
            times.iter().for_each(|time| counts[bucket(*time)] += 1);
            times.sort_unstable();
            let rank = (times.len() * part as usize).div_ceil(100);
            let exact = bucket(times[rank - 1]);
            let found = quantile(&counts, f64::from(part) / 100.0).unwrap();
            let lower = exact.checked_sub(1).map_or(0, |before| BOUNDS[before]);
            // A rank on the border of two buckets may count as either.
            prop_assert!(found >= precise(lower) - 1e-3 && found <= precise(BOUNDS[exact]) + 1e-3);
        }
    }
}
