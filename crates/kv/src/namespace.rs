//! The operations on a namespace: their bounds are checked here, once for all stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Mutex as AsyncMutex;

use crate::change::{Change, Outcome};
use crate::counts::{Ended, Operation, OperationCounts};
use crate::exclusive::{self, Exclusive};
use crate::store::Backend;
use crate::{
    ANSWER_BYTES_MAX, KEY_BYTES_MAX, KvError, PAGE_KEYS_MAX, TRANSACTION_BYTES_MAX,
    TRANSACTION_KEYS_MAX, VALUE_BYTES_MAX,
};

/// One namespace of a store, for one worker or several. Cheap to clone.
#[derive(Clone)]
pub struct Namespace {
    name: Arc<str>,
    backend: Backend,
    turns: Arc<AsyncMutex<()>>,
    counts: Arc<OperationCounts>,
}

/// All of a namespace at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Sorted by key.
    pub entries: BTreeMap<Bytes, Bytes>,
    /// Which moment.
    pub version: u64,
}

/// A part of the keys, in the order of their bytes.
#[derive(Clone, Debug)]
pub struct Page {
    /// At most as many as were asked for.
    pub keys: Vec<Bytes>,
    /// What to give as `after` to go on; `None` at the end.
    pub next: Option<Bytes>,
}

/// What a run has read and wants to write, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    /// The snapshot that it was given, if it was given one: nothing of the namespace may have
    /// changed since.
    pub snapshot: Option<u64>,
    /// What it found under single keys: it must still be so.
    pub reads: BTreeMap<Bytes, Option<Bytes>>,
    /// New values; `None` deletes.
    pub writes: BTreeMap<Bytes, Option<Bytes>>,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All of it is done.
    Done,
    /// Nothing is: something that it had read was changed by somebody else.
    Conflict,
}

/// Which keys to list.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    pub(crate) prefix: Bytes,
    pub(crate) after: Option<Bytes>,
    /// From 1 to [`PAGE_KEYS_MAX`].
    pub(crate) limit: usize,
}

impl Namespace {
    pub(crate) fn new(
        name: &str,
        backend: Backend,
        turns: Arc<AsyncMutex<()>>,
        counts: Arc<OperationCounts>,
    ) -> Self {
        Self {
            name: name.into(),
            backend,
            turns,
            counts,
        }
    }

