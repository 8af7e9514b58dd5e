//! How many connections one client has.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ClientBlock;

/// Counts what each client has, up to a limit. Cheap to clone; clones count together.
///
/// Only clients that have something are kept.
#[derive(Clone, Debug)]
pub struct Places {
    each_max: u32,
    taken: Arc<Mutex<HashMap<ClientBlock, u32>>>,
}

/// One place of a client, until it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    client: ClientBlock,
}

impl Places {
    /// So many for each.
    #[must_use]
    pub fn new(each_max: u32) -> Self {
        Self {
            each_max,
            taken: Arc::default(),
        }
    }

    /// Takes one; `None` if the client has as many as it may.
    #[must_use]
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        let client = ClientBlock::from(address);
        let mut taken = self.lock();
        let count = taken.entry(client).or_default();
        if *count >= self.each_max {
            if *count == 0 {
                taken.remove(&client);
            }
            return None;
        }
        *count += 1;
        let places = self.clone();
        Some(Place { places, client })
    }

    /// How many clients there are.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.lock().len()
    }

    /// Nothing that is done under the lock can fail halfway.
    fn lock(&self) -> MutexGuard<'_, HashMap<ClientBlock, u32>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Entry::Occupied(mut entry) = taken.entry(self.client) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn each_client_has_its_places_and_gets_them_back() {
        let places = Places::new(2);
        let first = places.take(address(1)).unwrap();
        let _second = places.take(address(1)).unwrap();
        assert!(places.take(address(1)).is_none());
        assert!(places.take(address(2)).is_some());
        assert_eq!(places.clients(), 1);
        drop(first);
        let _third = places.take(address(1)).unwrap();
        assert!(places.take(address(1)).is_none());
    }

    #[test]
    fn without_places_nobody_is_kept() {
        let places = Places::new(0);
        assert!(places.take(address(1)).is_none());
        assert_eq!(places.clients(), 0);
    }

    proptest! {
        /// As a list of what is held says, whatever comes and goes; and at the end nothing is kept.
        #[test]
        fn counts_as_a_list_does(steps in proptest::collection::vec((0..5_u8, any::<bool>()), 0..200)) {
            let places = Places::new(3);
            let mut held: Vec<(u8, Place)> = Vec::new();
            for (client, comes) in steps {
                let has = held.iter().filter(|(of, _)| *of == client).count();
                if comes {
                    let place = places.take(address(client));
                    prop_assert_eq!(place.is_some(), has < 3);
                    held.extend(place.map(|place| (client, place)));
                } else if let Some(at) = held.iter().position(|(of, _)| *of == client) {
                    held.swap_remove(at);
                }
                let clients: std::collections::HashSet<u8> = held.iter().map(|(of, _)| *of).collect();
                prop_assert_eq!(places.clients(), clients.len());
            }
            drop(held);
            prop_assert_eq!(places.clients(), 0);
        }
    }
}
