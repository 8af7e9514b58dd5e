//! What was asked a moment ago.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Names that are kept.
const NAMES_MAX: usize = 256;

/// However long a server says that its answer holds: after a change nobody waits for longer.
const KEPT_MAX: Duration = Duration::from_secs(300);

/// Addresses of names, for as long as the DNS says that they hold (RFC 1035, 3.2.1).
#[derive(Default)]
pub(super) struct Cache {
    names: Mutex<HashMap<String, Kept>>,
}

struct Kept {
    addresses: Vec<IpAddr>,
    until: Instant,
}

impl Cache {
    pub(super) fn get(&self, name: &str) -> Option<Vec<IpAddr>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = names.get(name)?;
        (Instant::now() < kept.until).then(|| kept.addresses.clone())
    }

    /// Keeps the addresses of a name; where there are too many, the one that ends first goes.
    pub(super) fn put(&self, name: &str, addresses: &[IpAddr], time: Duration) {
        if time.is_zero() {
            return;
        }
        let now = Instant::now();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= NAMES_MAX && !names.contains_key(name) {
            names.retain(|_, kept| now < kept.until);
            let first = names.iter().min_by_key(|(_, kept)| kept.until);
            if let Some(first) = first.map(|(name, _)| name.clone())
                && names.len() >= NAMES_MAX
            {
                names.remove(&first);
            }
        }
        let kept = Kept {
            addresses: addresses.to_vec(),
            until: now + time.min(KEPT_MAX),
        };
        names.insert(name.to_owned(), kept);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: [IpAddr; 1] = [IpAddr::V4(Ipv4Addr::LOCALHOST)];

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_as_long_as_it_holds() {
        let cache = Cache::default();
        cache.put("a", &HERE, Duration::from_secs(10));
        cache.put("b", &HERE, Duration::ZERO);
        cache.put("c", &HERE, Duration::from_secs(1 << 30));
        let names = |cache: &Cache| ["a", "b", "c"].map(|name| cache.get(name).is_some());
        assert_eq!(names(&cache), [true, false, true]);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(names(&cache), [false, false, true]);
        tokio::time::advance(KEPT_MAX).await;
        assert_eq!(names(&cache), [false, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_kept() {
        let cache = Cache::default();
        for number in 0..1000u64 {
            let name = format!("n{number}");
            cache.put(&name, &HERE, Duration::from_secs(1 + number % 300));
        }
        assert!(cache.names.lock().unwrap().len() <= NAMES_MAX);
        assert!(cache.get("n999").is_some());
    }
}
