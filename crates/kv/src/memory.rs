//! Entries that live as long as the process.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::change::{Change, Outcome, View};
use crate::namespace::{Listing, add_to_answer};
use crate::{KvError, MEMORY_BYTES_MAX, Page, Snapshot};

/// What an entry costs beside its bytes: tree, allocations, reference counts.
const ENTRY_BYTES: usize = 160;

/// What a namespace costs beside its name and entries. It stays when it is empty, so that its
/// version never falls.
const NAMESPACE_BYTES: usize = 256;

/// A store in memory.
#[derive(Default)]
pub(crate) struct MemoryStore {
    spaces: Mutex<Spaces>,
}

#[derive(Default)]
struct Spaces {
    by_name: HashMap<String, Space>,
    /// What all namespaces cost.
    bytes: usize,
}

#[derive(Default)]
struct Space {
    entries: BTreeMap<Bytes, Bytes>,
    version: u64,
    /// Keys and values.
    bytes: u64,
}

impl MemoryStore {
    pub(crate) fn get(&self, namespace: &str, key: &[u8]) -> Option<Bytes> {
        let spaces = self.lock();
        spaces.by_name.get(namespace)?.entries.get(key).cloned()
    }

    pub(crate) fn get_many(
        &self,
        namespace: &str,
        keys: &[Bytes],
    ) -> Result<Vec<Option<Bytes>>, KvError> {
        let spaces = self.lock();
        let Some(space) = spaces.by_name.get(namespace) else {
            return Ok(vec![None; keys.len()]);
        };
        let mut bytes = 0;
        keys.iter()
            .map(|key| {
                let value = space.entries.get(key);
                bytes = add_to_answer(bytes, value)?;
                Ok(value.cloned())
            })
            .collect()
    }

    pub(crate) fn list(&self, namespace: &str, listing: &Listing) -> Page {
        let spaces = self.lock();
        let Some(space) = spaces.by_name.get(namespace) else {
            return Page::end(Vec::new());
        };
        let start = match &listing.after {
            Some(after) if *after >= listing.prefix => Bound::Excluded(after),
            _ => Bound::Included(&listing.prefix),
        };
        let keys = space
            .entries
            .range::<Bytes, _>((start, Bound::Unbounded))
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(&listing.prefix))
            .take(listing.limit + 1)
            .cloned()
            .collect();
        Page::of(keys, listing.limit)
    }

    pub(crate) fn snapshot(&self, namespace: &str, bytes_max: u64) -> Result<Snapshot, KvError> {
        let spaces = self.lock();
        let Some(space) = spaces.by_name.get(namespace) else {
            return Ok(Snapshot {
                entries: BTreeMap::new(),
                version: 0,
            });
        };
        if space.bytes > bytes_max {
            return Err(KvError::SnapshotTooLarge { limit: bytes_max });
        }
        Ok(Snapshot {
            entries: space.entries.clone(),
            version: space.version,
        })
    }

    pub(crate) fn change(&self, namespace: &str, change: Change) -> Result<Outcome, KvError> {
        let mut spaces = self.lock();
        let empty = Space::default();
        let decision = change.decide(spaces.by_name.get(namespace).unwrap_or(&empty))?;
        spaces.write(namespace, decision.writes)?;
        Ok(decision.outcome)
    }

    /// A panic while it was held would have come before anything was changed, or from the
    /// allocator, which ends the process.
    fn lock(&self) -> MutexGuard<'_, Spaces> {
        self.spaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spaces {
    /// Writes all, or nothing if the store would be above its bound.
    fn write(
        &mut self,
        namespace: &str,
        writes: Vec<(Bytes, Option<Bytes>)>,
    ) -> Result<(), KvError> {
        if writes.is_empty() {
            return Ok(());
        }
        let space = self.by_name.get(namespace);
        let (mut added, mut freed) = (0, 0);
        if space.is_none() {
            added += NAMESPACE_BYTES + namespace.len();
        }
        for (key, new) in &writes {
            let old = space.and_then(|space| space.entries.get(key));
            freed += old.map_or(0, |old| cost(key, old));
            added += new.as_ref().map_or(0, |new| cost(key, new));
        }
        let bytes = self.bytes + added - freed;
        // What makes it smaller must pass, also at the bound.
        if bytes > MEMORY_BYTES_MAX && added > freed {
            return Err(KvError::Full);
        }
        self.bytes = bytes;
        let space = self.by_name.entry(namespace.to_owned()).or_default();
        space.version += 1;
        for (key, new) in writes {
            space.put(&key, new);
        }
        Ok(())
    }
}

impl Space {
    fn put(&mut self, key: &Bytes, new: Option<Bytes>) {
        let old = match &new {
            // A copy: the given bytes may be a small part of something large that would stay.
            Some(new) => self
                .entries
                .insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(new)),
            None => self.entries.remove(key),
        };
        self.bytes += new.map_or(0, |new| sum(key, &new));
        self.bytes -= old.map_or(0, |old| sum(key, &old));
    }
}

impl View for Space {
    fn value(&self, key: &[u8]) -> Result<Option<Bytes>, KvError> {
        Ok(self.entries.get(key).cloned())
    }

    fn version(&self) -> Result<u64, KvError> {
        Ok(self.version)
    }
}

fn cost(key: &Bytes, value: &Bytes) -> usize {
    ENTRY_BYTES + key.len() + value.len()
}

fn sum(key: &Bytes, value: &Bytes) -> u64 {
    (key.len() + value.len()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VALUE_BYTES_MAX;

    fn put(store: &MemoryStore, key: &str, value: Bytes) -> Result<Outcome, KvError> {
        let key = Bytes::copy_from_slice(key.as_bytes());
        store.change("n", Change::Put { key, value })
    }

    #[test]
    fn a_full_store_refuses_what_adds_and_takes_what_frees() {
        let store = MemoryStore::default();
        let value = Bytes::from(vec![7; VALUE_BYTES_MAX]);
        let stored = (0..300)
            .take_while(|number| put(&store, &number.to_string(), value.clone()).is_ok())
            .count();
        assert!((250..256).contains(&stored), "{stored}");
        let error = put(&store, "more", value.clone()).unwrap_err();
        assert!(error.to_string().contains("--kv FILE"), "{error}");
        let key = Bytes::from_static(b"0");
        let gone = store.change("n", Change::Delete { key }).unwrap();
        assert!(gone.applied);
        put(&store, "more", value).unwrap();
        assert_eq!(store.lock().by_name["n"].entries.len(), stored);
    }

    #[test]
    fn many_empty_entries_are_bounded_too() {
        let store = MemoryStore::default();
        store.lock().bytes = MEMORY_BYTES_MAX - ENTRY_BYTES;
        assert!(matches!(put(&store, "", Bytes::new()), Err(KvError::Full)));
        assert!(store.lock().by_name.is_empty());
    }
}
