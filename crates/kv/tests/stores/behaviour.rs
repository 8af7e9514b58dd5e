//! What the documentation of the crate says of single operations.

use std::collections::BTreeMap;

use bytes::Bytes;
use kv::{
    ANSWER_BYTES_MAX, KEY_BYTES_MAX, KvError, Namespace, PAGE_KEYS_MAX, Store,
    TRANSACTION_BYTES_MAX, TRANSACTION_KEYS_MAX, Transaction, VALUE_BYTES_MAX,
};

use crate::place::on_all_stores;

on_all_stores!(
    any_bytes_come_back,
    namespaces_know_nothing_of_each_other,
    a_deleted_key_is_gone,
    several_keys_are_read_in_their_order,
    several_keys_are_written_at_once,
    what_is_too_large_is_refused,
    keys_are_listed_in_the_order_of_their_bytes,
    pages_follow_each_other_and_are_bounded,
    increments_count_on_canonical_numbers_only,
    compare_and_set_compares_bytes,
    bytes_of_a_snapshot_are_counted_exactly,
);

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

async fn any_bytes_come_back(store: Store) {
    let space = store.namespace("n");
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let longest = vec![0xff; KEY_BYTES_MAX];
    let keys: [&[u8]; 6] = [b"", b"\0", b"a\0b", b"\r\n", &all, &longest];
    let values = [
        Bytes::new(),
        Bytes::from_static(b"\0"),
        Bytes::from(all.clone()),
        Bytes::from(vec![0xfe; VALUE_BYTES_MAX]),
        bytes("12"),
    ];
    for key in keys {
        assert_eq!(space.get(key).await.unwrap(), None);
        for value in &values {
            space.set(key, value.clone()).await.unwrap();
            assert_eq!(space.get(key).await.unwrap().as_ref(), Some(value));
        }
    }
    let page = space.list(b"", None, 10).await.unwrap();
    let mut sorted = keys.to_vec();
    sorted.sort();
    assert_eq!(page.keys, sorted);
}

async fn namespaces_know_nothing_of_each_other(store: Store) {
    let names = ["", "a", "a:b", "{", "}", "{}", "%", "%7B", "é", "a\0b", "A"];
    for name in names {
        let value = Bytes::copy_from_slice(name.as_bytes());
        store.namespace(name).set(b"k", value).await.unwrap();
    }
    for name in names {
        let space = store.namespace(name);
        let value = space.get(b"k").await.unwrap().unwrap();
        assert_eq!(value, name.as_bytes());
        assert_eq!(space.list(b"", None, 10).await.unwrap().keys.len(), 1);
        assert_eq!(space.snapshot(10).await.unwrap().entries.len(), 1);
    }
}

async fn a_deleted_key_is_gone(store: Store) {
    let space = store.namespace("n");
    assert!(!space.delete(b"k").await.unwrap());
    space.set(b"k", Bytes::new()).await.unwrap();
    assert!(space.delete(b"k").await.unwrap());
    assert!(!space.delete(b"k").await.unwrap());
    assert_eq!(space.get(b"k").await.unwrap(), None);
    assert!(space.list(b"", None, 10).await.unwrap().keys.is_empty());
}

async fn several_keys_are_read_in_their_order(store: Store) {
    let space = store.namespace("n");
    space.set(b"a", bytes("1")).await.unwrap();
    space.set(b"b", Bytes::new()).await.unwrap();
    let keys = ["b", "x", "a", "b"].map(bytes);
    let found = space.get_many(&keys).await.unwrap();
    let want = [
        Some(Bytes::new()),
        None,
        Some(bytes("1")),
        Some(Bytes::new()),
    ];
    assert_eq!(found, want);
    let many: Vec<Bytes> = (0..200).map(|n| bytes(["a", "x"][n % 2])).collect();
    let found = space.get_many(&many).await.unwrap();
    assert_eq!(found.len(), 200);
    assert_eq!(found[198], Some(bytes("1")));
    assert_eq!(found[199], None);
    assert!(space.get_many(&[]).await.unwrap().is_empty());
}

async fn several_keys_are_written_at_once(store: Store) {
    let space = store.namespace("n");
    space.write_many(BTreeMap::new()).await.unwrap();
    space.set(b"old", bytes("1")).await.unwrap();
    space.set(b"kept", bytes("2")).await.unwrap();
    let writes = [
        (bytes("old"), None),
        (bytes("absent"), None),
        (bytes("new"), Some(bytes("3"))),
        (bytes(""), Some(Bytes::new())),
    ];
    space.write_many(writes.into()).await.unwrap();
    let snapshot = space.snapshot(100).await.unwrap();
    let want = [
        (bytes(""), Bytes::new()),
        (bytes("kept"), bytes("2")),
        (bytes("new"), bytes("3")),
    ];
    assert_eq!(snapshot.entries, want.into());
}

