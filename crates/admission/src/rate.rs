//! How many requests one client sends.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{Bucket, ClientBlock, Rate};

/// How many clients share a lock, and a place to be forgotten in.
const ROW: usize = 8;

/// Enough for 65,536 clients that send at the same time, in 1.1 MiB.
const ROWS: usize = 8192;

/// A rate for each client, in a table of fixed size.
///
/// Who comes when all is taken gets the place of the one who owes least, and what that one owed. So
/// nobody gets more than the rate, however many others come in between; and who is made to pay for
/// others pays as little as there is to pay.
#[derive(Debug)]
pub struct RateLimiter {
    rate: Rate,
    rows: Box<[Mutex<Row>]>,
    /// With a key that nobody knows: clients cannot choose to meet in a row.
    hasher: RandomState,
}

type Row = [Slot; ROW];

/// One whose bucket is full is as good as one that nobody has.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    client: Option<ClientBlock>,
    bucket: Bucket,
}

impl RateLimiter {
    /// That rate for each.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self::with_rows(rate, ROWS)
    }

    fn with_rows(rate: Rate, rows: usize) -> Self {
        Self {
            rate,
            rows: (0..rows).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Lets a request in. `now` is the time since a moment that is the same for all.
    ///
    /// # Errors
    /// The client has sent too many; the next one may come after this time.
    pub fn take(&self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        let client = ClientBlock::from(address);
        // The remainder is smaller than the number of rows.
        let at = self.hasher.hash_one(client) % self.rows.len() as u64;
        let row = usize::try_from(at).ok().and_then(|at| self.rows.get(at));
        let Some(row) = row else { return Ok(()) };
        let mut row = row.lock().unwrap_or_else(PoisonError::into_inner);
        slot_of(&mut row, client).bucket.take(self.rate, now)
    }
}

/// The slot of a client, with all it owes or inherits.
fn slot_of(row: &mut Row, client: ClientBlock) -> &mut Slot {
    let own = row.iter().position(|slot| slot.client == Some(client));
    let at = own.unwrap_or_else(|| least_owing(row));
    let slot = &mut row[at];
    slot.client = Some(client);
    slot
}

fn least_owing(row: &Row) -> usize {
    let owed = row
        .iter()
        .enumerate()
        .map(|(at, slot)| (slot.bucket.full_at(), at));
    owed.min().map_or(0, |(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn each_client_has_the_rate() {
        let limiter = RateLimiter::new(Rate::new(2, SECOND, 3));
        for client in 1..1000 {
            let taken = (0..10).filter(|_| limiter.take(address(client), SECOND).is_ok());
            assert_eq!(taken.count(), 3, "{client}");
        }
        assert_eq!(
            limiter.take(address(1), SECOND),
            Err(Duration::from_millis(500))
        );
        assert_eq!(limiter.take(address(1), 2 * SECOND), Ok(()));
    }

    #[test]
    fn many_clients_take_no_memory_and_help_nobody() {
        let limiter = RateLimiter::new(Rate::new(1, SECOND, 2));
        let slots = |limiter: &RateLimiter| limiter.rows.len() * ROW;
        assert_eq!(
            (slots(&limiter), size_of::<Mutex<Row>>() <= 208),
            (65_536, true)
        );
        let greedy = address(u32::MAX);
        while limiter.take(greedy, SECOND).is_ok() {}
        for client in 0..200_000 {
            let _ = limiter.take(address(client), SECOND);
        }
        assert!(limiter.take(greedy, SECOND).is_err());
        assert_eq!(slots(&limiter), 65_536);
        // And when those are gone, nobody pays for them any more.
        for client in 1_000_000..1_001_000 {
            assert_eq!(limiter.take(address(client), 10 * SECOND), Ok(()));
        }
    }

    proptest! {
        /// However clients push each other out, none gets more than its own bucket would give; and
        /// while there is a slot for each, none gets less.
        #[test]
        fn nobody_gets_more_than_alone(
            clients in 1..30_u32,
            steps in proptest::collection::vec((0..30_u32, 0..100_u64), 0..500),
        ) {
            let rate = Rate::new(5, SECOND, 3);
            let limiter = RateLimiter::with_rows(rate, 1);
            let mut alone = vec![Bucket::default(); 30];
            let mut given = [0; 30];
            let mut given_alone = [0; 30];
            let mut now = SECOND;
            for (client, step) in steps {
                now += Duration::from_millis(step);
                let number = client % clients;
                let at = number as usize;
                given[at] += u32::from(limiter.take(address(number), now).is_ok());
                given_alone[at] += u32::from(alone[at].take(rate, now).is_ok());
                if clients as usize <= ROW {
                    prop_assert_eq!(given[at], given_alone[at]);
                }
                prop_assert!(given[at] <= given_alone[at]);
            }
        }
    }
}