    /// The value of a key.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, KvError> {
        let got = async {
            check_key(key)?;
            self.backend.get(&self.name, key).await
        };
        self.counted(Operation::Get, got).await
    }

    /// The values of several keys, at one moment, in their order.
    ///
    /// # Errors
    /// [`KvError::AnswerTooLarge`] above [`ANSWER_BYTES_MAX`], and [`KvError::TransactionTooLarge`]
    /// for more than [`TRANSACTION_KEYS_MAX`] keys.
    pub async fn get_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, KvError> {
        self.counted(Operation::Get, self.read_many(keys)).await
    }

    async fn read_many(&self, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, KvError> {
        check_count(keys.len())?;
        keys.iter().try_for_each(|key| check_key(key))?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.backend.get_many(&self.name, keys).await
    }

    /// Sets a value.
    pub async fn set(&self, key: &[u8], value: Bytes) -> Result<(), KvError> {
        let set = async {
            check_key(key)?;
            check_value(&value)?;
            let key = Bytes::copy_from_slice(key);
            self.change(Change::Put { key, value }).await
        };
        self.counted(Operation::Set, set).await.map(drop)
    }

    /// Sets (`Some`) or deletes (`None`) several keys at once, all or nothing.
    ///
    /// # Errors
    /// [`KvError::TransactionTooLarge`] above [`TRANSACTION_BYTES_MAX`] or
    /// [`TRANSACTION_KEYS_MAX`].
    pub async fn write_many(&self, writes: BTreeMap<Bytes, Option<Bytes>>) -> Result<(), KvError> {
        let written = async {
            check_entries(&writes)?;
            check_count(writes.len())?;
            check_bytes(entries_bytes(&writes))?;
            self.change(Change::Write(writes)).await
        };
        self.counted(Operation::Set, written).await.map(drop)
    }

    /// Deletes a key; whether it was there.
    pub async fn delete(&self, key: &[u8]) -> Result<bool, KvError> {
        let deleted = async {
            check_key(key)?;
            let key = Bytes::copy_from_slice(key);
            Ok(self.change(Change::Delete { key }).await?.applied)
        };
        self.counted(Operation::Delete, deleted).await
    }

    /// Keys that begin with `prefix` and come after `after`, at most `limit` and never more than
    /// [`PAGE_KEYS_MAX`]. A limit of 0 gives an empty page that does not say whether there are more.
    pub async fn list(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Page, KvError> {
        if limit == 0 || prefix.len() > KEY_BYTES_MAX {
            return Ok(Page::end(Vec::new()));
        }
        let listing = Listing {
            prefix: Bytes::copy_from_slice(prefix),
            after: after.map(Bytes::copy_from_slice),
            limit: limit.min(PAGE_KEYS_MAX),
        };
        let listed = self.backend.list(&self.name, listing);
        self.counted(Operation::List, listed).await
    }

    /// Adds to a decimal number (a key that is not there counts as 0); the sum.
    pub async fn increment(&self, key: &[u8], delta: i64) -> Result<i64, KvError> {
        let added = async {
            check_key(key)?;
            let key = Bytes::copy_from_slice(key);
            Ok(self.change(Change::Increment { key, delta }).await?.sum)
        };
        self.counted(Operation::Increment, added).await
    }

    /// Sets (`Some`) or deletes (`None`) a key if its value is `expected` (`None`: not there);
    /// whether it was.
    pub async fn compare_and_set(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<Bytes>,
    ) -> Result<bool, KvError> {
        let swapped = self.swap(key, expected, new);
        self.counted(Operation::CompareAndSet, swapped).await
    }

    async fn swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<Bytes>,
    ) -> Result<bool, KvError> {
        check_key(key)?;
        new.as_ref().map_or(Ok(()), check_value)?;
        if expected.is_some_and(|value| value.len() > VALUE_BYTES_MAX) {
            return Ok(false);
        }
        let change = Change::CompareAndSet {
            key: Bytes::copy_from_slice(key),
            expected: expected.map(Bytes::copy_from_slice),
            new,
        };
        Ok(self.change(change).await?.applied)
    }

    /// All entries, unless keys and values together have more than `bytes_max`.
    ///
    /// # Errors
    /// [`KvError::SnapshotTooLarge`], found out before the entries are collected.
    pub async fn snapshot(&self, bytes_max: u64) -> Result<Snapshot, KvError> {
        let taken = self.backend.snapshot(&self.name, bytes_max);
        self.counted(Operation::Snapshot, taken).await
    }

    /// Applies a transaction, if all that it has read is still so.
    ///
    /// # Errors
    /// [`KvError::TransactionTooLarge`] above [`TRANSACTION_BYTES_MAX`] or
    /// [`TRANSACTION_KEYS_MAX`].
    pub async fn commit(&self, transaction: &Transaction) -> Result<Commit, KvError> {
        let commit = self.try_commit(transaction).await;
        let ended = match commit {
            Ok(Commit::Conflict) => Ended::Conflict,
            _ => Ended::of(&commit),
        };
        self.counts.add(Operation::Commit, ended);
        commit
    }

    async fn try_commit(&self, transaction: &Transaction) -> Result<Commit, KvError> {
        check_entries(&transaction.writes)?;
        transaction
            .reads
            .keys()
            .try_for_each(|key| check_key(key))?;
        check_count(transaction.reads.len() + transaction.writes.len())?;
        check_bytes(transaction.bytes())?;
        if transaction.snapshot.is_none() && transaction.writes.is_empty() {
            // One look is enough, and does not wait for those who write.
            return self.still_so(&transaction.reads).await;
        }
        let outcome = self.change(Change::Commit(transaction.clone())).await?;
        Ok(if outcome.applied {
            Commit::Done
        } else {
            Commit::Conflict
        })
    }

    async fn still_so(&self, reads: &BTreeMap<Bytes, Option<Bytes>>) -> Result<Commit, KvError> {
        let keys: Vec<Bytes> = reads.keys().cloned().collect();
        let found = self.read_many(&keys).await?;
        Ok(match found.iter().eq(reads.values()) {
            true => Commit::Done,
            false => Commit::Conflict,
        })
    }

    /// Waits until nobody else in this process has the turn for this namespace, first come, first
    /// served. For a run that is repeated after a conflict: two repeats cannot conflict with each
    /// other. It keeps nobody from writing without a turn.
    pub async fn exclusive(&self) -> Exclusive {
        exclusive::turn(self.turns.clone()).await
    }

    /// Whether somebody in this process has the turn.
    pub fn is_exclusive(&self) -> bool {
        self.turns.try_lock().is_err()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    async fn counted<T>(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<T, KvError>>,
    ) -> Result<T, KvError> {
        let result = work.await;
        self.counts.add(operation, Ended::of(&result));
        result
    }

    async fn change(&self, change: Change) -> Result<Outcome, KvError> {
        self.backend.change(&self.name, change).await
    }
}

impl Transaction {
    /// Keys and values, read and written, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        entries_bytes(&self.reads) + entries_bytes(&self.writes)
    }
}