async fn what_is_too_large_is_refused(store: Store) {
    let space = store.namespace("n");
    keys_that_are_too_long(&space).await;
    values_that_are_too_long(&space).await;
    transactions_that_are_too_large(&space).await;
    let value = Bytes::from(vec![1; VALUE_BYTES_MAX]);
    space.set(b"k", value).await.unwrap();
    let most = ANSWER_BYTES_MAX / VALUE_BYTES_MAX;
    let found = space.get_many(&vec![bytes("k"); most]).await.unwrap();
    assert_eq!(found.len(), most);
    let error = space
        .get_many(&vec![bytes("k"); most + 1])
        .await
        .unwrap_err();
    assert!(matches!(error, KvError::AnswerTooLarge), "{error}");
    assert_eq!(space.list(b"", None, 10).await.unwrap().keys, [bytes("k")]);
}

async fn keys_that_are_too_long(space: &Namespace) {
    let key = Bytes::from(vec![1; KEY_BYTES_MAX + 1]);
    let one = || BTreeMap::from([(key.clone(), None)]);
    let reads = Transaction {
        reads: one(),
        ..Transaction::default()
    };
    let writes = Transaction {
        writes: one(),
        ..Transaction::default()
    };
    let failures = [
        space.get(&key).await.err(),
        space.get_many(std::slice::from_ref(&key)).await.err(),
        space.set(&key, Bytes::new()).await.err(),
        space.write_many(one()).await.err(),
        space.delete(&key).await.err(),
        space.increment(&key, 1).await.err(),
        space.compare_and_set(&key, None, None).await.err(),
        space.commit(&reads).await.err(),
        space.commit(&writes).await.err(),
    ];
    for failure in failures {
        assert!(matches!(failure, Some(KvError::KeyTooLong { bytes: 1025 })));
    }
    assert!(space.list(&key, None, 10).await.unwrap().keys.is_empty());
    assert!(
        space
            .list(b"", Some(&key), 10)
            .await
            .unwrap()
            .keys
            .is_empty()
    );
}

async fn values_that_are_too_long(space: &Namespace) {
    let value = Bytes::from(vec![1; VALUE_BYTES_MAX + 1]);
    let one = BTreeMap::from([(bytes("k"), Some(value.clone()))]);
    let writes = Transaction {
        writes: one.clone(),
        ..Transaction::default()
    };
    let failures = [
        space.set(b"k", value.clone()).await.err(),
        space.write_many(one).await.err(),
        space
            .compare_and_set(b"k", None, Some(value.clone()))
            .await
            .err(),
        space.commit(&writes).await.err(),
    ];
    for failure in failures {
        assert!(matches!(
            failure,
            Some(KvError::ValueTooLong { bytes: 1_048_577 })
        ));
    }
    let is_so = space.compare_and_set(b"k", Some(&value), None).await;
    assert!(!is_so.unwrap());
}

async fn transactions_that_are_too_large(space: &Namespace) {
    let value = Bytes::from(vec![1; VALUE_BYTES_MAX]);
    let count = TRANSACTION_BYTES_MAX / VALUE_BYTES_MAX;
    let large = |values: usize| -> BTreeMap<Bytes, Option<Bytes>> {
        (0..values)
            .map(|number| (bytes(&number.to_string()), Some(value.clone())))
            .collect()
    };
    let many: BTreeMap<Bytes, Option<Bytes>> = (0..=TRANSACTION_KEYS_MAX)
        .map(|number| (bytes(&number.to_string()), None))
        .collect();
    let in_sum = Transaction {
        reads: large(count / 2),
        writes: large(count / 2),
        ..Transaction::default()
    };
    let failures = [
        space.write_many(large(count)).await.err(),
        space.write_many(many).await.err(),
        space.commit(&in_sum).await.err(),
    ];
    for failure in failures {
        assert!(matches!(failure, Some(KvError::TransactionTooLarge { .. })));
    }
    space.write_many(large(count - 1)).await.unwrap();
    let none = large(count - 1)
        .into_keys()
        .map(|key| (key, None))
        .collect();
    space.write_many(none).await.unwrap();
}

async fn keys_are_listed_in_the_order_of_their_bytes(store: Store) {
    let space = store.namespace("n");
    let keys: [&[u8]; 9] = [
        b"",
        b"\0",
        b"A",
        b"a",
        b"a\0",
        b"aa",
        b"b",
        b"\xff",
        b"\xff\xff",
    ];
    for key in keys.iter().rev() {
        space.set(key, Bytes::new()).await.unwrap();
    }
    let check = async |prefix: &[u8], after: Option<&[u8]>, want: &[&[u8]]| {
        let page = space.list(prefix, after, 100).await.unwrap();
        assert_eq!(page.keys, want, "{prefix:?} {after:?}");
        assert_eq!(page.next, None);
    };
    check(b"", None, &keys).await;
    check(b"", Some(b""), &keys[1..]).await;
    check(b"a", None, &keys[3..6]).await;
    check(b"a", Some(b"a"), &keys[4..6]).await;
    check(b"a", Some(b"A"), &keys[3..6]).await;
    check(b"a", Some(b"b"), &[]).await;
    check(b"\xff", None, &keys[7..]).await;
    check(b"\xff", Some(b"\xff"), &keys[8..]).await;
    check(b"c", None, &[]).await;
}

