//! How many operations there were, and what became of them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::KvError;

/// What is done with a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    Set,
    Delete,
    List,
    Increment,
    CompareAndSet,
    Snapshot,
    Commit,
}

/// In the order of their numbers.
const OPERATIONS: [&str; 8] = [
    "get",
    "set",
    "delete",
    "list",
    "increment",
    "compare_and_set",
    "snapshot",
    "commit",
];

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    /// Others had changed what it was about.
    Conflict,
    /// It is too large, or of the wrong kind, for any store.
    Refused,
    /// The store is full.
    Full,
    Unavailable,
    /// Whatever else the store, or the disk below it, had against it.
    Failed,
}

/// In the order of their numbers.
const ENDS: [&str; 6] = [
    "done",
    "conflict",
    "refused",
    "full",
    "unavailable",
    "failed",
];

impl Ended {
    pub(crate) fn of<T>(result: &Result<T, KvError>) -> Self {
        let Err(error) = result else {
            return Self::Done;
        };
        match error {
            KvError::KeyTooLong { .. }
            | KvError::ValueTooLong { .. }
            | KvError::NotANumber { .. }
            | KvError::SnapshotTooLarge { .. }
            | KvError::TransactionTooLarge { .. }
            | KvError::AnswerTooLarge => Self::Refused,
            KvError::Full => Self::Full,
            KvError::Unavailable { .. } => Self::Unavailable,
            KvError::Refused { .. } | KvError::Disk { .. } => Self::Failed,
        }
    }
}

/// How many operations there were on all namespaces of a store, by what they were and how they
/// ended. Those that nobody waited for to the end are not among them.
#[derive(Debug, Default)]
pub struct OperationCounts {
    cells: [[AtomicU64; ENDS.len()]; OPERATIONS.len()],
}

impl OperationCounts {
    pub(crate) fn add(&self, operation: Operation, ended: Ended) {
        self.cells[operation as usize][ended as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Name of the operation, name of its end, and how many, unless there were none.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let rows = OPERATIONS.iter().zip(&self.cells);
        let cells = rows.flat_map(|(operation, row)| {
            ENDS.iter()
                .zip(row)
                .map(move |(end, cell)| (*operation, *end, cell))
        });
        cells
            .map(|(operation, end, cell)| (operation, end, cell.load(Ordering::Relaxed)))
            .filter(|(_, _, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Location, Store, Transaction};
    use bytes::Bytes;
    use std::collections::BTreeMap;

    #[test]
    fn operations_are_counted_by_what_became_of_them() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let counts = runtime.block_on(async {
            let store = Store::open(&Location::Memory).await.unwrap();
            let (one, two) = (store.namespace("one"), store.namespace("two"));
            one.set(b"k", Bytes::from_static(b"v")).await.unwrap();
            one.get(b"k").await.unwrap();
            two.get(b"k").await.unwrap();
            one.get(&[0; 2000]).await.unwrap_err();
            one.increment(b"k", 1).await.unwrap_err();
            let stale = Transaction {
                reads: BTreeMap::from([(Bytes::from_static(b"k"), None)]),
                writes: BTreeMap::from([(Bytes::from_static(b"k"), None)]),
                ..Transaction::default()
            };
            one.commit(&stale).await.unwrap();
            store.counts().all().collect::<Vec<_>>()
        });
        let want = [
            ("get", "done", 2),
            ("get", "refused", 1),
            ("set", "done", 1),
            ("increment", "refused", 1),
            ("commit", "conflict", 1),
        ];
        assert_eq!(counts, want);
    }
}
