//! What only a file has to stand: crashes, damage, other files, other processes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use kv::{Location, OpenError, Store};
use redb::{Database, ReadableDatabase, TableDefinition};

/// Says to the test below that it is the child that writes.
const CRASH_FILE: &str = "KV_CRASH_FILE";
const CRASH_ROUND: &str = "KV_CRASH_ROUND";
const CRASHES: usize = 50;
const WRITERS: usize = 8;

async fn open(path: &Path) -> Result<Store, OpenError> {
    Store::open(&Location::File(path.to_owned())).await
}

fn new_file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kv");
    (folder, path)
}

#[tokio::test]
async fn entries_outlive_the_store_and_only_its_owner_may_read_them() {
    let (_folder, path) = new_file();
    let store = open(&path).await.unwrap();
    store.namespace("n").increment(b"k", 7).await.unwrap();
    let version = store.namespace("n").snapshot(10).await.unwrap().version;
    drop(store);
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let space = open(&path).await.unwrap().namespace("n");
    assert_eq!(space.increment(b"k", 1).await.unwrap(), 8);
    assert!(space.snapshot(10).await.unwrap().version > version);
}

#[tokio::test]
async fn a_file_in_use_is_refused_and_free_again_later() {
    let (_folder, path) = new_file();
    let store = open(&path).await.unwrap();
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("--kv redis://"), "{error}");
    let space = store.namespace("n");
    drop(store);
    space.set(b"k", Bytes::new()).await.unwrap();
    drop(space);
    open(&path).await.unwrap();
}

#[tokio::test]
async fn what_is_no_store_is_refused_and_left_alone() {
    let (folder, path) = new_file();
    for content in [
        "x",
        "a text that is longer than any magic number\n",
        "redb",
        "SQLite format 3\0",
    ] {
        std::fs::write(&path, content).unwrap();
        let error = open(&path).await.err().unwrap();
        assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("is not a key-value store of wws")
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    std::fs::remove_file(&path).unwrap();
    let foreign: TableDefinition<'_, u64, u64> = TableDefinition::new("entries");
    write_table(&path, foreign, 1, 1);
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
    let error = open(folder.path()).await.err().unwrap();
    assert!(matches!(error, OpenError::NotAFile { .. }), "{error}");
    let error = open(&folder.path().join("none/kv")).await.err().unwrap();
    assert!(matches!(error, OpenError::NoFolder { .. }), "{error}");
}

#[tokio::test]
async fn a_store_of_another_version_is_refused() {
    #[track_caller]
    fn check(error: &OpenError, version: u64) {
        let is_told = matches!(error, OpenError::OtherVersion { found, .. } if *found == version);
        assert!(is_told, "{error}");
        let want = format!("of format {version}; this program reads format 2");
        assert!(error.to_string().contains(&want), "{error}");
    }
    let (_folder, path) = new_file();
    drop(open(&path).await.unwrap());
    let of_now: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("wws-kv");
    write_table(&path, of_now, b"format", &9u64.to_be_bytes());
    check(&open(&path).await.err().unwrap(), 9);
    // Format 1 had tables of other types.
    std::fs::remove_file(&path).unwrap();
    let of_format_1: TableDefinition<'_, &str, u64> = TableDefinition::new("wws-kv");
    write_table(&path, of_format_1, "format", 1);
    let entries: TableDefinition<'_, (&str, &[u8]), &[u8]> = TableDefinition::new("entries");
    write_table(&path, entries, ("n", &b"k"[..]), b"v");
    let content = std::fs::read(&path).unwrap();
    check(&open(&path).await.err().unwrap(), 1);
    assert_eq!(std::fs::read(&path).unwrap().len(), content.len());
    open_with_format_1(&path);
}

/// What was refused is as good as before.
fn open_with_format_1(path: &Path) {
    let entries: TableDefinition<'_, (&str, &[u8]), &[u8]> = TableDefinition::new("entries");
    let database = Database::open(path).unwrap();
    let reading = database.begin_read().unwrap();
    let table = reading.open_table(entries).unwrap();
    let value = table.get(("n", &b"k"[..])).unwrap().unwrap();
    assert_eq!(value.value(), b"v");
}

#[tokio::test]
async fn a_table_of_somebody_else_is_no_store_whatever_its_name() {
    let (_folder, path) = new_file();
    let foreign: TableDefinition<'_, u64, u64> = TableDefinition::new("wws-kv");
    write_table(&path, foreign, 1, 1);
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
    std::fs::remove_file(&path).unwrap();
    let short: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("wws-kv");
    write_table(&path, short, b"format", b"2");
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::NotAStore { .. }), "{error}");
}

fn write_table<K: redb::Key + 'static, V: redb::Value + 'static>(
    path: &Path,
    table: TableDefinition<'_, K, V>,
    key: K::SelfType<'_>,
    value: V::SelfType<'_>,
) {
    let database = Database::create(path).unwrap();
    let writing = database.begin_write().unwrap();
    writing
        .open_table(table)
        .unwrap()
        .insert(key, value)
        .unwrap();
    writing.commit().unwrap();
}

