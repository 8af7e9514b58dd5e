//! What the documentation of the crate says of transactions.

use std::collections::BTreeMap;

use bytes::Bytes;
use kv::{Commit, Namespace, Store, Transaction};

use crate::place::on_all_stores;

on_all_stores!(
    a_transaction_that_has_read_nothing_commits,
    any_change_conflicts_with_a_snapshot,
    reads_are_compared_by_value,
    a_conflict_writes_nothing,
    a_version_grows_even_when_all_is_deleted,
    a_refused_change_is_no_change,
);

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn map(entries: &[(&str, Option<&str>)]) -> BTreeMap<Bytes, Option<Bytes>> {
    entries
        .iter()
        .map(|(key, value)| (bytes(key), value.map(bytes)))
        .collect()
}

async fn version(space: &Namespace) -> u64 {
    space.snapshot(u64::MAX).await.unwrap().version
}

async fn a_transaction_that_has_read_nothing_commits(store: Store) {
    let space = store.namespace("n");
    space.set(b"a", bytes("1")).await.unwrap();
    let transaction = Transaction {
        writes: map(&[("a", None), ("b", Some("2"))]),
        ..Transaction::default()
    };
    for _ in 0..2 {
        assert_eq!(space.commit(&transaction).await.unwrap(), Commit::Done);
    }
    assert_eq!(space.get(b"a").await.unwrap(), None);
    assert_eq!(space.get(b"b").await.unwrap(), Some(bytes("2")));
    let nothing = space.commit(&Transaction::default()).await.unwrap();
    assert_eq!(nothing, Commit::Done);
}

async fn any_change_conflicts_with_a_snapshot(store: Store) {
    let space = store.namespace("n");
    let attempt = async |snapshot: u64| {
        let transaction = Transaction {
            snapshot: Some(snapshot),
            writes: map(&[("mine", Some("1"))]),
            ..Transaction::default()
        };
        space.commit(&transaction).await.unwrap()
    };
    assert_eq!(attempt(version(&space).await).await, Commit::Done);
    let before = version(&space).await;
    space.set(b"x", bytes("1")).await.unwrap();
    assert_eq!(attempt(before).await, Commit::Conflict);
    let before = version(&space).await;
    space.increment(b"x", 1).await.unwrap();
    assert_eq!(attempt(before).await, Commit::Conflict);
    // Back to what it was: a snapshot is a moment, not a content.
    let before = version(&space).await;
    space.delete(b"x").await.unwrap();
    space.set(b"x", bytes("2")).await.unwrap();
    assert_eq!(attempt(before).await, Commit::Conflict);
    store
        .namespace("other")
        .set(b"x", bytes("1"))
        .await
        .unwrap();
    assert_eq!(attempt(version(&space).await).await, Commit::Done);
}

async fn reads_are_compared_by_value(store: Store) {
    let space = store.namespace("n");
    space.set(b"a", bytes("1")).await.unwrap();
    let transaction = Transaction {
        reads: map(&[("a", Some("1")), ("absent", None)]),
        writes: map(&[("result", Some("x"))]),
        ..Transaction::default()
    };
    space.set(b"elsewhere", bytes("1")).await.unwrap();
    space.set(b"a", bytes("2")).await.unwrap();
    assert_eq!(space.commit(&transaction).await.unwrap(), Commit::Conflict);
    space.set(b"a", bytes("1")).await.unwrap();
    assert_eq!(space.commit(&transaction).await.unwrap(), Commit::Done);
    space.set(b"absent", Bytes::new()).await.unwrap();
    assert_eq!(space.commit(&transaction).await.unwrap(), Commit::Conflict);
    space.delete(b"absent").await.unwrap();
    space.delete(b"a").await.unwrap();
    assert_eq!(space.commit(&transaction).await.unwrap(), Commit::Conflict);
}

async fn a_conflict_writes_nothing(store: Store) {
    let space = store.namespace("n");
    space.set(b"a", bytes("1")).await.unwrap();
    let transaction = Transaction {
        snapshot: Some(version(&space).await),
        reads: map(&[("a", Some("other"))]),
        writes: map(&[("a", None), ("b", Some("1"))]),
    };
    assert_eq!(space.commit(&transaction).await.unwrap(), Commit::Conflict);
    let snapshot = space.snapshot(100).await.unwrap();
    assert_eq!(snapshot.entries, [(bytes("a"), bytes("1"))].into());
}

async fn a_version_grows_even_when_all_is_deleted(store: Store) {
    let space = store.namespace("n");
    let mut last = version(&space).await;
    for number in 0..5 {
        space.increment(b"k", number).await.unwrap();
        let set = version(&space).await;
        space.delete(b"k").await.unwrap();
        let deleted = version(&space).await;
        assert!(last < set && set < deleted, "{last} {set} {deleted}");
        last = deleted;
    }
}

async fn a_refused_change_is_no_change(store: Store) {
    let space = store.namespace("n");
    space.set(b"k", bytes("x")).await.unwrap();
    let before = space.snapshot(10).await.unwrap();
    space.increment(b"k", 1).await.unwrap_err();
    assert!(
        !space
            .compare_and_set(b"k", None, Some(bytes("y")))
            .await
            .unwrap()
    );
    let after = space.snapshot(10).await.unwrap();
    assert_eq!(after.entries, before.entries);
    let transaction = Transaction {
        snapshot: Some(before.version),
        ..Transaction::default()
    };
    assert_eq!(space.commit(&transaction).await.unwrap(), Commit::Done);
}
