//! Any sequence of operations does what it does to a plain map.

use std::collections::BTreeMap;

use bytes::Bytes;
use kv::{Commit, KvError, Namespace, Store, Transaction};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::place::on_all_stores;

on_all_stores!(any_sequence_of_operations_does_what_it_does_to_a_map);

type Writes = BTreeMap<Bytes, Option<Bytes>>;

#[derive(Clone, Debug)]
enum Operation {
    Set(Bytes, Bytes),
    Write(Writes),
    Delete(Bytes),
    List(Bytes, Option<Bytes>, usize),
    Increment(Bytes, i64),
    CompareAndSet(Bytes, Option<Bytes>, Option<Bytes>),
    /// Reads as they are, or as they are given; from a snapshot of now, or not.
    Commit {
        are_true: bool,
        reads: Writes,
        writes: Writes,
        from_snapshot: bool,
    },
}

/// Few keys, so that they meet.
fn key() -> impl Strategy<Value = Bytes> {
    prop::sample::select(vec![
        &b""[..],
        b"a",
        b"a\0",
        b"ab",
        b"b",
        b"\xff",
        b"\xff\xff",
    ])
    .prop_map(Bytes::from_static)
}

fn value() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        any::<i64>().prop_map(|number| Bytes::from(number.to_string())),
        (-3..3i64).prop_map(|number| Bytes::from(number.to_string())),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(Bytes::from),
    ]
}

fn writes() -> impl Strategy<Value = Writes> {
    prop::collection::btree_map(key(), prop::option::of(value()), 0..4)
}

fn operation() -> impl Strategy<Value = Operation> {
    let maybe = || prop::option::of(value());
    prop_oneof![
        (key(), value()).prop_map(|(key, value)| Operation::Set(key, value)),
        writes().prop_map(Operation::Write),
        key().prop_map(Operation::Delete),
        (key(), prop::option::of(key()), 0..9usize)
            .prop_map(|(prefix, after, limit)| Operation::List(prefix, after, limit)),
        (key(), prop_oneof![Just(1), any::<i64>()])
            .prop_map(|(key, delta)| Operation::Increment(key, delta)),
        (key(), maybe(), maybe())
            .prop_map(|(key, expected, new)| Operation::CompareAndSet(key, expected, new)),
        (any::<bool>(), writes(), writes(), any::<bool>()).prop_map(
            |(are_true, reads, writes, from_snapshot)| Operation::Commit {
                are_true,
                reads,
                writes,
                from_snapshot
            }
        ),
    ]
}

async fn any_sequence_of_operations_does_what_it_does_to_a_map(store: Store) {
    let runtime = tokio::runtime::Handle::current();
    let run = move || {
        let config = Config {
            cases: 40,
            failure_persistence: None,
            ..Config::default()
        };
        let mut number = 0;
        let number = std::cell::RefCell::new(&mut number);
        TestRunner::new(config)
            .run(&prop::collection::vec(operation(), 1..40), |operations| {
                **number.borrow_mut() += 1;
                let space = store.namespace(&number.borrow().to_string());
                runtime.block_on(check(&space, operations));
                Ok(())
            })
            .unwrap();
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

async fn check(space: &Namespace, operations: Vec<Operation>) {
    let mut model = BTreeMap::new();
    for operation in operations {
        apply(space, &mut model, operation).await;
        let snapshot = space.snapshot(1 << 20).await.unwrap();
        assert_eq!(snapshot.entries, model);
    }
    let keys: Vec<Bytes> = model.keys().cloned().collect();
    let values = space.get_many(&keys).await.unwrap();
    assert!(
        values
            .iter()
            .map(Option::as_ref)
            .eq(model.values().map(Some))
    );
}

async fn apply(space: &Namespace, model: &mut BTreeMap<Bytes, Bytes>, operation: Operation) {
    match operation {
        Operation::Set(key, value) => {
            space.set(&key, value.clone()).await.unwrap();
            model.insert(key, value);
        }
        Operation::Write(writes) => {
            space.write_many(writes.clone()).await.unwrap();
            write(model, writes);
        }
        Operation::Delete(key) => {
            let was = space.delete(&key).await.unwrap();
            assert_eq!(was, model.remove(&key).is_some());
        }
        Operation::List(prefix, after, limit) => {
            let page = space.list(&prefix, after.as_deref(), limit).await.unwrap();
            let is_listed = |key: &&Bytes| {
                key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after)
            };
            let all: Vec<_> = model.keys().filter(is_listed).cloned().collect();
            let want = &all[..limit.min(all.len())];
            assert_eq!(page.keys, want);
            let has_more = limit > 0 && all.len() > limit;
            assert_eq!(page.next.as_ref(), want.last().filter(|_| has_more));
        }
        Operation::Increment(key, delta) => {
            let old = model.get(&key).cloned();
            match (space.increment(&key, delta).await, sum(old.as_ref(), delta)) {
                (Ok(sum), Some(want)) => {
                    assert_eq!(sum, want);
                    model.insert(key, Bytes::from(sum.to_string()));
                }
                (Err(KvError::NotANumber { .. }), None) => {}
                other => panic!("{old:?} + {delta}: {other:?}"),
            }
        }
        Operation::CompareAndSet(key, expected, new) => {
            let done = space
                .compare_and_set(&key, expected.as_deref(), new.clone())
                .await;
            let is_so = model.get(&key) == expected.as_ref();
            assert_eq!(done.unwrap(), is_so);
            if is_so {
                write(model, [(key, new)].into());
            }
        }
        Operation::Commit {
            are_true,
            mut reads,
            writes,
            from_snapshot,
        } => {
            if are_true {
                reads
                    .iter_mut()
                    .for_each(|(key, read)| *read = model.get(key).cloned());
            }
            let version = space.snapshot(1 << 20).await.unwrap().version;
            let are_so = reads
                .iter()
                .all(|(key, read)| model.get(key) == read.as_ref());
            let snapshot = from_snapshot.then_some(version);
            let transaction = Transaction {
                snapshot,
                reads,
                writes,
            };
            let commit = space.commit(&transaction).await.unwrap();
            assert_eq!(commit == Commit::Done, are_so);
            if are_so {
                write(model, transaction.writes);
            }
        }
    }
}

fn write(model: &mut BTreeMap<Bytes, Bytes>, writes: Writes) {
    for (key, new) in writes {
        match new {
            Some(new) => model.insert(key, new),
            None => model.remove(&key),
        };
    }
}

fn sum(old: Option<&Bytes>, delta: i64) -> Option<i64> {
    let Some(old) = old else {
        return Some(delta);
    };
    let number: i64 = std::str::from_utf8(old).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == old).then(|| number.checked_add(delta))?
}