async fn pages_follow_each_other_and_are_bounded(store: Store) {
    let space = store.namespace("n");
    let keys: Vec<Bytes> = (0..2 * PAGE_KEYS_MAX + 1)
        .map(|number| bytes(&format!("{number:05}")))
        .collect();
    let writes = keys.iter().map(|key| (key.clone(), Some(Bytes::new())));
    space.write_many(writes.collect()).await.unwrap();
    let empty = space.list(b"", None, 0).await.unwrap();
    assert!(empty.keys.is_empty() && empty.next.is_none());
    let (mut listed, mut after, mut sizes) = (Vec::new(), None, Vec::new());
    loop {
        let page = space.list(b"", after.as_deref(), usize::MAX).await.unwrap();
        sizes.push(page.keys.len());
        listed.extend(page.keys);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, keys);
    assert_eq!(sizes, [PAGE_KEYS_MAX, PAGE_KEYS_MAX, 1]);
    let page = space.list(b"0200", None, 1).await.unwrap();
    assert_eq!(page.next, None, "{page:?}");
}

async fn increments_count_on_canonical_numbers_only(store: Store) {
    let space = store.namespace("n");
    assert_eq!(space.increment(b"k", 5).await.unwrap(), 5);
    assert_eq!(space.increment(b"k", -7).await.unwrap(), -2);
    assert_eq!(space.get(b"k").await.unwrap(), Some(bytes("-2")));
    // Beyond what a floating-point number holds exactly.
    space.set(b"k", bytes("9007199254740993")).await.unwrap();
    assert_eq!(
        space.increment(b"k", 1).await.unwrap(),
        9_007_199_254_740_994
    );
    let refused = async |value: &str, delta: i64| {
        space.set(b"k", bytes(value)).await.unwrap();
        let error = space.increment(b"k", delta).await.unwrap_err();
        assert!(
            matches!(error, KvError::NotANumber { .. }),
            "{value:?}: {error}"
        );
        assert_eq!(space.get(b"k").await.unwrap(), Some(bytes(value)));
    };
    refused("9223372036854775807", 1).await;
    refused("-9223372036854775808", -1).await;
    for value in [
        "",
        "x",
        "1.5",
        "+1",
        "01",
        "-0",
        " 1",
        "1 ",
        "9223372036854775808",
    ] {
        refused(value, 1).await;
    }
    space.set(b"k", bytes("9223372036854775806")).await.unwrap();
    assert_eq!(space.increment(b"k", 1).await.unwrap(), i64::MAX);
    assert_eq!(space.increment(b"m", i64::MIN).await.unwrap(), i64::MIN);
    assert_eq!(space.increment(b"m", 0).await.unwrap(), i64::MIN);
    let keys = space.list(b"", None, 10).await.unwrap().keys;
    assert_eq!(keys, ["k", "m"].map(bytes));
}

async fn compare_and_set_compares_bytes(store: Store) {
    let space = store.namespace("n");
    let check = async |expected: Option<&[u8]>, new: Option<&str>, want: bool| {
        let done = space.compare_and_set(b"k", expected, new.map(bytes)).await;
        assert_eq!(done.unwrap(), want, "{expected:?} {new:?}");
    };
    check(Some(b""), Some("x"), false).await;
    check(None, None, true).await;
    check(None, Some(""), true).await;
    check(None, Some("x"), false).await;
    check(Some(b""), Some("a\0b"), true).await;
    check(Some(b"a\0c"), None, false).await;
    assert_eq!(space.get(b"k").await.unwrap(), Some(bytes("a\0b")));
    check(Some(b"a\0b"), None, true).await;
    assert_eq!(space.get(b"k").await.unwrap(), None);
}

async fn bytes_of_a_snapshot_are_counted_exactly(store: Store) {
    let space = store.namespace("n");
    let check = async |want: u64| {
        let snapshot = space.snapshot(want).await.unwrap();
        let found: usize = snapshot
            .entries
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        assert_eq!(found as u64, want);
        if want > 0 {
            let error = space.snapshot(want - 1).await.unwrap_err();
            assert!(matches!(error, KvError::SnapshotTooLarge { limit } if limit == want - 1));
        }
    };
    check(0).await;
    space.set(b"abc", bytes("1234")).await.unwrap();
    check(7).await;
    space.set(b"abc", bytes("99")).await.unwrap();
    check(5).await;
    space.increment(b"abc", 1).await.unwrap();
    check(6).await;
    space.increment(b"n", -10).await.unwrap();
    check(10).await;
    space
        .compare_and_set(b"abc", Some(b"100"), Some(Bytes::new()))
        .await
        .unwrap();
    check(7).await;
    space.set(b"abc", Bytes::from(vec![7; 5000])).await.unwrap();
    check(5007).await;
    space.delete(b"n").await.unwrap();
    space.delete(b"n").await.unwrap();
    check(5003).await;
    let writes = [(bytes("abc"), None), (bytes("z"), Some(bytes("1")))];
    space.write_many(writes.into()).await.unwrap();
    check(2).await;
    space.delete(b"z").await.unwrap();
    check(0).await;
}