impl Page {
    /// The last page.
    pub(crate) fn end(keys: Vec<Bytes>) -> Self {
        Self { keys, next: None }
    }

    /// A page out of up to one key more than `limit`, which says whether there are more.
    pub(crate) fn of(mut keys: Vec<Bytes>, limit: usize) -> Self {
        if keys.len() <= limit {
            return Self::end(keys);
        }
        keys.truncate(limit);
        let next = keys.last().cloned();
        Self { keys, next }
    }
}

/// Adds up what an answer holds.
///
/// # Errors
/// [`KvError::AnswerTooLarge`] above [`ANSWER_BYTES_MAX`].
pub(crate) fn add_to_answer(bytes: usize, value: Option<&Bytes>) -> Result<usize, KvError> {
    let bytes = bytes + value.map_or(0, Bytes::len);
    if bytes > ANSWER_BYTES_MAX {
        return Err(KvError::AnswerTooLarge);
    }
    Ok(bytes)
}

fn entries_bytes(entries: &BTreeMap<Bytes, Option<Bytes>>) -> usize {
    entries
        .iter()
        .map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len))
        .sum()
}

fn check_entries(writes: &BTreeMap<Bytes, Option<Bytes>>) -> Result<(), KvError> {
    for (key, value) in writes {
        check_key(key)?;
        value.as_ref().map_or(Ok(()), check_value)?;
    }
    Ok(())
}

fn check_key(key: &[u8]) -> Result<(), KvError> {
    let bytes = key.len();
    if bytes > KEY_BYTES_MAX {
        return Err(KvError::KeyTooLong { bytes });
    }
    Ok(())
}

fn check_value(value: &Bytes) -> Result<(), KvError> {
    let bytes = value.len();
    if bytes > VALUE_BYTES_MAX {
        return Err(KvError::ValueTooLong { bytes });
    }
    Ok(())
}

fn check_count(keys: usize) -> Result<(), KvError> {
    check_size(keys, TRANSACTION_KEYS_MAX, "keys")
}

fn check_bytes(bytes: usize) -> Result<(), KvError> {
    check_size(bytes, TRANSACTION_BYTES_MAX, "bytes")
}

fn check_size(found: usize, limit: usize, unit: &'static str) -> Result<(), KvError> {
    if found > limit {
        return Err(KvError::TransactionTooLarge { found, limit, unit });
    }
    Ok(())
}
