//! Many at once: nothing is lost, and nothing is done that could not have been done one by one.

use std::future::Future;

use bytes::Bytes;
use kv::{Commit, Namespace, Store, Transaction};
use tokio::task::JoinSet;

use crate::place::on_all_stores;

on_all_stores!(
    increments_are_exact,
    compare_and_set_loops_are_exact,
    repeated_transactions_are_exact,
    two_who_read_the_same_do_not_both_write,
    turns_are_taken_one_after_the_other,
);

const TASKS: usize = 16;
const ROUNDS: usize = 25;

/// Runs it for each of the tasks, all at once.
async fn all_at_once<F: Future<Output = ()> + Send + 'static>(
    space: &Namespace,
    work: impl Fn(Namespace) -> F,
) {
    let mut tasks: JoinSet<()> = (0..TASKS).map(|_| work(space.clone())).collect();
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
}

async fn count(space: &Namespace) -> usize {
    number(space.get(b"count").await.unwrap().as_ref())
}

fn number(value: Option<&Bytes>) -> usize {
    value.map_or(0, |value| {
        std::str::from_utf8(value).unwrap().parse().unwrap()
    })
}

async fn increments_are_exact(store: Store) {
    let space = store.namespace("n");
    all_at_once(&space, |space| async move {
        let mut last = 0;
        for _ in 0..ROUNDS {
            let sum = space.increment(b"count", 1).await.unwrap();
            assert!(sum > last);
            last = sum;
            // What is reported as done is seen.
            assert!(count(&space).await >= usize::try_from(sum).unwrap());
        }
    })
    .await;
    assert_eq!(count(&space).await, TASKS * ROUNDS);
}

async fn compare_and_set_loops_are_exact(store: Store) {
    let space = store.namespace("n");
    all_at_once(&space, |space| async move {
        for _ in 0..ROUNDS {
            loop {
                let old = space.get(b"count").await.unwrap();
                let new = Bytes::from((number(old.as_ref()) + 1).to_string());
                let set = space.compare_and_set(b"count", old.as_deref(), Some(new));
                if set.await.unwrap() {
                    break;
                }
            }
        }
    })
    .await;
    assert_eq!(count(&space).await, TASKS * ROUNDS);
}

async fn repeated_transactions_are_exact(store: Store) {
    let space = store.namespace("n");
    all_at_once(&space, |space| async move {
        for _ in 0..ROUNDS {
            if add_one(&space).await == Commit::Done {
                continue;
            }
            let _turn = space.exclusive().await;
            while add_one(&space).await == Commit::Conflict {}
        }
    })
    .await;
    assert_eq!(count(&space).await, TASKS * ROUNDS);
}

/// As a worker does that is given everything and returns everything.
async fn add_one(space: &Namespace) -> Commit {
    let snapshot = space.snapshot(1 << 20).await.unwrap();
    let new = number(snapshot.entries.get(&b"count"[..])) + 1;
    let transaction = Transaction {
        snapshot: Some(snapshot.version),
        writes: [(Bytes::from("count"), Some(Bytes::from(new.to_string())))].into(),
        ..Transaction::default()
    };
    space.commit(&transaction).await.unwrap()
}

/// Each takes the place if both are free: snapshot isolation alone would let both.
async fn two_who_read_the_same_do_not_both_write(store: Store) {
    for round in 0..20 {
        let space = store.namespace(&round.to_string());
        let (a, b) = (Bytes::from("a"), Bytes::from("b"));
        let take = async |mine: &Bytes| {
            let found = space.get_many(&[a.clone(), b.clone()]).await.unwrap();
            if found.iter().any(Option::is_some) {
                return Commit::Conflict;
            }
            let transaction = Transaction {
                reads: [(a.clone(), None), (b.clone(), None)].into(),
                writes: [(mine.clone(), Some(Bytes::new()))].into(),
                ..Transaction::default()
            };
            space.commit(&transaction).await.unwrap()
        };
        let (first, second) = tokio::join!(take(&a), take(&b));
        let done = [first, second]
            .iter()
            .filter(|commit| **commit == Commit::Done)
            .count();
        assert_eq!(done, 1);
        assert_eq!(space.list(b"", None, 9).await.unwrap().keys.len(), 1);
    }
}

async fn turns_are_taken_one_after_the_other(store: Store) {
    let turn = store.namespace("n").exclusive().await;
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    let mut waiting = Vec::new();
    for number in 0..3 {
        let (space, sender) = (store.namespace("n"), sender.clone());
        let mut next = Box::pin(async move {
            let _turn = space.exclusive().await;
            sender.send(number).unwrap();
        });
        // Polled once, so that it stands in the queue.
        tokio::select! {
            biased;
            () = &mut next => panic!("it was not its turn"),
            () = std::future::ready(()) => {}
        }
        waiting.push(next);
    }
    let _elsewhere = store.namespace("other").exclusive().await;
    assert!(order.try_recv().is_err());
    drop(turn);
    let tasks: JoinSet<()> = waiting.into_iter().rev().collect();
    tasks.join_all().await;
    for number in 0..3 {
        assert_eq!(order.recv().await, Some(number));
    }
}
