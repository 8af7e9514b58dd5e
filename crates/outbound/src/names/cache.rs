//! What was said of names lately.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::OnceCell;

use super::failure::Failure;

/// The most names that are kept. For one more, the oldest goes.
const NAMES_MAX: usize = 1024;

/// What became of a name.
#[derive(Debug)]
pub(super) struct Resolution {
    pub(super) result: Result<Vec<IpAddr>, Failure>,
    /// From then on, it is asked for anew. What was not to be kept is told only to those who have
    /// waited for it.
    pub(super) until: Instant,
}

/// Where callers of one name meet: the first one asks, and the others wait for what it is told. If
/// it is dropped, the next one asks.
pub(super) type Kept = Arc<OnceCell<Resolution>>;

/// What was said of names lately, and what is being asked.
#[derive(Default)]
pub(super) struct Cache {
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_name: HashMap<String, Entry>,
    /// How many there have ever been.
    count: u64,
}

struct Entry {
    kept: Kept,
    number: u64,
}

impl Cache {
    /// What holds of a name, or a place for it.
    pub(super) fn get(&self, name: &str, now: Instant) -> Kept {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.by_name.get(name) {
            Some(entry) if holds(&entry.kept, now) => Arc::clone(&entry.kept),
            Some(_) | None => entries.add(name, now),
        }
    }
}

impl Entries {
    fn add(&mut self, name: &str, now: Instant) -> Kept {
        self.make_room(name, now);
        self.count += 1;
        let entry = Entry {
            kept: Kept::default(),
            number: self.count,
        };
        let kept = Arc::clone(&entry.kept);
        self.by_name.insert(name.to_owned(), entry);
        kept
    }

    fn make_room(&mut self, name: &str, now: Instant) {
        if self.by_name.len() < NAMES_MAX || self.by_name.contains_key(name) {
            return;
        }
        self.by_name.retain(|_, entry| holds(&entry.kept, now));
        if self.by_name.len() < NAMES_MAX {
            return;
        }
        let oldest = self.by_name.iter().min_by_key(|(_, entry)| entry.number);
        if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
            self.by_name.remove(&oldest);
        }
    }
}

/// Whether it is still being asked, or is still so.
fn holds(kept: &Kept, now: Instant) -> bool {
    kept.get().is_none_or(|resolution| now < resolution.until)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settle(kept: &Kept, until: Instant) {
        let result = Err(Failure::NoAddress);
        kept.set(Resolution { result, until }).unwrap();
    }

    #[test]
    fn a_name_is_shared_while_it_is_asked_and_as_long_as_it_holds() {
        let (cache, now) = (Cache::default(), Instant::now());
        let kept = cache.get("a", now);
        assert!(Arc::ptr_eq(&kept, &cache.get("a", now)));
        assert!(!Arc::ptr_eq(&kept, &cache.get("b", now)));
        let until = now + Duration::from_secs(10);
        settle(&kept, until);
        let shortly_before = until - Duration::from_nanos(1);
        assert!(Arc::ptr_eq(&kept, &cache.get("a", shortly_before)));
        let renewed = cache.get("a", until);
        assert!(!Arc::ptr_eq(&kept, &renewed) && renewed.get().is_none());
        // What was not to be kept at all.
        settle(&renewed, until);
        assert!(!Arc::ptr_eq(&renewed, &cache.get("a", until)));
    }

    #[test]
    fn of_too_many_names_those_go_that_are_over_and_then_the_oldest() {
        let (cache, now) = (Cache::default(), Instant::now());
        let length = || cache.entries.lock().unwrap().by_name.len();
        let second = Duration::from_secs(1);
        for number in 0..u32::try_from(NAMES_MAX).unwrap() {
            let kept = cache.get(&number.to_string(), now);
            settle(&kept, now + second * (1 + u32::from(number != 7)));
        }
        assert_eq!(length(), NAMES_MAX);
        let is_kept = |number: u32, now| {
            let entries = cache.entries.lock().unwrap();
            let entry = entries.by_name.get(&number.to_string());
            entry.is_some_and(|entry| holds(&entry.kept, now))
        };
        cache.get("new", now + second);
        assert_eq!(length(), NAMES_MAX);
        assert!(!is_kept(7, now) && is_kept(0, now) && is_kept(8, now));
        cache.get("another", now + second);
        assert_eq!(length(), NAMES_MAX);
        assert!(!is_kept(0, now) && is_kept(1, now));
        // The same name again takes no room.
        cache.get("another", now + second);
        cache.get("1", now + second);
        assert!(is_kept(1, now));
    }
}