#[tokio::test]
async fn a_file_that_may_not_be_read_is_refused() {
    let (_folder, path) = new_file();
    drop(open(&path).await.unwrap());
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        println!("skipped: this user may read every file");
        return;
    }
    let error = open(&path).await.err().unwrap();
    assert!(matches!(error, OpenError::NoPermission { .. }), "{error}");
}

#[tokio::test]
async fn a_creation_that_a_crash_cut_off_begins_anew() {
    let (_folder, path) = new_file();
    drop(open(&path).await.unwrap());
    let mut content = std::fs::read(&path).unwrap();
    content[..9].fill(0);
    std::fs::write(&path, &content).unwrap();
    let space = open(&path).await.unwrap().namespace("n");
    space.set(b"k", Bytes::new()).await.unwrap();
    drop(space);
    std::fs::write(&path, vec![0; 4096]).unwrap();
    open(&path).await.unwrap();
}

/// Closed well, or as a crash leaves it.
#[tokio::test]
async fn a_file_cut_short_anywhere_gives_a_reason_or_an_older_state() {
    let (folder, path) = new_file();
    let store = open(&path).await.unwrap();
    let space = store.namespace("n");
    for number in 0..100u32 {
        let value = Bytes::from(vec![1; 20_000]);
        space.set(&number.to_be_bytes(), value).await.unwrap();
    }
    let crashed = std::fs::read(&path).unwrap();
    drop((space, store));
    let closed = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut");
    let mut refused = 0;
    for content in [&crashed, &closed] {
        let lengths = (0..20).chain((1..40).map(|part| content.len() * part / 40));
        for length in lengths.chain([content.len() - 1]) {
            std::fs::write(&cut, &content[..length]).unwrap();
            match open(&cut).await {
                Ok(store) => check_prefix(&store).await,
                Err(OpenError::Damaged { .. } | OpenError::NotAStore { .. }) => refused += 1,
                Err(error) => panic!("{length}: {error}"),
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

/// What was written first is there, without gaps.
async fn check_prefix(store: &Store) {
    let snapshot = store.namespace("n").snapshot(u64::MAX).await.unwrap();
    for (number, key) in (0..).zip(snapshot.entries.keys()) {
        assert_eq!(key[..], u32::to_be_bytes(number));
    }
}

#[tokio::test]
async fn damage_never_ends_the_program() {
    let (folder, path) = new_file();
    let space = open(&path).await.unwrap().namespace("n");
    for number in 0..200u32 {
        let value = Bytes::from(vec![1; 2_000]);
        space.set(&number.to_be_bytes(), value).await.unwrap();
    }
    drop(space);
    let content = std::fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged");
    for at in (0..60).map(|part| content.len() * part / 60 + 7 * part) {
        let mut content = content.clone();
        content[at] ^= 0x55;
        std::fs::write(&damaged, &content).unwrap();
        match open(&damaged).await {
            Ok(store) => check_prefix(&store).await,
            Err(error) => drop(error.to_string()),
        }
    }
}

/// Every write is of two keys, which are both there or both not.
#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let (_folder, path) = new_file();
    let mut acknowledged = Vec::new();
    for round in 0..CRASHES {
        acknowledged.extend(write_until_killed(&path, round));
        let space = open(&path).await.unwrap().namespace("crash");
        let entries = space.snapshot(u64::MAX).await.unwrap().entries;
        for key in &acknowledged {
            assert!(
                entries.contains_key(&Bytes::from(format!("{key}/a"))),
                "{key} is lost"
            );
        }
        assert_pairs(&entries);
    }
    assert!(acknowledged.len() > CRASHES * WRITERS);
}

fn assert_pairs(entries: &BTreeMap<Bytes, Bytes>) {
    let with = |end: &str| -> Vec<&[u8]> {
        entries
            .keys()
            .filter_map(|key| key.strip_suffix(end.as_bytes()))
            .collect()
    };
    assert_eq!(with("/a"), with("/b"));
}

/// What a child process has said to be done before it was killed.
fn write_until_killed(path: &Path, round: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "file::child_that_is_killed", "--nocapture"])
        .env(CRASH_FILE, path)
        .env(CRASH_ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut done = Vec::new();
    for line in lines {
        // The test harness may have written the beginning of the line.
        if let Some((_, key)) = line.unwrap().split_once("done:") {
            done.push(key.to_owned());
        }
        // What is in the pipe after the kill was said as well.
        if done.len() == 10 + round % 17 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    done
}

/// Not a test by itself: writes until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_is_killed() {
    let Some(path) = std::env::var_os(CRASH_FILE) else {
        return;
    };
    let round = std::env::var(CRASH_ROUND).unwrap();
    let store = open(Path::new(&path)).await.unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let (space, round) = (store.namespace("crash"), round.clone());
        tokio::spawn(async move {
            for number in 0..100_000 {
                let key = format!("{round}-{writer}-{number}");
                let value = Some(Bytes::from(vec![7; 100 * (number % 9)]));
                let writes =
                    ["a", "b"].map(|end| (Bytes::from(format!("{key}/{end}")), value.clone()));
                space.write_many(writes.into()).await.unwrap();
                println!("done:{key}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}
