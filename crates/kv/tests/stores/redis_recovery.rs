//! A Redis server that goes away, and comes back.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kv::{Commit, KvError, Location, Namespace, OpenError, OpenOptions, Store, Transaction};

use crate::server::{Server, free_port};

/// Asks again until the store answers, as the next requests of a site would.
async fn until_available(space: &Namespace) {
    let begin = Instant::now();
    while let Err(error) = space.get(b"k").await {
        assert!(matches!(error, KvError::Unavailable { .. }), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every operation fails at once, and surely is not done.
async fn assert_fails_fast(space: &Namespace) {
    let begin = Instant::now();
    for _ in 0..20 {
        let error = space.increment(b"k", 1).await.unwrap_err();
        assert!(
            matches!(
                error,
                KvError::Unavailable {
                    maybe_done: false,
                    ..
                }
            ),
            "{error:?}"
        );
    }
    assert!(
        begin.elapsed() < Duration::from_millis(500),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_is_missed_and_found_again() {
    let Some(mut server) = Server::start(&[]) else {
        return;
    };
    let space = Store::open(&server.location("redis"))
        .await
        .unwrap()
        .namespace("n");
    for _ in 0..3 {
        space.increment(b"k", 1).await.unwrap();
        let busy = tokio::spawn(increments_until_failure(space.clone()));
        server.kill();
        let error = busy.await.unwrap();
        assert!(matches!(error, KvError::Unavailable { .. }), "{error}");
        assert_fails_fast(&space).await;
        server.start_again();
        until_available(&space).await;
    }
}

async fn increments_until_failure(space: Namespace) -> KvError {
    loop {
        if let Err(error) = space.increment(b"busy", 1).await {
            return error;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_waited_for_once_and_nothing_is_sent_twice() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let space = Store::open(&server.location("redis"))
        .await
        .unwrap()
        .namespace("n");
    space.increment(b"k", 1).await.unwrap();
    server.hang();
    let begin = Instant::now();
    let error = space.increment(b"k", 1).await.unwrap_err();
    assert!(
        matches!(
            error,
            KvError::Unavailable {
                maybe_done: true,
                ..
            }
        ),
        "{error:?}"
    );
    let waited = begin.elapsed();
    assert!((1..4).contains(&waited.as_secs()), "{waited:?}");
    assert_fails_fast(&space).await;
    server.go_on();
    until_available(&space).await;
    let sum = space.increment(b"k", 1).await.unwrap();
    assert!(sum == 2 || sum == 3, "{sum}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_may_come_later() {
    let port = free_port();
    let location = Location::parse(&format!("redis://127.0.0.1:{port}")).unwrap();
    let (store, failure) = Store::open_optional(&location, OpenOptions::default())
        .await
        .unwrap();
    let failure = failure.unwrap();
    assert!(
        matches!(failure, OpenError::Unreachable { .. }),
        "{failure}"
    );
    let space = store.namespace("n");
    assert_fails_fast(&space).await;
    let port = port.to_string();
    let Some(_server) = Server::start(&["--port", &port]) else {
        return;
    };
    until_available(&space).await;
    space.set(b"k", Bytes::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_scripts_are_sent_again_and_lost_data_is_a_conflict() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let space = Store::open(&server.location("redis"))
        .await
        .unwrap()
        .namespace("n");
    space.set(b"k", Bytes::new()).await.unwrap();
    let snapshot = space.snapshot(100).await.unwrap();
    assert_eq!(server.tell("SCRIPT FLUSH"), "+OK");
    assert_eq!(server.tell("FLUSHALL"), "+OK");
    space.set(b"k", Bytes::new()).await.unwrap();
    assert!(space.snapshot(100).await.unwrap().version > snapshot.version);
    let transaction = Transaction {
        snapshot: Some(snapshot.version),
        ..Transaction::default()
    };
    assert_eq!(space.commit(&transaction).await.unwrap(), Commit::Conflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_out_of_memory_refuses_all_of_a_write() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let space = Store::open(&server.location("redis"))
        .await
        .unwrap()
        .namespace("n");
    space.increment(b"k", 1).await.unwrap();
    let before = space.snapshot(1000).await.unwrap();
    assert_eq!(server.tell("CONFIG SET maxmemory 1"), "+OK");
    let writes = ["a", "b"].map(|key| (Bytes::from(key), Some(Bytes::from("x"))));
    let failures = [
        space.write_many(writes.into()).await.unwrap_err(),
        space.increment(b"k", 1).await.unwrap_err(),
    ];
    for error in failures {
        assert!(
            matches!(&error, KvError::Refused { reason } if reason.contains("memory")),
            "{error}"
        );
    }
    let after = space.snapshot(1000).await.unwrap();
    assert_eq!(
        (after.entries, after.version),
        (before.entries, before.version)
    );
    assert_eq!(server.tell("CONFIG SET maxmemory 0"), "+OK");
    assert_eq!(space.increment(b"k", 1).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_processes_share_a_server() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let space = Store::open(&server.location("redis"))
            .await
            .unwrap()
            .namespace("n");
        tasks.spawn(async move {
            for _ in 0..100 {
                space.increment(b"k", 1).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let space = Store::open(&server.location("redis"))
        .await
        .unwrap()
        .namespace("n");
    assert_eq!(space.get(b"k").await.unwrap(), Some(Bytes::from("400")));
}
