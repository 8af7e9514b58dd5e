//! `kv`: operations of a script on its key-value store, each on its own.

use std::collections::BTreeMap;

use bytes::Bytes;
use kv::{KvError, Namespace};
use script_abi::{KEYS_MAX, KvOperation, Outcome, encode};

use super::operations::{Ended, Work, ready};
use crate::worker::WorkerSettings;

/// What a worker without a store is told.
pub(crate) const NO_STORE: &str = "this worker has no key-value store; write [data.kv] with \
     `namespace = \"…\"` into the TOML file beside it";

/// The work of an operation, which lies in `message`.
pub(crate) fn begin(
    operation: &KvOperation<'_>,
    message: &Bytes,
    settings: &WorkerSettings,
) -> Work {
    let Some(kv) = &settings.kv else {
        return ready(Ended::failed("no-store", NO_STORE));
    };
    let keys = match operation {
        KvOperation::GetMany(keys) => keys.len(),
        KvOperation::Write(writes) => writes.len(),
        _ => 1,
    };
    if keys > KEYS_MAX {
        let message = format!("{keys} keys in one operation; at most {KEYS_MAX} can be");
        return ready(Ended::failed("too-much", &message));
    }
    let work = perform(kv.namespace.clone(), Owned::of(operation, message));
    Box::pin(async move { Ended::of_store(work.await) })
}

/// An operation that borrows nothing.
enum Owned {
    Get(Bytes),
    GetMany(Vec<Bytes>),
    Write(BTreeMap<Bytes, Option<Bytes>>),
    Delete(Bytes),
    List(Bytes, Option<Bytes>, usize),
    Increment(Bytes, i64),
    CompareAndSet(Bytes, Option<Bytes>, Option<Bytes>),
}

impl Owned {
    fn of(operation: &KvOperation<'_>, message: &Bytes) -> Self {
        let own = |part: &[u8]| message.slice_ref(part);
        match operation {
            KvOperation::Get(key) => Self::Get(own(key)),
            KvOperation::GetMany(keys) => Self::GetMany(keys.iter().map(|key| own(key)).collect()),
            KvOperation::Write(writes) => {
                let writes = writes.iter().map(|(key, value)| (own(key), value.map(own)));
                Self::Write(writes.collect())
            }
            KvOperation::Delete(key) => Self::Delete(own(key)),
            KvOperation::List {
                prefix,
                after,
                limit,
            } => {
                let limit = usize::try_from(*limit).unwrap_or(KEYS_MAX).min(KEYS_MAX);
                Self::List(own(prefix), after.map(own), limit)
            }
            KvOperation::Increment { key, delta } => Self::Increment(own(key), *delta),
            KvOperation::CompareAndSet {
                key,
                expected,
                value,
            } => Self::CompareAndSet(own(key), expected.map(own), value.map(own)),
        }
    }
}

/// Does it; gives its [`Outcome`].
async fn perform(namespace: Namespace, operation: Owned) -> Result<Vec<u8>, KvError> {
    Ok(match operation {
        Owned::Get(key) => {
            let value = namespace.get(&key).await?;
            encode(&Outcome::Values(vec![value.as_deref()]))
        }
        Owned::GetMany(keys) => {
            let values = namespace.get_many(&keys).await?;
            let values = values.iter().map(Option::as_deref).collect();
            encode(&Outcome::Values(values))
        }
        Owned::Write(writes) => {
            namespace.write_many(writes).await?;
            encode(&Outcome::Done)
        }
        Owned::Delete(key) => encode(&Outcome::Is(namespace.delete(&key).await?)),
        Owned::List(prefix, after, limit) => {
            let page = namespace.list(&prefix, after.as_deref(), limit).await?;
            encode(&Outcome::Keys {
                keys: page.keys.iter().map(|key| &**key).collect(),
                next: page.next.as_deref(),
            })
        }
        Owned::Increment(key, delta) => {
            encode(&Outcome::Sum(namespace.increment(&key, delta).await?))
        }
        Owned::CompareAndSet(key, expected, value) => {
            let expected = expected.as_deref();
            let was_expected = namespace.compare_and_set(&key, expected, value).await?;
            encode(&Outcome::Is(was_expected))
        }
    })
}

/// An error in one word.
pub(crate) fn code_of(error: &KvError) -> &'static str {
    match error {
        KvError::KeyTooLong { .. } => "key-too-long",
        KvError::ValueTooLong { .. } => "value-too-long",
        KvError::NotANumber { .. } => "not-a-number",
        KvError::Unavailable { .. } => "unavailable",
        _ => "failed",
    }
}
