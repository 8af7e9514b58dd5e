//! What a change means, said once for the stores that keep their entries themselves.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::namespace::Transaction;
use crate::{KvError, number};

/// A change of one namespace.
#[derive(Debug)]
pub(crate) enum Change {
    Put {
        key: Bytes,
        value: Bytes,
    },
    Write(BTreeMap<Bytes, Option<Bytes>>),
    Delete {
        key: Bytes,
    },
    Increment {
        key: Bytes,
        delta: i64,
    },
    CompareAndSet {
        key: Bytes,
        expected: Option<Bytes>,
        new: Option<Bytes>,
    },
    Commit(Transaction),
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Whether it applied: the key was there, the value was as expected, nothing had changed.
    pub(crate) applied: bool,
    /// What an increment came to; 0 for all others.
    pub(crate) sum: i64,
}

impl Outcome {
    /// Of a change that is no increment.
    pub(crate) fn applied(applied: bool) -> Self {
        Self { applied, sum: 0 }
    }
}

/// What is to be written, `None` deletes, and how to answer once it is.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) writes: Vec<(Bytes, Option<Bytes>)>,
    pub(crate) outcome: Outcome,
}

/// A namespace that nobody else changes while a decision is made.
pub(crate) trait View {
    /// The value of a key.
    fn value(&self, key: &[u8]) -> Result<Option<Bytes>, KvError>;
    /// The version of the namespace, 0 before its first change.
    fn version(&self) -> Result<u64, KvError>;
}

impl Change {
    /// Decides what the change does to the namespace as it is. Writes nothing.
    pub(crate) fn decide(self, view: &impl View) -> Result<Decision, KvError> {
        Ok(match self {
            Self::Put { key, value } => all(vec![(key, Some(value))]),
            Self::Write(writes) => all(writes.into_iter().collect()),
            Self::Delete { key } => {
                let is_there = view.value(&key)?.is_some();
                when(is_there, vec![(key, None)])
            }
            Self::Increment { key, delta } => {
                let sum = number::add(view.value(&key)?.as_deref(), delta)?;
                Decision {
                    writes: vec![(key, Some(Bytes::from(sum.to_string())))],
                    outcome: Outcome { applied: true, sum },
                }
            }
            Self::CompareAndSet { key, expected, new } => {
                let is_so = view.value(&key)? == expected;
                when(is_so, vec![(key, new)])
            }
            Self::Commit(transaction) => {
                let is_so = still_holds(&transaction, view)?;
                when(is_so, transaction.writes.into_iter().collect())
            }
        })
    }

    /// About how many bytes it carries, to bound what is worked on at once.
    pub(crate) fn bytes(&self) -> usize {
        let of_new = |new: &Option<Bytes>| new.as_ref().map_or(0, Bytes::len);
        match self {
            Self::Put { key, value } => key.len() + value.len(),
            Self::Write(writes) => writes
                .iter()
                .map(|(key, new)| key.len() + of_new(new))
                .sum(),
            Self::Delete { key } | Self::Increment { key, .. } => key.len(),
            Self::CompareAndSet { key, expected, new } => {
                key.len() + of_new(expected) + of_new(new)
            }
            Self::Commit(transaction) => transaction.bytes(),
        }
    }
}

fn still_holds(transaction: &Transaction, view: &impl View) -> Result<bool, KvError> {
    if let Some(version) = transaction.snapshot
        && view.version()? != version
    {
        return Ok(false);
    }
    for (key, read) in &transaction.reads {
        if view.value(key)? != *read {
            return Ok(false);
        }
    }
    Ok(true)
}

fn all(writes: Vec<(Bytes, Option<Bytes>)>) -> Decision {
    when(true, writes)
}

fn when(applied: bool, writes: Vec<(Bytes, Option<Bytes>)>) -> Decision {
    Decision {
        writes: if applied { writes } else { Vec::new() },
        outcome: Outcome::applied(applied),
    }
}

/// The least key that comes after every key that begins with `prefix`; `None` if there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        #[track_caller]
        fn check(prefix: &[u8], want: Option<&[u8]>) {
            assert_eq!(after_prefix(prefix).as_deref(), want);
        }
        check(b"", None);
        check(b"\xff\xff", None);
        check(b"a", Some(b"b"));
        check(b"a\xff", Some(b"b"));
        check(b"a\xff\x00", Some(b"a\xff\x01"));
    }
}
