//! Who repeats a run after a conflict goes alone, so that the repeats of one process cannot stand in
//! each other's way for ever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// While it lives, nobody else in this process has it for the same namespace of the same store.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub struct Exclusive {
    _turn: OwnedMutexGuard<()>,
}

/// One queue for each namespace that is in use.
#[derive(Default)]
pub(crate) struct Turns {
    by_namespace: Mutex<HashMap<String, Weak<AsyncMutex<()>>>>,
}

impl Turns {
    /// The queue of a namespace, the same one for as long as somebody holds it.
    pub(crate) fn of(&self, namespace: &str) -> Arc<AsyncMutex<()>> {
        let mut queues = self
            .by_namespace
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(namespace).and_then(Weak::upgrade) {
            return queue;
        }
        queues.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(AsyncMutex::new(()));
        queues.insert(namespace.to_owned(), Arc::downgrade(&queue));
        queue
    }
}

/// Waits for the turn, first come, first served.
pub(crate) async fn turn(queue: Arc<AsyncMutex<()>>) -> Exclusive {
    Exclusive {
        _turn: queue.lock_owned().await,
    }
}
